"""Models of ``pymc.dims``: supports, bounds and effects are those of the same model of arrays."""

import numpy as np
import pymc as pm
import pymc.dims as pmd
import pytest
from pymc.logprob.utils import CheckParameterValue
from scipy import stats

import pymc_landscape as pml
from pymc_landscape.model.transforms import bounds

SAME = np.repeat(np.arange(4), 3)


@pytest.mark.parametrize(
    ("prior", "limits"),
    [
        (lambda: pmd.HalfNormal("v", 1), (0.0, np.inf)),
        (lambda: pmd.Beta("v", 1, 1), (0.0, 1.0)),
        (lambda: pmd.Uniform("v", -1, 2), (-1.0, 2.0)),
        (lambda: pmd.Normal("v", 0, 1), None),
    ],
)
def test_supports(prior, limits):
    with pm.Model() as model:
        rv = prior()
    assert bounds(model.rvs_to_transforms[rv], rv.owner.inputs) == limits


def test_bounds_are_reached():
    """None of ten, and a mean beyond its limit: ends of the intervals in closed form."""
    y = np.array([2.1, 3.0, 2.4])
    with pm.Model(coords={"kind": ["none", "some"], "row": range(3)}) as model:
        p, u = pmd.Beta("p", 1, 1, dims="kind"), pmd.Uniform("u", 0, 2)
        pmd.Binomial("k", n=10, p=p, observed=pmd.as_xtensor(np.array([0, 7]), dims=("kind",)))
        pmd.Normal("y", u, 1.0, observed=pmd.as_xtensor(y, dims=("row",)))
    fit = pml.fit_mle(model, starts=1, progressbar=False)
    assert fit.status.value == "at_bound"
    assert fit.point["p"].sel(kind="none").item() == 0.0
    assert fit.point["u"].item() == 2.0
    ends = pml.confidence_intervals(fit, ["p[none]", "u"], progressbar=False)["interval"].squeeze()
    assert ends.sel(parameter="p[none]").to_numpy() == pytest.approx([0, -np.expm1(-pml.chi2_cutoff() / 20)], abs=1e-9)
    lower = y.mean() - np.sqrt((pml.chi2_cutoff() + 3 * (y.mean() - 2) ** 2) / 3)
    assert ends.sel(parameter="u").to_numpy() == pytest.approx([lower, 2.0], abs=1e-8)


@pytest.mark.parametrize("centred", [True, False])
def test_effects_are_integrated_out(centred):
    y = np.random.default_rng(3).normal(1, 1, 12)
    with pm.Model(coords={"group": list("abcd"), "row": range(12)}) as model:
        mu, spread = pmd.Normal("mu", 0, 10), pmd.HalfNormal("spread", 3)
        of_row = pmd.as_xtensor(SAME, dims=("row",))
        if centred:
            mean = pmd.Normal("u", mu, spread, dims="group").isel(group=of_row)
        else:
            mean = mu + spread * pmd.Normal("u", 0, 1, dims="group").isel(group=of_row)
        pmd.Normal("y", mean, 0.8, observed=pmd.as_xtensor(y, dims=("row",)))
    objective = pml.Objective(model, latent="u")
    for spread in (0.0, 1.2):
        cov = 0.64 * np.eye(12) + spread**2 * (SAME[:, None] == SAME)
        got = -2 * objective.natural_log_likelihood({"mu": [0.7], "spread": [spread]})[0]
        assert got == pytest.approx(-2 * stats.multivariate_normal(0.7 * np.ones(12), cov).logpdf(y), abs=1e-8)


def test_a_check_in_a_deterministic_ends_no_interval():
    """A Deterministic that refuses its parameters, as pymc-marketing's adstock does, beside the one asked for."""
    y = np.array([0.1, 0.3, -0.2, 0.2])
    with pm.Model() as model:
        a, b = pm.Normal("a", 0, 1), pm.Normal("b", 0, 1)
        pm.Deterministic("checked", CheckParameterValue("a < 0.95", can_be_replaced_by_ninf=False)(b, a < 0.95))
        pm.Deterministic("mean", a + 0)
        pm.Normal("y", a, 1.0, observed=y)
        pm.Normal("z", b, 1.0, observed=[0.5])
    interval = pml.confidence_intervals(model, "mean", method="profile", level=0.9, progressbar=False)
    reach = stats.norm.ppf(0.95) / 2
    ends = interval["interval"].squeeze().to_numpy()
    assert ends == pytest.approx([y.mean() - reach, y.mean() + reach], abs=1e-6)
