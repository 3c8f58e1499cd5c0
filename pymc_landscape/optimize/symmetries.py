"""Exchangeable parameters: permutations and reflections of the elements that leave the surface as it is; copies.

The components of a mixture, the terms of a sum and the signs of factors can change places. An optimum then comes in
several copies, which are one answer. Which elements these are is asked of the surface itself and not of names or
distributions: a transformation is a symmetry if values at random points do not change under it.

Candidates come from two optima of one height, whose elements are matched; and from the shapes of the variables: indices
along an axis change places in some of the variables that have an axis of that length, scalars change places, and
variables, or what stands at one index of them, change their signs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import combinations, pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.numerics import noise
from pymc_landscape.objective import Layout, Objective, RestrictedObjective
from pymc_landscape.optimize.estimates import NaturalScale

# Positions of elements in a natural vector, in the shape of a variable.
Positions = NDArray[np.integer[Any]]
# Values at so many random points decide, which differ from the estimate by about so much on the unconstrained scale.
POINTS, SCATTER = 3, 0.3
# Elements of two optima are equal if they differ by less than this share of a standard error, or of themselves.
EQUAL, EQUAL_SHARE = 0.02, 1e-5
# Rounding of values at points whose sums are taken in another order.
ROUNDING = 1e-10
# Longer axes, more variables along one axis, more scalars, or more parts with a sign are not tried out.
LONGEST_AXIS, VARIABLES, SCALARS, PARTS = 12, 5, 6, 12
# More copies of one optimum than this are not listed.
MOST_COPIES = 24
# Where fewer starts than this were searched, they say nothing of copies: the surface is asked.
FEW_STARTS = 4
# More parameters than this are not tried out for symmetries.
MOST_PARAMETERS = 60
# A place is a copy's within this share of a standard error, or of the elements themselves.
COPY, COPY_SHARE = 0.05, 1e-4


@dataclass(frozen=True)
class Symmetry:
    """A permutation of the natural elements, and a change of some signs.

    Parameters
    ----------
    order : tuple of int
        Which element comes to each place.
    signs : tuple of int
        1, or -1 where its sign changes.
    """

    order: tuple[int, ...]
    signs: tuple[int, ...]

    def __call__(self, vector: Array) -> Array:
        """Apply it to natural vectors (..., n)."""
        moved: Array = np.asarray(vector)[..., list(self.order)] * np.array(self.signs, dtype=float)
        return moved

    def words(self, labels: Sequence[str]) -> str:
        """Say what changes, by the labels of the elements."""
        cycles = [[labels[i] for i in cycle] for cycle in self._cycles() if len(cycle) > 1]
        parts = [f"{' and '.join([', '.join(c[:-1]), c[-1]])} change places" for c in cycles[:4]]
        flipped = [labels[i] for i, sign in enumerate(self.signs) if sign < 0]
        shown = ", ".join(flipped[:4]) + (", ..." if len(flipped) > 4 else "")
        return "; ".join(parts + ([f"{shown} change{'s' if len(flipped) == 1 else ''} sign"] if flipped else []))

    def _cycles(self) -> Iterator[list[int]]:
        seen: set[int] = set()
        for i in range(len(self.order)):
            cycle = []
            while i not in seen:
                seen.add(i)
                cycle.append(i)
                i = self.order[i]
            if cycle:
                yield cycle


class TestsSymmetries(Protocol):
    """What tells whether a candidate is a symmetry.

    Attributes
    ----------
    layout : Layout
        The order of the natural elements.
    """

    layout: Layout

    def holds(self, symmetry: Symmetry) -> bool:
        """Whether values stay as they are."""


class SymmetryTest:
    """Whether the values of an objective do not change under a transformation, at random points around one.

    Parameters
    ----------
    objective : Objective
        The surface.
    theta : array (k,)
        A point; infinite elements are left at 0.
    """

    def __init__(self, objective: Objective, theta: Array):
        self.objective, self.layout = objective, objective.layout()
        self.restricted = RestrictedObjective(objective)
        scattered = scattered_points(np.where(np.isfinite(theta), theta, 0.0), 4 * POINTS)
        with np.errstate(all="ignore"):
            values = [self.restricted.value(x) for x in scattered]
        chosen = [i for i, value in enumerate(values) if np.isfinite(value)][:POINTS]
        self.values = [values[i] for i in chosen]
        self.points = [self.natural(scattered[i]) for i in chosen]

    def natural(self, theta: Array) -> Array:
        """Return an unconstrained vector as a natural one."""
        return self.layout.join(self.restricted.natural_point(theta))

    def theta(self, natural: Array) -> Array:
        """Return a natural vector (n,) as an unconstrained one; NaN outside the support."""
        return self.objective.vector(self.layout.split(natural), self.objective.names)

    def holds(self, symmetry: Symmetry) -> bool:
        """Whether the values at all points stay as they are."""
        if not self.points:
            return False
        with np.errstate(all="ignore"):
            return all(self._stays(value, symmetry(x)) for value, x in zip(self.values, self.points, strict=True))

    def _stays(self, value: float, natural: Array) -> bool:
        theta = self.theta(natural)
        there = self.restricted.value(theta) if np.isfinite(theta).all() else np.inf
        return bool(abs(there - value) <= value_tolerance(np.asarray(value)))


def scattered_points(theta: Array, n: int) -> Array:
    """Return n random points (..., n, k) around points (..., k): at the same numbers of steps from each."""
    away = np.random.default_rng(POINTS).standard_normal((n, theta.shape[-1]))
    return np.asarray(theta[..., None, :] + SCATTER * np.maximum(1.0, np.abs(theta))[..., None, :] * away)


def value_tolerance(value: Array) -> Array:
    """Return by how much values may differ that are one."""
    return np.asarray(ROUNDING * (1.0 + np.abs(value)) + noise(value))


def symmetry_between(test: SymmetryTest, here: Array, there: Array, errors: Array) -> Symmetry | None:
    """Return the symmetry that takes one optimum to another of the same height, if there is one.

    Parameters
    ----------
    test : SymmetryTest
        Of the objective.
    here, there : array (n,)
        The optima, natural.
    errors : array (n,)
        Standard errors of the first; NaN where there is none.
    """
    near = np.where(np.isfinite(errors), EQUAL * errors, 0.0) + EQUAL_SHARE * np.abs(here) + 1e-12
    variable = np.concatenate([np.full(s.stop - s.start, i) for i, s in enumerate(test.layout.slices.values())])
    left, order, signs = set(range(len(here))), list[int](), list[int]()
    for i in range(len(here)):
        alike = [j for j in left if abs(abs(here[j]) - abs(there[i])) <= near[j]]
        if not alike:
            return None
        equal = {j: abs(here[j] - there[i]) <= near[j] for j in alike}
        best = min(alike, key=lambda j: (not equal[j], i != j, variable[i] != variable[j]))
        left.remove(best)
        order.append(best)
        signs.append(1 if equal[best] else -1)
    found = Symmetry(tuple(order), tuple(signs))
    return found if test.holds(found) else None


def find_symmetries(test: TestsSymmetries) -> list[Symmetry]:
    """Return symmetries that follow from the shapes of the variables; they generate those that are found."""
    return [*_along_axes(test), *_of_scalars(test), *_of_signs(test)]


def symmetric_copies(symmetries: Sequence[Symmetry], natural: Array) -> list[Array]:
    """Return the images of a natural vector under all products of symmetries, itself first."""
    images = [natural]
    for image in images:  # grows
        for symmetry in symmetries:
            new = symmetry(image)
            if len(images) < MOST_COPIES and not any(np.allclose(new, old, 1e-9, 1e-12) for old in images):
                images.append(new)
    return images


def nearest_copy(symmetries: Sequence[Symmetry], natural: Array, to: Array, errors: Array) -> Array:
    """Return the image of a natural vector that is nearest to another one, in units of that one's standard errors."""
    usable = np.isfinite(errors) & (errors > 0)
    scale = np.where(usable, errors, np.maximum(np.abs(to), 1.0))
    return min(symmetric_copies(symmetries, natural), key=lambda image: float((((image - to) / scale) ** 2).sum()))


