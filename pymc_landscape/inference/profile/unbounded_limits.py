"""Profile limits where the likelihood has a supremum but no maximum, as where predictors separate outcomes.

−2LL falls towards a value f∞ along some direction and does not reach it. The values of a quantity whose profile stays
below f∞ + q are a region all the same, and it has an end on each side on which the profile rises again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import optimize

from pymc_landscape._typing import Array
from pymc_landscape.inference.profile.active_set import freed
from pymc_landscape.inference.profile.constrained_point import ConstrainedPoint, evaluate_at
from pymc_landscape.inference.profile.constraint_manifold import ITERATIONS, ConstraintManifold
from pymc_landscape.inference.profile.quantities import Quantity
from pymc_landscape.numerics import chi2_cutoff, descend_newton, polish, quadratic_model
from pymc_landscape.objective import ARITHMETIC_ERRORS
from pymc_landscape.optimize import Fit

# A side on which no end is met within 2¹² lengths, some thousands, has none.
DOUBLINGS = 12
# So often a step is halved towards the last value that a quantity takes; what is this small beside it is 0.
HALVINGS = 30
NEGLIGIBLE = 1e-7
# Where −2LL is this steep, far out, it goes on falling.
STEEP = 1e-3
# What −2LL may fall below the fit's on the way, if the fit has come close to where it falls to.
CLOSE = 1e-3
# What minimising across may still gain where the surface is said to be high.
CONVERGED = 1e-6
FALLS = "−2LL falls without end"
WITHOUT_MAXIMUM = "profile limits are where −2LL stands above the value that it falls towards"
UNKNOWN = "no profile limit was found on a side that says failed"


@dataclass(frozen=True)
class UnboundedLimits:
    """The limits of one quantity, with their status as in `confidence_intervals`, and what is to be said of them."""

    limits: Array
    status: tuple[str, str]
    note: str


def unbounded_limits(
    fit: Fit, quantities: Sequence[Quantity], begin: Mapping[str, Array], lengths: Sequence[float], level: float
) -> list[UnboundedLimits]:
    """Find the limits of quantities under a likelihood without a maximum.

    Parameters
    ----------
    fit : Fit
        Of `fit_mle`, with the status ``unbounded``: its −2LL is close to the value that is not reached.
    quantities : sequence of Quantity
        Of which limits are wanted.
    begin : mapping of str to array
        A natural point in the midst of what is plausible, as a posterior's mode.
    lengths : sequence of float
        How far is far for each quantity: steps begin with it.
    level : float
        Of the limits.
    """
    rise, gradient = float(chi2_cutoff(level)), fit.result.gradient
    none = [UnboundedLimits(np.full(2, np.nan), ("failed", "failed"), f"no profile limits: {FALLS}")] * len(quantities)
    if gradient is None or not np.linalg.norm(gradient) <= STEEP:
        return none
    try:
        with np.errstate(all="ignore"):  # far out, anything overflows
            return [
                _Continuation(fit, quantity, begin, length).try_limits(rise)
                for quantity, length in zip(quantities, lengths, strict=True)
            ]
    except _NoFloorError:
        return none


class _NoFloorError(Exception):
    """−2LL falls further than the value that the fit says it falls towards."""


@dataclass
class _Continuation:
    """Goes along the profile of one quantity, to both sides."""

    fit: Fit
    quantity: Quantity
    begin: Mapping[str, Array]
    length: float
    known: list[ConstrainedPoint] = field(default_factory=list)
    outside: ConstrainedPoint | None = None  # what is plausible, where the data rule it out

    def try_limits(self, rise: float) -> UnboundedLimits:
        """Return the limits at which the profile has risen by `rise`, if they can be found."""
        try:
            return self._limits(rise)
        except ARITHMETIC_ERRORS:
            return UnboundedLimits(np.full(2, np.nan), ("failed", "failed"), UNKNOWN)

    def _limits(self, rise: float) -> UnboundedLimits:
        target = self.fit.minus2ll + rise
        middle = self._inside(target)
        if middle is None:
            return UnboundedLimits(np.full(2, np.nan), ("failed", "failed"), UNKNOWN)
        limits = [self._limit(middle, side, target) for side in (-1.0, 1.0)]
        if middle.sign < 0:
            limits = limits[::-1]
        status = (limits[0][1], limits[1][1])
        note = UNKNOWN if "failed" in status else WITHOUT_MAXIMUM if "finite" in status else ""
        return UnboundedLimits(np.array([value for value, _ in limits]), status, note)

    def _inside(self, target: float) -> ConstrainedPoint | None:
        """Return a point of the profile below the target: at what is plausible, else where the fit has got to."""
        restricted, x = freed(self.fit.result.restricted, self.fit.result.x, self.quantity)
        there = evaluate_at(restricted, self.quantity, x)
        here = evaluate_at(restricted, self.quantity, restricted.restrict(self.begin))
        self.known += [point for point in (there, here) if point.is_finite]
        if not self.known:
            return None
        near = self._height(here.coordinate) if here.is_finite else None
        if near is None or near.value < target:
            return near or (there if there.value < target else None)
        self.outside = near
        return there if there.value < target else None

    def _limit(self, middle: ConstrainedPoint, side: float, target: float) -> tuple[float, str]:
        """Go to one side of the coordinate, each step twice the last, until the profile is above the target."""
        if self.outside is not None and side * (self.outside.coordinate - middle.coordinate) > 0:
            return self._between(middle, self.outside, target)
        rate = abs(self.quantity.rate(middle.restricted, middle.x)) or 1.0
        low, step = middle, self.length / rate
        for _ in range(DOUBLINGS):
            level = middle.coordinate + side * step
            high = self._height(level)
            if high is None:
                return self._last_value(low, level, target)
            if not high.value < target:
                converged = not np.isfinite(high.value) or _has_converged(high)
                return self._between(low, high, target) if converged else (np.nan, "failed")
            low, step = high, 2.0 * step
        bound = self.quantity.bounds[int(side * middle.sign > 0)]
        return bound, ("at_bound" if np.isfinite(bound) else "open")

    def _last_value(self, low: ConstrainedPoint, beyond: float, target: float) -> tuple[float, str]:
        """Close in on the last value that the quantity takes at all: a probability, on the scale of its logit, ends."""
        size = abs(low.natural)
        for _ in range(HALVINGS):
            level = 0.5 * (low.coordinate + beyond)
            half = self._height(level)
            if half is not None and not half.value < target:
                return self._between(low, half, target)
            low, beyond = (low, level) if half is None else (half, beyond)
        return (low.natural if abs(low.natural) > NEGLIGIBLE * size else 0.0), "at_bound"

    def _between(self, low: ConstrainedPoint, high: ConstrainedPoint, target: float) -> tuple[float, str]:
        """Close in on the crossing; where the surface has no value, by halves."""
        for _ in range(HALVINGS):
            if np.isfinite(high.value):
                break
            half = self._height(0.5 * (low.coordinate + high.coordinate))
            if half is None:
                return np.nan, "failed"
            low, high = (half, high) if half.value < target else (low, half)

        def above(level: float) -> float:
            result = self._height(level)
            if result is None:
                raise ArithmeticError("no minimum across")
            return result.value - target

        try:
            level = optimize.brentq(above, low.coordinate, high.coordinate, xtol=1e-13, rtol=1e-12)
        except (ArithmeticError, ValueError):
            return np.nan, "failed"
        result = self._height(level)
        return (result.natural, "finite") if result is not None else (np.nan, "failed")

    def _height(self, level: float) -> ConstrainedPoint | None:
        """Return the lowest point found with this coordinate; None where none was, or it is not the lowest yet.

        Across, the surface may fall for ever too: then any point will do that is low.
        """
        best: ConstrainedPoint | None = None
        for start in self._starts(level):
            result = _lowest(start, level)
            if result is not None and (best is None or result.value < best.value):
                best = result
            if best is not None and _has_converged(best):
                break
        if best is not None and (best.restricted.unbounded_below or best.value < self.fit.minus2ll - CLOSE):
            raise _NoFloorError
        if best is not None and best.is_finite:
            self.known.append(best)
        return best

    def _starts(self, level: float) -> Iterator[ConstrainedPoint]:
        """Yield the known points next to the level: moved along the tangent, as they are, and along their rays."""
        below = [point for point in self.known if point.coordinate <= level]
        above = [point for point in self.known if point.coordinate > level]
        sides = [min(side, key=lambda point: abs(point.coordinate - level)) for side in (below, above) if side]
        sides.sort(key=lambda point: abs(point.coordinate - level))
        moved = [point.x + (level - point.coordinate) * point.tangent() for point in sides]
        rays = [point.x * (level / point.coordinate) for point in sides if point.coordinate * level > 0]
        for x in (*moved, *(point.x for point in sides), *rays):
            there = evaluate_at(sides[0].restricted, self.quantity, x)
            if there.is_finite:
                yield there


def _has_converged(point: ConstrainedPoint) -> bool:
    return point.is_finite and point.decrement < CONVERGED


def _lowest(point: ConstrainedPoint, level: float) -> ConstrainedPoint | None:
    """Minimise over all points with coordinate `level`, as far as that goes."""
    surface, begin = ConstraintManifold(point, level), np.zeros(len(point.x) - 1)
    if surface.evaluate(begin) is None:
        return None
    if len(begin):
        here = quadratic_model(surface, begin)
        if np.isfinite(here.value) and np.isfinite(here.hessian).all():
            begin = polish(surface, descend_newton(surface, here, ITERATIONS)[0]).x
    return surface.evaluate(begin)
