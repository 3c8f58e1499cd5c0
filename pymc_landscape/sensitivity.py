"""Sensitivity of a posterior to powers of its prior and its likelihood, as ArviZ computes it from the draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from pymc_landscape.objective import Objective
from pymc_landscape.pointwise import GROUPS, pointwise_log_likelihood

DIGITS = 12
NOT_DRAWN = "not among the draws"


def prior_sensitivity(objective: Objective, dt: Any, labels: Sequence[Any]) -> xr.Dataset:
    """Return what ``az.psense_summary`` says of some parameters.

    Parameters
    ----------
    objective : Objective
        The model.
    dt : DataTree
        Draws of its posterior; the groups ``log_likelihood`` and ``log_prior`` are computed where they are missing.
    labels : sequence of str
        Of parameters.

    Returns
    -------
    Dataset
        By ``parameter``: `psense_prior`, `psense_likelihood`, `psense_diagnosis`; NaN for what is not among the draws.
    """
    from arviz import psense_summary

    table = psense_summary(_with_groups(objective, dt), round_to=DIGITS)
    rows = table.reindex([str(label) for label in labels])
    columns = {
        "psense_prior": rows["prior"].to_numpy(float),
        "psense_likelihood": rows["likelihood"].to_numpy(float),
        "psense_diagnosis": rows["diagnosis"].fillna(NOT_DRAWN).to_numpy().astype(str),
    }
    data = {name: ("parameter", values) for name, values in columns.items()}
    return xr.Dataset(data, {"parameter": np.asarray(labels)})


def _with_groups(objective: Objective, dt: Any) -> xr.DataTree:
    """Return a tree with the posterior and the two groups that ArviZ reads, and nothing else."""
    complete = isinstance(dt, xr.DataTree) and all(name in dt.children for name in GROUPS)
    densities = dt if complete else pointwise_log_likelihood(objective, dt, progressbar=False)
    posterior = dt if isinstance(dt, xr.Dataset) else dt["posterior"].to_dataset()
    groups = {name: densities[name].to_dataset() for name in GROUPS}
    return xr.DataTree.from_dict({"posterior": posterior, **groups})
