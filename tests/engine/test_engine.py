"""Whichever way the engine runs, the numbers are the same; and what happens when a point, or the user, says no."""

import gc
import itertools
import signal
import threading
import time
import tracemalloc
import warnings
import weakref
from typing import ClassVar

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
import xarray as xr
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.graph.replace import _vectorize_node
from pytensor.tensor.elemwise import Elemwise
from scipy import stats
from selection import some

import pymc_landscape as pml
from pymc_landscape.engine import GraphEngine, backend_choice, chunks, graph_engine, kernel_cache, numpy_backend
from pymc_landscape.engine.backend import Backend
from pymc_landscape.engine.chunks import ChunkedEvaluation
from pymc_landscape.engine.interpreter import stored_programs
from pymc_landscape.landscape import grid_points as points
from pymc_landscape.model import metadata as model_view
from pymc_landscape.results import progress

X = np.linspace(-1.0, 2.0, 12)
Y = 1.0 + 0.7 * X + 0.6 * np.sin(9 * X)
AXES = {"slope": np.linspace(-0.5, 1.5, 7), "sigma": np.array([-0.2, 0.3, 0.6, 1.2])}
BACKENDS = ["interpreter", "numba", "c", "jax", "mode"]


def straight_line() -> pm.Model:
    with pm.Model() as model:
        slope = pm.Normal("slope", 0, np.float64(2.5))
        sigma = pm.HalfNormal("sigma", np.float64(1.3))
        pm.Normal("y", 1.0 + slope * X, sigma, observed=Y)
    return model


@pytest.fixture(scope="module")
def line() -> pm.Model:
    return straight_line()


def log_likelihood(slope, sigma) -> float:
    if sigma < 0:
        return -np.inf
    return float(stats.norm(1.0 + slope * X, sigma).logpdf(Y).sum())


def surface(function, axes) -> np.ndarray:
    return np.array([[function(a, b) for b in list(axes.values())[1]] for a in next(iter(axes.values()))])


def objective_on(model: pm.Model, backend: str) -> pml.Objective:
    if backend == "jax":
        pytest.importorskip("jax")
    if backend == "c" and not pytensor.config.cxx:
        pytest.skip("no C compiler")
    if backend == "mode":
        return pml.Objective(model, compile_kwargs={"mode": "FAST_COMPILE"})
    return pml.Objective(model, backend=backend)


def landscape(model, axes, **options) -> xr.Dataset:
    return pml.evaluate_landscape(model, pml.regular_grid(axes), progressbar=False, **options)


# --- every way gives the same numbers --------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", some(BACKENDS, ["numba", "jax"]))
def test_every_backend_is_the_likelihood_by_hand(backend, line):
    result = landscape(objective_on(line, backend), AXES)
    wanted = surface(log_likelihood, AXES)
    np.testing.assert_allclose(result["log_likelihood"], wanted, rtol=1e-10)
    prior = stats.norm(0, 2.5).logpdf(AXES["slope"])[:, None] + stats.halfnorm(scale=1.3).logpdf(AXES["sigma"])
    np.testing.assert_allclose(result["log_prior"], prior, rtol=1e-6)


@pytest.mark.parametrize("backend", ["numba", "jax"])
def test_every_backend_has_the_same_slope_and_curvature(backend, line):
    plain, other = pml.Objective(line), objective_on(line, backend)
    theta = np.array([[0.4, -0.6], [0.9, 0.1]])
    np.testing.assert_allclose(other.gradient(theta), plain.gradient(theta), rtol=1e-9)
    np.testing.assert_allclose(other.hessian(theta), plain.hessian(theta), rtol=1e-9)


def test_unsummed_terms_come_from_the_kernel_too(line):
    objective = pml.Objective(line, backend="numba")
    result = landscape(objective, {"slope": [0.2, 0.7]}, at={"sigma": 0.5}, pointwise=True)
    wanted = stats.norm(1.0 + np.outer([0.2, 0.7], X), 0.5).logpdf(Y)
    np.testing.assert_allclose(result["y"], wanted, rtol=1e-10)


@pytest.mark.parametrize("backend", ["abacus", "numpy", 3])
def test_an_unknown_backend_is_refused(line, backend):
    with pytest.raises(ValueError, match=f"Expected a backend among 'numba', .* got {backend!r}: leave it out"):
        pml.Objective(line, backend=backend)


@pytest.mark.parametrize("chunks", [1, 3, 5, 28, 10_000])
def test_chunks_change_nothing(chunks, line):
    whole = landscape(line, AXES)
    xr.testing.assert_allclose(landscape(line, AXES, chunks=chunks), whole, rtol=1e-12)


def test_chunks_change_nothing_on_the_kernel(line):
    objective = pml.Objective(line, backend="numba")
    whole = landscape(objective, AXES)
    for n in (1, 5):
        xr.testing.assert_equal(landscape(objective, AXES, chunks=n), whole)


@pytest.fixture(scope="module")
def fine() -> dict[str, np.ndarray]:
    """A grid large enough for the kernel to use threads."""
    return {"slope": np.linspace(-0.5, 1.5, 301), "sigma": np.linspace(0.2, 2, 200)}


