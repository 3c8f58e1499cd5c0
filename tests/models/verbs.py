"""Verbs as tests call them: without a progress bar."""

import numpy as np
import pymc as pm
import xarray as xr

import pymc_landscape as pml
from pymc_landscape.optimize.stacks import stacked_searches
from pymc_landscape.optimize.stacks.regular_minima import RegularMinima


def fit(model: pm.Model | pml.Objective, **options):
    return pml.fit_mle(model, progressbar=False, **options)


def value(dataset: xr.Dataset, name: str) -> np.ndarray:
    return dataset[name].to_numpy()


def again(fit: pml.Fit, draws: int, random_seed: int = 7, **options):
    return pml.parametric_bootstrap(fit, draws=draws, random_seed=random_seed, progressbar=False, **options)


def one_by_one(monkeypatch):
    """Let no minimum of a stack be beyond doubt: each data set is searched alone."""
    monkeypatch.setattr(RegularMinima, "are_certain", lambda self: np.zeros(len(self.minima.rows), bool))


def interrupted_after(n: int, monkeypatch):
    follow, calls = stacked_searches.search_from_start, []

    def stops(*args):
        calls.append(1)
        if len(calls) > n:
            raise KeyboardInterrupt
        return follow(*args)

    monkeypatch.setattr(stacked_searches, "search_from_start", stops)
    one_by_one(monkeypatch)
