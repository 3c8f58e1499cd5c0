"""Bootstrap intervals: percentiles of the refits, with what refits without an optimum leave of them."""

import numpy as np
import published
import pymc as pm
import pytensor.tensor as pt
import pytest
import xarray as xr
from posteriors import mean_of
from scipy import stats
from verbs import again, fit

import pymc_landscape as pml
from pymc_landscape.inference import intervals

Y = np.array([1.0, 2.0, 0.5, 4.5])


def bootstrap_ends(here: pml.Fit, *args, draws: int = 120, random_seed: int = 7, **options) -> xr.Dataset:
    return pml.confidence_intervals(
        here, *args, method="bootstrap", draws=draws, random_seed=random_seed, progressbar=False, **options
    ).isel(interval_method=0)


def given(here: pml.Fit, monkeypatch, values, status) -> None:
    """Let the refits be these."""
    drawn = again(here, len(values)).assign(mu=(("chain", "draw"), np.asarray(values, float)[None]))
    drawn = drawn.assign_coords(status=(("chain", "draw"), np.array([status])))
    monkeypatch.setattr(intervals, "parametric_bootstrap", lambda fit, **options: drawn)


@pytest.fixture(scope="module")
def of_mean():
    return fit(mean_of(Y))


def test_ends_are_quantiles_of_the_refits(of_mean):
    """Of a parameter, a Deterministic and a sum of both, at two levels."""
    drawn = again(of_mean, 120)["mu"].values.ravel()
    found = bootstrap_ends(of_mean, level=[0.5, 0.95])
    for level in (0.5, 0.95):
        wanted = np.quantile(drawn, [0.5 - level / 2, 0.5 + level / 2])
        np.testing.assert_allclose(found["interval"].sel(level=level, parameter="mu"), wanted, rtol=1e-12)
    thrice = bootstrap_ends(of_mean, {"thrice": {"mu": 1.0, "twice": 1.0}})
    np.testing.assert_allclose(thrice["interval"][0], 3 * np.quantile(drawn, [0.025, 0.975]), rtol=1e-12)
    assert (found["status"] == "finite").all()
    assert (found["message"] == "").all()


def test_ends_of_a_normal_mean_are_walds_within_monte_carlo_error(of_mean):
    """The standard error of a quantile x is √(p (1 − p) / B) / φ(x)."""
    found = bootstrap_ends(of_mean, "mu", draws=600)["interval"][0]
    error = np.sqrt(0.025 * 0.975 / 600) / stats.norm.pdf(1.96)
    np.testing.assert_allclose(found, [2.0 - 1.96, 2.0 + 1.96], atol=4 * error)


def test_methods_stand_side_by_side():
    """Budworm, three ways, the same ends as each by itself."""
    here = fit(published.budworm())
    names = ["wald", "profile", "bootstrap"]
    three = pml.confidence_intervals(here, method=names, draws=60, random_seed=3, progressbar=False)
    assert three["interval_method"].values.tolist() == names
    assert dict(three.sizes) == {"parameter": 3, "bound": 2, "interval_method": 3}
    for name in names:
        alone = pml.confidence_intervals(here, method=name, draws=60, random_seed=3, progressbar=False)
        xr.testing.assert_equal(
            three[["interval", "status"]].sel(interval_method=[name]), alone[["interval", "status"]]
        )
    assert three["delta_minus2ll"].sel(interval_method="bootstrap").isnull().all()


@pytest.mark.exhaustive
def test_a_rare_event_has_an_open_end_where_too_many_samples_hold_none():
    """All five tries fail in 33 % of the samples and succeed in none: the odds have no lower end."""
    with pm.Model() as model:
        b = pm.Normal("b", 0, 10)
        pm.Bernoulli("y", logit_p=b, observed=[1, 0, 0, 0, 0])
    here = fit(model)
    with pytest.warns(UserWarning, match="claim no optimum"):
        found = bootstrap_ends(here, "b", draws=300, level=[0.2, 0.95])
    status = found["status"].sel(parameter="b")
    assert status.sel(level=0.95).values.tolist() == ["open", "finite"]
    assert status.sel(level=0.2).values.tolist() == ["finite", "finite"]
    assert found["interval"].sel(parameter="b", level=0.95, bound="lower") == -np.inf
    upper = float(found["interval"].sel(parameter="b", level=0.95, bound="upper"))
    assert upper == pytest.approx(np.log(3 / 2), abs=1e-6)  # three of five, or fewer, in 99 %
    assert "refits ran away" in found["message"].sel(parameter="b", level=0.95, bound="lower").item()


@pytest.mark.exhaustive
def test_an_end_on_the_edge_of_the_support_is_at_bound():
    """Eight schools: σ_b = 0 in more than half of the samples."""
    error = published.SCHOOLS["standard_error"].to_numpy(float)
    with pm.Model() as model:
        mu, tau = pm.Normal("mu", 0, 20), pm.HalfCauchy("tau", 5)
        pm.Normal("effect", mu, pt.sqrt(tau**2 + error**2), observed=published.SCHOOLS["effect"].to_numpy(float))
    found = bootstrap_ends(fit(model), "tau", draws=25)
    assert found["status"][0].values.tolist() == ["at_bound", "finite"]
    assert found["interval"][0, 0] == 0


@pytest.mark.parametrize(("failed", "status"), [(2, "finite"), (3, "failed"), (100, "failed")])
def test_as_many_failures_as_a_tail_holds_leave_no_end(of_mean, monkeypatch, failed, status):
    """Of a hundred refits a tail of 2.5 % holds two and a half."""
    values = np.r_[np.full(failed, np.nan), np.arange(100 - failed)]
    given(of_mean, monkeypatch, values, ["failed"] * failed + ["converged"] * (100 - failed))
    found = bootstrap_ends(of_mean, "mu")
    assert found["status"][0].values.tolist() == [status] * 2
    assert found["message"][0, 0].item() == f"{failed} of 100 refits failed"
    wanted = np.quantile(np.arange(98), [0.025, 0.975]) if status == "finite" else [np.nan, np.nan]
    np.testing.assert_allclose(found["interval"][0], wanted, rtol=1e-12)


def test_refits_that_ran_away_are_beyond_every_other_and_no_number(of_mean, monkeypatch):
    """One of a hundred does not reach the end, three do; what another parameter ran away in keeps its value."""
    for away, ends in ((1, [1.475, 95.525]), (3, [-np.inf, 93.525])):
        values = np.r_[np.full(away, -22.0), np.arange(100 - away)]
        given(of_mean, monkeypatch, values, ["unbounded"] * away + ["converged"] * (100 - away))
        found = bootstrap_ends(of_mean, "mu")
        np.testing.assert_allclose(found["interval"][0], ends, rtol=1e-12)
    given(of_mean, monkeypatch, np.arange(100), ["converged"] * 50 + ["unbounded"] * 3 + ["converged"] * 47)
    found = bootstrap_ends(of_mean, "mu")
    np.testing.assert_allclose(found["interval"][0], np.quantile(np.arange(100), [0.025, 0.975]), rtol=1e-12)
    assert found["message"][0, 0].item() == ""
