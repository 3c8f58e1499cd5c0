"""Whether one model is a special case of another, and what becomes of its parameters there.

At the null some elements of the alternative are inside their support, some at a bound of it, some enter −2LL by their
square alone, and some make no difference any more.
"""

from __future__ import annotations

import numpy as np

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.inference.hypothesis_tests.fixed_effect_designs import refuse_other_fixed_effects
from pymc_landscape.inference.hypothesis_tests.null_point import (
    ALMOST_INFINITE,
    SAME,
    flat_bounds,
    flat_estimate,
    free_labels,
    locate,
    minus2ll,
    refuse_foreign,
    same,
)
from pymc_landscape.inference.resampling import natural_point
from pymc_landscape.objective import Objective
from pymc_landscape.objective.observations import Data, Simulator, observed_contents
from pymc_landscape.optimize import Fit, Status

# As near to a bound as this, in distances of the estimate or the initial point from it, is at it.
AT_BOUND = 1e-8
# In the same distances: at these a parameter is tested for making a difference to −2LL, and for symmetry.
PROBES = np.array([-0.5, -0.1, 0.1, 0.5, 1.0])
MIRRORED = np.array([-0.1, 0.1, -0.5, 0.5])
# Just inside a bound, in the same distances; and a gradient that halves, within this, with half the distance to the
# bound is that of a function of the square.
STEP_INSIDE, HALVED = 1e-4, 0.05
# Data sets simulated under the null in which a symmetry must hold too, and the seed of the first.
OTHER_DATA, FIRST_SEED = 3, 1994


@dataclass(frozen=True)
class Nesting:
    """A null as a point of its alternative.

    Parameters
    ----------
    df : int
        How many parameters that make a difference the alternative has more.
    fixed : dict of str to float
        Elements of the alternative that are not free in the null, with their values; NaN where not known.
    at_bound : tuple of str
        Those at a bound of the support, or at a point about which the likelihood is symmetric.
    vanished : tuple of str
        Elements that make no difference where the null holds, but do elsewhere.
    point : array or None
        The null in the alternative's natural layout; None where it is not known.
    assumed : str
        A sentence on what was not read off the graph.
    squared : tuple of str
        Those of `at_bound` that lie inside the support: −2LL depends on their square alone.
    idle : tuple of str
        Those of `vanished` that the null leaves free, though they make no difference to it.
    """

    df: int
    fixed: dict[str, float]
    at_bound: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()
    point: Array | None = None
    assumed: str = ""
    squared: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()


def nest(null: Fit, alternative: Fit) -> Nesting:
    """Check that a null is a special case of its alternative, and find where.

    Raises
    ------
    ValueError
        If it is not: other data, other observed terms, parameters that have no place in the alternative, no fewer of
        them, or another likelihood where the alternative should be the null.
    """
    refuse_other_data(null, alternative)
    df = alternative.n_parameters - null.n_parameters
    if df < 1:
        refuse_foreign(null, alternative)
    found = locate(null, alternative)
    if found.vector is None:
        _refuse_no_more_parameters(df, null, alternative)
        return Nesting(df, found.fixed, assumed=found.assumed)
    point, labels = found.vector, alternative.objective.layout().labels
    positions = {label: i for i, label in enumerate(labels)}
    off = _off_the_null(alternative, point, [positions[label] for label in found.fixed])
    vanished = tuple(
        label
        for label in labels
        if _makes_no_difference(alternative, point, positions[label])
        and not all(_makes_no_difference(alternative, elsewhere, positions[label]) for elsewhere in off)
    )
    _put_inside(alternative, point, [positions[label] for label in vanished])
    placed = [label for label in found.fixed if label not in vanished]
    squared = tuple(label for label in placed if _is_squared(null, alternative, point, positions[label]))
    edge = [label for label in placed if _is_at_bound(alternative, point, positions[label]) or label in squared]
    idle = tuple(label for label in vanished if label in free_labels(null))
    _refuse_no_more_parameters(df + len(idle), null, alternative)
    return Nesting(df + len(idle), found.fixed, tuple(edge), vanished, point, found.assumed, squared, idle)


def _refuse_no_more_parameters(df: int, null: Fit, alternative: Fit) -> None:
    if df < 1:
        raise ValueError(
            f"Expected a null with fewer free parameters, got {null.n_parameters} and {alternative.n_parameters} in "
            "the alternative: pass the smaller model first."
        )


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
    data = [observed_contents(fit.objective) for fit in (one, other)]
    for name, value in data[0].items():
        if name not in data[1] or not np.array_equal(value, data[1][name], equal_nan=True):
            raise ValueError(
                f"Expected two models of the same data, got different values of {name!r} in {names[0]} and in "
                f"{names[1]}: likelihoods of different data do not compare."
            )
    refuse_other_fixed_effects(one, other, names)


