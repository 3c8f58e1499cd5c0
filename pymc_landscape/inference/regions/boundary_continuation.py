"""The boundary of a joint region by pseudo-arclength continuation: it need not be star-shaped.

On the axes of the rays the boundary's tangent is orthogonal to the profile's slope Lᵀ(−λ). A step goes along it, with
the nuisance parameters along the joint profile, and Newton's method returns to the boundary on the straight line across
the step (Keller 1977, in *Applications of Bifurcation Theory*, 359-384; Allgower & Georg 1990, *Numerical Continuation
Methods*, chapter 6). Steps are longer where the boundary is straighter.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.inference.profile import ConstrainedPoint
from pymc_landscape.inference.regions.rays import BoundaryLine, Rays
from pymc_landscape.inference.regions.vertices import BoundaryVertex, at_bound_vertex, finite_vertex, missing_vertex
from pymc_landscape.numerics import cubic_hermite

# The boundary turns by about so much a step; by more than the second, and the step is taken again, shorter. It turns
# into the step about as much as out of it: where the two differ by more than the third, another part of it was met.
ANGLE, MOST, UNEVEN = np.deg2rad(15.0), np.deg2rad(40.0), np.deg2rad(20.0)
# In units of the distance that the boundary would have on a quadratic surface: first, longest and shortest step.
FIRST, LONGEST, SHORTEST = 0.2, 0.6, 1e-9
STEPS = 600
# A point is on a boundary that was followed if it is off a step by less than this share of its length.
BESIDE = 0.15
# So many steps in a row that are shorter than this, and no progress is made: the nuisance parameters diverge.
CRAWL, SHORT = 80, 1e-3


@dataclass(frozen=True)
class BoundaryCurve:
    """Points of the boundary in order, and why the continuation ended.

    Parameters
    ----------
    points : list of ConstrainedPoint
        The first is where it began.
    state : str
        ``closed``, ``open``, ``at_bound`` or ``failed``.
    """

    points: list[ConstrainedPoint]
    state: str


def tangent(rays: Rays, point: ConstrainedPoint, orientation: int = 1) -> Array:
    """Return the boundary's unit tangent (2,) on the axes of the rays; orientation 1 keeps the region on the left."""
    normal = rays.outer_normal(point)
    return orientation * np.array([-normal[1], normal[0]])


def follow_boundary(rays: Rays, begin: ConstrainedPoint, orientation: int, far: float) -> BoundaryCurve:
    """Follow the boundary until it comes back to where it began, meets a bound of a support, or is `far` away."""
    points, length, crawled = [begin], FIRST * rays.reach, 0
    for _ in range(STEPS):
        here = points[-1]
        stepped = _step(rays, here, orientation, length)
        crawled = crawled + 1 if length < SHORT * rays.reach else 0
        if stepped is None or crawled > CRAWL:
            return BoundaryCurve(points, "failed")
        there, length, taken = stepped
        if len(points) > 2 and _comes_back(rays, here, there, begin, orientation):
            return BoundaryCurve([*points, begin], "closed")
        points.append(there)
        if _on_which_bound(rays, there) is not None:
            return BoundaryCurve(points, "at_bound")
        if np.linalg.norm(rays.whitened(there.coordinates)) > far:
            return BoundaryCurve(points, "open")
        length = min(max(length, 0.2 * taken), LONGEST * max(rays.reach, 0.2 * _distance(rays, there)))
    return BoundaryCurve(points, "failed")


def _distance(rays: Rays, point: ConstrainedPoint) -> float:
    return float(np.linalg.norm(rays.whitened(point.coordinates)))


def _step(
    rays: Rays, here: ConstrainedPoint, orientation: int, length: float
) -> tuple[ConstrainedPoint, float, float] | None:
    """Return the next point, the length of the step after it, and that of this one."""
    along = tangent(rays, here, orientation)
    while length > SHORTEST * rays.reach:
        there = _step_to_bound(rays, here, along, length) or _across(rays, here, along, length)
        if there is not None:
            moved = rays.whitened(there.coordinates) - rays.whitened(here.coordinates)
            into, out = _angle(along, moved), _angle(moved, tangent(rays, there, orientation))
            turned = abs(into + out)
            if turned < MOST and abs(into - out) < UNEVEN and np.linalg.norm(moved) < 2.0 * length:
                return there, length * min(2.0, max(0.5, ANGLE / max(turned, 1e-3))), length
        length *= 0.4
    return None


def _angle(a: Array, b: Array) -> float:
    """Return by how much b is turned against a, anticlockwise."""
    return float(np.arctan2(a[0] * b[1] - a[1] * b[0], a @ b))


def _across(rays: Rays, here: ConstrainedPoint, along: Array, length: float) -> ConstrainedPoint | None:
    """Return to the boundary on the line across the step."""
    moved = length * (rays.root @ along)
    line = BoundaryLine(here.coordinates + moved, np.linalg.solve(rays.root.T, along))
    there = rays.solve(here.restricted, here.x + here.tangent(moved), line)
    return there if there is not None and rays.is_inside(there.coordinates) else None


