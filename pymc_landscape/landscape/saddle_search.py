"""Flow, eigenvector following and least gradient norm, and the order in which they are tried.

Where to look for valleys, saddles and peaks, and in which order: from starts, off valleys, between valleys.

Ways to a point where the slope is zero, from one start each. Whether they arrived, `stationary` says.

* `flow`, the path of steepest descent: where a drop of water goes, and so the one that has basins;
* `follow`, eigenvector following (Cerjan & Miller 1981, *J. Chem. Phys.* 75; Wales 1994, *J. Chem. Soc. Faraday
  Trans.* 90): up along the softest directions, down along the others, to a saddle of a given index or to a peak;
* `least_slope`, the minimum of ‖∇‖², which may end at a point of any index.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from itertools import combinations

import numpy as np
from scipy import integrate, optimize

from pymc_landscape._typing import Array
from pymc_landscape.landscape.stationary_points import Away, Stationary, examine, look
from pymc_landscape.numerics import NEAR, QuadraticModel
from pymc_landscape.objective import Objective, RestrictedObjective
from pymc_landscape.optimize import search
from pymc_landscape.results import DelayedProgressBar

# A new valley behind a saddle makes new pairs: so many rounds.
ROUNDS = 3
# Of more pairs of valleys than this, the nearest are looked between.
PAIRS = 30
# Points along the segment between two valleys.
ALONG = np.linspace(0.0, 1.0, 23)[1:-1]
# Softest directions of each valley along which a way out is looked for, and how far it begins, in standard errors.
WAYS_OUT, OUT = 2, 0.5
# How far beside a saddle a descent begins, in standard errors.
BESIDE = 0.1
# From so many starts saddles and peaks are climbed to.
CLIMBERS = 8
# A climb is given up so many times further out than anything known.
FAR = 10.0
NONE = -1
REACHED = {"valley": "reached a valley", "flat": "reached a flat place"}


class SaddleSearch:
    """A search for all stationary points, and what it has found so far.

    Parameters
    ----------
    objective : Objective
        Whose `value` is looked at.
    starts : array (n, k)
        Where to begin.
    progressbar : bool
        Whether to show progress.

    Attributes
    ----------
    points : list of Stationary
        What was found, in the order in which it was.
    ends : list of int
        For each start, the position in `points` where descent from it ended, −1 for nowhere.
    fates : list of str
        The same in words.
    joins : dict
        For each point of index 1, the positions of the valleys on its sides.
    away : Counter
        How many searches ended nowhere, by the way they did.
    """

    def __init__(self, objective: Objective, starts: Array, progressbar: bool):
        self.restricted, self.starts, self.progressbar = RestrictedObjective(objective), starts, progressbar
        self.points: list[Stationary] = []
        self.ends = [NONE] * len(starts)
        self.fates = ["not reached"] * len(starts)
        self.joins: dict[int, tuple[int, int]] = {}
        self.away: Counter[str] = Counter()
        self.n_searches = 0

    def explore(self) -> None:
        """Look everywhere; Ctrl-C leaves what was found."""
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # solvers that give up say so; their ends are looked at in any case
            self._descend()
            self._step("Climbing from the starts", self._from_starts())
            seen: set[tuple[int, ...]] = set()
            for _ in range(ROUNDS):
                self._step("Looking between valleys", self._around_valleys(seen))
                if not self._sides():
                    break

    def _step(self, what: str, tries: Iterator[Array]) -> None:
        total = len(self.starts)
        with DelayedProgressBar(what, total, self.progressbar) as patient:
            for x in tries:
                self._arrive(x)
                patient.advance(1 if patient.done < total else 0)

    def _arrive(self, x: Array) -> int:
        """Look at the end of a search; return the position of what is there."""
        self.n_searches += 1
        return self._note(examine(self.restricted, x))

    def _note(self, found: Stationary | Away) -> int:
        if isinstance(found, Away):
            self.away[found] += 1
            return NONE
        for i, known in enumerate(self.points):
            if found.is_same(known):
                return i
        self.points.append(found)
        return len(self.points) - 1

    # --- down --------------------------------------------------------------------------------------------------------

    def _descend(self) -> None:
        with DelayedProgressBar("Descending", len(self.starts), self.progressbar) as patient:
            for i, x in enumerate(self.starts):
                self.ends[i], self.fates[i] = self._bottom(x)
                patient.advance(1)

    def _bottom(self, x: Array) -> tuple[int, str]:
        """Return where steepest descent ends, and the same in words."""
        self.n_searches += 1
        end = gradient_flow(self.restricted, x)
        found = examine(self.restricted, end)
        if found is Away.LOST or (isinstance(found, Stationary) and found.index):
            found = examine(self.restricted, search(self.restricted, end).x)
        end_at = self._note(found)
        if isinstance(found, Away):
            return NONE, found.value
        return (NONE, Away.LOST.value) if found.index else (end_at, REACHED[found.kind])

    # --- up ----------------------------------------------------------------------------------------------------------

    def _from_starts(self) -> Iterator[Array]:
        k = self.starts.shape[1]
        indices = sorted({1, min(2, k), k})
        for i, x in enumerate(self.starts):
            scale = self._scale(x)
            yield least_gradient_norm(self.restricted, x, scale)
            for climbs in indices if i < CLIMBERS else ():
                yield self._follow(x, scale, climbs)

    def _around_valleys(self, seen: set[tuple[int, ...]]) -> Iterator[Array]:
        """Look along the ways out of each new valley, and between each new pair."""
        for i in self._valleys():
            if (i,) not in seen:
                seen.add((i,))
                yield from self._ways_out(self.points[i])
        for i, j in self._pairs():
            if (i, j) not in seen:
                seen.add((i, j))
                yield from self._between(self.points[i], self.points[j])

    def _valleys(self) -> list[int]:
        return [i for i, p in enumerate(self.points) if p.kind == "valley"]

    def _pairs(self) -> list[tuple[int, int]]:
        """Return pairs of valleys, the nearest first, in standard errors of the lowest one."""
        valleys = self._valleys()
        scale = self._scale(self.starts[0])
        apart = {
            pair: float(np.linalg.norm(scale * (self.points[pair[0]].here.x - self.points[pair[1]].here.x)))
            for pair in combinations(valleys, 2)
        }
        return sorted(apart, key=apart.__getitem__)[:PAIRS]

    def _ways_out(self, valley: Stationary) -> Iterator[Array]:
        scale = valley.here.spectrum.scale / np.sqrt(2.0)
        for i in range(min(WAYS_OUT, len(scale))):
            step = OUT * valley.here.spectrum.direction(i)
            for side in (1.0, -1.0):
                yield self._follow(valley.here.x + side * step, scale, 1)

    def _between(self, one: Stationary, other: Stationary) -> Iterator[Array]:
        a, b = one.here.x, other.here.x
        segment = a + ALONG[:, None] * (b - a)
        values = self.restricted.values(segment)
        highest = segment[int(np.argmax(np.where(np.isfinite(values), values, -np.inf)))]
        scale = np.sqrt((one.here.spectrum.scale**2 + other.here.spectrum.scale**2) / 4.0)
        yield self._follow(highest, scale, 1)
        yield least_gradient_norm(self.restricted, 0.5 * (a + b), scale)

    def _follow(self, x: Array, scale: Array, climbs: int) -> Array:
        """Look no further out than many times the extent of what is known."""
        known = np.array([*self.starts, *(p.here.x for p in self.points)])
        extent = float(np.linalg.norm(scale * (known - x), axis=1).max())
        return eigenvector_following(self.restricted, x, scale, climbs, reach=FAR * max(extent, 1.0))

    def _scale(self, x: Array) -> Array:
        """Return 1 / standard errors: of the lowest valley, or where there is none the curvatures at x."""
        valleys = [self.points[i].here for i in self._valleys()]
        here = min(valleys, key=lambda place: place.value) if valleys else look(self.restricted, x)
        return np.ones_like(x) if here is None else here.spectrum.scale / np.sqrt(2.0)

    def _sides(self) -> bool:
        """Descend on both sides of each new pass; return whether that led to a new valley."""
        before = len(self._valleys())
        for i, pass_ in enumerate(self.points):
            if pass_.index == 1 and i not in self.joins:
                step = BESIDE * pass_.down
                sides = [self._bottom(pass_.here.x + side * step)[0] for side in (1.0, -1.0)]
                self.joins[i] = (sides[0], sides[1])
        return len(self._valleys()) > before


# Steps of each way, at most.
FLOW_STEPS, FOLLOW_STEPS, LEAST_SLOPE_STEPS = 300, 100, 60
# Half a Newton decrement, in units of −2 log L, from which Newton's own steps end the flow.
NEAR_ENOUGH = 1e-2
# The flow is asked after so many steps whether Newton's own could take over.
FLOW_CHECK = 8
# In standard errors: first and largest step of eigenvector following.
FIRST_STEP, LARGEST_STEP = 0.3, 100.0
# Stands for a slope that does not exist.
STEEP = 1e50


def gradient_flow(restricted: RestrictedObjective, x: Array) -> Array:
    """Follow steepest descent, dx/dt = −∇f, until Newton's own steps would do; return where that is."""
    if look(restricted, x) is None:
        return x
    solver = integrate.LSODA(
        lambda t, y: -restricted.value_and_gradient(y)[1],
        0.0,
        x,
        np.inf,
        rtol=1e-3,
        atol=1e-6,
        jac=lambda t, y: -restricted.hessian(y),
    )
    for step in range(FLOW_STEPS):
        if solver.status != "running" or not np.isfinite(solver.y).all():
            break
        solver.step()
        if step % FLOW_CHECK == 0:
            here = look(restricted, solver.y)
            if here is None or 0.5 * here.decrement < NEAR_ENOUGH:
                break
    end: Array = solver.y
    return end if np.isfinite(restricted.value(end)) else x


