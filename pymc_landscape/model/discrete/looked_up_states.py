"""The states of discrete elements that are drawn together, as the steps of a chain are: what tables are indexed by.

Nothing says in advance how many states a ``pm.CustomDist`` has. But its density looks up rows of a transition matrix,
and the data's parameters are looked up as well: an index from 0 to the length of the axis, less 1.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray
from pymc.exceptions import NotConstantValueError
from pymc.pytensorf import constant_fold
from pytensor import scalar as ps
from pytensor.graph.traversal import ancestors, io_toposort
from pytensor.tensor.basic import Join, MakeVector, ScalarFromTensor, Split, TensorFromScalar
from pytensor.tensor.elemwise import DimShuffle, Elemwise
from pytensor.tensor.shape import Reshape, SpecifyShape
from pytensor.tensor.subtensor import AdvancedSubtensor, Subtensor, indices_from_subtensor

from pymc_landscape._typing import Graph
from pymc_landscape.model import name_of, without_dims
from pymc_landscape.model.elimination import without_scans

# Ops that hand elements of their first input on; of the elementwise ones these do.
HANDS_ON = (DimShuffle, Reshape, SpecifyShape, Subtensor, Split, ScalarFromTensor, TensorFromScalar)
LEAVES_AS_IT_IS = (ps.Cast, ps.Clip, ps.Identity)


def looked_up_states(model: pm.Model, name: str) -> NDArray[np.int64] | None:
    """Return the states of elements whose density was written by hand; None of other variables.

    Parameters
    ----------
    model : pm.Model
        The model.
    name : str
        The variable's name.

    Raises
    ------
    ValueError
        If nothing is looked up by the elements.
    """
    rv = without_dims(model[name])
    if not _is_custom(rv):
        return None
    others = [v for v in model.basic_RVs if rv in set(ancestors(v.owner.inputs)) and v is not rv]
    lengths = [
        *_lengths([_density(rv, value := rv.type())], value),
        *_lengths([v for other in others for v in other.owner.inputs] + list(model.potentials), rv),
    ]
    if not lengths:
        raise ValueError(
            f"Expected discrete variables whose states can be read off the model as latent, got {name} ~ "
            f"{name_of(rv)}, whose elements are drawn together and index nothing of known length: write it with a "
            "matrix of transition probabilities that it indexes, or as variables of their own."
        )
    return np.arange(min(lengths))


def _is_custom(rv: Graph) -> bool:
    """Whether a variable is of no kind that PyMC knows: its density was written by hand, or is a graph of others."""
    op = type(rv.owner.op)
    return not op.__module__.startswith(("pymc.", "pytensor.")) or any("Custom" in base.__name__ for base in op.__mro__)


def _density(rv: Graph, value: Graph) -> Graph:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return without_scans([pm.logp(rv, value)], lambda step, _: list(step))[0]


def _lengths(graphs: Sequence[Graph], variable: Graph) -> Iterator[int]:
    """Give the length of each axis that elements of a variable are an index along."""
    handed = {variable}
    for node in io_toposort([variable], list(graphs)):
        op = node.op
        if isinstance(op, Subtensor | AdvancedSubtensor) and node.inputs[0] not in handed:
            yield from _indexed(node, handed)
        elif _hands_on(op) and any(v in handed for v in _handed_inputs(node)):
            handed.update(node.outputs)


def _hands_on(op: Any) -> bool:
    return isinstance(op, (*HANDS_ON, Join, MakeVector)) or (
        isinstance(op, Elemwise) and isinstance(op.scalar_op, LEAVES_AS_IT_IS)
    )


def _handed_inputs(node: Any) -> list[Graph]:
    return list(node.inputs) if isinstance(node.op, Join | MakeVector) else [node.inputs[0]]


def _indexed(node: Any, handed: set[Graph]) -> Iterator[int]:
    for axis, index in enumerate(indices_from_subtensor(node.inputs[1:], node.op.idx_list)):
        if not isinstance(index, slice) and index in handed:
            length = _known(pt.as_tensor(node.inputs[0]).shape[axis])
            if length is not None:
                yield length


def _known(length: Graph) -> int | None:
    try:
        return int(constant_fold([length])[0])
    except NotConstantValueError:
        return None
