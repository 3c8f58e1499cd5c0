"""`critical_points`: local minima, maxima and saddles of the −2LL landscape, found from many starts."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import scipy
import xarray as xr

from pymc_landscape._typing import Array, ModelLike, RandomSeed, Starts
from pymc_landscape.arguments import check_run_options
from pymc_landscape.landscape.saddle_search import SaddleSearch
from pymc_landscape.landscape.stationary_points import SearchFailure, StationaryPoint
from pymc_landscape.objective import DENSE, Objective, objective_of
from pymc_landscape.optimize import Fit, StartingPoints, find_starts
from pymc_landscape.results import Stop, array_dataset, provenance_attributes, warn_of_part

# Names that the result needs for itself.
RESERVED = frozenset(
    [
        *("minus2ll", "delta_minus2ll", "kind", "index", "grad_norm", "eigenvalue", "eigenvector", "point_theta"),
        *("joins", "start_theta", "basin", "fate", "origin", "critical_point", "direction", "side", "start"),
    ]
)


def critical_points(
    model: ModelLike | Objective | Fit | None = None,
    *,
    starts: Starts = 20,
    random_seed: RandomSeed | None = None,
    progressbar: bool = True,
) -> xr.Dataset:
    """Find the points of the −2LL landscape where its slope is zero: valleys, peaks and the saddles between.

    Use it to see whether a likelihood has more than one optimum, how high the passes between them are, and which starts
    lead where. It looks at the likelihood alone, on the unconstrained scale, and needs derivatives. No search of this
    kind can prove that it has found all.

    Parameters
    ----------
    model : pm.Model, Objective or Fit, optional
        Left out, the model of the surrounding ``with`` block. An objective with a `prior_weight` is searched with it.
    starts : int, points, or a posterior
        As in `fit_mle`: where searches begin. More are begun between the valleys that are found.
    random_seed : int or Generator, optional
        For starts drawn from the prior.
    progressbar : bool
        Whether to show progress, once there is something to wait for.

    Returns
    -------
    xr.Dataset
        Over `critical_point`, the lowest first: one variable a parameter (natural scale), `minus2ll`,
        `delta_minus2ll` (less the lowest), `kind` (``valley``, ``peak``, ``saddle``, or ``flat`` where an eigenvalue
        is zero: a ridge, or a degenerate point), `index` (number of directions that lead down), `grad_norm`,
        `point_theta` (theta), `eigenvalue` (direction, largest first) and `eigenvector` (direction, theta) of the
        Hessian on the unconstrained scale, and `joins` (side): the valleys on both sides of a point of index 1, else
        −1. Over `start`: `start_theta` (theta), `basin`, the position of the valley that steepest descent reaches from
        there (−1: none), `fate`, the same in words, and one variable ``<parameter>_at_start`` a parameter.
        The dim `theta` is called `theta_label` where a parameter has that name.
        ``attrs["completion"]`` is ``"interrupted"`` after Ctrl-C; ``attrs["note"]`` says how many searches ended
        nowhere.

    Raises
    ------
    ValueError
        If the model has no derivatives, more than 300 parameters, or `starts` are not points of it.

    Notes
    -----
    Valleys are the ends of the gradient flow dθ/dt = −∇(−2LL), so that basins are those of steepest descent. Saddles
    and peaks are found by eigenvector following (Wales 1994) and by minimising ‖∇‖², from the starts, off the valleys,
    and from the highest points between pairs of them. A point counts if Newton's steps vanish there and the surface
    bends as its Hessian says; slopes that level off far out, as where σ → 0, do not. Points closer than a hundredth of
    a standard error are one; equivalent points, as after relabelling the components of a mixture, are several.

    Examples
    --------
    >>> import pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     x = pm.Normal("x")
    ...     double_well = pm.Potential("double_well", -0.5 * (x**2 - 1) ** 2)
    >>> found = pml.critical_points(model, starts=5, random_seed=1)
    >>> found["kind"].values.tolist(), (found["x"].values.round(6) + 0.0).tolist()
    (['valley', 'valley', 'peak'], [-1.0, 1.0, 0.0])
    """
    check_run_options(random_seed, progressbar)
    objective = objective_of(model)
    _check(objective)
    begin = find_starts(objective, starts, random_seed)
    search = SaddleSearch(objective, begin.theta, progressbar)
    stopped: Stop | None = None
    try:
        search.run()
    except KeyboardInterrupt as interrupt:
        if not search.points:
            raise
        stopped = interrupt
    result = _dataset(objective, search, begin)
    result.attrs = _attributes(objective, search, "interrupted" if stopped else "complete")
    _warn(search, stopped)
    return result


def _check(objective: Objective) -> None:
    if objective.size > DENSE:
        raise ValueError(
            f"Expected at most {DENSE} parameters, for every step needs all curvatures, got {objective.size}: "
            "hessian_spectrum looks at the curvature of larger models."
        )
    for v in objective.variables:
        if v.name in RESERVED:
            raise ValueError(
                f"Expected other names than those of the result's own variables, got {v.name!r}: rename it."
            )


# --- what comes back -------------------------------------------------------------------------------------------------


def _dataset(objective: Objective, search: SaddleSearch, begin: StartingPoints) -> xr.Dataset:
    order = _order(search.points)
    points = [search.points[i] for i in order]
    position = {old: new for new, old in enumerate(order)} | {-1: -1}
    theta = np.array([p.here.x for p in points]).reshape(-1, objective.size)
    joins = [[position[side] for side in search.joins.get(i, (-1, -1))] for i in order]
    labels = "theta_label" if "theta" in {v.name for v in objective.variables} else "theta"
    data = {
        **_named(objective, theta, "critical_point", "{}"),
        **_heights(objective, theta),
        **_curvatures(points, objective.size, labels),
        "point_theta": (("critical_point", labels), theta),
        "joins": (("critical_point", "side"), np.array(joins, dtype=int).reshape(-1, 2)),
        **_named(objective, begin.theta, "start", "{}_at_start"),
        "start_theta": (("start", labels), begin.theta),
        "basin": ("start", np.array([position[end] for end in search.reached])),
        "fate": ("start", np.array(search.fates)),
    }
    coords = {
        **objective.coords,
        "critical_point": np.arange(len(points)),
        "start": np.arange(len(begin)),
        labels: list(objective.labels),
        "direction": np.arange(objective.size),
        "side": ["one", "other"],
        "origin": ("start", np.array(begin.origin)),
    }
    return array_dataset(data, coords)


def _order(points: list[StationaryPoint]) -> list[int]:
    """Return the lowest first; of equal height, as mirror images are, the one of smaller coordinates."""
    keys = [(float(f"{p.here.value:.9g}") if abs(p.here.value) > 1e-9 else 0.0, *p.here.x.round(6)) for p in points]
    return sorted(range(len(points)), key=keys.__getitem__)


def _named(objective: Objective, theta: Array, dim: str, pattern: str) -> dict[str, Any]:
    natural = objective.unpack(theta) if len(theta) else {v.name: np.zeros((0, *v.shape)) for v in objective.variables}
    return {pattern.format(v.name): ((dim, *v.dims), natural[v.name]) for v in objective.variables}


def _heights(objective: Objective, theta: Array) -> dict[str, Any]:
    heights = {"minus2ll": objective.minus2ll(theta) if len(theta) else np.zeros(0)}
    if objective.penalty:
        heights["penalized_minus2ll"] = objective.value(theta) if len(theta) else np.zeros(0)
    height = heights.get("penalized_minus2ll", heights["minus2ll"])
    heights["delta_minus2ll"] = height - height.min(initial=np.inf)
    return {name: ("critical_point", values) for name, values in heights.items()}


def _curvatures(points: list[StationaryPoint], k: int, labels: str) -> dict[str, Any]:
    pairs = [scipy.linalg.eigh(p.here.hessian) for p in points]
    values = np.array([w[::-1] for w, _ in pairs]).reshape(-1, k)
    vectors = np.array([v[:, ::-1].T for _, v in pairs]).reshape(-1, k, k)
    slopes = [float(np.linalg.norm(p.here.gradient)) for p in points]
    return {
        "kind": ("critical_point", np.array([p.kind for p in points], dtype=str)),
        "index": ("critical_point", np.array([p.index for p in points], dtype=int)),
        "grad_norm": ("critical_point", np.array(slopes)),
        "eigenvalue": (("critical_point", "direction"), values),
        "eigenvector": (("critical_point", "direction", labels), vectors),
    }


def _attributes(objective: Objective, search: SaddleSearch, completion: str) -> dict[str, str | int | float]:
    failures = search.failures
    counts = [f"{n} of {search.n_searches} searches {words}" for words, n in failures.items() if n]
    return provenance_attributes(
        objective.origin,
        group="critical_points",
        completion=completion,
        note="; ".join(counts),
        n_searches=search.n_searches,
        n_ran_off=failures[SearchFailure.INFINITY],
        n_lost=failures[SearchFailure.LOST],
        n_evaluations=search.restricted.n_evaluations,
        prior_weight=objective.prior_weight,
    )


def _warn(search: SaddleSearch, stopped: Stop | None) -> None:
    if stopped:
        warn_of_part(stopped, f"{len(search.points)} critical points had been found")
    elif not search.points:
        why = ", ".join(sorted(set(search.fates)))
        warnings.warn(f"No critical point was found; from the starts, descent {why}.", stacklevel=3)
