"""One start to one result: Newton in a trust region, then L-BFGS, then a method that needs no gradient."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import scipy

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.numerics import (
    EXACT,
    FixedHessian,
    LearnedHessian,
    QuadraticModel,
    descend_newton,
    hessian_of_values,
    minimize_past_saddles,
    noise,
    polish,
)
from pymc_landscape.objective import (
    DENSE,
    DerivativesAtOnce,
    RestrictedObjective,
    RoundingCheck,
    evaluation_noise,
    hessian_products,
    is_lower,
)
from pymc_landscape.optimize.tolerances import CONVERGED, CONVERGED_BY_VALUES, ROUGH, SAME_CURVATURE

NEWTON, LBFGS, SIMPLEX = "trust-region Newton", "L-BFGS-B", "Nelder-Mead"
# Newton steps at most; and at most so many with Hessians learned from gradients, where each costs many of them.
ITERATIONS, LEARNED = 1000, 50
# First radius of a second search, in standard errors: a long first step may have left the local minimum.
CAREFUL = 1.0
# So many points are tried beside a start that has no gradient, further away each time.
NUDGES = 20
# What a method is told where the objective has no value.
TOO_HIGH = 1e300


@dataclass
class SearchResult:
    """The result of one search.

    Parameters
    ----------
    restricted : RestrictedObjective
        What was minimised.
    x : array (m,)
        Its free elements at the end.
    value : float
        −2 (log L + w log prior) there.
    gradient, hessian : array or None
        Derivatives; None where there are too many parameters for a Hessian.
    remaining_decrease : float
        Half the Newton decrement, what the next step would still gain; infinite where the end is no minimum.
    optimizer : str
        The method that ended there.
    exact, reason : bool, str
        Whether the derivatives are exact, and why it stopped, if it is no optimum.
    rounding, begin_value : float
        Changes of the value that are rounding alone, where they hide the optimum; and the value at the start.
    n_iterations, n_evaluations, seconds : int, int, float
        What it cost.
    unbounded_below : bool
        Whether the search met a likelihood of +∞; what is evaluated afterwards says nothing of it.
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
    unbounded_below: bool = False

    def is_lower(self, than: SearchResult, by: float = 0.0) -> bool:
        """Whether this end is lower than another, by more than `by` and by more than the rounding of its value."""
        bar = than.value - by - (noise(than.value) if np.isfinite(than.value) else 0.0)
        return is_lower(self.restricted, self.x, self.value, bar, (than.restricted, than.x))

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
        tolerance = max(CONVERGED if self.exact else CONVERGED_BY_VALUES, 2 * self.rounding)
        return self.remaining_decrease <= tolerance


