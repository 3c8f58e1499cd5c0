"""How many evaluations an objective is worth: an operation count, the same on every machine.

The compile of a model takes about as long as some thousand evaluations of value, gradient and Hessian on few data: both
grow with the number of operations in the graph. Data, parameters, loops and factorisations make an evaluation
dearer, and the compile they leave as it is.
"""

from __future__ import annotations

import numpy as np

from pymc_landscape.engine import GraphEngine, Operation, operations_in
from pymc_landscape.objective.evaluators import Kind
from pymc_landscape.objective.objective import Objective

# Evaluations of a small model that take a small part of its compile.
EVALUATIONS = 400
# Elements of data times parameters that double the cost of an evaluation.
ELEMENTS = 20_000
# Steps of a loop that do so; it is interpreted.
STEPS = 3
# What factorisations and solves multiply the cost by, and the number of rows that doubles that.
FACTORISATION, ROWS = 10, 50
# Rows that are passed one by one through a graph of their own, as of a mixture; it takes longer to compile, too.
CALLS = 60
# Of an integral over random effects that has no closed form: inner Newton steps, each with a Hessian, and the number of
# effects that doubles their cost.
INNER, EFFECTS = 10, 20
# Engines that a search has built.
KINDS: tuple[Kind, ...] = ("hessian", "density")
# Functions of Python as Ops, and solvers of differential equations.
BLACK_BOXES = ("pytensor.compile.ops", "pymc.ode")


def affordable_evaluations(objective: Objective) -> int:
    """Return how many evaluations with derivatives take a small part of the first fit's time; 0 where nobody knows.

    Parameters
    ----------
    objective : Objective
        What is going to be evaluated.
    """
    operations = _operations(objective)
    modules = {module for module, _ in operations}
    if any(_is_black_box(module) for module in modules):
        return 0
    n = max(objective.n_observations, 1)
    cost = 1.0 + n * (objective.size + 1) / ELEMENTS
    if any(".scan." in module for module in modules):
        cost *= 1.0 + n / STEPS
    if any("linalg" in module for module in modules):
        cost *= FACTORISATION * (1.0 + (n / ROWS) ** 2)
    if any(is_graph for _, is_graph in operations):
        cost *= 1.0 + n / CALLS
    if objective.is_integral and not objective.evaluators.integrals.closed_form:
        effects = sum(int(np.prod(v.shape)) for v in objective.evaluators.metadata.effects)
        cost *= INNER * (1.0 + effects / EFFECTS)
    return int(EVALUATIONS / cost)


def _operations(objective: Objective) -> list[Operation]:
    """Return the Ops of the derivatives; where those are no graphs, or there are none, of the density or the model."""
    for kind in KINDS:
        try:
            engine = objective.evaluators.engine(kind, objective.names)
        except (NotImplementedError, ValueError):
            continue
        if isinstance(engine, GraphEngine):
            return engine.operations
    return operations_in([*objective.model.observed_RVs, *objective.model.potentials])


def _is_black_box(module: str) -> bool:
    """Whether the Ops of a module are Python code of which nobody knows how long it takes."""
    return module.startswith(BLACK_BOXES) or not module.startswith(("pytensor", "pymc"))
