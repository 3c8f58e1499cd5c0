"""The picture of two axes: filled bands of Δ(−2LL), lines at the χ² heights, draws on top."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from arviz_plots.plot_collection import backend_from_object
from arviz_plots.visuals import set_xlim, set_ylim
from contourpy import LineType, contour_generator
from numpy.typing import NDArray

from pymc_landscape.plots.data import (
    LandscapeView,
    as_cells,
    band_boundaries,
    blank_name,
    boundary_labels,
    limits,
    percent,
)
from pymc_landscape.plots.visuals.colorbar import add_colorbar, palette
from pymc_landscape.plots.visuals.figure import Canvas, artists
from pymc_landscape.plots.visuals.hover import add_map_hover, hover_of, map_hover
from pymc_landscape.plots.visuals.style import (
    BLANK,
    CMAP,
    LIGHT_GREY,
    RED,
    WHITE,
    Style,
    marker_size,
    shape,
)

DRAWS_COLOUR, HALO_COLOUR = "#ffc24d", "#2d1e54"  # on CMAP: light dots, and a dark halo of light text
SMALL = 0.15  # share of the picture: a text is larger than such a line
CAP = 100.0  # in highest cut-offs: lines need nothing above, and plotly's tolerance grows with it
STEEPEST = 1e5  # of the highest band's end over the lowest's
PEN = {
    "matplotlib": {"linewidths": 1.4},
    "plotly": {"line_width": 1.4, "line_smoothing": 0},
    "bokeh": {"line_width": 1.4},
}


def draw_contours(
    canvas: Canvas, view: LandscapeView, cuts: xr.DataArray, draws: xr.DataArray | None, spots: xr.DataArray
) -> None:
    """Bands, draws, lines with their level, lowest points, limits, colour bar."""
    height, backend = as_cells(view), canvas.backend
    boundaries = band_boundaries(cuts.values, view.top)
    many, fixed = {"level": cuts.size}, {"cuts": cuts}
    if view.height.isnull().any():
        paint_blank(canvas)
    bands = {"boundaries": boundaries, "label": view.label, "df": view.df}
    canvas.draw(_bands, "contourf", height, _cmap(canvas), fixed=bands)
    if draws is not None:
        dots = {"color": DRAWS_COLOUR, "size": marker_size(backend, "contour draw"), "alpha": 0.6}
        dots |= hover_of(backend, "draw")
        canvas.draw(_scatter, "draws", draws, dots)
    pen = {"color": WHITE, **PEN.get(backend, {})}
    canvas.draw(_lines, "contour", height, pen, fixed=fixed, artist_dims=many)
    star = {"marker": shape(backend, "star"), "size": marker_size(backend, "contour minimum")}
    star |= {"clip_on": False} if backend == "matplotlib" else {}  # whole, also on a bound of the support
    star |= hover_of(backend, "lowest point")
    canvas.draw(_scatter, "minimum", spots, {"facecolor": RED, "edgecolor": WHITE, **star})
    if not view.panels or "contour_text" in canvas.visuals:  # small panels are full without it
        canvas.draw(_texts, "contour_text", height, {"color": WHITE}, fixed=fixed, artist_dims=many)
    _set_limits(canvas, view)
    _draw_colorbar(canvas, view, boundaries, cuts)


def contour_entries(
    canvas: Canvas,
    view: LandscapeView,
    cuts: xr.DataArray,
    draws: str | None,
    spots: xr.DataArray,
) -> dict[str, Style]:
    """Return the names of a map's marks for a legend: lowest point, draws, lines, and what is blank."""
    entries = {}
    if canvas.wants("minimum") and bool(spots.notnull().any()):
        entries["lowest point"] = Style(RED, None, "star")
    if draws and canvas.wants("draws"):
        entries[draws] = Style(DRAWS_COLOUR, None, "circle")
    if canvas.wants("contour") and any(_crosses(view.height.values, float(cut)) for cut in cuts):
        levels = ", ".join(f"{100 * level:g}" for level in cuts["level"].values)
        entries[f"{levels} % (χ², df {view.df})"] = Style(LIGHT_GREY)
    if canvas.wants("contourf") and bool(view.height.isnull().any()):
        entries[blank_name(view)] = Style(BLANK, None, "square")
    return entries


