"""The fit: what its status means and what to do, the estimates, and their intervals with the status of each end."""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from pymc_landscape.inference import confidence_intervals
from pymc_landscape.objective import element_labels
from pymc_landscape.optimize import Fit, fit_mle
from pymc_landscape.pages.model_report.html_elements import bullets, code, facts, fold, paragraph, table
from pymc_landscape.pages.model_report.number_format import NOTHING, counted, listed, number, percent, to_error
from pymc_landscape.pages.model_report.section import Content, Subject
from pymc_landscape.results import FIT_STATUSES, INTERVAL_STATUSES

# Rows of a table before the rest is folded.
SHOWN = 40
# Deterministics whose profile intervals are computed.
MOST_COMPUTED = 8
# A profile's end that lies further from Wald's than this share of a standard error is worth a word.
APART = 0.25
# What is less than this of −2LL is none.
ROUNDING = 1e-9
# How an end is written that is no number.
AT_EDGE, NEW, NOT_FOUND = "(edge)", "(of a lower optimum)", "not found"
# How the notes below the table call each status.
END_WORDS = {"at_bound": "Edge", "open": "∞", "new_optimum": "A lower optimum", "failed": "Not found"}
# What a fit is, by its kind.
KINDS = {
    "mle": "maximum likelihood",
    "map": "posterior mode",
    "firth": "penalised maximum likelihood (Firth)",
    "reml": "restricted maximum likelihood (REML)",
}


def fit_section(subject: Subject) -> Content:
    """Explain the status; show estimates, Wald's intervals where there is an optimum, and the profile's."""
    fit = subject.fitted
    html = [_status(fit), facts(_numbers(fit))]
    results: list[Any] = [fit]
    intervals, refusal = _intervals(subject)
    if intervals is not None:
        results.append(intervals)
    html += [paragraph(refusal, "refusal"), *_estimates(fit, intervals, subject), _penalized(subject)]
    calls = "fit.summary()"
    if intervals is not None:
        names = "" if _is_whole(intervals, subject) else f"{subject.affords.intervals!r}, "
        calls += f"\npml.confidence_intervals(fit, {names}level={subject.level})"
    return Content(html, results, calls, _verdict(fit, intervals, subject.level))


def _status(fit: Fit) -> str:
    """Return the status with its meaning, what to do, and what the fit itself says."""
    meaning, word = FIT_STATUSES[fit.status.value], fit.status.value.replace("_", " ")
    kind = "good" if fit.status.is_optimum else "bad"
    does = paragraph(f"What to do: {meaning.do}")
    own = paragraph(f"Here: {fit.message}") if fit.message else ""
    return f'<div class="status {kind}"><p><strong>{word}</strong></p>{paragraph(meaning.means)}{own}{does}</div>'


def _numbers(fit: Fit) -> dict[str, str]:
    counts = counted(fit.n_parameters, "parameter")
    if fit.status.is_optimum and fit.n_identified < fit.n_parameters:
        counts += f", {fit.n_identified:g} identified"
    limit = " (the value it falls towards)" if fit.status.value == "unbounded" else ""
    return {
        "Estimated by": f"{KINDS.get(fit.kind, fit.kind)}, {fit.optimizer}",
        "−2 log L": f"{number(_settled(fit.minus2ll), 8)}{limit}" if isfinite(fit.minus2ll) else "",
        "AIC": number(fit.aic, 7) if isfinite(fit.aic) else "",
        "BIC": number(fit.bic, 7) if isfinite(fit.bic) else "",
        "Size": f"{counts}, {counted(fit.n_observations, 'observation')}",
        "Standard errors from": f"{fit.information} information" if fit.status.is_optimum else "",
        "Searches": counted(fit.starts.sizes["start"], "start"),
    }


# --- estimates and intervals -----------------------------------------------------------------------------------------


def _intervals(subject: Subject) -> tuple[xr.Dataset | None, str]:
    """Return profile intervals, or the sentence with which they are refused."""
    names = subject.affords.intervals
    try:
        return confidence_intervals(subject.fitted, names, level=subject.level, progressbar=False), ""
    except (ValueError, TypeError) as error:
        return None, f"No profile intervals. {error}"


def _is_whole(intervals: xr.Dataset, subject: Subject) -> bool:
    return intervals.sizes["parameter"] == len(subject.affords.labels)


