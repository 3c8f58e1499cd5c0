"""Joint confidence regions of two quantities: Wald's ellipse, a contour from profile traces, and the exact boundary."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import xarray as xr

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array, ModelLike, VarNames
from pymc_landscape.arguments import checked_choices, checked_count, checked_flag, checked_levels, repeatable
from pymc_landscape.inference.profile import (
    ConstrainedPoint,
    Pair,
    Quantity,
    ReferenceFit,
    copies_of,
    find_quantities,
    refuse_no_optimum,
)
from pymc_landscape.inference.regions.components import Region, find_region
from pymc_landscape.inference.regions.profile_traces import interpolated_contour, profile_traces
from pymc_landscape.inference.regions.vertices import BoundaryVertex, missing_vertex
from pymc_landscape.numerics import chi2_cutoff, one_blas_thread
from pymc_landscape.objective import Objective
from pymc_landscape.optimize import Fit, fit_of
from pymc_landscape.results import (
    OF_CONTOURS,
    DelayedProgressBar,
    labelled_dataset,
    provenance_attributes,
    refuse_reserved_names,
)

Method = Literal["exact", "traces", "wald"]
METHODS = ("exact", "traces", "wald")
# How often a lower optimum that was met takes the place of the estimate.
RESTARTS = 3


def confidence_contour(
    fit: Fit | ModelLike | Objective | None,
    var_names: VarNames,
    *,
    level: float | Sequence[float] = (0.68, 0.95),
    num: int = 48,
    method: Method | Sequence[Method] = "exact",
    progressbar: bool = True,
) -> xr.Dataset:
    """Return the boundary of the joint confidence region of two quantities.

    For all pairs of several: ``[confidence_contour(fit, pair) for pair in itertools.combinations(names, 2)]``, which
    `plots.regions` draws as a matrix.

    Parameters
    ----------
    fit : Fit, pm.Model or Objective
        What `fit_mle` returned; a model is fitted first, and None is that of the surrounding ``with`` block.
    var_names : sequence of two str, or mapping of two combinations
        Elements or Deterministics, as in `confidence_intervals`.
    level : float or sequence of float
        Joint confidence levels: cut-offs are those of χ²₂. Two by default, as contours are drawn to show the shape.
    num : int
        Vertices a level, and where the region's boundary is several curves, on each of them.
    method : {"exact", "traces", "wald"}, or several of them
        ``"exact"``: each vertex solved until Δ(−2LL), minimised over all else, meets the cut-off. ``"traces"``: a
        sketch of all levels from the profiles of the two, one at a time. ``"wald"``: the ellipse of the curvature at
        the estimate, at no cost.
    progressbar : bool
        Whether to show progress, once there is something to wait for.

    Returns
    -------
    Dataset
        Dims ``level``, ``vertex``: one variable an axis, named by its label (natural scale), ``delta_minus2ll`` (NaN
        unless exact), ``status`` and, as a coordinate, ``piece``: which curve a vertex is on, in order along it. The
        first, 0, is around the estimate; others are around other parts of the region or holes in it, or the other side
        of a strip, as `attrs["message"]` says. A status is ``finite``, ``at_bound`` (at the bound of a support,
        which belongs to the region), ``open`` (the region has no end on this side: no vertex), ``failed``, or empty
        with piece -1 where a level has fewer curves than another. The estimate is in ``estimate``, by ``parameter``;
        `attrs["message"]` tells of parts, open sides and lower optima. Several methods lie along a further dim
        ``interval_method``.

    Raises
    ------
    ValueError
        If there are not two quantities, they are not two different ones, or the fit has no optimum.

    Warns
    -----
    UserWarning
        Where a lower optimum was met; it takes the estimate's place, and the region is its.

    Notes
    -----
    Exact vertices stand on rays that are equally spaced where Wald's region is a circle; from an estimate at a bound of
    its support, on rays from further inside. Where the region is not star-shaped as seen from there, its boundary is
    followed by continuation, and vertices stand at equal distances. Other parts are searched around local optima of the
    fit's other starts, and beyond each vertex; what neither meets is not seen.

    Examples
    --------
    With σ known Δ(−2LL) is a circle's, and the region a disc with the square of its radius at the χ²₂ cut-off:

    >>> import numpy as np, pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     a, b = pm.Normal("a", 0, 10), pm.Normal("b", 0, 10)
    ...     pm.Normal("y", a, 1, observed=[0.5])
    ...     pm.Normal("z", b, 1, observed=[2.0])
    y
    z
    >>> region = pml.confidence_contour(model, ["a", "b"], level=0.95, num=12)
    >>> radius = np.hypot(region["a"] - 0.5, region["b"] - 2.0)
    >>> np.allclose(radius**2, pml.chi2_cutoff(0.95, df=2))
    True
    """
    methods, levels = checked_choices("method", method, METHODS), np.atleast_1d(checked_levels("level", level))
    num, var_names = checked_count("num", num, at_least=3), repeatable(var_names)
    checked_flag("progressbar", progressbar)
    fit = fit_of(fit, "confidence_contour", refuse=lambda o: _two_quantities(o, var_names), progressbar=progressbar)
    refuse_no_optimum(fit)
    reference, pair = ReferenceFit(fit), _pair(fit, _two_quantities(fit.objective, var_names))
    found: list[xr.Dataset] = []
    for one in methods:
        request = _Request(reference, pair, levels, num, progressbar)
        answer = {"exact": _exact, "traces": _traces, "wald": _wald}[one]
        for _ in range(RESTARTS + 1):
            boundaries, lower = answer(request)
            if lower is None:
                break
            request.reference.take(lower)
        found.append(_dataset(request, boundaries, one))
    if reference.message:
        warnings.warn(reference.message, stacklevel=2)
    return found[0] if isinstance(method, str) else _along_methods(found, methods)


@dataclass
class _Request:
    """What is asked of which fit."""

    reference: ReferenceFit
    pair: Pair
    levels: Array
    num: int
    progressbar: bool
    before: int = 0

    def __post_init__(self) -> None:
        """Count from here on: the fit had points of its own."""
        self.before = self.reference.fit.objective.passes.n

    @property
    def n_evaluations(self) -> int:
        return self.reference.fit.objective.passes.n - self.before

    @property
    def rises(self) -> Array:
        return np.atleast_1d(chi2_cutoff(self.levels, df=2))

    def bar(self, total: int) -> DelayedProgressBar:
        return DelayedProgressBar("Turning rays", total, self.progressbar)


@dataclass(frozen=True)
class _Boundary:
    """The curves that bound one level's region, and a message on them."""

    curves: list[list[BoundaryVertex]]
    message: str = ""


