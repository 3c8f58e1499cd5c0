"""The elements that the axes of a grid fix at each of its points, on both scales.

An element on an axis is fixed at its unconstrained value, the scale of the optimisers, or at its natural one: at a
bound of its support there is no unconstrained value, so that the scale can differ from point to point.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.landscape.grid_points import GridPoints
from pymc_landscape.objective import BoundElement, FreeVariable, Objective


@dataclass(frozen=True)
class AxisColumn:
    """One element that the grid fixes: its values at all points, on both scales where the element has both."""

    element: BoundElement
    natural: Array
    theta: Array


class GridAxes:
    """The elements that a grid fixes.

    Parameters
    ----------
    objective : Objective
        The model's.
    points : GridPoints
        The grid.
    base : array (k,)
        A reference point, in the layout of `points`.

    Attributes
    ----------
    columns : list of AxisColumn
        The elements, in an order of their own.
    always : frozenset of str
        Variables that are on the natural scale at every point: the unconstrained values of their elements depend on
        each other.
    inside : array (G,) of bool
        Which points lie in the support, as far as the axes alone decide.

    Raises
    ------
    ValueError
        If an element on no axis is discrete, or bound to one on an axis.
    """

    def __init__(self, objective: Objective, points: GridPoints, base: Array):
        self.objective, self.points = objective, points
        self.variables = {v.name: v for v in objective.variables}
        self.on_natural_axes = {
            e.variable.name: e.variable for e in points.elements if e.variable.name not in points.unconstrained
        }
        _refuse_bound(self.on_natural_axes, set(points.moved))
        _refuse_discrete(self.variables, set(points.moved), objective.latent)
        names = {n for n, v in self.on_natural_axes.items() if v.transform is not None and not v.is_independent}
        self.always = frozenset(names)
        self.columns, legal = self._columns(points.rows(base, 0, points.total))
        self.inside = self._inside() & legal
        self._at_bounds = self._columns_at_bounds()

    @property
    def total(self) -> int:
        """How many points there are."""
        return self.points.total

    def natural_at(self, p: int) -> frozenset[str]:
        """Return the variables that are on the natural scale at a point, whatever its active set."""
        return self.always | self._at_bounds.get(p, frozenset())

    def _columns(self, rows: Array) -> tuple[list[AxisColumn], NDArray[np.bool_]]:
        """Return the columns, and which points have an unconstrained value of every variable in `always`."""
        layout, unconstrained = self.points.layout, self.points.unconstrained
        theta, point = self._theta(rows), self._natural(rows)
        columns = []
        for name, i in self.points.moved:
            own = rows[:, layout.slices[name].start + i]
            if name in unconstrained:
                columns.append(AxisColumn((name, i), point[name][:, i] if name in point else own, own))
            else:
                elementwise = name in theta and name not in self.always
                columns.append(AxisColumn((name, i), own, theta[name][:, i] if elementwise else own))
        legal = np.ones(len(rows), bool)
        for name in self.always:
            if not self.variables[name].elementwise:
                legal &= ~np.isnan(theta[name]).any(axis=1)
        return columns, legal

    def _theta(self, rows: Array) -> dict[str, Array]:
        """Return the unconstrained values of the variables on natural axes."""
        if not any(v.transform for v in self.on_natural_axes.values()):
            return {}
        values = self.objective.engine("unconstrained", self.points.unconstrained).at(rows)
        return {n: values[n].reshape(len(rows), -1) for n, v in self.on_natural_axes.items() if v.transform}

    def _natural(self, rows: Array) -> dict[str, Array]:
        """Return the natural values of arrays of which some elements are on unconstrained axes."""
        moved = [name for name, _ in self.points.moved]
        arrays = [
            n for n in self.points.unconstrained if self.variables[n].elementwise and moved.count(n) < self._size(n)
        ]
        if not arrays:
            return {}
        values = self.objective.engine("natural", self.points.unconstrained).at(rows)
        return {n: values[n].reshape(len(rows), -1) for n in arrays}

    def _size(self, name: str) -> int:
        return int(np.prod(self.variables[name].shape))

    def _inside(self) -> NDArray[np.bool_]:
        inside = np.ones(self.total, bool)
        for column in self.columns:
            if column.element[0] in self.on_natural_axes:
                low, high = self.variables[column.element[0]].limits(column.element[1])
                inside &= (column.natural >= low) & (column.natural <= high)
        return inside

    def _columns_at_bounds(self) -> dict[int, frozenset[str]]:
        """Return the variables with an element on an axis that is at a bound of its support, by point."""
        found: dict[int, frozenset[str]] = {}
        for column in self.columns:
            name = column.element[0]
            if name not in self.on_natural_axes or self.variables[name].transform is None or name in self.always:
                continue
            for p in np.flatnonzero(np.isin(column.natural, self.variables[name].limits(column.element[1]))).tolist():
                found[p] = found.get(p, frozenset()) | {name}
        return found


def _refuse_bound(on_axes: Mapping[str, FreeVariable], moved: set[BoundElement]) -> None:
    """Refuse elements that cannot be fixed by themselves, because free elements are bound to them."""
    for v in on_axes.values():
        if not v.elementwise and any((v.name, i) not in moved for i in range(int(np.prod(v.shape)))):
            raise ValueError(
                f"Expected axes that can be fixed while other elements move, got elements of {v.name}, which are bound "
                f"together ({v.transform}): use its unconstrained elements, such as {v.value_labels[0]!r}."
            )


def _refuse_discrete(variables: Mapping[str, FreeVariable], moved: set[BoundElement], latent: tuple[str, ...]) -> None:
    discrete = [
        name
        for name, v in variables.items()
        if v.discrete and any((name, i) not in moved for i in range(int(np.prod(v.shape))))
    ]
    if discrete:
        raise ValueError(
            f"Expected continuous parameters beside the axes, got the discrete {', '.join(discrete)}: they can be grid "
            f"axes but not descended; Objective(model, latent={[*latent, *discrete]!r}) sums them out."
        )
