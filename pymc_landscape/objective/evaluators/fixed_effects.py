"""Which parameters a restricted likelihood integrates out, and what that rules out."""

from __future__ import annotations

from pymc_landscape._dataclasses import dataclass


@dataclass(frozen=True)
class FixedEffects:
    """The fixed effects of a restricted likelihood.

    Parameters
    ----------
    names : tuple of str
        Of the parameters, in the model's order; empty where the likelihood is none.
    size : int
        Number p of their elements.
    shapes : tuple of tuple of int
        Of each.
    is_exact : bool
        Whether the density is quadratic in fixed and random effects, so that Laplace's approximation is exact.
    """

    names: tuple[str, ...] = ()
    size: int = 0
    shapes: tuple[tuple[int, ...], ...] = ()
    is_exact: bool = True

    @property
    def message(self) -> str:
        """A sentence for a restricted likelihood that is an approximation; empty for others."""
        if self.is_exact:
            return ""
        return (
            f"The restricted likelihood is Laplace's approximation, not exact: the log density is not quadratic in "
            f"{', '.join(self.names)} and the random effects."
        )

    def refuse_name(self, name: str) -> None:
        """Refuse a fixed effect, or an element of one, where a parameter is asked for.

        Raises
        ------
        ValueError
            If it is integrated out.
        """
        if name.split("[")[0] in self.names:
            raise ValueError(
                f"Expected a parameter, got {name!r}, a fixed effect that the restricted likelihood integrates out: "
                "fit.summary() has its estimate and Wald limits; for a profile, fit with restricted=()."
            )

    def refuse_prior(self, prior_weight: float) -> None:
        """Refuse the prior a part in a restricted likelihood.

        Raises
        ------
        ValueError
            If it has one.
        """
        if self.names and prior_weight:
            names = ", ".join(self.names)
            raise ValueError(
                f"Expected a likelihood beside which the prior takes part, got a restricted one ({names}): its fixed "
                "effects are integrated out over a flat measure, where their priors play no part; leave restricted out."
            )
