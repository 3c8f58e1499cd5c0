"""Marginal densities of one quantity: of the prior as the model writes it, of draws by ArviZ's kernels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pymc_landscape.aliases import Array
from pymc_landscape.fitted import Fit
from pymc_landscape.posterior_draws import weighted_sums
from pymc_landscape.quantity import Quantity


def marginal_density(drawn: Array, at: Array, bounds: tuple[float, float]) -> Array:
    """Return a kernel estimate of the density of draws (S,) at some values (n,); 0 beyond them.

    Parameters
    ----------
    drawn : array (S,)
        The draws.
    at : array (n,)
        Where.
    bounds : (float, float)
        Limits of the support: mass is not smoothed across them.
    """
    from arviz_stats.base import array_stats  # type: ignore[attr-defined]

    if not np.isfinite(drawn).all() or np.ptp(drawn) == 0:
        return np.full(len(at), np.nan)
    reach = 0.2 * float(np.ptp(drawn))
    limits = (max(drawn.min() - reach, bounds[0]), min(drawn.max() + reach, bounds[1]))
    grid, density, _ = array_stats.kde(drawn, custom_lims=limits)  # type: ignore[no-untyped-call]
    return np.where((at >= limits[0]) & (at <= limits[1]), np.interp(at, grid, density), 0.0)


def prior_density(mode: Fit, quantity: Quantity, at: Array, draws: Callable[[], Array]) -> Array:
    """Return the prior density of a quantity at some values (n,), up to a constant; NaN where it is not known.

    Parameters
    ----------
    mode : Fit
        The posterior's mode: where the others are held.
    quantity : Quantity
        An element of a variable, or anything else.
    at : array (n,)
        Where.
    draws : callable
        Returns draws (S, n) of the prior; called where there is no density.
    """
    if _has_own_prior(mode, quantity):
        return _slice(mode, quantity, at)
    drawn = weighted_sums(mode.objective, draws(), [quantity.weights])[0]
    return marginal_density(drawn, at, quantity.bounds)


def _has_own_prior(mode: Fit, quantity: Quantity) -> bool:
    """Whether the prior of an element does not depend on other elements; all that is beside a potential is sliced."""
    elements = [v for v in mode.objective.variables if quantity.label in v.labels]
    if not elements:
        return False
    variable = mode.objective.model[elements[0].name]
    return not getattr(variable.owner.op, "ndim_supp", 0)


def _slice(mode: Fit, quantity: Quantity, at: Array) -> Array:
    compiled = mode.objective.compiled
    point = compiled.layout().join(mode.found.frame.natural_point(mode.found.x))
    rows = np.repeat(point[None], len(at), axis=0)
    rows[:, compiled.layout().labels.index(quantity.label)] = at
    log_prior = compiled.engine("density").at(rows)["log_prior"]
    finite = np.isfinite(log_prior)
    if not finite.any():
        return np.full(len(at), np.nan)
    return np.where(finite, np.exp(np.where(finite, log_prior, 0.0) - log_prior[finite].max()), 0.0)
