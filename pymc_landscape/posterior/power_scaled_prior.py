"""`prior_path`: modes under a power-scaled prior, from the likelihood (power 0) to the posterior (power 1).

The modes are followed by continuation in the power, up and down again. Beside them stands the sensitivity of the
posterior to powers of its prior and its likelihood about 1, as ArviZ computes it from draws (Kallioinen and others
2024, *Statistics and Computing* 34, 57).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from pymc.util import get_random_generator

from pymc_landscape._typing import Array, ModelLike, Posterior, RandomSeed, Starts, VarNames
from pymc_landscape.arguments import check_run_options, checked_array, checked_level, repeatable
from pymc_landscape.inference.profile import BOUNDS, Quantity, find_quantities
from pymc_landscape.objective import Objective, objective_of
from pymc_landscape.objective.observations import GROUPS, enough_draws, pointwise_log_likelihood
from pymc_landscape.optimize import Fit, fit_weighted
from pymc_landscape.posterior.identification import SHIFT, number, percent, signed
from pymc_landscape.posterior.likelihood_estimates import estimate, limits
from pymc_landscape.posterior.likelihood_fit import LOWER, refuse_random_effects
from pymc_landscape.posterior.mode import prior_shares
from pymc_landscape.results import DelayedProgressBar, array_dataset, provenance_attributes

WEIGHTS = tuple(np.linspace(0.0, 1.0, 11).round(1).tolist())


def prior_path(
    model: ModelLike | Objective | Fit | None = None,
    weights: Sequence[float] = WEIGHTS,
    *,
    var_names: VarNames | None = None,
    level: float | None = None,
    dt: Posterior | None = None,
    starts: Starts | None = None,
    random_seed: RandomSeed | None = None,
    progressbar: bool = True,
) -> xr.Dataset:
    """Follow the mode of likelihood × prior^w from the likelihood's maximum, w = 0, to that of the posterior, w = 1.

    Use it to see which parameters the prior moves, how soon, and whether the mode jumps from one local minimum of
    −2 log density to another.
    Weights above 1 show where a stronger prior of the same shape would lead.

    Parameters
    ----------
    model : pm.Model, Objective or Fit, optional
        Left out, the model of the surrounding ``with`` block.
    weights : sequence of float
        Weights w of the log prior, 0 or above.
    var_names : str, sequence of str, or mapping, optional
        As in `confidence_intervals`: variables, elements, Deterministics, linear combinations; left out, every element
        of every free variable.
    level : float, optional
        With it, profile limits of this level under each weight.
    dt : DataTree or Dataset, optional
        Draws of the posterior, for ``az.psense_summary``: how sensitive it is to changes of w about 1. Its groups
        ``log_likelihood`` and ``log_prior`` are read, or computed where they are missing.
    starts : int, points, or a posterior, optional
        Where searches under the lowest and the highest weight begin, as in `fit_mle`; left out, at the draws where
        there are any. The others begin at the modes of their neighbours.
    random_seed : int or Generator, optional
        For prior draws among the starts.
    progressbar : bool
        Whether to show progress, once there is something to wait for.

    Returns
    -------
    Dataset
        Dims ``weight``, ``parameter``: `mode` (natural scale; NaN where it is not determined), `standard_error`, and
        `prior_share`, the prior's share of the information there, as in `compare_with_posterior`. By
        ``weight``: `minus2ll`, `delta_minus2ll` (above the lowest on the path), `log_prior`, and `status` as of `Fit`.
        With `level`, `interval` and `interval_status`, also by ``bound``. With `dt`, by ``parameter``: `psense_prior`,
        `psense_likelihood` and `psense_diagnosis`. ``attrs["message"]`` names the weights between which the mode jumps.

    Raises
    ------
    ValueError
        If a weight is negative, none is given, the model has random effects, or a name is not known.

    Notes
    -----
    The path is followed up and down, each mode searched from its neighbour's, and the lower of two kept.

    Kallioinen, Paananen, Bürkner & Vehtari (2024), *Statistics and Computing* 34, 57, raise prior or likelihood to a
    power to see how a posterior changes; the mode needs no draws for that, and w may be far from 1.

    Examples
    --------
    >>> import pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     mu = pm.Normal("mu", 0, 1)
    ...     y = pm.Normal("y", mu, 1, observed=[1.0, 3.0])
    >>> pml.prior_path(model, [0, 1, 2])["mode"].sel(parameter="mu").values.round(4).tolist()
    [2.0, 1.3333, 1.0]
    """
    chosen = _checked(weights)
    level = None if level is None else checked_level("level", level)
    check_run_options(random_seed, progressbar)
    if dt is not None:
        enough_draws(dt)
    objective = objective_of(model)
    refuse_random_effects(objective)
    named = partial(find_quantities, var_names=repeatable(var_names))
    named(objective)
    begin: Starts = starts if starts is not None else "auto" if dt is None else dt
    fits = _follow(objective, chosen, begin, random_seed, progressbar)
    quantities = named(fits[0].objective)
    path = _dataset(fits, chosen, quantities)
    if level is not None:
        path = path.merge(_intervals(fits, quantities, var_names, level, progressbar))
    if dt is not None:
        path = path.merge(prior_sensitivity(objective, dt, path["parameter"].values.tolist()))
    return path


def _checked(weights: Sequence[float]) -> list[float]:
    given = checked_array("weights", weights)
    chosen = np.unique(given)
    if given.ndim > 1 or not chosen.size or not np.isfinite(chosen).all() or chosen[0] < 0:
        raise ValueError(f"Expected weights of 0 or above, got {chosen.tolist()}: for example (0, 0.5, 1).")
    return [float(w) for w in chosen]


# --- up and down the path --------------------------------------------------------------------------------------------


def _follow(
    objective: Objective, weights: Sequence[float], starts: Starts, random_seed: RandomSeed | None, progressbar: bool
) -> list[Fit]:
    """Fit under each weight, from the neighbour below and then from the one above."""
    weighted = [objective.with_prior_weight(w) for w in weights]
    rng = None if random_seed is None else get_random_generator(random_seed, copy=True)
    with DelayedProgressBar("Following the path", 2 * len(weights), progressbar) as bar:
        fits = [fit_weighted(weighted[0], starts=starts, random_seed=rng, progressbar=False)]
        bar.advance(1)
        for scaled in weighted[1:]:
            fits.append(_from(scaled, fits[-1], starts, rng))
            bar.advance(1)
        far = fit_weighted(weighted[-1], starts=starts, random_seed=rng, progressbar=False)
        fits[-1] = _lower(fits[-1], far)
        bar.advance(1)
        for i in range(len(weights) - 2, -1, -1):
            fits[i] = _lower(fits[i], fit_weighted(weighted[i], starts=[fits[i + 1]], progressbar=False))
            bar.advance(1)
    return fits


def _from(objective: Objective, neighbour: Fit, starts: Starts, rng: np.random.Generator | None) -> Fit:
    """Search from the neighbour's mode; where that is none, from the start too."""
    nearest = fit_weighted(objective, starts=[neighbour], progressbar=False)
    if neighbour.status.is_optimum and nearest.status.is_optimum:
        return nearest
    return _lower(nearest, fit_weighted(objective, starts=starts, random_seed=rng, progressbar=False))


