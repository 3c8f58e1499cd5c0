"""Pictures of landscapes whose geometry is known, on every backend."""

from importlib.util import find_spec

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from scipy.stats import chi2

from pymc_landscape import plots
from pymc_landscape.plots.data.draws import draws_on_axes
from pymc_landscape.plots.data.landscape import landscape_view
from pymc_landscape.plots.data.levels import MOST_BANDS, band_boundaries, cutoffs
from pymc_landscape.plots.visuals.colorbar import palette
from pymc_landscape.plots.visuals.contour_panel import label_positions, level_lines
from pymc_landscape.plots.visuals.scene import Scene, best_view, in_sight

BACKENDS = [
    pytest.param(name, marks=pytest.mark.skipif(find_spec(needs) is None, reason=f"no {needs}"))
    for name, needs in {
        "none": "numpy",
        "matplotlib": "matplotlib",
        "plotly": "plotly",
        "bokeh": "bokeh",
    }.items()
]
X, Y = "mu", "beta[x1]"
CENTER, SCALE, RHO = np.array([1.0, 4.0]), np.array([1.0, 1.5]), 0.8


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def quadratic(x, y):
    """Squared Mahalanobis distance from the centre: exactly χ²₂ for Gaussian draws."""
    a, b = (x - CENTER[0]) / SCALE[0], (y - CENTER[1]) / SCALE[1]
    return (a**2 - 2 * RHO * a * b + b**2) / (1 - RHO**2)


def landscape_of(delta, coords, kind="regular", **variables):
    dims = tuple(coords)
    surfaces = {
        "delta_minus2ll": delta,
        "minus2ll": delta + 321.0,
        "log_likelihood": -(delta + 321.0) / 2,
    }
    data = {name: (dims, values) for name, values in surfaces.items()} | variables
    return xr.Dataset(data, coords=coords, attrs={"kind": kind})


def bowl(n=61):
    x, y = np.linspace(-4, 6, n), np.linspace(-2, 10, n + 10)
    return landscape_of(quadratic(x[:, None], y), {X: x, Y: y})


def half_space():
    """The bowl, with everything beyond mu = 2 outside the support."""
    ds = bowl()
    outside = {"delta_minus2ll": np.inf, "minus2ll": np.inf, "log_likelihood": -np.inf}
    return ds.assign({name: ds[name].where(ds[X] <= 2, edge) for name, edge in outside.items()})


def banana():
    x, y = np.linspace(-3, 3, 81), np.linspace(-3, 9, 91)
    return landscape_of(x[:, None] ** 2 + 8 * (y - x[:, None] ** 2) ** 2, {"a": x, "b": y})


def curve():
    """Δ = (log σ)²·20, not defined for σ ≤ 0."""
    x = np.linspace(-1, 4, 101)
    delta = np.where(x > 0, 20 * np.log(np.where(x > 0, x, 1.0)) ** 2, np.inf)
    return landscape_of(delta, {"sigma": x})


def discrete():
    n, p = np.arange(1, 9), np.linspace(0.05, 0.95, 41)
    delta = 3.0 * (n[:, None] - 4) ** 2 + 100 * (p - 0.5) ** 2
    return landscape_of(delta, {"n": n, "p": p})


def with_holes():
    ds = bowl()
    return ds.assign(delta_minus2ll=ds["delta_minus2ll"].where((ds[X] > -3) | (ds[Y] > 1)))


def three_axes(values=(-2.0, -1.0, 0.0, 1.0, 2.0)):
    tau = xr.DataArray(list(values), dims="tau", coords={"tau": list(values)})
    ds = bowl(31) + 3 * tau**2
    ds.attrs["kind"] = "regular"
    return ds


def plane(**extra):
    u, v = np.linspace(-3, 3, 31), np.linspace(-4, 4, 41)
    ds = landscape_of(u[:, None] ** 2 + v**2, {"u": u, "v": v}, kind="principal")
    return ds.assign(extra)


def directions():
    return {
        "center": xr.DataArray([1.0, 4.0, -2.0], dims="plane_parameter"),
        "direction": xr.DataArray(
            [[1.0, 2.0, 0.0], [0.0, 3.0, -1.0]],
            dims=["axis", "plane_parameter"],
            coords={"axis": ["u", "v"], "plane_parameter": [X, Y, "tau"]},
        ),
    }


CASES = {
    "bowl": bowl, "half_space": half_space, "banana": banana, "curve": curve, "discrete": discrete,
    "with_holes": with_holes, "three_axes": three_axes, "plane": plane,
}  # fmt: skip


