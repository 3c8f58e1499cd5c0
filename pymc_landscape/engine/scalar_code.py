"""Graphs of numbers as lines of Python that numba compiles as one function.

PyTensor makes a function for each Op, which numba types, lowers and optimises one by one: that takes most of the time
of compiling a small kernel. Arithmetic is written as arithmetic here, in one function; an Op that has no sign of its
own is called as PyTensor writes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from itertools import count
from typing import Any

import numpy as np
from pytensor import scalar as ps
from pytensor.graph.basic import Apply, Constant
from pytensor.link.numba.dispatch.basic import numba_funcify_and_cache_key
from pytensor.scalar.math import Log1mexp, Sigmoid, Softplus

from pymc_landscape._typing import Graph
from pymc_landscape.engine import elementary_functions

# Types of numbers that Python's own arithmetic keeps; what an Op computes in others is left to PyTensor.
TYPES = ("float64", "bool", "int64")
# Ops between numbers that have a sign, and how it is written.
SIGNS = {ps.Add: " + ", ps.Mul: " * ", ps.Sub: " - ", ps.TrueDiv: " / "}
COMPARISONS = {ps.LT: " < ", ps.GT: " > ", ps.LE: " <= ", ps.GE: " >= ", ps.EQ: " == ", ps.NEQ: " != "}
LOGICAL = {ps.AND: " & ", ps.OR: " | "}
# Functions of one number, by name.
FUNCTIONS: dict[type, str] = {
    ps.Exp: "exp",
    ps.Expm1: "expm1",
    ps.Log: "log",
    ps.Log1p: "log1p",
    Sigmoid: "sigmoid",
    Softplus: "softplus",
    Log1mexp: "log1mexp",
    ps.Sqrt: "sqrt",
    ps.Abs: "abs",
    ps.Identity: "",
    ps.Cast: "",
    ps.Neg: "-",
}
NAMESPACE = {
    **{name: getattr(elementary_functions, name) for name in FUNCTIONS.values() if name in dir(elementary_functions)},
    "sqrt": np.sqrt,
    "inf": np.inf,
    "nan": np.nan,
}


class ScalarCode:
    """Lines that compute numbers from numbers, and what they refer to.

    Parameters
    ----------
    around : ScalarCode, optional
        The code inside which these lines will stand; they share names, and what they call.

    Attributes
    ----------
    lines : list of str
        Assignments, in an order in which they can be made.
    names : dict of Graph to str
        How variables are written.
    functions : dict of str to callable
        What the lines call beside `NAMESPACE`.
    keys : list of (str or None)
        What tells such functions from others, between processes; None where nothing does.
    """

    def __init__(self, around: ScalarCode | None = None) -> None:
        self.lines: list[str] = []
        self.names: dict[Graph, str] = {}
        self.functions: dict[str, Callable[..., Any]] = around.functions if around else {}
        self.keys: list[str | None] = around.keys if around else []
        self._numbers: Iterator[int] = around._numbers if around else count()

    def new_name(self) -> str:
        """Return a name that nothing has yet."""
        return f"v{next(self._numbers)}"

    def key(self, source: str) -> str | None:
        """Return what tells a function of this source from others, between processes; None where nothing does."""
        if None in self.keys:
            return None
        return sha256(f"{source} {self.keys}".encode()).hexdigest()

    def name(self, variable: Graph) -> str:
        """Return how a variable is written, or the number that it is."""
        if variable not in self.names and isinstance(variable, Constant):
            return _literal(variable.data)
        return self.names[variable]

    def add(self, node: Apply[Any], lines: list[str] | None = None) -> None:
        """Add the line of a scalar Op, or those of a composite one, to `lines` in place of its own.

        Raises
        ------
        NotImplementedError
            If it computes in a type that is none of `TYPES`.
        """
        if isinstance(node.op, ps.Composite):
            names = [self.name(v) for v in node.inputs]
            self.add_composite(node.op, names, node.outputs, [True] * len(names) if lines is not None else (), lines)
            return
        if any(variable.type.dtype not in TYPES for variable in node.outputs):
            raise NotImplementedError(f"{node.op} gives {node.outputs}.")
        self.names |= {variable: self.new_name() for variable in node.outputs}
        results = ", ".join(self.names[variable] for variable in node.outputs)
        (self.lines if lines is None else lines).append(f"{results} = {self._expression(node)}")

    def add_composite(
        self,
        op: Any,
        arguments: Sequence[str],
        outputs: Sequence[Graph],
        is_fixed: Sequence[bool] = (),
        fixed: list[str] | None = None,
    ) -> None:
        """Add the lines of a graph of scalar Ops.

        Parameters
        ----------
        op : Composite
            The Op.
        arguments : sequence of str
            How its inputs are written.
        outputs : sequence of Graph
            What gets the names of its outputs.
        is_fixed : sequence of bool
            Which of its inputs are the same in each round of a loop.
        fixed : list of str, optional
            Gets the lines that depend on such alone.
        """
        inner, outside = op.fgraph, self.names
        self.names = dict(zip(inner.inputs, arguments, strict=True))  # graphs of different Ops share their variables
        moving = {v for v, same in zip(inner.inputs, is_fixed, strict=False) if not same}
        for node in inner.toposort():
            stays = fixed is not None and moving.isdisjoint(node.inputs)
            moving.update(() if stays else node.outputs)
            self.add(node, fixed if stays else None)
        self.names = outside | {mine: self.name(theirs) for mine, theirs in zip(outputs, inner.outputs, strict=True)}

    def _expression(self, node: Apply[Any]) -> str:
        kind, promised = type(node.op), node.outputs[0].type.dtype
        names = [self.name(v) for v in node.inputs]
        if kind in COMPARISONS:
            return COMPARISONS[kind].join(names)
        if kind in LOGICAL and all(v.type.dtype == "bool" for v in node.inputs):
            return LOGICAL[kind].join(names)
        if promised == "float64":
            written = _of_floats(kind, names, node.inputs)
            if written is not None:
                return written
        return self._call(node, names)

    def _call(self, node: Apply[Any], names: Sequence[str]) -> str:
        """Call what PyTensor writes for an Op."""
        if any(v.type.dtype not in TYPES and not isinstance(v, Constant) for v in node.inputs):
            raise NotImplementedError(f"{node.op} takes {node.inputs}.")
        function, key = numba_funcify_and_cache_key(node.op, node=node)
        name = f"f{len(self.functions)}"
        self.functions[name] = function
        self.keys.append(key)
        return f"{name}({', '.join(names)})"


def _of_floats(kind: type, names: Sequence[str], variables: Sequence[Graph]) -> str | None:
    """Write an Op that gives a float, in floats; None where that is a function of PyTensor's own."""
    floats = [_as_float(name, variable) for name, variable in zip(names, variables, strict=True)]
    if kind in SIGNS:
        return SIGNS[kind].join(floats)
    if kind in FUNCTIONS:
        return f"{FUNCTIONS[kind]}({floats[0]})"
    if kind is ps.Switch:
        return f"{floats[1]} if {names[0]} else {floats[2]}"
    if kind is ps.Sqr:
        return f"{floats[0]} * {floats[0]}"
    return f"1.0 / {floats[0]}" if kind is ps.Reciprocal else None


def _as_float(name: str, variable: Graph) -> str:
    if isinstance(variable, Constant):
        return f"({float(variable.data)!r})"
    return name if variable.type.dtype == "float64" else f"float({name})"


def _literal(data: Any) -> str:
    """Write a number in parentheses, for its sign."""
    return f"({np.asarray(data).item()!r})"


def indented(lines: Sequence[str]) -> list[str]:
    """Return lines as the body of what stands before them."""
    return [f"    {line}" for line in lines]
