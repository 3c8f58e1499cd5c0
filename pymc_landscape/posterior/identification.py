"""Whether data or prior dominate what is known of a quantity: numbers, a conclusion in one word, and a sentence."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.numerics import two_sided_z
from pymc_landscape.posterior.marginal_mode import MarginalMode
from pymc_landscape.posterior.split import NEITHER, Split
from pymc_landscape.posterior.summary import Summary

# A shift of less than this many units, or than twice its Monte Carlo error, is not mentioned.
SHIFT = 0.1
# A value of less than this many units is written as 0.
ROUNDED = 1e-5
# Chains with a larger R-hat have not converged. Shares that differ by less from scale to scale are not mentioned.
CONVERGED, SHARE = 1.01, 0.1
# Parts of less than this many units are not listed beside others.
TOLD = 0.005


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
    is_at_bound : bool
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
    likelihood : LikelihoodEstimate
        What the data say.
    level : float
        Of the profile limits.
    mode : float
        The quantity at the posterior mode; NaN where it is not determined.
    posterior : Summary
        What the draws say.
    share : float
        The prior's share of the information.
    marginal : MarginalMode
        The mode of the quantity's own posterior.
    scale : str
        How the scale of the density is written, whose modes these are.
    free : Split or None
        The same split on the scale without bounds, where that is another one.
    """

    label: str
    likelihood: LikelihoodEstimate
    level: float
    mode: float
    posterior: Summary
    share: float
    marginal: MarginalMode
    scale: str
    free: Split | None = None

    @cached_property
    def split(self) -> Split:
        """The way from estimate to mean on the scale that the model is written on."""
        return Split(
            self.scale,
            self.likelihood.mle,
            self.mode,
            self.marginal.value,
            self.posterior.mean,
            self.unit,
            self.posterior.mcse,
            self.marginal.error,
            self.share,
        )

    @property
    def splits(self) -> tuple[Split, Split]:
        """The split on the scale of the model, and on that without bounds."""
        return self.split, self.free or self.split

    @cached_property
    def unit(self) -> float:
        """The standard error; where there is none, what stands for it.

        That is the profile interval in the widths that it would have were it Wald's, else the posterior's deviation.
        """
        data = self.likelihood
        if np.isfinite(data.se) and data.se > 0:
            return data.se
        width = float(data.profile[1] - data.profile[0]) / (2.0 * two_sided_z(self.level))
        return width if np.isfinite(width) and width > 0 else self.posterior.sd

    @property
    def unit_name(self) -> str:
        """How the unit is written."""
        return "sd" if self.unit == self.posterior.sd else "se"

    @property
    def is_closed(self) -> bool:
        """Whether the likelihood alone bounds the quantity: an end on at least one side, and none that is open.

        Where the ends are not known, a standard error counts.
        """
        statuses = set(self.likelihood.status)
        if "failed" in statuses:
            return bool(np.isfinite(self.likelihood.se))
        return "open" not in statuses and statuses != {"at_bound"}

    def verdict(self, split: Split) -> str:
        """Return what determines the quantity, on one scale."""
        return split.verdict(self.is_closed, self.likelihood.is_at_bound)

    @property
    def conclusion(self) -> str:
        """The value of the variable ``verdict``: what determines the quantity, on the scale of the model."""
        return self.verdict(self.split)

    @property
    def has_converged(self) -> bool:
        """Whether the chains agree, as far as R-hat tells."""
        return not self.posterior.rhat > CONVERGED

    # --- in words ----------------------------------------------------------------------------------------------------

    @property
    def sentence(self) -> str:
        """The same in words."""
        clauses = [self._data(), self._prior(), *self._volume(), self._share(), self._other_scale(), self._chains()]
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
        if abs(self.split.prior_shift) < SHIFT:
            return f"on the scale of {self.scale} the prior leaves the mode there"
        moved = f"{self._number(self.mode)} {self._by(self.split.prior_shift)}"
        return f"on the scale of {self.scale} the prior moves the mode to {moved}"

    def _volume(self) -> list[str]:
        """Say what integrating and skewness do, where they are seen above their errors."""
        after, split = self.posterior, self.split
        if not np.isfinite(after.mean):
            return []
        says = f"{self._number(after.mean)} ± {number(after.sd)}"
        if len(after.hdi_intervals) > 1:
            modes = " and ".join(f"{number(low)} to {number(high)}" for low, high in after.hdi_intervals)
            return [
                f"the posterior has {len(after.hdi_intervals)} modes ({modes}), which its mean, {says}, does not show"
            ]
        clauses = []
        if seen(split.integrated_shift, split.integrated_error):
            moved = f"{self._number(split.marginal_mode)} {self._by(split.integrated_shift)}"
            clauses.append(f"integrating the other parameters out moves the mode to {moved}")
        if seen(split.skewness_shift, split.skewness_error):
            return [*clauses, f"skewness puts the mean at {says} {self._by(split.skewness_shift)}"]
        if not clauses and seen(split.volume_shift, split.shift_mcse):
            both = f"integrating and skewness together put the mean at {says} {self._by(split.volume_shift)}"
            return [f"{both}, each within its Monte Carlo error"]
        return [*clauses, f"the posterior is {says}"]

    def _share(self) -> str:
        if not np.isfinite(self.share):
            return ""
        on = f" on the scale of {self.scale}" if self._depends_on_scale else ""
        return f"{_bounded_percent(self.share)} of the information is the prior's{on}"

    @property
    def _depends_on_scale(self) -> bool:
        """Whether the scale without bounds would be told another story."""
        if self.free is None or self.likelihood.is_at_bound:
            return False
        one, other = self.splits
        shares = abs(one.share - other.share) > SHARE or self.verdict(one) != self.verdict(other)
        return bool(shares or abs(one.prior_shift - other.prior_shift) > SHIFT)

    def _other_scale(self) -> str:
        if not self._depends_on_scale or self.free is None:
            return ""
        other = self.free
        parts = {
            "prior": (other.prior_shift, 0.0),
            "integrated": (other.integrated_shift, other.integrated_error),
            "skewed": (other.skewness_shift, other.skewness_error),
        }
        told = [
            f"{name} {signed(shift)}" for name, (shift, error) in parts.items() if abs(shift) >= max(TOLD, 2 * error)
        ]
        said = ", ".join(told)
        share = f", {_bounded_percent(other.share)} of the information the prior's" if np.isfinite(other.share) else ""
        verdict = f": {self.verdict(other)}" if self.verdict(other) != self.conclusion else ""
        return f"on the scale of {other.scale} it is {said or 'no shift'}{share}{verdict}"

    def _chains(self) -> str:
        if self.has_converged:
            return ""
        return f"the chains have not converged (R-hat {self.posterior.rhat:.3g}): no confidence in any of this"

    def _by(self, shift: float) -> str:
        return f"({signed(shift)} {self.unit_name})"

    def _number(self, value: float) -> str:
        """Write a value; what is nothing against the unit is 0."""
        return number(0.0 if abs(value) < ROUNDED * self.unit else value)


def seen(shift: float, error: float) -> bool:
    """Whether a shift is worth a word, and more than its error.

    Examples
    --------
    >>> seen(0.3, 0.05), seen(0.3, 0.2), seen(0.05, 0.0)
    (True, False, False)
    """
    return bool(abs(shift) >= max(SHIFT, 2.0 * error))


def _bounded_percent(share: float) -> str:
    return percent(min(max(share, 0.0), 1.0))


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