def posterior(draws=400, **more):
    rng = np.random.default_rng(3)
    cov = np.array([[1.0, RHO], [RHO, 1.0]]) * np.outer(SCALE, SCALE)
    z = rng.multivariate_normal(CENTER, cov, size=(2, draws))
    variables = {
        "mu": (("chain", "draw"), z[..., 0]),
        "beta": (("chain", "draw", "k"), np.stack([z[..., 1], 0 * z[..., 1]], axis=-1)),
        "tau": (("chain", "draw"), rng.normal(size=(2, draws))),
    } | {name: (("chain", "draw"), values) for name, values in more.items()}
    ds = xr.Dataset(variables, coords={"chain": [0, 1], "draw": np.arange(draws), "k": ["x1", "x2"]})
    return xr.DataTree.from_dict({"posterior": ds})


def target_of(pc):
    return pc.viz["plot"].values[()] if pc.viz["plot"].ndim == 0 else pc.viz["plot"].values.flat[0]


def artists_of(pc, visual):
    (name,) = pc.viz[visual].data_vars
    return pc.viz[visual][name]


# --- one axis -----------------------------------------------------------------------------------


def test_curve_is_cut_at_the_chi2_heights():
    pc = plots.landscape(curve(), backend="matplotlib")
    drawn = [line.get_ydata()[0] for line in artists_of(pc, "cutoff").values]
    np.testing.assert_allclose(drawn, chi2.ppf([0.68, 0.95, 0.99], 1), rtol=1e-12)
    texts = [text.get_text() for text in artists_of(pc, "cutoff_text").values]
    assert texts == ["68 % (0.99)", "95 % (3.84)", "99 % (6.63)"]


def test_curve_has_the_values_and_stops_outside_the_support():
    ds = curve()
    line = artists_of(plots.landscape(ds, backend="matplotlib"), "curve").item()
    outside = ds["sigma"].values <= 0
    np.testing.assert_array_equal(np.isnan(line.get_ydata()), outside)
    np.testing.assert_array_equal(line.get_ydata()[~outside], ds["delta_minus2ll"].values[~outside])


def test_curve_frame_and_lowest_point():
    pc = plots.landscape(curve(), backend="matplotlib")
    ax = target_of(pc)
    low, high = ax.get_ylim()
    assert low < 0 < 0.1 * high
    assert chi2.ppf(0.99, 1) < high < 3 * chi2.ppf(0.99, 1)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("sigma", "Δ(−2LL)")
    spot = artists_of(pc, "minimum").item().get_offsets()
    np.testing.assert_allclose(spot, [[1.0, 0.0]], atol=1e-12)


def test_slice_keeps_its_height_above_the_whole_grid():
    away = bowl().sel({Y: 9.0}, method="nearest")
    pc = plots.landscape(away, backend="matplotlib")
    ((x, height),) = artists_of(pc, "minimum").item().get_offsets()
    assert height == pytest.approx(float(away["delta_minus2ll"].min()))
    assert height > 5
    assert target_of(pc).get_ylim()[1] > height
    assert x == pytest.approx(float(away[X][np.argmin(away["delta_minus2ll"].data)]))


def test_curve_of_a_discrete_parameter_shows_its_points():
    ds = discrete().sel(p=0.5, method="nearest")
    points = artists_of(plots.landscape(ds, backend="matplotlib"), "points").item()
    np.testing.assert_array_equal(points.get_offsets()[:, 0], np.arange(1, 9))
    assert "points" not in plots.landscape(curve(), backend="none").viz


def test_rug_of_draws():
    sigma = np.random.default_rng(1).lognormal(0, 0.2, (2, 400))
    pc = plots.landscape(curve(), dt=posterior(sigma=sigma), backend="none", num_samples=50)
    x = artists_of(pc, "draws").item()["x"]
    assert len(x) == 50
    assert np.isin(x, sigma).all()


# --- two axes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("levels", "expected"),
    [(None, [0.5, 0.9, 0.95, 0.99]), (0.95, [0.95]), ([0.9, 0.3], [0.3, 0.9])],
)
def test_contours_lie_where_the_surface_has_the_chi2_height(levels, expected):
    pc = plots.landscape(bowl(121), level=levels, backend="matplotlib")
    lines = np.atleast_1d(artists_of(pc, "contour").values)
    assert len(lines) == len(expected)
    for line, level in zip(lines, expected, strict=True):
        (height,) = line.levels
        assert height == pytest.approx(chi2.ppf(level, 2), rel=1e-12)
        x, y = np.concatenate([path.vertices for path in line.get_paths()]).T
        np.testing.assert_allclose(quadratic(x, y), height, atol=0.05)


