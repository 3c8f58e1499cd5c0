"""Intervals and profiles where a likelihood has no maximum: measured from its least upper bound."""

import numpy as np
import pymc as pm
import pytest
from scipy import optimize, special, stats

import pymc_landscape as pml

CUT = stats.chi2(1).ppf(0.95)
COUNTS = np.array([3, 4, 2, 5, 3, 4, 3, 2, 4, 5, 3, 3, 4, 4, 2, 3])


def crossing(rise, inside, outside):
    """Return where a rise of −2LL meets the cut-off."""
    return optimize.brentq(lambda v: rise(v) - CUT, inside, outside, xtol=1e-12)


def assert_ends(model, expected, rtol=1e-4):
    """Compare the ends of a fit that is unbounded, by both ways, with the right ones."""
    fit = pml.fit_mle(model, progressbar=False)
    assert fit.status.value == "unbounded"
    for found, tolerance in (
        (pml.confidence_intervals(fit, list(expected), progressbar=False), rtol),
        (pml.read_intervals(pml.profile_likelihood(fit, list(expected), progressbar=False)), 1e-3),
    ):
        ends = found["interval"].isel(interval_method=0).transpose("parameter", "bound").values
        np.testing.assert_allclose(ends, list(expected.values()), rtol=tolerance, atol=1e-5)
        open_ends = found["status"].isel(interval_method=0).transpose("parameter", "bound").values == "open"
        np.testing.assert_array_equal(open_ends, np.isinf(list(expected.values())))
    return fit


def separated(unit, prior):
    """All of one group have the outcome: their coefficient runs away, the others are those of the other group."""
    rng = np.random.default_rng(3)
    group, x = (rng.random(80) < 0.25).astype(float), rng.normal(size=80)
    y = np.where(group == 1, 1, rng.random(80) < special.expit(-0.3 + 0.8 * x)).astype(int)
    with pm.Model() as model:
        a, b, c = (pm.Normal(name, 0, prior) if prior else pm.Flat(name) for name in "abc")
        pm.Bernoulli("y", logit_p=a + unit * b * group + c * x, observed=y)

    def rest(theta, b):
        eta = theta[0] + theta[1] * x + b * group
        return 2 * np.sum(np.logaddexp(0, eta) - y * eta)

    lowest = optimize.minimize(rest, [0, 0], args=(40.0,), options={"gtol": 1e-9})

    def profile(b):
        return optimize.minimize(rest, lowest.x, args=(b,), options={"gtol": 1e-9}).fun - lowest.fun

    def across(i, v):
        free = optimize.minimize_scalar(lambda o: rest((v, o) if i == 0 else (o, v), 40.0), tol=1e-12)
        return free.fun - lowest.fun

    ends = {"b": [crossing(profile, 10.0, -2.0) / unit, np.inf]}
    for i, name in enumerate("ac"):
        ends[name] = [crossing(lambda v, i=i: across(i, v), lowest.x[i], lowest.x[i] + s) for s in (-3, 3)]
    return model, ends


@pytest.mark.parametrize(
    ("unit", "prior"),
    [(1e-3, None), pytest.param(1.0, 0.5, marks=pytest.mark.exhaustive)],
)
def test_a_separated_coefficient(unit, prior):
    assert_ends(*separated(unit, prior))


def no_overdispersion(alpha, name):
    """Counts that vary less than Poisson's: α runs away, the mean is Poisson's."""
    with pm.Model() as model:
        mean = pm.HalfNormal("mean", 10)
        pm.NegativeBinomial("y", mu=mean, alpha=alpha(), observed=COUNTS)
    poisson = lambda m: -2 * stats.poisson.logpmf(COUNTS, m).sum()  # noqa: E731
    center = COUNTS.mean()
    lowest = poisson(center)
    shape = crossing(lambda a: -2 * stats.nbinom.logpmf(COUNTS, a, a / (a + center)).sum() - lowest, 50.0, 0.5)
    mean = [crossing(lambda m: poisson(m) - lowest, center, far) for far in (0.5, 12.0)]
    return model, {"mean": mean, name: shape}


@pytest.mark.parametrize(
    ("alpha", "name", "end"),
    [
        (lambda: pm.Exponential("alpha", 1.0), "alpha", lambda a: [a, np.inf]),
        (lambda: pm.math.exp(pm.Flat("log_alpha")), "log_alpha", lambda a: [np.log(a), np.inf]),
        pytest.param(
            lambda: pm.Exponential("alpha", 0.01), "alpha", lambda a: [a, np.inf], marks=pytest.mark.exhaustive
        ),
        pytest.param(
            lambda: 1 / pm.HalfNormal("phi", 1.0), "phi", lambda a: [0.0, 1 / a], marks=pytest.mark.exhaustive
        ),
    ],
)
def test_negative_binomial_counts_without_overdispersion(alpha, name, end):
    model, expected = no_overdispersion(alpha, name)
    assert_ends(model, {**expected, name: end(expected[name])})