def test_threads_give_the_same_bits_every_time(fine, line):
    objective = pml.Objective(line, backend="numba")
    first, second = (landscape(objective, fine) for _ in range(2))
    xr.testing.assert_equal(first, second)
    some = first.isel({"slope": [0, 150, 300], "sigma": [0, 99, 199]})
    wanted = surface(log_likelihood, {d: some[d].to_numpy() for d in fine})
    np.testing.assert_allclose(some["log_likelihood"], wanted, rtol=1e-10)


@pytest.fixture
def backends_made(monkeypatch) -> list[str]:
    """Names of the back ends that engines made, in order."""
    taken: list[str] = []
    make = graph_engine.GraphEngine.backend

    def watched(self, name):
        if name not in self._backends:
            taken.append(name)
        return make(self, name)

    monkeypatch.setattr(graph_engine.GraphEngine, "backend", watched)
    monkeypatch.setattr(backend_choice, "is_on_disk", lambda name: False)  # whatever earlier runs have left on disk
    return taken


def test_without_patience_the_kernel_takes_over(backends_made, monkeypatch, fine):
    monkeypatch.setattr(backend_choice, "PATIENCE", 0.0)
    result = landscape(straight_line(), fine)
    assert backends_made == ["interpreter", "numba"]  # the first says what it would take
    assert result.attrs["n_evaluated"] == 301 * 200
    some = result.isel({"slope": [0, 7, 300], "sigma": [0, 1, 199]})
    wanted = surface(log_likelihood, {d: some[d].to_numpy() for d in fine})
    np.testing.assert_allclose(some["log_likelihood"], wanted, rtol=1e-10)
    assert np.isfinite(result["log_likelihood"]).all()


def test_with_patience_nothing_is_compiled(backends_made, fine):
    landscape(straight_line(), fine)
    assert backends_made == ["interpreter"]


def test_a_kernel_on_disk_is_taken_sooner(backends_made, monkeypatch):
    beta = pt.vector("beta", shape=(2,))
    graphs = {"total": pt.sqr(Y - pt.stack([np.ones(12), X]).T @ beta).sum()}
    many = np.random.default_rng(1).normal(size=(500, 2))
    monkeypatch.setattr(backend_choice, "PATIENCE_ON_DISK", 0.0)
    GraphEngine(beta, graphs).at(many)
    assert backends_made == ["interpreter"]
    monkeypatch.setattr(backend_choice, "is_on_disk", lambda name: True)
    GraphEngine(beta, graphs).at(many)
    assert backends_made == ["interpreter", "interpreter", "numba"]


@pytest.mark.parametrize("n_points", [1, 3, 400])
def test_repeated_work_is_compiled_after_so_much_of_it_by_whatever_clock(n_points, backends_made, monkeypatch):
    v, rows = pt.vector("v", shape=(2,)), np.linspace(0, 1, 50_000)
    graphs = {"total": pt.sqr(rows - v[0] - v[1] * rows).sum()}
    monkeypatch.setattr(backend_choice, "PATIENCE_NUMBERS", n_points * 1e-3)
    after = []
    for tick in (0, 1000):
        ticks = itertools.count(0, tick)
        for clock in ("perf_counter", "thread_time", "process_time"):
            monkeypatch.setattr(time, clock, lambda ticks=ticks: next(ticks))
        backends_made.clear()
        engine = GraphEngine(v, graphs)
        after.append(0)
        while "numba" not in backends_made:
            engine.several(np.zeros((n_points, 2)))
            after[-1] += 1
    assert after[0] == after[1]
    assert 2 < after[0] < 20


@pytest.mark.parametrize("n_rows", [10, 100_000])
def test_seconds_are_counted_by_calls_and_elements(n_rows):
    """Also of data whose length may change; of single points and of blocks alike."""
    v, data = pt.vector("v", shape=(2,)), pytensor.shared(np.linspace(0, 1, n_rows), shape=(None,))
    graphs = {"total": pt.sqr(v[0] - v[1] * data).sum()}
    engine = GraphEngine(v, graphs, backend="interpreter")
    one, block = engine._single.cost.call, engine.backend("interpreter").cost
    assert 4 * n_rows * 1e-9 < one < 4 * n_rows * 1e-9 + 10e-6  # a product, a difference, a square and a sum
    assert block.point == pytest.approx(4 * n_rows * 1e-9, rel=0.3)
    assert block.of(100, 10) == pytest.approx(10 * block.call + 100 * block.point)


def test_what_depends_on_elements_that_a_block_has_in_common_is_counted_once():
    v, data = pt.vector("v", shape=(3,)), np.linspace(1, 2, 50)
    total = (pt.exp(v[0] * data) * v[1]).sum() + pt.log(v[1:] + 1).sum()
    cost = GraphEngine(v, {"total": total}, backend="interpreter").backend("interpreter").cost
    seconds = {
        fixed: cost.of(1000, 1000, np.isin(np.arange(3), fixed)) - cost.call for fixed in [(), (0,), (1, 2), (0, 1, 2)]
    }
    assert seconds[()] == pytest.approx(1000 * cost.point)
    assert seconds[0,] == pytest.approx(seconds[()] - 1000 * 50 * 6e-9)  # a product, an exponential, a sum
    assert seconds[()] - 1000 * 20e-9 < seconds[1, 2] < seconds[()]  # of two numbers beside those rows
    assert seconds[0, 1, 2] == pytest.approx(0.0, abs=1e-12)
    whole = GraphEngine(v, {"total": pt.sqr(v).sum()}, backend="interpreter").backend("interpreter").cost
    assert whole.of(10, 10, np.ones(3, dtype=bool)) == whole.of(10, 10)  # all elements are read at once


