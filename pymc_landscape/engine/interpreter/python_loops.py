"""A Scan as a loop of straight Python: its step is written out, and the arrays of its states are filled in place.

What PyTensor does around each step (storage of every input and output, checks, a thunk an Op) takes many times longer
than the few numbers of a step.
"""

from __future__ import annotations

from typing import Any

from pytensor.graph.basic import Apply
from pytensor.graph.replace import graph_replace
from pytensor.scan.op import Scan

from pymc_landscape._typing import Graph


def inner_graphs(op: Scan) -> tuple[list[Graph], list[Graph]]:
    """Return inputs and outputs of one step of a Scan, as graphs of their own."""
    inner = op.fgraph.unfreeze()
    fresh = {v: v.type() for v in inner.inputs}
    return list(fresh.values()), list(graph_replace(list(inner.outputs), fresh, strict=False))


def can_be_looped(op: Any) -> bool:
    """Whether an Op is a loop of known length over arrays."""
    return isinstance(op, Scan) and not op.info.as_while and not op.info.n_untraced_sit_sot and not op.destroy_map


def loop_source(node: Apply[Any]) -> str:
    """Return a Scan as lines: a function of its inputs, ``loop``, which calls ``step``.

    A state's array is a ring: its first entries are the values that the loop starts from, and an array with fewer
    entries than the loop has steps keeps the last ones.

    Parameters
    ----------
    node : Apply
        Of a Scan that `can_be_looped`.
    """
    op, info = node.op, node.op.info
    arguments = [f"x{i}" for i in range(len(node.inputs))]
    sequences, fixed = op.outer_seqs(arguments), op.outer_non_seqs(arguments)
    states = [*op.outer_mitmot(arguments), *op.outer_mitsot(arguments), *op.outer_sitsot(arguments)]
    new = op.outer_nitsot(arguments)
    ins = [*info.mit_mot_in_slices, *info.mit_sot_in_slices, *info.sit_sot_in_slices]
    outs = [*info.mit_mot_out_slices, *[(0,)] * (info.n_mit_sot + info.n_sit_sot)]
    first = [-min(0, *taps) for taps in ins]
    reads = [f"{x}[i]" for x in sequences]
    reads += [_entry(x, f + tap) for x, f, taps in zip(states, first, ins, strict=True) for tap in taps]
    targets = [_entry(x, f + tap) for x, f, taps in zip(states, first, outs, strict=True) for tap in taps]
    targets += [_entry(f"o{x}", 0) for x in new]
    values = [f"v{k}" for k in range(len(targets))]
    fresh = values[len(values) - len(new) :]
    types = dict(zip(new, op.outer_nitsot_outs(node.outputs), strict=True))
    numbers = _numbers(node)
    listed = [x for x, v in zip(arguments, node.inputs, strict=True) if v in numbers and x in (*sequences, *states)]
    single = [x for x, v in zip(arguments, node.inputs, strict=True) if v in numbers and x in fixed]
    # those of a gradient's state lie where they were written
    rings = [(x, f) for x, f in zip(states, first, strict=True)][info.n_mit_mot :]
    lines = [
        f"def loop({', '.join(arguments)}):",
        "    n = int(x0)",
        *[f"    {x} = array({x}); n{x} = len({x})" for x in states],
        *[f"    {x} = {x}.tolist()" for x in listed],
        *[f"    {x} = float({x})" for x in single],
        *[f"    n{x} = int({x}); o{x} = zeros((n{x}, *{_lengths(types[x])}), '{types[x].type.dtype}')" for x in new],
        "    for i in range(n):",
        f"        {''.join(f'{v}, ' for v in values)} = step({', '.join([*reads, *fixed])})",
        *[f"        if i == 0: o{x} = empty((n{x}, *shape({v})), o{x}.dtype)" for x, v in zip(new, fresh, strict=True)],
        *[f"        {target} = {value}" for target, value in zip(targets, values, strict=True)],
        *[f"    {x} = array({x}, 'float64')" for x in listed if x in states],
        *[f"    {x} = in_order({x}, n + {f})" for x, f in [*rings, *((f"o{x}", 0) for x in new)]],
        f"    return {', '.join([*states, *(f'o{x}' for x in new)])}",
    ]
    return "\n".join(lines)


def _numbers(node: Apply[Any]) -> set[Graph]:
    """Return inputs of which a step reads one number, and can read it as one of Python's: in double precision all."""
    if any(getattr(v.type, "dtype", None) in ("float16", "float32") for v in node.op.fgraph.variables):
        return set()
    of_rows = [*node.op.outer_seqs(node.inputs), *node.op.outer_mitmot(node.inputs)]
    of_rows += [*node.op.outer_mitsot(node.inputs), *node.op.outer_sitsot(node.inputs)]
    single = {v for v in of_rows if v.type.ndim == 1} | {
        v for v in node.op.outer_non_seqs(node.inputs) if not v.type.ndim
    }
    return {v for v in single if v.type.dtype == "float64"}


def _entry(array: str, offset: int) -> str:
    """Write the entry of a ring that step i reads or writes."""
    return f"{array}[(i + {offset}) % n{array.removeprefix('o')}]"


def _lengths(variable: Graph) -> tuple[int, ...]:
    return tuple(n or 0 for n in variable.type.shape[1:])
