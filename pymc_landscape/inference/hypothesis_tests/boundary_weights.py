"""Weights of the chi-bar-squared mixture that a likelihood ratio follows where its null is at a bound.

With m parameters of interest at a bound and the rest inside, −2 log LR follows Σ wⱼ χ²ⱼ; the weights depend on the
covariance of those m alone (Self & Liang 1987, *Journal of the American Statistical Association* 82, 605-610). It is
taken from the Hessian just inside the bound.
"""

from __future__ import annotations

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.inference.hypothesis_tests.nested_models import HALVED, STEP_INSIDE, Nesting, sizes
from pymc_landscape.inference.hypothesis_tests.null_point import flat_bounds, inward, word
from pymc_landscape.numerics import chibar2_weights
from pymc_landscape.objective import RestrictedObjective
from pymc_landscape.optimize import Fit

# How far the other parameters are moved, in shares, to see whether two elements at a bound do the same to −2LL; and
# how much less one direction may do than another.
BESIDE, SAME_EFFECT, SEED = 0.1, 1e-3, 1987


def mixture(nesting: Nesting, alternative: Fit) -> Array:
    """Return the weights of χ²₀, ..., χ²_df where some parameters of interest are at a bound.

    Raises
    ------
    ValueError
        If none are, or several are and the information at the null is not positive definite.
    """
    n_inside = nesting.df - len(nesting.at_bound)  # these move freely, and add their number to each part
    if not nesting.at_bound or n_inside < 0:
        fixed = ", ".join(f"{label} = {word(value)}" for label, value in nesting.fixed.items()) or "no fixed parameter"
        raise ValueError(
            f"Expected the null on an edge of the alternative's support, got {fixed}: use reference='chi2'."
        )
    if len(nesting.at_bound) == 1:
        return np.concatenate([np.zeros(n_inside), [0.5, 0.5]])
    return np.concatenate([np.zeros(n_inside), chibar2_weights(boundary_covariance(nesting, alternative))])


def boundary_covariance(nesting: Nesting, fit: Fit) -> Array:
    """Return the covariance (m, m) of the elements at a bound, the rest estimated: a block of the inverse Hessian.

    It is taken just inside the bound b, where derivatives exist. A standard deviation enters by its square: the
    derivative of −2LL vanishes at σ = 0, but not that by σ². With v = (σ − b)² the second derivative by v is
    (f'' − f'/(σ − b)) / 4(σ − b)².
    """
    assert nesting.point is not None
    labels = list(fit.objective.layout().labels)
    elements = [labels.index(label) for label in nesting.at_bound]
    into = np.array([inward(flat_bounds(fit)[i], nesting.point[i]) for i in elements])
    steps = STEP_INSIDE * sizes(fit, nesting.point)[elements] * into
    inside = nesting.point.copy()
    inside[elements] += steps

    natural = frozenset(v.name for v in fit.objective.variables if set(v.labels) & set(nesting.at_bound))
    restricted = RestrictedObjective(fit.objective, natural)
    x = restricted.restrict(fit.objective.layout().split(inside))
    rows = [restricted.layout.labels.index(label) for label in nesting.at_bound]
    hessian, gradient = restricted.hessian(x), restricted.value_and_gradient(x)[1]
    nearer = x.copy()
    nearer[rows] -= steps / 2
    of_square = np.abs(restricted.value_and_gradient(nearer)[1][rows] / gradient[rows] - 0.5) < HALVED

    _refuse_same_effects(restricted, x, rows, steps, np.where(of_square, steps, into))

    scale, diagonal = np.ones(len(x)), np.zeros(len(x))
    scale[rows] = np.where(of_square, 2.0 * steps, into)
    diagonal[rows] = np.where(of_square, gradient[rows] / steps, 0.0)
    covariance: Array = np.linalg.inv((hessian - np.diag(diagonal)) / np.outer(scale, scale))[np.ix_(rows, rows)]
    return covariance


def _refuse_same_effects(
    restricted: RestrictedObjective, x: Array, rows: list[int], steps: Array, scale: Array
) -> None:
    """Refuse elements of which some do the same to −2LL, as two that add to one variance: no orthant is their cone."""
    rng = np.random.default_rng(SEED)
    moves = BESIDE * rng.uniform(-1, 1, (2 * len(rows) + 1, len(x))) * x
    moves[:, rows] = 0.0
    alone = np.repeat(x[None], len(rows), axis=0)  # each inside by itself, the others at their bounds
    alone[:, rows] += np.diag(steps) - steps
    slopes = np.array(
        [
            [restricted.value_and_gradient(alone[i] + move)[1][row] / scale[i] for i, row in enumerate(rows)]
            for move in moves
        ]
    )
    slopes = slopes[np.isfinite(slopes).all(axis=1)]
    if (np.ptp(slopes, axis=0) <= SAME_EFFECT * np.abs(slopes).max(axis=0, initial=0.0)).all():
        return  # they depend on no other parameter, so that one column is like any other
    strength = np.linalg.svd(slopes / np.maximum(np.abs(slopes).max(axis=0), 1e-300), compute_uv=False)
    if len(strength) == len(rows) and strength[-1] <= SAME_EFFECT * strength[0]:
        raise np.linalg.LinAlgError("some of them add to the same variance, as elements of a covariance do.")
