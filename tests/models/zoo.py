"""About forty small models of every kind PyMC users write: name -> builder in ``ZOO``.

Traits that tests ask for: ``discrete`` (a free integer), ``blackbox`` (no gradient), ``once`` (no
second derivative), ``random`` (the log-likelihood differs from call to call), ``float32``, ``slow``
(numba compiles it for long), ``edge`` (part of the grid is outside the support).
"""

import zoo_awkward  # noqa: F401
import zoo_regressions  # noqa: F401
import zoo_special  # noqa: F401
import zoo_structured  # noqa: F401
from zoo_registry import TRAITS, ZOO, Specimen, names

__all__ = ["TRAITS", "ZOO", "Specimen", "names"]
