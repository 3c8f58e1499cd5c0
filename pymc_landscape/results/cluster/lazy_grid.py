"""Variables over a grid as Dask arrays whose blocks are evaluated when they are asked for, all variables in one pass.

Dask takes a slice of an array by making its blocks whole first. Of an array here a part, `array[::100, 3]`, is an array
over that part of the grid: what it leaves out is never evaluated. Parts of several variables have their blocks in
common, so that none is evaluated twice; and whatever else Dask does with arrays it does with these.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._dataclasses import dataclass

if TYPE_CHECKING:
    from dask.array import Array as DaskArray

    Index = NDArray[np.intp]


@dataclass(frozen=True)
class LazyGrid:
    """A grid of which nothing is evaluated.

    Parameters
    ----------
    evaluate : callable
        ``evaluate(*indices)`` gives the variables by name, at the places with these indices along each axis: the outer
        product of the indices, and behind it what a variable has at a point.
    shape : tuple of int
        Points along each axis.
    behind : mapping of str to tuple of int
        The shape of each variable at a point.
    most : int
        Largest number of points in a block.
    """

    evaluate: Callable[..., Mapping[str, NDArray[np.float64]]]
    shape: tuple[int, ...]
    behind: Mapping[str, tuple[int, ...]]
    most: int
    token: str = field(default_factory=lambda: uuid.uuid4().hex)

    def array(self, name: str) -> DaskArray:
        """Return a variable over all of the grid.

        Raises
        ------
        ImportError
            If there is no Dask.
        """
        try:
            import dask.array  # noqa: F401
        except ImportError as error:
            raise ImportError(
                "Expected the package dask for lazy=True, got none: install it with "
                "pip install 'pymc-landscape[dask]', or leave lazy out."
            ) from error
        return _array(self, name, tuple(np.arange(n) for n in self.shape), (True,) * len(self.shape))


def _array(grid: LazyGrid, name: str, indices: tuple[Index, ...], kept: tuple[bool, ...]) -> DaskArray:
    """Return a variable over part of a grid: with these places along each axis, of which some are no dims any more."""
    import dask.array as da
    from dask.base import tokenize
    from dask.highlevelgraph import HighLevelGraph

    shape, behind = tuple(len(index) for index in indices), grid.behind[name]
    lengths = da.core.normalize_chunks("auto", shape, limit=8 * grid.most, dtype=np.float64)
    token = tokenize(grid.token, [index.tobytes() for index in indices])
    source, block, own = f"grid-{grid.token}", f"block-{token}", f"{name}-{tokenize(token, name, kept)}"
    ends = [np.cumsum([0, *of_axis]) for of_axis in lengths]
    blocks, parts = dict[Any, Any](), dict[Any, Any]()
    for place in product(*(range(len(of_axis)) for of_axis in lengths)):
        within = [index[end[i] : end[i + 1]] for index, end, i in zip(indices, ends, place, strict=True)]
        blocks[block, *place] = (_evaluated, source, *within)
        at = [i for i, k in zip(place, kept, strict=True) if k]
        parts[own, *at, *([0] * len(behind))] = (_variable, (block, *place), name, list(kept))
    graph = HighLevelGraph(
        {source: {source: grid.evaluate}, block: blocks, own: parts}, {source: set(), block: {source}, own: {block}}
    )
    chunks = (*(of_axis for of_axis, k in zip(lengths, kept, strict=True) if k), *((n,) for n in behind))
    array: Any = _array_class()(graph, own, chunks, dtype=np.float64)
    array.part_at = lambda key: _part(grid, name, indices, kept, key)
    made: DaskArray = array
    return made


def _part(grid: LazyGrid, name: str, indices: tuple[Index, ...], kept: tuple[bool, ...], key: Any) -> DaskArray | None:
    """Return the array at a key of numbers, slices and at most one vector; None at any other key."""
    n_axes, n_behind = sum(kept), len(grid.behind[name])
    whole = _without_ellipsis(key if isinstance(key, tuple) else (key,), n_axes + n_behind)
    if whole is None or any(not (isinstance(one, slice) and one == slice(None)) for one in whole[n_axes:]):
        return None
    chosen, left, n_vectors = list(indices), list(kept), 0
    for axis, one in zip(np.flatnonzero(kept).tolist(), whole, strict=False):
        if isinstance(one, slice):
            chosen[axis] = chosen[axis][one]
        elif isinstance(one, int | np.integer) and not isinstance(one, bool):
            chosen[axis], left[axis] = chosen[axis][[int(one)]], False
        elif isinstance(one, list | np.ndarray) and np.ndim(one) == 1 and np.asarray(one).dtype.kind in "iub":
            chosen[axis], n_vectors = chosen[axis][np.asarray(one)], n_vectors + 1
        else:
            return None
    if n_vectors > 1 or not all(map(len, chosen)):
        return None
    return _array(grid, name, tuple(chosen), tuple(left))


def _without_ellipsis(key: Sequence[Any], n_dims: int) -> list[Any] | None:
    """Return a key with an entry for each dim; None if it has other entries."""
    n_ellipses = sum(one is Ellipsis for one in key)
    if n_ellipses > 1 or len(key) - n_ellipses > n_dims:
        return None
    i = next((i for i, one in enumerate(key) if one is Ellipsis), len(key))
    return [*key[:i], *[slice(None)] * (n_dims - len(key) + n_ellipses), *key[i + 1 :]]


def _evaluated(evaluate: Callable[..., Any], *indices: Index) -> Any:
    return evaluate(*indices)


def _variable(block: Mapping[str, NDArray[np.float64]], name: str, kept: Sequence[bool]) -> NDArray[np.float64]:
    """Return a variable of a block, without the axes that are no dims."""
    return block[name][tuple(slice(None) if k else 0 for k in kept)]


@cache
def _array_class() -> Any:
    import dask.array as da

    class GridArray(da.Array):
        """A Dask array that knows how to take a part of itself."""

        part_at: Any

        def __getitem__(self, key: Any) -> Any:
            part = self.part_at(key)
            return da.Array.__getitem__(self, key) if part is None else part

    return GridArray
