"""Rows that are impossible in one component of a mixture: gradients are numbers, and estimates those of the parts."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from pytensor.gradient import grad
from scipy import optimize, stats

import pymc_landscape as pml
from pymc_landscape.engine import without_infinite_data

AMOUNTS = np.random.default_rng(2).gamma(3.0, 0.6, 24)
SHARES = np.random.default_rng(3).beta(2.0, 3.0, 24)
ZEROS = 9


def inflated(part, data: np.ndarray) -> pm.Model:
    """A share of zeros, and a density of what is above 0."""
    with pm.Model() as model:
        zero = pm.Beta("zero", 1, 1)
        parts = [pm.DiracDelta.dist(0.0), part(pm.HalfNormal("a", 5), pm.HalfNormal("b", 5))]
        pm.Mixture("y", w=pm.math.stack([zero, 1 - zero]), comp_dists=parts, observed=np.r_[np.zeros(ZEROS), data])
    return model


PARTS = {
    "gamma": (pm.Gamma.dist, AMOUNTS, lambda a, b: stats.gamma(a, scale=1 / b)),
    "lognormal": (pm.LogNormal.dist, 1 + AMOUNTS, lambda a, b: stats.lognorm(b, scale=np.exp(a))),
    "beta": (pm.Beta.dist, SHARES, stats.beta),
}


@pytest.mark.parametrize("name", PARTS)
def test_zeros_beside_a_density_that_has_none(name):
    part, data, density = PARTS[name]
    fit = pml.fit_mle(inflated(part, data), progressbar=False)
    best = optimize.minimize(
        lambda q: -2 * density(*np.exp(q)).logpdf(data).sum(), [0.5, 0.5], method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-11},
    )  # fmt: skip
    zero = ZEROS / (ZEROS + len(data))
    flags = -2 * (ZEROS * np.log(zero) + len(data) * np.log(1 - zero))
    assert fit.status.value == "converged"
    assert fit.minus2ll == pytest.approx(best.fun + flags, rel=1e-8)
    assert [float(fit.point[n]) for n in ("zero", "a", "b")] == pytest.approx([zero, *np.exp(best.x)], rel=1e-4)


def test_numbers_stay_and_derivatives_are_numbers():
    k, x = pt.dscalar("k"), pt.constant([0.0, 2.0])
    graph = pt.switch(x > 0, (pt.log(x) - k) ** 2, -np.inf) + k * pt.log(x)
    (changed,) = without_infinite_data([graph])
    for value in (1.5, -1.5, 0.0):
        np.testing.assert_equal(changed.eval({k: value}), graph.eval({k: value}))
    weights = np.array([0.0, 1.0])  # what a component in which a row is impossible has of it
    slope = grad((pt.exp(changed) * weights).sum(), k).eval({k: 1.5})
    height = (np.log(2) - 1.5) ** 2 + 1.5 * np.log(2)
    assert slope == pytest.approx(np.exp(height) * (-2 * (np.log(2) - 1.5) + np.log(2)))
    assert np.isnan(grad((pt.exp(graph) * weights).sum(), k).eval({k: 1.5}))


def test_graphs_of_other_data_are_the_same():
    k, x = pt.dscalar("k"), pt.constant([1.0, 2.0])
    graph = pt.switch(x > 0, k * pt.log(x), -np.inf)
    assert without_infinite_data([graph])[0] is graph
