"""Datasets of small results: their labels are indexed once, and not at each call.

To build a Dataset takes xarray a third of a millisecond, as long as all six ends of an interval take a small model, and
most of that goes into the indexes of its coordinates. So Datasets of the same labels, dims and shapes are copies of one
that is empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

import numpy as np
import pandas as pd
import xarray as xr
from xarray.indexes import PandasIndex

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
    """Return the coordinate of an axis, with its index: not even ``dask`` itself is imported for it.

    Parameters
    ----------
    dim : str
        Its dim, and its name.
    values : array_like
        Numbers or text.

    Examples
    --------
    >>> axis_variable("x", [1.0, 2.0]).dtype
    dtype('float64')
    >>> axis_variable("x", ["one", "two"]).dtype
    dtype('<U3')
    """
    labels = np.asarray(values)
    index = PandasIndex(pd.Index(labels), dim, coord_dtype=labels.dtype)
    return cast(xr.IndexVariable, index.create_variables()[dim])


def array_dataset(
    data: Mapping[Any, Any], coords: Mapping[Any, Any] | None = None, attrs: Mapping[Any, Any] | None = None
) -> xr.Dataset:
    """Return ``xr.Dataset(data, coords, attrs)`` of NumPy's arrays, without an import of ``dask.array``.

    Parameters
    ----------
    data, coords : mapping
        As there: dims and array, labels along a dim of that name, a number, or what is xarray's own.
    attrs : mapping, optional
        Its attributes.

    Examples
    --------
    >>> array_dataset({"a": ("x", [1.0, 2.0])}, {"x": ["one", "two"]})["x"].dtype
    dtype('<U3')
    """
    arrays, labels = ({name: _as_variable(name, given) for name, given in (of or {}).items()} for of in (data, coords))
    return xr.Dataset(arrays, labels, attrs)


def _as_variable(name: Any, given: Any) -> Any:
    if isinstance(given, xr.Variable | xr.DataArray | pd.Index | pd.Series):
        return given
    if not isinstance(given, tuple):
        return axis_variable(name, given) if np.ndim(given) else array_variable((), given)
    dims, values, *attrs = given
    if isinstance(values, pd.Index | pd.Series):
        return given
    is_axis = dims == name or tuple(dims) == (name,)
    variable = axis_variable(name, values) if is_axis else array_variable(dims, values)
    variable.attrs.update(*attrs[:1])
    return variable


@lru_cache(maxsize=32)
def _blank(
    shapes: _Shapes, labels: tuple[tuple[str, tuple[Any, ...], tuple[type, ...]], ...], beside: _Shapes
) -> xr.Dataset:
    """Return the Dataset with no numbers in it."""
    data, others = (
        {name: array_variable(dims, np.broadcast_to(np.nan, shape)) for name, dims, shape in each}
        for each in (shapes, beside)
    )
    return xr.Dataset(data, others | {name: axis_variable(name, list(along)) for name, along, _ in labels})
