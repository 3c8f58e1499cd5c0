"""Simulated coverage against the sum over all data sets, and against the exact law of a normal mean."""

import numpy as np
import pymc as pm
import pytest
from scipy import stats
from test_fit_traps import fit

import pymc_landscape as pml

DRAWS = 400


def exact_binomial(n: int, p: float, ends) -> float:
    """Chance that the interval of a binomial count holds p."""
    counts = np.arange(n + 1)
    holds = [low <= p <= high for low, high in map(ends, counts)]
    return float(stats.binom(n, p).pmf(counts) @ holds)


def wald_ends(x: int, n: int) -> tuple[float, float]:
    """On an edge there is no standard error, and no interval of Wald's: not a number."""
    p = x / n
    error = np.sqrt(p * (1 - p) / n) if 0 < x < n else np.nan
    return p - 1.959963984540054 * error, p + 1.959963984540054 * error


@pytest.fixture(scope="module")
def study():
    """Seven of ten, four hundred times."""
    with pm.Model() as model:
        pm.Binomial("y", 10, pm.Beta("p", 1, 1), observed=7)
    return pml.coverage_study(fit(model), draws=DRAWS, random_seed=4, progressbar=False).sel(parameter="p")


def test_the_profile_of_a_proportion_covers_as_the_sum_over_counts_says(study):
    """A count is inside where −2 log of its likelihood ratio at p is below χ²₁(0.95)."""
    n, p, counts = 10, 0.7, np.arange(11)
    ratio = stats.binom.logpmf(counts, n, counts / n) - stats.binom.logpmf(counts, n, p)
    exact = float(stats.binom(n, p).pmf(counts) @ (2 * ratio <= 3.841458820694124))
    here = study.sel({"method": "profile"})
    assert float(here["coverage"]) == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / DRAWS))
    assert int(here["n_failed"]) == 0
    share = float(here["coverage"])
    assert float(here["coverage_se"]) == pytest.approx(np.sqrt(share * (1 - share) / DRAWS))


def test_walds_interval_of_a_proportion_covers_less(study):
    n, p = 10, 0.7
    inside = 1 - stats.binom.pmf([0, 10], n, p).sum()
    exact = exact_binomial(n, p, lambda x: wald_ends(x, n)) / inside  # on an edge there is no interval
    here = study.sel({"method": "wald"})
    assert float(here["coverage"]) == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / DRAWS))
    assert int(here["n_failed"]) == pytest.approx(DRAWS * (1 - inside), abs=4 * np.sqrt(DRAWS * (1 - inside)))


def test_a_normal_mean_from_five_is_covered_as_students_t_says():
    """The profile interval is ȳ ± s √((exp(q/n) − 1)(n − 1)/n): t has to be below √(n − 1) √(exp(q/n) − 1)."""
    y, q, n = np.array([1.2, -0.4, 3.1, 2.2, 0.7]), 3.841458820694124, 5
    with pm.Model() as model:
        pm.Normal("y", pm.Normal("mu", 0, 100), pm.HalfNormal("sigma", 10), observed=y)
    here = pml.coverage_study(fit(model), "mu", draws=DRAWS, methods=["profile", "wald"], random_seed=2)
    within = {"profile": np.sqrt((n - 1) * np.expm1(q / n)), "wald": np.sqrt(q * (n - 1) / n)}
    for method, reach in within.items():
        exact = 1 - 2 * stats.t(n - 1).sf(reach)
        share = float(here["coverage"].sel({"method": method, "parameter": "mu"}))
        assert share == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / DRAWS))
    assert here.attrs["draws"] == DRAWS


def test_bad_requests_are_refused():
    with pm.Model() as model:
        pm.Normal("y", pm.Normal("mu", 0, 1), 1.0, observed=[0.3, 0.5])
    with pytest.raises(ValueError, match="posterior mode"):
        pml.coverage_study(pml.fit_map(model, progressbar=False))
    with pytest.raises(ValueError, match="at least one data set"):
        pml.coverage_study(fit(model), draws=0)
