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
