"""An estimate carried to the natural scale: values, standard errors and covariance by the delta method."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from pymc_landscape._typing import Array
from pymc_landscape.numerics import covariance, delta_method, sandwich_covariance, standard_errors
from pymc_landscape.objective import Kind, Objective, RestrictedObjective
from pymc_landscape.optimize.local_search import SearchResult
from pymc_landscape.optimize.status import Status, StatusReport


class NaturalScale:
    """The end of a search on the natural scale: values, standard errors, covariance.

    Parameters
    ----------
    result : SearchResult
        Where the search ended.
    report : StatusReport
        What is claimed of it.
    information : str
        ``"observed"``, ``"expected"`` or ``"sandwich"``.
    """

    def __init__(self, result: SearchResult, report: StatusReport, information: str):
        self.result, self.report, self.information = result, report, information
        self.frame, self.x = result.frame, result.x
        self.objective: Objective = result.frame.objective
        self.point = self.frame.natural_point(result.x)
        self.theta = self.objective.pack(self.point) if self.frame.natural else result.x

    @cached_property
    def cov(self) -> Array:
        """Covariance over the free elements of the frame; NaN where there is no Hessian."""
        m = len(self.x)
        hessian = self.result.hessian
        if self.information == "expected":
            hessian = self.objective.fisher(self.frame.full(self.x), self.frame.unconstrained)
            hessian = 2.0 * hessian[np.ix_(self.frame.free, self.frame.free)]
        if hessian is None or not np.isfinite(hessian).all():
            return np.full((m, m), np.nan)
        if self.information != "sandwich":
            return covariance(hessian)
        scores = self.objective.scores(self.frame.full(self.x), self.frame.unconstrained)
        return sandwich_covariance(hessian, scores[:, self.frame.free])

    @property
    def flat_directions(self) -> Array:
        """Directions that are not determined, over the free elements."""
        fits = self.report.flat_directions.shape[1:] == self.x.shape
        return self.report.flat_directions if fits else np.zeros((0, len(self.x)))

    def _jacobian(self, kind: Kind) -> Array:
        """Return derivatives (m, n) by the free elements of the frame."""
        full = self.frame.full(self.x)
        jacobian: Array = self.objective.compiled.engine(kind, self.frame.unconstrained).one(full)[0]
        free: Array = jacobian.reshape(len(full), -1)[self.frame.free]
        return free

    @cached_property
    def _to_natural(self) -> Array:
        return self._jacobian("natural_jacobian")

    def covariance(self) -> xr.DataArray:
        """Return the covariance of all natural elements, by the delta method."""
        labels = [label for v in self.objective.variables for label in v.labels]
        cov = delta_method(self.cov, self._to_natural)
        return xr.DataArray(cov, {"parameter": labels, "parameter_bis": labels}, ["parameter", "parameter_bis"])

    def theta_covariance(self) -> Array:
        """Return the covariance on the unconstrained scale; NaN for elements on an edge."""
        k = self.objective.size
        if not self.frame.natural:
            return self.cov
        cov = np.full((k, k), np.nan)
        theta_layout = self.objective.compiled.layout(self.objective.compiled.names)
        where = [self._place_in_theta(i, theta_layout.slices) for i in self.frame.free]
        rates = np.array([self._rate(i, j) for i, j in zip(self.frame.free, where, strict=True)])
        cov[np.ix_(where, where)] = self.cov * np.outer(rates, rates)
        return cov

    def _place_in_theta(self, i: int, slices: dict[str, slice]) -> int:
        """Elements that an edge concerns are transformed one by one: their places correspond."""
        for name, where in self.frame.layout.slices.items():
            if where.start <= i < where.stop:
                return int(slices[name].start + i - where.start)
        raise AssertionError(i)

    def _rate(self, i: int, j: int) -> float:
        """Change of `theta[j]` for a change of element i of the frame."""
        label = self.frame.layout.labels[i]
        name = next(n for n, where in self.frame.layout.slices.items() if where.start <= i < where.stop)
        if name not in self.frame.natural:
            return 1.0
        finite = np.where(np.isfinite(self.theta), self.theta, 0.0)
        natural = [natural_label for v in self.objective.variables for natural_label in v.labels]
        return float(1.0 / self.objective.jacobian(finite)[j, natural.index(label)])

    @cached_property
    def errors(self) -> dict[str, Array]:
        """Standard errors of the natural elements; NaN on an edge."""
        layout = self.objective.compiled.layout()
        errors = layout.split(self._errors(self._to_natural))
        on_edge = {self.frame.layout.labels[i] for i in self.frame.held}
        for v in self.objective.variables:
            held = np.reshape([label in on_edge for label in v.labels], v.shape)
            errors[v.name] = np.where(held, np.nan, errors[v.name])
        return errors

    def _errors(self, jacobian: Array) -> Array:
        status = self.report.status
        runs_away = status is Status.UNBOUNDED and self.result.frame.bottomless
        if not np.isfinite(self.cov).all() or runs_away or status is Status.FAILED:
            return np.full(jacobian.shape[1], np.nan)
        errors = standard_errors(self.cov, self.flat_directions, jacobian)
        return np.where(np.isinf(errors), np.nan, errors) if status.is_optimum else errors

    def settle(self) -> NaturalScale:
        """Compute now whatever depends on the data, which the user may change later."""
        for name in ("cov", "values", "errors", "n_observations", "_derived_arrays"):
            getattr(self, name)
        return self

    @cached_property
    def n_observations(self) -> int:
        """Number of observed elements."""
        return self.objective.n_observations

    @cached_property
    def derived(self) -> tuple[xr.Dataset, xr.Dataset]:
        """Values and standard errors of the Deterministics."""
        values, errors = self._derived_arrays
        return self._derived_dataset(values), self._derived_dataset(errors)

    @cached_property
    def _derived_arrays(self) -> tuple[dict[str, Array], dict[str, Array]]:
        if not self.objective.compiled.deterministics:
            return {}, {}
        full = self.frame.full(self.x)
        engine = self.objective.compiled.engine("derived", self.frame.unconstrained)
        values = dict(zip(engine.names, map(np.asarray, engine.one(full)), strict=True))
        try:
            errors = self._errors(self._jacobian("derived_jacobian"))
        except (ValueError, NotImplementedError):  # a Deterministic without derivatives
            errors = np.full(sum(v.size for v in values.values()), np.nan)
        ends = np.cumsum([v.size for v in values.values()])[:-1]
        return values, dict(zip(values, np.split(errors, ends), strict=True))

    def _derived_dataset(self, values: dict[str, Array]) -> xr.Dataset:
        arrays = {}
        for name, value in values.items():
            dims, coords, shape = self.objective.compiled.derived_dims(name, value.size)
            arrays[name] = xr.DataArray(np.reshape(value, shape), coords, dims)
        return xr.Dataset(arrays)

    @cached_property
    def values(self) -> tuple[float, float]:
        """Log-likelihood and log prior."""
        engine = self.objective.compiled.engine("density", self.frame.unconstrained)
        out = dict(zip(engine.names, engine.one(self.frame.full(self.x)), strict=True))
        return float(sum(out[term] for term in self.objective.terms)), float(out["log_prior"])

    def dataset(self, values: dict[str, Array]) -> xr.Dataset:
        """Return one labelled variable a parameter."""
        data = {v.name: (v.dims, np.asarray(values[v.name])) for v in self.objective.variables}
        return xr.Dataset(data, self.objective.coords)

    def _without_error(self) -> str:
        if self.report.status.is_optimum:
            return "no standard error: no curvature"
        return "no standard error: not an optimum"

    def notes(self) -> dict[str, str]:
        """Return why a standard error is missing, by element."""
        notes = {self.frame.layout.labels[i]: "on the edge of the support" for i in self.frame.held}
        for v in self.objective.variables:
            for label, error in zip(v.labels, np.ravel(self.errors[v.name]), strict=True):
                if label not in notes and np.isinf(error):
                    notes[label] = "not determined"
                elif label not in notes and np.isnan(error):
                    notes[label] = self._without_error()
        return notes


def root(cov: Array) -> Array:
    """Return R with RᵀR = C, also for a singular C."""
    values, vectors = np.linalg.eigh(cov)
    root: Array = (vectors * np.sqrt(np.clip(values, 0.0, None))).T
    return root


def _clipped(frame: RestrictedObjective, x: Array) -> Array:
    """Bring natural values back into their support."""
    low, high = np.full(frame.layout.size, -np.inf), np.full(frame.layout.size, np.inf)
    for v in frame.objective.variables:
        if v.name in frame.natural:
            low[frame.layout.slices[v.name]], high[frame.layout.slices[v.name]] = v.low, v.high
    return np.clip(x, low[frame.free], high[frame.free])


def as_draws(frame: RestrictedObjective, x: Array, attrs: dict[str, Any]) -> xr.Dataset:
    """Return vectors (n, m) of free elements as draws of one chain, on the natural scale."""
    inside = _clipped(frame, x)
    natural = frame.natural_points(inside)
    variables = frame.objective.variables
    data = {v.name: (("chain", "draw", *v.dims), natural[v.name][None]) for v in variables}
    coords = {"chain": [0], "draw": np.arange(len(x)), **frame.objective.coords}
    parameters = xr.Dataset(data, coords, attrs)
    return parameters.assign(_derived_draws(frame, inside)) if frame.objective.compiled.deterministics else parameters


def _derived_draws(frame: RestrictedObjective, x: Array) -> dict[str, xr.DataArray]:
    """Return every Deterministic of many points (n, m)."""
    compiled = frame.objective.compiled
    drawn = {}
    for name, values in compiled.engine("derived", frame.unconstrained).at(frame.full(x)).items():
        dims, coords, shape = compiled.derived_dims(name, values[0].size)
        drawn[name] = xr.DataArray(values.reshape(1, len(x), *shape), coords, ["chain", "draw", *dims])
    return drawn
