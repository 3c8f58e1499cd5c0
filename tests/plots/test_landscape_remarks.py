"""What pictures of landscapes say of themselves: what is held, floors on the edge or flat, valleys and passes."""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pymc as pm
import pytest
import xarray as xr

import pymc_landscape as pml
from pymc_landscape.plots.data import edges_of_floor, floors, held_values, highest_pass
from pymc_landscape.plots.data.landscape import landscape_view
from pymc_landscape.plots.visuals.colorbar import spaced
from pymc_landscape.plots.visuals.curve_panel import clear_place


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def heights(rise, attrs=None, **coords):
    ds = xr.Dataset({"delta_minus2ll": (tuple(coords), rise), "minus2ll": (tuple(coords), rise + 50.0)}, coords)
    return ds.assign_attrs(kind="regular", **(attrs or {}))


def bowl(low=-3.0):
    a, b = np.linspace(low, 3, 41), np.linspace(-2, 2, 31)
    return heights(a[:, None] ** 2 + b**2, a=a, b=b)


def held_at(ds, words, **values):
    return ds.assign_coords(parameter=list(values), at=("parameter", list(values.values()))).assign_attrs(at=words)


def two_valleys(n=81):
    """Floors near −2 and 2, the second about 40 higher, and between them a pass of about 100."""
    a = np.linspace(-4, 4, n)
    return heights(5 * (a[:, None] ** 2 - 4) ** 2 + 10 * (a[:, None] + 2) + 3 * a**2, a=a, b=a)


def labels(pc):
    return pc.viz["legend"].item()["labels"]


# --- what is held -----------------------------------------------------------------------------------


@pytest.mark.parametrize("draw", [pml.plots.landscape, pml.plots.surface])
def test_a_slice_says_where_the_others_are_held(draw):
    ds = held_at(bowl(), "the fit", a=0.0, b=0.0, sigma=0.45678, tau=2.0)
    note = draw(ds, backend="matplotlib").viz["note"].item().get_text()
    assert note == "others held at sigma = 0.4568, tau = 2 (the fit)"
    assert "note" not in draw(ds, backend="matplotlib", visuals={"note": False}).viz
    assert "note" not in draw(bowl(), backend="matplotlib").viz


def test_many_held_values_are_counted():
    ds = held_at(bowl(), "the fit", a=0.0, b=0.0, **{f"beta[{i}]": i / 4 for i in range(40)})
    assert "and 36 more (the fit)" in pml.plots.landscape(ds, backend="none").viz["note"].item()["string"]


def test_what_was_sliced_away_is_held_too():
    tau = xr.DataArray([0.0, 1.5], dims="tau", coords={"tau": [0.0, 1.5]})
    ds = (bowl() + tau).assign_attrs(kind="regular").sel(tau=1.5)
    assert held_values(landscape_view(ds, "delta_minus2ll")) == {"tau": 1.5}


def test_the_bare_initial_point_is_warned_of_and_a_fit_is_not():
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 10)
        sigma = pm.HalfNormal("sigma", 5)
        pm.Normal("y", mu, sigma, observed=[1.0, 2.0, 4.0, 5.0])
    grid = pml.regular_grid({"mu": (0, 6, 13)})
    with pytest.warns(UserWarning, match="held at the model's initial point, which is no estimate"):
        pml.plots.landscape(pml.evaluate_landscape(model, grid, progressbar=False), backend="none")
    fit = pml.fit_mle(model, progressbar=False)
    for first, at in ((fit, None), (model, fit), (model, {"sigma": 1.5})):
        surface = pml.evaluate_landscape(first, grid, at=at, progressbar=False)
        assert surface.attrs["at"] == ("given" if isinstance(at, dict) else "the fit")
        note = pml.plots.landscape(surface, backend="none").viz["note"].item()["string"]
        assert note.startswith(f"others held at sigma = {float(surface['at'].sel(parameter='sigma')):.4g}")


# --- the floor --------------------------------------------------------------------------------------


def test_a_floor_on_the_grids_edge_is_warned_of():
    with pytest.warns(UserWarning, match="on the grid's edge, a = 1: beyond it"):
        pc = pml.plots.landscape(bowl(low=1.0), backend="none")
    assert "widen the grid" in pc.viz["note"].item()["string"]


def test_a_floor_on_a_bound_of_the_support_is_not():
    with pm.Model() as model:
        rate = pm.HalfNormal("rate", 5)
        pm.Poisson("y", rate, observed=[0, 0, 0])
    surface = pml.evaluate_landscape(model, pml.regular_grid({"rate": (0, 2, 21)}), progressbar=False)
    assert surface["rate"].attrs["lower_bound"] == 0.0
    assert "upper_bound" not in surface["rate"].attrs
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pml.plots.landscape(surface, backend="none")


