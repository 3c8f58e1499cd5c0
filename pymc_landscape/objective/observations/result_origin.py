"""What the numbers of a result depend on: a model and its data, told apart from others in this process and the next."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import numpy as np

from pymc_landscape.model import in_words, shared_data
from pymc_landscape.objective import LOG_PRIOR, Objective, objective_digest
from pymc_landscape.objective.observations.simulate import observed_data, observed_values

# Where densities are compared: unconstrained values of the parameters in turn, fixed, so that no initial point matters.
PLACES = (0.3, -0.2, 0.1, 0.0)
MODEL, PRIOR, DATA = "another model", "another prior", "other data"


def result_origin(objective: Objective) -> dict[str, Any]:
    """Return what tells a result from those of other models and other data, by what another one is in a sentence.

    Names, graphs and data have digests. What an Op of the user's own computes has none: the densities are compared by
    their values at two points as well.
    """
    likelihood, prior = _densities(objective)
    plain = objective.with_prior_weight(0.0) if objective.prior_weight else objective
    return {
        MODEL: {"digest": objective_digest(plain, objective.deterministics), "log_likelihood": likelihood},
        PRIOR: prior,
        DATA: data_digest(objective),
    }


def data_digest(objective: Objective) -> str:
    """Return a short name of all data of an objective: observed values, and what else the model holds as data."""
    held = {data.name: data.get_value(borrow=True) for data in shared_data(objective.model)}
    every = {**held, **observed_values(objective.model), **objective.evaluators.contents}
    told = repr([(name, in_words(every[name])) for name in sorted(every)])
    return blake2b(told.encode(), digest_size=16).hexdigest()


def observed_contents(objective: Objective) -> dict[str, Any]:
    """Return the observed values by name, or what tells them from others where they are read in blocks of rows."""
    digests = objective.evaluators.observed_digests()
    return observed_data(objective) if digests is None else digests


def _densities(objective: Objective) -> tuple[list[float], list[float]]:
    """Return the log-likelihood and the log prior at two points."""
    layout = objective.layout(objective.names)
    whole = np.concatenate([np.full(int(np.prod(layout.shape(v))), v.discrete) for v in objective.variables])
    each = np.resize(PLACES, objective.size)
    theta = np.where(whole, 0.0, np.stack([each, -each[::-1]]))
    with np.errstate(all="ignore"):
        values = objective.evaluators.engine("density", objective.names).at(theta)
    likelihood = sum(values[name].reshape(2, -1).sum(1) for name in objective.terms)
    return np.asarray(likelihood).tolist(), values[LOG_PRIOR].reshape(2, -1).sum(1).tolist()
