"""Every certified nonlinear regression, from the far start and from the near one, with sigma free and known.

Estimates, −2LL and both kinds of standard errors; and no claim of an optimum anywhere else.
"""

from functools import cache
from typing import Literal

import jets
import numpy as np
import pytest
import xarray as xr
from nist import CURVES, Regression, nist_model, regression
from selection import some

import pymc_landscape as pml

SIGMA = ["free", "known"]
Sigma = Literal["free", "known"]
# Residuals of a size that double precision cannot write: 8e-14 of the response.
PERFECT = "Lanczos1"
EACH = sorted(CURVES)
# Of MGH09: a second valley, with poles between the data, and a place far out on the plain where b1 b2 alone matters.
RATIONAL_VALLEY = np.array([0.22535644, -0.41475381, -0.0244527, -0.17796966])
RATIONAL_PLAIN = np.array([-4.8905e-06, -4.9630e05, 7.4475, 5.0243])
MEASURABLE = [name for name in EACH if name != PERFECT]
# An easy one, the hardest ones, and the perfect one, with sigma free, run always.
ALWAYS = ("BoxBOD", "Eckerle4", PERFECT, "MGH09", "Misra1a", "Thurber")


@cache
def objective_of(name: str, sigma: Sigma) -> pml.Objective:
    return pml.Objective(nist_model(name, sigma))


@cache
def fit_from(name: str, sigma: Sigma, number: Literal[1, 2]) -> pml.Fit:
    start = regression(name).start(number)
    return pml.fit_mle(objective_of(name, sigma), starts=[start], progressbar=False)


def numbers(this: Regression, values: xr.Dataset) -> np.ndarray:
    return np.array([values[b].item() for b in this.names])


def estimates(this: Regression, fit: pml.Fit) -> np.ndarray:
    return this.canonical(numbers(this, fit.point))


def reached(name: str, sigma: Sigma, number: Literal[1, 2]) -> bool:
    this = regression(name)
    return np.allclose(estimates(this, fit_from(name, sigma, number)), this.estimate, rtol=1e-6, atol=0)


def errors(information: np.ndarray) -> np.ndarray:
    scale = np.sqrt(np.diagonal(information))
    return np.sqrt(np.diagonal(np.linalg.inv(information / np.outer(scale, scale)))) / scale


def rounding(this: Regression) -> float:
    """What double precision leaves open in a standard error: 7e-7 for Bennett5, 1e-9 for the median of the sets."""
    _, fisher, _ = derivatives(this, this.estimate)
    scale = np.sqrt(np.diagonal(fisher))
    return float(np.finfo(float).eps * np.linalg.cond(fisher / np.outer(scale, scale)))


