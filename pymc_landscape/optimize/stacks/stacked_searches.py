"""One search for each of many data sets: those that are regular side by side, the others one by one.

A refit to simulated data is one of thousands, and most are alike: a few Newton steps from the same start to a minimum
inside the support, with nothing suspicious about it. These walk as one stack. What is not beyond doubt (a bound ahead,
a direction without curvature, a value that is not finite, a likelihood without a maximum) is searched as any fit is, by
`search_from_start`; so that results are those of that search, whichever way they came.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._typing import Array
from pymc_landscape.numerics import QuadraticModels, StackedMinima, descend_newton_stack
from pymc_landscape.objective import Objective, RestrictedObjective
from pymc_landscape.objective.observations import StackedData
from pymc_landscape.optimize import (
    INFINITE_DISTANCE,
    NEWTON,
    SearchResult,
    StartResult,
    Status,
    StatusReport,
    infimum,
    search_from_start,
)
from pymc_landscape.optimize.stacks.regular_minima import RegularMinima


class StackedSearches:
    """The results of one search for each data set.

    Parameters
    ----------
    objective : Objective
        The model.
    data : mapping of str to array
        By name of an observed variable: S data sets (S, ...).
    theta : array (k,) or (S, k)
        Where the searches begin, unconstrained.
    origin : str
        Where that comes from, in words.

    Attributes
    ----------
    regular : array (S,) of bool
        Which ended at an optimum inside the support and beyond doubt: of these the numbers are at hand.
    x, value, begin_value : array (S, k), array (S,), array (S,)
        Of regular ones, the optimum, −2 (log L + w log prior) there, and at the start; NaN of the others.
    """

    def __init__(self, objective: Objective, data: Mapping[str, Array], theta: Array, origin: str):
        self.objective, self.origin = objective, origin
        self.data = StackedData(objective, data)
        n = self.data.n_sets
        self.start = np.broadcast_to(theta, (n, objective.size))
        self.regular, self.x = np.zeros(n, bool), np.full((n, objective.size), np.nan)
        self.value, self.begin_value = np.full(n, np.nan), np.full(n, np.nan)
        self._minima: StackedMinima | None = None
        self._results: dict[int, StartResult] = {}
        self._place = np.full(n, -1)  # of each data set among those that arrived
        stackable = self.data.can_be_evaluated and objective.size > 0
        if stackable and np.isfinite(self.start).all():  # one, too: it has the same digits in whatever company it comes
            self._search()

    def _search(self) -> None:
        with np.errstate(all="ignore"):  # far out, anything overflows
            minima = self._minima = descend_newton_stack(self.data.derivatives, self.start)
            certain = RegularMinima(self.data, minima).are_certain()
        self._place[minima.rows] = np.arange(len(minima.rows))
        rows = minima.rows[certain]
        self.regular[rows] = True
        self.x[rows], self.value[rows] = minima.here.x[certain], minima.here.value[certain]
        self.begin_value[rows] = minima.begin_value[rows]

    def regular_models(self) -> tuple[NDArray[np.intp], QuadraticModels]:
        """Return which data sets (r,) are regular, and their surfaces at the optima."""
        rows = np.flatnonzero(self.regular)
        if self._minima is None:
            k = self.objective.size
            return rows, QuadraticModels(np.empty((0, k)), np.empty(0), np.empty((0, k)), np.empty((0, k, k)))
        return rows, self._minima.here.take(self._place[rows])

    def natural_points(self) -> dict[str, Array]:
        """Return the natural values of every variable at the optima, (S, ...); NaN where a search is not regular."""
        vectors = np.full((len(self.regular), self.objective.layout().size), np.nan)
        if self.regular.any():
            natural = RestrictedObjective(self.objective).natural_points(self.x[self.regular])
            vectors[self.regular] = self.objective.layout().join(natural)
        return self.objective.layout().split(vectors)

    def infimum(self, i: int, begin: Array) -> float:
        """Return the lowest −2LL that the search of data set i reached or ran towards; NaN where it did neither.

        `begin` is an unconstrained vector at which the densities have all their digits.
        """
        transformed = self.objective.layout(self.objective.names).transformed
        if self.regular[i] and not (np.abs(self.x[i] - begin)[transformed] > INFINITE_DISTANCE).any():
            return float(self.value[i])
        end = self.start_result(i)
        return infimum(end.report.status, end.result, begin)

    def start_result(self, i: int) -> StartResult:
        """Return the result of data set i, whichever way it comes."""
        if i not in self._results:
            self._results[i] = self._start_result(i)
        return self._results[i]

    def _start_result(self, i: int) -> StartResult:
        twin = self.data.with_set(self.objective, i)
        if not self.regular[i] or self._minima is None:
            return search_from_start(twin, np.array(self.start[i]), self.origin)
        here, j = self._minima.here, self._place[i]
        n = int(self._minima.n_iterations[i])
        result = SearchResult(
            RestrictedObjective(twin),
            here.x[j],
            float(here.value[j]),
            here.gradient[j],
            here.hessian[j],
            0.5 * float(here.decrement[j]),
            NEWTON,
            begin_value=float(self.begin_value[i]),
            n_iterations=n,
            n_evaluations=n + 1,
        )
        return StartResult(np.array(self.start[i]), self.origin, result, StatusReport(Status.CONVERGED))
