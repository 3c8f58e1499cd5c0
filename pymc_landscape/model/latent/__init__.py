"""What is integrated or summed out of the likelihood."""

from pymc_landscape.model.latent.automatic_quadrature import KEPT_WITHIN, Rule, RuleChoice, checked_rule
from pymc_landscape.model.latent.closed_form import GaussianIntegral
from pymc_landscape.model.latent.fixed_effects import (
    BOUNDED,
    EFFECTS,
    FixedEffectsCheck,
    chosen_fixed_effects,
    named_fixed_effects,
    possible_fixed_effects,
)
from pymc_landscape.model.latent.gauss_hermite import Quadrature
from pymc_landscape.model.latent.integrals import LatentIntegrals
from pymc_landscape.model.latent.joint_density import LOG_2PI, LatentValues, write_joint_log_densities
from pymc_landscape.model.latent.laplace import Laplace
from pymc_landscape.model.latent.marginal_engine import GaussianEngine, MarginalEngine, MarginalKind
from pymc_landscape.model.latent.mixture_integral import StateIntegral
from pymc_landscape.model.latent.mode_search import Mode

__all__ = [
    "BOUNDED",
    "EFFECTS",
    "KEPT_WITHIN",
    "LOG_2PI",
    "FixedEffectsCheck",
    "GaussianEngine",
    "GaussianIntegral",
    "Laplace",
    "LatentIntegrals",
    "LatentValues",
    "MarginalEngine",
    "MarginalKind",
    "Mode",
    "Quadrature",
    "Rule",
    "RuleChoice",
    "StateIntegral",
    "checked_rule",
    "chosen_fixed_effects",
    "named_fixed_effects",
    "possible_fixed_effects",
    "write_joint_log_densities",
]
