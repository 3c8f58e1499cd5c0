"""``wilks_qq``: simulated drops of −2LL against the quantiles of χ² (Wilks), or of a χ̄² mixture."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
from arviz_base import rcParams
from arviz_plots import PlotCollection
from numpy.typing import ArrayLike, NDArray

from pymc_landscape._typing import Array
from pymc_landscape.arguments import checked_level
from pymc_landscape.plots.data import Simulated, SimulatedLike, cutoffs, gather_simulated, percent
from pymc_landscape.plots.visuals import (
    GREY,
    ORANGE,
    SERIES_STYLES,
    Canvas,
    Style,
    add_hover,
    add_legend,
    add_note,
    artists,
    backend_of,
    balanced,
    checked,
    dash,
    hover_of,
    marker_size,
    new_sheet,
    no_hover,
    shape,
    text_size,
)

Visual = Literal[
    "envelope", "diagonal", "points", "observed", "observed_text", "legend", "note", "xlabel", "ylabel", "title"
]
SIZE = (5.4, 5.7)
MOST_POINTS = 1500  # of a series: more could not be distinguished
BELOW = 0.025  # share of the picture under 0
FAR = 1.5  # an observed statistic higher than so many pictures is written, not drawn
LINE = 66  # letters of a title's line
LABEL = 52


def wilks_qq(
    results: SimulatedLike | Mapping[str, SimulatedLike],
    *,
    df: int | None = None,
    weights: ArrayLike | None = None,
    level: float | Sequence[float] = 0.95,
    envelope_prob: float | None = None,
    figsize: tuple[float, float] | None = None,
    backend: str | None = None,
    visuals: Mapping[Visual, Mapping[str, Any] | bool] | None = None,
    **pc_kwargs: Any,
) -> PlotCollection:
    r"""Draw simulated likelihood ratios against the quantiles of χ², or of a mixture.

    Use it to see whether a χ² cut-off can be trusted for this model and this many data: points on the diagonal say yes,
    points above it that a test by χ² rejects too often. Several series show how the law is approached as the data grow.

    Parameters
    ----------
    results : LikelihoodRatioTest, Dataset, DataTree, or mapping of names to them
        A test with simulated draws, or its ``to_dataset()``; what ``parametric_bootstrap`` returns; or anything with
        ``delta_minus2ll`` over ``chain`` and ``draw``. A mapping, as ``{"n = 5": ..., "n = 50": ...}``, draws a series
        each.
    df : int, optional
        Degrees of freedom of χ². Defaults to the test's, or to the number of parameters that were fitted.
    weights : array_like (df + 1,), optional
        Those of χ²₀, χ²₁, ... in a mixture, in place of `df`.
    level : float or sequence of float, default 0.95
        The title tells what share of the draws lies beyond the cut-off of each, unless there is an observed statistic.
    envelope_prob : float, optional
        Each point lies in the envelope with this probability if the law is right. Defaults to
        ``rcParams["stats.envelope_prob"]``.
    figsize : (float, float), optional
        Width and height of the whole figure in inches, or in hundreds of dots for plotly and bokeh.
    backend : {"matplotlib", "plotly", "bokeh", "none"}, optional
        Defaults to ``rcParams["plot.backend"]``.
    visuals : mapping of {str : mapping or bool}, optional
        Keyword arguments of a visual, or False to leave it out: envelope, diagonal, points, observed, observed_text,
        legend, note, xlabel, ylabel, title.
    **pc_kwargs
        Passed to :meth:`arviz_plots.PlotCollection.wrap`.

    Returns
    -------
    PlotCollection
        With ``points`` and ``observed`` over the dim ``series`` in ``viz``, ``envelope`` over ``law``, and
        ``diagonal``.

    Raises
    ------
    TypeError
        When something is of another type.
    ValueError
        When there are no simulated statistics (a test by χ² has none), or the law is not known.

    Notes
    -----
    The i-th of n sorted statistics stands above the law's quantile of i / (n + 1). If the law is right, it is
    distributed as :math:`Q(U_{(i)})`, :math:`U_{(i)} \sim \mathrm{Beta}(i, n + 1 - i)`, which gives the envelope, a
    pointwise one (David & Nagaraja 2003, *Order Statistics*, chapter 2). Where the mixture has χ²₀, a statistic is 0
    with that weight: those points stand at 0.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> ds = xr.Dataset({"delta_minus2ll": (("chain", "draw"), [[0.1, 0.4, 2.0]])}, attrs={"k": 1})
    >>> pc = wilks_qq(ds, backend="none")
    >>> pc.viz["points"]["sheet"].values[0]["x"].round(4).tolist()
    [0.1015, 0.4549, 1.3233]
    """
    asked = checked(visuals, get_args(Visual))
    series = gather_simulated(results, df, weights)
    cutoffs(level, 1)  # refuses what is no level
    asked_prob = rcParams["stats.envelope_prob"] if envelope_prob is None else envelope_prob
    prob = checked_level("envelope_prob", asked_prob)
    canvas, sheet = new_sheet(1, backend, SIZE, asked, pc_kwargs, figsize)
    envelopes = _envelopes(series, prob)
    top = _top(series, envelopes)
    _draw(canvas, sheet, series, envelopes, top)
    _finish(canvas, series, top, level)
    if len(series) > 1:
        signs = {name: replace(style, dash=None) for name, style in zip(_names(series), _styles(series), strict=True)}
        add_legend(canvas, signs)
    add_note(canvas, [f"Line: the law itself. Band: {percent(prob)} of the points lie in it if the law is right."])
    add_hover(canvas)
    return canvas.pc


Envelope = tuple[Array, Array, Array]


def _envelopes(series: Sequence[Simulated], prob: float) -> dict[tuple[Any, ...], Envelope]:
    """One for each law and number of draws: quantiles, and lower and upper boundary."""
    envelopes: dict[tuple[Any, ...], Envelope] = {}
    for one in series:
        key = (one.draws.size, *one.weights)
        if key not in envelopes:
            envelopes[key] = (one.expected, *one.envelope(prob))
    return envelopes


def _top(series: Sequence[Simulated], envelopes: Mapping[Any, Envelope]) -> float:
    """Upper limit of the quantiles and of the statistics, the same: the law is a line of 45 degrees."""
    right = max(float(one.expected[-1]) for one in series)
    high = max([*(float(one.draws[-1]) for one in series), *(float(above[-1]) for _, _, above in envelopes.values())])
    seen = [one.statistic for one in series if one.statistic <= FAR * high]
    return 1.05 * max([right, high, *seen])


def _styles(series: Sequence[Simulated]) -> list[Style]:
    return [SERIES_STYLES[i % len(SERIES_STYLES)] for i in range(len(series))]


def _names(series: Sequence[Simulated]) -> list[str]:
    """Names for the legend, with the law where laws differ."""
    several = len({one.law for one in series}) > 1
    return [f"{one.name}: {one.law}" if several else one.name for one in series]


def _shown(number: int) -> NDArray[np.intp]:
    """Which of so many sorted points to draw: all, or ever fewer towards 0."""
    if number <= MOST_POINTS:
        return np.arange(number)
    from_above = np.geomspace(1, number, MOST_POINTS).round().astype(int)
    return np.unique(number - from_above)


def _draw(
    canvas: Canvas,
    sheet: xr.DataArray,
    series: Sequence[Simulated],
    envelopes: Mapping[Any, Envelope],
    top: float,
) -> None:
    backend, styles = backend_of(canvas), _styles(series)
    single_law = len(envelopes) == 1

    def envelope(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        drawn = []
        for i, (x, below, above) in enumerate(envelopes.values()):
            at, own = _shown(x.size), {} if single_law else {"color": styles[i].colour}
            drawn.append(backend.fill_between_y(x[at], below[at], above[at], target, **{**kwargs, **own}))
        return artists(drawn)

    def points(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        drawn = []
        for one, style in zip(series, styles, strict=True):
            form = {"marker": shape(canvas.backend, style.marker or "circle"), **hover_of(canvas.backend, one.name)}
            at, own = _shown(one.draws.size), {"facecolor": style.colour, "edgecolor": style.colour, **form}
            drawn.append(backend.scatter(one.expected[at], one.draws[at], target, **{**own, **kwargs}))
        return artists(drawn)

    def diagonal(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        return backend.line(np.array([0.0, top]), np.array([0.0, top]), target, **kwargs)

    def observed(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        drawn: list[Any] = [None] * len(series)
        for i, (one, style) in enumerate(zip(series, styles, strict=True)):
            if one.statistic <= top:
                own = {"color": style.colour if len(series) > 1 else ORANGE}
                across = np.array([-BELOW * top, top])
                drawn[i] = backend.line(across, np.full(2, one.statistic), target, **{**own, **kwargs})
        return artists(drawn)

    many = {"series": len(series)}
    # the points first: plotly leaves lines out of an empty panel
    canvas.draw(envelope, "envelope", sheet, {"color": GREY, "alpha": 0.2}, artist_dims={"law": len(envelopes)})
    canvas.draw(diagonal, "diagonal", sheet, {"color": GREY, "width": 1.0, **no_hover(canvas.backend)})
    canvas.draw(
        observed, "observed", sheet, {"width": 1.4, "linestyle": dash(canvas.backend, "dashed")}, artist_dims=many
    )
    canvas.draw(points, "points", sheet, {"size": marker_size(canvas.backend, "traced point")}, artist_dims=many)
    _observed_text(canvas, sheet, series, top)


def _observed_text(canvas: Canvas, sheet: xr.DataArray, series: Sequence[Simulated], top: float) -> None:
    backend, styles = backend_of(canvas), _styles(series)

    def text(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        drawn: list[Any] = [None] * len(series)
        for i, (one, style) in enumerate(zip(series, styles, strict=True)):
            if np.isnan(one.statistic):
                continue
            above = one.statistic > top
            words = f"observed {one.statistic:.4g}" + (" ↑" if above else "")
            alignment = {"vertical_align": "top" if above or one.statistic > 0.93 * top else "bottom"}
            own = {"color": style.colour if len(series) > 1 else ORANGE, "horizontal_align": "left", **alignment}
            drawn[i] = backend.text(0.0, min(one.statistic, top), words, target, **{**own, **kwargs})
        return artists(drawn)

    canvas.draw(text, "observed_text", sheet, {"size": text_size(canvas.backend)}, artist_dims={"series": len(series)})


def _finish(canvas: Canvas, series: Sequence[Simulated], top: float, level: float | Sequence[float]) -> None:
    backend, target = backend_of(canvas), canvas.pc.viz["plot"].item()
    backend.xlim((-BELOW * top, top), target)
    backend.ylim((-BELOW * top, top), target)
    if canvas.backend == "matplotlib":
        target.set_box_aspect(1)
    elif canvas.backend == "plotly":
        target.update_xaxes(constrain="domain")
        target.update_yaxes(constrain="domain", scaleanchor="x", scaleratio=1)
    laws = {one.law for one in series}
    law = f"quantile of {laws.pop()}" if len(laws) == 1 else "quantile of the law"
    canvas.write("xlabel", balanced(law, LABEL), target)
    canvas.write("ylabel", "simulated Δ(−2LL)", target)
    words = balanced(unbroken(title(series, level)), LINE)
    canvas.write("title", words, target, {"size": text_size(canvas.backend) + 1})


def unbroken(text: str) -> str:
    """Keep numbers and their units on one line."""
    together = r"(?<=\d) (?=%)|(?<=%) (?=at 0)|(?<=at) (?=0)|(?<==) | (?==)| (?=\()"
    return str(re.sub(together, "\N{NO-BREAK SPACE}", text))


def title(series: Sequence[Simulated], level: float | Sequence[float]) -> str:
    """Write p-values of what was observed; without that, how often a test of each level rejects."""
    if any(np.isfinite(one.statistic) for one in series):
        return "; ".join(f"{one.name}: {_p_value(one)}" if one.name else _p_value(one) for one in series)
    return "; ".join(_rejections(series, float(one)) for one in np.unique(np.atleast_1d(level)))


def _rejections(series: Sequence[Simulated], level: float) -> str:
    shares = [f"{percent(round(one.beyond(level), 3))}{_zeros(one)}" for one in series]
    names = [one.name.replace(" ", "\N{NO-BREAK SPACE}") for one in series]  # a name stays on one line
    named = [f"{text} ({name})" if name else text for text, name in zip(shares, names, strict=True)]
    return f"beyond the {percent(level)} cut-off: {', '.join(named)}"


def _p_value(one: Simulated) -> str:
    if np.isnan(one.statistic):
        return f"nothing observed{_zeros(one)}"
    return f"p = {one.p_value:.3g} simulated, {one.p_by_law:.3g} by {one.law}{_zeros(one)}"


def _zeros(one: Simulated) -> str:
    """How many are 0, where the law says that some are."""
    return f", {percent(round(one.at_zero, 3))} at 0" if one.weights[0] > 0 else ""
