"""One HTML file of a payload: template, style, scripts and plotly.js, so that it opens anywhere without a server."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from importlib.resources import files
from string import Template
from typing import Any, Literal

from pymc_landscape.arguments import told

# A script stands after those it calls.
SCRIPTS = ("data.js", "drawing.js", "map.js", "mountain.js", "charts.js", "walkers.js", "explorer.js")
PLOTLY_FILE = "plotly.min.js"


def plotly_script() -> str:
    """Return the text of plotly.js, as the installed plotly brings it."""
    try:
        from plotly.offline import get_plotlyjs
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "Expected plotly, which draws the mountain, got no such package: pip install 'pymc-landscape[plotly]'."
        ) from error
    return str(get_plotlyjs())


def static_text(name: str) -> str:
    """Return the text of a file that stands beside this one."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def embedded_json(payload: Mapping[str, Any]) -> str:
    """Return JSON that cannot end the script it stands in, whatever the names of a model hold."""
    text = json.dumps(payload, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def explorer_page(payload: Mapping[str, Any], *, include_plotlyjs: bool | Literal["directory"] = True) -> str:
    """Return the whole page; ``"directory"`` reads plotly.js from beside it, ``False`` leaves the mountain out."""
    if not (
        isinstance(include_plotlyjs, bool) or (isinstance(include_plotlyjs, str) and include_plotlyjs == "directory")
    ):
        raise ValueError(
            f"Expected include_plotlyjs=True, False or 'directory', got {told(include_plotlyjs)}: name one of them."
        )
    if include_plotlyjs is True:
        plotly = f'<script id="plotlyjs">{plotly_script()}</script>'
    else:
        plotly = f'<script src="{PLOTLY_FILE}"></script>' if include_plotlyjs else ""
    return Template(static_text("explorer.html")).substitute(
        title=html.escape(payload["title"]),
        style=static_text("explorer.css"),
        payload=embedded_json(payload),
        script="\n".join(map(static_text, SCRIPTS)),
        plotly=plotly,
    )
