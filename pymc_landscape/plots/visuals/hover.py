"""What a reader is told who points at a mark: names of the axes, the values there, and whose mark it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import chdtr

from pymc_landscape._typing import Array
from pymc_landscape.plots.visuals.figure import Canvas

SILENT = "silent"  # the name of what has nothing to tell
CELLS = 120  # an axis, of the map that bokeh looks values up on
PANEL_LIMIT = 40_000  # cells of a map: beyond, texts of each would make the file large


def hover_of(backend: str, name: str, more: dict[str, Array] | None = None) -> dict[str, Any]:
    """Return options of a line or of points that name it, and carry further numbers of each vertex.

    Parameters
    ----------
    backend : str
        The plotting library; those that do not react to a pointer get no options.
    name : str
        Whose mark it is.
    more : mapping of str to array, optional
        A further number of each vertex, by its name.
    """
    if backend == "plotly":
        own: dict[str, Any] = {"name": name}
        if more:
            own["customdata"] = np.column_stack(list(more.values()))
            own["meta"] = list(more)
        return own
    return {"name": name} if backend == "bokeh" else {}


def no_hover(backend: str) -> dict[str, Any]:
    """Return options of a line that has nothing to tell."""
    return {"hoverinfo": "skip"} if backend == "plotly" else {}


def carry(backend: str, artist: Any, more: dict[str, Array]) -> None:
    """Give bokeh's line further numbers of each vertex, which its own function does not take."""
    if backend == "bokeh" and artist is not None and more:
        for key, values in more.items():
            artist.data_source.data[key] = values
        artist.tags = list(more)


def add_hover(canvas: Canvas) -> None:
    """Tell, wherever one points, the names of the axes and the values there; for plotly and bokeh."""
    if canvas.backend == "plotly":
        _plotly(canvas.pc.viz["figure"].item())
    elif canvas.backend == "bokeh":
        for panel in np.ravel(canvas.pc.viz["plot"].values):
            _bokeh(panel)


def map_hover(z: Array, label: str, df: int) -> dict[str, Any]:
    """Return plotly's options of a map: the name of its heights, and the level of the region that ends at each."""
    named: dict[str, Any] = {"name": label}
    if z.size <= PANEL_LIMIT:
        named["text"] = [[_level_text(value) for value in row] for row in chdtr(df, z).T]
    return named


def _level_text(level: float) -> str:
    if np.isnan(level):
        return ""
    return f"on the line of level {100 * level:.4g} %" if level < 0.9999 else "beyond 99.99 %"


def add_map_hover(panel: Any, x: Array, y: Array, z: Array, label: str, df: int) -> None:
    """Let bokeh, whose contours tell nothing, name the height and the level of the nearest point of the grid."""
    from bokeh.models.tools import HoverTool

    here = [np.linspace(values[0], values[-1], CELLS) for values in (x, y)]
    near = [np.abs(values[:, None] - at).argmin(axis=0) for values, at in zip((x, y), here, strict=True)]
    height = z[np.ix_(*near)].T
    data = {"image": [height], "level": [100 * chdtr(df, height)]}
    size = {"x": x[0], "y": y[0], "dw": x[-1] - x[0], "dh": y[-1] - y[0]}
    picture = panel.image(image="image", **size, source=_source(data), global_alpha=0.0, name=SILENT)
    rows = [(label, "@image{0.00}"), ("line of level", "@level{0.00} %")]
    panel.add_tools(HoverTool(renderers=[picture], tooltips=rows, visible=False, description="heights"))


def _source(data: dict[str, Any]) -> Any:
    from bokeh.models.sources import ColumnDataSource

    return ColumnDataSource(data)


# --- plotly ----------------------------------------------------------------------------------------------------------


def _plotly(figure: Any) -> None:
    for trace in figure.data:
        if trace.type not in ("scatter", "contour", "heatmap") or trace.hovertemplate or trace.hoverinfo:
            continue
        if trace.type == "contour" and trace.contours.coloring == "none":
            trace.hoverinfo = "skip"
            continue
        x, y = (_axis_name(figure, trace, side) for side in "xy")
        lines = [f"{x}: %{{x:.4g}}", f"{y}: %{{y:.4g}}"]
        if trace.type != "scatter":
            lines += [f"{trace.name or 'height'}: %{{z:.4g}}", *(["%{text}"] if trace.text is not None else [])]
        lines += [f"{key}: %{{customdata[{i}]:.4g}}" for i, key in enumerate(trace.meta or ())]
        side = trace.name if trace.type == "scatter" and trace.name else ""
        trace.hovertemplate = "<br>".join(lines) + f"<extra>{side}</extra>"


def _axis_name(figure: Any, trace: Any, side: str) -> str:
    """Return the title of the axis that a trace is drawn on, in one line."""
    reference = getattr(trace, f"{side}axis") or side
    title = figure.layout[f"{side}axis{reference[1:]}"].title.text
    return str(title).replace("<br>", "") if title else side


# --- bokeh -----------------------------------------------------------------------------------------------------------


def _bokeh(panel: Any) -> None:
    from bokeh.models.renderers import GlyphRenderer
    from bokeh.models.tools import HoverTool

    x, y = (_label(axis) or side for axis, side in ((panel.xaxis, "x"), (panel.yaxis, "y")))
    told: list[Any] = [r for r in panel.renderers if isinstance(r, GlyphRenderer) and _has_vertices(r)]
    columns: dict[tuple[str, ...], list[Any]] = {}
    for renderer in told:
        further = tuple(sorted(set(renderer.data_source.data) & set(renderer.tags)))
        columns.setdefault(further, []).append(renderer)
    for further, renderers in columns.items():
        rows = [(x, "@x{0.0000}"), (y, "@y{0.0000}"), *((key, f"@{{{key}}}") for key in further)]
        panel.add_tools(HoverTool(renderers=renderers, tooltips=[("", "$name"), *rows], visible=False))


def _label(axes: Sequence[Any]) -> str:
    return str(axes[0].axis_label or "").replace("\n", "") if len(axes) else ""


def _has_vertices(renderer: Any) -> bool:
    data: dict[str, Any] = renderer.data_source.data
    return bool({"x", "y"} <= set(data) and renderer.name and renderer.name != SILENT)
