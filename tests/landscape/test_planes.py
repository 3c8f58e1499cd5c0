"""Planes through many parameters: which plane it is, and that it is evaluated where it says."""

import arviz as az
import numpy as np
import pymc as pm
import pytest
import xarray as xr
from scipy import stats

import pymc_landscape as pml

X = np.linspace(-1.0, 2.0, 12)
Y = 1.0 + 0.7 * X + 0.6 * np.sin(9 * X)
LABELS = ["beta[base]", "beta[slope]", "sigma"]
CENTER = {"beta": [1.0, 0.7], "sigma": 0.5}


@pytest.fixture(scope="module")
def line() -> pm.Model:
    with pm.Model(coords={"term": ["base", "slope"]}) as model:
        beta = pm.Normal("beta", 0, np.float64(2.5), dims="term")
        sigma = pm.HalfNormal("sigma", 1)
        pm.Normal("y", beta[0] + beta[1] * X, sigma, observed=Y)
    return model


def by_hand(base, slope, sigma) -> float:
    if sigma < 0:
        return -np.inf
    return float(stats.norm(base + slope * X, sigma).logpdf(Y).sum())


def draws(n: int = 100) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(8)
    cov = np.array([[0.04, -0.03, 0], [-0.03, 0.09, 0], [0, 0, 0.01]])
    each = rng.multivariate_normal([1.0, 0.7, 0.6], cov, size=(2, n))
    return {"beta": each[..., :2], "sigma": np.abs(each[..., 2])}


def tree(posterior=None) -> xr.DataTree:
    posterior = posterior or draws()
    return az.from_dict({"posterior": posterior}, coords={"term": ["base", "slope"]}, dims={"beta": ["term"]})


def matrix() -> np.ndarray:
    return np.concatenate([draws()["beta"], draws()["sigma"][..., None]], axis=-1).reshape(-1, 3)


def direction(grid: xr.Dataset) -> np.ndarray:
    return grid["direction"].transpose("axis", "plane_parameter").to_numpy()


def named(point=CENTER) -> xr.Dataset:
    """A point as a Dataset with the model's coords."""
    return xr.Dataset({"beta": ("term", point["beta"]), "sigma": point["sigma"]}, coords={"term": ["base", "slope"]})


def landscape(model, grid, **options) -> xr.Dataset:
    return pml.evaluate_landscape(model, grid, progressbar=False, **options)


# --- directions ------------------------------------------------------------------------------------------------------


def test_a_plane_says_which_one_it_is():
    grid = pml.plane_grid(named(), num=5, extent=2.0, random_seed=1)
    assert grid.attrs["kind"] == "plane"
    assert grid["center"].dims == ("plane_parameter",)
    assert grid["direction"].dims == ("axis", "plane_parameter")
    assert list(grid["plane_parameter"]) == LABELS
    assert list(grid["axis"]) == ["u", "v"]
    np.testing.assert_array_equal(grid["center"], [1.0, 0.7, 0.5])
    np.testing.assert_allclose(grid["u"], [-2, -1, 0, 1, 2])
    np.testing.assert_allclose(grid["v"], grid["u"])


