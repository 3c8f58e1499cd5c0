"""Surfaces under every weight of the prior, with each other parameter held, at its best, or averaged.

A profile is a minimisation a point; it is solved at some points and weights, and between them the other parameters are
interpolated. The density at interpolated values is above the profile by the square of their error, so that few points
serve; some of what lies between is solved as well, and where that is lower, everything is.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from scipy.interpolate import make_interp_spline

from pymc_landscape._typing import Array
from pymc_landscape.landscape import evaluate_landscape, regular_grid
from pymc_landscape.objective import Objective, affordable_evaluations
from pymc_landscape.pages.explorer.explored import TOLERANCE, ChosenAxis, Modes, Surfaces, values_at
from pymc_landscape.pages.explorer.profile_envelope import LOW, corner_candidates, densities, lowered

# Along each axis every so many points are solved, and so many weights; then more, and at last all.
STRIDES, KNOTS = (4, 2), (4, 7)
# But not where that would take more than so many times the evaluations that are affordable; then so few weights serve.
MOST, FEWEST = 50, 2
# What is taken from neighbours may be above what is solved by this, in units of TOLERANCE, or there is no profile.
CRUDE = 100.0
# So far, relative to the height above the floor, may what is interpolated be above what is solved, beside TOLERANCE.
RELATIVE = 2e-3
# Points along each axis, and weights, at which that is tried.
TRIED = 3
# An average of so few affordable evaluations takes minutes; its values are integrals, good to about this much.
WORTH, AVERAGE_TOLERANCE = 4, 0.02
# So many points for each affordable evaluation is an average worth: some seconds.
AVERAGE_POINTS = 300
TOO_LONG = "the integral would take minutes."
# What a solved point is called.
SOLVED = ("converged", "at_bound")


def held(axes: Sequence[ChosenAxis], modes: Modes) -> Surfaces:
    """Return slices, with the other parameters held at the mode under each weight."""
    values = {axis.label: axis.values for axis in axes}
    weights = modes.path["weight"].values
    surface = _evaluated(modes.objective, values, modes.point(0))
    heights = [_weighted(surface, float(weights[0]))]
    for i, weight in enumerate(weights[1:].tolist(), start=1):
        if len(values) < modes.objective.size:  # something is held, and not at the same place under another prior
            surface = _evaluated(modes.objective, values, modes.point(i))
        heights.append(_weighted(surface, weight))
    return Surfaces(np.stack(heights))


def profiled(axes: Sequence[ChosenAxis], modes: Modes, kept: Sequence[str] = ()) -> Surfaces:
    """Return profiles: the other parameters at their best at each point, under each weight.

    Parameters
    ----------
    axes : sequence of ChosenAxis
        The axes.
    modes : Modes
        The modes by weight.
    kept : sequence of str
        Natural elements that are held all the same, at the mode under each weight.
    """
    weights = modes.path["weight"].values
    budget = MOST * max(affordable_evaluations(modes.objective), 1)
    before: tuple[list[Any], Any, list[xr.Dataset]] | None = None
    for stride, knots in zip((*STRIDES, 1), (*KNOTS, len(weights)), strict=True):
        some = [_some(len(axis.values), -(-len(axis.values) // stride)) for axis in axes]
        which = _some_weights(weights, knots)
        number = len(which) * int(np.prod([len(own) for own in some]))
        if before is not None and _evaluations(before[2], number) > budget:
            return _from_corners(axes, modes, *before, kept)
        if number == len(weights) * int(np.prod([len(axis.values) for axis in axes])):
            break
        solved = [_profile(axes, modes, some, 0, kept)]
        if _evaluations(solved, number) > budget:
            which = _some_weights(weights, FEWEST)
        solved += [_profile(axes, modes, some, i, kept) for i in which[1:]]
        found = _interpolated(axes, modes, some, which, solved, kept)
        if found is not None:
            return found
        before = some, which, solved
    everywhere = [np.arange(len(axis.values)) for axis in axes]
    solved = [_profile(axes, modes, everywhere, i, kept) for i in range(len(weights))]
    heights = np.stack([_weighted(surface, float(weight)) for surface, weight in zip(solved, weights, strict=True)])
    path = solved[0]["path"].transpose(*(axis.label for axis in axes), "parameter").values
    return Surfaces(heights, path, notes=_told(solved, weights))


def averaged(axes: Sequence[ChosenAxis], modes: Modes) -> Surfaces:
    """Return the likelihood averaged over the prior of the other parameters, under each weight of the axes' prior.

    Parameters
    ----------
    axes : sequence of ChosenAxis
        The axes.
    modes : Modes
        The modes by weight.

    Raises
    ------
    ValueError
        If the model cannot be integrated over them, or not in a time that a page is worth.
    """
    own = modes.objective
    on_axes = {own.find(axis.label).variable.name for axis in axes}
    names = [v.name for v in own.variables if v.name not in on_axes]
    if sum(int(np.prod(v.value_shape)) for v in own.variables if v.name in on_axes) > len(axes) or not names:
        raise ValueError("an axis is an element of an array, whose other elements have no integral of their own.")
    integrated = Objective(own.model, latent=[*own.latent, *names], potentials=own.potentials)
    affordable = affordable_evaluations(integrated)
    if affordable < WORTH:
        raise ValueError(TOO_LONG)
    some = [_some(len(axis.values), -(-len(axis.values) // STRIDES[0])) for axis in axes]
    values = {axis.label: axis.values[take] for axis, take in zip(axes, some, strict=True)}
    tried = [_between(take, len(axis.values)) for axis, take in zip(axes, some, strict=True)]
    if int(np.prod([len(take) for take in some])) > AVERAGE_POINTS * affordable:
        raise ValueError(TOO_LONG)
    exact = _evaluated(integrated, {a.label: a.values[t] for a, t in zip(axes, tried, strict=True)}, None)
    surface = _evaluated(integrated, values, None)
    likelihood, log_prior = (surface[name].values for name in ("minus2ll", "log_prior"))
    whole = [_on_all(array, axes, some) for array in (likelihood, log_prior)]
    off = np.abs(whole[0][np.ix_(*tried)] - exact["minus2ll"].values)
    rise = exact["minus2ll"].values - np.nanmin(likelihood)
    if not (off <= AVERAGE_TOLERANCE + RELATIVE * rise).all():
        if int(np.prod([len(axis.values) for axis in axes])) > AVERAGE_POINTS * affordable:
            raise ValueError(TOO_LONG)
        surface = _evaluated(integrated, {axis.label: axis.values for axis in axes}, None)
        whole = [surface[name].values for name in ("minus2ll", "log_prior")]
    heights = [weighted_heights(whole[0], whole[1], float(weight)) for weight in modes.path["weight"].values]
    return Surfaces(np.stack(heights))


def _on_all(values: Array, axes: Sequence[ChosenAxis], some: Sequence[Any]) -> Array:
    """Interpolate what was evaluated at some points to all points of the axes."""
    for j, (axis, own) in enumerate(zip(axes, some, strict=True)):
        values = np.asarray(make_interp_spline(axis.spots[own], values, k=min(3, len(own) - 1), axis=j)(axis.spots))
    return values


# --- evaluations -----------------------------------------------------------------------------------------------------


def _evaluated(objective: Objective, values: dict[str, Array], at: Any, **options: Any) -> xr.Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what has no value is seen on the page
        surface = evaluate_landscape(objective, regular_grid(values), at=at, progressbar=False, **options)
    return surface.transpose(*values, ...)


def _weighted(surface: xr.Dataset, weight: float) -> Array:
    """Return −2 (log L + weight · log prior), ∞ outside the support."""
    height = "penalized_minus2ll" if "penalized_minus2ll" in surface else "minus2ll"
    return weighted_heights(surface[height].values, surface["log_prior"].values, weight)


def weighted_heights(minus2ll: Array, log_prior: Array, weight: float) -> Array:
    """Return −2 log L − 2 · weight · log prior; without weight, the prior is not asked, also where it is zero."""
    return minus2ll if weight == 0 else minus2ll - 2.0 * weight * log_prior


def _profile(axes: Sequence[ChosenAxis], modes: Modes, some: Sequence[Any], i: int, kept: Sequence[str]) -> xr.Dataset:
    """Solve some points of the grid under weight i."""
    weight = float(modes.path["weight"][i])
    objective = modes.objective.with_prior_weight(weight) if weight else modes.objective
    values = {axis.label: axis.values[own] for axis, own in zip(axes, some, strict=True)}
    held_at = values_at(modes.objective, kept, modes.point(i))
    values |= {label: held_at[j : j + 1] for j, label in enumerate(kept)}
    at: Any = modes.fit if weight == 0 and modes.fit.status.is_optimum else modes.point(i)
    return _evaluated(objective, values, at, nuisance="profile").isel(dict.fromkeys(kept, 0))


def _told(solved: Sequence[xr.Dataset], weights: Array) -> list[str]:
    """Say at how many points there is no profile."""
    for surface, weight in zip(solved, weights, strict=True):
        bad = int(np.isin(surface["status"].values, ("failed", "unbounded")).sum())
        if bad:
            return [
                f"With the other parameters at their best, {bad} of {surface['status'].size} points have no minimum "
                f"over them (prior weight {weight:g}): these are left blank, or may be lower."
            ]
    return []


# --- between what was solved -----------------------------------------------------------------------------------------


def _interpolated(
    axes: Sequence[ChosenAxis],
    modes: Modes,
    some: Sequence[Any],
    which: Any,
    solved: Sequence[xr.Dataset],
    kept: Sequence[str],
) -> Surfaces | None:
    """Evaluate the density between points that were solved under some weights; None where that fails."""
    if not all(np.isin(surface["status"].values, SOLVED).all() for surface in solved):
        return None
    weights, dims = modes.path["weight"].values, [axis.label for axis in axes]
    paths = np.stack([surface["path"].transpose(*dims, "parameter").values for surface in solved])
    whole = _spread(np.sqrt(weights[which]), paths, 0, np.sqrt(weights))
    for j, (axis, own) in enumerate(zip(axes, some, strict=True)):
        whole = _spread(axis.spots[own], whole, j + 1, axis.spots)
    _put_known(axes, modes, whole, kept, range(len(weights)))
    heights = np.stack([_heights(modes.objective, rows, float(w)) for rows, w in zip(whole, weights, strict=True)])
    error = _error(axes, modes, heights, some, which, kept)
    return Surfaces(heights, whole[0], error) if error <= 1.0 else None


def _from_corners(
    axes: Sequence[ChosenAxis],
    modes: Modes,
    some: Sequence[Any],
    which: Any,
    solved: Sequence[xr.Dataset],
    kept: Sequence[str],
) -> Surfaces:
    """Return the lower envelope of what was solved at the corners of each cell, brought down from there."""
    weights, dims = modes.path["weight"].values, [axis.label for axis in axes]
    paths = np.stack([surface["path"].transpose(*dims, "parameter").values for surface in solved])
    found = []
    if kept:  # at another place under each weight
        for i, weight in enumerate(weights.tolist()):
            nearest = int(np.abs(weights[which] - weight).argmin())
            some_rows = corner_candidates(axes, some, paths[nearest : nearest + 1])
            rows, minus2ll, log_prior = _envelope(axes, modes, some_rows, [i], kept)
            found.append((weighted_heights(minus2ll, log_prior, weight), rows))
    else:
        rows, minus2ll, log_prior = _envelope(axes, modes, corner_candidates(axes, some, paths), which, kept)
        found = [(weighted_heights(minus2ll, log_prior, weight), rows) for weight in weights.tolist()]
    heights = np.stack([candidates.min(axis=0) for candidates, _ in found])
    path = _lowest_rows(*found[0])
    error = _error(axes, modes, heights, some, which, kept, upper=True)
    if error > CRUDE:
        raise ValueError(
            f"the profile jumps between branches, and is known to {error * TOLERANCE:.1g} of −2LL only in a time that "
            "a page is worth; a grid by evaluate_landscape(nuisance='profile') solves every point."
        )
    return Surfaces(heights, path, error, _told(solved, weights[which]), has_branches=True)


def _envelope(
    axes: Sequence[ChosenAxis], modes: Modes, rows: Array, which: Any, kept: Sequence[str]
) -> tuple[Array, Array, Array]:
    """Return candidates with what they become under some weights by a few steps down, their −2LL and log priors."""
    objective, fixed = modes.objective, [*(axis.label for axis in axes), *kept]
    _put_known(axes, modes, rows, kept, [which[0]] * len(rows))
    minus2ll, log_prior = densities(objective, rows)
    for i in which:
        weight = float(modes.path["weight"][i])
        heights = weighted_heights(minus2ll, log_prior, weight)
        own = objective.with_prior_weight(weight) if weight else objective
        lower = lowered(own, fixed, _lowest_rows(heights, rows), heights.min(axis=0))[None]
        _put_known(axes, modes, lower, kept, [i])
        new = densities(objective, lower)
        rows = np.concatenate([rows, lower])
        minus2ll, log_prior = np.concatenate([minus2ll, new[0]]), np.concatenate([log_prior, new[1]])
    return rows, minus2ll, log_prior


def _lowest_rows(heights: Array, rows: Array) -> Array:
    return np.asarray(np.take_along_axis(rows, heights.argmin(axis=0)[None, ..., None], axis=0)[0])


def _evaluations(solved: Sequence[xr.Dataset], number: int) -> float:
    """Return how many evaluations so many points would take, at the rate of those that were solved."""
    points = sum(surface["status"].size for surface in solved)
    return number / points * sum(int(surface.attrs["n_evaluations"]) for surface in solved)


def _put_known(
    axes: Sequence[ChosenAxis], modes: Modes, whole: Array, kept: Sequence[str], which: Sequence[int]
) -> None:
    """Put the axes' own values where natural elements are on axes, and those of the modes where they are held."""
    labels = list(modes.objective.layout().labels)
    for k, i in enumerate(which if kept else ()):
        for label, value in zip(kept, values_at(modes.objective, kept, modes.point(i)), strict=True):
            whole[k, ..., labels.index(label)] = value
    for j, axis in enumerate(axes):
        if axis.label in labels:
            shape = [1] * (whole.ndim - 1)
            shape[j + 1] = -1
            whole[..., labels.index(axis.label)] = axis.values.reshape(shape)


