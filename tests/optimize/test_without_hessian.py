"""Fits of more parameters than a Hessian is formed for: no saddle is called an optimum, nothing is k × k."""

import pickle

import numpy as np
import pymc as pm
import pytest

import pymc_landscape as pml
from pymc_landscape.numerics.krylov import below_saddle

PAIRS, OUTCOME, NOISE = 160, 2.0, 0.5
QUIET = {"progressbar": False}


@pytest.fixture(scope="module")
def products_fit():
    """y = a · b + noise of 160 pairs: the initial point a = b = 0 is a saddle, the modes are known in closed form."""
    with pm.Model() as model:
        a, b = pm.Normal("a", 0, 1, shape=PAIRS), pm.Normal("b", 0, 1, shape=PAIRS)
        pm.Deterministic("whole", (a * b).sum())
        pm.Normal("y", a * b, NOISE, observed=np.full(PAIRS, OUTCOME))
    return pml.fit_map(model, starts=1, **QUIET)


def test_no_saddle_is_an_optimum(products_fit):
    # with a² = b² = t: (y − t)² / σ² + 2 t is least at t = y − σ²
    t = OUTCOME - NOISE**2
    assert products_fit.status == "converged"
    np.testing.assert_allclose(products_fit.point["a"] ** 2, t, rtol=1e-4)
    np.testing.assert_allclose(products_fit.point["a"].values * products_fit.point["b"].values, t, rtol=1e-4)
    normal = np.log(2 * np.pi * NOISE**2) + (OUTCOME - t) ** 2 / NOISE**2
    assert products_fit.minus2ll == pytest.approx(PAIRS * normal, rel=1e-6)


def test_standard_errors_are_those_that_are_asked_for(products_fit):
    table = products_fit.summary()
    assert table["se"].isna().all()
    why = "no standard error: too many parameters for all; confidence_intervals has single ones"
    assert (table["note"][: 2 * PAIRS] == why).all()
    assert table.loc["whole", "estimate"] == pytest.approx(PAIRS * (OUTCOME - NOISE**2), rel=1e-4)


def test_nothing_is_as_large_as_a_hessian(products_fit):
    k = products_fit.objective.size
    assert products_fit.result_covariance.shape == (k, k)
    assert np.isnan(products_fit.result_covariance[::50, ::50]).all()
    assert len(pickle.dumps(products_fit._natural.__dict__["errors"])) < 8 * k * k
    assert "_cov" not in vars(products_fit._natural)


@pytest.mark.parametrize("bends", [np.ones(400), np.r_[np.ones(399), 0.0]], ids=["a minimum", "a level direction"])
def test_below_a_minimum_is_nothing(bends):
    assert below_saddle(lambda x: x**2 @ bends, lambda v: 2.0 * bends * v, np.zeros(400), 1e-3) is None


def test_a_direction_of_little_curvature_among_large_ones_is_found():
    bends = np.geomspace(1e-3, 1e6, 400)
    bends[7] = -1e-2
    point = below_saddle(lambda x: x**2 @ bends, lambda v: 2.0 * bends * v, np.zeros(400), 1e-3)
    assert bends @ point**2 < -1e-3
