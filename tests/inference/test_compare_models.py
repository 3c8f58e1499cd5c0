"""Tables of models: against statsmodels, closed forms, az.compare, and what must not be compared."""

import warnings
from functools import cache

import arviz as az
import numpy as np
import pandas as pd
import published
import pymc as pm
import pytest
import xarray as xr
from latent_models import dyestuff, sleepstudy
from scipy import stats
from variance_components import eight_schools, one_way

import pymc_landscape as pml

N = len(published.DEAD)
# statsmodels 0.15.0: GLM(np.c_[dead, 20 - dead], X, family=Binomial()).fit(tol=1e-14), .aic and .bic_llf
STATSMODELS = {
    "one": (156.9859936058243, 157.4709002556123),
    "sex": (152.90901422048165, 153.87882752005765),
    "dose": (51.0944336683114, 52.06424696788741),
    "both": (42.867465233645405, 44.32218518300941),
    "interaction": (43.10412830903684, 45.04375490818884),
}
TERMS = {"one": 1, "sex": 2, "dose": 2, "both": 3, "interaction": 4}
# the same: twice the difference of .llf, and stats.chi2.sf of it
RATIOS = {
    "both": ("dose", 10.226968434665999, 0.0013840195548055633),
    "interaction": ("both", 1.7633369246085664, 0.18420884141257002),
    "dose": ("one", 107.89155993751288, 2.8389369255441506e-25),
    "sex": ("one", 6.076979385342639, 0.013695475159169827),
}


@cache
def budworm(terms: str) -> pm.Model:
    male, dose = published.MALE, published.DOSE
    with pm.Model() as model:
        eta = pm.Normal("b0", 0, 10)
        if terms in ("sex", "both", "interaction"):
            eta = eta + pm.Normal("b1", 0, 10) * male
        if terms in ("dose", "both", "interaction"):
            eta = eta + pm.Normal("b2", 0, 10) * dose
        if terms == "interaction":
            eta = eta + pm.Normal("b3", 0, 10) * male * dose
        pm.Binomial("dead", n=published.TRIED, logit_p=eta * np.ones(N), observed=published.DEAD)
    return model


def fit(model, **options) -> pml.Fit:
    return pml.fit_mle(model, progressbar=False, **options)


@pytest.fixture(scope="module")
def fits() -> dict[str, pml.Fit]:
    return {name: fit(budworm(name)) for name in TERMS}


@pytest.fixture(scope="module")
def table(fits):
    return pml.compare_models(fits)


# --- criteria and ratios ---------------------------------------------------------------------------------------------


def test_aic_and_bic_are_those_of_statsmodels(table):
    for name, (aic, bic) in STATSMODELS.items():
        assert table.loc[name, "aic"] == pytest.approx(aic, abs=1e-8)
        assert table.loc[name, "bic"] == pytest.approx(bic, abs=1e-8)


def test_the_corrected_aic_follows_from_it(table):
    for name, k in TERMS.items():
        assert table.loc[name, "aicc"] == pytest.approx(STATSMODELS[name][0] + 2 * k * (k + 1) / (N - k - 1), abs=1e-8)


def test_likelihood_ratios_are_against_the_largest_nested_model(table):
    for name, (null, statistic, p_value) in RATIOS.items():
        row = table.loc[name]
        assert row["lr_statistic"] == pytest.approx(statistic, abs=1e-8)
        assert row["lr_p"] == pytest.approx(p_value, rel=1e-6)
        assert (row["lr_df"], row["lr_reference"]) == (1, "chi2")
        assert f"LR test against {null}" in row["note"]
    assert table.loc["one", ["lr_statistic", "lr_p"]].isna().all()
    assert table.loc["one", "lr_reference"] == ""


def test_the_lowest_aic_comes_first_and_weights_are_shares(table):
    assert list(table.index) == ["both", "interaction", "dose", "sex", "one"]
    for name in ("aic", "bic"):
        relative = np.exp(-0.5 * (table[name] - table[name].min()))
        np.testing.assert_allclose(table[f"weight_{name}"], relative / relative.sum(), rtol=1e-12)
        assert table[f"delta_{name}"].min() == 0


