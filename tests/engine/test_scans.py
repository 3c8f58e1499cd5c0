"""Loops of Scan: written out in Python, and walked once for many points, they give what PyTensor's own loop gives."""

from types import FunctionType

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.graph.traversal import applys_between
from pytensor.scan.op import Scan
from pytensor.scan.utils import until
from pytensor.tensor.blockwise import Blockwise
from selection import exhaustive

from pymc_landscape.engine import InterpretedGraphs, interpreter_mode, vectorized, with_scalar_states, without_maps
from pymc_landscape.numerics import threads

STEPS = 7
SEQUENCE = np.linspace(-1.0, 1.0, STEPS)


def scan(step, **options):
    return pytensor.scan(step, return_updates=False, **options)


def of_two_values_before(x):
    start = pt.stack([x[0], x[1]])
    return scan(lambda s, one, two, a: pt.tanh(one - a * two + s),
                sequences=[pt.constant(SEQUENCE)],
                outputs_info=[{"initial": start, "taps": [-1, -2]}], non_sequences=[x[2]])  # fmt: skip


def last_of_two_states(x):
    left, right = scan(lambda a, b, c: (a + 0.1 * a * b, b * pt.exp(-c)),
                       outputs_info=[x[0], x[1]], non_sequences=[x[2]], n_steps=STEPS)  # fmt: skip
    return pt.stack([left[-1], right[-1]])


def of_vectors_with_new_outputs(x):
    matrix = pt.constant(np.arange(9.0).reshape(3, 3) / 9.0)
    states, norms = scan(lambda v: (matrix @ v + 0.1, (v**2).sum()), outputs_info=[x, None], n_steps=STEPS)
    return pt.concatenate([states[-1], norms])


def loop_in_a_loop(x):
    def outer(s, state, rate):
        inner = scan(lambda z, r: z + 0.1 * r * z * (1.0 - z), outputs_info=[state], non_sequences=[rate], n_steps=3)
        return inner[-1] + 0.1 * s

    return scan(outer, sequences=[pt.constant(SEQUENCE)], outputs_info=[x[0]], non_sequences=[x[1]])


def same_for_all_points(x):
    powers = scan(lambda p: p * 0.5, outputs_info=[pt.constant(1.0, dtype="float64")], n_steps=STEPS)
    return scan(lambda p, s, a: s * a + p, sequences=[powers], outputs_info=[x[0]], non_sequences=[x[1]])


LOOPS = [
    of_two_values_before,
    last_of_two_states,
    exhaustive(of_vectors_with_new_outputs),
    exhaustive(loop_in_a_loop),
    same_for_all_points,
]


def graphs_of(write):
    """A loop, and the gradient of a number made of it."""
    x = pt.vector("x", shape=(3,))
    out = write(x)
    return x, [out, pt.grad((out**2).sum(), x)]


def compiled(inputs, outputs):
    return pm.pytensorf.compile(inputs, outputs, mode=interpreter_mode(), trust_input=True)


def straight_line(inputs, outputs):
    return InterpretedGraphs(inputs, outputs).function()


def is_written_out(function):
    """Whether it is lines of Python, not PyTensor's function of which threads take turns."""
    return isinstance(function, FunctionType) and function.__module__ != threads.__name__


@pytest.mark.parametrize("write", LOOPS)
def test_a_loop_written_out_in_python_gives_the_same_numbers(write, rng):
    x, graphs = graphs_of(write)
    function = compiled([x], graphs)
    straight = straight_line([x], graphs)
    assert is_written_out(straight)
    for point in rng.normal(size=(2, 3)):
        for expected, got in zip(function(point), straight(point), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("write", LOOPS)
def test_a_loop_of_many_points_is_walked_once(write, rng):
    x, graphs = graphs_of(write)
    points = pt.matrix("points", shape=(None, 3))
    batched = vectorized(graphs, {x: points})
    nodes = list(applys_between([points], batched))
    assert any(isinstance(node.op, Scan) for node in nodes)
    assert not any(isinstance(node.op, Blockwise) and isinstance(node.op.core_op, Scan) for node in nodes)
    values = rng.normal(size=(4, 3))
    one, many = compiled([x], graphs), straight_line([points], batched)
    for i, got in enumerate(many(values)):
        np.testing.assert_allclose(got, [one(point)[i] for point in values], rtol=1e-12, atol=1e-14)


def test_points_of_two_dims_share_what_they_can(rng):
    x, graphs = graphs_of(of_two_values_before)
    table = pt.tensor("table", shape=(None, 1, 3))
    other = pt.tensor("other", shape=(1, None, 3))
    batched = vectorized(graphs, {x: table + other})
    rows, columns = rng.normal(size=(2, 1, 3)), rng.normal(size=(1, 3, 3))
    one, many = compiled([x], graphs), straight_line([table, other], batched)
    for i, got in enumerate(many(rows, columns)):
        expected = [[one(point)[i] for point in row] for row in rows + columns]
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-14)


def test_a_loop_that_ends_by_a_condition_stays_with_pytensor():
    x = pt.vector("x", shape=(3,))
    doubled = scan(lambda s: (2.0 * s, until(s > 10.0)), outputs_info=[pt.abs(x[0])], n_steps=20)
    assert not is_written_out(straight_line([x], [doubled[-1]]))


