"""Searches for stationary points by gradient flow, eigenvector following and least gradient norm.

From every start, then from and between the local minima that were found, three methods are tried. Whether the end of a
search is a stationary point is decided in :mod:`~pymc_landscape.landscape.stationary_points`.

* `gradient_flow`, dx/dt = −∇f: its ends define the basins of attraction of the local minima;
* `eigenvector_following` (Cerjan & Miller 1981, *J. Chem. Phys.* 75; Wales 1994, *J. Chem. Soc. Faraday Trans.* 90):
  up along the directions of lowest curvature, down along all others, to a saddle of a given index or to a maximum;
* `least_gradient_norm`, the minimum of ‖∇f‖², which may be a stationary point of any index.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from itertools import combinations

import numpy as np
import scipy

from pymc_landscape._typing import Array
from pymc_landscape.landscape.stationary_points import SearchFailure, StationaryPoint, evaluate_at, examine
from pymc_landscape.numerics import NEAR, QuadraticModel
from pymc_landscape.objective import Objective, RestrictedObjective
from pymc_landscape.optimize import search
from pymc_landscape.results import DelayedProgressBar

# A new local minimum behind a saddle makes new pairs: so many rounds.
ROUNDS = 3
# Of more pairs of local minima than this, the nearest are searched between.
PAIRS = 30
# Points along the segment between two local minima.
ALONG = np.linspace(0.0, 1.0, 23)[1:-1]
# Directions of lowest curvature of each local minimum along which a saddle is searched, and how far from the minimum
# that begins, in standard errors.
SOFT_DIRECTIONS, SOFT_DISTANCE = 2, 0.5
# How far from a saddle a descent begins, in standard errors.
BESIDE = 0.1
# From so many starts saddles and maxima are searched by eigenvector following.
ASCENT_STARTS = 8
# Eigenvector following is given up so many times further out than any known point.
FAR = 10.0
NONE = -1
REACHED = {"valley": "reached a valley", "flat": "reached a flat place"}


class SaddleSearch:
    """A search for all stationary points, and those that it has found so far.

    Parameters
    ----------
    objective : Objective
        Whose `value` is searched.
    starts : array (n, k)
        Where to begin.
    progressbar : bool
        Whether to show progress.

    Attributes
    ----------
    points : list of Stationary
        In the order in which they were found.
    reached : list of int
        For each start, the position in `points` of the minimum to which descent from it leads; −1 for none.
    fates : list of str
        The same in words.
    joins : dict
        For each point of index 1, the positions of the minima on its two sides.
    failures : Counter
        How many searches ended at no stationary point, by reason.
    """

    def __init__(self, objective: Objective, starts: Array, progressbar: bool):
        self.restricted, self.starts, self.progressbar = RestrictedObjective(objective), starts, progressbar
        self.points: list[StationaryPoint] = []
        self.reached = [NONE] * len(starts)
        self.fates = ["not reached"] * len(starts)
        self.joins: dict[int, tuple[int, int]] = {}
        self.failures: Counter[str] = Counter()
        self.n_searches = 0

    def run(self) -> None:
        """Search from everywhere; Ctrl-C leaves the points found so far."""
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # solvers that give up say so; their ends are examined in any case
            self._descend_from_starts()
            self._step("Climbing from the starts", self._from_starts())
            seen: set[tuple[int, ...]] = set()
            for _ in range(ROUNDS):
                self._step("Looking between valleys", self._from_minima(seen))
                if not self._descend_from_passes():
                    break

    def _step(self, what: str, tries: Iterator[Array]) -> None:
        total = len(self.starts)
        with DelayedProgressBar(what, total, self.progressbar) as bar:
            for x in tries:
                self._examine_end(x)
                bar.advance(1 if bar.done < total else 0)

    def _examine_end(self, x: Array) -> int:
        """Examine the end of a search; return the position of the stationary point there."""
        self.n_searches += 1
        return self._record(examine(self.restricted, x))

    def _record(self, result: StationaryPoint | SearchFailure) -> int:
        if isinstance(result, SearchFailure):
            self.failures[result] += 1
            return NONE
        for i, known in enumerate(self.points):
            if result.is_same(known):
                return i
        self.points.append(result)
        return len(self.points) - 1

    # --- down --------------------------------------------------------------------------------------------------------

    def _descend_from_starts(self) -> None:
        with DelayedProgressBar("Descending", len(self.starts), self.progressbar) as bar:
            for i, x in enumerate(self.starts):
                self.reached[i], self.fates[i] = self._descend_from(x)
                bar.advance(1)

    def _descend_from(self, x: Array) -> tuple[int, str]:
        """Return the position of the minimum to which steepest descent leads, and the same in words."""
        self.n_searches += 1
        endpoint = gradient_flow(self.restricted, x)
        result = examine(self.restricted, endpoint)
        if result is SearchFailure.LOST or (isinstance(result, StationaryPoint) and result.index):
            result = examine(self.restricted, search(self.restricted, endpoint).x)
        position = self._record(result)
        if isinstance(result, SearchFailure):
            return NONE, result.value
        return (NONE, SearchFailure.LOST.value) if result.index else (position, REACHED[result.kind])

    # --- up ----------------------------------------------------------------------------------------------------------

    def _from_starts(self) -> Iterator[Array]:
        k = self.starts.shape[1]
        indices = sorted({1, min(2, k), k})
        for i, x in enumerate(self.starts):
            scale = self._scale(x)
            yield least_gradient_norm(self.restricted, x, scale)
            for climbs in indices if i < ASCENT_STARTS else ():
                yield self._follow_eigenvectors(x, scale, climbs)

    def _from_minima(self, seen: set[tuple[int, ...]]) -> Iterator[Array]:
        """Search along the soft directions of each new minimum, and between each new pair."""
        for i in self._minima():
            if (i,) not in seen:
                seen.add((i,))
                yield from self._along_soft_directions(self.points[i])
        for i, j in self._pairs():
            if (i, j) not in seen:
                seen.add((i, j))
                yield from self._between(self.points[i], self.points[j])

    def _minima(self) -> list[int]:
        return [i for i, p in enumerate(self.points) if p.kind == "valley"]

    def _pairs(self) -> list[tuple[int, int]]:
        """Return pairs of minima, the nearest first, in standard errors of the lowest one."""
        minima = self._minima()
        scale = self._scale(self.starts[0])
        apart = {
            pair: float(np.linalg.norm(scale * (self.points[pair[0]].here.x - self.points[pair[1]].here.x)))
            for pair in combinations(minima, 2)
        }
        return sorted(apart, key=apart.__getitem__)[:PAIRS]

    def _along_soft_directions(self, minimum: StationaryPoint) -> Iterator[Array]:
        scale = minimum.here.spectrum.scale / np.sqrt(2.0)
        for i in range(min(SOFT_DIRECTIONS, len(scale))):
            step = SOFT_DISTANCE * minimum.here.spectrum.direction(i)
            for side in (1.0, -1.0):
                yield self._follow_eigenvectors(minimum.here.x + side * step, scale, 1)

    def _between(self, one: StationaryPoint, other: StationaryPoint) -> Iterator[Array]:
        a, b = one.here.x, other.here.x
        segment = a + ALONG[:, None] * (b - a)
        values = self.restricted.values(segment)
        highest = segment[int(np.argmax(np.where(np.isfinite(values), values, -np.inf)))]
        scale = np.sqrt((one.here.spectrum.scale**2 + other.here.spectrum.scale**2) / 4.0)
        yield self._follow_eigenvectors(highest, scale, 1)
        yield least_gradient_norm(self.restricted, 0.5 * (a + b), scale)

    def _follow_eigenvectors(self, x: Array, scale: Array, climbs: int) -> Array:
        """Follow eigenvectors, no further out than many times the extent of the known points."""
        known = np.array([*self.starts, *(p.here.x for p in self.points)])
        extent = float(np.linalg.norm(scale * (known - x), axis=1).max())
        return eigenvector_following(self.restricted, x, scale, climbs, reach=FAR * max(extent, 1.0))

    def _scale(self, x: Array) -> Array:
        """Return 1 / standard errors: of the lowest minimum, or where there is none by the curvatures at x."""
        minima = [self.points[i].here for i in self._minima()]
        here = min(minima, key=lambda model: model.value) if minima else evaluate_at(self.restricted, x)
        return np.ones_like(x) if here is None else here.spectrum.scale / np.sqrt(2.0)

    def _descend_from_passes(self) -> bool:
        """Descend on both sides of each new saddle of index 1; return whether that led to a new minimum."""
        before = len(self._minima())
        for i, pass_ in enumerate(self.points):
            if pass_.index == 1 and i not in self.joins:
                step = BESIDE * pass_.down
                sides = [self._descend_from(pass_.here.x + side * step)[0] for side in (1.0, -1.0)]
                self.joins[i] = (sides[0], sides[1])
        return len(self._minima()) > before


# Steps of each method, at most.
FLOW_STEPS, FOLLOW_STEPS, LEAST_NORM_STEPS = 300, 100, 60
# Half a Newton decrement, in units of −2 log L, below which Newton's method replaces the flow.
NEAR_ENOUGH = 1e-2
# After so many steps of the flow it is tested whether Newton's method can replace it.
FLOW_CHECK = 8
# In standard errors: first and largest step of eigenvector following.
FIRST_STEP, LARGEST_STEP = 0.3, 100.0
# Stands for a gradient that is not finite.
NO_GRADIENT = 1e50


def gradient_flow(restricted: RestrictedObjective, x: Array) -> Array:
    """Integrate steepest descent, dx/dt = −∇f, until Newton's method can finish; return its end."""
    if evaluate_at(restricted, x) is None:
        return x
    solver = scipy.integrate.LSODA(
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
            here = evaluate_at(restricted, solver.y)
            if here is None or 0.5 * here.decrement < NEAR_ENOUGH:
                break
    endpoint: Array = solver.y
    return endpoint if np.isfinite(restricted.value(endpoint)) else x


def eigenvector_following(restricted: RestrictedObjective, x: Array, scale: Array, climbs: int, reach: float) -> Array:
    """Go up along the `climbs` directions of lowest curvature and down along all others; return the end.

    Parameters
    ----------
    restricted : RestrictedObjective
        The function.
    x : array (k,)
        The start.
    scale : array (k,)
        Lengths are those of ``scale * x``: 1 / standard errors, of a local minimum nearby if there is one.
    climbs : int
        The index of the stationary point that is searched for.
    reach : float
        The search is given up further than this from `x`.
    """
    here, radius = evaluate_at(restricted, x), FIRST_STEP
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
        there = evaluate_at(restricted, here.x + move)
        wrong = np.inf if there is None else _gradient_error(here, there, move, scale)
        if wrong > 0.5:
            radius = 0.4 * min(radius, length)
        elif wrong < 0.15:
            radius = min(2.0 * radius, LARGEST_STEP)
        if wrong < 1.0:
            here = there
        elif radius < 1e-10:
            break
    return x if here is None else here.x


def _gradient_error(here: QuadraticModel, there: QuadraticModel, move: Array, scale: Array) -> float:
    """Return the error of the gradient that the Hessian predicted, relative to the gradient before."""
    predicted = here.gradient + here.hessian @ move
    before = max(float(np.linalg.norm(here.gradient / scale)), 1e-300)
    return float(np.linalg.norm((there.gradient - predicted) / scale)) / before


def least_gradient_norm(restricted: RestrictedObjective, x: Array, scale: Array) -> Array:
    """Minimise ‖∇f‖² from `x`; return the end, where that is 0 or has a local minimum."""

    def slope(y: Array) -> Array:
        gradient = restricted.value_and_gradient(y / scale)[1] / scale
        return gradient if np.isfinite(gradient).all() else np.full_like(y, NO_GRADIENT)

    def jacobian(y: Array) -> Array:
        hessian = restricted.hessian(y / scale) / np.outer(scale, scale)
        return hessian if np.isfinite(hessian).all() else np.eye(len(y))

    result = scipy.optimize.least_squares(
        slope,
        x * scale,
        jacobian,
        method="lm",
        x_scale="jac",
        xtol=1e-12,
        ftol=1e-12,
        gtol=1e-12,
        max_nfev=LEAST_NORM_STEPS,
    )
    endpoint: Array = result.x / scale
    return endpoint
