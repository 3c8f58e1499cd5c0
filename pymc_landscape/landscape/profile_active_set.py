"""The active sets of a grid: which nuisance parameters are fixed at a bound of their support, at which points.

The elements on axes are fixed; so are nuisance parameters at a bound of their support, whose variables are on the
natural scale there, as in :mod:`~pymc_landscape.optimize.active_set`. Points with the same active set have vectors of
one layout, and are evaluated as one batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._typing import Array
from pymc_landscape.engine import Engine
from pymc_landscape.landscape.grid_points import GridPoints
from pymc_landscape.landscape.profile_axes import GridAxes
from pymc_landscape.objective import (
    ARITHMETIC_ERRORS,
    DENSE,
    BoundElement,
    FreeVariable,
    MemoizedObjective,
    Objective,
    RestrictedObjective,
)
from pymc_landscape.optimize import InsideBound

Indices = NDArray[np.intp]


class ActiveSets:
    """All active sets of one grid.

    Parameters
    ----------
    objective : Objective
        Whose `value` is minimised.
    points : GridPoints
        The grid.
    base : array (k,)
        A reference point, in the layout of `points`.

    Attributes
    ----------
    axes : GridAxes
        The elements on axes.
    n_evaluations : int
        Points at which value, gradient and Hessian were evaluated.
    """

    def __init__(self, objective: Objective, points: GridPoints, base: Array):
        self.objective = objective.with_integers_fixed()
        self.axes = GridAxes(self.objective, points, base)
        self.variables = self.axes.variables
        self.n_evaluations = 0
        self._sets: dict[tuple[frozenset[str], frozenset[tuple[BoundElement, float]]], ActiveSet] = {}

    def active_set(self, p: int, bounds: Mapping[BoundElement, float]) -> ActiveSet:
        """Return the active set of point p with these nuisance parameters fixed at bounds."""
        natural = self.axes.natural_at(p) | {name for name, _ in bounds if self.variables[name].transform}
        return self.with_natural(natural, bounds)

    def with_natural(self, natural: frozenset[str], bounds: Mapping[BoundElement, float]) -> ActiveSet:
        """Return the active set with these variables on the natural scale and these elements at bounds."""
        key = natural, frozenset(bounds.items())
        if key not in self._sets:
            self._sets[key] = ActiveSet(self, natural, bounds)
        return self._sets[key]

    def groups(
        self, ps: Sequence[int] | Indices, bounds: Mapping[BoundElement, float]
    ) -> list[tuple[ActiveSet, Indices]]:
        """Sort points by active set."""
        groups: dict[ActiveSet, list[int]] = {}
        for p in ps:
            groups.setdefault(self.active_set(int(p), bounds), []).append(int(p))
        return [(active_set, np.array(own)) for active_set, own in groups.items()]

    def typical(self, element: BoundElement) -> float:
        """Return the natural value of an element at the model's initial point."""
        name, i = element
        return float(np.ravel(self._initial[name])[i])

    @cached_property
    def _initial(self) -> dict[str, Array]:
        return self.objective.initial_point()


