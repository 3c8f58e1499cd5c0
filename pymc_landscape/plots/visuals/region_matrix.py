"""Which region is in which panel of a matrix of all pairs, and between which limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from functools import cached_property

import numpy as np
import xarray as xr

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.plots.data import UNBOUNDED, cutoffs, marginal_of, support_of, traced_profile
from pymc_landscape.plots.visuals.draw_clouds import Cloud, clouds
from pymc_landscape.plots.visuals.profile_panel import Panel, Scale
from pymc_landscape.plots.visuals.region_outlines import Outline, Window, outlines
from pymc_landscape.plots.visuals.style import GREEN, LIKELIHOOD, WALD, Style

# By method: the visual, its style, and the name in the legend. The last is drawn on top.
METHODS = {
    "wald": ("ellipse", WALD, "Wald"),
    "traces": ("sketch", Style(GREEN, "dotted"), "traces"),
    "exact": ("region", LIKELIHOOD, "exact"),
}
MARGIN = 0.06
REACH = 3.0  # of an unbounded side so much is shown, in lengths of the bounded ones
BESIDE = 0.3  # room for other methods than the exact boundary, in widths of that, at most
APART = 8.0  # room for a posterior that the prior pulls away, in the same; with more the boundary would shrink to a dot
OUTER = 0.1  # of the draws that a region leaves out, so many may be out of the picture: it is wider than its margins
Cell = tuple[int, int]


@dataclass(frozen=True)
class Matrix:
    """Regions, profiles and draws by panel.

    Attributes
    ----------
    sheets : list of Dataset
        Contours.
    profile : Dataset or None
        For the diagonal.
    scale : str
        Of the diagonal.
    draws : dict of str to array
        Of the posterior, by parameter.
    """

    sheets: list[xr.Dataset]
    profile: xr.Dataset | None
    scale: Scale
    draws: dict[str, Array] = field(default_factory=dict)

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
        by_pair: dict[tuple[int, int, str], list[Outline]] = {}
        for ds in self.sheets:
            x, y = sorted(self.labels.index(str(label)) for label in ds["parameter"].values)
            lines = outlines(ds, [self.labels[x], self.labels[y]])
            by_pair.setdefault((x, y, str(ds.attrs.get("method", "exact"))), []).extend(lines)
        return by_pair

    @cached_property
    def estimates(self) -> dict[str, float]:
        """The estimate of each parameter."""
        return {
            str(label): float(value)
            for ds in self.sheets
            for label, value in zip(ds["parameter"].values, ds["estimate"].values, strict=True)
        }

    @cached_property
    def windows(self) -> list[Window]:
        """Limits of each parameter, the same in all panels: those of the exact boundary where there is one."""
        return [self._window(i) for i in range(len(self.labels))]

    def _window(self, i: int) -> Window:
        center = self.estimates[self.labels[i]]
        exact = {"exact"} & self.methods or self.methods
        low, high = self._reaches(i, center, exact)
        size = low + high or abs(center) or 1.0
        own = (low, high)
        for room, beside in (
            (BESIDE, self._reaches(i, center, self.methods - exact)),
            (APART, self._drawn(i, center)),
        ):
            low, high = (
                max(so_far, min(reach, own_reach + room * size))
                for so_far, reach, own_reach in zip((low, high), beside, own, strict=True)
            )
        margin = MARGIN * (low + high or size)
        return center - low - margin, center + high + margin

    def _reaches(self, i: int, center: float, methods: set[str]) -> tuple[float, float]:
        """How far to show on either side; of an unbounded one, some lengths of the bounded ones."""
        by_side = [[one.reach(axis, side, center) for one, axis in self._with(i, methods)] for side in (-1.0, 1.0)]
        ends = [max((reach for reach, is_open in several if not is_open), default=0.0) for several in by_side]
        endless = [max((reach for reach, is_open in several if is_open), default=0.0) for several in by_side]
        most = REACH * max(ends) or min((reach for several in by_side for reach, _ in several), default=0.0)
        low, high = (max(end, min(beyond, most)) for end, beyond in zip(ends, endless, strict=True))
        return low, high

    def _with(self, i: int, methods: set[str]) -> Iterator[tuple[Outline, int]]:
        """Yield the lines that have a parameter as an axis, and which one it is."""
        for (x, y, method), lines in self._lines.items():
            if method in methods and i in (x, y):
                yield from ((one, int(y == i)) for one in lines)

    def _drawn(self, i: int, center: float) -> tuple[float, float]:
        """How far the draws go, but for the outermost: as far as the widest of their regions."""
        drawn = self.draws.get(self.labels[i])
        if drawn is None:
            return 0.0, 0.0
        tail = OUTER * (0.5 - self.levels[-1] / 2)
        low, high = np.nanquantile(drawn, (tail, 1.0 - tail)) - center
        return float(max(-low, 0.0)), float(max(high, 0.0))

    @cached_property
    def panels(self) -> dict[int, Panel]:
        """Profiles on the diagonal."""
        if self.profile is None:
            return {}
        known = set(map(str, self.profile["parameter"].values))
        return {
            i * (self.width + 1): self._panel(self.profile, i) for i, label in enumerate(self.labels) if label in known
        }

    def _panel(self, profile: xr.Dataset, i: int) -> Panel:
        label = self.labels[i]
        marginal = marginal_of(self.draws[label], support_of(profile, label)) if label in self.draws else None
        return Panel(traced_profile(profile, label), self.scale, cutoffs(self.levels, 1), marginal, self.windows[i])

    @cached_property
    def _clouds(self) -> dict[Cell, Cloud]:
        bounds = {
            label: UNBOUNDED if self.profile is None else support_of(self.profile, label) for label in self.labels
        }
        return clouds(self.draws, self.labels, bounds)

    def cloud(self, panel: int) -> Cloud | None:
        """Return the draws of a panel's pair, below the diagonal, if there are any."""
        return self._clouds.get(self.pair(panel))

    def is_empty(self, panel: int) -> bool:
        """Whether a panel has nothing to show."""
        lines = any(self.outlines(panel, method) for method in METHODS)
        return panel not in self.panels and not lines and self.cloud(panel) is None
