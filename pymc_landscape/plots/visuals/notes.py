"""Notes in small type under the panels, as wide as the figure; and how many letters fit in a width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from pymc_landscape.plots.visuals.figure import DOTS_PER_INCH, Canvas, balanced
from pymc_landscape.plots.visuals.style import GREY, text_size

LETTER = 0.53  # width of a letter, in sizes of the type: the mean of a sentence in DejaVu Sans
MARGIN = 0.9  # inches beside a panel: ticks and the name of the axis
NARROWEST = 16
NAME_LINE = 18  # dots of plotly: a further line of an axis' name
BELOW_AXIS = 46  # dots of plotly: ticks and the name of the axis


def size_of(canvas: Canvas) -> tuple[float, float]:
    """Width and height of the figure in inches; a figure that fills the page counts as it is made."""
    figure, panels = canvas.pc.viz["figure"].item(), np.ravel(canvas.pc.viz["plot"].values)
    if canvas.backend == "matplotlib":
        width, height = panels[0].figure.get_size_inches()
        return float(width), float(height)
    if canvas.backend == "plotly":
        height = (figure.layout.height or 450) / DOTS_PER_INCH
        width = figure.layout.width or (figure.layout.meta or {}).get("usual_width", 640)
        return width / DOTS_PER_INCH, height
    if canvas.backend == "bokeh":
        return panels[0].width / DOTS_PER_INCH, panels[0].height / DOTS_PER_INCH
    return 6.4, 4.8


def letters(inches: float, size: float, backend: str) -> int:
    """How many letters of a size of type are as long as a width; plotly and bokeh count type in dots.

    Examples
    --------
    >>> letters(5.0, 8.5, "matplotlib")
    79
    """
    dots = inches * (72.0 if backend == "matplotlib" else DOTS_PER_INCH)
    return max(int(dots / (LETTER * size)), NARROWEST)


def panel_letters(canvas: Canvas) -> tuple[int, int]:
    """How many letters fit beside a panel's two axes."""
    plots = canvas.pc.viz["plot"]
    columns = rows = 1
    if plots.ndim:
        columns = int(canvas.pc.viz["col_index"].max()) + 1 if "col_index" in canvas.pc.viz else plots.size
        rows = -(-plots.size // columns)
    width, height = size_of(canvas)
    if canvas.backend == "bokeh":  # of one panel
        columns = rows = 1
    size = {"matplotlib": 10.0, "plotly": 14.0, "bokeh": 13.0}.get(canvas.backend, 10.0)
    inner = (width / columns - 1.0, height / rows - 1.0)
    return letters(inner[0], size, canvas.backend), letters(inner[1], size, canvas.backend)


def add_note(canvas: Canvas, remarks: Sequence[str], visual: str = "note") -> None:
    """Write remarks under the panels, each on lines of its own."""
    if not remarks or not canvas.wants(visual):
        return
    asked = canvas.options(visual, {"size": text_size(canvas.backend), "color": GREY})
    width = size_of(canvas)[0] - 0.3
    lines = [balanced(remark, letters(width, float(asked["size"]), canvas.backend)) for remark in remarks]
    maker = {"matplotlib": _matplotlib, "plotly": _plotly, "bokeh": _bokeh, "none": _none}[canvas.backend]
    drawn = maker(canvas.pc, "\n".join(lines), asked)
    canvas.pc.viz[visual] = xr.DataArray(np.array(drawn, dtype=object))


def _matplotlib(pc: Any, text: str, asked: dict[str, Any]) -> Any:
    figure = pc.viz["figure"].item()
    size = {"fontsize": asked.pop("size")}
    # the constrained layout keeps room for it
    return figure.supxlabel(text, **{"x": 0.02, "ha": "left", "linespacing": 1.25, **size, **asked})


def _plotly(pc: Any, text: str, asked: dict[str, Any]) -> Any:
    figure = pc.viz["figure"].item()
    size, colour = asked.pop("size"), asked.pop("color")
    rows = text.count("\n") + 1
    named = [axis.title.text or "" for axis in figure.select_xaxes()]
    bottom = (figure.layout.margin.b or 60) + NAME_LINE * max((text.count("<br>") for text in named), default=0)
    figure.update_layout(margin={"b": bottom + round(1.35 * size * rows) + 4})
    place = {"xref": "paper", "yref": "paper", "x": 0, "y": 0, "xanchor": "left", "yanchor": "top"}
    font = {"size": size, "color": colour}
    shift = {"yshift": -max(bottom - 14, BELOW_AXIS), "xshift": -50, "showarrow": False, "align": "left"}
    figure.add_annotation(text=text.replace("\n", "<br>"), font=font, **{**place, **shift, **asked})
    return figure.layout.annotations[-1]


def _bokeh(pc: Any, text: str, asked: dict[str, Any]) -> Any:
    from bokeh.layouts import column
    from bokeh.models.widgets import Div

    style = {"font-size": f"{asked.pop('size')}px", "color": asked.pop("color"), "margin-left": "12px"}
    made = Div(text=text.replace("\n", " "), styles=style, sizing_mode="stretch_width", **asked)
    whole = pc.viz["figure"].item()
    whole = np.ravel(pc.viz["plot"].values)[0] if whole is None else whole
    mode = {"sizing_mode": whole.sizing_mode} if whole.sizing_mode else {}
    pc.viz["figure"] = xr.DataArray(np.array(column(whole, made, **mode), dtype=object))
    return made


def _none(pc: Any, text: str, asked: dict[str, Any]) -> Any:
    made = {"function": "note", "string": text, **asked}
    first = pc.viz["plot"].values
    (first.item() if first.ndim == 0 else first.flat[0]).append(made)
    return made
