"""Free variables on the other scale, and Deterministics: graphs of one flat vector, derivatives, and labels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pymc_landscape.engine import Engine
from pymc_landscape.model import (
    GraphInputs,
    ModelMetadata,
    derived_graphs,
    element_labels,
    jacobian_graph,
    joined,
    natural_graphs,
    refuse_written_out,
    unconstrained_graphs,
)
from pymc_landscape.objective.evaluators.engine_kinds import Graphs, Kind


def moved_graphs(kind: Kind, values: GraphInputs, metadata: ModelMetadata) -> Graphs:
    """Write free variables on the other scale, or Deterministics, or the derivatives of either.

    Parameters
    ----------
    kind : {"natural", "unconstrained", "derived", "natural_jacobian", "derived_jacobian"}
        What is written.
    values : GraphInputs
        The free variables as graphs of one flat vector.
    metadata : ModelMetadata
        Names of both.
    """
    derived, vector = kind.startswith("derived"), values.vector
    write = unconstrained_graphs if kind == "unconstrained" else natural_graphs
    names = metadata.deterministics if derived else tuple(v.name for v in metadata.variables)
    moved = derived_graphs(values, names) if derived else write(values)
    if kind.endswith("jacobian"):
        refuse_written_out(moved)
        return vector, {"jacobian": jacobian_graph(moved, vector), "moved": joined(moved)}
    return vector, dict(zip(names, moved, strict=True))


def derived_labels(metadata: ModelMetadata, engine: Callable[..., Engine]) -> list[str]:
    """Return the labels of all elements of the Deterministics; `engine` gives their values, for their sizes."""
    if not metadata.deterministics:
        return []
    derived, labels = engine("derived", metadata.names), list[str]()
    for name, value in zip(derived.names, derived.one(np.zeros(derived.size)), strict=True):
        dims, coords, shape = metadata.derived_dims(name, np.size(value))
        axes = [coords.get(dim, np.arange(n)) for dim, n in zip(dims, shape, strict=True)]
        labels += element_labels(name, axes)
    return labels
