"""A hidden Markov chain of three states: value and slope by us, and the value by the forward recursion in NumPy."""

import time
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from scipy.special import logsumexp
from scipy.stats import norm

import pymc_landscape as pml

MATRIX = np.array([[0.9, 0.05, 0.05], [0.1, 0.8, 0.1], [0.05, 0.15, 0.8]])
MEANS, FIRST = np.array([0.0, 2.5, 5.0]), np.full(3, 1 / 3)


def hidden_markov(steps: int, repeats: int) -> dict[str, Any]:
    """Time −2LL with its gradient, and the forward recursion; seconds, and how far the two values are apart."""
    rng = np.random.default_rng(0)
    z = [0]
    for _ in range(steps - 1):
        z.append(int(rng.choice(3, p=MATRIX[z[-1]])))
    y = rng.normal(MEANS[z], 1.0)
    start = time.perf_counter()
    objective = pml.Objective(_model(y), latent="z")
    theta = objective.pack({"matrix": MATRIX, "means": MEANS, "sigma": 1.1})
    value = float(objective.value_and_gradient(theta)[0])
    first = time.perf_counter() - start
    moves = iter(np.linspace(1e-6, 1e-5, 10 * repeats + 10))
    ours = _median(lambda: objective.value_and_gradient(theta + next(moves)), repeats)
    theirs = _median(lambda: _forward(y, 1.1), repeats)
    return {"seconds": ours, "first": first, "forward": theirs, "off": abs(value + 2 * _forward(y, 1.1))}


def _model(y: Any) -> pm.Model:
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


def _median(work: Any, repeats: int) -> float:
    took = []
    for _ in range(max(repeats, 3)):
        start = time.perf_counter()
        work()
        took.append(time.perf_counter() - start)
    return float(np.median(took))
