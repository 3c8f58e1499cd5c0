"""The finitely many states of discrete variables, and a density written at each that several of them take together.

Elements that meet in the density are one set. Sets do not depend on each other, so that the c-th configuration of all
of them can be written at once: the density is written as often as the largest set has configurations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray
from pymc.distributions.distribution import SymbolicRandomVariable
from pymc.exceptions import NotConstantValueError
from pymc.pytensorf import constant_fold
from pytensor.graph.replace import graph_replace, vectorize_graph
from pytensor.graph.traversal import ancestors
from pytensor.tensor.random.op import RandomVariable

from pymc_landscape._typing import Graph
from pymc_landscape.model import kind_of, name_of, without_dims
from pymc_landscape.model.latent.discrete_dependence import Numbers, Ties, tied_rows

# A set may have so many configurations; up to so few, each has a graph of its own, in which what is impossible is seen
# to be so before derivatives are taken.
MOST, FEW = 10_000, 8


@dataclass(frozen=True)
class ConfigurationPlan:
    """Which elements meet, and what they are in each configuration.

    Parameters
    ----------
    rows : dict of str to array
        Number of the set that each row of each log density depends on, in its shape; −1 for none.
    members : dict of str to array
        Number of the set of each element of each variable, in its shape.
    states : dict of str to array (C, ...)
        What each element is in each configuration.
    possible : array (C, K) of bool
        Whether a set has so many configurations.
    """

    rows: dict[str, Numbers]
    members: dict[str, Numbers]
    states: dict[str, NDArray[np.int64]]
    possible: NDArray[np.bool_]

    @property
    def n_sets(self) -> int:
        """How many sets there are."""
        return int(self.possible.shape[1])


def configuration_plan(
    graphs: Mapping[str, Graph],
    values: Mapping[str, Graph],
    shapes: Mapping[str, tuple[int, ...]],
    states: Mapping[str, NDArray[np.int64]],
    reference_values: Mapping[Graph, Any],
) -> ConfigurationPlan:
    """Find which elements of discrete variables meet.

    Parameters
    ----------
    graphs : mapping of str to Graph
        Pieces of a density; sets are numbered as they come in their rows.
    values : mapping of str to Graph
        What stands in them for each discrete variable.
    shapes : mapping of str to tuple
        Shape of each.
    states : mapping of str to array
        What an element of each can be.
    reference_values : mapping of Graph to array
        Numbers for all other inputs.

    Raises
    ------
    ValueError
        If elements that meet have too many states together.
    """
    sizes = {name: int(np.prod(shape)) for name, shape in shapes.items()}
    firsts = np.cumsum([1, *sizes.values()])[:-1]
    numbers = {n: np.reshape(f + np.arange(sizes[n]), shapes[n]) for n, f in zip(sizes, firsts.tolist(), strict=True)}
    ties = Ties(sum(sizes.values()))
    numbers_of = {values[name]: number for name, number in numbers.items()}
    known = {values[name]: np.full(shapes[name], states[name][0], dtype=values[name].type.dtype) for name in shapes}
    rows = tied_rows(list(graphs.values()), numbers_of, {**reference_values, **known}, ties)
    roots = np.concatenate([ties.roots(np.ravel(n)) for n in (*rows, *numbers.values())])
    order = dict.fromkeys(roots[roots > 0].tolist())
    number = np.full(sum(sizes.values()) + 1, -1, dtype=np.intp)
    number[list(order)] = np.arange(len(order))
    members = {name: number[ties.roots(n)] for name, n in numbers.items()}
    owners = {name: number[ties.roots(n)] for name, n in zip(graphs, rows, strict=True)}
    return ConfigurationPlan(owners, members, *_laid(members, owners, states, len(order)))


def _laid(
    members: Mapping[str, Numbers],
    owners: Mapping[str, Numbers],
    states: Mapping[str, NDArray[np.int64]],
    n_sets: int,
) -> tuple[dict[str, NDArray[np.int64]], NDArray[np.bool_]]:
    """Count the configurations of each set as a number with one digit an element."""
    counts = [1] * n_sets
    strides = {}
    for name, sets in members.items():
        stride = np.empty(sets.size, dtype=np.int64)
        for i, k in enumerate(sets.ravel().tolist()):
            stride[i] = counts[k]
            counts[k] *= len(states[name])
            if counts[k] > MOST:
                raise ValueError(_too_many(members, owners, states, k))
        strides[name] = stride.reshape(sets.shape)
    c = np.arange(max(counts))
    digits = {
        name: states[name][c.reshape(-1, *(1,) * stride.ndim) // stride % len(states[name])]
        for name, stride in strides.items()
    }
    return digits, c[:, None] < np.array(counts)


def _too_many(
    members: Mapping[str, Numbers], owners: Mapping[str, Numbers], states: Mapping[str, NDArray[np.int64]], k: int
) -> str:
    sizes = {name: int((sets == k).sum()) for name, sets in members.items() if (sets == k).any()}
    names = " and ".join(f"{n} elements of {name}" if n > 1 else name for name, n in sizes.items())
    digits = sum(n * np.log10(len(states[name])) for name, n in sizes.items())
    terms = [name for name, rows in owners.items() if (rows == k).any() and name not in members]
    single = [name for name in terms if owners[name].size == 1]
    advice = f"; give {', '.join(single)} as an array, an element an observation, not as one number" if single else ""
    return (
        f"Expected discrete variables of which few meet in one term of the density, got {names} that do, "
        f"in {', '.join(terms) or 'their priors'}, with 10^{digits:.3g} states together, of which at most {MOST} are "
        f"summed over: write the model so that an observation depends on few of them{advice}."
    )


def table(plan: ConfigurationPlan, graphs: Mapping[str, Graph], values: Mapping[str, Graph]) -> Graph:
    """Return the log density (C, K) of each configuration of each set; −∞ where a set has fewer."""
    written = _written(plan, [graphs[name].ravel() for name in plan.rows], values)
    log_densities = [
        _by_set(rows, np.ravel(owners), plan.n_sets)
        for rows, owners in zip(written, plan.rows.values(), strict=True)
        if (owners >= 0).any()
    ]
    whole = sum(log_densities[1:], log_densities[0])
    return whole if plan.possible.all() else pt.switch(plan.possible, whole, -np.inf)


def untied(plan: ConfigurationPlan, graphs: Mapping[str, Graph], values: Mapping[str, Graph]) -> list[Graph]:
    """Return the rows of log densities that depend on no set."""
    first = {values[name]: _constant(values[name], states[0]) for name, states in plan.states.items()}
    free_rows = {name: np.flatnonzero(np.ravel(owners) < 0) for name, owners in plan.rows.items()}
    rows_apart = [graphs[name].ravel()[index] for name, index in free_rows.items() if index.size]
    return list(graph_replace(rows_apart, first, strict=False)) if rows_apart else []


def _written(plan: ConfigurationPlan, rows: Sequence[Graph], values: Mapping[str, Graph]) -> list[Graph]:
    """Return rows (C, n) of each piece at all configurations."""
    n = len(plan.possible)
    if n > FEW:
        stacked = {values[name]: pt.constant(states) for name, states in plan.states.items()}
        stacked = {v: s.astype(v.type.dtype) for v, s in stacked.items()}
        written: list[Graph] = vectorize_graph(list(rows), stacked)
        return [w if w.type.ndim == 2 else pt.broadcast_to(w, (n, w.shape[-1])) for w in written]
    each = []
    for c in range(n):
        here = {values[name]: _constant(values[name], states[c]) for name, states in plan.states.items()}
        each.append(graph_replace(list(rows), here, strict=False))
    return [pt.stack(several) for several in zip(*each, strict=True)]


def _constant(value: Graph, states: NDArray[np.int64]) -> Graph:
    return value.type.filter_variable(pt.constant(states.astype(value.type.dtype)))


def _by_set(rows: Graph, owners: Numbers, n_sets: int) -> Graph:
    """Sum rows (C, n) by the set that they belong to: (C, K)."""
    if np.array_equal(owners, np.arange(n_sets)):
        return rows
    counts = np.bincount(owners[owners >= 0], minlength=n_sets)
    longest = int(counts.max())
    if np.array_equal(owners, np.repeat(np.arange(n_sets), longest)):
        return rows.reshape((rows.shape[0], n_sets, longest)).sum(axis=-1)
    # each set has its rows in a line, filled up with zeros
    order = np.argsort(owners, kind="stable")[int((owners < 0).sum()) :]
    index = np.full((n_sets, longest), len(owners))
    index[np.repeat(np.arange(n_sets), counts), np.concatenate([np.arange(n) for n in counts])] = order
    filled = pt.concatenate([rows, pt.zeros((rows.shape[0], 1))], axis=1)
    return filled[:, index].sum(axis=-1)


# Distributions of which one parameter is the largest value, by its position.
UP_TO = {"BinomialRV": 0, "BetaBinomialRV": 0, "HyperGeometricRV": 2}


def states_of(model: pm.Model, name: str) -> NDArray[np.int64]:
    """Return the states of every element of a discrete free variable: whole numbers, in a row.

    Parameters
    ----------
    model : pm.Model
        The model.
    name : str
        The variable's name.

    Returns
    -------
    array (S,)
        All states that some element can take; what an element cannot take has probability 0 under its distribution.

    Raises
    ------
    ValueError
        If there is no largest value, or one that moves with a parameter, or elements are drawn together.

    Examples
    --------
    >>> with pm.Model() as model:
    ...     z = pm.DiscreteUniform("z", 3, 6)
    >>> states_of(model, "z")
    array([3, 4, 5, 6])
    """
    _refuse_vectors(model[name])
    low, high = _limits(model, model[name])
    return np.arange(low, high + 1)


def _limits(model: pm.Model, labelled: Graph) -> tuple[int, int]:
    rv = without_dims(labelled)
    kind, node = kind_of(rv), rv.owner
    if kind == "BernoulliRV":
        return 0, 1
    if kind == "CategoricalRV":
        return 0, _number(model, labelled, [node.op.dist_params(node)[0].shape[-1]])[1] - 1
    if kind == "DiscreteUniformRV":
        return _number(model, labelled, node.op.dist_params(node))
    if kind in UP_TO:
        return 0, _number(model, labelled, [node.op.dist_params(node)[UP_TO[kind]]])[1]
    if kind == "TruncatedRV":
        return _number(model, labelled, node.inputs[-2:])
    raise ValueError(
        f"Expected discrete variables with finitely many states as latent, got {labelled.name} ~ {name_of(rv)}, which "
        "has no largest value: cut it off where nothing is left, pm.Truncated(name, dist, lower=..., upper=...)."
    )


def _refuse_vectors(rv: Graph) -> None:
    op = rv.owner.op
    if isinstance(op, RandomVariable | SymbolicRandomVariable) and getattr(op, "ndim_supp", None):
        raise ValueError(
            f"Expected discrete variables whose elements are drawn one by one as latent, got {rv.name} ~ "
            f"{name_of(without_dims(rv))}, whose elements are drawn together: write them as variables of their own."
        )


def _number(model: pm.Model, rv: Graph, graphs: list[Graph]) -> tuple[int, int]:
    """Return the smallest and the largest of some numbers that the model knows."""
    values = np.concatenate([np.ravel(_known(model, rv, pt.as_tensor(graph))) for graph in graphs])
    if not np.isfinite(values).all():
        raise ValueError(
            f"Expected discrete variables with finitely many states as latent, got {rv.name} with a limit at "
            "infinity: cut it off on both sides, pm.Truncated(name, dist, lower=..., upper=...)."
        )
    return int(np.floor(values.min())), int(np.ceil(values.max()))


def _known(model: pm.Model, rv: Graph, graph: Graph) -> NDArray[np.generic]:
    moving = [v.name for v in model.free_RVs if v in set(ancestors([graph]))]
    if not moving:
        return np.asarray(graph.eval(mode="FAST_COMPILE"))
    try:  # the length of a vector of probabilities is known where these are not
        return np.asarray(constant_fold([graph])[0])
    except NotConstantValueError:
        raise ValueError(
            f"Expected discrete variables with known states as latent, got {rv.name}, whose limits depend on "
            f"{', '.join(moving)}: give it constant limits that are wide enough."
        ) from None
