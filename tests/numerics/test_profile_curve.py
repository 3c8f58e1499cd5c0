"""One curve through a profile: an interval read off it, a density on it and its picture agree where they meet."""

from functools import cache

import numpy as np
import profile_forms as forms
import pymc as pm
import pytest
import xarray as xr
from scipy import optimize, stats
from verbs import fit

import pymc_landscape as pml
from pymc_landscape.numerics import profile_curve
from pymc_landscape.plots.data import traced_profile

LEVELS = [0.5, 0.8, 0.9, 0.95, 0.99]
DOSE, MALE = np.tile(np.arange(6.0), 2), np.repeat([1.0, 0.0], 6)
DEAD = np.array([1, 4, 9, 13, 18, 20, 0, 2, 6, 10, 12, 16])


def ends_of(profile: xr.Dataset, parameter: str) -> list[tuple[float, float]]:
    """Finite ends that `read_intervals` gives, with the cut-off of each."""
    read = pml.read_intervals(profile, level=LEVELS).sel(parameter=parameter).squeeze("interval_method")
    return [
        (float(end["interval"]), float(pml.chi2_cutoff(level)))
        for level in LEVELS
        for end in (read.sel(level=level, bound=bound) for bound in ("lower", "upper"))
        if end["status"] == "finite"
    ]


def assert_all_agree(profile: xr.Dataset, parameter: str, refit=None, error: float = 0.0) -> None:
    """At each end the three ways to read a profile give its cut-off, and a refit the same but for interpolation."""
    ends = ends_of(profile, parameter)
    assert ends
    values, cuts = np.array(ends).T
    row = profile.sel(parameter=parameter)
    likelihood = profile_curve(row).relative_likelihood(values)  # what four_curves returns
    np.testing.assert_allclose(-2.0 * np.log(likelihood), cuts, rtol=0, atol=1e-9)
    drawn = traced_profile(profile, parameter).at(values)
    np.testing.assert_allclose(drawn**2, cuts, rtol=0, atol=1e-9)
    assert (np.sign(drawn) == np.sign(values - float(row["estimate"]))).all()
    if refit is not None:
        exact = np.array([refit(value) for value in values])
        np.testing.assert_allclose(exact, cuts, rtol=0, atol=error)


@cache
def binomial(successes: int) -> tuple[xr.Dataset, pml.Fit]:
    with pm.Model() as model:
        pm.Binomial("y", 10, pm.Beta("p", 1, 1), observed=successes)
    here = fit(model)
    return pml.profile_likelihood(here, "p", progressbar=False), here


@pytest.mark.parametrize("successes", [9, 10, 0])
def test_a_proportion(successes):
    """Nine of ten; and all or nothing, where the estimate is on a bound."""
    profile, here = binomial(successes)

    def refit(p: float) -> float:
        return float(-2.0 * stats.binom.logpmf(successes, 10, p)) - here.minus2ll

    assert_all_agree(profile, "p", refit, error=1e-3)


def test_four_curves_meet_the_interval():
    """The verb itself, between its points: the height at an interval's end is the cut-off's."""
    _, here = binomial(9)
    profile = pml.profile_likelihood(here, level=stats.chi2.cdf(20.0, 1), progressbar=False)  # as far as four_curves
    draws = xr.Dataset({"p": (("chain", "draw"), np.random.default_rng(1).beta(10, 2, size=(4, 500)))})
    curves = pml.four_curves(here, draws, num=4001, progressbar=False).sel(parameter="p")
    height = curves["height"].sel(curve="likelihood profile")
    for value, cut in ends_of(profile, "p")[:8]:  # beyond, the points are too far apart for straight lines
        delta = -2.0 * np.log(np.maximum(height / height.max(), 1e-300))
        assert float(np.interp(value, curves["value"], delta)) == pytest.approx(cut, abs=1e-3)


