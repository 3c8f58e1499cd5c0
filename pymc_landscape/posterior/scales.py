"""One posterior on two scales: that on which the model is written, and the one without bounds.

A density changes with the scale of a parameter by the Jacobian, and with it modes and means, and so how a difference
between likelihood and posterior splits. Without bounds are log σ where σ has a lower limit, logit p where p has two.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.numerics import spectrum
from pymc_landscape.objective import Objective, RestrictedObjective

# Newton's steps to the mode, and how often one is halved; a step shorter than this share of a deviation is the last.
STEPS, HALVINGS, SHORT = 60, 30, 1e-12
# Where rounding keeps values from falling any further, less than this is left to fall.
ROUNDING = 1e-6


@dataclass(frozen=True)
class FreeScale:
    """A change of scale, element by element, to one without bounds.

    Parameters
    ----------
    low, high : array (n,)
        Limits of the support of each element; infinite where there is none.
    """

    low: Array
    high: Array

    @cached_property
    def has_low(self) -> NDArray[np.bool_]:
        """Which elements have a lower limit."""
        return np.isfinite(self.low)

    @cached_property
    def has_high(self) -> NDArray[np.bool_]:
        """Which have an upper one."""
        return np.isfinite(self.high)

    @cached_property
    def moves(self) -> NDArray[np.bool_]:
        """Which elements have another scale."""
        return np.asarray(self.has_low | self.has_high)

    def distances(self, natural: Array) -> tuple[Array, Array]:
        """Return distances (..., n) to the limits; 1 where there is none."""
        below = np.where(self.has_low, natural - np.where(self.has_low, self.low, 0.0), 1.0)
        return below, np.where(self.has_high, np.where(self.has_high, self.high, 0.0) - natural, 1.0)

    def free(self, natural: Array) -> Array:
        """Return φ (..., n) at natural values: ψ, log(ψ − low), −log(high − ψ) or log((ψ − low)/(high − ψ))."""
        below, above = self.distances(natural)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.moves, np.log(below) - np.log(above), natural)

    def natural(self, free: Array) -> Array:
        """Return ψ (..., n) at values without bounds."""
        with np.errstate(over="ignore", invalid="ignore"):
            both = self.low + (self.high - self.low) / (1.0 + np.exp(-free))
            one = np.where(self.has_low, self.low + np.exp(free), self.high - np.exp(-free))
        return np.where(self.has_low & self.has_high, both, np.where(self.moves, one, free))

    def rates(self, natural: Array) -> tuple[Array, Array, Array]:
        """Return dψ/dφ, and the first two derivatives of its logarithm by φ (..., n)."""
        below, above = self.distances(natural)
        width = np.where(self.has_low & self.has_high, self.high - self.low, 1.0)
        width = np.where(np.isfinite(width), width, 1.0)
        both = self.has_low & self.has_high
        rate = np.where(self.moves, below * above / np.where(both, width, 1.0), 1.0)
        slope = np.where(both, (above - below) / width, 1.0 * self.has_low - 1.0 * self.has_high)
        bend = np.where(both, -2.0 * rate / width, 0.0)
        return rate, slope, bend

    def words(self, label: str, i: int) -> str:
        """Write the scale of element i."""
        low, high = float(self.low[i]), float(self.high[i])
        if not self.moves[i]:
            return label
        if self.has_low[i] and self.has_high[i]:
            return f"logit {label}" if (low, high) == (0.0, 1.0) else f"logit of {label} in {low:g} to {high:g}"
        if self.has_low[i]:
            return f"log {label}" if low == 0.0 else f"log({label} − {low:g})".replace("− -", "+ ")
        return f"−log({high:g} − {label})"


def free_scale(objective: Objective) -> tuple[FreeScale, Array]:
    """Return the scale of a model's parameters without bounds, and which of them have one of their own.

    Parameters
    ----------
    objective : Objective
        The model.

    Returns
    -------
    scale : FreeScale
        Of all natural elements; those on a simplex, or ordered, or discrete, stay as they are.
    alone : array (n,) of bool
        Elements whose support does not depend on the others.
    """
    limits, alone = [], []
    for v in objective.variables:
        own = v.is_independent and not v.discrete
        limits += [v.limits(i) if own else (-np.inf, np.inf) for i in range(len(v.labels))]
        alone += [own] * len(v.labels)
    low, high = np.array(limits).reshape(-1, 2).T
    return FreeScale(low, high), np.array(alone, dtype=bool)


def free_mode(posterior: RestrictedObjective, scale: FreeScale, start: Array) -> tuple[Array, Array] | None:
    """Return the mode of the density of the parameters without bounds, and its curvature.

    Parameters
    ----------
    posterior : RestrictedObjective
        −2 log of the posterior density on the natural scale, all elements natural.
    scale : FreeScale
        The scale.
    start : array (n,)
        Where the search begins, without bounds.

    Returns
    -------
    phi : array (n,)
        The mode.
    hessian : array (n, n)
        Of −2 log density there.
        None where Newton's steps do not arrive.
    """

    def value(phi: Array) -> float:
        natural = scale.natural(phi)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = posterior.value(natural) - 2.0 * float(np.log(scale.rates(natural)[0]).sum())
        return found if np.isfinite(found) else np.inf

    phi = start.copy()
    here = value(phi)
    for _ in range(STEPS):
        natural = scale.natural(phi)
        rate, slope, bend = scale.rates(natural)
        _, gradient, hessian = posterior.value_gradient_hessian(natural)
        first = rate * gradient - 2.0 * slope
        second = np.outer(rate, rate) * hessian + np.diag(rate * slope * gradient - 2.0 * bend)
        if not (np.isfinite(first).all() and np.isfinite(second).all() and np.isfinite(here)):
            return None
        curvature = spectrum(second)
        sizes = np.maximum(np.abs(curvature.values), curvature.tolerance)
        move = -curvature.vectors @ ((curvature.vectors.T @ (first / curvature.scale)) / sizes) / curvature.scale
        if -float(first @ move) < SHORT:
            return (phi + move, second) if curvature.is_positive else None
        for _ in range(HALVINGS):
            there = value(phi + move)
            if there < here:
                break
            move = 0.5 * move
        else:
            return (phi + move, second) if -float(first @ move) < ROUNDING and curvature.is_positive else None
        phi, here = phi + move, there
    return None
