"""Firth's penalty: published fits, R's brglm2, and cells to which it adds half a count."""

import json

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from scipy import optimize, special, stats
from separated import COUNTS, DATA, ENDOMETRIAL, counts, endometrial, endometrial_design

import pymc_landscape as pml

BRGLM2 = json.loads((DATA / "brglm2.json").read_text(encoding="utf-8"))
Y, N = np.array([0, 5]), np.array([12, 9])
P = (Y + 0.5) / (N + 1)
CELLS = np.array([0, 4, 6])
SHARES = (CELLS + 0.5) / (CELLS.sum() + 1.5)


def flat(dataset):
    return np.concatenate([np.ravel(dataset[name]) for name in dataset])


def exhaustive(*values):
    return [pytest.param(value, marks=pytest.mark.exhaustive) for value in values]


def firth(model, **options):
    fit = pml.fit_mle(model, penalty="firth", starts=1, progressbar=False, **options)
    assert fit.status.value == "converged", fit.message
    return fit


# --- published -------------------------------------------------------------------------------------------------------


def test_the_endometrial_data_have_the_counts_of_the_paper():
    table = ENDOMETRIAL.groupby(["NV", "HG"]).size()
    assert (len(ENDOMETRIAL), ENDOMETRIAL["HG"].sum()) == (79, 30)
    assert table.to_dict() == {(0, 0): 49, (0, 1): 17, (1, 1): 13}


@pytest.fixture(scope="module")
def published():
    return firth(endometrial())


def test_the_endometrial_estimates_are_those_of_heinze_and_schemper(published):
    np.testing.assert_allclose(flat(published.point), [3.775, 2.929, -0.035, -2.604], atol=5e-4)


def penalized(theta):
    """−2 (log L + ½ log det XᵀWX) of the endometrial data, by numpy."""
    design, y = endometrial_design(), ENDOMETRIAL["HG"].to_numpy()
    p = special.expit(design @ theta)
    information = design.T @ (design * (p * (1 - p))[:, None])
    return -2.0 * stats.bernoulli.logpmf(y, p).sum() - np.linalg.slogdet(information)[1]


def profile(i, value, start):
    free = np.delete(np.arange(4), i)
    scale = np.array([1.0, 1.0, 0.05, 1.0])[free]
    at = lambda x: penalized(np.insert(x * scale, i, value))  # noqa: E731
    found = optimize.minimize(at, start[free] / scale, method="BFGS", options={"gtol": 1e-9})
    return optimize.minimize(at, found.x, method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-13}).fun


def test_values_are_those_of_numpy_at_any_point(published):
    for theta in np.random.default_rng(1).normal(size=(5, 4)) * [1, 2, 0.1, 1]:
        assert float(published.objective.value(theta)) == pytest.approx(penalized(theta), rel=1e-12)
    assert published.penalized_minus2ll == pytest.approx(penalized(published.theta), rel=1e-12)
    parts = published.minus2ll - 2 * published.log_penalty
    assert published.penalized_minus2ll == pytest.approx(parts) == pytest.approx(published.result.value)


