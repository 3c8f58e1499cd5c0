"""Sums over rows as one plain loop: what is the same for all rows stands before the loop or behind it.

PyTensor fuses an elementwise graph and the sums over it into one loop, of which the last rows, that fill no vector
register, are slow: 1,000 rows of a Gaussian regression take 260 ns, where the loop that one would write takes 160.
What is added to each row, or multiplies it, and is no row itself goes out of the sum: Σ (c + k f) = n c + k Σ f, by
which it takes 120. Whether something is true of all rows is asked in the same loop.

No rounding is larger than before: sums are split into partial ones as PyTensor's own are, and NaN and infinities are
honoured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, NamedTuple

from pytensor import scalar as ps
from pytensor.graph.basic import Apply
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.op import Op
from pytensor.graph.replace import graph_replace
from pytensor.graph.traversal import ancestors
from pytensor.link.numba.cache import compile_numba_function_src
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_and_cache_key
from pytensor.scalar.basic import ScalarType
from pytensor.tensor.basic import tensor_from_scalar
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.rewriting.fused_elemwise import FusedElemwise

from pymc_landscape._typing import Graph
from pymc_landscape.engine.scalar_code import NAMESPACE, ScalarCode, indented

# Part of the name of every such loop on disk.
LOOP_VERSION = 2
# How rows are put together, with what is there before the first: sums of numbers, and whether all are true.
ADD, ALL = "add", "all"
STARTS, TOGETHER = {ADD: "0.0", ALL: "True"}, {ADD: "{0} + {1}", ALL: "{0} & {1}"}
# What an input of the loop is: one number, an array of one number, an array with an element a row; or elements of an
# array that a whole number a row points at, the position of these numbers among the inputs.
NUMBER, SINGLE, ROWS = "number", "single", "rows"
Kind = str | int


class RowSums(Op):
    """Sums over rows of the outputs of a scalar Op, in machine code only.

    Parameters
    ----------
    scalar_op : Composite
        What is summed, of one row.
    kinds : tuple
        What each input of it is.
    sums : tuple of str
        How the rows of each output are put together: `ADD` or `ALL`.
    """

    __props__ = ("kinds", "scalar_op", "sums")

    def __init__(self, scalar_op: Any, kinds: tuple[Kind, ...], sums: tuple[str, ...]):
        self.scalar_op, self.kinds, self.sums = scalar_op, kinds, sums

    def make_node(self, *inputs: Graph) -> Apply[Any]:
        """Return the node with one number an output of the scalar Op."""
        numbers = [ps.float64() if how == ADD else ps.bool() for how in self.sums]
        return Apply(self, list(inputs), numbers)

    def perform(self, node: Apply[Any], inputs: Sequence[Any], output_storage: list[list[Any]]) -> None:
        """Refuse: the Op is put into graphs that numba compiles."""
        raise NotImplementedError


@register_funcify_and_cache_key(RowSums)
def _compile_row_sums(op: RowSums, node: Apply[Any], **kwargs: Any) -> tuple[Callable[..., Any], str | None]:
    code, names = ScalarCode(), [f"x{i}" for i in range(len(node.inputs))]
    checks = checked_rows(op, names)
    add_row_sums(code, node, names)
    lines = [f"def row_sums({', '.join(names)}):", *indented([*checks, *code.lines])]
    source = "\n".join([*lines, f"    return {', '.join(code.names[v] for v in node.outputs)}"]) + "\n"
    loop = compile_numba_function_src(source, "row_sums", {**NAMESPACE, **code.functions})
    return numba_njit(loop, error_model="numpy"), code.key(f"{LOOP_VERSION} {source}")


def checked_rows(op: RowSums, names: Sequence[str]) -> list[str]:
    """Return lines that raise where rows differ in number, or an index is outside its array.

    Parameters
    ----------
    op : RowSums
        The sums.
    names : sequence of str
        How their inputs are written.
    """
    pointers = sorted({kind for kind in op.kinds if isinstance(kind, int)})
    lengths = [f"{names[i]}.shape[0]" for i in _arrays_of_rows(op)]
    lines = []
    for length in lengths[1:]:
        lines += [f"if {length} != {lengths[0]}:", "    raise ValueError('Rows of different number.')"]
    for k in pointers:
        shortest = ", ".join(f"{names[i]}.shape[0]" for i, kind in enumerate(op.kinds) if kind == k)
        lines += [
            "low, high = 0, -1",
            f"for i in range({lengths[0]}):",
            f"    low, high = min(low, {names[k]}[i]), max(high, {names[k]}[i])",
            f"size = min({shortest}, {2**62})",
            "if high >= size or low < -size:",
            "    raise IndexError('index out of bounds')",
        ]
    return lines


def add_row_sums(code: ScalarCode, node: Apply[Any], names: Sequence[str]) -> None:
    """Add the loop over rows to lines of code, with what is the same for all rows before it.

    Parameters
    ----------
    code : ScalarCode
        Gets the lines, and the names of the sums.
    node : Apply
        Of a `RowSums`.
    names : sequence of str
        How its inputs are written.

    Raises
    ------
    NotImplementedError
        If a row takes Ops that cannot be written.
    """
    op, arguments = node.op, []
    for name, kind in zip(names, op.kinds, strict=False):
        written = {NUMBER: name, SINGLE: f"{name}[0]", ROWS: f"{name}[i]"}
        arguments.append(f"{name}[{names[kind]}[i]]" if isinstance(kind, int) else written[kind])
    is_fixed = [kind in (NUMBER, SINGLE) for kind in op.kinds]
    inner = ScalarCode(code)
    results: list[Graph] = [output.type() for output in node.outputs]
    inner.add_composite(op.scalar_op, arguments, results, is_fixed, code.lines)
    totals = [code.new_name() for _ in results]
    code.names |= dict(zip(node.outputs, totals, strict=True))
    code.lines += [f"{total} = {STARTS[how]}" for total, how in zip(totals, op.sums, strict=True)]
    sums = [
        f"{total} = {TOGETHER[how].format(total, inner.names[result])}"
        for total, how, result in zip(totals, op.sums, results, strict=True)
    ]
    n_rows = f"{names[_arrays_of_rows(op)[0]]}.shape[0]"
    code.lines += [f"for i in range({n_rows}):", *indented([*inner.lines, *sums])]


def _arrays_of_rows(op: RowSums) -> list[int]:
    """Return which inputs have an element a row."""
    pointers = sorted({kind for kind in op.kinds if isinstance(kind, int)})
    return [*(i for i, kind in enumerate(op.kinds) if kind == ROWS), *pointers]


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
    how = [_how(spec, output) for spec, output in zip(node.op.reduced_outputs, node.outputs, strict=False)]
    sums = tuple(one for one in how if one is not None)
    if kinds is None or len(sums) < len(node.outputs):
        return None
    rows = [v.type.shape[0] for v, kind in zip(node.inputs, kinds, strict=False) if kind == ROWS]
    scalar_op, parts = _split_op(elementwise.op.scalar_op, node.inputs, kinds, next(iter(rows), None))
    loop = RowSums(scalar_op, kinds, sums).make_node(*node.inputs)
    try:
        add_row_sums(ScalarCode(), loop, [f"x{i}" for i in range(len(node.inputs))])
    except NotImplementedError:
        return None
    totals = [part.around(total) for part, total in zip(parts, loop.outputs, strict=True)]
    return [
        total if isinstance(output.type, ScalarType) else tensor_from_scalar(total)
        for total, output in zip(totals, node.outputs, strict=True)
    ]


def _how(spec: Any, output: Graph) -> str | None:
    """Return how the rows of an output are put together; None where that is no sum to one number."""
    if spec is None or getattr(output.type, "ndim", 0) > 0:
        return None
    known = {(ps.Add, "float64"): ADD, (ps.AND, "bool"): ALL}
    return known.get((type(spec[0]), spec[3])) if spec[3] == output.type.dtype else None


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
