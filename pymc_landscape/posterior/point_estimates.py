"""Where the posterior stands: modes of its marginals, and the same parameters without bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.inference.profile import Quantity
from pymc_landscape.objective import RestrictedObjective
from pymc_landscape.optimize import Fit
from pymc_landscape.posterior.draws import PosteriorDraws
from pymc_landscape.posterior.marginal_mode import MarginalMode
from pymc_landscape.posterior.mode import finite_spectrum, information
from pymc_landscape.posterior.scales import free_mode, free_scale
from pymc_landscape.posterior.scores import MarginalModes
from pymc_landscape.posterior.split import Split
from pymc_landscape.posterior.summary import Summary


@dataclass(frozen=True)
class FreeMode:
    """The mode of the density without bounds, and of each element the prior's share of the information there."""

    phi: Array
    shares: Array


class PosteriorPoints:
    """Modes of a posterior, on the scale of the model and without bounds.

    Parameters
    ----------
    fit : Fit
        The likelihood's.
    draws : PosteriorDraws
        Of the posterior.
    """

    def __init__(self, fit: Fit, draws: PosteriorDraws):
        self.objective, self.draws = fit.objective, draws
        self.scale, self.alone = free_scale(fit.objective)
        self.natural = fit.objective.names
        if self.alone.all():  # the same vectors, and the engines that the prior's share has
            self.natural = frozenset(v.name for v in fit.objective.variables if v.transform)
        self.posterior = RestrictedObjective(fit.objective.with_prior_weight(1.0), self.natural)
        self.marginals = MarginalModes(draws, self.posterior, self.scale, self.alone)
        self.free_draws = self.scale.free(draws.vectors)
        self.free = self._free_mode() if self.alone.all() and self.scale.moves.any() else None

    @property
    def has_one_parameter(self) -> bool:
        """Whether nothing is integrated out."""
        return len(self.alone) == 1

    def _free_mode(self) -> FreeMode | None:
        start = self.free_draws.mean(axis=0)
        found = free_mode(self.posterior, self.scale, start) if np.isfinite(start).all() else None
        if found is None:
            return None
        phi, hessian = found
        likelihood = RestrictedObjective(self.objective.with_prior_weight(0.0), self.natural)
        natural = self.scale.natural(phi)
        rate, slope, _ = self.scale.rates(natural)
        _, gradient, curvature = likelihood.value_gradient_hessian(natural)
        of_likelihood = np.outer(rate, rate) * curvature + np.diag(rate * slope * gradient)
        curvatures = [finite_spectrum(one) for one in (of_likelihood, hessian)]
        both = np.array([[information(one, unit) for one in curvatures] for unit in np.eye(len(phi))])
        with np.errstate(invalid="ignore", divide="ignore"):
            return FreeMode(phi, np.where(both[:, 1] > 0, 1.0 - both[:, 0] / both[:, 1], np.nan))

    def marginal(self, quantity: Quantity, values: Array, mode: float, summary: Summary) -> MarginalMode:
        """Return the mode of a quantity's own posterior, on the scale that it is written on.

        Parameters
        ----------
        quantity : Quantity
            The quantity.
        values : array (chain, draw)
            Its draws.
        mode : float
            The quantity at the joint mode.
        summary : Summary
            Of the draws.
        """
        if self.has_one_parameter and np.isfinite(mode):
            return MarginalMode(mode, 0.0)
        if not np.isfinite(summary.ess):
            return MarginalMode()
        return self.marginals.written(quantity, values, summary.ess)

    def free_split(self, quantity: Quantity, split: Split, summary: Summary) -> Split | None:
        """Return the split of a parameter with modes taken without bounds; None where that changes nothing.

        The two ends of the way, estimate and mean, are those of the parameter as the model has it, and so is the unit:
        only the density, and so the modes between them, are on another scale.

        Parameters
        ----------
        quantity : Quantity
            The quantity.
        split : Split
            The same on the scale of the model.
        summary : Summary
            Of its draws.
        """
        if self.free is None or quantity.element is None or not np.isfinite(summary.ess):
            return None
        i = int(np.flatnonzero(quantity.weights)[0])
        if not self.scale.moves[i]:
            return None
        one = self.has_one_parameter
        marginal = MarginalMode(float(self.free.phi[i]), 0.0) if one else self.marginals.free(i, summary.ess)
        both = np.repeat(self.free.phi[None], 2, axis=0)
        both[1, i] = marginal.value
        natural = self.scale.natural(both)
        return replace(
            split,
            scale=self.scale.words(quantity.label, i),
            mode=float(natural[0, i]),
            marginal_mode=float(natural[1, i]),
            marginal_error=marginal.error * float(self.scale.rates(natural)[0][1, i]),
            share=float(self.free.shares[i]),
        )


def label_scales(splits: Sequence[tuple[Split, Split]]) -> list[list[str]]:
    """Return how the scales of each quantity are written."""
    return [[split.scale for split in pair] for pair in splits]
