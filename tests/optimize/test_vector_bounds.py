"""Shares of 0 and ties of ordered vectors are bounds like any other: closed forms, whatever the order and the prior."""

import numpy as np
import pymc as pm
import pytest
from pymc.distributions.transforms import ordered
from scipy import optimize, stats

import pymc_landscape as pml

CUT = stats.chi2(1).ppf(0.95)
# −60 ln(1 − v) of a share v that was never seen in 30.
NEVER_SEEN = 1.0 - np.exp(-CUT / 60)


def binomial_ends(n: int, k: int) -> list[float]:
    def rise(p):
        return -2 * (stats.binom.logpmf(k, n, p) - stats.binom.logpmf(k, n, k / n)) - CUT

    return [optimize.brentq(rise, *bracket) for bracket in ((1e-9, k / n), (k / n, 1 - 1e-9))]


def interval(found, label: str) -> np.ndarray:
    return found["interval"].sel(parameter=label).values.ravel()


@pytest.mark.parametrize(("counts", "alpha"), [([0, 15, 15], 1.0), ([10, 0, 20, 0], 2.0), ([12, 18, 0], 0.5)])
def test_shares_that_were_never_seen(counts, alpha):
    with pm.Model() as model:
        pm.Multinomial("y", n=30, p=pm.Dirichlet("w", alpha * np.ones(len(counts))), observed=counts)
    fit = pml.fit_mle(model, progressbar=False)
    assert fit.status.value == "at_bound"
    np.testing.assert_allclose(fit.point["w"], np.array(counts) / 30, atol=1e-8)
    found = pml.confidence_intervals(fit, progressbar=False)
    for i, k in enumerate(counts):
        right = binomial_ends(30, k) if k else [0.0, NEVER_SEEN]
        np.testing.assert_allclose(interval(found, f"w[{i}]"), right, atol=1e-7)
        assert np.isnan(fit.standard_error["w"].values[i]) == (k == 0)
    assert pml.fit_mle(fit, progressbar=False).status.value == "at_bound"


def test_one_share_takes_all():
    with pm.Model() as model:
        pm.Multinomial("y", n=30, p=pm.Dirichlet("w", np.ones(3)), observed=[0, 30, 0])
    fit = pml.fit_mle(model, progressbar=False)
    assert fit.status.value == "at_bound"
    found = pml.confidence_intervals(fit, progressbar=False)
    np.testing.assert_allclose(interval(found, "w[1]"), [1 - NEVER_SEEN, 1.0], atol=1e-7)
    np.testing.assert_allclose(interval(found, "w[0]"), [0.0, NEVER_SEEN], atol=1e-7)
    assert np.isnan(fit.standard_error["w"]).all()


def test_a_share_of_0_where_the_density_has_no_number():
    """A Dirichlet-multinomial at a concentration of 0: ln Γ(0) − ln Γ(0); the limit is that of two kinds."""
    rows = np.array([[0, 10, 20], [0, 16, 14]])
    with pm.Model() as model:
        pm.DirichletMultinomial("y", n=30, a=5 * pm.Dirichlet("w", np.ones(3)), observed=rows)
    fit = pml.fit_mle(model, progressbar=False)

    def two_kinds(p):
        return -2 * sum(stats.betabinom.logpmf(k, 30, 5 * p, 5 * (1 - p)) for k in rows[:, 1])

    least = optimize.minimize_scalar(two_kinds, bounds=(0.1, 0.9), method="bounded", options={"xatol": 1e-10})
    assert fit.status.value == "at_bound"
    np.testing.assert_allclose([fit.minus2ll, fit.point["w"].values[1]], [least.fun, least.x], atol=1e-6)
    found = interval(pml.confidence_intervals(fit, "w[1]", progressbar=False), "w[1]")
    right = [optimize.brentq(lambda p: two_kinds(p) - least.fun - CUT, *b) for b in ((0.05, least.x), (least.x, 0.95))]
    np.testing.assert_allclose(found, right, atol=1e-6)


@pytest.mark.parametrize("unit", [1.0, pytest.param(1e3, marks=pytest.mark.exhaustive)])
def test_ordered_means_that_are_not_in_order(unit):
    """Pooled adjacent violators: 1, (3 + 2) / 2, 5; the ends by quadratic programming over the ordered means."""
    y = unit * np.array([1.0, 3.0, 2.0, 5.0])
    with pm.Model() as model:
        start = unit * np.array([-1.0, 0.0, 1.0, 2.0])
        mean = pm.Normal("mean", 0, 10 * unit, shape=4, transform=ordered, initval=start)
        pm.Normal("y", mean, unit, observed=y)
    fit = pml.fit_mle(model, progressbar=False)
    assert fit.status.value == "at_bound"
    assert "mean[1] = mean[2]" in fit.message
    np.testing.assert_allclose(fit.point["mean"], unit * np.array([1, 2.5, 2.5, 5]), rtol=1e-9)
    found = pml.confidence_intervals(fit, progressbar=False)
    root = np.sqrt(CUT)
    # mean[0] up to where it takes the two in the middle along: (m − 1)² + (m − 2)² + (m − 3)² − 0.5 = CUT
    together = 2.0 + np.sqrt((CUT - 1.5) / 3.0)
    ends = {0: [1 - root, together], 1: [0.9179975, 3.8859038], 2: [1.1140962, 4.0836168], 3: [5 - root, 5 + root]}
    for i, right in ends.items():
        np.testing.assert_allclose(interval(found, f"mean[{i}]") / unit, right, atol=1e-6)


@pytest.mark.exhaustive
def test_an_ordinal_category_between_others_that_was_never_seen():
    rng = np.random.default_rng(1)
    x = rng.normal(size=60)
    y = np.digitize(0.8 * x + rng.logistic(size=60), [-0.5, 0.6])

    def fitted(codes, start):
        with pm.Model() as model:
            cuts = pm.Normal("c", 0, 5, shape=len(start), transform=ordered, initval=start)
            pm.OrderedLogistic("y", eta=pm.Normal("b", 0, 3) * x, cutpoints=cuts, observed=codes)
        return pml.fit_mle(model, progressbar=False)

    with_empty, without = fitted(np.where(y == 2, 3, y), [-1.0, 0.0, 1.0]), fitted(y, [-1.0, 1.0])
    assert (with_empty.status.value, without.status.value) == ("at_bound", "converged")
    np.testing.assert_allclose(with_empty.minus2ll, without.minus2ll, rtol=1e-10)
    ends = [pml.confidence_intervals(fit, ["b", "c"], progressbar=False) for fit in (with_empty, without)]
    for label, same in {"b": "b", "c[0]": "c[0]", "c[2]": "c[1]"}.items():
        np.testing.assert_allclose(interval(ends[0], label), interval(ends[1], same), atol=1e-6)
