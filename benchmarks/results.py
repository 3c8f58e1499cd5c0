"""What was measured, kept as JSON, and tables from it: nothing heavy is imported, so that any page can be made."""

import json
import os
import platform
from collections.abc import Iterator
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("results.json")
SCHEMA = 1
SECTIONS = {
    "first_answers": "First answers of a process",
    "grids": "Large grids, all cores",
    "refinement": "Few points of a fine grid",
    "fits": "Fits after the first, one core for all",
    "ends": "Interval ends, contours, profiles, one core for all",
    "stacks": "Stacks of refits",
    "effects": "Random effects integrated out, one core for all",
    "scans": "Loops in the density, one core for all",
    "descents": "Descents, one core",
    "pointwise": "Pointwise log-likelihood of posterior draws, all cores",
    "clusters": "Clusters",
    "large_data": "More rows than memory, all cores",
    "pages": "Pages",
}
PACKAGES = ("pymc", "pytensor", "numba", "jax", "numpy", "scipy", "statsmodels", "lifetimes", "iminuit", "lmfit")
PACKAGES += ("pypesto",)
UNITS = (("µs", 1e-6), ("ms", 1e-3), ("s", 1.0))


def circumstances(repeats: int, load: float) -> dict[str, Any]:
    """Say when, where and with what a section was measured; `load` is that before it began."""
    return {
        "date": date.today().isoformat(),
        "repeats": repeats,
        "machine": _processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "load": [load, load_average()],
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES},
    }


def load_average() -> float:
    """Return how many processes wanted a processor in the last minute."""
    return round(os.getloadavg()[0], 1)


def read(file: Path = FILE) -> dict[str, Any]:
    """Return the sections that were measured, by name; none where there is no file."""
    if not file.exists():
        return {}
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    if found["schema"] != SCHEMA:
        raise ValueError(f"expected {file.name} in schema {SCHEMA}, got {found['schema']}: measure it anew")
    return {name: found["sections"][name] for name in SECTIONS if name in found["sections"]}


def keep(name: str, section: dict[str, Any], file: Path = FILE) -> None:
    """Write a section in place of what was there."""
    sections = read(file) | {name: section}
    ordered = {each: sections[each] for each in SECTIONS if each in sections}
    text = json.dumps({"schema": SCHEMA, "sections": ordered}, ensure_ascii=False, indent=1)
    file.write_text(text + "\n", encoding="utf-8")


def section_table(name: str, section: dict[str, Any]) -> str:
    """Write one section in Markdown: a table, and under what circumstances it was measured."""
    lines = ["| work | ours | beside | theirs | times faster | bar | kept |", "|---|---|---|---|---|---|---|"]
    lines += [f"| {' | '.join(_cells(row))} |" for row in section["rows"]]
    return "\n".join([f"## {SECTIONS[name]}", "", *lines, "", _measured(section), ""])


def losses(sections: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield section and row wherever a peer is faster or a bar is not kept."""
    for name, section in sections.items():
        yield from ((name, row) for row in section["rows"] if is_loss(row))


def is_loss(row: dict[str, Any]) -> bool:
    """Whether a peer is faster, or a bar is not kept."""
    slower = row["times_faster"] is not None and row["times_faster"] < 1
    return slower or any(bar["kept"] is False for bar in row["bars"])


def _cells(row: dict[str, Any]) -> list[str]:
    work = row["work"] + (f" ({row['note']})" if row["note"] else "")
    missing = "not installed" if row["peer"] and row["theirs"] is None else ""
    faster = row["times_faster"]
    ratio = "" if faster is None else f"{faster:.0f}" if faster >= 10 else f"{faster:.2g}"
    if is_loss(row):
        ratio = f"**{ratio or 'loss'}**"
    theirs = missing or _figure(row["theirs"], row["unit"])
    wall = " by the wall's clock" if row["clock"] == "wall" else ""
    bars = "; ".join(bar["words"] for bar in row["bars"])
    kept = "; ".join({True: "yes", False: "**no**", None: "not measured"}[bar["kept"]] for bar in row["bars"])
    return [work, _figure(row["ours"], row["unit"]) + wall, row["peer"], theirs, ratio, bars, kept]


def _figure(value: float | None, unit: str) -> str:
    """Write a figure with three digits; seconds in the unit that suits."""
    if value is None:
        return ""
    if unit != "s":
        return f"{value:.3g} {unit}".rstrip()
    name, size = next(((n, s) for n, s in UNITS if abs(value) < 1000 * s), UNITS[-1])
    return f"{value / size:.3g} {name}"


def _measured(section: dict[str, Any]) -> str:
    before, after = section["load"]
    installed = ", ".join(f"{name} {number}" for name, number in section["versions"].items() if number)
    missing = [name for name, number in section["versions"].items() if not number]
    without = f"; not installed: {', '.join(missing)}" if missing else ""
    machine = f"{section['machine']}, {section['cores']} cores, {section['system']}"
    extent = f"{section['repeats']} processes a figure, {section['seconds']} s in all"
    return f"{section['date']}, {extent}; {machine}, load {before:g} before and {after:g} after; {installed}{without}."


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
