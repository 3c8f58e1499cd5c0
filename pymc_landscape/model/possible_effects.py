"""Arrays that may be random effects though their prior depends on nothing: what a parameter scales, and random fields.

Written without its centre, an effect is ``scale * z`` with z standard normal. A coefficient has a prior like that too,
but what multiplies it is data. So the graph is followed from each such array on, through what is linear in it, until a
parameter multiplies it, or data are added, or something not linear is done with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.distributions.distribution import SymbolicRandomVariable
from pytensor import scalar as ps
from pytensor.graph.traversal import ancestors, io_toposort
from pytensor.tensor.basic import Alloc, Join, MakeVector
from pytensor.tensor.elemwise import CAReduce, DimShuffle
from pytensor.tensor.extra_ops import CumOp
from pytensor.tensor.random.op import RandomVariable
from pytensor.tensor.shape import Reshape, Shape, Shape_i, SpecifyShape
from pytensor.tensor.subtensor import AdvancedSubtensor, Subtensor

from pymc_landscape._typing import Graph
from pymc_landscape.model.distributions import constant_value, kind_of, without_dims

# Priors that no coefficients have: neighbours in space or time are alike.
FIELDS = ("ICARRV", "CARRV", "RandomWalkRV", "AutoRegressiveRV")
# Priors around 0, by the position of their scale among the parameters; None where any will do.
CENTRED: Mapping[str, int | None] = {
    "NormalRV": 1,
    "LaplaceRV": 1,
    "StudentTRV": 2,
    "MvNormalRV": None,
    "ZeroSumNormalRV": None,
}
LOCATION = {"StudentTRV": 1}
DRAWS = (RandomVariable, SymbolicRandomVariable)
# Ops that hand elements on, or add them up.
MOVES = (DimShuffle, Reshape, SpecifyShape, Subtensor, AdvancedSubtensor, Alloc, Join, MakeVector, CumOp)
PRODUCTS = ("Dot", "Solve", "Einsum")
LINEAR = (ps.Add, ps.Sub, ps.Mul, ps.TrueDiv, ps.Neg, ps.Cast, ps.Identity, ps.Switch, ps.Second)


def possible_effects(model: pm.Model, sizes: Mapping[str, int], centred: Collection[str]) -> tuple[str, ...]:
    """Return the names of the free variables that may be random effects, written without their centre.

    Parameters
    ----------
    model : pm.Model
        Any model.
    sizes : mapping of str to int
        How many elements each free variable has.
    centred : collection of str
        Names of those that are effects, for their prior depends on others.

    Returns
    -------
    tuple of str
        In the model's order. Where two candidates multiply each other, as loadings and scores of a factor model, the
        larger of them.
    """
    arrays = {rv: rv.name for rv in model.free_RVs if rv.type.ndim and sizes[rv.name] > 1 and rv.name not in centred}
    fields = {name for rv, name in arrays.items() if kind_of(without_dims(rv)) in FIELDS}
    candidates = {name for rv, name in arrays.items() if _is_around_zero(without_dims(rv))}
    if not candidates:
        return tuple(name for name in arrays.values() if name in fields)

    def scales(name: str, other: str) -> bool:
        smaller = other not in candidates or sizes[other] < sizes[name]
        return other != name and other not in centred and other not in fields and smaller

    scaled = {name for name, others in _multiplied(model, candidates) if any(scales(name, o) for o in others)}
    return tuple(name for name in arrays.values() if name in fields | scaled)


def effects_behind(model: pm.Model, terms: Collection[str]) -> dict[str, str]:
    """Return the random effects behind terms that are known to be made of some, with the name of their term.

    Parameters
    ----------
    model : pm.Model
        Any model.
    terms : collection of str
        Names of variables of the model: the group-specific terms of a bambi model.

    Returns
    -------
    dict of str to str
        A term that is a free variable is its own effect. One that is computed is written without its centre: its
        effects are the standard normal arrays that it is computed from.
    """
    effects = {}
    for term in terms:
        variable = model.named_vars.get(term)
        behind = set() if variable is None else {variable, *ancestors([variable])}.intersection(model.free_RVs)
        for rv in behind:
            if rv is variable or (rv.type.ndim and _is_around_zero(without_dims(rv))):
                effects[rv.name] = term
    return {rv.name: effects[rv.name] for rv in model.free_RVs if rv.name in effects}


def _is_around_zero(rv: Graph) -> bool:
    """Whether a prior is around 0, in units of its own where it has a scale."""
    kind = kind_of(rv)
    if kind not in CENTRED:
        return False
    if kind == "ZeroSumNormalRV":
        return True
    parameters, scale = rv.owner.op.dist_params(rv.owner), CENTRED[kind]
    location = constant_value(parameters[LOCATION.get(kind, 0)])
    unit = None if scale is None else constant_value(parameters[scale])
    return location is not None and bool(np.all(location == 0.0)) and (scale is None or bool(np.all(unit == 1.0)))


def _multiplied(model: pm.Model, candidates: Collection[str]) -> Iterable[tuple[str, set[str]]]:
    """Give each candidate that is multiplied by what depends on free variables, with the names of these."""
    free = {rv: rv.name for rv in model.free_RVs}
    depends: dict[Graph, frozenset[str]] = {rv: frozenset([name]) for rv, name in free.items()}
    linear = {rv: frozenset([name]) for rv, name in free.items() if name in candidates}
    ends = [*model.observed_RVs, *model.potentials, *model.free_RVs]
    inputs = [v for rv in ends for v in (rv.owner.inputs if rv in model.basic_RVs else [rv])]
    for node in io_toposort([v for v in ancestors(inputs) if v.owner is None], inputs):
        of = [depends.get(v, frozenset()) for v in node.inputs]
        is_shape = isinstance(node.op, Shape | Shape_i)
        whole = frozenset() if is_shape else frozenset().union(*of)
        for v in node.outputs:
            depends.setdefault(v, whole)
        moved = [linear.get(v, frozenset()) for v in node.inputs]
        if is_shape or not any(moved):
            continue
        if not _only_adds(node):
            for k, names in enumerate(moved):
                others = frozenset().union(*(d for j, d in enumerate(of) if j != k))
                yield from ((name, set(others)) for name in names)
        if _is_linear(node, of):
            for v in node.outputs:
                linear.setdefault(v, frozenset().union(*moved))


def _scalar_op(node: Any) -> Any:
    return getattr(node.op, "scalar_op", None)


def _draws(node: Any) -> bool:
    return isinstance(node.op, DRAWS) or type(node.op).__name__ == "XRV"  # its class takes long to import


def _only_adds(node: Any) -> bool:
    """Whether an Op multiplies nothing: one that adds or moves, is not linear element by element, or draws."""
    op = _scalar_op(node)
    if _draws(node) or isinstance(node.op, (*MOVES, CAReduce)):
        return True
    return op is not None and not isinstance(op, ps.Mul | ps.TrueDiv)


def _is_linear(node: Any, of: list[frozenset[str]]) -> bool:
    """Whether what comes out is linear in what goes in, and no data were added to it."""
    op = _scalar_op(node)
    if _draws(node):
        return False
    if isinstance(node.op, CAReduce) or type(node.op).__name__ == "XReduce":
        return isinstance(op, ps.Add) or "add" in str(getattr(node.op, "binary_op", "")).lower()
    if op is None:
        core = type(getattr(node.op, "core_op", node.op))
        moves = isinstance(node.op, MOVES) or core.__module__.startswith("pytensor.xtensor")
        return moves or any(word in core.__name__ for word in PRODUCTS)
    if isinstance(op, ps.Add | ps.Sub):
        return all(d or _is_zero(v) for v, d in zip(node.inputs, of, strict=True))
    return isinstance(op, LINEAR)


def _is_zero(graph: Graph) -> bool:
    value = constant_value(pt.as_tensor(graph, allow_xtensor_conversion=True))
    return value is not None and bool(np.all(value == 0.0))