def test_a_kernel_is_noted_under_its_graph_and_not_its_data(line, monkeypatch, tmp_path):
    """Other numbers of the same length share a kernel; another graph does not."""
    monkeypatch.setattr(kernel_cache, "_path", lambda name: tmp_path / name)
    names = []
    monkeypatch.setattr(graph_engine, "record_on_disk", lambda name: names.append(name))
    for y, mean in ((Y, 1.0), (Y + 1, 1.0), (Y, 2.5)):
        with pm.Model() as model:
            slope = pm.Normal("slope", 0, 2)
            pm.Normal("y", mean + slope * X, 1, observed=y)
        pml.Objective(model, backend="numba").minus2ll([0.5])
    assert names[0] == names[1] != names[2]


def test_a_density_that_pytensor_cannot_vectorise_is_evaluated_all_the_same():
    neighbours = np.array([[0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0]])
    with pm.Model() as model:
        pull = pm.Beta("pull", 2, 2)
        field = pm.CAR("field", mu=np.zeros(4), W=neighbours, alpha=pull, tau=np.float64(1.3))
        pm.Poisson("n", pm.math.exp(field), observed=[1, 2, 3, 0])
    at, pulls = np.array([0.1, 0.5, 0.8, -0.4]), np.array([0.2, 0.6, 0.9])
    result = landscape(pml.Objective(model, latent=()), {"pull": pulls}, at={"field": at})
    likelihood = stats.poisson(np.exp(at)).logpmf([1, 2, 3, 0]).sum()
    np.testing.assert_allclose(result["log_likelihood"], np.full(3, likelihood), rtol=1e-7)
    for value, found in zip(pulls, result["log_prior"].to_numpy(), strict=True):
        covariance = np.linalg.inv(1.3 * (2 * np.eye(4) - value * neighbours))
        wanted = stats.multivariate_normal(np.zeros(4), covariance).logpdf(at) + stats.beta(2, 2).logpdf(value)
        left_out = 2 * np.log(2 * np.pi) - 0.5 * np.log(2**4)  # PyMC's CAR is without these constants
        assert found == pytest.approx(wanted + left_out, rel=1e-6)


@pytest.mark.parametrize("n_parameters", [1, 40])
def test_the_interpreter_never_walks_through_elements_in_python(n_parameters, monkeypatch, tmp_path):
    """An elementwise Op without a NumPy function, or a fused one, takes microseconds an element."""
    monkeypatch.setattr(stored_programs, "folder", lambda: tmp_path)  # what was rewritten before is not again
    with pm.Model() as model:
        a = pm.Normal("a", 0, 1, shape=n_parameters)
        sigma = pm.HalfNormal("sigma", 1)
        pm.Normal("y", a.sum() + X, sigma, observed=Y)
    rewritten = []
    block_size = numpy_backend._block_size
    monkeypatch.setattr(numpy_backend, "_block_size", lambda fgraph: rewritten.append(fgraph) or block_size(fgraph))
    landscape(pml.Objective(model, backend="interpreter"), {"sigma": [0.5, 1.0]})
    nodes = rewritten[0].apply_nodes
    assert not [n.op for n in nodes if "Fused" in type(n.op).__name__]
    assert not [n.op for n in nodes if isinstance(n.op, Elemwise) and n.op.nfunc_spec is None]


def test_many_small_requests_end_at_the_kernel(backends_made, monkeypatch):
    monkeypatch.setattr(backend_choice, "PATIENCE", 0.001)
    objective = pml.Objective(straight_line())
    for slope in np.linspace(0, 1, 500):
        value = float(objective.log_likelihood([slope, np.log(0.5)]))
        assert value == pytest.approx(log_likelihood(slope, 0.5), rel=1e-10)
    assert backends_made == ["numba"]  # until then single points are interpreted, without a block


# --- what the points of a block have in common ------------------------------------------------------------------------


class Counted(Op):
    """The exponential of numbers; it writes down how many at a time."""

    __props__ = ()
    sizes: ClassVar[list[int]] = []

    def make_node(self, x):
        x = pt.as_tensor(x, dtype="float64")
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, outputs):
        Counted.sizes.append(inputs[0].size)
        outputs[0][0] = np.exp(inputs[0])


@_vectorize_node.register(Counted)
def _vectorize_counted(op, node, x):
    return op.make_node(x)


@pytest.fixture
def counted(monkeypatch) -> list[int]:
    monkeypatch.setattr(Counted, "sizes", [])
    return Counted.sizes


