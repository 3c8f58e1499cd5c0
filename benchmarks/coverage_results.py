"""What simulations of intervals and tests gave, kept as JSON, and tables from it: nothing heavy is imported."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("coverage.json")
# Monte Carlo errors that a share may be off what theory says: one in a thousand is further off by chance.
WITHIN = 3.3
SECTIONS = ("intervals", "tests", "checks", "integrals")
Sections = dict[str, list[dict[str, Any]]]


def keep(sections: Sections, minutes: float, file: Path = FILE) -> None:
    """Write what was simulated, when, and how long it took."""
    stamp = {"date": date.today().isoformat(), "minutes": round(minutes), "cores": os.cpu_count()}
    text = json.dumps(stamp | {"sections": sections}, ensure_ascii=False, indent=1)
    file.write_text(text + "\n", encoding="utf-8")


def read(file: Path = FILE) -> dict[str, Any]:
    """Return what was kept."""
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def is_off(row: dict[str, Any]) -> bool:
    """Whether a share is further from what theory says than Monte Carlo errors explain."""
    return row.get("theory") is not None and abs(row["share"] - row["theory"]) > WITHIN * row["error"]


def tables(sections: Sections) -> str:
    """Return all tables in Markdown."""
    written = {"intervals": _intervals, "tests": _tests, "checks": _checks, "integrals": _integrals}
    return "\n\n".join("\n".join(write(sections[name])) for name, write in written.items())


def table(name: str) -> str:
    """Return the table of one section, from the file."""
    written = {"intervals": _intervals, "tests": _tests, "checks": _checks, "integrals": _integrals}
    rows = read()["sections"][name]
    return "\n".join(written[name](rows)) if rows else "Not simulated yet: `python -m benchmarks.coverage`."


def _intervals(rows: list[dict[str, Any]]) -> list[str]:
    """Write a line a model and parameter, the three methods side by side, each with what is known of it."""
    lines = ["| model | parameter | Wald | profile | bootstrap |", "|---|---|---|---|---|"]
    places = dict.fromkeys((row["model"], row["parameter"]) for row in rows)
    for model, parameter in places:
        here = {row["method"]: row for row in rows if (row["model"], row["parameter"]) == (model, parameter)}
        cells = [_cell(here[method]) if method in here else "" for method in ("wald", "profile", "bootstrap")]
        lines.append(f"| {model} | {parameter} | {' | '.join(cells)} |")
    return lines


def _tests(rows: list[dict[str, Any]]) -> list[str]:
    lines = ["| null that is true | reference | rejected | theory, many data |", "|---|---|---|---|"]
    return lines + [f"| {r['model']} | {r['law']} | {_share(r)} | {_percent(r['theory'])} |" for r in rows]


def _checks(rows: list[dict[str, Any]]) -> list[str]:
    lines = ["| model | doubted at 5 % | theory |", "|---|---|---|"]
    return lines + [f"| {row['model']} | {_share(row)} | {_percent(row['theory'])} |" for row in rows]


def _integrals(rows: list[dict[str, Any]]) -> list[str]:
    lines = [
        "| integral | parameter | truth | median estimate | 95 % profile interval holds it |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        median = "" if row["median"] is None else f"{row['median']:.2f}"
        lines.append(f"| {row['integral']} | {row['parameter']} | {row['truth']:g} | {median} | {_share(row)} |")
    return lines


def _cell(row: dict[str, Any]) -> str:
    theory = "" if row["theory"] is None else f"; {'exact' if row['is_exact'] else 'theory'} {_percent(row['theory'])}"
    without = f"; {100 * row['without'] / row['sets']:.1f} % without" if row["without"] else ""
    return f"{_share(row)}{theory}{without}"


def _share(row: dict[str, Any]) -> str:
    words = f"{100 * row['share']:.1f} ± {100 * row['error']:.1f}"
    return f"**{words}**" if is_off(row) else words


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"
