"""An estimate carried to the natural scale: values, standard errors and covariance by the delta method."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from pymc.util import get_random_generator

from pymc_landscape._typing import Array, RandomSeed
from pymc_landscape.arguments import checked_count, checked_number, checked_seed
from pymc_landscape.numerics import covariance, delta_method, sandwich_covariance, standard_errors
from pymc_landscape.objective import LOG_PENALTY, InitialValues, Kind, RestrictedObjective
from pymc_landscape.optimize.local_search import SearchResult
from pymc_landscape.optimize.status import Status, StatusReport
from pymc_landscape.results import array_dataset, labelled_array, labelled_dataset

# Up to so many labels, their indexes are kept.
FEW_LABELS = 200


class NaturalScale:
    """The result of a search on the natural scale: values, standard errors, covariance.

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
        self.restricted, self.x, self.objective = result.restricted, result.x, result.restricted.objective
        self._is_small = result.hessian is not None or information == "expected"  # enough for a covariance
        self.fingerprint, self.variables = self.objective.fingerprint(), self.objective.variables
        self.point = self.restricted.natural_point(result.x)
        self.theta = self.objective.vector(self.point, self.objective.names) if self.restricted.natural else result.x

    def refuse_changes(self, *, is_thorough: bool = False) -> None:
        """Refuse to go on from here with a model that is not the one that was fitted; `is_thorough` as there."""
        if words := self.objective.changes_since(self.fingerprint, is_thorough=is_thorough):
            raise ValueError(
                f"Expected the model as it was fitted, got one in which {words} afterwards: fit it again (fit_mle, "
                "fit_map), or set back what was changed (pm.set_data) before this fit is asked."
            )

    @property
    def cov(self) -> Array:
        """Covariance (m, m) over the free elements; NaN where there is no Hessian."""
        return self._cov if self._is_small else np.broadcast_to(np.nan, (len(self.x),) * 2)  # which takes no memory

    @cached_property
    def _cov(self) -> Array:
        m, hessian = len(self.x), self.result.hessian
        if self.information == "expected":
            hessian = self.objective.fisher(self.restricted.full(self.x), self.restricted.unconstrained)
            hessian = 2.0 * self.restricted.reduced_hessian(hessian)
        if hessian is None or not np.isfinite(hessian).all():
            return np.full((m, m), np.nan)
        if self.information != "sandwich":
            return covariance(hessian)
        scores = self.objective.scores(self.restricted.full(self.x), self.restricted.unconstrained)
        if len(scores) <= m:
            raise ValueError(
                f"Expected more observations than parameters for sandwich=True, got {len(scores)} and {m}: "
                "leave it out, for the observed information."
            )
        return sandwich_covariance(hessian, self.restricted.reduced(scores))

    @property
    def flat_directions(self) -> Array:
        """Directions that are not determined, over the free elements."""
        fits = self.report.flat_directions.shape[1:] == self.x.shape
        return self.report.flat_directions if fits else np.zeros((0, len(self.x)))

    def _jacobian(self, kind: Kind) -> Array:
        """Return derivatives (m, n) by the free elements."""
        full = self.restricted.full(self.x)
        jacobian: Array = self.objective.engine(kind, self.restricted.unconstrained).one(full)[0]
        return self.restricted.reduced(jacobian.reshape(len(full), -1).T).T

    def covariance(self) -> xr.DataArray:
        """Return the covariance of all natural elements, by the delta method."""
        labels = [label for v in self.variables for label in v.labels]
        cov = delta_method(self.cov, self._jacobian("natural_jacobian"))
        return labelled_array(cov, {"parameter": labels, "parameter_bis": labels}, ["parameter", "parameter_bis"])

    def theta_covariance(self) -> Array:
        """Return the covariance on the unconstrained scale; NaN for elements at a bound."""
        if not self.restricted.natural:
            return self.cov
        cov = np.full((self.objective.size,) * 2, np.nan)
        theta_layout = self.objective.layout(self.objective.names)
        coordinates = self.restricted.coordinates
        own = [(m, i) for m, i in enumerate(self.restricted.free) if coordinates is None or not coordinates.has(i)]
        positions = [self._position_in_theta(i, theta_layout.slices) for _, i in own]
        rates = np.array([self._rate(i, j) for (_, i), j in zip(own, positions, strict=True)])
        rows = [m for m, _ in own]
        cov[np.ix_(positions, positions)] = self.cov[np.ix_(rows, rows)] * np.outer(rates, rates)
        return cov

    def _position_in_theta(self, i: int, slices: dict[str, slice]) -> int:
        """Elements that can be at a bound are transformed one by one: their places correspond."""
        for name, positions in self.restricted.layout.slices.items():
            if positions.start <= i < positions.stop:
                return int(slices[name].start + i - positions.start)
        raise AssertionError(i)

    def _rate(self, i: int, j: int) -> float:
        """Change of `theta[j]` for a change of element i of the restricted objective."""
        label = self.restricted.layout.labels[i]
        name = next(
            n for n, positions in self.restricted.layout.slices.items() if positions.start <= i < positions.stop
        )
        if name not in self.restricted.natural:
            return 1.0
        finite = np.where(np.isfinite(self.theta), self.theta, 0.0)
        natural = [natural_label for v in self.variables for natural_label in v.labels]
        return float(1.0 / self.objective.jacobian(finite)[j, natural.index(label)])

    @cached_property
    def errors(self) -> dict[str, Array]:
        """Standard errors of the natural elements; NaN at a bound."""
        layout = self.objective.layout()
        errors = layout.split(self._errors("natural_jacobian", layout.size))
        fixed = self._labels_at_bounds()
        for v in self.variables:
            is_fixed = np.reshape([label in fixed for label in v.labels], v.shape)
            errors[v.name] = np.where(is_fixed, np.nan, errors[v.name])
        return errors

    def _labels_at_bounds(self) -> set[str]:
        """Return the labels of the elements that are fixed at a bound: those that are tied still move together."""
        restricted = self.restricted
        tied = restricted.coordinates.is_increment if restricted.coordinates is not None else lambda _: False
        at_bound = [restricted.positions[element] for element in restricted.fixed_elements if not tied(element)]
        whole = restricted.coordinates.whole_shares(restricted.fixed) if restricted.coordinates is not None else []
        return {restricted.layout.labels[i] for i in (*at_bound, *whole)}

    def _errors(self, kind: Kind, size: int) -> Array:
        status = self.report.status
        is_endless = status is Status.UNBOUNDED and self.result.unbounded_below
        if is_endless or status is Status.FAILED or not (self._is_small and np.isfinite(self.cov).all()):
            return np.full(size, np.nan)
        errors = standard_errors(self.cov, self.flat_directions, self._jacobian(kind))
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
        if not self.objective.deterministics:
            return {}, {}
        full = self.restricted.full(self.x)
        engine = self.objective.engine("derived", self.restricted.unconstrained)
        values = dict(zip(engine.names, map(np.asarray, engine.one(full)), strict=True))
        errors = self._errors("derived_jacobian", sum(v.size for v in values.values()))
        cuts = np.cumsum([v.size for v in values.values()])[:-1]
        return values, dict(zip(values, np.split(errors, cuts), strict=True))

    def _derived_dataset(self, values: dict[str, Array]) -> xr.Dataset:
        arrays = {}
        for name, value in values.items():
            dims, coords, shape = self.objective.derived_dims(name, value.size, self.fingerprint.coords)
            arrays[name] = labelled_array(np.reshape(value, shape), coords, dims)
        return array_dataset(arrays)

    @cached_property
    def values(self) -> tuple[float, float, float]:
        """Log-likelihood, log prior, and penalty."""
        engine = self.objective.engine("density", self.restricted.unconstrained)
        out = dict(zip(engine.names, engine.one(self.restricted.full(self.x)), strict=True))
        likelihood, prior = float(sum(out[term] for term in self.objective.terms)), float(out["log_prior"])
        penalty = float(out.get(LOG_PENALTY, 0.0))
        plain = not self.objective.prior_weight and not penalty
        if not np.isfinite(likelihood) and np.isfinite(self.result.value) and plain:
            likelihood = -0.5 * self.result.value  # the limit at a bound
        return likelihood, prior, penalty

    def dataset(self, values: dict[str, Array]) -> xr.Dataset:
        """Return one labelled variable a parameter."""
        data = {v.name: (tuple(v.dims), np.asarray(values[v.name])) for v in self.variables}
        coords = {d: c for v in self.variables for d, c in zip(v.dims, v.coords, strict=True)}
        if sum(map(len, coords.values())) > FEW_LABELS or any(c.dtype.kind not in "Uif" for c in coords.values()):
            return array_dataset(data, coords)
        return labelled_dataset(data, {name: tuple(labels) for name, labels in coords.items()}, {}, {})

    def notes(self) -> dict[str, str]:
        """Return why a standard error is missing, by element."""
        why = "no curvature" if self._is_small else "too many parameters for all; confidence_intervals has single ones"
        reason = why if self.report.status.is_optimum else "not an optimum"
        notes = dict.fromkeys(self._labels_at_bounds(), "on the edge of the support")
        for v in self.variables:
            for label, error in zip(v.labels, np.ravel(self.errors[v.name]), strict=True):
                if label not in notes and np.isinf(error):
                    notes[label] = "not determined"
                elif label not in notes and np.isnan(error):
                    notes[label] = f"no standard error: {reason}"
        return notes