def test_what_is_the_same_in_a_block_is_evaluated_once(counted):
    """From the third block of a kind on: the second is evaluated in both ways."""
    v, data = pt.vector("v", shape=(2,)), np.linspace(0, 1, 9)
    run = GraphEngine(v, {"rows": Counted()(v[0]) + v[1] * data}, backend="interpreter").backend("interpreter").run
    for first, sizes in [(0.3, [7]), (-1.2, [7, 1]), (0.8, [1]), (0.1, [1])]:
        counted.clear()
        points = np.column_stack([np.full(7, first), np.linspace(-1, 1, 7)])
        np.testing.assert_array_equal(run(points)[0], np.exp(points[:, :1]) + points[:, 1:] * data)
        assert counted == sizes
    counted.clear()
    points = np.linspace(0, 1, 14).reshape(7, 2)  # nothing in common
    np.testing.assert_array_equal(run(points)[0], np.exp(points[:, :1]) + points[:, 1:] * data)
    run(np.array([[0.5, 0.1], [0.5, 0.2]]))  # another number of points
    assert counted == [7, 2]


def test_a_zero_with_a_sign_is_another_number():
    v = pt.vector("v", shape=(2,))
    run = GraphEngine(v, {"inverse": 1.0 / v[0] + v[1]}, backend="interpreter").backend("interpreter").run
    points = np.array([[0.0, 1.0], [-0.0, 1.0], [0.0, 1.0]])
    with np.errstate(divide="ignore"):
        for _ in range(3):
            np.testing.assert_array_equal(run(points)[0], [np.inf, -np.inf, np.inf])


@pytest.mark.parametrize("n", [2, 3, 4])
def test_an_op_that_asks_how_many_points_there_are_gets_them_all(n):
    """Rows that are cut into as many parts as there are points would pass for those of all points."""
    v = pt.vector("v", shape=(2,))
    outer = v[:, None] * v[None, :] * np.arange(1.0, 13.0)[:, None, None]
    run = GraphEngine(v, {"flat": outer.reshape((-1,))}, backend="interpreter").backend("interpreter").run
    for first in (0.3, 0.6, 0.9):
        points = np.column_stack([np.full(n, first), np.full(n, 2.0)])
        one = np.multiply.outer(np.arange(1.0, 13.0), np.outer(points[0], points[0])).ravel()
        np.testing.assert_allclose(run(points)[0], np.tile(one, (n, 1)), rtol=1e-14)


