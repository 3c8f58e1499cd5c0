"""The pages that are written by hand: each has a way in, a next step, and its sources in the bibliography."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import pymc_landscape as pml

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
MADE_BY_THE_BUILD = ("_build", "jupyter_execute", "gallery", "api/generated", "_extensions", "_static")
PAGES = sorted(
    path for path in DOCS.rglob("*.md") if not path.relative_to(DOCS).as_posix().startswith(MADE_BY_THE_BUILD)
)
NAME = r"[A-Z][A-Za-zÀ-ž’'\-]+"
CITATION = re.compile(rf"({NAME})((?:(?:, and |, | & | and ){NAME})*(?: et al\.)?),? \(?((?:18|19|20)\d\d)[a-z]?\b")


def name_of(path: Path) -> str:
    return path.relative_to(DOCS).as_posix()


def targets_of(page: Path) -> Iterator[Path]:
    """The pages that a page's tables of contents lead to."""
    for block in re.findall(r"```\{toctree\}\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL):
        for entry in (line.strip() for line in block.splitlines()):
            if entry and not entry.startswith(":"):
                yield from (
                    page.parent.resolve().glob(f"{entry}.md")
                    if "*" in entry
                    else [(page.parent / f"{entry}.md").resolve()]
                )


def test_every_page_has_a_way_in_from_the_first():
    reached, waiting = set(), [DOCS / "index.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached and page.exists():
            reached.add(page)
            waiting += targets_of(page)
    assert {name_of(page) for page in PAGES if page not in reached} == set()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_page_says_where_to_go_next(page):
    *_, last = re.split(
        r"\n\s*\n", re.sub(r"```\{toctree\}.*?```", "", page.read_text("utf-8"), flags=re.DOTALL).strip()
    )
    assert re.match(r"\*\*Next:\*\* .*\[[^\]]+\]\([^)]+\)", last.replace("\n", " ")), last


def cited_works() -> set[tuple[str, str]]:
    """First author and year of all works that pages, docstrings and comments name."""
    files = [*PAGES, *(ROOT / "pymc_landscape").rglob("*.py"), *(ROOT / "examples").glob("*.py")]
    texts = (
        re.sub(r"\s+(?:# )?", " ", path.read_text(encoding="utf-8")) for path in files if path.stem != "bibliography"
    )
    return {(found[1].removesuffix("'s"), found[3]) for text in texts for found in CITATION.finditer(text)}


# Names of what is no author, before a number that is no year of a work.
NO_WORKS = {"CIEDE2000"}


def test_all_that_is_cited_stands_in_the_bibliography():
    entries = (DOCS / "bibliography.md").read_text(encoding="utf-8").split("\n- ")
    missing = {
        work
        for work in cited_works()
        if work[0] not in NO_WORKS and not any(work[0] in entry and work[1] in entry for entry in entries)
    }
    assert not missing


def test_links_and_verbs_of_the_readme_are_there():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", readme) if "://" not in link]
    assert len(links) > 30
    if not (ROOT / "pymc_landscape").is_dir():  # the tests of a package that is installed
        links = [link for link in links if not link.startswith("pymc_landscape/")]
    assert [link for link in links if not (ROOT / link).exists()] == []
    assert [name for name in pml.__all__ if name.islower() and not re.search(rf"pml\.{name}\b", readme)] == []
