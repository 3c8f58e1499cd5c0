"""What the tests of arguments call verbs with: a small model, its fit, draws, and results of verbs, each made once."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pymc as pm
import xarray as xr

import pymc_landscape as pml

Y = np.array([2.1, 1.4, 2.9, 2.2, 1.6, 2.7, 3.1, 2.4])
X = np.linspace(0.0, 1.0, 8)
QUIET: dict[str, Any] = {"progressbar": False}


def _model() -> pm.Model:
    with pm.Model(coords={"e": ["a", "b"]}) as model:
        b, s = pm.Normal("b", 0, 10, dims="e"), pm.HalfNormal("s", 5)
        pm.Normal("y", b[0] + b[1] * X, s, observed=Y)
    return model


def _effects() -> pm.Model:
    with pm.Model() as model:
        effect = pm.Normal("effect", pm.Normal("mu", 0, 10), 1.0, shape=3)
        pm.Normal("y", effect, 0.5, observed=Y[:3])
    return model


def _no_data() -> pm.Model:
    with pm.Model() as model:
        pm.Normal("mu")
    return model


def _other() -> pm.Model:
    with pm.Model() as model:
        pm.Normal("z", pm.Normal("mu", 0, 10), 1.0, observed=Y)
    return model


def _draws(**changed: Any) -> xr.DataTree:
    rng = np.random.default_rng(1)
    b, s = rng.normal(2, 0.5, (2, 40, 2)), np.exp(rng.normal(0, 0.2, (2, 40)))
    data = {"b": (("chain", "draw", "e"), b), "s": (("chain", "draw"), s)} | changed
    data = {name: values for name, values in data.items() if values is not None}
    return xr.DataTree.from_dict({"posterior": xr.Dataset(data, coords={"e": ["a", "b"]})})


def _nan() -> xr.DataTree:
    s = np.ones((2, 40))
    s[1, 3] = np.nan
    return _draws(s=(("chain", "draw"), s))


# By name, how each is made; what begins with a verb's name is what it returns.
MADE = {
    "model": _model,
    "null": lambda: pm.do(stock("model"), {"b": np.zeros(2)}),
    "effects": _effects,
    "no_data": _no_data,
    "other": _other,
    "objective": lambda: pml.Objective(stock("model")),
    "fit": lambda: pml.fit_mle(stock("model"), **QUIET),
    "fit_of_null": lambda: pml.fit_mle(stock("null"), **QUIET),
    "fit_of_effects": lambda: pml.fit_mle(stock("effects"), **QUIET),
    "dt": _draws,
    "dt_lacking": lambda: _draws(s=None),
    "dt_of_other_shape": lambda: _draws(b=(("chain", "draw", "e"), np.ones((2, 40, 2)))).isel(e=[0]),
    "dt_without_group": lambda: xr.DataTree.from_dict({"prior": stock("dt")["posterior"].to_dataset()}),
    "dt_with_nan": _nan,
    "grid": lambda: pml.regular_grid({"s": (0.5, 2, 3)}),
    "landscape": lambda: pml.evaluate_landscape(
        stock("model"), {"b[a]": (1, 3, 4), "b[b]": (-1, 1, 4)}, at=stock("fit"), **QUIET
    ),
    "intervals": lambda: pml.confidence_intervals(stock("fit"), method="wald", **QUIET),
    "profile": lambda: pml.profile_likelihood(stock("fit"), "s", level=0.7, **QUIET),
    "contour": lambda: pml.confidence_contour(stock("fit"), "b", method="wald", num=8, **QUIET),
    "descent": lambda: pml.descend(stock("model"), "gradient_descent", steps=2, random_seed=1, **QUIET),
    "critical": lambda: pml.critical_points(stock("fit"), starts=1, random_seed=1, **QUIET),
    "spectrum": lambda: pml.hessian_spectrum(stock("fit")),
    "influence": lambda: pml.influence(stock("fit"), "s", **QUIET),
    "comparison": lambda: pml.compare_with_posterior(stock("fit"), stock("dt"), random_seed=1, **QUIET),
    "deviance": lambda: pml.posterior_deviance(stock("fit"), stock("dt"), **QUIET),
    "curves": lambda: pml.four_curves(stock("fit"), stock("dt"), "s", num=11, random_seed=1, **QUIET),
    "report": lambda: pml.report(stock("fit"), sections=["fit"], **QUIET),
    "explorer": lambda: pml.Explorer({}, {}),
    "object": object,
}


@cache
def stock(name: str) -> Any:
    """Return what is called so; made when it is first asked for."""
    return MADE[name]()


class Stock(str):
    """A name in a table of arguments that stands for what `stock` returns."""


def taken(value: Any) -> Any:
    """Return a value of a table with what names stand for in it."""
    if isinstance(value, Stock):
        return stock(str(value))
    if type(value) in (list, tuple):
        return type(value)(map(taken, value))
    if type(value) is dict:
        return {name: taken(one) for name, one in value.items()}
    return value
