"""Densities of draws of one and of two quantities: smooth where a kernel estimate has waves, and none beyond a bound.

The log of a histogram is a spline, smoothed by penalised likelihood whose penalty is 0 for a quadratic: what is normal
comes out normal however hard it is smoothed. Bins beyond a bound are no data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import scipy

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.numerics.density_estimation.log_counts import ORDER, smooth_log_counts

BINS, PIECES = 150, 30  # of the histogram; and of the spline that is its log
NEAR = 0.02  # a bound that is nearer to the draws than this share of their range is an end of theirs
# Of a pair: bins and pieces along an axis, half the window in standard deviations at most, and nodes of the answer.
PAIR_BINS, PAIR_PIECES, WINDOW, NODES = 60, 13, 5.0, 161


@dataclass(frozen=True)
class Scale:
    """A scale on which the draws are binned, with its inverse and the log of its derivative."""

    forward: Callable[[Array], Array]
    backward: Callable[[Array], Array]
    log_slope: Callable[[Array], Array]


@dataclass(frozen=True)
class DrawsDensity:
    """A smooth density of draws.

    Attributes
    ----------
    x : array (n,)
        Values in increasing order, from the lowest draw to the highest, or to a bound beside them.
    log_density : array (n,)
        Natural log of the density there.
    scale : Scale
        On which it was found.
    """

    x: Array
    log_density: Array
    scale: Scale

    def at(self, values: Array) -> Array:
        """Return the density at some values; 0 beyond the draws."""
        inside = (values >= self.x[0]) & (values <= self.x[-1])
        return np.where(inside, np.exp(np.interp(values, self.x, self.log_density)), 0.0)


@dataclass(frozen=True)
class JointDensity:
    """A smooth density of draws of two quantities, on a grid that follows them.

    Attributes
    ----------
    values : array (n, n, 2)
        The two quantities at the nodes.
    density : array (n, n)
        There; beyond a bound that of the nearest point on it.
    mass : array (n, n)
        Share of the draws that a node stands for; 0 beyond a bound.
    support : array (2, 2)
        Bounds of each quantity.
    """

    values: Array
    density: Array
    mass: Array
    support: Array

    def heights(self, probs: Sequence[float]) -> Array:
        """Return the densities at the boundaries of the smallest regions that hold these shares of the draws."""
        order = np.argsort(-self.density, axis=None)
        held = np.cumsum(self.mass.ravel()[order])
        last = np.searchsorted(held, np.asarray(probs) * held[-1])
        found: Array = self.density.ravel()[order[np.minimum(last, order.size - 1)]]
        return found

    def at_nodes(self, positions: Array) -> Array:
        """Return the two quantities at positions (m, 2) between nodes, no further than their bounds."""
        found = [
            scipy.ndimage.map_coordinates(self.values[..., i], positions.T, order=1, mode="nearest") for i in range(2)
        ]
        return np.asarray(np.clip(np.column_stack(found), *self.support.T))


def draws_density(
    draws: Array, support: tuple[float, float] = (-np.inf, np.inf), independent: float | None = None
) -> DrawsDensity | None:
    """Estimate the density of draws of one quantity.

    Parameters
    ----------
    draws : array (S,)
        Finite.
    support : (float, float)
        Bounds that no draw can pass.
    independent : float, optional
        How many independent draws they are worth; all, where it is left out.

    Returns
    -------
    DrawsDensity or None
        None where all draws are the same, or there are fewer than four.

    Notes
    -----
    Counts in bins are Poisson, and third differences of their log are penalised (Eilers & Marx 1996, *Statistical
    Science* 11, 89-121). This is done on the scale of the draws, on one that draws long tails in, and on the log of
    the distance to each bound; the answer is that of the lowest AIC.

    Examples
    --------
    >>> import numpy as np
    >>> found = draws_density(np.random.default_rng(1).exponential(size=4000), (0, np.inf))
    >>> found.at(np.array([-0.1, 0.0, 1.0])).round(2).tolist()
    [0.0, 1.01, 0.37]
    """
    draws = np.asarray(draws, dtype=float)
    if draws.size < 4 or np.ptp(draws) == 0:
        return None
    worth = min(independent or draws.size, draws.size)
    fitted = [one for scale in _scales(draws, support) if (one := _on_scale(draws, support, scale, worth)) is not None]
    return min(fitted, key=lambda one: one[0])[1] if fitted else None


def joint_density(
    draws: Array,
    marginals: Sequence[DrawsDensity],
    support: Sequence[tuple[float, float]] = ((-np.inf, np.inf),) * 2,
    independent: float | None = None,
) -> JointDensity | None:
    """Estimate the density of draws of two quantities.

    Parameters
    ----------
    draws : array (S, 2)
        Finite, and not on one line.
    marginals : (DrawsDensity, DrawsDensity)
        Densities of the two, whose scales are taken.
    support : ((float, float), (float, float))
        Bounds that no draw can pass.
    independent : float, optional
        How many independent draws they are worth; all, where it is left out.

    Returns
    -------
    JointDensity or None
        None where it has no numbers.

    Notes
    -----
    As :func:`draws_density`, with all third differences penalised, in standard deviations along principal axes.

    Examples
    --------
    >>> import numpy as np
    >>> xy, bounds = np.random.default_rng(1).exponential(size=(4000, 2)), [(0, np.inf)] * 2
    >>> found = joint_density(xy, [draws_density(x, b) for x, b in zip(xy.T, bounds)], bounds)
    >>> inside = (found.density >= found.heights([0.5])) & (found.mass > 0)
    >>> round(float(found.mass[inside].sum()), 2), bool((found.values[inside] >= 0).all())
    (0.5, True)
    """
    worth = min(independent or len(draws), len(draws))
    scales, bounds = [one.scale for one in marginals], np.asarray(support, dtype=float)
    scaled = np.column_stack([scale.forward(column) for scale, column in zip(scales, draws.T, strict=True)])
    center = np.median(scaled, axis=0)
    variances, axes = np.linalg.eigh(np.cov(scaled, rowvar=False))
    if not (np.isfinite(variances).all() and variances[-1] > 0):
        return None
    sizes = np.sqrt(np.maximum(variances, 1e-14 * variances[-1]))
    white = (scaled - center) @ axes / sizes
    half = np.minimum(1.05 * np.abs(white).max(axis=0), WINDOW)

    def quantities(nodes: Array) -> Array:
        z = center + nodes * sizes @ axes.T
        return np.stack([scale.backward(z[..., i]) for i, scale in enumerate(scales)], axis=-1)

    def log_jacobian(values: Array) -> Array:
        return np.sum([scale.log_slope(values[..., i]) for i, scale in enumerate(scales)], axis=0)

    counts, *edges = np.histogram2d(white[:, 0], white[:, 1], bins=PAIR_BINS, range=[(-h, h) for h in half])
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        values = quantities(_nodes([0.5 * (e[1:] + e[:-1]) for e in edges]))
        inside = ((values > bounds[:, 0]) & (values < bounds[:, 1])).all(axis=-1) | (counts > 0)
        found = smooth_log_counts(np.asarray(counts) * (worth / len(draws)), PAIR_PIECES, inside)
        if found is None:
            return None
        nodes = _nodes([np.linspace(-h, h, NODES) for h in half])
        values = quantities(nodes)
        clipped = np.clip(values, *bounds.T)
        on_scale = np.stack([scale.forward(clipped[..., i]) for i, scale in enumerate(scales)], axis=-1)
        at = np.clip((((on_scale - center) @ axes / sizes) / half + 1.0) * 0.5 * PAIR_BINS, 0.0, PAIR_BINS)
        here = found.at(np.where(np.isfinite(at), at, 0.0))
        density = np.where(np.isfinite(at).all(axis=-1), np.exp(here - here.max() + log_jacobian(clipped)), 0.0)
        mass = np.where((values == clipped).all(axis=-1), np.exp(here), 0.0)
    return JointDensity(values, np.nan_to_num(density), mass / mass.sum(), bounds)


def _nodes(ticks: Sequence[Array]) -> Array:
    return np.stack(np.meshgrid(*ticks, indexing="ij"), axis=-1)


def _scales(draws: Array, support: tuple[float, float]) -> list[Scale]:
    middle = float(np.median(draws))
    spread = float(np.subtract(*np.quantile(draws, [0.75, 0.25]))) or float(np.ptp(draws))
    scales = [
        Scale(lambda x: x, lambda z: z, np.zeros_like),
        Scale(
            lambda x: np.arcsinh((x - middle) / spread),
            lambda z: middle + spread * np.sinh(z),
            lambda x: -np.log(spread) - 0.5 * np.log1p(((x - middle) / spread) ** 2),
        ),
    ]
    low, high = support
    with_room = draws.min() > low, draws.max() < high
    if np.isfinite(low) and with_room[0]:
        scales.append(Scale(lambda x: np.log(x - low), lambda z: low + np.exp(z), lambda x: -np.log(x - low)))
    if np.isfinite(high) and with_room[1]:
        scales.append(Scale(lambda x: -np.log(high - x), lambda z: high - np.exp(-z), lambda x: -np.log(high - x)))
    return scales


def _on_scale(
    draws: Array, support: tuple[float, float], scale: Scale, worth: float
) -> tuple[float, DrawsDensity] | None:
    """Return AIC and density of a fit on one scale; None where it has no numbers."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        ends = _range(draws, support)
        low, high = (float(scale.forward(np.array(end))) for end in ends)
        z = scale.forward(draws)
        if not (np.isfinite([low, high]).all() and high > low):
            low, high = float(z.min()), float(z.max())
        if not (np.isfinite([low, high]).all() and high > low):
            return None
        counts, edges = np.histogram(np.clip(z, low, high), bins=BINS, range=(low, high))
        found = smooth_log_counts(
            np.asarray(counts * (worth / draws.size), dtype=np.float64), PIECES, np.ones(BINS, dtype=bool)
        )
        if found is None:
            return None
        width = edges[1] - edges[0]

        def log_density(at: Array) -> Array:
            return np.asarray(found.at(np.clip((at - low) / width, 0.0, BINS)) - np.log(worth * width))

        shown = np.linspace(low, high, 2 * BINS + 1)
        x = np.clip(scale.backward(shown), *ends)  # there and back, a bound is rounded
        heights = log_density(shown) + scale.log_slope(x)
        score = float(np.mean(log_density(z) + scale.log_slope(draws)))
    usable = np.isfinite(heights) & np.isfinite(x)
    if not np.isfinite(score) or usable.sum() < ORDER:
        return None
    x, heights = x[usable], heights[usable]
    increasing = np.concatenate([[True], np.diff(x) > 0])
    return -2.0 * worth * score + 2.0 * found.freedom, DrawsDensity(x[increasing], heights[increasing], scale)


def _range(draws: Array, support: tuple[float, float]) -> tuple[float, float]:
    """Return from where to where: the draws', or a bound that is right beside them."""
    low, high = float(draws.min()), float(draws.max())
    near = NEAR * (high - low)
    return (
        support[0] if low - near < support[0] <= low else low,
        support[1] if high <= support[1] < high + near else high,
    )
