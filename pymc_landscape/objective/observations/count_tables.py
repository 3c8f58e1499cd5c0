"""Data sets of counts as tables: how many rows of each kind have each count, and which of these cells are taken."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.model.reduction import words_of_rows

# Where more than this share of rows differ, there is no table.
LARGEST_SHARE = 0.5
# There is room for some cells more than are taken now; a room that is there is used that is not so many times as large.
MORE, STEP, ROOMY = 1.04, 16, 1.5
# How many numbers a table may have for each row.
LARGEST_TABLE = 50


@dataclass(frozen=True)
class CountTable:
    """Cells of a table of counts, by the kind of row and the count.

    Parameters
    ----------
    cells : int array (S, D)
        Those of each data set; what is too much repeats the first.
    weights : array (S, D)
        How many rows are in each; 0 of what is too much.
    first : int array (kinds,)
        A row of each kind.
    low, width : int
        The least count, and how many there are.
    """

    cells: NDArray[np.intp]
    weights: Array
    first: NDArray[np.intp]
    low: int
    width: int

    def rows_of(self, cells: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the number of a row of each cell, and its count."""
        return self.first[cells // self.width], cells % self.width + self.low


def kinds_of_rows(columns: list[Array], n: int) -> NDArray[np.intp]:
    """Return of which kind each of n rows is, by the bits of columns (n, ...) of what else is known of them."""
    if not columns:
        return np.zeros(n, int)
    words = np.stack([word for column in columns for word in words_of_rows(column)], axis=1)
    return np.asarray(np.unique(words, axis=0, return_inverse=True)[1].reshape(n))


def count_table(counts: NDArray[Any], kinds: NDArray[np.intp], sizes: set[int]) -> CountTable | None:
    """Return the cells of each of S data sets; None where too few rows repeat.

    Parameters
    ----------
    counts : int array (S, n)
        Data sets.
    kinds : int array (n,)
        Of which kind each row is.
    sizes : set of int
        Numbers of cells D for which there is a graph already.
    """
    counts = counts.astype(np.int64)
    n, low = len(kinds), int(counts.min())
    width, n_kinds = int(counts.max()) - low + 1, int(kinds.max()) + 1
    if width * n_kinds > LARGEST_TABLE * n:
        return None
    first = np.zeros(n_kinds, int)
    first[kinds[::-1]] = np.arange(n)[::-1]
    tables = [np.bincount(kinds * width + (own - low), minlength=width * n_kinds) for own in counts]
    cells = [np.flatnonzero(table) for table in tables]
    most = max(map(len, cells))
    if most > LARGEST_SHARE * n:
        return None
    d = int(np.ceil(MORE * most / STEP)) * STEP
    d = min((size for size in sizes if most <= size <= ROOMY * d), default=d)
    padded = np.array([np.concatenate([cell, np.full(d - len(cell), cell[0])]) for cell in cells])
    numbers = np.array([table[cell] for table, cell in zip(tables, padded, strict=True)], dtype=float)
    weights = np.where(np.arange(d) < np.array([len(cell) for cell in cells])[:, None], numbers, 0.0)
    return CountTable(padded, weights, first, low, width)
