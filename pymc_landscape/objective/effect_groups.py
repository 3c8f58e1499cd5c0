"""In how many independent groups the random effects of a model come, and their curvature with fixed ones."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray
from pytensor.graph.traversal import ancestors

from pymc_landscape._typing import Array
from pymc_landscape.objective.objective import Objective


def effect_names(objective: Objective) -> tuple[str, ...]:
    """Return the names of the random effects that are integrated out: what is latent, but for what is summed out.

    Parameters
    ----------
    objective : Objective
        The model.

    Returns
    -------
    tuple of str
        Empty where there are none.
    """
    return tuple(name for name in objective.latent if name not in objective.summed)


def effect_groups(objective: Objective) -> int:
    """Return how many independent groups the random effects come in, given the parameters and the data.

    Effects belong together that meet in the density: intercept and slope of one subject, casks of one batch, all of a
    random walk. Of nested groups it is the outer ones that count, as in nlme; crossed effects are one group.

    Parameters
    ----------
    objective : Objective
        The model.

    Returns
    -------
    int
        0 where there are no random effects.
    """
    if not effect_names(objective):
        return 0
    objective.use_data()
    components = objective.evaluators.integrals.laplace.pattern.components
    return len(np.unique(components))


def effect_shapes(objective: Objective) -> dict[str, tuple[int, ...]]:
    """Return the shape of each random effect that is integrated out, by name."""
    effects = objective.evaluators.metadata.effects
    return {v.name: v.shape for v in effects if v.name not in objective.restricted}


def effects_that_depend_on(objective: Objective, parameters: Collection[str]) -> list[str]:
    """Return the names of the random effects whose prior depends on one of these parameters."""
    wanted = {objective.model[name] for name in parameters}
    return [name for name in effect_shapes(objective) if not wanted.isdisjoint(ancestors([objective.model[name]]))]


def effect_curvature(objective: Objective, theta: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Return the curvature of the joint log density in all that is integrated out, where that is 0.

    Parameters
    ----------
    objective : Objective
        With random effects, and fixed ones if it is restricted.
    theta : array (k,)
        The parameters on their natural scale.

    Returns
    -------
    curvature : array (q, q)
        Minus the second derivatives, effects in units of their spread.
    fixed : array (q,) of bool
        Which elements belong to fixed effects.
    """
    objective.use_data()
    laplace, effects = objective.evaluators.integrals.laplace, objective.evaluators.metadata.effects
    vector = np.concatenate([theta, np.zeros(laplace.n_effects)])
    curvature = np.asarray(laplace.curvature_times(vector, np.eye(laplace.n_effects)))
    names = np.repeat([v.name for v in effects], [int(np.prod(v.value_shape)) for v in effects])
    return (curvature + curvature.T) / 2, np.isin(names, objective.restricted)
