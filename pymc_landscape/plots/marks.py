"""Marks that mean the same on each backend: how an end is closed, and what a step was."""

import numpy as np

from pymc_landscape.plots.polyline import Array

BLUE, ORANGE, GREEN, PURPLE, GREY, INK = "#0072b2", "#d55e00", "#009e73", "#aa4499", "#595959", "#000000"
DASH = {"matplotlib": "--", "plotly": "dash", "bokeh": "dashed", "none": "--"}
DOTTED = {"matplotlib": ":", "plotly": "dot", "bokeh": "dotted", "none": ":"}
SHAPES = {
    "matplotlib": {"square": "s", "diamond": "D", "cross": "X", "circle": "o"},
    "plotly": {"square": "square", "diamond": "diamond", "cross": "x", "circle": "circle"},
    "bokeh": {"square": "square", "diamond": "diamond", "cross": "x", "circle": "circle"},
}
SMALL = {"matplotlib": 14, "plotly": 25, "bokeh": 5}
LARGE = {"matplotlib": 42, "plotly": 80, "bokeh": 9}
GAP = np.full((1, 2), np.nan)


def shape(backend: str, name: str) -> str:
    """Return a backend's own name of a shape."""
    return SHAPES.get(backend, SHAPES["plotly"])[name]


def arrow_head(tip: tuple[float, float], side: float, across: float, up: float) -> Array:
    """Two legs from a tip that points left (side -1) or right: rows x, y.

    Examples
    --------
    >>> arrow_head((1.0, 0.0), 1.0, 0.5, 0.25).tolist()
    [[0.5, 0.25], [1.0, 0.0], [0.5, -0.25]]
    """
    back = tip[0] - side * across
    return np.array([[back, tip[1] + up], [tip[0], tip[1]], [back, tip[1] - up]])


def cap(x: float, y: float, up: float) -> Array:
    """Return a short upright line, rows x, y: an end that is a number."""
    return np.array([[x, y - up], [x, y + up]])


def joined(lines: list[Array]) -> Array:
    """Several lines as one with gaps."""
    pieces = [piece for line in lines for piece in (line, GAP)]
    return np.concatenate(pieces[:-1]) if pieces else np.empty((0, 2))
