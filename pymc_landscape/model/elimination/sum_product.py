r"""Sums, probabilities and the likeliest states of a product of tables, by variable elimination.

With f the sum of log tables of some elements z, forwards

    log Z = log Σ_z exp f(z),

clique by clique, m(rest) = log Σ_x exp h(x, rest); backwards the probabilities p(x, rest) = p(rest) exp(h − m), which
are the derivatives of log Z with respect to the log tables. Those of a chain are the forward and the backward
recursion of hidden Markov models (Baum & Welch); with max in place of the sum, Viterbi's algorithm.

Derivatives of the probabilities along directions V₁, …, Vₘ of the log tables are carried along as sums over set
partitions π: with h_B the derivative of h along the directions in B,

    m_S = E[Σ_π Π_{B∈π} h_B] − Σ_{π≠{S}} Π_{B∈π} m_B,   E over x with weights exp(h − m).

Everything is in logarithms, so that nothing underflows that matters. All arrays may have more dims in front.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.model.elimination.elimination_order import Batch, EliminationPlan, Source

# Directions, by number.
Directions = tuple[int, ...]
# A table, or its derivative, by the directions of this.
Jet = dict[Directions, Array]
NONE: Directions = ()


@cache
def _subsets(directions: Directions) -> tuple[Directions, ...]:
    return tuple(s for n in range(len(directions) + 1) for s in combinations(directions, n))


@cache
def _partitions(directions: Directions) -> tuple[tuple[Directions, ...], ...]:
    """Return all partitions of a set into parts that are not empty; the whole comes first."""
    if not directions:
        return ((),)
    first, rest = directions[0], directions[1:]
    found = []
    for others in reversed(_subsets(rest)):
        left = tuple(d for d in rest if d not in others)
        found += [((first, *others), *partition) for partition in _partitions(left)]
    return tuple(found)


def _products(jet: Jet, partitions: Sequence[tuple[Directions, ...]]) -> Array | float:
    """Return Σ_π Π_{B∈π} of the derivatives; 0 where one is not there."""
    total: Array | float = 0.0
    for partition in partitions:
        if all(part in jet for part in partition):
            product: Array | float = 1.0
            for part in partition:
                product = product * jet[part]
            total = total + product
    return total


@dataclass(frozen=True)
class _Clique:
    """A batch of cliques: log tables h, messages m, weights exp(h − m); the axis of the element is `axis`."""

    table: Jet
    message: Jet
    weights: Array
    axis: int


def log_sums(plan: EliminationPlan, tables: Sequence[Array]) -> Array:
    """Return log Z of each component.

    Parameters
    ----------
    plan : EliminationPlan
        The order.
    tables : sequence of array (..., n, K₁, …, K_d)
        Log tables.

    Returns
    -------
    array (..., components)
        The logarithms of the sums.
    """
    sums: Array = _forwards(plan, tables, [])[1]
    return sums


def probabilities(
    plan: EliminationPlan, tables: Sequence[Array], directions: Sequence[Sequence[Array]] = ()
) -> list[Array]:
    """Return the joint probabilities of the states in each row of the tables, or their derivatives along directions.

    Parameters
    ----------
    plan : EliminationPlan
        The order.
    tables : sequence of array (..., n, K₁, …, K_d)
        Log tables.
    directions : sequence of sequence of array
        Directions V₁, …, Vₘ, each in the shapes of the tables; the derivative is by all of them.

    Returns
    -------
    list of array (..., n, K₁, …, K_d)
        In the shapes of the tables.
    """
    every = tuple(range(len(directions)))
    return [jet[every] for jet in _backwards(plan, tables, directions)[0]]


def element_probabilities(plan: EliminationPlan, tables: Sequence[Array]) -> list[Array]:
    """Return the probability (K,) of each state of each element."""
    _, cliques = _backwards(plan, tables, [])
    found: list[Array] = [np.empty(0)] * len(plan.n_states)
    for batch, p in zip(plan.batches, reversed(cliques), strict=True):
        own = p[NONE].sum(axis=tuple(range(2, p[NONE].ndim)))
        for element, row in zip(batch.elements.tolist(), own, strict=True):
            found[element] = row
    return found


def likeliest_states(plan: EliminationPlan, tables: Sequence[Array]) -> NDArray[np.intp]:
    """Return the number (n,) of the state of each element in the likeliest states of all together: Viterbi's path."""
    every, choices = list(tables), []
    for batch in plan.batches:
        h = _gathered(batch, every)
        choices.append(h.argmax(axis=1))
        every.append(h.max(axis=1))
    states = np.zeros(len(plan.n_states), dtype=np.intp)
    for batch, choice in zip(reversed(plan.batches), reversed(choices), strict=True):
        around = tuple(states[batch.neighbours].T)
        states[batch.elements] = choice[(np.arange(len(batch.elements)), *around)]
    return states


# --- the two passes --------------------------------------------------------------------------------------------------


