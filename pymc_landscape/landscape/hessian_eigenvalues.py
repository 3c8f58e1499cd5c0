"""`hessian_spectrum`: eigenvalues of the Hessian of −2LL at a point, and its flat directions in words.

All eigenvalues of a dense Hessian, or the leading ones by the method of Lanczos on Hessian–vector products.
"""

from __future__ import annotations

import numpy as np
import scipy
import xarray as xr
from pymc.util import get_random_generator

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array, ModelLike, PointLike, RandomSeed
from pymc_landscape.arguments import checked_array, checked_count, checked_seed
from pymc_landscape.numerics import Product, Spectrum, leading_eigenpairs, name_direction, simple_basis, spectrum, trace
from pymc_landscape.objective import DENSE, Objective, objective_of, reference_point
from pymc_landscape.optimize import Fit
from pymc_landscape.results import array_dataset, provenance_attributes

# How many eigenvalues where the matrix is too large for all of them.
LEADING = 10
# A direction is called poorly determined if its standard error is so many times that of its parts, each by itself.
POOR = 30.0


@dataclass(frozen=True)
class Directions:
    """Eigenvalues, largest first, with what is known of the whole matrix.

    Parameters
    ----------
    values : array (m,)
        Eigenvalues.
    vectors : array (m, k)
        A row each.
    notes : tuple of str
        A sentence where one is due.
    trace, trace_se, condition_number : float
        Of the whole matrix; NaN where not known.
    """

    values: Array
    vectors: Array
    notes: tuple[str, ...]
    trace: float
    trace_se: float
    condition_number: float


def hessian_spectrum(
    fit: Fit | ModelLike | Objective | None = None,
    *,
    at: PointLike | Array | None = None,
    num: int | None = None,
    random_seed: RandomSeed | None = None,
) -> xr.Dataset:
    """Return the eigenvalues of the Hessian of −2LL at a point, and say in words which directions are ridges.

    An eigenvalue λ is the curvature along its direction. At a minimum a step of √(2/λ), one standard error, raises −2LL
    by about 1. Small ones are ridges, zero ones combinations that the data do not determine, negative ones ways down
    from a saddle. Curvatures are those on the unconstrained scale, and depend on the units of the parameters; which
    combinations are not determined does not.

    Parameters
    ----------
    fit : Fit, pm.Model or Objective, optional
        The Hessian of a fit is taken at its estimate, that of a model at `at`. Left out, the model of the surrounding
        ``with`` block.
    at : mapping, xr.Dataset, Fit or array (k,), optional
        The point, on the natural scale by name (what it leaves out stands at the model's initial point), or as `theta`.
        Left out, the fit, or the model's initial point.
    num : int, optional
        How many eigenvalues, those of largest size, found without forming the matrix. Left out, all of them up to 300
        parameters, and ten where there are more.
    random_seed : int or Generator, optional
        For the method without the matrix.

    Returns
    -------
    xr.Dataset
        `eigenvalue` (direction), largest first; `eigenvector` (direction, parameter), of unit length, `parameter` being
        the labels of `theta`; `note` (direction). The coordinate `at` (parameter) is the point as `theta`. Attributes:
        `trace` and its standard error `trace_se`, 0 where it is exact; `condition_number`, the ratio of the largest
        size of an eigenvalue to the smallest, NaN where that is not known; `method`, ``dense`` or ``lanczos``.

    Raises
    ------
    ValueError
        If the Hessian is not finite at the point, as at a bound of a support, or the model has no derivatives.

    Notes
    -----
    Without the matrix: Lanczos on Hessian–vector products (Pearlmutter 1994, *Neural Computation* 6(1)), which are
    exact and cost a few gradients each, and Hutchinson's trace on what the leading eigenvectors leave.

    Examples
    --------
    >>> import pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     a, b = pm.Normal("a"), pm.Normal("b")
    ...     y = pm.Normal("y", a + b, 1, observed=[1.0, 2.0, 3.0])
    >>> found = pml.hessian_spectrum(model)
    >>> found["eigenvalue"].round(6).values, str(found["note"].values[-1])
    (array([12.,  0.]), 'a − b is not determined')
    """
    checked_seed(random_seed)
    objective = objective_of(fit)
    if num is not None:
        num = checked_count("num", num, at_most=objective.size, advice="the model has no more parameters")
    theta = _theta_of(objective, fit, at)
    few = num is None and objective.size <= DENSE
    if few or num == objective.size:
        result, method = _dense(_hessian(objective, theta), objective.labels), "dense"
    else:
        rng = get_random_generator(random_seed, copy=True)
        result, method = _leading(objective, theta, num or LEADING, rng), "lanczos"
    return _dataset(objective, theta, result, method)


