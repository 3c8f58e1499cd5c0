"""The first argument of every verb: a model, an objective made from one, or a fit of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from hashlib import blake2b
from typing import Any, Literal, Protocol, TypeGuard

import xarray as xr

from pymc_landscape._typing import ModelLike
from pymc_landscape.model import model_digest
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

    def refuse_changes(self) -> None:
        """Refuse to go on with a model that is no longer the one that was fitted."""


def is_fitted(model: Any) -> TypeGuard[Fitted]:
    """Whether `model` is a fit."""
    return isinstance(getattr(type(model), "objective", None), property)  # which itself may refuse


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
    ValueError
        If the model is no longer what was fitted, where it is a fit.
    """
    if isinstance(model, Objective):
        return model
    if not is_fitted(model):
        return Objective(model, latent=latent)
    model.refuse_changes()
    return model.objective


def objective_digest(objective: Objective, quantities: Collection[str] = ()) -> str:
    """Return a name for an objective, its model and its data that is the same in another process.

    What is kept on disk carries it, and is taken up again for the same name only. Two objectives of one name have the
    same values at the same points, but for what an Op of the user's own computes, which no name tells: compare −2LL at
    a few points beside it. Numbers of −0 and 0 are one, and so are all NaN; versions of packages do not matter. It
    takes half a millisecond for a small model, and 10 ms more for a million numbers.

    Parameters
    ----------
    objective : Objective
        With the data that it has now, its own and those of the model.
    quantities : collection of str
        Names of the Deterministics that are asked about, whose definitions belong to the name; others may be added to
        the model, or be left out of it, without another name.

    Returns
    -------
    str
        Of 32 hexadecimal digits.
    """
    own = model_digest(objective.model, quantities, objective.evaluators.contents)
    choices = {name: value for name, value in objective.origin.items() if name != "model_name"}
    roles = objective.potential_roles
    parts = own, sorted(choices.items()), roles.prior, roles.likelihood, objective.prior_weight
    return blake2b(repr(parts).encode(), digest_size=16).hexdigest()
