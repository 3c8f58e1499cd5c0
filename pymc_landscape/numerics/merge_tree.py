"""The merge tree of a grid of heights: where basins begin, and at which pass two of them meet.

A point without a lower neighbour is a local minimum. From any other a way down leads to one, whose basin it is in.
Two points beside each other in two basins are an edge between these, as high as the higher one; by Kruskal's
algorithm, over edges in order of their heights, basins are joined, and each edge that joins two is a pass, at which
the basin with the higher minimum ends (Edelsbrunner & Harer 2010, *Computational Topology*, section VII.1). All but
the last is done for all points at once.
"""

from __future__ import annotations

from itertools import groupby, product
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array

Positions = NDArray[np.intp]


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
    flat, position = padded.ravel(), np.pad(np.arange(heights.size).reshape(heights.shape), 1).ravel()
    inside = np.isfinite(flat)
    points, rank = np.flatnonzero(inside), np.empty(flat.size, dtype=int)
    rank[np.argsort(flat, kind="stable")] = np.arange(flat.size)
    rank[~inside] = flat.size
    strides = np.cumprod([1, *padded.shape[:0:-1]])[::-1]
    around = [int(np.dot(step, strides)) for step in product((-1, 0, 1), repeat=heights.ndim) if any(step)]
    down = np.arange(flat.size)
    for step in around:
        down[points] = np.where(rank[points + step] < rank[down[points]], points + step, down[points])
    while (down != (further := down[down])).any():
        down = further
    minima = points[down[points] == points]
    minima = minima[np.argsort(rank[minima])]
    number = np.empty(flat.size, dtype=int)
    number[minima] = np.arange(len(minima))
    basin = number[down]
    joined = _joined(_edges(points, around, rank, basin), len(minima))
    sizes = _sizes(joined, rank, points, basin[points], len(minima))
    passes = [
        Pass(int(position[at]), (int(position[minima[low]]), int(position[minima[high]])), size)
        for (at, low, high), size in zip(joined, sizes, strict=True)
    ]
    ended = {high for _, _, high in joined}
    return [int(position[minimum]) for i, minimum in enumerate(minima) if i not in ended], passes


def _edges(points: Positions, around: list[int], rank: Positions, basin: Positions) -> list[tuple[int, int, int]]:
    """Return the lowest edge between each two basins that meet, in order of height: the point, and both basins."""
    found = []
    for step in around:
        edge = points[(rank[points + step] < rank[points]) & (basin[points + step] != basin[points])]
        found.append(np.stack([edge, *np.sort([basin[edge], basin[edge + step]], axis=0)]))
    edges = np.concatenate(found, axis=1)
    edges = edges[:, np.argsort(rank[edges[0]], kind="stable")]
    _, first = np.unique(edges[1] * len(basin) + edges[2], return_index=True)
    rows: list[tuple[int, int, int]] = list(zip(*edges[:, np.sort(first)].tolist(), strict=True))
    return rows


def _joined(edges: list[tuple[int, int, int]], n: int) -> list[tuple[int, int, int]]:
    """Return which edges join two of n basins, each with the lowest basin of both sides, the lower first."""
    lowest, joined = list(range(n)), []

    def of(i: int) -> int:
        while lowest[i] != i:
            lowest[i] = lowest[lowest[i]]
            i = lowest[i]
        return i

    for at, together in groupby(edges, key=itemgetter(0)):
        low, *others = sorted({of(i) for _, *both in together for i in both})
        for high in others:
            joined.append((at, low, high))
            lowest[high] = low
    return joined


def _sizes(
    joined: list[tuple[int, int, int]], rank: Positions, points: Positions, basin: Positions, n: int
) -> list[tuple[int, int]]:
    """Return how many points both sides of each pass had below it.

    What passes join are the nodes of a tree above the n basins. A point belongs to the highest node above its basin
    that begins no higher than it; that is found in steps of 2^i nodes.
    """
    node, begins, parent = list(range(n)), [-1] * n, list(range(n + len(joined)))
    children = []
    for at, low, high in joined:
        children.append((node[low], node[high]))
        parent[node[low]] = parent[node[high]] = node[low] = len(begins)
        begins.append(int(rank[at]))
    ups, begin, own = [np.array(parent, dtype=int)], np.array(begins), basin
    while (ups[-1] != (further := ups[-1][ups[-1]])).any():
        ups.append(further)
    for up in reversed(ups):
        own = np.where(begin[up[own]] <= rank[points], up[own], own)
    count = np.bincount(own, minlength=len(begins)).tolist()
    for i, (low, high) in enumerate(children, start=n):
        count[i] += count[low] + count[high]
    return [(count[low], count[high]) for low, high in children]
