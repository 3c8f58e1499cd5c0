"""Draws from the prior as unconstrained vectors, at the cost of no compile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pymc as pm
from pymc.distributions.distribution import SymbolicRandomVariable
from pytensor.compile.rebuild import rebuild_collect_shared
from pytensor.graph.traversal import ancestors

from pymc_landscape._typing import Array, Graph
from pymc_landscape.engine import drawn, without_named_dims
from pymc_landscape.objective.objective import Objective

# Distributions that cannot be drawn from: they have no mass to draw.
IMPROPER = ("flat", "halfflat", "half_flat")

# So many draws of some variables.
Sampler = Callable[[np.random.Generator, int], list[list[Array]]]


def prior_draws(objective: Objective, n: int, rng: np.random.Generator) -> Array:
    """Draw from the prior; NaN for variables whose prior is flat, has no draws or takes a compiler to draw from.

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
    # kept beside what is known of the model: one that is fitted again need not be compiled again
    drawable, sample = objective.evaluators.metadata.read(("sampler", objective.names), lambda: _sampler(objective))
    initial = objective.initial_point()
    layout = objective.layout(objective.names)
    points = [dict(initial) for _ in range(n)]
    for point, values in zip(points, sample(rng, n) if drawable else (), strict=bool(drawable)):
        point.update(zip(drawable, values, strict=True))
    # one by one: a function of whole blocks takes longer to write than so few points to move
    theta = np.stack([objective.pack(point) for point in points])
    for v in objective.variables:
        if v.name not in drawable:
            theta[:, layout.slices[v.name]] = np.nan
    return theta


def _sampler(objective: Objective) -> tuple[list[str], Sampler]:
    """Return the names of variables that can be drawn, and what draws them."""
    drawable = [v.name for v in objective.variables if _is_drawable(objective.model, v.name)]
    variables = without_named_dims([objective.model[name] for name in drawable])
    if not _have_draws(variables):
        kept = [i for i, variable in enumerate(variables) if _have_draws([variable])]
        drawable, variables = [drawable[i] for i in kept], [variables[i] for i in kept]

    rngs = _rngs(variables)

    def sample(rng: np.random.Generator, n: int) -> list[list[Array]]:
        seeds = np.random.SeedSequence(int(rng.integers(2**30))).spawn(len(rngs))
        generators = {s: np.random.Generator(np.random.PCG64(seed)) for s, seed in zip(rngs, seeds, strict=True)}
        return [drawn(variables, generators) for _ in range(n)]

    return drawable, sample


def _rngs(variables: list[Graph]) -> list[Any]:
    """Return the sources of chance in the order of a function of PyTensor: a seed gives the draws it always gave."""
    shared: list[Any] = rebuild_collect_shared(variables, [])[2][3]
    return [s for s in shared if isinstance(s.get_value(borrow=True), np.random.Generator)]


def _have_draws(variables: list[Graph]) -> bool:
    """Whether the distributions say how to draw from them: pm.ICAR does not, nor a pm.CustomDist of a logp alone."""
    try:
        drawn(variables, {s: np.random.default_rng(0) for s in _rngs(variables)})
    except NotImplementedError:
        return False
    return True


def _is_drawable(model: pm.Model, name: str) -> bool:
    """Whether a variable, and all that its prior depends on, is drawn by NumPy alone."""
    ops = [v.owner.op for v in ancestors([model[name]]) if v.owner is not None]
    return not any(isinstance(op, SymbolicRandomVariable) or getattr(op, "name", "") in IMPROPER for op in ops)
