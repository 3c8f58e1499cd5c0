r"""Deletion of single observations: infinitesimal jackknife, one Newton step, and exactly.

Give each observation a weight, f(θ, w) = Σ wᵢ ℓᵢ(θ) (+ the prior's part), 1 at first. The estimate is where
Σ wᵢ sᵢ = 0, sᵢ = ∂ℓᵢ/∂θ, so by the implicit function theorem dθ̂/dwᵢ = J⁻¹sᵢ, J the information. Deleting observation i
is dwᵢ = −1:

* to first order θ̂₍₋ᵢ₎ − θ̂ ≈ −J⁻¹sᵢ, the infinitesimal jackknife (Jaeckel 1972, *Bell Laboratories Memorandum*
  MM 72-1215-11; Efron 1982, *The Jackknife, the Bootstrap and Other Resampling Plans*, chapter 6);
* by one Newton step on the surface without it θ̂₍₋ᵢ₎ − θ̂ ≈ −(J − Jᵢ)⁻¹sᵢ, Jᵢ = −∂²ℓᵢ (Pregibon 1981, *Annals of
  Statistics* 9, 705-724), which is exact where the surface is quadratic;
* exactly, by Newton's steps to the minimum of the surface −2(ℓ − ℓᵢ).
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.numerics import EPS, covariance
from pymc_landscape.objective import RestrictedObjective, element_labels
from pymc_landscape.objective.observations import WeightedObservations
from pymc_landscape.optimize import Fit

# More numbers than this are not kept for the curvatures of all observations.
MOST_NUMBERS = 2**26
# Without an observation no eigenvalue of the information, relative to all of it, may be smaller.
LEAST_INFORMATION = 1e-9
# Newton steps to the minimum without an observation, and halvings of each.
STEPS, HALVINGS = 60, 30
# From so many observations on they are left out side by side; and how many numbers of weights are in memory then.
FEWEST, NUMBERS = 100, 2**22
# Half the Newton decrement, in units of −2LL, below which a step is the last.
LAST_DECREASE = 1e-12


@dataclass(frozen=True, eq=False)
class CaseDeletion:
    """The observations of a fit as terms of its −2LL, and what the estimate would be without each.

    Parameters
    ----------
    fit : Fit
        With an optimum.
    """

    fit: Fit

    @property
    def restricted(self) -> RestrictedObjective:
        """The objective that the fit minimised, with its free elements."""
        return self.fit.result.restricted

    @property
    def x(self) -> Array:
        """The estimate (m,), its free elements."""
        return self.fit.result.x

    @cached_property
    def sizes(self) -> dict[str, int]:
        """How many observations each term has."""
        objective = self.fit.objective
        engine = objective.engine("pointwise", self.restricted.unconstrained)
        lengths = dict(zip(engine.names, engine.lengths, strict=True))
        return {name: lengths[name] or 1 for name in objective.terms}

    @cached_property
    def labels(self) -> list[str]:
        """One label an observation, as ArviZ would write it: ``dead[F1]``."""
        labels: list[str] = []
        for name, size in self.sizes.items():
            dims, coords, shape = self.fit.objective.term_dims(name, size)
            axes = [coords.get(dim, np.arange(n)) for dim, n in zip(dims, shape, strict=True)]
            labels += element_labels(name, axes)
        return labels

    def log_likelihood(self, restricted: RestrictedObjective, x: Array) -> Array:
        """Return the log-likelihood of each observation (n,) at a point of a restricted objective."""
        engine = restricted.engine("pointwise")
        values = dict(zip(engine.names, engine.one(restricted.full(x)), strict=True))
        return np.concatenate([np.ravel(values[name]) for name in self.sizes])

    def scores(self, x: Array) -> Array:
        """Return the gradient of each observation's log-likelihood (n, m) over the free elements."""
        return self.fit.objective.scores(self.restricted.full(x), self.restricted.unconstrained)[
            :, self.restricted.free
        ]

    def curvatures(self, x: Array, index: int | None = None) -> Array:
        """Return −∂²ℓᵢ of each observation (n, m, m), or of one (1, m, m), from differences of the scores."""
        step = EPS ** (1 / 5) * np.maximum(np.abs(x), 0.1)
        rows = slice(None) if index is None else slice(index, index + 1)

        def column(j: int, h: float) -> Array:
            move = np.zeros_like(x)
            move[j] = h
            return (self.scores(x - move)[rows] - self.scores(x + move)[rows]) / (2 * h)

        with np.errstate(all="ignore"):  # NaN where there is no gradient beside x
            columns = [(4 * column(j, h / 2) - column(j, h)) / 3 for j, h in enumerate(step)]
        whole = np.stack(columns, axis=-1) if columns else np.zeros((*self.scores(x)[rows].shape, 0))
        return (whole + np.swapaxes(whole, -1, -2)) / 2

    @cached_property
    def score(self) -> Array:
        """Scores (n, m) at the estimate."""
        return self.scores(self.x)

    @cached_property
    def information(self) -> Array:
        """The information J (m, m): half the Hessian of −2 log L."""
        known = self.fit.result.hessian
        return (known if known is not None else self.restricted.hessian(self.x)) / 2

    @cached_property
    def inverse(self) -> Array:
        """J⁻¹."""
        return covariance(2 * self.information)

    @property
    def are_too_many(self) -> bool:
        """Whether their curvatures would not fit into memory."""
        return len(self.score) * len(self.x) ** 2 > MOST_NUMBERS

    @cached_property
    def curvature(self) -> Array:
        """Curvatures (n, m, m) at the estimate; NaN where the observations are too many."""
        shape = (*self.score.shape, len(self.x))
        return np.broadcast_to(np.nan, shape) if self.are_too_many else self.curvatures(self.x)

    @cached_property
    def first_order(self) -> Array:
        """Change of the estimate (n, m) without each observation, −J⁻¹s."""
        return -self.score @ self.inverse

    @cached_property
    def one_step(self) -> Array:
        """Change of the estimate (n, m) by one Newton step without each; NaN where the rest would not determine it."""
        remaining, s = self.information - self.curvature, self.score
        usable = _is_positive(remaining, self.information)
        steps = np.full_like(s, np.nan)
        steps[usable] = -np.linalg.solve(remaining[usable], s[usable][..., None])[..., 0]
        return steps

    def minima_at_once(self) -> Array:
        """Return the minima (n, m) without each observation to which Newton's steps go straight, side by side.

        The steps are those of `DeletedObservation`. NaN where one has to be shortened, where a curvature is not
        positive, or where nothing can be evaluated with weights: that is no verdict.
        """
        restricted, found = self.restricted, np.full((len(self.labels), len(self.x)), np.nan)
        plain = not (restricted.natural or restricted.fixed) and len(found) >= FEWEST and len(self.x) > 0
        weighted = WeightedObservations(self.fit.objective, self.sizes) if plain else None
        if weighted is None or weighted.engine is None:
            return found
        at_once = max(NUMBERS // len(found), 1)
        begin = np.where(np.isfinite(self.one_step).all(axis=1, keepdims=True), self.x + self.one_step, self.x)
        with np.errstate(all="ignore"):
            for first in range(0, len(found), at_once):
                rows = np.arange(first, min(first + at_once, len(found)))
                found[rows] = _straight_minima(weighted, rows, begin[rows])
        return found

    @cached_property
    def leverage(self) -> Array:
        """Share of the information that each observation (n,) has, tr J⁻¹Jᵢ: they sum to the number of parameters."""
        return np.asarray(np.einsum("jk,nkj->n", self.inverse, self.curvature))


def _straight_minima(weighted: WeightedObservations, deleted: NDArray[np.intp], x: Array) -> Array:
    """Return minima (r, m) without the observations `deleted` (r,), by full Newton steps from x; NaN where none."""
    weights = np.ones((len(x), sum(weighted.sizes.values())))
    weights[np.arange(len(x)), deleted] = 0.0
    found, before, active = np.full_like(x, np.nan), np.full(len(x), np.inf), np.arange(len(x))
    for _ in range(STEPS):
        value, gradient, hessian = weighted.derivatives(weights[active], x[active])
        lower = (value < before[active]) & np.isfinite(gradient).all(axis=1) & np.isfinite(hessian).all(axis=(1, 2))
        active, gradient, hessian = active[lower], gradient[lower], hessian[lower]
        before[active] = value[lower]
        values, vectors = np.linalg.eigh(hessian)
        bent = (values > 0).all(axis=1)
        active, values, vectors = active[bent], values[bent], vectors[bent]
        along = np.einsum("nji,nj->ni", vectors, gradient[bent])
        ends = x[active] - np.einsum("nij,nj->ni", vectors, along / values)
        last = 0.5 * (along**2 / values).sum(axis=1) <= LAST_DECREASE
        found[active[last]] = ends[last]
        active = active[~last]
        x[active] = ends[~last]
        if not len(active):
            break
    return found


def _is_positive(matrices: Array, whole: Array) -> NDArray[np.bool_]:
    """Tell which of the matrices (n, m, m) are positive definite relative to `whole`."""
    usable = np.isfinite(matrices).all(axis=(-1, -2))
    values, vectors = np.linalg.eigh(whole)
    if not (values > 0).all():
        return np.zeros(len(matrices), bool)
    root = vectors / np.sqrt(values)
    usable[usable] = (np.linalg.eigvalsh(root.T @ matrices[usable] @ root) > LEAST_INFORMATION).all(axis=-1)
    return usable


@dataclass(frozen=True)
class DeletedObservation:
    """The surface −2(ℓ − ℓᵢ) of a fit without observation i.

    Parameters
    ----------
    deletion : CaseDeletion
        The observations.
    index : int
        Which one is deleted.
    """

    deletion: CaseDeletion
    index: int

    def value(self, x: Array) -> float:
        """Return the surface at x; +inf where there is none."""
        restricted = self.deletion.restricted
        value = restricted.value(x) + 2.0 * float(self.deletion.log_likelihood(restricted, x)[self.index])
        return value if np.isfinite(value) else np.inf

    def minimum(self, start: Array) -> Array:
        """Return the minimum (m,) to which Newton's steps converge; NaN where they do not."""
        x = start if np.isfinite(start).all() and np.isfinite(self.value(start)) else self.deletion.x
        for _ in range(STEPS):
            step, decrease = self._newton_step(x)
            if decrease <= LAST_DECREASE:
                return x + step
            lower = self._backtrack(x, step)
            if lower is None:
                break
            x = lower
        return np.full_like(start, np.nan)

    def _newton_step(self, x: Array) -> tuple[Array, float]:
        """Return the step by |H|, and the decrease that it promises; infinite where H is not positive definite."""
        _, gradient, hessian = self.deletion.restricted.value_gradient_hessian(x)
        gradient = gradient + 2.0 * self.deletion.scores(x)[self.index]
        values, vectors = np.linalg.eigh(hessian - 2.0 * self.deletion.curvatures(x, self.index)[0])
        along = vectors.T @ gradient
        with np.errstate(all="ignore"):
            step = -vectors @ (along / np.abs(values))
            decrease = 0.5 * float((along**2 / values).sum())
        return step, decrease if (values > 0).all() else np.inf

    def _backtrack(self, x: Array, step: Array) -> Array | None:
        """Return the first point along the step, halved again and again, that is lower; None where none is."""
        if not np.isfinite(step).all():
            return None
        value = self.value(x)
        for halvings in range(HALVINGS):
            point = x + 0.5**halvings * step
            if self.value(point) < value:
                return point
        return None
