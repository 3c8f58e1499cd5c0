"""Pictures of joint regions: lines are where formulas say, closed, in parts, or open."""

import itertools

import numpy as np
import profile_forms as forms
import pytest
import xarray as xr
from scipy import stats

import pymc_landscape as pml

BACKENDS = ["matplotlib", "plotly", "bokeh"]
CENTER, SE, RHO = (3.0, 2.0), (0.58, 0.41), 0.6


def drawn(pc, visual, panel=None):
    """What the backend "none" was asked to draw of a visual."""
    found = pc.viz[visual]["sheet"]
    return (found if panel is None else found.sel(panel=panel)).values.item()


def pieces(call) -> list[np.ndarray]:
    """The lines of one with gaps, each (n, 2)."""
    xy = np.column_stack([call["x"], call["y"]]).astype(float)
    parts = np.split(xy, np.flatnonzero(np.isnan(xy[:, 0])))
    return [part[np.isfinite(part[:, 0])] for part in parts]


def rise(xy: np.ndarray, center=CENTER) -> np.ndarray:
    """Δ(−2LL) of the normal likelihood of `contour_of`."""
    z = (xy - np.array(center)) / SE
    return np.einsum("vi,ij,vj->v", z, np.linalg.inv([[1.0, RHO], [RHO, 1.0]]), z)


def window(pc, panel=0):
    plot = pc.viz["plot"].values
    calls = plot.item() if plot.ndim == 0 else plot[panel]
    return [next(call["lims"] for call in calls if call.get("function") == name) for name in ("xlim", "ylim")]


@pytest.fixture(scope="module")
def triple() -> list[xr.Dataset]:
    pairs = itertools.combinations(["a", "b", "c"], 2)
    return [forms.contour_of(pair, center=(0.0, 0.0), num=12) for pair in pairs]


def test_a_region_is_a_closed_line_and_smooth_between_its_vertices():
    ds = forms.contour_of(level=(0.68, 0.95), num=48)
    low, high = pieces(drawn(pml.plots.regions(ds, backend="none"), "region"))
    for line, level in ((low, 0.68), (high, 0.95)):
        np.testing.assert_array_equal(line[0], line[-1])
        assert len(line) > 2 * 48
        np.testing.assert_allclose(rise(line), stats.chi2.ppf(level, 2), rtol=2e-3)
        for label, values in zip(("mu", "sigma"), line.T, strict=True):
            assert np.abs(ds[label].sel(level=level).values[:, None] - values).min(axis=1).max() < 1e-12


def test_parts_are_closed_each_for_itself():
    one, other = forms.contour_of(level=[0.95], num=24), forms.contour_of(level=[0.95], num=24, center=(10.0, 20.0))
    other = other.assign_coords(piece=other["piece"] + 1)
    both = xr.concat([one, other], "vertex", data_vars="minimal", coords="minimal", compat="override")
    first, second = pieces(drawn(pml.plots.regions(both, backend="none"), "region"))
    for line, center in ((first, CENTER), (second, (10.0, 20.0))):
        np.testing.assert_array_equal(line[0], line[-1])
        np.testing.assert_allclose(rise(line, center), stats.chi2.ppf(0.95, 2), rtol=1e-2)


def test_an_open_side_has_two_heads_at_the_edge_of_the_picture_and_does_not_widen_it():
    """A strip along the first axis whose ends are found a thousand widths away."""
    reach = np.array([0.0, 1.0, 10.0, 1000.0])
    x = np.concatenate([reach[::-1], [-1.0], reach, [np.nan]])
    y = np.concatenate([np.full(4, 1.0), [0.0], np.full(4, -1.0), [np.nan]])
    ds = forms.contour_of(("x", "y"), level=[0.95], num=len(x), center=(0.0, 0.0))
    status = np.where(np.isnan(x), "open", "finite")[None]
    dims = ("level", "vertex")
    ds = ds.assign(x=(dims, x[None]), y=(dims, y[None]), status=(dims, status))
    pc = pml.plots.regions(ds, backend="none")
    (left, right), (low, high) = window(pc)
    assert left < -1.0
    assert 1.0 < right < 10.0
    assert (low, high) == pytest.approx((-1.12, 1.12))
    heads = pieces(next(call for call in pc.viz["arrow"]["sheet"].values if call is not None))
    np.testing.assert_allclose(sorted(tuple(head[1]) for head in heads), [(right, -1.0), (right, 1.0)])
    (line,) = pieces(drawn(pc, "region"))
    assert line[:, 0].max() == pytest.approx(right)
    assert not np.array_equal(line[0], line[-1])


def test_a_line_meets_the_edge_of_a_support_in_a_corner():
    """A circle cut off at y = 0: rays hit neither corner, at ±1."""
    angle = np.radians(np.arange(4, 360, 8))
    x, y = np.cos(angle), np.sin(angle)
    below = y < 0
    x = np.where(below, 0.98 * x, x)
    dims = ("level", "vertex")
    ds = forms.contour_of(("x", "y"), level=[0.95], num=len(x), center=(0.0, 0.5))
    status = np.where(below, "at_bound", "finite")[None]
    ds = ds.assign(x=(dims, x[None]), y=(dims, np.where(below, 0.0, y)[None]), status=(dims, status))
    (line,) = pieces(drawn(pml.plots.regions(ds, backend="none"), "region"))
    foot = line[line[:, 1] == 0.0]
    assert (foot[:, 0].min(), foot[:, 0].max()) == pytest.approx((-1, 1), abs=0.02)
    assert foot[:, 0].max() > np.where(below, x, 0.0).max() + 0.01


