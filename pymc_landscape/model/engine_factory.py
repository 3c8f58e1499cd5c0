"""Engines of a model's graphs, and all else that is made of a model once and shared by the objectives of it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from pymc_landscape._typing import Graph
from pymc_landscape.engine import GraphEngine, Patience, RewrittenTogether, operations_in
from pymc_landscape.model.data import DataSwaps
from pymc_landscape.model.metadata import Made, ModelMetadata
from pymc_landscape.model.written_out import n_operations

# A model of so many elements and Ops, its second derivatives among them, is small; those take machine code this many
# seconds an Op to compile.
FEW_ELEMENTS, FEW_OPERATIONS, SECONDS_OF_COMPILING = 12, 800, 0.03


class EngineFactory:
    """Makes engines as the user asked for them, and keeps what was made until the model changes.

    Parameters
    ----------
    metadata : ModelMetadata
        Of the model.
    data : DataSwaps
        Its data: where other data are replaced, the graphs are others.
    backend : str or None
        As in :class:`~pymc_landscape.engine.graph_engine.GraphEngine`.
    compile_kwargs : mapping or None
        As in PyMC.
    key : hashable
        All else that graphs depend on.

    Attributes
    ----------
    meeting : callable or None
        Gives what stands for which random effects meet in the data as they are now.
    """

    meeting: Callable[[], Hashable] | None = None

    def __init__(
        self,
        metadata: ModelMetadata,
        data: DataSwaps,
        backend: str | None,
        compile_kwargs: Mapping[str, Any] | None,
        key: Hashable,
    ):
        self.metadata, self.data, self.key = metadata, data, key
        self.backend, self.compile_kwargs = backend, dict(compile_kwargs or {})

    def kept(self, key: Hashable, build: Callable[[], Made], *, is_for_all_data: bool = False) -> Made:
        """Return what `build` makes of the model, made once for each `key` until the model changes.

        It is made anew where data change which random effects meet, unless it `is_for_all_data` of one shape.
        """
        # which observations belong to which element of a discrete variable is read off whole numbers among the data
        indices = self.data.integers() if self.metadata.summed_variables else None
        meeting = None if self.meeting is None or is_for_all_data else self.meeting()
        options = self.key, self.backend, _hashable(self.compile_kwargs)
        return self.metadata.read((key, self.data.names, indices, meeting, options), build)

    def engine(
        self,
        vector: Graph,
        graphs: Mapping[str, Graph],
        patience: Patience = None,
        written_out: bool = False,
        shared: RewrittenTogether | None = None,
    ) -> GraphEngine:
        """Return an engine of graphs over a flat vector, on the back end that the user asked for."""
        return GraphEngine(
            vector,
            graphs,
            check_bounds=self.metadata.model.check_bounds,
            backend=self.backend,
            compile_kwargs=self.compile_kwargs,
            patience=patience,
            written_out=written_out,
            shared=shared,
        )

    def of_many(self, vector: Graph, graphs: Mapping[str, Graph]) -> GraphEngine:
        """Return an engine that chooses by the size of the work: of derivatives that no back end is asked for."""
        checks, backend = self.metadata.model.check_bounds, self.backend if self.backend == "interpreter" else None
        return GraphEngine(vector, graphs, check_bounds=checks, backend=backend)

    def for_few_points(
        self,
        vector: Graph,
        graphs: Mapping[str, Graph],
        *,
        written_out: bool = False,
        shared: RewrittenTogether | None = None,
    ) -> GraphEngine:
        """Return an engine for few points, which are not worth a compiler: it interprets.

        But Hessians of a small model are compiled where that repays, for searches come back to them. In those of a
        large model most of the time goes into arithmetic, and compiling them takes minutes.
        """
        if (
            "hessian" in graphs
            and int(vector.type.shape[0]) <= FEW_ELEMENTS
            and not (written_out or self.compile_kwargs)
        ):
            if self.backend is None:
                return self.engine(vector, graphs, seconds_of_compiling, shared=shared)
            if self.backend == "numba" and seconds_of_compiling(list(graphs.values())) < np.inf:
                return self.engine(vector, graphs, shared=shared)
        checks = self.metadata.model.check_bounds
        return GraphEngine(
            vector, graphs, check_bounds=checks, backend="interpreter", written_out=written_out, shared=shared
        )


def seconds_of_compiling(graphs: Sequence[Graph]) -> float:
    """Return how long machine code of second derivatives takes to compile; infinite where they are best interpreted."""
    n = n_operations(graphs)
    slow = n > FEW_OPERATIONS or any(".linalg." in name or ".scan." in name for name, _ in operations_in(graphs))
    return np.inf if slow else SECONDS_OF_COMPILING * n


def _hashable(compile_kwargs: Mapping[str, Any]) -> Hashable:
    """Return a key for compile options; modes do not hash, so such options are known by their identity."""
    return tuple(sorted((k, v if isinstance(v, str) else id(v)) for k, v in compile_kwargs.items()))
