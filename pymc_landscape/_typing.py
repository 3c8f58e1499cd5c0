"""The types that many rooms speak of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pymc as pm
import xarray as xr
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
# A PyTensor variable. PyTensor's own annotations do not know that its variables can be added, summed or indexed.
Graph = Any
# A place in a model's parameter space: values by name.
Point = Mapping[str, ArrayLike]


class HasPoint(Protocol):
    """A fit, as far as a place is concerned."""

    @property
    def point(self) -> xr.Dataset:
        """The estimates, natural."""
        ...


class HasModel(Protocol):
    """What keeps a ``pm.Model``, or something that does: a CLV or MMM model, CausalPy's experiments."""

    @property
    def model(self) -> Any:
        """The model, once it was built."""
        ...


class HasBackend(Protocol):
    """What keeps something with a ``pm.Model``: a bambi model."""

    @property
    def backend(self) -> Any:
        """What has the model, once it was built."""
        ...


# A model, or an object of another package that holds one.
type ModelLike = pm.Model | HasModel | HasBackend
# The same as a user may give it: by name, as a Dataset, as the `at` of a landscape, or as a fit.
PointLike = Point | xr.Dataset | xr.DataTree | xr.DataArray | HasPoint
# Draws of a posterior by any sampler: the whole tree, or its group.
Posterior = xr.DataTree | xr.Dataset
# Variables, elements (``beta[x1]``), Deterministics; a mapping names linear combinations of them.
VarNames = str | Sequence[str] | Mapping[str, Mapping[str, float]]
# As in PyMC.
RandomSeed = int | Sequence[int] | NDArray[np.integer[Any]] | np.random.BitGenerator | np.random.Generator
# Where searches begin: "auto", how many places, points by name, a fit's or a mean's Dataset, vectors, a posterior.
Starts = str | int | Point | xr.Dataset | xr.DataTree | Array | Sequence[Any]
