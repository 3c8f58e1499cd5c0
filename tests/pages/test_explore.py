"""The explorer's numbers against the verbs that they come from, closed forms, and data that are counted in fact."""

import json
from base64 import b64decode
from functools import cache

import arviz as az
import numpy as np
import pymc as pm
import pytest
import xarray as xr
from scipy import integrate, stats

import pymc_landscape as pml
from pymc_landscape.pages.explorer.chosen_axes import choose_labels
from pymc_landscape.pages.explorer.encoding import encode_heights, encode_numbers
from pymc_landscape.pages.explorer.explored_draws import reweighted
from pymc_landscape.pages.explorer.lakes import find_lakes
from pymc_landscape.posterior import read_posterior

QUIET = {"progressbar": False}
Y = np.array([0.2, 1.4, 0.9, 1.1, 0.5, 2.0])
X = np.linspace(0.0, 3.0, 20)
LINE = 1.0 + 2.0 * X + np.random.default_rng(1).normal(0, 0.7, 20)


@cache
def normal_sample(times: int = 1) -> pm.Model:
    """A mean and a deviation, from six observations, counted so many times."""
    with pm.Model() as model:
        mu, sigma = pm.Normal("mu", 0, 1), pm.HalfNormal("sigma", 2)
        pm.Normal("y", mu, sigma, observed=np.tile(Y, times))
    return model


@cache
def line() -> pm.Model:
    """A straight line."""
    with pm.Model() as model:
        a, b, sigma = pm.Normal("a", 0, 1), pm.Normal("b", 0, 1), pm.HalfNormal("sigma", 2)
        pm.Normal("y", a + b * pm.Data("dose", X), sigma, observed=LINE)
    return model


MU, SIGMA = np.meshgrid(np.linspace(-1, 3, 401), np.linspace(0.05, 6, 400), indexing="ij")


def log_posterior(weight: float) -> np.ndarray:
    """Log likelihood · prior^weight of the mean and the deviation, up to a constant."""
    prior = stats.norm.logpdf(MU) + stats.halfnorm.logpdf(SIGMA, scale=2)
    return stats.norm.logpdf(Y[:, None, None], MU, SIGMA).sum(0) + weight * prior


@cache
def draws() -> xr.Dataset:
    """Draws of the posterior, off a fine grid of it."""
    rng = np.random.default_rng(1)
    share = np.exp(log_posterior(1.0) - log_posterior(1.0).max()).ravel()
    cells = rng.choice(share.size, size=1000, p=share / share.sum())
    mu, sigma = (v.ravel()[cells] + rng.uniform(-0.4, 0.4, 1000) * 0.01 for v in (MU, SIGMA))
    return xr.Dataset(
        {"mu": (("chain", "draw"), mu.reshape(2, 500)), "sigma": (("chain", "draw"), sigma.reshape(2, 500))}
    )


@cache
def mean_explored() -> pml.Explorer:
    """The mean on the axis, the deviation beside it."""
    return pml.explore(normal_sample(), draws(), "mu", num=21, random_seed=1, **QUIET)


@cache
def line_explored() -> pml.Explorer:
    """Intercept and slope on the axes."""
    return pml.explore(line(), num=21, random_seed=1, **QUIET)


def decoded(code, rooted=True):
    """What the page reads of encoded numbers."""
    codes = np.frombuffer(b64decode(code["q"]), dtype="<u2").reshape(code["shape"]).astype(float)
    scale = np.array(code["scale"], float).reshape(-1, *[1] * (codes.ndim - 1)) if rooted else None
    values = (scale * codes / 65533) ** 2 if rooted else code["low"] + (code["high"] - code["low"]) * codes / 65533
    return np.where(codes == 65535, np.nan, np.where(codes == 65534, np.inf, values))


def surface(explorer, key, weight):
    """Δ of one treatment at one weight, axes in their order, and its floor."""
    payload = explorer.payload
    i = payload["weights"].index(weight)
    delta = decoded(payload["surfaces"][key])[i]
    return (delta.T if delta.ndim == 2 else delta), payload["surfaces"][key]["floor"][i]


