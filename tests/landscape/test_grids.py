"""Where to look: grids by hand, and grids that contain what the posterior and its −2LL ask for."""

import arviz as az
import numpy as np
import pandas as pd
import pymc as pm
import pytest
import xarray as xr
from scipy import stats

import pymc_landscape as pml
from pymc_landscape.landscape import grids as grid_room

X = np.linspace(-1.0, 2.0, 12)
Y = 1.0 + 0.7 * X + 0.6 * np.sin(9 * X)
TRUTH = {"beta": np.array([1.0, 0.7]), "sigma": 0.5}


@pytest.fixture(scope="module")
def line() -> pm.Model:
    with pm.Model(coords={"term": ["base", "slope"]}) as model:
        beta = pm.Normal("beta", 0, np.float64(2.5), dims="term")
        sigma = pm.HalfNormal("sigma", 1)
        pm.Deterministic("there", beta[0] + beta[1])
        pm.Normal("y", beta[0] + beta[1] * X, sigma, observed=Y)
    return model


def pulled(chains: int = 2, draws: int = 150) -> dict[str, np.ndarray]:
    """Draws that a strong prior has pulled away from what the likelihood wants, and a few beyond."""
    rng = np.random.default_rng(31)
    beta = rng.normal([0.2, 0.1], [0.3, 0.35], size=(chains, draws, 2))
    beta[:, ::25] = rng.normal([1.0, 0.7], 0.15, size=(chains, len(range(0, draws, 25)), 2))
    sigma = np.exp(rng.normal(-0.6, 0.25, size=(chains, draws)))
    return {"beta": beta, "sigma": sigma}


def tree(posterior: dict[str, np.ndarray], **groups) -> xr.DataTree:
    return az.from_dict({"posterior": posterior, **groups}, coords={"term": ["base", "slope"]}, dims={"beta": ["term"]})


def pointwise(posterior) -> np.ndarray:
    """log p(y | draw), by hand; (chain, draw, observation)."""
    curve = posterior["beta"][..., 0, None] + posterior["beta"][..., 1, None] * X
    return stats.norm(curve, posterior["sigma"][..., None]).logpdf(Y)


def columns(posterior) -> dict[str, np.ndarray]:
    beta = posterior["beta"]
    return {
        "beta[base]": beta[..., 0].ravel(),
        "beta[slope]": beta[..., 1].ravel(),
        "sigma": posterior["sigma"].ravel(),
    }


def near(posterior) -> np.ndarray:
    """Which draws lie in the 95 % χ² region of the draws' −2LL; the model has three parameters."""
    minus2ll = -2 * pointwise(posterior).sum(-1).ravel()
    return minus2ll - minus2ll.min() <= stats.chi2.ppf(0.95, 3)


def shortest_interval(values: np.ndarray, prob: float) -> tuple[float, float]:
    """The highest-density interval: the shortest that holds `prob` of the draws."""
    ordered, held = np.sort(values), int(np.floor(prob * len(values)))
    first = int(np.argmin(ordered[held:] - ordered[: len(values) - held]))
    return ordered[first], ordered[first + held]


# --- by hand ---------------------------------------------------------------------------------------------------------


def test_a_tuple_is_a_range_and_a_list_or_array_are_values():
    grid = pml.regular_grid({"a": (0, 2, 3), "b": [0, 2, 3], "c": np.array([0.5]), "d": (1, 1, 1)})
    assert list(grid.dims) == ["a", "b", "c", "d"]
    np.testing.assert_array_equal(grid["a"], [0.0, 1.0, 2.0])
    np.testing.assert_array_equal(grid["b"], [0, 2, 3])
    np.testing.assert_array_equal(grid["c"], [0.5])
    np.testing.assert_array_equal(grid["d"], [1.0])


def test_a_grid_tells_where_it_comes_from():
    attrs = pml.regular_grid({"a": (0, 1, 2)}).attrs
    assert attrs["kind"] == "regular"
    assert attrs["creation_library"] == "pymc_landscape"
    assert attrs["creation_library_version"] == pml.__version__


