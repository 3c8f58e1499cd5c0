"""Ways to a point where the slope is zero, from one start each. Whether they arrived, `stationary` says.

* `flow`, the path of steepest descent: where a drop of water goes, and so the one that has basins;
* `follow`, eigenvector following (Cerjan & Miller 1981, *J. Chem. Phys.* 75; Wales 1994, *J. Chem. Soc. Faraday
  Trans.* 90): up along the softest directions, down along the others, to a saddle of a given index or to a peak;
* `least_slope`, the minimum of ‖∇‖², which may end at a point of any index.
"""

from __future__ import annotations

import numpy as np
from scipy import integrate, optimize

from pymc_landscape.aliases import Array
from pymc_landscape.frame import Frame
from pymc_landscape.stationary import look
from pymc_landscape.trust_region import NEAR, Place

# Steps of each way, at most.
FLOW_STEPS, FOLLOW_STEPS, LEAST_SLOPE_STEPS = 300, 100, 60
# Half a Newton decrement, in units of −2 log L, from which Newton's own steps end the flow.
NEAR_ENOUGH = 1e-2
# The flow is asked after so many steps whether Newton's own could take over.
FLOW_CHECK = 8
# In standard errors: first and largest step of eigenvector following.
FIRST_STEP, LARGEST_STEP = 0.3, 100.0
# Stands for a slope that does not exist.
STEEP = 1e50


def flow(frame: Frame, x: Array) -> Array:
    """Follow steepest descent, dx/dt = −∇f, until Newton's own steps would do; return where that is."""
    if look(frame, x) is None:
        return x
    solver = integrate.LSODA(
        lambda t, y: -frame.slope(y)[1], 0.0, x, np.inf, rtol=1e-3, atol=1e-6, jac=lambda t, y: -frame.hessian(y)
    )
    for step in range(FLOW_STEPS):
        if solver.status != "running" or not np.isfinite(solver.y).all():
            break
        solver.step()
        if step % FLOW_CHECK == 0:
            here = look(frame, solver.y)
            if here is None or 0.5 * here.decrement < NEAR_ENOUGH:
                break
    end: Array = solver.y
    return end if np.isfinite(frame.value(end)) else x


def follow(frame: Frame, x: Array, scale: Array, climbs: int, reach: float) -> Array:
    """Go up along the `climbs` softest directions and down along the others; return the end.

    Parameters
    ----------
    frame : Frame
        The surface.
    x : array (k,)
        Where to begin.
    scale : array (k,)
        Lengths are those of ``scale * x``: 1 / standard errors, of a valley nearby if there is one.
    climbs : int
        The index of the stationary point that is looked for.
    reach : float
        Further than this from `x` is given up.
    """
    here, radius = look(frame, x), FIRST_STEP
    signs = np.where(np.arange(len(x)) < climbs, -1.0, 1.0)
    for _ in range(FOLLOW_STEPS):
        if here is None or np.linalg.norm(scale * (here.x - x)) > reach:
            break
        values, vectors = np.linalg.eigh(here.hessian / np.outer(scale, scale))
        slope = vectors.T @ (here.gradient / scale)
        step = -signs * slope / np.maximum(np.abs(values), 1e-12)
        length = float(np.linalg.norm(step))
        if (signs * values > 0).all() and 0.5 * float(np.abs(slope) @ np.abs(step)) < NEAR:
            break
        move = vectors @ (step * min(1.0, radius / max(length, 1e-300))) / scale
        there = look(frame, here.x + move)
        wrong = np.inf if there is None else _surprise(here, there, move, scale)
        if wrong > 0.5:
            radius = 0.4 * min(radius, length)
        elif wrong < 0.15:
            radius = min(2.0 * radius, LARGEST_STEP)
        if wrong < 1.0:
            here = there
        elif radius < 1e-10:
            break
    return x if here is None else here.x


def _surprise(here: Place, there: Place, move: Array, scale: Array) -> float:
    """Return how far the slope is from what the Hessian foretold, relative to the slope before."""
    foretold = here.gradient + here.hessian @ move
    before = max(float(np.linalg.norm(here.gradient / scale)), 1e-300)
    return float(np.linalg.norm((there.gradient - foretold) / scale)) / before


def least_slope(frame: Frame, x: Array, scale: Array) -> Array:
    """Minimise the square of the slope from `x`; return the end, where that is 0 or at a minimum of its own."""

    def slope(y: Array) -> Array:
        gradient = frame.slope(y / scale)[1] / scale
        return gradient if np.isfinite(gradient).all() else np.full_like(y, STEEP)

    def jacobian(y: Array) -> Array:
        hessian = frame.hessian(y / scale) / np.outer(scale, scale)
        return hessian if np.isfinite(hessian).all() else np.eye(len(y))

    found = optimize.least_squares(
        slope,
        x * scale,
        jacobian,
        method="lm",
        x_scale="jac",
        xtol=1e-12,
        ftol=1e-12,
        gtol=1e-12,
        max_nfev=LEAST_SLOPE_STEPS,
    )
    end: Array = found.x / scale
    return end
