"""−2 log L as a · value + b: rows of losses, each with a scale and a constant, added up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pymc_landscape.aliases import Array

# Scales that differ by no more than this share are one, computed a row at a time.
SAME = 1e-12


@dataclass(frozen=True)
class Rows:
    """−2 log p of each row as scale · loss + constant; shapes that broadcast to those of the rows."""

    loss: Array
    scale: Array
    constant: Array


@dataclass(frozen=True)
class Affine:
    """−2 log L of a term as a · value + b.

    Parameters
    ----------
    value, a, b : float
        The sum of the losses, its factor and what is added.
    size : float
        The sum of the sizes of what was added up, and the number of rows: what rounding is measured against.
    n : int
        How many rows there are.
    weighted : bool
        Whether rows have scales of their own, which are then weights inside `value`, and a is 1.
    """

    value: float
    a: float
    b: float
    size: float
    n: int = 0
    weighted: bool = False


def add_up(
    rows: Rows,
    *,
    extra: Array | None = None,
    replaced: Array | None = None,
    apart: Array | float = 0.0,
    times: Array | float = 1.0,
) -> Affine:
    """Add up the rows of a term.

    Parameters
    ----------
    rows : Rows
        Of the family.
    extra : array, optional
        What rows add to −2 log L beside their family: it becomes a part of the loss, in its units.
    replaced : array, optional
        1 where a row is `extra` alone.
    apart : float
        −2 log L of what is no row.
    times : float
        How often all of this counts.

    Returns
    -------
    Affine
        One scale for all rows is a; different ones are weights.
    """
    loss, scale, constant = np.broadcast_arrays(*np.atleast_1d(rows.loss, rows.scale, rows.constant))
    if replaced is not None:
        loss, constant = (np.where(replaced, 0.0, part) for part in (loss, constant))
    if extra is not None:
        loss = loss + extra / scale
    weighted = bool(scale.size) and bool(np.ptp(scale) > SAME * np.abs(scale).max())
    if weighted:
        loss, scale = scale * loss, np.ones_like(scale)
    a, b = float(times) * scale.ravel()[:1].sum(), float(times) * (constant.sum() + float(apart))
    size = a * np.abs(loss).sum() + float(times) * (np.abs(constant).sum() + abs(float(apart)) + loss.size)
    return Affine(float(loss.sum()), float(a), float(b), float(size), loss.size, weighted)
