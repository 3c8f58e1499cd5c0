"""Draws of random variables by NumPy alone, where PyTensor asks SciPy's distributions for them.

`scipy.stats` takes longer to import than a small model takes to fit; what it does for a half-normal is a line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from pytensor.graph.basic import Apply
from pytensor.tensor.random.basic import HalfNormalRV, NegBinomialRV, StudentTRV
from pytensor.tensor.random.op import RandomVariable
from pytensor.tensor.random.utils import custom_rng_deepcopy

from pymc_landscape._typing import Array

# Whether parameters are possible (what is said of others is PyTensor's affair), and the draw of a shape.
_DRAWS: dict[type[RandomVariable], tuple[Callable[..., Any], Callable[..., Array]]] = {
    HalfNormalRV: (
        lambda loc, scale: np.all(scale > 0.0),
        lambda rng, loc, scale, shape: np.abs(rng.standard_normal(size=shape)) * scale + loc,
    ),
    StudentTRV: (
        lambda df, loc, scale: np.all(df > 0.0) and np.all(scale > 0.0),
        lambda rng, df, loc, scale, shape: rng.standard_t(df, size=shape) * scale + loc,
    ),
    NegBinomialRV: (
        lambda n, p: np.all(n > 0.0) and np.all(p > 0.0) and np.all(p <= 1.0),
        lambda rng, n, p, shape: rng.negative_binomial(n, p, size=shape),
    ),
}


def draw_by_numpy(op: Any, rng: np.random.Generator, parameters: Sequence[Any], size: Any) -> Array | None:
    """Draw as SciPy does; None where PyTensor's own way is to be taken, with the generator as it was.

    Parameters
    ----------
    op : RandomVariable
        Of what is drawn.
    rng : Generator
        Is left where it is after the draw.
    parameters : sequence of array
        In the order of the Op.
    size : sequence of int or None
        The shape of the draw; None for that of the parameters.
    """
    if type(op) not in _DRAWS:
        return None
    are_possible, draw = _DRAWS[type(op)]
    if not are_possible(*map(np.asarray, parameters)):
        return None
    shape = np.broadcast_shapes(*map(np.shape, parameters)) if size is None else tuple(size)
    return np.asarray(draw(rng, *parameters, shape), dtype=op.dtype)


def drawn_by_numpy(node: Apply[Any], inputs: Sequence[Any]) -> list[Any] | None:
    """Return the generator after a draw, and the draw; None where PyTensor's own way is to be taken.

    Parameters
    ----------
    node : Apply
        Of a random variable, which changes no generator in place.
    inputs : sequence
        The generator, the shape or None, and the parameters.
    """
    if type(node.op) not in _DRAWS:
        return None
    rng, size, *parameters = inputs
    after = custom_rng_deepcopy(rng)
    drawn = draw_by_numpy(node.op, after, parameters, size)
    return None if drawn is None else [after, drawn]
