"""One panel of a profile: the curve, Wald's beside it, the cut-offs, and where they meet."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, Literal

import numpy as np
import xarray as xr

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.plots.data import Marginal, ProfileEnd, TracedProfile, percent
from pymc_landscape.plots.visuals.figure import Canvas, artists, backend_of
from pymc_landscape.plots.visuals.hover import hover_of, no_hover
from pymc_landscape.plots.visuals.legend import add_legend
from pymc_landscape.plots.visuals.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    LIKELIHOOD,
    ORANGE,
    PINK,
    POSTERIOR,
    PROFILE_FOOTROOM,
    PROFILE_HEADROOM,
    WALD,
    WHITE,
    Style,
    marker_size,
    shape,
    text_size,
)

Scale = Literal["delta", "zeta"]
POSTERIOR_NAME = "posterior: −2 log p, from its lowest"
HOVER = {"curve": "profile", "wald": "Wald", "posterior": "posterior", "points": "traced", "estimate": "estimate"}
BETWEEN = tuple(np.linspace(0.1, 0.9, 17))  # where else a level may be written, in widths
# What a traced point was, where that is worth a mark: shape, colour, name in the legend.
MARKS = {
    "kink": ("diamond", PINK, "kink"),
    "at_bound": ("square", BLACK, "at a bound"),
    "new_optimum": ("cross", GREEN, "lower optimum"),
    "failed": ("cross", BLACK, "trace ended"),
}


@dataclass(frozen=True)
class Panel:
    """A profile as it is shown: on which scale, between which limits, with which cut-offs."""

    one: TracedProfile
    scale: Scale
    cuts: xr.DataArray
    marginal: Marginal | None = None
    limited: tuple[float, float] | None = None

    @cached_property
    def window(self) -> tuple[float, float]:
        """Limits of the values: those that are given, or what shows all curves."""
        if self.limited is not None:
            return self.limited
        low, high = self.one.window(PROFILE_HEADROOM * self.cuts.values)
        if self.marginal is None:
            return low, high
        left, right = self.marginal.within(float(self.cuts.max()))
        size = high - low
        return min(low, max(left, low - size)), max(high, min(right, high + size))

    @property
    def limits(self) -> tuple[float, float]:
        """Limits of the heights."""
        top = PROFILE_HEADROOM * float(self.cuts.max())
        return (-np.sqrt(top), np.sqrt(top)) if self.scale == "zeta" else (-PROFILE_FOOTROOM * top, top)

    def height(self, zeta: Array) -> Array:
        """Return ζ as it is drawn; NaN above the panel."""
        height = zeta if self.scale == "zeta" else zeta**2
        return np.where(np.abs(zeta) <= np.sqrt(PROFILE_HEADROOM * float(self.cuts.max())) * 1.001, height, np.nan)

    def lines(self) -> list[float]:
        """Heights of the cut-offs: on the ζ scale both roots of each."""
        roots = np.sqrt(self.cuts.values)
        return [float(h) for h in (np.concatenate([roots, -roots]) if self.scale == "zeta" else self.cuts.values)]

    def ends(self) -> list[tuple[ProfileEnd, float]]:
        """Return the ends of all levels, and ±√q of each."""
        both = [(side, float(cut)) for cut in self.cuts.values for side in (-1, 1)]
        return [(self.one.end(side, cut), side * float(np.sqrt(cut))) for side, cut in both]


Find = Callable[[xr.DataArray], Panel | None]


def draw_panel(canvas: Canvas, sheet: xr.DataArray, find: Find, number: int, *, text: bool = True) -> None:
    """Draw all that belongs to a profile wherever `find` gives one; `number` is that of the cut-offs."""
    backend = canvas.backend
    # the curve first: plotly leaves lines out of an empty panel
    _draw(canvas, sheet, find, "curve", _curve, LIKELIHOOD.line(backend, 2.2))
    _draw(canvas, sheet, find, "wald", _wald, WALD.line(backend, 1.4))
    _draw(canvas, sheet, find, "posterior", _posterior, POSTERIOR.line(backend, 1.7))
    thin = {"color": GREY, "width": 0.8}
    _draw(canvas, sheet, find, "cutoff", _cutoffs, thin, {"line": 2 * number})
    _draw(canvas, sheet, find, "end", _ends, {"color": BLUE, "width": 0.9}, {"end": 2 * number})
    _draw(canvas, sheet, find, "points", _points, {"color": BLUE, "size": marker_size(backend, "traced point")})
    _draw(canvas, sheet, find, "estimate", _estimate, {"color": ORANGE, "size": marker_size(backend, "estimate")})
    _draw(canvas, sheet, find, "mark", _marks, {"size": marker_size(backend, "status")}, {"status": len(MARKS)})
    if text:
        words = {"color": GREY, "size": text_size(backend)}
        _draw(canvas, sheet, find, "cutoff_text", _texts, words, {"level": number})


def add_names(canvas: Canvas, panels: list[Panel]) -> None:
    """Name the curves, and the marks that are there."""
    status = np.concatenate([panel.one.status for panel in panels])
    ink: dict[str, str | Style] = {"profile": LIKELIHOOD}
    if any(np.isfinite(panel.one.error) for panel in panels):
        ink |= {"Wald": WALD}
    if any(panel.marginal for panel in panels):
        ink |= {POSTERIOR_NAME: POSTERIOR}
    here = [mark for word, mark in MARKS.items() if word in status]
    ink["estimate"] = Style(ORANGE, None, "circle")
    ink |= {name: Style(colour, None, form) for form, colour, name in here}
    add_legend(canvas, ink)


def _draw(
    canvas: Canvas,
    sheet: xr.DataArray,
    find: Find,
    visual: str,
    func: Callable[..., Any],
    defaults: dict[str, Any],
    many: dict[str, int] | None = None,
) -> None:
    empty = artists([None] * next(iter(many.values()))) if many else None

    def once(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        panel = find(da)
        return empty if panel is None else func(panel, backend_of(canvas), target, **kwargs)

    told = {} if visual == "cutoff_text" else no_hover(canvas.backend)
    if visual in HOVER:
        told = hover_of(canvas.backend, HOVER[visual])
    canvas.draw(once, visual, sheet, {**defaults, **told}, artist_dims=many)


def _curve(panel: Panel, backend: Any, target: Any, **kwargs: Any) -> Any:
    x, zeta = panel.one.between(*panel.window)
    return backend.line(x, panel.height(zeta), target, **kwargs)


def _wald(panel: Panel, backend: Any, target: Any, **kwargs: Any) -> Any:
    if not np.isfinite(panel.one.error):
        return None
    x = np.linspace(*panel.window, 201)
    return backend.line(x, panel.height(panel.one.wald(x)), target, **kwargs)


def _posterior(panel: Panel, backend: Any, target: Any, **kwargs: Any) -> Any:
    if panel.marginal is None:
        return None
    return backend.line(panel.marginal.x, panel.height(panel.marginal.zeta), target, **kwargs)


def _cutoffs(panel: Panel, backend: Any, target: Any, **kwargs: Any) -> Any:
    drawn = [backend.line(np.array(panel.window), np.full(2, h), target, **kwargs) for h in panel.lines()]
    return artists(drawn + [None] * (2 * panel.cuts.size - len(drawn)))


def _ends(panel: Panel, backend: Any, target: Any, **kwargs: Any) -> Any:
    """Lead from where the curve meets a cut-off down to the axis."""
    drawn: list[Any] = []
    for end, root in panel.ends():
        foot, top = panel.limits[0], float(panel.height(np.array([root]))[0])
        upright = end.status == "finite"
        drawn.append(backend.line([end.value] * 2, [foot, top], target, **kwargs) if upright else None)
    return artists(drawn)


def _points(panel: Panel, backend: Any, target: Any, **kwargs: Any) -> Any:
    x, y = _seen(panel, np.isin(panel.one.status, ["converged", "open"]))
    return backend.scatter(x, y, target, **kwargs)


def _estimate(panel: Panel, backend: Any, target: Any, **kwargs: Any) -> Any:
    return backend.scatter(np.array([panel.one.estimate]), np.zeros(1), target, **kwargs)


def _marks(panel: Panel, backend: Any, target: Any, **kwargs: Any) -> Any:
    drawn: list[Any] = []
    name = backend.__name__.rsplit(".", 1)[-1]
    for word, (form, colour, _) in MARKS.items():
        x, y = _seen(panel, panel.one.status == word)
        ink = {"facecolor": colour, "edgecolor": WHITE, "width": 0.8, "marker": shape(name, form), **kwargs}
        drawn.append(backend.scatter(x, y, target, **ink) if x.size else None)
    return artists(drawn)


def _seen(panel: Panel, mine: Any) -> tuple[Array, Array]:
    low, high = panel.window
    x, y = panel.one.value[mine], panel.height(panel.one.zeta[mine])
    shown = np.isfinite(y) & (x >= low) & (x <= high)
    return x[shown], y[shown]


def _texts(panel: Panel, backend: Any, target: Any, **kwargs: Any) -> Any:
    """Write the levels where the curves are not."""
    options = {"vertical_align": "bottom", **kwargs}
    heights = np.sqrt(panel.cuts.values) if panel.scale == "zeta" else panel.cuts.values
    drawn = []
    for height, level in zip(heights, panel.cuts["level"].values, strict=True):
        x, align = _free_position(panel, float(height))
        own = {"horizontal_align": align, **options}
        drawn.append(backend.text(x, float(height), percent(float(level)), target, **own))
    return artists(drawn)


def _free_position(panel: Panel, height: float) -> tuple[float, str]:
    """Return where on a cut-off a text overlaps least: above the estimate, at either limit, or between."""
    low, high = panel.window
    foot, top = panel.limits
    x = np.linspace(low, high, 401)
    curves = [panel.height(panel.one.at(x)), panel.height(panel.one.wald(x))]
    if panel.marginal is not None:
        curves.append(panel.height(np.interp(x, panel.marginal.x, panel.marginal.zeta, np.nan, np.nan)))
    beside = np.any([(y > height) & (y < height + 0.08 * (top - foot)) for y in curves], axis=0)
    for end, root in panel.ends():
        if panel.height(np.array([root]))[0] > height:
            beside |= np.abs(x - end.value) <= 0.005 * (high - low)
    share = (x - low) / (high - low)
    middle = float(np.clip((panel.one.estimate - low) / (high - low), 0.0, 1.0))
    candidates = [(middle, "center"), (0.02, "left"), (0.98, "right"), *((at, "center") for at in BETWEEN)]
    reach = {"center": (-0.09, 0.09), "left": (-0.02, 0.16), "right": (-0.16, 0.02)}
    spans = [(at + reach[align][0], at + reach[align][1]) for at, align in candidates]
    hidden = [int((beside & (share > a) & (share < b)).sum()) + 401 * (a < 0 or b > 1.001) for a, b in spans]
    at, align = candidates[int(np.argmin(hidden))]
    return low + at * (high - low), align