def _spread(spots: Array, values: Array, along: int, to: Array) -> Array:
    """Interpolate by cubic splines along one dim, and stay between the lowest and the highest that was solved."""
    if len(spots) == 1:
        return np.repeat(values, len(to), axis=along)
    spline = make_interp_spline(spots, values, k=min(3, len(spots) - 1), axis=along)
    low, high = values.min(axis=along, keepdims=True), values.max(axis=along, keepdims=True)
    return np.asarray(np.clip(spline(to), low, high))


def _heights(objective: Objective, rows: Array, weight: float) -> Array:
    values = objective.engine("density").at(rows.reshape(-1, rows.shape[-1]))
    heights: Array = weighted_heights(objective.total(values), values["log_prior"], weight).reshape(rows.shape[:-1])
    return heights


def _error(
    axes: Sequence[ChosenAxis],
    modes: Modes,
    heights: Array,
    some: Sequence[Any],
    which: Any,
    kept: Sequence[str],
    upper: bool = False,
) -> float:
    """Return how far what was interpolated is above what is solved, in units of what it may be.

    Of what is an `upper` bound, only where the surface is low, and where something was solved.
    """
    tried = [_between(own, len(axis.values)) for axis, own in zip(axes, some, strict=True)]
    left = [i for i in range(len(heights)) if i not in which] or [len(heights) // 2]
    worst = 0.0
    for i in dict.fromkeys([left[0], left[len(left) // 2], left[-1]]):
        solved = _weighted(_profile(axes, modes, tried, i, kept), float(modes.path["weight"][i]))
        excess = heights[i][np.ix_(*tried)] - solved
        rise = solved - np.nanmin(np.append(solved, heights[i][np.isfinite(heights[i])]))
        with np.errstate(invalid="ignore"):
            share = excess / (TOLERANCE + RELATIVE * rise)
        if upper:
            share = np.where(rise <= LOW, share, 0.0)
        worst = max(worst, float(np.max(np.nan_to_num(share, nan=np.inf, posinf=np.inf))))
    return worst


def _some(size: int, number: int) -> Any:
    return np.unique(np.linspace(0, size - 1, max(min(size, number), 2)).round().astype(int))


def _some_weights(weights: Array, number: int) -> Any:
    """Return the positions of the first and last weight, and of some between, closer where weights are small."""
    if len(weights) <= number:
        return np.arange(len(weights))
    roots = np.sqrt(weights)
    wanted = np.linspace(roots[0], roots[-1], number)
    return np.unique([int(np.abs(roots - root).argmin()) for root in wanted])


def _between(some: Any, size: int) -> Any:
    """Return a few points of an axis that lie between those that were solved."""
    left = np.setdiff1d(np.arange(size), some)
    return left[_some(len(left), TRIED)] if len(left) else some[_some(len(some), TRIED)]