class ActiveSet:
    """One choice of fixed and of free elements.

    Attributes
    ----------
    natural : frozenset of str
        Transformed variables on their natural scale.
    bounds : dict of BoundElement to float
        Nuisance parameters that are fixed at a bound, with the bound.
    axes, at_bounds : array of int
        Positions in the vector of the elements on axes, and of those at bounds.
    free : array (m,) of int
        Positions of all other elements.
    elements : list of BoundElement
        The free ones, by variable and position in it.
    """

    def __init__(self, active_sets: ActiveSets, natural: frozenset[str], bounds: Mapping[BoundElement, float]):
        self.active_sets, self.natural, self.bounds = active_sets, natural, dict(bounds)
        self.objective = active_sets.objective
        self.unconstrained = self.objective.names - natural
        self.layout = self.objective.layout(self.unconstrained)
        starts = {name: where.start for name, where in self.layout.slices.items()}
        self.axes = np.array([starts[n] + i for n, i in (c.element for c in active_sets.axes.columns)], dtype=int)
        self.at_bounds = np.array([starts[n] + i for n, i in bounds], dtype=int)
        taken = {*self.axes.tolist(), *self.at_bounds.tolist()}
        self.free = np.array([i for i in range(self.layout.size) if i not in taken], dtype=int)
        every = [(n, i) for n, where in self.layout.slices.items() for i in range(where.stop - where.start)]
        self.elements = [every[i] for i in self.free]

    def __reduce__(self) -> tuple[Any, ...]:
        """In another process it is that of the grid there with the same elements at bounds."""
        return ActiveSets.with_natural, (self.active_sets, self.natural, self.bounds)

    # --- vectors -----------------------------------------------------------------------------------------------------

    def on_axes(self, ps: int | Indices) -> Array:
        """Return the elements on axes (..., h) at points, on the scale that they have here."""
        columns = self.active_sets.axes.columns
        return np.stack([(c.natural if c.element[0] in self.natural else c.theta)[ps] for c in columns], axis=-1)

    def vectors(self, ps: Indices, x: Array) -> Array:
        """Return whole vectors (n, k) at points with the free elements x (n, m)."""
        vectors = np.empty((len(ps), self.layout.size))
        vectors[:, self.axes] = self.on_axes(ps)
        vectors[:, self.at_bounds] = list(self.bounds.values())
        vectors[:, self.free] = x
        return vectors

    def natural_points(self, ps: Indices, x: Array) -> dict[str, Array]:
        """Return the natural values of all variables at points; those on axes as the grid has them."""
        engine = self.objective.engine("natural", self.unconstrained)
        values = {n: np.array(v).reshape(len(ps), -1) for n, v in engine.at(self.vectors(ps, x)).items()}
        for column in self.active_sets.axes.columns:
            name, i = column.element
            if name in self.active_sets.axes.on_natural_axes:
                values[name][:, i] = column.natural[ps]
        return {n: v.reshape(len(ps), *self.active_sets.variables[n].shape) for n, v in values.items()}

    def start(self, point: Mapping[str, Array], like: tuple[ActiveSet, Array] | None = None) -> Array:
        """Return the free elements (..., m) at natural points; on scales that `like` has too, as they are there."""
        kept: dict[str, Array] = {}
        if like is not None:
            other, vectors = like
            parts = other.layout.split(vectors)
            kept = {n: part for n, part in parts.items() if (n in self.natural) == (n in other.natural)}
        start: Array = self.objective.vector(point, self.unconstrained, kept)[..., self.free]
        return start

    def transfer(self, other: ActiveSet, ps: Indices, x: Array) -> Array:
        """Return the free elements of this active set at points whose free elements on `other` are x (n, m)."""
        if other is self:
            return x
        where = {element: j for j, element in enumerate(other.elements)}
        same = all((n in self.natural) == (n in other.natural) for n, _ in self.elements)
        if same and all(element in where for element in self.elements):
            return x[:, [where[element] for element in self.elements]]
        return self.start(other.natural_points(ps, x), like=(other, other.vectors(ps, x)))

    # --- values ------------------------------------------------------------------------------------------------------

    def restricted(self, p: int) -> RestrictedObjective:
        """Return the objective over the free elements at one point."""
        fixed = dict(zip(self.axes.tolist(), self.on_axes(p).tolist(), strict=True))
        fixed |= dict(zip(self.at_bounds.tolist(), self.bounds.values(), strict=True))
        return (MemoizedObjective if self.has_hessians else RestrictedObjective)(self.objective, self.natural, fixed)

    def values(self, vectors: Array) -> Array:
        """Return the objective at whole vectors (n, k); +inf where there is no value."""
        return RestrictedObjective(self.objective, self.natural).values(vectors)

    @cached_property
    def has_hessians(self) -> bool:
        """Whether there are few enough elements for a stack of Hessians."""
        return self.layout.size <= DENSE

    @cached_property
    def _engine(self) -> Engine:
        return self.objective.engine("hessian", self.unconstrained)

    def value_gradient_hessian(self, ps: Indices, x: Array) -> tuple[Array, Array, Array]:
        """Return value, gradient and Hessian over all elements at points; NaN where the model raises."""
        k, vectors = self.layout.size, self.vectors(ps, x)
        self.active_sets.n_evaluations += len(ps)
        try:
            value, slope, hessian = self._engine.several(vectors)
        except ARITHMETIC_ERRORS:  # at one of them
            value, slope, hessian = (np.stack(column) for column in zip(*map(self._one, vectors), strict=True))
        square = hessian.reshape(len(ps), k, k)
        return value, slope, 0.5 * (square + square.swapaxes(1, 2))

    def _one(self, vector: Array) -> list[Array]:
        try:
            return [np.asarray(part) for part in self._engine.one(vector)]
        except ARITHMETIC_ERRORS:
            k = self.layout.size
            return [np.asarray(np.nan), np.full(k, np.nan), np.full(k * k, np.nan)]

    # --- bounds ------------------------------------------------------------------------------------------------------

    @cached_property
    def bounded(self) -> list[tuple[int, BoundElement, FreeVariable, float]]:
        """The free elements whose support has an end.

        Each with its position among the free ones, its variable (without a transform where that stands on the natural
        scale), and its natural value at the initial point.
        """
        elements = []
        for j, (name, i) in enumerate(self.elements):
            variable = self.active_sets.variables[name]
            if variable.elementwise and variable.bounded[i]:
                stands = replace(variable, transform=None) if name in self.natural else variable
                elements.append((j, (name, i), stands, self.active_sets.typical((name, i))))
        return elements

    def lower_inside(self, p: int, x: Array, element: BoundElement, value: float) -> float | None:
        """Look inside the support from one bound, at point p; return the natural value at which it is lowest.

        None where nothing there is lower than `value`.
        """
        inside = InsideBound(self.restricted(p), x, element)
        depth, lowest = inside.lowest(value)
        return inside.bound + depth if inside.is_lower(depth, lowest, value) else None
