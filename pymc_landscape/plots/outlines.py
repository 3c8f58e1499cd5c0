"""The edge of a joint region as lines: closed where it closes, and with arrow heads where it has no end."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pymc_landscape.plots.polyline import Array

MARGIN = 0.06
# Of an arrow head, in windows: its length, and half its breadth.
HEAD, BREADTH = 0.035, 0.016
Window = tuple[float, float]


@dataclass(frozen=True)
class Outline:
    """The edge of one pair's region at one level, by one method.

    Attributes
    ----------
    level : float
        Confidence level.
    runs : list of array (n, 2)
        Lines without a gap; a closed one ends where it begins.
    open_ends : list of (array (2,), array (2,))
        Where a line breaks off because the region goes on, and the point before.
    """

    level: float
    runs: list[Array]
    open_ends: list[tuple[Array, Array]]

    @property
    def points(self) -> Array:
        """All points (n, 2)."""
        return np.concatenate(self.runs) if self.runs else np.empty((0, 2))

    def heads(self, windows: tuple[Window, Window]) -> list[Array]:
        """Return an arrow head for each open end, three points from leg to leg."""
        low = np.array([window[0] for window in windows])
        size = np.array([window[1] - window[0] for window in windows])
        return [low + size * _head((tip - low) / size, (back - low) / size) for tip, back in self.open_ends]


def outlines(ds: xr.Dataset, pair: Sequence[str]) -> list[Outline]:
    """Return the lines of a contour with `pair` as x and y, the lowest level first."""
    return [_outline(ds.sel(level=level), pair) for level in np.sort(ds["level"].values)]


def _outline(one: xr.Dataset, pair: Sequence[str]) -> Outline:
    xy = np.stack([one[label].to_numpy().astype(float) for label in pair], axis=1)
    status, piece = one["status"].to_numpy().astype(str), one["piece"].to_numpy()
    found = Outline(float(one["level"]), [], [])
    for number in np.unique(piece[piece >= 0]):
        mine = piece == number
        for run, ends in _runs(xy[mine], status[mine]):
            found.runs.append(run)
            found.open_ends.extend(ends)
    return found


def _runs(xy: Array, status: NDArray[np.str_]) -> Iterator[tuple[Array, list[tuple[Array, Array]]]]:
    """Yield lines between vertices that are not there, with those of their ends that are open."""
    there = np.isfinite(xy).all(axis=1)
    if there.all():
        yield np.concatenate([xy, xy[:1]]), []
        return
    first = int(np.argmin(there))  # begin at a gap: the order goes round
    xy, there, status = np.roll(xy, -first, axis=0), np.roll(there, -first), np.roll(status, -first)
    breaks = np.flatnonzero(np.diff(np.concatenate([[False], there, [False]]).astype(int)))
    for a, b in zip(breaks[::2], breaks[1::2], strict=True):
        run, beside = xy[a:b], (status[a - 1], status[b % len(status)])
        long = len(run) > 1
        ends = [(run[0], run[1])] if long and beside[0] == "open" else []
        yield run, ends + ([(run[-1], run[-2])] if long and beside[1] == "open" else [])


def _head(tip: Array, back: Array) -> Array:
    ahead = tip - back
    ahead = ahead / (np.linalg.norm(ahead) or 1.0)
    aside = np.array([-ahead[1], ahead[0]])
    foot = tip - HEAD * ahead
    return np.stack([foot + BREADTH * aside, tip, foot - BREADTH * aside])


def window(numbers: Array) -> Window:
    """Return limits that show some numbers, with a margin.

    Examples
    --------
    >>> window(np.array([0.0, np.nan, 100.0]))
    (-6.0, 106.0)
    """
    numbers = numbers[np.isfinite(numbers)]
    low, high = (float(numbers.min()), float(numbers.max())) if numbers.size else (-1.0, 1.0)
    size = (high - low) or abs(low) or 1.0
    return low - MARGIN * size, high + MARGIN * size
