"""Random effects integrated out one by one, in panels that are refined until the integral is right.

Where the integrand has a corner (a Laplace prior, an absolute value), heavy or one-sided tails, or its top at an edge
of the support, a normal density times a polynomial is a poor likeness of it, and Gauss–Hermite quadrature converges
slowly or to nothing. Here the line is cut into panels. Each is integrated by the 15-point rule of Gauss and Kronrod,
halved where the rule of 7 points within it disagrees, and at the ends panels of twice the width are put on until they
hold nothing (as in QUADPACK: Piessens and others 1983). The integral is exact but for rounding, so that its gradient is

    d log ∫ exp f(u, θ) du / dθ = E[∂f/∂θ]

under the density exp f of the effect (Fisher's identity), and needs neither a mode nor a curvature. Panels are kept
from one θ to the next.
"""

from __future__ import annotations

from functools import cached_property
from typing import Self, override

import numpy as np
import scipy
from numpy.typing import NDArray

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.model.latent.gauss_hermite import Quadrature
from pymc_landscape.model.latent.joint_density import Integrand
from pymc_landscape.model.latent.laplace import Laplace
from pymc_landscape.model.latent.mode_search import Mode
from pymc_landscape.numerics import factorised

# The rules on (−1, 1), from the outside to 0: nodes, Kronrod's weights, and Gauss's, which has every second node.
HALF = np.array(
    [
        (0.9914553711208126, 0.0229353220105292, 0.0),
        (0.9491079123427585, 0.0630920926299786, 0.1294849661688697),
        (0.8648644233597691, 0.1047900103222502, 0.0),
        (0.7415311855993944, 0.1406532597159259, 0.2797053914892767),
        (0.5860872354676911, 0.1690047266392679, 0.0),
        (0.4058451513773972, 0.1903505780647854, 0.3818300505051189),
        (0.2077849550078985, 0.2044329400752989, 0.0),
    ]
)
NODES = np.concatenate([-HALF[:, 0], [0.0], HALF[::-1, 0]])
KRONROD = np.concatenate([HALF[:, 1], [0.2094821410847278], HALF[::-1, 1]])
GAUSS = np.concatenate([HALF[:, 2], [0.4179591836734694], HALF[::-1, 2]])

# A block's integral may be off by this share; what an outermost panel may hold; and a share that rounding takes.
SAME_INTEGRAL, EMPTY, LOST = 1e-8, 1e-10, 1e-17
# Edges of the first panels, in standard deviations around a mode, or in units of the effect where none is found; 0 is
# an edge in any case, for priors have their corners there.
AROUND_MODE, AROUND_ZERO = (-6.5, -3.0, 0.0, 3.0, 6.5), (-8.0, -4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0, 8.0)
# How often panels are halved or put on, how many a block may have, from how many on they are laid anew, and how many
# numbers are evaluated together.
ROUNDS, MOST_PANELS, MANY_PANELS, TOGETHER = 80, 600, 40, 4_000_000
# How often the panel that holds a mode is narrowed down to two of its nodes.
NARROWED = 12


@dataclass(frozen=True)
class Panels:
    """Panels of all blocks, those of one block beside each other, with the log density (m, 15) at their nodes."""

    block: NDArray[np.intp]
    left: Array
    right: Array
    heights: Array

    @cached_property
    def first(self) -> NDArray[np.intp]:
        """Where the panels of each block begin."""
        return np.flatnonzero(np.diff(self.block, prepend=-1))

    @property
    def slot(self) -> NDArray[np.intp]:
        """The number of each panel within its block."""
        slot: NDArray[np.intp] = np.arange(len(self.block)) - self.first[self.block]
        return slot

    @cached_property
    def nodes(self) -> Array:
        """Where the effect is evaluated: (m, 15)."""
        nodes: Array = 0.5 * (self.left + self.right)[:, None] + 0.5 * (self.right - self.left)[:, None] * NODES
        return nodes

    @cached_property
    def tops(self) -> Array:
        """The highest log density of each block."""
        return np.maximum.reduceat(self.heights.max(axis=1), self.first)

    @cached_property
    def masses(self) -> Array:
        """Kronrod's weight times density at each node (m, 15), in units of the highest density of the block."""
        with np.errstate(invalid="ignore"):
            density = np.exp(self.heights - self.tops[self.block][:, None])
        masses: Array = 0.5 * (self.right - self.left)[:, None] * KRONROD * density
        return masses

    @cached_property
    def totals(self) -> Array:
        """The integral of each block, in the same units."""
        return np.add.reduceat(self.masses.sum(axis=1), self.first)

    @property
    def shares(self) -> Array:
        """What each node adds to the integral of its block, as a share: (m, 15)."""
        shares: Array = self.masses / self.totals[self.block][:, None]
        return shares

    def errors(self) -> Array:
        """Estimate the error of each panel as a share of its block's integral, as QUADPACK does."""
        whole = self.masses.sum(axis=1)
        gap = np.abs((self.masses * (1.0 - GAUSS / KRONROD)).sum(axis=1))
        mean = 0.5 * whole[:, None] * KRONROD
        spread = np.maximum(np.abs(self.masses - mean).sum(axis=1), np.finfo(float).tiny)
        errors: Array = spread * np.minimum(1.0, (200.0 * gap / spread) ** 1.5) / self.totals[self.block]
        return errors

    def with_panels(self, others: Panels, kept: NDArray[np.bool_]) -> Panels:
        """Return these, of which some are left out, and others."""
        columns = zip(
            (self.block[kept], self.left[kept], self.right[kept], self.heights[kept]),
            (others.block, others.left, others.right, others.heights),
            strict=True,
        )
        block, left, right, heights = (np.concatenate(pair) for pair in columns)
        order = np.lexsort((left, block))
        return Panels(block[order], left[order], right[order], heights[order])


