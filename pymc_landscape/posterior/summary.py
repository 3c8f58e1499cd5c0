"""Draws in numbers, as ArviZ computes them: mean, median, standard deviation, intervals, Monte Carlo error, modes."""

from __future__ import annotations

import numpy as np

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array

# An interval of a highest-density region that holds less than this share of the draws is no mode.
LEAST_SHARE = 0.05
# Two intervals are modes of their own if the density between them is less than this share of the lower one's.
GAP = 0.5


@dataclass(frozen=True)
class Summary:
    """Numbers of one quantity.

    Parameters
    ----------
    mean, median, sd : float
        Of the draws.
    hdi, eti : array (2,)
        Shortest and equal-tailed interval.
    mcse : float
        Monte Carlo error of the mean.
    rhat : float
        Of Vehtari and others (2021, *Bayesian Analysis* 16, 667-718): above 1.01 chains disagree.
    ess : float
        How many independent draws these are worth.
    hdi_intervals : array (p, 2)
        Intervals of the highest-density region: one a mode, where the density is low between them.
    """

    mean: float
    median: float
    sd: float
    hdi: Array
    eti: Array
    mcse: float
    rhat: float
    ess: float
    hdi_intervals: Array


def summarise(draws: Array, ci_prob: float) -> Summary:
    """Summarise the draws (chain, draw) of one quantity."""
    from arviz_stats.base import array_stats as stats  # type: ignore[attr-defined]

    flat = draws.ravel()
    if not np.isfinite(flat).all():
        missing = np.full(2, np.nan)
        return Summary(np.nan, np.nan, np.nan, missing, missing, np.nan, np.nan, np.nan, missing[None])
    with np.errstate(invalid="ignore", divide="ignore"):  # of what is the same in all draws, a matrix's fixed element
        return Summary(
            mean=float(flat.mean()),
            median=float(np.median(flat)),
            sd=float(flat.std(ddof=1)),
            hdi=np.asarray(stats.hdi(flat, ci_prob)),  # type: ignore[no-untyped-call]
            eti=np.asarray(stats.eti(flat, ci_prob)),  # type: ignore[no-untyped-call]
            mcse=float(stats.mcse(draws)),  # type: ignore[no-untyped-call]
            rhat=float(stats.rhat(draws)),  # type: ignore[no-untyped-call]
            ess=float(stats.ess(draws)),  # type: ignore[no-untyped-call]
            hdi_intervals=_hdi_intervals(flat, ci_prob),
        )


def _hdi_intervals(flat: Array, ci_prob: float) -> Array:
    """Return the pieces of the highest-density region that hold a share of the draws large enough for a mode."""
    from arviz_stats.base import array_stats as stats  # type: ignore[attr-defined]

    whole = np.array([[flat.min(), flat.max()]])
    if whole[0, 0] == whole[0, 1]:
        return whole
    intervals = np.atleast_2d(stats.hdi(flat, ci_prob, method="multimodal"))  # type: ignore[no-untyped-call]
    intervals = intervals[np.isfinite(intervals).all(axis=1)]
    kept = intervals[[_share(flat, *piece) >= LEAST_SHARE for piece in intervals]]
    return _join_close(flat, kept) if len(kept) else whole


def _join_close(flat: Array, hdi_intervals: Array) -> Array:
    """Join neighbours between which the density is hardly lower: the gap is noise on the top of one mode."""
    joined = [hdi_intervals[0]]
    for piece in hdi_intervals[1:]:
        around = min(_density(flat, *joined[-1]), _density(flat, *piece))
        if _density(flat, joined[-1][1], piece[0]) < GAP * around:
            joined.append(piece)
        else:
            joined[-1] = np.array([joined[-1][0], piece[1]])
    return np.array(joined)


def _share(flat: Array, low: float, high: float) -> float:
    return float(np.mean((flat >= low) & (flat <= high)))


def _density(flat: Array, low: float, high: float) -> float:
    return _share(flat, low, high) / (high - low) if high > low else np.inf
