"""Values of programs in words and numbers, and made again from these; and lines that others have left.

A function is described by its name, an array by its bytes or by its place in the graph, an Op by its class and its
plain attributes, a loop by its lines. Lines that do more than to compute arrays from arrays are refused.
"""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Apply, Constant
from pytensor.graph.op import Op
from pytensor.scalar.basic import ScalarType
from pytensor.tensor.type import TensorType

from pymc_landscape._typing import Array, Graph
from pymc_landscape.engine.interpreter.programs import OF_LINES, OF_LOOPS, Loop, Performed, StraightLine

# Where functions are looked up by name.
INTERPRETER = __name__.rpartition(".")[0]
OWN = tuple(f"{INTERPRETER}.{module}" for module in ("array_functions", "python_backend"))
FUNCTIONS = ("numpy", "scipy.special", "functools", *OWN)
# Whose Ops are made again from their attributes.
OF_OPS = ("pytensor", "pymc", "pymc_landscape")
# Numbers that are no data of the graph, but came of it, in bytes.
MOST_BYTES = 2**24
# What lines of NumPy are made of, and loops beside it; and the methods and attributes of arrays that they read.
SYNTAX = (
    *(ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Assign, ast.Delete, ast.Return, ast.Name, ast.Constant),
    *(ast.Load, ast.Store, ast.Del, ast.Tuple, ast.List, ast.Call, ast.Attribute, ast.Subscript, ast.Slice),
    *(ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.UnaryOp, ast.USub),
)
LOOP_SYNTAX = (*SYNTAX, ast.For, ast.If, ast.Compare, ast.Eq, ast.Mod, ast.Starred)
METHODS = {"squeeze", "transpose", "astype", "reshape", "copy"}
LOOP_METHODS = {"tolist", "dtype"}


class IndescribableError(ValueError):
    """A value of a program cannot be described."""


class Descriptions:
    """Descriptions of values, and values from them.

    Parameters
    ----------
    leaves : sequence of Graph
        Constants and shared variables of the graphs, by place.
    numbers : bytes, optional
        The arrays of a file.

    Attributes
    ----------
    numbers : bytearray or bytes
        Arrays one behind the other.
    """

    def __init__(self, leaves: Sequence[Graph], numbers: bytes | None = None):
        self.leaves = leaves
        self.numbers: Any = bytearray() if numbers is None else numbers

    # --- to words ----------------------------------------------------------------------------------------------------

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
            if isinstance(leaf, Constant) and _is_transpose(value, leaf.data):
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

    # --- and back ----------------------------------------------------------------------------------------------------

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
        refuse_other_than_lines(source, ["step"], is_loop=True)
        refuse_other_than_lines(of_step, values)
        return Loop(source, StraightLine(of_step, {name: self.value(described) for name, described in values.items()}))

    def _made_op(self, module: str, name: str, attributes: Mapping[str, Any]) -> Any:
        kind = functools.reduce(getattr, name.split("."), import_module(module))
        if module.split(".")[0] not in OF_OPS or not (isinstance(kind, type) and issubclass(kind, Op)):
            raise IndescribableError
        made = object.__new__(kind)
        vars(made).update({key: self._made(part) for key, part in attributes.items()})
        return made

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
            "array": lambda: self.value(part),
            "scalar": lambda: ScalarType(part),
            "op": lambda: self._made_op(*part),
            "exception": lambda: _exception(*part),
            "function": lambda: _function(*part),
        }
        return makers[kind]()


def _is_transpose(value: Any, of: Any) -> bool:
    """Whether an array is a view of another, with its axes the other way round."""
    if not (isinstance(value, np.ndarray) and isinstance(of, np.ndarray)) or value.dtype != of.dtype:
        return False
    turned = of.T
    same_place = value.__array_interface__["data"][0] == turned.__array_interface__["data"][0]
    return same_place and value.shape == turned.shape and value.strides == turned.strides


def _function_in_words(value: Any) -> list[str]:
    name = getattr(value, "__name__", "")
    for module in FUNCTIONS:
        if module in sys.modules and getattr(sys.modules[module], name, None) is value:
            return [module, name]
    raise IndescribableError


def _function(module: str, name: str) -> Any:
    if module not in FUNCTIONS:
        raise IndescribableError
    return getattr(import_module(module), name)


def _exception_in_words(value: type) -> list[str]:
    words = [value.__module__, value.__qualname__]
    if _exception(*words) is not value:
        raise IndescribableError
    return words


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


def refuse_other_than_lines(source: str, values: Iterable[str], *, is_loop: bool = False) -> None:
    """Refuse source that does more than to compute arrays from arrays.

    Parameters
    ----------
    source : str
        Lines.
    values : iterable of str
        What they name beside what they make.
    is_loop : bool
        Whether they may be repeated.

    Raises
    ------
    IndescribableError
        If they do more, or name something else.
    """
    syntax, attributes = (LOOP_SYNTAX, METHODS | LOOP_METHODS) if is_loop else (SYNTAX, METHODS)
    known, named = {*values, *(OF_LOOPS if is_loop else OF_LINES)}, set[str]()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, syntax) or (isinstance(node, ast.Attribute) and node.attr not in attributes):
            raise IndescribableError(f"Expected lines of NumPy, got {ast.unparse(node)!r}.")
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            named.add(node.id)
        elif isinstance(node, ast.Name | ast.arg):
            known.add(node.id if isinstance(node, ast.Name) else node.arg)
    if unknown := [name for name in named if name not in known or name.startswith("_")]:
        raise IndescribableError(f"Expected lines that name their values, got {unknown[0]!r}.")
