"""What PyMC's transforms say of the supports of free variables, and of their unconstrained values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pymc.distributions.transforms import CholeskyCorrTransform, CholeskyCovPacked, LogExpM1, Ordered
from pymc.logprob.transforms import (
    CircularTransform,
    IntervalTransform,
    LogOddsTransform,
    LogTransform,
    SimplexTransform,
    Transform,
)

from pymc_landscape._typing import Graph

# Transforms that need nothing but the value; all others read limits, or more, off the prior.
VALUE_TRANSFORMS = (CircularTransform, LogOddsTransform, LogTransform, SimplexTransform, LogExpM1)
# Transforms of variables with named dims, by name, as those of arrays that do the same. PyMC has them in a module that
# is imported by models with named dims alone.
NAMED_DIMS = "pymc.dims."
PLAIN: Mapping[str, Callable[[Any], Transform]] = {
    "LogTransform": lambda named: LogTransform(),
    "LogOddsTransform": lambda named: LogOddsTransform(),
    "CircularTransform": lambda named: CircularTransform(),
    "IntervalTransform": lambda named: IntervalTransform(lambda *_: (_limit(named.lower), _limit(named.upper))),
    "SimplexTransform": lambda named: SimplexTransform(),
}
# Shares are shares if they sum to 1 up to this.
SUM = 1e-5


def plain(transform: Transform | None) -> Transform | None:
    """Return a transform as one of arrays, where it is of a variable with named dims; any other as it is.

    What it says of supports is the same; the values themselves are moved by the model's own.
    """
    kind = type(transform)
    if not kind.__module__.startswith(NAMED_DIMS) or kind.__name__ not in PLAIN:
        return transform
    return PLAIN[kind.__name__](transform)


def _limit(limit: Graph) -> float | None:
    value = float(limit.data)
    return value if np.isfinite(value) else None


def bounds(transform: Transform | None, inputs: Iterable[Graph]) -> tuple[Any, Any] | None:
    """Return the limits of an elementwise transform's domain; None where it is not an interval."""
    transform = plain(transform)
    if isinstance(transform, LogTransform | LogExpM1):
        return 0.0, np.inf
    if isinstance(transform, LogOddsTransform):
        return 0.0, 1.0
    if isinstance(transform, CircularTransform):
        return -np.inf, np.inf
    if isinstance(transform, CholeskyCovPacked):
        return _triangle(transform.diag_idxs), np.inf
    if isinstance(transform, IntervalTransform):
        low, high = transform.args_fn(*inputs)
        return -np.inf if low is None else low, np.inf if high is None else high
    return None


def is_simplex(transform: Transform | None) -> bool:
    """Whether the elements are weights that sum to one."""
    return isinstance(plain(transform), SimplexTransform)


def closed_support(transform: Transform | None, value: Graph) -> Graph | None:
    """Return whether shares, an ordered vector or a Cholesky factor are in their support, bounds too; None for others.

    Bounds are shares of 0, ties, and correlations that leave the factor with a diagonal of 0.
    """
    if is_simplex(transform):
        return pt.all(pt.ge(value, 0.0)) & pt.all(pt.le(pt.abs(value.sum(axis=-1) - 1.0), SUM))
    if isinstance(transform, Ordered):
        return pt.all(pt.ge(pt.diff(value, axis=-1), 0.0))
    if isinstance(transform, CholeskyCorrTransform):
        return pt.all(pt.ge(pt.diagonal(value, axis1=-2, axis2=-1), 0.0)) & pt.all(pt.eq(pt.triu(value, 1), 0.0))
    return None


def unit_rows(transform: Transform | None, value: Graph) -> Graph:
    """Return a natural value as the prior knows it: rows of a Cholesky factor of correlations have length 1.

    So each can be written up to a multiple, with one element that does not move.
    """
    if isinstance(transform, CholeskyCorrTransform):
        return value / pt.sqrt((value**2).sum(axis=-1, keepdims=True))
    return value


def forward(transform: Transform | None, rv: Graph) -> Graph:
    """Return a variable on its unconstrained scale."""
    return rv if transform is None else transform.forward(rv, *rv.owner.inputs)


def _triangle(diagonal: Graph) -> Graph:
    """Return the lower limits of a lower triangle, row by row: its diagonal is not negative."""
    return pt.set_subtensor(pt.full((diagonal[-1] + 1,), np.float64(-np.inf))[diagonal], 0.0)
