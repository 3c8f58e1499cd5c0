"""The law of a likelihood ratio, simulated: data drawn from the null, and both models fitted to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pymc_landscape.aliases import Array
from pymc_landscape.bootstrap import inside, natural_point
from pymc_landscape.ends import End, follow
from pymc_landscape.fitted import Fit
from pymc_landscape.frame import Frame
from pymc_landscape.nesting import ALMOST_INFINITE, Nesting
from pymc_landscape.objective import Objective
from pymc_landscape.search import Found
from pymc_landscape.simulate import Simulator
from pymc_landscape.verdict import Status

# Where −2LL falls for ever and more and more slowly, an end with less than this to gain counts as the lowest.
NEAR_ENOUGH = 1e-4
# In simulated data: a search that runs away, and comes as near as this to the null's −2LL, runs to the null.
SAME_AS_NULL = 1e-3


def has_infimum(status: Status, found: Found) -> bool:
    """Whether a search ended at the lowest value that there is, or that is approached and never reached."""
    arrived = found.is_minimum or found.left <= NEAR_ENOUGH
    return status is not Status.FAILED and arrived and not found.frame.bottomless


class Refits:
    """Simulates data under the null and fits both models to it: one statistic a call, NaN where a refit failed."""

    def __init__(self, null: Fit, alternative: Fit, nesting: Nesting):
        self.null, self.alternative = null, alternative
        self.simulator, self.point = Simulator(null.objective), natural_point(null)
        self.begin_null, self.begin = inside(null), inside(alternative)
        self.nesting = nesting

    def __call__(self, seed: int) -> float:
        """Return LR of one simulated data set."""
        data = self.simulator(self.point, seed)
        lowest, where = self._refit_null(data)
        twin = self.alternative.objective.with_data(**data)
        usual = (self.begin, self._beside(where, 0.5))
        for starts in (usual, (self._beside(where, 0.05), self._beside(where, 1.0))):
            statistic = lowest - self._lowest(twin, starts, lowest)
            if statistic >= -NEAR_ENOUGH:
                return max(statistic, 0.0)
        return np.nan

    def _lowest(self, twin: Objective, starts: Sequence[Array], null: float) -> float:
        """Return the lowest −2LL at which a search from one of the starts arrived; NaN where none did."""
        ends = [follow(twin, theta, "") for theta in starts]
        return min((end.found.value for end in ends if _arrived(end) or _runs_to(end, null)), default=np.nan)

    def _refit_null(self, data: Mapping[str, Any]) -> tuple[float, Mapping[str, Array]]:
        twin = self.null.objective.with_data(**data)
        if self.null.n_parameters == 0:
            frame = self.null.found.frame
            return Frame(twin, frame.natural, frame.held).value(np.zeros(0)), self.point
        end = follow(twin, self.begin_null, "")
        value = end.found.value if _arrived(end) else np.nan
        return value, end.found.frame.natural_point(end.found.x)

    def _beside(self, null_point: Mapping[str, Array], share: float) -> Array:
        """Return the null's refit as a place of the alternative, with what the null fixes moved off by a share."""
        objective = self.alternative.objective
        shapes = {v.name: v.shape for v in objective.variables}
        shared = {n: x for n, x in null_point.items() if shapes.get(n) == x.shape and self.null.n_parameters}
        theta = objective.pack({**_away(self.alternative, self.nesting, share), **shared})
        return np.where(np.isfinite(theta), theta, self.begin)


def _arrived(end: End) -> bool:
    return has_infimum(end.verdict.status, end.found)


def _runs_to(end: End, null: float) -> bool:
    """Whether a search ran away towards the null itself, where densities may lose digits."""
    return end.verdict.status is Status.UNBOUNDED and abs(end.found.value - null) <= SAME_AS_NULL


def _away(alternative: Fit, nesting: Nesting, share: float) -> dict[str, Array]:
    """Return the alternative's estimate, with what the null fixes moved from there to it, but for a share."""
    objective, estimate = alternative.objective, natural_point(alternative)
    if nesting.point is None:
        return estimate
    layout = objective.compiled.layout()
    vector, initial = layout.join(estimate), layout.join(objective.initial_point())
    off = np.where(vector == nesting.point, initial, vector)
    moved = nesting.point + share * (off - nesting.point)
    fixed = np.isin(layout.labels, list(nesting.fixed)) & (np.abs(nesting.point) < ALMOST_INFINITE)
    return layout.split(np.where(fixed, moved, vector))
