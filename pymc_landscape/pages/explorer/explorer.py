"""`Explorer`: what was computed for the page, as the page reads it and as labelled arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import xarray as xr


@dataclass(frozen=True, eq=False)
class Explorer:
    """A landscape to walk on: a page, and the numbers behind it.

    Parameters
    ----------
    payload : dict
        What the page reads: numbers, words and encoded arrays, ready for JSON.
    results : mapping of str to Dataset
        The same numbers as the verbs gave them, by name of a group.
    """

    payload: dict[str, Any] = field(repr=False)
    results: Mapping[str, xr.Dataset] = field(repr=False)

    def to_datatree(self) -> xr.DataTree:
        """Return the numbers behind the page.

        Returns
        -------
        DataTree
            A group for each surface (``surface_hold``, ``surface_profile``), for limits, margins, paths of optimisers
            and fitted values, as far as they were computed.
        """
        return xr.DataTree.from_dict(dict(self.results), name="explorer")

    def __repr__(self) -> str:
        """Name the model, the axes, and what can be chosen."""
        axes = " × ".join(str(axis["label"]) for axis in self.payload["axes"])
        return f"Explorer({self.payload['model_name'] or 'model'}: {axes})"
