"""Objects of other packages that hold a model: stand-ins with the attributes of bambi, pymc-marketing and CausalPy."""

import warnings
from types import SimpleNamespace

import numpy as np
import pymc as pm
import pytest
import xarray as xr
from scipy import stats

import pymc_landscape as pml

GROUP = np.repeat(np.arange(6), 5)
X = np.tile(np.linspace(-1, 1, 5), 6)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(7)
    slopes = rng.normal(0, 1.5, 6)[GROUP] * X
    return 2 + 0.5 * X + rng.normal(0, 2, 6)[GROUP] + slopes + rng.normal(0, 1, GROUP.size)


def mixed_model(y, centred=False, terms=("1|g", "x|g")):
    """What bambi builds of ``y ~ x + (x | g)``, names, dims and centring included."""
    coords = {"__obs__": np.arange(len(y)), "g__factor_dim": list("abcdef")}
    with pm.Model(coords=coords) as model:
        sigma = pm.HalfStudentT("sigma", nu=4, sigma=3)
        intercept, slope = pm.Normal("Intercept", 2, 8), pm.Normal("x", 0, 5)
        mu = intercept + slope * (X - X.mean())
        for term, predictor in zip(terms, (np.ones(X.size), X), strict=False):
            spread = pm.HalfNormal(f"{term}_sigma", 8)
            if centred:
                effect = pm.Normal(term, 0, spread, dims="g__factor_dim")
            else:
                offset = pm.Normal(f"{term}_offset", 0, 1, dims="g__factor_dim")
                effect = pm.Deterministic(term, offset * spread, dims="g__factor_dim")
            mu += effect[GROUP] * predictor
        pm.Normal("y", pm.Deterministic("mu", mu, dims="__obs__"), sigma, observed=y, dims="__obs__")
    return model


class Bambi:
    """A bambi model from outside; older components warn, as deprecated properties do."""

    def __init__(self, model, terms=("1|g", "x|g"), alias=None):
        self.built, self.backend = model is not None, SimpleNamespace(model=model)
        named = {name: SimpleNamespace(alias=alias, name=name) for name in terms}
        self.conditional_parameters = {"mu": SimpleNamespace(group_specific_terms=named, hsgp_terms={})}

    @property
    def components(self):
        warnings.warn("deprecated", FutureWarning, stacklevel=2)
        return self.conditional_parameters

    def build(self):
        raise AssertionError("nothing is built behind the user's back")


class OfClass:
    """A model of pymc-marketing before ``build_model``: it has no attribute ``model`` yet."""

    def build_model(self):
        raise AssertionError("nothing is built behind the user's back")


def minus2ll_in_closed_form(y, intercept, slope, sigma, spread, spread_of_slopes):
    """−2LL of the marginal normal distribution of all data."""
    same = GROUP[:, None] == GROUP
    cov = sigma**2 * np.eye(len(y)) + same * (spread**2 + spread_of_slopes**2 * np.outer(X, X))
    return -2 * stats.multivariate_normal(intercept + slope * X, cov).logpdf(y)


AT = {"Intercept": 1.7, "x": 0.3, "sigma": 1.1, "1|g_sigma": 1.9, "x|g_sigma": 0.8}


@pytest.mark.parametrize("centred", [False, True])
def test_group_specific_terms_are_integrated_out_however_they_are_written(data, centred, caplog):
    model = mixed_model(data, centred)
    with caplog.at_level("WARNING", logger="pymc_landscape"):
        objective = pml.Objective(Bambi(model))
    effects = ("1|g", "x|g") if centred else ("1|g_offset", "x|g_offset")
    assert objective.latent == effects
    assert all(f"{effect} is a random effect" in caplog.text for effect in effects)
    got = objective.minus2ll(objective.pack(AT))
    assert got == pytest.approx(minus2ll_in_closed_form(data, 1.7, 0.3, 1.1, 1.9, 0.8), abs=1e-8)
    assert set(objective.labels) == set(AT)


def test_the_same_model_without_its_holder_leaves_effects_that_do_not_say_so(data):
    assert pml.Objective(mixed_model(data)).latent == ()


def test_a_group_specific_term_of_a_known_spread_is_an_effect(data):
    with pm.Model() as model:
        effect = pm.Normal("1|g", 0, 2, shape=6)
        pm.Normal("y", pm.Normal("Intercept", 0, 10) + effect[GROUP], 1.0, observed=data)
    assert pml.Objective(Bambi(model, terms=("1|g",))).latent == ("1|g",)
    assert pml.Objective(Bambi(model, terms=()), latent=()).latent == ()


