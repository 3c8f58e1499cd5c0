"""Confidence intervals: by curvature at the estimate, by the profile, or by simulation."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import numpy as np
import xarray as xr

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array, ModelLike, RandomSeed, VarNames
from pymc_landscape.arguments import check_run_options, checked_choices, checked_count, checked_levels, repeatable
from pymc_landscape.inference.corner_endpoints import find_corner_endpoints
from pymc_landscape.inference.matrix_free_endpoints import find_endpoints_of_any_size, matrix_free_standard_error
from pymc_landscape.inference.profile import (
    BOUNDS,
    ConstrainedPoint,
    Endpoint,
    EndpointProblem,
    Quantity,
    ReferenceFit,
    ScoreStatistic,
    copies_of,
    find_quantities,
    find_score_endpoints,
    optima_and_copies,
    refuse_no_infimum,
)
from pymc_landscape.inference.resampling import Percentiles, parametric_bootstrap, seeds
from pymc_landscape.inference.simulated_ends import SimulatedEnds, told_of_edges
from pymc_landscape.numerics import chi2_cutoff, one_blas_thread, two_sided_z
from pymc_landscape.objective import Objective
from pymc_landscape.optimize import Fit, fit_of
from pymc_landscape.results import DelayedProgressBar, labelled_dataset, provenance_attributes

Method = Literal["wald", "profile", "score", "bootstrap", "simulated"]
METHODS = ("wald", "profile", "score", "bootstrap", "simulated")
OF_A_MODE = (
    "Regions of a posterior mode's profile: neither confidence intervals, for the prior takes part, nor credible ones, "
    "for the other parameters are not integrated out."
)
# How often a lower optimum that was met on the way to an endpoint takes the place of the estimate.
RESTARTS = 3
# Quantities whose endpoints are searched as one stack: enough to gain by it, few enough for progress to be seen.
TOGETHER = 8


def confidence_intervals(
    fit: Fit | ModelLike | Objective | None = None,
    var_names: VarNames | None = None,
    *,
    level: float | Sequence[float] = 0.95,
    method: Method | Sequence[Method] = "profile",
    draws: int = 999,
    random_seed: RandomSeed | None = None,
    progressbar: bool = True,
) -> xr.Dataset:
    """Return confidence intervals of parameters, Deterministics and linear combinations.

    Parameters
    ----------
    fit : Fit, pm.Model or Objective, optional
        What `fit_mle` returned; a model is fitted first, and left out it is that of the surrounding ``with`` block. Of
        `fit_map`, the intervals are regions of the posterior's profile: neither confidence intervals (they do not cover
        at the stated rate) nor credible ones (they hold no stated probability); ``message`` says so.
    var_names : str, sequence of str, or mapping, optional
        Variables, elements (``beta[x1]``) and Deterministics; left out, every element of every free variable. A
        mapping names linear combinations: ``{"difference": {"beta[a]": 1, "beta[b]": -1}}``.
    level : float or sequence of float
        Confidence level, or several.
    method : {"profile", "wald", "score", "bootstrap", "simulated"}, or several
        ``"profile"``: the values whose Δ(−2LL), minimised over all else, stays below the χ²₁ quantile; the same on
        every scale. ``"score"``: the values that a score test does not reject, Wilson's for a proportion, by the
        expected information where it is known, else the observed; ``attrs["score_information"]`` says which.
        ``"wald"``: estimate ± z standard errors. ``"bootstrap"``: percentiles of refits to data simulated from the fit;
        an end is open where more refits ran away than the tail is to hold, failed where so many failed.
        ``"simulated"``: as the profile, with the cut-off that data simulated with the end's own value have; for
        estimates on an edge and for few data. It takes minutes; `message` has the Monte Carlo error of the end.
    draws : int
        Refits of the bootstrap, and data sets for each value that is tried by simulation.
    random_seed : int or Generator, optional
        For the bootstrap and for simulated ends.
    progressbar : bool
        Whether to show progress, once there is something to wait for.

    Returns
    -------
    Dataset
        Dims ``parameter``, ``bound`` (lower, upper), ``interval_method``, and ``level`` in front where several are
        asked for: ``interval`` (natural scale), ``status``, ``delta_minus2ll`` at the end (NaN for the bootstrap),
        ``message``; ``estimate`` by ``parameter``. A status is ``finite``, ``at_bound`` (the bound of the support
        belongs to it), ``open`` (±∞: −2LL stays below the cut-off however far one goes), ``new_optimum`` (a lower one
        was met on the way to this end; it took the estimate's place, and the end is its) or ``failed``.

    Raises
    ------
    ValueError
        If the fit has no optimum, nor a value that −2LL falls towards, a name is not known, or a level is not between 0
        and 1.

    Notes
    -----
    Of a fit that is ``unbounded``, ends are measured from the least upper bound of the likelihood: the side to which a
    parameter runs away is ``open``.

    An end solves f(θ) = f̂ + q with all else stationary (Venzon & Moolgavkar 1988, *Applied Statistics* 37, 87-94), q
    the χ²₁ quantile (Wilks 1938, *Annals of Mathematical Statistics* 9, 60-62). A score interval holds the ψ₀ at which
    (p′/2)² N′I⁻¹N, p′ the slope of the profile by ψ, N the gradient of ψ and I the information there, is no more than q
    (Rao 1948, *Proceedings of the Cambridge Philosophical Society* 44, 50-57). A simulated end inverts the test whose
    law is simulated at each ψ, all else at its likeliest given ψ (Chuang & Lai 2000, *Statistica Sinica* 10, 1-50).

    Examples
    --------
    >>> import pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     p = pm.Beta("p", 1, 1)
    ...     y = pm.Binomial("y", n=10, p=p, observed=7)
    >>> intervals = pml.confidence_intervals(pml.fit_mle(model), "p")
    >>> intervals["interval"].values.ravel().round(6).tolist()
    [0.393461, 0.915441]
    """
    methods, levels = checked_choices("method", method, METHODS), checked_levels("level", level)
    draws, var_names = checked_count("draws", draws), repeatable(var_names)
    check_run_options(random_seed, progressbar)
    quantities: list[Quantity] = []
    named = lambda objective: quantities.extend(find_quantities(objective, var_names))  # noqa: E731
    fit = fit_of(fit, "confidence_intervals", refuse=named, progressbar=progressbar)
    refuse_no_infimum(fit)
    request = _request(fit, quantities, levels, progressbar)
    tables = {name: _endpoints(name, request, draws, random_seed) for name in methods}
    return _dataset(request, tables, single=levels.ndim == 0)


def interval_limits(
    fit: Fit,
    quantities: Sequence[Quantity],
    level: float,
    methods: Sequence[str],
    draws: int,
    random_seed: RandomSeed | None,
) -> Array:
    """Return the limits alone, (method, parameter, bound), for work that wants them many times."""
    request = _request(fit, quantities, level, progressbar=False)
    limits = np.full((len(methods), len(quantities), 2), np.nan)
    for m, name in enumerate(methods):
        for (_, j, k), endpoint in _endpoints(name, request, draws, random_seed).items():
            limits[m, j, k] = endpoint.value
    return limits


@dataclass
class _Request:
    """What is asked of which fit."""

    reference: ReferenceFit
    quantities: list[Quantity]
    levels: Array
    rises: Array
    progressbar: bool
    n_evaluations: int = 0
    score_information: str = ""


# By the positions of level, quantity and side (0 lower, 1 upper).
Endpoints = dict[tuple[int, int, int], Endpoint]
# How the ends of several problems are found, with other optima of the fit at hand.
Find = Callable[[Sequence[EndpointProblem], Sequence[Mapping[str, Array]]], list[Endpoint]]


def _request(fit: Fit, quantities: Sequence[Quantity], level: Any, progressbar: bool) -> _Request:
    levels = np.atleast_1d(np.asarray(level, dtype=float))
    return _Request(ReferenceFit(fit), list(quantities), levels, np.atleast_1d(chi2_cutoff(levels)), progressbar)


def _endpoints(method: str, request: _Request, draws: int, random_seed: RandomSeed | None) -> Endpoints:
    if method == "profile":
        find = find_corner_endpoints if request.reference.in_corner else find_endpoints_of_any_size
        table = _profile_endpoints(request, find)
        return told_of_edges(table, [request.reference.estimate_of(quantity) for quantity in request.quantities])
    if method == "simulated":
        return _simulated_endpoints(request, draws, random_seed)
    if method == "wald":
        return _wald_endpoints(request)
    if method == "score":
        return _score_endpoints(request)
    return _bootstrap_endpoints(request, draws, random_seed)


# --- by the profile --------------------------------------------------------------------------------------------------


def _score_endpoints(request: _Request) -> Endpoints:
    """Find the ends that the score statistic tells; it is measured at points of the profile."""
    statistic = ScoreStatistic(request.reference.fit)
    request.score_information = statistic.information
    return _profile_endpoints(request, partial(find_score_endpoints, statistic=statistic))


def _profile_endpoints(request: _Request, find: Find) -> Endpoints:
    """Find all endpoints; where a lower optimum is met, refit there and begin again."""
    met: set[tuple[int, int]] = set()
    passes = request.reference.objective.passes
    before = passes.n
    for _ in range(RESTARTS + 1):
        table, lower = _search_endpoints(request, find)
        if lower is None:
            break
        met.add(lower[0])
        request.reference.take(lower[1])
    request.n_evaluations += passes.n - before
    for key, endpoint in table.items():
        if key[1:] in met and endpoint.status == "finite":
            why = "of the lower optimum that was met"
            table[key] = Endpoint(endpoint.value, "new_optimum", endpoint.rise, why, endpoint.point)
    if met:
        warnings.warn(request.reference.message, stacklevel=4)
    return table


def _search_endpoints(
    request: _Request, find: Find
) -> tuple[Endpoints, tuple[tuple[int, int], ConstrainedPoint] | None]:
    """Return the endpoints; with them quantity, side and place of the first optimum lower than the estimate, if any."""
    table: Endpoints = {}
    total = 2 * len(request.quantities) * len(request.rises)
    optima = optima_and_copies(request.reference.fit)
    with one_blas_thread(), DelayedProgressBar("Searching interval endpoints", total, request.progressbar) as bar:
        for first in range(0, len(request.quantities), TOGETHER):
            estimates = [request.reference.estimate_of(q) for q in request.quantities[first : first + TOGETHER]]
            for (i, j, k), endpoint in _endpoints_of(request, estimates, optima, find).items():
                bar.advance(1)
                if endpoint.status == "new_optimum" and endpoint.point is not None:
                    return table | {(i, first + j, k): endpoint}, ((first + j, k), endpoint.point)
                table[i, first + j, k] = endpoint
    return table, None


def _endpoints_of(
    request: _Request,
    estimates: Sequence[ConstrainedPoint],
    optima: Sequence[Mapping[str, Array]],
    find: Find,
) -> Endpoints:
    """Return the endpoints of some quantities; those of a quantity without a finite standard error are open."""
    sides, why = (-1.0, 1.0), "not determined by the likelihood"
    keys: list[tuple[int, int, int]] = []
    table: Endpoints = {}
    away = [request.reference.side_at_infinity(estimate) for estimate in estimates]
    for j, estimate in enumerate(estimates):
        own = [(i, j, k) for i in range(len(request.rises)) for k in (0, 1)]
        if away[j]:
            value, status = request.reference.endpoint_at_infinity(estimate)
            end = Endpoint(value, status, 0.0, "the estimate runs away to this side")
            table |= {key: end for key in own if sides[key[2]] == away[j]}
            keys += [key for key in own if sides[key[2]] != away[j]]
        elif not request.reference.is_determined(estimate):
            table |= {key: Endpoint(sides[key[2]] * np.inf, "open", 0.0, why) for key in own}
        else:
            keys += own
    problems = [
        EndpointProblem(estimates[j], sides[k], float(request.rises[i]), is_far=bool(away[j])) for i, j, k in keys
    ]
    with np.errstate(all="ignore"):  # far out, anything overflows
        found = dict(zip(keys, find(problems, optima), strict=True))
    if optima and copies_of(request.reference.fit):
        found = {key: _told_of_copy(request.reference.fit, end) for key, end in found.items()}
    return table | found


def _told_of_copy(fit: Fit, endpoint: Endpoint) -> Endpoint:
    """Say where an end lies on the branch of another copy of the optimum: both are below the cut-off before it."""
    if endpoint.status != "finite" or endpoint.point is None:
        return endpoint
    words = fit.copy_of(fit.objective.layout().join(endpoint.point.restricted.natural_point(endpoint.point.x)))
    if not words:
        return endpoint
    told = f"copies of the optimum meet below the cut-off, and have one profile: {words}"
    return replace(endpoint, message="; ".join(filter(None, [endpoint.message, told])))


# --- by curvature ----------------------------------------------------------------------------------------------------


def _wald_endpoints(request: _Request) -> Endpoints:
    table: Endpoints = {}
    for j, quantity in enumerate(request.quantities):
        estimate = request.reference.estimate_of(quantity)
        error = request.reference.standard_error(estimate)
        if np.isnan(error) and request.reference.fit.information == "observed":
            error = matrix_free_standard_error(estimate)
        for i, level in enumerate(request.levels):
            reach = two_sided_z(level) * error
            for k, side in enumerate((-1.0, 1.0)):
                status = "finite" if np.isfinite(error) else "open" if np.isinf(error) else "failed"
                why = "" if np.isfinite(error) else "no standard error"
                table[i, j, k] = Endpoint(estimate.natural + side * reach, status, np.nan, why)
    return table


# --- by simulation ---------------------------------------------------------------------------------------------------


def _bootstrap_endpoints(request: _Request, draws: int, random_seed: RandomSeed | None) -> Endpoints:
    replicates = parametric_bootstrap(
        request.reference.fit, draws=draws, random_seed=random_seed, progressbar=request.progressbar
    )
    percentiles = Percentiles(request.reference.fit, replicates)
    endpoints: Endpoints = {}
    for j, quantity in enumerate(request.quantities):
        for i, level in enumerate(request.levels):
            for k in (0, 1):
                value, status, message = percentiles.limit(quantity, float(level), k)
                endpoints[i, j, k] = Endpoint(value, status, np.nan, message)
    return endpoints


def _simulated_endpoints(request: _Request, draws: int, random_seed: RandomSeed | None) -> Endpoints:
    estimates = [request.reference.estimate_of(quantity) for quantity in request.quantities]
    ends = SimulatedEnds(request.reference.fit, seeds(random_seed, draws))
    return ends.table(estimates, request.levels, request.progressbar)


# --- as a Dataset ----------------------------------------------------------------------------------------------------


def _dataset(request: _Request, tables: dict[str, Endpoints], single: bool) -> xr.Dataset:
    labels = [quantity.label for quantity in request.quantities]
    dims = ("level", "parameter", "bound", "interval_method")
    shape = (len(request.levels), len(labels), 2, len(tables))
    nothing = Endpoint(np.nan, "", np.nan)
    ends = [table.get(key, nothing) for key in np.ndindex(shape[:3]) for table in tables.values()]
    columns: dict[str, list[Any]] = {
        "interval": [end.value for end in ends],
        "status": [end.status for end in ends],
        "delta_minus2ll": [end.rise for end in ends],
        "message": [end.message for end in ends],
    }
    data: dict[str, Any] = {name: (dims, np.array(values).reshape(shape)) for name, values in columns.items()}
    estimates = np.array([request.reference.estimate_of(quantity).natural for quantity in request.quantities])
    data["estimate"] = (("parameter",), estimates)
    if single:
        data = {
            name: (names[1:], values[0]) if names is dims else (names, values) for name, (names, values) in data.items()
        }
    along: dict[str, tuple[Any, ...]] = {"parameter": tuple(labels), "bound": BOUNDS, "interval_method": tuple(tables)}
    beside = {"level": ((), request.levels[0])} if single else {}
    along |= {} if single else {"level": tuple(request.levels.tolist())}
    return labelled_dataset(data, along, beside, _attrs(request))


def _attrs(request: _Request) -> dict[str, Any]:
    fit, origin = request.reference.fit, request.reference.objective.origin
    score = {"score_information": request.score_information} if request.score_information else {}
    numbers = {"minus2ll": fit.minus2ll, "n_evaluations": request.n_evaluations}
    message = " ".join(filter(None, [request.reference.message, OF_A_MODE if fit.is_map else ""]))
    return provenance_attributes(origin, group="intervals", kind=fit.kind, message=message, **score, **numbers)
