"""The estimate without one observation: Newton's steps down the surface from which its own part is taken off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pymc_landscape.aliases import Array
from pymc_landscape.cases import Cases

STEPS, HALVINGS = 60, 30
# What a further step would gain, in units of −2LL, is nothing.
LEFT = 1e-12


@dataclass(frozen=True)
class LeftOut:
    """The surface −2(ℓ − ℓᵢ) of a fit without observation i.

    Parameters
    ----------
    cases : Cases
        The observations.
    case : int
        Which one is left out.
    """

    cases: Cases
    case: int

    def value(self, x: Array) -> float:
        """Return the surface at x; +inf where there is none."""
        frame = self.cases.frame
        value = frame.value(x) + 2.0 * float(self.cases.log_likelihood(frame, x)[self.case])
        return value if np.isfinite(value) else np.inf

    def lowest(self, start: Array) -> Array:
        """Return the lowest point (m,) that Newton's steps reach; NaN where they do not arrive."""
        x = start if np.isfinite(start).all() and np.isfinite(self.value(start)) else self.cases.x
        for _ in range(STEPS):
            step, left = self._newton(x)
            if left <= LEFT:
                return x + step
            there = self._lower(x, step)
            if there is None:
                break
            x = there
        return np.full_like(start, np.nan)

    def _newton(self, x: Array) -> tuple[Array, float]:
        """Return the step, along negative curvature too, and what it would gain where all of it is positive."""
        _, gradient, hessian = self.cases.frame.curve(x)
        gradient = gradient + 2.0 * self.cases.scores(x)[self.case]
        values, vectors = np.linalg.eigh(hessian - 2.0 * self.cases.curvatures(x, self.case)[0])
        along = vectors.T @ gradient
        with np.errstate(all="ignore"):
            step = -vectors @ (along / np.abs(values))
            left = 0.5 * float((along**2 / values).sum())
        return step, left if (values > 0).all() else np.inf

    def _lower(self, x: Array, step: Array) -> Array | None:
        if not np.isfinite(step).all():
            return None
        here, there = self.value(x), x
        for halvings in range(HALVINGS):
            there = x + 0.5**halvings * step
            if self.value(there) < here:
                return there
        return None
