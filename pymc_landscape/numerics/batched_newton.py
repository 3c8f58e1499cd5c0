"""Newton's method at many points at once: down to minima, and to points at a given height. Arrays only.

Where hundreds of neighbouring minimisations begin near their minima, what costs is not arithmetic but the way from one
line of Python to the next. Here one evaluation gives value, gradient and Hessian of all points that have not converged,
and the steps of all are solved as one stack. A point that does not converge soon is left to a more careful method.
On the way down eigenvalues enter by their size, as in :mod:`~pymc_landscape.numerics.trust_region`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._typing import Array
from pymc_landscape.numerics.covariance import RANK_TOLERANCE, step_lengths_batch
from pymc_landscape.numerics.trust_region import NO_GRADIENT, noise

# Values (n,), gradients (n, k) and Hessians (n, k, k) of the points `rows` where their free elements are x (n, m).
BatchDerivatives = Callable[[NDArray[np.intp], Array], tuple[Array, Array, Array]]
# Values (n,) and gradients (n, k) alone.
BatchGradients = Callable[[NDArray[np.intp], Array], tuple[Array, Array]]

# With less than this to gain, in units of −2 log L, the next step is the last and needs no evaluation.
CONVERGED = 1e-9
# Longest step, in standard errors or thereabouts, and how a step shrinks that leads up.
LONGEST, SHRUNK, SHORTEST = 10.0, 0.25, 1e-3
MOST_EVALUATIONS = 15
# After a step shorter than this, in standard errors, a Hessian is still good; for so many points in a row.
SHORT, REUSED = 0.03, 3
# Scaled to a diagonal of 1, a Cholesky factor with a smaller pivot is that of a matrix which may be singular.
PIVOT = 1e-5


@dataclass
class BatchMinima:
    """The minima that a batch came to.

    Parameters
    ----------
    x : array (n, m)
        Free elements at the end.
    value : array (n,)
        The value there, as the last evaluation foretells it.
    remaining_decrease : array (n,)
        What Newton's last step gained; infinite where a point has not converged.
    gradient, hessian : array (n, k), array (n, k, k)
        Of the last evaluation, over all elements.
    inverse : array (n, m, m)
        Inverse Hessian of the free elements; a pseudo-inverse where directions are flat.
    """

    x: Array
    value: Array
    remaining_decrease: Array
    gradient: Array
    hessian: Array
    inverse: Array

    @property
    def converged(self) -> NDArray[np.bool_]:
        """Which points are at a minimum."""
        return self.remaining_decrease <= CONVERGED


def newton_descent_batch(
    derivatives: BatchDerivatives,
    free: NDArray[np.intp],
    size: int,
    x: Array,
    spare: Array,
    most_evaluations: int = MOST_EVALUATIONS,
) -> BatchMinima:
    """Minimise each of n surfaces over its free elements.

    Parameters
    ----------
    derivatives : callable
        Evaluates some of the points, over all k elements.
    free : array (m,) of int
        Which of the k elements are free.
    size : int
        Their number k.
    x, spare : array (n, m)
        Where each begins, and where it begins instead if there is no value.
    most_evaluations : int
        After how many evaluations a point is left as it is.

    Returns
    -------
    Arrivals
        Of all points, also of those that did not converge.
    """
    n, m = x.shape
    minima = BatchMinima(
        x=x.copy(),
        value=np.full(n, np.inf),
        remaining_decrease=np.full(n, np.inf),
        gradient=np.full((n, size), np.nan),
        hessian=np.full((n, size, size), np.nan),
        inverse=np.zeros((n, m, m)),
    )
    trial, step, reach = x.copy(), np.zeros((n, m)), np.ones(n)
    active = np.arange(n)
    for _ in range(most_evaluations):
        value, gradient, hessian = derivatives(active, trial[active])
        better = _is_no_worse(value, gradient[:, free], hessian[:, free[:, None], free], minima.value[active])
        rows, worse = active[better], active[~better]
        minima.x[rows], minima.value[rows] = trial[rows], value[better]
        minima.gradient[rows], minima.hessian[rows] = gradient[better], hessian[better]
        gradients, hessians = gradient[better][:, free], hessian[better][:, free[:, None], free]
        step[rows], minima.remaining_decrease[rows], minima.inverse[rows] = newton_steps(gradients, hessians)
        reach[rows] = 1.0
        unseen = np.isinf(minima.value[worse])
        reach[worse] = np.where(unseen, reach[worse] - 0.75, SHRUNK * reach[worse])
        active = np.concatenate(
            [rows[~(minima.remaining_decrease[rows] <= CONVERGED)], worse[reach[worse] >= SHORTEST]]
        )
        if not len(active):
            break
        trial[active] = minima.x[active] + reach[active, None] * step[active]
        unseen = np.isinf(minima.value[active])
        trial[active[unseen]] = spare[active[unseen]]
    done = minima.converged
    minima.x[done] += step[done]
    minima.value[done] -= minima.remaining_decrease[done]
    return minima


def _is_no_worse(value: Array, gradient: Array, hessian: Array, before: Array) -> NDArray[np.bool_]:
    """Whether points have a value with derivatives that is no higher than before."""
    finite = np.isfinite(value) & np.isfinite(gradient).all(axis=1) & np.isfinite(hessian).all(axis=(1, 2))
    slack = np.where(np.isfinite(before), before, 0.0)
    return finite & (value <= before + noise(slack))


def newton_steps(gradient: Array, hessian: Array) -> tuple[Array, Array, Array]:
    """Return Newton's steps of n points, what they gain, and the inverse Hessians.

    Parameters
    ----------
    gradient : array (n, m)
        The gradients of the free elements.
    hessian : array (n, m, m)
        The Hessians.

    Returns
    -------
    step : array (n, m)
        Downhill also where the Hessian is indefinite; nothing along flat directions.
    gained : array (n,)
        Half the Newton decrement; infinite at a point that is no minimum.
    inverse : array (n, m, m)
        Pseudo-inverses.

    Examples
    --------
    >>> step, gained, inverse = newton_steps(np.array([[4.0]]), np.array([[[8.0]]]))
    >>> step.tolist(), gained.tolist(), inverse.tolist()
    ([[-0.5]], [1.0], [[[0.125]]])
    """
    scale = step_lengths_batch(hessian)
    values, vectors = np.linalg.eigh(hessian / (scale[:, :, None] * scale[:, None, :]))
    tolerance = RANK_TOLERANCE * values.shape[1] * np.abs(values).max(axis=1, initial=0.0)[:, None]
    scaled_gradient = np.einsum("nji,nj->ni", vectors, gradient / scale)
    flat = np.abs(values) <= tolerance
    scaled_gradient = np.where(flat & (np.abs(scaled_gradient) <= NO_GRADIENT), 0.0, scaled_gradient)
    curvature = np.where(flat, 1.0, np.abs(values))
    gained = 0.5 * np.where(flat, 0.0, scaled_gradient**2 / curvature).sum(axis=1)
    is_minimum = ~(values < -tolerance).any(axis=1) & ~(flat & (scaled_gradient != 0)).any(axis=1)
    along = np.where(flat, -scaled_gradient, -scaled_gradient / curvature)
    length = np.linalg.norm(along, axis=1)
    along *= np.minimum(1.0, LONGEST / np.maximum(length, 1e-300))[:, None]
    half = vectors / scale[:, :, None]
    inverted = np.where(flat, 0.0, 1.0 / np.where(flat, 1.0, values))
    inverse = np.einsum("nik,nk,njk->nij", half, inverted, half)
    return np.einsum("nik,nk->ni", half, along), np.where(is_minimum, gained, np.inf), inverse


# --- points at a given height ----------------------------------------------------------------------------------------


@dataclass
class LevelProblems:
    """Points that are asked for: at a given height of a surface, on planes, and stationary across some elements.

    Parameters
    ----------
    target : array (n,)
        The heights f(x).
    held : array (n, r) of int
        The elements that are no nuisance: all other elements of the gradient are to be 0.
    planes, offsets : array (n, r − 1, m), array (n, r − 1)
        P and a of P x = a.
    metric : array (m, m) or (n, m, m)
        Measures steps: ½ dᵀ M d, in the units of the surface.
    longest : array (n,)
        The longest step, √ of that.
    close, remaining : float or array (n,)
        Error of height, and twice what a step may still gain, at the end.
    off : float
        Error of planes at the end.
    """

    target: Array
    held: NDArray[np.intp]
    planes: Array
    offsets: Array
    metric: Array
    longest: Array
    close: float | Array
    off: float
    remaining: float | Array


@dataclass
class LevelPoints:
    """The last points that a stack came to, with derivatives; values are NaN where there was none.

    Parameters
    ----------
    x, value, gradient, hessian : array (n, m), (n,), (n, m), (n, m, m)
        Of the surface.
    foretold : array (n,)
        The values that the steps to them have foretold; of the first points, the heights asked for.
    converged : array (n,) of bool
        Which of them are what was asked for, but for the sign of the curvature across.
    """

    x: Array
    value: Array
    gradient: Array
    hessian: Array
    foretold: Array
    converged: NDArray[np.bool_]

    def rise_across(self, held: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return at which points (n,) the surface has a minimum across the elements `held`, and no flat direction.

        Parameters
        ----------
        held : array (n, r) of int
            As in the problems.
        """
        (n, m), r = self.x.shape, held.shape[1]
        is_held = np.zeros((n, m), dtype=bool)
        is_held[np.arange(n)[:, None], held] = True
        others = np.nonzero(~is_held)[1].reshape(n, m - r)
        hessians = self.hessian[np.arange(n)[:, None, None], others[:, :, None], others[:, None, :]]
        diagonal = np.einsum("nii->ni", hessians)
        rise = np.isfinite(hessians).all(axis=(1, 2)) & (diagonal > 0).all(axis=1)
        scale = np.sqrt(diagonal[rise])
        scaled = hessians[rise] / (scale[:, :, None] * scale[:, None, :])
        # no pivot of a Cholesky factor is smaller than the root of the least eigenvalue
        rise[rise] = (np.linalg.eigvalsh(scaled) > PIVOT**2).all(axis=1)
        return np.asarray(rise)


