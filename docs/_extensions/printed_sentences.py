"""Sentences that code prints are wrapped like any text, and tables that it prints keep their columns.

Where there is no table in what was printed, the browser wraps it at the width that there is (`sentences` in the CSS).
"""

import re
import textwrap
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

WIDTH = 88  # characters of a line of code at the usual width of a page
COLUMNS = re.compile(r"\S {2,}\S|[│|]|━")


def has_table(text: str) -> bool:
    """Whether a line has columns."""
    return any(COLUMNS.search(line) for line in text.splitlines())


def wrap_sentences(text: str, width: int = WIDTH) -> str:
    """Break lines that are too long at blanks, except rows of a table: those have columns."""
    lines = text.splitlines()
    return "\n".join(line if COLUMNS.search(line) or len(line) <= width else wrap(line, width) for line in lines)


def wrap(line: str, width: int) -> str:
    """Break one line, and set what follows under where it began."""
    indent = line[: len(line) - len(line.lstrip())]
    return textwrap.fill(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def wrap_outputs(app: Sphinx, doctree: nodes.document) -> None:
    """Wrap what the cells of a page printed."""
    for block in doctree.findall(nodes.literal_block):
        if "output" in block.get("classes", ()) and "traceback" not in block["classes"]:
            if not has_table(block.astext()):
                block["classes"].append("sentences")
                continue
            wrapped = wrap_sentences(block.astext())
            block.rawsource = wrapped
            block.children = [nodes.Text(wrapped)]


def setup(app: Sphinx) -> dict[str, Any]:
    """Wrap after cells have run, when the page has been read."""
    app.connect("doctree-read", wrap_outputs)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
