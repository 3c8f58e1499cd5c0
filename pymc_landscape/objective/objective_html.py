"""What a notebook shows of an objective: its terms, its parameters, what is latent, and the size of the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from pymc_landscape.model import FreeVariable

# Rows of the table; a model with more variables says how many it leaves out.
SHOWN = 30


def objective_html(title: str, facts: Mapping[str, str], variables: Sequence[FreeVariable]) -> str:
    """Return facts as lines, and the free variables as a table.

    Parameters
    ----------
    title : str
        What stands above.
    facts : mapping of str to str
        What is said before the table, by what it is; empty ones are left out.
    variables : sequence of FreeVariable
        The parameters.
    """
    lines = "".join(f"<div>{escape(name)}: {escape(fact)}</div>" for name, fact in facts.items() if fact)
    head = "".join(f"<th>{name}</th>" for name in ("parameter", "shape", "dims", "support", "transform"))
    rows = "".join(_row(variable) for variable in variables[:SHOWN])
    more = f"<p>... and {len(variables) - SHOWN} more variables</p>" if len(variables) > SHOWN else ""
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f"<div><strong>{escape(title)}</strong>{lines}{table}{more}</div>"


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
