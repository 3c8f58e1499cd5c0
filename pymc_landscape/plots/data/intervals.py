"""Interval ends by parameter, method and level; and those of a curve's elements as strips over its horizontal axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.arguments import checked_array, checked_choice
from pymc_landscape.plots.data.inputs import as_dataset
from pymc_landscape.plots.data.levels import percent
from pymc_landscape.plots.data.marginal import draws_of

CredibleKind = Literal["hdi", "eti"]
GROUPS = ("intervals", "read_intervals")
NEEDED = ("interval", "status", "estimate", "parameter", "bound", "interval_method")
NAMES = {"wald": "Wald", "hdi": "posterior HDI", "eti": "posterior ETI"}


@dataclass(frozen=True)
class Bar:
    """Ends of one parameter by one method, at one level.

    Attributes
    ----------
    ends : (float, float)
        Lower and upper; ±∞ where open, NaN where none was found.
    status : (str, str)
        As of ``confidence_intervals``.
    center : float
        The estimate, or the posterior's.
    """

    ends: tuple[float, float]
    status: tuple[str, str]
    center: float
    level: float


# Name of a method → parameter → its bars, lowest level first.
Rows = dict[str, dict[str, list[Bar]]]


def gather_bars(inputs: Sequence[Any]) -> Rows:
    """Return the bars of all Datasets and mappings; of equal names the second becomes ``profile (2)``."""
    rows: Rows = {}
    for name, ds in _every(inputs):
        for method in ds["interval_method"].values.astype(str):
            wanted = f"{name} {NAMES.get(method, method)}" if name else NAMES.get(method, method)
            number, free = 2, wanted
            while free in rows:
                free, number = f"{wanted} ({number})", number + 1
            rows[free] = _bars(ds.sel(interval_method=method))
    return rows


def _every(inputs: Sequence[Any]) -> list[tuple[str, xr.Dataset]]:
    gathered: list[tuple[str, xr.Dataset]] = []
    for item in inputs:
        named = item if isinstance(item, Mapping) and not isinstance(item, xr.Dataset | xr.DataTree) else {"": item}
        for name, ds in named.items():
            ds = as_dataset(ds, GROUPS, ("interval",), "confidence_intervals")
            ds = ds if "interval_method" in ds.dims else _with_method(ds)
            gathered.append((str(name), as_dataset(ds, GROUPS, NEEDED, "confidence_intervals")))
    return gathered


def _with_method(ds: xr.Dataset) -> xr.Dataset:
    """Return one method's intervals as one of several; where it has no name, they are intervals."""
    named = ds if "interval_method" in ds.coords else ds.assign_coords(interval_method="interval")
    return named.expand_dims("interval_method")


def levels_of(inputs: Sequence[Any]) -> list[float]:
    """Return the levels of the first Dataset."""
    ds = _every(inputs)[0][1]
    return [float(level) for level in np.atleast_1d(ds["level"].values)] if "level" in ds.coords else []


def _bars(ds: xr.Dataset) -> dict[str, list[Bar]]:
    ds = ds if "level" in ds.dims else ds.expand_dims("level")
    levels = np.sort(ds["level"].values) if "level" in ds.coords else np.full(1, np.nan)
    bars: dict[str, list[Bar]] = {}
    for i, label in enumerate(ds["parameter"].values.astype(str)):
        here = ds.isel(parameter=i)
        bars[label] = [_bar(here if np.isnan(level) else here.sel(level=level), float(level)) for level in levels]
    return bars


def _bar(ds: xr.Dataset, level: float) -> Bar:
    ds = ds.isel(level=0) if "level" in ds.dims else ds
    low, high = (ds.sel(bound=bound) for bound in ("lower", "upper"))
    ends = (float(low["interval"]), float(high["interval"]))
    return Bar(ends, (str(low["status"].item()), str(high["status"].item())), float(ds["estimate"]), level)


def posterior_rows(
    rows: Rows,
    levels: Sequence[float],
    dt: xr.Dataset | xr.DataTree,
    group: str,
    sample_dims: str | Sequence[str] | None,
    ci_kind: CredibleKind = "hdi",
) -> dict[str, list[Bar]]:
    """Return credible intervals of the draws of each parameter that has any.

    Raises
    ------
    ValueError
        When no parameter has draws, or the kind of interval is not known.
    """
    from arviz_base import rcParams
    from arviz_stats.base import array_stats  # type: ignore[attr-defined]

    interval = getattr(array_stats, ci_kind)

    bars: dict[str, list[Bar]] = {}
    for label, drawn in draws_of(parameters(rows), dt, group, sample_dims).items():
        center = float(np.median(drawn) if rcParams["stats.point_estimate"] == "median" else drawn.mean())
        for level in sorted(levels) or [float(rcParams["stats.ci_prob"])]:
            low, high = interval(drawn, level)
            bars.setdefault(label, []).append(Bar((float(low), float(high)), ("finite", "finite"), center, level))
    return bars