Answer = tuple[list[_Boundary], ConstrainedPoint | None]


def _two_quantities(objective: Objective, var_names: VarNames) -> Pair:
    quantities = find_quantities(objective, var_names)
    refuse_reserved_names([q.label for q in quantities], OF_CONTOURS, "an axis")
    if len(quantities) != 2:
        labels = ", ".join(q.label for q in quantities)
        raise ValueError(f"Expected two quantities, got {len(quantities)} ({labels}): name two elements in var_names.")
    return quantities[0], quantities[1]


def _pair(fit: Fit, pair: Pair) -> Pair:
    """Return the pair; refuse one of which either quantity determines the other."""
    reference = ReferenceFit(fit)
    normals = [_whole_normal(reference, quantity) for quantity in pair]
    if np.linalg.matrix_rank([n / (np.linalg.norm(n) or 1.0) for n in normals], tol=1e-9) < 2:
        raise ValueError(
            f"Expected two quantities that vary apart, got {pair[0].label} and {pair[1].label}: name others in "
            "var_names."
        )
    return pair


def _whole_normal(reference: ReferenceFit, quantity: Quantity) -> Array:
    """Return the quantity's gradient by all elements of the fit's vector, also those at a bound."""
    point = reference.estimate_of(quantity)
    scaled = np.zeros(point.restricted.layout.size)
    scaled[point.restricted.free] = point.normal / point.scale
    return scaled


