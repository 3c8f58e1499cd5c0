"""The finitely many states of discrete variables, and a density written at each that several of them take together.

Elements that meet in the density are one set. Sets do not depend on each other, so that the c-th configuration of all
of them can be written at once: the density is written as often as the largest set has configurations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray
from pymc.distributions.distribution import SymbolicRandomVariable
from pymc.exceptions import NotConstantValueError
from pymc.pytensorf import constant_fold
from pytensor.graph.replace import graph_replace
from pytensor.graph.traversal import ancestors
from pytensor.tensor.random.op import RandomVariable

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Graph
from pymc_landscape.engine import evaluated, vectorized
from pymc_landscape.model import kind_of, name_of, without_dims
from pymc_landscape.model.discrete.dependence import Dependence, Numbers
from pymc_landscape.model.discrete.looked_up_states import looked_up_states
from pymc_landscape.model.elimination import WIDEST, TooWideError

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

    @property
    def size(self) -> int:
        """How many configurations all sets have, where the largest gives the number."""
        return int(self.possible.size)


def configuration_plan(met: Dependence, states: Mapping[str, NDArray[np.int64]]) -> ConfigurationPlan:
    """Count the states that the elements which meet take together.

    Parameters
    ----------
    met : Dependence
        Which elements meet.
    states : mapping of str to array
        What an element of each variable can be.

    Raises
    ------
    ValueError
        If elements that meet have too many states together.
    """
    return ConfigurationPlan(met.owners, met.members, *_laid(met.members, met.owners, states, met.n_components))


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


def too_wide(met: Dependence, error: TooWideError) -> ValueError:
    """Return the error of elements that no order of elimination keeps apart."""
    clique = np.array(error.clique) + 1
    sizes = {name: int(np.isin(numbers, clique).sum()) for name, numbers in met.elements.items()}
    names = " and ".join(f"{n} elements of {name}" if n > 1 else name for name, n in sizes.items() if n)
    return ValueError(
        f"Expected discrete variables that can be summed out one after the other, as along a chain or a tree, got "
        f"{names}, which in every order that was tried have {error.n_states} joint states at once, of which at most "
        f"{WIDEST} are summed over: let fewer of them depend on each other, or give them fewer states."
    )


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


def untied(
    owners: Mapping[str, Numbers],
    states: Mapping[str, NDArray[np.int64]],
    graphs: Mapping[str, Graph],
    values: Mapping[str, Graph],
) -> list[Graph]:
    """Return the rows of log densities that depend on no set, with all elements in their first state."""
    free_rows = {name: np.flatnonzero(np.ravel(own) < 0) for name, own in owners.items()}
    rows_apart = [graphs[name].ravel()[index] for name, index in free_rows.items() if index.size]
    first = {v: _constant(v, np.full(v.type.shape, states[name][0])) for name, v in values.items()}
    return list(graph_replace(rows_apart, first, strict=False)) if rows_apart else []


def _written(plan: ConfigurationPlan, rows: Sequence[Graph], values: Mapping[str, Graph]) -> list[Graph]:
    """Return rows (C, n) of each piece at all configurations."""
    n = len(plan.possible)
    if n > FEW:
        stacked = {values[name]: pt.constant(states) for name, states in plan.states.items()}
        stacked = {v: s.astype(v.type.dtype) for v, s in stacked.items()}
        written = vectorized(list(rows), stacked)
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
        Of elements that are drawn together, as the steps of a chain: all that their density, or the data's, looks up.

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
    own = looked_up_states(model, name)
    if own is not None:
        return own
    _refuse_vectors(model[name])
    low, high = _limits(model, model[name])
    return np.arange(low, high + 1)


def _limits(model: pm.Model, labelled: Graph) -> tuple[int, int]:
    rv = without_dims(labelled)
    kind, node = kind_of(rv), rv.owner
    if kind == "BernoulliRV":
        return 0, 1
    if kind == "CategoricalRV":
        known = node.op.dist_params(node)[0].type.shape[-1]
        return 0, (known or _number(model, labelled, [node.op.dist_params(node)[0].shape[-1]])[1]) - 1
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
        return evaluated([graph])[0]
    try:  # the length of a vector of probabilities is known where these are not
        return np.asarray(constant_fold([graph])[0])
    except NotConstantValueError:
        raise ValueError(
            f"Expected discrete variables with known states as latent, got {rv.name}, whose limits depend on "
            f"{', '.join(moving)}: give it constant limits that are wide enough."
        ) from None
