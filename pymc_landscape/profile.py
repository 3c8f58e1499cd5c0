"""Profiles: how far −2LL must rise for each value of one quantity, with all else at its best."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from pymc_landscape.aliases import Array
from pymc_landscape.current import Current, refuse_no_optimum
from pymc_landscape.engine import one_blas_thread
from pymc_landscape.fitted import Fit
from pymc_landscape.progress import Patient
from pymc_landscape.provenance import provenance
from pymc_landscape.quantity import Quantity, find_quantities
from pymc_landscape.spot import Spot
from pymc_landscape.trace import Step, Trace
from pymc_landscape.wilks import cutoff

# Points between the estimate and the cut-off, as lme4 has them.
POINTS = 8
RESTARTS = 3


def profile_likelihood(
    fit: Fit,
    var_names: Any = None,
    *,
    level: float = 0.99,
    progressbar: bool = True,
) -> xr.Dataset:
    """Trace the profile of parameters, Deterministics and linear combinations, out to a confidence level.

    Interval ends of one level alone come exactly, and sooner, from `confidence_intervals`.

    Parameters
    ----------
    fit : Fit
        What `fit_mle` returned; of `fit_map`, the profile is the posterior's.
    var_names : str, sequence of str, or mapping, optional
        As in `confidence_intervals`; left out, every element of every free variable.
    level : float
        How far to go: until Δ(−2LL) exceeds the χ²₁ quantile of this level, on either side.
    progressbar : bool
        Whether to show progress, once there is something to wait for.

    Returns
    -------
    Dataset
        Dims ``parameter``, ``step`` (signed, 0 at the estimate): ``value`` (natural scale), ``delta_minus2ll``,
        ``zeta`` (its signed root), ``slope`` (of Δ by the value, exact), ``status`` (``estimate``, ``converged``,
        ``kink``, ``at_bound``, ``open``, ``failed``; empty where a side has fewer steps), and ``path`` (also by
        ``parameter_bis``): the natural value of every free element on the way. ``estimate`` and ``standard_error`` by
        ``parameter``.

    Raises
    ------
    ValueError
        If the fit has no optimum, a name is not known, or the level is not between 0 and 1.

    Warns
    -----
    UserWarning
        Where a lower optimum was met; it takes the estimate's place, and all profiles are its.

    Notes
    -----
    Steps are equal in ζ. Each is predicted by dν/dψ = −H_νν⁻¹ H_νψ and corrected by a minimisation from there; the
    slope is that of −2LL at the constrained minimum (the envelope theorem).

    Examples
    --------
    >>> import pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     p = pm.Beta("p", 1, 1)
    ...     y = pm.Binomial("y", n=10, p=p, observed=7)
    >>> profile = pml.profile_likelihood(pml.fit_mle(model), "p")
    >>> float(profile["delta_minus2ll"].sel(parameter="p", step=0))
    0.0
    """
    enough = cutoff(level)
    refuse_no_optimum(fit)
    current = Current(fit)
    quantities = find_quantities(fit, var_names)
    for _ in range(RESTARTS + 1):
        rows, lower = _rows(current, quantities, enough, progressbar)
        if lower is None:
            break
        current.take(lower)
    if current.message:
        warnings.warn(current.message, stacklevel=2)
    return _dataset(current, rows, level)


@dataclass(frozen=True)
class _Row:
    """One profile: the estimate, and the steps to either side of it, from it outward."""

    quantity: Quantity
    estimate: Spot
    error: float
    sides: tuple[list[Step], list[Step]]


def _rows(
    current: Current, quantities: Sequence[Quantity], enough: float, progressbar: bool
) -> tuple[list[_Row], Spot | None]:
    rows: list[_Row] = []
    with one_blas_thread(), Patient("Tracing profiles", 2 * len(quantities), progressbar) as patient:
        for quantity in quantities:
            estimate = current.spot(quantity)
            error = current.standard_error(estimate)
            sides: tuple[list[Step], list[Step]] = ([], [])
            for side, steps in zip((-1.0, 1.0), sides, strict=True):
                steps += _side(estimate, side, error, enough)
                patient.advance(1)
                if steps and steps[-1].state == "new_optimum":
                    return rows, steps[-1].spot
            rows.append(_Row(quantity, estimate, error, sides))
    return rows, None


def _side(estimate: Spot, side: float, error: float, enough: float) -> list[Step]:
    """Walk one way; the last step tells why the walk ended, where it did so before the cut-off."""
    edge = estimate.quantity.bounds[int(side > 0)]
    if estimate.natural == edge or np.isinf(error):
        return []
    steps: list[Step] = []
    with np.errstate(all="ignore"):  # far out, anything overflows
        for step in Trace(estimate, side * estimate.sign, float(np.sqrt(enough)) / POINTS).steps(enough):
            if steps and step.spot is steps[-1].spot:
                steps.pop()
            towards_edge = step.state == "open" and np.isfinite(edge)
            steps.append(Step(step.spot, "at_bound") if towards_edge else step)
    return steps


def _dataset(current: Current, rows: Sequence[_Row], level: float) -> xr.Dataset:
    below, above = (max((len(row.sides[k]) for row in rows), default=0) for k in (0, 1))
    steps = np.arange(-below, above + 1)
    labels = [label for v in current.fit.objective.variables for label in v.labels]
    shape = (len(rows), len(steps))
    numbers = {name: np.full(shape, np.nan) for name in ("value", "delta_minus2ll", "zeta", "slope")}
    status, path = np.full(shape, "", dtype="U16"), np.full((*shape, len(labels)), np.nan)
    for i, row in enumerate(rows):
        for n, step in _numbered(row):
            j = n + below
            status[i, j], path[i, j] = step.state, _elements(step.spot)
            for name, number in _numbers(row, step, n).items():
                numbers[name][i, j] = number
    data: dict[str, Any] = {name: (("parameter", "step"), values) for name, values in numbers.items()}
    data |= {"status": (("parameter", "step"), status), "path": (("parameter", "step", "parameter_bis"), path)}
    data |= {"estimate": ("parameter", [row.estimate.natural for row in rows])}
    data |= {"standard_error": ("parameter", [row.error for row in rows])}
    coords = {"parameter": [row.quantity.label for row in rows], "step": steps, "parameter_bis": labels}
    fit = current.fit
    attrs = provenance(
        fit.objective.model.name,
        group="profile",
        kind="map" if fit.is_map else "mle",
        level=level,
        minus2ll=fit.minus2ll,
        message=current.message,
    )
    return xr.Dataset(data, coords, attrs)


def _numbered(row: _Row) -> list[tuple[int, Step]]:
    lower = [(-n - 1, step) for n, step in enumerate(row.sides[0])]
    upper = [(n + 1, step) for n, step in enumerate(row.sides[1])]
    return [*lower, (0, Step(row.estimate, "estimate")), *upper]


def _numbers(row: _Row, step: Step, n: int) -> dict[str, float]:
    rise = max(step.spot.value - row.estimate.value, 0.0) if n else 0.0
    slope = step.spot.natural_slope if n else 0.0
    return {"value": step.spot.natural, "delta_minus2ll": rise, "zeta": np.sign(n) * np.sqrt(rise), "slope": slope}


def _elements(spot: Spot) -> Array:
    point = spot.frame.natural_point(spot.x)
    return np.concatenate([np.ravel(point[v.name]) for v in spot.frame.objective.variables])
