"""A fitted model: the estimate, and what an analyst asks of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd
import xarray as xr

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.arguments import checked_array
from pymc_landscape.numerics import noise
from pymc_landscape.objective import Objective, conditional_modes
from pymc_landscape.optimize import fit_summary
from pymc_landscape.optimize.estimates import EstimateDraws, NaturalScale
from pymc_landscape.optimize.information_criteria import InformationCriteria
from pymc_landscape.optimize.local_search import SearchResult
from pymc_landscape.optimize.multistart import LocalOptimum, StartResult, ends_elsewhere, local_optima, starts_dataset
from pymc_landscape.optimize.status import Status
from pymc_landscape.optimize.symmetries import EquivalentOptima, Symmetry
from pymc_landscape.optimize.tolerances import SAME_OPTIMUM
from pymc_landscape.results import Portable, provenance_attributes


@dataclass(frozen=True, eq=False)
class Fit(Portable, InformationCriteria, EstimateDraws):
    """A fitted model.

    It belongs to the data, terms, transforms and coordinates that were fitted. What it knows it tells whatever becomes
    of the model; what needs the model again is refused while that is another, as after ``pm.set_data``.

    Attributes
    ----------
    objective : Objective
        What was fitted.
    theta : array (k,)
        The estimate, unconstrained; ±inf at a bound of the support.
    point, standard_error : Dataset
        Estimate and standard error on the natural scale, one variable a parameter, with the model's dims. Standard
        errors are infinite along directions that are not determined, and NaN at a bound.
    derived, derived_standard_error : Dataset
        The same for each ``pm.Deterministic``.
    covariance : DataArray (parameter, parameter_bis)
        Covariance of all natural elements, by the delta method.
    theta_covariance : array (k, k)
        Covariance on the unconstrained scale; NaN for elements at a bound.
    minus2ll, log_likelihood, log_prior : float
        At the estimate; the prior on the natural scale.
    n_parameters : int
        Number k of free elements.
    n_identified : int
        How many of these the model determines, which AIC, AICc and BIC count; NaN where that cannot be said.
    n_observations : int
        Number n of observed elements, as AICc and BIC count them; 0 where only potentials hold data.
    status : Status
        ``converged``, ``at_bound``, ``not_identified``, ``unbounded`` or ``failed``; the first two claim an optimum.
    message : str
        Explains the status.
    optimizer : str
        The method that converged.
    starts : Dataset
        Every start: where it began and ended, its status, its cost. Dims ``start``, ``theta``.
    symmetries : tuple of Symmetry
        Which parameters can change places, or sign, without a change of the surface.

    Examples
    --------
    Of seven successes in ten trials, by `fit_mle`:

    >>> import pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     p = pm.Beta("p", 1, 1)
    ...     y = pm.Binomial("y", n=10, p=p, observed=7)
    >>> fit = pml.fit_mle(model)
    >>> fit.status.value, fit.n_parameters, round(fit.minus2ll, 4), round(fit.aic, 4)
    ('converged', 1, 2.6423, 4.6423)
    >>> round(float(fit.point["p"]), 4), round(float(fit.standard_error["p"]), 4)
    (0.7, 0.1449)
    """

    status: Status
    message: str
    information: str
    _natural: NaturalScale = field(repr=False)
    _results: Sequence[StartResult] = field(repr=False)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Say where a fit has what other packages call `name`."""
            if name in fit_summary.ELSEWHERE:
                raise AttributeError(f"A Fit has no {name!r}: {fit_summary.ELSEWHERE[name]}.")
            return object.__getattribute__(self, name)  # raises what Python says of it, with the nearest names

    # --- labelled when first asked for ------------------------------------------------------------------------------

    @property
    def objective(self) -> Objective:
        """What was fitted.

        Raises
        ------
        ValueError
            If the model's data, terms, variables, transforms or coordinates are no longer those that were fitted: every
            verb that takes a fit comes by here.
        """
        self._natural.refuse_changes()
        return self._natural.objective

    @property
    def refitted(self) -> Objective:
        """What is fitted when it is fitted again: the same objective, on the data that the model has now."""
        return self._natural.objective

    def refuse_changes(self) -> None:
        """Refuse to go on with a model that is no longer the one that was fitted, whatever was changed, and how."""
        self._natural.refuse_changes(is_thorough=True)

    @cached_property
    def theta(self) -> Array:
        """The estimate, unconstrained; ±inf at a bound of the support."""
        return self._natural.theta

    @cached_property
    def point(self) -> xr.Dataset:
        """The estimate on the natural scale, one variable a parameter."""
        return self._natural.dataset(self._natural.point)

    @cached_property
    def standard_error(self) -> xr.Dataset:
        """Standard errors on the natural scale."""
        return self._natural.dataset(self._natural.errors)

    @property
    def derived(self) -> xr.Dataset:
        """Each ``pm.Deterministic`` at the estimate."""
        return self._natural.derived[0]

    @property
    def derived_standard_error(self) -> xr.Dataset:
        """Standard errors of the Deterministics."""
        return self._natural.derived[1]

    @cached_property
    def covariance(self) -> xr.DataArray:
        """Covariance of all natural elements."""
        return self._natural.covariance()

    @cached_property
    def theta_covariance(self) -> Array:
        """Covariance on the unconstrained scale."""
        self._natural.refuse_changes()
        return self._natural.theta_covariance()

    @cached_property
    def notes(self) -> dict[str, str]:
        """Why a standard error is missing, by element."""
        return self._natural.notes()

    @cached_property
    def starts(self) -> xr.Dataset:
        """Every start: the waterfall."""
        return starts_dataset(self._natural.objective, self._results)

    def local_optima(self) -> tuple[LocalOptimum, ...]:
        """Return the other optima at which the fit's starts ended, each once, the lowest first.

        Returns
        -------
        tuple of LocalOptimum
            Each with `value`, −2 (log L + w log prior); `status`; `theta`, the unconstrained vector; and `point`, a
            Dataset on the natural scale. Empty where all starts ended at the estimate, or at no optimum. Two are one
            if values are within 1e-6 and unconstrained elements within 1e-3. Copies of the estimate are left out.
        """
        return self._local_optima

    @cached_property
    def _local_optima(self) -> tuple[LocalOptimum, ...]:
        others = local_optima(self.result.value, self.theta, self._results)
        level = [one for one in others if one.value <= self.result.value + SAME_OPTIMUM + noise(self.result.value)]
        join, equivalent = self.objective.layout().join, self._equivalent if level else None
        copied = {id(one) for one in level if equivalent is not None and equivalent.is_copy(join(one.natural))}
        return tuple(one for one in others if id(one) not in copied)

    @cached_property
    def _equivalent(self) -> EquivalentOptima:
        self._natural.refuse_changes()
        return EquivalentOptima(self._natural, ends_elsewhere(self.theta, self._results), len(self._results))

    @property
    def symmetries(self) -> tuple[Symmetry, ...]:
        """Permutations and reflections of the parameters that leave the surface as it is, as its values show.

        Components of a mixture that can change places, signs of factors: the optimum has a copy for each. They are
        found when first asked for. Each has `words` for what changes.
        """
        return self._equivalent.symmetries

    def copies(self) -> tuple[dict[str, Array], ...]:
        """Return the other copies of the estimate under `symmetries`.

        Returns
        -------
        tuple of dict
            Natural values by name. Empty where four starts or more were searched and all ended at one place.
        """
        return tuple(self.objective.layout().split(image) for image in self._equivalent.copies)

    def copy_of(self, vector: Array) -> str:
        """Say what has changed in the copy of the estimate in which a natural vector lies.

        Parameters
        ----------
        vector : array (n,)
            Natural values of all parameters.

        Returns
        -------
        str
            Which elements have changed places or sign; empty in the estimate's own copy.
        """
        vector, size = checked_array("vector", vector), self.objective.layout().size
        if vector.shape != (size,):
            raise ValueError(f"Expected vector with {size} natural values, got shape {vector.shape}: give one of each.")
        return self._equivalent.words_at(vector)

    @cached_property
    def latent(self) -> xr.Dataset:
        """What is latent, given the estimate: the likeliest random effects, and the states of discrete variables.

        Of an effect, ``name`` and ``name_se``, its standard error given the estimate: lme4's ``ranef`` and ``condVar``.
        Of a fixed effect of a restricted likelihood the same: its best linear unbiased estimate, lme4's ``fixef``;
        standard errors of random effects then have the fixed ones' in them (Henderson 1975).
        Of a discrete variable, ``name``, the most probable state of each element, and ``name_probability``, with a dim
        ``name_state`` more. Where both come in blocks of their own, effects are given the most probable state; else
        states are given the likeliest effects. The uncertainty of the estimate is no part of any of them. Empty where
        nothing was integrated or summed out.
        """
        return conditional_modes(self.objective, self._natural.point, self._attrs("latent"))

    @property
    def result(self) -> SearchResult:
        """The result of the search that converged: the objective that it minimised, and its free elements."""
        return self._natural.result

    @property
    def result_covariance(self) -> Array:
        """Covariance (m, m) of the free elements of `result`; NaN where there is no Hessian."""
        return self._natural.cov

    @property
    def flat_directions(self) -> Array:
        """Directions (n, m) over the same elements that the likelihood does not determine."""
        return self._natural.flat_directions

    @property
    def optimizer(self) -> str:
        """The method that converged."""
        return self._natural.result.optimizer

    # --- numbers -----------------------------------------------------------------------------------------------------

    @property
    def log_likelihood(self) -> float:
        """Log L at the estimate."""
        return self._natural.values[0]

    @property
    def log_prior(self) -> float:
        """Log prior density at the estimate, on the natural scale."""
        return self._natural.values[1]

    @property
    def n_parameters(self) -> int:
        """Number k of free elements of `theta`."""
        return len(self.theta)

    # --- tables -----------------------------------------------------------------------------------------------------

    def summary(self, level: float = 0.95, var_names: str | Sequence[str] | None = None) -> pd.DataFrame:
        """Return a table shaped like that of ``az.summary``: a row an element, natural scale.

        Parameters
        ----------
        level : float
            Confidence level of the Wald limits, estimate ± z · se.
        var_names : str or sequence of str, optional
            Parameters, Deterministics and fixed effects to show; left out, all.

        Returns
        -------
        DataFrame
            A row an element of the parameters and Deterministics, and of the fixed effects that a restricted likelihood
            integrates out. Columns ``estimate``, ``se``, ``wald95_lb``, ``wald95_ub`` (named for the level), and
            ``note``: why a number is missing or not to be trusted.
        """
        return fit_summary.summary(self, level, var_names)

    def to_dataset(self) -> xr.Dataset:
        """Return estimate, standard errors and covariance as one Dataset, for `to_datatree`.

        Returns
        -------
        Dataset
            Variables ``name`` and ``name_se`` for each parameter and Deterministic, and ``covariance`` (of the
            parameters); numbers and words as attributes.
        """
        errors = xr.merge([self.standard_error, self.derived_standard_error])
        errors = errors.rename({name: f"{name}_se" for name in errors.data_vars})
        both = xr.merge([self.point, self.derived, errors, self.covariance.rename("covariance")])
        numbers = {
            "minus2ll": self.minus2ll,
            "log_prior": self.log_prior,
            "n_parameters": self.n_parameters,
            "n_identified": self.n_identified,
            "n_observations": self.n_observations,
            "aic": self.aic,
            "bic": self.bic,
        }
        return both.assign_attrs(self._attrs("fit"), **numbers)

    def __repr__(self) -> str:
        """Show the table under a headline."""
        return fit_summary.text(self)

    def _repr_html_(self) -> str:
        return fit_summary.html(self)

    def _attrs(self, group: str) -> dict[str, Any]:
        return provenance_attributes(
            self._natural.objective.origin,
            group=group,
            status=self.status.value,
            message=self.message,
            optimizer=self.optimizer,
            kind=self.kind,
            information=self.information,
        )


def natural_point(fit: Fit) -> dict[str, Array]:
    """Return the estimate on the natural scale as arrays by name."""
    return {str(name): value.values for name, value in fit.point.data_vars.items()}
