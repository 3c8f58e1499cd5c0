"""PyTensor graphs of one flat vector, evaluated at many points."""

from pymc_landscape.engine.backend import Backend
from pymc_landscape.engine.chunks import ChunkedEvaluation, Evaluation
from pymc_landscape.engine.engine import Engine
from pymc_landscape.engine.graph_engine import GraphEngine
from pymc_landscape.engine.python_backend import straight_line
from pymc_landscape.engine.rewrites import interpreter_mode, without_named_dims, without_parameter_checks

__all__ = [
    "Backend",
    "ChunkedEvaluation",
    "Engine",
    "Evaluation",
    "GraphEngine",
    "interpreter_mode",
    "straight_line",
    "without_named_dims",
    "without_parameter_checks",
]