def _lower(first: Fit, second: Fit) -> Fit:
    """Return the lower optimum; an optimum is preferred to a fit that is none."""
    if first.status.is_optimum != second.status.is_optimum:
        return first if first.status.is_optimum else second
    return second if second.result.is_lower(first.result, LOWER) else first


# --- as a Dataset ----------------------------------------------------------------------------------------------------


def _dataset(fits: Sequence[Fit], weights: Sequence[float], quantities: Sequence[Quantity]) -> xr.Dataset:
    numbers = np.array([[estimate(fit, quantity) for quantity in quantities] for fit in fits])
    minus2ll = np.array([fit.minus2ll for fit in fits])
    data: dict[str, Any] = {
        "mode": (("weight", "parameter"), numbers[..., 0]),
        "standard_error": (("weight", "parameter"), numbers[..., 1]),
        "minus2ll": ("weight", minus2ll),
        "delta_minus2ll": ("weight", minus2ll - np.nanmin(minus2ll)),
        "log_prior": ("weight", np.array([fit.log_prior for fit in fits])),
        "status": ("weight", np.array([fit.status.value for fit in fits])),
        "prior_share": (("weight", "parameter"), np.array([_shares(fit, quantities) for fit in fits])),
    }
    coords = {"weight": list(weights), "parameter": [quantity.label for quantity in quantities]}
    origin = fits[0].objective.origin
    message = " ".join(filter(None, [_jumps(weights, numbers), *_reasons(fits, weights)]))
    return array_dataset(data, coords, provenance_attributes(origin, group="prior_path", message=message))


def _shares(fit: Fit, quantities: Sequence[Quantity]) -> Array:
    """Return the prior's shares of the information at one mode: NaN where there is none."""
    return prior_shares(fit, quantities) if fit.status.is_optimum else np.full(len(quantities), np.nan)


