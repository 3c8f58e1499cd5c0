"""One legend above the panels, where it hides nothing, on each backend; and long labels broken into lines."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import numpy as np
import xarray as xr

from pymc_landscape._dataclasses import dataclass
from pymc_landscape.plots.visuals.figure import DOTS_PER_INCH, Canvas
from pymc_landscape.plots.visuals.notes import letters
from pymc_landscape.plots.visuals.style import Style, dash, shape

MOST_COLUMNS = 5
TYPE = 9.5  # size of the names
SIGN = 9  # letters that a sign and the space around it take
BOKEH_TYPE, ROW = 13.0, 24  # dots of bokeh: size of the names, and height of a row
IN_SPACE = {name: name for name in ("circle", "square", "diamond", "cross", "x")}  # plotly's marks in 3 dimensions
LEGEND_ROOM = 42  # dots of plotly, for a title of two lines


@dataclass(frozen=True)
class Sign:
    """An entry of a legend: a line where it has a dash, a mark where it has a shape, in the backend's own words."""

    name: str
    colour: str
    dash: Any
    shape: str | None
    is_solid: bool


def add_legend(
    canvas: Canvas,
    entries: Mapping[str, str | Style],
    title: str | None = None,
    *,
    shapes: Mapping[str, str] | None = None,
) -> None:
    """Name each style; a title stands before the names.

    Parameters
    ----------
    canvas : Canvas
        Where.
    entries : mapping of str to str or Style
        How what has a name is drawn; a colour alone is a solid line.
    title : str, optional
        Before the names.
    shapes : mapping of str to str, optional
        Names of markers, not of lines, with the marker's shape.
    """
    if not canvas.wants("legend"):
        return
    signs = [_sign(canvas.backend, name, one, (shapes or {}).get(name)) for name, one in entries.items()]
    maker = {"matplotlib": _matplotlib, "plotly": _plotly, "bokeh": _bokeh, "none": _none}[canvas.backend]
    drawn = maker(canvas.pc, signs, title, canvas.options("legend"))
    canvas.pc.viz["legend"] = xr.DataArray(np.array(drawn, dtype=object))


def _sign(backend: str, name: str, one: str | Style, marker: str | None) -> Sign:
    if isinstance(one, str):
        one = Style(one) if marker is None else Style(one, None, marker)
    own = None if one.dash is None else dash(backend, one.dash)
    return Sign(name, one.colour, own, None if one.marker is None else shape(backend, one.marker), one.dash == "solid")


def _matplotlib(pc: Any, signs: Sequence[Sign], title: str | None, asked: dict[str, Any]) -> Any:
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [],
            [],
            color=sign.colour,
            linewidth=2.2 if sign.is_solid else 1.8,
            linestyle="" if sign.dash is None else sign.dash,
            marker=sign.shape or "",
            markersize=6.5 if sign.dash is None else 5.5,
        )
        for sign in signs
    ]
    figure = pc.viz["figure"].item()
    width = letters(figure.get_size_inches()[0] - 0.4, TYPE, "matplotlib")
    names = [fill(sign.name, max(width - SIGN, SIGN)) for sign in signs]
    options = {"loc": "outside upper center", "ncols": fitting_columns(names, width), "frameon": False}
    small = {"title_fontsize": "small", "fontsize": TYPE, "handlelength": 2.4, "columnspacing": 1.4}
    return figure.legend(handles, names, title=title, **{**options, **small, **asked})


