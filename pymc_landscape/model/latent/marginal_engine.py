"""An engine for marginal likelihoods: the same questions at many points, each answered by an integral.

The integral is written once, over parameters on their natural scale. Where some stand unconstrained in a vector, their
natural values and the chain rule lead there. Where the integral has a closed form, its gradient is one graph. Gradients
are exact; Hessians are differences of them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Literal, override

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.engine import Backend, ChunkedEvaluation, Engine, PointEngine
from pymc_landscape.model.latent.laplace import Laplace
from pymc_landscape.numerics import hessian_of_gradients, hessian_times

# So many points are answered together, of small blocks and of others: each begins where its neighbours ended.
IN_BLOCKS, IN_STEP = 128, 32

MarginalKind = Literal["density", "gradient", "hessian", "hessian_product"]
NAMES: dict[str, tuple[str, ...]] = {
    "gradient": ("value", "gradient"),
    "hessian": ("value", "gradient", "hessian"),
    "hessian_product": ("product",),
}


class IntegralEngine(PointEngine):
    """Values, gradients or Hessians of an integral over one flat vector.

    Parameters
    ----------
    kind : str
        What is asked for, as in :class:`~pymc_landscape.objective.evaluators.Evaluators`.
    names : sequence of str
        Names of the outputs.
    size : int
        Length k of the vector.
    """

    def __init__(self, kind: MarginalKind, names: Sequence[str], size: int):
        super().__init__(names, 2 * size if kind == "hessian_product" else size)
        self.kind, self._k = kind, size

    @cached_property
    @override
    def lengths(self) -> list[int | None]:
        k = self._k
        known: dict[str, list[int | None]] = {
            "gradient": [None, k],
            "hessian": [None, k, k * k],
            "hessian_product": [k],
        }
        return known.get(self.kind, [None, None])

    @abstractmethod
    def is_inside(self, vector: Array) -> bool:
        """Whether a point is in the support."""

    @abstractmethod
    def value_and_gradient(self, vector: Array) -> tuple[float, Array]:
        """Return −2 (log L + w log prior) and its gradient, which may go on outside the support."""

    @override
    def answer(self, point: Array) -> tuple[float | Array, ...]:
        if self.kind == "hessian_product":
            point, direction = point[: self._k], point[self._k :]
            return (hessian_times(self._gradient, point, direction),)
        if not self.is_inside(point):  # though the gradient may go on there, as beyond σ = 0
            nowhere = np.full(self._k, np.nan), np.full(self._k**2, np.nan)
            return (np.inf, *nowhere[: len(self.names) - 1])
        value, gradient = self.value_and_gradient(point)
        if self.kind == "gradient":
            return value, gradient
        return value, gradient, hessian_of_gradients(self._gradient, point, refined=False).ravel()

    def _gradient(self, vector: Array) -> Array:
        return self.value_and_gradient(vector)[1]


class GaussianEngine(IntegralEngine):
    """Derivatives of an integral in closed form.

    Parameters
    ----------
    kind : str
        As in :class:`IntegralEngine`, with derivatives.
    derivatives : Engine
        Gives the value, the gradient, and whether a point is inside the support.
    """

    def __init__(self, kind: MarginalKind, derivatives: Engine):
        super().__init__(kind, NAMES[kind], derivatives.size)
        self._derivatives = derivatives

    @override
    def is_inside(self, vector: Array) -> bool:
        return bool(self._derivatives.one(vector)[2])

    @override
    def value_and_gradient(self, vector: Array) -> tuple[float, Array]:
        value, gradient, _ = self._derivatives.one(vector)
        return float(value), gradient

    @override
    def several(self, points: Array) -> list[Array]:
        if self.kind != "gradient":
            return super().several(points)
        value, gradient, inside = self._derivatives.several(points)
        return [np.where(inside, value, np.inf), np.where(inside[:, None], gradient, np.nan)]

    @override
    def one(self, point: Array) -> list[Array]:
        return [value[0] for value in self.several(point[None])] if self.kind == "gradient" else super().one(point)


class MarginalEngine(IntegralEngine):
    """A marginal likelihood over one flat vector, ready to be evaluated at many.

    Parameters
    ----------
    kind : str
        As in :class:`IntegralEngine`.
    term : str
        Name of the log-likelihood among the outputs.
    laplace : Laplace
        The integral.
    size : int
        Length k of the vector.
    natural, jacobian : Engine or None
        From the vector to the natural scale; and, where derivatives are asked for, the derivative (k, n) with the
        natural values again. None where the vector is on that scale.
    weight : callable
        Gives the weight of the log prior in derivatives.
    """

    def __init__(
        self,
        kind: MarginalKind,
        term: str,
        laplace: Laplace,
        size: int,
        natural: Engine | None,
        jacobian: Engine | None,
        weight: Callable[[], float],
    ):
        super().__init__(kind, NAMES.get(kind, (term, "log_prior")), size)
        self.laplace, self.weight = laplace, weight
        self._natural, self._jacobian = natural, jacobian

    @override
    def answer(self, point: Array) -> tuple[float | Array, ...]:
        if self.kind != "density":
            return super().answer(point)
        moved = [point] if self._natural is None else [np.ravel(value) for value in self._natural.one(point)]
        return self.laplace.value(np.concatenate(moved))

    @override
    def several(self, points: Array) -> list[Array]:
        if self.kind != "density" or len(points) == 1:
            return super().several(points)
        with np.errstate(all="ignore"):
            return list(self.laplace.values(self._all_moved(points)))

    @override
    def evaluate(self, evaluation: ChunkedEvaluation) -> None:
        block = None
        if self.kind == "density":
            block = IN_BLOCKS if self.laplace.pattern.is_in_blocks else IN_STEP
        evaluation.finish(Backend(self.several, block=block))

    def _all_moved(self, points: Array) -> Array:
        """Return the natural values (n, k) of many points."""
        if self._natural is None:
            return points
        return np.hstack([value.reshape(len(points), -1) for value in self._natural.several(points)])

    def _moved(self, vector: Array) -> tuple[Array | None, Array]:
        """Return the derivative (k, n) of the natural values, if they are others, and these."""
        if self._jacobian is None:
            return None, vector
        jacobian, natural = self._jacobian.one(vector)
        return jacobian.reshape(self._k, -1), natural

    @override
    def is_inside(self, vector: Array) -> bool:
        return self.laplace.is_inside(self._moved(vector)[1])

    @override
    def value_and_gradient(self, vector: Array) -> tuple[float, Array]:
        jacobian, theta = self._moved(vector)
        value, gradient = self.laplace.value_and_gradient(theta)
        if weight := self.weight():
            prior, prior_gradient = self.laplace.prior_value_and_gradient(theta)
            value, gradient = value + weight * prior, gradient + weight * prior_gradient
        if jacobian is not None:
            gradient = jacobian @ gradient
        return -2.0 * value, -2.0 * gradient
