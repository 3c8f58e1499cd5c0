"""What R and hand computation say about fourteen data sets, `fit_mle` says of their PyMC models."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
import references as ref
import xarray as xr
from oracle import in_double_precision
from reference_models import CASES, QUINE_X, design, fit_of, model_of
from scipy import stats
from selection import some

import pymc_landscape as pml
from pymc_landscape.engine import difference_engine

# A linear model, counts, a censored one, and the published ones; the other references are exhaustive.
ALWAYS = (
    "stackloss",
    "menarche",
    "mtcars",
    "quine",
    "ovarian",
    "cdnow_nbd",
    "puromycin",
    "budworm",
)


def assert_values(dataset, wanted: dict, tolerance: float) -> None:
    """Each named variable of a Dataset has the wanted values."""
    assert set(dataset.data_vars) == set(wanted)
    for name, value in wanted.items():
        np.testing.assert_allclose(dataset[name].to_numpy(), value, rtol=tolerance, atol=0, err_msg=name)


@pytest.mark.parametrize("name", some(CASES, ALWAYS))
def test_estimates_and_errors_are_those_of_the_reference(name):
    _, answer, _ = CASES[name]
    fit = fit_of(name)
    assert fit.status.value == "converged"
    assert fit.log_likelihood == pytest.approx(answer.log_likelihood, abs=1e-7)
    assert fit.minus2ll == -2 * fit.log_likelihood
    assert_values(fit.point, answer.estimate, 1e-6)
    assert_values(fit.standard_error, answer.standard_error, 1e-6)


@pytest.mark.parametrize("name", some(CASES, ALWAYS))
def test_parameters_and_observations_are_counted(name):
    _, answer, k = CASES[name]
    assert (fit_of(name).n_parameters, fit_of(name).n_observations) == (k, answer.n)


@pytest.mark.parametrize("name", some([name for name, (_, answer, _) in CASES.items() if answer.criteria], ALWAYS))
def test_information_criteria_are_those_of_r(name):
    """R counts sigma and theta among the parameters, as we do."""
    _, answer, k = CASES[name]
    fit = fit_of(name)
    assert fit.aic == pytest.approx(answer.criteria["aic"], abs=1e-7)
    assert fit.bic == pytest.approx(answer.criteria["bic"], abs=1e-7)
    assert fit.aicc == pytest.approx(answer.criteria["aic"] + 2 * k * (k + 1) / (answer.n - k - 1), abs=1e-7)


@pytest.mark.exhaustive
def test_the_bic_of_a_time_series_counts_its_values():
    """R: BIC(arima(lh, order=c(1,0,0))) is 70.37193."""
    assert fit_of("lh_exact").bic == pytest.approx(70.37193, abs=1e-5)


def test_the_table_has_estimate_error_and_wald_limits():
    """R: confint.default(glm(am ~ wt, binomial, mtcars), level=0.9)."""
    wanted = [[4.621970917701, 19.45876853961], [-6.386847846293, -1.661092078054]]
    table = fit_of("mtcars").summary(level=0.9)
    assert list(table.index) == ["b[0]", "b[1]"]
    limits = table[["wald90_lb", "wald90_ub"]].to_numpy()
    np.testing.assert_allclose(limits, wanted, rtol=1e-8)
    assert (table["note"] == "").all()


@pytest.mark.parametrize(
    ("name", "errors"),
    [("stackloss", ref.STACKLOSS_HC0), ("warpbreaks", ref.WARPBREAKS_HC0)],
)
def test_the_sandwich_is_that_of_r(name, errors):
    fit = pml.fit_mle(model_of(name), sandwich=True, progressbar=False)
    np.testing.assert_allclose(fit.standard_error["b"], errors, rtol=1e-6)
    np.testing.assert_allclose(fit.point["b"], CASES[name][1].estimate["b"], rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "errors"),
    [
        ("clotting_log", ref.CLOTTING_LOG_EXPECTED),
        ("mtcars", [4.510066238967, 1.436527752624]),
    ],
)
def test_expected_information_gives_the_errors_that_r_prints(name, errors):
    fit = pml.fit_mle(model_of(name), information="expected", progressbar=False)
    np.testing.assert_allclose(fit.standard_error["b"], errors, rtol=1e-6)


def unconstrained(model: pm.Model, point: xr.Dataset) -> dict[str, np.ndarray]:
    """Return the value variables at a point, by PyMC's own transforms."""
    values = {}
    for rv, value in model.rvs_to_values.items():
        if rv in model.free_RVs:
            transform, natural = model.rvs_to_transforms[rv], point[rv.name].to_numpy()
            there = natural if transform is None else transform.forward(pt.as_tensor(natural), *rv.owner.inputs).eval()
            values[value.name] = np.asarray(there)
    return values


# Posterior modes, on the natural scale and without Jacobian: what find_MAP looks for.
# PyMC's own optimiser may end in rounding and say so; what is compared is where it ended.
@pytest.mark.filterwarnings("ignore:The optimizer did not converge:UserWarning")
@pytest.mark.parametrize("name", some(["stackloss", "mtcars", "clotting_log", "lh_conditional"], ["mtcars"]))
def test_the_posterior_mode_is_that_of_find_map(name):
    with in_double_precision():
        model = CASES[name][0]()
        tree = pm.find_MAP(
            model=model,
            jitter=False,
            progressbar=False,
            return_inferencedata=True,
            compile_kwargs={"mode": "FAST_COMPILE"},
            options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 10_000},
        )
        density = model.compile_logp(jacobian=False, mode="FAST_COMPILE")
    oracle = tree["posterior"].to_dataset().squeeze(("chain", "draw"))
    fit = pml.fit_map(model, progressbar=False)
    assert fit.status.value == "converged"
    here, there = (density(unconstrained(model, place)) for place in (fit.point, oracle))
    assert fit.log_likelihood + fit.log_prior == pytest.approx(float(here), abs=1e-7)
    assert there - 1e-8 <= here <= there + 1e-5
    for variable, value in fit.point.items():
        away = np.abs(value.to_numpy() - oracle[variable].to_numpy())
        np.testing.assert_array_less(away, 1e-2 * fit.standard_error[variable].to_numpy())


