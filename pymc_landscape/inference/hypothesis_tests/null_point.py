"""The null as a point of its alternative: which element takes which value where the alternative becomes the null.

Parameters are matched by label first. Values that the null fixes are read off its graph (``pm.do`` leaves the fixed
value under the parameter's name, a Deterministic computes it). For the rest, places are tried: 0, the bounds of the
support, a parameter of the null that has another name or shape (the scalar standard deviation of intercepts for the
first of two, or for the first element of a Cholesky factor). The right place is the one at which the alternative has
the null's −2LL, at its estimate and beside it. Where a parameter stands on another scale, as a variance for a standard
deviation, the alternative is fitted with what is left fixed at 0 or a bound, and must come to the null's minimum.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import batched, combinations, islice, permutations, product

import numpy as np

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.inference.resampling import natural_point
from pymc_landscape.objective import BoundElement, FreeVariable, Objective, RestrictedObjective
from pymc_landscape.objective.observations import known_value
from pymc_landscape.optimize import Fit, search

# Two values of −2LL are the same within this, absolute and relative to their size; two minima within this.
SAME, SAME_RELATIVE, SAME_MINIMUM = 1e-6, 1e-10, 1e-5
# More candidate points than this are not tried, nor more constrained fits; so many points are evaluated at once.
MOST_CANDIDATES, MOST_INTEGRALS, MOST_FITS, AT_ONCE = 4096, 512, 24, 64
# Stands for infinity where a density has no value there: 1 / dispersion of counts without any.
ALMOST_INFINITE = 1e13
# How far from its estimate the null is compared once more, in shares of each value.
BESIDE = 0.05


@dataclass(frozen=True)
class NullPoint:
    """Where the null lies in its alternative.

    Parameters
    ----------
    fixed : dict of str to float
        Elements of the alternative that are not free in the null, with their values; NaN where not known.
    vector : array or None
        The null in the alternative's natural layout; None where it is not known.
    assumed : str
        A sentence on what was not read off the graph.
    """

    fixed: dict[str, float]
    vector: Array | None
    assumed: str = ""


def locate(null: Fit, alternative: Fit) -> NullPoint:
    """Return the null as a point of the alternative.

    Raises
    ------
    ValueError
        If the null has a parameter that has no place in the alternative, or another likelihood where the alternative
        should be the null.
    """
    own = dict(zip(free_labels(null), _free_values(null), strict=True))
    labels = [label for v in alternative.objective.variables for label in v.labels]
    foreign = [label for label in own if label not in labels]
    known = {label: value for label, value in own.items() if label in labels}
    fixed = [label for label in labels if label not in known]
    for v in alternative.objective.variables:
        known |= _read_off(null, v, known)
    vector = np.array([known.get(label, np.nan) for label in labels])
    unknown = [i for i, label in enumerate(labels) if label not in known]
    if not unknown:
        refuse_foreign(null, alternative)
        _refuse_another_likelihood(null, alternative, vector, fixed)
        return NullPoint({label: known[label] for label in fixed}, vector)
    foreign_values = {name: own[name] for name in foreign}
    found = _Places(null, alternative, vector, unknown, foreign_values).find()
    if found is None:
        refuse_foreign(null, alternative)
        return NullPoint(dict.fromkeys(fixed, np.nan), None, _not_known([labels[i] for i in unknown]))
    held = [label for label in fixed if labels.index(label) not in found.free]
    values = ", ".join(f"{label} = {word(found.vector[labels.index(label)])}" for label in held if label not in known)
    assumed = f"The null was found in the alternative at {values}."
    if foreign:
        free = ", ".join(labels[i] for i in found.free)
        assumed += f" Its {', '.join(foreign)} {'is' if len(foreign) == 1 else 'are'} {free} there"
        assumed += "." if found.on_same_scale else ", on another scale."
    return NullPoint({label: float(found.vector[labels.index(label)]) for label in held}, found.vector, assumed)


def refuse_foreign(null: Fit, alternative: Fit) -> None:
    """Refuse a null with a parameter that the alternative does not have."""
    known = {label for v in alternative.objective.variables for label in v.labels}
    unknown = [label for label in free_labels(null) if label not in known]
    if unknown:
        raise ValueError(
            f"Expected a null whose free parameters are some of the alternative's, got {unknown[0]!r}, which the "
            f"alternative does not have: models that are not nested compare by AIC; if the parameter has another name "
            "there, rename it."
        )


@dataclass(frozen=True)
class _Found:
    """A natural vector of the alternative that is the null, and the positions of what is free in both."""

    vector: Array
    free: list[int]
    on_same_scale: bool = True


class _Places:
    """The search for the place of the null where its graph does not tell.

    Parameters
    ----------
    null, alternative : Fit
        The two fits.
    vector : array
        The null in the alternative's natural layout, NaN where it is not known.
    unknown : sequence of int
        Positions that are not known.
    foreign : dict of str to float
        Parameters of the null under labels that the alternative does not have, with their estimates.
    """

    def __init__(self, null: Fit, alternative: Fit, vector: Array, unknown: Sequence[int], foreign: dict[str, float]):
        self.null, self.alternative, self.vector = null, alternative, vector
        self.unknown, self.foreign = list(unknown), foreign
        self.bounds, self.estimate = flat_bounds(alternative), flat_estimate(alternative)
        self.owner = [v for v in alternative.objective.variables for _ in v.labels]
        self.index = [i for v in alternative.objective.variables for i in range(len(v.labels))]

    def find(self) -> _Found | None:
        """Return the null's natural vector in the alternative, and where its foreign parameters stand in it."""
        left = MOST_CANDIDATES if not self.alternative.objective.is_integral else MOST_INTEGRALS
        for places in self._places():
            rest = [i for i in self.unknown if i not in places.values()]
            base = self.vector.copy()
            base[list(places.values())] = list(self.foreign.values())
            for some in batched(islice(self._candidates(base, rest), left), AT_ONCE):
                left -= len(some)
                values = minus2ll(self.alternative.objective, np.array(some))
                for candidate, value in zip(some, values, strict=True):
                    if same(value, self.null.minus2ll) and (not places or self._agrees_beside(candidate, places)):
                        return _Found(candidate, list(places.values()))
        return self._by_fits() if self.foreign else None

    def _places(self) -> Iterator[dict[str, int]]:
        """Yield the ways in which foreign parameters may stand for elements: those of the same name first."""
        eligible = [i for i in self.unknown if self.owner[i].elementwise]
        ways = islice(permutations(eligible, len(self.foreign)), MOST_CANDIDATES)
        names = [label.split("[")[0] for label in self.foreign]
        inside = [way for way in ways if self._is_inside(way)]
        for way in sorted(
            inside, key=lambda way: sum(self.owner[i].name != n for i, n in zip(way, names, strict=True))
        ):
            yield dict(zip(self.foreign, way, strict=True))

    def _is_inside(self, way: Sequence[int]) -> bool:
        limits = [self.bounds[i] for i in way]
        return all(low <= x <= high for (low, high), x in zip(limits, self.foreign.values(), strict=True))

    def _candidates(self, base: Array, rest: Sequence[int]) -> Iterator[Array]:
        """Yield vectors with the rest at 0, at bounds, at the estimate or far out; a simplex or a factor as a whole."""
        blocks: list[list[tuple[list[int], Array]]] = []
        whole = {self.owner[i].name: [j for j in rest if self.owner[j] is self.owner[i]] for i in rest}
        for positions in whole.values():
            if self.owner[positions[0]].elementwise:
                blocks += [
                    [([i], np.array([x])) for x in _choices(self.bounds[i], self.estimate[i])] for i in positions
                ]
            else:
                blocks.append([(positions, x) for x in self._vectors(positions)])
        for choice in product(*blocks):
            candidate = base.copy()
            for positions, x in choice:
                candidate[positions] = x
            yield candidate

    def _vectors(self, positions: list[int]) -> list[Array]:
        """Return what a simplex, an ordered vector or a factor may be: its estimate, one share that is 1, others 0."""
        owner = self.owner[positions[0]]
        corners: list[Array] = list(np.eye(len(positions))) if owner.transform == "simplex" else []
        if corners and len(positions) < len(owner.labels):
            corners = [np.zeros(len(positions))]
        return [*corners, self.estimate[positions]]

    def _agrees_beside(self, candidate: Array, places: dict[str, int]) -> bool:
        """Whether the two models have the same −2LL also beside the null's estimate: a chance agreement does not."""
        labels = [label for v in self.alternative.objective.variables for label in v.labels]
        own = np.array(_free_values(self.null))
        moved, there = own * (1.0 + BESIDE), candidate.copy()
        for label, value in zip(free_labels(self.null), moved, strict=True):
            there[places[label] if label in places else labels.index(label)] = value
        one, other = minus2ll(self.null.objective, moved[None])[0], minus2ll(self.alternative.objective, there[None])[0]
        return bool(not np.isfinite(one) or same(other, one) or self.null.derived.sizes)

    def _by_fits(self) -> _Found | None:
        """Fit the alternative with some of its unknown elements at 0 or a bound: the null's minimum tells which.

        As many as can be are fixed: what is estimated at its bound would be free else.
        """
        objective = self.alternative.objective
        df = self.alternative.n_parameters - self.null.n_parameters
        eligible = [i for i in self.unknown if self.owner[i].elementwise]
        edges = {i: [x for x in _choices(self.bounds[i], 0.0) if abs(x) < 1.0 + SAME] for i in eligible}
        ways = (way for n in range(df, 0, -1) for way in combinations(eligible, n))
        fixings = ((way, values) for way in ways for values in product(*(edges[i] for i in way)))
        point = objective.layout().split(np.where(np.isnan(self.vector), self.estimate, self.vector))
        for way, values in islice(fixings, MOST_FITS):
            elements: dict[BoundElement, float] = {
                (self.owner[i].name, self.index[i]): x for i, x in zip(way, values, strict=True)
            }
            restricted = RestrictedObjective.fixing(objective, elements, point=point)
            result = search(restricted, restricted.restrict(point))
            vector = objective.layout().join(restricted.natural_point(result.x))
            apart = abs(float(minus2ll(objective, vector[None])[0]) - self.null.minus2ll)
            if apart <= SAME_MINIMUM + SAME_RELATIVE * abs(self.null.minus2ll):
                return _Found(vector, [i for i in self.unknown if i not in way], on_same_scale=False)
        return None


