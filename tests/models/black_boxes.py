"""Models with Ops that PyTensor cannot look into: with a gradient, with a wrong second derivative, with neither."""

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
from pymc.ode import DifferentialEquation
from pytensor.graph.op import Op

X = np.c_[np.linspace(0.0, 9.0, 10), np.ones(10)]
D = 0.4 * X[:, 0] + 3 + np.random.default_rng(1).normal(size=10)
TIMES = np.linspace(0.2, 4.0, 12)
CURVE = 3 * np.exp(-0.7 * TIMES) + np.random.default_rng(3).normal(0, 0.1, 12)
GROWTH = 4 / (1 + 7 * np.exp(-1.1 * TIMES)) + np.random.default_rng(4).normal(0, 0.1, 12)
COUNTS = np.array([6, 3, 8, 5])


class Slope(Op):
    itypes, otypes = [pt.dvector], [pt.dvector]

    def perform(self, node, inputs, outputs):
        outputs[0][0] = X.T @ (D - X @ inputs[0])


class FlatSlope(Slope):
    """Says that it does not change, which is wrong."""

    def pullback(self, inputs, outputs, given):
        return [pt.zeros_like(inputs[0])]


class WithoutSlope(Op):
    """Log-likelihood of a straight line with σ = 1, but for its constant."""

    itypes, otypes = [pt.dvector], [pt.dscalar]

    def perform(self, node, inputs, outputs):
        outputs[0][0] = np.array(-0.5 * ((D - X @ inputs[0]) ** 2).sum())


class WithSlope(WithoutSlope):
    def pullback(self, inputs, outputs, given):
        return [given[0] * Slope()(inputs[0])]


class WithFlatSlope(WithoutSlope):
    def pullback(self, inputs, outputs, given):
        return [given[0] * FlatSlope()(inputs[0])]


def line(op: Op) -> pm.Model:
    with pm.Model() as model:
        pm.Potential("ll", op(pt.stack([pm.Uniform("a", -10, 10), pm.Uniform("b", -10, 10)])))
    return model


@pytensor.wrap_py(itypes=[pt.dvector], otypes=[pt.dvector])
def decay(v):
    return v[0] * np.exp(-v[1] * TIMES)


def decay_written(v):
    return v[0] * pt.exp(-v[1] * TIMES)


def decay_beside_counts(curve) -> pm.Model:
    """A curve on a scale of millions in one of two terms, and a Deterministic of it."""
    with pm.Model() as model:
        a, b = pm.HalfNormal("a", 5e6), pm.Uniform("b", 0, 4)
        mu = pm.Deterministic("mu", 1e6 * curve(pt.stack([a / 1e6, b])))
        pm.Normal("y", mu, pm.HalfNormal("s", 1e6), observed=1e6 * CURVE)
        pm.Poisson("n", 2 * a / 1e6, observed=COUNTS)
    return model


def growth(solution) -> pm.Model:
    with pm.Model() as model:
        rate, capacity = pm.LogNormal("rate", 0, 1), pm.HalfNormal("capacity", 10)
        pm.Normal("y", solution(rate, capacity), pm.HalfNormal("sigma", 1), observed=GROWTH[:, None])
    return model


def growth_solved(rate, capacity):
    ode = DifferentialEquation(lambda y, t, p: p[0] * y[0] * (1 - y[0] / p[1]), TIMES, n_states=1, n_theta=2, t0=0)
    return ode(y0=[0.5], theta=[rate, capacity])


def growth_written(rate, capacity):
    return (capacity / (1 + (capacity / 0.5 - 1) * pt.exp(-rate * TIMES)))[:, None]
