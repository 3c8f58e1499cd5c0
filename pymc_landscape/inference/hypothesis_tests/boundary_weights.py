"""Weights of the chi-bar-squared mixture that a likelihood ratio follows where its null is at a bound.

With m parameters of interest at a bound and the rest inside, −2 log LR follows Σ wⱼ χ²ⱼ; the weights depend on the
covariance of those m alone (Self & Liang 1987, *Journal of the American Statistical Association* 82, 605-610). It is
taken from the Hessian just inside the bound.

One nuisance parameter is allowed to vanish under the null: the correlation ρ of an effect whose standard deviation σ is
0 there. It makes no difference to the likelihood, and yet the problem is regular: σρ and σ√(1 − ρ²) are the two
parameters that count, the first free, the second at its bound. This shows in the derivative of −2LL by σ at 0, which is
proportional to ρ: −2LL has a first-order term in σρ, and none in σ². The law is ½ χ²₍df−1₎ + ½ χ²₍df₎ then (Stram & Lee
1994, *Biometrics* 50, 1171-1177, case 3), as for one parameter at a bound.
"""

from __future__ import annotations

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.inference.hypothesis_tests.nested_models import Nesting, flat_bounds, sizes, word
from pymc_landscape.numerics import chibar2_weights
from pymc_landscape.objective import RestrictedObjective
from pymc_landscape.optimize import Fit

# Just inside a bound, in distances of the estimate or the initial point from it.
STEP_INSIDE = 1e-4
# A gradient that halves, within this, with half the distance to the bound is that of a function of the square.
HALVED = 0.05
# Correlations at which the derivative by the parameter at its bound is taken.
CORRELATIONS = np.array([-0.8, -0.4, 0.0, 0.4, 0.8])
# How far those derivatives may be from proportional, as a share of the largest; and how large that is at least, in
# units of −2LL per unit of the parameter.
PROPORTIONAL, LEAST_DERIVATIVE = 1e-4, 1e-6


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
    inward = np.array([_inward(flat_bounds(fit)[i], nesting.point[i]) for i in elements])
    steps = STEP_INSIDE * sizes(fit, nesting.point)[elements] * inward
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

    scale, diagonal = np.ones(len(x)), np.zeros(len(x))
    scale[rows] = np.where(of_square, 2.0 * steps, inward)
    diagonal[rows] = np.where(of_square, gradient[rows] / steps, 0.0)
    covariance: Array = np.linalg.inv((hessian - np.diag(diagonal)) / np.outer(scale, scale))[np.ix_(rows, rows)]
    return covariance


def _inward(bounds: tuple[float, float], value: float) -> float:
    """Return the sign of a step from the nearer bound into the support."""
    return -1.0 if abs(bounds[1] - value) < abs(value - bounds[0]) else 1.0


def is_vanishing_correlation(nesting: Nesting, fit: Fit) -> bool:
    """Whether one parameter is at a bound, and each that vanishes there is a correlation of its effect."""
    if nesting.point is None or len(nesting.at_bound) != 1 or not nesting.vanished:
        return False
    bounds = {label: v.limits(i) for v in fit.objective.variables for i, label in enumerate(v.labels)}
    if any(bounds[label] != (-1.0, 1.0) for label in nesting.vanished):
        return False
    labels = list(fit.objective.layout().labels)
    at_bound = labels.index(nesting.at_bound[0])
    restricted = RestrictedObjective(fit.objective, frozenset(v.name for v in fit.objective.variables))
    return all(_is_proportional(restricted, nesting.point, at_bound, labels.index(name)) for name in nesting.vanished)


def _is_proportional(restricted: RestrictedObjective, point: Array, at_bound: int, i: int) -> bool:
    """Whether the derivative of −2LL by the element at its bound is proportional to element i."""
    points = np.repeat(point[None], len(CORRELATIONS), axis=0)
    points[:, i] = CORRELATIONS
    with np.errstate(all="ignore"):
        derivatives = np.array([restricted.value_and_gradient(x)[1][at_bound] for x in points])
    if not np.isfinite(derivatives).all() or np.abs(derivatives).max() <= LEAST_DERIVATIVE:
        return False
    rate = float(derivatives @ CORRELATIONS / (CORRELATIONS @ CORRELATIONS))
    return bool(np.abs(derivatives - rate * CORRELATIONS).max() <= PROPORTIONAL * np.abs(derivatives).max())
