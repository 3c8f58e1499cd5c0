"""Marginal likelihoods of hierarchical models are those of R: lme4's, and R's own definition of them written out.

``data/lme4.json`` holds R's answers, ``data/lme4.R`` is the script that wrote it.
"""

import json
from functools import cache
from typing import Any

import numpy as np
import pymc as pm
import pytest
from latent_models import CASES, DATA, dyestuff_with_priors, sleepstudy_in_turn, sleepstudy_lkj
from selection import exhaustive, some

import pymc_landscape as pml

ANSWERS: dict[str, Any] = json.loads((DATA / "lme4.json").read_text())["cases"]
# Fitted: one form of each, and where an estimate is on its edge or the effects are a pair, another.
FITTED = [(name, "centred") for name in CASES] + [("dyestuff2", "standard"), ("sleepstudy", "standard")]
FORMS = [(name, form) for name, case in CASES.items() for form in case.forms]
# One of each kind runs always: one effect, none, a pair, crossed, and one by quadrature.
ALWAYS = ("dyestuff", "dyestuff2", "sleepstudy", "penicillin", "cbpp_9")
# −2LL absolute; estimates relative, and absolute beside 0; limits relative
SAME, ESTIMATE, LIMIT = 1e-6, 1e-5, 1e-4


@cache
def objective_of(name: str, form: str) -> pml.Objective:
    case = CASES[name]
    return pml.Objective(case.forms[form](), latent=list(case.latent), quadrature=case.quadrature)


@cache
def fit_of(name: str, form: str) -> pml.Fit:
    return pml.fit_mle(objective_of(name, form), progressbar=False)


def point_of(labelled: dict[str, float]) -> dict[str, np.ndarray]:
    """Gather ``b[0]``, ``b[1]``, … into the array ``b``."""
    gathered: dict[str, list[float]] = {}
    for label, value in labelled.items():
        gathered.setdefault(label.split("[")[0], []).append(value)
    return {n: np.array(v if f"{n}[0]" in labelled else v[0]) for n, v in gathered.items()}


def value_at(objective: pml.Objective, labelled: dict[str, float]) -> float:
    return float(objective.minus2ll(objective.pack(point_of(labelled))))


def aside(labelled: dict[str, float]) -> dict[str, float]:
    """A point some way off, inside every support."""
    return {n: 0.5 * v - 0.1 if n == "rho" else 1.07 * v + 0.02 for n, v in labelled.items()}


def in_r(name: str) -> tuple[dict[str, float], float]:
    """lme4's estimates, and −2LL there with all constants: glmer's leaves some out where it has several nodes."""
    answer = ANSWERS[name]["lme4"]
    return answer["estimates"], answer.get("minus2ll_by_hand", answer["minus2ll"])


# --- the value -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "form"), some(FORMS, [(name, "centred") for name in ALWAYS]))
def test_minus2ll_at_the_estimates_of_lme4(name, form):
    estimates, minus2ll = in_r(name)
    assert value_at(objective_of(name, form), estimates) == pytest.approx(minus2ll, abs=SAME, rel=0)


@pytest.mark.parametrize("name", some(CASES, ["dyestuff"]))
def test_every_form_has_the_same_marginal_likelihood(name):
    """Laplace's approximation, and quadrature around the mode, do not change with the effects' origin and unit."""
    off = aside(in_r(name)[0])
    values = [value_at(objective_of(name, form), off) for form in CASES[name].forms]
    np.testing.assert_allclose(values, values[0], rtol=0, atol=1e-8 * abs(values[0]) ** 0.5)
    assert values[0] > ANSWERS[name]["maximum"]["minus2ll"] + 0.01


@pytest.mark.exhaustive
def test_effects_in_turn_are_the_pair():
    estimates, minus2ll = in_r("sleepstudy")
    objective = pml.Objective(sleepstudy_in_turn(), latent=["u", "slope"])
    assert value_at(objective, estimates) == pytest.approx(minus2ll, abs=SAME, rel=0)


@pytest.mark.parametrize("name", ["cbpp_9", exhaustive("warpbreaks_9")])
def test_many_nodes_are_the_integral(name):
    """R's integrate() at the same parameters."""
    answer = ANSWERS[name]["lme4"]
    objective = pml.Objective(CASES[name].forms["centred"](), latent=["u"], quadrature=35)
    assert value_at(objective, answer["estimates"]) == pytest.approx(answer["minus2ll_by_integral"], abs=1e-8, rel=0)


