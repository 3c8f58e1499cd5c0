"""PyTensor graphs of one flat vector, evaluated at many points."""

from pymc_landscape.engine.backend import Backend
from pymc_landscape.engine.batched_scans import vectorized
from pymc_landscape.engine.chunks import ChunkedEvaluation, Evaluation
from pymc_landscape.engine.derivatives_by_differences import (
    jacobian_by_differences,
    weighted_derivatives,
)
from pymc_landscape.engine.difference_engine import DerivativeKind, DifferenceEngine
from pymc_landscape.engine.engine import Engine
from pymc_landscape.engine.graph_engine import GraphEngine
from pymc_landscape.engine.point_engine import PointEngine
from pymc_landscape.engine.python_backend import is_plain, straight_line
from pymc_landscape.engine.rewrites import (
    interpreter_mode,
    stabilised,
    without_named_dims,
    without_parameter_checks,
)

__all__ = [
    "Backend",
    "ChunkedEvaluation",
    "DerivativeKind",
    "DifferenceEngine",
    "Engine",
    "Evaluation",
    "GraphEngine",
    "PointEngine",
    "interpreter_mode",
    "is_plain",
    "jacobian_by_differences",
    "stabilised",
    "straight_line",
    "vectorized",
    "weighted_derivatives",
    "without_named_dims",
    "without_parameter_checks",
]
