"""One side of a profile: traced to a cut-off and beyond, and replaced by a lower branch where there is one.

The nuisance parameters may have several local minima, each with a branch along the quantity. A trace follows one
branch. Where that ends, or where another one is lower, the new one is followed back towards the estimate for as long as
it is the lower one: a profile is the lower envelope of all branches. Where two are equally low the profile has a
corner, and two steps stand there, one with the slope of either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace

import numpy as np

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.inference.profile.constrained_point import ConstrainedPoint
from pymc_landscape.inference.profile.continuation import (
    BEYOND,
    LOWER,
    ProfileContinuation,
    ProfileStep,
    State,
    step_along,
)
from pymc_landscape.inference.profile.from_infinity import points_from_infinity
from pymc_landscape.inference.profile.local_minima import WORTH_IT, lowest_local_minimum
from pymc_landscape.inference.profile.profile_steps import StoredStep, coordinate, point_at_step, stored_step
from pymc_landscape.numerics import cubic_hermite
from pymc_landscape.optimize import NEAR_INFIMUM

# So often another local minimum is changed to at the end of a side.
CHANGES = 3
# Steps over which Δ gains so much more, or less, than its mean slope says are halved, so often; and those between
# which two cubics are apart by so much of the gain.
BENDS, HALVINGS = 0.1, 3
APART = 0.01
# Out to a lower optimum of another start, and as far again by this share.
PAST = 1.5


@dataclass
class ProfileSide:
    """One side of a profile on the way.

    Parameters
    ----------
    estimate : ConstrainedPoint
        The minimum.
    side : float
        -1 below, 1 above, natural.
    zeta_step : float
        How far apart steps are, in ζ.
    stored_steps : list of StoredStep
        Steps so far, from the estimate outward; `extend` adds to them, so that they are kept when it ends early.
    is_far : bool
        Whether the estimate stands for a limit at infinity, from which the side comes back.
    is_unimodal : bool
        Whether the surface is known to have no other minimum than the estimate, on no straight line and plane either.
    """

    estimate: ConstrainedPoint
    side: float
    zeta_step: float
    stored_steps: list[StoredStep] = field(default_factory=list)
    is_far: bool = False
    is_unimodal: bool = False

    def __post_init__(self) -> None:
        """Begin at the estimate, or where the last steps ended."""
        side = self.side * self.estimate.sign
        self.continuation = ProfileContinuation(self.estimate, side, self.zeta_step, self.is_unimodal)
        self.bound = self.estimate.quantity.bounds[int(self.side > 0)]

    def extend(
        self, enough: float, starts: Sequence[Mapping[str, Array]], copies: Sequence[Mapping[str, Array]] = ()
    ) -> None:
        """Go on until Δ exceeds `enough`.

        Parameters
        ----------
        enough : float
            The cut-off.
        starts : sequence of points
            Natural points that may lie near other local minima.
        copies : sequence of points
            Copies of the estimate, with exchangeable parameters in other places. Their branches are followed where they
            are lower below the cut-off; beyond it, they are the same answer under another name, and left alone.

        Raises
        ------
        LowerOptimum
            If a point lower than the estimate was met.
        """
        if self._is_done(enough):
            return
        if self.is_far and not self.stored_steps:
            self._come_nearer(min(enough, self.zeta_step**2), enough)
        if self.stored_steps:
            self._resume()
        for _ in range(CHANGES):
            self._take(self.continuation.steps(enough), enough)
            if copies and self._switches_minimum(copies):
                continue
            self._extend_beyond(enough, starts)
            if not self._switches_minimum([*starts, *copies]):
                return

    def _is_done(self, enough: float) -> bool:
        if not self.stored_steps:
            return False
        last = self.stored_steps[-1]
        return last.state in ("at_bound", "open") or (last.rise >= enough and last.state != "failed")

    def _resume(self) -> None:
        point = point_at_step(self.stored_steps[-1], self.estimate)
        before = (
            self.stored_steps[-2]
            if len(self.stored_steps) > 1
            else stored_step(ProfileStep(self.estimate, "estimate"), self.estimate)
        )
        length = abs(point.coordinate - coordinate(before, point.restricted, point.quantity))
        self.continuation.resume(
            point, length or self.continuation.first_length(), [stored.rise for stored in self.stored_steps]
        )

    def _come_nearer(self, until: float, enough: float) -> None:
        """Take the first steps from far out, in factors of the distance, until Δ is that of a step."""
        for there in points_from_infinity(self.estimate, self.continuation.side):
            if there.is_lower(self.estimate, NEAR_INFIMUM):
                raise LowerOptimum(there)
            self._add(ProfileStep(there, "converged"), enough)
            if self.continuation.rise(there) >= until:
                return

    # --- along one branch --------------------------------------------------------------------------------------------

    def _take(self, steps: Iterator[ProfileStep], enough: float) -> None:
        for step in steps:
            if step.state == "new_optimum":
                raise LowerOptimum(step.point)
            self._add(self._named(step), enough)

    def _named(self, step: ProfileStep) -> ProfileStep:
        """Call a side that rises no more towards a bound one that ends at the bound."""
        return ProfileStep(step.point, "at_bound") if step.state == "open" and np.isfinite(self.bound) else step

    def _add(self, step: ProfileStep, enough: float) -> None:
        again = bool(self.stored_steps) and step.point is self.stored_steps[-1].point
        if step.state == "failed" and again and self.stored_steps[-1].rise >= enough:
            return  # beyond the cut-off the way may end anywhere
        if again:
            self.stored_steps.pop()
        before = self.stored_steps[-1].point if self.stored_steps else self.estimate
        self.stored_steps.append(stored_step(step, self.estimate))
        if step.state == "kink":
            self.stored_steps[:] = replace_higher_steps(self.estimate, self.stored_steps)
        elif before is not None and not again:
            self.stored_steps[-1:-1] = [
                stored_step(s, self.estimate) for s in self._between(before, step.point, HALVINGS)
            ]

    def _between(self, a: ConstrainedPoint, b: ConstrainedPoint, halvings: int) -> list[ProfileStep]:
        """Return more steps where the profile bends so much between two that a cubic would not follow it."""
        distance = b.coordinate - a.coordinate
        if (
            halvings == 0
            or a.restricted.fixed.keys() != b.restricted.fixed.keys()
            or (a is self.estimate and abs(a.slope) > 0.1)
        ):
            return []
        if not self._bends(a, b):
            return []
        middle = step_along(a, a.coordinate + 0.5 * distance)
        if middle is None:
            return []
        inner, outer = self._between(a, middle, halvings - 1), self._between(middle, b, halvings - 1)
        return [*inner, ProfileStep(middle, "converged"), *outer]

    def _bends(self, a: ConstrainedPoint, b: ConstrainedPoint) -> bool:
        """Whether two cubics, of Δ by the coordinate and of the coordinate by ζ, do not agree between two points."""
        distance, rises = b.coordinate - a.coordinate, np.array([self.continuation.rise(a), self.continuation.rise(b)])
        gained, slopes = rises[1] - rises[0], distance * np.array([a.slope, b.slope])
        if not (slopes > 0).all() or rises.min() <= 0:
            return bool(abs(gained - slopes.mean()) > BENDS * max(abs(gained), self.zeta_step**2))
        zetas = np.sqrt(rises)
        share = float(cubic_hermite(0.5, np.array([0.0, 1.0]), 2.0 * zetas * np.diff(zetas) / slopes))
        height = float(cubic_hermite(share, rises, slopes))
        return bool(abs(height - zetas.mean() ** 2) > APART * gained)

    def _extend_beyond(self, enough: float, starts: Sequence[Mapping[str, Array]]) -> None:
        """Walk on where −2LL falls again, or where another start found a minimum below the cut-off."""
        last = self.stored_steps[-1] if self.stored_steps else None
        if last is None or last.rise < enough or last.state not in ("converged", "kink") or last.point is None:
            return
        distance = self.continuation.distance(last.point)
        until = max((PAST * w for w in self._minima(enough, starts) if w > distance), default=0.0)
        if np.isfinite(distance) and self.continuation.falls_beyond(last.point):
            until = max(until, BEYOND * distance)
        if until > distance:
            self._take(self.continuation.steps(enough, until), enough)

    def _minima(self, enough: float, starts: Sequence[Mapping[str, Array]]) -> Iterator[float]:
        """Yield how far out the other minima below the cut-off are, on this side."""
        restricted = self.estimate.restricted
        for point in starts:
            x = restricted.restrict(point)
            if restricted.value(x) < self.estimate.value + enough:
                distance_to = self.estimate.quantity.evaluate(restricted, x).value - self.estimate.coordinate
                yield self.continuation.side * distance_to

    # --- into another ------------------------------------------------------------------------------------------------

    def _switches_minimum(self, starts: Sequence[Mapping[str, Array]]) -> bool:
        """Change to a lower local minimum at the last step, if there is one: follow its branch back, then on."""
        last = self.stored_steps[-1] if self.stored_steps else None
        if last is None or last.point is None or last.state == "at_bound" or self.is_unimodal:
            return False
        result = lowest_local_minimum(last.point, starts)
        if result is None:
            return False
        if self.continuation.is_lower(result):
            raise LowerOptimum(result)
        self.stored_steps[-1] = stored_step(ProfileStep(result, "kink"), self.estimate)
        self.stored_steps[:] = replace_higher_steps(self.estimate, self.stored_steps)
        self._resume()
        return True

    def nuisance_starts(self, other: Sequence[StoredStep]) -> list[dict[str, Array]]:
        """Return where the nuisance parameters are at the last step of the opposite side."""
        return [self.estimate.restricted.objective.layout().split(other[-1].path)] if other else []


# Newton's steps to where two branches are equally low, and how close they come.
MEETING, LEVEL = 12, 1e-9


class LowerOptimum(Exception):
    """A branch led to a point lower than the estimate."""

    def __init__(self, point: ConstrainedPoint):
        super().__init__("a lower optimum than the estimate was met")
        self.point = point


def replace_higher_steps(estimate: ConstrainedPoint, stored_steps: Sequence[StoredStep]) -> list[StoredStep]:
    """Follow the branch of the last step back towards the estimate, for as long as it is lower than the steps there.

    Parameters
    ----------
    estimate : ConstrainedPoint
        The minimum.
    stored_steps : sequence of StoredStep
        Steps from the estimate outward, the last perhaps on another branch than theirs.

    Returns
    -------
    list of StoredStep
        The steps with those replaced that were higher, and with two more at the corner, the second marked ``kink``.

    Raises
    ------
    LowerOptimum
        If the branch leads below the estimate.
    """
    new = point_at_step(stored_steps[-1], estimate)
    better = _first_is([stored_steps[-1]], "converged")
    for i in range(len(stored_steps) - 2, -2, -1):
        there = step_along(new, _level(estimate, stored_steps, i, new))
        if there is None:
            return [*stored_steps[: i + 1], *_first_is(better, "kink")]
        if there.is_lower(estimate, LOWER):
            raise LowerOptimum(there)
        lower_by = estimate.value + (stored_steps[i].rise if i >= 0 else 0.0) - there.value
        if lower_by > WORTH_IT:
            better.insert(0, stored_step(ProfileStep(there, "converged"), estimate))
            new = there
            continue
        corner = [] if lower_by > -WORTH_IT else _corner(estimate, stored_steps, i, new)
        return [*stored_steps[: i + 1], *corner, *_first_is(better, "converged" if corner else "kink")]
    raise AssertionError("no branch is lower than the estimate")


def _level(estimate: ConstrainedPoint, stored_steps: Sequence[StoredStep], i: int, new: ConstrainedPoint) -> float:
    """Return the coordinate of a step, or (-1) of the estimate, on the scale of `new`."""
    if i >= 0:
        return coordinate(stored_steps[i], new.restricted, new.quantity)
    return coordinate(stored_step(ProfileStep(estimate, "estimate"), estimate), new.restricted, new.quantity)


def _first_is(stored_steps: Sequence[StoredStep], state: State) -> list[StoredStep]:
    first = stored_steps[0]
    return [replace(first, state=state) if first.state in ("converged", "kink") else first, *stored_steps[1:]]


def _corner(
    estimate: ConstrainedPoint, stored_steps: Sequence[StoredStep], i: int, new: ConstrainedPoint
) -> list[StoredStep]:
    """Return two steps where the branches of step i and of `new` are equally low."""
    old = point_at_step(stored_steps[i], estimate) if i >= 0 else estimate
    met = meeting_points(old, new)
    if met is None:
        return []
    return [stored_step(ProfileStep(met[0], "converged"), estimate), stored_step(ProfileStep(met[1], "kink"), estimate)]


def meeting_points(old: ConstrainedPoint, new: ConstrainedPoint) -> tuple[ConstrainedPoint, ConstrainedPoint] | None:
    """Return the points of two branches at the coordinate, between two of theirs, at which they are equally low.

    None where it is not found, or where the two came to be one.
    """
    if old.restricted.natural != new.restricted.natural and old.quantity.element is not None:
        return None
    low, high = old.coordinate, new.coordinate
    level = _tangent_intersection(old, new)
    for _ in range(MEETING):
        if not min(low, high) < level < max(low, high):
            level = 0.5 * (low + high)
        first, second = step_along(old, level), step_along(new, level)
        if first is None or second is None:
            return None
        gap = first.value - second.value
        if abs(gap) <= LEVEL:
            return (first, second) if abs(first.slope - second.slope) > WORTH_IT else None
        old, new, low, high = (first, new, level, high) if gap < 0 else (old, second, low, level)
        level = level - gap / (first.slope - second.slope) if first.slope != second.slope else np.nan
    return None


def _tangent_intersection(old: ConstrainedPoint, new: ConstrainedPoint) -> float:
    """Return where the tangents of two branches meet."""
    if old.slope == new.slope:
        return np.nan
    gap = old.value - new.value - old.slope * old.coordinate + new.slope * new.coordinate
    return float(-gap / (old.slope - new.slope))
