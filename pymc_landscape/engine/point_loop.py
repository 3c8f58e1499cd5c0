"""The loop over points in machine code: around PyTensor's function of one point, or of numbers and sums alone.

Where a point takes nothing but arithmetic of numbers and sums over rows, the loop and all that is in it are one
function: numba compiles it in a quarter of the time that the functions of its Ops take, and LLVM sees all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import pytensor
from numba.core.cgutils import unpack_tuple
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array
from pytensor.graph.basic import Apply, Constant
from pytensor.graph.fg import FunctionGraph
from pytensor.link.numba.cache import compile_numba_function_src
from pytensor.link.numba.dispatch.basic import numba_funcify, numba_funcify_ensure_cache, numba_njit
from pytensor.scalar.basic import AND, Add, ScalarOp, ScalarType
from pytensor.tensor.basic import ScalarFromTensor, TensorFromScalar
from pytensor.tensor.elemwise import CAReduce
from pytensor.tensor.rewriting.scalarize import ScalarCAReduce, ScalarizedJoin, ScalarSubtensor
from pytensor.tensor.subtensor import Subtensor

from pymc_landscape._typing import Graph
from pymc_landscape.engine.kernel_cache import SOURCE_VERSION
from pymc_landscape.engine.row_sums import RowSums, add_row_sums, checked_rows
from pymc_landscape.engine.scalar_code import NAMESPACE, ScalarCode, indented
from pymc_landscape.numerics import WRITING

# Ops on numbers: PyTensor keeps the code of each Op on disk by itself, which then is called and not inlined.
OF_NUMBERS = (ScalarOp, RowSums, ScalarSubtensor)
# Reductions of a few numbers, and the sign between them.
REDUCTIONS = {Add: " + ", AND: " & "}


def compile_loop(fgraph: FunctionGraph, n_data: int) -> Callable[..., None]:
    """Return the loop over points, which numba compiles or finds on disk when it is called.

    Parameters
    ----------
    fgraph : FunctionGraph
        A graph of one point that PyTensor has prepared for numba: the point is its first input, data are the others.
    n_data : int
        How many data there are.

    Returns
    -------
    callable
        Takes points (G, k), arrays (G, ...) for the outputs, and data.
    """
    kinds = "".join("n" if isinstance(o.type, ScalarType) else str(o.type.ndim) for o in fgraph.outputs)
    try:
        source, environment, key = _Numbers(fgraph).written(n_data)
    except NotImplementedError:
        source, environment, key = _around_function(fgraph, n_data, kinds)
    function = compile_numba_function_src(
        source,
        "loop_over_points",
        # numba looks the module's name up when it loads a cached function
        global_env={**environment, "__name__": __name__, "uncounted": _uncounted},
        cache_key=key and f"pymc_landscape_{SOURCE_VERSION}_{key}_{n_data}_{kinds}",
    )
    return numba_njit(function, final_function=True, nogil=True, cache=key is not None, error_model="numpy")


def _around_function(fgraph: FunctionGraph, n_data: int, kinds: str) -> tuple[str, dict[str, Any], str | None]:
    """Write the loop around the function that PyTensor makes of the graph.

    An output is a number (n), an array of no dims (0), or a vector (1). Elements are copied one by one: assigning an
    array costs 2.5 s of compiling.
    """
    row, key = numba_funcify_ensure_cache(fgraph)
    if all(isinstance(node.op, OF_NUMBERS) for node in fgraph.apply_nodes):
        with WRITING, pytensor.config.change_flags(numba__cache=False):
            row = numba_funcify(fgraph)
    data = "".join(f", d{i}" for i in range(n_data))
    results = "".join(f"r{i}, " for i in range(len(kinds)))
    copies = {"n": "o{i}[g] = r{i}", "0": "o{i}[g] = r{i}[()]", "1": "o{i}[g, j] = r{i}[j]"}
    lines = [f"{results}= row(points[g]{data})"]
    for i, kind in enumerate(kinds):
        copy = copies[kind].format(i=i)
        lines += [f"for j in range(o{i}.shape[1]):", f"    {copy}"] if kind == "1" else [copy]
    return _loop(n_data, len(kinds), [], lines), {"row": row}, key


def _loop(n_data: int, n_outputs: int, before: Sequence[str], of_one_point: Sequence[str]) -> str:
    """Return the source of the loop over points."""
    names = ["points", *(f"o{i}" for i in range(n_outputs)), *(f"d{i}" for i in range(n_data))]
    lines = ["points = uncounted(points)", *(f"d{i} = uncounted(d{i})" for i in range(n_data)), *before]
    body = [*lines, "for g in range(points.shape[0]):", *indented(of_one_point)]
    return "\n".join([f"def loop_over_points({', '.join(names)}):", *indented(body)]) + "\n"


class _Numbers:
    """A graph of one point in which there are only numbers, parts of vectors, and sums over rows."""

    def __init__(self, fgraph: FunctionGraph):
        self.fgraph, self.code, self.checks = fgraph, ScalarCode(), list[str]()
        data = {v: f"d{i}" for i, v in enumerate(fgraph.inputs[1:])}
        self.vectors: dict[Graph, str] = {fgraph.inputs[0]: "points[g]", **data}
        self.numbers: dict[Graph, list[str]] = {}  # what vectors of a few numbers are made of

    def written(self, n_data: int) -> tuple[str, dict[str, Any], str | None]:
        """Return the source of the loop, what it refers to, and what tells it from others.

        Raises
        ------
        NotImplementedError
            If there is something else in the graph.
        """
        for node in self.fgraph.toposort():
            self._add(node)
        for i, output in enumerate(self.fgraph.outputs):
            self.code.lines += self._stored(f"o{i}", output)
        source = _loop(n_data, len(self.fgraph.outputs), self.checks, self.code.lines)
        return source, {**NAMESPACE, **self.code.functions}, self.code.key(source)

    def _add(self, node: Apply[Any]) -> None:
        if isinstance(node.op, RowSums):
            self._add_row_sums(node)
        elif isinstance(node.op, ScalarOp):
            self.code.add(node)
        elif isinstance(node.op, ScalarSubtensor):
            self.code.names[node.outputs[0]] = self._element(node)
        elif isinstance(node.op, Subtensor):
            self._add_part(node)
        elif isinstance(node.op, ScalarFromTensor | TensorFromScalar):
            self.code.names[node.outputs[0]] = self._number(node.inputs[0])
        elif isinstance(node.op, ScalarizedJoin):
            self.numbers[node.outputs[0]] = [self._number(v) for v in node.inputs]
        elif isinstance(node.op, ScalarCAReduce):
            self._add_reduction(node)
        else:
            raise NotImplementedError(f"{node.op} is no Op of numbers.")

    def _number(self, variable: Graph) -> str:
        """Return how a number is written, or an array of no dims."""
        if variable in self.vectors and getattr(variable.type, "ndim", 1) == 0:
            return f"{self.vectors[variable]}[()]"
        if variable not in self.code.names and not isinstance(variable, Constant):
            raise NotImplementedError(f"{variable} is no number.")
        if getattr(variable.type, "ndim", 0) > 0:
            raise NotImplementedError(f"{variable} is an array.")
        return self.code.name(variable)

    def _element(self, node: Apply[Any]) -> str:
        """Return an element of a vector, known to be in it."""
        vector, *indices = node.inputs
        [inner] = [inner for inner in node.op.fgraph.apply_nodes if isinstance(inner.op, Subtensor)]
        place = _whole_numbers(inner.op.idx_list, indices)
        length = vector.type.shape[0] if vector.type.ndim == 1 else None
        if len(place) != 1 or not isinstance(place[0], int) or length is None or vector not in self.vectors:
            raise NotImplementedError(f"{node.op} takes no known element of a vector.")
        if not -length <= place[0] < length:
            raise NotImplementedError("An index is out of bounds.")
        return f"{self.vectors[vector]}[{place[0] % length}]"

    def _add_part(self, node: Apply[Any]) -> None:
        """Name a part of a vector."""
        vector, *indices = node.inputs
        place = _whole_numbers(node.op.idx_list, indices)
        if len(place) != 1 or not isinstance(place[0], slice) or vector.type.ndim != 1 or vector not in self.vectors:
            raise NotImplementedError(f"{node.op} takes no part of a vector.")
        limits = ["" if part is None else str(part) for part in (place[0].start, place[0].stop, place[0].step)]
        name = self.vectors[node.outputs[0]] = self.code.new_name()
        self.code.lines.append(f"{name} = {self.vectors[vector]}[{':'.join(limits)}]")

    def _add_row_sums(self, node: Apply[Any]) -> None:
        names = []
        for variable in node.inputs:
            if variable not in self.vectors and not isinstance(variable.type, ScalarType):
                raise NotImplementedError(f"{variable} is made anew at each point.")
            names.append(self.vectors[variable] if variable in self.vectors else self._number(variable))
        # of data alone, once for all points
        once = all(name.startswith("d") for name, kind in zip(names, node.op.kinds, strict=False) if kind != "number")
        (self.checks if once else self.code.lines).extend(checked_rows(node.op, names))
        add_row_sums(self.code, node, names)

    def _add_reduction(self, node: Apply[Any]) -> None:
        """Put a few numbers together."""
        [inner] = [inner for inner in node.op.fgraph.apply_nodes if isinstance(inner.op, CAReduce)]
        sign, numbers = REDUCTIONS.get(type(inner.op.scalar_op)), self.numbers.get(node.inputs[0])
        if sign is None or not numbers or inner.inputs[0].type.dtype not in ("bool", "float64"):
            raise NotImplementedError(f"{node.op} is not known.")
        name = self.code.names[node.outputs[0]] = self.code.new_name()
        self.code.lines.append(f"{name} = {reduce(lambda a, b: a + sign + b, numbers)}")

    def _stored(self, name: str, output: Graph) -> list[str]:
        """Return lines that write an output of a point."""
        if output in self.numbers:
            return [f"{name}[g, {j}] = {number}" for j, number in enumerate(self.numbers[output])]
        return [f"{name}[g] = {self._number(output)}"]


def _whole_numbers(idx_list: Sequence[Any], indices: Sequence[Graph]) -> list[Any]:
    """Return an index with its constants put in; NotImplementedError where one is no constant."""
    if not all(isinstance(v, Constant) for v in indices):
        raise NotImplementedError("An index is no constant.")
    values = [int(v.data) for v in indices]

    def value(entry: Any) -> Any:
        return None if entry is None else values[entry]

    return [
        slice(value(entry.start), value(entry.stop), value(entry.step)) if isinstance(entry, slice) else value(entry)
        for entry in idx_list
    ]


@intrinsic
def _uncounted(typing_context: Any, array: Any) -> tuple[Any, Callable[..., Any]]:
    """Return the same array without a count of references, which costs 5 ns an array, an Op and a point."""

    # whoever called the loop holds the array meanwhile
    def generate(context: Any, builder: Any, signature: Any, arguments: Sequence[Any]) -> Any:
        kind = signature.return_type
        make: Any = make_array(kind)  # type: ignore[no-untyped-call]
        given, made = make(context, builder, arguments[0]), make(context, builder)
        shape, strides = (unpack_tuple(builder, v, kind.ndim) for v in (given.shape, given.strides))  # type: ignore[no-untyped-call]
        populate_array(made, given.data, shape, strides, given.itemsize, None)  # type: ignore[no-untyped-call]
        return made._getvalue()

    return array(array), generate
