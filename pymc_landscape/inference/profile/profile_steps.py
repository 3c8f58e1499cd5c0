"""Steps of a profile as its Dataset keeps them, and an earlier profile, maybe out of a file, from which one goes on."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array, VarNames
from pymc_landscape.arguments import wrong_type
from pymc_landscape.inference.profile.constrained_point import ConstrainedPoint, evaluate_at
from pymc_landscape.inference.profile.continuation import ProfileStep, State
from pymc_landscape.inference.profile.quantities import Quantity, find_quantities
from pymc_landscape.numerics import noise
from pymc_landscape.objective import RestrictedObjective, distances_to_bounds, has_vector_bounds
from pymc_landscape.objective.observations import data_digest, result_origin
from pymc_landscape.optimize import Fit

# −2LL at a step or at the minimum: by more than this it is another surface, or another optimum.
SAME = 1e-6


@dataclass(frozen=True)
class StoredStep:
    """One step of a profile.

    Parameters
    ----------
    value, rise, slope : float
        The quantity, natural; Δ(−2LL) there; its slope by the quantity.
    state : str
        As the status of the Dataset.
    path : array (n,)
        Natural values of all free elements.
    point : ConstrainedPoint, optional
        The point, where it was evaluated in this run.
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
    """Return the coordinate of a step on the scale of `restricted`."""
    return quantity.evaluate(restricted, restricted.restrict(restricted.objective.layout().split(stored.path))).value


def point_at_step(stored: StoredStep, estimate: ConstrainedPoint) -> ConstrainedPoint:
    """Return the point of a step; where it comes out of a file, evaluated again.

    Raises
    ------
    ValueError
        If −2LL is not what it was.
    """
    if stored.point is not None:
        return stored.point
    restricted = _restriction_of(estimate, stored)
    x = restricted.restrict(restricted.objective.layout().split(stored.path))
    point = evaluate_at(restricted, estimate.quantity, x)
    if not abs(point.value - estimate.value - stored.rise) <= SAME * (1.0 + stored.rise) + point.rounding():
        raise ValueError(
            f"Expected a profile of this model and data, got one of {estimate.quantity.label!r} that is "
            f"{stored.rise:.6g} above the minimum where -2LL is now {point.value - estimate.value:.6g} above it: "
            "pass the fit that it was traced from."
        )
    return point


def _restriction_of(estimate: ConstrainedPoint, stored: StoredStep) -> RestrictedObjective:
    """Return the objective with those elements fixed that a step has at a bound."""
    quantity, objective = estimate.quantity, estimate.restricted.objective
    own, point = quantity.own, objective.layout().split(stored.path)
    fixed: dict[tuple[str, int], float] = {}
    for v in objective.variables:
        values = np.ravel(point[v.name])
        if has_vector_bounds(v):
            tied = np.flatnonzero(distances_to_bounds(v, values) == 0).tolist()
            fixed |= {(v.name, i): 0.0 for i in tied if (v.name, i) != own}
        if v.elementwise and not v.discrete:
            fixed |= {(v.name, i): x for i, x in enumerate(values.tolist()) if x in v.limits(i) and (v.name, i) != own}
    natural = frozenset(name for name, _ in fixed)
    if own is not None and own[0] in estimate.restricted.natural:
        natural |= {own[0]}
    return RestrictedObjective.fixing(objective, fixed, natural, point)


NEEDED = ("value", "delta_minus2ll", "slope", "status", "path", "estimate")


class EarlierProfile:
    """The steps of an earlier profile.

    Parameters
    ----------
    profile : Dataset
        What ``profile_likelihood`` returned.
    fit : Fit
        The fit whose profile it is.
    only_finished : bool
        Whether profiles that were not finished are left out, so that they are traced as if nothing had been.

    another_optimum : bool
        Whether it is known to be of a lower optimum than the fit's.

    Attributes
    ----------
    finished : dict of str to float
        The level out to which a quantity was profiled, by label; those that were interrupted have none.

    Raises
    ------
    TypeError, ValueError
        If it is no profile, or that of another model or other data.
    """

    def __init__(self, profile: xr.Dataset, fit: Fit, only_finished: bool = False, another_optimum: bool = False):
        _refuse_another(profile, fit, another_optimum)
        self.profile = profile if "parameter" in profile.dims else profile.expand_dims("parameter")
        self.labels = [str(label) for label in self.profile["parameter"].values]
        self.combinations: dict[str, dict[str, float]] = json.loads(profile.attrs.get("combinations", "{}"))
        self.level = float(profile.attrs["level"])
        self.zeta_step = float(profile.attrs["zeta_step"])
        self.finished: dict[str, float] = json.loads(profile.attrs.get("finished", "{}"))
        self._only_finished = only_finished

    def quantities(self, fit: Fit) -> list[Quantity]:
        """Return what was profiled."""
        asked: list[Any] = [
            {label: self.combinations[label]} if label in self.combinations else label for label in self.labels
        ]
        return [quantity for one in asked for quantity in find_quantities(fit.objective, one)]

    def sides(self, quantity: Quantity) -> tuple[list[StoredStep], list[StoredStep]]:
        """Return the steps of both sides, from the estimate outward; none of a quantity that was not traced."""
        if quantity.label not in (self.finished if self._only_finished else self.labels):
            return [], []
        row = self.profile.isel(parameter=self.labels.index(quantity.label)).sortby("step")
        step = row["step"].values
        return self._steps(row, step[step < 0][::-1]), self._steps(row, step[step > 0])

    def _steps(self, row: xr.Dataset, steps: NDArray[np.int64]) -> list[StoredStep]:
        side = row.sel(step=steps)
        numbers = [side[name].values.astype(float).tolist() for name in ("value", "delta_minus2ll", "slope")]
        status, path = side["status"].values.astype(str).tolist(), side["path"].transpose("step", ...).values
        made = zip(*numbers, status, path, strict=True)
        return [StoredStep(v, rise, slope, cast(State, word), at) for v, rise, slope, word, at in made if word]