def _estimates(fit: Fit, intervals: xr.Dataset | None, subject: Subject) -> list[str]:
    """Return the table of parameters, that of what is computed from them, and what the words in them mean."""
    summary = fit.summary(subject.level)
    labels = [label for label in summary.index if label in set(subject.affords.labels)]
    rows = [_row(fit, summary.loc[label], label, intervals) for label in labels]
    head = ["parameter", "estimate"]
    wald = [f"se, {percent(subject.level)} Wald"] if fit.status.is_optimum else []
    profile = [f"{percent(subject.level)} profile"] if intervals is not None else []
    head += ["se", f"Wald {percent(subject.level)}"] if wald else []
    head += [*(f"profile {percent(subject.level)}" for _ in profile), "note"]
    caption = (
        "Estimates and intervals"
        if wald
        else "Where the search ended, and intervals"
        if profile
        else "Where the search ended"
    )
    html = [table(head, rows[:SHOWN], caption, words=("note",))]
    html.append(
        fold(
            f"{len(rows) - SHOWN} more parameters", table(head, rows[SHOWN:], f"{caption}, continued", words=("note",))
        )
    )
    if intervals is not None and not _is_whole(intervals, subject):
        html.append(
            paragraph(
                f"Profile intervals are computed for the first {intervals.sizes['parameter']} of {len(labels)} "
                "parameters; of others by confidence_intervals(fit, names).",
                "note",
            )
        )
    html += [_explained(fit, intervals), _computed(subject, summary, set(labels)), _effects(fit)]
    return html


def _row(fit: Fit, row: pd.Series, label: str, intervals: xr.Dataset | None) -> list[str]:
    estimate, error = float(row["estimate"]), float(row["se"])
    cells = [label, to_error(estimate, error) if not np.isinf(error) else NOTHING]
    if fit.status.is_optimum:
        low, high = (to_error(float(end), error) for end in row.iloc[2:4])
        cells += [to_error(error, error), f"{low} to {high}" if isfinite(error) else NOTHING]
    if intervals is not None:
        cells.append(_profile(intervals, label, error))
    return [*cells, str(row["note"])]


def _profile(intervals: xr.Dataset, label: str, error: float) -> str:
    if label not in intervals["parameter"].values:
        return NOTHING
    one = intervals.sel(parameter=label, interval_method="profile")
    ends = zip(one["interval"].values.tolist(), one["status"].values.tolist(), strict=True)
    words = [end_words(value, status, error) for value, status in ends]
    return f"{words[0]} to {words[1]}"


def end_words(value: float, status: str, error: float = float("nan")) -> str:
    """Write an interval's end with what is to be known of it.

    Examples
    --------
    >>> end_words(1.2345, "finite", 0.1), end_words(0.0, "at_bound"), end_words(float("inf"), "open")
    ('1.23', '0 (edge)', '∞')
    """
    if status == "failed" or np.isnan(value):
        return NOT_FOUND
    written = to_error(value, error)
    return (
        f"{written} {AT_EDGE}" if status == "at_bound" else f"{written} {NEW}" if status == "new_optimum" else written
    )


def _explained(fit: Fit, intervals: xr.Dataset | None) -> str:
    """Explain every status of an end that is there and is no plain number, and what else the intervals say."""
    if intervals is None:
        return ""
    there = dict.fromkeys(intervals["status"].values.ravel().tolist())
    words = [f"{END_WORDS[status]}: {INTERVAL_STATUSES[status]}" for status in there if status != "finite"]
    own = dict.fromkeys(f"{m[0].upper()}{m[1:]}." for m in intervals["message"].values.ravel().tolist() if m)
    own_words = [str(intervals.attrs["message"])] if intervals.attrs.get("message") else []
    return bullets([*words, *own_words, *list(own)[:6]], "note")


def _computed(subject: Subject, summary: pd.DataFrame, labels: set[str]) -> str:
    """Return what is computed from the parameters, and fixed effects of a restricted likelihood, in a fold."""
    fit, rest = subject.fitted, summary.drop(index=[label for label in summary.index if label in labels])
    if rest.empty:
        return ""
    level, shown = percent(subject.level), rest.head(SHOWN)
    intervals = _of_deterministics(subject, [str(label) for label in rest.index])
    rows = [_row(fit, row, str(label), intervals) for label, row in shown.iterrows()]
    wald = ("se", f"Wald {level}") if fit.status.is_optimum else ()
    head = ["quantity", "estimate", *wald, *([f"profile {level}"] if intervals is not None else []), "note"]
    title = f"Computed from the parameters ({len(rest)})" + (f", the first {SHOWN}" if len(rest) > SHOWN else "")
    return fold(title, table(head, rows, "Computed from the parameters", words=("note",)))


def _of_deterministics(subject: Subject, labels: list[str]) -> xr.Dataset | None:
    """Return profile intervals of a few Deterministics, where these are cheap."""
    names = [label for label in labels if label.partition("[")[0] in subject.objective.deterministics]
    if not 0 < len(names) <= MOST_COMPUTED or not subject.affords.is_cheap:
        return None
    try:
        return confidence_intervals(subject.fitted, names, level=subject.level, progressbar=False)
    except (ValueError, TypeError):
        return None


def _effects(fit: Fit) -> str:
    """Return the likeliest random effects, and the states of discrete variables, given the estimate, in a fold."""
    if not fit.objective.latent or not fit.status.is_optimum:
        return ""
    latent = fit.latent
    rows = [row for name in fit.objective.latent if name in latent for row in _modes(latent, name)]
    title = f"What is latent, given the estimates ({len(rows)})" + (f", the first {SHOWN}" if len(rows) > SHOWN else "")
    says = (
        "Modes with the parameters fixed at the estimate; the standard errors ignore the parameters' own uncertainty."
    )
    listing = table(("effect", "mode", "se"), rows[:SHOWN], "Latent variables")
    return fold(title, paragraph(says, "note") + listing) if rows else ""


