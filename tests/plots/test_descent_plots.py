"""Pictures of optimisers whose paths are known: written down by hand, or grid points of a real landscape."""

from importlib.util import find_spec
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pymc as pm
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import pymc_landscape as pml
from pymc_landscape import plots
from pymc_landscape.plots.data.draws import draws_on_axes
from pymc_landscape.plots.data.landscape import landscape_view
from pymc_landscape.plots.data.polylines import arrows, join, segments, thin

BACKENDS = [
    pytest.param(name, marks=pytest.mark.skipif(find_spec(name) is None, reason=f"no {name}"))
    for name in ("matplotlib", "plotly", "bokeh")
]
CENTER = np.array([1.0, -0.5, 0.25])
DIRECTION = np.array([[1.0, 0.0, 0.5], [0.5, 1.0, 0.0]])
LABELS = ["mu", "sigma_log__", "tau_log__"]


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


# --- landscapes and descents by hand ----------------------------------------------------------------


def bowl(**more):
    """Height a² + 2b² above −2LL = 100."""
    a, b = np.linspace(-3, 3, 41), np.linspace(-2, 2, 31)
    rise = a[:, None] ** 2 + 2 * b**2
    data = {"delta_minus2ll": (("a", "b"), rise), "minus2ll": (("a", "b"), rise + 100)}
    return xr.Dataset(data, coords={"a": a, "b": b, **more}, attrs={"kind": "regular"})


def walk(a, b, optimizer="adam", **more):
    """A descent with the parameters a and b, of the shape (chain, draw)."""
    a, b = np.atleast_2d(np.asarray(a, float)), np.atleast_2d(np.asarray(b, float))
    with np.errstate(over="ignore", invalid="ignore"):
        height = 100 + a**2 + 2 * b**2
    sample = ("chain", "draw")
    columns = {"a": a, "b": b, "minus2ll": height, "grad_norm": 0 * a} | more
    return xr.Dataset(
        {name: (sample, values) for name, values in columns.items()},
        coords={"chain": np.arange(len(a)), "draw": np.arange(a.shape[1])},
        attrs={"group": "descent", "optimizer": optimizer},
    )


def halving(steps=30, optimizer="adam"):
    """Two starts, halfway home in each step."""
    shrink = 0.5 ** np.arange(steps)
    return walk(np.outer([2.5, -2.0], shrink), np.outer([1.5, 1.0], shrink), optimizer)


def race(optimizers=("sgd", "newton"), steps=20):
    """What a list of optimisers gives: dims chain, draw, optimizer, and an end each."""
    rates = np.linspace(0.9, 0.2, len(optimizers))
    shrink = rates ** np.arange(steps)[:, None]
    a, b = np.multiply.outer([2.5, -2.0, 1.0], shrink), np.multiply.outer([1.5, 1.0, -1.5], shrink)
    dims = ("chain", "draw", "optimizer")
    ends = np.broadcast_to(np.where(rates > 0.5, steps - 1, 6), (3, rates.size))
    status = np.where(rates > 0.5, "steps", "converged")
    count = np.broadcast_to(np.arange(steps)[:, None], a.shape)
    data = {"a": (dims, a), "b": (dims, b), "minus2ll": (dims, 100 + a**2 + 2 * b**2)}
    return xr.Dataset(
        data,
        coords={
            "chain": range(3),
            "draw": range(steps),
            "optimizer": list(optimizers),
            "n_iterations": (("chain", "optimizer"), ends),
            "status": (("chain", "optimizer"), np.broadcast_to(status, ends.shape)),
            "n_evaluations": (dims, 3 * count),
            "seconds": (dims, 0.5 * count),
        },
        attrs={"group": "descent"},
    )


def plane(kind="plane"):
    """A plane through three unconstrained elements; −2LL = 50 + Σ(θ − centre)²."""
    u = np.linspace(-3, 3, 31)
    theta = CENTER + u[:, None, None] * DIRECTION[0] + u[:, None] * DIRECTION[1]
    rise = ((theta - CENTER) ** 2).sum(-1)
    return xr.Dataset(
        {
            "delta_minus2ll": (("u", "v"), rise),
            "minus2ll": (("u", "v"), rise + 50),
            "center": ("plane_parameter", CENTER),
            "direction": (("axis", "plane_parameter"), DIRECTION),
        },
        coords={"u": u, "v": u, "plane_parameter": LABELS, "axis": ["u", "v"]},
        attrs={"kind": kind},
    )


def on_plane(theta):
    """A descent through θ of the shape (chain, draw, 3), on both scales."""
    sample = ("chain", "draw")
    natural = {
        "mu": theta[..., 0],
        "sigma": np.exp(theta[..., 1]),
        "tau": np.exp(theta[..., 2]),
        "minus2ll": 50 + ((theta - CENTER) ** 2).sum(-1),
    }
    return xr.Dataset(
        {name: (sample, values) for name, values in natural.items()},
        coords={
            "chain": np.arange(theta.shape[0]),
            "draw": np.arange(theta.shape[1]),
            "theta_label": LABELS,
            "theta": ((*sample, "theta_label"), theta),
        },
        attrs={"optimizer": "adam"},
    )


