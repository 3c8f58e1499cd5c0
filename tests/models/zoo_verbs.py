"""Every public verb as it is asked of a case of the zoo: a small question, its answer checked by a second route."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pymc as pm
import xarray as xr
from oracle import Oracle
from posteriors import tree
from scipy import stats
from zoo_cases import Case

import pymc_landscape as pml

QUIET: dict[str, Any] = {"progressbar": False}
SEED = 20260
Q95 = stats.chi2.ppf(0.95, 1)


class Asked:
    """A case whose model, fit, null and draws are made once, whichever verb asks first."""

    def __init__(self, case: Case, folder: Path) -> None:
        self.case, self.folder = case, folder

    @cached_property
    def model(self) -> pm.Model:
        return self.case.build()

    @cached_property
    def objective(self) -> pml.Objective:
        return pml.Objective(self.model, **self.case.options)

    @cached_property
    def fit(self) -> pml.Fit:
        return pml.fit_mle(self.objective, random_seed=SEED, **QUIET)

    @cached_property
    def labels(self) -> list[str]:
        """The first labels on the natural scale, two at most."""
        return [label for v in self.objective.variables for label in v.labels][:2]

    @cached_property
    def null(self) -> pml.Objective | pm.Model:
        fixed = self.case.fixed
        if fixed is None:
            variable = self.objective.variables[0].name
            value = self.objective.initial_point()[variable]
            fixed = {variable: np.asarray(value, dtype=self.model[variable].dtype)}
        initial = dict(self.model.rvs_to_initial_values)
        self.model.rvs_to_initial_values.update(dict.fromkeys(initial))  # pm.do refuses a model that has some
        null = pm.do(self.model, fixed)
        for rv, value in initial.items():
            self.model.rvs_to_initial_values[rv] = value
            if rv.name not in fixed:
                null.rvs_to_initial_values[null[rv.name]] = value
        null.check_bounds = self.model.check_bounds
        return pml.Objective(null, **self.case.options) if null.free_RVs else null

    @cached_property
    def draws(self) -> xr.DataTree:
        """Places inside the support around the estimate, as a posterior would have them."""
        places = self.fit.initvals(40, random_seed=SEED)
        stacked = {name: np.stack([place[name] for place in places]) for name in places[0]}
        return tree(**{name: each.reshape(2, 20, *each.shape[1:]) for name, each in stacked.items()})


def fit_mle(asked: Asked) -> None:
    """The value is that of densities written out by hand, and of PyMC's own."""
    fit = asked.fit
    assert np.isfinite(fit.minus2ll)
    assert len(fit.summary()) > 0
    inside = {v.name: fit.point[v.name].to_numpy() for v in fit.objective.variables}
    if fit.status.is_optimum and asked.case.by_hand is not None:
        np.testing.assert_allclose(-2 * np.sum(asked.case.by_hand(inside)), fit.minus2ll, rtol=1e-9)


def fit_map(asked: Asked) -> None:
    fit = pml.fit_map(asked.objective, random_seed=SEED, **QUIET)
    assert fit.status.is_optimum, (fit.status.value, fit.message)


def landscape(asked: Asked) -> xr.Dataset:
    grid = pml.fit_grid(asked.fit, asked.labels[:1], num=5)
    found = pml.evaluate_landscape(asked.fit, grid, **QUIET)
    low = found["minus2ll"].where(~at_limit(asked, found), np.inf)
    assert (low > asked.fit.minus2ll - 1e-6).all(), low.values - asked.fit.minus2ll
    return found


def at_limit(asked: Asked, found: xr.Dataset) -> xr.DataArray:
    """Where a grid is on an edge of the support and −2LL has no number, which is warned of: a singular scale matrix."""
    element = asked.objective.find(asked.labels[0])
    low, high = (-np.inf, np.inf) if element.unconstrained else element.variable.limits(element.index)
    axis = found[asked.labels[0]]
    return ((axis == low) | (axis == high)) & np.isnan(found["minus2ll"])


def profile_landscape(asked: Asked) -> xr.Dataset:
    grid = pml.fit_grid(asked.fit, asked.labels[:1], num=5)
    found = pml.evaluate_landscape(asked.fit, grid, nuisance="profile", **QUIET)
    low = found["minus2ll"].where(~at_limit(asked, found), np.inf).to_numpy()
    assert not np.isnan(low).any(), low
    assert (low >= asked.fit.minus2ll - 1e-6).all(), low - asked.fit.minus2ll
    return found


def intervals(asked: Asked) -> xr.Dataset:
    found = pml.confidence_intervals(asked.fit, asked.labels, method=["wald", "profile"], **QUIET)
    profile = found.sel(interval_method="profile")
    status = profile["status"].to_numpy()
    if (status == "failed").any():  # an end that is NaN, with a message, is a refusal as well
        raise ValueError(
            f"The end of an interval is not known, and {profile['message'].to_numpy()[status == 'failed'][0]}"
        )
    assert np.isin(status, ["finite", "at_bound", "open"]).all(), (status, profile["interval"].to_numpy())
    finite = status == "finite"
    np.testing.assert_allclose(profile["delta_minus2ll"].to_numpy()[finite], Q95, atol=1e-4)
    assert not np.isnan(profile["interval"].to_numpy()).any()
    return found