def grid_of(explorer):
    return pml.regular_grid({axis["label"]: axis["values"] for axis in explorer.payload["axes"]})


# --- encoding and lakes -----------------------------------------------------------------------------------------------


def test_heights_keep_their_digits_near_the_floor():
    heights = np.array([[0.0, 0.01, 3.84, 250.0, np.inf, np.nan]])
    back = decoded(encode_heights(heights))
    np.testing.assert_allclose(back[0, :4], heights[0, :4], atol=2e-3)
    assert abs(back[0, 1] - 0.01) < 1e-4
    assert back[0, 4] == np.inf
    assert np.isnan(back[0, 5])


def test_numbers_are_even_between_their_ends():
    values = np.array([-3.0, 0.25, 7.0, np.nan])
    np.testing.assert_allclose(decoded(encode_numbers(values), rooted=False), values, atol=1e-4)


def test_a_slanted_valley_is_one_lake():
    x = np.linspace(-3, 3, 41)
    a, b = np.meshgrid(x, x, indexing="ij")
    lakes, merges = find_lakes((a**2 + b**2 - 2 * 0.97 * a * b) / (1 - 0.97**2))
    assert [lake.at for lake in lakes] == [(20, 20)]
    assert merges == []


def test_a_slanted_valley_is_one_lake_where_axes_hold_its_lowest_point_besides():
    x, y = np.append(np.linspace(-3, 3, 41), 0.031), np.append(np.linspace(-2.9, 3.1, 41), 0.008)
    x, y = np.sort(x), np.sort(y)
    a, b = np.meshgrid(x - 0.031, y - 0.008, indexing="ij")
    heights = (a**2 + b**2 - 2 * 0.97 * a * b) / (1 - 0.97**2)
    lakes, merges = find_lakes(heights, [x, y])
    assert [(x[lake.at[0]], y[lake.at[1]]) for lake in lakes] == [(0.031, 0.008)]
    assert merges == []


def test_two_valleys_meet_at_the_saddle():
    x = np.linspace(-2, 2, 81)
    a, b = np.meshgrid(x, x, indexing="ij")
    lakes, merges = find_lakes((a**2 - 1) ** 2 + 0.3 * a + 0.31 + b**2)
    root = np.roots([4, 0, -4, 0.3])
    low, saddle, _ = np.sort(root.real)
    height = lambda u: (u**2 - 1) ** 2 + 0.3 * u + 0.31  # noqa: E731
    assert len(lakes) == 2
    assert x[lakes[0].at[0]] == pytest.approx(low, abs=0.05)
    assert merges[0].height == pytest.approx(height(saddle), abs=2e-3)


def test_walls_without_likelihood_keep_lakes_apart():
    lakes, merges = find_lakes(np.array([1.0, 0.0, 1.0, np.inf, 0.5, 1.0]))
    assert len(lakes) == 2
    assert merges == []


# --- one axis ---------------------------------------------------------------------------------------------------------


def test_the_payload_is_json_and_short():
    text = json.dumps(mean_explored().payload, allow_nan=False)
    assert len(text) < 300_000


@pytest.mark.parametrize("weight", [0.0, 1.0, 2.0])
def test_a_slice_is_that_of_the_verb(weight):
    explorer = mean_explored()
    delta, floor = surface(explorer, "h", weight)
    objective = pml.Objective(normal_sample()).with_prior_weight(weight)
    fit = pml.fit_map(objective, **QUIET) if weight == 1 else None
    at = fit if weight == 1 else dict(zip(["mu", "sigma"], mode_of(explorer, weight), strict=True))
    verb = pml.evaluate_landscape(normal_sample(), grid_of(explorer), at=at, **QUIET)
    expected = verb["minus2ll"] - 2 * weight * verb["log_prior"]
    np.testing.assert_allclose(delta, expected - floor, atol=5e-3)


def mode_of(explorer, weight):
    modes = explorer.to_datatree()["modes"]
    return modes["mode"].sel(weight=weight).to_numpy()


