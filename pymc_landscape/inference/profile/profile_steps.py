"""Steps as the Dataset keeps them, and a profile resumed from them.

One step of a profile as its Dataset keeps it, and the way back from there to a point of the surface.

A profile that was traced before, maybe in a file, taken apart so that it can be carried on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import xarray as xr

from pymc_landscape._typing import Array
from pymc_landscape.inference.profile.constrained_point import ConstrainedPoint, evaluate_at
from pymc_landscape.inference.profile.continuation import ProfileStep, State
from pymc_landscape.inference.profile.quantities import Quantity, find_quantities
from pymc_landscape.numerics import noise
from pymc_landscape.objective import RestrictedObjective
from pymc_landscape.optimize import Fit

# Of the value at a step: by more than this it is another surface, or another optimum.
SAME = 1e-6


@dataclass(frozen=True)
class StoredStep:
    """One step of a profile.

    Parameters
    ----------
    value, rise, slope : float
        The quantity, natural; Δ(−2LL) there; its slope by the quantity.
    state : str
        What the step is.
    path : array (n,)
        Natural values of all free elements.
    point : ConstrainedPoint, optional
        The point, where it was looked at just now.
    """

    value: float
    rise: float
    slope: float
    state: State
    path: Array
    point: ConstrainedPoint | None = None


def stored_step(step: ProfileStep, estimate: ConstrainedPoint) -> StoredStep:
    """Write down a step."""
    point = step.point
    rise = max(point.value - estimate.value, 0.0)
    return StoredStep(point.natural, rise, point.natural_slope, step.state, natural_vector(point), point)


def natural_vector(point: ConstrainedPoint) -> Array:
    """Return the natural values of all free elements."""
    natural = point.restricted.natural_point(point.x)
    return np.concatenate([np.ravel(natural[v.name]) for v in point.restricted.objective.variables])


def coordinate(stored: StoredStep, restricted: RestrictedObjective, quantity: Quantity) -> float:
    """Return the coordinate of a step as `frame` has it."""
    return quantity.evaluate(restricted, restricted.restrict(restricted.objective.layout().split(stored.path))).value


def point_at_step(stored: StoredStep, estimate: ConstrainedPoint) -> ConstrainedPoint:
    """Return the point of a step; where it comes out of a file, look at it again.

    Raises
    ------
    ValueError
        If −2LL is not what it was.
    """
    if stored.point is not None:
        return stored.point
    restricted = _restriction_of(estimate, stored)
    point = evaluate_at(
        restricted, estimate.quantity, restricted.restrict(restricted.objective.layout().split(stored.path))
    )
    if not abs(point.value - estimate.value - stored.rise) <= SAME * (1.0 + stored.rise) + point.rounding():
        raise ValueError(
            f"Expected a profile of this model and data, got one of {estimate.quantity.label!r} that is "
            f"{stored.rise:.6g} above the minimum where -2LL is now {point.value - estimate.value:.6g} above it: "
            "pass the fit that it was traced from."
        )
    return point


def _restriction_of(estimate: ConstrainedPoint, stored: StoredStep) -> RestrictedObjective:
    """Return the frame in which the elements that a step has on an edge are held there."""
    quantity, objective = estimate.quantity, estimate.restricted.objective
    own = (quantity.element[0].name, quantity.element[1]) if quantity.element else None
    fixed: dict[tuple[str, int], float] = {}
    for v in objective.variables:
        values = np.ravel(estimate.restricted.objective.layout().split(stored.path)[v.name])
        if v.elementwise and not v.discrete:
            fixed |= {(v.name, i): x for i, x in enumerate(values.tolist()) if x in v.limits(i) and (v.name, i) != own}
    natural = frozenset(name for name, _ in fixed)
    if own is not None and own[0] in estimate.restricted.natural:
        natural |= {own[0]}
    return RestrictedObjective.fixing(objective, fixed, natural)


# Of −2LL at the minimum: two fits of the same model and data end closer than this.
SAME_STEP = 1e-6
NEEDED = ("value", "delta_minus2ll", "slope", "status", "path", "estimate")


class Earlier:
    """The steps of an earlier profile.

    Parameters
    ----------
    profile : Dataset
        What ``profile_likelihood`` returned.
    fit : Fit
        What it is to be carried on from.

    Raises
    ------
    TypeError, ValueError
        If it is no profile, or that of another model or other data.
    """

    def __init__(self, profile: xr.Dataset, fit: Fit):
        _refuse_another(profile, fit)
        self.profile = profile if "parameter" in profile.dims else profile.expand_dims("parameter")
        self.labels = [str(label) for label in self.profile["parameter"].values]
        self.combinations: dict[str, dict[str, float]] = json.loads(profile.attrs.get("combinations", "{}"))
        self.level = float(profile.attrs["level"])
        self.zeta_step = float(profile.attrs["zeta_step"])

    def quantities(self, fit: Fit) -> list[Quantity]:
        """Return what was profiled."""
        asked: list[Any] = [
            {label: self.combinations[label]} if label in self.combinations else label for label in self.labels
        ]
        return [quantity for one in asked for quantity in find_quantities(fit.objective, one)]

    def sides(self, quantity: Quantity) -> tuple[list[StoredStep], list[StoredStep]]:
        """Return the steps of both sides, from the estimate outward; none of a quantity that was not traced."""
        if quantity.label not in self.labels:
            return [], []
        row = self.profile.isel(parameter=self.labels.index(quantity.label)).sortby("step")
        step = row["step"].to_numpy()
        return self._steps(row, step[step < 0][::-1]), self._steps(row, step[step > 0])

    def _steps(self, row: xr.Dataset, steps: Any) -> list[StoredStep]:
        side = row.sel(step=steps)
        numbers = [side[name].to_numpy().astype(float).tolist() for name in ("value", "delta_minus2ll", "slope")]
        status, path = side["status"].to_numpy().astype(str).tolist(), side["path"].transpose("step", ...).to_numpy()
        made = zip(*numbers, status, path, strict=True)
        return [StoredStep(v, rise, slope, cast(State, word), at) for v, rise, slope, word, at in made if word]


def as_json(var_names: Any) -> str:
    """Return linear combinations as the attribute in which a profile keeps them."""
    kept = {str(k): {str(n): float(w) for n, w in v.items()} for k, v in var_names.items()} if var_names else {}
    return json.dumps(kept)


def combinations_of(var_names: Any, earlier: Earlier | None) -> dict[str, Mapping[str, float]]:
    """Return the linear combinations that were asked for, or were profiled earlier."""
    before = earlier.combinations if earlier is not None else {}
    return {**before, **(var_names if isinstance(var_names, Mapping) else {})}


def _refuse_another(profile: Any, fit: Fit) -> None:
    if not isinstance(profile, xr.Dataset):
        raise TypeError(f"Expected the Dataset of profile_likelihood as start, got {type(profile).__name__}.")
    if any(name not in profile for name in NEEDED) or "zeta_step" not in profile.attrs:
        raise ValueError(f"Expected the Dataset of profile_likelihood as start, got {list(profile)}.")
    labels = [label for v in fit.objective.variables for label in v.labels]
    theirs = [str(label) for label in profile["parameter_bis"].values]
    if theirs != labels:
        raise ValueError(f"Expected a profile of a model with the parameters {labels}, got one with {theirs}.")
    kind = "map" if fit.is_map else "mle"
    if profile.attrs["kind"] != kind:
        raise ValueError(f"Expected a profile of the same surface ({kind}), got {profile.attrs['kind']!r}.")
    theirs_lowest = float(profile.attrs["minus2ll"])
    if not np.isclose(theirs_lowest, fit.minus2ll, rtol=0.0, atol=SAME_STEP + noise(fit.minus2ll)):
        raise ValueError(
            f"Expected a profile of this model and data, with a minimum of -2LL of {fit.minus2ll:.6f}, got one with "
            f"{theirs_lowest:.6f}: pass the fit that it was traced from, or trace it anew without start."
        )
