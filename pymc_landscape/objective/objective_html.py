"""What a notebook shows of an objective: its terms, its parameters, what is latent, and the size of the data."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from pymc_landscape.model import FreeVariable

# Rows of the table; a model with more variables says how many it leaves out.
SHOWN = 30


def objective_html(objective: Any) -> str:
    """Return facts as lines, and the free variables as a table.

    Parameters
    ----------
    objective : Objective
        What is shown.
    """
    variables, facts, title = objective.variables, _facts(objective), f"Objective of {objective.size} parameters"
    lines = "".join(f"<div>{escape(name)}: {escape(fact)}</div>" for name, fact in facts.items() if fact)
    head = "".join(f"<th>{name}</th>" for name in ("parameter", "shape", "dims", "support", "transform"))
    rows = "".join(_row(variable) for variable in variables[:SHOWN])
    more = f"<p>... and {len(variables) - SHOWN} more variables</p>" if len(variables) > SHOWN else ""
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f"<div><strong>{escape(title)}</strong>{lines}{table}{more}</div>"


def _facts(objective: Any) -> dict[str, str]:
    """Say what comes before the table, by what it is; what is empty is left out."""
    sizes = objective.evaluators.metadata.data_shapes
    shapes = (f"{name} ({' × '.join(map(str, shape)) or 'scalar'})" for name, shape in sizes.items())
    effects = (v.name for v in objective.evaluators.metadata.effects if v.name not in objective.restricted)
    return {
        "Terms of the log-likelihood": ", ".join(objective.terms),
        "Data": f"{', '.join(shapes)}; {objective.n_observations} observations" if sizes else "",
        "Integrated out": ", ".join(effects),
        "Integrated out over a flat measure (REML)": ", ".join(objective.restricted),
        "Summed out": ", ".join(objective.summed),
        "Penalty": "½ log det of the Fisher information (Firth)" if objective.penalty else "",
        "Weight of the log prior": f"{objective.prior_weight:g}" if objective.prior_weight else "",
    }


def _row(variable: FreeVariable) -> str:
    shape = " × ".join(map(str, variable.shape)) or "scalar"
    cells = (variable.name, shape, ", ".join(variable.dims), _support(variable), variable.transform or "")
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def _support(variable: FreeVariable) -> str:
    """Write the limits that all elements have; nothing where they differ or depend on other variables."""
    low, high = np.unique(variable.low), np.unique(variable.high)
    if variable.leans or len(low) != 1 or len(high) != 1:
        return ""
    return f"({low[0]:g}, {high[0]:g})".replace("inf", "∞").replace("-", "−")
