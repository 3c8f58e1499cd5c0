"""Where chains start: around the estimate, as far as it is uncertain, strictly inside the support."""

import numpy as np
import pymc as pm
import pytest
from fixed_effects import dyestuff, dyestuff2
from pymc.distributions.transforms import ordered
from pymc.initial_point import make_initial_point_fns_per_chain
from selection import slow

import pymc_landscape as pml

Y = np.random.default_rng(1).multivariate_normal([0, 1], [[1, 0.5], [0.5, 2]], size=40)
X = np.arange(8.0) - 3.5


# What `groups` has as free variables.
ALL_OF_GROUPS = {"kind", "effect", "w", "tau", "mu", "sigma"}


def normal():
    with pm.Model() as model:
        mu, sigma = pm.Normal("mu", 0, 10), pm.HalfNormal("sigma", 10)
        pm.Normal("y", mu, sigma, observed=Y[:, 0])
    return model


def with_missing():
    with pm.Model() as model:
        mu, sigma = pm.Normal("mu", 0, 10), pm.HalfNormal("sigma", 10)
        pm.Normal("y", mu, sigma, observed=np.ma.masked_invalid([1.0, 2.0, np.nan, 3.5]))
    return model


def covariance():
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 10, shape=2)
        factor, _, _ = pm.LKJCholeskyCov("factor", n=2, eta=1, sd_dist=pm.HalfNormal.dist(3))
        pm.MvNormal("y", mu, chol=factor, observed=Y)
    return model


def shares():
    with pm.Model() as model:
        pm.Multinomial("y", 10, pm.Dirichlet("w", np.ones(3)), observed=[4, 6, 0])
    return model


def cutpoints():
    with pm.Model() as model:
        cuts = pm.Normal("cuts", 0, 3, shape=3, transform=ordered, initval=[-1, 0, 1])
        pm.OrderedLogistic("y", 0, cuts, observed=[0] * 4 + [1] * 6 + [3] * 5)  # none between two of them
    return model


def levels():
    with pm.Model() as model:
        level = pm.Normal("level", 0, 5) + pm.ZeroSumNormal("difference", 3, shape=3)[np.repeat([0, 1, 2], 5)]
        pm.Normal("y", level, 1, observed=Y[:15, 1])
    return model


def limits():
    with pm.Model() as model:
        pm.Normal("y", pm.Uniform("u", 0, 3), pm.Uniform("sigma", 0, 5), observed=[4.0, 6.0, 3.0])
    return model


def separated():
    with pm.Model() as model:
        eta = pm.Normal("a", 0, 10) + pm.Normal("b", 0, 10) * X
        pm.Bernoulli("y", logit_p=eta, observed=X > 0)
    return model


def infinite():
    with pm.Model() as model:
        pm.Normal("y", pm.Normal("mu", 0, 10), pm.HalfNormal("sigma", 10), observed=[1.0, 1.0, 1.0])
    return model


def ridge():
    with pm.Model() as model:
        b = pm.Normal("b", 0, 1, shape=3)
        pm.Normal("y", b[0] + b[1], 1, observed=[4.0, 6.0, 1.0])
    return model


def counts():
    with pm.Model() as model:
        pm.Binomial("y", pm.DiscreteUniform("n", 0, 4) + 4, pm.Beta("p", 2, 2), observed=[3, 4, 2])
    return model


