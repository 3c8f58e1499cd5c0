"""Graphs for NumPy: rewritten without a compiler, vectorised, and written out as straight Python."""

from pymc_landscape.engine.interpreter.batched_scans import vectorized, without_maps
from pymc_landscape.engine.interpreter.full_precision import in_full_precision
from pymc_landscape.engine.interpreter.graph_digest import name_of_graphs
from pymc_landscape.engine.interpreter.infinite_data import without_infinite_data
from pymc_landscape.engine.interpreter.interpreted_cost import InterpretedCost, Program, interpreted_cost, is_arithmetic
from pymc_landscape.engine.interpreter.interpreted_graphs import (
    NO_TRACEBACKS,
    DeferredGraphs,
    InterpretedGraphs,
    RewrittenTogether,
    drawn,
    evaluated,
    flat,
    which_graphs,
)
from pymc_landscape.engine.interpreter.known_lengths import known_length, with_known_lengths
from pymc_landscape.engine.interpreter.python_backend import is_plain, performed
from pymc_landscape.engine.interpreter.random_draws import draw_by_numpy
from pymc_landscape.engine.interpreter.rewrites import (
    canonical,
    interpreter_mode,
    known_size,
    stabilised,
    without_named_dims,
    without_parameter_checks,
)
from pymc_landscape.engine.interpreter.scalar_states import with_scalar_states
from pymc_landscape.engine.interpreter.stored_programs import StoredPrograms
from pymc_landscape.engine.interpreter.symbolic_ops import Operation, operations_in, without_symbolic_ops

__all__ = [
    "NO_TRACEBACKS",
    "DeferredGraphs",
    "InterpretedCost",
    "InterpretedGraphs",
    "Operation",
    "Program",
    "RewrittenTogether",
    "StoredPrograms",
    "canonical",
    "draw_by_numpy",
    "drawn",
    "evaluated",
    "flat",
    "in_full_precision",
    "interpreted_cost",
    "interpreter_mode",
    "is_arithmetic",
    "is_plain",
    "known_length",
    "known_size",
    "name_of_graphs",
    "operations_in",
    "performed",
    "stabilised",
    "vectorized",
    "which_graphs",
    "with_known_lengths",
    "with_scalar_states",
    "without_infinite_data",
    "without_maps",
    "without_named_dims",
    "without_parameter_checks",
    "without_symbolic_ops",
]
