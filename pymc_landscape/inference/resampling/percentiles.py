"""Percentile intervals from bootstrap replicates, also where some of the refits have no optimum.

The percentile interval of level 1 − 2α ends at the α and 1 − α quantiles of the replicates (Efron & Tibshirani 1993,
*An Introduction to the Bootstrap*, section 13.3).
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pymc_landscape._typing import Array
from pymc_landscape.inference.profile import Quantity
from pymc_landscape.optimize import Fit, Status


class Percentiles:
    """Interval endpoints of any quantity, from what ``parametric_bootstrap`` returned.

    Refits that failed have no value, and theirs might lie beyond an endpoint: where they are as many as the tail holds,
    there is no endpoint. A refit that ran away has no maximum; a quantity counts as infinite in it if it lies further
    out than in every refit that converged.

    Parameters
    ----------
    fit : Fit
        What was simulated.
    replicates : Dataset
        The refits.
    """

    def __init__(self, fit: Fit, replicates: xr.Dataset):
        self._values = by_label(fit, replicates)
        status = replicates["status"].values.ravel()
        self._converged = np.array([Status(word).is_optimum for word in status])
        self._ran_away = status == Status.UNBOUNDED.value
        self._failed = status == Status.FAILED.value

    def limit(self, quantity: Quantity, level: float, side: int) -> tuple[float, str, str]:
        """Return the lower (0) or upper (1) limit of a quantity at one level, its status, and a remark."""
        tail, n = 0.5 - level / 2, len(self._values)
        if self._failed.mean() >= tail:
            return np.nan, "failed", f"{self._failed.sum()} of {n} refits failed"
        values, n_ran_away = self._counted_values(quantity)
        value = _quantile(values, tail if side == 0 else 1 - tail, side)
        notes = [f"{self._failed.sum()} of {n} refits failed"] if self._failed.any() else []
        notes += [f"{n_ran_away} of {n} refits ran away"] if n_ran_away else []
        at_bound = value == quantity.bounds[side]
        status = "open" if np.isinf(value) else "at_bound" if at_bound else "finite"
        return value, status, "; ".join(notes)

    def _counted_values(self, quantity: Quantity) -> tuple[Array, int]:
        """Return the values that count, and how many of them are infinite."""
        values = self._values @ quantity.weights
        inner = values[self._converged]
        if len(inner):
            values = np.where(self._ran_away & (values < inner.min()), -np.inf, values)
            values = np.where(self._ran_away & (values > inner.max()), np.inf, values)
        counted = values[~self._failed & ~np.isnan(values)]
        return counted, int(np.isinf(counted).sum())


def _quantile(values: Array, share: float, side: int) -> float:
    """Return a quantile, linear between two values; infinite where one of them is."""
    position = share * (len(values) - 1)
    ordered: NDArray[np.float64] = np.sort(values)
    below, above = float(ordered[int(np.floor(position))]), float(ordered[int(np.ceil(position))])
    if np.isinf(below) or np.isinf(above):
        return below if side == 0 else above
    return below + float(position - np.floor(position)) * (above - below)


def by_label(fit: Fit, values: xr.Dataset) -> Array:
    """Return replicates or draws (draws, n) in the order of a quantity's weights."""
    objective = fit.objective
    names = [*(v.name for v in objective.variables), *objective.deterministics]
    columns = [values[name].stack(at=("chain", "draw")).transpose("at", ...).values for name in names]
    return np.concatenate([column.reshape(len(column), -1) for column in columns], axis=1)
