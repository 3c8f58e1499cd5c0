"""The two fits of a likelihood ratio test, also where the null has nothing free. Nesting itself is judged elsewhere."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pymc as pm

from pymc_landscape.bootstrap import natural_point
from pymc_landscape.fit import fit_mle
from pymc_landscape.fitted import Fit
from pymc_landscape.frame import Frame
from pymc_landscape.natural_scale import NaturalScale
from pymc_landscape.objective import Objective, objective_of
from pymc_landscape.search import search
from pymc_landscape.simulate import known_value, observed_values
from pymc_landscape.verdict import Status, Verdict


class PointNull(Fit):
    """A null with nothing free: the alternative's objective at one point."""

    @property
    def n_parameters(self) -> int:
        """Nothing is free."""
        return 0

    @cached_property
    def notes(self) -> dict[str, str]:
        """Say of every element that it is fixed."""
        return {label: "fixed by the null" for v in self.objective.variables for label in v.labels}


def nested_pair(null: Any, alternative: Any) -> tuple[Fit, Fit]:
    """Fit what is not a fit; the alternative also from the null's estimate.

    Parameters
    ----------
    null, alternative : Fit, pm.Model or Objective
        The smaller model, of which nothing may be free, and the larger.

    Returns
    -------
    null, alternative : Fit
        Both fitted.

    Raises
    ------
    ValueError
        If a null without free variables leaves a parameter open, or has other data.
    """
    if isinstance(null, pm.Model) and not null.free_RVs:
        larger = alternative if isinstance(alternative, Fit) else fit_mle(alternative, progressbar=False)
        return _point_null(null, larger.objective), larger
    smaller = null if isinstance(null, Fit) else fit_mle(null, progressbar=False)
    if isinstance(alternative, Fit):
        return smaller, alternative
    objective = objective_of(alternative)
    shapes = {v.name: v.shape for v in objective.variables}
    shared = {n: x for n, x in natural_point(smaller).items() if shapes.get(n) == x.shape}
    return smaller, fit_mle(objective, starts=[{}, shared] if shared else 1, progressbar=False)


def _point_null(model: pm.Model, objective: Objective) -> Fit:
    """Return the alternative's objective with all its parameters at the values that the null gives them."""
    values = {v.name: known_value(model, v.name) for v in objective.variables}
    missing = [name for name, value in values.items() if value is None]
    if missing:
        raise ValueError(
            f"Expected a null that fixes every parameter of the alternative, got no value for {missing[0]!r}: make it "
            "with pm.do."
        )
    _refuse_other_observed(model, objective)
    shapes = {v.name: v.shape for v in objective.variables}
    point = {name: np.broadcast_to(np.asarray(value), shapes[name]) for name, value in values.items()}
    vector = objective.compiled.layout().join(point)
    frame = Frame(objective, objective.compiled.names, dict(enumerate(vector.tolist())))
    natural = NaturalScale(search(frame, np.zeros(0)), Verdict(Status.CONVERGED), "observed").settle()
    return PointNull(Status.CONVERGED, "Nothing is free.", "observed", natural, ())


def _refuse_other_observed(model: pm.Model, objective: Objective) -> None:
    mine, theirs = observed_values(model), observed_values(objective.model, objective.compiled.swaps)
    same = mine.keys() == theirs.keys() and all(np.array_equal(mine[n], theirs[n], equal_nan=True) for n in mine)
    if not same:
        raise ValueError(
            "Expected two models of the same data, got other observed variables or values in the null: likelihoods of "
            "different data do not compare."
        )
