"""The edge of a joint region, followed along itself: it may bend and turn back as it likes.

On the axes of the rays the edge's tangent is across the profile's slope Lᵀ(−λ). A step goes along it, the others by
the joint profile, and Newton's method returns to the edge on the straight line across the step (pseudo-arclength
continuation: Keller 1977, in *Applications of Bifurcation Theory*, 359-384). Steps are as long as the edge is straight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.inference.profile import ConstrainedPoint
from pymc_landscape.inference.regions.rays import BoundaryLine, Rays
from pymc_landscape.inference.regions.vertices import BoundaryVertex, at_bound_vertex, finite_vertex, missing_vertex
from pymc_landscape.numerics import cubic_hermite

# The edge turns by about so much a step; by more than the second, and the step is taken again, shorter. It turns into
# the step about as much as out of it: where the two differ by more than the third, another part of the edge was met.
TURN, MOST, UNEVEN = np.deg2rad(15.0), np.deg2rad(40.0), np.deg2rad(20.0)
# In units of the distance that the edge would have on a quadratic surface: first, longest and shortest step.
FIRST, LONGEST, SHORTEST = 0.2, 0.6, 1e-9
STEPS = 600
# A point is on an edge that was followed if it is off a step by less than this share of its length.
BESIDE = 0.15
# So many steps in a row that are shorter than this, and the walk is stuck: the others run away.
CRAWL, SHORT = 80, 1e-3


@dataclass(frozen=True)
class BoundaryCurve:
    """Points of the edge in order, and why the walk ended.

    Parameters
    ----------
    joints : list of ConstrainedPoint
        The first is where it began.
    state : str
        ``closed``, ``open``, ``at_bound`` or ``failed``.
    """

    joints: list[ConstrainedPoint]
    state: str


def tangent(rays: Rays, joint: ConstrainedPoint, way: int = 1) -> Array:
    """Return the unit tangent (2,) of the edge on the axes of the rays; way 1 keeps the region on the left."""
    normal = rays.outward(joint)
    return way * np.array([-normal[1], normal[0]])


def follow_boundary(rays: Rays, begin: ConstrainedPoint, way: int, far: float) -> BoundaryCurve:
    """Follow the edge until it comes back to where it began, meets a wall, or is `far` away."""
    joints, length, crawled = [begin], FIRST * rays.reach, 0
    for _ in range(STEPS):
        here = joints[-1]
        stepped = _step(rays, here, way, length)
        crawled = crawled + 1 if length < SHORT * rays.reach else 0
        if stepped is None or crawled > CRAWL:
            return BoundaryCurve(joints, "failed")
        there, length, taken = stepped
        if len(joints) > 2 and _comes_back(rays, here, there, begin, way):
            return BoundaryCurve([*joints, begin], "closed")
        joints.append(there)
        if _on_which_bound(rays, there) is not None:
            return BoundaryCurve(joints, "at_bound")
        if np.linalg.norm(rays.whitened(there.coordinates)) > far:
            return BoundaryCurve(joints, "open")
        length = min(max(length, 0.2 * taken), LONGEST * max(rays.reach, 0.2 * _distance(rays, there)))
    return BoundaryCurve(joints, "failed")


def _distance(rays: Rays, joint: ConstrainedPoint) -> float:
    return float(np.linalg.norm(rays.whitened(joint.coordinates)))


def _step(rays: Rays, here: ConstrainedPoint, way: int, length: float) -> tuple[ConstrainedPoint, float, float] | None:
    """Return the next point, the length of the step after it, and that of this one."""
    along = tangent(rays, here, way)
    while length > SHORTEST * rays.reach:
        there = _onto_bound(rays, here, along, length) or _across(rays, here, along, length)
        if there is not None:
            moved = rays.whitened(there.coordinates) - rays.whitened(here.coordinates)
            into, out = _angle(along, moved), _angle(moved, tangent(rays, there, way))
            turned = abs(into + out)
            if turned < MOST and abs(into - out) < UNEVEN and np.linalg.norm(moved) < 2.0 * length:
                return there, length * min(2.0, max(0.5, TURN / max(turned, 1e-3))), length
        length *= 0.4
    return None


def _angle(a: Array, b: Array) -> float:
    """Return by how much b is turned against a, anticlockwise."""
    return float(np.arctan2(a[0] * b[1] - a[1] * b[0], a @ b))


def _across(rays: Rays, here: ConstrainedPoint, along: Array, length: float) -> ConstrainedPoint | None:
    """Return to the edge on the line across the step."""
    moved = length * (rays.root @ along)
    line = BoundaryLine(here.coordinates + moved, np.linalg.solve(rays.root.T, along))
    there = rays.solve(here.restricted, here.x + here.tangent(moved), line)
    return there if there is not None and rays.is_inside(there.coordinates) else None


def _onto_bound(rays: Rays, here: ConstrainedPoint, along: Array, length: float) -> ConstrainedPoint | None:
    """Return where the edge meets a wall that the step would go through."""
    moved = length * (rays.root @ along)
    for i in (0, 1):
        edge = rays.walls[i, int(moved[i] > 0)]
        if not np.isfinite(edge) or abs(moved[i]) < abs(edge - here.coordinates[i]) or edge == here.coordinates[i]:
            continue
        share = (edge - here.coordinates[i]) / moved[i]
        corner = here.coordinates + share * moved
        corner[i] = edge
        x = here.x + here.tangent(share * moved)
        x = np.where(here.restricted.free == here.quantities[i].position(here.restricted), edge, x)
        there = rays.solve(here.restricted, x, BoundaryLine(corner, np.eye(2)[i]))
        if there is not None and rays.is_inside(there.coordinates):
            return there
    return None


def _on_which_bound(rays: Rays, joint: ConstrainedPoint) -> int | None:
    for i in (0, 1):
        width = abs(joint.coordinates[i] - rays.center.coordinates[i])
        if (np.abs(rays.walls[i] - joint.coordinates[i]) <= 1e-9 * width).any():
            return i
    return None


def _comes_back(rays: Rays, here: ConstrainedPoint, there: ConstrainedPoint, begin: ConstrainedPoint, way: int) -> bool:
    """Whether the step passes the point where the walk began."""
    a, b, start = (rays.whitened(joint.coordinates) for joint in (here, there, begin))
    step = b - a
    share = float((start - a) @ step / (step @ step))
    beside = float(np.linalg.norm(a + share * step - start))
    same_way = float(tangent(rays, begin, way) @ tangent(rays, there, way)) > 0.5
    return bool(0 < share <= 1 and beside < 0.35 * np.linalg.norm(step) and same_way)


def go_round(rays: Rays, begin: ConstrainedPoint, far: float) -> tuple[list[BoundaryCurve], str]:
    """Follow the edge from a point of it, both ways where it does not come back.

    Parameters
    ----------
    rays : Rays
        The axes.
    begin : ConstrainedPoint
        A point of the edge.
    far : float
        The edge is followed so far from the centre, in the distance that it would have on a quadratic surface.

    Returns
    -------
    walks : list of BoundaryCurve
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


