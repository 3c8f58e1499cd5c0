"""Curvature that the Hessian has lost in rounding: parameters whose effects on the data are nearly the same.

With a predictor far from 0 (a date in seconds, a year squared), slope and intercept are correlated to within the square
of its spread by its size. From 1e7 on that is less than a double can tell from 1: eigenvalues of the Hessian are
rounding, and so would be standard errors, and every step of a Newton method. The product of the Hessian with a
direction keeps its digits, for rows of data cancel before they are added up; it tells such a direction from one along
which the surface is level.
"""

from __future__ import annotations

import numpy as np

from pymc_landscape.numerics import Spectrum, spectrum
from pymc_landscape.objective import hessian_products
from pymc_landscape.optimize.local_search import SearchResult

# A curvature of so many times its own rounding is one.
BEYOND_ROUNDING = 1e4
# Where the surface is looked at, in standard errors; there it has risen by their squares, within this factor.
STANDARD_ERRORS, WITHIN = np.array([0.5, 2.0]), 2.0
# The smallest eigenvalue, by the largest, of a Hessian that has lost most of its digits.
SINGULAR = 1e-11

NEARLY_DEPENDENT = (
    "effects of parameters on the data are nearly the same, as where predictors are far from 0; subtract their means, "
    "or scale them, and fit again"
)


def is_lost_in_rounding(result: SearchResult, curvature: Spectrum, i: int) -> bool:
    """Whether −2LL rises along eigenvector i, as a parabola whose curvature the Hessian at an estimate does not have.

    Parameters
    ----------
    result : SearchResult
        A minimum.
    curvature : Spectrum
        Of its Hessian.
    i : int
        An eigenvector whose eigenvalue is none to rounding.
    """
    restricted = result.restricted
    plain = result.exact and restricted.coordinates is None and not restricted.objective.is_integral
    if not plain or not restricted.objective.has_gradient:
        return False
    direction = curvature.vectors[:, i] / curvature.scale
    try:
        product = hessian_products(restricted, result.x, direction)
    except (ArithmeticError, NotImplementedError, ValueError):
        return False
    bend = float(direction @ product)
    rounding = float(np.finfo(float).eps) * float(np.linalg.norm(direction * product))
    if not bend > BEYOND_ROUNDING * rounding:
        return False
    moves = np.concatenate([STANDARD_ERRORS, -STANDARD_ERRORS])
    rises = restricted.screened(result.x + np.sqrt(2.0 / bend) * moves[:, None] * direction) - result.value
    both = rises.reshape(2, -1).mean(axis=0)  # without the slope that is left where the search was led astray
    shares = both / STANDARD_ERRORS**2
    return bool((shares > 1.0 / WITHIN).all() and (shares < WITHIN).all())


def has_lost_digits(result: SearchResult) -> bool:
    """Whether the Hessian at the end of a search is singular to most of its digits."""
    if result.hessian is None or not np.isfinite(result.hessian).all() or not len(result.x):
        return False
    values = spectrum(result.hessian).values
    return bool(np.abs(values).min() < SINGULAR * np.abs(values).max())
