"""How a specimen of the zoo is described and registered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pymc as pm

Point = Mapping[str, Any]
Hand = tuple[dict[str, Any], float]
"""Pointwise log-likelihood an observed term, and the log prior, written out with SciPy."""


@dataclass(frozen=True)
class Specimen:
    """A model, a small grid around sensible values, and what may be asked of it.

    ``axes`` maps a label to its values on the natural scale, or on the value scale where the label
    is a value variable's (``w_simplex__[0]``). ``at`` holds the other parameters by natural-scale
    name; names left out stay at the model's initial point.
    """

    model: pm.Model
    axes: dict[str, np.ndarray]
    at: dict[str, Any] = field(default_factory=dict)
    by_hand: Callable[[Point], Hand] | None = None


ZOO: dict[str, Callable[[], Specimen]] = {}
TRAITS: dict[str, frozenset[str]] = {}


def specimen(*traits: str) -> Callable[[Callable[[], Specimen]], Callable[[], Specimen]]:
    """Register a builder under its own name, with words for what is unusual in it."""

    def register(builder: Callable[[], Specimen]) -> Callable[[], Specimen]:
        ZOO[builder.__name__] = builder
        TRAITS[builder.__name__] = frozenset(traits)
        return builder

    return register


def names(*, without: tuple[str, ...] = (), having: tuple[str, ...] = ()) -> list[str]:
    """Names of the specimens that have all of some traits and none of others."""
    return [n for n, t in TRAITS.items() if t.isdisjoint(without) and t.issuperset(having)]
