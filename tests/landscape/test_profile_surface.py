"""Profile heat maps: closed forms, refits by SciPy, edges of the support, several valleys, and what is refused."""

import re
import warnings

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
import xarray as xr
from scipy import optimize
from selection import exhaustive
from variance_components import EFFECT, ERROR, eight_schools, one_way

import pymc_landscape as pml

Y = np.array([1.3, 0.2, 2.1, 0.9, 1.8, 1.1, 4.0])
N, MEAN, VAR = len(Y), Y.mean(), Y.var()
FLOOR = N * (np.log(2 * np.pi * VAR) + 1)


def profiled(model, grid, **options) -> xr.Dataset:
    return pml.evaluate_landscape(model, grid, nuisance="profile", progressbar=False, **options)


def sliced(model, grid, **options) -> xr.Dataset:
    return pml.evaluate_landscape(model, grid, progressbar=False, **options)


def path(surface: xr.Dataset, label: str) -> np.ndarray:
    return surface["path"].sel(parameter=label).to_numpy()


@pytest.fixture(scope="module")
def normal() -> pm.Model:
    with pm.Model() as model:
        mu, sigma = pm.Normal("mu", 0, 10), pm.HalfNormal("sigma", 5)
        pm.Normal("y", mu, sigma, observed=Y)
    return model


@pytest.fixture(scope="module")
def fit(normal) -> pml.Fit:
    return pml.fit_mle(normal, progressbar=False)


# --- closed forms ----------------------------------------------------------------------------------------------------


def test_mean_with_the_deviation_profiled_out(normal):
    mu = np.linspace(-6, 9, 61)
    surface = profiled(normal, {"mu": mu})
    np.testing.assert_allclose(surface["minus2ll"], FLOOR + N * np.log1p((mu - MEAN) ** 2 / VAR), atol=1e-10)
    np.testing.assert_allclose(path(surface, "sigma"), np.sqrt(VAR + (mu - MEAN) ** 2), rtol=1e-7)
    np.testing.assert_array_equal(path(surface, "mu"), mu)
    assert set(surface["status"].values.tolist()) == {"converged"}
    assert surface.attrs["nuisance"] == "profile"
    assert surface.attrs["completion"] == "complete"
    assert float(surface["delta_minus2ll"].min()) == 0.0
    assert "at" not in surface.coords


def test_deviation_down_to_zero_and_below(normal):
    """σ = 0 has no likelihood, and below there is no support: −∞ and no exception."""
    surface = profiled(normal, {"sigma": [-1.0, 0.0, 0.5, 2.0]})
    sigma = np.array([0.5, 2.0])
    np.testing.assert_allclose(surface["minus2ll"][2:], N * (np.log(2 * np.pi * sigma**2) + VAR / sigma**2), rtol=1e-12)
    np.testing.assert_allclose(path(surface, "mu")[2:], MEAN, rtol=1e-8)
    assert (surface["log_likelihood"][:2] == -np.inf).all()
    assert surface["status"].values.tolist() == ["outside", "outside", "converged", "converged"]
    assert np.isnan(surface["path"][:2]).all()


def test_as_the_profile_traced_along_one_parameter(normal, fit):
    traced = pml.profile_likelihood(fit, "mu", progressbar=False).sel(parameter="mu")
    traced = traced.where(traced["status"] != "", drop=True)
    surface = profiled(normal, {"mu": traced["value"].to_numpy()}, at=fit)
    rise = surface["minus2ll"].to_numpy() - fit.minus2ll
    np.testing.assert_allclose(rise, traced["delta_minus2ll"], atol=1e-8)
    assert surface.attrs["at"] == "the fit"


def test_nothing_free_is_the_slice(normal):
    grid = {"mu": [0.0, 1.0, 2.0], "sigma": [-1.0, 0.5, 1.0]}
    surface, plain = profiled(normal, grid), sliced(normal, grid)
    for name in ("log_likelihood", "log_prior", "minus2ll", "delta_minus2ll"):
        np.testing.assert_array_equal(surface[name], plain[name])
    assert surface["status"].values.tolist() == [["outside", "converged", "converged"]] * 3


