"""Pages that stand alone: one HTML file each, without a server and without a network."""

from pymc_landscape.pages.html_page import iframe, page_file, write_page

__all__ = [
    "iframe",
    "page_file",
    "write_page",
]
