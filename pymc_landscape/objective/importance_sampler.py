"""A marginal likelihood by importance sampling: a third route to it, with a standard error.

Random effects are drawn around the likeliest ones from a multivariate t distribution q with the curvature there, whose
tails are heavier than those of most integrands, so that the weights p(y, u ∣ θ) / q(u) have a variance. Their mean is
unbiased for L, not for −2LL (Shun & McCullagh 1995 and Durbin & Koopman 1997 correct Laplace's approximation in this
way, by normal draws). The integral of Laplace's normal density is known, and is known to have that mean under q: the
same draws of it are taken away and the integral added, which leaves no error where the approximation is exact. Where
effects enter in independent blocks each block has an integral of its own, so that the error does not grow with the
product of all. Pareto k, the tail index of the weights (Vehtari and others 2024, *Journal of Machine Learning Research*
25), says whether the standard error can be believed: below 0.7.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy
import xarray as xr
from pymc.util import get_random_generator

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array, ModelLike, Point, RandomSeed
from pymc_landscape.arguments import checked_count, checked_seed, wrong_type
from pymc_landscape.model.latent import LOG_2PI, Mode, Quadrature
from pymc_landscape.numerics import Blocks
from pymc_landscape.objective.model_argument import Fitted, is_fitted, objective_of
from pymc_landscape.objective.objective import Objective
from pymc_landscape.results import provenance_attributes

# Points evaluated at a time.
BLOCK = 256
# Degrees of freedom of t are at least these, or the size of the block, in which a normal density lies near a shell.
HEAVY = 5.0
# Pareto k needs so many draws; it is computed for so many blocks, those of the fewest effective draws.
ENOUGH_FOR_K, WORST_BLOCKS = 25, 8


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
    pareto_k : float
        The largest tail index of the weights of any block; above 0.7 neither number can be believed, and more draws do
        not help. NaN for fewer than 25 draws.
    draws : int
        How many there were.
    origin : dict
        What is known of the model.
    """

    minus2ll: float
    standard_error: float
    approximation: float
    effective_draws: float
    pareto_k: float
    draws: int
    origin: dict[str, Any]

    def to_dataset(self) -> xr.Dataset:
        """Return the numbers as a Dataset of scalars."""
        names = ("minus2ll", "standard_error", "approximation", "effective_draws", "pareto_k", "draws")
        attrs = provenance_attributes(self.origin, group="importance_sampling")
        return xr.Dataset({name: getattr(self, name) for name in names}, attrs=attrs)

    def __repr__(self) -> str:
        """Say both."""
        return (
            f"−2LL {self.minus2ll:.6f} ± {self.standard_error:.2g} by importance sampling ({self.draws} draws, "
            f"effectively {self.effective_draws:.0f}, Pareto k {self.pareto_k:.2f}), {self.approximation:.6f} by the "
            "approximation; unbiased for L, not for −2LL"
        )


def importance_sampling(
    model: ModelLike | Objective | Fitted | None = None,
    *,
    at: Point | None = None,
    draws: int = 1000,
    random_seed: RandomSeed | None = None,
) -> ImportanceEstimate:
    """Estimate a marginal likelihood by importance sampling, to see how good Laplace's approximation is.

    Unbiased for L, not for −2LL, whose bias is about the square of its standard error over 4.

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
        −2LL, its standard error, −2LL by the approximation, and Pareto k of the weights.

    Raises
    ------
    ValueError
        If nothing is integrated out, or no likeliest random effects are found at the point.

    Examples
    --------
    Normal effects and errors, where Laplace's approximation is exact, so that draws differ in nothing:

    >>> import pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     effect = pm.Normal("effect", pm.Normal("mu", 0, 10), 1.0, shape=3)
    ...     y = pm.Normal("y", effect, 0.5, observed=[0.2, 1.4, 0.9])
    >>> estimate = pml.importance_sampling(model, at={"mu": 0.8}, draws=2000, random_seed=1)
    >>> round(estimate.minus2ll, 6), round(estimate.approximation, 6)
    (6.767062, 6.767062)
    """
    draws = checked_count("draws", draws, at_least=2)
    checked_seed(random_seed)
    objective = objective_of(model)
    if not objective.is_integral:
        raise ValueError("Expected a model with random effects that are integrated out, got none: name them as latent.")
    if objective.summed:
        raise ValueError(
            f"Expected random effects alone, got the discrete {', '.join(objective.summed)} beside them, with which "
            "draws around one top of the integrand may miss another: compare more nodes, quadrature=..."
        )
    found = sampled_integral(objective, _natural(model, objective, at), draws, random_seed)
    if found is None:
        raise ValueError("Expected a point with likeliest random effects, got one where none were found.")
    return found


def sampled_integral(
    objective: Objective, theta: Array, draws: int, random_seed: RandomSeed | None
) -> ImportanceEstimate | None:
    """Return the estimate at parameters (k,) on their natural scale; None where no likeliest effects are found."""
    objective.use_data()
    laplace = objective.evaluators.integrals.laplace
    mode = laplace.mode(theta)
    if mode is None:
        return None
    rng = get_random_generator(random_seed, copy=True)
    z = rng.standard_normal((draws, laplace.n_effects))
    blocks = _block_weights(_by_rows(objective), mode, z, lambda n: rng.standard_gamma(n, (draws, 1)))
    value, error, effective, k = _summed(*blocks)
    approximation = -2.0 * laplace.value(theta)[0]
    return ImportanceEstimate(-2.0 * value, 2.0 * error, approximation, effective, k, draws, dict(objective.origin))


