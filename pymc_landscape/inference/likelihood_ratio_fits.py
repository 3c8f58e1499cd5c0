"""The two fits of a test, on the data and on data simulated under the null.

The two fits of a likelihood ratio test, also where the null has nothing free. Nesting itself is judged elsewhere.

The law of a likelihood ratio, simulated: data drawn from the null, and both models fitted to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pymc as pm

from pymc_landscape._typing import Array, Starts
from pymc_landscape.inference.bootstrap import inside, natural_point
from pymc_landscape.inference.nested_models import ALMOST_INFINITE, Nesting
from pymc_landscape.objective import (
    Objective,
    RestrictedObjective,
    Simulator,
    known_value,
    objective_of,
    observed_data,
    observed_values,
)
from pymc_landscape.optimize import (
    Fit,
    NaturalScale,
    Status,
    StatusReport,
    fit_of,
    infimum,
    search,
    search_from_start,
)

VERB = "likelihood_ratio_test"


class PointNull(Fit):
    """A null with nothing free: the alternative's objective at one point."""

    @property
    def n_parameters(self) -> int:
        """Nothing is free."""
        return 0

    @cached_property
    def notes(self) -> dict[str, str]:
        """Say of every element that it is fixed."""
        return {label: "fixed by the null" for v in self.objective.variables for label in v.labels}


def nested_pair(
    null: Fit | pm.Model | Objective, alternative: Fit | pm.Model | Objective, progressbar: bool = False
) -> tuple[Fit, Fit]:
    """Fit what is not a fit; the alternative also from the null's estimate.

    Parameters
    ----------
    null, alternative : Fit, pm.Model or Objective
        The smaller model, of which nothing may be free, and the larger.
    progressbar : bool
        Whether to show the progress of fits.

    Returns
    -------
    null, alternative : Fit
        Both fitted.

    Raises
    ------
    ValueError
        If a null without free variables leaves a parameter open, or has other data.
    """
    if isinstance(null, pm.Model) and not null.free_RVs:
        larger = fit_of(alternative, VERB, prior_weight=0.0, progressbar=progressbar)
        return _point_null(null, larger.objective), larger
    smaller = fit_of(null, VERB, prior_weight=0.0, progressbar=progressbar)
    if not isinstance(alternative, pm.Model | Objective):
        return smaller, fit_of(alternative, VERB)
    objective = objective_of(alternative)
    shapes = {v.name: v.shape for v in objective.variables}
    shared = {n: x for n, x in natural_point(smaller).items() if shapes.get(n) == x.shape}
    starts: Starts = [{}, shared] if shared else 1
    return smaller, fit_of(objective, VERB, starts=starts, prior_weight=0.0, progressbar=progressbar)


def _point_null(model: pm.Model, objective: Objective) -> Fit:
    """Return the alternative's objective with all its parameters at the values that the null gives them."""
    values = {v.name: known_value(model, v.name) for v in objective.variables}
    missing = [name for name, value in values.items() if value is None]
    if missing:
        raise ValueError(
            f"Expected a null that fixes every parameter of the alternative, got no value for {missing[0]!r}: make it "
            "with pm.do."
        )
    _refuse_other_observed(model, objective)
    shapes = {v.name: v.shape for v in objective.variables}
    point = {name: np.broadcast_to(np.asarray(value), shapes[name]) for name, value in values.items()}
    vector = objective.layout().join(point)
    restricted = RestrictedObjective(objective, objective.names, dict(enumerate(vector.tolist())))
    natural = NaturalScale(search(restricted, np.zeros(0)), StatusReport(Status.CONVERGED), "observed").settle()
    return PointNull(Status.CONVERGED, "Nothing is free.", "observed", natural, ())


def _refuse_other_observed(model: pm.Model, objective: Objective) -> None:
    mine, theirs = observed_values(model), observed_data(objective)
    same = mine.keys() == theirs.keys() and all(np.array_equal(mine[n], theirs[n], equal_nan=True) for n in mine)
    if not same:
        raise ValueError(
            "Expected two models of the same data, got other observed variables or values in the null: likelihoods of "
            "different data do not compare."
        )


# An alternative that ends above the null by less than this has arrived at the null.
SAME_AS_NULL = 1e-3
# A statistic that is nearer to 0 than this is 0, where a mixture has its χ²₀.
ZERO = 1e-8
# How far to either side of its estimate a parameter begins that vanishes under the null, on the unconstrained scale.
VANISHED = 3.0


class RatioSimulator:
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
        ends = [search_from_start(twin, theta, "") for theta in starts]
        found = [infimum(end.report.status, end.result, self.begin) for end in ends]
        return min((value for value in found if not np.isnan(value)), default=np.nan)

    def _refit_null(self, data: Mapping[str, Any]) -> tuple[float, Mapping[str, Array]]:
        twin = self.null.objective.with_data(**data)
        if self.null.n_parameters == 0:
            restricted = self.null.result.restricted
            return RestrictedObjective(twin, restricted.natural, restricted.fixed).value(np.zeros(0)), self.point
        end = search_from_start(twin, self.begin_null, "")
        return infimum(end.report.status, end.result, self.begin_null), end.result.restricted.natural_point(
            end.result.x
        )

    def _beside(self, null_point: Mapping[str, Array], share: float) -> Array:
        """Return the null's refit as a place of the alternative, with what the null fixes moved off by a share."""
        objective = self.alternative.objective
        shapes = {v.name: v.shape for v in objective.variables}
        shared = {n: x for n, x in null_point.items() if shapes.get(n) == x.shape and self.null.n_parameters}
        theta = objective.pack({**_ran_away(self.alternative, self.nesting, share), **shared})
        return np.where(np.isfinite(theta), theta, self.begin)


def _ran_away(alternative: Fit, nesting: Nesting, share: float) -> dict[str, Array]:
    """Return the alternative's estimate, with what the null fixes moved from there to it, but for a share."""
    objective, estimate = alternative.objective, natural_point(alternative)
    if nesting.point is None:
        return estimate
    layout = objective.layout()
    vector, initial = layout.join(estimate), layout.join(objective.initial_point())
    off = np.where(vector == nesting.point, initial, vector)
    moved = nesting.point + share * (off - nesting.point)
    fixed = np.isin(layout.labels, list(nesting.fixed)) & (np.abs(nesting.point) < ALMOST_INFINITE)
    return layout.split(np.where(fixed, moved, vector))