def eigenvector_following(restricted: RestrictedObjective, x: Array, scale: Array, climbs: int, reach: float) -> Array:
    """Go up along the `climbs` softest directions and down along the others; return the end.

    Parameters
    ----------
    frame : RestrictedObjective
        The surface.
    x : array (k,)
        Where to begin.
    scale : array (k,)
        Lengths are those of ``scale * x``: 1 / standard errors, of a valley nearby if there is one.
    climbs : int
        The index of the stationary point that is looked for.
    reach : float
        Further than this from `x` is given up.
    """
    here, radius = look(restricted, x), FIRST_STEP
    signs = np.where(np.arange(len(x)) < climbs, -1.0, 1.0)
    for _ in range(FOLLOW_STEPS):
        if here is None or np.linalg.norm(scale * (here.x - x)) > reach:
            break
        values, vectors = np.linalg.eigh(here.hessian / np.outer(scale, scale))
        slope = vectors.T @ (here.gradient / scale)
        step = -signs * slope / np.maximum(np.abs(values), 1e-12)
        length = float(np.linalg.norm(step))
        if (signs * values > 0).all() and 0.5 * float(np.abs(slope) @ np.abs(step)) < NEAR:
            break
        move = vectors @ (step * min(1.0, radius / max(length, 1e-300))) / scale
        there = look(restricted, here.x + move)
        wrong = np.inf if there is None else _surprise(here, there, move, scale)
        if wrong > 0.5:
            radius = 0.4 * min(radius, length)
        elif wrong < 0.15:
            radius = min(2.0 * radius, LARGEST_STEP)
        if wrong < 1.0:
            here = there
        elif radius < 1e-10:
            break
    return x if here is None else here.x


