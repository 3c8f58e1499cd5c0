"""The states that a discrete variable can take, where they are finitely many."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray
from pymc.distributions.distribution import SymbolicRandomVariable
from pymc.exceptions import NotConstantValueError
from pymc.pytensorf import constant_fold
from pytensor.graph.traversal import ancestors
from pytensor.tensor.random.op import RandomVariable

from pymc_landscape.aliases import Graph
from pymc_landscape.distributions import kind_of, name_of, without_dims

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
