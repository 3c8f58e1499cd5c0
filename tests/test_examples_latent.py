"""Examples of random effects that are integrated out, at small size, against published numbers."""

import numpy as np
import pytest
import xarray as xr
from example_scripts import load
from scipy import integrate, stats

import pymc_landscape as pml

# --- sleepstudy, against lme4 ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sleep():
    return load("sleepstudy")


@pytest.fixture(scope="module")
def drivers(sleep):
    return sleep.load_drivers()


@pytest.fixture(scope="module")
def model(sleep, drivers):
    return sleep.build_model(drivers)


@pytest.fixture(scope="module")
def fit(sleep, model):
    return sleep.fit_integrated(model)


@pytest.fixture(scope="module")
def intervals(fit):
    return pml.confidence_intervals(fit, progressbar=False)


@pytest.fixture(scope="module")
def tests(sleep, model, fit):
    return sleep.compare_nulls(model, fit)


PUBLISHED = {
    "intercept": (251.405104848, 237.680690, 265.129520),
    "days": (10.467285960, 7.358652, 13.575920),
    "sd_intercept": (23.78057, 14.38138, 37.71605),
    "sd_slope": (5.71683, 3.801177, 8.753392),
    "rho": (0.08132, -0.481493, 0.685019),
    "sigma": (25.59182, 22.898256, 28.857999),
}


def test_sleepstudy_has_the_published_maximum(fit):
    assert fit.minus2ll == pytest.approx(1751.93934446, abs=1e-6)
    assert fit.latent.attrs["latent"] == "u"
    assert sorted(fit.point) == sorted(PUBLISHED)


@pytest.mark.parametrize("name", PUBLISHED)
def test_sleepstudy_estimates_and_limits(fit, intervals, name):
    best, *ends = PUBLISHED[name]
    assert float(fit.point[name]) == pytest.approx(best, rel=1e-4)
    row = intervals.sel(parameter=name).squeeze()
    np.testing.assert_allclose(row["interval"], ends, rtol=1e-4)
    assert row["status"].to_numpy().tolist() == ["finite", "finite"]


@pytest.mark.exhaustive
def test_sleepstudy_slopes_are_tested_against_a_mixture(tests):
    slopes, days = tests["one slope for all"], tests["no slope on average"]
    assert slopes.statistic == pytest.approx(42.13929854, abs=1e-6)
    assert slopes.p_value == pytest.approx(3.9612e-10, rel=1e-4)
    np.testing.assert_allclose(slopes.weights, [0.0, 0.5, 0.5], atol=1e-12)
    assert days.statistic == pytest.approx(23.53653750, abs=1e-6)
    assert days.p_value == pytest.approx(1.22564e-6, rel=1e-5)
    assert days.reference == "chi2"


def test_sleepstudy_drivers_are_drawn_in(sleep, drivers, fit, tmp_path):
    """Henderson's equations, driver by driver: the mode is the driver's own line, shrunk by two covariances."""
    sd, rho = np.array([fit.point["sd_intercept"], fit.point["sd_slope"]], float), float(fit.point["rho"])
    between = np.outer(sd, sd) * [[1, rho], [rho, 1]]
    x = np.column_stack([np.ones(10), np.arange(10)])
    within = float(fit.point["sigma"]) ** 2 * np.linalg.inv(x.T @ x)
    alone = sleep.own_lines(drivers, fit)
    shrink = between @ np.linalg.inv(between + within)
    np.testing.assert_allclose(fit.latent["u"], alone @ shrink.T, atol=1e-6)
    left = between - shrink @ between
    np.testing.assert_allclose(fit.latent["u_se"], np.tile(np.sqrt(np.diag(left)), (18, 1)), rtol=1e-6)
    assert sleep.draw_drivers(drivers, fit, tmp_path / "drivers.png").stat().st_size > 10_000


@pytest.mark.exhaustive
def test_sleepstudy_spread_is_drawn_with_the_draws(sleep, fit, tmp_path, rng):
    draws = xr.Dataset({"sd_slope": (("chain", "draw"), 6 * np.exp(rng.normal(0, 0.2, (2, 100))))})
    dt = xr.DataTree(children={"posterior": xr.DataTree(draws)})
    path = sleep.draw_spread(fit, dt, tmp_path / "spread.png", names=("sd_slope",))
    assert path.stat().st_size > 10_000


@pytest.mark.exhaustive
def test_sleepstudy_report_puts_both_side_by_side(sleep, fit, intervals, tests):
    said = sleep.report(fit, intervals, tests)
    assert "-2LL 1751.939344" in said
    assert "sd_slope          5.71683 (   3.80118,    8.75339)      5.71683 (   3.80118,    8.75339)" in said
    assert "p 3.9612e-10 (chibar2)" in said


