"""Densities of draws against closed forms: no waves, nothing beyond a bound, long tails, ridges, two valleys."""

import numpy as np
import pytest
from scipy import stats

from pymc_landscape.numerics import draws_density, joint_density

ALL, POSITIVE, SHARE = (-np.inf, np.inf), (0, np.inf), (0, 1)
# The law, its support, and the largest error of −2 log density, root mean square over the middle 98 %, of 4,000 draws.
LAWS = {
    "normal": (stats.norm(3, 2), ALL, 0.08),
    "t with 3": (stats.t(3), ALL, 0.13),
    "Cauchy": (stats.cauchy(), ALL, 0.15),
    "log-normal": (stats.lognorm(1), POSITIVE, 0.09),
    "exponential": (stats.expon(), POSITIVE, 0.12),
    "half-normal": (stats.halfnorm(), POSITIVE, 0.08),
    "gamma with a pole": (stats.gamma(0.5), POSITIVE, 0.18),
    "gamma": (stats.gamma(2), POSITIVE, 0.1),
    "uniform": (stats.uniform(), SHARE, 0.08),
    "beta at its upper bound": (stats.beta(5, 0.7), SHARE, 0.18),
    "one minus exponential": (stats.expon(), None, 0.12),
}


def sample(law, n, seed=2):
    return law.rvs(n, random_state=seed)


@pytest.mark.parametrize("name", LAWS)
def test_a_density_is_the_closed_form(name):
    law, support, most = LAWS[name]
    sign = 1.0 if support is not None else -1.0
    found = draws_density(sign * sample(law, 4000), support or (-np.inf, 0))
    at = law.ppf(np.linspace(0.01, 0.99, 199))
    error = -2 * (np.log(found.at(sign * at)) - law.logpdf(at))
    assert np.sqrt(np.mean(error**2)) < most
    height = np.exp(found.log_density)
    assert np.sum(0.5 * (height[1:] + height[:-1]) * np.diff(found.x)) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("name", ["normal", "t with 3", "log-normal"])
@pytest.mark.parametrize("seed", range(4))
def test_one_hill_has_one_top_and_no_waves(name, seed):
    """A kernel estimate of a thousand draws has several local tops in its tails."""
    law, support, _ = LAWS[name]
    found = draws_density(sample(law, 1000, seed), support)
    middle = (found.x > law.ppf(0.005)) & (found.x < law.ppf(0.995))
    turns = np.count_nonzero(np.diff(np.sign(np.diff(found.log_density[middle]))))
    assert turns == 1


def test_two_hills_stay_two():
    draws = np.concatenate([sample(stats.norm(), 1400), sample(stats.norm(7, 0.5), 600)])
    found = draws_density(draws)
    law = lambda x: 0.7 * stats.norm.pdf(x) + 0.3 * stats.norm(7, 0.5).pdf(x)  # noqa: E731
    for x in (0.0, 1.5, 7.0, 7.5):
        assert found.at(np.array([x]))[0] == pytest.approx(law(x), rel=0.25)
    assert found.at(np.array([3.5]))[0] < 0.01 * found.at(np.array([0.0]))[0]


def test_nothing_lies_beyond_a_bound_and_the_density_reaches_it():
    found = draws_density(sample(stats.expon(), 2000), POSITIVE)
    assert found.x[0] == 0.0
    assert found.at(np.array([-1e-9, 0.0])) == pytest.approx([0.0, 1.0], abs=0.15)


def test_fewer_independent_draws_are_smoothed_more():
    draws = sample(stats.gamma(2), 4000)
    rough, smooth = (draws_density(draws, POSITIVE, worth) for worth in (4000, 60))
    at = np.linspace(0.5, 5, 50)
    bend = [np.abs(np.diff(np.log(one.at(at)), 3)).sum() for one in (rough, smooth)]
    assert bend[1] <= bend[0]


@pytest.mark.parametrize("draws", [np.full(10, 2.0), np.array([1.0, 2.0]), np.empty(0)])
def test_no_density_of_draws_that_are_all_the_same_or_too_few(draws):
    assert draws_density(draws) is None


def pair(xy, support=(ALL, ALL)):
    return joint_density(xy, [draws_density(x, bounds) for x, bounds in zip(xy.T, support, strict=True)], support)


@pytest.mark.parametrize("correlation", [0.0, 0.9, -0.9995])
def test_regions_of_a_normal_pair_are_ellipses(correlation):
    """The region of 68 and of 95 % ends where the quadratic form is the quantile of χ²₂: also of a ridge."""
    cov = np.array([[1.0, correlation], [correlation, 1.0]])
    found = pair(np.random.default_rng(0).multivariate_normal([5, -3], cov, 4000))
    off = found.values - [5, -3]
    form = np.einsum("ijk,kl,ijl->ij", off, np.linalg.inv(cov), off)
    for prob, height in zip((0.68, 0.95), found.heights([0.68, 0.95]), strict=True):
        edge = stats.chi2(2).ppf(prob)
        assert (found.density[form < 0.85 * edge] > height).all()
        assert (found.density[form > 1.2 * edge] < height).all()


def test_regions_of_a_bounded_pair_end_at_the_bound():
    """Of two exponentials the region is the triangle x + y < the quantile of a gamma law."""
    found = pair(np.random.default_rng(1).exponential(size=(4000, 2)), (POSITIVE, POSITIVE))
    inside = found.mass > 0
    total = found.values.sum(axis=-1)
    edge = stats.gamma(2).ppf(0.9)
    height = found.heights([0.9])[0]
    assert (found.density[inside & (total < 0.75 * edge)] > height).mean() > 0.98
    assert (found.density[inside & (total > 1.35 * edge)] < height).all()
    assert found.at_nodes(np.array([[0.0, 0.0], [80.0, 0.0]])).min() >= 0


def test_two_hills_of_a_pair_are_two_regions():
    rng = np.random.default_rng(3)
    hills = np.where(rng.random(3000)[:, None] < 0.3, [4.0, 4.0], [0.0, 0.0])
    found = pair(0.7 * rng.normal(size=(3000, 2)) + hills)
    apart = np.linalg.norm(found.values - [2.0, 2.0], axis=-1) < 0.6
    assert (found.density[apart] < found.heights([0.95])[0]).all()
