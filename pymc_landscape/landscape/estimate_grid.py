"""Grids around an estimate: as far out as its Wald limits, and from a bound as far as its curvature says."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import xarray as xr

from pymc_landscape._typing import Array, ModelLike
from pymc_landscape.arguments import checked_count, checked_level, checked_names, repeatable
from pymc_landscape.numerics import chi2_cutoff
from pymc_landscape.objective import BoundElement, Element, FreeVariable, Objective, RestrictedObjective
from pymc_landscape.optimize import Fit, fit_of
from pymc_landscape.results import array_dataset, provenance_attributes

# Distances from a bound at which −2LL is evaluated where it has no derivatives there, in units of max(1, |bound|).
DISTANCES = np.geomspace(1e-8, 1e8, 161)


def fit_grid(
    fit: Fit | ModelLike | Objective | None = None,
    var_names: str | Sequence[str] | None = None,
    *,
    num: int = 51,
    level: float = 0.99,
) -> xr.Dataset:
    r"""Make a grid around an estimate, as wide as its uncertainty.

    The grid holds the joint Wald region of all its axes: it reaches √q standard errors to either side of the estimate,
    where q is the χ² cut-off of `level` with as many degrees of freedom as there are axes. One axis alone ends at the
    Wald limits. A likelihood that is far from quadratic reaches further on one side: see its profile first.

    Parameters
    ----------
    fit : Fit, pm.Model or Objective, optional
        An estimate that claims an optimum; a model is fitted first. Left out, the model of the surrounding ``with``
        block.
    var_names : str or sequence of str, optional
        Parameters, or single elements such as ``"beta[x1]"``; default all. ``"~name"`` leaves one out. Variables whose
        elements are bound together (a simplex, a Cholesky factor) get their unconstrained elements as axes,
        ``"w_simplex__[0]"``, unless natural ones are named one by one.
    num : int
        Points an axis, at least 3.
    level : float
        Confidence level of the joint region; beyond 0.95, so that the contour of that level lies inside the grid.

    Returns
    -------
    xr.Dataset
        One dim an axis, named by its label, natural scale; the estimate is one of the points, and the points are
        equally spaced on either side of it. An axis ends where the support does. From an estimate at a bound, it
        reaches to where −2LL, with the other parameters at their best, has risen by q in quadratic approximation:
        g t + h t²/2 = q for slope g and curvature h at the bound. From one in a corner, as medians are, it reaches to
        where −2LL with the others held has risen by q on both sides. `at` (parameter) holds the estimate,
        where `evaluate_landscape` fixes the elements on no axis; ``attrs["kind"]`` is ``"fit"``.

    Raises
    ------
    TypeError
        If `fit` is no fit and no model.
    ValueError
        If the fit claims no optimum (separation, a direction that is not determined), −2LL does not rise along an axis,
        or a name is unknown.

    Notes
    -----
    The ellipse :math:`(\psi - \hat\psi)^T \Sigma^{-1} (\psi - \hat\psi) \le q` touches the sides of the box
    :math:`|\psi_i - \hat\psi_i| \le \sqrt{q\,\Sigma_{ii}}` (Scheffé's simultaneous limits).

    Examples
    --------
    >>> import pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     mu = pm.Normal("mu", 0, 10)
    ...     y = pm.Normal("y", mu, 2.0, observed=[1.0, 2.0, 4.0, 5.0])
    >>> grid = pml.fit_grid(pml.fit_mle(model), num=5, level=0.95)
    >>> grid["mu"].values.round(3).tolist()  # 3 ± 1.96 · 2 / √4
    [1.04, 2.02, 3.0, 3.98, 4.96]
    """
    num = checked_count("num", num, at_least=3, advice="the estimate, and one on either side")
    level = checked_level("level", level, usual=0.99)
    named = partial(_labels, var_names=repeatable(var_names))
    fit = fit_of(fit, "fit_grid", refuse=named)
    _refuse_no_optimum(fit)
    labels = named(fit.objective)
    rise = chi2_cutoff(level, len(labels))
    axes = {label: _axis(fit, label, rise, num) for label in labels}
    points = [fit.point[v.name].values.ravel() for v in fit.objective.variables]
    coords = {**axes, "parameter": list(fit.objective.layout().labels), "at": ("parameter", np.concatenate(points))}
    attrs = provenance_attributes(fit.objective.origin, kind="fit", level=level, at="the fit")
    return array_dataset({}, coords, attrs)


def _refuse_no_optimum(fit: Fit) -> None:
    if not fit.status.is_optimum:
        raise ValueError(
            f"Expected a fit with an optimum, got one that is {fit.status.value}: {fit.message} Give the ranges "
            "yourself with regular_grid."
        )


# --- which axes ------------------------------------------------------------------------------------------------------


def _labels(objective: Objective, var_names: str | Sequence[str] | None) -> list[str]:
    """Return the labels of the axes, each once."""
    asked = [] if var_names is None else checked_names("var_names", var_names, of="parameters")
    kept = [name for name in asked if not name.startswith("~")]
    dropped = {label for name in asked if name.startswith("~") for label in _axes_of(objective, name[1:])}
    named = kept or [v.name for v in objective.variables]
    labels = list(dict.fromkeys(label for name in named for label in _axes_of(objective, name)))
    labels = [label for label in labels if label not in dropped]
    if not labels:
        raise ValueError(f"Expected at least one parameter among var_names={var_names!r}, got none: name one.")
    return labels


def _axes_of(objective: Objective, name: str) -> tuple[str, ...]:
    """Return the axes that a name stands for: those of a whole variable, or the element itself."""
    for v in objective.variables:
        if name == v.name:
            return v.labels if _can_move(v) else v.value_labels
        if name == v.value_name:
            return v.value_labels
    element = objective.find(name, "var_names")
    labels = element.variable.value_labels if element.unconstrained else element.variable.labels
    return (labels[element.index],)


def _can_move(v: FreeVariable) -> bool:
    """Whether all natural elements can be axes of one grid."""
    return v.elementwise or v.transform == "ordered"


# --- how far ---------------------------------------------------------------------------------------------------------


def _axis(fit: Fit, label: str, rise: float, num: int) -> Array:
    """Return the points of an axis: equally spaced on either side of the estimate."""
    element = fit.objective.find(label)
    estimate, error = _unconstrained(fit, element) if element.unconstrained else _natural(fit, element)
    low, high = (-np.inf, np.inf) if element.unconstrained else element.variable.limits(element.index)
    key: BoundElement = (element.variable.name, element.index)
    if not element.unconstrained and key in fit.result.restricted.fixed_elements:
        reach = _reach_from_bound(fit, key, label, 1.0 if estimate == low else -1.0, rise)
    elif np.isfinite(error) and error > 0:
        reach = np.sqrt(rise) * error
    elif (risen := None if element.unconstrained else _reach_from_corner(fit, element, rise)) is not None:
        reach = risen
    else:
        why = f" ({fit.notes[label]})" if fit.notes.get(label) else ""
        raise ValueError(
            f"Expected a standard error of each axis, got none of {label!r}{why}: leave it out, or give its range "
            "yourself with regular_grid."
        )
    low, high = max(low, estimate - reach), min(high, estimate + reach)
    n_below = round((num - 1) * (estimate - low) / (high - low))
    n_below = min(max(n_below, int(estimate > low)), num - 1 - int(estimate < high))
    below, above = np.linspace(low, estimate, n_below + 1), np.linspace(estimate, high, num - n_below)
    return np.concatenate([below[:-1], above])


def _natural(fit: Fit, element: Element) -> tuple[float, float]:
    """Return estimate and standard error of a natural element."""
    name, i = element.variable.name, element.index
    return float(fit.point[name].values.ravel()[i]), float(fit.standard_error[name].values.ravel()[i])


def _unconstrained(fit: Fit, element: Element) -> tuple[float, float]:
    """Return estimate and standard error of an unconstrained element."""
    i = fit.objective.layout(fit.objective.names).slices[element.variable.name].start + element.index
    return float(fit.theta[i]), float(np.sqrt(fit.theta_covariance[i, i]))


def _reach_from_bound(fit: Fit, key: BoundElement, label: str, side: float, rise: float) -> float:
    """Return how far inside from a bound the profile of −2LL rises by `rise`, in quadratic approximation.

    Where there are no derivatives at the bound, it is how far −2LL itself rises so far along the axis.
    """
    at_bound = fit.result.restricted
    position = at_bound.positions[key]
    objective = at_bound.refixed({i: value for i, value in at_bound.fixed.items() if i != position})
    x = at_bound.whole_coordinates(fit.result.x)[objective.free]
    i = int(np.flatnonzero(objective.free == objective.positions[key])[0])
    with np.errstate(all="ignore"):
        value, gradient, hessian = objective.value_gradient_hessian(x)
        slope, curvature = max(side * gradient[i], 0.0), _profile_curvature(hessian, i)
        reach = 2.0 * rise / (slope + np.sqrt(slope**2 + 2.0 * rise * curvature))
    if np.isfinite(reach):
        return float(reach)
    return _distance_of_rise(objective, x, i, side, value + rise, label)


def _reach_from_corner(fit: Fit, element: Element, rise: float) -> float | None:
    """Return how far −2LL itself takes to rise by `rise` along an axis, the longer way; None where it does not.

    At a median slopes jump, and there is no curvature to tell.
    """
    layout = fit.objective.layout()
    here = layout.join({str(name): values.values for name, values in fit.point.data_vars.items()})
    i = layout.slices[element.variable.name].start + element.index
    distances = DISTANCES * max(1.0, abs(here[i]))
    fit.objective.use_data()
    reaches = []
    for side in (-1.0, 1.0):
        points = np.tile(here, (len(distances) + 1, 1))
        points[1:, i] += side * distances
        with np.errstate(all="ignore"):
            values = fit.objective.total(fit.objective.engine("density").at(points))
        reaches += distances[values[1:] - values[0] >= rise][:1].tolist()
    return max(reaches, default=None)


def _profile_curvature(hessian: Array, i: int) -> float:
    """Return the second derivative by element i with all others at their best: a Schur complement; NaN without one."""
    if not np.isfinite(hessian).all():
        return np.nan
    nuisance = np.arange(len(hessian)) != i
    cross = hessian[nuisance, i]
    return float(hessian[i, i] - cross @ np.linalg.pinv(hessian[np.ix_(nuisance, nuisance)]) @ cross)


def _distance_of_rise(
    objective: RestrictedObjective, x: Array, i: int, side: float, height: float, label: str
) -> float:
    """Return the distance along element i at which −2LL first reaches a height."""
    distances = DISTANCES * max(1.0, abs(x[i]))
    points = np.tile(x, (len(distances), 1))
    points[:, i] += side * distances
    above = np.flatnonzero(objective.values(points) >= height)
    if not above.size:
        raise ValueError(f"Expected −2LL to rise along {label!r}, got none: give its range yourself with regular_grid.")
    return float(distances[above[0]])