def test_the_unconstrained_scale_of_an_axis(normal):
    log = np.linspace(-1.0, 1.5, 6)
    surface = profiled(normal, {"sigma_log__": log})
    np.testing.assert_allclose(surface["minus2ll"], N * (np.log(2 * np.pi) + 2 * log + VAR * np.exp(-2 * log)))


def test_slice_above_profile_above_the_minimum(normal, fit):
    grid = {"sigma": np.linspace(0.3, 4.0, 9)}
    surface = profiled(normal, grid, at=fit)
    for at in (fit, {"mu": 3.0}):
        assert ((sliced(normal, grid, at=at)["minus2ll"] - surface["minus2ll"]) > -1e-9).all()
    assert ((surface["minus2ll"] - fit.minus2ll) > -1e-9).all()


def test_the_prior_takes_part_with_a_weight():
    """Of µ ~ N(0, 2²) and y ~ N(µ + ν, 1), ν ~ N(0, 1): ν̂ = (y − µ) / 2 where the prior counts."""
    with pm.Model() as model:
        mu, nu = pm.Normal("mu", 0, 2), pm.Normal("nu", 0, 1)
        pm.Normal("y", mu + nu, 1, observed=3.0)
    surface = profiled(pml.Objective(model, prior_weight=1.0), {"mu": [0.0, 1.0, 2.0]})
    np.testing.assert_allclose(path(surface, "nu"), [1.5, 1.0, 0.5], rtol=1e-9)


# --- refits ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_terms() -> pm.Model:
    x = np.linspace(-1, 2, 12)
    with pm.Model(coords={"effect": ["base", "slope", "bend"]}) as model:
        b = pm.Normal("b", 0, 5, dims="effect")
        pm.Poisson("events", pt.exp(b[0] + b[1] * x + b[2] * x**2), observed=[2, 1, 0, 3, 2, 4, 3, 6, 5, 9, 12, 20])
        pm.Binomial("dead", 9, logit_p=b[0] - b[2] * x, observed=[3, 5, 4, 6, 4, 5, 7, 4, 6, 5, 3, 6])
    return model


def test_every_point_is_a_refit(two_terms):
    objective = pml.Objective(two_terms)
    grid = {"b[slope]": np.linspace(-0.4, 1.6, 21), "b[base]": np.linspace(-0.4, 1.2, 17)}
    surface = profiled(objective, grid)
    rng = np.random.default_rng(3)
    for i, j in zip(rng.integers(21, size=12), rng.integers(17, size=12), strict=True):
        slope, base = grid["b[slope]"][i], grid["b[base]"][j]
        refit = optimize.minimize_scalar(lambda v: objective.minus2ll(np.array([base, slope, v])).item(), tol=1e-12)  # noqa: B023
        assert float(surface["minus2ll"][i, j]) == pytest.approx(refit.fun, abs=1e-8)
        assert path(surface, "b[bend]")[i, j] == pytest.approx(refit.x, abs=1e-6)
    assert surface["term_log_likelihood"].dims == ("b[slope]", "b[base]", "term")
    np.testing.assert_allclose(surface["term_log_likelihood"].sum("term"), surface["log_likelihood"], rtol=1e-12)
    assert surface.attrs["n_evaluations"] < 3 * surface["minus2ll"].size


def test_each_observation_at_the_solved_points(two_terms):
    surface = profiled(two_terms, {"b[bend]": [0.1, 0.3]}, pointwise=True)
    assert surface["dead"].shape == (2, 12)
    total = surface["dead"].sum("dead_dim_0") + surface["events"].sum("events_dim_0")
    np.testing.assert_allclose(total, surface["log_likelihood"], rtol=1e-12)


