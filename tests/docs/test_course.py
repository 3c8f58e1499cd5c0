"""The course: the form of its chapters, the notebooks made from them, and the deck of slides."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
LEARN = ROOT / "docs" / "learn"
sys.path.insert(0, str(ROOT / "docs" / "_extensions"))

from course_notebooks import BLANK, chapter_notebook, write_notebooks  # noqa: E402
from course_slides import deck  # noqa: E402
from myst_nb.core.read import read_myst_markdown_notebook  # noqa: E402

CHAPTERS = sorted(LEARN.glob("0*.md"))
WITH_ANSWERS = [path for path in sorted(LEARN.glob("*.md")) if "\n#### Answer\n" in path.read_text(encoding="utf-8")]

READING_DATA = [LEARN / f"{name}.md" for name in ("04_the_maximum", "measurement_error")]

SMALL = """---
file_format: mystnb
kernelspec:
  name: python3
---

# A chapter

See the {term}`profile <profile>` of {term}`Δ(−2LL)`, [the next](02_next.md#there) and [another page](../fit.md).

:::{admonition} Predict
:class: predict

Up or down?

1. up
:::

```{code-cell} ipython3
:tags: [remove-cell]
assert True
```

```{code-cell} ipython3
---
tags: [hide-input]
mystnb:
  figure:
    caption: The {term}`profile` rises.
---
rows = open("../../examples/data/york.csv").readlines()
```

## Exercises

### Exercise 1

How many rows?

#### Answer

Eleven, as this says:

```{code-cell} ipython3
# not a heading
assert len(rows) == 11
```

```
# nor this
```

## What you now know
"""


def sources(notebook, kind):
    return [cell.source for cell in notebook.cells if cell.cell_type == kind]


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "docs" / "learn" / "01_small.md"
    path.parent.mkdir(parents=True)
    path.write_text(SMALL, encoding="utf-8")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return path


def test_notebook_with_blanks_has_an_empty_cell_for_each_answer(small):
    notebook = chapter_notebook(small, answers=False)
    assert sources(notebook, "code") == ['rows = open("data/york.csv").readlines()', BLANK]
    text = "\n".join(sources(notebook, "markdown"))
    assert "Eleven" not in text
    assert "nor this" not in text
    assert text.endswith("## What you now know")


def test_notebook_with_answers_has_them_all(small):
    notebook = chapter_notebook(small, answers=True)
    assert sources(notebook, "code")[-1] == "# not a heading\nassert len(rows) == 11"
    assert "```\n# nor this\n```" in "\n".join(sources(notebook, "markdown"))


def test_notebooks_say_in_markdown_what_pages_say_in_myst(small):
    preface, first, caption = sources(chapter_notebook(small, answers=False), "markdown")[:3]
    assert "course.zip" in preface
    assert "See the profile of Δ(−2LL), [the next](02_next.ipynb) and another page." in first
    assert "> **Predict**\n>\n> Up or down?\n>\n> 1. up" in first
    assert caption == "*The profile rises.*"


def test_archive_holds_notebooks_and_the_data_they_read(small, tmp_path):
    names = zipfile.ZipFile(write_notebooks([small], tmp_path / "out")).namelist()
    assert names == ["course/01_small.ipynb", "course/01_small_answers.ipynb", "course/data/york.csv"]


@pytest.mark.parametrize("path", WITH_ANSWERS, ids=lambda path: path.stem)
def test_every_chapter_is_a_notebook(path):
    for answers in (False, True):
        notebook = chapter_notebook(path, answers=answers)
        nbformat.validate(notebook)
        assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
        text = "\n".join(sources(notebook, "markdown"))
        for syntax in (":::", "{term}", ".md)", "```{", "#### Answer\n\n\n"):
            assert syntax not in text
        n_answers = path.read_text(encoding="utf-8").count("\n#### Answer\n")
        assert sources(notebook, "code").count(BLANK) == (0 if answers else n_answers)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_chapter_has_the_form_of_the_course(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n### Exercise ") == text.count("\n#### Answer\n") == 3
    assert ":::{admonition} Predict\n:class: predict\n" in text
    assert "\npml.explore(" in text
    assert text.index(":::{admonition} Predict") < text.index("\n## Exercises\n") < text.index("## What you now know")
    assert text.split("## What you now know\n\n")[1].split("\n\n")[0].count("\n- ") == 2
    assert text.rstrip().splitlines()[-1].startswith("**Next:**")


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_answer_is_checked(path):
    """An answer that no line could contradict may become wrong when a verb changes; one on one's own data says so."""
    for answer in path.read_text(encoding="utf-8").split("\n#### Answer\n")[1:]:
        text = answer.split("\n## ")[0].split("\n### ")[0]
        assert "assert " in text or "No page can check this one." in text


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_slide_has_a_caption_and_words_for_its_picture(path):
    cells = read_myst_markdown_notebook(path.read_text(encoding="utf-8"), path=path).cells
    slides = [cell for cell in cells if "slide" in cell.metadata.get("tags", [])]
    assert slides
    for cell in slides:
        assert cell.metadata["mystnb"]["figure"]["caption"]
        assert cell.metadata["mystnb"]["image"]["alt"]


def test_first_chapter_runs_as_a_notebook():
    names = {}
    for source in sources(chapter_notebook(LEARN / "01_two_numbers.md", answers=True), "code"):
        exec(compile(source, "01_two_numbers", "exec"), names)
    plt.close("all")
    assert names["ratio"].max() == pytest.approx(4)


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.parametrize("path", READING_DATA, ids=lambda path: path.stem)
def test_notebooks_that_read_data_run(path, tmp_path):
    """Their cells are those of the page, which the build of the docs runs; what they read must come along."""
    write_notebooks([path], tmp_path)
    for file in tmp_path.glob("*.ipynb"):
        notebook = nbformat.read(file, as_version=4)
        NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()


def test_deck_needs_no_network_and_numbers_its_slides():
    page = deck("Slides", ["<h1>First</h1>", "<p>a & b</p>"])
    assert page.count("<section") == 2
    assert "1 / 2" in page
    assert "2 / 2" in page
    assert "http" not in page


CONF = f"""
import sys
sys.path.insert(0, {str(ROOT / "docs" / "_extensions")!r})
extensions = ["myst_nb", "course"]
myst_enable_extensions = ["colon_fence"]
nb_execution_mode = "force"
nb_execution_raise_on_error = True
exclude_patterns = ["html", "jupyter_execute"]
"""
INDEX = """# Course

```{toctree}
learn/01_small
learn/lecturers
```

```{glossary}
profile
  a curve

Δ(−2LL)
  a rise
```
"""


@pytest.mark.exhaustive
def test_page_folds_answers_and_offers_notebooks_and_slides(small):
    source, out = small.parent.parent, small.parent.parent / "html"
    text = SMALL.replace("[the next](02_next.md#there) and [another page](../fit.md)", "more")
    text = text.replace("rows = open", "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nrows = open")
    text = text.replace("tags: [hide-input]", "tags: [slide]") + "\n- a point\n"
    for file, content in (("01_small", text), ("lecturers", "# Lecturers\n\n```{course-downloads}\n```\n")):
        (source / "learn" / f"{file}.md").write_text(content, encoding="utf-8")
    (source / "index.md").write_text(INDEX, encoding="utf-8")
    (source / "conf.py").write_text(CONF, encoding="utf-8")
    inline = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}  # pictures are outputs there
    subprocess.run([sys.executable, "-m", "sphinx", "-W", "-q", str(source), str(out)], check=True, env=inline)

    page = (out / "learn" / "01_small.html").read_text(encoding="utf-8")
    fold = page.split('<details class="answer"><summary>Answer</summary>')[1].split("</details>")[0]
    assert "Eleven" in fold
    assert page.count("Answer</") == 1  # and so it is in no table of contents
    assert 'href="notebooks/01_small_answers.ipynb"' in page
    assert (out / "learn" / "notebooks" / "01_small_answers.ipynb").exists()
    slides = (out / "learn" / "slides.html").read_text(encoding="utf-8")
    assert slides.count('src="data:image/png;base64,') == 1
    assert "<figcaption>The profile rises.</figcaption>" in slides
    assert "Up or down?" in slides
    assert "a point" in slides
    assert "A chapter" in (out / "learn" / "lecturers.html").read_text(encoding="utf-8")
