"""Datasets of small results: labels are indexed once, and what is known to fit together is not merged.

To build a Dataset takes xarray a third of a millisecond, as long as all six ends of an interval take a small model.
Most of that goes into the indexes of its coordinates, and into finding out whether its variables fit together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, cast

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from xarray.indexes import Index, PandasIndex


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
    arrays, others = ({name: array_variable(*each) for name, each in of.items()} for of in (data, beside))
    axes = {name: labelled_axis(name, along) for name, along in labels.items()}
    coords = others | {name: variable for name, (variable, _) in axes.items()}
    return assembled_dataset(arrays, coords, {name: index for name, (_, index) in axes.items()}, attrs)


def assembled_dataset(
    data: Mapping[Any, xr.Variable],
    coords: Mapping[Any, xr.Variable],
    indexes: Mapping[Any, Index],
    attrs: Mapping[Any, Any] | None = None,
) -> xr.Dataset:
    """Return the Dataset of variables that fit together: nothing is merged, aligned or copied.

    Parameters
    ----------
    data, coords : mapping of str to xr.Variable
        Its variables and its coordinates.
    indexes : mapping of str to Index
        Those of the coordinates that have one.
    attrs : mapping, optional
        Its attributes.

    Examples
    --------
    >>> x = axis_variable("x", ["one", "two"])
    >>> index = PandasIndex.from_variables({"x": x}, options={})
    >>> assembled_dataset({"a": array_variable("x", [1.0, 2.0])}, {"x": x}, {"x": index})["a"].sel(x="two").item()
    2.0
    """
    if both := data.keys() & coords.keys():
        raise ValueError(
            f"Expected variables and coordinates of different names, got {sorted(map(str, both))} in both."
        )
    if not _is_assembled_as_known():
        return xr.Dataset(data, xr.Coordinates(coords, indexes), attrs)
    return xr.Dataset._construct_direct({**data, **coords}, set(coords), attrs=dict(attrs or {}), indexes=dict(indexes))


def array_variable(dims: str | tuple[Any, ...], values: Any) -> xr.Variable:
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
    return _with_index(dim, np.asarray(values))[0]


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


def labelled_array(values: Any, coords: Mapping[Any, Any], dims: Sequence[Any]) -> xr.DataArray:
    """Return ``xr.DataArray(values, coords, dims)`` of NumPy's arrays, without an import of ``dask.array``.

    Parameters
    ----------
    values : array_like
        Numbers or text.
    coords : mapping
        Labels along each dim that has some.
    dims : sequence of str
        The dims.

    Examples
    --------
    >>> labelled_array([1.0, 2.0], {"x": ["one", "two"]}, ["x"]).sel(x="two").item()
    2.0
    """
    labels = {name: _as_variable(name, given) for name, given in coords.items()}
    return xr.DataArray(array_variable(tuple(dims), values), labels)


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


def labelled_axis(name: str, labels: tuple[Any, ...]) -> tuple[xr.IndexVariable, PandasIndex]:
    """Return the coordinate of labels, with attributes of its own, and its index, which is made once.

    Parameters
    ----------
    name : str
        Its dim, and its name.
    labels : tuple
        Numbers or text.

    Examples
    --------
    >>> labelled_axis("x", ("one", "two"))[1].index.tolist()
    ['one', 'two']
    """
    # 1 and 1.0 are one key, but not one label
    variable, index = _indexed(name, labels, tuple(map(type, labels)))
    return variable.copy(deep=False), index


@lru_cache(maxsize=32)
def _indexed(name: str, labels: tuple[Any, ...], types: tuple[type, ...]) -> tuple[xr.IndexVariable, PandasIndex]:
    """Return the coordinate of labels of such types, and its index."""
    return _with_index(name, np.asarray(list(labels)))


def _with_index(name: str, labels: NDArray[Any]) -> tuple[xr.IndexVariable, PandasIndex]:
    """Return the coordinate of labels, and its index."""
    index = PandasIndex(pd.Index(labels), name, coord_dtype=labels.dtype)
    return cast(xr.IndexVariable, index.create_variables()[name]), index


@cache
def _is_assembled_as_known() -> bool:
    """Whether xarray's own way to put a Dataset together, which is private, still makes what its public one does."""
    axis, index = labelled_axis("x", (1.0, 2.0))
    data, coords = {"a": array_variable("x", [3.0, 4.0])}, {"x": axis}
    try:
        found = xr.Dataset._construct_direct({**data, **coords}, {"x"}, attrs={"n": 1}, indexes={"x": index})
        return found.identical(xr.Dataset(data, xr.Coordinates(coords, {"x": index}), {"n": 1}))
    except (AttributeError, TypeError, ValueError):
        return False