def derivatives(this: Regression, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """J r, J Jᵀ and Σ r ∇²μ."""
    curve = this.curve(jets, this.x, *jets.variables(b))
    slope = np.broadcast_to(curve.slope, (len(b), len(this.y)))
    residuals = this.y - curve.value
    return slope @ residuals, slope @ slope.T, curve.bend @ residuals


def is_valley(this: Regression, b: np.ndarray) -> bool:
    """Whether the sum of squares itself has a minimum here: level, and one standard error away about one s² higher."""
    slope, fisher, rest = derivatives(this, b)
    scale = np.sqrt(np.diagonal(fisher))
    curvature, axes = np.linalg.eigh((fisher - rest) / np.outer(scale, scale))
    if curvature[0] <= 0:
        return False
    rss = (this.residuals(b) ** 2).sum()
    s2 = rss / len(this.y)
    left = ((axes.T @ (slope / scale)) ** 2 / curvature).sum()
    steps = axes / scale[:, None] * np.sqrt(s2 / curvature)
    beside = [(this.residuals(b + side * step) ** 2).sum() for step in steps.T for side in (1, -1)]
    return left < 1e-6 * s2 and min(beside) - rss > 0.3 * s2


@pytest.mark.parametrize("name", EACH)
def test_file_and_model_function_agree(name):
    this = regression(name)
    rss = (this.residuals(this.estimate) ** 2).sum()
    assert this.s == pytest.approx(np.sqrt(this.rss / (len(this.y) - len(this.estimate))), rel=1e-9)
    if name == PERFECT:
        assert rss < 1e-20  # what eleven digits of the estimates leave
    else:
        assert rss == pytest.approx(this.rss, rel=1e-9)


@pytest.mark.parametrize("name", EACH)
def test_certified_deviations_are_those_of_the_slopes(name):
    this = regression(name)
    _, fisher, _ = derivatives(this, this.estimate)
    np.testing.assert_allclose(this.s * errors(fisher), this.deviation, rtol=1e-6)


@pytest.mark.parametrize("sigma", some(SIGMA, ["free"]))
@pytest.mark.parametrize("name", some(EACH, ALWAYS))
def test_near_start_reaches_the_certified_estimates(name, sigma):
    assert reached(name, sigma, 2)
    if name != PERFECT:
        assert fit_from(name, sigma, 2).status == "converged"


@pytest.mark.parametrize("sigma", some(SIGMA, ["free"]))
@pytest.mark.parametrize("name", some(EACH, ALWAYS))
def test_far_start_claims_nothing_that_is_no_valley(name, sigma):
    """Some have other valleys, higher up, which a single start can end in."""
    fit = fit_from(name, sigma, 1)
    if fit.status.is_optimum and not reached(name, sigma, 1):
        assert is_valley(regression(name), estimates(regression(name), fit))


def test_what_is_a_valley():
    this = regression("MGH09")
    assert is_valley(this, this.estimate)
    assert not is_valley(this, this.estimate * 1.01)
    assert is_valley(this, RATIONAL_VALLEY)
    assert not is_valley(this, RATIONAL_PLAIN)


@pytest.mark.exhaustive
@pytest.mark.parametrize("sigma", SIGMA)
def test_far_start_reaches_nearly_all(sigma):
    assert sum(reached(name, sigma, 1) for name in EACH) >= 24


@pytest.mark.parametrize("name", some(MEASURABLE, ["Misra1a"]))
def test_floor_of_the_landscape(name):
    this, n = regression(name), len(regression(name).y)
    free = n * np.log(2 * np.pi * this.rss / n) + n
    known = n * np.log(2 * np.pi * this.s**2) + this.rss / this.s**2
    assert fit_from(name, "free", 2).minus2ll == pytest.approx(free, rel=1e-9, abs=1e-7)
    assert fit_from(name, "known", 2).minus2ll == pytest.approx(known, rel=1e-9, abs=1e-7)
    assert fit_from(name, "free", 2).point["sigma"].item() == pytest.approx(np.sqrt(this.rss / n), rel=1e-7)


@pytest.mark.parametrize("sigma", some(SIGMA, ["free"]))
@pytest.mark.parametrize("name", some(MEASURABLE, ALWAYS))
def test_observed_standard_errors(name, sigma):
    """At the fit's own estimate: where two parameters nearly trade off, the certified digits are too few."""
    this, fit = regression(name), fit_from(name, sigma, 2)
    _, fisher, rest = derivatives(this, numbers(this, fit.point))
    scale = np.sqrt(this.rss / len(this.y)) if sigma == "free" else this.s
    np.testing.assert_allclose(numbers(this, fit.standard_error), scale * errors(fisher - rest), rtol=1e-6)
    if sigma == "free":
        assert fit.standard_error["sigma"].item() == pytest.approx(scale / np.sqrt(2 * len(this.y)), rel=1e-6)


@pytest.mark.parametrize("sigma", some(SIGMA, ["free"]))
@pytest.mark.parametrize("name", some(MEASURABLE, ALWAYS))
def test_expected_standard_errors_are_the_certified_deviations(name, sigma):
    this, near = regression(name), fit_from(name, sigma, 2)
    fit = pml.fit_mle(near.objective, starts=near, information="expected", progressbar=False)
    n, p = len(this.y), len(this.estimate)
    shrunk = np.sqrt((n - p) / n) if sigma == "free" else 1.0
    found = numbers(this, fit.standard_error)[this.order(numbers(this, fit.point))]
    np.testing.assert_allclose(found, this.deviation * shrunk, rtol=1e-6 + rounding(this))
