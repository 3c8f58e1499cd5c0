"""Random effects integrated out by Laplace's approximation: the marginal likelihood and its gradient.

With f(u, θ) = log p(y, u ∣ θ), û its maximum over u, and H = −∂²f/∂u² there,

    log L(θ) ≈ g = f(û, θ) + (q/2) log 2π − ½ log det H.

It is exact where f is quadratic in u, as in linear mixed models (Tierney & Kadane 1986, *Journal of the American
Statistical Association* 81, 82-86). û moves with θ by H⁻¹ ∂²f/∂u∂θ, so that with H λ = ∂g/∂u the gradient is

    dg/dθ = ∂g/∂θ + (∂²f/∂θ∂u) λ

(Kristensen and others 2016, *Journal of Statistical Software* 70(5), section 2). The derivative of log det H is a sum
over the elements of H⁻¹ where H is not zero, and costs one pass through the third derivatives.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any, Self, overload

import numpy as np
import pytensor
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.graph.replace import graph_replace

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array, Graph
from pymc_landscape.engine import NO_TRACEBACKS, Engine, vectorized
from pymc_landscape.model import gradient_graph, hessian_product_graph, in_one_vector, product_graph
from pymc_landscape.model.latent.joint_density import LOG_2PI, Integrand
from pymc_landscape.model.latent.mode_search import (
    TOGETHER,
    JointPoint,
    Mode,
    Search,
    is_quadratic,
    modes_in_waves,
    newton_search,
    run_search,
)
from pymc_landscape.model.latent.stacked_gradients import StackedAdjoint, implicit_gradients, inverse_entries
from pymc_landscape.model.latent.stacked_modes import ModeStack, newton_on_all, stacked_integrals, stacked_modes
from pymc_landscape.numerics import WRITING, Pattern, find_pattern, has_pattern

# Up to so many products are written one by one, which a compiler finds easier than a stack; and so many points are
# evaluated one by one.
COLOURS, FEW = 8, 300
# What is made of the density whichever effects meet.
OF_ANY_PATTERN = ("_gradient", "_values", "_prior_gradient", "_product")
# How far from the reference, in units of its size, a point is taken at which nothing is zero by chance.
BESIDE = (0.3, 0.03, 0.003)


class shared_property[Made]:
    """A property that is made once for an integral and all its twins: they differ in their nodes alone."""

    def __init__(self, make: Callable[[Any], Made]):
        self.make, self.name, self.__doc__ = make, make.__name__, make.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Laplace, owner: type) -> Made: ...
    def __get__(self, instance: Laplace | None, owner: type) -> Self | Made:
        if instance is None:
            return self
        if self.name not in instance.made:
            with WRITING, pytensor.config.change_flags(**NO_TRACEBACKS):
                if self.name not in instance.made:  # by another thread
                    instance.made[self.name] = self.make(instance)
        made: Made = instance.made[self.name]
        return made


@dataclass(frozen=True)
class Adjoint:
    """The value log L with its derivatives by (θ, u) and, as if they were independent, by the curvature's elements."""

    value: float
    vector: Array
    entries: Array


