"""Which optimiser was there first: evaluations and seconds to come close to the minimum."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from pymc_landscape.arguments import wrong_type
from pymc_landscape.optimize import Fit
from pymc_landscape.optimize.descent.optimization_paths import lowest_of
from pymc_landscape.results import provenance_attributes

# Heights above the minimum, in units of −2LL: no test could tell it from the minimum; no digit of a table could.
LEVELS = {"0.01": 1e-2, "1e-6": 1e-6}


def descent_race(path: xr.Dataset, minimum: float | Fit | None = None) -> pd.DataFrame:
    """Compare optimisers that began at the same starts.

    Parameters
    ----------
    path : Dataset
        What `descend` returned.
    minimum : float or Fit, optional
        The lowest −2LL. Left out: that given to `descend`, else the lowest value on any path, with which the winner
        of a race in which nobody arrived looks better than it is.

    Returns
    -------
    DataFrame
        A row an optimizer (the index) and a start, in the order of the path: ``chain``; ``evaluations_to_0.01`` and
        ``seconds_to_0.01``, ``evaluations_to_1e-6`` and ``seconds_to_1e-6``, the cost up to the first recorded
        iteration that is so close to the minimum (NaN where none is); ``final_delta_minus2ll``; ``n_iterations``;
        ``status``.

    Raises
    ------
    TypeError
        If `path` is no descent.

    Notes
    -----
    Seconds leave the compiling before the first step out, but not that of a kernel on the way: evaluations are the
    fairer measure.

    Examples
    --------
    >>> import pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     p = pm.Beta("p", 1, 1)
    ...     y = pm.Binomial("y", n=10, p=p, observed=2)
    >>> path = pml.descend(model, ["newton", "gradient_descent"], progressbar=False)
    >>> pml.descent_race(path)["status"].to_dict()
    {'newton': 'converged', 'gradient_descent': 'converged'}
    """
    if not isinstance(path, xr.Dataset) or "n_evaluations" not in path.coords:
        raise wrong_type("what descend returned as path", path, "pass its Dataset")
    if "optimizer" not in path.dims:
        path = path.expand_dims(optimizer=[path.attrs.get("optimizer", "")])
    height = _heights(path, minimum)
    rows = [
        _row(path.isel(chain=i, optimizer=j), height.isel(chain=i, optimizer=j))
        for j in range(path.sizes["optimizer"])
        for i in range(path.sizes["chain"])
    ]
    table = pd.DataFrame(rows).set_index("optimizer")
    table.attrs = provenance_attributes(str(path.attrs.get("model_name", "")), group="descent_race")
    return table


def _heights(path: xr.Dataset, minimum: float | Fit | None) -> xr.DataArray:
    finite = path["minus2ll"].values[np.isfinite(path["minus2ll"].values)]
    known = path.attrs.get("minimum") if minimum is None else minimum
    lowest = lowest_of(known) if known is not None else finite.min(initial=np.inf)
    return path["minus2ll"] - lowest


def _row(one: xr.Dataset, height: xr.DataArray) -> dict[str, Any]:
    row: dict[str, Any] = {"optimizer": one["optimizer"].item(), "chain": one["chain"].item()}
    for name, level in LEVELS.items():
        row[f"evaluations_to_{name}"] = _first(one, "n_evaluations", height.values < level)
        row[f"seconds_to_{name}"] = _first(one, "seconds", height.values < level)
    row["final_delta_minus2ll"] = float(height[-1])
    row["n_iterations"] = int(one["n_iterations"])
    row["status"] = str(one["status"].item())
    return row


def _first(one: xr.Dataset, cost: str, there: NDArray[np.bool_]) -> float:
    at = int(np.argmax(there))
    return float(np.broadcast_to(one[cost].values, there.shape)[at]) if there[at] else np.nan
