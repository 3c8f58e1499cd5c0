"""Optima that are whole manifolds: products of factors, and ridges that lead off the edge of a support."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from selection import exhaustive

import pymc_landscape as pml


@pytest.mark.parametrize(
    ("rows", "rank", "seed", "unit"),
    [(12, 2, 0, 1.0), exhaustive(6, 1, 4, 1.0), exhaustive(8, 3, 5, 1e3)],
)
@pytest.mark.parametrize("known", [True, False])
def test_a_product_of_factors(rows, rank, seed, unit, known):
    """U A and V A⁻ᵀ are the same for every A; what singular values leave over is the least sum of squares."""
    rng = np.random.default_rng(seed)
    product = rng.normal(size=(rows, rank)) @ rng.normal(size=(rank, 9))
    observed = unit * (product + rng.normal(0, 0.5, product.shape))
    with pm.Model() as model:
        left = pm.Normal("left", 0, 1, shape=(rows, rank), initval=rng.normal(0, 0.1, (rows, rank)))
        right = pm.Normal("right", 0, 1, shape=(9, rank), initval=rng.normal(0, 0.1, (9, rank)))
        sigma = 0.5 * unit if known else pm.HalfNormal("sigma", unit)
        pm.Normal("observed", left @ right.T, sigma, observed=observed)
    fit = pml.fit_mle(model, starts=1, progressbar=False)
    left_over = (np.linalg.svd(observed)[1][rank:] ** 2).sum()
    variance = (0.5 * unit) ** 2 if known else left_over / observed.size
    least = left_over / variance + observed.size * np.log(2 * np.pi * variance)
    assert fit.status.value == "not_identified"
    assert fit.minus2ll == pytest.approx(least, abs=1e-4)


@pytest.mark.parametrize("shared", [exhaustive(1e-4), 0.3])
@pytest.mark.parametrize("unit", [1.0, exhaustive(1e3)])
def test_a_ridge_through_an_edge(shared, unit):
    """Cov = s² + [[v, r√(vw)], [r√(vw), w]]: s can be traded for the rest, from 0 upwards."""
    scatter, n = unit**2 * np.array([[1.0, 0.7], [0.7, 1.3]]), 40
    with pm.Model() as model:
        s, d = pm.HalfNormal("s", 5 * unit), pm.HalfNormal("d", 5 * unit, shape=2)
        r = pm.Uniform("r", -1, 1)
        v, w, c = s**2 + d[0] ** 2, s**2 + d[1] ** 2, s**2 + r * d[0] * d[1]
        det = v * w - c**2
        trace = (w * scatter[0, 0] + v * scatter[1, 1] - 2 * c * scatter[0, 1]) / det
        pm.Potential("y", -0.5 * n * (pt.log(det) + trace))
    start = {"s": shared * unit, "d": unit * np.ones(2), "r": 0.5}
    fit = pml.fit_mle(model, starts=[start], progressbar=False)
    assert fit.minus2ll == pytest.approx(n * (np.linalg.slogdet(scatter)[1] + 2), abs=1e-6)
    assert fit.status.value == "not_identified"


@pytest.mark.parametrize("centre", [0.0, 1e-9])
def test_a_mirror_is_no_edge(centre):
    """A scale that enters squared, on the whole line: −2LL is the same at ±s, and rises from 0."""
    y = np.array([0.2, -0.1, 0.3, 0.1, -0.4])
    with pm.Model() as model:
        s = pm.Flat("s", initval=0.7 + centre)
        pm.Normal("y", 0, pt.sqrt(1 + s**2), observed=y)
    fit = pml.fit_mle(model, progressbar=False)
    assert fit.status.value == "converged"
    assert float(fit.point["s"]) == pytest.approx(0.0, abs=1e-6)
