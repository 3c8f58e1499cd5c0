"""The elements on no axis at their best, at one point of a grid or at many abreast, also on edges of their support."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pymc_landscape.abreast import Arrivals, walk_abreast
from pymc_landscape.aliases import Array
from pymc_landscape.edge import edge_ahead
from pymc_landscape.footing import WORTH_IT, Footing, Indices
from pymc_landscape.held import Place
from pymc_landscape.layout import FreeVariable
from pymc_landscape.trust_region import noise

# A slope at an edge that is less than this for each standard error is none.
SLOPE = 1e-7
# A vector has run towards an edge if it went so far that way without arriving.
RUN = 1.0


@dataclass(frozen=True)
class Solved:
    """A point of the grid with the others where they came to.

    Parameters
    ----------
    footing : Footing
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

    footing: Footing
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


def solve_abreast(footing: Footing, ps: Indices, x: Array, spare: Array) -> list[Solved | None]:
    """Minimise at many points that stand alike.

    Parameters
    ----------
    footing : Footing
        How they stand.
    ps : array (n,) of int
        The points.
    x, spare : array (n, m)
        Where each begins, and where it begins instead if there is no value.

    Returns
    -------
    list of Solved or None
        None for a point that needs more care.
    """
    if not footing.has_curves:
        return [None] * len(ps)
    ends = walk_abreast(lambda rows, x: footing.curves(ps[rows], x), footing.free, footing.layout.size, x, spare)
    stays = ends.arrived & _stay_on_edges(footing, ps, ends)
    best: list[Solved | None] = [_solved(footing, ends, i) if good else None for i, good in enumerate(stays.tolist())]
    for edges, rows in _ahead(footing, ends, x, spare, stays | ~ends.arrived):
        other = footing.ground.footing(int(ps[rows[0]]), {**footing.edges, **edges})
        begins = (other.carry(footing, ps[rows], z[rows]) for z in (ends.x, spare))
        for i, found in zip(rows.tolist(), solve_abreast(other, ps[rows], *begins), strict=True):
            best[i] = _lower(best[i], found)
    return best


def solved(footing: Footing, x: Array, value: float, hessian: Array, inverse: Array) -> Solved:
    """Return an optimum, with how the others move with the axes: dx/dψ = −H⁻¹ ∂²f/∂x∂ψ."""
    tangent = -inverse @ hessian[footing.free[:, None], footing.axes]
    scale = np.sqrt(np.abs(hessian.diagonal()[footing.free]))
    return Solved(footing, x, value, "at_bound" if footing.edges else "converged", tangent, scale)


def _solved(footing: Footing, ends: Arrivals, i: int) -> Solved:
    return solved(footing, ends.x[i], float(ends.value[i]), ends.hessian[i], ends.inverse[i])


def _lower(one: Solved | None, on_edge: Solved | None) -> Solved | None:
    """Return the lower of two; of equals, the one on the edge."""
    if one is None or on_edge is None:
        return one or on_edge
    return on_edge if on_edge.value <= one.value + WORTH_IT + noise(one.value) else one


def _stay_on_edges(footing: Footing, ps: Indices, ends: Arrivals) -> NDArray[np.bool_]:
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
    footing: Footing, ends: Arrivals, begin: Array, spare: Array, asked: NDArray[np.bool_]
) -> list[tuple[dict[Place, float], Indices]]:
    """Return the edges towards which free elements are on their way, with the points of which that is true."""
    errors = np.sqrt(2.0 * np.abs(np.einsum("nii->ni", ends.inverse)))
    found: dict[int, dict[Place, float]] = {}
    for j, place in footing.with_edges:
        v, typical = footing.standing(place)
        for i in np.flatnonzero(asked & np.isfinite(ends.value)).tolist():
            x, error = float(ends.x[i, j]), float(errors[i, j])
            if v.transform and not ends.arrived[i] and np.sign(x) * (x - spare[i, j]) > RUN:
                error = np.inf
            edge = _passed(v, place[1], float(begin[i, j])) if v.transform is None else None
            edge = edge_ahead(v, place[1], x, error, typical) if edge is None else edge
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
