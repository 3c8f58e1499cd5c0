"""Profiles against refits and closed forms; the surface over one level against finite differences."""

import numpy as np
import published
import pymc as pm
import pytest
import xarray as xr
from scipy import optimize, stats
from variance_components import eight_schools, one_way
from verbs import fit

import pymc_landscape as pml
from pymc_landscape.inference.profile.constrained_point import ConstrainedPoint
from pymc_landscape.inference.profile.constrained_point import evaluate_at as look
from pymc_landscape.inference.profile.constraint_manifold import ConstraintManifold as LevelSet
from pymc_landscape.inference.profile.constraint_manifold import minimize_on as descend_across
from pymc_landscape.inference.profile.quantities import find_quantities
from pymc_landscape.numerics.finite_differences import hessian_of_gradients


@pytest.fixture(scope="module")
def profile(budworm) -> xr.Dataset:
    return pml.profile_likelihood(budworm, ["b", "ld50"], progressbar=False)


def refit(fit: pml.Fit, row: xr.Dataset, j: int) -> float:
    """−2LL with one quantity held at step j, minimised by SciPy over the rest."""
    value = float(row["value"][j])
    if str(row["parameter"].item()) == "ld50":
        found = optimize.minimize(
            lambda v: fit.objective.value(np.array([-value * v[1], v[0], v[1]])).item(), [1.1, 1.06], tol=1e-12
        )
        return float(found.fun)
    i = ["b[constant]", "b[male]", "b[dose]"].index(str(row["parameter"].item()))
    others = [k for k in range(3) if k != i]

    def surface(v: np.ndarray) -> float:
        theta = np.empty(3)
        theta[i], theta[others] = value, v
        return float(fit.objective.value(theta))

    return float(optimize.minimize(surface, fit.theta[others], tol=1e-12).fun)


# --- against refits --------------------------------------------------------------------------------------------------


def test_each_point_is_a_refit(budworm, profile):
    for label in profile["parameter"].values:
        row = profile.sel(parameter=label).where(profile["status"].sel(parameter=label) != "", drop=True)
        for j in range(0, row.sizes["step"], 4):
            rise = refit(budworm, row, j) - budworm.minus2ll
            assert float(row["delta_minus2ll"][j]) == pytest.approx(rise, abs=1e-6)


def test_on_a_convex_surface_no_other_minimum_is_looked_for(budworm, monkeypatch):
    """There is none across, none beyond the cut-off, and none between two steps."""
    with monkeypatch.context() as patch:
        for place in ("profile_side.lowest_local_minimum", "continuation.STRIDES"):
            patch.setattr(f"pymc_landscape.inference.profile.{place}", None)
        found = pml.profile_likelihood(budworm, ["b[dose]"], progressbar=False)
    with monkeypatch.context() as patch:
        patch.setattr(ConstrainedPoint, "is_on_convex_surface", False)
        careful = pml.profile_likelihood(budworm, ["b[dose]"], progressbar=False)
        patch.setattr("pymc_landscape.inference.profile.profile_side.lowest_local_minimum", None)
        with pytest.raises(TypeError, match="NoneType"):
            pml.profile_likelihood(budworm, ["b[dose]"], progressbar=False)
    xr.testing.assert_equal(found, careful)


def test_the_slope_is_that_of_the_profile(profile):
    """Cubic Hermite in between two points meets the third: only with the right slopes."""
    for label in profile["parameter"].values:
        row = profile.sel(parameter=label).dropna("step", subset=["value"])
        value, delta, slope = (row[name].to_numpy() for name in ("value", "delta_minus2ll", "slope"))
        for j in range(1, len(value) - 1):
            a, m, b = value[j - 1 : j + 2]
            t, h = (m - a) / (b - a), b - a
            hermite = (
                (1 + 2 * t) * (1 - t) ** 2 * delta[j - 1]
                + t * (1 - t) ** 2 * h * slope[j - 1]
                + t**2 * (3 - 2 * t) * delta[j + 1]
                + t**2 * (t - 1) * h * slope[j + 1]
            )
            assert hermite == pytest.approx(delta[j], abs=2e-3)