def test_bands_cover_the_surface_and_darken_downwards():
    pc = plots.landscape(bowl(), backend="matplotlib")
    bands = artists_of(pc, "contourf").item()
    top = float(bowl()["delta_minus2ll"].max())
    assert bands.levels[0] == 0
    assert bands.levels[-1] >= top
    np.testing.assert_allclose(bands.levels[1:5], chi2.ppf([0.5, 0.9, 0.95, 0.99], 2))
    brightness = bands.get_facecolor()[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert len(brightness) == len(bands.levels) - 1
    assert (np.diff(brightness) > 0).all()


def test_colour_bar_names_heights_and_levels():
    bar = plots.landscape(bowl(), backend="matplotlib").viz["colorbar"].item()
    labels = [text.get_text() for text in bar.ax.get_yticklabels()]
    assert labels[:6] == ["0", "1.39 (50 %)", "4.61 (90 %)", "5.99 (95 %)", "9.21 (99 %)", "20"]
    assert bar.ax.get_title(loc="left") == "Δ(−2LL)"


def test_level_names_stand_on_their_lines_apart_from_each_other():
    of, cuts = landscape_view(bowl(121), "delta_minus2ll"), cutoffs([0.5, 0.9, 0.95, 0.99], 2)
    places = np.array(label_positions(of.height, cuts))
    np.testing.assert_allclose(quadratic(*places.T), cuts, atol=0.05)
    gaps = np.abs(places[:, None] - places) / [10, 12]
    assert ((gaps > [0.05, 0.05]).any(-1) | np.eye(4, dtype=bool)).all()


def test_tiny_regions_have_no_text():
    of = landscape_view(bowl(121) * 400, "delta_minus2ll")
    assert label_positions(of.height, cutoffs([0.5, 0.99], 2)) == [None, None]


def test_panels_have_text_only_when_asked():
    assert "contour_text" not in plots.landscape(three_axes(), backend="none").viz
    pc = plots.landscape(three_axes(), backend="none", visuals={"contour_text": True})
    assert "contour_text" in pc.viz


def test_lowest_point_and_axis_names():
    pc = plots.landscape(bowl(), backend="matplotlib")
    ds = bowl()["delta_minus2ll"]
    i, j = np.unravel_index(np.argmin(ds.data), ds.shape)
    spot = artists_of(pc, "minimum").item().get_offsets()
    np.testing.assert_allclose(spot, [[ds[X][i], ds[Y][j]]])
    ax = target_of(pc)
    assert (ax.get_xlabel(), ax.get_ylabel()) == (X, Y)
    assert ax.get_xlim() == (-4, 6)
    assert ax.get_ylim() == (-2, 10)


def test_transposed_landscape_swaps_the_axes():
    ax = target_of(plots.landscape(bowl().transpose(Y, X), backend="matplotlib"))
    assert (ax.get_xlabel(), ax.get_ylabel()) == (Y, X)


def test_outside_the_support_is_blank():
    pc = plots.landscape(half_space(), backend="matplotlib")
    paths = artists_of(pc, "contourf").item().get_paths()
    reach = max(path.vertices[:, 0].max() for path in paths if len(path.vertices))
    assert reach == pytest.approx(2.0)
    (band,) = [a for a in target_of(plots.landscape(half_space(), backend="none")) if a["function"] == "contourf"]
    np.testing.assert_array_equal(np.isnan(band["density"]).all(axis=1), band["x"] > 2)


def test_flat_surface_is_drawn_without_lines():
    x = np.linspace(0, 1, 5)
    pc = plots.landscape(landscape_of(np.zeros((5, 5)), {"a": x, "b": x}), backend="matplotlib")
    assert all(line is None for line in artists_of(pc, "contour").values)
    assert artists_of(pc, "contourf").item() is not None


def test_draws_are_draws_inside_the_frame():
    dt = posterior(2000)
    pc = plots.landscape(bowl(), dt=dt, backend="none", num_samples=300)
    drawn = artists_of(pc, "draws").item()
    assert len(drawn["x"]) == 300
    mu, beta = (
        dt["posterior"]["mu"].values.ravel(),
        dt["posterior"]["beta"].sel(k="x1").values.ravel(),
    )
    pairs = {(a, b) for a, b in zip(mu, beta, strict=True)}
    assert pairs >= set(zip(drawn["x"], drawn["y"], strict=True))
    assert ((drawn["y"] >= -2) & (drawn["y"] <= 10)).all()
    # Gaussian draws: half of them lie inside the 50 % line, the χ²₂ reading of the picture
    share = np.mean(quadratic(drawn["x"], drawn["y"]) < chi2.ppf(0.5, 2))
    assert share == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(300))


