"""The package's own plots as images inside the page: SVG by matplotlib, or PNG where there is much to draw."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from html import escape
from io import BytesIO
from typing import Any

# An SVG of more bytes than this is made a PNG: thousands of dots are a picture, not a drawing.
MOST_BYTES = 160_000
DOTS_PER_INCH = 160


def figure(draw: Callable[[], Any], says: str, *, width: float = 0.0) -> str:
    """Draw one plot, and return it as a figure of the page.

    Parameters
    ----------
    draw : callable
        Returns a PlotCollection of the backend matplotlib.
    says : str
        What is to be seen: the caption, and what a screen reader says.
    width : float
        In inches, for a figure that is not to be wider than that on a screen; 0 for its own width.

    Returns
    -------
    str
        A ``<figure>`` whose image is part of the page.
    """
    import matplotlib.pyplot as plt

    drawn = draw().viz["figure"].item()
    try:
        image, kind = _image(drawn)
        inches = width or float(drawn.get_size_inches()[0])
    finally:
        plt.close(drawn)
    source = f"data:image/{kind};base64,{b64encode(image).decode('ascii')}"
    return (
        f'<figure style="max-width: {96 * inches:.0f}px"><img alt="{escape(says)}" src="{source}">'
        f"<figcaption>{escape(says)}</figcaption></figure>"
    )


def _image(drawn: Any) -> tuple[bytes, str]:
    """Return bytes and kind of the picture, the same at every run."""
    import matplotlib.pyplot as plt

    with plt.rc_context({"svg.hashsalt": "pymc_landscape", "svg.fonttype": "path"}):
        drawing = BytesIO()
        drawn.savefig(drawing, format="svg", bbox_inches="tight", metadata={"Date": None}, facecolor="white")
    if drawing.tell() <= MOST_BYTES:
        return drawing.getvalue(), "svg+xml"
    picture = BytesIO()
    drawn.savefig(picture, format="png", bbox_inches="tight", dpi=DOTS_PER_INCH, facecolor="white")
    return picture.getvalue(), "png"
