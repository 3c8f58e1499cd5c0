"""The restricted likelihood (REML): fixed effects integrated out over a flat measure, so that variances keep their df.

A maximum of the likelihood takes the fixed effects for known when it estimates variances: σ̂² = RSS / n. Integrated out,
they take their p degrees of freedom with them: σ̂² = RSS / (n − p). The priors of fixed effects play no part.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Literal
from weakref import WeakKeyDictionary

import numpy as np
import pymc as pm

from pymc_landscape.model.latent import (
    BOUNDED,
    EFFECTS,
    FixedEffectsCheck,
    chosen_fixed_effects,
    named_fixed_effects,
    possible_fixed_effects,
)
from pymc_landscape.objective.evaluators.fixed_effects import FixedEffects
from pymc_landscape.objective.evaluators.model_evaluators import Evaluators

_log = logging.getLogger("pymc_landscape")

Restricted = Literal["auto"] | str | Sequence[str]

# Models of which it was said what their fixed effects are.
_REPORTED: WeakKeyDictionary[pm.Model, set[tuple[str, ...]]] = WeakKeyDictionary()


def find_fixed_effects(
    evaluators: Evaluators, restricted: Restricted, *, is_told: bool = True
) -> tuple[Evaluators, FixedEffects]:
    """Return the same evaluators with fixed effects integrated out over a flat measure, and which these are.

    Parameters
    ----------
    evaluators : Evaluators
        Of the likelihood, with random effects as they are.
    restricted : "auto", str, or sequence of str
        All parameters in which the density is quadratic, or those that are named.
    is_told : bool
        Whether the log says which were taken.

    Raises
    ------
    ValueError
        If there are none, a name is none of them, the data do not determine them, no other parameter is left, the prior
        takes part, effects are integrated by quadrature, or discrete variables are summed out.
    """
    metadata = evaluators.metadata
    FixedEffects(("REML",)).refuse_prior(evaluators.prior_weight)
    _refuse_other_integrals(evaluators)
    reasons = metadata.read(
        ("not fixed", metadata.latent), lambda: possible_fixed_effects(metadata.model, metadata.variables)
    )
    if restricted == "auto":
        candidates = tuple(name for name, reason in reasons.items() if reason in ("", BOUNDED))
        conflicts = _conflicts(evaluators, candidates) if candidates else []
        names = chosen_fixed_effects([name for name in candidates if not reasons[name]], conflicts)
        bounded = [name for name in candidates if reasons[name]]
        _report_bounded(metadata.model, [n for n in bounded if not any(c <= {*names, n, EFFECTS} for c in conflicts)])
    else:
        asked = [restricted] if isinstance(restricted, str) else list(restricted)
        names = named_fixed_effects(asked, reasons, metadata.latent)
    if len(names) == len(reasons):
        raise ValueError(
            f"Expected a parameter that is not integrated out, got restricted={names}, all of the parameters: a "
            "restricted likelihood is one of variances; give the model one."
        )
    conflicts = _conflicts(evaluators, names)
    inside = _with_flat(evaluators, names)
    inside.factory.kept("determined", lambda: _check(inside).refuse_undetermined())
    fixed = [v for v in inside.metadata.effects if v.name in names]
    size = sum(int(np.prod(v.value_shape)) for v in fixed)
    found = FixedEffects(names, size, tuple(v.shape for v in fixed), not conflicts)
    if is_told:
        _report(metadata.model, found)
    return inside, found


def _with_flat(evaluators: Evaluators, names: tuple[str, ...]) -> Evaluators:
    """Return evaluators that integrate these parameters out too, over a flat measure."""
    latent, factory = {*evaluators.metadata.latent, *names}, evaluators.factory
    return Evaluators(
        evaluators.model,
        evaluators.roles,
        evaluators.prior_weight,
        factory.backend,
        factory.compile_kwargs,
        latent=tuple(rv.name for rv in evaluators.model.free_RVs if rv.name in latent),
        quadrature=evaluators.quadrature,
        flat=names,
    )


def _check(inside: Evaluators) -> FixedEffectsCheck:
    return FixedEffectsCheck(inside.integrals.laplace, inside.metadata.effects, inside.metadata.flat)


def _conflicts(evaluators: Evaluators, names: tuple[str, ...]) -> list[frozenset[str]]:
    """Return the sets of names, and of all random effects, in which the log density is not quadratic."""
    inside = _with_flat(evaluators, names)
    return inside.factory.kept("not quadratic", lambda: _check(inside).non_quadratic())


def _refuse_other_integrals(evaluators: Evaluators) -> None:
    if evaluators.quadrature not in (1, "auto"):
        raise ValueError(
            f"Expected quadrature=1 with restricted, got {evaluators.quadrature!r}: fixed effects meet all random "
            "effects, and nodes are for small independent blocks; leave quadrature out."
        )
    if evaluators.metadata.summed_variables:
        names = ", ".join(v.name for v in evaluators.metadata.summed_variables)
        raise ValueError(
            f"Expected a model without discrete variables with restricted, got {names}, which is summed out: a sum of "
            "normal densities has no fixed effects that can be integrated out; leave restricted out."
        )


def _report_bounded(model: pm.Model, names: Sequence[str]) -> None:
    """Say once a model which parameters would be fixed effects if their support had no limits."""
    key = ("bounded", *names)
    if names and key not in _REPORTED.setdefault(model, set()):
        _REPORTED[model].add(key)
        _log.warning(
            "%s could be fixed effects too, but have a bounded support and stay parameters: name them in restricted to "
            "integrate them out over all real numbers.",
            ", ".join(names),
        )


def _report(model: pm.Model, found: FixedEffects) -> None:
    """Say once a model which fixed effects were taken."""
    if found.names in _REPORTED.setdefault(model, set()):
        return
    _REPORTED[model].add(found.names)
    _log.warning(
        "Fixed effects of a restricted likelihood (REML), integrated out over a flat measure in place of a prior: %s; "
        "fit.latent has their estimates.",
        ", ".join(found.names),
    )
    if found.message:
        _log.warning(found.message)
