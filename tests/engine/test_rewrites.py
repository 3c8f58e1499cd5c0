"""Large arrays of data are multiplied once, after a switch has chosen, and numbers stay what they are."""

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest

from pymc_landscape.engine import InterpretedGraphs
from pymc_landscape.engine.interpreter.rewrites import interpreter_mode

N, K = 400, 3


def products_by_data(function) -> int:
    """Count elementwise products as large as the data."""
    nodes = function.maker.fgraph.toposort()
    large = [n for n in nodes if n.outputs[0].type.ndim == 2 and "Mul" in str(n.op)]
    return sum(1 for n in large if any(v.type.shape in ((K, N), (None, None)) for v in n.inputs))


@pytest.mark.parametrize("is_shared", [False, True])
def test_each_branch_is_multiplied_after_the_choice(is_shared):
    rng = np.random.default_rng(1)
    data = rng.normal(size=(K, N))
    x = pytensor.shared(data, name="x") if is_shared else pt.constant(data)
    w, which = pt.vector("w", shape=(N,)), rng.random((1, N)) < 0.5
    chosen = pt.switch(which, w[None, :] * x, pt.switch(which.sum() > 0, (1 - w)[None, :] * x, 0.0))
    with pytensor.config.change_flags(cxx=""):
        function = pm.pytensorf.compile([w], chosen, mode=interpreter_mode(), trust_input=True)
    at = rng.random(N)
    np.testing.assert_array_equal(function(at), np.where(which, at * data, (1 - at) * data))
    assert products_by_data(function) == 1


def test_data_that_are_not_finite_stay_in_their_branch():
    data = np.ones((K, N))
    data[0, 0] = np.nan
    w = pt.vector("w", shape=(N,))
    chosen = pt.switch(w[None, :] > 0.5, w[None, :] * pt.constant(data), 0.0)
    with pytensor.config.change_flags(cxx=""):
        function = pm.pytensorf.compile([w], chosen, mode=interpreter_mode(), trust_input=True)
    assert (function(np.zeros(N)) == 0).all()


def test_traces_do_not_double_where_switches_stand_in_switches():
    x = pt.vector("x", shape=(2,))
    x.tag.trace = [[("file.py", 1, "", "")]]
    graph = x
    for i in range(16):
        graph = pt.switch(pt.gt(x[0], i), graph, graph)
    rewritten = InterpretedGraphs([x], [graph]).fgraph
    assert max(len(getattr(variable.tag, "trace", [])) for variable in rewritten.variables) <= 1


def test_sigmoid_and_softplus_of_both_signs_share_one_exponential():
    """And keep their digits from one end of the numbers to the other, at infinity and beside a missing value."""
    ends = [-np.inf, -745.0, -709.0, -40.0, -1e-300, 0.0, 40.0, 800.0, np.inf, np.nan]
    points = np.concatenate([ends, np.linspace(-30.0, 30.0, 1001)])
    x = pt.vector("x", shape=points.shape)
    functions = [pt.sigmoid, pt.softplus, lambda z: pt.sigmoid(-z), lambda z: pt.softplus(-z)]
    graphs = [function(x[None, :]) if i % 2 else function(x) for i, function in enumerate(functions)]
    shared = InterpretedGraphs([x], graphs).function()
    called = [getattr(value, "__name__", "") for value in shared.__globals__.values()]
    assert called.count("exp") == called.count("log1p") == 1
    assert not {"sigmoid", "softplus"} & set(called)
    with np.errstate(all="ignore"):
        found = shared(points)
    for values, function in zip(found, functions, strict=True):
        alone = pytensor.function([x], function(x), mode="FAST_COMPILE")(points)
        np.testing.assert_allclose(values.ravel(), alone, rtol=1e-14, atol=1e-307)
