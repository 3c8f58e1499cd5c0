"""New processes with caches of their own, and turns between them."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
Task = tuple[str, ...]  # name of a probe, and its arguments


@dataclass(frozen=True)
class Caches:
    """Where the processes keep compiled things: Python's bytecode and PyTensor's kernels."""

    folder: Path

    def environment(self, compiledir: Path) -> dict[str, str]:
        """Give a process kept bytecode, as any user's machine has, and this compile cache."""
        flags = os.environ.get("PYTENSOR_FLAGS", "")
        ours = {
            "PYTHONPYCACHEPREFIX": str(self.folder / "bytecode"),
            "PYTENSOR_FLAGS": ",".join(filter(None, [flags, f"base_compiledir={compiledir}"])),
        }
        kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        return kept | ours

    def warm(self, task: Task) -> dict[str, Any]:
        """Run in a process whose compile cache others have filled."""
        return _run(task, self.environment(self.folder / "warm"))

    def cold(self, task: Task) -> dict[str, Any]:
        """Run in a process with an empty compile cache."""
        with tempfile.TemporaryDirectory(dir=self.folder) as empty:
            return _run(task, self.environment(Path(empty)))


@contextmanager
def caches() -> Iterator[Caches]:
    """Give caches that start empty and are deleted at the end."""
    with tempfile.TemporaryDirectory(prefix="pymc_landscape_benchmarks_") as folder:
        yield Caches(Path(folder))


def in_turns(runs: Sequence[Any], repeats: int) -> list[list[dict[str, Any]]]:
    """Call each of `runs` once a round; answers[i] are those of runs[i]."""
    rounds = [[run() for run in runs] for _ in range(repeats)]
    return [list(column) for column in zip(*rounds, strict=True)]


def median(answers: Sequence[dict[str, Any]], *names: str) -> float:
    """Return the median over processes of one figure, or of the sum of several."""
    return statistics.median(sum(answer[name] for name in names) for answer in answers)


def _run(task: Task, environment: dict[str, str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.probes", *task]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(task)} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])