@pytest.mark.parametrize("weight", [0.0, 0.25, 1.0])
def test_a_profile_is_that_of_the_verb(weight):
    explorer = mean_explored()
    delta, floor = surface(explorer, "p", weight)
    objective = pml.Objective(normal_sample()).with_prior_weight(weight)
    verb = pml.evaluate_landscape(objective, grid_of(explorer), nuisance="profile", **QUIET)
    expected = verb["minus2ll"] - 2 * weight * verb["log_prior"] - floor
    np.testing.assert_allclose(delta, expected, atol=0.02, rtol=3e-3)


def test_an_average_is_the_integral_over_the_prior():
    explorer = mean_explored()
    delta, floor = surface(explorer, "a", 1.0)
    heights = []
    for mu in explorer.payload["axes"][0]["values"]:
        total, _ = integrate.quad(
            lambda s, mu=mu: np.exp(stats.norm.logpdf(Y, mu, s).sum() + stats.halfnorm.logpdf(s, scale=2)), 0, 20
        )
        heights.append(-2 * np.log(total) - 2 * stats.norm.logpdf(mu))
    np.testing.assert_allclose(delta + floor, heights, atol=0.03)
    assert explorer.payload["treatment_sizes"] == {"average": [1]}


def test_the_mode_of_weight_1_is_that_of_fit_map():
    payload = mean_explored().payload
    mode = payload["modes"]["p"][payload["weights"].index(1.0)]
    fit = pml.fit_map(normal_sample(), **QUIET)
    assert mode["x"][0] == pytest.approx(float(fit.point["mu"]), abs=1e-5)
    assert surface(mean_explored(), "p", 1.0)[1] == pytest.approx(fit.result.value, abs=1e-6)


@pytest.mark.parametrize("times", [1, 4])
def test_limits_of_m_times_the_data_are_those_of_data_that_are_there_m_times(times):
    payload = mean_explored().payload
    entry = payload["limits"][0][payload["sizes"].index(times)][0]
    table = pml.confidence_intervals(normal_sample(times), "mu", method=["profile", "wald"], **QUIET)
    expected = table["interval"].sel(parameter="mu")
    np.testing.assert_allclose(entry["profile"], expected.sel(interval_method="profile"), atol=1e-4)
    np.testing.assert_allclose(entry["wald"], expected.sel(interval_method="wald"), atol=1e-4)
    assert entry["profile_status"] == ["finite", "finite"]


def test_the_surface_of_m_times_the_data_is_that_of_a_smaller_weight_times_m():
    explorer = mean_explored()
    delta, _ = surface(explorer, "h", 0.25)  # four times the data under a prior of weight 1
    mu, sigma = mode_of(explorer, 0.25)
    verb = pml.evaluate_landscape(normal_sample(4), grid_of(explorer), at={"mu": mu, "sigma": sigma}, **QUIET)
    expected = -2 * verb["log_posterior"]
    np.testing.assert_allclose(4 * delta, expected - expected.min(), atol=0.05, rtol=0.01)


def test_intervals_of_the_posterior_are_those_of_its_draws():
    payload = mean_explored().payload
    one = payload["limits"][0][0][payload["prior_weights"].index(1.0)]["posterior"]
    np.testing.assert_allclose(one, az.hdi(xr.DataTree.from_dict({"posterior": draws()}), prob=0.95)["mu"], atol=1e-9)


@pytest.mark.parametrize("weight", [0.0, 0.5, 2.0])
def test_draws_are_reweighted_to_another_weight_of_the_prior(weight):
    kept, pareto_k = reweighted(read_posterior(pml.Objective(normal_sample()), draws()), weight, 1)
    share = np.exp(log_posterior(weight) - log_posterior(weight).max())
    for name, values in {"mu": MU, "sigma": SIGMA}.items():
        exact = float((share * values).sum() / share.sum())
        of_draws = draws()[name].to_numpy().ravel()
        assert of_draws[kept].mean() == pytest.approx(exact, abs=0.04)
    assert pareto_k < 0.7
    payload = mean_explored().payload
    p = payload["prior_weights"].index(weight)
    expected = az.hdi(draws()["mu"].to_numpy().ravel()[kept], prob=0.95)
    np.testing.assert_allclose(payload["limits"][0][0][p]["posterior"], expected)


