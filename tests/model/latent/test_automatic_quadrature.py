"""Integrals whose nodes are chosen: against closed forms, SciPy's quad, and many nodes."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from latent_models import CASES
from scipy import integrate, optimize, special, stats
from selection import exhaustive

import pymc_landscape as pml

Interval, ordered = pm.distributions.transforms.Interval, pm.distributions.transforms.ordered


def fitted(model, **choices):
    return pml.fit_mle(pml.Objective(model, **choices), progressbar=False)


def lowest(minus2ll, start):
    return optimize.minimize(minus2ll, start, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-11})


# --- effects of one dimension --------------------------------------------------------------------------------------


def test_censored_values_that_are_imputed_are_tail_areas():
    """Each hidden value is bounded by a limit, where its density is highest: a normal tail, in closed form."""
    low, high = 3.0, 16.0
    drawn = np.random.default_rng(7).normal(13, 5, 60)
    seen, above, below = drawn[(drawn > low) & (drawn < high)], int((drawn >= high).sum()), int((drawn <= low).sum())

    def minus2ll(t):
        law = stats.norm(t[0], np.exp(t[1]))
        return -2 * (law.logpdf(seen).sum() + below * law.logcdf(low) + above * law.logsf(high))

    best = lowest(minus2ll, [13, 1.6])
    with pm.Model() as model:
        mu, sigma = pm.Normal("mu", 9.5, 13), pm.HalfNormal("sigma", 6.5)
        pm.Normal("above", mu, sigma, transform=Interval(high, None), shape=above, initval=np.full(above, high + 1))
        pm.Normal("below", mu, sigma, transform=Interval(None, low), shape=below, initval=np.full(below, low - 1))
        pm.Normal("y", mu, sigma, observed=seen)
    fit = pml.fit_mle(model, progressbar=False)
    assert fit.status.value == "converged"
    assert fit.minus2ll == pytest.approx(best.fun, abs=1e-5)
    np.testing.assert_allclose([fit.point["mu"], fit.point["sigma"]], [best.x[0], np.exp(best.x[1])], rtol=1e-4)


@pytest.mark.exhaustive
def test_beta_effects_are_beta_binomial():
    """Laplace's approximation on the log-odds scale has no maximum here; the beta-binomial distribution has."""
    y = np.repeat([2, 3, 4, 5], [1, 9, 14, 24])
    best = lowest(lambda q: -2 * stats.betabinom.logpmf(y, 5, *np.exp(q)).sum(), [2.5, 1])
    with pm.Model() as model:
        a, b = pm.HalfNormal("a", 50), pm.HalfNormal("b", 50)
        pm.Binomial("y", n=5, p=pm.Beta("p", a, b, shape=len(y)), observed=y)
    fit = pml.fit_mle(model, progressbar=False)
    assert fit.minus2ll == pytest.approx(107.799025, abs=1e-5)
    assert best.fun == pytest.approx(107.799025, abs=1e-6)
    np.testing.assert_allclose([fit.point["a"], fit.point["b"]], np.exp(best.x), rtol=1e-3)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", ["Laplace", "StudentT", "asymmetric"])
def test_effects_with_corners_and_heavy_tails(name):
    """One integral a group by quad, cut at the corner."""
    laws = {
        "Laplace": (lambda s: pm.Laplace("u", 0, s, shape=6), lambda s: stats.laplace(0, s)),
        "StudentT": (lambda s: pm.StudentT("u", nu=2, mu=0, sigma=s, shape=6), lambda s: stats.t(2, 0, s)),
        "asymmetric": (lambda s: pm.AsymmetricLaplace("u", b=1 / s, kappa=1.5, mu=0, shape=6), None),
    }
    build, law = laws[name]
    group = np.repeat(np.arange(6), 4)
    y = 1 + np.random.default_rng(4).normal(0, 0.5, 24)

    def log_prior(u, s):
        if law is not None:
            return law(s).logpdf(u)
        return stats.laplace_asymmetric.logpdf(u, 1.5, 0, s)

    def minus2ll(s):
        total = 0.0
        for g in range(6):
            at = y[group == g]
            f = lambda u, at=at: np.exp(log_prior(u, s) + stats.norm.logpdf(at, u, 1).sum())  # noqa: E731
            parts = [integrate.quad(f, a, b, epsabs=0, limit=200)[0] for a, b in ((-9, 0), (0, 1), (1, 9))]
            total += np.log(sum(parts))
        return -2 * total

    with pm.Model() as model:
        s = pm.HalfNormal("s", 1)
        pm.Normal("y", build(s)[group], 1, observed=y)
    objective = pml.Objective(model, quadrature="gauss_kronrod")
    for s in (0.3, 1.2):
        theta = objective.pack({"s": s})
        assert float(objective.minus2ll(theta)) == pytest.approx(minus2ll(s), abs=1e-6)
        slope = (minus2ll(s * 1.001) - minus2ll(s / 1.001)) / (2 * np.log(1.001))
        assert float(objective.gradient(theta)[0]) == pytest.approx(slope, abs=1e-4)


