"""How to make a report again: versions, where its numbers come from, and the calls, in order."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from importlib import metadata

from pymc_landscape.objective import Objective
from pymc_landscape.objective.observations import observed_data
from pymc_landscape.pages.model_report.html_elements import code, facts, paragraph, table
from pymc_landscape.pages.model_report.number_format import counted
from pymc_landscape.pages.model_report.section import Content, Section, Subject
from pymc_landscape.results import provenance_attributes

PACKAGES = (
    "pymc-landscape",
    "pymc",
    "pytensor",
    "arviz-base",
    "arviz-stats",
    "arviz-plots",
    "numpy",
    "scipy",
    "xarray",
    "matplotlib",
)


def reproduction_section(subject: Subject, sections: Sequence[Section]) -> Content:
    """List versions and calls.

    Parameters
    ----------
    subject : Subject
        What the report is about.
    sections : sequence of Section
        Those that were made, with their code and their cost.
    """
    fit, objective = subject.fit, subject.objective
    made = {
        "Made at": str(provenance_attributes()["created_at"])[:19] + " UTC",
        "Model": objective.model.name or "without a name",
        "Data": _fingerprint(objective),
        "Fit": f"{fit.optimizer}, {fit.information} information" if fit is not None else "none",
        "Seed": "" if subject.random_seed is None else str(subject.random_seed),
        "Python": platform.python_version(),
    }
    versions = [[name, metadata.version(name)] for name in PACKAGES]
    calls = ["import pymc_landscape as pml", "", subject.called_with]
    calls += [
        line
        for section in sections
        if section.content.code
        for line in ("", f"# {section.title}", section.content.code)
    ]
    seconds = [[section.title, f"{section.seconds:.1f} s"] for section in sections]
    html = [
        paragraph("The calls behind each section, in order, for the same model (and dt).", "lead"),
        code("\n".join(calls)),
        facts(made),
        table(("package", "version"), versions, "Versions"),
        table(("section", "made in"), seconds, "What the sections took"),
    ]
    return Content(html)


def _fingerprint(objective: Objective) -> str:
    """Return shapes of the observed data, and a short hash by which to see whether data are the same."""
    try:
        data = observed_data(objective)
    except (ValueError, TypeError):
        return ""
    if not data:
        return "in potentials"
    whole = hashlib.blake2b(digest_size=6)
    for name in sorted(data):
        whole.update(name.encode() + data[name].tobytes())
    shapes = ", ".join(f"{name} ({' × '.join(map(str, values.shape)) or 'scalar'})" for name, values in data.items())
    return f"{shapes}; {counted(objective.n_observations, 'observation')}; hash {whole.hexdigest()}"
