"""`Report`: a page about a fitted model, and the numbers behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any

import xarray as xr

from pymc_landscape._dataclasses import dataclass
from pymc_landscape.optimize import Fit
from pymc_landscape.pages import iframe, write_page
from pymc_landscape.pages.model_report.report_page import report_page
from pymc_landscape.pages.model_report.section import Section
from pymc_landscape.results import to_datatree

# Of the frame in a notebook, in CSS pixels.
HEIGHT = 720


@dataclass(frozen=True, eq=False)
class Report:
    """A report of a model: one page that stands alone, and the numbers behind it.

    Attributes
    ----------
    title : str
        What it is about.
    verdict : tuple of str
        What was found, in sentences.
    fit : Fit or None
        The fit it is about; None where the model could not be fitted.
    refused : mapping of str to str
        Sections that could not be made, by title, each with the sentence that says why.
    seconds : mapping of str to float
        How long each section took, by title.
    """

    title: str
    verdict: tuple[str, ...]
    fit: Fit | None = field(repr=False)
    made: str = field(repr=False)
    _sections: tuple[Section, ...] = field(repr=False)

    @property
    def refused(self) -> Mapping[str, str]:
        """Sections that could not be made, with the reason."""
        return MappingProxyType({s.title: s.refusal for s in self._sections if s.refusal})

    @property
    def seconds(self) -> Mapping[str, float]:
        """How long each section took, by title."""
        return MappingProxyType({s.title: s.seconds for s in self._sections})

    @property
    def html(self) -> str:
        """The whole page."""
        return report_page(self.title, self.made, self.verdict, self._sections)

    def save(self, path: str | PathLike[str] = "report.html") -> Path:
        """Write the page to one file, which needs nothing else: no network, no script, no image beside it.

        Parameters
        ----------
        path : path
            A file ending in ``.html``; what is there already is replaced.

        Returns
        -------
        Path
            The file, absolute.

        Raises
        ------
        ValueError
            If `path` has another ending, or its folder does not exist.
        """
        return write_page(self.html, path)

    def to_datatree(self) -> xr.DataTree:
        """Return the numbers behind the page.

        Returns
        -------
        DataTree
            A group a result, as the verbs return it: ``fit``, ``intervals``, ``profile``, ``contour``, ``comparison``,
            ``landscape``, ``posterior_deviance`` or ``bootstrap``, ``influence``, ``starts``, ``spectrum``,
            ``descent``, ``descent_race``, ``loss_table``, as far as they were made.
        """
        results: list[Any] = [result for section in self._sections for result in section.content.results]
        return to_datatree(*results)

    def __repr__(self) -> str:
        """Give the verdict, and name what could not be made."""
        missing = [f"Not made: {title} ({why})" for title, why in self.refused.items()]
        return "\n".join([self.title, *self.verdict, *missing])

    def _repr_html_(self) -> str:
        return iframe(self.html, title=self.title, height=HEIGHT)
