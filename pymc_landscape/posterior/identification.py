"""Whether data or prior determine a quantity: numbers, a conclusion in one word, and a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import stats

from pymc_landscape._typing import Array
from pymc_landscape.posterior.summary import Summary

LIKELIHOOD, PRIOR = "likelihood-identified", "prior-identified"
NEITHER, BOUNDARY = "unidentified", "at boundary"
# With more than this share of the information the prior determines a quantity.
MOST = 0.5
# A shift of less than this many units, or than twice its Monte Carlo error, is not mentioned.
SHIFT = 0.1
# A value of less than this many units is written as 0.
ROUNDED = 1e-5


@dataclass(frozen=True)
class LikelihoodEstimate:
    """The likelihood's answer for one quantity.

    Parameters
    ----------
    mle, se : float
        NaN for an estimate that is not determined, its error is ∞ then; NaN for the error at a bound of the support.
    wald, profile : array (2,)
        Limits.
    status : tuple of str
        Of the profile's ends, as in `confidence_intervals`.
    is_on_edge : bool
        Whether the estimate is at a bound of its support.
    note : str
        A remark on the limits.
    """

    mle: float
    se: float
    wald: Array
    profile: Array
    status: tuple[str, str]
    is_at_bound: bool = False
    note: str = ""


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
    likelihood: LikelihoodEstimate
    level: float
    mode: float
    posterior: Summary
    share: float

    @cached_property
    def unit(self) -> float:
        """The standard error; where there is none, what stands for it.

        That is the profile interval in the widths that it would have were it Wald's, else the posterior's deviation.
        """
        data = self.likelihood
        if np.isfinite(data.se) and data.se > 0:
            return data.se
        width = float(data.profile[1] - data.profile[0]) / (2.0 * float(stats.norm.ppf(0.5 + self.level / 2)))
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
        statuses = set(self.likelihood.status)
        if "failed" in statuses:
            return bool(np.isfinite(self.likelihood.se))
        return "open" not in statuses and statuses != {"at_bound"}

    @property
    def conclusion(self) -> str:
        """The value of the variable ``verdict``: what determines the quantity."""
        if self.likelihood.is_at_bound:
            return BOUNDARY
        if self.is_closed and not self.share > MOST:
            return LIKELIHOOD
        if not self.is_closed and np.isnan(self.mode):
            return NEITHER
        return PRIOR

    # --- in words ----------------------------------------------------------------------------------------------------

    @property
    def sentence(self) -> str:
        """The same in words."""
        clauses = [self._data(), self._prior(), self._volume(), self._share()]
        return "; ".join(part for part in clauses if part) + "."

    def _data(self) -> str:
        data = self.likelihood
        limits = f"{percent(self.level)} profile limits {number(data.profile[0])} to {number(data.profile[1])}"
        if data.is_at_bound:
            return f"The data put {self.label} on the edge of its support, {self._number(data.mle)} ({limits})"
        if np.isnan(data.mle) and np.isfinite(data.profile).any() and not np.isnan(data.profile).any():
            return f"The data bound {self.label} on one side only ({limits})"
        if np.isnan(data.mle):
            return f"The data do not determine {self.label}"
        error = f" ± {number(data.se)}" if np.isfinite(data.se) else ""
        if not self.is_closed and "failed" not in data.status:
            return f"The data say {self.label} is {self._number(data.mle)}{error} but do not bound it ({limits})"
        return f"The data say {self.label} is {self._number(data.mle)}{error}"

    def _prior(self) -> str:
        if self.conclusion == NEITHER:
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
        if len(after.hdi_intervals) > 1:
            modes = " and ".join(f"{number(low)} to {number(high)}" for low, high in after.hdi_intervals)
            return (
                f"the posterior has {len(after.hdi_intervals)} modes ({modes}), which its mean, {says}, does not show"
            )
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
