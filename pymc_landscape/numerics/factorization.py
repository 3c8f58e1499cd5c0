"""Block, dense and sparse Cholesky factors of positive definite matrices, with the selected inverse.

Each gives the logarithm of the determinant, solutions of linear equations, square roots to draw with, and those
elements of the inverse that stand where the matrix itself is not zero. Arrays only.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, override

import numpy as np
import scipy

from pymc_landscape._typing import Array
from pymc_landscape.numerics.sparsity import Pattern


class NotPositive(ArithmeticError):
    """The matrix is not positive definite."""


class Factor:
    """A factorised matrix H = R Rᵀ.

    Attributes
    ----------
    log_determinant : float
        log det H.
    """

    log_determinant: float

    def solve(self, right: Array) -> Array:
        """Return H⁻¹ times a vector (q,) or the columns of a matrix (q, m)."""
        raise NotImplementedError

    def root_solve(self, right: Array) -> Array:
        """Return R⁻ᵀ times a vector (q,) or the columns of a matrix: it makes normal numbers draws from N(0, H⁻¹)."""
        raise NotImplementedError

    def inverse_entries(self) -> Array:
        """Return the elements of H⁻¹ at the pattern's places."""
        raise NotImplementedError


def factorised(pattern: Pattern, entries: Array) -> Factor:
    """Factorise the matrix with these elements at the pattern's places.

    Raises
    ------
    NotPositive
        If it is not positive definite.
    """
    if pattern.is_in_blocks:
        return Blocks(pattern, entries)
    return Full(pattern, entries) if pattern.is_full else Sparse(pattern, entries)


class Blocks(Factor):
    """Small components: stacks of blocks, each by Cholesky.

    Attributes
    ----------
    roots : list of array (n, d, d)
        Lower triangles, one stack a size of block.
    """

    def __init__(self, pattern: Pattern, entries: Array):
        self.stacks, self.size, self.nnz = pattern.stacks, pattern.size, len(entries)
        self.roots = [_roots(stack.blocks(entries)) for stack in self.stacks]
        diagonals = [np.diagonal(root, axis1=1, axis2=2) for root in self.roots]
        self.log_determinant = sum(2.0 * float(np.log(d).sum()) for d in diagonals)

    @cached_property
    def inverse_roots(self) -> list[Array]:
        """L⁻¹ of each block."""
        return [1.0 / root if root.shape[1] == 1 else np.linalg.inv(root) for root in self.roots]

    @cached_property
    def inverses(self) -> list[Array]:
        """H⁻¹ of each block."""
        return [np.swapaxes(m, -1, -2) @ m for m in self.inverse_roots]

    @override
    def solve(self, right: Array) -> Array:
        return self._applied(self.inverses, right)

    @override
    def root_solve(self, right: Array) -> Array:
        return self._applied([np.swapaxes(m, -1, -2) for m in self.inverse_roots], right)

    def _applied(self, matrices: list[Array], right: Array) -> Array:
        out = np.empty(right.shape)
        columns, wide = right.reshape(self.size, -1), out.reshape(self.size, -1)
        for stack, matrix in zip(self.stacks, matrices, strict=True):
            wide[stack.elements] = matrix @ columns[stack.elements]
        return out

    @override
    def inverse_entries(self) -> Array:
        out = np.empty(self.nnz)
        for stack, inverse in zip(self.stacks, self.inverses, strict=True):
            stack.write(inverse, out)
        return out


def _roots(blocks: Array) -> Array:
    try:
        with np.errstate(invalid="ignore"):
            roots = np.sqrt(blocks) if blocks.shape[1] == 1 else np.linalg.cholesky(blocks)
    except np.linalg.LinAlgError as error:
        raise NotPositive from error
    if not (np.diagonal(roots, axis1=1, axis2=2) > 0).all():
        raise NotPositive
    return roots


class Full(Factor):
    """A full matrix, by Cholesky."""

    def __init__(self, pattern: Pattern, entries: Array):
        self.pattern = pattern
        matrix = np.zeros((pattern.size, pattern.size))
        matrix[pattern.rows, pattern.columns] = entries
        try:
            self.root = scipy.linalg.cholesky(matrix, lower=True)
        except (scipy.linalg.LinAlgError, ValueError) as error:
            raise NotPositive from error
        self.log_determinant = 2.0 * float(np.log(np.diagonal(self.root)).sum())

    @override
    def solve(self, right: Array) -> Array:
        return np.asarray(scipy.linalg.cho_solve((self.root, True), right))

    @override
    def root_solve(self, right: Array) -> Array:
        return np.asarray(scipy.linalg.solve_triangular(self.root, right, lower=True, trans="T"))

    @override
    def inverse_entries(self) -> Array:
        inverse = self.solve(np.eye(self.pattern.size))
        return np.asarray(inverse[self.pattern.rows, self.pattern.columns])


class Sparse(Factor):
    """A sparse matrix L D Lᵀ, with an order of elimination that fills little."""

    def __init__(self, pattern: Pattern, entries: Array):
        self.pattern, self.structure = pattern, pattern.structure
        from pymc_landscape.numerics import sparse_cholesky  # it brings numba

        self._compiled = sparse_cholesky
        factor = sparse_cholesky.sparse_factor(self.structure, entries)
        if factor is None:
            raise NotPositive
        self.lower, self.pivots = factor
        self.log_determinant = float(np.log(self.pivots).sum())

    @override
    def solve(self, right: Array) -> Array:
        wide = np.empty((self.pattern.size, right.size // max(self.pattern.size, 1)))
        wide[self.pattern.elimination] = right.reshape(wide.shape)
        self._compiled.solve_below(*self._below, wide)
        wide /= self.pivots[:, None]
        self._compiled.solve_above(*self._below, wide)
        return np.asarray(wide[self.pattern.elimination].reshape(right.shape))

    @override
    def root_solve(self, right: Array) -> Array:
        wide = right.reshape(self.pattern.size, -1) / np.sqrt(self.pivots)[:, None]
        self._compiled.solve_above(*self._below, wide)
        return np.asarray(wide[self.pattern.elimination].reshape(right.shape))

    @property
    def _below(self) -> tuple[Any, Any, Array]:
        return self.structure.below, self.structure.below_rows, self.lower

    @override
    def inverse_entries(self) -> Array:
        inverse: Array = self._compiled.selected_inverse(*self._below, self.pivots)[self.pattern.positions]
        return inverse
