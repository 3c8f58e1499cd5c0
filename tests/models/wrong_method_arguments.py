"""How each method is called with one argument wrong, and of what kind its arguments are."""

from __future__ import annotations

from typing import Any

import numpy as np
from argument_stock import Stock as S
from argument_stock import Y, stock
from wrong_values import INF, KINDS, NAN, OBJECT
from wrong_verb_arguments import NO_ROWS, Call, Kinds, add_verb

METHODS: dict[str, tuple[Call, Kinds]] = {}
DEFAULTS: dict[str, Any] = {
    "scores": {"vector": np.zeros(3)},
    "fisher": {"vector": np.zeros(3)},
    "hessian_product": {"theta": np.zeros(3), "direction": np.ones(3)},
    "save": {"path": "x.html"},
}

add_verb("Objective", {"model": S("model")}, {
    "model": [5, "m", OBJECT, S("no_data"), S("dt"), S("objective")],
    "latent": ["nope", 5, [None], [5], ["nope"], None, OBJECT, {"s": 1}],
    "quadrature": ["nope", 0, 2.5, -1, None, True, OBJECT, [1], NAN], "restricted": ["nope", 5, [None], None, OBJECT],
    "potentials": "word", "prior_weight": [-1, NAN, INF, "1", None, [1], OBJECT, True],
    "backend": ["fortran", 5, "", [], OBJECT], "nope": [1],
    "compile_kwargs": [5, "x", [1], {"nope": 1}, {"mode": "nope"}, OBJECT],
})  # fmt: skip
PACKED = [{"b": [1, 2]}, {"b": [1, 2], "s": 1, "zz": 2}, {"b": [1, 2, 3], "s": 1}, {"b": [1, 2], "s": NAN}, {}]
PACKED += [{"b": [1, 2], "s": "x"}, {"b": [1, 2], "s": None}, 5, "s", None, OBJECT, [1, 2, 3], S("dt"), S("model")]


def add_method(holder: str, method: str, **kinds: str | list[Any]) -> None:
    """Write a method of the fit or of the objective into the table."""

    def call(**wrong: Any) -> Any:
        given = DEFAULTS.get(method, {})
        return getattr(stock(holder), method)(**{**given, **wrong})

    METHODS[f"{holder}.{method}"] = call, kinds


for _name in ("gradient", "hessian", "jacobian", "log_likelihood", "log_penalty", "log_prior", "minus2ll", "value"):
    add_method("objective", _name, theta="vector")
for _name in ("term_log_likelihood", "unpack", "value_and_gradient"):
    add_method("objective", _name, theta="vector")
add_method("objective", "hessian_product", theta="vector", direction="vector")
NO_SCALE = [5, "s", ["s"], frozenset({"nope"}), OBJECT]
add_method("objective", "scores", vector="vector", unconstrained=NO_SCALE)
add_method("objective", "fisher", vector="vector", unconstrained=NO_SCALE)
add_method("objective", "pack", point=PACKED)
add_method("objective", "complete", point=PACKED)
add_method("objective", "natural_log_likelihood", points=[*PACKED[:3], *PACKED[4:]])
add_method("objective", "with_rows", data=NO_ROWS)
add_method("objective", "with_prior_weight", prior_weight=[-1, NAN, INF, "1", None, [1], OBJECT])
add_method("objective", "with_data", nope=[1], y=["x", None, Y[:3], np.zeros((2, 8)), OBJECT])
add_method("objective", "with_penalty", penalty="word")
add_method("objective", "with_quadrature", quadrature=["nope", 0, 2.5, -1, None, OBJECT])
add_method("objective", "find", label=[5, None, "nope", "b", "b[c]", OBJECT, ["s"]])
add_method("fit", "draws", n="count", random_seed="seed")
add_method("fit", "initvals", chains="count", random_seed="seed", spread="tolerance")
add_method("fit", "summary", level="level", var_names="names")
add_method("fit", "bic_of", n="size")
add_method("fit", "copy_of", vector="vector")
add_method("report", "save", path=[*KINDS["path"], "no/such/folder/x.html", "x.txt"])
add_method(
    "explorer", "save", path=[*KINDS["path"], "no/such/folder/x.html"], include_plotlyjs=["nope", 5, None, OBJECT]
)
