"""What a model was made of at one moment, so that a later change of it is noticed and can be said in words."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any
from weakref import ref

import numpy as np
import pymc as pm
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Constant
from pytensor.graph.traversal import ancestors

from pymc_landscape._typing import Array, Graph
from pymc_landscape.engine import name_of_graphs

# Data of no more bytes are read whenever it is asked whether they are what they were; of others it is seen whether
# they have been replaced, and they are read where that matters.
FEW_BYTES = 2**15
# So many changes are named.
MOST_WORDS = 3


class Fingerprint:
    """The data, terms, free variables, transforms, potentials and coordinates of a model, as they are now.

    Parameters
    ----------
    model : pm.Model
        It is not kept, but its variables are.
    used : mapping of Graph to str, optional
        What :func:`data_in_use` gives of it, where that is known.

    Attributes
    ----------
    coords : dict
        Labels by dim.
    """

    def __init__(self, model: pm.Model, used: Mapping[Graph, str] | None = None):
        self.structure = structure(model)
        self._names = dict(data_in_use(model) if used is None else used)
        self._data = {variable: Contents(value_of(variable)) for variable in self._names}
        self._observed = tuple([(rv, model.rvs_to_values[rv]) for rv in model.observed_RVs])
        self.coords, self._lengths = dict(model._coords), dim_lengths(model)

    def changes(
        self, model: pm.Model, *, replaced: Collection[Graph] = (), is_thorough: bool = False
    ) -> tuple[str, ...]:
        """Return what has changed since, in words; nothing where all is as it was, or has been set back.

        What was added and is not part of the density (a Deterministic, other ``pm.Data``, another coordinate) is no
        change.

        Parameters
        ----------
        model : pm.Model
            The model as it is now.
        replaced : collection of Graph
            Data of the model that whoever asks has replaced by others.
        is_thorough : bool
            Whether large data are read too that have been changed in place, if at all.
        """
        words = structural_changes(self.structure, model)
        values, coords = model.rvs_to_values, model._coords
        for rv, value in self._observed:
            if values.get(rv, value) is not value and value not in replaced:
                words.append(f"the data {rv.name!r} were changed")
        for variable, contents in self._data.items():
            if variable not in replaced and not contents.are(value_of(variable), is_thorough):
                words.append(f"the data {self._names[variable]!r} were changed")
        for name, labels in self.coords.items():
            if (own := coords.get(name)) is not labels and labels_in_words(own) != labels_in_words(labels):
                words.append(f"the coordinates {name!r} were changed")
        now = model._dim_lengths
        for name, length in self._lengths.items():
            if name not in now or _length(now[name]) != length:
                words.append(f"the length of the dim {name!r} was changed")
        return tuple(words)


class Contents:
    """Which array it was, and what was in it; the array itself is not kept.

    Parameters
    ----------
    values : array or sparse matrix
        Numbers.
    """

    _array: Any

    def __init__(self, values: Any):
        self._array, self._shape, self._sum = ref(values), np.shape(values), checksum(values)

    def are_of(self, values: Any) -> bool:
        """Whether it is the same array, whatever is in it now."""
        return self._array() is values

    def are(self, values: Any, is_thorough: bool) -> bool:
        """Whether an array has these contents."""
        is_same = self._array() is values
        if is_same and not is_thorough and getattr(values, "nbytes", FEW_BYTES) > FEW_BYTES:
            return True
        if np.shape(values) != self._shape or checksum(values) != self._sum:
            return False
        if not is_same:
            self._array = ref(values)
        return True

    def __getstate__(self) -> tuple[tuple[int, ...], int]:
        return self._shape, self._sum

    def __setstate__(self, state: tuple[tuple[int, ...], int]) -> None:
        self._array = lambda: None  # another process has another array
        self._shape, self._sum = state


Structure = tuple[tuple[Graph, ...], tuple[Graph, ...], tuple[Graph, ...], tuple[Any, ...]]


def structure(model: pm.Model) -> Structure:
    """Return the variables that the density is made of: terms, free variables, potentials; and the transforms."""
    free, transforms = tuple(model.free_RVs), model.rvs_to_transforms
    return tuple(model.observed_RVs), free, tuple(model.potentials), tuple([transforms.get(v) for v in free])


def structural_changes(before: Structure, model: pm.Model) -> list[str]:
    """Return in words how the `structure` of a model differs from what it was."""
    now = structure(model)
    if now == before:  # variables are equal where they are the same
        return []
    words = list[str]()
    for kind, old, new in zip(("observed term", "free variable", "potential"), before, now, strict=False):
        names, own = [v.name for v in old], [v.name for v in new]
        words += [f"the {kind} {name!r} was added" for name in own if name not in names]
        words += [f"the {kind} {name!r} was taken away" for name in names if name not in own]
        words += [f"the {kind} {v.name!r} was replaced" for v in old if v.name in own and v not in new]
    transforms = dict(zip(now[1], now[3], strict=True))
    pairs = zip(before[1], before[3], strict=True)
    words += [f"the transform of {v.name!r} was changed" for v, old in pairs if transforms.get(v, old) != old]
    return words or ["the order of its variables was changed"]


def listed(changes: Sequence[str]) -> str:
    """Return changes as part of a sentence; of many, the first."""
    return " and ".join([*changes[:MOST_WORDS], *(["more"] if len(changes) > MOST_WORDS else [])])


def data_by_name(model: pm.Model) -> dict[str, Graph]:
    """Return the variables that hold data: ``pm.Data`` by their names, observed constants by those of their terms."""
    own = {d.name: d for d in model.data_vars if isinstance(d, SharedVariable)}
    observed = {rv.name: model.rvs_to_values[rv] for rv in model.observed_RVs}
    return {**own, **{name: v for name, v in observed.items() if isinstance(v, Constant)}}


def data_in_use(model: pm.Model) -> dict[Graph, str]:
    """Return the variables that hold data on which the density or a Deterministic depends, with their names."""
    used = _used(model, model.deterministics)
    return {variable: name for name, variable in data_by_name(model).items() if variable in used}


def value_of(variable: Graph) -> Any:
    """Return the numbers of a variable that holds data, without a copy."""
    return variable.data if isinstance(variable, Constant) else variable.get_value(borrow=True)


def model_digest(model: pm.Model, quantities: Collection[str] = (), replaced: Mapping[str, Array] | None = None) -> str:
    """Return a name for a model and its data that is the same in another process.

    Two of one name have the same variables, shapes, transforms, coordinates, data and graphs. An Op of the user's
    own, or one that holds a function, is known by its class: such models may differ in what it computes.

    Parameters
    ----------
    model : pm.Model
        The model.
    quantities : collection of str
        Names of the Deterministics whose definitions belong to it.
    replaced : mapping of str to array, optional
        Data that stand in the place of the model's own, by name of an observed variable or of ``pm.Data``.
    """
    terms, free, potentials = model.observed_RVs, model.free_RVs, model.potentials
    derived = [d for d in model.deterministics if d.name in quantities]
    graphs = [*free, *terms, *potentials, *derived]
    transforms = [_transform_in_words(model.rvs_to_transforms.get(v)) for v in free]
    digest = blake2b(digest_size=16)
    digest.update(repr([[v.name for v in group] for group in (free, terms, potentials, derived)]).encode())
    digest.update(repr((transforms, [_static(v) for v in graphs], sorted(dim_lengths(model).items()))).encode())
    digest.update(repr(sorted((n, labels_in_words(c)) for n, c in model._coords.items())).encode())
    digest.update(repr({v.name: model.named_vars_to_dims.get(v.name) for v in graphs}).encode())
    other, used = replaced or {}, _used(model, derived)
    for name, variable in sorted(data_by_name(model).items()):
        if variable in used:
            digest.update(repr((name, in_words(other.get(name, value_of(variable))))).encode())
    digest.update(repr(name_of_graphs(graphs)).encode())
    return digest.hexdigest()


def in_words(values: Any) -> tuple[Any, ...]:
    """Return kind, shape and contents of an array, the same on every machine: 0 and −0 are one, and so are all NaN."""
    if hasattr(values, "indptr"):  # sparse
        return values.shape, *(in_words(part) for part in (values.data, values.indices, values.indptr))
    array = np.asarray(values)
    if array.dtype.kind not in "biufc":
        return "labels", array.shape, labels_in_words(array.ravel().tolist())
    array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    if array.dtype.kind in "fc":
        array = np.where(np.isnan(array), array.dtype.type(np.nan), array + array.dtype.type(0))
    return array.dtype.str, array.shape, blake2b(array.tobytes(), digest_size=16).hexdigest()


def checksum(values: Any) -> int:
    """Return a number for the contents of an array."""
    if hasattr(values, "indptr"):  # sparse
        return hash(tuple(map(checksum, (values.data, values.indices, values.indptr))))
    array = np.ascontiguousarray(values)
    if array.dtype.hasobject:
        return hash(labels_in_words(array.ravel().tolist()))
    return zlib.crc32(array.reshape(-1).view(np.uint8))


def _used(model: pm.Model, derived: Iterable[Graph]) -> set[Graph]:
    """Return all that the density and Deterministics are computed from."""
    return set(ancestors([*model.basic_RVs, *model.potentials, *derived, *model.rvs_to_values.values()]))


def dim_lengths(model: pm.Model) -> dict[str, int]:
    """Return the length of each dim that is a number by itself."""
    variables = model._dim_lengths
    return {name: length for name, v in variables.items() if (length := _length(v)) is not None}


def _length(variable: Graph) -> int | None:
    """Return the length of a dim; None where it is that of other data."""
    return int(value_of(variable)) if isinstance(variable, Constant | SharedVariable) else None


def labels_in_words(labels: Iterable[Any] | None) -> tuple[str, ...] | None:
    """Return labels as text with their kinds, so that 1 and "1" are two and 1 of NumPy and of Python are one."""
    if labels is None:
        return None
    return tuple(_label(v.item() if isinstance(v, np.generic) and v.dtype.kind in "biufcSU" else v) for v in labels)


def _label(value: Any) -> str:
    if isinstance(value, str | int | float | complex | bytes):
        return repr(value)
    return f"{type(value).__module__}.{type(value).__qualname__} {value}"


def _static(variable: Graph) -> tuple[str, str]:
    return str(getattr(variable.type, "dtype", "")), str(getattr(variable.type, "shape", ""))


def _transform_in_words(transform: Any) -> str:
    return "" if transform is None else f"{type(transform).__qualname__} {getattr(transform, 'name', '')}"
