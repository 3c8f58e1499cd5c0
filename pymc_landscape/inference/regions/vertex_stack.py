"""Vertices on all rays at once, where nothing is unusual.

For a small model what costs is not arithmetic but the way from one line of Python to the next. Vertices begin where a
quadratic surface would have them and take the steps of :mod:`~pymc_landscape.inference.regions.rays` in one stack. What
comes of it is believed whole or not at all: where a vertex does not converge, where the surface does not rise across,
or where a bound is near, the rays are solved one after the other.
"""

from __future__ import annotations

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.inference.profile import (
    ConstrainedPoint,
    LevelPoints,
    LevelProblems,
    level_points_batch,
)
from pymc_landscape.inference.regions.rays import CLOSE, ON_LINE, REMAINING, STEPS, Rays
from pymc_landscape.numerics import covariance, noise
from pymc_landscape.objective import batch_value_gradient_hessian


def vertices_at_once(rays: Rays, angles: Array) -> list[ConstrainedPoint] | None:
    """Return the vertices on rays at some angles; None where one of them needs more care.

    Parameters
    ----------
    rays : Rays
        From a minimum, on axes on which Wald's region is a circle.
    angles : array (n,)
        Of the rays.
    """
    restricted = rays.center.restricted
    straight = all(quantity.element is not None for quantity in rays.center.quantities)
    bounded = bool(restricted.fixed) or restricted.coordinates is not None or np.isfinite(rays.bounds).any()
    if not (rays.is_wald and straight and restricted.is_small) or bounded:
        return None
    units = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    found = _solve(rays, units)
    held = [quantity.position(restricted) for quantity in rays.center.quantities]
    rises = found.converged.all() and found.rise_across(np.broadcast_to(held, (len(units), 2))).all()
    if not (rises and _are_first(rays, found, held, units)):
        return None
    surfaces = zip(found.x, found.value.tolist(), found.gradient, found.hessian, strict=True)
    return [rays.center.moved(held, *surface) for surface in surfaces]


def _solve(rays: Rays, units: Array) -> LevelPoints:
    center, n = rays.center, len(units)
    held = np.array([quantity.position(center.restricted) for quantity in center.quantities])
    across = np.linalg.solve(rays.root.T, np.stack([-units[:, 1], units[:, 0]])).T
    planes = np.zeros((n, 1, len(center.x)))
    planes[:, 0, held] = across
    rounding = 10 * noise(rays.target)
    problems = LevelProblems(
        target=np.full(n, rays.target),
        held=np.broadcast_to(held, (n, 2)),
        planes=planes,
        offsets=(across @ center.coordinates)[:, None],
        metric=center.hessian,
        longest=np.full(n, max(1.0, rays.reach)),
        close=max(CLOSE, rounding),
        off=ON_LINE,
        remaining=max(REMAINING, rounding),
    )
    lift = covariance(center.hessian) @ center.normals @ np.linalg.solve(rays.root.T, units.T)
    restricted, engine = center.restricted, center.restricted.engine("hessian")
    return level_points_batch(
        lambda _, x: batch_value_gradient_hessian(restricted, x, engine),
        problems,
        center.x + rays.reach * lift.T,
        STEPS,
    )


def _are_first(rays: Rays, found: LevelPoints, held: list[int], units: Array) -> bool:
    """Whether the surface is on its way up where it meets the cut-off, on each ray and on this side of the centre."""
    radius = np.einsum("ni,ni->n", rays.whitened(found.x[:, held]), units)
    rising = np.einsum("ni,ni->n", found.gradient[:, held] @ rays.root, units)
    return bool((radius > 0).all() and (rising > 0).all())
