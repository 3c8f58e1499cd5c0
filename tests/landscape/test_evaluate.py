"""Where the others are held, and on which scale an axis runs."""

import arviz as az
import numpy as np
import pymc as pm
import pytest
import xarray as xr
from oracle import Oracle
from scipy import stats

import pymc_landscape as pml

X = np.linspace(-1.0, 2.0, 12)
Y = 1.0 + 0.7 * X + 0.6 * np.sin(9 * X)


@pytest.fixture(scope="module")
def line() -> pm.Model:
    with pm.Model(coords={"term": ["base", "slope"]}, name="growth") as model:
        beta = pm.Normal("beta", 0, np.float64(2.5), dims="term")
        sigma = pm.HalfNormal("sigma", 1)
        pm.Normal("y", beta[0] + beta[1] * X, sigma, observed=Y)
    return model


@pytest.fixture(scope="module")
def plain() -> pm.Model:
    with pm.Model(coords={"term": ["base", "slope"]}) as model:
        beta = pm.Normal("beta", 0, np.float64(2.5), dims="term", initval=[0.2, 0.3])
        sigma = pm.HalfNormal("sigma", 1)
        pm.Deterministic("there", beta.sum())
        pm.Normal("y", beta[0] + beta[1] * X, sigma, observed=Y)
    return model


def by_hand(base, slope, sigma) -> float:
    return float(stats.norm(base + slope * X, sigma).logpdf(Y).sum())


def draws() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    return {
        "beta": rng.normal([0.8, 0.6], 0.3, size=(2, 60, 2)),
        "sigma": np.exp(rng.normal(-0.6, 0.3, size=(2, 60))),
    }


def tree() -> xr.DataTree:
    return az.from_dict({"posterior": draws()}, coords={"term": ["base", "slope"]}, dims={"beta": ["term"]})


def likeliest() -> tuple[int, int]:
    beta, sigma = draws()["beta"], draws()["sigma"]
    each = [[by_hand(*b, s) for b, s in zip(bs, ss, strict=True)] for bs, ss in zip(beta, sigma, strict=True)]
    chain, draw = np.unravel_index(np.argmax(each), sigma.shape)
    return int(chain), int(draw)


def evaluate(model, axes, **options) -> xr.Dataset:
    grid = axes if isinstance(axes, xr.Dataset) else pml.regular_grid(axes)
    return pml.evaluate_landscape(model, grid, progressbar=False, **options)


def held(result: xr.Dataset) -> dict[str, float]:
    return dict(zip(result["parameter"].to_numpy().tolist(), result["at"].to_numpy().tolist(), strict=True))


def test_what_is_written_on_a_landscape_is_not_written_on_its_grid(plain):
    grid = pml.regular_grid({"sigma": (0.5, 1.0, 3)}).assign_coords(run=7)
    surface = evaluate(plain, grid)
    surface["run"].attrs["units"] = "m"
    surface["sigma"].attrs["units"] = "m"
    assert "units" not in {**grid["run"].attrs, **grid["sigma"].attrs}
    assert surface["run"].item() == 7


# --- the point at which the others are held --------------------------------------------------------------------------


@pytest.mark.parametrize("known", ["when the grid is made", "when it is evaluated"])
def test_others_are_held_at_the_draw_of_highest_likelihood(known, plain):
    model = plain if known == "when the grid is made" else None
    grid = pml.posterior_grid(tree(), "beta[slope]", num=4, model=model)
    result = evaluate(plain, grid)
    chain, draw = likeliest()
    base, slope = draws()["beta"][chain, draw]
    sigma = draws()["sigma"][chain, draw]
    assert held(result) == {"beta[base]": base, "beta[slope]": slope, "sigma": sigma}
    assert result.attrs["at"] == f"draw of highest likelihood (chain {chain}, draw {draw})"
    wanted = [by_hand(base, value, sigma) for value in grid["beta[slope]"].to_numpy()]
    np.testing.assert_allclose(result["log_likelihood"], wanted, rtol=1e-10)


