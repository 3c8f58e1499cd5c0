"""Ops that are graphs of other Ops, evaluated for many points at once."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from pytensor.compile.builders import OpFromGraph
from pytensor.graph.traversal import ancestors
from scipy import special, stats

import pymc_landscape as pml
from pymc_landscape.engine.interpreter.symbolic_ops import without_symbolic_ops


def mixture(y: np.ndarray) -> pm.Model:
    with pm.Model() as model:
        w, mu = pm.Beta("w", 1, 1), pm.Normal("mu", 0, 5, shape=2)
        pm.NormalMixture("y", pt.stack([w, 1 - w]), mu, 1.0, observed=y)
    return model


def symbolic(graphs) -> int:
    ops = [v.owner.op for v in ancestors(graphs) if v.owner is not None]
    return sum(isinstance(getattr(op, "core_op", op), OpFromGraph) for op in ops)


def test_a_mixture_has_none_left_and_the_values_of_scipy():
    y = np.random.default_rng(1).normal(size=30)
    objective = pml.Objective(mixture(y))
    engine = objective.engine("hessian", objective.names)
    assert symbolic(engine.graphs)
    assert not symbolic(without_symbolic_ops(engine.graphs))
    points = np.random.default_rng(2).normal(size=(7, 3))
    values, gradients, hessians = engine.at(points).values()
    w, mu = special.expit(points[:, :1]), points[:, 1:]
    density = w * stats.norm.pdf(y, mu[:, :1]) + (1 - w) * stats.norm.pdf(y, mu[:, 1:])
    np.testing.assert_allclose(values, -2 * np.log(density).sum(axis=1), rtol=1e-12)
    share = w * stats.norm.pdf(y, mu[:, :1]) / density
    np.testing.assert_allclose(gradients[:, 1], -2 * (share * (y - mu[:, :1])).sum(axis=1), rtol=1e-10)
    second = (share * (1 - share) * (y - mu[:, :1]) ** 2 - share).sum(axis=1)
    np.testing.assert_allclose(hessians.reshape(-1, 3, 3)[:, 1, 1], -2 * second, rtol=1e-9)
    for point, value, hessian in zip(points, values, hessians, strict=True):
        one = engine.one(point)
        assert one[0] == pytest.approx(value, rel=1e-13)
        np.testing.assert_allclose(np.ravel(one[2]), np.ravel(hessian), rtol=1e-10, atol=1e-10)


def test_graphs_without_any_are_left_as_they_are():
    x = pt.vector("x")
    graph = pt.exp(x).sum()
    assert without_symbolic_ops([graph]) == [graph]
    slogdet = pt.linalg.slogdet(pt.outer(x, x) + pt.eye(3))[1]
    assert symbolic(without_symbolic_ops([slogdet])) == symbolic([slogdet])  # a factorisation stays as it is