def test_the_marginal_is_0_at_its_own_maximum():
    margin = mean_explored().payload["margins"][0]["marginal"]
    assert margin["shape"] == [3, 7, 21]
    codes = np.frombuffer(b64decode(margin["q"]), dtype="<u2").reshape(margin["shape"])
    assert codes[0, 4].min() == 0
    assert margin["scale"][0][4] > 1
    known = [entry["posterior"] is not None for row in mean_explored().payload["limits"][0] for entry in row]
    assert [scale is not None for row in margin["scale"] for scale in row] == known


def test_sentences_are_those_of_the_comparison_where_there_are_draws():
    payload = mean_explored().payload
    table = pml.compare_with_posterior(pml.fit_mle(normal_sample(), **QUIET), draws(), var_names="mu", **QUIET)
    assert payload["sentences"][0][payload["prior_weights"].index(1.0)][0] == table["sentence"].item()
    assert payload["sentences"][0][0][0].endswith("the prior has no say.")


def test_the_share_of_the_prior_is_that_of_the_comparison():
    payload = mean_explored().payload
    table = pml.compare_with_posterior(pml.fit_mle(normal_sample(), **QUIET), draws(), var_names="mu", **QUIET)
    share = payload["prior_share"][0][payload["weights"].index(1.0)]
    assert share == pytest.approx(table["prior_share"].item(), abs=1e-4)
    assert payload["prior_share"][0][0] == pytest.approx(0.0, abs=1e-9)


def test_walkers_end_where_the_fit_is():
    payload = mean_explored().payload
    estimate = payload["axes"][0]["estimate"]
    assert {one["name"] for one in payload["walkers"]["optimizers"]} == {"sgd", "momentum", "adam", "l-bfgs", "newton"}
    for path in payload["walkers"]["paths"]["newton"]:
        assert path["converged"]
        assert decoded(path["x"], rooted=False)[-1] == pytest.approx(estimate, abs=1e-3)
        assert (np.diff(path["cost"]) >= 0).all()


def test_draws_are_walked_in_their_order():
    nuts = mean_explored().payload["nuts"]
    expected = draws()["mu"].to_numpy().ravel()
    np.testing.assert_allclose(decoded(nuts["x"], rooted=False), expected, atol=1e-3)
    assert nuts["chain"] == [0] * 500 + [1] * 500


def test_observations_add_up_to_the_height():
    payload = mean_explored().payload
    term = payload["hover"]["terms"][0]
    parts = decoded(term["share"], rooted=False).sum(axis=1)
    delta, floor = surface(mean_explored(), "h", 0.0)
    np.testing.assert_allclose(parts, delta[payload["hover"]["nodes"]["ix"]] + floor, atol=0.01)
    assert term["observed"] == Y.tolist()
    at = np.array(payload["axes"][0]["values"])[payload["hover"]["nodes"]["ix"]]
    np.testing.assert_allclose(decoded(term["fitted"], rooted=False), np.repeat(at[:, None], 6, axis=1), atol=1e-4)


def test_levels_are_those_of_chi_squared():
    payload = mean_explored().payload
    at = payload["levels"]["delta"].index(4.0)
    assert payload["levels"]["df2"][at] == pytest.approx(stats.chi2.cdf(4.0, 2))
    assert payload["cutoffs"][2] == {"level": 0.95, "df1": pml.chi2_cutoff(0.95), "df2": pml.chi2_cutoff(0.95, 2)}


