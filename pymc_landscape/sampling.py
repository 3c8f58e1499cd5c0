"""The posterior of one model given data set after data set, by ``pm.sample``, compiled once.

PyMC's frozen models keep what was compiled for them. One is made whose data stand in containers of their own, those
that the objective and its twins fill.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pymc as pm
import xarray as xr
from pymc.backends.ndarray import NDArray
from pymc.model.fgraph import clone_model
from pymc.model.transform.optimization import freeze_model

from pymc_landscape.objective import Objective
from pymc_landscape.simulate import observed_data

# What pm.sample does by itself is meant for a person who looks at one posterior.
QUIET = {"progressbar": False, "quiet": True, "compute_convergence_checks": False, "cores": 1}
OURS = ("model", "random_seed", "return_inferencedata", "trace")


class Sampler:
    """Samples the posterior of a model given the data of any twin of an objective.

    Parameters
    ----------
    objective : Objective
        The model; its predictors are those that this objective has.
    settings : mapping
        Arguments of ``pm.sample``.

    Raises
    ------
    ValueError
        If a setting is one that is set here.

    Examples
    --------
    >>> import pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     p = pm.Beta("p", 1, 1)
    ...     y = pm.Binomial("y", n=10, p=p, observed=7)
    >>> objective = pml.Objective(model)
    >>> sample = Sampler(objective, {"draws": 500, "tune": 200, "chains": 1})
    >>> bool(abs(sample(objective.with_data(y=3), 1)["p"].mean() - 4 / 12) < 0.05)
    True
    """

    def __init__(self, objective: Objective, settings: Mapping[str, Any]):
        for name in OURS:
            if name in settings:
                raise ValueError(f"Expected settings of pm.sample but {', '.join(OURS)}, got {name!r}: leave it out.")
        self.model = _refillable(objective)
        own = {"trace": _Recorder(model=self.model)} if settings.get("nuts_sampler", "pymc") == "pymc" else {}
        self.settings = {**QUIET, **settings, **own}

    def __call__(self, twin: Objective, random_seed: int) -> xr.Dataset:
        """Sample given the data of `twin`, which has data of its own for every observed variable.

        Returns
        -------
        Dataset
            The group ``posterior``.
        """
        twin.compiled.use_data()
        try:
            tree = pm.sample(model=self.model, random_seed=random_seed, **self.settings)
        except ValueError as error:
            if "Not enough samples" in str(error):  # what PyMC makes of Ctrl-C in the first draws
                raise KeyboardInterrupt from error
            raise
        posterior: xr.Dataset = tree["posterior"].to_dataset()
        if posterior.sizes["draw"] < self.settings.get("draws", 0):  # and of a later one
            raise KeyboardInterrupt
        return posterior


class _Recorder(NDArray):  # type: ignore[misc]
    """Keeps draws as PyMC does, by a function that is compiled once for all chains of all data sets."""

    def __copy__(self) -> NDArray:
        """Return an empty one, as ``pm.sample`` wants for each chain."""
        return NDArray(
            model=self.model, vars=self.vars, fn=self.fn, var_shapes=self.var_shapes, var_dtypes=self.var_dtypes
        )


def _refillable(objective: Objective) -> pm.FrozenModel:
    """Return a copy of the model that reads the containers of data which twins of `objective` fill."""
    model, filled = objective.model, objective.with_data(**observed_data(objective)).compiled
    observed = {model.rvs_to_values[rv] for rv in model.observed_RVs}
    others = {value.name: filled.swaps[value].get_value() for value in filled.swaps if value not in observed}
    copy = pm.do(model, others) if others else clone_model(model)
    for rv in model.observed_RVs:
        value = model.rvs_to_values[rv]
        container = value.type.filter_variable(filled.swaps[value])
        mine = copy[rv.name]
        del copy.values_to_rvs[copy.rvs_to_values[mine]]
        copy.rvs_to_values[mine], copy.values_to_rvs[container] = container, mine
    return freeze_model(copy)
