"""Random effects integrated out by Laplace's approximation: the marginal likelihood, its gradient and its Hessian.

With f(u, θ) = log p(y, u ∣ θ), û its maximum over u, and H = −∂²f/∂u² there,

    log L(θ) ≈ g = f(û, θ) + (q/2) log 2π − ½ log det H.

It is exact where f is quadratic in u, as in linear mixed models (Tierney & Kadane 1986, *Journal of the American
Statistical Association* 81, 82-86). û moves with θ by H⁻¹ ∂²f/∂u∂θ, so that with H λ = ∂g/∂u the gradient is

    dg/dθ = ∂g/∂θ + (∂²f/∂θ∂u) λ

(Kristensen and others 2016, *Journal of Statistical Software* 70(5), section 2). The derivative of log det H is a sum
over the elements of H⁻¹ at places where H is not zero, and costs one pass through the third derivatives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.replace import graph_replace, vectorize_graph

from pymc_landscape.aliases import Array, Graph
from pymc_landscape.block_curvature import Curvature, NotPositive, Pattern, find_pattern
from pymc_landscape.derivatives import hessian_product_graph, product_graph, slope_graph
from pymc_landscape.engine import Engine
from pymc_landscape.latent_density import LOG_2PI, JointDensity

# Newton's steps up to û, and what they must leave to gain: half of it is the error of log L.
STEPS, ARRIVED, ALMOST = 200, 1e-18, 1e-9
# A step is halved at most so often; a curvature that is not positive gets so much of its diagonal, and tenfold again.
HALVINGS, RIDGE, RIDGES = 40, 1e-3, 12


@dataclass(frozen=True)
class Mode:
    """The likeliest effects at a θ: f there, its gradient over (θ, u), its products, its curvature over u."""

    vector: Array
    joint: float
    gradient: Array
    curvature: Curvature


class Laplace:
    """The marginal likelihood of a model over one layout of its parameters.

    Parameters
    ----------
    density : JointDensity
        Graphs over (θ, u).
    n_effects : int
        Length q of u.
    groups : array (q,)
        A guess at which elements of u belong together.
    build : callable
        Makes an Engine of a vector and graphs.
    """

    def __init__(self, density: JointDensity, n_effects: int, groups: Array, reference: Array, build: Build):
        self.density, self.n_effects, self.groups, self.build = density, n_effects, groups, build
        self.reference = reference
        self.n_parameters = int(density.vector.type.shape[0]) - n_effects
        self._last = np.zeros(n_effects)

    # --- graphs ------------------------------------------------------------------------------------------------------

    @cached_property
    def _slope(self) -> Graph:
        return slope_graph(self.density.joint, self.density.vector)

    @cached_property
    def _product(self) -> Engine:
        """The Hessian of f times a direction, both over (θ, u)."""
        both, product = hessian_product_graph(self._slope, self.density.vector)
        return self.build(both, {"product": product})

    @cached_property
    def pattern(self) -> Pattern:
        """Which effects meet."""
        point = self._anywhere()

        def product(directions: Array) -> Array:
            rows = np.zeros((len(directions), 2 * len(point)))
            rows[:, : len(point)] = point
            rows[:, len(point) + self.n_parameters :] = directions
            return -self._product.at(rows)["product"][:, self.n_parameters :]

        return find_pattern(product, self.n_effects, lambda: self.groups)

    def _anywhere(self) -> Array:
        """Return a point at which nothing is zero by chance."""
        rng = np.random.default_rng(self.n_effects)
        start = np.concatenate([self.reference, np.zeros(self.n_effects)])
        for spread in (0.3, 0.03, 0.003, 0.0):
            point = start + spread * rng.uniform(-1.0, 1.0, len(start))
            if np.isfinite(self._look_engine_free(point)):
                return point
        return start

    def _look_engine_free(self, point: Array) -> float:
        return float(self._joint.one(point)[0])

    @cached_property
    def _joint(self) -> Engine:
        return self.build(self.density.vector, {"joint": self.density.joint, "log_prior": self.density.prior})

    @cached_property
    def _products(self) -> Graph:
        """The Hessian of f times the seeds (colours, k + q)."""
        size = self.n_parameters + self.n_effects
        seeds = np.hstack([np.zeros((self.pattern.n_colours, self.n_parameters)), self.pattern.seeds])
        direction = pt.vector("direction", dtype="float64", shape=(size,))
        product = product_graph(self._slope, self.density.vector, direction)
        if len(seeds) == 1:
            return graph_replace(product, {direction: pt.constant(seeds[0])})[None, :]
        return vectorize_graph(product, {direction: pt.constant(seeds)})

    @cached_property
    def _look(self) -> Engine:
        """f, its gradient, and its products over u."""
        graphs = {
            "joint": self.density.joint,
            "gradient": self._slope,
            "products": self._products[:, self.n_parameters :],
            "log_prior": self.density.prior,
        }
        return self.build(self.density.vector, graphs)

    @cached_property
    def _third(self) -> Engine:
        """The gradient of Σ w · products by (θ, u), for weights w that come after the point."""
        size, shape = self.n_parameters + self.n_effects, (self.pattern.n_colours, self.n_effects)
        both = pt.vector("point_and_weights", dtype="float64", shape=(size + int(np.prod(shape)),))
        weights = pt.matrix("weights", dtype="float64", shape=shape)
        total = (weights * self._products[:, self.n_parameters :]).sum()
        third = slope_graph(total, self.density.vector)
        point = self.density.vector.type.filter_variable(both[:size])
        placed = weights.type.filter_variable(both[size:].reshape(shape))
        return self.build(both, {"third": graph_replace(third, {self.density.vector: point, weights: placed}, strict=False)})

    # --- at one θ ----------------------------------------------------------------------------------------------------

    def value(self, theta: Array) -> tuple[float, float]:
        """Return log L and the log prior; −∞ and −∞ outside the support, NaN where no û is found."""
        prior = float(self._joint.one(np.concatenate([theta, self._last]))[1])
        if not prior > -np.inf:
            return -np.inf if prior == -np.inf else np.nan, prior
        mode = self.mode(theta)
        return (np.nan if mode is None else self._marginal(mode)), prior

    def slope(self, theta: Array) -> tuple[float, Array]:
        """Return log L and its exact gradient (k,); NaN where no û is found."""
        mode = self.mode(theta)
        if mode is None:
            return np.nan, np.full(self.n_parameters, np.nan)
        k, pattern = self.n_parameters, self.pattern
        weights = pattern.weights(mode.curvature.inverse_entries())
        third = self._third.one(np.concatenate([mode.vector, weights.ravel()]))[0]
        whole = mode.gradient + 0.5 * third
        turned = np.concatenate([np.zeros(k), mode.curvature.solve(whole[k:])])
        moved = self._product.one(np.concatenate([mode.vector, turned]))[0]
        return self._marginal(mode), whole[:k] + moved[:k]

    def _marginal(self, mode: Mode) -> float:
        return mode.joint + 0.5 * (self.n_effects * LOG_2PI - mode.curvature.log_determinant)

    # --- û -----------------------------------------------------------------------------------------------------------

    def mode(self, theta: Array) -> Mode | None:
        """Return the likeliest effects: from those that were found last, or from 0; None where there are none."""
        for start in (self._last, np.zeros(self.n_effects)):
            mode = self._climb(theta, start)
            if mode is not None:
                self._last = mode.vector[self.n_parameters :]
                return mode
        return None

    def _climb(self, theta: Array, start: Array) -> Mode | None:
        """Newton's method, damped."""
        here = self._seen(np.concatenate([theta, start]))
        for _ in range(STEPS):
            if here is None:
                return None
            vector, joint, gradient, entries = here
            uphill = gradient[self.n_parameters :]
            curvature, is_exact = self._positive(entries)
            step = curvature.solve(uphill)
            gain = float(uphill @ step)
            if is_exact and gain <= ARRIVED * max(1.0, abs(joint)):
                return Mode(vector, joint, gradient, curvature)
            here = self._stepped(here, step, gain, is_exact)
        return None

    def _stepped(self, here: Seen, step: Array, gain: float, is_exact: bool) -> Seen | None:
        """Go as far along a step as f rises; the last steps gain less than rounding and are taken whole."""
        vector, joint = here[:2]
        whole = np.concatenate([np.zeros(self.n_parameters), step])
        if is_exact and gain <= ALMOST * max(1.0, abs(joint)):
            return self._seen(vector + whole)
        share = 1.0
        for _ in range(HALVINGS):
            there = self._seen(vector + share * whole)
            if there is not None and there[1] >= joint + 1e-4 * share * gain:
                return there
            share *= 0.5
        return None

    def _seen(self, vector: Array) -> Seen | None:
        joint, gradient, products, _ = self._look.one(vector)
        entries = -self.pattern.entries(np.reshape(products, (self.pattern.n_colours, self.n_effects)))
        finite = np.isfinite(joint) and np.isfinite(gradient).all() and np.isfinite(entries).all()
        return (vector, float(joint), gradient, entries) if finite else None

    def _positive(self, entries: Array) -> tuple[Curvature, bool]:
        """Factorise; where the curvature is not positive, with enough on its diagonal that it is."""
        diagonal = self.pattern.rows == self.pattern.columns
        size = float(np.abs(entries[diagonal]).mean()) or 1.0
        for i in range(RIDGES):
            ridge = 0.0 if i == 0 else RIDGE * size * 10.0 ** (i - 1)
            try:
                return Curvature(self.pattern, entries + ridge * diagonal), i == 0
            except NotPositive:
                continue
        raise ArithmeticError("The curvature in the random effects is not positive.")


Seen = tuple[Array, float, Array, Array]
Build = Callable[[Graph, dict[str, Graph]], Engine]
