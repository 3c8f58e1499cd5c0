"""How a case of the larger zoo is described: a small model for every distribution, asked through every verb."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm

Point = Mapping[str, Any]
Hand = Callable[[Point], Any]


@dataclass(frozen=True)
class Case:
    """A builder of a model, and what is known of it.

    ``covers`` are the names of the distributions of PyMC that are likelihood here; ``fixed`` is what a null model
    fixes by ``pm.do`` (left out: the first parameter, at its initial value); ``by_hand`` is log densities of the data,
    written out with SciPy; ``options`` are the Objective's.
    """

    build: Callable[[], pm.Model]
    covers: tuple[str, ...]
    fixed: Mapping[str, float] | None
    by_hand: Hand | None
    options: Mapping[str, Any]


CASES: dict[str, Case] = {}


def case(
    *covers: str,
    fixed: Mapping[str, float] | None = None,
    by_hand: Hand | None = None,
    **options: Any,
) -> Callable[[Callable[[], pm.Model]], Callable[[], pm.Model]]:
    """Register a builder under its own name."""

    def register(build: Callable[[], pm.Model]) -> Callable[[], pm.Model]:
        CASES[build.__name__] = Case(build, covers, fixed, by_hand, options)
        return build

    return register


def rng(seed: int) -> np.random.Generator:
    """Random numbers of a case's data."""
    return np.random.default_rng(seed)
