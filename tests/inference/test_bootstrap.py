"""Parametric bootstrap: closed forms, Wilks, what fails, what cannot be simulated."""

import arviz as az
import numpy as np
import published
import pymc as pm
import pytensor.tensor as pt
import pytest
import xarray as xr
from posteriors import mean_of
from scipy import stats
from verbs import again, fit, interrupted_after, one_by_one

import pymc_landscape as pml
from pymc_landscape.inference.resampling import bootstrap
from pymc_landscape.objective.observations.simulate import Simulator
from pymc_landscape.optimize.stacks import stacked_searches

Y = np.array([1.0, 2.0, 0.5, 4.5])


@pytest.fixture(scope="module")
def of_mean():
    """600 replicates of a mean of four."""
    here = fit(mean_of(Y))
    return here, again(here, 600)


def test_the_mean_of_a_normal_has_its_own_sampling_distribution(of_mean):
    """The refit's mean is N(ȳ, σ²/n)."""
    _, drawn = of_mean
    assert stats.kstest(drawn["mu"].values.ravel(), stats.norm(2.0, 1.0).cdf).pvalue > 1e-3
    np.testing.assert_allclose(drawn["twice"], 2 * drawn["mu"], rtol=1e-12)


def test_wilks_holds_exactly_for_a_normal_mean(of_mean):
    """Δ = n (ȳ* − ȳ)² / σ² is χ²₁ for every n."""
    _, drawn = of_mean
    np.testing.assert_allclose(drawn["delta_minus2ll"], (drawn["mu"] - 2.0) ** 2, atol=1e-9)
    assert stats.kstest(drawn["delta_minus2ll"].values.ravel(), stats.chi2(1).cdf).pvalue > 1e-3


def test_what_comes_back_is_what_arviz_reads(of_mean, tmp_path):
    here, drawn = of_mean
    assert dict(drawn.sizes) == {"chain": 1, "draw": 600}
    assert list(drawn.data_vars) == ["mu", "twice", "minus2ll", "delta_minus2ll"]
    assert drawn["status"].dims == ("chain", "draw")
    assert "status" not in drawn.indexes
    assert set(np.unique(drawn["status"])) == {"converged"}
    assert (drawn.attrs["group"], drawn.attrs["k"], drawn.attrs["n_failed"]) == ("bootstrap", 1, 0)
    assert drawn.attrs["completion"] == "complete"
    assert az.summary(drawn, round_to="none").loc["mu", "mean"] == pytest.approx(drawn["mu"].mean().item())
    drawn.to_netcdf(tmp_path / "drawn.nc")
    assert here.status.value == "converged"


def test_a_seed_gives_the_same_replicates_and_fewer_of_them_are_its_beginning(of_mean):
    here, drawn = of_mean
    np.testing.assert_array_equal(again(here, 5)["mu"], drawn["mu"][:, :5])
    assert not np.array_equal(again(here, 5, random_seed=8)["mu"], drawn["mu"][:, :5])


def test_a_refit_is_the_fit_of_the_data_that_were_simulated():
    model = published.budworm()
    here = fit(model)
    drawn = again(here, 3)
    simulator = Simulator(here.objective)
    for i, seed in enumerate(bootstrap.seeds(7, 3)):
        data = simulator(bootstrap.natural_point(here), seed)
        twin = here.objective.with_data(**data)
        plain = fit(twin)
        np.testing.assert_allclose(drawn["b"][0, i], plain.point["b"], rtol=1e-6)
        assert drawn["minus2ll"][0, i].item() == pytest.approx(plain.minus2ll, abs=1e-8)
        before = -2 * stats.binom(published.TRIED, _chance(here.point["b"].values)).logpmf(data["dead"]).sum()
        assert drawn["delta_minus2ll"][0, i].item() == pytest.approx(before - plain.minus2ll, abs=1e-7)


def _chance(b: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-(b[0] + b[1] * published.MALE + b[2] * published.DOSE)))


def test_budworm_spreads_as_its_standard_errors_say():
    here = fit(published.budworm())
    drawn = again(here, 200)
    spread = drawn["b"].std(("chain", "draw"))
    np.testing.assert_allclose(spread, here.standard_error["b"], rtol=0.25)
    assert drawn["b"].dims == ("chain", "draw", "term")


def test_the_model_and_its_data_are_left_alone():
    model = published.budworm()
    here = fit(model)
    again(here, 3)
    assert fit(model).minus2ll == here.minus2ll
    assert here.objective.minus2ll(here.theta) == here.minus2ll


@pytest.mark.exhaustive
def test_an_estimate_on_an_edge_is_simulated_there_and_refits_may_leave_it():
    """Two variances of one mean: σ_b = 0 fits best, and half of the refits find something else."""
    error = published.SCHOOLS["standard_error"].to_numpy(float)
    with pm.Model() as model:
        mu, tau = pm.Normal("mu", 0, 20), pm.HalfCauchy("tau", 5)
        pm.Normal("effect", mu, pt.sqrt(tau**2 + error**2), observed=published.SCHOOLS["effect"].to_numpy(float))
    here = fit(model)
    assert here.point["tau"] == 0.0
    drawn = again(here, 60)
    on_edge = drawn["tau"].values.ravel() == 0
    assert 0.3 < on_edge.mean() < 0.9
    np.testing.assert_array_equal(on_edge, drawn["status"].values.ravel() == "at_bound")
    weighted = stats.kstest(drawn["mu"].values.ravel()[on_edge], stats.norm(7.68561672, (error**-2).sum() ** -0.5).cdf)
    assert weighted.pvalue > 1e-3
    assert (drawn["delta_minus2ll"] >= 0).all()


