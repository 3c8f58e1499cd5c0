"""Results as groups of one tree, beside the posterior."""

from __future__ import annotations

from typing import Any

import xarray as xr


def to_datatree(*results: Any, dt: xr.DataTree | None = None) -> xr.DataTree:
    """Gather results into a DataTree, next to the groups of the user's own.

    Parameters
    ----------
    *results : xr.Dataset, xr.DataTree, or an object with `to_dataset()`
        Results of this package; each, or each group of a tree, knows the name of its group. A second of the same kind
        gets the suffix ``_2``.
    dt : xr.DataTree, optional
        A tree whose groups come first, for example what ``pm.sample`` returned. It is left as it is.

    Returns
    -------
    xr.DataTree
        With the groups of `dt`, and one group a result: ``landscape``, ``landscape_2``, ...

    Raises
    ------
    TypeError
        If something is no result of this package.

    Examples
    --------
    >>> import xarray as xr
    >>> surface = xr.Dataset({"minus2ll": ("mu", [1.0, 0.0])}, attrs={"group": "landscape"})
    >>> list(to_datatree(surface, surface).children)
    ['landscape', 'landscape_2']
    """
    if dt is not None and not isinstance(dt, xr.DataTree):
        raise TypeError(f"Expected dt to be a DataTree, got {type(dt).__name__}: pass what pm.sample returned.")
    tree = xr.DataTree() if dt is None else dt.copy()
    for result in results:
        for dataset in _datasets(result):
            name = _free_name(str(dataset.attrs.get("group", "")), tree, result)
            tree[name] = xr.DataTree(dataset)
    return tree


def _datasets(result: Any) -> list[xr.Dataset]:
    if isinstance(result, xr.DataTree):
        return [child.to_dataset() for child in result.children.values()]
    return [result if isinstance(result, xr.Dataset) else _dataset(result)]


def _dataset(result: Any) -> xr.Dataset:
    if not hasattr(result, "to_dataset"):
        raise TypeError(f"Expected a result of pymc_landscape, got {type(result).__name__}.")
    dataset: xr.Dataset = result.to_dataset()
    return dataset


def _free_name(group: str, tree: xr.DataTree, result: Any) -> str:
    if not group:
        raise TypeError(
            f"Expected a result of pymc_landscape, got a {type(result).__name__} without attrs['group']: "
            "a grid, or one whose attributes were dropped on the way?"
        )
    taken, number = group, 2
    while taken in tree.children:
        taken, number = f"{group}_{number}", number + 1
    return taken