def test_others_are_held_at_the_initial_point_without_a_posterior(plain):
    result = evaluate(plain, {"beta[slope]": (0, 1, 3)})
    start = plain.initial_point()
    wanted = {"beta[base]": 0.2, "beta[slope]": 0.3, "sigma": np.exp(start["sigma_log__"])}
    assert held(result) == pytest.approx(wanted)
    assert result.attrs["at"] == "the model's initial point"


def test_part_of_the_point_may_be_given(plain):
    result = evaluate(plain, {"beta[slope]": (0, 1, 3)}, at={"sigma": 0.4})
    assert held(result) == pytest.approx({"beta[base]": 0.2, "beta[slope]": 0.3, "sigma": 0.4})
    assert result.attrs["at"] == "given for sigma; the others: the model's initial point"
    wanted = [by_hand(0.2, slope, 0.4) for slope in (0, 0.5, 1)]
    np.testing.assert_allclose(result["log_likelihood"], wanted, rtol=1e-10)


def test_part_of_the_point_may_be_given_over_a_posterior(plain):
    grid = pml.posterior_grid(tree(), "beta[slope]", num=3)
    result = evaluate(plain, grid, at={"sigma": 0.4})
    chain, draw = likeliest()
    assert held(result)["sigma"] == 0.4
    assert held(result)["beta[base]"] == draws()["beta"][chain, draw, 0]
    assert result.attrs["at"].startswith("given for sigma; the others: draw of highest likelihood")


def test_the_point_may_be_a_dataset_with_what_is_computed_from_it(plain):
    mean = tree()["posterior"].to_dataset().mean(("chain", "draw")).assign(there=3.0)
    base, slope = draws()["beta"].mean((0, 1))
    wanted = [by_hand(base, slope, sigma) for sigma in (0.3, 0.6)]
    for at in (mean, tree()["posterior"].mean(("chain", "draw"))):
        result = evaluate(plain, {"sigma": [0.3, 0.6]}, at=at)
        assert result.attrs["at"] == "given"
        np.testing.assert_allclose(result["log_likelihood"], wanted, rtol=1e-10)


def test_the_point_may_be_whatever_has_a_point(plain):
    class Fit:
        point = xr.Dataset({"beta": ("term", [0.9, 0.8]), "sigma": 0.5})

    result = evaluate(plain, {"sigma": [0.3, 0.6]}, at=Fit())
    wanted = [by_hand(0.9, 0.8, sigma) for sigma in (0.3, 0.6)]
    np.testing.assert_allclose(result["log_likelihood"], wanted, rtol=1e-10)


def test_the_point_may_be_given_on_the_value_scale(plain):
    result = evaluate(plain, {"beta[slope]": (0, 1, 3)}, at={"sigma_log__": np.log(0.4)})
    assert held(result)["sigma"] == pytest.approx(0.4, rel=1e-12)


def test_a_point_in_another_order_of_coords_is_read_by_label(plain):
    at = xr.Dataset({"beta": ("term", [0.8, 0.9]), "sigma": 0.5}, coords={"term": ["slope", "base"]})
    result = evaluate(plain, {"sigma": [0.3, 0.6]}, at=at)
    wanted = [by_hand(0.9, 0.8, sigma) for sigma in (0.3, 0.6)]
    np.testing.assert_allclose(result["log_likelihood"], wanted, rtol=1e-10)


def test_nothing_is_held_where_every_element_is_on_an_axis(plain):
    axes = {"beta[base]": [0.5, 1.0], "beta[slope]": [0.5, 1.0], "sigma": [0.4, 0.6]}
    result = evaluate(plain, axes)
    assert "at" not in result.coords
    assert "every parameter" in result.attrs["at"]


def test_a_model_of_a_name_keeps_it_in_labels_and_attributes(line):
    result = evaluate(line, {"growth::beta[slope]": [0.5, 1.0]}, at={"growth::sigma": 0.5})
    assert result.attrs["model_name"] == "growth"
    np.testing.assert_allclose(result["log_likelihood"], [by_hand(0.0, slope, 0.5) for slope in (0.5, 1.0)], rtol=1e-10)