def sentence_at_weight(label: str, estimate: tuple[float, float], mode: float, share: float, weight: float) -> str:
    """Say what a prior of some weight does to one parameter.

    Parameters
    ----------
    label : str
        The parameter.
    estimate : (float, float)
        The likelihood's, and its standard error; NaN where there is none.
    mode : float
        Under the prior; NaN where it is not determined.
    share : float
        The prior's share of the information there; NaN where it is not known.
    weight : float
        Of the log prior.

    Examples
    --------
    >>> sentence_at_weight("p", (0.7, 0.145), 0.698, np.nan, 0.5)
    'The data say p is 0.7 ± 0.145; a prior of weight 0.5 leaves the mode there.'
    """
    mle, error = estimate
    known = np.isfinite(mle)
    said = f"The data say {label} is {number(mle)}" if known else f"The data do not determine {label}"
    clauses = [said + (f" ± {number(error)}" if known and np.isfinite(error) else "")]
    if weight == 0:
        return f"{clauses[0]}; the prior has no say."
    under = f"a prior of weight {weight:g}"
    if np.isnan(mode):
        clauses.append(f"nor does {under}" if not known else f"under {under} there is no mode")
    elif not known or not error > 0:
        clauses.append(f"under {under} the mode is {number(mode)}")
    elif abs(mode - mle) < SHIFT * error:
        clauses.append(f"{under} leaves the mode there")
    else:
        clauses.append(f"{under} moves the mode to {number(mode)} ({signed((mode - mle) / error)} se)")
    if np.isfinite(share):
        clauses.append(f"{percent(min(max(share, 0.0), 1.0))} of the information is the prior's")
    return "; ".join(clauses) + "."


def _reasons(fits: Sequence[Fit], weights: Sequence[float]) -> list[str]:
    """Say once for each status why there is no mode."""
    reasons: dict[str, str] = {}
    for fit, weight in zip(fits, weights, strict=True):
        if not fit.status.is_optimum:
            reasons.setdefault(fit.status.value, f"At weight {weight:g}: {fit.message}")
    return list(reasons.values())


# A step of the mode that is longer than this, in standard errors, and than so many times the step before and after.
FAR, LONGER = 3.0, 10.0


def _jumps(weights: Sequence[float], numbers: Array) -> str:
    """Name the weights between which the mode jumps to another local minimum: its step is far longer than the next."""
    steps = np.abs(np.diff(numbers[..., 0], axis=0)) / np.fmax(numbers[:-1, :, 1], numbers[1:, :, 1])
    speed = np.nan_to_num(steps).max(axis=1, initial=0.0)
    jumps = []
    for i in range(len(speed)):
        beside = max(speed[max(i - 1, 0) : i].max(initial=0.0), speed[i + 1 : i + 2].max(initial=0.0))
        if speed[i] > FAR and speed[i] > LONGER * beside and len(speed) > 1:
            jumps.append(f"{weights[i]:g} and {weights[i + 1]:g}")
    return f"The mode jumps between the weights {'; '.join(jumps)}." if jumps else ""


def _intervals(
    fits: Sequence[Fit], quantities: Sequence[Quantity], var_names: VarNames | None, level: float, progressbar: bool
) -> xr.Dataset:
    intervals = [limits(fit, var_names, len(quantities), level, progressbar) for fit in fits]
    dims = ("weight", "parameter", "bound")
    data = {
        "interval": (dims, np.array([interval for interval, _ in intervals])),
        "interval_status": (dims, np.array([status for _, status in intervals])),
    }
    return array_dataset(data, {"bound": list(BOUNDS)})


# As many digits of the sensitivities as ArviZ keeps; and what its diagnosis says of what has no draws.
DIGITS = 12
NOT_DRAWN = "not among the draws"


def prior_sensitivity(objective: Objective, dt: Posterior, labels: Sequence[Any]) -> xr.Dataset:
    """Return what ``az.psense_summary`` says of some parameters.

    Parameters
    ----------
    objective : Objective
        The model.
    dt : DataTree
        Draws of its posterior; the groups ``log_likelihood`` and ``log_prior`` are computed where they are missing.
    labels : sequence of str
        Of parameters.

    Returns
    -------
    Dataset
        By ``parameter``: `psense_prior`, `psense_likelihood`, `psense_diagnosis`; NaN for what is not among the draws.
    """
    from arviz import psense_summary

    table = psense_summary(_with_groups(objective, dt), round_to=DIGITS)
    rows = table.reindex([str(label) for label in labels])
    columns = {
        "psense_prior": rows["prior"].to_numpy(float),
        "psense_likelihood": rows["likelihood"].to_numpy(float),
        "psense_diagnosis": rows["diagnosis"].fillna(NOT_DRAWN).to_numpy().astype(str),
    }
    data = {name: ("parameter", values) for name, values in columns.items()}
    return array_dataset(data, {"parameter": np.asarray(labels)})


def _with_groups(objective: Objective, dt: Posterior) -> xr.DataTree:
    """Return a tree with the posterior and the two groups that ArviZ reads, and nothing else."""
    complete = isinstance(dt, xr.DataTree) and all(name in dt.children for name in GROUPS)
    densities = dt if complete else pointwise_log_likelihood(objective, dt, progressbar=False)
    posterior = dt if isinstance(dt, xr.Dataset) else dt["posterior"].to_dataset()
    groups = {name: densities[name].to_dataset() for name in GROUPS}
    return xr.DataTree.from_dict({"posterior": posterior, **groups})
