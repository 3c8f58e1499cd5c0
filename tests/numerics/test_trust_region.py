"""Newton's method in a trust region, where the curvature is no more than rounding."""

import numpy as np
import pytest

from pymc_landscape.numerics.trust_region import descend_newton, level_eigenvectors, quadratic_model


class Level:
    """A bowl in one direction of two, level along the other, with derivatives there that are rounding."""

    def __init__(self, across, curvature, slope=0.0):
        self.across, self.along = across, np.array([-across[1], across[0]])
        self.curvature, self.slope = curvature, slope

    def value_and_gradient(self, x):
        height = float(self.across @ x) - 1.0
        return 2000.0 + 500.0 * height**2, 1000.0 * height * self.across + self.slope * self.along

    def hessian(self, x):
        return 1000.0 * np.outer(self.across, self.across) + self.curvature * np.outer(self.along, self.along)


@pytest.mark.parametrize("curvature", [-1e-17, -1e-25, -1e-33, 1e-25])
@pytest.mark.parametrize("slope", [0.0, 1e-18])
def test_curvature_that_values_refute_is_none(curvature, slope):
    """An element on which nothing depends is no saddle, whatever the sign of its rounding, and no way to infinity."""
    surface = Level(np.array([1.0, 0.0]), curvature, slope)
    end, _ = descend_newton(surface, quadratic_model(surface, np.array([1.0 + 1e-9, 3.0])), 100)
    assert 0.5 * end.decrement < 1e-6
    assert end.hessian[1, 1] == 0.0 or curvature > 0
    np.testing.assert_allclose(end.x[0], 1.0, atol=1e-8)


def test_curvature_of_a_parameter_with_large_units_is_kept():
    """A hill of 1e9 units is left: its curvature of 1e-18 is no rounding, as values tell."""

    class Waves:
        def value_and_gradient(self, x):
            wave = x[1] / 1e9
            value = 2000.0 + 500.0 * (x[0] - 1.0) ** 2 + np.cos(wave)
            return float(value), np.array([1000.0 * (x[0] - 1.0), -np.sin(wave) / 1e9])

        def hessian(self, x):
            return np.diag([1000.0, -np.cos(x[1] / 1e9) / 1e18])

    end, _ = descend_newton(Waves(), quadratic_model(Waves(), np.array([1.0, 0.0])), 100)
    np.testing.assert_allclose(np.abs(end.x[1]), np.pi * 1e9, rtol=1e-4)
    assert 0.5 * end.decrement < 1e-6


class Ring:
    """A valley floor round the origin, level, or with a little slope towards where both axes are the same."""

    towards = np.array([1.0, 1.0]) / np.sqrt(2.0)

    def __init__(self, slope: float):
        self.slope = slope

    def value_and_gradient(self, x):
        off = x @ x - 1.0
        return off**2 + self.slope * (1.0 - self.towards @ x), 4.0 * off * x - self.slope * self.towards

    def hessian(self, x):
        return 4.0 * (x @ x - 1.0) * np.eye(2) + 8.0 * np.outer(x, x)


@pytest.mark.parametrize(("slope", "is_level"), [(0.0, True), (1e-9, False), (1e-7, False)])
def test_a_little_curvature_is_real_where_the_floor_slopes_beside(slope, is_level):
    """A hair beside the floor the bend of a ring looks like curvature along it, and neither ring has a slope there."""
    surface = Ring(slope)
    x = (1.0 + slope / 8 + 1e-8) * surface.towards
    here = quadratic_model(surface, x)
    along = np.argmin(np.abs(here.spectrum.values))
    assert here.flat[along]
    assert here.spectrum.values[along] > here.spectrum.tolerance
    assert level_eigenvectors(surface, x, here.gradient, here.spectrum)[along] == is_level
