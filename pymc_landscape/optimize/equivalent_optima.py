"""Optima of one height: copies of one another, told once, or answers that differ."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.optimize.estimates import NaturalScale
from pymc_landscape.optimize.multistart import StartResult, same_value
from pymc_landscape.optimize.symmetries import (
    Symmetry,
    SymmetryTest,
    find_symmetries,
    symmetric_copies,
    symmetry_between,
)
from pymc_landscape.optimize.tolerances import SAME_THETA

# Where fewer starts than this were searched, they say nothing of copies: the surface is asked.
FEW_STARTS = 4
# More parameters than this are not tried out for symmetries.
MOST_PARAMETERS = 60


def ends_elsewhere(natural: NaturalScale, results: Sequence[StartResult]) -> list[Array]:
    """Return where else starts ended as low as the estimate, as natural vectors, each place once."""
    best = StartResult(natural.theta, "", natural.result, natural.report)
    places = [natural.theta]
    for one in results:
        theta = one.theta
        if same_value(one, best) and np.isfinite(theta).all() and not any(_is_same(theta, other) for other in places):
            places.append(theta)
    restricted = natural.restricted.objective
    return [np.concatenate([np.ravel(v) for v in restricted.unpack(theta).values()]) for theta in places[1:]]


def _is_same(theta: Array, other: Array) -> bool:
    finite = np.isfinite(other)
    return bool(np.allclose(theta[finite], other[finite], rtol=10 * SAME_THETA, atol=10 * SAME_THETA))


def may_have_copies(natural: NaturalScale, results: Sequence[StartResult]) -> bool:
    """Whether starts ended as low at other places, or were too few to tell."""
    if not natural.report.status.is_optimum:
        return False
    return len(results) < FEW_STARTS or bool(ends_elsewhere(natural, results))


def symmetries_of(natural: NaturalScale, results: Sequence[StartResult]) -> tuple[Symmetry, ...]:
    """Return what can change places, or sign, without a change of the surface.

    Parameters
    ----------
    natural : NaturalScale
        The estimate.
    results : sequence of StartResult
        All starts: optima as low at other places are matched with the estimate.
    """
    if not natural.report.status.is_optimum or any(v.discrete for v in natural.objective.variables):
        return ()
    elsewhere = ends_elsewhere(natural, results)
    test = SymmetryTest(natural.objective, natural.theta)
    found = list(find_symmetries(test)) if natural.objective.size <= MOST_PARAMETERS else []
    here, errors = natural_vector(natural), natural_errors(natural)
    for there in elsewhere:
        if not is_copy(found, here, there, errors):
            symmetry = symmetry_between(test, here, there, errors)
            found += [] if symmetry is None else [symmetry]
    return tuple(found)


def is_copy(symmetries: Sequence[Symmetry], here: Array, there: Array, errors: Array) -> bool:
    """Whether one natural vector is the image of another one, within a share of the standard errors."""
    near = np.where(np.isfinite(errors), 0.05 * errors, 0.0) + 1e-4 * np.abs(here) + 1e-12
    tolerances = symmetric_copies(symmetries, near) if symmetries else [near]
    return any(
        bool((np.abs(image - there) <= np.abs(tolerance)).all())
        for image, tolerance in zip(symmetric_copies(symmetries, here), tolerances, strict=False)
    )


def natural_vector(natural: NaturalScale) -> Array:
    """Return the estimate as one natural vector (n,)."""
    return natural.objective.layout().join(natural.point)


def natural_errors(natural: NaturalScale) -> Array:
    """Return its standard errors as one vector (n,)."""
    return natural.objective.layout().join(natural.errors)


def copies_sentence(natural: NaturalScale, results: Sequence[StartResult]) -> str:
    """Say that starts ended at copies of the estimate, or as low at another place."""
    if not natural.report.status.is_optimum:
        return ""
    elsewhere = ends_elsewhere(natural, results)
    if not elsewhere:
        return ""
    here, errors, symmetries = natural_vector(natural), natural_errors(natural), symmetries_of(natural, results)
    told = ""
    if symmetries:
        labels = natural.objective.layout().labels
        told = f"Copies of one optimum are counted as one: {' or '.join(s.words(labels) for s in symmetries[:3])}."
    if not all(is_copy(symmetries, here, there, errors) for there in elsewhere):
        told = f"{told} Another optimum is as low: fit.local_optima().".strip()
    return told
