"""Posterior draws as one labelled matrix: a row a draw, a column an element of a parameter."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pymc_landscape.aliases import Array
from pymc_landscape.layout import closest, element_labels

if TYPE_CHECKING:
    from pymc_landscape.objective import Objective

SAMPLE_DIMS = ("chain", "draw")


@dataclass(frozen=True)
class Draws:
    """Draws of several variables.

    Parameters
    ----------
    matrix : array (S, k)
        The draws on the natural scale.
    labels : tuple of str
        The label of each column.
    discrete : array (k,) of bool
        Which columns hold integers.
    chain, draw : array (S,)
        Where each row comes from.
    """

    matrix: Array
    labels: tuple[str, ...]
    discrete: NDArray[np.bool_]
    chain: NDArray[np.generic]
    draw: NDArray[np.generic]

    def columns(self, labels: Sequence[str]) -> Draws:
        """Return the columns named `labels`, in that order."""
        where = {label: i for i, label in enumerate(self.labels)}
        take = [where[label] for label in labels]
        return Draws(self.matrix[:, take], tuple(labels), self.discrete[take], self.chain, self.draw)

    def rows(self, index: slice | NDArray[np.generic]) -> Draws:
        """Return some of the draws."""
        chain, draw = self.chain[index], self.draw[index]
        return Draws(self.matrix[index], self.labels, self.discrete, chain, draw)

    def points(self, objective: Objective) -> dict[str, Array]:
        """Return the draws as named arrays (S, *shape) of every free variable of a model.

        Raises
        ------
        ValueError
            If the draws lack an element of the model.
        """
        known = set(self.labels)
        for v in objective.variables:
            lacking = [label for label in v.labels if label not in known]
            if lacking:
                raise ValueError(
                    f"Expected draws of this model, got none of its parameter {lacking[0]}: "
                    f"they hold {closest(lacking[0], self.labels)}; is this the posterior of another model?"
                )
        return {v.name: self.columns(v.labels).matrix.reshape((-1, *v.shape)) for v in objective.variables}


def open_group(dt: Any, group: str) -> xr.Dataset:
    """Return a group of draws as a Dataset with the sample dims in front."""
    from arviz_base import convert_to_dataset

    if isinstance(dt, xr.DataTree) and dt.children and group not in dt.children:
        raise ValueError(f"Expected a tree with the group {group!r}, got {closest(group, dt.children)}.")
    dataset = convert_to_dataset(dt, group=group)
    lacking = [dim for dim in SAMPLE_DIMS if dim not in dataset.dims]
    if lacking:
        raise ValueError(
            f"Expected draws with the dims chain and draw, got {tuple(dataset.dims)}: "
            f"pass what pm.sample returned, or its {group} group."
        )
    return dataset.transpose(*SAMPLE_DIMS, ...)


def read_draws(dataset: xr.Dataset, names: Collection[str] | None = None) -> Draws:
    """Stack the numeric variables of a group of draws; `names` leaves the others out."""
    chosen = [
        array
        for name, array in dataset.data_vars.items()
        if set(SAMPLE_DIMS) <= set(array.dims) and array.dtype.kind in "iufb" and (names is None or name in names)
    ]
    if not chosen:
        raise ValueError("Expected draws of at least one numeric variable, got none.")
    _refuse_equal_labels([label for a in chosen for label in element_labels(str(a.name), _coords(a))])
    n = dataset.sizes["chain"] * dataset.sizes["draw"]
    labels = [element_labels(str(a.name), _coords(a)) for a in chosen]
    kinds = [np.full(len(names), a.dtype.kind != "f") for a, names in zip(chosen, labels, strict=True)]
    chain, draw = (_labels_along(dataset, dim) for dim in SAMPLE_DIMS)
    return Draws(
        np.concatenate([a.to_numpy().reshape(n, -1).astype(float) for a in chosen], axis=1),
        tuple(label for names in labels for label in names),
        np.concatenate(kinds),
        np.repeat(chain, len(draw)),
        np.tile(draw, len(chain)),
    )


def _refuse_equal_labels(labels: list[str]) -> None:
    if len(set(labels)) < len(labels):
        double = next(label for i, label in enumerate(labels) if label in labels[:i])
        raise ValueError(f"Expected labels that tell elements apart, got {double!r} twice: make the coords unique.")


def select_labels(
    dataset: xr.Dataset,
    draws: Draws,
    var_names: str | Sequence[str] | None,
    coords: Mapping[str, Any] | None,
) -> list[str]:
    """Return the labels that `var_names` and `coords` ask for, as ArviZ understands them.

    Elements (``"beta[x1]"``) may be named among the variables.
    """
    from arviz_base import extract

    asked = [var_names] if isinstance(var_names, str) else list(var_names or [])
    _refuse_unknown_coords(dataset, coords or {})
    unknown = [n for n in asked if n.lstrip("~") not in dataset.data_vars and n not in draws.labels]
    if unknown:
        names = closest(unknown[0], [*map(str, dataset.data_vars), *draws.labels])
        raise ValueError(f"Expected variables of the posterior, got {unknown[0]!r}: it has {names}.")
    whole = [n for n in asked if n.lstrip("~") in dataset.data_vars]
    tree = cast(xr.DataTree, dataset)  # what ArviZ's annotation says; a Dataset does
    part = cast(xr.Dataset, extract(tree, var_names=whole or None, combined=False, keep_dataset=True))
    # a list keeps the dim, and with it the label, of a single element
    chosen = {k: v if isinstance(v, slice) else np.atleast_1d(v) for k, v in (coords or {}).items()}
    part = part.sel({k: v for k, v in chosen.items() if k in part.dims})
    of_variable = {str(n): element_labels(str(n), _coords(a)) for n, a in part.data_vars.items()}
    if all(name in of_variable or name in draws.labels for name in asked):
        wanted = [label for name in asked or of_variable for label in of_variable.get(name, (name,))]
    else:  # "~name" leaves some out: what is left, in the posterior's order
        wanted = [label for labels in of_variable.values() for label in labels]
    known = set(draws.labels)
    labels = [label for label in dict.fromkeys(wanted) if label in known]
    if not labels:
        raise ValueError(
            f"Expected at least one parameter among var_names={var_names!r}, got none: "
            f"choose among {closest(asked[0] if asked else '', draws.labels)}; what a model computes is no parameter."
        )
    return labels


def _refuse_unknown_coords(dataset: xr.Dataset, coords: Mapping[str, Any]) -> None:
    for dim, wanted in coords.items():
        if dim not in dataset.dims:
            dims = closest(dim, map(str, dataset.dims))
            raise ValueError(f"Expected coords of the posterior's dims, got {dim!r}: it has {dims}.")
        labels = _labels_along(dataset, dim)
        asked = () if isinstance(wanted, slice) else np.atleast_1d(wanted)
        unknown = [str(label) for label in asked if label not in labels]
        if unknown:
            known = closest(unknown[0], map(str, labels))
            raise ValueError(f"Expected labels of the dim {dim}, got {unknown[0]!r}: it has {known}.")


def _coords(array: xr.DataArray) -> list[NDArray[np.generic]]:
    return [_labels_along(array, str(dim)) for dim in array.dims if dim not in SAMPLE_DIMS]


def _labels_along(data: xr.Dataset | xr.DataArray, dim: str) -> NDArray[np.generic]:
    return data[dim].to_numpy() if dim in data.coords else np.arange(data.sizes[dim])