def test_zeta_is_the_signed_root_in_equal_steps(profile):
    np.testing.assert_allclose(profile["zeta"] ** 2, profile["delta_minus2ll"], atol=1e-12)
    assert (np.sign(profile["zeta"]) == np.sign(profile["step"])).where(profile["zeta"].notnull(), True).all()
    steps = profile["zeta"].diff("step")
    step = np.sqrt(pml.chi2_cutoff(0.99)) / 8
    np.testing.assert_allclose(steps.where(steps.notnull(), step), step, rtol=0.1)


def test_the_path_leads_through_the_estimate_and_holds_the_value(budworm, profile):
    at = profile.sel(step=0)
    np.testing.assert_allclose(at["path"].sel(parameter="ld50"), budworm.point["b"], rtol=1e-12)
    for label in ("b[constant]", "b[male]", "b[dose]"):
        row = profile.sel(parameter=label)
        np.testing.assert_allclose(row["path"].sel(parameter_bis=label), row["value"], rtol=1e-12)
    ld50 = profile.sel(parameter="ld50")
    path = ld50["path"]
    ratio = -path.sel(parameter_bis="b[constant]") / path.sel(parameter_bis="b[dose]")
    np.testing.assert_allclose(ratio, ld50["value"], rtol=1e-10)


def test_it_reaches_the_level_and_meets_the_exact_ends(budworm, profile):
    assert (profile["delta_minus2ll"].max("step") >= pml.chi2_cutoff(0.99)).all()
    ends = pml.confidence_intervals(budworm, ["b", "ld50"], progressbar=False)
    for label in ends["parameter"].values:
        row = profile.sel(parameter=label).dropna("step", subset=["value"])
        read = np.interp([-1.959964, 1.959964], row["zeta"], row["value"])
        width = np.ptp(read)
        assert np.abs(ends["interval"].sel(parameter=label).isel(interval_method=0) - read).max() < 2e-3 * width


# --- closed forms ----------------------------------------------------------------------------------------------------


def test_a_normal_mean_has_the_profile_of_student():
    """Δ(µ) = n log(1 + (µ − ȳ)²/s²), s² the mean square."""
    y = np.array([1.2, -0.4, 3.1, 2.2, 0.7, 1.9])
    with pm.Model() as model:
        pm.Normal("y", pm.Flat("mu"), pm.HalfFlat("sigma"), observed=y)
    row = pml.profile_likelihood(fit(model), "mu", progressbar=False).squeeze("parameter")
    delta = len(y) * np.log1p((row["value"] - y.mean()) ** 2 / y.var())
    np.testing.assert_allclose(row["delta_minus2ll"], delta, atol=1e-9)
    sigma = np.sqrt(y.var() + (row["value"] - y.mean()) ** 2)
    np.testing.assert_allclose(row["path"].sel(parameter_bis="sigma"), sigma, rtol=1e-6)


@pytest.mark.exhaustive
def test_a_nuisance_leaves_its_edge_along_the_way():
    """The schools do not differ at the estimate of their mean; far from it they must."""
    here = fit(eight_schools(lambda: pm.HalfNormal("tau", 20)))
    row = pml.profile_likelihood(here, "mu", progressbar=False).squeeze("parameter")
    tau = row["path"].sel(parameter_bis="tau")
    assert float(tau.sel(step=0)) == 0
    assert float(tau[0]) > 1
    assert float(tau[-1]) > 1
    assert (row["status"] != "kink").all()


def test_the_profile_of_an_element_on_its_edge_has_one_side():
    model, _ = one_way("Dyestuff2", "log")
    row = pml.profile_likelihood(fit(model), "sigma_b", progressbar=False).squeeze("parameter")
    assert int(row["step"].min()) == 0
    assert float(row["value"][0]) == 0
    assert (row["delta_minus2ll"].diff("step") > 0).all()


