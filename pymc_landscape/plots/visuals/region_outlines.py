"""The boundary of a joint region as lines: closed where it closes, with arrow heads where the region is unbounded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.plots.data import smooth

# Of an arrow head, in windows: its length, and half its breadth.
HEAD, BREADTH = 0.035, 0.016
FARTHEST = 3.0  # a line is extended to a bound of the support by so many steps beyond its last vertex, at most
TIP = 0.98  # the region is unbounded on a side where an open end goes nearly as far as the line does
Window = tuple[float, float]


@dataclass(frozen=True)
class Outline:
    """The boundary of one pair's region at one level, by one method.

    Attributes
    ----------
    level : float
        Confidence level.
    runs : list of array (n, 2)
        Lines without a gap; a closed one ends where it begins.
    open_ends : list of array (n, 2)
        Lines that end because the region is unbounded there, each in the direction of that end.
    """

    level: float
    runs: list[Array]
    open_ends: list[Array]

    @property
    def points(self) -> Array:
        """All points (n, 2)."""
        return np.concatenate(self.runs) if self.runs else np.empty((0, 2))

    def heads(self, windows: tuple[Window, Window]) -> list[Array]:
        """Return an arrow head, three points from leg to leg, for each open end, or where it leaves the picture."""
        low = np.array([window[0] for window in windows])
        size = np.array([window[1] - window[0] for window in windows])
        lines = [_within((line - low) / size) for line in self.open_ends]
        return [low + size * _head(line[-1], line[-2]) for line in lines if len(line) > 1]

    def reach(self, axis: int, side: float, center: float) -> tuple[float, bool]:
        """Return how far the boundary goes on one side of a value, and whether the region is unbounded there."""
        if not self.runs:
            return 0.0, False
        far = float(max(0.0, (side * (self.points[:, axis] - center)).max()))
        tips = [side * (line[-1, axis] - center) for line in self.open_ends]
        return far, any(tip > 0 and tip >= TIP * far for tip in tips)


def outlines(ds: xr.Dataset, pair: Sequence[str]) -> list[Outline]:
    """Return the lines of a contour with `pair` as x and y, the lowest level first."""
    return [_outline(ds.sel(level=level), pair) for level in np.sort(ds["level"].values)]


def _outline(one: xr.Dataset, pair: Sequence[str]) -> Outline:
    xy = np.stack([one[label].values.astype(float) for label in pair], axis=1)
    status, piece = one["status"].values.astype(str), one["piece"].values
    outline = Outline(float(one["level"]), [], [])
    for number in np.unique(piece[piece >= 0]):
        mine = piece == number
        for run, ends in _runs(xy[mine], status[mine]):
            outline.runs.append(run)
            outline.open_ends.extend(ends)
    return outline


def _runs(xy: Array, status: NDArray[np.str_]) -> Iterator[tuple[Array, list[Array]]]:
    """Yield lines between vertices that are not there, with those of their ends that are open."""
    xy, status = _with_corners(xy, status)
    there = np.isfinite(xy).all(axis=1)
    if there.all():
        again = np.arange(len(xy) + 1) % len(xy)
        yield _smoothed(xy[again], status[again]), []
        return
    first = int(np.argmin(there))  # begin at a gap: the order goes round
    xy, there, status = np.roll(xy, -first, axis=0), np.roll(there, -first), np.roll(status, -first)
    breaks = np.flatnonzero(np.diff(np.concatenate([[False], there, [False]]).astype(int)))
    for a, b in zip(breaks[::2], breaks[1::2], strict=True):
        run, beside = _smoothed(xy[a:b], status[a:b]), (status[a - 1], status[b % len(status)])
        long = len(run) > 1
        ends = [run[::-1]] if long and beside[0] == "open" else []
        yield run, ends + ([run] if long and beside[1] == "open" else [])


def _smoothed(xy: Array, status: NDArray[np.str_]) -> Array:
    """Return a smooth line through the vertices, with straight sections along a bound of the support."""
    low, size = xy.min(axis=0), np.ptp(xy, axis=0)
    size = np.where(size > 0, size, 1.0)
    # back to the vertices' own digits: what is closed stays closed
    line = low + size * smooth((xy - low) / size, status == "at_bound")
    line[[0, -1]] = xy[[0, -1]]
    return line


def _with_corners(xy: Array, status: NDArray[np.str_]) -> tuple[Array, NDArray[np.str_]]:
    """Extend each line that comes to a bound of the support as far as there: rays seldom hit the corner."""
    positions, corners = [], []
    for i in np.flatnonzero(status == "at_bound"):
        for side in (-1, 1):
            corner = _corner(xy, status, int(i), side)
            if corner is not None:
                positions.append(i + (side > 0))
                corners.append(corner)
    if not corners:
        return xy, status
    return np.insert(xy, positions, corners, axis=0), np.insert(status, positions, "at_bound")


def _corner(xy: Array, status: NDArray[np.str_], i: int, side: int) -> Array | None:
    """Where the line through the two vertices beside a vertex on a bound meets that bound."""
    n = len(xy)
    one, two, along = (i + side) % n, (i + 2 * side) % n, (i - side) % n
    if n < 4 or status[one] != "finite" or status[two] != "finite" or status[along] != "at_bound":
        return None
    step = xy[one] - xy[two]
    for axis in np.flatnonzero(xy[i] == xy[along]):
        steps = (xy[i, axis] - xy[one, axis]) / step[axis] if step[axis] else np.inf
        if 0 < steps <= FARTHEST:
            corner: Array = xy[one] + steps * step
            corner[axis] = xy[i, axis]
            return corner
    return None


def _within(line: Array) -> Array:
    """Return a line's last part in the unit square, up to where it leaves it; its last point where it does not."""
    inside = ((line >= 0) & (line <= 1)).all(axis=1)
    if not inside.any():
        return line[:0]
    last = int(np.flatnonzero(inside)[-1])
    if last == len(line) - 1:
        return line
    here, step = line[last], line[last + 1] - line[last]
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(step > 0, (1 - here) / step, np.where(step < 0, -here / step, np.inf))
    return np.concatenate([line[: last + 1], [here + float(shares.min()) * step]])


def _head(tip: Array, back: Array) -> Array:
    ahead = tip - back
    ahead = ahead / (np.linalg.norm(ahead) or 1.0)
    aside = np.array([-ahead[1], ahead[0]])
    foot = tip - HEAD * ahead
    return np.stack([foot + BREADTH * aside, tip, foot - BREADTH * aside])
