"""How the elements of a model stand at the points of a grid while those on no axis look for their best.

The elements on axes are held. So are others that have come to an edge of their support: their variables stand on the
natural scale there, as in :mod:`~pymc_landscape.optimize.bounds`. A *footing* is one such choice. The points that
share it have vectors of one layout, and can be evaluated as one stack.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._typing import Array
from pymc_landscape.engine import Engine
from pymc_landscape.landscape.grid_points import GridPoints
from pymc_landscape.landscape.profile_axes import GridAxes, Place
from pymc_landscape.objective import (
    ARITHMETIC_ERRORS,
    DENSE,
    FreeVariable,
    MemoizedObjective,
    Objective,
    RestrictedObjective,
)
from pymc_landscape.optimize import InsideBound, is_lower

Indices = NDArray[np.intp]
# Seconds of looks at single points after which a function of blocks is worth its making, for more than a few points.
PATIENCE, FEW = 0.5, 4


class ActiveSets:
    """All the footings of one grid.

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
    held : GridAxes
        What the axes hold.
    n_evaluations : int
        Points at which value, slope and Hessian were evaluated.
    """

    def __init__(self, objective: Objective, points: GridPoints, base: Array):
        self.objective = objective.with_integers_fixed()
        self.held = GridAxes(self.objective, points, base)
        self.variables = self.held.variables
        self.n_evaluations = 0
        self.seconds = 0.0
        self._footings: dict[tuple[frozenset[str], frozenset[tuple[Place, float]]], ActiveSet] = {}

    def footing(self, p: int, edges: Mapping[Place, float]) -> ActiveSet:
        """Return how point p stands with some of the elements on no axis held at edges."""
        natural = self.held.natural_at(p) | {name for name, _ in edges if self.variables[name].transform}
        key = natural, frozenset(edges.items())
        if key not in self._footings:
            self._footings[key] = ActiveSet(self, natural, edges)
        return self._footings[key]

    def groups(self, ps: Sequence[int] | Indices, edges: Mapping[Place, float]) -> list[tuple[ActiveSet, Indices]]:
        """Sort points by footing."""
        groups: dict[ActiveSet, list[int]] = {}
        for p in ps:
            groups.setdefault(self.footing(int(p), edges), []).append(int(p))
        return [(footing, np.array(own)) for footing, own in groups.items()]

    def typical(self, place: Place) -> float:
        """Return the natural value of an element at the model's initial point."""
        name, i = place
        return float(np.ravel(self._initial[name])[i])

    @cached_property
    def _initial(self) -> dict[str, Array]:
        return self.objective.initial_point()


