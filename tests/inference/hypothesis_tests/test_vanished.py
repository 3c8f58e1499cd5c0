"""Likelihood ratios where a parameter vanishes under the null: a supremum, found again by other routes."""

from functools import cache

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from scipy import optimize, stats
from selection import slow

import pymc_landscape as pml
from pymc_landscape.inference.hypothesis_tests.likelihood_ratio_fits import RatioSimulator
from pymc_landscape.inference.hypothesis_tests.nested_models import nest
from pymc_landscape.objective.observations import Simulator

BINS = np.arange(30.0)
PLACES = np.linspace(0, 29, 117)
SHAPES = np.exp(-((BINS[:, None] - PLACES) ** 2) / 4)


@cache
def bump() -> pm.Model:
    """A level background, and a peak at an unknown place."""
    counts = np.random.default_rng(4).poisson(20 + 14 * np.exp(-((BINS - 19) ** 2) / 4))
    with pm.Model() as model:
        background, height = pm.Exponential("background", 1 / 20), pm.HalfNormal("height", 20)
        place = pm.Uniform("place", 0, 29)
        pm.Poisson("counts", background + height * pm.math.exp(-((BINS - place) ** 2) / 4), observed=counts)
    return model


def bump_supremum(counts: np.ndarray) -> float:
    """The largest LR over a grid of places, each by the EM algorithm for two positive parts."""
    level = counts.mean()
    background, height = np.full(len(PLACES), 0.98 * level), np.full(len(PLACES), 0.5)
    for _ in range(80):
        ratio = counts[:, None] / (background + height * SHAPES)
        background = background * ratio.sum(0) / len(BINS)
        height = height * (ratio * SHAPES).sum(0) / SHAPES.sum(0)
    mean = background + height * SHAPES
    at_places = 2 * (counts[:, None] * np.log(mean) - mean).sum(0)
    return float(at_places.max() - 2 * (counts * np.log(level) - level).sum())


def both_routes(null: pm.Model, alternative: pm.Model, supremum, n: int) -> tuple[np.ndarray, np.ndarray]:
    fits = [pml.fit_mle(model, progressbar=False) for model in (null, alternative)]
    simulate = RatioSimulator(*fits, nest(*fits))
    with np.errstate(all="ignore"):
        ours = np.array(list(simulate(range(n))))
    data = [next(iter(Simulator(fits[0].objective)(simulate.point, seed).values())) for seed in range(n)]
    return ours, np.array([supremum(values) for values in data])


@pytest.mark.parametrize("n", [12, slow(150)])
def test_a_peak_at_an_unknown_place_reaches_the_supremum(n):
    null = pm.do(bump(), {"height": 0.0, "place": 15.0})
    ours, grid = both_routes(null, bump(), bump_supremum, n)
    assert (ours >= grid - 1e-2).all()
    assert (ours <= grid + 0.2).all()  # between two places of the grid


X = np.linspace(0, 10, 40)


def line_with_a_bump(width: bool = False) -> pm.Model:
    """A level and a bump of either sign, with normal errors; its width may be free too."""
    with pm.Model() as model:
        level, height, place = pm.Normal("level", 0, 5), pm.Normal("height", 0, 5), pm.Uniform("place", 0, 10)
        spread = pm.HalfNormal("spread", 1) if width else 0.5
        shape = pm.math.exp(-((X - place) ** 2) / (2 * spread**2))
        pm.Normal("y", level + height * shape, 1, observed=np.random.default_rng(3).normal(size=40))
    return model


def normal_supremum(y: np.ndarray) -> float:
    """Return the largest share of the sum of squares that a bump explains, over 2,001 places."""
    shapes = np.exp(-((X - np.linspace(0, 10, 2001)[:, None]) ** 2) / 0.5)
    shapes -= shapes.mean(axis=1, keepdims=True)
    return float(((shapes @ (y - y.mean())) ** 2 / (shapes**2).sum(axis=1)).max())


@pytest.mark.parametrize("n", [8, slow(150)])
def test_a_place_that_the_null_leaves_free_is_searched_too(n):
    """The null by pm.do keeps the place, which makes no difference there: the same supremum as without it."""
    ours, grid = both_routes(pm.do(line_with_a_bump(), {"height": 0.0}), line_with_a_bump(), normal_supremum, n)
    assert np.abs(ours - grid).max() < 2e-2  # 0.015 is the largest gap of a hundred