def _modes(latent: xr.Dataset, name: str) -> list[list[str]]:
    modes = latent[name]
    errors = latent[f"{name}_se"].values if f"{name}_se" in latent else np.full(modes.shape, np.nan)
    coords = [modes[dim].values if dim in modes.coords else np.arange(n) for dim, n in modes.sizes.items()]
    numbers = zip(element_labels(name, coords), np.ravel(modes.values), np.ravel(errors), strict=True)
    return [[label, to_error(float(v), float(se)), to_error(float(se), float(se))] for label, v, se in numbers]


def _penalized(subject: Subject) -> str:
    """Return what Firth's penalty makes of a likelihood without a maximum, where it can be had."""
    fit = subject.fitted
    if fit.status.value != "unbounded" or fit.is_map or not fit.objective.can_be_penalized:
        return ""
    try:
        other = fit_mle(fit.objective, penalty="firth", progressbar=False)
        found = confidence_intervals(other, subject.affords.intervals, level=subject.level, progressbar=False)
    except (ValueError, TypeError):
        return ""
    if not other.status.is_optimum:
        return ""
    summary = other.summary(subject.level)
    names = [str(name) for name in found["parameter"].values]
    rows = [
        [name, *_row(other, summary.loc[name], name, found)[1:3], _profile(found, name, summary.loc[name, "se"])]
        for name in names
    ]
    level = percent(subject.level)
    says = "With Firth's penalty there is a maximum: not the likelihood's answer, but one that can be reported as such."
    head = ("parameter", "estimate", "se", f"penalised profile {level}")
    calls = 'penalized = pml.fit_mle(model, penalty="firth")\npml.confidence_intervals(penalized)'
    return paragraph(says) + table(head, rows, "Penalised estimates (Firth)") + fold("How these were made", code(calls))


# --- in words --------------------------------------------------------------------------------------------------------


def _verdict(fit: Fit, intervals: xr.Dataset | None, level: float) -> str:
    """Say what was found, and what the intervals leave open."""
    status = f"The fit is {fit.status.value.replace('_', ' ')}"
    if fit.status.is_optimum:
        edge = " on the edge of the support" if fit.status.value == "at_bound" else ""
        says = f"{status}: the likelihood has its maximum{edge}, −2LL = {number(_settled(fit.minus2ll), 7)}."
    else:
        says = f"{status}: {fit.message or fit.status.meaning} No standard error or Wald interval is claimed."
    if intervals is None:
        return says
    return f"{says} {_ends(intervals, level)}{_apart(fit, intervals, level)}"


def _settled(minus2ll: float) -> float:
    """Return −2LL, and 0 where it is rounding."""
    return 0.0 if abs(minus2ll) < ROUNDING else minus2ll


def _ends(intervals: xr.Dataset, level: float) -> str:
    status = intervals["status"].sel(interval_method="profile")
    names = intervals["parameter"].values.astype(str)
    open_ones = [n for n, of in zip(names, status.values, strict=True) if "open" in of.tolist()]
    failed = [n for n, of in zip(names, status.values, strict=True) if "failed" in of.tolist()]
    lower = bool((status == "new_optimum").any())
    told = f"At {percent(level)} " + (
        f"the data leave {listed(open_ones)} without an end on at least one side."
        if open_ones
        else "every profile interval has both ends."
        if not failed
        else f"ends of {listed(failed)} were not found."
    )
    return told + (" A lower optimum than the estimate was met: fit again with more starts." if lower else "")


def _apart(fit: Fit, intervals: xr.Dataset, level: float) -> str:
    """Name the parameter whose two intervals differ most, where that is to be seen."""
    if not fit.status.is_optimum:
        return ""
    names = list(intervals["parameter"].values)
    wald = confidence_intervals(fit, names, level=level, method="wald", progressbar=False)
    ends = [found["interval"].isel(interval_method=0) for found in (intervals, wald)]
    summary = fit.summary()
    error = summary.loc[names, "se"].to_numpy(float)
    with np.errstate(invalid="ignore"):
        apart = np.abs(ends[0].values - ends[1].values).max(axis=1) / error
    without = [name for name, se in zip(names, error, strict=True) if not (np.isfinite(se) and se > 0)]
    apart = np.where(np.isfinite(apart), apart, 0.0)
    if len(without) == len(names):
        return " There is no standard error, so Wald has no interval."
    if apart.max() < APART:
        lacking = f"; {listed(without)} has none" if without else ""
        return f" Wald's intervals are close to the profile's{lacking}."
    worst = int(apart.argmax())
    return (
        f" Wald's and the profile's intervals differ, most for {names[worst]} "
        f"(by {apart[worst]:.2g} standard errors): take the profile's."
    )
