"""Loops over numbers that are made for all elements at once must end where each ends alone."""

import numpy as np
import pytensor
import pytensor.scalar as ps
import pytensor.tensor as pt
import pytest
from pytensor.scalar.loop import ScalarLoop
from pytensor.tensor.elemwise import Elemwise

from pymc_landscape.engine import InterpretedGraphs, StoredPrograms
from pymc_landscape.engine.interpreter import stored_programs
from pymc_landscape.engine.interpreter.array_functions import loop_of_elements
from pymc_landscape.engine.interpreter.graph_digest import digest_of
from pymc_landscape.engine.interpreter.programs import Performed

# By the parameter, at the numbers of the other argument, near a pole and beyond where one series gives way to another.
SERIES = {
    "lower incomplete gamma": (pt.gammainc, (0.01, 12.0)),
    "upper incomplete gamma": (pt.gammaincc, (0.01, 40.0)),
    "incomplete beta, first": (lambda a, x: pt.betainc(a, 2.5, x), (0.001, 0.999)),
    "incomplete beta, second": (lambda b, x: pt.betainc(0.7, b, x), (0.001, 0.999)),
    "hypergeometric, above": (lambda a, x: pt.hyp2f1(a, 1.3, 3.2, x), (0.0, 0.7)),
    "hypergeometric, below": (lambda c, x: pt.hyp2f1(1.1, 1.3, c, x), (0.0, 0.7)),
}


@pytest.fixture(autouse=True)
def as_engines_do():
    with np.errstate(all="ignore"):
        yield


def by_parameter(name):
    function, (low, high) = SERIES[name]
    parameters, x = pt.vector("parameters", shape=(4,)), np.linspace(low, high, 12).reshape(3, 4)
    return parameters, pt.grad(function(parameters, x).sum(), parameters)


@pytest.mark.parametrize("name", SERIES)
def test_series_end_where_each_ends_alone(name):
    parameters, slope = by_parameter(name)
    alone = pytensor.function([parameters], slope, mode="FAST_COMPILE")
    together = InterpretedGraphs([parameters], [slope]).function()
    for at in ([0.3, 1.0, 2.7, 9.0], [5.0, 5.0, 0.05, 1.5]):
        np.testing.assert_allclose(together(np.array(at))[0], alone(np.array(at)), rtol=1e-12, atol=1e-14)


def test_points_are_summed_side_by_side():
    parameters, slope = by_parameter("lower incomplete gamma")
    points = np.random.default_rng(1).gamma(2.0, 2.0, size=(50, 4))
    block = pt.matrix("block", shape=(None, 4))
    slopes = pytensor.graph.vectorize_graph(slope, {parameters: block})
    together, single = InterpretedGraphs([block], [slopes]), InterpretedGraphs([parameters], [slope]).function()
    np.testing.assert_allclose(
        together.function()(points)[0], [single(point)[0] for point in points], rtol=1e-14, atol=1e-15
    )


