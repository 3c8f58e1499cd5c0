"""``animation``: the paths of optimisers on a landscape, iteration by iteration, to be saved as a film."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from arviz_base.labels import BaseLabeller
from numpy.typing import NDArray

from pymc_landscape._typing import Array
from pymc_landscape.arguments import checked_count, checked_mapping, checked_number
from pymc_landscape.plots.data import Descents, join, segments, with_gaps
from pymc_landscape.plots.paths_plot import draw_paths
from pymc_landscape.plots.visuals import BLACK, WHITE, Route, Routes, shape

if TYPE_CHECKING:
    from matplotlib.animation import FuncAnimation


STILL = 8  # frames for which the last picture stays
# what moves is drawn anew in every frame, and not below
MOVING = ("path", "path_rim", "arrow", "arrow_rim", "iterates", "end")


def animation(
    landscape: xr.Dataset | xr.DataTree,
    *descents: Descents,
    frames: int = 80,
    interval: float = 60.0,
    dt: xr.DataTree | xr.Dataset | None = None,
    var_name: str = "delta_minus2ll",
    level: float | Sequence[float] | None = None,
    df: int | None = None,
    group: str = "posterior",
    landscape_group: str = "landscape",
    sample_dims: str | Sequence[str] | None = None,
    num_samples: int = 1000,
    figsize: tuple[float, float] | None = None,
    labeller: BaseLabeller | None = None,
    visuals: Mapping[Any, Mapping[str, Any] | bool] | None = None,
    **pc_kwargs: Any,
) -> FuncAnimation:
    """Show the paths of optimisers on the contours of a landscape, iteration by iteration.

    Save it with ``.save("descent.gif", writer="pillow")``, or show it in a notebook with
    ``.to_jshtml()``; keep the result in a variable, or nothing moves. For a still picture use
    :func:`paths`.

    Parameters
    ----------
    landscape : Dataset or DataTree
        As in :func:`paths`.
    *descents : Dataset, DataTree, or mapping
        What ``descend`` returns, of one or several optimisers.
    frames : int, default 80
        Most pictures of the film. All paths show the same iteration; early iterations, where most
        happens, get more of the pictures.
    interval : float, default 60
        Milliseconds a picture.
    dt : DataTree or Dataset, optional
        Posterior draws of the same model, shown below the paths.
    var_name : str, default "delta_minus2ll"
        The surface, as in :func:`landscape`.
    level : float or sequence of float, optional
        Confidence levels of the cut-offs, as in :func:`landscape`.
    df : int, optional
        Degrees of freedom of the cut-offs, as in :func:`landscape`.
    group : str, default "posterior"
        Group of ``dt`` with the draws, when it is a DataTree.
    landscape_group : str, default "landscape"
        Group of ``landscape`` with the landscape, when it is a DataTree.
    sample_dims : str or sequence of str, optional
        Dims of the draws. Defaults to ``rcParams["data.sample_dims"]``.
    num_samples : int, default 1000
        Most draws to show, thinned evenly.
    figsize : (float, float), optional
        Width and height of the whole figure in inches, or in hundreds of dots for plotly and bokeh.
    labeller : labeller, optional
        Writes the names of axes.
    visuals : mapping of {str : mapping or bool}, optional
        As in :func:`paths`; the keys path and end take what matplotlib's ``plot`` does.
    **pc_kwargs
        Passed to :meth:`arviz_plots.PlotCollection.wrap`.

    Returns
    -------
    matplotlib.animation.FuncAnimation
        Drawn with matplotlib, whatever ``rcParams["plot.backend"]`` is.

    Raises
    ------
    TypeError
        When a descent is of another type.
    ValueError
        As :func:`paths`, and when there are fewer than two frames.

    Examples
    --------
    >>> import numpy as np, xarray as xr, matplotlib.pyplot as plt
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> a, b = np.linspace(-3, 3, 21), np.linspace(-2, 2, 21)
    >>> heights = {"delta_minus2ll": (("a", "b"), a[:, None] ** 2 + b**2)}
    >>> steps = 2.5 * 0.8 ** np.arange(10)[None]
    >>> path = xr.Dataset({name: (("chain", "draw"), steps) for name in ("a", "b", "minus2ll")})
    >>> film = animation(xr.Dataset(heights, coords={"a": a, "b": b}), {"halving": path}, frames=3, figsize=(3, 2))
    >>> with TemporaryDirectory() as folder:
    ...     film.save(Path(folder) / "halving.gif", writer="pillow")
    ...     (Path(folder) / "halving.gif").read_bytes()[:3]
    b'GIF'
    >>> plt.close("all")
    """
    from matplotlib.animation import FuncAnimation

    frames = checked_count("frames", frames, at_least=2, advice="try frames=80")
    interval = checked_number("interval", interval, above=0, advice="leave it out for 60 milliseconds")
    asked: dict[Any, Any] = (
        {} if visuals is None else dict(checked_mapping("visuals", visuals, example="{'note': False}"))
    )
    pc, routes = draw_paths(
        landscape,
        descents,
        {"start": {"zorder": 3.5}, **asked, **dict.fromkeys(MOVING, False)},
        dt=dt,
        var_name=var_name,
        level=level,
        df=df,
        group=group,
        landscape_group=landscape_group,
        sample_dims=sample_dims,
        num_samples=num_samples,
        figsize=figsize,
        backend="matplotlib",
        labeller=labeller,
        **pc_kwargs,
    )
    figure, panel = pc.viz["figure"].item(), pc.viz["plot"].item()
    moving = [_MovingPath(routes, name, panel, asked) for name in routes.chains]
    clock = panel.text(0.985, 0.98, "", transform=panel.transAxes, ha="right", va="top", **_outlined())
    shown = iterations(routes, frames)

    def update(iteration: float) -> Iterable[Any]:
        clock.set_text(f"iteration {iteration:g}")
        return [clock, *(artist for path in moving for artist in path.show_until(iteration))]

    update(shown[0])
    figure.draw_without_rendering()  # the layout is computed once: for each picture anew it takes most of the time
    figure.set_layout_engine("none")
    pictures = [*shown, *[shown[-1]] * STILL]
    return FuncAnimation(figure, update, frames=pictures, interval=interval, blit=False)


def iterations(routes: Routes, frames: int) -> list[float]:
    """Choose which iterations are shown: of those in which something moves, at most so many, more of the early ones.

    Their positions grow with the square of time, so that Newton's five steps can be seen beside five hundred.
    """
    every = np.unique(np.concatenate([route.when for chain in routes.chains.values() for route in chain]))
    if every.size <= frames:
        return [float(when) for when in every]
    # no step is skipped at first, where the square would show one twice
    positions = np.maximum((every.size - 1) * np.linspace(0.0, 1.0, frames) ** 2, np.arange(frames))
    return [float(when) for when in every[positions.round().astype(int)]]


class _MovingPath:
    """One optimiser's line and heads, of all its starts."""

    def __init__(self, routes: Routes, name: str, panel: Any, options: Mapping[str, Any]):
        self.routes, self.chain = routes, routes.chains[name]
        self.steps = [segments(route.xy) for route in self.chain]
        look = routes.styles[name]
        ink = look.colour
        line_options, marker_options = (
            dict(style) if isinstance(style := options.get(key), Mapping) else {} for key in ("path", "end")
        )
        line = {"color": ink, "linewidth": 2.0, "zorder": 3, **_with_rim(4.2), **line_options}
        line = {"linestyle": look.line("matplotlib", 0.0)["linestyle"], **line}
        symbol = shape("matplotlib", look.marker or "circle")
        marker = {
            "color": ink,
            "marker": symbol,
            "markersize": 7,
            "markeredgecolor": WHITE,
            "zorder": 4,
            **marker_options,
        }
        (self.line,) = panel.plot([], [], **line)
        (self.heads,) = panel.plot([], [], linestyle="none", **marker)

    def show_until(self, iteration: float) -> list[Any]:
        """Draw all iterates up to this one."""
        lines = [_shown_steps(route, steps, iteration) for route, steps in zip(self.chain, self.steps, strict=True)]
        heads = np.array([_position(route, iteration) for route in self.chain])
        self.line.set_data(*self.routes.out(with_gaps(lines)).T)
        self.heads.set_data(*self.routes.out(heads).T)
        return [self.line, self.heads]


def _shown_steps(route: Route, steps: tuple[Array, Array, NDArray[np.bool_]], iteration: float) -> Array:
    start, end, inside = steps
    done = inside & (route.when[1:] <= iteration)
    return join(start[done], end[done])


def _position(route: Route, iteration: float) -> Array:
    """Where the path is by now; NaN outside the window."""
    here = route.xy[max(int(np.searchsorted(route.when, iteration, side="right")) - 1, 0)]
    within = bool(np.all((here >= 0) & (here <= 1)))
    return here if within else np.full(2, np.nan)


def _with_rim(width: float) -> dict[str, Any]:
    from matplotlib.patheffects import Normal, withStroke

    return {"path_effects": [withStroke(linewidth=width, foreground=WHITE), Normal()]}


def _outlined() -> dict[str, Any]:
    from matplotlib.patheffects import withStroke

    return {"fontsize": 10, "color": BLACK, "path_effects": [withStroke(linewidth=3, foreground=WHITE)], "zorder": 5}
