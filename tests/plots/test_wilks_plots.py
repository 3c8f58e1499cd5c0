"""Pictures of simulated likelihood ratios: quantiles, envelopes and p-values in closed form."""

from dataclasses import dataclass

import numpy as np
import pytest
import xarray as xr
from scipy import optimize, stats

import pymc_landscape as pml

BACKENDS = ["matplotlib", "plotly", "bokeh"]
N = 199


def bootstrap(draws, k=1) -> xr.Dataset:
    """What ``parametric_bootstrap`` returns, less what is not read."""
    dims = ("chain", "draw")
    return xr.Dataset({"delta_minus2ll": (dims, np.atleast_2d(draws))}, attrs={"k": k, "group": "bootstrap"})


def compared(draws, statistic=3.0, df=1) -> xr.Dataset:
    """What a bootstrapped test's ``to_dataset`` returns, less what is not read."""
    p_value = (1 + int((np.asarray(draws) >= statistic).sum())) / (1 + len(draws))
    data = {"statistic": statistic, "df": df, "p_value": p_value, "draws": ("draw", np.asarray(draws))}
    return xr.Dataset(data, attrs={"group": "likelihood_ratio", "reference": "bootstrap"})


def drawn(pc, visual):
    return list(pc.viz[visual]["sheet"].values)


def title(pc) -> str:
    """The title on one line; what stays on one line is joined by spaces that do not break."""
    written = next(call["string"] for call in pc.viz["plot"].item() if call.get("function") == "title")
    return written.replace("\n", " ").replace("\N{NO-BREAK SPACE}", " ")


def half_normal_quantile(p):
    """Of ½ χ²₀ + ½ χ²₁, as the quantile of the square of a normal that is cut off at 0."""
    return np.where(p > 0.5, stats.norm.ppf(np.maximum(p, 0.5)) ** 2, 0.0)


@pytest.fixture
def draws(rng) -> np.ndarray:
    return rng.chisquare(3, N)


def test_points_stand_over_the_quantiles_of_chi_square(draws):
    (points,) = drawn(pml.plots.wilks_qq(bootstrap(draws, k=3), backend="none"), "points")
    np.testing.assert_allclose(points["x"], stats.chi2.ppf(np.arange(1, N + 1) / (N + 1), 3), rtol=1e-12)
    np.testing.assert_array_equal(points["y"], np.sort(draws))


def test_the_envelope_is_that_of_order_statistics(draws):
    pc = pml.plots.wilks_qq(bootstrap(draws, k=3), envelope_prob=0.9, backend="none")
    (band,) = drawn(pc, "envelope")
    rank = np.arange(1, N + 1)
    for tail, edge in ((0.05, "y_bottom"), (0.95, "y_top")):
        wanted = stats.chi2.ppf(stats.beta.ppf(tail, rank, N + 1 - rank), 3)
        np.testing.assert_allclose(band[edge], wanted, rtol=1e-9)


