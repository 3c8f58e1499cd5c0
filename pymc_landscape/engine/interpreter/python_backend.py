"""A rewritten graph as straight Python: a line of NumPy a node, and nothing between the lines.

Where each point depends on the last, points cannot be evaluated in blocks, and what PyTensor's interpreter does around
each node (a thunk, storage, checks) takes many times longer than the node's own arithmetic on a few numbers. Written
out, a step of Adam takes 25 µs instead of 400, with nothing compiled to machine code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
from pytensor.compile.builders import OpFromGraph
from pytensor.graph.basic import Apply, Constant
from pytensor.graph.op import Op
from pytensor.link.c.op import COp
from pytensor.scalar.basic import Add, Cast, Mul, Sub, TrueDiv
from pytensor.tensor.basic import Alloc, Join, MakeVector, ScalarFromTensor, Split
from pytensor.tensor.blockwise import Blockwise
from pytensor.tensor.elemwise import CAReduce, DimShuffle, Elemwise
from pytensor.tensor.math import Dot
from pytensor.tensor.shape import Reshape, SpecifyShape
from pytensor.tensor.subtensor import AdvancedIncSubtensor, AdvancedSubtensor, IncSubtensor, Subtensor

from pymc_landscape._typing import Graph
from pymc_landscape.engine.interpreter.array_functions import loop_of_elements
from pymc_landscape.engine.interpreter.programs import Loop, Performed, StraightLine
from pymc_landscape.engine.interpreter.python_loops import can_be_looped, inner_graphs, loop_source
from pymc_landscape.engine.interpreter.scalar_loops import graphs_of_step, is_scalar_loop, source_of_step, states_of

Interpret = Callable[..., StraightLine | Callable[..., Any]]

# What can be called as it is: loops and branches do more than take values to values.
PLAIN = (Op.make_thunk, COp.make_thunk, OpFromGraph.make_thunk)
# Arithmetic of numbers that NumPy writes with a sign; from left to right, as its functions are called.
_SIGNS = {Add: " + ", Sub: " - ", Mul: " * "}
# Sums of more terms are not written as calls inside calls; nor, of numbers, as one line.
NESTED, LONG = 10, 100
# Ops that give and take the names of dims, of which arrays know nothing.
OF_NAMED_DIMS = ("TensorFromXTensor", "XTensorFromTensor")
# Constants of no more bytes than this are held twice, where that is faster.
MOST_COPIED = 2**26


def can_be_written(node: Apply[Any]) -> bool:
    """Whether a node can be a line of Python: it can be called as it is, or is a loop that can be walked."""
    return is_plain(node) or can_be_looped(node.op)


def straight_line(
    inputs: Sequence[Graph],
    shared: Mapping[Graph, Any],
    nodes: Sequence[Apply[Any]],
    outputs: Sequence[Graph],
    interpret: Interpret,
) -> StraightLine:
    """Return nodes of a rewritten graph as a function of Python, a line each.

    Parameters
    ----------
    inputs : sequence of Graph
        The arguments, in order.
    shared : mapping of Graph to storage
        Other inputs, and the cells that hold their values at each call.
    nodes : sequence of Apply
        What lies between inputs and outputs, in an order in which it can be computed; each `can_be_written`.
    outputs : sequence of Graph
        What comes back, as a list.
    interpret : callable
        Makes a function of the inputs and outputs of a loop's step; of numbers, as it is written.
    """
    for node in nodes:
        if is_plain(node):
            node.op.prepare_node(node, None, None, "py")
    return _Writer(inputs, outputs, interpret).write(nodes, shared)


def is_plain(node: Apply[Any]) -> bool:
    """Whether an Op can be called as it is: it takes values to values, and changes none of them."""
    return type(node.op).make_thunk in PLAIN and not node.op.destroy_map


def performed(node: Apply[Any], inputs: Sequence[Any]) -> list[Any]:
    """Return the values of the outputs of a plain node, from those of its inputs."""
    storage: list[list[Any]] = [[None] for _ in node.outputs]
    node.op.perform(node, list(inputs), storage)
    return [cell[0] for cell in storage]


class _Writer:
    """The source of a function, and the values that its lines refer to."""

    def __init__(self, inputs: Sequence[Graph], outputs: Sequence[Graph], interpret: Interpret):
        self.inputs, self.outputs, self.interpret = inputs, outputs, interpret
        self.names = {variable: f"x{i}" for i, variable in enumerate(inputs)}
        self.values: dict[str, Any] = {}
        self.turned: dict[Graph, str] = {}

    def write(self, nodes: Sequence[Apply[Any]], shared: Mapping[Graph, Any]) -> StraightLine:
        """Write all nodes; shared variables are read from their storage."""
        arguments = [self.names[v] for v in self.inputs]
        used = {v for node in nodes for v in node.inputs}.union(self.outputs)
        self.names |= {v: f"s{i}" for i, v in enumerate(shared)}
        read = [f"{self.names[v]} = {self._keep(cell)}[0]" for v, cell in shared.items() if v in used]
        last = {v: node for node in nodes for v in (*node.inputs, *node.outputs) if not isinstance(v, Constant)}
        lines = [line for node in nodes for line in (self._line(node), *self._forget(node, last))]
        results = ", ".join(self._name(v) for v in self.outputs)
        # what is made once, with the function
        arguments += [f"{name} = by_rows({self.names[v]})" for v, name in self.turned.items()]
        head = f"def function({', '.join(arguments)}):"
        return StraightLine("\n    ".join([head, *read, *lines, f"return [{results}]"]), self.values)

    def _line(self, node: Apply[Any]) -> str:
        by_rows = isinstance(node.op, Elemwise) and not any(_is_turned(v) for v in node.inputs)
        inputs = [self._row_by_row(v) if by_rows and _is_column_by_column(v) else self._name(v) for v in node.inputs]
        outputs = [self.names.setdefault(v, f"v{len(self.names)}") for v in node.outputs]
        if is_scalar_loop(node.op):
            step = Loop(source_of_step(node.op), self.interpret(*graphs_of_step(node.op), True))
            inputs = [self._keep(step), *states_of(node.op), *inputs]
            return f"{', '.join(outputs)} = {self._keep(loop_of_elements)}({', '.join(inputs)})"
        expression = _expression(node, inputs, self._keep) or f"{self._keep(self._function(node))}({', '.join(inputs)})"
        return f"{', '.join(outputs)} = {expression}"

    def _function(self, node: Apply[Any]) -> Callable[..., Any]:
        """Return what is called for a node that has no expression of its own."""
        if not can_be_looped(node.op):
            return Performed(node)
        return Loop(loop_source(node), self.interpret(*inner_graphs(node.op)))

    def _forget(self, node: Apply[Any], last: dict[Graph, Apply[Any]]) -> list[str]:
        """Give memory back as soon as it is not needed: new pages for each node would take longer than the work."""
        mine = dict.fromkeys(v for v in (*node.inputs, *node.outputs) if last.get(v) is node)
        gone = [self.names[v] for v in mine if v not in self.outputs and v not in self.inputs]
        return [f"del {', '.join(gone)}"] if gone else []

    def _name(self, variable: Graph) -> str:
        if variable not in self.names and isinstance(variable, Constant):
            self.names[variable] = self._keep(variable.data)
        return self.names[variable]

    def _row_by_row(self, variable: Graph) -> str:
        """Name a copy that the function holds: NumPy's loops along the columns of a design are as short as these."""
        self._name(variable)
        return self.turned.setdefault(variable, f"r{len(self.turned)}")

    def _keep(self, value: Any) -> str:
        name = f"k{len(self.values)}"
        self.values[name] = value
        return name