def test_random_directions_are_orthonormal_in_units_of_the_posterior_sd():
    grid = pml.plane_grid(tree(), random_seed=3)
    unit = direction(grid) / matrix().std(0)
    np.testing.assert_allclose(unit @ unit.T, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(grid["center"], matrix().mean(0))


def test_random_directions_come_from_the_seed():
    first, again, other = (direction(pml.plane_grid(tree(), random_seed=s)) for s in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)
    rng = np.random.default_rng(3)
    by_generator = direction(pml.plane_grid(tree(), random_seed=rng))
    np.testing.assert_array_equal(by_generator, first)


def test_random_directions_point_everywhere():
    """Over seeds no direction is preferred (which way round it points does not matter): E d dᵀ = 1/k."""
    drawn = [direction(pml.plane_grid(CENTER, random_seed=s)) for s in range(150)]
    scaled = np.concatenate(drawn) / np.array(CENTER["beta"] + [CENTER["sigma"]])
    outer = np.einsum("si,sj->ij", scaled[:, :2], scaled[:, :2]) / len(scaled)
    norm = np.linalg.norm(CENTER["beta"])
    wanted = np.eye(2) / 2
    np.testing.assert_allclose(outer / norm**2 * np.outer(CENTER["beta"], CENTER["beta"]), wanted, atol=0.1)


@pytest.mark.parametrize("center", [{"beta": [3.0, -4.0], "sigma": 0.5}, None], ids=["point", "draws"])
def test_filter_directions_have_the_norm_of_each_variable(center):
    grid = pml.plane_grid(center or tree(), "filter", random_seed=3)
    where = grid["center"].to_numpy()
    for axis in direction(grid):
        assert np.linalg.norm(axis[:2]) == pytest.approx(np.linalg.norm(where[:2]))
        assert abs(axis[2]) == pytest.approx(abs(where[2]))


def test_a_point_has_no_sd_so_random_directions_take_the_filter_norm():
    random = pml.plane_grid(CENTER, random_seed=3)
    filtered = pml.plane_grid(CENTER, "filter", random_seed=3)
    np.testing.assert_array_equal(direction(random), direction(filtered))


def test_a_variable_at_zero_can_be_moved_too():
    grid = pml.plane_grid({"a": [0.0, 0.0], "b": 2.0}, "filter", random_seed=1)
    np.testing.assert_allclose(np.linalg.norm(direction(grid)[:, :2], axis=1), 1.0)


def test_principal_directions_of_the_draws():
    grid = pml.plane_grid(tree(), "principal")
    scale = matrix().std(0)
    scaled = (matrix() - matrix().mean(0)) / scale
    sizes, axes = np.linalg.eigh(scaled.T @ scaled / len(scaled))
    for found, size, axis in zip(direction(grid) / scale, sizes[::-1], axes.T[::-1], strict=False):
        assert np.linalg.norm(found) == pytest.approx(np.sqrt(size))
        assert abs(found @ axis) == pytest.approx(np.sqrt(size))  # parallel, either way round


def path() -> xr.DataTree:
    """A walk that turns once: it lies in a plane, off the centre."""
    along = np.linspace(0, 1, 30)
    beta = np.stack([1 + along, 0.7 + np.maximum(along - 0.5, 0) * 3], axis=-1)
    return tree({"beta": beta[None], "sigma": np.full((1, 30), 0.5) + 0.2 * along})


def test_a_plane_through_a_path_holds_all_of_it():
    grid = pml.plane_grid(named(), path(), num=9)
    walk = path()["posterior"]
    rows = np.column_stack([walk["beta"][0], walk["sigma"][0]]) - grid["center"].to_numpy()
    scores, left, _, _ = np.linalg.lstsq(direction(grid).T, rows.T)
    assert left.max() < 1e-3 * (rows**2).sum()
    for axis, score in zip("uv", scores, strict=True):
        low, high = min(score.min(), 0), max(score.max(), 0)
        wanted = [low - 0.2 * (high - low), high + 0.2 * (high - low)]
        np.testing.assert_allclose([grid[axis][0], grid[axis][-1]], wanted, rtol=0.05, atol=0.02)
        assert grid[axis][0] < score.min() <= score.max() < grid[axis][-1]


def test_posterior_as_directions_around_a_point_is_seen_from_that_point():
    grid = pml.plane_grid(named(), tree(), num=5)
    np.testing.assert_array_equal(grid["center"], [1.0, 0.7, 0.5])
    assert grid["u"][0] < 0 < grid["u"][-1]


# --- three points ----------------------------------------------------------------------------------------------------

FIRST = {"beta": [0.2, 1.4], "sigma": 0.9}
SECOND = {"beta": [-0.5, 0.1], "sigma": 0.7}


def test_three_points_lie_at_their_corners():
    grid = pml.plane_grid(CENTER, (FIRST, SECOND), num=5, extent=2.0)
    np.testing.assert_allclose(grid["u"], [-0.5, 0.0, 0.5, 1.0, 1.5])
    center = grid["center"].to_numpy()
    np.testing.assert_allclose(center + direction(grid)[0], [0.2, 1.4, 0.9])
    np.testing.assert_allclose(center + direction(grid)[1], [-0.5, 0.1, 0.7])


@pytest.mark.parametrize("with_model", [False, True], ids=["natural", "unconstrained"])
@pytest.mark.parametrize("as_point", [named, dict], ids=["dataset", "mapping"])
def test_three_points_are_evaluated_where_they_are(with_model, as_point, line):
    points = [as_point(p) for p in (CENTER, FIRST, SECOND)]
    model = line if with_model else None
    grid = pml.plane_grid(points[0], points[1:], model=model, num=5, extent=2.0)
    result = landscape(line, grid)
    for (u, v), p in zip([(0, 0), (1, 0), (0, 1)], (CENTER, FIRST, SECOND), strict=True):
        found = result["log_likelihood"].sel(u=u, v=v, method="nearest", tolerance=1e-9)
        np.testing.assert_allclose(found, by_hand(*p["beta"], p["sigma"]), rtol=1e-10)


def test_any_point_of_a_natural_plane_is_the_model_there(line):
    grid = pml.plane_grid(named(), random_seed=2, num=6, extent=0.8)
    result = landscape(line, grid)
    for i, j in np.ndindex(6, 6):
        at = np.array([grid["u"][i], grid["v"][j]])
        wanted = by_hand(*(grid["center"].to_numpy() + at @ direction(grid)))
        np.testing.assert_allclose(result["log_likelihood"][i, j], wanted, rtol=1e-10)


def test_a_natural_plane_that_leaves_the_support_is_infinite_there(line):
    points = [named(p) for p in (CENTER, {"beta": [1.0, 0.7], "sigma": -0.5}, FIRST)]
    result = landscape(line, pml.plane_grid(points[0], points[1:], num=5, extent=2.0))
    assert np.isneginf(result["log_likelihood"].sel(u=1.0, v=0.0))
    assert np.isfinite(result["log_likelihood"].sel(u=0.0, v=0.0))


# --- on a model's unconstrained scale --------------------------------------------------------------------------------


def test_with_a_model_the_plane_lies_on_its_value_scale(line):
    grid = pml.plane_grid(tree(), model=line, random_seed=4, num=5, extent=6.0)
    assert list(grid["plane_parameter"]) == ["beta[base]", "beta[slope]", "sigma_log__"]
    theta = matrix()
    theta[:, 2] = np.log(theta[:, 2])
    np.testing.assert_allclose(grid["center"], theta.mean(0))
    unit = direction(grid) / theta.std(0)
    np.testing.assert_allclose(unit @ unit.T, np.eye(2), atol=1e-9)
    result = landscape(line, grid)
    assert np.isfinite(result["log_likelihood"]).all()  # whatever the extent
    for i, j in np.ndindex(5, 5):
        at = np.array([grid["u"][i], grid["v"][j]])
        base, slope, log_sigma = grid["center"].to_numpy() + at @ direction(grid)
        np.testing.assert_allclose(result["log_likelihood"][i, j], by_hand(base, slope, np.exp(log_sigma)), rtol=1e-9)


def test_a_landscape_of_a_plane_knows_the_plane(line):
    grid = pml.plane_grid(tree(), model=line, random_seed=4, num=3)
    result = landscape(line, grid)
    assert result["log_likelihood"].dims == ("u", "v")
    assert result.attrs["kind"] == "plane"
    for name in ("center", "direction"):
        assert name in result.coords
        xr.testing.assert_equal(result[name].variable, grid[name].variable)
    assert "at" not in result.coords
    assert "every parameter" in result.attrs["at"]


def test_a_plane_through_some_parameters_holds_the_others(line):
    grid = pml.plane_grid({"beta[base]": 1.0, "beta[slope]": 0.7}, random_seed=4, num=3)
    result = landscape(line, grid, at={"sigma": 0.4})
    center = grid["center"].to_numpy()
    np.testing.assert_allclose(result["log_likelihood"][1, 1], by_hand(*center, 0.4), rtol=1e-10)
    assert result["at"].sel(parameter="sigma") == 0.4
    by_default = landscape(line, grid)
    assert by_default.attrs["at"] == "the model's initial point"


def test_a_simplex_stays_one_on_a_plane_of_the_value_scale():
    counts = np.array([3, 5, 2])
    with pm.Model() as model:
        p = pm.Dirichlet("p", np.ones(3))
        pm.Multinomial("n", n=10, p=p, observed=counts)
    grid = pml.plane_grid({"p": [0.3, 0.5, 0.2]}, model=model, random_seed=1, num=3, extent=2.0)
    assert list(grid["plane_parameter"]) == ["p_simplex__[0]", "p_simplex__[1]"]
    result = landscape(model, grid)
    assert np.isfinite(result["log_likelihood"]).all()
    assert result["delta_minus2ll"].argmin(...)["u"] == 1  # the centre is the MLE
    wanted = stats.multinomial(10, counts / 10).logpmf(counts)
    np.testing.assert_allclose(result["log_likelihood"][1, 1], wanted, rtol=1e-6)


@pytest.fixture(scope="module")
def switch() -> pm.Model:
    counts = np.array([4, 5, 3, 6, 4, 1, 0, 2, 1, 1])
    with pm.Model() as model:
        when = pm.DiscreteUniform("when", 1, 9)
        rate = pm.Gamma("rate", 3, 1, shape=2)
        pm.Poisson("n", pm.math.switch(np.arange(10) < when, rate[0], rate[1]), observed=counts)
    return model


@pytest.mark.parametrize("with_model", [True, False])
def test_integers_are_held(with_model, switch):
    rng = np.random.default_rng(2)
    posterior = {"when": rng.integers(4, 7, (2, 40)), "rate": rng.gamma(9, 0.3, (2, 40, 2))}
    dt = az.from_dict({"posterior": posterior})
    grid = pml.plane_grid(dt, model=switch if with_model else None, random_seed=1, num=3)
    assert not any(str(label).startswith("when") for label in grid["plane_parameter"].to_numpy())
    result = landscape(switch, grid, at={"when": 6})
    center = grid["center"].to_numpy()
    rate = np.exp(center) if with_model else center
    rates = np.where(np.arange(10) < 6, rate[0], rate[1])
    by_hand = stats.poisson(rates).logpmf([4, 5, 3, 6, 4, 1, 0, 2, 1, 1]).sum()
    np.testing.assert_allclose(result["log_likelihood"][1, 1], by_hand, rtol=1e-9)
    assert result["at"].sel(parameter="when") == 6


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("center", "directions", "sentence"),
    [
        (CENTER, "sideways", "'random', 'filter' or 'principal'.*'sideways'"),
        (CENTER, "principal", "draws as the centre.*pass the posterior"),
        ({"sigma": 1.0}, "random", "at least two parameters"),
        (CENTER, (FIRST,), "two further points, got 1"),
        (CENTER, (FIRST, SECOND, FIRST), "two further points, got 3"),
        (CENTER, (FIRST, FIRST), "points on one line"),
        (CENTER, (CENTER, FIRST), "points on one line"),
        (CENTER, (FIRST, {"beta": [1.0, 2.0]}), "same parameters.*without sigma"),
        ({"beta": [1.0, np.nan], "sigma": 1.0}, "random", "finite"),
        (CENTER, (FIRST, {"beta": [np.inf, 1.0], "sigma": 1.0}), "finite"),
        (CENTER, FIRST, r"directions=\(first, second\)"),
        (3.0, "random", "Expected a point"),
    ],
)
def test_a_plane_that_is_none_is_refused(center, directions, sentence):
    with pytest.raises((ValueError, TypeError), match=sentence):
        pml.plane_grid(center, directions)


