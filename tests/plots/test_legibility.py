"""Every text is whole, none lies on another, every line has a name, and rows keep their distance: with long names."""

from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

import pymc_landscape as pml
from pymc_landscape.plots.comparison_plot import _share
from pymc_landscape.plots.visuals import balanced, wrapped

LONG = ["intercept_of_the_regression", "coefficient[wind speed at ten metres]", "rate[unit / 0]", "sigma"]
STEPS = np.arange(-6, 7)


def profile_of(names):
    """Profiles of a normal likelihood, with paths that lean on each other."""
    n, zeta = len(names), STEPS * 0.5
    values = np.stack([i + zeta for i in range(n)])
    paths = np.stack([np.stack([j + (1.0 if i == j else 0.4) * zeta for j in range(n)], axis=-1) for i in range(n)])
    numbers = {"value": values, "delta_minus2ll": np.tile(zeta**2, (n, 1)), "zeta": np.tile(zeta, (n, 1))}
    ds = xr.Dataset({name: (("parameter", "step"), rows) for name, rows in numbers.items()})
    ds["slope"] = 2.0 * ds["zeta"]
    ds["status"] = ("parameter", "step"), np.where(STEPS == 0, "estimate", "converged")[None].repeat(n, axis=0)
    ds["path"] = ("parameter", "step", "parameter_bis"), paths
    ds = ds.assign(estimate=("parameter", np.arange(n) * 1.0), standard_error=("parameter", np.ones(n)))
    return ds.assign_coords(parameter=names, step=STEPS, parameter_bis=names)


def contour_of(x, y):
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    rows = np.array([[1.5], [2.4]])
    ds = xr.Dataset({x: (("level", "vertex"), rows * np.cos(turn)), y: (("level", "vertex"), rows * np.sin(turn))})
    ds["delta_minus2ll"], ds["status"] = ds[x] * 0, (("level", "vertex"), np.full((2, 48), "finite"))
    ds = ds.assign(estimate=("parameter", [0.0, 0.0])).assign_coords(level=[0.68, 0.95], parameter=[x, y])
    return ds.assign_coords(piece=(("level", "vertex"), np.zeros((2, 48), int))).assign_attrs(method="exact")


def table_of(names):
    n = len(names)
    ends = np.tile([-2.0, 2.2], (n, 1))
    columns = {"mle": 0.0, "map": 0.4, "marginal_mode": 0.8, "mean": 1.2, "unit": 1.0, "prior_share": 0.002}
    data = {name: ("parameter", np.full(n, value)) for name, value in columns.items()}
    data |= {name: (("parameter", "bound"), ends * size) for name, size in (("wald", 1), ("profile", 1.1), ("hdi", 2))}
    attrs = {"level": 0.95, "ci_prob": 0.9, "group": "comparison"}
    return xr.Dataset(data, {"parameter": names, "bound": ["lower", "upper"]}, attrs)


def curves_of(names):
    at = np.linspace(-3, 3, 41)
    height = np.stack([np.exp(-0.5 * (at - m) ** 2) for m in (-1.0, 1.0, 0.0, 0.1)])
    data = {"value": (("parameter", "point"), np.tile(at, (len(names), 1)))}
    data["height"] = ("parameter", "curve", "point"), np.tile(height, (len(names), 1, 1))
    data |= {key: ("parameter", np.full(len(names), x)) for key, x in (("mle", 1.0), ("map", 0.0), ("mean", 0.1))}
    return xr.Dataset(data, {"parameter": names, "curve": list(CURVES)}, {"group": "curves"})


CURVES = ("prior", "likelihood profile", "posterior profile", "posterior marginal")


def intervals_of(method):
    ds = xr.Dataset({"interval": (("parameter", "bound"), [[-1.0, 2.0]] * 4), "estimate": ("parameter", [0.5] * 4)})
    ds["status"] = ("parameter", "bound"), [["finite", "open"], ["at_bound", "finite"]] + [["finite"] * 2] * 2
    ds["interval"][0, 1] = np.inf
    coords = {"parameter": LONG, "bound": ["lower", "upper"], "interval_method": method, "level": 0.95}
    return ds.assign_coords(coords)


def simulated(n):
    draws = np.random.default_rng(n).chisquare(1, (1, n))
    return xr.Dataset({"delta_minus2ll": (("chain", "draw"), draws)}, attrs={"k": 1})


def draws_of(names):
    rng = np.random.default_rng(0)
    data = {name.split("[")[0]: (("chain", "draw"), rng.normal(size=(2, 300))) for name in names}
    return xr.Dataset(data)


