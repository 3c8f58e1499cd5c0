"""Differences against derivatives by hand, whatever the scale, with noise, and at an end of the support."""

import numpy as np
import pytest

from pymc_landscape.numerics import (
    gradient_of_values,
    hessian_of_gradients,
    hessian_of_values,
    hessian_times,
    hessians_of_gradients,
    jacobian_of_values,
)


class NormalSample:
    """−2LL of n normal values by (µ, log σ)."""

    def __init__(self, mean, spread, n=20):
        self.y = np.random.default_rng(1).normal(mean, spread, n)
        self.x = np.array([self.y.mean() + 0.5 * spread, np.log(spread) + 0.2])

    def values(self, p):
        return 2 * len(self.y) * p[:, 1] + ((self.y - p[:, :1]) ** 2).sum(axis=1) / np.exp(2 * p[:, 1])

    def gradient(self, p):
        r, v = self.y - p[0], np.exp(2 * p[1])
        return np.array([-2 * r.sum() / v, 2 * len(r) - 2 * (r @ r) / v])

    def hessian(self, p):
        r, v = self.y - p[0], np.exp(2 * p[1])
        return np.array([[2 * len(r) / v, 4 * r.sum() / v], [4 * r.sum() / v, 4 * (r @ r) / v]])


@pytest.mark.parametrize(("mean", "spread"), [(0, 1), (1e5, 0.1), (0, 1e6), (1e-6, 1e-7), (3, 1e3)])
def test_steps_follow_the_scale(mean, spread):
    sample = NormalSample(mean, spread)
    x, right = sample.x, sample.hessian(sample.x)
    scale = np.sqrt(np.diag(right))
    by_values = hessian_of_values(sample.values, x)
    for gradient in (by_values[0], gradient_of_values(sample.values, x)):
        np.testing.assert_allclose(gradient / scale, sample.gradient(x) / scale, atol=1e-6)
    np.testing.assert_allclose(by_values[1] / np.outer(scale, scale), right / np.outer(scale, scale), atol=1e-5)
    by_gradients = hessian_of_gradients(sample.gradient, x)
    np.testing.assert_allclose(by_gradients / np.outer(scale, scale), right / np.outer(scale, scale), atol=1e-8)
    direction = 1 / scale
    np.testing.assert_allclose(
        hessian_times(sample.gradient, x, direction) / scale, right @ direction / scale, atol=1e-6
    )


def test_noise_lengthens_the_steps():
    sample, rng = NormalSample(0, 1), np.random.default_rng(2)
    x, right = sample.x, sample.hessian(sample.x)
    noisy = hessian_of_values(lambda p: sample.values(p) + rng.normal(0, 1e-7, len(p)), x)[1]
    np.testing.assert_allclose(noisy, right, rtol=1e-3, atol=1e-3 * right.max())


def test_at_an_end_differences_are_taken_inward():
    """e^x − 3x for x ≥ 0 alone, at 0."""
    values = lambda p: np.where(p[:, 0] >= 0, np.exp(p[:, 0]) - 3 * p[:, 0], np.inf)  # noqa: E731
    gradient, hessian = hessian_of_values(values, np.zeros(1))
    np.testing.assert_allclose(gradient, [-2.0], atol=1e-5)
    np.testing.assert_allclose(hessian, [[1.0]], rtol=0.2)


def test_curvatures_of_many_points_are_those_of_each():
    """Each gradient is told which of the points it is beside; beyond an end of the support differences go inward."""
    sample = NormalSample(0, 1)
    x = np.array([[0.3, 0.1], [-0.2, 0.4], [0.0, -0.3]])
    asked = []

    def gradients(points, beside):
        asked.append(beside)
        assert (np.abs(points - x[beside]) < 1e-3).all()
        found = np.array([sample.gradient(p) for p in points])
        return np.where((points[:, :1] < 0) & (beside == 2)[:, None], np.nan, found)

    found = hessians_of_gradients(gradients, x)
    np.testing.assert_allclose(found, [sample.hessian(p) for p in x], rtol=1e-6, atol=1e-5)
    assert np.bincount(asked[0]).tolist() == [4, 4, 4]
    assert [beside.tolist() for beside in asked[1:]] == [[2]] * (len(asked) - 1)


def test_a_jacobian_by_steps_of_a_density():
    sample = NormalSample(1e5, 0.1)
    curve = lambda p: np.exp(p[:, :1] - 1e5) * np.array([1.0, 2.0])  # noqa: E731
    found = jacobian_of_values(curve, sample.x, sample.values)
    np.testing.assert_allclose(found[0], curve(sample.x[None])[0], rtol=1e-6)
    np.testing.assert_allclose(found[1], 0.0, atol=1e-12)
