"""Newton's method at many points at once, down to minima. Arrays only.

Where hundreds of neighbouring minimisations begin near their minima, what costs is not arithmetic but the way from one
line of Python to the next. Here one evaluation gives value, gradient and Hessian of all points that have not converged,
and the steps of all are solved as one stack. A point that does not converge soon is left to a more careful method.
On the way down eigenvalues enter by their size, as in :mod:`~pymc_landscape.numerics.trust_region`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.numerics.covariance import RANK_TOLERANCE, step_lengths_batch
from pymc_landscape.numerics.trust_region import NO_GRADIENT, noise

# Values (n,), gradients (n, k) and Hessians (n, k, k) of the points `rows` where their free elements are x (n, m).
BatchDerivatives = Callable[[NDArray[np.intp], Array], tuple[Array, Array, Array]]

# With less than this to gain, in units of −2 log L, the next step is the last and needs no evaluation.
CONVERGED = 1e-9
# Longest step, in standard errors or thereabouts, and how a step shrinks that leads up.
LONGEST, SHRUNK, SHORTEST = 10.0, 0.25, 1e-3
MOST_EVALUATIONS = 15


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
