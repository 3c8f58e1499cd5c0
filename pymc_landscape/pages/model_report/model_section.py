"""The model: its graph, and a table of what is likelihood, prior, latent, potential, data."""

from __future__ import annotations

from collections import Counter

from pymc_landscape.objective import Objective
from pymc_landscape.pages.model_report.graph_drawing import graph_figure
from pymc_landscape.pages.model_report.html_elements import fold, paragraph, table
from pymc_landscape.pages.model_report.model_variables import ROLES, Variable, model_variables
from pymc_landscape.pages.model_report.number_format import counted, listed
from pymc_landscape.pages.model_report.section import Content, Subject

HEAD = ("variable", "part", "distribution", "shape", "support", "made of")
# A longer table is folded.
SHOWN = 24


def model_section(subject: Subject) -> Content:
    """Draw the graph and list the variables."""
    variables = model_variables(subject.objective)
    rows = [_row(v) for v in variables]
    listing = table(HEAD, rows, "Variables of the model", words=("part", "distribution", "shape", "support", "made of"))
    html = [paragraph(_lead(subject.objective, variables), "lead"), graph_figure(variables)]
    html.append(listing if len(rows) <= SHOWN else fold(f"All {len(rows)} variables", listing))
    return Content(html, verdict=describe_model(subject.objective))


def describe_model(objective: Objective) -> str:
    """Say in a sentence how large the model is, and what its likelihood is made of."""
    name = f"The model {objective.model.name}" if objective.model.name else "The model"
    fixed = objective.fixed_effects.size
    parameters = counted(objective.size, "parameter") + (f" and {counted(fixed, 'fixed effect')}" if fixed else "")
    data = counted(objective.n_observations, "observation")
    terms = listed(list(objective.term_names))
    where = f"{data} in {terms}" if objective.n_observations else f"its data in {terms}"
    return f"{name} has {parameters} and {where}{_left_out(objective)}."


def _left_out(objective: Objective) -> str:
    effects = [name for name in objective.latent if name not in objective.summed]
    words = [f"{listed(effects)} integrated out"] if effects else []
    words += (
        [f"{listed(list(objective.restricted))} integrated out over a flat measure (REML)"]
        if objective.restricted
        else []
    )
    words += [f"{listed(list(objective.summed))} summed out"] if objective.summed else []
    return f", with {listed(words)}" if words else ""


def _lead(objective: Objective, variables: list[Variable]) -> str:
    roles = Counter(v.role for v in variables)
    says = (
        "The likelihood is made of what is observed; the priors are the distributions of the free variables, and play "
        "no part in it."
    )
    if roles["effect"] or roles["summed"]:
        says += (
            " What is integrated or summed out is no parameter: the likelihood is that of the others, with it averaged."
        )
    if objective.conditional:
        says += (
            f" The priors of {listed(list(objective.conditional))} depend on other variables, and these are fitted as "
            "parameters all the same: this likelihood is conditional on them."
        )
    if roles["potential"] or roles["prior_potential"]:
        says += " A potential is neither by itself: the table says what it counts as here."
    return says


def _row(v: Variable) -> list[str]:
    return [v.name, ROLES[v.role], v.distribution, v.plate or "scalar", v.support, ", ".join(v.parents)]
