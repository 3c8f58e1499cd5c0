"""Rows to text, with the machine and the versions they were measured on."""

import os
import platform
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path

from benchmarks.sections import Row

PACKAGES = ("pymc", "pytensor", "numba", "numpy", "scipy", "arviz")
VERDICT = {True: "yes", False: "**no**", None: ""}


def section(title: str, rows: Sequence[Row]) -> str:
    """Write one table in Markdown."""
    lines = [f"## {title}", "", "| work | median | bar | kept |", "|---|---|---|---|"]
    lines += [f"| {r.work} | {r.figure} | {r.bar} | {VERDICT[r.kept]} |" for r in rows]
    return "\n".join([*lines, ""])


def header(command: str, repeats: int) -> str:
    """Say what was run, when and where."""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"""# Benchmarks

`{command}` on {date.today():%d %B %Y}: medians of {repeats} new processes that took turns.
{_machine()}; Python {platform.python_version()}, {versions}.
"Warm" has PyTensor's compile cache filled by an earlier process, "cold" an empty one; Python's own
bytecode is cached in both. A throughput is that of the best call in each turn.
"""


def _machine() -> str:
    names = [line for line in _cpuinfo() if line.startswith("model name")]
    name = names[0].split(":")[1].strip() if names else platform.processor() or platform.machine()
    load = os.getloadavg()[0]
    return f"{name}, {os.cpu_count()} cores, {platform.system()}, load {load:.1f} at the end"


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []
