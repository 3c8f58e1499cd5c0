"""Several valleys of the others along one profile: which is the lowest where, and where one takes over from another.

A trace follows its valley. Where that ends, or where another one is found to be lower, the new valley is followed back
towards the estimate for as long as it is the lower one: a profile is the lower envelope of all. Where two valleys are
equally low the profile has a corner, and two steps stand there, one with the slope of either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pymc_landscape.milestone import Milestone, coordinate, milestone, spot_at
from pymc_landscape.spot import Spot
from pymc_landscape.trace import LOWER, State, Step, follow

# A valley that is lower by less than this is the same one.
WORTH_IT = 1e-6
# Newton's steps to where two valleys are equally low, and how close they come.
MEETING, LEVEL = 12, 1e-9


class LowerOptimum(Exception):
    """A valley led to a point lower than the estimate."""

    def __init__(self, spot: Spot):
        super().__init__("a lower optimum than the estimate was met")
        self.spot = spot


def go_back(estimate: Spot, marks: Sequence[Milestone]) -> list[Milestone]:
    """Follow the valley of the last step back towards the estimate, for as long as it is lower than the steps there.

    Parameters
    ----------
    estimate : Spot
        The minimum.
    marks : sequence of Milestone
        Steps from the estimate outward, the last in a valley that is perhaps another than theirs.

    Returns
    -------
    list of Milestone
        The steps with those replaced that were higher, and with two more at the corner, the second marked ``kink``.

    Raises
    ------
    LowerOptimum
        If the valley leads below the estimate.
    """
    new = spot_at(marks[-1], estimate)
    better = _first_is([marks[-1]], "converged")
    for i in range(len(marks) - 2, -2, -1):
        there = follow(new, _level(estimate, marks, i, new))
        if there is None:
            return [*marks[: i + 1], *_first_is(better, "kink")]
        if there.value < estimate.value - LOWER - there.rounding():
            raise LowerOptimum(there)
        lower_by = estimate.value + (marks[i].rise if i >= 0 else 0.0) - there.value
        if lower_by > WORTH_IT:
            better.insert(0, milestone(Step(there, "converged"), estimate))
            new = there
            continue
        corner = [] if lower_by > -WORTH_IT else _corner(estimate, marks, i, new)
        return [*marks[: i + 1], *corner, *_first_is(better, "converged" if corner else "kink")]
    raise AssertionError("no valley is lower than the estimate")


def _level(estimate: Spot, marks: Sequence[Milestone], i: int, new: Spot) -> float:
    """Return the coordinate of a step, or (-1) of the estimate, on the scale of `new`."""
    if i >= 0:
        return coordinate(marks[i], new.frame, new.quantity)
    return coordinate(milestone(Step(estimate, "estimate"), estimate), new.frame, new.quantity)


def _first_is(marks: Sequence[Milestone], state: State) -> list[Milestone]:
    first = marks[0]
    return [replace(first, state=state) if first.state in ("converged", "kink") else first, *marks[1:]]


def _corner(estimate: Spot, marks: Sequence[Milestone], i: int, new: Spot) -> list[Milestone]:
    """Return two steps where the valleys of step i and of `new` are equally low."""
    old = spot_at(marks[i], estimate) if i >= 0 else estimate
    met = meet(old, new)
    if met is None:
        return []
    return [milestone(Step(met[0], "converged"), estimate), milestone(Step(met[1], "kink"), estimate)]


def meet(old: Spot, new: Spot) -> tuple[Spot, Spot] | None:
    """Return the points of two valleys at the coordinate, between two of theirs, at which they are equally low.

    None where it is not found, or where the two came to be one.
    """
    if old.frame.natural != new.frame.natural and old.quantity.element is not None:
        return None
    low, high = old.coordinate, new.coordinate
    level = _crossing(old, new)
    for _ in range(MEETING):
        if not min(low, high) < level < max(low, high):
            level = 0.5 * (low + high)
        first, second = follow(old, level), follow(new, level)
        if first is None or second is None:
            return None
        gap = first.value - second.value
        if abs(gap) <= LEVEL:
            return (first, second) if abs(first.slope - second.slope) > WORTH_IT else None
        old, new, low, high = (first, new, level, high) if gap < 0 else (old, second, low, level)
        level = level - gap / (first.slope - second.slope) if first.slope != second.slope else np.nan
    return None


def _crossing(old: Spot, new: Spot) -> float:
    """Return where the tangents of two valleys meet."""
    if old.slope == new.slope:
        return np.nan
    gap = old.value - new.value - old.slope * old.coordinate + new.slope * new.coordinate
    return float(-gap / (old.slope - new.slope))
