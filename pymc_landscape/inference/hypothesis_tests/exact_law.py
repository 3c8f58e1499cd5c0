r"""The exact law of the likelihood ratio of one variance component in a linear mixed model, simulated fast.

With y = Xβ + Zu + e, u ~ N(0, λσ² Σ), e ~ N(0, σ² I) and λ = 0 under the null, the statistic depends on n − p squared
standard normal numbers w² and on two sets of eigenvalues alone, μ of Σ^½ Zᵀ P Z Σ^½ and ξ of Σ^½ Zᵀ Z Σ^½, with P the
projection off X (Crainiceanu & Ruppert 2004, *Journal of the Royal Statistical Society* B 66, 165-185):

    LR = max over λ ≥ 0 of n log(1 + N/D) − Σ log(1 + λξ),    N = Σ λμ w² / (1 + λμ),
    D = Σ w² / (1 + λμ) + the rest of w²,

and for the restricted likelihood n − p in place of n, μ in place of ξ. Fixed effects that the null drops as well add
n log(1 + v² / w²) with a v² each. Both matrices are blocks of the curvature of the joint density in (β, u): they are
read off the model, in whatever way it is written.

The p-value is found by importance sampling: w are drawn with λ from 0 to 4 times its estimate, and weighted by the
ratio of the densities of w/|w|, of which −2 log is the restricted statistic itself. So its relative error is the same
far out in the tail.

For many groups the law is a mixture of χ². With few a variance is estimated as 0 in more than half of all data sets
where it is 0, and the statistic is smaller than the mixture says (Pinheiro & Bates 2000, *Mixed-Effects Models in S and
S-PLUS*, section 2.4.1).
"""

from __future__ import annotations

from contextlib import suppress

import numpy as np
from pymc.util import get_random_generator

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array, RandomSeed
from pymc_landscape.inference.hypothesis_tests.nested_models import Nesting, sizes
from pymc_landscape.inference.hypothesis_tests.null_point import flat_bounds, flat_estimate, minus2ll
from pymc_landscape.numerics import chibar2_quantile, chibar2_tail
from pymc_landscape.objective import Objective, effect_curvature, effect_shapes, effects_that_depend_on
from pymc_landscape.optimize import Fit

# How many statistics are simulated; and the seed where none is given, so that a p-value is one number.
DRAWS, SEED = 20_000, 2004
# Values of λ, in units of the reciprocal of the largest eigenvalue, among which the maximum is sought.
GRID = np.geomspace(1e-5, 1e7, 181)
# Shares of the estimate of λ under which numbers are drawn.
TILTS = np.array([0.0, 0.25, 1.0, 4.0])
# An eigenvalue that is none, as a share of the largest; what counts as proportional; whole numbers.
NO_EIGENVALUE, PROPORTIONAL, WHOLE = 1e-9, 1e-6, 1e-3
# From so many groups on the mixture is taken as it is.
MANY_GROUPS = 50
# The statistic's distance from the mixture is told at this level.
LEVEL = 0.95
# So many elements of effects at most: the eigenvalues of more take long, and many groups need no exact law.
MOST_EFFECTS = 400


