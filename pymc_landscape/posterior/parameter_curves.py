"""`four_curves`: prior, likelihood profile, posterior profile and marginal posterior of a parameter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from pymc.util import get_random_generator

from pymc_landscape._typing import Array, ModelLike, Posterior, RandomSeed, VarNames
from pymc_landscape.arguments import check_run_options, checked_count, repeatable
from pymc_landscape.inference.profile import Quantity, find_quantities, profile_likelihood
from pymc_landscape.numerics import profile_curve
from pymc_landscape.objective import Objective
from pymc_landscape.optimize import Fit
from pymc_landscape.posterior.densities import draw_prior, marginal_density, prior_density
from pymc_landscape.posterior.draws import PosteriorDraws, read_posterior
from pymc_landscape.posterior.likelihood_estimates import estimate, has_profile
from pymc_landscape.posterior.likelihood_fit import fit_beside, in_copy_of_draws, warn_if_lower
from pymc_landscape.posterior.mode import posterior_mode
from pymc_landscape.results import array_dataset, provenance_attributes

CURVES = ("prior", "likelihood profile", "posterior profile", "posterior marginal")
# Profiles are traced until Δ(−2LL) is 20, where 5·10⁻⁵ of the height is left.
TRACED = math.erf(math.sqrt(10.0))
# The window shows a likelihood up to this Δ, and the draws except for this share on each side; but no more than so many
# times the width of the draws, which would look like a spike otherwise.
SHOWN, TAIL, WIDEST = 9.0, 5e-4, 8.0


def four_curves(
    fit: Fit | ModelLike | Objective | None,
    dt: Posterior,
    var_names: VarNames | None = None,
    *,
    num: int = 201,
    group: str = "posterior",
    random_seed: RandomSeed | None = None,
    progressbar: bool = True,
) -> xr.Dataset:
    """Compute prior, likelihood profile, posterior profile and marginal posterior of parameters, as curves.

    From the first to the last, they show what the prior said, what the data say, what the two say together, and the
    marginal: all other parameters integrated out. `compare_with_posterior` has the numbers,
    ``plots.four_curves`` the picture.

    Parameters
    ----------
    fit : Fit, pm.Model or Objective
        What `fit_mle` returned; a model is fitted first, from the draws.
    dt : DataTree or Dataset
        Draws of the model's posterior, as in `compare_with_posterior`.
    var_names : str, sequence of str, or mapping, optional
        As in `confidence_intervals`; left out, every element of every free variable.
    num : int
        Points a curve; half of them lie where the draws do.
    group : str
        Group of the tree that holds the draws.
    random_seed : int or Generator, optional
        For draws of the prior, where its density is not known.
    progressbar : bool
        Whether to show progress, once there is something to wait for.

    Returns
    -------
    Dataset
        Dims ``parameter``, ``point``, ``curve`` (prior, likelihood profile, posterior profile, posterior marginal):
        `value` (parameter, point), natural scale, and `height` (parameter, curve, point), the highest of each curve's
        points being 1; NaN where there is no such curve. By ``parameter``: `mle`, `map` and `mean`.

    Raises
    ------
    ValueError
        As in `compare_with_posterior`.

    Notes
    -----
    A likelihood profile is the same on every scale of the parameter. The other three are densities, and change with it
    by the Jacobian: these are densities of the parameter as the model has it.

    The prior's density is the model's own for a parameter with a prior of its own, an estimate from its draws for
    anything else, and the slice through the posterior's mode where a potential is part of the prior. Densities of draws
    are splines on the log scale by penalised likelihood (Eilers & Marx 1996, *Statistical Science* 11, 89-121): nothing
    lies beyond a bound, and few draws make no waves.

    Examples
    --------
    >>> import numpy as np, pymc as pm, pymc_landscape as pml, xarray as xr
    >>> with pm.Model() as model:
    ...     p = pm.Beta("p", 2, 2)
    ...     y = pm.Binomial("y", n=10, p=p, observed=7)
    >>> exact = np.random.default_rng(1).beta(9, 5, size=(4, 500))
    >>> curves = pml.four_curves(pml.fit_mle(model), xr.Dataset({"p": (("chain", "draw"), exact)}))
    >>> curves["height"].max("point").sel(parameter="p").values.round(2).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    num = checked_count("num", num, at_least=11)
    check_run_options(random_seed, progressbar)
    named = partial(find_quantities, var_names=repeatable(var_names))
    fit = fit_beside(fit, dt, "four_curves", group=group, refuse=named, progressbar=progressbar)
    fit.objective.fixed_effects.refuse_prior(1.0)
    draws = read_posterior(fit.objective, dt, group)
    fit, copy = in_copy_of_draws(fit, draws)
    warn_if_lower(fit, draws)
    quantities = named(fit.objective)
    sides = _Sides(fit, posterior_mode(fit, draws, progressbar), draws, var_names, progressbar)
    rng = get_random_generator(random_seed, copy=True)
    values = draws.quantities([quantity.weights for quantity in quantities])
    rows = [sides.row(i, quantity, values[i].ravel(), num, rng) for i, quantity in enumerate(quantities)]
    return _dataset(rows, quantities, fit, sides, copy)