def level_points_batch(
    derivatives: BatchDerivatives,
    problems: LevelProblems,
    x: Array,
    steps: int,
    gradients: BatchGradients | None = None,
) -> LevelPoints:
    """Take Newton's steps to many points at given heights of a surface until the next step would change nothing.

    Parameters
    ----------
    derivatives : callable
        Evaluates some of the points.
    problems : LevelProblems
        What is asked for.
    x : array (n, m)
        Where each begins.
    steps : int
        How many evaluations each may have.
    gradients : callable, optional
        Evaluates some of the points without Hessians. Where that is worth it, a Hessian serves the points that are a
        short step away from its own: Newton's steps lose nothing by it but a little of their speed.
    """
    n, m = x.shape
    derivatives_there = np.empty((n, m)), np.empty((n, m, m))
    found = LevelPoints(x.copy(), np.full(n, np.nan), *derivatives_there, np.full(n, np.nan), np.zeros(n, dtype=bool))
    active, foretold, reused = np.arange(n), problems.target.copy(), np.full(n, REUSED)
    close, remaining = (np.broadcast_to(bar, n) for bar in (problems.close, problems.remaining))
    metric = np.broadcast_to(problems.metric, (n, m, m))

    def evaluate(rows: NDArray[np.intp], x: Array) -> tuple[Array, Array, Array]:
        near = reused[rows] < REUSED
        reused[rows] = np.where(near, reused[rows] + 1, 0)
        if gradients is None or not near.any():
            return derivatives(rows, x)
        value, gradient, hessian = np.empty(len(rows)), np.empty((len(rows), m)), found.hessian[rows]
        value[near], gradient[near] = gradients(rows[near], x[near])
        if not near.all():
            value[~near], gradient[~near], hessian[~near] = derivatives(rows[~near], x[~near])
        return value, gradient, hessian

    for _ in range(steps):
        there = np.isfinite(x).all(axis=1)
        active, x = active[there], x[there]
        if not len(active):
            break
        value, gradient, hessian = evaluate(active, x)
        finite = np.isfinite(value) & np.isfinite(gradient).all(axis=1) & np.isfinite(hessian).all(axis=(1, 2))
        active, x, value = active[finite], x[finite], value[finite]
        found.foretold[active] = foretold[active]
        gradient, hessian = gradient[finite], hessian[finite]
        found.x[active], found.value[active] = x, value
        found.gradient[active], found.hessian[active] = gradient, hessian
        off = np.einsum("nri,ni->nr", problems.planes[active], x) - problems.offsets[active]
        missing = np.concatenate([(problems.target[active] - value)[:, None], -off], axis=1)
        rows = np.concatenate([gradient[:, None], problems.planes[active]], axis=1)
        step = bordered_steps(gradient, hessian, problems.held[active], rows, missing)
        squared = 0.5 * np.einsum("ni,nij,nj->n", step, metric[active], step)
        met = (np.abs(missing[:, 0]) <= close[active]) & (np.abs(off) <= problems.off).all(axis=1)
        met &= 2.0 * squared <= remaining[active]
        found.converged[active] = met
        step *= np.minimum(1.0, problems.longest[active] / np.sqrt(np.maximum(squared, 1e-300)))[:, None]
        curved = 0.5 * np.einsum("ni,nij,nj->n", step, hessian, step)
        reused[active] = np.where(squared < SHORT**2, reused[active], REUSED)
        foretold[active] = value + np.einsum("ni,ni->n", gradient, step) + curved
        active, x = active[~met], (x + step)[~met]
    return found


