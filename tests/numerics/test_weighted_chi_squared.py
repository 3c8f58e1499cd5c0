"""Weighted sums of χ²₁ against published tables, closed forms, and one another."""

import numpy as np
import pytest
from scipy import integrate, stats

from pymc_landscape.numerics import weighted_chi2_tail

# Imhof (1961), table 1, and Davies (1980), tables 1 and 3: weights, values, Pr(Q ≥ x) to four digits.
PUBLISHED = [
    ([0.6, 0.3, 0.1], [0.1, 0.7, 2.0], [0.9458, 0.5064, 0.1240]),
    ([6, 3, 1], [1, 7, 20], [0.9458, 0.5064, 0.1240]),
    (np.repeat([6, 3, 1], 2), [2, 20, 60], [0.9936, 0.3998, 0.0161]),
    (np.repeat([6, 3, 1], [6, 4, 2]), [10, 50, 120], [0.9973, 0.4352, 0.0088]),
]


@pytest.mark.parametrize(("weights", "values", "wanted"), PUBLISHED)
def test_published_tables(weights, values, wanted):
    assert [weighted_chi2_tail(x, weights) for x in values] == pytest.approx(wanted, abs=6e-5)


@pytest.mark.parametrize("x", [1e-3, 0.5, 10.0, 100.0, 3000.0])
def test_pairs_of_weights_are_sums_of_exponentials(x):
    """Down to 1e-217."""
    fast, slow = 1 / 2, 1 / 6
    wanted = (fast * np.exp(-slow * x) - slow * np.exp(-fast * x)) / (fast - slow)
    assert weighted_chi2_tail(x, [3, 3, 1, 1]) == pytest.approx(wanted, rel=1e-11)


@pytest.mark.parametrize("weights", [(1.0, 0.999), (1.0, 1e-3), (5.0, 2.0), (2.0, 2.0 + 1e-9)])
@pytest.mark.parametrize("x", [0.01, 1.0, 5.0])
def test_two_weights_by_integration(weights, x):
    a, b = weights
    end = np.sqrt(x / a)
    inner = integrate.quad(
        lambda z: 2 * stats.norm.pdf(z) * stats.chi2.sf((x - a * z * z) / b, 1),
        *(0, end),
        points=[end * (1 - 1e-4), end * (1 - 1e-6)],
        epsabs=0,
        epsrel=1e-11,
        limit=500,
    )[0]
    assert weighted_chi2_tail(x, weights) == pytest.approx(inner + 2 * stats.norm.sf(end), rel=1e-9)


@pytest.mark.parametrize("m", [1, 2, 7])
def test_equal_weights_are_chi_squared_in_their_own_unit(m):
    for x in (0.3, 4.0, 60.0):
        assert weighted_chi2_tail(2.5 * x, np.full(m, 2.5)) == pytest.approx(stats.chi2(m).sf(x), rel=1e-12)


def test_many_weights_by_simulation():
    lam = np.geomspace(1e-3, 4.0, 12)
    sums = np.random.default_rng(3).standard_normal((200_000, 12)) ** 2 @ lam
    for x in (1.0, 6.0, 25.0):
        share = (sums >= x).mean()
        assert weighted_chi2_tail(x, lam) == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 200_000))


def test_edges():
    assert weighted_chi2_tail(0.0, [1.0, 2.0]) == 1.0
    assert weighted_chi2_tail(2.0, [0.0, 0.0]) == 0.0
    assert weighted_chi2_tail(3.0, [1.0, 0.0]) == pytest.approx(stats.chi2(1).sf(3.0), rel=1e-12)
    assert 0.999 < weighted_chi2_tail(1e-6, [1.0, 0.5]) < 1.0
    assert np.isnan(weighted_chi2_tail(np.nan, [1.0]))
    with pytest.raises(ValueError, match="not negative"):
        weighted_chi2_tail(1.0, [1.0, -0.1])
