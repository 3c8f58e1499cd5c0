"""Whether one model is a special case of another, and at which point of it: inside its parameter space, or at a bound.

Parameters are matched by name. The values that the null fixes are read off its graph (``pm.do`` leaves the fixed value
under the parameter's name, a Deterministic computes it), else 0 and the bounds of the support are tried: the right
point is the one at which the alternative has the null's −2LL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.inference.resampling import natural_point
from pymc_landscape.objective import FreeVariable, RestrictedObjective
from pymc_landscape.objective.observations import known_value, observed_data
from pymc_landscape.optimize import Fit

# Two values of −2LL are the same within this, absolute and relative to their size.
SAME, SAME_RELATIVE = 1e-6, 1e-10
# More candidate points than this are not tried.
MOST_CANDIDATES = 4096
# Stands for infinity where a density has no value there: 1 / dispersion of counts without any.
ALMOST_INFINITE = 1e13
# As near to a bound as this, in distances of the estimate or the initial point from it, is at it.
AT_BOUND = 1e-8
# In the same distances: at these a parameter is tested for making a difference to −2LL.
PROBES = np.array([-0.5, -0.1, 0.1, 0.5, 1.0])


@dataclass(frozen=True)
class Nesting:
    """A null as a point of its alternative.

    Parameters
    ----------
    df : int
        How many free parameters the alternative has more.
    fixed : dict of str to float
        Elements of the alternative that are not free in the null, with their values; NaN where not known.
    at_bound : tuple of str
        Those at a bound of the support, or at a point about which the likelihood is symmetric.
    vanished : tuple of str
        Elements that make no difference where the null holds.
    point : array or None
        The null in the alternative's natural layout; None where it is not known.
    assumed : str
        A sentence on what was not read off the graph.
    """

    df: int
    fixed: dict[str, float]
    at_bound: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()
    point: Array | None = None
    assumed: str = ""


def nest(null: Fit, alternative: Fit) -> Nesting:
    """Check that a null is a special case of its alternative, and find where.

    Raises
    ------
    ValueError
        If it is not: other data, other observed terms, parameters that the alternative does not have, no fewer of them,
        or another likelihood where the alternative should be the null.
    """
    refuse_other_data(null, alternative)
    _refuse_not_a_subset(null, alternative)
    df = alternative.n_parameters - null.n_parameters
    if df < 1:
        raise ValueError(
            f"Expected a null with fewer free parameters, got {null.n_parameters} and {alternative.n_parameters} in "
            "the alternative: pass the smaller model first."
        )
    return _classified(df, _located(null, alternative), null, alternative)


# --- the same data, and parameters a subset --------------------------------------------------------------------------


def refuse_other_data(one: Fit, other: Fit, names: tuple[str, str] = ("the null", "the alternative")) -> None:
    """Refuse two fits that are not of the same observed terms and data, or whose data have changed since."""
    for fit, which in zip((one, other), names, strict=True):
        refuse_changed_data(fit, which)
    terms = [", ".join(sorted(fit.objective.term_names)) for fit in (one, other)]
    if terms[0] != terms[1]:
        raise ValueError(
            f"Expected two models of the same observed variables, got {terms[0]} in {names[0]} and {terms[1]} in "
            f"{names[1]}: likelihoods of different data do not compare."
        )
    data = [observed_data(fit.objective) for fit in (one, other)]
    for name, value in data[0].items():
        if name not in data[1] or not np.array_equal(value, data[1][name], equal_nan=True):
            raise ValueError(
                f"Expected two models of the same data, got different values of {name!r} in {names[0]} and in "
                f"{names[1]}: likelihoods of different data do not compare."
            )


def refuse_changed_data(fit: Fit, name: str) -> None:
    """Refuse a fit whose data were changed after it was made."""
    before, now = fit.result.value, fit.result.restricted.value(fit.result.x)
    if np.isfinite(before) and not _same(now, before):
        raise ValueError(
            f"Expected data that stay as they were fitted, got −2LL {before:.6f} when {name} was fitted and "
            f"{now:.6f} at the same point now: the data were changed; fit again."
        )


def _refuse_not_a_subset(null: Fit, alternative: Fit) -> None:
    known = {label for v in alternative.objective.variables for label in v.labels}
    unknown = [label for label in _free_labels(null) if label not in known]
    if unknown:
        raise ValueError(
            f"Expected a null whose free parameters are some of the alternative's, got {unknown[0]!r}, which the "
            f"alternative does not have: models that are not nested compare by AIC; if the parameter has another name "
            "there, rename it."
        )


def _free_labels(fit: Fit) -> list[str]:
    return [label for v in fit.objective.variables for label in v.labels] if fit.n_parameters else []


# --- the null as a point of the alternative --------------------------------------------------------------------------


def _located(null: Fit, alternative: Fit) -> tuple[dict[str, float], Array | None, str]:
    """Return the values of fixed elements, the natural vector of the null in the alternative, and what was assumed."""
    known = dict(zip(_free_labels(null), _free_values(null), strict=True))
    labels = [label for v in alternative.objective.variables for label in v.labels]
    fixed = [label for label in labels if label not in known]
    for v in alternative.objective.variables:
        known |= _read_off(null, v, known)
    vector = np.array([known.get(label, np.nan) for label in labels])
    unknown = [i for i, label in enumerate(labels) if label not in known]
    assumed = ""
    if unknown:
        completed = _completed(null, alternative, vector, unknown)
        if completed is None:
            return dict.fromkeys(fixed, np.nan), None, _not_known([labels[i] for i in unknown])
        vector = completed
        values = ", ".join(f"{labels[i]} = {word(vector[i])}" for i in unknown)
        assumed = f"The null was found in the alternative at {values}."
    else:
        _refuse_another_likelihood(null, alternative, vector, fixed)
    where = dict(zip(labels, vector, strict=True))
    return {label: float(where[label]) for label in fixed}, vector, assumed


def _not_known(names: Sequence[str]) -> str:
    return (
        f"Where the null has {', '.join(names)} is not known: it is neither 0 nor an edge of the support, and was "
        "taken to lie inside."
    )


def word(value: float) -> str:
    """Write a number, or infinity."""
    return {ALMOST_INFINITE: "+∞", np.inf: "+∞", -ALMOST_INFINITE: "−∞", -np.inf: "−∞"}.get(value, f"{value:g}")


def _free_values(fit: Fit) -> list[float]:
    values = natural_point(fit)
    return [float(x) for v in fit.objective.variables for x in np.ravel(values[v.name])] if fit.n_parameters else []


def _read_off(null: Fit, v: FreeVariable, known: dict[str, float]) -> dict[str, float]:
    """Return elements of a variable that the null's graph tells: a constant, or a Deterministic at its estimate."""
    missing = [label for label in v.labels if label not in known]
    value = known_value(null.objective.model, v.name) if missing else None
    if null.n_parameters == 0:
        value = natural_point(null).get(v.name)
    elif missing and value is None and v.name in null.derived:
        value = null.derived[v.name].to_numpy()
    if value is None or np.size(value) not in (1, len(v.labels)):
        return {}
    values = np.broadcast_to(np.ravel(value), len(v.labels))
    return {label: float(x) for label, x in zip(v.labels, values, strict=True) if label in missing}


