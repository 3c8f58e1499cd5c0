"""Rounding error is measured where a value is met, and is never taken for likelihood: on every kernel alike."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from scipy import stats

import pymc_landscape as pml
from pymc_landscape.objective import RestrictedObjective, evaluation_noise, is_lower, largest_noise_between
from pymc_landscape.optimize.local_search import SearchResult
from pymc_landscape.optimize.multistart import StartResult, best_result, overall_report
from pymc_landscape.optimize.status import Status, StatusReport

K, N = np.array([5, 6, 5, 4, 5, 6, 5, 5]), 10


def bowl(wrong):
    """A normal likelihood in x and a level y, with something `wrong` added to −2LL as a function of y."""
    with pm.Model() as model:
        x, y = pm.Flat("x"), pm.Flat("y", initval=0.0)
        pm.Potential("lik", -0.5 * ((x - 1.0) ** 2 + y**2 / (1.0 + y**2)) - 0.5 * wrong(y))
    return RestrictedObjective(pml.Objective(model, potentials="likelihood"))


def jitter(size):
    """An error that any two neighbouring numbers do not share."""
    return lambda y: size * pt.sin(1e15 * y) * (pt.abs(y) > 10.0)


def beta_binomial() -> pm.Model:
    with pm.Model() as model:
        p, log_sum = pm.Beta("p", 1, 1), pm.Flat("log_sum", initval=0.0)
        pm.BetaBinomial("y", p * pt.exp(log_sum), (1 - p) * pt.exp(log_sum), N, observed=K)
    return model


@pytest.fixture(scope="module")
def beta_binomial_fit():
    return pml.fit_mle(beta_binomial(), progressbar=False)


@pytest.mark.parametrize("size", [1e-6, 1e-3, 1.0])
def test_noise_is_as_large_as_what_was_added(size):
    restricted = bowl(jitter(size))
    assert size / 3 < evaluation_noise(restricted, np.array([1.0, 20.0])) < 3 * size


def test_a_steep_smooth_surface_has_no_noise():
    restricted = bowl(lambda y: 1e6 * (y - 3.0) ** 4)
    assert evaluation_noise(restricted, np.array([1e3, 3.3])) < 1e-6


def test_there_is_no_noise_where_all_digits_are():
    assert evaluation_noise(bowl(jitter(1.0)), np.array([1.0, 0.5])) < 1e-14


def test_a_fall_within_the_noise_is_none_and_one_beyond_it_is_real():
    restricted = bowl(jitter(1.0))
    far = np.array([1.0, 20.0])
    assert not is_lower(restricted, far, 0.0, 2.0)
    assert is_lower(restricted, far, 0.0, 200.0)


def test_where_all_digits_are_a_fall_of_a_millionth_is_real():
    restricted = bowl(jitter(1.0))
    here, beside = np.array([1.0 + 1e-3, 0.0]), np.array([1.0, 0.0])
    assert is_lower(restricted, beside, restricted.value(beside), restricted.value(here) - 1e-8, (restricted, here))


def test_beyond_where_digits_are_lost_an_exact_value_is_not_believed():
    """As α + y = α: −2LL is constant and 50 lower there, without any noise on the spot."""
    restricted = bowl(lambda y: jitter(10.0)(y) * (pt.abs(y) < 40.0) - 50.0 * (pt.abs(y) > 40.0))
    begin, far = np.array([1.0, 0.0]), np.array([1.0, 60.0])
    assert evaluation_noise(restricted, far) < 1e-12
    assert largest_noise_between(restricted, begin, far) > 3.0
    assert not is_lower(restricted, far, restricted.value(far), restricted.value(begin), (restricted, begin))


def test_a_lower_value_across_smooth_land_is_believed():
    restricted = bowl(lambda y: -50.0 * (pt.abs(y) > 40.0))
    begin, far = np.array([1.0, 0.0]), np.array([1.0, 60.0])
    assert is_lower(restricted, far, restricted.value(far), restricted.value(begin), (restricted, begin))


def test_noise_of_a_beta_binomial_grows_as_it_nears_a_binomial(beta_binomial_fit):
    restricted, begin = beta_binomial_fit.result.restricted, beta_binomial_fit.result.x.copy()
    begin[1] = 3.0
    at = [evaluation_noise(restricted, np.array([begin[0], y])) for y in (3.0, 10.0, 20.0, 30.0)]
    assert at[0] < 1e-11 < 1e-10 < at[1] < 1e-8 < at[2] < 1e-2 < at[3]
    assert largest_noise_between(restricted, begin, np.array([begin[0], 60.0])) > 100.0


def test_a_fit_does_not_fall_below_the_limit_by_rounding(beta_binomial_fit):
    binomial = -2 * pm.logp(pm.Binomial.dist(N, K.mean() / N), K).sum().eval()
    assert beta_binomial_fit.minus2ll > binomial - 2e-4


@pytest.mark.filterwarnings("ignore:At . of 7 points:UserWarning")
def test_the_landscape_of_a_beta_binomial_is_nowhere_below_the_binomials():
    """Underdispersed counts: α + β runs to infinity wherever p is held."""
    at = np.linspace(0.45, 0.58, 7)
    surface = pml.evaluate_landscape(beta_binomial(), {"p": at}, nuisance="profile", progressbar=False)
    binomial = [-2 * pm.logp(pm.Binomial.dist(N, p), K).sum().eval() for p in at]
    # where nothing was found that is a minimum, a value may lack its last digits
    atol = np.where(surface["status"] == "failed", 5e-3, 1e-3)
    assert (np.abs(surface["minus2ll"] - binomial) < atol).all()


def test_of_ends_the_lowest_is_best_unless_it_is_lower_by_rounding_alone(beta_binomial_fit):
    """One end is lower where lnΓ has lost all its digits, the other higher where it has them."""
    restricted = beta_binomial_fit.result.restricted
    near, lost = np.array([0.05, 8.0]), np.array([0.05, 60.0])
    ends = [
        StartResult(
            near,
            "",
            SearchResult(restricted, x, restricted.value(x), None, None, 0.0, ""),
            StatusReport(Status.CONVERGED),
        )
        for x in (near, lost)
    ]
    assert ends[1].result.value < ends[0].result.value - 1.0
    assert best_result(ends) is ends[0]
    assert best_result(ends[::-1]) is ends[0]
    report = overall_report(ends[0], ends)
    assert report.status is Status.CONVERGED
    assert report.message == "1 of 2 starts ended here."


@pytest.mark.parametrize("status", [Status.UNBOUNDED, Status.NOT_IDENTIFIED, Status.CONVERGED])
def test_no_lowest_value_is_claimed_above_a_start_that_did_not_arrive(status):
    with pm.Model() as model:
        x = pm.Flat("x")
        pm.Potential("ll", -0.5 * pt.switch(x < 0, x**2, 9.0 + pt.exp(-x)))
    restricted = RestrictedObjective(pml.Objective(model, potentials="likelihood"))

    def ended(at, status, left):
        x = np.array([at])
        search = SearchResult(restricted, x, restricted.value(x), None, None, left, "")
        return StartResult(x, "far", search, StatusReport(status))

    results = [ended(20.0, status, 0.0), ended(-0.1, Status.FAILED, np.inf)]
    assert best_result(results) is results[0]
    report = overall_report(results[0], results)
    assert report.status is Status.FAILED
    assert report.message == "Another start (far) ended lower without arriving: "
    assert overall_report(results[0], results[:1]).status is status


@pytest.mark.parametrize(
    ("y", "starts"),
    [
        ([0, 0, 0, 0, 1, 1, 1, 0], [{"a": -1.0, "s": 1e-4}]),
        ([0, 0, 0, 0, 1, 1, 1, 0], 5),
        ([9, 9, 7, 10, 8, 10, 9, 7], [{"a": 2.15, "s": 2.3e-5}]),
    ],
)
def test_what_is_lower_than_a_bound_by_rounding_alone_is_no_optimum(y, starts):
    """Underdispersed counts: Poisson's law, s = 0, is best; of α = s⁻² = 10⁹ a value is rounded to 5 · 10⁻⁵."""
    with pm.Model() as model:
        a, s = pm.Normal("a", 0, 10), pm.HalfNormal("s", 5)
        pm.NegativeBinomial("y", mu=pm.math.exp(a), alpha=1 / s**2, observed=np.array(y))
    here = pml.fit_mle(model, starts=starts, random_seed=0, progressbar=False)
    assert here.status.value == "at_bound"
    assert float(here.point["s"]) == 0.0
    assert here.minus2ll == pytest.approx(-2 * stats.poisson(np.mean(y)).logpmf(y).sum(), abs=1e-9)
    assert not here.local_optima()
