"""The course's exercises: answers in folds, notebooks to take away, and a deck of slides.

A chapter is an ordinary MyST notebook in ``learn/``. What is particular to it is said by headings and tags:

* a heading *Answer* below a heading *Exercise n* begins what the page folds away;
* a cell tagged ``slide`` draws a picture of the deck, whose caption is the slide's text;
* a cell tagged ``remove-cell`` checks something, and is left out of notebooks too.
"""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx


def fold_answers(app: Sphinx, doctree: nodes.document) -> None:
    """Make a fold of every section called *Answer*.

    Cells inside a directive are not executed, so an answer is written as a section, and folded once it has run.
    """
    if not app.env.docname.startswith("learn/"):
        return
    for section in list(doctree.findall(nodes.section)):
        title = section.next_node(nodes.title)
        if title is None or title.astext() != "Answer":
            continue
        opening = '<details class="answer"><summary>Answer</summary>'
        section.replace_self(
            [nodes.raw("", opening, format="html"), *section.children[1:], nodes.raw("", "</details>", format="html")]
        )


def setup(app: Sphinx) -> dict[str, Any]:
    """Fold before the table of contents is collected, so that answers are not listed in it."""
    app.connect("doctree-read", fold_answers, priority=100)
    app.add_css_file("course.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
