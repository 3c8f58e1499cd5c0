"""The χ̄² law: weights against closed forms, against projections of draws, and its tail."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from pymc_landscape.numerics.chi_squared import DRAWS, chibar2_quantile, chibar2_tail, chibar2_weights


def random_covariance(m: int, seed: int) -> np.ndarray:
    """Any positive definite matrix, on unequal scales."""
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((m, m + 2)) * np.logspace(-2, 2, m)[:, None]
    return root @ root.T


def projected(cov: np.ndarray, draws: int) -> np.ndarray:
    """Weights by their definition: min (z − θ)ᵀ V⁻¹ (z − θ) over θ ≥ 0, counted by a bounded solver."""
    rng = np.random.default_rng(5)
    root = np.linalg.cholesky(np.linalg.inv(cov)).T
    z = rng.multivariate_normal(np.zeros(len(cov)), cov, size=draws, method="cholesky")
    ends = [optimize.lsq_linear(root, root @ one, bounds=(0, np.inf), method="bvls").x for one in z]
    return np.bincount((np.array(ends) > 0).sum(1), minlength=len(cov) + 1) / draws


@pytest.mark.parametrize("rho", [-0.95, -0.3, 0.0, 0.5, 0.99])
def test_two_correlated_parameters_as_self_and_liang_have_them(rho):
    """Case 7: ½ χ²₁ + (½ − p) χ²₀ + p χ²₂ with the angle between the edges; p from V's correlation."""
    p = np.arccos(-rho) / (2 * np.pi)
    cov = np.array([[9.0, 3 * rho], [3 * rho, 1.0]])
    np.testing.assert_allclose(chibar2_weights(cov), [0.5 - p, 0.5, p], rtol=1e-12)


@pytest.mark.parametrize("m", [1, 2, 3, 5, 9])
def test_independent_parameters_leave_the_edge_as_coins_fall(m):
    tolerance = 1e-12 if m <= 3 else 1e-4 if m <= 7 else 5 * np.sqrt(0.25 / DRAWS)
    wanted = stats.binom(m, 0.5).pmf(np.arange(m + 1))
    np.testing.assert_allclose(chibar2_weights(np.diag(np.arange(1.0, m + 1))), wanted, atol=tolerance)


def test_three_parameters_as_in_the_closed_form():
    """w₃ and w₂ by angles: (2π − Σ arccos ρᵢⱼ)/4π and (3π − Σ arccos ρᵢⱼ·ₖ)/4π with partial correlations."""
    cov = random_covariance(3, 1)
    r = cov / np.sqrt(np.outer(np.diagonal(cov), np.diagonal(cov)))
    pairs = [(0, 1, 2), (0, 2, 1), (1, 2, 0)]
    partial = [(r[i, j] - r[i, k] * r[j, k]) / np.sqrt((1 - r[i, k] ** 2) * (1 - r[j, k] ** 2)) for i, j, k in pairs]
    w3 = (2 * np.pi - sum(np.arccos(r[i, j]) for i, j, _ in pairs)) / (4 * np.pi)
    w2 = (3 * np.pi - np.arccos(partial).sum()) / (4 * np.pi)
    np.testing.assert_allclose(chibar2_weights(cov), [0.5 - w2, 0.5 - w3, w2, w3], rtol=1e-9)


@pytest.mark.parametrize("m", [2, 3, 4, 8])
def test_weights_are_those_of_projected_draws(m):
    cov, draws = random_covariance(m, m), 4_000
    noise = np.sqrt(0.25 / draws + 0.25 / DRAWS)
    np.testing.assert_allclose(chibar2_weights(cov), projected(cov, draws), atol=4 * noise)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 5), st.integers(0, 10_000))
def test_weights_sum_to_one_and_so_do_every_other_ones_to_a_half(m, seed):
    """The alternating sum of the weights is 0 (Shapiro 1985)."""
    w = chibar2_weights(random_covariance(m, seed))
    assert w.sum() == pytest.approx(1.0, abs=1e-12)
    assert w[::2].sum() == pytest.approx(0.5, abs=1e-3 if m > 3 else 1e-9)


def test_the_tail_of_one_part_is_that_of_chi_squared():
    x = np.linspace(0.1, 40, 7)
    np.testing.assert_allclose(chibar2_tail(x, [0, 0, 0, 1.0]), stats.chi2(3).sf(x), rtol=1e-12)
    half = 0.5 * stats.chi2(1).sf(x)
    np.testing.assert_allclose(chibar2_tail(x, [0.5, 0.5]), half, rtol=1e-12)


def test_at_zero_everything_is_in_the_tail():
    assert chibar2_tail(0.0, [0.5, 0.5]) == 1.0
    assert chibar2_tail(1e-12, [0.5, 0.5]) == pytest.approx(0.5, abs=1e-6)
    assert chibar2_tail(-1e-12, [0.0, 1.0]) == 1.0
    assert np.isnan(chibar2_tail(np.nan, [0.0, 1.0]))


@given(st.floats(0.001, 0.9999), st.integers(1, 4))
def test_quantile_and_tail_undo_each_other(level, m):
    w = chibar2_weights(np.eye(m))
    x = chibar2_quantile(level, w)
    if level <= w[0]:
        assert x == 0.0
    else:
        assert 1 - chibar2_tail(x, w) == pytest.approx(level, abs=1e-9)


def test_the_quantile_of_one_part_is_that_of_chi_squared():
    assert chibar2_quantile(0.95, [0, 0, 1.0]) == pytest.approx(stats.chi2(2).ppf(0.95), rel=1e-12)


@pytest.mark.parametrize("level", [0.0, 1.0, 95])
def test_a_level_is_a_probability(level):
    with pytest.raises(ValueError, match=r"for 95 % write 0\.95"):
        chibar2_quantile(level, [0.5, 0.5])


@pytest.mark.parametrize("bad", [[[1.0, 2.0]], [[1.0, 0.5], [0.1, 1.0]], [[np.nan]], np.zeros((0, 0))])
def test_what_is_no_covariance_is_refused(bad):
    with pytest.raises(ValueError, match="symmetric covariance matrix"):
        chibar2_weights(bad)


@pytest.mark.parametrize("bad", [[[1.0, 1.0], [1.0, 1.0]], [[-1.0]], [[1.0, 2.0], [2.0, 1.0]]])
def test_what_is_not_positive_definite_is_refused(bad):
    with pytest.raises(ValueError, match="positive definite"):
        chibar2_weights(bad)
