"""Programs: lines of NumPy, and the values they refer to, described so that these can be made again."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from types import CodeType, MappingProxyType
from typing import Any, cast
from weakref import WeakValueDictionary

import numpy as np
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Apply, Constant
from pytensor.graph.op import Op
from pytensor.scalar.basic import ScalarType
from pytensor.tensor.type import TensorType

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array, Graph
from pymc_landscape.numerics import special_function

# Functions of arrays that are looked up by name, beside NumPy's and SciPy's universal functions, and all of the module
# that has nothing else.
ARRAY_FUNCTIONS, BACKEND = (__name__.replace("programs", own) for own in ("array_functions", "python_backend"))
FUNCTIONS = {
    "numpy": ("where", "full", "dot"),
    "scipy.special": (),
    "functools": ("reduce",),
    ARRAY_FUNCTIONS: (),
    BACKEND: ("_with_set", "_with_added", "_of_shape", "_joined", "_cut", "_set_in_each"),
}
# Descriptions of arrays.
ARRAYS = ("leaf", "transpose", "rows", "columns", "number")
# Whose Ops are made again from their attributes.
OF_OPS = ("pytensor", "pymc", "pymc_landscape")
# Numbers that are no data of the graph, but came of it, in bytes.
MOST_BYTES = 2**24


def in_order(ring: Array, n_written: int) -> Array:
    """Return a ring with its last entry at the end; what no step has written is 0."""
    if n_written > len(ring):
        return np.roll(ring, -(n_written % len(ring)), axis=0)
    ring[n_written:] = 0
    return ring


_BY_ROWS: WeakValueDictionary[tuple[Any, ...], Array] = WeakValueDictionary()


def by_rows(columns: Array) -> Array:
    """Return a copy that lies row by row in memory: one for all programs that hold the same array."""
    place = _place_of(columns)  # what holds the copy holds the array as well: no other comes to lie there
    found = _BY_ROWS.get(place)
    if found is None:
        found = _BY_ROWS[place] = np.ascontiguousarray(columns)
    return found


def _place_of(array: Array) -> tuple[Any, ...]:
    """Return where an array lies, and how."""
    return array.__array_interface__["data"][0], array.shape, array.strides, array.dtype.str


# What lines name beside their values; and what those of a loop do.
OF_LINES: Mapping[str, Any] = MappingProxyType(
    {"__builtins__": {}, "slice": slice, "asarray": np.asarray, "by_rows": by_rows, "float64": np.float64}
)
_NUMPY = {"array": np.array, "zeros": np.zeros, "empty": np.empty, "shape": np.shape, "in_order": in_order}
OF_LOOPS: Mapping[str, Any] = MappingProxyType(
    {"__builtins__": {}, "int": int, "float": float, "len": len, "range": range, **_NUMPY}
)


class IndescribableError(ValueError):
    """A value of a program cannot be described."""


@functools.lru_cache(maxsize=8)
def compiled(source: str) -> CodeType:
    """Compile lines: once where they are looked at before they are run."""
    return compile(source, "<lines of NumPy>", "exec", dont_inherit=True)


@dataclass(frozen=True)
class StraightLine:
    """The source of a function, and the values by name that its lines refer to."""

    source: str
    values: dict[str, Any]

    def function(self) -> Callable[..., Any]:
        """Return the function."""
        names = {**OF_LINES, **self.values}
        exec(compiled(self.source), names)
        return cast(Callable[..., Any], names["function"])


class Performed:
    """A call of an Op itself, which wants arrays where NumPy's functions leave numbers."""

    def __init__(self, node: Apply[Any]):
        self.node, self._perform, self._n = node, node.op.perform, len(node.outputs)
        types = [v.type for v in node.inputs]
        self._numbers = [i for i, kind in enumerate(types) if isinstance(kind, TensorType) and kind.ndim == 0]

    def __call__(self, *values: Any) -> Any:
        """Return the output, or the list of them."""
        inputs = list(values)
        for i in self._numbers:
            inputs[i] = np.asarray(inputs[i])
        storage: list[list[Any]] = [[None] for _ in range(self._n)]
        self._perform(self.node, inputs, storage)
        return storage[0][0] if self._n == 1 else [cell[0] for cell in storage]


