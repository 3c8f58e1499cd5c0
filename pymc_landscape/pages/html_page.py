"""How a page is written to a file, and shown in a notebook."""

from __future__ import annotations

from html import escape
from os import PathLike
from pathlib import Path

from pymc_landscape.arguments import checked_path


def write_page(page: str, path: str | PathLike[str]) -> Path:
    """Write a page to a file, and return where.

    Parameters
    ----------
    page : str
        A whole HTML document.
    path : path
        A file ending in ``.html`` or ``.htm``; what is there already is replaced.

    Returns
    -------
    Path
        The file, absolute.

    Raises
    ------
    ValueError
        If `path` has another ending, or its folder does not exist.
    """
    file = page_file(path)
    file.write_text(page, encoding="utf-8")
    return file


def page_file(path: str | PathLike[str]) -> Path:
    """Return the absolute path of a page that is to be written; refuse one where no page can be.

    Parameters
    ----------
    path : path
        A file ending in ``.html`` or ``.htm``, in a folder that is there.

    Raises
    ------
    TypeError
        If `path` is none.
    ValueError
        If it has another ending, or its folder does not exist.
    """
    file = Path(checked_path("path", path))
    if file.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"Expected a path that ends in .html, got {str(path)!r}: a browser knows a page by that.")
    if not file.absolute().parent.is_dir():
        raise ValueError(f"Expected a folder that exists, got {str(file.parent)!r}: make it first.")
    return file.absolute()


def iframe(page: str, *, title: str, height: int) -> str:
    """Return a page inside a frame of its own, so that its styles and those of a notebook leave each other alone.

    Parameters
    ----------
    page : str
        A whole HTML document.
    title : str
        What a screen reader says of the frame.
    height : int
        In CSS pixels; the width is that of the notebook.

    Returns
    -------
    str
        An ``<iframe>`` that holds the page as its ``srcdoc``.
    """
    return (
        f'<iframe title="{escape(title)}" srcdoc="{escape(page)}" loading="lazy" '
        f'style="width: 100%; height: {height}px; border: 0"></iframe>'
    )
