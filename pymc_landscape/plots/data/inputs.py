"""What a plot accepts: the Dataset of a verb, alone or as a group of a tree; a fit; what makes a Dataset of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import xarray as xr

from pymc_landscape.arguments import checked_group

# What ``descend`` returns, of one or several optimisers.
Descents = xr.Dataset | xr.DataTree | Mapping[str, xr.Dataset | xr.DataTree]


class FitLike(Protocol):
    """What is read of a fit: a ``Fit`` has it."""

    @property
    def minus2ll(self) -> float:
        """−2LL at the estimate."""

    @property
    def starts(self) -> xr.Dataset:
        """Where each start ended."""


class DatasetLike(Protocol):
    """What makes a Dataset of itself, as a ``LikelihoodRatioTest`` does."""

    def to_dataset(self) -> xr.Dataset:
        """Return all that it holds."""


SimulatedLike = DatasetLike | xr.Dataset | xr.DataTree


def as_dataset(
    data: Any, group: str | Sequence[str], needed: Sequence[str], verb: str, *, group_argument: str | None = None
) -> xr.Dataset:
    """Return the Dataset that `verb` made; of several groups in which it may be, the first that a tree has.

    Parameters
    ----------
    data : Dataset or DataTree
        The Dataset, or a tree with it as a group, or that group.
    group : str or sequence of str
        The group's name, or those of several in which it may be.
    needed : sequence of str
        Variables and dims that a Dataset from `verb` has.
    verb : str
        Which verb returns it, for the message.
    group_argument : str, optional
        The plot's argument that names another group, where there is one.

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
    if group_argument is not None:
        checked_group(group, group_argument)
    if isinstance(data, xr.DataTree):
        data = _from_tree(data, group, verb, group_argument)
    if not isinstance(data, xr.Dataset):
        raise TypeError(f"Expected the Dataset from {verb}, got {type(data).__name__}; pass what {verb} returns.")
    lacking = [name for name in needed if name not in data.variables and name not in data.dims]
    if lacking:
        raise ValueError(
            f"Expected the Dataset from {verb}, got one of {list(data)} without {lacking}; pass what {verb} returns."
        )
    return data


def _from_tree(tree: xr.DataTree, group: str | Sequence[str], verb: str, group_argument: str | None) -> xr.Dataset:
    groups = [group] if isinstance(group, str) else group
    for name in groups:
        if name in tree.children:
            return tree.children[name].to_dataset()
    if not tree.children or tree.name in groups:
        return tree.to_dataset()
    named = f", or name yours in {group_argument}" if group_argument else ""
    raise ValueError(
        f"Expected a group {groups[0]!r} in the tree, got {sorted(map(str, tree.children))}; "
        f"pass what {verb} returns, or to_datatree of it{named}."
    )


def refuse_many(number: int, most: int, what: str, instead: str) -> None:
    """Refuse more panels than can be seen at once."""
    if not 0 < number <= most:
        raise ValueError(f"Expected 1 to {most} {what}, got {number}; choose some with {instead}.")
