"""New processes with caches of their own, and turns between them.

``python -m benchmarks.isolate MODULE FUNCTION ARGUMENT...`` is such a process: it calls a function of a module of this
package and prints what that returns, as JSON.
"""

import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
Probe = Callable[..., dict[str, Any]]
Task = tuple[Any, ...]  # a function of a module of this package, and its arguments, as text


@dataclass(frozen=True)
class Caches:
    """Where the processes keep compiled things: Python's bytecode and PyTensor's kernels."""

    folder: Path

    def warm(self, probe: Probe, *arguments: object) -> dict[str, Any]:
        """Call in a process whose compile cache others have filled."""
        return _call(probe, arguments, self._environment(self.folder / "warm"))

    def cold(self, probe: Probe, *arguments: object) -> dict[str, Any]:
        """Call in a process with an empty compile cache."""
        with tempfile.TemporaryDirectory(dir=self.folder) as empty:
            return _call(probe, arguments, self._environment(Path(empty)))

    def in_turns(self, tasks: Sequence[Task], repeats: int) -> list[list[dict[str, Any]]]:
        """Call each task once a round, in warm processes; answers[i] are those of tasks[i]."""
        rounds = [[self.warm(*task) for task in tasks] for _ in range(repeats)]
        return [list(column) for column in zip(*rounds, strict=True)]

    def _environment(self, compiledir: Path) -> dict[str, str]:
        """Give a process kept bytecode, as any user's machine has, and this compile cache."""
        flags = os.environ.get("PYTENSOR_FLAGS", "")
        ours = {
            "PYTHONPYCACHEPREFIX": str(self.folder / "bytecode"),
            "PYTENSOR_FLAGS": ",".join(filter(None, [flags, f"base_compiledir={compiledir}"])),
        }
        kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        return kept | ours


@contextmanager
def caches() -> Iterator[Caches]:
    """Give caches that start empty and are deleted at the end."""
    with tempfile.TemporaryDirectory(prefix="pymc_landscape_benchmarks_") as folder:
        yield Caches(Path(folder))


def _call(probe: Probe, arguments: Sequence[object], environment: dict[str, str]) -> dict[str, Any]:
    named = [probe.__module__, probe.__name__, *map(str, arguments)]
    command = [sys.executable, "-m", "benchmarks.isolate", *named]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(named)} failed:\n{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


if __name__ == "__main__":
    module, function, *texts = sys.argv[1:]
    print(json.dumps(getattr(importlib.import_module(module), function)(*texts)))
