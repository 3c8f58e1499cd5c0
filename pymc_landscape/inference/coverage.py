"""`coverage_study`: how often intervals of simulated data hold the value that was simulated.

Data are simulated from the fit, as in the parametric bootstrap, and intervals are made of each set by any method; the
share that holds the true value is a binomial proportion (Burton and others 2006, *Statistics in Medicine* 25,
4279-4292). A set without an interval is a miss: shares over other sets for each method would not compare. Highest-
density intervals need a posterior of each set: `Sampler` compiles the model once for all of them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pymc as pm
import xarray as xr
from pymc.backends.ndarray import NDArray
from pymc.model.fgraph import clone_model
from pymc.model.transform.optimization import freeze_model

from pymc_landscape._typing import Array, ModelLike, RandomSeed, VarNames
from pymc_landscape.arguments import check_run_options, checked_choices, checked_count, checked_level, checked_mapping
from pymc_landscape.inference.intervals import interval_limits
from pymc_landscape.inference.profile import Quantity, ReferenceFit, StackedEndpoints, find_quantities
from pymc_landscape.inference.resampling import (
    by_label,
    fit_to_simulate,
    in_own_copy,
    natural_point,
    repeat,
    seeds,
    start_inside,
)
from pymc_landscape.objective import Objective
from pymc_landscape.objective.observations import Data, Simulator, StackedData, data_set, digests, observed_data
from pymc_landscape.optimize import Fit, Status, fit_mle
from pymc_landscape.optimize.stacks import StackedSearches
from pymc_landscape.results import array_dataset, provenance_attributes
from pymc_landscape.results.cluster import ClientLike, checked_client

Covering = Literal["wald", "profile", "bootstrap", "hdi"]
METHODS = ("wald", "profile", "bootstrap", "hdi")
# Limits by method, quantity and bound (lower, upper); NaN where there are none.
Limits = Array
# Fits that still have intervals: with the others every method misses.
WITH_INTERVALS = (Status.CONVERGED, Status.AT_BOUND, Status.NOT_IDENTIFIED)


def coverage_study(
    fit: Fit | ModelLike | Objective | None = None,
    var_names: VarNames | None = None,
    *,
    draws: int = 200,
    level: float = 0.95,
    method: Covering | Sequence[Covering] = ("wald", "profile"),
    bootstrap_draws: int = 999,
    sampler: Mapping[str, Any] | None = None,
    random_seed: RandomSeed | None = None,
    client: ClientLike = None,
    progressbar: bool = True,
) -> xr.Dataset:
    """Simulate data from a fit, make intervals from each set, and count how many hold the value that was simulated.

    A 95 % interval holds it in 95 % of all data sets, if its theory applies to so few; this tells.

    Parameters
    ----------
    fit : Fit, pm.Model or Objective, optional
        A maximum likelihood fit that claims an optimum; a model (left out, of the ``with`` block) is fitted first.
    var_names : str, sequence of str, or mapping, optional
        As in `confidence_intervals`.
    draws : int
        How many data sets.
    level : float
        Confidence level, and probability of the HDI.
    method : {"wald", "profile", "bootstrap", "hdi"}, or several
        The first three as in `confidence_intervals`. ``"hdi"`` is the highest-density interval of the posterior, which
        is sampled for each data set; its prior may pull it off the value that was simulated.
    bootstrap_draws : int
        Refits of the bootstrap, to each of the `draws`.
    sampler : mapping, optional
        Arguments of ``pm.sample`` for ``"hdi"``, such as ``{"draws": 500, "tune": 500, "chains": 1}``. Few draws make
        an HDI a little too narrow.
    random_seed : int or Generator, optional
        As in PyMC.
    client : distributed.Client or "current", optional
        As in `parametric_bootstrap`.
    progressbar : bool
        Whether to show progress, once there is something to wait for.

    Returns
    -------
    Dataset
        Dims ``interval_method``, ``parameter``: ``coverage`` (share of all data sets whose interval holds the value),
        ``coverage_se`` (its Monte Carlo error), ``no_interval`` (share of the data sets without an interval, each a
        miss), ``width`` (mean of the finite intervals), ``width_common`` (mean over the data sets in which every method
        has a finite interval; NaN without any), ``n_open`` (intervals without a finite end on some side) and
        ``n_failed`` (data sets without an interval). The attribute ``draws`` is the number of data sets that were
        finished.

    Raises
    ------
    ValueError
        If the fit claims no optimum or its data cannot be simulated, or ``"hdi"`` comes without a `sampler`.

    Notes
    -----
    All methods are judged on the same data sets, and one without an interval is a miss: Wald's has none where all or
    none succeed. ``coverage / (1 - no_interval)`` is the share among intervals that exist, which differ from method to
    method. The Monte Carlo error is √(c (1 − c) / draws); where c is 0 or 1 it is 0, and c is known to within
    3 / draws only.

    Examples
    --------
    >>> import pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     p = pm.Beta("p", 1, 1)
    ...     y = pm.Binomial("y", n=10, p=p, observed=7)
    >>> study = pml.coverage_study(pml.fit_mle(model), draws=500, random_seed=1)
    >>> bool(study["coverage"][1] > study["coverage"][0])
    True
    """
    methods, level = checked_choices("method", method, METHODS), checked_level("level", level)
    draws, bootstrap_draws = checked_count("draws", draws), checked_count("bootstrap_draws", bootstrap_draws)
    check_run_options(random_seed, progressbar)
    _refuse_sampler_without_hdi(methods, sampler)
    cluster, found = checked_client(client), list[Quantity]()  # before anything is fitted
    fit = fit_to_simulate(fit, "coverage_study", progressbar, lambda o: found.extend(find_quantities(o, var_names)))
    study = _Study(fit, found, level, methods, bootstrap_draws, sampler)
    limits, stopped = repeat(
        study,
        seeds(random_seed, draws),
        "Simulating coverage",
        progressbar,
        at_once=StackedData.most_sets(fit.objective),
        client=cluster,
    )
    return _dataset(study, np.stack(limits), stopped is not None)


def _refuse_sampler_without_hdi(methods: Sequence[str], sampler: Mapping[str, Any] | None) -> None:
    if sampler is not None:
        checked_mapping("sampler", sampler, example="{'draws': 500, 'tune': 500, 'chains': 1}")
    if ("hdi" in methods) != (sampler is not None):
        raise ValueError(
            "Expected the method 'hdi' together with arguments of pm.sample, got one without the other: "
            "method=['profile', 'hdi'], sampler={'draws': 500, 'tune': 500, 'chains': 1}."
        )


class _Study:
    """The limits of one simulated data set a seed."""

    def __init__(
        self,
        fit: Fit,
        quantities: Sequence[Quantity],
        level: float,
        methods: list[str],
        bootstrap_draws: int,
        sampler: Mapping[str, Any] | None,
    ):
        self.fit, self.level, self.methods, self.bootstrap_draws = fit, level, methods, bootstrap_draws
        self.quantities = quantities
        self.truth = np.array([ReferenceFit(fit).estimate_of(quantity).natural for quantity in self.quantities])
        self.fit_methods = [method for method in methods if method != "hdi"]
        self.simulator, self.point, self.start = Simulator(fit.objective), natural_point(fit), start_inside(fit)
        self.sample = Sampler(fit.objective, sampler) if sampler is not None else None
        self._known: dict[bytes | None, Limits] = {}

    def __call__(self, seeds: Sequence[int]) -> Iterator[Limits]:
        """Yield the limits (method, quantity, bound)."""
        data = self.simulator.several(self.point, seeds)
        # the bootstrap draws anew from the same data
        keys = [None] * len(seeds) if "bootstrap" in self.fit_methods else digests(data)
        found = self._at_once(data, keys)
        for i, (seed, key) in enumerate(zip(seeds, keys, strict=True)):
            twin = self.fit.objective.with_data(**data_set(data, i)) if self.sample or i not in found else None
            if i not in found and twin is not None:
                found[i] = self._known[key] if key in self._known else self._by_fit(twin, seed)
            if key is not None:
                self._known[key] = found[i]
            limits = dict(zip(self.fit_methods, found[i], strict=True))
            if self.sample is not None and twin is not None:
                limits["hdi"] = self._hdi(self.sample(twin, seed))
            yield np.stack([limits[method] for method in self.methods])

    def _at_once(self, data: Data, keys: Sequence[bytes | None]) -> dict[int, Limits]:
        """Return the limits that are known, or found for all data sets at once, by the place of the data set."""
        known = {i: self._known[key] for i, key in enumerate(keys) if key is not None and key in self._known}
        alone = not self.fit_methods or self.fit.objective.penalty is not None
        if alone or not StackedEndpoints.can_stack(self.quantities, self.fit_methods):
            return known
        first = {key or i: i for i, key in reversed(list(enumerate(keys))) if i not in known}
        new = sorted(first.values())
        if not new:
            return known
        chosen = {name: values[new] for name, values in data.items()}
        searches = StackedSearches(self.fit.objective, chosen, self.start, "a start of the user's")
        limits, certain = StackedEndpoints(searches, self.quantities, self.level).limits(self.fit_methods)
        vectors = self.fit.objective.layout().join(searches.natural_points())
        own = [bool((in_own_copy(self.fit, vector) == vector).all()) for vector in vectors]
        found = {i: limits[j] for j, i in enumerate(new) if certain[j] and own[j]}
        places = {i: first[key or i] for i, key in enumerate(keys) if i not in known}
        return known | {i: found[place] for i, place in places.items() if place in found}

    def _by_fit(self, twin: Objective, seed: int) -> Limits:
        """Fit the simulated data, and return the limits of all methods that start from a fit."""
        if not self.fit_methods:
            return np.empty((0, len(self.quantities), 2))
        fit = fit_mle(twin, starts=self.start[None], progressbar=False)
        if fit.status not in WITH_INTERVALS:
            return np.full((len(self.fit_methods), len(self.quantities), 2), np.nan)
        fit = self._in_own_copy(fit)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a lower optimum takes the estimate's place, as for a user
            return interval_limits(fit, self.quantities, self.level, self.fit_methods, self.bootstrap_draws, seed)

    def _in_own_copy(self, fit: Fit) -> Fit:
        """Fit again from the copy of the optimum that the true values are in, where a refit ended in another one."""
        layout = fit.objective.layout()
        here = layout.join(natural_point(fit))
        mine = in_own_copy(self.fit, here)
        if (mine == here).all():
            return fit
        again = fit_mle(fit.objective, starts=[layout.split(mine)], progressbar=False)
        return again if again.status in WITH_INTERVALS else fit

    def _hdi(self, posterior: xr.Dataset) -> Limits:
        from arviz_stats.base import array_stats  # type: ignore[attr-defined]

        draws = by_label(self.fit, posterior)
        weights = [quantity.weights for quantity in self.quantities]
        return np.stack([array_stats.hdi(draws @ w, self.level) for w in weights])  # type: ignore[no-untyped-call]


def _dataset(study: _Study, limits: Limits, interrupted: bool) -> xr.Dataset:
    low, high = limits[..., 0], limits[..., 1]
    known, value = ~np.isnan(limits).any(axis=-1), study.truth
    slack = 1e-9 * np.maximum(np.abs(value), 1e-300)  # a limit at a bound of the support is there to rounding
    holds = known & (low <= value + slack) & (high >= value - slack)
    finite, missing = np.isfinite(limits).all(axis=-1), ~known
    share, widths = holds.mean(axis=0), np.where(finite, high - low, np.nan)
    numbers = {
        "coverage": share,
        "coverage_se": np.sqrt(share * (1 - share) / len(limits)),
        "no_interval": missing.mean(axis=0),
        "width": _mean(widths),
        "width_common": _mean(np.where(finite.all(axis=1, keepdims=True), widths, np.nan)),
        "n_open": (known & ~finite).sum(axis=0),
        "n_failed": missing.sum(axis=0),
    }
    coords = {"interval_method": study.methods, "parameter": [quantity.label for quantity in study.quantities]}
    attrs = provenance_attributes(
        study.fit.objective.origin,
        group="coverage",
        level=study.level,
        draws=len(limits),
        completion="interrupted" if interrupted else "complete",
    )
    return array_dataset({name: (("interval_method", "parameter"), v) for name, v in numbers.items()}, coords, attrs)


def _mean(widths: Array) -> Array:
    """Return the mean over data sets of what is known; NaN where nothing is."""
    known = np.isfinite(widths)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, widths, 0.0).sum(axis=0) / known.sum(axis=0))


# The defaults of pm.sample suit a person who looks at one posterior; these suit hundreds.
QUIET = {"progressbar": False, "quiet": True, "compute_convergence_checks": False, "cores": 1}
OWN_SETTINGS = ("model", "random_seed", "return_inferencedata", "trace")


class Sampler:
    """Samples the posterior of a model given the data of any twin of an objective, compiled once.

    PyMC's frozen models keep what was compiled for them. This one reads its data from shared variables of its own,
    which the objective and its twins fill.

    Parameters
    ----------
    objective : Objective
        The model; its predictors are those that this objective has.
    settings : mapping
        Arguments of ``pm.sample``.

    Raises
    ------
    ValueError
        If a setting is one that is set here.

    Examples
    --------
    >>> import pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     p = pm.Beta("p", 1, 1)
    ...     y = pm.Binomial("y", n=10, p=p, observed=7)
    >>> objective = pml.Objective(model)
    >>> sample = Sampler(objective, {"draws": 500, "tune": 200, "chains": 1})
    >>> bool(abs(sample(objective.with_data(y=3), 1)["p"].mean() - 4 / 12) < 0.05)
    True
    """

    def __init__(self, objective: Objective, settings: Mapping[str, Any]):
        for name in OWN_SETTINGS:
            if name in settings:
                raise ValueError(
                    f"Expected settings of pm.sample but {', '.join(OWN_SETTINGS)}, got {name!r}: leave it out."
                )
        self.model = _refillable(objective)
        own = {"trace": _Recorder(model=self.model)} if settings.get("nuts_sampler", "pymc") == "pymc" else {}
        self.settings = {**QUIET, **settings, **own}

    def __call__(self, twin: Objective, random_seed: int) -> xr.Dataset:
        """Sample given the data of `twin`, which has data of its own for every observed variable.

        Returns
        -------
        Dataset
            The group ``posterior``.
        """
        twin.use_data()
        try:
            tree = pm.sample(model=self.model, random_seed=random_seed, **self.settings)
        except ValueError as error:
            if "Not enough samples" in str(error):  # what PyMC makes of Ctrl-C in the first draws
                raise KeyboardInterrupt from error
            raise
        posterior: xr.Dataset = tree["posterior"].to_dataset()
        if posterior.sizes["draw"] < self.settings.get("draws", 0):  # and of a later one
            raise KeyboardInterrupt
        return posterior


class _Recorder(NDArray):  # type: ignore[misc]
    """Keeps draws as PyMC does, by a function that is compiled once for all chains of all data sets."""

    def __copy__(self) -> NDArray:
        """Return an empty one, as ``pm.sample`` wants for each chain."""
        return NDArray(
            model=self.model, vars=self.vars, fn=self.fn, var_shapes=self.var_shapes, var_dtypes=self.var_dtypes
        )


def _refillable(objective: Objective) -> pm.FrozenModel:
    """Return a copy of the model whose data are the shared variables that twins of `objective` fill."""
    model, filled = objective.model, objective.with_data(**observed_data(objective))
    observed = {model.rvs_to_values[rv] for rv in model.observed_RVs}
    predictors = {value.name: filled.swaps[value].get_value() for value in filled.swaps if value not in observed}
    copy = pm.do(model, predictors) if predictors else clone_model(model)
    for rv in model.observed_RVs:
        value = model.rvs_to_values[rv]
        container = value.type.filter_variable(filled.swaps[value])
        mine = copy[rv.name]
        del copy.values_to_rvs[copy.rvs_to_values[mine]]
        copy.rvs_to_values[mine], copy.values_to_rvs[container] = container, mine
    return freeze_model(copy)
