"""A restricted objective that keeps what it evaluated last, and values of several in one call."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import override

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.objective.restricted import ARITHMETIC_ERRORS, RestrictedObjective


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
        if self._last[0] != key:
            self.n_evaluations += 1
            try:
                result: tuple[float, Array, Array | None] = self._beside_bounds(self._all_derivatives, x)
            except ARITHMETIC_ERRORS:
                result = (*self._beside_bounds(self._value_and_gradient, x), None)
            self._last = key, result
        return self._last[1]


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


def batch_value_gradient_hessian(restricted: RestrictedObjective, x: Array) -> tuple[Array, Array, Array]:
    """Return values (n,), gradients (n, m) and Hessians (n, m, m) at many points; NaN where the model raises."""
    n, m, size = len(x), x.shape[1], restricted.layout.size
    restricted.n_evaluations += n
    restricted.objective.passes.n += n
    restricted.objective.use_data()
    vectors = restricted.full(x)
    try:
        beside = vectors if restricted.inside is None else vectors + restricted.inside
        value, gradient, hessian = restricted.engine("hessian").several(beside)
    except ARITHMETIC_ERRORS:
        return np.full(n, np.nan), np.full((n, m), np.nan), np.full((n, m, m), np.nan)
    if restricted.inside is not None:
        value = restricted.screened(x)
    gradient, hessian = restricted.reduced(gradient), restricted.reduced_hessian(hessian.reshape(n, size, size))
    return value, gradient, 0.5 * (hessian + hessian.swapaxes(1, 2))
