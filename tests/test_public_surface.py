"""The public surface by rules: what every verb takes and refuses, and what its arguments are called and mean."""

import inspect
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import pytest
import xarray as xr

import pymc_landscape as pml

OBSERVED = np.array([0.2, 1.4, 0.9, 1.1, 0.5])


@cache
def mean_of_five() -> pm.Model:
    """A normal mean and its deviation, from five observations."""
    with pm.Model() as model:
        mu, sigma = pm.Normal("mu", 0, 10), pm.HalfNormal("sigma", 10)
        pm.Normal("y", mu, sigma, observed=OBSERVED)
    return model


@cache
def effects() -> pm.Model:
    """The same observations with an effect each, that is integrated out."""
    with pm.Model() as model:
        effect = pm.Normal("effect", pm.Normal("mu", 0, 10), 1.0, shape=5)
        pm.Normal("y", effect, 0.5, observed=OBSERVED)
    return model


@cache
def known_mean() -> pm.Model:
    """The null: a mean of 0."""
    return pm.do(mean_of_five(), {"mu": 0.0})


@cache
def posterior() -> xr.Dataset:
    """Draws that might have been sampled."""
    rng = np.random.default_rng(1)
    draws = {"mu": rng.normal(0.8, 0.3, (2, 50)), "sigma": np.exp(rng.normal(-0.6, 0.3, (2, 50)))}
    return xr.Dataset({name: (("chain", "draw"), values) for name, values in draws.items()})


def as_of_bambi(model: pm.Model) -> SimpleNamespace:
    """What a bambi model is, as far as one can tell from outside: its backend holds the model."""
    return SimpleNamespace(backend=SimpleNamespace(model=model), built=True)


QUIET: dict[str, Any] = {"progressbar": False}
GRID = {"mu": (0.5, 1.0, 3)}

# Each verb on a small model; what it is called with is a Fit, a pm.Model, an Objective, or none of them.
NEEDS_AN_OPTIMUM: dict[str, Callable[[Any], Any]] = {
    "compare_models": lambda m: pml.compare_models({"one": m, "null": known_mean()}, **QUIET),
    "compare_with_posterior": lambda m: pml.compare_with_posterior(m, posterior(), random_seed=1, **QUIET),
    "confidence_contour": lambda m: pml.confidence_contour(m, ["mu", "sigma"], num=8, method="wald", **QUIET),
    "confidence_intervals": lambda m: pml.confidence_intervals(m, "mu", method=["wald", "profile"], **QUIET),
    "coverage_study": lambda m: pml.coverage_study(m, "mu", draws=2, method="wald", random_seed=1, **QUIET),
    "fit_grid": lambda m: pml.fit_grid(m, "mu", num=5),
    "four_curves": lambda m: pml.four_curves(m, posterior(), "mu", num=11, random_seed=1, **QUIET),
    "influence": lambda m: pml.influence(m, "mu", **QUIET),
    "laplace_check": lambda m: pml.laplace_check(m, draws=5, random_seed=1, **QUIET),
    "likelihood_ratio_test": lambda m: pml.likelihood_ratio_test(known_mean(), m, **QUIET),
    "parametric_bootstrap": lambda m: pml.parametric_bootstrap(m, draws=2, random_seed=1, **QUIET),
    "posterior_deviance": lambda m: pml.posterior_deviance(m, posterior(), **QUIET),
    "score_test": lambda m: pml.score_test(known_mean(), m, **QUIET),
    "tests": lambda m: pml.tests(known_mean(), m, **QUIET),
    "wald_test": lambda m: pml.wald_test(known_mean(), m, **QUIET),
    "profile_likelihood": lambda m: pml.profile_likelihood(m, "mu", level=0.8, **QUIET),
    "report": lambda m: pml.report(m, sections=["fit", "optima"], **QUIET).to_datatree(),
}
NEEDS_NONE: dict[str, Callable[[Any], Any]] = {
    "critical_points": lambda m: pml.critical_points(m, starts=1, random_seed=1, **QUIET),
    "descend": lambda m: pml.descend(m, "newton", steps=2, random_seed=1, **QUIET),
    "evaluate_landscape": lambda m: pml.evaluate_landscape(m, GRID, at={"sigma": 0.5}, **QUIET),
    "explore": lambda m: pml.explore(m, axes="mu", num=5, random_seed=1, **QUIET).to_datatree(),
    "fit_map": lambda m: pml.fit_map(m, **QUIET),
    "fit_mle": lambda m: pml.fit_mle(m, **QUIET),
    "hessian_spectrum": lambda m: pml.hessian_spectrum(m, at={"mu": 0.8, "sigma": 0.5}),
    "importance_sampling": lambda m: pml.importance_sampling(m, at={"mu": 0.8}, draws=20, random_seed=1),
    "loss_table": lambda m: pml.loss_table(m, at={"mu": 0.8, "sigma": 0.5}),
    "plane_grid": lambda m: pml.plane_grid({"mu": 0.8, "sigma": 0.5}, model=m, num=3, random_seed=1),
    "pointwise_log_likelihood": lambda m: pml.pointwise_log_likelihood(m, posterior(), **QUIET),
    "posterior_grid": lambda m: pml.posterior_grid(posterior(), "mu", num=3, axes="parameters", model=m),
    "prior_path": lambda m: pml.prior_path(m, [0, 1], **QUIET),
    "sum_over_blocks": lambda m: pml.fit_mle(pml.sum_over_blocks(m, {"y": np.repeat(OBSERVED, 2)}), **QUIET),
}
READS_A_RESULT = {"chi2_cutoff", "descent_race", "read_intervals", "regular_grid", "to_datatree"}
CLASSES = {"Explorer", "Fit", "HypothesisTest", "LikelihoodRatioTest", "Objective", "Report"}
TAKES_A_MODEL = NEEDS_AN_OPTIMUM | NEEDS_NONE
OF_EFFECTS = {"laplace_check", "importance_sampling"}
# Without a model these take the values as they are.
WITHOUT_A_MODEL = {"plane_grid", "posterior_grid"}


