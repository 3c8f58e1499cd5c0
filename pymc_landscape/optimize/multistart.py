"""A search from every start: the best result, and what all of them say together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array, Starts
from pymc_landscape.numerics import noise, one_blas_thread
from pymc_landscape.objective import Objective, RestrictedObjective
from pymc_landscape.objective.observations import name_impossible_data
from pymc_landscape.optimize.bounds import settle_in_corner, settle_on_bounds
from pymc_landscape.optimize.flat_directions import find_directions
from pymc_landscape.optimize.infimum import has_infimum, limit_of
from pymc_landscape.optimize.local_search import SearchResult, search, search_otherwise
from pymc_landscape.optimize.starts import StartingPoints, find_starts
from pymc_landscape.optimize.status import Status, StatusReport, judge
from pymc_landscape.optimize.tolerances import LEVEL_FAR_OUT, NEAR_INFIMUM, SAME_OPTIMUM, SAME_THETA
from pymc_landscape.results import (
    STOPS,
    DelayedProgressBar,
    array_dataset,
    dumps_without,
    loads_with,
    provenance_attributes,
    warn_of_part,
)
from pymc_landscape.results.cluster import RangeTasks

if TYPE_CHECKING:
    from distributed import Client

# If no start leads anywhere, so many more are tried.
RESCUES = 4
# A search is begun anew below a lower point that was met, so many times.
RESTARTS = 3


@dataclass(frozen=True)
class StartResult:
    """One start and where it led; `confirms` where it only led to what another start had found."""

    start: Array
    origin: str
    result: SearchResult
    report: StatusReport
    confirms: bool = False

    @property
    def theta(self) -> Array:
        """The end as an unconstrained vector; ±inf at a bound."""
        restricted, x = self.result.restricted, self.result.x
        return (
            restricted.objective.vector(restricted.natural_point(x), restricted.objective.names)
            if restricted.natural
            else x
        )


def search_all_starts(
    objective: Objective, starts: Starts, rng: np.random.Generator, progressbar: bool, keeps_part: bool = False,
    client: Client | None = None,
) -> list[StartResult]:  # fmt: skip
    """Search from every start, and a few more if all fail; with `keeps_part` Ctrl-C keeps the results there are.

    With a client its workers search.
    """
    objective.refuse_discrete()
    begin = find_starts(objective, starts, rng)
    results: list[StartResult] = []
    try:
        with one_blas_thread(), DelayedProgressBar("Fitting", len(begin), progressbar) as bar:
            ways = zip(begin.theta, begin.origin, strict=True)
            found = (search_from_start(objective, theta, origin) for theta, origin in ways)
            for one in found if client is None else _searched_by_workers(client, objective, begin):
                results.append(one)
                bar.advance(1)
    except STOPS as stopped:
        if not results or not keeps_part:
            raise
        warn_of_part(stopped, f"{len(results)} of {len(begin)} starts were searched", stacklevel=4)
        return results
    if isinstance(starts, int | np.integer) and all(one.report.status is Status.FAILED for one in results):
        more = find_starts(objective, len(begin) + RESCUES, rng)
        for theta, origin in list(zip(more.theta, more.origin, strict=True))[len(begin) :]:
            results.append(search_from_start(objective, theta, origin))
            if results[-1].report.status is not Status.FAILED:
                break
    return results


def _searched_by_workers(client: Client, objective: Objective, begin: StartingPoints) -> Iterator[StartResult]:
    """Yield the result of every start, which workers found; the objective in it is the one that is here."""
    tasks = RangeTasks(client, _Searches(objective, begin), f"the fit of {objective.model.name or 'a model'}")
    for _, _, pickled in tasks.over(0, len(begin)):
        yield from loads_with(pickled, {"objective": objective})


@dataclass(frozen=True)
class _Searches:
    """Searches of an objective, by the places of their starts."""

    objective: Objective
    begin: StartingPoints

    def __call__(self, start: int, stop: int) -> bytes:
        """Return the results, pickled without the objective."""
        with one_blas_thread():
            found = [
                search_from_start(self.objective, self.begin.theta[i], self.begin.origin[i]) for i in range(start, stop)
            ]
        return dumps_without(found, {"objective": self.objective})


def explain_no_likelihood(objective: Objective, results: list[StartResult]) -> list[StartResult]:
    """Say of results without a finite value which observations are impossible, if any is; others are as they were."""
    if any(np.isfinite(one.result.value) for one in results):
        return results
    message = name_impossible_data(objective, np.stack([one.start for one in results]))
    return [replace(one, report=replace(one.report, message=message or one.report.message)) for one in results]


def search_from_start(objective: Objective, theta: Array, origin: str, reference: Array | None = None) -> StartResult:
    """Search from one start; where that claims no optimum, in another way too.

    Parameters
    ----------
    objective : Objective
        What is searched.
    theta : array (k,)
        Where to begin.
    origin : str
        Where that comes from, in words.
    reference : array (k,), optional
        Where densities have all their digits; left out, the start itself.

    Returns
    -------
    StartResult
        The end, and what is claimed of it.
    """
    result, report = _settled(search(RestrictedObjective(objective), theta))
    if report.status in (Status.FAILED, Status.NOT_IDENTIFIED):
        other = search_otherwise(result, theta)
        if other.is_lower(result, SAME_OPTIMUM):
            result, report = _settled(other)
    return StartResult(theta, origin, *limit_of(result, report, theta if reference is None else reference))


def _settled(result: SearchResult) -> tuple[SearchResult, StatusReport]:
    """Settle on bounds, judge, and search again from any lower point that is met on the way."""
    report = StatusReport(Status.FAILED)
    for _ in range(RESTARTS):
        result = settle_on_bounds(settle_in_corner(result))
        report = judge(result, find_directions(result))
        if report.lower is None:
            break
        below = search(result.restricted, report.lower).add_cost(result)
        if below.is_lower(result) or abs(below.value - result.value) < noise(result.value):
            result = below
    return result, report


def best_result(results: Sequence[StartResult]) -> StartResult:
    """Return the lowest result that arrived or ran towards a limit; else one that fell for ever, else one that failed.

    Of results of one height the most telling status is taken: where one lies on a ridge, there are lowest points beside
    each other, and what another says that ended on the same ridge is no optimum.
    """
    order = [Status.CONVERGED, Status.NOT_IDENTIFIED, Status.UNBOUNDED, Status.FAILED]

    def rank(one: StartResult) -> int:
        status = one.report.status
        if one.report.arrived or (status is Status.UNBOUNDED and has_infimum(status, one.result)):
            return 0
        return max(0, order.index(Status.CONVERGED if status.is_optimum else status) - 1)

    def telling(one: StartResult) -> int:
        status = one.report.status
        return -1 if status is Status.NOT_IDENTIFIED else order.index(Status.CONVERGED if status.is_optimum else status)

    # the lowest, but not where it is so by its rounding alone
    remaining = sorted((one for one in results if not one.confirms), key=lambda one: (rank(one), one.result.value))
    best = remaining.pop(0)
    for one in remaining:
        if rank(one) != rank(best) or not np.isfinite(one.result.value) or best.result.is_lower(one.result):
            break
        level = one.result.value <= best.result.value + noise(best.result.value)
        if not level or telling(one) < telling(best):
            best = one
    return best


def same_value(one: StartResult, best: StartResult) -> bool:
    """Whether a search ended as low as the best one: at it, on its ridge, or where its limit is approached."""
    status = best.report.status
    if status is Status.FAILED or one.report.status is Status.FAILED or not np.isfinite(best.result.value):
        return False
    tolerance = SAME_OPTIMUM if best.result.exact and status is not Status.UNBOUNDED else NEAR_INFIMUM
    return bool(abs(one.result.value - best.result.value) <= tolerance + noise(best.result.value))


def overall_report(best: StartResult, results: Sequence[StartResult], scattered: bool = False) -> StatusReport:
    """Withdraw the claim of an optimum where another start went lower than it, and say how many ended there.

    Starts of the user's own are held against the claim whatever they met. Of `scattered` ones, a matter of chance, one
    that meets a likelihood that grows beyond every limit, as all mixtures with free spreads have, is told and no more:
    the local maximum is what there is to be estimated, and its status must not depend on luck.
    """
    report = _withdrawn(best, results, scattered)
    told = report.status is not Status.FAILED and len(results) > 1 and not best.result.unbounded_below
    words = f"{report.message} {_agreement(best, results)}".strip() if told else report.message
    return replace(report, message=words)


def _agreement(best: StartResult, results: Sequence[StartResult]) -> str:
    """Say how many starts ended at the best result, and which other local optima there are."""
    here = sum(one is best or same_value(one, best) for one in results)
    level = best.result.value  # what is lower is so by rounding alone, or the claim was withdrawn
    optima = [one.result.value for one in results if one.report.status.is_optimum and not same_value(one, best)]
    higher = [value for value in optima if value > level]
    words = f"{here} of {len(results)} starts ended here"
    if not higher:
        return f"{words}."
    above = f"{min(higher) - level:.4g} or more above it"
    return f"{words}; {len(higher)} in other local optima, {above}: fit.local_optima()."


def _withdrawn(best: StartResult, results: Sequence[StartResult], scattered: bool) -> StatusReport:
    told, status = "", best.report.status
    if not status.is_optimum:  # a limit, or a ridge, is claimed to be the lowest as an optimum is
        failed = [one for one in results if one.report.status is Status.FAILED and has_infimum(status, best.result)]
        ends = (one for one in failed if one.result.is_lower(best.result, LEVEL_FAR_OUT))
        return next((_lower_elsewhere(best, one) for one in ends), best.report)
    for one in results:
        lower = one.result.is_lower(best.result, SAME_OPTIMUM)
        spike = one.report.status is Status.UNBOUNDED and not has_infimum(one.report.status, one.result)
        if spike and scattered and one is not results[0]:
            told = f"The estimate is a local maximum: the start {one.origin!r} ran away. {one.report.message}"
            continue
        if one.report.status is Status.UNBOUNDED and (lower or one.result.unbounded_below):
            found = "The estimate is the best of the local maxima that were found; the start that ran away was"
            message = f"{one.report.message} {found}: {one.origin}."
            return StatusReport(Status.UNBOUNDED, message, best.report.flat_directions)
        if lower:
            return _lower_elsewhere(best, one)
    return replace(best.report, message=f"{best.report.message} {told}".strip()) if told else best.report


def _lower_elsewhere(best: StartResult, lower: StartResult) -> StatusReport:
    message = f"Another start ({lower.origin}) ended lower without arriving: {lower.report.message}"
    return StatusReport(Status.FAILED, message, best.report.flat_directions)


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
        of = self.result.restricted.objective
        return array_dataset({v.name: (v.dims, self.natural[v.name]) for v in of.variables}, of.coords)


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


def ends_elsewhere(theta: Array, results: Sequence[StartResult]) -> list[Array]:
    """Return where else starts ended as low as the best result, which is at `theta`, each place once."""
    best, places = best_result(results), [theta]
    for one in results:
        there = one.theta
        near = (_is_near(there, other, 10 * SAME_THETA) for other in places)
        if same_value(one, best) and np.isfinite(there).all() and not any(near):
            places.append(there)
    return places[1:]


def _is_same(optimum: LocalOptimum, value: float, theta: Array) -> bool:
    return abs(optimum.value - value) <= SAME_OPTIMUM and _is_near(optimum.theta, theta, SAME_THETA)


def _is_near(one: Array, other: Array, tolerance: float) -> bool:
    """Whether elements that are finite in both are near; a search that neared a bound ended short of ±inf."""
    finite = np.isfinite(one) & np.isfinite(other)
    return bool(np.allclose(one[finite], other[finite], rtol=tolerance, atol=tolerance))


def starts_dataset(objective: Objective, results: Sequence[StartResult]) -> xr.Dataset:
    """Return every start: the waterfall; `ended_here` says which ended at the estimate, or as low."""
    best = best_result(results)
    searches = [one.result for one in results]
    theta, begin = np.stack([one.theta for one in results]), np.stack([one.start for one in results])
    weightless = objective.prior_weight == 0 and objective.penalty is None
    columns: dict[str, Any] = {
        "start_minus2ll": [s.begin_value for s in searches] if weightless else objective.minus2ll(begin),
        "minus2ll": [s.value for s in searches] if weightless else objective.minus2ll(theta),
        "objective": [s.value for s in searches],
        "status": [one.report.status.value for one in results],
        "ended_here": [one is best or same_value(one, best) for one in results],
        "origin": [one.origin for one in results],
        "optimizer": [s.optimizer for s in searches],
        "n_iterations": [s.n_iterations for s in searches],
        "n_evaluations": [s.n_evaluations for s in searches],
        "seconds": [s.seconds for s in searches],
    }
    data: dict[str, Any] = {name: ("start", value) for name, value in columns.items()}
    data |= {"start_theta": (("start", "theta"), begin), "end_theta": (("start", "theta"), theta)}
    labels = {"start": np.arange(len(results)), "theta": list(objective.labels)}
    return array_dataset(data, labels, provenance_attributes(objective.origin, group="starts"))