def _forwards(
    plan: EliminationPlan, tables: Sequence[Array], directions: Sequence[Sequence[Array]]
) -> tuple[list[_Clique], Array]:
    every = tuple(range(len(directions)))
    jets: list[Jet] = [
        {NONE: np.asarray(table)} | {(i,): np.asarray(v[t]) for i, v in enumerate(directions)}
        for t, table in enumerate(tables)
    ]
    sums: Array = np.zeros(plan.n_components)
    cliques = []
    for batch in plan.batches:
        table: Jet = {}
        for subset in _subsets(every):
            several = [jet.get(subset) for jet in jets]
            if any(several[source.table] is not None for source in batch.sources):
                table[subset] = _gathered(batch, several)
        clique = _eliminated(table, -len(batch.shape), every)
        cliques.append(clique)
        jets.append(clique.message)
        if len(batch.shape) == 1:
            whole = clique.message[NONE]
            sums = np.broadcast_to(sums, (*whole.shape[:-1], plan.n_components)).copy()
            sums[..., plan.components[batch.elements]] += whole
    return cliques, sums


def _gathered(batch: Batch, tables: Sequence[Array | None]) -> Array:
    """Return the log tables (..., B, K, K₁, …) of a batch of cliques: sums of rows of tables."""
    n_axes = len(batch.shape)
    total: Array = np.zeros((len(batch.elements), *batch.shape))
    for source in batch.sources:
        table = tables[source.table]
        if table is None:
            continue
        rows = _spread(table[(..., source.rows, *(slice(None),) * len(source.axes))], source)
        lead = np.broadcast_shapes(rows.shape[: -n_axes - 1], total.shape[: -n_axes - 1])
        if lead != total.shape[: -n_axes - 1]:
            total = np.broadcast_to(total, (*lead, *total.shape[-n_axes - 1 :])).copy()
        total[(..., source.cliques, *(slice(None),) * n_axes)] += rows
    return total


def _spread(rows: Array, source: Source) -> Array:
    """Put the axes of rows where the clique has them, with length 1 where it has others."""
    lead = rows.ndim - len(source.axes)
    moved = rows.transpose(*range(lead), *(lead + i for i in source.order))
    shape = [1] * source.n_axes
    for axis, length in zip(source.axes, moved.shape[lead:], strict=True):
        shape[axis] = length
    return moved.reshape(*moved.shape[:lead], *shape)


def _eliminated(table: Jet, axis: int, every: Directions) -> _Clique:
    h = table[NONE]
    top = h.max(axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    weights = np.exp(h - top)
    total = weights.sum(axis=axis, keepdims=True)
    weights = weights / np.where(total == 0, 1.0, total)
    with np.errstate(divide="ignore"):
        message: Jet = {NONE: (top + np.log(total)).squeeze(axis)}
    for subset in _subsets(every)[1:]:
        partitions = _partitions(subset)
        moment = (weights * _products(table, partitions)).sum(axis=axis)
        message[subset] = moment - _products(message, partitions[1:])
    return _Clique(table, message, weights, axis)


def _backwards(
    plan: EliminationPlan, tables: Sequence[Array], directions: Sequence[Sequence[Array]]
) -> tuple[list[Jet], list[Jet]]:
    """Return the probabilities of rows of tables, and of cliques, the last first."""
    every = tuple(range(len(directions)))
    cliques, _ = _forwards(plan, tables, directions)
    found: list[Jet] = [{} for _ in range(plan.n_tables + len(plan.batches))]
    sizes = [np.shape(table) for table in tables] + [c.message[NONE].shape for c in cliques]
    of_cliques = []
    for number in reversed(range(len(plan.batches))):
        batch, clique = plan.batches[number], cliques[number]
        outer = found[plan.n_tables + number] or {NONE: np.ones(len(batch.elements))}
        p = _with_element(clique, outer, every)
        of_cliques.append(p)
        for source in batch.sources:
            for subset, values in p.items():
                _give_back(found[source.table], subset, values, source, sizes[source.table])
    return found[: plan.n_tables], of_cliques


def _with_element(clique: _Clique, outer: Jet, every: Directions) -> Jet:
    """Return p(x, rest) = p(rest) p(x ∣ rest), with its derivatives."""
    centred = {
        s: clique.table.get(s, 0.0) - np.expand_dims(m, clique.axis) for s, m in clique.message.items() if s != NONE
    }
    given = {s: clique.weights * _products(centred, _partitions(s)) for s in _subsets(every)}
    wide = {s: np.expand_dims(p, clique.axis) for s, p in outer.items()}
    joint: Jet = {}
    for subset in _subsets(every):
        parts = [
            wide[part] * given[tuple(d for d in subset if d not in part)] for part in _subsets(subset) if part in wide
        ]
        joint[subset] = sum(parts[1:], parts[0])
    return joint


def _give_back(found: Jet, subset: Directions, values: Array, source: Source, size: tuple[int, ...]) -> None:
    """Add the probabilities of cliques, summed over the other elements, to the rows that these are made of."""
    others = tuple(axis for axis in range(-source.n_axes, 0) if axis + source.n_axes not in source.axes)
    rows = values[(..., source.cliques, *(slice(None),) * source.n_axes)].sum(axis=others)
    lead, n = rows.ndim - len(source.axes), len(source.axes)
    rows = rows.transpose(*range(lead), *(lead + i for i in np.argsort(source.order).tolist()))
    if subset not in found:
        found[subset] = np.zeros((*rows.shape[: lead - 1], *size[len(size) - n - 1 :]))
    found[subset][(..., source.rows, *(slice(None),) * n)] += rows
