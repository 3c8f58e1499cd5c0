"""What is called convex is convex, and what is not is not: graphs with known answers, and counter-examples."""

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest

import pymc_landscape as pml
from pymc_landscape.engine import GraphEngine
from pymc_landscape.engine.convexity import is_convex
from pymc_landscape.engine.interpreter.rewrites import interpreter_mode
from pymc_landscape.objective.observations import StackedData

X = np.random.default_rng(2).normal(size=(20, 2))
ONES_AND_NONE = np.array([0, 1] * 10)


def says(write) -> bool:
    """Whether a function of a vector of two is called convex, after the interpreter's rewrites."""
    x = pt.vector("x", shape=(2,), dtype="float64")
    with pytensor.config.change_flags(cxx=""):
        function = pm.pytensorf.compile([x], write(x), mode=interpreter_mode(), trust_input=True)
    fgraph = function.maker.fgraph
    return is_convex(fgraph.outputs[0], fgraph.inputs[0])


CONVEX = {
    "sum of squares": lambda x: ((X @ x - 1.0) ** 2).sum(),
    "log of a sum of two": lambda x: pt.softplus(X @ x).sum(),
    "minus log of a probability": lambda x: -pt.log(pt.sigmoid(X @ x)).sum(),
    "cases by data": lambda x: pt.switch(ONES_AND_NONE, pt.softplus(X @ x), pt.softplus(-(X @ x))).sum(),
    "a condition that always holds": lambda x: pt.switch(pt.ge(pt.exp(x[0]), 0), pt.exp(x[0]), x[0] ** 3),
    "counts that may be none": lambda x: pt.switch(
        pt.eq(ONES_AND_NONE, 0) * pt.eq(pt.exp(X @ x), 0), 0.0, pt.exp(X @ x) - ONES_AND_NONE * (X @ x)
    ).sum(),
    "weights of one sign": lambda x: (np.linspace(0, 3, 20) * pt.exp(X @ x)).sum() - (5 * x).sum(),
    "the largest": lambda x: abs(x[0] - x[1]) / 3.0,
}
NOT_CONVEX = {
    "a product": lambda x: x[0] * x[1],
    "weights of both signs": lambda x: (np.linspace(-1, 3, 20) * pt.exp(X @ x)).sum(),
    "a square of what bends": lambda x: (pt.exp(x[0]) - 3.0) ** 2,
    "log of a square": lambda x: pt.log1p(x[0] ** 2),
    "a condition on the vector": lambda x: pt.switch(pt.gt(x[0], 1.0), -x[0], x[0]),
    "a log beyond its domain": lambda x: -pt.log(x[0]),
    "a difference": lambda x: pt.exp(x[0]) - pt.exp(x[1]),
    "a sigmoid": lambda x: pt.sigmoid(x[0]),
    "a condition that can be met": lambda x: pt.switch(pt.ge(x[0] ** 2, 0.5), pt.exp(x[0]), 0.0),
    "concave": lambda x: -((X @ x) ** 2).sum(),
}


@pytest.mark.parametrize("name", CONVEX)
def test_convex_functions_are_recognised(name):
    assert says(CONVEX[name])


@pytest.mark.parametrize("name", NOT_CONVEX)
def test_others_are_not(name):
    assert not says(NOT_CONVEX[name])


def test_data_that_change_are_looked_at_again():
    with pm.Model() as model:
        weights = pm.Data("weights", np.ones(20))
        b = pm.Normal("b", 0, 1, shape=2)
        pm.Potential("loss", -(weights * pm.math.exp(pm.math.dot(X, b))).sum())
    objective = pml.Objective(model)
    assert objective.is_convex(objective.names)
    with model:
        pm.set_data({"weights": np.linspace(-1, 1, 20)})
    assert not pml.Objective(model).is_convex(objective.names)
    assert not objective.is_convex(objective.names)


def test_what_is_known_is_not_evaluated_again():
    with pm.Model() as model:
        pm.Bernoulli("y", logit_p=pm.math.dot(X, pm.Normal("b", 0, 1, shape=2)), observed=np.arange(len(X)) % 2)
    objective = pml.Objective(model)
    assert objective.is_convex(objective.names)
    before = objective.passes.n
    assert objective.is_convex(objective.names)
    assert objective.passes.n == before


def test_a_weight_of_the_prior_is_no_new_data():
    """It is set anew whenever the engines are asked for."""
    with pm.Model() as model:
        pm.Bernoulli("y", logit_p=pm.math.dot(X, pm.Normal("b", 0, 1, shape=2)), observed=np.arange(len(X)) % 2)
    objective = pml.Objective(model, prior_weight=0.3)
    assert objective.is_convex(objective.names)
    for _ in range(2):
        objective.gradient(np.zeros(2))
        passes = objective.passes.n
        assert objective.is_convex(objective.names)
        assert objective.passes.n == passes


def test_of_small_data_a_hessian_that_is_not_positive_says_no_without_the_graph(monkeypatch):
    with pm.Model() as model:
        a, sigma = pm.Normal("a", 0, 1), pm.HalfNormal("sigma", 1)
        pm.Normal("y", a, sigma, observed=[0.3, -0.4, 1.1])
    objective = pml.Objective(model)
    monkeypatch.setattr(GraphEngine, "is_convex", None)
    assert not objective.is_convex(objective.names)


def test_several_data_sets_are_asked_at_once():
    with pm.Model() as model:
        weights = pm.Data("weights", np.ones(20))
        b = pm.Normal("b", 0, 1, shape=2)
        pm.Potential("loss", -(2.0 * weights * pm.math.exp(pm.math.dot(X, b))).sum())
    sets = np.array([np.ones(20), np.linspace(0, 3, 20), np.linspace(-1, 1, 20)])
    assert StackedData(pml.Objective(model), {"weights": sets[:2]}).are_convex
    assert not StackedData(pml.Objective(model), {"weights": sets}).are_convex
