"""Nuisance minimisation: many grid points as one stack, hard ones singly.

The elements on no axis at their best, at one point of a grid or at many abreast, also on edges of their support.

The elements on no axis at their best at one point of a grid, by the careful way: for seeds and hard cases.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._typing import Array
from pymc_landscape.landscape.profile_active_set import ActiveSet, Indices
from pymc_landscape.landscape.profile_axes import Place
from pymc_landscape.numerics import Arrivals, covariance, newton_descent_batch, newton_steps, noise
from pymc_landscape.objective import FreeVariable
from pymc_landscape.optimize import BOUND_TOLERANCE, SearchResult, bound_ahead, bounds_ahead, search, settle

# A slope at an edge that is less than this for each standard error is none.
SLOPE = 1e-7
# A vector has run towards an edge if it went so far that way without arriving.
RUN = 1.0


@dataclass(frozen=True)
class NuisanceSolution:
    """A point of the grid with the others where they came to.

    Parameters
    ----------
    footing : ActiveSet
        Which elements are free.
    x : array (m,)
        Where those are.
    value : float
        What is minimised; infinite where it has no value.
    status : str
        ``converged``, ``at_bound``, ``unbounded``, ``failed`` or ``outside``.
    tangent : array (m, h) or None
        How they move with the elements on axes.
    scale : array (m,) or None
        One over lengths along which the value rises by about one.
    """

    footing: ActiveSet
    x: Array
    value: float
    status: str
    tangent: Array | None = None
    scale: Array | None = None

    @property
    def is_optimum(self) -> bool:
        """Whether the others are at their best, as far as can be seen nearby."""
        return self.status in ("converged", "at_bound")

    @property
    def is_finite(self) -> bool:
        """Whether there is a value."""
        return bool(np.isfinite(self.value))


# --- many points -----------------------------------------------------------------------------------------------------


def solve_batch(footing: ActiveSet, ps: Indices, x: Array, spare: Array) -> list[NuisanceSolution | None]:
    """Minimise at many points that stand alike.

    Parameters
    ----------
    footing : ActiveSet
        How they stand.
    ps : array (n,) of int
        The points.
    x, spare : array (n, m)
        Where each begins, and where it begins instead if there is no value.

    Returns
    -------
    list of NuisanceSolution or None
        None for a point that needs more care.
    """
    if not footing.has_curves:
        return [None] * len(ps)
    ends = newton_descent_batch(
        lambda rows, x: footing.curves(ps[rows], x), footing.free, footing.layout.size, x, spare
    )
    stays = ends.arrived & _stay_on_bounds(footing, ps, ends)
    best: list[NuisanceSolution | None] = [
        _solved(footing, ends, i) if good else None for i, good in enumerate(stays.tolist())
    ]
    for edges, rows in _ahead(footing, ends, x, spare, stays | ~ends.arrived):
        other = footing.ground.footing(int(ps[rows[0]]), {**footing.edges, **edges})
        begins = (other.carry(footing, ps[rows], z[rows]) for z in (ends.x, spare))
        for i, found in zip(rows.tolist(), solve_batch(other, ps[rows], *begins), strict=True):
            best[i] = _lower(best[i], found)
    return best


def solved(footing: ActiveSet, x: Array, value: float, hessian: Array, inverse: Array) -> NuisanceSolution:
    """Return an optimum, with how the others move with the axes: dx/dψ = −H⁻¹ ∂²f/∂x∂ψ."""
    tangent = -inverse @ hessian[footing.free[:, None], footing.axes]
    scale = np.sqrt(np.abs(hessian.diagonal()[footing.free]))
    return NuisanceSolution(footing, x, value, "at_bound" if footing.edges else "converged", tangent, scale)


def _solved(footing: ActiveSet, ends: Arrivals, i: int) -> NuisanceSolution:
    return solved(footing, ends.x[i], float(ends.value[i]), ends.hessian[i], ends.inverse[i])


def _lower(one: NuisanceSolution | None, on_edge: NuisanceSolution | None) -> NuisanceSolution | None:
    """Return the lower of two; of equals, the one on the edge."""
    if one is None or on_edge is None:
        return one or on_edge
    return on_edge if on_edge.value <= one.value + BOUND_TOLERANCE + noise(one.value) else one


def _stay_on_bounds(footing: ActiveSet, ps: Indices, ends: Arrivals) -> NDArray[np.bool_]:
    """Whether the surface rises from each held edge inward, with the free elements following.

    At a standard deviation of 0 the slope is 0, and the curvature decides.
    """
    stay = np.ones(len(ps), bool)
    free = footing.free
    for position, ((name, i), edge) in zip(footing.held, footing.edges.items(), strict=True):
        inward = np.sign(footing.ground.typical((name, i)) - edge)
        across = ends.hessian[:, position][:, free]
        bend = ends.hessian[:, position, position] - np.einsum("ni,nij,nj->n", across, ends.inverse, across)
        with np.errstate(invalid="ignore", divide="ignore"):
            slope = inward * ends.gradient[:, position] / np.sqrt(np.maximum(np.abs(bend), 1e-300))
        rises = np.where(np.abs(slope) > SLOPE, slope > 0, bend >= 0)
        known = ~np.isnan(slope) & ~np.isnan(bend)
        unknown = np.flatnonzero(ends.arrived & ~known)
        for row in unknown:
            value = float(ends.value[row])
            rises[row] = footing.lower_inside(int(ps[row]), ends.x[row], (name, i), value) is None
        stay &= rises
    return stay


def _ahead(
    footing: ActiveSet, ends: Arrivals, begin: Array, spare: Array, asked: NDArray[np.bool_]
) -> list[tuple[dict[Place, float], Indices]]:
    """Return the edges towards which free elements are on their way, with the points of which that is true."""
    errors = np.sqrt(2.0 * np.abs(np.einsum("nii->ni", ends.inverse)))
    found: dict[int, dict[Place, float]] = {}
    for j, place, v, typical in footing.bounded:
        for i in np.flatnonzero(asked & np.isfinite(ends.value)).tolist():
            x, error = float(ends.x[i, j]), float(errors[i, j])
            if v.transform and not ends.arrived[i] and np.sign(x) * (x - spare[i, j]) > RUN:
                error = np.inf
            edge = _passed(v, place[1], float(begin[i, j])) if v.transform is None else None
            edge = bound_ahead(v, place[1], x, error, typical) if edge is None else edge
            if edge is not None:
                found.setdefault(i, {})[place] = edge
    groups: dict[tuple[tuple[Place, float], ...], list[int]] = {}
    for i, edges in found.items():
        groups.setdefault(tuple(edges.items()), []).append(i)
    return [(dict(edges), np.array(rows)) for edges, rows in groups.items()]


def _passed(v: FreeVariable, i: int, begin: float) -> float | None:
    """Return the edge beyond which an element would have begun."""
    low, high = v.limits(i)
    return low if begin < low else high if begin > high else None


# Newton's steps of one search.
ITERATIONS = 200


def solve_single(footing: ActiveSet, p: int, x: Array) -> NuisanceSolution:
    """Minimise at one point, in a trust region; step off edges and onto them where that is lower.

    Parameters
    ----------
    footing : ActiveSet
        How it stands.
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
        return settle(_SingleMinimum(footing, p, x)).as_solved()


