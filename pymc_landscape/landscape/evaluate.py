"""`evaluate_landscape`: log-likelihood, prior, posterior and −2LL of a model over a grid."""

from __future__ import annotations

import warnings
from collections.abc import Container, Mapping
from functools import lru_cache
from os import PathLike
from typing import Any, Literal, TypedDict

import numpy as np
import xarray as xr

from pymc_landscape._typing import Array, ModelLike, PointLike
from pymc_landscape.engine import Evaluation
from pymc_landscape.landscape.grid_points import GridPoints
from pymc_landscape.landscape.grids import Axis, regular_grid
from pymc_landscape.landscape.profile_surface import profile_points
from pymc_landscape.landscape.store import Stretch, Tally, evaluate_into
from pymc_landscape.objective import (
    LOG_PENALTY,
    LOG_PRIOR,
    Objective,
    Reference,
    RestrictedObjective,
    objective_of,
    reference_point,
    without_lost_digits,
)
from pymc_landscape.objective.observations import name_impossible_data
from pymc_landscape.optimize import Fit
from pymc_landscape.results import DelayedProgressBar, provenance_attributes, require_chunks, wrong_type

# More points than this are a mistake: at a nanosecond each they would take a minute and half a terabyte.
MOST_POINTS = 2**36
# So many of the lowest points are looked at one by one; were all of them rounding, all points are.
MOST_LOST = 32


