"""Interval ends from refits to simulated data: percentiles, also where some of the refits have no optimum."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pymc_landscape._typing import Array
from pymc_landscape.inference.profile import Endpoint, Quantity
from pymc_landscape.optimize import Fit, Status


class Percentiles:
    """Ends of intervals of any quantity, from what ``parametric_bootstrap`` returned.

    Refits that failed have no value. What they would have had may lie beyond an end: where they are as many as the
    tail is to hold, there is no end. Refits that ran away count as infinite in whatever is further out than in all
    refits that arrived.

    Parameters
    ----------
    fit : Fit
        What was simulated.
    replicates : Dataset
        The refits.
    """

    def __init__(self, fit: Fit, replicates: xr.Dataset):
        self._values = by_label(fit, replicates)
        status = replicates["status"].to_numpy().ravel()
        self._arrived = np.array([Status(word).is_optimum for word in status])
        self._away = status == Status.UNBOUNDED.value
        self._failed = status == Status.FAILED.value

    def end(self, quantity: Quantity, level: float, side: int) -> Endpoint:
        """Return the lower (0) or upper (1) end of a quantity at one level."""
        tail, n = 0.5 - level / 2, len(self._values)
        if self._failed.mean() >= tail:
            return Endpoint(np.nan, "failed", np.nan, f"{self._failed.sum()} of {n} refits failed")
        drawn, away = self._drawn(quantity)
        value = _quantile(drawn, tail if side == 0 else 1 - tail, side)
        told = [f"{self._failed.sum()} of {n} refits failed"] if self._failed.any() else []
        told += [f"{away} of {n} refits ran away"] if away else []
        on_edge = value == quantity.bounds[side]
        state = "open" if np.isinf(value) else "at_bound" if on_edge else "finite"
        return Endpoint(value, state, np.nan, "; ".join(told))

    def _drawn(self, quantity: Quantity) -> tuple[Array, int]:
        """Return the values that count, and how many of them are infinite."""
        values = self._values @ quantity.weights
        inner = values[self._arrived]
        if len(inner):
            values = np.where(self._away & (values < inner.min()), -np.inf, values)
            values = np.where(self._away & (values > inner.max()), np.inf, values)
        counted = values[~self._failed & ~np.isnan(values)]
        return counted, int(np.isinf(counted).sum())


def _quantile(values: Array, share: float, side: int) -> float:
    """Return a quantile, linear between two values; infinite where one of them is."""
    place = share * (len(values) - 1)
    ordered: NDArray[np.float64] = np.sort(values)
    below, above = float(ordered[int(np.floor(place))]), float(ordered[int(np.ceil(place))])
    if np.isinf(below) or np.isinf(above):
        return below if side == 0 else above
    return below + float(place - np.floor(place)) * (above - below)


def by_label(fit: Fit, drawn: xr.Dataset) -> Array:
    """Return replicates or draws (draws, n) in the order of a quantity's weights."""
    objective = fit.objective
    names = [*(v.name for v in objective.variables), *objective.deterministics]
    columns = [drawn[name].stack(at=("chain", "draw")).transpose("at", ...).to_numpy() for name in names]
    return np.concatenate([column.reshape(len(column), -1) for column in columns], axis=1)
