"""Formulas as MathML, which browsers draw by themselves: no script, no font, no network."""

import html
from typing import Any
from xml.etree import ElementTree

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)

MATHML = "http://www.w3.org/1998/Math/MathML"
ElementTree.register_namespace("", MATHML)
# A label below (above) a brace arrives as the brace's subscript (superscript).
LABELS = {"⏟": ("msub", "munder"), "⏞": ("msup", "mover")}


def label_braces(formula: str) -> str:
    """Stretch braces over what they hold, and centre their labels on them."""
    tree = ElementTree.fromstring(formula)
    for brace, (script, centred) in LABELS.items():
        for element in tree.iter(f"{{{MATHML}}}{script}"):
            if element[0].tag == f"{{{MATHML}}}{centred}" and element[0][-1].text == brace:
                element.tag = f"{{{MATHML}}}{centred}"
        for operator in tree.iter(f"{{{MATHML}}}mo"):
            if operator.text == brace:
                operator.set("stretchy", "true")
    return ElementTree.tostring(tree, encoding="unicode")


def mathml(node: nodes.math | nodes.math_block, as_block: bool) -> str:
    """Translate a formula; one that cannot be is shown as it was written, with a warning."""
    try:
        formula = tex2mathml(node.astext(), as_block=as_block)
        return label_braces(formula) if any(brace in formula for brace in LABELS) else formula
    except MathError as error:
        logger.warning("formula cannot become MathML: %s", error, location=node)
        return f"<code>{html.escape(node.astext())}</code>"


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
