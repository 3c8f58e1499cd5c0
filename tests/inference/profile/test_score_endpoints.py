"""Score intervals: Wilson's, Mee's, Koopman's and other closed forms, edges, open ends, the tests they invert."""

from functools import cache

import numpy as np
import pymc as pm
import pytest
from scipy import optimize, stats
from selection import exhaustive

import pymc_landscape as pml

Z = stats.norm.ppf(0.975)


def intervals(model, var_names=None, **options):
    return pml.confidence_intervals(model, var_names, method="score", progressbar=False, **options)


def ends(dataset) -> list[float]:
    return dataset["interval"].to_numpy().ravel().tolist()


@pytest.mark.parametrize(
    ("successes", "n", "status"),
    [
        (7, 10, ["finite", "finite"]),
        (0, 10, ["at_bound", "finite"]),
        (10, 10, ["finite", "at_bound"]),
        exhaustive(1, 30, ["finite", "finite"]),
        exhaustive(499, 1000, ["finite", "finite"]),
    ],
)
def test_of_one_proportion_it_is_wilsons(successes, n, status):
    with pm.Model() as model:
        pm.Binomial("y", n=n, p=pm.Beta("p", 1, 1), observed=successes)
    got = intervals(model)
    wilson = stats.binomtest(successes, n).proportion_ci(0.95, method="wilson")
    assert ends(got) == pytest.approx([wilson.low, wilson.high], abs=1e-8)
    assert got["status"].to_numpy().ravel().tolist() == status
    assert got.attrs["score_information"] == "expected"


@pytest.mark.parametrize("parameter", ["mu", exhaustive("log mu")])
def test_of_a_poisson_mean(parameter):
    """ȳ + z²/2n ± z √(ȳ/n + z²/4n²), on any scale."""
    y = np.array([2, 0, 3, 1])
    with pm.Model() as model:
        mu = pm.HalfFlat("mu") if parameter == "mu" else pm.math.exp(pm.Flat("log mu"))
        pm.Poisson("y", mu, observed=y)
    middle, reach = y.mean() + Z**2 / 8, Z * np.sqrt(y.mean() / 4 + Z**2 / 64)
    wanted = np.array([middle - reach, middle + reach])
    assert ends(intervals(model)) == pytest.approx(wanted if parameter == "mu" else np.log(wanted), abs=1e-8)


A, N1, C, N2 = 12, 30, 5, 28


@cache
def two_proportions() -> pm.Model:
    with pm.Model() as model:
        p1, p2 = pm.Beta("p1", 1, 1), pm.Beta("p2", 1, 1)
        pm.Deterministic("difference", p1 - p2)
        pm.Deterministic("ratio", p1 / p2)
        pm.Binomial("y1", n=N1, p=p1, observed=A)
        pm.Binomial("y2", n=N2, p=p2, observed=C)
    return model


def solved(statistic, low, estimate, high):
    return [optimize.brentq(lambda x: statistic(x) - Z**2, *ends) for ends in ((low, estimate), (estimate, high))]


def test_of_a_difference_of_proportions_it_is_mees():
    """Mee (1984): (d̂ − d)² / (p₁(1 − p₁)/n₁ + p₂(1 − p₂)/n₂) at the p that are likeliest given d."""

    def statistic(d):
        nll = lambda p: -stats.binom.logpmf(A, N1, p + d) - stats.binom.logpmf(C, N2, p)  # noqa: E731
        bounds = (max(0, -d) + 1e-12, min(1, 1 - d) - 1e-12)
        p = optimize.minimize_scalar(nll, bounds=bounds, method="bounded", options={"xatol": 1e-13}).x
        return (A / N1 - C / N2 - d) ** 2 / ((p + d) * (1 - p - d) / N1 + p * (1 - p) / N2)

    wanted = solved(statistic, -0.5, A / N1 - C / N2, 0.7)
    assert ends(intervals(two_proportions(), "difference")) == pytest.approx(wanted, abs=1e-7)


def test_of_a_ratio_of_proportions_it_is_koopmans():
    """Koopman (1984): Pearson's χ² at the p that are likeliest given the ratio, a root of a quadratic equation."""

    def statistic(ratio):
        a, b, c = (N1 + N2) * ratio, -(N1 * ratio + A + N2 + C * ratio), A + C
        p2 = (-b - np.sqrt(b**2 - 4 * a * c)) / (2 * a)
        p1 = ratio * p2
        return (A - N1 * p1) ** 2 / (N1 * p1 * (1 - p1)) + (C - N2 * p2) ** 2 / (N2 * p2 * (1 - p2))

    wanted = solved(statistic, 0.2, (A / N1) / (C / N2), 20.0)
    assert ends(intervals(two_proportions(), "ratio")) == pytest.approx(wanted, rel=1e-7)


