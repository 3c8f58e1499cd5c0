"""Engines of the derivatives that an Op of the model does not have: differences of those that it has, or of values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.engine.difference_engine import DerivativeKind, DifferenceEngine, JacobianDifferences
from pymc_landscape.engine.engine import Engine

EngineOf = Callable[[Literal["density", "gradient", "pointwise", "natural", "derived"]], Engine]


def weighted_derivatives(kind: DerivativeKind, engine: EngineOf, size: int, weight: Callable[[], float]) -> Engine:
    """Return an engine of derivatives of −2 (log L + w log prior).

    Parameters
    ----------
    kind : str
        Which.
    engine : callable
        Gives the engine of another kind.
    size : int
        Length k of the vector.
    weight : callable
        Gives w.
    """
    if kind != "gradient":
        gradient = engine("gradient")
        if not isinstance(gradient, DifferenceEngine):
            return DifferenceEngine(kind, gradient, size)
    return DifferenceEngine(kind, engine("density"), size, lambda outputs: _value(outputs, weight()))


def jacobian_by_differences(
    kind: Literal["scores", "natural_jacobian", "derived_jacobian"], engine: EngineOf
) -> Engine:
    """Return an engine of how each observation's log-likelihood, natural value or Deterministic moves."""
    density = engine("density")

    def minus2ll(points: Array) -> Array:
        return _value(density.several(points), 0.0)

    if kind == "scores":
        rows = engine("pointwise")
        return JacobianDifferences(("scores",), rows, slice(len(rows.names) - 1), minus2ll)  # the last is the prior
    whole = engine("natural" if kind == "natural_jacobian" else "derived")
    return JacobianDifferences(("jacobian", "moved"), whole, slice(None), minus2ll)


def _value(outputs: list[Array], weight: float) -> Array:
    """Return −2 (log L + w log prior) from the terms of the log-likelihood, and the log prior."""
    *terms, prior = outputs
    total = np.asarray(-2.0 * sum(terms))
    return total - 2.0 * weight * prior if weight else total
