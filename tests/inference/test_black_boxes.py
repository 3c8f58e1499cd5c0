"""Every verb on models with Ops that lack derivatives, against closed forms and the same model written in PyTensor."""

import black_boxes
import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from black_boxes import CURVE, TIMES, D, X
from pymc.ode import DifferentialEquation
from scipy import optimize, stats

import pymc_landscape as pml

Z = stats.norm.ppf(0.975)


def intervals(fit, names=None):
    return pml.confidence_intervals(fit, names, method=["wald", "profile"], progressbar=False)["interval"]


@pytest.mark.parametrize("op", [black_boxes.WithSlope(), black_boxes.WithFlatSlope(), black_boxes.WithoutSlope()])
def test_a_line_has_its_intervals_whatever_the_op_knows(op):
    """Normal in (a, b): ends are the least squares estimate ± 1.96 standard errors; that σ = 1 makes −2LL = SSE."""
    best, cov = np.linalg.solve(X.T @ X, X.T @ D), np.linalg.inv(X.T @ X)
    fit = pml.fit_mle(black_boxes.line(op), progressbar=False)
    right = best[:, None] + np.array([-Z, Z]) * np.sqrt(np.diag(cov))[:, None]
    assert fit.status.value == "converged"
    np.testing.assert_allclose(fit.minus2ll, ((D - X @ best) ** 2).sum(), rtol=1e-9)
    for method in ("wald", "profile"):
        np.testing.assert_allclose(intervals(fit).sel(interval_method=method), right, atol=1e-6)


def everything(model, deterministic=None):
    """Return numbers of every verb."""
    fit = pml.fit_mle(model, progressbar=False)
    names = [*fit.objective.labels]
    of_one = pml.fit_grid(fit, names[:1], num=5)
    found = {
        "theta": fit.theta,
        "minus2ll": fit.minus2ll,
        "intervals": intervals(fit),
        "spectrum": pml.hessian_spectrum(fit)["eigenvalue"],
        "contour": pml.confidence_contour(fit, names[:2], num=4, progressbar=False)[names[0]],
        "landscape": pml.evaluate_landscape(fit, of_one, nuisance="profile", progressbar=False)["delta_minus2ll"],
        "critical": pml.critical_points(fit, starts=1, progressbar=False, random_seed=1)["minus2ll"][:1],
        "scores": fit.objective.scores(fit.theta),
        "influence": pml.influence(fit, progressbar=False)["displacement"],
        "map": pml.fit_map(model, progressbar=False).theta,
        "newton": pml.descend(model, "newton", steps=30, progressbar=False)["minus2ll"][:, -1],
    }
    return found | ({"of a curve": intervals(fit, [deterministic])} if deterministic else {})


def assert_alike(found, right, rtol):
    for name, value in right.items():
        size = np.abs(np.asarray(value)).max()
        np.testing.assert_allclose(found[name], value, rtol=rtol, atol=rtol * size, err_msg=name)


@pytest.mark.slow
@pytest.mark.exhaustive
def test_every_verb_on_values_of_python():
    right = everything(black_boxes.decay_beside_counts(black_boxes.decay_written), "mu[3]")
    assert_alike(everything(black_boxes.decay_beside_counts(black_boxes.decay), "mu[3]"), right, 1e-5)


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.filterwarnings("ignore::scipy.integrate.ODEintWarning")
def test_every_verb_on_the_solution_of_an_ode():
    """Logistic growth has a closed form; the solver's own tolerance is 1.5e-8."""
    right = everything(black_boxes.growth(black_boxes.growth_written))
    assert_alike(everything(black_boxes.growth(black_boxes.growth_solved)), right, 1e-4)


def test_an_ode_has_its_intervals():
    """y' = −k y with y(0) = 3: −2LL of the closed form, its minimum and its ends by SciPy."""

    def minus2ll(k):
        return -2 * stats.norm.logpdf(CURVE, 3 * np.exp(-k * TIMES), 0.1).sum()

    ode = DifferentialEquation(lambda y, t, p: -p[0] * y[0], TIMES, n_states=1, n_theta=1, t0=0)
    with pm.Model() as model:
        pm.Normal("y", ode(y0=[3.0], theta=[pm.HalfNormal("k", 1)]), 0.1, observed=CURVE[:, None])
    fit = pml.fit_mle(model, progressbar=False)
    k = optimize.minimize_scalar(minus2ll, bounds=(0.5, 1), method="bounded", options={"xatol": 1e-12}).x
    ends = [optimize.brentq(lambda v: minus2ll(v) - minus2ll(k) - Z**2, *side) for side in ((0.3, k), (k, 2))]
    assert fit.point["k"] == pytest.approx(k, abs=1e-6)
    np.testing.assert_allclose(intervals(fit)[0].sel(interval_method="profile"), ends, atol=1e-6)


def test_effects_behind_a_black_box_are_refused_by_its_name():
    with pm.Model() as model:
        effects = pm.Normal("u", 0, pm.HalfNormal("s", 1), shape=2)
        pm.Normal("y", black_boxes.decay(pt.exp(effects)), 0.1, observed=CURVE)
    with pytest.raises(ValueError, match=r"decay.*latent=\(\)"):
        pml.fit_mle(model, progressbar=False)
