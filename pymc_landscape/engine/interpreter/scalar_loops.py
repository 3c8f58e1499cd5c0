"""A loop that PyTensor makes for each element by itself, made for all elements at once.

The derivatives of incomplete gamma and beta functions and of 2F1 by their parameters are series, each summed until its
own terms vanish. Number by number in Python, a term takes as long as a thousand elements of one do in NumPy, by
`loop_of_elements`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytensor.scalar.loop import ScalarLoop
from pytensor.tensor.basic import constant
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.type import vector

from pymc_landscape._typing import Graph


def is_scalar_loop(op: Any) -> bool:
    """Whether an Op is a loop over numbers, for each element of arrays."""
    return isinstance(op, Elemwise) and isinstance(op.scalar_op, ScalarLoop)


def graphs_of_step(op: Elemwise) -> tuple[list[Graph], list[Graph]]:
    """Return inputs and outputs of one step of such a loop, as graphs of vectors: an element each."""
    numbers = op.scalar_op.fgraph
    inputs = [vector(dtype=v.type.dtype) for v in numbers.inputs]
    return inputs, elementwise(numbers, inputs)


def elementwise(numbers: Any, arrays: Sequence[Graph]) -> list[Graph]:
    """Return a graph of numbers as one of arrays, element by element.

    Parameters
    ----------
    numbers : FunctionGraph
        Of scalar Ops alone.
    arrays : sequence of Graph
        In place of its inputs.
    """
    known: dict[Any, Graph] = dict(zip(numbers.inputs, arrays, strict=True))
    for node in numbers.toposort():
        known |= zip(node.outputs, Elemwise(node.op).make_node(*_known(node.inputs, known)).outputs, strict=True)
    return _known(numbers.outputs, known)


def _known(numbers: Sequence[Any], known: dict[Any, Graph]) -> list[Graph]:
    """Return the arrays of numbers; all others are constants."""
    return [known[v] if v in known else constant(v.data) for v in numbers]


def source_of_step(op: Elemwise) -> str:
    """Return the lines of a function, ``loop``, that calls ``step``."""
    names = ", ".join(f"x{i}" for i in range(len(op.scalar_op.fgraph.inputs)))
    return f"def loop({names}):\n    return step({names})"


def states_of(op: Elemwise) -> tuple[str, str]:
    """Return in words how many of the inputs are states, and whether elements can be done before their last step."""
    is_while = bool(op.scalar_op.is_while)
    return str(len(op.scalar_op.outputs) - is_while), str(is_while)
