"""How often tests at 5 % reject a null that is true: the likelihood ratio, the score and Wald's, in six models.

``python -m benchmarks.size`` simulates 2,000 data sets of each model and prints a table; ``python -m benchmarks.size
NAME ... --sets 200`` some models, or fewer sets. The last is fitted to data whose spread grows with the predictor,
which the model does not know: there tests by χ² and tests that allow for it (``sandwich=True``) stand side by side.
Both models are compiled once, and each refit is one search from the estimate of the first data set.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm

from pymc_landscape.inference.hypothesis_tests import nest
from pymc_landscape.inference.hypothesis_tests.boundary_weights import mixture
from pymc_landscape.inference.hypothesis_tests.null_constraint import NullConstraint
from pymc_landscape.inference.hypothesis_tests.sandwich_law import sandwich_eigenvalues
from pymc_landscape.inference.hypothesis_tests.score_statistic import ScoreFunction
from pymc_landscape.inference.hypothesis_tests.wald_statistic import wald_statistic
from pymc_landscape.inference.resampling import start_inside
from pymc_landscape.numerics import chibar2_tail, one_blas_thread, weighted_chi2_tail
from pymc_landscape.optimize import StartResult, fit_mle, search_from_start

SETS, LEVEL, SEED = 2000, 0.05, 1938
Data = dict[str, Any]


@dataclass(frozen=True)
class Design:
    """A model, its null, and how data are drawn under it."""

    title: str
    model: pm.Model
    fixed: dict[str, Any]
    draw: Callable[[np.random.Generator], Data]
    sandwich: bool = False


def logistic() -> Design:
    """Test a slope of 0 in a logistic regression of 100 rows."""
    x = np.random.default_rng(1).normal(size=100)
    with pm.Model() as model:
        pm.Bernoulli("y", logit_p=pm.Normal("a", 0, 5) + pm.Normal("b", 0, 5) * x, observed=np.arange(100) % 3 == 0)
    chance = 1 / (1 + np.exp(0.5))
    return Design("logistic slope, n = 100", model, {"b": 0.0}, lambda rng: {"y": rng.binomial(1, chance, 100)})


def poisson() -> Design:
    """Test two differences between three groups of twenty counts."""
    group = np.repeat(np.arange(3), 20)
    with pm.Model() as model:
        shift = pm.math.concatenate([np.zeros(1), pm.Normal("shift", 0, 5, shape=2)])
        pm.Poisson("y", pm.math.exp(pm.Normal("a", 0, 5) + shift[group]), observed=np.arange(60) % 5)
    return Design(
        "counts of three groups, n = 60", model, {"shift": np.zeros(2)}, lambda rng: {"y": rng.poisson(2.0, 60)}
    )


def normal() -> Design:
    """Test a slope of 0 with the error estimated, from 60 rows."""
    x = np.random.default_rng(2).normal(size=60)
    with pm.Model() as model:
        mean = pm.Normal("a", 0, 50) + pm.Normal("b", 0, 50) * x
        pm.Normal("y", mean, pm.HalfNormal("sigma", 9), observed=np.random.default_rng(3).normal(size=60))
    return Design("slope with σ estimated, n = 60", model, {"b": 0.0}, lambda rng: {"y": rng.normal(1.0, 2.0, 60)})


def gamma() -> Design:
    """Test a gamma distribution against its exponential, from 80 waiting times."""
    with pm.Model() as model:
        shape, rate = pm.HalfNormal("shape", 9), pm.HalfNormal("rate", 9)
        pm.Gamma("y", shape, rate, observed=np.random.default_rng(4).exponential(size=80))
    return Design(
        "exponential within gamma, n = 80", model, {"shape": 1.0}, lambda rng: {"y": rng.exponential(2.0, 80)}
    )


def signal() -> Design:
    """Test a signal of 0 over a background that is counted beside it: the null is on an edge."""
    with pm.Model() as model:
        s, b = pm.HalfNormal("signal", 50), pm.HalfNormal("background", 200)
        pm.Poisson("on", s + b, observed=55)
        pm.Poisson("off", 4 * b, observed=200)
    return Design(
        "signal of 0, about 50 counts",
        model,
        {"signal": 0.0},
        lambda rng: {"on": rng.poisson(50), "off": rng.poisson(200)},
    )


def spread() -> Design:
    """Test a standard deviation of 0 between 60 groups of four: the null is on an edge."""
    group = np.repeat(np.arange(60), 4)
    with pm.Model() as model:
        tau, sigma = pm.HalfNormal("tau", 9), pm.HalfNormal("sigma", 9)
        effect = pm.Normal("effect", pm.Normal("mu", 0, 50), tau, shape=60)
        first = np.random.default_rng(5).normal(size=240) + 0.5 * np.random.default_rng(6).normal(size=60)[group]
        pm.Normal("y", effect[group], sigma, observed=first)
    return Design("variance of 0, 60 groups of 4", model, {"tau": 0.0}, lambda rng: {"y": rng.normal(1.0, 2.0, 240)})


def misspecified() -> Design:
    """Test a slope of 0 where the errors spread with the predictor and the model has one σ for all of 200 rows."""
    x = np.random.default_rng(7).normal(size=200)
    with pm.Model() as model:
        mean = pm.Normal("a", 0, 50) + pm.Normal("b", 0, 50) * x
        pm.Normal("y", mean, pm.HalfNormal("sigma", 9), observed=np.random.default_rng(8).normal(size=200))
    return Design(
        "errors of unequal spread, n = 200",
        model,
        {"b": 0.0},
        lambda rng: {"y": 1.0 + rng.normal(size=200) * (0.5 + np.abs(x))},
        sandwich=True,
    )


DESIGNS = {f.__name__: f for f in (logistic, poisson, normal, gamma, signal, spread, misspecified)}


class Study:
    """The p-values of all tests of simulated data sets, one after the other."""

    def __init__(self, design: Design):
        self.design = design
        self.alternative = fit_mle(design.model, progressbar=False)
        self.null = fit_mle(_null(design), progressbar=False)
        self.constraint = NullConstraint(self.null, self.alternative)
        nesting = nest(self.null, self.alternative)
        self.weights = mixture(nesting, self.alternative) if nesting.at_bound else np.eye(nesting.df + 1)[-1]
        self.score = ScoreFunction(self.constraint, "auto")
        self.robust = ScoreFunction(self.constraint, "sandwich") if design.sandwich else None

    def p_values(self, rng: np.random.Generator) -> dict[str, float]:
        """Return the p-value of each test for one data set; NaN where a test cannot be had."""
        data = self.design.draw(rng)
        null, larger = self._refitted(data)
        point = null.result.restricted.natural_point(null.result.x)
        vector = self.constraint.placed(self.null.objective.layout().join(point))
        ratio = null.result.value - larger.result.value
        found = {
            "likelihood ratio": self._p(lambda: ratio),
            "score": self._p(lambda: self.score(larger.result.restricted.objective, vector).statistic),
            "Wald": self._p(lambda: wald_statistic(self.constraint, larger.result, larger.report, "observed")),
        }
        return found if self.robust is None else found | self._robust(larger, vector, ratio)

    def ratio(self, data: Data) -> float:
        """Return the likelihood-ratio statistic of one data set."""
        null, larger = self._refitted(data)
        return null.result.value - larger.result.value

    def _refitted(self, data: Data) -> tuple[StartResult, StartResult]:
        """Return the searches of null and alternative, each from its estimate of the first data set."""
        null, larger = (
            search_from_start(fit.objective.with_data(**data), start_inside(fit), "")
            for fit in (self.null, self.alternative)
        )
        return null, larger

    def _robust(self, larger: StartResult, vector: Any, ratio: float) -> dict[str, float]:
        robust, objective = self.robust, larger.result.restricted.objective
        eigenvalues = sandwich_eigenvalues(self.constraint, larger.result, larger.report)
        return {
            "likelihood ratio, sandwich": weighted_chi2_tail(ratio, eigenvalues),
            "score, sandwich": self._p(lambda: robust(objective, vector).statistic if robust else np.nan),
            "Wald, sandwich": self._p(
                lambda: wald_statistic(self.constraint, larger.result, larger.report, "sandwich")
            ),
        }

    def _p(self, statistic: Callable[[], float]) -> float:
        try:
            value = statistic()
        except ValueError:
            return np.nan
        return float(chibar2_tail(value if value > 1e-8 else 0.0, self.weights))


def _null(design: Design) -> pm.Model:
    return pm.do(design.model, design.fixed)


def measure(name: str, sets: int) -> list[str]:
    """Return rows of the table: the model, and the share of sets that each test rejects, in per cent."""
    study, rng = Study(DESIGNS[name]()), np.random.default_rng(SEED)
    with one_blas_thread(), np.errstate(all="ignore"):
        rows = [study.p_values(rng) for _ in range(sets)]
    rejected = {test: np.nanmean([row[test] <= LEVEL for row in rows if np.isfinite(row[test])]) for test in rows[0]}
    missing = {test: sum(not np.isfinite(row[test]) for row in rows) for test in rows[0]}
    words = {
        test: f"{100 * share:.1f}{f' ({missing[test]} without)' if missing[test] else ''}"
        for test, share in rejected.items()
    }
    title = study.design.title
    lines = [f"| {title} | {words['likelihood ratio']} | {words['score']} | {words['Wald']} |"]
    if study.design.sandwich:
        kinds = [words[f"{test}, sandwich"] for test in ("likelihood ratio", "score", "Wald")]
        lines.append(f"| the same, `sandwich=True` | {' | '.join(kinds)} |")
    return lines


def main() -> None:
    """Simulate, and print the table row by row."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.size", description=main.__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"some of {list(DESIGNS)}")
    parser.add_argument("--sets", type=int, default=SETS, help="data sets of each model")
    asked = parser.parse_args()
    if unknown := set(asked.models) - set(DESIGNS):
        parser.error(f"expected some of {', '.join(DESIGNS)}, got {', '.join(sorted(unknown))}")
    error = 100 * np.sqrt(LEVEL * (1 - LEVEL) / asked.sets)
    print(f"Rejected at 5 %, in per cent of {asked.sets:,} data sets under the null (Monte Carlo error {error:.1f}):\n")
    print("| model | likelihood ratio | score | Wald |\n|---|---|---|---|")
    begin = time.perf_counter()
    for name in asked.models or DESIGNS:
        print("\n".join(measure(name, asked.sets)), flush=True)
    print(f"\n{time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
