"""The likelihood beside the posterior, and whether the chains behind it have converged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from pymc_landscape import plots
from pymc_landscape.objective import open_group
from pymc_landscape.pages.model_report.figure_images import figure
from pymc_landscape.pages.model_report.html_elements import bullets, facts, fold, paragraph, table
from pymc_landscape.pages.model_report.number_format import counted, listed, number, percent, to_error
from pymc_landscape.pages.model_report.section import Content, Subject
from pymc_landscape.posterior import compare_with_posterior

# Rows of the comparison, which is a picture too.
MOST_COMPARED = 40
# Rows of the diagnostics: the worst.
MOST_DIAGNOSED = 15
# What R-hat should stay below, and the effective number of draws above (Vehtari and others 2021).
CONVERGED, ENOUGH = 1.01, 400
VERDICTS = ("data-dominated", "prior-dominated", "unidentified", "at boundary", "undecided")


def comparison_section(subject: Subject) -> Content:
    """Show likelihood and posterior of each parameter, and in sentences why they differ."""
    if subject.dt is None:
        raise ValueError("No draws of the posterior were given: report(fit, dt) sets the two side by side.")
    names = list(subject.affords.labels[:MOST_COMPARED])
    asked: dict[str, Any] = {"var_names": names, "group": subject.group, "ci_prob": subject.level}
    seed = subject.random_seed
    compared = compare_with_posterior(subject.fitted, subject.dt, **asked, random_seed=seed, progressbar=False)
    picture = figure(
        lambda: plots.comparison(compared, backend="matplotlib"),
        "From the likelihood's answer to the posterior's, in standard errors from the estimate.",
    )
    level = percent(subject.level)
    head = ("parameter", "estimate", "se", f"profile {level}", "mean", "sd", f"HDI {level}", "prior's share", "verdict")
    rows = [_row(compared.sel(parameter=name)) for name in compared["parameter"].values]
    notes = [f"{p}: {n}" for p, n in zip(compared["parameter"].values, compared["note"].values, strict=True) if n]
    lead = (
        "Likelihood and posterior are made of the same data; what the second has more is the prior, and an average "
        "over the other parameters instead of their best values."
    )
    html = [
        paragraph(lead, "lead"),
        bullets([str(sentence) for sentence in compared["sentence"].values], "sentences"),
        picture,
        table(head, rows, "The likelihood beside the posterior", words=("verdict",)),
        paragraph(str(compared.attrs.get("message", "")), "note"),
        bullets(notes, "note"),
    ]
    more = len(subject.affords.labels) > len(names)
    chosen = f", var_names={names!r}" if more else ""
    code = f"table = pml.compare_with_posterior(fit, dt{chosen}, ci_prob={subject.level})\npml.plots.comparison(table)"
    return Content(html, [compared], code, _verdict(compared))


def _row(one: xr.Dataset) -> list[str]:
    se, sd = float(one["se"]), float(one["sd"])
    return [
        str(one["parameter"].item()),
        to_error(float(one["mle"]), se),
        to_error(se, se),
        _limits(one["profile"].values, se),
        to_error(float(one["mean"]), sd),
        to_error(sd, sd),
        _limits(one["hdi"].values, sd),
        percent(round(min(max(float(one["prior_share"]), 0.0), 1.0), 3)) if np.isfinite(one["prior_share"]) else "–",
        str(one["verdict"].item()),
    ]


def _limits(ends: Sequence[float] | np.ndarray, error: float) -> str:
    low, high = (to_error(float(end), error) for end in ends)
    return f"{low} to {high}"


def _verdict(compared: xr.Dataset) -> str:
    verdicts = compared["verdict"].values.astype(str)
    names = compared["parameter"].values.astype(str)
    parts = [
        f"{verdict}: {listed(list(names[verdicts == verdict]))}" for verdict in VERDICTS if (verdicts == verdict).any()
    ]
    total = np.nan_to_num(np.abs(compared["total_shift"].values))
    worst = int(total.argmax())
    moved = (
        f" The posterior mean is furthest from the estimate for {names[worst]}, by {number(float(total[worst]), 2)} "
        "standard errors."
        if total[worst] >= 0.1
        else " Posterior means are close to the estimates."
    )
    return f"Beside the posterior, {'; '.join(parts)}.{moved}"


def convergence_section(subject: Subject) -> Content:
    """Show R-hat and effective numbers of draws, by ArviZ, the worst first."""
    if subject.dt is None:
        raise ValueError(
            "No draws of the posterior were given: report(fit, dt) says whether its chains have converged."
        )
    from arviz_stats import summary  # type: ignore[attr-defined]

    names = [rv.name for rv in subject.objective.model.free_RVs]
    asked = {"var_names": names, "group": subject.group, "kind": "diagnostics", "round_to": "none"}
    found: pd.DataFrame = summary(subject.dt, **asked)  # type: ignore[no-untyped-call]
    found = found.sort_values("r_hat", ascending=False, na_position="first")
    rows = [
        [str(label), f"{row['r_hat']:.3f}", f"{row['ess_bulk']:,.0f}", f"{row['ess_tail']:,.0f}"]
        for label, row in found.head(MOST_DIAGNOSED).iterrows()
    ]
    draws = open_group(subject.dt, subject.group)
    numbers = {"Chains": str(draws.sizes.get("chain", 1)), "Draws of each": f"{draws.sizes.get('draw', 0):,}"}
    diverged = _divergences(subject.dt)
    numbers |= {"Divergences": f"{diverged:,}"} if diverged is not None else {}
    says = _chains(found, diverged)
    head = ("variable", "R-hat", "ESS bulk", "ESS tail")
    listing = table(head, rows, f"Diagnostics, the worst of {len(found)}" if len(found) > len(rows) else "Diagnostics")
    lead = "What is said of the posterior holds only for chains that have converged; these numbers are ArviZ's."
    html = [
        paragraph(lead, "lead"),
        paragraph(says),
        facts(numbers),
        listing if len(rows) <= 8 else fold("Diagnostics", listing),
    ]
    return Content(html, [], 'az.summary(dt, kind="diagnostics")', says)


def _chains(found: pd.DataFrame, diverged: int | None) -> str:
    """Say whether the chains can be trusted."""
    bad = [str(label) for label in found.index[~(found["r_hat"] <= CONVERGED)]]
    few = [
        str(label)
        for label in found.index[~(found[["ess_bulk", "ess_tail"]].min(axis=1) >= ENOUGH)]
        if str(label) not in bad
    ]
    words = []
    if bad:
        words.append(
            f"The chains have not converged, by R-hat of {listed(bad)}: nothing said of the posterior is to be trusted."
        )
    if few:
        words.append(
            f"Fewer than {ENOUGH} effective draws of {listed(few)}: the ends of its credible intervals are rough."
        )
    if diverged:
        words.append(f"{counted(diverged, 'divergence')}: the sampler missed parts of the posterior.")
    fine = f"R-hat (all below {CONVERGED}) and effective draws (all above {ENOUGH})"
    return " ".join(words) or f"The chains have converged, as far as {fine} tell."


def _divergences(dt: Any) -> int | None:
    if isinstance(dt, xr.DataTree) and "sample_stats" in dt.children and "diverging" in dt["sample_stats"]:
        return int(dt["sample_stats"]["diverging"].sum())
    return None