def test_the_columns_are_those_of_the_contract(table):
    assert list(table.columns) == [
        *("k", "n_identified", "n", "n_bic", "minus2ll", "aic", "aicc", "bic"),
        *("delta_aic", "weight_aic", "delta_bic", "weight_bic", "lr_statistic", "lr_df", "lr_p", "lr_reference"),
        *("elpd_loo", "se_loo", "p_loo", "elpd_diff", "se_diff", "weight_loo", "focus", "note"),
    ]
    assert table["k"].to_dict() == TERMS
    assert (table["n"] == N).all()


def of_slopes(drop: float, slopes: int) -> pd.DataFrame:
    """Compare a level with slopes that lower −2LL by `drop`: 400 observations, variance 1, predictors orthonormal."""
    noise = np.random.default_rng(1).normal(size=(400, 1 + slopes))
    basis = np.linalg.qr(np.column_stack([np.ones(400), noise]))[0].T
    x, y = basis[1:-1], 20 * basis[-1] + np.sqrt(drop) * basis[1]
    with pm.Model() as slope:
        pm.Normal("y", pm.Normal("a", 0, 10) + pm.Normal("b", 0, 10, shape=slopes) @ x, np.float64(1.0), observed=y)
    with pm.Model() as level:
        pm.Normal("y", pm.Normal("a", 0, 10) * np.ones(400), np.float64(1.0), observed=y)
    return pml.compare_models({"slope": fit(slope), "level": fit(level)}, progressbar=False)


def test_where_criteria_disagree_it_is_said(table):
    """A drop of 8 for two more parameters: AIC wants 4, BIC 2 log 400 = 11.98, each by more than 2."""
    found = of_slopes(8.0, 2)
    assert found.attrs["message"] == "The criteria disagree: AIC, AICc prefer slope; BIC prefers level."
    assert found.loc["level", "note"] == "best by BIC"
    assert found.loc["slope", "note"].startswith("best by AIC, AICc; LR test against level")


def test_what_is_within_2_is_no_disagreement(table):
    """A drop of 4 for one more parameter: AIC 2 below, BIC 1.99 above. Budworm's fourth term: AIC 0.24, BIC 1.73."""
    found = of_slopes(4.0, 1)
    assert found.attrs["message"] == (
        "The criteria do not tell the models apart: AIC, AICc prefer slope; BIC prefers level, but level and slope are "
        "within 2 by all."
    )
    assert found.loc["slope", "note"].startswith("best by AIC, AICc; within 2 of the best by BIC; LR test")
    assert table.attrs["message"] == "AIC, AICc, BIC agree on both; interaction is within 2 by AIC, BIC."
    assert table.loc["interaction", "note"].startswith("within 2 of the best by AIC")


# --- what is counted -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def batches() -> dict[str, pml.Fit]:
    data = published.read("dyestuff").query("set == 'Dyestuff'")
    with pm.Model() as null:
        pm.Normal("yield", pm.Normal("mu", 1500, 100), pm.HalfNormal("sigma", 100), observed=data["yield"])
    return {"batches": fit(dyestuff("Dyestuff", "centred")), "none": fit(null)}


def test_rows_or_groups_are_counted_as_is_said(batches):
    """R's lme4, Yield ~ 1 + (1 | Batch) by maximum likelihood, and lm(Yield ~ 1): BIC, and the same with log 6.

    f <- lmer(Yield ~ 1 + (1 | Batch), Dyestuff, REML = FALSE); g <- lm(Yield ~ 1, Dyestuff); BIC(f); BIC(g)
    """
    rows = pml.compare_models(batches, reference="chibar2", progressbar=False)
    assert rows["bic"].to_dict() == pytest.approx({"batches": 337.53065202612, "none": 339.53228073811}, abs=1e-7)
    assert rows["n_bic"].tolist() == [30, 30]
    groups = pml.compare_models(batches, n="groups", reference="chibar2", progressbar=False)
    assert groups.loc["none", "delta_bic"] == pytest.approx(3.611066624, abs=1e-7)
    assert groups["n_bic"].tolist() == [6, 6]
    assert groups["n"].tolist() == [30, 30]
    np.testing.assert_array_equal(groups["aicc"], rows["aicc"])
    by_number = pml.compare_models(batches, n=6, reference="chibar2", progressbar=False)
    np.testing.assert_array_equal(by_number["bic"], groups["bic"])