def test_a_position_names_an_element_too(plain):
    named = evaluate(plain, {"beta[slope]": (0, 1, 3)})
    placed = evaluate(plain, {"beta[1]": (0, 1, 3)})
    np.testing.assert_array_equal(named["minus2ll"], placed["minus2ll"])


# --- scales ----------------------------------------------------------------------------------------------------------


def assert_same_surface(one: xr.Dataset, two: xr.Dataset) -> None:
    for name in ("log_likelihood", "log_prior", "minus2ll", "delta_minus2ll"):
        np.testing.assert_allclose(one[name].to_numpy(), two[name].to_numpy(), rtol=1e-9, atol=1e-9)


def test_an_axis_on_the_value_scale_is_the_axis_at_mapped_values(plain):
    sigma = np.array([0.2, 0.5, 1.4])
    natural = evaluate(plain, {"sigma": sigma, "beta[base]": [0.0, 1.0]})
    logs = evaluate(plain, {"sigma_log__": np.log(sigma), "beta[base]": [0.0, 1.0]})
    assert logs["minus2ll"].dims == ("sigma_log__", "beta[base]")
    np.testing.assert_array_equal(logs["sigma_log__"], np.log(sigma))
    assert_same_surface(natural, logs)  # no Jacobian on either


@pytest.fixture(scope="module")
def scales() -> pm.Model:
    """One model with every elementwise transform."""
    with pm.Model() as model:
        rate = pm.Gamma("rate", 2, 1, shape=2)
        share = pm.Beta("share", 2, 2)
        where = pm.Uniform("where", -1, 3)
        below = pm.TruncatedNormal("below", 0, 1, upper=2)
        mean = rate[0] * share + where * rate[1] + below
        pm.Normal("y", mean, np.float64(0.7), observed=Y)
    return model


@pytest.mark.parametrize(
    ("label", "values", "value_label", "moved"),
    [
        ("rate[1]", [0.2, 1.0, 3.0], "rate_log__[1]", np.log),
        ("share", [0.1, 0.5, 0.8], "share_logodds__", lambda p: np.log(p / (1 - p))),
        ("where", [-0.5, 1.0, 2.9], "where_interval__", lambda x: np.log((x + 1) / (3 - x))),
        ("below", [-2.0, 0.0, 1.5], "below_interval__", lambda x: np.log(2 - x)),
    ],
)
def test_every_elementwise_transform_maps_its_axis(label, values, value_label, moved, scales):
    values = np.array(values)
    order = np.argsort(moved(values))
    at = {"rate": [0.8, 1.3], "share": 0.4, "where": 0.3, "below": 0.1}
    natural = evaluate(scales, {label: values}, at=at).isel({label: order})
    mapped = evaluate(scales, {value_label: moved(values)[order]}, at=at)
    assert_same_surface(natural, mapped)


@pytest.fixture(scope="module")
def weights() -> pm.Model:
    seen = np.array([0, 2, 1, 1, 2, 2, 0, 1, 3])
    with pm.Model(coords={"kind": ["a", "b", "c", "d"]}) as model:
        p = pm.Dirichlet("p", np.array([2.0, 1.0, 3.0, 1.5]), dims="kind")
        pm.Categorical("seen", p=p, observed=seen)
    return model


def test_two_weights_of_a_simplex_are_axes_and_the_others_share_the_rest(weights):
    at = np.array([0.4, 0.3, 0.2, 0.1])
    a, c = np.array([0.1, 0.3, 0.6]), np.array([0.2, 0.5])
    result = evaluate(weights, {"p[a]": a, "p[c]": c}, at={"p": at})
    counts = np.array([2, 3, 3, 1])
    for i, j in np.ndindex(3, 2):
        rest = 1 - a[i] - c[j]
        p = np.array([a[i], rest * 0.75, c[j], rest * 0.25])
        if rest < 0:
            assert np.isneginf(result["log_likelihood"][i, j])
            continue
        np.testing.assert_allclose(result["log_likelihood"][i, j], counts @ np.log(p), rtol=1e-10)
        prior = stats.dirichlet([2, 1, 3, 1.5]).logpdf(p / p.sum())
        np.testing.assert_allclose(result["log_prior"][i, j], prior, rtol=1e-6)