def _surprise(here: QuadraticModel, there: QuadraticModel, move: Array, scale: Array) -> float:
    """Return how far the slope is from what the Hessian foretold, relative to the slope before."""
    foretold = here.gradient + here.hessian @ move
    before = max(float(np.linalg.norm(here.gradient / scale)), 1e-300)
    return float(np.linalg.norm((there.gradient - foretold) / scale)) / before


def least_gradient_norm(restricted: RestrictedObjective, x: Array, scale: Array) -> Array:
    """Minimise the square of the slope from `x`; return the end, where that is 0 or at a minimum of its own."""

    def slope(y: Array) -> Array:
        gradient = restricted.value_and_gradient(y / scale)[1] / scale
        return gradient if np.isfinite(gradient).all() else np.full_like(y, STEEP)

    def jacobian(y: Array) -> Array:
        hessian = restricted.hessian(y / scale) / np.outer(scale, scale)
        return hessian if np.isfinite(hessian).all() else np.eye(len(y))

    found = optimize.least_squares(
        slope,
        x * scale,
        jacobian,
        method="lm",
        x_scale="jac",
        xtol=1e-12,
        ftol=1e-12,
        gtol=1e-12,
        max_nfev=LEAST_SLOPE_STEPS,
    )
    end: Array = found.x / scale
    return end