def evaluate_landscape(
    model: ModelLike | Objective | Fit | None = None,
    grid: xr.Dataset | Mapping[str, Axis] | None = None,
    *,
    at: PointLike | None = None,
    nuisance: Literal["fix", "profile"] = "fix",
    pointwise: bool = False,
    chunks: int | None = None,
    store: str | PathLike[str] | None = None,
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
        ``attrs["at"]`` says why there. An axis says in its attrs `lower_bound` and `upper_bound` where the support of
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
    _check_options(grid, nuisance, chunks, store)
    objective = objective_of(model)
    grid = grid if isinstance(grid, xr.Dataset) else regular_grid(grid or {})
    points = GridPoints(objective, grid)
    if points.total > MOST_POINTS:
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
    if store is not None:
        surface, result, tally = _on_disk(store, objective, points, reference, grid, **options)
        _warn(objective, points, result, "", tally)
        return surface
    message, particulars = "", dict[str, str | int](at=reference.words)
    if nuisance == "profile":
        profiled = profile_points(objective, points, reference, at, **options)
        result, message, particulars = profiled.result, profiled.message(points), profiled.particulars
        surface = profiled.extended(_surface(objective, points, result, pointwise), points, objective)
    else:
        result = _slice(objective, points, reference, **options)
        coords = _coords_with_reference(points.coords, objective, reference)
        surface = _surface(objective, points, result, pointwise, coords)
        surface = _without_lost_digits(surface, objective, points, reference)
    surface = _with_plane(surface, points, grid)
    surface.attrs = provenance_attributes(
        objective.origin,
        kind=str(grid.attrs.get("kind", "regular")),
        group="landscape",
        completion="interrupted" if result.interrupted else "complete",
        n_evaluated=result.n_evaluated,
        **particulars,
    )
    _warn(objective, points, result, message, Tally().add(surface["minus2ll"].to_numpy().ravel()))
    return surface


class _Options(TypedDict):
    pointwise: bool
    chunks: int | None
    progressbar: bool


def _slice(
    objective: Objective,
    points: GridPoints,
    reference: Reference,
    *,
    pointwise: bool,
    chunks: int | None,
    progressbar: bool,
) -> Evaluation:
    """Evaluate the density at all points, with the nuisance parameters fixed."""
    base = reference.vector(objective, points.layout)
    engine = objective.engine("pointwise" if pointwise else "density", points.unconstrained)
    with DelayedProgressBar("Evaluating landscape", points.total, progressbar) as progress:
        result = engine(
            lambda a, b: points.rows(base, a, b),
            points.total,
            chunk=chunks,
            progress=progress.advance,
        )
    if not result.values:
        raise KeyboardInterrupt  # nothing was finished, so nothing is lost
    return result


def _on_disk(
    store: str | PathLike[str],
    objective: Objective,
    points: GridPoints,
    reference: Reference,
    grid: xr.Dataset,
    *,
    pointwise: bool,
    chunks: int | None,
    progressbar: bool,
) -> tuple[xr.Dataset, Evaluation, Tally]:
    """Evaluate the points that a store does not have yet."""
    base = reference.vector(objective, points.layout)
    engine = objective.engine("pointwise" if pointwise else "density", points.unconstrained)

    def evaluate(start: int, stop: int) -> Evaluation:
        return engine(lambda a, b: points.rows(base, start + a, start + b), stop - start, chunk=chunks)

    def describe(stretch: Stretch, result: Evaluation) -> xr.Dataset:
        return _surface(objective, stretch, result, pointwise)

    coords = _coords_with_reference(xr.Coordinates(), objective, reference)
    around = _with_plane(xr.Dataset(coords=coords), points, grid)
    kind = str(grid.attrs.get("kind", "regular"))
    attrs = provenance_attributes(objective.origin, kind=kind, group="landscape", at=reference.words)
    return evaluate_into(store, points, around, evaluate, describe, attrs, progressbar)


def _check_options(grid: object, nuisance: str, chunks: int | None, store: str | PathLike[str] | None) -> None:
    if grid is None:
        raise TypeError("Expected a grid, got none: evaluate_landscape(model, regular_grid({...})).")
    if not isinstance(grid, Mapping):
        raise wrong_type(
            "a grid (an xr.Dataset or a mapping of axes)",
            grid,
            "make one with regular_grid, posterior_grid, fit_grid or plane_grid",
        )
    if nuisance not in ("fix", "profile"):
        raise ValueError(f"Expected nuisance='fix' or 'profile', got {nuisance!r}.")
    if nuisance == "profile" and store is not None:
        raise ValueError("Expected nuisance='fix' with a store, got nuisance='profile': leave store out.")
    require_chunks(chunks, "point")


def _surface(
    objective: Objective,
    points: GridPoints | Stretch,
    result: Evaluation,
    pointwise: bool,
    coords: xr.Coordinates | None = None,
) -> xr.Dataset:
    """Name and shape the results of the engine; other `coords` than those of the points are theirs and more."""
    dims, shape = points.dims, points.shape
    terms = {n: result.values[n] for n in objective.terms}
    sums = {n: v if v.ndim == 1 else v.sum(1) for n, v in terms.items()}
    log_prior = result.values[LOG_PRIOR]
    with np.errstate(invalid="ignore"):  # -inf + inf is NaN, and stays it
        log_likelihood = np.add.reduce(list(sums.values())) if len(sums) > 1 else next(iter(sums.values()))
        log_posterior = log_likelihood + log_prior
        minus2ll = -2.0 * log_likelihood
        variables: dict[str, Any] = {
            "log_likelihood": log_likelihood,
            "log_prior": log_prior,
            "log_posterior": log_posterior,
            "minus2ll": minus2ll,
        }
        if objective.penalty:
            penalty = result.values[LOG_PENALTY]
            variables |= {"log_penalty": penalty, "penalized_minus2ll": minus2ll - 2.0 * penalty}
        height = variables[_height_of(variables)]
        variables["delta_minus2ll"] = height - _floor(height)
    surface = xr.Dataset(
        {name: (dims, values.reshape(shape)) for name, values in variables.items()},
        coords=points.coords if coords is None else coords,
    )
    if len(sums) > 1:
        stacked = np.stack(list(sums.values()), axis=-1).reshape(*shape, len(sums))
        surface = surface.assign_coords(term=list(sums))
        surface["term_log_likelihood"] = ((*dims, "term"), stacked)
    return surface.merge(_pointwise(objective, points, terms)) if pointwise else surface


def _without_lost_digits(
    surface: xr.Dataset, objective: Objective, points: GridPoints, reference: Reference
) -> xr.Dataset:
    """Put NaN where −2LL is the lowest by rounding alone, far out; usually one point is looked at."""
    height = _height_of(surface)
    values = left = surface[height].to_numpy().ravel()
    restricted = RestrictedObjective(objective, objective.names - points.unconstrained)
    base, lost = reference.vector(objective, points.layout), list[int]()
    while len(lost) < MOST_LOST:
        if left.size and not np.isfinite(left.min()):
            left = np.where(np.isfinite(left), left, np.inf)
        i = int(np.argmin(left)) if left.size else 0
        if not np.isfinite(left[i : i + 1]).all():
            break
        if not np.isnan(without_lost_digits(restricted, points.rows(base, i, i + 1), values[i : i + 1])[0]):
            break
        lost.append(i)
        left = left.copy()
        left[i] = np.inf
    if not lost:
        return surface
    values = values.copy()
    values[lost] = np.nan
    if len(lost) == MOST_LOST:
        values = without_lost_digits(restricted, points.rows(base, 0, points.total), values)
    is_lost = np.isnan(values) & ~np.isnan(surface[height].to_numpy().ravel())
    kept = xr.DataArray(~is_lost.reshape(points.shape), dims=points.dims)
    names = [n for n in ("log_likelihood", "log_posterior", "minus2ll", "penalized_minus2ll") if n in surface]
    surface = surface.assign({name: surface[name].where(kept) for name in names})
    return surface.assign(delta_minus2ll=surface[height] - _floor(surface[height].to_numpy()))


def _height_of(surface: Container[Any]) -> str:
    """Return which variable `delta_minus2ll` is measured in."""
    return "penalized_minus2ll" if "penalized_minus2ll" in surface else "minus2ll"


def _floor(minus2ll: Array) -> float:
    """Return the lowest finite −2LL; NaN where there is none."""
    if minus2ll.size and np.isfinite(lowest := minus2ll.min()):
        return float(lowest)
    finite = minus2ll[np.isfinite(minus2ll)]
    return float(finite.min()) if finite.size else np.nan


def _pointwise(objective: Objective, points: GridPoints | Stretch, terms: Mapping[str, Array]) -> xr.Dataset:
    """Give each term's values their own dims: those of the observed variable, less the ones summed inside it."""
    arrays = {}
    for name, values in terms.items():
        dims, coords, shape = objective.term_dims(name, int(np.prod(values.shape[1:])))
        arrays[name] = xr.DataArray(values.reshape(*points.shape, *shape), dims=(*points.dims, *dims), coords=coords)
    return xr.Dataset(arrays)


def _coords_with_reference(coords: xr.Coordinates, objective: Objective, reference: Reference) -> xr.Coordinates:
    """Add where the nuisance parameters are fixed to the coordinates of the axes, whose indexes are made already."""
    if reference.point is None:
        return coords
    labels = [label for v in objective.variables for label in v.labels]
    values = np.concatenate([np.ravel(reference.point[v.name]) for v in objective.variables])
    parameter = _parameter_coords(tuple(labels))
    return xr.Coordinates(
        {**coords.variables, **parameter.variables, "at": xr.Variable("parameter", values)},
        indexes={**coords.xindexes, **parameter.xindexes},
    )


@lru_cache(maxsize=32)  # an index of labels takes longer than ten thousand points
def _parameter_coords(labels: tuple[str, ...]) -> xr.Coordinates:
    return xr.Coordinates({"parameter": list(labels)})


def _with_plane(surface: xr.Dataset, points: GridPoints, grid: xr.Dataset) -> xr.Dataset:
    """Add the centre and the directions of a plane."""
    return surface.assign_coords(grid[["center", "direction"]].variables) if points.is_plane else surface


def _warn(objective: Objective, points: GridPoints, result: Evaluation, message: str, tally: Tally) -> None:
    """One warning for each thing that a reader of the picture must know."""
    if result.interrupted:
        warnings.warn(
            f"Interrupted: {result.n_evaluated} of {points.total} points were evaluated, the others are NaN.",
            stacklevel=3,
        )
        return
    if message:
        warnings.warn(message, stacklevel=3)
        return
    impossible = "" if tally.any_finite else name_impossible_data(objective)
    if impossible:
        warnings.warn(f"The likelihood is zero or NaN at every point of the grid. {impossible}", stacklevel=3)
    elif tally.n_nan:
        index = np.unravel_index(tally.first_nan, points.shape)
        first = ", ".join(f"{d}={v[i]:g}" for d, v, i in zip(points.dims, points.values, index, strict=True))
        why = f" ({type(result.errors[0][1]).__name__}: {result.errors[0][1]})" if result.errors else ""
        warnings.warn(
            f"The likelihood is NaN at {tally.n_nan} of {points.total} points, first at {first}{why}.", stacklevel=3
        )
    elif not tally.any_finite:
        warnings.warn(
            "The likelihood is zero at every point of the grid: look at the ranges, and at `at`.",
            stacklevel=3,
        )
