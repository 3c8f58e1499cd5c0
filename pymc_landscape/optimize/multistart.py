"""Where the searches from all starts ended, and what they say together."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from pymc_landscape._typing import Array, Starts
from pymc_landscape.numerics import noise, one_blas_thread
from pymc_landscape.objective import Objective, RestrictedObjective
from pymc_landscape.optimize.bounds import settle_on_bounds
from pymc_landscape.optimize.infimum import INFINITE_DISTANCE, brought_back, far_away, set_free
from pymc_landscape.optimize.local_search import SearchResult, search, search_otherwise
from pymc_landscape.optimize.starts import StartingPoints, find_starts
from pymc_landscape.optimize.status import Status, StatusReport, judge, unbounded
from pymc_landscape.results import DelayedProgressBar, provenance_attributes

# If no start arrives anywhere, so many others are tried.
RESCUES = 4
# A search is begun anew below a lower point that was met, so many times.
RESTARTS = 3
# Two results are the same optimum if their values (−2LL) and all unconstrained elements (absolute, and relative to
# the element) are as near as this; a value that is lower by less displaces no other.
SAME_OPTIMUM, SAME_THETA = 1e-6, 1e-3


@dataclass(frozen=True)
class StartResult:
    """One start and where it led."""

    start: Array
    origin: str
    result: SearchResult
    report: StatusReport

    @property
    def theta(self) -> Array:
        """The end as an unconstrained vector; ±inf on an edge."""
        restricted = self.result.restricted
        return (
            restricted.objective.pack(restricted.natural_point(self.result.x)) if restricted.natural else self.result.x
        )


def search_all_starts(
    objective: Objective, starts: Starts, rng: np.random.Generator, progressbar: bool
) -> list[StartResult]:
    """Search from every start; Ctrl-C keeps the ends that there are, if any."""
    objective.refuse_discrete()
    begin = find_starts(objective, starts, rng)
    ends: list[StartResult] = []
    try:
        with one_blas_thread(), DelayedProgressBar("Fitting", len(begin), progressbar) as patient:
            for theta, origin in zip(begin.theta, begin.origin, strict=True):
                ends.append(search_from_start(objective, theta, origin))
                patient.advance(1)
    except KeyboardInterrupt:
        if not ends:
            raise
        warnings.warn(f"Interrupted: {len(ends)} of {len(begin)} starts were searched.", stacklevel=4)
        return ends
    if isinstance(starts, int | np.integer) and all(end.report.status is Status.FAILED for end in ends):
        ends += _rescue(objective, begin, rng)
    return ends


def _rescue(objective: Objective, begin: StartingPoints, rng: np.random.Generator) -> list[StartResult]:
    """Try a few other starts where none arrived."""
    more = find_starts(objective, len(begin) + RESCUES, rng)
    pairs = list(zip(more.theta, more.origin, strict=True))[len(begin) :]
    ends = []
    for theta, origin in pairs:
        ends.append(search_from_start(objective, theta, origin))
        if ends[-1].report.status is not Status.FAILED:
            break
    return ends


def search_from_start(objective: Objective, theta: Array, origin: str) -> StartResult:
    """Search from one start; where that claims no optimum, by another way too."""
    found, verdict = _settled(search(RestrictedObjective(objective), theta))
    if verdict.status in (Status.FAILED, Status.NOT_IDENTIFIED):
        other = search_otherwise(found, theta)
        if other.value < found.value - SAME_OPTIMUM:
            found, verdict = _settled(other)
    if verdict.status is Status.UNBOUNDED and (not found.is_minimum or far_away(found, theta, INFINITE_DISTANCE)):
        found, verdict = _with_digits(found, verdict, theta)
    return StartResult(theta, origin, found, verdict)


def _with_digits(ran: SearchResult, verdict: StatusReport, usual: Array) -> tuple[SearchResult, StatusReport]:
    """Come back from where a density is rounding alone, if the likelihood is level there: it has a limit then."""
    with np.errstate(all="ignore"):
        nearer = brought_back(ran, usual)
        if nearer is None or nearer is ran:
            return ran, verdict
        found, direction = set_free(nearer, ran, usual)
    return found.add_cost(ran), unbounded(found, direction)


def _settled(found: SearchResult) -> tuple[SearchResult, StatusReport]:
    """Look at edges, judge, and search again from any lower point that the verdict meets."""
    verdict = StatusReport(Status.FAILED)
    for _ in range(RESTARTS):
        found = settle_on_bounds(found)
        verdict = judge(found)
        if verdict.lower is None:
            break
        found = _continued(found, verdict.lower)
    return found, verdict


def _continued(found: SearchResult, x: Array) -> SearchResult:
    there = search(found.restricted, x).add_cost(found)
    return there if there.value < found.value + noise(found.value) else found


def best_result(ends: Sequence[StartResult]) -> StartResult:
    """Return the lowest optimum; where none is claimed, the lowest end of the most telling status."""
    order = [Status.CONVERGED, Status.NOT_IDENTIFIED, Status.UNBOUNDED, Status.FAILED]

    def rank(end: StartResult) -> tuple[int, float]:
        status = end.report.status
        return order.index(Status.CONVERGED if status.is_optimum else status), end.result.value

    return min(ends, key=rank)


def overall_report(best: StartResult, ends: Sequence[StartResult]) -> StatusReport:
    """Withdraw the claim of an optimum where another start went lower than it."""
    if not best.report.status.is_optimum:
        return best.report
    for end in ends:
        lower = end.result.value < best.result.value - SAME_OPTIMUM - noise(best.result.value)
        if end.report.status is Status.UNBOUNDED and (lower or end.result.restricted.unbounded_below):
            message = (
                f"{end.report.message} The estimate is the best of the local maxima that were found; "
                f"the start that ran away was: {end.origin}."
            )
            return StatusReport(Status.UNBOUNDED, message, best.report.flat_directions)
        if lower:
            message = f"Another start ({end.origin}) ended lower without arriving: {end.report.message}"
            return StatusReport(Status.FAILED, message, best.report.flat_directions)
    return best.report


@dataclass(frozen=True)
class LocalOptimum:
    """An optimum beside the estimate, at which another start ended.

    Attributes
    ----------
    value : float
        −2 (log L + w log prior) there.
    status : Status
        ``converged`` or ``at_bound``.
    theta : array (k,)
        Unconstrained; ±inf at a bound of the support.
    point : Dataset
        On the natural scale, one variable a parameter, with the model's dims.
    natural : dict of str to array
        The same as plain arrays.
    result : SearchResult
        The search that ended there.
    """

    status: Status
    theta: Array
    result: SearchResult

    @property
    def value(self) -> float:
        """−2 (log L + w log prior) there."""
        return self.result.value

    @cached_property
    def natural(self) -> dict[str, Array]:
        """Natural values by name."""
        return self.result.restricted.natural_point(self.result.x)

    @cached_property
    def point(self) -> xr.Dataset:
        """Natural values, one variable a parameter, with the model's dims."""
        objective = self.result.restricted.objective
        return xr.Dataset({v.name: (v.dims, self.natural[v.name]) for v in objective.variables}, objective.coords)