def place_of_change(slope: bool) -> pm.Model:
    """A level that jumps, or a line that bends, at an unknown place."""
    with pm.Model() as model:
        level, change = pm.Normal("level", 0, 5), pm.Normal("change", 0, 5)
        place = pm.Uniform("place", 1, 9)
        mean = level + change * (pm.math.maximum(X - place, 0.0) if slope else place < X)
        pm.Normal("y", mean, 1, observed=np.random.default_rng(5).normal(size=40))
    return model


def change_supremum(slope: bool):
    """Return the least squares gain as a function of the data, over 4,001 places."""
    distance = X - np.linspace(1, 9, 4001)[:, None]
    shapes = np.maximum(distance, 0) if slope else (distance > 0).astype(float)
    shapes -= shapes.mean(axis=1, keepdims=True)
    return lambda y: float(((shapes @ (y - y.mean())) ** 2 / (shapes**2).sum(axis=1)).max())


@pytest.mark.parametrize("n", [6, pytest.param(100, marks=pytest.mark.exhaustive)])
@pytest.mark.parametrize("slope", [False, pytest.param(True, marks=pytest.mark.exhaustive)])
def test_a_change_at_an_unknown_place(slope, n):
    """A step between any two predictors, and a corner, where no derivative is 0."""
    model = place_of_change(slope)
    ours, grid = both_routes(pm.do(model, {"change": 0.0}), model, change_supremum(slope), n)
    assert np.abs(ours - grid).max() < 1e-2


def best_of_em(y: np.ndarray, density, mean, components: int, n_starts: int = 60) -> float:
    """Return the highest log-likelihood of a mixture, by the EM algorithm from many starts."""
    rng = np.random.default_rng(0)
    w, at = rng.dirichlet(np.ones(components), n_starts), rng.choice(y + 1e-3, (n_starts, components))
    at = at * np.exp(0.3 * rng.normal(size=at.shape))
    for _ in range(1000):
        parts = w[:, :, None] * density(y, at[:, :, None])
        share = parts / parts.sum(axis=1, keepdims=True)
        w, at = share.mean(axis=2), mean(share, y)
    return float(np.log(parts.sum(axis=1)).sum(axis=1).max())


