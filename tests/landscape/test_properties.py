"""What holds for any names, shapes, coords, values and grids."""

from functools import cache

import arviz as az
import numpy as np
import pymc as pm
import pytest
import xarray as xr
from arviz_base.labels import BaseLabeller
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from scipy import stats

import pymc_landscape as pml
from pymc_landscape.model.layout import element_labels

FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
VERY_FEW = settings(FEW, max_examples=6)
WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=["C"], exclude_characters=",[]"), min_size=1, max_size=6
)
NAMES = st.from_regex(r"[a-zA-Zα-ω][a-zA-Z0-9_ ]{0,7}", fullmatch=True)
NUMBERS = st.floats(-20, 20, allow_subnormal=False)


def unique_words(n: int) -> st.SearchStrategy[list[str]]:
    return st.lists(WORDS, min_size=n, max_size=n, unique=True)


# --- names -----------------------------------------------------------------------------------------------------------


@given(NAMES, st.lists(st.lists(WORDS, min_size=1, max_size=3, unique=True), max_size=3))
def test_labels_are_arvizs_in_the_order_of_the_raveled_array(name, axes):
    labels = element_labels(name, [np.array(axis) for axis in axes])
    shape = tuple(map(len, axes))
    assert len(labels) == len(set(labels)) == int(np.prod(shape))
    for label, position in zip(labels, np.ndindex(shape), strict=True):
        chosen = {f"dim_{i}": axis[at] for i, (axis, at) in enumerate(zip(axes, position, strict=True))}
        assert label == BaseLabeller().make_label_flat(name, chosen, chosen)


@VERY_FEW
@given(st.data())
def test_any_element_of_any_coords_is_found_and_moved(data):
    """The axis moves the element that the label names, in a model whose dims have any labels."""
    name = data.draw(NAMES.filter(lambda n: n not in ("y", "at", "term", "parameter")))
    rows, columns = data.draw(unique_words(2)), data.draw(unique_words(3))
    weights = np.arange(1.0, 7.0).reshape(2, 3)
    with pm.Model(coords={"row of it": rows, "column": columns}) as model:
        a = pm.Normal(name, 0, 1, dims=("row of it", "column"))
        pm.Normal("y", (a * weights).sum(), np.float64(0.7), observed=0.3)
    i, j = data.draw(st.integers(0, 1)), data.draw(st.integers(0, 2))
    label = f"{name}[{rows[i]}, {columns[j]}]"
    at = np.linspace(-0.2, 0.3, 6).reshape(2, 3)
    grid = pml.regular_grid({label: [-1.0, 0.5]})
    result = pml.evaluate_landscape(model, grid, at={name: at}, progressbar=False)
    for value, found in zip([-1.0, 0.5], result["log_likelihood"].to_numpy(), strict=True):
        moved = at.copy()
        moved[i, j] = value
        np.testing.assert_allclose(found, stats.norm((moved * weights).sum(), 0.7).logpdf(0.3), rtol=1e-9)
    assert float(result["at"].sel(parameter=label)) == at[i, j]


@VERY_FEW
@given(st.permutations([0, 1, 2, 3]))
def test_numbers_as_labels_are_labels_and_not_positions(order):
    with pm.Model(coords={"site": order}) as model:
        a = pm.Normal("a", 0, 1, dims="site")
        pm.Normal("y", a @ np.arange(1.0, 5.0), np.float64(0.7), observed=0.3)
    objective = pml.Objective(model)
    for position, label in enumerate(order):
        assert objective.find(f"a[{label}]").index == position
    assert objective.labels == tuple(f"a[{label}]" for label in order)


# --- places ----------------------------------------------------------------------------------------------------------


@cache
def many_shapes() -> pml.Objective:
    with pm.Model() as model:
        a = pm.Normal("a", 0, 2, shape=(2, 3))
        rate = pm.Gamma("rate", 2, 1, shape=2)
        share = pm.Beta("share", 2, 2)
        where = pm.Uniform("where", -1, 3)
        w = pm.Dirichlet("w", np.ones(3))
        pm.Normal("y", a.sum() + rate.sum() * share + where + w[0], np.float64(0.7), observed=[0.2, 1.1])
    return pml.Objective(model)


