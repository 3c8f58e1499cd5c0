"""What a first fit is made of: derivatives by pieces of the vector, scales in closed form, one rewriting for all."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest

import pymc_landscape as pml
from pymc_landscape.engine.interpreter import interpreted_graphs, stored_programs
from pymc_landscape.engine.interpreter.interpreted_graphs import InterpretedGraphs
from pymc_landscape.model import GraphInputs, gradient_graph, jacobian_graph, natural_graphs, unconstrained_graphs
from pymc_landscape.model.derivatives import Differentiated
from pymc_landscape.model.piecewise_derivatives import pieces_of
from pymc_landscape.objective.evaluators.elementwise_transforms import TransformEngine, transform_engine

READ = {
    "elements": lambda v: pt.exp(v[0]) * v[2] + v[1] ** 2 + v[3],
    "slices and a gap": lambda v: (v[:2] ** 3).sum() * pt.sin(v[3]),
    "the whole": lambda v: (v**3).sum() * v[0],
    "overlapping": lambda v: (v[:3] ** 2).sum() * v[1],
    "a slice twice": lambda v: (v[1:3] ** 2).sum() * pt.exp(v[1:3]).sum(),
    "a straight line": lambda v: 2.0 * v[0] + v[1:].sum(),
}


@pytest.mark.parametrize("name", READ)
def test_derivatives_by_pieces_are_those_by_the_vector(name):
    vector = pt.vector("vector", dtype="float64", shape=(4,))
    value = READ[name](vector)
    of = Differentiated(value, {}, vector)
    plain = gradient_graph(value, vector)
    graphs = [of.gradient, of.hessian(), plain, jacobian_graph([plain], vector)]
    gradient, hessian, expected, curvature = InterpretedGraphs([vector], graphs).function()(
        np.array([0.3, -1.2, 0.7, 2.0])
    )
    np.testing.assert_allclose(gradient, expected, rtol=1e-13)
    np.testing.assert_allclose(hessian, curvature, rtol=1e-13, atol=1e-14)


def test_pieces_that_overlap_are_the_whole_vector():
    vector = pt.vector("vector", shape=(4,))
    assert [(p.start, p.stop) for p in pieces_of(vector[:2].sum() * vector[3], vector)] == [(0, 2), (3, 4)]
    assert [(p.start, p.stop) for p in pieces_of(vector[:3].sum() * vector[1], vector)] == [(0, 4)]


def model_of_transforms():
    with pm.Model() as model:
        pm.Normal("plain", shape=2)
        pm.HalfNormal("log", 1)
        pm.Beta("logodds", 2, 2, shape=2)
        pm.Uniform("interval", -1, [2.0, 5.0])
        pm.TruncatedNormal("above", 0, 1, lower=-2.0)
        pm.TruncatedNormal("below", 0, 1, upper=3.0)
        pm.HalfNormal("softplus", 1, default_transform=pm.distributions.transforms.log_exp_m1)
        pm.Normal("y", model["plain"].sum(), model["log"], observed=[0.0, 1.0])
    return model


@pytest.mark.parametrize("kind", ["natural", "natural_jacobian", "unconstrained"])
def test_transforms_in_closed_form_are_pymcs(kind, rng):
    model = model_of_transforms()
    metadata = pml.Objective(model).evaluators.metadata
    layout = metadata.layout(frozenset() if kind == "unconstrained" else metadata.names - {"plain"})
    engine, values = transform_engine(model, kind, layout), GraphInputs(model, layout)
    written = unconstrained_graphs(values) if kind == "unconstrained" else natural_graphs(values)
    graphs = written if kind != "natural_jacobian" else [jacobian_graph(written, values.vector)]
    points = rng.uniform(0.1, 0.9, size=(3, layout.size))
    function = InterpretedGraphs([values.vector], graphs).function()
    for i, point in enumerate(points):
        for got, many, expected in zip(engine.one(point), engine.several(points), function(point), strict=False):
            np.testing.assert_allclose(got, np.ravel(expected) if np.ndim(expected) > 1 else expected, rtol=1e-12)
            np.testing.assert_array_equal(many[i], got)


def test_limits_that_move_need_a_graph():
    with pm.Model() as model:
        a = pm.HalfNormal("a", 1)
        pm.Uniform("b", 0, a)
        pm.Normal("y", model["b"], 1, observed=0.3)
    metadata = pml.Objective(model, latent=()).evaluators.metadata
    assert transform_engine(model, "natural", metadata.layout(metadata.names)) is None
    assert isinstance(transform_engine(model, "natural", metadata.layout()), TransformEngine)


def test_an_ordinary_fit_rewrites_one_graph_and_compiles_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(stored_programs, "folder", lambda: tmp_path)  # where no process has kept a program yet
    rewritten, compiled = [], []
    deep_copies = interpreted_graphs.insert_deepcopy

    def insert_deepcopy(fgraph, *rest):
        rewritten.append(fgraph)
        deep_copies(fgraph, *rest)

    monkeypatch.setattr(interpreted_graphs, "insert_deepcopy", insert_deepcopy)
    monkeypatch.setattr("pytensor.compile.maker.FunctionMaker.__init__", lambda *args, **kwargs: compiled.append(args))
    x = np.linspace(-1, 1, 20)
    with pm.Model() as model:
        a, sigma = pm.Normal("a", 0, 10), pm.HalfNormal("sigma", 5)
        pm.Normal("y", a * x, sigma, observed=np.sin(3 * x))
    assert pml.fit_mle(model, progressbar=False).status.value == "converged"
    assert (len(rewritten), compiled) == (1, [])
