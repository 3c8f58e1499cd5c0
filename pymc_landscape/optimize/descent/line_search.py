"""How far to go along a direction: backtracking until the value falls enough (Armijo 1966, *Pacific J. Math.* 16)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.numerics import noise

# Share of the promised fall that a step must keep (Nocedal & Wright 2006, *Numerical Optimization*, 3.1).
ASKED = 1e-4
TRIALS = 60


class LineSearchResult(NamedTuple):
    """A lower point: how far along it lies, and what is known there."""

    length: float
    theta: Array
    value: float
    gradient: Array


def backtrack(
    evaluate: Callable[[Array], tuple[float, Array]],
    theta: Array,
    value: float,
    gradient: Array,
    direction: Array,
    first: float,
) -> LineSearchResult | None:
    """Find a point along `direction` that is lower.

    Parameters
    ----------
    evaluate : callable
        Value and gradient at one vector; a value that is not finite counts as too high.
    theta, value, gradient : array (k,), float, array (k,)
        The point to begin at.
    direction : array (k,)
        Along which the value falls.
    first : float
        The length that is tried first, in units of `direction`.

    Returns
    -------
    LineSearchResult or None
        None where the value does not fall along it, or no shorter step is lower beyond rounding.

    Examples
    --------
    >>> square = lambda x: (float(x @ x), 2 * x)
    >>> backtrack(square, np.array([3.0]), 9.0, np.array([6.0]), np.array([-6.0]), 1.0).theta
    array([0.])
    """
    slope, length = float(gradient @ direction), first
    if not slope < 0:
        return None
    for _ in range(TRIALS):
        there = theta + length * direction
        lower, lower_gradient = evaluate(there)
        if lower <= value + ASKED * length * slope + noise(value) and np.isfinite(lower_gradient).all():
            return LineSearchResult(length, there, lower, lower_gradient) if (there != theta).any() else None
        length = _shorter(length, slope, lower - value)
    return None


def _shorter(length: float, slope: float, rise: float) -> float:
    """Return the lowest point of the parabola through what is known, and no less than a tenth of the step."""
    if not np.isfinite(rise):
        return 0.1 * length
    bend = rise - slope * length
    best = -0.5 * slope * length**2 / bend if bend > 0 else 0.5 * length
    return float(np.clip(best, 0.1 * length, 0.5 * length))