# --- the fit ---------------------------------------------------------------------------------------------------------


def estimates_of(fit: pml.Fit, wanted: dict[str, float]) -> list[float]:
    found = {n: np.ravel(fit.point[n].values) for n in point_of(wanted)}
    return [float(found[label.split("[")[0]][int(label[:-1].split("[")[1]) if "[" in label else 0]) for label in wanted]


@pytest.mark.parametrize(("name", "form"), some(FITTED, [(name, "centred") for name in ALWAYS]))
def test_maximum(name, form):
    fit, wanted = fit_of(name, form), ANSWERS[name]["maximum"]
    assert fit.minus2ll == pytest.approx(wanted["minus2ll"], abs=SAME, rel=0)
    assert fit.status == ("at_bound" if name == "dyestuff2" else "converged")
    np.testing.assert_allclose(
        estimates_of(fit, wanted["estimates"]), list(wanted["estimates"].values()), rtol=ESTIMATE, atol=ESTIMATE
    )


@pytest.mark.exhaustive
def test_maximum_with_a_prior_for_the_covariance_matrix():
    fit = pml.fit_mle(pml.Objective(sleepstudy_lkj(), latent=["u"]), progressbar=False)
    assert fit.minus2ll == pytest.approx(ANSWERS["sleepstudy"]["maximum"]["minus2ll"], abs=SAME, rel=0)


# --- what is asked of the fit ----------------------------------------------------------------------------------------

# Of those that R has, what costs little: of cbpp the standard deviation stands for all.
LIMITS = [
    (name, label)
    for name, answer in ANSWERS.items()
    for label in answer.get("limits") or {}
    if label == "sd" or not name.startswith(("cbpp", "sleepstudy_uncorrelated"))
]


@cache
def intervals_of(name: str):
    labels = [label for case, label in LIMITS if case == name]
    return pml.confidence_intervals(fit_of(name, "centred"), labels, progressbar=False)


@pytest.mark.parametrize(("name", "label"), some(LIMITS, lambda case: case[0] in ("dyestuff", "dyestuff2")))
def test_profile_limits(name, label):
    """R's by root finding on the same likelihood; ``lme4_limits`` are lme4's splines through it."""
    found = intervals_of(name).sel(parameter=label, interval_method="profile")
    wanted = ANSWERS[name]["limits"][label]
    np.testing.assert_allclose(found["interval"].values, wanted, rtol=LIMIT, atol=1e-9)
    assert [str(s) for s in found["status"].values] == ["at_bound" if end == 0 else "finite" for end in wanted]


@pytest.mark.parametrize("name", some([name for name, answer in ANSWERS.items() if "modes" in answer], ALWAYS))
def test_conditional_modes(name):
    """The likeliest effects at the maximum, and their standard deviations given the parameters: `ranef`, `condVar`."""
    answer, latent = ANSWERS[name], fit_of(name, "centred").latent
    for suffix, key in (("", "modes"), ("_se", "mode_sd")):
        found = np.concatenate([np.ravel(latent[n + suffix].values.T) for n in CASES[name].latent])
        scale = np.ptp(answer["modes"]) + 1e-9
        np.testing.assert_allclose(found, np.ravel(answer[key]), rtol=ESTIMATE, atol=ESTIMATE * scale)


@pytest.mark.exhaustive
def test_likelihood_ratio_of_correlated_slopes():
    statistic = fit_of("sleepstudy_intercepts", "centred").minus2ll - fit_of("sleepstudy", "centred").minus2ll
    in_r = ANSWERS["sleepstudy_intercepts"]["maximum"]["minus2ll"] - ANSWERS["sleepstudy"]["maximum"]["minus2ll"]
    assert statistic == pytest.approx(in_r, abs=2 * SAME, rel=0)


def test_likelihood_ratio_of_a_variance():
    """Without batches, by `lm`: -2LL 332.72988597. The variance is on its edge there: p is half of chi2(1)'s."""
    model = dyestuff_with_priors()
    whole, without = (pml.Objective(m, latent=["u"]) for m in (model, pm.do(model, {"sd": 0.0})))
    test = pml.likelihood_ratio_test(without, whole)
    assert test.statistic == pytest.approx(332.72988597 - 327.327059881, abs=1e-7)
    assert test.reference == "chibar2"
    assert test.p_value == pytest.approx(0.01005209, rel=1e-5)