def local_optima(value: float, theta: Array, results: Sequence[StartResult]) -> tuple[LocalOptimum, ...]:
    """Return the optima among `results` other than the one at `theta`, each once, the lowest first.

    Two optima are the same if their values are within `SAME_OPTIMUM`, and all unconstrained elements that are finite in
    both within `SAME_THETA` of one another.
    """
    distinct: list[LocalOptimum] = []
    known = [(value, theta)]
    for one in sorted(results, key=lambda one: one.result.value):
        here = LocalOptimum(one.report.status, one.theta, one.result)
        if here.status.is_optimum and not any(_is_same(here, *other) for other in known):
            distinct.append(here)
            known.append((here.value, here.theta))
    return tuple(distinct)


def _is_same(optimum: LocalOptimum, value: float, theta: Array) -> bool:
    finite = np.isfinite(optimum.theta) & np.isfinite(theta)
    near = np.allclose(optimum.theta[finite], theta[finite], rtol=SAME_THETA, atol=SAME_THETA)
    return bool(near and abs(optimum.value - value) <= SAME_OPTIMUM)


def starts_dataset(objective: Objective, ends: Sequence[StartResult]) -> xr.Dataset:
    """Return every start: the waterfall."""
    found = [end.result for end in ends]
    theta = np.stack([end.theta for end in ends])
    begin = np.stack([end.start for end in ends])
    weightless = objective.prior_weight == 0
    columns: dict[str, Any] = {
        "start_minus2ll": [f.begin_value for f in found] if weightless else objective.minus2ll(begin),
        "minus2ll": [f.value for f in found] if weightless else objective.minus2ll(theta),
        "objective": [f.value for f in found],
        "status": [end.report.status.value for end in ends],
        "origin": [end.origin for end in ends],
        "optimizer": [f.optimizer for f in found],
        "n_iterations": [f.n_iterations for f in found],
        "n_evaluations": [f.n_evaluations for f in found],
        "seconds": [f.seconds for f in found],
    }
    data: dict[str, Any] = {name: ("start", np.asarray(value)) for name, value in columns.items()}
    data |= {"start_theta": (("start", "theta"), begin), "end_theta": (("start", "theta"), theta)}
    coords = {"start": np.arange(len(ends)), "theta": list(objective.labels)}
    return xr.Dataset(data, coords, provenance_attributes(objective.origin, group="starts"))
