"""The result of a test of a null within a larger model: statistic, law, p-value, and why that law."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field, replace
from html import escape
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.arguments import check_run_options, checked_choice, checked_count, checked_flag
from pymc_landscape.objective import Objective, pymc_model
from pymc_landscape.optimize import Fit
from pymc_landscape.results import Stop, array_dataset, provenance_attributes, why_stopped

Reference = Literal["auto", "chi2", "chibar2", "bootstrap", "exact"]
Test = Literal["likelihood_ratio", "score", "wald"]

# A statistic that is smaller than another one by less than this is as large; below 0 by less, it is 0.
ROUNDING = 1e-6
# Of each test: its name in a sentence, and its group in a DataTree.
TITLES: dict[Test, str] = {"likelihood_ratio": "Likelihood ratio test", "score": "Score test", "wald": "Wald test"}
GROUPS: dict[Test, str] = {"likelihood_ratio": "likelihood_ratio", "score": "score_test", "wald": "wald_test"}


def check_test_options(
    null: Any, alternative: Any, sandwich: Any, reference: Any, draws: Any, random_seed: Any, progressbar: Any
) -> tuple[bool, int]:
    """Refuse arguments that no test of two models takes; return `sandwich` and `draws`."""
    checked_choice("reference", reference, get_args(Reference))
    check_run_options(random_seed, progressbar)
    options = checked_flag("sandwich", sandwich), checked_count("draws", draws)
    for name, model in (("null", null), ("alternative", alternative)):
        if not isinstance(model, Fit | Objective):
            pymc_model(model, name)
    return options


@dataclass(frozen=True, eq=False)
class HypothesisTest:
    """The result of `score_test` and `wald_test`, and with two fits that of `likelihood_ratio_test`.

    Attributes
    ----------
    statistic : float
        In units of −2LL: asymptotically what −2LL rises by from the alternative to the null.
    df : int
        How many free parameters the alternative has more.
    p_value : float
        Chance of a statistic at least as large if the null is true.
    reference : str
        The law it was compared with: ``"chi2"``, ``"chibar2"`` (a mixture), ``"weighted_chi2"`` (a weighted sum of
        χ²₁, of a misspecified model), ``"bootstrap"`` or ``"exact"``.
    weights : array (df + 1,) or (df,)
        Of χ²₀, χ²₁, ..., χ²_df in a mixture; of each χ²₁ in a weighted sum (df,); empty where it is simulated.
    draws : array
        Statistics simulated under the null; empty unless the reference is ``"bootstrap"`` or ``"exact"``.
    null, alternative : Fit or Objective
        The two models; an Objective where the test needs no fit of it.
    message : str
        Why this reference, and what was assumed.
    test : str
        ``"likelihood_ratio"``, ``"score"`` or ``"wald"``.
    p_value_error : float
        Monte Carlo standard error of `p_value`; 0 where nothing was simulated.
    information : str
        What the statistic was made of: ``"expected"``, ``"observed"`` or ``"sandwich"``; empty for a likelihood ratio.

    Examples
    --------
    >>> import pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     p = pm.Beta("p", 1, 1)
    ...     y = pm.Binomial("y", n=10, p=p, observed=7)
    >>> test = pml.score_test(pm.do(model, {"p": 0.5}), model)
    >>> test.test, round(test.statistic, 4), test.reference
    ('score', 1.6, 'chi2')
    """

    statistic: float
    df: int
    p_value: float
    reference: str
    weights: Array = field(repr=False)
    draws: Array = field(repr=False)
    null: Fit | Objective = field(repr=False)
    alternative: Fit | Objective = field(repr=False)
    message: str
    test: Test = "likelihood_ratio"
    information: str = ""
    p_value_error: float = 0.0

    def to_dataset(self) -> xr.Dataset:
        """Return the numbers as one Dataset, for `to_datatree`.

        Returns
        -------
        Dataset
            `statistic`, `df`, `p_value`, `p_value_error`, `minus2ll` (NaN of a model that is not fitted) and
            `n_parameters` (dim ``model``: null, alternative), and, where there are any, `weights` (dim ``chi2_df``, or
            ``eigenvalue`` in a weighted sum of χ²₁) or `draws` (dim ``draw``).
        """
        models = (self.null, self.alternative)
        data: dict[str, Any] = {
            "statistic": self.statistic,
            "df": self.df,
            "p_value": self.p_value,
            "p_value_error": self.p_value_error,
            "minus2ll": ("model", [_minus2ll(model) for model in models]),
            "n_parameters": ("model", [_n_parameters(model) for model in models]),
        }
        coords: dict[str, Any] = {"model": ["null", "alternative"]}
        if len(self.weights):
            dim = "eigenvalue" if self.reference == "weighted_chi2" else "chi2_df"
            data["weights"], coords[dim] = (dim, self.weights), np.arange(len(self.weights))
        if len(self.draws):
            data["draws"], coords["draw"] = ("draw", self.draws), np.arange(len(self.draws))
        words = {"reference": self.reference, "message": self.message, "test": self.test}
        words |= {"information": self.information} if self.information else {}
        return array_dataset(data, coords, provenance_attributes(self._origin(), group=GROUPS[self.test], **words))

    def _origin(self) -> dict[str, str | int | float]:
        model = self.alternative
        return model.objective.origin if isinstance(model, Fit) else model.origin

    def __repr__(self) -> str:
        """Say it in three lines."""
        return "\n".join(self._lines())

    def _repr_html_(self) -> str:
        headline, *rest = map(escape, self._lines())
        return f"<div><strong>{headline}</strong>{''.join(f'<p>{line}</p>' for line in rest)}</div>"

    def _lines(self) -> list[str]:
        models = (("null", self.null), ("alternative", self.alternative))
        return [
            f"{TITLES[self.test]}: {self._said()} with {self.df} more "
            f"{'parameter' if self.df == 1 else 'parameters'}, p = {self.p_value:.6g} ({self._law()})",
            "; ".join(f"{name}: {_fitted(model)}, k = {_n_parameters(model)}" for name, model in models),
            self.message,
        ]

    def _said(self) -> str:
        if self.test == "likelihood_ratio":
            return f"−2LL falls by {self.statistic:.6f}"
        return f"{self.statistic:.6f} by the {self.information} information"

    def _law(self) -> str:
        if self.reference == "bootstrap":
            return f"parametric bootstrap, {len(self.draws)} draws"
        if self.reference == "exact":
            return "exact law of a variance component"
        if self.reference == "weighted_chi2":
            return " + ".join(f"{weight:.4g} χ²(1)" for weight in self.weights)
        terms = [(w, j) for j, w in enumerate(self.weights) if w > 0]
        return " + ".join(f"{'' if w == 1 else f'{w:.4g} '}χ²({j})" for w, j in terms)


@dataclass(frozen=True, eq=False, repr=False)
class LikelihoodRatioTest(HypothesisTest):
    """The result of `likelihood_ratio_test`.

    Attributes
    ----------
    statistic : float
        −2LL of the null less that of the alternative.
    df : int
        How many free parameters the alternative has more.
    p_value : float
        Chance of a statistic at least as large if the null is true.
    reference : str
        The law it was compared with: ``"chi2"``, ``"chibar2"`` (a mixture), ``"weighted_chi2"`` (a weighted sum of
        χ²₁, of a misspecified model), ``"bootstrap"`` or ``"exact"``.
    weights : array (df + 1,) or (df,)
        Of χ²₀, χ²₁, ..., χ²_df in a mixture; of each χ²₁ in a weighted sum (df,); empty where it is simulated.
    draws : array
        Statistics simulated under the null; empty unless the reference is ``"bootstrap"`` or ``"exact"``.
    null, alternative : Fit
        The two fits.
    message : str
        Why this reference, and what was assumed.
    test : str
        ``"likelihood_ratio"``.
    p_value_error : float
        Monte Carlo standard error of `p_value`; 0 where nothing was simulated.

    Examples
    --------
    >>> import pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     p = pm.Beta("p", 1, 1)
    ...     y = pm.Binomial("y", n=10, p=p, observed=7)
    >>> test = pml.likelihood_ratio_test(pm.do(model, {"p": 0.5}), model)
    >>> round(test.statistic, 4), test.df, round(test.null.minus2ll - test.alternative.minus2ll, 4)
    (1.6457, 1, 1.6457)
    """

    null: Fit = field(repr=False)
    alternative: Fit = field(repr=False)


def with_simulated_law[T: HypothesisTest](
    test: T, values: Sequence[float], draws: int, stopped: Stop | None, lack: str
) -> T:
    """Return a test with the law of its statistic in data simulated under the null, and the Monte Carlo error of p.

    Parameters
    ----------
    test : HypothesisTest
        With its statistic, and a message to which is added.
    values : sequence of float
        Simulated statistics; NaN of a data set that has none.
    draws : int
        How many were asked for.
    stopped : KeyboardInterrupt or ClusterLost, optional
        Why these are fewer.
    lack : str
        What was amiss where there is none.

    Raises
    ------
    ValueError
        If no data set has a statistic.
    """
    statistics = np.array(values)
    known = statistics[~np.isnan(statistics)]
    n, failed = len(known), len(statistics) - len(known)
    if not n:
        raise ValueError(f"Expected statistics of data simulated under the null, got none in {failed} sets: {lack}.")
    message = test.message
    if failed:
        message += f" In {failed} of {failed + n} simulated data sets {lack}; they are left out."
    if stopped:
        message += f" {why_stopped(stopped)} after {len(statistics)} of {draws} data sets."
    p_value = (1 + int((known >= test.statistic - ROUNDING).sum())) / (1 + n)
    error = float(np.sqrt(p_value * (1.0 - p_value) / n))
    message += f" The Monte Carlo standard error of p is {error:.2g}."
    simulated = replace(test, reference="bootstrap", weights=np.zeros(0), draws=known)
    return replace(simulated, p_value=p_value, p_value_error=error, message=message)


def _minus2ll(model: Fit | Objective) -> float:
    return model.minus2ll if isinstance(model, Fit) else np.nan


def _n_parameters(model: Fit | Objective) -> int:
    return model.n_parameters if isinstance(model, Fit) else model.size


def _fitted(model: Fit | Objective) -> str:
    if not isinstance(model, Fit):
        return "not fitted"
    penalized = f", penalised {model.penalized_minus2ll:.6f}" if model.is_penalized else ""
    return f"−2LL {model.minus2ll:.6f}{penalized}"
