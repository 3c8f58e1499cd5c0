"""Loops over points of numbers and sums: one function, the numbers of NumPy, and of a few functions more digits."""

import numpy as np
import pytensor.tensor as pt
import pytest
from numba.core import event

from pymc_landscape.engine import GraphEngine, numba_backend, point_loop

DRAWN = np.random.default_rng(4)
X = DRAWN.normal(size=50)
COUNTS = DRAWN.poisson(2.0, size=50)
FUNCTIONS = {
    "exp": (pt.exp, np.exp, 1.0),
    "expm1": (pt.expm1, np.expm1, 2.0),
    "log": (pt.log, np.log, 1.0),
    "log1p": (pt.log1p, np.log1p, 2.0),
    "sigmoid": (pt.sigmoid, lambda x: 1 / (1 + np.exp(-x)), 2.5),
    "softplus": (pt.softplus, lambda x: np.maximum(x, 0) + np.log1p(np.exp(-abs(x))), 2.0),
    "log1mexp": (pt.log1mexp, lambda x: np.log1p(-np.exp(x)) if x < -1 else np.log(-np.expm1(x)), 2.0),
}
EDGES = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 5e-324, 1e-310, 709.7, 709.79, -745.1, -745.2, 1e300, -1e300]


class Compiled(event.Listener):
    """Names of the functions that numba compiles."""

    def __init__(self):
        self.names = []

    def on_start(self, event):
        self.names.append(event.data["dispatcher"].py_func.__name__)

    def on_end(self, event):
        pass


@pytest.fixture(scope="module")
def values():
    """Each function at edges, and at places of every size, by a kernel."""
    v = pt.vector("v", shape=(1,))
    engine = GraphEngine(v, {name: own[0](v[0]) for name, own in FUNCTIONS.items()}, backend="numba")
    rng = np.random.default_rng(4)
    sizes = np.exp(rng.uniform(-40, 6.5, 300))
    points = np.r_[EDGES, sizes, -sizes, rng.uniform(-1, 1, 300), 1 + rng.uniform(-1e-6, 1e-6, 50)]
    return points, engine.at(points[:, None])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_keep_their_digits(values, name):
    points, found = values[0], values[1][name]
    with np.errstate(all="ignore"):
        exact = [FUNCTIONS[name][1](np.longdouble(point)) for point in points]
        expected = np.array(exact, dtype=float)
        errors = np.abs([float(value - e) for value, e in zip(found, exact, strict=True)]) / np.spacing(
            np.abs(expected)
        )
    regular = np.isfinite(expected) & (np.abs(expected) > 1e-307)
    assert errors[regular].max() < FUNCTIONS[name][2]
    np.testing.assert_allclose(found[~regular], expected[~regular], rtol=0, atol=1e-322)


def test_one_function_is_compiled_of_numbers_and_sums():
    v = pt.vector("v", shape=(3,))
    mean = pt.exp(v[0] + v[1] * X)
    rows = pt.switch(pt.ge(mean, 0), COUNTS * pt.log(mean) - mean, -np.inf)
    fine = pt.all(pt.gt(mean, 1e-3)) & pt.gt(v[2], 0)
    total = pt.switch(fine, rows.sum() / v[2] - pt.log(v[2]), -np.inf)
    points = np.array([[0.1, 0.2, 1.5], [0.1, 0.2, -1.0], [-9.0, 0.1, 2.0], [np.nan, 0.0, 1.0]])
    with event.install_listener("numba:compile", listener := Compiled()):
        engine = GraphEngine(v, {"total": total}, backend="numba")
        found = engine.at(points)["total"]
    assert len(listener.names) <= 1 + len(FUNCTIONS)  # none where the loop is on disk
    expected = GraphEngine(v, {"total": total}, backend="interpreter").at(points)["total"]
    np.testing.assert_allclose(found, expected, rtol=1e-14)


@pytest.mark.parametrize("power", [3, 5, 6, -3])
def test_whole_powers_leave_their_neighbours_alone(power, rng):
    """A power is a graph in a graph, and both begin with a variable called ``i0``."""
    v = pt.vector("v", shape=(2,))
    a, b = v[0], v[1]
    row = (X / a) ** power - X * pt.log(a) + (a * b) ** power * X + (X + b) ** power / a
    engine = GraphEngine(v, {"total": row.sum(), "number": a**power - a * b + b**power}, backend="numba")
    points = rng.uniform(0.5, 2.0, size=(6, 2))
    found = engine.at(points)
    a, b = points.T[:, :, None]
    power = float(power)
    wanted = (X / a) ** power - X * np.log(a) + (a * b) ** power * X + (X + b) ** power / a
    scale = np.abs(wanted).sum(axis=1)
    np.testing.assert_allclose((found["total"] - wanted.sum(axis=1)) / scale, 0, atol=1e-13)
    np.testing.assert_allclose(found["number"], (a**power - a * b + b**power).ravel(), rtol=1e-12)


def test_outputs_may_be_vectors_of_numbers(monkeypatch, rng):
    v = pt.vector("v", shape=(2,))
    a, b = v[0], v[1]
    total = (COUNTS * (a + b * X) - pt.exp(a + b * X)).sum()
    graphs = {"total": total, "gradient": pt.stack(pt.grad(total, [a, b]))}
    monkeypatch.setattr(point_loop, "_around_function", lambda *arguments: pytest.fail("another function is called"))
    kernel = numba_backend.numba_backend(v, list(graphs.values()), [None, 2])
    points = rng.normal(size=(5, 2)) / 3
    value, gradient = kernel.run(points)
    mean = np.exp(points[:, :1] + points[:, 1:] * X)
    np.testing.assert_allclose(value, (COUNTS * np.log(mean) - mean).sum(axis=1), rtol=1e-13)
    np.testing.assert_allclose(gradient, np.stack([(COUNTS - mean) @ np.ones(50), (COUNTS - mean) @ X], 1), rtol=1e-11)


def test_rows_point_at_parts_of_the_vector(monkeypatch, rng):
    v = pt.vector("v", shape=(4,))
    group = rng.integers(-3, 3, size=50)
    monkeypatch.setattr(point_loop, "_around_function", lambda *arguments: pytest.fail("another function is called"))
    [found] = numba_backend.numba_backend(v, [pt.sqr(X - v[1:][group] * pt.exp(v[0])).sum()], [None]).run(
        points := rng.normal(size=(3, 4))
    )
    expected = [np.sum((X - p[1:][group] * np.exp(p[0])) ** 2) for p in points]
    np.testing.assert_allclose(found, expected, rtol=1e-13)
