"""The graphs of one point, evaluated at many by the back end that suits the size of the work.

* The *interpreter* evaluates whole blocks with NumPy, or single points as straight Python, and is ready at once.
* The *kernel* is machine code by numba, which takes seconds to compile the first time.
* *JAX*, PyTensor's C compiler and modes of the user are used when asked for.

With ``backend=None`` a :class:`~pymc_landscape.engine.backend_choice.BackendChoice` decides between the first two.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any, override

import numpy as np
import pytensor
from pymc.pytensorf import resolve_backend_compile_kwargs
from pytensor.graph.fg import FunctionGraph

from pymc_landscape._typing import Array, Graph
from pymc_landscape.engine.backend import Backend, point_by_point
from pymc_landscape.engine.backend_choice import FEW, SMALL, BackendChoice, Patience
from pymc_landscape.engine.chunks import ChunkedEvaluation
from pymc_landscape.engine.convexity import is_convex
from pymc_landscape.engine.engine import Engine
from pymc_landscape.engine.interpreter import (
    NO_TRACEBACKS,
    DeferredGraphs,
    InterpretedGraphs,
    Operation,
    Program,
    RewrittenTogether,
    StoredPrograms,
    flat,
    known_size,
    operations_in,
    which_graphs,
    without_parameter_checks,
    without_symbolic_ops,
)
from pymc_landscape.engine.kernel_cache import record_on_disk
from pymc_landscape.engine.numpy_backend import BLOCK_ELEMENTS, numpy_backend
from pymc_landscape.numerics import WRITING, cached_once, one_blas_thread

_log = logging.getLogger("pymc_landscape")


class GraphEngine(Engine):
    """Graphs of one flat vector, ready to be evaluated at many.

    Parameters
    ----------
    vector : Graph
        Flat input of length k.
    graphs : mapping of str to Graph
        Graphs of one point; arrays come back raveled to vectors.
    check_bounds : bool
        As in ``pm.Model``.
    backend : str, optional
        ``"numba"``, ``"jax"``, ``"c"``, or ``"interpreter"``; None chooses by the size of the work.
    compile_kwargs : dict, optional
        As in PyMC; a ``mode`` in it is used as it is, in a loop over points.
    patience : float or callable, optional
        Counted seconds of interpreting for which no kernel is compiled that is not on disk, or what gives them for the
        graphs (infinite: none is ever); left out, about what compiling takes.
    written_out : bool
        Whether the graphs are so large that they are only ever interpreted, unless another back end is asked for.
    shared : RewrittenTogether, optional
        Graphs that have been rewritten together, maybe these among them: single points come from there then.
    """

    def __init__(
        self,
        vector: Graph,
        graphs: Mapping[str, Graph],
        *,
        check_bounds: bool = True,
        backend: str | None = None,
        compile_kwargs: Mapping[str, Any] | None = None,
        patience: Patience = None,
        written_out: bool = False,
        shared: RewrittenTogether | None = None,
    ):
        self.vector, self._shared, self._check_bounds, self._written = vector, shared, check_bounds, graphs
        self.compile_kwargs = dict(compile_kwargs or {})
        asked = "mode" if "mode" in self.compile_kwargs and backend is None else backend
        if asked not in (None, "interpreter"):
            resolve_backend_compile_kwargs(backend, self.compile_kwargs)
        self.choice = BackendChoice(lambda: self.graphs, asked or ("interpreter" if written_out else None), patience)
        self._written_out = written_out
        self._backends: dict[str, Backend] = {}
        self._convex: dict[str, tuple[list[Any], bool]] = {}  # with which data that was
        super().__init__(tuple(graphs), int(vector.type.shape[0]))

    @cached_once
    def graphs(self) -> list[Graph]:
        """The graphs, their parameter checks settled; written when they are first asked for."""
        return without_parameter_checks([flat(graph) for graph in self._written.values()], self._check_bounds)

    @cached_once
    def operations(self) -> list[Operation]:
        """The module of each kind of Op in the graphs as they are interpreted, and whether it is a graph of Ops."""
        known = None
        if isinstance(self._written, DeferredGraphs) and self._shared is not None:
            known = self._shared.operations(self.names, self._check_bounds)
        return operations_in(self._rewritten.graphs) if known is None else known

    @property
    @override
    def linear_algebra(self) -> bool:
        return self.choice.linear_algebra

    @cached_once
    @override
    def lengths(self) -> list[int | None]:
        shapes = [graph.type.shape for graph in self.graphs]
        if any(None in shape for shape in shapes):  # not known before they are evaluated
            example = self.backend("interpreter").run(np.ones((1, self.size)))
            shapes = [value.shape[1:] for value in example]
        return [shape[0] if shape else None for shape in shapes]

    # --- small work --------------------------------------------------------------------------------------------------

    @override
    def one(self, point: Array) -> list[Array]:
        name = self.choice.choose_backend(1)
        if name != "interpreter":
            return [value[0] for value in self.backend(name).run(point[None])]
        single = self._single
        self.choice.spent += single.cost.call
        with np.errstate(all="ignore"):
            values: list[Array] = single.function(point)
        return values

    @override
    def several(self, points: Array) -> list[Array]:
        single = self.choice.choose_backend(1) == "interpreter" and not self._backends
        if not single or (self.choice.wants_blocks(len(points), self._has_blocks) and self._fits_in_blocks):
            return list(self.at(points).values())
        return [np.stack(values) for values in zip(*(self.one(point) for point in points), strict=True)]

    def _has_blocks(self) -> bool:
        """Whether an earlier process wrote the function of blocks; not asked of graphs that are not written yet."""
        if isinstance(self._written, DeferredGraphs) or self._is_of_long_data:
            return False
        return self._stored.holds("blocks")

    @cached_once
    def _is_of_long_data(self) -> bool:
        """Whether data alone, of which no number is read, are too many for several points in a block."""
        return max(map(known_size, self._store.leaves), default=0) * FEW > BLOCK_ELEMENTS

    @cached_once
    def _fits_in_blocks(self) -> bool:
        """Whether several points fit into one block: of long data each fills one, and single points take less."""
        if self._is_of_long_data:
            return False
        which = f"most elements: {which_graphs(self.names, self._check_bounds)}"
        most = self._store.find_once(
            which, lambda: max((known_size(variable) for variable in self._with_names[0].variables), default=1)
        )
        return most * FEW <= BLOCK_ELEMENTS

    @override
    def at(self, points: Array) -> dict[str, Array]:
        if len(points) == 1 and self.choice.is_open:
            return {name: value[None] for name, value in zip(self.names, self.one(points[0]), strict=True)}
        block = self._directly(points)
        return super().at(points) if block is None else dict(zip(self.names, block, strict=True))

    def _directly(self, points: Array) -> list[Array] | None:
        """Evaluate a block that is done before larger work is set up; None if it is not, or if the model raises."""
        name = self.choice.choose_backend(len(points))
        backend = self._backends.get(name) if self.choice.asked in (None, "interpreter", "numba") else None
        if backend is None or len(points) * backend.seconds_per_point > SMALL:
            return None
        if len(points) > (backend.block or np.inf):
            return None
        try:
            with one_blas_thread() if self.linear_algebra else nullcontext(), np.errstate(all="ignore"):
                block = backend.run(points)
        except Exception:  # at some point or other: the larger machinery finds out at which
            return None
        self.choice.spent += backend.cost.of(len(points))
        return block

    @cached_once
    def _single(self) -> Program:
        """The graphs as they are, interpreted: vectorising a large graph takes longer than many points."""
        together = self._shared and self._shared.program(self.names, self._check_bounds)
        return together or self._stored.load("one point") or self._rewritten.program(name="one point")

    @cached_once
    def _stored(self) -> StoredPrograms:
        return StoredPrograms([self.vector], self.graphs, self._written_out)

    @override
    def is_convex(self, name: str, several: Mapping[Graph, Sequence[Array]] | None = None) -> bool:
        if several is None:
            return self._convexity(name)
        fgraph, names = self._with_names
        shared: list[Any] = fgraph.inputs[1:]
        # rewritten graphs have copies of shared variables, with the same containers
        mine = {id(variable.container): variable for variable in shared}
        found = {mine.get(id(data.container)): values for data, values in several.items()}
        return None not in found and is_convex(fgraph.outputs[names.index(name)], fgraph.inputs[0], found)

    def known_convexity(self, name: str) -> bool | None:
        """Return what :meth:`is_convex` has found with the data as they are now; None where it was not asked."""
        if name not in self._convex:
            return None
        data, found = self._convex[name]
        return found if all(map(_is_same, self._store.shared_data(), data)) else None

    def _convexity(self, name: str) -> bool:
        """Read it off the rewritten graph, unless that was done with these data before: by an earlier process too."""
        if (known := self.known_convexity(name)) is not None:
            return known
        data, which = self._store.shared_data(), f"convex: {which_graphs([name], self._check_bounds)}"

        def find() -> bool:
            fgraph, names = self._with_names
            return is_convex(fgraph.outputs[names.index(name)], fgraph.inputs[0])

        found = self._store.find_once(which, find)
        self._convex[name] = data, found
        return found

    @cached_once
    def _store(self) -> StoredPrograms:
        """Where what is known of the graphs is kept: alone, or with those that they are rewritten with."""
        if self._shared is not None and self._shared.stored is not None and set(self.names) <= set(self._shared.names):
            return self._shared.stored
        return self._stored

    @cached_once
    def _with_names(self) -> tuple[FunctionGraph, tuple[str, ...]]:
        """The rewritten graphs, alone or among others, with the names of all."""
        if self._shared is not None and (together := self._shared.rewritten(self.names, self._check_bounds)):
            return together.fgraph, self._shared.names
        return self._rewritten.fgraph, self.names

    @cached_once
    def _rewritten(self) -> InterpretedGraphs:
        graphs = without_symbolic_ops(self.graphs)
        return InterpretedGraphs([self.vector], graphs, written_out=self._written_out, stored=self._stored)

    # --- large work --------------------------------------------------------------------------------------------------

    @override
    def evaluate(self, evaluation: ChunkedEvaluation) -> None:
        name = self.choice.choose_backend(evaluation.total)
        backend = self.backend(name)
        if name == "interpreter":
            seconds = backend.cost.of(evaluation.total, backend.block, evaluation.same_in_blocks(backend))
            backend = self.backend(self.choice.choose_backend(evaluation.total, seconds))
            self.choice.spent += seconds
        evaluation.finish(backend)

    # --- back ends ---------------------------------------------------------------------------------------------------

    @override
    def compile(self) -> None:
        self.backend(self.choice.asked or "numba")

    def backend(self, name: str) -> Backend:
        """Return a back end by name, made when it is first asked for."""
        if name not in self._backends:
            makers = {"interpreter": self._interpreter, "numba": self._kernel_or_interpreter, "jax": self._jax}
            with WRITING, pytensor.config.change_flags(**NO_TRACEBACKS):
                if name not in self._backends:  # by another thread
                    self._backends[name] = makers.get(name, self._as_asked)()
            self.choice.has_kernel = self.choice.has_kernel or name == "numba"
        return self._backends[name]

    def _interpreter(self) -> Backend:
        return numpy_backend(self.vector, self.graphs, written_out=self._written_out, stored=self._stored)

    def _kernel_or_interpreter(self) -> Backend:
        """Compile the kernel; what numba cannot compile stays with the interpreter, which is right and slower."""
        from numba.core.errors import NumbaError

        from pymc_landscape.engine.numba_backend import numba_backend

        try:
            backend = numba_backend(self.vector, self.graphs, self.lengths)
        except (NumbaError, NotImplementedError):
            if self.choice.asked == "numba":
                raise
            _log.info("Numba cannot compile this model: going on with NumPy.")
            return self.backend("interpreter")
        if not backend.parallel and self.choice.asked is None:
            _log.info("An Op of the model is Python code, which numba cannot compile: going on with NumPy.")
            return self.backend("interpreter")
        record_on_disk(self.choice.kernel_name)
        return backend

    def _jax(self) -> Backend:
        from pymc_landscape.engine.jax_backend import jax_backend

        return jax_backend(self.vector, self.graphs)

    def _as_asked(self) -> Backend:
        """Loop over a function of one point, compiled as the user asked."""
        name = None if self.choice.asked == "mode" else self.choice.asked
        options = resolve_backend_compile_kwargs(name, self.compile_kwargs)
        return Backend(point_by_point(self.vector, self.graphs, **options))


def _is_same(now: Any, then: Any) -> bool:
    """Whether data are the same array, or a few equal numbers: a weight of the prior is set anew at each call."""
    return now is then or (np.size(now) <= FEW and np.array_equal(now, then))
