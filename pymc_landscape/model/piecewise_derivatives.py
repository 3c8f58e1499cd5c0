"""Gradient and Hessian by the pieces of a flat vector that a graph reads, with few nodes to write and to rewrite.

A model reads each parameter as an element or a slice of one vector. Differentiated by the vector itself, each of them
becomes a vector of zeros into which a number is set, and a sum of these: some hundred nodes that only move numbers.
Differentiated by the elements and slices, the derivatives are joined once.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Apply
from pytensor.graph.traversal import applys_between
from pytensor.tensor.exceptions import NotScalarConstantError
from pytensor.tensor.subtensor import Subtensor, get_constant_idx

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Graph
from pymc_landscape.engine import vectorized, with_known_lengths


@dataclass
class Piece:
    """A part of the vector that a graph reads.

    Parameters
    ----------
    start, stop : int
        Where it is.
    graphs : list of Graph
        The nodes that read it, a number or a vector each.
    """

    start: int
    stop: int
    graphs: list[Graph]

    @property
    def size(self) -> int:
        """How many elements it has."""
        return self.stop - self.start


def places_read(node: Apply[Any], size: int) -> range | None:
    """Return the places of a vector that a node reads, side by side; None where it reads others, or they may change."""
    if not isinstance(node.op, Subtensor):
        return None
    try:
        index = get_constant_idx(node.op.idx_list, node.inputs, allow_partial=False)[0]
    except NotScalarConstantError:
        return None
    read = range(size)[index]
    places = read if isinstance(read, range) else range(read, read + 1)
    return places if places.step == 1 and len(places) else None


def pieces_of(graph: Graph, vector: Graph) -> list[Piece]:
    """Return the pieces of `vector` that a graph reads, in order: elements, or slices without steps.

    Where it is read in another way, or pieces overlap, the one piece is the whole vector.
    """
    whole, size = [Piece(0, vector.type.shape[0], [vector])], vector.type.shape[0]
    found: dict[tuple[int, int, int], Piece] = {}
    for node in applys_between([vector], [graph]):
        if vector not in node.inputs:
            continue
        read = places_read(node, size)
        if read is None:
            return whole
        start, stop = read.start, read.stop
        piece = found.setdefault((start, stop, node.outputs[0].type.ndim), Piece(start, stop, []))
        piece.graphs.append(node.outputs[0])
    pieces = sorted(found.values(), key=lambda piece: (piece.start, piece.stop))
    ends = [0, *(piece.stop for piece in pieces)]
    apart = all(end <= piece.start < piece.stop for end, piece in zip(ends, pieces, strict=False))
    return pieces if pieces and apart else whole


def gradient_by_pieces(value: Graph, pieces: Sequence[Piece]) -> list[Graph]:
    """Return the gradient of the scalar `value` by each piece, zero where it does not enter."""
    wanted = [graph for piece in pieces for graph in piece.graphs]
    each: Any = pt.grad(value, wanted, disconnected_inputs="ignore")
    by_graph = dict(zip(wanted, each, strict=True))
    return with_known_lengths([reduce(pt.add, [by_graph[graph] for graph in piece.graphs]) for piece in pieces])


def in_order(parts: Sequence[Graph], pieces: Sequence[Piece], size: int) -> Graph:
    """Return derivatives by pieces as one vector (size,), or those of several directions (n, *) as rows (n, size)."""
    if len(parts) == size and all(part.type.ndim == parts[0].type.ndim < 2 for part in parts):
        return pt.stack(list(parts), axis=-1)
    batched = max(part.type.ndim - graph.type.ndim for part, graph in _beside(parts, pieces)) > 0
    columns, end = list[Graph](), 0
    lead = (parts[0].shape[0],) if batched else ()
    for part, piece in zip(parts, pieces, strict=True):
        if piece.start > end:
            columns.append(pt.zeros((*lead, piece.start - end)))
        columns.append(part if part.type.ndim == 1 + batched else part[..., None])
        end = piece.stop
    if size > end:
        columns.append(pt.zeros((*lead, size - end)))
    return pt.concatenate(columns, axis=-1) if len(columns) > 1 else columns[0]


def _beside(parts: Sequence[Graph], pieces: Sequence[Piece]) -> list[tuple[Graph, Graph]]:
    return [(part, piece.graphs[0]) for part, piece in zip(parts, pieces, strict=True)]


def hessian_by_pieces(gradients: Sequence[Graph], pieces: Sequence[Piece], size: int) -> Graph:
    """Return the Hessian (size, size) from the gradient by pieces: H v, vectorised over the unit vectors."""
    directions = [piece.graphs[0].type(name="direction") for piece in pieces]
    along = sum((g * d).sum() for g, d in zip(gradients, directions, strict=True))
    products = gradient_by_pieces(along, pieces)
    axes = np.eye(size)
    units = [
        pt.constant(axes[:, piece.start] if not d.type.ndim else axes[:, piece.start : piece.stop])
        for piece, d in zip(pieces, directions, strict=True)
    ]
    rows = vectorized(products, dict(zip(directions, units, strict=True)))
    same = [
        row if row.type.ndim > product.type.ndim else pt.broadcast_to(row, (size, *product.shape))
        for row, product in zip(rows, products, strict=True)
    ]
    return in_order(same, pieces, size)
