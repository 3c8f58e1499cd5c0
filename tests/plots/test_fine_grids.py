"""Pictures of grids with more points than a picture holds: what they read, how much, and what they show of it."""

from importlib.util import find_spec

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from scipy.stats import chi2
from xarray.backends import BackendArray
from xarray.core import indexing

from pymc_landscape import plots
from pymc_landscape.plots.data import floors, subsampled_grid
from pymc_landscape.plots.data.landscape import landscape_view
from pymc_landscape.plots.visuals.contour_panel import level_lines
from pymc_landscape.plots.visuals.scene import Scene, shades
from pymc_landscape.plots.visuals.surface_matplotlib import _lit

SHAPE = (3_001, 4_001)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def two_bowls(a, b):
    """Floors of height 0 at (−3, 1) and (2, −1), narrow beside an axis of ten."""
    first, second = 30 * (a + 3) ** 2 + 50 * (b - 1) ** 2, 40 * (a - 2) ** 2 + 25 * (b + 1) ** 2
    return np.minimum(first, second)


class OnDisk(BackendArray):
    """Heights that are counted as they are read."""

    def __init__(self, shape=SHAPE, most=2**23):
        self.shape, self.dtype, self.most, self.read = shape, np.dtype(float), most, []
        self.along = [np.linspace(-5, 5, n) for n in shape]

    def __getitem__(self, key):
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self.part)

    def part(self, key):
        a, b = (np.atleast_1d(along[own]) for along, own in zip(self.along, key, strict=True))
        self.read.append(a.size * b.size)
        assert self.read[-1] <= self.most
        heights = two_bowls(a[:, None], b)
        return heights[tuple(0 if isinstance(own, int | np.integer) else slice(None) for own in key)]

    def landscape(self, chunk=50):
        kept = indexing.LazilyIndexedArray(self)
        variable = xr.Variable(("a", "b"), kept, encoding={"preferred_chunks": {"a": chunk, "b": self.shape[1]}})
        return xr.Dataset({"delta_minus2ll": variable}, dict(zip("ab", self.along, strict=True)))


def area(x, y, z, height):
    """Area within the lines of a height."""
    lines = level_lines(x, y, z, height)
    return sum(0.5 * abs(np.dot(u, np.roll(v, 1)) - np.dot(v, np.roll(u, 1))) for u, v in (line.T for line in lines))


def test_a_stored_landscape_is_read_once_in_blocks_and_its_floors_and_regions_stay_sharp(monkeypatch):
    monkeypatch.setattr(subsampled_grid, "BLOCK", 2**23)
    disk = OnDisk(most=2**20)
    view = landscape_view(disk.landscape(), "delta_minus2ll")
    assert view.whole == SHAPE
    assert all(300 <= n <= 560 for n in view.height.shape)
    assert sum(disk.read) == np.prod(SHAPE) + view.height.size  # all for the floor, and then what is drawn
    x, y = (view.height[axis].to_numpy() for axis in view.axes)
    assert {x[0], x[-1], y[0], y[-1]} == {-5.0, 5.0}
    np.testing.assert_allclose(floors(view)[0].transpose("spot", "plot_axis"), [(-3, 1), (2, -1)], atol=1e-9)
    for level in (0.5, 0.95, 0.99):  # two ellipses, πq / √(uv) each
        exact = np.pi * chi2.ppf(level, 2) * (1 / np.sqrt(30 * 50) + 1 / np.sqrt(40 * 25))
        assert area(x, y, view.height.to_numpy(), chi2.ppf(level, 2)) == pytest.approx(exact, rel=2e-3)


