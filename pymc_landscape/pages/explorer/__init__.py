"""The landscape as a page that one can walk on."""

from pymc_landscape.pages.explorer.exploration import explore
from pymc_landscape.pages.explorer.explorer import Explorer

__all__ = [
    "Explorer",
    "explore",
]
