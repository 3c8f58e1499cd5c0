"""The Hessian of an objective as a function: exact, or where an Op has no second derivative, from differences."""

from __future__ import annotations

from collections.abc import Callable

from pymc_landscape.aliases import Array
from pymc_landscape.differences import hessian_of_slopes
from pymc_landscape.objective import Objective


def hessian_function(objective: Objective, theta: Array) -> Callable[[Array], Array]:
    """Return the Hessian of `value` as a function of one vector (k,); `theta` is where it is tried out.

    Raises
    ------
    ValueError
        If the model has not even a gradient.
    """
    slope = objective.slope()
    try:
        objective.hessian(theta)
    except (NotImplementedError, ValueError):
        return lambda x: hessian_of_slopes(lambda there: slope(there)[1], x)
    return objective.hessian