def test_a_ridge_and_a_plain_have_no_lowest_point():
    a = np.linspace(-2, 2, 41)
    for rise in (20 * (a[:, None] + a) ** 2, np.zeros((41, 41))):
        pc = pml.plots.landscape(heights(rise, a=a, b=a), backend="none")
        assert "the floor is flat, or a ridge" in pc.viz["note"].item()["string"]
        assert "legend" not in pc.viz or "lowest point" not in labels(pc)


def test_each_of_two_equal_valleys_has_its_star():
    a = np.linspace(-3, 3, 61)
    view = landscape_view(heights((a[:, None] ** 2 - 1) ** 2 + a**2, a=a, b=a), "delta_minus2ll")
    spots, is_flat = floors(view)
    found = spots.transpose("spot", "plot_axis").to_numpy()
    assert not is_flat
    np.testing.assert_allclose(found[np.argsort(found[:, 0])], [[-1, 0], [1, 0]], atol=1e-9)
    assert edges_of_floor(view, found.tolist()) == []


def test_only_the_panel_with_the_floor_has_a_star():
    tau = xr.DataArray([0.0, 2.0, 10.0], dims="tau", coords={"tau": [0.0, 2.0, 10.0]})
    ds = (bowl() + tau**2).assign_attrs(kind="regular")
    stars = pml.plots.landscape(ds, backend="none").viz["minimum"]["delta_minus2ll"]
    assert [0 if star is None else np.size(star["x"]) for star in stars.values] == [1, 0, 0]


def test_what_is_blank_is_named():
    ds = bowl()
    outside = {"delta_minus2ll": np.inf, "minus2ll": np.inf}
    blank = ds.assign({name: ds[name].where(ds["a"] < 1, edge) for name, edge in outside.items()})
    assert "outside the support" in labels(pml.plots.landscape(blank, backend="none"))
    holes = ds.where(ds["a"] < 1)
    assert "not evaluated, or not a number" in labels(pml.plots.landscape(holes, backend="none"))


def test_the_legend_names_levels_and_the_sampler():
    draws = xr.Dataset({name: (("chain", "draw"), np.zeros((1, 9))) for name in "ab"})
    stats = xr.Dataset({"tree_depth": (("chain", "draw"), np.ones((1, 9)))})
    for groups, name in (({}, "posterior draws"), ({"sample_stats": stats}, "NUTS draws")):
        tree = xr.DataTree.from_dict({"posterior": draws, **groups})
        pc = pml.plots.landscape(bowl(), dt=tree, backend="none", level=[0.5, 0.95])
        assert labels(pc) == ["lowest point", name, "50, 95 % (χ², df 2)"]


# --- valleys and the pass ---------------------------------------------------------------------------


def test_the_pass_is_where_two_valleys_join():
    ds = two_valleys(161)
    at_pass = float(ds["delta_minus2ll"].sel(b=0.0, method="nearest").sel(a=slice(-1, 1)).max())
    assert highest_pass(ds["delta_minus2ll"].to_numpy(), 9.21) == pytest.approx(at_pass, rel=0.01)
    assert highest_pass(bowl()["delta_minus2ll"].to_numpy(), 9.21) is None
    shallow = two_valleys()["delta_minus2ll"].to_numpy() / 100  # a dip of less than the depth is no valley
    assert highest_pass(shallow, 9.21) is None


def test_the_default_cap_shows_both_valleys_and_the_pass():
    pc = pml.plots.surface(two_valleys(), backend="matplotlib")
    cap = pc.viz["plot"].item().get_zlim()[1]
    assert 100 < cap < 150
    names = [text.get_text() for text in pc.viz["legend"].item().get_texts()]
    assert any(name.startswith("pass between valleys, 10") for name in names)
    z = pc.viz["pass_line"]["delta_minus2ll"].item().get_data_3d()[2]
    assert np.nanmax(z) == pytest.approx(np.nanmin(z))


def test_one_valley_is_cut_at_three_cutoffs():
    pc = pml.plots.surface(bowl(low=-9.0), backend="matplotlib")
    assert pc.viz["plot"].item().get_zlim()[1] == pytest.approx(3 * pml.chi2_cutoff(0.99, df=2))


def test_a_surface_of_huge_heights_is_drawn_and_says_so():
    pc = pml.plots.surface(bowl() * 1e7 + 1e6, backend="matplotlib")
    assert "no higher than its floor" in pc.viz["note"].item().get_text().replace("\n", " ")


def test_a_cap_below_the_surface_is_refused():
    ds = bowl().assign(delta_minus2ll=bowl()["delta_minus2ll"] + 34)
    with pytest.raises(ValueError, match=r"cap above the surface's lowest point, 34, got 30; .* cap=68"):
        pml.plots.surface(ds, cap=30, backend="matplotlib")


# --- texts beside curves and bars -------------------------------------------------------------------


