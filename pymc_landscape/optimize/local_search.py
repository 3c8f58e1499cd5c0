"""One start to one end: Newton in a trust region, then L-BFGS, then a method that needs no slope."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize

from pymc_landscape._typing import Array
from pymc_landscape.numerics import (
    EXACT,
    Learned,
    QuadraticModel,
    Unchanged,
    descend_newton,
    hessian_of_slopes,
    hessian_of_values,
    noise,
    polish,
)
from pymc_landscape.objective import DENSE, RestrictedObjective

NEWTON, LBFGS, SIMPLEX = "trust-region Newton", "L-BFGS-B", "Nelder-Mead"
ITERATIONS = 1000
# So many steps are taken with Hessians that are learned on the way, where each is a sum of slopes.
LEARNED = 50
# With less than this to gain, a Hessian is as good as the one where nothing is left: it is 1e-6 standard errors away.
SAME_CURVATURE = 1e-12
# First radius of a second search, in standard errors: a long first step may have left the valley.
CAREFUL = 1.0
# Half the Newton decrement: an end that has less than this to gain, in units of −2 log L, is an optimum.
CONVERGED = 1e-6
# An end that has more to gain than this is none, however rough the surface is.
ROUGH = 1.0
# A method without slopes sees its optimum only to about the root of the rounding.
CONVERGED_BY_VALUES = 1e-3
# So many points are tried beside a start that has no slope, further away each time.
NUDGES = 20


@dataclass
class SearchResult:
    """Where a search ended.

    Parameters
    ----------
    x : array (m,)
        The end, over the free elements of `frame`.
    value : float
        −2 (log L + w log prior) there.
    gradient, hessian : array or None
        Its derivatives; None where there are too many parameters for a Hessian.
    remaining_decrease : float
        What Newton's next step would still gain; infinite where the end is no minimum.
    optimizer : str
        The method that ended there.
    exact : bool
        Whether the derivatives are exact.
    reason : str
        Why it stopped, if it is no optimum.
    rounding : float
        Changes of the value that are rounding alone, where they hide the optimum.
    begin_value : float
        The value at the start.
    n_iterations, n_evaluations, seconds : int, int, float
        What it cost.
    """

    restricted: RestrictedObjective
    x: Array
    value: float
    gradient: Array | None
    hessian: Array | None
    remaining_decrease: float
    optimizer: str
    exact: bool = True
    reason: str = ""
    rounding: float = 0.0
    begin_value: float = np.nan
    n_iterations: int = 0
    n_evaluations: int = 0
    seconds: float = 0.0

    def add_cost(self, earlier: SearchResult) -> SearchResult:
        """Count what an earlier search cost as well."""
        self.begin_value = earlier.begin_value
        self.n_iterations += earlier.n_iterations
        self.n_evaluations += earlier.n_evaluations
        self.seconds += earlier.seconds
        return self

    @property
    def is_minimum(self) -> bool:
        """Whether nothing is left to gain nearby."""
        return self.remaining_decrease <= max(CONVERGED if self.exact else CONVERGED_BY_VALUES, 2 * self.rounding)


def search(restricted: RestrictedObjective, x: Array, iterations: int = ITERATIONS) -> SearchResult:
    """Go down from `x` as far as it goes.

    Parameters
    ----------
    frame : RestrictedObjective
        What is minimised.
    x : array (m,)
        Where to begin.
    iterations : int
        Largest number of Newton steps.

    Returns
    -------
    SearchResult
        Also where the end is no optimum: `reason` says why.
    """
    x = np.asarray(x, dtype=float)
    begin_value = restricted.value(x)
    found = _timed(restricted, lambda: _search(restricted, x, iterations))
    found.begin_value = begin_value
    return found


def search_otherwise(found: SearchResult, x: Array) -> SearchResult:
    """Search again from the start `x`, first with small steps, then with L-BFGS in front; return the lower end."""
    if found.optimizer != NEWTON or not len(x):
        return found
    # a result at a bound has fewer free elements than a start
    restricted = RestrictedObjective(found.restricted.objective)
    try:
        careful = _timed(restricted, lambda: _newton(restricted, x, ITERATIONS, CAREFUL)).add_cost(found)
    except (NotImplementedError, ValueError):
        return found
    if careful.is_minimum and careful.value < found.value - noise(found.value):
        return careful
    return _lower(found, _timed(restricted, lambda: _quasi_newton_first(restricted, x)).add_cost(careful))


def _timed(restricted: RestrictedObjective, go: Callable[[], SearchResult]) -> SearchResult:
    began, evaluated = time.perf_counter(), restricted.n_evaluations
    with np.errstate(all="ignore"):  # far out, anything overflows
        found = go()
    found.seconds = time.perf_counter() - began
    found.n_evaluations = restricted.n_evaluations - evaluated
    return found


def _search(restricted: RestrictedObjective, x: Array, iterations: int) -> SearchResult:
    if not len(x):
        return SearchResult(
            restricted, x, restricted.value(x), np.zeros(0), np.zeros((0, 0)), 0.0, "none: nothing is free"
        )
    try:
        start = _with_slope(restricted, x)
    except ValueError:  # an Op without a gradient
        return _without_slope(restricted, x, "the model has no gradient")
    if start is None:
        return _without_slope(restricted, x, "the gradient is not finite at the start, nor nearby")
    if len(x) > DENSE:
        return _quasi_newton(restricted, start)
    try:
        found = _newton(restricted, start, iterations)
    except (NotImplementedError, ValueError):  # a gradient, but no second derivative
        return _quasi_newton(restricted, start)
    if found.is_minimum or restricted.unbounded_below:
        return found
    return _lower(found, _quasi_newton_first(restricted, found.x).add_cost(found))


def _quasi_newton_first(restricted: RestrictedObjective, x: Array) -> SearchResult:
    """Let L-BFGS go first, and Newton's method finish."""
    second = _quasi_newton(restricted, x)
    if second.hessian is None or restricted.unbounded_below:
        return second
    third = _newton(restricted, second.x, ITERATIONS)
    third.n_iterations += second.n_iterations
    return _lower(second, third)


