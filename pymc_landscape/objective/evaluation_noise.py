"""How much of a value of −2LL is rounding error, measured at the point at which the value is to be believed.

A density that is a difference of large numbers loses its digits by cancellation: ln Γ(α + y) − ln Γ(α) of a negative
binomial with α = 10¹⁶, or a beta-binomial that nears a binomial. How large the error is there does not follow from how
large the value is at the optimum, so the surface is asked: values at evenly spaced points next to one another are those
of a low polynomial but for rounding, and high differences of them leave the rounding alone (Hamming 1971, *Introduction
to Applied Numerical Analysis*; Moré & Wild 2011, *SIAM Journal on Scientific Computing* 33, 1292-1314). Further out yet
nothing is left to be seen on the spot: α + y = α, and the value is exact and wrong. Between such a point and one that
has its digits there is one at which they are lost.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pymc_landscape._typing import Array, Point
from pymc_landscape.objective.objective import Objective
from pymc_landscape.objective.restricted import RestrictedObjective

# Values in a row, the highest order of their differences, and how far apart they are, relative to the elements of x.
ROW, ORDERS = 13, 6
SPACINGS = np.array([1e-15, 1e-13, 1e-11])
# Median of the absolute value of a standard normal variable.
NORMAL_MEDIAN = 0.6744897501960817
# The elements move by different shares of a spacing: that rounding errors of one do not repeat those of another.
GOLDEN = 0.6180339887498949
# Where, between a point that has its digits and one that may have lost them, rounding is measured first, as shares of
# the distance; elements on the natural scale change by factors between the two, all others by differences.
# An exponent loses all digits of its exponential between 15 and 40, and may be at 700: so close are the points.
SHARES = np.unique(np.concatenate([np.linspace(0.0, 1.0, 97)[1:], np.geomspace(1e-20, 1.0, 25)]))
# Where each value is an integral, every fourth.
SPARSE = 4
# And so many points between the neighbours of the worst of those.
FINER = 24
# A value is lower if it is so by more than this many standard deviations of its rounding.
STANDARD_DEVIATIONS = 10.0
# Where rounding stays below this, in −2LL, between two points, no digits were lost there.
SEEN = 1e-9
# A point is far out at such a distance from the initial one, unconstrained, or at so many times its size on another
# scale. A value there is no likelihood if its rounding may be more than `LOST`; so many are asked, the lowest first.
FAR_OUT, FAR_OUT_PLAIN, LOST, MOST_IN_DOUBT = 10.0, 1e4, 0.1, 32


def evaluation_noise(restricted: RestrictedObjective, x: Array) -> float:
    """Measure the rounding error of the value at a point.

    Parameters
    ----------
    restricted : RestrictedObjective
        The objective that is evaluated.
    x : array (m,)
        The point.

    Returns
    -------
    float
        Standard deviation, in −2LL; infinite where values next to the point are not finite.
    """
    return float(_noises(restricted.screened, x[None], SPACINGS)[0])


def largest_noise_between(restricted: RestrictedObjective, begin: Array, x: Array) -> float:
    """Measure the largest rounding error between two points.

    Parameters
    ----------
    restricted : RestrictedObjective
        The objective that is evaluated.
    begin, x : array (m,)
        A point that has its digits, and one that may be beyond where they are lost.

    Returns
    -------
    float
        Standard deviation, in −2LL.
    """

    def at(shares: Array) -> Array:
        found = _noises(restricted.screened, begin + shares[:, None] * (x - begin), SPACINGS[1:2])
        return np.where(np.isfinite(found), found, 0.0)  # outside the support nothing is said

    shares = SHARES[::-SPARSE][::-1] if restricted.objective.is_integral else SHARES
    coarse = at(shares)
    worst = int(np.argmax(coarse))
    low, high = shares[max(worst - 1, 0)], shares[min(worst + 1, len(shares) - 1)]
    finer = np.concatenate([np.linspace(low, high, FINER), np.geomspace(low, high, FINER)])
    # the second largest: a jump that one row of values lies across is no rounding
    return float(np.sort(np.concatenate([coarse, at(finer)] if coarse[worst] > SEEN else [coarse]))[-2])


def is_lower(
    restricted: RestrictedObjective,
    x: Array,
    value: float,
    bar: float,
    begin: tuple[RestrictedObjective, Array] | None = None,
) -> bool:
    """Whether a value is lower than another by more than its own rounding.

    Parameters
    ----------
    restricted : RestrictedObjective
        What was evaluated.
    x : array (m,)
        Where.
    value, bar : float
        The value there, and what it is to be lower than. Where it is not, nothing is measured.
    begin : tuple of RestrictedObjective and array (m,), optional
        The point that it would displace: between the two no more digits may be lost either.

    Returns
    -------
    bool
        False also for a value that is NaN.
    """
    if not value < bar:
        return False
    if not np.isfinite(value) or not len(x):
        return True
    with np.errstate(all="ignore"):
        if not STANDARD_DEVIATIONS * evaluation_noise(restricted, x) < bar - value:
            return False
        if begin is None:
            return True
        # digits that are lost beside one of two points that should have them are lost there, not here; but from a
        # point at a bound, which is infinitely far here, there is no way on which they could be seen to be lost
        points = (_carried(restricted, *begin), restricted.restrict(restricted.objective.initial_point()))
        known = [point for point in points if np.isfinite(point).all()]
        known = known or [np.where(np.isfinite(point), point, x) for point in points]
        return any(STANDARD_DEVIATIONS * largest_noise_between(restricted, point, x) < bar - value for point in known)


def without_lost_digits(restricted: RestrictedObjective, x: Array, values: Array) -> Array:
    """Return values with NaN for those that are the lowest by rounding alone.

    Only points far out are in doubt: those at which the value is lower than at every point nearer to the initial one.

    Parameters
    ----------
    restricted : RestrictedObjective
        What was evaluated.
    x : array (n, m)
        Where.
    values : array (n,)
        The values there.
    """
    with np.errstate(all="ignore"):
        begin = restricted.restrict(restricted.objective.initial_point())
        bent = restricted.layout.transformed[restricted.free]
        far = (np.abs(x - begin) > np.where(bent, FAR_OUT, FAR_OUT_PLAIN * (1.0 + np.abs(begin)))).any(axis=1)
        far &= np.isfinite(x).all(axis=1)
        doubtful = np.flatnonzero(far & (values < np.min(values[~far & np.isfinite(values)], initial=np.inf)))
        kept = values.copy()
        for i in doubtful[np.argsort(values[doubtful])][:MOST_IN_DOUBT]:
            found = max(evaluation_noise(restricted, x[i]), largest_noise_between(restricted, begin, x[i]))
            if STANDARD_DEVIATIONS * found <= LOST:
                return kept
            kept[i] = np.nan
        if len(doubtful) > MOST_IN_DOUBT:  # so many were wrong that no other is believed
            kept[doubtful] = np.nan
    return kept


def minus2ll_with_digits(objective: Objective, points: Point) -> Array:
    """Return −2LL at natural points, one a row of each array; NaN where it is the lowest by rounding alone."""
    values = -2.0 * objective.natural_log_likelihood(points)
    natural = RestrictedObjective(objective, objective.names)
    return without_lost_digits(natural, objective.layout().join(points), values)


class RoundingCheck:
    """Which values of a surface are real, as a search that goes down it asks.

    Parameters
    ----------
    restricted : RestrictedObjective
        The objective that is evaluated.
    point : callable
        The point (m,) of the restricted for a point of the surface; None where there is none.
    """

    def __init__(self, restricted: RestrictedObjective, point: Callable[[Array], Array | None] = lambda y: y):
        self.restricted, self.point = restricted, point

    def noise(self, y: Array) -> float:
        """Measure the rounding error of the value at a point."""
        x = self.point(y)
        return 0.0 if x is None else evaluation_noise(self.restricted, x)

    def is_lower(self, y: Array, value: float, begin: Array, bar: float) -> bool:
        """Whether a value is lower than that of the point `begin` by more than rounding."""
        x, there = self.point(y), self.point(begin)
        return x is None or there is None or is_lower(self.restricted, x, value, bar, (self.restricted, there))


def _noises(screened: Callable[[Array], Array], points: Array, spacings: Array) -> Array:
    """Return the noise at points (n, m): of all spacings the largest, and of all orders the smallest."""
    n, m = points.shape
    shares = 1.0 - 0.5 * ((np.arange(m) * GOLDEN) % 1.0)
    size = np.where(points == 0, 1.0, np.abs(points)) * shares
    steps = np.arange(ROW) - ROW // 2
    moves = spacings[:, None, None, None] * steps[:, None] * size[:, None, :]
    rows = (points[:, None, :] + moves).reshape(-1, m)
    values = screened(rows).reshape(len(spacings), n, ROW)
    with np.errstate(invalid="ignore"):
        found = np.array([_deviations(values, order) for order in range(1, ORDERS + 1)]).min(axis=0).max(axis=0)
    return np.where(np.isfinite(values).all(axis=(0, 2)), found, np.inf)


def _deviations(values: Array, order: int) -> Array:
    """Return the standard deviation that differences of some order tell of, were the values independent noise.

    By their median: of a jump, or of a spike narrower than the last digit of a mean, most differences know nothing.
    """
    typical = np.median(np.abs(np.diff(values, order, axis=-1)), axis=-1) / NORMAL_MEDIAN
    factor = np.prod(np.arange(order + 1, 2 * order + 1) / np.arange(1, order + 1))  # (2k)! / (k!)²
    return np.asarray(typical / np.sqrt(factor))


def _carried(restricted: RestrictedObjective, other: RestrictedObjective, there: Array) -> Array:
    """Return a point of another restricted objective in this one, where an element at a bound may be infinite."""
    return there if other is restricted else restricted.restrict(other.natural_point(there))
