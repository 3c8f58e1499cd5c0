"""AIC, AICc and BIC of a fit, which count the parameters that its model determines.

That is the rank of the information. A ridge of the likelihood takes a parameter away: a + c is one number. A parameter
that means nothing at one point only, as the exponent b of a·exp(bx) does where a is 0, is still one of the model's. The
scores of data sets that are simulated beside the estimate tell the two apart: they span as many dimensions as the
Fisher information has there (Rothenberg 1971, *Econometrica* 39, 577-591).
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.arguments import checked_count
from pymc_landscape.numerics import noise
from pymc_landscape.objective import RestrictedObjective
from pymc_landscape.objective.observations import Simulator
from pymc_landscape.optimize.estimates import NaturalScale
from pymc_landscape.optimize.status import Status
from pymc_landscape.optimize.tolerances import NO_RISE

# The information is looked at so far from the estimate, in sizes of its unconstrained elements.
BESIDE = 0.1
# Lengths, in the same sizes, over which a straight ridge is level.
LENGTHS = np.array([1e-2, 0.1, 0.5])
# Data sets more than there are parameters; and above so many parameters none are simulated.
SPARE, MOST = 8, 200
# Scores that span a direction by less than this share of their length do not span it.
SMALLEST = 1e-6


class InformationCriteria:
    """What a fit has to be compared by: −2LL at its maximum, and how many parameters it took.

    A `Fit` is one; it has these numbers.
    """

    status: Status
    _natural: NaturalScale

    @property
    def minus2ll(self) -> float:
        """−2 log L at the estimate."""
        return -2.0 * self._natural.values[0]

    @property
    def n_observations(self) -> int:
        """Number n of observed elements; 0 where only potentials hold data."""
        return self._natural.n_observations

    @cached_property
    def n_identified(self) -> float:
        """How many parameters the model determines: k, and fewer along a ridge of the likelihood.

        It is the rank of the Fisher information beside the estimate, so that a + c is one parameter, and a parameter
        that vanishes at this estimate only is counted. NaN where the rank cannot be said: on an edge of the support,
        with data that cannot be simulated. The fixed effects of a restricted likelihood are among them, though they
        are integrated out, as R counts them.
        """
        found = count_identified(self._natural)
        return np.nan if found is None else found + self._natural.objective.fixed_effects.size

    @property
    def is_map(self) -> bool:
        """Whether the prior took part."""
        return self._natural.objective.prior_weight != 0

    @property
    def log_penalty(self) -> float:
        """Firth's penalty ½ log det I at the estimate; 0 where the likelihood was not penalised."""
        return self._natural.values[2]

    @property
    def penalized_minus2ll(self) -> float:
        """−2 (log L + penalty) at the estimate, of which a penalised fit is the minimum."""
        return self.minus2ll - 2.0 * self.log_penalty

    @property
    def is_penalized(self) -> bool:
        """Whether the likelihood was penalised by its information."""
        return self._natural.objective.penalty is not None

    @property
    def kind(self) -> str:
        """What was fitted: ``mle``, ``reml`` (restricted), ``map`` (a prior took part), or ``firth`` (penalised)."""
        objective = self._natural.objective
        return "map" if self.is_map else objective.penalty or ("reml" if objective.restricted else "mle")

    @property
    def has_maximum(self) -> bool:
        """Whether `minus2ll` is the lowest that the likelihood allows, which information criteria correct."""
        return self.kind in ("mle", "reml") and self.status not in (Status.UNBOUNDED, Status.FAILED)

    @property
    def aic(self) -> float:
        """−2LL + 2k (Akaike 1974), where k is `n_identified`; NaN without a maximum of the likelihood.

        That of a restricted likelihood (REML) compares models of the same fixed effects only.
        """
        return self.minus2ll + 2.0 * self.n_identified if self.has_maximum else np.nan

    @property
    def aicc(self) -> float:
        """AIC + 2k(k+1)/(n−k−1); NaN where n is too small or not known.

        The correction is exact for normal linear regression (Sugiura 1978; Hurvich & Tsai 1989), and elsewhere an
        approximation. k is `n_identified`, n the number of observations.
        """
        if not self.has_maximum:
            return np.nan
        k = self.n_identified
        room = self.n_observations - k - 1
        return self.aic + 2.0 * k * (k + 1) / room if room > 0 else np.nan

    @property
    def bic(self) -> float:
        """−2LL + k ln n (Schwarz 1978); NaN where n is not known, or no maximum.

        k is `n_identified`, n the number of observed elements (rows), as lme4 counts them. With random effects some
        count groups (Delattre, Lavielle & Poursat 2014): `compare_models` takes ``n="groups"``.
        """
        return self.bic_of(self.n_observations)

    def bic_of(self, n: int) -> float:
        """Return −2LL + k ln n for another n.

        Parameters
        ----------
        n : int
            How many independent pieces of data: observations, or groups.

        Returns
        -------
        float
            NaN where n is 0, or there is no maximum of the likelihood.
        """
        n = checked_count("n", n, at_least=0)
        return self.minus2ll + self.n_identified * float(np.log(n)) if self.has_maximum and n > 0 else np.nan


