"""The numbers of an objective at a point: log L and its terms, value, gradient, Hessian, scores, information."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array, Point
from pymc_landscape.arguments import checked_array, checked_number, refused
from pymc_landscape.engine import GraphEngine
from pymc_landscape.objective.evaluators import LOG_PENALTY, LOG_PRIOR, Evaluators, Kind

# Up to so many parameters the Hessian is one vectorised graph; beyond, a product a column takes less memory.
DENSE = 300
# What a model's linear algebra raises at a bad point; a ValueError says that there are no derivatives at all.
ARITHMETIC_ERRORS = (ArithmeticError, AssertionError, IndexError, np.linalg.LinAlgError)
# Of so many rows some Hessians take less than rewriting their graph; so small a part of the largest eigenvalue may be
# rounding.
FEW_DATA, ROUNDING = 2_000, 1e-6


@dataclass
class PassCount:
    """How often the data were gone through: by values, with or without derivatives, that were asked for.

    Parameters
    ----------
    n : int
        Of one objective, and of all that are made of it.
    """

    n: int = 0


class ObjectiveValues(ABC):
    """What an :class:`~pymc_landscape.objective.objective.Objective` evaluates.

    Attributes
    ----------
    terms : tuple of str
        Names of the terms of the log-likelihood.
    prior_weight : float
        Weight w of the log prior in `value`.
    passes : PassCount
        How often its data were gone through by restricted objectives.
    """

    evaluators: Evaluators
    passes: PassCount
    terms: tuple[str, ...]
    prior_weight: float

    @property
    @abstractmethod
    def size(self) -> int:
        """Number k of elements of `theta`."""

    @abstractmethod
    def _beside_initial_point(self, unconstrained: frozenset[str]) -> Array:
        """Return points (n, k) on either side of the initial one."""

    @abstractmethod
    def _at(self, theta: ArrayLike, kind: Kind, **shapes: tuple[int, ...]) -> dict[str, Array]:
        """Evaluate the outputs of one kind of engine for `theta` with any leading dims; `shapes` are one point's."""

    @abstractmethod
    def _arrays(self, point: Point, name: str = "the point") -> dict[str, Array]:
        """Return points on the natural scale, with their names and shapes checked."""

    def log_likelihood(self, theta: ArrayLike) -> Array:
        """Return log L, all constants kept, for `theta` (..., k); shape (...)."""
        return np.asarray(sum(self.term_log_likelihood(theta).values()))

    def term_log_likelihood(self, theta: ArrayLike) -> dict[str, Array]:
        """Return the log-likelihood of each observed term for `theta` (..., k); each of shape (...)."""
        values = self._at(theta, "density")
        return {name: values[name] for name in self.terms}

    def log_prior(self, theta: ArrayLike) -> Array:
        """Return the log prior density on the natural scale, without Jacobian, for `theta` (..., k); shape (...)."""
        return self._at(theta, "density")["log_prior"]

    def natural_log_likelihood(self, points: Point) -> Array:
        """Return log L for S points on the natural scale (arrays with a leading dim S); shape (S,)."""
        arrays = self._arrays(points, "points")
        for v in self.evaluators.metadata.variables:
            if arrays[v.name].ndim != len(v.shape) + 1:
                raise ValueError(
                    f"Expected {v.name} of shape (S, {', '.join(map(str, v.shape))}) in points, got "
                    f"{arrays[v.name].shape}: give S points, one after the other."
                )
        vectors = self.evaluators.metadata.layout().join(arrays)
        values = self.evaluators.engine("density").at(vectors)
        return np.asarray(sum(values[name] for name in self.terms))

    def minus2ll(self, theta: ArrayLike) -> Array:
        """Return −2 log L for `theta` (..., k); shape (...)."""
        return -2.0 * self.log_likelihood(theta)

    def log_penalty(self, theta: ArrayLike) -> Array:
        """Return ½ log det I for `theta` (..., k), which `value` has beside log L; 0 without a penalty; shape (...)."""
        values = self._at(theta, "density")
        return values[LOG_PENALTY] if LOG_PENALTY in values else np.zeros(np.shape(theta)[:-1])

    def value(self, theta: ArrayLike) -> Array:
        """Return −2 (log L + penalty + w log prior) with w = `prior_weight`, for `theta` (..., k); shape (...)."""
        return self.total(self._at(theta, "density"))

    def total(self, values: Mapping[str, Array]) -> Array:
        """Return `value` from what an engine of densities gave, by name."""
        total = -2.0 * sum(values[name] for name in self.terms)
        if LOG_PENALTY in values:
            total = total - 2.0 * values[LOG_PENALTY]
        if self.prior_weight:
            total = total - 2.0 * self.prior_weight * values[LOG_PRIOR]
        return np.asarray(total)

    def gradient(self, theta: ArrayLike) -> Array:
        """Return the gradient of `value` with respect to `theta` (..., k); shape (..., k).

        It is exact; of differences of values where an Op of the model has no gradient.

        Raises
        ------
        ValueError
            If a free variable is discrete.
        """
        return self.value_and_gradient(theta)[1]

    def value_and_gradient(self, theta: ArrayLike) -> tuple[Array, Array]:
        """Return `value` (...) and its gradient (..., k) for `theta` (..., k), in one pass."""
        both = self._at(theta, "gradient")
        return both["value"], both["gradient"]

    def hessian_product(self, theta: ArrayLike, direction: ArrayLike) -> Array:
        """Return the Hessian of `value` at `theta` (..., k) times `direction` (..., k); shape (..., k)."""
        theta, direction = checked_array("theta", theta), checked_array("direction", direction)
        for name, vectors in (("theta", theta), ("direction", direction)):
            if vectors.shape[-1:] != (self.size,):
                raise ValueError(
                    f"Expected {name} with {self.size} elements, got shape {vectors.shape}: objective.pack makes a "
                    "vector from a point."
                )
        theta, direction = np.broadcast_arrays(theta, direction)
        return self._at(np.concatenate([theta, direction], axis=-1), "hessian_product")["product"]

    def hessian(self, theta: ArrayLike) -> Array:
        """Return the Hessian of `value` for `theta` (..., k); shape (..., k, k).

        It is exact; of differences of gradients where an Op of the model has no second derivative.
        """
        theta = checked_array("theta", theta)
        if self.size > DENSE:
            columns = self.hessian_product(theta[..., None, :], np.eye(self.size))
        else:
            columns = self._at(theta, "hessian", hessian=(self.size, self.size))["hessian"]
        return (columns + np.swapaxes(columns, -1, -2)) / 2.0

    def scores(self, vector: ArrayLike, unconstrained: frozenset[str] | None = None) -> Array:
        """Return the gradient of each observation's log-likelihood at one `theta` (k,); shape (n, k).

        Observations are the elements of the observed terms, one term after the other. `unconstrained` names the
        variables that stand in the vector on that scale; left out, all.
        """
        names = _checked_scale(unconstrained, self.evaluators.metadata.names)
        size = self.evaluators.metadata.layout(names).size
        scores = self.evaluators.engine("scores", names).one(_one_vector("vector", vector, size))[0]
        return scores.reshape(-1, size)

    def fisher(self, vector: ArrayLike, unconstrained: frozenset[str] | None = None) -> Array:
        """Return the expected information (k, k) of log L at one `theta` (k,), or in the layout of `scores`.

        Raises
        ------
        ValueError
            If the Fisher information of an observed term is not known in closed form.
        """
        names = _checked_scale(unconstrained, self.evaluators.metadata.names)
        engine, size = self.evaluators.engine("fisher", names), self.evaluators.metadata.layout(names).size
        return engine.one(_one_vector("vector", vector, size))[0].reshape(size, size)

    def is_convex(self, unconstrained: frozenset[str]) -> bool:
        """Return whether `value` is known to be convex in a vector with these variables on that scale.

        To read it off the graph takes that to be rewritten. Of small data a Hessian that is not positive is found
        before, at points beside the initial one, where there is one at all.
        """
        if self.size > DENSE:
            return False
        engine = self.evaluators.engine("hessian", unconstrained)
        if not isinstance(engine, GraphEngine):
            return engine.is_convex("value")
        if (known := engine.known_convexity("value")) is not None:
            return known
        if self.evaluators.n_observations <= FEW_DATA:
            for point in self._beside_initial_point(unconstrained):
                self.passes.n += 1
                if _bends_down(engine, point):
                    return False
        return engine.is_convex("value")

    def jacobian(self, theta: ArrayLike) -> Array:
        """Return how the natural values of the free variables move with `theta` (k,): (k, n)."""
        theta = _one_vector("theta", theta, self.size)
        return self._at(theta, "natural_jacobian", jacobian=(self.size, -1))["jacobian"]


