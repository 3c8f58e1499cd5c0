"""Numerical continuation over a grid: from solved points to their neighbours, along tangents.

A point begins at a solved neighbour's solution, moved along its tangent, and needs a step or two of Newton's method
from there (predictor and corrector; Nocedal & Wright 2006, *Numerical Optimization*, section 11.3). Points are solved
in waves, each wave as one batch. A wave follows one branch of local minima of the nuisance parameters; so afterwards
every point is compared with the branches of its neighbours, and solved again where one of them is lower, until none
is: the surface is the lower envelope of all branches that were met.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.landscape.profile_active_set import ActiveSet, ActiveSets, Indices
from pymc_landscape.landscape.profile_solver import NuisanceSolution, solve_batch, solve_single
from pymc_landscape.numerics import noise
from pymc_landscape.objective import is_lower

# Two branches whose values differ by less are the same.
LOWER = 1e-7
# A neighbour's branch is tried if its prediction is no higher than this, in units of −2LL; and only if it is further
# than this from the point's own solution, in lengths along which −2LL rises by about one, with a barrier between.
SLACK, APART = 0.5, 0.2
BETWEEN = np.array([0.0, 0.25, 0.5, 0.75])
# As many points are solved as one batch as fill this many bytes with Hessians.
BYTES = 2**25

# A point to be solved, the solved point from which it begins, and the solution there.
Job = tuple[int, int, NuisanceSolution]


class PredictorCorrector:
    """Steps from solved points to their neighbours: a prediction along the tangent, corrected by minimisation.

    What comes of a step depends on nothing but the step, so that it makes no difference who takes it, and with which
    others.

    Parameters
    ----------
    active_sets : ActiveSets
        The grid.
    """

    def __init__(self, active_sets: ActiveSets):
        self.active_sets = active_sets

    def __call__(self, jobs: Sequence[Job]) -> dict[int, NuisanceSolution]:
        """Take steps; return what each leads to, by point."""
        solved: dict[int, NuisanceSolution] = {}
        size = max(1, BYTES // (8 * max(f.layout.size for f in [jobs[0][2].active_set]) ** 2)) if jobs else 1
        for target, source, own in self.alike(jobs):
            for a in range(0, len(own), size):
                solved |= self._corrected(target, source, own[a : a + size])
        return solved

    def alike(self, jobs: Sequence[Job]) -> Iterable[tuple[ActiveSet, ActiveSet, list[Job]]]:
        """Sort steps by the active sets to which and from which they lead."""
        groups: dict[tuple[ActiveSet, ActiveSet], list[Job]] = {}
        for job in jobs:
            source = job[2].active_set
            groups.setdefault((self.active_sets.active_set(job[0], source.bounds), source), []).append(job)
        return ((target, source, own) for (target, source), own in groups.items())

    def _corrected(self, target: ActiveSet, source: ActiveSet, jobs: Sequence[Job]) -> dict[int, NuisanceSolution]:
        ps = np.array([p for p, _, _ in jobs])
        x, spare = self.begin(target, source, jobs)
        solutions = {}
        for i, (p, there) in enumerate(zip(ps.tolist(), solve_batch(target, ps, x, spare), strict=True)):
            solutions[p] = there if there is not None else self._singly(target, p, x[i], spare[i])
        return solutions

    def _singly(self, active_set: ActiveSet, p: int, x: Array, spare: Array) -> NuisanceSolution:
        values = active_set.values(active_set.vectors(np.array([p, p]), np.stack([x, spare])))
        return solve_single(active_set, p, x if values[0] <= values[1] and np.isfinite(x).all() else spare)

    def begin(self, target: ActiveSet, source: ActiveSet, jobs: Sequence[Job]) -> tuple[Array, Array]:
        """Return where points begin: the solutions of their neighbours moved along the tangents, and not moved."""
        ps, qs = (np.array([job[k] for job in jobs]) for k in (0, 1))
        there = np.stack([old.x for _, _, old in jobs])
        spare = target.transfer(source, qs, there)
        rows = [i for i, (_, _, old) in enumerate(jobs) if old.tangent is not None and target is source]
        if not rows:
            return spare, spare
        tangents = np.stack([old.tangent for _, _, old in jobs if old.tangent is not None])
        move = target.on_axes(ps[rows]) - target.on_axes(qs[rows])
        x = spare.copy()
        x[rows] = there[rows] + np.einsum("nij,nj->ni", tangents, move)
        return x, spare


class GridContinuation:
    """Solved points of a grid.

    Parameters
    ----------
    active_sets : ActiveSets
        The grid.
    on_solved : callable
        Called with the number of points that were solved for the first time.
    solve : callable, optional
        Takes many steps at once, as a `PredictorCorrector` does, which it is if left out.

    Attributes
    ----------
    best : list of NuisanceSolution or None
        The lowest solution so far, by point.
    """

    def __init__(
        self,
        active_sets: ActiveSets,
        on_solved: Callable[[int], None],
        solve: Callable[[Sequence[Job]], dict[int, NuisanceSolution]] | None = None,
    ):
        self.active_sets, self.on_solved = active_sets, on_solved
        self.steps = PredictorCorrector(active_sets)
        self.solve = solve or self.steps
        self.shape = active_sets.axes.points.shape
        self.best: list[NuisanceSolution | None] = [None] * active_sets.axes.total

    def offer(self, solutions: dict[int, NuisanceSolution]) -> set[int]:
        """Keep the solutions that are lower than before; return their points."""
        lower = set()
        for p, new in solutions.items():
            old = self.best[p]
            self.on_solved(int(old is None))
            if old is None or _is_lower(p, new, old):
                self.best[p] = new
                lower.add(p)
        return lower

    def fill(self, seeds: dict[int, NuisanceSolution]) -> dict[int, NuisanceSolution]:
        """Continue a branch from some of its points over the grid, as far as it is new; return it."""
        self.offer(seeds)
        branch, fresh = dict(seeds), set(seeds)
        while fresh:
            inside = self.active_sets.axes.inside
            wave = {p for q in fresh for p in self.neighbours(q) if p not in branch and inside[p]}
            solutions = self.solve([self._from_best(p, branch) for p in sorted(wave)])
            branch |= solutions
            before = {p for p, new in solutions.items() if self._is_known(p, new)}
            self.offer(solutions)
            fresh = {p for p, new in solutions.items() if new.is_finite} - before
        return branch

    def lower(self, changed: Collection[int]) -> None:
        """Solve again wherever the branch of a neighbour is lower, until nothing changes."""
        for _ in range(2 * sum(self.shape)):
            changed = self.offer(self.solve(self._promising(changed)))
            if not changed:
                return

    def solve_from(self, ps: Indices, starts: Sequence[tuple[ActiveSet, Array]]) -> set[int]:
        """Solve points from starts of their own; return the points at which that is lower."""
        seeds = [NuisanceSolution(active_set, x, np.inf, "outside") for active_set, x in starts]
        return self.offer(self.solve([(int(p), int(p), seed) for p, seed in zip(ps, seeds, strict=True)]))

    def solve_without_nuisance(self) -> None:
        """Evaluate all points, where no element is free."""
        for active_set, ps in self.active_sets.groups(np.flatnonzero(self.active_sets.axes.inside), {}):
            x = np.zeros((len(ps), 0))
            for p, value in zip(ps.tolist(), active_set.values(active_set.vectors(ps, x)).tolist(), strict=True):
                status = "converged" if np.isfinite(value) else "outside"
                self.offer({p: NuisanceSolution(active_set, x[0], value, status)})

    def neighbours(self, p: int) -> Iterable[int]:
        """Yield the points next to p along the axes."""
        stride = 1
        for n in reversed(self.shape):
            i = p // stride % n
            if i > 0:
                yield p - stride
            if i < n - 1:
                yield p + stride
            stride *= n

    def _from_best(self, p: int, branch: dict[int, NuisanceSolution]) -> Job:
        solved = [(not branch[q].is_optimum, branch[q].value, q) for q in self.neighbours(p) if q in branch]
        q = min(solved)[2]
        return p, q, branch[q]

    def _is_known(self, p: int, new: NuisanceSolution) -> bool:
        old = self.best[p]
        return old is not None and abs(new.value - old.value) <= LOWER + noise(old.value)

    # --- other branches ----------------------------------------------------------------------------------------------

    def _promising(self, changed: Collection[int]) -> list[Job]:
        """Return the points that may be lower on the branch of a neighbour, each with the lowest such prediction."""
        jobs = [
            (p, q, old)
            for q in sorted(changed)
            for old in [self.best[q]]
            if old is not None and old.is_optimum
            for p in self.neighbours(q)
            if self.active_sets.axes.inside[p] and self.best[p] is not None
        ]
        predictions: dict[int, tuple[float, Job]] = {}
        for target, source, own in self.steps.alike(jobs):
            for job, height in zip(own, self._heights(target, source, own), strict=True):
                if height < predictions.get(job[0], (np.inf,))[0]:
                    predictions[job[0]] = height, job
        return [job for _, job in predictions.values()]

    def _heights(self, target: ActiveSet, source: ActiveSet, jobs: Sequence[Job]) -> Array:
        """Return the value that the branch of a neighbour predicts, less the point's own; +inf: not to be tried."""
        x, _ = self.steps.begin(target, source, jobs)
        ps, heights = np.array([p for p, _, _ in jobs]), np.full(len(jobs), np.inf)
        now = [self.best[p] for p in ps.tolist()]
        rows = np.array([i for i, old in enumerate(now) if old is not None and self._is_apart(target, old, x[i])], int)
        if not len(rows):
            return heights
        own = np.stack([_own_solution(target, now[i], x[i]) for i in rows])
        along = x[rows, None] + BETWEEN[:, None] * (own - x[rows])[:, None]
        many = np.repeat(ps[rows], len(BETWEEN))
        values = target.values(target.vectors(many, along.reshape(len(many), -1))).reshape(len(rows), -1)
        height = np.array([old.value for old in now if old is not None])[rows]
        with np.errstate(invalid="ignore"):
            rise = values[:, 0] - height
            barrier = values.max(axis=1) > np.maximum(values[:, 0], height) + LOWER
        elsewhere = np.array([now[i].active_set is not target for i in rows])
        use = (rise < -LOWER) | ((rise < SLACK) & (barrier | elsewhere))
        heights[rows] = np.where(use & np.isfinite(values[:, 0]), rise, np.inf)
        return heights

    def _is_apart(self, active_set: ActiveSet, old: NuisanceSolution, x: Array) -> bool:
        """Whether a point's own solution is not where the tangent of a neighbour leads."""
        if old.active_set is not active_set or old.scale is None:
            return True
        return bool(np.linalg.norm(old.scale * (x - old.x)) > APART)


def _is_lower(p: int, new: NuisanceSolution, old: NuisanceSolution) -> bool:
    """Whether a solution is lower than an earlier one of the same point, by more than its rounding."""
    if not (old.is_finite and new.is_finite):
        return new.value < old.value
    bar, begin = old.value - (LOWER + noise(old.value)), (old.active_set.restricted(p), old.x)
    return new.value < bar and is_lower(new.active_set.restricted(p), new.x, new.value, bar, begin)


def _own_solution(active_set: ActiveSet, old: NuisanceSolution | None, x: Array) -> Array:
    """Return the point's own solution, or x where that has another active set."""
    return old.x if old is not None and old.active_set is active_set else x