@pytest.mark.parametrize("prior", [30.0, pytest.param(1.0, marks=pytest.mark.exhaustive)])
def test_students_t_of_light_tails_is_normal(prior):
    x = np.linspace(-1, 1, 60)
    y = 1 + 2 * x + np.random.default_rng(0).uniform(-1, 1, 60)
    with pm.Model() as model:
        a, b, s = pm.Normal("a", 0, 10), pm.Normal("b", 0, 10), pm.HalfNormal("s", 5)
        nu = pm.Exponential("nu", 1 / prior)
        pm.StudentT("y", nu=nu, mu=a + b * x, sigma=s, observed=y)
    slope = x @ y / (x @ x)
    rss = ((y - y.mean() - slope * x) ** 2).sum()
    half = np.sqrt(rss / (x @ x) * np.expm1(CUT / 60))
    assert_ends(model, {"b": [slope - half, slope + half]})


def test_an_ordered_cutpoint_below_an_empty_category():
    x = np.linspace(-2, 2, 60)
    y = np.maximum(np.random.default_rng(8).choice([0, 2, 3], size=60, p=[0.3, 0.4, 0.3]), 1)

    def nll(theta, b):
        z = np.array([-np.inf, theta[0], theta[1], np.inf])
        p = special.expit(z[y] - b * x) - special.expit(z[y - 1] - b * x)
        return -2 * np.log(p).sum() if (p > 0).all() else np.inf

    options = {"xatol": 1e-10, "fatol": 1e-12, "maxiter": 9000}
    rest = lambda b: optimize.minimize(nll, [-1, 1], args=(b,), method="Nelder-Mead", options=options).fun  # noqa: E731
    lowest = optimize.minimize_scalar(rest, bracket=(-0.2, 0.1), tol=1e-9)
    ends = [crossing(lambda b: rest(b) - lowest.fun, lowest.x, lowest.x + s) for s in (-2, 2)]
    with pm.Model() as model:
        b = pm.Normal("b", 0, 5)
        ordered = pm.distributions.transforms.ordered
        c = pm.Normal("c", 0, 5, shape=3, transform=ordered, initval=[-1.0, 0.0, 1.0])
        pm.OrderedLogistic("y", eta=b * x, cutpoints=c, observed=y, compute_p=False)
    assert_ends(model, {"b": ends})


def test_what_falls_for_ever_is_refused():
    with pm.Model() as model:
        mu, sigma = pm.Normal("mu", 0, 10, shape=2, initval=[1.0, 3.0]), pm.HalfNormal("sigma", 5, shape=2)
        pm.NormalMixture("y", w=np.array([0.5, 0.5]), mu=mu, sigma=sigma, observed=[1.0, 2.0, 2.5, 3.1, 7.0])
    fit = pml.fit_mle(model, starts=[{"mu": [1.0, 3.0], "sigma": [1e-3, 2.0]}], progressbar=False)
    assert fit.status.value == "unbounded"
    with pytest.raises(ValueError, match="got one that is unbounded: The likelihood has no maximum: it rises for ever"):
        pml.confidence_intervals(fit, progressbar=False)


def zero_counts():
    with pm.Model() as model:
        s, b = pm.HalfNormal("s", 100), pm.HalfNormal("b", 100)
        pm.Poisson("on", s + b, observed=0)
        pm.Poisson("off", 2 * b, observed=0)
    return model, [[0, CUT / 2], [0, CUT / 6]]


def zero_counts_of_several_channels():
    with pm.Model() as model:
        s, b = pm.HalfFlat("s"), pm.HalfNormal("b", 10, shape=2)
        pm.Poisson("on", s * np.array([1.0, 2.0]) + b, observed=np.zeros(2, int))
        pm.Poisson("off", 4 * b, observed=np.zeros(2, int))
    return model, [[0, CUT / 6], [0, CUT / 10], [0, CUT / 10]]


def censored_lifetimes():
    with pm.Model() as model:
        lifetime = pm.Exponential.dist(pm.HalfNormal("rate", 1))
        pm.Censored("t", lifetime, lower=None, upper=2.0, observed=np.full(5, 2.0))
    return model, [[0, CUT / 20]]


@pytest.mark.parametrize("straight", [zero_counts, zero_counts_of_several_channels, censored_lifetimes])
def test_a_straight_surface_rises_from_the_bound(straight):
    model, expected = straight()
    fit = pml.fit_mle(model, progressbar=False)
    assert fit.status.value == "at_bound"
    profile = pml.profile_likelihood(fit, progressbar=False)
    for found in (pml.confidence_intervals(fit, progressbar=False), pml.read_intervals(profile)):
        ends = found["interval"].isel(interval_method=0).transpose("parameter", "bound").values
        np.testing.assert_allclose(ends, expected, atol=1e-5)


