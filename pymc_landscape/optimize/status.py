"""What an end of a search is, in words: an optimum, an edge, a ridge, a slope without end, or nothing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.numerics import name_direction, spectrum
from pymc_landscape.optimize.active_set import bound_towards
from pymc_landscape.optimize.flat_directions import ask, beyond, far_out
from pymc_landscape.optimize.local_search import SearchResult


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


@dataclass(frozen=True)
class StatusReport:
    """A status, the sentence that explains it, and the directions that it is about.

    Parameters
    ----------
    status : Status
        What is claimed of the end of a search.
    message : str
        Why, and what to do.
    flat_directions : array (m, k)
        Directions, over the free elements, along which the surface is level or falls for ever.
    lower : array (k,) or None
        A lower point that was met on the way.
    """

    status: Status
    message: str = ""
    flat_directions: Array = field(default_factory=lambda: np.zeros((0, 0)))
    lower: Array | None = None


# In sizes of the estimate: where a slope is followed that does not end.
ONWARD = np.array([0.5, 3.0, 10.0])
# An unconstrained value beyond this, short of an optimum, has run away.
RUNAWAY = 30.0


def judge(found: SearchResult) -> StatusReport:
    """Say what the end of a search is."""
    if not np.isfinite(found.value):
        return StatusReport(Status.FAILED, "No start had a finite likelihood: give starts inside the support.")
    if not found.is_minimum:
        return (
            _unbounded_below(found) if found.restricted.unbounded_below or _has_run_away(found) else _unfinished(found)
        )
    asked = ask(found)
    if asked.lower is not None:
        return StatusReport(Status.FAILED, "A lower point was found beside the end of the search.", lower=asked.lower)
    if len(asked.receding):
        return unbounded(found, *asked.receding)
    if len(asked.level):
        return StatusReport(Status.NOT_IDENTIFIED, _not_determined(found, asked.level), flat_directions=asked.level)
    if len(asked.kinked):
        return StatusReport(Status.CONVERGED, _kinked(found, asked.kinked), flat_directions=asked.kinked)
    if found.restricted.fixed:
        names = ", ".join(found.restricted.layout.labels[i] for i in found.restricted.fixed)
        return StatusReport(Status.AT_BOUND, f"The optimum is on the edge of the support: {names}.")
    return StatusReport(Status.CONVERGED)


def _has_run_away(found: SearchResult) -> bool:
    return bool(len(beyond(found, RUNAWAY)) and (found.gradient is None or np.linalg.norm(found.gradient) > 1e-3))


def _unbounded_below(found: SearchResult) -> StatusReport:
    direction = np.zeros(len(found.x))
    away = beyond(found, RUNAWAY) or list(np.argsort(-np.abs(found.x))[:1])
    direction[away] = np.sign(found.x[away])
    goes = ", ".join(_goes(found, j, found.x[j]) for j in away)
    return StatusReport(
        Status.UNBOUNDED,
        f"{_density(found)} has no maximum: it rises for ever while {goes}, as where a mixture component collapses on "
        "one observation or random effects fit their data exactly; bound the scale away from the edge, tie scales "
        "together, or start elsewhere for a local maximum.",
        flat_directions=direction[None],
    )


def _goes(found: SearchResult, j: int, way: float) -> str:
    """Say where an element runs."""
    restricted, i = found.restricted, int(found.restricted.free[j])
    for v in restricted.objective.variables:
        where = restricted.layout.slices[v.name]
        if where.start <= i < where.stop and v.elementwise:
            stands = v if v.name in restricted.unconstrained else replace(v, transform=None)
            edge = bound_towards(stands, i - where.start, way)
            return f"{v.labels[i - where.start]} goes to {_number(edge)}"
    return f"{restricted.layout.labels[i]} goes to {_number(np.sign(way) * np.inf)}"


def _density(found: SearchResult) -> str:
    return "The posterior density" if found.restricted.objective.prior_weight else "The likelihood"


def _number(value: float) -> str:
    return {np.inf: "+∞", -np.inf: "−∞"}.get(value, f"{value:g}")


def _unfinished(found: SearchResult) -> StatusReport:
    """Distinguish a slope that goes on for ever from a search that just did not arrive."""
    gone = far_out(found)
    if gone:
        return unbounded(found, *gone)
    if found.gradient is not None and np.isfinite(found.gradient).all() and found.gradient.any():
        scale = spectrum(found.hessian).scale if found.hessian is not None else np.ones_like(found.x)
        direction = -found.gradient / scale**2
        away = direction / np.abs(direction).max() * max(1.0, float(np.abs(found.x).max()))
        rises = found.restricted.values(found.x + ONWARD[:, None] * away) - found.value
        if np.isfinite(rises).all() and (np.diff(rises, prepend=0.0) < 0).all():
            return unbounded(found, away)
    return StatusReport(
        Status.FAILED,
        f"The search did not arrive at an optimum ({found.optimizer}: {found.reason or 'no more progress'}): "
        f"try other starts, or scale the data{_perhaps_effects(found)}.",
    )


def unbounded(found: SearchResult, *directions: Array) -> StatusReport:
    """Return the verdict that −2LL falls for ever along some directions, and towards a limit."""
    return StatusReport(Status.UNBOUNDED, _endless(found, directions[0]), flat_directions=np.array(directions))


def _endless(found: SearchResult, direction: Array) -> str:
    curvature = np.ones_like(direction) if found.hessian is None else np.sqrt(np.abs(np.diagonal(found.hessian)))
    share = np.abs(direction) * curvature  # units of data do not matter
    share = share if share.any() else np.abs(direction)
    main = np.flatnonzero(share > 0.5 * share.max())
    goes = " and ".join(_goes(found, int(j), float(direction[j])) for j in main[:4])
    return (
        f"{_density(found)} has no maximum: −2LL falls towards {found.value:.6g} and does not reach it while {goes}, "
        "as where predictors tell the outcomes apart (separation) or a distribution nears a simpler one; leave the "
        f"parameter out, or use a prior (fit_map){_perhaps_effects(found)}."
    )


def _kinked(found: SearchResult, directions: Array) -> str:
    names = ", ".join(name_direction(d, found.restricted.labels) for d in directions[:5])
    return f"The surface has a kink at the optimum, and no curvature along {names}: no standard error there."


def _not_determined(found: SearchResult, level: Array) -> str:
    names = ", ".join(name_direction(d, found.restricted.labels) for d in level[:5])
    idle = found.hessian is not None and all(not found.hessian[d != 0].any() for d in level)
    if idle:
        return f"The likelihood does not depend on {names}{_random_effects(found)}"
    return (
        f"The likelihood does not determine {names}: −2LL is level along that direction; fix or leave out a "
        f"parameter, or use a prior (fit_map){_perhaps_effects(found)}."
    )


def _perhaps_effects(found: SearchResult) -> str:
    """Say which parameters a joint fit would better integrate out."""
    names = found.restricted.objective.perhaps_latent
    if not names:
        return ""
    return f"; if {', '.join(names)} are random effects, integrate them out: Objective(model, latent={list(names)})"


def _random_effects(found: SearchResult) -> str:
    effects = found.restricted.objective.conditional
    if not effects:
        return ": leave the parameter out, or use a prior (fit_map)."
    return f", for it is conditional on the random effects {', '.join(effects)}: use Objective(model, latent='auto')."
