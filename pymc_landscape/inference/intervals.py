"""Confidence intervals: by curvature at the estimate, by the profile, or by simulation."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import pymc as pm
import xarray as xr
from scipy import stats

from pymc_landscape._typing import Array, RandomSeed, VarNames
from pymc_landscape.inference.bootstrap import parametric_bootstrap
from pymc_landscape.inference.percentiles import Percentiles
from pymc_landscape.inference.profile import (
    ConstrainedPoint,
    Endpoint,
    EndpointProblem,
    Quantity,
    ReferenceFit,
    find_endpoints,
    find_quantities,
    other_optima,
    refuse_no_optimum,
)
from pymc_landscape.numerics import chi2_cutoff, one_blas_thread
from pymc_landscape.objective import Objective
from pymc_landscape.optimize import Fit, fit_of
from pymc_landscape.results import DelayedProgressBar, provenance_attributes

Method = Literal["wald", "profile", "bootstrap"]
METHODS = ("wald", "profile", "bootstrap")
BOUNDS = ("lower", "upper")
# How often a lower optimum that a search met takes the place of the estimate.
RESTARTS = 3
# Quantities whose ends are searched together: enough to gain by it, few enough for progress to be seen.
TOGETHER = 8


def confidence_intervals(
    fit: Fit | pm.Model | Objective | None = None,
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
        `fit_map`, the intervals are those of the posterior's profile.
    var_names : str, sequence of str, or mapping, optional
        Variables, elements (``beta[x1]``) and Deterministics; left out, every element of every free variable. A
        mapping names linear combinations: ``{"difference": {"beta[a]": 1, "beta[b]": -1}}``.
    level : float or sequence of float
        Confidence level, or several.
    method : {"profile", "wald", "bootstrap"}, or several
        ``"profile"``: the values whose Δ(−2LL), minimised over all else, stays below the χ²₁ quantile; the same on
        every scale. ``"wald"``: estimate ± z standard errors. ``"bootstrap"``: percentiles of refits to data simulated
        from the fit; an end is open where more refits ran away than the tail is to hold, failed where so many failed.
    draws : int
        Refits of the bootstrap.
    random_seed : int or Generator, optional
        For the bootstrap.
    progressbar : bool
        Whether to show progress, once there is something to wait for.

    Returns
    -------
    Dataset
        Dims ``parameter``, ``bound`` (lower, upper), ``interval_method``, and ``level`` in front where several are
        asked for: ``interval`` (natural scale), ``status``, ``delta_minus2ll`` at the end (NaN for the bootstrap),
        ``message``; ``estimate`` by ``parameter``. A status is ``finite``, ``at_bound`` (the edge of the support
        belongs to it), ``open`` (±∞: −2LL stays below the cut-off however far one goes), ``new_optimum`` (a lower one
        was met on the way to this end; it took the estimate's place, and the end is its) or ``failed``.

    Raises
    ------
    ValueError
        If the fit has no optimum, a name is not known, or a level is not between 0 and 1.

    Notes
    -----
    An end solves f(θ) = f̂ + q with all else stationary (Venzon & Moolgavkar 1988, *Applied Statistics* 37, 87-94), q
    the χ²₁ quantile (Wilks 1938, *Annals of Mathematical Statistics* 9, 60-62).

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
    methods = chosen_methods(method, METHODS)
    fit = fit_of(fit, "confidence_intervals", progressbar=progressbar)
    refuse_no_optimum(fit)
    request = _request(fit, find_quantities(fit, var_names), level, progressbar)
    tables = {name: _table(name, request, draws, random_seed) for name in methods}
    return _dataset(request, tables, np.ndim(level) == 0)


def find_ends(
    fit: Fit,
    quantities: Sequence[Quantity],
    level: float,
    methods: Sequence[str],
    draws: int,
    random_seed: RandomSeed | None,
) -> Array:
    """Return the ends alone, (method, parameter, bound), for work that wants them many times."""
    request = _request(fit, quantities, level, progressbar=False)
    ends = np.full((len(methods), len(quantities), 2), np.nan)
    for m, name in enumerate(methods):
        for (_, j, k), end in _table(name, request, draws, random_seed).items():
            ends[m, j, k] = end.value
    return ends


@dataclass
class _Request:
    """What is asked of which fit."""

    current: ReferenceFit
    quantities: list[Quantity]
    levels: Array
    rises: Array
    progressbar: bool
    n_evaluations: int = 0


# By level, quantity and side.
Table = dict[tuple[int, int, int], Endpoint]


def _request(fit: Fit, quantities: Sequence[Quantity], level: Any, progressbar: bool) -> _Request:
    levels = np.atleast_1d(np.asarray(level, dtype=float))
    return _Request(ReferenceFit(fit), list(quantities), levels, np.atleast_1d(chi2_cutoff(levels)), progressbar)


def chosen_methods(method: str | Sequence[str], known: Sequence[str]) -> list[str]:
    """Return the methods that were asked for, one or several, in their order; refuse what is none of the known."""
    methods = [method] if isinstance(method, str) else list(method)
    if not methods or not set(methods) <= set(known):
        raise ValueError(f"Expected method to be one or several of {', '.join(known)}, got {method!r}.")
    return methods


def _table(method: str, request: _Request, draws: int, random_seed: RandomSeed | None) -> Table:
    if method == "profile":
        return _profile(request)
    if method == "wald":
        return _wald(request)
    return _bootstrap(request, draws, random_seed)


# --- by the profile --------------------------------------------------------------------------------------------------


def _profile(request: _Request) -> Table:
    """Find all ends; where a lower optimum is met, refit there and begin again."""
    met: set[tuple[int, int]] = set()
    for _ in range(RESTARTS + 1):
        table, lower = _ends(request)
        if lower is None:
            break
        met.add(lower[0])
        request.current.take(lower[1])
    for key, end in table.items():
        if key[1:] in met and end.status == "finite":
            table[key] = Endpoint(end.value, "new_optimum", end.rise, "of the lower optimum that was met", end.spot)
    if met:
        warnings.warn(request.current.message, stacklevel=4)
    return table


def _ends(request: _Request) -> tuple[Table, tuple[tuple[int, int], ConstrainedPoint] | None]:
    table: Table = {}
    total = 2 * len(request.quantities) * len(request.rises)
    others = other_optima(request.current.fit)
    with one_blas_thread(), DelayedProgressBar("Searching ends", total, request.progressbar) as patient:
        for first in range(0, len(request.quantities), TOGETHER):
            estimates = [request.current.spot(q) for q in request.quantities[first : first + TOGETHER]]
            restrictions = {id(estimate.restricted): estimate.restricted for estimate in estimates}
            before = sum(restricted.n_evaluations for restricted in restrictions.values())
            for (i, j, k), end in _ends_of(request, estimates, others).items():
                patient.advance(1)
                if end.status == "new_optimum" and end.spot is not None:
                    return table | {(i, first + j, k): end}, ((first + j, k), end.spot)
                table[i, first + j, k] = end
            request.n_evaluations += sum(restricted.n_evaluations for restricted in restrictions.values()) - before
    return table, None


def _ends_of(request: _Request, estimates: Sequence[ConstrainedPoint], others: Sequence[Mapping[str, Array]]) -> Table:
    """Return the ends of some quantities, by level, quantity and side."""
    sides, why = (-1.0, 1.0), "not determined by the likelihood"
    keys: list[tuple[int, int, int]] = []
    table: Table = {}
    for j, estimate in enumerate(estimates):
        own = [(i, j, k) for i in range(len(request.rises)) for k in (0, 1)]
        if np.isinf(request.current.standard_error(estimate)):
            table |= {key: Endpoint(sides[key[2]] * np.inf, "open", 0.0, why) for key in own}
        else:
            keys += own
    tasks = [EndpointProblem(estimates[j], sides[k], float(request.rises[i])) for i, j, k in keys]
    with np.errstate(all="ignore"):  # far out, anything overflows
        return table | dict(zip(keys, find_endpoints(tasks, others), strict=True))


# --- by curvature ----------------------------------------------------------------------------------------------------


def _wald(request: _Request) -> Table:
    table: Table = {}
    for j, quantity in enumerate(request.quantities):
        spot = request.current.spot(quantity)
        error = request.current.standard_error(spot)
        for i, level in enumerate(request.levels):
            reach = float(stats.norm.ppf(0.5 + level / 2)) * error
            for k, side in enumerate((-1.0, 1.0)):
                status = "finite" if np.isfinite(error) else "open" if np.isinf(error) else "failed"
                why = "" if np.isfinite(error) else "no standard error"
                table[i, j, k] = Endpoint(spot.natural + side * reach, status, np.nan, why)
    return table


# --- by simulation ---------------------------------------------------------------------------------------------------


def _bootstrap(request: _Request, draws: int, random_seed: RandomSeed | None) -> Table:
    replicates = parametric_bootstrap(
        request.current.fit, draws=draws, random_seed=random_seed, progressbar=request.progressbar
    )
    percentiles = Percentiles(request.current.fit, replicates)
    return {
        (i, j, k): percentiles.end(quantity, float(level), k)
        for j, quantity in enumerate(request.quantities)
        for i, level in enumerate(request.levels)
        for k in (0, 1)
    }


# --- as a Dataset ----------------------------------------------------------------------------------------------------


def _dataset(request: _Request, tables: dict[str, Table], single: bool) -> xr.Dataset:
    labels = [quantity.label for quantity in request.quantities]
    dims = ["level", "parameter", "bound", "interval_method"]
    shape = (len(request.levels), len(labels), 2, len(tables))
    columns: dict[str, Any] = {
        "interval": np.full(shape, np.nan),
        "status": np.full(shape, "", dtype=object),
        "delta_minus2ll": np.full(shape, np.nan),
        "message": np.full(shape, "", dtype=object),
    }
    for m, table in enumerate(tables.values()):
        for key, end in table.items():
            for name, number in zip(columns, (end.value, end.status, end.rise, end.message), strict=True):
                columns[name][(*key, m)] = number
    data: dict[str, Any] = {
        name: (dims, values.astype(str) if values.dtype == object else values) for name, values in columns.items()
    }
    estimates = np.array([request.current.spot(quantity).natural for quantity in request.quantities])
    data["estimate"] = (["parameter"], estimates)
    if single:
        data = {
            name: (names[1:], values[0]) if names is dims else (names, values) for name, (names, values) in data.items()
        }
    data["level"] = ((), request.levels[0]) if single else ("level", request.levels)
    return xr.Dataset(data, _coordinates(tuple(labels), tuple(tables)), _attrs(request)).set_coords("level")


@lru_cache
def _coordinates(labels: tuple[str, ...], methods: tuple[str, ...]) -> xr.Coordinates:
    """Return the coordinates that need an index: these take xarray longer than all else of a Dataset."""
    return xr.Coordinates({"parameter": list(labels), "bound": list(BOUNDS), "interval_method": list(methods)})


def _attrs(request: _Request) -> dict[str, Any]:
    fit = request.current.fit
    numbers = {"minus2ll": fit.minus2ll, "n_evaluations": request.n_evaluations}
    kind = "map" if fit.is_map else "mle"
    return provenance_attributes(
        fit.objective.origin, group="intervals", kind=kind, message=request.current.message, **numbers
    )