def test_a_regression_with_refits_by_scipy():
    """Budworm: each end against a minimisation of the other coefficients."""
    with pm.Model(coords={"term": ["constant", "male", "dose"]}) as model:
        b = pm.Normal("b", 0, 10, dims="term")
        pm.Binomial("dead", 20, logit_p=b[0] + b[1] * MALE + b[2] * DOSE, observed=DEAD)
    here = fit(model)
    profile = pml.profile_likelihood(here, progressbar=False)
    for i, label in enumerate(["b[constant]", "b[male]", "b[dose]"]):
        nuisance = [j for j in range(3) if j != i]

        def refit(value: float, i: int = i, nuisance: list[int] = nuisance) -> float:
            def surface(v: np.ndarray) -> float:
                theta = np.empty(3)
                theta[i], theta[nuisance] = value, v
                return float(here.objective.value(theta))

            return float(optimize.minimize(surface, here.theta[nuisance], tol=1e-12).fun) - here.minus2ll

        assert_all_agree(profile, label, refit, error=1e-5)


def test_a_standard_deviation_at_its_bound():
    """Dyestuff2, in which the variance between batches is 0: the upper end, with a derivative at the estimate."""
    y = np.array([[1.5, 1.1], [0.9, 1.6], [1.3, 1.2], [1.0, 1.4]])
    with pm.Model() as model:
        between, batch = pm.HalfNormal("between", 1), pm.Normal("mu", 1, 10)
        pm.Normal("y", batch, pm.math.sqrt(0.1 + between**2), observed=y)
    here = fit(model)
    profile = pml.profile_likelihood(here, "between", progressbar=False)
    assert_all_agree(profile, "between")


CLOSED = {
    "open": forms.ratio(),
    "from a bound": forms.none_of(),
    "to a bound": forms.bounded(),
    "skewed": forms.gamma_rate(),
}


@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms(name):
    """The ratio's steps double towards its open end, and one cut-off is between two of them."""
    form = CLOSED[name]
    assert_all_agree(forms.profile_of(form), form.label, form.delta, error=0.5 if name == "open" else 3e-3)


def test_two_branches_meet_in_a_corner():
    """The lower of two parabolas in the nuisance parameter takes over on the way."""
    with pm.Model() as model:
        x, z = pm.Flat("x"), pm.Flat("z")
        pm.Potential("wells", -0.5 * (x**2 + (z**2 - 4) ** 2 * 0.5 + 0.8 * (1.0 - x) * (z + 2.0) * 0.5))
    here = fit(model, starts=[{"x": 0.0, "z": -2.0}, {"x": 0.0, "z": 2.0}])
    profile = pml.profile_likelihood(here, "x", level=0.999, progressbar=False)
    assert "kink" in profile["status"].values

    def refit(value: float) -> float:
        ends = [
            optimize.minimize(lambda z: float(here.objective.value(np.array([value, z[0]]))), [begin], tol=1e-12).fun
            for begin in (-2.0, 2.0)
        ]
        return float(min(ends)) - here.minus2ll

    assert_all_agree(profile, "x", refit, error=1e-3)


def test_a_corner_that_was_not_solved_is_two_tangents():
    """Between a step and a kink the lower tangent counts, on the way there and back."""
    step = np.arange(-2, 4)
    value = np.array([-2.0, -1.0, 0.0, 1.0, 2.0, 3.0])
    rise = np.array([4.0, 1.0, 0.0, 1.0, 2.5, 3.1])
    slope = np.array([-4.0, -2.0, 0.0, 2.0, 0.5, 0.7])
    status = ["converged", "converged", "estimate", "converged", "kink", "converged"]
    columns = {"value": value, "delta_minus2ll": rise, "zeta": np.sign(step) * np.sqrt(rise), "slope": slope}
    profile = xr.Dataset(
        {name: (("parameter", "step"), column[None]) for name, column in columns.items()}
        | {"status": (("parameter", "step"), [status])}
        | {"estimate": ("parameter", [0.0]), "standard_error": ("parameter", [1.0])},
        {"parameter": ["x"], "step": step},
    )
    assert_all_agree(profile, "x")
    curve = profile_curve(profile.sel(parameter="x"))
    np.testing.assert_allclose(curve.upper.values_at(1.6), [1.3], rtol=1e-12)  # on the first tangent
    np.testing.assert_allclose(curve.upper.values_at(2.4), [1.8], rtol=1e-12)  # on the second
