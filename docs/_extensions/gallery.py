"""The gallery: every script in ``examples/`` becomes a page with its pictures, what it printed, and its code.

Each script runs as a reader would run it, in a process of its own and in a copy of the folder, two at a time; one
that fails or writes to stderr is a warning of the build. Sphinx-Gallery runs all in one process and puts the code
first: that fits scripts that draw as they go, and these compute, print and save.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docutils import nodes
from printed_sentences import wrap_sentences
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)

AT_ONCE = 2
LIMIT = 600  # seconds a script
OTHERS = "More"
SAVED = "saved "  # what a line begins with that names a file
PACKAGE = "pymc_landscape"


@dataclass
class Example:
    """A script, and what came of running it."""

    path: Path
    title: str
    lesson: str
    text: str
    code: str
    names: list[str]
    printed: str = ""
    figures: list[Path] = field(default_factory=list)
    pages: list[Path] = field(default_factory=list)


def public_names(tree: ast.Module) -> list[str]:
    """Names of the package that a script uses, ``pml.fit_mle`` as ``fit_mle`` and ``pml.plots.paths`` as that."""
    found = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names = {match[1] for name in found if (match := re.match(r"pml\.((?:plots\.)?\w+)$", name))}
    return sorted(names - {"plots"})


def read_example(path: Path, title: str | None) -> Example:
    """Take a script apart: its docstring's first sentence is the lesson, the rest of it the text."""
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    lesson, _, text = (ast.get_docstring(tree) or path.stem).partition("\n\n")
    text = re.sub(r"\s*Run it with\s+``python[^`]*``[^\n]*(\n\S[^\n]*)*", "", text)
    code = "\n".join(source.splitlines()[tree.body[0].end_lineno :]).strip()
    lesson = " ".join(lesson.split())
    return Example(path, title or path.stem.replace("_", " ").capitalize(), lesson, text, code, public_names(tree))


def run(example: Example, folder: Path) -> None:
    """Run a script in its copy, keep what it prints and the files that it says it saved."""
    env = os.environ | {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, example.path.name]
    try:
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        logger.warning("%s took more than %d s", example.path.name, LIMIT)
        return
    if done.returncode or done.stderr:
        logger.warning("%s ended with %d and said: %s", example.path.name, done.returncode, done.stderr[-2000:])
    lines = done.stdout.splitlines()
    example.printed = "\n".join(line for line in lines if not line.startswith(SAVED)).strip()
    saved = [folder / line.removeprefix(SAVED).strip() for line in lines if line.startswith(SAVED)]
    example.figures = [path for path in saved if path.suffix == ".png"]
    example.pages = [path for path in saved if path.suffix == ".html"]


def page_of(example: Example, following: str) -> str:
    """Write the page of an example: the lesson, the pictures, what was printed, the code."""
    parts = [f"# {example.title}", f"**{example.lesson}**", example.text]
    parts += [f":::{{figure}} figures/{path.name}\n:alt: {example.lesson}\n:::" for path in example.figures]
    parts += [f"{{download}}`Open the page that it made <figures/{path.name}>`." for path in example.pages]
    if example.printed:
        parts += ["## What it prints", f"``````{{code-block}} text\n\n{wrap_sentences(example.printed)}\n``````"]
    uses = ", ".join(f"{{py:obj}}`pml.{name} <{PACKAGE}.{name}>`" for name in example.names)
    parts += ["## The code", f"{{download}}`{example.path.name} <scripts/{example.path.name}>` uses {uses}."]
    parts += [f"``````{{code-block}} python\n{example.code}\n``````", following]
    return "\n\n".join(part for part in parts if part) + "\n"


def index_of(sections: dict[str, list[Example]]) -> str:
    """Write the gallery's index: a card with a picture for each example."""
    parts = ["# Gallery", "Whole analyses of public data. Each is one script: its pictures, what it printed, its code."]
    for section, examples in sections.items():
        cards = [
            f":::{{grid-item-card}} {example.title}\n:link: {example.path.stem}\n:link-type: doc\n"
            + (f":img-top: figures/{example.figures[0].name}\n:img-alt: {example.title}\n" if example.figures else "")
            + f":class-img-top: thumbnail\n\n{example.lesson}\n:::"
            for example in examples
        ]
        names = "\n".join(example.path.stem for example in examples)
        parts += [f"## {section}", "::::{grid} 1 2 3 3\n:gutter: 3\n\n" + "\n\n".join(cards) + "\n::::"]
        parts += [f"```{{toctree}}\n:hidden:\n:caption: {section}\n\n{names}\n```"]
    return "\n\n".join([*parts, "**Next:** the [reference](../api/index.md)."]) + "\n"


def sections_of(app: Sphinx) -> dict[str, list[Example]]:
    """Sort the scripts into the sections of the configuration; what it does not name comes last."""
    scripts = {path.stem: path for path in sorted((Path(app.srcdir) / app.config.gallery_examples).glob("*.py"))}
    known = {name for titles in app.config.gallery_sections.values() for name in titles}
    others = {name: None for name in scripts if name not in known}
    sections = app.config.gallery_sections | ({OTHERS: others} if others else {})
    return {
        section: [read_example(scripts[name], title) for name, title in titles.items() if name in scripts]
        for section, titles in sections.items()
        if scripts.keys() & titles.keys()
    }


def write_gallery(app: Sphinx) -> None:
    """Run all examples and write their pages; where nothing is executed, pages keep the pictures of the last run."""
    sections = sections_of(app)
    examples = [example for group in sections.values() for example in group]
    app.env.gallery = examples  # type: ignore[attr-defined]
    target = Path(app.srcdir) / "gallery"
    (target / "figures").mkdir(parents=True, exist_ok=True)
    if app.config.nb_execution_mode != "off":
        folder = Path(app.doctreedir) / "examples"
        shutil.copytree(examples[0].path.parent, folder, dirs_exist_ok=True)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda example: run(example, folder), examples))
        for example in examples:
            for path in [*example.figures, *example.pages]:
                shutil.copy(path, target / "figures")
    else:
        for example in examples:
            example.figures = sorted((target / "figures").glob(f"{example.path.stem}*.png"))
    (target / "scripts").mkdir(exist_ok=True)
    for example, after in zip(examples, [*examples[1:], None], strict=True):
        shutil.copy(example.path, target / "scripts")
        link = f"[{after.title}]({after.path.stem}.md)" if after else "the [reference](../api/index.md)"
        text = page_of(example, f"**Next:** {link}.")
        (target / f"{example.path.stem}.md").write_text(text, encoding="utf-8")
    (target / "index.md").write_text(index_of(sections), encoding="utf-8")


class ExamplesThatUse(SphinxDirective):
    """Links to the examples of the gallery that use the name given."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Write one line of links, or nothing where no example uses the name."""
        name = self.arguments[0].removeprefix(f"{PACKAGE}.")
        examples = [example for example in self.env.gallery if name in example.names]
        if not examples:
            return []
        links = ", ".join(f":doc:`{example.title} </gallery/{example.path.stem}>`" for example in examples)
        return self.parse_text_to_nodes(f".. rubric:: In the gallery\n\n{links}")


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the gallery before the pages are read, and give pages the directive ``examples-that-use``."""
    app.add_config_value("gallery_examples", "../examples", "env")
    app.add_config_value("gallery_sections", {}, "env")
    app.connect("builder-inited", write_gallery, priority=100)
    app.add_directive("examples-that-use", ExamplesThatUse)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