def _lower(one: SearchResult, other: SearchResult) -> SearchResult:
    """Return the lower end; of two that are equal, the later."""
    return one if one.value < other.value - noise(other.value) else other


def _with_slope(restricted: RestrictedObjective, x: Array) -> Array | None:
    """Return x, or the lowest of some points beside it, where value and slope are finite."""
    value, gradient = restricted.value_and_gradient(x)
    if np.isfinite(value) and np.isfinite(gradient).all():
        return x
    rng = np.random.default_rng(NUDGES)  # the same points each time: a fit without random starts is not random
    beside = x + rng.uniform(-1.0, 1.0, size=(NUDGES, len(x))) * np.linspace(0.1, 2.0, NUDGES)[:, None]
    slopes = [(restricted.value_and_gradient(there), i) for i, there in enumerate(beside)]
    usable = [(value, i) for (value, gradient), i in slopes if np.isfinite(value) and np.isfinite(gradient).all()]
    return beside[min(usable)[1]] if usable else None


def _newton(restricted: RestrictedObjective, x: Array, iterations: int, radius: float | None = None) -> SearchResult:
    here = QuadraticModel(x, *restricted.value_gradient_hessian(x))
    if not np.isfinite(here.hessian).all():
        raise ValueError("no finite second derivative at the start")
    learned = 0
    if restricted.objective.is_integral:
        here, learned = _approached(restricted, here, radius)
    here, n = descend_newton(restricted, here, iterations, radius)
    here = polish(restricted, here)
    found = _search_result(restricted, here, NEWTON)
    found.n_iterations = learned + n
    if not found.is_minimum:
        found.rounding = _rounding(restricted, here)
    if not found.is_minimum:
        found.reason = "no more progress" if n < iterations else f"{iterations} Newton steps were used up"
    return found


def _approached(
    restricted: RestrictedObjective, here: QuadraticModel, radius: float | None
) -> tuple[QuadraticModel, int]:
    """Go down with Hessians learned from slopes, and look where that ends; return also how many steps were tried."""
    end, n = descend_newton(Learned(restricted, here), here, LEARNED, radius, near=EXACT)
    there = QuadraticModel(end.x, *restricted.value_gradient_hessian(end.x))
    if not np.isfinite(there.hessian).all():
        return here, n
    if 0.5 * there.decrement < SAME_CURVATURE:
        there = polish(Unchanged(restricted, there), there)
    return there, n


