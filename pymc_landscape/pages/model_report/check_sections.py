"""Whether the numbers can be believed: Wilks' theorem on this model and these data, and what single observations do."""

from __future__ import annotations

from functools import partial

import numpy as np
import xarray as xr

from pymc_landscape import plots
from pymc_landscape.inference import influence, parametric_bootstrap
from pymc_landscape.numerics import chi2_cutoff
from pymc_landscape.pages.model_report.figure_images import figure
from pymc_landscape.pages.model_report.html_elements import facts, paragraph, side_by_side, table
from pymc_landscape.pages.model_report.number_format import number, percent
from pymc_landscape.pages.model_report.section import Content, Subject
from pymc_landscape.posterior import posterior_deviance

SQUARE, PANEL = (4.6, 4.2), (4.6, 3.4)
# Parameters of which influence is drawn, and observations that are listed.
MOST_DRAWN, MOST_LISTED = 6, 8
# An observation without which an estimate moves by so many standard errors is named at the head of the report.
STRONG = 1.0
# How many standard errors a simulated share may be off before it is said to be.
FAR = 2.0


def wilks_section(subject: Subject) -> Content:
    """Compare Δ(−2LL) with χ²: over the posterior's draws, or over data simulated from the fit."""
    return _with_draws(subject) if subject.dt is not None else _simulated(subject)


def _with_draws(subject: Subject) -> Content:
    rise = posterior_deviance(subject.fitted, subject.dt, group=subject.group, progressbar=False)
    message = str(rise.attrs["message"])
    lead = (
        "Where the posterior is as wide as the likelihood, Δ(−2LL) of its draws follows χ² with as many degrees of "
        "freedom as there are parameters (Bernstein and von Mises). Points off the diagonal: a strong prior, few data, "
        "an edge, or a surface that is no parabola."
    )
    numbers = {
        "Parameters that the likelihood determines": str(rise.attrs["k"]),
        "Mean rise of the draws": f"{number(rise.attrs['p_d'])} ± {number(rise.attrs['p_d_mcse'], 2)} (Monte Carlo)",
        "Largest distance from χ²": number(rise.attrs["ks_statistic"], 2),
        "Lowest draw above the fit by": number(rise.attrs["minimum"], 3),
    }
    picture = figure(
        lambda: plots.wilks_qq(rise, figsize=SQUARE, backend="matplotlib"),
        f"Δ(−2LL) of the posterior's draws against the quantiles of χ² with {rise.attrs['k']} degrees of freedom.",
    )
    html = [paragraph(lead, "lead"), paragraph(message), side_by_side([picture]), facts(numbers)]
    code = "rise = pml.posterior_deviance(fit, dt)\npml.plots.wilks_qq(rise)"
    return Content(html, [rise], code, message)


def _simulated(subject: Subject) -> Content:
    fit, draws = subject.fitted, subject.affords.simulated
    if not draws:
        raise ValueError(
            "Simulating data and fitting again takes long for this model: parametric_bootstrap(fit) does it, and "
            "plots.wilks_qq shows whether Δ(−2LL) follows χ²."
        )
    again = parametric_bootstrap(fit, draws=draws, random_seed=subject.random_seed, progressbar=False)
    says = _share_below(again)
    lead = (
        f"{draws} data sets are simulated from the fit, and the model is fitted to each. By Wilks' theorem the drop of "
        "−2LL from the values that made the data to the new minimum follows χ²; points above the diagonal say that the "
        "cut-offs of intervals and tests are too small for this model and so few data."
    )
    picture = figure(
        lambda: plots.wilks_qq(again, figsize=SQUARE, backend="matplotlib"),
        f"Δ(−2LL) of {draws} simulated data sets against quantiles of χ² with {again.attrs['k']} degrees of freedom.",
    )
    html = [paragraph(lead, "lead"), paragraph(says), side_by_side([picture])]
    seed = f", random_seed={subject.random_seed}" if isinstance(subject.random_seed, int) else ""
    code = f"again = pml.parametric_bootstrap(fit, draws={draws}{seed})\npml.plots.wilks_qq(again)"
    return Content(html, [again], code, says)


def _share_below(again: xr.Dataset) -> str:
    """Say how often the joint 95 % region holds the values that made the data."""
    drops = again["delta_minus2ll"].values.ravel()
    status = again["status"].values.ravel()
    held = (drops <= chi2_cutoff(0.95, again.attrs["k"])) & np.isfinite(drops) & (status != "failed")
    share = float(held.mean())
    error = float(np.sqrt(0.95 * 0.05 / len(drops)))
    known = (
        "close to what it claims"
        if abs(share - 0.95) <= FAR * error
        else (
            "less often than it claims: cut-offs of χ² are too small here"
            if share < 0.95
            else "more often than it claims"
        )
    )
    failed = int((status == "failed").sum())
    lost = f" ({failed} refits failed, and count as misses)" if failed else ""
    return (
        f"In simulated data the joint 95 % region held the values that made them in {percent(round(share, 3))} of "
        f"{len(drops)} sets{lost}, {known} (Monte Carlo error {percent(round(error, 3))})."
    )


def influence_section(subject: Subject) -> Content:
    """Show on which observations the estimates hang."""
    fit = subject.fitted
    if subject.affords.influence:
        raise ValueError(f"Influence is not looked at: {subject.affords.influence}; influence(fit) does it.")
    names = list(subject.affords.labels[:MOST_DRAWN])
    found = influence(fit, names, level=subject.level, progressbar=False)
    moves = (found["one_step"] / found["standard_error"]).transpose("observation", "parameter")
    size = np.nan_to_num(np.abs(moves.values), nan=0.0, posinf=0.0)
    rows = [_moved(found, moves, size, i) for i in np.argsort(-size.max(axis=1), kind="stable")[:MOST_LISTED]]
    lead = (
        "How far each estimate would move, in standard errors, were an observation left out (one Newton step). An "
        "influential observation is not a wrong one: it is one to look at."
    )
    panels = [
        figure(
            partial(plots.influence, found.sel(parameter=[name]), figsize=PANEL, backend="matplotlib"),
            f"Change of {name} without each observation, in standard errors, against the observation's leverage.",
        )
        for name in names
    ]
    head = ("left out", "leverage", "displacement of −2LL", "moves most", "by (se)")
    listing = table(head, rows, "Observations that move an estimate most", words=("moves most",))
    more = len(subject.affords.labels) - len(names)
    note = (
        paragraph(f"For the first {len(names)} parameters; {more} more by influence(fit, names).", "note")
        if more
        else ""
    )
    asked = f", {names!r}" if more else ""
    code = f"found = pml.influence(fit{asked})\npml.plots.influence(found)"
    return Content(
        [paragraph(lead, "lead"), side_by_side(panels), listing, note], [found], code, _strongest(found, size)
    )


def _moved(found: xr.Dataset, moves: xr.DataArray, size: np.ndarray, i: int) -> list[str]:
    j = int(size[i].argmax())
    here = found.isel(observation=i)
    return [
        str(found["observation"].values[i]),
        number(float(here["leverage"]), 2),
        number(float(here["displacement"]), 2),
        str(found["parameter"].values[j]),
        number(float(moves.values[i, j]), 2),
    ]


def _strongest(found: xr.Dataset, size: np.ndarray) -> str:
    i, j = np.unravel_index(int(size.argmax()), size.shape)
    if size[i, j] < STRONG:
        return ""
    return (
        f"Without {found['observation'].values[i]} the estimate of {found['parameter'].values[j]} would move by "
        f"{number(float(size[i, j]), 2)} standard errors."
    )