def search(restricted: RestrictedObjective, x: Array, iterations: int = ITERATIONS) -> SearchResult:
    """Minimise from `x`: Newton's method first, L-BFGS and Newton again where that does not converge.

    Parameters
    ----------
    restricted : RestrictedObjective
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
    result = _timed(restricted, lambda: _search(restricted, x, iterations))
    if np.isnan(result.begin_value):
        result.begin_value = restricted.value(x)
    return result


def _search(restricted: RestrictedObjective, x: Array, iterations: int) -> SearchResult:
    if not len(x):
        empty = np.zeros(0), np.zeros((0, 0))
        return SearchResult(restricted, x, restricted.value(x), *empty, 0.0, "none: nothing is free")
    if not restricted.objective.has_gradient:
        return _nelder_mead(restricted, x, "the model has no gradient")
    here = _with_hessian(restricted, x) if len(x) <= DENSE else None
    start = x if here is not None else _with_gradient(restricted, x)
    if start is None:
        return _nelder_mead(restricted, x, "the gradient is not finite at the start, nor nearby")
    if len(x) > DENSE:
        return _lbfgs(restricted, start)
    try:
        result = _newton(restricted, here or start, iterations)
    except ValueError:  # a gradient, but no finite second derivative
        return _lbfgs(restricted, start)
    result.begin_value = np.nan if here is None else here.value
    if result.is_minimum or restricted.unbounded_below:
        return result
    return _lower(result, _lbfgs_then_newton(restricted, result.x).add_cost(result))


def _with_hessian(restricted: RestrictedObjective, x: Array) -> QuadraticModel | None:
    """Return value, gradient and Hessian at a start, in one pass, where they are finite; else None."""
    try:
        here = _model_at(restricted, x)
    except ValueError:  # no second derivative here, or the model raises
        return None
    return here if np.isfinite(here.value) and np.isfinite(here.hessian).all() else None


def _model_at(restricted: RestrictedObjective, x: Array) -> QuadraticModel:
    return QuadraticModel(x, *restricted.value_gradient_hessian(x))


def search_briefly(restricted: RestrictedObjective, x: Array, iterations: int) -> SearchResult:
    """Minimise by so many Newton steps at most, or by L-BFGS where there is no second derivative, and no more.

    For a search that most likely ends where another has ended: nothing is polished, no rounding measured, and where
    each Hessian costs many gradients it is that learned on the way.
    """

    def run() -> SearchResult:
        if len(x) > DENSE:
            return _lbfgs(restricted, x, iterations)
        here = _model_at(restricted, x)
        if not np.isfinite(here.hessian).all():
            return _lbfgs(restricted, x, iterations)
        plain = restricted.objective.has_hessian
        surface = DerivativesAtOnce(restricted) if plain else LearnedHessian(restricted, here)
        try:
            here, n = descend_newton(surface, here, iterations, near=0.1 * CONVERGED)
        except ValueError:  # no finite second derivative on the way
            return _lbfgs(restricted, x, iterations)
        derivatives = here.gradient, here.hessian, 0.5 * here.decrement
        return SearchResult(restricted, here.x, here.value, *derivatives, NEWTON, n_iterations=n)

    result = _timed(restricted, run)
    result.begin_value = restricted.value(x)
    return result


def search_otherwise(result: SearchResult, x: Array) -> SearchResult:
    """Search again from the start `x`, first with small steps, then with L-BFGS in front; return the lower result."""
    if result.optimizer != NEWTON or not len(x):
        return result
    # a result at a bound has fewer free elements than a start
    restricted = RestrictedObjective(result.restricted.objective)
    try:
        careful = _timed(restricted, lambda: _newton(restricted, x, ITERATIONS, CAREFUL)).add_cost(result)
    except ValueError:
        return result
    if careful.is_minimum and careful.is_lower(result):
        return careful
    return _lower(result, _timed(restricted, lambda: _lbfgs_then_newton(restricted, x)).add_cost(careful))


def _timed(restricted: RestrictedObjective, run: Callable[[], SearchResult]) -> SearchResult:
    """Run a search, and write down what it cost."""
    began, evaluated, restricted.unbounded_below = time.perf_counter(), restricted.n_evaluations, False
    with np.errstate(all="ignore"):  # far out, anything overflows
        result = run()
    result.seconds = time.perf_counter() - began
    result.n_evaluations, result.unbounded_below = restricted.n_evaluations - evaluated, restricted.unbounded_below
    return result


def _lower(one: SearchResult, other: SearchResult) -> SearchResult:
    """Return the lower result; of two that are equal, the later, unless it owes to rounding that it is no higher."""
    if one.value < other.value - noise(other.value):
        return one if one.is_lower(other) else other
    is_rounding = other.value < one.value - noise(one.value) and not other.is_lower(one)
    return one if is_rounding else other


def _with_gradient(restricted: RestrictedObjective, x: Array) -> Array | None:
    """Return x, or the lowest of some points beside it, where value and gradient are finite."""
    value, gradient = restricted.value_and_gradient(x)
    if np.isfinite(value) and np.isfinite(gradient).all():
        return x
    rng = np.random.default_rng(NUDGES)  # the same points each time: a fit without random starts is not random
    beside = x + rng.uniform(-1.0, 1.0, size=(NUDGES, len(x))) * np.linspace(0.1, 2.0, NUDGES)[:, None]
    evaluated = [(restricted.value_and_gradient(there), i) for i, there in enumerate(beside)]
    usable = [(value, i) for (value, gradient), i in evaluated if np.isfinite(value) and np.isfinite(gradient).all()]
    return beside[min(usable)[1]] if usable else None


# --- Newton's method -------------------------------------------------------------------------------------------------


def _newton(
    restricted: RestrictedObjective, start: Array | QuadraticModel, iterations: int, radius: float | None = None
) -> SearchResult:
    """Minimise by Newton's method in a trust region, then polish by plain Newton steps.

    Where each Hessian costs many gradients, Hessians that are learned from the gradients go first.
    """
    here = start if isinstance(start, QuadraticModel) else _model_at(restricted, start)
    if not np.isfinite(here.hessian).all():
        raise ValueError("no finite second derivative at the start")
    learned, surface = 0, DerivativesAtOnce(restricted)
    if not restricted.objective.has_hessian:
        there, learned = descend_newton(LearnedHessian(restricted, here), here, LEARNED, radius, near=EXACT)
        there = _model_at(restricted, there.x)
        if np.isfinite(there.hessian).all():
            near = 0.5 * there.decrement < SAME_CURVATURE
            here = polish(FixedHessian(restricted, there), there) if near else there
    here, n = descend_newton(surface, here, iterations, radius, rounding=RoundingCheck(restricted))
    here = polish(surface, here)
    remaining = 0.5 * here.decrement
    result = SearchResult(restricted, here.x, here.value, here.gradient, here.hessian, remaining, NEWTON)
    result.n_iterations = learned + n
    result.rounding = 0.0 if result.is_minimum else _rounding(restricted, here)
    if not result.is_minimum:
        result.reason = "no more progress" if n < iterations else f"{iterations} Newton steps were used up"
    return result


def _rounding(restricted: RestrictedObjective, here: QuadraticModel) -> float:
    """Return how much the value changes where x changes in its last digits only.

    Where residuals are as small as the rounding of what they are the difference of, nothing can be found more exactly.
    """
    if not 0.5 * here.decrement < ROUGH:
        return 0.0
    last = np.spacing(np.abs(here.x)) * np.arange(-4, 5)[:, None]
    values = restricted.values(here.x + last)
    if not np.isfinite(values).all():
        return 0.0
    measured = evaluation_noise(restricted, here.x)
    return max(float(np.ptp(values)), measured if np.isfinite(measured) else 0.0)


def _lbfgs_then_newton(restricted: RestrictedObjective, x: Array) -> SearchResult:
    """Let L-BFGS go first, and Newton's method finish."""
    first = _lbfgs(restricted, x)
    if first.hessian is None or restricted.unbounded_below:
        return first
    try:
        second = _newton(restricted, first.x, ITERATIONS)
    except (NotImplementedError, ValueError):  # it ended where there is no second derivative
        return first
    second.n_iterations += first.n_iterations
    return _lower(first, second)


