"""Score and Wald tests: textbook statistics, R's, closed forms on edges, sandwiches, what they need and refuse."""

import json
from functools import cache

import numpy as np
import published
import pymc as pm
import pytensor.tensor as pt
import pytest
from scipy import stats
from selection import exhaustive
from variance_components import one_way

import pymc_landscape as pml
from pymc_landscape.optimize import fit as fitting


def score(null, alternative, **options) -> pml.HypothesisTest:
    return pml.score_test(null, alternative, progressbar=False, **options)


def wald(null, alternative, **options) -> pml.HypothesisTest:
    return pml.wald_test(null, alternative, progressbar=False, **options)


def proportion(successes: int = 7, n: int = 10) -> pm.Model:
    with pm.Model() as model:
        pm.Binomial("y", n=n, p=pm.Beta("p", 1, 1), observed=successes)
    return model


# --- textbook ones ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("successes", "n", "p"), [(7, 10, 0.5), exhaustive(3, 40, 0.2), exhaustive(0, 12, 0.1), exhaustive(12, 12, 0.9)]
)
def test_one_proportion_is_z_squared(successes, n, p):
    """z² = (y − np)² / np(1 − p), also where the estimate is on an edge, and there is no Wald test."""
    model = proportion(successes, n)
    null = pm.do(model, {"p": p})
    test = score(null, model)
    assert test.statistic == pytest.approx((successes - n * p) ** 2 / (n * p * (1 - p)), rel=1e-10)
    assert test.p_value == pytest.approx(stats.chi2(1).sf(test.statistic), rel=1e-10)
    assert (test.test, test.df, test.reference, test.information) == ("score", 1, "chi2", "expected")
    if 0 < successes < n:
        share = successes / n
        assert wald(null, model).statistic == pytest.approx((share - p) ** 2 * n / (share * (1 - share)), rel=1e-6)
    else:
        with pytest.raises(ValueError, match="covariance of what is tested"):
            wald(null, model)


TABLE = np.array([[12, 18], [5, 23]])


@cache
def two_by_two(how: str) -> tuple[pm.Model, pm.Model]:
    """Null and alternative of a 2 × 2 table: two proportions, their log odds, or four Poisson counts."""
    n, y = TABLE.sum(1), TABLE[:, 0]
    alternative, null = pm.Model(), pm.Model()
    if how == "proportions":
        for model in (null, alternative):
            with model:
                p1 = pm.Beta("p1", 1, 1)
                p2 = pm.Beta("p2", 1, 1) if model is alternative else pm.Deterministic("p2", p1)
                pm.Binomial("y", n=n, p=pt.stack([p1, p2]), observed=y)
    elif how == "log odds":
        with alternative:
            pm.Binomial("y", n=n, logit_p=pm.Flat("a") + pm.Flat("b") * np.array([0.0, 1.0]), observed=y)
        null = pm.do(alternative, {"b": 0.0})
    else:
        with alternative:
            a, r, c, rc = (pm.Flat(name) for name in ("a", "r", "c", "rc"))
            rows, columns = np.array([[0.0], [1.0]]), np.array([[0.0, 1.0]])
            pm.Poisson("y", pm.math.exp(a + r * rows + c * columns + rc * rows * columns), observed=TABLE)
        null = pm.do(alternative, {"rc": 0.0})
    return null, alternative


@pytest.mark.parametrize("how", ["proportions", exhaustive("log odds"), exhaustive("log-linear")])
def test_the_score_test_of_a_table_is_pearsons_chi_squared_however_it_is_written(how):
    null, alternative = two_by_two(how)
    assert score(null, alternative).statistic == pytest.approx(
        stats.chi2_contingency(TABLE, correction=False).statistic, rel=1e-8
    )


@pytest.mark.exhaustive
def test_the_wald_test_of_a_table_depends_on_the_scale():
    """The difference of proportions by its unpooled variance, and Woolf's (1955) of log odds."""
    (a, b), (c, d) = TABLE
    difference = (a / (a + b) - c / (c + d)) ** 2 / (a * b / (a + b) ** 3 + c * d / (c + d) ** 3)
    assert wald(*two_by_two("proportions")).statistic == pytest.approx(difference, rel=1e-7)
    woolf = np.log(a * d / (b * c)) ** 2 / (1 / a + 1 / b + 1 / c + 1 / d)
    assert wald(*two_by_two("log odds")).statistic == pytest.approx(woolf, rel=1e-7)
    assert wald(*two_by_two("log-linear")).statistic == pytest.approx(woolf, rel=1e-7)


