"""`report`: everything that the package says of a model, on one page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from pymc_landscape._typing import ModelLike, Posterior, RandomSeed
from pymc_landscape.arguments import check_run_options, checked_group, checked_level, checked_names
from pymc_landscape.objective import Objective, objective_of, open_group
from pymc_landscape.optimize import Fit, fit_weighted
from pymc_landscape.pages.model_report.budget import Budget
from pymc_landscape.pages.model_report.check_sections import influence_section, wilks_section
from pymc_landscape.pages.model_report.curve_sections import profile_section, region_section
from pymc_landscape.pages.model_report.fit_section import fit_section
from pymc_landscape.pages.model_report.model_section import model_section
from pymc_landscape.pages.model_report.number_format import listed
from pymc_landscape.pages.model_report.posterior_sections import comparison_section, convergence_section
from pymc_landscape.pages.model_report.report_result import Report
from pymc_landscape.pages.model_report.reproduction import reproduction_section
from pymc_landscape.pages.model_report.section import Section, Subject, make_section
from pymc_landscape.pages.model_report.surface_sections import (
    descent_section,
    loss_section,
    optima_section,
    spectrum_section,
    surface_section,
)
from pymc_landscape.posterior import read_posterior
from pymc_landscape.results import DelayedProgressBar, provenance_attributes

# Sections by name, in their order, with their titles.
SECTIONS = {
    "model": ("The model", model_section),
    "fit": ("The fit", fit_section),
    "posterior": ("Likelihood beside posterior", comparison_section),
    "convergence": ("Have the chains converged?", convergence_section),
    "surface": ("The landscape", surface_section),
    "profiles": ("Profiles", profile_section),
    "regions": ("Joint regions", region_section),
    "wilks": ("Does Wilks' theorem hold here?", wilks_section),
    "influence": ("Influential observations", influence_section),
    "optima": ("Other optima", optima_section),
    "spectrum": ("Ridges", spectrum_section),
    "descent": ("How optimisers get there", descent_section),
    "loss": ("The likelihood as a loss", loss_section),
}
LAST = "How to make this again"
OF_DRAWS = ("posterior", "convergence")
# Draws that are looked at before anything is computed, to see whether they are this model's.
LOOKED_AT = 40
# A draw that is lower than a fit by more than this is where the fit begins again, in units of −2LL.
LOWER = 1e-3


def report(
    fit: Fit | ModelLike | Objective | None = None,
    dt: Posterior | None = None,
    *,
    sections: Sequence[str] | None = None,
    level: float = 0.95,
    group: str = "posterior",
    random_seed: RandomSeed | None = None,
    progressbar: bool = True,
) -> Report:
    """Write a report of a model: what its likelihood says, how sure that is, and what the posterior adds.

    Use it for a first look at a model, and to hand results on. Each section is made by one verb, with the call beside
    it; what a verb refuses for this model, the section says in that verb's sentence, and the others are made.

    Parameters
    ----------
    fit : Fit, pm.Model or Objective, optional
        What `fit_mle` or `fit_map` returned; a model is fitted first by maximum likelihood, and left out it is that of
        the surrounding ``with`` block. A fit without an optimum is reported as such: its status first, what to do, and
        of its intervals what the likelihood does determine.
    dt : DataTree or Dataset, optional
        Draws of the model's posterior. With them come the comparison of likelihood and posterior, the state of the
        chains, marginals beside profiles, and Wilks' theorem seen on the draws. Without, that is seen on simulated
        data.
    sections : sequence of str, optional
        Which to make, of ``model``, ``fit``, ``posterior``, ``convergence``, ``surface``, ``profiles``, ``regions``,
        ``wilks``, ``influence``, ``optima``, ``spectrum``, ``descent``, ``loss``; left out, all that there is
        something to say in.
    level : float
        Level of the confidence intervals, and probability of the credible ones.
    group : str
        Group of the tree that holds the draws.
    random_seed : int or Generator, optional
        For simulated data and draws of the prior.
    progressbar : bool
        Whether to show progress, once there is something to wait for.

    Returns
    -------
    Report
        ``save(path)`` writes one HTML file without script, image or font beside it; a notebook shows the page;
        ``to_datatree()`` has the numbers; ``verdict`` the sentences.

    Raises
    ------
    ValueError
        If the draws are not this model's, a section or the level is not known, or there is no likelihood: no data, no
        free variable.

    Notes
    -----
    What each section may cost is decided by the size of the model, not by a clock, so that a report comes out the same
    again: profiles of up to 12 parameters, joint regions of up to 4, simulated data where refits are cheap. A section
    that leaves something out says what, and which call has it.

    Examples
    --------
    >>> import pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     p = pm.Beta("p", 1, 1)
    ...     y = pm.Binomial("y", n=10, p=p, observed=7)
    >>> report = pml.report(model, sections=["fit"], progressbar=False)
    >>> print(report.verdict[0].split(":")[0])
    The fit is converged
    >>> list(report.to_datatree().children)
    ['fit', 'intervals']
    """
    level = checked_level("level", level)
    check_run_options(random_seed, progressbar)
    checked_group(group)
    chosen = _chosen(sections, dt)
    subject = _subject(fit, dt, group, level, random_seed)
    made: list[Section] = []
    with DelayedProgressBar("Reporting", len(chosen), progressbar) as bar:
        for key in chosen:
            title, make = SECTIONS[key]
            made.append(make_section(key, title, make, subject))
            bar.advance(1)
    made.append(make_section("again", LAST, lambda s: reproduction_section(s, made), subject))
    name = subject.objective.model.name
    stamp = provenance_attributes()
    by = f"pymc_landscape {stamp['creation_library_version']}, {datetime.now(UTC):%d %B %Y}"
    title = f"Report of {name}" if name else f"Report of a model of {listed(list(subject.objective.term_names), 3)}"
    return Report(title, _verdict(subject, made), subject.fit, by, tuple(made))


def _chosen(sections: Sequence[str] | None, dt: Posterior | None) -> list[str]:
    """Return the names of the sections to make, in their order."""
    if sections is None:
        return [key for key in SECTIONS if dt is not None or key not in OF_DRAWS]
    asked = checked_names("sections", sections, of="sections of a report", known=SECTIONS)
    return [key for key in SECTIONS if key in asked]


def _subject(
    fit: Fit | ModelLike | Objective | None,
    dt: Posterior | None,
    group: str,
    level: float,
    random_seed: RandomSeed | None,
) -> Subject:
    """Return what is reported: a fit as it is; a model is fitted, and where it cannot be, that is what is said."""
    objective = objective_of(fit)
    lowest = _refuse_other_draws(objective, dt, group)
    found, refusal = (fit, "") if isinstance(fit, Fit) else _fitted(objective, lowest)
    made_by = "fit = pml.fit_map(model)" if found is not None and found.is_map else "fit = pml.fit_mle(model)"
    if found is not None and found.is_penalized:
        made_by = 'fit = pml.fit_mle(model, penalty="firth")'
    budget = Budget.of(found) if found is not None else None
    return Subject(objective, found, refusal, dt, group, level, random_seed, made_by, budget)


def _fitted(objective: Objective, lowest: tuple[np.ndarray, float] | None) -> tuple[Fit | None, str]:
    """Fit by maximum likelihood, again from the lowest draw where that lies lower; or say why it cannot be done."""
    try:
        found = fit_weighted(objective, progressbar=False)
        if lowest is not None and lowest[1] < found.minus2ll - LOWER and found.status.is_optimum:
            found = fit_weighted(objective, starts=np.stack([lowest[0], found.theta]), progressbar=False)
    except (ValueError, NotImplementedError) as error:
        return None, str(error)
    return found, ""


def _refuse_other_draws(objective: Objective, dt: Posterior | None, group: str) -> tuple[np.ndarray, float] | None:
    """Refuse draws of another model; return the lowest of some, with its −2LL."""
    if dt is None:
        return None
    draws = open_group(dt, group)
    step = max(draws.sizes["chain"] * draws.sizes["draw"] // LOOKED_AT, 1)
    some = read_posterior(objective, draws.isel(draw=slice(None, None, step)))
    best = int(np.nanargmin(some.minus2ll))
    return some.theta(best), float(some.minus2ll[best])


def _verdict(subject: Subject, sections: Sequence[Section]) -> tuple[str, ...]:
    """Return what was found, a sentence or two a section; without a fit, why there is none."""
    said = [section.content.verdict for section in sections if section.content.verdict]
    if subject.fit is None:
        said.append(f"It was not fitted. {subject.refusal}")
    return tuple(said)
