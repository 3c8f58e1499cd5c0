"""`evaluate_landscape`: log-likelihood, prior, posterior and −2LL of a model over a grid."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import numpy as np
import xarray as xr

from pymc_landscape._typing import ModelLike, PointLike
from pymc_landscape.arguments import checked_choice, checked_count, checked_flag, checked_path, wrong_type
from pymc_landscape.engine import Evaluation
from pymc_landscape.landscape.dask_points import PointRanges, evaluated_by_workers, gathered, lazy_surface
from pymc_landscape.landscape.grid_points import GridPoints
from pymc_landscape.landscape.grids import Axis, regular_grid
from pymc_landscape.landscape.profile_surface import profile_points
from pymc_landscape.landscape.refinement import Refined, refined_evaluation, refuse_unrefined
from pymc_landscape.landscape.store import Stretch, Tally, evaluate_into
from pymc_landscape.landscape.surface_dataset import (
    blanked_lost_digits,
    reference_coords,
    surface_dataset,
    with_plane,
)
from pymc_landscape.objective import (
    Objective,
    Reference,
    objective_of,
    reference_point,
)
from pymc_landscape.objective.observations import name_impossible_data, result_origin
from pymc_landscape.optimize import Fit
from pymc_landscape.results import DelayedProgressBar, provenance_attributes, warn_of_part
from pymc_landscape.results.cluster import ClientLike, checked_client

if TYPE_CHECKING:
    from distributed import Client

# More points than this are a mistake: at a nanosecond each they would take a minute and half a terabyte.
MOST_POINTS = 2**36


def evaluate_landscape(
    model: ModelLike | Objective | Fit | None = None,
    grid: xr.Dataset | Mapping[str, Axis] | None = None,
    *,
    at: PointLike | None = None,
    nuisance: Literal["fix", "profile"] = "fix",
    pointwise: bool = False,
    chunks: int | None = None,
    store: str | PathLike[str] | None = None,
    refine: bool = False,
    lazy: bool = False,
    client: ClientLike = None,
    progressbar: bool = True,
) -> xr.Dataset:
    r"""Evaluate log-likelihood, prior, posterior and −2LL of a model over a grid.

    By default the landscape is a *slice*: the nuisance parameters (all elements that are on no axis) are fixed at one
    point. Use it to see valleys, ridges and second optima, and to check the likelihood of a model by eye. It is no
    confidence region unless every parameter is on an axis, because the nuisance parameters are not fitted. With
    ``nuisance="profile"`` they are fitted anew at each point of the grid: the χ² lines of that *profile likelihood* are
    confidence regions.

    Parameters
    ----------
    model : pm.Model, Objective or Fit, optional
        The model; left out, that of the surrounding ``with`` block.
    grid : xr.Dataset or mapping
        From `regular_grid`, `posterior_grid`, `fit_grid` or `plane_grid`; a mapping is passed to `regular_grid`. One
        element of a simplex may be an axis: its other elements then share the rest in the proportion that they have at
        `at`.
    at : mapping, xr.Dataset, Fit, or the `at` of another landscape, optional
        Where the nuisance parameters are fixed, natural scale. Left out, and for what it leaves out: the estimate if
        `model` is a fit or a fit made the grid, the draw of highest likelihood if posterior draws made it, else the
        model's initial point. For a profile, where the search begins: best a `Fit`; left out, a search with the axes
        free goes first.
    nuisance : {"fix", "profile"}
        What becomes of the elements on no axis: fixed, or minimised over at each point of the grid (−2LL; for an
        `Objective` with ``prior_weight`` w, −2 (log L + w log prior)).
    pointwise : bool
        Whether to return each observation's log-likelihood too. Its size is the grid's times the data's.
    chunks : int, optional
        Largest number of points evaluated in one go; by default so many that memory stays bounded. Of a profile, it
        is the density at the solved points that goes by chunks.
    store : path, optional
        For a slice: a zarr store on disk, to which points are written as they come. The grid may then be larger than
        memory, and the result is read from disk when it is used. A store that is there already is
        continued, as after Ctrl-C or a crash. Needs the package zarr.
    refine : bool
        For a slice: whether to ask the model only where the points around do not predict it, for a fine grid of a
        model that takes long: near χ² levels, floors, walls and the edge of the support. A smooth surface of 401 ×
        401 takes some 3 % of its points. The others are interpolated, and how far off that is, is measured.
    lazy : bool
        For a slice: whether to return Dask arrays, of which points are evaluated when they are looked at, by whatever
        Dask works with. Of a part, ``surface.isel(a=slice(None, None, 100))``, no others are; so a grid may have more
        points than can be evaluated. `delta_minus2ll`, for which all are needed, is left out. Needs the package dask.
    client : distributed.Client or "current", optional
        The workers of a Dask cluster evaluate the points, or solve those of a profile wave after wave, with the same
        numbers.
    progressbar : bool
        Whether to show a progress bar once the work has taken half a second.

    Returns
    -------
    xr.Dataset
        Over the dims of the grid: `log_likelihood`, `log_prior` (natural scale, no Jacobian), `log_posterior` (their
        sum, not normalised), `minus2ll` = −2 log L, and `delta_minus2ll`, the same less its minimum on the grid. Of a
        penalised objective also `log_penalty` and `penalized_minus2ll`, of which `delta_minus2ll` is the rise. With
        several observed terms also `term_log_likelihood` (dim `term`), with `pointwise` one variable an observed term
        with that term's own dims. The coordinate `at` (dim `parameter`) is where the nuisance parameters were fixed,
        ``attrs["at"]`` says why there. Where a term's data are not added up row by row at each point, ``attrs["rows"]``
        says how: rows that repeat are evaluated once, and a Gaussian term of linear mean by its sufficient statistics,
        which is exact. An axis says in its attrs `lower_bound` and `upper_bound` where the support of
        its parameter ends. Outside the support the log-likelihood is −∞. After Ctrl-C the points not
        reached are NaN, and ``attrs["completion"]`` is ``"interrupted"``.

        A profile has instead of `at` the variables `path` (by ``parameter`` too): natural values of all elements at
        each point, and `status`: ``converged``; ``at_bound``, where some nuisance parameters are at a bound of their
        support; ``outside``, where none of their values has a likelihood; ``failed``, where a search did not converge,
        so that the surface may be lower; ``unbounded``, where −2LL falls without limit, and is NaN; empty where not
        reached. ``attrs["n_evaluations"]`` counts evaluations of value, gradient and Hessian.

    Raises
    ------
    ValueError
        If an axis is not the model's or lies outside the support, the grid holds NaN, or the draws behind it are
        those of another model; if the store is that of another grid or model, or of other data. For a profile, if a
        parameter on no axis is discrete, or bound to one that is on an axis (one weight of three or more of a simplex).

    Notes
    -----
    A profile is computed by numerical continuation: from solved points to their neighbours along the tangent
    dν/dψ = −H_νν⁻¹ H_νψ, then by Newton's method with an active set of bounds (Nocedal & Wright 2006, *Numerical
    Optimization*, sections 11.3 and 16.5). Afterwards a point is solved again wherever the solution of a neighbour, or
    of a few searches begun elsewhere, leads lower. Local minima to which none of these leads are not found.

    With ``refine=True`` the surface is a multiresolution (Harten 1995; Donoho 1992): level by level, steps halved, each
    new point is predicted by polynomials through six coarser ones along each axis. By how much predictions fail is
    measured, and foretells where the next level must be evaluated: where an error could exceed 0.01 of −2LL, or of
    −2 log posterior, up to 1.25 times the height of the 99.9 % level, and a tenth of the rise beyond. The prior's and
    each term's values are interpolated likewise. At last points are held out and checked; where a check fails, the
    surface is refined again: a surface of noise is evaluated whole. What lies between the points of the first levels
    and shows at none of them is not found: of a grid of 401 × 401 these are every eighth along each axis.

    Examples
    --------
    >>> import pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     p = pm.Beta("p", 1, 1)
    ...     y = pm.Binomial("y", n=10, p=p, observed=7)
    >>> surface = pml.evaluate_landscape(model, pml.regular_grid({"p": (0, 1, 101)}))
    >>> round(float(surface["minus2ll"].idxmin("p")), 2)
    0.7
    """
    chunks = _checked_options(grid, nuisance, chunks, store)
    if refine := checked_flag("refine", refine):
        refuse_unrefined(nuisance, pointwise, store)
    pointwise, progressbar = checked_flag("pointwise", pointwise), checked_flag("progressbar", progressbar)
    cluster = checked_client(client)
    _refuse_together(checked_flag("lazy", lazy), refine, cluster, nuisance, store)
    objective = objective_of(model)
    grid = grid if isinstance(grid, xr.Dataset) else regular_grid(grid or {})
    points = GridPoints(objective, grid)
    if points.total > MOST_POINTS and not lazy:
        raise ValueError(
            f"Expected a grid that can be evaluated, got {points.total:.1e} points over {len(points.dims)} axes: "
            "choose fewer var_names, or plane_grid for a plane through many parameters."
        )
    if pointwise and objective.penalty:
        raise ValueError(
            "Expected a likelihood without penalty for pointwise=True, got Firth's, which is of all observations "
            "together: take objective.with_penalty(None), or leave pointwise out."
        )
    at = model if at is None and isinstance(model, Fit) else at
    reference = reference_point(objective, grid, at, points.nuisance)
    options: _Options = {"pointwise": pointwise, "chunks": chunks, "progressbar": progressbar}
    ranges = PointRanges(objective, points, reference.vector(objective, points.layout), pointwise, chunks)
    if lazy:
        return _lazy(ranges, reference, grid)
    if store is not None:
        surface, result, tally = _on_disk(store, ranges, reference, grid, cluster, progressbar)
        _warn(objective, points, result, "", tally)
        return surface
    message, particulars = "", dict[str, str | int | float](at=reference.words)
    if nuisance == "profile":
        profiled = profile_points(objective, points, reference, at, **options, client=cluster)
        result, message, particulars = profiled.result, profiled.message(points), {**profiled.particulars}
        surface = profiled.extended(surface_dataset(objective, points, result, pointwise), points, objective)
    else:
        refined = _refined(ranges, progressbar) if refine else None
        here = _slice if cluster is None else partial(gathered, client=cluster)
        result = refined.result if refined else here(ranges, progressbar=progressbar)
        surface = every = surface_dataset(objective, points, result, pointwise, reference)
        surface = blanked_lost_digits(surface, objective, points, ranges.base)
        message = _lost_digits(points, surface, every)
        particulars |= {} if pointwise else _rows(objective, points)
        if refined:
            surface, particulars = refined.extended(surface, points.dims), {**particulars, **refined.particulars}
    surface = with_plane(surface, points, grid)
    surface.attrs = provenance_attributes(
        objective.origin,
        kind=str(grid.attrs.get("kind", "regular")),
        group="landscape",
        completion="interrupted" if result.interrupted else "complete",
        n_evaluated=result.n_evaluated,
        **particulars,
    )
    _warn(objective, points, result, message, Tally().add(surface.variables["minus2ll"].values.ravel()))
    return surface


class _Options(TypedDict):
    pointwise: bool
    chunks: int | None
    progressbar: bool


def _slice(ranges: PointRanges, progressbar: bool) -> Evaluation:
    """Evaluate the density at all points, with the nuisance parameters fixed."""
    points = ranges.points
    with DelayedProgressBar("Evaluating landscape", points.total, progressbar) as progress:
        rows, line = partial(points.rows, ranges.base), points.shape[-1]
        result = ranges.engine(rows, points.total, chunk=ranges.chunks, progress=progress.advance, line=line)
    if not result.values:
        raise KeyboardInterrupt  # nothing was finished, so nothing is lost
    return result


def _refined(ranges: PointRanges, progressbar: bool) -> Refined:
    """Evaluate the density at few points and interpolate the others, with the nuisance parameters fixed."""
    points, rows = ranges.points, partial(ranges.points.rows_at, ranges.base)
    with DelayedProgressBar("Refining landscape", points.total, progressbar) as progress:
        return refined_evaluation(ranges.engine, rows, points.values, chunk=ranges.chunks, progress=progress.advance)


def _on_disk(
    store: str | PathLike[str],
    ranges: PointRanges,
    reference: Reference,
    grid: xr.Dataset,
    client: Client | None,
    progressbar: bool,
) -> tuple[xr.Dataset, Evaluation, Tally]:
    """Evaluate the points that a store does not have yet."""
    objective, points = ranges.objective, ranges.points

    def describe(stretch: Stretch, result: Evaluation) -> xr.Dataset:
        return surface_dataset(objective, stretch, result, ranges.pointwise)

    around, attrs = _around(ranges, reference, grid)
    elsewhere = None if client is None else partial(evaluated_by_workers, ranges, client)
    made_of = result_origin(objective)
    return evaluate_into(store, points, around, ranges, describe, attrs, made_of, progressbar, elsewhere)


def _lazy(ranges: PointRanges, reference: Reference, grid: xr.Dataset) -> xr.Dataset:
    """Return a landscape that is evaluated when it is looked at."""
    around, attrs = _around(ranges, reference, grid)
    return lazy_surface(ranges, ranges.points.coords).merge(around).assign_attrs({**attrs, "completion": "lazy"})


def _around(ranges: PointRanges, reference: Reference, grid: xr.Dataset) -> tuple[xr.Dataset, dict[str, Any]]:
    """Return what there is of a slice beside its points: coordinates, and attributes."""
    objective, points = ranges.objective, ranges.points
    rows = {} if ranges.pointwise else _rows(objective, points)
    kind = str(grid.attrs.get("kind", "regular"))
    attrs = provenance_attributes(objective.origin, kind=kind, group="landscape", at=reference.words, **rows)
    return with_plane(xr.Dataset(coords=reference_coords(objective, reference)), points, grid), attrs


def _refuse_together(lazy: bool, refine: bool, client: Client | None, nuisance: str, store: object) -> None:
    """Refuse what has no meaning together."""
    ways = {"lazy=True": lazy, "refine=True": refine, "client=": client is not None}
    asked = [way for way, is_asked in ways.items() if is_asked] + ["store="] * (lazy and store is not None)
    if len(asked) > 1:
        raise ValueError(
            f"Expected one way to evaluate, got {asked[0]} and {asked[1]}: leave one out; lazy arrays are computed by "
            "the current client, and written by their own to_zarr."
        )
    if nuisance == "profile" and lazy:
        raise ValueError(
            "Expected nuisance='fix' with lazy=True, got 'profile', in which each point is begun from its neighbours: "
            "leave it out."
        )


def _checked_options(grid: object, nuisance: str, chunks: int | None, store: str | PathLike[str] | None) -> int | None:
    if grid is None:
        raise TypeError("Expected a grid, got none: evaluate_landscape(model, regular_grid({...})).")
    if not isinstance(grid, Mapping) or isinstance(grid, xr.DataTree):
        raise wrong_type(
            "a grid (an xr.Dataset or a mapping of axes)",
            grid,
            "make one with regular_grid, posterior_grid, fit_grid or plane_grid",
        )
    checked_choice("nuisance", nuisance, ("fix", "profile"))
    if store is not None:
        checked_path("store", store)
    if nuisance == "profile" and store is not None:
        raise ValueError("Expected nuisance='fix' with a store, got nuisance='profile': leave store out.")
    return None if chunks is None else checked_count("chunks", chunks, advice="leave it out for a size that fits")


def _rows(objective: Objective, points: GridPoints) -> dict[str, str]:
    """Say of which terms fewer rows are added up than there are data."""
    reduced = objective.reduced_terms(points.unconstrained)
    return {"rows": "; ".join(f"{term}: {how}" for term, how in reduced.items())} if reduced else {}


def _lost_digits(points: GridPoints, surface: xr.Dataset, every: xr.Dataset) -> str:
    """Say at how many points −2LL is rounding, which is NaN in `surface` alone; nothing where it is at none."""
    if surface is every:
        return ""
    lost = np.isnan(surface["minus2ll"].values) & ~np.isnan(every["minus2ll"].values)
    return (
        f"−2LL has lost its digits at {int(lost.sum())} of {points.total} points, which are NaN, first at "
        f"{_place(points, int(np.argmax(lost)))}: what it differs by there is rounding; measure the data from another "
        "origin or in other units, or look nearer to the estimate."
    )


def _place(points: GridPoints, position: int) -> str:
    index = np.unravel_index(position, points.shape)
    return ", ".join(f"{d}={v[i]:g}" for d, v, i in zip(points.dims, points.values, index, strict=True))


def _warn(objective: Objective, points: GridPoints, result: Evaluation, message: str, tally: Tally) -> None:
    """One warning for each thing that a reader of the picture must know."""
    if result.stopped:
        warn_of_part(
            result.stopped, f"{result.n_evaluated} of {points.total} points were evaluated, the others are NaN"
        )
        return
    if message:
        warnings.warn(message, stacklevel=3)
        return
    impossible = "" if tally.any_finite else name_impossible_data(objective)
    if impossible:
        warnings.warn(f"The likelihood is zero or NaN at every point of the grid. {impossible}", stacklevel=3)
    elif tally.n_nan:
        first = _place(points, tally.first_nan)
        why = f" ({type(result.errors[0][1]).__name__}: {result.errors[0][1]})" if result.errors else ""
        warnings.warn(
            f"The likelihood is NaN at {tally.n_nan} of {points.total} points, first at {first}{why}.", stacklevel=3
        )
    elif not tally.any_finite:
        warnings.warn(
            "The likelihood is zero at every point of the grid: look at the ranges, and at `at`.",
            stacklevel=3,
        )
