"""Where the searches from all starts ended, and what they say together."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from pymc_landscape.aliases import Array
from pymc_landscape.brought_back import FAR, brought_back, far_away, set_free
from pymc_landscape.edge import settle_on_edge
from pymc_landscape.engine import one_blas_thread
from pymc_landscape.frame import Frame
from pymc_landscape.objective import Objective
from pymc_landscape.progress import Patient
from pymc_landscape.provenance import provenance
from pymc_landscape.search import Found, search, search_otherwise
from pymc_landscape.starts import Starts, find_starts
from pymc_landscape.trust_region import noise
from pymc_landscape.verdict import Status, Verdict, judge, unbounded

# If no start arrives anywhere, so many others are tried.
RESCUES = 4
# A search is begun anew below a lower point that was met, so many times.
RESTARTS = 3
# A lower end by less than this is the same end.
WORTH_IT = 1e-6


@dataclass(frozen=True)
class End:
    """One start and where it led."""

    start: Array
    origin: str
    found: Found
    verdict: Verdict

    @property
    def theta(self) -> Array:
        """The end as an unconstrained vector; ±inf on an edge."""
        frame = self.found.frame
        return frame.objective.pack(frame.natural_point(self.found.x)) if frame.natural else self.found.x


def find_ends(objective: Objective, starts: Any, rng: np.random.Generator, progressbar: bool) -> list[End]:
    """Search from every start; Ctrl-C keeps the ends that there are, if any."""
    objective.compiled.refuse_discrete()
    begin = find_starts(objective, starts, rng)
    ends: list[End] = []
    try:
        with one_blas_thread(), Patient("Fitting", len(begin), progressbar) as patient:
            for theta, origin in zip(begin.theta, begin.origin, strict=True):
                ends.append(follow(objective, theta, origin))
                patient.advance(1)
    except KeyboardInterrupt:
        if not ends:
            raise
        warnings.warn(f"Interrupted: {len(ends)} of {len(begin)} starts were searched.", stacklevel=4)
        return ends
    if isinstance(starts, int | np.integer) and all(end.verdict.status is Status.FAILED for end in ends):
        ends += _rescue(objective, begin, rng)
    return ends


def _rescue(objective: Objective, begin: Starts, rng: np.random.Generator) -> list[End]:
    """Try a few other starts where none arrived."""
    more = find_starts(objective, len(begin) + RESCUES, rng)
    pairs = list(zip(more.theta, more.origin, strict=True))[len(begin) :]
    ends = []
    for theta, origin in pairs:
        ends.append(follow(objective, theta, origin))
        if ends[-1].verdict.status is not Status.FAILED:
            break
    return ends


def follow(objective: Objective, theta: Array, origin: str) -> End:
    """Search from one start; where that claims no optimum, by another way too."""
    found, verdict = _settled(search(Frame(objective), theta))
    if verdict.status in (Status.FAILED, Status.NOT_IDENTIFIED):
        other = search_otherwise(found, theta)
        if other.value < found.value - WORTH_IT:
            found, verdict = _settled(other)
    if verdict.status is Status.UNBOUNDED and (not found.is_minimum or far_away(found, theta, FAR)):
        found, verdict = _with_digits(found, verdict, theta)
    return End(theta, origin, found, verdict)


def _with_digits(ran: Found, verdict: Verdict, usual: Array) -> tuple[Found, Verdict]:
    """Come back from where a density is rounding alone, if the likelihood is level there: it has a limit then."""
    with np.errstate(all="ignore"):
        nearer = brought_back(ran, usual)
        if nearer is None or nearer is ran:
            return ran, verdict
        found, direction = set_free(nearer, ran, usual)
    return found.add_cost(ran), unbounded(found, direction)


def _settled(found: Found) -> tuple[Found, Verdict]:
    """Look at edges, judge, and search again from any lower point that the verdict meets."""
    verdict = Verdict(Status.FAILED)
    for _ in range(RESTARTS):
        found = settle_on_edge(found)
        verdict = judge(found)
        if verdict.lower is None:
            break
        found = _continued(found, verdict.lower)
    return found, verdict


def _continued(found: Found, x: Array) -> Found:
    there = search(found.frame, x).add_cost(found)
    return there if there.value < found.value + noise(found.value) else found


def best_end(ends: Sequence[End]) -> End:
    """Return the lowest optimum; where none is claimed, the lowest end of the most telling status."""
    order = [Status.CONVERGED, Status.NOT_IDENTIFIED, Status.UNBOUNDED, Status.FAILED]

    def rank(end: End) -> tuple[int, float]:
        status = end.verdict.status
        return order.index(Status.CONVERGED if status.is_optimum else status), end.found.value

    return min(ends, key=rank)


def overall(best: End, ends: Sequence[End]) -> Verdict:
    """Withdraw the claim of an optimum where another start went lower than it."""
    if not best.verdict.status.is_optimum:
        return best.verdict
    for end in ends:
        lower = end.found.value < best.found.value - 1e-6 - noise(best.found.value)
        if end.verdict.status is Status.UNBOUNDED and (lower or end.found.frame.bottomless):
            message = (
                f"{end.verdict.message} The estimate is the best of the local maxima that were found; "
                f"the start that ran away was: {end.origin}."
            )
            return Verdict(Status.UNBOUNDED, message, best.verdict.flat)
        if lower:
            message = f"Another start ({end.origin}) ended lower without arriving: {end.verdict.message}"
            return Verdict(Status.FAILED, message, best.verdict.flat)
    return best.verdict


def starts_dataset(objective: Objective, ends: Sequence[End]) -> xr.Dataset:
    """Return every start: the waterfall."""
    found = [end.found for end in ends]
    theta = np.stack([end.theta for end in ends])
    begin = np.stack([end.start for end in ends])
    weightless = objective.prior_weight == 0
    columns: dict[str, Any] = {
        "start_minus2ll": [f.begin_value for f in found] if weightless else objective.minus2ll(begin),
        "minus2ll": [f.value for f in found] if weightless else objective.minus2ll(theta),
        "objective": [f.value for f in found],
        "status": [end.verdict.status.value for end in ends],
        "origin": [end.origin for end in ends],
        "optimizer": [f.optimizer for f in found],
        "n_iterations": [f.n_iterations for f in found],
        "n_evaluations": [f.n_evaluations for f in found],
        "seconds": [f.seconds for f in found],
    }
    data: dict[str, Any] = {name: ("start", np.asarray(value)) for name, value in columns.items()}
    data |= {"start_theta": (("start", "theta"), begin), "end_theta": (("start", "theta"), theta)}
    coords = {"start": np.arange(len(ends)), "theta": list(objective.labels)}
    return xr.Dataset(data, coords, provenance(objective.origin, group="starts"))
