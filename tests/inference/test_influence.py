"""Estimates and intervals without an observation: closed forms, refits without it, small changes of weight."""

import warnings
from importlib import import_module

import arviz as az
import matplotlib.pyplot as plt
import numpy as np
import published
import pymc as pm
import pytest
import xarray as xr
from scipy import stats

import pymc_landscape as pml
from pymc_landscape import plots
from pymc_landscape.inference import case_deletion
from pymc_landscape.inference.case_deletion import CaseDeletion, DeletedObservation

plot_room = import_module("pymc_landscape.plots.influence_plot")
Q = stats.chi2(1).ppf(0.95)


def fit_of(model: pm.Model) -> pml.Fit:
    return pml.fit_mle(model, progressbar=False)


def influence(fit: pml.Fit, *args, **options) -> xr.Dataset:
    return pml.influence(fit, *args, progressbar=False, **options)


# --- a straight line: everything in closed form ----------------------------------------------------------------------

SIGMA = 0.7
X = np.array([-1.2, -0.5, 0.0, 0.3, 0.9, 3.5])
Y = np.array([0.3, -0.2, 0.9, 0.1, 1.8, 1.0])
DESIGN = np.column_stack([np.ones(6), X])
INVERSE = np.linalg.inv(DESIGN.T @ DESIGN)  # of X'X
RESIDUAL = Y - DESIGN @ INVERSE @ DESIGN.T @ Y
HAT = np.einsum("ij,jk,ik->i", DESIGN, INVERSE, DESIGN)


@pytest.fixture(scope="module")
def line() -> pml.Fit:
    with pm.Model(coords={"day": list("abcdef"), "side": ["level", "slope"]}) as model:
        b = pm.Normal("b", 0, 10, dims="side")
        pm.Deterministic("at_two", b[0] + 2 * b[1])
        pm.Normal("y", b[0] + b[1] * X, np.float64(SIGMA), observed=Y, dims="day")
    return fit_of(model)


@pytest.fixture(scope="module")
def of_line(line) -> xr.Dataset:
    return influence(line, ["b", "at_two"], exact=True)