@pytest.mark.parametrize(
    ("axes", "sentence"),
    [
        ({}, "at least one axis"),
        ({"a": (0, 1)}, r"\(low, high, number of points\) for 'a', got \(0, 1\): a list gives the values"),
        ({"a": (0, 1, 2.5)}, "number of points"),
        ({"a": (0, 1, 0)}, "number of points"),
        ({"a": []}, "'a'"),
        ({"a": [[0.0, 1.0]]}, "'a'"),
        ({"a": [0.0, np.nan]}, "(?i)finite.*'a'|'a'.*finite"),
        ({"a": (0, np.inf, 3)}, "finite"),
        ({"a": [1.0, 0.0]}, "increasing.*'a'"),
        ({"a": (1, 0, 3)}, "increasing.*'a'"),
        ({"a": [0.0, 0.0, 1.0]}, "drop doubles"),
        ({"a": ["low", "high"]}, "'a'"),
    ],
)
def test_a_wrong_axis_is_refused_by_name(axes, sentence):
    with pytest.raises((ValueError, TypeError), match=sentence):
        pml.regular_grid(axes)


# --- from a posterior ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["group", "model", "context", "objective"])
@pytest.mark.parametrize("ci_prob", [0.5, 0.99])
def test_ranges_hold_the_hdi_and_the_region_of_the_likelihood(source, ci_prob, line):
    draws = pulled()
    groups = {"log_likelihood": {"y": pointwise(draws)}} if source == "group" else {}
    dt = tree(draws, **groups)
    if source == "context":
        with line:
            grid = pml.posterior_grid(dt, num=9, ci_prob=ci_prob)
    else:
        model = {"group": None, "model": line, "objective": pml.Objective(line)}[source]
        grid = pml.posterior_grid(dt, num=9, ci_prob=ci_prob, model=model)
    assert grid.attrs["kind"] == "posterior"
    assert [d for d in grid.dims if d != "draw_parameter"] == list(columns(draws))
    inside = near(draws)
    assert 2 < inside.sum() < inside.size / 2  # else the test would have no teeth
    for label, values in columns(draws).items():
        low, high = shortest_interval(values, ci_prob)
        assert grid[label].size == 9
        np.testing.assert_allclose(grid[label][0], min(low, values[inside].min()), rtol=1e-9)
        np.testing.assert_allclose(grid[label][-1], max(high, values[inside].max()), rtol=1e-9)
        np.testing.assert_allclose(np.diff(grid[label]), float(grid[label][-1] - grid[label][0]) / 8, rtol=1e-9)


def test_the_region_reaches_beyond_the_hdi_where_a_prior_pulls(line):
    draws = pulled()
    grid = pml.posterior_grid(tree(draws), ci_prob=0.5, model=line)
    assert grid["beta[base]"][-1] > shortest_interval(columns(draws)["beta[base]"], 0.5)[1] + 0.2


def test_without_a_likelihood_the_range_covers_all_draws():
    draws = pulled()
    grid = pml.posterior_grid(tree(draws), num=5, ci_prob=0.5)
    for label, values in columns(draws).items():
        np.testing.assert_allclose([grid[label][0], grid[label][-1]], [values.min(), values.max()])
    assert "draws" in grid
    assert "best_draw" not in grid


def test_the_group_or_the_model_tells_the_likeliest_draw(line):
    draws = pulled()
    best = pointwise(draws).sum(-1).ravel().argmax()
    wanted = [values[best] for values in columns(draws).values()]
    with_group = tree(draws, log_likelihood={"y": pointwise(draws)})
    for grid in (pml.posterior_grid(with_group), pml.posterior_grid(tree(draws), model=line)):
        np.testing.assert_array_equal(grid["best_draw"].sel(draw_parameter=list(columns(draws))), wanted)
        assert grid.attrs["best_draw"] == f"chain {best // 150}, draw {best % 150}"


