"""A log-likelihood that was summed up by hand is taken apart again: outlier flags, against the mixture itself."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from scipy import optimize, stats

import pymc_landscape as pml

N = 16
Y = np.r_[np.random.default_rng(1).normal(0, 1, N - 2), 9.0, -8.0]
AT = {"mu": 0.3, "share": 0.2}


def minus2ll(mu, share, y=Y):
    return -2 * np.log((1 - share) * stats.norm.pdf(y, mu, 1) + share * stats.norm.pdf(y, mu, 10)).sum()


def each(mu, odd, y=Y):
    return pm.math.switch(odd, pm.logp(pm.Normal.dist(mu, 10.0), y), pm.logp(pm.Normal.dist(mu, 1.0), y))


def normal(mu, sigma):
    return pm.logp(pm.Normal.dist(mu, sigma), Y)


def flags(term, shape=N) -> pm.Model:
    with pm.Model() as model:
        mu, share = pm.Normal("mu", 0, 5), pm.Uniform("share", 0, 0.5)
        odd = pm.Bernoulli("odd", share, shape=shape)
        pm.Potential("obs", term(mu, odd))
    return model


def value(model) -> float:
    objective = pml.Objective(model, latent="odd")
    return float(objective.minus2ll(objective.pack(AT)))


SUMS = {
    "sum": lambda mu, odd: each(mu, odd).sum(),
    "two sums": lambda mu, odd: (
        ((1 - odd) * pm.logp(pm.Normal.dist(mu, 1.0), Y)).sum()
        + pm.math.sum(odd * pm.logp(pm.Normal.dist(mu, 10.0), Y))
    ),
    "sum of sums": lambda mu, odd: each(mu, odd).reshape((4, 4)).sum(axis=1).sum(),
    "some axes": lambda mu, odd: each(mu, odd).reshape((2, 8)).sum(axis=1),
    "difference": lambda mu, odd: 5 - (5 - each(mu, odd)[:8].sum() + 2 * (-each(mu, odd)[8:] / 2).sum()),
    "mean": lambda mu, odd: each(mu, odd).mean() * N,
    "scaled by a parameter": lambda mu, odd: (mu / 0.3) * each(mu, odd).sum(),
    "inner product": lambda mu, odd: pt.dot(np.ones(N), each(mu, odd)),
    "loop": lambda mu, odd: sum(each(mu, odd)[i] for i in range(N)),
    "joined": lambda mu, odd: pt.concatenate([each(mu, odd)[:4], each(mu, odd)[4:]]).sum(),
    "repeated": lambda mu, odd: (each(mu, odd)[:, None] + np.zeros(3)).sum() / 3,
    "conditional": lambda mu, odd: pm.math.switch(mu > -5, each(mu, odd).sum(), -np.inf),
}


@pytest.mark.parametrize("form", SUMS)
def test_a_sum_is_taken_apart(form):
    assert value(flags(SUMS[form])) == pytest.approx(minus2ll(**AT), abs=1e-6)


def test_its_fit_and_its_observations_are_those_of_the_mixture():
    best = optimize.minimize(
        lambda q: minus2ll(*q), [0, 0.1], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-9}
    )
    fit = pml.fit_mle(pml.Objective(flags(SUMS["sum"]), latent="odd"), progressbar=False)
    assert fit.status.value == "converged"
    assert fit.minus2ll == pytest.approx(best.fun, abs=1e-6)
    np.testing.assert_allclose([fit.point["mu"], fit.point["share"]], best.x, atol=1e-4)
    mu, share = best.x
    odds = share * stats.norm.pdf(Y, mu, 10) / ((1 - share) * stats.norm.pdf(Y, mu, 1))
    np.testing.assert_allclose(fit.latent["odd_probability"][:, 1], odds / (1 + odds), atol=1e-4)
    assert pml.influence(fit, progressbar=False).sizes["observation"] == N


def test_a_flag_of_several_observations_is_one():
    group = np.repeat(np.arange(4), 4)
    model = flags(lambda mu, odd: each(mu, odd[group]).sum(), shape=4)
    each_group = [stats.norm.logpdf(Y, 0.3, s).reshape(4, 4).sum(axis=1) for s in (1, 10)]
    right = -2 * np.logaddexp(np.log(0.8) + each_group[0], np.log(0.2) + each_group[1]).sum()
    assert value(model) == pytest.approx(right, abs=1e-6)


def test_a_density_written_by_hand_as_one_number():
    with pm.Model() as model:
        mu, share = pm.Normal("mu", 0, 5), pm.Uniform("share", 0, 0.5)
        odd = pm.Bernoulli("odd", share, shape=N)
        pm.CustomDist("y", mu, odd, logp=lambda y, mu, odd: each(mu, odd, y).sum(), signature="(),(n)->(n)", observed=Y)
    assert value(model) == pytest.approx(minus2ll(**AT), abs=1e-6)


def test_what_is_no_sum_is_refused_by_name():
    model = flags(lambda mu, odd: pt.log(pt.prod(pt.exp(each(mu, odd)))))
    with pytest.raises(ValueError, match=r"16 elements of odd that do, in obs, .*give obs as an array"):
        pml.Objective(model, latent="odd")


def test_means_that_are_joined_of_pieces():
    y = np.array([2.0, 1, 2.5, 5.1, 0.1, 0.2, -0.3, 1, 2])
    with pm.Model() as model:
        mu, share = pm.Normal("mu", 0, 5), pm.Uniform("share", 0, 0.5)
        odd = pm.Bernoulli("odd", share, shape=4)
        pm.Normal("y", pt.concatenate([np.full(3, 2.0), mu + 5 * odd, np.ones(2)]), 1, observed=y)
    known = stats.norm.logpdf(np.r_[y[:3], y[7:]], [2, 2, 2, 1, 1]).sum()
    right = known + np.log(0.8 * stats.norm.pdf(y[3:7], 0.3) + 0.2 * stats.norm.pdf(y[3:7], 5.3)).sum()
    assert value(model) == pytest.approx(-2 * right, abs=1e-6)
