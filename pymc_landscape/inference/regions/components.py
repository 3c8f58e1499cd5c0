"""All parts of a joint region: around the estimate, and around any other optimum below the cut-off."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import field

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.inference.profile import (
    LOWER,
    ConstrainedPoint,
    Pair,
    evaluate_at,
)
from pymc_landscape.inference.regions.boundary_continuation import follow_from, runs_through, vertices
from pymc_landscape.inference.regions.local_geometry import RegionCentre, find_centre
from pymc_landscape.inference.regions.rays import Rays
from pymc_landscape.inference.regions.vertices import BoundaryVertex, is_whole, solve_at_once, solve_on_rays
from pymc_landscape.numerics import noise
from pymc_landscape.objective import RestrictedObjective, is_lower
from pymc_landscape.optimize import Fit, search

# Where beyond each vertex, in radii, the surface is evaluated to find another part of the region.
BEYOND = np.geomspace(1.2, 12.0, 16)
# Where a region has no end along an axis, a boundary that goes so many times further than it would on a quadratic
# surface has none.
FAR = 6.0
# More parts than this are not looked for, nor more curves of the boundary of one.
MOST, CURVES = 8, 6
# Two minima are one if they are so near on the axes of the rays, in units of the region, and so alike in value.
SAME, ALIKE = 1e-4, 1e-6
# A vertex is on a boundary if it is nearer to one of its sides than this share of the side's length.
BESIDE = 0.25


@dataclass(frozen=True)
class RegionComponent:
    """One part of a region: the minimum in it, its boundary, and how that ends.

    The state is ``closed``, ``at_bound``, ``open``, or ``partial`` where rays do not show the whole boundary and it
    could not be followed. A boundary may be several curves: around holes, or on both sides of a strip.
    """

    centre: RegionCentre
    ring: list[BoundaryVertex]
    state: str
    more: list[list[BoundaryVertex]] = field(default_factory=list)

    @property
    def curves(self) -> list[list[BoundaryVertex]]:
        """All curves of the boundary."""
        return [self.ring, *self.more]

    @property
    def holes(self) -> list[list[BoundaryVertex]]:
        """Those around holes."""
        return self.more if self.state != "open" else []


@dataclass
class Region:
    """What is known of a region at one level.

    Parameters
    ----------
    components : list of RegionComponent
        The first is the estimate's own.
    lower : ConstrainedPoint or None
        A point lower than the estimate, if one was met.
    """

    components: list[RegionComponent] = field(default_factory=list)
    lower: ConstrainedPoint | None = None

    @property
    def overlap(self) -> bool:
        """Whether parts lie over one another, at different values of the nuisance parameters."""
        return any(_covers(a, b) for a in self.components for b in self.components if a is not b)


def find_region(fit: Fit, pair: Pair, rise: float, num: int, tick: Callable[[], None]) -> Region:
    """Find all parts of the region in which Δ stays below `rise`."""
    result = fit.result
    floor = result.value
    region = Region()
    _add(region, find_centre(result.restricted, pair, result.x, floor + rise), floor, num, tick)
    if region.lower is not None:
        return region
    for optimum in fit.local_optima():
        if optimum.value < floor + rise - noise(floor + rise):
            _add_other(region, pair, optimum.result.restricted, optimum.result.x, floor, rise, num)
    while len(region.components) < MOST and region.lower is None:
        beyond = _lower_beyond(region, pair, floor, rise)
        if beyond is None or not _add_other(region, pair, *beyond, floor, rise, num):
            break
    return region


def _add(region: Region, centre: RegionCentre, floor: float, num: int, tick: Callable[[], None]) -> None:
    """Add the part around a minimum: ray by ray, or along its boundary where rays do not show it all."""
    met = [
        endpoint.point
        for endpoint in centre.endpoints.values()
        if endpoint.status == "new_optimum" and endpoint.point is not None
    ]
    begin = (centre.minimum.restricted, centre.minimum.x)
    lower = [p for p in met if is_lower(p.restricted, p.x, p.value, floor - LOWER - p.rounding(), begin)]
    if lower:
        region.lower = min(lower, key=lambda point: point.value)
        return
    at_once = solve_at_once(centre, floor, num, tick)
    ring = at_once or solve_on_rays(centre, floor, num, tick)
    component = RegionComponent(centre, ring, "open" if centre.endless else "closed")
    if at_once is None and not is_whole(centre.rays, ring, centre.endpoints):
        component = _followed(centre, ring, floor, num) or RegionComponent(centre, ring, "partial")
    region.components.append(component)


def _followed(centre: RegionCentre, ring: Sequence[BoundaryVertex], floor: float, num: int) -> RegionComponent | None:
    """Follow the boundary itself, from the vertex that its ray meets most squarely."""
    rays = centre.rays
    known = [vertex.point for vertex in ring if vertex.point is not None and vertex.status == "finite"]
    if not known:
        return None

    def squareness(point: ConstrainedPoint) -> float:
        at = rays.whitened(point.coordinates)
        return float(rays.outer_normal(point) @ at / np.linalg.norm(at))

    curves: list[list[BoundaryVertex]] = []
    far, states = FAR if centre.endless else np.inf, list[str]()
    while known and len(curves) < CURVES:
        arcs, state = follow_from(rays, max(known, key=squareness), far)
        states.append(state)
        if state == "failed":
            break
        curves.append(vertices(rays, arcs, state, num, floor))
        known = [point for point in known if _is_within(rays, point, far) and not runs_through(rays, arcs, point)]
    if not curves:
        return None
    first = max(range(len(curves)), key=lambda i: _area(curves[i])) if set(states) == {"closed"} else 0
    worst = next(state for state in ("failed", "open", "at_bound", "closed") if state in states)
    ring = curves.pop(first)
    return RegionComponent(centre, ring, "partial" if worst == "failed" else worst, curves)


def _is_within(rays: Rays, point: ConstrainedPoint, far: float) -> bool:
    """Whether a point is so near that the boundary through it would be followed."""
    return bool(np.linalg.norm(rays.whitened(point.coordinates)) < far * rays.reach)


def _area(ring: Sequence[BoundaryVertex]) -> float:
    """Return the area inside a curve."""
    x, y = np.array([vertex.values for vertex in ring if np.isfinite(vertex.values).all()]).reshape(-1, 2).T
    return abs(float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())) / 2


# --- other parts -----------------------------------------------------------------------------------------------------


def _add_other(
    region: Region, pair: Pair, restricted: RestrictedObjective, x: Array, floor: float, rise: float, num: int
) -> bool:
    """Add the part around another minimum, unless it is one that is known; return whether it is new."""
    there = evaluate_at(restricted, pair, x)
    if not there.is_finite or any(_is_same(component, there) for component in region.components):
        return False
    before = len(region.components)
    _add(region, find_centre(restricted, pair, x, floor + rise), floor, num, lambda: None)
    if len(region.components) == before:
        return False
    new = region.components[-1]
    for old in region.components[:-1]:
        if _lies_in(new, old):
            region.components.pop()
            return False
    region.components[1:] = [p for p in region.components[1:] if p is new or not _lies_in(p, new)]
    if _lies_in(region.components[0], new):
        region.components[:] = [new, *(p for p in region.components[1:] if p is not new)]
    return True


def _is_same(component: RegionComponent, there: ConstrainedPoint) -> bool:
    minimum, rays = component.centre.minimum, component.centre.rays
    apart = np.linalg.norm(np.linalg.solve(rays.root, _natural_gap(rays.root, minimum, there)))
    return bool(apart < SAME * rays.reach and abs(minimum.value - there.value) < ALIKE)


def _natural_gap(root: Array, one: ConstrainedPoint, other: ConstrainedPoint) -> Array:
    """Return the difference of two points as coordinates; of different scales, by natural values."""
    if one.restricted.natural == other.restricted.natural:
        return other.coordinates - one.coordinates
    size = np.maximum(np.abs(one.natural_values), 1e-12)
    return (other.natural_values - one.natural_values) / size * np.diag(root)


def _lower_beyond(region: Region, pair: Pair, floor: float, rise: float) -> tuple[RestrictedObjective, Array] | None:
    """Look along the straight lines from a minimum through its vertices for a minimum that is not known."""
    for component in region.components:
        center = component.centre.minimum
        if center.is_on_convex_surface:
            continue
        endpoints = [
            v.point.x for v in component.ring if v.point is not None and v.point.restricted is center.restricted
        ]
        if not endpoints:
            continue
        lines = center.x + BEYOND[:, None, None] * (np.array(endpoints) - center.x)
        with np.errstate(all="ignore"):
            values = center.restricted.screened(lines.reshape(-1, len(center.x))).reshape(lines.shape[:2])
        for line in _minima_below(values, floor + rise):
            result = search(center.restricted, lines[line])
            begin = (center.restricted, center.x)
            if is_lower(center.restricted, result.x, result.value, floor - LOWER - noise(floor), begin):
                region.lower = evaluate_at(center.restricted, pair[0], result.x)
                return None
            there = evaluate_at(center.restricted, pair, result.x)
            if (
                result.is_minimum
                and result.value < floor + rise
                and not any(_is_same(p, there) for p in region.components)
            ):
                return center.restricted, result.x
    return None


def _minima_below(values: Array, target: float) -> Iterator[tuple[int, int]]:
    """Yield places, the lowest first, that are below the cut-off beyond a rise above it: a few, on different lines."""
    above = np.maximum.accumulate(values, axis=0) > target
    below = above & (values < target)
    lowest = np.where(below, values, np.inf)
    best = lowest.argmin(axis=0)
    order = np.argsort(lowest.min(axis=0))
    for line in order[:3]:
        if np.isfinite(lowest[best[line], line]):
            yield int(best[line]), int(line)


# --- one over another ------------------------------------------------------------------------------------------------


def _polygon(ring: Sequence[BoundaryVertex]) -> Array:
    return np.array([vertex.values for vertex in ring if np.isfinite(vertex.values).all()])


def _is_in(points: Array, component: RegionComponent) -> NDArray[np.bool_]:
    """Whether points (n, 2) are in a part, and not in one of its holes."""
    inside = _inside(points, _polygon(component.ring))
    for hole in component.holes:
        inside &= ~_inside(points, _polygon(hole))
    return inside


def _lies_in(component: RegionComponent, other: RegionComponent) -> bool:
    """Whether all of a part is inside another, or on its boundary: between vertices that is not straight."""
    inner, outer = _polygon(component.ring), _polygon(other.ring)
    if len(inner) < 3 or len(outer) < 3:
        return False
    outside = inner[~_is_in(inner, other)]
    size = np.ptp(outer, axis=0)
    a = outer / size
    sides = np.roll(a, -1, axis=0) - a
    gap = outside[:, None] / size - a
    share = np.clip((gap * sides).sum(-1) / np.maximum((sides**2).sum(-1), 1e-300), 0.0, 1.0)
    beside = np.linalg.norm(gap - share[..., None] * sides, axis=-1)
    return bool((beside < BESIDE * np.linalg.norm(sides, axis=-1) + 1e-9).any(axis=1).all())


def _covers(component: RegionComponent, other: RegionComponent) -> bool:
    inner = _polygon(other.ring)
    return bool(len(inner) > 2 and len(_polygon(component.ring)) > 2 and _is_in(inner, component).any())


def _inside(points: Array, polygon: Array) -> NDArray[np.bool_]:
    """Whether points (n, 2) are in a polygon (m, 2): a ray to the right crosses its sides an odd number of times."""
    a, b = polygon, np.roll(polygon, -1, axis=0)
    x, y = points[:, None, 0], points[:, None, 1]
    crosses = (a[:, 1] > y) != (b[:, 1] > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        at = a[:, 0] + (y - a[:, 1]) / (b[:, 1] - a[:, 1]) * (b[:, 0] - a[:, 0])
    return np.asarray((crosses & (x < at)).sum(axis=1) % 2 == 1)
