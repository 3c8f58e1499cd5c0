"""Directions in words: which combination of parameters the data do not determine. Arrays only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from pymc_landscape._typing import Array

# A loading of less than this, relative to the largest, is left out of the name.
SMALL = 0.1
# Loadings whose ratios are this close to whole numbers, none above `MOST`, are written with them.
CLOSE, MOST = 0.05, 4
# More terms than this are counted, not written.
TERMS = 6


def name_direction(vector: ArrayLike, labels: Sequence[str], scale: ArrayLike = 1.0) -> str:
    """Say which combination of parameters changes along a direction.

    Along v the combination Σ vᵢ θᵢ moves and everything orthogonal to it stays. If the surface is level along v, that
    combination is what the data do not determine. A direction has no sign: the first term is written with plus.

    Parameters
    ----------
    vector : array_like (k,)
        The direction, on the axes of the parameters; any length.
    labels : sequence of str (k,)
        Names of the parameters.
    scale : array_like (k,), optional
        How much a step of 1 along each axis counts when small loadings are left out; 1/se makes units indifferent.

    Returns
    -------
    str
        Small whole loadings as such, others scaled to unit length; loadings below a tenth of the largest are left out,
        and of more than six terms the largest are written and the rest counted.

    Raises
    ------
    ValueError
        If lengths differ, or the vector is zero or not finite.

    Examples
    --------
    >>> name_direction([0.7071, -0.7071, 0.001], ["beta[0]", "beta[1]", "tau"])
    'beta[0] − beta[1]'
    >>> name_direction([-0.8, 0.6], ["a", "b"])
    '0.8·a − 0.6·b'
    """
    loadings = _checked(vector, labels)
    weight = np.abs(loadings * np.asarray(scale, dtype=float))
    kept = np.flatnonzero(weight >= SMALL * weight.max())
    factors = _factors(loadings[kept])
    largest = np.argsort(-weight[kept], kind="stable")[:TERMS]
    shown = [int(i) for i in np.sort(largest)]
    sign = float(np.sign(factors[shown[0]]))
    terms = [_term(sign * float(factors[i]), labels[int(kept[i])]) for i in shown]
    rest = len(kept) - len(shown)
    return _joined(terms) + (f" and {rest} more" if rest else "")


def simple_basis(directions: ArrayLike) -> Array:
    """Return directions (m, k) that span the same space and are easier to name.

    Eigenvectors that share an eigenvalue are mixed at will: where both "a − b" and "c" are level, they come as sums of
    the two. Elimination takes them apart: each direction gets an element that the others lack.

    Examples
    --------
    >>> mixed = [[1, -1, 1], [1, -1, -1]]
    >>> [name_direction(v, ["a", "b", "c"]) for v in simple_basis(mixed)]
    ['a − b', 'c']
    """
    rows = np.array(directions, dtype=float)
    pivots: list[int] = []
    for i in range(len(rows)):
        sizes = np.abs(rows[i:])
        sizes[:, pivots] = 0.0
        j, pivot = (int(n) for n in np.unravel_index(np.argmax(sizes.round(12)), sizes.shape))
        rows[[i, i + j]] = rows[[i + j, i]]
        rows[i] /= rows[i, pivot]
        rest = np.arange(len(rows)) != i
        rows[rest] -= np.outer(rows[rest, pivot], rows[i])
        pivots.append(pivot)
    unit: Array = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def _checked(vector: ArrayLike, labels: Sequence[str]) -> Array:
    loadings = np.asarray(vector, dtype=float)
    if loadings.shape != (len(labels),):
        raise ValueError(f"Expected one loading for each of {len(labels)} labels, got shape {loadings.shape}.")
    if not (np.isfinite(loadings).all() and loadings.any()):
        raise ValueError("Expected a direction, got a vector that is zero or not finite.")
    return loadings


def _factors(loadings: Array) -> Array:
    """Return small whole numbers where the ratios of the loadings are such, else loadings of unit length."""
    ratios = loadings / np.abs(loadings).min()
    whole: Array = np.round(ratios)
    if np.abs(whole).max() <= MOST and (np.abs(ratios - whole) <= CLOSE * np.abs(ratios)).all():
        return whole
    unit: Array = loadings / np.linalg.norm(loadings)
    return unit


def _term(factor: float, label: str) -> tuple[str, str]:
    sign, size = "−" if factor < 0 else "+", f"{abs(factor):.2g}"
    return sign, label if size == "1" else f"{size}·{label}"


def _joined(terms: list[tuple[str, str]]) -> str:
    first, *rest = terms
    return first[1] + "".join(f" {sign} {words}" for sign, words in rest)
