"""Learning rates that need no tuning: from the curvature where a step is rate × gradient, plain numbers otherwise.

On a valley of curvature λ a plain gradient step is stable below 2/λ, and 1/λ is right where λ is the largest
eigenvalue. It differs from place to place, so it is taken at the start and at a few points on the way down. A batch of
B of N rows makes the slope noisy: the rate that suits it is B / (tr H + (B − 1) λ), for H the Hessian of all rows
(Ma, Bassily & Belkin 2018, *Proc. Mach. Learn. Res.* 80), and since a constant rate would leave the path trembling in
the valley, it falls linearly to 0 (Defazio, Cutkosky, Mehta & Mishchenko 2023, arXiv:2310.07831).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy

from pymc_landscape._typing import Array
from pymc_landscape.numerics import QuadraticModel, descend_newton, leading_eigenpairs, quadratic_model, trace
from pymc_landscape.objective import DENSE, Objective, RestrictedObjective
from pymc_landscape.objective.observations import BatchSlope

Schedule = Callable[[int], float]

# Their steps are about as long as the rate, whatever the gradient: for parameters of order one.
PLAIN = {"adam": 0.1, "adamax": 0.1, "rmsprop": 0.02, "adagrad": 1.0, "adadelta": 1.0}
BY_CURVATURE = ("sgd", "momentum", "nesterov")
# With momentum m a rule moves 1 / (1 − m) times as far, and so does the noise of batches; this is PyMC's m.
MOMENTUM = 0.9
# So many Newton steps give points at which the curvature is measured.
AHEAD = 10
# Where no curvature can be had.
LAST_RESORT = 1e-3


def default_schedule(name: str, objective: Objective, start: Array, steps: int, batch: BatchSlope | None) -> Schedule:
    """Return the learning rate of each iteration (1, 2, ...) where the user gave none."""
    rate = by_curvature(objective, start, batch) if name in BY_CURVATURE else PLAIN[name]
    if batch is None:
        return lambda iteration: rate
    rate *= 1.0 - MOMENTUM if name in ("momentum", "nesterov") else 1.0
    return lambda iteration: rate * (1.0 - (iteration - 1) / steps)


def by_curvature(objective: Objective, start: Array, batch: BatchSlope | None = None) -> float:
    """Return 1 over the largest curvature of nll at the start and on the way down from it.

    Parameters
    ----------
    objective : Objective
        Whose `value` is twice the nll.
    start : array (k,)
        Where the path begins.
    batch : BatchSlope, optional
        Where the gradient comes from batches.
    """
    measure = _by_products if objective.size > DENSE else _by_eigenvalues
    curvatures = [measure(objective, theta) for theta in _points_below(objective, start)]
    known = [pair for pair in curvatures if np.isfinite(pair).all() and pair[0] > 0]
    if not known:
        return LAST_RESORT
    largest, total = max(known)
    if batch is None:
        return 1.0 / largest
    return batch.size / (total + (batch.size - 1) * largest)


def _points_below(objective: Objective, start: Array) -> list[Array]:
    """Return the start, and some points of a few Newton steps from it."""
    restricted = RestrictedObjective(objective)
    with np.errstate(all="ignore"):
        try:
            return (
                _newton_points(restricted, start)
                if objective.size <= DENSE
                else _quasi_newton_points(restricted, start)
            )
        except (ArithmeticError, ValueError):
            return [start]


def _newton_points(restricted: RestrictedObjective, start: Array) -> list[Array]:
    seen: list[QuadraticModel] = [quadratic_model(restricted, start)]
    descend_newton(restricted, seen[0], AHEAD, tell=seen.append)
    return [here.x for here in seen]


def _quasi_newton_points(restricted: RestrictedObjective, start: Array) -> list[Array]:
    ended = scipy.optimize.minimize(
        restricted.value_and_gradient, start, jac=True, method="L-BFGS-B", options={"maxiter": AHEAD}
    )
    return [start, np.asarray(ended.x)]


def _by_products(objective: Objective, theta: Array) -> tuple[float, float]:
    """Return the largest size of an eigenvalue of the Hessian of nll, and its trace, from products alone."""

    def product(vector: Array) -> Array:
        return 0.5 * objective.hessian_product(theta, vector)

    rng = np.random.default_rng(0)  # the same vectors each time: a rate is not to be random
    values, vectors = leading_eigenpairs(product, objective.size, 1, rng)
    return abs(float(values[0])), abs(trace(product, vectors, rng)[0])


def _by_eigenvalues(objective: Objective, theta: Array) -> tuple[float, float]:
    """Return the same with all eigenvalues at hand: the largest size, and the sum of sizes."""
    matrix = 0.5 * objective.hessian(theta)
    if not np.isfinite(matrix).all():
        return np.nan, np.nan
    sizes = np.abs(np.linalg.eigvalsh(matrix))
    return float(sizes.max()), float(sizes.sum())
