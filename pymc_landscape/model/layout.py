"""Names for the elements of a flat vector: the position of each element of each free variable, and its label.

Two scales meet here. A free variable has a *natural* value (a standard deviation, a weight) and, where PyMC
transforms it, an *unconstrained* one under its value-variable name (``sigma_log__``). A :class:`Layout` says for each
variable which of the two a vector holds. Everything is looked up by name: model surgery may reorder variables.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array


@dataclass(frozen=True)
class FreeVariable:
    """A free variable of a model: its names, shapes and the labels along its dims.

    Parameters
    ----------
    name, value_name : str
        Name of the variable and of its unconstrained value (the same where PyMC has no transform for it).
    shape, value_shape : tuple of int
        Shapes on the natural and on the unconstrained scale.
    dims : tuple of str
        One name for each axis of `shape`.
    coords : tuple of arrays
        Labels along each dim.
    discrete : bool
        Whether it holds integers.
    transform : str or None
        Name of PyMC's transform.
    elementwise : bool
        Whether each element is transformed by itself (a simplex is not).
    named_by_value : bool
        Whether elements of parameter vectors are labelled by the value variable: those of a simplex, or of a Cholesky
        factor.
    low, high : array (n,)
        Limits of the support of each element of the natural array, where they are the same numbers for all points,
        else infinite.
    leans : bool
        Whether a limit of the support depends on other free variables.
    """

    name: str
    value_name: str
    shape: tuple[int, ...]
    value_shape: tuple[int, ...]
    dims: tuple[str, ...]
    coords: tuple[NDArray[np.generic], ...]
    discrete: bool
    transform: str | None
    elementwise: bool
    named_by_value: bool
    low: Array
    high: Array
    leans: bool = False

    def limits(self, i: int) -> tuple[float, float]:
        """Return the limits of the support of element i."""
        return float(self.low[i]), float(self.high[i])

    @cached_property
    def bounded(self) -> NDArray[np.bool_]:
        """Whether the support of each element ends somewhere."""
        return np.isfinite(self.low) | np.isfinite(self.high)

    def inside(self, value: Array) -> Array:
        """Return `value` with elements outside the support put inside it.

        PyMC keeps small whole numbers in a byte: the middle of ``pm.Uniform(35, 105)`` is -58 there.
        """
        low, high = self.low.reshape(self.shape), self.high.reshape(self.shape)
        with np.errstate(invalid="ignore"):
            middle, one_limit = (low + high) / 2, np.where(low > -np.inf, low + 1, np.minimum(high - 1, 0.0))
        spare = np.where(np.isfinite(middle), middle, one_limit)
        return np.where((value >= low) & (value <= high), value, spare)

    @property
    def is_independent(self) -> bool:
        """Whether each element depends on its own value alone, not on others through the limits of the support."""
        fixed = bool(self.bounded.all()) or self.named_by_value
        return self.elementwise and (self.transform is None or (fixed and not self.leans))

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Element labels on the natural scale, as ArviZ writes them: ``beta[x1]``."""
        return element_labels(self.name, self.coords)

    @cached_property
    def value_labels(self) -> tuple[str, ...]:
        """Element labels on the unconstrained scale: ``w_simplex__[0]``."""
        same = self.value_shape == self.shape
        coords = self.coords if same else tuple(np.arange(n) for n in self.value_shape)
        return element_labels(self.value_name, coords)


def element_labels(name: str, coords: Iterable[NDArray[np.generic]]) -> tuple[str, ...]:
    """Label the elements of an array variable as ArviZ does.

    Parameters
    ----------
    name : str
        Name of the variable.
    coords : iterable of arrays
        The labels along each of its axes; none for a scalar.

    Returns
    -------
    tuple of str
        One label an element, the last axis fastest.

    Examples
    --------
    >>> element_labels("beta", [np.array(["x1", "x2"])])
    ('beta[x1]', 'beta[x2]')
    >>> element_labels("sigma", [])
    ('sigma',)
    """
    axes = [[str(label) for label in _one_unit(axis)] for axis in coords]
    return tuple(f"{name}[{', '.join(at)}]" if at else name for at in product(*axes))


