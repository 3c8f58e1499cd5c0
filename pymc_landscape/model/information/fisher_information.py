"""Expected (Fisher) information: the curvature of −log L that the model itself expects, as a graph.

For observations whose distributions have parameters φ(θ), the information on θ is Σ Jᵢᵀ F(φᵢ) Jᵢ with J = ∂φ/∂θ and F
the information of one observation on φ, known in closed form for the families of
:mod:`~pymc_landscape.model.information.fisher_families`. It is never negative, needs no second derivative of the model,
and is what least-squares programs report: for Gaussian errors it is JᵀJ/σ², the Gauss–Newton matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytensor.tensor as pt
from pymc.pytensorf import rewrite_pregrad
from pytensor.graph.replace import graph_replace
from pytensor.graph.traversal import ancestors
from pytensor.tensor.elemwise import Elemwise

from pymc_landscape._typing import Graph
from pymc_landscape.engine import canonical
from pymc_landscape.model import GraphInputs, NoDerivativeError, aligned, jacobian_graph, without_dims
from pymc_landscape.model.information.fisher_families import FISHER_FAMILIES, KNOWN, LINKS, SHARES, Information, Link

# Ops that move elements and do not change them.
MOVES = {"Subtensor", "AdvancedSubtensor", "AdvancedSubtensor1", "DimShuffle", "Reshape", "Alloc", "ViewOp"}
OBSERVED = "use information='observed'"


def fisher_graph(values: GraphInputs, potentials: Sequence[str], remedy: str = OBSERVED) -> Graph:
    """Return the expected information (k, k) of the observed terms.

    Parameters
    ----------
    values : GraphInputs
        The model over a flat vector.
    potentials : sequence of str
        Those that count as likelihood.
    remedy : str
        What to do where the information is not known, for the error.

    Raises
    ------
    ValueError
        If a term is of no family of which it is known.
    """
    if potentials:
        raise ValueError(_refusal(potentials[0], "a pm.Potential, which has no distribution", remedy))
    size = values.layout.size
    contributions = [part for rv in values.model.observed_RVs for part in _term(values, rv, remedy)]
    return sum(contributions[1:], contributions[0]) if contributions else pt.zeros((size, size))


def has_known_information(values: GraphInputs, potentials: Sequence[str]) -> bool:
    """Whether each observed term is of a family of which the information is known."""
    try:
        for rv in values.model.observed_RVs:
            _parameters(values, without_dims(rv), OBSERVED)
    except ValueError:
        return False
    return not potentials


def _parameters(values: GraphInputs, rv: Graph, remedy: str) -> list[Graph]:
    """Return the parameters of a term's distribution; refuse one of no known family."""
    op = rv.owner.op
    family = type(op).__name__
    if family not in FISHER_FAMILIES:
        raise ValueError(_refusal(rv.name, family.removesuffix("RV"), remedy))
    parameters = values.write(values.of_random_variables(list(op.dist_params(rv.owner))))
    if family in KNOWN and values.vector in ancestors([parameters[KNOWN[family]]]):
        place = "third" if KNOWN[family] else "first"
        raise ValueError(_refusal(rv.name, f"{family.removesuffix('RV')} with a free {place} parameter", remedy))
    return parameters


def _term(values: GraphInputs, rv: Graph, remedy: str) -> list[Graph]:
    """Return what one observed term adds to the information: a graph for each entry of F."""
    data = aligned(values.rvs_to_values[rv], getattr(rv.type, "dims", None))
    rv = without_dims(rv)
    parameters, family = _parameters(values, rv, remedy), type(rv.owner.op).__name__
    parameters, entries = _with_information(family, parameters)
    if rv.type.ndim or family in SHARES:
        parameters = _broadcast(parameters, values.write([data.shape])[0], family)
    parameters = [p.astype("float64") for p in parameters]
    free = [i for i, p in enumerate(parameters) if values.vector in ancestors([p])]
    try:
        # simplified now, for it is differentiated again: that of a linear predictor is a constant
        jacobians = {i: canonical([jacobian_graph([parameters[i]], values.vector)])[0] for i in free}
    except NoDerivativeError as error:
        raise ValueError(_refusal(rv.name, "a function of an Op without a gradient", remedy)) from error
    information = {(i, j): f for (i, j), f in entries(*parameters).items() if i in free and j in free}
    return [(jacobians[i] * pt.as_tensor(f).ravel()) @ jacobians[j].T for (i, j), f in information.items()]


def _with_information(family: str, parameters: list[Graph]) -> tuple[list[Graph], Callable[..., Information]]:
    """Return the parameters, a predictor in place of one behind a link, and F on these."""
    link = LINKS.get(family)
    behind = _behind(parameters[link.position], link) if link else None
    if link is None or behind is None:
        return parameters, FISHER_FAMILIES[family]
    own, at = [*parameters], link.position
    own[at] = behind
    return own, lambda *written: {(at, at): link.information(*written)}


def _behind(parameter: Graph, link: Link) -> Graph | None:
    """Return what stands behind a link, after which elements may be moved; None where there is no such link."""
    written = rewrite_pregrad(rewrite_pregrad(parameter))  # 1/(1 + exp(−x)) is a sigmoid after the first
    end = written
    while end.owner and type(end.owner.op).__name__ in MOVES:
        end = end.owner.inputs[0]
    if not end.owner or _function(end.owner.op) != link.function:
        return None
    inner = end.owner.inputs[0]
    if link.function == "Softmax":
        inner = pt.special.log_softmax(inner, axis=end.owner.op.axis)
    return inner if end is written else graph_replace([written], {end: end.type.filter_variable(inner)})[0]


def _function(op: object) -> str:
    return type(op.scalar_op).__name__ if isinstance(op, Elemwise) else type(op).__name__


def _broadcast(parameters: Sequence[Graph], shape: Graph, family: str) -> list[Graph]:
    """Give all parameters the shape of the observations; where one is the shares of all categories, theirs."""
    if family not in SHARES:
        return [pt.broadcast_to(p, shape) for p in parameters]
    shares = SHARES[family]
    whole = pt.concatenate([shape, parameters[shares].shape[-1:]]) if shares == 0 else shape
    return [pt.broadcast_to(p if i == shares else p[..., None], whole) for i, p in enumerate(parameters)]


def _refusal(name: str, what: str, remedy: str) -> str:
    known = ", ".join(family.removesuffix("RV") for family in FISHER_FAMILIES)
    return (
        f"Expected terms whose Fisher information is known in closed form ({known}), got {name}, which is {what}: "
        f"{remedy}."
    )
