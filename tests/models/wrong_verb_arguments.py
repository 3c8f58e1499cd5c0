"""How each verb is called with one argument wrong, and of what kind its arguments are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from argument_stock import QUIET, Y, taken
from argument_stock import Stock as S
from wrong_values import INF, KINDS, NAN, NO_DRAWS, NO_FIT, NO_LEVEL, NO_NAMES, OBJECT

import pymc_landscape as pml

ANY_FIT = {"draws": "count", "random_seed": "seed", "progressbar": "flag"}
TEST = {"null": "fit", "alternative": "fit", "sandwich": "flag", "reference": "word", **ANY_FIT}

NO_ROWS = [5, None, OBJECT, [], {}, [5], "y", {"nope": Y}, {"y": 5}, {"y": Y[:0]}, iter([{"y": Y}])]

Call = Callable[..., Any]
Kinds = dict[str, str | list[Any]]
# Of each: how it is called with one argument wrong, and the kind of each of its arguments, or its wrong values.
VERBS: dict[str, tuple[Call, Kinds]] = {}


def add_verb(verb: str, defaults: dict[str, Any], kinds: dict[str, str | list[Any]]) -> None:
    """Write a verb into the table that is called by the names of its arguments."""
    VERBS[verb] = (lambda **wrong: getattr(pml, verb)(**{**taken(defaults), **wrong})), kinds


FIT: dict[str, Any] = {"fit": S("fit"), **QUIET}
DRAWN: dict[str, Any] = {**FIT, "dt": S("dt")}
MODEL: dict[str, Any] = {"model": S("model"), **QUIET}
RUN: Kinds = {"random_seed": "seed", "progressbar": "flag"}

add_verb("compare_models", {"models": {}, **QUIET}, {
    "models": [5, [], {}, {"a": 5}, [S("fit")], {"a": (S("fit"), 5)}, {"a": (S("fit"),)}, OBJECT],
    "n": ["nope", 0, -1, 2.5, None, "10", True, OBJECT, [5]], "reference": "word", **ANY_FIT,
})  # fmt: skip
add_verb("compare_with_posterior", DRAWN, {
    "fit": "fit", "dt": "draws", "var_names": "quantities", "ci_prob": "level", "level": "optional level",
    "group": "group", **RUN,
})  # fmt: skip
add_verb("confidence_contour", {**FIT, "var_names": "b", "method": "wald"}, {
    "fit": "fit", "var_names": [*NO_NAMES, "s", ["b", "s"], None, ["s", "s"], {"d": {"b[a]": 1}}],
    "level": "levels", "num": [1, 2, *KINDS["count"]], "method": "word", "progressbar": "flag",
})  # fmt: skip
add_verb("confidence_intervals", {**FIT, "method": "wald"}, {
    "fit": "fit", "var_names": "quantities", "level": "levels", "method": "word", **ANY_FIT,
})  # fmt: skip
add_verb("coverage_study", {**FIT, "method": "wald", "draws": 1}, {
    "fit": "fit", "var_names": "quantities", "level": "level", "method": "word", "bootstrap_draws": "count",
    "sampler": [5, "x", [1], {"draws": 5}, OBJECT], "client": "client", **ANY_FIT,
})  # fmt: skip
add_verb("critical_points", {**MODEL, "starts": 1}, {"model": "fit", "starts": "starts", **RUN})
add_verb("descend", {**MODEL, "steps": 1}, {
    "model": "fit", "optimizer": ["nope", 5, None, [], ["nope"], OBJECT, [None], {}], "starts": "starts",
    "steps": "size", "batch_size": ["10", 100, *KINDS["optional count"]], "record_every": "optional count",
    "learning_rate": [-1, 0, NAN, INF, "x", [], OBJECT, [1, 2], True], "tolerance": "tolerance", "minimum": "lowest",
    "nope": [1], **RUN,
})  # fmt: skip
add_verb("descent_race", {"path": S("descent")}, {"path": [*KINDS["result"], S("grid")], "minimum": "lowest"})
add_verb("evaluate_landscape", {**MODEL, "grid": S("grid")}, {
    "model": "fit", "at": "point",
    "grid": [*KINDS["axes"], None, {"nope": (0, 1, 3)}, {"s": [-2.0, -1.0]}, xr.Dataset(), S("intervals"), S("dt")],
    "nuisance": ["nope", 5, "", [], OBJECT, None], "pointwise": "flag",
    "chunks": "optional count", "store": "path", "refine": "flag", "lazy": "flag", "client": "client",
    "progressbar": "flag", "nope": [1],
})  # fmt: skip
add_verb("explore", {"model": S("fit"), "axes": "s", "num": 5, **QUIET}, {
    "model": "fit", "dt": "optional draws",
    "axes": [*NO_NAMES, {}, {"s": (0, 1)}, {"nope": [1, 2]}, OBJECT, ["s", "s"]],
    "num": [1, 4, *KINDS["count"]], "group": [5, None, ["posterior"]], **RUN,
})  # fmt: skip
add_verb(
    "fit_grid", {"fit": S("fit"), "num": 3}, {"fit": "fit", "var_names": "names", "num": "count", "level": "level"}
)
add_verb("fit_map", MODEL, {"model": "fit", "starts": "starts", "sandwich": "flag", "client": "client", **RUN})
add_verb("fit_mle", MODEL, {
    "model": "fit", "starts": "starts", "penalty": "word", "information": "word", "sandwich": "flag", "nope": [1],
    "client": "client", **RUN,
})  # fmt: skip
add_verb("four_curves", {**DRAWN, "var_names": "s"}, {
    "fit": "fit", "dt": "draws", "var_names": "quantities", "num": [10, *KINDS["count"]], "group": "group", **RUN,
})  # fmt: skip
add_verb("hessian_spectrum", {"fit": S("fit")}, {
    "fit": "fit", "at": [*KINDS["point"], np.zeros(2), np.zeros((3, 3))], "num": [4, *KINDS["optional count"]],
    "random_seed": "seed",
})  # fmt: skip
add_verb("importance_sampling", {"model": S("fit_of_effects")}, {
    "model": [*NO_FIT, S("fit")], "at": [5, "s", OBJECT, {"nope": 1}, {"mu": "x"}, {"mu": NAN}, {"mu": [1, 2]}],
    "draws": [1, *KINDS["count"]], "random_seed": "seed",
})  # fmt: skip
add_verb("influence", {**FIT, "var_names": "s"}, {
    "fit": "fit", "var_names": "quantities", "dt": "optional draws", "level": "level", "exact": "flag",
    "progressbar": "flag",
})  # fmt: skip
add_verb("laplace_check", {"fit": S("fit_of_effects"), **QUIET}, {"fit": [*NO_FIT, S("fit")], **ANY_FIT})
PAIR = {"null": S("fit_of_null"), "alternative": S("fit"), **QUIET}
add_verb("likelihood_ratio_test", PAIR, {**TEST, "client": "client"})
add_verb("score_test", PAIR, {**TEST, "information": "word", "client": "client"})
add_verb("wald_test", PAIR, {**TEST, "information": "word", "client": "client"})
add_verb("tests", PAIR, {**TEST, "client": "client"})
add_verb("loss_table", {"model": S("model")}, {"model": "fit", "at": "point"})
add_verb("parametric_bootstrap", FIT, {"fit": "fit", "store": "path", "client": "client", **ANY_FIT})
add_verb("plane_grid", {"center": S("fit"), "num": 3}, {
    "center": [5, "s", None, {}, {"s": "x"}, {"s": NAN}, OBJECT, [1, 2], {"s": None}],
    "directions": ["nope", 5, None, [], {"nope": 1}, {"s": 0}, OBJECT, [{"s": 1}], [{"s": 1}, {"s": 1}]],
    "model": [5, "x", OBJECT, S("no_data")], "num": [1, *KINDS["count"]], "extent": "positive", "random_seed": "seed",
})  # fmt: skip
add_verb("pointwise_log_likelihood", {**MODEL, "dt": S("dt")}, {
    "model": "fit", "dt": [*NO_DRAWS, S("dt_lacking"), S("dt_of_other_shape"), S("grid")],
    "store": "path", "chunks": "optional count",
    "group": "group", "sample_dims": [5, "nope", ["chain", "nope"], [], OBJECT], "client": "client",
    "progressbar": "flag",
})  # fmt: skip
add_verb("sum_over_blocks", {"model": S("model"), "data": {"y": Y}}, {
    "model": NO_FIT, "data": NO_ROWS,
})  # fmt: skip
add_verb("posterior_deviance", {**MODEL, "dt": S("dt")}, {
    "model": "fit", "dt": "draws", "group": "group", "progressbar": "flag",
})  # fmt: skip
add_verb("posterior_grid", {"dt": S("dt"), "num": 3}, {
    "dt": [*NO_DRAWS, None, S("dt_without_group"), S("dt_with_nan"), S("grid")], "var_names": "names", "num": "count",
    "ci_prob": "level", "coords": [5, "x", [1], {"nope": 1}, {"e": "nope"}, OBJECT], "group": "group", "axes": "word",
    "model": [5, "x", OBJECT, S("no_data")],
})  # fmt: skip
add_verb("prior_path", {**MODEL, "weights": [1]}, {
    "model": "fit", "weights": [5j, "x", None, [], [-1], [NAN], ["x"], OBJECT, INF], "var_names": "quantities",
    "level": "optional level", "dt": "optional draws", "starts": "starts", **RUN,
})  # fmt: skip
add_verb("profile_likelihood", {**FIT, "var_names": "s"}, {
    "fit": "fit", "var_names": "quantities", "level": "level", "resume": [5, "x", OBJECT, S("intervals"), S("dt"), {}],
    "start": [5, "x", OBJECT, S("intervals"), S("dt"), {}],
    "store": "path", "client": "client", "progressbar": "flag",
})  # fmt: skip
add_verb("read_intervals", {"profile": S("profile")}, {"profile": [*KINDS["result"], S("grid")], "level": "levels"})
add_verb(
    "regular_grid", {}, {"axes": [*KINDS["axes"], None, {"s": (0, INF, 3)}, {"s": (1, 2, 0)}, {"s": [True, False]}]}
)
add_verb("report", {**FIT, "sections": "fit"}, {
    "fit": "fit", "dt": "optional draws", "sections": [5, "nope", ["nope"], [], [None], OBJECT], "level": "level",
    "group": [5, None, ["posterior"]], **RUN,
})  # fmt: skip
VERBS["to_datatree"] = (
    lambda results=(), **options: pml.to_datatree(*results, **options),
    {
        "results": [[5], ["x"], [OBJECT], [S("model")], [Y], [[S("fit")]], [{}], [None]],
        "dt": [5, "x", OBJECT, S("model"), S("fit"), {}, S("grid")],
    },
)
add_verb("chi2_cutoff", {}, {"level": [None, [0.9, "x"], *NO_LEVEL], "df": "count"})
