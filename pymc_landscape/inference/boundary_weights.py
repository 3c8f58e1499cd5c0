"""Chi-bar-squared weights of a null on the boundary.

Weights of χ̄² for a null on the edge of its alternative: from the curvature just inside the edge.

Correlations that vanish with a standard deviation: where the pair is a half plane, whose law is known.

At σ = 0 the correlation ρ of that effect makes no difference, and yet no nuisance has vanished: σρ and σ√(1 − ρ²) are
the pair that counts, the first free, the second at its edge. It shows in the slope of −2LL by σ at 0, which is in
proportion to ρ: what σρ does has a slope there, what σ² does has none. The law is then ½ χ²₍df−1₎ + ½ χ²₍df₎ (Stram &
Lee 1994, *Biometrics* 50(4), case 3), as for one parameter on an edge.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.inference.nested_models import Nesting, flat_bounds, sizes, word
from pymc_landscape.numerics import chibar2_weights
from pymc_landscape.objective import RestrictedObjective
from pymc_landscape.optimize import Fit

# Just inside an edge, in distances of the estimate or the initial point from it.
STEP_INSIDE = 1e-4


def mixture(nesting: Nesting, alternative: Fit) -> Array:
    """Return the weights of χ²₀, ..., χ²_df where some parameters of interest are on the edge.

    Raises
    ------
    ValueError
        If several are, and the information at the null is not positive definite.
    """
    inside = nesting.df - len(nesting.edge)  # these move freely, and add their number to each part
    if not nesting.edge or inside < 0:
        raise ValueError(
            f"Expected the null on an edge of the alternative's support, got {_said(nesting)}: use reference='chi2'."
        )
    if len(nesting.edge) == 1:
        return np.concatenate([np.zeros(inside), [0.5, 0.5]])
    return np.concatenate([np.zeros(inside), chibar2_weights(edge_covariance(nesting, alternative))])


def _said(nesting: Nesting) -> str:
    return ", ".join(f"{label} = {word(value)}" for label, value in nesting.fixed.items()) or "no fixed parameter"


def edge_covariance(nesting: Nesting, fit: Fit) -> Array:
    """Return the covariance (m, m) of the elements on the edge, all others estimated: a block of the inverse Hessian.

    It is taken just inside the edge, where derivatives exist. A standard deviation enters by its square: the slope of
    −2LL is 0 at σ = 0, but not its derivative by σ². With v = (σ − e)², f'' by v is (f'' − f'/(σ − e)) / 4(σ − e)².
    """
    assert nesting.point is not None
    point = nesting.point
    labels = list(fit.objective.layout().labels)
    where = [labels.index(label) for label in nesting.edge]
    ways = np.array([_way_inside(fit, point, i) for i in where])
    steps = STEP_INSIDE * sizes(fit, point)[where] * ways
    inside = point.copy()
    inside[where] += steps
    restricted, x, rows = _restricted_at_bounds(fit, inside, nesting.edge)
    hessian, slope = restricted.hessian(x), restricted.value_and_gradient(x)[1]
    nearer = x.copy()
    nearer[rows] -= steps / 2
    # a slope that falls to 0 with the distance
    even = np.abs(restricted.value_and_gradient(nearer)[1][rows] / slope[rows] - 0.5) < 0.05
    scale = np.ones(len(x))
    scale[rows] = np.where(even, 2.0 * steps, ways)
    diagonal = np.zeros(len(x))
    diagonal[rows] = np.where(even, slope[rows] / steps, 0.0)
    covariance: Array = np.linalg.inv((hessian - np.diag(diagonal)) / np.outer(scale, scale))[np.ix_(rows, rows)]
    return covariance


def _way_inside(fit: Fit, point: Array, i: int) -> float:
    low, high = flat_bounds(fit)[i]
    return -1.0 if abs(high - point[i]) < abs(point[i] - low) else 1.0


def _restricted_at_bounds(fit: Fit, inside: Array, edge: Sequence[str]) -> tuple[RestrictedObjective, Array, list[int]]:
    """Return a frame with the variables on the edge on their natural scale, the point in it, and their places."""
    objective = fit.objective
    natural = frozenset(v.name for v in objective.variables if set(v.labels) & set(edge))
    restricted = RestrictedObjective(objective, natural)
    x = restricted.restrict(objective.layout().split(inside))
    return restricted, x, [restricted.layout.labels.index(label) for label in edge]


# Values of a vanished element at which the slope is looked at, in units of the one at the null, or of 1.
TURNS = np.array([-0.8, -0.4, 0.0, 0.4, 0.8])
# Of the largest slope: so near to a straight line, and so much of one at the least in units of −2LL a distance.
STRAIGHT, LEVEL = 1e-4, 1e-6


def is_vanishing_correlation(nesting: Nesting, fit: Fit) -> bool:
    """Whether one parameter is on an edge, and each that vanishes there turns its direction: as correlations do."""
    if nesting.point is None or len(nesting.edge) != 1 or not nesting.vanished:
        return False
    labels = list(fit.objective.layout().labels)
    edge, point = labels.index(nesting.edge[0]), nesting.point
    bounds = {label: v.limits(i) for v in fit.objective.variables for i, label in enumerate(v.labels)}
    if any(bounds[label] != (-1.0, 1.0) for label in nesting.vanished):
        return False
    restricted = RestrictedObjective(fit.objective, frozenset(v.name for v in fit.objective.variables))
    return all(_is_in_proportion(restricted, point, edge, labels.index(label)) for label in nesting.vanished)


def _is_in_proportion(restricted: RestrictedObjective, point: Array, edge: int, i: int) -> bool:
    places = np.repeat(point[None], len(TURNS), axis=0)
    places[:, i] = TURNS
    with np.errstate(all="ignore"):
        slopes = np.array([restricted.value_and_gradient(place)[1][edge] for place in places])
    if not np.isfinite(slopes).all() or np.abs(slopes).max() <= LEVEL:
        return False
    rate = float(slopes @ TURNS / (TURNS @ TURNS))
    return bool(np.abs(slopes - rate * TURNS).max() <= STRAIGHT * np.abs(slopes).max())
