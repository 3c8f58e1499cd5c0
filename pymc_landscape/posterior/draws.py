"""Draws of a model's posterior with their log densities, checked to be possible under the model.

Draws may come from any sampler: only free variables are read, and Deterministics are computed from them.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array, Posterior
from pymc_landscape.objective import DrawVectors, Objective, RestrictedObjective, without_lost_digits

# Numbers of Deterministics that are held in memory at once.
MOST_NUMBERS = 4_000_000


@dataclass(frozen=True, eq=False)
class PosteriorDraws:
    """Draws on the natural scale, with log-likelihood and log prior.

    Parameters
    ----------
    objective : Objective
        The model.
    vectors : array (S, n)
        A row a draw, chain after chain; columns are the elements of the free variables, natural.
    log_likelihood, log_prior : array (S,)
        Of each draw; the prior on the natural scale.
    chain, draw : array
        Labels along the two dims.
    """

    objective: Objective
    vectors: Array
    log_likelihood: Array
    log_prior: Array
    chain: NDArray[np.generic]
    draw: NDArray[np.generic]

    @property
    def shape(self) -> tuple[int, int]:
        """Number of chains, and of draws of each."""
        return len(self.chain), len(self.draw)

    @property
    def minus2ll(self) -> Array:
        """−2 log L of each draw, (S,)."""
        return -2.0 * self.log_likelihood

    @property
    def value(self) -> Array:
        """−2 log of the posterior density of each draw on the natural scale, up to a constant, (S,)."""
        return -2.0 * (self.log_likelihood + self.log_prior)

    def name(self, i: int) -> str:
        """Say which draw row i is."""
        chain, draw = divmod(int(i), len(self.draw))
        return f"chain {self.chain[chain]}, draw {self.draw[draw]}"

    def theta(self, i: int) -> Array:
        """Return draw i as an unconstrained vector."""
        return self.objective.pack(self.objective.layout().split(self.vectors[int(i)]))

    def quantities(self, weights: Sequence[Array]) -> Array:
        """Return quantities (n, chain, draw) that are weighted sums over ``objective.quantity_labels``."""
        return weighted_sums(self.objective, self.vectors, weights).reshape(len(weights), *self.shape)


def read_posterior(objective: Objective, dt: Posterior | None, group: str = "posterior") -> PosteriorDraws:
    """Read draws of a model out of a tree.

    Parameters
    ----------
    objective : Objective
        The model.
    dt : DataTree or Dataset
        Draws with the dims chain and draw of every free variable of the model.
    group : str
        Group of the tree that holds them.

    Raises
    ------
    ValueError
        If the draws lack a free variable, have it in another shape or under other labels, are not finite, or are
        impossible under the model.
    """
    read = DrawVectors(objective, dt, group)
    vectors = read.rows(0, read.total)
    density = objective.engine("density").at(vectors)
    likelihood = np.asarray(sum(density[name] for name in objective.terms))
    labels = [
        read.coords[dim].values if dim in read.coords else np.arange(n)
        for dim, n in zip(read.dims, read.shape, strict=True)
    ]
    draws = PosteriorDraws(objective, vectors, likelihood, density["log_prior"], labels[0], labels[1])
    _refuse_impossible(draws)
    return _without_lost_digits(draws)


def _without_lost_digits(draws: PosteriorDraws) -> PosteriorDraws:
    """Return the draws with NaN for a likelihood that is the highest by rounding alone, and tell of them."""
    natural = RestrictedObjective(draws.objective, draws.objective.names)
    lost = np.isnan(without_lost_digits(natural, draws.vectors, draws.minus2ll))
    if not lost.any():
        return draws
    warnings.warn(
        f"At {int(lost.sum())} of {len(lost)} draws −2LL is rounding, lower than where densities have their digits "
        f"(the first is {draws.name(int(np.argmax(lost)))}): these are left out.",
        stacklevel=4,
    )
    return replace(draws, log_likelihood=np.where(lost, np.nan, draws.log_likelihood))


def weighted_sums(objective: Objective, vectors: Array, weights: Sequence[Array]) -> Array:
    """Return weighted sums (n, S) of all that the model has at natural points (S, size): parameters, Deterministics.

    A number that is not there (NaN) spoils only the sums that it takes part in.
    """
    sums = np.empty((len(weights), len(vectors)))
    natural = vectors.shape[1]
    if not any(w[natural:].any() for w in weights):
        _add_up(sums, vectors, weights)
        return sums
    rows = max(MOST_NUMBERS // len(weights[0]), 1)
    engine = objective.engine("derived")
    for begin in range(0, len(vectors), rows):
        block = vectors[begin : begin + rows]
        derived = [value.reshape(len(block), -1) for value in engine.at(block).values()]
        _add_up(sums[:, begin : begin + rows], np.concatenate([block, *derived], axis=1), weights)
    return sums


def _add_up(sums: Array, values: Array, weights: Sequence[Array]) -> None:
    for row, weight in zip(sums, weights, strict=True):
        used = np.flatnonzero(weight)
        row[:] = values[:, used] @ weight[used]


# --- whether they are this model's -----------------------------------------------------------------------------------


def _refuse_impossible(draws: PosteriorDraws) -> None:
    """Refuse draws at which the model has no density: a sampler of this model does not go there."""
    labels = draws.objective.layout().labels
    absent = ~np.isfinite(draws.vectors)
    if absent.any():
        row, column = np.argwhere(absent)[0]
        raise ValueError(
            f"Expected finite draws, got {draws.vectors[row, column]} in {labels[column]} ({draws.name(row)}): "
            "drop those draws of dt first."
        )
    density = draws.log_likelihood + draws.log_prior
    bad = np.isnan(density) | np.isneginf(density)
    if bad.any():
        first = int(np.argmax(bad))
        raise ValueError(
            f"Expected draws that are possible under the model, got {int(bad.sum())} of {len(bad)} at which its "
            f"log density is {density[first]} (the first is {draws.name(first)}): are they draws of another model, or "
            "of other data?"
        )
