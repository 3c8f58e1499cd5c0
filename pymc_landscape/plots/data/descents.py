"""Descents as the pictures read them: one Dataset an optimiser, each with a name and a colour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pymc_landscape.plots.data.inputs import Descents

SAMPLE = ("chain", "draw")


def gather_descents(descents: Sequence[Descents]) -> dict[str, xr.Dataset]:
    """Name each optimiser's Dataset (dims chain, draw); of equal names the second becomes ``adam (2)``.

    Raises
    ------
    TypeError
        When something is not a Dataset, a DataTree, or a mapping of them.
    ValueError
        When there is none, or one without chain and draw.
    """
    named: dict[str, xr.Dataset] = {}
    for wanted, ds in _every(descents):
        number = 2
        name = wanted
        while name in named:
            name, number = f"{wanted} ({number})", number + 1
        named[name] = ds
    if not named:
        raise ValueError("Expected at least one descent, got none; pass what descend returns.")
    return named


def _every(descents: Sequence[Any]) -> Iterator[tuple[str, xr.Dataset]]:
    for item in descents:
        if isinstance(item, xr.Dataset):
            yield from _one_each(item)
        elif isinstance(item, xr.DataTree):
            yield from _one_each(_group(item))
        elif isinstance(item, Mapping):
            for name, ds in item.items():
                several = list(_every((ds,)))
                yield from ((f"{name} {own}" if len(several) > 1 else str(name), part) for own, part in several)
        else:
            raise TypeError(f"Expected the Dataset from descend, got {type(item).__name__}; pass what descend returns.")


def _group(tree: xr.DataTree) -> xr.Dataset:
    if "descent" in tree.children:
        return tree.children["descent"].to_dataset()
    if "draw" in tree.dims:
        return tree.to_dataset()
    raise ValueError(
        f"Expected a group 'descent' in the tree, got {sorted(map(str, tree.children))}; pass what descend returns."
    )


def _one_each(ds: xr.Dataset) -> Iterator[tuple[str, xr.Dataset]]:
    lacking = [dim for dim in SAMPLE if dim not in ds.dims]
    if lacking:
        raise ValueError(
            f"Expected a descent with the dims chain and draw, got {list(map(str, ds.dims))}; "
            "pass what descend returns, and choose one start with sel(chain=[0])."
        )
    if "optimizer" not in ds.dims:
        return iter([(str(ds.attrs.get("optimizer", "path")), ds)])
    return ((str(name), ds.isel(optimizer=i)) for i, name in enumerate(ds["optimizer"].values))


def lengths(ds: xr.Dataset) -> NDArray[np.intp]:
    """How many recorded iterates each chain really has; after them it stays where it stopped."""
    number = ds.sizes["draw"]
    if "n_iterations" not in ds.coords and "n_iterations" not in ds.data_vars:
        return np.full(ds.sizes["chain"], number)
    done = ds["n_iterations"].values
    within = np.searchsorted(ds["draw"].values, done, side="left") + 1
    return np.asarray(np.clip(within, 1, number), dtype=np.intp)
