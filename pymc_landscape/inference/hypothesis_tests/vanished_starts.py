"""Starts of the alternative over all values of the parameters that vanish under the null.

Where a place, a mean or a rate makes no difference under the null, the likelihood ratio is a supremum over it (Davies
1987, *Biometrika* 74, 33-43), and has an optimum for each heap that chance has piled up. A search from one value finds
the nearest. So values are laid over the whole support, each is followed by Newton's method in one batch with the
others, and the lowest are searched to the end.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.numerics import newton_descent_batch
from pymc_landscape.objective import (
    DENSE,
    Objective,
    RestrictedObjective,
    batch_value_gradient_hessian,
    prior_draws,
)

# Values of one parameter that vanishes, and points where several do.
ALONG, TOGETHER = 32, 96
# How far to either side of the estimate they lie without bounds: unconstrained, or in sizes of the estimate.
REACH = 3.0
# How many of the lowest are searched to the end, where the first has not converged; and where no batch is followed.
SEARCHED, FOLLOWED_ALONE = 2, 3
SEED = 1987


class VanishedStarts:
    """Where an alternative's searches begin, given what else is known of a data set.

    Parameters
    ----------
    objective : Objective
        The alternative, with the observed data.
    estimate : array (k,)
        Its estimate, inside the support.
    vanished : sequence of str
        Labels of its elements that make no difference under the null.
    """

    def __init__(self, objective: Objective, estimate: Array, vanished: Sequence[str]):
        variables = [v for v in objective.variables if set(v.labels) & set(vanished)]
        layout = objective.layout(objective.names)
        columns: list[int] = []
        for v in variables:
            own = range(layout.slices[v.name].start, layout.slices[v.name].stop)
            columns += [j for i, j in enumerate(own) if not v.elementwise or v.labels[i] in vanished]
        self.columns = np.array(columns, dtype=int)
        self.values = _laid_out(objective, estimate, self.columns) if columns else np.empty((0, 0))

    def __len__(self) -> int:
        return len(self.values)

    def lowest(self, objective: Objective, bases: Sequence[Array]) -> list[Array]:
        """Return the starts that lead lowest: `bases` (k,) with each value of what vanishes, followed downhill.

        Parameters
        ----------
        objective : Objective
            The alternative with the data in question.
        bases : sequence of array (k,)
            Starts in all other elements.
        """
        x = np.concatenate([np.repeat(base[None], len(self.values), axis=0) for base in bases])
        x[:, self.columns] = np.tile(self.values, (len(bases), 1))
        restricted = RestrictedObjective(objective)
        k = x.shape[1]
        if objective.is_integral or not objective.has_gradient or k > DENSE:
            return list(x[np.argsort(restricted.values(x))[:FOLLOWED_ALONE]])
        with np.errstate(all="ignore"):
            minima = newton_descent_batch(
                lambda rows, there: batch_value_gradient_hessian(restricted, there), np.arange(k), k, x, x.copy()
            )
        usable = np.isfinite(minima.value) & np.isfinite(minima.x).all(axis=1)
        order = np.argsort(np.where(usable, minima.value, np.inf))
        chosen: list[Array] = []
        for i in order[: int(usable.sum())]:
            if all(np.abs(minima.x[i] - other).max() > 1e-3 for other in chosen):
                chosen.append(minima.x[i])
            if len(chosen) == SEARCHED or minima.converged[i]:
                break
        return chosen or [x[0]]


def _laid_out(objective: Objective, theta: Array, columns: Sequence[int] | Array) -> Array:
    """Return values (n, m) of the unconstrained elements in `columns`: one after the other, or mixed where several."""
    n = ALONG if len(columns) == 1 else TOGETHER
    rng = np.random.default_rng(SEED)
    drawn = prior_draws(objective, n, rng)
    laid = np.stack([_along(objective, float(theta[j]), int(j), np.sort(drawn[:, j]), n) for j in columns], axis=1)
    if len(columns) > 1:  # a Latin hypercube
        laid = np.stack([rng.permutation(column) for column in laid.T], axis=1)
    return laid


def _along(objective: Objective, estimate: float, column: int, drawn: Array, n: int) -> Array:
    """Return n unconstrained values of one element: over a bounded support, else about the estimate and the prior."""
    layout = objective.layout(objective.names)
    v = next(v for v in objective.variables if layout.slices[v.name].start <= column < layout.slices[v.name].stop)
    i = column - layout.slices[v.name].start
    if v.elementwise and np.isfinite(v.limits(i)).all():
        low, high = v.limits(i)
        natural = low + (high - low) * (np.arange(n) + 0.5) / n
        point = objective.initial_point()
        packed = np.empty(n)
        for row, x in enumerate(natural):
            value = np.array(point[v.name], dtype=float)
            value.flat[i] = x
            packed[row] = objective.pack({**point, v.name: value})[column]
        return packed
    size = REACH if v.transform is not None else REACH * max(abs(estimate), 1.0)
    around = estimate + size * np.linspace(-1, 1, n - n // 2)
    inside = drawn[np.isfinite(drawn)]
    others = inside[np.linspace(0, len(inside) - 1, n // 2).astype(int)] if len(inside) else around[: n // 2] + size / n
    return np.sort(np.concatenate([around, others]))
