"""The law of a likelihood ratio, simulated: data drawn from the null, and both models fitted to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pymc_landscape.aliases import Array
from pymc_landscape.bootstrap import inside, natural_point
from pymc_landscape.ends import follow
from pymc_landscape.fitted import Fit
from pymc_landscape.frame import Frame
from pymc_landscape.nesting import ALMOST_INFINITE, Nesting
from pymc_landscape.objective import Objective
from pymc_landscape.runaway import infimum
from pymc_landscape.simulate import Simulator

# An alternative that ends above the null by less than this has arrived at the null.
SAME_AS_NULL = 1e-3
# A statistic that is nearer to 0 than this is 0, where a mixture has its χ²₀.
ZERO = 1e-8
# How far to either side of its estimate a parameter begins that vanishes under the null, on the unconstrained scale.
VANISHED = 3.0


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
        for starts in (self._usual(where), (self._beside(where, 0.05), self._beside(where, 1.0))):
            statistic = lowest - self._lowest(twin, starts)
            if statistic >= -SAME_AS_NULL:
                return statistic if statistic > ZERO else 0.0
        return np.nan

    def _usual(self, where: Mapping[str, Array]) -> list[Array]:
        """Return where to begin; what makes no difference under the null may have an optimum on either side."""
        half = self._beside(where, 0.5)
        shift = VANISHED * np.isin(self.alternative.objective.labels, list(self.nesting.vanished))
        return [self.begin, *([half - shift, half + shift] if shift.any() else [half])]

    def _lowest(self, twin: Objective, starts: Sequence[Array]) -> float:
        """Return the lowest −2LL at which a search from one of the starts arrived; NaN where none did."""
        found = [infimum(follow(twin, theta, ""), self.begin) for theta in starts]
        return min((value for value in found if not np.isnan(value)), default=np.nan)

    def _refit_null(self, data: Mapping[str, Any]) -> tuple[float, Mapping[str, Array]]:
        twin = self.null.objective.with_data(**data)
        if self.null.n_parameters == 0:
            frame = self.null.found.frame
            return Frame(twin, frame.natural, frame.held).value(np.zeros(0)), self.point
        end = follow(twin, self.begin_null, "")
        return infimum(end, self.begin_null), end.found.frame.natural_point(end.found.x)

    def _beside(self, null_point: Mapping[str, Array], share: float) -> Array:
        """Return the null's refit as a place of the alternative, with what the null fixes moved off by a share."""
        objective = self.alternative.objective
        shapes = {v.name: v.shape for v in objective.variables}
        shared = {n: x for n, x in null_point.items() if shapes.get(n) == x.shape and self.null.n_parameters}
        theta = objective.pack({**_away(self.alternative, self.nesting, share), **shared})
        return np.where(np.isfinite(theta), theta, self.begin)


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
