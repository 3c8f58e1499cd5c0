"""`compare_models`: information criteria, likelihood ratios and cross-validation of several models in one table.

Criteria and weights as in Burnham & Anderson 2002, *Model Selection and Multimodel Inference*; the likelihood is
marginal, random effects are integrated out (Vaida & Blanchard 2005, *Biometrika* 92, 351-370, on what else AIC can be).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import ModelLike, Posterior, RandomSeed
from pymc_landscape.arguments import check_run_options, checked_choice, checked_count, wrong_type
from pymc_landscape.inference.criteria_words import agreement, place, rank, weights
from pymc_landscape.inference.cross_validation import LooRow, cross_validate
from pymc_landscape.inference.hypothesis_tests import (
    Reference,
    likelihood_ratio_test,
    nest,
    refuse_other_data,
    refuse_posterior_mode,
)
from pymc_landscape.objective import Objective, effect_groups, pymc_model
from pymc_landscape.objective.observations import enough_draws
from pymc_landscape.optimize import Fit, Status, fit_of
from pymc_landscape.results import provenance_attributes

COLUMNS = (
    *("k", "n_identified", "n", "n_bic", "minus2ll", "aic", "aicc", "bic"),
    *("delta_aic", "weight_aic", "delta_bic", "weight_bic", "lr_statistic", "lr_df", "lr_p", "lr_reference"),
    *("elpd_loo", "se_loo", "p_loo", "elpd_diff", "se_diff", "weight_loo", "focus", "note"),
)
MARGINAL, TWO_FOCI = "marginal", "marginal; LOO conditional"
# What BIC counts.
Counted = Literal["rows", "groups"]

type Comparable = Fit | ModelLike | Objective


def compare_models(
    models: Mapping[str, Comparable | tuple[Comparable, Posterior]],
    *,
    n: Counted | int = "rows",
    reference: Reference = "auto",
    draws: int = 999,
    random_seed: RandomSeed | None = None,
    progressbar: bool = True,
) -> pd.DataFrame:
    """Compare models of the same data in one table, like that of ``az.compare``.

    Criteria answer different questions: AIC and AICc ask which model would predict new data best, in new groups where
    random effects are integrated out; LOO asks it of new rows, given what was drawn; BIC which model the data support
    most; a likelihood ratio test whether a smaller model could have made the data. The table shows all, and its notes
    say where they differ by more than their tolerance.

    Parameters
    ----------
    models : mapping of str to Fit, pm.Model or Objective, or to (one of these, DataTree)
        Maximum likelihood fits by name, each alone or with a posterior of the same model, for LOO; a model is fitted
        first.
    n : {"rows", "groups"} or int
        What BIC counts: observed elements, as lme4 does; the independent groups of the random effects (all models
        with effects must have the same number); or a number.
    reference : {"auto", "chi2", "chibar2", "bootstrap"}
        As in `likelihood_ratio_test`.
    draws : int
        Data sets simulated for a test that needs the bootstrap.
    random_seed : int or Generator, optional
        For the bootstrap, as in PyMC.
    progressbar : bool
        Whether to show progress, once there is something to wait for.

    Returns
    -------
    DataFrame
        A row a model, the lowest AIC first. ``k``, the number of parameters, and ``n_identified``, how many of them the
        model determines, which criteria count; ``n`` observations, and ``n_bic``, what BIC counts; ``minus2ll``;
        ``aic``, ``aicc``, ``bic``; of AIC and BIC ``delta_…`` (above the lowest) and ``weight_…``, which sum to 1;
        ``lr_statistic``, ``lr_df``, ``lr_p``, ``lr_reference`` of the test against the largest other model
        that is nested in this one; of ``az.compare``, NaN without a posterior, ``elpd_loo``, ``se_loo``, ``p_loo``,
        ``elpd_diff`` (below the best) with its standard error ``se_diff``, and ``weight_loo`` (stacking); ``focus``:
        ``marginal`` (of new groups), or ``marginal; LOO conditional`` where LOO is given the random effects (of new
        rows of the same groups); and ``note``: by which criteria it is the best or within 2, or 2 standard errors, of
        it, what the test was against, and what to beware of. ``attrs["message"]`` says in a sentence whether the
        criteria agree; ``attrs["group"]`` is the name that `to_datatree` gives the table.

    Raises
    ------
    ValueError
        If there are no models, one of the fits is a posterior mode or is conditional on random effects, the models are
        not of the same data, a posterior is not that of its model, log-likelihoods are of rows in one posterior and of
        groups in another, or groups are to be counted where there are none, or crossed ones.

    Notes
    -----
    Weights are exp(−Δ/2) / Σ exp(−Δ/2) (Burnham & Anderson 2002, *Model Selection and Multimodel Inference*). Those of
    AIC are Akaike weights (section 2.9). Those of BIC are none: they approximate posterior probabilities of the models
    under equal prior probabilities and unit-information priors (section 6.4).

    With an estimate on an edge of the support, as a variance of 0, AIC and BIC count the parameter in full. That is
    more than it is worth on average, so marginal AIC leans towards the model without it (Greven & Kneib 2010,
    *Biometrika* 97, 773-789); the test knows the edge. For random effects n is neither rows nor groups: rows penalise
    variances too much, groups fixed effects too little (Delattre, Lavielle & Poursat 2014, *Electronic Journal of
    Statistics* 8, 456-475). AICc is exact for normal regression and an approximation elsewhere.

    Criteria compare likelihoods of the same data only: a model of log y has another likelihood than one of y.

    Examples
    --------
    >>> import pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     mu, sigma = pm.Normal("mu", 0, 10), pm.HalfNormal("sigma", 10)
    ...     y = pm.Normal("y", mu, sigma, observed=[0.2, 1.4, 0.9, 1.1, 0.5])
    >>> fits = {"free": pml.fit_mle(model), "zero": pml.fit_mle(pm.do(model, {"mu": 0.0}))}
    >>> table = pml.compare_models(fits)
    >>> table[["k", "minus2ll", "delta_aic", "lr_p"]].round(4)
          k  minus2ll  delta_aic    lr_p
    free  2    5.6596     0.0000  0.0054
    zero  1   13.4003     5.7406     NaN
    """
    draws = checked_count("draws", draws)
    checked_choice("reference", reference, get_args(Reference))
    check_run_options(random_seed, progressbar)
    if n != "rows" and n != "groups":
        n = checked_count("n", n, advice="give a positive number, 'rows' or 'groups'")
    entries = [_entry(name, model, progressbar) for name, model in _checked(models).items()]
    _refuse_other_data(entries)
    counted = _counts(entries, n)
    options = {"reference": reference, "draws": draws, "random_seed": random_seed, "progressbar": progressbar}
    tests = [_test(entry, entries, options) for entry in entries]
    loo = cross_validate({e.name: (e.fit, e.dt) for e in entries if e.dt is not None})
    return _table(entries, tests, loo, counted)


@dataclass(frozen=True)
class _Entry:
    """One model: its fit, and its posterior if there is one."""

    name: str
    fit: Fit
    dt: Posterior | None


@dataclass(frozen=True)
class _Test:
    """One likelihood ratio, and what is to be said of it."""

    statistic: float = np.nan
    df: int = 0
    p_value: float = np.nan
    reference: str = ""
    note: str = ""


# --- what was given --------------------------------------------------------------------------------------------------


def _checked[M](models: Mapping[str, M]) -> Mapping[str, M]:
    if not isinstance(models, Mapping):
        raise wrong_type("a mapping of names to fits", models, "write models={'name': fit, …}")
    if not models:
        raise ValueError("Expected at least one model, got none: write models={'name': fit, …}.")
    return models


def _entry(name: str, model: Comparable | tuple[Comparable, Posterior], progressbar: bool) -> _Entry:
    fitted, dt = model if isinstance(model, tuple) and len(model) == 2 else (model, None)
    if not isinstance(fitted, Fit | Objective):
        pymc_model(fitted, f"models[{name!r}]")
    if dt is not None:
        enough_draws(dt)
    fit = fit_of(fitted, f"compare_models ({name})", prior_weight=0.0, progressbar=progressbar)
    refuse_posterior_mode(fit, repr(name))
    if fit.is_penalized:
        raise ValueError(
            f"Expected maximum likelihood fits, got a penalised one as {name!r}: information criteria are those of "
            "a maximum of the likelihood; test nested penalised fits with likelihood_ratio_test."
        )
    if fit.objective.conditional:
        raise ValueError(
            f"Expected models whose random effects are integrated out, got {name!r} with "
            f"{', '.join(fit.objective.conditional)} as parameters: a joint maximum over them is no marginal "
            "likelihood, and no criterion applies to it; use Objective(model, latent='auto')."
        )
    return _Entry(str(name), fit, dt)


def _refuse_other_data(entries: Sequence[_Entry]) -> None:
    first = entries[0]
    for other in entries[1:]:
        refuse_other_data(first.fit, other.fit, (repr(first.name), repr(other.name)))


def _counts(entries: Sequence[_Entry], n: Counted | int) -> list[int]:
    """Return what BIC counts, by model."""
    if n == "rows":
        return [entry.fit.n_observations for entry in entries]
    if n != "groups":
        return [int(n)] * len(entries)
    groups = {entry.name: effect_groups(entry.fit.objective) for entry in entries}
    numbers = sorted({number for number in groups.values() if number})
    if len(numbers) != 1 or numbers[0] == 1:
        found = ", ".join(f"{number or 'none'} in {name!r}" for name, number in groups.items())
        raise ValueError(
            f"Expected random effects in one number of independent groups for n='groups', got {found} (crossed effects "
            "and series are one group): give the number, for example n=12."
        )
    return numbers * len(entries)


# --- likelihood ratios -----------------------------------------------------------------------------------------------


def _test(entry: _Entry, entries: Sequence[_Entry], options: Mapping[str, Any]) -> _Test:
    """Test a model against the largest other one that is nested in it."""
    smaller = [e for e in entries if e.fit.n_parameters < entry.fit.n_parameters]
    for null in sorted(smaller, key=lambda e: (-e.fit.n_parameters, e.fit.minus2ll)):
        try:
            nest(null.fit, entry.fit)
        except ValueError:  # not nested: the next smaller one may be
            continue
        return _ratio(null, entry, options)
    return _Test()


def _ratio(null: _Entry, entry: _Entry, options: Mapping[str, Any]) -> _Test:
    try:
        test = likelihood_ratio_test(null.fit, entry.fit, **options)
    except ValueError as error:
        fits = (null.fit, entry.fit)
        statistic = null.fit.minus2ll - entry.fit.minus2ll if all(fit.has_maximum for fit in fits) else np.nan
        df = entry.fit.n_parameters - null.fit.n_parameters
        return _Test(statistic, df, note=f"no LR test against {null.name}: {error}")
    return _Test(test.statistic, test.df, test.p_value, test.reference, f"LR test against {null.name}")


# --- as a table ------------------------------------------------------------------------------------------------------


def _table(
    entries: Sequence[_Entry], tests: Sequence[_Test], loo: Mapping[str, LooRow], counted: Sequence[int]
) -> pd.DataFrame:
    rows = [
        _row(entry, test, loo.get(entry.name, LooRow()), n)
        for entry, test, n in zip(entries, tests, counted, strict=True)
    ]
    table = pd.DataFrame(rows, index=[entry.name for entry in entries])
    for name in ("aic", "bic"):
        table[f"delta_{name}"] = table[name] - table[name].min()
        table[f"weight_{name}"] = weights(table[f"delta_{name}"])
    rankings = rank(table)
    places = [place(entry.name, rankings) for entry in entries]
    table["note"] = ["; ".join(filter(None, [at, *notes])) for at, notes in zip(places, table["note"], strict=True)]
    message = agreement(rankings, bool((table["focus"] == TWO_FOCI).any()))
    table = table.astype({"lr_df": "Int64"})[list(COLUMNS)].sort_values("aic", kind="stable", na_position="last")
    table.attrs = provenance_attributes(group="model_comparison", message=message)
    return table


def _row(entry: _Entry, test: _Test, loo: LooRow, counted: int) -> dict[str, Any]:
    fit = entry.fit
    return {
        "k": fit.n_parameters,
        "n_identified": fit.n_identified,
        "n": fit.n_observations,
        "n_bic": counted,
        "minus2ll": fit.minus2ll,
        "aic": fit.aic,
        "aicc": fit.aicc,
        "bic": fit.bic_of(counted),
        "lr_statistic": test.statistic,
        "lr_df": test.df or pd.NA,
        "lr_p": test.p_value,
        "lr_reference": test.reference,
        "elpd_loo": loo.elpd,
        "se_loo": loo.se,
        "p_loo": loo.p,
        "elpd_diff": loo.difference,
        "se_diff": loo.difference_se,
        "weight_loo": loo.weight,
        "focus": TWO_FOCI if loo.is_conditional else MARGINAL,
        "note": [note for note in (*_of_fit(fit), test.note, loo.note) if note],
    }


def _of_fit(fit: Fit) -> list[str]:
    """Say what criteria make of a fit that is no plain optimum."""
    if fit.status is Status.AT_BOUND:
        edge = fit.message.split(". ")[0].rstrip(".")
        return [f"{edge[:1].lower()}{edge[1:]}, where AIC and BIC lean towards the model without it"]
    said = [] if fit.status.is_optimum else [f"{fit.status.value}: {fit.message}"]
    if not fit.has_maximum:
        return said
    if np.isnan(fit.n_identified):
        return [*said, "no criteria: how many parameters are determined cannot be said on an edge of the support"]
    if fit.n_identified < fit.n_parameters:
        return [*said, f"criteria count {fit.n_identified} of {fit.n_parameters} parameters"]
    return said