@pytest.mark.parametrize("options", [{"num": 1}, {"num": 0}, {"extent": 0.0}, {"extent": -1.0}, {"extent": np.nan}])
def test_a_plane_without_extension_is_refused(options):
    with pytest.raises(
        ValueError, match=r"Expected (num to be a whole number, at least 2|extent to be a finite number above 0)"
    ):
        pml.plane_grid(CENTER, **options)


def test_draws_on_one_line_have_no_principal_plane():
    along = np.random.default_rng(1).normal(size=(2, 30))
    dt = tree({"beta": np.stack([along, 2 * along], axis=-1), "sigma": np.full((2, 30), 0.5)})
    with pytest.raises(ValueError, match="draws on one line"):
        pml.plane_grid(dt, "principal")


def test_a_plane_of_another_model_is_refused(line):
    grid = pml.plane_grid({"slope": 1.0, "scale": 2.0}, random_seed=1)
    with pytest.raises(ValueError, match="a parameter of the model, got 'slope'"):
        landscape(line, grid)
    with pytest.raises(ValueError, match="Expected"):
        pml.plane_grid({"slope": 1.0, "scale": 2.0}, model=line)
    with pytest.raises(ValueError, match="draws of this model"):
        pml.plane_grid(az.from_dict({"posterior": {"sigma": draws()["sigma"]}}), model=line)


def test_a_simplex_on_a_plane_of_the_natural_scale_is_refused():
    with pm.Model() as model:
        p = pm.Dirichlet("p", np.ones(3))
        pm.Multinomial("n", n=10, p=p, observed=[3, 5, 2])
    grid = pml.plane_grid({"p": [0.3, 0.5, 0.2]}, random_seed=1, num=3)
    with pytest.raises(ValueError, match=r"bound together.*p_simplex__\[0\]"):
        landscape(model, grid)
