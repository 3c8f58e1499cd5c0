"""Paths drawn on the contours: a line an optimiser with a light rim, arrow heads, start and end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.plots.data import LandscapeView, arrows, join, lengths, limits, segments, thin, with_gaps
from pymc_landscape.plots.visuals.figure import Canvas, artists, backend_of
from pymc_landscape.plots.visuals.hover import carry, hover_of
from pymc_landscape.plots.visuals.style import WHITE, Style, marker_size, optimizer_styles, shape

SHADES = (1.0, 0.75, 0.5, 0.3)  # opacity of steps on the plane, and ever further off it
ON_PLANE = 1e-6  # of the largest coordinate: rounding of the projection is no distance
HEAD = 0.018  # length of an arrow head, in widths of the picture
ASPECT = 1.25  # width of the picture over its height, about
FEW = 40  # up to so many iterates are drawn as dots


@dataclass(frozen=True)
class Route:
    """The path of one start of one optimiser, in window coordinates (0 to 1 inside).

    Attributes
    ----------
    xy : array (n, 2)
        Iterates that differ in the picture.
    shade : array (n,) of int
        How far off the plane, as a position in ``SHADES``.
    when : array (n,)
        Iteration numbers.
    """

    xy: Array
    shade: NDArray[np.intp]
    when: Array


@dataclass(frozen=True)
class Routes:
    """All paths of a picture, by optimiser.

    Attributes
    ----------
    of : LandscapeView
        What lies below.
    chains : mapping
        For each optimiser, one Route a start.
    styles : mapping
        For each optimiser, how it is drawn.
    off : float
        Largest distance off the plane; NaN where it is not known.
    kind : str
        "plane" or "slice".
    """

    view: LandscapeView
    chains: Mapping[str, list[Route]]
    styles: Mapping[str, Style]
    off: float
    kind: str

    def out(self, xy: Array) -> Array:
        """Window coordinates back to those of the axes."""
        window = np.array([limits(self.view, axis) for axis in self.view.axes])
        return np.asarray(window[:, 0] + xy * (window[:, 1] - window[:, 0]))

    @property
    def leaving(self) -> tuple[int, int]:
        """How many paths are somewhere outside the picture, and how many there are."""
        every = [route for chain in self.chains.values() for route in chain]
        return sum(bool(np.any(~((route.xy >= 0) & (route.xy <= 1)))) for route in every), len(every)


def routes_of(view: LandscapeView, placed: Mapping[str, xr.Dataset], descents: Mapping[str, xr.Dataset]) -> Routes:
    """Give iterates as window coordinates, each path up to where it stopped."""
    window = np.array([limits(view, axis) for axis in view.axes])
    off, kind = _largest(placed, descents), next(iter(placed.values())).attrs["off"]
    chains = {}
    for name, ds in placed.items():
        xy = np.stack([ds["x"].values, ds["y"].values], axis=-1)
        share = (xy - window[:, 0]) / (window[:, 1] - window[:, 0])
        steps, shade = lengths(descents[name]), _shades(ds["off_plane"].values, off)
        when = ds["draw"].values.astype(float)
        chains[name] = [_route(share[i, :n], shade[i, :n], when[:n]) for i, n in enumerate(steps)]
    return Routes(view, chains, optimizer_styles(placed), off, kind)


def _route(xy: Array, shade: NDArray[np.intp], when: Array) -> Route:
    kept = thin(xy)
    return Route(xy[kept], shade[kept], when[kept])


def _largest(placed: Mapping[str, xr.Dataset], descents: Mapping[str, xr.Dataset]) -> float:
    """Largest finite distance off the plane; 0 where it is but rounding."""
    distances, scale = [], 0.0
    for name, ds in placed.items():
        for i, n in enumerate(lengths(descents[name])):
            here = ds.isel(chain=i, draw=slice(int(n)))
            distances.append(here["off_plane"].values)
            size = np.abs(np.stack([here["x"].values, here["y"].values]))
            scale = max(scale, float(np.max(size, where=np.isfinite(size), initial=0.0)))
    every = np.concatenate(distances)
    every = every[np.isfinite(every)]
    if not every.size:
        return np.nan
    return float(every.max()) if every.max() > ON_PLANE * scale else 0.0


def _shades(off: Array, largest: float) -> NDArray[np.intp]:
    if not largest > 0:
        return np.zeros(off.shape, dtype=np.intp)
    share = np.nan_to_num(off / largest, nan=1.0, posinf=1.0)
    return np.asarray(np.clip(share * len(SHADES), 0, len(SHADES) - 1), dtype=np.intp)


def draw_routes(canvas: Canvas, routes: Routes) -> None:
    """Rims, lines, arrow heads, iterates, starts and ends, in this order."""
    width = {"color": WHITE, "width": 4.2}
    _each_shade(canvas, "path_rim", routes, width)
    _each_shade(canvas, "path", routes, {"width": 2.0})
    _each(canvas, "arrow_rim", routes, _line(canvas), _heads, {"color": WHITE, "width": 4.5})
    _each(canvas, "arrow", routes, _line(canvas), _heads, {"width": 2.2})
    iterate_size, end_size = marker_size(canvas.backend, "iterate"), marker_size(canvas.backend, "path end")
    _each(
        canvas,
        "iterates",
        routes,
        _scatter(canvas),
        _iterates,
        {"size": iterate_size, "edgecolor": WHITE, "width": 0.4},
    )
    _each(canvas, "start", routes, _scatter(canvas), _starts, {"size": end_size, "facecolor": WHITE, "width": 2.0})
    _each(canvas, "end", routes, _scatter(canvas), _ends, {"size": end_size, "edgecolor": WHITE, "width": 1.2})


def _line(canvas: Canvas) -> Callable[..., Any]:
    def draw(xy: Array, target: Any, symbol: str = "", **kwargs: Any) -> Any:
        return backend_of(canvas).line(xy[:, 0], xy[:, 1], target, **kwargs)

    return draw


def _scatter(canvas: Canvas) -> Callable[..., Any]:
    def draw(xy: Array, target: Any, **kwargs: Any) -> Any:
        # a marker's face and edge: one of the two is light, the other has the optimiser's colour
        own, kwargs = kwargs["color"], {"marker": kwargs.pop("symbol"), **kwargs}
        kwargs.pop("color")
        sides = {"facecolor": own, "edgecolor": own, **kwargs}
        return backend_of(canvas).scatter(xy[:, 0], xy[:, 1], target, **sides)

    return draw


def _each(
    canvas: Canvas,
    visual: str,
    routes: Routes,
    draw: Callable[..., Any],
    find: Callable[[list[Route]], Array],
    defaults: dict[str, Any],
) -> None:
    """One artist an optimiser."""

    def draw_all(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        drawn = []
        for name, chain in routes.chains.items():
            xy = find(chain)
            style = routes.styles[name]
            pen = {"color": style.colour, "symbol": shape(canvas.backend, style.marker or "circle"), **kwargs}
            pen = {**hover_of(canvas.backend, f"{name}, {visual}" if visual in ("start", "end") else ""), **pen}
            drawn.append(draw(routes.out(xy), target, **pen) if len(xy) else None)
        return artists(drawn)

    canvas.draw(draw_all, visual, routes.view.height, defaults, artist_dims={"optimizer": len(routes.chains)})


def _each_shade(canvas: Canvas, visual: str, routes: Routes, defaults: dict[str, Any]) -> None:
    """One artist an optimiser and a shade; a rim is solid, and has nothing to tell."""
    line, is_rim = _line(canvas), visual == "path_rim"

    def draw_all(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        drawn = []
        for name, chain in routes.chains.items():
            for i, alpha in enumerate(SHADES):
                xy = with_gaps([_steps(route, i) for route in chain])
                own = {} if is_rim else routes.styles[name].line(canvas.backend, 0.0)
                told = {} if is_rim else {"iteration": _iterations(chain, xy)}
                named = {**own, **hover_of(canvas.backend, "" if is_rim else name, told), "alpha": alpha, **kwargs}
                drawn.append(line(routes.out(xy), target, **named) if len(xy) else None)
                carry(canvas.backend, drawn[-1], told)
        return artists(drawn).reshape(len(routes.chains), len(SHADES))

    many = {"optimizer": len(routes.chains), "shade": len(SHADES)}
    canvas.draw(draw_all, visual, routes.view.height, defaults, artist_dims=many)


def _iterations(chain: list[Route], xy: Array) -> Array:
    """Return the iteration of each vertex of the lines: that of the nearest iterate."""
    every = np.concatenate([route.xy for route in chain])
    when = np.concatenate([route.when for route in chain])
    there, asked = np.isfinite(every).all(axis=1), np.isfinite(xy).all(axis=1)
    found = np.full(len(xy), np.nan)
    if there.any() and asked.any():
        found[asked] = when[there][cKDTree(every[there]).query(xy[asked])[1]]
    return found


def _steps(route: Route, shade: int) -> Array:
    start, end, inside = segments(route.xy)
    mine = inside & (np.maximum(route.shade[:-1], route.shade[1:]) == shade)
    return join(start[mine], end[mine])


def _heads(chain: list[Route]) -> Array:
    every = [segments(route.xy) for route in chain]
    return with_gaps([head for a, b, inside in every for head in arrows(a[inside], b[inside], HEAD, ASPECT)])


def _iterates(chain: list[Route]) -> Array:
    """Take the iterates of paths with few of them, whose dots show the lengths of the steps."""
    return _inside([route.xy[1:-1] for route in chain if len(route.xy) <= FEW])


def _starts(chain: list[Route]) -> Array:
    return _inside([route.xy[:1] for route in chain])


def _ends(chain: list[Route]) -> Array:
    return _inside([route.xy[-1:] for route in chain])


def _inside(points: list[Array]) -> Array:
    every = np.concatenate([*points, np.empty((0, 2))])
    with np.errstate(invalid="ignore"):
        return np.asarray(every[np.all((every >= 0) & (every <= 1), axis=1)])


def notes_of(routes: Routes) -> list[str]:
    """Write how far paths are off the drawn surface, and how many leave the window; nothing where none does."""
    remarks = []
    if routes.off > 0 and routes.kind == "plane":
        remarks.append(f"paths fade with their distance off the plane, at most {routes.off:.3g}")
    elif routes.off > 0:
        remarks.append(
            "paths fade with the distance of the other parameters from where they are held, at most "
            f"{routes.off:.3g} in their own units"
        )
    leaving, number = routes.leaving
    if leaving:
        remarks.append(f"{leaving} of {number} paths leave the window")
    return remarks