def influence_of(names):
    rng = np.random.default_rng(1)
    coords = {"observation": [f"y[station {i}]" for i in range(12)], "parameter": names}
    data = {"one_step": (tuple(coords), rng.normal(size=(12, len(names)))), "pareto_k": ("observation", rng.random(12))}
    return xr.Dataset(data | {"standard_error": ("parameter", np.ones(len(names)))}, coords, {"good_k": 0.7})


def bowl(x=LONG[0], y=LONG[1], **held):
    """A slice of a bowl, with where the others are held."""
    a, b = np.linspace(-3, 3, 41), np.linspace(-2, 2, 31)
    rise = a[:, None] ** 2 + 2 * b**2
    ds = xr.Dataset({name: ((x, y), rise + up) for name, up in (("delta_minus2ll", 0), ("minus2ll", 100))})
    at = {x: 0.0, y: 0.0, **held}
    coords = {x: a, y: b, "parameter": list(at), "at": ("parameter", list(at.values()))}
    return ds.assign_coords(coords).assign_attrs(kind="regular", at="the fit")


def race_of(x, y):
    """Five optimisers from two starts, of which one never comes into the picture."""
    shrink = np.linspace(0.9, 0.3, 5) ** np.arange(20)[:, None]
    a, b = np.multiply.outer([2.5, 90.0], shrink), np.multiply.outer([1.5, 90.0], shrink)
    dims = ("chain", "draw", "optimizer")
    data = {x: (dims, a), y: (dims, b), "tau": (dims, 0.1 * a), "minus2ll": (dims, 100 + a**2 + 2 * b**2)}
    names = ["stochastic gradient", "momentum", "Adam", "L-BFGS", "Newton in a trust region"]
    return xr.Dataset(data, {"chain": [0, 1], "draw": np.arange(20), "optimizer": names}, {"group": "descent"})


def mixture():
    """Two valleys, 0 and 40 high, and the pass between them; critical points and starts of both."""
    a = np.linspace(-4, 4, 81)
    rise = 5 * (a[:, None] ** 2 - 4) ** 2 + 10 * (a[:, None] + 2) + 3 * a**2
    ds = xr.Dataset({"delta_minus2ll": (("a", "b"), rise)}, {"a": a, "b": a})
    data = {"a": [-2.0, 2.0, 0.0], "delta_minus2ll": [0.0, 40.0, 100.0], "kind": ["valley", "valley", "saddle"]}
    points = {
        name: ("critical_point", values) for name, values in (data | {"index": [0, 0, 1], "b": [0.0] * 3}).items()
    }
    points |= {"a_at_start": ("start", [-3.0, 3.0, 3.5]), "b_at_start": ("start", [1.0, 1.0, -3.5])}
    return ds, xr.Dataset(points | {"basin": ("start", [0, 1, -1])})


def curve():
    ds = bowl().isel({LONG[1]: 15})
    return ds.assign(delta_minus2ll=ds["delta_minus2ll"] * xr.where(ds[LONG[0]] > 0, 30.0, 0.9))


def starts():
    ends, status = [0.0] * 6 + [2.0, 2.0, np.nan], ["converged"] * 7 + ["at_bound", "failed"]
    return xr.Dataset({"minus2ll": ("start", ends), "status": ("start", status)})


def spectrum():
    data = {"eigenvalue": ("direction", [1e4, 3.0, -2.0, 1e-14]), "note": ("direction", ["", "", "", "flat " * 20])}
    data["eigenvector"] = ("direction", "parameter"), np.eye(4)
    return xr.Dataset(data, {"parameter": LONG}, {"condition_number": 1e18})


def racing():
    return pml.plots.paths(bowl("a", "b", tau=0.0), race_of("a", "b"), backend="matplotlib")


