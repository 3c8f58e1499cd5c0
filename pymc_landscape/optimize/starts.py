"""Where a search begins: the model's initial point, prior draws, posterior draws, or points of the user's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pymc as pm
import xarray as xr
from pymc.util import get_random_generator

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array, RandomSeed, Starts
from pymc_landscape.arguments import checked_array, closest
from pymc_landscape.objective import (
    SAMPLE_DIMS,
    Objective,
    RestrictedObjective,
    draws_of_model,
    is_simplex,
    open_group,
    read_draws,
    without_lost_digits,
)

# So many prior draws are evaluated for each one that is wanted: many have no likelihood at all.
CANDIDATES = 10
# Beside the likeliest draw of a posterior, so many others start a search each.
OTHER_DRAWS = 3
# A share of 0 is no start on the scale of a search: all shares are mixed with so much of the initial ones.
LIFTED = 0.01


@dataclass(frozen=True)
class StartingPoints:
    """Points to begin at.

    Parameters
    ----------
    theta : array (n, k)
        One unconstrained vector a start.
    origin : tuple of str
        Where each comes from, in words.
    """

    theta: Array
    origin: tuple[str, ...]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.origin)


def find_starts(objective: Objective, starts: Starts, random_seed: RandomSeed | None = None) -> StartingPoints:
    """Turn what the user gave as `starts` into unconstrained vectors.

    Parameters
    ----------
    objective : Objective
        What is going to be searched.
    starts : int, mapping, array, Dataset, DataTree, or a sequence of mappings
        A number: the model's initial point, then draws from the prior (the initial point, jittered, where a prior
        is flat). Points: on the natural scale, by name; what is left out stands at the initial point. An array:
        unconstrained vectors (n, k). A posterior: its likeliest draw and three others.
    random_seed : int, Generator or None
        As in PyMC.

    Returns
    -------
    StartingPoints
        All finite.

    Raises
    ------
    ValueError
        If there is none, or one lies outside the support.
    """
    rng = get_random_generator(random_seed, copy=True)
    if isinstance(starts, int | np.integer) and not isinstance(starts, bool):
        return _numbered(objective, int(starts), rng)
    if isinstance(starts, np.ndarray):
        return _vectors(objective, np.atleast_2d(checked_array("starts", starts)))
    if isinstance(starts, xr.DataTree) or (isinstance(starts, xr.Dataset) and set(SAMPLE_DIMS) <= set(starts.dims)):
        return _posterior(objective, starts, rng)
    points = [starts] if _is_point(starts) else starts
    if not isinstance(points, Sequence) or isinstance(points, str) or not all(map(_is_point, points)):
        got = repr(starts) if isinstance(starts, str) else type(starts).__name__
        raise TypeError(
            f"Expected starts to be a number, points by name, or a posterior, got {got}: "
            "pass for example 5, [{'mu': 0.0}], or what pm.sample returned."
        )
    if not points:
        raise ValueError("Expected starts to be one or more, got an empty list: leave it out for automatic ones.")
    return StartingPoints(np.stack([_from_point(objective, _mapping(p)) for p in points]), ("given",) * len(points))


def _is_point(candidate: Any) -> bool:
    return isinstance(candidate, Mapping | xr.Dataset) or isinstance(getattr(candidate, "point", None), xr.Dataset)


def _mapping(point: Any) -> dict[str, Any]:
    point_like = getattr(point, "point", point)
    items = point_like.data_vars.items() if isinstance(point_like, xr.Dataset) else point_like.items()
    return {str(name): value for name, value in items}


def _from_point(objective: Objective, point: Mapping[str, Any]) -> Array:
    # the mean of a posterior has more than parameters
    more = {d.name for d in objective.model.deterministics}.union(objective.latent, objective.restricted)
    point = {name: value for name, value in point.items() if name not in more}
    variables = objective.variables
    names = {n for v in variables for n in (v.name, v.value_name)}
    unknown = [name for name in point if name not in names]
    if unknown:
        raise ValueError(
            f"Expected parameters of the model in starts, got {unknown[0]!r}: it has "
            f"{closest(unknown[0], [v.name for v in variables])}."
        )
    initial = objective.initial_point()
    named = {v.value_name for v in variables if v.value_name in point}
    kept = {v.name: initial[v.name] for v in variables if v.value_name not in named or v.name in point}
    whole = objective.complete({**kept, **point}, "starts")
    for v in variables:
        if is_simplex(v) and (whole[v.name] == 0).any():
            whole[v.name] = (1.0 - LIFTED) * whole[v.name] + LIFTED * initial[v.name]
    theta = objective.pack(whole)
    _refuse_outside(objective, theta, point)
    at_bound = np.isinf(theta)  # where a derivative can be 0: begin inside
    return np.where(at_bound, objective.pack(initial), theta) if at_bound.any() else theta


def _refuse_outside(objective: Objective, theta: Array, point: Mapping[str, Any]) -> None:
    if theta.ndim != 1:
        raise ValueError(
            f"Expected one value for each parameter in starts, got a batch of shape {theta.shape[:-1]}: give a list."
        )
    outside = [label for label, value in zip(objective.labels, theta, strict=True) if np.isnan(value)]
    if outside:
        limits = objective.supports.get(outside[0])
        raise ValueError(
            f"Expected starts inside the support, got {dict(point)} with {outside[0]} outside"
            + (": its limits are {:g} and {:g}.".format(*limits) if limits else ".")
        )


def _vectors(objective: Objective, theta: Array) -> StartingPoints:
    if theta.shape[1:] != (objective.size,) or not len(theta) or not np.isfinite(theta).all():
        raise ValueError(
            f"Expected starts of shape (n, {objective.size}), all finite, got shape {theta.shape}: "
            "objective.pack makes a row from a point."
        )
    return StartingPoints(theta.copy(), ("given",) * len(theta))


def _numbered(objective: Objective, n: int, rng: np.random.Generator) -> StartingPoints:
    if n < 1:
        raise ValueError(f"Expected at least one start, got starts={n}: leave it out for automatic ones.")
    first = _from_point(objective, {})
    if n == 1:
        return StartingPoints(first[None], ("initial point",))
    more, word = _scattered(objective, first, n - 1, rng)
    return StartingPoints(np.vstack([first, more]), ("initial point", *(f"{word} {i + 1}" for i in range(n - 1))))


def _scattered(objective: Objective, first: Array, n: int, rng: np.random.Generator) -> tuple[Array, str]:
    """Draw from the prior, those with a likelihood first; where it cannot be drawn from, jitter as ``pm.sample``."""
    variables = [objective.model[v.name] for v in objective.variables]
    try:
        drawn = pm.draw(variables, draws=CANDIDATES * n, random_seed=rng, mode="FAST_COMPILE")
    except NotImplementedError:
        return first + rng.uniform(-1.0, 1.0, size=(n, len(first))), "jitter"
    theta = objective.pack({rv.name: value for rv, value in zip(variables, drawn, strict=True)})
    theta = theta[np.isfinite(theta).all(axis=1)]
    possible = np.isfinite(objective.value(theta)) if len(theta) else np.zeros(0, bool)
    chosen = theta[np.argsort(~possible, kind="stable")[:n]]
    spare = first + rng.uniform(-1.0, 1.0, size=(n - len(chosen), len(first)))
    return np.vstack([chosen, spare]), "prior draw"


def _posterior(objective: Objective, dt: Any, rng: np.random.Generator) -> StartingPoints:
    dataset = draws_of_model(open_group(dt, "posterior"), objective.bambi_terms)
    draws = read_draws(dataset, [v.name for v in objective.variables])
    theta = objective.pack(draws.points(objective))
    values = np.where(np.isfinite(theta).all(axis=1), objective.value(theta), np.inf)
    values = without_lost_digits(RestrictedObjective(objective), theta, values)
    more = rng.permutation(len(theta))[:OTHER_DRAWS]
    best = int(np.nanargmin(values))
    rows = [best, *(int(i) for i in more if i != best and np.isfinite(values[i]))]
    origin = tuple(f"posterior draw (chain {draws.chain[i]}, draw {draws.draw[i]})" for i in rows)
    return StartingPoints(theta[rows], origin)
