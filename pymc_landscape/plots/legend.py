"""One legend of coloured lines, where it hides nothing: above the picture, on each backend."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np
import xarray as xr

from pymc_landscape.plots.canvas import Canvas

MOST_COLUMNS = 4


def add_legend(canvas: Canvas, colours: Mapping[str, str], title: str | None = None) -> None:
    """Name each colour; a title stands before the names."""
    if not canvas.wants("legend"):
        return
    maker = {"matplotlib": _matplotlib, "plotly": _plotly, "bokeh": _bokeh, "none": _none}[canvas.backend]
    drawn = maker(canvas.pc, dict(colours), title, canvas.options("legend"))
    canvas.pc.viz["legend"] = xr.DataArray(np.array(drawn, dtype=object))


def _matplotlib(pc: Any, colours: dict[str, str], title: str | None, asked: dict[str, Any]) -> Any:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=colour, linewidth=2.5) for colour in colours.values()]
    options = {"loc": "outside upper center", "ncols": min(len(colours), MOST_COLUMNS), "frameon": False}
    small = {"title_fontsize": "small", "handlelength": 1.6, "columnspacing": 1.4}
    return pc.viz["figure"].item().legend(handles, list(colours), title=title, **{**options, **small, **asked})


def _plotly(pc: Any, colours: dict[str, str], title: str | None, asked: dict[str, Any]) -> Any:
    figure = pc.viz["figure"].item()
    # traces without a place of their own carry the legend: those of the paths have gaps and shades
    kind = "scatter3d" if any(trace.type == "surface" for trace in figure.data) else "scatter"
    place = {"x": [None], "y": [None]} | ({"z": [None]} if kind == "scatter3d" else {})
    for name, colour in colours.items():
        figure.add_trace({"type": kind, "mode": "lines", "name": name, "line": {"color": colour, "width": 4}, **place})
        figure.data[-1].showlegend = True
    above = {"orientation": "h", "x": 0.5, "xanchor": "center", "y": 1.02, "yanchor": "bottom"}
    figure.update_layout(legend={**above, "title": {"text": title}, **asked})
    return figure.layout.legend


def _bokeh(pc: Any, colours: dict[str, str], title: str | None, asked: dict[str, Any]) -> Any:
    from bokeh.models.annotations import Legend

    target = np.ravel(pc.viz["plot"].values)[0]
    lines = [(name, [target.line([], [], color=colour, line_width=3)]) for name, colour in colours.items()]
    options = {"orientation": "horizontal", "border_line_alpha": 0.0, "location": "center"}
    made = Legend(items=lines, title=title, **{**options, **asked})
    target.add_layout(made, "above")
    return made


def _none(pc: Any, colours: dict[str, str], title: str | None, asked: dict[str, Any]) -> Any:
    made = {"function": "legend", "labels": list(colours), "colors": list(colours.values()), "title": title, **asked}
    first = pc.viz["plot"].values
    (first.item() if first.ndim == 0 else first.flat[0]).append(made)
    return made


def backend_of(canvas: Canvas) -> Any:
    """The functions that draw on this canvas."""
    return import_module(f"arviz_plots.backend.{canvas.backend}")
