"""Starts of the alternative over all values of the parameters that vanish under the null.

Where a place, a mean or a rate makes no difference under the null, the likelihood ratio is a supremum over it (Davies
1987, *Biometrika* 74, 33-43), and has an optimum for each heap that chance has piled up. A search from one value finds
the nearest. So values are laid over the whole support, all else is minimised over at each in one batch, more values are
laid about the lowest, and these are searched to the end. Values lie so close that observations tell neighbours hardly
apart: where the likelihood jumps between them, as at the place of a change, one lies in each step.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.numerics import newton_descent_batch
from pymc_landscape.objective import (
    DENSE,
    LOG_PRIOR,
    Objective,
    RestrictedObjective,
    batch_value_gradient_hessian,
    prior_draws,
)

# Values of one parameter that vanishes: at least, at most, and from how many they are chosen; points where several do.
FEWEST, MOST, ALONG, TOGETHER = 24, 128, 512, 96
# Angle between what two neighbours do to the observations: at 0.3 their scores are correlated by 0.95.
ANGLE = 0.3
# Observations, times values, of which angles are taken.
MOST_ANGLES = 4_000_000
# How far to either side of the estimate they lie without bounds: in sizes of the estimate, or on a log scale.
REACH, LOG_REACH = 3.0, 7.0
# Evaluations of a value at first, nearer by and at last; how many values lie about each of the lowest, and how often.
AT_FIRST, NEARBY, AT_LAST, ABOUT, LOWEST, REFINED = 6, 3, 15, 7, 3, 2
# How many of several parameters' points are followed in all elements.
FOLLOWED = 12
# How many of the lowest are searched to the end, where the first has not converged; and where no batch is followed.
SEARCHED, FOLLOWED_ALONE = 2, 3
SEED = 1987


@dataclass(frozen=True)
class BatchEnd:
    """Where a point of the batch ended: unconstrained vector (k,), −2LL there, and whether it is a minimum."""

    x: Array
    value: float
    converged: bool


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
    off, null : array (k,)
        A point at which they do make one, and the null's.
    """

    def __init__(self, objective: Objective, estimate: Array, vanished: Sequence[str], off: Array, null: Array):
        variables = [v for v in objective.variables if set(v.labels) & set(vanished)]
        layout = objective.layout(objective.names)
        columns: list[int] = []
        for v in variables:
            own = range(layout.slices[v.name].start, layout.slices[v.name].stop)
            columns += [j for i, j in enumerate(own) if not v.elementwise or v.labels[i] in vanished]
        self.columns = np.array(columns, dtype=int)
        self.values = np.empty((0, 0))
        if len(columns) == 1:
            along = _laid_out(objective, estimate, self.columns)
            self.values = along[_told_apart(objective, off, null, columns[0], along[:, 0])]
        elif columns:
            self.values = _laid_out(objective, estimate, self.columns)

    def __len__(self) -> int:
        return len(self.values)

    def lowest(self, objective: Objective, bases: Sequence[Array]) -> list[BatchEnd]:
        """Return the ends that are lowest: of `bases` (k,) with each value of what vanishes, followed downhill.

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
            value = restricted.values(x)
            return [BatchEnd(x[i], float(value[i]), False) for i in np.argsort(value)[:FOLLOWED_ALONE]]
        others = np.setdiff1d(np.arange(k), self.columns)
        x, value, _ = _followed(restricted, x, others, AT_FIRST)
        if len(self.columns) == 1:
            for _ in range(REFINED):
                about = _about_the_lowest(x, value, int(self.columns[0]))
                nearer, lower, _ = _followed(restricted, about, others, NEARBY)
                x, value = np.concatenate([x, nearer]), np.concatenate([value, lower])
        chosen = x[np.argsort(value, kind="stable")[:FOLLOWED]]
        if len(self.columns) == 1:
            chosen = x[_local_minima(x[:, self.columns[0]], value)[:LOWEST]]
        return _arrived(restricted, chosen)


def _followed(
    restricted: RestrictedObjective, x: Array, free: NDArray[np.intp], evaluations: int
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Return points (n, k) after so many evaluations of Newton's method, their values, and which have converged."""

    def derivatives(rows: NDArray[np.intp], there: Array) -> tuple[Array, Array, Array]:
        whole = x[rows]
        whole[:, free] = there
        return batch_value_gradient_hessian(restricted, whole)

    with np.errstate(all="ignore"):
        minima = newton_descent_batch(derivatives, free, x.shape[1], x[:, free], x[:, free].copy(), evaluations)
    ends = x.copy()
    ends[:, free] = minima.x
    usable = np.isfinite(minima.value) & np.isfinite(minima.x).all(axis=1)
    return ends, np.where(usable, minima.value, np.inf), minima.converged & usable


