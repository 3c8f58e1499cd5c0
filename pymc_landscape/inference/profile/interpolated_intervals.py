"""Interval ends of any level, read off profiles that were traced before: no model, no evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from pymc_landscape._typing import Array
from pymc_landscape.numerics import Side, chi2_cutoff
from pymc_landscape.results import provenance_attributes

NEEDED = ("value", "delta_minus2ll", "slope", "status", "estimate", "standard_error")
BOUNDS = ("lower", "upper")


@dataclass(frozen=True)
class Read:
    """One end: value, status, Δ(−2LL) there, and what else there is to say."""

    value: float
    status: str
    rise: float
    message: str = ""


def read_intervals(profile: xr.Dataset | xr.DataTree, *, level: float | Sequence[float] = 0.95) -> xr.Dataset:
    """Read confidence intervals of any level off profiles: from the Dataset alone, without model or data.

    Use it for many levels, or for a profile out of a file. `confidence_intervals` solves each end instead, to the last
    digits.

    Parameters
    ----------
    profile : Dataset or DataTree
        What `profile_likelihood` returned, or a tree with it as the group ``profile``.
    level : float or sequence of float
        Confidence level, or several.

    Returns
    -------
    Dataset
        As of `confidence_intervals`: dims ``parameter``, ``bound`` (lower, upper), ``interval_method`` (``profile``),
        and ``level`` in front where several are asked for: ``interval``, ``status`` (``finite``, ``at_bound``,
        ``open``, ``failed``), ``delta_minus2ll``, ``message``; ``estimate`` by ``parameter``. ``failed``, with NaN, is
        an end that the profile does not reach; `message` says how to carry it on. Where −2LL rises above the cut-off
        and falls below it again within the profile, the ends are those of the piece that holds the estimate, and
        `message` names the others.

    Raises
    ------
    TypeError
        If `profile` is of another type.
    ValueError
        If it is no profile, or a level is not between 0 and 1.

    Notes
    -----
    The value is a cubic Hermite polynomial in ζ = ±√Δ(−2LL) with the exact slopes dv/dζ = 2ζ/(dΔ/dv), at the estimate
    the standard error.

    Examples
    --------
    >>> import pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     p = pm.Beta("p", 1, 1)
    ...     y = pm.Binomial("y", n=10, p=p, observed=7)
    >>> profile = pml.profile_likelihood(pml.fit_mle(model), "p")
    >>> pml.read_intervals(profile)["interval"].values.ravel().round(4).tolist()
    [0.3935, 0.9154]
    """
    levels = np.atleast_1d(np.asarray(level, dtype=float))
    rises = np.atleast_1d(chi2_cutoff(levels))
    table = _checked(profile)
    read = [[_row(_one(table, j), q) for j in range(table.sizes["parameter"])] for q in rises]
    dataset = _dataset(table, levels, read)
    return dataset.isel(level=0) if np.ndim(level) == 0 else dataset


def _checked(profile: Any) -> xr.Dataset:
    if isinstance(profile, xr.DataTree):
        profile = (profile["profile"] if "profile" in profile.children else profile).to_dataset()
    if not isinstance(profile, xr.Dataset):
        raise TypeError(f"Expected the Dataset of profile_likelihood, got {type(profile).__name__}.")
    lacking = [name for name in NEEDED if name not in profile]
    if lacking or "step" not in profile.dims or "parameter" not in profile.coords:
        raise ValueError(f"Expected the Dataset of profile_likelihood, got {list(profile)}: pass what it returned.")
    table = profile if "parameter" in profile.dims else profile.expand_dims("parameter")
    return table.sortby("step")


# --- one profile -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Profile:
    """Both sides of one profile, and the limits of the support (NaN where the profile does not say)."""

    sides: tuple[Side, Side]
    support: Array
    error: float


def _one(table: xr.Dataset, j: int) -> _Profile | None:
    """Take one profile out of the table; None where it was not traced."""
    row = table.isel(parameter=j)
    value, rise, slope = (row[name].to_numpy().astype(float) for name in ("value", "delta_minus2ll", "slope"))
    status, step = row["status"].to_numpy().astype(str), row["step"].to_numpy()
    (center,) = np.flatnonzero(step == 0)
    if not np.isfinite(value[center]):
        return None
    error = float(row["standard_error"])
    known = np.isfinite(error) and error > 0 and table.attrs.get("information", "observed") == "observed"
    order = [center - np.arange(center + 1), np.arange(center, len(step))]
    sides = []
    for sign, places in zip((-1.0, 1.0), order, strict=True):
        at = places[np.isfinite(value[places])]
        sides.append(Side(sign, value[at], rise[at], slope[at], status[at].tolist(), error if known else np.nan))
    support = row["support"].to_numpy() if "support" in row else np.full(2, np.nan)
    return _Profile((sides[0], sides[1]), support, error)


def _row(profile: _Profile | None, rise: float) -> tuple[Read, Read]:
    if profile is None:
        nothing = Read(np.nan, "failed", np.nan, "this profile was not traced: carry on with start=")
        return nothing, nothing
    low, high = (_end(profile, k, rise) for k in (0, 1))
    return low, high


def _end(profile: _Profile, k: int, rise: float) -> Read:
    side = profile.sides[k]
    met = side.crossings(rise)
    if met:
        return Read(met[0], "finite", rise, _others(profile, k, met[1:], rise))
    return _last(profile, k, rise)


def _others(profile: _Profile, k: int, met: list[float], rise: float) -> str:
    """Name the other pieces of the set on this side: from where Δ falls below the cut-off to where it rises again."""
    if not met:
        return ""
    ends = [f"{end:.6g}" for end in met]
    if len(met) % 2:
        last = _last(profile, k, rise)
        ends.append("where the profile ends" if np.isnan(last.value) else f"{last.value:.6g}")
    pieces = [f"from {a} to {b}" for a, b in zip(ends[::2], ends[1::2], strict=True)]
    return f"the confidence set has another piece, {' and '.join(pieces)}"


def _last(profile: _Profile, k: int, rise: float) -> Read:
    """Say what is known of an end where the profile never meets the cut-off."""
    side, edge = profile.sides[k], float(profile.support[k])
    reached, why = float(side.rise[-1]), side.status[-1]
    if len(side.value) == 1:
        return _no_side(profile, k)
    if why in ("open", "at_bound") and rise > side.limit():
        if why == "at_bound":
            said = f"-2LL rises by {reached:.4g} only on the way to the edge"
            return Read(edge if np.isfinite(edge) else float(side.value[-1]), "at_bound", reached, said)
        return Read(side.sign * np.inf, "open", reached, f"-2LL rises by {reached:.4g} only, however far one goes")
    stopped = "could not be followed beyond" if why == "failed" else "ends at"
    message = f"the profile {stopped} {side.value[-1]:.6g}, where -2LL is {reached:.4g} higher: carry it on with start="
    return Read(np.nan, "failed", reached, message)


def _no_side(profile: _Profile, k: int) -> Read:
    side, other, edge = profile.sides[k], profile.sides[1 - k], float(profile.support[k])
    estimate = float(side.value[0])
    if np.isinf(profile.error):
        return Read(side.sign * np.inf, "open", 0.0, "not determined by the likelihood")
    if estimate == edge or (np.isnan(edge) and len(other.value) > 1):
        return Read(estimate, "at_bound", 0.0, "the estimate is on the edge of the support")
    return Read(np.nan, "failed", 0.0, "the profile has no steps on this side: carry it on with start=")


# --- as a Dataset ----------------------------------------------------------------------------------------------------


def _dataset(table: xr.Dataset, levels: Array, read: list[list[tuple[Read, Read]]]) -> xr.Dataset:
    dims = ["level", "parameter", "bound", "interval_method"]

    def column(name: str) -> Array:
        return np.array([[[[getattr(end, name)] for end in row] for row in rows] for rows in read])

    data: dict[str, Any] = {"interval": (dims, column("value")), "status": (dims, column("status"))}
    data |= {"delta_minus2ll": (dims, column("rise")), "message": (dims, column("message"))}
    data |= {"estimate": ("parameter", table["estimate"].to_numpy())}
    labels = table["parameter"].to_numpy().astype(str)
    coords = {"level": levels, "parameter": labels, "bound": list(BOUNDS), "interval_method": ["profile"]}
    kept = {name: table.attrs[name] for name in ("kind", "minus2ll") if name in table.attrs}
    name = str(table.attrs.get("model_name", ""))
    message = str(table.attrs.get("message", ""))
    return xr.Dataset(
        data, coords, provenance_attributes(name, group="read_intervals", message=message, n_evaluations=0, **kept)
    )