def test_of_a_normal_mean_and_of_a_deviation_whose_statistic_has_a_limit():
    """n(ȳ − μ)² / (s² + (ȳ − μ)²), and (n/2)(s²/σ² − 1)², which is never more than 3 of six numbers above s."""
    y = np.array([1.2, 0.3, 2.2, -0.4, 1.1, 0.9])
    with pm.Model() as model:
        pm.Normal("y", pm.Flat("mu"), pm.HalfFlat("sigma"), observed=y)
    got = intervals(model)
    reach = np.sqrt(y.var() * Z**2 / (6 - Z**2))
    lowest = np.sqrt(y.var() / (1 + Z * np.sqrt(2 / 6)))
    assert ends(got)[:4] == pytest.approx([y.mean() - reach, y.mean() + reach, lowest, np.inf], rel=1e-7)
    assert got["status"].to_numpy().ravel().tolist() == ["finite", "finite", "finite", "open"]
    assert "reaches 3 only" in str(got["message"].sel(parameter="sigma", bound="upper").item())


@pytest.mark.parametrize(
    ("counted", "low", "status"), [(13, 0.0, "at_bound"), (2, 0.0, "at_bound"), (40, None, "finite")]
)
def test_a_signal_over_a_known_background(counted, low, status):
    """Poisson with mean s + 10: where the count is below 10, measured from s = 0, for s can be no less."""
    with pm.Model() as model:
        pm.Poisson("y", 10.0 + pm.HalfNormal("s", 10), observed=counted)
    got = intervals(model)
    reach = Z * np.sqrt(counted + Z**2 / 4)
    lower, upper = counted + Z**2 / 2 - reach - 10, counted + Z**2 / 2 + reach - 10
    assert got["status"].to_numpy().ravel().tolist() == [status, "finite"]
    assert ends(got)[0] == pytest.approx(lower if low is None else low, abs=1e-7)
    if counted >= 10:
        assert ends(got)[1] == pytest.approx(upper, rel=1e-8)
    else:  # (y − 10 − s)² less (y − 10)², both by 10 + s

        def statistic(s):
            return ((counted - 10 - s) ** 2 - (counted - 10) ** 2) / (10 + s)

        assert ends(got)[1] == pytest.approx(optimize.brentq(lambda s: statistic(s) - Z**2, 1e-9, 50), rel=1e-7)


@pytest.mark.exhaustive
@pytest.mark.parametrize("which", ["observed", "expected"])
def test_each_finite_end_is_where_the_score_test_rejects(which):
    """A negative binomial and a logistic regression, each coefficient and the dispersion."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=40)
    with pm.Model() as model:
        eta = pm.Flat("b0") + pm.Flat("b1") * x
        if which == "observed":
            y = rng.negative_binomial(1, 1 / (1 + np.exp(0.9 + 0.4 * x)))
            pm.NegativeBinomial("y", mu=pm.math.exp(eta), alpha=pm.HalfFlat("alpha"), observed=y)
        else:
            pm.Bernoulli("y", logit_p=eta, observed=rng.random(40) < 1 / (1 + np.exp(-x)))
    got = intervals(model)
    assert got.attrs["score_information"] == which
    values = got["interval"].squeeze("interval_method")
    assert (got["status"].sel(bound="lower") == "finite").all()
    for name in got["parameter"].to_numpy():
        for end in values.sel(parameter=name).to_numpy():
            if np.isfinite(end):
                test = pml.score_test(pm.do(model, {name: end}), model, progressbar=False)
                assert test.statistic == pytest.approx(Z**2, abs=2e-7)


@pytest.mark.exhaustive
def test_separated_outcomes_leave_a_finite_lower_end():
    with pm.Model() as model:
        eta = pm.Flat("a") + pm.Flat("b") * (np.arange(12.0) - 5.5)
        pm.Bernoulli("y", logit_p=eta, observed=np.repeat([0, 1], 6))
    got = intervals(model, "b")
    assert got["status"].to_numpy().ravel().tolist() == ["finite", "open"]
    test = pml.score_test(pm.do(model, {"b": ends(got)[0]}), model, progressbar=False)
    assert test.statistic == pytest.approx(Z**2, abs=1e-7)


def test_levels_lie_in_one_another():
    got = intervals(two_proportions(), ["p1"], level=[0.5, 0.9, 0.99])
    low, high = got["interval"].to_numpy()[:, 0, :, 0].T
    assert (np.diff(low) < 0).all()
    assert (np.diff(high) > 0).all()
