"""Draws of random variables by NumPy alone, where PyTensor asks SciPy's distributions for them.

`scipy.stats` takes longer to import than a small model takes to fit; what it does for a half-normal is a line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from pytensor.graph.basic import Apply
from pytensor.tensor.random.basic import HalfNormalRV, StudentTRV
from pytensor.tensor.random.op import RandomVariable
from pytensor.tensor.random.utils import custom_rng_deepcopy

from pymc_landscape._typing import Array

# From a generator, the shape parameters and the shape of the draw to one at 0 of scale 1, as SciPy draws it.
Standard = Callable[..., Array]

_STANDARD: dict[type[RandomVariable], Standard] = {
    HalfNormalRV: lambda rng, shape: np.abs(rng.standard_normal(size=shape)),
    StudentTRV: lambda rng, df, shape: rng.standard_t(df, size=shape),
}


def drawn_by_numpy(node: Apply[Any], inputs: Sequence[Any]) -> list[Any] | None:
    """Return the generator after a draw, and the draw; None where PyTensor's own way is to be taken.

    Parameters
    ----------
    node : Apply
        Of a random variable, which changes no generator in place.
    inputs : sequence
        The generator, the shape or None, and the parameters, the last two of which are location and scale.
    """
    standard = _STANDARD.get(type(node.op))
    if standard is None:
        return None
    rng, size, *shape_parameters, location, scale = inputs
    if not (np.all(np.asarray(scale) > 0.0) and all(np.all(np.asarray(p) > 0.0) for p in shape_parameters)):
        return None  # what is said of them is PyTensor's affair
    shape = np.broadcast_shapes(*map(np.shape, (*shape_parameters, location, scale))) if size is None else tuple(size)
    after = custom_rng_deepcopy(rng)
    return [after, np.asarray(standard(after, *shape_parameters, shape) * scale + location, dtype=node.op.dtype)]
