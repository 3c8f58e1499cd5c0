"""Likelihoods with a loop: a Scan of GARCH beside PyMC's own function, a hidden Markov chain, series in a slope."""

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from scipy.special import logsumexp
from scipy.stats import norm
from threadpoolctl import threadpool_limits

import pymc_landscape as pml
from benchmarks.clocks import in_turns, once
from benchmarks.isolate import Caches
from benchmarks.rows import Row, alone, compared, median

MATRIX = np.array([[0.9, 0.05, 0.05], [0.1, 0.8, 0.1], [0.05, 0.15, 0.8]])
MEANS, FIRST = np.array([0.0, 2.5, 5.0]), np.full(3, 1 / 3)


def garch(steps: str) -> dict[str, Any]:
    """Time value and slope of GARCH(1, 1) after a fit, and a grid, beside PyMC's compiled value and slope."""
    y = np.random.default_rng(1).normal(0, 2, int(steps))
    with pm.Model() as model:
        w, a, b = pm.HalfNormal("w", 2), pm.Uniform("a", 0, 1), pm.Uniform("b", 0, 1)
        pm.GARCH11("y", omega=w, alpha_1=a, beta_1=b, initial_vol=1.0, observed=y)
    with threadpool_limits(1):
        objective = pml.Objective(model)
        first, fit = once(lambda: pml.fit_mle(objective, starts=1, progressbar=False), "fit")
        slope, theta = objective.value_and_gradient_function(), objective.pack({"w": 1.0, "a": 0.2, "b": 0.3})
        off = abs(slope(theta)[0] - _garch_by_hand(y, 1.0, 0.2, 0.3))
        if off > 1e-6:
            raise AssertionError(f"−2LL is off by {off}")
        theirs = model.logp_dlogp_function(ravel_inputs=True)
        theirs.trust_input = True
        at = np.array([0.0, -1.4, -0.8])
        grid = pml.regular_grid({"a": (0.05, 0.5, 15), "b": (0.05, 0.5, 15)})
        ways = {
            "ours": lambda: slope(theta),
            "pymc": lambda: theirs(at),
            "grid": lambda: pml.evaluate_landscape(objective, grid, at={"w": 1.0}, progressbar=False),
            "hand": lambda: _garch_by_hand(y, 1.0, 0.2, 0.3),
        }
        for way in ways.values():
            way()
        return first | in_turns(ways, 3) | {"status": fit.status.value}


def _garch_by_hand(y: np.ndarray, w: float, a: float, b: float) -> float:
    variance = [1.0]
    for each in y[:-1]:
        variance.append(w + a * each**2 + b * variance[-1])
    return float(-2 * norm.logpdf(y, 0, np.sqrt(variance)).sum())


def hidden_markov(steps: str) -> dict[str, Any]:
    """Time −2LL of a hidden chain with its gradient, beside the value by the forward recursion in NumPy."""
    rng, z = np.random.default_rng(0), [0]
    for _ in range(int(steps) - 1):
        z.append(int(rng.choice(3, p=MATRIX[z[-1]])))
    y = rng.normal(MEANS[z], 1.0)
    objective = pml.Objective(_chain(y), latent="z")
    theta = objective.pack({"matrix": MATRIX, "means": MEANS, "sigma": 1.1})
    off = abs(float(objective.value_and_gradient(theta)[0]) + 2 * _forward(y, 1.1))
    if off > 1e-6:
        raise AssertionError(f"−2LL is off by {off}")
    moves = iter(np.linspace(1e-6, 1e-5, 10_000))
    ways = {
        "ours": lambda: objective.value_and_gradient(theta + next(moves)),
        "forward": lambda: _forward(y, 1.1),
    }
    return in_turns(ways, 3)


def _chain(y: Any) -> pm.Model:
    def density(value: Any, matrix: Any, _: Any) -> Any:
        return pt.log(FIRST)[value[0]] + pt.log(matrix)[value[:-1], value[1:]].sum()

    with pm.Model() as model:
        matrix = pm.Dirichlet("matrix", np.ones((3, 3)))
        means, sigma = pm.Normal("means", 0, 10, shape=3), pm.HalfNormal("sigma", 3)
        signature = "(k,k),(t)->(t)"
        z = pm.CustomDist("z", matrix, np.zeros(len(y)), logp=density, signature=signature, dtype="int64")
        pm.Normal("y", means[z], sigma, observed=y)
    return model


def _forward(y: Any, sigma: float) -> float:
    emissions, log_matrix = norm.logpdf(y[:, None], MEANS, sigma), np.log(MATRIX)
    alpha = np.log(FIRST) + emissions[0]
    for emission in emissions[1:]:
        alpha = logsumexp(alpha[:, None] + log_matrix, axis=0) + emission
    return float(logsumexp(alpha))


def censored_gamma(rows: str, whose: str) -> dict[str, Any]:
    """Time a first fit of gamma observations cut off at a limit: derivatives by their shape are series, summed."""
    y = np.random.default_rng(1).gamma(2.5, 2.0, int(rows))
    with pm.Model() as model:
        law = pm.Gamma.dist(pm.HalfNormal("alpha", 5), pm.HalfNormal("beta", 2))
        pm.Censored("y", law, lower=None, upper=8.0, observed=np.minimum(y, 8.0))
    fits = {
        "ours": lambda: pml.fit_mle(model, progressbar=False),
        "theirs": lambda: pm.find_MAP(model=model, jitter=False, progressbar=False),
    }
    return once(fits[whose], whose)[0]


def rows(caches: Caches, repeats: int) -> list[Row]:
    """Loops in the density: value and slope, a grid, a hidden chain; and series in its slope."""
    tasks = [(garch, 400), (hidden_markov, 1000), (censored_gamma, 500, "ours"), (censored_gamma, 500, "theirs")]
    for task in tasks:
        caches.warm(*task)
    of_garch, chain, ours, theirs = caches.in_turns(tasks, repeats)
    censored = [mine | other for mine, other in zip(ours, theirs, strict=True)]
    forward = "its value by the forward recursion in NumPy"
    return [
        compared(
            "value and slope, GARCH, 400 steps", of_garch, "ours", "pymc", "`model.logp_dlogp_function`", at_most=5e-3
        ),
        compared("the same", of_garch, "ours", "hand", "the value alone by a loop in Python"),
        alone("grid of 225 points, GARCH, 400 steps", median(of_garch, "grid_processor")),
        alone("first fit of a process, GARCH, 400 steps", median(of_garch, "fit_processor")),
        compared(
            "value and slope, hidden Markov chain, 1,000 steps of 3 states", chain, "ours", "forward", forward,
            at_most=0.02,
        ),
        compared(
            "first fit of a process, 500 gamma observations, cut off at a limit", censored, "ours", "theirs",
            "first `pm.find_MAP`",
        ),
    ]  # fmt: skip
