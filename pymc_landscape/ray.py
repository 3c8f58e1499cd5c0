"""Walking out along one ray of a joint region, where Newton's steps do not lead to its edge at once."""

from __future__ import annotations

import numpy as np

from pymc_landscape.aliases import Array
from pymc_landscape.joint import Joint, look_jointly
from pymc_landscape.joint_level import minimise_across
from pymc_landscape.vertex import Rays

# Steps along the ray, each this much longer than the last; the first in Wald's standard errors.
STEPS, FIRST, GROWTH = 80, 0.25, 1.5
CORRECTIONS = 8
# So many steps in a row that gain less than this, and the surface is level.
LEVEL, IN_A_ROW = 1e-4, 4


def follow(rays: Rays, angle: float, farthest: float = np.inf) -> tuple[Joint | None, str]:
    """Walk out until the surface passes the cut-off.

    Parameters
    ----------
    rays : Rays
        Where from.
    angle : float
        Of the ray.
    farthest : float
        Where the surface is known to be above the cut-off, at the latest: a wall.

    Returns
    -------
    vertex : Joint or None
        The vertex; for ``open``, the last point of the walk.
    status : str
        ``finite``; ``open`` where the surface becomes level below the cut-off; ``failed``.
    """
    here, radius, gains = rays.center, 0.0, [1.0]
    length = min(FIRST, 0.5 * farthest)
    for _ in range(STEPS):
        length = min(length, 0.7 * (farthest - radius))
        there = held(rays, here, angle, radius + length)
        if there is None:
            length *= 0.25
            if length < 1e-3 * min(FIRST, farthest):
                return None, "failed"
            continue
        if there.value >= rays.target:
            vertex = _between(rays, angle, (here, radius), (there, radius + length))
            if vertex is not None:
                return vertex, "finite"
            length *= 0.5
            if length < 1e-6 * max(radius, min(FIRST, farthest)):
                return None, "failed"
            continue
        gains.append(there.value - here.value)
        radius, here, length = radius + length, there, length * GROWTH
        if max(map(abs, gains[-IN_A_ROW:])) < LEVEL:
            return here, "open"
    return None, "failed"


def _between(rays: Rays, angle: float, low: tuple[Joint, float], high: tuple[Joint, float]) -> Joint | None:
    """Solve for the vertex between two points of the ray."""
    for near, _ in (high, low):
        vertex = rays.solve(near.frame, near.x, rays.line(angle))
        if vertex is not None and low[1] <= rays.radius(vertex, angle) <= high[1]:
            return vertex
    return None


def held(rays: Rays, begin: Joint, angle: float, radius: float) -> Joint | None:
    """Minimise with both coordinates held on the ray."""
    return hold(begin, rays.center.coordinates + radius * rays.direction(angle))


def hold(begin: Joint, goal: Array) -> Joint | None:
    """Minimise with both coordinates held: by Newton's steps, else in a trust region."""
    here = begin
    for _ in range(CORRECTIONS):
        missing = goal - here.coordinates
        if np.abs(missing).max() <= 1e-9 * max(1.0, np.abs(goal).max()) and here.left < 1e-8:
            return here
        there = look_jointly(here.frame, here.pair, here.x + here.solve(here.normals.T, missing, -here.gradient))
        if not there.is_finite:
            break
        here = there
    return minimise_across(begin, goal)