def test_dfbeta_of_a_straight_line(of_line):
    """Belsley, Kuh & Welsch (1980), equation 2.1: (X'X)⁻¹ xᵢ eᵢ / (1 − hᵢ), with the sign of leaving out."""
    dfbeta = -(DESIGN @ INVERSE) * (RESIDUAL / (1 - HAT))[:, None]
    dfbeta = np.column_stack([dfbeta, dfbeta @ [1, 2]])
    for name in ("one_step", "exact_change"):
        np.testing.assert_allclose(of_line[name], dfbeta, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(of_line["change"], dfbeta * (1 - HAT)[:, None], rtol=1e-8, atol=1e-10)


def test_leverage_and_cooks_distance_of_a_straight_line(of_line):
    """Cook (1977): D = e² h / (k σ² (1 − h)²); the displacement is k D where σ is known."""
    distance = RESIDUAL**2 * HAT / (SIGMA**2 * (1 - HAT) ** 2)
    np.testing.assert_allclose(of_line["leverage"], HAT, rtol=1e-6)
    np.testing.assert_allclose(of_line["displacement"], distance, rtol=1e-6)
    np.testing.assert_allclose(of_line["exact_displacement"], distance, rtol=1e-5)
    np.testing.assert_allclose(of_line["score"], DESIGN * RESIDUAL[:, None] / SIGMA**2, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(of_line["log_likelihood"], stats.norm(0, SIGMA).logpdf(RESIDUAL), rtol=1e-9)


def test_ends_of_a_straight_lines_intervals(of_line):
    """Ends are b ± √q σ √Cⱼⱼ, C = (X' W X)⁻¹ with weights W, and dC/dwᵢ = −C xᵢ xᵢ' C."""
    moved = DESIGN @ INVERSE
    wider = np.sqrt(Q) * SIGMA * moved**2 / (2 * np.sqrt(np.diag(INVERSE)))
    wanted = np.stack([-moved * RESIDUAL[:, None] - wider, -moved * RESIDUAL[:, None] + wider], axis=-1)
    np.testing.assert_allclose(of_line["end_change"][:, :2], wanted, rtol=1e-6, atol=1e-8)


def test_labels_and_dims(of_line):
    assert of_line["observation"].values.tolist() == [f"y[{day}]" for day in "abcdef"]
    assert of_line["parameter"].values.tolist() == ["b[level]", "b[slope]", "at_two"]
    assert set(of_line["term"].values) == {"y"}
    assert of_line["end_change"].dims == ("observation", "parameter", "bound")
    assert of_line.attrs["group"] == "influence"


def test_it_is_saved_and_reopened_unchanged(of_line, tmp_path):
    tree = pml.to_datatree(of_line)
    tree.to_netcdf(tmp_path / "one.nc")
    with xr.open_datatree(tmp_path / "one.nc") as again:
        xr.testing.assert_identical(again["influence"].to_dataset().load(), of_line)


# --- counts, and a scale that is not known ---------------------------------------------------------------------------

COUNTS = np.array([3, 0, 5, 2, 11, 4])


@pytest.fixture(scope="module")
def counts() -> xr.Dataset:
    with pm.Model() as model:
        mu = pm.Exponential("mu", 0.1)
        pm.Poisson("n", mu, observed=COUNTS)
    return influence(fit_of(model), exact=True)


def test_a_poisson_mean(counts):
    mean, without = COUNTS.mean(), (COUNTS.sum() - COUNTS) / (len(COUNTS) - 1)
    total = np.array([stats.poisson(m).logpmf(COUNTS).sum() for m in (mean, *without)])
    np.testing.assert_allclose(counts["change"][:, 0], (mean - COUNTS) / len(COUNTS), rtol=1e-7)
    np.testing.assert_allclose(counts["exact_change"][:, 0], without - mean, rtol=1e-6)
    np.testing.assert_allclose(counts["exact_displacement"], 2 * (total[0] - total[1:]), rtol=1e-6)
    np.testing.assert_allclose(counts["leverage"], 1 / 6, rtol=1e-6)


def test_ends_of_a_poisson_mean(counts):
    """The end solves 2 [Σ wᵢ ℓᵢ(μ̂_w) − Σ wᵢ ℓᵢ(μ)] = q: its change by differences of the weight."""
    from scipy.optimize import brentq

    def end(weights, low, high):
        w, s = weights.sum(), weights @ COUNTS
        rise = lambda mu: 2 * (s * np.log(s / w) - s - s * np.log(mu) + w * mu) - Q  # noqa: E731
        return brentq(rise, *((low, s / w) if high is None else (s / w, high)), xtol=1e-13)

    for i, h in ((0, 1e-5), (4, 1e-5)):
        step = h * np.eye(6)[i]
        for k, limits in enumerate(((0.01, None), (None, 60.0))):
            slope = (end(1 + step, *limits) - end(1 - step, *limits)) / (2 * h)
            assert counts["end_change"][i, 0, k] == pytest.approx(-slope, rel=1e-5)


def test_a_mean_and_a_scale():
    y = np.array([0.2, 1.4, 0.9, 5.1, 0.5])
    with pm.Model() as model:
        mu, sigma = pm.Normal("mu", 0, 10), pm.HalfNormal("sigma", 10)
        pm.Normal("y", mu, sigma, observed=y)
    found = influence(fit_of(model), exact=True)
    rest = [np.delete(y, i) for i in range(5)]
    wanted = np.array([[part.mean() - y.mean(), part.std() - y.std()] for part in rest])
    np.testing.assert_allclose(found["exact_change"], wanted, rtol=1e-6)
    assert found["leverage"].sum() == pytest.approx(2, rel=1e-6)


# --- logistic regression: refits -------------------------------------------------------------------------------------

MOTHS = published.read("budworm")


def budworm(n, dead, rows=slice(None)) -> pm.Model:
    data = MOTHS[rows]
    with pm.Model() as model:
        b = pm.Normal("b", 0, 10, shape=3)
        pm.Deterministic("ld50", -b[0] / b[2])
        logit = b[0] + b[1] * (data["sex"] == "M").to_numpy(float) + b[2] * data["ldose"].to_numpy(float)
        pm.Binomial("dead", n=pm.Data("n", n[rows]), logit_p=logit, observed=pm.Data("k", dead[rows]))
    return model


N, DEAD = MOTHS["n"].to_numpy(), MOTHS["dead"].to_numpy()


@pytest.fixture(scope="module")
def moths() -> pml.Fit:
    return fit_of(budworm(N, DEAD))


@pytest.fixture(scope="module")
def of_moths(moths) -> xr.Dataset:
    return influence(moths, ["b", "ld50"], exact=True)


def test_refits_without_each_batch(of_moths, moths):
    """A batch of no moths says nothing: refits to data in which one is empty."""
    objective = pml.Objective(budworm(N, DEAD))
    before = np.append(moths.point["b"], moths.derived["ld50"])
    for i in range(12):
        others = np.arange(12) != i
        fit = fit_of(objective.with_data(n=N * others, k=DEAD * others))
        after = np.append(fit.point["b"], fit.derived["ld50"])
        np.testing.assert_allclose(of_moths["exact_change"][i], after - before, rtol=1e-5, atol=1e-7)
        theta = moths.objective.pack({"b": fit.point["b"].values})
        rise = moths.objective.minus2ll(theta) - moths.minus2ll
        assert of_moths["exact_displacement"][i] == pytest.approx(rise, rel=1e-5)


@pytest.mark.exhaustive
def test_a_model_without_the_row(of_moths, moths):
    rows = np.arange(12) != 11
    fit = fit_of(budworm(N, DEAD, rows))
    np.testing.assert_allclose(of_moths["exact_change"][11, :3], fit.point["b"] - moths.point["b"], rtol=1e-5)


def test_one_step_is_near_and_first_order_less_so(of_moths):
    exact, se = of_moths["exact_change"], of_moths["standard_error"]
    wrong = {name: float(np.abs((of_moths[name] - exact) / se).max()) for name in ("one_step", "change")}
    assert wrong["one_step"] < 0.12
    assert wrong["one_step"] < wrong["change"] < 0.6
    np.testing.assert_allclose(of_moths["leverage"].sum(), 3, rtol=1e-6)


@pytest.mark.exhaustive
def test_ends_move_as_small_changes_of_weight_move_them(of_moths):
    """The same surface as a sum of weighted potentials; ends by differences of one weight."""
    with pm.Model() as model:
        weight = pm.Data("weight", np.ones(12))
        b = pm.Normal("b", 0, 10, shape=3)
        pm.Deterministic("ld50", -b[0] / b[2])
        logit = b[0] + b[1] * (MOTHS["sex"] == "M").to_numpy(float) + b[2] * MOTHS["ldose"].to_numpy(float)
        pm.Potential("ll", weight * pm.logp(pm.Binomial.dist(n=N, logit_p=logit), DEAD))
    h, objective = 1e-4, pml.Objective(model)

    def ends(step: np.ndarray) -> np.ndarray:
        fit = fit_of(objective.with_data(weight=1 + step))
        return pml.confidence_intervals(fit, ["b", "ld50"], progressbar=False)["interval"].values[..., 0]

    for i in (4, 11):
        slope = (ends(h * np.eye(12)[i]) - ends(-h * np.eye(12)[i])) / (2 * h)
        np.testing.assert_allclose(of_moths["end_change"][i], -slope, rtol=1e-5, atol=1e-7)


# --- edges, priors, several terms ------------------------------------------------------------------------------------


def test_an_estimate_on_an_edge():
    """Ten successes in ten: p̂ = 1, and the lower end is exp(−q / 2W) for a sum W of weights."""
    with pm.Model() as model:
        p = pm.Uniform("p", 0, 1)
        pm.Bernoulli("y", p, observed=np.ones(10, int))
    found = influence(fit_of(model))
    low = np.exp(-Q / 20)
    np.testing.assert_allclose(found["end"][0], [low, 1.0], rtol=1e-8)
    np.testing.assert_allclose(found["end_change"][:, 0, 0], -low * Q / 200, rtol=1e-6)
    assert (found["end_change"][:, 0, 1] == 0).all()


def test_a_posterior_mode():
    """Normal prior and data: without yᵢ the mode is the weighted mean of the others and of the prior's."""
    y = np.array([0.2, 1.4, 0.9, 3.0])
    with pm.Model() as model:
        mu = pm.Normal("mu", np.float64(-1.0), np.float64(0.5))
        pm.Normal("y", mu, 1.0, observed=y)
    found = influence(pml.fit_map(model, progressbar=False), exact=True)
    mode = lambda values: (values.sum() - 1.0 / 0.25) / (len(values) + 1 / 0.25)  # noqa: E731
    wanted = [mode(np.delete(y, i)) - mode(y) for i in range(4)]
    np.testing.assert_allclose(found["exact_change"][:, 0], wanted, rtol=1e-6)
    np.testing.assert_allclose(found["one_step"][:, 0], wanted, rtol=1e-6)
    np.testing.assert_allclose(found["leverage"], 1 / 8, rtol=1e-6)  # of an information of 4 + 4
    assert found.attrs["kind"] == "map"


@pytest.mark.exhaustive
def test_an_observation_that_alone_holds_a_parameter():
    with pm.Model() as model:
        b = pm.Normal("b", 0, 10, shape=2)
        pm.Normal("y", b[np.array([0, 0, 1])], 1.0, observed=[0.3, 0.5, 2.0])
    with pytest.warns(UserWarning, match=r"Without y\[2\] no optimum was found, nor without 0 more"):
        found = influence(fit_of(model), exact=True)
    assert np.isnan(found["one_step"][2]).all()
    assert np.isnan(found["exact_change"][2]).all()
    np.testing.assert_allclose(found["leverage"], [0.5, 0.5, 1.0], rtol=1e-6)
    np.testing.assert_allclose(found["exact_change"][:2], [[0.1, 0], [-0.1, 0]], atol=1e-8)


@pytest.mark.exhaustive
def test_observations_of_several_terms_and_of_vectors():
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(4, 2))
    with pm.Model(coords={"row": list("abcd"), "side": ["x", "y"]}) as model:
        mu = pm.Normal("mu", 0, 5, shape=2)
        pm.MvNormal("v", mu, np.eye(2), observed=rows, dims=("row", "side"))
        pm.Normal("single", mu[0], 1.0, observed=0.7)
    found = influence(fit_of(model), exact=True)
    assert found["observation"].values.tolist() == ["v[a]", "v[b]", "v[c]", "v[d]", "single"]
    assert found["term"].values.tolist() == ["v"] * 4 + ["single"]
    first = np.append(rows[:, 0], 0.7)
    wanted = [np.delete(first, i).mean() - first.mean() for i in range(5)]
    np.testing.assert_allclose(found["exact_change"][:, 0], wanted, rtol=1e-6)
    np.testing.assert_allclose(found["exact_change"][4, 1], 0, atol=1e-9)


# --- beside LOO ------------------------------------------------------------------------------------------------------


def test_paretos_k_is_that_of_loo(line, rng):
    scale = np.linalg.cholesky(SIGMA**2 * INVERSE)
    b = line.point["b"].values + rng.normal(size=(4, 500, 2)) @ scale.T
    dt = az.from_dict({"posterior": {"b": b}}, coords={"side": ["level", "slope"]}, dims={"b": ["side"]})
    found = influence(line, dt=dt)
    mean = b[..., :1] + b[..., 1:] * X
    whole = {"posterior": {"b": b}, "log_likelihood": {"y": stats.norm(mean, SIGMA).logpdf(Y)}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        loo = az.loo(az.from_dict(whole), pointwise=True)
    np.testing.assert_allclose(found["pareto_k"], loo.pareto_k, rtol=1e-6)
    np.testing.assert_allclose(found["elpd_loo"], loo.elpd_i, rtol=1e-6)
    assert np.argmax(found["pareto_k"].values) == np.argmax(found["leverage"].values)  # the point far to the right
    assert list(dt.children) == ["posterior"]
    assert found.attrs["good_k"] == pytest.approx(min(1 - 1 / np.log10(2000), 0.7))


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fit_any", [pml.fit_mle, pml.fit_map])
def test_minima_side_by_side_are_those_one_by_one(monkeypatch, fit_any):
    """Two terms, one of them of vectors; without the last of `z` its own parameter has no minimum."""
    with pm.Model() as model:
        mu, own = pm.Normal("mu", 0, 5, shape=2), pm.Normal("own", 0, 5)
        pm.MvNormal("y", mu, np.array([[1.0, 0.4], [0.4, 2.0]]), observed=np.column_stack([X, Y]))
        pm.Poisson("z", pm.math.exp(mu[0] + own * np.array([0.0, 0.0, 1.0])), observed=[2, 3, 7])
    deletion = CaseDeletion(fit_any(model, progressbar=False))
    assert np.isnan(deletion.minima_at_once()).all()  # too few to be worth it
    monkeypatch.setattr(case_deletion, "FEWEST", 1)
    at_once = deletion.minima_at_once()
    starts = deletion.x + deletion.one_step
    alone = np.array([DeletedObservation(deletion, i).minimum(start) for i, start in enumerate(starts)])
    np.testing.assert_allclose(at_once, alone, rtol=1e-8, atol=1e-10)
    assert np.isfinite(at_once).all(axis=1).tolist() == [True] * 8 + [fit_any is pml.fit_map]


def test_wrong_questions_are_refused(line, monkeypatch):
    with pytest.raises(ValueError, match="Expected parameters or Deterministics of the model in var_names, got 'c'"):
        influence(line, "c")
    with pytest.raises(ValueError, match="level"):
        influence(line, level=1.5)
    with pytest.raises(ValueError, match="got none of its parameter b"):
        influence(line, dt=az.from_dict({"posterior": {"a": np.zeros((2, 20))}}))
    monkeypatch.setattr("pymc_landscape.inference.case_influence.MOST_EXACT", 5)
    with pytest.raises(ValueError, match="Expected at most 5 observations for exact=True, got 6"):
        influence(line, exact=True)


def test_a_fit_without_an_optimum_is_refused():
    with pm.Model() as model:
        b = pm.Normal("b", 0, 10)
        pm.Bernoulli("y", logit_p=b * np.array([-2.0, -1.0, 1.0, 2.0]), observed=[0, 0, 1, 1])
    with pytest.raises(ValueError, match="Expected a fit with an optimum, got one that is unbounded"):
        influence(fit_of(model))


def test_many_observations_are_answered_to_first_order(line, monkeypatch):
    monkeypatch.setattr("pymc_landscape.inference.case_deletion.MOST_NUMBERS", 5)
    with pytest.warns(UserWarning, match="The curvatures of 6 observations by 2 parameters are too many for memory"):
        found = influence(line)
    assert np.isnan(found["leverage"]).all()
    assert np.isfinite(found["change"]).all()
    assert np.isfinite(found["end_change"]).all()


# --- the picture -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["matplotlib", "plotly", "bokeh", "none"])
def test_the_picture_shows_changes_in_standard_errors(backend, of_moths):
    if backend not in ("none", "matplotlib"):
        pytest.importorskip(backend)
    pc = plots.influence(of_moths, backend=backend)
    assert pc.viz["points"]["sheet"].sizes["panel"] == 4
    if backend == "none":
        drawn = pc.viz["points"]["sheet"].sel(panel=3).item()
        np.testing.assert_allclose(drawn["x"], of_moths["leverage"])
        wanted = (of_moths["exact_change"] / of_moths["standard_error"]).sel(parameter="ld50")
        np.testing.assert_allclose(drawn["y"], wanted)
    plt.close("all")


def test_high_paretos_k_is_marked(of_moths):
    k = np.linspace(0.1, 0.9, 12)
    found = of_moths.assign(pareto_k=("observation", k)).assign_attrs(good_k=0.7).sel(parameter=["ld50"])
    pc = plots.influence(found, backend="none")
    usual, high = pc.viz["points"]["sheet"].values
    np.testing.assert_allclose(usual["x"], k)
    np.testing.assert_allclose(high["x"], k[k > 0.7])
    assert list(pc.viz["limit"]["sheet"].item()["x"]) == [0.7, 0.7]


def test_names_that_would_overlap_are_left_out():
    x, y = np.array([0.0, 0.01, 1.0, np.nan]), np.array([1.0, 0.99, -0.5, 5.0])
    assert plot_room.named(x, y, 4, ((0.0, 1.0), (-1.0, 1.0))) == [0, 2]
    assert plot_room.named(x, y, 2, ((0.0, 1.0), (-1.0, 1.0))) == [0]


def test_what_is_no_influence_is_not_drawn(of_moths):
    with pytest.raises(TypeError, match="Expected the Dataset from influence, got int"):
        plots.influence(3)
    with pytest.raises(ValueError, match=r"Expected the Dataset from influence, got one of \['score'\]"):
        plots.influence(of_moths[["score"]])
    many = of_moths.isel(parameter=[0, 1, 2, 3, 0, 1, 2, 3])
    with pytest.raises(ValueError, match="Expected 1 to 6 parameters, got 8"):
        plots.influence(many)
