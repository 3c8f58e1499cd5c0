"""Sums over rows in one plain loop: the numbers of NumPy, whatever goes out of the loop, and errors as before."""

import numpy as np
import pytensor.tensor as pt
import pytest
from scipy import stats

from pymc_landscape.engine import GraphEngine, numba_backend
from pymc_landscape.engine.row_sums import RowSums, with_row_sums

N_ROWS = 50
DRAWN = np.random.default_rng(3)
X, Y = DRAWN.normal(size=N_ROWS), DRAWN.normal(size=N_ROWS)
GROUP = DRAWN.integers(-3, 3, size=N_ROWS)


def kernel_of(graph, vector):
    engine = GraphEngine(vector, {"total": graph}, backend="numba")
    return lambda points: engine.at(np.asarray(points, float))["total"]


def test_what_is_the_same_for_all_rows_goes_out_of_the_sum(rng):
    """Numbers added, subtracted, multiplied and divided by, around values gathered by negative indices too."""
    v = pt.vector("v", shape=(5,))
    mean, spread = v[:3][GROUP] + v[3] * X, pt.exp(v[4])
    rows = -((3.0 - (-0.5 * pt.sqr((Y - mean) / spread) - pt.log(spread))) / 2.0) * 4.0
    points = rng.normal(size=(7, 5))
    expected = [
        -2.0 * np.sum(3.0 - (stats.norm.logpdf(Y, p[:3][GROUP] + p[3] * X, np.exp(p[4])) + 0.5 * np.log(2 * np.pi)))
        for p in points
    ]
    np.testing.assert_allclose(kernel_of(rows.sum(), v)(points), expected, rtol=1e-12)


def test_numbers_that_are_not_finite_stay_what_they_are():
    v = pt.vector("v", shape=(2,))
    rows = v[0] + v[1] * pt.switch(pt.gt(X, 0), X, -np.inf)
    points = [[1.0, 2.0], [np.inf, 1.0], [1.0, 0.0], [np.nan, 1.0], [1.0, -1.0]]
    with np.errstate(invalid="ignore"):
        expected = [np.sum(a + b * np.where(X > 0, X, -np.inf)) for a, b in points]
    np.testing.assert_array_equal(kernel_of(rows.sum(), v)(points), expected)


def test_an_index_outside_its_array_is_an_error():
    v = pt.vector("v", shape=(3,))
    index = pt.cast(pt.round(v[2]), "int64") + pt.constant(np.r_[np.zeros(N_ROWS, int), 1])
    kernel = kernel_of((v[:2][index] * np.r_[X, 1.0]).sum(), v)
    np.testing.assert_allclose(kernel([[3.0, 4.0, -1.0]]), 4.0 * X.sum() + 3.0)
    with pytest.raises(IndexError):
        kernel([[3.0, 4.0, 1.0]])


def test_a_loop_replaces_what_pytensor_fused(monkeypatch):
    ops = []

    def spy(fgraph):
        with_row_sums(fgraph)
        ops.extend(type(node.op) for node in fgraph.toposort())

    monkeypatch.setattr(numba_backend, "with_row_sums", spy)
    v = pt.vector("v", shape=(2,))
    kernel_of(pt.sqr(Y - v[0] - v[1] * X).sum(), v)([[0.0, 0.0]])
    assert ops.count(RowSums) == 1
    assert not any("Fused" in op.__name__ for op in ops)


def test_rows_that_are_not_summed_are_left_to_pytensor():
    v = pt.vector("v", shape=(4,))
    rows = pt.exp(v[:3][GROUP] * X + v[3])
    np.testing.assert_allclose(
        kernel_of(rows, v)([[1.0, 2.0, 3.0, 4.0]]), np.exp([[1.0, 2.0, 3.0]] @ np.eye(3)[GROUP % 3].T * X + 4.0)
    )
