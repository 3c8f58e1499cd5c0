"""Walks by an update rule: one gradient a step, of all data or of a fresh batch."""

from __future__ import annotations

import numpy as np

from pymc_landscape.learning_rate import Schedule
from pymc_landscape.update_rule import UpdateRule
from pymc_landscape.walk import Walk


def follow(walk: Walk, rule: UpdateRule, schedule: Schedule) -> None:
    """Take steps of a rule until the walk ends.

    Parameters
    ----------
    walk : Walk
        Has begun.
    rule : UpdateRule
        Is given the gradient of nll, half of the walk's.
    schedule : callable
        Learning rate of iteration 1, 2, ...
    """
    step = rule.begin(walk.theta)
    walk.reset_clock()
    with np.errstate(all="ignore"):
        while True:
            rate = schedule(walk.iteration + 1)
            walk.move(step(0.5 * walk.gradient, rate))
            if not walk.step_size and walk.price == 1.0 and rate:
                walk.stop("stalled", "the rule no longer moves: its step is zero")
