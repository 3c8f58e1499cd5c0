"""A figure that is no landscape: one panel or a row of them, each with axes of its own."""

from typing import Any

import numpy as np
import xarray as xr
from arviz_base import rcParams

from pymc_landscape.plots.canvas import Canvas, even_columns, new_collection
from pymc_landscape.plots.relief import Relief

NAME = "sheet"
INK, GREY = "#000000", "#595959"
DOT = {"matplotlib": 36, "plotly": 81, "bokeh": 8}
TEXT = {"matplotlib": 8.5, "plotly": 11, "bokeh": 11}


def new_sheet(
    panels: int, backend: str | None, size: tuple[float, float], visuals: dict[str, Any], pc_kwargs: dict[str, Any]
) -> tuple[Canvas, xr.DataArray]:
    """Return a canvas of so many panels (dim ``panel``; none for one), and what to draw on it with."""
    data = xr.DataArray(np.zeros(panels), dims="panel", coords={"panel": np.arange(panels)}, name=NAME)
    data = data if panels > 1 else data[0].drop_vars("panel")
    own: dict[str, Any] = {"sharex": False, "sharey": False} if panels > 1 else {}
    if panels > 1 and (backend or rcParams["plot.backend"]) == "plotly":
        # names at an axis would reach into the next panel
        columns = min(panels, pc_kwargs.get("col_wrap") or even_columns(panels))
        own["plot_hspace"] = (0.36 if columns == panels else 0.25) / columns
    figure = {"figure_kwargs": {**own, **(pc_kwargs.get("figure_kwargs") or {})}}
    relief = Relief(data, (), tuple(map(str, data.dims)), 1, "", data.to_dataset())
    return Canvas(new_collection(relief, backend, size, {**pc_kwargs, **figure}), visuals, {}), data


def panel_of(da: xr.DataArray) -> int:
    """Which panel is being drawn on."""
    return int(da["panel"]) if "panel" in da.coords else 0