def _by_rows(objective: Objective) -> Quadrature:
    """Return the integral that knows the density row by row: the objective's own, or one made for them."""
    laplace = objective.evaluators.integrals.laplace
    return laplace if isinstance(laplace, Quadrature) else Quadrature.sharing(laplace, 1)


def _natural(model: Any, objective: Objective, at: Point | None) -> Array:
    point: dict[str, Any] = dict(objective.initial_point())
    point |= {str(n): v.values for n, v in model.point.items()} if is_fitted(model) else {}
    if at is not None and not isinstance(at, Mapping):
        raise wrong_type("at to be a mapping", at, "give the values of parameters by name")
    natural = objective.complete(point | dict(at or {}), "at")
    for v in objective.variables:
        if natural[v.name].shape != v.shape:
            raise ValueError(
                f"Expected {v.name} of shape {v.shape} in at, got {natural[v.name].shape}: give one point."
            )
    return objective.layout().join(natural)


def _block_weights(
    quadrature: Quadrature, mode: Mode, z: Array, gamma: Callable[[float], Array]
) -> tuple[float, Array, Array]:
    """Return log L by Laplace's approximation, and two log weights (blocks, draws); one block where all are tied.

    Both are in units of the block's integral by the approximation: those of the density of data and effects, and those
    of the normal density in its place, whose mean exponential is 1.
    """
    size, of_blocks = z.shape[1], quadrature.pattern.stacks if isinstance(mode.curvature, Blocks) else []
    stacks = [stack.elements for stack in of_blocks] or [np.arange(size)[None]]
    t, normal = z.copy(), []
    for elements in stacks:
        d = elements.shape[1]
        freedom = max(HEAVY, float(d))
        for own in elements:
            t[:, own] *= np.sqrt(0.5 * freedom / gamma(0.5 * freedom))
        squares = (t[:, elements] ** 2).sum(axis=2).T  # (blocks, draws)
        constant = (
            scipy.special.gammaln(0.5 * (freedom + d))
            - scipy.special.gammaln(0.5 * freedom)
            - 0.5 * d * np.log(0.5 * freedom)
        )
        log_t = constant - 0.5 * (freedom + d) * np.log1p(squares / freedom)  # beside (2π)^(−d/2)
        normal.append((-0.5 * squares - log_t, -log_t))
    moved = np.repeat(mode.vector[None], len(z), axis=0)
    moved[:, quadrature.n_parameters :] += mode.curvature.root_solve(t.T).T
    rows = np.concatenate([quadrature.rows.at(moved[i : i + BLOCK])["rows"] for i in range(0, len(z), BLOCK)])
    tops = quadrature.rows.one(mode.vector)[0]
    rises = np.where(np.isnan(rows), -np.inf, rows) - tops
    sums = [quadrature.members(stack) @ rises.T for stack in of_blocks]
    heights = sums or [rises.sum(axis=1)[None]]
    total = tops.sum() + 0.5 * (size * LOG_2PI - mode.curvature.log_determinant)
    density = np.concatenate([rise + weight for rise, (_, weight) in zip(heights, normal, strict=True)])
    return float(total), density, np.concatenate([weight for weight, _ in normal])


def _summed(laplace: float, density: Array, normal: Array) -> tuple[float, float, float, float]:
    """Return log L, its standard error by the delta method, the smallest effective number of draws, and Pareto k."""
    n = density.shape[1]
    top = np.maximum(density.max(axis=1), 0.0)[:, None]
    weights = np.exp(density - top)
    effective = weights.sum(axis=1) ** 2 / np.maximum((weights**2).sum(axis=1), np.finfo(float).tiny)
    differences = weights - np.exp(normal - top)
    means = differences.mean(axis=1) + np.exp(-top[:, 0])
    errors = differences.std(axis=1, ddof=1) / np.sqrt(n)
    plain, of_plain = weights.mean(axis=1), weights.std(axis=1, ddof=1) / np.sqrt(n)
    is_lost = means <= errors  # far from normal: what is taken away is larger than the integral
    means, errors = np.where(is_lost, plain, means), np.where(is_lost, of_plain, errors)
    worst = np.argsort(effective)[:WORST_BLOCKS]
    k = max(map(_tail_index, density[worst])) if n >= ENOUGH_FOR_K else np.nan
    value = laplace + float((np.log(means) + top[:, 0]).sum())
    return value, float(np.sqrt(((errors / means) ** 2).sum())), float(effective.min()), k


def _tail_index(log_weights: Array) -> float:
    """Return Pareto k of one block's weights."""
    from arviz_stats.base import array_stats  # type: ignore[attr-defined]

    return float(array_stats.psislw(-log_weights)[1])  # type: ignore[no-untyped-call]