@pytest.mark.parametrize("line", [None, 5, 101, 1000])
@pytest.mark.parametrize("size", [1, 7, 40, 129])
def test_blocks_of_few_lines_end_where_a_line_ends(line, size):
    total = 3 * (line or 101)
    evaluation = ChunkedEvaluation(
        ("a",), 1, lambda a, b: np.zeros((b - a, 1)), total, total, lambda n: None, line=line
    )
    parts = evaluation._parts(size, is_best=True)
    assert [i for a, b in parts for i in range(a, b)] == list(range(total))
    assert all(0 < b - a <= size for a, b in parts)
    if line and size < chunks.FEW_LINES * line:
        assert all(a // line == (b - 1) // line for a, b in parts)
    elif line:
        assert all(a % line == 0 for a, _ in parts)
    many = evaluation._parts(size, is_best=False)
    assert many == [(a, min(a + size, total)) for a in range(0, total, size)]


def test_of_long_data_it_takes_no_look_at_them_to_know_that_points_fill_blocks(monkeypatch):
    """To read and hash 200,000 rows took as long as a pass over them."""
    x = np.linspace(-1, 1, 50_000)
    with pm.Model() as model:
        pm.Normal("y", pm.Normal("b", 0, 1, shape=3)[1] * x, 1.0, observed=x)
    engine = pml.Objective(model).engine("hessian")
    points = np.linspace(0.1, 0.9, 18).reshape(6, 3)
    alone = [engine.one(point) for point in points]
    engine.choice.spent = 0.9
    for reads in ("find_once", "holds"):
        monkeypatch.setattr(stored_programs.StoredPrograms, reads, None)
    for values, many in zip(zip(*alone, strict=True), engine.several(points), strict=True):
        np.testing.assert_array_equal(many, np.stack(values))


def test_what_threads_measure_is_known_to_the_next_call(monkeypatch):
    """Points were so slow for ever as the first few, which wait for all that is made once, and threads too many."""
    calls = []

    def run(points):
        if not calls:
            time.sleep(0.016)
        calls.append(len(points))
        return [2.0 * points[:, 0]]

    monkeypatch.setattr(chunks, "n_workers", lambda: 2)
    backend = Backend(run, parallel=True, bound=lambda: (run, None))
    for total in (4000, 1000):
        calls[1:] = []
        evaluation = ChunkedEvaluation(
            ("a",), 1, lambda a, b: np.arange(a, b, dtype=float)[:, None], total, total, lambda n: None
        )
        evaluation.finish(backend)
        assert evaluation.result.values["a"].tolist() == [2.0 * i for i in range(total)]
    assert backend.seconds_per_point < 5e-4  # of the first sixteen it is 1e-3 and more
    assert calls[1:] == [1000]


# --- points that raise -----------------------------------------------------------------------------------------------


class Simulator(Op):
    """Doubles its input; some inputs it does not like."""

    __props__ = ()
    refuses = staticmethod(lambda x: None)

    def make_node(self, x):
        return Apply(self, [pt.as_tensor(x, dtype="float64")], [pt.dscalar()])

    def perform(self, node, inputs, outputs):
        Simulator.refuses(float(inputs[0]))
        outputs[0][0] = np.asarray(2 * inputs[0])


@pytest.fixture
def refuses(monkeypatch):
    """Set what the simulator does before it answers."""
    return lambda function: monkeypatch.setattr(Simulator, "refuses", staticmethod(function))


@pytest.fixture(scope="module")
def simulated() -> pm.Model:
    with pm.Model() as model:
        drive = pm.Normal("drive", 0, np.float64(2.5))
        sigma = pm.HalfNormal("sigma", 1)
        pm.Normal("y", Simulator()(drive), sigma, observed=Y)
    return model


def simulated_by_hand(drive, sigma) -> float:
    return float(stats.norm(2 * drive, sigma).logpdf(Y).sum())


SIMULATED = {"drive": np.linspace(0, 1.4, 8), "sigma": np.array([0.4, 0.9])}


def above(limit: float):
    def refuse(x):
        if x > limit:
            raise ArithmeticError(f"no answer at {x:.1f}")

    return refuse


@pytest.mark.parametrize("backend", [None, "numba", "mode"])
def test_points_at_which_the_model_raises_are_nan_and_one_warning_names_the_first(backend, refuses, simulated):
    refuses(above(0.9))
    objective = pml.Objective(simulated) if backend is None else objective_on(simulated, backend)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = landscape(objective, SIMULATED)
    said = [str(w.message) for w in caught if "NaN" in str(w.message)]
    assert len(said) == 1
    assert "NaN at 6 of 16 points, first at drive=1, sigma=0.4" in said[0]
    assert "ArithmeticError: no answer at 1.0" in said[0]
    np.testing.assert_allclose(result["log_likelihood"][:5], surface(simulated_by_hand, SIMULATED)[:5], rtol=1e-10)
    assert np.isnan(result["log_likelihood"][5:]).all()
    assert np.isnan(result["delta_minus2ll"][5:]).all()
    assert float(result["delta_minus2ll"].min()) == 0
    assert result.attrs["completion"] == "complete"
    assert result.attrs["n_evaluated"] == 16


def test_the_first_point_that_raises_is_named_on_any_grid(refuses, simulated):
    def odd(x):
        if round(x * 10) in (4, 8):
            raise ArithmeticError("odd one out")

    refuses(odd)
    with pytest.warns(UserWarning, match=r"NaN at 4 of 16 points, first at drive=0\.4, sigma=0\.4"):
        result = landscape(simulated, SIMULATED)
    finite = np.isfinite(result["log_likelihood"].to_numpy()).all(1)
    np.testing.assert_array_equal(finite, [True, True, False, True, False, True, True, True])


@pytest.mark.parametrize("chunks", [None, 1])
def test_a_model_that_raises_everywhere_raises(chunks, refuses, simulated):
    refuses(above(-1))
    with pytest.raises(ArithmeticError, match=r"no answer at 0\.0"):
        landscape(simulated, SIMULATED, chunks=chunks)


def test_one_theta_at_which_the_model_raises_raises(refuses, simulated):
    refuses(above(0.9))
    with pytest.raises(ArithmeticError, match="no answer"):
        pml.Objective(simulated).minus2ll([1.0, 0.0])


def test_a_nan_of_the_model_stays_nan_and_is_told():
    with pm.Model() as model:
        a = pm.Normal("a")
        pm.Potential("fit", pt.log(a))
    with pytest.warns(UserWarning, match=r"NaN at 2 of 5 points, first at a=-2"):
        result = landscape(model, {"a": [-2.0, -1.0, 0.0, 1.0, 2.0]})
    np.testing.assert_allclose(result["log_likelihood"], [np.nan, np.nan, -np.inf, 0, np.log(2)])


def test_a_grid_without_any_likelihood_is_told(line):
    with pytest.warns(UserWarning, match="zero at every point"):
        result = landscape(line, {"slope": [0.0, 1.0]}, at={"sigma": 1e-200})
    assert np.isneginf(result["log_likelihood"]).all()


# --- Ctrl-C ----------------------------------------------------------------------------------------------------------


def interrupt_at(limit: float):
    def refuse(x):
        if x >= limit:
            raise KeyboardInterrupt

    return refuse


@pytest.mark.parametrize("backend", [None, "mode"])
def test_ctrl_c_in_the_model_leaves_the_finished_part(backend, refuses, simulated, tmp_path):
    refuses(interrupt_at(0.99))
    objective = pml.Objective(simulated) if backend is None else objective_on(simulated, backend)
    with pytest.warns(UserWarning, match=r"Interrupted: 10 of 16 points were evaluated, the others are NaN"):
        result = landscape(objective, SIMULATED, chunks=2)
    assert result.attrs["completion"] == "interrupted"
    assert result.attrs["n_evaluated"] == 10
    np.testing.assert_allclose(result["log_likelihood"][:5], surface(simulated_by_hand, SIMULATED)[:5], rtol=1e-10)
    assert np.isnan(result["minus2ll"][5:]).all()
    assert float(result["delta_minus2ll"].min()) == 0
    result.to_netcdf(tmp_path / "part.nc")
    with xr.open_dataset(tmp_path / "part.nc") as again:
        xr.testing.assert_identical(again.load(), result)


def test_ctrl_c_before_anything_is_finished_is_ctrl_c(refuses, simulated):
    refuses(interrupt_at(-1))
    with pytest.raises(KeyboardInterrupt):
        landscape(simulated, SIMULATED)
    with pytest.raises(KeyboardInterrupt):
        pml.Objective(simulated).minus2ll([1.0, 0.0])


@pytest.mark.parametrize("how", ["raised in a thread", "signalled to the main thread"])
def test_ctrl_c_while_threads_work_leaves_the_finished_part(how, monkeypatch, fine, line):
    advance, calls = progress.DelayedProgressBar.advance, []

    def interrupting(self, amount):
        advance(self, amount)
        calls.append(amount)
        if len(calls) == 5 and how == "raised in a thread":
            raise KeyboardInterrupt
        if len(calls) == 5:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            time.sleep(0.5)  # a busy machine may let the threads finish before the main thread hears of it

    objective = pml.Objective(line, backend="numba")
    landscape(objective, {"slope": [0.0, 1.0]})
    monkeypatch.setattr(chunks, "CHUNK_SECONDS", 1e-4)
    monkeypatch.setattr(progress.DelayedProgressBar, "advance", interrupting)
    gc.disable()  # Python drops a Ctrl-C that comes in the middle of a garbage collection
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    try:
        with pytest.warns(UserWarning, match="Interrupted"):
            result = landscape(objective, fine, chunks=64)
    finally:
        signal.signal(signal.SIGINT, before)
        gc.enable()
    done = ~np.isnan(result["log_likelihood"].to_numpy())
    assert result.attrs["completion"] == "interrupted"
    assert result.attrs["n_evaluated"] == done.sum()
    assert 0 < done.sum() < done.size
    monkeypatch.setattr(progress.DelayedProgressBar, "advance", advance)
    whole = landscape(objective, fine)
    np.testing.assert_array_equal(result["log_likelihood"].to_numpy()[done], whole["log_likelihood"].to_numpy()[done])


# --- memory ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch) -> list[int]:
    """How many rows of points were asked for at a time."""
    sizes: ClassVar[list[int]] = []
    rows = points.GridPoints.rows

    def watched(self, base, start, stop):
        sizes.append(stop - start)
        return rows(self, base, start, stop)

    monkeypatch.setattr(points.GridPoints, "rows", watched)
    return sizes


@pytest.mark.parametrize("backend", [None, "numba"])
def test_rows_are_never_built_for_the_whole_grid(backend, asked, monkeypatch, fine, line):
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 8 * 2 * 1000)  # a thousand points of two parameters
    landscape(pml.Objective(line, backend=backend), fine)
    asked_twice = 0 if backend else 1000  # the first block, for which of its elements are the same in all points
    assert sum(asked) == 301 * 200 + asked_twice + 1  # whether the lowest value is rounding is asked of its point
    assert max(asked) <= 1000


