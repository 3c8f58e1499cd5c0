"""A fitted model: the estimate, how well it is known, and every start that was tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr
from pymc.util import get_random_generator

from pymc_landscape import fit_table
from pymc_landscape.aliases import Array
from pymc_landscape.frame import Frame
from pymc_landscape.information import covariance, delta_method, sandwich_covariance, standard_errors
from pymc_landscape.objective import Objective
from pymc_landscape.provenance import provenance
from pymc_landscape.search import Found
from pymc_landscape.trust_region import noise
from pymc_landscape.verdict import Status, Verdict

Information = Literal["observed", "expected"]


@dataclass(frozen=True)
class Estimate:
    """One start and where it led."""

    start: Array
    origin: str
    found: Found
    verdict: Verdict


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted model.

    Attributes
    ----------
    objective : Objective
        What was fitted.
    theta : array (k,)
        The estimate, unconstrained; ±inf at an edge of the support.
    point, standard_error : Dataset
        Estimate and standard error on the natural scale, one variable a parameter, with the model's dims. Standard
        errors are infinite along directions that are not determined, and NaN on an edge.
    derived, derived_standard_error : Dataset
        The same for each ``pm.Deterministic``.
    covariance : DataArray (parameter, parameter_bis)
        Covariance of all natural elements, by the delta method.
    theta_covariance : array (k, k)
        Covariance on the unconstrained scale; NaN for elements on an edge.
    minus2ll, log_likelihood, log_prior : float
        At the estimate; the prior on the natural scale.
    n_parameters : int
        Number k of free elements.
    n_observations : int
        Number n of observed elements, as AICc and BIC count them; 0 where only potentials hold data.
    status : Status
        ``converged``, ``at_bound``, ``not_identified``, ``unbounded`` or ``failed``; the first two claim an optimum.
    message : str
        Explains the status.
    optimizer : str
        The method that arrived.
    starts : Dataset
        Every start: where it began and ended, its status, its cost. Dims ``start``, ``theta``.
    """

    objective: Objective
    theta: Array
    point: xr.Dataset
    standard_error: xr.Dataset
    derived: xr.Dataset
    derived_standard_error: xr.Dataset
    covariance: xr.DataArray
    theta_covariance: Array
    minus2ll: float
    log_prior: float
    n_observations: int
    status: Status
    message: str
    optimizer: str
    starts: xr.Dataset
    information: str
    notes: dict[str, str]
    _frame: Frame = field(repr=False)
    _x: Array = field(repr=False)
    _frame_covariance: Array = field(repr=False)

    # --- numbers -----------------------------------------------------------------------------------------------------

    @property
    def log_likelihood(self) -> float:
        """Log L at the estimate."""
        return -0.5 * self.minus2ll

    @property
    def n_parameters(self) -> int:
        """Number k of free elements of `theta`."""
        return len(self.theta)

    @property
    def is_map(self) -> bool:
        """Whether the prior took part."""
        return self.objective.prior_weight != 0

    @property
    def aic(self) -> float:
        """−2LL + 2k (Akaike 1974); NaN for a posterior mode, which has no maximum of the likelihood to correct."""
        return np.nan if self.is_map else self.minus2ll + 2.0 * self.n_parameters

    @property
    def aicc(self) -> float:
        """AIC + 2k(k+1)/(n−k−1) (Hurvich & Tsai 1989); NaN where n is too small or not known."""
        k, room = self.n_parameters, self.n_observations - self.n_parameters - 1
        return self.aic + 2.0 * k * (k + 1) / room if room > 0 else np.nan

    @property
    def bic(self) -> float:
        """−2LL + k ln n (Schwarz 1978); NaN where n is not known."""
        n = self.n_observations
        return np.nan if self.is_map or n < 1 else self.minus2ll + self.n_parameters * float(np.log(n))

    # --- tables and draws --------------------------------------------------------------------------------------------

    def summary(self, level: float = 0.95, var_names: str | Sequence[str] | None = None) -> pd.DataFrame:
        """Return a table shaped like that of ``az.summary``: a row an element, natural scale.

        Parameters
        ----------
        level : float
            Confidence level of the Wald limits, estimate ± z · se.
        var_names : str or sequence of str, optional
            Parameters and Deterministics to show; left out, all.

        Returns
        -------
        DataFrame
            Columns ``estimate``, ``se``, ``wald95_lb``, ``wald95_ub`` (named for the level), and ``note``: why a
            number is missing or not to be trusted.
        """
        return fit_table.summary(self, level, var_names)

    def draws(self, n: int = 1000, *, random_seed: Any = None) -> xr.Dataset:
        """Draw from N(θ̂, Î⁻¹) and push the draws to the natural scale: a stand-in for a posterior of the likelihood.

        Parameters
        ----------
        n : int
            How many.
        random_seed : int or Generator, optional
            As in PyMC.

        Returns
        -------
        Dataset
            One variable a parameter, dims ``chain`` (of length 1), ``draw``, and its own: what ArviZ takes for a
            posterior. An element on an edge stays there.

        Raises
        ------
        ValueError
            If the fit has no covariance to draw from.
        """
        cov = self._frame_covariance
        if not self.status.is_optimum or not np.isfinite(cov).all():
            raise ValueError(
                f"Expected a fit with an optimum and a covariance, got one that is {self.status.value}: {self.message}"
            )
        rng = get_random_generator(random_seed, copy=True)
        x = self._x + rng.standard_normal((n, len(self._x))) @ _root(cov)
        return _as_draws(self._frame, _clipped(self._frame, x), self._attrs("draws"))

    def to_dataset(self) -> xr.Dataset:
        """Return estimate and standard errors as one Dataset (``name``, ``name_se``), for `to_datatree`."""
        errors = self.standard_error.rename({name: f"{name}_se" for name in self.standard_error.data_vars})
        both = xr.merge([self.point, errors, self.covariance.rename("covariance")])
        numbers = {
            "minus2ll": self.minus2ll,
            "log_prior": self.log_prior,
            "n_parameters": self.n_parameters,
            "n_observations": self.n_observations,
            "aic": self.aic,
            "bic": self.bic,
        }
        return both.assign_attrs(self._attrs("fit"), **numbers)

    def __repr__(self) -> str:
        """Show the table under a headline."""
        return fit_table.text(self)

    def _repr_html_(self) -> str:
        return fit_table.html(self)

    def _attrs(self, group: str) -> dict[str, Any]:
        return provenance(
            self.objective.model.name,
            group=group,
            status=self.status.value,
            message=self.message,
            optimizer=self.optimizer,
            kind="map" if self.is_map else "mle",
            information=self.information,
        )


