"""Normal priors whose variance is the number 0, as ``pm.do(model, {"sd": 0.0})`` leaves them.

A variable with such a prior equals its mean, whatever the data are: no parameter, but a random effect without a spread.
"""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.distributions.multivariate import CARRV, ICARRV, MatrixNormalRV, ZeroSumNormalRV
from pymc.distributions.timeseries import AutoRegressiveRV, EulerMaruyamaRV, RandomWalkRV
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Constant
from pytensor.graph.traversal import ancestors
from pytensor.tensor.elemwise import DimShuffle
from pytensor.tensor.random.basic import LogNormalRV, MvNormalRV, NormalRV

from pymc_landscape._typing import Array, Graph
from pymc_landscape.engine import evaluated
from pymc_landscape.model.distributions import without_dims


def has_no_spread(rv: Graph) -> bool:
    """Whether the prior of a variable is normal with a standard deviation, of some element, that is the number 0."""
    rv = without_dims(rv)
    op, inputs = rv.owner.op, rv.owner.inputs
    if isinstance(op, RandomWalkRV):
        return has_no_spread(inputs[1])
    if isinstance(op, EulerMaruyamaRV):
        x = pm.Normal.dist(0.0, 1.0, shape=rv.type.shape[:-1])
        return _vanishes(op.sde_fn(x, *inputs[2:-1])[1], 0.0)
    if isinstance(op, AutoRegressiveRV):
        return _vanishes(inputs[1], 0.0)
    if isinstance(op, CARRV):
        return _vanishes(op.dist_params(rv.owner)[3], np.inf)
    if isinstance(op, MvNormalRV):
        return _vanishes(pt.diagonal(op.dist_params(rv.owner)[1], axis1=-2, axis2=-1), 0.0)
    if isinstance(op, MatrixNormalRV):
        return any(_vanishes(pt.diagonal(root), 0.0) for root in op.dist_params(rv.owner)[1:])
    if isinstance(op, ZeroSumNormalRV):
        return _vanishes(op.dist_params(rv.owner)[0], 0.0)
    return isinstance(op, NormalRV | LogNormalRV | ICARRV) and _vanishes(op.dist_params(rv.owner)[1], 0.0)


def _vanishes(graph: Graph, value: float) -> bool:
    """Whether some element of a graph is this number at all points."""
    numbers = _numbers(graph)
    return numbers is not None and bool((numbers == value).any())


def _numbers(graph: Graph) -> Array | None:
    """Return what a graph is at all points, if data are in it, or nothing but a constant; else None."""
    while graph.owner is not None and isinstance(graph.owner.op, DimShuffle):
        graph = graph.owner.inputs[0]
    if isinstance(graph, Constant):
        return np.asarray(graph.data)
    roots = [v for v in ancestors([graph]) if v.owner is None]
    if any(not isinstance(v, Constant | SharedVariable) or not hasattr(v.type, "dtype") for v in roots):
        return None  # also where something is random: it has a generator of random numbers
    if not any(isinstance(v, SharedVariable) for v in roots):
        return None
    return evaluated([graph])[0]