class Laplace:
    """The marginal likelihood of a model over its parameters on their natural scale.

    Parameters
    ----------
    integrand : Integrand
        The density of data and effects.

    Attributes
    ----------
    of_one_mode : bool
        Whether all that it takes at one θ is the mode of the effects there.
    """

    of_one_mode = True

    def __init__(self, integrand: Integrand):
        self.integrand, self.density, self.build = integrand, integrand.density, integrand.build
        self.reference, self.groups = integrand.reference, integrand.groups
        self.n_parameters, self.n_effects = len(self.reference), len(self.groups)
        self._start = self._last = integrand.start
        self.made: dict[str, Any] = {}

    def twin(self) -> Self:
        """Return the same integral, to be given other nodes; what is made of the density is made for both."""
        return copy(self)

    # --- graphs ------------------------------------------------------------------------------------------------------

    @shared_property
    def _gradient(self) -> Graph:
        return gradient_graph(self.density.joint, self.density.vector)

    @shared_property
    def _values(self) -> Engine:
        graphs = {"joint": self.density.joint, "inside": self.density.inside, "log_prior": self.density.prior}
        return self.build(self.density.vector, graphs)

    @shared_property
    def _prior_gradient(self) -> Engine:
        return self.build(self.density.vector, {"gradient": gradient_graph(self.density.prior, self.density.vector)})

    @shared_property
    def _product(self) -> Engine:
        """The Hessian of f times a direction, both over (θ, u)."""
        both, product = hessian_product_graph(self._gradient, self.density.vector)
        return self.build(both, {"product": product})

    @shared_property
    def pattern(self) -> Pattern:
        """Which effects meet."""
        return self._find_pattern()

    def _find_pattern(self) -> Pattern:
        point = self.anywhere()
        return find_pattern(lambda ways: self.curvature_times(point, ways), self.n_effects, lambda: self.groups)

    def pattern_now(self, known: list[Pattern]) -> Pattern:
        """Return which effects meet in the data as they are now; one of those `known`, to which a new one is added."""
        point = self.anywhere()
        for pattern in reversed(known):
            if has_pattern(pattern, lambda ways: self.curvature_times(point, ways)):
                return pattern
        found = self._find_pattern()
        same = [pattern for pattern in known if pattern.key == found.key]
        if not same:
            known.append(found)
        return same[0] if same else found

    def of_pattern(self, pattern: Pattern) -> Laplace:
        """Return the same integral where effects meet like this; what is made for any pattern is made for both."""
        twin = self.twin()
        twin.made = {name: self.made[name] for name in OF_ANY_PATTERN if name in self.made} | {"pattern": pattern}
        return twin

    def curvature_times(self, point: Array, directions: Array) -> Array:
        """Return H at one (θ, u) (k + q,) times each direction (n, q) of the effects; shape (n, q)."""
        k = self.n_parameters
        rows = np.zeros((len(directions), 2 * len(point)))
        rows[:, : len(point)] = point
        rows[:, len(point) + k :] = directions
        # a graph for blocks of points takes longer to write than so few take one by one
        results = [self._product.one(row)[0] for row in rows] if len(rows) <= FEW else self._product.at(rows)["product"]
        return -np.asarray(results)[:, k:]

    def anywhere(self) -> Array:
        """Return a point at which nothing is zero by chance."""
        rng = np.random.default_rng(self.n_effects)
        start = np.concatenate([self.reference, self._start])
        size = np.concatenate([np.maximum(np.abs(self.reference), 0.1), np.ones(self.n_effects)])
        for distance in BESIDE:
            point = start + distance * size * rng.uniform(-1.0, 1.0, len(start))
            if np.isfinite(self._values.one(point)[0]):
                return point
        return start

    @shared_property
    def _products(self) -> Graph:
        """The Hessian of f times the seeds, over u: (colours, q)."""
        k, q = self.n_parameters, self.n_effects
        seeds = np.hstack([np.zeros((self.pattern.n_colours, k)), self.pattern.seeds])
        direction: Graph = pt.vector("direction", dtype="float64", shape=(k + q,))
        product: Graph = product_graph(self._gradient, self.density.vector, direction)
        if len(seeds) > COLOURS:
            stacked: Graph = vectorized([product], {direction: pt.constant(seeds)})[0]
            return stacked[:, k:]
        one_by_one: list[Graph] = [graph_replace(product, {direction: pt.constant(seed)}) for seed in seeds]
        return pt.stack([graph[k:] for graph in one_by_one])

    @shared_property
    def _derivatives(self) -> Engine:
        """Value, gradient, and products of f over u."""
        graphs = {"joint": self.density.joint, "gradient": self._gradient, "products": self._products}
        return self.build(self.density.vector, graphs)

    @shared_property
    def _third(self) -> Engine:
        """The gradient of Σ w · products by (θ, u), for weights w that come after the point."""
        weights = pt.matrix("weights", dtype="float64", shape=(self.pattern.n_colours, self.n_effects))
        third = gradient_graph((weights * self._products).sum(), self.density.vector)
        return self.build(*in_one_vector(self.density.vector, weights, {"third": third}))

    # --- at one θ ----------------------------------------------------------------------------------------------------

    def value(self, theta: Array) -> tuple[float, float]:
        """Return log L and the log prior; −∞ and −∞ outside the support, NaN for log L where no û is found."""
        _, inside, prior = self._values.one(np.concatenate([theta, self._last]))
        if not inside:
            return -np.inf, -np.inf
        mode = self.mode(theta)
        return (np.nan if mode is None else self.integral(mode)), float(prior)

    def values(self, thetas: Array) -> tuple[Array, Array]:
        """Return log L (n,) and the log prior (n,) at many θ (n, k), as `value` does at each."""
        if not self.of_one_mode:
            log_l, prior = np.reshape([self.value(theta) for theta in thetas], (-1, 2)).T
            return log_l, prior
        n = len(thetas)
        _, inside, prior = self._values.several(self._beside_last(thetas))
        log_l, prior = np.full(n, -np.inf), np.where(inside, prior, -np.inf)
        rows = np.flatnonzero(inside)
        if len(rows) > 1 and self.pattern.is_in_blocks:
            search = stacked_integrals(self.pattern, thetas[rows], self._last, self._derivatives_at, self.integrals)
            log_l[rows], found, self._last = search
            rows = rows[~found]
        for i, mode in zip(rows, self.modes(thetas[rows]), strict=True):
            log_l[i] = self.value(thetas[i])[0] if mode is None else self.integral(mode)
        return log_l, prior

    def are_inside(self, thetas: Array) -> NDArray[np.bool_]:
        """Return which θ (n, k) lie in their support."""
        return np.asarray(self._values.several(self._beside_last(thetas))[1], dtype=bool)

    def has_density(self, vector: Array) -> bool:
        """Whether the density of data and effects is a number at one (θ, u) (k + q,)."""
        return bool(np.isfinite(self._values.one(vector)[0]))

    def value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """Return log L and its exact gradient (k,), also beyond a bound of the support; NaN where no û is found."""
        mode = self.mode(theta)
        if mode is None:
            return np.nan, np.full(self.n_parameters, np.nan)
        adjoint = self.adjoint(mode)
        return adjoint.value, self.implicit_gradient(mode, adjoint)

    def values_and_gradients(self, thetas: Array, starts: Array | None = None) -> tuple[Array, Array, Array]:
        """Return log L (n,), its gradients (n, k) and û (n, q) at many θ (n, k), as `value_and_gradient` does at each.

        `starts` (n, q) are effects near the likeliest; left out, searches begin from those that were found last. Where
        there is no û, effects come back from which a search began.
        """
        n, k = thetas.shape
        values, gradients, effects = np.full(n, np.nan), np.full((n, k), np.nan), np.full((n, self.n_effects), np.nan)
        most = self.most_at_once() if n > 1 and self.of_one_mode and self.pattern.is_in_blocks else 0
        for first in range(0, n, most) if most else ():
            part = slice(first, first + most)
            modes = self._mode_stack(thetas[part], None if starts is None else starts[part])
            if modes.found.any():
                rows, modes = first + np.flatnonzero(modes.found), modes.some(modes.found)
                adjoint, effects[rows] = self.adjoints(modes), modes.vectors[:, k:]
                values[rows], self._last = adjoint.values, effects[rows[-1]].copy()
                gradients[rows] = implicit_gradients(self.pattern, modes, adjoint, self._third, self._product)
        for i in np.flatnonzero(np.isnan(values)):
            self._last = self._last if starts is None else starts[i]
            values[i], gradients[i] = self.value_and_gradient(thetas[i])
            effects[i] = self._last
        return values, gradients, effects

    def _mode_stack(self, thetas: Array, starts: Array | None) -> ModeStack:
        if starts is None:
            return stacked_modes(self.pattern, thetas, self._last, self._derivatives_at)
        return newton_on_all(self.pattern, np.hstack([thetas, starts]), self.n_parameters, self._derivatives_at)

    def most_at_once(self) -> int:
        """Return at how many θ together derivatives take no more memory than they should."""
        return max(1, TOGETHER // max(self.n_effects * max(self.pattern.n_colours, self.pattern.largest), 1))

    def implicit_gradient(self, mode: Mode, adjoint: Adjoint) -> Array:
        """Return the gradient (k,) that an adjoint at û stands for, as û and the curvature move with θ."""
        k = self.n_parameters
        weights = -self.pattern.weights(adjoint.entries)
        whole = adjoint.vector + self._third.one(np.concatenate([mode.vector, weights.ravel()]))[0]
        turned = np.concatenate([np.zeros(k), mode.curvature.solve(whole[k:])])
        moved = self._product.one(np.concatenate([mode.vector, turned]))[0]
        return np.asarray(whole[:k] + moved[:k])

    def prior_values_and_gradients(self, thetas: Array) -> tuple[Array, Array]:
        """Return the log prior (n,) and its gradients (n, k) at many θ (n, k)."""
        vectors = self._beside_last(thetas)
        return self._values.several(vectors)[2], self._prior_gradient.several(vectors)[0][:, : self.n_parameters]

    def _beside_last(self, thetas: Array) -> Array:
        return np.hstack([thetas, np.broadcast_to(self._last, (len(thetas), self.n_effects))])

    def integral(self, mode: Mode) -> float:
        """Return log L, from what is known at û."""
        return mode.joint + 0.5 * (self.n_effects * LOG_2PI - mode.curvature.log_determinant)

    def integrals(self, modes: ModeStack) -> Array:
        """Return log L (n,) from what is known at û of n θ."""
        return modes.joint + 0.5 * (self.n_effects * LOG_2PI - modes.log_determinants)

    def adjoint(self, mode: Mode) -> Adjoint:
        """Return the integral with its derivatives."""
        return Adjoint(self.integral(mode), mode.gradient, -0.5 * mode.curvature.inverse_entries())

    def adjoints(self, modes: ModeStack) -> StackedAdjoint:
        """Return the integrals at n modes with their derivatives."""
        return StackedAdjoint(self.integrals(modes), modes.gradient, -0.5 * inverse_entries(self.pattern, modes))

    def is_quadratic(self, mode: Mode) -> bool:
        """Whether f is quadratic in u, as far as values at all distances show: the approximation is exact then."""
        return is_quadratic(self.pattern, mode, self._derivatives.one)

    # --- û -----------------------------------------------------------------------------------------------------------

    def mode(self, theta: Array) -> Mode | None:
        """Return the likeliest effects: from those that were found last, or from the start; None where none are."""
        for start in (self._last, self._start):
            mode = run_search(self._search(np.concatenate([theta, start])), self._evaluate)
            if mode is not None:
                self._last = mode.vector[self.n_parameters :]
                return mode
        return None

    def modes(self, thetas: Array) -> list[Mode | None]:
        """Return the likeliest effects at many θ (n, k), searched in step."""
        if not len(thetas):
            return []
        modes = modes_in_waves(thetas, self._last, self._search, self._evaluate_together)
        self._last = next((m.vector[self.n_parameters :] for m in reversed(modes) if m is not None), self._last)
        return modes

    def _search(self, vector: Array) -> Search:
        return newton_search(self.pattern, self.n_parameters, vector)

    def _evaluate(self, vector: Array) -> JointPoint | None:
        return self._joint_point(vector, *self._derivatives.one(vector))

    def _evaluate_together(self, vectors: Array) -> list[JointPoint | None]:
        if len(vectors) == 1:
            return [self._evaluate(vectors[0])]
        return [self._joint_point(*each) for each in zip(vectors, *self._derivatives.several(vectors), strict=True)]

    def _derivatives_at(self, vectors: Array) -> tuple[Array, Array, Array]:
        """Return f (n,), its gradient (n, k + q), and the elements (n, nnz) of its curvature, at points (n, k + q)."""
        joint, gradient, products = self._derivatives.several(vectors)
        return joint, gradient, -self.pattern.entries(products.reshape(-1, self.pattern.n_colours, self.n_effects))

    def _joint_point(self, vector: Array, joint: Array, gradient: Array, products: Array) -> JointPoint | None:
        """Return what is known at one point; None where it is no number."""
        entries = -self.pattern.entries(np.reshape(products, (self.pattern.n_colours, self.n_effects)))
        by_effects = gradient[self.n_parameters :]  # by parameters it may be NaN at a bound, where a mode is
        finite = np.isfinite(joint) and np.isfinite(by_effects).all() and np.isfinite(entries).all()
        return JointPoint(vector, float(joint), gradient, entries) if finite else None
