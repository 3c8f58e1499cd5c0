"""How each plot is called with one argument wrong, and of what kind its arguments are."""

from __future__ import annotations

from typing import Any

import xarray as xr
from argument_stock import Stock as S
from argument_stock import taken
from wrong_values import KINDS, NAN, OBJECT
from wrong_verb_arguments import Call, Kinds

import pymc_landscape as pml

PLOTS: dict[str, tuple[Call, Kinds]] = {}
FIGURE: Kinds = {"figsize": "figsize", "backend": "library", "visuals": "visuals", "nope": [1]}
NO_RESULT = [*KINDS["result"], S("grid"), xr.Dataset()]
NO_TREE = [5, "x", OBJECT, S("model"), S("grid")]
NO_DIMS = [5, ["chain", 5], [], OBJECT]
NO_GROUP = [5, None, ["posterior"], ""]
DRAWS: Kinds = {"dt": [*NO_TREE, S("dt_without_group")], "group": NO_GROUP, "sample_dims": NO_DIMS}
SURFACE: Kinds = {
    "var_name": ["nope", 5, None],
    "level": "heights",
    "df": "optional count",
    "landscape_group": NO_GROUP,
    "num_samples": "count",
    **DRAWS,
}


def add_plot(name: str, first: str | tuple[str, ...], given: tuple[S, ...], **kinds: str | list[Any]) -> None:
    """Write a plot into the table; `first` are its positional arguments."""
    names = (first,) if isinstance(first, str) else first

    def call(**wrong: Any) -> Any:
        defaults = dict(zip(names, taken(given), strict=True))
        positional = [wrong.pop(one, defaults[one]) for one in names]
        options = {"backend": "matplotlib" if name == "surface" else "none"} if "backend" in kinds else {}
        options |= {"var_name": "b"} if name == "band" else {}
        return getattr(pml.plots, name)(*positional, **{**options, **wrong})

    PLOTS[f"plots.{name}"] = call, kinds


PATHS = ("landscape", "descents"), (S("landscape"), S("descent"))
add_plot("landscape", "ds", (S("landscape"),), ds=NO_RESULT, plot_collection=[5, "x", OBJECT], labeller=[5, "x"],
         aes_by_visuals=[5, "x", {"nope": ["x"]}], **SURFACE, **FIGURE)  # fmt: skip
add_plot("surface", "ds", (S("landscape"),), ds=NO_RESULT, cap=["3", *KINDS["positive"][:4], [1], OBJECT, True],
         paths=[5, "x", OBJECT, S("grid")], labeller=[5, "x"], **SURFACE,
         **{**FIGURE, "backend": ["nope", 5, OBJECT, "bokeh"]})  # fmt: skip
add_plot("paths", *PATHS, landscape=NO_RESULT, descents=NO_RESULT, labeller=[5, "x"], **SURFACE, **FIGURE)
add_plot("animation", *PATHS, landscape=NO_RESULT, descents=NO_RESULT, frames=[1, *KINDS["count"]], interval="positive",
         labeller=[5, "x"], figsize="figsize", visuals="visuals", **SURFACE)  # fmt: skip
add_plot("band", "intervals", (S("intervals"),), intervals=NO_RESULT, x=["x", [1], OBJECT, 5],
         data=[5, "x", ([1], [1, 2]), OBJECT, ([1],)], var_name=["nope", 5], ci_kind="word",
         **DRAWS, **FIGURE)  # fmt: skip
add_plot("comparison", "table", (S("comparison"),), table=NO_RESULT, **FIGURE)
add_plot("critical_points", ("landscape", "points"), (S("landscape"), S("critical")), landscape=NO_RESULT,
         points=NO_RESULT, var_name=["nope", 5, None], landscape_group=NO_GROUP, points_group=NO_GROUP,
         **FIGURE)  # fmt: skip
add_plot("descent", "descents", (S("descent"),), descents=NO_RESULT, minimum="lowest", x="word", log_x="flag", **FIGURE)
add_plot("four_curves", "curves", (S("curves"),), curves=NO_RESULT, **FIGURE)
add_plot("influence", "influence", (S("influence"),), influence=NO_RESULT, labels="size", **FIGURE)
add_plot("intervals", "intervals", (S("intervals"),), intervals=NO_RESULT, ci_kind="word",
         shared=KINDS["flag"][:2] + KINDS["flag"][3:], **DRAWS, **FIGURE)  # fmt: skip
add_plot("nuisance_paths", "profile", (S("profile"),), profile=NO_RESULT, nuisance=["nope", 5, [], [None]],
         level=[None, *KINDS["heights"]], **FIGURE)  # fmt: skip
add_plot("profile", "profile", (S("profile"),), profile=NO_RESULT, scale="word", level=[None, *KINDS["heights"]],
         **DRAWS, **FIGURE)  # fmt: skip
add_plot("project_paths", ("landscape", "descent"), (S("landscape"), S("descent")), landscape=NO_RESULT,
         descent=NO_RESULT, metric=[5, "x", OBJECT], var_name=["nope", 5, None],
         landscape_group=NO_GROUP)  # fmt: skip
add_plot("regions", "contours", (S("contour"),), contours=NO_RESULT, profile=[5, "x", OBJECT, S("grid")],
         scale="word", num_samples="count", **DRAWS, **FIGURE)  # fmt: skip
add_plot("spectrum", "spectrum", (S("spectrum"),), spectrum=NO_RESULT, directions=[99, *KINDS["optional count"][1:]],
         **FIGURE)  # fmt: skip
add_plot("waterfall", "fit", (S("fit"),), fit=NO_RESULT, **FIGURE)
add_plot("wilks_qq", "results", (S("deviance"),), results=NO_RESULT, df="optional count",
         weights=["x", [], [-1, 2], [NAN], 5, OBJECT, [0, 0]], level=[None, *KINDS["heights"]],
         envelope_prob="optional level", **FIGURE)  # fmt: skip
