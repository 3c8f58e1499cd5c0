"""Paths as polylines inside a window: clipped, thinned, with arrow heads. NaN rows are gaps."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
FAR = 1e6  # in windows: beyond this a picture shows no difference, and squares do not overflow
FINE = 2000  # steps a window: iterates closer than that fall on one dot
GAP = np.full((1, 2), np.nan)


def thin(xy: Array) -> NDArray[np.intp]:
    """Rows, of shape (n, 2) in windows, that a picture can tell apart; the ends and gaps are kept.

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
            rows += [GAP[0], a]
        rows.append(b)
    return np.array(rows)


def with_gaps(lines: list[Array]) -> Array:
    """Several polylines as one."""
    pieces = [piece for line in lines if len(line) for piece in (line, GAP)]
    return np.concatenate(pieces[:-1]) if pieces else np.empty((0, 2))


def arrows(start: Array, end: Array, size: float, aspect: float) -> list[Array]:
    """Arrow heads on a path of clipped steps: none on a short one, one at its middle, two on a long one.

    ``size`` is in window widths; ``aspect`` is the window's width over its height as drawn.
    """
    stretch = np.array([1.0, 1.0 / aspect])
    a, b = start * stretch, end * stretch
    run = np.concatenate([[0.0], np.cumsum(np.linalg.norm(b - a, axis=1))])
    if run[-1] < 4 * size:
        return []
    places = (0.5,) if run[-1] < 0.4 else (0.3, 0.7)
    return [_head(a, b, run, place * run[-1], size) / stretch for place in places]


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
    place: Array = a[i] + np.clip(share, 0.0, 1.0) * (b[i] - a[i])
    return place
