"""Methods of better_optimize on a walk: each of their iterations becomes one of ours, and our stop rules hold too."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.numerics import noise
from pymc_landscape.objective import DENSE, Objective
from pymc_landscape.optimize.descent.path import ConvergenceTest, DescentPath, Stop
from pymc_landscape.results import unknown_name

# A method's own rules give way to ours, but where it is so precise that it cannot go on. Options by their names in
# better_optimize; those that a method does not have are left out.
PRECISE = {
    "ftol": 1e-15,
    "gtol": 1e-10,
    "xtol": 1e-14,
    "fatol": 1e-10,
    "xatol": 1e-8,
    "tol": 1e-9,
    "final_tr_radius": 1e-9,
}
LIMITS = ("maxiter", "maxfun", "maxfev")
# Evaluations remembered, beside the corners of a simplex, to know the place that a method reports.
REMEMBERED = 64
# What a search is told where there is no value.
TOO_HIGH = 1e300


@cache
def methods() -> dict[str, Any]:
    """Return the configuration of each method by its name; imported late, for the sake of `import pymc_landscape`."""
    from better_optimize.configuration import MINIMIZE_CONFIGS

    return dict(MINIMIZE_CONFIGS)


def check_options(method: str, options: Mapping[str, Any]) -> None:
    """Refuse an option that a method does not have."""
    known = _options(method)
    for option in options:
        if option not in known:
            raise unknown_name(f"an option of {method}", option, known, "it has")


def _options(method: str) -> list[str]:
    return [name for name in methods()[method]().__dataclass_fields__ if not name.startswith("_")]


def minimize(
    walk: DescentPath, objective: Objective, method: str, options: Mapping[str, Any], arrival: ConvergenceTest
) -> None:
    """Walk by a method of better_optimize until it or a stop rule ends the walk."""
    import better_optimize

    config = methods()[method]
    seen = _Seen(walk, objective, config.uses_grad)
    derivative = seen.derivative(config)
    known = _options(method)
    ours = {name: value for name, value in PRECISE.items() if name in known}
    ours |= {name: 1_000_000 for name in LIMITS if name in known}
    walk.reset_clock()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # what a method has to say, its message says
        result = better_optimize.minimize(
            seen.nll,
            walk.theta,
            method,
            callback=seen.report,
            progressbar=False,
            **derivative,
            **(ours | dict(options)),
        )
    if walk.ended:
        raise Stop(walk.reason)
    _judge(walk, seen, result, arrival if config.uses_grad else None)


def _judge(walk: DescentPath, seen: _Seen, result: Any, arrival: ConvergenceTest | None) -> None:
    """End a walk whose method has ended by itself."""
    end = np.array(result.x, dtype=float)
    if (end != walk.theta).any() and np.isfinite(end).all():
        walk.arrive(end, *seen.look(end))
    message = str(result.message).strip().rstrip(".")
    done = bool(result.success) if arrival is None else _at_a_minimum(walk, arrival)
    walk.stop("converged" if done else "stalled", f"the method ended: {message}")


def _at_a_minimum(walk: DescentPath, arrival: ConvergenceTest) -> bool:
    return arrival.left(walk.theta, walk.value, walk.gradient) <= arrival.tolerance


class _Seen:
    """What a method has evaluated, so that what it reports need not be evaluated again."""

    def __init__(self, walk: DescentPath, objective: Objective, fused: bool):
        self.walk, self.objective, self.fused = walk, objective, fused
        self._slopes: OrderedDict[bytes, tuple[float, Array]] = OrderedDict()
        self._slopes[walk.theta.tobytes()] = walk.value, walk.gradient
        self._hessian: tuple[bytes, Array] = b"", np.zeros(0)
        self._room = REMEMBERED + 4 * objective.size

    def look(self, theta: Array) -> tuple[float, Array]:
        """Return value and gradient, evaluated once."""
        key = theta.tobytes()
        if key not in self._slopes:
            self._slopes[key] = self.walk.evaluate(theta.copy())
            if len(self._slopes) > self._room:
                self._slopes.popitem(last=False)
        return self._slopes[key]

    def nll(self, theta: Array) -> Any:
        """Return −log L, with its gradient for a method that uses it; very high where there is none."""
        value, gradient = self.look(np.asarray(theta, dtype=float))
        usable = np.isfinite(value) and (np.isfinite(gradient).all() or not self.fused)
        height = 0.5 * value if usable else TOO_HIGH
        return (height, 0.5 * gradient if usable else np.zeros_like(theta)) if self.fused else height

    def report(self, result: Any) -> None:
        """Make an iteration of the method one of the walk; a place higher than the last is only a trial (SLSQP's)."""
        theta = np.array(result.x, dtype=float)
        value, gradient = self.look(theta)
        lower = value <= self.walk.value + noise(value) and (np.isfinite(gradient).all() or not self.fused)
        if not lower:
            theta, value, gradient = self.walk.theta, self.walk.value, self.walk.gradient
        self.walk.arrive(theta, value, gradient)

    def derivative(self, config: Any) -> dict[str, Any]:
        """Return the second derivatives that a method uses: the Hessian, or its products where that is large."""
        if config.uses_hessp and (self.objective.size > DENSE or not config.uses_hess):
            return {"hessp": lambda theta, v: 0.5 * self.objective.hessian_product(theta, v)}
        return {"hess": self.hessian} if config.uses_hess else {}

    def hessian(self, theta: Array) -> Array:
        """Return the Hessian of −log L; counted as one evaluation."""
        key = theta.tobytes()
        if self._hessian[0] != key:
            self.walk.n_evaluations += 1
            self._hessian = key, 0.5 * self.objective.hessian(theta)
        return self._hessian[1]
