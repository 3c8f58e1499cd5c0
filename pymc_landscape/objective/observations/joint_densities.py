"""Whether the rows of a log-likelihood are observations, or joint densities of many.

An autoregression, a random walk, a Gaussian process, one vector of a multivariate normal distribution: each is one
joint density of many numbers, one row of the log-likelihood. It has one score, which is 0 at the estimate, so that a
sandwich made of it is 0 too, and to leave it out is to leave out all data.
"""

from __future__ import annotations

from collections.abc import Mapping

from pymc_landscape.model import is_added_up, n_rows, name_of, without_dims
from pymc_landscape.objective import Objective


def joint_densities(objective: Objective, rows: Mapping[str, int]) -> dict[str, str]:
    """Return the terms of a likelihood that are one joint density of many numbers, each with what it is, in words.

    Parameters
    ----------
    objective : Objective
        What the terms are of.
    rows : mapping of str to int
        How many rows the log-likelihood of each term has.
    """
    joint, model = {}, objective.model
    for rv in model.observed_RVs:
        if rows.get(rv.name) == 1 and (n := n_rows(model, rv)) > 1:
            joint[rv.name] = f"{rv.name} ~ {name_of(without_dims(rv))}, one joint density of {n} numbers"
    for potential in model.potentials:
        if rows.get(potential.name) == 1 and is_added_up(potential):
            joint[potential.name] = f"the Potential {potential.name}, one number"
    return joint


def refuse_joint_densities(objective: Objective, what: str) -> None:
    """Refuse a likelihood with a term that is one joint density, for `what` needs independent observations.

    Raises
    ------
    ValueError
        With the name of the first such term, or of what is integrated out.
    """
    engine = objective.engine("pointwise", objective.names)
    rows = {name: n or 1 for name, n in zip(engine.names, engine.lengths, strict=True)}
    for name, words in joint_densities(objective, rows).items():
        instead = (
            "leave out its sum: an array has an element an observation"
            if name in objective.potential_roles.likelihood
            else "parametric_bootstrap needs none; or write the density of each number given those before it, as in "
            f"pm.Normal({name!r}, rho * y[:-1], sigma, observed=y[1:])"
        )
        raise ValueError(f"Expected independent observations for {what}, got {words}: {instead}.")