# --- candidates ------------------------------------------------------------------------------------------------------


def _indices(test: TestsSymmetries) -> list[tuple[str, Positions]]:
    """Return the positions of the elements of each variable, in its shape."""
    every: Positions = np.arange(test.layout.size)
    return [(v.name, every[test.layout.slices[v.name]].reshape(v.shape)) for v in test.layout.variables]


def _along_axes(test: TestsSymmetries) -> Iterator[Symmetry]:
    axes: list[tuple[Positions, int]] = [(i, axis) for _, i in _indices(test) for axis in range(i.ndim)]
    for length in sorted({i.shape[axis] for i, axis in axes}):
        along = [(i, axis) for i, axis in axes if i.shape[axis] == length]
        if not 2 <= length <= LONGEST_AXIS or len(along) > VARIABLES:
            continue
        found: list[set[int]] = []
        for size in range(1, len(along) + 1):
            for subset in combinations(range(len(along)), size):
                if any(smaller <= set(subset) for smaller in found):
                    continue
                swaps = [_swap(test, [along[a] for a in subset], pair) for pair in pairwise(range(length))]
                if test.holds(swaps[0]):
                    found.append(set(subset))
                    yield from (swap for swap in swaps if swap is swaps[0] or test.holds(swap))


def _swap(test: TestsSymmetries, along: Sequence[tuple[Positions, int]], pair: tuple[int, int]) -> Symmetry:
    order = np.arange(test.layout.size)
    for indices, axis in along:
        a, b = (np.take(indices, i, axis) for i in pair)
        order[a], order[b] = order[b].copy(), order[a].copy()
    return Symmetry(tuple(order.tolist()), (1,) * test.layout.size)


