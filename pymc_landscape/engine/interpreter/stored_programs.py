"""Programs that an earlier process has written of the same graphs: a file each, beside PyTensor's own cache.

A first answer is mostly rewriting, and every run of a script rewrites the same graphs. What comes of it is lines of
NumPy, and the values that they name. A file holds the lines as text and the values by description: a function by its
name, numbers as bytes, data as a place in the graph, an Op by its class and its plain attributes. Nothing is unpickled.
Lines are plain assignments, in loops too; they call functions of arrays from a list, and Ops and exceptions of
PyTensor, PyMC or this package. All else is not run, and what cannot be described is not kept.
"""

from __future__ import annotations

import json
import keyword
import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import suppress
from hashlib import blake2b
from itertools import count
from pathlib import Path
from types import CodeType
from typing import Any, TypeVar, cast

import pytensor
from pytensor.compile.sharedvalue import SharedVariable

from pymc_landscape._typing import Graph
from pymc_landscape.engine.interpreter.graph_digest import digest_of, leaves_of
from pymc_landscape.engine.interpreter.interpreted_cost import InterpretedCost, Program
from pymc_landscape.engine.interpreter.programs import (
    OF_LINES,
    OF_LOOPS,
    Descriptions,
    IndescribableError,
    StraightLine,
    compiled,
)
from pymc_landscape.numerics import cached_once

# What lines of NumPy are not made of: signs, and words of Python's; what loops are made of beside it. The names of
# values, and the methods and attributes of arrays that lines read.
OTHER_SIGNS = re.compile(r"[^\w '()*+,\-./:=\[\]\n]|\n(?! {4})")
OTHER_WORDS = {*keyword.kwlist, *keyword.softkwlist} - {"def", "return", "del", "None", "True", "False"}
LOOP_SIGNS, LOOP_WORDS = {"%", ";"}, {"for", "in", "if"}
WORD, VALUE = re.compile(r"[^\W\d]\w*"), re.compile(r"k\d+")
METHODS = {"squeeze", "transpose", "astype", "reshape", "copy"}
LOOP_METHODS = {"tolist", "dtype"}
# So many bytes are kept, of which a file takes a block at the least; above that, the files that were written first are
# deleted until half are left. How often a process looks: a script that builds ten thousand models writes as many.
MOST_KEPT, BLOCK, SAVES = 2**28, 2**12, 100
# What is found out about graphs with so many data sets is kept, of no more bytes than this: a study that simulates a
# thousand of them would leave as many files.
MOST_FACTS, MOST_HASHED = 8, 2**26
_saves = count()
Fact = TypeVar("Fact", bool, int)


def folder() -> Path:
    """Return where programs are kept."""
    return Path(pytensor.config.base_compiledir) / "pymc_landscape" / "programs"


class StoredPrograms:
    """The programs of some graphs on disk, known by what the graphs are.

    Parameters
    ----------
    inputs : sequence of Graph
        What the graphs are functions of.
    graphs : sequence of Graph
        From which the programs are written.
    *besides : object
        Numbers, text and tuples of these that say how.
    """

    def __init__(self, inputs: Sequence[Graph], graphs: Sequence[Graph], *besides: object):
        self._inputs, self._graphs, self._besides = list(inputs), list(graphs), besides
        self._n_facts = 0

    @cached_once
    def _digest(self) -> str | None:
        return digest_of(self._inputs, self._graphs, *self._besides)

    @cached_once
    def leaves(self) -> list[Graph]:
        """The constants and shared variables of the graphs."""
        return leaves_of(self._inputs, self._graphs)

    @cached_once
    def _shared(self) -> list[Any]:
        return [leaf for leaf in self.leaves if isinstance(leaf, SharedVariable)]

    def _path(self, which: str) -> Path | None:
        if self._digest is None:
            return None
        return folder() / f"{self._digest}_{blake2b(which.encode(), digest_size=8).hexdigest()}"

    def holds(self, which: str) -> bool:
        """Whether there is a program of this name."""
        path = self._path(which)
        return path is not None and path.exists()

    def load(self, which: str) -> Program | None:
        """Return a program, with what was kept with it; None where there is none that can be read.

        Parameters
        ----------
        which : str
            Which of the programs of these graphs.
        """
        path = self._path(which)
        if path is None:
            return None
        try:
            head, _, numbers = path.read_bytes().partition(b"\n")
            kept = json.loads(head)
            _refuse_other_than_lines(kept["source"], kept["values"])
            read = Descriptions(self.leaves, numbers).value
            values = {name: read(described) for name, described in kept["values"].items()}
            function, (call, point, parts) = StraightLine(kept["source"], values).function(), kept["cost"]
            read_parts = tuple((tuple((int(a), int(b)) for a, b in places), float(part)) for places, part in parts)
            return Program(function, InterpretedCost(float(call), float(point), read_parts), kept["beside"])
        except Exception:  # whatever is wrong with what is there: it is written anew
            return None

    def shared_data(self) -> list[Any]:
        """Return the values of the shared variables as they are now."""
        return [variable.get_value(borrow=True) for variable in self._shared]

    def find_once(self, which: str, find: Callable[[], Fact]) -> Fact:
        """Return what is kept of the graphs, with the shared variables as they are now; find it where nothing is.

        Parameters
        ----------
        which : str
            The name of what is kept.
        find : callable
            Gives a number or a truth.
        """
        data = self.shared_data()
        path = self._path_of_data(which, data)
        if path is not None:
            with suppress(OSError, ValueError):
                known = json.loads(path.read_bytes())
                if type(known) in (bool, int):
                    return cast(Fact, known)
        found = find()
        same = all(
            now is then for now, then in zip(self.shared_data(), data, strict=True)
        )  # no thread has changed them
        if path is not None and same and self._n_facts < MOST_FACTS:
            self._n_facts += 1
            _write(path, json.dumps(found).encode())
        return found

    def _path_of_data(self, which: str, data: Sequence[Any]) -> Path | None:
        if self._digest is None or sum(getattr(value, "nbytes", 0) for value in data) > MOST_HASHED:
            return None
        digest = digest_of([], [], list(data))
        return None if digest is None else self._path(f"{which} with {digest}")

    def save(self, which: str, program: StraightLine, cost: InterpretedCost, beside: Any = None) -> None:
        """Keep a program, if all that it names can be described; where nothing can be written, nothing is lost.

        Parameters
        ----------
        which : str
            Its name among those of these graphs.
        program : StraightLine
            The lines, and the values that they name.
        cost : InterpretedCost
            What it costs to run them.
        beside : object, optional
            What JSON can hold, to be kept with it.
        """
        path = self._path(which)
        if path is None:
            return
        descriptions = Descriptions(self.leaves)
        try:
            values = {name: descriptions.described(value) for name, value in program.values.items()}
            _refuse_other_than_lines(program.source, values)
            head = json.dumps({"source": program.source, "values": values, "cost": cost, "beside": beside})
        except IndescribableError:
            return
        _write(path, head.encode() + b"\n" + bytes(descriptions.numbers))


