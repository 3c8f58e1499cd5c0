"""What becomes of a Fit and of an Objective where the model is changed afterwards: followed wholly, or refused."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytest

import pymc_landscape as pml

X = np.linspace(-1.0, 1.0, 12)
Y = 1.0 + 2.0 * X + np.random.default_rng(0).normal(0.0, 1.0, 12)
QUIET = {"progressbar": False}


def made(y=Y):
    with pm.Model(coords={"row": range(12)}) as model:
        d = pm.Data("d", y, dims="row")
        a, b = pm.Normal("a", 0, 10), pm.Normal("b", 0, 10)
        s = pm.HalfNormal("s", 5)
        pm.Deterministic("difference", a - b)
        pm.Normal("y", a + b * X, s, observed=d, dims="row")
    return model


def null_of(model):
    return pm.do(model, {"b": 0.0})


VERBS = {
    "wald": lambda f: pml.confidence_intervals(f, ["a"], method="wald", **QUIET),
    "profile": lambda f: pml.confidence_intervals(f, ["a"], **QUIET),
    "profile_likelihood": lambda f: pml.profile_likelihood(f, ["a"], **QUIET),
    "contour": lambda f: pml.confidence_contour(f, ["a", "b"], num=4, method="wald", **QUIET),
    "landscape": lambda f: pml.evaluate_landscape(f, {"a": np.linspace(0, 2, 3)}, **QUIET),
    "fit_grid": lambda f: pml.fit_grid(f, ["a"], num=3),
    "descend": lambda f: pml.descend(f, steps=2, **QUIET),
    "critical_points": lambda f: pml.critical_points(f, starts=1, **QUIET),
    "spectrum": lambda f: pml.hessian_spectrum(f),
    "bootstrap": lambda f: pml.parametric_bootstrap(f, draws=2, random_seed=1, **QUIET),
    "influence": lambda f: pml.influence(f, ["a"], **QUIET),
    "loss_table": lambda f: pml.loss_table(f),
    "prior_path": lambda f: pml.prior_path(f, weights=(0.0, 1.0), **QUIET),
    "ratio": lambda f: pml.likelihood_ratio_test(null_of(f.objective.model if hasattr(f, "point") else f.model), f),
    "tests": lambda f: pml.tests(null_of(f.objective.model if hasattr(f, "point") else f.model), f),
    "compare": lambda f: pml.compare_models({"one": f}),
    "draws": lambda f: f.draws(3),
    "initvals": lambda f: f.initvals(1),
    "latent": lambda f: f.latent,
    "symmetries": lambda f: f.symmetries,
    "objective": lambda f: f.objective,
}
OF_FITS = ("draws", "initvals", "latent", "symmetries", "objective")


@pytest.fixture(scope="module")
def fitted():
    return pml.fit_mle(made(), **QUIET)


@pytest.fixture
def stale(fitted):
    """A fit whose data have been changed, until the test is over."""
    model = fitted.refitted.model
    pm.set_data({"d": 1.05 * Y}, model=model)
    yield fitted
    pm.set_data({"d": Y}, model=model)


@pytest.mark.parametrize("verb", VERBS)
def test_a_fit_of_other_data_is_refused_by_every_verb(stale, verb):
    with pytest.raises(ValueError, match=r"as it was fitted, got one in which the data 'd' were changed.*fit it again"):
        VERBS[verb](stale)


def test_what_a_fit_knows_it_tells_whatever_the_data_are_now(fitted):
    fresh = pml.fit_mle(fitted.refitted.model, **QUIET)
    before = repr(fitted), fitted.summary(), fitted.aic
    pm.set_data({"d": 1.05 * Y}, model=fresh.refitted.model)
    try:
        assert repr(fresh) == before[0]
        assert fresh.summary().equals(before[1])
        assert fresh.aic == before[2]
        np.testing.assert_array_equal(fresh.covariance, fitted.covariance)
        assert fresh.starts.sizes == fitted.starts.sizes
    finally:
        pm.set_data({"d": Y}, model=fresh.refitted.model)


def test_data_that_are_set_back_are_the_same(fitted):
    before = VERBS["profile"](fitted)["interval"].to_numpy()
    pm.set_data({"d": 1.05 * Y}, model=fitted.refitted.model)
    pm.set_data({"d": Y.copy()}, model=fitted.refitted.model)
    np.testing.assert_array_equal(VERBS["profile"](fitted)["interval"], before)


def test_a_fit_is_fitted_again_on_the_data_of_now(stale):
    again = pml.fit_mle(stale, **QUIET)
    slope, intercept = np.polyfit(X, 1.05 * Y, 1)
    assert float(again.point["a"]) == pytest.approx(intercept, abs=1e-6)
    assert float(again.point["b"]) == pytest.approx(slope, abs=1e-6)


def test_a_twin_keeps_the_data_that_it_was_given(fitted):
    twin = pml.fit_mle(fitted.objective.with_data(d=Y + 1.0), **QUIET)
    before = VERBS["profile"](twin)["interval"].to_numpy()
    pm.set_data({"d": 1.05 * Y}, model=fitted.refitted.model)
    try:
        np.testing.assert_array_equal(VERBS["profile"](twin)["interval"], before)
    finally:
        pm.set_data({"d": Y}, model=fitted.refitted.model)


@pytest.mark.parametrize("verb", [v for v in VERBS if v not in OF_FITS])
def test_an_objective_follows_other_data_wholly(verb):
    model = made()
    objective = pml.Objective(model)
    objective.minus2ll([1.0, 1.0, 0.0])
    pm.set_data({"d": 1.05 * Y}, model=model)
    got, right = VERBS[verb](objective), VERBS[verb](pml.Objective(made(1.05 * Y)))
    if hasattr(got, "data_vars"):
        name = next(str(n) for n in (*got.data_vars, *got.coords) if got[n].dtype.kind == "f")
        np.testing.assert_allclose(got[name], right[name], rtol=1e-6, atol=1e-8)


def with_term(model):
    with model:
        pm.Normal("z", model["a"], 1.0, observed=[5.0])


def with_potential(model):
    with model:
        pm.Potential("pot", -(model["a"] ** 2))


def with_variable(model):
    with model:
        pm.Normal("free")


def without_transform(model):
    model.rvs_to_transforms[model["s"]] = None


CHANGES = {
    "the observed term 'z' was added": with_term,
    "the potential 'pot' was added": with_potential,
    "the free variable 'free' was added": with_variable,
    "the transform of 's' was changed": without_transform,
}


@pytest.mark.parametrize("words", CHANGES)
def test_another_model_is_refused_by_all_of_an_objective_and_of_a_fit(words):
    model = made()
    objective = pml.Objective(model)
    fit = pml.fit_mle(objective, **QUIET)
    CHANGES[words](model)
    for question in (
        lambda: objective.minus2ll([1.0, 1.0, 0.0]),
        lambda: objective.gradient([1.0, 1.0, 0.0]),
        lambda: objective.pack({"a": 1.0}),
        lambda: pml.fit_mle(objective, **QUIET),
        lambda: pml.evaluate_landscape(objective, {"a": np.linspace(0, 2, 3)}, **QUIET),
        lambda: pml.confidence_intervals(fit, ["a"], **QUIET),
    ):
        with pytest.raises(ValueError, match=words):
            question()
    assert np.isfinite(fit.minus2ll)
    assert float(fit.point["a"]) == pytest.approx(Y.mean(), abs=1e-6)


def test_labels_are_those_of_the_model_of_now():
    with pm.Model(coords={"k": ["u", "v"]}) as model:
        b = pm.Normal("b", dims="k")
        pm.Normal("y", b, 1.0, observed=np.array([1.0, 2.0]))
    objective = pml.Objective(model)
    fit = pml.fit_mle(objective, **QUIET)
    assert objective.labels == ("b[u]", "b[v]")
    assert pml.confidence_intervals(objective, **QUIET)["parameter"].values.tolist() == ["b[u]", "b[v]"]
    model._coords["k"] = ("u", "w")
    assert pml.confidence_intervals(objective, **QUIET)["parameter"].values.tolist() == ["b[u]", "b[w]"]
    assert objective.labels == ("b[u]", "b[w]")
    assert objective.find("b[w]").index == 1
    assert list(fit.point["k"].values) == ["u", "v"]
    with pytest.raises(ValueError, match="the coordinates 'k' were changed"):
        pml.confidence_intervals(fit, **QUIET)


def test_a_minibatch_model_is_not_kept_as_it_was():
    with pm.Model() as model:
        d = pm.Data("d", Y)
        b = pm.Normal("b", 0, 10)
        pm.Normal("y", b, 1.0, observed=pm.Minibatch(d, batch_size=4), total_size=12)
    objective = pml.Objective(model)
    assert float(pml.fit_mle(objective, **QUIET).point["b"]) == pytest.approx(Y.mean(), abs=1e-6)
    pm.set_data({"d": Y + 1.0}, model=model)
    assert float(pml.fit_mle(objective, **QUIET).point["b"]) == pytest.approx(Y.mean() + 1.0, abs=1e-6)
    with model:
        pm.Normal("z", b, 1.0, observed=[5.0])
    with pytest.raises(ValueError, match="the observed term 'z' was added"):
        objective.minus2ll([1.0])
    again = pml.fit_mle(model, **QUIET)
    assert float(again.point["b"]) == pytest.approx((Y.sum() + 12.0 + 5.0) / 13.0, abs=1e-6)


def test_a_value_far_out_is_no_sign_of_other_data(monkeypatch):
    with pm.Model() as model:
        a, b = pm.Normal("a", 0, 10), pm.Normal("b", 0, 10)
        pm.Bernoulli("y", logit_p=a + b * X, observed=(X > 0).astype(int))
    null, fit = pml.fit_mle(null_of(model), **QUIET), pml.fit_mle(model, **QUIET)
    assert fit.status.value == "unbounded"
    kind = type(fit.result.restricted)
    value = kind.value
    monkeypatch.setattr(kind, "value", lambda self, x: value(self, x) + 1e-3 * (self is fit.result.restricted))
    assert pml.likelihood_ratio_test(null, fit, progressbar=False).p_value < 0.01
