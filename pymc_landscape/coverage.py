"""How often intervals hold what they claim to: simulated coverage, from the fitted model itself."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import xarray as xr

from pymc_landscape.aliases import Array
from pymc_landscape.bootstrap import inside, natural_point, refuse_unfit, repeat, seeds
from pymc_landscape.current import Current
from pymc_landscape.fit import fit_mle
from pymc_landscape.fitted import Fit
from pymc_landscape.intervals import find_ends
from pymc_landscape.objective import Objective
from pymc_landscape.percentiles import by_label
from pymc_landscape.provenance import provenance
from pymc_landscape.quantity import find_quantities
from pymc_landscape.sampling import Sampler
from pymc_landscape.simulate import Data, Simulator, digest
from pymc_landscape.verdict import Status

Covering = Literal["wald", "profile", "bootstrap", "hdi"]
METHODS = ("wald", "profile", "bootstrap", "hdi")
# Lower and upper end by method, quantity and bound; NaN where there is none.
Ends = Array
# Fits that still have intervals: the others count as failed.
WITH_INTERVALS = (Status.CONVERGED, Status.AT_BOUND, Status.NOT_IDENTIFIED)


def coverage_study(
    fit: Fit,
    var_names: Any = None,
    *,
    draws: int = 200,
    level: float = 0.95,
    methods: Sequence[Covering] = ("wald", "profile"),
    bootstrap_draws: int = 999,
    sampler: Mapping[str, Any] | None = None,
    random_seed: Any = None,
    progressbar: bool = True,
) -> xr.Dataset:
    """Simulate data from a fit, make intervals from each set, and count how many hold the value that was simulated.

    A 95 % interval holds it in 95 % of all data sets, if its theory applies to so few data; this tells. The answer is
    about the model at the estimate, and believes it.

    Parameters
    ----------
    fit : Fit
        A maximum likelihood fit that claims an optimum.
    var_names : str, sequence of str, or mapping, optional
        As in `confidence_intervals`.
    draws : int
        How many data sets.
    level : float
        Confidence level, and probability of the HDI.
    methods : sequence of {"wald", "profile", "bootstrap", "hdi"}
        The first three as in `confidence_intervals`. ``"hdi"`` is the highest-density interval of the posterior, which
        is sampled for each data set; its prior may pull it off the value that was simulated.
    bootstrap_draws : int
        Refits of the bootstrap, to each of the `draws`.
    sampler : mapping, optional
        Arguments of ``pm.sample`` for ``"hdi"``, such as ``{"draws": 500, "tune": 500, "chains": 1}``. The model is
        compiled once. An HDI of few draws is a little too narrow, and covers less.
    random_seed : int or Generator, optional
        As in PyMC.
    progressbar : bool
        Whether to show progress, once there is something to wait for.

    Returns
    -------
    Dataset
        Dims ``method``, ``parameter``: ``coverage`` (share of the intervals that hold the value), ``coverage_se``
        (its binomial standard error), ``width`` (mean of the finite ones), ``n_open`` (intervals without a finite end
        on some side), ``n_failed`` (data sets without an interval; they count in no share). The attribute ``draws`` is
        the number of data sets that were finished.

    Raises
    ------
    ValueError
        If the fit claims no optimum or its data cannot be simulated, or ``"hdi"`` comes without a `sampler`.

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
    refuse_unfit(fit, draws)
    _refuse(methods, sampler)
    study = _Study(fit, var_names, level, list(methods), bootstrap_draws, sampler)
    made, interrupted = repeat(study, seeds(random_seed, draws), "Simulating coverage", progressbar)
    return _dataset(study, np.stack(made), interrupted)


def _refuse(methods: Sequence[str], sampler: Mapping[str, Any] | None) -> None:
    if isinstance(methods, str) or not methods or not set(methods) <= set(METHODS):
        raise ValueError(f"Expected a list of methods among {', '.join(METHODS)}, got {methods!r}.")
    if ("hdi" in methods) != (sampler is not None):
        raise ValueError(
            "Expected the method 'hdi' together with arguments of pm.sample, got one without the other: "
            "methods=['profile', 'hdi'], sampler={'draws': 500, 'tune': 500, 'chains': 1}."
        )


