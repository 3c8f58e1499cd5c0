"""Who determines a parameter, the data or the prior: a verdict, and a sentence that a person can read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import stats

from pymc_landscape.posterior.likelihood_estimates import LikelihoodSide
from pymc_landscape.posterior.summary import Summary

LIKELIHOOD, PRIOR = "likelihood-identified", "prior-identified"
NEITHER, EDGE = "unidentified", "at boundary"
# From this share of the information on, it is the prior that determines.
MOST = 0.5
# A shift of less than this many units, or than twice its Monte Carlo error, is not spoken of.
SHIFT = 0.1
# Nor is a value of less than this many units.
ROUNDED = 1e-5


@dataclass(frozen=True)
class Identification:
    """All that is known of one quantity, from the likelihood to the posterior.

    Parameters
    ----------
    label : str
        Its name.
    likelihood : LikelihoodSide
        What the data say.
    level : float
        Of the profile limits.
    mode : float
        The quantity at the posterior mode; NaN where it is not determined.
    posterior : Summary
        What the draws say.
    share : float
        The prior's share of the information.
    """

    label: str
    likelihood: LikelihoodSide
    level: float
    mode: float
    posterior: Summary
    share: float

    @cached_property
    def unit(self) -> float:
        """The standard error; where there is none, what stands for it.

        That is the profile interval in the widths that it would have were it Wald's, else the posterior's deviation.
        """
        side = self.likelihood
        if np.isfinite(side.se) and side.se > 0:
            return side.se
        width = float(side.profile[1] - side.profile[0]) / (2.0 * float(stats.norm.ppf(0.5 + self.level / 2)))
        return width if np.isfinite(width) and width > 0 else self.posterior.sd

    @property
    def unit_name(self) -> str:
        """How the unit is written."""
        return "sd" if self.unit == self.posterior.sd else "se"

    @property
    def prior_shift(self) -> float:
        """From the likelihood's mode to the posterior's, in units."""
        return self._in_units(self.mode - self.likelihood.mle)

    @property
    def volume_shift(self) -> float:
        """From the mode to the mean of the posterior, in units."""
        return self._in_units(self.posterior.mean - self.mode)

    @property
    def total_shift(self) -> float:
        """From the likelihood's mode to the posterior mean, in units."""
        return self._in_units(self.posterior.mean - self.likelihood.mle)

    @property
    def shift_mcse(self) -> float:
        """Monte Carlo error of the mean, in units."""
        return self._in_units(self.posterior.mcse)

    def _in_units(self, difference: float) -> float:
        return float(difference / self.unit) if self.unit else np.nan

    @property
    def is_closed(self) -> bool:
        """Whether the likelihood alone bounds the quantity: an end on at least one side, and none that is open.

        Where the ends are not known, a standard error counts.
        """
        ends = set(self.likelihood.status)
        if "failed" in ends:
            return bool(np.isfinite(self.likelihood.se))
        return "open" not in ends and ends != {"at_bound"}

    @property
    def verdict(self) -> str:
        """Who determines the quantity."""
        if self.likelihood.is_on_edge:
            return EDGE
        if self.is_closed and not self.share > MOST:
            return LIKELIHOOD
        if not self.is_closed and np.isnan(self.mode):
            return NEITHER
        return PRIOR

    # --- in words ----------------------------------------------------------------------------------------------------

    @property
    def sentence(self) -> str:
        """Say it."""
        parts = [self._data(), self._prior(), self._volume(), self._share()]
        return "; ".join(part for part in parts if part) + "."

    def _data(self) -> str:
        side = self.likelihood
        limits = f"{percent(self.level)} profile limits {number(side.profile[0])} to {number(side.profile[1])}"
        if side.is_on_edge:
            return f"The data put {self.label} on the edge of its support, {self._number(side.mle)} ({limits})"
        if np.isnan(side.mle) and np.isfinite(side.profile).any() and not np.isnan(side.profile).any():
            return f"The data bound {self.label} on one side only ({limits})"
        if np.isnan(side.mle):
            return f"The data do not determine {self.label}"
        error = f" ± {number(side.se)}" if np.isfinite(side.se) else ""
        if not self.is_closed and "failed" not in side.status:
            return f"The data say {self.label} is {self._number(side.mle)}{error} but do not bound it ({limits})"
        return f"The data say {self.label} is {self._number(side.mle)}{error}"

    def _prior(self) -> str:
        if self.verdict == NEITHER:
            return "nor does the prior"
        if np.isnan(self.mode):
            return "the posterior has no mode"
        if np.isnan(self.likelihood.mle):
            return f"the posterior's mode, {self._number(self.mode)}, is the prior's doing"
        if abs(self.prior_shift) < SHIFT:
            return "the prior leaves it there"
        return f"the prior pulls it to {self._number(self.mode)} {self._by(self.prior_shift)}"

    def _volume(self) -> str:
        after = self.posterior
        if not np.isfinite(after.mean):
            return ""
        says = f"{self._number(after.mean)} ± {number(after.sd)}"
        if len(after.pieces) > 1:
            pieces = " and ".join(f"{number(low)} to {number(high)}" for low, high in after.pieces)
            return f"the posterior has {len(after.pieces)} modes ({pieces}), which its mean, {says}, does not show"
        moved = abs(self.volume_shift) >= max(SHIFT, 2.0 * self.shift_mcse)
        if not moved:
            return f"the posterior is {says}"
        return f"averaging over all that is plausible moves the mean to {says} {self._by(self.volume_shift)}"

    def _share(self) -> str:
        if not np.isfinite(self.share):
            return ""
        return f"{percent(min(max(self.share, 0.0), 1.0))} of the information is the prior's"

    def _by(self, shift: float) -> str:
        return f"({signed(shift)} {self.unit_name})"

    def _number(self, value: float) -> str:
        """Write a value; what is nothing against the unit is 0."""
        return number(0.0 if abs(value) < ROUNDED * self.unit else value)


def number(value: float) -> str:
    """Write a number in three digits, or infinity.

    Examples
    --------
    >>> number(0.123456), number(-float("inf"))
    ('0.123', '−∞')
    """
    if np.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:.3g}".replace("-", "−")


def signed(value: float) -> str:
    """Write a shift with its sign.

    Examples
    --------
    >>> signed(-0.6667), signed(12.0)
    ('−0.67', '+12')
    """
    return f"{value:+.2g}".replace("-", "−")


def percent(share: float) -> str:
    """Write a share in per cent.

    Examples
    --------
    >>> percent(0.95), percent(0.354), percent(0.00321), percent(1e-9)
    ('95 %', '35 %', '0.3 %', 'less than 0.1 %')
    """
    hundreds = 100.0 * share
    if hundreds < 0.1:
        return "less than 0.1 %"
    return f"{hundreds:.0f} %" if hundreds >= 1 else f"{hundreds:.1g} %"
