"""Whether restricted likelihoods (REML) of two fits compare: they do where both integrate out the same fixed effects.

A restricted likelihood is one of contrasts of the data that the design X of the fixed effects cannot explain. With
another X they are other data; with X M in place of X they are the same, but −2 log L_R is higher by 2 log|det M|
(Welham & Thompson 1997, *Journal of the Royal Statistical Society* B 59, 701-714). What X is, simulated data show: with
one seed, a step of a coefficient moves them by its column.
"""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.inference.resampling import natural_point
from pymc_landscape.objective import Objective
from pymc_landscape.objective.observations import Simulator
from pymc_landscape.optimize import Fit

# Two designs are the same up to this share of their size.
SAME_DESIGN = 1e-6


def refuse_other_fixed_effects(one: Fit, other: Fit, names: tuple[str, str]) -> None:
    """Refuse to compare a restricted likelihood with one that is none, or has other fixed effects.

    Parameters
    ----------
    one, other : Fit
        Of the same data.
    names : tuple of str
        What a message calls them.

    Raises
    ------
    ValueError
        If one is restricted and the other is not, or fixed effects have other names, shapes or designs.
    """
    first, second = one.objective, other.objective
    if not (first.restricted or second.restricted):
        return
    if not (first.restricted and second.restricted):
        which = names[0] if first.restricted else names[1]
        raise ValueError(
            f"Expected two fits by maximum likelihood or two by restricted maximum likelihood (REML), got only {which} "
            "with restricted: likelihoods of the data and of their contrasts do not compare; fit both alike."
        )
    told = [_shapes(objective) for objective in (first, second)]
    if told[0] != told[1]:
        words = [", ".join(sorted(shapes)) for shapes in told]
        raise _other(names, f"{words[0]} and {words[1]}" if words[0] != words[1] else f"other shapes of {words[0]}")
    designs = [_design(fit) for fit in (one, other)]
    if designs[0] is not None and designs[1] is not None:
        _refuse_another_design(designs[0], designs[1], names, ", ".join(first.restricted))


def _shapes(objective: Objective) -> dict[str, tuple[int, ...]]:
    return dict(zip(objective.restricted, objective.fixed_effects.shapes, strict=True))


def _design(fit: Fit) -> Array | None:
    """Return the design (n, p) of the fixed effects; None where data are not linear in them, or not simulated."""
    with suppress(ValueError):
        return Simulator(fit.objective).design(natural_point(fit))
    return None


def _refuse_another_design(one: Array, other: Array, names: tuple[str, str], effects: str) -> None:
    turned = np.linalg.lstsq(other, one)[0]
    if np.abs(other @ turned - one).max() > SAME_DESIGN * np.abs(one).max():
        raise _other(names, f"another design of {effects}")
    scale = float(np.linalg.slogdet(turned)[1])
    if abs(scale) > SAME_DESIGN * len(turned):
        raise ValueError(
            f"Expected restricted likelihoods (REML) of fixed effects on one scale, got {effects} on two in "
            f"{names[0]} and in {names[1]}, which alone moves −2LL by {abs(2 * scale):.4g}: write their designs alike."
        )


def _other(names: tuple[str, str], words: str) -> ValueError:
    return ValueError(
        f"Expected restricted likelihoods (REML) of the same fixed effects, got {words} in {names[0]} and in "
        f"{names[1]}: they are likelihoods of other contrasts of the data, and do not compare; fit both by maximum "
        "likelihood, restricted=()."
    )