def test_the_axes_are_what_one_looks_at_first():
    """Where optima are furthest apart; what effects are centred on, and how far they spread; what scales noise last."""
    rng = np.random.default_rng(3)
    with pm.Model() as model:
        sigma = pm.HalfNormal("sigma", 5)
        a, b = pm.Normal("a", 0, 5), pm.Normal("b", 0, 5)
        pm.Normal("y", a + b * np.arange(8.0), sigma, observed=rng.normal(size=8))
    fit = pml.fit_mle(model, **QUIET)
    assert choose_labels(fit, []) == ["a", "b"]
    here = {name: fit.point[name].values for name in ("sigma", "a", "b")}
    errors = {name: float(fit.standard_error[name]) for name in here}
    near = here | {"b": here["b"] + 0.9 * errors["b"]}
    assert choose_labels(fit, [near]) == ["a", "b"]
    far = here | {"b": here["b"] - 3.0 * errors["b"], "sigma": here["sigma"] + 2.0 * errors["sigma"]}
    assert choose_labels(fit, [near, far]) == ["sigma", "b"]
    with pm.Model() as effects:
        scale, slope = pm.HalfNormal("scale", 5), pm.Normal("slope", 0, 5)
        u = pm.Normal("u", pm.Normal("mu", 0, 5), pm.HalfNormal("tau", 5), shape=4)
        group, x = np.repeat(np.arange(4), 4), np.tile(np.arange(4.0), 4)
        pm.Normal("y", u[group] + slope * x, scale, observed=rng.normal(size=4)[group] + rng.normal(0, 0.5, 16))
    assert choose_labels(pml.fit_mle(effects, **QUIET), []) == ["mu", "tau"]


# --- what is refused, and what is said --------------------------------------------------------------------------------


def test_an_integer_is_no_axis():
    with pm.Model() as model:
        p = pm.Beta("p", 1, 1)
        pm.Binomial("y", pm.Poisson("n", 3), p, observed=2)
    with pytest.raises(ValueError, match="got the integer 'n'"):
        pml.explore(model, axes="n", **QUIET)


@pytest.mark.parametrize(
    ("axes", "words"),
    [(["a", "b", "sigma"], "one or two axes, got 3"), ("c", "got 'c'"), ({"a": [0.0, 1.0]}, "at least 3 points")],
)
def test_axes_that_cannot_be_are_refused(axes, words):
    with pytest.raises(ValueError, match=words):
        pml.explore(line(), axes=axes, **QUIET)


@pytest.mark.exhaustive
def test_without_a_maximum_the_page_says_so():
    x, y = np.array([-2, -1, -0.5, 0.5, 1, 2.0]), np.array([0, 0, 0, 1, 1, 1])
    with pm.Model() as model:
        a, b = pm.Normal("a", 0, 2.5), pm.Normal("b", 0, 2.5)
        pm.Bernoulli("y", logit_p=a + b * x, observed=y)
    payload = pml.explore(model, num=15, random_seed=1, **QUIET).payload
    assert payload["status"]["value"] == "unbounded"
    assert payload["notes"][0].startswith("The likelihood has no maximum")
    assert payload["modes"][""][0]["x"] == [None, None]
    limits = payload["limits"][1][0][0]
    assert limits["profile_status"] == ["finite", "open"]
    ends = pml.confidence_intervals(model, "b", **QUIET)["interval"].squeeze()
    assert limits["profile"][0] == pytest.approx(ends.sel(bound="lower").item(), rel=1e-6)
    assert np.ptp(payload["axes"][1]["values"]) < 30
    mode = pml.fit_map(model, **QUIET).point
    assert payload["modes"][""][payload["weights"].index(1.0)]["x"] == pytest.approx(
        [float(mode[n]) for n in "ab"], abs=1e-4
    )


# --- two axes ---------------------------------------------------------------------------------------------------------


@pytest.mark.exhaustive
def test_a_map_has_the_first_axis_along_its_columns():
    explorer = line_explored()
    assert [axis["label"] for axis in explorer.payload["axes"]] == ["a", "b"]
    delta, floor = surface(explorer, "p", 0.5)
    objective = pml.Objective(line()).with_prior_weight(0.5)
    verb = pml.evaluate_landscape(objective, grid_of(explorer), nuisance="profile", **QUIET)
    expected = verb["minus2ll"] - verb["log_prior"] - floor
    np.testing.assert_allclose(delta, expected, atol=0.02, rtol=3e-3)
    term = explorer.payload["hover"]["terms"][0]
    assert (term["x"], term["x_label"]) == (X.tolist(), "dose")
    nodes = explorer.payload["hover"]["nodes"]
    a, b = (np.array(axis["values"])[nodes[i]] for axis, i in zip(explorer.payload["axes"], ("ix", "iy"), strict=True))
    np.testing.assert_allclose(decoded(term["fitted"], rooted=False), a[:, None] + np.outer(b, X), atol=1e-3)


