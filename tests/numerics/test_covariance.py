"""Curvature and descent as arrays: against closed forms, and against functions with known minima and saddles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymc_landscape.numerics.covariance import covariance, delta_method, sandwich_covariance, spectrum, standard_errors
from pymc_landscape.numerics.finite_differences import hessian_of_gradients, hessian_of_values
from pymc_landscape.numerics.trust_region import QuadraticModel as Place
from pymc_landscape.numerics.trust_region import constrained_step, descend_newton, polish
from pymc_landscape.numerics.trust_region import quadratic_model as place


class Surface:
    """A function with its derivatives by hand."""

    def __init__(self, value, gradient, hessian):
        self.value, self.gradient, self.hessian_of = value, gradient, hessian
        self.n = 0

    def value_and_gradient(self, x):
        self.n += 1
        return float(self.value(x)), np.asarray(self.gradient(x), dtype=float)

    def hessian(self, x):
        return np.asarray(self.hessian_of(x), dtype=float)


BANANA = Surface(
    lambda x: 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2,
    lambda x: [-400 * x[0] * (x[1] - x[0] ** 2) - 2 * (1 - x[0]), 200 * (x[1] - x[0] ** 2)],
    lambda x: [[1200 * x[0] ** 2 - 400 * x[1] + 2, -400 * x[0]], [-400 * x[0], 200]],
)
# valleys at (±1, 0) of depth −1, a saddle at the origin
TWO_VALLEYS = Surface(
    lambda x: x[0] ** 4 - 2 * x[0] ** 2 + x[1] ** 2,
    lambda x: [4 * x[0] ** 3 - 4 * x[0], 2 * x[1]],
    lambda x: [[12 * x[0] ** 2 - 4, 0], [0, 2]],
)
RIDGE = Surface(
    lambda x: (x[0] + x[1] - 3) ** 2,
    lambda x: [2 * (x[0] + x[1] - 3)] * 2,
    lambda x: [[2, 2], [2, 2]],
)


def random_positive(rng, k):
    root = rng.normal(size=(k, k))
    return root @ root.T + 0.1 * np.eye(k)


# --- covariance


@given(st.integers(1, 8), st.integers(0, 10**6), st.floats(-8, 8))
def test_covariance_is_twice_the_inverse_whatever_the_units(k, seed, decades):
    rng = np.random.default_rng(seed)
    hessian = random_positive(rng, k)
    units = 10 ** (decades * rng.uniform(-1, 1, k))
    got = covariance(hessian * np.outer(units, units)) * np.outer(units, units)
    np.testing.assert_allclose(got, 2 * np.linalg.inv(hessian), rtol=1e-7, atol=1e-9 * np.abs(got).max())


def test_a_flat_direction_is_left_out_of_the_covariance_and_known_as_such():
    hessian = np.array([[2.0, 2.0, 0.0], [2.0, 2.0, 0.0], [0.0, 0.0, 8.0]])
    here = spectrum(hessian)
    assert not here.is_positive
    np.testing.assert_allclose(np.abs(here.direction(0)) / np.abs(here.direction(0)).max(), [1, 1, 0], atol=1e-12)
    errors = standard_errors(covariance(hessian), here.direction(0)[None])
    assert np.isinf(errors[:2]).all()
    assert errors[2] == pytest.approx(0.5)
    # what does not move along the ridge is known: the sum, with variance 2 / 2
    summed = standard_errors(covariance(hessian), here.direction(0)[None], np.array([[1.0], [1.0], [0.0]]))
    assert summed[0] == pytest.approx(1.0)


def test_the_spectrum_of_one_hessian_is_computed_once(rng):
    hessian = random_positive(rng, 4)
    here = spectrum(hessian)
    assert spectrum(hessian.copy(order="F")) is here
    assert spectrum(2.0 * hessian) is not here
    with pytest.raises(ValueError, match="read-only"):
        here.vectors[0] = 0.0
    hessian[0, 0] *= 4.0  # what was asked for before says nothing of what the array holds now
    changed = spectrum(hessian)
    np.testing.assert_allclose(
        (changed.vectors * changed.values) @ changed.vectors.T * np.outer(changed.scale, changed.scale), hessian
    )


def test_one_standard_error_is_a_rise_of_one(rng):
    hessian = random_positive(rng, 4)
    here = spectrum(hessian)
    for i in range(4):
        step = here.direction(i)
        assert 0.5 * step @ hessian @ step == pytest.approx(1.0)


def test_delta_method_of_a_ratio():
    cov = np.array([[0.04, 0.01], [0.01, 0.09]])
    a, b = 3.0, 2.0
    by_hand = (1 / b) ** 2 * 0.04 + (a / b**2) ** 2 * 0.09 - 2 * a / b**3 * 0.01
    assert delta_method(cov, np.array([[1 / b], [-a / b**2]]))[0, 0] == pytest.approx(by_hand)


def test_sandwich_of_a_mean_is_its_empirical_variance(rng):
    y, sigma = rng.normal(size=50), 3.0
    scores = ((y - y.mean()) / sigma**2)[:, None]
    hessian = np.array([[2 * len(y) / sigma**2]])
    assert sandwich_covariance(hessian, scores)[0, 0] == pytest.approx(y.var() / len(y))


# --- differences


def test_differences_of_slopes_and_of_values(rng):
    x = rng.normal(size=2)
    exact = BANANA.hessian(x)
    np.testing.assert_allclose(
        hessian_of_gradients(lambda p: BANANA.value_and_gradient(p)[1], x), exact, rtol=1e-8, atol=1e-6
    )
    gradient, hessian = hessian_of_values(lambda points: np.array([BANANA.value(p) for p in points]), x)
    np.testing.assert_allclose(gradient, BANANA.value_and_gradient(x)[1], rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(hessian, exact, rtol=1e-5, atol=1e-4)


# --- trust region


def test_a_step_minimises_the_model_inside_the_region(rng):
    """No point on a dense sphere of the same length, or inside, is lower than the step."""
    hessian = random_positive(rng, 2)
    here = Place(np.zeros(2), 0.0, rng.normal(size=2) * 20, hessian)
    step, promised, length = constrained_step(here, 0.7)
    assert length == pytest.approx(0.7, rel=1e-4)
    scale = np.sqrt(np.diagonal(hessian))
    angle = np.linspace(0, 2 * np.pi, 2000)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)[:, None] * np.linspace(0, length, 50)[:, None]
    others = circle.reshape(-1, 2) / scale
    model = others @ here.gradient + 0.5 * np.einsum("ni,ij,nj->n", others, hessian, others)
    assert promised == pytest.approx(-model.min(), rel=1e-3)
    assert -promised <= model.min() + 1e-12
    np.testing.assert_allclose(step @ here.gradient + 0.5 * step @ hessian @ step, -promised)


def test_a_slope_whose_square_overflows_still_gives_a_step_of_the_regions_length():
    curvature = np.diag([0.2, 1.0, 1.8])
    here = Place(np.zeros(3), 0.0, np.array([1e160, -9e213, 7e30]), curvature)
    with np.errstate(over="ignore"):
        step, _, length = constrained_step(here, 120.0)
    assert length == pytest.approx(120.0, rel=1e-4)
    assert step[1] == pytest.approx(120.0, rel=1e-4)  # all but straight down


def test_a_bowl_takes_one_step(rng):
    hessian, center = random_positive(rng, 5), rng.normal(size=5) * 100
    bowl = Surface(
        lambda x: 0.5 * (x - center) @ hessian @ (x - center), lambda x: hessian @ (x - center), lambda x: hessian
    )
    here, n = descend_newton(bowl, place(bowl, np.zeros(5)), 50)
    np.testing.assert_allclose(here.x, center, rtol=1e-8)
    assert n <= 2


def test_the_banana_is_walked_to_its_end():
    here, _ = descend_newton(BANANA, place(BANANA, np.array([-1.2, 1.0])), 200)
    here = polish(BANANA, here)
    # 1e-8 of a standard error, which is √(2 (H⁻¹)₁₁) = 1.4 for the second
    np.testing.assert_allclose(here.x, 1.0, rtol=2e-8)


def test_units_do_not_matter():
    """The same banana in metres and in nanometres takes the same steps."""
    unit = np.array([1e9, 1e-6])
    scaled = Surface(
        lambda x: BANANA.value(x * unit),
        lambda x: np.asarray(BANANA.gradient(x * unit)) * unit,
        lambda x: BANANA.hessian(x * unit) * np.outer(unit, unit),
    )
    start = np.array([-1.2, 1.0])
    plain, n = descend_newton(BANANA, place(BANANA, start), 200)
    other, m = descend_newton(scaled, place(scaled, start / unit), 200)
    assert n == m
    np.testing.assert_allclose(other.x * unit, plain.x, rtol=1e-6)


def test_a_saddle_is_left():
    here, _ = descend_newton(TWO_VALLEYS, place(TWO_VALLEYS, np.zeros(2)), 100)
    assert abs(here.x[0]) == pytest.approx(1.0, abs=1e-5)
    assert here.value == pytest.approx(-1.0)


def test_a_ridge_is_met_at_its_nearest_point():
    here, _ = descend_newton(RIDGE, place(RIDGE, np.array([5.0, 1.0])), 100)
    assert here.value == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_allclose(here.x, [3.5, -0.5])
    assert here.decrement == pytest.approx(0.0, abs=1e-12)


def test_walls_and_nan_are_stepped_back_from():
    walled = Surface(
        lambda x: x[0] - np.log(x[0]) if x[0] > 0 else np.inf,
        lambda x: [1 - 1 / x[0] if x[0] > 0 else np.nan],
        lambda x: [[1 / x[0] ** 2 if x[0] > 0 else np.nan]],
    )
    here, _ = descend_newton(walled, place(walled, np.array([50.0])), 200)
    assert here.x[0] == pytest.approx(1.0, abs=1e-5)
