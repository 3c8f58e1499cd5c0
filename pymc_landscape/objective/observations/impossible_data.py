"""Observations that no parameter value allows: a zero under a log-normal distribution, a two under a Bernoulli one.

Where the likelihood is zero wherever a search began, each observation is looked at by itself. One whose density is
zero, or NaN, at every start, at every draw of the prior and far away from both is impossible: no start will help.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.model import element_labels, kept_positions, name_of, without_dims
from pymc_landscape.objective import Objective, prior_draws
from pymc_landscape.objective.observations.simulate import observed_values

# So many prior draws, and elements moved by so much on the unconstrained scale, are tried.
DRAWS = 50
MOVES = (-30.0, -10.0, -3.0, -1.0, 1.0, 3.0, 10.0, 30.0)
# So many observations are named, and so many elements moved one by one.
NAMED, MOVED = 3, 50


@dataclass(frozen=True)
class _Observation:
    """An observation without a density at any start."""

    label: str
    value: str
    distribution: str
    is_nan: bool
    is_possible: bool

    def __str__(self) -> str:
        density = "a log density that is NaN" if self.is_nan else "density 0"
        return f"{self.label}{self.value} has {density}{self.distribution}"


def name_impossible_data(objective: Objective, theta: Array | None = None) -> str:
    """Say which observations have no density at any start, and whether they have any elsewhere.

    Parameters
    ----------
    objective : Objective
        A likelihood that is zero at each start. Where random effects are integrated out, they are given here.
    theta : array (n, k), optional
        The starts, unconstrained; left out, only what has no density anywhere is named.

    Returns
    -------
    str
        One sentence; empty where there is no such observation.
    """
    given = _given_effects(objective)
    starts = theta if theta is not None and given is objective else given.pack(given.initial_point())[None]
    points = np.vstack([starts, _elsewhere(given, starts[0])])
    with np.errstate(all="ignore"):
        values = given.engine("pointwise", given.names).at(points)
    rows = {name: values[name].reshape(len(points), -1) for name in given.terms}
    nowhere = [one for name in rows for one in _without_density(given, name, rows[name], len(starts))]
    impossible = [one for one in nowhere if not one.is_possible]
    if impossible:
        mend = "or what its distribution is given" if impossible[0].is_nan else "or choose another distribution"
        tried = f"at each of {len(points)} points, far from the starts too"
        return f"No parameter value allows the data: {_listed(impossible)} {tried}; mend the data, {mend}."
    if theta is None or not nowhere:
        return ""
    if given is not objective:
        names = ", ".join(name for name in objective.latent if name not in objective.summed)
        return (
            f"No mode of the random effects {names} was found, for {_listed(nowhere)} where the search for it begins, "
            "at their prior mean, but not everywhere: write the effects so that the data are possible there, or make "
            f"the likelihood conditional on them, Objective(model, latent={objective.summed!r})."
        )
    possible = points[np.all([(row > -np.inf).all(axis=1) for row in rows.values()], axis=0)]
    nearest = np.argsort(np.abs(possible - starts[0]).max(axis=1))[:1]
    advice = "".join(f", starts={_in_words(given, possible[i])}" for i in nearest)
    return f"{_listed(nowhere)} at every start, but not everywhere: begin where the likelihood is not zero{advice}."


def _in_words(objective: Objective, theta: Array) -> str:
    values = {name: np.array2string(v, separator=", ", precision=6) for name, v in objective.unpack(theta).items()}
    return "{" + ", ".join(f"{name!r}: {value}" for name, value in values.items()) + "}"


def _given_effects(objective: Objective) -> Objective:
    """Return an objective of single observations: random effects are parameters."""
    if not objective.is_integral:
        return objective
    twin = Objective(objective.model, latent=objective.summed, potentials=objective.potentials)
    return twin.with_data(**objective.evaluators.data.values)


def _elsewhere(objective: Objective, start: Array) -> Array:
    """Return draws of the prior, and points far away from a start."""
    each = np.eye(objective.size)[:MOVED]
    moves = [start + h * direction for h in MOVES for direction in (*each, np.ones(objective.size))]
    drawn = prior_draws(objective, DRAWS, np.random.default_rng(1))
    points = np.vstack([np.where(np.isnan(drawn), start, drawn), moves])  # what is not drawn stays
    return points[np.isfinite(points).all(axis=1)]


def _without_density(objective: Objective, term: str, rows: Array, n_starts: int) -> Iterator[_Observation]:
    """Give the observations of a term that have no density at any of the first points."""
    has_density = rows > -np.inf  # not where it is NaN
    lost = np.flatnonzero(~has_density[:n_starts].any(axis=0))
    labels, values = _labels(objective, term, rows.shape[1]), _values(objective, term, rows.shape[1])
    rv = next((rv for rv in objective.model.observed_RVs if rv.name == term), None)
    distribution = "" if rv is None else f" under {name_of(without_dims(rv))}"
    for i in lost.tolist():
        is_nan = bool(np.isnan(rows[:n_starts, i]).all())
        yield _Observation(labels[i], values.get(i, ""), distribution, is_nan, bool(has_density[:, i].any()))


def _labels(objective: Objective, term: str, size: int) -> tuple[str, ...]:
    kept = kept_positions(objective.model, term)
    if kept is not None and len(kept[1]) == size:
        whole, positions = kept
        return tuple(f"{whole}[{', '.join(map(str, at))}]" for at in positions)
    dims, coords, shape = objective.term_dims(term, size)
    return element_labels(term, [np.asarray(coords.get(d, np.arange(n))) for d, n in zip(dims, shape, strict=True)])


def _values(objective: Objective, term: str, size: int) -> Mapping[int, str]:
    """Return the data of a term, in words, where each of its numbers is an observation."""
    value = observed_values(objective.model, objective.swaps).get(term)
    if value is None or value.size != size:
        return {}
    return {i: f" = {number:.6g}" for i, number in enumerate(value.ravel().astype(float))}


def _listed(observations: list[_Observation]) -> str:
    more = len(observations) - NAMED
    named = ", ".join(map(str, observations[:NAMED]))
    return f"{named}, and so have {more} more," if more > 0 else named