def _completed(null: Fit, alternative: Fit, vector: Array, unknown: Sequence[int]) -> Array | None:
    """Try 0, the bounds and the alternative's own estimate for what is not known; None where no point is the null."""
    estimate, bounds = _flat_estimate(alternative), flat_bounds(alternative)
    choices = [_choices(bounds[i], estimate[i]) for i in unknown]
    if np.prod([len(c) for c in choices], dtype=float) > MOST_CANDIDATES:
        return None
    candidates = np.repeat(vector[None], int(np.prod([len(c) for c in choices])), axis=0)
    candidates[:, list(unknown)] = np.array(list(product(*choices)))
    for candidate, value in zip(candidates, _minus2ll(alternative, candidates), strict=True):
        if _same(value, null.minus2ll):
            return np.asarray(candidate)
    return None


def _choices(bounds: tuple[float, float], estimate: float) -> list[float]:
    low, high = bounds
    far = [float(np.copysign(ALMOST_INFINITE, b)) for b in bounds if np.isinf(b)]
    inner = [0.0] if low <= 0.0 <= high else []
    return list(dict.fromkeys([*inner, *(b for b in bounds if np.isfinite(b)), float(estimate), *far]))


def _refuse_another_likelihood(null: Fit, alternative: Fit, vector: Array, fixed: Sequence[str]) -> None:
    value = float(_minus2ll(alternative, vector[None])[0])
    if np.isfinite(value) and not _same(value, null.minus2ll):
        raise ValueError(
            f"Expected an alternative that becomes the null where it fixes {', '.join(fixed)}, got −2LL {value:.6f} "
            f"there and {null.minus2ll:.6f} for the null: the models differ in something else too."
        )