def test_every_public_verb_stands_in_the_table():
    assert {*TAKES_A_MODEL, *READS_A_RESULT, *CLASSES, "plots"} == set(pml.__all__)


@cache
def fit_of(model: Callable[[], pm.Model]) -> pml.Fit:
    return pml.fit_mle(model(), progressbar=False)


@cache
def objective_of(model: Callable[[], pm.Model]) -> pml.Objective:
    return pml.Objective(model())


def arrays(result: Any) -> dict[str, np.ndarray]:
    """What a result holds, as arrays by name."""
    if isinstance(result, pml.Fit):
        return arrays(result.point) | {"minus2ll": np.array(result.minus2ll)}
    if isinstance(result, pd.DataFrame):
        return {str(name): column.to_numpy() for name, column in result.items()}
    if isinstance(result, xr.DataTree):
        groups = [(group.path, name, a) for group in result.subtree for name, a in group.data_vars.items()]
        return {f"{path}/{name}": array.to_numpy() for path, name, array in groups if name != "seconds"}
    dataset = result if isinstance(result, xr.Dataset) else result.to_dataset()
    return {str(name): array.to_numpy() for name, array in dataset.variables.items() if name != "seconds"}


@pytest.mark.filterwarnings("ignore")  # of so few draws and data
@pytest.mark.parametrize("verb", sorted(TAKES_A_MODEL))
def test_a_fit_a_model_its_holder_and_an_objective_give_the_same(verb):
    call, model = TAKES_A_MODEL[verb], effects if verb in OF_EFFECTS else mean_of_five
    one, *rest = (call(given) for given in (fit_of(model), model(), as_of_bambi(model()), objective_of(model)))
    expected = arrays(one)
    assert expected
    for other in rest:
        assert type(other) is type(one)
        got = arrays(other)
        assert got.keys() == expected.keys()
        for name, values in expected.items():
            if values.dtype.kind == "f":
                np.testing.assert_allclose(got[name], values, rtol=1e-8, atol=1e-8, err_msg=name)
            elif verb not in ("critical_points", "compare_models"):  # these write numbers into sentences
                np.testing.assert_array_equal(got[name], values, err_msg=name)


@pytest.mark.parametrize("wrong", ["model", 3, {"mu": 0.8}, None], ids=repr)
@pytest.mark.parametrize("verb", sorted(TAKES_A_MODEL))
def test_what_is_no_model_is_refused_in_one_sentence(verb, wrong):
    if wrong is None and verb in WITHOUT_A_MODEL:
        pytest.skip("may be called without a model")
    with pytest.raises(TypeError) as refused:
        TAKES_A_MODEL[verb](wrong)
    sentence = str(refused.value)
    expected, got, advice = re.fullmatch(r"Expected (.*), got (.*): (.*)", sentence).groups()
    assert "pm.Model" in expected
    assert "Objective" in expected
    assert type(wrong).__name__ in got or (wrong is None and "none" in got)
    assert advice.endswith(".")
    assert sentence.count(". ") == 0


@pytest.mark.filterwarnings("ignore")
def test_a_verb_that_fits_a_model_first_says_so(caplog):
    with caplog.at_level("INFO", logger="pymc_landscape"):
        NEEDS_AN_OPTIMUM["confidence_intervals"](mean_of_five())
    assert "confidence_intervals needs an optimum: the model was fitted first" in caplog.text


def test_the_model_of_a_with_block_is_used():
    with mean_of_five():
        here = pml.confidence_intervals(var_names="mu", method="wald", progressbar=False)
    assert here["estimate"].item() == pytest.approx(OBSERVED.mean())


