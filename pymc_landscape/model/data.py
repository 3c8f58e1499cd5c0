"""Other data in a model's graphs: shared variables that stand for its own, so that new values need no compile."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Self

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
from numpy.typing import ArrayLike

from pymc_landscape._typing import Array, Graph
from pymc_landscape.model.metadata import ModelMetadata, shared_data
from pymc_landscape.results import closest


class DataSwaps(ModelMetadata):
    """A model with some of its data replaced.

    Parameters
    ----------
    model : pm.Model
        The model; it is left alone.
    latent : tuple of str
        As in :class:`~pymc_landscape.model.metadata.ModelMetadata`.
    """

    def __init__(self, model: pm.Model, latent: tuple[str, ...] = ()):
        super().__init__(model, latent)
        self._data: dict[str, Array] = {}

    @property
    def swaps(self) -> dict[Graph, Graph]:
        """Data of the model that are replaced, with what stands for them in its graphs."""
        return {self._variable(name): self._swap(name) for name in self._data}

    def use_data(self) -> None:
        """Leave the engines with this model's data: they are shared by twins with other data."""
        for name, value in self._data.items():
            self._swap(name).set_value(value, borrow=True)

    def with_data(self, data: Mapping[str, ArrayLike]) -> Self:
        """Return the same with other values for observed variables or ``pm.Data``."""
        twin = copy(self)
        twin._data = dict(self._data)
        for name, new in data.items():
            old = np.shape(self._swap(name).get_value(borrow=True))
            if np.shape(new) != old:
                raise ValueError(f"Expected {name} of shape {old}, got {np.shape(new)}.")
            twin._data[name] = _without_loss(name, np.asarray(new), self._swap(name).type.dtype)
        return twin

    def _variable(self, name: str) -> Graph:
        """Return the variable in the model's graphs that holds the data `name`."""
        observed = {rv.name: self.model.rvs_to_values[rv] for rv in self.model.observed_RVs}
        known = {**{d.name: d for d in shared_data(self.model)}, **observed}
        if name not in known:
            raise ValueError(f"Expected data of the model, got {name!r}: it has {closest(name, known)}.")
        return known[name]

    def _swap(self, name: str) -> Graph:
        """Return the shared variable that stands for the data `name` in graphs with other data."""
        old = self._variable(name)
        key = ("swap", old)
        if key not in self._store:
            now = pt.as_tensor(old, allow_xtensor_conversion=True).eval()
            self._store[key] = pytensor.shared(now, name=f"{name}_swap", shape=old.type.shape)
        return self._store[key]


def _without_loss(name: str, new: Array, dtype: str) -> Array:
    cast = new.astype(dtype)
    if np.dtype(dtype).kind in "iub" and (cast != new).any():
        raise ValueError(f"Expected whole numbers for {name}, got {new[cast != new].flat[0]}.")
    return cast
