"""An objective as a function of its free elements, the rest held on bounds or axes.

A model's −2LL as an optimiser sees it: a function of one free vector, with the rest held.

Most searches run on the unconstrained scale, where there are no walls. At the edge of a support that scale ends at
infinity and every slope there is 0: such variables are put on their natural scale, and their elements held at the edge.

The Hessian of an objective as a function: exact, or where an Op has no second derivative, from differences.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.engine import Engine
from pymc_landscape.numerics import hessian_of_slopes
from pymc_landscape.objective.evaluators import Kind
from pymc_landscape.objective.objective import DENSE, Objective

# What a model's linear algebra raises at a bad point; a ValueError says that there are no derivatives at all.
ARITHMETIC_ERRORS = (ArithmeticError, AssertionError, IndexError, np.linalg.LinAlgError)


class RestrictedObjective:
    """Value, slope and Hessian of an objective over the elements that are free.

    Parameters
    ----------
    objective : Objective
        Whose `value` is looked at.
    natural : frozenset of str
        Variables on their natural scale; the others are unconstrained.
    held : mapping of int to float
        Elements of the vector that do not move, with their values.

    Attributes
    ----------
    n_evaluations : int
        How often value and slope were asked for.
    bottomless : bool
        Whether a likelihood of +∞ was met.
    """

    def __init__(
        self, objective: Objective, natural: frozenset[str] = frozenset(), held: Mapping[int, float] | None = None
    ):
        self.objective, self.natural, self.held = objective, natural, dict(held or {})
        self.unconstrained = objective.compiled.names - natural
        self.layout = objective.compiled.layout(self.unconstrained)
        self.free = np.array([i for i in range(self.layout.size) if i not in self.held], dtype=int)
        self._base = np.zeros(self.layout.size)
        self._base[list(self.held)] = list(self.held.values())
        self.n_evaluations = 0
        self.bottomless = False

    @property
    def labels(self) -> list[str]:
        """Labels of the free elements: natural ones where each element is transformed by itself."""
        plain = self.objective.compiled.layout(frozenset(v.name for v in self.objective.variables if v.named_by_value))
        labels = plain.labels if plain.size == self.layout.size else self.layout.labels
        return [labels[i] for i in self.free]

    def full(self, x: Array) -> Array:
        """Return the whole vector for free elements x (..., m)."""
        if not self.held:
            return x
        whole = np.broadcast_to(self._base, (*x.shape[:-1], self.layout.size)).copy()
        whole[..., self.free] = x
        return whole

    def value(self, x: Array) -> float:
        """Return the value alone; +inf where there is none."""
        return float(self.values(x[None])[0])

    def values(self, x: Array) -> Array:
        """Return the values of many points (n, m); +inf where there is none."""
        self.n_evaluations += len(x)
        total = self._totals(x)
        self.bottomless = self.bottomless or bool(np.isneginf(total).any())
        return np.where(np.isfinite(total), total, np.inf)

    def screened(self, x: Array) -> Array:
        """Return the same, of points that are looked at in passing: they do not count."""
        total = self._totals(x) if len(x) else np.empty(0)
        return np.where(np.isfinite(total), total, np.inf)

    def _totals(self, x: Array) -> Array:
        objective = self.objective
        out = objective.compiled.engine("density", self.unconstrained).at(self.full(x))
        total = -2.0 * sum(out[name] for name in objective.terms)
        if objective.prior_weight:
            total = total - 2.0 * objective.prior_weight * out["log_prior"]
        return np.asarray(total)

    def slope(self, x: Array) -> tuple[float, Array]:
        """Return value and gradient; +inf where there is no value."""
        self.n_evaluations += 1
        value, gradient = self._slope(self.full(x))
        self.bottomless = self.bottomless or value == -np.inf
        return (value if math.isfinite(value) else np.inf), gradient[self.free] if self.held else gradient

    def hessian(self, x: Array) -> Array:
        """Return the Hessian; by differences of slopes where it is not finite."""
        try:
            hessian = self._at_once(self.full(x))[2]
        except ARITHMETIC_ERRORS:
            hessian = None
        return self._believed(x, hessian)

    def curve(self, x: Array) -> tuple[float, Array, Array]:
        """Return value, gradient and Hessian; NaN for the Hessian where there is no slope."""
        try:
            value, gradient, hessian = self._at_once(self.full(x))
            self.n_evaluations += 1
        except ARITHMETIC_ERRORS:
            (value, gradient), hessian = self.slope(x), None
        else:
            self.bottomless = self.bottomless or value == -np.inf
            gradient = gradient[self.free] if self.held else gradient
        value = value if math.isfinite(value) else np.inf
        if not np.isfinite(gradient).all():
            return value, gradient, np.full((len(x), len(x)), np.nan)
        return value, gradient, self._believed(x, hessian)

    def curves(self, x: Array) -> tuple[Array, Array, Array]:
        """Return values (n,), gradients (n, m) and Hessians (n, m, m) at many points; NaN where they are not plain."""
        n, m, size = len(x), x.shape[1], self.layout.size
        self.n_evaluations += n
        self.objective.compiled.use_data()
        try:
            value, gradient, hessian = self._engine("hessian").several(self.full(x))
        except ARITHMETIC_ERRORS:
            return np.full(n, np.nan), np.full((n, m), np.nan), np.full((n, m, m), np.nan)
        hessian = hessian.reshape(n, size, size)
        if self.held:
            gradient, hessian = gradient[:, self.free], hessian[:, self.free[:, None], self.free]
        return value, gradient, 0.5 * (hessian + hessian.swapaxes(1, 2))

    def _believed(self, x: Array, whole: Array | None) -> Array:
        """Return the free part of a Hessian; by differences of slopes where it is not finite."""
        if whole is not None and self.held:
            whole = whole[self.free[:, None], self.free]
        if whole is not None and np.isfinite(whole).all():
            return whole
        return hessian_of_slopes(lambda there: self.slope(there)[1], x)  # 0 · ∞ on an edge, where slopes are finite

    def natural_point(self, x: Array) -> dict[str, Array]:
        """Return the natural value of every variable."""
        return {name: value[0] for name, value in self.natural_points(x[None]).items()}

    def natural_points(self, x: Array) -> dict[str, Array]:
        """Return the natural values of every variable for many points (n, m), each with a leading dim n."""
        values = self._engine("natural").at(self.full(x))
        return {v.name: values[v.name].reshape((len(x), *v.shape)) for v in self.objective.variables}

    @cached_property
    def _slope(self) -> Callable[[Array], tuple[float, Array]]:
        return self.objective.slope(self.natural)

    @cached_property
    def _at_once(self) -> Callable[[Array], tuple[float, Array, Array]]:
        """Value, gradient and Hessian over the whole vector."""
        if not self.natural and self.layout.size > DENSE:
            return lambda vector: (*self._slope(vector), self.objective.hessian(vector))
        engine, size = self._engine("hessian"), self.layout.size

        def at_once(vector: Array) -> tuple[float, Array, Array]:
            self.objective.compiled.use_data()
            value, gradient, hessian = engine.one(vector)
            columns = hessian.reshape(size, size)
            return float(value), gradient, 0.5 * (columns + columns.T)

        return at_once

    @property
    def is_small(self) -> bool:
        """Whether Hessians are small enough for a stack of them."""
        return self.layout.size <= DENSE

    def _engine(self, kind: Kind) -> Engine:
        return self.objective.compiled.engine(kind, self.unconstrained)


def screen_batch(frames: Sequence[RestrictedObjective], blocks: Sequence[Array]) -> list[Array]:
    """Return the values of blocks of points, each in a frame of its own, in one call for each frame."""
    groups: dict[int, list[int]] = {}
    for i, frame in enumerate(frames):
        groups.setdefault(id(frame), []).append(i)
    found: dict[int, Array] = {}
    for same in groups.values():
        values = frames[same[0]].screened(np.concatenate([blocks[i] for i in same]))
        cuts = np.cumsum([len(blocks[i]) for i in same])[:-1]
        found |= dict(zip(same, np.split(values, cuts), strict=True))
    return [found[i] for i in range(len(blocks))]


def hessian_function(objective: Objective, theta: Array) -> Callable[[Array], Array]:
    """Return the Hessian of `value` as a function of one vector (k,); `theta` is where it is tried out.

    Raises
    ------
    ValueError
        If the model has not even a gradient.
    """
    slope = objective.slope()
    try:
        objective.hessian(theta)
    except (NotImplementedError, ValueError):
        return lambda x: hessian_of_slopes(lambda there: slope(there)[1], x)
    return objective.hessian


# Elements by variable and place in it.
BoundElement = tuple[str, int]


def active_bounds(frame: RestrictedObjective) -> dict[BoundElement, float]:
    """Return the elements that a frame holds, with where."""
    return {place: frame.held[i] for place, i in _positions(frame).items() if i in frame.held}


def with_active_bounds(
    frame: RestrictedObjective, x: Array, held: dict[BoundElement, float]
) -> tuple[RestrictedObjective, Array]:
    """Return a frame that holds `held` and nothing else, and the vector of its free elements at x."""
    natural = frozenset(name for name, _ in held)
    there = RestrictedObjective(frame.objective, natural)
    positions = _positions(there)
    there = RestrictedObjective(frame.objective, natural, {positions[place]: edge for place, edge in held.items()})
    point = frame.natural_point(x)
    here = frame.layout.split(frame.full(x))
    moved = frame.objective.compiled.layout(frame.objective.compiled.names).split(frame.objective.pack(point))
    parts = {
        name: point[name] if name in natural else moved[name] if name in frame.natural else here[name] for name in point
    }
    return there, there.layout.join(parts)[there.free]


def _positions(frame: RestrictedObjective) -> dict[BoundElement, int]:
    """Where each element of the variables that can stand on an edge is in the vector."""
    slices, variables = frame.layout.slices, frame.objective.variables
    return {
        (v.name, i): slices[v.name].start + i
        for v in variables
        if v.elementwise and not v.discrete
        for i in range(slices[v.name].stop - slices[v.name].start)
    }


def natural_point_of(frame: RestrictedObjective, path: Array) -> dict[str, Array]:
    """Return natural values by name."""
    return frame.objective.compiled.layout(frozenset()).split(path)


def restrict_point(frame: RestrictedObjective, point: Mapping[str, Array]) -> Array:
    """Return the free elements of `frame` at a natural point; those that it holds stay where they are."""
    compiled = frame.objective.compiled
    moved = compiled.layout(compiled.names).split(frame.objective.pack(point))
    parts = {name: point[name] if name in frame.natural else moved[name] for name in point}
    vector: Array = frame.layout.join(parts)[frame.free]
    return vector


def on_natural_scale(frame: RestrictedObjective, x: Array, names: frozenset[str]) -> tuple[RestrictedObjective, Array]:
    """Return the same point in a frame that has some more variables on their natural scale."""
    natural = frame.natural | names
    if natural == frame.natural:
        return frame, x
    there = RestrictedObjective(frame.objective, natural)
    slices = there.layout.slices
    held = {slices[name].start + i: edge for (name, i), edge in active_bounds(frame).items()}
    there = RestrictedObjective(frame.objective, natural, held)
    point, here = frame.natural_point(x), frame.layout.split(frame.full(x))
    return there, there.layout.join({n: point[n] if n in names else here[n] for n in point})[there.free]