@pytest.mark.exhaustive
def test_an_interval_transform_with_an_upper_limit_only_turns_no_sides():
    rng = np.random.default_rng(3)
    y = rng.normal(-1.0, 1.0, 20)
    with pm.Model() as model:
        pm.Normal("y", pm.TruncatedNormal("mu", 0, 5, upper=2.0), 1.0, observed=y)
    ends = pml.confidence_intervals(fit(model), progressbar=False)["interval"].squeeze()
    np.testing.assert_allclose(ends, y.mean() + np.array([-1, 1]) * np.sqrt(pml.chi2_cutoff(0.95) / 20), rtol=1e-8)


# --- what cannot be profiled -----------------------------------------------------------------------------------------


def test_two_valleys_and_the_lower_one_is_met():
    """From the higher valley of a polynomial the walk crosses into the lower one, which takes its place."""
    with pm.Model() as model:
        x = pm.Normal("x", 0, 3)
        z = pm.Normal("z", 0, 3)
        pm.Potential("wells", -0.5 * ((x**2 - 1) ** 2 + 0.3 * x + (z - x) ** 2))
    higher = fit(model, starts=[{"x": 1.0, "z": 1.0}])
    assert float(higher.point["x"]) > 0
    with pytest.warns(UserWarning, match="lower optimum"):
        row = pml.profile_likelihood(higher, "x", progressbar=False).squeeze("parameter")
    lowest = optimize.minimize_scalar(lambda x: (x**2 - 1) ** 2 + 0.3 * x, bracket=(-2, -1, 0), tol=1e-12)
    assert float(row["estimate"]) == pytest.approx(lowest.x, abs=1e-6)
    assert row.attrs["minus2ll"] == pytest.approx(lowest.fun, abs=1e-9)
    assert "lower optimum" in row.attrs["message"]


@pytest.mark.exhaustive
def test_an_open_side_ends_where_a_straight_line_is():
    """With low concentrations only, V and K may grow together without end: V c / (K + c) becomes a line through 0."""
    c, v = np.array([0.02, 0.02, 0.06, 0.06, 0.11]), np.array([76.0, 47.0, 97.0, 107.0, 123.0])
    with pm.Model() as model:
        top, half = pm.HalfNormal("top", 500), pm.HalfNormal("half", 1)
        pm.Normal("v", top * c / (half + c), 30.0, observed=v)
    here = fit(model)
    row = pml.profile_likelihood(here, "top", progressbar=False).squeeze("parameter")
    line = ((v - c * (c @ v) / (c @ c)) ** 2).sum() / 30.0**2
    curve = ((v - here.point["top"].item() * c / (here.point["half"].item() + c)) ** 2).sum() / 30.0**2
    last = row.where(row["status"] != "", drop=True).isel(step=-1)
    assert last["status"] == "open"
    assert float(last["delta_minus2ll"]) == pytest.approx(line - curve, abs=1e-4)
    ends = pml.confidence_intervals(here, "top", level=[0.9, 0.99], progressbar=False).squeeze()
    assert pml.chi2_cutoff(0.9) < line - curve < pml.chi2_cutoff(0.99)
    assert ends["status"].values.tolist() == [["finite", "finite"], ["finite", "open"]]
    assert ends["interval"].values[1, 1] == np.inf


def test_bad_requests_are_refused(budworm):
    with pytest.raises(ValueError, match=r"use .*b\[male\]"):
        pml.profile_likelihood(budworm, "b[mail]")
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        pml.profile_likelihood(budworm, level=95)
    with pytest.raises(ValueError, match="single elements"):
        pml.confidence_intervals(budworm, {"sum": {"b": 1.0}})


def test_it_survives_a_file(profile, tmp_path):
    profile.to_netcdf(tmp_path / "profile.nc")
    with xr.open_dataset(tmp_path / "profile.nc") as again:
        xr.testing.assert_equal(again.load(), profile)