def test_gradient_and_hessian_are_exact(published):
    objective, theta = published.objective, np.array([1.0, 1.5, 0.02, -1.0])
    steps = 1e-5 * np.diag([1.0, 1.0, 0.05, 1.0])
    slopes = [(penalized(theta + h) - penalized(theta - h)) / (2 * h.max()) for h in steps]
    np.testing.assert_allclose(objective.gradient(theta), slopes, rtol=1e-6, atol=1e-6)
    bends = [(objective.gradient(theta + h) - objective.gradient(theta - h)) / (2 * h.max()) for h in steps]
    np.testing.assert_allclose(objective.hessian(theta), bends, rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("name", ["NV", *exhaustive("EH")])
def test_interval_ends_are_scipys_on_the_penalised_profile(published, name):
    ends = pml.confidence_intervals(published, var_names=[name], progressbar=False)["interval"].values.ravel()
    i, estimate = ["intercept", "NV", "PI", "EH"].index(name), published.theta
    height = published.penalized_minus2ll + stats.chi2.ppf(0.95, 1)
    for end in ends:
        found = optimize.brentq(lambda v: profile(i, v, estimate) - height, end - 0.05, end + 0.05, xtol=1e-12)
        assert end == pytest.approx(found, abs=1e-6)


def test_intervals_and_p_values_are_those_that_logistf_publishes(published):
    """Heinze & Schemper (2002), table II; p of penalised likelihood ratios, the column kept in the information."""
    ends = pml.confidence_intervals(published, progressbar=False)["interval"].squeeze().values
    np.testing.assert_allclose(ends[1:], [[0.61, 7.85], [-0.12, 0.04], [-4.37, -1.23]], atol=0.005)
    for name, p in {"NV": 0.0091, "PI": 0.3875}.items():
        null = firth(pm.do(published.objective.model, {name: 0.0}))
        test = pml.likelihood_ratio_test(null, published)
        assert test.p_value == pytest.approx(p, abs=5e-5)


@pytest.mark.exhaustive
def test_a_ratio_is_the_height_of_the_profile(published):
    surface = pml.evaluate_landscape(published, {"NV": [0.0, 2.0]}, nuisance="profile", progressbar=False)
    height = float(surface["penalized_minus2ll"].sel(NV=0.0)) - published.penalized_minus2ll
    null = pm.do(published.objective.model, {"NV": 0.0})
    assert pml.likelihood_ratio_test(null, published).statistic == pytest.approx(height, abs=1e-6)


@pytest.mark.parametrize("link", exhaustive("logit", "cloglog", "probit"))
def test_every_link_agrees_with_brglm2(link):
    fit, reference = firth(endometrial(link)), BRGLM2[link]
    np.testing.assert_allclose(flat(fit.point), reference["coef"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(flat(fit.standard_error), reference["se"], rtol=1e-5)
    assert fit.log_likelihood == pytest.approx(reference["log_likelihood"], abs=1e-5)


def test_counts_agree_with_brglm2():
    assert not COUNTS["y"][0]
    fit = firth(counts())
    np.testing.assert_allclose(flat(fit.point), BRGLM2["poisson"]["coef"], rtol=1e-6)
    np.testing.assert_allclose(flat(fit.standard_error), BRGLM2["poisson"]["se"], rtol=1e-6)


# --- half a count in each cell, however the model is written ---------------------------------------------------------


def two_by_two(written):
    with pm.Model() as model:
        if written == "regression":
            a, b = pm.Normal("a", 0, 10), pm.Normal("b", 0, 10)
            pm.Binomial("y", n=N, logit_p=a + b * np.array([0, 1]), observed=Y)
        elif written == "log odds by index":
            group, rows = np.repeat([0, 1], N), np.concatenate([np.zeros(12), np.repeat([1, 0], [5, 4])])
            p = pm.Deterministic("p", 1 / (1 + pm.math.exp(-pm.Flat("a", shape=2, initval=[0.0, 0.0]))))
            pm.Bernoulli("y", p=p[group], observed=rows)
        else:
            prior = {"beta": pm.Beta, "uniform": pm.Uniform, "plain": pm.Beta}[written]
            options = {"default_transform": None} if written == "plain" else {}
            limits = (0, 1) if written == "uniform" else (1, 1)
            pm.Binomial("y", n=N, p=prior("p", *limits, shape=2, **options), observed=Y)
    return model


LOG_ODDS = special.logit(P)
FORMS = {
    "regression": [LOG_ODDS[0], LOG_ODDS[1] - LOG_ODDS[0]],
    "log odds by index": LOG_ODDS,
    "beta": P,
    "uniform": P,
    "plain": P,
}


@pytest.mark.parametrize("written", ["regression", "beta", *exhaustive("log odds by index", "uniform", "plain")])
def test_a_table_with_an_empty_cell_gets_half_a_count_in_each(written):
    np.testing.assert_allclose(flat(firth(two_by_two(written)).point), FORMS[written], rtol=1e-8)


def rates(prior):
    exposure = np.array([1.0, 2.0, 3.0])
    with pm.Model() as model:
        if prior is None:
            rate = pm.math.exp(pm.Normal("log_rate", 0, 10, shape=3))
        else:
            rate = pm.Gamma("rate", 1, 1, shape=3) if prior == "gamma" else pm.Uniform("rate", 0, 100, shape=3)
        pm.Poisson("y", mu=rate * exposure, observed=CELLS)
    return model, (CELLS + 0.5) / exposure


@pytest.mark.parametrize("prior", ["gamma", *exhaustive(None, "uniform")])
def test_a_rate_without_a_count_gets_half_of_one(prior):
    model, expected = rates(prior)
    np.testing.assert_allclose(flat(firth(model).point), expected if prior else np.log(expected), rtol=1e-8)


def categories(written):
    rows = np.repeat([1, 2], CELLS[1:])
    logs = np.log(CELLS + 0.5)
    with pm.Model() as model:
        if written == "multinomial":
            pm.Multinomial("y", n=10, p=pm.Dirichlet("w", np.ones(3)), observed=CELLS)
        elif written == "categorical":
            pm.Categorical("y", p=pm.Dirichlet("w", np.ones(3)), observed=rows)
        elif written == "baseline":
            free = pm.Normal("e", 0, 10, shape=2)
            pm.Categorical("y", logit_p=pt.concatenate([[0.0], free]), observed=rows)
        else:
            pm.Categorical("y", p=pm.math.softmax(pm.ZeroSumNormal("e", 1, shape=3)), observed=rows)
    expected = {"baseline": logs[1:] - logs[0], "sum to zero": logs - logs.mean()}
    return model, expected.get(written, SHARES)


@pytest.mark.parametrize("written", ["multinomial", *exhaustive("categorical", "baseline", "sum to zero")])
def test_an_empty_category_gets_half_a_count(written):
    model, expected = categories(written)
    np.testing.assert_allclose(flat(firth(model).point), expected, rtol=1e-8)


def test_outcomes_that_are_all_alike_have_finite_estimates():
    with pm.Model() as zeros:
        pm.Bernoulli("y", logit_p=pm.Normal("a", 0, 10), observed=np.zeros(9, int))
    assert float(firth(zeros).point["a"]) == pytest.approx(np.log(0.5 / 9.5), rel=1e-8)
    with pm.Model() as none:
        pm.Poisson("y", mu=pm.math.exp(pm.Normal("a", 0, 10)), observed=np.zeros(6, int))
    assert float(firth(none).point["a"]) == pytest.approx(np.log(1 / 12), rel=1e-8)


@pytest.mark.parametrize("natural", [frozenset(), frozenset(["w"])])
def test_shares_have_one_penalty_on_both_scales(natural):
    objective = pml.Objective(categories("multinomial")[0]).with_penalty("firth")
    point = {"w": np.array([0.2, 0.3, 0.5])}
    vector = objective.vector(point, objective.names - natural)
    found = objective.engine("density", objective.names - natural).at(vector[None])["log_penalty"][0]
    # log ratios: n (diag w − wwᵀ) in two of three, over PyMC's own coordinates of the logarithms
    logs = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    w = point["w"]
    expected = 0.5 * np.linalg.slogdet(10 * logs.T @ (np.diag(w) - np.outer(w, w)) @ logs)[1]
    assert found == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("scale", exhaustive("sigma", "tau"))
def test_a_straight_line_keeps_its_coefficients_and_its_spread_shrinks(scale):
    """On log σ the information is XᵀX/σ² and 2n: −(n + p) log σ − RSS/2σ²."""
    rng = np.random.default_rng(1)
    design = np.column_stack([np.ones(15), rng.normal(size=(15, 2))])
    y = design @ [1.0, 2.0, 3.0] + rng.normal(size=15)
    coefficients, (rss,) = np.linalg.lstsq(design, y)[:2]
    with pm.Model() as model:
        b, spread = pm.Normal("b", 0, 10, shape=3), pm.HalfNormal(scale, 5)
        pm.Normal("y", design @ b, **{scale: spread}, observed=y)
    fit = firth(model)
    variance = float(fit.point[scale]) ** (2 if scale == "sigma" else -1)
    np.testing.assert_allclose(fit.point["b"], coefficients, rtol=1e-8)
    assert variance == pytest.approx(rss / (15 + 3), rel=1e-8)


# --- what goes with it -----------------------------------------------------------------------------------------------


def test_separation_names_the_remedy():
    fit = pml.fit_mle(endometrial(), progressbar=False)
    assert fit.status.value == "unbounded"
    assert 'fit_mle(model, penalty="firth")' in fit.message
    with pm.Model() as unknown:
        pm.Potential("y", pm.math.log(pm.math.sigmoid(pm.Normal("a", 0, 1))))
    assert "penalty" not in pml.fit_mle(unknown, progressbar=False).message


def test_a_landscape_says_what_is_penalised(published):
    surface = pml.evaluate_landscape(published, {"NV": [-1.0, 1.0, 3.0]}, progressbar=False)
    np.testing.assert_allclose(surface["penalized_minus2ll"], surface["minus2ll"] - 2 * surface["log_penalty"])
    lowest = surface["penalized_minus2ll"].min()
    np.testing.assert_allclose(surface["delta_minus2ll"], surface["penalized_minus2ll"] - lowest)
    assert surface.attrs["penalty"] == "firth"
    assert published.to_dataset().attrs["kind"] == "firth"
    assert "Penalised likelihood (Firth) fit" in repr(published)


def test_a_penalised_objective_is_fitted_as_it_is_and_the_penalty_can_be_taken_away(published):
    assert pml.fit_mle(published, progressbar=False).kind == "firth"
    plain = published.objective.with_penalty(None)
    assert plain.penalty is None
    assert float(plain.value(published.theta)) == pytest.approx(published.minus2ll)
    assert published.objective.with_penalty("firth") is published.objective


def test_criteria_are_those_of_a_maximum_of_the_likelihood(published):
    assert np.isnan([published.aic, published.aicc, published.bic]).all()
    with pytest.raises(ValueError, match="information criteria are those of a maximum"):
        pml.compare_models({"one": published})


def test_one_penalised_fit_is_not_compared_with_one_that_is_not(published):
    null = pml.fit_mle(pm.do(published.objective.model, {"NV": 0.0}), starts=1, progressbar=False)
    with pytest.raises(ValueError, match="only the alternative is penalised"):
        pml.likelihood_ratio_test(null, published)


def test_a_prior_and_a_penalty_do_not_go_together(published):
    with pytest.raises(ValueError, match="Expected one of a prior and a penalty"):
        pml.fit_map(published, progressbar=False)
    with pytest.raises(ValueError, match="got one with a prior"):
        pml.Objective(endometrial(), prior_weight=1.0).with_penalty("firth")
    with pytest.raises(ValueError, match="Expected penalty='firth', got 'jeffreys'"):
        pml.fit_mle(published, penalty="jeffreys")
    with pytest.raises(ValueError, match="each observation is a summand"):
        pml.influence(published)


def refused(kind):
    with pm.Model() as model:
        a = pm.Normal("a", 0, 10)
        if kind == "singular":
            b = pm.Normal("b", 0, 10)
            pm.Bernoulli("y", logit_p=a + b, observed=[0, 1, 1])
        elif kind == "unknown":
            pm.NegativeBinomial("y", mu=pm.math.exp(a), alpha=pm.HalfNormal("alpha"), observed=[0, 2, 3])
        elif kind == "effects":
            u = pm.Normal("u", a, pm.HalfNormal("sd"), shape=3)
            pm.Bernoulli("y", logit_p=u[np.arange(9) % 3], observed=np.arange(9) % 2)
        else:
            pm.Potential("y", -(a**2))
    return model


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("singular", "singular Fisher information along a − b"),
        ("unknown", "NegBinomial with a free first parameter: leave penalty out"),
        ("effects", "nothing is integrated or summed out, got u"),
        ("potential", "got y, which is a pm.Potential, which has no distribution: leave penalty out"),
    ],
)
def test_what_has_no_penalty_is_refused_in_a_sentence(kind, words):
    with pytest.raises(ValueError, match=words):
        pml.fit_mle(refused(kind), penalty="firth", progressbar=False)
