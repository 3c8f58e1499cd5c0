"""Which optimiser is meant, and what it can be given: names, PyMC's rules, callables, methods of better_optimize."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from functools import partial
from typing import Any, Literal

import numpy as np

from pymc_landscape._dataclasses import dataclass
from pymc_landscape.arguments import told, unknown_name, wrong_type
from pymc_landscape.objective import Objective
from pymc_landscape.objective.observations import BatchSlope
from pymc_landscape.optimize.descent import line_search_methods, minimizers
from pymc_landscape.optimize.descent.learning_rates import Schedule, default_schedule
from pymc_landscape.optimize.descent.path import ConvergenceTest, DescentPath
from pymc_landscape.optimize.descent.update_rules import (
    RULES,
    Optimizer,
    UpdateRule,
    keywords,
    named_rule,
    run_update_rule,
)

# What a user may give: a name or a rule, or several as a list or by names of their own.
Optimizers = str | Optimizer | Sequence[str | Optimizer] | Mapping[str, str | Optimizer]
# A number, a schedule by iteration, or one of these by optimizer.
LearningRate = float | Callable[[int], float]
LearningRates = LearningRate | Mapping[str, LearningRate]
Kind = Literal["rule", "downhill", "minimizer"]
DOWNHILL = ("gradient_descent", "newton", "natural_gradient")
ALIASES = {"lbfgs": "L-BFGS-B", "nesterovmomentum": "nesterov", "gd": "gradient_descent"}


@dataclass(frozen=True)
class OptimizerSpec:
    """An optimiser with its options.

    Parameters
    ----------
    label : str
        What it is called in the result.
    kind : str
        PyMC's form of rule, a line search of ours, or a method of better_optimize.
    method : str or callable
        Its name where it has one.
    options : mapping
        What else it was given.
    learning_rate : number or callable, optional
        As the user gave it.
    """

    label: str
    kind: Kind
    method: str | Optimizer
    options: Mapping[str, Any] = field(default_factory=dict)
    learning_rate: Any = None

    @property
    def needs_gradient(self) -> bool:
        """Whether it cannot do without a gradient."""
        return self.kind != "minimizer" or bool(minimizers.methods()[str(self.method)].uses_grad)

    @property
    def takes_batches(self) -> bool:
        """Whether its gradient may come from a few rows."""
        return self.kind == "rule"

    def run(
        self, path: DescentPath, objective: Objective, convergence: ConvergenceTest, batch: BatchSlope | None
    ) -> None:
        """Go on from where `path` has begun, until it raises `Stop`."""
        if self.kind == "rule":
            return run_update_rule(path, self._rule(objective.size), self._schedule(path, objective, batch))
        if self.kind == "minimizer":
            return minimizers.minimize(path, objective, str(self.method), self.options, convergence)
        first = None if self.learning_rate is None else _schedule_of(self.learning_rate)(1)
        if self.method == "newton":
            return line_search_methods.newton(path, objective, first, convergence.tolerance)
        search = (
            line_search_methods.gradient_descent
            if self.method == "gradient_descent"
            else line_search_methods.natural_gradient
        )
        return search(path, objective, first)

    def _rule(self, size: int) -> UpdateRule:
        if isinstance(self.method, str):
            return named_rule(self.method, size, self.options)
        method = partial(self.method, **self.options) if self.options else self.method
        return UpdateRule(method, size, scheduled=self.learning_rate is not None)

    def _schedule(self, path: DescentPath, objective: Objective, batch: BatchSlope | None) -> Schedule:
        if self.learning_rate is not None:
            return _schedule_of(self.learning_rate)
        if isinstance(self.method, str):
            return default_schedule(self.method, objective, path.start, path.steps, batch)
        return lambda iteration: np.nan  # the callable has its own, and takes none


def _schedule_of(learning_rate: Any) -> Schedule:
    if not callable(learning_rate):
        rate = float(learning_rate)
        return lambda iteration: rate

    def schedule(iteration: int) -> float:
        rate = learning_rate(iteration)
        try:
            return float(rate)
        except (TypeError, ValueError):
            raise TypeError(f"Expected learning_rate(iteration) to give a number, got {rate!r}.") from None

    return schedule


def optimizer_specs(
    optimizer: Optimizers, learning_rate: LearningRates | None, options: Mapping[str, Any]
) -> list[OptimizerSpec]:
    """Turn what the user gave as `optimizer` into plans.

    Raises
    ------
    TypeError, ValueError
        If one is unknown, two have the same name, or a learning rate or an option is of no use.
    """
    named = _named(optimizer)
    if options and len(named) > 1:
        raise ValueError(
            f"Expected options ({', '.join(options)}) for one optimizer, got {len(named)} optimizers: "
            "give pm.adam(beta1=0.8) and the like instead of names."
        )
    rates = _rates(learning_rate, list(named))
    is_only = len(named) == 1
    return [_spec(label, method, rates[label], options, is_only) for label, method in named.items()]


def _named(optimizer: Any) -> dict[str, Any]:
    if isinstance(optimizer, Mapping):
        named = {str(label): method for label, method in optimizer.items()}
    else:
        several = [optimizer] if isinstance(optimizer, str) or callable(optimizer) else optimizer
        if not isinstance(several, Sequence):
            raise wrong_type("optimizer to be a name or a callable, or several", optimizer, "write for example 'adam'")
        labels = [_label(method) for method in several]
        twice = [label for label in labels if labels.count(label) > 1]
        if twice:
            raise ValueError(f"Expected optimizers of different names, got {twice[0]!r} twice: pass a dict of names.")
        named = dict(zip(labels, several, strict=True))
    if not named:
        raise ValueError("Expected at least one optimizer, got none: write for example 'adam'.")
    return named


def _label(method: Any) -> str:
    inner = method.func if isinstance(method, partial) else method
    return method if isinstance(method, str) else str(getattr(inner, "__name__", type(inner).__name__))


def _rates(learning_rate: Any, labels: list[str]) -> dict[str, Any]:
    """Return the learning rate of each optimizer; None where none was given."""
    rates = dict(learning_rate) if isinstance(learning_rate, Mapping) else dict.fromkeys(labels, learning_rate)
    for label, rate in rates.items():
        if label not in labels:
            raise unknown_name("learning rates by optimizer", label, labels, "there is")
        if rate is not None and not callable(rate):
            _refuse_rate(rate)
    return {label: rates.get(label) for label in labels}


def _refuse_rate(rate: Any) -> None:
    number = isinstance(rate, int | float | np.number | np.ndarray) and np.ndim(rate) == 0
    if not number or isinstance(rate, bool) or not 0 < float(rate) < np.inf:
        raise ValueError(
            f"Expected learning_rate to be a number above 0, or a function of the iteration, got {told(rate)}: leave "
            "it out for the optimizer's own."
        )


def _spec(label: str, method: Any, rate: Any, options: Mapping[str, Any], is_only: bool) -> OptimizerSpec:
    if isinstance(method, str):
        spec = _by_name(label, method, rate, options)
    elif callable(method):
        spec = OptimizerSpec(label, "rule", method, options, rate)
    else:
        raise wrong_type("an optimizer by name or a callable", method, "write for example 'adam'")
    if rate is not None and not _takes_rate(spec):
        if is_only:
            raise ValueError(f"Expected no learning_rate for {label}, which has none of its own to set, got {rate!r}.")
        return OptimizerSpec(label, spec.kind, spec.method, options)
    return spec


def _takes_rate(spec: OptimizerSpec) -> bool:
    return spec.kind != "minimizer" and (not callable(spec.method) or "learning_rate" in keywords(spec.method))


def _by_name(label: str, name: str, rate: Any, options: Mapping[str, Any]) -> OptimizerSpec:
    known = {**dict.fromkeys(RULES, "rule"), **dict.fromkeys(DOWNHILL, "downhill")}
    plain = {_plain(method): method for method in known} | ALIASES
    if plain.get(_plain(name)) not in known:  # to know the others takes half a second of imports
        known |= dict.fromkeys(minimizers.methods(), "minimizer")
        plain = {_plain(method): method for method in known} | ALIASES
    if _plain(name) not in plain:
        raise unknown_name("an optimizer", name, [*known, "l-bfgs"], "there is", limit=40)
    method = plain[_plain(name)]
    if known[method] == "minimizer":
        minimizers.check_options(method, options)
    elif known[method] == "downhill" and options:
        raise ValueError(f"Expected no options for {name}, got {', '.join(options)}.")
    elif known[method] == "rule":
        _check_rule_options(method, options)
    return OptimizerSpec(label, known[method], method, options, rate)  # type: ignore[arg-type]


def _check_rule_options(name: str, options: Mapping[str, Any]) -> None:
    known = [option for option in keywords(RULES[name]) if option != "learning_rate"]
    for option in options:
        if option not in known:
            raise unknown_name(f"an option of {name}", option, known, "it has")


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
