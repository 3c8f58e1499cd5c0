"""Every argument of everything public refuses what it cannot be, by a sentence that names it and says what to do."""

import inspect
import re
import traceback
import warnings
from typing import Any

import pytest
import xarray as xr
from argument_stock import MADE, stock, taken
from wrong_method_arguments import METHODS
from wrong_plot_arguments import PLOTS
from wrong_values import KINDS
from wrong_verb_arguments import VERBS

import pymc_landscape as pml

TABLE = VERBS | METHODS | PLOTS
# Where a refusal may call an argument by another word: the first argument is a model, what is in a point has a name,
# and what a plot shows is what a verb returned.
ALSO_CALLED = {
    "fit": "pm.Model|a model|a fit|random effects",
    "model": "pm.Model|a model|random effects",
    "null": "a model",
    "alternative": "a model",
    "grid": "axis|axes|'s'|'nope'",
    "axes": "axis|'s'|'nope'",
    "models": "mapping of names to fits|as dt|draws",
    "at": "'nope'|posterior",
    "starts": "start|posterior of another model",
    "dt": "draws",
    "coords": "labels of the dim",
    "center": "parameters for a plane",
    "path": "folder",
    "n": "number",
    "label": "parameter|element",
}
RESULTS = ("ds", "landscape", "descents", "descent", "intervals", "table", "points", "curves", "influence", "profile")
ALSO_CALLED |= dict.fromkeys(
    (*RESULTS, "contours", "spectrum", "results", "paths", "resume", "start"), "Dataset|result|pass"
)
# What is not called by users, takes nothing that can be wrong, or is made by a verb.
NOT_CALLED = {
    "Explorer", "Fit", "HypothesisTest", "LikelihoodRatioTest", "Report", "objective.changes_since",
    "objective.derived_dims", "objective.engine", "objective.is_convex", "objective.layout", "objective.reduced_terms",
    "objective.term_dims", "objective.total", "objective.value_and_gradient_function", "objective.vector",
    "objective.with_fixed_effects",
}  # fmt: skip


def wrong_values(kind: str | list[Any]) -> list[Any]:
    return KINDS[kind] if isinstance(kind, str) else kind


def is_a_sentence(error: Exception, argument: str) -> bool:
    """Whether a refusal says what was expected, what came and what to do, of the argument."""
    said = str(error)
    named = re.search(rf"\b{re.escape(argument)}\b|{ALSO_CALLED.get(argument, '(?!)')}", said, re.IGNORECASE)
    whole = re.match(r"Expected .*\bgot\b.*[:;,] .*[.?]$", said, re.DOTALL)
    ours = "pymc_landscape" in traceback.extract_tb(error.__traceback__)[-1].filename
    return bool(isinstance(error, ValueError | TypeError) and named and whole and ours)


def complaints(name: str, argument: str, kind: str | list[Any]) -> list[str]:
    """Return which wrong values of an argument are accepted, or refused otherwise than by a sentence."""
    call, found = TABLE[name][0], []
    for value in wrong_values(kind):
        given, short = taken(value), f"{name}({argument}={value!r:.40})"
        try:
            call(**{argument: given})
        except Exception as error:
            unknown_keyword = argument == "nope" and isinstance(error, TypeError | ValueError) and "nope" in str(error)
            if not (unknown_keyword or is_a_sentence(error, argument)):
                found.append(f"{short}: {type(error).__name__}: {error}")
        else:
            found.append(f"{short}: accepted")
    return found


@pytest.mark.parametrize("name", TABLE)
def test_what_an_argument_cannot_be_is_refused_by_a_sentence(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [line for argument, kind in TABLE[name][1].items() for line in complaints(name, argument, kind)]
    assert not found, "\n".join(found)


NAMED = {
    "compare_with_posterior": "var_names", "confidence_contour": "var_names", "confidence_intervals": "var_names",
    "coverage_study": "var_names", "explore": "axes", "fit_grid": "var_names", "four_curves": "var_names",
    "influence": "var_names", "prior_path": "var_names", "profile_likelihood": "var_names",
}  # fmt: skip


@pytest.mark.parametrize("verb", NAMED)
def test_unknown_names_are_refused_before_a_model_is_fitted(verb, monkeypatch):
    for where in ("optimize.fit.fit_weighted", "posterior.power_scaled_prior.fit_weighted"):
        monkeypatch.setattr(f"pymc_landscape.{where}", lambda *a, **o: pytest.fail("it was fitted"))
    arguments = {NAMED[verb]: ["s", "nope"], **({} if verb == "fit_grid" else {"progressbar": False})}
    arguments |= {"dt": stock("dt")} if "dt" in inspect.signature(getattr(pml, verb)).parameters else {}
    with pytest.raises(ValueError, match=r"Expected .*nope"):
        getattr(pml, verb)(stock("model"), **arguments)


def test_every_verb_that_takes_names_and_a_model_is_asked_so():
    def takes(verb: str) -> bool:
        parameters = inspect.signature(getattr(pml, verb)).parameters
        return "var_names" in parameters and next(iter(parameters)) in ("fit", "model")

    assert {verb for verb in pml.__all__ if verb != "plots" and takes(verb)} == NAMED.keys() - {"explore"}


def test_too_few_draws_are_refused_before_the_work():
    few = stock("dt").isel(draw=[0])
    verbs = (pml.influence, pml.prior_path)
    for ask in (*(lambda verb=verb: verb(stock("model"), dt=few) for verb in verbs),
                lambda: pml.compare_models({"a": (stock("model"), few)})):  # fmt: skip
        with pytest.raises(ValueError, match=r"Expected 25 draws or more, 2 or more in each chain, .* got 2 × 1 in dt"):
            ask()


def test_there_are_many_wrong_values():
    assert sum(len(wrong_values(kind)) for _, kinds in TABLE.values() for kind in kinds.values()) > 1000


def public_callables() -> dict[str, Any]:
    """All that is public and is called: verbs, plots, and the methods of what verbs return."""
    verbs = {name: getattr(pml, name) for name in pml.__all__ if name != "plots"}
    plots = {f"plots.{name}": getattr(pml.plots, name) for name in pml.plots.__all__}
    classes = {"fit": pml.Fit, "objective": pml.Objective, "report": pml.Report, "explorer": pml.Explorer}
    methods = {
        f"{holder}.{name}": method
        for holder, kind in classes.items()
        for name, method in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }
    return verbs | plots | methods


def test_every_public_callable_and_each_of_its_arguments_stands_in_the_table():
    lacking = []
    for name, function in public_callables().items():
        if name in NOT_CALLED:
            continue
        kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        arguments = {p.name for p in inspect.signature(function).parameters.values() if p.kind in kinds} - {"self"}
        arguments -= {"where", "name"} if name in ("objective.find", "objective.complete") else set()  # for messages
        lacking += [f"{name}({argument})" for argument in arguments - TABLE.get(name, (None, {}))[1].keys()]
    assert not lacking, sorted(lacking)


def test_a_refusal_changes_nothing():
    before = {name: stock(name).copy(deep=True) for name in ("dt", "landscape", "profile", "intervals")}
    for name in ("evaluate_landscape", "confidence_intervals", "plots.landscape"):
        test_what_an_argument_cannot_be_is_refused_by_a_sentence(name)
    for name, earlier in before.items():
        assert stock(name).identical(earlier) if isinstance(earlier, xr.Dataset) else stock(name).equals(earlier)


def test_all_that_the_table_names_can_be_made():
    assert all(stock(name) is not None for name in MADE)