class _Sides:
    """The likelihood and the posterior, each with its profiles."""

    def __init__(self, fit: Fit, mode: Fit, draws: PosteriorDraws, var_names: VarNames | None, progressbar: bool):
        self.fit, self.mode, self.draws = fit, mode, draws
        self.profiles = [_profile(one, var_names, progressbar) for one in (fit, mode)]
        self._prior: Array | None = None

    def row(self, i: int, quantity: Quantity, drawn: Array, num: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return values (num,) and heights (4, num) of one quantity."""
        of_one = [None if several is None else several.isel(parameter=i) for several in self.profiles]
        at = _points(_window(of_one[0], drawn, quantity.bounds), drawn, num)
        curves = [None if one is None else profile_curve(one) for one in of_one]
        profiles = [np.full(num, np.nan) if one is None else one.relative_likelihood(at) for one in curves]
        prior = prior_density(self.mode, quantity, at, lambda: self.prior_draws(rng))
        heights = np.stack([prior, *profiles, marginal_density(drawn, at, quantity.bounds)])
        with np.errstate(invalid="ignore"):
            highest = np.nanmax(np.where(np.isfinite(heights), heights, -np.inf), axis=1, keepdims=True)
        return at, np.where(np.isfinite(highest) & (highest > 0), heights / np.where(highest > 0, highest, 1), np.nan)

    def prior_draws(self, rng: np.random.Generator) -> Array:
        """Return draws (S, n) of the prior, made once."""
        if self._prior is None:
            self._prior = draw_prior(self.fit.objective, rng).vectors
        return self._prior


def _profile(fit: Fit, var_names: VarNames | None, progressbar: bool) -> xr.Dataset | None:
    """Trace the profiles of a fit; None where there is no optimum to trace from."""
    if not has_profile(fit):
        return None
    return profile_likelihood(fit, var_names, level=TRACED, progressbar=progressbar)


def _window(profile: xr.Dataset | None, drawn: Array, bounds: tuple[float, float]) -> tuple[float, float]:
    """Return where curves are looked at: at the likelihood and at the draws, as far as both can be seen."""
    low, high = (float(quantile) for quantile in np.quantile(drawn, [TAIL, 1 - TAIL]))
    width = (high - low) or abs(low) or 1.0
    margin = 0.15 * width
    start, stop = low - margin, high + margin
    if profile is not None:
        near = profile["value"].values[(profile["delta_minus2ll"] <= SHOWN).values]
        spare = (WIDEST - 1.0) * width / 2.0
        start = min(start, max(float(np.nanmin(near, initial=start)), low - spare))
        stop = max(stop, min(float(np.nanmax(near, initial=stop)), high + spare))
    return max(start, bounds[0]), min(stop, bounds[1])


def _points(window: tuple[float, float], drawn: Array, num: int) -> Array:
    """Return increasing points: half of them evenly over the window, half where the draws are."""
    inner = np.clip(np.quantile(drawn, [TAIL, 1 - TAIL]), *window)
    evenly = np.linspace(*window, num - num // 2)
    among = np.linspace(inner[0], inner[1], num // 2 + 2)[1:-1]
    return np.sort(np.concatenate([evenly, among]))


def _dataset(
    rows: Sequence[tuple[Array, Array]], quantities: Sequence[Quantity], fit: Fit, sides: _Sides, copy: str
) -> xr.Dataset:
    means = sides.draws.quantities([quantity.weights for quantity in quantities]).mean(axis=(1, 2))
    data: dict[str, Any] = {
        "value": (("parameter", "point"), np.stack([at for at, _ in rows])),
        "height": (("parameter", "curve", "point"), np.stack([heights for _, heights in rows])),
        "mle": ("parameter", np.array([estimate(fit, quantity)[0] for quantity in quantities])),
        "map": ("parameter", np.array([estimate(sides.mode, quantity)[0] for quantity in quantities])),
        "mean": ("parameter", means),
    }
    coords = {"parameter": [quantity.label for quantity in quantities], "curve": list(CURVES)}
    statuses = {"status": fit.status.value, "map_status": sides.mode.status.value}
    attrs = provenance_attributes(fit.objective.origin, group="curves", message=copy, **statuses)
    return array_dataset(data, coords, attrs)
