"""One joint density is no sample: sandwich, influence and LOO refuse it by name; independent rows are one."""

import arviz as az
import numpy as np
import pymc as pm
import pytest

import pymc_landscape as pml

Y = np.cumsum(np.random.default_rng(3).normal(size=20))
ROWS = np.random.default_rng(4).normal(size=(12, 2))


def autoregression():
    pm.AR("y", rho=pm.Normal("rho", shape=1), sigma=1.0, init_dist=pm.Normal.dist(0, 10), observed=Y)


def random_walk_beside_a_sample():
    s = pm.HalfNormal("s")
    pm.Normal("z", 0, s, observed=Y)
    pm.GaussianRandomWalk("y", sigma=s, init_dist=pm.Normal.dist(0, 10), observed=Y)


def gaussian_process():
    gp = pm.gp.Marginal(cov_func=pm.HalfNormal("eta") ** 2 * pm.gp.cov.ExpQuad(1, 2.0))
    gp.marginal_likelihood("y", X=np.arange(20)[:, None], y=Y, sigma=1.0)


def density_by_hand_as_one_number():
    pm.CustomDist("y", pm.Normal("m"), logp=lambda y, m: -0.5 * ((y - m) ** 2).sum(), observed=Y)


def summed_potential():
    pm.Potential("y", pm.logp(pm.Normal.dist(pm.Normal("m"), 1), Y).sum())


def model_of(write) -> pm.Model:
    with pm.Model() as model:
        write()
    return model


JOINT = [autoregression, random_walk_beside_a_sample, gaussian_process, density_by_hand_as_one_number, summed_potential]


@pytest.mark.parametrize("write", JOINT, ids=lambda write: write.__name__)
def test_a_joint_density_has_no_sandwich(write):
    with pytest.raises(ValueError, match=r"independent observations for sandwich=True, got (y ~|the Potential y)"):
        pml.fit_mle(model_of(write), sandwich=True, progressbar=False)


@pytest.mark.parametrize("write", [autoregression, summed_potential], ids=lambda write: write.__name__)
def test_no_observation_of_it_can_be_left_out(write):
    with pytest.raises(ValueError, match=r"independent observations for influence, got (y ~|the Potential y)"):
        pml.influence(model_of(write), progressbar=False)


def test_independent_rows_are_a_sample():
    """HC0 of a mean: the mean square of the residuals over n."""
    with pm.Model() as model:
        pm.MvNormal("y", pm.Normal("mu", 0, 10, shape=2), np.eye(2), observed=ROWS)
    fit = pml.fit_mle(model, sandwich=True, progressbar=False)
    np.testing.assert_allclose(fit.standard_error["mu"], ROWS.std(axis=0) / np.sqrt(12), rtol=1e-6)
    with pm.Model() as one_by_one:
        mu = pm.Normal("mu", 0, 10)
        for k in range(3):
            pm.Normal(f"y{k}", mu, 1, observed=ROWS[k, 0])
    fit = pml.fit_mle(one_by_one, sandwich=True, progressbar=False)
    np.testing.assert_allclose(fit.standard_error["mu"], ROWS[:3, 0].std() / np.sqrt(3), rtol=1e-6)


def test_a_sandwich_needs_more_observations_than_parameters():
    with pm.Model() as model:
        pm.Binomial("y", 10, pm.Beta("p", 1, 1), observed=7)
    with pytest.raises(ValueError, match="more observations than parameters for sandwich=True, got 1 and 1"):
        pml.fit_mle(model, sandwich=True, progressbar=False)


def test_a_table_has_no_loo_of_it():
    dt = az.from_dict({"posterior": {"rho": np.random.default_rng(1).normal(0.9, 0.1, (2, 50, 1))}})
    table = pml.compare_models({"ar": (pml.fit_mle(model_of(autoregression), progressbar=False), dt)})
    assert np.isnan(table.loc["ar", "elpd_loo"])
    assert "LOO: y ~ AutoRegressive, one joint density of 20 numbers, is no sample" in table.loc["ar", "note"]