def test_discrete_axis_is_drawn_in_cells():
    ds = discrete()
    pc = plots.landscape(ds, backend="none")
    (band,) = [a for a in target_of(pc) if a["function"] == "contourf"]
    assert (np.diff(band["x"]) > 0).all()
    owner = np.rint(np.clip(band["x"], 0.51, 8.49)).astype(int)
    np.testing.assert_array_equal(band["density"], ds["delta_minus2ll"].sel(n=owner).values)
    assert (band["x"][0], band["x"][-1]) == (0.5, 8.5)
    assert band["y"].tolist() == ds["p"].values.tolist()


def test_draws_of_a_discrete_parameter_stay_in_their_cell():
    n = np.random.default_rng(2).integers(1, 9, (2, 400))
    p = np.full((2, 400), 0.5)
    pc = plots.landscape(discrete(), dt=posterior(n=n, p=p), backend="none")
    x = artists_of(pc, "draws").item()["x"]
    assert np.isin(np.rint(x), n).all()
    assert np.abs(x - np.rint(x)).max() <= 0.3
    assert np.abs(x - np.rint(x)).min() < 0.29


@pytest.mark.parametrize("var_name", ["minus2ll", "log_likelihood"])
def test_every_form_of_the_likelihood_gives_the_same_heights(var_name):
    assert landscape_view(bowl(), var_name).label == "Δ(−2LL)"
    rise = landscape_view(bowl(), "delta_minus2ll").height
    np.testing.assert_allclose(landscape_view(bowl(), var_name).height, rise - rise.min(), atol=1e-9)


def test_log_posterior_is_drawn_on_its_own_scale():
    ds = bowl()
    ds["log_posterior"] = -(ds[X] ** 2) + 0 * ds[Y] + 7.0
    of = landscape_view(ds, "log_posterior")
    assert of.label == "Δ(−2 log posterior)"
    expected = (2 * ds[X] ** 2 - 2 * (ds[X] ** 2).min()).broadcast_like(of.height)
    np.testing.assert_allclose(of.height, expected, atol=1e-9)


def test_unsorted_axis_is_put_in_order():
    shuffled = bowl().isel({X: np.random.default_rng(0).permutation(61)})
    xr.testing.assert_equal(
        landscape_view(shuffled, "delta_minus2ll").height, landscape_view(bowl(), "delta_minus2ll").height
    )


# --- planes -------------------------------------------------------------------------------------


def test_draws_are_projected_on_their_plane():
    """θ = c + t·D + (something the metric calls orthogonal) has coordinates t."""
    rng = np.random.default_rng(5)
    t = rng.normal(size=(2, 500, 2))
    theta = [1.0, 4.0, -2.0] + t @ directions()["direction"].values
    dt = posterior(500, tau=theta[..., 2], mu=theta[..., 0])
    dt["posterior"]["beta"][..., 0] = theta[..., 1]
    of = landscape_view(plane(**directions()), "delta_minus2ll")
    points = draws_on_axes(of, dt, "posterior", None, 10_000)
    inside = (np.abs(t) <= [3, 4]).all(-1)
    np.testing.assert_allclose(points.T, t[inside], atol=1e-8)


def test_plane_of_two_parameters_shows_the_draws_themselves():
    """Directions along two of three correlated parameters: the third must not move the points."""
    extra = {
        "center": xr.DataArray([0.0, 0.0, 0.0], dims="plane_parameter"),
        "direction": xr.DataArray(
            [[1.0, 0.0, 0.0], [0.0, 2.0, 0.0]],
            dims=["axis", "plane_parameter"],
            coords={"axis": ["u", "v"], "plane_parameter": [X, Y, "tau"]},
        ),
    }
    dt = posterior()
    points = draws_on_axes(landscape_view(plane(**extra), "delta_minus2ll"), dt, "posterior", None, 10_000)
    mu, beta = dt["posterior"]["mu"].values.ravel(), dt["posterior"]["beta"].values[..., 0].ravel()
    inside = (np.abs(mu) <= 3) & (np.abs(beta / 2) <= 4)
    np.testing.assert_allclose(points, [mu[inside], beta[inside] / 2], atol=1e-10)


def test_plane_without_directions_has_no_draws_and_says_so():
    with pytest.warns(UserWarning, match="no draws are shown"):
        pc = plots.landscape(plane(), dt=posterior(), backend="none")
    assert "draws" not in pc.viz
    groups = {"landscape": plane(), "posterior": posterior()["posterior"].to_dataset()}
    assert "draws" not in plots.landscape(xr.DataTree.from_dict(groups), backend="none").viz


# --- panels -------------------------------------------------------------------------------------


