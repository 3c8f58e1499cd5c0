"""Intervals of quantities that have limits of their own, or no slope at the estimate, against closed forms."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from scipy import optimize, stats

import pymc_landscape as pml

LEVELS = [0.5, 0.95, 0.9999]
ROOTS = np.sqrt(stats.chi2.ppf(LEVELS, 1))
AT_BOUND, FINITE = "at_bound", "finite"


@pytest.fixture(scope="module")
def two_means() -> pml.Fit:
    """x and z, seen once each, as 1 and 0.5, with errors of ±1: −2LL is the squared distance."""
    with pm.Model() as model:
        x, z = pm.Normal("x", 0, 1), pm.Normal("z", 0, 1)
        pm.Normal("first", x, 1.0, observed=1.0)
        pm.Normal("second", z, 1.0, observed=0.5)
        pm.Deterministic("square", x**2)
        pm.Deterministic("sine", pt.sin(x))
        pm.Deterministic("chance", pm.math.invlogit(4 * x))
        pm.Deterministic("from_estimate", (x - 1) ** 2)
        pm.Deterministic("squared_length", x**2 + z**2)
        pm.Deterministic("always", 0 * x + 3.0)
        pm.Deterministic("size", abs(x))
        pm.Deterministic("larger", pt.maximum(x, z))
    return pml.fit_mle(model, progressbar=False)


def ends(fit: pml.Fit, label: str, levels=LEVELS) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values, statuses and rises, a row a level."""
    found = pml.confidence_intervals(fit, label, level=levels, progressbar=False).squeeze()
    return found["interval"].values, found["status"].values, found["delta_minus2ll"].values


def test_a_square_ends_at_0(two_means):
    interval, status, rise = ends(two_means, "square")
    lower = np.where(ROOTS < 1, (1 - ROOTS) ** 2, 0.0)
    np.testing.assert_allclose(interval, np.stack([lower, (1 + ROOTS) ** 2], axis=1), atol=1e-9)
    assert status[:, 0].tolist() == [FINITE, AT_BOUND, AT_BOUND]
    np.testing.assert_allclose(rise[1:, 0], 1.0, atol=1e-9)


def test_a_sine_ends_at_both_of_its_limits(two_means):
    interval, status, rise = ends(two_means, "sine")
    np.testing.assert_allclose(interval[:, 1], 1.0, atol=1e-9)
    np.testing.assert_allclose(interval[:, 0], [np.sin(1 - ROOTS[0]), np.sin(1 - ROOTS[1]), -1.0], atol=1e-9)
    np.testing.assert_allclose(rise[:, 1], (np.pi / 2 - 1) ** 2, atol=1e-7)
    assert status.tolist() == [[FINITE, AT_BOUND], [FINITE, AT_BOUND], [AT_BOUND, AT_BOUND]]


def test_a_squared_length_ends_at_0(two_means):
    """The lengths are those of a disc about (1, 0.5): √1.25 ± the radius."""
    interval, status, rise = ends(two_means, "squared_length")
    far = np.sqrt(1.25)
    lower = np.where(far > ROOTS, (far - ROOTS) ** 2, 0.0)
    np.testing.assert_allclose(interval, np.stack([lower, (far + ROOTS) ** 2], axis=1), atol=1e-9)
    np.testing.assert_allclose(rise[1:, 0], 1.25, atol=1e-9)
    assert status[1:, 0].tolist() == [AT_BOUND, AT_BOUND]


def test_a_quantity_that_is_least_at_the_estimate(two_means):
    interval, status, rise = ends(two_means, "from_estimate")
    np.testing.assert_allclose(interval, np.stack([np.zeros(3), ROOTS**2], axis=1), atol=1e-9)
    np.testing.assert_allclose(rise, np.stack([np.zeros(3), ROOTS**2], axis=1), atol=1e-8)
    assert (status == [AT_BOUND, FINITE]).all()


def test_a_constant_is_what_it_is(two_means):
    interval, status, rise = ends(two_means, "always")
    assert (interval == 3.0).all()
    assert (status == AT_BOUND).all()
    assert (rise == 0).all()


