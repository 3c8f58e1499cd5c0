"""`Explorer`: what was computed for the page, as the page reads it and as labelled arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import xarray as xr

from pymc_landscape._dataclasses import dataclass
from pymc_landscape.pages import iframe, page_file, write_page
from pymc_landscape.pages.explorer.page import PLOTLY_FILE, explorer_page, plotly_script

FRAME_HEIGHT = 900  # in CSS pixels, until the page in the frame tells its own


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

    def save(self, path: str | PathLike[str], *, include_plotlyjs: bool | Literal["directory"] = True) -> Path:
        """Write the page as one HTML file that opens without a server and without a network.

        Parameters
        ----------
        path : path
            A file ending in ``.html`` or ``.htm``; what is there already is replaced.
        include_plotlyjs : bool or "directory", default True
            Whether plotly.js (about 5 MB), which draws the mountain, is part of the file. ``"directory"`` writes it
            beside the page, once for all pages of a folder; with ``False`` the page says that there is no mountain.

        Returns
        -------
        Path
            The page, absolute.

        Raises
        ------
        ValueError
            If `path` has another ending, its folder does not exist, or `include_plotlyjs` is none of the three.
        ModuleNotFoundError
            If plotly is not installed.
        """
        page_file(path)  # refuses before the page is made
        file = write_page(explorer_page(self.payload, include_plotlyjs=include_plotlyjs), path)
        if include_plotlyjs == "directory":
            (file.parent / PLOTLY_FILE).write_text(plotly_script(), encoding="utf-8")
        return file

    def _repr_html_(self) -> str:
        """Show the page in a notebook; without plotly it has no mountain, and says so."""
        page = explorer_page(self.payload, include_plotlyjs=find_spec("plotly") is not None)
        return iframe(page, title=self.payload["title"], height=FRAME_HEIGHT)

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
