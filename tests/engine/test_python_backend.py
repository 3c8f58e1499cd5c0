"""A function written out as straight Python must give what PyTensor's own interpreter gives."""

import subprocess
import sys
from types import FunctionType

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.tensor.basic import Split
from pytensor.tensor.elemwise import Elemwise
from scipy import special
from selection import slow

from pymc_landscape.engine.interpreter import array_functions
from pymc_landscape.engine.interpreter.array_functions import clip, solve_lower, solve_upper, trigamma
from pymc_landscape.engine.interpreter.batched_scans import vectorized
from pymc_landscape.engine.interpreter.interpreted_graphs import InterpretedGraphs, evaluated
from pymc_landscape.engine.interpreter.python_backend import performed
from pymc_landscape.engine.interpreter.random_draws import drawn_by_numpy
from pymc_landscape.engine.interpreter.rewrites import interpreter_mode
from pymc_landscape.objective.evaluators.elementwise_transforms import sigmoid


def interpreted(inputs, outputs):
    return pm.pytensorf.compile(inputs, outputs, mode=interpreter_mode(), trust_input=True)


def straight_line(inputs, outputs):
    return InterpretedGraphs(inputs, outputs).function()


def is_straight(function):
    return isinstance(function, FunctionType)


@pytest.mark.parametrize(
    "name", ["gaussian_unknown_sigma", "logit_20_predictors", slow("normal_mixture"), "named_dims"]
)
def test_slopes_of_models_are_the_same_numbers(name, objective_of, rng):
    objective = objective_of(name)
    engine = objective.engine("gradient", objective.names)
    function = interpreted([engine.vector], engine.graphs)
    straight = straight_line([engine.vector], engine.graphs)
    assert is_straight(straight)
    rounding = 1e-13 if name == "logit_20_predictors" else 0.0  # successes and failures share their exponentials
    for theta in rng.normal(size=(5, objective.size)):
        for expected, got in zip(function(theta), straight(theta), strict=True):
            np.testing.assert_allclose(got, expected, rtol=rounding, atol=rounding)