@cache
def budworm(link: str) -> pm.Model:
    with pm.Model() as model:
        b0, b1, b2 = (pm.Flat(name) for name in ("b0", "b1", "b2"))
        eta = b0 + b1 * published.MALE + b2 * published.DOSE
        p = {"p": pm.math.invprobit(eta)} if link == "probit" else {"logit_p": eta}
        pm.Binomial("dead", n=published.TRIED, observed=published.DEAD, **p)
    return model


R = json.loads((published.EXAMPLES.parent / "tests" / "data" / "three_tests.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("link", "fixed"),
    [
        ("logit", ["b1"]),
        exhaustive("logit", ["b1", "b2"]),
        exhaustive("probit", ["b1"]),
        exhaustive("probit", ["b1", "b2"]),
    ],
)
def test_generalised_linear_models_as_in_r(link, fixed):
    """``anova(test = "Rao")`` and bᵀ V⁻¹ b of R's glm (tests/data/three_tests.R)."""
    null = pm.do(budworm(link), dict.fromkeys(fixed, 0.0))
    key = f"{link} {' '.join(fixed)}"
    assert score(null, budworm(link)).statistic == pytest.approx(R[key]["rao"], rel=1e-7)
    test = wald(null, budworm(link), information="expected")
    assert test.statistic == pytest.approx(R[key]["wald"], rel=1e-6)
    assert test.df == len(fixed)


def test_a_regression_with_the_error_estimated():
    """S = n R², W = n R² / (1 − R²), n log(1 + W/n) the likelihood ratio: S ≤ LR ≤ W (Berndt & Savin 1977)."""
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=25), rng.normal(size=25) + 2.0
    with pm.Model() as model:
        a, b, sigma = pm.Flat("a"), pm.Flat("b"), pm.HalfFlat("sigma", initval=1.0)
        pm.Normal("y", a + b * x, sigma, observed=y)
    with pm.Model() as null:
        a, sigma = pm.Flat("a"), pm.HalfFlat("sigma", initval=1.0)
        pm.Normal("y", a, sigma, observed=y)
    r2 = np.corrcoef(x, y)[0, 1] ** 2
    table = pml.tests(null, model, progressbar=False)
    wanted = [-25 * np.log1p(-r2), 25 * r2, 25 * r2 / (1 - r2)]
    np.testing.assert_allclose(table["statistic"], wanted, rtol=1e-6)
    assert list(table.index) == ["likelihood_ratio", "score", "wald"]
    assert table["statistic"]["score"] <= table["statistic"]["likelihood_ratio"] <= table["statistic"]["wald"]


@pytest.mark.exhaustive
def test_a_null_with_nothing_free_and_one_of_a_simplex():
    """Multinomial shares against given ones: Pearson's Σ (O − E)²/E, and Neyman's Σ (O − E)²/O by Wald."""
    counts, shares = np.array([18, 55, 27]), np.array([0.25, 0.5, 0.25])
    with pm.Model() as model:
        pm.Multinomial("y", n=100, p=pm.Dirichlet("w", np.ones(3)), observed=counts)
    null = pm.do(model, {"w": shares})
    expected = 100 * shares
    test = score(null, model)
    assert (test.df, test.information) == (2, "expected")
    assert test.statistic == pytest.approx(((counts - expected) ** 2 / expected).sum(), rel=1e-6)
    far = wald(null, model)
    assert far.statistic == pytest.approx(((counts - expected) ** 2 / counts).sum(), rel=1e-6)
    assert far.df == 2
    with pm.Model() as poisson:  # three Poisson counts of known total have the same likelihood
        pm.Poisson("y", 100 * pm.HalfNormal("m", 9, shape=3), observed=counts)
    pearson = score(pm.do(poisson, {"m": shares}), poisson)
    assert pearson.statistic == pytest.approx(((counts - expected) ** 2 / expected).sum(), rel=1e-9)
    assert pearson.df == 3


# --- on edges --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("on", "statistic"), [(100, 6.25), exhaustive(60, 0.0)])
def test_a_source_that_cannot_be_negative(on, statistic):
    """(on − off/4)² / (b + b/4), b = (on + off)/5; 0 where the data would like it to be negative."""
    with pm.Model() as model:
        signal, background = pm.HalfNormal("signal", 100), pm.HalfNormal("background", 200)
        pm.Poisson("on", signal + background, observed=on)
        pm.Poisson("off", 4 * background, observed=300)
    null = pm.do(model, {"signal": 0.0})
    test = score(null, model)
    assert test.statistic == pytest.approx(statistic, abs=1e-7)
    assert test.p_value == pytest.approx(0.5 * stats.chi2(1).sf(statistic) if statistic else 1.0, rel=1e-6)
    assert test.reference == "chibar2"
    np.testing.assert_array_equal(test.weights, [0.5, 0.5])
    far = wald(null, model)
    assert far.statistic == pytest.approx(25**2 / (100 + 300 / 16) if statistic else 0.0, rel=1e-6)
    assert far.reference == "chibar2"