class EstimateDraws:
    """Draws around an estimate: a stand-in for a posterior, and where the chains of a sampler start.

    Attributes
    ----------
    status : Status
        What is claimed of the estimate.
    message : str
        Explains it.
    """

    status: Status
    message: str
    _natural: NaturalScale

    def _attrs(self, group: str) -> dict[str, Any]:
        """Return what a Dataset of this group says of its origin."""
        raise NotImplementedError

    def draws(self, n: int = 1000, *, random_seed: RandomSeed | None = None) -> xr.Dataset:
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
            One variable a parameter and a Deterministic, dims ``chain`` (of length 1), ``draw``, and its own: what
            ArviZ takes for a posterior. An element at a bound stays there.

        Raises
        ------
        ValueError
            If the fit has no covariance to draw from.
        """
        n = checked_count("n", n, advice="give how many draws")
        checked_seed(random_seed)
        self._natural.refuse_changes()
        restricted, center, cov = self._natural.restricted, self._natural.x, self._natural.cov
        if not self.status.is_optimum or not np.isfinite(cov).all():
            raise ValueError(
                f"Expected a fit with an optimum and a covariance, got one that is {self.status.value}: {self.message}"
            )
        rng = get_random_generator(random_seed, copy=True)
        x = center + rng.standard_normal((n, len(center))) @ root(cov)
        return as_draws(restricted, x, self._attrs("draws"))

    def initvals(
        self, chains: int = 4, *, random_seed: RandomSeed | None = None, spread: float = 1.0
    ) -> list[dict[str, Array]]:
        """Draw where the chains of a sampler start: around the estimate, as far as it is uncertain.

        Parameters
        ----------
        chains : int
            How many.
        random_seed : int or Generator, optional
            As in PyMC.
        spread : float
            What all standard deviations are multiplied by: 0 starts every chain at the estimate, 2 overdispersed.

        Returns
        -------
        list of dict of str to array
            One a chain, by free variable on the natural scale, strictly inside the support: ``initvals`` of
            ``pm.sample``. Parameters are drawn from N(θ̂, Î⁻¹) on the unconstrained scale; random effects, and fixed
            ones of a restricted likelihood, from N(û, H⁻¹) given these; discrete variables are in their likeliest
            states. What is not determined, or has no standard error, moves by U(−1, 1); an estimate on an edge is
            moved inside until −2LL has risen by a draw of χ²₁. What dropped out of the likelihood is left out.

        Raises
        ------
        ValueError
            If `chains` is less than 1, or `spread` negative.

        Notes
        -----
        ``pm.sample`` adds a jitter of its own unless told ``init="adapt_diag"``. Starts more spread than the target
        are what R-hat assumes (Gelman & Rubin 1992, *Statistical Science* 7, 457-472): take `spread` above 1.

        Examples
        --------
        >>> import pymc as pm, pymc_landscape as pml
        >>> with pm.Model() as model:
        ...     p = pm.Beta("p", 1, 1)
        ...     y = pm.Binomial("y", n=10, p=p, observed=7)
        >>> starts = pml.fit_mle(model, progressbar=False).initvals(2, random_seed=1)
        >>> [round(float(start["p"]), 3) for start in starts]
        [0.748, 0.804]
        """
        chains = checked_count("chains", chains)
        spread = checked_number("spread", spread, at_least=0, advice="leave it out for 1")
        checked_seed(random_seed)
        n = self._natural
        n.refuse_changes()
        values = InitialValues(n.restricted, n.x, n.cov, n.flat_directions, self.status is Status.UNBOUNDED)
        return values.draw(chains, spread, get_random_generator(random_seed, copy=True))


def root(cov: Array) -> Array:
    """Return R with RᵀR = C, also for a singular C."""
    values, vectors = np.linalg.eigh(cov)
    root: Array = (vectors * np.sqrt(np.clip(values, 0.0, None))).T
    return root


def _clipped(restricted: RestrictedObjective, x: Array) -> Array:
    """Bring natural values back into their support."""
    low, high = np.full(restricted.layout.size, -np.inf), np.full(restricted.layout.size, np.inf)
    for v in restricted.objective.variables:
        if v.name in restricted.natural:
            low[restricted.layout.slices[v.name]], high[restricted.layout.slices[v.name]] = v.low, v.high
    return np.clip(x, low[restricted.free], high[restricted.free])


def as_draws(restricted: RestrictedObjective, x: Array, attrs: dict[str, Any]) -> xr.Dataset:
    """Return vectors (n, m) of free elements as draws of one chain, on the natural scale."""
    inside = _clipped(restricted, x)
    natural = restricted.natural_points(inside)
    variables = restricted.objective.variables
    data = {v.name: (("chain", "draw", *v.dims), natural[v.name][None]) for v in variables}
    coords = {"chain": [0], "draw": np.arange(len(x)), **restricted.objective.coords}
    parameters = array_dataset(data, coords, attrs)
    return parameters.assign(_derived_draws(restricted, inside)) if restricted.objective.deterministics else parameters


def _derived_draws(restricted: RestrictedObjective, x: Array) -> dict[str, xr.DataArray]:
    """Return every Deterministic of many points (n, m)."""
    drawn = {}
    for name, values in restricted.engine("derived").at(restricted.full(x)).items():
        dims, coords, shape = restricted.objective.derived_dims(name, values[0].size)
        drawn[name] = labelled_array(values.reshape(1, len(x), *shape), coords, ["chain", "draw", *dims])
    return drawn
