"""The course's exercises: answers in folds, notebooks to take away, and a deck of slides.

A chapter is an ordinary MyST notebook in ``learn/``. What is particular to it is said by headings, classes and tags:

* a heading *Answer* below a heading *Exercise n* begins what the page folds away;
* an admonition of the class ``predict`` asks before the page shows;
* a cell tagged ``slide`` draws a picture of the deck, whose caption is the slide's text;
* a cell tagged ``remove-cell`` checks something, and is left out of notebooks too.

``{course-downloads}`` lists the notebooks and the deck on a page.
"""

from pathlib import Path
from typing import Any

from course_notebooks import write_notebooks
from course_slides import write_slides
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

FOLDER = "learn/notebooks"
DECK = "learn/slides.html"


def chapters(source: Path) -> list[str]:
    """List the pages that have exercises, the numbered chapters first."""
    files = sorted((source / "learn").glob("*.md"))
    return [f"learn/{file.stem}" for file in files if "\n#### Answer\n" in file.read_text("utf-8")]


def link(words: str, target: str) -> str:
    """Link to a file that the build writes beside the pages of the course, which Sphinx knows nothing of."""
    return f'<a href="{target.removeprefix("learn/")}" download>{words}</a>'


def notebook_links(page: str) -> str:
    """Link to the two notebooks of a chapter."""
    file = f"{FOLDER}/{page.removeprefix('learn/')}"
    return f"{link('exercises', f'{file}.ipynb')}, {link('with answers', f'{file}_answers.ipynb')}"


def whole_course() -> str:
    """Link to the archive of all notebooks."""
    return link("all chapters with their data", f"{FOLDER}/course.zip")


def fold_answers(app: Sphinx, doctree: nodes.document) -> None:
    """Make a fold of every section called *Answer*, and offer the chapter as notebooks above its exercises.

    Cells inside a directive are not executed, so an answer is written as a section, and folded once it has run.
    """
    page = app.env.docname
    if page not in chapters(app.srcdir):
        return
    for section in list(doctree.findall(nodes.section)):
        if section[0].astext() == "Exercises":
            words = f"This chapter as a notebook: {notebook_links(page)}; {whole_course()}."
            section.insert(1, nodes.raw("", f'<p class="downloads">{words}</p>', format="html"))
        elif section[0].astext() == "Answer":
            opening = nodes.raw("", '<details class="answer"><summary>Answer</summary>', format="html")
            section.replace_self([opening, *section.children[1:], nodes.raw("", "</details>", format="html")])


class CourseDownloads(SphinxDirective):
    """A list of the notebooks of all chapters, and the deck of slides."""

    def run(self) -> list[nodes.Node]:
        """Write the list; it stands on a page of ``learn/``."""
        self.env.note_reread()
        rows = [f'<a href="{DECK.removeprefix("learn/")}">The slides</a>', whole_course()]
        source = Path(self.env.srcdir)
        for page in chapters(source):
            title = (source / f"{page}.md").read_text("utf-8").split("\n# ", 1)[1].split("\n", 1)[0]
            rows.append(f"{title}: {notebook_links(page)}")
        return [nodes.raw("", "<ul>" + "".join(f"<li>{row}</li>" for row in rows) + "</ul>", format="html")]


def write_downloads(app: Sphinx, error: Exception | None) -> None:
    """Write notebooks and slides beside the finished pages."""
    if error is not None or app.builder.format != "html":
        return
    pages, out = chapters(app.srcdir), Path(app.outdir)
    write_notebooks([app.srcdir / f"{page}.md" for page in pages], out / FOLDER)
    write_slides(app.builder, [page for page in pages if page.split("/")[1][0].isdigit()], out / DECK)


def setup(app: Sphinx) -> dict[str, Any]:
    """Fold before the table of contents is collected, so that answers are not listed in it."""
    app.connect("doctree-read", fold_answers, priority=100)
    app.connect("build-finished", write_downloads)
    app.add_directive("course-downloads", CourseDownloads)
    app.add_css_file("course.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
