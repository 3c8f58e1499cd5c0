"""What a forest of intervals is made of: for each parameter its ends, by method and level."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
from arviz_base import rcParams

from pymc_landscape.plots.given import given
from pymc_landscape.plots.levels import percent
from pymc_landscape.plots.marginal import draws_of
from pymc_landscape.plots.marks import BLUE, GREEN, ORANGE, PURPLE

CredibleKind = Literal["hdi", "eti"]
NEEDED = ("interval", "status", "estimate", "parameter", "bound", "method")
COLOURS = {"wald": ORANGE, "profile": BLUE, "bootstrap": GREEN, "hdi": PURPLE, "eti": PURPLE}
# Okabe & Ito, for what has a name of its own
OTHERS = ("#e69f00", "#56b4e9", "#cc79a7", "#000000", "#a6761d")
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


def gather(given_ones: Sequence[Any]) -> Rows:
    """Return the bars of all Datasets and mappings; of equal names the second becomes ``profile (2)``."""
    rows: Rows = {}
    for name, ds in _every(given_ones):
        for method in ds["method"].values.astype(str):
            wanted = f"{name} {NAMES.get(method, method)}" if name else NAMES.get(method, method)
            number, free = 2, wanted
            while free in rows:
                free, number = f"{wanted} ({number})", number + 1
            rows[free] = _bars(ds.sel({"method": method}))
    return rows


def _every(given_ones: Sequence[Any]) -> list[tuple[str, xr.Dataset]]:
    found: list[tuple[str, xr.Dataset]] = []
    for item in given_ones:
        named = item if isinstance(item, Mapping) and not isinstance(item, xr.Dataset | xr.DataTree) else {"": item}
        for name, ds in named.items():
            ds = given(ds, "intervals", ("interval",), "confidence_intervals")
            ds = ds if "method" in ds.dims else _with_method(ds)
            found.append((str(name), given(ds, "intervals", NEEDED, "confidence_intervals")))
    return found


def _with_method(ds: xr.Dataset) -> xr.Dataset:
    """Return one method's intervals as one of several; where it has no name, they are intervals."""
    named = ds if "method" in ds.coords else ds.assign_coords(method="interval")
    return named.expand_dims("method")


def levels_of(given_ones: Sequence[Any]) -> list[float]:
    """Return the levels of the first Dataset."""
    ds = _every(given_ones)[0][1]
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
    dt: Any,
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
    from arviz_stats.base import array_stats  # type: ignore[attr-defined]

    if ci_kind not in get_args(CredibleKind):
        raise ValueError(f"Expected ci_kind to be 'hdi' or 'eti', got {ci_kind!r}.")
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


def colours(rows: Rows) -> dict[str, str]:
    """One colour a method, the same in every picture; others in order."""
    own = {NAMES.get(method, method): colour for method, colour in COLOURS.items()}
    rest = iter(OTHERS * len(rows))
    return {name: own[name] if name in own else next(rest) for name in rows}


def level_title(rows: Rows) -> str | None:
    """Write the levels that all bars have, as ``68 %, 95 %``."""
    levels = sorted({bar.level for bars in rows.values() for several in bars.values() for bar in several})
    return ", ".join(map(percent, levels)) if levels and not np.isnan(levels).any() else None