def test_several_observed_terms_of_the_group_are_added():
    draws = pulled()
    halves = {"y": pointwise(draws)[..., :5], "z": pointwise(draws)[..., 5:]}
    whole = pml.posterior_grid(tree(draws, log_likelihood={"y": pointwise(draws)}), ci_prob=0.5)
    split = pml.posterior_grid(tree(draws, log_likelihood=halves), ci_prob=0.5)
    for label in columns(draws):
        np.testing.assert_allclose(split[label], whole[label])


@pytest.mark.parametrize(
    ("asked", "labels"),
    [
        (None, ["beta[base]", "beta[slope]", "sigma"]),
        ("sigma", ["sigma"]),
        (["sigma", "beta"], ["sigma", "beta[base]", "beta[slope]"]),
        (["beta[slope]", "sigma"], ["beta[slope]", "sigma"]),
        (["sigma", "beta[base]"], ["sigma", "beta[base]"]),
        ("~sigma", ["beta[base]", "beta[slope]"]),
        (["~beta"], ["sigma"]),
        (["beta", "beta[slope]"], ["beta[base]", "beta[slope]"]),
    ],
)
def test_variables_and_elements_are_chosen_as_in_arviz_and_keep_their_order(asked, labels, line):
    grid = pml.posterior_grid(tree(pulled()), asked, num=3, model=line)
    assert [d for d in grid.dims if d != "draw_parameter"] == labels


def test_coords_choose_elements(line):
    grid = pml.posterior_grid(tree(pulled()), coords={"term": ["slope"]}, num=3, model=line)
    assert [d for d in grid.dims if d != "draw_parameter"] == ["beta[slope]", "sigma"]
    one = pml.posterior_grid(tree(pulled()), "beta", coords={"term": "slope"}, num=3, model=line)
    assert [d for d in one.dims if d != "draw_parameter"] == ["beta[slope]"]


def test_deterministics_are_left_out_where_the_model_is_known(line):
    draws = pulled()
    dt = tree({**draws, "there": draws["beta"].sum(-1)})
    grid = pml.posterior_grid(dt, num=3, model=line)
    assert [d for d in grid.dims if d != "draw_parameter"] == list(columns(draws))


@pytest.mark.parametrize(
    "labels",
    [pd.date_range("2024-02-28", periods=3), pd.timedelta_range("1D", periods=3), [0.1, 0.2, 1 / 3], [True, False, 7]],
    ids=["dates", "durations", "fractions", "mixed"],
)
def test_labels_of_any_type_are_the_same_in_model_and_draws(labels, tmp_path):
    """As they come from PyMC, and as they come back from a file."""
    with pm.Model(coords={"when": labels}) as model:
        level = pm.Normal("level", 0, 1, dims="when")
        pm.Normal("y", level, np.float64(0.7), observed=[0.1, 0.4, -0.2])
        prior = pm.sample_prior_predictive(20, random_seed=1)["prior"].to_dataset()
    grids = [pml.posterior_grid(prior, num=3, model=model)]
    if labels[0] is not True:  # netCDF has no type for such a mixture
        prior.to_netcdf(tmp_path / "draws.nc")
        with xr.open_dataset(tmp_path / "draws.nc", decode_timedelta=True) as again:
            grids.append(pml.posterior_grid(again.load(), num=3, model=model))
    draws = prior["level"].to_numpy().reshape(-1, 3)
    best = draws[stats.norm(draws, 0.7).logpdf([0.1, 0.4, -0.2]).sum(1).argmax()]
    for grid in grids:
        first = next(d for d in grid.dims if d != "draw_parameter")
        result = pml.evaluate_landscape(model, grid[[first, "best_draw"]], progressbar=False)
        np.testing.assert_array_equal(result["at"], best)


def test_another_group_of_draws_can_be_used():
    draws = pulled()
    dt = az.from_dict({"prior": {"sigma": draws["sigma"]}})
    grid = pml.posterior_grid(dt, group="prior", num=3)
    assert float(grid["sigma"][-1]) == draws["sigma"].max()


def test_a_dataset_of_draws_is_as_good_as_a_tree(line):
    dt = tree(pulled())
    whole = pml.posterior_grid(dt, num=3, model=line)
    for part in (dt["posterior"].to_dataset(), dt["posterior"]):
        again = pml.posterior_grid(part, num=3, model=line)
        xr.testing.assert_equal(again, whole)


