"""PyMC's gradient update rules, compiled once, and the loop that takes their steps.

PyMC's optimisers as step rules: a gradient goes in, the next place comes out.

``pm.adam`` and its kin write their update as a graph. Their argument may be a gradient instead of a loss, so the graph
of the rule alone is compiled, small and the same for every model, and the gradient comes from the model's engine. What
the rule remembers (moments, counters) becomes arguments and results: a new path begins with a fresh memory.

Walks by an update rule: one gradient a step, of all data or of a fresh batch.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
from pytensor.graph.replace import graph_replace

from pymc_landscape._typing import Array
from pymc_landscape.engine import InterpretedGraphs
from pymc_landscape.optimize.descent.learning_rates import Schedule
from pymc_landscape.optimize.descent.path import DescentPath

Optimizer = Callable[..., Mapping[Any, Any]]

RULES: dict[str, Optimizer] = {
    "sgd": pm.sgd,
    "momentum": pm.momentum,
    "nesterov": pm.nesterov_momentum,
    "adagrad": pm.adagrad,
    "adadelta": pm.adadelta,
    "rmsprop": pm.rmsprop,
    "adam": pm.adam,
    "adamax": pm.adamax,
}


class UpdateRule:
    """A rule for steps of vectors of length k, compiled.

    Parameters
    ----------
    optimizer : callable
        Of PyMC's form: ``optimizer([gradient], [parameters])`` gives a mapping of shared variables to new values.
    size : int
        Length k.
    scheduled : bool
        Whether the rule takes its ``learning_rate`` from outside, anew for each step.

    Raises
    ------
    TypeError
        If `optimizer` is not of that form.
    """

    def __init__(self, optimizer: Optimizer, size: int, scheduled: bool):
        gradient = pt.vector("gradient", dtype="float64", shape=(size,))
        rate = pt.scalar("learning_rate", dtype="float64")
        theta = pytensor.shared(np.zeros(size), name="theta", shape=(size,))
        rule = partial(optimizer, learning_rate=rate) if scheduled else optimizer
        updates = _updates(rule, gradient, theta)
        memory = [shared for shared in updates if shared is not theta]
        inputs = [shared.type() for shared in (theta, *memory)]
        new = [updates[shared] for shared in (theta, *memory)]
        written = graph_replace(new, dict(zip((theta, *memory), inputs, strict=True)), strict=False)
        self._call = InterpretedGraphs([*inputs, gradient, rate], written).function()
        self._fresh = [shared.get_value(borrow=False) for shared in memory]

    def begin(self, theta: Array) -> Callable[[Array, float], Array]:
        """Return a function (gradient, learning rate) -> next theta for one path that begins at `theta`."""
        state: list[Any] = [theta, *self._fresh]
        call = self._call

        def step(gradient: Array, rate: float) -> Array:
            state[:] = call(*state, gradient, np.asarray(rate))
            here: Array = state[0]
            return here

        return step


def _updates(rule: Optimizer, gradient: Any, theta: Any) -> Mapping[Any, Any]:
    try:
        updates = rule([gradient], [theta])
    except Exception as error:
        raise TypeError(
            f"Expected an optimizer of PyMC's form, called as optimizer([gradient], [parameters]), got one that raises "
            f"{type(error).__name__} ({error}): pass for example pm.adam(learning_rate=0.1)."
        ) from error
    if not isinstance(updates, Mapping) or theta not in updates:
        raise TypeError(
            f"Expected an optimizer that returns a mapping with the new parameters, got {type(updates).__name__}: "
            "pass for example pm.adam(learning_rate=0.1)."
        )
    return updates


def named_rule(name: str, size: int, options: Mapping[str, Any]) -> UpdateRule:
    """Return one of PyMC's rules by name, its learning rate given step by step; compiled once a process."""
    return _compile_rule(name, size, tuple(sorted(options.items())))


@cache
def _compile_rule(name: str, size: int, options: tuple[tuple[str, Any], ...]) -> UpdateRule:
    return UpdateRule(partial(RULES[name], **dict(options)), size, scheduled=True)


def keywords(optimizer: Optimizer) -> list[str]:
    """Return the names of the optimizer's own options."""
    parameters = inspect.signature(optimizer).parameters
    return [name for name in parameters if name not in ("loss_or_grads", "params")]


def run_update_rule(path: DescentPath, rule: UpdateRule, schedule: Schedule) -> None:
    """Take steps of a rule until the path ends.

    Parameters
    ----------
    path : DescentPath
        Has begun.
    rule : UpdateRule
        Is given the gradient of nll, half of the path's.
    schedule : callable
        Learning rate of iteration 1, 2, ...
    """
    step = rule.begin(path.theta)
    path.reset_clock()
    with np.errstate(all="ignore"):
        while True:
            rate = schedule(path.iteration + 1)
            path.move(step(0.5 * path.gradient, rate))
            if not path.step_size and path.price == 1.0 and rate:
                path.stop("stalled", "the rule no longer moves: its step is zero")
