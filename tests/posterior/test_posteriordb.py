"""Draws that Stan made, from posteriordb: of a regression whose posterior has a closed form, the prior being vague."""

import json
from pathlib import Path

import numpy as np
import pymc as pm
import pytest
import xarray as xr
from posteriors import tree
from scipy import special
from verbs import fit

import pymc_landscape as pml

SBLRC = json.loads((Path(__file__).parents[1] / "data" / "posteriordb" / "sblrc.json").read_text(encoding="utf-8"))
X, Y = np.array(SBLRC["X"]), np.array(SBLRC["y"])
N, K = X.shape


@pytest.fixture(scope="module")
def here() -> pml.Fit:
    with pm.Model() as model:
        beta, sigma = pm.Normal("beta", 0, 10, shape=K), pm.HalfNormal("sigma", 10)
        pm.Normal("y", X @ beta, sigma, observed=Y)
    return fit(model)


@pytest.fixture(scope="module")
def draws() -> xr.DataTree:
    return tree(beta=np.array(SBLRC["beta"]), sigma=np.array(SBLRC["sigma"]))


def test_likelihood_and_posterior_of_a_regression(here, draws):
    """Least squares; under a flat prior σ² is SSE over a χ² of n − k − 1, and β a t around least squares."""
    best, (sse,), *_ = np.linalg.lstsq(X, Y)
    found = pml.compare_with_posterior(here, draws, random_seed=1, progressbar=False)
    beta, sigma = found.isel(parameter=slice(0, K)), found.sel(parameter="sigma")
    np.testing.assert_allclose(beta["mle"], best, atol=1e-8)
    np.testing.assert_allclose(beta["se"], np.sqrt(sse / N * np.linalg.inv(X.T @ X).diagonal()), rtol=1e-6)
    assert (np.abs(beta["total_shift"]) < 5 * beta["shift_mcse"] + 1e-3).all()
    assert (found["prior_share"] < 1e-3).all()
    assert set(found["verdict"].values) == {"data-dominated"}
    degrees = N - K - 1
    mean = np.sqrt(sse / 2) * np.exp(special.gammaln((degrees - 1) / 2) - special.gammaln(degrees / 2))
    assert sigma["mle"] == pytest.approx(np.sqrt(sse / N), rel=1e-8)
    assert sigma["volume_shift"] == pytest.approx(
        (mean - np.sqrt(sse / N)) / sigma["se"].item(), abs=5 * sigma["shift_mcse"].item()
    )


def test_its_draws_lie_as_high_as_a_flat_prior_lets_them(here, draws):
    """Δ = n log(σ² n/SSE) + (SSE + a quadratic form)/σ² − n, of which the mean is known in closed form."""
    rise = pml.posterior_deviance(here, draws)
    degrees = N - K - 1
    # log σ² = log SSE − log χ²; (SSE + quadratic form) / σ² = χ²_(n−k−1) + χ²_k
    expected = N * (np.log(N) - np.log(2) - special.digamma(degrees / 2)) + degrees + K - N
    assert rise.attrs["p_d"] == pytest.approx(expected, abs=5 * rise.attrs["p_d_mcse"])
    assert rise.attrs["k"] == K + 1
