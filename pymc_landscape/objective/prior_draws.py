"""Draws from the prior as unconstrained vectors, at the cost of no compile."""

from __future__ import annotations

import numpy as np
import pymc as pm
from pymc.distributions.distribution import SymbolicRandomVariable
from pytensor.graph.traversal import ancestors

from pymc_landscape._typing import Array
from pymc_landscape.objective.objective import Objective

# Distributions that cannot be drawn from: they have no mass to draw.
IMPROPER = ("flat", "halfflat", "half_flat")


def prior_draws(objective: Objective, n: int, rng: np.random.Generator) -> Array:
    """Draw from the prior; NaN for elements of variables whose prior is flat or takes a compiler to draw from.

    Parameters
    ----------
    objective : Objective
        Of the model.
    n : int
        How many.
    rng : Generator
        The source of chance.

    Returns
    -------
    array (n, k)
        Unconstrained vectors; infinite where a draw fell on a bound, or NaN where a variable was not drawn.
    """
    drawable = [v.name for v in objective.variables if _is_drawable(objective.model, v.name)]
    initial = objective.initial_point()
    layout = objective.layout(objective.names)
    points = [dict(initial) for _ in range(n)]
    if drawable:
        drawn = pm.draw([objective.model[name] for name in drawable], draws=n, random_seed=rng, mode="FAST_COMPILE")
        for name, values in zip(drawable, drawn, strict=True):
            for point, value in zip(points, values, strict=True):
                point[name] = value
    # one by one: a function of whole blocks takes longer to write than so few points to move
    theta = np.stack([objective.pack(point) for point in points])
    for v in objective.variables:
        if v.name not in drawable:
            theta[:, layout.slices[v.name]] = np.nan
    return theta


def _is_drawable(model: pm.Model, name: str) -> bool:
    """Whether a variable, and all that its prior depends on, is drawn by NumPy alone."""
    ops = [v.owner.op for v in ancestors([model[name]]) if v.owner is not None]
    return not any(isinstance(op, SymbolicRandomVariable) or getattr(op, "name", "") in IMPROPER for op in ops)