@dataclass(frozen=True)
class VarianceComponent:
    """What the law of one variance component depends on.

    Parameters
    ----------
    mu, xi : array (K,)
        Eigenvalues of the effects' design with and without the fixed effects projected out, in units in which λ is 1
        at the alternative's estimate.
    n : int
        Observations, or of a restricted likelihood their contrasts, n − p.
    free : int
        n − p.
    dropped : int
        Fixed effects that the null drops.
    restricted : bool
        Whether the likelihood is restricted.
    """

    mu: Array
    xi: Array
    n: int
    free: int
    dropped: int
    restricted: bool

    def statistics(self, w2: Array, rest: Array, v2: Array) -> Array:
        """Return LR (n,) for squares w² (n, K), their sum over all other contrasts (n,), and v² of dropped effects."""
        top = float(self.mu.max())
        lam = np.concatenate([[0.0], GRID / top])
        total = w2.sum(axis=1) + rest
        power = self.free if self.restricted else self.n
        weights = self.mu if self.restricted else self.xi
        values = np.empty((len(w2), len(lam)))
        for j, x in enumerate(lam):
            within = (w2 / (1.0 + x * self.mu)).sum(axis=1) + rest
            values[:, j] = power * np.log(total / within) - np.log1p(x * weights).sum()
        best = values.argmax(axis=1)
        statistics = values[np.arange(len(values)), best]
        inside = np.flatnonzero((best > 1) & (best < len(lam) - 1))
        left, here, right = (values[inside, best[inside] + step] for step in (-1, 0, 1))
        bend = np.maximum(2 * here - left - right, 1e-300)
        statistics[inside] = here + (right - left) ** 2 / (8 * bend)  # the parabola through three values in log λ
        found: Array = np.maximum(statistics, 0.0) + self.n * np.log1p(v2 / total) * (self.dropped > 0)
        return found

    def simulated(self, draws: int, rng: np.random.Generator) -> Array:
        """Return statistics (draws,) under the null."""
        return self.statistics(*self._numbers(draws, rng, 0.0))

    def tail(self, statistic: float, draws: int, rng: np.random.Generator) -> tuple[float, float]:
        """Return Pr(LR ≥ statistic) and its Monte Carlo standard error."""
        if statistic <= 0.0:
            return 1.0, 0.0
        each = -(-draws // len(TILTS))
        terms = []
        for tilt in TILTS:
            w2, rest, v2 = self._numbers(each, rng, float(tilt))
            total = w2.sum(axis=1) + rest
            within = np.stack([(w2 / (1.0 + x * self.mu)).sum(axis=1) + rest for x in TILTS])
            drawn = self.free * np.log(total / within) - np.log1p(TILTS[:, None] * self.mu).sum(axis=1)[:, None]
            log_weight = np.log(len(TILTS)) - np.logaddexp.reduce(drawn / 2.0, axis=0)
            terms.append(np.exp(log_weight) * (self.statistics(w2, rest, v2) >= statistic))
        found = np.array(terms)
        error = np.sqrt((found.var(axis=1) / each).mean() / len(TILTS))
        return float(min(found.mean(), 1.0)), float(error)

    def _numbers(self, n: int, rng: np.random.Generator, tilt: float) -> tuple[Array, Array, Array]:
        w2 = rng.chisquare(1, (n, len(self.mu))) * (1.0 + tilt * self.mu)
        others = self.free - len(self.mu)
        rest = rng.chisquare(others, n) if others > 0 else np.zeros(n)
        return w2, rest, rng.chisquare(self.dropped, n) if self.dropped else np.zeros(n)


def generator(random_seed: RandomSeed | None) -> np.random.Generator:
    """Return PyMC's generator of a seed; always the same one where none is given."""
    rng: np.random.Generator = get_random_generator(SEED if random_seed is None else random_seed, copy=True)
    return rng


def variance_component(nesting: Nesting, alternative: Fit) -> VarianceComponent | None:
    """Return what the exact law depends on; None where the models are not of its kind.

    Parameters
    ----------
    nesting : Nesting
        The null as a point of the alternative.
    alternative : Fit
        Of a linear mixed model with one variance component beside the residual.
    """
    if len(nesting.at_bound) != 1 or nesting.vanished or nesting.point is None:
        return None
    objective = alternative.objective
    if not objective.is_integral or objective.summed or objective.prior_weight:
        return None
    twin = _with_fixed_effects(objective)
    if twin is None or not twin.fixed_effects.is_exact:
        return None
    labels = list(twin.layout().labels)
    n_effects = sum(int(np.prod(shape)) for shape in effect_shapes(twin).values())
    if len(labels) != 2 or nesting.at_bound[0] not in labels or n_effects > MOST_EFFECTS:
        return None
    with suppress(np.linalg.LinAlgError, ArithmeticError):
        return _read(nesting, alternative, twin, labels.index(nesting.at_bound[0]))
    return None


def _with_fixed_effects(objective: Objective) -> Objective | None:
    """Return the objective with fixed effects integrated out too; None where there are none, or it cannot be."""
    if objective.restricted:
        return objective
    names = [v.name for v in objective.variables if v.elementwise and not v.discrete and not v.bounded.any()]
    try:
        return objective.with_fixed_effects(names)
    except ValueError:
        return None


def _read(nesting: Nesting, fit: Fit, twin: Objective, tested: int) -> VarianceComponent | None:
    """Read the eigenvalues off the curvature of a linear mixed model, after a check that it is one."""
    own = list(fit.objective.layout().labels)
    places = [own.index(label) for label in twin.layout().labels]
    point, low = flat_estimate(fit), flat_bounds(fit)[places[tested]][0]
    if low != 0.0 or flat_bounds(fit)[places[1 - tested]][0] != 0.0:
        return None
    if point[places[tested]] <= 0.0:
        point[places[tested]] = sizes(fit, np.asarray(nesting.point))[places[tested]]
    theta = point[places]
    here = _blocks(twin, theta)
    wider, noisier = theta.copy(), theta.copy()
    wider[tested] *= 2.0
    noisier[1 - tested] *= 2.0
    variance, across, own_block = here
    more, less = _blocks(twin, wider), _blocks(twin, noisier)
    growth = float(np.trace(more[0]) / np.trace(variance))
    shrink = float(np.trace(less[0]) / np.trace(variance))
    is_one = (
        _same(more, (growth * variance, np.sqrt(growth) * across, own_block))
        and _same(less, (shrink * variance, shrink * across, shrink * own_block))
        and growth > 1.0 > shrink
    )
    free_terms = _count(nesting, fit, places[1 - tested], shrink)
    if not is_one or free_terms is None:
        return None
    p = len(own_block)
    n = free_terms + (p if fit.objective.restricted else 0)
    projected = variance - across.T @ np.linalg.solve(own_block, across) if p else variance
    mu, xi = _eigenvalues(projected), _eigenvalues(variance)
    restricted = bool(fit.objective.restricted)
    return VarianceComponent(mu, xi, n, n - p, nesting.df - 1, restricted)


def _blocks(twin: Objective, theta: Array) -> tuple[Array, Array, Array]:
    """Return the curvature of the effects without that of their prior, that between them and fixed ones, and theirs."""
    curvature, fixed = effect_curvature(twin, theta)
    random = ~fixed
    return (
        curvature[np.ix_(random, random)] - np.eye(int(random.sum())),
        curvature[np.ix_(fixed, random)],
        curvature[np.ix_(fixed, fixed)],
    )


def _same(one: tuple[Array, ...], other: tuple[Array, ...]) -> bool:
    pairs = [(a, b) for a, b in zip(one, other, strict=True) if a.size]
    return all(np.isfinite(a).all() and np.abs(a - b).max() <= PROPORTIONAL * np.abs(b).max() + 1e-12 for a, b in pairs)


def _count(nesting: Nesting, fit: Fit, residual: int, shrink: float) -> int | None:
    """Return m of m log s + Q/s, −2LL at the null as the residual variance grows by s; None where it is not that."""
    points = np.repeat(np.asarray(nesting.point)[None], 4, axis=0)
    points[:, residual] *= 2.0 ** np.arange(4)
    rises = np.diff(minus2ll(fit.objective, points))
    s = shrink ** -np.arange(4.0)
    design = np.stack([np.diff(np.log(s)), np.diff(1.0 / s)], axis=1)
    solved, *_ = np.linalg.lstsq(design, rises)
    whole = round(float(solved[0]))
    is_so = np.abs(design @ solved - rises).max() <= PROPORTIONAL * np.abs(rises).max()
    return whole if is_so and abs(solved[0] - whole) <= WHOLE and whole > 0 else None


def _eigenvalues(matrix: Array) -> Array:
    values = np.linalg.eigvalsh(matrix)
    return values[values > NO_EIGENVALUE * values.max()]


# --- the mixture, and how far off it is ------------------------------------------------------------------------------


def told_of_few_groups(nesting: Nesting, alternative: Fit, statistic: float, weights: object) -> str:
    """Return what is to be said of the mixture with these weights; nothing where there are many groups, or none.

    Parameters
    ----------
    nesting : Nesting
        The null as a point of the alternative.
    alternative : Fit
        The fit of the larger model.
    statistic : float
        The likelihood ratio.
    weights : array (df + 1,)
        Of χ²₀, ..., χ²_df.
    """
    n = _groups(nesting, alternative)
    if not n or n >= MANY_GROUPS:
        return ""
    shares = np.asarray(weights, dtype=float)
    component = variance_component(nesting, alternative)
    if component is None:
        return (
            f"With {n} groups the mixture, a law for many, is an approximation, and mostly its p is too large: "
            "reference='bootstrap' simulates the law."
        )
    rng = generator(None)
    drawn = component.simulated(DRAWS, rng)
    p, error = component.tail(statistic, DRAWS, rng)
    cutoff = chibar2_quantile(LEVEL, shares)
    above, claimed = 100 * (drawn > cutoff).mean(), 100 * float(chibar2_tail(cutoff, shares))
    zero = f"{100 * (drawn == 0).mean():.0f} % of the statistics are 0, for {100 * shares[0]:.0f} %, and "
    return (
        f"With {n} groups the mixture, a law for many, is an approximation: under the null {zero if shares[0] else ''}"
        f"{above:.1f} % are above {cutoff:.2f}, for {claimed:.0f} %. The exact law, reference='exact', gives "
        f"p = {p:.3g} ± {error:.1g} (Crainiceanu & Ruppert 2004)."
    )


def _groups(nesting: Nesting, fit: Fit) -> int:
    """Return the least number of groups of an effect of which a spread is tested; 0 where none is integrated out."""
    objective = fit.objective
    shapes = effect_shapes(objective)
    tested = {v.name for v in objective.variables if set(v.labels) & set(nesting.at_bound)}
    own = effects_that_depend_on(objective, tested)
    return min((max(shapes[name], default=1) for name in own or shapes), default=0)
