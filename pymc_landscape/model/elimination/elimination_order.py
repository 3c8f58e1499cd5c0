"""In which order discrete elements are summed out of a product of tables: variable elimination.

Each element is summed out of the product of the tables that it is in, its *clique*, which leaves a table over its
neighbours (Zhang & Poole 1996; Koller & Friedman 2009, ch. 9). Elements that are no neighbours go in one *round*, all
cliques of a shape in one *batch*, so that a chain of T elements takes log₂ T rounds of array operations: every other
element goes, which ties its neighbours to each other.

Wider cliques make fewer rounds. Of the limits on the width of a round the one is taken that costs least.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._dataclasses import dataclass

Indices = NDArray[np.intp]

# Joint states that a clique may have, and all cliques together.
WIDEST, MOST_IN_ALL = 100_000, 30_000_000
# What a batch costs, and each joint state in it, in seconds: for the choice between orders.
PER_BATCH, PER_STATE = 1e-4, 2e-8
# An order that is expected to take no longer than this is not compared with others.
FAST_ENOUGH = 5e-3


class TooWideError(ValueError):
    """The cliques of every order have too many joint states.

    Parameters
    ----------
    clique : sequence of int
        Elements of the widest clique, or of all of them together.
    n_states : int
        How many joint states they have.
    in_one_row : bool
        Whether one row is over all of them.
    """

    def __init__(self, clique: Sequence[int], n_states: int, *, in_one_row: bool = False):
        super().__init__(f"{n_states} joint states")
        self.clique, self.n_states, self.in_one_row = tuple(clique), n_states, in_one_row


@dataclass(frozen=True)
class Source:
    """Rows of a table that are added to cliques of a batch.

    Parameters
    ----------
    table : int
        Number of the table: first those that are given, then what each batch leaves.
    rows, cliques : slice or array (n,)
        Which row goes to which clique; each clique comes once.
    axes : tuple of int
        Axis of the clique for each axis of a row, ascending; 0 is the element that is summed out.
    order : tuple of int
        How the axes of a row are permuted before.
    n_axes : int
        How many axes the clique has.
    """

    table: int
    rows: slice | Indices
    cliques: slice | Indices
    axes: tuple[int, ...]
    order: tuple[int, ...]
    n_axes: int


@dataclass(frozen=True)
class Batch:
    """Elements that are summed out at once.

    Parameters
    ----------
    elements : array (B,)
        What is summed out.
    neighbours : array (B, d)
        What is left, in the order of the axes.
    shape : tuple of int
        Number of states of the element, then of its neighbours.
    sources : tuple of Source
        What the cliques are products of.
    """

    elements: Indices
    neighbours: Indices
    shape: tuple[int, ...]
    sources: tuple[Source, ...]


@dataclass(frozen=True, eq=False, repr=False)
class EliminationPlan:
    """How elements are summed out of a product of tables.

    Parameters
    ----------
    n_states : tuple of int
        Number of states of each element.
    core_dims : tuple of int
        Number of dims of each given table: one of rows, and one for each element of a row.
    row_components : tuple of array (n,)
        Number of the component of each row of each given table.
    batches : tuple of Batch
        In their order.
    components : array (n,)
        Number of the component of each element: what tables tie together, directly or through others.
    n_components : int
        How many there are.
    """

    n_states: tuple[int, ...]
    core_dims: tuple[int, ...]
    row_components: tuple[Indices, ...]
    batches: tuple[Batch, ...]
    components: Indices
    n_components: int

    def __repr__(self) -> str:
        """Say how many elements there are: names of Ops, and of kernels on disk, are made of this."""
        return f"{type(self).__name__}({len(self.n_states)} elements)"

    @property
    def n_tables(self) -> int:
        """How many tables are given."""
        return len(self.core_dims)

    @property
    def size(self) -> int:
        """Joint states of all cliques together."""
        return sum(len(batch.elements) * int(np.prod(batch.shape)) for batch in self.batches)

    @property
    def seconds(self) -> float:
        """About what one evaluation takes."""
        return len(self.batches) * PER_BATCH + self.size * PER_STATE


def elimination_plan(n_states: Sequence[int], scopes: Sequence[Indices], components: Indices) -> EliminationPlan:
    """Find an order of elimination that is cheap.

    Parameters
    ----------
    n_states : sequence of int
        Number of states of each element.
    scopes : sequence of array (n, d)
        Elements that each row of each table is over, an axis an element; no element twice in a row.
    components : array (n,)
        Number of the component of each element.

    Raises
    ------
    TooWideError
        If the cliques of every order have too many joint states.

    Examples
    --------
    >>> chain = np.stack([np.arange(7), np.arange(1, 8)], axis=1)
    >>> plan = elimination_plan([3] * 8, [chain], np.zeros(8, dtype=int))
    >>> [len(batch.elements) for batch in plan.batches]
    [2, 2, 2, 1, 1]
    """
    best: EliminationPlan | None = None
    error: TooWideError | None = None
    most = max(n_states)
    for slack in dict.fromkeys((most**2, most, 1)):
        try:
            rounds = list(_Order(n_states, scopes).rounds(slack))
        except TooWideError as too_wide:
            error = too_wide
            continue
        plan = _planned(tuple(n_states), scopes, rounds, components)
        if best is None or plan.seconds < best.seconds:
            best = plan
        if best.seconds < FAST_ENOUGH:
            break
    if best is None and error is not None:
        raise error
    assert best is not None
    return best


class _Order:
    """The graph of elements that tables tie together, while elements are taken out of it."""

    def __init__(self, n_states: Sequence[int], scopes: Sequence[Indices]):
        self.n_states = n_states
        self.near: list[set[int]] = [set() for _ in n_states]
        self.total = 0
        for scope in scopes:
            for elements in scope.tolist():
                for element in elements:
                    self.near[element].update(elements)
        for element, near in enumerate(self.near):
            near.discard(element)

    def width(self, element: int) -> int:
        """Return how many joint states the clique of an element has."""
        width = self.n_states[element]
        for other in self.near[element]:
            width *= self.n_states[other]
        return width

    def rounds(self, slack: int) -> Iterator[list[tuple[int, list[int]]]]:
        """Give the elements of each round with their neighbours, none wider than `slack` times the narrowest."""
        widths = [self.width(element) for element in range(len(self.near))]
        queue = [(width, element) for element, width in enumerate(widths)]
        heapq.heapify(queue)
        gone = [False] * len(widths)
        while queue:
            chosen: list[tuple[int, list[int]]] = []
            blocked: set[int] = set()
            later: list[tuple[int, int]] = []
            limit: int | None = None
            while queue and (limit is None or queue[0][0] <= limit):
                width, element = heapq.heappop(queue)
                if gone[element] or width != widths[element]:
                    continue
                if element in blocked:
                    later.append((width, element))
                    continue
                limit = width * slack if limit is None else limit
                self._count(width, element)
                gone[element] = True
                chosen.append((element, sorted(self.near[element])))
                blocked.update(self.near[element])
            for item in later:
                heapq.heappush(queue, item)
            yield chosen
            for element in self._taken_out(chosen):
                widths[element] = self.width(element)
                heapq.heappush(queue, (widths[element], element))

    def _count(self, width: int, element: int) -> None:
        self.total += width
        if width > WIDEST:
            raise TooWideError([element, *sorted(self.near[element])], width)
        if self.total > MOST_IN_ALL:
            raise TooWideError(range(len(self.near)), self.total)

    def _taken_out(self, chosen: list[tuple[int, list[int]]]) -> set[int]:
        touched: set[int] = set()
        for element, neighbours in chosen:
            touched.update(neighbours)
            for one in neighbours:
                self.near[one].update(neighbours)
                self.near[one] -= {one, element}
        return touched


def _planned(
    n_states: tuple[int, ...],
    scopes: Sequence[Indices],
    rounds: list[list[tuple[int, list[int]]]],
    components: Indices,
) -> EliminationPlan:
    """Say which rows go to which clique, round by round."""
    holders: list[set[tuple[int, int]]] = [set() for _ in n_states]  # rows (table, row) that an element is in
    all_scopes = [scope.tolist() for scope in scopes]
    for table, scope in enumerate(all_scopes):
        for row, elements in enumerate(scope):
            for element in elements:
                holders[element].add((table, row))
    batches = []
    for chosen in rounds:
        by_shape: dict[tuple[int, ...], list[tuple[int, list[int]]]] = defaultdict(list)
        for element, neighbours in chosen:
            by_shape[n_states[element], *(n_states[n] for n in neighbours)].append((element, neighbours))
        for shape, cliques in by_shape.items():
            sources = _sources(cliques, holders, all_scopes)
            table = len(all_scopes)
            all_scopes.append([neighbours for _, neighbours in cliques])
            for row, (element, neighbours) in enumerate(cliques):
                used = holders[element]
                for neighbour in neighbours:
                    holders[neighbour] -= used
                    holders[neighbour].add((table, row))
            elements = np.array([element for element, _ in cliques], dtype=np.intp)
            around = np.array([n for _, n in cliques], dtype=np.intp).reshape(len(cliques), len(shape) - 1)
            batches.append(Batch(elements, around, shape, sources))
    core_dims = tuple(1 + scope.shape[1] for scope in scopes)
    own = tuple(components[scope[:, 0]] for scope in scopes)
    return EliminationPlan(n_states, core_dims, own, tuple(batches), components, int(components.max()) + 1)


def _sources(
    cliques: list[tuple[int, list[int]]], holders: list[set[tuple[int, int]]], scopes: list[list[list[int]]]
) -> tuple[Source, ...]:
    """Gather the rows of a batch by table and by axes; of one table a clique takes one row at a time."""
    gathered: dict[tuple[int, tuple[int, ...], int], list[tuple[int, int]]] = defaultdict(list)
    for clique, (element, neighbours) in enumerate(cliques):
        axis_of = {element: 0} | {neighbour: 1 + i for i, neighbour in enumerate(neighbours)}
        taken: dict[tuple[int, tuple[int, ...]], int] = defaultdict(int)
        for table, row in sorted(holders[element]):
            axes = tuple(axis_of[e] for e in scopes[table][row])
            gathered[table, axes, taken[table, axes]].append((row, clique))
            taken[table, axes] += 1
    sources = []
    for (table, axes, _), pairs in gathered.items():
        rows, into = np.array(pairs, dtype=np.intp).T
        order = tuple(np.argsort(axes).tolist())
        sources.append(Source(table, _index(rows), _index(into), tuple(sorted(axes)), order, 1 + len(cliques[0][1])))
    return tuple(sources)


def _index(numbers: Indices) -> slice | Indices:
    """Return numbers at equal distances as a slice, which copies nothing."""
    steps = np.unique(np.diff(numbers))
    if len(steps) > 1 or (len(steps) and steps[0] < 1):
        return numbers
    return slice(int(numbers[0]), int(numbers[-1]) + 1, int(steps[0]) if len(steps) else 1)