def profile_likelihood(asked: Asked) -> xr.Dataset:
    found = pml.profile_likelihood(asked.fit, asked.labels[:1], level=0.9, **QUIET)
    delta = found["delta_minus2ll"].to_numpy()
    assert np.nanmin(delta) >= -1e-6, np.nanmin(delta)
    return found


def confidence_contour(asked: Asked) -> xr.Dataset:
    found = pml.confidence_contour(asked.fit, asked.labels, level=0.68, num=8, **QUIET)
    # what is not there says so
    assert (np.isfinite(found[asked.labels[0]]) | (found["status"] != "finite")).all()
    return found


def likelihood_ratio_test(asked: Asked) -> None:
    test = pml.likelihood_ratio_test(asked.null, asked.fit, random_seed=SEED, draws=9, **QUIET)
    assert test.statistic >= 0
    assert 0 <= test.p_value <= 1


def score_test(asked: Asked) -> None:
    test = pml.score_test(asked.null, asked.fit, random_seed=SEED, draws=9, **QUIET)
    assert test.statistic >= 0
    assert 0 <= test.p_value <= 1


def wald_test(asked: Asked) -> None:
    test = pml.wald_test(asked.null, asked.fit, random_seed=SEED, draws=9, **QUIET)
    assert test.statistic >= 0
    assert 0 <= test.p_value <= 1


def parametric_bootstrap(asked: Asked) -> xr.Dataset:
    return pml.parametric_bootstrap(asked.fit, draws=3, random_seed=SEED, **QUIET)


def influence(asked: Asked) -> xr.Dataset:
    return pml.influence(asked.fit, **QUIET)


def hessian_spectrum(asked: Asked) -> xr.Dataset:
    return pml.hessian_spectrum(asked.fit)


def descend(asked: Asked) -> xr.Dataset:
    found = pml.descend(asked.objective, "adam", steps=5, random_seed=SEED, **QUIET)
    assert np.isfinite(found["minus2ll"].to_numpy()).any()
    return found


def loss_table(asked: Asked) -> None:
    table = pml.loss_table(asked.fit)
    total = float((table["a"] * table["value"] + table["b"]).sum())
    if asked.objective.latent == () or not asked.objective.latent:
        np.testing.assert_allclose(total, asked.fit.minus2ll, rtol=1e-6, atol=1e-6)


def posterior_deviance(asked: Asked) -> xr.Dataset:
    found = pml.posterior_deviance(asked.fit, asked.draws, **QUIET)
    assert np.nanmin(found["delta_minus2ll"].to_numpy()) > -1e-6
    return found


def compare_with_posterior(asked: Asked) -> xr.Dataset:
    return pml.compare_with_posterior(asked.fit, asked.draws, var_names=asked.labels[:1], random_seed=SEED, **QUIET)


def pointwise_log_likelihood(asked: Asked) -> None:
    found = pml.pointwise_log_likelihood(asked.objective, asked.draws, **QUIET)["log_likelihood"]
    oracle = Oracle(asked.model)
    posterior = asked.draws["posterior"]
    point = {v.name: posterior[v.name].to_numpy()[1, 3] for v in asked.model.free_RVs}
    truth, _ = oracle(point)
    for term, wanted in truth.items():
        np.testing.assert_allclose(found[term].to_numpy()[1, 3], wanted, rtol=1e-6, atol=1e-8)


def to_datatree(asked: Asked) -> None:
    """What came of a fit and of a landscape is the same again from a file."""
    whole = pml.to_datatree(asked.fit, landscape(asked))
    file = asked.folder / "results.nc"
    whole.to_netcdf(file)
    with xr.open_datatree(file) as again:
        for group in whole.children:
            xr.testing.assert_equal(again[group].to_dataset().load(), whole[group].to_dataset())


def fit_draws(asked: Asked) -> None:
    drawn = asked.fit.draws(5, random_seed=SEED)
    assert all(np.isfinite(v.to_numpy()).all() for v in drawn.data_vars.values())


def told(error: Exception) -> str:
    """Return the sentence of a refusal without the numbers and names of the case: what stands in the table."""
    words = re.sub(r"[(][^()]*[)]|'[^']*'", "…", str(error).split(":")[0].split("; ")[0])
    return re.sub(r"[-−]?[0-9][0-9.e+-]*", "…", words)[:150]


VERBS: dict[str, Callable[[Asked], Any]] = {
    verb.__name__: verb
    for verb in (
        fit_mle,
        fit_map,
        landscape,
        profile_landscape,
        intervals,
        profile_likelihood,
        confidence_contour,
        likelihood_ratio_test,
        score_test,
        wald_test,
        parametric_bootstrap,
        influence,
        hessian_spectrum,
        descend,
        loss_table,
        fit_draws,
        posterior_deviance,
        compare_with_posterior,
        pointwise_log_likelihood,
        to_datatree,
    )
}
