"""PyMC's transforms of single elements in closed form, so that values change their scale without a graph.

They are the same functions as PyMC writes them; what depends on other variables, or moves several elements at once,
stays a graph.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, override

import numpy as np
import pymc as pm
from pymc.distributions.transforms import CholeskyCorrTransform, LogExpM1
from pymc.logprob.transforms import IntervalTransform, LogOddsTransform, LogTransform

from pymc_landscape._typing import Array
from pymc_landscape.engine import Backend, ChunkedEvaluation, Engine
from pymc_landscape.model import FreeVariable, Layout, constant_value, plain

Move = Callable[[Array], Array]
Moves = tuple[Move, Move, Move]  # to the natural scale, its derivative, and back


def _same(x: Array) -> Array:
    return x


_SAME: Moves = _same, np.ones_like, _same
_LOG: Moves = np.exp, np.exp, np.log


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(−x)) of a few numbers, bit by bit as SciPy's function, which takes long to import."""
    return np.array([_sigmoid(value) for value in np.ravel(x).tolist()]).reshape(np.shape(x))


def _sigmoid(x: float) -> float:
    try:
        return 1.0 / (1.0 + math.exp(-x))
    except OverflowError:
        return 0.0


_LOG_ODDS: Moves = sigmoid, lambda x: sigmoid(x) * sigmoid(-x), lambda p: np.log(p) - np.log1p(-p)
_LOG_EXP_M1: Moves = lambda x: np.logaddexp(0.0, x), sigmoid, lambda y: np.log(-np.expm1(-y)) + y


class TransformEngine(Engine):
    """Free variables moved from one scale to the other, element by element.

    Parameters
    ----------
    kind : {"natural", "unconstrained", "natural_jacobian"}
        Where to; the last has the derivatives (k, n) of the natural values, raveled, and these (n,).
    layout : Layout
        The scale of each variable in the vector.
    moves : dict of str to Moves
        The functions of each variable that is moved.
    """

    def __init__(
        self,
        kind: Literal["natural", "unconstrained", "natural_jacobian"],
        layout: Layout,
        moves: dict[str, Moves],
    ):
        self.kind, self.layout, self.moves = kind, layout, moves
        of_values = tuple(v.name for v in layout.variables)
        super().__init__(("jacobian", "moved") if kind == "natural_jacobian" else of_values, layout.size)

    @property
    @override
    def lengths(self) -> list[int | None]:
        if self.kind == "natural_jacobian":
            return [self.size**2, self.size]
        return [_size(v) if v.shape else None for v in self.layout.variables]

    @override
    def one(self, point: Array) -> list[Array]:
        return [value[0] for value in self.several(point[None])]

    @override
    def several(self, points: Array) -> list[Array]:
        which = 2 if self.kind == "unconstrained" else 0
        moved = [self._moved(v, points, which) for v in self.layout.variables]
        if self.kind != "natural_jacobian":
            return [value if v.shape else value[:, 0] for v, value in zip(self.layout.variables, moved, strict=True)]
        slopes = np.concatenate([self._moved(v, points, 1) for v in self.layout.variables], axis=1)
        jacobian = slopes[:, :, None] * np.eye(self.size)
        return [jacobian.reshape(len(points), -1), np.concatenate(moved, axis=1)]

    def _moved(self, v: FreeVariable, points: Array, which: int) -> Array:
        part = points[:, self.layout.slices[v.name]]
        with np.errstate(all="ignore"):
            return np.array(self.moves.get(v.name, _SAME)[which](part))

    @override
    def at(self, points: Array) -> dict[str, Array]:
        return dict(zip(self.names, self.several(points), strict=True))

    @override
    def compile(self) -> None:
        """Nothing to do."""

    @override
    def evaluate(self, evaluation: ChunkedEvaluation) -> None:
        evaluation.finish(Backend(self.several))


def transform_engine(model: pm.Model, kind: str, layout: Layout) -> TransformEngine | None:
    """Return the engine that moves the variables of a layout in closed form; None where one of them needs a graph."""
    if kind not in ("natural", "unconstrained", "natural_jacobian"):
        return None
    moves = dict[str, Moves]()
    for v in layout.variables:
        rv = model[v.name]
        transform, is_natural = plain(model.rvs_to_transforms[rv]), v.name not in layout.unconstrained
        if rv.type.dtype != "float64" or (is_natural and isinstance(transform, CholeskyCorrTransform)):
            return None  # whole numbers are cut, rows are brought to length 1
        if is_natural == (kind == "unconstrained") and transform is not None:
            if (known := _moves(transform, rv.owner.inputs, v)) is None:
                return None
            moves[v.name] = known
    return TransformEngine(kind, layout, moves)  # type: ignore[arg-type]


def _moves(transform: object, inputs: list[object], v: FreeVariable) -> Moves | None:
    if isinstance(transform, IntervalTransform):
        limits = transform.args_fn(*inputs)
        low, high = (None if limit is None else constant_value(limit) for limit in limits)
        if any(limit is not None and value is None for limit, value in zip(limits, (low, high), strict=True)):
            return None
        return _interval(*(None if x is None else np.broadcast_to(x, v.shape).ravel() for x in (low, high)))
    known = {LogTransform: _LOG, LogOddsTransform: _LOG_ODDS, LogExpM1: _LOG_EXP_M1}
    return known.get(type(transform))


def _interval(low: Array | None, high: Array | None) -> Moves | None:
    """Return the moves of an interval with these limits; None where some elements have a limit and others have none."""
    a, b = (None if limit is None or np.isinf(limit).all() else limit for limit in (low, high))
    if any(limit is not None and not np.isfinite(limit).all() for limit in (a, b)):
        return None
    if a is not None and b is not None:
        return (
            lambda x: sigmoid(x) * b + sigmoid(-x) * a,
            lambda x: (b - a) * sigmoid(x) * sigmoid(-x),
            lambda y: np.log(y - a) - np.log(b - y),
        )
    if a is not None:
        return lambda x: np.exp(x) + a, np.exp, lambda y: np.log(y - a)
    if b is not None:
        return lambda x: b - np.exp(x), lambda x: -np.exp(x), lambda y: np.log(b - y)
    return _SAME


def _size(v: FreeVariable) -> int:
    return int(np.prod(v.shape))