@pytest.mark.parametrize("backend", [None, "numba"])
def test_chunks_bound_what_is_evaluated_in_one_go(backend, asked, fine, line):
    landscape(pml.Objective(line, backend=backend), fine, chunks=777)
    assert sum(asked) == 301 * 200 + (0 if backend else 777) + 1
    assert max(asked) == 777


def test_many_parameters_do_not_multiply_the_grid(monkeypatch):
    n, num = 2000, 61
    with pm.Model() as model:
        a = pm.Normal("a", 0, np.float64(2.5), shape=n)
        pm.Normal("y", a.sum(), np.float64(0.7), observed=1.0)
    objective = pml.Objective(model, backend="interpreter")
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 2**20)
    values = np.linspace(-1, 1, num)
    landscape(objective, {"a[3]": values[:2], "a[1999]": values})
    tracemalloc.start()
    try:
        result = landscape(objective, {"a[3]": values, "a[1999]": values})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * n * num**2 / 3  # the whole table would be 60 MB, and what is made from it several times that
    total = np.add.outer(values, values)
    np.testing.assert_allclose(result["log_likelihood"], stats.norm(total, 0.7).logpdf(1.0), rtol=1e-9)


def test_a_model_no_longer_used_takes_its_engines_along():
    model = straight_line()
    landscape(model, {"slope": [0.0, 1.0]})
    gone = weakref.ref(model)
    assert model in model_view._SHARED
    del model
    gc.collect()
    assert gone() is None


# --- data ------------------------------------------------------------------------------------------------------------


def with_containers(x=X, y=Y) -> pm.Model:
    with pm.Model() as model:
        x = pm.Data("x", x)
        slope = pm.Normal("slope", 0, np.float64(2.5))
        sigma = pm.HalfNormal("sigma", 1)
        pm.Normal("y", 1.0 + slope * x, sigma, observed=pm.Data("y_data", y), shape=x.shape)
    return model


@pytest.mark.parametrize("backend", [None, "numba", "jax"])
def test_set_data_is_seen_also_with_another_length(backend):
    model = with_containers()
    objective = pml.Objective(model) if backend is None else objective_on(model, backend)
    landscape(objective, AXES)
    for x, y in ((X * 2, Y + 1), (X[:7], Y[:7]), (np.tile(X, 3), np.tile(Y, 3) - 0.5)):
        with model:
            pm.set_data({"x": x, "y_data": y})
        result = landscape(objective, AXES)
        for i, j in np.ndindex(7, 3):
            wanted = stats.norm(1.0 + AXES["slope"][i] * x, AXES["sigma"][j + 1]).logpdf(y).sum()
            np.testing.assert_allclose(result["log_likelihood"][i, j + 1], wanted, rtol=1e-10)