def estimate_at(objective: Objective, ends: Sequence[Estimate], *, information: str, sandwich: bool) -> Fit:
    """Make a Fit of the best end, with a verdict that takes the others into account."""
    best = _best(ends)
    found, verdict = best.found, _overall(best, ends)
    return _Writer(objective, found, verdict, "sandwich" if sandwich else information).fit(ends)


def _best(ends: Sequence[Estimate]) -> Estimate:
    """Return the lowest optimum; where none is claimed, the lowest end of the most telling status."""
    order = [Status.CONVERGED, Status.NOT_IDENTIFIED, Status.UNBOUNDED, Status.FAILED]

    def rank(end: Estimate) -> tuple[int, float]:
        status = end.verdict.status
        return order.index(Status.CONVERGED if status.is_optimum else status), end.found.value

    return min(ends, key=rank)


def _overall(best: Estimate, ends: Sequence[Estimate]) -> Verdict:
    """Withdraw the claim of an optimum where another start went lower than it."""
    if not best.verdict.status.is_optimum:
        return best.verdict
    for end in ends:
        lower = end.found.value < best.found.value - 1e-6 - noise(best.found.value)
        if end.verdict.status is Status.UNBOUNDED and (lower or end.found.frame.bottomless):
            message = (
                f"{end.verdict.message} The estimate is the best of the local maxima that were found; "
                f"the start that ran away was: {end.origin}."
            )
            return Verdict(Status.UNBOUNDED, message, best.verdict.flat)
        if lower:
            message = f"Another start ({end.origin}) ended lower without arriving: {end.verdict.message}"
            return Verdict(Status.FAILED, message, best.verdict.flat)
    return best.verdict


