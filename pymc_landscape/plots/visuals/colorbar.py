"""A colour bar with bands of equal length, which arviz-plots does not have, for each backend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.colors import to_hex

from pymc_landscape._typing import Array

TYPE = {"matplotlib": 9.0, "plotly": 12.0, "bokeh": 11.0}  # size of the numbers beside the bar
AROUND = 1.5  # inches of a figure above and below the bar: legend, name of the axis, notes
LINE = 1.25  # height of a line of text, in sizes of the type


def palette(cmap: str, number: int) -> list[str]:
    """Colours of ``number`` bands, sampled at the middle of each, as arviz-plots samples them.

    Examples
    --------
    >>> palette("viridis", 2)
    ['#3b528b', '#5ec962']
    """
    colours = colormaps[cmap]
    return [to_hex(colours((2 * i + 1) / (2 * number))) for i in range(number)]


def add_colorbar(pc: Any, colours: Sequence[str], labels: Sequence[str], title: str) -> Any:
    """Put one colour bar beside all panels; ``labels`` name the boundaries of the bands, one more than colours.

    Returns
    -------
    Any
        The backend's colour bar.
    """
    makers = {"matplotlib": _matplotlib, "plotly": _plotly, "bokeh": _bokeh, "none": _none}
    return makers[pc.backend](pc, list(colours), list(labels), title)


def _panels(pc: Any) -> list[Any]:
    return list(np.ravel(pc.viz["plot"].values))


def _matplotlib(pc: Any, colours: list[str], labels: list[str], title: str) -> Any:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    bands = ScalarMappable(Normalize(0, len(colours)), ListedColormap(colours))
    panels = _panels(pc)
    figure = panels[0].figure
    bar = figure.colorbar(bands, ax=panels, ticks=range(len(labels)), pad=0.025)
    room = max(figure.get_size_inches()[1] - AROUND, 0.6) * 72 / TYPE["matplotlib"] / LINE
    bar.ax.set_yticklabels(spaced(labels, np.linspace(0, 1, len(labels)), room), fontsize=TYPE["matplotlib"])
    # above the bar: beside it, it would lie on the numbers or far from them
    bar.ax.set_title(title, fontsize=TYPE["matplotlib"], loc="left")
    return bar


def spaced(labels: Sequence[str], positions: Array, room: float) -> list[str]:
    """Blank labels that would lie on others: levels stay before plain heights, the ends before the rest.

    Parameters
    ----------
    labels : sequence of str
        Beside the bar; those of levels end with a bracket.
    positions : array
        Where they stand, as shares of the bar.
    room : float
        How many lines of text fit beside the whole bar.

    Examples
    --------
    >>> spaced(["0", "4.61 (90 %)", "5.99 (95 %)", "20"], np.array([0.0, 0.4, 0.45, 1.0]), 10)
    ['0', '4.61 (90 %)', '', '20']
    """
    order = sorted(range(len(labels)), key=lambda i: (0 < i < len(labels) - 1, "%" not in labels[i]))
    kept: list[int] = []
    for i in order:
        if all(abs(positions[i] - positions[j]) * room >= 1 for j in kept):
            kept.append(i)
    return [label if i in kept else "" for i, label in enumerate(labels)]


def _plotly(pc: Any, colours: list[str], labels: list[str], title: str) -> Any:
    figure, number = _panels(pc)[0].figure, len(colours)
    steps = [(boundary / number, c) for i, c in enumerate(colours) for boundary in (i, i + 1)]
    marker = {
        "color": [0],
        "colorscale": steps,
        "cmin": 0,
        "cmax": number,
        "showscale": True,
        "colorbar": {
            "tickvals": list(range(number + 1)),
            "ticktext": spaced(labels, np.linspace(0, 1, number + 1), _room(figure)),
            "title": {"text": title, "side": "top"},
            "len": 1.0,
        },
    }
    # an empty trace carries the bar, since plotly's contours space their colours by height
    empty = {"type": "scatter", "mode": "markers", "showlegend": False, "hoverinfo": "skip"}
    figure.add_trace({**empty, "x": [None], "y": [None], "marker": marker})
    return figure.data[-1]


def _room(figure: Any) -> float:
    """How many lines of text fit beside a panel of this height, less its margins."""
    height = figure.layout.height or 450
    margin = (figure.layout.margin.t or 0) + (figure.layout.margin.b or 0)
    return max((height - margin - 40) / TYPE["plotly"] / LINE, 2.0)


def _bokeh(pc: Any, colours: list[str], labels: list[str], title: str) -> Any:
    """Put the bar beside the panels: inside the last one it would make that panel smaller."""
    from bokeh.layouts import row
    from bokeh.models.annotations import ColorBar, Title
    from bokeh.models.mappers import LinearColorMapper
    from bokeh.models.tickers import FixedTicker
    from bokeh.plotting import figure

    panel = _panels(pc)[0]
    room = max((panel.height - 80) / TYPE["bokeh"] / LINE, 2.0)
    bar = ColorBar(
        color_mapper=LinearColorMapper(palette=colours, low=0, high=len(colours)),
        ticker=FixedTicker(ticks=list(range(len(labels)))),
        major_label_overrides=dict(enumerate(spaced(labels, np.linspace(0, 1, len(labels)), room))),
        bar_line_color=None,
    )
    options: dict[str, Any] = {"x_axis_type": None, "y_axis_type": None, "outline_line_color": None}
    beside = figure(width=150, height=panel.height, toolbar_location=None, **options)
    beside.scatter([0], [0], alpha=0)  # bokeh warns of a figure with nothing in it
    beside.add_layout(bar, "left")
    beside.add_layout(Title(text=title, text_font_style="normal", text_font_size=f"{TYPE['bokeh']}px"), "above")
    whole = pc.viz["figure"].item()
    mode: dict[str, Any] = {}
    if whole.sizing_mode:  # both grow with the page, the bar in height alone
        mode, beside.sizing_mode = {"sizing_mode": whole.sizing_mode}, "stretch_height"
    pc.viz["figure"] = xr.DataArray(np.array(row(whole, beside, **mode), dtype=object))
    return bar


def _none(pc: Any, colours: list[str], labels: list[str], title: str) -> Any:
    bar = {"function": "colorbar", "colors": colours, "labels": labels, "title": title}
    first = pc.viz["plot"].values
    (first.item() if first.ndim == 0 else first.flat[0]).append(bar)
    return bar
