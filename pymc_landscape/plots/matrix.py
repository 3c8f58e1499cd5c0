"""Which region stands where in a matrix of all pairs, and between which limits."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr

from pymc_landscape.plots.levels import cutoffs
from pymc_landscape.plots.marks import BLUE, GREEN, ORANGE
from pymc_landscape.plots.outlines import Outline, Window, outlines, window
from pymc_landscape.plots.profile_panel import Panel, Scale
from pymc_landscape.plots.traced import traced

# By method: the visual, its colour, and the name in the legend. The last is drawn on top.
METHODS = {
    "wald": ("ellipse", ORANGE, "Wald"),
    "traces": ("sketch", GREEN, "traces"),
    "exact": ("region", BLUE, "exact"),
}
Cell = tuple[int, int]


@dataclass(frozen=True)
class Matrix:
    """Which region stands where.

    Attributes
    ----------
    sheets : list of Dataset
        Contours.
    profile : Dataset or None
        For the diagonal.
    scale : str
        Of the diagonal.
    """

    sheets: list[xr.Dataset]
    profile: xr.Dataset | None
    scale: Scale

    @cached_property
    def labels(self) -> list[str]:
        """Parameters, in the order in which they are met."""
        return list(dict.fromkeys(str(label) for ds in self.sheets for label in ds["parameter"].values))

    @property
    def methods(self) -> set[str]:
        """Which there are."""
        return {str(ds.attrs.get("method", "exact")) for ds in self.sheets}

    @property
    def levels(self) -> list[float]:
        """All levels, the lowest first."""
        return sorted({float(level) for ds in self.sheets for level in ds["level"].values})

    @property
    def width(self) -> int:
        """Panels a row: one more where there is a diagonal."""
        return len(self.labels) - (self.profile is None)

    @property
    def is_one(self) -> bool:
        """Whether there is one panel only."""
        return self.width == 1

    def pair(self, panel: int) -> Cell:
        """Return which parameters are x and y in a panel."""
        row, column = divmod(panel, self.width)
        return column, row + (self.profile is None)

    def outlines(self, panel: int, method: str) -> list[Outline]:
        """Return the lines of one panel by one method; none above the diagonal, or for a pair that was not given."""
        return self._lines.get((*self.pair(panel), method), [])

    @cached_property
    def _lines(self) -> dict[tuple[int, int, str], list[Outline]]:
        found: dict[tuple[int, int, str], list[Outline]] = {}
        for ds in self.sheets:
            x, y = sorted(self.labels.index(str(label)) for label in ds["parameter"].values)
            lines = outlines(ds, [self.labels[x], self.labels[y]])
            found.setdefault((x, y, str(ds.attrs.get("method", "exact"))), []).extend(lines)
        return found

    @cached_property
    def estimates(self) -> dict[str, float]:
        """The estimate of each parameter."""
        return {
            str(label): float(value)
            for ds in self.sheets
            for label, value in zip(ds["parameter"].values, ds["estimate"].values, strict=True)
        }

    def window(self, i: int) -> Window:
        """Return limits of a parameter, the same in all panels: those of the exact edge where there is one."""
        known = {"exact"} & self.methods or self.methods
        points = [
            outline.points[:, int(y == i)]
            for (x, y, method), lines in self._lines.items()
            for outline in lines
            if method in known and i in (x, y)
        ]
        return window(np.concatenate([*points, [self.estimates[self.labels[i]]]]))

    @cached_property
    def panels(self) -> dict[int, Panel]:
        """Profiles on the diagonal."""
        if self.profile is None:
            return {}
        known, cuts = set(map(str, self.profile["parameter"].values)), cutoffs(self.levels, 1)
        return {
            i * (self.width + 1): Panel(traced(self.profile, label), self.scale, cuts)
            for i, label in enumerate(self.labels)
            if label in known
        }

    def is_empty(self, panel: int) -> bool:
        """Whether a panel has nothing to show."""
        return panel not in self.panels and not any(self.outlines(panel, method) for method in METHODS)
