"""The Dataset of a landscape: what the engine gave, named and shaped, with its coordinates."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

import numpy as np
import xarray as xr
from xarray.indexes import Index

from pymc_landscape._typing import Array
from pymc_landscape.engine import Evaluation
from pymc_landscape.landscape.grid_points import GridPoints
from pymc_landscape.landscape.store import Stretch
from pymc_landscape.objective import (
    LOG_PENALTY,
    LOG_PRIOR,
    Objective,
    Reference,
    RestrictedObjective,
    without_lost_digits,
)
from pymc_landscape.results import (
    OF_LANDSCAPES,
    array_variable,
    assembled_dataset,
    axis_variable,
    labelled_array,
    labelled_axis,
    refuse_reserved_names,
)

# So many of the lowest points are looked at one by one; were all of them rounding, all points are.
MOST_LOST = 32


def surface_dataset(
    objective: Objective,
    points: GridPoints | Stretch,
    result: Evaluation,
    pointwise: bool,
    reference: Reference | None = None,
) -> xr.Dataset:
    """Name and shape the results of the engine; with a `reference`, say where the nuisance parameters are fixed."""
    dims, shape = points.dims, points.shape
    terms = {n: result.values[n] for n in objective.terms}
    sums = {n: v if v.ndim == 1 else v.sum(1) for n, v in terms.items()}
    log_prior = result.values[LOG_PRIOR]
    with np.errstate(invalid="ignore"):  # -inf + inf is NaN, and stays it
        log_likelihood = np.add.reduce(list(sums.values())) if len(sums) > 1 else next(iter(sums.values()))
        log_posterior = log_likelihood + log_prior
        minus2ll = -2.0 * log_likelihood
        variables: dict[str, Any] = {
            "log_likelihood": log_likelihood,
            "log_prior": log_prior,
            "log_posterior": log_posterior,
            "minus2ll": minus2ll,
        }
        if objective.penalty:
            penalty = result.values[LOG_PENALTY]
            variables |= {"log_penalty": penalty, "penalized_minus2ll": minus2ll - 2.0 * penalty}
        height = variables[_height_of(variables)]
        variables["delta_minus2ll"] = height - _floor(height)
    data = {name: array_variable(dims, values.reshape(shape)) for name, values in variables.items()}
    fixed, its_indexes = _fixed_at(objective, reference)
    coords, indexes = {**points.coord_variables, **fixed}, {**points.indexes, **its_indexes}
    surface = assembled_dataset(data, coords, indexes)
    if len(sums) > 1:
        stacked = np.stack(list(sums.values()), axis=-1).reshape(*shape, len(sums))
        surface = surface.assign_coords(term=axis_variable("term", list(sums)))
        surface["term_log_likelihood"] = array_variable((*dims, "term"), stacked)
    return surface.merge(_pointwise(objective, points, terms)) if pointwise else surface


def blanked_lost_digits(surface: xr.Dataset, objective: Objective, points: GridPoints, base: Array) -> xr.Dataset:
    """Put NaN where −2LL is the lowest by rounding alone, far out; usually one point is looked at.

    `base` (k,) gives the elements on no axis.
    """
    height = _height_of(surface.variables)
    values = left = surface.variables[height].values.ravel()
    restricted = RestrictedObjective(objective, objective.names - points.unconstrained)
    lost = list[int]()
    while len(lost) < MOST_LOST:
        if left.size and not np.isfinite(left.min()):
            left = np.where(np.isfinite(left), left, np.inf)
        i = int(np.argmin(left)) if left.size else 0
        if not np.isfinite(left[i : i + 1]).all():
            break
        if not np.isnan(without_lost_digits(restricted, points.rows(base, i, i + 1), values[i : i + 1])[0]):
            break
        lost.append(i)
        left = left.copy()
        left[i] = np.inf
    if not lost:
        return surface
    values = values.copy()
    values[lost] = np.nan
    if len(lost) == MOST_LOST:
        values = without_lost_digits(restricted, points.rows(base, 0, points.total), values)
    is_lost = np.isnan(values) & ~np.isnan(surface[height].values.ravel())
    kept = xr.DataArray(~is_lost.reshape(points.shape), dims=points.dims)
    names = [n for n in ("log_likelihood", "log_posterior", "minus2ll", "penalized_minus2ll") if n in surface]
    surface = surface.assign({name: surface[name].where(kept) for name in names})
    return surface.assign(delta_minus2ll=surface[height] - _floor(surface[height].values))


def _height_of(surface: Container[Any]) -> str:
    """Return which variable `delta_minus2ll` is measured in."""
    return "penalized_minus2ll" if "penalized_minus2ll" in surface else "minus2ll"


def _floor(minus2ll: Array) -> float:
    """Return the lowest finite −2LL; NaN where there is none."""
    if minus2ll.size and np.isfinite(lowest := minus2ll.min()):
        return float(lowest)
    finite = minus2ll[np.isfinite(minus2ll)]
    return float(finite.min()) if finite.size else np.nan


def _pointwise(objective: Objective, points: GridPoints | Stretch, terms: Mapping[str, Array]) -> xr.Dataset:
    """Give each term's values their own dims: those of the observed variable, less the ones summed inside it."""
    arrays = {}
    refuse_reserved_names(terms, OF_LANDSCAPES, "an observed term")
    for name, values in terms.items():
        dims, coords, shape = objective.term_dims(name, int(np.prod(values.shape[1:])))
        arrays[name] = labelled_array(values.reshape(*points.shape, *shape), coords, (*points.dims, *dims))
    return xr.Dataset(arrays)


def reference_coords(objective: Objective, reference: Reference) -> xr.Coordinates:
    """Return where the nuisance parameters are fixed."""
    return xr.Coordinates(*_fixed_at(objective, reference))


def _fixed_at(objective: Objective, reference: Reference | None) -> tuple[dict[str, xr.Variable], dict[str, Index]]:
    """Return the coordinates of where the nuisance parameters are fixed, and their indexes."""
    if reference is None or reference.point is None:
        return {}, {}
    variables = objective.variables
    values = np.concatenate([np.ravel(reference.point[v.name]) for v in variables])
    axis, index = labelled_axis("parameter", tuple([label for v in variables for label in v.labels]))
    return {"parameter": axis, "at": array_variable("parameter", values)}, {"parameter": index}


def with_plane(surface: xr.Dataset, points: GridPoints, grid: xr.Dataset) -> xr.Dataset:
    """Add the centre and the directions of a plane."""
    return surface.assign_coords(grid[["center", "direction"]].variables) if points.is_plane else surface