class _SingleMinimum:
    """The minimum of the nuisance parameters at one point of a grid, with some bounds active."""

    def __init__(self, footing: ActiveSet, p: int, x: Array):
        self.footing, self.p = footing, p
        restricted = footing.restricted(p)
        self.result: SearchResult = search(restricted, x, ITERATIONS)
        footing.ground.n_evaluations += restricted.n_evaluations

    @property
    def value(self) -> float:
        """The value at the minimum."""
        return self.result.value

    def released(self) -> Iterator[_SingleMinimum]:
        """Yield minima with one bound released, where the inside is lower."""
        for place in self.footing.edges:
            natural = self.footing.lower_inside(self.p, self.result.x, place, self.value)
            if natural is not None:
                yield self._released(place, natural)

    def activated(self) -> Iterator[_SingleMinimum]:
        """Yield minima with one bound more active."""
        x = self.result.x
        for place, bound in bounds_ahead(self.result.restricted, x, self._errors).items():
            other = self.footing.ground.footing(self.p, {**self.footing.edges, place: bound})
            yield _SingleMinimum(other, self.p, other.carry(self.footing, np.array([self.p]), x[None])[0])

    def _errors(self) -> Array:
        """Return standard errors, infinite where there is no Hessian."""
        hessian = self.result.hessian
        if hessian is None or not np.isfinite(hessian).all():
            return np.full(len(self.result.x), np.inf)
        return np.sqrt(np.abs(covariance(hessian).diagonal()))

    def as_solved(self) -> NuisanceSolution:
        """Return the point, with how the others move there."""
        found, footing = self.result, self.footing
        if found.restricted.unbounded_below:
            return NuisanceSolution(footing, found.x, -np.inf, "unbounded")
        if not np.isfinite(found.value):
            return NuisanceSolution(footing, found.x, np.inf, "outside")
        here = self._looked_at() if found.is_minimum else None
        if here is not None:
            return here
        arrived = "at_bound" if footing.edges else "converged"
        return NuisanceSolution(footing, found.x, found.value, arrived if found.is_minimum else "failed")

    def _looked_at(self) -> NuisanceSolution | None:
        footing, x = self.footing, self.result.x[None]
        if not footing.has_curves:
            return None
        _, slope, hessian = footing.curves(np.array([self.p]), x)
        own = hessian[:, footing.free[:, None], footing.free]
        if not (np.isfinite(own).all() and np.isfinite(slope[:, footing.free]).all()):
            return None
        inverse = newton_steps(slope[:, footing.free], own)[2]
        return solved(footing, x[0], self.value, hessian[0], inverse[0])

    def _released(self, place: Place, natural: float) -> _SingleMinimum:
        footing, (name, i), where = self.footing, place, np.array([self.p])
        rest = {other: edge for other, edge in footing.edges.items() if other != place}
        target = footing.ground.footing(self.p, rest)
        point = footing.natural_points(where, self.result.x[None])
        point[name].reshape(1, -1)[0, i] = natural
        whole = footing.vectors(where, self.result.x[None])
        whole[0, footing.held[list(footing.edges).index(place)]] = natural
        return _SingleMinimum(target, self.p, target.start(point, like=(footing, whole))[0])
