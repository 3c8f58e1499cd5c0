"""Optima of one height: copies of one another, told once, or answers that differ."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.optimize.estimates import NaturalScale
from pymc_landscape.optimize.symmetries import (
    Symmetry,
    SymmetryTest,
    find_symmetries,
    nearest_copy,
    symmetric_copies,
    symmetry_between,
)

# Where fewer starts than this were searched, they say nothing of copies: the surface is asked.
FEW_STARTS = 4
# More parameters than this are not tried out for symmetries.
MOST_PARAMETERS = 60
# A place is a copy's within this share of a standard error, or of the elements themselves.
NEAR, NEAR_SHARE = 0.05, 1e-4


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
        near = np.where(np.isfinite(self.errors), NEAR * self.errors, 0.0) + NEAR_SHARE * np.abs(self.here) + 1e-12
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
