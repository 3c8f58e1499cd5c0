"""A variable without a log density is refused by name, at once; flat priors and what PyMC can derive are not."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from pymc.distributions.distribution import Distribution
from pymc.logprob.abstract import _logprob
from pytensor.tensor.random.op import RandomVariable

import pymc_landscape as pml

# PyMC's own, of pm.Simulator.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
Y = np.random.default_rng(1).normal(1, 1, 20)


class TreesRV(RandomVariable):
    """Drawn by a sampler of its own, as regression trees are; its log density is a dummy."""

    name, dtype, signature, _print_name = "trees", "floatX", "(n)->(n)", ("Trees", "Trees")

    @classmethod
    def rng_fn(cls, rng, x, size=None):
        return np.full(len(x), np.mean(x))


class Trees(Distribution):
    rv_op = TreesRV()

    @classmethod
    def dist(cls, x, **kwargs):
        return super().dist([pt.as_tensor(x)], **kwargs)


@_logprob.register(TreesRV)
def _(op, values, *parameters, **kwargs):
    return pt.zeros_like(values[0])


def draw(rng, a, size=None):
    return rng.normal(a, size=size)


def simulator():
    a = pm.Normal("a")
    pm.Normal("y", a, 1, observed=Y)
    pm.Simulator("strange", draw, a, epsilon=1, observed=Y)


def simulator_as_a_parameter():
    strange = pm.Simulator("strange", draw, pm.Normal("a"), epsilon=1)
    pm.Normal("y", strange, 1, observed=Y)


def sampler_only():
    pm.CustomDist("strange", pm.Normal("a"), random=lambda a, rng=None, size=None: draw(rng, a, size), observed=Y)


def no_closed_form():
    def chi(a, size):
        return pm.Normal.dist(a, 1, size=size) + pm.Normal.dist(a, 1, size=size) ** 2

    pm.CustomDist("strange", pm.Normal("a"), dist=chi, observed=Y)


def truncated_without_a_distribution_function():
    pm.Truncated("strange", pm.VonMises.dist(pm.Normal("a"), 2.0), lower=-3, upper=3, observed=Y / 2)


def trees():
    pm.Normal("y", Trees("strange", Y), pm.HalfNormal("s"), observed=Y)


def potential_that_draws():
    pm.Potential("strange", -((Y - pm.Normal.dist(pm.Normal("a"), 1)) ** 2).sum())


REFUSED = [
    simulator,
    simulator_as_a_parameter,
    sampler_only,
    no_closed_form,
    truncated_without_a_distribution_function,
    trees,
    potential_that_draws,
]


@pytest.mark.parametrize("write", REFUSED, ids=lambda write: write.__name__)
def test_a_variable_without_a_density_is_named(write):
    with pm.Model() as model:
        write()
    with pytest.raises(ValueError, match=r"got strange.*(write its log density|pm\.logp)"):
        pml.Objective(model)


def test_flat_priors_and_what_pymc_derives_have_densities():
    with pm.Model() as model:
        a, flat = pm.Flat("a"), pm.CustomDist("flat", logp=pt.zeros_like)
        scale = pm.Normal("scale")
        pm.CustomDist(
            "derived", a, dist=lambda a, size: pm.math.exp(pm.Normal.dist(a, 1, size=size)), observed=np.exp(Y)
        )
        pm.CustomDist("moved", a, flat, dist=lambda a, b, size: pm.Normal.dist(a, 1, size=size) + b, observed=Y)
        pm.CustomDist("by_hand", a, scale, logp=lambda v, a, s: pm.logp(pm.Normal.dist(a, pt.exp(s)), v), observed=Y)
        pm.Censored("censored", pm.Normal.dist(a, 1), lower=None, upper=1.5, observed=np.minimum(Y, 1.5))
        pm.GaussianRandomWalk("walk", sigma=pt.exp(scale), init_dist=pm.Normal.dist(0, 1), observed=Y)
        pm.Potential("shift", pm.logp(pm.Normal.dist(a, 1), Y))
    assert pml.Objective(model, potentials="likelihood").size == 3


def test_what_no_data_depend_on_needs_no_density():
    with pm.Model() as model:
        rate = pm.Gamma("rate", 5, 5)
        pm.Poisson("weeks", rate, observed=[3, 2, 5])
        pm.Simulator("ahead", lambda rng, rate, size=None: rng.poisson(rate, size=size), rate, epsilon=1)
    assert float(pml.fit_mle(model, progressbar=False).point["rate"]) == pytest.approx(10 / 3, abs=1e-6)