def _is_column_by_column(variable: Graph) -> bool:
    """Whether a constant lies in memory column by column, as the transpose of data does."""
    data = variable.data if isinstance(variable, Constant) else None
    if not isinstance(data, np.ndarray) or data.nbytes > MOST_COPIED:
        return False
    return bool(data.flags.f_contiguous and not data.flags.c_contiguous)


def _is_turned(variable: Graph) -> bool:
    """Whether a computed array lies so."""
    op = variable.owner and variable.owner.op
    return isinstance(op, DimShuffle) and list(op.shuffle) != sorted(op.shuffle)


def _expression(node: Apply[Any], inputs: list[str], keep: Callable[[Any], str]) -> str | None:
    """Write the NumPy expression of a frequent Op; None for the others."""
    for kind, write in _WRITERS.items():
        if isinstance(node.op, kind):
            written: str | None = write(node, inputs, keep)
            return written
    named = type(node.op).__module__ == "pytensor.xtensor.basic"  # which nobody imports for models that have no such
    return inputs[0] if named and type(node.op).__name__ in OF_NAMED_DIMS else None


def _elemwise(node: Apply[Any], inputs: list[str], keep: Callable[[Any], str]) -> str | None:
    """Use NumPy's own function, where it gives the type that the Op promises."""
    op, promised = node.op, node.outputs[0].type.dtype
    if isinstance(op.scalar_op, Cast):
        return f"asarray({inputs[0]}).astype('{promised}')"
    arguments = str(np.result_type(*(v.type.dtype for v in node.inputs)))
    if op.nfunc is None or len(node.outputs) > 1 or promised not in ("bool", arguments):
        return None
    if all(v.type.ndim == 0 and v.type.dtype == "float64" for v in node.inputs) and len(inputs) <= LONG:
        if sign := _SIGNS.get(type(op.scalar_op)):  # of two numbers in a twentieth of the time
            return f"({sign.join(_number(v, name) for v, name in zip(node.inputs, inputs, strict=True))})"
        if isinstance(op.scalar_op, TrueDiv):  # by 0 it is infinite, where Python's own numbers raise
            return f"(float64({inputs[0]}) / {inputs[1]})"
    name = keep(op.nfunc)
    if op.nfunc_spec[1] == len(inputs):
        return f"{name}({', '.join(inputs)})"
    if op.nfunc_spec[1] != 2:
        return None
    # sums and products of several; Python reads no more than 200 parentheses inside one another
    if len(inputs) > NESTED:
        return f"{keep(reduce)}({name}, ({', '.join(inputs)}))"
    return reduce(lambda left, right: f"{name}({left}, {right})", inputs)