def test_a_mixture_has_its_atom_at_zero(rng):
    z = rng.normal(size=N)
    test = compared(np.maximum(z, 0) ** 2, statistic=2.0)
    pc = pml.plots.wilks_qq(test, weights=[0.5, 0.5], envelope_prob=0.9, backend="none")
    p, rank = np.arange(1, N + 1) / (N + 1), np.arange(1, N + 1)
    (points,), (band,) = drawn(pc, "points"), drawn(pc, "envelope")
    np.testing.assert_allclose(points["x"], half_normal_quantile(p), atol=1e-9)
    assert (points["x"][: N // 2] == 0).all()
    np.testing.assert_allclose(band["y_top"], half_normal_quantile(stats.beta.ppf(0.95, rank, N + 1 - rank)), atol=1e-9)
    share = np.round(100 * (z <= 0).mean(), 1)
    p_value = stats.norm.sf(np.sqrt(2.0))
    assert title(pc).endswith(f"{p_value:.3g} by 0.5 χ²(0) + 0.5 χ²(1), {share:g} % at 0")


def test_a_mixture_of_three_by_bisection_of_scipys_tails(draws):
    weights = [0.2, 0.5, 0.3]

    def tail(x):
        return sum(w * stats.chi2.sf(x, j) for j, w in enumerate(weights) if j)

    (points,) = drawn(pml.plots.wilks_qq(bootstrap(draws), weights=weights, backend="none"), "points")
    for i in (60, 120, 198):
        wanted = optimize.brentq(lambda x, i=i: tail(x) - (1 - (i + 1) / (N + 1)), 1e-9, 50)
        assert points["x"][i] == pytest.approx(wanted, rel=1e-9)


def test_the_observed_statistic_is_marked_with_both_p_values(draws):
    pc = pml.plots.wilks_qq(compared(draws, statistic=3.0), df=2, backend="none")
    (line,), (text,) = drawn(pc, "observed"), drawn(pc, "observed_text")
    np.testing.assert_array_equal(line["y"], [3.0, 3.0])
    assert text["string"] == "observed 3"
    simulated = (1 + (draws >= 3.0).sum()) / (1 + N)
    assert title(pc) == f"p = {simulated:.3g} simulated, {stats.chi2.sf(3.0, 2):.3g} by χ²(2)"


def test_a_statistic_far_above_all_draws_is_told_and_does_not_flatten_them(draws):
    pc = pml.plots.wilks_qq(compared(draws, statistic=1000.0), backend="none")
    assert drawn(pc, "observed") == [None]
    (text,) = drawn(pc, "observed_text")
    assert text["string"] == "observed 1000 ↑"
    top = next(call["lims"] for call in pc.viz["plot"].item() if call.get("function") == "ylim")[1]
    assert text["y"] == pytest.approx(top)
    assert top < 100


def test_several_series_say_how_often_each_rejects(rng):
    few, many = 1.5 * rng.chisquare(1, 400), rng.chisquare(1, 3000)
    pc = pml.plots.wilks_qq({"n = 5": bootstrap(few), "n = 50": bootstrap(many)}, level=0.9, backend="none")
    cut = stats.chi2.ppf(0.9, 1)
    shares = [f"{100 * round((d > cut).mean(), 3):g} % (n = {n})" for d, n in ((few, 5), (many, 50))]
    assert title(pc) == f"beyond the 90 % cut-off: {', '.join(shares)}"
    legend = next(call for call in pc.viz["plot"].item() if call.get("function") == "legend")
    assert legend["labels"] == ["n = 5", "n = 50"]
    one, other = drawn(pc, "points")
    assert len(one["x"]) == 400
    assert 500 < len(other["x"]) < 3000  # what cannot be told apart is thinned, and the highest are all there
    np.testing.assert_array_equal(other["y"][-30:], np.sort(many)[-30:])
    assert len(drawn(pc, "envelope")) == 2


def test_results_say_their_own_law(draws):
    @dataclass
    class Result:
        dataset: xr.Dataset

        def to_dataset(self):
            return self.dataset

    test = compared(draws, df=4)
    tree = pml.to_datatree(bootstrap(draws, k=4))
    wanted = stats.chi2.ppf(np.arange(1, N + 1) / (N + 1), 4)
    for result in (test, Result(test), tree, xr.DataTree(test), {"a": Result(test)}, bootstrap(draws, k=4)):
        (points,) = drawn(pml.plots.wilks_qq(result, backend="none"), "points")
        np.testing.assert_allclose(points["x"], wanted, rtol=1e-12)


def test_refits_that_failed_are_left_out(draws):
    (points,) = drawn(pml.plots.wilks_qq(bootstrap([np.nan, *draws]), backend="none"), "points")
    assert len(points["x"]) == N


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_draws_it(backend, draws):
    for results in (bootstrap(draws), {"a": compared(draws), "b": compared(draws[:50])}):
        assert "points" in pml.plots.wilks_qq(results, backend=backend).viz


def test_what_has_no_simulated_statistics_is_refused(draws):
    without = compared(draws).drop_vars("draws")
    with pytest.raises(ValueError, match="a test without simulated draws; pass what likelihood_ratio_test"):
        pml.plots.wilks_qq(without)
    with pytest.raises(TypeError, match="Expected simulated statistics, got float"):
        pml.plots.wilks_qq({"a": 3.0})
    with pytest.raises(ValueError, match="got an empty mapping"):
        pml.plots.wilks_qq({})
    with pytest.raises(ValueError, match="that sum to 1"):
        pml.plots.wilks_qq(bootstrap(draws), weights=[0.5, 0.6])
    with pytest.raises(ValueError, match="Expected 3 weights with df=2, got 2"):
        pml.plots.wilks_qq(bootstrap(draws), df=2, weights=[0.5, 0.5])
    with pytest.raises(ValueError, match="whole number from 1 up, got None"):
        pml.plots.wilks_qq(xr.Dataset({"delta_minus2ll": ("draw", draws)}))
    with pytest.raises(ValueError, match="envelope_prob strictly between 0 and 1"):
        pml.plots.wilks_qq(bootstrap(draws), envelope_prob=95)


def test_a_title_of_two_lines_stays_below_that_of_the_figure_when_it_is_drawn_once(draws, tmp_path):
    pc = pml.plots.wilks_qq(compared(draws), weights=[0.5, 0.5], backend="matplotlib")
    panel = pc.viz["plot"].item()
    panel.set_title("one line of the panel\nand another")
    pc.add_title("Nor half of χ² with one: fewer are 0, and the tail is longer")
    pc.savefig(tmp_path / "picture.png")
    above, below = pc.viz["figure_title"].item(), panel.title
    assert below.get_window_extent().y1 <= above.get_window_extent().y0
