"""An objective as a function of its free elements, the others fixed at bounds or on axes.

Most searches run on the unconstrained scale, where there are no bounds. At a bound of a support that scale ends at
infinity and every derivative there is 0: such variables are put on their natural scale, and their elements fixed. The
same point is a different vector in each such objective; `restrict`, `transfer`, `with_fixed` and `on_natural_scale`
convert, all by :meth:`~pymc_landscape.objective.parameters.Parameters.vector`. At a bound a derivative can be infinite
where the value is not (√(1 − ρ²) at ρ = 1), and 0 · ∞ spoils all others: those by free elements are a hair inside.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Self

import numpy as np

from pymc_landscape._typing import Array, Point
from pymc_landscape.engine import Engine
from pymc_landscape.numerics import hessian_of_gradients
from pymc_landscape.objective.bound_coordinates import (
    CORRELATIONS,
    INSIDE_BOUND,
    BoundCoordinates,
    has_vector_bounds,
    inward_directions,
    limits_inside,
    reference_elements,
)
from pymc_landscape.objective.evaluators import Kind
from pymc_landscape.objective.objective import Objective
from pymc_landscape.objective.objective_values import ARITHMETIC_ERRORS, DENSE
from pymc_landscape.results import MadeAnew

# An element of a variable: the variable's name, and the element's position in it.
BoundElement = tuple[str, int]
_NO_ELEMENTS: Mapping[BoundElement, float] = {}


class RestrictedObjective(MadeAnew):
    """Value, gradient and Hessian of an objective over the elements that are free.

    Parameters
    ----------
    objective : Objective
        Whose `value` is evaluated.
    natural : frozenset of str
        Variables on their natural scale; all others are unconstrained.
    fixed : mapping of int to float
        Elements of the vector that do not move, by position, with their values.
    bounded : frozenset of str
        Variables that have shares, increments or multiples of rows in place of elements.
    references : frozenset of int
        Positions of what stands still in each row of those: the sum of shares, one element of a Cholesky factor.

    Attributes
    ----------
    layout : Layout
        The order of elements in the whole vector; `unconstrained` are those on that scale.
    free : array (m,) of int
        Positions of the free elements in it.
    n_evaluations : int
        How often a value, with or without derivatives, was asked for.
    unbounded_below : bool
        Whether a likelihood of +∞ was met since the last search began.
    """

    def __init__(
        self,
        objective: Objective,
        natural: frozenset[str] = frozenset(),
        fixed: Mapping[int, float] | None = None,
        bounded: frozenset[str] = frozenset(),
        references: frozenset[int] = frozenset(),
    ):
        self.objective, self.natural, self.fixed = objective, natural, dict(fixed or {})
        self.unconstrained = objective.names - natural
        self.layout = objective.layout(self.unconstrained)
        self.free = np.array([i for i in range(self.layout.size) if i not in self.fixed], dtype=int)
        self.coordinates = BoundCoordinates(self.layout, bounded, references) if bounded else None
        self._base = np.zeros(self.layout.size)
        self._base[list(self.fixed)] = list(self.fixed.values())
        self.n_evaluations = 0
        self.unbounded_below = False
        self.inside: Array | None = None  # added to vectors where derivatives are taken a hair inside

    @classmethod
    def fixing(
        cls,
        objective: Objective,
        elements: Mapping[BoundElement, float],
        natural: frozenset[str] = frozenset(),
        point: Point | None = None,
        at_infinity: Mapping[BoundElement, float] = _NO_ELEMENTS,
    ) -> Self:
        """Fix elements at natural values, those of other variables `at_infinity`; `point` tells large shares."""
        natural = natural | {name for name, _ in elements}
        layout = objective.layout(objective.names - natural)
        both = {**elements, **{element: value for element, value in at_infinity.items() if element[0] not in natural}}
        fixed = {layout.slices[name].start + i: value for (name, i), value in both.items()}
        bounded = frozenset(name for name, _ in elements if has_vector_bounds(layout[name]))
        still = reference_elements(layout, bounded, fixed, point or {})
        return cls(objective, natural, fixed | still, bounded, frozenset(still))

    def refixed(
        self, fixed: Mapping[int, float], objective: Objective | None = None, sums: frozenset[int] | None = None
    ) -> RestrictedObjective:
        """Return the same with other elements fixed, by position, with other references, or of another objective."""
        c = self.coordinates
        named = (c.names, c.references if sums is None else sums) if c is not None else ()
        return RestrictedObjective(objective or self.objective, self.natural, fixed, *named)

    @property
    def labels(self) -> list[str]:
        """Labels of the free elements: natural ones where each element is transformed by itself."""
        plain = self.objective.layout(frozenset(v.name for v in self.objective.variables if v.named_by_value))
        labels = plain.labels if plain.size == self.layout.size else self.layout.labels
        return [labels[i] for i in self.free]

    @property
    def is_small(self) -> bool:
        """Whether Hessians are small enough for a stack of them."""
        return self.layout.size <= DENSE

    def engine(self, kind: Kind) -> Engine:
        """Return an engine of the objective for whole vectors of this layout."""
        return self.objective.engine(kind, self.unconstrained)

    # --- the same point in other layouts -----------------------------------------------------------------------------

    @cached_property
    def positions(self) -> dict[BoundElement, int]:
        """Where each element that can be at a bound of its own is in the whole vector."""
        slices = self.layout.slices
        sums = self.coordinates.references if self.coordinates is not None else ()
        return {
            (v.name, i): slices[v.name].start + i
            for v in self.objective.variables
            if (v.elementwise and not v.discrete) or (self.coordinates is not None and v.name in self.coordinates.names)
            for i in range(slices[v.name].stop - slices[v.name].start)
            if slices[v.name].start + i not in sums
        }

    @cached_property
    def initial_vector(self) -> Array:
        """The whole vector (k,) at the model's initial point, as coordinates."""
        vector = self.objective.vector(self.objective.initial_point(), self.unconstrained)
        return vector if self.coordinates is None else self.coordinates.coordinates(vector)

    @property
    def fixed_elements(self) -> dict[BoundElement, float]:
        """The elements that are fixed at a natural value, as at a bound, by variable and position in it."""
        places = self.positions.items() if self.fixed else ()
        return {element: self.fixed[i] for element, i in places if i in self.fixed and element[0] in self.natural}

    @property
    def at_infinity(self) -> dict[BoundElement, float]:
        """The elements that are fixed on the unconstrained scale, far out, where they stand for a limit."""
        names = self.unconstrained if self.fixed else frozenset[str]()
        where = {name: range(self.layout.size)[self.layout.slices[name]] for name in names}
        return {
            (name, own.index(i)): value for name, own in where.items() for i, value in self.fixed.items() if i in own
        }

    def full(self, x: Array) -> Array:
        """Return the whole vector for free elements x (..., m)."""
        whole = self.whole_coordinates(x)
        return whole if self.coordinates is None else self.coordinates.vectors(whole)

    def whole_coordinates(self, x: Array) -> Array:
        """Return the whole vector as coordinates: the same, but for shares of a simplex and increments."""
        if not self.fixed:
            return x
        whole = np.broadcast_to(self._base, (*x.shape[:-1], self.layout.size)).copy()
        whole[..., self.free] = x
        return whole

    def reduced(self, gradient: Array) -> Array:
        """Return a gradient (..., k) over the whole vector as one (..., m) over the free elements."""
        if self.coordinates is not None:
            gradient = self.coordinates.gradient(gradient)
        return gradient[..., self.free] if self.fixed else gradient

    def _free_of(self, vector: Array) -> Array:
        """Return the free elements (..., m) of whole vectors (..., k)."""
        return (vector if self.coordinates is None else self.coordinates.coordinates(vector))[..., self.free]

    def restrict(self, point: Point) -> Array:
        """Return the free elements (m,) of a natural point; fixed elements stay at their own values."""
        return self._free_of(self.objective.vector(point, self.unconstrained))

    def transfer(self, x: Array, to: RestrictedObjective) -> Array:
        """Return the free elements of another restricted objective at the point x (m,) of this one.

        Variables on one scale in both keep their numbers as they are, without the rounding of a way there and back; but
        for rows of a Cholesky factor, whose multiples differ.
        """
        other = (self.natural ^ to.natural) | {n for n in self.natural if self.layout[n].transform == CORRELATIONS}
        kept = {n: v for n, v in self.layout.split(self.full(x)).items() if n not in other}
        moved = self.natural_point(x) if len(kept) < len(self.layout.variables) else {}
        return to._free_of(to.objective.vector(moved, to.unconstrained, kept))

    def with_fixed(self, x: Array, elements: Mapping[BoundElement, float]) -> tuple[RestrictedObjective, Array]:
        """Return the objective with these elements fixed and no others, and its free elements at the point x (m,)."""
        point = self.natural_point(x) if any(has_vector_bounds(self.layout[name]) for name, _ in elements) else None
        there = RestrictedObjective.fixing(self.objective, elements, point=point, at_infinity=self.at_infinity)
        return there, self.transfer(x, there)

    def on_natural_scale(self, x: Array, names: frozenset[str]) -> tuple[RestrictedObjective, Array]:
        """Return the objective with more variables on their natural scale, and its free elements at the point x."""
        if names <= self.natural:
            return self, x
        point = self.natural_point(x) if self.coordinates is not None else None
        there = RestrictedObjective.fixing(
            self.objective, self.fixed_elements, self.natural | names, point, self.at_infinity
        )
        return there, self.transfer(x, there)

    def natural_point(self, x: Array) -> dict[str, Array]:
        """Return the natural value of every variable at x (m,)."""
        return {name: value[0] for name, value in self.natural_points(x[None]).items()}

    def natural_points(self, x: Array) -> dict[str, Array]:
        """Return the natural values of every variable for many points (n, m), each with a leading dim n."""
        values = self.engine("natural").at(self.full(x))
        return {v.name: values[v.name].reshape((len(x), *v.shape)) for v in self.objective.variables}

    # --- values and derivatives --------------------------------------------------------------------------------------

    def value(self, x: Array) -> float:
        """Return the value alone; +inf where there is none."""
        return float(self.values(x[None])[0])

    def values(self, x: Array) -> Array:
        """Return the values of many points (n, m); +inf where there is none."""
        self.n_evaluations += len(x)
        total = self._totals(x)
        self.unbounded_below = self.unbounded_below or bool(np.isneginf(total).any())
        return np.where(np.isfinite(total), total, np.inf)

    def screened(self, x: Array) -> Array:
        """Return the values of points that only rule out candidates: they do not count as evaluations."""
        total = self._totals(x) if len(x) else np.empty(0)
        return np.where(np.isfinite(total), total, np.inf)

    def _totals(self, x: Array) -> Array:
        vectors = self.full(x)
        total = self._densities(vectors)
        unknown = self.fixed and not np.isfinite(total).all()
        return limits_inside(self._densities, vectors, self._inwards, total) if unknown else total

    def _densities(self, vectors: Array) -> Array:
        self.objective.passes.n += len(vectors)
        return self.objective.total(self.engine("density").at(vectors))

    def value_and_gradient(self, x: Array) -> tuple[float, Array]:
        """Return value and gradient (m,); +inf where there is no value."""
        self.n_evaluations += 1
        value, gradient = self._beside_bounds(self._value_and_gradient, x)
        self.unbounded_below = self.unbounded_below or value == -np.inf
        return (value if math.isfinite(value) else np.inf), self.reduced(gradient)

    def hessian(self, x: Array) -> Array:
        """Return the Hessian (m, m); by differences of gradients where it is not finite."""
        try:
            hessian = self._beside_bounds(self._all_derivatives, x)[2]
        except ARITHMETIC_ERRORS:
            hessian = None
        return self._finite_hessian(x, hessian)

    def value_gradient_hessian(self, x: Array) -> tuple[float, Array, Array]:
        """Return value, gradient and Hessian; NaN for the Hessian where there is no gradient."""
        try:
            value, gradient, hessian = self._beside_bounds(self._all_derivatives, x)
            self.n_evaluations += 1
        except ARITHMETIC_ERRORS:
            (value, gradient), hessian = self.value_and_gradient(x), None
        else:
            self.unbounded_below = self.unbounded_below or value == -np.inf
            gradient = self.reduced(gradient)
        value = value if math.isfinite(value) else np.inf
        if not np.isfinite(gradient).all():
            return value, gradient, np.full((len(x), len(x)), np.nan)
        return value, gradient, self._finite_hessian(x, hessian)

    def _beside_bounds[*Derivatives](
        self, evaluate: Callable[[Array], tuple[float, *Derivatives]], x: Array
    ) -> tuple[float, *Derivatives]:
        """Evaluate with derivatives: where those at a bound are not finite, those a hair inside it."""
        vector = self.full(x)
        if not self.fixed:
            return evaluate(vector)
        if self.inside is None:
            at_bound = evaluate(vector)
            if not self._inwards.any() or (math.isfinite(at_bound[0]) and self._is_differentiable(at_bound)):
                return at_bound
            value = at_bound[0] if math.isfinite(at_bound[0]) else float(self._totals(x[None])[0])
            if not math.isfinite(value):
                return at_bound
        else:  # known from an earlier x
            value = float(self._totals(x[None])[0])
            at_bound = (value, *evaluate(vector + self.inside)[1:])
            if self._is_differentiable(at_bound):
                return at_bound
        for distance in INSIDE_BOUND:
            beside = evaluate(vector + distance * self._inwards)
            if self._is_differentiable(beside):
                self.inside = distance * self._inwards
                return (value, *beside[1:])
        return at_bound

    def _is_differentiable(self, evaluated: tuple[float, *tuple[Any, ...]]) -> bool:
        return bool(np.isfinite(self.reduced(evaluated[1])).all())

    @cached_property
    def _inwards(self) -> Array:
        """The way from all bounds that are fixed into the support (k,), as a whole vector."""
        if not self.fixed:
            return np.zeros(self.layout.size)
        inwards = inward_directions(self.layout, self.fixed, self.initial_vector)
        return inwards if self.coordinates is None else self.coordinates.vectors(inwards)

    def reduced_hessian(self, hessian: Array) -> Array:
        """Return a Hessian (..., k, k) over the whole vector as one (..., m, m) over the free elements."""
        if self.coordinates is not None:
            hessian = self.coordinates.hessian(hessian)
        return hessian[..., self.free[:, None], self.free] if self.fixed else hessian

    def _finite_hessian(self, x: Array, whole: Array | None) -> Array:
        """Return the free part of a Hessian; by differences of gradients where it is not finite."""
        whole = None if whole is None else self.reduced_hessian(whole)
        if whole is not None and np.isfinite(whole).all():
            return whole
        # 0 · ∞ at a bound, where gradients are finite
        return hessian_of_gradients(lambda there: self.value_and_gradient(there)[1], x)

    @cached_property
    def _value_and_gradient(self) -> Callable[[Array], tuple[float, Array]]:
        """Value and gradient over the whole vector."""
        return self.objective.value_and_gradient_function(self.natural)

    @cached_property
    def _all_derivatives(self) -> Callable[[Array], tuple[float, Array, Array]]:
        """Value, gradient and Hessian over the whole vector."""
        if not self.natural and self.layout.size > DENSE:
            return lambda vector: (*self._value_and_gradient(vector), self.objective.hessian(vector))
        engine, size = self.engine("hessian"), self.layout.size

        def all_derivatives(vector: Array) -> tuple[float, Array, Array]:
            self.objective.use_data()
            self.objective.passes.n += 1
            value, gradient, hessian = engine.one(vector)
            columns = hessian.reshape(size, size)
            return float(value), gradient, 0.5 * (columns + columns.T)

        return all_derivatives
