"""Bounds that are held at the estimate and left along a profile, against profiles of the marginal normal by scipy."""

from functools import cache

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
import random_slopes
from scipy import optimize, stats
from selection import slow

import pymc_landscape as pml

# scipy's Nelder-Mead from four starts at each value of the quantity, b in closed form, brentq for the end.
ENDS = {
    "b[0]": (9.585469, 14.425931),
    "s0": (3.68186, 8.035941),
    "s1": (0.0, 0.696133),
    "sigma": (3.726467, 4.853476),
    "rho": (-1.0, 1.0),
}


@cache
def fitted(build, *arguments):
    fit = pml.fit_mle(build(*arguments), progressbar=False)
    assert fit.status.value == "at_bound"
    return fit


def limits(names, *what):
    return pml.confidence_intervals(fitted(*what), names, progressbar=False)


@pytest.mark.parametrize(
    ("unit", "names"),
    [(1.0, ["b[0]"]), *(slow(unit, list(ENDS)) for unit in (1.0, 1e3))],
)
def test_a_correlation_of_one_is_left_where_that_is_lower(unit, names):
    found = limits(names, random_slopes.by_correlation, unit)
    for name, ends in ((name, ENDS[name]) for name in names):
        scale = 1.0 if name == "rho" else unit
        np.testing.assert_allclose(found["interval"].sel(parameter=name).values.ravel() / scale, ends, atol=2e-6)
        assert "failed" not in found["status"].sel(parameter=name).values


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_diagonal_of_zero_is_left_where_that_is_lower():
    found = limits(["b", "L_stds", "sigma", "L_corr[0, 1]"], random_slopes.by_cholesky_factor)
    same = {"b[0]": "b[0]", "L_stds[0]": "s0", "L_stds[1]": "s1", "sigma": "sigma", "L_corr[0, 1]": "rho"}
    for name, like in same.items():
        np.testing.assert_allclose(found["interval"].sel(parameter=name).values.ravel(), ENDS[like], atol=2e-6)
    assert found["status"].sel(parameter="L_stds[1]").values.ravel().tolist() == ["at_bound", "finite"]


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "same",
    [{"s[0]": "s0"}, {"s[1]": "s1", "sigma": "sigma", "rho": "rho", "R[1, 0]": "rho"}],
)
def test_a_correlation_matrix_that_is_singular_is_left_where_that_is_lower(same):
    found = limits(list(same), random_slopes.by_correlation_matrix)
    for name, like in same.items():
        np.testing.assert_allclose(found["interval"].sel(parameter=name).values.ravel(), ENDS[like], atol=2e-6)
        assert "failed" not in found["status"].sel(parameter=name).values


@pytest.mark.parametrize("unit", [1.0, pytest.param(1e-3, marks=pytest.mark.exhaustive)])
def test_a_root_of_a_share_of_0_has_no_slope_there(unit):
    control, treated = unit * np.array([0.4, -1.1, 0.3, 1.2, 0.1, -0.5]), unit * np.array([-0.8, 0.2, -1.3, 0.4, -0.6])
    with pm.Model() as model:
        mu, p = pm.Flat("mu"), pm.Uniform("p", 0, 1)
        pm.Normal("control", mu, unit, observed=control)
        pm.Normal("treated", mu + unit * pt.sqrt(p), unit, observed=treated)
    fit = pml.fit_mle(model, progressbar=False)
    assert fit.status.value == "at_bound"

    def least(mean):
        effect = np.clip((treated - mean).mean() / unit, 0, 1)
        return (((control - mean) ** 2).sum() + ((treated - mean - unit * effect) ** 2).sum()) / unit**2

    middle = np.r_[control, treated].mean()
    cut = stats.chi2(1).ppf(0.95) + least(middle)
    right = [optimize.brentq(lambda m: least(m) - cut, *b) for b in ((-5 * unit, middle), (middle, 5 * unit))]
    found = pml.confidence_intervals(fit, "mu", progressbar=False)["interval"].values.ravel()
    np.testing.assert_allclose(found, right, rtol=1e-7)
