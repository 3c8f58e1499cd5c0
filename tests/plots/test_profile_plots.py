"""Pictures of profiles and intervals: what is drawn is where formulas say."""

import numpy as np
import profile_forms as forms
import pytest
import xarray as xr
from scipy import stats

import pymc_landscape as pml

Q = float(stats.chi2.ppf(0.95, 1))
BACKENDS = ["matplotlib", "plotly", "bokeh"]


@pytest.fixture(scope="module")
def normal() -> xr.Dataset:
    return forms.profile_of(forms.normal_mean(), forms.normal_sd(), elements=["mu", "sigma"])


@pytest.fixture(scope="module")
def awkward() -> xr.Dataset:
    """Nothing of ten, a ratio without an upper end, a parabola cut off by a bound."""
    return forms.profile_of(forms.none_of(), forms.ratio(), forms.bounded())


def drawn(pc, visual: str, panel: int | None = None):
    """What the backend "none" was asked to draw of a visual: one call, or an array of them."""
    found = pc.viz[visual]["sheet"]
    values = (found if panel is None else found.sel(panel=panel)).values
    return values.item() if values.ndim == 0 else values


# --- profiles --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [forms.normal_mean, forms.normal_sd, forms.gamma_rate])
@pytest.mark.parametrize("scale", ["delta", "zeta"])
def test_the_curve_between_steps_is_the_formula(make, scale):
    form = make()
    pc = pml.plots.profile(forms.profile_of(form), scale=scale, backend="none")
    line = drawn(pc, "curve")
    x, y = np.asarray(line["x"], dtype=float), np.asarray(line["y"], dtype=float)
    seen = np.isfinite(y)
    wanted = np.array([form.delta(v) for v in x[seen]])
    if scale == "zeta":
        wanted = np.sign(x[seen] - form.estimate) * np.sqrt(np.maximum(wanted, 0))
    assert seen.sum() > 100
    np.testing.assert_allclose(y[seen], wanted, atol=0.01)


@pytest.mark.parametrize("make", [forms.normal_mean, forms.normal_sd, forms.gamma_rate])
def test_ends_stand_where_the_formula_meets_the_cut_off(make):
    form = make()
    pc = pml.plots.profile(forms.profile_of(form), level=(0.5, 0.95), backend="none")
    ends = [float(line["x"][0]) for line in drawn(pc, "end")]
    cuts = stats.chi2.ppf([0.5, 0.95], 1)
    wanted = [form.reach(side, cut) for cut in cuts for side in (-1, 1)]
    np.testing.assert_allclose(ends, wanted, rtol=2e-4)
    title = pc.viz["plot"].item()
    assert any("95 %: (" in str(call) and f"{wanted[2]:.3g}" in str(call) for call in title)


def test_walds_curve_is_the_parabola(normal):
    pc = pml.plots.profile(normal.sel(parameter=["mu"]), backend="none")
    line = drawn(pc, "wald")
    x, y = np.asarray(line["x"], dtype=float), np.asarray(line["y"], dtype=float)
    se = forms.SD / np.sqrt(forms.N)
    seen = np.isfinite(y)
    assert seen.sum() >= 3
    np.testing.assert_allclose(y[seen], ((x[seen] - forms.MEAN) / se) ** 2, rtol=1e-9, atol=1e-9)


def test_a_normal_posterior_lies_on_walds_line(normal, rng):
    """−2 log p/max p of a normal density with the estimate's mean and standard error is Wald's parabola."""
    se = forms.SD / np.sqrt(forms.N)
    draws = xr.Dataset({"mu": (("chain", "draw"), rng.normal(forms.MEAN, se, (4, 5000)))})
    pc = pml.plots.profile(normal, dt=draws, scale="zeta", backend="none")
    line = drawn(pc, "posterior", 0)
    x, y = np.asarray(line["x"]), np.asarray(line["y"])
    seen = np.abs(y) < 2
    assert seen.sum() > 50
    np.testing.assert_allclose(y[seen], (x[seen] - forms.MEAN) / se, atol=0.25)
    assert drawn(pc, "posterior", 1) is None
    with pytest.raises(ValueError, match="Expected draws of"):
        pml.plots.profile(normal, dt=draws.rename(mu="nu"))


