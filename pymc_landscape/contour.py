"""Joint confidence regions of two quantities: the ellipse, and the exact edge of the profile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import xarray as xr

from pymc_landscape.aliases import Array
from pymc_landscape.crossing import cross
from pymc_landscape.current import refuse_no_optimum
from pymc_landscape.engine import one_blas_thread
from pymc_landscape.fitted import Fit
from pymc_landscape.progress import Patient
from pymc_landscape.provenance import provenance
from pymc_landscape.quantity import find_quantities
from pymc_landscape.ray import follow, held
from pymc_landscape.spot import look
from pymc_landscape.stance import freed, lower_inside
from pymc_landscape.vertex import Joint, Pair, Rays, look_jointly
from pymc_landscape.wilks import cutoff

Method = Literal["exact", "wald"]
METHODS = ("exact", "wald")
# A turn is halved at most so often before the ray is walked along instead.
HALVINGS = 3

Vertex = tuple[Array, float, str]
NOTHING: Vertex = (np.full(2, np.nan), np.nan, "open")


def confidence_contour(
    fit: Fit,
    var_names: Any,
    *,
    level: float | Sequence[float] = (0.68, 0.95),
    num: int = 48,
    method: Method = "exact",
    progressbar: bool = True,
) -> xr.Dataset:
    """Return the edge of the joint confidence region of two quantities.

    Parameters
    ----------
    fit : Fit
        What `fit_mle` returned.
    var_names : sequence of two str, or mapping of two combinations
        Elements or Deterministics, as in `confidence_intervals`.
    level : float or sequence of float
        Joint confidence levels: cut-offs are those of χ²₂.
    num : int
        Vertices a level.
    method : {"exact", "wald"}
        ``"exact"``: each vertex solved until Δ(−2LL), minimised over all else, meets the cut-off. ``"wald"``: the
        ellipse of the curvature at the estimate, at no cost.
    progressbar : bool
        Whether to show progress, once there is something to wait for.

    Returns
    -------
    Dataset
        Dims ``level``, ``vertex``: one variable an axis, named by its label (natural scale), ``delta_minus2ll`` and
        ``status``: ``finite``, ``at_bound`` (on the edge of a support), ``open`` (the region has no end on this side:
        no vertex) or ``failed``. The estimate is in ``estimate``, by ``parameter``.

    Raises
    ------
    ValueError
        If there are not two quantities, one of them is on an edge of its support, or the fit has no optimum.

    Notes
    -----
    Vertices stand on rays that are equally spaced where Wald's region is a circle. A region in several parts, or one
    that bends away from a ray, is seen only as far as rays from the estimate reach.
    """
    refuse_no_optimum(fit)
    if method not in METHODS:
        raise ValueError(f"Expected method 'exact' or 'wald', got {method!r}.")
    if num < 3:
        raise ValueError(f"Expected at least 3 vertices, got num={num}.")
    estimate = _estimate(fit, var_names)
    levels = np.atleast_1d(np.asarray(level, dtype=float))
    rises = np.atleast_1d(cutoff(levels, df=2))
    angles = 2 * np.pi * np.arange(num) / num
    before = estimate.frame.n_evaluations - 1
    rings: list[list[Vertex]] = []
    with one_blas_thread(), Patient("Turning rays", num * len(rises), progressbar) as patient:
        for rise in rises:
            rays = Rays(estimate, float(rise))
            ring = _wald(rays, angles) if method == "wald" else _exact(rays, angles, patient)
            rings.append(ring)
    evaluated = estimate.frame.n_evaluations - before
    return _dataset(fit, estimate, levels, rings, method, evaluated)


def _estimate(fit: Fit, var_names: Any) -> Joint:
    quantities = find_quantities(fit, var_names)
    if len(quantities) != 2:
        labels = ", ".join(q.label for q in quantities)
        raise ValueError(f"Expected two quantities, got {len(quantities)} ({labels}): name two elements.")
    pair: Pair = (quantities[0], quantities[1])
    found = fit.found
    for quantity in pair:
        if freed(found.frame, found.x, quantity)[0] is not found.frame:
            raise ValueError(
                f"Expected quantities inside their support, got {quantity.label} on its edge: profile it alone."
            )
    joint = look_jointly(found.frame, pair, found.x)
    if not fit.status.is_optimum or np.linalg.matrix_rank(joint.normals / joint.scale[:, None]) < 2:
        raise ValueError(
            f"Expected two quantities that the likelihood determines apart, got {pair[0].label} and {pair[1].label}."
        )
    return joint


def _wald(rays: Rays, angles: Array) -> list[Vertex]:
    """Return the ellipse on the natural scale, by the delta method."""
    estimate = rays.estimate
    rates = np.array([q.rate(estimate.frame, estimate.x) for q in estimate.pair])
    center, reach = estimate.natural, np.sqrt(rays.rise)
    return [(center + rates * reach * rays.direction(angle), np.nan, "finite") for angle in angles]


def _exact(rays: Rays, angles: Array, patient: Patient) -> list[Vertex]:
    ring: list[Vertex] = []
    last: tuple[Joint, float] | None = None
    with np.errstate(all="ignore"):  # far out, anything overflows
        for angle in angles:
            vertex, status = _vertex(rays, float(angle), last)
            patient.advance(1)
            last = (vertex, float(angle)) if vertex is not None and status == "finite" else None
            ring.append(_written(rays, vertex, status))
    return _opened(ring, _endless(rays))


def _written(rays: Rays, vertex: Joint | None, status: str) -> Vertex:
    """Return a vertex on the natural scale; a walk that came to the edge of a support is put on it."""
    if vertex is None:
        return (*NOTHING[:2], status)
    place, rise = vertex.natural, vertex.value - rays.estimate.value
    if status == "finite":
        return place, rise, status
    for i, quantity in enumerate(vertex.pair):
        away = np.abs(np.array(quantity.bounds) - rays.estimate.natural[i])
        near = np.abs(np.array(quantity.bounds) - place[i]) < 1e-6 * away
        if near.any():
            place[i] = quantity.bounds[int(np.argmax(near))]
            return place, rise, "at_bound"
    return NOTHING


def _endless(rays: Rays) -> list[tuple[int, float]]:
    """Return the axes and sides on which the region has no end: there the profile of one alone has none."""
    estimate = rays.estimate
    spots = [look(estimate.frame, quantity, estimate.x) for quantity in estimate.pair]
    return [
        (i, side)
        for i, spot in enumerate(spots)
        for side in (-1.0, 1.0)
        if cross(spot, side, rays.rise).status == "open"
    ]


def _opened(ring: list[Vertex], endless: list[tuple[int, float]]) -> list[Vertex]:
    """Take away the vertex that is furthest out on each side without an end: the region goes on beyond it."""
    for i, side in endless:
        reach = [side * place[i] if np.isfinite(place[i]) else -np.inf for place, _, _ in ring]
        ring = [NOTHING if reach[v] == max(reach) else vertex for v, vertex in enumerate(ring)]
    return ring


def _vertex(rays: Rays, angle: float, last: tuple[Joint, float] | None) -> tuple[Joint | None, str]:
    """Turn on from the last vertex, else begin from the ellipse, else walk out along the ray."""
    found = _turned(rays, angle, *last) if last is not None else None
    if found is None:
        found = rays.solve(rays.estimate.frame, rays.wald(angle), angle)
    if found is None:
        return follow(rays, angle)
    return _released(rays, found, angle), "finite"


def _turned(rays: Rays, angle: float, here: Joint, at: float, halvings: int = HALVINGS) -> Joint | None:
    found = rays.solve(here.frame, rays.turned(here, at, angle - at), angle)
    if found is not None or not halvings:
        return found
    middle = 0.5 * (at + angle)
    halfway = _turned(rays, middle, here, at, halvings - 1)
    return None if halfway is None else _turned(rays, angle, halfway, middle, halvings - 1)


def _released(rays: Rays, vertex: Joint, angle: float) -> Joint:
    """Let others leave the edges of their supports where that is lower; the vertex is further out then."""
    for frame, x in lower_inside(vertex.frame, vertex.x, vertex.value):
        lower = held(rays, look_jointly(frame, vertex.pair, x), angle, rays.radius(vertex, angle))
        found = rays.solve(frame, x if lower is None else lower.x, angle)
        if found is not None and rays.radius(found, angle) > rays.radius(vertex, angle):
            return found
    return vertex


def _dataset(
    fit: Fit,
    estimate: Joint,
    levels: Array,
    rings: list[list[Vertex]],
    method: str,
    evaluated: int,
) -> xr.Dataset:
    labels = [quantity.label for quantity in estimate.pair]
    places = np.array([[vertex[0] for vertex in ring] for ring in rings])
    dims = ("level", "vertex")
    data: dict[str, Any] = {label: (dims, places[..., i]) for i, label in enumerate(labels)}
    data["delta_minus2ll"] = (dims, np.array([[vertex[1] for vertex in ring] for ring in rings]))
    data["status"] = (dims, np.array([[vertex[2] for vertex in ring] for ring in rings]))
    data["estimate"] = ("parameter", estimate.natural)
    coords = {"level": levels, "vertex": np.arange(places.shape[1]), "parameter": labels}
    attrs = provenance(
        fit.objective.model.name,
        group="contour",
        method=method,
        kind="map" if fit.is_map else "mle",
        minus2ll=fit.minus2ll,
        n_evaluations=evaluated,
    )
    return xr.Dataset(data, coords, attrs)
