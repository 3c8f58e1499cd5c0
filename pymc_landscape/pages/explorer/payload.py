"""What was computed, as the page reads it and as labelled arrays.

On the page, rows of a surface are the second axis and columns the first, as on a map.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import xarray as xr
from scipy import special

from pymc_landscape._typing import Array
from pymc_landscape.numerics import chi2_cutoff
from pymc_landscape.pages.explorer.copied_code import code_templates
from pymc_landscape.pages.explorer.encoded_limits import encode_limits, encode_marginal, encode_pareto_k
from pymc_landscape.pages.explorer.encoding import encode_heights, encode_numbers, json_number, json_numbers
from pymc_landscape.pages.explorer.explored import TOLERANCE, Explored, Surfaces, values_at
from pymc_landscape.pages.explorer.explored_draws import draws_along
from pymc_landscape.pages.explorer.hover import encode_observations
from pymc_landscape.pages.explorer.lakes import find_lakes
from pymc_landscape.pages.explorer.walkers import encode_walks
from pymc_landscape.results import array_dataset, provenance_attributes

SCHEMA = 1
TREATMENTS = {"h": "hold", "p": "profile", "a": "average"}
# χ² levels that the page draws, and the heights up to which it knows every level.
LEVELS, HIGHEST, POINTS = (0.5, 0.9, 0.95, 0.99), 60.0, 601
# Of a chain so many draws are walked.
DRAWS = 2000


def explorer_payload(explored: Explored) -> dict[str, Any]:
    """Return what the page reads, ready for JSON."""
    observations, told = (None, []) if explored.observations is None else encode_observations(explored.observations)
    keys = list(explored.surfaces)
    surfaces, modes, valleys, merges = {}, {}, {}, {}
    for key, surface in explored.surfaces.items():
        delta = _delta(surface.heights, explored.floors[key])
        surfaces[key] = _as_map(delta, explored.floors[key])
        modes[key] = [_mode(explored, key, delta[i], i) for i in range(len(delta))]
        valleys[key], merges[key] = _lakes(explored, delta)
    return {
        "schema": SCHEMA,
        **_head(explored),
        "axes": [_axis(explored, j) for j in range(len(explored.axes))],
        "others": _others(explored),
        "treatments": [word for letter, word in TREATMENTS.items() if any(letter in key for key in keys)],
        "treatment_sizes": {"average": [1]} if any("a" in key for key in keys) else {},
        "prior_weights": list(explored.weights.prior_weights),
        "sizes": list(explored.weights.sizes),
        "weights": explored.weights.effective.tolist(),
        "surfaces": surfaces,
        "modes": modes,
        "merges": merges,
        "valleys": valleys,
        **_levels(),
        **_beside(explored),
        "walkers": _walkers(explored),
        "nuts": _nuts(explored),
        "hover": observations,
        "code": code_templates(explored.axes, explored.draws is not None, bool(explored.others)),
        "notes": [*_approximations(explored), *explored.notes, *told],
    }


def _head(explored: Explored) -> dict[str, Any]:
    fit = explored.fit
    attrs = provenance_attributes(fit.objective.origin)
    names = " and ".join(axis.label for axis in explored.axes)
    model_name = str(attrs.get("model_name") or "")
    return {
        "title": f"The landscape of {model_name or 'a model'}: {names}",
        "model_name": model_name,
        "versions": {package: _version(package) for package in ("pymc-landscape", "pymc", "arviz", "plotly")},
        "created_at": str(attrs["created_at"]),
        "n_observations": fit.n_observations,
        "n_parameters": fit.n_parameters,
        "status": {"value": fit.status.value, "message": fit.message},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _axis(explored: Explored, j: int) -> dict[str, Any]:
    axis, fit = explored.axes[j], explored.fit
    point = explored.modes.point(0)
    estimate = float(values_at(fit.objective, [axis.label], point)[0]) if fit.status.is_optimum else np.nan
    return {
        "label": axis.label,
        "values": axis.values.tolist(),
        "scale": axis.scale,
        "estimate": json_number(estimate),
        "bounds": json_numbers(axis.bounds),
    }


def _others(explored: Explored) -> list[dict[str, Any]]:
    """Return the other parameters: one or two by themselves, more as one entry, for they are treated together."""
    labels, objective = explored.others, explored.fit.objective
    if not labels:
        return []
    estimates = json_numbers(values_at(objective, labels, explored.modes.point(0)))
    elements = [{"label": label, "estimate": value} for label, value in zip(labels, estimates, strict=True)]
    if explored.separate:
        return elements
    return [{"label": f"the other {len(labels)} parameters", "estimate": None, "elements": elements}]


# --- surfaces --------------------------------------------------------------------------------------------------------


def _delta(heights: Array, floors: Array) -> Array:
    """Return heights above the floor; what is lower by rounding is on it."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.maximum(heights - floors.reshape(-1, *[1] * (heights.ndim - 1)), 0.0))