@pytest.mark.parametrize("name", SERIES)
def test_jax_sums_the_same_series(name):
    pytest.importorskip("jax")
    from pymc_landscape.engine.jax_backend import jax_backend

    parameters, slope = by_parameter(name)
    points = np.random.default_rng(1).gamma(2.0, 2.0, size=(6, 4))
    single = InterpretedGraphs([parameters], [slope]).function()
    (together,) = jax_backend(parameters, [slope]).run(points)
    np.testing.assert_allclose(together, [single(point)[0] for point in points], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", SERIES)
def test_programs_with_series_are_kept(name, tmp_path, monkeypatch):
    monkeypatch.setattr(stored_programs, "folder", lambda: tmp_path)
    parameters, slope = by_parameter(name)
    written = InterpretedGraphs(
        [parameters], [slope], stored=StoredPrograms([parameters], [slope])
    ).program(name="slope")  # fmt: skip
    again, others = by_parameter(name)
    read = StoredPrograms([again], [others]).load("slope")
    at = np.array([0.3, 1.0, 2.7, 9.0])
    np.testing.assert_array_equal(read.function(at)[0], written.function(at)[0])
    assert read.cost == written.cost
    assert not any(isinstance(value, Performed) for value in read.function.__globals__.values())


def halved(is_while):
    """Halve x, and count how often: until it is below 1, or as often as is said."""
    x, n = ps.float64("x"), ps.int64("n")
    until = (x * 0.5) < ps.constant(1.0) if is_while else None
    return Elemwise(ScalarLoop(init=[x, n], update=[x * 0.5, n + np.int64(1)], until=until))


@pytest.mark.parametrize("is_while", [True, False])
@pytest.mark.parametrize("shape", [(), (0,), (5,), (3, 5)])
def test_each_element_has_its_own_steps(is_while, shape):
    steps, x = pt.tensor("steps", shape=shape, dtype="int64"), pt.tensor("x", shape=shape, dtype="float64")
    outputs = halved(is_while)(steps, x, np.int64(0))
    rng = np.random.default_rng(1)
    numbers = rng.integers(0, 9, shape), 2.0 ** rng.integers(-1, 9, shape)
    alone = pytensor.function([steps, x], outputs, mode="FAST_COMPILE")(*map(np.asarray, numbers))
    together = InterpretedGraphs([steps, x], outputs).function()(*map(np.asarray, numbers))
    assert len(together) == 2 + is_while
    for expected, got in zip(alone, together, strict=True):
        np.testing.assert_array_equal(got, expected)
        assert np.asarray(got).dtype == expected.dtype


def test_loops_of_two_kinds_with_one_step_have_two_names():
    """PyTensor takes them for equal: halve x ten times, beside a flag; or until the flag is up."""

    def name_of(is_while):
        x, flag, start = ps.float64("x"), ps.bool("flag"), pt.vector("start")
        half, until = x * 0.5, (x * 0.5) < ps.constant(1.0)
        of_one_state = {"init": [x], "update": [half], "constant": [flag], "until": until}
        loop = ScalarLoop(**of_one_state) if is_while else ScalarLoop(init=[x, flag], update=[half, until])
        return digest_of([start], Elemwise(loop)(np.int64(10), start, np.array(False))[:1])

    assert name_of(True) == name_of(True) != name_of(False) is not None


def test_what_a_step_makes_up_for_is_not_simplified():
    """Kahan's sum: what rounding takes from a term is given to the next one; in exact arithmetic it is 0."""
    total, rest, term = ps.float64("total"), ps.float64("rest"), ps.float64("term")
    y = term - rest
    t = total + y
    loop = Elemwise(ScalarLoop(init=[total, rest], constant=[term], update=[t, (t - total) - y]))
    start = pt.vector("start")
    summed = InterpretedGraphs([start], loop(np.int64(1000), start, np.float64(0.0), np.float64(0.1))[:1]).function()
    np.testing.assert_array_equal(summed(np.array([1e16, 0.0]))[0], [1e16 + 100.0, 100.0])


def test_a_loop_without_an_end_has_no_fewer_steps_than_none():
    with pytest.raises(ValueError, match="a number of steps, got -1"):
        loop_of_elements(lambda x: [x], 1, False, np.array([2, -1]), np.zeros(2))


def test_arguments_are_broadcast_and_left_alone():
    x, steps = np.array([[1.0], [2.0]]), np.array([0, 1, 3])
    (sums, total) = loop_of_elements(lambda x, s, a: [x + a, s + 1.0], 2, False, steps, x, np.zeros(()), 10.0)
    np.testing.assert_array_equal(sums, [[1.0, 11.0, 31.0], [2.0, 12.0, 32.0]])
    np.testing.assert_array_equal(total, [[0.0, 1.0, 3.0]] * 2)
    np.testing.assert_array_equal(x, [[1.0], [2.0]])


def test_a_state_that_becomes_a_constant_is_one_of_each_element():
    x = ps.float64("x")
    loop = Elemwise(ScalarLoop(init=[x], update=[ps.constant(np.float64(7.0))], until=None))
    start = pt.vector("start")
    together = InterpretedGraphs([start], [loop(np.int64(2), start)]).function()
    np.testing.assert_array_equal(together(np.array([1.0, 2.0]))[0], [7.0, 7.0])
