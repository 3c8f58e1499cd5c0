"""Pages that stand alone: one HTML file each, without a server and without a network."""

from pymc_landscape.pages.html_page import iframe, write_page

__all__ = [
    "iframe",
    "write_page",
]
