"""Posterior draws of two parameters: as dots, and the regions of highest density that hold a share of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from contourpy import LineType, contour_generator

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.numerics import JointDensity, joint_density
from pymc_landscape.plots.data import density_of, with_gaps

LOWEST = 1e-250  # of a density, whose log is taken
STRAIGHT = 1 - 1e-10  # a correlation beyond it is 1 but for rounding


@dataclass(frozen=True)
class Cloud:
    """Draws of a pair.

    Attributes
    ----------
    xy : array (n, 2)
        The draws.
    support : ((float, float), (float, float))
        Bounds of each.
    """

    xy: Array
    support: tuple[tuple[float, float], tuple[float, float]]

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

    @cached_property
    def density(self) -> JointDensity | None:
        """Their density; None where there is none."""
        if self.is_flat:
            return None
        marginals = [density_of(column, bounds) for column, bounds in zip(self.xy.T, self.support, strict=True)]
        known = [one for one in marginals if one is not None]
        return joint_density(self.xy, known, self.support) if len(known) == len(marginals) else None

    def regions(self, probs: Sequence[float]) -> Array:
        """Return the boundaries of the regions of highest density as one line with gaps."""
        if self.density is None:
            return np.empty((0, 2))
        # beyond the outermost nodes there is nothing: lines close there
        logs = np.log(np.maximum(np.pad(self.density.density, 1), LOWEST))
        drawn = contour_generator(z=logs, line_type=LineType.Separate)
        heights = np.log(np.maximum(self.density.heights(probs), LOWEST))
        lines = [np.asarray(line)[:, ::-1] - 1.0 for height in heights for line in drawn.lines(float(height))]
        return with_gaps([self.density.at_nodes(line) for line in lines])


def clouds(
    draws: Mapping[str, Array], labels: Sequence[str], support: Mapping[str, tuple[float, float]]
) -> dict[tuple[int, int], Cloud]:
    """Return a cloud for each pair of parameters that both have draws."""
    by_pair = {}
    for i, one in enumerate(labels):
        for j, other in enumerate(labels[i + 1 :], start=i + 1):
            if one in draws and other in draws:
                xy = np.column_stack([draws[one], draws[other]])
                by_pair[i, j] = Cloud(xy[np.isfinite(xy).all(axis=1)], (support[one], support[other]))
    return by_pair
