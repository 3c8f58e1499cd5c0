"""Leave-one-out cross-validation of several models, by ArviZ, as columns of a table.

Vehtari, Gelman & Gabry 2017, *Statistics and Computing* 27, 1413-1432. The log-likelihood of an observation is given
all that was drawn. Where random effects were drawn too, it is conditional on them, and what is predicted is another
observation of the same groups; with log-likelihoods of whole groups, the effects integrated out, it is another group
(Merkle, Furr & Rabe-Hesketh 2019, *Psychometrika* 84, 802-829).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from pymc_landscape._dataclasses import dataclass
from pymc_landscape.objective import SAMPLE_DIMS, effect_names
from pymc_landscape.objective.observations import enough_draws, joint_densities, pointwise_log_likelihood
from pymc_landscape.optimize import Fit

# The one variable that several observed terms become: LOO is of all of them together.
ALL_TERMS = "all_observed"


@dataclass(frozen=True)
class LooRow:
    """What ``az.loo`` and ``az.compare`` say of one model.

    Parameters
    ----------
    elpd, se, p : float
        Expected log predictive density, its standard error, and the effective number of parameters.
    difference, difference_se : float
        elpd less that of the best, and the standard error of that.
    weight : float
        By stacking.
    is_conditional : bool
        Whether predictions are given random effects.
    note : str
        What to beware of.
    """

    elpd: float = np.nan
    se: float = np.nan
    p: float = np.nan
    difference: float = np.nan
    difference_se: float = np.nan
    weight: float = np.nan
    is_conditional: bool = False
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

    Raises
    ------
    ValueError
        If log-likelihoods of one model are of rows and those of another of groups.
    """
    if not models:
        return {}
    import arviz

    trees = {name: _one_term(fit, dt) for name, (fit, dt) in models.items()}
    joint = {name: tree.attrs["joint"] for name, tree in trees.items() if tree.attrs["joint"]}
    trees = {name: tree for name, tree in trees.items() if name not in joint}
    _refuse_two_foci(trees)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loos = {name: arviz.loo(tree, pointwise=True) for name, tree in trees.items()}
        compared = _compared(loos)
    for warning in caught:
        if not issubclass(warning.category, UserWarning):  # its own on Pareto k becomes a note
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    rows = {
        name: LooRow(
            *(float(loo.elpd), float(loo.se), float(loo.p), *compared[name]),
            is_conditional=_is_conditional(models[name][0], trees[name]),
            note=_loo_note(loo),
        )
        for name, loo in loos.items()
    }
    none = {name: LooRow(note=f"LOO: {words}, is no sample") for name, words in joint.items()}
    return rows | none


def _compared(loos: Mapping[str, Any]) -> dict[str, tuple[float, float, float]]:
    """Return difference from the best, its standard error, and stacking weight; a single model has all of it."""
    if len(loos) <= 1:
        return dict.fromkeys(loos, (0.0, 0.0, 1.0))
    import arviz

    table = arviz.compare(dict(loos), round_to="none")
    columns = zip(*(table.loc[list(loos), name].astype(float) for name in ("elpd_diff", "dse", "weight")), strict=True)
    return dict(zip(loos, columns, strict=True))


def _loo_note(loo: Any) -> str:
    high = int((np.asarray(loo.pareto_k) > loo.good_k).sum())
    return f"LOO: {high} Pareto k above {loo.good_k:.2f}" if high else ""


def _n_predicted(tree: xr.DataTree) -> int:
    """Return how many log-likelihoods a draw has."""
    values = next(iter(tree["log_likelihood"].data_vars.values()))
    return int(values.size // (values.sizes["chain"] * values.sizes["draw"]))


def _is_conditional(fit: Fit, tree: xr.DataTree) -> bool:
    """Whether log-likelihoods are of observations, given random effects; those of groups are fewer."""
    return bool(effect_names(fit.objective)) and _n_predicted(tree) == fit.n_observations


def _refuse_two_foci(trees: Mapping[str, xr.DataTree]) -> None:
    counts = {name: _n_predicted(tree) for name, tree in trees.items()}
    if len(set(counts.values())) > 1:
        (one, n), (other, m) = sorted(counts.items(), key=lambda item: item[1])[:: max(len(counts) - 1, 1)][:2]
        raise ValueError(
            f"Expected log-likelihoods of the same observations for LOO, got {n} of {one!r} and {m} of {other!r}: a "
            "sum over groups predicts new groups, single rows predict new rows of the same groups; give the group "
            "'log_likelihood' of all models in one way, or leave it out."
        )


def _one_term(fit: Fit, dt: Any) -> xr.DataTree:
    """Return a tree with the log-likelihood of each observation under one name."""
    densities = dt if _has_group(dt) else pointwise_log_likelihood(fit, dt, progressbar=False)
    densities = densities["log_likelihood"].to_dataset()
    draws = densities.sizes["chain"] * densities.sizes["draw"]
    joint = joint_densities(fit.objective, {str(name): v.size // draws for name, v in densities.data_vars.items()})
    if len(densities.data_vars) > 1:
        densities = _joined(densities)
    posterior = enough_draws(dt)  # how many draws are worth
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
        columns.append(front.values.reshape(*front.shape[:2], -1))
    values = (*SAMPLE_DIMS, "observation"), np.concatenate(columns, axis=-1)
    return xr.Dataset({ALL_TERMS: values}, {dim: densities[dim] for dim in SAMPLE_DIMS})
