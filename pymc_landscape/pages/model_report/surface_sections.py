"""The surface itself, other optima and copies, ridges in words, ways of optimisers, and losses."""

from __future__ import annotations

from functools import partial
from math import isfinite
from typing import Literal

import numpy as np
import xarray as xr

from pymc_landscape import plots
from pymc_landscape.landscape import evaluate_landscape, fit_grid, hessian_spectrum, posterior_grid, regular_grid
from pymc_landscape.objective import prior_draws
from pymc_landscape.objective.observations import loss_table
from pymc_landscape.optimize import Fit
from pymc_landscape.optimize.descent import descend, descent_race
from pymc_landscape.pages.model_report.budget import NUM, Budget
from pymc_landscape.pages.model_report.figure_images import figure
from pymc_landscape.pages.model_report.html_elements import bullets, facts, paragraph, side_by_side, table
from pymc_landscape.pages.model_report.number_format import counted, number
from pymc_landscape.pages.model_report.section import Content, Subject

WIDE, MAP = (6.4, 3.6), (6.2, 4.8)
STEPS = 200
# Other optima and notes that are listed.
MOST_LISTED = 8
# A condition number beyond this is worth a word.
STIFF = 1e6
# Draws of the prior whose middle is looked at where there is no estimate to look around, and how much of them it is.
PRIOR_DRAWS, MIDDLE = 200, (5.0, 95.0)


def surface_section(subject: Subject) -> Content:
    """Draw −2LL over two parameters: those that go together most, or those that the data do not determine."""
    fit, budget = subject.fitted, subject.affords
    if len(budget.labels) < 2:
        raise ValueError("There is one parameter: its profile is the landscape.")
    pair = _pair(fit, budget)
    grid, made, where = _grid(subject, pair)
    least = fit.status.is_optimum and len(budget.labels) > 2 and budget.profiles_surfaces
    nuisance: Literal["fix", "profile"] = "profile" if least else "fix"
    surface = evaluate_landscape(fit, grid, nuisance=nuisance, progressbar=False)
    others = _others(len(budget.labels), least)
    says = f"−2LL over {pair[0]} and {pair[1]}{others}, with the cut-offs of χ² for two parameters"
    draw = partial(plots.landscape, surface, figsize=MAP, backend="matplotlib")
    if subject.dt is not None:
        draw = partial(draw, dt=subject.dt, group=subject.group)
        says += "; dots are draws of the posterior"
    lead = (
        "The height is Δ(−2LL): the lower, the better the two values explain the data. A round bowl is a likelihood "
        "that knows both; a valley with a floor that goes on is one that knows a combination of them."
    )
    html = [paragraph(f"{lead} {where}", "lead"), figure(draw, f"{says}.")]
    code = f"{made}\nsurface = pml.evaluate_landscape(fit, grid, nuisance={nuisance!r})\npml.plots.landscape(surface"
    return Content(html, [surface], code + (", dt=dt)" if subject.dt is not None else ")"))


def _others(k: int, least: bool) -> str:
    if k == 2:
        return ""
    return ", minimised over the others" if least else ", the others held where the search ended"


def _pair(fit: Fit, budget: Budget) -> tuple[str, str]:
    """Return two parameters: the most correlated, or where there is no optimum those without a standard error."""
    labels = list(budget.labels)
    errors = fit.summary().loc[labels, "se"].to_numpy(float)
    if not fit.status.is_optimum:
        order = sorted(range(len(labels)), key=lambda i: (np.isfinite(errors[i]), i))
        return labels[order[0]], labels[order[1]]
    covariance = fit.covariance.sel(parameter=labels, parameter_bis=labels).values
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = np.abs(covariance / np.outer(errors, errors))
    correlation = np.triu(np.nan_to_num(correlation, nan=0.0, posinf=0.0), 1)
    i, j = np.unravel_index(int(correlation.argmax()), correlation.shape)
    return (labels[i], labels[j]) if i != j else (labels[0], labels[1])