FIGURES = {
    "landscape": lambda: pml.plots.landscape(bowl(**{f"beta[{i}]": i / 7 for i in range(30)}), backend="matplotlib"),
    "landscape with draws": lambda: pml.plots.landscape(bowl("a", "b"), dt=draws_of(["a", "b"]), backend="matplotlib"),
    "landscape of one": lambda: pml.plots.landscape(curve(), backend="matplotlib"),
    "surface": lambda: pml.plots.surface(bowl(*"ab"), dt=draws_of(["a", "b"]), backend="matplotlib"),
    "surface of two valleys": lambda: pml.plots.surface(mixture()[0], backend="matplotlib"),
    "paths": racing,
    "descent": lambda: pml.plots.descent(race_of("a", "b"), minimum=100.0, backend="matplotlib"),
    "critical_points": lambda: pml.plots.critical_points(*mixture(), backend="matplotlib"),
    "waterfall": lambda: pml.plots.waterfall(starts(), backend="matplotlib"),
    "waterfall of one height": lambda: pml.plots.waterfall(starts().isel(start=slice(6)), backend="matplotlib"),
    "spectrum": lambda: pml.plots.spectrum(spectrum(), directions=2, backend="matplotlib"),
    "comparison": lambda: pml.plots.comparison(table_of(LONG), backend="matplotlib"),
    "comparison of one": lambda: pml.plots.comparison(table_of(LONG[3:]), backend="matplotlib"),
    "four_curves": lambda: pml.plots.four_curves(curves_of(LONG), backend="matplotlib"),
    "four_curves of one": lambda: pml.plots.four_curves(curves_of(LONG[:1]), backend="matplotlib"),
    "profile": lambda: pml.plots.profile(profile_of([f"{name} of group {i}" for i in (1, 2) for name in LONG[:3]])),
    "profile with draws": lambda: pml.plots.profile(profile_of(["mu"]), dt=draws_of(["mu"]), backend="matplotlib"),
    "regions": lambda: pml.plots.regions(contour_of(*LONG[:2]), backend="matplotlib"),
    "matrix": lambda: pml.plots.regions(
        [contour_of(LONG[0], LONG[1]), contour_of(LONG[0], LONG[3])], profile=profile_of(LONG), scale="zeta"
    ),
    "intervals": lambda: pml.plots.intervals(intervals_of("profile"), intervals_of("wald"), backend="matplotlib"),
    "wilks_qq": lambda: pml.plots.wilks_qq(
        {f"n = {n}": simulated(n) for n in (50, 100, 200, 400)}, backend="matplotlib"
    ),
    "influence": lambda: pml.plots.influence(influence_of(LONG), backend="matplotlib"),
    "nuisance_paths": lambda: pml.plots.nuisance_paths(profile_of(LONG), backend="matplotlib"),
}


@pytest.fixture(scope="module", params=FIGURES)
def figure(request):
    pc = FIGURES[request.param]()
    made = pc.viz["figure"].item()
    made.canvas.draw()
    yield made
    plt.close(made)


def boxes(figure):
    """Extents of all texts that are seen, in dots: titles, names, ticks, notes, the legend's."""
    renderer = figure.canvas.get_renderer()
    found = {}
    for text in figure.findobj(plt.Text):
        if text.get_visible() and text.get_text().strip():
            found[text] = text.get_window_extent(renderer)
    for axes in figure.axes:  # ticks outside of the limits are made, but not drawn
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                if not low <= tick.get_loc() <= high or not axes.axison:
                    found.pop(tick.label1, None)
                    found.pop(tick.label2, None)
        if not axes.axison:
            for text in axes.findobj(plt.Text):
                found.pop(text, None)
    return found


def test_no_text_is_cut(figure):
    width, height = figure.bbox.width, figure.bbox.height
    for text, box in boxes(figure).items():
        whole = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1
        assert whole, (text.get_text(), box.bounds)


def test_no_text_lies_on_another(figure):
    for (one, a), (other, b) in combinations(boxes(figure).items(), 2):
        across = min(a.x1, b.x1) - max(a.x0, b.x0)
        along = min(a.y1, b.y1) - max(a.y0, b.y0)
        assert across <= 1 or along <= 1, (one.get_text(), other.get_text())


def test_every_colour_and_dash_of_a_line_is_named(figure):
    """What has a colour of its own, other than grey, stands in the legend."""
    legends = [*figure.legends]
    if not legends:  # one series has a title, and nothing to tell apart
        return
    named = {plt.matplotlib.colors.to_hex(handle.get_color()) for handle in legends[0].legend_handles}
    drawn = set()
    for axes in figure.axes:
        drawn |= {plt.matplotlib.colors.to_hex(line.get_color()) for line in axes.lines if len(line.get_xdata())}
    if any(hasattr(axes, "get_zlim") for axes in figure.axes):
        return  # lines on a surface have the colours of its heights, which the colour bar names
    greys = {colour for colour in drawn if colour[1:3] == colour[3:5] == colour[5:7]}
    assert len(drawn - greys) == 1 or drawn - greys <= named  # one curve is named by its axis


