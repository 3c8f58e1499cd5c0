"""The point at which nuisance parameters, the elements that are on no axis of a grid, are fixed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array, PointLike
from pymc_landscape.arguments import checked_array, wrong_type
from pymc_landscape.model import Layout
from pymc_landscape.objective.draws import SAMPLE_DIMS, Draws
from pymc_landscape.objective.evaluation_noise import minus2ll_with_digits
from pymc_landscape.objective.objective import Objective


@dataclass(frozen=True)
class Reference:
    """A point on the natural scale, or None if nothing is fixed, and in words where it comes from."""

    point: dict[str, Array] | None
    words: str

    def vector(self, objective: Objective, layout: Layout) -> Array:
        """Return the point in the order, and on the scales, of `layout`."""
        if self.point is None:
            return np.zeros(layout.size)
        return objective.vector(self.point, layout.unconstrained)


def reference_point(objective: Objective, grid: xr.Dataset, at: PointLike | None, nuisance: Sequence[str]) -> Reference:
    """Return where the variables `nuisance` are fixed: at `at`, else where the grid says, else at the initial point."""
    if not nuisance:
        return Reference(None, "nothing is held: every parameter is on an axis")
    if at is None:
        return _default(objective, grid)
    asked = _named_values(at, objective)
    names = {n for v in objective.variables for n in (v.name, v.value_name)}
    _refuse_unknown(asked, names, objective)
    _refuse_batch(asked, objective)
    if not hasattr(at, "point"):
        _refuse_outside(asked, objective)
    if all(v.name in asked or v.value_name in asked for v in objective.variables):
        return Reference(objective.complete(_only(asked, names), "at"), "the fit" if hasattr(at, "point") else "given")
    rest = _default(objective, grid)
    on_values = {v.name for v in objective.variables if v.value_name in asked and v.name not in asked}
    kept = {name: value for name, value in (rest.point or {}).items() if name not in on_values}
    point = objective.complete({**kept, **_only(asked, names)}, "at")
    if all(v.name in asked or v.value_name in asked for v in objective.variables if v.name in nuisance):
        return Reference(point, "given")  # what is left out is on axes
    return Reference(point, f"given for {', '.join(asked)}; the others: {rest.words}")


def _default(objective: Objective, grid: xr.Dataset) -> Reference:
    if "best_draw" in grid:
        return Reference(
            _one_point(grid["best_draw"], objective), f"draw of highest likelihood ({grid.attrs['best_draw']})"
        )
    if "at" in grid:
        return Reference(_one_point(grid["at"], objective), str(grid.attrs.get("at", "given with the grid")))
    if "draws" in grid:
        return _likeliest(objective, grid)
    return Reference(objective.initial_point(), "the model's initial point")


def _one_point(labelled: xr.DataArray, objective: Objective) -> dict[str, Array]:
    """Return values labelled by element as named arrays."""
    [labels] = labelled.indexes.values()
    zero, whole = np.zeros(1), np.zeros(len(labels), bool)
    draws = Draws(labelled.values[None], tuple(map(str, labels)), whole, zero, zero)
    return {name: value[0] for name, value in draws.points(objective).items()}


def _likeliest(objective: Objective, grid: xr.Dataset) -> Reference:
    """Evaluate the draws that the grid has kept, and take the best."""
    matrix = grid["draws"].values
    chain, draw = grid["sample_chain"].values, grid["sample_draw"].values
    points = Draws(matrix, _labels(grid), np.zeros(matrix.shape[1], bool), chain, draw).points(objective)
    values = minus2ll_with_digits(objective, points)
    best = int(np.argmin(np.where(np.isnan(values), np.inf, values)))
    words = f"draw of highest likelihood (chain {chain[best]}, draw {draw[best]})"
    return Reference({n: v[best] for n, v in points.items()}, words)


def _labels(grid: xr.Dataset) -> tuple[str, ...]:
    return tuple(map(str, grid["draw_parameter"].values))


def _named_values(at: Any, objective: Objective) -> dict[str, Any]:
    source = getattr(at, "point", at)
    if isinstance(source, xr.DataArray) and source.dims == ("parameter",):  # a landscape's own `at`
        return _one_point(source, objective)
    if isinstance(source, xr.Dataset | xr.DataTree) and set(SAMPLE_DIMS) <= set(source.dims):
        raise ValueError(
            "Expected one point for at, got draws: take one, for example dt.posterior.mean(('chain', 'draw'))."
        )
    if not isinstance(source, Mapping):
        raise wrong_type("a point for at (a mapping or a Dataset)", at, "give values by name, or a Fit")
    items = source.data_vars.items() if isinstance(source, xr.Dataset) else source.items()
    return {str(name): value for name, value in items}


def _refuse_batch(asked: Mapping[str, Any], objective: Objective) -> None:
    for v in objective.variables:
        shape = np.shape(asked.get(v.name, np.zeros(v.shape)))
        if len(shape) > len(v.shape):
            raise ValueError(f"Expected {v.name} of shape {v.shape}, got {shape}: at is one point, give it so.")


def _refuse_outside(asked: Mapping[str, Any], objective: Objective) -> None:
    """Refuse numbers at which no density is: infinite ones, and those beyond a constant limit of the support."""
    for v in objective.variables:
        if v.name in asked and not isinstance(asked[v.name], xr.DataArray):
            values = checked_array(f"{v.name} in at", asked[v.name])
            if values.shape != v.shape or np.isnan(values).any():  # refused elsewhere
                continue
            outside = ~np.isfinite(values.ravel()) | (values.ravel() < v.low) | (values.ravel() > v.high)
            if outside.any():
                i = int(np.argmax(outside))
                raise ValueError(
                    f"Expected at inside the support, got {values.ravel()[i]:g} for {v.labels[i]}: its limits are "
                    "{:g} and {:g}.".format(*v.limits(i))
                )


def _only(asked: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    return {n: v for n, v in asked.items() if n in names}


def _refuse_unknown(asked: Mapping[str, Any], names: set[str], objective: Objective) -> None:
    computed = {d.name for d in objective.model.deterministics}.union(objective.latent, objective.restricted)
    for name in asked:
        if name not in names and name not in computed:
            objective.find(name, "at")  # says what the model has
            raise ValueError(f"Expected whole variables in at, got the element {name!r}: give the array it is part of.")
