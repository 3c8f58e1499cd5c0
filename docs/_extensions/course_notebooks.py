"""Chapters as notebooks to work in: one with blanks for the answers, one with the answers, and an archive of all.

A chapter is read by MyST-NB as the build reads it, so a notebook has the very cells that the page has run. Markdown
that only Sphinx understands (admonitions, roles, links between pages) becomes what Jupyter shows.
"""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
from myst_nb.core.read import read_myst_markdown_notebook
from nbformat import NotebookNode, v4

DATA = "../../examples/data/"
HEADING = re.compile(r"^(#{1,6}) (.+)$")
FENCE = re.compile(r"^(`{3,}|:{3,})")
ADMONITION = re.compile(r"^:{3,}\{(\w+)\} ?([^\n]*)\n((?::\w+:[^\n]*\n)*)\n?(.*?)\n:{3,}$", re.MULTILINE | re.DOTALL)
ROLE = re.compile(r"\{\w+\}`([^`<]+?)(?: ?<[^`>]+>)?`")
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:)([^)]+)\)")
BLANK = "# Your answer\n"
PREFACE = """*A chapter of the course of pymc_landscape, as a notebook. It runs where the package is installed with its
extra `plotly`. Where a cell reads from `data/`, that folder must lie beside the notebook: `course.zip` has it.*"""


def quoted(admonition: re.Match[str]) -> str:
    """Write an admonition as a quotation that begins with its title."""
    kind, title, _, text = admonition.groups()
    lines = [f"**{title or kind.capitalize()}**", "", *text.split("\n")]
    return "\n".join(f"> {line}".rstrip() for line in lines)


def plain_link(link: re.Match[str]) -> str:
    """Keep a link to another chapter, as one to its notebook; of other pages only the words are left."""
    words, target = link.groups()
    chapter = re.fullmatch(r"(\d\d_\w+)\.md(?:#.*)?", target)
    return f"[{words}]({chapter[1]}.ipynb)" if chapter else words


def plain_markdown(text: str) -> str:
    """Turn MyST into the Markdown that Jupyter shows."""
    return LINK.sub(plain_link, ROLE.sub(r"\1", ADMONITION.sub(quoted, text)))


def sections(text: str) -> Iterator[tuple[int, str, str]]:
    """Split Markdown at its headings: level and title of each (0 and nothing before the first), and the text below."""
    level, title, lines, fence = 0, "", [], ""
    for line in text.split("\n"):
        if mark := FENCE.match(line):
            fence = "" if fence and line.strip() == fence else fence or mark[1]
        heading = None if fence else HEADING.match(line)
        if heading:
            yield level, title, "\n".join(lines).strip()
            level, title, lines = len(heading[1]), heading[2], []
        else:
            lines.append(line)
    yield level, title, "\n".join(lines).strip()


def code(cell: NotebookNode) -> list[NotebookNode]:
    """Make a cell that runs wherever the folder ``data`` lies beside it; its caption follows as text."""
    metadata: dict[str, object] = {}
    tags = cell.metadata.get("tags", [])
    if "hide-input" in tags:
        metadata["jupyter"] = {"source_hidden": True}
    cells = [v4.new_code_cell(cell.source.replace(DATA, "data/"), metadata=metadata)]
    caption = cell.metadata.get("mystnb", {}).get("figure", {}).get("caption")
    if caption:
        cells.append(v4.new_markdown_cell(f"*{plain_markdown(caption.strip())}*"))
    return cells


def numbered(cells: list[NotebookNode], kernelspec: NotebookNode) -> NotebookNode:
    """Make a notebook whose cells are named by their numbers, so that every build writes the same file."""
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    return v4.new_notebook(cells=cells, metadata={"kernelspec": kernelspec})


def chapter_notebook(path: Path, *, answers: bool) -> NotebookNode:
    """Make the notebook of a chapter.

    Parameters
    ----------
    path : Path
        The chapter's MyST file.
    answers : bool
        Whether the sections called *Answer* are in it. Otherwise each is an empty cell.

    Returns
    -------
    NotebookNode
        Valid by nbformat's schema, without outputs.
    """
    chapter = read_myst_markdown_notebook(path.read_text(encoding="utf-8"), path=path)
    cells = [v4.new_markdown_cell(PREFACE)]
    in_answer = False
    for cell in chapter.cells:
        if cell.cell_type == "code":
            if "remove-cell" not in cell.metadata.get("tags", []) and (answers or not in_answer):
                cells += code(cell)
            continue
        for level, title, text in sections(cell.source):
            if level:
                in_answer = title == "Answer" or (in_answer and level > 4)
            if title == "Answer" and not answers:
                cells.append(v4.new_code_cell(BLANK))
            elif answers or not in_answer:
                shown = "\n\n".join(part for part in ("#" * level + f" {title}" if level else "", text) if part)
                cells += [v4.new_markdown_cell(plain_markdown(shown))] if shown else []
    return numbered(cells, chapter.metadata["kernelspec"])


def data_files(notebook: NotebookNode, chapter: Path) -> set[Path]:
    """Find the files whose copies a notebook reads."""
    source = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return {chapter.parent / DATA / name for name in re.findall(r"\bdata/([\w.]+)", source)}


def write_notebooks(chapters: list[Path], folder: Path) -> Path:
    """Write two notebooks a chapter, the data they read, and an archive of it all."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    for path in chapters:
        for suffix, answers in (("", False), ("_answers", True)):
            notebook = chapter_notebook(path, answers=answers)
            nbformat.validate(notebook)
            nbformat.write(notebook, folder / f"{path.stem}{suffix}.ipynb")
            for file in data_files(notebook, path):
                (folder / "data" / file.name).write_bytes(file.read_bytes())
    archive = folder / "course.zip"
    files = sorted([*folder.glob("*.ipynb"), *folder.glob("data/*")])
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as course:
        for file in files:
            course.write(file, Path("course") / file.relative_to(folder))
    return archive