def test_rows_of_panels_keep_their_distance(figure):
    """A title does not touch the name of the axis above it."""
    renderer = figure.canvas.get_renderer()
    titles = [axes.title.get_window_extent(renderer) for axes in figure.axes if axes.title.get_text()]
    names = [axes.xaxis.label.get_window_extent(renderer) for axes in figure.axes if axes.xaxis.label.get_text()]
    for title in titles:
        for name in names:
            beside = title.x1 < name.x0 or name.x1 < title.x0
            assert beside or name.y0 - title.y1 >= 2 or name.y1 < title.y0


def test_heights_of_densities_have_no_negative_ticks():
    pc = pml.plots.four_curves(curves_of(LONG), backend="matplotlib")
    for axes in np.ravel(pc.viz["plot"].values):
        assert [label.get_text() for label in axes.get_yticklabels()] == ["0", "0.5", "1"]
    names = [text.get_text() for text in pc.viz["legend"].item().get_texts()]
    assert names == [*CURVES, "estimate", "joint mode", "mean"]
    plt.close("all")


def test_a_law_is_a_line_of_45_degrees():
    pc = pml.plots.wilks_qq(simulated(300), backend="matplotlib")
    axes = pc.viz["plot"].item()
    axes.figure.canvas.draw()
    assert axes.get_xlim() == axes.get_ylim()
    assert axes.bbox.width == pytest.approx(axes.bbox.height, rel=1e-3)
    plt.close("all")


def test_the_matrix_names_levels_and_what_its_diagonal_shows():
    pc = FIGURES["matrix"]()
    legend = pc.viz["legend"].item()
    assert legend.get_title().get_text() == "68 % and 95 % regions"
    assert "Wald" in [text.get_text() for text in legend.get_texts()]
    assert "signed root" in pc.viz["note"].item().get_text()
    plt.close("all")


def test_a_bracket_is_not_broken_unless_it_is_longer_itself():
    assert wrapped("very_long_name_of_a_rate[unit / 0]", 26) == "very_long_name_of_a_rate\n[unit / 0]"
    assert wrapped("rate[unit / 0]", 10) == "rate\n[unit / 0]"
    for line in wrapped("rate[" + "wind speed at ten metres " * 3 + "]", 20).splitlines():
        assert len(line) <= 20


def test_lines_of_a_note_are_about_as_long():
    text = "simulated p = 0.031 and 0.029 by the law of the mixture, none at 0"
    for width in range(20, 70, 7):
        lines = balanced(text, width).splitlines()
        assert max(map(len, lines)) <= width
        assert " ".join(lines) == text
        assert len(lines) == 1 or len(lines[-1]) > 0.4 * len(lines[0])


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0 %"), (0.002, "< 1 %"), (0.36, "36 %"), (0.998, "> 99 %"), (1.0, "100 %"), (-1e-9, "0 %")],
)
def test_a_small_share_is_not_written_as_none(share, text):
    assert _share(share) == text


@pytest.mark.parametrize("backend", ["plotly", "bokeh"])
def test_all_panels_are_as_high_and_names_are_told(backend):
    pc = pml.plots.four_curves(curves_of(LONG), backend=backend)
    panels = np.ravel(pc.viz["plot"].values)
    if backend == "bokeh":
        assert len({(panel.width, panel.height) for panel in panels}) == 1
        assert not any(panel.above for panel in panels)  # a legend there would make one panel lower
        return
    names = {trace.name for trace in pc.viz["figure"].item().data if trace.hovertemplate}
    assert set(CURVES) <= names


@pytest.mark.parametrize("name", ["comparison", "wilks_qq", "profile", "regions"])
def test_a_title_of_a_figure_lies_above_the_legend(name):
    pc = FIGURES[name]()
    made = pc.viz["figure"].item()
    before = made.get_size_inches()[1]
    pc.add_title("What the picture shows, in one sentence that is as long as a sentence has to be, and no longer")
    made.canvas.draw()
    renderer = made.canvas.get_renderer()
    title = made._suptitle.get_window_extent(renderer)
    names = [text.get_window_extent(renderer) for text in made.legends[0].get_texts()]
    assert title.x0 >= 0
    assert title.x1 <= made.bbox.width
    assert title.y1 <= made.bbox.height
    assert title.y0 >= max(box.y1 for box in names)
    assert made.get_size_inches()[1] > before  # the panels do not shrink
    assert max(box.y1 for box in names) >= max(axes.bbox.y1 for axes in made.axes)
    plt.close(made)
