"""Pictures of bands: a straight line through the data has an interval in closed form everywhere."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import pymc_landscape as pml

BACKENDS = ["matplotlib", "plotly", "bokeh"]
X = np.array([0.0, 1.0, 2.0, 4.0, 7.0])
SE = np.sqrt(0.2 + (X - X.mean()) ** 2 / ((X - X.mean()) ** 2).sum())  # of a line's height, σ = 1
LINE = 2.0 + 0.5 * X


def intervals_of(level=0.95, methods=("wald", "profile"), labels=None, stretch=1.0) -> xr.Dataset:
    """What ``confidence_intervals(fit, "curve", level=..., method=...)`` returns of a line with known σ."""
    levels = np.atleast_1d(level)
    reach = stretch * stats.norm.ppf(0.5 + levels / 2)[:, None] * SE
    ends = np.stack([LINE - reach, LINE + reach], axis=-1)[..., None] * np.ones(len(methods))
    dims = ("level", "parameter", "bound", "interval_method")
    ds = xr.Dataset(
        {"interval": (dims, ends), "status": (dims, np.full(ends.shape, "finite")), "estimate": ("parameter", LINE)},
        coords={
            "level": levels,
            "parameter": labels or [f"curve[{i}]" for i in range(X.size)],
            "bound": ["lower", "upper"],
            "interval_method": list(methods),
        },
        attrs={"group": "intervals"},
    )
    return ds if np.ndim(level) else ds.isel(level=0)


def draws(rng) -> xr.Dataset:
    x = X - X.mean()
    a, b = rng.normal(LINE.mean(), 0.2**0.5, (2, 4000)), rng.normal(0.5, (x**2).sum() ** -0.5, (2, 4000))
    return xr.Dataset({"curve": (("chain", "draw", "x"), a[..., None] + b[..., None] * x)})


def filled(pc, *where):
    return pc.viz["band"]["sheet"].values[where]


def limits(pc, name):
    return next(call["lims"] for call in pc.viz["plot"].item() if call.get("function") == name)


def test_the_profile_is_filled_between_its_ends_and_wald_drawn_by_edges():
    pc = pml.plots.band(intervals_of(), x=X, backend="none")
    band = filled(pc, 1, 0, 0)
    np.testing.assert_array_equal(band["x"], X)
    np.testing.assert_allclose(band["y_bottom"], LINE - 1.959963984540054 * SE, rtol=1e-12)
    np.testing.assert_allclose(band["y_top"], LINE + 1.959963984540054 * SE, rtol=1e-12)
    assert filled(pc, 0, 0, 0) is None
    wald = pc.viz["edge"]["sheet"].values[0, 0]
    np.testing.assert_allclose(wald["y"][: X.size], LINE - 1.959963984540054 * SE, rtol=1e-12)
    assert wald["linestyle"] == "dashdot"  # dashed is the posterior


def test_of_several_levels_the_highest_comes_first():
    pc = pml.plots.band(intervals_of((0.5, 0.95), ("profile",)), x=X, backend="none")
    widths = [filled(pc, 0, i, 0)["y_top"] - filled(pc, 0, i, 0)["y_bottom"] for i in (0, 1)]
    for width, level in zip(widths, (0.95, 0.5), strict=True):
        np.testing.assert_allclose(width, 2 * stats.norm.ppf(0.5 + level / 2) * SE, rtol=1e-12)


def test_elements_stand_where_x_says_from_left_to_right():
    shuffled = [3, 0, 4, 1, 2]
    ds = intervals_of(methods=("profile",)).isel(parameter=shuffled)
    pc = pml.plots.band(ds, x=xr.DataArray(X[shuffled], name="dose"), backend="none")
    np.testing.assert_array_equal(filled(pc, 0, 0, 0)["x"], X)
    np.testing.assert_allclose(filled(pc, 0, 0, 0)["y_top"], LINE + 1.959963984540054 * SE)
    assert any(call.get("string") == "dose" for call in pc.viz["plot"].item())


def test_without_x_they_stand_at_their_own_coordinates():
    pc = pml.plots.band(intervals_of(labels=[f"curve[{x}]" for x in X]), backend="none")
    np.testing.assert_array_equal(filled(pc, 1, 0, 0)["x"], X)
    pc = pml.plots.band(intervals_of(labels=[f"curve[{x}]" for x in "abcde"]), backend="none")
    np.testing.assert_array_equal(filled(pc, 1, 0, 0)["x"], np.arange(5.0))


def test_an_open_end_reaches_the_edge_and_a_lost_one_leaves_a_gap():
    ds = intervals_of(methods=("profile",))
    ends = ds["interval"].values.copy()
    ends[3:, 1] = np.inf
    ends[1, 0] = np.nan
    ds = ds.assign(interval=(ds["interval"].dims, ends))
    pc = pml.plots.band(ds, x=X, backend="none")
    top = limits(pc, "ylim")[1]
    assert top > (LINE + 1.96 * SE)[:3].max()
    (band,) = pc.viz["band"]["sheet"].values.ravel()
    np.testing.assert_array_equal(band["x"], X[2:])
    np.testing.assert_allclose(band["y_top"][1:], top)
    edge = np.asarray(pc.viz["edge"]["sheet"].values[0, 0]["y"])[X.size + 1 :]
    np.testing.assert_array_equal(np.isnan(edge), [False, False, False, True, True])


@pytest.mark.parametrize("kind", ["hdi", "eti"])
def test_the_posterior_band_stands_beside(kind, rng):
    pc = pml.plots.band(intervals_of(methods=("profile",)), x=X, dt=draws(rng), ci_kind=kind, backend="none")
    y = np.asarray(pc.viz["edge"]["sheet"].values[1, 0]["y"])
    np.testing.assert_allclose(y[: X.size], LINE - 1.96 * SE, atol=0.15)
    np.testing.assert_allclose(y[X.size + 1 :], LINE + 1.96 * SE, atol=0.15)
    legend = next(call for call in pc.viz["plot"].item() if call.get("function") == "legend")
    assert legend["labels"] == ["profile", f"posterior {kind.upper()}"]
    estimate, posterior = pc.viz["center"]["sheet"].values
    np.testing.assert_array_equal(estimate["y"], LINE)
    assert not np.array_equal(posterior["y"], LINE)


def test_observed_points_are_in_the_picture():
    pc = pml.plots.band(intervals_of(), x=X, data=([-3.0, 9.0], [0.0, 40.0]), backend="none")
    np.testing.assert_array_equal(pc.viz["data"]["sheet"].item()["y"], [0.0, 40.0])
    for name, (low, high) in (("xlim", (-3, 9)), ("ylim", (0, 40))):
        assert limits(pc, name)[0] < low
        assert limits(pc, name)[1] > high


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_draws_bands(backend, rng):
    ds = intervals_of((0.5, 0.95))
    assert "band" in pml.plots.band(ds, x=X, dt=draws(rng), data=(X, LINE), backend=backend).viz


def test_what_is_no_curve_is_refused(rng):
    with pytest.raises(ValueError, match=r"those of \['a', 'b'\]; choose one with var_name"):
        pml.plots.band(intervals_of(labels=["a[0]", "a[1]", "b[0]", "b[1]", "b[2]"]))
    with pytest.raises(ValueError, match="Expected var_name='curve', got 'c'"):
        pml.plots.band(intervals_of(), var_name="c")
    with pytest.raises(ValueError, match="each of the 5 elements, got 2"):
        pml.plots.band(intervals_of(), x=[0, 1])
    with pytest.raises(ValueError, match="as many x as y"):
        pml.plots.band(intervals_of(), data=([1.0], [1.0, 2.0]))
    with pytest.raises(TypeError, match=r"data to be a pair \(x, y\)"):
        pml.plots.band(intervals_of(), data=X)
    with pytest.raises(TypeError, match="Expected the Dataset from confidence_intervals"):
        pml.plots.band("curve")
    with pytest.raises(ValueError, match="'hdi' or 'eti'"):
        pml.plots.band(intervals_of(), dt=draws(rng), ci_kind="mad")
    with pytest.raises(ValueError, match="Expected draws of"):
        pml.plots.band(intervals_of(), dt=xr.Dataset({"nu": (("chain", "draw"), [[1.0, 2.0]])}))
