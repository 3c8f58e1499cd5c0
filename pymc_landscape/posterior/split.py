"""The way from the likelihood's estimate to the posterior mean, in parts, on one scale of a quantity."""

from __future__ import annotations

import numpy as np

from pymc_landscape._dataclasses import dataclass

# With more than this share of the information the prior dominates; and what is rounding of a share.
MOST, ROUNDING = 0.5, 1e-9
DATA, PRIOR, NEITHER, BOUNDARY = "data-dominated", "prior-dominated", "unidentified", "at boundary"
# The prior's share is not known.
UNDECIDED = "undecided"


@dataclass(frozen=True)
class Split:
    """What the prior, integration and skewness do to a point estimate.

    Parameters
    ----------
    scale : str
        The scale, as it is written: ``p``, ``logit p``.
    mle, mode, marginal_mode, mean : float
        Of the likelihood, of the joint posterior, of the quantity's own posterior, and its mean.
    unit : float
        What shifts are measured in.
    mcse : float
        Monte Carlo error of the mean.
    marginal_error : float
        Error of the marginal's mode.
    share : float
        The prior's share of the information.
    """

    scale: str
    mle: float
    mode: float
    marginal_mode: float
    mean: float
    unit: float
    mcse: float
    marginal_error: float
    share: float

    @property
    def prior_shift(self) -> float:
        """From the likelihood's mode to the posterior's, in units."""
        return self._in_units(self.mode - self.mle)

    @property
    def integrated_shift(self) -> float:
        """From the joint posterior's mode to that of the marginal, in units: 0 where there is one parameter only."""
        return self._in_units(self.marginal_mode - self.mode)

    @property
    def skewness_shift(self) -> float:
        """From the marginal's mode to its mean, in units."""
        return self._in_units(self.mean - self.marginal_mode)

    @property
    def volume_shift(self) -> float:
        """From the joint posterior's mode to the mean, in units: the two before together."""
        return self._in_units(self.mean - self.mode)

    @property
    def total_shift(self) -> float:
        """From the likelihood's mode to the posterior mean, in units."""
        return self._in_units(self.mean - self.mle)

    @property
    def shift_mcse(self) -> float:
        """Monte Carlo error of the mean, in units."""
        return self._in_units(self.mcse)

    @property
    def integrated_error(self) -> float:
        """Error of the marginal's mode, in units."""
        return self._in_units(self.marginal_error)

    @property
    def skewness_error(self) -> float:
        """Error of mean and marginal's mode together, in units."""
        return float(np.hypot(self.shift_mcse, self.integrated_error))

    def _in_units(self, difference: float) -> float:
        return float(difference / self.unit) if self.unit else np.nan

    def verdict(self, is_closed: bool, is_at_bound: bool) -> str:
        """Return what determines the quantity.

        Parameters
        ----------
        is_closed : bool
            Whether the likelihood alone bounds it.
        is_at_bound : bool
            Whether the estimate is on an edge of the support.
        """
        if is_at_bound:
            return BOUNDARY
        if not is_closed:
            return NEITHER if np.isnan(self.mode) else PRIOR
        if np.isnan(self.share):
            return UNDECIDED
        return PRIOR if self.share > MOST + ROUNDING else DATA
