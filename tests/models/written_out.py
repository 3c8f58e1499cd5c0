"""Models whose steps are written out in Python, and their −2LL in NumPy."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from scipy import stats


def populations(a, b, steps, dt=0.1):
    """Every eighth number of prey."""
    prey, predators, out = 1.0, 0.6, []
    for i in range(steps):
        grow, eat = a * prey * (1 - prey / 3), prey * predators
        prey, predators = prey + dt * (grow - eat), predators + dt * (b * eat - 0.4 * predators)
        if i % 8 == 7:
            out.append(prey)
    return out


def predators_and_prey(steps):
    """Return the model, and its −2LL by (a, b)."""
    y = np.array(populations(0.9, 0.7, steps)) + np.random.default_rng(2).normal(0, 0.05, steps // 8)
    with pm.Model() as model:
        a, b = pm.LogNormal("a", 0, 0.5), pm.LogNormal("b", -0.5, 0.5)
        prey = pm.Deterministic("prey", pm.math.stack(populations(a, b, steps)))
        pm.Normal("y", prey, 0.05, observed=y)
    return model, lambda p: -2 * stats.norm.logpdf(y, populations(*p, steps), 0.05).sum()


def sum_of_terms(n):
    """A Potential of n terms that are added one by one, each with a branch."""
    y = np.random.default_rng(3).gamma(2.0, 1.0, n)
    with pm.Model() as model:
        rate = pm.HalfNormal("rate", 2)
        total = 0.0
        for value in y:
            total = total + pt.switch(rate > 0, pt.log(rate) - rate * float(value), -np.inf)
        pm.Potential("ll", total)
    return model, y


def hidden_layers(depth):
    """A state of four numbers that goes through tanh, over and over; linear in its start."""
    weights = np.random.default_rng(5).normal(0, 0.5, (4, 4))
    y = np.random.default_rng(6).normal(0, 1, 4)

    def run(start, tanh, dot):
        state = start
        for _ in range(depth):
            state = 0.9 * state + 0.1 * tanh(dot(weights, state) + start)
        return state

    with pm.Model() as model:
        start = pm.Normal("start", 0, 2, shape=4)
        pm.Normal("y", run(start, pt.tanh, pt.dot), 0.5, observed=y)
    return model, lambda x: -2 * stats.norm.logpdf(y, run(x, np.tanh, np.dot), 0.5).sum()
