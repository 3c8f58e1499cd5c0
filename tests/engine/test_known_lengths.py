"""Lengths that shapes say are numbers in a graph, and what a derivative is made of stands in it once."""

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.graph.traversal import ancestors, toposort
from pytensor.tensor.basic import ARange
from pytensor.tensor.linalg.decomposition.cholesky import Cholesky
from pytensor.tensor.shape import Shape, Shape_i
from pytensor.tensor.subtensor import AdvancedIncSubtensor
from scipy import stats

from pymc_landscape.engine import InterpretedGraphs, vectorized, with_known_lengths
from pymc_landscape.engine.interpreter.symbolic_ops import without_symbolic_ops
from pymc_landscape.model.derivatives import Differentiated

PLACES = np.linspace(0, 3, 6)
SERIES = np.sin(PLACES)
POINT = np.array([0.4, -0.3])


def kinds(graphs) -> list[type]:
    return [type(getattr(node.op, "core_op", node.op)) for node in toposort(graphs)]


def squared_exponential(x):
    distance = (PLACES[:, None] - PLACES) ** 2
    exp, eye = (np.exp, np.eye(6)) if isinstance(x, np.ndarray) else (pt.exp, pt.eye(6))
    return exp(x[0]) * exp(-distance) + exp(x[1]) * eye


def minus_log_density(x: np.ndarray) -> float:
    return -stats.multivariate_normal(np.zeros(6), squared_exponential(x)).logpdf(SERIES)


@pytest.fixture(scope="module")
def of_a_process() -> tuple:
    """A vector, and −log density, gradient and Hessian of a Gaussian process by it."""
    x = pt.vector("x", shape=(2,))
    value = -pm.logp(pm.MvNormal.dist(np.zeros(6), cov=squared_exponential(x)), SERIES)
    written = Differentiated(value, {}, x)
    return x, [written.value, written.gradient, written.hessian()]


def test_derivatives_factorise_a_covariance_once(of_a_process):
    x, graphs = of_a_process
    interpreted = InterpretedGraphs([x], without_symbolic_ops(graphs))
    assert kinds(interpreted.fgraph.outputs).count(Cholesky) == 1
    value, gradient, hessian = interpreted.function()(POINT)
    np.testing.assert_allclose(value, minus_log_density(POINT), rtol=1e-12)
    steps = 1e-3 * np.eye(2)
    differences = [(minus_log_density(POINT + h) - minus_log_density(POINT - h)) / 2e-3 for h in steps]
    np.testing.assert_allclose(gradient, differences, rtol=1e-5)
    slopes = [interpreted.function([1])(POINT + h)[0] - interpreted.function([1])(POINT - h)[0] for h in steps]
    np.testing.assert_allclose(hessian, np.array(slopes) / 2e-3, rtol=1e-5)


def test_derivatives_ask_for_no_length(of_a_process):
    _, graphs = of_a_process
    assert not {Shape, Shape_i, ARange} & set(kinds(with_known_lengths(without_symbolic_ops(graphs))))


def test_an_unknown_length_stays_and_one_beside_it_is_a_number():
    x = pt.matrix("x", shape=(None, 3))
    rows, columns = (pt.arange(x.shape[i]) for i in range(2))
    graph = (rows[:, None] * columns * x).sum() + x.shape[1] * x.shape[0]
    [known] = with_known_lengths([graph])
    assert kinds([graph]).count(ARange) == 2
    assert kinds([known]).count(ARange) == 1
    for n in (2, 5):
        given = np.random.default_rng(n).normal(size=(n, 3))
        expected = (np.arange(n)[:, None] * np.arange(3) * given).sum() + 3 * n
        assert known.eval({x: given}) == pytest.approx(expected, rel=1e-14)


def test_what_no_length_enters_is_left_as_it_is():
    x = pt.vector("x", shape=(3,))
    graphs = [pt.exp(x).sum(), pt.outer(x, x)]
    assert with_known_lengths(graphs) == graphs


def test_a_loop_runs_as_many_steps():
    x = pt.vector("x", shape=(4,), dtype="float64")
    places, start = pt.arange(x.shape[0]), pt.zeros((), dtype="float64")
    sums = pytensor.scan(lambda i, total: total + x[i], [places], [start], return_updates=False)
    [known] = with_known_lengths([sums])
    assert ARange not in kinds([known])
    np.testing.assert_allclose(known.eval({x: np.arange(4.0)}), [0, 1, 3, 6])


@pytest.mark.parametrize("many", [True, False])
def test_numbers_are_put_into_an_array_of_each_direction(many):
    x, directions = pt.vector("x", shape=(3,)), pt.matrix("directions", shape=(4 if many else None, 3))
    graph = pt.zeros((3, 3))[pt.arange(3), pt.arange(3)].set(x) @ x
    written = with_known_lengths(vectorized([graph], {x: directions}))
    [put] = [n for n in toposort(written) if isinstance(getattr(n.op, "core_op", None), AdvancedIncSubtensor)]
    assert (put.inputs[0].type.shape == (4, 3, 3)) == many
    given = np.random.default_rng(1).normal(size=(4, 3))
    np.testing.assert_allclose(written[0].eval({directions: given}), given**2, rtol=1e-14)


def test_what_is_the_same_for_all_directions_is_not_written_again():
    x, direction = pt.vector("x", shape=(3,)), pt.vector("direction", shape=(3,))
    matrix = pt.linalg.cholesky(pt.outer(x, x) + pt.diag(pt.exp(x)))
    [written] = vectorized([matrix @ direction + pt.diag(x) @ direction], {direction: pt.constant(np.eye(3))})
    assert matrix in set(ancestors([written]))
    assert kinds([written]).count(Cholesky) == 1


def test_a_constant_that_another_stands_for_is_no_number():
    x, counts = pt.vector("x", shape=(2,)), pt.constant(np.array([1, 2]))
    others = np.array([[1, 2], [5, 7]])
    [written] = vectorized([(counts - 1) * x + counts.shape[0]], {counts: pt.constant(others)})
    np.testing.assert_allclose(written.eval({x: np.array([2.0, 3.0])}), (others - 1) * [2.0, 3.0] + 2)


def test_a_place_beyond_the_end_is_told_when_it_is_read():
    x, places = pt.vector("x", shape=(2,)), pt.constant(np.array([4, 5]))
    graph = places[x.shape[0] + 3] * x
    [known] = with_known_lengths([graph])
    with pytest.raises(IndexError):
        InterpretedGraphs([x], [known]).function()(np.ones(2))