def test_a_chance_that_may_be_anything_still_has_its_ends(two_means):
    interval, status, _ = ends(two_means, "chance")
    expected = 1 / (1 + np.exp(-4 * (1 + np.outer(ROOTS, [-1, 1]))))
    np.testing.assert_allclose(interval, expected, rtol=1e-8)
    assert (status == FINITE).all()


@pytest.mark.parametrize("label", ["size", "larger"])
def test_what_has_a_corner_is_never_called_open(two_means, label):
    _, status, _ = ends(two_means, label)
    assert "open" not in status
    assert (status[:, 1] == FINITE).all()


@pytest.fixture(scope="module")
def dispersed() -> tuple[pml.Fit, np.ndarray]:
    """Counts hardly more spread than Poisson's: 1 / dispersion has no upper end, the dispersion reaches 0."""
    y = np.array([3, 5, 4, 6, 2, 4, 11, 3, 8, 4, 0, 5])
    with pm.Model() as model:
        alpha = pm.HalfCauchy("alpha", 5)
        pm.Deterministic("dispersion", 1 / alpha)
        pm.NegativeBinomial("y", pm.HalfNormal("mu", 10), alpha, observed=y)
    return pml.fit_mle(model, progressbar=False), y


@pytest.mark.exhaustive
def test_a_reciprocal_is_0_where_its_parameter_has_no_end(dispersed):
    fit, y = dispersed
    rise = -2 * stats.poisson(y.mean()).logpmf(y).sum() - fit.minus2ll
    assert rise < stats.chi2.ppf(0.95, 1)
    of_alpha, of_dispersion = (ends(fit, label, 0.95) for label in ("alpha", "dispersion"))
    assert of_alpha[1].tolist() == [FINITE, "open"]
    assert of_alpha[0][1] == np.inf
    assert of_dispersion[1].tolist() == [AT_BOUND, FINITE]
    assert of_dispersion[0][0] == 0.0
    assert of_dispersion[0][1] == pytest.approx(1 / of_alpha[0][0], rel=1e-8)
    np.testing.assert_allclose([of_alpha[2][1], of_dispersion[2][0]], rise, atol=1e-3)


@pytest.mark.exhaustive
def test_an_estimate_on_an_edge_without_derivatives():
    """Few zeros: the chance of a structural one is 0, where the model's own slope is not a number."""
    y = np.array([1, 2, 1, 3, 0, 2, 1, 2, 4, 1])
    with pm.Model() as model:
        pm.ZeroInflatedPoisson("y", pm.Beta("psi", 1, 1), pm.HalfNormal("mu", 5), observed=y)
    fit = pml.fit_mle(model, progressbar=False)
    interval, status, _ = ends(fit, "psi")
    assert (status == [FINITE, AT_BOUND]).all()
    for level, (low, high) in zip(LEVELS, interval, strict=True):

        def minus2ll(mu: float, psi: float = low) -> float:
            zero = np.log1p(-psi + psi * np.exp(-mu))
            other = np.log(psi) + stats.poisson(mu).logpmf(y)
            return -2 * float(np.where(y == 0, zero, other).sum())

        best = optimize.minimize_scalar(minus2ll, bounds=(0.1, 10), method="bounded", options={"xatol": 1e-10}).fun
        assert best - fit.minus2ll == pytest.approx(stats.chi2.ppf(level, 1), abs=1e-6)
        assert high == 1.0


def test_a_length_ends_at_its_corner_where_another_number_is_none():
    """(x − 0.3)² + (z − 0.2)² at a distance of 0 is 0.13; the angle has no number there."""
    with pm.Model() as model:
        x, z = pm.Flat("x", initval=1.0), pm.Flat("z", initval=1.0)
        pm.Normal("first", x, 1.0, observed=0.3)
        pm.Normal("second", z, 1.0, observed=0.2)
        length = pm.Deterministic("length", pt.sqrt(x**2 + z**2))
        pm.Deterministic("share", x / length)
    fit = pml.fit_mle(model, progressbar=False)
    values, status, rises = ends(fit, "length", 0.95)
    np.testing.assert_allclose(values, [0.0, np.hypot(0.3, 0.2) + ROOTS[1]], atol=1e-6)
    assert status.tolist() == [AT_BOUND, FINITE]
    np.testing.assert_allclose(rises[0], 0.13, atol=1e-6)
