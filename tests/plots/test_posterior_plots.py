"""Pictures of likelihood beside posterior: what is drawn is what the tables say."""

import numpy as np
import pytest
import xarray as xr

import pymc_landscape as pml

BACKENDS = ["matplotlib", "plotly", "bokeh"]


@pytest.fixture(scope="module")
def table() -> xr.Dataset:
    """One parameter that is pulled, one that the likelihood does not know, one on an edge."""
    nan, inf = np.nan, np.inf
    columns = {"mle": [2.0, nan, 0.0], "map": [1.0, 5.0, 0.0], "mean": [1.2, 5.5, 0.08]}
    columns |= {"unit": [0.5, 1.0, 0.04], "prior_share": [0.354, 1.0, nan]}
    ends = {
        "wald": [[1.02, 2.98], [-inf, inf], [nan, nan]],
        "profile": [[1.0, 3.2], [-inf, inf], [0.0, 0.17]],
        "hdi": [[0.6, 1.9], [3.5, 7.5], [0.0, 0.24]],
    }
    data = {name: ("parameter", values) for name, values in columns.items()}
    data |= {name: (("parameter", "bound"), values) for name, values in ends.items()}
    coords = {"parameter": ["mu", "b[a]", "p"], "bound": ["lower", "upper"]}
    return xr.Dataset(data, coords, {"level": 0.95, "ci_prob": 0.95, "group": "comparison"})


@pytest.fixture(scope="module")
def curves() -> xr.Dataset:
    at = np.linspace(-3.0, 3.0, 61)
    bells = np.stack([np.exp(-0.5 * (at - m) ** 2) for m in (-1.0, 1.0, 0.0, 0.1)])
    names = ["prior", "likelihood profile", "posterior profile", "posterior marginal"]
    height = np.stack([bells, np.where(np.arange(4)[:, None] == 1, np.nan, bells)])
    data = {"value": (("parameter", "point"), [at, at]), "height": (("parameter", "curve", "point"), height)}
    data |= {"mle": ("parameter", [1.0, np.nan]), "map": ("parameter", [0.0, 0.0]), "mean": ("parameter", [0.1, 0.1])}
    return xr.Dataset(data, {"parameter": ["mu", "b[a]"], "curve": names}, {"group": "curves"})


def line(pc, visual: str) -> np.ndarray:
    drawn = pc.viz[visual]["sheet"].item()
    return np.column_stack([np.asarray(drawn["x"], float), np.asarray(drawn["y"], float)])


def pieces(xy: np.ndarray) -> list[np.ndarray]:
    """Lines between gaps."""
    gaps = np.flatnonzero(np.isnan(xy[:, 0]))
    return [piece[np.isfinite(piece[:, 0])] for piece in np.split(xy, gaps)]


def test_arrows_lead_from_estimate_to_mode_to_mean_in_units(table):
    pc = pml.plots.comparison(table, backend="none")
    prior, volume = pieces(line(pc, "prior")), pieces(line(pc, "volume"))
    np.testing.assert_allclose(prior[0][:, 0], [0.0, 0.0, -2.0], atol=1e-12)  # (1 − 2) / 0.5
    np.testing.assert_allclose(volume[0][:, 0], [-2.0, -2.0, -1.6], atol=1e-12)
    assert prior[1][1, 0] == pytest.approx(-2.0)  # the head's tip
    # without an estimate there is no pull, and the mean is in the middle
    assert all(np.all(piece[:, 1] > 1.5) or np.all(piece[:, 1] < 0.5) for piece in prior)
    assert any(np.isclose(piece[0, 0], -0.5) and 0.5 < piece[0, 1] < 1.5 for piece in volume)


def test_intervals_are_drawn_in_units_and_open_ones_to_the_edge(table):
    pc = pml.plots.comparison(table, backend="none")
    profile, wald = pieces(line(pc, "profile")), pieces(line(pc, "wald"))
    np.testing.assert_allclose(profile[0][:, 0], [-2.0, 2.4])
    heads = [piece for piece in profile if len(piece) == 3]
    assert len(heads) == 2
    assert heads[0][1, 0] < min(-2.5, profile[0][:, 0].min())
    assert not any(np.all(piece[:, 1] < 0.5) for piece in wald)  # an estimate on an edge has no interval of Wald's
    assert line(pc, "estimate").shape == (2, 2)  # two of three have one


def test_the_priors_share_stands_under_the_name(table):
    pc = pml.plots.comparison(table, backend="none")
    (ticks,) = [call for call in pc.viz["plot"].item() if call.get("function") == "yticks"]
    assert ticks["labels"] == ["p", "b[a]\nprior 100 %", "mu\nprior 35 %"]


def test_curves_are_those_of_the_dataset(curves):
    pc = pml.plots.four_curves(curves, backend="none")
    drawn = pc.viz["curve"]["sheet"].sel(panel=0).values
    for i, name in enumerate(curves["curve"].values):
        np.testing.assert_array_equal(drawn[i]["y"], curves["height"].sel(parameter="mu", curve=name))
    empty = pc.viz["curve"]["sheet"].sel(panel=1).values
    assert empty[1] is None
    marks = pc.viz["mark"]["sheet"].sel(panel=1).values
    assert marks[0] is None
    assert float(np.ravel(marks[2]["x"])[0]) == 0.1


def test_one_parameter_and_trees(table, curves):
    pml.plots.comparison(pml.to_datatree(table.sel(parameter=["mu"])), backend="none")
    pml.plots.comparison(table.sel(parameter="mu"), backend="none")
    pml.plots.four_curves(pml.to_datatree(curves.sel(parameter=["mu"])), backend="none")
    pml.plots.four_curves(curves.sel(parameter="mu"), backend="none")


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_draws(table, curves, backend):
    off = dict.fromkeys(("legend", "zero", "wald"), False)
    for visuals in (None, off):
        assert "profile" in pml.plots.comparison(table, backend=backend, visuals=visuals).viz
    assert "curve" in pml.plots.four_curves(curves, backend=backend).viz


def test_wrong_data_are_refused(table, curves):
    with pytest.raises(ValueError, match="Dataset from compare_with_posterior"):
        pml.plots.comparison(curves, backend="none")
    with pytest.raises(TypeError, match="Dataset from four_curves, got float"):
        pml.plots.four_curves(1.0, backend="none")
    many = xr.concat([table.isel(parameter=[0])] * 41, "parameter")
    with pytest.raises(ValueError, match="1 to 40 parameters, got 41"):
        pml.plots.comparison(many, backend="none")