# --- eight schools, against the integral written out -----------------------------------------------------------------


@pytest.fixture(scope="module")
def schools():
    return load("eight_schools")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("figures")


@pytest.fixture(scope="module")
def analysis(schools, folder):
    return schools.main(draws=400, num=12, figures=folder)


@pytest.fixture(scope="module")
def data(schools):
    """Effects and standard errors."""
    table = schools.load_schools()
    return table["effect"].to_numpy(float), table["standard_error"].to_numpy(float)


def integrated(data, mu, tau):
    """Log-likelihood of (mu, tau), the schools' effects integrated out: each is normal about mu."""
    effect, error = data
    return stats.norm(mu, np.hypot(error, tau)).logpdf(effect).sum()


@pytest.mark.exhaustive
def test_eight_schools_are_all_alike(analysis):
    fit = analysis.fit
    assert fit.minus2ll / 2 == pytest.approx(29.67424369, abs=1e-8)
    assert fit.status.value == "at_bound"
    assert float(fit.point["mu"]) == pytest.approx(7.68561672, abs=1e-6)
    assert float(fit.point["tau"]) == 0.0


@pytest.mark.exhaustive
def test_eight_schools_limits(analysis):
    ends = analysis.intervals["interval"].squeeze()
    np.testing.assert_allclose(ends.sel(parameter="mu"), [-0.29690102, 15.89234424], rtol=1e-6)
    np.testing.assert_allclose(ends.sel(parameter="tau"), [0.0, 13.01752601], rtol=1e-6)
    assert analysis.intervals["status"].sel(parameter="tau").to_numpy().ravel().tolist() == ["at_bound", "finite"]


@pytest.mark.exhaustive
def test_eight_schools_surface_is_the_integral_down_to_the_edge(analysis, data):
    surface = analysis.surface
    assert float(surface["tau"][0]) == 0.0
    wanted = [[integrated(data, mu, tau) for tau in surface["tau"].values] for mu in surface["mu"].values]
    np.testing.assert_allclose(surface["log_likelihood"].transpose("mu", "tau"), wanted, rtol=1e-9)


@pytest.mark.exhaustive
def test_eight_schools_mean_is_off_the_edge_by_averaging(analysis, data):
    """The posterior's mean of tau by quadrature over the surface; its mode is on the edge as well."""
    row = analysis.table.sel(parameter="tau")
    mu, tau = np.linspace(-60, 75, 271), np.linspace(0, 150, 1501)
    effect, error = data
    width = np.hypot(error, tau[:, None])
    log = stats.norm(mu[:, None, None], width).logpdf(effect).sum(axis=-1)
    flat = np.average(tau, weights=integrate.trapezoid(np.exp(log - log.max()), mu, axis=0))
    log += stats.norm(0, 20).logpdf(mu)[:, None] + stats.halfcauchy(0, 10).logpdf(tau)
    density = integrate.trapezoid(np.exp(log - log.max()), mu, axis=0)
    mean = np.average(tau, weights=density)
    assert [round(mean, 1), round(flat, 1)] == [4.7, 6.5]  # as the example says
    assert tau[density.argmax()] == 0.0
    assert float(row["map"]) == 0.0
    assert float(row["prior_shift"]) == 0.0
    assert float(row["volume_shift"]) == pytest.approx(mean / float(row["unit"]), abs=4 * float(row["shift_mcse"]))
    assert "on the edge of its support" in str(row["sentence"].item())


@pytest.mark.exhaustive
def test_eight_schools_another_prior_pulls(schools, data):
    """Gamma(2, 0.1) is 0 at 0, so that its mode is inside."""
    mu, tau = np.meshgrid(np.linspace(5, 9, 161), np.linspace(0.05, 10, 399), indexing="ij")
    effect, error = data
    log = stats.norm(mu[..., None], np.hypot(error, tau[..., None])).logpdf(effect).sum(axis=-1)
    log += stats.norm(0, 20).logpdf(mu) + stats.gamma(2, scale=10).logpdf(tau)
    wanted = tau.ravel()[log.argmax()]
    assert schools.mode_off_the_edge(schools.load_schools()) == pytest.approx(wanted, abs=0.03)


@pytest.mark.exhaustive
def test_eight_schools_saves_three_figures(analysis, folder):
    assert isinstance(analysis.dt, xr.DataTree)
    saved = sorted(path.name for path in folder.glob("*.png"))
    assert saved == [f"eight_schools_{name}.png" for name in ("landscape", "steps", "tau")]
    assert all((folder / name).stat().st_size > 10_000 for name in saved)