def test_the_plateau_of_a_dose_response_goes_to_infinity_along_the_profile():
    rng = np.random.default_rng(21)
    dose = np.repeat(np.array([0.1, 0.3, 1, 3, 10, 30]), 4)
    y = 100 / (1 + (60 / dose) ** 1.2) + rng.normal(0, 3, dose.size)
    with pm.Model() as model:
        top, middle = pm.HalfNormal("top", 200, initval=100.0), pm.HalfNormal("ED50", 100, initval=30.0)
        hill, s = pm.HalfNormal("hill", 3, initval=1.0), pm.HalfNormal("sigma", 10)
        pm.Normal("y", top / (1 + (middle / dose) ** hill), s, observed=y)
    fit = pml.fit_mle(model, progressbar=False)

    def deviance(curve):  # of c · curve, c in closed form
        r = y - curve * (curve @ y) / (curve @ curve)
        return len(y) * (np.log(2 * np.pi * (r @ r) / len(y)) + 1)

    def profile(v):
        inside = [deviance(1 / (1 + (np.exp(u) / dose) ** v)) for u in np.linspace(0, 25, 501)]
        return min(deviance(dose**v), *inside) - fit.minus2ll

    expected = crossing(profile, float(fit.point["hill"]), 0.4)
    found = pml.confidence_intervals(fit, "hill", progressbar=False)["interval"].sel(bound="lower")
    np.testing.assert_allclose(found.values.ravel(), expected, rtol=1e-4)


@pytest.mark.parametrize("transformed", [True, pytest.param(False, marks=pytest.mark.exhaustive)])
def test_bent_quantities_beside_a_dispersion_at_infinity(transformed):
    """1/α runs to 0; μ + μ²/α has arrived at the Poisson mean, and its lower end is that one's."""
    rng = np.random.default_rng(8)
    y = rng.binomial(8, 0.55, size=60)
    with pm.Model() as model:
        mu = pm.Exponential("mu", 0.1)
        alpha = pm.Exponential("alpha", 0.1) if transformed else pm.Exponential("alpha", 0.1, default_transform=None)
        pm.Deterministic("inverse", 1 / alpha)
        pm.Deterministic("variance", mu + mu**2 / alpha)
        pm.NegativeBinomial("y", mu=mu, alpha=alpha, observed=y)
    here = pml.fit_mle(model, progressbar=False)
    names, target = (
        ["alpha", "inverse", "variance"],
        -2 * stats.poisson.logpmf(y, y.mean()).sum() + stats.chi2(1).ppf(0.95),
    )
    found = np.squeeze(pml.confidence_intervals(here, names, progressbar=False)["interval"].to_numpy())
    near = optimize.brentq(lambda a: -2 * stats.nbinom.logpmf(y, a, a / (a + y.mean())).sum() - target, 1, 500)
    lower = optimize.brentq(lambda v: -2 * stats.poisson.logpmf(y, v).sum() - target, 2, y.mean())
    np.testing.assert_allclose(found[:2], [[near, np.inf], [0, 1 / near]], rtol=1e-3, atol=1e-9)
    assert found[2, 0] == pytest.approx(lower, rel=1e-4)
    traced = pml.profile_likelihood(here, names, progressbar=False)
    read = pml.read_intervals(traced)["interval"].to_numpy().reshape(3, 2)
    np.testing.assert_allclose(read[0], found[0], rtol=2e-3)
    np.testing.assert_allclose(read[1], found[1], rtol=2e-3, atol=1e-5)
    assert read[2, 0] == pytest.approx(lower, rel=1e-3)


def test_where_separation_is_complete_the_intercept_may_be_anything():
    """Any intercept does, as long as the slope is steep enough; by symmetry it is 0 where the slope is fixed."""
    x, y = np.array([-2.0, -1.5, -1.0, -0.5, 0.5, 1.0, 1.5, 2.0]), np.repeat([0, 1], 4)
    with pm.Model() as model:
        intercept, slope = pm.Normal("intercept", 0, 5), pm.Normal("slope", 0, 5)
        pm.Bernoulli("y", logit_p=intercept + slope * x, observed=y)
    found = pml.confidence_intervals(model, progressbar=False)
    near = optimize.brentq(lambda b: 2 * np.log1p(np.exp(-b * np.abs(x))).sum() - CUT, 0.1, 10.0, xtol=1e-12)
    ends = found["interval"].to_numpy().reshape(2, 2)
    np.testing.assert_allclose(ends, [[-np.inf, np.inf], [near, np.inf]], rtol=1e-6)
    assert found["status"].to_numpy().ravel().tolist() == ["open", "open", "finite", "open"]