def _grid(subject: Subject, pair: tuple[str, str]) -> tuple[xr.Dataset, str, str]:
    """Return a grid, the call that makes it, and where it lies in words."""
    fit, names = subject.fitted, list(pair)
    if fit.status.is_optimum:
        try:
            return fit_grid(fit, names, num=NUM), f"grid = pml.fit_grid(fit, {names!r}, num={NUM})", ""
        except ValueError:  # one of the two has no standard error
            pass
    if subject.dt is not None:
        found = posterior_grid(subject.dt, names, num=NUM, group=subject.group, model=fit.objective.model)
        return (
            found,
            f"grid = pml.posterior_grid(dt, {names!r}, num={NUM})",
            "It is drawn where the posterior's draws lie.",
        )
    axes = _where_the_prior_is(fit, names)
    grid = regular_grid({name: (*ends, NUM) for name, ends in axes.items()})
    shown = ", ".join(f"{name!r}: ({low:.6g}, {high:.6g}, {NUM})" for name, (low, high) in axes.items())
    ends = " and ".join(f"{name} from {number(low, 3)} to {number(high, 3)}" for name, (low, high) in axes.items())
    where = f"There is no estimate to draw around: it is drawn where the priors have most of their mass, {ends}."
    return grid, f"grid = pml.regular_grid({{{shown}}})", where


def _where_the_prior_is(fit: Fit, names: list[str]) -> dict[str, tuple[float, float]]:
    """Return the middle of the prior of each parameter, natural."""
    objective = fit.objective
    theta = prior_draws(objective, PRIOR_DRAWS, np.random.default_rng(0))
    if not np.isfinite(theta).any():
        raise ValueError("There is no estimate to draw around, and the priors cannot be drawn from.")
    theta = np.where(np.isfinite(theta), theta, 0.0)
    natural = np.stack([objective.layout().join(objective.unpack(row)) for row in theta])
    columns = [objective.layout().labels.index(name) for name in names]
    low, high = np.percentile(natural[:, columns], MIDDLE, axis=0)
    return {name: (float(a), float(b)) for name, a, b in zip(names, low, high, strict=True)}


def optima_section(subject: Subject) -> Content:
    """Say where the starts ended, and show it where they did not agree."""
    fit = subject.fitted
    ends, others = fit.starts, fit.local_optima()
    values = ends["minus2ll"].values
    agree = int(np.sum(values <= np.nanmin(values) + 1e-3)) if np.isfinite(values).any() else 0
    says = f"{counted(len(values), 'search', 'searches')}; {agree} ended at the lowest −2LL."
    symmetric = (
        [symmetry.words(fit.objective.layout().labels) for symmetry in fit.symmetries] if fit.status.is_optimum else []
    )
    html = [
        paragraph(
            f"{says} No number of searches proves that there is nothing lower; several that agree make it likely.",
            "lead",
        )
    ]
    html.append(
        bullets([f"The surface stays as it is under this change: {words}." for words in symmetric[:MOST_LISTED]])
    )
    if others:
        rows = [
            [str(i + 1), number(one.value, 8), number(one.value - fit.result.value), one.status.value]
            for i, one in enumerate(others[:MOST_LISTED])
        ]
        html.append(
            table(
                ("other optimum", "−2LL", "above the estimate by", "status"),
                rows,
                "Other optima that were found",
                words=("status",),
            )
        )
    code = "fit.starts, fit.local_optima(), fit.symmetries"
    if len(values) > 1 and agree < len(values):
        says_picture = "Where each start ended, by −2LL above the lowest."
        html.append(
            side_by_side([figure(lambda: plots.waterfall(fit, figsize=WIDE, backend="matplotlib"), says_picture)])
        )
        code += "\npml.plots.waterfall(fit)"
    verdict = (
        f"{counted(len(others), 'other optimum', 'other optima')} above the estimate: searches may end there."
        if others
        else ""
    )
    return Content(html, [ends], code, verdict)