def test_the_draws_are_left_as_they_were(line):
    dt = tree(pulled())
    before = dt.copy(deep=True)
    pml.evaluate_landscape(line, pml.posterior_grid(dt, "sigma", num=3), progressbar=False)
    xr.testing.assert_identical(dt, before)


@pytest.fixture(scope="module")
def switch() -> pm.Model:
    """Counts whose rate changes at an unknown time."""
    counts = np.array([4, 5, 3, 6, 4, 1, 0, 2, 1, 1])
    with pm.Model() as model:
        when = pm.DiscreteUniform("when", 1, 9)
        rate = pm.Gamma("rate", 3, 1)
        pm.Poisson("n", pm.math.switch(np.arange(10) < when, rate, np.float64(1.1)), observed=counts)
    return model


def test_an_integer_parameter_gets_integers(switch):
    rng = np.random.default_rng(3)
    when = rng.choice([4, 5, 6], p=[0.2, 0.6, 0.2], size=(2, 80))
    dt = az.from_dict({"posterior": {"when": when, "rate": rng.gamma(9, 0.5, size=(2, 80))}})
    grid = pml.posterior_grid(dt, num=51, model=switch)
    np.testing.assert_array_equal(grid["when"], [4, 5, 6])
    assert grid["when"].dtype.kind == "i"
    result = pml.evaluate_landscape(switch, grid, progressbar=False)
    np.testing.assert_array_equal(result["when"], [4, 5, 6])
    assert int(result["delta_minus2ll"].argmin(...)["when"]) == 1


def test_an_integer_parameter_of_many_values_is_thinned():
    draws = np.random.default_rng(3).poisson(400, size=(1, 300))
    grid = pml.posterior_grid(az.from_dict({"posterior": {"n": draws}}), num=11)
    assert grid["n"].size == 11
    np.testing.assert_array_equal(grid["n"], np.round(grid["n"]))
    assert [grid["n"][0], grid["n"][-1]] == [draws.min(), draws.max()]


# --- principal axes --------------------------------------------------------------------------------------------------


def correlated() -> dict[str, np.ndarray]:
    """Draws along a narrow oblique ridge, in units a thousand times apart."""
    rng = np.random.default_rng(11)
    long, short = rng.normal(size=(2, 2, 200))
    beta = np.stack([1.0 + 0.3 * long, 700 - 250 * long + 40 * short], axis=-1)
    return {"beta": beta, "sigma": np.exp(rng.normal(-0.6, 0.1, size=(2, 200)))}


def scores_on(grid: xr.Dataset, matrix: np.ndarray) -> np.ndarray:
    """Coordinates of draws on a plane's axes, by least squares in units of each column's spread."""
    scale = matrix.std(0)
    plane = (grid["direction"].to_numpy() / scale).T
    return np.linalg.lstsq(plane, ((matrix - grid["center"].to_numpy()) / scale).T)[0].T


def test_principal_axes_decorrelate_and_cover():
    draws = correlated()
    grid = pml.posterior_grid(tree(draws), "beta", axes="principal", num=7)
    matrix = draws["beta"].reshape(-1, 2)
    assert grid.attrs["kind"] == "principal"
    assert grid["direction"].dims == ("axis", "plane_parameter")
    assert list(grid["plane_parameter"]) == ["beta[base]", "beta[slope]"]
    np.testing.assert_allclose(grid["center"], matrix.mean(0))
    scores = scores_on(grid, matrix)
    np.testing.assert_allclose(np.cov(scores.T, ddof=0), np.eye(2), atol=1e-8)
    for i, axis in enumerate("uv"):
        np.testing.assert_allclose([grid[axis][0], grid[axis][-1]], [scores[:, i].min(), scores[:, i].max()])


