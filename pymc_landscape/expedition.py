"""Where to look for valleys, saddles and peaks, and in which order: from starts, off valleys, between valleys."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from itertools import combinations

import numpy as np

from pymc_landscape.aliases import Array
from pymc_landscape.climbing import flow, follow, least_slope
from pymc_landscape.frame import Frame
from pymc_landscape.objective import Objective
from pymc_landscape.progress import Patient
from pymc_landscape.search import search
from pymc_landscape.stationary import Away, Stationary, examine, look

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


class Expedition:
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
        self.frame, self.starts, self.progressbar = Frame(objective), starts, progressbar
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
        with Patient(what, total, self.progressbar) as patient:
            for x in tries:
                self._arrive(x)
                patient.advance(1 if patient.done < total else 0)

    def _arrive(self, x: Array) -> int:
        """Look at the end of a search; return the position of what is there."""
        self.n_searches += 1
        return self._note(examine(self.frame, x))

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
        with Patient("Descending", len(self.starts), self.progressbar) as patient:
            for i, x in enumerate(self.starts):
                self.ends[i], self.fates[i] = self._bottom(x)
                patient.advance(1)

    def _bottom(self, x: Array) -> tuple[int, str]:
        """Return where steepest descent ends, and the same in words."""
        self.n_searches += 1
        end = flow(self.frame, x)
        found = examine(self.frame, end)
        if found is Away.LOST or (isinstance(found, Stationary) and found.index):
            found = examine(self.frame, search(self.frame, end).x)
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
            yield least_slope(self.frame, x, scale)
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
        values = self.frame.values(segment)
        highest = segment[int(np.argmax(np.where(np.isfinite(values), values, -np.inf)))]
        scale = np.sqrt((one.here.spectrum.scale**2 + other.here.spectrum.scale**2) / 4.0)
        yield self._follow(highest, scale, 1)
        yield least_slope(self.frame, 0.5 * (a + b), scale)

    def _follow(self, x: Array, scale: Array, climbs: int) -> Array:
        """Look no further out than many times the extent of what is known."""
        known = np.array([*self.starts, *(p.here.x for p in self.points)])
        extent = float(np.linalg.norm(scale * (known - x), axis=1).max())
        return follow(self.frame, x, scale, climbs, reach=FAR * max(extent, 1.0))

    def _scale(self, x: Array) -> Array:
        """Return 1 / standard errors: of the lowest valley, or where there is none the curvatures at x."""
        valleys = [self.points[i].here for i in self._valleys()]
        here = min(valleys, key=lambda place: place.value) if valleys else look(self.frame, x)
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
