"""A colour bar with bands of equal length, which arviz-plots does not have, for each backend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.colors import to_hex


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
    bar = panels[0].figure.colorbar(bands, ax=panels, ticks=range(len(labels)))
    bar.ax.set_yticklabels(labels)
    bar.set_label(title)
    return bar


def _plotly(pc: Any, colours: list[str], labels: list[str], title: str) -> Any:
    number = len(colours)
    steps = [(boundary / number, c) for i, c in enumerate(colours) for boundary in (i, i + 1)]
    marker = {
        "color": [0],
        "colorscale": steps,
        "cmin": 0,
        "cmax": number,
        "showscale": True,
        "colorbar": {
            "tickvals": list(range(number + 1)),
            "ticktext": labels,
            "title": {"text": title, "side": "right"},
        },
    }
    # an empty trace carries the bar, since plotly's contours space their colours by height
    empty = {"type": "scatter", "mode": "markers", "showlegend": False, "hoverinfo": "skip"}
    figure = _panels(pc)[0].figure
    figure.add_trace({**empty, "x": [None], "y": [None], "marker": marker})
    return figure.data[-1]


def _bokeh(pc: Any, colours: list[str], labels: list[str], title: str) -> Any:
    """Put the bar beside the panels: inside the last one it would make that panel smaller."""
    from bokeh.layouts import row
    from bokeh.models.annotations import ColorBar, Title
    from bokeh.models.mappers import LinearColorMapper
    from bokeh.models.tickers import FixedTicker
    from bokeh.plotting import figure

    bar = ColorBar(
        color_mapper=LinearColorMapper(palette=colours, low=0, high=len(colours)),
        ticker=FixedTicker(ticks=list(range(len(labels)))),
        major_label_overrides=dict(enumerate(labels)),
        bar_line_color=None,
    )
    options: dict[str, Any] = {"x_axis_type": None, "y_axis_type": None, "outline_line_color": None}
    beside = figure(width=150, height=_panels(pc)[0].height, toolbar_location=None, **options)
    beside.scatter([0], [0], alpha=0)  # bokeh warns of a figure with nothing in it
    beside.add_layout(bar, "left")
    beside.add_layout(Title(text=title, align="center"), "right")
    pc.viz["figure"] = xr.DataArray(np.array(row(pc.viz["figure"].item(), beside), dtype=object))
    return bar


def _none(pc: Any, colours: list[str], labels: list[str], title: str) -> Any:
    bar = {"function": "colorbar", "colors": colours, "labels": labels, "title": title}
    first = pc.viz["plot"].values
    (first.item() if first.ndim == 0 else first.flat[0]).append(bar)
    return bar