def test_third_axis_becomes_panels():
    pc = plots.landscape(three_axes(), backend="matplotlib")
    assert pc.viz["plot"].dims == ("tau",)
    titles = [ax.get_title() for ax in pc.viz["plot"].values]
    assert titles == ["tau = -2", "tau = -1", "tau = 0", "tau = 1", "tau = 2"]
    heights = {line.levels[0] for line in artists_of(pc, "contour").values.flat if line}
    np.testing.assert_allclose(sorted(heights), chi2.ppf([0.5, 0.9, 0.95, 0.99], 3))
    # 3·2² = 12 is above the 99 % height of three parameters: nothing is inside there
    assert all(line is None for line in artists_of(pc, "contour").sel(tau=2.0).values)


def test_df_can_be_chosen():
    pc = plots.landscape(three_axes(), df=1, backend="none")
    levels = {a["levels"][0] for a in pc.viz["plot"].values[2] if a["function"] == "contour"}
    np.testing.assert_allclose(sorted(levels), chi2.ppf([0.5, 0.9, 0.95, 0.99], 1))


def test_each_draw_is_in_the_panel_nearest_to_it():
    dt = posterior()
    of = landscape_view(three_axes(), "delta_minus2ll")
    points = draws_on_axes(of, dt, "posterior", None, 10_000)
    shown = points.notnull().all("plot_axis")
    assert (shown.sum("tau") == 1).all()
    tau = dt["posterior"]["tau"].values.ravel()
    assert int(shown.sel(tau=0.0).sum()) == pytest.approx(np.sum(np.abs(tau) < 0.5), abs=len(tau) * 0.02)


def test_terms_become_panels_each_with_its_own_floor():
    ds = bowl()
    term = xr.concat([-ds["delta_minus2ll"] / 2, -((ds[X] - 2) ** 2) + 0 * ds[Y] - 50], dim="term")
    ds["term_log_likelihood"] = term.assign_coords(term=["y", "z"]).transpose(X, Y, "term")
    of = landscape_view(ds, "term_log_likelihood")
    assert (of.axes, of.panels, of.df) == ((X, Y), ("term",), 2)
    np.testing.assert_allclose(of.height.min([X, Y]), 0)
    pc = plots.landscape(ds, var_name="term_log_likelihood", backend="matplotlib")
    assert [ax.get_title() for ax in pc.viz["plot"].values] == ["term = y", "term = z"]


def test_a_dim_of_one_value_is_no_axis():
    of = landscape_view(three_axes().isel(tau=[1]), "delta_minus2ll")
    assert (of.axes, of.panels, of.df) == ((X, Y), ("tau",), 2)


# --- every backend ------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_every_landscape_on_every_backend(case, backend):
    ds = CASES[case]()
    pc = plots.landscape(ds, backend=backend)
    assert pc.backend == backend
    wanted = {"curve", "cutoff", "cutoff_text"} if case == "curve" else {"contourf", "contour", "colorbar"}
    assert wanted | {"minimum", "xlabel", "ylabel"} <= set(pc.viz)
    if backend == "matplotlib":
        pc.viz["figure"].item().canvas.draw()


def test_plotly_bands_lines_and_blank():
    go = pytest.importorskip("plotly.graph_objects")
    figure = plots.landscape(half_space(), dt=posterior(), backend="plotly").viz["figure"].item()
    bands, *lines = [trace for trace in figure.data if isinstance(trace, go.Contour)]
    assert bands.contours.coloring == "heatmap"  # equal steps of height would hide the valley
    np.testing.assert_array_equal(np.isnan(bands.z).all(axis=0), bands.x > 2)
    heights = [(line.contours.start + line.contours.end) / 2 for line in lines]
    np.testing.assert_allclose(heights, chi2.ppf([0.5, 0.9, 0.95, 0.99], 2), rtol=1e-6)
    # what an edge of the colour scale stands for is an edge of the bands
    edges = np.unique(np.round([step * bands.zmax for step, _ in bands.colorscale], 4))
    assert set(np.round(chi2.ppf([0.5, 0.9, 0.95, 0.99], 2), 4)) <= set(edges)
    bar = next(trace for trace in figure.data if trace.type == "scatter" and trace.marker.showscale).marker.colorbar
    assert bar.ticktext[1] == "1.39 (50 %)"
    assert bar.title.text == "Δ(−2LL)"


def test_plotly_shows_the_cutoffs_of_a_curve():
    pytest.importorskip("plotly")
    figure = plots.landscape(curve(), backend="plotly").viz["figure"].item()
    np.testing.assert_allclose([s.y0 for s in figure.layout.shapes], chi2.ppf([0.68, 0.95, 0.99], 1))


