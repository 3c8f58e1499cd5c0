"""Minimisation over the nuisance parameters at points of a grid, with an active set of bounds.

Many points are solved as one batch by Newton's method (`solve_batch`); first points and those on which the batch fails
are solved singly, in a trust region (`solve_single`).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.landscape.profile_active_set import ActiveSet, Indices
from pymc_landscape.numerics import BatchMinima, covariance, newton_descent_batch, newton_steps, noise
from pymc_landscape.objective import BoundElement, FreeVariable, largest_noise_between
from pymc_landscape.optimize import BOUND_TOLERANCE, SearchResult, bound_ahead, bounds_ahead, search, settle

# A slope at a bound of less than this per standard error counts as zero.
SLOPE = 1e-7
# An element is on its way to a bound if it moved so far in that direction without converging.
RUN = 1.0
# An element that has moved so far, unconstrained, and has no curvature there, may have lost it to rounding of more than
# this standard deviation, in −2LL, between the two.
GONE, BLIND = 5.0, 1e-3


@dataclass(frozen=True)
class NuisanceSolution:
    """The minimum over the nuisance parameters at one point of a grid.

    Parameters
    ----------
    active_set : ActiveSet
        Which elements are free.
    x : array (m,)
        Their values.
    value : float
        The objective; infinite where it has no value.
    status : str
        ``converged``, ``at_bound``, ``unbounded``, ``failed`` or ``outside``.
    tangent : array (m, h) or None
        Their derivatives by the elements on axes.
    scale : array (m,) or None
        One over lengths along which the value rises by about one.
    """

    active_set: ActiveSet
    x: Array
    value: float
    status: str
    tangent: Array | None = None
    scale: Array | None = None

    @property
    def is_optimum(self) -> bool:
        """Whether it is a local minimum."""
        return self.status in ("converged", "at_bound")

    @property
    def is_finite(self) -> bool:
        """Whether there is a value."""
        return bool(np.isfinite(self.value))


# --- many points -----------------------------------------------------------------------------------------------------


def solve_batch(active_set: ActiveSet, ps: Indices, x: Array, spare: Array) -> list[NuisanceSolution | None]:
    """Minimise at many points with the same active set.

    Parameters
    ----------
    active_set : ActiveSet
        Their active set.
    ps : array (n,) of int
        The points.
    x, spare : array (n, m)
        Where each begins, and where it begins if there is no value at x.

    Returns
    -------
    list of NuisanceSolution or None
        None for a point at which this fails.
    """
    if not active_set.has_hessians:
        return [None] * len(ps)
    minima = newton_descent_batch(
        lambda rows, x: active_set.value_gradient_hessian(ps[rows], x),
        active_set.free,
        active_set.layout.size,
        x,
        spare,
    )
    minima.remaining_decrease[_lost(active_set, ps, minima, spare)] = np.inf
    stays = minima.converged & _stay_on_bounds(active_set, ps, minima)
    best: list[NuisanceSolution | None] = [
        _solved(active_set, minima, i) if good else None for i, good in enumerate(stays.tolist())
    ]
    for bounds, rows in _ahead(active_set, minima, x, spare, stays | ~minima.converged):
        other = active_set.active_sets.active_set(int(ps[rows[0]]), {**active_set.bounds, **bounds})
        begins = (other.transfer(active_set, ps[rows], z[rows]) for z in (minima.x, spare))
        for i, found in zip(rows.tolist(), solve_batch(other, ps[rows], *begins), strict=True):
            best[i] = _lower(best[i], found)
    return best


def _lost(active_set: ActiveSet, ps: Indices, minima: BatchMinima, begin: Array) -> Indices:
    """Return the rows that went to where an element matters no more, if only for rounding: α + y = α."""
    curvature = minima.hessian[:, active_set.free, active_set.free]
    gone = (curvature == 0) & (np.abs(minima.x - begin) > GONE)
    rows = np.flatnonzero(minima.converged & gone.any(axis=1))
    restrictions = [active_set.restricted(int(ps[i])) for i in rows]
    pairs = zip(restrictions, rows, strict=True)
    sizes = [largest_noise_between(restricted, begin[i], minima.x[i]) for restricted, i in pairs]
    return rows[np.array(sizes) > BLIND]


def solved(active_set: ActiveSet, x: Array, value: float, hessian: Array, inverse: Array) -> NuisanceSolution:
    """Return an optimum with its tangent along the axes, dx/dψ = −H⁻¹ ∂²f/∂x∂ψ."""
    tangent = -inverse @ hessian[active_set.free[:, None], active_set.axes]
    scale = np.sqrt(np.abs(hessian.diagonal()[active_set.free]))
    return NuisanceSolution(active_set, x, value, "at_bound" if active_set.bounds else "converged", tangent, scale)


def _solved(active_set: ActiveSet, minima: BatchMinima, i: int) -> NuisanceSolution:
    return solved(active_set, minima.x[i], float(minima.value[i]), minima.hessian[i], minima.inverse[i])


def _lower(one: NuisanceSolution | None, at_bound: NuisanceSolution | None) -> NuisanceSolution | None:
    """Return the lower of two; of equals, the one at the bound."""
    if one is None or at_bound is None:
        return one or at_bound
    return at_bound if at_bound.value <= one.value + BOUND_TOLERANCE + noise(one.value) else one


def _stay_on_bounds(active_set: ActiveSet, ps: Indices, minima: BatchMinima) -> NDArray[np.bool_]:
    """Whether the objective rises from each active bound inwards, minimised over the free elements.

    At a standard deviation of 0 the slope is 0, and the curvature decides.
    """
    stay = np.ones(len(ps), bool)
    free = active_set.free
    for position, ((name, i), bound) in zip(active_set.at_bounds, active_set.bounds.items(), strict=True):
        inward = np.sign(active_set.active_sets.typical((name, i)) - bound)
        across = minima.hessian[:, position][:, free]
        bend = minima.hessian[:, position, position] - np.einsum("ni,nij,nj->n", across, minima.inverse, across)
        with np.errstate(invalid="ignore", divide="ignore"):
            slope = inward * minima.gradient[:, position] / np.sqrt(np.maximum(np.abs(bend), 1e-300))
        rises = np.where(np.abs(slope) > SLOPE, slope > 0, bend >= 0)
        known = ~np.isnan(slope) & ~np.isnan(bend)
        unknown = np.flatnonzero(minima.converged & ~known)
        for row in unknown:
            value = float(minima.value[row])
            rises[row] = active_set.lower_inside(int(ps[row]), minima.x[row], (name, i), value) is None
        stay &= rises
    return stay


def _ahead(
    active_set: ActiveSet, minima: BatchMinima, begin: Array, spare: Array, asked: NDArray[np.bool_]
) -> list[tuple[dict[BoundElement, float], Indices]]:
    """Return the bounds towards which free elements are on their way, with the points for which that is so."""
    errors = np.sqrt(2.0 * np.abs(np.einsum("nii->ni", minima.inverse)))
    found: dict[int, dict[BoundElement, float]] = {}
    for j, element, v, typical in active_set.bounded:
        for i in np.flatnonzero(asked & np.isfinite(minima.value)).tolist():
            x, error = float(minima.x[i, j]), float(errors[i, j])
            if v.transform and not minima.converged[i] and np.sign(x) * (x - spare[i, j]) > RUN:
                error = np.inf
            bound = _passed(v, element[1], float(begin[i, j])) if v.transform is None else None
            bound = bound_ahead(v, element[1], x, error, typical) if bound is None else bound
            if bound is not None:
                found.setdefault(i, {})[element] = bound
    groups: dict[tuple[tuple[BoundElement, float], ...], list[int]] = {}
    for i, bounds in found.items():
        groups.setdefault(tuple(bounds.items()), []).append(i)
    return [(dict(bounds), np.array(rows)) for bounds, rows in groups.items()]


def _passed(v: FreeVariable, i: int, begin: float) -> float | None:
    """Return the bound beyond which the start of an element is."""
    low, high = v.limits(i)
    return low if begin < low else high if begin > high else None


# Newton's steps of one search.
ITERATIONS = 200


def solve_single(active_set: ActiveSet, p: int, x: Array) -> NuisanceSolution:
    """Minimise at one point, in a trust region; bounds are released and activated where that is lower.

    Parameters
    ----------
    active_set : ActiveSet
        Its active set.
    p : int
        The point.
    x : array (m,)
        Where to begin.

    Returns
    -------
    NuisanceSolution
        Also where it is no optimum.
    """
    with np.errstate(all="ignore"):
        return settle(_SingleMinimum(active_set, p, x)).as_solved()


class _SingleMinimum:
    """The minimum of the nuisance parameters at one point of a grid, with some bounds active."""

    def __init__(self, active_set: ActiveSet, p: int, x: Array):
        self.active_set, self.p = active_set, p
        restricted = active_set.restricted(p)
        self.result: SearchResult = search(restricted, x, ITERATIONS)
        active_set.active_sets.n_evaluations += restricted.n_evaluations

    @property
    def value(self) -> float:
        """The value at the minimum."""
        return self.result.value

    def released(self) -> Iterator[_SingleMinimum]:
        """Yield minima with one bound released, where the inside is lower."""
        for element in self.active_set.bounds:
            natural = self.active_set.lower_inside(self.p, self.result.x, element, self.value)
            if natural is not None:
                yield self._released(element, natural)

    def activated(self) -> Iterator[_SingleMinimum]:
        """Yield minima with one bound more active."""
        x = self.result.x
        for element, bound in bounds_ahead(self.result.restricted, x, self._errors).items():
            if not self.active_set.active_sets.variables[element[0]].elementwise:
                continue  # shares have a sum, which this layout does not keep
            other = self.active_set.active_sets.active_set(self.p, {**self.active_set.bounds, element: bound})
            yield _SingleMinimum(other, self.p, other.transfer(self.active_set, np.array([self.p]), x[None])[0])

    def _errors(self) -> Array:
        """Return standard errors, infinite where there is no Hessian."""
        hessian = self.result.hessian
        if hessian is None or not np.isfinite(hessian).all():
            return np.full(len(self.result.x), np.inf)
        return np.sqrt(np.abs(covariance(hessian).diagonal()))

    def as_solved(self) -> NuisanceSolution:
        """Return the solution, with its tangent where there are derivatives."""
        found, active_set = self.result, self.active_set
        if found.unbounded_below:
            return NuisanceSolution(active_set, found.x, -np.inf, "unbounded")
        if not np.isfinite(found.value):
            return NuisanceSolution(active_set, found.x, np.inf, "outside")
        here = self._with_tangent() if found.is_minimum else None
        if here is not None:
            return here
        status = "at_bound" if active_set.bounds else "converged"
        return NuisanceSolution(active_set, found.x, found.value, status if found.is_minimum else "failed")

    def _with_tangent(self) -> NuisanceSolution | None:
        active_set, x = self.active_set, self.result.x[None]
        if not active_set.has_hessians:
            return None
        _, slope, hessian = active_set.value_gradient_hessian(np.array([self.p]), x)
        own = hessian[:, active_set.free[:, None], active_set.free]
        if not (np.isfinite(own).all() and np.isfinite(slope[:, active_set.free]).all()):
            return None
        inverse = newton_steps(slope[:, active_set.free], own)[2]
        return solved(active_set, x[0], self.value, hessian[0], inverse[0])

    def _released(self, element: BoundElement, natural: float) -> _SingleMinimum:
        active_set, (name, i), where = self.active_set, element, np.array([self.p])
        rest = {other: bound for other, bound in active_set.bounds.items() if other != element}
        target = active_set.active_sets.active_set(self.p, rest)
        point = active_set.natural_points(where, self.result.x[None])
        point[name].reshape(1, -1)[0, i] = natural
        whole = active_set.vectors(where, self.result.x[None])
        whole[0, active_set.at_bounds[list(active_set.bounds).index(element)]] = natural
        return _SingleMinimum(target, self.p, target.start(point, like=(active_set, whole))[0])
