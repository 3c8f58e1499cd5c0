"""Which back end evaluates the graphs of an engine: a choice by the size of the work and by the time it has taken.

The interpreter is ready at once; the kernel is machine code, which takes seconds to compile the first time. Whoever
interprets for as long as compiling takes, and only then compiles, never needs more than twice the time of the better
choice made in advance. So the interpreter starts, and its time is added up over all requests to one engine: many small
requests end at the kernel too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np

from pymc_landscape._typing import Graph
from pymc_landscape.engine.interpreter import operations_in
from pymc_landscape.engine.kernel_cache import is_on_disk, kernel_name

# Seconds of processor time that are interpreted before a kernel is compiled: about what compiling takes. Factorisations
# and solves take numba several times longer to compile; a kernel that is on disk is loaded in one second.
PATIENCE = 3.0
PATIENCE_ON_DISK = 1.0
PATIENCE_LINEAR_ALGEBRA = 12.0
# Number of points from which linear algebra is left at once to a kernel that only has to be loaded.
MANY_POINTS = 2_000
# Seconds of single points after which blocks of more than FEW points are worth a function of blocks: that takes as
# long to write.
PATIENCE_FOR_BLOCKS, FEW = 1.0, 4
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
        Seconds of interpreting for which no kernel is compiled that is not on disk, or what gives them for the graphs
        (infinite: none is ever); None is what compiling takes.

    Attributes
    ----------
    spent : float
        Seconds that the interpreter has worked.
    has_kernel : bool
        Whether the kernel is loaded.
    """

    def __init__(self, graphs: Callable[[], Sequence[Graph]], asked: str | None, patience: Patience = None):
        self._graphs, self.asked = graphs, asked
        self.spent, self.has_kernel = 0.0, False
        self._wanted = patience

    def choose_backend(self, total: int) -> str:
        """Return the name of the back end for `total` more points, after what has been spent."""
        if self.asked is not None:
            return self.asked
        if self.has_kernel or self._is_impatient:
            return "numba"
        at_once = total >= MANY_POINTS and self.linear_algebra and self._on_disk
        return "numba" if at_once else "interpreter"

    @cached_property
    def linear_algebra(self) -> bool:
        """Whether numba has a factorisation or a solve to compile."""
        return _has_linear_algebra(self._graphs())

    @property
    def _is_impatient(self) -> bool:
        wanted = PATIENCE if self._wanted is None else PATIENCE_ON_DISK if callable(self._wanted) else self._wanted
        least = min(PATIENCE_ON_DISK, wanted)
        if self.spent <= least and "patience" not in vars(self):  # nothing need be known of the graphs as yet
            return False
        return self.spent > self.patience

    @property
    def is_open(self) -> bool:
        """Whether single points may still be interpreted."""
        return self.asked == "interpreter" or (self.asked is None and not self.has_kernel)

    def wants_blocks(self, total: int) -> bool:
        """Whether so many points are worth a function of blocks, where none has been written yet."""
        return total > FEW and self.spent > PATIENCE_FOR_BLOCKS

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
        """Seconds of interpreting that a kernel has to beat."""
        if self.asked == "interpreter":
            return np.inf
        wanted = self._wanted(self._graphs()) if callable(self._wanted) else self._wanted
        if wanted != np.inf and self._on_disk:
            return PATIENCE_ON_DISK
        if wanted is not None:
            return wanted
        return PATIENCE_LINEAR_ALGEBRA if self.linear_algebra else PATIENCE


def _has_linear_algebra(graphs: Sequence[Graph]) -> bool:
    return any("linalg" in module for module, _ in operations_in(graphs))
