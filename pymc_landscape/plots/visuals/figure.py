"""The figure of a plot: a PlotCollection with its backend, size, panels and log axes; and how visuals are drawn."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from importlib import import_module
from textwrap import fill
from typing import Any

import numpy as np
import xarray as xr
from arviz_base import rcParams
from arviz_base.labels import NoVarLabeller
from arviz_plots import PlotCollection
from numpy.typing import NDArray

from pymc_landscape._dataclasses import dataclass
from pymc_landscape.arguments import checked_mapping, unknown_name, wrong_type
from pymc_landscape.plots.data import LandscapeView

# What the plots call an argument that has another name elsewhere.
CALLED_HERE = {"draws": "dt", "idata": "dt", "trace": "dt", "levels": "level", "others": "nuisance", "size": "figsize"}
DOTS_PER_INCH = 100  # of plotly and bokeh, in arviz-plots
COLUMNS = 4
WIDEST = 1.5  # times its usual width, a panel of bokeh grows with the page
TITLE_SIZE, TITLE_LETTER = 11.0, 0.57  # of a figure's title, and a bold letter's width in sizes
NO_VISUALS = ("figure", "plot", "row_index", "col_index")


def balanced(text: str, width: int) -> str:
    """Break a text into the fewest lines of at most `width` letters, all about as long: no word is left alone.

    Examples
    --------
    >>> print(balanced("p = 0.0312 simulated, 0.0287 by the law", 34))
    p = 0.0312 simulated,
    0.0287 by the law
    """
    fewest = fill(text, width).count("\n")
    narrow = next(w for w in range(-(-len(text) // (fewest + 1)), width + 1) if fill(text, w).count("\n") <= fewest)
    return fill(text, narrow)


class PanelLabeller(NoVarLabeller):
    """Title of a panel: ``sigma = 0.5``."""

    def dim_coord_to_str(self, dim: Hashable, coord_val: Any, coord_idx: Any) -> str:
        """Write one dimension and its value."""
        number = isinstance(coord_val, int | float | np.number)
        return f"{dim} = {coord_val:.4g}" if number else f"{dim} = {coord_val}"


class Picture(PlotCollection):
    """A PlotCollection that says what it holds."""

    def __repr__(self) -> str:
        """Name the library, the panels, the visuals, and what to do with it."""
        panels = int(np.size(self.viz["plot"].values)) if "plot" in self.viz else 0
        drawn = [str(name) for name in (*self.viz.children, *self.viz.data_vars) if name not in NO_VISUALS]
        return (
            f"<PlotCollection: {self.backend}, {panels} panel{'s' * (panels != 1)}, "
            f"visuals {', '.join(sorted(drawn)) or 'none'}; show it with .show(), save it with .savefig(path)>"
        )

    def add_title(self, text: str, *, color: Any = "#000000", size: Any = None, **kwargs: Any) -> None:
        """Write what the picture shows above it, in bold, above the legend; with matplotlib it grows by as much."""
        if self.backend != "matplotlib":
            super().add_title(text, color=color, size=size, **kwargs)  # type: ignore[no-untyped-call]
            return
        figure, size = self.viz["figure"].item(), TITLE_SIZE if size is None else float(size)
        width, height = figure.get_size_inches()
        lines = balanced(text, int(72 * (width - 0.3) / (TITLE_LETTER * size)))
        room = 1.3 * (lines.count("\n") + 1) * size + 4
        figure.set_size_inches(width, height + room / 72)
        place = {"x": 0.02, "ha": "left", "va": "top", "fontweight": "bold"}
        if figure.legends:  # the layout would lay it on the legend, which keeps its room with empty lines
            place["y"] = 1 - 4 / (72 * height + room)
        written = figure.suptitle(lines, color=color, fontsize=size, **{**place, **kwargs})
        if figure.legends:
            written.set_in_layout(False)
            own = figure.legends[0].get_title()
            figure.legends[0].set_title("\n" * round(room / (1.35 * own.get_fontsize())) + (own.get_text() or " "))
        if any(axes.get_box_aspect() for axes in figure.axes):  # the layout of square panels settles at a second pass
            figure.draw_without_rendering()
        self.viz["figure_title"] = xr.DataArray(np.array(written, dtype=object))


@dataclass(frozen=True)
class Canvas:
    """Where visuals are drawn, with what the user asked of each.

    Attributes
    ----------
    pc : PlotCollection
        Holds the figure, its panels, and every visual drawn.
    visuals : mapping
        For each visual, keyword arguments, True, or False to leave it out.
    aes_by_visuals : mapping
        For each visual, the aesthetics that apply to it.
    """

    pc: PlotCollection
    visuals: Mapping[str, Mapping[str, Any] | bool]
    aes_by_visuals: Mapping[str, Sequence[str]]

    @property
    def backend(self) -> str:
        """Name of the plotting library."""
        return str(self.pc.backend)

    def wants(self, visual: str) -> bool:
        """Whether the visual is to be drawn."""
        return self.visuals.get(visual) is not False

    def options(self, visual: str, defaults: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Defaults, less those an aesthetic decides, under what the user asked."""
        mapped = set(self.aes_by_visuals.get(visual, ()))
        asked = self.visuals.get(visual)
        kept = {key: value for key, value in (defaults or {}).items() if key not in mapped}
        return {**kept, **(dict(asked) if isinstance(asked, Mapping) else {})}

    def draw(
        self,
        func: Callable[..., Any],
        visual: str,
        data: xr.DataArray,
        defaults: Mapping[str, Any] | None = None,
        *,
        fixed: Mapping[str, Any] | None = None,
        artist_dims: Mapping[str, int] | None = None,
    ) -> None:
        """Draw one visual in every panel and keep its artists under its name."""
        if not self.wants(visual):
            return
        self.pc.map(
            func,
            visual,
            data=data.to_dataset(),
            ignore_aes=self.pc.aes_set.difference(self.aes_by_visuals.get(visual, ())),
            artist_dims=artist_dims,
            **self.options(visual, defaults),
            **(fixed or {}),
        )

    def write(self, visual: str, text: str, target: Any, defaults: Mapping[str, Any] | None = None) -> None:
        """Write a label of an axis or a title in one panel, unless it is left out."""
        if self.wants(visual):
            text = text.replace("\n", "<br>") if self.backend == "plotly" else text
            options = {"string": text, "target": target, **self.options(visual, defaults)}
            getattr(backend_of(self), visual)(**options)

    def decorate(self, func: Callable[..., Any], visual: str, defaults: Mapping[str, Any]) -> None:
        """Do something once a panel: a label, a title, limits."""
        if self.wants(visual):
            self.pc.facet_map(func, visual, **self.options(visual, defaults))


