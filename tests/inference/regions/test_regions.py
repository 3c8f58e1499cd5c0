"""Joint regions that are no ellipses: bent, in parts, with holes, without an end, cut off by a support.

Each surface is written twice, for the model and in NumPy; areas come from counting points of a fine grid.
"""

import warnings
from collections.abc import Callable

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
import xarray as xr
from scipy import optimize, stats
from selection import exhaustive

import pymc_landscape as pml

Surface = Callable[..., np.ndarray]


def fit_of(surface: Callable, *begin: float, **kwargs) -> pml.Fit:
    """Fit −2LL = surface(x0, x1, ...)."""
    with pm.Model() as model:
        elements = [pm.Flat(f"x{i}", initval=at) for i, at in enumerate(begin)]
        pm.Potential("surface", -0.5 * surface(pt, *elements))
    return pml.fit_mle(model, progressbar=False, **kwargs)


def region(fit: pml.Fit, level: float, num: int = 48, names=("x0", "x1"), **kwargs) -> xr.Dataset:
    found = pml.confidence_contour(fit, list(names), level=level, num=num, progressbar=False, **kwargs)
    return found.squeeze("level")


def curves(found: xr.Dataset) -> list[np.ndarray]:
    """The vertices of each curve."""
    labels = [str(label) for label in found["parameter"].values]
    places = np.stack([found[label].values for label in labels], axis=1)
    numbers = [n for n in np.unique(found["piece"]) if n >= 0]
    return [places[(found["piece"].values == n) & np.isfinite(places).all(axis=1)] for n in numbers]


def area(ring: np.ndarray) -> float:
    x, y = (ring - ring.mean(axis=0)).T
    return abs(float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())) / 2


def counted(surface: Callable, q: float, box, num: int = 1201) -> float:
    """Area of the region, from a grid."""
    x, y = (np.linspace(*side, num) for side in box)
    below = surface(np, x[:, None], y) < q
    assert not below[[0, -1]].any()
    assert not below[:, [0, -1]].any()
    return float(below.sum() * (x[1] - x[0]) * (y[1] - y[0]))


def on_the_level(found: xr.Dataset, surface: Callable, level: float, floor: float = 0.0) -> None:
    q = stats.chi2.ppf(level, 2)
    finite = (found["status"] == "finite").values
    labels = [str(label) for label in found["parameter"].values]
    heights = surface(np, *(found[label].values[finite] for label in labels)) - floor
    np.testing.assert_allclose(heights, q, atol=1e-6)
    np.testing.assert_allclose(found["delta_minus2ll"].values[finite], q, atol=1e-6)


def crescent(lib, x, y):
    return 4 * (lib.sqrt(x**2 + y**2) - 5) ** 2 + 2.4 * lib.arctan2(y, x) ** 2


def annulus(lib, x, y):
    return (x**2 + y**2 - 9) ** 2 / 4 + 0.5 * x


def strip(lib, x, y):
    return 4 * (x - y) ** 2 + 4 * y**2 / (1 + y**2)


def islands(lib, x, y):
    first, second = 0.5 * ((x + 4) ** 2 + (y + 1) ** 2), 0.5 * (2 * (x - 4) ** 2 + (y - 1) ** 2) + 0.3
    return -2 * (lib.logaddexp if lib is np else pm.math.logaddexp)(-first, -second)


# --- one curve, and more ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0.95, exhaustive(0.99)])
def test_a_crescent_is_gone_round_to_both_of_its_horns(level):
    found = region(fit_of(crescent, 5.0, 0.1), level)
    on_the_level(found, crescent, level)
    (ring,) = curves(found)
    q = stats.chi2.ppf(level, 2)
    assert area(ring) == pytest.approx(counted(crescent, q, ((-4, 8), (-8, 8))), rel=0.04)
    np.testing.assert_allclose(ring[:, 1].max(), -ring[:, 1].min(), rtol=2e-2)


@pytest.fixture(scope="module")
def around() -> pml.Fit:
    return fit_of(annulus, -3.0, 0.5)


def test_a_region_with_a_hole_has_two_curves(around):
    """Below the cut-off where (r² − 9)² stays below 4 (q + min − r cos φ / 2)."""
    found = region(around, 0.95)
    on_the_level(found, annulus, 0.95, around.minus2ll)
    outer, inner = curves(found)
    assert "a hole" in found.attrs["message"]
    assert np.hypot(*inner.T).max() < 3 < np.hypot(*outer.T).min()
    q = stats.chi2.ppf(0.95, 2) + around.minus2ll
    whole = counted(annulus, q, ((-5, 5), (-5, 5)))
    assert area(outer) - area(inner) == pytest.approx(whole, rel=0.02)


def test_where_the_hole_opens_there_is_one_curve(around):
    found = region(around, 0.5)
    on_the_level(found, annulus, 0.5, around.minus2ll)
    (ring,) = curves(found)
    q = stats.chi2.ppf(0.5, 2) + around.minus2ll
    assert area(ring) == pytest.approx(counted(annulus, q, ((-5, 5), (-5, 5))), rel=0.04)
    assert found.attrs["message"] == ""