def _number(variable: Graph, name: str) -> str:
    """Write a constant as a number of Python's, whose arithmetic is several times faster than an array's."""
    return repr(float(variable.data)) if isinstance(variable, Constant) and np.isfinite(variable.data) else name


def _dims(node: Apply[Any], inputs: list[str], keep: Callable[[Any], str]) -> str:
    """Drop, permute and add dims, each only where it is asked for."""
    op, text = node.op, f"asarray({inputs[0]})"
    if op.drop:
        text += f".squeeze({tuple(op.drop)})"
    order = [sorted(op.shuffle).index(axis) for axis in op.shuffle]
    if order != sorted(order):
        text += f".transpose({order})"
    if op.augment:
        text += "[" + ", ".join("None" if o == "x" else ":" for o in op.new_order) + "]"
    return text


def _basic_index(node: Apply[Any], inputs: list[str], keep: Callable[[Any], str]) -> str:
    entries = [_entry(entry, inputs[1:]) for entry in node.op.idx_list]
    # an input is an array, or gives one of its parts without being made one
    whole = inputs[0] if inputs[0].startswith("x") else f"asarray({inputs[0]})"
    return f"asarray({whole}[{', '.join(entries)},])"


def _entry(entry: Any, names: list[str]) -> str:
    """Write an index: numbers in it stand for inputs."""
    if not isinstance(entry, slice):
        return str(names[entry])
    limits = ["None" if part is None else names[part] for part in (entry.start, entry.stop, entry.step)]
    return f"slice({', '.join(limits)})"


def _rows(node: Apply[Any], inputs: list[str], keep: Callable[[Any], str]) -> str | None:
    """Index by one number, or an array of them, along the first dim."""
    if len(inputs) != 2 or isinstance(node.op.idx_list[0], slice):
        return None
    chosen = f"{inputs[0]}[{inputs[1]}]"
    return chosen if node.inputs[1].type.ndim else f"asarray({chosen}).copy()"


def _reduction(node: Apply[Any], inputs: list[str], keep: Callable[[Any], str]) -> str | None:
    op, promised = node.op, node.outputs[0].type.dtype
    if (op.acc_dtype or promised) != promised or getattr(op, "ufunc", None) is None:
        return None
    return f"{keep(op.ufunc.reduce)}({inputs[0]}, {op.axis}, '{promised}')"


def _changed(node: Apply[Any], inputs: list[str], keep: Callable[[Any], str]) -> str:
    """Set or add to some elements of a copy."""
    entries = "".join(f"{_entry(entry, inputs[2:])}, " for entry in node.op.idx_list)
    change = _with_set if node.op.set_instead_of_inc else _with_added
    return f"{keep(change)}({inputs[0]}, {inputs[1]}, ({entries}))"


def _with_set(whole: Any, part: Any, where: Any) -> Any:
    whole = whole.copy()
    whole[where] = part
    return whole


def _with_added(whole: Any, part: Any, where: Any) -> Any:
    whole = whole.copy()
    whole[where] += part
    return whole


def _checked(node: Apply[Any], inputs: list[str], keep: Callable[[Any], str]) -> str:
    """Check the shape where it was not known before."""
    return f"{keep(_of_shape)}({inputs[0]}, ({', '.join(inputs[1:])},))"


def _of_shape(x: Any, shape: Sequence[Any]) -> Any:
    if any(n is not None and n != own for n, own in zip(shape, np.shape(x), strict=True)):
        raise AssertionError(f"Expected an array of shape {shape}, got {np.shape(x)}.")
    return x


def _alloc(node: Apply[Any], inputs: list[str], keep: Callable[[Any], str]) -> str | None:
    """Fill an array with one number, or with what is broadcast."""
    if len(inputs) < 2:
        return None
    return f"{keep(np.full)}(({', '.join(inputs[1:])},), {inputs[0]}, '{node.outputs[0].type.dtype}')"