# --- the surface over one level --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["b[male]", "ld50", "curve[1]"])
def test_derivatives_over_a_level_are_exact(budworm, name, rng):
    (quantity,) = find_quantities(budworm.objective, name)
    spot = look(budworm.result.restricted, quantity, budworm.result.x + rng.normal(size=3) * 0.05)
    surface = LevelSet(spot, spot.coordinate * 1.02)
    y = rng.normal(size=2) * 0.02
    x = surface.position(y)
    assert quantity.evaluate(spot.restricted, x).value == pytest.approx(spot.coordinate * 1.02, rel=1e-13)
    by_values = optimize.approx_fprime(y, lambda y: surface.value_and_gradient(y)[0], 1e-7)
    np.testing.assert_allclose(surface.value_and_gradient(y)[1], by_values, rtol=1e-4, atol=1e-4)
    by_slopes = hessian_of_gradients(lambda y: surface.value_and_gradient(y)[1], y)
    np.testing.assert_allclose(surface.hessian(y), by_slopes, rtol=1e-6, atol=1e-5)


def test_the_tangent_is_how_the_others_move(budworm):
    (quantity,) = find_quantities(budworm.objective, "ld50")
    spot = look(budworm.result.restricted, quantity, budworm.result.x)
    step = 1e-4
    ahead, back = (descend_across(spot, spot.coordinate + s * step) for s in (1, -1))
    np.testing.assert_allclose(spot.tangent(), (ahead.x - back.x) / (2 * step), rtol=1e-5)
    assert ahead.slope == pytest.approx((ahead.value - back.value) / step / 2 + ahead.slope, abs=1e-4)
    # the envelope theorem, away from the minimum
    far, further = (descend_across(spot, spot.coordinate + 0.3 + s * step) for s in (-1, 1))
    between = descend_across(spot, spot.coordinate + 0.3)
    assert between.slope == pytest.approx((further.value - far.value) / (2 * step), rel=1e-6)


def test_a_linear_combination_is_the_deterministic_of_it(budworm):
    """Wald limits of a sum follow from the covariance; the profile's from the same model in other coordinates."""
    combined = {"difference": {"b[constant]": 1.0, "b[male]": -1.0}}
    ends = pml.confidence_intervals(budworm, combined, method=["wald", "profile"], progressbar=False)
    cov = budworm.covariance.to_numpy()
    error = np.sqrt(cov[0, 0] + cov[1, 1] - 2 * cov[0, 1])
    wald = float(ends["estimate"][0]) + stats.norm.ppf([0.025, 0.975]) * error
    np.testing.assert_allclose(ends["interval"].sel(interval_method="wald").squeeze(), wald, rtol=1e-8)
    with pm.Model() as turned:
        d, b1, b2 = pm.Flat("d"), pm.Flat("b1"), pm.Flat("b2")
        pm.Binomial("dead", 20, logit_p=d + b1 + b1 * published.MALE + b2 * published.DOSE, observed=published.DEAD)
    other = pml.confidence_intervals(fit(turned), "d", progressbar=False)
    profiled = ends["interval"].sel(interval_method="profile")
    np.testing.assert_allclose(profiled.squeeze(), other["interval"].squeeze(), rtol=1e-8)


def test_the_former_name_of_resume_is_taken_with_a_warning(budworm, profile):
    with pytest.warns(FutureWarning, match="start= is called resume= now"):
        further = pml.profile_likelihood(budworm, "ld50", level=0.999, start=profile, progressbar=False)
    xr.testing.assert_equal(
        further, pml.profile_likelihood(budworm, "ld50", level=0.999, resume=profile, progressbar=False)
    )
    with pytest.raises(ValueError, match="start= or resume=, two names of one argument, got both"):
        pml.profile_likelihood(budworm, "ld50", resume=profile, start=profile, progressbar=False)
