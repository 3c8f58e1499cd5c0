"""One legend of coloured lines, where it hides nothing: above the picture, on each backend."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np
import xarray as xr

from pymc_landscape.plots.canvas import Canvas

MOST_COLUMNS = 5


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
    nowhere = {"x": [None], "y": [None]} | ({"z": [None]} if kind == "scatter3d" else {})
    for name, colour in colours.items():
        figure.add_trace(
            {"type": kind, "mode": "lines", "name": name, "line": {"color": colour, "width": 4}, **nowhere}
        )
        figure.data[-1].showlegend = True
    flat = kind == "scatter"  # above the panels, with room for a title between; in the corner of a scene
    place = {"y": 1.07, "yanchor": "bottom"} if flat else {"y": 1.0, "yanchor": "top"}
    above = {"orientation": "h", "x": 0.0, "xanchor": "left", **place}
    if flat:
        figure.update_layout(margin={"t": 90})
    figure.update_layout(legend={**above, "title": {"text": title}, **asked})
    return figure.layout.legend


def _bokeh(pc: Any, colours: dict[str, str], title: str | None, asked: dict[str, Any]) -> Any:
    from bokeh.models.annotations.legends import Legend

    target = np.ravel(pc.viz["plot"].values)[0]
    lines = [(name, [target.line([np.nan], [np.nan], color=colour, line_width=3)]) for name, colour in colours.items()]
    options = {"orientation": "horizontal", "border_line_alpha": 0.0, "location": "center"}
    made = Legend(title=title, **{**options, **asked})
    made.items = lines
    target.add_layout(made, "above")
    return made


def _none(pc: Any, colours: dict[str, str], title: str | None, asked: dict[str, Any]) -> Any:
    made = {"function": "legend", "labels": list(colours), "colors": list(colours.values()), "title": title, **asked}
    first = pc.viz["plot"].values
    (first.item() if first.ndim == 0 else first.flat[0]).append(made)
    return made


def backend_of(canvas: Canvas) -> Any:
    """Return the functions that draw on this canvas."""
    return import_module(f"arviz_plots.backend.{canvas.backend}")