def runs_through(rays: Rays, walks: Sequence[BoundaryCurve], joint: ConstrainedPoint) -> bool:
    """Whether an edge that was followed passes a point of the edge, with the region on the same side."""
    at, normal = rays.whitened(joint.coordinates), rays.outward(joint)
    for walk in walks:
        places = np.array([rays.whitened(j.coordinates) for j in walk.joints])
        a, sides = places[:-1], np.diff(places, axis=0)
        sizes = np.maximum((sides**2).sum(axis=1), 1e-300)
        share = np.clip(((at - a) * sides).sum(axis=1) / sizes, 0.0, 1.0)
        off = np.linalg.norm(at - a - share[:, None] * sides, axis=1)
        for k in np.flatnonzero(off <= BESIDE * np.sqrt(sizes) + 1e-6 * rays.reach):
            if float(normal @ rays.outward(walk.joints[k + round(float(share[k]))])) > 0.5:
                return True
    return False


# --- vertices --------------------------------------------------------------------------------------------------------


def vertices(rays: Rays, walks: Sequence[BoundaryCurve], state: str, num: int, floor: float) -> list[BoundaryVertex]:
    """Return `num` vertices at equal distances along the edge, and along the wall where that closes it."""
    joints = walks[0].joints if len(walks) == 1 else [*walks[1].joints[:0:-1], *walks[0].joints]
    at = np.array([rays.whitened(joint.coordinates) for joint in joints])
    run = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(at, axis=0), axis=1))])
    if state == "closed":
        return [_between(rays, joints, run, s, floor) for s in np.linspace(0.0, run[-1], num, endpoint=False)]
    if state == "at_bound":
        return _with_bound(rays, joints, run, num, floor)
    ring = [_between(rays, joints, run, s, floor) for s in np.linspace(0.0, run[-1], num)]
    ends = {0: (walks[-1], joints[0]), len(ring) - 1: (walks[0], joints[-1])}
    for i, (walk, joint) in ends.items():
        ring[i] = _put_on(rays, ring[i], joint) if walk.state == "at_bound" else missing_vertex(state)
    return ring


