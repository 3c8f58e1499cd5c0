"""Programs that an earlier process has left must be those that would be written, and no others may be run."""

import json
import os

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytensor.xtensor as px
import pytest
import xarray as xr
from pytensor.raise_op import CheckAndRaise
from selection import exhaustive

import pymc_landscape as pml
from pymc_landscape.engine import InterpretedGraphs, StoredPrograms
from pymc_landscape.engine.convexity import is_convex
from pymc_landscape.engine.interpreter import stored_programs
from pymc_landscape.engine.interpreter.graph_digest import digest_of
from pymc_landscape.model import Differentiated
from pymc_landscape.objective.evaluation_cost import affordable_evaluations


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(stored_programs, "folder", lambda: tmp_path)
    return tmp_path


def line(slope=2.0, data=(1.0, 2.0, 4.0)):
    x = pt.vector("x", shape=(2,))
    return x, [(pt.sqr(np.array(data) - slope * x[0]) * pt.exp(-x[1])).sum() + x[1]]


def programs(folder):
    return sorted(folder.iterdir())


def stored(x, graphs):
    return StoredPrograms([x], graphs, "test")


def test_a_program_comes_back_as_it_was(own_cache):
    x, graphs = line()
    written = InterpretedGraphs([x], graphs, stored=stored(x, graphs)).program(name="one", beside=[1, "a"])
    again, others = line()
    read = stored(again, others).load("one")
    assert read.beside == [1, "a"]
    assert read.cost == written.cost
    assert len(programs(own_cache)) == 1
    for point in np.random.default_rng(1).normal(size=(5, 2)):
        np.testing.assert_array_equal(read.function(point), written.function(point))


def test_the_transpose_of_data_is_data(own_cache, monkeypatch):
    """Programs of a regression on many rows are kept, for they hold no numbers of these."""

    def weighted():
        x, design = pt.vector("x", shape=(400,)), np.arange(1200.0).reshape(400, 3)
        return x, [pt.dot(pt.constant(design).T * pt.exp(x), design).sum() + pt.dot(pt.constant(design).T, x).sum()]

    monkeypatch.setattr("pymc_landscape.engine.interpreter.programs.MOST_BYTES", 1000)
    x, graphs = weighted()
    written = InterpretedGraphs([x], graphs, stored=stored(x, graphs)).program(name="one")
    (file,) = programs(own_cache)
    assert file.stat().st_size < 5000
    again, others = weighted()
    read = stored(again, others).load("one")
    point = np.random.default_rng(3).normal(size=400)
    np.testing.assert_array_equal(read.function(point), written.function(point))


def test_checks_and_named_dims_are_kept(own_cache):
    """What a check raises is known by its name; of dims that have names, arrays know nothing."""

    def checked(kind=pm.logprob.utils.ParameterValueError):
        x = pt.vector("x", shape=(3,))
        data = pytensor.shared(xr.DataArray(np.arange(3.0), dims="row"))
        named = data * px.as_xtensor(x, dims=("row",))
        positive = pt.scalar_from_tensor(x[0] > 0)
        return x, [CheckAndRaise(kind, "x is not positive")(named.sum("row").values * x, positive)]

    x, graphs = checked()
    InterpretedGraphs([x], graphs, stored=stored(x, graphs)).program(name="one")
    read = stored(*checked()).load("one").function
    np.testing.assert_array_equal(read(np.array([1.0, 2.0, 3.0]))[0], [8.0, 16.0, 24.0])
    with pytest.raises(pm.logprob.utils.ParameterValueError, match="x is not positive"):
        read(np.array([-1.0, 2.0, 3.0]))
    # no other class is looked up
    (file,) = programs(own_cache)
    file.write_bytes(file.read_bytes().replace(b'"ParameterValueError"', b'"CheckParameterValue"'))
    assert stored(*checked()).load("one") is None


