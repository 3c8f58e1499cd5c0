"""Derivatives of a density, written when their graphs are needed: an earlier process may have left their functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from pymc_landscape._typing import Graph
from pymc_landscape.engine import DeferredGraphs, RewrittenTogether, StoredPrograms
from pymc_landscape.model import Density
from pymc_landscape.objective.evaluators.engine_kinds import Kind

# What engines of derivatives give.
NAMES: Mapping[str, tuple[str, ...]] = {"gradient": ("value", "gradient"), "hessian": ("value", "gradient", "hessian")}


def rewritten_together(density: Density, summands: Mapping[str, Graph], weight: float | Graph) -> RewrittenTogether:
    """Return what the graphs of a density and of its derivatives join; known by the density they are written from.

    Parameters
    ----------
    density : Density
        Over one flat vector.
    summands : dict of str to Graph
        What log L is the sum of.
    weight : float or Graph
        Weight of the log prior in derivatives.
    """
    is_number = isinstance(weight, float)
    graphs = [*summands.values(), density.prior, *([] if is_number else [weight])]
    return RewrittenTogether(
        StoredPrograms([density.vector], graphs, tuple(summands), weight if is_number else "weighted")
    )


def written_when_needed(
    kind: Kind,
    shared: RewrittenTogether,
    vector: Graph,
    write: Callable[[], Mapping[str, Graph]],
    beside: DeferredGraphs,
    check_bounds: bool,
) -> Mapping[str, Graph]:
    """Return the graphs of an engine, and let those of a Hessian join the others.

    Where an earlier process has left the function, graphs are written when something else is asked of them.

    Parameters
    ----------
    kind : {"density", "gradient", "hessian"}
        Of the engine.
    shared : RewrittenTogether
        What the graphs join.
    vector : Graph
        What they are graphs of.
    write : callable
        Writes them.
    beside : DeferredGraphs
        Graphs of the density that are rewritten with its Hessian.
    check_bounds : bool
        As in ``pm.Model``.
    """
    orders = list(NAMES)[list(NAMES).index(kind) :] if kind in NAMES else []
    # where an earlier process had the Hessian, a gradient can be written too
    is_left = any(shared.is_stored(NAMES[order], check_bounds) for order in orders)
    graphs = DeferredGraphs(NAMES[kind], write) if is_left else write()
    if kind == "hessian":
        both = DeferredGraphs((*graphs, *beside), partial(_joined, graphs, beside))
        shared.join(vector, both if is_left else dict(both))
    return graphs


def _joined(graphs: Mapping[str, Graph], others: Mapping[str, Graph]) -> dict[str, Graph]:
    return {**graphs, **others}
