"""A restricted objective that keeps what it evaluated last, and values of several in one call."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import override

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.engine import Engine
from pymc_landscape.objective.objective_values import ARITHMETIC_ERRORS
from pymc_landscape.objective.restricted import RestrictedObjective


class MemoizedObjective(RestrictedObjective):
    """A restricted objective that evaluates value, gradient and Hessian in one pass, and keeps those of the last x."""

    _last: tuple[bytes, tuple[float, Array, Array | None]] = b"nowhere", (np.nan, np.zeros(0), None)

    @override
    def value_and_gradient(self, x: Array) -> tuple[float, Array]:
        value, gradient, _ = self._pass(x)
        self.unbounded_below = self.unbounded_below or value == -np.inf
        return (value if math.isfinite(value) else np.inf), self.reduced(gradient)

    @override
    def hessian(self, x: Array) -> Array:
        return self._finite_hessian(x, self._pass(x)[2])

    def _pass(self, x: Array) -> tuple[float, Array, Array | None]:
        key = np.asarray(x).tobytes()
        known, result = self._last  # another thread may replace it
        if known != key:
            self.n_evaluations += 1
            try:
                result = self._beside_bounds(self._all_derivatives, x)
            except ARITHMETIC_ERRORS:
                result = (*self._beside_bounds(self._value_and_gradient, x), None)
            self._last = key, result
        return result


class DerivativesAtOnce:
    """The surface of a restricted objective for steps of Newton's: value, gradient and Hessian in one pass.

    They have most of their work in common, and a step that is taken wants all three. After a step that was refused,
    which wants the value alone, the next point is evaluated without a Hessian first.

    Parameters
    ----------
    restricted : RestrictedObjective
        What is evaluated.
    """

    def __init__(self, restricted: RestrictedObjective):
        self.restricted = restricted
        self._known: tuple[Array, Array] | None = None  # a point, and the Hessian there
        self._was_taken = restricted.is_small and not restricted.objective.is_integral
        self._at_once = self._was_taken

    def value_and_gradient(self, x: Array) -> tuple[float, Array]:
        """Return value and gradient; +inf where there is no value."""
        at_once, self._was_taken, self._known = self._at_once and self._was_taken, False, None
        if at_once:
            try:
                value, gradient, hessian = self.restricted.value_gradient_hessian(x)
            except ValueError:  # no second derivative here, or the model raises
                return self.restricted.value_and_gradient(x)
            self._known = x, hessian
            return value, gradient
        return self.restricted.value_and_gradient(x)

    def hessian(self, x: Array) -> Array:
        """Return the Hessian."""
        self._was_taken = True
        known = self._known is not None and np.array_equal(self._known[0], x)
        return self._known[1] if known and self._known is not None else self.restricted.hessian(x)


def screen_batch(restrictions: Sequence[RestrictedObjective], blocks: Sequence[Array]) -> list[Array]:
    """Return the values of blocks of points, each of an objective of its own, in one call for each objective."""
    groups: dict[int, list[int]] = {}
    for i, restricted in enumerate(restrictions):
        groups.setdefault(id(restricted), []).append(i)
    results: dict[int, Array] = {}
    for same in groups.values():
        values = restrictions[same[0]].screened(np.concatenate([blocks[i] for i in same]))
        cuts = np.cumsum([len(blocks[i]) for i in same])[:-1]
        results |= dict(zip(same, np.split(values, cuts), strict=True))
    return [results[i] for i in range(len(blocks))]


def batch_value_gradient(restricted: RestrictedObjective, x: Array) -> tuple[Array, Array]:
    """Return values (n,) and gradients (n, m) at many points; NaN where the model raises."""
    restricted.n_evaluations += len(x)
    restricted.objective.passes.n += len(x)
    restricted.objective.use_data()
    try:
        value, gradient = restricted.engine("gradient").several(restricted.full(x))
    except ARITHMETIC_ERRORS:
        return np.full(len(x), np.nan), np.full(x.shape, np.nan)
    return value, restricted.reduced(gradient)


def batch_value_gradient_hessian(
    restricted: RestrictedObjective, x: Array, engine: Engine | None = None
) -> tuple[Array, Array, Array]:
    """Return values (n,), gradients (n, m) and Hessians (n, m, m) at many points; NaN where the model raises.

    `engine` is the restricted objective's own of Hessians, where it is at hand.
    """
    n, m, size = len(x), x.shape[1], restricted.layout.size
    restricted.n_evaluations += n
    restricted.objective.passes.n += n
    restricted.objective.use_data()
    vectors, engine = restricted.full(x), engine or restricted.engine("hessian")
    try:
        beside = vectors if restricted.inside is None else vectors + restricted.inside
        value, gradient, hessian = engine.several(beside)
    except ARITHMETIC_ERRORS:
        return np.full(n, np.nan), np.full((n, m), np.nan), np.full((n, m, m), np.nan)
    if restricted.inside is not None:
        value = restricted.screened(x)
    gradient, hessian = restricted.reduced(gradient), restricted.reduced_hessian(hessian.reshape(n, size, size))
    return value, gradient, 0.5 * (hessian + hessian.swapaxes(1, 2))


def hessian_products(restricted: RestrictedObjective, x: Array, directions: Array) -> Array:
    """Return the Hessian over the free elements at x (m,) times directions (..., m).

    Raises
    ------
    NotImplementedError
        If elements are tied in coordinates.
    """
    if restricted.coordinates is not None:
        raise NotImplementedError("products of a Hessian in coordinates")
    whole = np.zeros((*directions.shape[:-1], restricted.layout.size))
    whole[..., restricted.free] = directions
    both = np.concatenate([np.broadcast_to(restricted.full(x), whole.shape), whole], axis=-1)
    restricted.objective.passes.n += both.size // both.shape[-1]
    products = restricted.engine("hessian_product").at(both.reshape(-1, both.shape[-1]))["product"]
    return np.asarray(products.reshape(whole.shape)[..., restricted.free])