def test_the_longest_principal_axis_comes_first():
    draws = correlated()
    grid = pml.posterior_grid(tree(draws), "beta", axes="principal")
    scaled = grid["direction"].to_numpy() / draws["beta"].reshape(-1, 2).std(0)
    lengths = np.linalg.norm(scaled, axis=1)
    assert lengths[0] > 3 * lengths[1]
    assert abs(scaled[0] @ scaled[1]) < 1e-9


def test_principal_axes_of_three_parameters_take_the_two_leading_ones():
    draws = correlated()
    grid = pml.posterior_grid(tree(draws), axes="principal", num=5)
    matrix = np.stack(list(columns(draws).values()), axis=1)
    assert grid["direction"].shape == (2, 3)
    scaled = (matrix - matrix.mean(0)) / matrix.std(0)
    values = np.sort(np.linalg.eigvalsh(scaled.T @ scaled / len(scaled)))[::-1]
    lengths = np.linalg.norm(grid["direction"].to_numpy() / matrix.std(0), axis=1)
    np.testing.assert_allclose(lengths, np.sqrt(values[:2]))


@pytest.mark.parametrize("ci_prob", [0.3, 0.99])
def test_principal_axes_cover_the_region_of_the_likelihood(ci_prob, line):
    draws = pulled()
    grid = pml.posterior_grid(tree(draws), "beta", axes="principal", ci_prob=ci_prob, model=line)
    scores = scores_on(grid, draws["beta"].reshape(-1, 2))
    for i, axis in enumerate("uv"):
        low, high = shortest_interval(scores[:, i], ci_prob)
        assert float(grid[axis][0]) == pytest.approx(min(low, scores[near(draws), i].min()))
        assert float(grid[axis][-1]) == pytest.approx(max(high, scores[near(draws), i].max()))


def test_a_principal_grid_is_evaluated_where_it_says(line):
    draws = pulled()
    grid = pml.posterior_grid(tree(draws), "beta", axes="principal", num=4, model=line)
    result = pml.evaluate_landscape(line, grid, progressbar=False)
    sigma = float(result["at"].sel(parameter="sigma"))
    assert result.attrs["kind"] == "principal"
    for i, u in enumerate(grid["u"].to_numpy()):
        for j, v in enumerate(grid["v"].to_numpy()):
            beta = grid["center"].to_numpy() + np.array([u, v]) @ grid["direction"].to_numpy()
            by_hand = stats.norm(beta[0] + beta[1] * X, sigma).logpdf(Y).sum()
            np.testing.assert_allclose(result["log_likelihood"][i, j], by_hand, rtol=1e-10)


# --- draws kept for later, draws of another model, and questions that make no grid ------------------------------------


def test_draws_are_kept_until_a_model_can_choose_and_thinned_to_a_bound(line, monkeypatch):
    draws = pulled()
    monkeypatch.setattr(grid_room, "KEPT_NUMBERS", 90)
    grid = pml.posterior_grid(tree(draws), "sigma", num=3)
    assert grid["draws"].size <= 90
    assert grid.sizes["sample"] > 20
    matrix = np.stack(list(columns(draws).values()), axis=1)
    rows = grid["sample_chain"].to_numpy() * 150 + grid["sample_draw"].to_numpy()
    np.testing.assert_array_equal(grid["draws"], matrix[rows])
    result = pml.evaluate_landscape(line, grid, progressbar=False)
    best = rows[pointwise(draws).sum(-1).ravel()[rows].argmax()]
    np.testing.assert_array_equal(result["at"], matrix[best])


def test_all_draws_are_kept_where_they_fit():
    grid = pml.posterior_grid(tree(pulled()), num=3)
    assert grid["draws"].shape == (300, 3)
    assert list(grid["draw_parameter"]) == list(columns(pulled()))


@pytest.mark.parametrize(
    "posterior",
    [
        {"sigma": pulled()["sigma"]},
        {"sigma": pulled()["sigma"], "beta": pulled()["beta"][..., :1]},
        {"sigma": pulled()["sigma"], "theta": pulled()["beta"]},
        {"sigma": pulled()["sigma"][..., None], "beta": pulled()["beta"]},
    ],
    ids=["missing", "shape", "name", "rank"],
)
def test_the_posterior_of_another_model_is_refused(posterior, line):
    dt = az.from_dict({"posterior": posterior})
    with pytest.raises(ValueError, match=r"draws of this model.*another model"):
        pml.posterior_grid(dt, num=3, model=line)
    grid = pml.posterior_grid(dt, "sigma", num=3)
    with pytest.raises(ValueError, match=r"this model|parameter of the model"):
        pml.evaluate_landscape(line, grid, progressbar=False)


