"""What a model expects of its observations at a point: the mean of each observed variable's distribution.

The means are PyMC's own, written in the parameters of each distribution; a variable without one (a ``pm.CustomDist``, a
``pm.Cauchy``) has no fitted values.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor
from pymc.distributions.moments import mean
from pymc.exceptions import UndefinedMomentException
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Constant
from pytensor.graph.traversal import ancestors

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array, Graph
from pymc_landscape.engine import interpreter_mode, without_parameter_checks
from pymc_landscape.model import GraphInputs
from pymc_landscape.numerics import WRITING, one_at_a_time
from pymc_landscape.objective import Objective
from pymc_landscape.objective.observations.simulate import observed_data


@dataclass(frozen=True)
class FittedTerm:
    """The fitted values of one observed variable.

    Parameters
    ----------
    name : str
        The variable.
    fitted : array (S, n)
        Its mean at each of S points, elements in order.
    observed : array (n,)
        The data.
    predictor : array (n,) or None
        The one predictor that the mean is computed from, as long as the data; None where there is none, or several.
    predictor_name : str
        What the model calls it; empty where it has no name.
    """

    name: str
    fitted: Array
    observed: Array
    predictor: Array | None
    predictor_name: str


def fitted_values(objective: Objective, points: Array) -> list[FittedTerm]:
    """Return the fitted values of the observed variables of which the mean is known.

    Parameters
    ----------
    objective : Objective
        The model; nothing may be latent in it, for given random effects are no parameters.
    points : array (S, k)
        Natural values of all parameters, in the order of ``objective.layout()``.

    Returns
    -------
    list of FittedTerm
        Empty where something is integrated or summed out, or no mean is known.
    """
    if objective.latent or objective.restricted:
        return []
    objective.use_data()
    names, function, predictors = objective.evaluators.factory.kept(
        "fitted values", lambda: _compile(objective), is_for_all_data=True
    )
    rows = [function(np.asarray(point, dtype=float)) for point in points]
    data = observed_data(objective)
    terms = []
    for i, name in enumerate(names):
        observed = np.ravel(data[name]).astype(float)
        fitted = np.stack([np.broadcast_to(row[i], np.shape(data[name])).ravel() for row in rows])
        terms.append(FittedTerm(name, fitted.astype(float), observed, *_values(predictors[name], observed.size)))
    return terms


def _compile(objective: Objective) -> tuple[list[str], Any, dict[str, list[Graph]]]:
    """Return names, a function of the natural vector that gives their means, and what each mean is computed from."""
    model = objective.model
    inputs = GraphInputs(model, objective.layout(), objective.swaps)
    names: list[str] = []
    graphs: list[Graph] = []
    for rv in model.observed_RVs:
        try:
            graphs.append(mean(rv))
        except (NotImplementedError, TypeError, ValueError, UndefinedMomentException):
            continue
        names.append(rv.name)
    written = inputs.write(inputs.of_random_variables(graphs)) if graphs else []
    written = without_parameter_checks(written, check_bounds=False) if written else []
    predictors = {name: _predictors(graph, inputs.vector) for name, graph in zip(names, written, strict=True)}
    with WRITING, pytensor.config.change_flags(cxx=""):
        function = pm.pytensorf.compile(
            [inputs.vector], written, mode=interpreter_mode(), on_unused_input="ignore", trust_input=True
        )
    return names, one_at_a_time(function), predictors


def _predictors(graph: Graph, vector: Graph) -> list[Graph]:
    """Return the data that a mean is computed from, beside the parameters."""
    found = [v for v in ancestors([graph]) if isinstance(v, Constant | SharedVariable) and v is not vector]
    return [v for v in found if getattr(v.type, "ndim", 0) == 1 and v.type.dtype.startswith(("float", "int", "uint"))]


def _values(candidates: list[Graph], size: int) -> tuple[Array | None, str]:
    """Return the one predictor among some data, and its name."""
    kept: dict[bytes, tuple[Array, str]] = {}
    for variable in candidates:
        values = np.asarray(variable.data if isinstance(variable, Constant) else variable.get_value())
        if values.shape == (size,) and np.ptp(values) > 0 and size > 1:
            numbers = values.astype(float)
            kept.setdefault(numbers.tobytes(), (numbers, variable.name or ""))
    return next(iter(kept.values())) if len(kept) == 1 else (None, "")
