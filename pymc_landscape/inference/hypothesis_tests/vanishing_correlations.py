"""Whether what vanishes under the null are the correlations of the effect whose spread is 0 there.

Of q + 1 correlated effects the null drops one: its standard deviation σ is 0, and its correlations ρ with the other q
make no difference then. The problem is regular all the same: the covariances, proportional to σρ, may have either sign,
and the variance σ² is at its bound. So −2LL has a term of first order in σ, a(ρ), that comes from q fixed directions
only, whatever the data, and one of second order. The law is ½ χ²_q + ½ χ²_(q+1) (Stram & Lee 1994, *Biometrics* 50,
1171-1177, case 3). Where a place or a mean vanishes instead, a() comes from as many directions as there are places.
"""

from __future__ import annotations

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.inference.hypothesis_tests.nested_models import Nesting, simulated_under
from pymc_landscape.inference.hypothesis_tests.null_point import flat_bounds
from pymc_landscape.objective import FreeVariable, Objective, RestrictedObjective
from pymc_landscape.optimize import Fit

CORRELATIONS = "cholesky_corr"
# Values of what vanishes at which the derivative is taken, for each direction that is expected and beyond.
VALUES_EACH, VALUES = 3, 4
# Shares of the support of a bounded element, and values of one without bounds, from which they are drawn.
WIDEST, UNBOUNDED = 0.9, 2.0
# What counts as a direction, as a share of the strongest; and how large a derivative is at least, in units of −2LL.
DIRECTION, LEAST_DERIVATIVE = 1e-4, 1e-6
# Data sets beside those observed, and values of the other parameters beside the null's, in shares of them.
DATA_SETS, BESIDE, STEP = 3, 2, 0.1
SEED = 1171


def are_correlations(nesting: Nesting, null: Fit, alternative: Fit) -> bool:
    """Whether one parameter is at a bound, and all that vanishes are correlations of its effect.

    Parameters
    ----------
    nesting : Nesting
        The null as a point of the alternative.
    null, alternative : Fit
        The two fits.
    """
    if nesting.point is None or len(nesting.at_bound) != 1 or not nesting.vanished:
        return False
    q = _dimensions(nesting, alternative)
    if not 1 <= q <= nesting.df - 1:
        return False
    derivatives, n_data = _derivatives(nesting, null, alternative, q)
    if not np.isfinite(derivatives).all() or np.abs(derivatives).max() <= LEAST_DERIVATIVE:
        return False
    scaled = derivatives / np.maximum(np.abs(derivatives).max(axis=1, keepdims=True), LEAST_DERIVATIVE)
    _, strength, directions = np.linalg.svd(scaled)
    if int((strength > DIRECTION * strength[0]).sum()) != q:
        return False
    either = directions[:q]
    both_signs = bool((either.min(axis=1) < 0).all() and (either.max(axis=1) > 0).all())
    return both_signs and (n_data > 1 or _is_proportional(nesting, alternative, derivatives))


def _dimensions(nesting: Nesting, fit: Fit) -> int:
    """Return how many free coordinates vanish: of a row of a factor, those off the diagonal; 0 if others do."""
    total = 0
    for v in fit.objective.variables:
        vanished = [i for i, label in enumerate(v.labels) if label in nesting.vanished]
        if vanished and not (v.elementwise or v.transform == CORRELATIONS):
            return 0
        total += sum(v.elementwise or _is_below(v, i) for i in vanished)
    return total


def _is_below(v: FreeVariable, i: int) -> bool:
    n = v.shape[-1]
    return i % n < (i // n) % n


def _derivatives(nesting: Nesting, null: Fit, fit: Fit, q: int) -> tuple[Array, int]:
    """Return the derivative by what is at its bound (n, m): rows by data and parameters, columns by what vanishes."""
    assert nesting.point is not None
    points = _vanished_points(nesting, fit, q)
    labels = list(fit.objective.layout().labels)
    at_bound = labels.index(nesting.at_bound[0])
    rng = np.random.default_rng(SEED)
    held = np.isin(labels, [*nesting.fixed, *nesting.vanished])
    steps = [np.where(held, 0.0, STEP * rng.uniform(-1, 1, len(labels)) * points[0]) for _ in range(BESIDE)]
    data = [] if _are_called_correlations(nesting, fit) else simulated_under(null, DATA_SETS + q)
    rows = [_by_element(fit.objective, points + step, at_bound) for step in (np.zeros(len(labels)), *steps)]
    rows += [_by_element(fit.objective.with_data(**values), points, at_bound) for values in data]
    return np.array([row for row in rows if np.isfinite(row).all()] or rows[:1]), 1 + len(data)


def _by_element(objective: Objective, points: Array, i: int) -> Array:
    restricted = RestrictedObjective(objective, objective.names)
    with np.errstate(all="ignore"):
        return np.array([restricted.value_and_gradient(x)[1][i] for x in points])


def _vanished_points(nesting: Nesting, fit: Fit, q: int) -> Array:
    """Return the null with many values of what vanishes (m, size)."""
    rng = np.random.default_rng(SEED)
    points = np.repeat(np.asarray(nesting.point)[None], VALUES + VALUES_EACH * q, axis=0)
    labels, bounds = list(fit.objective.layout().labels), flat_bounds(fit)
    diagonals = {
        v.labels[i]
        for v in fit.objective.variables
        if v.transform == CORRELATIONS
        for i in range(len(v.labels))
        if not _is_below(v, i)
    }
    for label in set(nesting.vanished) - diagonals:
        low, high = bounds[labels.index(label)]
        shares = WIDEST * rng.uniform(-1, 1, len(points))
        finite = np.isfinite(low) and np.isfinite(high)
        points[:, labels.index(label)] = (low + high) / 2 + shares * (high - low) / 2 if finite else UNBOUNDED * shares
    return points


def _are_called_correlations(nesting: Nesting, fit: Fit) -> bool:
    """Whether what vanishes lies between −1 and 1, or is a row of a Cholesky factor of correlations."""
    factors = {label for v in fit.objective.variables if v.transform == CORRELATIONS for label in v.labels}
    bounds = dict(zip(fit.objective.layout().labels, flat_bounds(fit), strict=True))
    return all(label in factors or bounds[label] == (-1.0, 1.0) for label in nesting.vanished)


def _is_proportional(nesting: Nesting, fit: Fit, derivatives: Array) -> bool:
    """Whether derivatives (n, m) are linear in the correlations that vanish: asked of one data set alone."""
    if not _are_called_correlations(nesting, fit):
        return False
    factors = [v for v in fit.objective.variables if v.transform == CORRELATIONS]
    points = _vanished_points(nesting, fit, _dimensions(nesting, fit))
    values = fit.objective.layout().split(points)
    for v in factors:
        values[v.name] = values[v.name] / np.linalg.norm(values[v.name], axis=-1, keepdims=True)
    moved = fit.objective.layout().join(values)
    varying = moved[:, np.ptp(moved, axis=0) > 0]
    fitted = varying @ np.linalg.lstsq(varying, derivatives.T)[0]
    return bool(np.abs(derivatives.T - fitted).max() <= DIRECTION * np.abs(derivatives).max())