# --- how many are determined -----------------------------------------------------------------------------------------


def count_identified(natural: NaturalScale) -> int | None:
    """Return how many parameters the model determines; None where that cannot be said.

    Parameters
    ----------
    natural : NaturalScale
        An estimate, with the directions along which its likelihood is level.

    Returns
    -------
    int or None
        k for an optimum. Along a ridge, the rank of the Fisher information beside the estimate. Where data cannot be
        simulated (a ``pm.Potential``), k less the number of level directions; that, at an edge of the support, may be
        the edge's doing: None.
    """
    k, n_level = len(natural.theta), len(natural.flat_directions)
    if natural.report.status is not Status.NOT_IDENTIFIED or not n_level:
        return k
    natural.refuse_changes()
    is_inside, rng = not natural.restricted.fixed, np.random.default_rng(0)
    if is_inside and _are_straight(natural, rng):
        return k - n_level
    rank = _rank_of_scores(natural, rng) if k <= MOST else None
    if rank is None:
        return k - n_level if is_inside else None
    return max(rank, k - n_level)


def _are_straight(natural: NaturalScale, rng: np.random.Generator) -> bool:
    """Whether the level directions are level beside the estimate too: then they are, wherever the estimate is."""
    restricted, x = natural.restricted, natural.x
    sizes = np.maximum(np.abs(x), 1.0)
    beside = x + BESIDE * rng.standard_normal(len(x)) * sizes
    value = restricted.value(beside)
    for direction in natural.flat_directions:
        unit = direction / np.max(np.abs(direction) / sizes)
        moved = restricted.values(beside + np.concatenate([LENGTHS, -LENGTHS])[:, None] * unit)
        if not (np.abs(moved - value) < NO_RISE + noise(value)).all():
            return False
    return True


def _rank_of_scores(natural: NaturalScale, rng: np.random.Generator) -> int | None:
    """Return the dimension of the span of the scores of simulated data sets; None where there are none."""
    objective = natural.objective.with_prior_weight(0.0)
    start = objective.pack(objective.initial_point())  # what is at a bound is looked at inside the support
    theta = np.where(np.isfinite(natural.theta), natural.theta, start)
    theta = theta + BESIDE * rng.standard_normal(len(theta)) * np.maximum(np.abs(theta), 1.0)
    whole = RestrictedObjective(objective)
    scores = []
    try:
        simulator, point = Simulator(objective), whole.natural_point(theta)
        for seed in range(len(theta) + SPARE):
            twin = RestrictedObjective(objective.with_data(**simulator(point, seed)))
            scores.append(twin.value_and_gradient(theta)[1])
    except ValueError:  # no data can be simulated
        return None
    finite = np.array([score for score in scores if np.isfinite(score).all()])
    return _rank(finite) if len(finite) >= len(theta) else None


def _rank(scores: Array) -> int:
    """Return the rank of scores (S, k), whatever the units of the parameters."""
    lengths = np.linalg.norm(scores, axis=0)
    scaled = scores / np.where(lengths > 0, lengths, 1.0)
    values = np.linalg.svd(scaled, compute_uv=False)
    return int((values > SMALLEST * values.max(initial=0.0)).sum())
