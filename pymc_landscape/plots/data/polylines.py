"""Polylines of shape (n, 2), in which NaN rows are gaps: clipped, thinned, joined, with arrow heads, and smoothed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._typing import Array

FAR = 1e6  # in windows: beyond this a picture shows no difference, and squares do not overflow
FINE = 2000  # steps a window: iterates closer than that fall on one dot
GAP = np.full(2, np.nan)


def thin(xy: Array) -> NDArray[np.intp]:
    """Rows, of shape (n, 2) in windows, that differ in the picture; the ends and gaps are kept.

    Examples
    --------
    >>> thin(np.array([[0.1, 0.1], [0.1, 0.1], [0.5, 0.1], [0.5, 0.1]])).tolist()
    [0, 2, 3]
    """
    with np.errstate(invalid="ignore"):
        cell = np.nan_to_num(np.floor(np.clip(xy, -FAR, FAR) * FINE), nan=-np.inf)
    moved = np.any(cell[1:] != cell[:-1], axis=1)
    keep = np.concatenate([[True], moved])
    keep[-1] = True
    return np.flatnonzero(keep)


def segments(xy: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Each step clipped to the unit square (Liang & Barsky 1984): from, to, and whether any of it is inside.

    A step from or to a point that is not finite is not inside.
    """
    far = np.clip(xy, -FAR, FAR)
    start, step = far[:-1], np.diff(far, axis=0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        one, two = (0.0 - start) / step, (1.0 - start) / step
    level = step == 0
    beside = level & ((start < 0) | (start > 1))
    low = np.where(level, 0.0, np.minimum(one, two)).max(axis=1, initial=0.0)
    high = np.where(level, 1.0, np.maximum(one, two)).min(axis=1, initial=1.0)
    inside = np.isfinite(xy[:-1]).all(1) & np.isfinite(xy[1:]).all(1) & ~beside.any(1) & (low <= high)
    return start + low[:, None] * step, start + high[:, None] * step, inside


def join(start: Array, end: Array) -> Array:
    """Join steps to one polyline, with a gap where one does not begin where the last one ended."""
    if not len(start):
        return np.empty((0, 2))
    rows = []
    for here, (a, b) in enumerate(zip(start, end, strict=True)):
        if here == 0:
            rows.append(a)
        elif not np.array_equal(a, end[here - 1]):
            rows += [GAP, a]
        rows.append(b)
    return np.array(rows)


def with_gaps(lines: Sequence[Array], columns: int = 2) -> Array:
    """Several polylines of so many columns as one, with a gap between; empty ones are left out."""
    gap = np.full((1, columns), np.nan)
    sections = [section for line in lines if len(line) for section in (line, gap)]
    return np.concatenate(sections[:-1]) if sections else np.empty((0, columns))


def arrows(start: Array, end: Array, size: float, aspect: float) -> list[Array]:
    """Arrow heads on a path of clipped steps: none on a short one, one at its middle, two on a long one.

    ``size`` is in window widths; ``aspect`` is the window's width over its height as drawn.
    """
    stretch = np.array([1.0, 1.0 / aspect])
    a, b = start * stretch, end * stretch
    run = np.concatenate([[0.0], np.cumsum(np.linalg.norm(b - a, axis=1))])
    if run[-1] < 4 * size:
        return []
    shares = (0.5,) if run[-1] < 0.4 else (0.3, 0.7)
    return [_head(a, b, run, share * run[-1], size) / stretch for share in shares]


def _head(a: Array, b: Array, run: Array, at: float, size: float) -> Array:
    """Two legs from a tip, along the path's direction over the head's own length."""
    tip, tail = (_along(a, b, run, where) for where in (at + size / 2, at - size / 2))
    ahead = tip - tail
    ahead = ahead / (np.linalg.norm(ahead) or 1.0)
    aside = np.array([-ahead[1], ahead[0]])
    back = tip - size * ahead
    return np.stack([back + 0.55 * size * aside, tip, back - 0.55 * size * aside])


def _along(a: Array, b: Array, run: Array, at: float) -> Array:
    i = int(np.clip(np.searchsorted(run, at, side="right") - 1, 0, len(a) - 1))
    share = (at - run[i]) / ((run[i + 1] - run[i]) or 1.0)
    return np.asarray(a[i] + np.clip(share, 0.0, 1.0) * (b[i] - a[i]))


def arrow_head(tip: tuple[float, float], side: float, across: float, up: float) -> Array:
    """Two legs from a tip that points left (side -1) or right: rows x, y.

    Examples
    --------
    >>> arrow_head((1.0, 0.0), 1.0, 0.5, 0.25).tolist()
    [[0.5, 0.25], [1.0, 0.0], [0.5, -0.25]]
    """
    back = tip[0] - side * across
    return np.array([[back, tip[1] + up], [tip[0], tip[1]], [back, tip[1] - up]])


def cap(x: float, y: float, up: float) -> Array:
    """Return a short upright line, rows x, y: an end that is a number."""
    return np.array([[x, y - up], [x, y + up]])


FINE_CURVE = 6  # points to a segment
CORNER = 1.1  # radians: a line that turns by more has a corner there


def smooth(xy: Array, sharp: NDArray[np.bool_]) -> Array:
    """Return a line through all vertices, with corners where they are sharp.

    Parameters
    ----------
    xy : array (n, 2)
        Vertices, in units in which directions mean something; the last equals the first if the line is closed.
    sharp : array (n,) of bool
        At which vertices the line is not smoothed.

    Returns
    -------
    array (m, 2)
        The vertices among them.

    Examples
    --------
    >>> turn = np.pi / 6 * (np.arange(13) % 12)
    >>> ring = smooth(np.stack([np.cos(turn), np.sin(turn)], axis=1), np.zeros(13, dtype=bool))
    >>> bool(abs(np.linalg.norm(ring, axis=1) - 1).max() < 0.004)  # straight lines are 0.034 off
    True
    """
    if len(xy) < 3:
        return xy
    closed = bool(np.array_equal(xy[0], xy[-1]))
    before = np.concatenate([xy[-2:-1] if closed else _beyond(xy[1], xy[0]), xy[:-1]])
    after = np.concatenate([xy[1:], xy[1:2] if closed else _beyond(xy[-2], xy[-1])])
    sharp = sharp | (_turning_angle(before, xy, after) > CORNER)
    sections = [
        _segment(
            _beyond(xy[i + 1], xy[i])[0] if sharp[i] else before[i],
            xy[i],
            xy[i + 1],
            _beyond(xy[i], xy[i + 1])[0] if sharp[i + 1] else after[i + 1],
        )
        for i in range(len(xy) - 1)
    ]
    return np.concatenate([*sections, xy[-1:]])


def _beyond(a: Array, b: Array) -> Array:
    """As far behind `b` as `a` is before it."""
    return np.asarray([2 * b - a])


def _turning_angle(before: Array, here: Array, after: Array) -> Array:
    """By what angle a line turns."""
    came, goes = here - before, after - here
    cross = came[:, 0] * goes[:, 1] - came[:, 1] * goes[:, 0]
    return np.abs(np.arctan2(cross, (came * goes).sum(axis=1)))


def _segment(p0: Array, p1: Array, p2: Array, p3: Array) -> Array:
    """From p1 to p2, without p2 (Barry & Goldman 1988; knots by Yuksel, Schaefer & Keyser 2011)."""
    points = np.stack([p0, p1, p2, p3])
    gaps = np.sqrt(np.linalg.norm(np.diff(points, axis=0), axis=1))
    if not (gaps > 0).all():
        return p1[None]
    t0, t1, t2, t3 = np.concatenate([[0.0], np.cumsum(gaps)])
    t = np.linspace(t1, t2, FINE_CURVE, endpoint=False)[:, None]

    def mix(a: Array, b: Array, low: float, high: float) -> Array:
        return ((high - t) * a + (t - low) * b) / (high - low)

    a1, a2, a3 = mix(p0, p1, t0, t1), mix(p1, p2, t1, t2), mix(p2, p3, t2, t3)
    return mix(mix(a1, a2, t0, t2), mix(a2, a3, t1, t3), t1, t2)
