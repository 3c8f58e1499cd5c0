"""Profiles as a Dataset: their steps side by side, the estimate in the middle, and what they say in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from pymc_landscape._dataclasses import dataclass
from pymc_landscape.inference.profile.constrained_point import ConstrainedPoint
from pymc_landscape.inference.profile.continuation import ProfileStep
from pymc_landscape.inference.profile.current_fit import copies_of
from pymc_landscape.inference.profile.profile_steps import StoredStep, natural_vector, stored_step
from pymc_landscape.inference.profile.quantities import BOUNDS, Quantity
from pymc_landscape.objective.observations import data_digest
from pymc_landscape.optimize import Fit
from pymc_landscape.results import array_dataset, provenance_attributes


@dataclass(frozen=True)
class TracedProfile:
    """One profile: the estimate, and its two sides as far as they were traced."""

    quantity: Quantity
    estimate: ConstrainedPoint
    error: float
    sides: tuple[list[StoredStep], list[StoredStep]]


def profile_dataset(
    fit: Fit, quantities: Sequence[Quantity], rows: Sequence[TracedProfile], enough: float,
    attrs: Mapping[str, Any], message: str,
) -> xr.Dataset:  # fmt: skip
    """Return profiles as `profile_likelihood` does.

    Parameters
    ----------
    fit : Fit
        Whose profiles.
    quantities : sequence of Quantity
        What was to be profiled.
    rows : sequence of TracedProfile
        Those of the first of them; of the others there is nothing.
    enough : float
        The cut-off of Δ(−2LL) out to which they were to go.
    attrs : dict
        Attributes that tell of the run.
    message : str
        What there is to say beside what the steps say.
    """
    below, above = (max((len(row.sides[k]) for row in rows), default=0) for k in (0, 1))
    steps = np.arange(-below, above + 1)
    labels = [label for v in fit.objective.variables for label in v.labels]
    shape = (len(quantities), len(steps))
    numbers = {name: np.full(shape, np.nan) for name in ("value", "delta_minus2ll", "zeta", "slope")}
    status, path = np.full(shape, "", dtype="U16"), np.full((*shape, len(labels)), np.nan)
    for i, row in enumerate(rows):
        for n, stored in _numbered_steps(row):
            j = n + below
            status[i, j], path[i, j] = stored.state, stored.path
            of_step = (stored.value, stored.rise, np.sign(n) * np.sqrt(stored.rise), stored.slope)
            for column, number in zip(numbers.values(), of_step, strict=True):
                column[i, j] = number
    data: dict[str, Any] = {name: (("parameter", "step"), values) for name, values in numbers.items()}
    data |= {"status": (("parameter", "step"), status), "path": (("parameter", "step", "parameter_bis"), path)}
    data |= _by_parameter(quantities, rows)
    coords = {"parameter": [quantity.label for quantity in quantities], "step": steps, "parameter_bis": labels}
    remarks = [message, *(_further_intervals(row, enough) for row in rows)]
    remarks += [_into_a_copy(fit, row, enough) for row in rows] if copies_of(fit) else []
    provenance = provenance_attributes(
        fit.objective.origin,
        group="profile",
        kind=fit.kind,
        information=fit.information,
        data_digest=data_digest(fit.objective),
        minus2ll=fit.minus2ll,
        message=" ".join(filter(None, remarks)),
        **attrs,
    )
    return array_dataset(data, {**coords, "bound": list(BOUNDS)}, provenance)


def _by_parameter(quantities: Sequence[Quantity], rows: Sequence[TracedProfile]) -> dict[str, Any]:
    n = len(quantities)
    estimate, error = np.full(n, np.nan), np.full(n, np.nan)
    for i, row in enumerate(rows):
        estimate[i], error[i] = row.estimate.natural, row.error
    support = np.array([quantity.bounds for quantity in quantities], dtype=float).reshape(n, 2)
    return {
        "estimate": ("parameter", estimate),
        "standard_error": ("parameter", error),
        "support": (("parameter", "bound"), support),
    }


def _numbered_steps(row: TracedProfile) -> list[tuple[int, StoredStep]]:
    lower = [(-n - 1, stored) for n, stored in enumerate(row.sides[0])]
    upper = [(n + 1, stored) for n, stored in enumerate(row.sides[1])]
    estimate = stored_step(ProfileStep(row.estimate, "estimate"), row.estimate)
    return [*lower, (0, StoredStep(estimate.value, 0.0, 0.0, "estimate", natural_vector(row.estimate))), *upper]


def _into_a_copy(fit: Fit, row: TracedProfile, enough: float) -> str:
    """Say where a profile goes on, below the cut-off, as that of another copy of the optimum."""
    for stored in (step for steps in row.sides for step in steps if step.rise < enough):
        if words := fit.copy_of(stored.path):
            return (
                f"Copies of the optimum meet below the cut-off, and the profile of {row.quantity.label} is that of "
                f"both, at {stored.value:.6g} for the first time: {words}."
            )
    return ""


def _further_intervals(row: TracedProfile, enough: float) -> str:
    """Say where Δ falls below the cut-off again."""
    for side in row.sides:
        outside = np.array([stored.rise >= enough for stored in side])
        first = int(np.argmax(outside)) if outside.any() else len(side)
        again = [stored.value for stored in side[first:] if stored.rise < enough]
        if again:
            return (
                f"The confidence set of {row.quantity.label} has several pieces: -2LL falls below the cut-off again "
                f"at {again[0]:.6g}."
            )
    return ""
