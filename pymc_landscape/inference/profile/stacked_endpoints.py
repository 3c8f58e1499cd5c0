"""Limits of intervals for many data sets at once: by curvature, and by the profile where that is beyond doubt.

Each data set has a minimum of its own, and from each the same Newton steps lead to the ends as from a single one. All
ends of all data sets walk as one stack. What is then asked of an end by values alone, whether something is lower on the
way to it or beside it, is asked of all in one call. An end that does not converge, beside which a bound or another
minimum may be, or of a surface that may have copies of its optimum, is not certain; that is no verdict.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._typing import Array
from pymc_landscape.inference.profile.constrained_point import ROUGH
from pymc_landscape.inference.profile.continuation import LOWER
from pymc_landscape.inference.profile.endpoint_newton import CLOSE, LONGEST, REMAINING, STEPS
from pymc_landscape.inference.profile.endpoints import SCREEN
from pymc_landscape.inference.profile.level_points import LevelPoints, LevelProblems, level_points_batch
from pymc_landscape.inference.profile.local_minima import FALL, POINTS, REACH
from pymc_landscape.inference.profile.quantities import Quantity
from pymc_landscape.numerics import QuadraticModels, chi2_cutoff, lengths_batch, noise, two_sided_z
from pymc_landscape.objective import RestrictedObjective
from pymc_landscape.optimize.stacks import StackedSearches, elements_near_bounds, may_be_symmetric

Rows = NDArray[np.intp]
Certain = NDArray[np.bool_]
# So many points on the way to ends and beside them are looked at together.
AT_ONCE = 2**18
METHODS = ("wald", "profile")


class StackedEndpoints:
    """Limits of intervals of single parameters, for many data sets.

    Parameters
    ----------
    searches : StackedSearches
        The minima; limits are found of regular ones.
    quantities : sequence of Quantity
        Elements that are transformed by themselves.
    level : float
        Confidence level.
    """

    def __init__(self, searches: StackedSearches, quantities: Sequence[Quantity], level: float):
        self.quantities, self.level, self.data = quantities, level, searches.data
        self.rows, self.here = searches.regular_models()
        self._restricted = RestrictedObjective(self.data.objective)
        self._held = np.array([quantity.position(self._restricted) for quantity in quantities], dtype=int)
        self._n_sets = len(searches.regular)

    @staticmethod
    def can_stack(quantities: Sequence[Quantity], methods: Sequence[str]) -> bool:
        """Return whether all of these limits can be found for many data sets at once."""
        return set(methods) <= set(METHODS) and all(quantity.element is not None for quantity in quantities)

    def limits(self, methods: Sequence[str]) -> tuple[Array, Certain]:
        """Return limits (S, method, quantity, bound) of the S data sets, and of which they are certain (S,).

        Limits that are not certain are NaN.
        """
        certain, limits = (
            np.zeros(self._n_sets, bool),
            np.full((self._n_sets, len(methods), len(self._held), 2), np.nan),
        )
        if not len(self.rows):
            return limits, certain
        found = {"wald": self._wald, "profile": self._profile}
        own = np.ones(len(self.rows), bool)
        for m, method in enumerate(methods):
            limits[self.rows, m], known = found[method]()
            own &= known
        certain[self.rows] = own
        limits[~certain] = np.nan
        return limits, certain

    # --- at the minima -----------------------------------------------------------------------------------------------

    def _natural(self, x: Array) -> Array:
        """Return the natural values (n, q) of the quantities at points (n, k)."""
        with np.errstate(all="ignore"):
            points = self._restricted.natural_points(x)
        elements = [quantity.element for quantity in self.quantities]
        return np.stack([points[v.name].reshape(len(x), -1)[:, i] for v, i in elements if v], axis=1)  # type: ignore[misc]

    def _rates(self) -> Array:
        """Return how fast natural values (r, q) change with the elements, at the minima."""
        r, k = self.here.x.shape
        jacobian = self._restricted.engine("natural_jacobian").at(self.here.x)["jacobian"].reshape(r, k, -1)
        return np.stack(
            [jacobian[:, i] @ q.weights[: jacobian.shape[2]] for i, q in zip(self._held, self.quantities, strict=True)],
            axis=1,
        )

    def _wald(self) -> tuple[Array, Certain]:
        covariances = 2.0 * self.here.inverses()
        with np.errstate(invalid="ignore"):
            errors = np.abs(self._rates()) * np.sqrt(np.einsum("nii->ni", covariances)[:, self._held])
        reach = two_sided_z(self.level) * errors
        known = (np.isfinite(errors) & (errors > 0)).all(axis=1)
        return self._natural(self.here.x)[:, :, None] + reach[:, :, None] * np.array([-1.0, 1.0]), known

    # --- by the profile ----------------------------------------------------------------------------------------------

    def _profile(self) -> tuple[Array, Certain]:
        """Return limits (r, q, 2) and of which data sets all are certain."""
        r, q = len(self.rows), len(self._held)
        place = np.repeat(np.arange(r), 2 * q)
        held, side = np.tile(np.repeat(self._held, 2), r), np.tile([-1.0, 1.0], r * q)
        direction = side * np.where(np.repeat(self._rates(), 2, axis=1) >= 0, 1.0, -1.0).ravel()
        with np.errstate(all="ignore"):
            found = self._newton(place, held, direction)
            ends = _Ends(self, found, place, held)
            certain = ends.are_arrived(direction) & ends.are_settled()
            estimates = np.repeat(self._natural(self.here.x), 2, axis=1)
            bounds = np.array([quantity.bounds for quantity in self.quantities]).ravel()
            whole = (certain.reshape(r, 2 * q) & (estimates != bounds)).all(axis=1)
            whole = self._nothing_lower(ends, whole)
            limits = self._natural(np.where(np.isfinite(found.x), found.x, np.nan))
        own = np.tile(np.repeat(np.arange(q), 2), r)
        return limits[np.arange(len(own)), own].reshape(r, q, 2), whole

    def _newton(self, place: Rows, held: Rows, direction: Array) -> LevelPoints:
        """Take Newton's steps from each minimum to its ends, as from a single one."""
        here, n = self.here, len(place)
        m, rise = here.x.shape[1], float(chi2_cutoff(self.level))
        along = 2.0 * here.inverses()[place, held]
        reach = direction * np.sqrt(rise / along[np.arange(n), held])
        rounding = 10.0 * noise(here.value)[place]
        problems = LevelProblems(
            target=here.value[place] + rise,
            held=held[:, None],
            planes=np.empty((n, 0, m)),
            offsets=np.empty((n, 0)),
            metric=here.hessian[place],
            longest=np.full(n, LONGEST * max(1.0, np.sqrt(rise))),
            close=np.maximum(CLOSE, rounding),
            off=0.0,
            remaining=np.maximum(REMAINING, rounding),
        )
        sets = self.rows[place]
        return level_points_batch(
            lambda rows, x: self.data.derivatives(sets[rows], x),
            problems,
            here.x[place] + reach[:, None] * along,
            STEPS,
        )

    def _nothing_lower(self, ends: _Ends, asked: Certain) -> Certain:
        """Return of which data sets, of those asked for, nothing is lower on the way to their ends or beside them."""
        whole, each = asked.copy(), 2 * len(self._held)
        left = np.flatnonzero(asked)
        if len(left) and self.data.are_convex:
            left = left[~ends.are_as_foretold().reshape(-1, each)[left].all(axis=1)]
        if not len(left):
            return whole
        whole[left] &= ~may_be_symmetric(self.data, self.rows[left], self.here.x[left])
        left = left[whole[left]]
        pairs = (left[:, None] * each + np.arange(each)).ravel()
        at_once = max(AT_ONCE // ends.n_screened, 1)
        parts = [ends.have_nothing_lower(pairs[a : a + at_once]) for a in range(0, len(pairs), at_once)]
        whole[left] = np.concatenate([np.zeros(0, bool), *parts]).reshape(-1, each).all(axis=1)
        return whole


class _Ends:
    """The last points of the stack on the way to ends, and what is asked of them.

    Parameters
    ----------
    stack : StackedEndpoints
        The minima.
    found : LevelPoints
        The points (n, k).
    place : array (n,) of int
        From which minimum each came.
    held : array (n,) of int
        Which element is not stationary there.
    """

    def __init__(self, stack: StackedEndpoints, found: LevelPoints, place: Rows, held: Rows):
        self.found, self.place, self.held = found, place, held
        self.begin, self.value = stack.here.x[place], stack.here.value[place]
        self.data, self.sets, self._restricted = stack.data, stack.rows[place], stack._restricted
        k = self.begin.shape[1]
        beside = 2 * (k - 1) * len(REACH)
        self.n_beside = beside if beside <= POINTS else 0
        self.n_screened = len(SCREEN) + 9 + self.n_beside

    def are_arrived(self, direction: Array) -> Certain:
        """Return which are ends: on the way up, on the right side, and minimal across."""
        found, each = self.found, np.arange(len(self.held))
        outwards = direction * found.gradient[each, self.held] > 0
        outwards &= direction * (found.x[each, self.held] - self.begin[each, self.held]) > 0
        return np.asarray(found.converged & outwards & found.rise_across(self.held[:, None]))

    def are_settled(self) -> Certain:
        """Return beside which no bound of another element is near."""
        settled = self._is_known.copy()
        points, known = self._models, np.flatnonzero(settled)
        errors = np.sqrt(np.abs(2.0 * np.einsum("nii->ni", points.inverses())))
        near = elements_near_bounds(self._restricted, points.x, errors, transformed_only=True)
        near[np.arange(len(known)), self.held[known]] = False
        settled[known] = ~near.any(axis=1)
        return settled

    @property
    def _is_known(self) -> Certain:
        return np.isfinite(self.found.value) & self.found.converged

    @property
    def _models(self) -> QuadraticModels:
        known, found = self._is_known, self.found
        return QuadraticModels(found.x[known], found.value[known], found.gradient[known], found.hessian[known])

    def are_as_foretold(self) -> Certain:
        """Return which have the value that the last short step has foretold."""
        value = self.found.value
        return np.asarray(np.abs(value - self.found.foretold) <= np.maximum(ROUGH, 100 * noise(value)))

    def have_nothing_lower(self, rows: Rows) -> Certain:
        """Return which of some ends have their digits, and no lower point on the line to them or risen around them."""
        begin, x = self.begin[rows][:, None], self.found.x[rows][:, None]
        value, start = self.found.value[rows], self.value[rows]
        line = begin + SCREEN[:, None] * (x - begin)
        last = x + np.spacing(np.abs(x)) * np.arange(-4, 5)[:, None]
        points = np.concatenate([line, last, *self._beside(rows)], axis=1)
        n, each, k = points.shape
        values = self.data.values(np.repeat(self.sets[rows], each), points.reshape(-1, k)).reshape(n, each)
        on_line, digits, beside = np.split(values, [len(SCREEN), len(SCREEN) + 9], axis=1)
        gains = np.diff(np.concatenate([start[:, None], on_line[:, SCREEN <= 1.0]], axis=1), axis=1)
        certain = (gains >= 0.5 * np.maximum.accumulate(gains, axis=1)).all(axis=1)
        certain &= np.ptp(digits, axis=1) <= np.maximum(ROUGH, 100 * noise(value))
        certain &= ~(on_line.min(axis=1) < start - LOWER - noise(start))
        ways = beside.reshape(n, -1, len(REACH))
        risen = np.maximum(np.where(np.isfinite(ways), ways, -np.inf), value[:, None, None])
        dips = ways < np.maximum.accumulate(risen, axis=2) - FALL
        return np.asarray(certain & ~dips.any(axis=(1, 2)))

    def _beside(self, rows: Rows) -> list[Array]:
        """Return points (n, ·, k) out along each other element, and against it."""
        if not self.n_beside:
            return []
        n, k = len(rows), self.begin.shape[1]
        hessian = self.found.hessian[rows]
        scale = lengths_batch(hessian)
        others = np.arange(k - 1) + (np.arange(k - 1) >= self.held[rows][:, None])
        away = np.zeros((n, k - 1, k))
        away[np.arange(n)[:, None], np.arange(k - 1), others] = 1.0 / np.take_along_axis(scale, others, axis=1)
        ways = np.concatenate([away, -away], axis=1)[:, :, None, :] * REACH[:, None]
        return [self.found.x[rows][:, None] + ways.reshape(n, -1, k)]
