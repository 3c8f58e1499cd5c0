"""How wide the prior is: standard deviations of what a model has before it has seen data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm

from pymc_landscape.aliases import Array
from pymc_landscape.objective import Objective
from pymc_landscape.posterior_draws import weighted_sums

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
    layout = objective.compiled.layout()
    vectors = np.full((draws, layout.size), np.nan)
    if objective.compiled.parts.prior:  # a potential can turn any prior into another
        return PriorDraws(vectors, tuple(v.name for v in objective.variables))
    improper = []
    for variable in objective.variables:
        drawn = _drawn(objective.model[variable.name], draws, rng)
        if drawn is None:
            improper.append(variable.name)
        else:
            vectors[:, layout.slices[variable.name]] = drawn.reshape(draws, -1)
    return PriorDraws(vectors, tuple(improper))


def _drawn(variable: Any, draws: int, rng: np.random.Generator) -> Array | None:
    try:
        drawn = pm.draw(variable, draws=draws, random_seed=rng, mode="FAST_COMPILE")
    except NotImplementedError:
        return None
    return np.asarray(drawn, dtype=float)


def prior_spreads(objective: Objective, prior: PriorDraws, weights: Sequence[Array]) -> Array:
    """Return the prior's standard deviation of each quantity (n,): ∞ where it has none, NaN without draws."""
    return np.array([_spread(row) for row in weighted_sums(objective, prior.vectors, weights)])


def _spread(values: Array) -> float:
    from arviz_stats.base import array_stats  # type: ignore[attr-defined]

    if not np.isfinite(values).all():
        return np.nan
    if np.ptp(values) == 0:
        return 0.0
    shape = float(array_stats.pareto_khat(values[None]))  # type: ignore[no-untyped-call]
    return np.inf if shape > HEAVY else float(values.std())
