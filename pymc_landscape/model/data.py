"""Other data in a model's graphs: shared variables that stand for its own, so that new values need no compile."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from numpy.typing import ArrayLike
from pytensor.graph.traversal import ancestors

from pymc_landscape._typing import Array, Graph
from pymc_landscape.arguments import unknown_name
from pymc_landscape.engine import evaluated as op_by_op
from pymc_landscape.model.fingerprint import in_words
from pymc_landscape.model.metadata import ModelMetadata, shared_data
from pymc_landscape.numerics import ThreadCell


class DataSwaps:
    """The data of a model that are replaced; the model is left alone.

    Parameters
    ----------
    metadata : ModelMetadata
        Of the model.
    values : mapping of str to array, optional
        New values by name of an observed variable or of ``pm.Data``.

    Attributes
    ----------
    variables : frozenset of Graph
        The model's own that are replaced.
    """

    def __init__(self, metadata: ModelMetadata, values: Mapping[str, Array] | None = None):
        self.metadata, self.model = metadata, metadata.model
        self._values = dict(values or {})
        self.variables = frozenset(map(self.variable, self._values))

    @property
    def names(self) -> frozenset[str]:
        """Names of the data that are replaced."""
        return frozenset(self._values)

    @property
    def values(self) -> dict[str, Array]:
        """The data that are replaced, by name."""
        return dict(self._values)

    @property
    def swaps(self) -> dict[Graph, Graph]:
        """Data of the model that are replaced, with what stands for them in its graphs."""
        return {self.variable(name): self._swap(name) for name in self._values}

    def containers(self, names: Sequence[str]) -> tuple[Graph, ...]:
        """Return the shared variables that stand for data in graphs with other data."""
        return tuple(self._swap(name) for name in names)

    def value(self, name: str) -> Array:
        """Return the data `name` as they are now, replaced or not."""
        return self._values[name] if name in self._values else evaluated(self.variable(name))

    def integers(self) -> tuple[tuple[str, bytes], ...]:
        """Return the whole numbers among ``pm.Data``, which may say which observation belongs to what."""
        now = {d.name: self._values.get(d.name, d.get_value(borrow=True)) for d in shared_data(self.model)}
        return tuple((name, value.tobytes()) for name, value in now.items() if np.asarray(value).dtype.kind in "iub")

    def own(self) -> list[Any]:
        """Return the values of ``pm.Data`` that are not replaced, without a copy."""
        return [d.get_value(borrow=True) for d in shared_data(self.model) if d.name not in self._values]

    def explanatory(self) -> Hashable:
        """Return what stands for the contents of ``pm.Data`` that are not observed, replaced or not."""
        data = self.metadata.read("explanatory", self._find_explanatory)
        return tuple((d.name, in_words(self._values.get(d.name, d.get_value(borrow=True)))) for d in data)

    def _find_explanatory(self) -> list[Graph]:
        observed = set(ancestors([self.model.rvs_to_values[rv] for rv in self.model.observed_RVs]))
        return [d for d in shared_data(self.model) if d not in observed]

    def use_data(self) -> None:
        """Leave the engines with these data, in this thread: they are shared by all that have other data."""
        for name, value in self._values.items():
            self._swap(name).set_value(value, borrow=True)

    def with_data(self, data: Mapping[str, ArrayLike]) -> DataSwaps:
        """Return the same with other values for observed variables or ``pm.Data``."""
        values = dict(self._values)
        for name, new in data.items():
            old = np.shape(self._swap(name).get_value(borrow=True))
            if np.shape(new) != old:
                raise ValueError(f"Expected {name} of shape {old}, got {np.shape(new)}: give as many as there were.")
            values[name] = _without_loss(name, np.asarray(new), self._swap(name).type.dtype)
        return DataSwaps(self.metadata, values)

    def variable(self, name: str) -> Graph:
        """Return the variable in the model's graphs that holds the data `name`."""
        observed = {rv.name: self.model.rvs_to_values[rv] for rv in self.model.observed_RVs}
        known = {**{d.name: d for d in shared_data(self.model)}, **observed}
        if name not in known:
            raise unknown_name("data of the model", name, known, "it has")
        return known[name]

    def _swap(self, name: str) -> Graph:
        """Return the shared variable that stands for the data `name` in graphs with other data."""
        old = self.variable(name)

        def container() -> Graph:
            return argument(pytensor.shared(evaluated(old), name=f"{name}_swap", shape=old.type.shape))

        return self.metadata.keep(("swap", old), container)


def evaluated(variable: Graph) -> Array:
    """Return the value of a graph of data alone."""
    return op_by_op([pt.as_tensor(variable, allow_xtensor_conversion=True)])[0]


def argument(variable: Graph) -> Graph:
    """Let each thread have its own value of a shared variable, before anything is compiled of it; return it."""
    variable.container.storage = ThreadCell(variable.container.storage[0])
    return variable


@contextmanager
def held_values(values: Mapping[Graph, Any]) -> Iterator[None]:
    """Let this thread have other values of some arguments for a while.

    Parameters
    ----------
    values : mapping of Graph to array
        By shared variable, as `argument` gives it; they are not copied.
    """
    with ExitStack() as stack:
        for variable, value in values.items():
            stack.enter_context(variable.container.storage.lent())
            variable.set_value(value, borrow=True)
        yield


def _without_loss(name: str, new: Array, dtype: str) -> Array:
    cast = new.astype(dtype)
    if np.dtype(dtype).kind in "iub" and (cast != new).any():
        raise ValueError(f"Expected whole numbers for {name}, got {new[cast != new].flat[0]}.")
    return cast
