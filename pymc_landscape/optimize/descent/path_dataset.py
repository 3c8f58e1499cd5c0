"""Walks as one labelled Dataset: starts are chains, iterations are draws, so that ArviZ reads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from pymc_landscape._typing import Array
from pymc_landscape.objective import Objective
from pymc_landscape.optimize.descent.path import DescentPath, Record
from pymc_landscape.results import array_dataset

# Names that the result has for itself, beside those of the parameters.
OWN_VARIABLES = ("minus2ll", "grad_norm", "step_size")
OWN_COORDS = ("status", "reason", "n_iterations", "n_evaluations", "seconds")
OWN_DIMS = ("chain", "draw", "optimizer", "theta_label")


def refuse_own_names(objective: Objective) -> None:
    """Refuse a model in which a parameter or a dim is called as a part of the result is."""
    own = {*OWN_VARIABLES, *OWN_COORDS, *OWN_DIMS}
    names = [n for v in objective.variables for n in (v.name, *v.dims)]
    for name in names:
        if name in own:
            raise ValueError(
                f"Expected parameters and dims with names of their own, got {name!r}, which names a part of the "
                "result: give it another name in the model."
            )


def path_dataset(
    objective: Objective, paths: Sequence[Sequence[DescentPath]], labels: Sequence[str] | None, whole: bool
) -> xr.Dataset:
    """Label paths.

    Parameters
    ----------
    objective : Objective
        What was descended.
    paths : sequence (chain) of sequences (optimizer) of DescentPath
        All with at least their start.
    labels : sequence of str or None
        Names of the optimizers; None leaves the dim out.
    whole : bool
        Whether the values on the paths are −2 log L of all data.

    Returns
    -------
    Dataset
        Dims ``chain``, ``draw``, and ``optimizer`` where there are labels.
    """
    lined_up = _LinedUp(paths)
    table = _Table(lined_up, labels, objective)
    theta = lined_up.column(lambda record: record.theta)
    value = lined_up.column(lambda record: record.value) if whole else objective.minus2ll(theta)
    slopes = lined_up.column(lambda record: record.grad_norm)
    data = {v.name: table.over_draws(objective_value, v.dims) for v, objective_value in _natural(objective, theta)}
    data |= {
        "minus2ll": table.over_draws(value),
        "grad_norm": table.over_draws(_with_slopes(objective, theta, slopes)),
        "step_size": table.over_draws(np.where(lined_up.ended, 0.0, lined_up.column(lambda record: record.step_size))),
    }
    coords = {
        "chain": np.arange(len(paths)),
        "draw": lined_up.iterations,
        **({} if labels is None else {"optimizer": np.array(labels, dtype=str)}),
        "theta_label": np.array(objective.labels, dtype=str),
        **objective.coords,
        "status": table.over_paths([[path.status for path in chain] for chain in paths]),
        "reason": table.over_paths([[path.reason for path in chain] for chain in paths]),
        "n_iterations": table.over_paths([[path.records[-1].iteration for path in chain] for chain in paths]),
        "n_evaluations": table.over_draws(lined_up.column(lambda record: record.n_evaluations)),
        "seconds": table.over_draws(lined_up.column(lambda record: record.seconds)),
        table.theta_name: table.over_draws(theta, ("theta_label",)),
    }
    return array_dataset(data, coords)


def _natural(objective: Objective, theta: Array) -> list[tuple[Any, Array]]:
    natural = objective.unpack(theta)
    return [(v, natural[v.name]) for v in objective.variables]


def _with_slopes(objective: Objective, theta: Array, slopes: Array) -> Array:
    """Fill in the gradients of a method that needs none, where the model has a gradient."""
    missing = np.isnan(slopes)
    if not missing.any() or not objective.has_gradient:
        return slopes
    filled = slopes.copy()
    filled[missing] = np.linalg.norm(objective.gradient(theta[missing]), axis=-1)
    return filled


class _LinedUp:
    """The records of all paths, one for each iteration that any of them kept.

    Between two records of a path the earlier one stands; behind the last, the last.
    """

    def __init__(self, paths: Sequence[Sequence[DescentPath]]):
        kept = {record.iteration for chain in paths for path in chain for record in path.records}
        self.iterations = np.array(sorted(kept))
        self.records = [[self._at_iterations(path) for path in chain] for chain in paths]
        lengths = np.array([[path.records[-1].iteration for path in chain] for chain in paths])
        self.ended = self.iterations[None, :, None] > lengths[:, None, :]

    def _at_iterations(self, path: DescentPath) -> list[Record]:
        at = np.searchsorted([record.iteration for record in path.records], self.iterations, side="right") - 1
        return [path.records[i] for i in at]

    def column(self, read: Any) -> Array:
        """Return one number or vector of each record: (chain, draw, optimizer, ...)."""
        values = np.array(
            [[[read(record) for record in path] for path in chain] for chain in self.records], dtype=float
        )
        return np.swapaxes(values, 1, 2)


class _Table:
    """Arrays (chain, draw, optimizer, ...) with their dims; without labels the one optimizer goes."""

    def __init__(self, lined_up: _LinedUp, labels: Sequence[str] | None, objective: Objective):
        self.dims = ("chain", "draw") if labels is None else ("chain", "draw", "optimizer")
        self.drop = labels is None
        taken = {name for v in objective.variables for name in (v.name, *v.dims)}
        self.theta_name = "theta_unconstrained" if "theta" in taken else "theta"

    def over_draws(self, values: Array, dims: Sequence[str] = ()) -> tuple[tuple[str, ...], Array]:
        """Label an array (chain, draw, optimizer, *dims)."""
        return (*self.dims, *dims), values[:, :, 0] if self.drop else values

    def over_paths(self, values: Any) -> tuple[tuple[str, ...], Any]:
        """Label a table (chain, optimizer)."""
        table = np.array(values)
        return tuple(d for d in self.dims if d != "draw"), table[:, 0] if self.drop else table
