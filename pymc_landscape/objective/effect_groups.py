"""In how many independent groups the random effects of a model come."""

from __future__ import annotations

import numpy as np

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