def _as_map(delta: Array, floors: Array) -> dict[str, Any]:
    on_map = np.swapaxes(delta, 1, 2) if delta.ndim == 3 else delta
    return {**encode_heights(on_map), "floor": json_numbers(floors)}


def _mode(explored: Explored, key: str, delta: Array, i: int) -> dict[str, Any]:
    """Return the mode on the axes: of an average, the lowest point of the grid."""
    axes, modes = explored.axes, explored.modes
    if "a" in key:
        place = np.unravel_index(int(np.nanargmin(np.where(np.isfinite(delta), delta, np.inf))), delta.shape)
        lowest = [float(axis.values[k]) for axis, k in zip(axes, place, strict=True)]
        return {"x": lowest, "minus2ll": None, "status": "grid", "message": "The lowest point of the grid."}
    row = modes.path.isel(weight=i)
    status = str(row["status"].item())
    if not modes.is_optimum(i):
        message = explored.fit.message if i == 0 else str(modes.path.attrs.get("message", ""))
        return {"x": [None] * len(axes), "minus2ll": None, "status": status, "message": message}
    at = json_numbers(values_at(modes.objective, [axis.label for axis in axes], modes.point(i)))
    return {"x": at, "minus2ll": json_number(float(row["minus2ll"])), "status": status, "message": ""}


def _lakes(explored: Explored, delta: Array) -> tuple[list[Any], list[Any]]:
    """Return lakes and passes by weight."""
    valleys, merges = [], []
    for heights in delta:
        lakes, passes = find_lakes(heights, [axis.values for axis in explored.axes])
        valleys.append([{"at": _place(explored, lake.at), "height": lake.height} for lake in lakes])
        merges.append([{"at": _place(explored, p.at), "height": p.height, "valleys": list(p.lakes)} for p in passes])
    return valleys, merges


def _place(explored: Explored, at: tuple[int, ...]) -> list[float]:
    return [float(axis.values[k]) for axis, k in zip(explored.axes, at, strict=True)]


def _levels() -> dict[str, Any]:
    delta = np.linspace(0.0, HIGHEST, POINTS)
    df1, df2 = (special.chdtr(df, delta).tolist() for df in (1, 2))
    cutoffs = [{"level": level, "df1": chi2_cutoff(level, 1), "df2": chi2_cutoff(level, 2)} for level in LEVELS]
    return {"levels": {"delta": delta.tolist(), "df1": df1, "df2": df2}, "cutoffs": cutoffs}


# --- beside the map --------------------------------------------------------------------------------------------------


