"""Many ends of intervals approached at once: Newton's steps towards all of them as one stack.

For a small model what costs is not arithmetic but the way from one line of Python to the next, and the ends of all
quantities begin at one minimum. So they walk abreast while nothing is unusual; each is finished, and judged, alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pymc_landscape.abreast import lengths_abreast
from pymc_landscape.aliases import Array
from pymc_landscape.interval_end import CLOSE, LEFT, LONGEST, STEPS, Task
from pymc_landscape.spot import Spot


def approach(tasks: Sequence[Task]) -> list[Spot | None]:
    """Go towards ends until the next step would change nothing.

    Parameters
    ----------
    tasks : sequence of Task
        The ends.

    Returns
    -------
    list of Spot or None
        The last point on the way to each, at the end or near it; None where the way is not for a stack.
    """
    groups: dict[tuple[int, bytes], list[int]] = {}
    for i, task in enumerate(tasks):
        if _is_plain(task.estimate):
            groups.setdefault((id(task.estimate.frame), task.estimate.x.tobytes()), []).append(i)
    found: list[Spot | None] = [None] * len(tasks)
    for same in groups.values():
        with np.errstate(all="ignore"):  # a way that leads nowhere ends in NaN
            ends = _Stack([tasks[i] for i in same]).walk()
        for i, spot in zip(same, ends, strict=True):
            found[i] = spot
    return found


def _is_plain(estimate: Spot) -> bool:
    return not estimate.is_bent and estimate.is_finite and estimate.frame.is_small


class _Stack:
    """Ends of several elements, all from one minimum."""

    def __init__(self, tasks: Sequence[Task]):
        self.tasks, self.begin = tasks, tasks[0].estimate
        self.places = np.array([np.flatnonzero(task.estimate.reading.gradient)[0] for task in tasks])
        self.rises = np.array([task.rise for task in tasks])
        n, m = len(tasks), len(self.begin.x)
        self.x, self.value = np.empty((n, m)), np.full(n, np.nan)
        self.gradient, self.hessian = np.empty((n, m)), np.empty((n, m, m))

    def walk(self) -> list[Spot | None]:
        """Return the last point that each came to."""
        active, x = np.arange(len(self.tasks)), self._first()
        rounding = 10.0 * self.begin.rounding()
        for _ in range(STEPS):
            there = np.isfinite(x).all(axis=1)
            if not there.any():
                break
            active = self._look(active[there], x[there])
            step, missing = self._steps(active)
            size = 0.5 * np.einsum("ni,ij,nj->n", step, self.begin.hessian, step)
            longest = LONGEST * np.maximum(1.0, np.sqrt(self.rises[active]))
            x = self.x[active] + step * np.minimum(1.0, longest / np.sqrt(np.maximum(size, 1e-300)))[:, None]
            on = (np.abs(missing) > max(CLOSE, rounding)) | ~(2.0 * size <= max(LEFT, rounding))
            active, x = active[on], x[on]
        return [self._spot(i) if np.isfinite(value) else None for i, value in enumerate(self.value)]

    def _first(self) -> Array:
        """Return where the ends would be on a quadratic surface: x̂ ± √q C∇c / √(∇cᵀC∇c)."""
        along = self.begin.covariance[self.places]
        variance = along[np.arange(len(along)), self.places]
        reach = np.array([task.direction for task in self.tasks]) * np.sqrt(self.rises / variance)
        first: Array = self.begin.x + reach[:, None] * along
        return first

    def _look(self, rows: NDArray[np.intp], x: Array) -> NDArray[np.intp]:
        """Look at points, and return those of the rows that have a value with derivatives there."""
        value, gradient, hessian = self.begin.frame.curves(x)
        plain = np.isfinite(value) & np.isfinite(gradient).all(axis=1) & np.isfinite(hessian).all(axis=(1, 2))
        rows = rows[plain]
        self.x[rows], self.value[rows] = x[plain], value[plain]
        self.gradient[rows], self.hessian[rows] = gradient[plain], hessian[plain]
        return rows

    def _steps(self, rows: NDArray[np.intp]) -> tuple[Array, Array]:
        """Solve [[H, e], [∇f, 0]] (d, ·) = (−∇f, missing) for each, on scaled axes; NaN where one is singular."""
        (n, m), each = self.gradient[rows].shape, np.arange(len(rows))
        missing: Array = self.begin.value + self.rises[rows] - self.value[rows]
        scale = lengths_abreast(self.hessian[rows])
        slope = self.gradient[rows] / scale
        size = np.sqrt(np.einsum("ni,ni->n", slope, slope))
        matrix, right = np.zeros((n, m + 1, m + 1)), np.empty((n, m + 1))
        matrix[:, :m, :m] = self.hessian[rows] / (scale[:, :, None] * scale[:, None, :])
        matrix[each, self.places[rows], m] = 1.0
        matrix[:, m, :m] = slope / size[:, None]
        right[:, :m], right[:, m] = -slope, missing / size
        try:
            return np.linalg.solve(matrix, right[:, :, None])[:, :m, 0] / scale, missing
        except np.linalg.LinAlgError:
            return np.full((n, m), np.nan), missing

    def _spot(self, i: int) -> Spot:
        frame, quantity, x = self.begin.frame, self.tasks[i].estimate.quantity, self.x[i]
        value, reading = float(self.value[i]), quantity.read(frame, x)
        return Spot(frame, quantity, x, value, self.gradient[i], self.hessian[i], reading)
