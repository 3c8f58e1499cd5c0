"""Whether the integral over random effects is right at an estimate: more nodes where it is not, or a word.

An integral is chosen at the start of a search, and at its end the choice is looked at again. Where nodes are too many
to be laid, the error of Laplace's approximation is estimated by importance sampling with a fixed seed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.model.latent import KEPT_WITHIN, Rule, RuleChoice
from pymc_landscape.objective.importance_sampler import sampled_integral
from pymc_landscape.objective.objective import Objective

# Draws of the random effects, as many as keep the number of evaluated rows low; what a Pareto k must be below.
DRAWS, FEWEST_DRAWS, MOST_NUMBERS, RELIABLE = 1000, 100, 20_000_000, 0.7
SEED = 15


def check_integral(objective: Objective, point: dict[str, Any]) -> tuple[Rule, str]:
    """Look at the integral at an estimate.

    Parameters
    ----------
    objective : Objective
        With random effects that are integrated out, by a rule.
    point : dict
        The estimate on its natural scale.

    Returns
    -------
    rule : int or "gauss_kronrod"
        How to integrate: as the objective does where that is right.
    sentence : str
        What is to be said of −2LL by the objective's own rule; empty where it is right.
    """
    integrals, theta = objective.evaluators.integrals, objective.layout().join(point)
    objective.use_data()
    own = integrals.rule
    if not np.isfinite(theta).all():
        return own, ""
    choice = integrals.choose_rule(theta)
    if choice.is_exact:
        return own, ""
    if not np.isfinite(choice.minus2ll):
        return own, _sampled(objective, theta)
    error = _minus2ll(objective, choice, own, theta) - choice.minus2ll
    if abs(error) <= KEPT_WITHIN:
        return own, ""
    return choice.rule, _by_nodes(own, error, choice.rule)


def _minus2ll(objective: Objective, choice: RuleChoice, rule: Rule, theta: Array) -> float:
    known = choice.by_rule.get(rule)
    return -2.0 * objective.evaluators.integrals.marginal.value(theta)[0] if known is None else known


def _by_nodes(rule: Rule, error: float, better: Rule) -> str:
    if not np.isfinite(error):
        return f"−2LL is not known at the estimate by {_named(rule)}: quadrature={better!r} integrates it."
    side = "high" if error > 0 else "low"
    return (
        f"−2LL by {_named(rule)} is too {side} by {abs(error):.2g} at the estimate, which may itself be off: "
        f"quadrature={better!r} integrates the random effects to 1e-4."
    )


def _sampled(objective: Objective, theta: Array) -> str:
    """Say how far −2LL by Laplace's approximation is off, where the effects are tied in large blocks."""
    integrals = objective.evaluators.integrals
    largest, rule = integrals.laplace.pattern.largest, _named(integrals.rule)
    why = f"Random effects are tied in blocks of up to {largest}, which nodes are too many for"
    size = max(1, integrals.laplace.n_effects + objective.n_observations)
    draws = int(np.clip(MOST_NUMBERS // size, FEWEST_DRAWS, DRAWS))
    found = None if objective.summed else sampled_integral(objective, theta, draws, SEED)
    if found is None:
        return f"{why}: −2LL is that of {rule}, and how far it is off is not known."
    error, k = found.approximation - found.minus2ll, found.pareto_k
    if not k < RELIABLE:
        return (
            f"{why}: −2LL is that of {rule}, and may be off by much: importance sampling, which says "
            f"{error:+.2g}, cannot be believed (Pareto k {k:.2f})."
        )
    return (
        f"{why}: −2LL by {rule} is off by {error:+.2g} ± {found.standard_error:.1g} at the estimate "
        f"(importance sampling, Pareto k {k:.2f})."
    )


def _named(rule: Rule) -> str:
    if rule == 1:
        return "Laplace's approximation"
    return f"{rule} nodes" if isinstance(rule, int) else "panels"
