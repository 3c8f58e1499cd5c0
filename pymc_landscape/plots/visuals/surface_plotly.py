"""A surface, lines and points in three dimensions with plotly, to be turned by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import to_hex

from pymc_landscape._typing import Array
from pymc_landscape.plots.visuals.colorbar import LINE, TYPE, spaced
from pymc_landscape.plots.visuals.scene import TALL, Points, Scene, SurfaceGrid, inner_ticks, shades
from pymc_landscape.plots.visuals.style import WHITE

FIGURE = {"specs": [[{"type": "scene"}]]}
LIGHT = {"ambient": 0.7, "diffuse": 0.5, "specular": 0.03, "roughness": 0.9, "fresnel": 0.0}
DISTANCE = 2.3  # of the camera, in widths of the box


def surface(target: Any, x: Array, y: Array, z: Array, scene: Scene, **kwargs: Any) -> Any:
    """Draw the surface; who points at it reads the names of the axes, and the height."""
    names = scene.axes
    heights = np.append(np.linspace(0, 1, 65) ** 2 * scene.cap * (1 - 1e-9), scene.cap)
    steps = np.append(np.linspace(0, 1 - 1e-3, 65), 1.0)
    colours = [to_hex(colour) for colour in shades(heights, scene)]
    trace = {
        "type": "surface",
        "x": x,
        "y": y,
        "z": z.T,
        "surfacecolor": np.sqrt(z.T),
        "colorscale": [[float(s), c] for s, c in zip(steps, colours, strict=True)],
        "cmin": 0.0,
        "cmax": scene.cap**0.5,
        "showscale": False,
        "lighting": LIGHT,
        "hovertemplate": f"{names[0]}: %{{x:.4g}}<br>{names[1]}: %{{y:.4g}}<br>{names[2]}: %{{z:.4g}}<extra></extra>",
    }
    return _add(target, {**trace, **kwargs})


def line(
    target: Any, points: Points, scene: Scene, grid: SurfaceGrid | None = None, dashed: bool = False, **kwargs: Any
) -> Any:
    """Draw a line; one on the surface a little above it, or it would be half buried."""
    lift = 0.0 if grid is None else 0.004 * (scene.cap - scene.floor)
    x, y, z = points
    pen = {"color": kwargs.pop("color", None), "width": 2.5 * kwargs.pop("linewidth", 1.0)}
    pen |= {"dash": "dash" if dashed else kwargs.pop("dash", "solid")}
    return _add(target, {"mode": "lines", "line": pen, **_coordinates((x, y, z + lift)), **kwargs})


def scatter(target: Any, points: Points, **kwargs: Any) -> Any:
    """Draw points; ``s`` is an area as in matplotlib."""
    symbol = kwargs.pop("marker", "circle")
    marker = {
        "color": kwargs.pop("color", None),
        "size": kwargs.pop("s", 9.0) ** 0.5,
        "opacity": kwargs.pop("alpha", 1.0),
        "symbol": {"*": "diamond", "o": "circle"}.get(symbol, symbol),
    }
    if symbol == "*":  # plotly has no star in three dimensions: a small diamond with a light rim
        marker |= {"line": {"color": WHITE, "width": 1.5}, "size": 0.75 * marker["size"]}
    return _add(target, {"mode": "markers", "marker": marker, **_coordinates(points), **kwargs})


def endpoints(
    target: Any, points: Points, scene: Scene, grid: SurfaceGrid, color: str, filled: bool, **kwargs: Any
) -> Any:
    """Draw discs with a light rim, or rings; ``s`` is an area as in matplotlib."""
    rim = {"color": WHITE if filled else color, "width": 2}
    size = kwargs.pop("s", 9.0) ** 0.5
    marker = {"color": color if filled else WHITE, "size": size, "symbol": "circle", "line": rim}
    return _add(target, {"mode": "markers", "marker": marker, **_coordinates(points), **kwargs})


def _coordinates(points: Points) -> dict[str, Any]:
    return {"type": "scatter3d", "showlegend": False, "hoverinfo": "skip", **dict(zip("xyz", points, strict=True))}


def _add(target: Any, trace: dict[str, Any]) -> Any:
    target.add_trace(trace)
    return target.figure.data[-1]


def colorbar(target: Any, scene: Scene, title: str) -> Any:
    """Put a colour bar beside the surface, with the named heights."""
    trace = next(t for t in target.figure.data if t.type == "surface")
    ticks = [float(tick) ** 0.5 for tick in scene.ticks]
    room = 0.7 * (target.figure.layout.height or 450) / TYPE["plotly"] / LINE
    names = spaced(scene.names, np.sqrt(np.array(scene.ticks) / scene.cap), room)
    bar = {"tickvals": ticks, "ticktext": names, "len": 0.7, "x": 0.98, "xanchor": "left"}
    trace.update(showscale=True, colorbar={**bar, "title": {"text": title, "side": "top"}})
    return trace.colorbar


def label(target: Any, axis: str, text: str, **kwargs: Any) -> Any:
    """Name an axis."""
    target.figure.update_scenes({f"{axis}axis": {"title": {"text": text.replace("\n", "<br>"), **kwargs}}})
    return text


def set_view(target: Any, scene: Scene) -> None:
    """Set limits, proportions and the camera."""
    ticks, room = _round_ticks(scene.cap), 0.01 * (scene.cap - scene.floor)  # else half is clipped
    eye = dict(zip("xyz", map(float, DISTANCE * scene.eye), strict=True))
    target.figure.update_scenes(
        xaxis={"range": scene.x, "tickvals": inner_ticks(*scene.x)},
        yaxis={"range": scene.y, "tickvals": inner_ticks(*scene.y)},
        zaxis={"range": (scene.floor - 4 * room, scene.cap + room), "tickvals": ticks},
        aspectratio={"x": 1, "y": 1, "z": TALL},
        camera={"eye": eye, "center": {"x": 0, "y": 0, "z": -0.1}},
    )
    target.figure.update_layout(margin={"l": 10, "r": 10, "t": 40, "b": 10})


def _round_ticks(cap: float) -> list[float]:
    """Four or so round heights from 0 to the cap; the floor has no height."""
    size = 10.0 ** np.floor(np.log10(cap))
    step = next(s * size for s in (5.0, 2.0, 1.0, 0.5, 0.2) if cap / (s * size) >= 2.5)
    return [float(tick) for tick in np.arange(0.0, cap + 1e-9, step)]
