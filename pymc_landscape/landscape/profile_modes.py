"""Where the continuation over a grid begins, and searches for other branches of local minima.

A continuation follows the branch on which it begins. So it is begun from the lowest of several slices, again in parts
of the grid that were not reached, and from the ends of multistart searches at the corners of the grid.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.landscape.profile_active_set import ActiveSet, ActiveSets, Indices
from pymc_landscape.landscape.profile_continuation import BETWEEN, LOWER, GridContinuation
from pymc_landscape.landscape.profile_solver import NuisanceSolution, solve_single
from pymc_landscape.objective import BoundElement
from pymc_landscape.optimize import Fit, search_from_start

# Other searches begin at the lowest of so many random points behind a barrier: at most so far from the model's initial
# point and from the solution, unconstrained, and in units of those where they are large; with this seed.
PLACES, AROUND, SEED = 16, 2.0, 20
# So many other branches are continued over the grid, if they are no higher than this, in units of −2LL, where found.
BRANCHES, HIGH = 4, 50.0
# Other local optima of a fit from which slices are made.
ENDS = 4
# So many parts of a grid that are not connected are begun.
ISLANDS = 8
# With more axes than this, searches begin at the ends of each axis only, not at all corners.
CORNERED = 3
Point = Mapping[str, Array]


def fill_grid(continuation: GridContinuation, points: list[dict[str, Array]]) -> None:
    """Solve all points of a grid.

    Parameters
    ----------
    continuation : GridContinuation
        The grid; it holds what was solved if this ends early.
    points : list of points
        Natural points from which to begin; the first is the one at which a slice would fix the nuisance parameters.
    """
    slices = [_Slice(continuation.active_sets, point) for point in points]
    for _ in range(ISLANDS):
        seed = _lowest(continuation, slices)
        if seed is None:
            break
        continuation.fill(seed)
    _mark_outside(continuation)
    _follow_other_branches(continuation, slices)
    continuation.lower([p for p, found in enumerate(continuation.best) if found is not None and found.is_optimum])
    for candidate in slices:
        continuation.lower(candidate.improve(continuation))


def search_everywhere(active_sets: ActiveSets, point: Point) -> dict[str, Array] | None:
    """Return the end of a search in which the elements on axes move too; None where integers cannot."""
    objective = active_sets.objective
    if any(v.discrete for v in active_sets.variables.values()):
        return None
    theta, initial = objective.pack(point), objective.pack(objective.initial_point())
    end = search_from_start(objective, np.where(np.isfinite(theta), theta, initial), "the grid")
    active_sets.n_evaluations += end.result.n_evaluations
    return end.result.restricted.natural_point(end.result.x)


def fit_minima(fit: Fit | None, active_sets: ActiveSets) -> list[dict[str, Array]]:
    """Return the lowest of the other optima that the starts of a fit of the same model ended at, as natural points."""
    if fit is None or fit.objective.model is not active_sets.objective.model:
        return []
    inside = [optimum.natural for optimum in fit.local_optima() if np.isfinite(optimum.theta).all()]
    return [*inside, *fit.copies()][:ENDS]


class _Slice:
    """A grid with the nuisance parameters fixed at one point.

    Parameters
    ----------
    active_sets : ActiveSets
        The grid.
    point : Point
        Natural values.
    """

    def __init__(self, active_sets: ActiveSets, point: Point):
        self.active_sets, self.point = active_sets, point
        self.bounds = self._at_bounds()
        self.heights = np.full(active_sets.axes.total, np.inf)
        for active_set, ps in active_sets.groups(np.flatnonzero(active_sets.axes.inside), self.bounds):
            vectors = active_set.vectors(ps, np.tile(self.start(active_set), (len(ps), 1)))
            self.heights[ps] = active_set.values(vectors)

    def start(self, active_set: ActiveSet) -> Array:
        """Return the free elements of the point."""
        return active_set.start(self.point)

    def solve(self, p: int) -> NuisanceSolution:
        """Solve one point of the grid from here."""
        active_set = self.active_sets.active_set(p, self.bounds)
        return solve_single(active_set, p, self.start(active_set))

    def improve(self, continuation: GridContinuation) -> set[int]:
        """Solve again the points that are lower on this slice; return those that became lower."""
        now = np.array([np.inf if found is None else found.value for found in continuation.best])
        with np.errstate(invalid="ignore"):
            ps = np.flatnonzero(self.heights < now - LOWER)
        sets = [self.active_sets.active_set(int(p), self.bounds) for p in ps]
        starts = [(active_set, self.start(active_set)) for active_set in sets]
        return continuation.solve_from(ps, starts) if len(ps) else set()

    def _at_bounds(self) -> dict[BoundElement, float]:
        """Return the nuisance parameters that the point has at a bound of their support."""
        on_axes = {column.element for column in self.active_sets.axes.columns}
        bounds: dict[BoundElement, float] = {}
        for name, v in self.active_sets.variables.items():
            if v.elementwise and not v.discrete and name not in self.active_sets.axes.always:
                values = enumerate(np.ravel(self.point[name]).tolist())
                bounds |= {(name, i): x for i, x in values if x in v.limits(i) and (name, i) not in on_axes}
        return bounds


def _lowest(continuation: GridContinuation, slices: list[_Slice]) -> dict[int, NuisanceSolution] | None:
    """Solve the lowest point of all slices that is not solved yet; None where no point has a value."""
    unsolved = np.array([solution is None for solution in continuation.best])
    todo = unsolved & continuation.active_sets.axes.inside
    if not todo.any():
        return None
    heights = np.stack([np.where(todo, s.heights, np.inf) for s in slices])
    which, p = (int(i) for i in np.unravel_index(np.argmin(heights), heights.shape))
    if np.isfinite(heights[which, p]):
        return {p: slices[which].solve(p)}
    for p in _ends_and_middle(np.flatnonzero(todo)):
        found = slices[0].solve(p)
        if found.is_finite:
            return {p: found}
    return None


def _ends_and_middle(ps: Indices) -> list[int]:
    return sorted({int(ps[len(ps) // 2]), int(ps[0]), int(ps[-1])})


def _mark_outside(continuation: GridContinuation) -> None:
    """Mark what was not reached as outside: no nuisance values were found at which it has a likelihood."""
    for p in np.flatnonzero(continuation.active_sets.axes.inside).tolist():
        if continuation.best[p] is None:
            active_set = continuation.active_sets.active_set(p, {})
            nowhere = np.full(len(active_set.free), np.nan)
            continuation.offer({p: NuisanceSolution(active_set, nowhere, np.inf, "outside")})


def _follow_other_branches(continuation: GridContinuation, slices: list[_Slice]) -> None:
    """Search from other starts, and continue each new branch over the grid."""
    followed: list[dict[int, NuisanceSolution]] = []
    for p, found in _other_starts(continuation, slices):
        now = continuation.best[p]
        if len(followed) == BRANCHES:
            return
        if now is None or not found.is_optimum or found.value > now.value + HIGH:
            continue
        known = [now.value, *(branch[p].value for branch in followed if p in branch)]
        if min(abs(found.value - height) for height in known) > LOWER * (1.0 + abs(found.value)):
            followed.append(continuation.fill({p: found}))


def _other_starts(continuation: GridContinuation, slices: list[_Slice]) -> Iterator[tuple[int, NuisanceSolution]]:
    """Solve a few points from other starts than the solutions of their neighbours."""
    for other in slices[1:]:
        p = int(np.argmin(other.heights))
        if np.isfinite(other.heights[p]):
            yield p, other.solve(p)
    rng, active_sets = np.random.default_rng(SEED), continuation.active_sets
    for p in _far_points(active_sets):
        active_set, solved = active_sets.active_set(p, {}), continuation.best[p]
        initial = active_set.start(active_sets.objective.initial_point())
        yield p, solve_single(active_set, p, initial)
        if solved is not None and solved.is_finite and len(initial):
            here = active_set.transfer(solved.active_set, np.array([p]), solved.x[None])[0]
            here = np.where(np.isfinite(here), here, initial)  # at a bound there is no unconstrained value
            start = _behind_a_barrier(active_set, p, here, _scattered(np.stack([initial, here]), rng))
            if start is not None:
                yield p, solve_single(active_set, p, start)


def _scattered(centers: Array, rng: np.random.Generator) -> Array:
    """Return random points around two centers, further away where those are large."""
    moves = rng.uniform(-AROUND, AROUND, size=(len(centers), PLACES, centers.shape[1]))
    points: Array = centers[:, None] + np.maximum(1.0, np.abs(centers))[:, None] * moves
    return points.reshape(-1, centers.shape[1])


def _behind_a_barrier(active_set: ActiveSet, p: int, here: Array, points: Array) -> Array | None:
    """Return the lowest of some points that a barrier separates from a solution."""
    along = points[:, None] + BETWEEN[:, None] * (here - points)[:, None]
    many = np.full(len(points) * len(BETWEEN), p)
    values = active_set.values(active_set.vectors(many, along.reshape(len(many), -1))).reshape(len(points), -1)
    behind = values.max(axis=1) > values[:, 0] + LOWER
    lowest = int(np.argmin(np.where(behind, values[:, 0], np.inf)))
    return points[lowest] if behind[lowest] and np.isfinite(values[lowest, 0]) else None


def _far_points(active_sets: ActiveSets) -> list[int]:
    """Return corners of the grid, or the ends of its axes where there are many, as far as they are inside."""
    shape = active_sets.axes.points.shape
    middle = tuple(n // 2 for n in shape)
    if len(shape) <= CORNERED:
        points = [*product(*({0, n - 1} for n in shape)), middle]
    else:
        ends = [(j, i) for j, n in enumerate(shape) for i in {0, n - 1}]
        points = [tuple(i if k == j else m for k, m in enumerate(middle)) for j, i in ends]
    ps = [int(np.ravel_multi_index(element, shape)) for element in dict.fromkeys(points)]
    return [p for p in ps if active_sets.axes.inside[p]]