def test_a_strip_has_both_of_its_sides():
    """With v = 4 y²/(1 + y²) the sides are x = y ± √(q − v)/2."""
    fit = fit_of(strip, 0.1, 0.1)
    found = region(fit, 0.95)
    on_the_level(found, strip, 0.95)
    assert set(found["status"].values) == {"finite", "open"}
    one, other = curves(found)
    assert {bool((side[:, 0] > side[:, 1]).all()) for side in (one, other)} == {True, False}
    assert "several lines" in found.attrs["message"]
    (closed,) = curves(region(fit, 0.68))
    q = stats.chi2.ppf(0.68, 2)
    assert area(closed) == pytest.approx(counted(strip, q, ((-4, 4), (-4, 4))), rel=0.01)


# --- several parts ---------------------------------------------------------------------------------------------------


@pytest.mark.exhaustive
def test_two_islands_are_two_parts_from_either_of_them():
    low = optimize.minimize(lambda v: islands(np, *v), [-4.0, -1.0], tol=1e-12).fun
    found = {}
    for name, starts in {"one": [(-3.0, -1.0)], "both": [(-3.0, -1.0), (3.0, 1.0)], "higher": [(3.0, 1.0)]}.items():
        fit = fit_of(islands, -3.0, -1.0, starts=[{"x0": x, "x1": y} for x, y in starts])
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            found[name] = region(fit, 0.95)
        assert bool(said) == (name == "higher")
    for one in found.values():
        on_the_level(one, islands, 0.95, low)
        first, second = curves(one)
        assert first[:, 0].max() < 0 < second[:, 0].min()
        np.testing.assert_allclose(one["estimate"], [-4, -1], atol=1e-3)
        assert "2 parts, which are apart" in one.attrs["message"]
    q = stats.chi2.ppf(0.95, 2)
    np.testing.assert_allclose(area(first), np.pi * q, rtol=0.005)
    np.testing.assert_allclose(area(second), np.pi * (q - 0.6) / np.sqrt(2), rtol=0.005)


# --- cut off by a support --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "center", [(0.7, 0.2), exhaustive((-0.7, 0.2)), exhaustive((-0.7, -0.4))], ids=["inside", "on an edge", "corner"]
)
def test_regions_cut_off_by_edges(center):
    """A quadratic about `center`, for positive values only."""

    def surface(lib, x, y):
        x, y = x - center[0], y - center[1]
        return x**2 + 0.8 * x * y + y**2

    with pm.Model() as model:
        x, y = pm.HalfFlat("x", initval=1.0), pm.HalfFlat("y", initval=1.0)
        pm.Potential("surface", -0.5 * surface(pt, x, y))
    fit = pml.fit_mle(model, progressbar=False)
    found = region(fit, 0.95, names=("x", "y"))
    on_the_level(found, surface, 0.95, fit.minus2ll)
    at_bound = found.where(found["status"] == "at_bound", drop=True)
    assert at_bound.sizes["vertex"] > 2
    assert (np.minimum(at_bound["x"], at_bound["y"]) == 0).all()
    assert (at_bound["delta_minus2ll"] <= stats.chi2.ppf(0.95, 2) + 1e-9).all()
    (ring,) = curves(found)
    q = stats.chi2.ppf(0.95, 2) + fit.minus2ll
    x = np.linspace(0, 5, 1501)
    whole = (surface(np, x[:, None], x) < q).sum() * (x[1] - x[0]) ** 2
    assert area(ring) == pytest.approx(whole, rel=0.04)


# --- other elements, scales and offsets ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def regression() -> tuple[pml.Fit, np.ndarray, np.ndarray]:
    """Eight coefficients of columns from 1e-8 to 1e8, two of them correlated to 0.9999, errors known."""
    rng = np.random.default_rng(8)
    x = rng.normal(size=(40, 8))
    x[:, 1] = x[:, 0] + 0.014 * x[:, 1]
    scale = 10.0 ** np.array([8, -8, 0, 3, -3, 1, 0, 0])
    with pm.Model() as model:
        b = pm.Flat("b", shape=8, initval=np.zeros(8))
        pm.Normal("y", pm.math.dot(x * scale, b), 1.0, observed=x @ np.arange(8) + rng.normal(size=40))
    fit = pml.fit_mle(model, progressbar=False)
    return fit, x, scale


@pytest.mark.parametrize("pair", [(0, 1), (1, 4), (2, 7)])
def test_ellipses_of_two_coefficients_among_eight(regression, pair):
    """(b − b̂)ᵀ C⁻¹ (b − b̂) = q, C the pair's block of (XᵀX)⁻¹."""
    fit, x, scale = regression
    names = [f"b[{i}]" for i in pair]
    found = region(fit, 0.95, num=24, names=names)
    assert (found["status"] == "finite").all()
    off = np.stack([found[name].values - e for name, e in zip(names, found["estimate"].values, strict=True)])
    off = off * scale[list(pair)][:, None]
    inner = np.linalg.inv(np.linalg.inv(x.T @ x)[np.ix_(pair, pair)])
    np.testing.assert_allclose(np.einsum("iv,ij,jv->v", off, inner, off), stats.chi2.ppf(0.95, 2), atol=2e-5)
    np.testing.assert_allclose(found["delta_minus2ll"], stats.chi2.ppf(0.95, 2), atol=1e-6)
