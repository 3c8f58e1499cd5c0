"""Free variables on which no data depend: missing observations that PyMC imputes, and predictions beside the data.

Their density integrates to 1 whatever the parameters are, and nothing else is a function of them, so that they drop out
of the likelihood:

    ∫ p(y ∣ θ) p(z ∣ θ) dz = p(y ∣ θ) .

A missing value on which an observation depends, as that of a covariate, is latent like any other.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pymc as pm
from pymc.distributions.transforms import _default_transform
from pymc.logprob.transforms import CircularTransform, IntervalTransform
from pymc.pytensorf import constant_fold
from pytensor.graph.basic import Variable, equal_computations
from pytensor.graph.traversal import ancestors
from pytensor.tensor.subtensor import AdvancedIncSubtensor, indices_from_subtensor

from pymc_landscape._typing import Graph
from pymc_landscape.engine import evaluated
from pymc_landscape.model.distributions import constant_value
from pymc_landscape.model.transforms import bounds


def is_discrete(rv: Graph) -> bool:
    """Whether a variable holds integers or truth values."""
    return np.dtype(rv.type.dtype).kind in "iub"


def without_data(model: pm.Model, named: Collection[str] = ()) -> tuple[str, ...]:
    """Return the names of the free variables that drop out of the likelihood, in the model's order.

    Parameters
    ----------
    model : pm.Model
        Any model.
    named : collection of str
        Names of variables that are no parameters.

    Returns
    -------
    tuple of str
        Those on which neither data nor a potential depend and that are discrete, or depend on others, or are part of a
        Deterministic beside variables that data know (a prediction), or are `named`. A continuous one that stands alone
        is a parameter, of which the likelihood says nothing. Of the two halves of a vector that was drawn together, the
        missing one does not drop out. Nor does one that a transform keeps to a part of its prior's support, as a
        censored value beyond its limit: its density integrates to the probability of that part.
    """
    needed = set(ancestors([*model.observed_RVs, *model.potentials]))
    together = {rv.owner for rv in needed if rv.owner}
    free = set(model.free_RVs)
    predictions = [set(ancestors([d])) for d in model.deterministics]
    predictions = [inputs for inputs in predictions if not inputs.isdisjoint(free & needed)]

    def drops_out(rv: Graph) -> bool:
        if rv in needed or rv.owner in together or _is_cut(model, rv):
            return False
        alone = free.isdisjoint(ancestors(rv.owner.inputs)) and not any(rv in inputs for inputs in predictions)
        return rv.name in named or is_discrete(rv) or not alone

    names = tuple(rv.name for rv in model.free_RVs if drops_out(rv))
    return () if len(names) == len(free) else names


def _is_cut(model: pm.Model, rv: Graph) -> bool:
    """Whether a transform keeps a variable to a part of the support of its prior."""
    transform = model.rvs_to_transforms[rv]
    own = _default_transform(rv.owner.op, rv)
    if transform is None or (type(transform) is type(own) and not isinstance(transform, IntervalTransform)):
        return False
    limits, whole = bounds(transform, rv.owner.inputs), bounds(own, rv.owner.inputs)
    if limits is None:
        return not isinstance(transform, CircularTransform)
    pairs = zip(limits, whole or (-np.inf, np.inf), strict=True)
    return any(not _is_same(one, other) for one, other in pairs)


def _is_same(one: Any, other: Any) -> bool:
    values = constant_value(one), constant_value(other)
    if values[0] is None or values[1] is None:
        return one is other or (
            isinstance(one, Variable) and isinstance(other, Variable) and equal_computations([one], [other])
        )
    return bool(np.all(values[0] == values[1]))


def kept_positions(model: pm.Model, name: str) -> tuple[str, list[tuple[int, ...]]] | None:
    """Return the variable whose observed part is called `name`, and where each element of the part stands in it.

    None where `name` is no part of an array with missing values.
    """
    whole = name.removesuffix("_observed")
    if whole == name or whole not in model.named_vars or name not in model.named_vars:
        return None
    part, joined = model[name], model[whole]
    for v in ancestors([joined]):
        node = v.owner
        if node is not None and isinstance(node.op, AdvancedIncSubtensor) and node.inputs[1] is part:
            shape = constant_fold([joined.shape], raise_not_constant=False)[0]
            numbers: list[Any] = evaluated(node.inputs[2:])
            index: Any = indices_from_subtensor(numbers, node.op.idx_list)
            where = np.arange(int(np.prod(shape))).reshape(shape)[tuple(index)]
            return whole, [tuple(map(int, at)) for at in zip(*np.unravel_index(where, shape), strict=True)]
    return None
