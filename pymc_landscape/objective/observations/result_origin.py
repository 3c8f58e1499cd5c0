"""What the numbers of a result depend on: a model and its data, told apart from others in this process and the next."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Any

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.model import shared_data
from pymc_landscape.objective import LOG_PRIOR, Objective
from pymc_landscape.objective.observations.simulate import observed_data

# Where densities are compared: unconstrained values of the parameters in turn, fixed, so that no initial point matters.
PLACES = (0.3, -0.2, 0.1, 0.0)
MODEL, PRIOR, DATA = "another model", "another prior", "other data"


def result_origin(objective: Objective) -> dict[str, Any]:
    """Return what tells a result from those of other models and other data, by what it is in a sentence.

    Names, shapes, transforms and choices are compared as they are, data by a digest; the densities by their values at two
    points, which is all that can be done where parts of a graph have no name.
    """
    choices = {
        "variables": [(v.name, v.shape, v.transform, v.labels) for v in objective.variables],
        "terms": objective.terms,
        **objective.origin,
        "model_name": "",  # another name is no other model
    }
    likelihood, prior = _densities(objective)
    return {
        MODEL: {"choices": json.dumps(choices, default=str), "log_likelihood": likelihood},
        PRIOR: prior,
        DATA: data_digest(objective),
    }


def data_digest(objective: Objective) -> str:
    """Return a short name of all data of an objective: observed values, and what else the model holds as data."""
    held = {data.name: data.get_value(borrow=True) for data in shared_data(objective.model)}
    every: dict[str, Array] = {**held, **observed_data(objective), **objective.evaluators.data.values}
    digest = blake2b(digest_size=16)
    for name in sorted(every):
        values = np.ma.getdata(every[name])
        digest.update(repr((name, values.shape)).encode())
        digest.update(np.ascontiguousarray(values, dtype=float if values.dtype.kind in "biuf" else None).tobytes())
    return digest.hexdigest()


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
