"""The points of a grid as rows of flat vectors, built chunk by chunk, never all at once.

An axis names an element of a parameter on its natural scale, or on its unconstrained one by the name of its value
variable. The vector has a variable on the scale of its axes, all others on the natural one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import copy
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.indexes import Index

from pymc_landscape._typing import Array
from pymc_landscape.objective import Element, FreeVariable, Layout, Objective
from pymc_landscape.results import OF_LANDSCAPES, refuse_reserved_names


class GridPoints:
    """Where the points of a grid lie.

    Parameters
    ----------
    objective : Objective
        Whose parameters the axes name.
    grid : xr.Dataset
        A grid of axes or of a plane.

    Attributes
    ----------
    dims : tuple of str
        The dims of the landscape.
    shape : tuple of int
        Points along each.
    coord_variables, indexes : dict
        The coordinates of the grid, whole numbers still whole, and their indexes.
    unconstrained : frozenset of str
        Variables that are on their unconstrained scale in the vectors.
    nuisance : tuple of str
        Variables of which at least one element is on no axis.
    moved : tuple of (str, int)
        The elements that the grid gives, by variable and place in it: those on axes, and the rest of a simplex where
        that is a single one.

    Raises
    ------
    ValueError
        If an axis is not the model's, is given on two scales, or lies outside the support.
    """

    def __init__(self, objective: Objective, grid: xr.Dataset):
        self.is_plane = "direction" in grid.data_vars
        names = grid["axis"].values.tolist() if self.is_plane else axes_of(grid)
        self.dims = tuple(str(name) for name in names)
        if not self.dims:
            raise ValueError("Expected a grid with at least one axis, got none: make one with regular_grid.")
        self.values = [_finite(grid, dim) for dim in self.dims]
        self.shape = tuple(len(v) for v in self.values)
        axes = grid[list(self.dims)]
        self.coord_variables: dict[Any, xr.Variable] = {name: v.copy(deep=False) for name, v in axes.variables.items()}
        self.indexes: dict[Any, Index] = dict(axes.xindexes)
        self.labels = tuple(map(str, grid["plane_parameter"].values)) if self.is_plane else self.dims
        refuse_reserved_names(self.dims, OF_LANDSCAPES, "an axis")
        self.elements = [objective.find(label, "the grid") for label in self.labels]
        self.unconstrained = frozenset(e.variable.name for e in self.elements if e.unconstrained)
        _refuse_two_scales(self.elements, self.unconstrained)
        _refuse_doubles(self.labels, self.elements)
        self.layout: Layout = objective.layout(self.unconstrained)
        self._columns = [self.layout.slices[e.variable.name].start + e.index for e in self.elements]
        if self.is_plane:
            _refuse_integers(self.labels, self.elements)
            self._center = grid["center"].values
            self._direction = grid["direction"].values
        else:
            self._refuse_outside()
            self._note_bounds()
        self._shares = _simplex_shares(self.elements, self.layout, self.is_plane)
        moved = {(e.variable.name, e.index) for e in self.elements}
        self.moved = (*((e.variable.name, e.index) for e in self.elements), *_single_rests(self.elements))
        self.nuisance = tuple(
            v.name
            for v in objective.variables
            if any((v.name, i) not in moved for i in range(math.prod(self.layout.shape(v))))
        )

    @property
    def total(self) -> int:
        """How many points the grid has."""
        return math.prod(self.shape)

    @property
    def coords(self) -> xr.Coordinates:
        """The coordinates with their indexes."""
        return xr.Coordinates(self.coord_variables, self.indexes)

    def at_indices(self, indices: Sequence[NDArray[np.intp]]) -> GridPoints:
        """Return the part of the grid that has these places along each axis; it knows only `rows`, `shape`, `total`."""
        part = copy(self)
        part.values = [values[index] for values, index in zip(self.values, indices, strict=True)]
        part.shape = tuple(len(values) for values in part.values)
        return part

    def rows(self, base: Array, start: int, stop: int) -> Array:
        """Return points `start` to `stop` (the last axis fastest); `base` (k,) gives the elements on no axis."""
        return self._rows(base, stop - start, lambda rows, columns: self._put_axes(rows, columns, start))

    def rows_at(self, base: Array, flat: NDArray[np.intp]) -> Array:
        """Return the points of flat indices (n,), in any order."""
        index = np.unravel_index(flat, self.shape)

        def put(rows: Array, columns: Sequence[int]) -> None:
            for column, values, i in zip(columns, self.values, index, strict=False):
                rows[:, column] = values[i]

        return self._rows(base, len(flat), put)

    def _rows(self, base: Array, n: int, put: Callable[[Array, Sequence[int]], None]) -> Array:
        """Return `n` points of which `put` writes the values along the axes."""
        vectors = np.empty((n, len(base)))
        vectors[:] = base
        if self.is_plane:
            at = np.empty((n, len(self.dims)))
            put(at, range(len(self.dims)))
            along = (at[:, j, None] * direction for j, direction in enumerate(self._direction))
            vectors[:, self._columns] = sum(along, self._center)  # a matrix product rounds as its number of rows is
        else:
            put(vectors, self._columns)
        for moved, rest in self._shares:
            remainder = 1.0 - vectors[:, moved].sum(1, keepdims=True)
            vectors[:, rest] = remainder * base[rest] / base[rest].sum()
        return vectors

    def _put_axes(self, rows: Array, columns: Sequence[int], start: int) -> None:
        """Write the values along the axes into columns of `rows`, for points from `start` on.

        The last axis is written line by line, or for many lines at once, which divides whole numbers once a line.
        """
        length, done = self.shape[-1], 0
        while done < len(rows):
            line, within = divmod(start + done, length)
            whole = (len(rows) - done) // length if within == 0 else 0
            lines, n = (whole, length) if whole else (1, min(length - within, len(rows) - done))
            block = rows[done : done + lines * n].reshape(lines, n, rows.shape[1])
            block[:, :, columns[-1]] = self.values[-1][within : within + n]
            if self.shape[:-1]:
                index = np.unravel_index(np.arange(line, line + lines), self.shape[:-1])
                for column, values, i in zip(columns, self.values, index, strict=False):
                    block[:, :, column] = values[i][:, None]
            done += lines * n

    def _refuse_outside(self) -> None:
        for label, element, values in zip(self.dims, self.elements, self.values, strict=True):
            low, high = (-np.inf, np.inf) if element.unconstrained else element.variable.limits(element.index)
            if not ((values >= low) & (values <= high)).any():
                raise ValueError(
                    f"Expected an axis inside the support of {label!r}, which is [{low:g}, {high:g}], got values from "
                    f"{values.min():g} to {values.max():g}: move it inside."
                )
            if element.variable.discrete and (values != np.round(values)).any():
                raise ValueError(f"Expected whole numbers for the integer {label!r}, got {values[values % 1 != 0][0]}.")

    def _note_bounds(self) -> None:
        """Note on each axis where its support ends, so that a floor there is known from one on the edge of the grid."""
        for dim, e in zip(self.dims, self.elements, strict=True):
            ends = (-np.inf, np.inf) if e.unconstrained else e.variable.limits(e.index)
            bounds = {name: float(end) for name, end in zip(("lower_bound", "upper_bound"), ends, strict=True)}
            axis = self.coord_variables[dim]
            axis.attrs = {**axis.attrs, **{name: end for name, end in bounds.items() if math.isfinite(end)}}


def axes_of(grid: xr.Dataset) -> list[str]:
    """Return the dims of a grid, or of a landscape, that are axes: those of its own records are not."""
    dims = grid["minus2ll"].dims if "minus2ll" in grid else grid.dims
    return [str(d) for d in dims if d not in ("draw_parameter", "sample", "parameter")]


def _finite(grid: xr.Dataset, dim: str) -> Array:
    values = grid.variables[dim].values if dim in grid.variables and dim not in grid.data_vars else None
    if values is None or values.dtype.kind not in "iuf":
        raise ValueError(f"Expected numbers along the axis {dim!r}, got none: make the grid with regular_grid.")
    if not np.isfinite(values).all():
        raise ValueError(f"Expected finite values along {dim!r}, got NaN or infinity: take them out.")
    return values.astype(float)


def _refuse_two_scales(elements: Sequence[Element], unconstrained: frozenset[str]) -> None:
    for e in elements:
        v = e.variable
        if v.name in unconstrained and not e.unconstrained:
            raise ValueError(
                f"Expected axes of {v.name} on one scale, got {v.labels[0]} and {v.value_labels[0]}: choose one."
            )


def _refuse_integers(labels: Sequence[str], elements: Sequence[Element]) -> None:
    for label, e in zip(labels, elements, strict=True):
        if e.variable.discrete:
            raise ValueError(
                f"Expected a plane of continuous parameters, got the integer {label!r}: leave it out of the centre, or "
                "pass model= to plane_grid, which holds integers."
            )


def _refuse_doubles(labels: Sequence[str], elements: Sequence[Element]) -> None:
    seen: dict[tuple[str, int], str] = {}
    for label, e in zip(labels, elements, strict=True):
        first = seen.setdefault((e.variable.name, e.index), label)
        if first != label:
            raise ValueError(f"Expected each element on one axis, got {first!r} and {label!r}, which are the same.")


def _simplex_shares(elements: Sequence[Element], layout: Layout, is_plane: bool) -> list[tuple[list[int], list[int]]]:
    """Columns on an axis, and columns that share the rest, of each simplex; refuse what cannot move by itself."""
    shares = []
    for v in {e.variable.name: e.variable for e in elements if not e.unconstrained}.values():
        if v.elementwise or v.transform == "ordered":
            continue
        moved = [e.index for e in elements if e.variable is v]
        size, start = int(np.prod(v.shape)), layout.slices[v.name].start
        if v.transform != "simplex" or len(v.shape) != 1:
            if v.value_shape != v.shape:
                raise ValueError(_bound_together(v))
            continue  # as many free numbers as elements: each can move, inside the support
        if len(moved) >= size or is_plane:
            raise ValueError(_bound_together(v))
        rest = [i for i in range(size) if i not in moved]
        shares.append(([start + i for i in moved], [start + i for i in rest]))
    return shares


def _single_rests(elements: Sequence[Element]) -> list[tuple[str, int]]:
    """Return the last element of each simplex of which all others are on axes."""
    rests = []
    for v in {e.variable.name: e.variable for e in elements if not e.unconstrained}.values():
        moved = {e.index for e in elements if e.variable is v}
        rest = [i for i in range(math.prod(v.shape)) if i not in moved] if v.transform == "simplex" else []
        if len(rest) == 1:
            rests.append((v.name, rest[0]))
    return rests


def _bound_together(v: FreeVariable) -> str:
    leave_out = ", or leave one element out" if v.transform == "simplex" and len(v.shape) == 1 else ""
    return (
        f"Expected axes on which {v.name} can move, got its elements, which are bound together ({v.transform}): "
        f"use its unconstrained elements, such as {v.value_labels[0]!r}{leave_out}."
    )
