"""Colours, dashes, marker shapes, sizes and spacing of all pictures: what means the same looks the same.

The first three colours are those of Okabe & Ito (2008); the others were sought so that any two of the eight differ by
16 or more in CIEDE2000, also as people without green cones see them (deuteranopia as simulated by Machado, Oliveira &
Fernandes 2009), and that each has a contrast of 3 or more against white and against a dark page. In grey, lines are
told apart by their dashes, so that a style is a colour, a dash and a marker. Sizes are in the unit of each plotting
library, chosen so that its pictures look alike.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pymc_landscape._dataclasses import dataclass

BLUE, ORANGE, GREEN, VIOLET = "#0072b2", "#d55e00", "#009e73", "#c369ff"
OLIVE, PINK, PLUM, FOREST = "#7a5d00", "#ff4bb6", "#a04f80", "#1e6d4f"
CYCLE = (BLUE, ORANGE, GREEN, VIOLET, OLIVE, PINK, FOREST, PLUM)
BLACK, GREY, MIDDLE_GREY, LIGHT_GREY, WHITE = "#000000", "#626262", "#999999", "#bbbbbb", "#ffffff"
RED = "#ff4b4b"  # of a minimum: no colour of the map below it
BLANK = "#dcdcdc"  # where there are no heights: no colour of the map
CMAP = "viridis"  # low is dark, so that a minimum reads as deep and light draws stand out on it

DASHES: dict[str, dict[str, Any]] = {
    "matplotlib": {
        "solid": "-", "dashed": (0, (5.0, 2.0)), "dotted": (0, (1.2, 1.3)), "dashdot": (0, (6.0, 1.5, 1.2, 1.5)),
        "long": (0, (11.0, 2.5)), "dashdotdot": (0, (6.0, 1.5, 1.2, 1.5, 1.2, 1.5)),
    },
    "plotly": {
        "solid": "solid", "dashed": "dash", "dotted": "dot", "dashdot": "dashdot", "long": "longdash",
        "dashdotdot": "longdashdot",
    },
    "bokeh": {
        "solid": "solid", "dashed": "dashed", "dotted": "dotted", "dashdot": "dashdot", "long": [14, 4],
        "dashdotdot": [10, 3, 2, 3, 2, 3],
    },
    "none": {name: name for name in ("solid", "dashed", "dotted", "dashdot", "long", "dashdotdot")},
}  # fmt: skip


@dataclass(frozen=True)
class Style:
    """How one thing is drawn in all pictures.

    Attributes
    ----------
    colour : str
        Hexadecimal.
    dash : str or None
        A name in ``DASHES``; None for what has no line, only marks.
    marker : str or None
        A name in ``SHAPES``; None for what has no marks, only a line.
    """

    colour: str
    dash: str | None = "solid"
    marker: str | None = None

    def line(self, backend: str, width: float) -> dict[str, Any]:
        """Return the options of a line on a backend."""
        return {"color": self.colour, "width": width, "linestyle": dash(backend, self.dash or "solid")}


def dash(backend: str, name: str) -> Any:
    """Return a plotting library's own way to write a dash."""
    return DASHES.get(backend, DASHES["plotly"])[name]


# The likelihood is solid, the posterior dashed, the prior dotted.
LIKELIHOOD, POSTERIOR, PRIOR = Style(BLUE), Style(VIOLET, "dashed"), Style(GREY, "dotted")
POSTERIOR_PROFILE = Style(GREEN, "dashdot")
WALD = Style(ORANGE, "dashdot")
METHOD_STYLES = {
    "Wald": Style(ORANGE, "dashdot", "triangle"),
    "profile": Style(BLUE, "solid", "circle"),
    "bootstrap": Style(GREEN, "dotted", "down"),
    "posterior HDI": Style(VIOLET, "dashed", "diamond"),
    "posterior ETI": Style(PINK, "long", "pentagon"),
}
NAMED_STYLES = (
    Style(OLIVE, "long", "hexagon"),
    Style(PLUM, "dashdotdot", "plus"),
    Style(FOREST, "dashed", "pentagon"),
    Style(PINK, "solid", "star"),
)  # for intervals that a user has given names
MINIMUM_COLOURS = (ORANGE, VIOLET, PINK, BLUE, OLIVE, GREEN, FOREST, PLUM)  # of what a start led to
# Of two that share a dash one is light and one dark.
OPTIMIZER_STYLES = (
    Style(ORANGE, "solid", "circle"),
    Style(BLUE, "dashed", "square"),
    Style(VIOLET, "dashdot", "triangle"),
    Style(GREEN, "dotted", "diamond"),
    Style(OLIVE, "long", "cross"),
    Style(PINK, "dashdotdot", "down"),
    Style(FOREST, "solid", "pentagon"),
    Style(PLUM, "dotted", "hexagon"),
)
SERIES_STYLES = (
    Style(BLUE, "solid", "circle"),
    Style(ORANGE, "dashed", "square"),
    Style(GREEN, "dashdot", "triangle"),
    Style(VIOLET, "dotted", "diamond"),
    Style(OLIVE, "long", "cross"),
    Style(PINK, "dashdotdot", "down"),
    Style(FOREST, "dashed", "pentagon"),
    Style(PLUM, "dotted", "hexagon"),
)

