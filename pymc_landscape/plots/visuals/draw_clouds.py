"""Posterior draws of two parameters: as dots, and the regions of highest density that hold a share of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from contourpy import LineType, contour_generator

from pymc_landscape._typing import Array
from pymc_landscape.plots.data import with_gaps

STRAIGHT = 1 - 1e-10  # a correlation beyond it is 1 but for rounding


@dataclass(frozen=True)
class Cloud:
    """Draws (n, 2) of a pair."""

    xy: Array

    def thinned(self, number: int) -> Array:
        """Return so many at most, evenly from all chains."""
        if len(self.xy) <= number:
            return self.xy
        evenly: Array = self.xy[np.linspace(0, len(self.xy) - 1, number).round().astype(int)]
        return evenly

    @property
    def is_flat(self) -> bool:
        """Whether all draws lie on a line, where no region is."""
        moves = bool(len(self.xy) > 2 and (np.ptp(self.xy, axis=0) > 0).all())
        return not moves or bool(abs(np.asarray(np.corrcoef(self.xy.T))[0, 1]) > STRAIGHT)

    def regions(self, probs: list[float]) -> Array:
        """Return the boundaries of the regions of highest density as one line with gaps, by ArviZ's kernel density."""
        if self.is_flat:
            return np.empty((0, 2))
        from arviz_stats.base import array_stats  # type: ignore[attr-defined]

        density, x, y, heights = array_stats.kde2d(  # type: ignore[no-untyped-call]
            self.xy[:, 0], self.xy[:, 1], hdi_probs=probs
        )
        # beyond the outermost draws there is nothing: lines close there
        x, y = (np.concatenate([[v[0]], v, [v[-1]]]) for v in (x, y))
        lines = contour_generator(x, y, np.pad(density, 1).T, line_type=LineType.Separate)
        return with_gaps([np.asarray(line) for height in heights for line in lines.lines(float(height))])


def clouds(draws: dict[str, Array], labels: list[str]) -> dict[tuple[int, int], Cloud]:
    """Return a cloud for each pair of parameters that both have draws."""
    by_pair = {}
    for i, one in enumerate(labels):
        for j, other in enumerate(labels[i + 1 :], start=i + 1):
            if one in draws and other in draws:
                xy = np.column_stack([draws[one], draws[other]])
                by_pair[i, j] = Cloud(xy[np.isfinite(xy).all(axis=1)])
    return by_pair