@pytest.mark.exhaustive
def test_margins_are_profiles_of_one_parameter():
    explorer = line_explored()
    margin = explorer.payload["margins"][1]
    curve = pml.evaluate_landscape(line(), {"b": margin["values"]}, nuisance="profile", **QUIET)
    floor = pml.fit_mle(line(), **QUIET).minus2ll
    np.testing.assert_allclose(decoded(margin["profile"])[0], curve["minus2ll"] - floor, atol=0.02, rtol=3e-3)


@pytest.mark.exhaustive
def test_both_valleys_of_a_mixture_are_on_the_map():
    rng = np.random.default_rng(5)
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 5, shape=2)
        y = np.r_[rng.normal(0, 1, 35), rng.normal(2.6, 1, 15)]
        pm.NormalMixture("y", w=[0.7, 0.3], mu=mu, sigma=1.0, observed=y)
    payload = pml.explore(model, random_seed=1, **QUIET).payload
    found = pml.critical_points(model, starts=10, random_seed=1, **QUIET)
    valleys = found.isel(critical_point=(found["kind"] == "valley").to_numpy())
    saddle = found.isel(critical_point=(found["kind"] == "saddle").to_numpy())
    assert len(payload["valleys"][""][0]) == 2
    for place, mu in zip(payload["valleys"][""][0], valleys["mu"].to_numpy(), strict=True):
        np.testing.assert_allclose(place["at"], mu, atol=0.15)
    (merge,) = payload["merges"][""][0]
    assert merge["height"] == pytest.approx(float(saddle["delta_minus2ll"].min()), rel=0.05)


@pytest.mark.exhaustive
@pytest.mark.slow
def test_effects_are_integrated_out_and_an_edge_is_an_end_of_the_axis():
    y, error = np.array([28, 8, -3, 7, -1, 1, 18, 12.0]), np.array([15, 10, 16, 11, 9, 11, 10, 18.0])
    with pm.Model() as model:
        mu, tau = pm.Normal("mu", 0, 5), pm.HalfCauchy("tau", 5)
        pm.Normal("y", pm.Normal("theta", mu, tau, shape=8), error, observed=y)
    payload = pml.explore(model, num=15, random_seed=1, **QUIET).payload
    assert [axis["label"] for axis in payload["axes"]] == ["mu", "tau"]
    assert payload["axes"][1]["values"][0] == 0.0
    assert payload["axes"][1]["estimate"] == 0.0
    assert payload["others"] == []
    assert payload["limits"][1][0][0]["profile_status"][0] == "at_bound"
    assert payload["hover"] is None
    assert any("share effects" in note for note in payload["notes"])


@pytest.mark.exhaustive
def test_many_others_are_treated_together():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(150, 39))
    with pm.Model() as model:
        beta, sigma = pm.Normal("beta", 0, 1, shape=39), pm.HalfNormal("sigma", 2)
        pm.Normal("y", x @ beta, sigma, observed=x @ rng.normal(size=39) * 0.3 + rng.normal(size=150))
    explorer = pml.explore(model, num=11, random_seed=1, **QUIET)
    payload = explorer.payload
    assert [one["label"] for one in payload["others"]] == ["the other 38 parameters"]
    assert payload["treatments"] == ["hold", "profile"]
    delta, floor = surface(explorer, "p", 0.0)
    verb = pml.evaluate_landscape(model, grid_of(explorer), nuisance="profile", **QUIET)
    np.testing.assert_allclose(delta, verb["minus2ll"] - floor, atol=0.02, rtol=3e-3)