def test_a_simplex_on_its_value_scale_is_the_simplex_there(weights):
    at = np.array([0.4, 0.3, 0.2, 0.1])
    theta = np.log(at[:-1]) - np.log(at).mean()
    values = theta[1] + np.array([-0.5, 0.0, 0.7])
    result = evaluate(weights, {"p_simplex__[1]": values}, at={"p": at})
    for value, found in zip(values, result["log_likelihood"], strict=True):
        moved = np.array([theta[0], value, theta[2]])
        p = np.exp(np.append(moved, -moved.sum()))
        by_hand = np.array([2, 3, 3, 1]) @ np.log(p / p.sum())
        np.testing.assert_allclose(found, by_hand, rtol=1e-10)


def test_a_simplex_of_many_rows_is_moved_on_its_value_scale():
    with pm.Model() as model:
        p = pm.Dirichlet("p", np.ones((2, 3)))
        pm.Multinomial("n", n=9, p=p, observed=[[2, 3, 4], [5, 3, 1]])
    with pytest.raises(ValueError, match=r"bound together.*p_simplex__\[0, 0\]"):
        evaluate(model, {"p[0, 1]": (0.1, 0.9, 3)})
    result = evaluate(model, {"p_simplex__[1, 0]": [-0.5, 0.0, 0.5]})
    for value, found in zip([-0.5, 0.0, 0.5], result["log_likelihood"], strict=True):
        p = np.exp([value, 0.0, -value]) / np.exp([value, 0.0, -value]).sum()
        wanted = stats.multinomial(9, np.ones(3) / 3).logpmf([2, 3, 4])
        wanted += stats.multinomial(9, p).logpmf([5, 3, 1])
        np.testing.assert_allclose(found, wanted, rtol=1e-7)


def test_a_whole_simplex_cannot_be_axes_at_once(weights):
    axes = {f"p[{kind}]": [0.2, 0.3] for kind in "abcd"}
    with pytest.raises(ValueError, match=r"bound together.*leave one element out"):
        evaluate(weights, axes)


@pytest.fixture(scope="module")
def steps() -> pm.Model:
    ordered = pm.distributions.transforms.ordered
    with pm.Model() as model:
        cuts = pm.Normal("cuts", 0, 2, shape=3, transform=ordered, initval=[-1, 0, 1.0])
        pm.OrderedLogistic("grade", eta=np.zeros(6), cutpoints=cuts, observed=[0, 1, 3, 2, 2, 1])
    return model


def test_an_ordered_element_moves_between_its_neighbours(steps):
    values = np.array([-2.0, -0.5, 0.5, 2.0])
    result = evaluate(steps, {"cuts[1]": values})
    np.testing.assert_array_equal(np.isneginf(result["log_likelihood"]), [True, False, False, True])
    for value in (-0.5, 0.5):
        below = np.append(1 / (1 + np.exp(-np.array([-1, value, 1]))), 1)
        shares = np.diff(np.append(0, below))
        wanted = np.log(shares[[0, 1, 3, 2, 2, 1]]).sum()
        np.testing.assert_allclose(result["log_likelihood"].sel({"cuts[1]": value}), wanted, rtol=1e-10)


def test_an_ordered_vector_on_its_value_scale(steps):
    result = evaluate(steps, {"cuts_ordered__[2]": [-1.0, 0.0]}, at={"cuts": [-1.0, 0.0, 1.0]})
    natural = evaluate(steps, {"cuts[2]": np.exp([-1.0, 0.0])}, at={"cuts": [-1.0, 0.0, 1.0]})
    assert_same_surface(natural, result)