def test_two_sources_are_projected_on_the_quadrant():
    """Two counts with signals of known mean 1, N(0, 1) each: max(z, 0)², weights ¼, ½, ¼."""
    with pm.Model() as model:
        signals = pm.HalfNormal("s", 9, shape=2)
        pm.Normal("y", signals, 1.0, observed=np.array([1.5, -0.7]))
    test = score(pm.do(model, {"s": np.zeros(2)}), model)
    assert test.statistic == pytest.approx(1.5**2, rel=1e-9)
    np.testing.assert_allclose(test.weights, [0.25, 0.5, 0.25], atol=1e-12)
    far = wald(pm.do(model, {"s": np.zeros(2)}), model)
    assert far.statistic == pytest.approx(1.5**2, rel=1e-6)
    np.testing.assert_allclose(far.weights, [0.25, 0.5, 0.25], atol=1e-6)


@pytest.mark.parametrize("prior", ["log", exhaustive("interval")])
def test_a_standard_deviation_at_zero_is_tested_by_its_variance(prior):
    """Dyestuff: derivatives by σ_b² and σ² in closed form, at σ_b = 0 and at the estimate."""
    model, (a, n, _, ssb, ssw) = one_way("Dyestuff", prior)

    def derivatives(v, s2):
        """Of a(n−1) log σ² + a log λ + SSW/σ² + SSB/λ, λ = σ² + nv."""
        whole = s2 + n * v
        by_whole = a / whole - ssb / whole**2, -a / whole**2 + 2 * ssb / whole**3
        by_error = a * (n - 1) / s2 - ssw / s2**2, -a * (n - 1) / s2**2 + 2 * ssw / s2**3
        bent = np.array([[n**2 * by_whole[1], n * by_whole[1]], [n * by_whole[1], by_whole[1] + by_error[1]]])
        return np.array([n * by_whole[0], by_whole[0] + by_error[0]]), bent

    slope, bent = derivatives(0.0, (ssb + ssw) / (a * n))
    null = pm.do(model, {"sigma_b": 0.0})
    test = score(null, model)
    assert test.statistic == pytest.approx(slope @ np.linalg.solve(bent, slope) / 2, rel=1e-6)
    assert (test.reference, test.information) == ("chibar2", "observed")
    error = ssw / (a * (n - 1))
    variance = (ssb / a - error) / n
    wanted = variance**2 / (2 * np.linalg.inv(derivatives(variance, error)[1])[0, 0])
    assert wald(null, model).statistic == pytest.approx(wanted, rel=1e-6)


@pytest.mark.exhaustive
def test_a_dispersion_at_infinity_is_tested_by_its_reciprocal():
    """Negative binomial against Poisson: U = ½Σ((y − μ)² − y) by 1/α, and the observed information in closed form."""
    rng = np.random.default_rng(1)
    y, x = rng.negative_binomial(5, 5 / 9, 60), rng.normal(size=60)
    with pm.Model() as model:
        mean = pm.math.exp(pm.Flat("b0") + pm.Flat("b1") * x)
        pm.NegativeBinomial("y", mu=mean, alpha=pm.HalfFlat("alpha", initval=1.0), observed=y)
    with pm.Model() as null:
        pm.Poisson("y", pm.math.exp(pm.Flat("b0") + pm.Flat("b1") * x), observed=y)
    poisson = pml.fit_mle(null, progressbar=False)
    mu = np.exp(float(poisson.point["b0"]) + float(poisson.point["b1"]) * x)
    slope = 0.5 * ((y - mu) ** 2 - y).sum()
    second = -((y - 1.0) * y * (2 * y - 1) / 6).sum() + (y * mu**2 - 2 * mu**3 / 3).sum()
    design = np.stack([np.ones(60), x])
    across = design @ ((y - mu) * mu)
    of_mean = (design * mu) @ design.T
    wanted = slope**2 / (-second - across @ np.linalg.solve(of_mean, across))
    test = score(poisson, model)
    assert test.statistic == pytest.approx(wanted, rel=1e-5)
    assert test.reference == "chibar2"
    assert "alpha = +∞" in test.message