def _not_known(names: Sequence[str]) -> str:
    return (
        f"Where the null has {', '.join(names)} is not known: it is neither 0 nor an edge of the support, and was "
        "taken to lie inside."
    )


def _read_off(null: Fit, v: FreeVariable, known: dict[str, float]) -> dict[str, float]:
    """Return elements of a variable that the null's graph tells: a constant, or a Deterministic at its estimate."""
    missing = [label for label in v.labels if label not in known]
    value = known_value(null.objective.model, v.name) if missing else None
    if null.n_parameters == 0:
        value = natural_point(null).get(v.name)
    elif missing and value is None and v.name in null.derived:
        value = null.derived[v.name].values
    if value is None or np.size(value) not in (1, len(v.labels)):
        return {}
    values = np.broadcast_to(np.ravel(value), len(v.labels))
    return {label: float(x) for label, x in zip(v.labels, values, strict=True) if label in missing}


def _choices(bounds: tuple[float, float], estimate: float) -> list[float]:
    low, high = bounds
    far = [float(np.copysign(ALMOST_INFINITE, b)) for b in bounds if np.isinf(b)]
    inner = [0.0] if low <= 0.0 <= high else []
    return list(dict.fromkeys([*inner, *(b for b in bounds if np.isfinite(b)), float(estimate), *far]))