def _bends_down(engine: GraphEngine, point: Array) -> bool:
    """Whether the Hessian at a point (k,) has a negative eigenvalue that is no rounding."""
    try:
        hessian = engine.one(point)[engine.names.index("hessian")].reshape(engine.size, engine.size)
    except ARITHMETIC_ERRORS:
        return False
    if not np.isfinite(hessian).all():
        return False
    values = np.linalg.eigvalsh(hessian)
    return bool(values[0] < -ROUNDING * np.abs(values).max())


def _checked_scale(unconstrained: frozenset[str] | None, known: frozenset[str]) -> frozenset[str]:
    """Return the names of variables that stand in a vector on their unconstrained scale; left out, all."""
    if unconstrained is None:
        return known
    if not isinstance(unconstrained, frozenset) or not unconstrained <= known:
        expected = f"unconstrained to be a frozenset of {', '.join(sorted(known))}"
        raise refused(expected, unconstrained, "leave it out for all", by_type=not isinstance(unconstrained, frozenset))
    return unconstrained


def _one_vector(name: str, value: ArrayLike, size: int) -> Array:
    vector = checked_array(name, value)
    if vector.shape != (size,):
        raise ValueError(
            f"Expected {name} to be one vector of {size} elements, got shape {vector.shape}: objective.pack makes one "
            "from a point."
        )
    return vector


def checked_weight(prior_weight: Any) -> float:
    """Return the weight of the log prior as a float; refuse what would turn the prior round."""
    return checked_number("prior_weight", prior_weight, at_least=0, advice="0 is the likelihood, 1 the posterior")
