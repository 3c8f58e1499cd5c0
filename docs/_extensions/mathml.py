"""Formulas as MathML, which browsers draw by themselves: no script, no font, no network."""

import html
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)

# Only a mathematical font has braces as wide as what they label, and there may be none.
BRACES = "⏟⏞"


def mathml(node: nodes.math | nodes.math_block, as_block: bool) -> str:
    """Translate a formula; one that cannot be is shown as it was written, with a warning."""
    try:
        formula = tex2mathml(node.astext(), as_block=as_block)
    except MathError as error:
        logger.warning("formula cannot become MathML: %s", error, location=node)
        return f"<code>{html.escape(node.astext())}</code>"
    if any(brace in formula for brace in BRACES):
        logger.warning(
            "labelled braces cannot be drawn without a font for them: name the parts in words", location=node
        )
    return formula


def visit_inline(writer: HTML5Translator, node: nodes.math) -> None:
    """Write a formula that stands in a line of text."""
    writer.body.append(mathml(node, as_block=False))
    raise nodes.SkipNode


def visit_display(writer: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula that stands on its own."""
    writer.body.append(f'<div class="formula">{mathml(node, as_block=True)}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Give Sphinx the renderer that ``html_math_renderer = "mathml"`` asks for."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