class ActiveSet:
    """One way in which points stand.

    Attributes
    ----------
    natural : frozenset of str
        Transformed variables on their natural scale.
    edges : dict of Place to float
        Elements on no axis that are held at an edge.
    axes, held : array of int
        Positions in the vector of the elements on axes, and of those at edges.
    free : array (m,) of int
        Positions of the others.
    places : list of Place
        The free ones by variable.
    """

    def __init__(self, ground: ActiveSets, natural: frozenset[str], edges: Mapping[Place, float]):
        self.ground, self.natural, self.edges = ground, natural, dict(edges)
        self.objective = ground.objective
        self.unconstrained = self.objective.names - natural
        self.layout = self.objective.layout(self.unconstrained)
        starts = {name: where.start for name, where in self.layout.slices.items()}
        self.axes = np.array([starts[n] + i for n, i in (c.place for c in ground.held.columns)], dtype=int)
        self.held = np.array([starts[n] + i for n, i in edges], dtype=int)
        taken = {*self.axes.tolist(), *self.held.tolist()}
        self.free = np.array([i for i in range(self.layout.size) if i not in taken], dtype=int)
        every = [(n, i) for n, where in self.layout.slices.items() for i in range(where.stop - where.start)]
        self.places = [every[i] for i in self.free]
        self._is_warm = False  # the first look also makes the function

    # --- vectors -----------------------------------------------------------------------------------------------------

    def on_axes(self, ps: int | Indices) -> Array:
        """Return the elements on axes (..., h) at points, on the scale that they have here."""
        columns = self.ground.held.columns
        return np.stack([(c.natural if c.place[0] in self.natural else c.theta)[ps] for c in columns], axis=-1)

    def vectors(self, ps: Indices, x: Array) -> Array:
        """Return whole vectors (n, k) at points with the free elements x (n, m)."""
        vectors = np.empty((len(ps), self.layout.size))
        vectors[:, self.axes] = self.on_axes(ps)
        vectors[:, self.held] = list(self.edges.values())
        vectors[:, self.free] = x
        return vectors

    def natural_points(self, ps: Indices, x: Array) -> dict[str, Array]:
        """Return the natural values of all variables at points; those on axes as the grid has them."""
        engine = self.objective.engine("natural", self.unconstrained)
        values = {n: np.array(v).reshape(len(ps), -1) for n, v in engine.at(self.vectors(ps, x)).items()}
        for column in self.ground.held.columns:
            name, i = column.place
            if name in self.ground.held.on_natural_axes:
                values[name][:, i] = column.natural[ps]
        return {n: v.reshape(len(ps), *self.ground.variables[n].shape) for n, v in values.items()}

    def start(self, point: Mapping[str, Array], like: tuple[ActiveSet, Array] | None = None) -> Array:
        """Return the free elements (..., m) at natural points; on scales that `like` has too, as they are there."""
        kept: dict[str, Array] = {}
        if like is not None:
            other, vectors = like
            parts = other.layout.split(vectors)
            kept = {n: part for n, part in parts.items() if (n in self.natural) == (n in other.natural)}
        start: Array = self.objective.vector(point, self.unconstrained, kept)[..., self.free]
        return start

    def carry(self, other: ActiveSet, ps: Indices, x: Array) -> Array:
        """Return where free elements x (n, m) of points on `other` are on this footing."""
        if other is self:
            return x
        where = {place: j for j, place in enumerate(other.places)}
        same = all((n in self.natural) == (n in other.natural) for n, _ in self.places)
        if same and all(place in where for place in self.places):
            return x[:, [where[place] for place in self.places]]
        return self.start(other.natural_points(ps, x), like=(other, other.vectors(ps, x)))

    # --- values ------------------------------------------------------------------------------------------------------

    def restricted(self, p: int) -> RestrictedObjective:
        """Return the surface over the free elements at one point."""
        held = dict(zip(self.axes.tolist(), self.on_axes(p).tolist(), strict=True))
        held |= dict(zip(self.held.tolist(), self.edges.values(), strict=True))
        return (MemoizedObjective if self.has_curves else RestrictedObjective)(self.objective, self.natural, held)

    def values(self, vectors: Array) -> Array:
        """Return what is minimised, at whole vectors (n, k); +inf where there is no value."""
        return RestrictedObjective(self.objective, self.natural).values(vectors)

    @cached_property
    def has_curves(self) -> bool:
        """Whether the model has derivatives, and few enough elements for a stack of Hessians."""
        try:
            return self.layout.size <= DENSE and self._engine is not None
        except (NotImplementedError, ValueError):
            return False

    @cached_property
    def _engine(self) -> Engine:
        return self.objective.engine("hessian", self.unconstrained)

    def curves(self, ps: Indices, x: Array) -> tuple[Array, Array, Array]:
        """Return value, slope and Hessian over all elements at points; NaN where the model raises."""
        k, ground, vectors = self.layout.size, self.ground, self.vectors(ps, x)
        ground.n_evaluations += len(ps)
        if len(ps) > FEW and ground.seconds > PATIENCE:
            value, slope, hessian = self._block(vectors)
        else:
            start = time.thread_time()
            value, slope, hessian = _stacked([self._one(vector) for vector in vectors])
            ground.seconds += time.thread_time() - start if self._is_warm else 0.0
            self._is_warm = True
        square = hessian.reshape(len(ps), k, k)
        return value, slope, 0.5 * (square + square.swapaxes(1, 2))

    def _one(self, vector: Array) -> list[Array]:
        try:
            return [np.asarray(part) for part in self._engine.one(vector)]
        except ARITHMETIC_ERRORS:
            k = self.layout.size
            return [np.asarray(np.nan), np.full(k, np.nan), np.full(k * k, np.nan)]

    def _block(self, vectors: Array) -> list[Array]:
        try:
            out = self._engine.at(vectors)
        except ARITHMETIC_ERRORS:  # at every one of them
            return _stacked([self._one(vector) for vector in vectors])
        return [out["value"], out["gradient"], out["hessian"]]

    # --- bounds ------------------------------------------------------------------------------------------------------

    @cached_property
    def bounded(self) -> list[tuple[int, Place, FreeVariable, float]]:
        """The free elements whose support has an end.

        Each with its position among the free ones, its variable (without a transform where that stands on the natural
        scale), and its natural value at the initial point.
        """
        elements = []
        for j, (name, i) in enumerate(self.places):
            variable = self.ground.variables[name]
            if variable.elementwise and variable.bounded[i]:
                stands = replace(variable, transform=None) if name in self.natural else variable
                elements.append((j, (name, i), stands, self.ground.typical((name, i))))
        return elements

    def lower_inside(self, p: int, x: Array, place: Place, value: float) -> float | None:
        """Look inside the support from one bound, at point p; return the natural value at which it is lowest.

        None where nothing there is lower than `value`.
        """
        inside = InsideBound(self.restricted(p), x, place)
        depth, lowest = inside.lowest()
        return inside.bound + depth if is_lower(lowest, value) else None


def _stacked(found: list[list[Array]]) -> list[Array]:
    return [np.stack(column) for column in zip(*found, strict=True)]
