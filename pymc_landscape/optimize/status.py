"""What the result of a search is, in words: an optimum, one on a bound, a ridge, a limit at infinity, or nothing.

With a predictor far from 0 (a date in seconds), slope and intercept are correlated to within the square of its spread
by its size. That may be less than a double can tell from 1: its eigenvalues are rounding then, and so would be standard
errors. The product of the Hessian with a direction keeps its digits, for rows of data cancel before they are
added up; it tells such a direction from one along which the surface is level.
"""

from __future__ import annotations

from dataclasses import field, replace
from enum import StrEnum

import numpy as np

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.numerics import Spectrum, name_direction, noise, spectrum
from pymc_landscape.objective import BoundElement, RestrictedObjective, hessian_products
from pymc_landscape.optimize.active_set import bound_towards
from pymc_landscape.optimize.local_search import SearchResult
from pymc_landscape.results import FIT_STATUSES

# A curvature of so many times its own rounding is one.
BEYOND_ROUNDING = 1e4
# Where the surface is looked at, in standard errors; there it has risen by their squares, within this factor.
STANDARD_ERRORS, WITHIN = np.array([0.5, 2.0]), 2.0
# The smallest eigenvalue, by the largest, of a Hessian that has lost most of its digits.
SINGULAR = 1e-11

NEARLY_DEPENDENT = (
    "effects of parameters on the data are nearly the same, as where predictors are far from 0; subtract their means, "
    "or scale them, and fit again"
)
# An element of less than this share of the largest, each in units of its own curvature, is not named with it.
MATTERS = 0.1


class Status(StrEnum):
    """What a fit found; only `converged` and `at_bound` claim an optimum."""

    CONVERGED = "converged"
    AT_BOUND = "at_bound"
    NOT_IDENTIFIED = "not_identified"
    UNBOUNDED = "unbounded"
    FAILED = "failed"

    @property
    def is_optimum(self) -> bool:
        """Whether the fit claims an optimum."""
        return self in (Status.CONVERGED, Status.AT_BOUND)

    @property
    def meaning(self) -> str:
        """What this status says of the likelihood."""
        return FIT_STATUSES[self.value].means

    @property
    def advice(self) -> str:
        """What to do with a fit of this status."""
        return FIT_STATUSES[self.value].do


