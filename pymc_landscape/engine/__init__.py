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
from pymc_landscape.engine.interpreted_graphs import (
    NO_TRACEBACKS,
    InterpretedGraphs,
    RewrittenTogether,
    drawn,
    evaluated,
)
from pymc_landscape.engine.point_engine import PointEngine
from pymc_landscape.engine.python_backend import is_plain
from pymc_landscape.engine.rewrites import (
    canonical,
    interpreter_mode,
    stabilised,
    without_named_dims,
    without_parameter_checks,
)

__all__ = [
    "NO_TRACEBACKS",
    "Backend",
    "ChunkedEvaluation",
    "DerivativeKind",
    "DifferenceEngine",
    "Engine",
    "Evaluation",
    "GraphEngine",
    "InterpretedGraphs",
    "PointEngine",
    "RewrittenTogether",
    "canonical",
    "drawn",
    "evaluated",
    "interpreter_mode",
    "is_plain",
    "jacobian_by_differences",
    "stabilised",
    "vectorized",
    "weighted_derivatives",
    "without_named_dims",
    "without_parameter_checks",
]