def test_a_level_is_named_beside_the_curve(awkward):
    """No text covers a curve: 8 % of the height above a cut-off are free over the width of a text."""
    for ds in (awkward, forms.profile_of(forms.gamma_rate())):
        pc = pml.plots.profile(ds, backend="none")
        plots = np.ravel(pc.viz["plot"].values) if pc.viz["plot"].ndim else [pc.viz["plot"].item()]
        for panel, calls in enumerate(plots):
            where = panel if len(plots) > 1 else None
            low, high = next(call["lims"] for call in calls if call.get("function") == "xlim")
            curve = drawn(pc, "curve", where)
            for text in drawn(pc, "cutoff_text", where):
                shift = {"left": 0.08, "center": 0.0, "right": -0.08}[text["horizontal_align"]]
                near = np.abs((np.asarray(curve["x"]) - text["x"]) / (high - low) - shift) < 0.05
                top = next(call["lims"] for call in calls if call.get("function") == "ylim")[1]
                above = (np.asarray(curve["y"]) - text["y"])[near] / top
                assert not ((above > 0.01) & (above < 0.06)).any()


def test_titles_tell_open_and_bound_ends(awkward):
    pc = pml.plots.profile(awkward, backend="none")
    titles = [next(c["string"] for c in panel if c.get("function") == "title") for panel in pc.viz["plot"].values]
    upper = 1 - np.exp(-Q / 20)
    assert titles[0] == f"95 %: [0, {upper:.4g})"
    assert titles[1].endswith(", ∞)")
    assert titles[2].endswith(", 1]")


def test_marks_stand_on_kinks_and_bounds(awkward):
    pc = pml.plots.profile(awkward, backend="none")
    assert "mark" in pc.viz
    marked = [call for call in drawn(pc, "mark", 2) if call is not None]
    assert len(marked) == 1
    assert float(np.ravel(marked[0]["x"])[0]) == 1.0


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("scale", ["delta", "zeta"])
def test_every_backend_draws_profiles(backend, scale, normal, awkward):
    for ds in (normal, awkward, normal.sel(parameter=["mu"])):
        assert "curve" in pml.plots.profile(ds, scale=scale, backend=backend).viz


def test_profiles_that_are_none_are_refused(normal):
    with pytest.raises(TypeError, match="Expected the Dataset from profile_likelihood"):
        pml.plots.profile("mu")
    with pytest.raises(ValueError, match="pass what profile_likelihood returns"):
        pml.plots.profile(xr.Dataset({"a": 1}))
    with pytest.raises(ValueError, match="scale"):
        pml.plots.profile(normal, scale="root")
    with pytest.raises(ValueError, match="level"):
        pml.plots.profile(normal, level=95)


# --- the others along the way ----------------------------------------------------------------------------------------


def test_paths_are_where_the_others_are_at_their_best(normal):
    pc = pml.plots.nuisance_paths(normal, backend="none")
    mu = drawn(pc, "beyond", 0)
    np.testing.assert_allclose(mu["y"], np.sqrt(forms.SD**2 + (np.asarray(mu["x"]) - forms.MEAN) ** 2), rtol=1e-12)
    sigma = drawn(pc, "beyond", 1)
    np.testing.assert_allclose(sigma["y"], forms.MEAN, rtol=1e-12)


def test_the_blue_part_of_a_path_is_the_interval(normal):
    pc = pml.plots.nuisance_paths(normal.sel(parameter=["mu"]), backend="none")
    low, high = (forms.normal_mean().reach(side, Q) for side in (-1, 1))
    inside, whole = np.asarray(drawn(pc, "path")["x"]), np.asarray(drawn(pc, "beyond")["x"])
    np.testing.assert_array_equal(inside, whole[(whole >= low) & (whole <= high)])
    assert inside.size < whole.size


def test_what_hardly_moves_is_drawn_level(normal):
    """The mean stands still along the profile of σ, and the panel is half a standard error high."""
    pc = pml.plots.nuisance_paths(normal, backend="none")
    low, high = next(call["lims"] for call in pc.viz["plot"].values[1] if call.get("function") == "ylim")
    assert (low + high) / 2 == pytest.approx(forms.MEAN)
    assert high - low == pytest.approx(0.5 * forms.SD / np.sqrt(forms.N))


def test_nuisance_parameters_are_chosen_by_name(normal):
    assert pml.plots.nuisance_paths(normal, nuisance=["mu"], backend="none").viz["path"]["sheet"].ndim == 0
    with pytest.raises(ValueError, match="in nuisance, got 'nu': use mu, sigma"):
        pml.plots.nuisance_paths(normal, "nu")
    with pytest.raises(ValueError, match=r"another parameter moves, got one of \['mu'\] .* plots.profile shows"):
        pml.plots.nuisance_paths(normal.sel(parameter=["mu"]), "mu")
    alone = normal.sel(parameter=["mu"], parameter_bis=["mu"])
    with pytest.raises(ValueError, match=r"in a model of \['mu'\]; plots.profile shows"):
        pml.plots.nuisance_paths(alone)


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_draws_paths(backend, normal):
    assert "path" in pml.plots.nuisance_paths(normal, backend=backend).viz


