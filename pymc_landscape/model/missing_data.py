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
from pymc.pytensorf import constant_fold
from pytensor.graph.traversal import ancestors
from pytensor.tensor.subtensor import AdvancedIncSubtensor, indices_from_subtensor

from pymc_landscape._typing import Graph


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
        missing one does not drop out.
    """
    needed = set(ancestors([*model.observed_RVs, *model.potentials]))
    together = {rv.owner for rv in needed if rv.owner}
    free = set(model.free_RVs)
    predictions = [set(ancestors([d])) for d in model.deterministics]
    predictions = [inputs for inputs in predictions if not inputs.isdisjoint(free & needed)]

    def drops_out(rv: Graph) -> bool:
        if rv in needed or rv.owner in together:
            return False
        alone = free.isdisjoint(ancestors(rv.owner.inputs)) and not any(rv in inputs for inputs in predictions)
        return rv.name in named or is_discrete(rv) or not alone

    names = tuple(rv.name for rv in model.free_RVs if drops_out(rv))
    return () if len(names) == len(free) else names


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
            index: Any = indices_from_subtensor(
                [i.eval(mode="FAST_COMPILE") for i in node.inputs[2:]], node.op.idx_list
            )
            where = np.arange(int(np.prod(shape))).reshape(shape)[tuple(index)]
            return whole, [tuple(map(int, at)) for at in zip(*np.unravel_index(where, shape), strict=True)]
    return None