def test_groups_are_those_that_share_no_effect(fits):
    """Intercept and slope of a subject are one group, also as independent columns; crossed effects are one group."""
    two = pml.fit_mle(sleepstudy("centred", "independent"), progressbar=False)
    assert pml.compare_models({"two": two}, n="groups", progressbar=False)["n_bic"].tolist() == [18]
    row, column = (i.ravel() for i in np.indices((4, 3)))
    y = np.random.default_rng(3).normal(size=4)[row] + np.random.default_rng(4).normal(size=3)[column] + 0.1 * row
    with pm.Model() as crossed:
        rows, columns = (pm.Normal(name, 0, pm.HalfNormal(f"s_{name}", 1), shape=n) for name, n in (("r", 4), ("c", 3)))
        pm.Normal("y", rows[row] + columns[column], np.float64(0.5), observed=y)
    here = fit(crossed)
    with pytest.raises(ValueError, match="got 1 in 'crossed'"):
        pml.compare_models({"crossed": here}, n="groups", progressbar=False)
    with pytest.raises(ValueError, match="one number of independent groups for n='groups', got none in 'both'"):
        pml.compare_models({"both": fits["both"]}, n="groups", progressbar=False)
    with pytest.raises(
        ValueError, match="n to be a whole number, at least 1, got 0: give a positive number, 'rows' or 'groups'"
    ):
        pml.compare_models({"both": fits["both"]}, n=0, progressbar=False)


def test_what_is_not_identified_is_not_counted():
    y = np.array([1.2, 0.3, 2.1, 1.7])
    with pm.Model() as one:
        pm.Normal("y", pm.Normal("a", 0, 1), np.float64(1.0), observed=y)
    with pm.Model() as two:
        pm.Normal("y", pm.Normal("a", 0, 1) + pm.Normal("c", 0, 1), np.float64(1.0), observed=y)
    found = pml.compare_models({"one": fit(one), "two": fit(two)}, progressbar=False)
    assert found["aic"].tolist() == pytest.approx([found["aic"].iloc[0]] * 2, abs=1e-8)
    assert found.loc["two", ["k", "n_identified"]].tolist() == [2, 1]
    assert "criteria count 1 of 2 parameters" in found.loc["two", "note"]


def test_a_variance_on_its_edge_is_tested_by_the_mixture():
    """Dyestuff: LR 5.40282609, ½χ²₀+½χ²₁ p 0.01005209."""
    model, _ = one_way("Dyestuff", "log")
    found = pml.compare_models({"batches": fit(model), "none": fit(pm.do(model, {"sigma_b": 0.0}))})
    assert found.loc["batches", "lr_statistic"] == pytest.approx(5.40282609, abs=1e-7)
    assert found.loc["batches", "lr_p"] == pytest.approx(0.01005209, abs=1e-7)
    assert found.loc["batches", "lr_reference"] == "chibar2"


def test_models_that_are_not_nested_have_criteria_only():
    y = np.array([0.4, 1.3, 2.2, 0.7, 1.9, 0.2, 3.1])
    with pm.Model() as gamma:
        pm.Gamma("y", alpha=pm.HalfNormal("shape", 5), beta=pm.HalfNormal("rate", 5), observed=y)
    with pm.Model() as lognormal:
        pm.LogNormal("y", mu=pm.Normal("m", 0, 5), sigma=pm.HalfNormal("s", 5), observed=y)
    with pm.Model() as exponential:
        pm.Exponential("y", lam=pm.HalfNormal("lam", 5), observed=y)
    found = pml.compare_models({"gamma": fit(gamma), "lognormal": fit(lognormal), "exponential": fit(exponential)})
    assert found["lr_statistic"].isna().all()
    best = -2 * stats.lognorm.logpdf(y, np.log(y).std(), scale=np.exp(np.log(y).mean())).sum() + 4
    assert found.loc["lognormal", "aic"] == pytest.approx(best, abs=1e-8)


def test_a_variance_of_0_is_told_in_words():
    """Dyestuff2 has no batch effect: the larger model pays for a parameter in full."""
    found = pml.compare_models({"batches": fit(dyestuff("Dyestuff2", "centred"))}, progressbar=False)
    assert found.loc["batches", "note"] == (
        "the optimum is on the edge of the support: sd, where AIC and BIC lean towards the model without it"
    )


