"""The intervals of a curve's elements as strips over its horizontal axis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pymc_landscape.plots.polyline import Array
from pymc_landscape.plots.rows import Bar, Rows, parameters

MARGIN = 0.06
OPEN = 0.25  # beyond the outermost number, in heights of all numbers: room for an open end


@dataclass(frozen=True)
class Strip:
    """Lower and upper ends along a curve, at one level by one method; ±∞ where open, NaN where lost."""

    lower: Array
    upper: Array
    center: Array

    @property
    def ends(self) -> tuple[Array, Array]:
        """Both."""
        return self.lower, self.upper

    def runs(self) -> list[NDArray[np.intp]]:
        """Return positions without a gap between, two at least."""
        there = ~np.isnan(self.lower) & ~np.isnan(self.upper)
        pieces = np.split(np.arange(there.size), np.flatnonzero(np.diff(there)) + 1)
        return [piece for piece in pieces if piece.size > 1 and there[piece[0]]]


@dataclass(frozen=True)
class Curve:
    """Elements of a curve, from left to right."""

    name: str
    labels: list[str]
    x: Array
    x_name: str

    def strips(self, bars: Mapping[str, Sequence[Bar]]) -> list[Strip]:
        """Return a strip a level, the highest first."""
        some = next(iter(bars.values()))
        return [self._strip([bars[label][i] if label in bars else None for label in self.labels]) for i in _down(some)]

    def _strip(self, bars: Sequence[Bar | None]) -> Strip:
        ends = np.array([bar.ends if bar else (np.nan, np.nan) for bar in bars])
        return Strip(ends[:, 0], ends[:, 1], np.array([bar.center if bar else np.nan for bar in bars]))

    def window(self, strips: Mapping[str, Sequence[Strip]], points: Array | None) -> tuple[float, float]:
        """Return limits of the height: all that is finite, with room on a side that is open."""
        every = [strip for several in strips.values() for strip in several]
        seen = [strip_part for strip in every for strip_part in (*strip.ends, strip.center)]
        numbers = np.concatenate([*seen, points[:, 1] if points is not None else np.empty(0)])
        numbers = numbers[np.isfinite(numbers)]
        low, high = (float(numbers.min()), float(numbers.max())) if numbers.size else (-1.0, 1.0)
        size = (high - low) or abs(low) or 1.0
        open_below = any((strip.lower == -np.inf).any() for strip in every)
        open_above = any((strip.upper == np.inf).any() for strip in every)
        return low - (OPEN if open_below else MARGIN) * size, high + (OPEN if open_above else MARGIN) * size


def _down(bars: Sequence[Bar]) -> range:
    return range(len(bars) - 1, -1, -1)


def curve_of(rows: Rows, var_name: str | None, x: Any) -> Curve:
    """Return the curve whose elements there are intervals of.

    Raises
    ------
    ValueError
        When there are several variables, none of that name, fewer than two elements, or `x` has another length.
    """
    labels = parameters(rows)
    variables = list(dict.fromkeys(label.split("[")[0] for label in labels))
    if var_name is None and len(variables) > 1:
        raise ValueError(f"Expected intervals of one curve, got those of {variables}; choose one with var_name.")
    name = variables[0] if var_name is None else var_name
    mine = [label for label in labels if label.split("[")[0] == name]
    if len(mine) < 2:
        raise ValueError(
            f"Expected intervals of a curve, got {len(mine)} of {name!r} among those of {variables}; "
            "pass confidence_intervals of a Deterministic with several elements."
        )
    places, x_name = _places(mine, x)
    order = np.argsort(places, kind="stable")
    return Curve(name, [mine[i] for i in order], places[order], x_name)


def _places(labels: Sequence[str], x: Any) -> tuple[Array, str]:
    if x is None:
        return _from_labels(labels), ""
    places = np.ravel(np.asarray(x, dtype=float))
    if places.size != len(labels):
        raise ValueError(f"Expected x with a value for each of the {len(labels)} elements, got {places.size}.")
    return places, str(getattr(x, "name", None) or "")


def _from_labels(labels: Sequence[str]) -> Array:
    try:
        return np.array([float(label[label.index("[") + 1 : -1]) for label in labels])
    except ValueError:
        return np.arange(len(labels), dtype=float)
