"""Formulas as MathML, which browsers draw by themselves: no script, no font, no network."""

from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

# MathML has no equation numbers, and its own words for alignment: both are settled around it.
ALIGNED = ("\\\\", "&")


def visit_inline(writer: HTML5Translator, node: nodes.math) -> None:
    """Write a formula that stands in a line of text."""
    writer.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def visit_display(writer: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula that stands on its own; several lines are aligned at their ``&``."""
    source = node.astext()
    if any(mark in source for mark in ALIGNED) and "\\begin" not in source:
        source = f"\\begin{{aligned}}{source}\\end{{aligned}}"
    body = tex2mathml(source, as_block=True)
    writer.body.append(f'<div class="math">{body}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Give Sphinx the renderer that ``html_math_renderer = "mathml"`` asks for."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
