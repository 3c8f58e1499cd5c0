"""Initial values for the chains of a sampler, spread around an optimum by its covariance, all strictly inside.

Parameters are drawn from N(x̂, C) where the search stood. What is not determined moves by as much as PyMC's own jitter.
An element on an edge of its support, where the unconstrained scale has no number, is moved inside on the way to the
model's initial point, to where −2 log L has risen by a draw of χ²₁: as far as it varies when the maximum is inside.
Random effects are drawn from their normal approximation given the parameters, and discrete variables are in their
likeliest states.
"""

from __future__ import annotations

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.model import FreeVariable
from pymc_landscape.numerics import spectrum
from pymc_landscape.objective.conditional_modes import draw_latent
from pymc_landscape.objective.restricted import RestrictedObjective

# PyMC's own jitter is U(−1, 1) on the unconstrained scale; log σ with a standard error of 50 says as little as none.
JITTER, FAR = 1.0, 3.0
# Shares of the way from the optimum to the model's initial point, the nearest first.
SHARES = 1.0 / (1.0 + 2.0 ** np.arange(40, -11, -1))
# A draw outside the support is tried again at half the distance, so often; the last try has no spread.
HALVINGS = 8
# −2 log L bends up by so much on the way from where it levels out.
BENT = 1e-3