def test_several_observed_variables_are_drawn_together():
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 10)
        x = pm.Normal("x", mu, 1, observed=np.zeros(50))
        pm.Normal("y", 10 * x, np.float64(0.01), observed=np.zeros(50))
    data = Simulator(pml.Objective(model))({"mu": 3.0}, 1)
    np.testing.assert_allclose(data["y"], 10 * data["x"], atol=0.1)
    assert stats.kstest(data["x"], stats.norm(3, 1).cdf).pvalue > 1e-3


def test_predictors_of_a_twin_are_those_that_are_simulated():
    with pm.Model() as model:
        x = pm.Data("x", np.zeros(3))
        b = pm.Normal("b", 0, 10)
        pm.Normal("y", b * x, np.float64(1e-6), observed=np.zeros(3))
    twin = pml.Objective(model).with_data(x=[1.0, 2.0, 3.0])
    np.testing.assert_allclose(Simulator(twin)({"b": 2.0}, 1)["y"], [2, 4, 6], atol=1e-4)
    np.testing.assert_allclose(Simulator(pml.Objective(model))({"b": 2.0}, 1)["y"], 0, atol=1e-4)


def test_refits_without_an_optimum_are_counted_and_told():
    """Some samples of a rare event hold none: a logistic regression then runs away."""
    with pm.Model() as model:
        b = pm.Normal("b", 0, 10)
        pm.Bernoulli("y", logit_p=b, observed=[1, 0, 0, 0, 0])
    here = fit(model)
    with pytest.warns(UserWarning, match=r"claim no optimum \(\d+ unbounded\)"):
        drawn = again(here, 60)
    away = drawn["status"].values == "unbounded"
    assert away.mean() == pytest.approx(0.8**5 + 0.2**5, abs=0.2)
    assert drawn.attrs["n_failed"] == 0


def test_refits_that_fail_are_nan(monkeypatch, of_mean):
    here, _ = of_mean
    from pymc_landscape.optimize.status import Status
    from pymc_landscape.optimize.status import StatusReport as Verdict

    follow = stacked_searches.search_from_start

    def fails(*args):
        end = follow(*args)
        return type(end)(end.start, end.origin, end.result, Verdict(Status.FAILED, "no"))

    monkeypatch.setattr(stacked_searches, "search_from_start", fails)
    one_by_one(monkeypatch)
    with pytest.warns(UserWarning, match=r"\(2 failed\)"):
        drawn = again(here, 2)
    assert drawn.attrs["n_failed"] == 2
    assert np.isnan(drawn["mu"]).all()
    assert np.isnan(drawn["delta_minus2ll"]).all()


def test_ctrl_c_keeps_the_finished_replicates(monkeypatch, of_mean):
    here, drawn = of_mean
    interrupted_after(4, monkeypatch)
    with pytest.warns(UserWarning, match="4 of 10 replicates"):
        kept = again(here, 10)
    assert kept.attrs["completion"] == "interrupted"
    np.testing.assert_array_equal(kept["mu"], drawn["mu"][:, :4])


def test_ctrl_c_before_anything_is_finished_is_passed_on(monkeypatch, of_mean):
    interrupted_after(0, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        again(of_mean[0], 10)


# --- refused ---------------------------------------------------------------------------------------------------------


def test_a_potential_cannot_be_simulated():
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 10)
        pm.Potential("error", -((mu - 1) ** 2))
    with pytest.raises(ValueError, match=r"the pm\.Potential 'error'"):
        again(fit(model), 3)


def test_a_custom_distribution_without_random_cannot_be_simulated():
    with pm.Model() as model:
        rate = pm.HalfNormal("rate", 10)
        pm.CustomDist("wait", rate, logp=lambda y, rate: pt.log(rate) - rate * y, observed=np.array([1.0, 2.0]))
    with pytest.raises(ValueError, match=r"'wait'.*give its CustomDist a function `random`"):
        again(fit(model), 3)


def test_a_fit_without_an_optimum_is_refused():
    with pm.Model() as model:
        a, b = pm.Normal("a", 0, 10), pm.Normal("b", 0, 10)
        pm.Normal("y", a + b, 1, observed=[1.0, 2.0])
    with pytest.raises(ValueError, match="not_identified"):
        again(fit(model), 3)


def test_a_posterior_mode_is_refused():
    with pytest.raises(ValueError, match="posterior mode"):
        again(pml.fit_map(mean_of(Y), progressbar=False), 3)


@pytest.mark.parametrize("draws", [0, -1, 2.5, True])
def test_a_number_of_draws_is_a_whole_number(of_mean, draws):
    with pytest.raises(TypeError if draws is True else ValueError, match="whole number"):
        again(of_mean[0], draws)


def test_a_model_is_fitted_first(of_mean):
    xr.testing.assert_allclose(again(mean_of(Y), 3), again(of_mean[0], 3))