# --- arguments -------------------------------------------------------------------------------------------------------


def parameters() -> list[tuple[str, inspect.Parameter]]:
    """Every argument of every public function, plots included."""
    functions = {name: getattr(pml, name) for name in pml.__all__ if name not in CLASSES | {"plots"}}
    functions |= {f"plots.{name}": getattr(pml.plots, name) for name in pml.plots.__all__}
    functions |= {"Objective": pml.Objective.__init__}
    return [
        (verb, parameter)
        for verb, function in functions.items()
        for parameter in inspect.signature(function).parameters.values()
        if parameter.name != "self" and parameter.kind is not parameter.VAR_KEYWORD
    ]


def arguments(name: str) -> list[tuple[str, inspect.Parameter]]:
    return [(verb, parameter) for verb, parameter in parameters() if parameter.name == name]


def annotated(parameter: inspect.Parameter) -> str:
    return str(parameter.annotation).strip("'")


def test_public_arguments_have_a_type():
    untyped = [f"{verb}({p.name})" for verb, p in parameters() if "Any" in map(str.strip, annotated(p).split("|"))]
    assert not untyped


def test_arguments_have_one_name_each():
    synonyms = {
        "idata",
        "trace",
        "posterior",
        "alpha",
        "hdi_prob",
        "methods",
        "seed",
        "rng",
        "others",
        "n_draws",
        "prob",
    }
    assert not {f"{verb}({p.name})" for verb, p in parameters() if p.name in synonyms}


def test_dt_is_a_posterior():
    assert {annotated(p) for _, p in arguments("dt")} <= {
        *("Posterior", "Posterior | None"),
        *("xr.DataTree | xr.Dataset", "xr.DataTree | xr.Dataset | None", "xr.DataTree | None"),
    }


def test_draws_is_how_many_are_made():
    assert {(annotated(p), type(p.default)) for verb, p in arguments("draws")} == {("int", int)}


def test_num_is_a_number_of_points():
    assert {annotated(p) for _, p in arguments("num")} <= {"int", "int | None"}


# A level that is not 0.95, with the words of the docstring that say why.
OTHER_LEVELS = {
    "compare_with_posterior": "left out, `ci_prob`",
    "confidence_contour": "Two by default, as contours are drawn",
    "fit_grid": "beyond 0.95, so that",
    "prior_path": "With it, profile limits",
    "profile_likelihood": "beyond 0.95, so that",
}


def test_level_is_95_per_cent_unless_the_docstring_says_why():
    for verb, parameter in arguments("level"):
        if not verb.startswith("plots.") and parameter.default != 0.95:
            assert OTHER_LEVELS[verb] in getattr(pml, verb).__doc__


@pytest.mark.parametrize(
    ("name", "default", "type_"), [("progressbar", True, "bool"), ("random_seed", None, "RandomSeed | None")]
)
def test_options_are_the_same_everywhere(name, default, type_):
    for verb, parameter in arguments(name):
        assert parameter.kind is parameter.KEYWORD_ONLY, verb
        assert parameter.default is default, verb
        assert annotated(parameter) == type_, verb


@pytest.mark.parametrize(
    "name", ["level", "ci_prob", "method", "draws", "num", "starts", "store", "chunks", "nuisance"]
)
def test_options_are_keywords(name):
    kinds = {p.kind for verb, p in arguments(name) if verb not in ("chi2_cutoff", "plots.nuisance_paths")}
    assert kinds == {inspect.Parameter.KEYWORD_ONLY}


def test_every_argument_is_described():
    for verb, parameter in parameters():
        documented = (
            pml.Objective
            if verb == "Objective"
            else getattr(pml.plots if "." in verb else pml, verb[6 * ("." in verb) :])
        )
        listed = documented.__doc__.split("Parameters\n")[1]
        assert re.search(rf"^ *\**(\w+, )*\*?{parameter.name}(, \w+)* :", listed, re.MULTILINE), (verb, parameter.name)


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", [pml, pml.plots], ids=["pymc_landscape", "plots"])
def test_dir_lists_the_public_names(module):
    assert dir(module) == sorted(module.__all__)


def test_no_module_bears_the_name_of_a_verb():
    package = Path(pml.__file__).parent
    assert not {path.stem for path in package.rglob("*.py")} & set(pml.__all__)
    assert not {path.stem for path in package.glob("plots/*.py")} & set(pml.plots.__all__)


@pytest.mark.parametrize(
    ("name", "near"), [("wilks", "chi2_cutoff"), ("profile", "profile_likelihood"), ("fitmle", "fit_mle")]
)
def test_an_unknown_name_is_told_what_is_near(name, near):
    with pytest.raises(AttributeError, match=rf"public name of pymc_landscape, got '{name}'.*{near}"):
        getattr(pml, name)
