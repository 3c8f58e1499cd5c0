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
from numpy.typing import NDArray

from pymc_landscape._typing import Array
from pymc_landscape.engine import Backend, ChunkedEvaluation, Engine, PointEngine
from pymc_landscape.model.latent.laplace import Laplace
from pymc_landscape.numerics import hessian_times, hessians_of_gradients

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
    def inside_support(self, points: Array) -> tuple[NDArray[np.bool_], tuple[Array, Array, Array]]:
        """Return which points (n, k) are in the support, and `values_and_gradients` at these."""

    @abstractmethod
    def values_and_gradients(self, points: Array, near: Array | None = None) -> tuple[Array, Array, Array]:
        """Return −2 (log L + w log prior) (n,) and its gradients (n, k), which may go on outside the support.

        And what is known there (n, ·), for points that are `near`, of which each is told it.
        """

    @override
    def answer(self, point: Array) -> tuple[float | Array, ...]:
        if self.kind == "hessian_product":
            point, direction = point[: self._k], point[self._k :]
            return (hessian_times(lambda there: self.values_and_gradients(there[None])[1][0], point, direction),)
        return tuple(value[0] for value in self._derivatives(point[None]))

    @override
    def several(self, points: Array) -> list[Array]:
        if self.kind not in ("gradient", "hessian"):
            return super().several(points)
        with np.errstate(all="ignore"):
            return self._derivatives(points)

    def _derivatives(self, points: Array) -> list[Array]:
        """Return values (n,), gradients (n, k) and, if asked for, Hessians (n, k²); inf and NaN outside the support."""
        n, k = points.shape
        values, gradients, hessians = np.full(n, np.inf), np.full((n, k), np.nan), np.full((n, k, k), np.nan)
        # the gradient may go on outside, as beyond σ = 0
        inside, (own_values, own_gradients, known) = self.inside_support(points)
        values[inside], gradients[inside] = own_values, own_gradients
        if self.kind == "hessian" and inside.any():
            hessians[inside] = hessians_of_gradients(
                lambda there, beside: self.values_and_gradients(there, known[beside])[1], points[inside]
            )
        return [values, gradients, hessians.reshape(n, k * k)][: len(self.names)]


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
        self._closed_form = derivatives

    @override
    def inside_support(self, points: Array) -> tuple[NDArray[np.bool_], tuple[Array, Array, Array]]:
        values, gradients, has_support = self._in_closed_form(points)
        inside: NDArray[np.bool_] = np.asarray(has_support, dtype=bool)
        return inside, (values[inside], gradients[inside], np.empty((int(inside.sum()), 0)))

    @override
    def values_and_gradients(self, points: Array, near: Array | None = None) -> tuple[Array, Array, Array]:
        values, gradients, _ = self._in_closed_form(points)
        return values, gradients, np.empty((len(points), 0))

    def _in_closed_form(self, points: Array) -> list[Array]:
        if len(points) == 1:
            return [np.asarray(value)[None] for value in self._closed_form.one(points[0])]
        return self._closed_form.several(points)


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
        if self.kind != "density":
            return super().several(points)
        if len(points) == 1:
            return [np.stack(column) for column in zip(self.one(points[0]), strict=True)]
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

    def _moved(self, points: Array) -> tuple[Array | None, Array]:
        """Return the derivatives (m, k, n) of the natural values of points (m, k), if they are others, and these."""
        if self._jacobian is None:
            return None, points
        jacobians, natural = self._jacobian.several(points)
        return jacobians.reshape(len(points), self._k, -1), natural

    @override
    def inside_support(self, points: Array) -> tuple[NDArray[np.bool_], tuple[Array, Array, Array]]:
        inside = self.laplace.are_inside(self._all_moved(points))
        nothing = np.empty(0), np.empty((0, self._k)), np.empty((0, self.laplace.n_effects))
        return inside, self.values_and_gradients(points[inside]) if inside.any() else nothing

    @override
    def values_and_gradients(self, points: Array, near: Array | None = None) -> tuple[Array, Array, Array]:
        jacobians, thetas = self._moved(points)
        values, gradients, effects = self.laplace.values_and_gradients(thetas, near)
        if weight := self.weight():
            priors, slopes = self.laplace.prior_values_and_gradients(thetas)
            values, gradients = values + weight * priors, gradients + weight * slopes
        if jacobians is not None:
            gradients = (jacobians @ gradients[:, :, None])[:, :, 0]
        return -2.0 * values, -2.0 * gradients, effects