def _of_scalars(test: TestsSymmetries) -> Iterator[Symmetry]:
    """Let scalars with the same support change places, in pairs."""
    variables = {v.name: v for v in test.layout.variables}
    scalars = [(int(i), variables[name].limits(0)) for name, i in _indices(test) if i.ndim == 0]
    if not 2 <= len(scalars) <= SCALARS:
        return
    pairs = [(a[0], b[0]) for a, b in combinations(scalars, 2) if a[1] == b[1]]
    found: list[set[tuple[int, int]]] = []
    for size in range(1, len(scalars) // 2 + 1):
        for chosen in combinations(pairs, size):
            disjoint = len({i for pair in chosen for i in pair}) == 2 * size
            if not disjoint or any(smaller <= set(chosen) for smaller in found):
                continue
            order = np.arange(test.layout.size)
            for a, b in chosen:
                order[[a, b]] = b, a
            swap = Symmetry(tuple(order.tolist()), (1,) * test.layout.size)
            if test.holds(swap):
                found.append(set(chosen))
                yield swap


def _of_signs(test: TestsSymmetries) -> Iterator[Symmetry]:
    """Change the signs of one or two parts: variables, and what stands at one index of them."""
    transformed = {v.name for v in test.layout.variables if v.transform is not None}
    arrays = [i for name, i in _indices(test) if name not in transformed]
    parts = [np.ravel(i) for i in arrays]
    for i in arrays:
        for axis in range(i.ndim):
            if 1 < i.shape[axis] <= LONGEST_AXIS and i.ndim > 1:
                parts += [np.ravel(np.take(i, j, axis)) for j in range(i.shape[axis])]
    if len(parts) > PARTS:
        parts = [np.ravel(i) for i in arrays][:PARTS]
    found: list[set[int]] = []
    for size in (1, 2):
        for subset in combinations(range(len(parts)), size):
            if any(smaller <= set(subset) for smaller in found):
                continue
            signs = np.ones(test.layout.size, dtype=int)
            for part in subset:
                signs[parts[part]] = -1
            flip = Symmetry(tuple(range(test.layout.size)), tuple(signs.tolist()))
            if test.holds(flip):
                found.append(set(subset))
                yield flip


# --- copies of an estimate -------------------------------------------------------------------------------------------


class EquivalentOptima:
    """An estimate and its copies, in which exchangeable parameters have changed places or sign.

    Parameters
    ----------
    natural : NaturalScale
        The estimate.
    elsewhere : sequence of array (k,)
        Unconstrained vectors of other places at which starts ended as low.
    n_starts : int
        How many starts were searched.
    """

    def __init__(self, natural: NaturalScale, elsewhere: Sequence[Array], n_starts: int):
        self.natural, self.n_starts = natural, n_starts
        self.layout = natural.objective.layout()
        self.here, self.errors = self.layout.join(natural.point), self.layout.join(natural.errors)
        self.elsewhere = [self.layout.join(natural.objective.unpack(theta)) for theta in elsewhere]

    @cached_property
    def symmetries(self) -> tuple[Symmetry, ...]:
        """What can change places, or sign, without a change of the surface."""
        objective = self.natural.objective
        if not self.natural.report.status.is_optimum or any(v.discrete for v in objective.variables):
            return ()
        test = SymmetryTest(objective, self.natural.theta)
        found = list(find_symmetries(test)) if objective.size <= MOST_PARAMETERS else []
        for there in self.elsewhere:
            if not self._is_image(there, found):
                symmetry = symmetry_between(test, self.here, there, self.errors)
                found += [] if symmetry is None else [symmetry]
        return tuple(found)

    @cached_property
    def copies(self) -> list[Array]:
        """The other copies, natural; none where many starts ended at one place, and nothing need be looked for."""
        if not self.natural.report.status.is_optimum or (self.n_starts >= FEW_STARTS and not self.elsewhere):
            return []
        return symmetric_copies(self.symmetries, self.here)[1:]

    def is_copy(self, there: Array) -> bool:
        """Whether a natural vector (n,) is a copy of the estimate."""
        return self._is_image(there, self.symmetries)

    def _is_image(self, there: Array, symmetries: Sequence[Symmetry]) -> bool:
        near = np.where(np.isfinite(self.errors), COPY * self.errors, 0.0) + COPY_SHARE * np.abs(self.here) + 1e-12
        # what is brought to the estimate is compared there
        return bool((np.abs(nearest_copy(symmetries, there, self.here, self.errors) - self.here) <= near).all())

    def words(self) -> str:
        """Say what changes from copy to copy."""
        return " or ".join(symmetry.words(self.layout.labels) for symmetry in self.symmetries[:3])

    def words_at(self, there: Array) -> str:
        """Say the same of a natural vector that lies in another copy; empty where it does not."""
        if not self.copies or (nearest_copy(self.symmetries, there, self.here, self.errors) == there).all():
            return ""
        return self.words()

    def sentence(self) -> str:
        """Say that starts ended at copies of the estimate, or as low at another place."""
        if not self.natural.report.status.is_optimum or not self.elsewhere:
            return ""
        told = f"Copies of one optimum are counted as one: {self.words()}." if self.symmetries else ""
        if not all(map(self.is_copy, self.elsewhere)):
            told = f"{told} Another optimum is as low: fit.local_optima().".strip()
        return told