def refuse_changed_data(fit: Fit, name: str) -> None:
    """Refuse a fit whose data were changed after it was made."""
    if fit.status is Status.UNBOUNDED:  # far out where its search ended, −2LL may be rounding alone
        return
    before, now = fit.result.value, fit.result.restricted.value(fit.result.x)
    if np.isfinite(before) and not same(now, before):
        raise ValueError(
            f"Expected data that stay as they were fitted, got −2LL {before:.6f} when {name} was fitted and "
            f"{now:.6f} at the same point now: the data were changed; fit again."
        )


# --- inside, at a bound, or without effect ---------------------------------------------------------------------------


def sizes(fit: Fit, point: Array) -> Array:
    """Return a typical distance for each natural element: to the estimate, else to the initial point, else 1."""
    initial = fit.objective.layout().join(fit.objective.initial_point())
    size = np.ones(len(point))
    for other in (initial, flat_estimate(fit)):
        distance = np.abs(other - point)
        size = np.where((distance > AT_BOUND) & np.isfinite(distance), distance, size)
    return size


def _off_the_null(fit: Fit, point: Array, fixed: list[int]) -> list[Array]:
    """Return points outside the null: what it fixes at the initial point or a distance away; the estimate."""
    initial, estimate = fit.objective.layout().join(fit.objective.initial_point()), flat_estimate(fit)
    away = np.where(np.abs(initial - point) > AT_BOUND, initial, point + sizes(fit, point))
    off = point.copy()
    off[fixed] = np.where(np.abs(point[fixed]) < ALMOST_INFINITE, away[fixed], initial[fixed])
    return [off, estimate]


def _put_inside(fit: Fit, point: Array, vanished: list[int]) -> None:
    """Move what makes no difference off the bounds of its support, where it may have been found."""
    elementwise = [v.elementwise for v in fit.objective.variables for _ in v.labels]
    estimate = flat_estimate(fit)
    for i in vanished:
        if elementwise[i] and _is_at_bound(fit, point, i):
            point[i] = estimate[i]


def _is_at_bound(fit: Fit, point: Array, i: int) -> bool:
    """Whether an element is at a bound of its support."""
    low, high = flat_bounds(fit)[i]
    near = min(abs(point[i] - low), abs(high - point[i])) <= AT_BOUND * sizes(fit, point)[i]
    return bool(near or abs(point[i]) >= ALMOST_INFINITE)


def _is_squared(null: Fit, alternative: Fit, point: Array, i: int) -> bool:
    """Whether −2LL is symmetric about an element's place, of whatever data: a standard deviation that may be negative.

    Of one data set it can be so by chance, as of a slope whose score happens to be 0.
    """
    if _is_at_bound(alternative, point, i) or not _is_symmetric(alternative.objective, alternative, point, i):
        return False
    return all(
        _is_symmetric(alternative.objective.with_data(**data), alternative, point, i)
        for data in simulated_under(null, OTHER_DATA)
    )


def _is_symmetric(objective: Objective, fit: Fit, point: Array, i: int) -> bool:
    rises = _rises(objective, point, i, sizes(fit, point)[i] * MIRRORED)
    mirrored = same(rises[0], rises[1]) and same(rises[2], rises[3])
    return bool(mirrored and np.abs(rises).max() > SAME)


def simulated_under(null: Fit, n: int) -> list[Data]:
    """Return data sets simulated under the null, the same each time; none where it cannot be simulated."""
    try:
        simulator, point = Simulator(null.objective), natural_point(null)
        return [simulator(point, FIRST_SEED + i) for i in range(n)]
    except (ValueError, ArithmeticError, np.linalg.LinAlgError):
        return []


def _makes_no_difference(fit: Fit, point: Array, i: int) -> bool:
    """Whether −2LL does not change along an element; an element that cannot move by itself has no say."""
    if abs(point[i]) >= ALMOST_INFINITE:
        return False
    low, high = flat_bounds(fit)[i]
    size = max(sizes(fit, point)[i], abs(point[i]))
    moved = np.clip(point[i] + size * PROBES, low, high) - point[i]
    rises = _rises(fit.objective, point, i, moved[moved != 0])
    return bool(np.isfinite(rises).any() and np.nanmax(np.abs(rises)) <= SAME * 1e-2)


def _rises(objective: Objective, point: Array, i: int, steps: Array) -> Array:
    """Return by how much −2LL changes with steps along one element."""
    points = np.repeat(point[None], len(steps) + 1, axis=0)
    points[1:, i] += steps
    values = minus2ll(objective, points)
    rises: Array = values[1:] - values[0]
    return rises