def test_what_is_kept_is_bounded(own_cache, monkeypatch):
    """The oldest are forgotten first."""
    monkeypatch.setattr(stored_programs, "SAVES", 1)

    def write(slope):
        before = set(programs(own_cache))
        x, graphs = line(slope)
        InterpretedGraphs([x], graphs, stored=stored(x, graphs)).program(name="one")
        return next(iter(set(programs(own_cache)) - before), None)

    files = [write(slope) for slope in (2.5, 3.5, 4.5, 5.5, 6.5)]
    for age, file in enumerate(files):
        os.utime(file, (age, age))
    monkeypatch.setattr(stored_programs, "MOST_KEPT", 5 * 4096)  # each is smaller, and takes that much of a disk
    assert files[0].stat().st_size < 4096
    newest = write(7.5)
    left = programs(own_cache)
    assert newest in left
    assert files[0] not in left
    assert len(left) == 2


@pytest.mark.parametrize("other", [{"slope": 2.5}, {"data": (1.0, 2.0, 5.0)}, {"data": (1.0, 2.0)}])
def test_other_graphs_have_other_names(other):
    (x, graphs), (same, again), (y, others) = line(), line(), line(**other)
    assert digest_of([x], graphs) == digest_of([same], again)
    assert digest_of([x], graphs) != digest_of([y], others)


def test_an_op_that_was_differentiated_keeps_its_name():
    """PyTensor keeps functions of a process in an Op with an inner graph, once its derivative was asked for."""
    x = pt.vector("x", shape=(3,))
    graph = pt.logsumexp(x)
    before = digest_of([x], [graph])
    assert before is not None
    slope = pt.grad(graph, x)
    assert digest_of([x], [graph]) == before
    curvature = pt.grad(slope[0], x)
    assert None not in {digest_of([x], [slope]), digest_of([x], [curvature])}
    assert len({before, digest_of([x], [slope]), digest_of([x], [curvature])}) == 3


def evaluated(model):
    """Values and derivatives at some points, of an objective of its own."""
    objective = pml.Objective(model)
    points = objective.pack(objective.initial_point()) + 0.1 * np.random.default_rng(2).normal(size=(3, objective.size))
    engines = [objective.engine(kind, objective.names) for kind in ("hessian", "gradient", "density")]
    single = [value for engine in engines for point in points for value in engine.one(point)]
    return engines, [*single, *engines[-1].backend("interpreter").run(points)]


def test_that_a_surface_is_convex_is_kept_with_the_data(own_cache, monkeypatch):
    """An earlier process has read it off the graph; of other data it says nothing."""
    asked = []

    def convex(*graph):
        asked.append(graph)
        return is_convex(*graph)

    def is_convex_with(weights):
        with pm.Model() as model:
            total = pm.Data("weights", weights) * pm.math.exp(pm.Normal("b", 0, 1, shape=3))
            pm.Potential("loss", -total.sum())
        objective = pml.Objective(model)
        return objective.is_convex(objective.names)

    monkeypatch.setattr("pymc_landscape.engine.graph_engine.is_convex", convex)
    monkeypatch.setattr("pymc_landscape.objective.objective_values.FEW_DATA", -1)
    up, down = np.ones(3), np.array([1.0, 1.0, -1.0])
    assert [is_convex_with(weights) for weights in (up, down, up, down)] == [True, False, True, False]
    assert len(asked) == 2
    for file in programs(own_cache):
        if file.stat().st_size < 10:
            file.write_text("no answer")
    assert is_convex_with(up)
    assert len(asked) == 3
    # of many data sets a few are kept
    monkeypatch.setattr(stored_programs, "MOST_FACTS", 0)
    before = programs(own_cache)
    assert is_convex_with(2.0 * up)
    assert programs(own_cache) == before


def regression(shift=0.0):
    with pm.Model() as model:
        b, sigma = pm.Normal("b", 0, 10, shape=2), pm.HalfNormal("sigma", 5)
        pm.Normal("y", b[0] + b[1] * np.arange(5.0), sigma, observed=np.arange(5.0) ** 2 + shift)
    return model


