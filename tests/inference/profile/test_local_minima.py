"""Two valleys of a nuisance: intervals and profiles follow the lower one, against minima over a fine grid."""

import warnings

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from scipy import optimize, stats
from selection import exhaustive

import pymc_landscape as pml

LEVELS = [0.5, 0.95, 0.9999]


def two_wells(x, n):
    """Wells at n = ±1; where x is larger than 5/6, the one at +1 is the lower."""
    return 8 * (n**2 - 1) ** 2 + x**2 + 1.5 * (n + 1) * (1 - 1.2 * x)


def lowest(x: float) -> float:
    """The minimum over n: either well, the lower one."""
    ends = [
        optimize.minimize_scalar(lambda n: two_wells(x, n), bounds=side, method="bounded", options={"xatol": 1e-12})
        for side in ((-3.0, 0.0), (0.0, 3.0))
    ]
    return float(min(end.fun for end in ends))


def truth(level: float, minimum: float) -> tuple[float, float]:
    """Where the lower envelope crosses the cut-off, going out from the minimum at 1.8241."""
    q, xs = stats.chi2.ppf(level, 1), np.linspace(-8, 10, 1801)
    above = np.array([lowest(x) for x in xs]) - minimum > q
    center = int(np.searchsorted(xs, 1.8241))
    low = center - int(np.argmax(above[center::-1]))
    high = center + int(np.argmax(above[center:]))
    edge = lambda i: optimize.brentq(lambda x: lowest(x) - minimum - q, xs[i - 1], xs[i], xtol=1e-13)  # noqa: E731
    return edge(low + 1), edge(high)


def build(begin: float) -> pml.Fit:
    with pm.Model() as model:
        x, n = pm.Flat("x", initval=0.0), pm.Flat("n", initval=begin)
        pm.Potential("wells", -0.5 * two_wells(x, n))
    return pml.fit_mle(model, starts=1, progressbar=False)


@pytest.fixture(scope="module")
def expected() -> tuple[float, np.ndarray]:
    best = optimize.minimize(lambda v: two_wells(*v), [1.8, 1.0], tol=1e-14).fun
    return best, np.array([truth(level, best) for level in LEVELS])


@pytest.mark.parametrize("begin", [-1.0, exhaustive(1.0)], ids=["from the higher well", "from the lower well"])
def test_intervals_follow_the_lower_of_two_valleys(expected, begin):
    fit = build(begin)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = pml.confidence_intervals(fit, "x", level=LEVELS, progressbar=False).squeeze()
    np.testing.assert_allclose(found["interval"], expected[1], atol=1e-7)
    np.testing.assert_allclose(found["delta_minus2ll"].T - stats.chi2.ppf(LEVELS, 1), 0, atol=1e-8)
    assert found.attrs["minus2ll"] == pytest.approx(expected[0], abs=1e-9)
    assert bool(said) == (begin < 0)


def test_profiles_go_over_to_the_lower_valley_at_a_corner(expected):
    """At x = 5/6 both wells are as low; read off it, ends are the exact ones but for interpolation."""
    profile = pml.profile_likelihood(build(1.0), "x", level=0.9999, progressbar=False)
    row = profile.squeeze("parameter").dropna("step", subset=["value"])
    heights = [lowest(x) - expected[0] for x in row["value"].values]
    np.testing.assert_allclose(row["delta_minus2ll"], heights, atol=1e-7)
    corner = row.where(row["status"] == "kink", drop=True)
    assert corner.sizes["step"] == 1
    at = float(corner["value"].item())
    np.testing.assert_allclose(at, 5 / 6, atol=1e-6)
    beside = row["slope"].where(abs(row["value"] - at) < 1e-6, drop=True)
    assert beside.sizes["step"] == 2
    assert np.ptp(beside.values) > 1
    read = pml.read_intervals(profile, level=LEVELS).squeeze()
    np.testing.assert_allclose(read["interval"], expected[1], atol=1e-4)


@pytest.mark.exhaustive
def test_labels_that_may_be_exchanged_are_told_by_another_start():
    """Groups of a mixture are known but for their names: at 0.9999 the weight of either is any of both."""
    rng = np.random.default_rng(3)
    y = np.concatenate([rng.normal(-2, 1, 30), rng.normal(2, 1, 50)])
    with pm.Model() as model:
        weight = pm.Uniform("weight", 0, 1)
        mu, sigma = pm.Normal("mu", 0, 5, shape=2, initval=[-1, 1]), pm.HalfNormal("sigma", 3)
        parts = [pm.Normal.dist(mu[0], sigma), pm.Normal.dist(mu[1], sigma)]
        pm.Mixture("y", pt.stack([weight, 1 - weight]), parts, observed=y)
    fit = pml.fit_mle(model, starts=[{}, {"mu": [2.0, -2.0], "weight": 0.6}], progressbar=False)
    found = pml.confidence_intervals(fit, "weight", level=[0.95, 0.9999], progressbar=False)["interval"].squeeze()
    assert float(found[0].max()) < 0.5
    assert float(found[1].sum()) == pytest.approx(1.0, abs=1e-8)
    held = float(found[1, 0])

    def minus2ll(v: np.ndarray) -> float:
        groups = [stats.norm(v[i], np.exp(v[2])).logpdf(y) for i in (0, 1)]
        return -2 * float(np.logaddexp(np.log(held) + groups[0], np.log1p(-held) + groups[1]).sum())

    least = optimize.minimize(minus2ll, [-2.0, 2.0, 0.0], tol=1e-10).fun
    assert least - fit.minus2ll == pytest.approx(stats.chi2.ppf(0.9999, 1), abs=1e-6)
