"""A name for graphs that says all of them: Ops with what they are made of, types, and every number of the constants.

Two graphs of one name are the same function, written in the same way. A graph with an Op that is not PyTensor's, PyMC's
or ours, or whose parts cannot be named, has no name.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pymc
import pytensor
import scipy
from pytensor.compile.ops import FromFunctionOp
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Constant
from pytensor.graph.traversal import toposort
from pytensor.misc.frozendict import frozendict

import pymc_landscape
from pymc_landscape._typing import Array, Graph

# Whose classes and functions are known by their names, and by the versions of these packages.
PACKAGES = ("pytensor", "pymc", "pymc_landscape", "numpy", "builtins")
# Whose source, where it changes, changes what is written of a graph.
OF_GRAPHS = ("engine", "engine/interpreter", "model", "model/reduction", "objective/evaluators")
# What an Op with an inner graph says of that, beside it.
OF_INNER_GRAPH = ("fgraph", "inputs", "outputs", "input_types", "output_types", "kwargs")
# Graphs with more bytes of constants are not named: to read them would take as long as to rewrite.
MOST_BYTES = 2**26


class NamelessError(ValueError):
    """Something in a graph cannot be named."""


def digest_of(inputs: Sequence[Graph], graphs: Sequence[Graph], *besides: object) -> str | None:
    """Return a name for graphs of some inputs; None where there is none.

    Parameters
    ----------
    inputs : sequence of Graph
        Known by their order and their types.
    graphs : sequence of Graph
        What is named.
    *besides : object
        Numbers, text and tuples of these that belong to the name.
    """
    try:
        return _digest(inputs, graphs, (_versions(), pytensor.config.floatX, besides))
    except NamelessError:
        return None


def name_of_graphs(graphs: Sequence[Graph]) -> str:
    """Return a name for graphs, whatever the versions of what runs them and however large they are.

    Of an Op that cannot be named, the class stands for it: other graphs may have this name too then.

    Parameters
    ----------
    graphs : sequence of Graph
        What is named; shared variables by their types and shapes.
    """
    return _digest([], graphs, (), is_strict=False)


def leaves_of(inputs: Sequence[Graph], graphs: Sequence[Graph]) -> list[Graph]:
    """Return the constants and the shared variables of graphs, each once, in an order that their name implies."""
    used = [*(v for node in toposort(graphs) for v in node.inputs), *graphs]
    return [v for v in dict.fromkeys(used) if v.owner is None and v not in set(inputs)]


def _digest(inputs: Sequence[Graph], graphs: Sequence[Graph], besides: object, is_strict: bool = True) -> str:
    leaves = leaves_of(inputs, graphs)
    parts = _parts if is_strict else _parts_or_class
    if is_strict and sum(getattr(v.data, "nbytes", 0) for v in leaves if isinstance(v, Constant)) > MOST_BYTES:
        raise NamelessError
    digest = blake2b(repr(_parts(besides)).encode(), digest_size=20)
    digest.update(repr([*(parts(v.type) for v in inputs), *(_leaf(v, parts) for v in leaves)]).encode())
    numbers = {v: i for i, v in enumerate((*inputs, *leaves))}
    for node in toposort(graphs):
        digest.update(repr((parts(node.op), [numbers[v] for v in node.inputs], len(node.outputs))).encode())
        for output in node.outputs:
            numbers[output] = len(numbers)
    digest.update(repr([numbers[v] for v in graphs]).encode())
    return digest.hexdigest()


def _leaf(variable: Graph, parts: Callable[[Any], object]) -> object:
    if isinstance(variable, SharedVariable):
        return parts(variable.type), np.shape(variable.get_value(borrow=True))
    if not isinstance(variable, Constant):
        if parts is _parts:
            raise NamelessError
        return parts(variable.type)
    return parts(variable.type), parts(variable.data)


def _parts_or_class(value: Any) -> object:
    """Return what a value is made of; where that cannot be said, its class, and the graph that it holds."""
    try:
        return _parts(value)
    except NamelessError:
        inner = getattr(value, "fgraph", None)
        graph = _digest(inner.inputs, inner.outputs, (), is_strict=False) if inner is not None else ""
        return type(value).__module__, type(value).__qualname__, graph


@cache
def _versions() -> tuple[Any, ...]:
    """Return the versions of what rewrites and runs graphs, and the state of our own source."""
    room = Path(pymc_landscape.__file__).parent
    files = [entry for own in OF_GRAPHS for entry in os.scandir(room / own) if entry.name.endswith(".py")]
    ours = sorted((entry.path, (stat := entry.stat()).st_size, stat.st_mtime_ns) for entry in files)
    return pytensor.__version__, pymc.__version__, np.__version__, scipy.__version__, tuple(ours)


def _parts(value: Any) -> object:
    """Return what a value is made of, as numbers, text and tuples."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple | list):
        return type(value).__name__, [_parts(part) for part in value]
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, _contents(value)
    if isinstance(value, np.generic):
        return value.dtype.str, value.tobytes()
    if isinstance(value, np.dtype):
        return "dtype", value.str
    if isinstance(value, slice):
        return "slice", [_parts(part) for part in (value.start, value.stop, value.step)]
    if isinstance(value, dict | frozendict):
        return "dict", [(_parts(key), _parts(part)) for key, part in value.items()]
    if isinstance(value, type) or hasattr(value, "__code__"):
        return _named(value)
    return _of_object(value)


def _named(value: Any) -> tuple[str, str]:
    """Return the name of a class or of a function of a module."""
    module, name = value.__module__, value.__qualname__
    if module.split(".")[0] not in PACKAGES or "<" in name:
        raise NamelessError
    return module, name


def _of_object(value: Any) -> object:
    """Return class and parts of an Op, a type, or a part of one."""
    if isinstance(value, FromFunctionOp):
        raise NamelessError
    inner = getattr(value, "fgraph", None)
    graph = _digest(inner.inputs, inner.outputs, ()) if inner is not None else ""
    if hasattr(value, "_props"):  # PyTensor itself takes Ops with the same ones for the same: loops of two kinds, too
        parts = [_parts(part) for part in value._props() if part is not inner]
        return _named(type(value)), graph, parts, getattr(value, "is_while", None)
    if not hasattr(value, "__dict__"):
        raise NamelessError
    own = vars(value)
    if graph:  # what an Op keeps of its inner graph once it was differentiated is said by that graph
        own = {name: part for name, part in own.items() if name not in OF_INNER_GRAPH and not name.startswith("_")}
    return _named(type(value)), graph, [(name, _parts(own[name])) for name in sorted(own)]


def _contents(array: Array) -> str:
    """Return a name for the numbers of an array, and how they lie in memory."""
    if array.dtype.hasobject:
        raise NamelessError
    by_column = array.flags.f_contiguous and not array.flags.c_contiguous
    whole = np.ascontiguousarray(array.T if by_column else array)
    return ("F" if by_column else "C") + blake2b(whole.reshape(-1).view(np.uint8)).hexdigest()