class PanelQuadrature(Quadrature):
    """The marginal likelihood where no effect meets another, each integrated in panels of its own.

    Parameters
    ----------
    integrand : Integrand
        The density of data and effects.

    Raises
    ------
    ValueError
        When it is evaluated, if effects meet each other.
    """

    of_one_mode = False

    def __init__(self, integrand: Integrand):
        super().__init__(integrand, 1)
        self._panels: Panels | None = None

    @classmethod
    def beside(cls, laplace: Laplace) -> Self:
        """Return the integral of a density that another integral has worked on."""
        integral = cls(laplace.integrand)
        integral.made, integral._last = laplace.made, laplace._last
        return integral

    @cached_property
    def _members(self) -> scipy.sparse.csr_array:
        """The matrix (q, rows) that sums the rows of each effect."""
        if self.pattern.largest > 1:
            raise ValueError(
                'Expected random effects that are independent of each other for quadrature="gauss_kronrod", got blocks '
                f'of {self.pattern.largest}: use quadrature="auto".'
            )
        return self.members(self.pattern.stacks[0])

    @cached_property
    def _elements(self) -> NDArray[np.intp]:
        return self.pattern.stacks[0].elements[:, 0]

    # --- at one θ ----------------------------------------------------------------------------------------------------

    @override
    def value(self, theta: Array) -> tuple[float, float]:
        _, inside, prior = self._values.one(np.concatenate([theta, self._last]))
        if not inside:
            return -np.inf, -np.inf
        panels = self._refined(theta)
        return (np.nan if panels is None else self._constant(theta) + _log_integral(panels)), float(prior)

    @override
    def value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        panels, k = self._refined(theta), self.n_parameters
        if panels is None:
            return np.nan, np.full(k, np.nan)
        shares = panels.shares
        best = panels.nodes[self._top_panel(panels), panels.heights[self._top_panel(panels)].argmax(axis=1)]
        nodes = np.where(shares > LOST, panels.nodes, best[panels.block][:, None])  # all is 0 there
        free = (self.owners < 0).astype(float)
        total = self.weighted_gradient(self._point(theta, best)[None], free[None])[0][:k]
        n_slots = int(panels.slot.max()) + 1
        per_slot = len(NODES) * (len(self.owners) + k + self.n_effects)
        for start in range(0, n_slots, step := max(1, TOGETHER // per_slot)):
            own = (panels.slot >= start) & (panels.slot < start + step)
            points = self._points(theta, best, panels.block[own], panels.slot[own] - start, nodes[own])
            weights = np.zeros((self.n_effects, len(points) // len(NODES), len(NODES)))
            weights[panels.block[own], panels.slot[own] - start] = np.where(shares > LOST, shares, 0.0)[own]
            of_rows = self._members.T @ weights.reshape(self.n_effects, -1)
            total = total + self.weighted_gradient(points, of_rows.T)[:, :k].sum(axis=0)
        return self._constant(theta) + _log_integral(panels), total

    @override
    def mode(self, theta: Array) -> Mode | None:
        """Return the likeliest effects; where Newton's method finds none, as at a corner, by narrowing panels.

        The curvature is one over the variance of the effect then.
        """
        found = super().mode(theta)
        panels = self._refined(theta) if found is None else None
        if panels is None:
            return found
        means = np.add.reduceat((panels.shares * panels.nodes).sum(axis=1), panels.first)
        squares = panels.shares * (panels.nodes - means[panels.block][:, None]) ** 2
        top = self._top_panel(panels)
        left, right = panels.left[top], panels.right[top]
        for _ in range(NARROWED):
            narrow = self._evaluated(theta, np.arange(self.n_effects), left, right)
            edges = np.column_stack([left, narrow.nodes, right])
            best = narrow.heights.argmax(axis=1)[:, None]
            left, right = (np.take_along_axis(edges, best + i, axis=1)[:, 0] for i in (0, 2))
        vector = self._point(theta, 0.5 * (left + right))
        entries = np.empty(len(self.pattern.rows))
        self.pattern.stacks[0].write(1.0 / np.add.reduceat(squares.sum(axis=1), panels.first)[:, None, None], entries)
        joint, gradient, _ = self._derivatives.one(vector)
        return Mode(vector, float(joint), gradient, entries, factorised(self.pattern, entries))

    def _constant(self, theta: Array) -> float:
        return float(self.rows.one(np.concatenate([theta, self._last]))[0][self.owners < 0].sum())

    @staticmethod
    def _top_panel(panels: Panels) -> NDArray[np.intp]:
        """Return the panel of each block that holds its highest node."""
        order = np.lexsort((-panels.heights.max(axis=1), panels.block))
        return order[panels.first]

    # --- panels ------------------------------------------------------------------------------------------------------

    def _refined(self, theta: Array) -> Panels | None:
        """Return panels whose integrals are right; None where there are none, as for what has no integral."""
        old = self._panels
        if old is None or len(old.block) > MANY_PANELS * self.n_effects:
            old = self._first_panels(theta)
        panels = self._evaluated(theta, old.block, old.left, old.right)
        for _ in range(ROUNDS):
            if not np.isfinite(panels.tops).all() or len(panels.block) > MOST_PANELS * self.n_effects:
                return None
            errors = panels.errors()
            off = np.add.reduceat(errors, panels.first) > SAME_INTEGRAL
            split = off[panels.block] & (errors > SAME_INTEGRAL / 16.0)
            last = np.append(panels.first[1:], len(panels.block)) - 1
            mass = panels.shares.sum(axis=1)
            low, high = panels.first[mass[panels.first] > EMPTY], last[mass[last] > EMPTY]
            if not (split.any() or len(low) or len(high)):
                self._panels = panels
                return panels
            left, right = panels.left, panels.right
            middle, width = 0.5 * (left + right)[split], right - left
            block = np.concatenate([panels.block[split]] * 2 + [panels.block[low], panels.block[high]])
            lefts = np.concatenate([left[split], middle, (left - 2.0 * width)[low], right[high]])
            rights = np.concatenate([middle, right[split], left[low], (right + 2.0 * width)[high]])
            order = np.argsort(block, kind="stable")
            new = self._evaluated(theta, block[order], lefts[order], rights[order])
            panels = panels.with_panels(new, ~split)
        return None

    def _first_panels(self, theta: Array) -> Panels:
        mode = super().mode(theta)
        if mode is None:
            edges = np.tile(AROUND_ZERO, (self.n_effects, 1))
        else:
            centre = mode.vector[self.n_parameters + self._elements]
            spread = 1.0 / np.sqrt(self.pattern.stacks[0].blocks(mode.entries)[:, 0, 0])
            edges = centre[:, None] + spread[:, None] * np.array(AROUND_MODE)
            zero = np.clip(0.0, edges[:, :1], edges[:, -1:])
            edges = np.sort(np.hstack([edges, zero]), axis=1)
        left, right = edges[:, :-1].ravel(), edges[:, 1:].ravel()
        block = np.repeat(np.arange(self.n_effects), edges.shape[1] - 1)
        kept = right > left
        return Panels(block[kept], left[kept], right[kept], np.empty((0, 0)))

    def _evaluated(self, theta: Array, block: NDArray[np.intp], left: Array, right: Array) -> Panels:
        """Return panels with the log density at their nodes; −∞ where there is none."""
        empty = Panels(block, left, right, np.empty((0, 0)))
        start = np.flatnonzero(np.diff(block, prepend=-1))
        slot = np.arange(len(block)) - np.repeat(start, np.diff(np.append(start, len(block))))
        heights = np.empty((len(block), len(NODES)))
        stay = self._last[self._elements]
        per_slot = len(NODES) * (len(self.owners) + self.n_parameters + self.n_effects)
        for first in range(0, int(slot.max()) + 1, step := max(1, TOGETHER // per_slot)):
            own = (slot >= first) & (slot < first + step)
            points = self._points(theta, stay, block[own], slot[own] - first, empty.nodes[own])
            sums = (self._members @ self.rows.at(points)["rows"].T).reshape(self.n_effects, -1, len(NODES))
            heights[own] = sums[block[own], slot[own] - first]
        return Panels(block, left, right, np.where(np.isnan(heights), -np.inf, heights))

    def _point(self, theta: Array, effects: Array) -> Array:
        """Return θ and the effects of the blocks as one vector."""
        vector = np.concatenate([theta, self._last])
        vector[self.n_parameters + self._elements] = effects
        return vector

    def _points(
        self, theta: Array, effects: Array, block: NDArray[np.intp], slot: NDArray[np.intp], nodes: Array
    ) -> Array:
        """Return vectors (slots · 15, k + q) that hold a node of one panel of each block; the other effects stay."""
        points = np.tile(self._point(theta, effects), (int(slot.max()) + 1, len(NODES), 1))
        points[slot[:, None], np.arange(len(NODES)), (self.n_parameters + self._elements[block])[:, None]] = nodes
        return points.reshape(-1, points.shape[2])


def _log_integral(panels: Panels) -> float:
    return float((panels.tops + np.log(panels.totals)).sum())