@pytest.mark.exhaustive
def test_each_of_two_others_is_treated_by_itself():
    explorer = pml.explore(line(), axes="b", num=15, random_seed=1, **QUIET)
    payload = explorer.payload
    assert [one["label"] for one in payload["others"]] == ["a", "sigma"]
    assert list(payload["surfaces"])[:4] == ["hh", "pp", "hp", "ph"]
    slope, intercept = np.polyfit(X, LINE, 1)
    n, b = len(X), np.array(payload["axes"][0]["values"])
    residuals = LINE - intercept - np.outer(b, X)  # the intercept held, the deviation at its best
    delta, floor = surface(explorer, "hp", 0.0)
    expected = n * np.log(2 * np.pi * (residuals**2).mean(axis=1)) + n
    np.testing.assert_allclose(delta + floor, expected, atol=0.02, rtol=1e-4)
    assert floor == pytest.approx(n * np.log(2 * np.pi * ((LINE - intercept - slope * X) ** 2).mean()) + n, abs=1e-5)


@pytest.mark.exhaustive
def test_a_penalised_likelihood_is_shown_with_its_penalty():
    x, y = np.array([-2, -1, -0.5, 0.5, 1, 2.0]), np.array([0, 0, 0, 1, 1, 1])
    with pm.Model() as model:
        pm.Bernoulli("y", logit_p=pm.Normal("a", 0, 2.5) + pm.Normal("b", 0, 2.5) * x, observed=y)
    fit = pml.fit_mle(model, penalty="firth", **QUIET)
    explorer = pml.explore(fit, num=15, random_seed=1, **QUIET)
    assert (explorer.payload["prior_weights"], explorer.payload["sizes"]) == ([0.0], [1])
    delta, floor = surface(explorer, "", 0.0)
    verb = pml.evaluate_landscape(fit, grid_of(explorer), **QUIET)
    np.testing.assert_allclose(delta + floor, verb["penalized_minus2ll"], atol=0.02, rtol=1e-3)
    assert floor == pytest.approx(fit.result.value, abs=1e-6)


def test_a_distribution_without_a_mean_has_no_fitted_values_and_a_page_all_the_same():
    with pm.Model() as model:
        pm.Cauchy("y", pm.Normal("mu", 0, 5), 0.5, observed=[-5.0, -4.0, -4.5, 4.0, 5.2])
    payload = pml.explore(model, num=31, random_seed=1, **QUIET).payload
    assert payload["hover"]["terms"][0]["fitted"] is None
    assert any("no fitted values" in note for note in payload["notes"])
    assert len(payload["valleys"][""][0]) >= 2


def test_of_a_finer_grid_than_a_page_holds_some_lines_are_shown_and_it_says_so():
    axes = {"a": (-50, 50, 10_001), "b": (-50, 50, 20_001)}
    explorer = pml.explore(line(), axes=axes, random_seed=1, **QUIET)
    shown = [np.array(axis["values"]) for axis in explorer.payload["axes"]]
    assert all(300 < len(values) < 420 and {values[0], values[-1]} == {-50.0, 50.0} for values in shown)
    assert len(json.dumps(explorer.payload)) < 25e6
    for axis, values in zip(explorer.payload["axes"], shown, strict=True):
        closest = np.abs(values - axis["estimate"])
        assert closest.min() < 0.006
        assert np.sort(closest)[4] < 0.3  # far lines lie a half apart
    told = [note for note in explorer.payload["notes"] if "a page holds no more" in note]
    assert [note.split(" values")[0] for note in told] == ["Of the 10,001", "Of the 20,001"]


def test_a_landscape_or_a_grid_of_a_fit_gives_the_axes():
    fit = pml.fit_mle(line(), **QUIET)
    for grid in (
        pml.evaluate_landscape(fit, {"a": (0, 2, 7), "b": (1, 3, 9)}, **QUIET),
        pml.fit_grid(fit, ["a", "b"], num=9),
    ):
        explorer = pml.explore(fit, axes=grid, random_seed=1, **QUIET)
        assert [axis["label"] for axis in explorer.payload["axes"]] == ["a", "b"]
        np.testing.assert_allclose(explorer.payload["axes"][0]["values"], grid["a"])
