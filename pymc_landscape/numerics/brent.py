"""Brent's root of a function of one variable, number by number as SciPy's.

SciPy's optimisers take longer to import than a small model takes to fit, and a step of the trust region wants one root.
"""

from __future__ import annotations

import math
from collections.abc import Callable

# Of the root, beside a relative one; and of steps.
XTOL, MAXITER = 2e-12, 100


def root_between(
    function: Callable[[float], float], low: float, high: float, *, rtol: float, xtol: float = XTOL
) -> float:
    """Return a root of a continuous function between two points at which it has different signs.

    Parameters
    ----------
    function : callable
        From a number to a number.
    low, high : float
        The two points.
    rtol, xtol : float
        Relative and absolute error of the root.

    Raises
    ------
    ValueError
        If there is no change of sign, or the function has no number.
    RuntimeError
        If it takes more than a hundred steps.

    Notes
    -----
    Inverse quadratic interpolation, or the secant, where these converge, else the middle (Brent 1973, *Algorithms for
    Minimization without Derivatives*, chapter 4).

    Examples
    --------
    >>> round(root_between(lambda x: x**2 - 4.0, 0.0, 3.0, rtol=1e-12), 9)
    2.0
    """
    before, here, other = float(low), float(high), 0.0
    f_before, f_here, f_other = _number(function, before), _number(function, here), 0.0
    if f_before == 0.0 or f_here == 0.0:
        return before if f_before == 0.0 else here
    if (f_before < 0) == (f_here < 0):
        raise ValueError(f"Expected a change of sign between {low} and {high}, got {f_before} and {f_here}.")
    last = step = 0.0
    for _ in range(MAXITER):
        if f_before != 0.0 and f_here != 0.0 and (f_before < 0) != (f_here < 0):
            other, f_other = before, f_before
            last = step = here - before
        if abs(f_other) < abs(f_here):
            before, here, other = here, other, here
            f_before, f_here, f_other = f_here, f_other, f_here
        least, half = (xtol + rtol * abs(here)) / 2, (other - here) / 2
        if f_here == 0.0 or abs(half) < least:
            return here
        tried = math.nan
        if abs(last) > least and abs(f_here) < abs(f_before):
            tried = _interpolated(before, here, other, f_before, f_here, f_other)
        converges = 2 * abs(tried) < min(abs(last), 3 * abs(half) - least)
        last, step = (step, tried) if converges else (half, half)
        before, f_before = here, f_here
        here += step if abs(step) > least else math.copysign(least, half)
        f_here = _number(function, here)
    raise RuntimeError(f"No root between {low} and {high} after {MAXITER} steps.")


def _interpolated(x0: float, x1: float, x2: float, f0: float, f1: float, f2: float) -> float:
    """Return the step from x1 to the root of a secant, or of an inverse quadratic; NaN where there is none."""
    try:
        if x0 == x2:
            return -f1 * (x1 - x0) / (f1 - f0)
        slope0, slope2 = (f0 - f1) / (x0 - x1), (f2 - f1) / (x2 - x1)
        return -f1 * (f2 * slope2 - f0 * slope0) / (slope2 * slope0 * (f2 - f0))
    except ZeroDivisionError:
        return math.nan


def _number(function: Callable[[float], float], x: float) -> float:
    value = float(function(x))
    if math.isnan(value):
        raise ValueError(f"Expected a number at {x}, got NaN.")
    return value
