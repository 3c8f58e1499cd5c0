r"""A Gaussian term whose mean is linear, by its sufficient statistics: a quadratic form in place of a sum over rows.

With yᵢ ~ N(Σ φⱼ xᵢⱼ + oᵢ, s cᵢ), the rows divided by cᵢ, their QR factorisation X = Q R and φ̂ the least-squares point,

.. math:: \log L = -n \log s - \sum_i \log c_i - \tfrac{n}{2} \log 2\pi
          - \tfrac{1}{2 s^2} \left( \mathrm{RSS} + \|R (\varphi - \hat\varphi)\|^2 \right)

(Golub & Van Loan 2013, *Matrix Computations*, section 5.3). Two squares are added, so that nothing cancels: not with
XᵀX, whose condition is squared, nor with Xᵀy. φ̂ is kept to more digits than a float has, as a sum of two. Where the
columns are nearly dependent, or the residuals so small that a sum over rows would be rounding, the rows stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytensor.tensor as pt
from pymc.distributions.dist_math import check_parameters
from pytensor.graph.basic import Constant
from pytensor.tensor.random.basic import NormalRV

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array, Graph
from pymc_landscape.model import GraphInputs
from pymc_landscape.model.reduction.linear_predictor import LinearPredictor, linear_predictor

# Fewer rows are added up as fast.
LEAST_ROWS = 500
# A quadratic form of k columns takes k² products, a row about eight.
ROWS_FOR_A_SQUARE = 2
# Largest condition number of R, its columns scaled to one length: R (φ − φ̂) has that many times the rounding of a row.
MOST_CONDITION = 1e5
# Least residual standard deviation beside the largest number: below, residuals are rounding.
LEAST_RESIDUAL = 1e-7
# Rows for which an array in extended precision is made at once.
BLOCK = 2**16
# Columns for which each product is written out too.
WRITTEN_OUT = 3


class GaussianTerm(NamedTuple):
    """The log-likelihood as one number; and the graph that is fastest where no derivatives are asked for."""

    total: Graph
    value: Graph


@dataclass(frozen=True)
class LeastSquares:
    """The least-squares point of data by rows.

    Parameters
    ----------
    triangle : array (k, k)
        R.
    point, rest : array (k,)
        φ̂, and what a float does not hold of it.
    residual : float
        The square root of the sum of squared residuals.
    """

    triangle: Array
    point: Array
    rest: Array
    residual: float


def gaussian_term(values: GraphInputs, rv: Graph) -> GaussianTerm | None:
    """Return the log-likelihood of a Gaussian variable by its sufficient statistics.

    Parameters
    ----------
    values : GraphInputs
        The model, over one flat vector.
    rv : Graph
        One of its observed variables.

    Returns
    -------
    GaussianTerm or None
        Without the support of the parameters. None where rows are added up as well or better: few of them, data that
        may change, a mean that is not seen to be linear, digits that are not certain.
    """
    data = values.rvs_to_values.get(rv)
    if rv.owner is None or type(rv.owner.op) is not NormalRV or not isinstance(data, Constant) or data in values.swaps:
        return None
    y = np.asarray(data.data, float)
    if y.ndim != 1 or len(y) < LEAST_ROWS or not np.isfinite(y).all():
        return None
    mean, spread = values.write(values.of_random_variables(list(rv.owner.inputs[-2:])))
    location, scale = linear_predictor(mean, len(y)), linear_predictor(spread, len(y))
    if location is None or scale is None or not 0 < location.size <= np.sqrt(len(y) / ROWS_FOR_A_SQUARE):
        return None
    sizes = _sizes(scale)
    if sizes is None:
        return None
    matrix = location.matrix / sizes[:, None]
    found = least_squares(matrix, (y - location.offset) / sizes)
    if found is None:
        return None
    s = scale.factors[0][0] if scale.factors else pt.constant(1.0)
    constant = -np.sum(np.log(sizes)) - 0.5 * len(y) * np.log(2.0 * np.pi)
    has_zero = bool((matrix == 0).any())

    def density(squares: Graph) -> Graph:
        return check_parameters(constant - len(y) * pt.log(s) - 0.5 * squares, s > 0, msg="sigma > 0")

    total = density(_squares(location, found, s, has_zero))
    few = location.size <= WRITTEN_OUT and not has_zero
    return GaussianTerm(total, density(_squares_of_numbers(location, found, s)) if few else total)


def _sizes(scale: LinearPredictor) -> Array | None:
    """Return cᵢ of standard deviations s cᵢ; None if they are something else."""
    if not scale.size:
        sizes = np.asarray(scale.offset, float)
    elif scale.size == 1 and not scale.offset.any():
        sizes = scale.matrix[:, 0]
    else:
        return None
    return sizes if (sizes > 0).all() and np.isfinite(sizes).all() else None


def _squares(location: LinearPredictor, found: LeastSquares, s: Graph, has_zero: bool) -> Graph:
    """Return the sum of squared standardised residuals; infinite where φ is, or NaN where rows meet 0 · ∞."""
    phi = pt.join(0, *location.factors) if len(location.factors) > 1 else location.factors[0]
    moved = (phi - found.point) - found.rest
    squares = pt.sqr((pt.constant(found.triangle) @ moved) / s).sum() + pt.sqr(found.residual / s)
    return pt.switch(pt.any(pt.isinf(phi)), np.nan if has_zero else np.inf, squares)


def _squares_of_numbers(location: LinearPredictor, found: LeastSquares, s: Graph) -> Graph:
    """Return the same with each product written out, which in machine code needs no memory."""
    k, pairs = location.size, zip(location.factors, location.columns, strict=True)
    phi = [factor[j] for factor, columns in pairs for j in range(columns.shape[1])]
    moved = [(f - first) - rest for f, first, rest in zip(phi, found.point, found.rest, strict=True)]
    sums = [sum(found.triangle[i, j] * moved[j] for j in range(i, k)) for i in range(k)]
    return sum((pt.sqr(total / s) for total in sums), pt.sqr(found.residual / s))


def least_squares(matrix: Array, y: Array) -> LeastSquares | None:
    """Solve a least-squares problem to more digits than a float has.

    Parameters
    ----------
    matrix : array (n, k)
        X.
    y : array (n,)
        The data.

    Returns
    -------
    LeastSquares or None
        None where the digits of a quadratic form around the solution are not certain.
    """
    lengths = np.linalg.norm(matrix, axis=0)
    if not (np.isfinite(matrix).all() and np.isfinite(y).all() and (lengths > 0).all()):
        return None
    q, r = np.linalg.qr(matrix / lengths)
    if np.linalg.cond(r) > MOST_CONDITION:
        return None
    point: Any = (np.linalg.solve(r, q.T @ y) / lengths).astype(np.longdouble)
    for _ in range(2):  # iterative refinement: what is missing is solved for with the same factors
        gradient = sum(part.T @ left for part, left in _residuals(matrix / lengths, y, point * lengths))
        point = point + np.linalg.solve(r.T @ r, np.asarray(gradient, float)) / lengths
    residual = float(np.sqrt(sum(left @ left for _, left in _residuals(matrix, y, point))))
    largest = max(float(np.abs(y).max()), float(np.abs(matrix * np.asarray(point, float)).max()))
    if residual <= LEAST_RESIDUAL * largest * np.sqrt(len(y)):
        return None
    first = np.asarray(point, float)
    return LeastSquares(r * lengths, first, np.asarray(point - first, float), residual)


def _residuals(matrix: Array, y: Array, point: Any) -> Iterator[tuple[Any, Any]]:
    """Give blocks of rows, and their residuals, in extended precision."""
    for a in range(0, len(y), BLOCK):
        part = matrix[a : a + BLOCK].astype(np.longdouble)
        yield part, y[a : a + BLOCK] - part @ point