def test_bokeh_colour_bar_stands_beside_the_panels():
    pytest.importorskip("bokeh")
    pc = plots.landscape(three_axes(), backend="bokeh")
    bar = pc.viz["colorbar"].item()
    assert bar.major_label_overrides[0] == "0"
    assert bar.major_label_overrides[1] == f"{chi2.ppf(0.5, 3):.2f} (50 %)"
    assert len(bar.color_mapper.palette) == len(bar.ticker.ticks) - 1
    assert all(not panel.right for panel in pc.viz["plot"].values)
    widths = {panel.width for panel in pc.viz["plot"].values}
    assert len(widths) == 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_draws_appear_on_every_backend(backend):
    for ds in (bowl(), three_axes(), half_space()):
        pc = plots.landscape(ds, dt=posterior(), backend=backend)
        assert all(artist is not None for artist in np.ravel(artists_of(pc, "draws").values))


# --- what a user asks for -----------------------------------------------------------------------


@pytest.mark.parametrize("visual", ["contourf", "contour", "contour_text", "draws", "minimum", "colorbar", "xlabel"])
def test_a_visual_can_be_left_out(visual):
    pc = plots.landscape(bowl(), dt=posterior(), backend="matplotlib", visuals={visual: False})
    assert visual not in pc.viz


def test_visuals_reach_the_backend():
    asked = {"contourf": {"cmap": "cividis"}, "contour": {"color": "red"}, "draws": {"size": 77}}
    pc = plots.landscape(bowl(), dt=posterior(), backend="matplotlib", visuals=asked)
    bands = artists_of(pc, "contourf").item()
    expected = [to_rgb(c) for c in palette("cividis", len(bands.levels) - 1)]
    np.testing.assert_allclose(bands.get_facecolor()[:, :3], expected)
    assert artists_of(pc, "contour").values[0].get_edgecolor()[0, :3].tolist() == [1, 0, 0]
    assert artists_of(pc, "draws").item().get_sizes().tolist() == [77]


def test_one_colour_for_all_bands_needs_no_colour_bar():
    visuals = {"contourf": {"color": "red", "alpha": 0.2}}
    assert "colorbar" not in plots.landscape(bowl(), backend="none", visuals=visuals).viz


def test_draws_on_a_given_collection():
    first = plots.landscape(bowl(), backend="matplotlib", visuals={"contour": False})
    second = plots.landscape(bowl(), plot_collection=first, visuals={"contourf": False, "colorbar": False})
    assert second is first
    assert {"contourf", "contour"} <= set(first.viz)


def test_labeller_writes_the_names():
    from arviz_base.labels import MapLabeller

    labeller = MapLabeller(var_name_map={X: "location"})
    ax = target_of(plots.landscape(bowl(), backend="matplotlib", labeller=labeller))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("location", Y)


def test_aesthetics_reach_the_visual_they_are_mapped_to():
    pc = plots.landscape(
        three_axes(),
        backend="matplotlib",
        aes={"color": ["tau"]},
        color=["red", "blue", "green", "black", "cyan"],
        aes_by_visuals={"contour": ["color"]},
    )
    lines = artists_of(pc, "contour").sel(tau=0.0).values
    assert lines[0].get_edgecolor()[0, :3] == pytest.approx(to_rgb("green"))


def test_tree_brings_its_own_draws():
    tree = xr.DataTree.from_dict({"landscape": bowl(), "posterior": posterior()["posterior"].to_dataset()})
    assert "draws" in plots.landscape(tree, backend="none").viz
    assert "draws" in plots.landscape(tree, backend="none", landscape_group="landscape").viz
    others = xr.DataTree.from_dict({"landscape": banana(), "posterior": posterior()["posterior"].to_dataset()})
    assert "draws" not in plots.landscape(others, backend="none").viz
    assert "draws" not in plots.landscape(tree["landscape"], backend="none").viz


def test_input_is_left_as_it_was():
    ds, dt = bowl(), posterior()
    before, draws = ds.copy(deep=True), dt["posterior"].to_dataset().copy(deep=True)
    visuals = {"draws": {"size": 3}}
    plots.landscape(ds, dt=dt, backend="none", visuals=visuals)
    plots.surface(ds, dt=dt, backend="matplotlib")
    xr.testing.assert_identical(ds, before)
    xr.testing.assert_identical(dt["posterior"].to_dataset(), draws)
    assert visuals == {"draws": {"size": 3}}


# --- refusals -----------------------------------------------------------------------------------

