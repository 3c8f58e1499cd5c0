"""Sums over a product of tables by elimination, against all states one after the other."""

import itertools

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from scipy.special import logsumexp

from pymc_landscape.model.derivatives import hessian_graph
from pymc_landscape.model.elimination import (
    LogSums,
    TooWideError,
    element_probabilities,
    elimination_plan,
    likeliest_states,
)
from pymc_landscape.model.elimination.sum_product import log_sums, probabilities

COUNTS = [3, 2, 3, 2, 3, 3]
# single elements, pairs in either order, and one triple: a graph with circles
SCOPES = [
    np.array([[0], [2], [4], [5]]),
    np.array([[1], [3]]),
    np.array([[0, 2], [4, 2], [5, 4]]),
    np.array([[1, 0], [3, 2], [1, 4]]),
    np.array([[3, 5, 4]]),
]
PLAN = elimination_plan(COUNTS, SCOPES, np.zeros(6, dtype=int))


def tables(seed: int, scale: float = 2.0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [scale * rng.normal(size=(len(s), *(COUNTS[e] for e in s[0]))) for s in SCOPES]


def of_all_states(own) -> tuple[list[tuple[int, ...]], np.ndarray]:
    every = list(itertools.product(*map(range, COUNTS)))
    rows = [(table[r], scope) for table, several in zip(own, SCOPES, strict=True) for r, scope in enumerate(several)]
    return every, np.array([sum(row[tuple(z[e] for e in scope)] for row, scope in rows) for z in every])


def test_sums_probabilities_and_the_likeliest_states():
    own = tables(0)
    every, density = of_all_states(own)
    shares = np.exp(density - logsumexp(density))
    np.testing.assert_allclose(log_sums(PLAN, own), [logsumexp(density)], rtol=1e-13)
    for element, found in enumerate(element_probabilities(PLAN, own)):
        expected = [sum(p for z, p in zip(every, shares, strict=True) if z[element] == k) for k in range(len(found))]
        np.testing.assert_allclose(found, expected, atol=1e-13)
    assert tuple(likeliest_states(PLAN, own)) == every[int(density.argmax())]


def test_a_state_that_is_all_but_impossible_does_not_underflow():
    chain = np.stack([np.arange(3), np.arange(1, 4)], axis=1)
    plan = elimination_plan([2] * 4, [chain], np.zeros(4, dtype=int))
    one_way = np.array([[[0.0, -900.0], [-np.inf, 0.0]], [[-np.inf, 0.0], [-np.inf, -850.0]], [[0, -800], [-900, 0]]])
    total = sum_of_paths = -np.inf
    for path in itertools.product(range(2), repeat=4):
        sum_of_paths = np.logaddexp(sum_of_paths, sum(one_way[t, path[t], path[t + 1]] for t in range(3)))
    total = log_sums(plan, [one_way])
    np.testing.assert_allclose(total, [sum_of_paths], rtol=1e-14)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_derivatives_of_probabilities_are_differences_of_those_of_one_order_less(order):
    own, directions, step = tables(1), [tables(seed, 1.0) for seed in range(2, 2 + order)], 1e-5
    last = directions[-1]
    moved = [[t + sign * step * v for t, v in zip(own, last, strict=True)] for sign in (1, -1)]
    ahead, behind = (probabilities(PLAN, at, directions[:-1]) for at in moved)
    for found, up, down in zip(probabilities(PLAN, own, directions), ahead, behind, strict=True):
        np.testing.assert_allclose(found, (up - down) / (2 * step), atol=1e-7)


def test_the_op_has_the_derivatives_of_the_recursion_written_out():
    n, k = 4, 2
    scopes = [np.arange(n)[:, None], np.stack([np.arange(n - 1), np.arange(1, n)], axis=1)]
    plan = elimination_plan([k] * n, scopes, np.zeros(n, dtype=int))
    rng = np.random.default_rng(1)
    x, at = pt.vector("x", shape=(3,)), rng.normal(size=3)
    own = pt.tensordot(pt.constant(rng.normal(size=(n, k, 3))), x, 1) ** 2
    steps = pt.sin(pt.tensordot(pt.constant(rng.normal(size=(n - 1, k, k, 3))), x, 1))
    forward = own[0]
    for t in range(1, n):
        forward = pt.logsumexp(forward[:, None] + steps[t - 1], axis=0) + own[t]
    found = []
    for value in (LogSums(plan)(own, steps)[0], pt.logsumexp(forward)):
        hessian = hessian_graph(pt.grad(value, x), x)
        third = pt.grad((hessian * np.arange(9).reshape(3, 3)).sum(), x)
        with pytensor.config.change_flags(mode="FAST_COMPILE", cxx=""):  # nothing is compiled, constants neither
            found.append([graph.eval({x: at}) for graph in (value, hessian, third)])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-10)


def test_what_all_depends_on_all_is_too_wide():
    pairs = np.array(list(itertools.combinations(range(30), 2)))
    with pytest.raises(TooWideError, match="joint states"):
        elimination_plan([2] * 30, [pairs], np.zeros(30, dtype=int))
