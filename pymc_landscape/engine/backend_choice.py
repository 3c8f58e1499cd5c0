"""Which back end evaluates the graphs of an engine: a choice by the size of the work, and of what has been done.

The interpreter is ready at once; the kernel is machine code, which takes a second or more to compile the first time.
Whoever interprets for as long as compiling takes, and only then compiles, never needs more than twice the time of the
better choice made in advance. So what is interpreted is added up over all requests to one engine: many small requests
end at the kernel too. Large ones, of which it is known that they will take longer, begin there.

The time is counted, not measured: two runs of a script choose alike, whatever else the machine does, and the last
digits of what they say are the same. For the same reason nothing is compiled beside the first answers, by another
thread: when it would be ready depends on the machine, and what numba does with the filters of warnings while it
compiles is done for all threads at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
from pytensor.graph.traversal import ancestors
from pytensor.raise_op import CheckAndRaise
from pytensor.tensor.basic import Alloc, Join, MakeVector, ScalarFromTensor, TensorFromScalar
from pytensor.tensor.elemwise import CAReduce, DimShuffle, Elemwise
from pytensor.tensor.shape import Reshape
from pytensor.tensor.subtensor import AdvancedSubtensor, Subtensor

from pymc_landscape._typing import Graph
from pymc_landscape.engine.interpreter import operations_in
from pymc_landscape.engine.kernel_cache import is_on_disk, kernel_name

# Counted seconds that are interpreted before a kernel is compiled: about what compiling takes. Numbers and sums over
# vectors are one function, whether on disk or not; factorisations and solves take numba several times longer to
# compile; another kernel that is on disk is loaded in one second.
PATIENCE = 3.0
PATIENCE_NUMBERS = 1.0
PATIENCE_ON_DISK = 1.0
PATIENCE_LINEAR_ALGEBRA = 12.0
# Number of points from which linear algebra is left at once to a kernel that only has to be loaded.
MANY_POINTS = 2_000
# Counted seconds of single points after which blocks of more than FEW points are worth a function of blocks: that takes
# as long to write.
PATIENCE_FOR_BLOCKS, FEW = 0.5, 4
# What is done element by element, what sums, and what takes parts of vectors and puts them together.
OF_NUMBERS = (
    *(Elemwise, CAReduce, DimShuffle, Subtensor, AdvancedSubtensor, Reshape, MakeVector, Join, Alloc),
    *(ScalarFromTensor, TensorFromScalar, CheckAndRaise),
)
# Seconds of work for which threads, chunks and the search for points that raise are not set up.
SMALL = 2e-3

# Seconds, or what gives them for the graphs, or None.
Patience = float | Callable[[Sequence[Graph]], float] | None


class BackendChoice:
    """The choice between interpreter and kernel for one engine.

    Parameters
    ----------
    graphs : callable
        Gives what is evaluated; it may have to be written first, and is not asked for before there is a choice.
    asked : str or None
        The back end that the user wants; None leaves the choice open.
    patience : float, callable or None
        Counted seconds of interpreting for which no kernel is compiled that is not on disk, or what gives them for the
        graphs (infinite: none is ever); None is what compiling takes.

    Attributes
    ----------
    spent : float
        Counted seconds that the interpreter has worked.
    has_kernel : bool
        Whether the kernel is loaded.
    """

    def __init__(self, graphs: Callable[[], Sequence[Graph]], asked: str | None, patience: Patience = None):
        self._graphs, self.asked = graphs, asked
        self.spent, self.has_kernel = 0.0, False
        self._blocks_are_written: bool | None = None
        self._wanted = patience

    def choose_backend(self, total: int, expected: float = 0.0) -> str:
        """Return the name of the back end for `total` more points, after what has been spent.

        Parameters
        ----------
        total : int
            How many.
        expected : float
            Counted seconds that they take the interpreter, where they are known.
        """
        if self.asked is not None:
            return self.asked
        if self.has_kernel or self._is_beyond_patience(self.spent + expected):
            return "numba"
        at_once = total >= MANY_POINTS and self.linear_algebra and self._on_disk
        return "numba" if at_once else "interpreter"

    @cached_property
    def linear_algebra(self) -> bool:
        """Whether numba has a factorisation or a solve to compile."""
        return _has_linear_algebra(self._graphs())

    def _is_beyond_patience(self, seconds: float) -> bool:
        wanted = PATIENCE if self._wanted is None else PATIENCE_ON_DISK if callable(self._wanted) else self._wanted
        least = min(PATIENCE_ON_DISK, PATIENCE_NUMBERS, wanted)
        if seconds <= least and "patience" not in vars(self):  # nothing need be known of the graphs as yet
            return False
        return seconds > self.patience

    @property
    def is_open(self) -> bool:
        """Whether single points may still be interpreted."""
        return self.asked == "interpreter" or (self.asked is None and not self.has_kernel)

    def wants_blocks(self, total: int, are_written: Callable[[], bool]) -> bool:
        """Whether so many points are worth a function of blocks, which has to be written unless one is kept on disk."""
        if total <= FEW:
            return False
        if self._blocks_are_written is None:
            self._blocks_are_written = are_written()
        return self._blocks_are_written or self.spent > PATIENCE_FOR_BLOCKS

    @cached_property
    def kernel_name(self) -> str:
        """The name under which the kernel is known on disk."""
        return kernel_name(self._graphs())

    @cached_property
    def _on_disk(self) -> bool:
        """Whether the kernel has been compiled on this machine before."""
        return is_on_disk(self.kernel_name)

    @cached_property
    def patience(self) -> float:
        """Counted seconds of interpreting that a kernel has to beat."""
        if self.asked == "interpreter":
            return np.inf
        wanted = self._wanted(self._graphs()) if callable(self._wanted) else self._wanted
        if wanted is None:
            wanted = PATIENCE_LINEAR_ALGEBRA if self.linear_algebra else PATIENCE
        if wanted == np.inf:
            return wanted
        if _are_of_numbers(self._graphs()):
            return min(wanted, PATIENCE_NUMBERS)
        return PATIENCE_ON_DISK if self._on_disk else wanted


def _are_of_numbers(graphs: Sequence[Graph]) -> bool:
    """Whether graphs are numbers, and all else in them vectors and what is done element by element."""
    made = [v for v in ancestors(graphs) if v.owner is not None]
    scalars = all(getattr(graph.type, "ndim", 0) == 0 for graph in graphs)
    vectors = all(getattr(v.type, "ndim", 0) <= 1 for v in made)
    return scalars and vectors and all(isinstance(v.owner.op, OF_NUMBERS) for v in made)


def _has_linear_algebra(graphs: Sequence[Graph]) -> bool:
    return any("linalg" in module for module, _ in operations_in(graphs))