def parameters(rows: Rows) -> list[str]:
    """Return all labels, in the order in which they come."""
    return list(dict.fromkeys(label for bars in rows.values() for label in bars))


def level_title(rows: Rows) -> str | None:
    """Write the levels that all bars have, as ``68 % and 95 % intervals``."""
    levels = sorted({bar.level for bars in rows.values() for several in bars.values() for bar in several})
    return f"{' and '.join(map(percent, levels))} intervals" if levels and not np.isnan(levels).any() else None


MARGIN = 0.06
OPEN = 0.25  # beyond the outermost number, in heights of all numbers: room for an open end


@dataclass(frozen=True)
class Strip:
    """Lower and upper ends along a curve, at one level by one method; ±∞ where open, NaN where not found."""

    lower: Array
    upper: Array
    center: Array

    @property
    def ends(self) -> tuple[Array, Array]:
        """Both."""
        return self.lower, self.upper

    def runs(self) -> list[NDArray[np.intp]]:
        """Return positions without a gap between, two at least."""
        there = ~np.isnan(self.lower) & ~np.isnan(self.upper)
        runs = np.split(np.arange(there.size), np.flatnonzero(np.diff(there)) + 1)
        return [piece for piece in runs if piece.size > 1 and there[piece[0]]]


@dataclass(frozen=True)
class Curve:
    """Elements of a curve, from left to right."""

    name: str
    labels: list[str]
    x: Array
    x_name: str

    def strips(self, bars: Mapping[str, Sequence[Bar]]) -> list[Strip]:
        """Return a strip a level, the highest first."""
        some = next(iter(bars.values()))
        return [self._strip([bars[label][i] if label in bars else None for label in self.labels]) for i in _down(some)]

    def _strip(self, bars: Sequence[Bar | None]) -> Strip:
        ends = np.array([bar.ends if bar else (np.nan, np.nan) for bar in bars])
        return Strip(ends[:, 0], ends[:, 1], np.array([bar.center if bar else np.nan for bar in bars]))

    def window(self, strips: Mapping[str, Sequence[Strip]], points: Array | None) -> tuple[float, float]:
        """Return limits of the height: all that is finite, with room on a side that is open."""
        every = [strip for several in strips.values() for strip in several]
        seen = [strip_part for strip in every for strip_part in (*strip.ends, strip.center)]
        numbers = np.concatenate([*seen, points[:, 1] if points is not None else np.empty(0)])
        numbers = numbers[np.isfinite(numbers)]
        low, high = (float(numbers.min()), float(numbers.max())) if numbers.size else (-1.0, 1.0)
        size = (high - low) or abs(low) or 1.0
        open_below = any((strip.lower == -np.inf).any() for strip in every)
        open_above = any((strip.upper == np.inf).any() for strip in every)
        return low - (OPEN if open_below else MARGIN) * size, high + (OPEN if open_above else MARGIN) * size


def _down(bars: Sequence[Bar]) -> range:
    return range(len(bars) - 1, -1, -1)


def curve_of(rows: Rows, var_name: str | None, x: ArrayLike | None) -> Curve:
    """Return the curve whose elements there are intervals of.

    Raises
    ------
    ValueError
        When there are several variables, none of that name, fewer than two elements, or `x` has another length.
    """
    labels = parameters(rows)
    variables = list(dict.fromkeys(label.split("[")[0] for label in labels))
    if var_name is None and len(variables) > 1:
        raise ValueError(f"Expected intervals of one curve, got those of {variables}; choose one with var_name.")
    name = variables[0] if var_name is None else checked_choice("var_name", var_name, variables)
    mine = [label for label in labels if label.split("[")[0] == name]
    if len(mine) < 2:
        raise ValueError(
            f"Expected intervals of a curve, got {len(mine)} of {name!r} among those of {variables}; "
            "pass confidence_intervals of a Deterministic with several elements."
        )
    positions, x_name = _positions(mine, x)
    order = np.argsort(positions, kind="stable")
    return Curve(name, [mine[i] for i in order], positions[order], x_name)


def _positions(labels: Sequence[str], x: ArrayLike | None) -> tuple[Array, str]:
    if x is None:
        return _from_labels(labels), ""
    positions = np.ravel(checked_array("x", x))
    if positions.size != len(labels):
        raise ValueError(
            f"Expected x with a value for each of the {len(labels)} elements, got {positions.size}: give one each."
        )
    return positions, str(getattr(x, "name", None) or "")


def _from_labels(labels: Sequence[str]) -> Array:
    try:
        return np.array([float(label[label.index("[") + 1 : -1]) for label in labels])
    except ValueError:
        return np.arange(len(labels), dtype=float)