@pytest.fixture(scope="module")
def spread() -> pm.Model:
    pairs = np.random.default_rng(7).multivariate_normal([0, 0], [[1, 0.6], [0.6, 2]], size=9)
    with pm.Model() as model:
        chol, _, _ = pm.LKJCholeskyCov("chol", n=2, eta=2, sd_dist=pm.Exponential.dist(1))
        pm.MvNormal("y", mu=np.zeros(2), chol=chol, observed=pairs)
    return model


def test_a_cholesky_factor_moves_on_its_own_scale_and_on_its_value_scale(spread):
    """PyMC packs it by rows; on the value scale the diagonal is a logarithm, the rest as it is."""
    at = {"chol": [1.1, 0.4, 1.2]}
    natural = evaluate(spread, {"chol[0]": [0.8, 1.1], "chol[1]": [-0.3, 0.4]}, at=at)
    logs = {"chol_cholesky-cov-packed__[0]": np.log([0.8, 1.1])}
    mapped = evaluate(spread, {**logs, "chol_cholesky-cov-packed__[1]": [-0.3, 0.4]}, at=at)
    assert_same_surface(natural, mapped)
    pairs = np.random.default_rng(7).multivariate_normal([0, 0], [[1, 0.6], [0.6, 2]], size=9)
    for i, j in np.ndindex(2, 2):
        chol = np.array([[[0.8, 1.1][i], 0], [[-0.3, 0.4][j], 1.2]])
        wanted = stats.multivariate_normal([0, 0], chol @ chol.T).logpdf(pairs).sum()
        np.testing.assert_allclose(natural["log_likelihood"][i, j], wanted, rtol=1e-9)


def test_a_negative_diagonal_of_a_cholesky_factor_is_outside_the_support(spread):
    result = evaluate(spread, {"chol[2]": [-0.5, 1.2]}, at={"chol": [1.1, 0.4, 1.2]})
    np.testing.assert_array_equal(np.isneginf(result["log_likelihood"]), [True, False])


def test_elements_bound_by_a_zero_sum_move_on_their_value_scale():
    with pm.Model() as model:
        a = pm.ZeroSumNormal("a", 1, shape=3)
        pm.Normal("y", a[[0, 1, 2, 2]], np.float64(0.7), observed=[0.2, -0.5, 0.4, 0.1])
    with pytest.raises(ValueError, match=r"bound together.*a_zerosum__\[0\]"):
        evaluate(model, {"a[0]": (-1, 1, 3)})
    result = evaluate(model, {"a_zerosum__[0]": [-0.5, 0.5]}, at={"a": [0.3, -0.1, -0.2]})
    objective = pml.Objective(model)
    theta = objective.pack({"a": [0.3, -0.1, -0.2]})
    for value, found in zip([-0.5, 0.5], result["log_likelihood"], strict=True):
        a = objective.unpack(np.array([value, theta[1]]))["a"]
        assert a.sum() == pytest.approx(0, abs=1e-12)
        terms, _ = Oracle(model)({"a": a})
        np.testing.assert_allclose(found, terms["y"].sum(), rtol=1e-10)


def test_single_observations_of_a_penalised_likelihood_are_refused():
    with pm.Model() as model:
        pm.Binomial("y", n=10, p=pm.Beta("p", 1, 1), observed=7)
    penalised = pml.Objective(model).with_penalty("firth")
    with pytest.raises(ValueError, match="without penalty for pointwise=True"):
        pml.evaluate_landscape(penalised, {"p": (0.5, 0.9, 3)}, pointwise=True, progressbar=False)


def test_a_landscape_of_several_terms_is_the_grid_of_another():
    with pm.Model() as model:
        a, b = pm.Normal("a"), pm.Normal("b")
        pm.Normal("y", a, 1, observed=[0.5, 1.0])
        pm.Normal("z", b, 1, observed=[1.5])
    first = pml.evaluate_landscape(model, {"a": (0, 1, 3), "b": (0, 1, 4)}, progressbar=False)
    assert first.sizes["term"] == 2
    again = pml.evaluate_landscape(model, first, progressbar=False)
    xr.testing.assert_allclose(again.drop_attrs(), first.drop_attrs())