def _step_to_bound(rays: Rays, here: ConstrainedPoint, along: Array, length: float) -> ConstrainedPoint | None:
    """Return where the boundary meets a bound that the step would go through."""
    moved = length * (rays.root @ along)
    for i in (0, 1):
        bound = rays.bounds[i, int(moved[i] > 0)]
        if not np.isfinite(bound) or abs(moved[i]) < abs(bound - here.coordinates[i]) or bound == here.coordinates[i]:
            continue
        share = (bound - here.coordinates[i]) / moved[i]
        corner = here.coordinates + share * moved
        corner[i] = bound
        x = here.x + here.tangent(share * moved)
        x = np.where(here.restricted.free == here.quantities[i].position(here.restricted), bound, x)
        there = rays.solve(here.restricted, x, BoundaryLine(corner, np.eye(2)[i]))
        if there is not None and rays.is_inside(there.coordinates):
            return there
    return None


def _on_which_bound(rays: Rays, point: ConstrainedPoint) -> int | None:
    for i in (0, 1):
        width = abs(point.coordinates[i] - rays.center.coordinates[i])
        if (np.abs(rays.bounds[i] - point.coordinates[i]) <= 1e-9 * width).any():
            return i
    return None


def _comes_back(
    rays: Rays, here: ConstrainedPoint, there: ConstrainedPoint, begin: ConstrainedPoint, orientation: int
) -> bool:
    """Whether the step passes the point where the continuation began."""
    a, b, start = (rays.whitened(point.coordinates) for point in (here, there, begin))
    step = b - a
    share = float((start - a) @ step / (step @ step))
    beside = float(np.linalg.norm(a + share * step - start))
    same_orientation = float(tangent(rays, begin, orientation) @ tangent(rays, there, orientation)) > 0.5
    return bool(0 < share <= 1 and beside < 0.35 * np.linalg.norm(step) and same_orientation)


def follow_from(rays: Rays, begin: ConstrainedPoint, far: float) -> tuple[list[BoundaryCurve], str]:
    """Follow the boundary from a point of it, both ways where it does not come back.

    Parameters
    ----------
    rays : Rays
        The axes.
    begin : ConstrainedPoint
        A point of the boundary.
    far : float
        The boundary is followed so far from the centre, in the distance that it would have on a quadratic surface.

    Returns
    -------
    arcs : list of BoundaryCurve
        One that is closed; or two, the first against the clock, the second with it.
    state : str
        ``closed``, ``open``, ``at_bound`` or ``failed``.
    """
    ahead = follow_boundary(rays, begin, 1, far * rays.reach)
    if ahead.state in ("closed", "failed"):
        return [ahead], ahead.state
    back = follow_boundary(rays, begin, -1, far * rays.reach)
    states = {ahead.state, back.state}
    worst = next(state for state in ("failed", "open", "at_bound", "closed") if state in states)
    return [ahead, back], worst


def runs_through(rays: Rays, arcs: Sequence[BoundaryCurve], point: ConstrainedPoint) -> bool:
    """Whether a boundary that was followed passes a point of the boundary, with the region on the same side."""
    at, normal = rays.whitened(point.coordinates), rays.outer_normal(point)
    for arc in arcs:
        positions = np.array([rays.whitened(j.coordinates) for j in arc.points])
        a, sides = positions[:-1], np.diff(positions, axis=0)
        sizes = np.maximum((sides**2).sum(axis=1), 1e-300)
        share = np.clip(((at - a) * sides).sum(axis=1) / sizes, 0.0, 1.0)
        off = np.linalg.norm(at - a - share[:, None] * sides, axis=1)
        for k in np.flatnonzero(off <= BESIDE * np.sqrt(sizes) + 1e-6 * rays.reach):
            if float(normal @ rays.outer_normal(arc.points[k + round(float(share[k]))])) > 0.5:
                return True
    return False


# --- vertices --------------------------------------------------------------------------------------------------------


def vertices(rays: Rays, arcs: Sequence[BoundaryCurve], state: str, num: int, floor: float) -> list[BoundaryVertex]:
    """Return `num` vertices at equal distances along the boundary, and along the bound where that closes it."""
    points = arcs[0].points if len(arcs) == 1 else [*arcs[1].points[:0:-1], *arcs[0].points]
    at = np.array([rays.whitened(point.coordinates) for point in points])
    run = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(at, axis=0), axis=1))])
    if state == "closed":
        return [_between(rays, points, run, s, floor) for s in np.linspace(0.0, run[-1], num, endpoint=False)]
    if state == "at_bound":
        return _with_bound(rays, points, run, num, floor)
    ring = [_between(rays, points, run, s, floor) for s in np.linspace(0.0, run[-1], num)]
    endpoints = {0: (arcs[-1], points[0]), len(ring) - 1: (arcs[0], points[-1])}
    for i, (arc, point) in endpoints.items():
        ring[i] = _placed_on_bound(rays, ring[i], point) if arc.state == "at_bound" else missing_vertex(state)
    return ring


