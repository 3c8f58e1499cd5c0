"""Values that are the lowest by rounding alone: no likelihood in a landscape, among draws, or for a start."""

import warnings

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
import xarray as xr
from scipy import special, stats

import pymc_landscape as pml
from pymc_landscape.engine.interpreter.array_functions import trigamma

COUNTS = np.array([0, 7, 1, 12, 3, 0, 5, 22, 2, 9])


@pytest.fixture(scope="module")
def written_out() -> pm.Model:
    """A negative binomial by its gamma functions, whose difference is rounding where α is 10¹⁴."""
    with pm.Model() as model:
        mean, alpha = pm.HalfFlat("mean", initval=6.0), pm.HalfFlat("alpha", initval=1.0)

        def logp(value, mean, alpha):
            return (
                pm.math.log(alpha / (alpha + mean)) * alpha
                + pm.math.log(mean / (alpha + mean)) * value
                + pt.gammaln(alpha + value)
                - pt.gammaln(alpha)
                - pt.gammaln(value + 1.0)
            )

        pm.CustomDist("y", mean, alpha, logp=logp, observed=COUNTS.astype(float))
    return model


def far_draws(fit: pml.Fit) -> xr.Dataset:
    """Draws of which every fifth has wandered to where no digits are left."""
    rng = np.random.default_rng(1)
    alpha = np.where(np.arange(100) % 5, rng.uniform(0.3, 2.0, 100), 10.0 ** rng.uniform(13, 17, 100))
    return xr.Dataset(
        {"mean": (("chain", "draw"), rng.uniform(4, 9, (1, 100))), "alpha": (("chain", "draw"), alpha[None])}
    )


def test_draws_and_landscapes_hold_no_rounding(written_out):
    fit = pml.fit_mle(written_out, progressbar=False)
    a, m = (float(fit.point[name]) for name in ("alpha", "mean"))
    assert fit.minus2ll == pytest.approx(-2 * stats.nbinom.logpmf(COUNTS, a, a / (a + m)).sum(), abs=1e-8)
    far = far_draws(fit)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rise = pml.posterior_deviance(fit, far, progressbar=False)
        grid = pml.regular_grid({"alpha": np.geomspace(0.1, 1e17, 60), "mean": np.linspace(2, 12, 5)})
        surface = pml.evaluate_landscape(written_out, grid, progressbar=False)
        slice_ = pml.evaluate_landscape(
            written_out, pml.posterior_grid(far, "mean", model=written_out, num=9), progressbar=False
        )
        again = pml.fit_mle(written_out, starts=far, random_seed=1, progressbar=False)
    assert rise.attrs["minimum"] > -1e-6
    assert float(surface["minus2ll"].min()) > fit.minus2ll - 1e-6
    assert float(slice_["minus2ll"].min()) > fit.minus2ll - 1e-6
    assert again.status.value == "converged"
    assert again.minus2ll == pytest.approx(fit.minus2ll, abs=1e-6)


def test_single_precision_is_refused_by_name():
    with pytensor.config.change_flags(floatX="float32"), pm.Model() as model:
        pm.Normal("y", pm.Normal("mu", 0, 10), 1.0, observed=[1.0, 2.0])
    with pytest.raises(ValueError, match=r"double precision, got 'mu' in float32"):
        pml.fit_mle(model, progressbar=False)


def test_trigamma_far_below_zero_is_that_of_the_reflection():
    x = np.array([-1e9 - 0.25, -150.5, -3.5, 0.5, 7.0])
    reflected = (np.pi / np.sin(np.pi * x[:2])) ** 2 - special.polygamma(1, 1 - x[:2])
    np.testing.assert_allclose(trigamma(x)[:2], reflected, rtol=1e-6)
    np.testing.assert_allclose(trigamma(x)[2:], special.zeta(2.0, x[2:]))
