"""The surface beyond the estimate: other optima and copies, ridges in words, ways of optimisers, and losses."""

from __future__ import annotations

from math import isfinite

import numpy as np

from pymc_landscape import plots
from pymc_landscape.landscape import hessian_spectrum
from pymc_landscape.objective.observations import loss_table
from pymc_landscape.optimize.descent import descend, descent_race
from pymc_landscape.pages.model_report.figure_images import figure
from pymc_landscape.pages.model_report.html_elements import bullets, facts, paragraph, side_by_side, table
from pymc_landscape.pages.model_report.number_format import counted, number
from pymc_landscape.pages.model_report.section import Content, Subject

WIDE = (6.4, 3.6)
STEPS = 200
# Other optima and notes that are listed.
MOST_LISTED = 8
# A condition number beyond this is worth a word.
STIFF = 1e6


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