def fitting_columns(names: Sequence[str], width: int) -> int:
    """Most columns of a legend that fit beside each other, in letters; names run down a column before the next.

    Examples
    --------
    >>> fitting_columns(["SGD", "Adam", "Newton"], 60), fitting_columns(["a name of its own"] * 3, 60)
    (3, 2)
    """
    for columns in range(min(len(names), MOST_COLUMNS), 1, -1):
        rows = -(-len(names) // columns)
        longest = [max(map(longest_line, names[i : i + rows])) for i in range(0, len(names), rows)]
        if sum(longest) + SIGN * columns <= width:
            return columns
    return 1


def longest_line(text: str) -> int:
    """Letters of the longest line."""
    return max(map(len, text.splitlines()), default=0)


def _plotly(pc: Any, signs: Sequence[Sign], title: str | None, asked: dict[str, Any]) -> Any:
    figure = pc.viz["figure"].item()
    # traces without points carry the legend: those of the paths have gaps and shades
    kind = "scatter3d" if any(one.type == "surface" for one in figure.data) else "scatter"
    nowhere = {"x": [None], "y": [None]} | ({"z": [None]} if kind == "scatter3d" else {})
    for sign in signs:
        mode = "+".join(
            word for word, there in (("lines", sign.dash is not None), ("markers", sign.shape is not None)) if there
        )
        line = {"color": sign.colour, "dash": sign.dash or "solid", "width": 3 if sign.is_solid else 2.5}
        symbol = sign.shape if kind == "scatter" else IN_SPACE.get(sign.shape or "", "diamond")
        marker = {"color": sign.colour, "symbol": symbol, "size": 9}
        own = ({"line": line} if "lines" in mode else {}) | ({"marker": marker} if "markers" in mode else {})
        figure.add_trace({"type": kind, "name": sign.name, "mode": mode, **own, **nowhere})
        figure.data[-1].showlegend = True
    flat = kind == "scatter"  # above the panels, with room for a title between; in the corner of a scene
    if flat:
        figure.update_layout(margin={"t": 100})
    panels = max((figure.layout.height or 450) - 160, 100)  # in dots, less the margins
    position = {"y": 1 + LEGEND_ROOM / panels, "yanchor": "bottom"} if flat else {"y": 1.0, "yanchor": "top"}
    above = {"orientation": "h", "traceorder": "normal", "x": 0.0, "xanchor": "left", **position}
    figure.update_layout(legend={**above, "title": {"text": title}, **asked})
    return figure.layout.legend


def _bokeh(pc: Any, signs: Sequence[Sign], title: str | None, asked: dict[str, Any]) -> Any:
    from bokeh.models.annotations.legends import Legend

    panels = np.ravel(pc.viz["plot"].values)
    columns = min(len(panels), int(pc.viz["col_index"].max()) + 1) if "col_index" in pc.viz else 1
    width = letters(columns * panels[0].width / DOTS_PER_INCH, BOKEH_TYPE, "bokeh")
    options = {"orientation": "horizontal", "border_line_alpha": 0.0, "location": "center"}
    options["ncols"] = fitting_columns([sign.name for sign in signs], width)
    made = Legend(title=title, **{**options, **asked})
    rows = -(-len(signs) // int(made.ncols)) + (title is not None)
    target = panels[0] if len(panels) == 1 else _strip(pc, columns * panels[0].width, rows)
    made.items = [(sign.name, _glyphs(target, sign)) for sign in signs]
    target.add_layout(made, "above" if len(panels) == 1 else "center")
    return made


def _strip(pc: Any, width: int, rows: int) -> Any:
    """Put a panel without axes above the others, which a legend inside of one would make smaller."""
    from bokeh.layouts import column
    from bokeh.plotting import figure

    options: dict[str, Any] = {"x_axis_type": None, "y_axis_type": None, "outline_line_color": None}
    strip = figure(width=width, height=ROW * rows + 14, toolbar_location=None, **options)
    strip.grid.visible = False
    whole = pc.viz["figure"].item()
    mode: dict[str, Any] = {"sizing_mode": whole.sizing_mode} if whole.sizing_mode else {}
    if mode:
        strip.sizing_mode = "stretch_width"
    pc.viz["figure"] = xr.DataArray(np.array(column(strip, whole, **mode), dtype=object))
    return strip


def _glyphs(target: Any, sign: Sign) -> list[Any]:
    made, nowhere = [], ([np.nan], [np.nan])
    if sign.dash is not None:
        width = 3 if sign.is_solid else 2.5
        made.append(target.line(*nowhere, color=sign.colour, line_width=width, line_dash=sign.dash))
    if sign.shape is not None:
        made.append(target.scatter(*nowhere, color=sign.colour, marker=sign.shape, size=9))
    return made


def _none(pc: Any, signs: Sequence[Sign], title: str | None, asked: dict[str, Any]) -> Any:
    names, colours = [sign.name for sign in signs], [sign.colour for sign in signs]
    made = {"function": "legend", "labels": names, "colors": colours, "title": title, **asked}
    first = pc.viz["plot"].values
    (first.item() if first.ndim == 0 else first.flat[0]).append(made)
    return made


# a bracket is a part, and so is what ends with a separator; a part that is too long ends at its own separators
PART = re.compile(r"\[[^\]]*\][_ ,.]*|[^\[_ ,.]+[_ ,.]*|[_ ,.]+|\[")
WITHIN = re.compile(r"(?<=[_ ,./])")


def wrapped(label: str, width: int) -> str:
    """Break a label into lines of at most `width` letters, inside a bracket only where that is longer itself.

    Examples
    --------
    >>> print(wrapped("coefficient_of_predictor[wind speed]", 26))
    coefficient_of_predictor
    [wind speed]
    >>> wrapped("mu", 26)
    'mu'
    """
    lines = [""]
    for whole in PART.findall(label):
        for part in [whole] if len(whole.rstrip()) <= width else filter(None, WITHIN.split(whole)):
            if lines[-1] and len(lines[-1]) + len(part.rstrip()) > width:
                lines.append("")
            lines[-1] += part
            while len(lines[-1].rstrip()) > width:
                lines[-1:] = [lines[-1][:width], lines[-1][width:]]
    return "\n".join(line.strip() for line in lines)