def spectrum_section(subject: Subject) -> Content:
    """Show the curvatures, and name the ridges."""
    found = hessian_spectrum(subject.fitted)
    notes = [str(note) for note in found["note"].values if note]
    condition = float(found.attrs["condition_number"])
    lead = (
        "Each eigenvalue of the Hessian is the curvature of −2LL along its direction; a small one is a ridge, along "
        "which the data say little. They are those of the unconstrained scale, and depend on units."
    )
    said = [f"{note}." for note in notes[:MOST_LISTED]] or [
        "No ridge: every direction is determined about as well as its parts alone are."
    ]
    if isfinite(condition) and condition > STIFF:
        said.append(
            f"The condition number is {number(condition, 2)}: scaling the data would help optimisers and samplers."
        )
    picture = figure(
        lambda: plots.spectrum(found, backend="matplotlib"),
        "Eigenvalues of the Hessian on a log axis, and the flattest directions.",
    )
    numbers = {"Condition number": number(condition, 3) if not np.isnan(condition) else ""}
    html = [paragraph(lead, "lead"), bullets(said), side_by_side([picture]), facts(numbers)]
    return Content(
        html, [found], "found = pml.hessian_spectrum(fit)\npml.plots.spectrum(found)", notes[0] + "." if notes else ""
    )


def descent_section(subject: Subject) -> Content:
    """Show how optimisers get down from the model's initial point."""
    fit, names = subject.fitted, subject.affords.optimizers
    minimum = fit if fit.status.is_optimum else None
    paths = descend(
        fit.objective, names, steps=STEPS, minimum=minimum, random_seed=subject.random_seed, progressbar=False
    )
    race = descent_race(paths)
    lead = (
        f"From the model's initial point, at most {STEPS} iterations each: how far above the lowest −2LL they are, by "
        "what it cost them."
    )
    rows = [
        [
            str(name),
            number(row["evaluations_to_0.01"]),
            number(row["evaluations_to_1e-6"]),
            number(row["final_delta_minus2ll"], 2),
            str(row["status"]),
        ]
        for name, row in race.iterrows()
    ]
    head = ("optimiser", "evaluations to 0.01", "to 1e-6", "ends above by", "status")
    picture = figure(
        lambda: plots.descent(paths, minimum=minimum, x="evaluations", log_x=True, figsize=WIDE, backend="matplotlib"),
        "Δ(−2LL) of each optimiser against the evaluations it used.",
    )
    html = [
        paragraph(lead, "lead"),
        side_by_side([picture]),
        table(head, rows, "How far optimisers came", words=("status",)),
    ]
    known = ", minimum=fit" if minimum is not None else ""
    code = f"paths = pml.descend(fit.objective, {names!r}, steps={STEPS}{known})\npml.descent_race(paths)"
    code += '\npml.plots.descent(paths, x="evaluations", log_x=True)'
    return Content(html, [paths, race], code)


def loss_section(subject: Subject) -> Content:
    """Show which loss each observed term is."""
    losses = loss_table(subject.fitted if subject.fit is not None else subject.objective)
    lead = (
        "−2LL = a · loss + b, a term a row: the loss that a network would be trained on, and what it leaves out. "
        "Checked at the estimate."
    )
    rows = [
        [
            str(term),
            row["distribution"],
            row["loss"],
            number(row["value"], 6),
            number(row["a"], 5),
            number(row["b"], 6),
            number(row["minus2ll"], 7),
            row["note"],
        ]
        for term, row in losses.iterrows()
    ]
    head = ("term", "distribution", "loss", "value", "a", "b", "−2LL", "note")
    html = [paragraph(lead, "lead"), table(head, rows, "Each term as a loss", words=("distribution", "loss", "note"))]
    return Content(html, [losses], "pml.loss_table(fit)")