def _lbfgs(restricted: RestrictedObjective, x: Array, evaluations: int = 3_000) -> SearchResult:
    """Minimise by L-BFGS on axes of equal curvature at the start; add the Hessian where it is not too large.

    Where it is, Newton's steps by conjugate gradients follow, and from a saddle the search goes on below it.
    """
    scale = np.ones_like(x)
    if len(x) <= DENSE:
        curvature = np.abs(np.diagonal(restricted.hessian(x)))
        scale = np.sqrt(np.where(np.isfinite(curvature) & (curvature > 0), curvature, 1.0))

    def scaled(y: Array) -> tuple[float, Array]:
        value, gradient = restricted.value_and_gradient(y / scale)
        finite = np.isfinite(value) and np.isfinite(gradient).all()
        return (value, gradient / scale) if finite else (TOO_HIGH, np.zeros_like(y))

    def lbfgs(begin: Array) -> tuple[Array, int, str]:
        options: dict[str, Any] = {"maxiter": 2_000, "maxfun": evaluations, "ftol": 1e-15, "gtol": 1e-8, "maxcor": 20}
        ended = scipy.optimize.minimize(scaled, begin * scale, jac=True, method="L-BFGS-B", options=options)
        return np.asarray(ended.x) / scale, int(ended.nit), str(ended.message)

    if len(x) > DENSE:
        surface = restricted.value_and_gradient, restricted.screened, partial(hessian_products, restricted)
        x, value, gradient, left, n, reason = minimize_past_saddles(lbfgs, *surface, x, CONVERGED)
        return SearchResult(restricted, x, value, gradient, None, left, LBFGS, reason=reason, n_iterations=n)
    x, n, reason = lbfgs(x)
    value, gradient = restricted.value_and_gradient(x)
    result = SearchResult(restricted, x, value, gradient, None, np.inf, LBFGS, reason=reason, n_iterations=n)
    hessian = restricted.hessian(x)
    if np.isfinite(hessian).all():
        result.hessian = hessian
        result.remaining_decrease = 0.5 * QuadraticModel(x, value, gradient, hessian).decrement
    return result


def _nelder_mead(restricted: RestrictedObjective, x: Array, why: str) -> SearchResult:
    """Minimise by values alone: simplex after simplex, until a new one gains nothing; derivatives by differences."""
    from better_optimize import minimize

    n, last = 0, np.inf
    options = {"xatol": 1e-9, "fatol": 1e-11, "maxiter": 1_000 * len(x), "adaptive": len(x) > 5}
    for _ in range(5):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = lambda y: min(restricted.value(y), TOO_HIGH)  # noqa: E731
            ended = minimize(values, x, method="nelder-mead", progressbar=False, options=options)
        n, x = n + int(ended.nit), np.asarray(ended.x)
        if last - float(ended.fun) < 1e-9:
            break
        last = float(ended.fun)
    value = restricted.value(x)
    result = SearchResult(restricted, x, value, None, None, np.inf, SIMPLEX, exact=False, reason=why, n_iterations=n)
    if np.isfinite(value) and len(x) <= DENSE:
        result.gradient, result.hessian = hessian_of_values(restricted.values, x)
        result.remaining_decrease = 0.5 * QuadraticModel(x, value, result.gradient, result.hessian).decrement
    return result