def _refuse_another_likelihood(null: Fit, alternative: Fit, vector: Array, fixed: Sequence[str]) -> None:
    value = float(minus2ll(alternative.objective, vector[None])[0])
    if np.isfinite(value) and not same(value, null.minus2ll):
        raise ValueError(
            f"Expected an alternative that becomes the null where it fixes {', '.join(fixed)}, got −2LL {value:.6f} "
            f"there and {null.minus2ll:.6f} for the null: the models differ in something else too."
        )


# --- natural vectors -------------------------------------------------------------------------------------------------


def free_labels(fit: Fit) -> list[str]:
    """Return the labels of all natural elements; none where nothing is free."""
    return [label for v in fit.objective.variables for label in v.labels] if fit.n_parameters else []


def _free_values(fit: Fit) -> list[float]:
    values = natural_point(fit)
    return [float(x) for v in fit.objective.variables for x in np.ravel(values[v.name])] if fit.n_parameters else []


def word(value: float) -> str:
    """Write a number, or infinity."""
    return {ALMOST_INFINITE: "+∞", np.inf: "+∞", -ALMOST_INFINITE: "−∞", -np.inf: "−∞"}.get(value, f"{value:g}")


def same(one: float, other: float) -> bool:
    """Whether two values of −2LL are the same but for rounding."""
    return bool(abs(one - other) <= SAME + SAME_RELATIVE * abs(other))


def minus2ll(objective: Objective, vectors: Array) -> Array:
    """Return −2LL at natural vectors (n, size); NaN where there is none."""
    values = RestrictedObjective(objective.with_penalty(None), objective.names).values(vectors)
    return np.where(np.isfinite(values), values, np.nan)


def flat_estimate(fit: Fit) -> Array:
    """Return the estimate as a natural vector (size,)."""
    return fit.objective.layout().join(natural_point(fit))


def inward(bounds: tuple[float, float], value: float) -> float:
    """Return the sign of a step from the nearer bound into the support."""
    return -1.0 if abs(bounds[1] - value) < abs(value - bounds[0]) else 1.0


def flat_bounds(fit: Fit) -> list[tuple[float, float]]:
    """Return the limits of each natural element."""
    free = (-np.inf, np.inf)
    return [v.limits(i) if v.elementwise else free for v in fit.objective.variables for i in range(len(v.labels))]
