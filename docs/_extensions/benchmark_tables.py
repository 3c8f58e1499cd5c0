"""Tables of the benchmarks on their page: ``{benchmark-losses}`` and ``{benchmark-tables}``, made from the file."""

import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.results import FILE, SECTIONS, losses, read, section_table


def tables() -> str:
    """Return the table of each section, and where it was not measured, that it was not."""
    measured = read()
    missing = "## {}\n\nNot measured yet: `python -m benchmarks {} --keep`.\n"
    return "\n".join(
        section_table(name, measured[name]) if name in measured else missing.format(title, name)
        for name, title in SECTIONS.items()
    )


def list_of_losses() -> str:
    """Return a line for each work in which a peer is faster or a bar is not kept."""
    lines = [f"- {row['work']}: {_loss(row)} ({SECTIONS[name]})" for name, row in losses(read())]
    return "\n".join(lines) or "None in what was measured."


def _loss(row: dict[str, Any]) -> str:
    faster = row["times_faster"]
    slower = [f"{row['peer']} takes {faster:.2g} × our time"] if faster is not None and faster < 1 else []
    missed = [f"the bar “{bar['words']}” is not kept" for bar in row["bars"] if bar["kept"] is False]
    return "; ".join(slower + missed)


class Generated(SphinxDirective):
    """Markdown that a function returns, in place."""

    make = staticmethod(tables)

    def run(self) -> list[nodes.Node]:
        """Parse what the file says now."""
        self.env.note_dependency(str(FILE))
        holder = nodes.section()
        holder.document = self.state.document
        lines = StringList(self.make().splitlines(), source=str(FILE))
        self.state.nested_parse(lines, self.content_offset, holder, match_titles=1)
        return holder.children


class Losses(Generated):
    """The losses, as a list."""

    make = staticmethod(list_of_losses)


def setup(app: Sphinx) -> dict[str, bool]:
    """Add both directives."""
    app.add_directive("benchmark-tables", Generated)
    app.add_directive("benchmark-losses", Losses)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
