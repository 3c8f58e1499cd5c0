"""`compare_models`: information criteria, likelihood ratios and cross-validation of several models in one table.

Criteria and Akaike weights as in Burnham & Anderson 2002, *Model Selection and Multimodel Inference*; leave-one-out
cross-validation of posteriors by ArviZ (Vehtari, Gelman & Gabry 2017, *Statistics and Computing* 27, 1413-1432).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from pymc_landscape._typing import Array, ModelLike, Posterior, RandomSeed
from pymc_landscape.inference.hypothesis_tests import Reference, likelihood_ratio_test, nest, refuse_other_data
from pymc_landscape.objective import SAMPLE_DIMS, Objective, open_group
from pymc_landscape.objective.observations import joint_densities, pointwise_log_likelihood
from pymc_landscape.optimize import Fit, fit_of
from pymc_landscape.results import provenance_attributes

COLUMNS = (
    *("k", "n", "minus2ll", "aic", "aicc", "bic", "delta_aic", "weight_aic", "delta_bic", "weight_bic"),
    *("lr_statistic", "lr_df", "lr_p", "lr_reference", "elpd_loo", "se_loo", "weight_loo", "note"),
)
# Criteria that may disagree, and whether the best has the lowest number.
CRITERIA = {"aic": True, "aicc": True, "bic": True, "elpd_loo": False}
TITLES = {"aic": "AIC", "aicc": "AICc", "bic": "BIC", "elpd_loo": "LOO"}
# The one variable that several observed terms become: LOO is of all of them together.
ALL_TERMS = "all_observed"

type Comparable = Fit | ModelLike | Objective


def compare_models(
    models: Mapping[str, Comparable | tuple[Comparable, Posterior]],
    *,
    reference: Reference = "auto",
    draws: int = 999,
    random_seed: RandomSeed | None = None,
    progressbar: bool = True,
) -> pd.DataFrame:
    """Compare models of the same data in one table, like that of ``az.compare``.

    Criteria answer different questions: AIC, AICc and LOO ask which model would predict best, BIC which one the data
    support most, a likelihood ratio test whether a smaller model could have made the data. The table shows all, and
    its notes say where they disagree.

    Parameters
    ----------
    models : mapping of str to Fit, pm.Model or Objective, or to (one of these, DataTree)
        Maximum likelihood fits by name, each alone or with a posterior of the same model, for LOO; a model is fitted
        first.
    reference : {"auto", "chi2", "chibar2", "bootstrap"}
        As in `likelihood_ratio_test`.
    draws : int
        Data sets simulated for a test that needs the bootstrap.
    random_seed : int or Generator, optional
        For the bootstrap, as in PyMC.
    progressbar : bool
        Whether to show progress, once there is something to wait for.

    Returns
    -------
    DataFrame
        A row a model, the lowest AIC first. ``k``, ``n``, ``minus2ll``; ``aic``, ``aicc``, ``bic``, and for the first
        and the last ``delta_…`` (above the lowest) and ``weight_…`` (Akaike weights, which sum to 1);
        ``lr_statistic``, ``lr_df``, ``lr_p``, ``lr_reference`` of the test against the largest other model that is
        nested in this one; ``elpd_loo``, ``se_loo``, ``weight_loo`` (stacking) of ``az.compare``, NaN without a
        posterior; and ``note``: by which criteria it is the best, what the test was against, and what to beware of.
        ``attrs["message"]`` says in a sentence whether the criteria agree; ``attrs["group"]`` is the name that
        `to_datatree` gives the table.

    Raises
    ------
    ValueError
        If there are no models, one of the fits is a posterior mode or is conditional on random effects, the models are
        not of the same data, or a posterior is not that of its model.

    Notes
    -----
    Weights are exp(−Δ/2) / Σ exp(−Δ/2) (Burnham & Anderson 2002, *Model Selection and Multimodel Inference*, section
    2.9). Criteria compare likelihoods of the same data only: a model of log y has another likelihood than one of y.

    Examples
    --------
    >>> import pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     mu, sigma = pm.Normal("mu", 0, 10), pm.HalfNormal("sigma", 10)
    ...     y = pm.Normal("y", mu, sigma, observed=[0.2, 1.4, 0.9, 1.1, 0.5])
    >>> fits = {"free": pml.fit_mle(model), "zero": pml.fit_mle(pm.do(model, {"mu": 0.0}))}
    >>> table = pml.compare_models(fits)
    >>> table[["k", "minus2ll", "delta_aic", "lr_p"]].round(4)
          k  minus2ll  delta_aic    lr_p
    free  2    5.6596     0.0000  0.0054
    zero  1   13.4003     5.7406     NaN
    """
    entries = [_entry(name, model, progressbar) for name, model in _checked(models).items()]
    _refuse_other_data(entries)
    options = {"reference": reference, "draws": draws, "random_seed": random_seed, "progressbar": progressbar}
    tests = [_test(entry, entries, options) for entry in entries]
    loo = cross_validate({e.name: (e.fit, e.dt) for e in entries if e.dt is not None})
    return _table(entries, tests, loo)


@dataclass(frozen=True)
class _Entry:
    """One model: its fit, and its posterior if there is one."""

    name: str
    fit: Fit
    dt: Posterior | None


@dataclass(frozen=True)
class _Test:
    """One likelihood ratio, and what is to be said of it."""

    statistic: float = np.nan
    df: int = 0
    p_value: float = np.nan
    reference: str = ""
    note: str = ""


# --- what was given --------------------------------------------------------------------------------------------------


def _checked[M](models: Mapping[str, M]) -> Mapping[str, M]:
    if not isinstance(models, Mapping):
        raise TypeError(f"Expected a mapping of names to fits, got {type(models).__name__}: {{'name': fit, …}}.")
    if not models:
        raise ValueError("Expected at least one model, got none.")
    return models


def _entry(name: str, model: Comparable | tuple[Comparable, Posterior], progressbar: bool) -> _Entry:
    fitted, dt = model if isinstance(model, tuple) and len(model) == 2 else (model, None)
    fit = fit_of(fitted, f"compare_models ({name})", prior_weight=0.0, progressbar=progressbar)
    if fit.is_map:
        raise ValueError(f"Expected maximum likelihood fits, got a posterior mode as {name!r}: use fit_mle.")
    if fit.objective.conditional:
        raise ValueError(
            f"Expected models whose random effects are integrated out, got {name!r} with "
            f"{', '.join(fit.objective.conditional)} as parameters: a joint maximum over them is no marginal "
            "likelihood, and no criterion applies to it; use Objective(model, latent='auto')."
        )
    return _Entry(str(name), fit, dt)


def _refuse_other_data(entries: Sequence[_Entry]) -> None:
    first = entries[0]
    for other in entries[1:]:
        refuse_other_data(first.fit, other.fit, (repr(first.name), repr(other.name)))


# --- likelihood ratios -----------------------------------------------------------------------------------------------


def _test(entry: _Entry, entries: Sequence[_Entry], options: Mapping[str, Any]) -> _Test:
    """Test a model against the largest other one that is nested in it."""
    smaller = [e for e in entries if e.fit.n_parameters < entry.fit.n_parameters]
    for null in sorted(smaller, key=lambda e: (-e.fit.n_parameters, e.fit.minus2ll)):
        try:
            nest(null.fit, entry.fit)
        except ValueError:  # not nested: the next smaller one may be
            continue
        return _ratio(null, entry, options)
    return _Test()


def _ratio(null: _Entry, entry: _Entry, options: Mapping[str, Any]) -> _Test:
    try:
        test = likelihood_ratio_test(null.fit, entry.fit, **options)
    except ValueError as error:
        fits = (null.fit, entry.fit)
        statistic = null.fit.minus2ll - entry.fit.minus2ll if all(fit.has_maximum for fit in fits) else np.nan
        df = entry.fit.n_parameters - null.fit.n_parameters
        return _Test(statistic, df, note=f"no LR test against {null.name}: {error}")
    return _Test(test.statistic, test.df, test.p_value, test.reference, f"LR test against {null.name}")


# --- cross-validation ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LooRow:
    """What ``az.compare`` says of one model."""

    elpd: float
    se: float
    weight: float
    note: str = ""


def cross_validate(models: Mapping[str, tuple[Fit, Any]]) -> dict[str, LooRow]:
    """Return elpd, its standard error and the stacking weight of each model that has a posterior.

    Parameters
    ----------
    models : mapping of str to (Fit, DataTree)
        A posterior without the group ``log_likelihood`` gets one from the model.

    Returns
    -------
    dict of str to LooRow
        By name; empty where there are no models.
    """
    if not models:
        return {}
    import arviz

    trees = {name: _one_term(fit, dt) for name, (fit, dt) in models.items()}
    joint = {name: tree.attrs["joint"] for name, tree in trees.items() if tree.attrs["joint"]}
    trees = {name: tree for name, tree in trees.items() if name not in joint}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loos = {name: arviz.loo(tree, pointwise=True) for name, tree in trees.items()}
        weights = _stacking_weights(loos)
    for warning in caught:
        if not issubclass(warning.category, UserWarning):  # its own on Pareto k becomes a note
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    rows = {name: LooRow(float(loo.elpd), float(loo.se), weights[name], _loo_note(loo)) for name, loo in loos.items()}
    none = {name: LooRow(np.nan, np.nan, np.nan, f"LOO: {words}, is no sample") for name, words in joint.items()}
    return rows | none


def _stacking_weights(loos: Mapping[str, Any]) -> dict[str, float]:
    """Return stacking weights; a single model has all of it."""
    if len(loos) <= 1:
        return dict.fromkeys(loos, 1.0)
    import arviz

    table = arviz.compare(dict(loos), round_to="none")
    return {name: float(table.loc[name, "weight"]) for name in loos}


def _loo_note(loo: Any) -> str:
    high = int((np.asarray(loo.pareto_k) > loo.good_k).sum())
    return f"LOO: {high} Pareto k above {loo.good_k:.2f}" if high else ""


def _one_term(fit: Fit, dt: Any) -> xr.DataTree:
    """Return a tree with the log-likelihood of each observation under one name."""
    densities = dt if _has_group(dt) else pointwise_log_likelihood(fit, dt, progressbar=False)
    densities = densities["log_likelihood"].to_dataset()
    draws = densities.sizes["chain"] * densities.sizes["draw"]
    joint = joint_densities(fit.objective, {str(name): v.size // draws for name, v in densities.data_vars.items()})
    if len(densities.data_vars) > 1:
        densities = _joined(densities)
    posterior = open_group(dt, "posterior")  # how many draws are worth
    tree = xr.DataTree.from_dict({"posterior": posterior, "log_likelihood": densities})
    tree.attrs["joint"] = "; ".join(joint.values())
    return tree


def _has_group(dt: Any) -> bool:
    return isinstance(dt, xr.DataTree) and "log_likelihood" in dt.children


def _joined(densities: xr.Dataset) -> xr.Dataset:
    """Lay the observations of all terms side by side."""
    columns = []
    for array in densities.data_vars.values():
        front = array.transpose(*SAMPLE_DIMS, ...)
        columns.append(front.to_numpy().reshape(*front.shape[:2], -1))
    values = (*SAMPLE_DIMS, "observation"), np.concatenate(columns, axis=-1)
    return xr.Dataset({ALL_TERMS: values}, {dim: densities[dim] for dim in SAMPLE_DIMS})


# --- as a table ------------------------------------------------------------------------------------------------------


def _table(entries: Sequence[_Entry], tests: Sequence[_Test], loo: Mapping[str, LooRow]) -> pd.DataFrame:
    rows = [_row(entry, test, loo.get(entry.name)) for entry, test in zip(entries, tests, strict=True)]
    table = pd.DataFrame(rows, index=[entry.name for entry in entries])
    for name in ("aic", "bic"):
        table[f"delta_{name}"] = table[name] - table[name].min()
        table[f"weight_{name}"] = _weights(table[f"delta_{name}"].to_numpy())
    best = {name: _best(table, name) for name in CRITERIA}
    table["note"] = [_note(entry.name, best, notes) for entry, notes in zip(entries, table["note"], strict=True)]
    table = table.astype({"lr_df": "Int64"})[list(COLUMNS)].sort_values("aic", kind="stable", na_position="last")
    table.attrs = provenance_attributes(group="model_comparison", message=_agreement(best))
    return table


def _row(entry: _Entry, test: _Test, loo: LooRow | None) -> dict[str, Any]:
    fit = entry.fit
    notes = [] if fit.status.is_optimum else [f"{fit.status.value}: {fit.message}"]
    notes += [note for note in (test.note, loo.note if loo else "") if note]
    return {
        "k": fit.n_parameters,
        "n": fit.n_observations,
        "minus2ll": fit.minus2ll,
        "aic": fit.aic,
        "aicc": fit.aicc,
        "bic": fit.bic,
        "lr_statistic": test.statistic,
        "lr_df": test.df or pd.NA,
        "lr_p": test.p_value,
        "lr_reference": test.reference,
        "elpd_loo": loo.elpd if loo else np.nan,
        "se_loo": loo.se if loo else np.nan,
        "weight_loo": loo.weight if loo else np.nan,
        "note": notes,
    }


def _weights(delta: Array) -> Array:
    """Return exp(−Δ/2) in shares; NaN stays out."""
    relative = np.exp(-0.5 * delta)
    return np.asarray(relative / np.nansum(relative)) if np.isfinite(delta).any() else np.full(len(delta), np.nan)


def _best(table: pd.DataFrame, criterion: str) -> str:
    """Return the best model by a criterion that at least two have; empty where there is none."""
    known = table[criterion].dropna()
    if len(known) < 2:
        return ""
    return str(known.idxmin() if CRITERIA[criterion] else known.idxmax())


def _note(name: str, best: Mapping[str, str], notes: Sequence[str]) -> str:
    first = [TITLES[criterion] for criterion, winner in best.items() if winner == name]
    return "; ".join([*([f"best by {', '.join(first)}"] if first else []), *notes])


def _agreement(best: Mapping[str, str]) -> str:
    """Say whether criteria agree."""
    winners: dict[str, list[str]] = {}
    for criterion, winner in best.items():
        if winner:
            winners.setdefault(winner, []).append(TITLES[criterion])
    if len(winners) < 2:
        return "".join(f"{', '.join(names)} agree on {winner}." for winner, names in winners.items())
    preferences = [
        f"{', '.join(names)} {'prefers' if len(names) == 1 else 'prefer'} {w}" for w, names in winners.items()
    ]
    return f"The criteria disagree: {'; '.join(preferences)}."