def posterior():
    rng = np.random.default_rng(4)
    sample = ("chain", "draw")
    draws = {name: (sample, rng.normal(scale=0.5, size=(2, 200))) for name in ("a", "b")}
    return xr.DataTree.from_dict({"posterior": xr.Dataset(draws)})


def starts(ends, status=None):
    status = ["converged"] * len(ends) if status is None else status
    return xr.Dataset({"minus2ll": ("start", ends), "status": ("start", status)})


def modes(values, vectors=None, notes=None, **attrs):
    size = len(values)
    vectors = np.eye(size) if vectors is None else vectors
    data = {
        "eigenvalue": ("direction", np.asarray(values, float)),
        "eigenvector": (("direction", "parameter"), np.asarray(vectors, float)),
        "note": ("direction", list(notes or [""] * size)),
    }
    return xr.Dataset(data, coords={"parameter": [f"beta[{i}]" for i in range(size)]}, attrs=attrs)


def drawn(pc, visual):
    (name,) = pc.viz[visual].data_vars
    return pc.viz[visual][name]


def axes_of(pc):
    return pc.viz["plot"].item()


def vertices(artist):
    """Points of a line, without its gaps."""
    both = np.column_stack([np.asarray(side, float) for side in artist.get_data()])
    return both[np.isfinite(both).all(1)]


# --- the projection ---------------------------------------------------------------------------------


def test_natural_labels_are_read_as_they_are():
    d = halving()
    placed = plots.project_paths(bowl(), d)
    assert placed.sizes == {"chain": 2, "draw": 30}
    np.testing.assert_array_equal(placed["x"], d["a"])
    np.testing.assert_array_equal(placed["y"], d["b"])
    np.testing.assert_allclose(placed["delta_minus2ll"], d["a"] ** 2 + 2 * d["b"] ** 2, atol=1e-12)
    assert placed["off_plane"].isnull().all()  # the landscape does not tell where others are held


def test_optimizers_keep_their_dim():
    d = race()
    placed = plots.project_paths(bowl().transpose("b", "a"), d)
    assert placed["x"].dims == ("chain", "draw", "optimizer")
    np.testing.assert_array_equal(placed["x"], d["b"])
    assert placed["optimizer"].values.tolist() == ["sgd", "newton"]


def test_points_of_a_plane_have_their_coordinates_and_no_distance():
    t = np.random.default_rng(0).uniform(-2, 2, (2, 40, 2))
    placed = plots.project_paths(plane(), on_plane(CENTER + t @ DIRECTION))
    np.testing.assert_allclose(placed["x"], t[..., 0], atol=1e-12)
    np.testing.assert_allclose(placed["y"], t[..., 1], atol=1e-12)
    np.testing.assert_allclose(placed["off_plane"], 0, atol=1e-12)


def test_distance_off_the_plane_is_the_length_of_what_is_left():
    t = np.random.default_rng(0).uniform(-2, 2, (2, 40, 2))
    normal = np.cross(*DIRECTION)
    height = np.linspace(-2, 2, 40)
    away = CENTER + t @ DIRECTION + height[:, None] * normal / np.linalg.norm(normal)
    placed = plots.project_paths(plane("principal"), on_plane(away))
    np.testing.assert_allclose(placed["x"], t[..., 0], atol=1e-12)
    np.testing.assert_allclose(placed["off_plane"], np.abs(height) * np.ones((2, 1)), atol=1e-12)
    np.testing.assert_allclose(placed["delta_minus2ll"], ((away - CENTER) ** 2).sum(-1), atol=1e-12)


def test_distance_off_a_slice_counts_only_what_is_held():
    held = bowl(parameter=["a", "b", "c", "k[0]"], at=("parameter", [9.0, 9.0, 1.0, 2.0]))
    d = halving().assign(c=lambda ds: 1 + 3 * xr.ones_like(ds["a"]))
    d["k"] = (("chain", "draw", "dim"), np.full((2, 30, 1), 6.0))
    np.testing.assert_allclose(plots.project_paths(held, d)["off_plane"], 5.0)


def test_iterates_that_are_not_finite_stay_so():
    theta = np.tile(CENTER, (1, 4, 1))
    theta[0, 1, 0], theta[0, 2, 1] = np.nan, np.inf
    placed = plots.project_paths(plane(), on_plane(theta))
    assert np.isfinite(placed["x"].values[0]).tolist() == [True, False, False, True]
    np.testing.assert_allclose(placed["off_plane"].values[0, [0, 3]], 0, atol=1e-12)