def groups():
    with pm.Model() as model:
        kind = pm.Bernoulli("kind", pm.Beta("w", 2, 2), shape=5)
        effect = pm.Normal("effect", 0, pm.HalfNormal("tau", 2), shape=5)
        mean = pm.Normal("mu", [0, 3], 1, shape=2)[kind] + effect
        pm.Normal(
            "y", mean[np.arange(20) // 4], pm.HalfNormal("sigma", 2), observed=Y[:20, 0] + 3 * (np.arange(20) // 4 % 2)
        )
    return model


def starts_of(model, chains=4, **choices):
    fit = pml.fit_mle(pml.Objective(model, **choices), starts=1, progressbar=False)
    return fit, fit.initvals(chains, random_seed=1)


def heights(model, starts):
    """Return the log posterior density where PyMC puts each chain."""
    log_density = model.compile_logp(jacobian=False)
    functions = make_initial_point_fns_per_chain(model=model, overrides=starts, chains=len(starts))
    return np.array([float(log_density(function(1))) for function in functions])


@pytest.mark.filterwarnings("ignore::pymc.exceptions.ImputationWarning")
@pytest.mark.parametrize(
    ("build", "names", "latent"),
    [
        (with_missing, {"mu", "sigma"}, "auto"),
        (shares, {"w"}, "auto"),
        pytest.param(cutpoints, {"cuts"}, "auto", marks=pytest.mark.exhaustive),
        (limits, {"u", "sigma"}, "auto"),
        (separated, {"a", "b"}, "auto"),
        pytest.param(infinite, {"mu", "sigma"}, "auto", marks=pytest.mark.exhaustive),
        (ridge, {"b"}, "auto"),
        pytest.param(counts, {"n", "p"}, ["n"], marks=pytest.mark.exhaustive),
        slow(covariance, {"mu", "factor"}, "auto"),
        pytest.param(levels, {"level", "difference"}, "auto", marks=pytest.mark.exhaustive),
        pytest.param(
            groups, {"kind", "effect", "w", "tau", "mu", "sigma"}, ["effect", "kind"], marks=pytest.mark.exhaustive
        ),
    ],
)
def test_pymc_has_a_density_at_every_start(build, names, latent):
    model = build()
    _, starts = starts_of(model, latent=latent)
    assert {name for start in starts for name in start} == names
    assert np.isfinite(heights(model, starts)).all()
    assert heights(model, starts).min() > -1e3
    for name in names:
        assert starts[0][name].dtype == model[name].dtype
        assert starts[0][name].shape == tuple(model[name].shape.eval())


def test_starts_have_the_moments_of_the_fit():
    fit, starts = starts_of(normal(), 5_000)
    theta = np.array([[start["mu"], np.log(start["sigma"])] for start in starts])
    n, spread = len(Y), Y[:, 0].std()
    np.testing.assert_allclose(theta.mean(axis=0), [Y[:, 0].mean(), np.log(spread)], atol=8e-3)
    np.testing.assert_allclose(np.cov(theta.T), np.diag([spread**2 / n, 0.5 / n]), atol=1.5e-3)
    [start] = fit.initvals(1, spread=0.0)
    np.testing.assert_allclose([start["mu"], start["sigma"]], [Y[:, 0].mean(), spread], rtol=1e-6)
    for one, other in zip(starts, fit.initvals(3, random_seed=1), strict=False):
        assert one == other


def test_a_ridge_is_spread_as_pymc_does_and_what_is_known_as_its_error_says():
    _, starts = starts_of(ridge(), 2_000)
    b = np.array([start["b"] for start in starts])
    total = b[:, 0] + b[:, 1]
    np.testing.assert_allclose([total.mean(), total.var()], [11 / 3, 1 / 3], atol=0.04)
    np.testing.assert_allclose([np.ptp(b[:, 2]), np.ptp(b[:, 0] - b[:, 1])], [2.0, 2.0 * np.sqrt(2.0)], rtol=0.3)


def test_a_share_of_0_is_moved_to_where_minus2ll_has_risen_by_chi_squared():
    _, starts = starts_of(shares(), 400)
    w = np.array([start["w"] for start in starts])
    assert (w > 0).all()
    np.testing.assert_allclose(w.sum(axis=1), 1.0, atol=1e-12)
    rises = -20.0 * np.log1p(-w[:, 2])  # of the share of 0 alone
    assert 0.1 < np.median(rises) < 0.46  # the median of χ²₁ is 0.455; shares are taken from a ladder below it


def test_effects_and_fixed_effects_start_at_their_conditional_modes():
    fit, starts = starts_of(dyestuff(), 600, restricted="auto")
    [fixed] = fit.objective.restricted
    drawn = np.array([start[fixed] for start in starts])
    np.testing.assert_allclose(drawn.mean(), 1527.5, atol=4.0)  # lme4's fixef
    np.testing.assert_allclose(np.median(np.abs(drawn - 1527.5)), 0.6745 * 19.38, rtol=0.15)  # and its standard error


def test_effects_without_spread_are_close_together():
    model = dyestuff2()
    fit, starts = starts_of(model, 4, restricted="auto")
    assert fit.status == "at_bound"
    assert np.isfinite(heights(model, starts)).all()


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")  # of a step that is too long, before tuning
@pytest.mark.parametrize(("build", "latent"), [(limits, "auto"), slow(groups, ["effect", "kind"])])
def test_pymc_samples_from_there(build, latent):
    with build() as model:
        _, starts = starts_of(model, 2, latent=latent)
        tree = pm.sample(
            draws=5, tune=5, chains=2, cores=1, initvals=starts, progressbar=False, compute_convergence_checks=False
        )
    assert dict(tree["posterior"].sizes)["draw"] == 5


@pytest.mark.parametrize("wrong", [{"chains": 0}, {"spread": -1.0}, {"spread": np.nan}])
def test_what_is_no_number_of_chains_or_spread_is_refused(wrong):
    fit = pml.fit_mle(ridge(), starts=1, progressbar=False)
    with pytest.raises(ValueError, match=r"Expected (chains to be a whole number|spread to be a finite number)"):
        fit.initvals(**wrong)
