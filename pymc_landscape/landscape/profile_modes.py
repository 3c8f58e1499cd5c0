"""Where the spreading over a grid begins, and where it looks for other valleys of the elements on no axis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.landscape.profile_active_set import ActiveSet, ActiveSets, Indices
from pymc_landscape.landscape.profile_axes import Place
from pymc_landscape.landscape.profile_continuation import BETWEEN, LOWER, GridContinuation
from pymc_landscape.landscape.profile_solver import NuisanceSolution, solve_single
from pymc_landscape.optimize import Fit, search_from_start

# Searches from elsewhere begin at the lowest of so many places that are behind a hill: as far as this from the model's
# initial point and from the solution, unconstrained, and in units of those where they are large; the same each time.
PLACES, AROUND, SEED = 16, 2.0, 20
# So many other valleys are followed over the grid, if they are no higher than this where they were found.
VALLEYS, HIGH = 4, 50.0
# Ends of a fit's other starts that are looked at.
ENDS = 4
# Parts of a grid that cannot be reached from others are looked for so often.
ISLANDS = 8
# With more axes than this only the ends of each are looked at, not all corners.
CORNERED = 3
Point = Mapping[str, Array]


def fill_grid(spread: GridContinuation, points: list[dict[str, Array]]) -> None:
    """Solve all points of a grid.

    Parameters
    ----------
    spread : GridContinuation
        The grid; it holds what was solved if this ends early.
    points : list of points
        Natural points from which to begin; the others of the first are where a slice would hold them.
    """
    slices = [_Slice(spread.ground, point) for point in points]
    for _ in range(ISLANDS):
        seed = _lowest(spread, slices)
        if seed is None:
            break
        spread.fill(seed)
    _give_up(spread)
    _follow_other_minima(spread, slices)
    spread.lower([p for p, found in enumerate(spread.best) if found is not None and found.is_optimum])
    for candidate in slices:
        spread.lower(candidate.undercut(spread))


def search_everywhere(ground: ActiveSets, point: Point) -> dict[str, Array] | None:
    """Return the end of a search in which the elements on axes move too; None where integers cannot."""
    objective = ground.objective
    if any(v.discrete for v in ground.variables.values()):
        return None
    theta, initial = objective.pack(point), objective.pack(objective.initial_point())
    end = search_from_start(objective, np.where(np.isfinite(theta), theta, initial), "the grid")
    ground.n_evaluations += end.result.n_evaluations
    return end.result.restricted.natural_point(end.result.x)


def fit_minima(fit: Fit | None, ground: ActiveSets) -> list[dict[str, Array]]:
    """Return the lowest of the other optima that the starts of a fit of the same model ended at, as natural points."""
    if fit is None or fit.objective.model is not ground.objective.model:
        return []
    inside = [optimum.natural for optimum in fit.local_optima() if np.isfinite(optimum.theta).all()]
    return inside[:ENDS]


class _Slice:
    """A grid with the others held at one point.

    Parameters
    ----------
    ground : ActiveSets
        The grid.
    point : Point
        Natural values.
    """

    def __init__(self, ground: ActiveSets, point: Point):
        self.ground, self.point = ground, point
        self.edges = self._at_edges()
        self.heights = np.full(ground.held.total, np.inf)
        for footing, ps in ground.groups(np.flatnonzero(ground.held.inside), self.edges):
            vectors = footing.vectors(ps, np.tile(self.start(footing), (len(ps), 1)))
            self.heights[ps] = footing.values(vectors)

    def start(self, footing: ActiveSet) -> Array:
        """Return the free elements of the point."""
        return footing.start(self.point)

    def solve(self, p: int) -> NuisanceSolution:
        """Solve one point of the grid from here."""
        footing = self.ground.footing(p, self.edges)
        return solve_single(footing, p, self.start(footing))

    def undercut(self, spread: GridContinuation) -> set[int]:
        """Solve the points that are lower here than they were solved; return where that was so."""
        now = np.array([np.inf if found is None else found.value for found in spread.best])
        with np.errstate(invalid="ignore"):
            ps = np.flatnonzero(self.heights < now - LOWER)
        starts = [(footing, self.start(footing)) for footing in (self.ground.footing(int(p), self.edges) for p in ps)]
        return spread.solve_from(ps, starts) if len(ps) else set()

    def _at_edges(self) -> dict[Place, float]:
        """Return the elements on no axis that the point has on an edge of their support."""
        on_axes = {column.place for column in self.ground.held.columns}
        edges: dict[Place, float] = {}
        for name, v in self.ground.variables.items():
            if v.elementwise and not v.discrete and name not in self.ground.held.always:
                values = enumerate(np.ravel(self.point[name]).tolist())
                edges |= {(name, i): x for i, x in values if x in v.limits(i) and (name, i) not in on_axes}
        return edges


def _lowest(spread: GridContinuation, slices: list[_Slice]) -> dict[int, NuisanceSolution] | None:
    """Solve the lowest point of all slices that is not solved yet; None where no point has a value."""
    todo = np.array([spread.best[p] is None and spread.ground.held.inside[p] for p in range(len(spread.best))])
    if not todo.any():
        return None
    heights = np.stack([np.where(todo, s.heights, np.inf) for s in slices])
    which, p = (int(i) for i in np.unravel_index(np.argmin(heights), heights.shape))
    if np.isfinite(heights[which, p]):
        return {p: slices[which].solve(p)}
    for p in _spread_out(np.flatnonzero(todo)):
        found = slices[0].solve(p)
        if found.is_finite:
            return {p: found}
    return None


def _spread_out(ps: Indices) -> list[int]:
    return sorted({int(ps[len(ps) // 2]), int(ps[0]), int(ps[-1])})


def _give_up(spread: GridContinuation) -> None:
    """Leave what was not reached outside: no value of the others was found at which it has a likelihood."""
    for p in np.flatnonzero(spread.ground.held.inside).tolist():
        if spread.best[p] is None:
            footing = spread.ground.footing(p, {})
            spread.offer({p: NuisanceSolution(footing, np.full(len(footing.free), np.nan), np.inf, "outside")})


def _follow_other_minima(spread: GridContinuation, slices: list[_Slice]) -> None:
    """Search from elsewhere, and follow over the grid each other valley that is met."""
    followed: list[dict[int, NuisanceSolution]] = []
    for p, found in _scouts(spread, slices):
        now = spread.best[p]
        if len(followed) == VALLEYS:
            return
        if now is None or not found.is_optimum or found.value > now.value + HIGH:
            continue
        known = [now.value, *(valley[p].value for valley in followed if p in valley)]
        if min(abs(found.value - height) for height in known) > LOWER * (1.0 + abs(found.value)):
            followed.append(spread.fill({p: found}))


def _scouts(spread: GridContinuation, slices: list[_Slice]) -> Iterator[tuple[int, NuisanceSolution]]:
    """Solve a few points from other starts than their neighbours'."""
    for other in slices[1:]:
        p = int(np.argmin(other.heights))
        if np.isfinite(other.heights[p]):
            yield p, other.solve(p)
    rng, ground = np.random.default_rng(SEED), spread.ground
    for p in _far_points(ground):
        footing, solved = ground.footing(p, {}), spread.best[p]
        initial = footing.start(ground.objective.initial_point())
        yield p, solve_single(footing, p, initial)
        if solved is not None and solved.is_finite and len(initial):
            here = footing.carry(solved.footing, np.array([p]), solved.x[None])[0]
            here = np.where(np.isfinite(here), here, initial)  # on an edge there is no unconstrained value
            start = _beyond_a_hill(footing, p, here, _scattered(np.stack([initial, here]), rng))
            if start is not None:
                yield p, solve_single(footing, p, start)


