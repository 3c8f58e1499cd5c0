"""Methods that choose a direction and search along it: steepest descent, Newton's method, natural gradient."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.numerics import QuadraticModel, spectrum
from pymc_landscape.objective import Objective
from pymc_landscape.optimize.descent.line_search import backtrack
from pymc_landscape.optimize.descent.path import DescentPath, remaining_decrease

# Added to eigenvalues of a Fisher information that has ones on its diagonal: nothing to speak of where it is the
# model's own, more where it is an average over the data.
DAMPING_EXPECTED, DAMPING_EMPIRICAL = 1e-8, 1e-3
# Eigenvalues of a scaled Hessian are taken for no less than this share of the largest.
LEAST_CURVATURE = 1e-12


def gradient_descent(path: DescentPath, objective: Objective, rate: float | None) -> None:
    """Go along −∇nll, each first trial twice as long as the last step that was taken."""
    length = rate or 1.0 / max(1.0, 0.5 * float(np.linalg.norm(path.gradient)))
    path.reset_clock()
    while True:
        length = 2.0 * search_along(path, -0.5 * path.gradient, length)


def newton(path: DescentPath, objective: Objective, rate: float | None, tolerance: float) -> None:
    """Go along −|H|⁻¹∇ with the exact Hessian, its eigenvalues taken by their size."""
    path.reset_clock()
    while True:
        path.n_evaluations += 1
        here = QuadraticModel(path.theta, path.value, path.gradient, objective.hessian(path.theta))
        if not np.isfinite(here.hessian).all():
            path.stop("stalled", "the Hessian is not finite")
        if remaining_decrease(here) <= tolerance:
            path.stop("converged", "less than the tolerance is left to gain")
        if not here.scaled_gradient.any():
            path.stop("stalled", "the slope is zero at a point that is no minimum: begin beside it")
        search_along(path, _newton_direction(here), rate or 1.0)


def _newton_direction(here: QuadraticModel) -> Array:
    sizes = np.abs(here.spectrum.values)
    curvature = np.maximum(sizes, LEAST_CURVATURE * sizes.max(initial=0.0))
    direction: Array = -(here.spectrum.vectors @ (here.scaled_gradient / curvature)) / here.spectrum.scale
    return direction


def natural_gradient(path: DescentPath, objective: Objective, rate: float | None) -> None:
    """Go along −F⁻¹∇nll, F the Fisher information of the likelihood: expected where it is known, else empirical."""
    information, damping = choose_information(objective, path.theta)
    path.reset_clock()
    while True:
        path.n_evaluations += 1
        matrix = information(path.theta)
        if not np.isfinite(matrix).all():
            path.stop("stalled", "the Fisher information is not finite")
        search_along(path, _natural_direction(matrix, damping, path.gradient), rate or 1.0)


def choose_information(objective: Objective, theta: Array) -> tuple[Callable[[Array], Array], float]:
    """Return the Fisher information as a function of theta, and the damping that goes with it."""
    try:
        objective.fisher(theta)
    except (NotImplementedError, ValueError):  # a family whose information is not written down
        return lambda theta: _empirical(objective.scores(theta)), DAMPING_EMPIRICAL
    return objective.fisher, DAMPING_EXPECTED


def _empirical(scores: Array) -> Array:
    product: Array = scores.T @ scores
    return product


def _natural_direction(matrix: Array, damping: float, gradient: Array) -> Array:
    """Solve (F + damping · diag F) d = −∇nll on the axes on which F has ones on its diagonal."""
    seen = spectrum(matrix)
    inner = seen.vectors.T @ (-0.5 * gradient / seen.scale)
    direction: Array = seen.vectors @ (inner / (np.maximum(seen.values, 0.0) + damping)) / seen.scale
    return direction


def search_along(path: DescentPath, direction: Array, first: float) -> float:
    """Search along a direction and go there; return how long the step was in units of it."""
    lower = backtrack(path.evaluate, path.theta, path.value, path.gradient, direction, first)
    if lower is None:
        path.stop("stalled", "no lower point was found along the direction of search")
    path.arrive(lower.theta, lower.value, lower.gradient)
    return lower.length
