"""Second-order Taylor arithmetic: a function written with these numbers carries its exact slope and curvature along.

NumPy alone, so that it can check derivatives that a graph library wrote. The functions here stand in for NumPy's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


class Jet:
    """Values (n,), slopes (p, n) and curvatures (p, p, n) by p variables."""

    __array_ufunc__ = None  # an array on the left leaves the operation to the jet

    def __init__(self, value: Any, slope: Any, bend: Any):
        self.value, self.slope, self.bend = value, slope, bend

    def through(self, value: Any, first: Any, second: Any) -> Jet:
        """Apply a function that has this value, first and second derivative at `self.value`: the chain rule."""
        outer = self.slope[:, None] * self.slope[None]
        return Jet(value, first * self.slope, first * self.bend + second * outer)

    def __add__(self, other: Any) -> Jet:
        if isinstance(other, Jet):
            return Jet(self.value + other.value, self.slope + other.slope, self.bend + other.bend)
        return Jet(self.value + other, self.slope, self.bend)

    def __mul__(self, other: Any) -> Jet:
        if not isinstance(other, Jet):
            return Jet(self.value * other, self.slope * other, self.bend * other)
        cross = self.slope[:, None] * other.slope[None]
        return Jet(
            self.value * other.value,
            self.value * other.slope + other.value * self.slope,
            self.value * other.bend + other.value * self.bend + cross + cross.swapaxes(0, 1),
        )

    def __pow__(self, power: Any) -> Jet:
        if isinstance(power, Jet):
            return exp(power * log(self))
        v = self.value
        return self.through(v**power, power * v ** (power - 1.0), power * (power - 1.0) * v ** (power - 2.0))

    def __rpow__(self, base: Any) -> Jet:
        return exp(self * np.log(base))

    def __truediv__(self, other: Any) -> Jet:
        return self * (other**-1 if isinstance(other, Jet) else 1.0 / other)

    def __rtruediv__(self, other: Any) -> Jet:
        return self**-1 * other

    def __neg__(self) -> Jet:
        return self * -1.0

    def __sub__(self, other: Any) -> Jet:
        return self + -other

    def __rsub__(self, other: Any) -> Jet:
        return -self + other

    __radd__ = __add__
    __rmul__ = __mul__


def variables(values: Sequence[float]) -> list[Jet]:
    """Return the p variables themselves at a point."""
    p = len(values)
    unit = np.eye(p)[..., None]
    return [Jet(np.array([v]), unit[i], np.zeros((p, p, 1))) for i, v in enumerate(values)]


def exp(u: Jet) -> Jet:
    e = np.exp(u.value)
    return u.through(e, e, e)


def log(u: Jet) -> Jet:
    return u.through(np.log(u.value), 1.0 / u.value, -(u.value**-2))


def sin(u: Jet) -> Jet:
    s, c = np.sin(u.value), np.cos(u.value)
    return u.through(s, c, -s)


def cos(u: Jet) -> Jet:
    s, c = np.sin(u.value), np.cos(u.value)
    return u.through(c, -s, -c)


def sqrt(u: Jet) -> Jet:
    return u**0.5


def arctan(u: Jet) -> Jet:
    d = 1.0 / (1.0 + u.value**2)
    return u.through(np.arctan(u.value), d, -2.0 * u.value * d**2)
