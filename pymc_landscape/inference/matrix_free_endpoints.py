"""Endpoints of profile intervals in models of many parameters, by products of the Hessian with vectors.

Newton's method for an endpoint (Venzon & Moolgavkar 1988, *Journal of the Royal Statistical Society C* 37, 87-94) needs
two solutions of linear equations a step. With ψ the element of which the end is sought, ν all others,

    H_νν w = H_νψ: along the profile, ν moves by −w for each unit of ψ;     H_νν u = g_ν: what ν is off by.

To first order in ν and to second in ψ the profile is p(ψ + d) = f − ½ g_νᵀu + s d + ½ S d², with slope
s = g_ψ − g_νᵀw and curvature S = H_ψψ − H_νψᵀw, and d solves p = f̂ + q. Both equations are solved by conjugate
gradients (Hestenes & Stiefel 1952, *Journal of Research of the National Bureau of Standards* 49, 409-436), so that no
Hessian is ever formed: memory is that of some vectors, time that of some hundred gradients.

What is not found with certainty here (a curvature that is not positive across, an edge, a fall on the way) is left to
the careful way, with whole Hessians.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.inference.profile import (
    SCREEN,
    ConstrainedPoint,
    Endpoint,
    EndpointProblem,
    find_endpoints,
    point_without_hessian,
)
from pymc_landscape.numerics import NotPositiveCurvature, conjugate_gradients, diagonal_scale
from pymc_landscape.objective import DENSE, RestrictedObjective, hessian_products

STEPS = 15
# Of the cut-off, and of what minimising across may still gain: Δ(−2LL) at an end is right to 1e-8.
CLOSE, REMAINING = 1e-9, 1e-9
# Relative residuals of the two equations: errors enter squared, and what is left of them is seen in the next step.
ALONG_RESIDUAL, OFF_RESIDUAL = 1e-6, 1e-4
# So often a step to a place without a value, or far above the cut-off, is halved.
HALVINGS, FAR = 8, 10.0


def find_endpoints_of_any_size(
    problems: Sequence[EndpointProblem], starts: Sequence[Mapping[str, Array]] = ()
) -> list[Endpoint]:
    """Find endpoints of profile intervals: of elements of large models without Hessians, of all else with them.

    Parameters and what comes back are those of `find_endpoints`.
    """
    found = {i: end for i, problem in enumerate(problems) if (end := matrix_free_endpoint(problem)) is not None}
    left = [i for i in range(len(problems)) if i not in found]
    careful = [_with_hessian(problems[i]) for i in left]
    found |= dict(zip(left, find_endpoints(careful, starts), strict=True)) if left else {}
    return [found[i] for i in range(len(problems))]


def _with_hessian(problem: EndpointProblem) -> EndpointProblem:
    estimate = problem.estimate
    if not callable(estimate.hessian_or_function):
        return problem
    return replace(problem, estimate=replace(estimate, hessian_or_function=estimate.hessian))


def matrix_free_standard_error(estimate: ConstrainedPoint) -> float:
    """Return the standard error of one element of a large model; NaN where this is not the way to it."""
    if not _is_large(estimate):
        return np.nan
    try:
        j, scale = int(np.argmax(estimate.normal)), _scale(estimate.restricted, estimate.x)
        curvature = _CurvatureAcross(estimate.restricted, estimate.x, j, scale)
        bend = curvature.along_profile()[1]
    except NotPositiveCurvature:
        return np.nan
    return abs(estimate.quantity.rate(estimate.restricted, estimate.x)) * np.sqrt(2.0 / bend) if bend > 0 else np.nan


def _is_large(estimate: ConstrainedPoint) -> bool:
    """Whether a point has many elements, all inside, of which one is the quantity, and products of its Hessian."""
    if len(estimate.x) <= DENSE:  # to ask for more takes a tenth of the time of all ends
        return False
    restricted, objective = estimate.restricted, estimate.restricted.objective
    inside = not restricted.fixed and restricted.coordinates is None and not estimate.is_bent
    return inside and objective.has_gradient and not objective.is_integral and estimate.is_finite


def matrix_free_endpoint(problem: EndpointProblem) -> Endpoint | None:
    """Return a finite endpoint of one element of a large model; None where this is not the way to it."""
    estimate, restricted = problem.estimate, problem.estimate.restricted
    if problem.is_far or not _is_large(estimate):
        return None
    try:
        x, value = _newton(problem, int(np.argmax(estimate.normal)))
    except NotPositiveCurvature:
        return None
    line = estimate.x + SCREEN[:, None] * (x - estimate.x)
    values = restricted.screened(line)
    gains = np.diff(values[SCREEN <= 1.0], prepend=estimate.value)
    if (gains < 0.5 * np.maximum.accumulate(gains)).any() or values.min() < estimate.value - estimate.rounding():
        return None  # the surface bends on the way: there may be another minimum
    point = point_without_hessian(restricted, estimate.quantity, x)
    return Endpoint(point.natural, "finite", value - estimate.value, "", point)


def _newton(problem: EndpointProblem, j: int) -> tuple[Array, float]:
    """Take Newton's steps until −2LL is at the cut-off and stationary across; return where, and the value there."""
    estimate, restricted, side = problem.estimate, problem.estimate.restricted, problem.direction
    scale = _scale(restricted, estimate.x)
    x, value, gradient, longest = estimate.x, estimate.value, estimate.gradient, np.inf
    close = max(CLOSE, 10 * estimate.rounding())
    for _ in range(STEPS):
        curvature = _CurvatureAcross(restricted, x, j, scale)
        along, bend = curvature.along_profile()
        off = curvature.solve(gradient, OFF_RESIDUAL)
        left = problem.target - value
        remaining = float(gradient @ off)
        slope = float(gradient[j] - gradient @ along)
        if abs(left) <= close and remaining <= close and side * slope > 0:
            return x, value
        radicand = slope**2 + 2.0 * bend * (left + 0.5 * remaining)
        if not (bend > 0 and radicand > 0):
            raise NotPositiveCurvature
        longest = min(longest, np.sqrt(2.0 * problem.rise / bend))
        move = np.clip((side * np.sqrt(radicand) - slope) / bend, -longest, longest)
        step = -off - move * along
        step[j] = move
        x, value, gradient = _evaluated_nearer(problem, x, step)
    raise NotPositiveCurvature


