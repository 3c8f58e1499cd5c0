"""Draws as bambi hands them out, and as its ``pm.Model`` has them.

bambi centres the columns of its predictors, samples the intercept of those, and reports that of the columns as they
were given: the intercept less Σ mean(x) β. It also leaves out the standard normal offsets of group-specific terms. A
likelihood is a function of what the model has, so that both are undone before draws are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

import numpy as np
import xarray as xr

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.objective.holders.model_holders import components

# What bambi writes into the attributes of its groups.
INTERFACE, BAMBI = "modeling_interface", "bambi"


@dataclass(frozen=True)
class BambiTerms:
    """What bambi changes in draws before it hands them out.

    Parameters
    ----------
    means : mapping of str to mapping of str to array
        Of each intercept of centred predictors, the means of the columns (p,) of each common term.
    offsets : mapping of str to (str, str)
        Of each offset, the group-specific term and the standard deviation that it is multiplied by to give it.
    """

    means: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)
    offsets: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def undo(self, draws: xr.Dataset) -> xr.Dataset:
        """Return draws of bambi's as its ``pm.Model`` has them."""
        for name, terms in self.means.items():
            draws = draws.assign({name: draws[name] + sum(_at_means(draws, name, *term) for term in terms.items())})
        lacking = {name: pair for name, pair in self.offsets.items() if name not in draws and set(pair) <= set(draws)}
        return draws.assign({name: draws[term] / draws[spread] for name, (term, spread) in lacking.items()})


def bambi_terms(holder: Any) -> BambiTerms | None:
    """Read off a bambi model what it changes in draws; None of any other object."""
    parts = components(holder)
    if not parts:
        return None
    means, offsets = {}, {}
    for part in parts.values():
        common = getattr(part, "common_terms", None) or {}
        intercept = getattr(part, "intercept_term", None)
        if intercept and common and getattr(holder, "center_predictors", False):
            means[_name(intercept)] = {_name(term): _column_means(term.data) for term in common.values()}
        for term in (getattr(part, "group_specific_terms", None) or {}).values():
            spread = (getattr(term, "hyperprior_alias", None) or {}).get("sigma", "sigma")
            offsets[f"{_name(term)}_offset"] = (_name(term), f"{_name(term)}_{spread}")
    return BambiTerms(means, offsets)


def draws_of_model(draws: xr.Dataset, terms: BambiTerms | None) -> xr.Dataset:
    """Return draws as the ``pm.Model`` has them, whoever made them.

    Raises
    ------
    ValueError
        If they are bambi's, and the objective was not made from a bambi model.
    """
    if draws.attrs.get(INTERFACE) != BAMBI:
        return draws
    if terms is None:
        raise ValueError(
            "Expected draws of the model itself, got bambi's, which moves the intercept to predictors that are not "
            "centred: pass the bambi model, not its pm.Model, or what it was fitted to with pm.sample."
        )
    return terms.undo(draws)


def _at_means(draws: xr.Dataset, intercept: str, term: str, means: Array) -> xr.DataArray:
    own = [dim for dim in draws[term].dims if dim not in draws[intercept].dims]
    return (draws[term] * xr.DataArray(means if own else means[0], dims=own)).sum(own)


def _column_means(data: Any) -> Array:
    columns = np.asarray(data, dtype=float)
    return columns.reshape(len(columns), -1).mean(axis=0)


def _name(term: Any) -> str:
    return str(getattr(term, "alias", None) or term.name)
