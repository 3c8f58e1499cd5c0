"""How many nodes an integral over random effects needs: where one is enough, and where no number is.

Laplace's approximation is kept where the joint log density is quadratic in the effects, so that it is exact, and where
they are tied in large blocks, where nodes would be too many. Elsewhere Gauss–Hermite quadrature gets as many nodes as
change −2LL by no more than a small number; where no number does, each effect is integrated in panels of its own. All is
decided at one θ and stays so: −2LL is smooth in θ only where the nodes are the same everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import Any, Literal

import numpy as np

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.arguments import told
from pymc_landscape.model.latent.gauss_hermite import Quadrature
from pymc_landscape.model.latent.laplace import Laplace

Rule = int | Literal["gauss_kronrod"]

# Numbers of nodes that are tried, and how many nodes of one block are evaluated at most: of blocks of 2 effects up to
# 38² are, of 3 up to 11³, of 4 up to 5⁴, of 5 up to 3⁵; larger ones keep Laplace's approximation.
NODES = (1, 3, 5, 7, 9, 11, 13, 15, 19, 25, 31, 38, 51)
MOST_NODES = 1500
# A rule is chosen whose −2LL is so near to what it settles at, nearer in blocks of one effect, where nodes are cheap;
# it is kept while it is so near.
CHOSEN_WITHIN, CHOSEN_WITHIN_OF_ONE, KEPT_WITHIN = 1e-4, 1e-6, 3e-4
# Where no number of nodes is enough, the last is taken if it has come so much nearer than the first.
NEARER = 0.1


def checked_rule(quadrature: Any) -> Rule | Literal["auto"]:
    """Return a user's `quadrature`; refuse what is none."""
    if isinstance(quadrature, str) and quadrature in ("auto", "gauss_kronrod"):
        return quadrature  # type: ignore[return-value]
    whole = isinstance(quadrature, int | np.integer | float) and not isinstance(quadrature, bool)
    if not whole or not np.isfinite(quadrature) or int(quadrature) != quadrature or quadrature < 1:
        raise ValueError(
            f"Expected a number of nodes as quadrature, 1 or more, 'auto' or 'gauss_kronrod', got {told(quadrature)}: "
            "leave it out for as many as are needed."
        )
    return int(quadrature)


@dataclass(frozen=True)
class RuleChoice:
    """A rule of integration for one θ, with what is known of −2LL there.

    Attributes
    ----------
    rule : int or "gauss_kronrod"
        The nodes for each effect; 1 is Laplace's approximation.
    minus2ll : float
        What −2LL settles at as nodes are added; NaN where this is not known.
    by_rule : dict
        −2LL by each rule that was tried.
    is_exact : bool
        Whether Laplace's approximation is exact.
    """

    rule: Rule
    minus2ll: float = np.nan
    by_rule: dict[Rule, float] = field(default_factory=dict)
    is_exact: bool = False


def choose_rule(integral: Laplace, theta: Array, panels: Callable[[], Laplace]) -> RuleChoice:
    """Choose how to integrate over random effects, by what it does to −2LL at one θ.

    Parameters
    ----------
    integral : Laplace
        The integral, by any rule.
    theta : array (k,)
        Parameters on their natural scale.
    panels : callable
        Gives the same integral in panels; asked where effects are independent of each other.
    """
    mode = integral.mode(theta) if type(integral) is Laplace else None
    if mode is not None and integral.is_quadratic(mode):
        return RuleChoice(1, -2.0 * integral.integral(mode), is_exact=True)
    nodes = integral if isinstance(integral, Quadrature) else Quadrature.sharing(integral, 1)
    largest = nodes.pattern.largest
    if 3**largest > MOST_NODES:
        return RuleChoice(1)
    settled = np.nan
    try:
        if type(integral) is Laplace and largest == 1:
            settled = -2.0 * panels().value(theta)[0]
            if mode is None and np.isfinite(settled):
                return RuleChoice("gauss_kronrod", settled, {"gauss_kronrod": settled})
        return _choose_nodes(nodes, theta, largest, settled)
    except ValueError:  # tied together in some term of the density
        return RuleChoice(1)


def _choose_nodes(integral: Quadrature, theta: Array, largest: int, settled: float) -> RuleChoice:
    """Add nodes until −2LL no longer changes, or is near what it is known to settle at."""
    values: dict[Rule, float] = {}
    known, near = np.isfinite(settled), CHOSEN_WITHIN_OF_ONE if largest == 1 else CHOSEN_WITHIN
    for n in NODES:
        if n**largest > MOST_NODES:
            break
        values[n] = -2.0 * integral.with_nodes(n).value(theta)[0]
        last = list(values.values())[-3:]
        if known and abs(values[n] - settled) <= near:
            return RuleChoice(n, settled, values)
        if not known and len(last) == 3 and max(abs(last[0] - last[1]), abs(last[1] - last[2])) <= near:
            enough = (m for m, value in values.items() if abs(value - last[2]) <= near)
            return RuleChoice(next(enough), last[2], values)
    if known:
        return RuleChoice("gauss_kronrod", settled, values | {"gauss_kronrod": settled})
    rules, tried = list(values), list(values.values())
    if len(tried) > 2 and abs(tried[-1] - tried[-2]) < NEARER * abs(tried[-1] - tried[0]):
        return RuleChoice(rules[-1], tried[-1], values)
    return RuleChoice(1, np.nan, values)
