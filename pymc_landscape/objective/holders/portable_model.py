"""A model in another process, with what PyMC knows there of distributions of the user's own.

PyMC keeps the methods of a distribution (its log density, the point where a search begins, how its draws are resized)
in tables of functions, by the type of its Op. A pickle holds such a type by value where no module has it, as those that
``pm.CustomDist`` makes. Its entries in the tables stay behind, and in the other process the variable has no density: so
they travel with the model.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pymc as pm
from pymc.distributions.distribution import _support_point
from pymc.distributions.shape_utils import _change_dist_size
from pymc.distributions.transforms import _default_transform
from pymc.logprob.abstract import _icdf, _logccdf, _logcdf, _logprob
from pytensor.graph.traversal import ancestors

from pymc_landscape._typing import Graph
from pymc_landscape.results import Portable

TABLES: dict[str, Any] = {
    table.__name__: table
    for table in (_logprob, _logcdf, _logccdf, _icdf, _support_point, _change_dist_size, _default_transform)
}


class PortableModel(Portable):
    """What holds a ``pm.Model`` as `model`, and is the same object in another process."""

    model: pm.Model

    def __getstate__(self) -> dict[str, Any]:
        """Take along the methods of distributions that are by value in a pickle."""
        return {**vars(self), "_methods": list(_own_methods(self.model))}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Register the methods that this process does not know."""
        for name, kind, method in state.pop("_methods"):
            if kind not in TABLES[name].registry:
                TABLES[name].register(kind, method)
        vars(self).update(state)


def _own_methods(model: pm.Model) -> Iterator[tuple[str, type, Callable[..., Any]]]:
    """Yield the name of a table, the type of an Op, and its method."""
    for kind in {type(op) for op in _ops([*model.basic_RVs, *model.potentials, *model.deterministics])}:
        if _is_by_value(kind):
            yield from ((name, kind, table.registry[kind]) for name, table in TABLES.items() if kind in table.registry)


def _is_by_value(kind: type) -> bool:
    """Whether another process does not find a type by its name."""
    found: Any = None if kind.__module__ == "__main__" else sys.modules.get(kind.__module__)
    for name in kind.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is not kind


def _ops(graphs: list[Graph]) -> Iterator[Any]:
    """Yield the Ops of graphs, and those inside Ops that are made of graphs."""
    for node in {v.owner for v in ancestors(graphs) if v.owner is not None}:
        yield node.op
        if (inner := getattr(node.op, "fgraph", None)) is not None:
            yield from _ops(list(inner.outputs))