# --- where the model is wrong ----------------------------------------------------------------------------------------


@cache
def heteroscedastic() -> tuple[pm.Model, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(8)
    x = rng.normal(size=60)
    y = 1.0 + rng.normal(size=60) * (0.5 + np.abs(x))
    with pm.Model() as model:
        pm.Normal("y", pm.Flat("a") + pm.Flat("b") * x, 1.0, observed=y)
    return model, x, y


def test_the_sandwich_is_whites():
    """b̂² / (Σ (x−x̄)² e² / Sxx²) by Wald with residuals e at the estimate, by the score with those of the null."""
    model, x, y = heteroscedastic()
    null = pm.do(model, {"b": 0.0})
    centred = x - x.mean()
    slope = centred @ y / (centred @ centred)
    e1, e0 = y - y.mean() - slope * centred, y - y.mean()
    far = wald(null, model, sandwich=True)
    assert far.information == "sandwich"
    assert far.statistic == pytest.approx(slope**2 * (centred @ centred) ** 2 / (centred**2 @ e1**2), rel=1e-6)
    test = score(null, model, sandwich=True)
    assert test.statistic == pytest.approx((centred @ e0) ** 2 / (centred**2 @ e0**2), rel=1e-8)
    ratio = pml.likelihood_ratio_test(null, model, sandwich=True, progressbar=False)
    assert ratio.reference == "weighted_chi2"
    np.testing.assert_allclose(ratio.weights, [centred**2 @ e1**2 / (centred @ centred)], rtol=1e-6)
    assert ratio.p_value == pytest.approx(stats.chi2(1).sf(ratio.statistic / ratio.weights[0]), rel=1e-9)
    assert ratio.to_dataset()["weights"].dims == ("eigenvalue",)


def test_several_weights_are_the_eigenvalues_of_two_covariances():
    model, x, _ = heteroscedastic()
    ratio = pml.likelihood_ratio_test(pm.do(model, {"a": 1.0, "b": 0.0}), model, sandwich=True, progressbar=False)
    design = np.stack([np.ones(60), x], axis=1)
    y = heteroscedastic()[2]
    e = y - design @ np.linalg.lstsq(design, y)[0]
    wanted = np.linalg.eigvals(design.T @ (design * e[:, None] ** 2) @ np.linalg.inv(design.T @ design))
    np.testing.assert_allclose(ratio.weights, np.sort(wanted.real)[::-1], rtol=1e-6)
    assert ratio.df == 2


@pytest.mark.exhaustive
def test_sandwiches_are_refused_where_they_are_not_made():
    with pm.Model() as model:
        pm.Normal("y", pm.HalfNormal("m", 9), 1.0, observed=np.arange(5.0))
    null = pm.do(model, {"m": 0.0})
    for verb in (score, wald):
        with pytest.raises(ValueError, match="inside the alternative for sandwich"):
            verb(null, model, sandwich=True)
        with pytest.raises(ValueError, match="one kind of covariance"):
            verb(null, model, sandwich=True, information="observed")
        with pytest.raises(ValueError, match="more observations than parameters"):
            verb(pm.do(proportion(), {"p": 0.5}), proportion(), sandwich=True)
    with pytest.raises(ValueError, match="inside the alternative for sandwich"):
        pml.likelihood_ratio_test(null, model, sandwich=True, progressbar=False)


# --- what is fitted, what is simulated, what is refused --------------------------------------------------------------


def test_only_one_of_the_two_models_is_fitted(monkeypatch):
    fitted, search = [], fitting.search_automatically

    def counted(objective, **options):
        fitted.append(objective.size)
        return search(objective, **options)

    monkeypatch.setattr(fitting, "search_automatically", counted)
    null = pm.do(budworm("logit"), {"b1": 0.0})
    test = score(null, budworm("logit"))
    assert fitted == [2]
    assert isinstance(test.alternative, pml.Objective)
    assert "alternative: not fitted, k = 3" in repr(test)
    test = wald(null, budworm("logit"))
    assert fitted == [2, 3]
    assert isinstance(test.null, pml.Objective)
    assert np.isnan(test.to_dataset()["minus2ll"][0])
    assert test.to_dataset().attrs["group"] == "wald_test"


def test_separation_leaves_a_score_test_and_no_wald_test():
    with pm.Model() as model:
        pm.Bernoulli("y", logit_p=pm.Flat("a") + pm.Flat("b") * np.arange(-4.0, 4.0), observed=np.repeat([0, 1], 4))
    null = pm.do(model, {"b": 0.0})
    x, y = np.arange(-4.0, 4.0), np.repeat([0, 1], 4)
    centred = x - x.mean()
    assert score(null, model).statistic == pytest.approx((centred @ y) ** 2 / (0.25 * centred @ centred), rel=1e-8)
    with pytest.raises(ValueError, match=r"unbounded.*score_test needs the null alone"):
        wald(null, model)
    table = pml.tests(null, model, progressbar=False)
    assert np.isnan(table["statistic"]["wald"])
    assert "unbounded" in table["message"]["wald"]


@pytest.mark.exhaustive
def test_both_by_simulation():
    """Of a normal mean with σ known both statistics are χ²₁ exactly."""
    with pm.Model() as model:
        pm.Normal("y", pm.Flat("m"), 2.0, observed=np.array([1.0, 2.0, 0.5, 4.5, -1.0]))
    null = pm.do(model, {"m": 0.0})
    for verb in (score, wald):
        test = verb(null, model, reference="bootstrap", draws=200, random_seed=2)
        assert test.reference == "bootstrap"
        assert stats.kstest(test.draws, stats.chi2(1).cdf).pvalue > 1e-3
        assert test.p_value == (1 + (test.draws >= test.statistic).sum()) / 201
        assert test.p_value_error == pytest.approx((test.p_value * (1 - test.p_value) / 200) ** 0.5)
        assert f"The Monte Carlo standard error of p is {test.p_value_error:.2g}" in test.message


def test_what_vanishes_under_the_null_has_no_score():
    x = np.arange(12.0)
    with pm.Model() as model:
        level, height = pm.HalfNormal("level", 9), pm.HalfNormal("height", 9)
        place = pm.Uniform("place", 0, 11)
        counts = np.array([5, 4, 6, 5, 9, 12, 8, 5, 3, 6, 5, 4])
        pm.Poisson("y", level + height * pm.math.exp(-((x - place) ** 2) / 2), observed=counts)
    null = pm.do(model, {"height": 0.0, "place": 5.0})
    with pytest.raises(ValueError, match=r"place, which makes none.*likelihood_ratio_test"):
        score(null, model)


@pytest.mark.slow
@pytest.mark.exhaustive
def test_where_something_vanishes_the_law_of_walds_statistic_is_simulated():
    with pm.Model() as model:
        level, height = pm.HalfNormal("level", 9), pm.HalfNormal("height", 9)
        place = pm.Uniform("place", 0, 11)
        peak = level + height * pm.math.exp(-((np.arange(12.0) - place) ** 2) / 2)
        pm.Poisson("y", peak, observed=np.array([5, 4, 6, 5, 9, 12, 8, 5, 3, 6, 5, 4]))
    null = pm.do(model, {"height": 0.0, "place": 5.0})
    test = wald(null, model, draws=20, random_seed=1)
    assert test.reference == "bootstrap"
    assert "Davies" in test.message


def test_what_is_no_maximum_likelihood_fit_is_refused():
    null = pm.do(budworm("logit"), {"b1": 0.0})
    mode = pml.fit_map(proportion(), progressbar=False)
    for verb in (score, wald):
        with pytest.raises(ValueError, match="posterior mode"):
            verb(pm.do(proportion(), {"p": 0.5}), mode)
        with pytest.raises(ValueError, match="Expected information="):
            verb(null, budworm("logit"), information="fisher")
        with pytest.raises(ValueError, match="Expected reference="):
            verb(null, budworm("logit"), reference="t")
        with pytest.raises(ValueError, match=r"'exact', which is the law of a likelihood ratio"):
            verb(null, budworm("logit"), reference="exact")
        with pytest.raises(ValueError, match=r"fewer free parameters|some of the alternative's"):
            verb(budworm("logit"), null)
    with pytest.raises(ValueError, match="on an edge"):
        score(null, budworm("logit"), reference="chibar2")


def test_information_that_is_not_positive_definite_is_refused():
    """The likelihood of a Cauchy location bends up far from the data (Freedman 2007)."""
    with pm.Model() as model:
        pm.Cauchy("y", pm.Flat("m"), 1.0, observed=np.array([0.0, 0.3, -0.2]))
    null = pm.do(model, {"m": 20.0})
    assert score(null, model).information == "expected"
    with pytest.raises(ValueError, match="positive definite where the null holds"):
        score(null, model, information="observed")
