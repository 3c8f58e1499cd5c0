"""The parameters of a model: their names, and the conversion between points by name and flat vectors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from pymc_landscape._typing import Array, Point
from pymc_landscape.arguments import checked_array, closest, unknown_name, wrong_type
from pymc_landscape.engine import Engine
from pymc_landscape.model import Element, Fingerprint, FreeVariable, Layout, listed
from pymc_landscape.objective.bound_coordinates import is_simplex
from pymc_landscape.objective.evaluators import Evaluators, FixedEffects, Kind
from pymc_landscape.results import text_labels

# So far from the initial point a surface is looked at.
BESIDE = 2.0
_NO_VALUES: Mapping[str, Array] = MappingProxyType({})


class Parameters:
    """What an :class:`~pymc_landscape.objective.objective.Objective` knows of its parameters.

    Attributes
    ----------
    model : pm.Model
        The model.
    evaluators : Evaluators
        Its engines.
    fixed_effects : FixedEffects
        What it integrates out over a flat measure.
    """

    model: pm.Model
    evaluators: Evaluators
    fixed_effects: FixedEffects

    @property
    def variables(self) -> tuple[FreeVariable, ...]:
        """The free variables: names, shapes, dims, coords, transforms, supports."""
        return self.evaluators.metadata.variables

    @property
    def names(self) -> frozenset[str]:
        """Names of the free variables."""
        return self.evaluators.metadata.names

    @property
    def deterministics(self) -> tuple[str, ...]:
        """Names of the Deterministics that are computed from parameters alone."""
        return self.evaluators.metadata.deterministics

    @property
    def quantity_labels(self) -> tuple[str, ...]:
        """Labels of all that has a value at a point: elements of the free variables, natural, and of Deterministics."""
        return self.evaluators.quantity_labels

    @property
    def size(self) -> int:
        """Number k of elements of `theta`."""
        return sum(int(math.prod(v.value_shape)) for v in self.variables)

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

    def find(self, label: str, where: str = "") -> Element:
        """Return the element that `label` names, on the scale that it names; a refusal says `where` it was named.

        Raises
        ------
        ValueError
            If the model has no such element; the message lists those that it has, the closest first.
        """
        elements, where = self.evaluators.metadata.elements, f" in {where}" if where else ""
        if not isinstance(label, str):
            raise wrong_type(f"the label of a parameter{where}", label, f"use {closest('', elements)}")
        if label in elements:
            return elements[label]
        self.fixed_effects.refuse_name(label)
        whole = next((v for v in self.variables if label in (v.name, v.value_name)), None)
        if whole is not None:
            labels = whole.labels if label == whole.name else whole.value_labels
            raise ValueError(
                f"Expected one element of the array {label!r}, got its name: write {closest(label, labels)}."
            )
        derived = [d.name for d in self.model.deterministics if label.split("[")[0] == d.name]
        why = f"{derived[0]} is a Deterministic, computed from the parameters" if derived else "no such parameter"
        known = closest(label, elements)
        raise ValueError(f"Expected a parameter of the model, got {label!r} ({why}): use {known}{where}.")

    def derived_dims(
        self, name: str, size: int, known: Mapping[str, Any] | None = None
    ) -> tuple[list[str], dict[str, Any], tuple[int, ...]]:
        """Return dims, coords and shape of a Deterministic, of which there are `size` numbers; `known` as there."""
        return self.evaluators.metadata.derived_dims(name, size, known)

    def fingerprint(self) -> Fingerprint:
        """Return what the model is made of now."""
        return self.evaluators.metadata.fingerprint()

    def changes_since(self, fingerprint: Fingerprint, *, is_thorough: bool = False) -> str:
        """Say what has changed of the model, and of those of its data that this objective has; nothing if nothing has.

        Parameters
        ----------
        fingerprint : Fingerprint
            Of the model as it was.
        is_thorough : bool
            Whether large data are read too that have been changed in place, if at all.
        """
        replaced = self.evaluators.replaced
        return listed(fingerprint.changes(self.model, replaced=replaced, is_thorough=is_thorough))

    @property
    def has_gradient(self) -> bool:
        """Whether the model itself gives gradients by its parameters; otherwise they are differences of values."""
        return self.evaluators.has_gradient

    @property
    def has_hessian(self) -> bool:
        """Whether the model itself gives Hessians; otherwise each costs many gradients, as that of an integral."""
        return self.evaluators.has_hessian

    # --- between points and vectors ----------------------------------------------------------------------------------

    def layout(self, unconstrained: frozenset[str] = frozenset()) -> Layout:
        """Return the order of elements in a vector that holds `unconstrained` variables on that scale."""
        return self.evaluators.metadata.layout(unconstrained)

    def engine(self, kind: Kind, unconstrained: frozenset[str] = frozenset()) -> Engine:
        """Return the engine that evaluates one kind of output for vectors of a layout, with this objective's data.

        The kinds are those of :meth:`~pymc_landscape.objective.evaluators.Evaluators.engine`. An engine is shared by
        all objectives of a model: whoever keeps one calls `use_data` before it is asked again.
        """
        return self.evaluators.engine(kind, unconstrained)

    def _beside_initial_point(self, unconstrained: frozenset[str]) -> Array:
        """Return points (4, k) on either side of the initial one, with all elements moved alike and in turns."""
        initial = self.vector(self.initial_point(), unconstrained)
        alike, in_turns = np.ones(len(initial)), (-1.0) ** np.arange(len(initial))
        return initial + BESIDE * np.stack([alike, -alike, in_turns, -in_turns])

    def use_data(self) -> None:
        """Leave the engines with the data of this objective: they are shared with those that have other data."""
        self.evaluators.use_data()

    def vector(self, point: Point, unconstrained: frozenset[str], kept: Mapping[str, Array] = _NO_VALUES) -> Array:
        """Return natural values (..., *shape) as vectors in which `unconstrained` variables are on that scale.

        Parameters
        ----------
        point : mapping of str to array
            Every free variable on the natural scale; where all are in `kept`, it may be empty.
        unconstrained : frozenset of str
            Names of the variables that are unconstrained in the vector.
        kept : mapping of str to array
            Values that are on the scale of the vector already, taken as they are.

        Returns
        -------
        array (..., k)
            In the order of ``layout(unconstrained)``.
        """
        theta = self.layout(self.names).split(self._moved(self._arrays(point))) if unconstrained - kept.keys() else {}
        arrays = {
            v.name: kept[v.name] if v.name in kept else (theta if v.name in unconstrained else point)[v.name]
            for v in self.variables
        }
        return self.layout(unconstrained).join(arrays)

    def initial_point(self) -> dict[str, Array]:
        """Return the model's initial point on the natural scale, one array a free variable."""
        return self.evaluators.metadata.initial_point()

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
            `theta`. A bound of the support becomes ±inf, a value outside it NaN.

        Raises
        ------
        ValueError
            If a variable is missing or has another shape.
        """
        return self._moved(self.complete(point))

    def _moved(self, natural: Mapping[str, Array]) -> Array:
        """Bring arrays of the variables' shapes to the flat unconstrained vector; NaN stays NaN."""
        variables = self.variables
        _refuse_uneven_batches(natural, variables)
        vectors = self.evaluators.metadata.layout().join(natural)
        flat = vectors.reshape(-1, vectors.shape[-1])
        moved = self.evaluators.engine("unconstrained").at(flat)
        arrays = [moved[v.name].reshape(len(flat), -1) for v in variables]
        for v, array in zip(variables, arrays, strict=True):
            if is_simplex(v):  # ln 0 − mean of ln w
                shares = natural[v.name].reshape(len(flat), -1, v.shape[-1])
                array[np.isnan(array) & (shares[..., :-1] == 0).reshape(array.shape)] = -np.inf
        return np.concatenate(arrays, axis=1).reshape((*vectors.shape[:-1], self.size))

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

    def complete(self, point: Point, name: str = "the point") -> dict[str, Array]:
        """Return `point` on the natural scale, with names, shapes and numbers checked; a refusal calls it `name`."""
        arrays = self._arrays(point, name)
        for v in self.variables:
            if arrays[v.name].ndim == len(v.shape) and np.isnan(arrays[v.name]).any():
                raise ValueError(
                    f"Expected a value for every element of {v.name} in {name}, got NaN: give a number for each."
                )
        return arrays

    def _arrays(self, point: Point, name: str = "the point") -> dict[str, Array]:
        """Return `point` on the natural scale, with its names and shapes checked."""
        if not isinstance(point, Mapping):
            raise wrong_type(f"{name} to be a mapping or a Dataset", point, "give a value for every parameter by name")
        variables = self.variables  # read once: each time it is asked whether the model has changed
        on_values = [v for v in variables if v.name not in point and v.value_name in point]
        missing = [v.name for v in variables if v.name not in point and v not in on_values]
        if missing:
            raise ValueError(
                f"Expected a value for every free variable, got none for {', '.join(missing)}: "
                f"{name} has {closest(missing[0], map(str, point)) or 'none'}."
            )
        if len(point) > len(variables):
            self._refuse_unknown(point, name)
        checked = {v.name: _checked(v, point[v.name], name) for v in variables if v not in on_values}
        if not on_values:
            return checked
        theta = self.pack({**self.initial_point(), **checked})
        for v in on_values:
            value = checked_array(f"{v.value_name} in {name}", point[v.value_name])
            if value.shape != v.value_shape:
                raise ValueError(
                    f"Expected {v.value_name} of shape {v.value_shape}, got {value.shape}: is {name} another model's?"
                )
            theta[..., self.layout(self.names).slices[v.name]] = value.ravel()
        return {**self.unpack(theta), **checked}

    def _refuse_unknown(self, point: Point, where: str) -> None:
        """Refuse names that the model does not have; those of Deterministics and of data come with draws."""
        known = list(dict.fromkeys(name for v in self.variables for name in (v.name, v.value_name)))
        for name in map(str, point):
            if name not in known and name not in self.model.named_vars:
                raise unknown_name(f"parameters of the model in {where}", name, known)

    def _at(self, theta: ArrayLike, kind: Kind, **shapes: tuple[int, ...]) -> dict[str, Array]:
        """Evaluate the outputs of one kind of engine for `theta` with any leading dims; `shapes` are one point's."""
        vectors = checked_array("theta", theta)
        engine = self.evaluators.engine(kind, self.evaluators.metadata.names)
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


def _checked(variable: FreeVariable, value: ArrayLike, name: str) -> Array:
    """Return a value as an array of the variable's shape; labelled values are read by label, in any order."""
    if isinstance(value, xr.DataArray) and set(variable.dims) == set(value.dims) <= set(value.coords):
        labels = dict(zip(variable.dims, variable.coords, strict=True))
        objects = {dim: text_labels(value.indexes[dim]) for dim in value.dims if value[dim].dtype.kind == "O"}
        value = value.assign_coords(objects)
        moved = {dim: along for dim, along in labels.items() if not value.indexes[dim].equals(pd.Index(along))}
        value = (value.reindex(moved) if moved else value).transpose(*variable.dims).values
    array = checked_array(f"{variable.name} in {name}", value)
    if variable.discrete and (fractions := array[array % 1 != 0]).size:
        raise ValueError(f"Expected whole numbers for the integer {variable.name}, got {fractions.flat[0]:g}.")
    n = len(variable.shape)
    if array.ndim < n or array.shape[array.ndim - n :] != variable.shape:
        raise ValueError(
            f"Expected {variable.name} of shape {variable.shape}, got {array.shape}: is {name} another model's?"
        )
    return array