def _same(one: float, other: float) -> bool:
    return bool(abs(one - other) <= SAME + SAME_RELATIVE * abs(other))


def _minus2ll(fit: Fit, vectors: Array) -> Array:
    """Return −2LL at natural vectors (n, size); NaN where there is none."""
    restricted = RestrictedObjective(fit.objective, fit.objective.names)
    values = restricted.values(vectors)
    return np.where(np.isfinite(values), values, np.nan)


def _flat_estimate(fit: Fit) -> Array:
    return fit.objective.layout().join(natural_point(fit))


def flat_bounds(fit: Fit) -> list[tuple[float, float]]:
    """Return the limits of each natural element."""
    free = (-np.inf, np.inf)
    return [v.limits(i) if v.elementwise else free for v in fit.objective.variables for i in range(len(v.labels))]


# --- inside, or at a bound -------------------------------------------------------------------------------------------


def _classified(df: int, located: tuple[dict[str, float], Array | None, str], null: Fit, alternative: Fit) -> Nesting:
    fixed, point, assumed = located
    if point is None:
        return Nesting(df, fixed, assumed=assumed)
    labels = alternative.objective.layout().labels
    positions = {label: i for i, label in enumerate(labels)}
    at_bound = tuple(label for label in fixed if _is_at_bound(alternative, point, positions[label]))
    rest = [label for label in labels if label not in at_bound]
    vanished = tuple(label for label in rest if _makes_no_difference(alternative, point, positions[label]))
    return Nesting(df, fixed, at_bound, vanished, point, assumed)


def sizes(fit: Fit, point: Array) -> Array:
    """Return a typical distance for each natural element: to the estimate, else to the initial point, else 1."""
    initial = fit.objective.layout().join(fit.objective.initial_point())
    size = np.ones(len(point))
    for other in (initial, _flat_estimate(fit)):
        distance = np.abs(other - point)
        size = np.where((distance > AT_BOUND) & np.isfinite(distance), distance, size)
    return size


def _is_at_bound(fit: Fit, point: Array, i: int) -> bool:
    """Whether an element is at a bound, or −2LL is symmetric about it: a standard deviation that may be negative."""
    low, high = flat_bounds(fit)[i]
    size = sizes(fit, point)[i]
    if min(abs(point[i] - low), abs(high - point[i])) <= AT_BOUND * size or abs(point[i]) >= ALMOST_INFINITE:
        return True
    steps = size * np.array([-0.1, 0.1, -0.5, 0.5])
    rises = _rises(fit, point, i, steps)
    mirrored = _same(rises[0], rises[1]) and _same(rises[2], rises[3])
    return bool(mirrored and np.abs(rises).max() > SAME)


def _makes_no_difference(fit: Fit, point: Array, i: int) -> bool:
    """Whether −2LL does not change along an element; an element that cannot move by itself has no say."""
    low, high = flat_bounds(fit)[i]
    size = max(sizes(fit, point)[i], abs(point[i]) if abs(point[i]) < ALMOST_INFINITE else 0.0)
    moved = np.clip(point[i] + size * PROBES, low, high) - point[i]
    rises = _rises(fit, point, i, moved[moved != 0])
    return bool(np.isfinite(rises).any() and np.nanmax(np.abs(rises)) <= SAME * 1e-2)


def _rises(fit: Fit, point: Array, i: int, steps: Array) -> Array:
    """Return by how much −2LL changes with steps along one element."""
    points = np.repeat(point[None], len(steps) + 1, axis=0)
    points[1:, i] += steps
    values = _minus2ll(fit, points)
    rises: Array = values[1:] - values[0]
    return rises
