"""Pieces of a page: paragraphs, tables that scroll by themselves, folds, code. All words are escaped here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from zlib import crc32


def paragraph(text: str, kind: str = "") -> str:
    """Return a paragraph of plain words.

    Parameters
    ----------
    text : str
        Words.
    kind : str
        A class of the style sheet: ``lead``, ``note``, ``refusal``.
    """
    return f"<p{_class(kind)}>{escape(text)}</p>" if text else ""


def bullets(sentences: Sequence[str], kind: str = "") -> str:
    """Return sentences as a list."""
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f"<ul{_class(kind)}>{items}</ul>" if sentences else ""


def facts(pairs: Mapping[str, str]) -> str:
    """Return names and what they are, side by side; what is empty is left out."""
    rows = "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in pairs.items() if v)
    return f'<dl class="facts">{rows}</dl>' if rows else ""


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], caption: str, *, words: Sequence[str] = (), kind: str = ""
) -> str:
    """Return a table; a wide one scrolls in a region of its own, which the keyboard reaches.

    Parameters
    ----------
    head : sequence of str
        What stands above the columns; the first column names the rows.
    rows : sequence of sequences of str
        Cells; a column without any words is left out.
    caption : str
        What the table is about.
    words : sequence of str
        Columns that hold words: they are left-aligned, and may break.
    kind : str
        A class of the style sheet.
    """
    if not rows:
        return ""
    filled = [i for i, _ in enumerate(head) if any(row[i] for row in rows)]
    head, rows = [head[i] for i in filled], [[row[i] for i in filled] for row in rows]
    is_words = [i == 0 or name in words for i, name in enumerate(head)]
    cells_above = "".join(
        f'<th scope="col"{_class("" if worded else "n")}>{escape(name)}</th>'
        for name, worded in zip(head, is_words, strict=True)
    )
    body = "".join(_row(row, is_words) for row in rows)
    label = f"caption-{crc32((caption + body).encode()):08x}"
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-labelledby="{label}"><table{_class(kind)}>'
        f'<caption id="{label}">{escape(caption)}</caption>'
        f"<thead><tr>{cells_above}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row(row: Sequence[str], is_words: Sequence[bool]) -> str:
    first, *rest = row
    cells = "".join(
        f"<td{_class('w' if worded else 'n')}>{escape(cell)}</td>"
        for cell, worded in zip(rest, is_words[1:], strict=True)
    )
    return f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>'


def fold(title: str, inside: str, *, is_open: bool = False) -> str:
    """Return what a reader opens if they want to; on paper it is open."""
    return (
        f"<details{' open' if is_open else ''}><summary>{escape(title)}</summary>{inside}</details>" if inside else ""
    )


def code(text: str) -> str:
    """Return lines of Python."""
    return f'<pre tabindex="0"><code>{escape(text)}</code></pre>' if text else ""


def side_by_side(figures: Sequence[str]) -> str:
    """Return figures in as many columns as there is room for."""
    return f'<div class="figures">{"".join(figures)}</div>' if figures else ""


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
