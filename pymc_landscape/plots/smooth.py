"""A smooth line through vertices: centripetal Catmull-Rom splines, which make no loops and no overshoot."""

import numpy as np
from numpy.typing import NDArray

from pymc_landscape.plots.polyline import Array

FINE = 6  # points to a segment
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
    sharp = sharp | (_turn(before, xy, after) > CORNER)
    pieces = [
        _segment(
            _beyond(xy[i + 1], xy[i])[0] if sharp[i] else before[i],
            xy[i],
            xy[i + 1],
            _beyond(xy[i], xy[i + 1])[0] if sharp[i + 1] else after[i + 1],
        )
        for i in range(len(xy) - 1)
    ]
    return np.concatenate([*pieces, xy[-1:]])


def _beyond(a: Array, b: Array) -> Array:
    """As far behind `b` as `a` is before it."""
    return np.asarray([2 * b - a])


def _turn(before: Array, here: Array, after: Array) -> Array:
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
    t = np.linspace(t1, t2, FINE, endpoint=False)[:, None]

    def mix(a: Array, b: Array, low: float, high: float) -> Array:
        return ((high - t) * a + (t - low) * b) / (high - low)

    a1, a2, a3 = mix(p0, p1, t0, t1), mix(p1, p2, t1, t2), mix(p2, p3, t2, t3)
    return mix(mix(a1, a2, t0, t2), mix(a2, a3, t1, t3), t1, t2)
