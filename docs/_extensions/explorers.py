"""Explorers in pages: the 5 MB of plotly.js that each of them holds become one file that all of them share."""

import re
from pathlib import Path
from typing import Any

from plotly.offline import get_plotlyjs
from sphinx.application import Sphinx

SHARED = "_static/plotly.min.js"
# The page of an explorer stands escaped in its frame's srcdoc; what it reads from there, it finds beside this page.
INLINED = re.compile(r"&lt;script id=&quot;plotlyjs&quot;&gt;.*?&lt;/script&gt;", re.DOTALL)


def share_plotly(body: str, address: str) -> str:
    """Return a page's body whose explorers read plotly.js from an address."""
    return INLINED.sub(f"&lt;script src=&quot;{address}&quot;&gt;&lt;/script&gt;", body)


def rewrite(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object) -> None:
    """Let the explorers of a page read the shared file, and put it there."""
    if not INLINED.search(context.get("body", "")):
        return
    context["body"] = share_plotly(context["body"], context["pathto"](SHARED, resource=True))
    shared = Path(app.outdir) / SHARED
    if not shared.exists():
        shared.parent.mkdir(exist_ok=True)
        shared.write_text(get_plotlyjs(), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Rewrite pages once their body is made."""
    app.connect("html-page-context", rewrite, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
