"""One side of a profile: walked to a cut-off, looked at beyond it, and lowered where another valley is lower."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pymc_landscape.aliases import Array
from pymc_landscape.branches import LowerOptimum, go_back
from pymc_landscape.frame import Frame
from pymc_landscape.hermite import cubic
from pymc_landscape.milestone import Milestone, coordinate, milestone, place, point_of, spot_at
from pymc_landscape.other_valleys import lowest_valley
from pymc_landscape.spot import Spot
from pymc_landscape.trace import BEYOND, Step, Trace, follow

# So often another valley is changed to at the end of a side.
VALLEYS = 3
# Steps over which Δ gains so much more, or less, than its mean slope says are halved, so often; and those between
# which two cubics are apart by so much of the gain.
BENDS, HALVINGS = 0.1, 3
APART = 0.01
# Out to a lower optimum of another start, and as far again by this share.
PAST = 1.5


@dataclass
class Outward:
    """One side of a profile on the way.

    Parameters
    ----------
    estimate : Spot
        The minimum.
    side : float
        -1 below, 1 above, natural.
    zeta_step : float
        How far apart steps are, in ζ.
    marks : list of Milestone
        Steps so far, from the estimate outward; `walk` adds to them, so that what is there is there when it ends early.
    """

    estimate: Spot
    side: float
    zeta_step: float
    marks: list[Milestone] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin at the estimate, or where the last steps ended."""
        self.trace = Trace(self.estimate, self.side * self.estimate.sign, self.zeta_step)
        self.edge = self.estimate.quantity.bounds[int(self.side > 0)]
        self.frames: list[Frame] = [self.estimate.frame]

    def walk(self, enough: float, others: Sequence[Mapping[str, Array]]) -> None:
        """Go on until Δ exceeds `enough`.

        Parameters
        ----------
        enough : float
            The cut-off.
        others : sequence of points
            Natural points that may lie in other valleys.

        Raises
        ------
        LowerOptimum
            If a point lower than the estimate was met.
        """
        if self._is_done(enough):
            return
        if self.marks:
            self._resume()
        for _ in range(VALLEYS):
            self._take(self.trace.steps(enough), enough)
            self._look_beyond(enough, others)
            if not self._changes_valley(others):
                return

    def _is_done(self, enough: float) -> bool:
        if not self.marks:
            return False
        last = self.marks[-1]
        return last.state in ("at_bound", "open") or (last.rise >= enough and last.state != "failed")

    def _resume(self) -> None:
        spot = spot_at(self.marks[-1], self.estimate)
        before = self.marks[-2] if len(self.marks) > 1 else milestone(Step(self.estimate, "estimate"), self.estimate)
        length = abs(spot.coordinate - coordinate(before, spot.frame, spot.quantity))
        self.trace.resume(spot, length or self.trace.first_length(), [mark.rise for mark in self.marks])

    # --- along one valley --------------------------------------------------------------------------------------------

    def _take(self, steps: Iterator[Step], enough: float) -> None:
        for step in steps:
            self.frames.append(step.spot.frame)
            if step.state == "new_optimum":
                raise LowerOptimum(step.spot)
            self._add(self._named(step), enough)

    def _named(self, step: Step) -> Step:
        """Give a side that rises no more towards an edge the edge for its end."""
        return Step(step.spot, "at_bound") if step.state == "open" and np.isfinite(self.edge) else step

    def _add(self, step: Step, enough: float) -> None:
        again = bool(self.marks) and step.spot is self.marks[-1].spot
        if step.state == "failed" and again and self.marks[-1].rise >= enough:
            return  # beyond the cut-off the way may end anywhere
        if again:
            self.marks.pop()
        before = self.marks[-1].spot if self.marks else self.estimate
        self.marks.append(milestone(step, self.estimate))
        if step.state == "kink":
            self.marks[:] = go_back(self.estimate, self.marks)
        elif before is not None and not again:
            self.marks[-1:-1] = [milestone(s, self.estimate) for s in self._between(before, step.spot, HALVINGS)]

    def _between(self, a: Spot, b: Spot, halvings: int) -> list[Step]:
        """Return more steps where the profile bends so much between two that a cubic would not follow it."""
        way = b.coordinate - a.coordinate
        if halvings == 0 or a.frame.held.keys() != b.frame.held.keys() or (a is self.estimate and abs(a.slope) > 0.1):
            return []
        if not self._bends(a, b):
            return []
        middle = follow(a, a.coordinate + 0.5 * way)
        if middle is None:
            return []
        self.frames.append(middle.frame)
        inner, outer = self._between(a, middle, halvings - 1), self._between(middle, b, halvings - 1)
        return [*inner, Step(middle, "converged"), *outer]

    def _bends(self, a: Spot, b: Spot) -> bool:
        """Whether two cubics, of Δ by the coordinate and of the coordinate by ζ, do not agree between two points."""
        way, rises = b.coordinate - a.coordinate, np.array([self.trace.rise(a), self.trace.rise(b)])
        gained, slopes = rises[1] - rises[0], way * np.array([a.slope, b.slope])
        if not (slopes > 0).all() or rises.min() <= 0:
            return bool(abs(gained - slopes.mean()) > BENDS * max(abs(gained), self.zeta_step**2))
        zetas = np.sqrt(rises)
        share = cubic(0.5, np.array([0.0, 1.0]), 2.0 * zetas * np.diff(zetas) / slopes)
        height = cubic(share, rises, slopes)
        return bool(abs(height - zetas.mean() ** 2) > APART * gained)

    def _look_beyond(self, enough: float, others: Sequence[Mapping[str, Array]]) -> None:
        """Walk on where −2LL falls again, or where another start found a minimum below the cut-off."""
        last = self.marks[-1] if self.marks else None
        if last is None or last.rise < enough or last.state not in ("converged", "kink") or last.spot is None:
            return
        way = self.trace.way(last.spot)
        until = max((PAST * w for w in self._minima(enough, others) if w > way), default=0.0)
        if np.isfinite(way) and self.trace.falls_beyond(last.spot):
            until = max(until, BEYOND * way)
        if until > way:
            self._take(self.trace.steps(enough, until), enough)

    def _minima(self, enough: float, others: Sequence[Mapping[str, Array]]) -> Iterator[float]:
        """Yield how far out the other minima below the cut-off are, on this side."""
        frame = self.estimate.frame
        for point in others:
            x = place(frame, point)
            if frame.value(x) < self.estimate.value + enough:
                away = self.estimate.quantity.read(frame, x).value - self.estimate.coordinate
                yield self.trace.side * away

    # --- into another ------------------------------------------------------------------------------------------------

    def _changes_valley(self, others: Sequence[Mapping[str, Array]]) -> bool:
        """Look for a lower valley at the last step; where there is one, go back along it, and on from there."""
        last = self.marks[-1] if self.marks else None
        if last is None or last.spot is None or last.state == "at_bound":
            return False
        found = lowest_valley(last.spot, others)
        if found is None:
            return False
        if self.trace.is_lower(found):
            raise LowerOptimum(found)
        self.marks[-1] = milestone(Step(found, "kink"), self.estimate)
        self.marks[:] = go_back(self.estimate, self.marks)
        self._resume()
        return True

    def across(self, other: Sequence[Milestone]) -> list[dict[str, Array]]:
        """Return where the others are at the last step of the other side."""
        return [point_of(self.estimate.frame, other[-1].path)] if other else []
