"""Derivatives of a model that does not give them: differences of what it gives, its gradients or its values.

An Op that PyTensor cannot look into, an external program or an ODE solver, has a gradient if its author wrote one, and
rarely a second derivative. Whoever asks for derivatives gets them from an engine of the same outputs as if they were
written out.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Literal, override

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.engine.engine import Engine
from pymc_landscape.engine.point_engine import PointEngine
from pymc_landscape.numerics import (
    gradient_of_values,
    hessian_of_gradients,
    hessian_of_values,
    hessian_times,
    jacobian_of_values,
)

DerivativeKind = Literal["gradient", "hessian", "hessian_product"]
NAMES: dict[DerivativeKind, tuple[str, ...]] = {
    "gradient": ("value", "gradient"),
    "hessian": ("value", "gradient", "hessian"),
    "hessian_product": ("product",),
}
# What a model raises at a bad point: there it has no value.
NO_VALUE = (ArithmeticError, AssertionError, IndexError, RuntimeError, ValueError, np.linalg.LinAlgError)


class DifferenceEngine(PointEngine):
    """Value, gradient and Hessian of a function of which another engine has less.

    Parameters
    ----------
    kind : str
        ``"gradient"`` (value and gradient), ``"hessian"`` (the same with the Hessian), or ``"hessian_product"`` (its
        vector holds the point, then the direction).
    source : Engine
        Gives value and gradient, or what `value` is made of. Its vector may go on behind the point: with what changes
        with every question and is no parameter.
    size : int
        Length k of the point.
    value : callable, optional
        From the outputs of `source` at n points to the values (n,); left out, it gives value and gradient.
    """

    def __init__(
        self, kind: DerivativeKind, source: Engine, size: int, value: Callable[[list[Array]], Array] | None = None
    ):
        behind = size if kind == "hessian_product" else 0
        super().__init__(NAMES[kind], source.size + behind)
        self.kind, self.source, self._k, self._value = kind, source, size, value

    @property
    @override
    def linear_algebra(self) -> bool:
        return self.source.linear_algebra

    @cached_property
    @override
    def lengths(self) -> list[int | None]:
        k = self._k
        return [k] if self.kind == "hessian_product" else [None, k, k * k][: len(self.names)]

    @override
    def answer(self, point: Array) -> tuple[float | Array, ...]:
        if self.kind == "hessian_product":
            return (self._along(point[: self._k], point[self._k :]),)
        x, behind = point[: self._k], point[self._k :]
        if self._value is not None:
            return self._by_values(x, behind)
        value, gradient = self.source.one(point)
        return float(value), gradient, hessian_of_gradients(lambda y: self._gradient(y, behind), x).ravel()

    def _by_values(self, x: Array, behind: Array) -> tuple[float | Array, ...]:
        value, k = float(self._values(x[None], behind)[0]), self._k
        if not np.isfinite(value):
            return (value, np.full(k, np.nan), np.full(k * k, np.nan))[: len(self.names)]
        if self.kind == "gradient":
            return value, gradient_of_values(lambda y: self._values(y, behind), x)
        gradient, hessian = hessian_of_values(lambda y: self._values(y, behind), x)
        return value, gradient, hessian.ravel()

    def _values(self, points: Array, behind: Array) -> Array:
        """Return values (n,); NaN where the model raises."""
        assert self._value is not None
        whole = np.hstack([points, np.broadcast_to(behind, (len(points), len(behind)))])
        try:
            return np.asarray(self._value(self.source.several(whole)))
        except NO_VALUE:
            if len(points) == 1:
                return np.array([np.nan])
        return np.concatenate([self._values(point[None], behind) for point in points])

    def _gradient(self, x: Array, behind: Array) -> Array:
        try:
            return self.source.one(np.concatenate([x, behind]))[1]
        except NO_VALUE:
            return np.full(self._k, np.nan)

    def _along(self, x: Array, direction: Array) -> Array:
        """Return the Hessian times a direction."""
        behind = np.zeros(0)
        if self._value is not None:
            return np.asarray(hessian_of_values(lambda y: self._values(y, behind), x)[1] @ direction)
        return hessian_times(lambda y: self._gradient(y, behind), x, direction)


class JacobianDifferences(PointEngine):
    """How the outputs of another engine move with its vector.

    Parameters
    ----------
    names : tuple of str
        ``("jacobian", "moved")``: the Jacobian (k, n) and the outputs (n,); or ``("scores",)``: its transpose (n, k).
    source : Engine
        Its outputs, raveled and joined, are what is differentiated.
    outputs : slice
        Which of them.
    density : callable
        A −2 log density at n points (n, k), in whose standard errors steps are measured.
    """

    def __init__(self, names: tuple[str, ...], source: Engine, outputs: slice, density: Callable[[Array], Array]):
        super().__init__(names, source.size)
        self.source, self.outputs, self.density = source, outputs, density

    @property
    @override
    def linear_algebra(self) -> bool:
        return self.source.linear_algebra

    @cached_property
    @override
    def lengths(self) -> list[int | None]:
        n = sum(length or 1 for length in self.source.lengths[self.outputs])
        lengths: list[int | None] = [n * self.size, n]
        return lengths[: len(self.names)]

    @override
    def answer(self, point: Array) -> tuple[float | Array, ...]:
        jacobian = jacobian_of_values(self._joined, point, self.density)
        return (jacobian.T.ravel(),) if len(self.names) == 1 else (jacobian.ravel(), self._joined(point[None])[0])

    def _joined(self, points: Array) -> Array:
        """Return all outputs of points (m, k) as rows (m, n)."""
        return np.hstack([np.reshape(out, (len(points), -1)) for out in self.source.several(points)[self.outputs]])
