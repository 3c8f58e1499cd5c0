"""Coordinates of variables on their natural scale in which each bound of the support is the end of one coordinate."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.model import Layout


def inward_directions(layout: Layout, fixed: Mapping[int, float], initial: Mapping[str, Array]) -> Array:
    """Return the way from each element that is fixed at a bound of its support to the initial point (k,); 0 elsewhere.

    Parameters
    ----------
    layout : Layout
        Of the vector; a variable on its unconstrained scale has no bound in it.
    fixed : mapping of int to float
        Elements that do not move, by position, with their values.
    initial : mapping of str to array
        The model's initial point, natural.

    Returns
    -------
    array (k,)
        Added to the vector in small shares, it leads to where derivatives are finite that are not so at the bound.
    """
    inwards = np.zeros(layout.size)
    for v in layout.variables:
        if v.transform is not None and v.name in layout.unconstrained:
            continue
        start = layout.slices[v.name].start
        for i in range(v.bounded.size):
            bound = fixed.get(start + i)
            if bound is not None and bound in v.limits(i):
                inwards[start + i] = float(np.ravel(initial[v.name])[i]) - bound
    return inwards
