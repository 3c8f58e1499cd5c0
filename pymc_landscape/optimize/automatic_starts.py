"""``starts="auto"``: search from the initial point, then from points far apart, until they agree or it costs too much.

The budget is a number of evaluations and no time, and chance comes from a seed: the same model gives the same estimate
on every machine. A search that only confirms what is known is Newton's method alone; what goes lower is searched,
settled on bounds and judged like any other start.

One search ends in the local minimum in whose basin it begins. Four families of points lead to others, whatever the
scale of the priors: draws from the prior; the first optimum with some of its elements drawn anew; points around the
initial point; and points around the optimum, many standard errors away. The families take turns, and in each of them
chance and height: of points of low value, which are found by evaluating many, most lie in the basin that is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.numerics import covariance, one_blas_thread
from pymc_landscape.objective import Objective, RestrictedObjective, affordable_evaluations, prior_draws
from pymc_landscape.optimize.flat_directions import find_directions
from pymc_landscape.optimize.local_search import SearchResult, search, search_briefly
from pymc_landscape.optimize.multistart import (
    RESCUES,
    StartResult,
    best_result,
    same_value,
    search_from_start,
)
from pymc_landscape.optimize.starts import find_starts
from pymc_landscape.optimize.status import Status, StatusReport, judge
from pymc_landscape.optimize.tolerances import INFINITE_DISTANCE, SAME_OPTIMUM
from pymc_landscape.results import DelayedProgressBar, warn_of_part

# Starts agree if so many in a row end at the lowest optimum; at most so many are searched, and so many more after each
# that goes lower.
AGREEING, MOST, MORE = 7, 12, 8
# Of what the first search cost, this share may be spent again whatever an evaluation costs.
SHARE = 0.25
# Newton steps of a search that is to confirm; fewer evaluations than FEWEST lead nowhere.
ITERATIONS, FEWEST = 100, 8
# Points evaluated to find good ones; a value alone costs a part of what derivatives do.
POINTS = 32
NOT_FOLLOWED = "The search did not arrive within the budget of starts='auto'."
# So many points of each family are evaluated at most.
OF_EACH = 8
# Standard errors from the optimum, at least and at most.
NEAREST, FURTHEST = 3.0, 100.0
# Further from the initial point than this, densities are rounding and searches get lost.
LONGEST = 50.0


def search_automatically(
    objective: Objective, rng: np.random.Generator, progressbar: bool, keeps_part: bool = False
) -> list[StartResult]:
    """Search from the initial point and from others; with `keeps_part` Ctrl-C keeps the results there are."""
    objective.refuse_discrete()
    begin = find_starts(objective, 1, rng)
    results: list[StartResult] = []
    try:
        with one_blas_thread(), DelayedProgressBar("Fitting", 1, progressbar) as bar:
            results.append(search_from_start(objective, begin.theta[0], begin.origin[0]))
            bar.advance(1)
            _search_scattered(objective, results, rng)
    except KeyboardInterrupt as stopped:
        if not results or not keeps_part:
            raise
        warn_of_part(stopped, f"{len(results)} starts were searched", stacklevel=4)
    return results


def _search_scattered(objective: Objective, results: list[StartResult], rng: np.random.Generator) -> None:
    """Add searches from scattered points until they agree or the budget is spent."""
    [first] = results
    spent = first.result.n_evaluations
    if not (objective.has_hessian or objective.is_integral):  # with a Hessian that is learned there are twice as many
        spent //= 2
    left = affordable_evaluations(objective) + int(SHARE * spent)
    failed = first.report.status is Status.FAILED
    if not objective.size or (left < FEWEST and not failed):
        return
    n = int(np.clip(left, 4 * RESCUES, POINTS))
    left -= n // (1 + objective.size)
    most, agreeing, best = MOST, 0, first
    unconstrained = not first.result.restricted.natural and not first.result.restricted.fixed
    hessian = first.result.hessian if unconstrained else None
    for i, (theta, origin) in enumerate(_scattered_starts(objective, first.start, first.theta, hessian, n, rng)):
        rescue = best.report.status is Status.FAILED
        if len(results) >= most or agreeing >= AGREEING or (i >= RESCUES if rescue else left < FEWEST):
            break
        if rescue:
            results.append(search_from_start(objective, theta, origin))
        else:
            left -= 1
            results.append(_confirm(objective, theta, origin, best, min(ITERATIONS, left)))
            left -= results[-1].result.n_evaluations
        before, best = best, best_result(results)
        agreeing = agreeing + 1 if same_value(results[-1], before) else 0
        if best is not before:
            most = len(results) + MORE
            left = left if rescue else max(left, FEWEST * MORE)


def _confirm(objective: Objective, start: Array, origin: str, best: StartResult, iterations: int) -> StartResult:
    """Search briefly; judge the end where it is not that of the best search over again."""
    restricted = RestrictedObjective(objective)
    brief = _within_reach(search_briefly(restricted, start, iterations), best.start)
    end = StartResult(start, origin, brief, StatusReport(best.report.status), confirms=True)
    if same_value(end, best):
        return end
    not_followed = StartResult(start, origin, brief, StatusReport(Status.FAILED, NOT_FOLLOWED), confirms=True)
    if brief.is_lower(best.result, SAME_OPTIMUM):
        found = search_from_start(objective, brief.x, origin, reference=best.start)
        found.result.add_cost(brief)
        arrived = found.report.status is not Status.FAILED
        if arrived or _within_reach(found.result, best.start).is_lower(best.result, SAME_OPTIMUM):
            return replace(found, start=start)
        return not_followed
    if not brief.is_minimum:
        return not_followed
    # higher up: not worth the compile of a function for bounds
    result = search(restricted, brief.x, iterations).add_cost(brief)
    return StartResult(start, origin, result, judge(result, find_directions(result)))


def _within_reach(result: SearchResult, begin: Array) -> SearchResult:
    """Return where densities still have their digits, on the way to the end of a search that went further out."""
    restricted = result.restricted
    if restricted.natural:
        return result
    reach = np.where(restricted.layout.transformed, INFINITE_DISTANCE, np.inf)
    whole = restricted.full(result.x)
    x = np.clip(whole, begin - reach, begin + reach)[restricted.free]
    if (x == result.x).all():
        return result
    nowhere = np.full(len(x), np.nan)
    return replace(result, x=x, value=restricted.value(x), gradient=nowhere, hessian=None, remaining_decrease=np.inf)


# --- points far apart -------------------------------------------------------------------------------------------------


def _scattered_starts(
    objective: Objective, begin: Array, end: Array, hessian: Array | None, n: int, rng: np.random.Generator
) -> list[tuple[Array, str]]:
    """Return points to begin at, with the origin of each in words.

    Parameters
    ----------
    objective : Objective
        What is searched.
    begin, end : array (k,)
        Where a first search began, and where it ended; infinite at a bound.
    hessian : array (k, k) or None
        At the end, on the unconstrained scale, if it is known.
    n : int
        How many points may be evaluated to find good ones.
    rng : Generator
        The source of chance.

    Returns
    -------
    list of (array (k,), str)
        All with a finite value.
    """
    restricted = RestrictedObjective(objective)
    families = _families(objective, begin, end, _standard_errors(hessian, len(begin)), min(OF_EACH, n // 4), rng)
    queues: list[list[tuple[Array, str]]] = []
    for origin, points in families.items():
        # one by one: a function of whole blocks takes longer to write than so few values to find
        values = np.array([restricted.value(x) if np.isfinite(x).all() else np.inf for x in points])
        queues.append([(points[i], origin) for i in _chance_and_value_in_turn(values)])
    return list(_in_turn(queues))


def _chance_and_value_in_turn(values: Array) -> list[int]:
    """Order points: one as it was drawn, one of the lowest value, and so on; without those that have no value."""
    drawn = np.flatnonzero(np.isfinite(values)).tolist()
    lowest = sorted(drawn, key=lambda i: float(values[i]))
    return list(dict.fromkeys(i for pair in zip(drawn, lowest, strict=True) for i in pair))


def _in_turn(queues: list[list[tuple[Array, str]]]) -> Iterator[tuple[Array, str]]:
    for i in range(max(map(len, queues), default=0)):
        yield from (queue[i] for queue in queues if i < len(queue))


def _families(
    objective: Objective, begin: Array, end: Array, errors: Array, n: int, rng: np.random.Generator
) -> dict[str, Array]:
    k = len(begin)
    optimum = np.where(np.isfinite(end) & (np.abs(end - begin) < LONGEST), end, begin)
    drawn = prior_draws(objective, n, rng)
    size = np.maximum(1.0, np.maximum(np.abs(begin), np.abs(optimum)))
    around = begin + size * rng.standard_normal((n, k))
    # what cannot be drawn, as from a flat prior, comes from around the initial point
    drawn = np.where(np.isfinite(drawn), drawn, begin + size * rng.standard_normal((n, k)))
    anew = (rng.random((n, k)) < 0.5) | (np.arange(k) == rng.integers(k, size=(n, 1)))
    mixed = np.where(anew, drawn, optimum)
    errors = np.clip(errors, 0.0, LONGEST / FURTHEST * size)
    reach = np.exp(rng.uniform(np.log(NEAREST), np.log(FURTHEST), size=(n, 1)))
    return {
        "prior draw": drawn,
        "optimum and prior draw": mixed,
        "around the initial point": around,
        "around the optimum": optimum + reach * errors * rng.standard_normal((n, k)),
    }


def _standard_errors(hessian: Array | None, k: int) -> Array:
    """Return standard errors on the unconstrained scale; 1 where there is none."""
    if hessian is None:
        return np.ones(k)
    with np.errstate(invalid="ignore"):
        errors = np.sqrt(np.diagonal(covariance(hessian)))
    return np.where(np.isfinite(errors) & (errors > 0), errors, 1.0)