class InitialValues:
    """Draws of initial values around the point where a search ended.

    Parameters
    ----------
    restricted : RestrictedObjective
        What was searched, with its elements at bounds fixed.
    x : array (m,)
        The free elements at the optimum.
    covariance : array (m, m)
        Their covariance; NaN where there is none.
    flat : array (n, m)
        Directions over the same elements that are not determined, a row each.
    unbounded : bool
        Whether log L has no maximum: its last point stands for nothing, and is left for one nearer to the initial one.
    """

    def __init__(self, restricted: RestrictedObjective, x: Array, covariance: Array, flat: Array, unbounded: bool):
        self.restricted, self.objective, self.x = restricted, restricted.objective, x
        self.start = self.objective.initial_point()
        if unbounded:
            self.x, covariance, flat = self._where_it_bends(_orthonormal(flat))
        is_known = bool(np.isfinite(covariance).all())
        self.flat = _orthonormal(flat if is_known else np.eye(len(x)))
        self.root = self._limited_root(covariance) if is_known else np.zeros((0, len(x)))
        self.edges = self._edges(restricted.natural_point(self.x))

    def _where_it_bends(self, flat: Array) -> tuple[Array, Array, Array]:
        """Return a point short of where log L levels out, with the covariance and flat directions there.

        It is where −2 log L has risen by 1 on the way to the initial point. Where log L was not
        level on half of that way, as where it grows without end, the initial point is as good as any, and nothing there
        is a covariance.
        """
        way = self.restricted.restrict(self.start) - self.x
        way = flat.T @ (flat @ np.where(np.isfinite(way), way, 0.0))
        nearer = self.x + SHARES[:, None] * way
        rises = self.restricted.values(nearer) - self.restricted.value(self.x)
        too_much = ~(rises <= 1.0)
        last = max(int(too_much.argmax()) - 1, 0) if too_much.any() else len(SHARES) - 1
        x = nearer[last]
        hessian = self.restricted.hessian(x)
        unknown = np.full((len(x), len(x)), np.nan)
        levels_out = SHARES[last] >= 0.5 and way @ hessian @ way > BENT
        if not (np.isfinite(hessian).all() and levels_out):
            return self.x + way, unknown, flat
        bent = spectrum(hessian)
        level = [bent.direction(i) for i in range(len(x)) if bent.values[i] <= bent.tolerance]
        return x, bent.inverse() * 2.0, np.reshape(level, (-1, len(x)))

    def _limited_root(self, covariance: Array) -> Array:
        """Return R with RᵀR = C, without what is not determined; no row moves a logarithm by more than FAR."""
        aside = np.eye(len(self.x)) - self.flat.T @ self.flat
        values, vectors = np.linalg.eigh(aside @ covariance @ aside)
        root = (vectors * np.sqrt(np.clip(values, 0.0, None))).T
        moved = np.abs(root[:, self.restricted.layout.transformed[self.restricted.free]]).max(axis=1, initial=FAR)
        return np.asarray(root * (FAR / moved)[:, None])

    def _edges(self, point: dict[str, Array]) -> dict[str, Array]:
        """Return, by variable, which elements lie on an edge of the support, or stand for a limit at infinity."""
        theta = self.objective.layout(self.objective.names).split(self.objective.pack(point))
        at_infinity = {name for name, _ in self.restricted.at_infinity}
        edges = {}
        for v in self.objective.variables:
            there = ~np.isfinite(theta[v.name])
            if v.discrete or not (there.any() or v.name in at_infinity):
                continue
            one_by_one = v.elementwise and v.value_shape == v.shape and v.name not in at_infinity
            edges[v.name] = there if one_by_one else np.ones(v.shape, dtype=bool)
        return edges

    def draw(self, chains: int, spread: float, rng: np.random.Generator) -> list[dict[str, Array]]:
        """Return values by name, one dict a chain: what the model has as free variables, where it is known."""
        rises = self._rises() if self.edges else np.zeros(0)
        drawn = []
        for _ in range(chains):
            z, flat_z = rng.standard_normal(len(self.root)), rng.uniform(-JITTER, JITTER, len(self.flat))
            step = spread * (z @ self.root + flat_z @ self.flat)
            share = self._share(rises, float(rng.chisquare(1))) if len(rises) else 0.0
            state = rng.bit_generator.state
            for scale in (*0.5 ** np.arange(HALVINGS), 0.0):
                rng.bit_generator.state = state
                point = self._inside(step * scale, share)
                latent = None if point is None else draw_latent(self.objective, point, spread * scale, rng)
                if point is not None and latent is not None:
                    break
            drawn.append(self._typed((point or self.start) | (latent or {})))
        return drawn

    def _rises(self) -> Array:
        """Return how much −2 log L has risen at each of SHARES; NaN where it has no value."""
        points = [self._moved(np.zeros(len(self.x)), share) for share in SHARES]
        stacked = {name: np.stack([point[name] for point in points]) for name in points[0]}
        return np.asarray(self.objective.value(self.objective.pack(stacked)) - self.restricted.value(self.x))

    def _share(self, rises: Array, most: float) -> float:
        """Return the largest share up to which −2 log L rises by no more than `most`."""
        too_much = ~(rises <= most)
        if not np.isfinite(rises).any():
            return 0.5
        first = int(too_much.argmax()) if too_much.any() else len(rises)
        return float(SHARES[max(first - 1, 0)])

    def _moved(self, step: Array, share: float) -> dict[str, Array]:
        """Return the natural point at a step from the optimum, its elements on edges a share of the way inside."""
        point = self.restricted.natural_point(self.x + step)
        for v in self.objective.variables:
            if v.name in self.restricted.natural:
                point[v.name] = _clipped(v, point[v.name])
            if v.name in self.edges:
                value = point[v.name]
                nearer = value + share * (self.start[v.name] - value)
                finite = np.where(np.isfinite(value), nearer, self.start[v.name])
                point[v.name] = np.where(self.edges[v.name], finite, value)
        return point

    def _inside(self, step: Array, share: float) -> dict[str, Array] | None:
        """Return the point at a step as PyMC will read it; None where the model's density has no number there."""
        with np.errstate(all="ignore"):
            theta = self.objective.pack(self._moved(step, share))
            if not np.isfinite(theta).all():
                return None
            point = self.objective.unpack(theta)
            densities = self.objective.value(theta), self.objective.log_prior(theta), self.objective.pack(point)
        return point if all(np.isfinite(number).all() for number in densities) else None

    def _typed(self, values: dict[str, Array]) -> dict[str, Array]:
        """Return values in the types of the model's variables."""
        types = {name: self.objective.model[name].dtype for name in values}
        return {
            name: (value if types[name].startswith("float") else np.rint(value)).astype(types[name])
            for name, value in values.items()
        }


def _orthonormal(directions: Array) -> Array:
    """Return an orthonormal basis (r, m) of what the rows span."""
    if not len(directions):
        return directions
    lengths = np.linalg.norm(directions, axis=1, keepdims=True)
    _, sizes, basis = np.linalg.svd(directions / np.where(lengths > 0, lengths, 1.0), full_matrices=False)
    return np.asarray(basis[sizes > 1e-8])


def _clipped(v: FreeVariable, value: Array) -> Array:
    return np.clip(value, v.low.reshape(v.shape), v.high.reshape(v.shape))