def weighted_mean(share: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (share * y).sum(axis=2) / np.maximum(share.sum(axis=2), 1e-300)


@pytest.mark.exhaustive
@pytest.mark.parametrize("family", ["poisson", slow("exponential")])
def test_two_components_against_one(family):
    rng = np.random.default_rng(5)
    y = rng.poisson(4, size=60) if family == "poisson" else rng.exponential(size=60)
    dist = pm.Poisson if family == "poisson" else pm.Exponential
    density = stats.poisson.pmf if family == "poisson" else lambda y, at: stats.expon.pdf(y, scale=at)
    with pm.Model() as one:
        dist("y", pm.HalfNormal("first", 9), observed=y)
    with pm.Model() as two:
        w, first, second = pm.Beta("w", 1, 1), pm.HalfNormal("first", 9), pm.HalfNormal("second", 9)
        pm.Mixture("y", pt.stack([1 - w, w]), [dist.dist(first), dist.dist(second)], observed=y)

    def supremum(y):
        return 2 * (best_of_em(y, density, weighted_mean, 2) - np.log(density(y, y.mean())).sum())

    ours, em = both_routes(one, two, supremum, 25)
    assert (ours >= em - 0.05).all()


@pytest.mark.slow
@pytest.mark.exhaustive
def test_three_normals_against_two():
    rng = np.random.default_rng(5)
    y = np.where(rng.uniform(size=80) < 0.5, -1.7, 1.7) + rng.normal(size=80)

    def normals(components: int) -> pm.Model:
        with pm.Model() as model:
            w = pm.Dirichlet("w", np.ones(components))
            mu = pm.Normal("mu", 0, 5, shape=components, initval=np.linspace(-2, 2, components))
            pm.NormalMixture("y", w, mu, 1.0, observed=y)
        return model

    def supremum(y):
        best = [best_of_em(y, stats.norm.pdf, weighted_mean, components) for components in (3, 2)]
        return 2 * (best[0] - best[1])

    ours, em = both_routes(normals(2), normals(3), supremum, 20)
    assert (ours >= em - 0.05).all()


@pytest.mark.parametrize("width", [False, True])
def test_idle_parameters_of_a_null_are_told_and_do_not_count(width):
    null, model = pm.do(line_with_a_bump(width), {"height": 0.0}), line_with_a_bump(width)
    test = pml.likelihood_ratio_test(null, model, draws=2, random_seed=1, progressbar=False)
    names = ["place", "spread"][: 1 + width]
    assert (test.df, test.reference) == (2 + width, "bootstrap")
    assert f"Under the null {', '.join(names)} makes no difference" in test.message
    assert test.null.n_parameters == 2 + width
    assert "does not count" in test.message


def two_groups(y: np.ndarray) -> float:
    """Twice the gain of two means with one variance each 1 over one mean: the best of many starts, by SciPy."""

    def minus2ll(p):
        w, a, b = 1 / (1 + np.exp(-p[0])), p[1], p[2]
        density = w * stats.norm.pdf(y, a, 1) + (1 - w) * stats.norm.pdf(y, b, 1)
        return -2 * np.log(density).sum()

    starts = [(z, y.mean() - d, y.mean() + e) for z in (-2.5, -1, 0, 1, 2.5) for d in (0.5, 1.5) for e in (0.5, 1.5)]
    best = min(optimize.minimize(minus2ll, start, method="BFGS").fun for start in starts)
    return -2 * stats.norm(y.mean(), 1).logpdf(y).sum() - best


@pytest.mark.slow
@pytest.mark.exhaustive
def test_two_normals_against_one():
    """Components of unit variance (McLachlan 1987): what vanishes is the mean of a component without weight."""
    y = np.random.default_rng(8).normal(size=60)
    with pm.Model() as one:
        mu = pm.Normal("mu", 0, 5)
        pm.Normal("y", mu, 1.0, observed=y)
    with pm.Model() as two:
        w, mu, other = pm.Beta("w", 1, 1), pm.Normal("mu", 0, 5), pm.Normal("other", 0, 5)
        pm.NormalMixture("y", pt.stack([1 - w, w]), pt.stack([mu, other]), 1.0, observed=y)
    ours, scipy = both_routes(one, two, two_groups, 25)
    assert (ours >= scipy - 1e-2).all()
    assert np.abs(ours - scipy).max() < 0.05


@pytest.mark.exhaustive
def test_a_lower_alternative_over_what_vanishes_takes_the_place_of_the_fit():
    """A fit from one start at the wrong place: the observed statistic is the supremum too."""
    null = pml.fit_mle(pm.do(bump(), {"height": 0.0, "place": 15.0}), progressbar=False)
    stuck = pml.fit_mle(bump(), starts=[{"background": 20.0, "height": 1.0, "place": 4.0}], progressbar=False)
    best = pml.fit_mle(bump(), progressbar=False)
    assert stuck.minus2ll > best.minus2ll + 1
    test = pml.likelihood_ratio_test(null, stuck, draws=3, random_seed=1, progressbar=False)
    assert test.statistic == pytest.approx(null.minus2ll - best.minus2ll, abs=1e-6)
    assert "a lower −2LL was found" in test.message


def test_the_error_of_a_simulated_p_is_told():
    with pm.Model() as model:
        pm.Binomial("y", n=10, p=pm.Beta("p", 1, 1), observed=7)
    null = pm.do(model, {"p": 0.5})
    options = {"draws": 60, "random_seed": 1, "progressbar": False}
    test = pml.likelihood_ratio_test(null, model, reference="bootstrap", **options)
    p = test.p_value
    assert test.p_value_error == pytest.approx(np.sqrt(p * (1 - p) / 60))
    assert f"standard error of p is {test.p_value_error:.2g}" in test.message
    assert test.to_dataset()["p_value_error"].item() == test.p_value_error
    assert pml.likelihood_ratio_test(null, model, progressbar=False).p_value_error == 0.0
