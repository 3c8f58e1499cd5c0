"""Likelihood ratios of penalised fits: the alternative's own objective, with what the null fixes held there.

The penalty ½ log det I of a null with fewer parameters has another, smaller information, so that the difference of two
penalised maxima depends on the units of what is tested. Held at the null's values, a parameter stays in I, and the
ratio is that of the penalised profile, whose intervals it inverts (Heinze & Schemper 2002, *Statistics in Medicine* 21,
2409-2419).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.inference.hypothesis_tests.nested_models import Nesting
from pymc_landscape.inference.hypothesis_tests.nested_test import ROUNDING
from pymc_landscape.objective import BoundElement, Objective, RestrictedObjective
from pymc_landscape.optimize import Fit, search

KEPT = "Both are penalised; the null keeps the alternative's information, with what it fixes in it."


def refuse_one_penalized(null: Fit, alternative: Fit) -> None:
    """Refuse two fits of which one is penalised and the other is not.

    Raises
    ------
    ValueError
        Naming which.
    """
    if null.is_penalized == alternative.is_penalized:
        return
    which = "null" if null.is_penalized else "alternative"
    raise ValueError(
        f"Expected two fits of one kind, got one of which only the {which} is penalised: fit both with "
        'penalty="firth", or neither.'
    )


def penalized_statistic(alternative: Fit, nesting: Nesting) -> float:
    """Return by how much the penalised −2LL of the alternative rises to its lowest point where the null holds.

    Parameters
    ----------
    alternative : Fit
        Penalised.
    nesting : Nesting
        Where in it the null is.

    Raises
    ------
    ValueError
        If where that is is not known, or at a bound; if no minimum is found there, or one below the alternative's.
    """
    objective, point = alternative.objective, nesting.point
    if point is None or nesting.at_bound or not np.isfinite(point).all():
        raise ValueError(
            "Expected a null that fixes parameters at known values inside the support, for a ratio of penalised "
            f"likelihoods, got {nesting.assumed or ', '.join(nesting.at_bound)}: test one parameter by "
            "confidence_intervals of the penalised fit, or fit both without a penalty."
        )
    elements = {
        (v.name, i): float(nesting.fixed[label])
        for v in objective.variables
        for i, label in enumerate(v.labels)
        if label in nesting.fixed
    }
    natural = objective.layout().split(point)
    restricted = _held(objective, elements, natural)
    result = search(restricted, restricted.restrict(natural))
    if not result.is_minimum:
        raise ValueError(
            f"Expected a minimum of the penalised −2LL where {', '.join(nesting.fixed)} are held, got none "
            f"({result.reason or result.optimizer}): look at profile_likelihood of the alternative."
        )
    statistic = result.value - alternative.penalized_minus2ll
    if statistic < -ROUNDING:
        raise ValueError(
            f"Expected an alternative at its lowest penalised −2LL, got {alternative.penalized_minus2ll:.6f}, and "
            f"{result.value:.6f} where the null holds: fit it again with more starts."
        )
    return max(statistic, 0.0)


def _held(
    objective: Objective, elements: Mapping[BoundElement, float], natural: Mapping[str, Array]
) -> RestrictedObjective:
    """Hold elements at natural values; where none is transformed, in the layout for which all is compiled already."""
    layout = objective.layout(objective.names)
    if any(layout[name].transform for name, _ in elements):
        return RestrictedObjective.fixing(objective, elements, point=natural)
    return RestrictedObjective(
        objective, fixed={layout.slices[name].start + i: value for (name, i), value in elements.items()}
    )
