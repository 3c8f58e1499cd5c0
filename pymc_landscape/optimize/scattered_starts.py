"""Where else to begin, once a first search has ended: points far apart, those with a high likelihood first.

One search ends in the local minimum in whose basin it begins. Four families of points lead to others, whatever the
scale of the priors: draws from the prior; the first optimum with some of its elements drawn anew; points around the
initial point; and points around the optimum, many standard errors away. The families take turns, and in each of them
chance and height: of points of low value, which are found by evaluating many, most lie in the basin that is known.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.numerics import covariance
from pymc_landscape.objective import Objective, RestrictedObjective, prior_draws

# So many points of each family are evaluated at most.
OF_EACH = 8
# Standard errors from the optimum, at least and at most.
NEAREST, FURTHEST = 3.0, 100.0
# Further from the initial point than this, densities are rounding and searches get lost.
LONGEST = 50.0


def scattered_starts(
    objective: Objective, begin: Array, end: Array, hessian: Array | None, n: int, rng: np.random.Generator
) -> list[tuple[Array, str]]:
    """Return points to begin at, with the origin of each in words.

    Parameters
    ----------
    objective : Objective
        What is searched.
    begin, end : array (k,)
        Where a first search began, and where it ended; infinite at a bound.
    hessian : array (k, k) or None
        At the end, on the unconstrained scale, if it is known.
    n : int
        How many points may be evaluated to find good ones.
    rng : Generator
        The source of chance.

    Returns
    -------
    list of (array (k,), str)
        All with a finite value.
    """
    restricted = RestrictedObjective(objective)
    families = _families(objective, begin, end, _standard_errors(hessian, len(begin)), min(OF_EACH, n // 4), rng)
    queues: list[list[tuple[Array, str]]] = []
    for origin, points in families.items():
        # one by one: a function of whole blocks takes longer to write than so few values to find
        values = np.array([restricted.value(x) if np.isfinite(x).all() else np.inf for x in points])
        queues.append([(points[i], origin) for i in _chance_and_value_in_turn(values)])
    return list(_in_turn(queues))


def _chance_and_value_in_turn(values: Array) -> list[int]:
    """Order points: one as it was drawn, one of the lowest value, and so on; without those that have no value."""
    drawn = np.flatnonzero(np.isfinite(values)).tolist()
    lowest = sorted(drawn, key=lambda i: float(values[i]))
    return list(dict.fromkeys(i for pair in zip(drawn, lowest, strict=True) for i in pair))


def _in_turn(queues: list[list[tuple[Array, str]]]) -> Iterator[tuple[Array, str]]:
    for i in range(max(map(len, queues), default=0)):
        yield from (queue[i] for queue in queues if i < len(queue))


def _families(
    objective: Objective, begin: Array, end: Array, errors: Array, n: int, rng: np.random.Generator
) -> dict[str, Array]:
    k = len(begin)
    optimum = np.where(np.isfinite(end) & (np.abs(end - begin) < LONGEST), end, begin)
    drawn = prior_draws(objective, n, rng)
    size = np.maximum(1.0, np.maximum(np.abs(begin), np.abs(optimum)))
    around = begin + size * rng.standard_normal((n, k))
    # what cannot be drawn, as from a flat prior, comes from around the initial point
    drawn = np.where(np.isfinite(drawn), drawn, begin + size * rng.standard_normal((n, k)))
    anew = (rng.random((n, k)) < 0.5) | (np.arange(k) == rng.integers(k, size=(n, 1)))
    mixed = np.where(anew, drawn, optimum)
    errors = np.clip(errors, 0.0, LONGEST / FURTHEST * size)
    reach = np.exp(rng.uniform(np.log(NEAREST), np.log(FURTHEST), size=(n, 1)))
    return {
        "prior draw": drawn,
        "optimum and prior draw": mixed,
        "around the initial point": around,
        "around the optimum": optimum + reach * errors * rng.standard_normal((n, k)),
    }


def _standard_errors(hessian: Array | None, k: int) -> Array:
    """Return standard errors on the unconstrained scale; 1 where there is none."""
    if hessian is None:
        return np.ones(k)
    with np.errstate(invalid="ignore"):
        errors = np.sqrt(np.diagonal(covariance(hessian)))
    return np.where(np.isfinite(errors) & (errors > 0), errors, 1.0)
