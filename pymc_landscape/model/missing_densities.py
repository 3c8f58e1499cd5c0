"""Variables without a log density, found and named before anything is asked of it: simulators, trees, samplers only."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator

import pymc as pm
from pymc.distributions.custom import CustomDistRV, CustomSymbolicDistRV
from pymc.distributions.distribution import SymbolicRandomVariable
from pymc.distributions.simulator import SimulatorRV
from pymc.distributions.truncated import TruncatedRV
from pymc.logprob.abstract import _logprob
from pymc.logprob.basic import transformed_conditional_logp
from pytensor import scalar as ps
from pytensor.graph.traversal import walk
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.random.op import RandomVariable
from pytensor.tensor.shape import Shape, Shape_i

from pymc_landscape._typing import Graph
from pymc_landscape.model.distributions import name_of, without_dims

# What a user can do instead.
INSTEAD = "write its log density, pm.CustomDist(..., logp=...) or pm.Potential, or leave it out"
# Libraries whose distributions have the log densities that they say, but for those that depend on what they are given.
TRUSTED = ("pymc.", "pytensor.")
DEPENDS = (CustomDistRV, CustomSymbolicDistRV, SimulatorRV, TruncatedRV)


def refuse_missing_densities(model: pm.Model, dropped: Collection[str] = ()) -> None:
    """Refuse a model in which a variable has no log density, or one that is random, and name the variable.

    Parameters
    ----------
    model : pm.Model
        The model.
    dropped : collection of str
        Names of free variables whose density is not asked for.

    Raises
    ------
    ValueError
        With the name of the first such variable, why, and what to do.
    """
    for rv in model.basic_RVs:
        why = "" if rv.name in dropped else _what_is_missing(model, rv)
        if why:
            name = name_of(without_dims(rv))
            raise ValueError(f"Expected variables with a log density, got {rv.name} ~ {name}: {why}; {INSTEAD}.")
    for potential in model.potentials:
        drawn = _random_inputs(potential, model.basic_RVs)
        if drawn is not None:
            raise ValueError(
                f"Expected a pm.Potential that is a function of the model's variables, got {potential.name}, in which "
                f"{name_of(drawn)} is drawn at random: use a variable of the model, or its log density, "
                "pm.logp(dist, value)."
            )


def _what_is_missing(model: pm.Model, rv: Graph) -> str:
    """Return why a variable has no log density; empty where it has one."""
    op = without_dims(rv).owner.op
    if isinstance(op, SimulatorRV):
        return "it is simulated, and a distance of simulated data is random, no likelihood"
    if _is_known(rv, model.basic_RVs):
        return ""
    try:
        log_density = _log_density(model, rv)
    except (NotImplementedError, RuntimeError) as error:
        return f"PyMC cannot write it ({str(error).split('. ')[0] or 'not implemented'})"
    by_hand = isinstance(op, CustomDistRV)
    if (
        isinstance(op, RandomVariable)
        and not by_hand
        and len(op.ndims_params)
        and not _uses(log_density, model.rvs_to_values[rv])
    ):
        return (
            "its log density is the same whatever its value, so that only its own sampler knows how it is distributed"
        )
    return (
        "its log density draws random numbers"
        if by_hand and _random_inputs(log_density, model.basic_RVs) is not None
        else ""
    )


def _is_known(rv: Graph, known: Collection[Graph]) -> bool:
    """Whether a variable is one of those of PyMC that have a log density, or is made of such."""
    op = without_dims(rv).owner.op
    if not isinstance(op, RandomVariable | SymbolicRandomVariable) or isinstance(op, DEPENDS):
        return False
    if not type(op).__module__.startswith(TRUSTED) or _logprob.dispatch(type(op)) is _logprob.dispatch(object):
        return False
    inner = (v for v in rv.owner.inputs if v not in known and v.owner)
    ops = (RandomVariable, SymbolicRandomVariable)
    return all(_is_known(v, known) for v in inner if isinstance(v.owner.op, ops))


def _log_density(model: pm.Model, rv: Graph) -> Graph:
    """Write the log density of a variable alone; where it needs the values of others, together with theirs."""
    values = model.rvs_to_values
    alone = sum(other.owner is rv.owner for other in values) == 1
    reason: Exception | None = None
    try:
        if alone:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # of other random variables in it
                return pm.logp(rv, values[rv], warn_rvs=False)
    except NotImplementedError as error:
        reason = error
    try:
        return transformed_conditional_logp([rv], rvs_to_values=values, rvs_to_transforms=model.rvs_to_transforms)[0]
    except (NotImplementedError, RuntimeError) as error:
        raise reason or error from None


def _uses(graph: Graph, value: Graph) -> bool:
    """Whether numbers in a graph depend on `value`, not on its shape alone."""
    return any(v is value for v in walk([graph], lambda v: list(_read(v))))


def _random_inputs(graph: Graph, known: Collection[Graph]) -> Graph | None:
    """Return a random variable, other than those `known`, that a graph draws."""
    blocked = set(known)
    found = walk([graph], lambda v: [] if v in blocked and v is not graph else list(_read(v)))
    return next((v for v in found if v not in blocked and v.owner and isinstance(v.owner.op, RandomVariable)), None)


def _read(variable: Graph) -> Iterator[Graph]:
    """Give the inputs whose numbers, not shapes alone, a variable is computed from."""
    node = variable.owner
    if node is None or isinstance(node.op, Shape | Shape_i):
        return
    filled = isinstance(node.op, Elemwise) and isinstance(node.op.scalar_op, ps.Second)
    yield from node.inputs[1:] if filled else node.inputs