def test_texts_of_cutoffs_are_clear_of_a_steep_curve():
    tau = np.linspace(0, 5, 201)
    rise = np.where(tau > 4.5, 300.0, 0.4) * (tau - 4.5) ** 2
    figure = pml.plots.landscape(heights(rise, tau=tau), backend="matplotlib").viz["figure"].item()
    figure.canvas.draw()
    axes = figure.axes[0]
    line = axes.transData.transform(np.column_stack([tau, rise]))
    fine = np.column_stack([np.interp(np.linspace(0, 200, 5000), np.arange(201), column) for column in line.T])
    texts = [text for text in axes.texts if "%" in text.get_text()]
    assert len(texts) == 3
    for text in texts:
        box = text.get_window_extent()
        assert not np.any(((fine > [box.x0, box.y0]) & (fine < [box.x1, box.y1])).all(axis=1)), text.get_text()


def test_a_text_stays_at_the_right_where_the_curve_allows():
    x = np.linspace(0, 1, 50)
    assert clear_place(x, np.full(50, 2.0), 10.0, np.array([[0, 1], [0, 20]])) == 1.0


def test_labels_of_a_bar_keep_a_line_apart():
    names = ["0", "1.39 (50 %)", "4.61 (90 %)", "5.99 (95 %)", "9.21 (99 %)", "400"]
    shares = np.sqrt(np.array([0, 1.39, 4.61, 5.99, 9.21, 400]) / 400)
    kept = [i for i, name in enumerate(spaced(names, shares, 30.0)) if name]
    assert {0, 5} <= set(kept)
    assert len(kept) > 2
    assert np.diff(shares[kept]).min() >= 1 / 30


def test_a_discrete_axis_alone_is_points_without_a_line():
    ds = heights(0.4 * (np.arange(3, 20) - 9.0) ** 2, n=np.arange(3, 20))
    pc = pml.plots.landscape(ds, backend="none")
    assert "curve" not in pc.viz
    assert np.size(pc.viz["points"]["delta_minus2ll"].item()["x"]) == 17


# --- pages ------------------------------------------------------------------------------------------


def test_who_points_at_a_plotly_map_reads_names_values_and_levels():
    pytest.importorskip("plotly")
    figure = pml.plots.landscape(bowl(), backend="plotly").viz["figure"].item()
    bands = next(trace for trace in figure.data if trace.type == "contour" and trace.text is not None)
    assert bands.hovertemplate.startswith("a: %{x:.4g}<br>b: %{y:.4g}<br>Δ(−2LL): %{z:.4g}<br>%{text}")
    i, j = 3, 10  # a = −2.55 and b = −0.667
    rise = float(bowl()["delta_minus2ll"][i, j])
    assert bands.text[j][i] == f"on the line of level {100 * (1 - np.exp(-rise / 2)):.4g} %"
    assert figure.layout.width is None  # as wide as the page
    assert figure.layout.autosize


def test_who_points_at_a_path_reads_optimiser_and_iteration():
    pytest.importorskip("plotly")
    shrink = 2.5 * 0.5 ** np.arange(12)[None]
    walk = xr.Dataset(
        dict.fromkeys(("a", "b"), (("chain", "draw"), shrink)) | {"minus2ll": (("chain", "draw"), shrink)}
    )
    figure = pml.plots.paths(bowl(), {"halving": walk}, backend="plotly").viz["figure"].item()
    line = next(trace for trace in figure.data if trace.name == "halving" and trace.customdata is not None)
    assert "iteration: %{customdata[0]:.4g}<extra>halving</extra>" in line.hovertemplate
    np.testing.assert_array_equal(np.unique(line.customdata[:, 0]), np.arange(12))


def test_bokeh_has_tools_that_tell_of_the_map_and_its_marks():
    pytest.importorskip("bokeh")
    from bokeh.models import HoverTool

    panel = pml.plots.landscape(bowl(), backend="bokeh").viz["plot"].item()
    told = [dict(tool.tooltips) for tool in panel.tools if isinstance(tool, HoverTool)]
    assert any("Δ(−2LL)" in rows for rows in told)
    assert any({"a", "b"} <= set(rows) for rows in told)
    assert panel.sizing_mode == "scale_width"


def test_a_picture_says_what_it_is():
    text = repr(pml.plots.landscape(bowl(), backend="none"))
    assert text.startswith("<PlotCollection: none, 1 panel, visuals ")
    assert "contourf" in text
    assert ".savefig(path)" in text


@pytest.mark.parametrize("size", ["large", 5, (4,), (4, -1), [None, 3]])
def test_a_size_that_is_none_is_refused_in_one_sentence(size):
    with pytest.raises(ValueError, match="Expected figsize to be a width and a height in inches"):
        pml.plots.landscape(bowl(), backend="none", figsize=size)
