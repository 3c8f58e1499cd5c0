"""What may be a random effect though its prior depends on nothing: what a parameter scales; coefficients are none."""

import logging

import numpy as np
import pymc as pm
import pymc.dims as pmd
import pytensor.tensor as pt
import pytest

import pymc_landscape as pml

RNG = np.random.default_rng(0)
N = 16
X, Y, GROUP = RNG.normal(size=(N, 4)), RNG.normal(size=N), np.arange(N) % 8
BASIS = RNG.normal(size=(N, 6))
RING = np.roll(np.eye(8), 1, axis=0) + np.roll(np.eye(8), -1, axis=0)


def intercepts_beside_coefficients():
    z, beta = pm.Normal("z", shape=8), pm.Normal("beta", shape=4)
    pm.Normal("y", X @ beta + pm.Normal("mu") + pm.HalfNormal("tau") * z[GROUP], pm.HalfNormal("s"), observed=Y)


def slopes_with_a_cholesky_factor():
    chol, _, _ = pm.LKJCholeskyCov("chol", 2, 2, sd_dist=pm.HalfNormal.dist(1))
    b = pm.math.dot(chol, pm.Normal("z", shape=(2, 8))).T
    pm.Normal("y", b[GROUP, 0] + b[GROUP, 1] * X[:, 0], 1, observed=Y)


def smoothed_spline():
    pm.Normal("y", pm.HalfNormal("tau") * (BASIS @ pm.Normal("z", shape=6)), 1, observed=Y)


def horseshoe():
    slopes = pm.Normal("z", shape=4) * pm.HalfCauchy("local", 1, shape=4) * pm.HalfCauchy("tau", 1)
    pm.Normal("y", X @ slopes, pm.HalfNormal("s"), observed=Y)


def gaussian_process():
    cov = pm.HalfNormal("eta") ** 2 * pm.gp.cov.ExpQuad(1, pm.HalfNormal("ell"))
    f = pm.gp.Latent(cov_func=cov).prior("f", X=np.arange(N)[:, None] / 4)
    pm.Poisson("y", pm.math.exp(f), observed=np.full(N, 2))


def scores_of_a_factor_model():
    loadings, scores = pm.Normal("loadings", shape=(4, 2)), pm.Normal("z", shape=(N, 2))
    pm.Normal("y", scores @ loadings.T, pm.HalfNormal("s"), observed=X)


def two_kinds_of_area_effects():
    z, field, share, s = pm.Normal("z", shape=8), pm.ICAR("field", W=RING), pm.Beta("share", 1, 1), pm.HalfNormal("s")
    log_rate = pm.Normal("b") + s * (pm.math.sqrt(1 - share) * z + pm.math.sqrt(share / 0.5) * field)
    pm.Poisson("y", pm.math.exp(log_rate), observed=np.full(8, 3))


def field_of_known_scale():
    pm.Normal("y", pm.Normal("b") + pm.ICAR("field", W=RING)[GROUP], pm.HalfNormal("s"), observed=Y)


def innovations():
    pm.Normal("y", pm.HalfNormal("s") * pt.cumsum(pm.Normal("z", shape=N)), 1, observed=Y)


def named_dims():
    pm.modelcontext(None).add_coords({"g": range(8), "i": range(N)})
    group = pmd.Data("group", GROUP, dims="i")
    effect = pmd.HalfNormal("tau", 1) * pmd.Normal("z", 0, 1, dims="g").isel(g=group)
    pmd.Normal("y", effect, 1, observed=pmd.Data("seen", Y, dims="i"))


def coefficients():
    pm.Normal("y", X @ pm.Normal("beta", shape=4), pm.HalfNormal("s"), observed=Y)


def coefficients_of_a_rate():
    rate = pm.HalfNormal("r") * pm.math.exp((X * pm.Normal("beta", shape=4)).sum(axis=1))
    pm.Poisson("y", rate, observed=np.full(N, 2))


def coefficients_in_a_potential():
    s = pm.HalfNormal("s")
    pm.Potential("y", pm.logp(pm.Normal.dist(X @ pm.Normal("beta", shape=4), s), Y))


def means_of_groups():
    pm.Normal("y", pm.Normal("mean", shape=8)[GROUP], pm.HalfNormal("s"), observed=Y)


RIGHT = {
    intercepts_beside_coefficients: ("z",),
    slopes_with_a_cholesky_factor: ("z",),
    smoothed_spline: ("z",),
    horseshoe: ("z",),
    gaussian_process: ("f_rotated_",),
    scores_of_a_factor_model: ("z",),
    two_kinds_of_area_effects: ("z", "field"),
    field_of_known_scale: ("field",),
    innovations: ("z",),
    named_dims: ("z",),
    coefficients: (),
    coefficients_of_a_rate: (),
    coefficients_in_a_potential: (),
    means_of_groups: (),
}


def model_of(write) -> pm.Model:
    with pm.Model() as model:
        write()
    return model


@pytest.mark.parametrize("write", RIGHT, ids=lambda write: write.__name__)
def test_what_a_parameter_scales_may_be_an_effect(write):
    assert pml.Objective(model_of(write)).perhaps_latent == RIGHT[write]


class GivenUpError(Exception):
    """Raised instead of a search."""


def test_it_is_said_before_the_search_and_can_be_followed(monkeypatch, caplog):
    with pm.Model() as model:
        tau, spread = pm.HalfNormal("tau"), pm.HalfNormal("spread")
        z, u = pm.Normal("z", shape=12), pm.Normal("u", 0, spread, shape=8)
        pm.Normal("y", tau * z[np.arange(N) % 12] + u[GROUP], 1, observed=Y)

    def give_up(*args, **kwargs):
        raise GivenUpError

    monkeypatch.setattr("pymc_landscape.optimize.fit.search_automatically", give_up)
    with caplog.at_level(logging.WARNING, "pymc_landscape"):
        for _ in range(2):
            with pytest.raises(GivenUpError):
                pml.fit_mle(model, progressbar=False)
    [said] = [record.getMessage() for record in caplog.records if "may be random effects" in record.getMessage()]
    assert "z (12 elements)" in said
    assert "latent=['u', 'z']" in said  # u is one already
    assert pml.Objective(model, latent=["u", "z"]).perhaps_latent == ()