class Loop:
    """A loop: its lines, the function ``loop`` which calls ``step``, and the lines of a step, or a function.

    Parameters
    ----------
    source : str
        Lines.
    step : StraightLine or callable
        From the inputs of one step to a sequence of its outputs.
    """

    def __init__(self, source: str, step: StraightLine | Callable[..., Any]):
        self.source, self.step = source, step
        names = {**OF_LOOPS, "step": step.function() if isinstance(step, StraightLine) else step}
        exec(compiled(source), names)
        self._call: Callable[..., Any] = names["loop"]

    def __call__(self, *values: Any) -> Any:
        """Return what comes of the loop."""
        return self._call(*values)


class Descriptions:
    """Descriptions of values, and values from them.

    Parameters
    ----------
    leaves : sequence of Graph
        Constants and shared variables of the graphs, by place.
    numbers : bytes, optional
        The arrays of a file.
    """

    def __init__(self, leaves: Sequence[Graph], numbers: bytes | None = None):
        self.leaves = leaves
        self.numbers: Any = bytearray() if numbers is None else numbers

    def described(self, value: Any) -> list[Any]:
        """Return a description that JSON can hold.

        Raises
        ------
        IndescribableError
            If there is none.
        """
        if isinstance(value, Performed):
            node = value.node
            types = [[_type_in_words(v.type) for v in side] for side in (node.inputs, node.outputs)]
            return ["op", self._op(node.op), *types]
        if isinstance(value, Loop):
            return self._loop(value)
        if isinstance(value, list) and len(value) == 1:  # the cell of a shared variable
            return ["cell", self._place(lambda v: isinstance(v, SharedVariable) and v.container.storage is value)]
        if isinstance(value, np.ndarray | np.generic):
            return self._array(value)
        if getattr(value, "__name__", "") == "reduce" and isinstance(getattr(value, "__self__", None), np.ufunc):
            return ["reduction", *_function_in_words(value.__self__)]
        if callable(value):
            return ["function", *_function_in_words(value)]
        return ["plain", self._plain(value)]

    def _place(self, is_wanted: Any) -> int:
        found = next((i for i, v in enumerate(self.leaves) if is_wanted(v)), None)
        if found is None:
            raise IndescribableError
        return found

    def _array(self, value: Any) -> list[Any]:
        for i, leaf in enumerate(self.leaves):
            if isinstance(leaf, Constant) and leaf.data is value:
                return ["leaf", i]
            arrays = isinstance(leaf, Constant) and isinstance(leaf.data, np.ndarray) and isinstance(value, np.ndarray)
            if arrays and _place_of(value) == _place_of(leaf.data.T):
                return ["transpose", i]
        if value.dtype.hasobject or len(self.numbers) + value.nbytes > MOST_BYTES:
            raise IndescribableError
        by_column = isinstance(value, np.ndarray) and value.flags.f_contiguous and not value.flags.c_contiguous
        first, array = len(self.numbers), np.ascontiguousarray(value.T if by_column else value)
        self.numbers += array.tobytes()
        kind = "number" if isinstance(value, np.generic) else "columns" if by_column else "rows"
        return [kind, value.dtype.str, list(np.shape(value)), first]

    def _loop(self, loop: Loop) -> list[Any]:
        if not isinstance(loop.step, StraightLine):
            raise IndescribableError
        values = {name: self.described(value) for name, value in loop.step.values.items()}
        return ["loop", loop.source, loop.step.source, values]

    def _op(self, op: Op) -> list[Any]:
        return [type(op).__module__, type(op).__qualname__, {name: self._plain(v) for name, v in vars(op).items()}]

    def _plain(self, value: Any) -> Any:
        """Return what is no array: JSON's own values as they are, all else as a dict of one entry."""
        if value is None or type(value) in (bool, int, float, str):
            return value
        if isinstance(value, tuple | list):
            return {type(value).__name__: [self._plain(part) for part in value]}
        if type(value) is dict:
            return {"dict": [[self._plain(key), self._plain(part)] for key, part in value.items()]}
        if isinstance(value, slice):
            return {"slice": [self._plain(part) for part in (value.start, value.stop, value.step)]}
        if isinstance(value, np.dtype):
            return {"dtype": value.str}
        if isinstance(value, np.ndarray | np.generic):
            return {"array": self._array(value)}
        if isinstance(value, ScalarType):
            return {"scalar": value.dtype}
        if isinstance(value, Op) and type(value).__module__.split(".")[0] in OF_OPS and not hasattr(value, "fgraph"):
            return {"op": self._op(value)}
        if isinstance(value, type):
            return {"exception": _exception_in_words(value)}
        if callable(value):
            return {"function": _function_in_words(value)}
        raise IndescribableError

    def value(self, described: Sequence[Any]) -> Any:
        """Return what a description says.

        Raises
        ------
        IndescribableError
            If it says nothing that there is.
        """
        kind, *rest = described
        if kind == "leaf":
            return self.leaves[rest[0]].data
        if kind == "transpose":
            return self.leaves[rest[0]].data.T
        if kind == "cell":
            return self.leaves[rest[0]].container.storage
        if kind in ("rows", "columns", "number"):
            return self._from_bytes(kind, *rest)
        if kind == "function":
            return _function(*rest)
        if kind == "reduction":
            return _function(*rest).reduce
        if kind == "op":
            return self._performed(*rest)
        if kind == "loop":
            return self._made_loop(*rest)
        return self._made(rest[0])

    def _from_bytes(self, kind: str, dtype: str, shape: Sequence[int], first: int) -> Any:
        n = int(np.prod(shape, dtype=int))
        flat: Array = np.frombuffer(self.numbers, dtype=np.dtype(dtype), count=n, offset=first).copy()
        if kind == "number":
            return flat[0]
        return flat.reshape(shape[::-1]).T if kind == "columns" else flat.reshape(shape)

    def _performed(self, op: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any]) -> Performed:
        made = self._made_op(*op)
        node: Apply[Any] = Apply(made, [_type(*v)() for v in inputs], [_type(*v)() for v in outputs])
        made.prepare_node(node, None, None, "py")
        return Performed(node)

    def _made_loop(self, source: str, of_step: str, values: Mapping[str, Sequence[Any]]) -> Loop:
        return Loop(source, StraightLine(of_step, {name: self.value(described) for name, described in values.items()}))

    def _made_op(self, module: str, name: str, attributes: Mapping[str, Any]) -> Any:
        if module.split(".")[0] not in OF_OPS:
            raise IndescribableError
        kind = functools.reduce(getattr, name.split("."), import_module(module))
        if not (isinstance(kind, type) and issubclass(kind, Op)):
            raise IndescribableError
        made = object.__new__(kind)
        vars(made).update({key: self._made(part) for key, part in attributes.items()})
        return made

    def _made_array(self, described: Sequence[Any]) -> Any:
        if described[0] not in ARRAYS:
            raise IndescribableError
        return self.value(described)

    def _made(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        ((kind, part),) = value.items()
        makers: dict[str, Any] = {
            "tuple": lambda: tuple(self._made(each) for each in part),
            "list": lambda: [self._made(each) for each in part],
            "dict": lambda: {self._made(key): self._made(each) for key, each in part},
            "slice": lambda: slice(*(self._made(each) for each in part)),
            "dtype": lambda: np.dtype(part),
            "array": lambda: self._made_array(part),
            "scalar": lambda: ScalarType(part),
            "op": lambda: self._made_op(*part),
            "exception": lambda: _exception(*part),
            "function": lambda: _function(*part),
        }
        return makers[kind]()


def _function_in_words(value: Any) -> list[str]:
    name = getattr(value, "__name__", "")
    for module in FUNCTIONS:
        if module in sys.modules and getattr(sys.modules[module], name, None) is value and _is_known(module, value):
            return [module, name]
    raise IndescribableError


def _function(module: str, name: str) -> Any:
    is_listed = module in FUNCTIONS
    found = special_function(name) if module == "scipy.special" else is_listed and getattr(import_module(module), name)
    if not _is_known(module, found):
        raise IndescribableError
    return found


def _is_known(module: str, function: Any) -> bool:
    own = module == ARRAY_FUNCTIONS and getattr(function, "__module__", "") == module
    return isinstance(function, np.ufunc) or own or getattr(function, "__name__", "") in FUNCTIONS.get(module, ())


def _exception_in_words(value: type) -> list[str]:
    if _exception(value.__module__, value.__qualname__) is not value:
        raise IndescribableError
    return [value.__module__, value.__qualname__]


def _exception(module: str, name: str) -> type[Exception]:
    """Return what an Op that checks something raises."""
    if module.split(".")[0] not in ("builtins", *OF_OPS):
        raise IndescribableError
    kind = getattr(import_module(module), name, None)
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        raise IndescribableError
    return kind


def _type_in_words(kind: Any) -> list[Any]:
    if type(kind) is ScalarType:
        return [kind.dtype, None]
    if type(kind) is not TensorType:
        raise IndescribableError
    return [kind.dtype, list(kind.shape)]


def _type(dtype: str, shape: Sequence[int | None] | None) -> TensorType | ScalarType:
    return ScalarType(dtype) if shape is None else TensorType(dtype, tuple(shape))