def _rounding(restricted: RestrictedObjective, here: QuadraticModel) -> float:
    """Return how much the value changes where x changes in its last digits only.

    Where residuals are as small as the rounding of what they are the difference of, nothing can be found more exactly.
    """
    if not 0.5 * here.decrement < ROUGH:
        return 0.0
    last = np.spacing(np.abs(here.x)) * np.arange(-4, 5)[:, None]
    values = restricted.values(here.x + last)
    return float(np.ptp(values)) if np.isfinite(values).all() else 0.0


def _search_result(restricted: RestrictedObjective, here: QuadraticModel, optimizer: str) -> SearchResult:
    return SearchResult(restricted, here.x, here.value, here.gradient, here.hessian, 0.5 * here.decrement, optimizer)


def _quasi_newton(restricted: RestrictedObjective, x: Array) -> SearchResult:
    """Run L-BFGS on axes of equal curvature at its start."""
    scale = _scale(restricted, x)

    def scaled(y: Array) -> tuple[float, Array]:
        value, gradient = restricted.value_and_gradient(y / scale)
        finite = np.isfinite(gradient).all()
        return (value, gradient / scale) if np.isfinite(value) and finite else (1e300, np.zeros_like(y))

    options: dict[str, Any] = {"maxiter": 2_000, "maxfun": 3_000, "ftol": 1e-15, "gtol": 1e-8, "maxcor": 20}
    result = optimize.minimize(scaled, x * scale, jac=True, method="L-BFGS-B", options=options)
    end = np.asarray(result.x) / scale
    value, gradient = restricted.value_and_gradient(end)
    found = SearchResult(restricted, end, value, gradient, None, np.inf, LBFGS, reason=str(result.message))
    found.n_iterations = int(result.nit)
    return _looked_at(found) if len(x) <= DENSE else _by_slope_alone(found, gradient / scale)


def _scale(restricted: RestrictedObjective, x: Array) -> Array:
    if len(x) > DENSE:
        return np.ones_like(x)
    try:
        curvature = np.abs(np.diagonal(restricted.hessian(x)))
    except (NotImplementedError, ValueError):
        return np.ones_like(x)
    usable = np.isfinite(curvature) & (curvature > 0)
    return np.sqrt(np.where(usable, curvature, 1.0))


def _by_slope_alone(found: SearchResult, gradient: Array) -> SearchResult:
    """Judge an end that has no Hessian by its slope: small against the value's own rounding."""
    found.remaining_decrease = float(gradient @ gradient)
    return found


def _looked_at(found: SearchResult) -> SearchResult:
    """Add the Hessian, by differences of slopes where the model has none."""
    restricted = found.restricted
    try:
        hessian = restricted.hessian(found.x)
    except (NotImplementedError, ValueError):
        hessian = hessian_of_slopes(lambda x: restricted.value_and_gradient(x)[1], found.x)
        found.exact = False
    if not np.isfinite(hessian).all():
        return found
    gradient = found.gradient if found.gradient is not None else np.zeros_like(found.x)
    found.hessian, found.remaining_decrease = (
        hessian,
        0.5 * QuadraticModel(found.x, found.value, gradient, hessian).decrement,
    )
    return found


def _without_slope(restricted: RestrictedObjective, x: Array, why: str) -> SearchResult:
    """Minimise by values alone: simplex after simplex, until a new one gains nothing."""
    from better_optimize import minimize

    def value(y: Array) -> float:
        return min(restricted.value(y), 1e300)

    n, last, end = 0, np.inf, x
    for _ in range(5):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = minimize(
                value,
                end,
                method="nelder-mead",
                progressbar=False,
                options={"xatol": 1e-9, "fatol": 1e-11, "maxiter": 1_000 * len(x), "adaptive": len(x) > 5},
            )
        n, end = n + int(result.nit), np.asarray(result.x)
        if last - float(result.fun) < 1e-9:
            break
        last = float(result.fun)
    found = SearchResult(
        restricted, end, restricted.value(end), None, None, np.inf, SIMPLEX, exact=False, reason=why, n_iterations=n
    )
    if np.isfinite(found.value) and len(x) <= DENSE:
        found.gradient, found.hessian = hessian_of_values(restricted.values, end)
        found.remaining_decrease = 0.5 * QuadraticModel(end, found.value, found.gradient, found.hessian).decrement
    return found
