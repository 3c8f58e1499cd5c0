"""Every public name has an example that runs, and every plot a picture on its page."""

import ast
import doctest
import inspect
from pathlib import Path

import pytest

import pymc_landscape as pml

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "api" / "pictures"
DRAWS_NOTHING = {"project_paths"}
MADE_BY = {"Report": "report", "Explorer": "explore"}  # pages, which the examples of these verbs make
NAMES = [name for name in pml.__all__ if name != "plots"] + [f"plots.{name}" for name in pml.plots.__all__]


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_has_an_example(name):
    """That examples are right is seen where doctests run; here, that there is one with something to be seen."""
    name, thing = MADE_BY.get(name, name), pml
    for part in name.split("."):
        thing = getattr(thing, part)
    examples = doctest.DocTestParser().get_examples(inspect.getdoc(thing) or "")
    calls = {node.attr for example in examples for node in ast.walk(ast.parse(example.source)) if hasattr(node, "attr")}
    named = {node.id for example in examples for node in ast.walk(ast.parse(example.source)) if hasattr(node, "id")}
    short = name.split(".")[-1]
    assert any(example.want for example in examples)
    assert short in calls | named or inspect.isclass(thing)


@pytest.mark.parametrize("name", sorted(set(pml.plots.__all__) - DRAWS_NOTHING))
def test_every_plot_has_a_picture_in_the_reference(name):
    calls = [
        ast.unparse(n.func)
        for n in ast.walk(ast.parse((PICTURES / f"{name}.py").read_text()))
        if isinstance(n, ast.Call)
    ]
    assert f"pml.plots.{name}" in calls


def test_every_public_name_stands_in_the_reference():
    lists = "\n".join(path.read_text(encoding="utf-8") for path in PICTURES.parent.glob("*.md"))
    listed = {line.strip() for line in lists.splitlines()}
    assert {name.removeprefix("plots.") for name in NAMES} <= listed