def bordered_steps(gradient: Array, hessian: Array, held: NDArray[np.intp], rows: Array, right: Array) -> Array:
    """Solve [[H, E], [R, 0]] (d, ·) = (−g, b) for n steps d (n, m), on scaled axes; NaN where one is singular.

    Parameters
    ----------
    gradient, hessian : array (n, m), array (n, m, m)
        The surface.
    held : array (n, r) of int
        E has the unit vectors of these elements as columns.
    rows, right : array (n, r, m), array (n, r)
        R and b.
    """
    (n, m), r = gradient.shape, held.shape[1]
    scale = step_lengths_batch(hessian)
    scaled = rows / scale[:, None, :]
    sizes = np.sqrt(np.einsum("nri,nri->nr", scaled, scaled))
    matrix, known = np.zeros((n, m + r, m + r)), np.empty((n, m + r))
    matrix[:, :m, :m] = hessian / (scale[:, :, None] * scale[:, None, :])
    matrix[np.arange(n)[:, None], held, m + np.arange(r)] = 1.0
    matrix[:, m:, :m] = scaled / sizes[:, :, None]
    known[:, :m], known[:, m:] = -gradient / scale, right / sizes
    try:
        return np.linalg.solve(matrix, known[:, :, None])[:, :m, 0] / scale
    except np.linalg.LinAlgError:  # one of them is singular
        halves = (np.arange(n) < n // 2, np.arange(n) >= n // 2) if n > 1 else ()
        steps = np.full((n, m), np.nan)
        for half in halves:
            steps[half] = bordered_steps(gradient[half], hessian[half], held[half], rows[half], right[half])
        return steps