SHAPES = {
    "matplotlib": {
        "circle": "o", "square": "s", "diamond": "D", "cross": "X", "star": "*", "saddle": "X", "triangle": "^",
        "down": "v", "pentagon": "p", "hexagon": "h", "plus": "P", "tick": "|",
    },
    "plotly": {
        "circle": "circle", "square": "square", "diamond": "diamond", "cross": "x", "star": "star", "saddle": "x",
        "triangle": "triangle-up", "down": "triangle-down", "pentagon": "pentagon", "hexagon": "hexagon",
        "plus": "cross", "tick": "line-ns-open",
    },
    "bokeh": {
        "circle": "circle", "square": "square", "diamond": "diamond", "cross": "x", "star": "star",
        "saddle": "circle_x", "triangle": "triangle", "down": "inverted_triangle", "pentagon": "square_pin",
        "hexagon": "hex", "plus": "plus", "tick": "dash",
    },
}  # fmt: skip

# Of markers, by what they mark: an area for matplotlib and plotly, a diameter for bokeh.
MARKER_SIZES: dict[str, dict[str, float]] = {
    "contour draw": {"matplotlib": 3.5, "plotly": 9, "bokeh": 2},
    "region draw": {"matplotlib": 5, "plotly": 9, "bokeh": 3},
    "iterate": {"matplotlib": 9, "plotly": 20, "bokeh": 3.5},
    "traced point": {"matplotlib": 14, "plotly": 25, "bokeh": 5},
    "grid point": {"matplotlib": 16, "plotly": 25, "bokeh": 5},
    "start": {"matplotlib": 34, "plotly": 60, "bokeh": 7},
    "point": {"matplotlib": 36, "plotly": 81, "bokeh": 8},
    "estimate": {"matplotlib": 42, "plotly": 80, "bokeh": 9},
    "status": {"matplotlib": 42, "plotly": 80, "bokeh": 13},  # bokeh's diamonds are slim
    "path end": {"matplotlib": 44, "plotly": 90, "bokeh": 8},
    "curve minimum": {"matplotlib": 50, "plotly": 80, "bokeh": 9},
    "critical point": {"matplotlib": 150, "plotly": 170, "bokeh": 14},
    "contour minimum": {"matplotlib": 160, "plotly": 180, "bokeh": 14},
}
TEXT_SIZES = {"matplotlib": 8.5, "plotly": 11, "bokeh": 11}

# Heights of a picture of Δ(−2LL), in highest cut-offs: enough to see a curve leave it.
CURVE_HEADROOM, PROFILE_HEADROOM = 1.6, 1.45
# Share of that height under 0, where the rug and half of the marker of the lowest point lie.
CURVE_FOOTROOM, PROFILE_FOOTROOM = 0.04, 0.05


def marker_size(backend: str, what: str) -> float:
    """Return the size of the markers of `what`, in the unit of a plotting library."""
    sizes = MARKER_SIZES[what]
    return sizes.get(backend, sizes["plotly"])


def text_size(backend: str) -> float:
    """Return the size of notes, titles and labels inside of a panel."""
    return TEXT_SIZES.get(backend, TEXT_SIZES["plotly"])


def shape(backend: str, name: str) -> str:
    """Return a plotting library's own name of a marker's shape."""
    return SHAPES.get(backend, SHAPES["plotly"])[name]


def optimizer_styles(names: Collection[str]) -> dict[str, Style]:
    """One style an optimiser, the same in every picture of the same descents."""
    return {name: OPTIMIZER_STYLES[i % len(OPTIMIZER_STYLES)] for i, name in enumerate(names)}


def method_styles(names: Collection[str]) -> dict[str, Style]:
    """One style an interval method, the same in every picture; names that a user gave take the others in order."""
    named = [name for name in names if name not in METHOD_STYLES]
    own = {name: NAMED_STYLES[i % len(NAMED_STYLES)] for i, name in enumerate(named)}
    return {name: METHOD_STYLES.get(name) or own[name] for name in names}


def optimizer_colours(names: Collection[str]) -> dict[str, str]:
    """Colours of :func:`optimizer_styles`."""
    return {name: style.colour for name, style in optimizer_styles(names).items()}


def method_colours(names: Collection[str]) -> dict[str, str]:
    """Colours of :func:`method_styles`."""
    return {name: style.colour for name, style in method_styles(names).items()}
