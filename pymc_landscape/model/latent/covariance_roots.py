r"""Roots of variances and of covariance matrices that keep their derivatives where a variance is 0 or a correlation ±1.

An effect is its mean plus L v, with v standard normal and L Lᵀ its covariance C. Where C is singular its Cholesky
factor has no derivative, though the marginal likelihood, which is a smooth function of C, has one. So the factor is
that of C + ε I, with ε far below what data can tell: derivatives by C go through it unharmed.
"""

from __future__ import annotations

import numpy as np
import pytensor.tensor as pt
from pytensor import scalar as ps
from pytensor.graph.basic import Constant
from pytensor.graph.op import Op
from pytensor.tensor.blockwise import Blockwise
from pytensor.tensor.elemwise import DimShuffle, Elemwise
from pytensor.tensor.linalg.decomposition.cholesky import Cholesky
from pytensor.tensor.linalg.inverse import MatrixInverse

from pymc_landscape._typing import Graph

# What is added to the diagonal of a covariance: a share of its trace, and so much where all of it is 0.
SHARE_OF_TRACE, LEAST_VARIANCE = 1e-14, 1e-30


def covariance_root(cov: Graph) -> Graph:
    """Return L with L Lᵀ the covariance: the factor that it was made of, where it was made so."""
    node = cov.owner
    if node is not None and isinstance(node.op, DimShuffle) and _keeps_matrices(node.op):
        return node.op(covariance_root(node.inputs[0]))
    if node is not None and len(node.inputs) == 2:
        factor, transposed = node.inputs
        turned = transposed.owner is not None and factor in transposed.owner.inputs
        if turned and getattr(factor.tag, "lower_triangular", False):
            return factor
    if node is not None and isinstance(_core(node.op), MatrixInverse):
        scale, precision = _without_scale(node.inputs[0])
        if scale is not None:
            return simplified_scale(scale, -0.5) * covariance_root(pt.linalg.inv(precision))
    diagonal = pt.diagonal(cov, axis1=-2, axis2=-1)
    more = SHARE_OF_TRACE * diagonal.sum(-1)[..., None, None] + LEAST_VARIANCE
    return pt.linalg.cholesky(cov + more * pt.eye(cov.shape[-1]), lower=True)


def given_root(root: Graph) -> Graph:
    """Return a Cholesky factor as it is given; where a covariance was factorised, that of :func:`covariance_root`."""
    node = root.owner
    return covariance_root(node.inputs[0]) if node is not None and isinstance(_core(node.op), Cholesky) else root


def _core(op: Op) -> Op:
    return op.core_op if isinstance(op, Blockwise) else op


def _without_scale(precision: Graph) -> tuple[Graph | None, Graph]:
    """Return the number that a precision matrix is a multiple of, as a matrix of one element, and the rest."""
    scalar = getattr(precision.owner and precision.owner.op, "scalar_op", None)
    if not isinstance(scalar, ps.Mul | ps.TrueDiv) or len(precision.owner.inputs) != 2:
        return None, precision
    first, second = precision.owner.inputs
    if all(second.type.broadcastable[-2:]):
        return (second if isinstance(scalar, ps.Mul) else 1.0 / second), first
    if all(first.type.broadcastable[-2:]) and isinstance(scalar, ps.Mul):
        return first, second
    return None, precision


def _keeps_matrices(op: DimShuffle) -> bool:
    n = op.input_ndim
    return n >= 2 and tuple(op.new_order[-2:]) == (n - 2, n - 1)


def simplified_scale(scale: Graph, exponent: float = 1.0) -> Graph:
    """Return a standard deviation, or what has one as its power, with powers of powers taken together.

    (1 / σ²) to the power of −½, as where a precision was given, has no derivative at 0, and σ has. The sign is lost,
    that PyMC lets through to find negative ones: that of a standard deviation does not matter to a normal density.
    """
    node = scale.owner
    if node is not None and isinstance(node.op, DimShuffle) and not node.op.drop:
        return node.op(simplified_scale(node.inputs[0], exponent))
    scalar = node.op.scalar_op if node is not None and isinstance(node.op, Elemwise) else None
    match scalar:
        case ps.Mul() if len(rest := [part for part in node.inputs if not _is_sign(part)]) == 1:
            return simplified_scale(rest[0], exponent)
        case ps.Abs():
            return simplified_scale(node.inputs[0], exponent)
        case ps.Sqr():
            return simplified_scale(node.inputs[0], 2.0 * exponent)
        case ps.Sqrt():
            return simplified_scale(node.inputs[0], 0.5 * exponent)
        case ps.Reciprocal():
            return simplified_scale(node.inputs[0], -exponent)
        case ps.Pow() if (power := _number(node.inputs[1])) is not None:
            return simplified_scale(node.inputs[0], power * exponent)
        case ps.TrueDiv() if _number(node.inputs[0]) == 1.0:
            return simplified_scale(node.inputs[1], -exponent)
    return scale if exponent == 1.0 else scale**exponent


def _is_sign(graph: Graph) -> bool:
    return graph.owner is not None and isinstance(getattr(graph.owner.op, "scalar_op", None), ps.Sign)


def _number(graph: Graph) -> float | None:
    """Return the one number that a constant holds, if it is one."""
    while graph.owner is not None and isinstance(graph.owner.op, DimShuffle):
        graph = graph.owner.inputs[0]
    value = np.unique(graph.data) if isinstance(graph, Constant) else np.zeros(0)
    return float(value[0]) if len(value) == 1 else None
