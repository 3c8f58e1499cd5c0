"""The fits that a likelihood ratio test is made of: of the data, and of data simulated under the null.

A null in which nothing is free is a point of the alternative. The simulated law is that of the parametric bootstrap
(Davison & Hinkley 1997, *Bootstrap Methods and their Application*, chapter 4).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from pymc_landscape._typing import Array, ModelLike
from pymc_landscape.inference.hypothesis_tests.nested_models import Nesting
from pymc_landscape.inference.hypothesis_tests.null_point import ALMOST_INFINITE
from pymc_landscape.inference.hypothesis_tests.unfitted_models import null_without_parameters, with_effects_of
from pymc_landscape.inference.hypothesis_tests.vanished_starts import VanishedStarts
from pymc_landscape.inference.resampling import natural_point, restricted_like, start_inside
from pymc_landscape.objective import Objective, RestrictedObjective, objective_of, pymc_model
from pymc_landscape.objective.observations import Data, Simulator, data_set
from pymc_landscape.optimize import (
    Fit,
    fit_of,
    fit_weighted,
    has_infimum,
    infimum,
    search,
    search_from_start,
)
from pymc_landscape.optimize.stacks import StackedSearches

VERB = "likelihood_ratio_test"
# An alternative that ends above the null by less than this, in units of −2LL, has converged to the null.
SAME_AS_NULL = 1e-3
# A statistic that is nearer to 0 than this is 0, where a mixture has its χ²₀.
ZERO = 1e-8
# Where the alternative starts between the null (0) and its own estimate (1): first half way, then near either.
HALF, NEAR_NULL, NEAR_ESTIMATE = 0.5, 0.05, 1.0


def nested_pair(
    null: Fit | ModelLike | Objective, alternative: Fit | ModelLike | Objective, progressbar: bool = False
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
    if not isinstance(null, Fit | Objective) and not pymc_model(null).free_RVs:
        larger = fit_of(alternative, VERB, prior_weight=0.0, progressbar=progressbar)
        return null_without_parameters(pymc_model(null), larger.objective), larger
    smaller = fit_of(with_effects_of(alternative, null), VERB, prior_weight=0.0, progressbar=progressbar)
    if isinstance(alternative, Fit):
        return smaller, alternative
    objective = objective_of(alternative)
    shapes = {v.name: v.shape for v in objective.variables}
    shared = {n: x for n, x in natural_point(smaller).items() if shapes.get(n) == x.shape}
    larger = fit_of(objective, VERB, prior_weight=0.0, progressbar=progressbar)
    if not shared:
        return smaller, larger
    nearby = fit_weighted(larger.objective, starts=[shared], progressbar=progressbar)
    better = nearby.status.is_optimum and not larger.status.is_optimum
    return smaller, nearby if better or nearby.result.is_lower(larger.result) else larger


class RatioSimulator:
    """The statistic of data simulated under the null, both models fitted to them; NaN where a fit failed.

    Parameters
    ----------
    null, alternative : Fit
        The two fits of the observed data.
    nesting : Nesting
        The null as a point of the alternative.
    """

    def __init__(self, null: Fit, alternative: Fit, nesting: Nesting):
        self.null, self.alternative, self.nesting = null, alternative, nesting
        self.simulator, self.point = Simulator(null.objective), natural_point(null)
        self.null_start, self.start = start_inside(null), start_inside(alternative)
        off, at_null = (self._between(self.point, share) for share in (NEAR_ESTIMATE, 0.0))
        self.vanished = VanishedStarts(alternative.objective, self.start, nesting.vanished, off, at_null)

    def better_alternative(self) -> Fit | None:
        """Return a lower fit of the observed data, where one is found over the values of what vanishes."""
        if not len(self.vanished):
            return None
        objective = self.alternative.objective
        ends = self.vanished.lowest(objective, [self._between(self.point, share) for share in (HALF, NEAR_NULL)])
        starts = [end.x for end in ends]
        results = [search_from_start(objective, theta, "").result for theta in starts]
        best = min(results, key=lambda result: result.value)
        if not best.is_lower(self.alternative.result, SAME_AS_NULL):
            return None
        found = fit_weighted(objective, starts=[best.restricted.natural_point(best.x)], progressbar=False)
        lower = has_infimum(found.status, found.result) and found.result.is_lower(self.alternative.result)
        return found if lower else None

    def __call__(self, seeds: Sequence[int]) -> Iterator[float]:
        """Yield LR of one simulated data set a seed; an alternative that ends above the null is searched again."""
        data = self.simulator.several(self.point, seeds)
        nulls = list(self._refit_nulls(data))
        minima = [np.nan] * len(nulls) if len(self.vanished) else self._refit_alternatives(data, nulls)
        for i, ((null_minimum, null_point), lowest) in enumerate(zip(nulls, minima, strict=True)):
            statistic = null_minimum - lowest
            if not statistic >= -SAME_AS_NULL:
                twin = self.alternative.objective.with_data(**data_set(data, i))
                statistic = self._searched_again(twin, null_minimum, null_point)
            yield statistic if not statistic <= ZERO else 0.0

    def _searched_again(self, twin: Objective, null_minimum: float, null_point: Mapping[str, Array]) -> float:
        """Return LR of one data set, from more starts of the alternative; NaN where it ends above the null still."""
        half, *again = [self._between(null_point, share) for share in (HALF, NEAR_NULL, NEAR_ESTIMATE)]
        lowest = self._supremum(twin, [half, again[0]]) if len(self.vanished) else self._minimum(twin, again)
        return null_minimum - lowest if null_minimum - lowest >= -SAME_AS_NULL else np.nan

    def _refit_alternatives(self, data: Data, nulls: Sequence[tuple[float, Mapping[str, Array]]]) -> Iterator[float]:
        """Yield the lowest −2LL to which a search from the first two starts converged; NaN where none did."""
        objective = self.alternative.objective
        halves = self._between({name: np.stack([point[name] for _, point in nulls]) for name in nulls[0][1]}, HALF)
        searches = [StackedSearches(objective, data, theta, "") for theta in (self.start, halves)]
        for i in range(len(nulls)):
            values = [each.infimum(i, self.start) for each in searches]
            yield min((value for value in values if not np.isnan(value)), default=np.nan)

    def _supremum(self, twin: Objective, bases: Sequence[Array]) -> float:
        """Return the lowest −2LL over all values of what vanishes; where no minimum is met, as in a corner, the lowest.

        Every value that is attained is a bound of the infimum.
        """
        lowest = np.inf
        for end in self.vanished.lowest(twin, bases):
            lowest = min(lowest, end.value)
            if not end.converged:
                found = search(RestrictedObjective(twin), end.x)
                lowest = min(lowest, np.nan_to_num(found.value, nan=np.inf))
        return lowest if np.isfinite(lowest) else np.nan

    def _refit_nulls(self, data: Data) -> Iterator[tuple[float, Mapping[str, Array]]]:
        """Yield the null's lowest −2LL of each simulated data set, and the natural point there."""
        objective = self.null.objective
        if self.null.n_parameters == 0:
            for i in range(len(next(iter(data.values())))):
                twin = objective.with_data(**data_set(data, i))
                yield restricted_like(self.null.result.restricted, twin).value(np.zeros(0)), self.point
            return
        searches = StackedSearches(objective, data, self.null_start, "")
        points = searches.natural_points()
        for i, regular in enumerate(searches.regular):
            if regular:
                point = {name: values[i] for name, values in points.items()}
            else:
                end = searches.start_result(i).result
                point = end.restricted.natural_point(end.x)
            yield searches.infimum(i, self.null_start), point

    def _minimum(self, twin: Objective, starts: Sequence[Array]) -> float:
        """Return the lowest −2LL to which a search from one of the starts converged; NaN where none did."""
        results = [search_from_start(twin, theta, "") for theta in starts]
        values = [infimum(each.report.status, each.result, self.start) for each in results]
        return min((value for value in values if not np.isnan(value)), default=np.nan)

    def _between(self, null_point: Mapping[str, Array], share: float) -> Array:
        """Return the null's refits in the alternative, with what the null fixes moved by a share of its way off it.

        Refits may have leading dims.
        """
        objective = self.alternative.objective
        layout, own = objective.layout(), self.null.objective.layout()
        vector = layout.join(self._off_the_null(share))
        if self.null.n_parameters:
            places = {label: i for i, label in enumerate(own.labels)}
            shared = [(j, places[label]) for j, label in enumerate(layout.labels) if label in places]
            mine = own.join(null_point)
            vector = np.broadcast_to(vector, (*mine.shape[:-1], len(vector))).copy()
            vector[..., [j for j, _ in shared]] = mine[..., [i for _, i in shared]]
        theta = objective.vector(layout.split(vector), objective.names)
        return np.where(np.isfinite(theta), theta, self.start)

    def _off_the_null(self, share: float) -> dict[str, Array]:
        """Return the alternative's estimate, with what the null fixes at a share of the way from the null to it."""
        objective, null = self.alternative.objective, self.nesting.point
        estimate = natural_point(self.alternative)
        if null is None:
            return estimate
        layout = objective.layout()
        vector, initial = layout.join(estimate), layout.join(objective.initial_point())
        off = np.where(vector == null, initial, vector)
        moved = null + share * (off - null)
        fixed = np.isin(layout.labels, list(self.nesting.fixed)) & (np.abs(null) < ALMOST_INFINITE)
        return layout.split(np.where(fixed, moved, vector))
