"""What PyMC calls the distribution of a variable, as far as its graph remembers, and the same variable without dims."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pymc.distributions.custom import CustomDistRV, CustomSymbolicDistRV
from pymc.distributions.distribution import SymbolicRandomVariable
from pymc.distributions.simulator import SimulatorRV
from pytensor import scalar as ps
from pytensor.graph.basic import Constant, Variable
from pytensor.graph.traversal import ancestors
from pytensor.tensor.basic import Join
from pytensor.tensor.elemwise import DimShuffle, Elemwise
from pytensor.tensor.random.op import RandomVariable
from pytensor.tensor.subtensor import Subtensor

from pymc_landscape._typing import Array, Graph
from pymc_landscape.engine import evaluated

# Distributions whose Op is not called as they are.
OP_NAMES = {"NegBinomialRV": "NegativeBinomial", "WeibullBetaRV": "Weibull", "InvGammaRV": "InverseGamma"}


def kind_of(rv: Graph) -> str:
    """Return the name of the Op of a variable; a clipped one is censored, whoever wrote it."""
    op = rv.owner.op
    return "CensoredRV" if isinstance(getattr(op, "scalar_op", None), ps.Clip) else type(op).__name__


def name_of(rv: Graph) -> str:
    """Return what PyMC calls the distribution of a variable."""
    kind, node = kind_of(rv), rv.owner
    if kind == "MixtureRV":
        return _mixture(node.op.dist_params(node)[1:])
    if kind == "PartialObservedRV":
        return f"PartialObserved({name_of(node.inputs[0])})"
    if kind == "CategoricalRV":
        return _ordered(node.op.dist_params(node)[0]) or "Categorical"
    if kind == "MultinomialRV" and _ordered(node.op.dist_params(node)[1]):
        return "OrderedMultinomial"
    if kind in OP_NAMES:
        return OP_NAMES[kind]
    by_hand = isinstance(node.op, CustomDistRV | CustomSymbolicDistRV | SimulatorRV)
    return kind.removesuffix(f"_{rv.name}") if by_hand else kind.removesuffix("RV").lstrip("_")


def _mixture(components: Sequence[Graph]) -> str:
    if len(components) == 2 and kind_of(components[0]) == "DiracDeltaRV":
        return f"ZeroInflated{name_of(components[1])}"
    return "Mixture"


def _ordered(p: Graph) -> str:
    """Return whose probabilities these are if they come from ordered cutpoints, as PyMC writes them."""
    while p.owner and (isinstance(p.owner.op, DimShuffle) or type(p.owner.op).__name__ == "ViewOp"):
        p = p.owner.inputs[0]
    outermost = getattr(p.owner.op, "scalar_op", None) if p.owner else None
    if not isinstance(outermost, ps.Sub | ps.Exp):
        return ""
    ops = {type(getattr(v.owner.op, "scalar_op", v.owner.op)) for v in ancestors([p]) if v.owner}
    if isinstance(outermost, ps.Exp):
        return "OrderedProbit" if ops >= {Join, ps.Erfcx} else ""
    upper, lower = (side.owner.inputs[0] if side.owner else side for side in p.owner.inputs)
    return "OrderedLogistic" if upper is lower and ops >= {Join, Subtensor, ps.Sigmoid} else ""


def why_unnamed(rv: Graph) -> str:
    """Say why a distribution outside the families has no closed loss; empty where it only lacks a name."""
    kind, op = kind_of(rv), rv.owner.op
    if kind in ("MixtureRV", "_HurdleRV"):
        return "it is a mixture, and the log of a sum over its parts does not come apart"
    if kind == "PartialObservedRV":
        return "elements of its vectors are missing"
    if isinstance(op, SimulatorRV):
        return "its density is simulated"
    if isinstance(op, CustomDistRV | CustomSymbolicDistRV):
        return "its density was written by hand"
    if not isinstance(op, RandomVariable | SymbolicRandomVariable):
        return "it is a function of a distribution"
    return ""


# --- without named dims ----------------------------------------------------------------------------------------------


def without_dims(rv: Graph) -> Graph:
    """Return a variable of ``pymc.dims`` as a plain one: the same Op on aligned parameters; others as they are."""
    if not hasattr(rv.type, "dims"):
        return rv
    from pytensor.xtensor.vectorization import XRV, XElemwise  # a twentieth of a first fit, for models that have none

    op = rv.owner.op if rv.owner else None
    if isinstance(op, XElemwise):
        plain = {i: aligned(without_dims(i), rv.type.dims) for i in set(rv.owner.inputs)}
        return Elemwise(op.scalar_op)(*(plain[i] for i in rv.owner.inputs))
    if not isinstance(op, XRV):
        return rv
    of_parameters, of_values = op.core_dims
    batch = [dim for dim in rv.type.dims if dim not in of_values]
    pairs = zip(op.dist_params(rv.owner), of_parameters, strict=True)
    parameters = [aligned(parameter, (*batch, *core)) for parameter, core in pairs]
    return op.core_op.make_node(pt.random.shared_rng(seed=None), None, *parameters).default_output()


def aligned(graph: Graph, dims: Sequence[str] | None) -> Graph:
    """Return a labelled variable as a plain one with its dims in this order; those it lacks get length 1."""
    if dims is None or not hasattr(graph.type, "dims"):
        return pt.as_tensor(graph)
    own = graph.type.dims
    return graph.values.dimshuffle([own.index(dim) if dim in own else "x" for dim in dims])


# --- numbers ---------------------------------------------------------------------------------------------------------


def constant_value(graph: Any) -> Array | None:
    """Return the numbers that a graph stands for at all points; None where it depends on something."""
    if not isinstance(graph, Variable):
        return None if graph is None else np.asarray(graph)
    if any(v.owner is None and not isinstance(v, Constant) for v in ancestors([graph])):
        return None
    return np.asarray(graph.data if isinstance(graph, Constant) else evaluated([graph])[0])


def known_shape(graph: Graph) -> tuple[int, ...]:
    """Return the shape of data, looked up where it is symbolic."""
    tensor = pt.as_tensor(graph, allow_xtensor_conversion=True)
    known = tensor.type.shape
    return known if None not in known else tuple(int(n) for n in evaluated([tensor.shape])[0])