def test_draws_and_iterates_are_projected_alike():
    """The same three numbers, once as draws and once as a path, stand at the same place."""
    rng = np.random.default_rng(1)
    values = rng.normal(size=(2, 300, 3)) @ np.array([[1.0, 0.5, 0], [0, 1.0, 0], [0.3, 0, 2.0]])
    flat = plane().assign_coords(plane_parameter=["a", "b", "c"])
    sample = ("chain", "draw")
    ds = xr.Dataset({name: (sample, values[..., i]) for i, name in enumerate("abc")}).assign(
        minus2ll=(sample, values.sum(-1))
    )
    tree = xr.DataTree.from_dict({"posterior": ds})
    points = draws_on_axes(landscape_view(flat, "delta_minus2ll"), tree, "posterior", None, 10_000)
    x = axis_data(plots.paths(flat, ds, dt=tree, backend="none"), "end")["x"]
    own = plots.project_paths(flat, ds)
    assert np.isin(x.round(9), points.values[0].round(9)).all()
    assert not np.isin(own["x"].values[:, -1].round(9), points.values[0].round(9)).any()


def axis_data(pc, visual):
    return next(artist for artist in drawn(pc, visual).values.ravel() if artist is not None)


@pytest.fixture(scope="module")
def line_fit():
    """A tiny regression with σ unconstrained, its Objective, and two landscapes of it."""
    x = np.linspace(-1, 1, 12)
    y = 0.5 + 2.0 * x + 0.3 * np.cos(7 * x)
    with pm.Model(coords={"k": ["x0", "x1"]}) as model:
        beta = pm.Normal("beta", 0, 10, dims="k")
        sigma = pm.HalfNormal("sigma", 5)
        pm.Normal("y", beta[0] + beta[1] * x, sigma, observed=y)
    objective = pml.Objective(model)
    at = {"beta": [0.4, 1.8], "sigma": 0.5}
    grid = pml.regular_grid({"beta[x1]": np.linspace(1, 3, 9), "sigma_log__": np.linspace(-2, 1, 8)})
    return objective, pml.evaluate_landscape(objective, grid, at=at, progressbar=False), at


def descent_of(objective, theta):
    """What descend returns, from any θ of the shape (chain, draw, k)."""
    point = objective.unpack(theta)
    dims = {"beta": ("chain", "draw", "k"), "sigma": ("chain", "draw")}
    return xr.Dataset(
        {name: (dims[name], values) for name, values in point.items()}
        | {"minus2ll": (("chain", "draw"), objective.minus2ll(theta))},
        coords={
            "chain": np.arange(len(theta)),
            "draw": np.arange(theta.shape[1]),
            "k": ["x0", "x1"],
            "theta_label": list(objective.labels),
            "theta": (("chain", "draw", "theta_label"), theta),
        },
        attrs={"optimizer": "newton"},
    )