@pytest.mark.exhaustive
def test_a_gamma_frailty_of_any_spread_is_negative_binomial():
    counts, exposure = np.array([[2, 1, 4], [5, 2, 3]]), np.array([[1.0, 0.8, 1.3]])
    with pm.Model() as model:
        rate, s = pm.HalfNormal("rate", 5), pm.HalfNormal("s", 2)
        frailty = pm.Gamma("frailty", mu=1, sigma=s, shape=2)
        pm.Poisson("n", frailty[:, None] * rate * exposure, observed=counts)
    objective = pml.Objective(model)
    totals, share = counts.sum(axis=1), exposure[0] / exposure.sum()
    split = sum(stats.multinomial.logpmf(row, row.sum(), share) for row in counts)
    mean = 2.5 * exposure.sum()
    for s in (0.0, 1e-9, 1e-4, 0.3, 2.0):
        whole = stats.poisson(mean) if s < 1e-3 else stats.nbinom(s**-2, 1 / (1 + s**2 * mean))
        found = objective.natural_log_likelihood({"rate": [2.5], "s": [s]})[0]
        assert found == pytest.approx(split + whole.logpmf(totals).sum(), abs=1e-6)
    fit = pml.fit_mle(objective, progressbar=False)
    assert fit.status.value == "at_bound"
    assert float(fit.point["s"]) == 0.0
    assert float(fit.point["rate"]) == pytest.approx(counts.sum() / (2 * exposure.sum()), rel=1e-6)


# --- how many nodes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cbpp_1", exhaustive("warpbreaks_1"), exhaustive("epil_slopes")])
def test_as_many_nodes_as_fifty_one_would_agree_with(name):
    case = CASES[name]
    fit = fitted(case.forms["centred"](), latent=list(case.latent))
    many = fit.objective.with_quadrature(51)
    assert fit.minus2ll == pytest.approx(float(many.minus2ll(fit.theta)), abs=1e-3)
    assert fit.objective.origin["quadrature"] > 1
    assert "nodes" not in fit.message


def test_a_linear_mixed_model_keeps_the_approximation_that_is_exact():
    fit = fitted(CASES["dyestuff"].forms["centred"]())
    assert fit.objective.origin["quadrature"] == 1
    assert "Laplace" not in fit.message


@pytest.fixture(scope="module")
def visits():
    """Two visits of each of 40 people, and people who differ a lot."""
    person = np.repeat(np.arange(40), 2)
    rng = np.random.default_rng(5)
    seen = rng.binomial(1, special.expit(0.5 + rng.normal(0, 4.0, 40)[person]))
    with pm.Model() as model:
        level, spread = pm.Normal("level", 0, 10), pm.HalfNormal("spread", 10)
        u = pm.Normal("u", 0, spread, shape=40)
        pm.Bernoulli("came", logit_p=level + u[person], observed=seen)

    def minus2ll(t):
        u = np.linspace(-12, 12, 4001)
        p = special.expit(t[0] + np.exp(t[1]) * u)
        k = seen.reshape(40, 2).sum(axis=1)
        by_count = [np.log(integrate.trapezoid(p**n * (1 - p) ** (2 - n) * stats.norm.pdf(u), u)) for n in range(3)]
        return -2 * np.bincount(k, minlength=3) @ by_count

    return model, minus2ll