def paint_blank(canvas: Canvas) -> None:
    """Give the panels a grey ground, seen where there are no heights."""
    for panel in np.ravel(canvas.pc.viz["plot"].values):
        if canvas.backend == "matplotlib":
            panel.set_facecolor(BLANK)
        elif canvas.backend == "plotly":
            panel.figure.update_layout(plot_bgcolor=BLANK)
        elif canvas.backend == "bokeh":
            panel.background_fill_color = BLANK


def _cmap(canvas: Canvas) -> dict[str, str]:
    """Colour the bands by a map, unless the user asked for one colour."""
    return {} if "color" in canvas.options("contourf") else {"cmap": CMAP}


def _draw_colorbar(canvas: Canvas, view: LandscapeView, boundaries: NDArray[np.float64], cuts: xr.DataArray) -> None:
    asked = canvas.options("contourf", _cmap(canvas))
    if canvas.wants("colorbar") and canvas.wants("contourf") and "cmap" in asked:
        title = canvas.options("colorbar", {"title": view.label})["title"]
        colours = palette(asked["cmap"], boundaries.size - 1)
        bar = add_colorbar(canvas.pc, colours, boundary_labels(boundaries, cuts), title)
        canvas.pc.viz["colorbar"] = xr.DataArray(np.array(bar, dtype=object))


def _set_limits(canvas: Canvas, view: LandscapeView) -> None:
    x, y = (limits(view, axis) for axis in view.axes)
    canvas.pc.facet_map(set_xlim, limits=x, store_artist=False)
    canvas.pc.facet_map(set_ylim, limits=y, store_artist=False)


def _xyz(da: xr.DataArray) -> tuple[Any, Any, NDArray[np.float64]]:
    return da[da.dims[0]].values.astype(float), da[da.dims[1]].values.astype(float), da.values


def _bands(
    da: xr.DataArray,
    target: Any,
    boundaries: NDArray[np.float64],
    label: str,
    df: int,
    cmap: str | None = None,
    **kwargs: Any,
) -> Any:
    backend = backend_from_object(target)
    if cmap is not None and backend.__name__.endswith("matplotlib"):
        # matplotlib spaces a colour map by height: all low bands would have one colour
        kwargs["color"] = palette(cmap, boundaries.size - 1)
    elif cmap is not None:
        kwargs["cmap"] = cmap
    if backend.__name__.endswith("plotly"):
        # its contours are filled in equal steps of height, its heat map in the steps of the colours
        kwargs.setdefault("contours", {"coloring": "heatmap", "showlines": False})
        kwargs = {**map_hover(da.values, label, df), **kwargs}
        if boundaries[-1] > STEEPEST * boundaries[1]:  # plotly's colours are shares of the height, and too fine then
            bands = np.arange(boundaries.size, dtype=float)
            da, boundaries = da.copy(data=np.interp(da.values, boundaries, bands)), bands
            kwargs["hovertemplate"] = "%{x:.4g}, %{y:.4g}<br>%{text}<extra></extra>"
    if backend.__name__.endswith("bokeh"):
        add_map_hover(target, *_xyz(da), label, df)
    return backend.contourf(*_xyz(da), target, levels=boundaries, **kwargs)


def _lines(da: xr.DataArray, target: Any, cuts: xr.DataArray, **kwargs: Any) -> Any:
    x, y, z = _xyz(da)
    z = np.minimum(z, CAP * float(cuts.max()))
    draw = backend_from_object(target).contour
    crossed = [_crosses(z, float(cut)) for cut in cuts]
    return artists(
        [
            draw(x, y, z, target, levels=[float(cut)], **kwargs) if crosses else None
            for cut, crosses in zip(cuts, crossed, strict=True)
        ]
    )


