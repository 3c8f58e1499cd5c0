"""Graphs for NumPy, Op by Op: rewritten once, then any of them as straight Python; or evaluated as they stand.

PyTensor's own function of a graph is a rewritten graph and a machine around each node that runs it. Only the rewriting
is wanted here: what it costs is most of a first answer, so that it is done once for all graphs of one vector, and a
function of some of them is cut out of what was rewritten together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, override

import numpy as np
import pytensor
from pymc.pytensorf import collect_default_updates
from pytensor.compile.aliasing import insert_deepcopy
from pytensor.compile.io import In, SymbolicOutput
from pytensor.compile.mode import Mode
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Apply, Constant
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.basic import MergeOptimizer
from pytensor.graph.traversal import ancestors, graph_inputs, io_toposort
from pytensor.tensor.random.op import RandomVariable
from pytensor.tensor.random.type import RandomType

from pymc_landscape._typing import Array, Graph
from pymc_landscape.engine.interpreter.interpreted_cost import Program, interpreted_cost
from pymc_landscape.engine.interpreter.known_lengths import with_known_lengths
from pymc_landscape.engine.interpreter.programs import StraightLine
from pymc_landscape.engine.interpreter.python_backend import can_be_written, is_plain, performed, straight_line
from pymc_landscape.engine.interpreter.random_draws import drawn_by_numpy
from pymc_landscape.engine.interpreter.rewrites import (
    interpreter_mode,
    share_exponentials,
    without_parameter_checks,
    without_traces,
)
from pymc_landscape.engine.interpreter.stored_programs import StoredPrograms
from pymc_landscape.engine.interpreter.symbolic_ops import Operation, operations_in, without_symbolic_ops, write_out
from pymc_landscape.numerics import WRITING, cached_once, one_at_a_time, special_function

# Where a node of a graph was written is remembered for messages about code of the user; that of these graphs is ours.
NO_TRACEBACKS = {"traceback__limit": 0, "traceback__compile_limit": 0}

NO_GENERATORS: Mapping[Graph, np.random.Generator] = MappingProxyType({})


class InterpretedGraphs:
    """Graphs of some inputs, rewritten for NumPy when the first of them is asked for.

    Parameters
    ----------
    inputs : sequence of Graph
        What they are functions of, beside shared variables, which are read at each call.
    graphs : sequence of Graph
        They are left alone.
    written_out : bool
        Whether they are so large that no canonical form is sought.
    stored : StoredPrograms, optional
        Where the functions are kept for other processes.
    """

    def __init__(
        self,
        inputs: Sequence[Graph],
        graphs: Sequence[Graph],
        *,
        written_out: bool = False,
        stored: StoredPrograms | None = None,
    ):
        self.inputs, self.graphs, self.stored = list(inputs), list(graphs), stored
        self.written_out, self.mode = written_out, interpreter_mode(written_out)

    @cached_once
    def fgraph(self) -> FunctionGraph:
        """The rewritten graph; shared variables are its last inputs."""
        shared = [v for v in graph_inputs(self.graphs, self.inputs) if isinstance(v, SharedVariable)]
        inputs = [*self.inputs, *(v for v in shared if v not in self.inputs)]
        # constants are folded by NumPy too, not by gcc
        with WRITING, pytensor.config.change_flags(cxx="", mode=self.mode, **NO_TRACEBACKS):
            fgraph = without_traces(FunctionGraph(inputs, with_known_lengths(self.graphs), clone=True))
            self.mode.optimizer(fgraph)
            write_out(fgraph)  # what came of derivatives and of rewriting: PyTensor would compile each by itself
            insert_deepcopy(fgraph, [In(v) for v in inputs], [SymbolicOutput(v) for v in self.graphs])
        return fgraph

    @cached_once
    def _for_arrays(self) -> FunctionGraph:
        """The rewritten graph in the form in which NumPy evaluates it."""
        fgraph = self.fgraph.clone()
        share_exponentials(fgraph)
        MergeOptimizer().rewrite(fgraph)  # what was written last may have been there before
        return fgraph

    def function(self, outputs: Sequence[int] | None = None) -> Callable[..., Any]:
        """Return the function of a :meth:`program` that is not kept under a name."""
        return self.program(outputs).function

    def program(
        self, outputs: Sequence[int] | None = None, name: str = "", beside: Any = None, in_blocks: bool = False
    ) -> Program:
        """Return a function of the inputs that gives a list of some of the graphs, or of all, and what it costs.

        Parameters
        ----------
        outputs : sequence of int, optional
            Positions of the graphs that are wanted.
        name : str
            Under which the function is kept for other processes.
        beside : object, optional
            What is kept with it.
        in_blocks : bool
            Whether the input is a block of points.

        Returns
        -------
        Program
            Its function takes arrays and gives a list, an array or a NumPy number an output. It is straight Python, or
            a function of PyTensor where a node cannot be called alone.
        """
        fgraph, n = self._for_arrays, len(self.inputs)
        wanted = list(fgraph.outputs) if outputs is None else [fgraph.outputs[i] for i in outputs]
        nodes = list(io_toposort(fgraph.inputs, wanted))
        cost = interpreted_cost(nodes, fgraph.inputs[n:], in_blocks)
        program = self._written(nodes, wanted)
        if not isinstance(program, StraightLine):
            return Program(program, cost, beside)
        if self.stored is not None:
            self.stored.save(name, program, cost, beside)
        return Program(program.function(), cost, beside)

    def _written(self, nodes: Sequence[Apply[Any]], wanted: Sequence[Graph]) -> StraightLine | Callable[..., Any]:
        """Write nodes as straight Python, or let PyTensor make a function of them."""
        inputs, shared = self._for_arrays.inputs[: len(self.inputs)], self._for_arrays.inputs[len(self.inputs) :]
        with WRITING, pytensor.config.change_flags(cxx=""):
            if all(can_be_written(node) for node in nodes):
                return straight_line(inputs, _storage(shared), nodes, wanted, self._of_step)
            nothing: Any = None  # is left to be rewritten
            mode = Mode(linker=self.mode.linker, optimizer=nothing)
            options: dict[str, Any] = {"on_unused_input": "ignore", "trust_input": True}
            return one_at_a_time(pytensor.function(inputs, wanted, mode=mode, **options))

    def _of_step(
        self, inputs: Sequence[Graph], outputs: Sequence[Graph], as_written: bool = False
    ) -> StraightLine | Callable[..., Any]:
        step = InterpretedGraphs(inputs, outputs, written_out=self.written_out or as_written)
        fgraph = step._for_arrays
        return step._written(list(io_toposort(fgraph.inputs, fgraph.outputs)), fgraph.outputs)


def _storage(shared: Sequence[Graph]) -> dict[Graph, Any]:
    return {variable: variable.container.storage for variable in shared}


class RewrittenTogether:
    """Graphs over one vector that are rewritten together, once they are known.

    Rewriting takes most of the time of a first fit. A value, a gradient and a Hessian have most of their Ops in common,
    so that they are rewritten together, and the functions of a few of them are cut out. Engines hold it before it has
    any: which of them is asked first is not known.

    Parameters
    ----------
    stored : StoredPrograms, optional
        Where such functions are kept for other processes.

    Attributes
    ----------
    stored : StoredPrograms or None
        The same.
    """

    def __init__(self, stored: StoredPrograms | None = None) -> None:
        self._graphs: Mapping[str, Graph] = {}
        self.stored, self._operations = stored, dict[str, list[Operation]]()
        self._interpreted: InterpretedGraphs | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the graphs, in the order of the rewritten ones."""
        return tuple(self._graphs)

    def join(self, vector: Graph, graphs: Mapping[str, Graph]) -> None:
        """Take graphs by name, unless there is a loop in them: each part of those is compiled anew."""
        if isinstance(graphs, DeferredGraphs) or not _holds_a_loop(list(graphs.values())):
            self.vector, self._graphs = vector, graphs

    def is_stored(self, names: Sequence[str], check_bounds: bool) -> bool:
        """Whether an earlier process has left the function of these graphs."""
        return self.stored is not None and self.stored.holds(which_graphs(names, check_bounds))

    def program(self, names: Sequence[str], check_bounds: bool) -> Program | None:
        """Return a function of one point that gives graphs by name, and its cost; None where they are not known.

        Parameters
        ----------
        names : sequence of str
            Which of them.
        check_bounds : bool
            As in ``pm.Model``.
        """
        which = which_graphs(names, check_bounds)
        if self.stored is not None and (found := self.stored.load(which)):
            self._operations[which] = [(module, is_graph) for module, is_graph in found.beside]
            return found
        interpreted = self.rewritten(names, check_bounds)
        if interpreted is None:
            return None
        places = [self.names.index(name) for name in names]
        return interpreted.program(places, which, operations_in([interpreted.graphs[i] for i in places]))

    def operations(self, names: Sequence[str], check_bounds: bool) -> list[Operation] | None:
        """Return what :func:`operations_in` gives of graphs whose function an earlier process has left; else None."""
        return self._operations.get(which_graphs(names, check_bounds))

    def rewritten(self, names: Sequence[str], check_bounds: bool) -> InterpretedGraphs | None:
        """Return all graphs, rewritten when first asked for; None where those with these names are not known."""
        if not set(names) <= self._graphs.keys():
            return None
        if self._interpreted is None:
            graphs = without_parameter_checks([flat(graph) for graph in self._graphs.values()], check_bounds)
            self._interpreted = InterpretedGraphs([self.vector], without_symbolic_ops(graphs), stored=self.stored)
        return self._interpreted


