"""Fit a model: maximum likelihood and posterior mode, with what an analyst asks of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
import pymc as pm
import xarray as xr
from pymc.util import get_random_generator

from pymc_landscape import fit_table
from pymc_landscape.aliases import Array
from pymc_landscape.ends import End, best_end, find_ends, overall, starts_dataset
from pymc_landscape.natural_scale import NaturalScale, as_draws, root
from pymc_landscape.objective import Objective, objective_of
from pymc_landscape.provenance import provenance
from pymc_landscape.verdict import Status

Information = Literal["observed", "expected"]


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

    status: Status
    message: str
    information: str
    _natural: NaturalScale = field(repr=False)
    _ends: Sequence[End] = field(repr=False)

    # --- labelled when first asked for ------------------------------------------------------------------------------

    @property
    def objective(self) -> Objective:
        """What was fitted."""
        return self._natural.objective

    @cached_property
    def theta(self) -> Array:
        """The estimate, unconstrained; ±inf at an edge of the support."""
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
        return self._natural.theta_covariance()

    @cached_property
    def notes(self) -> dict[str, str]:
        """Why a standard error is missing, by element."""
        return self._natural.notes()

    @cached_property
    def starts(self) -> xr.Dataset:
        """Every start: the waterfall."""
        return starts_dataset(self.objective, self._ends)

    @property
    def optimizer(self) -> str:
        """The method that arrived."""
        return self._natural.found.optimizer

    # --- numbers -----------------------------------------------------------------------------------------------------

    @property
    def log_likelihood(self) -> float:
        """Log L at the estimate."""
        return self._natural.values[0]

    @property
    def minus2ll(self) -> float:
        """−2 log L at the estimate."""
        return -2.0 * self.log_likelihood

    @property
    def log_prior(self) -> float:
        """Log prior density at the estimate, on the natural scale."""
        return self._natural.values[1]

    @property
    def n_observations(self) -> int:
        """Number n of observed elements; 0 where only potentials hold data."""
        return self._natural.n_observations

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
        frame, center, cov = self._natural.frame, self._natural.x, self._natural.cov
        if not self.status.is_optimum or not np.isfinite(cov).all():
            raise ValueError(
                f"Expected a fit with an optimum and a covariance, got one that is {self.status.value}: {self.message}"
            )
        rng = get_random_generator(random_seed, copy=True)
        x = center + rng.standard_normal((n, len(center))) @ root(cov)
        return as_draws(frame, x, self._attrs("draws"))

    def to_dataset(self) -> xr.Dataset:
        """Return estimate, standard errors and covariance as one Dataset, for `to_datatree`.

        Returns
        -------
        Dataset
            Variables ``name`` and ``name_se`` for each parameter, and ``covariance``; numbers and words as attributes.
        """
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


def fit_mle(
    model: pm.Model | Objective | None = None,
    *,
    starts: Any = 1,
    information: Information = "observed",
    sandwich: bool = False,
    random_seed: Any = None,
    progressbar: bool = True,
) -> Fit:
    """Fit by maximum likelihood: the lowest point of the −2LL landscape, with standard errors.

    The priors play no part, but for the support they define. Newton's method in a trust region goes first, with exact
    slope and Hessian; L-BFGS, and for models without gradients Nelder–Mead, stand in where it does not arrive.

    Parameters
    ----------
    model : pm.Model or Objective, optional
        Left out, the model of the surrounding ``with`` block.
    starts : int, points, or a posterior
        A number: the model's initial point, then prior draws. A mapping, or a list of them: points by name. What
        ``pm.sample`` returned: its likeliest draw and some others. All ends are kept in ``fit.starts``.
    information : {"observed", "expected"}
        Curvature behind the standard errors: the Hessian at the estimate, or its expectation (Fisher information),
        which least-squares programs report. Expected needs distributions of a known family.
    sandwich : bool
        Whether the covariance is the robust one, from the scores of the observations (White 1982).
    random_seed : int or Generator, optional
        For prior draws.
    progressbar : bool
        Whether to show progress, once there is something to wait for.

    Returns
    -------
    Fit
        Read its `status`: only ``converged`` and ``at_bound`` claim an optimum; `message` explains the others.

    Raises
    ------
    ValueError
        If a parameter is discrete, or `starts` are not points of this model.

    Notes
    -----
    Covariance is the inverse of the observed information I = H/2, H the Hessian of −2LL on the unconstrained scale;
    it is carried to the natural scale by the delta method (Cox & Hinkley 1974, *Theoretical Statistics*, chapter 9).

    Examples
    --------
    >>> import pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     p = pm.Beta("p", 1, 1)
    ...     y = pm.Binomial("y", n=10, p=p, observed=7)
    >>> fit = pml.fit_mle(model)
    >>> fit.status.value, round(float(fit.point["p"]), 6), round(float(fit.standard_error["p"]), 6)
    ('converged', 0.7, 0.144914)
    """
    objective = objective_of(model).with_prior_weight(0.0)
    return _fit(objective, starts, information, sandwich, random_seed, progressbar)


def fit_map(
    model: pm.Model | Objective | None = None,
    *,
    starts: Any = 1,
    sandwich: bool = False,
    random_seed: Any = None,
    progressbar: bool = True,
) -> Fit:
    """Fit the posterior mode on the natural scale: the highest point of likelihood × prior, without Jacobian.

    The same as `fit_mle` with the log prior added, and the same mode that ``pm.find_MAP`` looks for. Information
    criteria are those of likelihoods and are NaN here.

    Parameters
    ----------
    model : pm.Model or Objective, optional
        Left out, the model of the surrounding ``with`` block.
    starts : int, points, or a posterior
        As in `fit_mle`.
    sandwich : bool
        As in `fit_mle`; the scores are those of the observations, the curvature has the prior's added.
    random_seed : int or Generator, optional
        For prior draws.
    progressbar : bool
        Whether to show progress, once there is something to wait for.

    Returns
    -------
    Fit
        `covariance` is the inverse curvature of the log posterior at its mode.
    """
    objective = objective_of(model).with_prior_weight(1.0)
    return _fit(objective, starts, "observed", sandwich, random_seed, progressbar)


def _fit(
    objective: Objective, starts: Any, information: Information, sandwich: bool, random_seed: Any, progressbar: bool
) -> Fit:
    if information not in ("observed", "expected"):
        raise ValueError(f"Expected information='observed' or 'expected', got {information!r}.")
    if sandwich and information == "expected":
        raise ValueError("Expected one kind of covariance, got sandwich=True and information='expected'.")
    rng = get_random_generator(random_seed, copy=True)
    ends = find_ends(objective, starts, rng, progressbar)
    return _written(ends, "sandwich" if sandwich else information)


def _written(ends: Sequence[End], information: str) -> Fit:
    """Make a Fit of the best end, with a verdict that takes the others into account."""
    best = best_end(ends)
    verdict = overall(best, ends)
    natural = NaturalScale(best.found, verdict, information).settle()
    fit = Fit(verdict.status, verdict.message, information, natural, tuple(ends))
    if fit.is_map:  # the likelihood of each end is evaluated, and the data may change later
        _ = fit.starts
    return fit