def _write(path: Path, content: bytes) -> None:
    """Write a file at once, so that nobody reads a part of it; where nothing can be written, nothing is."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(content)
        os.replace(file.name, path)
        if next(_saves) % SAVES == 0:
            _forget_oldest(path.parent)
    except OSError:
        return


def _forget_oldest(kept: Path) -> None:
    """Delete the oldest half of what is kept, where it is too much; other processes may be reading or deleting too."""
    with os.scandir(kept) as entries:
        known = [(entry.stat(), entry.path) for entry in entries]
    files = sorted((file.st_mtime, max(file.st_size, BLOCK), path) for file, path in known)
    total = sum(size for _, size, _ in files)
    if total <= MOST_KEPT:
        return
    for _, size, path in files:
        Path(path).unlink(missing_ok=True)
        total -= size
        if total <= MOST_KEPT // 2:
            return


def _refuse_other_than_lines(source: str, values: Mapping[str, Sequence[Any]]) -> None:
    """Refuse a program, or a loop in it, that does more than to compute arrays from arrays.

    Parameters
    ----------
    source : str
        Its lines.
    values : dict of str to sequence
        Descriptions of what they name beside what they make.

    Raises
    ------
    IndescribableError
        If it does more, or names something else.
    """
    if other := [name for name in values if not VALUE.fullmatch(name)]:
        raise IndescribableError(f"Expected names of values, got {other[0]!r}.")
    _refuse_others(source, {*values, *OF_LINES, *METHODS}, OTHER_WORDS)
    for kind, *described in values.values():
        if kind == "loop":
            of_loop, of_step, values_of_step = described
            names = {"step", *OF_LOOPS, *METHODS, *LOOP_METHODS}
            _refuse_others(of_loop, names, OTHER_WORDS - LOOP_WORDS, LOOP_SIGNS)
            _refuse_other_than_lines(of_step, values_of_step)


def _refuse_others(source: str, known: set[str], other_words: set[str], signs: Set[str] = frozenset()) -> None:
    """Refuse lines by their words and signs, and what they compile to by its names: Python's own tree takes longer."""
    words = set(WORD.findall(source))
    other = [*(words & other_words), *(word for word in words if word.startswith("_") or not word.isascii())]
    if other := [*other, *(set(OTHER_SIGNS.findall(source)) - signs)]:
        raise IndescribableError(f"Expected lines of NumPy, got {other[0]!r}.")
    around = compiled(source)
    functions = [part for part in around.co_consts if isinstance(part, CodeType)]
    inner = [part for function in functions for part in function.co_consts if isinstance(part, CodeType)]
    if len(functions) != 1 or inner:
        raise IndescribableError(f"Expected one function, got {len(functions + inner)}.")
    named = {*around.co_names} - {functions[0].co_name} | {*functions[0].co_names}
    if unknown := named - known:
        raise IndescribableError(f"Expected lines that name their values, got {min(unknown)!r}.")