def which_graphs(names: Sequence[str], check_bounds: bool) -> str:
    """Return under which name something of graphs is kept: their names, and whether parameters are checked."""
    return f"{' '.join(names)}, {'with' if check_bounds else 'without'} checks"


class DeferredGraphs(Mapping[str, Graph]):
    """Graphs by name that are written when the first of them is asked for.

    Parameters
    ----------
    names : sequence of str
        Their names, in order.
    write : callable
        Writes all.
    """

    def __init__(self, names: Sequence[str], write: Callable[[], Mapping[str, Graph]]):
        self._names, self._write = tuple(names), write

    @cached_once
    def _written(self) -> Mapping[str, Graph]:
        with WRITING, pytensor.config.change_flags(**NO_TRACEBACKS):
            return self._write()

    @override
    def __getitem__(self, name: str) -> Graph:
        return self._written[name]

    @override
    def __contains__(self, name: object) -> bool:
        return name in self._names  # what a Mapping does would write them

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    @override
    def __len__(self) -> int:
        return len(self._names)


def _holds_a_loop(graphs: Sequence[Graph]) -> bool:
    return any(".scan." in type(v.owner.op).__module__ for v in ancestors(graphs) if v.owner is not None)


def flat(graph: Graph) -> Graph:
    """Return a graph as numbers of double precision, an array as a vector."""
    graph = graph.astype("float64")
    return graph.ravel() if graph.type.ndim > 1 else graph


