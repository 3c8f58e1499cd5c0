"""A logarithmic axis, which arviz-plots does not give every backend."""

from typing import Any

import numpy as np


def set_log_axis(target: Any, backend: str, axis: str, limits: tuple[float, float]) -> None:
    """Make one axis (x or y) logarithmic between two positive limits; values stay in their own units."""
    makers = {"matplotlib": _matplotlib, "plotly": _plotly, "bokeh": _bokeh, "none": _none}
    makers[backend](target, axis, limits)


def _matplotlib(target: Any, axis: str, limits: tuple[float, float]) -> None:
    getattr(target, f"set_{axis}scale")("log")
    getattr(target, f"set_{axis}lim")(*limits)


def _plotly(target: Any, axis: str, limits: tuple[float, float]) -> None:
    options = {"type": "log", "range": [float(np.log10(edge)) for edge in limits]}
    # or plotly writes 1μ, and 2 and 5 between the powers of ten
    getattr(target, f"update_{axis}axes")(exponentformat="power", dtick=_stride(limits), **options)


def _stride(limits: tuple[float, float]) -> int:
    return max(1, int(np.ceil(np.log10(limits[1] / limits[0]) / 8)))


def _bokeh(target: Any, axis: str, limits: tuple[float, float]) -> None:
    from bokeh.models.formatters import LogTickFormatter
    from bokeh.models.ranges import Range1d
    from bokeh.models.scales import LogScale
    from bokeh.models.tickers import LogTicker

    setattr(target, f"{axis}_scale", LogScale())
    setattr(target, f"{axis}_range", Range1d(start=limits[0], end=limits[1]))
    getattr(target, f"{axis}axis").ticker = LogTicker()
    getattr(target, f"{axis}axis").formatter = LogTickFormatter()


def _none(target: Any, axis: str, limits: tuple[float, float]) -> None:
    target.append({"function": f"{axis}scale", "scale": "log", "limits": limits})
