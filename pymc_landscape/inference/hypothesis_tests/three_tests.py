"""`tests`: the likelihood ratio, the score and Wald's test of one null, side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from pymc_landscape._typing import ModelLike, RandomSeed
from pymc_landscape.inference.hypothesis_tests.likelihood_ratio import likelihood_ratio_test
from pymc_landscape.inference.hypothesis_tests.likelihood_ratio_fits import nested_pair
from pymc_landscape.inference.hypothesis_tests.nested_test import HypothesisTest, Reference, check_test_options
from pymc_landscape.inference.hypothesis_tests.score_and_wald import score_test, wald_test
from pymc_landscape.objective import Objective
from pymc_landscape.optimize import Fit
from pymc_landscape.results import provenance_attributes
from pymc_landscape.results.cluster import ClientLike, checked_client


def tests(
    null: Fit | ModelLike | Objective,
    alternative: Fit | ModelLike | Objective,
    *,
    sandwich: bool = False,
    reference: Reference = "auto",
    draws: int = 999,
    random_seed: RandomSeed | None = None,
    client: ClientLike = None,
    progressbar: bool = True,
) -> pd.DataFrame:
    """Return the three tests of one null in one table; each model is fitted once.

    Where they agree, the null is far from nothing or near it on every scale. Where they do not, −2LL is far from a
    parabola between the null and the estimate, and the likelihood ratio is the one to read.

    Parameters
    ----------
    null, alternative : Fit, pm.Model or Objective
        As in `likelihood_ratio_test`.
    sandwich : bool
        Whether to allow for a model that is wrong, as in each of the tests.
    reference : {"auto", "chi2", "chibar2", "bootstrap"}
        As in `likelihood_ratio_test`.
    draws : int
        How many data sets a bootstrap simulates, for each test.
    random_seed : int or Generator, optional
        As in PyMC.
    client : distributed.Client or "current", optional
        The workers of a Dask cluster do a bootstrap's data sets, with the same numbers.
    progressbar : bool
        Whether to show progress, once there is something to wait for.

    Returns
    -------
    DataFrame
        A row a test: ``likelihood_ratio``, ``score``, ``wald``. Columns ``statistic`` (units of −2LL), ``df``,
        ``p_value``, ``reference`` and ``message``. Where a test cannot be had, as Wald's after separation, its numbers
        are NaN and the message says why.

    Raises
    ------
    ValueError
        If the null is not nested in the alternative, or none of the tests can be had.

    Notes
    -----
    The likelihood ratio is the drop of −2LL from the null's estimate to the alternative's, the score test its slope at
    the former, Wald's the distance of the latter, in standard errors (Buse 1982, *The American Statistician* 36,
    153-157). If the null is true, they are the same in the limit.

    Examples
    --------
    >>> import pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     p = pm.Beta("p", 1, 1)
    ...     y = pm.Binomial("y", n=10, p=p, observed=7)
    >>> pml.tests(pm.do(model, {"p": 0.5}), model)["statistic"].round(4).to_dict()
    {'likelihood_ratio': 1.6457, 'score': 1.6, 'wald': 1.9048}
    """
    sandwich, draws = check_test_options(null, alternative, sandwich, reference, draws, random_seed, progressbar)
    checked_client(client)
    fits = nested_pair(null, alternative, progressbar)
    options: dict[str, Any] = {"sandwich": sandwich, "reference": reference, "draws": draws}
    options |= {"random_seed": random_seed, "client": client, "progressbar": progressbar}
    verbs: dict[str, Callable[..., HypothesisTest]] = {
        "likelihood_ratio": likelihood_ratio_test,
        "score": score_test,
        "wald": wald_test,
    }
    results = {name: _result(verb, fits, options) for name, verb in verbs.items()}
    if all(isinstance(result, ValueError) for result in results.values()):
        raise next(result for result in results.values() if isinstance(result, ValueError))
    rows = pd.DataFrame([_row(result) for result in results.values()], index=pd.Index(list(results), name="test"))
    rows = rows.astype({"df": "int64"}) if not rows["df"].isna().any() else rows
    rows.attrs = provenance_attributes(fits[1].objective.origin, group="tests")
    return rows


def _result(
    verb: Callable[..., HypothesisTest], fits: tuple[Fit, Fit], options: dict[str, Any]
) -> HypothesisTest | ValueError:
    try:
        return verb(*fits, **options)
    except ValueError as error:
        return error


def _row(result: HypothesisTest | ValueError) -> dict[str, Any]:
    if isinstance(result, ValueError):
        return {"statistic": np.nan, "df": np.nan, "p_value": np.nan, "reference": "", "message": str(result)}
    names = ("statistic", "df", "p_value", "reference", "message")
    return {name: getattr(result, name) for name in names}