def test_a_length_that_a_parameter_decides_is_not_shared_by_points():
    x = pt.vector("x", shape=(3,))
    steps = pt.cast(pt.abs(x[1]), "int64")
    sums = scan(lambda s: s + 1.0, outputs_info=[x[0]], n_steps=steps)
    points = pt.matrix("points", shape=(None, 3))
    nodes = applys_between([points], vectorized([sums], {x: points}))
    assert any(isinstance(node.op, Blockwise) and isinstance(node.op.core_op, Scan) for node in nodes)


# --- maps, and states that are short vectors -------------------------------------------------------------------------

CHOICES = np.array([0, 1, 1, 2, 0, 2, 1])


def rows_that_choose(x):
    """Each row looks up its own parameter, as trials of an experiment do."""
    rows = [pt.constant(SEQUENCE), pt.constant(CHOICES)]
    return scan(lambda s, c, p: pt.log(1.0 + (s - p[c]) ** 2) + p[-1], sequences=rows, non_sequences=[x])


def rows_that_choose_in_a_row(x):
    matrix = pt.outer(pt.constant(SEQUENCE), x)
    return scan(lambda row, c: row[c] * row[0], sequences=[matrix, pt.constant(CHOICES)])


def map_in_a_map(x):
    def outer(s, p):
        return scan(lambda a, t: a * pt.exp(-t), sequences=[p], non_sequences=[s]).sum()

    return scan(outer, sequences=[pt.constant(SEQUENCE)], non_sequences=[x])


def rows_and_their_neighbours(x):
    both = {"input": pt.constant(SEQUENCE), "taps": [-1, 0]}
    return scan(lambda before, s, p: [s - p[0] * before, p[1]], sequences=[both], non_sequences=[x])[0]


def numbers_of_scan(graphs):
    return [node.op.info for node in applys_between([], graphs) if isinstance(node.op, Scan)]


@pytest.mark.parametrize(
    "write", [rows_that_choose, rows_that_choose_in_a_row, map_in_a_map, rows_and_their_neighbours]
)
def test_a_loop_without_a_state_is_one_step_for_all_rows(write, rng):
    x = pt.vector("x", shape=(3,), dtype="float64")
    graph = write(x).sum()
    (written,) = without_maps([graph])
    assert numbers_of_scan([graph])
    assert not numbers_of_scan([written])
    assert not any(isinstance(node.op, Blockwise) for node in applys_between([], [written]))
    both = [graph, pytensor.grad(graph, x), written, pytensor.grad(written, x)]
    value, slope, same, same_slope = compiled([x], both)(rng.normal(size=3))
    np.testing.assert_allclose(same, value, rtol=1e-13)
    np.testing.assert_allclose(same_slope, slope, rtol=1e-12)


def runge_kutta(x):
    def slope(y):
        return pt.stack([x[0] * y[0] - x[1] * y[0] * y[1], -y[1] + x[2] * y[0] * y[1]])

    def step(y):
        one = slope(y)
        two = slope(y + 0.05 * one)
        return y + 0.1 * two

    return scan(step, outputs_info=[pt.concatenate([x[:1] ** 2, pt.ones(1)])], n_steps=STEPS)


def vector_beside_a_number(x):
    def step(s, y, total):
        return y * pt.exp(-s) + 0.1 * total, total + y[1] / y[-1]

    start = pt.constant(np.array([1.0, 2.0, 3.0]))
    states, totals = scan(step, sequences=[pt.constant(SEQUENCE)], outputs_info=[start * x, x[0]])
    return pt.concatenate([states.ravel(), totals])


def vector_of_two_steps_before(x):
    start = {"initial": pt.stack([x, 0.5 * x]), "taps": [-2, -1]}
    return scan(lambda two, one, a: one * a - 0.5 * two[::1], outputs_info=[start], non_sequences=[x[0]], n_steps=STEPS)


@pytest.mark.parametrize(
    ("write", "by_element"), [(runge_kutta, True), (vector_beside_a_number, True), (vector_of_two_steps_before, False),
                              (of_vectors_with_new_outputs, False)]
)  # fmt: skip
def test_a_state_of_a_few_numbers_is_a_state_for_each(write, by_element, rng):
    """Where elements depend on the vector as a whole, the loop stays as it is."""
    x = pt.vector("x", shape=(3,), dtype="float64")
    graph = (write(x) ** 2).sum()
    (written,) = with_scalar_states([graph])
    (info,) = numbers_of_scan([written])
    more = info.n_sit_sot > numbers_of_scan([graph])[0].n_sit_sot
    assert more == by_element
    assert info.n_sit_sot + info.n_mit_sot >= 1
    (step,) = [node.op.fgraph for node in applys_between([], [written]) if isinstance(node.op, Scan)]
    assert not by_element or all(v.type.ndim == 0 for v in step.inputs[info.n_seqs :][: info.n_sit_sot])
    both = [graph, pytensor.grad(graph, x), written, pytensor.grad(written, x)]
    value, slope, same, same_slope = pytensor.function([x], both, mode=interpreter_mode())(
        rng.uniform(0.5, 1.0, size=3)
    )
    np.testing.assert_allclose(same, value, rtol=1e-13)
    np.testing.assert_allclose(same_slope, slope, rtol=1e-12)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_numbers_of_a_loop_are_divided_as_arrays_are():
    """By 0 it is infinite, also where a step reads numbers of Python's."""
    x = pt.vector("x", shape=(2,), dtype="float64")
    states = scan(lambda s, a: a / (s - 1.0), outputs_info=[x[0]], non_sequences=[x[1]], n_steps=3)
    run = straight_line([x], [states])
    np.testing.assert_array_equal(run(np.array([1.0, 2.0]))[0], [np.inf, 0.0, -2.0])
