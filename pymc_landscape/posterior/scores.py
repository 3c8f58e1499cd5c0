"""Gradients of the log posterior at draws, for the modes of marginals."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.inference.profile import Quantity
from pymc_landscape.objective import RestrictedObjective, affordable_evaluations
from pymc_landscape.posterior.draws import PosteriorDraws
from pymc_landscape.posterior.marginal_mode import MarginalMode, mode_by_density, mode_by_scores
from pymc_landscape.posterior.scales import FreeScale

# Gradients are taken at so many draws at most, spread evenly: at fewer where they are dear, and at none where nobody
# knows how dear.
MOST, FEWEST, PER_AFFORDABLE = 2000, 200, 5


class MarginalModes:
    """Modes of the marginal posteriors of quantities, on the scale that they are written on and on that without bounds.

    Parameters
    ----------
    draws : PosteriorDraws
        Of the posterior.
    posterior : RestrictedObjective
        −2 log of its density on the natural scale, all elements natural.
    scale : FreeScale
        Of its elements.
    alone : array (n,) of bool
        Elements whose support does not depend on other elements.
    """

    def __init__(self, draws: PosteriorDraws, posterior: RestrictedObjective, scale: FreeScale, alone: Array):
        self.draws, self.posterior, self.scale, self.alone = draws, posterior, scale, alone
        affordable, total = affordable_evaluations(draws.objective), len(draws.vectors)
        most = int(np.clip(PER_AFFORDABLE * affordable, FEWEST, MOST)) if affordable else 0
        self.rows = np.unique(np.linspace(0, total - 1, min(most, total)).astype(int))

    @cached_property
    def scores(self) -> Array:
        """∂ log p / ∂ψ (S, n) by each natural element."""
        gradients = [self.posterior.value_and_gradient(vector)[1] for vector in self.draws.vectors[self.rows]]
        return -0.5 * np.stack(gradients)

    @cached_property
    def free_scores(self) -> Array:
        """The same of the density without bounds; its means are 0, given any other element too."""
        rate, slope, _ = self.scale.rates(self.draws.vectors[self.rows])
        return np.asarray(rate * self.scores + slope)

    def written(self, quantity: Quantity, values: Array, independent: float) -> MarginalMode:
        """Return the mode on the scale that the quantity is written on.

        Parameters
        ----------
        quantity : Quantity
            An element, or anything else: a linear combination of elements without bounds has gradients as well.
        values : array (chain, draw)
            Its draws.
        independent : float
            How many independent draws these are worth.
        """
        flat, n = values.ravel(), self.posterior.layout.size
        weights = quantity.weights[:n]
        used = np.flatnonzero(weights)
        simple = not quantity.weights[n:].any() and self.alone[used].all()
        if simple and len(self.rows) and len(used) and (len(used) == 1 or not self.scale.moves[used].any()):
            share = weights / (weights @ weights)
            scores = self.scores @ share
            controls = self.free_scores - np.outer(scores, weights)
            others = self.alone & ((weights == 0) | (len(used) > 1))
            found = mode_by_scores(
                flat[self.rows], scores, controls[:, others], self._bounds(quantity), self._inflation(independent)
            )
            if np.isfinite(found.value):
                return found
        return mode_by_density(flat, quantity.bounds, independent)

    def free(self, element: int, independent: float) -> MarginalMode:
        """Return the mode of an element without bounds, φ."""
        values = self.scale.free(self.draws.vectors)[:, element]
        if not len(self.rows):
            return mode_by_density(values, (-np.inf, np.inf), independent)
        others = self.alone & (np.arange(len(self.alone)) != element)
        found = mode_by_scores(
            values[self.rows],
            self.free_scores[:, element],
            self.free_scores[:, others],
            (-np.inf, np.inf),
            self._inflation(independent),
        )
        return found if np.isfinite(found.value) else mode_by_density(values, (-np.inf, np.inf), independent)

    def _inflation(self, independent: float) -> float:
        """Return how many of the draws used count as one."""
        return max(1.0, len(self.rows) / max(independent, 1.0))

    def _bounds(self, quantity: Quantity) -> tuple[float, float]:
        n = self.posterior.layout.size
        used = np.flatnonzero(quantity.weights[:n])
        if len(used) != 1 or quantity.element is not None:
            return quantity.bounds
        ends = np.sort(quantity.weights[used[0]] * np.array([self.scale.low[used[0]], self.scale.high[used[0]]]))
        return float(ends[0]), float(ends[1])
