"""Ways of optimisers and samplers over the map: descents from a lattice of starts, and the draws of a chain."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from pymc_landscape._typing import Array, RandomSeed
from pymc_landscape.objective import Objective, affordable_evaluations
from pymc_landscape.optimize.descent import descend
from pymc_landscape.pages.explorer.encoding import encode_numbers
from pymc_landscape.pages.explorer.explored import ChosenAxis, Modes, Walks, values_at

OPTIMIZERS = ("sgd", "momentum", "adam", "l-bfgs", "newton")
# Starts along each axis, by how many evaluations a model is worth; how many steps; and how many points of a path are
# kept, the more the nearer to its start.
LATTICES = ((200, 5), (60, 4), (0, 3))
STEPS, KEPT = 150, 48
# Starts lie this share of an axis inside its ends.
INSIDE = 0.06


def walk(axes: Sequence[ChosenAxis], modes: Modes, heights: Array, random_seed: RandomSeed | None) -> Walks:
    """Descend −2LL from a lattice of starts with each optimiser, the other parameters beginning at the estimate.

    Parameters
    ----------
    axes : sequence of ChosenAxis
        The axes.
    modes : Modes
        The modes by weight.
    heights : array (*shape)
        The slice of weight 0: where it is infinite nobody starts.
    random_seed : int or Generator, optional
        As in `descend`.
    """
    objective = modes.objective
    affordable = affordable_evaluations(objective)
    side = next(number for least, number in LATTICES if affordable >= least)
    starts, theta = _lattice(axes, modes, heights, side)
    paths: dict[str, xr.Dataset] = {}
    notes = []
    for name in OPTIMIZERS if len(theta) else ():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                paths[name] = descend(
                    objective, name, starts=theta, steps=STEPS, random_seed=random_seed, progressbar=False
                )
        except (ValueError, NotImplementedError, ArithmeticError) as error:
            notes.append(f"No paths of {name}: {str(error).split(': ')[0]}.")
    return Walks(starts, paths, notes)


def _lattice(axes: Sequence[ChosenAxis], modes: Modes, heights: Array, side: int) -> tuple[Array, Array]:
    """Return starts on the axes (s, a), and as unconstrained vectors (s, k); none where there is no likelihood."""
    shares = np.linspace(INSIDE, 1.0 - INSIDE, side if len(axes) > 1 else 3 * side)
    which = [np.unique((shares * (len(axis.values) - 1)).round().astype(int)) for axis in axes]
    places = np.stack(np.meshgrid(*which, indexing="ij"), axis=-1).reshape(-1, len(axes))
    places = np.array([place for place in places.tolist() if np.isfinite(heights[tuple(place)])]).reshape(-1, len(axes))
    starts = np.stack([axis.values[places[:, j]] for j, axis in enumerate(axes)], axis=1)
    theta = np.stack([_theta(modes, axes, row) for row in starts]) if len(starts) else np.zeros((0, 0))
    inside = np.isfinite(theta).all(axis=1)
    return starts[inside], theta[inside]


def _theta(modes: Modes, axes: Sequence[ChosenAxis], row: Array) -> Array:
    """Return a start as an unconstrained vector; what is held at a bound begins at the model's initial point."""
    objective, point = modes.objective, {name: np.array(value) for name, value in modes.point(0).items()}
    elements = [objective.find(axis.label) for axis in axes]
    for element, value in zip(elements, row, strict=True):
        if not element.unconstrained:
            point[element.variable.name].reshape(-1)[element.index] = value
    theta, initial = objective.pack(point), objective.pack(objective.initial_point())
    slices = objective.layout(objective.names).slices
    natural = [slices[e.variable.name].start + e.index for e in elements if not e.unconstrained]
    theta = np.where(np.isfinite(theta) | np.isin(np.arange(len(theta)), natural), theta, initial)
    for element, value in zip(elements, row, strict=True):
        if element.unconstrained:
            theta[slices[element.variable.name].start + element.index] = value
    return np.asarray(theta)


# --- for the page ----------------------------------------------------------------------------------------------------


def encode_walks(walks: Walks, axes: Sequence[ChosenAxis], objective: Objective, floor: float) -> dict[str, Any]:
    """Return the paths as the page reads them.

    Parameters
    ----------
    walks : Walks
        The paths.
    axes : sequence of ChosenAxis
        The axes.
    objective : Objective
        The likelihood's.
    floor : float
        The lowest −2LL, above which heights are told.
    """
    paths = {
        name: [_encoded(way, axes, objective, floor) for way in _ways(found)] for name, found in walks.paths.items()
    }
    optimizers = [{"name": name, "cost_unit": "evaluations"} for name in paths]
    return {"optimizers": optimizers, "starts": walks.starts.tolist(), "paths": paths}


def _ways(found: xr.Dataset) -> list[dict[str, Array]]:
    """Return what is known of each path as arrays: thousands of points are looked up."""
    by_chain = {str(name): values for name, values in found.variables.items() if "chain" in values.dims}
    arrays = {name: values.transpose("chain", ...).values for name, values in by_chain.items()}
    return [{name: values[i] for name, values in arrays.items()} for i in range(found.sizes["chain"])]


def _encoded(way: dict[str, Array], axes: Sequence[ChosenAxis], objective: Objective, floor: float) -> dict[str, Any]:
    last, labels = int(way["n_iterations"]), [axis.label for axis in axes]
    kept = np.unique(np.geomspace(1, last + 1, KEPT).round().astype(int) - 1)
    points = [{v.name: way[v.name][i] for v in objective.variables} for i in kept]
    on_axes = np.stack([values_at(objective, labels, point) for point in points])
    out: dict[str, Any] = dict(zip(("x", "y"), map(encode_numbers, on_axes.T), strict=False))
    out["delta"] = encode_numbers(np.maximum(way["minus2ll"][kept] - floor, 0.0))
    out["cost"] = way["n_evaluations"][kept].tolist()
    out["converged"], out["message"] = str(way["status"]) == "converged", str(way["reason"])
    return out