def evaluated(graphs: Sequence[Graph]) -> list[Array]:
    """Return the numbers of graphs that depend on constants and shared variables alone.

    They are computed Op by Op, with nothing rewritten; what is random, or a loop, is left to PyTensor's own function.
    """
    try:
        return _op_by_op(graphs)
    except Exception:  # an Op that cannot be called alone: PyTensor says what is wrong, if anything is
        with WRITING, pytensor.config.change_flags(cxx=""):
            values: list[Array] = pytensor.function([], list(graphs), mode="FAST_COMPILE")()
        return values


def drawn(graphs: Sequence[Graph], generators: dict[Graph, np.random.Generator]) -> list[Array]:
    """Return a draw of graphs of random variables, Op by Op; no graph is rewritten, no shared variable changed.

    Parameters
    ----------
    graphs : sequence of Graph
        What is drawn.
    generators : dict
        A generator for each shared one of the graphs; they are moved on.

    Raises
    ------
    NotImplementedError
        If an Op cannot be called alone.
    """
    next_generators = collect_default_updates(outputs=list(graphs))
    values = _op_by_op([*graphs, *next_generators.values()], generators)
    generators.update(zip(next_generators, values[len(graphs) :], strict=True))
    return values[: len(graphs)]


def _op_by_op(graphs: Sequence[Graph], generators: Mapping[Graph, np.random.Generator] = NO_GENERATORS) -> list[Any]:
    roots: list[Graph] = list(graph_inputs(graphs))
    known: dict[Graph, Any] = {v: v.data if isinstance(v, Constant) else v.get_value(borrow=True) for v in roots}
    known |= generators
    with np.errstate(all="ignore"):
        for node in io_toposort([], graphs):
            if (isinstance(node.op, RandomVariable) and not generators) or not is_plain(node):
                raise NotImplementedError(f"{node.op} cannot be called alone.")
            inputs = [known[variable] for variable in node.inputs]
            values = drawn_by_numpy(node, inputs) or _special_values(node, inputs)
            if values is None:
                node.op.prepare_node(node, None, None, "py")
                values = performed(node, inputs)
            known.update(zip(node.outputs, values, strict=True))
    return [known[graph] if isinstance(graph.type, RandomType) else np.array(known[graph]) for graph in graphs]


def _special_values(node: Apply[Any], inputs: Sequence[Any]) -> list[Any] | None:
    """Return what a special function of one array gives, for which no package is waited for; None for other nodes."""
    module, _, name = (getattr(node.op, "nfunc_spec", None) or ("",))[0].rpartition(".")
    if module != "scipy.special" or len(inputs) > 1 or node.outputs[0].type.dtype != "float64":
        return None
    return [np.asarray(special_function(name)(inputs[0], dtype="float64"))]
