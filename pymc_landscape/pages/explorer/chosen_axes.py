"""Which parameters are the axes, where nobody said so, and how far an axis reaches."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike
from scipy import special

from pymc_landscape._typing import Array, RandomSeed
from pymc_landscape.arguments import checked_names
from pymc_landscape.inference import confidence_intervals
from pymc_landscape.landscape import axes_of, regular_grid
from pymc_landscape.numerics import chi2_cutoff
from pymc_landscape.objective import Element, Objective, affordable_evaluations, effects_that_depend_on
from pymc_landscape.optimize import Fit, fit_weighted, natural_point
from pymc_landscape.pages.explorer.explored import ChosenAxis, values_at
from pymc_landscape.plots.data import axis_lines

# An axis as a user gives it: a range and its number of points, or the points.
AxisValues = tuple[float, float, int] | ArrayLike
# Other optima that are no higher than this, in units of −2LL, belong into the picture.
IN_SIGHT = 30.0
# An axis reaches to where −2LL, all else at its best, has risen by what 99.9 % of two parameters allow, and no further
# than so many times what the likelihood leaves possible, whatever the prior says.
SHOWN, WIDEST = 0.999, 4.0
# So many values of an axis a page holds: the surfaces of all weights are in it, and the mountain is to turn.
MOST = 401
# Tails of the draws beyond the ends of an axis.
TAIL = 0.002
# A model of which so many evaluations are affordable is searched from so many places for other optima.
CHEAP, LOOKED = 30, 10
# From this ratio of its ends on, an axis of positive values is a logarithmic one.
LOGARITHMIC = 30.0


def choose_labels(fit: Fit, optima: Sequence[Mapping[str, Array]]) -> list[str]:
    """Return the one or two elements that one looks at first.

    With other optima in sight, the two elements in which they are furthest apart; with random effects, one that they
    are centred on and one that says how far they spread; else the first two of the model, with what only scales the
    noise (positive, beside two others that may be anything) last.
    """
    labels = movable_labels(fit.objective)
    if not labels:
        raise ValueError(
            "Expected a model with a continuous parameter, got none: an explorer shows a surface over real numbers; "
            "evaluate_landscape shows integers point by point."
        )
    if len(labels) <= 2:
        return labels
    apart = _apart(fit, labels, optima)
    if apart:
        return apart
    elements = {label: fit.objective.find(label) for label in labels}
    free = [label for label, element in elements.items() if not _is_positive(element)]
    positive = [label for label in labels if label not in free]
    spreads = [label for label in positive if effects_that_depend_on(fit.objective, [elements[label].variable.name])]
    if free and spreads:
        centres = [label for label in free if effects_that_depend_on(fit.objective, [elements[label].variable.name])]
        return [(centres or free)[0], spreads[0]]
    return free[:2] if len(free) >= 2 else labels[:2]


def movable_labels(objective: Objective) -> list[str]:
    """Return the elements that can be axes, each on the scale on which it moves by itself."""
    return [
        label
        for v in objective.variables
        if not v.discrete
        for label in (v.labels if v.elementwise or v.transform == "ordered" else v.value_labels)
    ]


def checked_labels(objective: Objective, asked: str | Sequence[str]) -> list[str]:
    """Return the axes that a user named: elements, or variables of one element."""
    names = checked_names("axes", asked, of="parameters")
    if len(names) > 2 or len(set(names)) < len(names):
        raise ValueError(f"Expected one or two axes, got {len(names)}: a map has two different ones, a curve has one.")
    for name in names:
        element = objective.find(name, "axes")
        if element.variable.discrete:
            raise ValueError(
                f"Expected continuous axes, got the integer {name!r}: evaluate_landscape shows it point by point."
            )
    return names


def other_optima(fit: Fit, random_seed: RandomSeed | None) -> list[Mapping[str, Array]]:
    """Return the places of other optima that belong into the picture, copies of the estimate among them.

    A model that is cheap is searched from more starts than a fit needs.
    """
    if not fit.status.is_optimum:
        return []
    found = [one for one in fit.local_optima() if one.value <= fit.result.value + IN_SIGHT]
    if not found and affordable_evaluations(fit.objective) >= CHEAP:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            again = fit_weighted(fit.objective, starts=LOOKED, random_seed=random_seed, progressbar=False)
        found = [one for one in again.local_optima() if one.value <= fit.result.value + IN_SIGHT]
        found = [one for one in found if _is_elsewhere(fit, one.theta)]
        if again.status.is_optimum and _is_elsewhere(fit, again.theta):
            return [natural_point(again), *(one.natural for one in found), *fit.copies()]
    return [*(one.natural for one in found), *fit.copies()]


def _is_elsewhere(fit: Fit, theta: Array) -> bool:
    """Whether a search ended further from the estimate than a tenth of a standard error."""
    errors = np.sqrt(np.maximum(fit.theta_covariance.diagonal(), 0.0))
    errors = np.where(np.isfinite(errors) & (errors > 0), errors, 1.0)
    with np.errstate(invalid="ignore"):
        return bool((np.nan_to_num(np.abs(theta - fit.theta)) > 0.1 * errors).any())


def _apart(fit: Fit, labels: list[str], others: Sequence[Mapping[str, Array]]) -> list[str]:
    """Return the two elements in which optima are furthest apart (in standard errors); none where there is one."""
    if not others:
        return []
    here = values_at(fit.objective, labels, natural_point(fit))
    there = np.stack([values_at(fit.objective, labels, point) for point in others])
    errors = np.array([_standard_error(fit, label) for label in labels])
    errors = np.where(np.isfinite(errors) & (errors > 0), errors, np.inf)
    with np.errstate(invalid="ignore"):
        distances = np.nan_to_num(np.abs(there - here) / errors).max(axis=0)
    if not (distances > 1.0).any():
        return []
    order = np.argsort(-distances, kind="stable")[:2]
    return [labels[i] for i in sorted(order.tolist())]


def _is_positive(element: Element) -> bool:
    return not element.unconstrained and element.variable.limits(element.index)[0] == 0.0


def _standard_error(fit: Fit, label: str) -> float:
    element = fit.objective.find(label)
    if element.unconstrained:
        i = fit.objective.layout(fit.objective.names).slices[element.variable.name].start + element.index
        return float(np.sqrt(fit.theta_covariance[i, i]))
    return float(fit.standard_error[element.variable.name].values.ravel()[element.index])


# --- how far an axis reaches ------------------------------------------------------------------------------------------


def chosen_axis(
    fit: Fit,
    label: str,
    modes: xr.Dataset,
    drawn: Array | None,
    optima: Sequence[Mapping[str, Array]],
    num: int,
) -> ChosenAxis:
    """Return an axis that holds what likelihood and posterior leave possible, and the optima that are in sight.

    Parameters
    ----------
    fit : Fit
        The likelihood's.
    label : str
        The element.
    modes : Dataset
        `mode` and `standard_error` by ``weight`` and ``parameter``, natural.
    drawn : array (S,) or None
        Posterior draws of it.
    optima : sequence of points
        Other optima that belong into the picture, natural.
    num : int
        Points.
    """
    element = fit.objective.find(label)
    bounds = (-np.inf, np.inf) if element.unconstrained else element.variable.limits(element.index)
    low, high = _hull(fit, label, modes, drawn, optima)
    low, high = max(low, bounds[0]), min(high, bounds[1])
    estimate = float(values_at(fit.objective, [label], natural_point(fit))[0])
    scale = "log" if low > 0 and high / low > LOGARITHMIC else "linear"
    spaced = np.geomspace if scale == "log" else np.linspace
    values = np.asarray(spaced(low, high, num))
    copies = [float(values_at(fit.objective, [label], point)[0]) for point in optima]
    for value in [*copies, estimate] if fit.status.is_optimum else []:  # each optimum is on a point, the estimate last
        if low < value < high:
            values[1 + int(np.abs(values[1:-1] - value).argmin())] = value
    return ChosenAxis(label, values, scale, (float(bounds[0]), float(bounds[1])))


def given_axes(objective: Objective, axes: xr.Dataset | Mapping[str, AxisValues]) -> list[ChosenAxis]:
    """Return the axes that a user gave with their values."""
    grid = axes if isinstance(axes, xr.Dataset) else regular_grid(axes)
    labels = checked_labels(objective, axes_of(grid))
    given = []
    for label in labels:
        element, values = objective.find(label), grid[label].values.astype(float)
        if len(values) < 3:
            raise ValueError(f"Expected an axis of at least 3 points, got {len(values)} for {label!r}.")
        bounds = (-np.inf, np.inf) if element.unconstrained else element.variable.limits(element.index)
        steps = np.diff(np.log(values)) if values[0] > 0 else np.zeros(0)
        is_log = steps.size > 1 and np.allclose(steps, steps[0]) and values[-1] / values[0] > LOGARITHMIC
        given.append(ChosenAxis(label, values, "log" if is_log else "linear", (float(bounds[0]), float(bounds[1]))))
    return given


def shown_axis(
    fit: Fit, axis: ChosenAxis, modes: xr.Dataset, drawn: Array | None, optima: Sequence[Mapping[str, Array]]
) -> ChosenAxis:
    """Return an axis of so many values as a page holds, close together where `chosen_axis` would lie."""
    if len(axis.values) <= MOST:
        return axis
    low, high = _hull(fit, axis.label, modes, drawn, optima)
    near = np.flatnonzero((axis.values >= low) & (axis.values <= high))
    places = [natural_point(fit), *optima] if fit.status.is_optimum else optima
    spots = np.array([values_at(fit.objective, [axis.label], point)[0] for point in places])
    floor = np.array([np.abs(axis.values - spot).argmin() for spot in spots], dtype=int)
    return replace(axis, values=axis.values[axis_lines(len(axis.values), near, floor, MOST)])


def _hull(
    fit: Fit, label: str, modes: xr.Dataset, drawn: Array | None, optima: Sequence[Mapping[str, Array]]
) -> tuple[float, float]:
    """Return the ends between which an axis has something to show."""
    possible = _possible(fit, label)
    reach = float(np.sqrt(chi2_cutoff(SHOWN, 2)))
    points = [*possible[np.isfinite(possible)]]
    center = values_at(fit.objective, [label], natural_point(fit))[0]
    error = _standard_error(fit, label) if fit.status.is_optimum else np.nan
    error = error if np.isfinite(error) else 0.0
    for point in [*([natural_point(fit)] if fit.status.is_optimum else []), *optima]:
        value = values_at(fit.objective, [label], point)[0]
        points += [value - reach * error, value + reach * error]
    if label in modes["parameter"]:
        own = modes.sel(parameter=label)
        if not np.isfinite(possible).all():  # a prior of next to no weight leaves what is open as good as open
            own = own.isel(weight=(own["weight"] >= 1.0).values)
        spread = reach * own["standard_error"]
        points += [*(own["mode"] - spread).values, *(own["mode"] + spread).values, *own["mode"].values]
    if drawn is not None:
        points += [*np.quantile(drawn[np.isfinite(drawn)], [TAIL, 1.0 - TAIL])]
    finite = np.array([float(point) for point in points if np.isfinite(point)])
    if not finite.size or np.ptp(finite) == 0:
        middle = float(finite[0]) if finite.size else float(center) if np.isfinite(center) else 0.0
        return middle - max(1.0, abs(middle)), middle + max(1.0, abs(middle))
    low, high = float(finite.min()), float(finite.max())
    if np.isfinite(possible).all() and np.ptp(possible) > 0 and not optima:
        spare = 0.5 * (WIDEST - 1.0) * float(np.ptp(possible))
        low, high = max(low, possible[0] - spare), min(high, possible[1] + spare)
    return low, high


def _possible(fit: Fit, label: str) -> Array:
    """Return the profile's ends; NaN where they are not known, ±∞ where the likelihood leaves a side open."""
    level = float(special.chdtr(1, chi2_cutoff(SHOWN, 2)))
    if fit.objective.find(label).unconstrained:
        return np.full(2, np.nan)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = confidence_intervals(fit, label, level=level, progressbar=False)
    except ValueError:
        return np.full(2, np.nan)
    return np.asarray(table["interval"].values.reshape(2))