def _scattered(centers: Array, rng: np.random.Generator) -> Array:
    """Return places around two centers, further where those are large."""
    moves = rng.uniform(-AROUND, AROUND, size=(len(centers), PLACES, centers.shape[1]))
    places: Array = centers[:, None] + np.maximum(1.0, np.abs(centers))[:, None] * moves
    return places.reshape(-1, centers.shape[1])


def _beyond_a_hill(footing: ActiveSet, p: int, here: Array, places: Array) -> Array | None:
    """Return the lowest of some places from which the way to a solution leads over a hill."""
    along = places[:, None] + BETWEEN[:, None] * (here - places)[:, None]
    many = np.full(len(places) * len(BETWEEN), p)
    values = footing.values(footing.vectors(many, along.reshape(len(many), -1))).reshape(len(places), -1)
    behind = values.max(axis=1) > values[:, 0] + LOWER
    lowest = int(np.argmin(np.where(behind, values[:, 0], np.inf)))
    return places[lowest] if behind[lowest] and np.isfinite(values[lowest, 0]) else None


def _far_points(ground: ActiveSets) -> list[int]:
    """Return corners of the grid, or the ends of its axes where there are many, as far as they are inside."""
    shape = ground.held.points.shape
    middle = tuple(n // 2 for n in shape)
    if len(shape) <= CORNERED:
        places = [*product(*({0, n - 1} for n in shape)), middle]
    else:
        ends = [(j, i) for j, n in enumerate(shape) for i in {0, n - 1}]
        places = [tuple(i if k == j else m for k, m in enumerate(middle)) for j, i in ends]
    ps = [int(np.ravel_multi_index(place, shape)) for place in dict.fromkeys(places)]
    return [p for p in ps if ground.held.inside[p]]