def test_many_points_are_solved_in_blocks(two_terms, monkeypatch):
    monkeypatch.setattr("pymc_landscape.engine.backend_choice.PATIENCE_FOR_BLOCKS", -1.0)
    grid = {"b[slope]": np.linspace(0, 1, 9), "b[base]": np.linspace(0, 1, 9)}
    in_blocks = profiled(two_terms, grid)
    monkeypatch.setattr("pymc_landscape.engine.backend_choice.PATIENCE_FOR_BLOCKS", np.inf)
    np.testing.assert_allclose(in_blocks["minus2ll"], profiled(two_terms, grid)["minus2ll"], atol=1e-9)


def test_a_point_on_a_plane_keeps_its_elements(two_terms):
    plane = pml.plane_grid({"b": [0.4, 0.6, 0.2]}, num=3, extent=0.2, random_seed=1)
    np.testing.assert_array_equal(profiled(two_terms, plane)["minus2ll"], sliced(two_terms, plane)["minus2ll"])


def test_the_others_of_a_plane_are_free(normal):
    with pm.Model() as model:
        a, b, sigma = pm.Normal("a"), pm.Normal("b"), pm.HalfNormal("sigma")
        pm.Normal("y", a + b, sigma, observed=Y)
    plane = pml.plane_grid({"a": 0.5, "b": 0.5}, num=4, extent=1.0, random_seed=2)
    surface = profiled(model, plane)
    mean = path(surface, "a") + path(surface, "b")
    np.testing.assert_allclose(surface["minus2ll"], FLOOR + N * np.log1p((mean - MEAN) ** 2 / VAR), rtol=1e-12)
    assert {"center", "direction"} <= set(surface.coords)


# --- edges of the support --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prior", ["log", exhaustive("untransformed")])
def test_batches_come_and_go_over_the_grid(prior):
    """Dyestuff2: λ̂ = max(σ², SSB(µ)/a), and σ_b = 0 where σ² is the larger."""
    model, (a, n, mean, ssb, ssw) = one_way("Dyestuff2", prior)
    mu, sigma = mean + np.linspace(-6, 6, 9), np.linspace(2, 6, 8)
    surface = profiled(model, {"mu": mu, "sigma": sigma}, at={"mu": mean, "sigma_b": 5.0, "sigma": 4.0})
    between = (ssb + a * n * (mean - mu[:, None]) ** 2) / a
    whole = np.maximum(sigma**2, between)
    minus2ll = a * (n - 1) * np.log(sigma**2) + a * np.log(whole) + a * n * np.log(2 * np.pi)
    minus2ll = minus2ll + ssw / sigma**2 + a * between / whole
    np.testing.assert_allclose(surface["minus2ll"], minus2ll, atol=1e-9)
    np.testing.assert_allclose(path(surface, "sigma_b"), np.sqrt((whole - sigma**2) / n), rtol=1e-6, atol=0)
    on_edge = between <= sigma**2
    assert 0 < on_edge.sum() < on_edge.size
    np.testing.assert_array_equal(surface["status"], np.where(on_edge, "at_bound", "converged"))


def test_an_axis_along_the_edge():
    """σ_b = 0 is a value like others of an axis: σ̂² = SS(µ) / an there."""
    model, (a, n, mean, ssb, ssw) = one_way("Dyestuff2", "log")
    mu = mean + np.linspace(-4, 4, 5)
    surface = profiled(model, {"mu": mu, "sigma_b": [0.0, 1.0, 3.0]}, at={"sigma": 4.0})
    edge = surface.sel(sigma_b=0.0)
    var = (ssb + ssw + a * n * (mean - mu) ** 2) / (a * n)
    np.testing.assert_allclose(path(edge, "sigma"), np.sqrt(var), rtol=1e-7)
    np.testing.assert_allclose(edge["minus2ll"], a * n * (np.log(2 * np.pi * var) + 1), atol=1e-9)
    assert set(surface["status"].values.ravel()) == {"converged"}