def mixture():
    with pm.Model() as model:
        w, mu = pm.Dirichlet("w", np.ones(2)), pm.Normal("mu", [-1.0, 1.0], 1)
        pm.NormalMixture("y", w=w, mu=mu, sigma=1.0, observed=np.array([-1.0, 0.5, 2.0]))
    return model


def correlated():
    with pm.Model() as model:
        chol, _, _ = pm.LKJCholeskyCov("chol", n=2, eta=2.0, sd_dist=pm.Exponential.dist(1.0))
        pm.MvNormal("y", np.zeros(2), chol=chol, observed=np.array([[1.0, 0.5], [-0.3, 1.2], [0.4, -1.0]]))
    return model


@pytest.mark.parametrize("build", [regression, exhaustive(mixture), exhaustive(correlated)])
def test_a_second_process_writes_no_derivatives_and_has_the_same_numbers(build, monkeypatch):
    _, written = evaluated(build())
    monkeypatch.setattr(Differentiated, "__init__", None)
    monkeypatch.setattr(InterpretedGraphs, "fgraph", None)
    engines, read = evaluated(build())
    for mine, theirs in zip(read, written, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    monkeypatch.undo()
    assert [graph.type.ndim for graph in engines[0].graphs] == [0, 1, 1]  # written when they are asked for


@pytest.mark.parametrize("build", [regression, mixture])
def test_a_second_fit_knows_how_dear_its_evaluations_are(build):
    """So it has as many starts, also where what was stored has Ops written out that the model is made of."""
    one, two = (pml.Objective(build()) for _ in range(2))
    evaluated(one.model)
    first = affordable_evaluations(one)
    evaluated(two.model)
    assert first == affordable_evaluations(two) > 0


def test_what_is_read_at_each_call_is_the_caller_s(own_cache):
    def model(value):
        x, data = pt.vector("x", shape=(1,)), pytensor.shared(np.full(3, value))
        return x, data, [(x[0] * data).sum()]

    x, _, graphs = model(1.0)
    InterpretedGraphs([x], graphs, stored=stored(x, graphs)).program()
    x, data, graphs = model(5.0)
    read, *_ = stored(x, graphs).load("")
    assert read(np.ones(1))[0] == 15.0
    data.set_value(np.full(3, 7.0))
    assert read(np.ones(1))[0] == 21.0


def test_graphs_with_ops_of_others_have_no_name():
    @pytensor.wrap_py(itypes=[pt.dvector], otypes=[pt.dscalar])
    def norm(x):
        return np.asarray(np.linalg.norm(x))

    x = pt.dvector("x")
    assert digest_of([x], [norm(x)]) is None
    assert stored(x, [norm(x)]).load("one") is None


def test_what_is_no_line_of_numpy_is_not_run(own_cache):
    x, graphs = line()
    InterpretedGraphs([x], graphs, stored=stored(x, graphs)).program()
    (path,) = programs(own_cache)
    head, _, numbers = path.read_bytes().partition(b"\n")
    for source in (
        "def function(x0):\n    import os\n    return [x0]",
        "def function(x0):\n    return [x0.__class__]",
        "def function(x0):\n    return [x0.tofile(x0)]",
        "def function(x0):\n    v = open('file', 'w')\n    return [x0]",
        "def function(x0, r0 = eval('1')):\n    return [x0]",
        "def function(x0):\n    def f(eval):\n        return eval\n    return [eval('1')]",
        "def function(x0, r0 = v9):\n    v9 = x0\n    return [x0]",
        "def function(x0):\n    for i in range(3):\n        x0 = x0 + x0\n    return [x0]",
        "def function(x0):\n    while x0: x0 = x0\n    return [x0]",
        "def function(x0):\n    return [x0 if x0 else x0]",
        "def function(x0):\n    return [(lambda: x0)()]",
        "def function(x0):\n    return [function(x0)]",
        "def function(x0):\n    return [f'{x0.shape}']",
        "def function(x0):\n    return [asarray]\nasarray(1)",
        "def function(x0):\n    return [x0]\ndef other(x0):\n    return [x0]",
        "def function(x0):\n    return [x0.__class__]".replace("class", "ｃlass"),
        "def function(x0):\n    return [ｏpen]",
        "def function(x0):\n    return [x0\\\n]",
        "not Python at all (",
    ):
        path.write_bytes(json.dumps(json.loads(head) | {"source": source}).encode() + b"\n" + numbers)
        assert stored(x, graphs).load("") is None
    path.write_bytes(b"")
    assert stored(x, graphs).load("") is None


def test_loops_are_kept_and_only_as_loops(own_cache):
    """A moving sum that starts from the point, and its slope, whose loop runs backwards."""

    def moving_sum():
        x = pt.vector("x", shape=(3,))
        data, fixed = pt.constant(np.arange(20.0)), [x[1], x[2]]
        sums = pytensor.scan(
            lambda y, before, a, b: pt.tanh(b) * before + y * a, [data], x[0], fixed, return_updates=False
        )
        total = pt.sqr(sums).sum()
        return x, [total, pt.grad(total, x)]

    x, graphs = moving_sum()
    written = InterpretedGraphs([x], graphs, stored=stored(x, graphs)).program(name="one").function
    read = stored(*moving_sum()).load("one").function
    for point in np.random.default_rng(4).normal(size=(3, 3)):
        for found, expected in zip(read(point), written(point), strict=True):
            np.testing.assert_array_equal(found, expected)
    (path,) = programs(own_cache)
    head, _, numbers = path.read_bytes().partition(b"\n")
    for line in ("while n: n = n", "n = open('file')", "n = step.__globals__", "n = x0.tofile('file')"):
        kept = json.loads(head)
        name = next(name for name, (kind, *_) in kept["values"].items() if kind == "loop")
        source = kept["values"][name][1]
        kept["values"][name][1] = source.replace("n = int(x0)", f"n = int(x0)\n    {line}")
        path.write_bytes(json.dumps(kept).encode() + b"\n" + numbers)
        assert stored(*moving_sum()).load("one") is None


BACKEND = "pymc_landscape.engine.interpreter.python_backend"
FOREIGN = [
    ["function", "os", "system"],
    ["function", "numpy", "load"],
    ["function", "numpy", "__builtins__"],
    ["function", BACKEND, "Loop"],
    ["function", BACKEND, "straight_line"],
    ["op", ["os", "system", {}], [], []],
    ["leaf", 99],
    ["plain", {"array": ["loop", "def loop(): return 1", "def function(): return 1", {}]}],
    ["plain", {"array": ["function", "numpy", "exp"]}],
    ["plain", {"exception": ["os", "error"]}],
    ["plain", {"exception": ["builtins", "int"]}],
]


@pytest.mark.parametrize("values", FOREIGN, ids=str)
def test_what_is_not_ours_is_not_made(own_cache, values):
    x, graphs = line()
    InterpretedGraphs([x], graphs, stored=stored(x, graphs)).program()
    (path,) = programs(own_cache)
    head, _, numbers = path.read_bytes().partition(b"\n")
    kept = json.loads(head)
    known = kept["values"]
    kept["values"] = dict.fromkeys(known, values)
    path.write_bytes(json.dumps(kept).encode() + b"\n" + numbers)
    assert stored(x, graphs).load("") is None
    # nor is what lines are run with replaced
    for name in ("__builtins__", "asarray"):
        kept["values"] = known | {name: ["function", "numpy", "exp"]}
        path.write_bytes(json.dumps(kept).encode() + b"\n" + numbers)
        assert stored(x, graphs).load("") is None
