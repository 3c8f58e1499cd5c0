"""Walking out along one ray of a joint region, where Newton's steps do not lead to its edge at once."""

from __future__ import annotations

import numpy as np

from pymc_landscape.vertex import Joint, Rays, look_jointly

# Steps along the ray, each this much longer than the last; the first in Wald's standard errors.
STEPS, FIRST, GROWTH = 60, 0.25, 1.5
CORRECTIONS = 25
# So many steps in a row that gain less than this, and the surface is level.
LEVEL, IN_A_ROW = 1e-4, 4


def follow(rays: Rays, angle: float) -> tuple[Joint | None, str]:
    """Walk out until the surface passes the cut-off.

    Returns
    -------
    vertex : Joint or None
        The vertex; for ``open``, the last point of the walk.
    status : str
        ``finite``; ``open`` where the surface becomes level below the cut-off; ``failed``.
    """
    here, length, radius, gains = rays.estimate, FIRST, 0.0, [1.0]
    for _ in range(STEPS):
        there = held(rays, here, angle, radius + length)
        if there is None:
            length *= 0.25
            if length < 1e-3 * FIRST:
                return None, "failed"
            continue
        if there.value >= rays.target:
            vertex = rays.solve(there.frame, there.x, angle) or rays.solve(here.frame, here.x, angle)
            if vertex is not None:
                return vertex, "finite"
            length *= 0.5
            if length < 1e-6 * max(radius, FIRST):
                return None, "failed"
            continue
        gains.append(there.value - here.value)
        radius, here, length = radius + length, there, length * GROWTH
        if max(map(abs, gains[-IN_A_ROW:])) < LEVEL:
            return here, "open"
    return None, "failed"


def held(rays: Rays, begin: Joint, angle: float, radius: float) -> Joint | None:
    """Minimise with both coordinates held on the ray."""
    goal = rays.estimate.coordinates + radius * rays.direction(angle)
    here = begin
    for _ in range(CORRECTIONS):
        missing = goal - here.coordinates
        if np.abs(missing).max() <= 1e-9 * max(1.0, np.abs(goal).max()) and here.left < 1e-8:
            return here
        x = here.x + here.solve(here.normals.T, missing, -here.gradient)
        there = look_jointly(here.frame, here.pair, x)
        if not there.is_finite:
            return None
        here = there
    return None