def _crosses(z: NDArray[np.float64], height: float) -> bool:
    """Whether a line at this height exists; matplotlib warns of one that does not."""
    return bool(np.nanmin(z) < height < np.nanmax(z))


def _scatter(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
    x, y = da.sel(plot_axis="x").values, da.sel(plot_axis="y").values
    shown = np.isfinite(x) & np.isfinite(y)
    return backend_from_object(target).scatter(x[shown], y[shown], target, **kwargs)


def _texts(da: xr.DataArray, target: Any, cuts: xr.DataArray, **kwargs: Any) -> Any:
    backend = backend_from_object(target)
    options = {**halo(backend.__name__), **kwargs}
    positions = label_positions(da, cuts)
    return artists(
        [
            None if position is None else backend.text(*position, percent(level), target, **options)
            for level, position in zip(cuts["level"].values.tolist(), positions, strict=True)
        ]
    )


def halo(backend: str) -> dict[str, Any]:
    """Options that give text a dark halo on each backend: it is written on a line, and among draws."""
    if backend.endswith("matplotlib"):
        from matplotlib.patheffects import withStroke

        return {"size": 8, "path_effects": [withStroke(linewidth=2.5, foreground=HALO_COLOUR)]}
    if backend.endswith("bokeh"):
        box = {"background_fill_color": HALO_COLOUR, "background_fill_alpha": 0.6, "border_radius": 3}
        return {"size": 11, "padding": 2, **box}
    if backend.endswith("plotly"):
        return {"textfont": {"shadow": f"0px 0px 3px {HALO_COLOUR}, 0px 0px 6px {HALO_COLOUR}", "size": 11}}
    return {}


def level_lines(
    x: NDArray[np.float64], y: NDArray[np.float64], z: NDArray[np.float64], height: float
) -> list[NDArray[np.float64]]:
    """Curves on which z, of shape (x, y), has this height, each an (n, 2) array of x and y."""
    masked = np.ma.masked_invalid(z.T)
    lines = contour_generator(x, y, masked, line_type=LineType.Separate).lines(height)
    return [np.asarray(line) for line in lines]


def label_positions(da: xr.DataArray, cuts: xr.DataArray) -> list[tuple[float, float] | None]:
    """Positions of the levels' texts: each on its line, in a direction of its own, clear of the others."""
    low, size = (np.array([f(da[dim].values) for dim in da.dims]) for f in (np.min, np.ptp))
    taken: list[NDArray[np.float64]] = []
    for index, cut in enumerate(cuts):
        lines = [_inner(line) for line in level_lines(*_xyz(da), float(cut))]
        vertices = np.concatenate([(line - low) / size for line in lines]) if lines else None
        angle = np.deg2rad(35.0 + 360.0 * index / cuts.size)
        taken.append(_clearest(vertices, angle, taken))
    return [None if np.isnan(p).any() else tuple((low + p * size).tolist()) for p in taken]


def _clearest(
    vertices: NDArray[np.float64] | None, angle: float, taken: list[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Pick the vertex furthest in a direction that is neither at the panel's limits nor at another text."""
    if vertices is None or np.ptp(vertices, axis=0).max() < SMALL:
        return np.full(2, np.nan)
    reach = (vertices - vertices.mean(axis=0)) @ [np.cos(angle), np.sin(angle)]
    reach = reach - 10.0 * np.any((vertices < 0.07) | (vertices > 0.93), axis=1)
    for other in taken:
        gap = np.abs(vertices - other)
        reach = reach - 5.0 * ((gap[:, 0] < 0.1) & (gap[:, 1] < 0.06))
    best: NDArray[np.float64] = vertices[int(reach.argmax())]
    return best


def _inner(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """Drop the ends of an open line, which lie at the limits of the grid or on a bound of the support."""
    cut = 0 if np.allclose(line[0], line[-1]) else len(line) // 8
    return line[cut : len(line) - cut]
