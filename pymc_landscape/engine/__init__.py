"""PyTensor graphs of one flat vector, evaluated at many points."""

from pymc_landscape.engine.backend import Backend, checked_backend, checked_compile_kwargs
from pymc_landscape.engine.backend_choice import Patience
from pymc_landscape.engine.chunks import ChunkedEvaluation, Evaluation
from pymc_landscape.engine.derivatives_by_differences import (
    jacobian_by_differences,
    weighted_derivatives,
)
from pymc_landscape.engine.difference_engine import DerivativeKind, DifferenceEngine
from pymc_landscape.engine.engine import Engine
from pymc_landscape.engine.graph_engine import GraphEngine
from pymc_landscape.engine.interpreter import (
    NO_TRACEBACKS,
    DeferredGraphs,
    InterpretedGraphs,
    Operation,
    RewrittenTogether,
    StoredPrograms,
    canonical,
    draw_by_numpy,
    drawn,
    evaluated,
    in_full_precision,
    interpreter_mode,
    is_arithmetic,
    is_plain,
    known_length,
    name_of_graphs,
    operations_in,
    performed,
    stabilised,
    vectorized,
    with_known_lengths,
    with_scalar_states,
    without_infinite_data,
    without_maps,
    without_named_dims,
    without_parameter_checks,
)
from pymc_landscape.engine.point_engine import PointEngine

__all__ = [
    "NO_TRACEBACKS",
    "Backend",
    "ChunkedEvaluation",
    "DeferredGraphs",
    "DerivativeKind",
    "DifferenceEngine",
    "Engine",
    "Evaluation",
    "GraphEngine",
    "InterpretedGraphs",
    "Operation",
    "Patience",
    "PointEngine",
    "RewrittenTogether",
    "StoredPrograms",
    "canonical",
    "checked_backend",
    "checked_compile_kwargs",
    "draw_by_numpy",
    "drawn",
    "evaluated",
    "in_full_precision",
    "interpreter_mode",
    "is_arithmetic",
    "is_plain",
    "jacobian_by_differences",
    "known_length",
    "name_of_graphs",
    "operations_in",
    "performed",
    "stabilised",
    "vectorized",
    "weighted_derivatives",
    "with_known_lengths",
    "with_scalar_states",
    "without_infinite_data",
    "without_maps",
    "without_named_dims",
    "without_parameter_checks",
]
