"""Colours, dashes, marker shapes, sizes and spacing of all pictures: what means the same looks the same.

Lines and markers of methods and optimisers take the colours of Okabe & Ito (2008), which people with any kind of
colour vision can tell apart. Sizes are in the unit of each plotting library, chosen so that its pictures look alike.
"""

from __future__ import annotations

from collections.abc import Collection

BLUE, ORANGE, GREEN, PINK, AMBER = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00"
SKY, LEMON, BROWN, PURPLE = "#56b4e9", "#f0e442", "#a6761d", "#aa4499"
BLACK, GREY, MIDDLE_GREY, LIGHT_GREY, WHITE = "#000000", "#595959", "#999999", "#bbbbbb", "#ffffff"
RED = "#ff4b4b"  # of a minimum: no colour of the map below it
CMAP = "viridis"  # low is dark, so that a minimum reads as deep and light draws stand out on it

OPTIMIZER_COLOURS = (ORANGE, BLUE, PINK, GREEN, AMBER, SKY, BLACK, BROWN)
SERIES_COLOURS = (BLUE, AMBER, GREEN, PINK, SKY, PURPLE, BLACK, BROWN)
MINIMUM_COLOURS = (AMBER, SKY, PINK, LEMON, BLUE, ORANGE)
METHOD_COLOURS = {
    "Wald": ORANGE,
    "profile": BLUE,
    "bootstrap": GREEN,
    "posterior HDI": PURPLE,
    "posterior ETI": PURPLE,
}
NAMED_COLOURS = (AMBER, SKY, PINK, BLACK, BROWN)  # for intervals that a user has given names

DASH = {"matplotlib": "--", "plotly": "dash", "bokeh": "dashed", "none": "--"}
DOTTED = {"matplotlib": ":", "plotly": "dot", "bokeh": "dotted", "none": ":"}
SHAPES = {
    "matplotlib": {
        "circle": "o", "square": "s", "diamond": "D", "cross": "X", "star": "*", "saddle": "X", "triangle": "^",
    },
    "plotly": {
        "circle": "circle", "square": "square", "diamond": "diamond", "cross": "x", "star": "star", "saddle": "x",
        "triangle": "triangle-up",
    },
    "bokeh": {
        "circle": "circle", "square": "square", "diamond": "diamond", "cross": "x", "star": "star",
        "saddle": "circle_x", "triangle": "triangle",
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


def optimizer_colours(names: Collection[str]) -> dict[str, str]:
    """One colour an optimiser, the same in every picture of the same descents."""
    return {name: OPTIMIZER_COLOURS[i % len(OPTIMIZER_COLOURS)] for i, name in enumerate(names)}


def method_colours(names: Collection[str]) -> dict[str, str]:
    """One colour an interval method, the same in every picture; names that a user gave take the others in order."""
    named = [name for name in names if name not in METHOD_COLOURS]
    own = {name: NAMED_COLOURS[i % len(NAMED_COLOURS)] for i, name in enumerate(named)}
    return {name: METHOD_COLOURS.get(name) or own[name] for name in names}