class _Writer:
    """Carries an end of a search to the natural scale."""

    def __init__(self, objective: Objective, found: Found, verdict: Verdict, information: str):
        self.objective, self.found, self.verdict, self.information = objective, found, verdict, information
        self.frame, self.x = found.frame, found.x
        self.point = self.frame.natural_point(found.x)
        self.theta = self.objective.pack(self.point) if self.frame.natural else found.x

    def fit(self, ends: Sequence[Estimate]) -> Fit:
        errors, derived, derived_errors = self._natural_errors()
        log_likelihood, log_prior = self._values()
        return Fit(
            objective=self.objective,
            theta=self.theta,
            point=self._dataset(self.point),
            standard_error=self._dataset(errors),
            derived=derived,
            derived_standard_error=derived_errors,
            covariance=self._natural_covariance(),
            theta_covariance=self._theta_covariance(),
            minus2ll=-2.0 * log_likelihood,
            log_prior=log_prior,
            n_observations=self.objective.n_observations,
            status=self.verdict.status,
            message=self.verdict.message,
            optimizer=self.found.optimizer,
            starts=_starts_dataset(self.objective, ends),
            information=self.information,
            notes=self._notes(errors),
            _frame=self.frame,
            _x=self.x,
            _frame_covariance=self.cov,
        )

    @cached_property
    def cov(self) -> Array:
        """Covariance over the free elements of the frame; NaN where there is no Hessian."""
        m = len(self.x)
        hessian = self.found.hessian
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
    def flat(self) -> Array:
        """Directions that are not determined, over the free elements."""
        undetermined = self.verdict.status in (Status.NOT_IDENTIFIED, Status.UNBOUNDED)
        fits = self.verdict.flat.shape[1:] == self.x.shape
        return self.verdict.flat if undetermined and fits else np.zeros((0, len(self.x)))

    def _jacobian(self, kind: Any) -> Array:
        """Derivatives (m, n) by the free elements of the frame."""
        full = self.frame.full(self.x)
        jacobian = self.objective.compiled.engine(kind, self.frame.unconstrained).one(full)[0]
        return jacobian.reshape(len(full), -1)[self.frame.free]

    @cached_property
    def _to_natural(self) -> Array:
        return self._jacobian("natural_jacobian")

    def _natural_covariance(self) -> xr.DataArray:
        labels = [label for v in self.objective.variables for label in v.labels]
        cov = delta_method(self.cov, self._to_natural)
        return xr.DataArray(cov, {"parameter": labels, "parameter_bis": labels}, ["parameter", "parameter_bis"])

    def _theta_covariance(self) -> Array:
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
                return slices[name].start + int(i) - where.start
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

    def _natural_errors(self) -> tuple[dict[str, Array], xr.Dataset, xr.Dataset]:
        layout = self.objective.compiled.layout()
        errors = layout.split(self._errors(self._to_natural))
        on_edge = {self.frame.layout.labels[i] for i in self.frame.held}
        for v in self.objective.variables:
            held = np.reshape([label in on_edge for label in v.labels], v.shape)
            errors[v.name] = np.where(held, np.nan, errors[v.name])
        return errors, *self._derived()

    def _errors(self, jacobian: Array) -> Array:
        if not np.isfinite(self.cov).all() or (self.verdict.status is Status.UNBOUNDED and self.found.frame.bottomless):
            return np.full(jacobian.shape[1], np.nan)
        return standard_errors(self.cov, self.flat, jacobian)

    def _derived(self) -> tuple[xr.Dataset, xr.Dataset]:
        """Values and standard errors of the Deterministics."""
        if not self.objective.model.deterministics:
            return xr.Dataset(), xr.Dataset()
        full = self.frame.full(self.x)
        engine = self.objective.compiled.engine("derived", self.frame.unconstrained)
        values = dict(zip(engine.names, engine.one(full), strict=True))
        try:
            errors = self._errors(self._jacobian("derived_jacobian"))
        except (ValueError, NotImplementedError):  # a Deterministic without derivatives
            errors = np.full(sum(v.size for v in values.values()), np.nan)
        ends = np.cumsum([v.size for v in values.values()])[:-1]
        split = dict(zip(values, np.split(errors, ends), strict=True))
        return self._derived_dataset(values), self._derived_dataset(split)

    def _derived_dataset(self, values: dict[str, Array]) -> xr.Dataset:
        arrays = {}
        for name, value in values.items():
            dims, coords, shape = self.objective.compiled.derived_dims(name, value.size)
            arrays[name] = xr.DataArray(np.reshape(value, shape), coords, dims)
        return xr.Dataset(arrays)

    def _values(self) -> tuple[float, float]:
        engine = self.objective.compiled.engine("density", self.frame.unconstrained)
        out = dict(zip(engine.names, engine.one(self.frame.full(self.x)), strict=True))
        return float(sum(out[term] for term in self.objective.terms)), float(out["log_prior"])

    def _dataset(self, values: dict[str, Array]) -> xr.Dataset:
        data = {v.name: (v.dims, np.asarray(values[v.name])) for v in self.objective.variables}
        return xr.Dataset(data, self.objective.coords)

    def _notes(self, errors: dict[str, Array]) -> dict[str, str]:
        notes = {self.frame.layout.labels[i]: "on the edge of the support" for i in self.frame.held}
        for v in self.objective.variables:
            for label, error in zip(v.labels, np.ravel(errors[v.name]), strict=True):
                if label not in notes and np.isinf(error):
                    notes[label] = "not determined"
                elif label not in notes and np.isnan(error):
                    notes[label] = "no standard error: the curvature is not that of a minimum"
        return notes


