"""Simulated statistics beside the law that they should follow: quantiles, and the envelope of the order statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, gammaincinv

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.arguments import checked_array, checked_count, told
from pymc_landscape.numerics import chibar2_quantile, chibar2_tail
from pymc_landscape.plots.data.inputs import SimulatedLike

ZERO = 1e-6  # a statistic below it is 0, but for rounding
HALVINGS = 80
VERB = "likelihood_ratio_test(..., reference='bootstrap') or parametric_bootstrap"


@dataclass(frozen=True)
class Simulated:
    """Simulated statistics of one kind of data, and their law by theory.

    Attributes
    ----------
    name : str
        For the legend; may be empty.
    draws : array (n,)
        Statistics, the smallest first.
    weights : array (m + 1,)
        Of χ²₀, ..., χ²ₘ in the law.
    statistic, p_value : float
        That of the data that came, and its p-value by simulation; NaN where there is none.
    """

    name: str
    draws: Array
    weights: Array
    statistic: float
    p_value: float

    @cached_property
    def rank(self) -> NDArray[np.int64]:
        """1 for the smallest."""
        return np.arange(1, self.draws.size + 1)

    @cached_property
    def expected(self) -> Array:
        """Quantiles of the law at the mean ranks of the order statistics."""
        return quantiles(self.rank / (self.draws.size + 1), self.weights)

    def envelope(self, prob: float) -> tuple[Array, Array]:
        """Return where each order statistic lies with a probability, if the law is right."""
        n, tail = self.draws.size, 0.5 - prob / 2
        below, above = (betaincinv(self.rank, n + 1 - self.rank, p) for p in (tail, 1 - tail))
        return quantiles(below, self.weights), quantiles(above, self.weights)

    @property
    def law(self) -> str:
        """Write the law, as ``0.5 χ²(0) + 0.5 χ²(1)``."""
        components = [(w, j) for j, w in enumerate(self.weights) if w > 0]
        return " + ".join(f"χ²({j})" if w == 1 else f"{w:.3g} χ²({j})" for w, j in components)

    @property
    def p_by_law(self) -> float:
        """Chance of a statistic at least as large by the law."""
        return float(chibar2_tail(self.statistic, self.weights))

    def beyond(self, level: float) -> float:
        """Return the share of draws that a test of this level would reject."""
        return float((self.draws > chibar2_quantile(level, self.weights)).mean())

    @property
    def at_zero(self) -> float:
        """Share of draws that are 0."""
        return float((self.draws <= ZERO).mean())


def quantiles(probability: ArrayLike, weights: ArrayLike) -> Array:
    """Return quantiles of a χ̄² law; 0 as far as χ²₀ alone goes.

    Examples
    --------
    >>> quantiles([0.4, 0.95], [0.5, 0.5]).round(4).tolist()
    [0.0, 2.7055]
    """
    p, w = np.asarray(probability, dtype=float), np.asarray(weights, dtype=float)
    m = w.size - 1
    high = 2.0 * gammaincinv(max(m, 1) / 2.0, p)  # a mixture has no more than its last part
    if w[-1] == 1.0 and m > 0:
        return np.asarray(high)
    low, atom = np.zeros_like(high), p <= w[0]
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        short = chibar2_tail(middle, w) > 1 - p
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return np.where(atom, 0.0, high)


def gather_simulated(
    results: SimulatedLike | Mapping[str, SimulatedLike], df: int | None, weights: ArrayLike | None
) -> list[Simulated]:
    """Return one series, or one for each name of a mapping."""
    df = None if df is None else checked_count("df", df, advice="leave it out")
    law = None if weights is None else _checked(weights, df)
    if isinstance(results, Mapping) and not isinstance(results, xr.Dataset | xr.DataTree):
        if not results:
            raise ValueError(f"Expected simulated statistics, got an empty mapping; pass what {VERB} returns.")
        return [_series(str(name), one, df, law) for name, one in results.items()]
    return [_series("", results, df, law)]


def _checked(weights: ArrayLike, df: int | None) -> Array:
    w = checked_array("weights", weights)
    if w.ndim != 1 or not w.size or not (w >= 0).all() or abs(w.sum() - 1) > 1e-6:
        raise ValueError(f"Expected weights of χ²₀, χ²₁, ... that sum to 1, got {told(weights)}: leave them out.")
    if df is not None and df != w.size - 1:
        raise ValueError(f"Expected {df + 1} weights with df={df}, got {w.size}; give one of the two.")
    scaled: Array = w / w.sum()
    return scaled


def _series(name: str, result: SimulatedLike, df: int | None, law: Array | None) -> Simulated:
    ds = _dataset(result)
    name_of_draws = "draws" if "draws" in ds else "delta_minus2ll"
    if name_of_draws not in ds or not set(ds[name_of_draws].dims) <= {"chain", "draw"}:
        instead = "a test without simulated draws" if "statistic" in ds else f"a Dataset of {list(ds)}"
        raise ValueError(f"Expected simulated statistics, got {instead}; pass what {VERB} returns.")
    draws = ds[name_of_draws].values.astype(float).ravel()
    draws = np.sort(draws[np.isfinite(draws)])
    if not draws.size:
        raise ValueError("Expected simulated statistics, got none that is finite.")
    statistic, p_value = (float(ds[name]) if name in ds else np.nan for name in ("statistic", "p_value"))
    return Simulated(name, draws, _law(ds, df) if law is None else law, statistic, p_value)


def _dataset(result: Any) -> xr.Dataset:
    """Return a Dataset as it is, that of a tree's group, or what a result makes of itself."""
    if isinstance(result, xr.DataTree):
        result = _of_tree(result)
    made = result.to_dataset() if hasattr(result, "to_dataset") and not isinstance(result, xr.Dataset) else result
    if not isinstance(made, xr.Dataset):
        raise TypeError(f"Expected simulated statistics, got {type(result).__name__}; pass what {VERB} returns.")
    return made


def _of_tree(tree: xr.DataTree) -> xr.Dataset:
    groups: Sequence[str] = [group for group in ("likelihood_ratio", "bootstrap") if group in tree.children]
    return (tree.children[groups[0]] if groups else tree).to_dataset()


def _law(ds: xr.Dataset, df: int | None) -> Array:
    """Return the law's weights: the Dataset's own, or those of χ² with its degrees of freedom."""
    if df is None and "weights" in ds:
        own: Array = ds["weights"].values.astype(float)
        return own
    number = df if df is not None else ds["df"].item() if "df" in ds else ds.attrs.get("k")
    if number is None or int(number) != number or number < 1:
        raise ValueError(f"Expected df to be a whole number from 1 up, got {number!r}; give df or weights.")
    last: Array = np.eye(int(number) + 1)[-1]
    return last