# --- one method each -------------------------------------------------------------------------------------------------


def _exact(request: _Request) -> Answer:
    boundaries: list[_Boundary] = []
    fit, total = request.reference.fit, request.num * len(request.rises)
    with one_blas_thread(), np.errstate(all="ignore"), request.bar(total) as bar:  # far out, anything overflows
        for level, rise in zip(request.levels, request.rises, strict=True):
            region = find_region(fit, request.pair, float(rise), request.num, _ticks(bar))
            if region.lower is not None:
                return boundaries, region.lower
            curves = [curve for component in region.components for curve in component.curves]
            told = [_description(region, request.pair, float(level)), _into_a_copy(fit, curves, float(level))]
            boundaries.append(_Boundary(curves, " ".join(filter(None, told))))
    return boundaries, None


def _ticks(bar: DelayedProgressBar) -> Callable[[], None]:
    return lambda: bar.advance(1)


def _description(region: Region, pair: Pair, level: float) -> str:
    """Say in words what a region is like, where it is not just one closed curve."""
    messages = []
    if len(region.components) > 1:
        how = "lie over one another: the region is all that either covers" if region.overlap else "are apart"
        messages.append(f"{len(region.components)} parts, which {how}")
    holes = sum(len(component.holes) for component in region.components)
    if holes:
        messages.append("a hole" if holes == 1 else f"{holes} holes")
    if any(component.state == "open" and component.more for component in region.components):
        messages.append("an edge of several lines")
    for component in region.components:
        endless = [f"{pair[i].label} {('falls', 'grows')[k]}" for i, k in component.centre.endless]
        if endless:
            messages.append(f"no end while {' or '.join(endless)}")
    if any(vertex.status == "at_bound" for vertex in _vertices(region)):
        messages.append("an edge along that of a support")
    if any(vertex.status == "failed" for vertex in _vertices(region)):
        messages.append("vertices that could not be found")
    if any(component.state == "partial" for component in region.components):
        messages.append("more of an edge than these vertices show: it could not be followed")
    return f"At level {level:g} the region has {'; '.join(messages)}." if messages else ""


def _into_a_copy(fit: Fit, curves: Sequence[Sequence[BoundaryVertex]], level: float) -> str:
    """Say where a boundary is in part that of another copy of the optimum: both are below the cut-off between them."""
    points = (
        [vertex.point for curve in curves for vertex in curve if vertex.point is not None] if copies_of(fit) else []
    )
    join = fit.objective.layout().join
    for point in points:
        words = fit.copy_of(join(point.restricted.natural_point(point.x)))
        if words:
            return f"At level {level:g} copies of the optimum meet below the cut-off, and have one region: {words}."
    return ""


def _vertices(region: Region) -> list[BoundaryVertex]:
    return [vertex for component in region.components for curve in component.curves for vertex in curve]


def _traces(request: _Request) -> Answer:
    enough, reference = float(request.rises.max()), request.reference
    both_traces = []
    with one_blas_thread(), np.errstate(all="ignore"), request.bar(2) as bar:
        for quantity, other in (request.pair, request.pair[::-1]):
            point = reference.estimate_of(quantity)
            traces, lower = profile_traces(point, other, enough)
            if lower is not None:
                return [], lower
            both_traces.append(traces)
            bar.advance(1)
    both = (both_traces[0], both_traces[1])
    return [_Boundary([interpolated_contour(both, float(rise), request.num)]) for rise in request.rises], None