# --- beside cross-validation -----------------------------------------------------------------------------------------


def posterior(model: pm.Model, here: pml.Fit, seed: int) -> xr.DataTree:
    """Draws about the estimate, of two chains, with PyMC's own log-likelihoods."""
    rng = np.random.default_rng(seed)
    theta = rng.multivariate_normal(here.theta, here.theta_covariance, size=(2, 300))
    names = [v.name for v in here.objective.variables]
    draws = xr.Dataset({name: (("chain", "draw"), theta[..., i]) for i, name in enumerate(names)})
    tree = xr.DataTree.from_dict({"posterior": draws.assign_coords(chain=[0, 1], draw=np.arange(300))})
    with model:
        pm.compute_log_likelihood(tree, progressbar=False)
    return tree


@pytest.fixture(scope="module")
def trees(fits) -> dict[str, xr.DataTree]:
    return {name: posterior(fits[name].objective.model, fits[name], i) for i, name in enumerate(("dose", "both"))}


def test_loo_is_that_of_arviz(fits, trees):
    found = pml.compare_models({name: (fits[name], tree) for name, tree in trees.items()})
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Estimated shape parameter of Pareto", UserWarning)
        wanted = az.compare(trees, round_to="none")
    for name in trees:
        assert found.loc[name, "elpd_loo"] == wanted.loc[name, "elpd"]
        assert found.loc[name, "se_loo"] == wanted.loc[name, "se"]
        assert found.loc[name, "weight_loo"] == wanted.loc[name, "weight"]
        assert found.loc[name, "p_loo"] == wanted.loc[name, "p"]
        assert found.loc[name, "elpd_diff"] == wanted.loc[name, "elpd_diff"]
        assert found.loc[name, "se_diff"] == wanted.loc[name, "dse"]
    assert (found["focus"] == "marginal").all()  # no random effects: the two are one
    assert "LOO" in found.loc["both", "note"]


def test_a_posterior_without_log_likelihoods_gets_them_from_the_model(fits, trees):
    bare = xr.DataTree.from_dict({"posterior": trees["both"]["posterior"].to_dataset()})
    found = pml.compare_models({"both": (fits["both"], bare), "one": fits["one"]})
    assert found.loc["both", "elpd_loo"] == pytest.approx(float(az.loo(trees["both"]).elpd), rel=1e-10)
    assert found.loc["both", "weight_loo"] == 1.0
    assert np.isnan(found.loc["one", "elpd_loo"])


@pytest.mark.exhaustive
def test_loo_of_several_terms_is_of_all_their_observations():
    y, z = np.array([0.3, 1.1, 0.8, 1.9]), np.array([2.0, 3.5, 2.2])
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 10)
        pm.Normal("y", mu, np.float64(1.0), observed=y)
        pm.Normal("z", 2 * mu, np.float64(1.0), observed=z)
    here = fit(model)
    tree = posterior(model, here, 7)
    found = pml.compare_models({"model": (here, tree)})
    both = np.concatenate([tree["log_likelihood"][name].values for name in ("y", "z")], axis=-1)
    merged = xr.DataTree.from_dict(
        {
            "posterior": tree["posterior"].to_dataset(),
            "log_likelihood": xr.Dataset({"all": (("chain", "draw", "obs"), both)}, {"chain": [0, 1]}),
        }
    )
    assert found.loc["model", "elpd_loo"] == pytest.approx(float(az.loo(merged).elpd), rel=1e-12)


def of_batches(batches, seed: int) -> tuple[pml.Fit, xr.DataTree]:
    """Dyestuff with draws of its parameters and, given these, of its six effects."""
    here, rng = batches["batches"], np.random.default_rng(seed)
    draws = here.draws(400, random_seed=seed)
    effects = np.asarray(here.latent["u"]) + np.asarray(here.latent["u_se"]) * rng.normal(size=(1, 400, 6))
    return here, xr.DataTree.from_dict({"posterior": draws.assign(u=(("chain", "draw", "batch"), effects))})


