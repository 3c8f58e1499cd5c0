"""Patterns of matrices that are found by products, and matrices factorised by them, against dense algebra."""

import numpy as np
import pytest
from scipy import sparse

from pymc_landscape.numerics.factorization import Blocks, Full, NotPositive, Sparse, factorised
from pymc_landscape.numerics.sparsity import find_pattern

DRAWN = np.random.default_rng(7)


def positive(n: int, rng: np.random.Generator) -> np.ndarray:
    root = rng.normal(size=(n, n))
    return root @ root.T + np.eye(n)


def walk(n: int) -> np.ndarray:
    return np.diag(np.full(n, 2.5)) - np.eye(n, k=1) - np.eye(n, k=-1)


def crossed(n: int, a: int, b: int, rng: np.random.Generator) -> np.ndarray:
    one, other = rng.integers(0, a, n), rng.integers(0, b, n)
    design = np.hstack([np.eye(a)[one], np.eye(b)[other]])
    return design.T @ design + np.eye(a + b)


def blocks(sizes: list[int], rng: np.random.Generator) -> np.ndarray:
    whole = sparse.block_diag([sparse.coo_array(positive(n, rng)) for n in sizes]).toarray()
    order = rng.permutation(len(whole))
    return whole[np.ix_(order, order)]


MATRICES = {
    "diagonal": (np.diag(DRAWN.uniform(1, 2, 400)), Blocks, 1),
    "blocks of several sizes, shuffled": (blocks([1, 3, 2, 2, 5, 1], DRAWN), Blocks, 5),
    "a walk": (walk(500), Sparse, 3),
    "crossed": (crossed(3000, 320, 8, DRAWN), Sparse, None),
    "full": (positive(90, DRAWN), Full, 90),
}


@pytest.mark.parametrize("name", MATRICES)
def test_a_factorised_matrix_is_the_dense_one(name, rng):
    matrix, kind, colours = MATRICES[name]
    n = len(matrix)
    pattern = find_pattern(lambda rows: rows @ matrix, n, lambda: np.arange(n) // 2)
    assert colours is None or pattern.n_colours == colours
    products = pattern.seeds @ matrix
    entries = pattern.entries(products)
    np.testing.assert_array_equal(entries, matrix[pattern.rows, pattern.columns])
    rebuilt = np.zeros_like(matrix)
    rebuilt[pattern.rows, pattern.columns] = entries
    np.testing.assert_array_equal(rebuilt, matrix)
    factor, inverse = factorised(pattern, entries), np.linalg.inv(matrix)
    assert isinstance(factor, kind)
    assert factor.log_determinant == pytest.approx(np.linalg.slogdet(matrix)[1], rel=1e-12)
    right = rng.normal(size=(n, 3))
    np.testing.assert_allclose(factor.solve(right), inverse @ right, atol=1e-11)
    np.testing.assert_allclose(factor.solve(right[:, 0]), inverse @ right[:, 0], atol=1e-11)
    np.testing.assert_allclose(factor.inverse_entries(), inverse[pattern.rows, pattern.columns], atol=1e-12)
    root = factor.root_solve(np.eye(n))
    np.testing.assert_allclose(root @ root.T, inverse, atol=1e-11)
    weights = rng.normal(size=len(entries))
    assert (pattern.weights(weights) * products).sum() == pytest.approx(float(weights @ entries), rel=1e-10)
    both = np.stack([weights, rng.normal(size=len(entries))])
    np.testing.assert_array_equal(pattern.weights(both), [pattern.weights(each) for each in both])


@pytest.mark.parametrize("name", MATRICES)
def test_a_matrix_that_is_not_positive_says_so(name):
    matrix = MATRICES[name][0].copy()
    matrix[0, 0] = -1.0
    pattern = find_pattern(lambda rows: rows @ matrix, len(matrix), lambda: np.arange(len(matrix)) // 2)
    with pytest.raises(NotPositive):
        factorised(pattern, matrix[pattern.rows, pattern.columns])


def test_groups_are_a_guess_that_is_checked(rng):
    """Effects by group, of which one meets another group: the guess is not believed."""
    matrix = blocks([2] * 200, rng)
    order = np.argsort([np.flatnonzero(row)[0] * 1000 + i for i, row in enumerate(matrix)])
    matrix = matrix[np.ix_(order, order)]
    groups = np.repeat(np.arange(200), 2)
    asked = []

    def product(rows: np.ndarray) -> np.ndarray:
        asked.append(len(rows))
        return rows @ matrix

    assert find_pattern(product, 400, lambda: groups).n_colours == 2
    assert sum(asked) < 20
    matrix[0, 399] = matrix[399, 0] = 0.1
    pattern = find_pattern(product, 400, lambda: groups)
    assert np.isin(399, pattern.rows[pattern.columns == 0])


def test_what_meets_all_is_a_border_of_the_guess(rng):
    """Fixed effects beside groups: their columns have colours of their own, and few products are asked for."""
    n, asked = 200, []
    matrix = sparse.block_diag([sparse.coo_array(positive(2, rng)) for _ in range(n)]).toarray()
    border = rng.normal(size=(2 * n, 2))
    whole = np.block([[border.T @ np.linalg.solve(matrix, border) + np.eye(2), border.T], [border, matrix]])
    groups = np.concatenate([[-1, -1], np.repeat(np.arange(n), 2)])

    def product(rows: np.ndarray) -> np.ndarray:
        asked.append(len(rows))
        return rows @ whole

    pattern = find_pattern(product, 2 * n + 2, lambda: groups)
    assert (pattern.n_colours, sum(asked) < 20) == (4, True)
    entries = pattern.entries(pattern.seeds @ whole)
    rebuilt = np.zeros_like(whole)
    rebuilt[pattern.rows, pattern.columns] = entries
    np.testing.assert_allclose(rebuilt, whole, atol=1e-12)
    factor = factorised(pattern, entries)
    assert factor.log_determinant == pytest.approx(np.linalg.slogdet(whole)[1], rel=1e-12)
    np.testing.assert_allclose(
        factor.inverse_entries(), np.linalg.inv(whole)[pattern.rows, pattern.columns], atol=1e-11
    )
