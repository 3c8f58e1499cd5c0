"""Datasets of small results: their labels are indexed once, and not at each call.

To build a Dataset takes xarray a third of a millisecond, as long as all six ends of an interval take a small model, and
most of that goes into the indexes of its coordinates. So Datasets of the same labels, dims and shapes are copies of one
that is empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

_Shapes = tuple[tuple[str, tuple[str, ...], tuple[int, ...]], ...]


def labelled_dataset(
    data: Mapping[str, tuple[tuple[str, ...], Any]],
    labels: Mapping[str, tuple[Any, ...]],
    beside: Mapping[str, tuple[tuple[str, ...], Any]],
    attrs: Mapping[str, Any],
) -> xr.Dataset:
    """Return a Dataset.

    Parameters
    ----------
    data : mapping
        Dims and array of each variable.
    labels : mapping
        Labels along each dim that has some.
    beside : mapping
        Dims and array of each coordinate without an index.
    attrs : mapping
        Its attributes.

    Examples
    --------
    >>> labelled_dataset({"a": (("x",), np.ones(2))}, {"x": ("one", "two")}, {"b": ((), np.array(3.0))}, {}).sizes
    Frozen({'x': 2})
    """
    shapes = tuple((name, dims, np.shape(values)) for name, (dims, values) in data.items())
    others = tuple((name, dims, np.shape(values)) for name, (dims, values) in beside.items())
    # 1 and 1.0 are one key, but not one label
    along = tuple((name, labels_of, tuple(map(type, labels_of))) for name, labels_of in labels.items())
    found = _blank(shapes, along, others).copy(data={name: array_variable(*each) for name, each in data.items()})
    for name, each in beside.items():
        found.variables[name].data = array_variable(*each)  # of this copy
    found.attrs = dict(attrs)
    return found


def array_variable(dims: str | tuple[str, ...], values: Any) -> xr.Variable:
    """Return a variable of an array of NumPy's that is taken as it is.

    Whether an array might be one of Dask's, xarray finds out by importing ``dask.array``, which takes a quarter of a
    second in a process that has no use for it.

    Parameters
    ----------
    dims : str or tuple of str
        Its dims.
    values : array_like
        Numbers or text.

    Examples
    --------
    >>> array_variable("x", [1.0, 2.0]).dims
    ('x',)
    """
    return xr.Variable(dims, np.asarray(values), fastpath=True)


def axis_variable(dim: str, values: Any) -> xr.IndexVariable:
    """Return the coordinate of an axis of numbers, with its index: not even ``dask`` itself is imported for it.

    Parameters
    ----------
    dim : str
        Its dim, and its name.
    values : array_like
        Numbers.

    Examples
    --------
    >>> axis_variable("x", [1.0, 2.0]).dtype
    dtype('float64')
    """
    return xr.IndexVariable(dim, pd.Index(np.asarray(values)), fastpath=True)  # type: ignore[no-untyped-call]


@lru_cache(maxsize=32)
def _blank(
    shapes: _Shapes, labels: tuple[tuple[str, tuple[Any, ...], tuple[type, ...]], ...], beside: _Shapes
) -> xr.Dataset:
    """Return the Dataset with no numbers in it."""
    data, others = (
        {name: array_variable(dims, np.broadcast_to(np.nan, shape)) for name, dims, shape in each}
        for each in (shapes, beside)
    )
    return xr.Dataset(data, others | {name: array_variable(name, list(along)) for name, along, _ in labels})
