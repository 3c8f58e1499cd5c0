"""Parameters that can change places or sign: optima that are copies of one another are one answer."""

from functools import cache

import numpy as np
import pymc as pm
import pytest
import xarray as xr
from scipy import optimize, stats
from selection import exhaustive
from verbs import fit, value

import pymc_landscape as pml

APART = np.r_[np.random.default_rng(1).normal(-3, 1, 60), np.random.default_rng(2).normal(3, 1, 140)]


@cache
def mixture() -> pm.Model:
    with pm.Model() as model:
        w, sd = pm.Dirichlet("w", np.ones(2)), pm.HalfNormal("sd", 5)
        mu = pm.Normal("mu", 0, 10, shape=2, initval=[1.0, -1.0])
        pm.NormalMixture("y", w=w, mu=mu, sigma=sd, observed=APART)
    return model


@cache
def mixture_estimate() -> np.ndarray:
    """Weight and mean of the left component, mean of the right one, log spread, by SciPy."""

    def minus2ll(t: np.ndarray) -> float:
        left = np.log(t[0]) + stats.norm.logpdf(APART, t[1], np.exp(t[3]))
        right = np.log1p(-t[0]) + stats.norm.logpdf(APART, t[2], np.exp(t[3]))
        return -2 * np.logaddexp(left, right).sum()

    options = {"xatol": 1e-9, "fatol": 1e-10, "maxiter": 4000}
    return optimize.minimize(minus2ll, [0.3, -3, 3, 0], method="Nelder-Mead", options=options).x


def test_components_that_change_places_are_one_optimum_told_once():
    here = fit(mixture(), starts=[{"mu": [1.0, -1.0]}, {"mu": [-1.0, 1.0]}])
    assert here.local_optima() == ()
    assert list(value(here.starts, "ended_here")) == [True, True]
    assert "2 of 2 starts ended here" in here.message
    assert "w[0] and w[1] change places; mu[0] and mu[1] change places" in here.message
    (copy,) = here.copies()
    _, left, right, _ = mixture_estimate()
    assert sorted(copy["mu"]) == pytest.approx([left, right], abs=1e-4)
    np.testing.assert_allclose(copy["mu"], value(here.point, "mu")[::-1], rtol=1e-12)


def test_intervals_do_not_depend_on_the_number_of_starts():
    """Far apart, a component's interval is its own, and no other's."""
    found = [
        pml.confidence_intervals(fit(mixture(), starts=starts), ["mu"], progressbar=False)
        for starts in (1, [{"mu": [1.0, -1.0]}, {"mu": [-1.0, 1.0]}])
    ]
    np.testing.assert_allclose(found[0]["interval"], found[1]["interval"], rtol=1e-6)
    widths = np.diff(np.squeeze(found[0]["interval"].to_numpy()), axis=1)
    assert (widths < 1.5).all()
    assert (found[0]["message"] == "").all()


def test_draws_in_another_copy_are_no_disagreement():
    here = fit(mixture())
    drawn = here.draws(200, random_seed=1)
    mirrored = xr.Dataset(
        {name: (drawn[name].dims, drawn[name].to_numpy()[..., ::-1]) for name in ("w", "mu")} | {"sd": drawn["sd"]}
    )
    table = pml.compare_with_posterior(here, mirrored, var_names=["mu"], random_seed=1, progressbar=False)
    assert "another copy of the optimum" in table.attrs["message"]
    np.testing.assert_allclose(table["mle"], value(here.point, "mu")[::-1], atol=1e-6)
    assert (np.abs(table["volume_shift"]) < 1).all()


@pytest.mark.exhaustive
def test_draws_in_two_copies_have_one_deviance():
    """The deviance is that of either copy; the mean that DIC takes for the zero lies in one of them."""
    here = fit(mixture())
    drawn = here.draws(200, random_seed=1)
    half = np.arange(200) < 100
    both = {n: np.where(half[:, None], value(drawn, n), value(drawn, n)[..., ::-1]) for n in ("w", "mu")}
    mixed = xr.Dataset({n: (drawn[n].dims, v) for n, v in both.items()} | {"sd": drawn["sd"]})
    rise = pml.posterior_deviance(here, mixed, progressbar=False)
    one = pml.posterior_deviance(here, drawn[["w", "mu", "sd"]], progressbar=False)
    assert rise.attrs["p_d"] == pytest.approx(one.attrs["p_d"], rel=1e-9)
    assert rise.attrs["p_d_dic"] == pytest.approx(one.attrs["p_d_dic"], rel=1e-9)
    assert "50 % of the draws lie in other copies" in rise.attrs["message"]
    curves = pml.four_curves(here, mixed, ["mu"], num=21, progressbar=False)
    np.testing.assert_allclose(curves["map"], curves["mle"], atol=0.01)


def test_refits_that_end_in_another_copy_are_brought_back():
    """Where components lie so near one another that refits change places, each keeps its name."""
    here = fit(mixture())
    replicates = pml.parametric_bootstrap(here, draws=20, random_seed=1, progressbar=False)
    apart = np.sign(value(replicates, "mu") - value(replicates, "mu").mean(-1, keepdims=True))
    assert (apart == np.sign(value(here.point, "mu") - value(here.point, "mu").mean())).all()


X = np.linspace(0.3, 10, 100)