# --- intervals -------------------------------------------------------------------------------------------------------


def segments(call) -> list[tuple[float, float]]:
    """Two ends each of the lines in one with gaps."""
    x = np.asarray(call["x"], dtype=float)
    pieces = np.split(x, np.flatnonzero(np.isnan(x)))
    return [tuple(piece[np.isfinite(piece)]) for piece in pieces if np.isfinite(piece).any()]


def test_lines_go_from_end_to_end():
    shape = forms.normal_mean(), forms.normal_sd()
    pc = pml.plots.intervals(forms.intervals_of(*shape), backend="none")
    wald, profile = drawn(pc, "line")
    se = [forms.SD / np.sqrt(forms.N), forms.SD / np.sqrt(2 * forms.N)]
    for form, found, error in zip(shape, segments(wald), se, strict=True):
        np.testing.assert_allclose(found, form.estimate + np.array([-1, 1]) * np.sqrt(Q) * error, rtol=1e-12)
    for form, found in zip(shape, segments(profile), strict=True):
        np.testing.assert_allclose(found, [form.reach(side, Q) for side in (-1, 1)], rtol=1e-12)


def test_an_open_end_runs_to_the_edge_with_an_arrow_and_a_bound_has_a_square():
    ds = forms.intervals_of(forms.ratio(), forms.bounded(), methods=("profile",))
    pc = pml.plots.intervals(ds, shared=False, backend="none")
    (line,) = drawn(pc, "line", 0)
    window = next(c["lims"] for c in pc.viz["plot"].values[0] if c.get("function") == "xlim")
    assert segments(line)[0][1] == pytest.approx(window[1])
    (end,) = drawn(pc, "end", 0)
    assert max(np.asarray(end["x"])[np.isfinite(end["x"])]) == pytest.approx(window[1])
    (bound,) = drawn(pc, "bound", 1)
    np.testing.assert_array_equal(bound["x"], [1.0])
    assert [call for call in drawn(pc, "bound", 0) if call is not None] == []


def test_the_posterior_stands_beside_with_its_hdi(rng):
    import arviz as az

    draws = xr.Dataset({"mu": (("chain", "draw"), rng.gamma(3.0, size=(2, 400)))})
    ds = forms.intervals_of(forms.normal_mean())
    pc = pml.plots.intervals(ds, dt=xr.DataTree.from_dict({"posterior": draws}), backend="none")
    *_, posterior = drawn(pc, "line")
    wanted = az.hdi(draws, prob=0.95)["mu"].values
    np.testing.assert_allclose(segments(posterior)[0], wanted, rtol=1e-12)
    *_, posterior = drawn(pml.plots.intervals(ds, dt=draws, ci_kind="eti", backend="none"), "line")
    np.testing.assert_allclose(segments(posterior)[0], draws["mu"].quantile([0.025, 0.975]), rtol=1e-3)


def test_levels_lie_on_each_other():
    pc = pml.plots.intervals(forms.intervals_of(forms.normal_mean(), level=(0.5, 0.95)), backend="none")
    _, outer = drawn(pc, "line")
    _, inner = drawn(pc, "line_inner")
    for call, cut in ((outer, Q), (inner, stats.chi2.ppf(0.5, 1))):
        wanted = [forms.normal_mean().reach(side, cut) for side in (-1, 1)]
        np.testing.assert_allclose(segments(call)[0], wanted, rtol=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_draws_intervals(backend):
    one = forms.intervals_of(forms.normal_mean(), forms.ratio(), forms.bounded())
    assert "line" in pml.plots.intervals(one, backend=backend).viz
    assert "line" in pml.plots.intervals({"a": one, "b": one}, backend=backend).viz


def test_intervals_that_are_none_are_refused():
    with pytest.raises(TypeError, match="Expected the Dataset from confidence_intervals"):
        pml.plots.intervals("mu")
    with pytest.raises(ValueError, match="Expected draws of"):
        pml.plots.intervals(
            forms.intervals_of(forms.normal_mean()), dt=xr.Dataset({"nu": (("chain", "draw"), [[1.0]])})
        )