def test_loo_given_random_effects_says_so(batches):
    """It predicts new rows of the same groups, AIC new groups: they are no two answers to one question."""
    level = batches["none"]
    entries = {"batches": of_batches(batches, 1), "none": (level, level.draws(400, random_seed=2))}
    found = pml.compare_models(entries, reference="chibar2", progressbar=False)
    assert found["focus"].to_dict() == {"batches": "marginal; LOO conditional", "none": "marginal"}
    assert "AIC, AICc and BIC are marginal (new groups), LOO is conditional" in found.attrs["message"]
    assert found["elpd_diff"].max() == 0
    assert found["elpd_diff"].min() == pytest.approx(found["elpd_loo"].min() - found["elpd_loo"].max())


def test_rows_and_groups_are_not_mixed_in_loo(batches):
    """Who has summed over groups predicts groups: six log-likelihoods beside thirty."""
    here, tree = of_batches(batches, 1)
    grouped = tree.copy()
    values = np.random.default_rng(1).normal(-22, 0.5, size=(1, 400, 6))
    grouped["log_likelihood"] = xr.DataTree(
        xr.Dataset({"yield": (("chain", "draw", "batch"), values)}, {"chain": [0], "draw": np.arange(400)})
    )
    alone = pml.compare_models({"grouped": (here, grouped)}, progressbar=False)
    assert alone.loc["grouped", "focus"] == "marginal"
    with pytest.raises(ValueError, match="same observations for LOO, got 6 of 'grouped' and 30 of 'rows'"):
        pml.compare_models({"rows": (here, tree), "grouped": (here, grouped)}, progressbar=False)


# --- what must not be compared ---------------------------------------------------------------------------------------


def test_other_data_are_refused(fits):
    with pm.Model() as other:
        pm.Binomial(
            "dead", n=published.TRIED, logit_p=pm.Normal("b0", 0, 10) * np.ones(N), observed=published.DEAD[::-1].copy()
        )
    with pytest.raises(ValueError, match="different values of 'dead' in 'both' and in 'reversed'"):
        pml.compare_models({"both": fits["both"], "reversed": fit(other)})


def test_what_is_no_maximum_likelihood_fit_is_refused(fits):
    with pytest.raises(ValueError, match="posterior mode as 'both'"):
        pml.compare_models({"both": pml.fit_map(budworm("both"), progressbar=False)})
    with pytest.raises(TypeError, match="mapping of names to fits, got list"):
        pml.compare_models([fits["both"]])
    with pytest.raises(TypeError, match="got int"):
        pml.compare_models({"both": 3})
    with pytest.raises(ValueError, match="at least one model"):
        pml.compare_models({})


def test_random_effects_are_refused():
    hierarchical = pm.Model()
    with hierarchical:
        tau = pm.HalfNormal("tau", 10)
        theta = pm.Normal("theta", pm.Normal("mu", 0, 10), tau, shape=4)
        pm.Normal("y", theta, np.float64(2.0), observed=np.array([1.0, 3.0, -2.0, 4.0]))
    with pytest.raises(ValueError, match="random effects are integrated out, got 'schools' with theta as parameters"):
        pml.compare_models({"schools": fit(pml.Objective(hierarchical, latent=()))})
    assert pml.compare_models({"schools": fit(pml.Objective(hierarchical, latent="theta"))}).loc["schools", "k"] == 2
    marginal = fit(eight_schools(lambda: pm.HalfNormal("tau", 20)))
    assert pml.compare_models({"marginal": marginal}).loc["marginal", "aic"] == pytest.approx(2 * 29.67424369 + 4)


def test_a_fit_without_a_maximum_has_a_row_and_a_reason():
    x, won = np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0, 0, 1, 1])
    with pm.Model() as separated:
        pm.Bernoulli("won", logit_p=pm.Normal("b", 0, 10) * x, observed=won)
    with pm.Model() as fair:
        pm.Bernoulli("won", p=pm.Beta("p", 1, 1) * np.ones(4), observed=won)
    found = pml.compare_models({"separated": fit(separated), "fair": fit(fair)})
    assert list(found.index) == ["fair", "separated"]
    assert np.isnan(found.loc["separated", "aic"])
    assert found.loc["separated", "note"].startswith("unbounded: ")
    assert found.loc["fair", "weight_aic"] == 1.0