def _one_unit(axis: NDArray[np.generic]) -> NDArray[np.generic]:
    """Write dates and durations in nanoseconds: the unit in which they are kept changes on the way through a file."""
    return axis.astype(f"{axis.dtype.kind}8[ns]") if axis.dtype.kind in "mM" else axis


class Layout:
    """The order of elements in a flat vector.

    Parameters
    ----------
    variables : iterable of FreeVariable
        The free variables, in order.
    unconstrained : collection of str
        Names of those that stand on their unconstrained scale.
    """

    def __init__(self, variables: Iterable[FreeVariable], unconstrained: Collection[str] = ()):
        self.variables = tuple(variables)
        self.unconstrained = frozenset(unconstrained)
        self._by_name = {v.name: v for v in self.variables}
        offsets = np.cumsum([0, *(int(np.prod(self.shape(v))) for v in self.variables)])
        self.size = int(offsets[-1])
        self.slices = {
            v.name: slice(int(a), int(b)) for v, a, b in zip(self.variables, offsets[:-1], offsets[1:], strict=True)
        }

    def __getitem__(self, name: str) -> FreeVariable:
        """Return a variable by name."""
        return self._by_name[name]

    def shape(self, variable: FreeVariable) -> tuple[int, ...]:
        """Shape of `variable` on the scale that it has in this layout."""
        return variable.value_shape if variable.name in self.unconstrained else variable.shape

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """One label an element of the vector."""
        return tuple(
            label for v in self.variables for label in (v.value_labels if v.name in self.unconstrained else v.labels)
        )

    @cached_property
    def transformed(self) -> NDArray[np.bool_]:
        """Which elements of the vector stand on an unconstrained scale to which a transform leads."""
        each = (np.full(self.shape(v), bool(v.transform) and v.name in self.unconstrained) for v in self.variables)
        return np.concatenate([np.zeros(0, bool), *map(np.ravel, each)])

    def join(self, values: Mapping[str, ArrayLike]) -> Array:
        """Ravel named arrays of shape (..., *shape) into vectors of shape (..., size)."""
        arrays = []
        for v in self.variables:
            value, shape = np.asarray(values[v.name], dtype=float), self.shape(v)
            arrays.append(value.reshape(*value.shape[: value.ndim - len(shape)], self._size(v)))
        return np.concatenate(arrays, axis=-1) if arrays else np.zeros(0)

    def split(self, vectors: ArrayLike) -> dict[str, Array]:
        """Cut vectors of shape (..., size) into named arrays of shape (..., *shape)."""
        flat = np.asarray(vectors, dtype=float)
        return {
            v.name: flat[..., self.slices[v.name]].reshape((*flat.shape[:-1], *self.shape(v))) for v in self.variables
        }

    def _size(self, variable: FreeVariable) -> int:
        where = self.slices[variable.name]
        return where.stop - where.start


@dataclass(frozen=True)
class Element:
    """One element of one free variable, on one of its two scales."""

    variable: FreeVariable
    index: int
    unconstrained: bool


def find_elements(variables: Iterable[FreeVariable]) -> dict[str, Element]:
    """Return every label a model knows with the element it names.

    Where coordinates are words, the position of an element names it too (``beta[0]``); where two labels are the same,
    the natural scale and the coordinates win.
    """
    elements_by_label: dict[str, Element] = {}
    variables = tuple(variables)
    worded = [v for v in variables if all(axis.dtype.kind not in "iuf" for axis in v.coords)]
    by_priority = [
        *(_elements(v, v.labels, unconstrained=False) for v in variables),
        *(_elements(v, v.value_labels, unconstrained=True) for v in variables if v.transform),
        *(_elements(v, _positions(v), unconstrained=False) for v in worded),
    ]
    for labelled in by_priority:
        for label, element in labelled.items():
            elements_by_label.setdefault(label, element)
    return elements_by_label


def _positions(variable: FreeVariable) -> tuple[str, ...]:
    return element_labels(variable.name, [np.arange(n) for n in variable.shape])


def _elements(variable: FreeVariable, labels: Iterable[str], unconstrained: bool) -> dict[str, Element]:
    return {label: Element(variable, i, unconstrained) for i, label in enumerate(labels)}
