"""A profile traced outward from the estimate, in equal steps of ζ = ±√Δ(−2LL).

Predictor-corrector continuation (Allgower & Georg 1990, *Numerical Continuation Methods*, chapter 2): each step is
predicted along the tangent and corrected by a constrained minimisation that begins there, so that a trace stays in its
local minimum of the nuisance parameters and costs a few points a step. The slope comes free. Beyond a cut-off the
surface may fall again: a few strides, out to `BEYOND` times the distance of the cut-off, tell whether it does. Equal
steps of ζ are those of Bates, Mächler, Bolker and Walker (2015, *Journal of Statistical Software* 67(1), section 5.1),
here from the exact slope.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.inference.profile.active_set import minimize_on_passed_bounds, settle_active_set
from pymc_landscape.inference.profile.constrained_point import ConstrainedPoint, evaluate_at
from pymc_landscape.inference.profile.constraint_manifold import minimize_on
from pymc_landscape.inference.profile.quantities import Quantity
from pymc_landscape.inference.profile.range_limits import range_limit
from pymc_landscape.numerics import covariance, spectrum
from pymc_landscape.objective import evaluation_noise, largest_noise_between

State = Literal["estimate", "converged", "at_bound", "kink", "new_optimum", "open", "failed"]

# A step grows by no more than this, and after a failure shrinks to this until it is too small to be one.
GROWTH, SHRUNK, SMALLEST = 2.0, 0.25, 1e-6
# A surface this much lower than the estimate is another optimum.
LOWER = 1e-6
# Gains of so many steps that are rounding; and so little that their sum, were they a geometric series, has a limit.
NEGLIGIBLE, LITTLE = 1e-7, 1e-3
# Rounding errors are alike up to this factor; and those of an estimate that is known at all are less than this, in
# −2LL.
ALIKE, HIDDEN = 3.0, 1e-2
# Rounding of this standard deviation, in −2LL, hides what a step gains.
BLIND = 1e-7
# So many steps, each of at least this share of the way and gaining less than this share of what the last one gained
# for its length, counted in ways: the profile has a limit.
FADING, STRIDE, SHARE = 3, 0.05, 0.7
LONGEST = 400
# So many steps in a row, each of less than this share of the way, are the last.
CRAWLING, CRAWL = 4, 1e-3
# So much of the way to where the quantity itself ends is one step.
NEARER = 0.75
# Shares of a step at which the surface is evaluated between its ends.
BETWEEN = np.linspace(0.0, 1.0, 9)[1:-1]
# Beyond a cut-off a profile is followed in strides, out to so many times the distance of the cut-off.
BEYOND, STRIDES = 3.0, 4
# There, steps are at least this share of the way to the cut-off.
COARSE = 0.05
# A first step over which the surface rises so much more than a parabola: shares of it, and of the way to 0.
TOO_STEEP, SHORTER = 3.0, 0.85 ** np.arange(1, 250)
ALMOST_TO_ZERO = 1.0 - np.outer(10.0 ** -np.arange(1.0, 9.0), [1.0, 0.5, 0.2]).ravel()
# First step from an estimate on a bound, in units of the initial point's distance.
FROM_BOUND = 1e-3


@dataclass(frozen=True)
class ProfileStep:
    """A point of a profile and what it is."""

    point: ConstrainedPoint
    state: State


def step_along(
    here: ConstrainedPoint, level: float, estimate: ConstrainedPoint | None = None
) -> ConstrainedPoint | None:
    """Go along the profile from one of its points to another coordinate: predict along the tangent, then minimise.

    A point at which the surface is rough is none, unless it is no rougher than at the estimate.
    """
    if here.is_stationary:
        minima = [_minimised(here, x, level, estimate) for x in departures(here, level)]
        return min((point for point in minima if point is not None), key=lambda point: point.value, default=None)
    along = here.tangent() if here.is_finite else here.normal
    return _minimised(here, here.x + (level - here.coordinate) * along, level, estimate)


def departures(here: ConstrainedPoint, level: float) -> list[Array]:
    """Return where a quantity without a slope has some value, nearest in standard errors: on either side, if at all."""
    bent = spectrum(here.hessian)
    root = bent.vectors[:, bent.values > bent.tolerance] / bent.scale[:, None]
    root = root / np.sqrt(bent.values[bent.values > bent.tolerance])
    sizes, distances = np.linalg.eigh(root.T @ here.derivatives[0].hessian @ root)
    missing = level - here.coordinate
    best = int(np.argmax(sizes * np.sign(missing))) if len(sizes) else 0
    if not len(sizes) or not sizes[best] * missing > 0:
        return []
    step = np.sqrt(2.0 * missing / sizes[best]) * (root @ distances[:, best])
    return [here.x + step, here.x - step]


def _minimised(
    here: ConstrainedPoint, x: Array, level: float, estimate: ConstrainedPoint | None
) -> ConstrainedPoint | None:
    predicted = evaluate_at(here.restricted, here.quantity, x)
    there = minimize_on(predicted, level) if predicted.is_finite else None
    if there is None:
        there = minimize_on_passed_bounds(here, x, level)
    if there is None or (there.is_rough() and not _is_as_rough(estimate, there)):
        return None
    return settle_active_set(there, level)


def _is_as_rough(estimate: ConstrainedPoint | None, there: ConstrainedPoint) -> bool:
    if estimate is None:
        return False
    noise = evaluation_noise(estimate.restricted, estimate.x)
    return evaluation_noise(there.restricted, there.x) <= ALIKE * noise < HIDDEN


class ProfileContinuation:
    """The profile of one quantity on one side of the estimate.

    Parameters
    ----------
    estimate : ConstrainedPoint
        The minimum, as a restricted objective in which the quantity moves.
    side : float
        -1 or 1, of the coordinate.
    zeta_step : float
        How far apart points are, in ζ.
    is_unimodal : bool
        Whether the surface is known to have no other minimum than the estimate, on no straight line and plane either.
    """

    def __init__(self, estimate: ConstrainedPoint, side: float, zeta_step: float, is_unimodal: bool = False):
        self.estimate, self.side, self.zeta_step, self.is_unimodal = estimate, side, zeta_step, is_unimodal
        self.quantity: Quantity = estimate.quantity
        self.rises: list[float] = []
        self.distances: list[float] = []
        self.here, self.length = estimate, np.nan

    def resume(self, here: ConstrainedPoint, last: float, rises: Sequence[float]) -> None:
        """Go on from a point of the profile that was reached before by a step of length `last`."""
        self.rises, self.distances = list(rises), [np.nan] * len(rises)
        self.here, self.length = here, self._length(here, last)

    def distance(self, point: ConstrainedPoint) -> float:
        """How far a point is from the estimate, by the coordinate; infinitely far where its scale changed."""
        if self.quantity.element is not None and point.restricted.natural != self.estimate.restricted.natural:
            name = self.quantity.element[0].name
            if (name in point.restricted.natural) != (name in self.estimate.restricted.natural):
                return np.inf
        return self.side * (point.coordinate - self.estimate.coordinate)

    def rise(self, point: ConstrainedPoint) -> float:
        """Δ(−2LL) at a point."""
        return point.value - self.estimate.value

    def steps(self, enough: float, until: float = 0.0) -> Iterator[ProfileStep]:
        """Yield steps until Δ exceeds `enough`, a bound is reached, or the profile ends; the last step says why.

        With `until`, so far at the least: Δ may fall again.
        """
        if np.isnan(self.length):
            self.length = self.first_length()
        while len(self.rises) < LONGEST and (self.rise(self.here) < enough or self.distance(self.here) < until):
            here = self.here
            coarse = COARSE * until if self.rise(here) > 2.0 * enough else 0.0
            result = self._next(here, max(self.length, coarse), enough)
            if isinstance(result, ProfileStep):
                yield from self._approach_limit(here, result)
                yield result
                return
            whole, (there, length) = max(self.length, coarse), result
            between = self._lower_between(here, there, self.estimate.value)
            if between is not None:
                yield ProfileStep(between, "new_optimum")
                return
            if self.is_lower(there):
                yield ProfileStep(there, "new_optimum")
                return
            if self.rise(there) < -LOWER - there.rounding():  # by rounding: the digits end between the two
                yield self._last_step(here, enough, length)
                return
            self.rises.append(self.rise(there))
            self.distances.append(self.distance(there))
            self.length, self.here = self._length(there, length), there
            yield ProfileStep(there, "kink" if self._turns(here, there) else "converged")
            if self._fades(enough):
                yield ProfileStep(there, "open")
                return
            if self._crawls():
                yield self._last_step(there, enough, whole)
                return
        if self.rise(self.here) < enough:
            yield ProfileStep(self.here, "failed")

    def is_lower(self, point: ConstrainedPoint) -> bool:
        """Whether a point is lower than the estimate, by more than rounding."""
        return point.is_lower(self.estimate, LOWER)

    def falls_beyond(self, first: ConstrainedPoint) -> bool:
        """Stride on from the first point above a cut-off, to see whether the profile falls again.

        At each stride the nuisance parameters are at their optimum; in between, the surface is evaluated on a line.
        """
        if self.is_unimodal:
            return False
        here, stride = first, (BEYOND - 1.0) / STRIDES * self.distance(first)
        for _ in range(STRIDES):
            there = self._corrected(here, stride)
            if there is None:
                return False
            falls = there.value < here.value or self.side * there.slope < 0
            if falls or self._lower_between(here, there, here.value) is not None:
                return True
            here = there
        return False

    def first_length(self) -> float:
        """Return the first step of the coordinate: what a parabola would need."""
        point = self.estimate
        if not point.is_finite or point.is_stationary:
            return FROM_BOUND * self._typical()
        variance = float(point.normal @ covariance(point.hessian) @ point.normal)
        if 0 < variance < np.inf:  # Δ = a d + d² / v; at an estimate on a bound a is not 0
            slope, rise = max(point.slope * self.side, 0.0), self.zeta_step**2
            return self._not_too_steep(2.0 * rise / float(slope + np.sqrt(slope**2 + 4.0 * rise / variance)))
        if point.natural in self.quantity.bounds:
            return FROM_BOUND * self._typical()
        return self._not_too_steep(2.0 * max(abs(point.coordinate), 1.0))

    def _not_too_steep(self, length: float) -> float:
        """Shorten a first step over which the surface itself, that is no parabola, rises by far more than it would."""
        point, highest = self.estimate, self.estimate.value + TOO_STEEP * self.zeta_step**2
        along = self.side * point.tangent()
        if not along.any() or point.restricted.screened((point.x + length * along)[None])[0] <= highest:
            return length
        lengths = np.sort(np.concatenate([length * SHORTER, abs(point.coordinate) * ALMOST_TO_ZERO]))[::-1]
        fits = point.restricted.screened(point.x + lengths[:, None] * along) <= highest
        return float(lengths[np.argmax(fits)] if fits.any() else length)

    def _typical(self) -> float:
        """Return how far the model's initial point is from the estimate, natural: a length where there is no other."""
        if self.quantity.element is None:
            return max(abs(self.estimate.coordinate), 1.0)
        variable, i = self.quantity.element
        initial = float(np.ravel(self.estimate.restricted.objective.initial_point()[variable.name])[i])
        return abs(initial - self.estimate.natural) or 1.0

    def _length(self, point: ConstrainedPoint, last: float) -> float:
        """Return the step that moves ζ by `zeta_step`, if the profile goes on as it goes now."""
        zeta, slope = np.sqrt(max(self.rise(point), 0.0)), abs(point.slope)
        wanted = self.zeta_step * 2.0 * zeta / slope if slope > 0 else np.inf
        return float(min(max(wanted, 0.1 * last), GROWTH * last))

    def _next(
        self, here: ConstrainedPoint, length: float, enough: float
    ) -> tuple[ConstrainedPoint, float] | ProfileStep:
        """Step on, with shorter steps where the longer one does not arrive; or tell why there is no step."""
        smallest, whole = max(SMALLEST * length, 1e-12 * max(abs(here.coordinate), 1e-6)), length
        while length > smallest:
            there = self._corrected(here, length)
            if there is not None:
                return there, length
            limit = (
                range_limit(here, self.estimate, self.side, self.estimate.value + enough) if length == whole else None
            )
            if limit is not None:
                return ProfileStep(limit, "at_bound")
            length *= SHRUNK
        return self._last_step(here, enough, whole)

    def _approach_limit(self, here: ConstrainedPoint, last: ProfileStep) -> Iterator[ProfileStep]:
        """Step nearer and nearer to where the quantity itself ends: Δ rises steeply there."""
        while last.state == "at_bound" and self._zeta(last.point) - self._zeta(here) > 0.5 * self.zeta_step:
            there = self._corrected(here, NEARER * (self.distance(last.point) - self.distance(here)))
            if there is None or self.rise(there) <= self.rise(here):
                return
            here = there
            yield ProfileStep(here, "converged")

    def _zeta(self, point: ConstrainedPoint) -> float:
        return float(np.sqrt(max(self.rise(point), 0.0)))

    def _corrected(self, here: ConstrainedPoint, length: float) -> ConstrainedPoint | None:
        return step_along(here, here.coordinate + self.side * length, self.estimate)

    def _lower_between(self, here: ConstrainedPoint, there: ConstrainedPoint, height: float) -> ConstrainedPoint | None:
        """Return a point lower than some height that the step has jumped over."""
        moved = here.restricted.fixed.keys() != there.restricted.fixed.keys()
        if moved or here.restricted.natural != there.restricted.natural or self.is_unimodal:
            return None
        points = here.x + BETWEEN[:, None] * (there.x - here.x)
        values = there.restricted.screened(points)
        lowest = int(np.argmin(values))
        if not values[lowest] < height - LOWER - there.rounding():
            return None
        result = evaluate_at(there.restricted, self.quantity, points[lowest])
        return result if result.is_lower(self.estimate, LOWER, height) and not result.is_rough() else None

    def _turns(self, here: ConstrainedPoint, there: ConstrainedPoint) -> bool:
        """Whether the slope jumps: another local minimum of the nuisance parameters has become the lower one."""
        dc = there.coordinate - here.coordinate
        if not dc or there.restricted.fixed.keys() != here.restricted.fixed.keys():
            return False
        gained = there.value - here.value
        low, high = sorted((here.slope * dc, there.slope * dc))
        slack = 0.5 * (high - low) + 0.1 * max(abs(low), abs(high)) + 1e-6
        return not low - slack <= gained <= high + slack

    def _fades(self, enough: float) -> bool:
        """Whether long steps gain less and less, and all that they could gain is not enough."""
        last, distances = np.array(self.rises[-FADING - 1 :]), np.array(self.distances[-FADING - 1 :])
        strides = np.diff(distances) / distances[1:]
        if len(last) <= FADING or not (np.isfinite(strides) & (strides >= STRIDE)).all():
            return False
        gains = np.abs(np.diff(last))
        if gains.max() < NEGLIGIBLE:
            return True
        whole = gains / strides
        share = float((whole[1:] / np.maximum(whole[:-1], 1e-300)).max())
        return share < SHARE and gains[-1] < LITTLE and last[-1] + 10.0 * whole[-1] / (1.0 - share) < enough

    def _crawls(self) -> bool:
        """Whether steps have become too short to lead anywhere: there is a corner that cannot be passed."""
        distances = np.array(self.distances[-CRAWLING - 1 :])
        return len(distances) > CRAWLING and bool((np.diff(distances) < CRAWL * distances[1:]).all())

    def _last_step(self, here: ConstrainedPoint, enough: float, length: float) -> ProfileStep:
        bound = self.quantity.bounds[int(self.side * self.estimate.sign > 0)]
        near = np.isfinite(bound) and abs(here.natural - bound) < 1e-6 * max(abs(self.estimate.natural - bound), 1e-12)
        if not near and self._is_level(enough) and self._has_no_digits(here, length):
            return ProfileStep(here, "open")
        return ProfileStep(here, "at_bound" if near else "failed")

    def _is_level(self, enough: float) -> bool:
        """Whether the last stride gained so much less, for its length, than those before that there is a limit."""
        known = np.isfinite(self.distances)
        distances = np.append(0.0, np.array(self.distances)[known])
        rises = np.append(0.0, np.array(self.rises)[known])
        before = np.flatnonzero(distances <= (1.0 - STRIDE) * distances[-1])
        if len(before) < 2:
            return False
        share, rise = distances[before[-1]] / distances[-1], rises[before[-1]]
        whole = max(float(rises[-1] - rise), 0.0) / (1.0 - share)
        return bool(whole < SHARE * rise / share and rises[-1] + 10.0 * whole < enough)

    def _has_no_digits(self, here: ConstrainedPoint, length: float) -> bool:
        """Whether a step on would lead to where the surface is rounding alone."""
        there = here.x + self.side * length * here.tangent() if here.is_finite else here.x
        return largest_noise_between(here.restricted, here.x, there) > BLIND
