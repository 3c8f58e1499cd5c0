"""A fit as a table: for the eye, for pandas, for a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, cast

import numpy as np
import pandas as pd
import xarray as xr

from pymc_landscape.arguments import checked_level, checked_names
from pymc_landscape.numerics import two_sided_z
from pymc_landscape.objective import Objective, element_labels, fixed_effect_estimates

# A table of more rows is not read.
SHOWN = 25
# What statsmodels, SciPy, iminuit and R call things that a fit has under another name, or that a verb makes from it.
_HERE = {
    "fit.point holds the estimates by name, fit.theta the unconstrained vector, fit.summary() the table": (
        "params parameters coef coefficients estimate estimates x values x_fit params_constrained best_values"
    ),
    "fit.standard_error holds the standard errors by name, fit.summary() the table": "bse errors stderr se std_errors",
    "fit.covariance is the covariance matrix on the natural scale": "cov cov_params vcov hess_inv cov_x correlation",
    "fit.log_likelihood is log L at the estimate, fit.minus2ll −2 log L": "llf loglike loglik logLik",
    "fit.minus2ll is −2 log L at the estimate, fit.log_likelihood log L": "fun fval nllf nll fmin deviance",
    "pml.confidence_intervals(fit) returns confidence intervals": "conf_int confint minos merrors confidence_intervals",
    "pml.profile_likelihood(fit) traces profiles": "profile mnprofile profile_likelihood",
    "fit.status says what was found, fit.status.is_optimum whether it is an optimum, fit.message why": (
        "success valid converged accurate mle_retvals"
    ),
    "pml.likelihood_ratio_test(null, fit) tests a null model; fit.summary() has estimates and standard errors": (
        "pvalues pvalue p_values tvalues zvalues t_test f_test wald_test"
    ),
    "fit.starts has the cost of each start": "nit nfev njev nfcn n_iterations",
    "fit.n_observations is the number of observed elements": "nobs n_obs",
    "fit.n_parameters is the number of free elements, fit.n_identified how many of them are determined": (
        "npar nfit df_model"
    ),
    "pml.hessian_spectrum(fit) has the curvature, fit.theta_covariance its inverse": "hess hessian jac grad",
    "each pm.Deterministic of the model stands in fit.derived": "fittedvalues predict",
}
# What a fit is called, by its kind.
KINDS = {
    "map": "Posterior mode",
    "firth": "Penalised likelihood (Firth)",
    "reml": "Restricted maximum likelihood (REML)",
}
ELSEWHERE = {name: sentence for sentence, names in _HERE.items() for name in names.split()}


def summary(fit: Any, level: float = 0.95, var_names: str | Sequence[str] | None = None) -> pd.DataFrame:
    """Return estimate, standard error, Wald limits and notes, a row an element."""
    level = checked_level("level", level)
    names, notes = _names(fit, var_names), fit.notes
    estimates, errors = xr.merge([fit.point, fit.derived]), xr.merge([fit.standard_error, fit.derived_standard_error])
    if fixed := [name for name in names if name in _objective(fit).restricted]:
        both = fixed_effect_estimates(fit.objective, fit.point)
        estimates = estimates.assign({name: both[name] for name in fixed})
        errors = errors.assign({name: both[f"{name}_se"] for name in fixed})
    rows = [row for name in names for row in _rows(name, estimates[name], errors[name], notes)]
    table = pd.DataFrame(rows, columns=["", "estimate", "se", "note"]).set_index("")
    table.index.name = None
    reach = two_sided_z(level) * table["se"]
    name = f"wald{100 * level:g}"
    table.insert(2, f"{name}_lb", table["estimate"] - reach)
    table.insert(3, f"{name}_ub", table["estimate"] + reach)
    return table


def _names(fit: Any, var_names: str | Sequence[str] | None) -> list[str]:
    known = [*map(str, fit.point.data_vars), *_objective(fit).restricted, *map(str, fit.derived.data_vars)]
    if var_names is None:
        return known
    return checked_names("var_names", var_names, of="parameters or Deterministics of the model", known=known)


def _objective(fit: Any) -> Objective:
    """Return what was fitted, for its names: they are told whatever has become of the model."""
    return cast(Objective, fit._natural.objective)


def _rows(
    name: str, estimate: xr.DataArray, error: xr.DataArray, notes: dict[str, str]
) -> list[tuple[str, float, float, str]]:
    coords = [estimate[dim].values if dim in estimate.coords else np.arange(n) for dim, n in estimate.sizes.items()]
    labels = element_labels(name, coords)
    values = zip(labels, np.ravel(estimate), np.ravel(error), strict=True)
    return [(label, float(value), float(se), notes.get(label, "")) for label, value, se in values]


def headline(fit: Any) -> str:
    """Say in one line what the fit is."""
    kind, size = KINDS.get(fit.kind, "Maximum likelihood"), _objective(fit).fixed_effects.size
    value = f"−2LL {fit.minus2ll:.6f}" if abs(fit.minus2ll) < 1e9 else f"−2LL {fit.minus2ll:.6g}"
    value += f", penalised {fit.penalized_minus2ll:.6f}" if fit.is_penalized else ""
    numbers = {"AIC": fit.aic, "BIC": fit.bic}
    criteria = "".join(f", {name} {number:.3f}" for name, number in numbers.items() if not np.isnan(number))
    fewer = fit.has_maximum and fit.n_identified < fit.n_parameters + size
    more = f" + {size} fixed" if size else f", {fit.n_identified} identified" if fewer else ""
    counts = f"k = {fit.n_parameters}{more}, n = {fit.n_observations}"
    return (
        f"{kind} fit: {fit.status.value}. {value}{criteria} ({counts}; {fit.optimizer}, {fit.information} information)"
    )


def _explained(fit: Any) -> list[str]:
    """Say what the status means, and which variables of the model are no parameters of this fit."""
    latent = ", ".join(_objective(fit).latent)
    out = f"Integrated or summed out, no parameters (latent): {latent}; with latent=() they are." if latent else ""
    fixed = ", ".join(_objective(fit).restricted)
    flat = f"Fixed effects, integrated out over a flat measure (restricted): {fixed}." if fixed else ""
    return [line for line in (fit.message, out, flat) if line]


def _table(fit: Any) -> pd.DataFrame:
    table = summary(fit)
    return table if table["note"].any() else table.drop(columns="note")


def text(fit: Any) -> str:
    """Return the table under a headline."""
    table = _table(fit)
    more = f"\n... and {len(table) - SHOWN} more rows: fit.summary()" if len(table) > SHOWN else ""
    body = table.head(SHOWN).to_string(float_format=lambda v: f"{v:.6g}")
    explained = "".join(f"\n{line}" for line in _explained(fit))
    return f"{headline(fit)}{explained}\n{body}{more}"


def html(fit: Any) -> str:
    """Return the same for a notebook."""
    table = _table(fit)
    more = f"<p>... and {len(table) - SHOWN} more rows: fit.summary()</p>" if len(table) > SHOWN else ""
    body = table.head(SHOWN).to_html(float_format=lambda v: f"{v:.6g}", border=0)
    explained = "".join(f"<p><em>{escape(line)}</em></p>" for line in _explained(fit))
    return f"<div><strong>{escape(headline(fit))}</strong>{explained}{body}{more}</div>"
