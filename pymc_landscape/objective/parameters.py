"""The parameters of a model: their names, and the way between points by name and flat unconstrained vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pymc as pm
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from pymc_landscape._typing import Array, Point
from pymc_landscape.model import Element, FreeVariable
from pymc_landscape.objective.evaluators import Evaluators, Kind
from pymc_landscape.results import closest


class Parameters:
    """What an :class:`~pymc_landscape.objective.objective.Objective` knows of its parameters.

    Attributes
    ----------
    model : pm.Model
        The model.
    compiled : Evaluators
        Its engines.
    """

    model: pm.Model
    compiled: Evaluators

    @property
    def variables(self) -> tuple[FreeVariable, ...]:
        """The free variables: names, shapes, dims, coords, transforms, supports."""
        return self.compiled.variables

    @property
    def size(self) -> int:
        """Number k of elements of `theta`."""
        return sum(int(np.prod(v.value_shape)) for v in self.variables)

    @property
    def labels(self) -> tuple[str, ...]:
        """One label an element of `theta`: natural, or the value variable's where elements mean little alone."""
        return tuple(label for v in self.variables for label in (v.value_labels if v.named_by_value else v.labels))

    @property
    def coords(self) -> dict[str, NDArray[np.generic]]:
        """Labels along each dim of the parameters."""
        return {d: c for v in self.variables for d, c in zip(v.dims, v.coords, strict=True)}

    @property
    def supports(self) -> dict[str, tuple[float, float]]:
        """Limits of the support of each natural element, infinite where there are none or where they vary."""
        return {label: v.limits(i) for v in self.variables for i, label in enumerate(v.labels)}

    @property
    def transforms(self) -> dict[str, str | None]:
        """Name of PyMC's transform of each free variable."""
        return {v.name: v.transform for v in self.variables}

    def find(self, label: str) -> Element:
        """Return the element that `label` names, on the scale that it names.

        Raises
        ------
        ValueError
            If the model has no such element; the message lists those that it has, the closest first.
        """
        elements = self.compiled.elements
        if label in elements:
            return elements[label]
        whole = next((v for v in self.variables if label in (v.name, v.value_name)), None)
        if whole is not None:
            labels = whole.labels if label == whole.name else whole.value_labels
            raise ValueError(
                f"Expected one element of the array {label!r}, got its name: write {closest(label, labels)}."
            )
        derived = [d.name for d in self.model.deterministics if label.split("[")[0] == d.name]
        why = f"{derived[0]} is a Deterministic, computed from the parameters" if derived else "no such parameter"
        raise ValueError(f"Expected a parameter of the model, got {label!r} ({why}): use {closest(label, elements)}.")

    # --- between points and theta ------------------------------------------------------------------------------------

    def initial_point(self) -> dict[str, Array]:
        """Return the model's initial point on the natural scale, one array a free variable."""
        return self.compiled.initial_point()

    def pack(self, point: Point) -> Array:
        """Bring a point from the natural scale to the flat unconstrained vector.

        Parameters
        ----------
        point : mapping of str to array_like
            Every free variable by name, on the natural scale or, under its value-variable name (``sigma_log__``), on
            the unconstrained one; leading dims, the same for all, make a batch.

        Returns
        -------
        array (..., k)
            `theta`. The edge of a support becomes ±inf, a value outside it NaN.

        Raises
        ------
        ValueError
            If a variable is missing or has another shape.
        """
        natural = self.complete(point)
        _refuse_uneven_batches(natural, self.variables)
        vectors = self.compiled.layout().join(natural)
        flat = vectors.reshape(-1, vectors.shape[-1])
        moved = self.compiled.engine("unconstrained").at(flat)
        parts = [moved[v.name].reshape(len(flat), -1) for v in self.variables]
        return np.concatenate(parts, axis=1).reshape((*vectors.shape[:-1], self.size))

    def unpack(self, theta: ArrayLike) -> dict[str, Array]:
        """Bring flat unconstrained vectors back to the natural scale.

        Parameters
        ----------
        theta : array_like (..., k)
            Unconstrained vectors.

        Returns
        -------
        dict of str to array
            One array a free variable, the variable's own shape after the leading dims of `theta`.
        """
        return self._at(theta, "natural")

    def complete(self, point: Point) -> dict[str, Array]:
        """Return `point` on the natural scale, with its names and shapes checked."""
        on_values = [v for v in self.variables if v.name not in point and v.value_name in point]
        missing = [v.name for v in self.variables if v.name not in point and v not in on_values]
        if missing:
            raise ValueError(
                f"Expected a value for every free variable, got none for {', '.join(missing)}: "
                f"the point has {closest(missing[0], map(str, point))}."
            )
        found = {v.name: _checked(v, point[v.name]) for v in self.variables if v not in on_values}
        if not on_values:
            return found
        theta = self.pack({**self.initial_point(), **found})
        for v in on_values:
            where = self.compiled.layout(self.compiled.names).slices[v.name]
            theta[..., where] = np.ravel(np.asarray(point[v.value_name]))
        return {**self.unpack(theta), **found}

    def _at(self, theta: ArrayLike, kind: Kind, **shapes: tuple[int, ...]) -> dict[str, Array]:
        """Evaluate the outputs of one kind of engine for `theta` with any leading dims; `shapes` are one point's."""
        vectors = np.asarray(theta, dtype=float)
        engine = self.compiled.engine(kind, self.compiled.names)
        if vectors.shape[-1:] != (engine.size,):
            raise ValueError(
                f"Expected theta with {self.size} elements ({', '.join(self.labels[:6])}), got shape "
                f"{np.shape(theta)}: objective.pack makes one from a point."
            )
        values = engine.at(vectors.reshape(-1, engine.size))
        if kind == "natural":
            shapes = {v.name: v.shape for v in self.variables}
        return {
            name: value.reshape((*vectors.shape[:-1], *shapes.get(name, value.shape[1:])))
            for name, value in values.items()
        }


def _refuse_uneven_batches(natural: Mapping[str, Array], variables: Sequence[FreeVariable]) -> None:
    batches = {v.name: natural[v.name].shape[: natural[v.name].ndim - len(v.shape)] for v in variables}
    first = variables[0].name
    for name, batch in batches.items():
        if batch != batches[first]:
            raise ValueError(
                f"Expected the same leading dims for every variable of a batch of points, got {batches[first]} for "
                f"{first} and {batch} for {name}."
            )


def _checked(variable: FreeVariable, value: ArrayLike) -> Array:
    """Return a value as an array of the variable's shape; labelled values are read by label, in any order."""
    if isinstance(value, xr.DataArray) and set(variable.dims) == set(value.dims) <= set(value.coords):
        labels = dict(zip(variable.dims, variable.coords, strict=True))
        value = value.reindex(labels).transpose(*variable.dims).to_numpy()
    array = np.asarray(value, dtype=float)
    if variable.discrete and (fractions := array[array % 1 != 0]).size:
        raise ValueError(f"Expected whole numbers for the integer {variable.name}, got {fractions.flat[0]:g}.")
    n = len(variable.shape)
    if array.ndim < n or array.shape[array.ndim - n :] != variable.shape:
        raise ValueError(
            f"Expected {variable.name} of shape {variable.shape}, got {array.shape}: is the point another model's?"
        )
    return array
