"""Free variables whose prior depends on others, but whose elements are not exchangeable: they are no random effects.

A random effect belongs to some of the observations, and its elements can change places: groups, places, subjects. A
cutpoint of an ordinal outcome and a parameter of a mixture's component belong to all observations, each in a part of
its own: the k-th cutpoint is between the k-th category and the next, the k-th mean is that of the k-th component. With
a prior that depends on other variables they are shrunk towards each other, but they are parameters of the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pymc as pm
import pytensor.tensor as pt
from pymc.distributions.mixture import MixtureRV
from pymc.distributions.transforms import ChainedTransform, Ordered
from pytensor.graph.traversal import ancestors
from pytensor.tensor.subtensor import AdvancedSubtensor

from pymc_landscape._typing import Graph
from pymc_landscape.engine import evaluated
from pymc_landscape.model.distributions import name_of, without_dims
from pymc_landscape.model.missing_data import is_discrete

ORDINAL = ("OrderedLogistic", "OrderedProbit", "OrderedMultinomial")
# Rows are picked by data, or added up over a design: what stands behind belongs to observations.
OF_ROWS = ("Dot", "Blockwise", "Einsum", "MatMul")


def not_exchangeable(model: pm.Model) -> set[str]:
    """Return the names of the free variables that are cutpoints, or parameters of a mixture's components.

    Parameters
    ----------
    model : pm.Model
        Any model.

    Returns
    -------
    set of str
        Those that PyMC's transform keeps in order; those in the cutpoints of an observed ordinal variable, in one place
        of each, not by group; those in the parameters of a mixture's components, one element for each; and those picked
        by a discrete free variable.
    """
    free = set(model.free_RVs)
    names = {rv.name for rv in free if _is_ordered(model.rvs_to_transforms[rv])}
    for rv in model.observed_RVs:
        plain = without_dims(rv)
        if plain.owner is None:
            continue
        if isinstance(plain.owner.op, MixtureRV):
            weights, *components = plain.owner.op.dist_params(plain.owner)
            parameters = [p for c in components if c.owner for p in c.owner.op.dist_params(c.owner)]
            names |= _of_size(parameters, free, {_length(weights)})
        elif name_of(plain) in ORDINAL:
            p = plain.owner.op.dist_params(plain.owner)[-1]
            n = _length(p)
            names |= _of_size([p], free, {n - 1, n - 2} - {1, 0})
    discrete = {rv for rv in free if is_discrete(rv)}
    for v in ancestors([*model.observed_RVs, *model.potentials]) if discrete else ():
        if _picks(v) and not discrete.isdisjoint(ancestors(v.owner.inputs[1:])):
            names |= {rv.name for rv in _behind([v.owner.inputs[0]], free)}
    return names


def _is_ordered(transform: Any) -> bool:
    if isinstance(transform, ChainedTransform):
        return any(_is_ordered(one) for one in transform.transform_list)
    return isinstance(transform, Ordered)


def _of_size(graphs: list[Graph], free: set[Graph], sizes: set[int]) -> set[str]:
    """Return the names of the vectors behind graphs that have one of these lengths."""
    return {rv.name for rv in _behind(graphs, free) if rv.type.ndim and _length(rv) in sizes}


def _behind(graphs: list[Graph], free: set[Graph]) -> Iterator[Graph]:
    """Give the free variables that graphs are made of element by element, not by rows."""
    seen: set[Graph] = set()
    todo = list(graphs)
    while todo:
        v = todo.pop()
        if v in seen:
            continue
        seen.add(v)
        if v in free:
            yield v
        elif v.owner is not None and not _picks(v) and type(v.owner.op).__name__ not in OF_ROWS:
            todo.extend(v.owner.inputs)


def _picks(v: Graph) -> bool:
    return v.owner is not None and isinstance(v.owner.op, AdvancedSubtensor)


def _length(graph: Graph) -> int:
    """Return the length of the last axis, looked up where it is symbolic; −1 for a number."""
    graph = pt.as_tensor(graph, allow_xtensor_conversion=True)
    if not graph.type.ndim:
        return -1
    known = graph.type.shape[-1]
    return int(evaluated([graph.shape[-1]])[0]) if known is None else int(known)