def test_a_draw_of_unknown_likelihood_is_not_the_likeliest():
    draws, likelihood = pulled(), pointwise(pulled())
    likelihood[1, 7, 3:] = np.nan
    grid = pml.posterior_grid(tree(draws, log_likelihood={"y": likelihood}), num=3)
    best = np.nanargmax(likelihood.sum(-1).ravel())
    assert grid.attrs["best_draw"] == f"chain {best // 150}, draw {best % 150}"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"ci_prob": 0}, "ci_prob strictly between 0 and 1, got 0"),
        ({"ci_prob": 1.0}, "ci_prob strictly between 0 and 1"),
        ({"ci_prob": 94}, r"got 94: for 99 % write 0\.99"),
        ({"axes": "diagonal"}, "'parameters' or 'principal', got 'diagonal'"),
        ({"var_names": "sgma"}, r"got 'sgma': it has sigma"),
        ({"var_names": "beta[slop]"}, r"got 'beta\[slop\]': it has beta\[slope\]"),
        ({"var_names": "there"}, "there"),
        ({"var_names": ["~beta", "~sigma"]}, "(?i)expected"),
        ({"coords": {"term": ["nope"]}}, "(?i)expected.*nope"),
        ({"coords": {"row": ["base"]}}, "(?i)expected.*row"),
        ({"num": 0}, "num"),
        ({"num": -3}, "num"),
        ({"group": "prior"}, "group 'prior', got .*posterior"),
    ],
)
def test_a_wrong_question_gets_a_sentence(options, sentence, line):
    draws = pulled()
    dt = tree({**draws, "there": draws["beta"].sum(-1)})
    with pytest.raises(ValueError, match=sentence):
        pml.posterior_grid(dt, **{"num": 3, "model": line, **options})


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_draws_that_are_not_finite_are_refused_by_name(bad):
    draws = pulled()
    draws["beta"][0, 3, 1] = bad
    with pytest.raises(ValueError, match=r"finite draws.*beta\[slope\]"):
        pml.posterior_grid(tree(draws))
    assert pml.posterior_grid(tree(draws), "sigma", num=3)["sigma"].size == 3


def test_labels_that_occur_twice_are_refused():
    with pm.Model(coords={"site": ["a", "a", "b"]}) as model:
        level = pm.Normal("level", 0, 1, dims="site")
        pm.Normal("y", level, np.float64(0.7), observed=[0.1, 0.4, -0.2])
    draws = np.random.default_rng(1).normal(size=(2, 20, 3))
    dt = az.from_dict({"posterior": {"level": draws}}, coords={"site": ["a", "a", "b"]}, dims={"level": ["site"]})
    with pytest.raises(ValueError, match=r"level\[a\]"):
        pml.posterior_grid(dt, "level[b]", num=3, model=model)


def test_draws_that_do_not_vary_make_no_range():
    dt = az.from_dict({"posterior": {"sigma": np.full((2, 9), 0.7)}})
    with pytest.raises(ValueError, match=r"vary, got the same value 0\.7"):
        pml.posterior_grid(dt)


def test_principal_axes_need_continuous_parameters():
    draws = {"when": np.tile([3, 4, 5], (2, 20)), "rate": pulled(2, 60)["sigma"]}
    with pytest.raises(ValueError, match="integer when"):
        pml.posterior_grid(az.from_dict({"posterior": draws}), axes="principal")


def test_the_likelihood_of_other_draws_is_refused():
    dt = tree(pulled(), log_likelihood={"y": pointwise(pulled(draws=40))})
    with pytest.raises(ValueError, match=r"(?i)draws"):
        pml.posterior_grid(dt)