def _wald(request: _Request) -> Answer:
    """Return the ellipse on the natural scale, by the delta method."""
    fit, pair = request.reference.fit, request.pair
    result = fit.result
    rates = [quantity.rate(result.restricted, result.x) for quantity in pair]
    normals = [quantity.evaluate(result.restricted, result.x).gradient for quantity in pair]
    both = np.stack([rate * normal for rate, normal in zip(rates, normals, strict=True)], axis=1)
    natural_covariance = both.T @ fit.result_covariance @ both
    moved = np.abs(fit.flat_directions @ both).max(initial=0.0) if len(fit.flat_directions) else 0.0
    if moved > 1e-9 or not np.isfinite(natural_covariance).all() or np.linalg.eigvalsh(natural_covariance)[0] <= 0:
        why = "There is no ellipse: one of the two has no standard error."
        return [_Boundary([[missing_vertex("failed")] * request.num], why) for _ in request.rises], None
    angles = 2 * np.pi * np.arange(request.num) / request.num
    circle = np.linalg.cholesky(natural_covariance) @ np.array([np.cos(angles), np.sin(angles)])
    center = np.array([quantity.natural(result.restricted, result.x) for quantity in pair])
    rings = [
        [BoundaryVertex(center + np.sqrt(rise) * at, np.nan, "finite") for at in circle.T] for rise in request.rises
    ]
    return [_Boundary([ring]) for ring in rings], None


# --- as a Dataset ----------------------------------------------------------------------------------------------------


def _dataset(request: _Request, boundaries: Sequence[_Boundary], method: str) -> xr.Dataset:
    fit, labels = request.reference.fit, [quantity.label for quantity in request.pair]
    most = max(len(boundary.curves) for boundary in boundaries)
    shape = (len(boundaries), most * request.num)
    values, rises = np.full((*shape, 2), np.nan), np.full(shape, np.nan)
    status, piece = np.full(shape, "", dtype="U8"), np.full(shape, -1)
    for i, boundary in enumerate(boundaries):
        for j, vertex in enumerate(vertex for ring in boundary.curves for vertex in ring):
            values[i, j], rises[i, j], status[i, j] = vertex.values, vertex.rise, vertex.status
            piece[i, j] = j // request.num
    dims = ("level", "vertex")
    data: dict[str, Any] = {label: (dims, values[..., i]) for i, label in enumerate(labels)}
    data |= {"delta_minus2ll": (dims, rises), "status": (dims, status)}
    estimate = np.array([request.reference.estimate_of(quantity).natural for quantity in request.pair])
    data["estimate"] = (("parameter",), estimate)
    along: dict[str, tuple[Any, ...]] = {"level": tuple(request.levels.tolist()), "vertex": tuple(range(shape[1]))}
    along["parameter"] = tuple(labels)
    messages = [request.reference.message, *(boundary.message for boundary in boundaries)]
    attrs = provenance_attributes(
        fit.objective.origin,
        group="contour",
        method=method,
        kind=fit.kind,
        minus2ll=fit.minus2ll,
        message=" ".join(text for text in messages if text),
        n_evaluations=request.n_evaluations,
    )
    return labelled_dataset(data, along, {"piece": (dims, piece)}, attrs)


def _along_methods(contours: Sequence[xr.Dataset], methods: Sequence[str]) -> xr.Dataset:
    """Put contours of several methods beside one another; one with fewer curves than another has empty vertices."""
    dim = xr.DataArray(list(methods), dims="interval_method", name="interval_method")
    empty: dict[str, Any] = {"status": "", "piece": -1}
    joined = xr.concat(
        contours,
        dim,
        data_vars="all",
        coords=["piece"],
        join="outer",
        compat="override",
        combine_attrs="override",
        fill_value={str(name): empty.get(str(name), np.nan) for name in (*contours[0].data_vars, "piece")},
    )
    joined.attrs |= {
        "method": ", ".join(methods),
        "message": " ".join(dict.fromkeys(c.attrs["message"] for c in contours if c.attrs["message"])),
        "n_evaluations": sum(c.attrs["n_evaluations"] for c in contours),
    }
    return joined
