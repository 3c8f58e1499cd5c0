"""Engines of a marginal likelihood whose effects are integrated out in closed form."""

from __future__ import annotations

from collections.abc import Callable

from pymc_landscape._typing import Graph
from pymc_landscape.engine import Engine
from pymc_landscape.model import EngineFactory, GraphInputs, joined, natural_graphs
from pymc_landscape.model.latent import GaussianEngine, GaussianIntegral, MarginalKind
from pymc_landscape.objective.evaluators.engine_kinds import LOG_PRIOR

# Numba needs long for integrals in closed form: seconds of interpreting before it is asked.
PATIENCE = 12.0


def closed_form_engine(
    kind: MarginalKind,
    closed: GaussianIntegral,
    factory: EngineFactory,
    term: str,
    values: GraphInputs,
    weight: float | Graph,
) -> Engine:
    """Return an engine of a likelihood over random effects.

    Parameters
    ----------
    kind : str
        What is asked for.
    closed : GaussianIntegral
        The integral.
    factory : EngineFactory
        Makes engines.
    term : str
        Name of the log-likelihood.
    values : GraphInputs
        The parameters, on whatever scale, as graphs of one flat vector.
    weight : float or Graph
        Weight of the log prior in derivatives.
    """
    unconstrained, vector = values.layout.unconstrained, values.vector
    theta = joined(natural_graphs(values)) if unconstrained else vector
    if kind == "density":
        return factory.engine(vector, closed.density(term, LOG_PRIOR, theta), PATIENCE)

    def derivatives() -> Engine:
        return factory.engine(vector, closed.derivatives(vector, theta, weight), PATIENCE)

    return GaussianEngine(kind, factory.kept(("closed form", unconstrained, weight), derivatives))


def weight_now(weight: float | Graph) -> Callable[[], float]:
    """Return what gives the weight of the log prior: a number, or a shared variable's."""
    return (lambda: weight) if isinstance(weight, float) else (lambda: float(weight.get_value()))
