"""What an interval is about: one element of a parameter or of a Deterministic, or a combination of several.

A quantity ψ is evaluated at a point of a :class:`~pymc_landscape.objective.restricted.RestrictedObjective` as a
*coordinate* with gradient and Hessian over its free elements. Where a transform moves one element alone, the coordinate
is that element on the objective's own scale, a straight line; else it is ψ itself. Levels of −2LL are the same on
either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array, VarNames
from pymc_landscape.arguments import checked_mapping, checked_names, checked_number, refused, unknown_name
from pymc_landscape.objective import (
    ARITHMETIC_ERRORS,
    BoundElement,
    FreeVariable,
    Objective,
    RestrictedObjective,
    is_simplex,
)
from pymc_landscape.results import refuse_doubled_labels


@dataclass(frozen=True)
class Derivatives:
    """A coordinate at a point: its value, gradient (m,) and Hessian (m, m) over the free elements."""

    value: float
    gradient: Array
    hessian: Array


# The ends of an interval.
BOUNDS = ("lower", "upper")


@dataclass(frozen=True)
class Quantity:
    """One number that the model has at every point.

    Parameters
    ----------
    label : str
        As ArviZ writes it.
    weights : array (n,)
        By which it is a sum of all elements of free variables and Deterministics.
    element : tuple of FreeVariable and int, or None
        The variable and the place in it, where the quantity is one element that is transformed by itself.
    share : tuple of FreeVariable and int, or None
        The same where it is a share of a simplex.
    """

    label: str
    weights: Array
    element: tuple[FreeVariable, int] | None = None
    share: tuple[FreeVariable, int] | None = None

    @property
    def own(self) -> BoundElement | None:
        """The element that has a bound of its own, if it is one."""
        place = self.element or self.share
        return (place[0].name, place[1]) if place else None

    @property
    def bounds(self) -> tuple[float, float]:
        """Limits of the support; infinite for a combination."""
        place = self.element or self.share
        return place[0].limits(place[1]) if place else (-np.inf, np.inf)

    def position(self, restricted: RestrictedObjective) -> int:
        """Return the position of the element in the whole vector of `restricted`."""
        assert self.element is not None
        variable, i = self.element
        return int(restricted.layout.slices[variable.name].start + i)

    def natural(self, restricted: RestrictedObjective, x: Array) -> float:
        """Return ψ at x, natural."""
        if self.element is not None and self.element[0].transform is None:
            return float(restricted.full(x)[self.position(restricted)])
        if self.element is not None:
            variable, i = self.element
            return float(np.ravel(restricted.natural_point(x)[variable.name])[i])
        return float(self._combination(restricted, x)[0])

    def evaluate(self, restricted: RestrictedObjective, x: Array) -> Derivatives:
        """Return the coordinate at x with its derivatives."""
        m = len(x)
        if self.element is None:
            value, gradient, hessian = self._combination(restricted, x)
            size = restricted.layout.size
            return Derivatives(
                float(value), restricted.reduced(gradient), restricted.reduced_hessian(hessian.reshape(size, size))
            )
        position, is_whole = self.position(restricted), not restricted.fixed and restricted.coordinates is None
        value, unit = (x if is_whole else restricted.full(x))[position], (restricted.free == position).astype(float)
        return Derivatives(float(value), unit, np.zeros((m, m)))

    def rate(self, restricted: RestrictedObjective, x: Array) -> float:
        """Return the change of ψ for a change of the coordinate."""
        if self.element is None or self.element[0].transform is None or self.element[0].name in restricted.natural:
            return 1.0
        full = restricted.full(x)
        jacobian = restricted.engine("natural_jacobian").one(full)[0]
        return float(
            jacobian.reshape(len(full), -1)[self.position(restricted)] @ self.weights[: self._n_natural(restricted)]
        )

    def sign(self, restricted: RestrictedObjective, x: Array) -> float:
        """Return 1 where ψ rises with the coordinate, -1 where it falls (below an upper limit only)."""
        return 1.0 if self.rate(restricted, x) >= 0 else -1.0

    def _n_natural(self, restricted: RestrictedObjective) -> int:
        return sum(int(np.prod(v.shape)) for v in restricted.objective.variables)

    def _combination(self, restricted: RestrictedObjective, x: Array) -> list[Array]:
        engine, full = restricted.engine("combination"), restricted.full(x)
        try:
            return engine.one(np.concatenate([full, self.weights]))
        except (*ARITHMETIC_ERRORS, ValueError):  # a check that another Deterministic makes of its parameters
            return [np.array(np.nan), np.full(len(full), np.nan), np.full(len(full) ** 2, np.nan)]


def find_quantities(objective: Objective, var_names: VarNames | None) -> list[Quantity]:
    """Turn what the user named into quantities.

    Parameters
    ----------
    objective : Objective
        Of which model.
    var_names : str, sequence of str, mapping of str to mapping, or None
        Variables (all their elements), elements, Deterministics; left out, every element of every free variable. A
        mapping names linear combinations: ``{"difference": {"beta[a]": 1, "beta[b]": -1}}``.

    Returns
    -------
    list of Quantity
        In the order asked for.

    Raises
    ------
    ValueError
        If a name is not known.
    """
    labels = objective.quantity_labels
    if isinstance(var_names, Mapping):
        if not var_names:
            raise ValueError("Expected var_names to name one combination or more, got {}: leave it out for all.")
        return [_combination(labels, str(name), weights_by_label) for name, weights_by_label in var_names.items()]
    if var_names is not None:
        return _named(objective, var_names, labels)
    known = _EVERY.get(objective)
    if known is None or known[0] is not labels:  # these are others where the model has changed
        known = labels, tuple(_named(objective, None, labels))
        if len(known[1]) * len(labels) <= FEW_WEIGHTS:
            _EVERY[objective] = known
    return list(known[1])


# Of each objective its labels and the quantities that every other call asks for, which are all of them; where they have
# no more weights than this.
FEW_WEIGHTS = 100_000
_EVERY: WeakKeyDictionary[Objective, tuple[tuple[str, ...], tuple[Quantity, ...]]] = WeakKeyDictionary()


def _named(objective: Objective, var_names: str | Sequence[str] | None, labels: tuple[str, ...]) -> list[Quantity]:
    """Return elements and Deterministics by name."""
    elements, shares = _elements(objective), _shares(objective)
    asked = _asked(var_names, elements)
    for name in asked:
        objective.fixed_effects.refuse_name(name)
    chosen = [label for name in asked for label in _labels_of(name, labels)]
    return [
        Quantity(label, _unit(labels, label), elements.get(label), shares.get(label)) for label in dict.fromkeys(chosen)
    ]


def _asked(var_names: str | Sequence[str] | None, elements: Mapping[str, Any]) -> list[str]:
    if var_names is None:
        return list(elements)
    return checked_names("var_names", var_names, of="parameters or Deterministics of the model")


def _labels_of(name: str, labels: Sequence[str]) -> list[str]:
    """Return the label itself, or those of all elements of the variable of that name."""
    matches = [label for label in labels if label == name] or [lab for lab in labels if lab.startswith(f"{name}[")]
    if not matches:
        known = list(dict.fromkeys([*labels, *(label.split("[")[0] for label in labels)]))
        raise unknown_name("parameters or Deterministics of the model in var_names", name, known)
    refuse_doubled_labels(matches)
    return matches


def _unit(labels: Sequence[str], label: str) -> Array:
    return np.array([float(other == label) for other in labels])


def _combination(labels: Sequence[str], name: str, weights_by_label: Mapping[str, float]) -> Quantity:
    checked_mapping(f"var_names[{name!r}]", weights_by_label, example="{'beta[a]': 1, 'beta[b]': -1}")
    weights, advice = np.zeros(len(labels)), "give each element its weight, 1 or -1 for a difference"
    for label, given in weights_by_label.items():
        weight = checked_number(f"the weight of {label!r} in var_names[{name!r}]", given, advice=advice)
        (single, *further) = _labels_of(label, labels)
        if further:
            raise ValueError(
                f"Expected single elements in {name!r}, got the array {label!r}: use {single} in var_names."
            )
        weights = weights + weight * _unit(labels, single)
    if not weights.any():
        raise refused(f"weights that are not all 0 in var_names[{name!r}]", weights_by_label, advice, by_type=False)
    return Quantity(name, weights)


def _elements(objective: Objective) -> dict[str, tuple[FreeVariable, int] | None]:
    """Return every element of a free variable by label, with its place where it is transformed by itself."""
    return {
        label: (v, i) if v.is_independent else None for v in objective.variables for i, label in enumerate(v.labels)
    }


def _shares(objective: Objective) -> dict[str, tuple[FreeVariable, int]]:
    """Return every share of a simplex by label, with its place."""
    simplexes = [v for v in objective.variables if is_simplex(v)]
    return {label: (v, i) for v in simplexes for i, label in enumerate(v.labels)}
