"""Graphs as PyMC writes them, in a form in which PyTensor keeps all digits.

Three things cost digits. A constant has the smallest type that holds it, and functions of int8 are float32:
``pm.Normal("y", mu, 3)`` takes the logarithm of 3 in single precision, and sums of int8 begin anew beyond 127. And
PyTensor writes log(1 − sigmoid(x)) as −softplus(x), but only where nothing stands between: dims that are added to what
a function gives do, as soon as it is wanted without them too, for instance to be checked. And where Student's t is
nearly normal, log Γ((ν + 1)/2) − log Γ(ν/2) is a difference of two large numbers: at ν = 10¹⁶ no digit of it is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, reduce
from typing import Any

import numpy as np
import pytensor
import pytensor.scalar as ps
import pytensor.tensor as pt
from pytensor.compile.ops import ViewOp
from pytensor.graph.basic import Apply, Constant, equal_computations
from pytensor.graph.traversal import toposort
from pytensor.scan.op import Scan
from pytensor.tensor.elemwise import DimShuffle, Elemwise
from pytensor.tensor.math import Sum
from pytensor.tensor.random.op import RandomVariable

from pymc_landscape._typing import Graph
from pymc_landscape.engine.interpreter.python_loops import inner_graphs
from pymc_landscape.engine.interpreter.rewrites import is_elementwise

WIDE = dict.fromkeys(("float16", "float32"), "float64") | dict.fromkeys(
    ("int8", "int16", "int32", "uint8", "uint16", "uint32"), "int64"
)
# What gives one of its arguments, as exact as that is; and what a user asked for.
EXACT = (ps.Switch, ps.Second, ps.Identity, ps.Cast)
# Functions of functions that PyTensor writes as one, as log(1 - sigmoid(-x)), are no deeper.
DEEPEST_PATTERN = 4
# From here on one term of Stirling's series is exact to the last digit.
LARGE = 1e4


def in_full_precision(graphs: Sequence[Graph]) -> list[Graph]:
    """Return graphs that give the same numbers, with the digits that double precision has.

    Parameters
    ----------
    graphs : sequence of Graph
        Of densities, or of random variables. Loops stay loops, with steps in full precision; inside of other Ops with
        inner graphs nothing is changed, and no type where ``pytensor.config.floatX`` is not float64.

    Returns
    -------
    list of Graph
        Functions of single numbers are of float64, sums of integers of int64, and so are parameters; dims are added to
        the arguments of functions; what ``pm.Deterministic`` names is what stands behind it.
    """
    is_double = pytensor.config.floatX == "float64"
    now: dict[Graph, Graph] = {}
    widen = cache(_widened)  # data that are cast are so once
    for node in toposort(graphs):
        inputs = [now.get(v, v) for v in node.inputs]
        if isinstance(node.op, ViewOp) or _sums_a_number(node):
            now[node.outputs[0]] = inputs[0]
        elif isinstance(node.op, DimShuffle) and node.op.is_expand_dims:
            now[node.outputs[0]] = _of_expanded(node.op, inputs[0])
        elif (difference := _log_gamma_difference(node, inputs)) is not None:
            now[node.outputs[0]] = difference
        elif isinstance(node.op, Scan) and (loop := _with_exact_steps(node.op)) is not node.op:
            now |= zip(node.outputs, loop.make_node(*inputs).outputs, strict=True)
        else:
            if is_double and isinstance(node.op, RandomVariable):
                inputs = [widen(v, WIDE.get(str(getattr(v.type, "dtype", "")))) for v in inputs]
            elif is_double:
                inputs = [widen(v, _wide_type(node)) for v in inputs]
            if any(new is not v for new, v in zip(inputs, node.inputs, strict=True)):
                now |= zip(node.outputs, _with_inputs(node, inputs), strict=True)
    return [now.get(graph, graph) for graph in graphs]


def _sums_a_number(node: Apply[Any]) -> bool:
    """Whether a number is summed along an axis that it does not have, as in ``pm.CAR``: PyTensor cannot."""
    return isinstance(node.op, Sum) and bool(node.op.axis) and node.inputs[0].type.ndim == 0


def _of_expanded(expand: DimShuffle, variable: Graph, depth: int = DEEPEST_PATTERN) -> Graph:
    """Return a variable with more dims: a function of arguments that have them, a number as an array of one element."""
    if _is_small_number(variable):
        return pt.constant(np.reshape(variable.data, [1] * len(expand.new_order)))
    node = variable.owner
    if depth and node is not None and isinstance(node.op, Elemwise) and len(node.outputs) == 1:
        return node.op(*(_of_expanded(expand, v, depth - 1) for v in node.inputs))
    return expand(variable)


def _is_small_number(variable: Graph) -> bool:
    """Whether a variable is a number written in a model or by PyMC; data have names, and wider types."""
    is_one = isinstance(variable, Constant) and variable.name is None and all(variable.type.broadcastable)
    return is_one and variable.type.dtype in ("bool", *WIDE)


def _log_gamma_difference(node: Apply[Any], inputs: Sequence[Graph]) -> Graph | None:
    """Write log Γ(a + c) + rest − log Γ(a) with the difference of the two by itself; None where it is another node."""
    if not is_elementwise(node.outputs[0], ps.Sub) or not is_elementwise(inputs[1], ps.GammaLn):
        return None
    [a] = inputs[1].owner.inputs
    terms, rest = [inputs[0]], list[Graph]()
    while terms:
        term = terms.pop()
        if is_elementwise(term, ps.Add):
            terms += term.owner.inputs
        elif is_elementwise(term, ps.GammaLn) and (c := _shift(term.owner.inputs[0], a)) is not None:
            return reduce(pt.add, [*rest, *terms], _log_gamma_ratio(a, c))
        else:
            rest.append(term)
    return None


def _shift(larger: Graph, a: Graph) -> Graph | None:
    """Return c of a + c, or of (w + k)/s beside a = w/s, where it is one number."""
    divisor = pt.constant(1.0)
    if is_elementwise(a, ps.TrueDiv) and is_elementwise(larger, ps.TrueDiv):
        (a, divisor), (larger, other) = a.owner.inputs, larger.owner.inputs
        if not equal_computations([divisor], [other]):
            return None
    if not is_elementwise(larger, ps.Add) or a not in larger.owner.inputs:
        return None
    [added] = [v for v in larger.owner.inputs if v is not a] or [a]
    return added / divisor if all(added.type.broadcastable) else None


def _log_gamma_ratio(a: Graph, c: Graph) -> Graph:
    """Return log Γ(a + c) − log Γ(a), for large a by Stirling's series (Abramowitz & Stegun 1972, 6.1.41)."""
    large = pt.maximum(a, LARGE)
    above = large + c
    series = (large - 0.5) * pt.log1p(c / large) + c * (pt.log(above) - 1.0) - c / (12.0 * large * above)
    small = -pt.gammaln(a) + pt.gammaln(a + c)  # a sum, which is not taken for such a difference again
    return pt.switch(pt.gt(a, LARGE), series, small)