@pytest.fixture(scope="module")
def contained() -> pm.Model:
    return with_containers()


@pytest.mark.parametrize(
    ("backend", "names"),
    [(None, ("x",)), (None, ("y",)), (None, ("y_data",)), ("numba", ("x", "y")), ("jax", ("x", "y"))],
)
def test_other_data_are_a_rebuilt_model_and_the_model_is_left_alone(backend, names, contained):
    model = contained
    objective = pml.Objective(model) if backend is None else objective_on(model, backend)
    before = landscape(objective, AXES)
    new = {"x": X[::-1] * 1.5, "y": Y**2}
    twin = objective.with_data(**{n: new[n.removesuffix("_data")] for n in names})
    moved = {n.removesuffix("_data"): new[n.removesuffix("_data")] for n in names}
    rebuilt = with_containers(**moved)
    for _ in range(2):  # in turns: neither disturbs the other
        xr.testing.assert_allclose(landscape(twin, AXES), landscape(rebuilt, AXES), rtol=1e-10)
        xr.testing.assert_allclose(landscape(objective, AXES), before, rtol=1e-12)
    np.testing.assert_array_equal(model["x"].get_value(), X)
    np.testing.assert_array_equal(model["y_data"].get_value(), Y)


def test_two_twins_and_their_slopes_do_not_mix(line):
    objective = pml.Objective(line)
    one, two = objective.with_data(y=Y + 1), objective.with_data(y=Y - 1)
    theta = np.array([0.4, -0.3])
    for twin, y in ((one, Y + 1), (two, Y - 1), (one, Y + 1), (objective, Y)):
        error = y - 1.0 - 0.4 * X
        sigma = np.exp(-0.3)
        np.testing.assert_allclose(
            twin.gradient(theta),
            [-2 * (error @ X) / sigma**2, 2 * (len(X) - error @ error / sigma**2)],
            rtol=1e-9,
        )


def test_other_data_reach_deterministics_too():
    with pm.Model() as model:
        x = pm.Data("x", X)
        slope = pm.Normal("slope")
        pm.Deterministic("top", (slope * x).max())
        pm.Normal("y", slope * x, 1.0, observed=Y)
    objective = pml.Objective(model)
    for by in (0.0, 1.0, 0.0):
        fit = pml.fit_mle(objective.with_data(x=X + by), progressbar=False)
        wanted = float(fit.point["slope"]) * (X + by).max()
        assert float(fit.derived["top"]) == pytest.approx(wanted, rel=1e-12)
        read = pml.confidence_intervals(fit, "top", method="wald", progressbar=False)
        assert float(read["estimate"][0]) == pytest.approx(wanted, rel=1e-12)


def test_data_set_in_the_model_reach_a_twin_with_other_data():
    model = with_containers()
    twin = pml.Objective(model).with_data(y=Y + 1)
    with model:
        pm.set_data({"x": X + 2})
    found = twin.log_likelihood([0.4, np.log(0.5)])
    wanted = stats.norm(1.0 + 0.4 * (X + 2), 0.5).logpdf(Y + 1).sum()
    np.testing.assert_allclose(found, wanted, rtol=1e-10)


def test_other_data_compile_nothing(backends_made, line):
    objective = pml.Objective(line, backend="numba")
    objective.with_data(y=Y + 1).minus2ll([0.4, 0.0])
    backends_made.clear()
    for shift in (1, 2, 3):
        objective.with_data(y=Y + shift).minus2ll([0.4, 0.0])
    assert backends_made == []


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"z": Y}, "data of the model, got 'z': it has .*y"),
        ({"y": Y[:5]}, r"y of shape \(12,\), got \(5,\)"),
        ({"slope": 1.0}, "data of the model, got 'slope'"),
    ],
)
def test_data_that_are_not_the_models_are_refused(data, sentence, line):
    with pytest.raises(ValueError, match=sentence):
        pml.Objective(line).with_data(**data)


def test_counts_are_not_cut_to_whole_numbers():
    with pm.Model() as model:
        rate = pm.HalfNormal("rate", 5)
        pm.Poisson("n", rate, observed=[3, 4])
    with pytest.raises((ValueError, TypeError), match="n"):
        pml.Objective(model).with_data(n=[3.5, 4.9])


# --- the value that is descended -------------------------------------------------------------------------------------


