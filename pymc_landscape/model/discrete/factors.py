"""A density of discrete variables as a product of tables, an axis an element: what elimination sums over.

The rows of a log density that depend on one element, or on two, are wanted at all states of these. Elements that meet
in no row of it can take their states together. So the elements get *colours*, other ones where they meet, and the
density is written once at all states of the colours: at 3 states for the emissions of a hidden Markov chain of 3
states, and at 9 for its transitions, whatever its length.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.graph.fg import FunctionGraph
from pytensor.tensor.rewriting.basic import topo_constant_folding

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Graph
from pymc_landscape.model.discrete.dependence import Dependence, Numbers
from pymc_landscape.model.elimination import EliminationPlan, RepeatedGraph, TooWideError, repeated_graphs
from pymc_landscape.model.elimination import elimination_plan as order_of_elimination

# Joint states of all colours at which a density may be written, and rows at all of them.
MOST_WRITTEN, MOST_NUMBERS = 10_000, 30_000_000

States = Mapping[str, NDArray[np.int64]]
# Elements of a row by the place of their variable in the graph, and by their place in it.
Local = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Factors:
    """Tables whose sum is a log density.

    Parameters
    ----------
    plan : EliminationPlan
        In which order elements are summed out.
    tables : list of Graph
        Log tables (n, K₁, …, K_d).
    shapes : list of tuple of int
        Of the tables.
    """

    plan: EliminationPlan
    tables: list[Graph]
    shapes: list[tuple[int, ...]]


def factors_of(met: Dependence, graphs: Mapping[str, Graph], values: Mapping[str, Graph], states: States) -> Factors:
    """Write the rows of log densities as tables.

    Parameters
    ----------
    met : Dependence
        Which elements each row depends on.
    graphs : mapping of str to Graph
        Log densities.
    values : mapping of str to Graph
        What stands in them for each discrete variable.
    states : mapping of str to array
        What an element of each can be.

    Raises
    ------
    TooWideError
        If elements that meet have too many states together.
    """
    named = {graph: name for name, graph in values.items()}

    def are_alike(first: str, variables: tuple[Graph, ...], other: str, others: tuple[Graph, ...]) -> bool:
        own, theirs = ([named[v] for v in several] for several in (variables, others))
        same = all(np.array_equal(states[a], states[b]) for a, b in zip(own, theirs, strict=True))
        return same and _local_rows(met, first, own) == _local_rows(met, other, theirs)

    moving = {name: graph.ravel() for name, graph in graphs.items() if met.rows[name].any()}
    tables: dict[bytes, Graph] = {}  # those over the same elements are added up
    scopes: dict[bytes, Numbers] = {}
    for repeated in repeated_graphs(moving, list(values.values()), are_alike):
        for table, scope in _tables(repeated, met, named, states):
            key = scope.tobytes()
            tables[key] = tables[key] + table if key in tables and scopes[key].shape == scope.shape else table
            scopes[key] = scope
    counts = np.concatenate([np.full(met.elements[name].size, len(states[name])) for name in met.elements])
    plan = order_of_elimination(counts.tolist(), list(scopes.values()), met.components[1:])
    shapes = [(len(scope), *(int(counts[element]) for element in scope[0])) for scope in scopes.values()]
    return Factors(plan, _folded(list(tables.values())), shapes)


def _folded(graphs: list[Graph]) -> list[Graph]:
    """Write what depends on nothing but states, as indices do, as constants."""
    copied = FunctionGraph(outputs=graphs, clone=True, copy_inputs=False, copy_orphans=False)
    topo_constant_folding.rewrite(copied)
    return list(copied.outputs)


def _local_rows(met: Dependence, name: str, variables: Sequence[str]) -> list[Local]:
    """Return the elements of each row of a log density by their places, ascending."""
    place = {
        element: (p, i) for p, v in enumerate(variables) for i, element in enumerate(met.elements[v].ravel().tolist())
    }
    return [tuple(sorted(place[element] for element in scope)) for scope in met.scopes(name)]


def _tables(
    repeated: RepeatedGraph, met: Dependence, named: Mapping[Graph, str], states: States
) -> Iterator[tuple[Graph, Numbers]]:
    """Give the tables of a graph that is written N times, with the elements (N n, d) of their rows, counted from 0."""
    variables = [[named[v] for v in several] for several in repeated.variables]
    first = variables[0]
    rows = _local_rows(met, repeated.names[0], first)
    colours = _coloured(rows)
    counts = [0] * (max(colours.values()) + 1)
    for (p, _), colour in colours.items():
        counts[colour] = max(counts[colour], len(states[first[p]]))
    _refuse_many(rows, counts, len(repeated.names), first, met)
    written = repeated.at(list(_all_states(colours, counts, first, met, states)))
    n_repeated, shape = len(repeated.names), tuple(counts)
    written = written.reshape((n_repeated, *shape, len(rows)))
    for (used, sizes), members in _by_colours(rows, colours, first, states).items():
        index: list[Any] = [0] * len(shape)
        for colour, size in zip(used, sizes, strict=True):
            index[colour] = slice(None) if size == shape[colour] else slice(0, size)
        own = written[(slice(None), *index)]
        if len(members) < len(rows):
            own = own[..., np.array(members)]
        table = own.dimshuffle(0, own.type.ndim - 1, *range(1, own.type.ndim - 1)).reshape((-1, *sizes))
        local = [sorted(rows[r], key=colours.__getitem__) for r in members]
        numbers = [[met.elements[v].ravel() for v in several] for several in variables]
        yield table, np.array([[own[p][i] - 1 for p, i in row] for own in numbers for row in local], dtype=np.intp)


def _coloured(rows: Sequence[Local]) -> dict[tuple[int, int], int]:
    """Give elements colours, as few as may be, so that elements of a row have different ones."""
    near: dict[tuple[int, int], set[tuple[int, int]]] = {}
    for row in dict.fromkeys(rows):
        for element in row:
            near.setdefault(element, set()).update(row)
    colours: dict[tuple[int, int], int] = {}
    for start in near:
        waiting = [start]
        while waiting:
            element = waiting.pop()
            if element in colours:
                continue
            taken = {colours[other] for other in near[element] if other in colours}
            colours[element] = next(c for c in range(len(taken) + 1) if c not in taken)
            waiting += sorted(near[element] - colours.keys(), reverse=True)
    return colours


def _refuse_many(
    rows: Sequence[Local], counts: Sequence[int], times: int, first: Sequence[str], met: Dependence
) -> None:
    n = int(np.prod([float(c) for c in counts]))
    if n > MOST_WRITTEN or n * len(rows) * times > MOST_NUMBERS:
        widest = max(rows, key=len)
        raise TooWideError([int(met.elements[first[p]].ravel()[i]) - 1 for p, i in widest], n, in_one_row=True)


def _all_states(
    colours: Mapping[tuple[int, int], int],
    counts: Sequence[int],
    first: Sequence[str],
    met: Dependence,
    states: States,
) -> Iterator[Graph]:
    """Give what each variable (C, ...) is when the colours take all their states together."""
    digits = np.indices(tuple(counts)).reshape(len(counts), -1)
    for p, name in enumerate(first):
        own = np.array([colours.get((p, i), -1) for i in range(met.elements[name].size)])
        chosen = np.where(own < 0, 0, digits[own].T)
        known = states[name][np.minimum(chosen, len(states[name]) - 1)]
        yield pt.constant(known.reshape(-1, *met.elements[name].shape))


def _by_colours(
    rows: Sequence[Local], colours: Mapping[tuple[int, int], int], first: Sequence[str], states: States
) -> dict[tuple[tuple[int, ...], tuple[int, ...]], list[int]]:
    """Gather rows by the colours of their elements, ascending, and the numbers of states of these."""
    found: dict[tuple[tuple[int, ...], tuple[int, ...]], list[int]] = {}
    for r, row in enumerate(rows):
        if row:
            placed = sorted((colours[e], len(states[first[e[0]]])) for e in row)
            used, sizes = zip(*placed, strict=True)
            found.setdefault((used, sizes), []).append(r)
    return found
