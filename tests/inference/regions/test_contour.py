"""Joint regions: ellipses in closed form, vertices plugged back, regions without an end."""

import numpy as np
import pymc as pm
import pytest
import xarray as xr
from scipy import optimize, stats
from variance_components import one_way
from verbs import fit

import pymc_landscape as pml

CUTOFF = 5.991464547107979  # χ²₂(0.95)


def plugged_back(here: pml.Fit, held: dict[str, float], begin: np.ndarray) -> float:
    """Δ(−2LL) with some elements held, minimised over the others by SciPy."""
    labels = list(here.objective.labels)
    fixed = [labels.index(label) for label in held]
    free = [i for i in range(len(labels)) if i not in fixed]

    def surface(v: np.ndarray) -> float:
        theta = np.empty(len(labels))
        theta[fixed], theta[free] = list(held.values()), v
        return float(here.objective.value(theta))

    return float(optimize.minimize(surface, begin[free], tol=1e-13).fun) - here.minus2ll


def test_two_means_with_known_covariance_have_an_ellipse():
    """(µ − ȳ)ᵀ n Σ⁻¹ (µ − ȳ) = q."""
    rng = np.random.default_rng(5)
    cov = np.array([[4.0, 1.5], [1.5, 1.0]])
    y = rng.multivariate_normal([10, -3], cov, size=12)
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 100, shape=2)
        pm.MvNormal("y", mu, cov, observed=y)
    for method in ("exact", "wald", "traces"):
        ring = pml.confidence_contour(fit(model), "mu", method=method, progressbar=False).sel(level=0.95)
        moved = np.stack([ring["mu[0]"], ring["mu[1]"]], axis=1) - y.mean(axis=0)
        np.testing.assert_allclose(np.einsum("vi,ij,vj->v", moved, 12 * np.linalg.inv(cov), moved), CUTOFF, rtol=1e-7)


def test_each_vertex_plugged_back_meets_the_cut_off(budworm):
    ring = pml.confidence_contour(budworm, ["b[constant]", "b[dose]"], level=0.95, num=40, progressbar=False)
    ring = ring.squeeze("level")
    assert (ring["status"] == "finite").all()
    assert float(np.abs(ring["delta_minus2ll"] - CUTOFF).max()) < 1e-6
    assert ring.attrs["n_evaluations"] <= 400
    for vertex in range(0, 40, 5):
        held = {label: float(ring[label][vertex]) for label in ("b[constant]", "b[dose]")}
        assert plugged_back(budworm, held, budworm.theta) == pytest.approx(CUTOFF, abs=1e-6)


def test_a_sketch_from_profiles_is_near_the_contour_and_meets_it_where_the_profiles_do(budworm):
    names = ["b[constant]", "b[dose]"]
    sketch, exact = (
        pml.confidence_contour(budworm, names, level=0.95, num=24, method=method, progressbar=False).squeeze("level")
        for method in ("traces", "exact")
    )
    assert (sketch["status"] == "finite").all()
    for vertex in range(0, 24, 3):
        held = {name: float(sketch[name][vertex]) for name in names}
        assert plugged_back(budworm, held, budworm.theta) == pytest.approx(CUTOFF, rel=0.02)
    for name in names:  # the ends of what the contour casts on an axis are those of a profile at the same cut-off
        level = float(stats.chi2.cdf(CUTOFF, 1))
        ends = pml.confidence_intervals(budworm, name, level=level, progressbar=False)["interval"].values.ravel()
        width = ends[1] - ends[0]
        assert float(sketch[name].min()) == pytest.approx(ends[0], abs=0.02 * width)
        assert float(sketch[name].max()) == pytest.approx(ends[1], abs=0.02 * width)
        assert float(abs(sketch[name].max() - exact[name].max())) < 0.02 * width


def test_a_deterministic_and_a_parameter(budworm):
    """Of b₀ and b₂ at a vertex of (ld50, b₂): b₀ = −ld50 b₂."""
    ring = pml.confidence_contour(budworm, ["ld50", "b[dose]"], level=0.68, num=12, progressbar=False)
    ring = ring.squeeze("level")
    for vertex in range(12):
        ld50, slope = float(ring["ld50"][vertex]), float(ring["b[dose]"][vertex])
        rise = plugged_back(budworm, {"b[constant]": -ld50 * slope, "b[dose]": slope}, budworm.theta)
        assert rise == pytest.approx(pml.chi2_cutoff(0.68, df=2), abs=1e-6)


