"""What stands beside the map where the cursor is: fitted values, and how much of −2LL each observation is."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from pymc_landscape._typing import Array
from pymc_landscape.landscape import evaluate_landscape, regular_grid
from pymc_landscape.objective.observations import fitted_values
from pymc_landscape.pages.explorer.encoding import encode_numbers, json_numbers
from pymc_landscape.pages.explorer.explored import ChosenAxis, Modes, Observations

# Points along an axis at which observations are told, of one axis and of two; and how many bars there are at most.
NODES, BARS = (31, 13), 60


def observations_at(axes: Sequence[ChosenAxis], modes: Modes) -> Observations:
    """Evaluate each observation at some points of the map, the other parameters held at the likelihood's estimate."""
    objective, number = modes.objective.with_penalty(None), NODES[len(axes) - 1]  # a penalty is of all observations
    nodes = [_spread(len(axis.values), number) for axis in axes]
    grid = regular_grid({axis.label: axis.values[own] for axis, own in zip(axes, nodes, strict=True)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        surface = evaluate_landscape(objective, grid, at=modes.point(0), pointwise=True, progressbar=False)
    surface = surface.transpose(*(axis.label for axis in axes), ...)
    n_points = int(np.prod([len(own) for own in nodes]))
    minus2ll = {name: -2.0 * surface[name].values.reshape(n_points, -1) for name in objective.terms}
    points = np.stack([_natural(modes, axes, grid, i, nodes) for i in range(n_points)])
    fitted = {term.name: term for term in fitted_values(objective, points)}
    return Observations(
        nodes,
        minus2ll,
        {name: term.fitted for name, term in fitted.items()},
        {name: term.observed for name, term in fitted.items()},
        {name: term.predictor for name, term in fitted.items() if term.predictor is not None},
        {name: term.predictor_name for name, term in fitted.items()},
    )


def _natural(modes: Modes, axes: Sequence[ChosenAxis], grid: xr.Dataset, i: int, nodes: Sequence[Any]) -> Array:
    """Return point i of the nodes as natural values of all parameters; NaN where an axis is an unconstrained one."""
    objective, layout = modes.objective, modes.objective.layout()
    point = layout.join(modes.point(0)).copy()
    place = np.unravel_index(i, [len(own) for own in nodes])
    for axis, k in zip(axes, place, strict=True):
        element = objective.find(axis.label)
        value = np.nan if element.unconstrained else float(grid[axis.label][int(k)])
        point[layout.slices[element.variable.name].start + element.index] = value
    return np.asarray(point)


def _spread(size: int, number: int) -> Any:
    return np.unique(np.linspace(0, size - 1, min(size, number)).round().astype(int))


# --- for the page ----------------------------------------------------------------------------------------------------


def encode_observations(seen: Observations) -> tuple[dict[str, Any], list[str]]:
    """Return the observations as the page reads them, with what is to be said of them."""
    pairs = np.meshgrid(*seen.nodes, indexing="ij")  # one place an entry, the first axis slowest
    nodes = dict(zip(("ix", "iy"), (own.ravel().tolist() for own in pairs), strict=False))
    notes = []
    terms = []
    for name, values in seen.minus2ll.items():
        has_mean = name in seen.fitted and seen.fitted[name].shape == values.shape
        order = np.argsort(seen.predictor[name], kind="stable") if has_mean and name in seen.predictor else None
        groups = _groups(values.shape[1])
        if groups is not None:
            rows = "rows in the order of the predictor" if order is not None else "successive rows"
            notes.append(f"{name}: {values.shape[1]} observations are shown as {len(groups)} groups of {rows}.")
        if not has_mean:
            notes.append(f"{name}: no fitted values, for the mean of its distribution is not known in closed form.")
        terms.append(_term(seen, name, has_mean, order, groups))
    sentence = "Fitted values and parts of −2LL at prior weight 0, the other parameters held at the estimate."
    return {"nodes": nodes, "terms": terms, "sentence": sentence}, notes


def _term(seen: Observations, name: str, has_mean: bool, order: Any, groups: list[Any] | None) -> dict[str, Any]:
    def grouped(values: Array, add: bool = False) -> Array:
        values = values if order is None else values[..., order]
        if groups is None:
            return values
        return np.stack([(values[..., g].sum(-1) if add else values[..., g].mean(-1)) for g in groups], axis=-1)

    predictor = seen.predictor.get(name) if has_mean else None
    return {
        "name": name,
        "x": None if predictor is None else json_numbers(grouped(predictor)),
        "x_label": (seen.predictor_name.get(name) or "predictor") if predictor is not None else "observation",
        "observed": json_numbers(grouped(seen.observed[name])) if has_mean else None,
        "groups": None if groups is None else len(groups),
        "fitted": encode_numbers(grouped(seen.fitted[name])) if has_mean else None,
        "share": encode_numbers(grouped(seen.minus2ll[name], add=True)),
    }


def _groups(size: int) -> list[Any] | None:
    """Return the rows of each bar; None where each observation has a bar of its own."""
    return None if size <= BARS else np.array_split(np.arange(size), BARS)
