"""Engines of a model's graphs, and all else that is made of a model once and shared by the objectives of it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from pymc_landscape._typing import Graph
from pymc_landscape.engine import GraphEngine, RewrittenTogether
from pymc_landscape.model.data import DataSwaps
from pymc_landscape.model.metadata import Made, ModelMetadata


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
    """

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

    def kept(self, key: Hashable, build: Callable[[], Made]) -> Made:
        """Return what `build` makes of the model, made once for each `key` until the model changes."""
        # which observations belong to which element of a discrete variable is read off whole numbers among the data
        indices = self.data.integers() if self.metadata.summed_variables else None
        options = self.key, self.backend, _hashable(self.compile_kwargs)
        return self.metadata.read((key, self.data.names, indices, options), build)

    def engine(
        self,
        vector: Graph,
        graphs: Mapping[str, Graph],
        patience: float | None = None,
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

    def interpreted(
        self,
        vector: Graph,
        graphs: Mapping[str, Graph],
        *,
        written_out: bool = False,
        shared: RewrittenTogether | None = None,
    ) -> GraphEngine:
        """Return an engine for few points, which are not worth a compiler."""
        checks = self.metadata.model.check_bounds
        return GraphEngine(
            vector, graphs, check_bounds=checks, backend="interpreter", written_out=written_out, shared=shared
        )


def _hashable(compile_kwargs: Mapping[str, Any]) -> Hashable:
    """Return a key for compile options; modes do not hash, so such options are known by their identity."""
    return tuple(sorted((k, v if isinstance(v, str) else id(v)) for k, v in compile_kwargs.items()))
