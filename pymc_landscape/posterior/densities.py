"""Prior draws and their standard deviations; prior and marginal densities of one quantity.

The prior's density is the model's own where a quantity has one, else one of its draws, as a marginal posterior's is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pymc as pm

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.inference.profile import Quantity
from pymc_landscape.numerics import draws_density
from pymc_landscape.objective import Objective
from pymc_landscape.optimize import Fit
from pymc_landscape.posterior.draws import weighted_sums

# Standard deviations from so many draws are good to about a hundredth.
DRAWS = 4000
# A tail of this Pareto shape has no variance; 0.5 is the limit, which draws do not tell from less.
HEAVY = 0.7


@dataclass(frozen=True)
class PriorDraws:
    """Draws of the prior on the natural scale.

    Parameters
    ----------
    vectors : array (S, n)
        Columns are elements of the free variables; NaN for those that cannot be drawn.
    improper : tuple of str
        Variables whose prior has no draws.
    """

    vectors: Array
    improper: tuple[str, ...] = ()


def draw_prior(objective: Objective, rng: np.random.Generator, draws: int = DRAWS) -> PriorDraws:
    """Draw from the prior; what is improper (Flat, HalfFlat, anything beside a potential) is left NaN.

    Parameters
    ----------
    objective : Objective
        A model whose free variables do not depend on each other.
    rng : Generator
        Random numbers.
    draws : int
        How many.
    """
    layout = objective.layout()
    vectors = np.full((draws, layout.size), np.nan)
    if objective.potential_roles.prior:  # a potential can turn any prior into another
        return PriorDraws(vectors, tuple(v.name for v in objective.variables))
    improper = []
    for variable in objective.variables:
        values = _prior_draws(objective.model[variable.name], draws, rng)
        if values is None:
            improper.append(variable.name)
        else:
            vectors[:, layout.slices[variable.name]] = values.reshape(draws, -1)
    return PriorDraws(vectors, tuple(improper))


def _prior_draws(variable: Any, draws: int, rng: np.random.Generator) -> Array | None:
    try:
        values = pm.draw(variable, draws=draws, random_seed=rng, mode="FAST_COMPILE")
    except NotImplementedError:
        return None
    return np.asarray(values, dtype=float)


def prior_standard_deviations(objective: Objective, prior: PriorDraws, weights: Sequence[Array]) -> Array:
    """Return the prior's standard deviation of each quantity (n,): ∞ where it has none, NaN without draws."""
    return np.array([_standard_deviation(row) for row in weighted_sums(objective, prior.vectors, weights)])


def _standard_deviation(values: Array) -> float:
    from arviz_stats.base import array_stats  # type: ignore[attr-defined]

    if not np.isfinite(values).all():
        return np.nan
    if np.ptp(values) == 0:
        return 0.0
    shape = float(array_stats.pareto_khat(values[None]))  # type: ignore[no-untyped-call]
    return np.inf if shape > HEAVY else float(values.std())


def marginal_density(values: Array, at: Array, bounds: tuple[float, float]) -> Array:
    """Return a smooth estimate of the density of draws (S,) at some values (n,); 0 beyond them.

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

    if not np.isfinite(values).all() or np.ptp(values) == 0:
        return np.full(len(at), np.nan)
    independent = float(array_stats.ess(values[None]))  # type: ignore[no-untyped-call]
    density = draws_density(values, bounds, independent if np.isfinite(independent) else None)
    return np.full(len(at), np.nan) if density is None else density.at(at)


def prior_density(mode: Fit, quantity: Quantity, at: Array, draws: Callable[[], Array]) -> Array:
    """Return the prior density of a quantity at some values (n,), up to a constant; NaN where it is not known.

    Parameters
    ----------
    mode : Fit
        The posterior's mode, at which the nuisance parameters are fixed.
    quantity : Quantity
        An element of a variable, or anything else.
    at : array (n,)
        Where.
    draws : callable
        Returns draws (S, n) of the prior; called where there is no density.
    """
    if _has_own_prior(mode, quantity):
        return _slice(mode, quantity, at)
    values = weighted_sums(mode.objective, draws(), [quantity.weights])[0]
    return marginal_density(values, at, quantity.bounds)


def _has_own_prior(mode: Fit, quantity: Quantity) -> bool:
    """Whether the prior of an element does not depend on other elements; all that is beside a potential is sliced."""
    elements = [v for v in mode.objective.variables if quantity.label in v.labels]
    if not elements:
        return False
    variable = mode.objective.model[elements[0].name]
    return not getattr(variable.owner.op, "ndim_supp", 0)


def _slice(mode: Fit, quantity: Quantity, at: Array) -> Array:
    objective = mode.objective
    point = objective.layout().join(mode.result.restricted.natural_point(mode.result.x))
    rows = np.repeat(point[None], len(at), axis=0)
    rows[:, objective.layout().labels.index(quantity.label)] = at
    log_prior = objective.engine("density").at(rows)["log_prior"]
    finite = np.isfinite(log_prior)
    if not finite.any():
        return np.full(len(at), np.nan)
    return np.where(finite, np.exp(np.where(finite, log_prior, 0.0) - log_prior[finite].max()), 0.0)
