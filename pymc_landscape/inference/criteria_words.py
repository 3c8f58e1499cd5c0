"""What a table of criteria says in words: which model is best, which are as good, whether criteria agree.

A difference of less than 2 in AIC or BIC tells nothing (Burnham & Anderson 2002, section 2.6; Raftery 1995,
*Sociological Methodology* 25, 111-163), nor does one in elpd of less than two of its standard errors.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array

# Models closer to the best than this are not told apart from it: a difference of criteria, and standard errors of one.
TOLERANCE, STANDARD_ERRORS = 2.0, 2.0
# Rounding of a difference.
ROUNDING = 1e-6
# Criteria of −2LL, and of cross-validation, with how they are written.
OF_LIKELIHOOD = {"aic": "AIC", "aicc": "AICc", "bic": "BIC"}
LOO = "LOO"


@dataclass(frozen=True)
class Ranking:
    """The best model by a criterion, and those that are not told apart from it.

    Parameters
    ----------
    title : str
        Name of the criterion.
    best : str
        Name of the model.
    near : mapping of str to float
        Other models that are close to it, with how far off they are.
    unit : str
        Of what is close: ``"2"`` or ``"2 se"``.
    """

    title: str
    best: str
    near: Mapping[str, float]
    unit: str

    @property
    def level(self) -> frozenset[str]:
        """All models that may be the best."""
        return frozenset([self.best, *self.near])


def rank(table: pd.DataFrame) -> list[Ranking]:
    """Return the ranking by each criterion that at least two models have.

    Parameters
    ----------
    table : DataFrame
        With columns ``aic``, ``aicc``, ``bic``, ``elpd_loo``, ``elpd_diff`` and ``se_diff``.

    Returns
    -------
    list of Ranking
        LOO last.
    """
    rankings = []
    for name, title in OF_LIKELIHOOD.items():
        known = table[name].dropna()
        if len(known) >= 2:
            off = known - known.min()
            best = str(known.idxmin())
            close = off[(off <= TOLERANCE + ROUNDING) & (off.index != best)]
            rankings.append(Ranking(title, best, {str(i): float(x) for i, x in close.items()}, f"{TOLERANCE:g}"))
    known = table["elpd_loo"].dropna()
    if len(known) >= 2:
        best = str(known.idxmax())
        off, errors = table["elpd_diff"].abs()[known.index], table["se_diff"][known.index]
        close = off[(off <= STANDARD_ERRORS * errors) & (off.index != best)]
        near = {str(i): float(x) for i, x in close.items()}
        rankings.append(Ranking(LOO, best, near, f"{STANDARD_ERRORS:g} se"))
    return rankings


def place(name: str, rankings: list[Ranking]) -> str:
    """Say by which criteria a model is best, and by which it is close to the best."""
    words = [r.title for r in rankings if r.best == name]
    said = [f"best by {', '.join(words)}"] if words else []
    for unit in dict.fromkeys(r.unit for r in rankings):
        titles = [r.title for r in rankings if r.unit == unit and name in r.near]
        said += [f"within {unit} of the best by {', '.join(titles)}"] if titles else []
    return "; ".join(said)


def agreement(rankings: list[Ranking], has_two_foci: bool) -> str:
    """Say in a sentence or two whether criteria agree.

    Parameters
    ----------
    rankings : list of Ranking
        Of all criteria.
    has_two_foci : bool
        Whether LOO predicts rows of the same groups, and the other criteria new groups: then they are no two answers
        to one question.
    """
    if has_two_foci:
        of_likelihood = [r for r in rankings if r.title != LOO]
        parts = [_agreement(of_likelihood), *(_alone(r) for r in rankings if r.title == LOO)]
        words = "AIC, AICc and BIC are marginal (new groups), LOO is conditional (new rows of the same groups)."
        return " ".join([*filter(None, parts), words])
    return _agreement(rankings)


def _agreement(rankings: list[Ranking]) -> str:
    if not rankings:
        return ""
    preferences: dict[str, list[str]] = {}
    for ranking in rankings:
        preferences.setdefault(ranking.best, []).append(ranking.title)
    common = frozenset.intersection(*(r.level for r in rankings))
    if len(rankings) == 1:
        return _alone(rankings[0])
    if len(preferences) == 1:
        return f"{', '.join(preferences[rankings[0].best])} agree on {rankings[0].best}{_rivals(rankings)}."
    told = "; ".join(
        f"{', '.join(names)} {'prefers' if len(names) == 1 else 'prefer'} {best}" for best, names in preferences.items()
    )
    if common:
        units = " or ".join(dict.fromkeys(r.unit for r in rankings))
        return f"The criteria do not tell the models apart: {told}, but {_listed(common)} within {units} by all."
    return f"The criteria disagree: {told}."


def _alone(ranking: Ranking) -> str:
    return f"{ranking.title} prefers {ranking.best}{_rivals([ranking])}."


def _rivals(rankings: list[Ranking]) -> str:
    """Name the models that one of the criteria does not tell from the best."""
    near: dict[tuple[str, str], list[str]] = {}
    for ranking in rankings:
        for name in ranking.near:
            near.setdefault((name, ranking.unit), []).append(ranking.title)
    return "".join(f"; {name} is within {unit} by {', '.join(titles)}" for (name, unit), titles in near.items())


def _listed(names: frozenset[str]) -> str:
    return f"{' and '.join(sorted(names))} {'is' if len(names) == 1 else 'are'}"


def weights(delta: pd.Series) -> Array:
    """Return exp(−Δ/2) in shares; NaN stays out."""
    relative = np.exp(-0.5 * delta.to_numpy())
    return np.asarray(relative / np.nansum(relative)) if np.isfinite(delta).any() else np.full(len(delta), np.nan)