def test_path_over_grid_points_of_a_real_slice_has_its_heights(line_fit):
    """Where the others are held, a path's own −2LL is what the surface shows."""
    objective, ds, _ = line_fit
    rows = np.arange(8)
    theta = np.column_stack([np.full(8, 0.4), ds["beta[x1]"].values[:8], ds["sigma_log__"].values])[None]
    placed = plots.project_paths(ds, descent_of(objective, theta))
    expected = ds["delta_minus2ll"].transpose("beta[x1]", "sigma_log__").values[rows, rows]
    np.testing.assert_allclose(placed["delta_minus2ll"].values[0], expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(placed["y"].values[0], ds["sigma_log__"])
    np.testing.assert_allclose(placed["off_plane"], 0, atol=1e-12)
    theta[..., 0] += 0.7
    moved = plots.project_paths(ds, descent_of(objective, theta))
    np.testing.assert_allclose(moved["off_plane"], 0.7, rtol=1e-9)


def test_path_over_grid_points_of_a_real_plane_has_its_heights(line_fit):
    objective, _, at = line_fit
    grid = pml.plane_grid(at, model=objective, num=5, extent=1.0, random_seed=3)
    ds = pml.evaluate_landscape(objective, grid, progressbar=False)
    t = np.stack([ds["u"].values, ds["v"].values[::-1]], axis=-1)
    theta = (ds["center"].values + t @ ds["direction"].values)[None]
    placed = plots.project_paths(ds, descent_of(objective, theta))
    expected = ds["delta_minus2ll"].values[np.arange(5), np.arange(5)[::-1]]
    np.testing.assert_allclose(placed["delta_minus2ll"].values[0], expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(placed["x"].values[0], t[:, 0], atol=1e-9)


# --- polylines --------------------------------------------------------------------------------------

points_in_and_out = st.lists(
    st.tuples(*[st.floats(-3, 4) | st.sampled_from([np.nan, np.inf, -1e300, 1e300])] * 2), min_size=2, max_size=12
)


@given(points_in_and_out)
def test_clipped_steps_lie_in_the_window_and_on_the_steps(rows):
    xy = np.array(rows)
    start, end, inside = segments(xy)
    finite = np.isfinite(xy).all(1)
    assert not inside[~(finite[:-1] & finite[1:])].any()
    both = np.concatenate([start[inside], end[inside]])
    assert np.all((both > -1e-9) & (both < 1 + 1e-9))
    whole = finite & np.all((xy >= 0) & (xy <= 1), axis=1)
    for i in np.flatnonzero(whole[:-1] & whole[1:]):
        assert inside[i]
        np.testing.assert_allclose([*start[i], *end[i]], [*xy[i], *xy[i + 1]], atol=1e-12)


def test_a_step_across_the_window_is_cut_at_both_sides_and_one_beside_it_is_not_there():
    start, end, inside = segments(np.array([[-1.0, 0.5], [3.0, 0.5], [3.0, 2.0], [-1.0, 2.0]]))
    assert inside.tolist() == [True, False, False]
    np.testing.assert_allclose([start[0], end[0]], [[0, 0.5], [1, 0.5]])


def test_a_path_that_leaves_and_returns_has_a_gap():
    start, end, inside = segments(np.array([[0.5, 0.5], [0.5, 2.0], [0.2, 2.0], [0.2, 0.5]]))
    line = join(start[inside], end[inside])
    assert np.isnan(line).all(1).sum() == 1
    np.testing.assert_allclose(line[[0, 1, -2, -1]], [[0.5, 0.5], [0.5, 1.0], [0.2, 1.0], [0.2, 0.5]])


def test_thinning_keeps_the_ends_and_the_gaps():
    path = np.column_stack([np.linspace(0.2, 0.21, 5000), np.full(5000, 0.5)])
    path[2500] = np.nan
    kept = thin(path)
    assert {0, 2500, 4999} <= set(kept)
    assert len(kept) < 60


def test_arrow_heads_point_along_the_path():
    a, b = np.array([[0.1, 0.9]]), np.array([[0.9, 0.1]])
    heads = arrows(a, b, 0.02, 1.0)
    assert len(heads) == 2
    for left, tip, right in heads:
        ahead = tip - (left + right) / 2
        np.testing.assert_allclose(ahead / np.linalg.norm(ahead), np.array([1, -1]) / np.sqrt(2), atol=1e-9)
    assert arrows(a, a + 0.01, 0.02, 1.0) == []


# --- paths ------------------------------------------------------------------------------------------


def test_paths_show_each_iterate_start_and_end_in_one_colour_an_optimiser():
    d = race()
    pc = plots.paths(bowl(), d, backend="matplotlib")
    colours = set()
    for i, name in enumerate(["sgd", "newton"]):
        own = d.isel(optimizer=i)
        line = drawn(pc, "path").values[i, 0]
        last = int(own["n_iterations"][0])
        path = np.column_stack([own["a"].values.ravel(), own["b"].values.ravel()]).reshape(3, -1, 2)[:, : last + 1]
        assert {tuple(p) for p in vertices(line).round(6)} <= {tuple(p) for p in path.reshape(-1, 2).round(6)}
        np.testing.assert_allclose(drawn(pc, "start").values[i].get_offsets(), path[:, 0], atol=1e-12)
        np.testing.assert_allclose(drawn(pc, "end").values[i].get_offsets(), path[:, -1], atol=1e-12)
        colours.add(line.get_color())
        assert pc.viz["legend"].item().get_texts()[i].get_text() == name
        assert pc.viz["legend"].item().get_lines()[i].get_color() == line.get_color()
    assert len(colours) == 2


def test_paths_leave_the_axes_alone_and_say_so():
    d = walk([[2.0, 50.0, 1.0], [1.0, 0.5, 0.0]], [[1.0, 1e300, 1.0], [1.0, np.inf, 0.0]])
    pc = plots.paths(bowl(), d, backend="matplotlib")
    ax = axes_of(pc)
    assert (*ax.get_xlim(), *ax.get_ylim()) == (-3, 3, -2, 2)
    inside = vertices(drawn(pc, "path").values.flat[0])
    assert np.all(np.abs(inside) <= [3 + 1e-9, 2 + 1e-9])
    assert pc.viz["note"].item().get_text() == "2 of 2 paths leave the window"
    assert drawn(pc, "end").values.flat[0].get_offsets().shape == (2, 2)


def test_paths_wholly_outside_are_not_drawn():
    pc = plots.paths(bowl(), walk([8.0, 9.0], [8.0, 9.0]), backend="matplotlib")
    for visual in ("path", "arrow", "start", "end"):
        assert all(artist is None for artist in drawn(pc, visual).values.flat)
    pc.viz["figure"].item().canvas.draw()


def test_path_of_one_iterate_and_of_none_finite():
    for d in (walk([1.0], [1.0]), walk([np.nan, np.nan], [1.0, 2.0])):
        plots.paths(bowl(), d, backend="matplotlib").viz["figure"].item().canvas.draw()


def test_paths_fade_off_the_plane_and_a_note_gives_the_largest_distance():
    normal = np.cross(*DIRECTION) / np.linalg.norm(np.cross(*DIRECTION))
    t = np.column_stack([np.linspace(2, 0, 40), np.zeros(40)])
    away = CENTER + t @ DIRECTION + np.linspace(1.25, 0, 40)[:, None] * normal
    pc = plots.paths(plane(), on_plane(away[None]), backend="matplotlib")
    assert pc.viz["note"].item().get_text() == "paths fade with their distance off the plane, at most 1.25"
    lines = drawn(pc, "path").values[0]
    alpha = [line.get_alpha() for line in lines]
    assert alpha == sorted(alpha, reverse=True)
    reach = [vertices(line)[:, 0].mean() for line in lines]  # u falls with the distance
    assert reach == sorted(reach)
    on_it = plots.paths(plane(), on_plane((CENTER + t @ DIRECTION)[None]), backend="matplotlib")
    assert "note" not in on_it.viz
    assert [line is None for line in drawn(on_it, "path").values[0]] == [False, True, True, True]


def test_draws_lie_below_the_paths():
    pc = plots.paths(bowl(), halving(), dt=posterior(), backend="matplotlib")
    order = axes_of(pc).get_children()
    assert order.index(drawn(pc, "draws").item()) < order.index(drawn(pc, "path").values.flat[0])


def test_equal_names_are_told_apart_and_own_names_are_kept():
    pc = plots.paths(bowl(), halving(), halving(10), {"mine": halving(5)}, backend="none")
    assert pc.viz["legend"].item()["labels"][:3] == ["adam", "adam (2)", "mine"]
    tree = xr.DataTree.from_dict({"descent": halving(optimizer="lbfgs")})
    assert plots.paths(bowl(), tree, backend="none").viz["legend"].item()["labels"][0] == "lbfgs"


@pytest.mark.parametrize("backend", BACKENDS)
def test_paths_on_every_backend(backend):
    for ds, d in ((bowl(), race(("sgd", "adam", "newton"))), (plane(), on_plane(np.ones((2, 6, 3))))):
        pc = plots.paths(ds, d, backend=backend)
        assert {"contourf", "path", "path_rim", "start", "end", "legend"} <= set(pc.viz)


@pytest.mark.parametrize("visual", ["path", "arrow", "iterates", "start", "end", "legend", "colorbar"])
def test_a_visual_can_be_left_out(visual):
    pc = plots.paths(bowl(), halving(), backend="matplotlib", visuals={visual: False})
    assert visual not in pc.viz


def test_what_a_user_asks_reaches_the_backend():
    visuals = {"path": {"width": 7}, "contourf": {"cmap": "cividis"}, "end": {"size": 5}}
    pc = plots.paths(bowl(), halving(), backend="matplotlib", visuals=visuals)
    assert drawn(pc, "path").values.flat[0].get_linewidth() == 7
    assert drawn(pc, "end").values.flat[0].get_sizes().tolist() == [5]


REFUSED = {
    "nothing": (lambda: (bowl(),), ValueError, "at least one descent, got none"),
    "a list": (lambda: (bowl(), [halving()]), TypeError, "got list; pass what descend returns"),
    "one start": (lambda: (bowl(), halving().isel(chain=0)), ValueError, r"sel\(chain=\[0\]\)"),
    "one axis": (lambda: (bowl().isel(b=3), halving()), ValueError, r"two axes, got \['a'\]"),
    "three axes": (lambda: (bowl() + xr.DataArray([0.0, 1, 2], dims="c"), halving()), ValueError, "two axes, got"),
    "other model": (lambda: (bowl(), on_plane(np.ones((1, 3, 3)))), ValueError, r"none of \['a', 'b'\]"),
    "other plane": (lambda: (plane(), halving()), ValueError, "none of .*'mu'"),
    "bare plane": (
        lambda: (plane().drop_vars("direction"), halving()),
        ValueError,
        "'center' and 'direction', got none",
    ),
    "tree": (lambda: (bowl(), posterior()), ValueError, "group 'descent' in the tree"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_paths_refuse_in_one_sentence(case):
    make, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        plots.paths(*make(), backend="none")


def test_unknown_visual_is_refused():
    with pytest.raises(ValueError, match="'dots'"):
        plots.paths(bowl(), halving(), backend="none", visuals={"dots": False})


# --- three dimensions -------------------------------------------------------------------------------


def test_iterates_stand_at_their_own_height():
    pytest.importorskip("plotly")
    normal = np.cross(*DIRECTION)
    t = np.column_stack([np.linspace(1, 0, 30), np.linspace(-1, 0, 30)])
    away = CENTER + t @ DIRECTION + np.linspace(1, 0, 30)[:, None] * normal
    d = on_plane(away[None])
    pc = plots.surface(plane(), paths=d, backend="plotly")
    trace = drawn(pc, "path").item()
    start = drawn(pc, "start").item()
    scene = pc.viz["figure"].item().layout.scene
    lift = 0.01 * (scene.zaxis.range[1] - scene.zaxis.range[0])
    height = ((away - CENTER) ** 2).sum(-1)
    np.testing.assert_allclose([start.x[0], start.y[0], start.z[0]], [1, -1, height[0]], atol=1e-9)
    for (u, v), z in zip(t, height, strict=True):
        gap = np.abs(np.asarray(trace.x) - u) + np.abs(np.asarray(trace.y) - v)
        assert np.asarray(trace.z)[np.nanargmin(gap)] == pytest.approx(z, abs=lift)


@pytest.mark.parametrize("backend", BACKENDS[:2])
def test_surface_with_paths_on_both_backends(backend):
    d = walk([[2.5, 1.0, 0.1], [-50.0, np.nan, 1.0]], [[1.5, 0.5, 0.0], [1.0, 1.0, 1.0]])
    pc = plots.surface(bowl(), paths=(d, race()), cap=5.0, backend=backend)
    assert drawn(pc, "path").sizes == {"optimizer": 3}
    assert {"path_floor", "start", "end", "legend"} <= set(pc.viz)
    if backend == "plotly":
        assert np.nanmax(drawn(pc, "path").values[0].z) < 5.2  # above the cap lies on the plateau
    else:
        pc.viz["figure"].item().canvas.draw()


def test_surface_of_a_prior_has_no_room_for_paths():
    ds = bowl().assign(log_prior=-bowl()["delta_minus2ll"])
    with pytest.raises(ValueError, match="surface of the likelihood"):
        plots.surface(ds, var_name="log_prior", paths=halving(), backend="matplotlib")


# --- descent ----------------------------------------------------------------------------------------


def test_heights_are_those_above_the_minimum():
    d = halving(12)
    pc = plots.descent(d, minimum=100.0, backend="matplotlib")
    line = drawn(pc, "line").item()
    both = np.column_stack(line.get_data())
    first, second = np.split(both, np.flatnonzero(np.isnan(both).any(1)))
    for part, chain in ((first, 0), (second[1:], 1)):
        np.testing.assert_array_equal(part[:, 0], np.arange(12))
        np.testing.assert_allclose(part[:, 1], d["minus2ll"].values[chain] - 100)
    ax = axes_of(pc)
    assert (ax.get_yscale(), ax.get_xlabel(), ax.get_ylabel()) == ("log", "iteration", "Δ(−2LL)")
    assert [mark.get_ydata()[0] for mark in drawn(pc, "mark").values] == [0.01, 1e-6]
    assert ax.get_ylim()[0] < 1e-6


@pytest.mark.parametrize(("x", "step"), [("iteration", 1.0), ("evaluations", 3.0), ("seconds", 0.5)])
def test_costs_on_the_x_axis(x, step):
    pc = plots.descent(race(), x=x, backend="matplotlib")
    sgd, newton = (vertices(line)[:, 0].max() for line in drawn(pc, "line").values)
    assert (sgd, newton) == (19 * step, 6 * step)
    assert axes_of(pc).get_xlabel() == x


def test_ends_are_filled_where_converged():
    ends = drawn(plots.descent(race(), minimum=99.0, backend="matplotlib"), "end").values
    assert [artist is None for artist in ends.ravel()] == [True, False, False, True]
    assert ends[0, 1].get_facecolor()[0, :3].tolist() == [1, 1, 1]
    assert ends[1, 0].get_facecolor()[0].tolist() == ends[1, 0].get_edgecolor()[0].tolist()


def test_the_minimum_is_a_number_a_fit_or_a_dataset_and_a_wrong_one_is_named():
    for minimum in (99.0, SimpleNamespace(minus2ll=99.0), xr.Dataset({"minus2ll": 99.0})):
        pc = plots.descent(halving(), minimum=minimum, backend="none")
        assert drawn(pc, "line").item()["y"][0] == pytest.approx(2.5**2 + 2 * 1.5**2 + 1)
    with pytest.warns(UserWarning, match="below the minimum of 101"):
        plots.descent(halving(), minimum=101.0, backend="none")


def test_logarithmic_cost_leaves_out_the_start_only():
    pc = plots.descent(race(), x="seconds", log_x=True, backend="matplotlib")
    assert axes_of(pc).get_xscale() == "log"
    assert vertices(drawn(pc, "line").values[0])[0, 0] == 0.5


def test_descents_with_gaps_and_at_the_bottom_are_drawn():
    d = walk([1.0, np.nan, 1e200, 0.0], [0.0, 0.0, 0.0, 0.0])
    pc = plots.descent(d, backend="matplotlib")
    pc.viz["figure"].item().canvas.draw()
    y = drawn(pc, "line").item().get_ydata()
    assert np.isnan(y).any()
    assert y[-1] == pytest.approx(5 * axes_of(pc).get_ylim()[0])  # above the edge, so that its mark is whole


@pytest.mark.parametrize("backend", BACKENDS)
def test_descent_on_every_backend(backend):
    pc = plots.descent(race(), minimum=100.0, backend=backend)
    assert {"line", "end", "mark", "mark_text", "legend"} <= set(pc.viz)
    panel = axes_of(pc)
    if backend == "plotly":
        assert pc.viz["figure"].item().layout.yaxis.type == "log"
    if backend == "bokeh":
        assert type(panel.y_scale).__name__ == "LogScale"


def test_descent_refuses_in_one_sentence():
    with pytest.raises(ValueError, match="Expected x='iteration', 'evaluations' or 'seconds', got 'time'"):
        plots.descent(halving(), x="time")
    with pytest.raises(ValueError, match=r"coordinate 'seconds'.*use x='iteration'"):
        plots.descent(halving(), x="seconds", backend="none")
    with pytest.raises(ValueError, match="finite −2LL, got none"):
        plots.descent(walk([np.nan], [np.nan]), backend="none")


# --- waterfall --------------------------------------------------------------------------------------


def test_waterfall_sorts_the_ends_and_marks_plateaus():
    ends = [104.0, 100.0, 130.0, 100.0 + 1e-9, 104.0 + 1e-6, 100.0]
    pc = plots.waterfall(SimpleNamespace(starts=starts(ends)), backend="matplotlib")
    points = drawn(pc, "points").item().get_offsets()
    np.testing.assert_array_equal(points[:, 0], np.arange(1, 7))
    np.testing.assert_allclose(points[:, 1], [1e-3, 1e-3, 1e-3, 4, 4, 30], rtol=1e-5)
    texts = [text.get_text() for text in np.ravel(drawn(pc, "plateau_text").values)]
    assert texts == ["3 at 0", "2 at 4"]
    assert axes_of(pc).get_yscale() == "log"


def test_waterfall_colours_by_status_and_counts_what_has_no_place():
    ends = [100.0, 100.0, 40.0, np.inf, np.nan]
    status = ["converged", "at_bound", "unbounded", "failed", "failed"]
    pc = plots.waterfall(starts(ends, status), backend="matplotlib")
    artists = drawn(pc, "points").values
    assert len({tuple(a.get_facecolor()[0]) for a in artists}) == 4
    names = [text.get_text() for text in pc.viz["legend"].item().get_texts()]
    assert names == ["converged", "at bound", "unbounded", "failed"]
    assert pc.viz["note"].item().get_text() == "1 below the best optimum, under the foot; 2 not finite, at the top"
    below = artists[2].get_offsets()[0]
    assert (below[0], below[1] < 1e-3) == (1, True)
    low, high = axes_of(pc).get_ylim()
    every = np.concatenate([a.get_offsets() for a in artists])
    assert np.all((every[:, 1] > low) & (every[:, 1] < high))


@pytest.mark.parametrize("backend", BACKENDS)
def test_waterfall_on_every_backend(backend):
    pc = plots.waterfall(starts([1.0, 1.0, 2.0]), backend=backend)
    assert {"points", "plateau", "plateau_text", "legend"} <= set(pc.viz)
    assert "plateau" not in plots.waterfall(starts([1.0]), backend=backend).viz


def test_waterfall_refuses_in_one_sentence():
    with pytest.raises(TypeError, match=r"Expected a fit, or its starts.*got Dataset"):
        plots.waterfall(halving())
    with pytest.raises(ValueError, match="finite −2LL, got none of 2"):
        plots.waterfall(starts([np.nan, np.inf]))


# --- spectrum ---------------------------------------------------------------------------------------


def test_spectrum_shows_sizes_signs_and_the_direction_with_a_note():
    half = np.sqrt(0.5)
    vectors = [[1, 0, 0], [0, -half, -half], [0, -half, half]]
    ds = modes([50.0, -2.0, 1e-9], vectors, ["", "", "beta[1] − beta[2] is not determined"], condition_number=5e10)
    pc = plots.spectrum(ds, backend="matplotlib")
    left, right = pc.viz["plot"].values
    up, down, flat = drawn(pc, "points").sel(panel=0).values
    assert flat is None
    np.testing.assert_allclose(up.get_offsets(), [[1, 50], [3, 1e-9]])
    np.testing.assert_allclose(down.get_offsets(), [[2, 2]])
    assert left.get_yscale() == "log"
    assert left.get_title() == "condition number 5e+10"
    assert "direction 3, eigenvalue 1e-09\nbeta[1] − beta[2] is not determined" in right.get_title()
    loading = vertices(drawn(pc, "loading").sel(panel=1).item())
    names = [text.get_text() for text in right.get_yticklabels()]
    found = {names[int(y)]: x for x, y in loading if x}
    assert found["beta[1]"] == -found["beta[2]"]
    assert np.abs(list(found.values())) == pytest.approx([half, half])
    assert len(pc.viz["legend"].item().get_texts()) == 2


def test_spectrum_of_many_names_the_largest_loadings_of_the_flattest():
    vectors = np.linalg.qr(np.random.default_rng(0).normal(size=(40, 40)))[0]
    pc = plots.spectrum(modes(10.0 ** -np.arange(40), vectors), directions=2, backend="matplotlib")
    first, second = pc.viz["plot"].values[1:]
    assert (first.get_title()[:12], second.get_title()[:12]) == ("direction 40", "direction 39")
    assert first.get_xlabel() == "loading, largest 12 of 40"
    names = [text.get_text() for text in first.get_yticklabels()]
    largest = np.argsort(np.abs(vectors[39]))[-12:]
    assert names == [f"beta[{i}]" for i in largest]


def test_an_eigenvalue_of_rounding_has_no_sign():
    pc = plots.spectrum(modes([50.0, 3.0, -1e-14, 0.0]), directions=0, backend="matplotlib")
    up, down, flat = drawn(pc, "points").values
    assert (down, len(up.get_offsets()), flat.get_offsets()[:, 0].tolist()) == (None, 2, [3, 4])
    names = [text.get_text() for text in pc.viz["legend"].item().get_texts()]
    assert names == ["positive: rises both ways", "zero within rounding: flat"]


@pytest.mark.parametrize("values", [[0.0], [0.0, 0.0], [3.0, 0.0], [-1.0, -5.0]])
def test_spectra_with_zeros_and_only_negatives(values):
    pc = plots.spectrum(modes(values), directions=0, backend="matplotlib")
    pc.viz["figure"].item().canvas.draw()
    low, high = axes_of(pc).get_ylim()
    every = np.concatenate([a.get_offsets() for a in np.ravel(drawn(pc, "points").values) if a is not None])
    assert np.all((every[:, 1] > low) & (every[:, 1] < high))


@pytest.mark.parametrize("backend", BACKENDS)
def test_spectrum_on_every_backend(backend):
    pc = plots.spectrum(modes([3.0, 1.0, -1e-3]), backend=backend)
    assert {"points", "stem", "loading", "legend"} <= set(pc.viz)
    assert pc.viz["plot"].sizes == {"panel": 2}


def test_spectrum_refuses_in_one_sentence():
    with pytest.raises(TypeError, match="from hessian_spectrum, got list"):
        plots.spectrum([1.0])
    with pytest.raises(ValueError, match=r"without \['eigenvalue', 'eigenvector'"):
        plots.spectrum(halving())
    with pytest.raises(ValueError, match="directions to be a whole number, from 0 to 2, got 3"):
        plots.spectrum(modes([1.0, 2.0]), directions=3)


# --- animation --------------------------------------------------------------------------------------


def test_film_is_saved_thinned_growing_and_ends_at_the_end(tmp_path):
    film = plots.animation(bowl(), halving(3000), frames=4, figsize=(3.2, 2.6))
    shown = list(film.new_frame_seq())
    assert len(set(shown)) == 4
    assert shown == sorted(shown)
    assert shown[0] == 0
    film.save(tmp_path / "walk.gif", writer="pillow", dpi=30)
    with Image.open(tmp_path / "walk.gif") as file:
        assert file.n_frames >= 2  # those alike are one
        first = np.asarray(file.convert("RGB"), dtype=int)
        file.seek(1)
        assert np.abs(np.asarray(file.convert("RGB")) - first).max() > 50
    heads = film._fig.axes[0].lines[-1].get_xydata()
    np.testing.assert_allclose(heads, 0, atol=1e-9)


def test_film_refuses_in_one_sentence():
    with pytest.raises(ValueError, match="frames to be a whole number, at least 2, got 1"):
        plots.animation(bowl(), halving(), frames=1)


def test_input_is_left_as_it_was():
    ds, d, visuals = bowl(), race(), {"path": {"width": 1}}
    before, walked = ds.copy(deep=True), d.copy(deep=True)
    plots.paths(ds, d, backend="none", visuals=visuals)
    plots.surface(ds, paths=d, backend="matplotlib")
    plots.descent(d, backend="none")
    xr.testing.assert_identical(ds, before)
    xr.testing.assert_identical(d, walked)
    assert visuals == {"path": {"width": 1}}
