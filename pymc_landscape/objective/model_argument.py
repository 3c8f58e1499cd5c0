"""The first argument of every verb: a model, an objective made from one, or a fit of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol, TypeGuard

import xarray as xr

from pymc_landscape._typing import ModelLike
from pymc_landscape.objective.objective import Objective


class Fitted(Protocol):
    """A fit, as far as verbs need to know it that need no optimum: an objective and a point."""

    @property
    def objective(self) -> Objective:
        """What was fitted."""
        ...

    @property
    def point(self) -> xr.Dataset:
        """The estimates, natural."""
        ...


def is_fitted(model: Any) -> TypeGuard[Fitted]:
    """Whether `model` is a fit."""
    return isinstance(getattr(model, "objective", None), Objective)


def objective_of(
    model: ModelLike | Objective | Fitted | None, *, latent: Literal["auto"] | Sequence[str] = "auto"
) -> Objective:
    """Return `model` as an objective: its own where it is a fit.

    Parameters
    ----------
    model : pm.Model, Objective or Fit, optional
        Left out, the model of the surrounding ``with`` block.
    latent : "auto" or sequence of str
        What is integrated or summed out of a ``pm.Model``; an objective and a fit have their own.

    Raises
    ------
    TypeError
        If `model` is none of these, or left out where there is no such block.
    """
    if isinstance(model, Objective):
        return model
    return model.objective if is_fitted(model) else Objective(model, latent=latent)