def test_whole_numbers_are_divided_as_pytensor_divides():
    x = pt.vector("x", dtype="int8")
    graphs = [x / np.int8(3), x // np.int8(2), x > 1]
    function = interpreted([x], graphs)
    quotient, floor, above = straight_line([x], graphs)(np.array([1, 2, 3], dtype="int8"))
    assert quotient.dtype == np.dtype(function.maker.fgraph.outputs[0].type.dtype)
    np.testing.assert_array_equal(quotient, function(np.array([1, 2, 3], dtype="int8"))[0])
    assert floor.tolist() == [0, 1, 1]
    assert above.tolist() == [False, True, True]


def test_a_design_is_multiplied_row_by_row(rng):
    """NumPy's inner loop along the columns of the transpose would be as short as a row of the design."""
    x, design = pt.vector("x", shape=(50,)), rng.normal(size=(50, 3))
    weighted = pt.constant(design).T * pt.exp(x)
    straight, values = straight_line([x], [weighted, pt.dot(weighted, design)]), rng.normal(size=50)
    product, gram = straight(values)
    assert product.flags.c_contiguous
    np.testing.assert_array_equal(product, design.T * np.exp(values))
    np.testing.assert_allclose(gram, (design.T * np.exp(values)) @ design, rtol=1e-13)
    # all functions that hold the design hold one copy of it
    (copy,) = straight.__defaults__
    assert straight_line([x], [weighted.sum()]).__defaults__[0] is copy
    # beside an array that is computed column by column nothing is gained
    square = pt.matrix("square", shape=(50, 3))
    np.testing.assert_array_equal(straight_line([square], [square.T + design.T])(design)[0], 2.0 * design.T)
    assert not straight_line([square], [square.T + design.T]).__defaults__


@pytest.mark.parametrize("split", [[1, 1], [2, 1], pt.alloc(np.int64(1), 2)])
def test_blocks_are_joined_and_cut_by_one_call(split, rng):
    x, n = pt.vector("x", shape=(3,)), 3 if isinstance(split, list) and sum(split) == 3 else 2
    rows = pt.stack([pt.exp(x[:n]), pt.ones(n), x[:n] * x[0]], axis=1)[:, :n]
    graphs = [pt.logsumexp(rows, axis=1).sum(), *Split(2, axis=1)(rows, split), Split(2, axis=0)(x[:n], split)[1]]
    points = x.type.clone(shape=(None, 3))("points")
    blocks = straight_line([points], vectorized(graphs, {x: points}))
    assert not [v for v in blocks.__globals__.values() if "Blockwise" in str(getattr(v, "node", ""))]
    many = rng.normal(size=(5, 3))
    for size in (1, 5):
        for i, values in enumerate(zip(*blocks(many[:size]), strict=True)):
            for found, expected in zip(values, interpreted([x], graphs)(many[i]), strict=True):
                np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_elements_of_the_arrays_of_a_block_are_set_by_one_call(rng):
    x, n = pt.vector("x", shape=(3,)), np.arange(3)
    matrix, cube = pt.outer(x, x), pt.exp(x)[:, None, None] * np.ones((3, 4, 2))
    graphs = [
        matrix[n, n].set(pt.exp(x)),  # a diagonal of vectors, of one number for all, of the same at each point
        pt.zeros((3, 3))[n, n].set(x[0]),
        matrix[n, n[::-1]].set(np.array([1.0, 2.0, 3.0])),
        cube[np.array([0, 2]), np.array([1, 3])].set(x[:2]),  # whole rows at two places
        cube[np.array([0, 2])].set(x[1]),
    ]
    points = x.type.clone(shape=(None, 3))("points")
    blocks = straight_line([points], vectorized(graphs, {x: points}))
    assert not [v for v in blocks.__globals__.values() if "IncSubtensor" in str(getattr(v, "node", ""))]
    many = rng.normal(size=(5, 3))
    for size in (1, 5):
        for found, graph in zip(blocks(many[:size]), graphs, strict=True):
            expected = [interpreted([x], [graph])(point)[0] for point in many[:size]]
            np.testing.assert_allclose(found, expected, rtol=1e-14)


@pytest.mark.parametrize("n_vectors", [1, 2, 9])
@pytest.mark.parametrize("lower", [True, False])
def test_triangles_are_solved_side_by_side(lower, n_vectors, rng):
    """For one vector or for many that share a matrix; a singular triangle is NaN for its own point alone."""
    solve, triangle = (solve_lower, np.tril) if lower else (solve_upper, np.triu)
    matrices = rng.normal(size=(4, 1, 5, 5)) + 3 * np.eye(5)
    matrices[2, 0, 3, 3] = 0.0
    vectors = rng.normal(size=(4, n_vectors, 5))
    found = solve(matrices, vectors)
    assert np.isnan(found[2]).all()
    for i in (0, 1, 3):
        np.testing.assert_allclose(vectors[i].T, triangle(matrices[i, 0]) @ found[i].T, rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(solve(matrices, vectors[:1])[0], solve(matrices[:1], vectors[:1])[0])


@pytest.mark.parametrize("n_columns", [1, 4, 9])
@pytest.mark.parametrize("lower", [True, False])
def test_matrices_are_solved_for_by_triangles_side_by_side(lower, n_columns, rng):
    """Each with a triangle of its own, or all with one: as PyTensor does it for each point."""
    x = pt.vector("x", shape=(5,))
    triangle, matrix = pt.diag(x) + rng.normal(size=(5, 5)), x[:, None] * pt.ones((5, n_columns)) + 1.0
    points = x.type.clone(shape=(None, 5))("points")
    shared = pt.linalg.solve_triangular(np.tril(rng.normal(size=(5, 5))) + 3 * np.eye(5), matrix, lower=True)
    graphs = [pt.linalg.solve_triangular(triangle, matrix, lower=lower), shared]
    blocks = straight_line([points], vectorized(graphs, {x: points}))
    kinds = [v.node.op for v in blocks.__globals__.values() if "SolveTriangular" in str(getattr(v, "node", ""))]
    assert kinds
    assert all(kind.gufunc_spec is not None for kind in kinds)
    many = rng.uniform(3, 4, size=(6, 5))
    for found, one in zip(blocks(many), graphs, strict=True):
        np.testing.assert_allclose(found, [interpreted([x], [one])(p)[0] for p in many], rtol=1e-11, atol=1e-13)


def test_the_same_places_of_all_points_are_looked_up_at_once(rng):
    x = pt.vector("x", shape=(8,))
    cube, places = x.reshape((2, 2, 2)), np.array([1, 0, 1])
    graphs = [
        cube[:, places, places] * 2,
        cube[places] + 1,
        cube[places, :, places],  # NumPy puts the places first
        cube[np.array([[True, False], [True, True]])],
        cube[:, places, np.array([[0], [1]])],
    ]
    points = x.type.clone(shape=(None, 8))("points")
    blocks = straight_line([points], vectorized(graphs, {x: points}))
    repeated = [v for v in blocks.__globals__.values() if "Blockwise{Advanced" in str(getattr(v, "node", ""))]
    assert len(repeated) == 1
    many = rng.normal(size=(5, 8))
    for found, graph in zip(blocks(many), graphs, strict=True):
        np.testing.assert_array_equal(found, [interpreted([x], [graph])(point)[0] for point in many])


def test_numbers_are_clipped_as_pytensor_clips_them():
    x, limit = np.array([-2.0, 0.5, 3.0, np.nan]), pt.vector("limit")
    low, high = np.array([[0.0], [1.0], [np.nan]]), np.array([[1.0], [0.0], [1.0]])
    theirs = pytensor.function([limit], pt.clip(x, limit[0], limit[1]), mode="FAST_COMPILE")
    for i in range(3):
        expected = theirs(np.array([low[i, 0], high[i, 0]]))
        np.testing.assert_array_equal(clip(x, low[i], high[i]), expected)


@pytest.mark.parametrize("lower", [True, False])
def test_blocks_of_matrices_are_factorised_by_one_call(lower, rng):
    """A matrix that is not positive definite is NaN at its own point, as of PyTensor's own Op."""
    x = pt.vector("x", shape=(2,))
    matrix = pt.exp(-pt.abs(np.arange(4)[:, None] - np.arange(4))) + x[0] * np.eye(4) + x[1]
    factor = pt.linalg.cholesky(matrix, lower=lower)
    points = x.type.clone(shape=(None, 2))("points")
    blocks = straight_line([points], vectorized([factor], {x: points}))
    (kind,) = [v.node.op for v in blocks.__globals__.values() if "Cholesky" in str(getattr(v, "node", ""))]
    assert kind.gufunc_spec is not None
    many = np.vstack([rng.uniform(0.1, 1.0, size=(3, 2)), [[-2.0, 0.0], [np.nan, 1.0]]])
    (factors,), (regular,) = blocks(many), blocks(many[:3])
    one = interpreted([x], [factor])
    for point, found in zip(many, factors, strict=True):
        np.testing.assert_allclose(found, one(point)[0], rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(regular, factors[:3])
    assert np.isnan(np.diagonal(factors[3:], axis1=1, axis2=2)).all()
    assert np.isfinite(regular).all()


def test_shared_data_are_read_at_each_call():
    x, data = pt.vector("x"), pytensor.shared(np.array([1.0, 2.0]))
    straight = straight_line([x], [(x * data).sum()])
    assert straight(np.ones(2))[0] == 3.0
    data.set_value(np.array([10.0, 20.0]))
    assert straight(np.ones(2))[0] == 30.0


def test_an_output_can_be_changed_without_harm():
    x = pt.vector("x")
    straight = straight_line([x], [pt.constant(np.arange(3.0)), x])
    given = np.zeros(3)
    constant, same = straight(given)
    constant += 1.0
    same += 1.0
    assert straight(given)[0].tolist() == [0.0, 1.0, 2.0]
    assert given.tolist() == [0.0, 0.0, 0.0]


def graphs_of_frequent_ops(matrix, vector, index):
    """One graph for each kind of expression that is written out."""
    return [
        (matrix.T @ matrix)[1:, ::2],
        matrix.dimshuffle(1, "x", 0).sum(axis=(0, 2)),
        matrix[:, :1].squeeze(1) + vector[-1],
        vector[index] * vector[index[0]],
        pt.all(matrix > 0, axis=0),
        matrix.max(axis=1) - vector.min(),
        (vector > 0).sum().astype("float64"),
        vector.astype("int64"),
        vector + 2.0 * vector**2 + pt.exp(vector),
        pt.switch(vector > 0, vector, -1.0),
        *pt.split(vector, [2, 3], n_splits=2),
    ]


def test_frequent_ops_are_written_as_pytensor_evaluates_them(rng):
    inputs = [pt.dmatrix("matrix"), pt.dvector("vector"), pt.lvector("index")]
    graphs = graphs_of_frequent_ops(*inputs)
    function, straight = interpreted(inputs, graphs), straight_line(inputs, graphs)
    assert is_straight(straight)
    for _ in range(3):
        values = [rng.normal(size=(3, 4)), rng.normal(size=5), rng.integers(5, size=4)]
        for expected, got in zip(function(*values), straight(*values), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-15)
            assert np.shape(got) == expected.shape
            assert np.asarray(got).dtype == expected.dtype


def test_whole_powers_have_array_functions():
    """PyTensor writes a power as one Op of many, which without one runs element by element."""
    x = pt.dvector("x")
    function = interpreted([x], [x**4, x**3 + x**-2])
    nodes = function.maker.fgraph.apply_nodes
    assert all(node.op.nfunc_spec is not None for node in nodes if isinstance(node.op, Elemwise))
    values = np.array([0.5, -2.0])
    np.testing.assert_allclose(function(values), [values**4, values**3 + values**-2.0], rtol=1e-15)


def test_trigamma_keeps_its_digits_from_the_smallest_number_to_the_largest_and_below_0():
    """Above 0 it is ζ(2, x); below, ψ'(1 − x) + ψ'(x) = (π / sin πx)²."""
    x = np.concatenate([np.geomspace(1e-150, 1e150, 301), np.linspace(0.1, 12.0, 120)])
    np.testing.assert_allclose(trigamma(x), special.zeta(2.0, x), rtol=4e-15)
    y = np.array([-0.3, -7.7, -250.4])
    np.testing.assert_allclose(trigamma(y) + trigamma(1.0 - y), (np.pi / np.sin(np.pi * y)) ** 2, rtol=1e-10)
    assert np.isinf(trigamma(np.array([0.0, -1.0]))).all()
    assert trigamma(np.array([np.inf]))[0] == 0.0


@pytest.mark.parametrize("shape", [(1,), (2,), (9,), (1, 1), (3, 5), (7, 1), (1, 7), (2000, 2), (0,)], ids=str)
def test_trigamma_of_few_numbers_is_that_of_many_to_the_last_bit(shape, rng):
    x = 10.0 ** rng.uniform(-3, 4, shape)
    for few in (x, x.T, -x):
        many = np.concatenate([np.ravel(few), np.ones(5000)])
        np.testing.assert_array_equal(trigamma(few), trigamma(many)[: few.size].reshape(few.shape))


def test_trigamma_of_one_number_is_that_of_an_array_to_the_last_bit(rng):
    x = np.concatenate([10.0 ** rng.uniform(-3, 4, 2000), 10.0 ** rng.uniform(-200, 150, 500), [0.0, np.inf, -2.5]])
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal([trigamma(np.asarray(each)) for each in x], trigamma(x))


def test_some_of_the_graphs_are_cut_out_of_what_was_rewritten_once():
    x, data = pt.vector("x"), pytensor.shared(np.array([1.0, 2.0]))
    graphs = InterpretedGraphs([x], [x.sum(), (x * data).sum(), pt.exp(x).sum()])
    rewritten = graphs.fgraph
    second, both = graphs.function([1]), graphs.function([2, 0])
    data.set_value(np.array([10.0, 20.0]))
    assert second(np.ones(2)) == [30.0]
    assert both(np.zeros(2)) == [2.0, 0.0]
    assert graphs.fgraph is rewritten


def test_constants_are_evaluated_as_they_stand_and_draws_are_left_to_pytensor():
    data = pytensor.shared(np.arange(3.0))
    total, length = evaluated([data.sum(), data.shape[0]])
    assert (total, length) == (3.0, 3)
    assert evaluated([pm.Normal.dist(shape=3)])[0].shape == (3,)


@pytest.mark.parametrize("size", [None, (2, 3)])
@pytest.mark.parametrize(
    "variable", [lambda **o: pm.HalfNormal.dist(2.0, **o), lambda **o: pm.HalfNormal.dist([1.0, 3.0, 0.5], **o),
                 lambda **o: pm.StudentT.dist(4.0, mu=1.0, sigma=[2.0, 1.0, 1.0], **o),
                 lambda **o: pm.NegativeBinomial.dist(mu=3.0, alpha=0.4, **o),
                 lambda **o: pm.NegativeBinomial.dist(n=2, p=[1.0, 0.3, 1e-3], **o)]
)  # fmt: skip
def test_draws_by_numpy_are_those_of_pytensor(variable, size):
    rv = variable(size=size)
    node, rng = rv.owner, np.random.default_rng(3)
    inputs = [rng, *evaluated(node.inputs[1:])]
    inputs[1] = None if size is None else inputs[1]
    after, ours = drawn_by_numpy(node, inputs)
    theirs = performed(node, inputs)
    np.testing.assert_array_equal(ours, theirs[1])
    assert after.bit_generator.state == theirs[0].bit_generator.state
    assert rng.bit_generator.state == np.random.default_rng(3).bit_generator.state


@pytest.mark.parametrize("parameters", [(0.0, 0.5), (2.0, 0.0), (2.0, 1.5), (np.nan, 0.5)])
def test_draws_of_what_is_no_parameter_are_left_to_pytensor(parameters):
    node, rng = pm.NegativeBinomial.dist(n=2, p=0.5).owner, np.random.default_rng(3)
    assert drawn_by_numpy(node, [rng, None, *parameters]) is None


def test_the_sigmoid_of_transforms_is_scipys_to_the_last_bit(rng):
    x = np.concatenate([[-np.inf, -745.0, -709.0, -40.0, 0.0, 40.0, 800.0, np.inf, np.nan], 20 * rng.normal(size=991)])
    np.testing.assert_array_equal(sigmoid(x.reshape(10, 100)), special.expit(x).reshape(10, 100))


FIRST_FIT = """
import sys
import numpy as np, pymc as pm
import pymc_landscape as pml
with pm.Model() as model:
    b, sigma = pm.Normal("b", 0, 10, shape=2), pm.HalfNormal("sigma", 5)
    x = np.linspace(-1, 2, 20)
    pm.Normal("y", b[0] + b[1] * x, sigma, observed=np.sin(9 * x))
    pm.Bernoulli("z", logit_p=b[0] + b[1] * x, observed=np.arange(20) % 2)
assert pml.fit_mle(model, progressbar=False).status.is_optimum
print(*sorted({name.split(".")[0] for name in sys.modules} & {"scipy", "numba", "matplotlib"}))
scipy = [f"scipy.{room}" for room in ("linalg", "special", "stats", "optimize")]
print(*(name for name in (*scipy, "pytensor.xtensor") if name in sys.modules))
"""


def test_a_first_fit_loads_neither_numba_nor_scipys_rooms_nor_named_dims():
    done = subprocess.run([sys.executable, "-c", FIRST_FIT], capture_output=True, text=True, check=True)
    loaded, rooms = done.stdout.splitlines()[-2:]
    assert not {"numba", "matplotlib"} & set(loaded.split())
    assert not rooms


FIRST_ENDS = """
import sys
import numpy as np, pymc as pm
import pymc_landscape as pml
with pm.Model() as model:
    mu, alpha, p = pm.HalfNormal("mu", 5), pm.HalfNormal("alpha", 5), pm.Beta("p", 1, 1)
    pm.NegativeBinomial("y", mu=mu, alpha=alpha, observed=np.arange(20) ** 2 % 11)
    pm.Binomial("z", 9, p, observed=np.arange(8))
fit = pml.fit_mle(model, progressbar=False)
ends = pml.confidence_intervals(fit, progressbar=False)
print(*(float(fit.point[name]).hex() for name in ("mu", "alpha", "p")))
print(*(name for name in ("scipy.linalg", "scipy.special", "scipy.stats", "scipy.optimize") if name in sys.modules))
"""


def test_ends_of_counts_wait_for_no_room_of_scipys_once_their_programs_are_kept(monkeypatch, tmp_path):
    """The first process writes the programs, by PyTensor, which does ask SciPy."""
    monkeypatch.setenv("PYTENSOR_FLAGS", f"base_compiledir={tmp_path}")
    runs = [subprocess.run([sys.executable, "-c", FIRST_ENDS], capture_output=True, text=True) for _ in range(2)]
    assert [run.returncode for run in runs] == [0, 0], runs[-1].stderr
    (first, rooms), (second, later) = (run.stdout.splitlines()[-2:] for run in runs)
    assert "scipy.special" in rooms
    assert later == ""
    np.testing.assert_allclose([float.fromhex(x) for x in second.split()], [float.fromhex(x) for x in first.split()])


def test_exponentials_of_successes_and_failures_are_shared_and_nothing_is_computed_twice(rng):
    """Sigmoid and softplus of η and of −η, at 1,000 rows; also where η is out of reach."""
    v, design = pt.vector("v", shape=(3,)), rng.normal(size=(2000, 3))
    eta = pt.dot(design, v)
    graphs = [pt.sigmoid(eta).sum(), pt.sigmoid(-eta).sum(), pt.softplus(eta).sum(), (pt.softplus(-eta) + eta).sum()]
    graphs += [(pt.sigmoid(eta) * design[:, 0]).sum(), (pt.sigmoid(-eta) * design[:, 1]).sum()]
    written = InterpretedGraphs([v], graphs)
    nodes = [(node.op, tuple(map(id, node.inputs))) for node in written._for_arrays.apply_nodes]
    assert len(nodes) == len(set(nodes))
    assert sum(getattr(getattr(op, "scalar_op", None), "name", "") == "exp" for op, _ in nodes) == 1
    for at in (rng.normal(size=3), np.array([800.0, -500.0, 0.0]), np.full(3, np.nan)):
        x = design @ at
        with np.errstate(invalid="ignore"):
            wanted = [special.expit(x), special.expit(-x), np.logaddexp(0, x), np.logaddexp(0, -x) + x]
        wanted += [special.expit(x) * design[:, 0], special.expit(-x) * design[:, 1]]
        np.testing.assert_allclose(written.function()(at), [each.sum() for each in wanted], rtol=1e-12)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
@pytest.mark.parametrize("dtype", ["float64", "float32", "int8"])
def test_functions_that_work_in_one_array_leave_their_argument_alone(shape, dtype, rng):
    x = np.asarray(rng.uniform(-50, 50, size=shape)).astype(dtype)
    before = x.copy()
    for function, truth in ((array_functions.softplus, np.logaddexp), (array_functions.sigmoid, special.expit)):
        wanted = truth(0.0, x.astype(float)) if truth is np.logaddexp else truth(x.astype(float))
        found = function(x)
        assert found.shape == shape
        np.testing.assert_allclose(found, wanted, rtol=1e-14 if dtype == "float64" else 2e-5)
        np.testing.assert_array_equal(x, before)
