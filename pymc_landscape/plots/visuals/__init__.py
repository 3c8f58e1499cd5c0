"""How things are drawn."""

from pymc_landscape.plots.visuals.colorbar import add_colorbar, palette
from pymc_landscape.plots.visuals.contour_panel import draw_contours, level_lines
from pymc_landscape.plots.visuals.curve_panel import artists, draw_curve
from pymc_landscape.plots.visuals.figure import (
    PANEL_DOT,
    PANEL_GREY,
    TEXT,
    Canvas,
    PanelLabeller,
    checked,
    new_collection,
    new_sheet,
    panel_of,
    set_log_axis,
)
from pymc_landscape.plots.visuals.legend import add_legend, backend_of, wrapped
from pymc_landscape.plots.visuals.path_lines import RIM, Route, Routes, draw_routes, note_of, routes_of
from pymc_landscape.plots.visuals.profile_panel import PANEL_ROOM, Panel, Scale, add_names, draw_panel
from pymc_landscape.plots.visuals.region_matrix import METHODS, Matrix
from pymc_landscape.plots.visuals.region_outlines import Window
from pymc_landscape.plots.visuals.scene import Array, Ground, Scene, shades, stand
from pymc_landscape.plots.visuals.surface_paths import draw_surface_paths, place_heights

__all__ = [
    "METHODS",
    "PANEL_DOT",
    "PANEL_GREY",
    "PANEL_ROOM",
    "RIM",
    "TEXT",
    "Array",
    "Canvas",
    "Ground",
    "Matrix",
    "Panel",
    "PanelLabeller",
    "Route",
    "Routes",
    "Scale",
    "Scene",
    "Window",
    "add_colorbar",
    "add_legend",
    "add_names",
    "artists",
    "backend_of",
    "checked",
    "draw_contours",
    "draw_curve",
    "draw_panel",
    "draw_routes",
    "draw_surface_paths",
    "level_lines",
    "new_collection",
    "new_sheet",
    "note_of",
    "palette",
    "panel_of",
    "place_heights",
    "routes_of",
    "set_log_axis",
    "shades",
    "stand",
    "wrapped",
]