def _beside(explored: Explored) -> dict[str, Any]:
    side, path = explored.posterior, explored.modes.path
    assert side is not None
    floors = explored.floors[next(iter(explored.floors))]
    margins, shares = [], []
    for j, axis in enumerate(explored.axes):
        profile = explored.profiles[j]
        margins.append(
            {
                "values": axis.values.tolist(),
                "slice": encode_heights(_delta(explored.slices[j].heights, floors)),
                "profile": None if profile is None else encode_heights(_delta(profile.heights, floors)),
                "marginal": encode_marginal(side.marginals[j]),
            }
        )
        own = path["prior_share"].sel(parameter=axis.label) if axis.label in path["parameter"] else None
        shares.append([None] * path.sizes["weight"] if own is None else json_numbers(own.values))
    return {
        "limits": encode_limits(side, explored.limits, explored.weights),
        "margins": margins,
        "prior_share": shares,
        "sentences": explored.sentences,
        "pareto_k": encode_pareto_k(side),
    }


def _walkers(explored: Explored) -> dict[str, Any] | None:
    walks = explored.walks
    if walks is None or not walks.paths:
        return None
    return encode_walks(walks, explored.axes, explored.fit.objective, _likelihood_floor(explored))


def _likelihood_floor(explored: Explored) -> float:
    return float(explored.floors[next(iter(explored.floors))][0])


def _nuts(explored: Explored) -> dict[str, Any] | None:
    """Return successive draws of each chain on the axes; of many, the first ones of each."""
    if explored.draws is None:
        return None
    draws = explored.draws
    chains, length = draws.shape
    kept = min(length, DRAWS // chains)
    rows = (np.arange(chains)[:, None] * length + np.arange(kept)).ravel()
    on_axes = draws_along(draws, [axis.label for axis in explored.axes])[rows]
    delta = np.maximum(draws.minus2ll[rows] - _likelihood_floor(explored), 0.0)
    out = dict(zip(("x", "y"), map(encode_numbers, on_axes.T), strict=False))
    return {**out, "delta": encode_numbers(delta), "chain": np.repeat(np.arange(chains), kept).tolist()}


def _approximations(explored: Explored) -> list[str]:
    """Say what on the page is approximate."""
    notes = []
    if explored.fit.message and not explored.fit.status.is_optimum:
        notes.append(explored.fit.message)
    between = [s.error for s in (*explored.surfaces.values(), *explored.profiles) if s is not None and s.error > 0]
    if between:
        notes.append(
            "Profiles are solved at some points of the grid; between them the density is evaluated at interpolated "
            f"values of the other parameters, which was checked to be right to {max(between) * TOLERANCE:.1g} of −2LL "
            "where the surface is low."
        )
    return notes


# --- as labelled arrays ----------------------------------------------------------------------------------------------


def explorer_results(explored: Explored) -> dict[str, xr.Dataset]:
    """Return the same numbers as Datasets, by name of a group."""
    weights = explored.weights.effective
    coords = {axis.label: axis.values for axis in explored.axes}
    attrs = provenance_attributes(explored.fit.objective.origin, status=explored.fit.status.value)
    groups = {"modes": explored.modes.path}
    for key, surface in explored.surfaces.items():
        data = {
            "delta": (("weight", *coords), _delta(surface.heights, explored.floors[key])),
            "floor": ("weight", explored.floors[key]),
        }
        name = "_".join(["surface", *(TREATMENTS[letter] for letter in key)])
        groups[name] = array_dataset(data, {"weight": weights, **coords}, attrs)
    for name, curves in (("slices", explored.slices), ("profiles", explored.profiles)):
        groups |= _margins(explored, name, curves, weights)
    if explored.limits is not None:
        groups["limits"] = explored.limits
    if explored.walks is not None:
        groups |= {f"descent_{name.replace('-', '_')}": path for name, path in explored.walks.paths.items()}
    return groups


def _margins(explored: Explored, name: str, curves: Sequence[Surfaces | None], weights: Array) -> dict[str, xr.Dataset]:
    floors = explored.floors[next(iter(explored.floors))]
    data = {
        axis.label: (("weight", f"{axis.label}_value"), _delta(curve.heights, floors))
        for axis, curve in zip(explored.axes, curves, strict=True)
        if curve is not None
    }
    coords = {f"{axis.label}_value": axis.values for axis in explored.axes}
    return {name: array_dataset(data, {"weight": weights, **coords})} if data else {}