def test_binary_data_with_few_visits_and_a_large_spread(visits):
    """As the toenail data of De Backer and others (1998), of which Laplace's approximation is known to be poor."""
    model, minus2ll = visits
    fit, best = pml.fit_mle(model, progressbar=False), lowest(minus2ll, [0.5, 1.3])
    assert fit.minus2ll == pytest.approx(best.fun, abs=1e-4)
    assert float(fit.point["spread"]) == pytest.approx(np.exp(best.x[1]), rel=1e-3)


def test_nodes_that_were_asked_for_are_kept_and_their_error_told(visits):
    fit = fitted(visits[0], quadrature=1)
    assert fit.objective.quadrature == 1
    assert "by Laplace's approximation is too" in fit.message


@pytest.mark.exhaustive
def test_crossed_effects_keep_the_approximation_and_say_how_far_it_is_off(rng):
    one, other = np.repeat(np.arange(12), 6), np.tile(np.arange(6), 12)
    seen = rng.binomial(1, special.expit(rng.normal(0, 1.5, 12)[one] + rng.normal(0, 1.0, 6)[other]))
    with pm.Model() as model:
        u = pm.Normal("u", 0, pm.HalfNormal("s_u", 3), shape=12)
        v = pm.Normal("v", 0, pm.HalfNormal("s_v", 3), shape=6)
        pm.Bernoulli("y", logit_p=pm.Normal("level", 0, 5) + u[one] + v[other], observed=seen)
    fit = pml.fit_mle(model, progressbar=False)
    assert fit.objective.origin["quadrature"] == 1
    assert "importance sampling" in fit.message
    assert "Pareto k" in fit.message


# --- what is no random effect ------------------------------------------------------------------------------------


def taken(build) -> tuple[str, ...]:
    rng = np.random.default_rng(1)
    group, x = np.repeat(np.arange(6), 10), rng.normal(size=60)
    with pm.Model() as model:
        u = pm.Normal("u", 0, pm.Exponential("spread", 1), shape=6)
        build(u[group], x, pm.Exponential("s", 1))
    return pml.Objective(model, latent="auto").latent if not model.discrete_value_vars else _continuous(model)


def _continuous(model):
    from pymc_landscape.model import find_latent

    return tuple(find_latent(model))


Y, K = np.random.default_rng(2).normal(size=60), np.random.default_rng(2).integers(0, 4, 60)


def _cutpoints(how, kind):
    def build(u, x, s):
        if how == "increments":
            steps = pt.cumsum(pm.Exponential("steps", s, shape=2))
            first = pm.Normal("first", 0, 2)
            cut = pt.concatenate([[first], first + steps])
        else:
            transform = {"transform": ordered, "initval": [-1.0, 0.0, 1.0]} if how == "ordered" else {}
            cut = pm.Normal("cut", 0, s, shape=3, **transform)
        getattr(pm, kind)("y", eta=pm.Normal("b", 0, 1) * x + u, cutpoints=cut, observed=K)

    return build


def _mixture(how):
    def build(u, x, s):
        w, mu = pm.Dirichlet("w", np.ones(3)), pm.Normal("mu", pm.Normal("centre", 0, 5), s, shape=3)
        if how == "NormalMixture":
            pm.NormalMixture("y", w=w, mu=mu + u[:, None], sigma=1.0, observed=Y)
        elif how == "list":
            pm.Mixture("y", w=w, comp_dists=[pm.Normal.dist(mu[i] + u, 1) for i in range(3)], observed=Y)
        else:
            pm.Normal("y", mu[pm.Categorical("z", w, shape=60)] + u, 1, observed=Y)

    return build


def _coefficients(u, x, s):
    design = np.column_stack([x, x**2, x**3])
    pm.Normal("y", design @ pm.Normal("slopes", 0, s, shape=3) + u, 1, observed=Y)


@pytest.mark.parametrize("how", ["ordered", "increments", "plain"])
@pytest.mark.parametrize("kind", ["OrderedLogistic", "OrderedProbit"])
def test_cutpoints_are_parameters(how, kind):
    assert taken(_cutpoints(how, kind)) == ("u",)


@pytest.mark.parametrize("how", ["NormalMixture", "list", "picked by a class"])
def test_parameters_of_components_are_parameters(how):
    assert taken(_mixture(how)) == ("u",)


def test_coefficients_that_share_a_prior_are_effects():
    assert taken(_coefficients) == ("u", "slopes")