@FEW
@given(nps.arrays(float, st.tuples(st.integers(1, 3), st.just(12)), elements=st.floats(-4, 4)))
def test_pack_undoes_unpack(theta):
    objective = many_shapes()
    assert objective.size == 12
    point = objective.unpack(theta)
    np.testing.assert_allclose(objective.pack(point), theta, rtol=1e-9, atol=1e-9)
    assert (point["rate"] > 0).all()
    np.testing.assert_allclose(point["w"].sum(-1), 1)


@FEW
@given(nps.array_shapes(min_dims=0, max_dims=3, max_side=3), st.integers(0, 2**20))
def test_any_leading_dims_are_kept(lead, seed):
    objective = many_shapes()
    theta = np.random.default_rng(seed).normal(size=(*lead, 12))
    point, value = objective.unpack(theta), objective.minus2ll(theta)
    assert {n: v.shape[len(lead) :] for n, v in point.items()} == {
        "a": (2, 3),
        "rate": (2,),
        "share": (),
        "where": (),
        "w": (3,),
    }
    assert all(v.shape[: len(lead)] == lead for v in point.values())
    assert value.shape == lead
    mean = point["a"].sum((-1, -2)) + point["rate"].sum(-1) * point["share"] + point["where"] + point["w"][..., 0]
    wanted = sum(stats.norm(mean, 0.7).logpdf(y) for y in (0.2, 1.1))
    np.testing.assert_allclose(value, -2 * wanted, rtol=1e-9)


# --- grids -----------------------------------------------------------------------------------------------------------

AXIS = st.one_of(
    st.lists(NUMBERS, min_size=1, max_size=6, unique=True).map(sorted),
    st.tuples(st.floats(-20, 0), st.floats(0.1, 20), st.integers(1, 6)),
)


@FEW
@given(st.dictionaries(NAMES, AXIS, min_size=1, max_size=4))
def test_a_regular_grid_is_its_axes(axes):
    grid = pml.regular_grid(axes)
    assert tuple(grid.dims) == tuple(axes)
    for name, spec in axes.items():
        values = np.linspace(*spec) if isinstance(spec, tuple) else np.array(spec)
        np.testing.assert_array_equal(grid[name], values)


@cache
def bowl() -> pml.Objective:
    """A parabola in three dimensions, with correlation, an offset and unequal scales."""
    precision = np.array([[2.0, 0.6, 0.0], [0.6, 50.0, -3.0], [0.0, -3.0, 1.0]])
    with pm.Model() as model:
        x = pm.Flat("x", shape=3)
        away = x - np.array([1.0, -2.0, 0.5])
        pm.Potential("fit", -0.5 * away @ precision @ away)
    return pml.Objective(model)


def bowl_by_hand(x: np.ndarray) -> np.ndarray:
    away = x - np.array([1.0, -2.0, 0.5])
    precision = np.array([[2.0, 0.6, 0.0], [0.6, 50.0, -3.0], [0.0, -3.0, 1.0]])
    return np.einsum("...i,ij,...j->...", away, precision, away)


@FEW
@given(st.permutations([0, 1, 2]), st.integers(1, 3), st.data())
def test_any_axes_in_any_order_and_any_chunks_are_the_function_there(order, n_axes, data):
    chosen = order[:n_axes]
    values = [sorted(data.draw(st.lists(NUMBERS, min_size=1, max_size=4, unique=True))) for _ in chosen]
    at = data.draw(nps.arrays(float, 3, elements=NUMBERS))
    chunks = data.draw(st.one_of(st.none(), st.integers(1, 70)))
    grid = pml.regular_grid({f"x[{i}]": v for i, v in zip(chosen, values, strict=True)})
    result = pml.evaluate_landscape(bowl(), grid, at={"x": at}, chunks=chunks, progressbar=False)
    places = np.broadcast_to(at, (*map(len, values), 3)).copy()
    for i, mesh in zip(chosen, np.meshgrid(*values, indexing="ij"), strict=True):
        places[..., i] = mesh
    wanted = bowl_by_hand(places)
    assert result["minus2ll"].dims == tuple(f"x[{i}]" for i in chosen)
    np.testing.assert_allclose(result["minus2ll"], wanted, rtol=1e-9, atol=1e-9)
    delta = wanted - wanted.min()
    np.testing.assert_allclose(result["delta_minus2ll"], delta, rtol=1e-9, atol=1e-9 * (1 + wanted.max()))
    assert result["delta_minus2ll"].min() == 0


