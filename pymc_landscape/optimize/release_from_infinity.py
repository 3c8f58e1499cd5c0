"""When an element that stands for a limit at infinity is released: the active set of limits, as that of bounds.

Along a profile a parameter that runs away from the estimate's side may come back to a finite value, and where others
move, the place at which it was fixed may no longer be far enough out.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.numerics import noise
from pymc_landscape.objective import RestrictedObjective, is_lower
from pymc_landscape.optimize.active_set import Penalty
from pymc_landscape.optimize.tolerances import BOUND_TOLERANCE

# Where an element that stands for a limit is tried, as shares of where it stands.
OF_INFINITY = np.concatenate([10.0 ** np.arange(-6.0, 0.0), [0.2, 0.3, 0.5, 0.7, 0.9, 0.97, 1.03, 1.1, 1.3, 1.6]])
# An element at infinity goes further out for no less: what it has to gain there is as much at the estimate.
GAIN_OUTWARD = 5e-3


def released_from_infinity(
    restricted: RestrictedObjective, x: Array, value: float, penalty: Penalty | None = None
) -> Iterator[tuple[RestrictedObjective, Array]]:
    """Release one element at a time that stands for a limit, and yield where the value is lower, all else as it is.

    An optimum may have come in from infinity, or lie further out than the element stands.

    Parameters
    ----------
    restricted : RestrictedObjective
        With elements at infinity fixed.
    x : array (m,)
        A minimum over the others.
    value : float
        The value there.
    penalty : Penalty, optional
        Of a constrained minimum, as in `released_bounds`.

    Yields
    ------
    restricted : RestrictedObjective
        With that element free.
    x : array (m + 1,)
        Its free elements at the lowest point of the line through `x`.
    """
    if not restricted.at_infinity:
        return
    whole = restricted.full(x)
    for name, i in restricted.at_infinity:
        position = restricted.layout.slices[name].start + i
        fixed = {other: at for other, at in restricted.fixed.items() if other != position}
        released = restricted.refixed(fixed)
        rows = np.repeat(whole[None], len(OF_INFINITY), axis=0)
        rows[:, position] *= OF_INFINITY
        values = released.screened(rows[:, released.free])
        if penalty is not None:
            known = np.isfinite(values)
            values[known] += penalty(released, rows[known][:, released.free])
        bars = value - noise(value) - np.where(OF_INFINITY < 1.0, BOUND_TOLERANCE, GAIN_OUTWARD)
        best = int(np.argmin(values - bars))
        lowest, there = float(values[best]), rows[best, released.free]
        is_candidate = penalty is not None and lowest < bars[best]  # what it is worth, the minimum from there says
        begin = (released, whole[released.free])
        if is_candidate or (penalty is None and is_lower(released, there, lowest, float(bars[best]), begin)):
            yield released, there
