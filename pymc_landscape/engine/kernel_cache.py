"""Which kernels an earlier process has left on disk: those load in a second, the others take many to compile.

PyTensor's own cache can be asked only after a graph was rewritten for numba, and that takes as long as loading. So a
kernel that was compiled is noted here under the graph as it was before: a name with no contents, beside the cache. A
note that is wrong costs time, never a digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytensor
from pytensor.graph.basic import Constant
from pytensor.graph.traversal import toposort

from pymc_landscape._typing import Graph

# Smaller constants (shapes, indices, coefficients) stay in the graph, where they can be folded.
LIFTED_FROM = 9
# Part of the name of every kernel on disk: raise it when the generated source changes, or the name of its module.
SOURCE_VERSION = 6


def kernel_name(graphs: Sequence[Graph]) -> str:
    """Return a name for the kernel of `graphs`: the same for the same Ops and types, whatever the data.

    Parameters
    ----------
    graphs : sequence of Graph
        What the kernel computes. Constants of `LIFTED_FROM` or more numbers are data, and not part of the name.
    """
    known: dict[Graph, str] = {}
    digest = sha256(f"{SOURCE_VERSION} {version('pytensor')} {version('numba')} {pytensor.config.floatX}".encode())
    for node in toposort(graphs):
        inputs = [known.setdefault(v, _leaf(v)) for v in node.inputs]
        digest.update(f"{node.op} {inputs}".encode())
        for output in node.outputs:
            known[output] = f"{len(known)} {output.type}"
    digest.update(str([known.get(graph, "") for graph in graphs]).encode())
    return digest.hexdigest()


def _leaf(variable: Graph) -> str:
    data: Any = getattr(variable, "data", None)
    if isinstance(variable, Constant) and np.size(data) < LIFTED_FROM:
        return f"{variable.type} {data}"
    return f"{variable.type.dtype} {variable.type.ndim}" if hasattr(variable.type, "ndim") else f"{variable.type}"


def is_on_disk(name: str) -> bool:
    """Whether a kernel of this name was compiled before."""
    return _path(name).exists()


def record_on_disk(name: str) -> None:
    """Note that the kernel of this name is on disk now; where nothing can be written, nothing is lost."""
    try:
        _path(name).parent.mkdir(parents=True, exist_ok=True)
        _path(name).touch()
    except OSError:
        pass


def _path(name: str) -> Path:
    return Path(pytensor.config.base_compiledir) / "pymc_landscape" / name