@FEW
@given(
    nps.arrays(float, (3, 3), elements=NUMBERS),
    st.floats(0.1, 5),
    st.integers(2, 6),
)
def test_a_plane_through_any_three_points_is_the_function_there(corners, extent, num):
    assume(np.linalg.svd(corners[1:] - corners[0])[1].min() > 1e-3)
    grid = pml.plane_grid({"x": corners[0]}, [{"x": c} for c in corners[1:]], num=num, extent=extent)
    result = pml.evaluate_landscape(bowl(), grid, progressbar=False)
    u, v = grid["u"].to_numpy()[:, None, None], grid["v"].to_numpy()[None, :, None]
    places = corners[0] + u * (corners[1] - corners[0]) + v * (corners[2] - corners[0])
    wanted = bowl_by_hand(places)
    np.testing.assert_allclose(result["minus2ll"], wanted, rtol=1e-8, atol=1e-9 * (1 + np.abs(corners).max() ** 2))


@FEW
@given(st.integers(0, 2**20), st.floats(0.2, 0.999), st.integers(1, 3), st.integers(30, 90))
def test_a_posterior_grid_holds_its_share_and_the_region_of_the_likelihood(seed, ci_prob, chains, n):
    rng = np.random.default_rng(seed)
    draws = np.exp(rng.normal(size=(chains, n, 3)))
    likelihood = -0.5 * bowl_by_hand(draws)
    dt = az.from_dict({"posterior": {"x": draws}, "log_likelihood": {"fit": likelihood[..., None]}})
    grid = pml.posterior_grid(dt, num=4, ci_prob=ci_prob)
    flat, minus2ll = draws.reshape(-1, 3), -2 * likelihood.ravel()
    near = minus2ll - minus2ll.min() <= stats.chi2.ppf(0.95, 3)
    for i in range(3):
        low, high = float(grid[f"x[{i}]"][0]), float(grid[f"x[{i}]"][-1])
        slack = 1e-9 * (1 + high)
        inside = (flat[:, i] >= low - slack) & (flat[:, i] <= high + slack)
        assert inside.mean() >= ci_prob - 1 / len(flat)
        assert inside[near].all()
        assert flat[:, i].min() - slack <= low < high <= flat[:, i].max() + slack
    best = np.argmin(minus2ll)
    np.testing.assert_array_equal(grid["best_draw"], flat[best])


@FEW
@given(st.lists(NUMBERS, min_size=2, max_size=5, unique=True).map(sorted), st.permutations(["x[0]", "x[1]", "x[2]"]))
def test_the_order_of_axes_only_transposes(values, order):
    def over(labels):
        grid = pml.regular_grid(dict.fromkeys(labels, values))
        return pml.evaluate_landscape(bowl(), grid, progressbar=False)

    xr.testing.assert_allclose(over(order).transpose("x[0]", "x[1]", "x[2]"), over(["x[0]", "x[1]", "x[2]"]))


@FEW
@given(st.floats(-5, 5), st.floats(0.1, 4), st.floats(-3, 3))
def test_a_line_is_curved_as_its_hessian_says(centre, width, slope):
    """Δ(−2LL) of a parabola is half its Hessian's, times the square of the way: two routes to one number."""
    direction = np.array([1.0, slope, -0.5])
    theta = np.array([centre, 0.3, -1.0])
    away = theta + width * direction
    objective = bowl()
    rise = float(objective.minus2ll(away) - objective.minus2ll(theta))
    gradient, hessian = objective.gradient(theta), objective.hessian(theta)
    wanted = width * gradient @ direction + 0.5 * width**2 * direction @ hessian @ direction
    assert rise == pytest.approx(wanted, rel=1e-7, abs=1e-7)
