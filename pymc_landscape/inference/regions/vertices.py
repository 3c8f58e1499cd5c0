"""The boundary of a joint region, ray by ray, and whether that is all of it.

Each vertex begins from the last one, turned to the next ray to first order. Rays show the whole boundary only where the
region is star-shaped as seen from where they begin: elsewhere the boundary runs along a ray, and the next ray meets
another part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.inference.profile import (
    ConstrainedPoint,
    evaluate_at,
    minimize_on,
)
from pymc_landscape.inference.regions.local_geometry import Endpoints, RegionCentre
from pymc_landscape.inference.regions.rays import Rays, hold_ray, march_along_ray
from pymc_landscape.inference.regions.vertex_stack import vertices_at_once
from pymc_landscape.optimize import released_bounds

# A turn is halved at most so often before points are minimised along the ray instead.
HALVINGS = 3
# A boundary that meets a ray more flatly than this (sine), turns by more than this between two vertices, or turns into
# the chord and out of it by angles that differ by more, may turn back.
FLATLY, ANGLE, UNEVEN = 0.3, np.deg2rad(60.0), np.deg2rad(30.0)
# An end of the region along an axis may be off the boundary between vertices by this share of the radius.
OFF = 0.2
# Nearer to a bound than this share of the region's width, a vertex is on it.
TOUCHES = 1e-6


@dataclass(frozen=True)
class BoundaryVertex:
    """A vertex of the boundary.

    Parameters
    ----------
    values : array (2,)
        Both quantities, natural; NaN where there is no vertex.
    rise : float
        Δ(−2LL) there.
    status : str
        ``finite``, ``at_bound``, ``open`` or ``failed``.
    point : ConstrainedPoint or None
        The point, where the surface meets the cut-off.
    """

    values: Array
    rise: float
    status: str
    point: ConstrainedPoint | None = None


def missing_vertex(status: str) -> BoundaryVertex:
    """Return no vertex, and why."""
    return BoundaryVertex(np.full(2, np.nan), np.nan, status)


def solve_on_rays(centre: RegionCentre, floor: float, num: int, tick: Callable[[], None]) -> list[BoundaryVertex]:
    """Return a vertex on each of `num` rays; rises are from `floor`."""
    rays, ring = centre.rays, []
    last: tuple[ConstrainedPoint, float] | None = None
    for angle in _angles(num):
        vertex = _vertex(rays, float(angle), last, floor)
        last = (vertex.point, float(angle)) if vertex.point is not None else None
        ring.append(vertex)
        tick()
    return _opened(ring, centre.endless)


def solve_at_once(
    centre: RegionCentre, floor: float, num: int, tick: Callable[[], None]
) -> list[BoundaryVertex] | None:
    """Return the same vertices, found as one stack; None where one of them, or what lies between, needs more care."""
    points = None if centre.endless else vertices_at_once(centre.rays, _angles(num))
    if points is None:
        return None
    values = _natural_values(points)
    ring = [BoundaryVertex(at, point.value - floor, "finite", point) for at, point in zip(values, points, strict=True)]
    if not is_whole(centre.rays, ring, centre.endpoints):
        return None
    for _ in ring:
        tick()
    return ring


def _angles(num: int) -> Array:
    return 2 * np.pi * np.arange(num) / num


def _natural_values(points: Sequence[ConstrainedPoint]) -> Array:
    """Return both quantities (n, 2), single elements, at points of one restricted objective."""
    restricted, x = points[0].restricted, np.array([point.x for point in points])
    columns, moved = [], None
    for quantity in points[0].quantities:
        variable, i = quantity.element or (None, 0)
        if variable is None or variable.transform is None:
            columns.append(x[:, quantity.position(restricted)])
            continue
        moved = restricted.natural_points(x) if moved is None else moved
        columns.append(moved[variable.name].reshape(len(x), -1)[:, i])
    return np.stack(columns, axis=1)


def _vertex(rays: Rays, angle: float, last: tuple[ConstrainedPoint, float] | None, floor: float) -> BoundaryVertex:
    """Begin from the last vertex, else from the ellipse, else on the bound, else go out along the ray in steps."""
    distance = rays.bound_ahead(angle)[0]
    result = _turned(rays, angle, *last) if last is not None else _from_ellipse(rays, angle)
    if result is not None and not _is_first(rays, result, angle):
        result = None
    if result is None and np.isfinite(distance):
        minimum = on_bound(rays, angle, last[0] if last is not None else rays.center)
        if minimum is not None and minimum.value <= rays.target:
            return bound_vertex(rays, angle, minimum, floor)
    if result is None and last is not None:
        result = _from_ellipse(rays, angle)
    if result is None:
        result, status = march_along_ray(rays, angle, distance)
        if status != "finite" or result is None:
            return _stopped(rays, result, status, floor)
    return finite_vertex(_released(rays, result, angle), floor)


def _from_ellipse(rays: Rays, angle: float) -> ConstrainedPoint | None:
    begin = rays.wald(angle)
    result = rays.solve(rays.center.restricted, begin, rays.line(angle)) if begin is not None else None
    return result if result is not None and _is_first(rays, result, angle) else None


def _turned(
    rays: Rays, angle: float, here: ConstrainedPoint, at: float, halvings: int = HALVINGS
) -> ConstrainedPoint | None:
    result = rays.solve(here.restricted, rays.turned(here, at, angle - at), rays.line(angle))
    if result is not None or not halvings:
        return result
    middle = 0.5 * (at + angle)
    halfway = _turned(rays, middle, here, at, halvings - 1)
    return None if halfway is None else _turned(rays, angle, halfway, middle, halvings - 1)


def _is_first(rays: Rays, point: ConstrainedPoint, angle: float) -> bool:
    """Whether the surface is on its way up where it meets the cut-off, on this side of the centre and of bounds."""
    ahead = rays.radius(point, angle) > 0 and float(rays.outer_normal(point) @ rays.unit(angle)) > 0
    return bool(ahead and rays.is_inside(point.coordinates))


def _released(rays: Rays, vertex: ConstrainedPoint, angle: float) -> ConstrainedPoint:
    """Release bounds of nuisance parameters where that is lower; the vertex is further out then."""
    for restricted, x in released_bounds(vertex.restricted, vertex.x, vertex.value, vertex.penalty):
        begin = evaluate_at(restricted, vertex.quantities, x)
        lower = hold_ray(rays, begin, angle, rays.radius(vertex, angle)) if begin.is_finite else None
        result = rays.solve(restricted, x if lower is None else lower.x, rays.line(angle))
        if result is not None and rays.radius(result, angle) > rays.radius(vertex, angle):
            return result
    return vertex


def finite_vertex(point: ConstrainedPoint, floor: float) -> BoundaryVertex:
    """Write a point of the boundary on the natural scale."""
    return BoundaryVertex(point.natural_values, point.value - floor, "finite", point)


def _stopped(rays: Rays, point: ConstrainedPoint | None, status: str, floor: float) -> BoundaryVertex:
    """Put a point that came close to a bound, on a scale on which that is far away, exactly on it."""
    if point is None or status == "failed":
        return missing_vertex("failed")
    values = point.natural_values
    for i, quantity in enumerate(point.quantities):
        distance_to_bounds = np.abs(np.array(quantity.bounds) - rays.center.natural_values[i])
        near = np.abs(np.array(quantity.bounds) - values[i]) < TOUCHES * distance_to_bounds
        if near.any():
            values[i] = quantity.bounds[int(np.argmax(near))]
            return BoundaryVertex(values, point.value - floor, "at_bound")
    return missing_vertex("open")


def _opened(ring: list[BoundaryVertex], endless: Sequence[tuple[int, int]]) -> list[BoundaryVertex]:
    """Take away the vertex that is furthest out on each side without an end: the region goes on beyond it."""
    for i, k in endless:
        reach = [(2 * k - 1) * v.values[i] if np.isfinite(v.values[i]) else -np.inf for v in ring]
        beyond = max(reach)
        ring = [missing_vertex("open") if reach[n] == beyond else vertex for n, vertex in enumerate(ring)]
    return ring


# --- on a bound -------------------------------------------------------------------------------------------------------


def on_bound(rays: Rays, angle: float, begin: ConstrainedPoint) -> ConstrainedPoint | None:
    """Minimise where a ray meets a bound."""
    distance, i, bound = rays.bound_ahead(angle)
    level = rays.center.coordinates[1 - i] + distance * rays.direction(angle)[1 - i]
    return at_bound_vertex(begin, i, bound, float(level))


def at_bound_vertex(begin: ConstrainedPoint, i: int, bound: float, level: float) -> ConstrainedPoint | None:
    """Minimise with one coordinate at the bound of its support and the other at `level`."""
    restricted, other = begin.restricted, begin.quantities[1 - i]
    position = begin.quantities[i].position(restricted)
    there = restricted.refixed({**restricted.fixed, position: bound})
    minimum = evaluate_at(there, other, restricted.whole_coordinates(begin.x)[there.free])
    if not minimum.is_finite:
        return None
    near = evaluate_at(there, other, minimum.x + (level - minimum.coordinate) * minimum.tangent())
    return minimize_on(near if near.is_finite else minimum, level)


def bound_vertex(rays: Rays, angle: float, minimum: ConstrainedPoint, floor: float) -> BoundaryVertex:
    """Write a point of a bound on the natural scale."""
    _, i, bound = rays.bound_ahead(angle)
    values = np.empty(2)
    values[i], values[1 - i] = bound, minimum.natural
    return BoundaryVertex(values, minimum.value - floor, "at_bound")


# --- whether that is all ---------------------------------------------------------------------------------------------


def is_whole(rays: Rays, ring: Sequence[BoundaryVertex], endpoints: Endpoints) -> bool:
    """Return whether the boundary goes straight from each vertex to the next, and through all ends along the axes."""
    if any(vertex.status == "failed" for vertex in ring):
        return False
    known = [vertex.point for vertex in ring if vertex.point is not None]
    if not known:
        return True
    at = rays.whitened(np.array([point.coordinates for point in known]))
    normals = rays.outer_normals(known)
    place = np.cumsum([vertex.point is not None for vertex in ring]) - 1
    beside = [i for i, vertex in enumerate(ring) if vertex.point is not None and ring[i - 1].point is not None]
    if not _goes_on(at, normals, place[np.array(beside, dtype=int) - 1], place[beside], len(ring)):
        return False
    return all(
        _passes(rays, at, normals, endpoint.point, len(ring))
        for endpoint in endpoints.values()
        if endpoint.status == "finite"
    )


def _goes_on(at: Array, normals: Array, a: NDArray[np.intp], b: NDArray[np.intp], num: int) -> bool:
    """Return whether the boundary goes straight from the points a to the points b, as their normals have it."""
    chord = at[b] - at[a]
    flatly = np.einsum("ni,ni->n", normals, at) < FLATLY * np.linalg.norm(at, axis=1)
    turns = []
    for i in (a, b):
        along = np.stack([-normals[i, 1], normals[i, 0]])
        turns.append(
            np.arctan2(along[0] * chord[:, 1] - along[1] * chord[:, 0], along[0] * chord[:, 0] + along[1] * chord[:, 1])
        )
    out, into = turns[0], -turns[1]
    even = np.abs(out - into) < UNEVEN + np.pi / num
    straight = np.maximum(np.abs(out), np.abs(into)) < ANGLE + np.pi / num
    return bool((even & straight & ~flatly[a] & ~flatly[b]).all())


def _passes(rays: Rays, known: Array, normals: Array, endpoint: ConstrainedPoint | None, num: int) -> bool:
    """Return whether an end lies on the boundary as the vertices beside it have it."""
    pair = rays.center.quantities
    if endpoint is None or endpoint.restricted.natural != rays.center.restricted.natural:
        return True
    at = rays.whitened(np.array([quantity.evaluate(endpoint.restricted, endpoint.x).value for quantity in pair]))
    angle, radius = float(np.arctan2(at[1], at[0])), float(np.linalg.norm(at))
    turned = (angle - np.arctan2(known[:, 1], known[:, 0]) + np.pi) % (2 * np.pi) - np.pi
    beside = np.abs(turned) <= 2.1 * np.pi / num
    (x, y), (across, up), turned = known[beside].T, normals[beside].T, turned[beside]
    far = np.hypot(x, y)
    slope = (across * y - up * x) / np.maximum((across * x + up * y) / far, 1e-9)
    passes = np.abs(far + slope * turned - radius) <= OFF * radius + far * turned**2
    return bool(passes.any()) or len(known) < num