def test_terms_may_be_named_by_their_alias(data):
    model = mixed_model(data, terms=("u",))
    holder = Bambi(model, terms=("1|g",), alias="u")
    assert pml.Objective(holder).latent == ("u_offset",)
    assert pml.Objective(holder, latent="u").latent == ("u_offset",)
    assert pml.Objective(holder, latent=()).latent == ()


@pytest.mark.parametrize("depth", ["model", "experiment", "hssm"])
def test_whatever_holds_a_model_is_taken(depth):
    with pm.Model() as model:
        pm.Normal("y", pm.Normal("mu", 0, 10), 1.0, observed=[1.0, 2.0])
    holder = SimpleNamespace(model=model)
    holder = {"model": holder, "experiment": SimpleNamespace(model=holder)}.get(depth, holder)
    holder = SimpleNamespace(model=Bambi(model, terms=())) if depth == "hssm" else holder
    assert pml.fit_mle(holder, progressbar=False).point["mu"].item() == pytest.approx(1.5)
    test = pml.likelihood_ratio_test(SimpleNamespace(model=pm.do(model, {"mu": 0.0})), holder, progressbar=False)
    assert test.statistic == pytest.approx(2 * 1.5**2)
    with model:
        assert pml.Objective().model is model


def test_what_is_not_built_is_not_built_for_the_user():
    with pytest.raises(TypeError, match=r"got a \w+\.Bambi that has not built its model yet: call its build\(\)"):
        pml.fit_mle(Bambi(None))
    with pytest.raises(TypeError, match=r"call its build_model\(\) first"):
        pml.fit_mle(OfClass())
    with pytest.raises(TypeError, match="got the class Bambi: pass an instance"):
        pml.fit_mle(Bambi)


def test_a_model_of_older_settings_is_not_taken(data):
    """After bambi's ``set_priors`` the backend still has the model of the priors before."""
    holder = Bambi(mixed_model(data))
    holder.built = False
    with pytest.raises(TypeError, match="call its build"):
        pml.confidence_intervals(holder)


def test_an_objective_of_an_objective_is_refused(data):
    with pytest.raises(TypeError, match="it is one already"):
        pml.Objective(pml.Objective(mixed_model(data)))


# --- draws as bambi hands them out -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reported(data):
    """A bambi model with what it has beside its ``pm.Model``, its own draws, and what it reports of them."""
    x = X + 3.0  # off centre: bambi subtracts 3 and moves the intercept back afterwards
    holder = Bambi(mixed_model(data, terms=("1|g",)), terms=("1|g",))
    holder.center_predictors = True
    (part,) = holder.conditional_parameters.values()
    part.intercept_term = SimpleNamespace(name="Intercept", alias=None)
    part.common_terms = {"x": SimpleNamespace(name="x", alias=None, data=x)}
    part.group_specific_terms["1|g"].hyperprior_alias = {}
    rng = np.random.default_rng(2)
    draws = {name: rng.normal(AT[name], 0.05, (2, 25)) for name in ("Intercept", "x", "sigma", "1|g_sigma")}
    own = xr.Dataset({name: (("chain", "draw"), values) for name, values in draws.items()})
    own["1|g_offset"] = ("chain", "draw", "g__factor_dim"), rng.normal(0, 1, (2, 25, 6))
    changed = own.assign({"Intercept": own["Intercept"] - 3.0 * own["x"], "1|g": own["1|g_offset"] * own["1|g_sigma"]})
    return holder, own, changed.drop_vars("1|g_offset").assign_attrs(modeling_interface="bambi")


def test_draws_that_bambi_changed_are_changed_back(reported):
    holder, own, changed = reported
    for model in (holder, pml.Objective(holder, latent=())):
        expected = pml.pointwise_log_likelihood(model, own, progressbar=False)["log_likelihood"]["y"]
        got = pml.pointwise_log_likelihood(model, changed, progressbar=False)["log_likelihood"]["y"]
        np.testing.assert_allclose(got, expected, rtol=1e-12)
    grids = [pml.posterior_grid(draws, ["Intercept"], num=3, model=holder) for draws in (own, changed)]
    np.testing.assert_allclose(*(grid["Intercept"] for grid in grids))


def test_draws_that_bambi_changed_need_the_bambi_model(reported):
    holder, _, changed = reported
    with pytest.raises(ValueError, match=r"pass the bambi model, not its pm\.Model"):
        pml.pointwise_log_likelihood(holder.backend.model, changed, progressbar=False)