def test_blocks_follow_the_chunks_however_the_axes_are_turned(monkeypatch):
    monkeypatch.setattr(subsampled_grid, "BLOCK", 2**23)
    disk = OnDisk(most=2**20)
    plain, turned = disk.landscape(), disk.landscape().transpose("b", "a")
    first = landscape_view(plain, "delta_minus2ll").height
    disk.read.clear()
    second = landscape_view(turned, "delta_minus2ll").height
    assert len(disk.read) == 1 + -(-SHAPE[0] // 250)  # 250 lines are a block of five chunks
    xr.testing.assert_equal(first.T, second)


def test_of_a_lazy_landscape_few_points_are_evaluated_and_none_twice_over():
    pytest.importorskip("dask")
    from pymc_landscape.results.cluster import LazyGrid

    n, evaluated = 100_001, []
    along = np.linspace(-5, 5, n)

    def evaluate(a, b):
        evaluated.append(len(a) * len(b))
        return {"minus2ll": 100 + two_bowls(along[a, None], along[b])}

    def lazily(**part):
        grid = LazyGrid(evaluate, (n, n), {"minus2ll": ()}, 2**20)
        land = xr.Dataset({"minus2ll": (("a", "b"), grid.array("minus2ll"))}, {"a": along, "b": along})
        return land.assign_attrs(completion="lazy").isel(part)

    view = landscape_view(lazily(), "minus2ll")  # of ten thousand million points
    assert sum(evaluated) < 500_000
    assert view.whole == (n, n)
    x, y = (view.height[axis].to_numpy() for axis in view.axes)
    exact = np.pi * chi2.ppf(0.95, 2) * (1 / np.sqrt(30 * 50) + 1 / np.sqrt(40 * 25))
    assert area(x, y, view.height.to_numpy(), chi2.ppf(0.95, 2)) == pytest.approx(exact, rel=5e-3)
    evaluated.clear()
    plots.landscape(
        lazily(a=slice(20_000, 90_000, 1_000), b=slice(0, None, 2_000)), var_name="minus2ll", backend="none"
    )
    assert sum(evaluated) == 70 * 51  # small enough to be drawn whole: each point once


BACKENDS = [name for name in ("matplotlib", "plotly", "bokeh") if find_spec(name)]


@pytest.mark.parametrize("backend", [*BACKENDS, "none"])
def test_pictures_of_fine_grids_say_so_and_stay_small(backend):
    drawn = plots.landscape(OnDisk().landscape(), backend=backend)
    if backend == "plotly":
        assert len(drawn.viz["figure"].item().to_json()) < 25e6
    if backend == "matplotlib":
        note = drawn.viz["note"].item().get_text().replace("\n", " ")
        assert note.startswith("drawn at ")
        assert note.endswith(" of 3,001 × 4,001 points, closer where it is low")


def test_surfaces_and_curves_of_fine_grids():
    note = plots.surface(OnDisk().landscape(), backend="matplotlib").viz["note"].item().get_text().replace("\n", " ")
    assert " of 3,001 × 4,001 points, closer where it is low" in note
    curve = OnDisk((200_001, 3)).landscape(chunk=50_000).isel(b=1)
    line = plots.landscape(curve, backend="none").viz["curve"]["delta_minus2ll"].item()
    assert 400 <= len(line["x"]) <= 560


class Unread(BackendArray):
    """Heights of three axes, of which none may be read."""

    shape, dtype = (1_000, 1_000, 1_000), np.dtype(float)

    def __getitem__(self, key):
        raise AssertionError("read")


def test_what_is_no_picture_is_refused_before_a_point_is_read():
    ds = xr.Dataset({"delta_minus2ll": (("a", "b", "c"), indexing.LazilyIndexedArray(Unread()))})
    with pytest.raises(ValueError, match="at most 12 panels"):
        plots.landscape(ds, backend="none")


def test_panels_share_their_lines_each_with_its_own_floor():
    a = np.linspace(-5, 5, 1_501)
    heights = np.stack([(a - 4) ** 2, (a + 3) ** 2 + 7], axis=-1) * 100
    ds = xr.Dataset(
        {"term_log_likelihood": (("a", "term"), -heights / 2), "minus2ll": ("a", heights.sum(-1))}, {"a": a}
    )
    view = landscape_view(ds, "term_log_likelihood")
    assert view.height.sizes["a"] < 560
    np.testing.assert_allclose(view.height["a"][view.height.argmin("a")], [4, -3], atol=4e-3)
    np.testing.assert_allclose(view.height.min("a"), 0.0)


def test_points_outside_the_support_are_no_floor():
    a = np.linspace(0, 1, 2_001)
    heights = np.where(a < 0.25, np.inf, np.where(a > 0.9, np.nan, 400 * (a - 0.5) ** 2))
    view = landscape_view(xr.Dataset({"delta_minus2ll": ("a", heights)}, {"a": a}), "delta_minus2ll")
    assert 300 < view.height.sizes["a"] < 560
    assert float(view.height.min()) == 0.0


def test_a_slope_has_one_light_however_its_lines_are_spaced():
    x, y = np.linspace(0, 1, 30) ** 2, np.linspace(0, 2, 20)
    z = np.broadcast_to(10 * x[:, None] + 1, (30, 20))
    scene = Scene((0, 1), (0, 2), 0.0, 40.0, 32.0, -58.0, "cividis", [0.0], ["0"])
    light = _lit(x, y, z, scene) / shades(z, scene)[..., :3]
    np.testing.assert_allclose(light, light[0, 0, 0], rtol=1e-9)