@dataclass(frozen=True)
class Directions:
    """What is known of directions over the free elements of a search result, a row each.

    Parameters
    ----------
    level : array (m, k)
        The surface is level.
    unbounded : array (m, k)
        It falls, or stays level, for ever.
    kinked : array (m, k)
        It rises on both sides, at once or beyond a level stretch, without curvature.
    lost : array (m, k)
        It rises as a parabola whose curvature is lost in the rounding of the Hessian.
    lower : array (k,) or None
        A lower point.
    run_away : list of int
        Elements that ran away, of a search that ended at no minimum.
    off_bounds : dict of BoundElement to array (k,)
        Elements at a bound off which the surface stays level, with the moves of the free elements.
    """

    level: Array
    unbounded: Array
    kinked: Array
    lost: Array
    lower: Array | None = None
    run_away: list[int] = field(default_factory=list)
    off_bounds: dict[BoundElement, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class StatusReport:
    """A status, the sentence that explains it, and the directions that it is about.

    Parameters
    ----------
    status : Status
        What is claimed of the result of a search.
    message : str
        Why, and what to do.
    flat_directions : array (m, k)
        Directions, over the free elements, along which the surface is level or falls for ever.
    lower : array (k,) or None
        A lower point that was met.
    arrived : bool
        Whether a search that claims no optimum ended at a lowest point all the same.
    """

    status: Status
    message: str = ""
    flat_directions: Array = field(default_factory=lambda: np.zeros((0, 0)))
    lower: Array | None = None
    arrived: bool = False


def judge(result: SearchResult, directions: Directions) -> StatusReport:
    """Say what the result of a search is, given what is known of directions along which it may be no optimum."""
    if not np.isfinite(result.value):
        return StatusReport(Status.FAILED, _no_likelihood(result))
    if directions.run_away:
        return _unbounded_below(result, directions.run_away)
    if len(directions.lost):
        sizes = np.abs(directions.lost).max(axis=0) * np.sqrt(np.abs(np.diagonal(np.asarray(result.hessian))))
        names = ", ".join(np.array(result.restricted.labels)[sizes > MATTERS * sizes.max()][:5])
        message = f"The curvature of −2LL by {names} together is lost in rounding: {NEARLY_DEPENDENT}."
        return StatusReport(Status.FAILED, message, arrived=True)
    if directions.lower is not None:
        message = f"A lower point was found beside the end of the search{_perhaps_dependent(result)}."
        return StatusReport(Status.FAILED, message, lower=directions.lower)
    going = [direction for direction in directions.unbounded if not _rises_to_bound(result, direction)]
    if going:
        return unbounded(result, *going)
    if not result.is_minimum:
        return StatusReport(
            Status.FAILED,
            f"The search did not arrive at an optimum ({result.optimizer}: {result.reason or 'no more progress'}): "
            f"try other starts, or scale the data{_perhaps_dependent(result)}{_perhaps_effects(result)}.",
        )
    if len(directions.level):
        message = _not_determined(result, directions.level)
        return StatusReport(Status.NOT_IDENTIFIED, message, flat_directions=directions.level)
    if directions.off_bounds:
        names = ", ".join(_label_at_bound(result.restricted, element) for element in directions.off_bounds)
        ways = np.array(list(directions.off_bounds.values()))
        message = (
            f"The likelihood does not determine {names}, at the edge of the support: off it −2LL stays level while "
            f"{_names(result, ways)} moves; fix or leave out a parameter, or use a prior (fit_map)."
        )
        return StatusReport(Status.NOT_IDENTIFIED, message, flat_directions=ways)
    if len(directions.kinked):
        names = _names(result, directions.kinked)
        message = (
            f"The surface has a kink at the optimum, or is level between two, and no curvature along {names}: no "
            "standard error there."
        )
        return StatusReport(Status.CONVERGED, message, flat_directions=directions.kinked)
    if at_bounds := result.restricted.fixed_elements:
        names = ", ".join(_label_at_bound(result.restricted, element) for element in at_bounds)
        return StatusReport(Status.AT_BOUND, f"The optimum is on the edge of the support: {names}.")
    return StatusReport(Status.CONVERGED)


def _rises_to_bound(result: SearchResult, direction: Array) -> bool:
    """Whether a direction ends at a bound of the support that is higher than a minimum near it, by ever so little."""
    restricted = result.restricted
    if not result.is_minimum or restricted.natural or np.count_nonzero(direction) != 1:
        return False
    j = int(np.flatnonzero(direction)[0])
    i = int(restricted.free[j])
    for v in restricted.objective.variables:
        where = restricted.layout.slices[v.name]
        if where.start <= i < where.stop and v.elementwise:
            bound = bound_towards(v, i - where.start, float(direction[j]))
            if not np.isfinite(bound):
                return False
            there, x = restricted.with_fixed(result.x, {(v.name, i - where.start): bound})
            return bool(result.value + noise(result.value) < there.value(x) < np.inf)
    return False


def _no_likelihood(result: SearchResult) -> str:
    objective = result.restricted.objective
    if not objective.is_integral:
        return "No start had a finite likelihood: give starts inside the support."
    effects = ", ".join(name for name in objective.latent if name not in objective.summed)
    return (
        f"No start had a finite likelihood: no mode of the random effects {effects} was found there, which Laplace's "
        "approximation needs; give other starts, or make the likelihood conditional on the effects with latent=()."
    )


def unbounded(result: SearchResult, *directions: Array) -> StatusReport:
    """Report that −2LL falls for ever along some directions, and towards a limit."""
    curvature = np.ones_like(directions[0])
    if result.hessian is not None:
        curvature = np.sqrt(np.abs(np.diagonal(result.hessian)))
    going: dict[int, float] = {}
    for direction in directions:
        share = np.abs(direction) * curvature  # units of data do not matter
        share = share if share.any() else np.abs(direction)
        going |= {int(j): float(direction[j]) for j in np.flatnonzero(share > 0.5 * share.max())}
    goes = " and ".join(_goes(result, j, sense) for j, sense in list(going.items())[:4])
    message = (
        f"{_density(result)} has no maximum: −2LL falls towards {result.value:.6g} and does not reach it while {goes}, "
        "as where predictors tell the outcomes apart (separation) or a distribution nears a simpler one; leave the "
        f"parameter out, or use a prior (fit_map){_perhaps_penalized(result)}{_perhaps_effects(result)}."
    )
    return StatusReport(Status.UNBOUNDED, message, flat_directions=np.array(directions))


def _unbounded_below(result: SearchResult, run_away: list[int]) -> StatusReport:
    """Report a density that grows beyond every limit."""
    direction = np.zeros(len(result.x))
    direction[run_away] = np.sign(result.x[run_away])
    goes = ", ".join(_goes(result, j, result.x[j]) for j in run_away)
    return StatusReport(
        Status.UNBOUNDED,
        f"{_density(result)} has no maximum: it rises for ever while {goes}, as where a mixture component collapses on "
        "one observation or random effects fit their data exactly; bound the scale away from the edge, tie scales "
        "together, or start elsewhere for a local maximum.",
        flat_directions=direction[None],
    )


def _not_determined(result: SearchResult, level: Array) -> str:
    names = _names(result, level)
    if result.hessian is not None and all(not result.hessian[d != 0].any() for d in level):
        effects = result.restricted.objective.conditional
        if not effects:
            return f"The likelihood does not depend on {names}: leave the parameter out, or use a prior (fit_map)."
        return (
            f"The likelihood does not depend on {names}, for it is conditional on the random effects "
            f"{', '.join(effects)}: use Objective(model, latent='auto')."
        )
    return (
        f"The likelihood does not determine {names}: −2LL is level along that direction; fix or leave out a "
        f"parameter, or use a prior (fit_map){_perhaps_effects(result)}."
    )


def _label_at_bound(restricted: RestrictedObjective, element: BoundElement) -> str:
    """Return the label of an element at its bound; of an increment of 0, the two that are tied."""
    position, labels = restricted.positions[element], restricted.layout.labels
    tied = restricted.coordinates is not None and restricted.coordinates.is_increment(element)
    return f"{labels[position - 1]} = {labels[position]}" if tied else labels[position]


def _names(result: SearchResult, directions: Array) -> str:
    return ", ".join(name_direction(d, result.restricted.labels) for d in directions[:5])


def _goes(result: SearchResult, j: int, direction: float) -> str:
    """Say where an element runs."""
    restricted, i = result.restricted, int(result.restricted.free[j])
    label, goal = restricted.layout.labels[i], float(np.sign(direction) * np.inf)
    for v in restricted.objective.variables:
        where = restricted.layout.slices[v.name]
        if where.start <= i < where.stop and v.elementwise:
            stands = v if v.name in restricted.unconstrained else replace(v, transform=None)
            label, goal = v.labels[i - where.start], bound_towards(stands, i - where.start, direction)
    words = {np.inf: "+∞", -np.inf: "−∞"}.get(goal) or f"{goal:g}"
    return f"{label} goes to {words}"


def _density(result: SearchResult) -> str:
    objective = result.restricted.objective
    if objective.prior_weight:
        return "The posterior density"
    return "The penalised likelihood" if objective.penalty else "The likelihood"


def _perhaps_penalized(result: SearchResult) -> str:
    """Name Firth's penalty, where it can be had and was not."""
    objective = result.restricted.objective
    if objective.prior_weight or objective.penalty or not objective.can_be_penalized:
        return ""
    return '; against separation there is Firth\'s penalty: fit_mle(model, penalty="firth")'


def _perhaps_dependent(result: SearchResult) -> str:
    """Say what it may be where the Hessian has lost its digits."""
    return f"; its Hessian is singular to rounding: perhaps {NEARLY_DEPENDENT}" if has_lost_digits(result) else ""


def _perhaps_effects(result: SearchResult) -> str:
    """Say which parameters a joint fit would better integrate out."""
    objective = result.restricted.objective
    names = objective.perhaps_latent
    if not names:
        return ""
    latent = [*objective.latent, *names]
    return f"; if {', '.join(names)} are random effects, integrate them out: Objective(model, latent={latent})"


# --- curvature lost in rounding ---------------------------------------------------------------------------------------


def is_lost_in_rounding(result: SearchResult, curvature: Spectrum, i: int) -> bool:
    """Whether −2LL rises along eigenvector i, as a parabola whose curvature the Hessian at an estimate does not have.

    Parameters
    ----------
    result : SearchResult
        A minimum.
    curvature : Spectrum
        Of its Hessian.
    i : int
        An eigenvector whose eigenvalue is none to rounding.
    """
    restricted = result.restricted
    plain = result.exact and restricted.coordinates is None and not restricted.objective.is_integral
    if not plain or not restricted.objective.has_gradient:
        return False
    direction = curvature.vectors[:, i] / curvature.scale
    try:
        product = hessian_products(restricted, result.x, direction)
    except (ArithmeticError, NotImplementedError, ValueError):
        return False
    bend = float(direction @ product)
    rounding = float(np.finfo(float).eps) * float(np.linalg.norm(direction * product))
    if not bend > BEYOND_ROUNDING * rounding:
        return False
    moves = np.concatenate([STANDARD_ERRORS, -STANDARD_ERRORS])
    rises = restricted.screened(result.x + np.sqrt(2.0 / bend) * moves[:, None] * direction) - result.value
    both = rises.reshape(2, -1).mean(axis=0)  # without the slope that is left where the search was led astray
    shares = both / STANDARD_ERRORS**2
    return bool((shares > 1.0 / WITHIN).all() and (shares < WITHIN).all())


def has_lost_digits(result: SearchResult) -> bool:
    """Whether the Hessian at the end of a search is singular to most of its digits."""
    if result.hessian is None or not np.isfinite(result.hessian).all() or not len(result.x):
        return False
    values = spectrum(result.hessian).values
    return bool(np.abs(values).min() < SINGULAR * np.abs(values).max())
