"""An engine for marginal likelihoods: the same questions at many points, each answered by an integral.

The integral is written once, over parameters on their natural scale. Where some stand unconstrained in a vector, their
natural values and the chain rule lead there. Gradients are exact; Hessians are differences of them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Literal, override

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.engine import Backend, ChunkedEvaluation, Engine, PointEngine
from pymc_landscape.model.latent.laplace import Laplace
from pymc_landscape.numerics import hessian_of_gradients, hessian_times

# So many points are answered together: each begins where its neighbours ended.
IN_STEP = 32

MarginalKind = Literal["density", "gradient", "hessian", "hessian_product"]
NAMES: dict[str, tuple[str, ...]] = {
    "gradient": ("value", "gradient"),
    "hessian": ("value", "gradient", "hessian"),
    "hessian_product": ("product",),
}


class MarginalEngine(PointEngine):
    """A marginal likelihood over one flat vector, ready to be evaluated at many.

    Parameters
    ----------
    kind : str
        What is asked for, as in :class:`~pymc_landscape.objective.evaluators.Evaluators`.
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
        super().__init__(NAMES.get(kind, (term, "log_prior")), 2 * size if kind == "hessian_product" else size)
        self.kind, self.laplace, self.weight = kind, laplace, weight
        self._k, self._natural, self._jacobian = size, natural, jacobian

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

    @override
    def answer(self, point: Array) -> tuple[float | Array, ...]:
        if self.kind == "density":
            moved = [point] if self._natural is None else [np.ravel(value) for value in self._natural.one(point)]
            return self.laplace.value(np.concatenate(moved))
        if self.kind == "hessian_product":
            return (self._along(point[: self._k], point[self._k :]),)
        if not self.laplace.is_inside(self._moved(point)[1]):  # though the gradient may go on there, as beyond σ = 0
            nowhere = np.full(self._k, np.nan), np.full(self._k**2, np.nan)
            return (np.inf, *nowhere[: len(self.names) - 1])
        value, gradient = self._value_and_gradient(point)
        if self.kind == "gradient":
            return value, gradient
        return (
            value,
            gradient,
            hessian_of_gradients(lambda x: self._value_and_gradient(x)[1], point, refined=False).ravel(),
        )

    @override
    def several(self, points: Array) -> list[Array]:
        if self.kind != "density" or len(points) == 1:
            return super().several(points)
        with np.errstate(all="ignore"):
            return list(self.laplace.values(self._all_moved(points)))

    @override
    def evaluate(self, evaluation: ChunkedEvaluation) -> None:
        evaluation.finish(Backend(self.several, block=IN_STEP if self.kind == "density" else None))

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

    def _value_and_gradient(self, vector: Array) -> tuple[float, Array]:
        """Return −2 (log L + w log prior) and its gradient."""
        jacobian, theta = self._moved(vector)
        value, gradient = self.laplace.value_and_gradient(theta)
        if weight := self.weight():
            prior, prior_gradient = self.laplace.prior_value_and_gradient(theta)
            value, gradient = value + weight * prior, gradient + weight * prior_gradient
        if jacobian is not None:
            gradient = jacobian @ gradient
        return -2.0 * value, -2.0 * gradient

    def _along(self, vector: Array, direction: Array) -> Array:
        """Return the Hessian times a direction."""
        return hessian_times(lambda x: self._value_and_gradient(x)[1], vector, direction)
