"""Methods of better_optimize on a path: each of their iterations becomes one of ours, and our stop rules hold too."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.arguments import unknown_name
from pymc_landscape.numerics import noise
from pymc_landscape.objective import DENSE, Objective
from pymc_landscape.optimize.descent.path import ConvergenceTest, DescentPath, Stop

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
    path: DescentPath, objective: Objective, method: str, options: Mapping[str, Any], convergence: ConvergenceTest
) -> None:
    """Follow a method of better_optimize until it or a stop rule ends the path."""
    import better_optimize

    config = methods()[method]
    seen = _Seen(path, objective, config.uses_grad)
    derivative = seen.derivative(config)
    known = _options(method)
    ours = {name: value for name, value in PRECISE.items() if name in known}
    ours |= {name: 1_000_000 for name in LIMITS if name in known}
    path.reset_clock()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # what a method has to say, its message says
        result = better_optimize.minimize(
            seen.nll,
            path.theta,
            method,
            callback=seen.report,
            progressbar=False,
            **derivative,
            **(ours | dict(options)),
        )
    if path.ended:
        raise Stop(path.reason)
    _judge(path, seen, result, convergence if config.uses_grad else None)


def _judge(path: DescentPath, seen: _Seen, result: Any, convergence: ConvergenceTest | None) -> None:
    """End a path whose method has ended by itself."""
    last = np.array(result.x, dtype=float)
    if (last != path.theta).any() and np.isfinite(last).all():
        path.arrive(last, *seen.evaluate_at(last))
    message = str(result.message).strip().rstrip(".")
    done = bool(result.success) if convergence is None else _at_a_minimum(path, convergence)
    path.stop("converged" if done else "stalled", f"the method ended: {message}")


def _at_a_minimum(path: DescentPath, convergence: ConvergenceTest) -> bool:
    return convergence.remaining_decrease(path.theta, path.value, path.gradient) <= convergence.tolerance


class _Seen:
    """What a method has evaluated, so that what it reports need not be evaluated again."""

    def __init__(self, path: DescentPath, objective: Objective, fused: bool):
        self.path, self.objective, self.fused = path, objective, fused
        self._evaluated: OrderedDict[bytes, tuple[float, Array]] = OrderedDict()
        self._evaluated[path.theta.tobytes()] = path.value, path.gradient
        self._hessian: tuple[bytes, Array] = b"", np.zeros(0)
        self._room = REMEMBERED + 4 * objective.size

    def evaluate_at(self, theta: Array) -> tuple[float, Array]:
        """Return value and gradient, evaluated once."""
        key = theta.tobytes()
        if key not in self._evaluated:
            self._evaluated[key] = self.path.evaluate(theta.copy())
            if len(self._evaluated) > self._room:
                self._evaluated.popitem(last=False)
        return self._evaluated[key]

    def nll(self, theta: Array) -> Any:
        """Return −log L, with its gradient for a method that uses it; very high where there is none."""
        value, gradient = self.evaluate_at(np.asarray(theta, dtype=float))
        usable = np.isfinite(value) and (np.isfinite(gradient).all() or not self.fused)
        height = 0.5 * value if usable else TOO_HIGH
        return (height, 0.5 * gradient if usable else np.zeros_like(theta)) if self.fused else height

    def report(self, result: Any) -> None:
        """Make an iteration of the method one of the path; a point higher than the last is only a trial (SLSQP's)."""
        theta = np.array(result.x, dtype=float)
        value, gradient = self.evaluate_at(theta)
        lower = value <= self.path.value + noise(value) and (np.isfinite(gradient).all() or not self.fused)
        if not lower:
            theta, value, gradient = self.path.theta, self.path.value, self.path.gradient
        self.path.arrive(theta, value, gradient)

    def derivative(self, config: Any) -> dict[str, Any]:
        """Return the second derivatives that a method uses: the Hessian, or its products where that is large."""
        if config.uses_hessp and (self.objective.size > DENSE or not config.uses_hess):
            return {"hessp": lambda theta, v: 0.5 * self.objective.hessian_product(theta, v)}
        return {"hess": self.hessian} if config.uses_hess else {}

    def hessian(self, theta: Array) -> Array:
        """Return the Hessian of −log L; counted as one evaluation."""
        key = theta.tobytes()
        if self._hessian[0] != key:
            self.path.n_evaluations += 1
            self._hessian = key, 0.5 * self.objective.hessian(theta)
        return self._hessian[1]
