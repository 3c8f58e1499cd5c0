r"""The observations of a fit as cases with weights: how the estimate moves when one is left out.

Give each observation a weight, f(θ, w) = Σ wᵢ ℓᵢ(θ) (+ the prior's part), 1 at first. The estimate is where
Σ wᵢ sᵢ = 0, sᵢ = ∂ℓᵢ/∂θ, so by the implicit function theorem dθ̂/dwᵢ = J⁻¹sᵢ, J the information. Leaving observation i
out is dwᵢ = −1:

* to first order θ̂₍₋ᵢ₎ − θ̂ ≈ −J⁻¹sᵢ, the infinitesimal jackknife (Jaeckel 1972; Efron 1982, chapter 6);
* by one Newton step on the surface without it θ̂₍₋ᵢ₎ − θ̂ ≈ −(J − Jᵢ)⁻¹sᵢ, Jᵢ = −∂²ℓᵢ (Pregibon 1981), which is exact
  where the surface is quadratic.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pymc_landscape.aliases import Array
from pymc_landscape.differences import EPS
from pymc_landscape.fitted import Fit
from pymc_landscape.frame import Frame
from pymc_landscape.information import covariance
from pymc_landscape.layout import element_labels

# More numbers than this are not kept for the curvatures of all observations.
MOST_NUMBERS = 2**26
# What is left of the information without an observation, against all of it, is nothing.
NOTHING = 1e-9


@dataclass(frozen=True, eq=False)
class Cases:
    """The observations of a fit, at points of its surface.

    Parameters
    ----------
    fit : Fit
        With an optimum.
    """

    fit: Fit

    @property
    def frame(self) -> Frame:
        """The surface, with its free elements."""
        return self.fit.found.frame

    @property
    def x(self) -> Array:
        """The estimate (m,) in the frame."""
        return self.fit.found.x

    @cached_property
    def sizes(self) -> dict[str, int]:
        """How many observations each term has."""
        objective = self.fit.objective
        engine = objective.compiled.engine("pointwise", self.frame.unconstrained)
        lengths = dict(zip(engine.names, engine.lengths, strict=True))
        return {name: lengths[name] or 1 for name in objective.terms}

    @cached_property
    def labels(self) -> list[str]:
        """One label an observation, as ArviZ would write it: ``dead[F1]``."""
        found: list[str] = []
        for name, size in self.sizes.items():
            dims, coords, shape = self.fit.objective.compiled.term_dims(name, size)
            axes = [coords.get(dim, np.arange(n)) for dim, n in zip(dims, shape, strict=True)]
            found += element_labels(name, axes)
        return found

    def log_likelihood(self, frame: Frame, x: Array) -> Array:
        """Return the log-likelihood of each observation (n,) at a point of a frame."""
        engine = frame.objective.compiled.engine("pointwise", frame.unconstrained)
        values = dict(zip(engine.names, engine.one(frame.full(x)), strict=True))
        return np.concatenate([np.ravel(values[name]) for name in self.sizes])

    def scores(self, x: Array) -> Array:
        """Return the slope of each observation's log-likelihood (n, m) over the free elements."""
        return self.fit.objective.scores(self.frame.full(x), self.frame.unconstrained)[:, self.frame.free]

    def curvatures(self, x: Array, case: int | None = None) -> Array:
        """Return −∂²ℓᵢ of each observation (n, m, m), or of one (1, m, m), from differences of the scores."""
        step = EPS ** (1 / 5) * np.maximum(np.abs(x), 0.1)
        rows = slice(None) if case is None else slice(case, case + 1)

        def column(j: int, h: float) -> Array:
            move = np.zeros_like(x)
            move[j] = h
            return (self.scores(x - move)[rows] - self.scores(x + move)[rows]) / (2 * h)

        with np.errstate(all="ignore"):  # NaN where there is no slope beside x
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
        found = self.fit.found
        return (found.hessian if found.hessian is not None else self.frame.hessian(self.x)) / 2

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
        """Change of the estimate (n, m) by one Newton step without each; NaN where nothing would hold it."""
        left, s = self.information - self.curvature, self.score
        usable = _is_curved(left, self.information)
        steps = np.full_like(s, np.nan)
        steps[usable] = -np.linalg.solve(left[usable], s[usable][..., None])[..., 0]
        return steps

    @cached_property
    def leverage(self) -> Array:
        """Share of the information that each observation (n,) has, tr J⁻¹Jᵢ: they sum to the number of parameters."""
        return np.asarray(np.einsum("jk,nkj->n", self.inverse, self.curvature))


def _is_curved(left: Array, whole: Array) -> NDArray[np.bool_]:
    """Tell which of the matrices (n, m, m) are positive, measured by `whole`."""
    usable = np.isfinite(left).all(axis=(-1, -2))
    values, vectors = np.linalg.eigh(whole)
    if not (values > 0).all():
        return np.zeros(len(left), bool)
    root = vectors / np.sqrt(values)
    usable[usable] = (np.linalg.eigvalsh(root.T @ left[usable] @ root) > NOTHING).all(axis=-1)
    return usable