def backend_of(canvas: Canvas) -> Any:
    """Return the functions that draw on this canvas."""
    return import_module(f"arviz_plots.backend.{canvas.backend}")


def artists(drawn: list[Any]) -> NDArray[np.object_]:
    """Several artists of one visual as the array a PlotCollection keeps."""
    kept = np.empty(len(drawn), dtype=object)
    for i, artist in enumerate(drawn):
        kept[i] = artist
    return kept


def checked(asked: Mapping[Any, Any] | None, known: Sequence[str], argument: str = "visuals") -> dict[str, Any]:
    """Copy what was asked of each visual; a visual that is not known is refused by name."""
    if asked is None:
        return {}
    visuals = checked_mapping(argument, asked, example=f"{{{known[0]!r}: False}}")
    for name in visuals:
        if name not in known:
            raise unknown_name(f"what the plot draws in {argument}", name, known, limit=len(known))
    return dict(visuals)


def checked_labeller(labeller: Any) -> None:
    """Refuse what cannot name the axes."""
    if labeller is not None and not hasattr(labeller, "make_label_vert"):
        raise wrong_type("labeller to be one of ArviZ's", labeller, "leave it out, or pass arviz.labels.BaseLabeller()")


def new_collection(
    view: LandscapeView,
    backend: str | None,
    panel_size: tuple[float, float],
    pc_kwargs: Mapping[str, Any],
    figsize: tuple[float, float] | None = None,
) -> PlotCollection:
    """Make a PlotCollection with one panel, or one for each value of the further dims.

    Raises
    ------
    TypeError
        When ``pc_kwargs`` has what neither the plot nor ``PlotCollection.wrap`` takes.
    ValueError
        When the backend is not known, or ``figsize`` is no pair of positive numbers.
    """
    _refuse_unknown(pc_kwargs)
    name = rcParams["plot.backend"] if backend is None else backend
    try:
        import_module(f"arviz_plots.backend.{name}")
    except ImportError as error:
        raise ValueError(
            f"Expected backend to be 'matplotlib', 'plotly', 'bokeh' or 'none', installed, got "
            f"{name!r} ({error}); install it or choose another."
        ) from error
    count = int(np.prod([view.height.sizes[dim] for dim in view.panels]))
    options = {"cols": list(view.panels), "col_wrap": even_columns(count), **pc_kwargs}
    columns = min(count, options["col_wrap"] or int(np.ceil(np.sqrt(count))))
    size = panel_size[0] * columns, panel_size[1] * -(-count // columns)
    options["figure_kwargs"] = _figure_kwargs(name, size, pc_kwargs.get("figure_kwargs") or {}, figsize)
    pc: PlotCollection = Picture.wrap(view.height.to_dataset(), backend=name, **options)  # type: ignore[no-untyped-call]
    if name == "plotly":  # its own margins take half of a small figure
        pc.viz["figure"].item().update_layout(margin={"l": 70, "r": 20, "t": 50, "b": 60})
    if figsize is None and "figsize" not in (pc_kwargs.get("figure_kwargs") or {}):
        _fill_width(pc)
    return pc


def _fill_width(pc: PlotCollection) -> None:
    """Let an interactive figure be as wide as the page it stands on, where nobody asked for a size."""
    if pc.backend == "plotly":
        figure = pc.viz["figure"].item()
        figure.update_layout(width=None, autosize=True, meta={"usual_width": figure.layout.width})
    elif pc.backend == "bokeh":
        for panel in np.ravel(pc.viz["plot"].values):
            panel.update(sizing_mode="scale_width", max_width=round(WIDEST * panel.width))
        layout = pc.viz["figure"].item()
        if layout is not panel:
            layout.sizing_mode = "scale_width"


def even_columns(count: int) -> int:
    """Fewest columns that need no more rows than the widest layout: 5 panels are laid out as 3 + 2."""
    return -(-count // -(-count // COLUMNS))


def _figure_kwargs(
    backend: str, default: tuple[float, float], asked: Mapping[str, Any], figsize: tuple[float, float] | None
) -> dict[str, Any]:
    """Options of the figure: its size is `figsize`, else what `asked` says, else the default, in inches.

    bokeh warns of inches, so that plotly and bokeh get dots.
    """
    inches = asked.get("figsize_units", "inches") == "inches"
    own = {key: value for key, value in asked.items() if key not in ("figsize", "figsize_units")}
    if figsize is None and asked.get("figsize") is not None and not inches:
        size = {"figsize": asked["figsize"], "figsize_units": asked["figsize_units"]}
    else:
        width, height = _checked_size(asked.get("figsize") or default if figsize is None else figsize)
        scale = 1 if backend == "matplotlib" else DOTS_PER_INCH
        size = {"figsize": (width * scale, height * scale)}
        size |= {} if backend == "matplotlib" else {"figsize_units": "dots"}
    if backend == "matplotlib":
        return {"layout": "constrained", **size, **own}
    # only bokeh shows all tick labels of shared axes, also above an empty cell of the last row
    shared = {"sharex": True, "sharey": True} if backend == "bokeh" else {}
    return {**size, **shared, **own}


def _checked_size(size: Sequence[float]) -> tuple[float, float]:
    try:
        sides = np.asarray(size, dtype=float)
    except (TypeError, ValueError):
        sides = np.empty(0)
    if sides.shape != (2,) or not (np.isfinite(sides) & (sides > 0)).all():
        raise ValueError(f"Expected figsize to be a width and a height in inches, got {size!r}; try figsize=(6, 4).")
    return float(sides[0]), float(sides[1])


def _refuse_unknown(pc_kwargs: Mapping[str, Any]) -> None:
    """Refuse a keyword argument that would change nothing."""
    unknown = sorted(set(pc_kwargs) - {"cols", "col_wrap", "figure_kwargs", "aes"} - set(pc_kwargs.get("aes") or {}))
    if unknown:
        meant = [f"{CALLED_HERE[name]} in place of {name}" for name in unknown if name in CALLED_HERE]
        advice = f"write {', '.join(meant)}" if meant else "see the parameters of this plot"
        raise TypeError(f"Expected arguments of this plot or of PlotCollection.wrap, got {unknown}; {advice}.")


NAME = "sheet"


def new_sheet(
    panels: int,
    backend: str | None,
    size: tuple[float, float],
    visuals: dict[str, Any],
    pc_kwargs: Mapping[str, Any],
    figsize: tuple[float, float] | None = None,
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
    view = LandscapeView(data, (), tuple(map(str, data.dims)), 1, "", data.to_dataset(), ())
    pc = new_collection(view, backend, size, {**pc_kwargs, **figure}, figsize)
    layout = pc.viz["figure"].item().get_layout_engine() if pc.backend == "matplotlib" else None
    if (
        panels > 1 and layout is not None and hasattr(layout, "set")
    ):  # a title stands apart from the name of the axis above it
        layout.set(h_pad=0.07, w_pad=0.07, hspace=0.04, wspace=0.04)
    return Canvas(pc, visuals, {}), data


def panel_of(da: xr.DataArray) -> int:
    """Which panel is being drawn on."""
    return int(da["panel"]) if "panel" in da.coords else 0


def set_log_axis(target: Any, backend: str, axis: str, limits: tuple[float, float]) -> None:
    """Make one axis (x or y) logarithmic between two positive limits; values stay in their own units."""
    makers = {"matplotlib": _log_matplotlib, "plotly": _log_plotly, "bokeh": _log_bokeh, "none": _log_none}
    makers[backend](target, axis, limits)


def _log_matplotlib(target: Any, axis: str, limits: tuple[float, float]) -> None:
    getattr(target, f"set_{axis}scale")("log")
    getattr(target, f"set_{axis}lim")(*limits)


def _log_plotly(target: Any, axis: str, limits: tuple[float, float]) -> None:
    options = {"type": "log", "range": [float(np.log10(limit)) for limit in limits]}
    # or plotly writes 1μ, and 2 and 5 between the powers of ten
    getattr(target, f"update_{axis}axes")(exponentformat="power", dtick=_stride(limits), **options)


def _stride(limits: tuple[float, float]) -> int:
    return max(1, int(np.ceil(np.log10(limits[1] / limits[0]) / 8)))


def _log_bokeh(target: Any, axis: str, limits: tuple[float, float]) -> None:
    from bokeh.models.formatters import LogTickFormatter
    from bokeh.models.ranges import Range1d
    from bokeh.models.scales import LogScale
    from bokeh.models.tickers import LogTicker

    setattr(target, f"{axis}_scale", LogScale())
    setattr(target, f"{axis}_range", Range1d(start=limits[0], end=limits[1]))
    getattr(target, f"{axis}axis").ticker = LogTicker()
    getattr(target, f"{axis}axis").formatter = LogTickFormatter()


def _log_none(target: Any, axis: str, limits: tuple[float, float]) -> None:
    target.append({"function": f"{axis}scale", "scale": "log", "limits": limits})
