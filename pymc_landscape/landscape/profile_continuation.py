"""The others at their best at all points of a grid: spread from solved points to their neighbours.

A point begins where a solved neighbour's tangent leads, and is a step or two of Newton's method away from its end.
Points are solved in waves, each wave abreast. One wave follows one valley of the others, so afterwards every point is
asked whether a neighbour's valley would be lower, and solved again from there if so, until none is: the landscape is
the lower envelope of all valleys that were met.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.landscape.profile_active_set import ActiveSet, ActiveSets, Indices
from pymc_landscape.landscape.profile_solver import NuisanceSolution, solve_batch, solve_single
from pymc_landscape.numerics import noise

# A valley that is lower by less is the same.
LOWER = 1e-7
# A neighbour's valley is tried if it is not higher than this before the others have moved, and, within one valley's
# width, only if there is a hill between: so far apart, in lengths along which −2LL rises by about one.
SLACK, APART = 0.5, 0.2
BETWEEN = np.array([0.0, 0.25, 0.5, 0.75])
# As many points are solved abreast as fill this many bytes with Hessians.
BYTES = 2**25

# A point to be solved, and the solved one that it begins from.
Job = tuple[int, int, NuisanceSolution]


class GridContinuation:
    """Solved points of a grid.

    Parameters
    ----------
    ground : ActiveSets
        The grid.
    tell : callable
        Told how many points were solved for the first time.

    Attributes
    ----------
    best : list of NuisanceSolution or None
        The lowest that was found, by point.
    """

    def __init__(self, ground: ActiveSets, tell: Callable[[int], None]):
        self.ground, self.tell = ground, tell
        self.shape = ground.held.points.shape
        self.best: list[NuisanceSolution | None] = [None] * ground.held.total

    def offer(self, found: dict[int, NuisanceSolution]) -> set[int]:
        """Keep what is lower than before; return where."""
        lower = set()
        for p, new in found.items():
            old = self.best[p]
            self.tell(int(old is None))
            if old is None or new.value < old.value - (LOWER + noise(old.value) if old.is_finite else 0.0):
                self.best[p] = new
                lower.add(p)
        return lower

    def fill(self, seeds: dict[int, NuisanceSolution]) -> dict[int, NuisanceSolution]:
        """Follow a valley from some of its points over the grid, as far as it is not that of before; return it."""
        self.offer(seeds)
        valley, fresh = dict(seeds), set(seeds)
        while fresh:
            beside = {p for q in fresh for p in self.neighbours(q) if p not in valley and self.ground.held.inside[p]}
            found = self._solve([self._from_best(p, valley) for p in sorted(beside)])
            valley |= found
            before = {p for p, new in found.items() if self._is_known(p, new)}
            self.offer(found)
            fresh = {p for p, new in found.items() if new.is_finite} - before
        return valley

    def lower(self, changed: Collection[int]) -> None:
        """Solve again wherever a neighbour's valley is lower, until nothing changes."""
        for _ in range(2 * sum(self.shape)):
            changed = self.offer(self._solve(self._promising(changed)))
            if not changed:
                return

    def solve_from(self, ps: Indices, starts: Sequence[tuple[ActiveSet, Array]]) -> set[int]:
        """Solve points from starts of their own; return where that was lower."""
        seeds = [NuisanceSolution(footing, x, np.inf, "outside") for footing, x in starts]
        return self.offer(self._solve([(int(p), int(p), seed) for p, seed in zip(ps, seeds, strict=True)]))

    def stand(self) -> None:
        """Take the points as they are, where nothing is free."""
        for footing, ps in self.ground.groups(np.flatnonzero(self.ground.held.inside), {}):
            nothing = np.zeros((len(ps), 0))
            for p, value in zip(ps.tolist(), footing.values(footing.vectors(ps, nothing)).tolist(), strict=True):
                status = "converged" if np.isfinite(value) else "outside"
                self.offer({p: NuisanceSolution(footing, nothing[0], value, status)})

    def neighbours(self, p: int) -> Iterable[int]:
        """Yield the points beside p along the axes."""
        stride = 1
        for n in reversed(self.shape):
            i = p // stride % n
            if i > 0:
                yield p - stride
            if i < n - 1:
                yield p + stride
            stride *= n

    def _from_best(self, p: int, valley: dict[int, NuisanceSolution]) -> Job:
        beside = [(not valley[q].is_optimum, valley[q].value, q) for q in self.neighbours(p) if q in valley]
        q = min(beside)[2]
        return p, q, valley[q]

    def _is_known(self, p: int, new: NuisanceSolution) -> bool:
        old = self.best[p]
        return old is not None and abs(new.value - old.value) <= LOWER + noise(old.value)

    # --- solving -----------------------------------------------------------------------------------------------------

    def _solve(self, jobs: Sequence[Job]) -> dict[int, NuisanceSolution]:
        solved: dict[int, NuisanceSolution] = {}
        size = max(1, BYTES // (8 * max(f.layout.size for f in [jobs[0][2].footing]) ** 2)) if jobs else 1
        for target, source, own in self._alike(jobs):
            for a in range(0, len(own), size):
                solved |= self._solve_alike(target, source, own[a : a + size])
        return solved

    def _alike(self, jobs: Sequence[Job]) -> Iterable[tuple[ActiveSet, ActiveSet, list[Job]]]:
        groups: dict[tuple[ActiveSet, ActiveSet], list[Job]] = {}
        for job in jobs:
            source = job[2].footing
            groups.setdefault((self.ground.footing(job[0], source.edges), source), []).append(job)
        return ((target, source, own) for (target, source), own in groups.items())

    def _solve_alike(self, target: ActiveSet, source: ActiveSet, jobs: Sequence[Job]) -> dict[int, NuisanceSolution]:
        ps = np.array([p for p, _, _ in jobs])
        x, spare = self._begin(target, source, jobs)
        found = {}
        for i, (p, there) in enumerate(zip(ps.tolist(), solve_batch(target, ps, x, spare), strict=True)):
            found[p] = there if there is not None else self._solve_alone(target, p, x[i], spare[i])
        return found

    def _solve_alone(self, footing: ActiveSet, p: int, x: Array, spare: Array) -> NuisanceSolution:
        values = footing.values(footing.vectors(np.array([p, p]), np.stack([x, spare])))
        return solve_single(footing, p, x if values[0] <= values[1] and np.isfinite(x).all() else spare)

    def _begin(self, target: ActiveSet, source: ActiveSet, jobs: Sequence[Job]) -> tuple[Array, Array]:
        """Return where points begin: along the tangents of the solved ones, and where those are themselves."""
        ps, qs = (np.array([job[k] for job in jobs]) for k in (0, 1))
        there = np.stack([old.x for _, _, old in jobs])
        spare = target.carry(source, qs, there)
        if target is not source or any(old.tangent is None for _, _, old in jobs):
            return spare, spare
        tangents = np.stack([old.tangent for _, _, old in jobs if old.tangent is not None])
        way = target.on_axes(ps) - target.on_axes(qs)
        return there + np.einsum("nij,nj->ni", tangents, way), spare

    # --- other valleys -----------------------------------------------------------------------------------------------

    def _promising(self, changed: Collection[int]) -> list[Job]:
        """Return the points that may be lower in a neighbour's valley, each with the neighbour that promises most."""
        jobs = [
            (p, q, old)
            for q in sorted(changed)
            for old in [self.best[q]]
            if old is not None and old.is_optimum
            for p in self.neighbours(q)
            if self.ground.held.inside[p] and self.best[p] is not None
        ]
        promises: dict[int, tuple[float, Job]] = {}
        for target, source, own in self._alike(jobs):
            for job, height in zip(own, self._heights(target, source, own), strict=True):
                if height < promises.get(job[0], (np.inf,))[0]:
                    promises[job[0]] = height, job
        return [job for _, job in promises.values()]

    def _heights(self, target: ActiveSet, source: ActiveSet, jobs: Sequence[Job]) -> Array:
        """Return how high points are in the valleys of their neighbours, less how high they are; +inf: no use."""
        x, _ = self._begin(target, source, jobs)
        ps, heights = np.array([p for p, _, _ in jobs]), np.full(len(jobs), np.inf)
        now = [self.best[p] for p in ps.tolist()]
        rows = np.array([i for i, old in enumerate(now) if old is not None and self._is_apart(target, old, x[i])], int)
        if not len(rows):
            return heights
        ends = np.stack([_end(target, now[i], x[i]) for i in rows])
        along = x[rows, None] + BETWEEN[:, None] * (ends - x[rows])[:, None]
        many = np.repeat(ps[rows], len(BETWEEN))
        values = target.values(target.vectors(many, along.reshape(len(many), -1))).reshape(len(rows), -1)
        height = np.array([old.value for old in now if old is not None])[rows]
        with np.errstate(invalid="ignore"):
            rise = values[:, 0] - height
            hill = values.max(axis=1) > np.maximum(values[:, 0], height) + LOWER
        elsewhere = np.array([now[i].footing is not target for i in rows])
        use = (rise < -LOWER) | ((rise < SLACK) & (hill | elsewhere))
        heights[rows] = np.where(use & np.isfinite(values[:, 0]), rise, np.inf)
        return heights

    def _is_apart(self, footing: ActiveSet, old: NuisanceSolution, x: Array) -> bool:
        """Whether a point's own solution is elsewhere than where a neighbour's tangent leads."""
        if old.footing is not footing or old.scale is None:
            return True
        return bool(np.linalg.norm(old.scale * (x - old.x)) > APART)


def _end(footing: ActiveSet, old: NuisanceSolution | None, x: Array) -> Array:
    """Return the point's own solution, or x where it cannot be reached on one footing."""
    return old.x if old is not None and old.footing is footing else x
