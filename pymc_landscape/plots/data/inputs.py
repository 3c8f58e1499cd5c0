"""What a plot was given: the Dataset of a verb, alone or as a group of a tree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import xarray as xr


def as_dataset(data: Any, group: str | Sequence[str], needed: Sequence[str], verb: str) -> xr.Dataset:
    """Return the Dataset that `verb` made; of several groups in which it may be, the first that a tree has.

    Raises
    ------
    TypeError
        When ``data`` is neither a Dataset nor a DataTree.
    ValueError
        When the tree has no such group, or the Dataset lacks something.

    Examples
    --------
    >>> as_dataset(xr.Dataset({"zeta": 0.0}), "profile", ["zeta"], "profile_likelihood")["zeta"].item()
    0.0
    """
    if isinstance(data, xr.DataTree):
        data = _from_tree(data, group, verb)
    if not isinstance(data, xr.Dataset):
        raise TypeError(f"Expected the Dataset from {verb}, got {type(data).__name__}; pass what {verb} returns.")
    lacking = [name for name in needed if name not in data.variables and name not in data.dims]
    if lacking:
        raise ValueError(
            f"Expected the Dataset from {verb}, got one of {list(data)} without {lacking}; pass what {verb} returns."
        )
    return data


def _from_tree(tree: xr.DataTree, group: str | Sequence[str], verb: str) -> xr.Dataset:
    groups = [group] if isinstance(group, str) else group
    for name in groups:
        if name in tree.children:
            return tree.children[name].to_dataset()
    if not tree.children:
        return tree.to_dataset()
    raise ValueError(
        f"Expected a group {groups[0]!r} in the tree, got {sorted(map(str, tree.children))}; "
        f"pass what {verb} returns, or to_datatree of it."
    )


def refuse_many(number: int, most: int, what: str, instead: str) -> None:
    """Refuse more panels than can be seen at once."""
    if not 0 < number <= most:
        raise ValueError(f"Expected 1 to {most} {what}, got {number}; choose some with {instead}.")
