"""What a user writes whose own code is checked by mypy: what each verb takes and what it gives back. It is not run."""

from typing import assert_type

import numpy as np
import pandas as pd
import pymc as pm
import xarray as xr
from numpy.typing import NDArray

import pymc_landscape as pml


def objectives(model: pm.Model) -> None:
    objective = pml.Objective(model, latent=["u"], quadrature=7, prior_weight=0.5, backend=None)
    theta = objective.pack({"a": 1.0, "b": np.zeros(3)})
    assert_type(theta, NDArray[np.float64])
    assert_type(objective.minus2ll(theta), NDArray[np.float64])
    assert_type(objective.gradient(theta), NDArray[np.float64])
    assert_type(objective.terms, tuple[str, ...])


def landscapes(model: pm.Model, draws: xr.DataTree) -> None:
    grid = pml.regular_grid({"a": (0, 2, 101), "b[x1]": np.linspace(0, 1, 11)})
    assert_type(grid, xr.Dataset)
    assert_type(pml.posterior_grid(draws, ["a"], model=model, num=31), xr.Dataset)
    assert_type(pml.evaluate_landscape(model, grid, nuisance="profile", progressbar=False), xr.Dataset)
    assert_type(pml.chi2_cutoff(0.95, df=2), float)


def fits(model: pm.Model, draws: xr.DataTree) -> None:
    fit = pml.fit_mle(model, starts=4, random_seed=1)
    assert_type(fit, pml.Fit)
    assert_type(pml.fit_map(), pml.Fit)
    assert_type(fit.point, xr.Dataset)
    assert_type(fit.minus2ll, float)
    assert_type(fit.status.is_optimum, bool)
    assert_type(fit.summary(), pd.DataFrame)
    assert_type(fit.draws(100), xr.Dataset)
    profile = pml.profile_likelihood(fit, "a", level=0.9, store="profile.zarr")
    assert_type(pml.read_intervals(profile), xr.Dataset)
    assert_type(pml.confidence_intervals(fit, {"d": {"a": 1, "b[x1]": -1}}, method=["profile", "wald"]), xr.Dataset)
    assert_type(pml.confidence_contour(fit, ["a", "b"], level=[0.5, 0.9]), xr.Dataset)
    assert_type(pml.parametric_bootstrap(fit, draws=99), xr.Dataset)
    assert_type(pml.compare_with_posterior(fit, draws), xr.Dataset)
    assert_type(pml.descend(model, "adam", steps=10), xr.Dataset)
    assert_type(pml.to_datatree(fit, profile, dt=draws), xr.DataTree)


def tests(null: pml.Fit, alternative: pml.Fit) -> None:
    test = pml.likelihood_ratio_test(null, alternative, reference="bootstrap", draws=99)
    assert_type(test.p_value, float)
    assert_type(test.to_dataset(), xr.Dataset)
    assert_type(pml.compare_models({"small": null, "large": alternative}), pd.DataFrame)
    assert_type(pml.loss_table(null), pd.DataFrame)