REFUSED = {
    "a list": (
        lambda: [1, 2],
        {},
        TypeError,
        "Expected the Dataset from evaluate_landscape.*got list",
    ),
    "draws": (lambda: posterior()["posterior"].to_dataset(), {}, ValueError, "delta_minus2ll"),
    "no group": (posterior, {}, ValueError, r"group 'landscape'.*\['posterior'\]"),
    "surface": (bowl, {"var_name": "log_prior"}, ValueError, "var_name=.*log_likelihood.*'log_prior'"),
    "no axis": (lambda: bowl().isel({X: 3, Y: 4}), {}, ValueError, "two or more points"),
    "no value": (lambda: bowl() * np.nan, {}, ValueError, "finite somewhere"),
    "panels": (lambda: three_axes(np.arange(30.0)), {}, ValueError, "at most 12 panels.*'tau': 30"),
    "95": (bowl, {"level": 95}, ValueError, "between 0 and 1, got 95: for 95 % write 0.95"),
    "no level": (bowl, {"level": []}, ValueError, "between 0 and 1"),
    "df": (bowl, {"df": 0}, ValueError, "df to be a whole number"),
    "visual": (bowl, {"visuals": {"dots": False}}, ValueError, "visuals, got 'dots': use .*draws"),
    "aes": (bowl, {"aes_by_visuals": {"dots": ["color"]}}, ValueError, "aes_by_visuals, got 'dots'"),
    "dt": (banana, {"dt": posterior()}, ValueError, r"draws of \['a', 'b'\].*leave dt out"),
    "dt group": (bowl, {"dt": posterior(), "group": "prior"}, ValueError, "'prior' in dt, got"),
    "dt type": (bowl, {"dt": [1]}, TypeError, "dt to be a DataTree.*got list"),
    "backend": (bowl, {"backend": "gnuplot"}, ValueError, "'gnuplot'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_landscape_refuses_in_one_sentence(case):
    make, options, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        plots.landscape(make(), **{"backend": "none"} | options)


REFUSED_SURFACE = {
    "one axis": (curve, {}, r"two axes, got \['sigma'\]; use plots.landscape"),
    "three axes": (three_axes, {}, r"ds.sel\(\{'tau': 0.0\}\)"),
    "bokeh": (bowl, {"backend": "bokeh"}, "'matplotlib' or 'plotly'.*'bokeh'"),
    "visual": (bowl, {"visuals": {"dots": False}}, "visuals, got 'dots'"),
    "cap": (bowl, {"cap": -3}, "cap to be a finite number above 0, got -3"),
}


@pytest.mark.parametrize("case", REFUSED_SURFACE)
def test_surface_refuses_in_one_sentence(case):
    make, options, message = REFUSED_SURFACE[case]
    with pytest.raises(ValueError, match=message):
        plots.surface(make(), **{"backend": "matplotlib"} | options)


def test_suggestion_of_the_refusal_works():
    ds = three_axes(np.linspace(-1, 1, 30))
    with pytest.raises(ValueError, match="for example") as refusal:
        plots.landscape(ds, backend="none")
    suggested = str(refusal.value).split("for example ")[1].rstrip(".")
    pc = plots.landscape(eval(suggested, {"ds": ds}), backend="none")
    assert pc.viz["plot"].size == 5


# --- levels -------------------------------------------------------------------------------------


@given(top=st.floats(0, 1e12), levels=st.lists(st.floats(0.01, 0.999), min_size=1, max_size=5))
def test_band_edges_rise_cover_the_top_and_stay_few(top, levels):
    heights = cutoffs(levels, 2).values
    edges = band_boundaries(heights, top)
    assert edges[0] == 0
    assert (np.diff(edges) > 0).all()
    assert edges[-1] >= top
    assert set(heights) <= set(edges)
    assert len(edges) <= 1 + len(heights) + MOST_BANDS


# --- three dimensions ---------------------------------------------------------------------------


def test_surface_lines_lie_on_it_and_below_it():
    pc = plots.surface(bowl(121), backend="matplotlib")
    cap = 3 * chi2.ppf(0.99, 2)
    ax = target_of(pc)
    floor, top = ax.get_zlim()
    assert top == pytest.approx(cap)
    assert floor < 0
    for visual, at in (("contour", None), ("floor", floor)):
        lines = artists_of(pc, visual).values
        for line, height in zip(lines, chi2.ppf([0.5, 0.9, 0.95, 0.99], 2), strict=True):
            x, y, z = (np.asarray(c, dtype=float) for c in line.get_data_3d())
            np.testing.assert_allclose(z, height if at is None else at)
            seen = np.isfinite(x)
            assert seen.mean() > 0.5
            np.testing.assert_allclose(quadratic(x, y)[seen], height, atol=0.05)


def test_surface_names_and_colour_bar():
    pc = plots.surface(bowl(), backend="matplotlib")
    ax = target_of(pc)
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_zlabel()) == (X, Y, "Δ(−2LL)")
    assert all(0 <= tick <= ax.get_zlim()[1] for tick in ax.get_zticks())
    labels = [t.get_text() for t in pc.viz["colorbar"].item().ax.get_yticklabels()]
    assert labels == ["0", "1.39 (50 %)", "4.61 (90 %)", "5.99 (95 %)", "9.21 (99 %)", "27.6"]


def test_surface_is_cut_at_the_cap_and_blank_outside():
    pytest.importorskip("plotly")
    pc = plots.surface(half_space(), cap=15, backend="plotly")
    solid = artists_of(pc, "surface").item()
    z = np.asarray(solid.z)
    assert np.nanmax(z) == 15
    assert np.isnan(z[:, np.asarray(solid.x) > 2 + 10 / 60]).all()
    inside = np.asarray(solid.x) <= 2
    exact = np.minimum(quadratic(np.asarray(solid.x)[inside], np.asarray(solid.y)[:, None]), 15)
    np.testing.assert_allclose(z[:, inside], exact, atol=0.35)


def test_plotly_surface_has_every_part():
    pytest.importorskip("plotly")
    pc = plots.surface(bowl(), dt=posterior(), backend="plotly")
    figure = pc.viz["figure"].item()
    kinds = [(trace.type, trace.mode if trace.type == "scatter3d" else None) for trace in figure.data]
    assert kinds.count(("surface", None)) == 1
    assert kinds.count(("scatter3d", "lines")) == 8
    assert kinds.count(("scatter3d", "markers")) == 2 + 3  # and in the legend star, draws and plateau
    scene = figure.layout.scene
    assert (scene.xaxis.title.text, scene.yaxis.title.text, scene.zaxis.title.text) == (
        X,
        Y,
        "Δ(−2LL)",
    )
    assert len(artists_of(pc, "draws").item().x) == 500
    assert figure.data[0].colorbar.ticktext[-2] == "9.21 (99 %)"


@pytest.mark.parametrize("backend", BACKENDS[1:3])
@pytest.mark.parametrize("case", ["half_space", "banana", "discrete", "with_holes", "plane"])
def test_every_surface(case, backend):
    pc = plots.surface(CASES[case](), backend=backend, visuals={"view": {"elev": 50, "azim": 10}})
    assert {"surface", "contour", "floor", "minimum", "colorbar"} <= set(pc.viz)
    if backend == "matplotlib":
        pc.viz["figure"].item().canvas.draw()


def test_surface_of_a_slice_and_a_low_cap():
    pc = plots.surface(three_axes().isel(tau=[2]), cap=3.0, backend="matplotlib")
    drawn = [line is not None for line in artists_of(pc, "contour").values]
    assert drawn == [True, False, False, False]


def test_surface_can_be_drawn_to_a_file(tmp_path):
    file = tmp_path / "surface.png"
    plots.surface(bowl(31), backend="matplotlib", dt=posterior(50)).savefig(file)
    picture = plt.imread(file)[..., :3]
    colours = {tuple(c) for c in np.round(picture.reshape(-1, 3), 1)}
    assert len(colours) > 50


def scene(**view):
    limits = {"x": (0.0, 1.0), "y": (0.0, 1.0), "floor": -8.0, "cap": 10.0, "cmap": "viridis"}
    return Scene(**limits, ticks=[], names=[], **({"elev": 30.0, "azim": 0.0} | view))


def wall():
    """Level ground with a wall of full height along x = 1."""
    x = np.linspace(0, 1, 51)
    return x, x, np.where(x[:, None] > 0.8, 10.0, 0.0) * np.ones(51)


def test_a_wall_hides_what_is_behind_it():
    spot = (np.array([0.6]), np.array([0.5]), np.array([0.0]))
    assert not in_sight(*spot, wall(), scene(azim=0.0)).item()
    assert in_sight(*spot, wall(), scene(azim=180.0)).item()
    assert in_sight(*spot, wall(), scene(azim=0.0, elev=89.0)).item()


def test_one_stands_on_the_open_side():
    eye = best_view(scene(), wall(), 5.0).eye
    assert eye[0] < 0
    assert np.linalg.norm(eye) == pytest.approx(1)


def test_level_lines_have_their_height():
    x = np.linspace(-2, 2, 201)
    (circle,) = level_lines(x, x, x[:, None] ** 2 + x**2, 1.0)
    np.testing.assert_allclose((circle**2).sum(1), 1.0, atol=2e-3)
