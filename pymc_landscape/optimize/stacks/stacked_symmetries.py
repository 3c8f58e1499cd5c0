"""Which of many data sets have a surface that may be symmetric: permutations and reflections are tried on all at once.

For each candidate one value of each surface is enough, if it changes: there is no such symmetry. Where a value stays as
it is, or cannot be told, the data set may have one; that is no verdict.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._typing import Array
from pymc_landscape.objective import RestrictedObjective
from pymc_landscape.objective.observations import StackedData
from pymc_landscape.optimize import (
    MOST_PARAMETERS,
    POINTS,
    Symmetry,
    find_symmetries,
    scattered_points,
    value_tolerance,
)


def may_be_symmetric(data: StackedData, sets: NDArray[np.intp], x: Array) -> NDArray[np.bool_]:
    """Return of which data sets `sets` (r,) the surface may be symmetric; x (r, k) are points of each."""
    test = _StackedSymmetryTest(data, sets, x)
    if data.objective.size <= MOST_PARAMETERS and len(sets):
        for _ in find_symmetries(test):  # nothing is yielded: none holds for all
            pass
    return test.may_be


class _StackedSymmetryTest:
    """Notes for each data set whether a candidate leaves its values as they are."""

    def __init__(self, data: StackedData, sets: NDArray[np.intp], x: Array):
        self.data, self.sets, self.objective = data, sets, data.objective
        self.layout = data.objective.layout()
        self.may_be = np.zeros(len(sets), bool)
        self._points = scattered_points(x, POINTS)
        with np.errstate(all="ignore"):
            natural = RestrictedObjective(self.objective).natural_points(self._points.reshape(-1, x.shape[1]))
        self._natural = self.layout.join(natural).reshape(len(sets), POINTS, -1)
        self._values: dict[int, Array] = {}

    def holds(self, symmetry: Symmetry) -> bool:
        """Note of which data sets it may hold; none is used to build others."""
        left = np.flatnonzero(~self.may_be)
        for i in range(POINTS):
            if not len(left):
                return False
            value, there = self._value(i)[left], self._moved(symmetry, i, left)
            with np.errstate(invalid="ignore"):
                left = left[~(np.isfinite(value) & ~(np.abs(there - value) <= value_tolerance(value)))]
        self.may_be[left] = True
        return False

    def _value(self, i: int) -> Array:
        """Return the values of all data sets at point i of each."""
        if i not in self._values:
            self._values[i] = self.data.values(self.sets, self._points[:, i])
        return self._values[i]

    def _moved(self, symmetry: Symmetry, i: int, left: NDArray[np.intp]) -> Array:
        """Return the values of some at the images of these points; +inf outside the support."""
        with np.errstate(all="ignore"):
            theta = self.objective.vector(self.layout.split(symmetry(self._natural[left, i])), self.objective.names)
        inside = np.isfinite(theta).all(axis=1)
        values = np.full(len(left), np.inf)
        if inside.any():
            values[inside] = self.data.values(self.sets[left[inside]], theta[inside])
        return values