def _with_exact_steps(op: Scan) -> Scan:
    """Return a loop whose steps are in full precision, and give what they gave in its type; the same if they are."""
    inputs, outputs = inner_graphs(op)
    exact = in_full_precision(outputs)
    if all(new is old for new, old in zip(exact, outputs, strict=True)):
        return op
    steps = [old.type.filter_variable(new, allow_convert=True) for new, old in zip(exact, outputs, strict=True)]
    return Scan(inputs, steps, op.info, name=op.name, truncate_gradient=op.truncate_gradient)


def _wide_type(node: Apply[Any]) -> str | None:
    """Return the type that arguments of a function are to have."""
    if not isinstance(node.op, Elemwise) or isinstance(node.op.scalar_op, EXACT):
        return None
    type_ = node.outputs[0].type.dtype
    return WIDE.get(type_, type_ if type_ == "float64" else None)


def _widened(graph: Graph, type_: str | None) -> Graph:
    """Return a number or an array in a wide type, if it is given one; data stay what they are, behind a cast.

    A function of int64 is of float64, until a rewrite of PyTensor's finds that all integers in it are small.
    """
    if type_ is None or graph.type.dtype in ("bool", type_) or (type_ == "int64" and graph.type.dtype not in WIDE):
        return graph
    if _is_small_number(graph):
        return pt.constant(graph.data.astype(type_))
    return pt.cast(graph, type_)


def _with_inputs(node: Apply[Any], inputs: Sequence[Graph]) -> list[Graph]:
    """Apply an Op to wider inputs; to those of its own types where it takes no others.

    A node that was evaluated keeps how (``tag.fake_node``), and its copies with it: that would be in the old types.
    """
    if isinstance(node.op, Elemwise) and all(v.type.dtype == "float64" for v in node.outputs):
        shapes = zip(inputs, node.inputs, strict=True)
        if all(new.type.shape == getattr(v.type, "shape", None) for new, v in shapes):  # the outputs stay what they are
            return Apply(node.op, inputs, [v.type() for v in node.outputs]).outputs
    try:
        outputs: list[Graph] = node.op.make_node(*inputs).outputs
    except (TypeError, ValueError, NotImplementedError):
        own = [pt.cast(new, v.type.dtype) if new is not v else v for new, v in zip(inputs, node.inputs, strict=True)]
        outputs = node.op.make_node(*own).outputs
    return outputs
