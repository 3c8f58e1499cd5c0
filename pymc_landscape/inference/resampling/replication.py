"""The loop over simulated data sets that the bootstrap, the likelihood ratio test and the study of coverage share.

What may be simulated from, one seed a data set, and the loop itself, here or on the workers of a cluster: what is made
of a seed depends on nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from pymc.util import get_random_generator

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array, ModelLike, RandomSeed
from pymc_landscape.numerics import one_blas_thread
from pymc_landscape.objective import Objective, RestrictedObjective
from pymc_landscape.optimize import Fit, fit_of, require_optimum
from pymc_landscape.results import STOPS, DelayedProgressBar, Stop, warn_of_part
from pymc_landscape.results.cluster import RangeTasks

if TYPE_CHECKING:
    from distributed import Client


def fit_to_simulate(
    model: Fit | ModelLike | Objective | None,
    verb: str,
    progressbar: bool,
    refuse: Callable[[Objective], object] = lambda objective: None,
) -> Fit:
    """Return the fit from which a verb simulates; refuse one that does not stand for the data's law."""
    fit = fit_of(model, verb, prior_weight=0.0, refuse=refuse, progressbar=progressbar)
    if fit.is_map:
        raise ValueError("Expected a maximum likelihood fit, got a posterior mode: use fit_mle.")
    require_optimum(fit)
    return fit


def seeds(random_seed: RandomSeed | None, draws: int) -> list[int]:
    """Return one seed a replicate."""
    rng = get_random_generator(random_seed, copy=True)
    return [int(seed) for seed in rng.integers(2**63 - 1, size=draws)]


def repeat[Made](
    several: Callable[[Sequence[int]], Iterable[Made]],
    seeds: Sequence[int],
    description: str,
    progressbar: bool,
    *,
    at_once: int = 1,
    earlier: Sequence[Made] = (),
    after_each: Callable[[list[Made]], None] = lambda made: None,
    client: Client | None = None,
) -> tuple[list[Made], Stop | None]:
    """Call `several` with the seeds that `earlier` does not cover; Ctrl-C keeps what is finished, and is returned.

    With a client its workers do; what was finished where the connection to them is lost is kept like that.
    """
    made, work = list(earlier), _Seeded(several, seeds)
    try:
        with DelayedProgressBar(description, len(seeds), progressbar) as bar:
            bar.advance(len(made))
            parts: Iterator[Iterable[Made]]
            if client is None:
                parts = (work.each(a, a + at_once) for a in range(len(made), len(seeds), at_once))
            else:
                tasks = RangeTasks(client, work, "simulated data sets", most=at_once)
                parts = (values for _, _, values in tasks.over(len(made), len(seeds)))
            for part in parts:
                for one in part:
                    made.append(one)
                    bar.advance(1)
                    after_each(made)
    except STOPS as stopped:
        if not made:
            raise
        warn_of_part(stopped, f"{len(made)} of {len(seeds)} replicates were finished", stacklevel=4)
        return made, stopped
    return made, None


@dataclass(frozen=True)
class _Seeded[Made]:
    """What is made of seeds, by their places."""

    several: Callable[[Sequence[int]], Iterable[Made]]
    seeds: Sequence[int]

    def each(self, start: int, stop: int) -> Iterator[Made]:
        """Yield one after the other."""
        with np.errstate(all="ignore"), one_blas_thread():  # far out, anything overflows
            yield from self.several(self.seeds[start:stop])

    def __call__(self, start: int, stop: int) -> list[Made]:
        """Return all."""
        return list(self.each(start, stop))


def start_inside(fit: Fit) -> Array:
    """Return the estimate as a start: an element at a bound, where the gradient vanishes, starts inside the support."""
    if np.isfinite(fit.theta).all():
        return fit.theta
    return np.where(np.isfinite(fit.theta), fit.theta, fit.objective.pack(fit.objective.initial_point()))


def restricted_like(restricted: RestrictedObjective, twin: Objective) -> RestrictedObjective:
    """Return the objective of other data with the same natural and fixed elements."""
    return restricted.refixed(restricted.fixed, twin)