def _theta_of(objective: Objective, fit: Fit | ModelLike | Objective | None, at: PointLike | Array | None) -> Array:
    """Return the point as `theta`."""
    if at is None and isinstance(fit, Fit):
        theta = np.asarray(fit.theta, dtype=float)
    elif isinstance(at, np.ndarray):
        theta = checked_array("at", at)
    else:
        names = [v.name for v in objective.variables]
        theta = objective.pack(reference_point(objective, xr.Dataset(), at, names).point or {})
    if theta.shape != (objective.size,):
        raise ValueError(
            f"Expected one point with {objective.size} elements as at, got shape {theta.shape}: give one vector."
        )
    if not np.isfinite(theta).all():
        bad = [label for label, value in zip(objective.labels, theta, strict=True) if not np.isfinite(value)]
        raise ValueError(
            f"Expected a point inside the support, got one with {', '.join(bad)} at a bound or outside, where "
            "there is no curvature on the unconstrained scale: give a point inside by at=, or fix it with pm.do."
        )
    return theta


def _hessian(objective: Objective, theta: Array) -> Array:
    return _finite(objective.hessian(theta))


def _finite(derivatives: Array) -> Array:
    if not np.isfinite(derivatives).all():
        raise ValueError("Expected a finite Hessian, got NaN or infinity: choose another point by at=.")
    return derivatives


# --- all of it -------------------------------------------------------------------------------------------------------


def _dense(hessian: Array, labels: tuple[str, ...]) -> Directions:
    """Return all eigenpairs, with a basis of the level directions that can be named."""
    curvature = spectrum(hessian)
    flat = _level_directions(curvature)
    rest = scipy.linalg.null_space(flat).T if len(flat) else np.eye(len(hessian))
    values, inner = scipy.linalg.eigh(rest @ hessian @ rest.T)
    vectors = np.vstack([inner.T @ rest, flat])
    values = np.concatenate([values, np.einsum("mi,ij,mj->m", flat, hessian, flat)])
    is_flat = np.arange(len(values)) >= len(values) - len(flat)
    order = np.argsort(-values, kind="stable")
    notes = [_note(values[i], vectors[i], is_flat[i], labels, curvature.scale) for i in order]
    sizes = np.abs(values[~is_flat])
    condition = np.inf if len(flat) else float(sizes.max() / sizes.min())
    return Directions(values[order], vectors[order], tuple(notes), float(np.trace(hessian)), 0.0, condition)


def _level_directions(curvature: Spectrum) -> Array:
    """Return an orthonormal basis (m, k) of what has no curvature, on the axes of the parameters."""
    level = curvature.vectors[:, np.abs(curvature.values) <= curvature.tolerance].T
    if not len(level):
        return level
    orthonormal: Array = scipy.linalg.qr((simple_basis(level) / curvature.scale).T, mode="economic")[0].T
    return orthonormal


def _note(value: float, vector: Array, is_flat: bool, labels: tuple[str, ...], scale: Array) -> str:
    name = name_direction(vector, labels, scale)
    if is_flat:
        return f"{name} is not determined"
    if value < 0:
        return f"−2LL falls both ways along {name}"
    times = float(np.sqrt((vector**2) @ (scale**2) / value))
    if times > POOR:
        return f"{name} is poorly determined: its standard error is {times:.0f} times that of its parts, each alone"
    return ""


# --- without the matrix ----------------------------------------------------------------------------------------------


def _leading(objective: Objective, theta: Array, num: int, rng: np.random.Generator) -> Directions:
    product = hessian_map(objective, theta)
    values, vectors = leading_eigenpairs(product, objective.size, num, rng)
    total, error = trace(product, vectors, rng)
    notes = [
        f"−2LL falls both ways along {name_direction(v, objective.labels)}" if w < 0 else ""
        for w, v in zip(values, vectors, strict=True)
    ]
    return Directions(values, vectors, tuple(notes), total, error, np.nan)


def hessian_map(objective: Objective, theta: Array) -> Product:
    """Return v ↦ H v at one point, with little overhead.

    Interpreted always: for a large network a kernel takes minutes to compile and is no faster, since the time goes into
    matrix products that are compiled already; for small models all products together take less than a compiler does.
    """
    interpreted = objective.interpreted()
    engine = interpreted.engine("hessian_product", objective.names)

    def product(direction: Array) -> Array:
        interpreted.use_data()
        return _finite(engine.one(np.concatenate([theta, direction]))[0])

    return product


def _dataset(objective: Objective, theta: Array, result: Directions, method: str) -> xr.Dataset:
    data = {
        "eigenvalue": ("direction", result.values),
        "eigenvector": (("direction", "parameter"), result.vectors),
        "note": ("direction", np.array(result.notes)),
    }
    coords = {
        "direction": np.arange(len(result.values)),
        "parameter": list(objective.labels),
        "at": ("parameter", theta),
    }
    attrs = provenance_attributes(
        objective.origin,
        group="spectrum",
        method=method,
        trace=result.trace,
        trace_se=result.trace_se,
        condition_number=result.condition_number,
        prior_weight=objective.prior_weight,
    )
    return array_dataset(data, coords, attrs)
