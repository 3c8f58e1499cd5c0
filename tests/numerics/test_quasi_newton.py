"""Hessians that are learned from slopes."""

import numpy as np
import pytest
from scipy import optimize

from pymc_landscape.numerics.quasi_newton import FixedHessian, LearnedHessian, symmetric_rank_one
from pymc_landscape.numerics.trust_region import QuadraticModel as Place
from pymc_landscape.numerics.trust_region import descend_newton, polish


class Rosenbrock:
    """SciPy's function of many variables, with a count of what is asked."""

    def __init__(self):
        self.slopes = self.hessians = 0

    def value_and_gradient(self, x):
        self.slopes += 1
        return float(optimize.rosen(x)), optimize.rosen_der(x)

    def hessian(self, x):
        self.hessians += 1
        return optimize.rosen_hess(x)


def test_a_quadratic_is_known_after_as_many_steps_as_it_has_dimensions(rng):
    """The hereditary property of the update of rank one, whether the Hessian is positive or not."""
    root = rng.normal(size=(5, 5))
    truth = root + root.T
    hessian = np.eye(5)
    for step in rng.normal(size=(5, 5)):
        hessian = symmetric_rank_one(hessian, step, truth @ step)
    np.testing.assert_allclose(hessian, truth, atol=1e-9)


def test_a_step_that_says_nothing_new_changes_nothing():
    hessian = np.array([[2.0, 1.0], [1.0, -3.0]])
    step = np.array([1.0, 2.0])
    np.testing.assert_array_equal(symmetric_rank_one(hessian, step, hessian @ step), hessian)


@pytest.mark.parametrize("k", [2, 6])
def test_a_curved_valley_is_walked_to_its_end_with_one_hessian(k):
    surface, begin = Rosenbrock(), np.full(k, -1.2)
    here = Place(begin, *surface.value_and_gradient(begin), surface.hessian(begin))
    end, _ = descend_newton(LearnedHessian(surface, here), here, 300, near=1e-16)
    assert surface.hessians == 1
    np.testing.assert_allclose(end.x, np.ones(k) if k == 2 else _lowest(end.x), atol=1e-7)


def _lowest(begin):
    return optimize.minimize(
        optimize.rosen,
        begin,
        jac=optimize.rosen_der,
        hess=optimize.rosen_hess,
        method="trust-exact",
        options={"gtol": 1e-12},
    ).x


def test_the_last_steps_need_no_new_hessian():
    surface, beside = Rosenbrock(), np.ones(3) + 1e-6
    here = Place(beside, *surface.value_and_gradient(beside), surface.hessian(beside))
    end = polish(FixedHessian(surface, here), here)
    assert surface.hessians == 1
    np.testing.assert_allclose(end.x, 1.0, atol=1e-10)
    assert end.value < here.value