@cache
def two_exponentials(named: bool) -> pm.Model:
    rng = np.random.default_rng(5)
    rng.normal(size=1000)
    y = 3 * np.exp(-X / 2) - 5 * np.exp(-X / 10) + 0.2 * rng.normal(size=100)
    with pm.Model() as model:
        if named:
            a = [pm.Normal("first", 5, 10), pm.Normal("second", -5, 10)]
            t = [pm.HalfNormal("fast", 10, initval=2.0), pm.HalfNormal("slow", 10, initval=5.0)]
        else:
            a = pm.Normal("a", [5, -5], 10, shape=2)
            t = pm.HalfNormal("t", 10, shape=2, initval=[2.0, 5.0])
        pm.Normal("y", a[0] * pm.math.exp(-X / t[0]) + a[1] * pm.math.exp(-X / t[1]), pm.HalfNormal("s", 1), observed=y)
    return model


def exponentials_profile(tau: float, y: np.ndarray) -> float:
    """−2LL with one time fixed: the other on a fine grid and by Brent, amplitudes and spread in closed form."""

    def height(log_other: float) -> float:
        design = np.stack([np.exp(-X / tau), np.exp(-X / np.exp(log_other))], axis=1)
        r = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
        return len(y) * (np.log(2 * np.pi * (r @ r) / len(y)) + 1)

    grid = np.linspace(-4, 8, 1201)
    best = min(grid, key=height)
    bounds = (best - 0.02, best + 0.02)
    return optimize.minimize_scalar(height, bounds=bounds, method="bounded", options={"xatol": 1e-10}).fun


@pytest.mark.parametrize("named", [True, exhaustive(False)])
@pytest.mark.parametrize("starts", ["auto", exhaustive(1)])
def test_terms_that_meet_below_the_cut_off_have_one_profile(named, starts):
    """Whatever they are called, and however many starts were searched."""
    model = two_exponentials(named)
    y = model.rvs_to_values[model["y"]].data
    here = fit(model, starts=starts)
    names = ["fast", "slow"] if named else ["t"]
    found = pml.confidence_intervals(here, names, progressbar=False)
    target = here.minus2ll + stats.chi2(1).ppf(0.95)
    right = [
        optimize.brentq(lambda v: exponentials_profile(v, y) - target, *ends, xtol=1e-6)
        for ends in ((1.2, 1.6), (11.5, 14.0))
    ]
    np.testing.assert_allclose(found["interval"].to_numpy().reshape(2, 2), [right, right], atol=1e-4)
    messages = found["message"].to_numpy().reshape(2, 2)
    assert sum("copies of the optimum meet below the cut-off" in message for message in messages.ravel()) == 2


@pytest.mark.parametrize("flat", [True, exhaustive(False)])
def test_a_mirror_symmetric_surface_has_no_edge(flat):
    """The sign of a spread that is squared: two copies, converged in either, with the spread of a sample."""
    y = np.random.default_rng(3).normal(0, 2, size=25)
    with pm.Model() as model:
        s = pm.Flat("s", initval=0.7) if flat else pm.Normal("s", 0, 10, initval=-0.5)
        pm.Normal("y", 0.0, pm.math.abs(s), observed=y)
    here = fit(model)
    assert here.status.value == "converged"
    assert abs(value(here.point, "s")) == pytest.approx(np.sqrt((y**2).mean()), rel=1e-7)
    assert here.local_optima() == ()
    assert [symmetry.words(["s"]) for symmetry in here.symmetries] == ["s changes sign"]


def test_signs_of_a_factor():
    """One factor, three measures: loadings in closed form from the covariances, up to their common sign."""
    rng = np.random.default_rng(4)
    table = rng.normal(size=(200, 1)) * np.array([1.0, 0.8, -0.6]) + 0.5 * rng.normal(size=(200, 3))
    cov = table.T @ table / len(table)
    with pm.Model() as model:
        loading = pm.Normal("loading", 0, 2, shape=3)
        unique = pm.HalfNormal("unique", 1, shape=3)
        cover = loading[:, None] * loading[None, :] + pm.math.stack([unique**2] * 3) * np.eye(3)
        pm.MvNormal("x", np.zeros(3), cov=cover, observed=table)
    here = fit(model)
    right = np.sqrt(
        [cov[0, 1] * cov[0, 2] / cov[1, 2], cov[0, 1] * cov[1, 2] / cov[0, 2], cov[0, 2] * cov[1, 2] / cov[0, 1]]
    )
    assert here.status.value == "converged"
    np.testing.assert_allclose(np.abs(value(here.point, "loading")), right, rtol=1e-5)
    assert here.local_optima() == ()
    labels = [*(f"loading[{i}]" for i in range(3)), *(f"unique[{i}]" for i in range(3))]
    assert [s.words(labels) for s in here.symmetries] == ["loading[0], loading[1], loading[2] change sign"]


def test_what_cannot_change_places_does_not():
    """A straight line: no symmetry is claimed, also where two coefficients are equal."""
    x = np.array([-1.0, -1, 1, 1, 2, -2])
    z = np.array([1.0, -1, 1, -1, 0.5, 0.2])
    with pm.Model() as model:
        b = pm.Normal("b", 0, 5, shape=2)
        pm.Normal("y", b[0] * x + b[1] * z, pm.HalfNormal("sigma", 2), observed=x + z + [0.1, -0.1, -0.2, 0.1, 0, 0.1])
    assert fit(model).symmetries == ()