def test_positive_parameters_bend_the_region():
    model, (a, n, _, ssb, ssw) = one_way("Dyestuff", "log")
    here = fit(model)
    ring = pml.confidence_contour(here, ["sigma_b", "sigma"], level=0.68, num=16, progressbar=False).squeeze("level")
    assert (ring["status"] == "finite").all()
    s2, l2 = ring["sigma"] ** 2, ring["sigma"] ** 2 + n * ring["sigma_b"] ** 2
    minus2ll = a * (n - 1) * np.log(s2) + a * np.log(l2) + ssw / s2 + ssb / l2 + a * n * np.log(2 * np.pi)
    np.testing.assert_allclose(minus2ll - here.minus2ll, pml.chi2_cutoff(0.68, df=2), atol=1e-6)


def test_a_region_without_an_end_says_so():
    """Both may grow together: the region is a strip along a straight line through 0."""
    c, v = np.array([0.02, 0.02, 0.06, 0.06, 0.11]), np.array([76.0, 47.0, 97.0, 107.0, 123.0])
    with pm.Model() as model:
        top, half = pm.HalfNormal("top", 500), pm.HalfNormal("half", 1)
        pm.Normal("v", top * c / (half + c), 30.0, observed=v)
    here = fit(model)
    ring = pml.confidence_contour(here, ["top", "half"], level=[0.5, 0.999], num=48, progressbar=False)
    narrow, wide = (
        ring.sel(level=level).where(ring["piece"].sel(level=level) >= 0, drop=True) for level in (0.5, 0.999)
    )
    assert (narrow["status"] == "finite").all()
    assert set(wide["status"].values) == {"finite", "open", "at_bound"}
    assert wide["top"].where(wide["status"] == "open").isnull().all()
    on_edge = wide.where(wide["status"] == "at_bound", drop=True)
    np.testing.assert_allclose(on_edge["half"], 0.0)
    # at half = 0 the curve is constant: (v − top)² summed
    rise = ((v[:, None] - on_edge["top"].values) ** 2).sum(axis=0) / 30.0**2
    least = ((v - here.point["top"].item() * c / (here.point["half"].item() + c)) ** 2).sum() / 30.0**2
    np.testing.assert_allclose(rise - least, pml.chi2_cutoff(0.999, df=2), atol=1e-6)


def test_bad_requests_are_refused(budworm):
    with pytest.raises(ValueError, match="Expected two quantities, got 3"):
        pml.confidence_contour(budworm, "b")
    with pytest.raises(ValueError, match="vary apart"):
        pml.confidence_contour(budworm, {"one": {"b[dose]": 1.0}, "same": {"b[dose]": 2.0}})
    with pytest.raises(ValueError, match="num to be a whole number, at least 3"):
        pml.confidence_contour(budworm, ["b[male]", "b[dose]"], num=2)
    with pytest.raises(ValueError, match="one or several of exact, traces, wald"):
        pml.confidence_contour(budworm, ["b[male]", "b[dose]"], method="minos")


def test_it_survives_a_file(budworm, tmp_path):
    ring = pml.confidence_contour(budworm, ["b[male]", "b[dose]"], num=6, progressbar=False)
    ring.to_netcdf(tmp_path / "contour.nc")
    with xr.open_dataset(tmp_path / "contour.nc") as again:
        xr.testing.assert_identical(again.load(), ring)


def test_several_methods_lie_beside_one_another():
    rng = np.random.default_rng(6)
    with pm.Model() as model:
        mu, sigma = pm.Normal("mu", 0, 100), pm.HalfNormal("sigma", 10)
        pm.Normal("y", mu, sigma, observed=rng.normal(3, 2, size=9))
    here, options = fit(model), {"num": 12, "progressbar": False}
    both = pml.confidence_contour(here, ["mu", "sigma"], method=("exact", "wald"), **options)
    assert both["mu"].dims == ("interval_method", "level", "vertex")
    for method in ("exact", "wald"):
        alone = pml.confidence_contour(here, ["mu", "sigma"], method=method, **options)
        xr.testing.assert_equal(both.sel(interval_method=method, drop=True), alone)
    with pytest.raises(ValueError, match=r"one method each, got exact, wald: choose by"):
        pml.plots.regions(both, backend="none")
    with pytest.raises(ValueError, match="one or several of exact, traces, wald"):
        pml.confidence_contour(here, ["mu", "sigma"], method="walds", progressbar=False)