class _Study:
    """Makes intervals from one simulated data set a call."""

    def __init__(
        self,
        fit: Fit,
        var_names: Any,
        level: float,
        methods: list[str],
        bootstrap_draws: int,
        sampler: Mapping[str, Any] | None,
    ):
        self.fit, self.level, self.methods, self.bootstrap_draws = fit, level, methods, bootstrap_draws
        self.quantities = find_quantities(fit, var_names)
        self.truth = np.array([Current(fit).spot(quantity).natural for quantity in self.quantities])
        self.of_refits = [method for method in methods if method != "hdi"]
        self.simulator, self.point, self.begin = Simulator(fit.objective), natural_point(fit), inside(fit)
        self.sample = Sampler(fit.objective, sampler) if sampler is not None else None
        self._known: dict[bytes, Ends] = {}

    def __call__(self, seed: int) -> Ends:
        """Return the ends (method, quantity, bound)."""
        data = self.simulator(self.point, seed)
        twin = self.fit.objective.with_data(**data)
        ends = dict(zip(self.of_refits, self._of_refits(twin, data, seed), strict=True))
        if self.sample is not None:
            ends["hdi"] = self._hdi(self.sample(twin, seed))
        return np.stack([ends[method] for method in self.methods])

    def _of_refits(self, twin: Objective, data: Data, seed: int) -> Ends:
        """Return the ends that need a fit; of the same data they are the same, but for the bootstrap's."""
        key = digest(data) if "bootstrap" not in self.of_refits else None
        if key is None:
            return self._of_refit(twin, seed)
        if key not in self._known:
            self._known[key] = self._of_refit(twin, seed)
        return self._known[key]

    def _of_refit(self, twin: Objective, seed: int) -> Ends:
        if not self.of_refits:
            return np.empty((0, len(self.quantities), 2))
        again = fit_mle(twin, starts=self.begin[None], progressbar=False)
        if again.status not in WITH_INTERVALS:
            return np.full((len(self.of_refits), len(self.quantities), 2), np.nan)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a lower optimum: taken, as a user would
            return find_ends(again, self.quantities, self.level, self.of_refits, self.bootstrap_draws, seed)

    def _hdi(self, posterior: xr.Dataset) -> Ends:
        from arviz_stats.base import array_stats  # type: ignore[attr-defined]

        drawn = by_label(self.fit, posterior)
        weights = [quantity.weights for quantity in self.quantities]
        return np.stack([array_stats.hdi(drawn @ w, self.level) for w in weights])  # type: ignore[no-untyped-call]


def _dataset(study: _Study, ends: Ends, interrupted: bool) -> xr.Dataset:
    low, high = ends[..., 0], ends[..., 1]
    known, value = ~np.isnan(ends).any(axis=-1), study.truth
    slack = 1e-9 * np.maximum(np.abs(value), 1e-300)  # an end on the edge of a support is met to rounding
    holds = known & (low <= value + slack) & (high >= value - slack)
    finite, n = np.isfinite(ends).all(axis=-1), known.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = holds.sum(axis=0) / n
        width = np.where(finite, high - low, 0.0).sum(axis=0) / finite.sum(axis=0)
        error = np.sqrt(share * (1 - share) / n)
    numbers = {
        "coverage": share,
        "coverage_se": error,
        "width": width,
        "n_open": (known & ~finite).sum(axis=0),
        "n_failed": (~known).sum(axis=0),
    }
    coords = {"method": study.methods, "parameter": [quantity.label for quantity in study.quantities]}
    attrs = provenance(
        study.fit.objective.origin,
        group="coverage",
        level=study.level,
        draws=len(ends),
        status="interrupted" if interrupted else "complete",
    )
    return xr.Dataset({name: (("method", "parameter"), v) for name, v in numbers.items()}, coords, attrs)