def combinations_of(var_names: VarNames | None, earlier: EarlierProfile | None = None) -> dict[str, dict[str, float]]:
    """Return the linear combinations that were asked for, or were profiled earlier, as a profile keeps them."""
    combinations = dict(earlier.combinations) if earlier is not None else {}
    if isinstance(var_names, Mapping):
        asked = {str(k): {str(n): float(w) for n, w in v.items()} for k, v in var_names.items()}
        for label, weights in asked.items():
            if earlier is not None and label in earlier.labels and combinations.get(label, weights) != weights:
                raise ValueError(
                    f"Expected the combination {label!r} of the earlier profile, {combinations[label]}, got {weights}: "
                    "give it another name."
                )
        combinations |= asked
    return combinations


def profile_origin(fit: Fit) -> dict[str, Any]:
    """Return what a profile depends on, beside where the minimum is."""
    kind = {"another kind of fit": fit.kind, "another weight of the prior": fit.objective.prior_weight}
    return result_origin(fit.objective) | kind | {"another information": fit.information}


def resume_of_start(start: xr.Dataset, resume: xr.Dataset | None) -> xr.Dataset:
    """Return what is given by the former name of `resume`, and say what it is called now."""
    if resume is not None:
        raise ValueError("Expected start= or resume=, two names of one argument, got both: leave start out.")
    if not isinstance(start, xr.Dataset):
        raise wrong_type("the Dataset of profile_likelihood as start", start, "pass what it returned, as resume=")
    said = "start= is called resume= now, and a later version of profile_likelihood will not take it: write resume=."
    warnings.warn(said, FutureWarning, stacklevel=3)
    return start


def is_of_lower_optimum(kept: xr.Dataset, fit: Fit) -> bool:
    """Whether a profile begun from this fit met a lower optimum, and is of that."""
    asked, lowest = float(kept.attrs["fit_minus2ll"]), float(kept.attrs["minus2ll"])
    return bool(np.isclose(asked, fit.minus2ll, rtol=0.0, atol=SAME + noise(asked)) and lowest < asked - SAME)


def is_answered(kept: xr.Dataset, fit: Fit, var_names: VarNames | None, level: float) -> bool:
    """Whether all that is asked for is finished in a store, and all that is there beside it."""
    earlier = EarlierProfile(kept, fit, another_optimum=is_of_lower_optimum(kept, fit))
    asked = combinations_of(var_names)
    quantities = [] if var_names is None else find_quantities(fit.objective, var_names)
    labels = {*earlier.labels, *(quantity.label for quantity in quantities)}
    same = all(earlier.combinations.get(label) == weights for label, weights in asked.items())
    return same and all(earlier.finished.get(label, 0.0) >= level for label in labels)


def _refuse_another(profile: Any, fit: Fit, another_optimum: bool) -> None:
    if not isinstance(profile, xr.Dataset):
        raise wrong_type("the Dataset of profile_likelihood as resume", profile, "pass what it returned")
    if any(name not in profile for name in NEEDED) or "zeta_step" not in profile.attrs:
        raise ValueError(f"Expected the Dataset of profile_likelihood as resume, got {list(profile)}: pass all of it.")
    labels = [label for v in fit.objective.variables for label in v.labels]
    theirs = [str(label) for label in profile["parameter_bis"].values]
    if theirs != labels:
        raise ValueError(f"Expected a profile of a model with the parameters {labels}, got one with {theirs}.")
    kind = fit.kind
    if profile.attrs["kind"] != kind:
        raise ValueError(f"Expected a profile of the same surface ({kind}), got {profile.attrs['kind']!r}.")
    digest = profile.attrs.get("data_digest")
    if digest is not None and digest != data_digest(fit.objective):
        raise ValueError(
            "Expected a profile of this model and data, got one of other data: pass the fit that it was traced from, "
            "or trace it anew without resume."
        )
    theirs_lowest = float(profile.attrs["minus2ll"])
    if not another_optimum and not np.isclose(theirs_lowest, fit.minus2ll, rtol=0.0, atol=SAME + noise(fit.minus2ll)):
        raise ValueError(
            f"Expected a profile of this model and data, with a minimum of -2LL of {fit.minus2ll:.6f}, got one with "
            f"{theirs_lowest:.6f}: pass the fit that it was traced from, or trace it anew without resume."
        )