def _between(rays: Rays, joints: Sequence[ConstrainedPoint], run: Array, s: float, floor: float) -> BoundaryVertex:
    """Return the vertex at a distance along the edge, begun from a cubic between the points beside it."""
    k = int(np.clip(np.searchsorted(run, s, side="right") - 1, 0, len(joints) - 2))
    a, b, size = joints[k], joints[k + 1], run[k + 1] - run[k]
    t = (s - run[k]) / size
    if t < 1e-9 or t > 1 - 1e-9 or a.restricted is not b.restricted:
        return finite_vertex(a if t < 0.5 else b, floor)
    rates = [j.tangent(size * (rays.root @ tangent(rays, j))) for j in (a, b)]
    x = cubic_hermite(t, np.array([a.x, b.x]), np.array(rates))
    ca, cb = a.coordinates, b.coordinates
    turning = np.array([size * (rays.root @ tangent(rays, j)) for j in (a, b)])
    anchor = cubic_hermite(t, np.array([ca, cb]), turning)
    chord = rays.whitened(cb) - rays.whitened(ca)
    found = rays.solve(
        a.restricted, x, BoundaryLine(anchor, np.linalg.solve(rays.root.T, chord / np.linalg.norm(chord)))
    )
    near = found is not None and np.linalg.norm(rays.whitened(found.coordinates) - rays.whitened(anchor)) < 0.3 * size
    return finite_vertex(found if found is not None and near else a if t < 0.5 else b, floor)


def _with_bound(
    rays: Rays, joints: Sequence[ConstrainedPoint], run: Array, num: int, floor: float
) -> list[BoundaryVertex]:
    """Share the vertices between the edge and the walls that close it."""
    turns = _along_bounds(rays, joints[-1], joints[0])
    sizes = np.linalg.norm(np.diff([rays.whitened(at) for at in turns], axis=0), axis=1)
    n_wall = max(round(num * float(sizes.sum()) / (run[-1] + float(sizes.sum()))) - 1, 0)
    ring = [_between(rays, joints, run, s, floor) for s in np.linspace(0.0, run[-1], num - n_wall)]
    ends = [_put_on(rays, ring[i], joint) for i, joint in ((0, joints[0]), (-1, joints[-1]))]
    walked = np.concatenate([[0.0], np.cumsum(sizes)])
    shares = np.arange(1, n_wall + 1) / (n_wall + 1) * walked[-1]
    places = np.stack([np.interp(shares, walked, [at[i] for at in turns]) for i in (0, 1)], axis=1)
    return [ends[0], *ring[1:-1], ends[1], *(_on_bound(rays, joints, place, floor) for place in places)]


def _along_bounds(rays: Rays, begin: ConstrainedPoint, end: ConstrainedPoint) -> list[Array]:
    """Return where the way along walls turns: from one end of the edge, round a corner if need be, to the other."""
    ends = [_snapped(rays, joint) for joint in (begin, end)]
    walls = [_on_which_bound(rays, joint) for joint in (begin, end)]
    if walls[0] is None or walls[1] is None or walls[0] == walls[1]:
        return ends
    corner = ends[1].copy()
    corner[walls[0]] = ends[0][walls[0]]
    return [ends[0], corner, ends[1]]


def _snapped(rays: Rays, joint: ConstrainedPoint) -> Array:
    """Return the coordinates of a point on a wall, exactly there."""
    at, wall = joint.coordinates.copy(), _on_which_bound(rays, joint)
    if wall is not None:
        at[wall] = rays.walls[wall, int(np.argmin(np.abs(rays.walls[wall] - at[wall])))]
    return at


def _put_on(rays: Rays, vertex: BoundaryVertex, joint: ConstrainedPoint) -> BoundaryVertex:
    """Write an end of the edge as the point of a wall that it is."""
    place, wall = vertex.place.copy(), _on_which_bound(rays, joint)
    if wall is not None:
        place[wall] = _snapped(rays, joint)[wall]
    return BoundaryVertex(place, vertex.rise, "at_bound", vertex.joint)


def _on_bound(rays: Rays, joints: Sequence[ConstrainedPoint], place: Array, floor: float) -> BoundaryVertex:
    """Return the vertex of a wall at a place of it."""
    wall = next((i for i in (0, 1) if (rays.walls[i] == place[i]).any()), None)
    near = min((joints[0], joints[-1]), key=lambda joint: float(np.linalg.norm(joint.coordinates - place)))
    spot = at_bound_vertex(near, wall, float(place[wall]), float(place[1 - wall])) if wall is not None else None
    if spot is None or wall is None:
        return missing_vertex("at_bound")
    natural = np.empty(2)
    natural[wall], natural[1 - wall] = place[wall], spot.natural
    return BoundaryVertex(natural, spot.value - floor, "at_bound")