def _local_minima(at: Array, value: Array) -> NDArray[np.intp]:
    """Return positions of the local minima over one element, the lowest first; of one place the lower end."""
    order = np.lexsort((value, at))
    order = order[np.concatenate([[True], np.diff(at[order]) > 0])]
    padded = np.concatenate([[np.inf], value[order], [np.inf]])
    minima = order[(padded[1:-1] <= padded[:-2]) & (padded[1:-1] < padded[2:])]
    found: NDArray[np.intp] = minima[np.argsort(value[minima], kind="stable")]
    return found if len(found) else np.array([int(np.argmin(value))])


def _about_the_lowest(x: Array, value: Array, column: int) -> Array:
    """Return points between each of the lowest local minima and its neighbours, all else as at the minimum."""
    at = np.unique(x[:, column])
    about = []
    for i in _local_minima(x[:, column], value)[:LOWEST]:
        j = int(np.searchsorted(at, x[i, column]))
        low, high = at[max(j - 1, 0)], at[min(j + 1, len(at) - 1)]
        points = np.repeat(x[i][None], ABOUT, axis=0)
        points[:, column] = low + (high - low) * np.arange(1, ABOUT + 1) / (ABOUT + 1)
        about.append(points)
    return np.concatenate(about)


def _arrived(restricted: RestrictedObjective, x: Array) -> list[BatchEnd]:
    """Return the lowest different ends of a search over all elements from each of x (n, k)."""
    ends, value, converged = _followed(restricted, x, np.arange(x.shape[1]), AT_LAST)
    chosen: list[BatchEnd] = []
    for i in np.argsort(value, kind="stable"):
        if np.isfinite(value[i]) and all(np.abs(ends[i] - other.x).max() > 1e-3 for other in chosen):
            chosen.append(BatchEnd(ends[i], float(value[i]), bool(converged[i])))
        if len(chosen) == SEARCHED or converged[i]:
            break
    return chosen or [BatchEnd(x[0], np.inf, False)]


def _told_apart(objective: Objective, off: Array, null: Array, column: int, along: Array) -> NDArray[np.intp]:
    """Return positions among values (n,) of one element such that the observations tell neighbours hardly apart.

    What an element does to observations is the vector of their log-likelihoods less those under the null, and the angle
    of two such vectors is that of the scores whose supremum is sought. Where it jumps, one value is taken of each step.
    """
    evenly = np.linspace(0, len(along) - 1, FEWEST).astype(np.intp)
    if objective.is_integral or len(along) * objective.n_observations > MOST_ANGLES:
        return evenly
    points = np.repeat(off[None], len(along) + 1, axis=0)
    points[:-1, column], points[-1] = along, null
    with np.errstate(all="ignore"):
        rows = objective.engine("pointwise", objective.names).at(points)
    effects = np.concatenate([v.reshape(len(points), -1) for name, v in rows.items() if name != LOG_PRIOR], axis=1)
    effects = effects[:-1] - effects[-1]
    effects = np.where(np.isfinite(effects), effects, 0.0)
    lengths = np.linalg.norm(effects, axis=1)
    directions = effects / np.maximum(lengths, 1e-3 * lengths.max(initial=1e-300))[:, None]
    angles = np.linalg.norm(np.diff(directions, axis=0), axis=1)
    still = angles <= 1e-9
    if still.mean() > 0.5:  # steps
        step = np.concatenate([[0], np.cumsum(~still)])
        return np.array([int(np.flatnonzero(step == s).mean()) for s in range(step[-1] + 1)])
    travelled = np.concatenate([[0.0], np.cumsum(angles)])
    n = int(np.clip(travelled[-1] / ANGLE, FEWEST, MOST))
    wanted = np.searchsorted(travelled, np.linspace(0.0, travelled[-1], n)).clip(0, len(along) - 1)
    return np.unique(np.concatenate([evenly, wanted]))


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
    size = LOG_REACH if v.transform is not None else REACH * max(abs(estimate), 1.0)
    around = estimate + size * np.linspace(-1, 1, n - n // 2)
    inside = drawn[np.isfinite(drawn)]
    others = inside[np.linspace(0, len(inside) - 1, n // 2).astype(int)] if len(inside) else around[: n // 2] + size / n
    return np.sort(np.concatenate([around, others]))
