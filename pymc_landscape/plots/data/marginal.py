"""A marginal posterior on the scale of a profile: how far −2 log of its density rises above its lowest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.numerics import DrawsDensity, draws_density
from pymc_landscape.plots.data.draws import element, posterior_of, sample_dims_of

UNBOUNDED = (-np.inf, np.inf)


@dataclass(frozen=True)
class Marginal:
    """A density on a grid, as a signed root.

    Attributes
    ----------
    x : array (n,)
        Values, in increasing order.
    zeta : array (n,)
        ±√(−2 log p(x) / max p): a straight line where the posterior is normal.
    """

    x: Array
    zeta: Array

    def within(self, rise: float) -> tuple[float, float]:
        """Return the outermost values up to a rise."""
        seen = self.x[self.zeta**2 <= rise]
        return float(seen[0]), float(seen[-1])


def support_of(ds: xr.Dataset, label: str) -> tuple[float, float]:
    """Return the bounds of a parameter, where a Dataset has them."""
    if "support" not in ds or label not in ds["parameter"].values:
        return UNBOUNDED
    low, high = ds["support"].sel(parameter=label, bound=["lower", "upper"]).values
    return float(low), float(high)


def draws_of(
    labels: Sequence[str], dt: xr.Dataset | xr.DataTree, group: str, sample_dims: str | Sequence[str] | None
) -> dict[str, Array]:
    """Return the draws of each parameter that has any.

    Raises
    ------
    ValueError
        When none has.
    """
    posterior = posterior_of(dt, group)
    dims = sample_dims_of(posterior, sample_dims)
    drawn = {label: drawn for label in labels if (drawn := element(posterior, label, dims)) is not None}
    if not drawn:
        raise ValueError(
            f"Expected draws of {list(labels)} in group {group!r}, got draws of {list(posterior)}; "
            "pass the draws of the same model, or leave dt out."
        )
    return drawn


def marginals_of(
    profile: xr.Dataset, dt: xr.Dataset | xr.DataTree, group: str, sample_dims: str | Sequence[str] | None
) -> dict[str, Marginal]:
    """Return the marginal posterior of each parameter of a profile that has draws."""
    labels = [str(label) for label in profile["parameter"].values]
    found = draws_of(labels, dt, group, sample_dims)
    drawn = {label: marginal_of(drawn, support_of(profile, label)) for label, drawn in found.items()}
    return {label: marginal for label, marginal in drawn.items() if marginal is not None}


def density_of(drawn: Array, support: tuple[float, float] = UNBOUNDED) -> DrawsDensity | None:
    """Estimate a density from draws; there is none of draws that are all the same."""
    from arviz_stats.base import array_stats  # type: ignore[attr-defined]

    drawn = drawn[np.isfinite(drawn)]
    if drawn.size < 4 or np.ptp(drawn) == 0:
        return None
    independent = float(array_stats.ess(drawn[None]))  # type: ignore[no-untyped-call]
    return draws_density(drawn, support, independent if np.isfinite(independent) else None)


def marginal_of(drawn: Array, support: tuple[float, float] = UNBOUNDED) -> Marginal | None:
    """Return the density of draws on the scale of a profile."""
    found = density_of(drawn, support)
    if found is None:
        return None
    rise = -2 * (found.log_density - found.log_density.max())
    side = np.sign(np.arange(found.x.size) - int(found.log_density.argmax()))
    return Marginal(found.x, side * np.sqrt(rise))
