"""Draws in numbers, as ArviZ computes them: mean, median, standard deviation, intervals, Monte Carlo error, modes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pymc_landscape._typing import Array

# A piece of a highest-density region that holds less than this share of the draws is no mode.
PIECE = 0.05
# A gap between pieces is a valley if the draws there are thinner than this, relative to the pieces beside it.
VALLEY = 0.5


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
    pieces : array (p, 2)
        Pieces of the highest-density region, where several modes leave valleys between them; one else.
    """

    mean: float
    median: float
    sd: float
    hdi: Array
    eti: Array
    mcse: float
    pieces: Array


def summarise(draws: Array, ci_prob: float) -> Summary:
    """Summarise the draws (chain, draw) of one quantity."""
    from arviz_stats.base import array_stats as stats  # type: ignore[attr-defined]

    flat = draws.ravel()
    if not np.isfinite(flat).all():
        nothing = np.full(2, np.nan)
        return Summary(np.nan, np.nan, np.nan, nothing, nothing, np.nan, nothing[None])
    return Summary(
        mean=float(flat.mean()),
        median=float(np.median(flat)),
        sd=float(flat.std(ddof=1)),
        hdi=np.asarray(stats.hdi(flat, ci_prob)),  # type: ignore[no-untyped-call]
        eti=np.asarray(stats.eti(flat, ci_prob)),  # type: ignore[no-untyped-call]
        mcse=float(stats.mcse(draws)),  # type: ignore[no-untyped-call]
        pieces=_pieces(flat, ci_prob),
    )


def _pieces(flat: Array, ci_prob: float) -> Array:
    """Return the pieces of the highest-density region that hold a share of the draws worth speaking of."""
    from arviz_stats.base import array_stats as stats  # type: ignore[attr-defined]

    whole = np.array([[flat.min(), flat.max()]])
    if whole[0, 0] == whole[0, 1]:
        return whole
    found = np.atleast_2d(stats.hdi(flat, ci_prob, method="multimodal"))  # type: ignore[no-untyped-call]
    found = found[np.isfinite(found).all(axis=1)]
    kept = found[[_share(flat, *piece) >= PIECE for piece in found]]
    return _parted(flat, kept) if len(kept) else whole


def _parted(flat: Array, pieces: Array) -> Array:
    """Join neighbours between which the draws are hardly thinner: the gap is the noise of a level top."""
    parted = [pieces[0]]
    for piece in pieces[1:]:
        around = min(_density(flat, *parted[-1]), _density(flat, *piece))
        if _density(flat, parted[-1][1], piece[0]) < VALLEY * around:
            parted.append(piece)
        else:
            parted[-1] = np.array([parted[-1][0], piece[1]])
    return np.array(parted)


def _share(flat: Array, low: float, high: float) -> float:
    return float(np.mean((flat >= low) & (flat <= high)))


def _density(flat: Array, low: float, high: float) -> float:
    return _share(flat, low, high) / (high - low) if high > low else np.inf
