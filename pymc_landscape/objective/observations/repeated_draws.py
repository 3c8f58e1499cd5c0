"""A function that draws random numbers, called with many seeds and otherwise the same arguments.

What does not depend on random numbers is evaluated once. What does is evaluated node by node without an interpreter
around it: a data set of a few numbers would otherwise take ten times as long as its random numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Apply, Constant
from pytensor.tensor.random.op import RandomVariable

from pymc_landscape._typing import Array, Graph
from pymc_landscape.engine import draw_by_numpy, is_plain, performed

Draw = Callable[[int], list[NDArray[Any]]]


def repeated_draws(function: Any, rngs: Sequence[SharedVariable], n_outputs: int, vector: Array) -> Draw | None:
    """Return what a compiled function draws at `vector` as a function of the seed; None where it has to be called.

    Parameters
    ----------
    function : pytensor.compile.Function
        Of one vector, in the interpreter's mode: nothing in it works in place.
    rngs : sequence of SharedVariable
        Its generators, in the order in which PyMC seeds them.
    n_outputs : int
        How many outputs it has, before the generators' own next states.
    vector : array (k,)
        The argument.
    """
    fgraph = function.maker.fgraph
    nodes = fgraph.toposort()
    if not all(is_plain(node) for node in nodes):
        return None
    values: dict[Graph, Any] = {}
    generators: dict[Graph, int] = {}
    places = {id(rng.container.storage): i for i, rng in enumerate(rngs)}
    for variable, container in zip(fgraph.inputs, function.input_storage, strict=True):
        if id(container.storage) in places:
            generators[variable] = places[id(container.storage)]
        else:
            values[variable] = vector if variable is fgraph.inputs[0] else container.storage[0]
    random = [node for node in nodes if not _evaluated(node, values)]
    steps = [_Step(node, fgraph.clients) for node in random]
    return _Draws(fgraph.outputs[:n_outputs], steps, values, generators, len(rngs))


def _evaluated(node: Apply[Any], values: dict[Graph, Any]) -> bool:
    """Evaluate a node, if all that it takes is known."""
    if not all(isinstance(v, Constant) or v in values for v in node.inputs):
        return False
    values.update(zip(node.outputs, performed(node, [_value(v, values) for v in node.inputs]), strict=True))
    return True


def _value(variable: Graph, values: dict[Graph, Any]) -> Any:
    return variable.data if isinstance(variable, Constant) else values[variable]


class _Step:
    """One node that depends on random numbers."""

    def __init__(self, node: Apply[Any], clients: Any):
        self.node = node
        # a generator that nobody else reads need not be copied before it is drawn from
        alone = all(len(clients[v]) == 1 for v in node.inputs[:1])
        self.draws = isinstance(node.op, RandomVariable) and alone

    def __call__(self, values: dict[Graph, Any]) -> None:
        """Evaluate it."""
        inputs = [_value(v, values) for v in self.node.inputs]
        if not self.draws:
            values.update(zip(self.node.outputs, performed(self.node, inputs), strict=True))
            return
        op, (rng, size, *arguments) = self.node.op, inputs
        drawn = draw_by_numpy(op, rng, arguments, size)
        if drawn is None:
            drawn = np.asarray(op.rng_fn(rng, *arguments, None if size is None else tuple(size)), dtype=op.dtype)
        values[self.node.outputs[0]], values[self.node.outputs[1]] = rng, drawn


class _Draws:
    """The function of the seed."""

    def __init__(
        self,
        outputs: Sequence[Graph],
        steps: Sequence[_Step],
        known: dict[Graph, Any],
        generators: dict[Graph, int],
        n_generators: int,
    ):
        self.outputs, self.steps, self.known = outputs, steps, known
        self.generators, self.n_generators = generators, n_generators

    def __call__(self, seed: int) -> list[NDArray[Any]]:
        """Draw, with the generators that PyMC makes of the seed."""
        seeds = np.random.SeedSequence(seed).spawn(self.n_generators)
        values = dict(self.known)
        for variable, i in self.generators.items():
            values[variable] = np.random.Generator(np.random.PCG64(seeds[i]))
        for step in self.steps:
            step(values)
        return [np.asarray(_value(output, values)) for output in self.outputs]
