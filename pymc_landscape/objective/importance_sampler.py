"""A marginal likelihood by importance sampling: a third route to it, with a standard error.

Random effects are drawn from the normal distribution that Laplace's approximation puts in place of their conditional
one; the mean of density over density drawn from is the integral, without bias (Shun & McCullagh 1995 and Durbin &
Koopman 1997 correct Laplace's approximation in this way). Where effects enter in independent blocks each block has an
integral of its own, so that the error does not grow with the product of all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import xarray as xr
from pymc.util import get_random_generator
from scipy.special import logsumexp

from pymc_landscape._typing import Array, ModelLike, Point, RandomSeed
from pymc_landscape.model.latent import LOG_2PI, Mode, Quadrature
from pymc_landscape.numerics import Blocks
from pymc_landscape.objective.model_argument import Fitted, is_fitted, objective_of
from pymc_landscape.objective.objective import Objective
from pymc_landscape.results import provenance_attributes

# Points evaluated at a time.
BLOCK = 256


@dataclass(frozen=True)
class ImportanceEstimate:
    """−2LL by importance sampling beside the approximation that was sampled from.

    Attributes
    ----------
    minus2ll, standard_error : float
        The estimate, and its Monte Carlo error.
    approximation : float
        −2LL as the objective has it: by Laplace's approximation, or by quadrature.
    effective_draws : float
        The smallest effective number of draws of any block, (Σw)² / Σw²; near `draws` where the approximation is good.
    draws : int
        How many there were.
    origin : dict
        What is known of the model.
    """

    minus2ll: float
    standard_error: float
    approximation: float
    effective_draws: float
    draws: int
    origin: dict[str, Any]

    def to_dataset(self) -> xr.Dataset:
        """Return the numbers as a Dataset of scalars."""
        names = ("minus2ll", "standard_error", "approximation", "effective_draws", "draws")
        attrs = provenance_attributes(self.origin, group="importance_sampling")
        return xr.Dataset({name: getattr(self, name) for name in names}, attrs=attrs)

    def __repr__(self) -> str:
        """Say both."""
        return (
            f"−2LL {self.minus2ll:.6f} ± {self.standard_error:.2g} by importance sampling ({self.draws} draws, "
            f"effectively {self.effective_draws:.0f}), {self.approximation:.6f} by the approximation"
        )


def importance_sampling(
    model: ModelLike | Objective | Fitted | None = None,
    *,
    at: Point | None = None,
    draws: int = 1000,
    random_seed: RandomSeed | None = None,
) -> ImportanceEstimate:
    """Estimate a marginal likelihood by importance sampling, to see how good Laplace's approximation is.

    Parameters
    ----------
    model : pm.Model, Objective or Fit
        With random effects that are integrated out.
    at : mapping of str to array_like, optional
        The parameters, natural; left out, the estimate of a Fit, else the model's initial point.
    draws : int
        Draws of the random effects.
    random_seed : int or Generator, optional
        As in PyMC.

    Returns
    -------
    ImportanceEstimate
        −2LL, its standard error, and −2LL by the approximation.

    Raises
    ------
    ValueError
        If nothing is integrated out, or no likeliest random effects are found at the point.
    """
    objective = objective_of(model)
    if not objective.is_integral:
        raise ValueError("Expected a model with random effects that are integrated out, got none: name them as latent.")
    if objective.summed:
        raise ValueError(
            f"Expected random effects alone, got the discrete {', '.join(objective.summed)} beside them, with which "
            "draws around one top of the integrand may miss another: compare more nodes, quadrature=..."
        )
    if draws < 2:
        raise ValueError(f"Expected at least two draws, got {draws}.")
    integrals = objective.evaluators.integrals
    objective.use_data()
    mode = integrals.laplace.mode(_natural(model, objective, at))
    if mode is None:
        raise ValueError("Expected a point with likeliest random effects, got one where none were found.")
    z = get_random_generator(random_seed, copy=True).standard_normal((draws, integrals.laplace.n_effects))
    logs = _block_logs(_by_rows(objective), mode, z)
    value, error, effective = _summed(logs)
    return ImportanceEstimate(
        -2.0 * value, 2.0 * error, -2.0 * integrals.laplace.integral(mode), effective, draws, dict(objective.origin)
    )


def _by_rows(objective: Objective) -> Quadrature:
    """Return the integral that knows the density row by row: the objective's own, or one made for them."""
    evaluators, laplace = objective.evaluators, objective.evaluators.integrals.laplace
    if isinstance(laplace, Quadrature):
        return laplace
    return cast(Quadrature, evaluators.factory.kept("by rows", lambda: evaluators.integrals.integral(2)))


def _natural(model: Any, objective: Objective, at: Point | None) -> Array:
    point: dict[str, Any] = dict(objective.initial_point())
    point |= {str(n): v.to_numpy() for n, v in model.point.items()} if is_fitted(model) else {}
    return objective.layout().join(objective.complete(point | dict(at or {})))


def _block_logs(quadrature: Quadrature, mode: Mode, z: Array) -> list[Array]:
    """Return log weights (blocks, draws), whose mean exponentials multiply to L; one block where all are tied."""
    moved = np.repeat(mode.vector[None], len(z), axis=0)
    moved[:, quadrature.n_parameters :] += mode.curvature.root_solve(z.T).T
    rows = np.concatenate([quadrature.rows.at(moved[i : i + BLOCK])["rows"] for i in range(0, len(z), BLOCK)])
    if isinstance(mode.curvature, Blocks):
        block_logs = [np.full((1, len(z)), quadrature.constant(mode))]
        for stack, root in zip(quadrature.pattern.stacks, mode.curvature.roots, strict=True):
            own = z[:, stack.elements]  # (draws, blocks, d)
            base = 0.5 * stack.elements.shape[1] * LOG_2PI - np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
            block_logs.append(quadrature.members(stack) @ rows.T + 0.5 * (own**2).sum(axis=2).T + base[:, None])
        return block_logs
    base = 0.5 * (z.shape[1] * LOG_2PI - mode.curvature.log_determinant)
    return [(rows.sum(axis=1) + 0.5 * (z**2).sum(axis=1) + base)[None]]


def _summed(logs: list[Array]) -> tuple[float, float, float]:
    """Return log L, its standard error by the delta method, and the smallest effective number of draws."""
    every = np.concatenate(logs)
    n = every.shape[1]
    means = logsumexp(every, axis=1) - np.log(n)
    relative = np.exp(every - means[:, None])
    variances = relative.var(axis=1, ddof=1) / n
    effective = n / np.maximum((relative**2).mean(axis=1), 1.0)
    return float(means.sum()), float(np.sqrt(variances.sum())), float(effective.min())