def _between(rays: Rays, points: Sequence[ConstrainedPoint], run: Array, s: float, floor: float) -> BoundaryVertex:
    """Return the vertex at a distance along the boundary, begun from a cubic between the points beside it."""
    k = int(np.clip(np.searchsorted(run, s, side="right") - 1, 0, len(points) - 2))
    a, b, size = points[k], points[k + 1], run[k + 1] - run[k]
    t = (s - run[k]) / size
    if t < 1e-9 or t > 1 - 1e-9 or a.restricted is not b.restricted:
        return finite_vertex(a if t < 0.5 else b, floor)
    rates = [j.tangent(size * (rays.root @ tangent(rays, j))) for j in (a, b)]
    x = cubic_hermite(t, np.array([a.x, b.x]), np.array(rates))
    ca, cb = a.coordinates, b.coordinates
    turning = np.array([size * (rays.root @ tangent(rays, j)) for j in (a, b)])
    anchor = cubic_hermite(t, np.array([ca, cb]), turning)
    chord = rays.whitened(cb) - rays.whitened(ca)
    result = rays.solve(
        a.restricted, x, BoundaryLine(anchor, np.linalg.solve(rays.root.T, chord / np.linalg.norm(chord)))
    )
    near = result is not None and np.linalg.norm(rays.whitened(result.coordinates) - rays.whitened(anchor)) < 0.3 * size
    return finite_vertex(result if result is not None and near else a if t < 0.5 else b, floor)


def _with_bound(
    rays: Rays, points: Sequence[ConstrainedPoint], run: Array, num: int, floor: float
) -> list[BoundaryVertex]:
    """Share the vertices between the boundary and the bounds that close it."""
    turns = _along_bounds(rays, points[-1], points[0])
    sizes = np.linalg.norm(np.diff([rays.whitened(at) for at in turns], axis=0), axis=1)
    n_on_bound = max(round(num * float(sizes.sum()) / (run[-1] + float(sizes.sum()))) - 1, 0)
    ring = [_between(rays, points, run, s, floor) for s in np.linspace(0.0, run[-1], num - n_on_bound)]
    endpoints = [_placed_on_bound(rays, ring[i], point) for i, point in ((0, points[0]), (-1, points[-1]))]
    walked = np.concatenate([[0.0], np.cumsum(sizes)])
    shares = np.arange(1, n_on_bound + 1) / (n_on_bound + 1) * walked[-1]
    positions = np.stack([np.interp(shares, walked, [at[i] for at in turns]) for i in (0, 1)], axis=1)
    return [endpoints[0], *ring[1:-1], endpoints[1], *(_on_bound(rays, points, values, floor) for values in positions)]


def _along_bounds(rays: Rays, begin: ConstrainedPoint, last: ConstrainedPoint) -> list[Array]:
    """Return the corners of the line along bounds from one end of the boundary to the other, both ends included."""
    endpoints = [_coordinates_on_bound(rays, point) for point in (begin, last)]
    axes = [_on_which_bound(rays, point) for point in (begin, last)]
    if axes[0] is None or axes[1] is None or axes[0] == axes[1]:
        return endpoints
    corner = endpoints[1].copy()
    corner[axes[0]] = endpoints[0][axes[0]]
    return [endpoints[0], corner, endpoints[1]]


def _coordinates_on_bound(rays: Rays, point: ConstrainedPoint) -> Array:
    """Return the coordinates of a point on a bound, exactly there."""
    at, axis = point.coordinates.copy(), _on_which_bound(rays, point)
    if axis is not None:
        at[axis] = rays.bounds[axis, int(np.argmin(np.abs(rays.bounds[axis] - at[axis])))]
    return at


def _placed_on_bound(rays: Rays, vertex: BoundaryVertex, point: ConstrainedPoint) -> BoundaryVertex:
    """Put an end of the boundary exactly on the bound that it met."""
    values, axis = vertex.values.copy(), _on_which_bound(rays, point)
    if axis is not None:
        values[axis] = _coordinates_on_bound(rays, point)[axis]
    return BoundaryVertex(values, vertex.rise, "at_bound", vertex.point)


def _on_bound(rays: Rays, points: Sequence[ConstrainedPoint], values: Array, floor: float) -> BoundaryVertex:
    """Return the vertex on a bound with some values."""
    axis = next((i for i in (0, 1) if (rays.bounds[i] == values[i]).any()), None)
    near = min((points[0], points[-1]), key=lambda point: float(np.linalg.norm(point.coordinates - values)))
    minimum = at_bound_vertex(near, axis, float(values[axis]), float(values[1 - axis])) if axis is not None else None
    if minimum is None or axis is None:
        return missing_vertex("at_bound")
    natural = np.empty(2)
    natural[axis], natural[1 - axis] = values[axis], minimum.natural
    return BoundaryVertex(natural, minimum.value - floor, "at_bound")
