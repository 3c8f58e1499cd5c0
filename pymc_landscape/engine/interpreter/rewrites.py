"""Graph rewrites that both the engine and the model's graphs need."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from pymc.logprob.utils import local_check_parameter_to_ninf_switch, local_remove_check_parameter
from pytensor import scalar as ps
from pytensor import tensor as pt
from pytensor.compile.mode import Mode, get_mode, optdb
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Constant
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.basic import in2out, node_rewriter
from pytensor.graph.rewriting.db import RewriteDatabaseQuery
from pytensor.graph.rewriting.utils import rewrite_graph
from pytensor.graph.traversal import ancestors
from pytensor.link.vm import VMLinker
from pytensor.scalar.math import TriGamma
from pytensor.scan.op import Scan
from pytensor.tensor.blockwise import Blockwise
from pytensor.tensor.elemwise import DimShuffle, Elemwise
from pytensor.tensor.linalg.decomposition.cholesky import Cholesky
from pytensor.tensor.linalg.solvers.triangular import SolveTriangular
from pytensor.tensor.rewriting.shape import ShapeFeature
from pytensor.tensor.subtensor import AdvancedSubtensor

from pymc_landscape._typing import Graph
from pymc_landscape.engine.interpreter import array_functions
from pymc_landscape.engine.interpreter.scalar_loops import elementwise

UNKNOWN_LENGTH = 1000
# Exponentials of so many elements take longer than the steps between them when they are shared.
WORTH_SHARING = 1000
# Rewrites that bring sums and products into one form, in time that grows faster than their number.
CANONICAL_FORMS = ("local_greedy_distributor", "local_add_canonizer", "local_mul_canonizer")
# What PyTensor looks long for and NumPy has for nothing: a matrix and its transpose are the same memory.
WITHOUT_EFFECT = ("useless_symmetric_transpose",)

_ARRAY_FUNCTIONS = {
    ps.Softplus: ("softplus", 1),
    ps.Log1mexp: ("log1mexp", 1),
    ps.Clip: ("clip", 3),
    ps.Sigmoid: ("sigmoid", 1),
    ps.Second: ("second", 2),
    ps.Identity: ("identity", 1),
    TriGamma: ("trigamma", 1),
}


@node_rewriter([Elemwise])
def _give_array_function(fgraph: FunctionGraph, node: Any) -> list[Graph] | None:
    entry = _ARRAY_FUNCTIONS.get(type(node.op.scalar_op))
    if entry is None:
        return None
    spec = (f"{array_functions.__name__}.{entry[0]}", entry[1], 1)
    if node.op.nfunc_spec == spec:
        return None
    outputs: list[Graph] = Elemwise(node.op.scalar_op, nfunc_spec=spec).make_node(*node.inputs).outputs
    return outputs


@node_rewriter([Blockwise])
def _give_stacked_solve(fgraph: FunctionGraph, node: Any) -> list[Graph] | None:
    core = node.op.core_op
    plain = isinstance(core, SolveTriangular) and not core.unit_diagonal
    if not plain or node.op.gufunc_spec is not None:
        return None
    name = f"solve_{'lower' if core.lower else 'upper'}{'_columns' if core.b_ndim == 2 else ''}"
    op = Blockwise(core, signature=node.op.signature, gufunc_spec=(f"{array_functions.__name__}.{name}", 2, 1))
    outputs: list[Graph] = op.make_node(*node.inputs).outputs
    return outputs


@node_rewriter([Blockwise])
def _give_stacked_cholesky(fgraph: FunctionGraph, node: Any) -> list[Graph] | None:
    core = node.op.core_op
    plain = isinstance(core, Cholesky) and node.inputs[0].type.dtype == "float64"
    if not plain or node.op.gufunc_spec is not None:
        return None
    name = "cholesky_lower" if core.lower else "cholesky_upper"
    op = Blockwise(core, signature=node.op.signature, gufunc_spec=(f"{array_functions.__name__}.{name}", 1, 1))
    outputs: list[Graph] = op.make_node(*node.inputs).outputs
    return outputs


@node_rewriter([Blockwise])
def _look_up_for_all_points(fgraph: FunctionGraph, node: Any) -> list[Graph] | None:
    """Read the same places of the arrays of all points at once, as the diagonals of their matrices."""
    core, (array, *places) = node.op.core_op, node.inputs
    if not isinstance(core, AdvancedSubtensor):
        return None
    dims = node.op.batch_ndim(node)
    looked_up = [axis for axis, entry in enumerate(core.idx_list) if not isinstance(entry, slice)]
    are_beside = looked_up == list(range(looked_up[0], looked_up[-1] + 1))
    are_same = all(all(v.type.broadcastable[:dims]) and v.type.dtype != "bool" for v in places)
    if len(looked_up) != len(places) or not are_beside or not are_same:
        return None
    same = [v.squeeze(tuple(range(dims))) for v in places]
    index = [entry if isinstance(entry, slice) else same[entry] for entry in core.idx_list]
    return [array[(*[slice(None)] * dims, *index)]]


@node_rewriter([Elemwise])
def _small_ones_first(fgraph: FunctionGraph, node: Any) -> list[Graph] | None:
    """Add or multiply the small arrays of several first: NumPy makes an array of the full size for each step."""
    sizes = [known_size(variable) for variable in node.inputs]
    if not isinstance(node.op.scalar_op, ps.Add | ps.Mul) or len(sizes) < 3 or min(sizes) == max(sizes):
        return None
    first, *larger = (node.inputs[i] for i in np.argsort(sizes, kind="stable"))
    for variable in larger:
        first = Elemwise(node.op.scalar_op)(first, variable)
    return [first]


@node_rewriter([Elemwise])
def _unfused(fgraph: FunctionGraph, node: Any) -> list[Graph] | None:
    """Write what is several scalar Ops in one, as the whole powers of PyTensor, as arrays: it has no array function."""
    op = node.op.scalar_op
    if not isinstance(op, ps.Composite):
        return None
    return elementwise(op.fgraph, node.inputs)


@node_rewriter([Elemwise])
def _expand_afterwards(fgraph: FunctionGraph, node: Any) -> list[Graph] | None:
    """Evaluate a function before dims are added to its argument: it is wanted with other dims as well."""
    if len(node.inputs) != 1 or len(node.outputs) != 1:
        return None
    inner = node.inputs[0].owner
    if inner is None or not isinstance(inner.op, DimShuffle) or inner.op.drop or isinstance(inner.inputs[0], Constant):
        return None
    plain = node.op.make_node(inner.inputs[0]).outputs[0]
    return [inner.op.make_node(plain).outputs[0]]


@node_rewriter([Elemwise])
def _factor_out_of_switch(fgraph: FunctionGraph, node: Any) -> list[Graph] | None:
    """Multiply what a switch has chosen by a large array of data, in place of each branch that it chooses from.

    So the Hessian of a function of Xb is (W Xᵀ)X with one product by Xᵀ, however many cases there are in W.
    """
    if not isinstance(node.op.scalar_op, ps.Switch):
        return None
    condition, *branches = node.inputs
    products = [b.owner.inputs for b in branches if is_elementwise(b, ps.Mul)]
    zeros = [b for b in branches if isinstance(b, Constant) and not np.any(b.data)]
    if not products or len(products) + len(zeros) < 2:
        return None
    factor = max((v for v in products[0] if _is_data(v)), key=known_size, default=None)
    if factor is None or any(sum(v is factor for v in inputs) != 1 for inputs in products):
        return None
    rest = [[v for v in inputs if v is not factor] for inputs in products]
    small = max(known_size(v) for v in (condition, *(v for inputs in rest for v in inputs), *zeros))
    if not all(rest) or small >= known_size(factor):
        return None
    left = iter([inputs[0] if len(inputs) == 1 else pt.mul(*inputs) for inputs in rest])
    chosen = pt.switch(condition, *(next(left) if is_elementwise(b, ps.Mul) else b for b in branches))
    return [pt.mul(chosen, factor)] if chosen.type.dtype == factor.type.dtype else None


def is_elementwise(variable: Graph, kind: type[ps.ScalarOp]) -> bool:
    """Whether a variable is what a scalar Op of some kind gives, element by element."""
    return variable.owner is not None and isinstance(getattr(variable.owner.op, "scalar_op", None), kind)


def _is_data(variable: Graph) -> bool:
    """Whether an array is the same at every point, and finite as far as can be seen: 0 times it is 0."""
    while variable.owner is not None and isinstance(variable.owner.op, DimShuffle):
        variable = variable.owner.inputs[0]
    if isinstance(variable, Constant):
        return bool(np.isfinite(variable.data).all())
    return isinstance(variable, SharedVariable)


def known_size(variable: Graph) -> int:
    """Return how many elements an array has; an axis of unknown length, that of the points, counts as long."""
    if isinstance(variable, SharedVariable):
        return int(np.size(variable.get_value(borrow=True)))
    return int(np.prod([UNKNOWN_LENGTH if n is None else n for n in getattr(variable.type, "shape", ())]))


_CHECKS_TO_NINF = in2out(local_check_parameter_to_ninf_switch, name="checks_to_ninf")
_CHECKS_REMOVED = in2out(local_remove_check_parameter, name="checks_removed")
# Last of all rewrites, under a tag of its own: no other mode asks for it.
_ARRAY_FUNCTIONS_TAG = "landscape_array_functions"
# Before the last time that equal nodes become one.
_DIMS_TAG = "landscape_dims"
optdb.register(_DIMS_TAG, in2out(_expand_afterwards, name=_DIMS_TAG), position=99)
optdb.register(
    _ARRAY_FUNCTIONS_TAG,
    in2out(
        _unfused,
        _small_ones_first,
        _factor_out_of_switch,
        _give_array_function,
        _look_up_for_all_points,
        _give_stacked_solve,
        _give_stacked_cholesky,
        name=_ARRAY_FUNCTIONS_TAG,
    ),
    position=100,
)


def without_parameter_checks(graphs: Sequence[Graph], check_bounds: bool) -> list[Graph]:
    """Write graphs with plain Ops, and without parameter checks.

    A failed check becomes -inf; where the model does not want checks, they are taken out.
    """
    fgraph = _copied(without_named_dims(graphs))
    (_CHECKS_TO_NINF if check_bounds else _CHECKS_REMOVED).rewrite(fgraph)
    return list(fgraph.outputs)


def without_named_dims(graphs: Sequence[Graph]) -> list[Graph]:
    """Write graphs with plain Ops: those on named dims do not all have derivatives."""
    plain = [pt.as_tensor(graph, allow_xtensor_conversion=True) for graph in graphs]
    if not any(hasattr(variable.type, "dims") for variable in ancestors(plain)):
        return plain
    fgraph = _copied(plain)
    optdb.query("+lower_xtensor").rewrite(fgraph)
    return list(fgraph.outputs)


def stabilised(graph: Graph) -> Graph:
    """Return a written-out graph with those rewrites alone that save digits; they go before differentiating."""
    fgraph = _copied([graph])
    optdb.query(RewriteDatabaseQuery(include=["stabilize"], exclude=CANONICAL_FORMS)).rewrite(fgraph)
    return fgraph.outputs[0]


def canonical(graphs: Sequence[Graph]) -> list[Graph]:
    """Return graphs simplified and stabilised together, as PyMC does it before a graph is differentiated.

    Where there are loops, all lengths are written as those of the inputs. PyTensor keeps fewer steps of a loop than it
    was given where it can: an equality that was left between lengths, one of them folded, would no longer hold.
    """
    fgraph = _copied(graphs)
    if any(isinstance(node.op, Scan) for node in fgraph.apply_nodes):
        fgraph.attach_feature(ShapeFeature())
    rewrite_graph(fgraph, include=("canonicalize", "stabilize"))
    return list(fgraph.outputs)


def _copied(graphs: Sequence[Graph]) -> FunctionGraph:
    return without_traces(FunctionGraph(outputs=list(graphs), clone=True, copy_inputs=False, copy_orphans=False))


def share_exponentials(fgraph: FunctionGraph) -> None:
    """Write sigmoid and softplus of x and of −x by one exp(−|x|): of successes and failures there are all four.

    Which of them a row has is chosen afterwards, so that logs and exponentials were most of a logistic regression. What
    comes of it is for arrays alone: from max(x, 0) + log(1 + exp(−|x|)) nobody can read that it is convex.

    Parameters
    ----------
    fgraph : FunctionGraph
        Rewritten otherwise; it is changed.
    """
    groups = defaultdict[Graph, list[Any]](list)
    for node in fgraph.toposort():
        scalar_op = getattr(node.op, "scalar_op", None)
        if isinstance(scalar_op, ps.Sigmoid | ps.Softplus) and node.inputs[0].type.dtype == "float64":
            groups[_without_sign(node.inputs[0])].append(node)
    for x, nodes in groups.items():
        if len(nodes) < 2 or np.prod([n or 1 for n in x.type.shape]) < WORTH_SHARING:
            continue
        small, one = pt.exp(-pt.abs(x)), np.ones((1,) * x.type.ndim)  # numbers of as many dims, so that none are added
        whole, log = one + small, pt.log1p(small)
        for node in nodes:
            signed = node.inputs[0]
            if isinstance(node.op.scalar_op, ps.Sigmoid):
                # exp(−|x|) is no more than 1; to choose by signs that change at random takes more than twice as long
                written = pt.maximum(pt.ge(signed, 0.0 * one).astype("float64"), small) / whole
            else:
                written = pt.maximum(signed, 0.0 * one) + log
            fgraph.replace(node.outputs[0], written, import_missing=True)


def _without_sign(variable: Graph) -> Graph:
    return variable.owner.inputs[0] if is_elementwise(variable, ps.Neg) else variable


def without_traces(fgraph: FunctionGraph) -> FunctionGraph:
    """Forget where the variables of a graph were written.

    A rewrite adds the trace of what it replaces to that of what comes instead. Where switches stand in switches that is
    the same variable again and again, whose trace doubles each time until it takes all memory.
    """
    for variable in fgraph.variables:
        variable.tag.trace = []
    return fgraph


def interpreter_mode(written_out: bool = False) -> Mode:
    """Return the mode that runs a graph Op by Op on NumPy arrays, stabilised and unfused.

    Of a graph that is written out, which would take minutes, no canonical form is sought.
    """
    query: RewriteDatabaseQuery = get_mode("FAST_RUN").provided_optimizer
    if written_out:
        query = RewriteDatabaseQuery(include=["merge", "stabilize"], exclude=CANONICAL_FORMS)
    query = query.excluding(*WITHOUT_EFFECT, "numba", "fusion", "inplace", "BlasOpt", "cxx_only", "scan_make_inplace")
    query = query.including(_DIMS_TAG, _ARRAY_FUNCTIONS_TAG, "local_check_parameter_to_ninf_switch")
    # to find out which memory can be used again takes the square of the number of Ops
    linker = VMLinker(use_cloop=False, c_thunks=False, allow_gc=not written_out, lazy=True if written_out else None)
    return Mode(linker=linker, optimizer=query)