def test_the_posterior_mode_of_a_conjugate_model_is_known():
    """Beta(a, b) prior and k of n: the mode of Beta(a + k, b + n - k), and its curvature there."""
    with pm.Model() as model:
        p = pm.Beta("p", 3, 2)
        pm.Binomial("k", n=10, p=p, observed=7)
    fit = pml.fit_map(model, progressbar=False)
    mode = (3 + 7 - 1) / (3 + 2 + 10 - 2)
    assert fit.point["p"].item() == pytest.approx(mode, rel=1e-9)
    assert fit.standard_error["p"].item() == pytest.approx(np.sqrt(mode * (1 - mode) / 13), rel=1e-8)


# The same model in other words has the same maximum, and errors that the chain rule ties together.
def test_units_of_the_data_do_not_matter():
    """Air flow in thousands, water in thousandths, and the precision in place of sigma."""
    x = design(ref.AIR_FLOW / 1e3, ref.WATER_TEMP * 1e3, ref.ACID_CONC)
    with pm.Model() as model:
        b = pm.Normal("b", 0, 1e6, shape=4)
        tau = pm.Gamma("tau", 0.1, 0.1)
        pm.Normal("loss", x @ b, tau=tau, observed=ref.STACK_LOSS)
    fit = pml.fit_mle(model, progressbar=False)
    answer, scale = ref.STACKLOSS, np.array([1, 1e3, 1e-3, 1])
    assert fit.log_likelihood == pytest.approx(answer.log_likelihood, abs=1e-7)
    np.testing.assert_allclose(fit.point["b"], answer.estimate["b"] * scale, rtol=1e-6)
    np.testing.assert_allclose(fit.standard_error["b"], answer.standard_error["b"] * scale, rtol=1e-6)
    sigma, error = answer.estimate["sigma"], answer.standard_error["sigma"]
    assert fit.point["tau"].item() == pytest.approx(sigma**-2, rel=1e-6)
    assert fit.standard_error["tau"].item() == pytest.approx(2 * sigma**-3 * error, rel=1e-6)


@pytest.mark.exhaustive
def test_the_mean_of_an_autoregression_is_the_same_in_both_forms():
    """mu = c / (1 - rho), with the error of the other form by the chain rule."""
    fit, other = fit_of("lh_exact"), fit_of("lh_mean")
    assert fit.minus2ll == pytest.approx(other.minus2ll, abs=1e-8)
    assert fit.derived["mu"].item() == pytest.approx(ref.LH_MEAN.estimate["mu"], rel=1e-7)
    assert fit.derived_standard_error["mu"].item() == pytest.approx(ref.LH_MEAN.standard_error["mu"], rel=1e-6)
    assert "mu" in fit.summary().index


@pytest.mark.exhaustive
def test_dispersion_and_its_inverse_tell_the_same():
    """Quine with 1 / alpha, the coding of statsmodels, and the rate as a product."""
    with pm.Model() as model:
        b = pm.Normal("b", 0, 3, shape=7)
        dispersion = pm.Uniform("dispersion", 0, 20)
        pm.NegativeBinomial("days", mu=pt.exp(QUINE_X @ b), alpha=1 / dispersion, observed=ref.DAYS)
    fit, answer = pml.fit_mle(model, progressbar=False), ref.QUINE
    assert fit.minus2ll == pytest.approx(-2 * answer.log_likelihood, abs=1e-7)
    alpha, error = answer.estimate["alpha"], answer.standard_error["alpha"]
    assert fit.point["dispersion"].item() == pytest.approx(1 / alpha, rel=1e-6)
    assert fit.standard_error["dispersion"].item() == pytest.approx(error / alpha**2, rel=1e-6)
    np.testing.assert_allclose(fit.standard_error["b"], answer.standard_error["b"], rtol=1e-6)


def test_a_censored_gamma_is_scipy_s_and_takes_few_hessians(monkeypatch):
    """Its derivatives by the shape are series without second derivatives: each Hessian costs a dozen gradients."""
    y, limit, hessians = np.random.default_rng(1).gamma(2.5, 2.0, 60), 8.0, []
    by_differences = difference_engine.hessian_of_gradients
    monkeypatch.setattr(
        difference_engine, "hessian_of_gradients", lambda *how: hessians.append(how) or by_differences(*how)
    )
    with pm.Model() as model:
        law = pm.Gamma.dist(pm.HalfNormal("alpha", 5), pm.HalfNormal("beta", 2))
        pm.Censored("y", law, lower=None, upper=limit, observed=np.minimum(y, limit))
    found = pml.fit_mle(model, progressbar=False)
    data = stats.CensoredData(uncensored=y[y < limit], right=np.full((y >= limit).sum(), limit))
    shape, _, scale = stats.gamma.fit(data, floc=0)
    law = stats.gamma(shape, scale=scale)
    assert float(found.point["alpha"]) == pytest.approx(shape, rel=1e-3)
    assert float(found.point["beta"]) == pytest.approx(1 / scale, rel=1e-3)
    theirs = -2 * (law.logpdf(y[y < limit]).sum() + (y >= limit).sum() * law.logsf(limit))
    assert found.minus2ll == pytest.approx(theirs, abs=1e-4)
    assert found.minus2ll <= theirs + 1e-9
    assert len(hessians) <= 20