def test_the_weight_of_the_prior_is_in_value_gradient_and_curvature(line):
    weight, objective = 0.3, pml.Objective(line, prior_weight=0.3)
    theta = np.array([0.4, -0.6])
    sigma = np.exp(-0.6)
    prior = stats.norm(0, 2.5).logpdf(0.4) + stats.halfnorm(scale=1.3).logpdf(sigma)
    wanted = -2 * (log_likelihood(0.4, sigma) + weight * prior)
    np.testing.assert_allclose(objective.value(theta), wanted, rtol=1e-6)
    np.testing.assert_allclose(objective.minus2ll(theta), -2 * log_likelihood(0.4, sigma), rtol=1e-10)
    error = Y - 1.0 - 0.4 * X
    squares = error @ error / sigma**2
    slope = [-2 * error @ X / sigma**2 + 2 * weight * 0.4 / 2.5**2]
    slope += [2 * (len(X) - squares) + 2 * weight * sigma**2 / 1.3**2]
    np.testing.assert_allclose(objective.gradient(theta), slope, rtol=1e-6)
    curve = np.array(
        [
            [2 * X @ X / sigma**2 + 2 * weight / 2.5**2, 4 * error @ X / sigma**2],
            [4 * error @ X / sigma**2, 4 * squares + 4 * weight * sigma**2 / 1.3**2],
        ]
    )
    np.testing.assert_allclose(objective.hessian(theta), curve, rtol=1e-6)


def test_the_weight_does_not_touch_the_landscape(line):
    weighted = landscape(pml.Objective(line, prior_weight=1.0), AXES)
    xr.testing.assert_equal(weighted, landscape(line, AXES))


def test_single_precision_as_a_setting_of_pytensor():
    with pytensor.config.change_flags(floatX="float32"):
        model = straight_line()
        result = landscape(model, AXES)
    np.testing.assert_allclose(result["log_likelihood"], surface(log_likelihood, AXES), rtol=1e-4)


@pytest.mark.parametrize("chunks", [0, -1])
def test_chunks_of_nothing_are_refused(chunks, line):
    with pytest.raises(ValueError, match=rf"chunks to be a whole number, at least 1, got {chunks}"):
        landscape(line, AXES, chunks=chunks)


def test_the_bar_is_told_of_every_point(monkeypatch, line):
    told = []
    monkeypatch.setattr(progress.DelayedProgressBar, "advance", lambda self, amount: told.append(amount))
    landscape(line, AXES, chunks=5)
    assert sum(told) == 28


def test_a_bar_is_shown_only_when_asked_for_and_worth_it(monkeypatch, capsys, line):
    shown = []
    monkeypatch.setattr(progress, "SHOWN_AFTER", -1.0)
    original = progress.create_simple_progress
    monkeypatch.setattr(progress, "create_simple_progress", lambda **options: shown.append(1) or original(**options))
    pml.evaluate_landscape(line, AXES, progressbar=False)
    assert not shown
    monkeypatch.setenv("PYMC_LANDSCAPE_PROGRESSBAR", "0")
    pml.evaluate_landscape(line, AXES, progressbar=True)
    assert not shown
    monkeypatch.delenv("PYMC_LANDSCAPE_PROGRESSBAR")
    pml.evaluate_landscape(line, AXES, progressbar=True)
    assert shown == [1]


@pytest.mark.exhaustive
def test_what_pytensor_cannot_write_for_many_points_is_evaluated_one_by_one():
    """PyMC's CAR: PyTensor stumbles over it. Differences of densities, for PyMC leaves constants out."""
    chain = np.eye(4, k=1) + np.eye(4, k=-1)
    with pm.Model() as model:
        alpha, tau = pm.Uniform("alpha", 0, 1), pm.Gamma("tau", 2, 2)
        field = pm.CAR("field", mu=np.zeros(4), W=chain, alpha=alpha, tau=tau)
        pm.Poisson("y", pm.math.exp(field), observed=[0, 2, 1, 3])
    points = {"alpha": np.array([0.2, 0.5, 0.9]), "tau": np.array([0.5, 1.0, 3.0])}
    field = np.array([0.1, -0.2, 0.4, 0.3])
    objective = pml.Objective(model, latent=())
    theta = objective.pack({**points, "field": np.tile(field, (3, 1))})
    found = objective.log_prior(theta) - stats.gamma(2, scale=0.5).logpdf(points["tau"])
    truth = [
        stats.multivariate_normal(np.zeros(4), np.linalg.inv(t * (np.diag(chain.sum(1)) - a * chain))).logpdf(field)
        for a, t in zip(points["alpha"], points["tau"], strict=True)
    ]
    np.testing.assert_allclose(np.diff(found), np.diff(truth), rtol=1e-6)


def test_a_thread_that_comes_while_another_makes_the_arrays_waits_for_all_of_them(monkeypatch):
    def run(points):
        return [points[:, 0], 2.0 * points[:, 0]]

    def fill(points, outs):
        for out, values in zip(outs, run(points), strict=True):
            out[:] = values

    evaluation = ChunkedEvaluation(
        ("a", "b"), 1, lambda a, b: np.arange(a, b, dtype=float)[:, None], 20, 10, lambda n: 0
    )
    backend, making, empty, errors = Backend(run, fill), threading.Event(), np.empty, []

    def slow_empty(shape):
        if evaluation.result.values:  # the first array is made, the second is not yet
            making.set()
            time.sleep(0.2)
        return empty(shape)

    def second():
        making.wait(5)
        try:
            evaluation.block(backend, 10, 20)
        except KeyError as error:
            errors.append(error)

    monkeypatch.setattr(chunks.np, "empty", slow_empty)
    other = threading.Thread(target=second)
    other.start()
    evaluation.block(backend, 0, 10)
    other.join()
    assert errors == []
    np.testing.assert_array_equal(evaluation.result.values["b"], 2.0 * np.arange(20))