def _reshaped(node: Apply[Any], inputs: list[str], keep: Callable[[Any], str]) -> str:
    return f"asarray({inputs[0]}).reshape({inputs[1]})"


def _parts(node: Apply[Any], inputs: list[str], keep: Callable[[Any], str]) -> str | None:
    lengths = getattr(node.inputs[1], "data", None)
    if lengths is None or len(lengths) < 2 or sum(lengths) != node.inputs[0].type.shape[node.op.axis]:
        return None
    ends, before = np.cumsum(lengths).tolist(), ":, " * node.op.axis
    return ", ".join(f"{inputs[0]}[{before}{end - n}:{end}]" for n, end in zip(lengths, ends, strict=True))


def _of_each(node: Apply[Any], inputs: list[str], keep: Callable[[Any], str]) -> str | None:
    """Join, cut or change the arrays of all points at once: PyTensor's own way calls NumPy once a point."""
    core, batch_ndim, dtype = node.op.core_op, node.op.batch_ndim(node), node.outputs[0].type.dtype
    if isinstance(core, Join) and core.axis >= 0:
        return f"{keep(_joined)}({batch_ndim}, {batch_ndim + core.axis}, '{dtype}', {', '.join(inputs)})"
    if isinstance(core, Split) and core.axis >= 0 and set(node.inputs[1].type.shape[:batch_ndim]) == {1}:
        return f"{keep(_cut)}({batch_ndim + core.axis}, {inputs[0]}, {inputs[1]})"
    if isinstance(core, AdvancedIncSubtensor) and core.set_instead_of_inc:
        places = node.inputs[2:]
        of_all = all(set(v.type.shape[:batch_ndim]) == {1} and v.type.dtype != "bool" for v in places)
        if of_all and core.idx_list == tuple(range(len(places))):
            return f"{keep(_set_in_each)}({batch_ndim}, {', '.join(inputs)})"
    return None


def _joined(batch_ndim: int, axis: int, dtype: str, *arrays: Any) -> Any:
    """Join arrays along a dim; the dims of the points, which come first, are broadcast."""
    batch = np.broadcast_shapes(*(np.shape(x)[:batch_ndim] for x in arrays))
    whole = [np.broadcast_to(x, (*batch, *np.shape(x)[batch_ndim:])) for x in arrays]
    return np.concatenate(whole, axis=axis, dtype=dtype)


def _cut(axis: int, array: Any, lengths: Any) -> Any:
    """Cut the arrays of all points alike; a single piece is returned as it is."""
    if np.min(lengths) < 0 or np.sum(lengths) != array.shape[axis]:
        raise ValueError(f"Expected lengths that sum to {array.shape[axis]}, got {np.ravel(lengths)}.")
    parts = np.split(array, np.cumsum(lengths)[:-1], axis=axis)
    return parts if len(parts) > 1 else parts[0]


def _set_in_each(batch_ndim: int, whole: Any, part: Any, *places: Any) -> Any:
    """Set the same elements of the array of each point, as of a diagonal."""
    batch = np.broadcast_shapes(np.shape(whole)[:batch_ndim], np.shape(part)[:batch_ndim])
    made = np.broadcast_to(whole, (*batch, *np.shape(whole)[batch_ndim:])).copy()
    first = (0,) * batch_ndim
    of_point = made.ndim - batch_ndim - len(places) + max(place.ndim for place in places) - batch_ndim
    new = (1,) * (of_point - np.ndim(part) + batch_ndim)
    part = np.reshape(part, (*np.shape(part)[:batch_ndim], *new, *np.shape(part)[batch_ndim:]))
    made[(*(slice(None) for _ in batch), *(place[first] for place in places))] = part
    return made


def _vector(node: Apply[Any], inputs: list[str], keep: Callable[[Any], str]) -> str:
    return f"asarray([{', '.join(inputs)}], '{node.outputs[0].type.dtype}')"


_WRITERS: dict[type, Callable[[Apply[Any], list[str], Callable[[Any], str]], str | None]] = {
    Elemwise: _elemwise,
    DimShuffle: _dims,
    Subtensor: _basic_index,
    AdvancedSubtensor: _rows,
    CAReduce: _reduction,
    IncSubtensor: _changed,
    Alloc: _alloc,
    Reshape: _reshaped,
    MakeVector: _vector,
    Split: _parts,
    Blockwise: _of_each,
    SpecifyShape: _checked,
    ScalarFromTensor: lambda node, inputs, keep: f"asarray({inputs[0]})[()]",
    Dot: lambda node, inputs, keep: f"{keep(np.dot)}({', '.join(inputs)})",
}
