"""Newton's method inside a trust region, from many starts on surfaces of their own, side by side. Arrays only.

The mathematics is that of :mod:`~pymc_landscape.numerics.trust_region`, with the same constants, and each surface takes
the same steps as it would alone. One evaluation gives value, gradient and Hessian of all that have not arrived. What
that method looks at twice (a fall that may be rounding, a saddle, a surface that flattens out) or that does not arrive
soon is not decided here: it is left to the search of a single surface.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.numerics.batched_newton import BatchDerivatives
from pymc_landscape.numerics.covariance import RANK_TOLERANCE, lengths_batch
from pymc_landscape.numerics.trust_region import (
    ALONG,
    BEND,
    DOUBTED,
    EXACT,
    FADING,
    FALL,
    FIRST_RADIUS,
    INCREDIBLE,
    NEAR,
    NO_GRADIENT,
    RUNNING,
    SADDLE,
    SHRUNK,
    SLOW,
    TAKEN,
    WIDENED,
    noise,
    step_on_axes,
)

# Evaluations of one surface after which it is left to the search of a single one; and Newton's own steps at the end.
MOST_EVALUATIONS, POLISHED = 50, 8


@dataclass
class QuadraticModels:
    """Value, gradient and Hessian at one point of each of n surfaces, with the Hessians' spectra on scaled axes.

    Parameters
    ----------
    x : array (n, k)
        The points.
    value, gradient, hessian : array (n,), array (n, k), array (n, k, k)
        What the surfaces are there; all finite.
    """

    x: Array
    value: Array
    gradient: Array
    hessian: Array

    def __post_init__(self) -> None:
        self.scale = lengths_batch(self.hessian)
        scaled = self.hessian / (self.scale[:, :, None] * self.scale[:, None, :])
        self.values, self.vectors = np.linalg.eigh(scaled)
        sizes = np.abs(self.values)
        self.tolerance = RANK_TOLERANCE * self.x.shape[1] * sizes.max(axis=1, initial=0.0)
        slopes = np.einsum("nji,nj->ni", self.vectors, self.gradient / self.scale)
        steepness = np.sqrt((slopes**2).sum(axis=1))[:, None]
        bent = (sizes <= BEND * steepness) & (np.abs(slopes) <= ALONG * steepness)
        self.flat: NDArray[np.bool_] = (sizes <= self.tolerance[:, None]) | bent
        self.scaled_gradient = np.where(self.flat & (np.abs(slopes) <= NO_GRADIENT), 0.0, slopes)
        terms = np.where(self.flat, 0.0, self.scaled_gradient**2 / np.where(self.flat, 1.0, self.values))
        more = (~self.flat & (self.values < 0)).any(axis=1) | (self.flat & (self.scaled_gradient != 0)).any(axis=1)
        self.decrement = np.where(more, np.inf, terms.sum(axis=1))

    @property
    def is_positive(self) -> NDArray[np.bool_]:
        """Which Hessians are positive definite beyond rounding."""
        positive: NDArray[np.bool_] = (self.values > self.tolerance[:, None]).all(axis=1)
        return positive

    def newton_steps(self) -> Array:
        """Return −H⁻¹g (n, k), nothing along flat directions."""
        curved = np.abs(self.values) > self.tolerance[:, None]
        along = np.einsum("nji,nj->ni", self.vectors, self.gradient / self.scale)
        inner = np.where(curved, -along / np.where(curved, self.values, 1.0), 0.0)
        return self.on_own_axes(inner)

    def on_own_axes(self, inner: Array) -> Array:
        """Return steps (n, k) on the eigenvectors in the units of x."""
        return np.asarray(np.einsum("nij,nj->ni", self.vectors, inner) / self.scale)

    def inverses(self) -> Array:
        """Return the inverse Hessians (n, k, k); pseudo-inverses where directions are flat."""
        curved = np.abs(self.values) > self.tolerance[:, None]
        half = self.vectors / self.scale[:, :, None]
        inverted = np.where(curved, 1.0 / np.where(curved, self.values, 1.0), 0.0)
        return np.asarray(np.einsum("nik,nk,njk->nij", half, inverted, half))

    def take(self, rows: NDArray[np.intp]) -> QuadraticModels:
        """Return those of some surfaces."""
        part = object.__new__(QuadraticModels)
        part.__dict__.update({name: array[rows] for name, array in self.__dict__.items()})
        return part

    def put(self, rows: NDArray[np.intp], others: QuadraticModels) -> None:
        """Set those of some surfaces."""
        for name, array in others.__dict__.items():
            self.__dict__[name][rows] = array


@dataclass
class StackedMinima:
    """Where the searches of a stack ended.

    Parameters
    ----------
    here : QuadraticModels
        The surfaces of `rows` at their ends.
    rows : array (r,) of int
        Which of the n surfaces these are: those that arrived. All others are left to the search of a single one.
    begin_value : array (n,)
        The values at the starts; NaN where a surface has none.
    n_iterations : array (n,) of int
        How many steps were tried.
    """

    here: QuadraticModels
    rows: NDArray[np.intp]
    begin_value: Array
    n_iterations: NDArray[np.intp]


def descend_newton_stack(derivatives: BatchDerivatives, x: Array) -> StackedMinima:
    """Go down on n surfaces to where less than rounding is left to gain.

    Parameters
    ----------
    derivatives : callable
        Evaluates some of the surfaces.
    x : array (n, k)
        Where each begins.

    Returns
    -------
    StackedMinima
        Of those that arrived without a doubt.
    """
    n, k = x.shape
    value, gradient, hessian = derivatives(np.arange(n), x)
    known = _are_finite(value, gradient, hessian)
    n_iterations, begin_value = np.zeros(n, int), np.where(np.isfinite(value), value, np.nan)
    if not known.any():
        none = QuadraticModels(np.empty((0, k)), np.empty(0), np.empty((0, k)), np.empty((0, k, k)))
        return StackedMinima(none, np.empty(0, int), begin_value, n_iterations)
    rows = np.flatnonzero(known)
    here = QuadraticModels(x[rows].astype(float), value[rows], gradient[rows], hessian[rows])
    descent = _Descent(here)
    while (active := np.flatnonzero(~descent.arrived & ~descent.doubtful)).size:
        trials = descent.trials(active)
        active = active[~descent.doubtful[active]]
        if len(active):
            descent.judge(active, trials, *derivatives(rows[active], trials.x))
    n_iterations[rows] = descent.n_steps
    kept = np.flatnonzero(descent.arrived & ~descent.doubtful)
    return StackedMinima(here.take(kept), rows[kept], begin_value, n_iterations)


def _are_finite(value: Array, gradient: Array, hessian: Array) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (
        np.isfinite(value) & np.isfinite(gradient).all(axis=1) & np.isfinite(hessian).all(axis=(1, 2))
    )
    return found


@dataclass
class _Trials:
    """Where some surfaces are evaluated next, and what their models promise of it."""

    x: Array
    promised: Array
    length: Array


class _Descent:
    """The state of the searches: where each is, its trust region, and whether it has arrived or is in doubt."""

    def __init__(self, here: QuadraticModels):
        n = len(here.x)
        self.here = here
        newton = np.linalg.norm(here.scaled_gradient / np.where(here.values == 0, 1.0, here.values), axis=1)
        self.radius = np.where(here.is_positive, np.maximum(FIRST_RADIUS, newton), FIRST_RADIUS)
        self.least, self.slow = here.decrement.copy(), np.zeros(n, int)
        self.polished, self.n_steps = np.zeros(n, int), np.zeros(n, int)
        self.polishing = 0.5 * here.decrement <= NEAR
        self.arrived = self.polishing & ~(here.decrement > EXACT)
        self.doubtful = np.zeros(n, bool)

    def trials(self, active: NDArray[np.intp]) -> _Trials:
        """Return the next points of the active surfaces; what steps cannot be told of is doubtful from now on."""
        here = self.here.take(active)
        curvature = np.maximum(np.abs(here.values), np.maximum(here.tolerance, 1e-300)[:, None])
        inner = -here.scaled_gradient / curvature
        for i in np.flatnonzero(~(np.linalg.norm(inner, axis=1) <= self.radius[active])):
            inner[i] = step_on_axes(curvature[i], here.scaled_gradient[i], float(self.radius[active[i]]))
        promised = -(here.scaled_gradient * inner).sum(axis=1) - 0.5 * (curvature * inner**2).sum(axis=1)
        saddle = (promised < SADDLE) & (here.values[:, 0] < -here.tolerance) & ~here.flat[:, 0]
        shrunk = (self.radius[active] < SHRUNK) & (promised < noise(here.value))
        descending = ~self.polishing[active]
        late = self.n_steps[active] >= MOST_EVALUATIONS
        doubtful = descending & (saddle | shrunk | late | (here.scaled_gradient == 0).all(axis=1))
        self.doubtful[active] = doubtful
        step = np.where(descending[:, None], here.on_own_axes(inner), here.newton_steps())
        trials = _Trials(here.x + step, promised, np.linalg.norm(inner, axis=1))
        sure = ~doubtful
        return _Trials(trials.x[sure], trials.promised[sure], trials.length[sure])

    def judge(self, active: NDArray[np.intp], trials: _Trials, value: Array, gradient: Array, hessian: Array) -> None:
        """Take the steps that keep enough of their promise, and change the trust regions."""
        self.doubtful[active[np.isneginf(value)]] = True
        polishing = self.polishing[active]
        self._polish(*_chosen(active, polishing, trials.x, value, gradient, hessian))
        self.n_steps[active[~polishing]] += 1
        active, x, value, gradient, hessian = _chosen(active, ~polishing, trials.x, value, gradient, hessian)
        promised, length = trials.promised[~polishing], trials.length[~polishing]
        before, rounding = self.here.value[active], noise(self.here.value[active])
        with np.errstate(invalid="ignore"):
            share = (before - value + rounding) / (promised + rounding)
            fell = before - value > FALL
        share = np.where(np.isfinite(share) & (share < INCREDIBLE) & np.isfinite(gradient).all(axis=1), share, -np.inf)
        taken = share > TAKEN
        idle = (np.diagonal(hessian, axis1=1, axis2=2) == 0) & (
            np.diagonal(self.here.hessian[active], axis1=1, axis2=2) != 0
        )
        had_arrived = (self.least[active] < 2.0 * FADING) & fell
        strange = ~np.isfinite(hessian).all(axis=(1, 2)) | (share > DOUBTED) | idle.any(axis=1) | had_arrived
        self.doubtful[active[taken & strange]] = True
        taken &= ~strange
        self._move(*_chosen(active, taken, x, value, gradient, hessian))
        radius = self.radius[active]
        wider = np.where((share > WIDENED) & (length > 0.99 * radius), 2.0 * radius, radius)
        self.radius[active] = np.where(share < 0.25, 0.25 * length, wider)

    def _move(self, rows: NDArray[np.intp], x: Array, value: Array, gradient: Array, hessian: Array) -> None:
        """Go on from the points that were taken."""
        if not len(rows):
            return
        there, remaining = QuadraticModels(x, value, gradient, hessian), self.here.decrement[rows]
        self.here.put(rows, there)
        self.least[rows] = np.minimum(self.least[rows], there.decrement)
        fading = (SLOW * remaining < there.decrement) & (there.decrement < 2.0 * FADING)
        self.slow[rows] = np.where(fading, self.slow[rows] + 1, 0)
        self.doubtful[rows[self.slow[rows] >= RUNNING]] = True
        self.polishing[rows] = 0.5 * there.decrement <= NEAR
        self.arrived[rows] = self.polishing[rows] & (there.decrement <= EXACT)

    def _polish(self, rows: NDArray[np.intp], x: Array, value: Array, gradient: Array, hessian: Array) -> None:
        """Take Newton's own steps while what is left to gain falls and the value does not rise beyond rounding."""
        before = self.here.value[rows]
        usable = _are_finite(value, gradient, hessian) & (value <= before + noise(before))
        self.arrived[rows[~usable]] = True
        rows, x, value, gradient, hessian = _chosen(rows, usable, x, value, gradient, hessian)
        if not len(rows):
            return
        there = QuadraticModels(x, value, gradient, hessian)
        better = there.decrement < 0.25 * self.here.decrement[rows]
        self.here.put(rows[better], there.take(np.flatnonzero(better)))
        self.polished[rows] += 1
        self.arrived[rows] = ~better | (there.decrement <= EXACT) | (self.polished[rows] >= POLISHED)


def _chosen(
    rows: NDArray[np.intp], which: NDArray[np.bool_], x: Array, value: Array, gradient: Array, hessian: Array
) -> tuple[NDArray[np.intp], Array, Array, Array, Array]:
    return rows[which], x[which], value[which], gradient[which], hessian[which]