def _root(cov: Array) -> Array:
    """Return R with RᵀR = C, also for a singular C."""
    values, vectors = np.linalg.eigh(cov)
    root: Array = (vectors * np.sqrt(np.clip(values, 0.0, None))).T
    return root


def _clipped(frame: Frame, x: Array) -> Array:
    """Bring natural values back into their support."""
    low, high = np.full(frame.layout.size, -np.inf), np.full(frame.layout.size, np.inf)
    for v in frame.objective.variables:
        if v.name in frame.natural:
            low[frame.layout.slices[v.name]], high[frame.layout.slices[v.name]] = v.bounds
    return np.clip(x, low[frame.free], high[frame.free])


def _as_draws(frame: Frame, x: Array, attrs: dict[str, Any]) -> xr.Dataset:
    natural = frame.natural_points(x)
    variables = frame.objective.variables
    data = {v.name: (("chain", "draw", *v.dims), natural[v.name][None]) for v in variables}
    coords = {"chain": [0], "draw": np.arange(len(x)), **frame.objective.coords}
    return xr.Dataset(data, coords, attrs)


def _starts_dataset(objective: Objective, ends: Sequence[Estimate]) -> xr.Dataset:
    """Return every start: the waterfall."""
    found = [end.found for end in ends]
    theta = [f.x if not f.frame.natural else objective.pack(f.frame.natural_point(f.x)) for f in found]
    begin = np.stack([end.start for end in ends])
    columns: dict[str, Any] = {
        "start_minus2ll": objective.minus2ll(begin),
        "minus2ll": [f.value if not objective.prior_weight else float(objective.minus2ll(t)) for f, t in
                     zip(found, theta, strict=True)],
        "objective": [f.value for f in found],
        "status": [end.verdict.status.value for end in ends],
        "origin": [end.origin for end in ends],
        "optimizer": [f.optimizer for f in found],
        "n_iterations": [f.n_iterations for f in found],
        "n_evaluations": [f.n_evaluations for f in found],
        "seconds": [f.seconds for f in found],
    }
    data = {name: ("start", np.asarray(value)) for name, value in columns.items()}
    data |= {"start_theta": (("start", "theta"), begin), "end_theta": (("start", "theta"), np.stack(theta))}
    coords = {"start": np.arange(len(ends)), "theta": list(objective.labels)}
    return xr.Dataset(data, coords, provenance(objective.model.name, group="starts"))
