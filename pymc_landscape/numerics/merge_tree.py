"""The merge tree of a grid of heights: where basins begin, and at which pass two of them meet.

Points are taken in order of their heights, and each is joined to those neighbours that came before. A point without
such neighbours is a local minimum, and begins a basin; one that joins two basins is the pass at which the one with the
higher minimum ends (Edelsbrunner & Harer 2010, *Computational Topology*, section VII.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from pymc_landscape._typing import Array


@dataclass(frozen=True)
class Pass:
    """A point at which two basins meet.

    Parameters
    ----------
    at : int
        Position in the raveled grid.
    minima : (int, int)
        Positions of the minima of both, the lower first.
    sizes : (int, int)
        How many points each had below the pass.
    """

    at: int
    minima: tuple[int, int]
    sizes: tuple[int, int]


def merge_tree(heights: Array) -> tuple[list[int], list[Pass]]:
    """Return the minima of basins that meet no lower one, and all passes, both in order of height.

    Parameters
    ----------
    heights : array of any shape
        Points that are not finite belong to no basin. Neighbours are points that differ by one step along one axis or
        several. Of equal heights the first is the lower.

    Returns
    -------
    last : list of int
        Positions in the raveled grid: one, or more where points without a finite height stand between basins.
    passes : list of Pass
        Where a basin meets one whose minimum is lower, and ends.

    Examples
    --------
    >>> merge_tree(np.array([1.0, 0.0, 2.0, 0.5, 3.0]))
    ([1], [Pass(at=2, minima=(1, 3), sizes=(2, 1))])
    """
    padded = np.pad(heights, 1, constant_values=np.inf)
    flat = padded.ravel()
    position = np.pad(np.arange(heights.size).reshape(heights.shape), 1).ravel().tolist()
    strides = np.cumprod([1, *padded.shape[:0:-1]])[::-1]
    around = [int(np.dot(step, strides)) for step in product((-1, 0, 1), repeat=heights.ndim) if any(step)]
    order = np.argsort(flat, kind="stable")
    rank = np.empty(flat.size, dtype=int)
    rank[order] = np.arange(flat.size)
    ranks, parent, sizes = rank.tolist(), [-1] * flat.size, [0] * flat.size
    passes: list[Pass] = []
    for i in order[np.isfinite(flat[order])].tolist():
        basins = sorted({_minimum(parent, i + step) for step in around if parent[i + step] >= 0}, key=ranks.__getitem__)
        lowest = parent[i] = basins[0] if basins else i
        for other in basins[1:]:
            minima = position[lowest], position[other]
            passes.append(Pass(position[i], minima, (sizes[lowest], sizes[other])))
            parent[other] = lowest
            sizes[lowest] += sizes[other]
        sizes[lowest] += 1
    return [position[i] for i in order.tolist() if parent[i] == i], passes


def _minimum(parent: list[int], i: int) -> int:
    """Follow a point to the minimum of its basin, and shorten the way for those that come later."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i