def _evaluated_nearer(problem: EndpointProblem, x: Array, step: Array) -> tuple[Array, float, Array]:
    """Return the point a step leads to with its value and gradient, or one nearer where that is not near the end."""
    highest = problem.target + FAR * problem.rise
    for _ in range(HALVINGS):
        value, gradient = problem.estimate.restricted.value_and_gradient(x + step)
        if value < highest and np.isfinite(gradient).all():
            return x + step, value, gradient
        step = 0.5 * step
    raise NotPositiveCurvature


@dataclass(frozen=True)
class _CurvatureAcross:
    """The Hessian at x (m,), and equations with it over all elements but j; `scale` (m,) makes its diagonal ones."""

    restricted: RestrictedObjective
    x: Array
    j: int
    scale: Array

    def product(self, direction: Array) -> Array:
        """Return H times a direction (m,)."""
        return hessian_products(self.restricted, self.x, direction)

    def along_profile(self) -> tuple[Array, float]:
        """Return w (m,), by which the others move against a unit of element j, and the curvature S of the profile."""
        column = self.product(np.eye(1, len(self.x), self.j)[0])
        along = self.solve(column, ALONG_RESIDUAL)
        return along, float(column[self.j] - column @ along)

    def solve(self, right: Array, residual: float) -> Array:
        """Return u (m,) with H_νν u_ν = right_ν and u_j = 0."""
        across = np.where(np.arange(len(self.x)) == self.j, np.inf, self.scale)
        return conjugate_gradients(self.product, right, across, residual)


def _scale(restricted: RestrictedObjective, x: Array) -> Array:
    return diagonal_scale(partial(hessian_products, restricted, x), len(x))
