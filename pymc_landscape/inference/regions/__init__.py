"""Joint confidence regions of two quantities."""

from pymc_landscape.inference.regions.contour import confidence_contour

__all__ = [
    "confidence_contour",
]
