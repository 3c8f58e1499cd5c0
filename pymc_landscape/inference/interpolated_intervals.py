"""Interval ends of any level, read off profiles that were traced before: no model, no evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.arguments import checked_levels, wrong_type
from pymc_landscape.inference.profile import BOUNDS
from pymc_landscape.numerics import CurveSide, ProfileCurve, chi2_cutoff, profile_curve
from pymc_landscape.results import array_dataset, provenance_attributes

NEEDED = ("value", "delta_minus2ll", "slope", "status", "estimate", "standard_error")


@dataclass(frozen=True)
class InterpolatedEndpoint:
    """One end of an interval: value, status, Δ(−2LL) there, and what else there is to say."""

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
        an end that the profile does not reach; `message` says how to go on. Where −2LL rises above the cut-off
        and falls below it again within the profile, the ends are those of the piece that holds the estimate, and
        `message` names the further ones.

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
    single, levels = np.ndim(level) == 0, np.atleast_1d(checked_levels("level", level))
    rises = np.atleast_1d(chi2_cutoff(levels))
    table = _checked(profile)
    profiles = [_profile(table.isel(parameter=j)) for j in range(table.sizes["parameter"])]
    dataset = _dataset(table, levels, [[_interval(profile, q) for profile in profiles] for q in rises])
    return dataset.isel(level=0) if single else dataset


def _checked(profile: Any) -> xr.Dataset:
    if isinstance(profile, xr.DataTree):
        profile = (profile["profile"] if "profile" in profile.children else profile).to_dataset()
    if not isinstance(profile, xr.Dataset):
        raise wrong_type("the Dataset of profile_likelihood", profile, "pass what it returned as profile")
    lacking = [name for name in NEEDED if name not in profile]
    if lacking or "step" not in profile.dims or "parameter" not in profile.coords:
        raise ValueError(
            f"Expected the Dataset of profile_likelihood, got {list(profile)}: pass what it returned as profile."
        )
    table = profile if "parameter" in profile.dims else profile.expand_dims("parameter")
    return table.sortby("step")


# --- one profile -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Profile:
    """The curve of one profile, the limits of the support (NaN where it does not say), and the standard error."""

    curve: ProfileCurve
    support: Array
    error: float

    def side(self, k: int) -> CurveSide:
        """Return the lower (0) or upper (1) side."""
        return (self.curve.lower, self.curve.upper)[k]


def _profile(row: xr.Dataset) -> _Profile | None:
    """Take one profile out of the table; None where it was not traced."""
    curve = profile_curve(row)
    if curve is None:
        return None
    support = row["support"].values if "support" in row else np.full(2, np.nan)
    return _Profile(curve, support, float(row["standard_error"]))


def _interval(profile: _Profile | None, rise: float) -> tuple[InterpolatedEndpoint, InterpolatedEndpoint]:
    if profile is None:
        absent = InterpolatedEndpoint(np.nan, "failed", np.nan, "this profile was not traced: go on with resume=")
        return absent, absent
    return _endpoint(profile, 0, rise), _endpoint(profile, 1, rise)


def _endpoint(profile: _Profile, k: int, rise: float) -> InterpolatedEndpoint:
    values = profile.side(k).values_at(rise)
    if not values:
        return _beyond_last_step(profile, k, rise)
    return InterpolatedEndpoint(values[0], "finite", rise, _further_intervals(profile, k, values[1:], rise))


def _further_intervals(profile: _Profile, k: int, values: list[float], rise: float) -> str:
    """Name the other parts of the set on this side: from where Δ falls below the cut-off to where it rises again."""
    if not values:
        return ""
    limits = [f"{value:.6g}" for value in values]
    if len(values) % 2:
        last = _beyond_last_step(profile, k, rise)
        limits.append("where the profile ends" if np.isnan(last.value) else f"{last.value:.6g}")
    intervals = [f"from {a} to {b}" for a, b in zip(limits[::2], limits[1::2], strict=True)]
    return f"the confidence set has another piece, {' and '.join(intervals)}"


def _beyond_last_step(profile: _Profile, k: int, rise: float) -> InterpolatedEndpoint:
    """Say what is known of an endpoint where the profile never meets the cut-off."""
    side, bound = profile.side(k), float(profile.support[k])
    reached, reason = float(side.rise[-1]), side.status[-1]
    if len(side.value) == 1:
        return _without_steps(profile, k)
    if reason in ("open", "at_bound") and rise > side.limit:
        if reason == "at_bound":
            message = f"−2LL rises by {max(reached, 0.0):.4g} only on the way to the edge"
            value = bound if np.isfinite(bound) else float(side.value[-1])
            return InterpolatedEndpoint(value, "at_bound", reached, message)
        message = f"−2LL rises by {max(reached, 0.0):.4g} only, however far one goes"
        return InterpolatedEndpoint(side.sign * np.inf, "open", reached, message)
    stopped = "could not be followed beyond" if reason == "failed" else "ends at"
    message = f"the profile {stopped} {side.value[-1]:.6g}, where -2LL is {reached:.4g} higher: go on with resume="
    return InterpolatedEndpoint(np.nan, "failed", reached, message)


def _without_steps(profile: _Profile, k: int) -> InterpolatedEndpoint:
    side, opposite, bound = profile.side(k), profile.side(1 - k), float(profile.support[k])
    estimate = profile.curve.estimate
    if np.isinf(profile.error):
        return InterpolatedEndpoint(side.sign * np.inf, "open", 0.0, "not determined by the likelihood")
    if estimate == bound or (np.isnan(bound) and len(opposite.value) > 1):
        return InterpolatedEndpoint(estimate, "at_bound", 0.0, "the estimate is on the edge of the support")
    message = "the profile has no steps on this side: go on with resume="
    return InterpolatedEndpoint(np.nan, "failed", 0.0, message)


# --- as a Dataset ----------------------------------------------------------------------------------------------------


def _dataset(
    table: xr.Dataset, levels: Array, intervals: list[list[tuple[InterpolatedEndpoint, InterpolatedEndpoint]]]
) -> xr.Dataset:
    dims = ["level", "parameter", "bound", "interval_method"]

    def column(name: str) -> Array:
        return np.array([[[[getattr(endpoint, name)] for endpoint in row] for row in rows] for rows in intervals])

    data: dict[str, Any] = {"interval": (dims, column("value")), "status": (dims, column("status"))}
    data |= {"delta_minus2ll": (dims, column("rise")), "message": (dims, column("message"))}
    data |= {"estimate": ("parameter", table["estimate"].values)}
    labels = table["parameter"].values.astype(str)
    coords = {"level": levels, "parameter": labels, "bound": list(BOUNDS), "interval_method": ["profile"]}
    kept = {name: table.attrs[name] for name in ("kind", "minus2ll") if name in table.attrs}
    name = str(table.attrs.get("model_name", ""))
    message = str(table.attrs.get("message", ""))
    return array_dataset(
        data, coords, provenance_attributes(name, group="read_intervals", message=message, n_evaluations=0, **kept)
    )