def test_pairs_stand_in_a_matrix_below_the_diagonal(triple):
    pc = pml.plots.regions(triple[::-1], backend="none")
    assert pc.viz["region"]["sheet"].sizes["panel"] == 4
    assert drawn(pc, "region", 1) is None
    labels = [
        {call["function"]: call["string"] for call in panel if call.get("function") in ("xlabel", "ylabel")}
        for panel in pc.viz["plot"].values
    ]
    assert labels[2]["ylabel"] not in (labels[0]["ylabel"], labels[2]["xlabel"])
    assert {labels[2]["xlabel"], labels[3]["xlabel"], labels[2]["ylabel"]} == {"a", "b", "c"}


def test_a_tree_of_contours_is_the_same_as_a_list(triple):
    one = pml.plots.regions(triple, backend="none")
    other = pml.plots.regions(pml.to_datatree(*triple), backend="none")
    np.testing.assert_array_equal(drawn(one, "region", 2)["x"], drawn(other, "region", 2)["x"])


def test_profiles_stand_on_the_diagonal_with_cut_offs_of_the_same_levels():
    profile = forms.profile_of(forms.normal_mean(), forms.normal_sd(), elements=["mu", "sigma"])
    pc = pml.plots.regions(forms.contour_of(level=[0.9]), profile=profile, scale="delta", backend="none")
    cut = pc.viz["cutoff"]["sheet"].sel(panel=0).values[0]
    np.testing.assert_allclose(cut["y"], stats.chi2.ppf(0.9, 1), rtol=1e-12)
    np.testing.assert_allclose(cut["x"], window(pc, 0)[0])
    np.testing.assert_allclose(window(pc, 0)[0], window(pc, 2)[0])


def test_the_posterior_region_of_normal_draws_is_the_ellipse(rng):
    cov = np.outer(SE, SE) * np.array([[1.0, RHO], [RHO, 1.0]])
    draws = rng.multivariate_normal(CENTER, cov, size=(4, 5000))
    dt = xr.DataTree.from_dict(
        {"posterior": xr.Dataset({n: (("chain", "draw"), draws[..., i]) for i, n in enumerate(["mu", "sigma"])})}
    )
    pc = pml.plots.regions(forms.contour_of(level=[0.68]), dt=dt, num_samples=50, backend="none")
    assert len(drawn(pc, "draws")["x"]) == 50
    line = max(pieces(drawn(pc, "hdi")), key=len)
    np.testing.assert_allclose(rise(line), stats.chi2.ppf(0.68, 2), rtol=0.25)
    with pytest.raises(ValueError, match="Expected draws of"):
        pml.plots.regions(forms.contour_of(), dt=xr.Dataset({"nu": (("chain", "draw"), [[1.0, 2.0]])}))


def test_draws_that_lie_on_a_line_have_no_region(rng):
    mu = rng.normal(size=(1, 50))
    for sigma in (2 * mu, 0 * mu):
        dt = xr.Dataset({"mu": (("chain", "draw"), mu), "sigma": (("chain", "draw"), sigma)})
        pc = pml.plots.regions(forms.contour_of(), dt=dt, backend="none")
        assert len(drawn(pc, "draws")["x"]) == 50
        assert drawn(pc, "hdi") is None


@pytest.mark.parametrize("pull", [0.0, -2.0, 4.0])
def test_regions_of_a_posterior_that_the_prior_pulls_away_are_in_the_picture_whole(pull):
    ds = forms.contour_of(level=[0.95], num=24)
    xy = np.random.default_rng(4).multivariate_normal(np.array(CENTER) + pull, 0.1 * np.eye(2), size=(4, 1000))
    draws = xr.Dataset({name: (("chain", "draw"), xy[..., i]) for i, name in enumerate(("mu", "sigma"))})
    pc = pml.plots.regions(ds, dt=draws, backend="none")
    lines = np.concatenate([*pieces(drawn(pc, "hdi")), *pieces(drawn(pc, "region"))])
    low, high = np.transpose(window(pc))
    assert (lines > low).all()
    assert (lines < high).all()
    assert np.abs(lines - CENTER).max() > abs(pull)


def test_the_exact_edge_decides_the_window_but_wald_has_some_room():
    exact = forms.contour_of(level=[0.95])
    wald = forms.contour_of(level=[0.95], se=(1.0, 0.45)).assign_attrs(method="wald")
    narrow, wide = (window(pml.plots.regions(some, backend="none"))[0] for some in (exact, [exact, wald]))
    assert np.ptp(narrow) < np.ptp(wide) < 1.7 * np.ptp(narrow)


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_draws_regions(backend, triple, rng):
    draws = xr.Dataset({n: (("chain", "draw"), rng.normal(size=(1, 60))) for n in ("a", "b")})
    profile = forms.profile_of(forms.normal_mean("a"))
    assert "region" in pml.plots.regions(triple, profile=profile, dt=draws, backend=backend).viz
    alone = forms.opened(forms.contour_of(), "mu", 3.5)
    assert "region" in pml.plots.regions(alone, backend=backend).viz


def test_contours_that_are_none_are_refused():
    with pytest.raises(TypeError, match="Expected the Dataset from confidence_contour"):
        pml.plots.regions(["mu"])
    with pytest.raises(ValueError, match="pass what confidence_contour returns"):
        pml.plots.regions(xr.Dataset({"a": 1}))
    many = [forms.contour_of((f"a{i}", f"b{i}"), num=3) for i in range(5)]
    with pytest.raises(ValueError, match="1 to 8 parameters, got 10"):
        pml.plots.regions(many)
