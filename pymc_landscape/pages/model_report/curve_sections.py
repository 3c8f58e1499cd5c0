"""Profiles of single parameters, with the marginal posterior where there are draws, and joint regions of pairs."""

from __future__ import annotations

from functools import partial
from itertools import combinations
from typing import Literal

import xarray as xr

from pymc_landscape import plots
from pymc_landscape.inference.profile import profile_likelihood
from pymc_landscape.inference.regions import confidence_contour
from pymc_landscape.pages.model_report.budget import MOST_REGIONS
from pymc_landscape.pages.model_report.figure_images import figure
from pymc_landscape.pages.model_report.html_elements import bullets, paragraph, side_by_side
from pymc_landscape.pages.model_report.number_format import listed, percent
from pymc_landscape.pages.model_report.section import Content, Subject

# In inches: what is read beside others of its kind.
PANEL = (4.4, 3.2)
REGION = (4.6, 4.0)
LEVELS = (0.68, 0.95)
CALL = "profile_likelihood(fit, names)"
Method = Literal["exact", "traces", "wald"]


def profile_section(subject: Subject) -> Content:
    """Draw a profile a parameter."""
    fit, names = subject.fitted, subject.affords.profiles
    traced = profile_likelihood(fit, names, progressbar=False)
    panels, missing = [], []
    for name in names:
        try:
            panels.append(_profile_panel(traced.sel(parameter=[name]), name, subject))
        except ValueError as error:
            missing.append(f"{name}: no picture. {error}")
    html = [paragraph(_about_profiles(subject), "lead"), side_by_side(panels), bullets(missing, "note")]
    left = subject.affords.labels[len(names) :]
    if left:
        html.append(
            paragraph(
                f"Profiles of the first {len(names)} parameters; not drawn: {listed(list(left))}; {CALL} traces them.",
                "note",
            )
        )
    html.append(paragraph(str(traced.attrs.get("message", "")), "note"))
    asked = f", {names!r}" if left else ""
    dt = ", dt=dt" if subject.dt is not None else ""
    code = f"profile = pml.profile_likelihood(fit{asked})\npml.plots.profile(profile, level={_levels(subject)}{dt})"
    return Content(html, [traced], code)


def _profile_panel(one: xr.Dataset, name: str, subject: Subject) -> str:
    level, dt = _levels(subject), subject.dt
    cutoffs = listed([*map(percent, level)])
    says = f"Profile of {name}: Δ(−2LL), minimised over all else, with the cut-offs of {cutoffs}"
    draw = partial(plots.profile, one, level=level, figsize=PANEL, backend="matplotlib")
    if dt is not None:
        try:
            beside = partial(draw, dt=dt, group=subject.group)
            return figure(beside, f"{says}; beside it the marginal posterior on the same scale.")
        except ValueError:  # an element whose draws cannot be drawn, as one that does not vary
            return figure(draw, f"{says}.")
    return figure(draw, f"{says}.")


def _levels(subject: Subject) -> tuple[float, ...]:
    return tuple(sorted({LEVELS[0], subject.level}))


def _about_profiles(subject: Subject) -> str:
    says = (
        "A profile shows how far −2LL rises at each value of a parameter with all others at their best. Where it "
        "leaves the parabola of the standard error, Wald's interval is not to be trusted."
    )
    if subject.dt is None:
        return says
    return (
        f"{says} The marginal posterior, −2 log p less its lowest, differs from it by the prior and by what "
        "integrating does."
    )


def region_section(subject: Subject) -> Content:
    """Draw the joint region of each pair, where there are few parameters."""
    fit, labels = subject.fitted, list(subject.affords.labels)
    if len(labels) < 2:
        raise ValueError("There is one parameter: its interval is its region.")
    if len(labels) > MOST_REGIONS:
        raise ValueError(
            f"Joint regions are drawn of up to {MOST_REGIONS} parameters, and there are {len(labels)}: "
            f"confidence_contour(fit, [{labels[0]!r}, {labels[1]!r}]) has that of a pair."
        )
    with_wald = fit.status.is_optimum and fit.status.value != "at_bound"
    methods: list[Method] = [subject.affords.region_method, *(["wald"] if with_wald else [])]  # type: ignore[list-item]
    pairs = list(combinations(labels, 2))
    contours, panels, told = [], [], []
    for pair in pairs:
        found = [confidence_contour(fit, list(pair), method=method, progressbar=False) for method in methods]
        contours += found
        panels.append(_region_panel(found, pair, subject))
        told += [f"{pair[0]} and {pair[1]}: {found[0].attrs['message']}"] if found[0].attrs.get("message") else []
    lead = (
        "A joint region holds the pairs of values that the data leave possible together. A narrow, slanted one says "
        "that the two make up for one another; a bent one that no ellipse, and no standard error, describes it."
    )
    html = [paragraph(lead, "lead"), side_by_side(panels), bullets(told, "note")]
    calls = [f"pml.confidence_contour(fit, list(pair), method={method!r}) for pair in pairs" for method in methods]
    code = "\n".join(
        [
            f"pairs = {pairs!r}",
            f"contours = [*({calls[0]})" + (f", *({calls[1]})]" if with_wald else "]"),
            "pml.plots.regions(contours" + (", dt=dt)" if subject.dt is not None else ")"),
        ]
    )
    return Content(html, contours, code)


def _region_panel(found: list[xr.Dataset], pair: tuple[str, str], subject: Subject) -> str:
    says = f"Joint regions of {pair[0]} and {pair[1]}, {listed([*map(percent, LEVELS)])}"
    says += "; beside them Wald's ellipses" if len(found) > 1 else ""
    dt, group = subject.dt, subject.group
    if dt is None:
        return figure(lambda: plots.regions(found, figsize=REGION, backend="matplotlib"), f"{says}.")
    return figure(
        lambda: plots.regions(found, dt=dt, group=group, figsize=REGION, backend="matplotlib"),
        f"{says}; with draws of the posterior.",
    )