@pytest.mark.parametrize(
    "tau", [lambda: pm.HalfCauchy("tau", 5), exhaustive(lambda: pm.Uniform("tau", 0, 100))], ids=["log", "interval"]
)
def test_schools_do_not_differ_near_their_mean(tau):
    mu = np.linspace(-20, 40, 13)
    surface = profiled(eight_schools(tau), {"mu": mu})

    def minus2ll(m: float, t: float) -> float:
        var = t**2 + ERROR**2
        return float((np.log(2 * np.pi * var) + (EFFECT - m) ** 2 / var).sum())

    for i, m in enumerate(mu):
        inside = optimize.minimize_scalar(
            lambda t: minus2ll(m, t),  # noqa: B023
            bounds=(0, 80),
            method="bounded",
            options={"xatol": 1e-11},
        )
        assert float(surface["minus2ll"][i]) == pytest.approx(min(minus2ll(m, 0.0), inside.fun), abs=1e-8)
        assert (surface["status"].values[i] == "at_bound") == (minus2ll(m, 0.0) < inside.fun + 1e-9)
    assert set(surface["status"].values.tolist()) == {"at_bound", "converged"}


@pytest.mark.exhaustive
def test_a_limit_that_moves_with_another_parameter():
    """Of b ~ U(0, a), y ~ N(a, 1) and z ~ N(b, 1): a stands on b where b has passed y."""
    with pm.Model() as model:
        a = pm.HalfNormal("a", 10)
        b = pm.Uniform("b", 0, a)
        pm.Normal("y", a, 1, observed=2.0)
        pm.Normal("z", b, 1, observed=1.0)
    grid = np.array([-1.0, 0.5, 1.0, 1.5, 3.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # at the limit, which is no fixed edge, there is a slope left
        surface = profiled(pml.Objective(model, latent=()), {"b": grid})
    wanted = 2 * np.log(2 * np.pi) + (grid - 1) ** 2 + np.maximum(grid - 2, 0) ** 2
    np.testing.assert_allclose(surface["minus2ll"][1:], wanted[1:], atol=1e-8)
    assert surface["status"].values[0] == "outside"
    fit = pml.fit_mle(pml.Objective(model, latent=()), progressbar=False)
    traced = pml.profile_likelihood(fit, "b", progressbar=False).sel(parameter="b")
    value = traced["value"].to_numpy()
    np.testing.assert_allclose(traced["delta_minus2ll"], (value - 1) ** 2 + np.maximum(value - 2, 0) ** 2, atol=1e-8)


@pytest.mark.exhaustive
def test_an_upper_limit_alone_is_an_edge():
    """Of x ≤ 2 with y ~ N(x + a, 1): x stands on 2 until a has reached y − 2."""
    with pm.Model() as model:
        x, a = pm.TruncatedNormal("x", 0, 1, upper=2.0), pm.Normal("a")
        pm.Normal("y", x + a, 1, observed=5.0)
    surface = profiled(model, {"a": [0.0, 2.0, 4.0, 5.0]})
    np.testing.assert_allclose(path(surface, "x"), [2.0, 2.0, 1.0, 0.0], atol=1e-7)
    assert surface["status"].values.tolist() == ["at_bound", "at_bound", "converged", "converged"]
    np.testing.assert_allclose(surface["minus2ll"], np.log(2 * np.pi) + np.array([9.0, 1.0, 0.0, 0.0]), atol=1e-9)


# --- several valleys, and none ---------------------------------------------------------------------------------------


def double_well(v: np.ndarray, tilt: np.ndarray) -> np.ndarray:
    return 4 * (v**2 - 1) ** 2 + tilt * v


def test_the_lower_of_two_valleys_everywhere():
    """4(ν² − 1)² + ψν has two valleys in ν for small ψ; which is the lower one changes at ψ = 0."""
    with pm.Model() as model:
        psi, nu = pm.Normal("psi", 0, 5), pm.Normal("nu", 0, 5, initval=0.9)
        pm.Potential("well", -0.5 * (4 * (nu**2 - 1) ** 2 + psi * nu))
    psi = np.linspace(-3.1, 3.3, 25)
    fine = np.linspace(-2, 2, 40_001)
    wanted = [double_well(fine, p).min() for p in psi]
    for at in ({"psi": 3.0, "nu": -1.0}, {"psi": -3.0, "nu": 1.0}, None):
        surface = profiled(model, {"psi": psi}, at=at)
        np.testing.assert_allclose(surface["minus2ll"], wanted, atol=1e-7)
    np.testing.assert_array_equal(path(surface, "nu") > 0, psi < 0)


def test_a_direction_that_the_data_do_not_know():
    with pm.Model() as model:
        a, b, c = pm.Normal("a"), pm.Normal("b"), pm.Normal("c")
        pm.Normal("y", a + b + c, 1, observed=Y)
        pm.Normal("z", a, 1, observed=1.0)
    a = np.linspace(-2, 2, 5)
    surface = profiled(model, {"a": a})
    wanted = (N + 1) * np.log(2 * np.pi) + N * VAR + (a - 1) ** 2
    np.testing.assert_allclose(surface["minus2ll"], wanted, atol=1e-9)
    np.testing.assert_allclose(path(surface, "b") + path(surface, "c"), MEAN - a, atol=1e-6)


def test_likelihoods_without_a_maximum_are_told_once():
    """One component collapses on an observation as soon as its mean may go there."""
    with pm.Model() as model:
        w, s = pm.Normal("w", 0, 1), pm.HalfNormal("s", 1)
        pm.Potential("collapse", -pt.log(s) + 0 * w)
    with pytest.warns(UserWarning, match="At 3 of 3 points, first at w=0") as told:
        surface = profiled(model, {"w": [0.0, 1.0, 2.0]})
    assert len(told) == 1
    assert not set(surface["status"].values.tolist()) & {"converged", "at_bound"}


# --- integers, simplexes, and what is refused ------------------------------------------------------------------------


def test_an_integer_is_an_axis():
    x, y = np.arange(9.0), np.array([0, 0.1, -0.1, 0.05, 1, 1.1, 0.9, 1, 1.05])
    with pm.Model() as model:
        k, a, s = pm.DiscreteUniform("k", 1, 8), pm.Normal("a"), pm.HalfNormal("s")
        pm.Normal("y", a * (x >= k), s, observed=y)
    surface = profiled(model, {"k": np.arange(0, 9)})
    for k in range(1, 9):
        height = y[x >= k].mean()
        var = ((y - height * (x >= k)) ** 2).mean()
        assert path(surface, "a")[k] == pytest.approx(height, rel=1e-7)
        assert float(surface["minus2ll"][k]) == pytest.approx(9 * (np.log(2 * np.pi * var) + 1), abs=1e-9)
    assert surface["status"].values[0] == "outside"
    with pytest.raises(ValueError, match="beside the axes, got the discrete k"):
        profiled(model, {"a": [0.0, 1.0]})


@pytest.fixture(scope="module")
def weights() -> pm.Model:
    with pm.Model() as model:
        w = pm.Dirichlet("w", np.ones(3))
        pm.Multinomial("n", n=20, p=w, observed=[3, 7, 10])
    return model


@pytest.mark.exhaustive
def test_a_weight_by_its_unconstrained_element(weights):
    surface = profiled(weights, {"w_simplex__[0]": np.linspace(-1.5, 0.5, 5)})
    best = 2 * sum(n * np.log(n / 20) for n in (3, 7, 10))
    found = surface["minus2ll"].to_numpy() + best
    for value, height in zip(surface["w_simplex__[0]"].values, found - found.min(), strict=True):

        def minus2ll(v: float, value: float = value) -> float:
            logs = np.array([value, v, -value - v])
            return float(-2 * np.array([3, 7, 10]) @ (logs - np.log(np.exp(logs).sum())))

        low = min(
            optimize.minimize_scalar(lambda v: minus2ll(v, other), tol=1e-12).fun  # noqa: B023
            for other in surface["w_simplex__[0]"].values
        )
        assert optimize.minimize_scalar(minus2ll, tol=1e-12).fun - low == pytest.approx(height, abs=1e-8)


def test_weights_that_leave_one_over(weights):
    grid = {"w[0]": [0.1, 0.2], "w[1]": [0.3, 0.4]}
    np.testing.assert_array_equal(profiled(weights, grid)["minus2ll"], sliced(weights, grid)["minus2ll"])


def test_a_weight_alone_is_refused(weights):
    with pytest.raises(ValueError, match=re.escape("use its unconstrained elements, such as 'w_simplex__[0]'")):
        profiled(weights, {"w[0]": [0.1, 0.2]})


def test_too_many_points_are_refused(normal):
    with pytest.raises(ValueError, match="at most 250000 points"):
        profiled(normal, {"mu": np.linspace(0, 1, 300_000)})


def test_an_axis_of_the_name_of_a_result_is_refused():
    with pm.Model() as model:
        pm.Normal("y", pm.Normal("path", 0, 1), pm.HalfNormal("s", 1), observed=Y)
    with pytest.raises(ValueError, match="name is free, got 'path'"):
        profiled(model, {"path": [0.0, 1.0]})


# --- files and interruptions -----------------------------------------------------------------------------------------


def test_to_a_file_and_back(normal, tmp_path):
    surface = profiled(normal, {"mu": [0.0, 1.0, 2.0], "sigma": [0.5, 1.0]})
    surface.to_netcdf(tmp_path / "surface.nc")
    with xr.open_dataset(tmp_path / "surface.nc") as back:
        xr.testing.assert_identical(back.load(), surface)
    assert "landscape" in pml.to_datatree(surface).children


def test_ctrl_c_keeps_what_is_solved(normal, monkeypatch):
    from pymc_landscape.landscape.profile_continuation import GridContinuation as Spread

    fill = Spread.offer

    def interrupted(self, found):
        lower = fill(self, found)
        if sum(point is not None for point in self.best) > 10:
            raise KeyboardInterrupt
        return lower

    monkeypatch.setattr(Spread, "offer", interrupted)
    with pytest.warns(UserWarning, match="Interrupted: 1[12] of 41 points"):
        surface = profiled(normal, {"mu": np.linspace(-3, 5, 41)})
    done = surface["status"].to_numpy() != ""
    assert surface.attrs["completion"] == "interrupted"
    np.testing.assert_array_equal(np.isfinite(surface["minus2ll"]), done)
    mu = surface["mu"].to_numpy()[done]
    np.testing.assert_allclose(surface["minus2ll"][done], FLOOR + N * np.log1p((mu - MEAN) ** 2 / VAR), atol=1e-9)


# --- pictures --------------------------------------------------------------------------------------------------------


def test_pictures_take_the_axes_for_degrees_of_freedom(two_terms):
    surface = profiled(two_terms, {"b[slope]": np.linspace(0, 1, 9), "b[base]": np.linspace(0, 1, 9)})
    with pytest.warns(UserWarning, match=r"on the grid's edge, b\[slope\] = 1"):
        drawn = pml.plots.landscape(surface, backend="none")
    lines = drawn.viz["contour"]["delta_minus2ll"].values
    assert len(lines) == 4
    heights = [float(cut) for cut in pml.chi2_cutoff([0.5, 0.9, 0.95, 0.99], df=2)]
    assert heights == pytest.approx([-2 * np.log(1 - level) for level in (0.5, 0.9, 0.95, 0.99)])
    with pytest.warns(UserWarning, match="on the grid's edge"):
        pml.plots.surface(surface)


def test_a_picture_says_that_it_is_a_profile(normal):
    axes = {"mu": np.linspace(-1, 4, 9)}
    labels = []
    for surface in (profiled(normal, axes), sliced(normal, axes, at={"sigma": 1.0})):
        drawn = pml.plots.landscape(surface, backend="matplotlib")
        labels.append(drawn.viz["figure"].item().axes[0].get_ylabel())
    assert labels == ["profile Δ(−2LL)", "Δ(−2LL)"]
