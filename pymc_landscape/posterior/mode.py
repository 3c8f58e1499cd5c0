"""The posterior mode, found with the help of draws, and the prior's share of the information there.

The information of a quantity ψ in a density is the curvature of its profile: with H the Hessian of −2 log density and g
the gradient of ψ, 2 / (gᵀ H⁻¹ g), the Schur complement where ψ is one of the axes. Of −2 log posterior and of −2LL at
the same point, the mode, their ratio says what share the likelihood has.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import scipy

from pymc_landscape._typing import Array, Starts
from pymc_landscape.inference.profile import Quantity
from pymc_landscape.numerics import Spectrum, noise, spectrum
from pymc_landscape.objective import RestrictedObjective
from pymc_landscape.optimize import Fit, fit_weighted, nearest_copy
from pymc_landscape.posterior.draws import PosteriorDraws

# A χ² tail probability: draws that all lie further above the mode are not this posterior's, or it is a spike.
FAR = 1e-6
# A mode that is higher by less than this, in units of −2 log density, is the same.
LOWER = 1e-6
# A gradient with less than this share along flat directions does not move along them.
ALONG = 1e-6


def posterior_mode(fit: Fit, draws: PosteriorDraws, progressbar: bool = True) -> Fit:
    """Fit the mode on the natural scale, from the maximum of the likelihood and from the densest draw.

    Warns
    -----
    UserWarning
        If all draws are far from it.
    """
    densest = int(np.nanargmin(draws.value))
    starts = np.stack([fit.theta, draws.theta(densest)])
    starts = starts[np.isfinite(starts).all(axis=1)]
    mode = _in_copy_of(fit, _fit_mode(fit, starts=starts if len(starts) else 1, progressbar=progressbar))
    rise = float(draws.value[densest] - mode.result.value)
    if mode.status.is_optimum and rise > scipy.special.chdtri(mode.n_parameters, FAR):
        warnings.warn(
            f"−2 log posterior of every draw is at least {rise:.4g} above that of the mode, where {mode.n_parameters} "
            "on average would be usual: the draws are those of other data, or the mode is a spike without mass.",
            stacklevel=3,
        )
    return mode


def _fit_mode(fit: Fit, starts: Starts, progressbar: bool) -> Fit:
    return fit_weighted(fit.objective.with_prior_weight(1.0), starts=starts, progressbar=progressbar)


def _in_copy_of(fit: Fit, mode: Fit) -> Fit:
    """Return the mode in that copy of the optimum in which the fit is, if it is as high there."""
    if not (mode.status.is_optimum and fit.status.is_optimum and fit.symmetries):
        return mode
    layout = fit.objective.layout()
    here, there, errors = (
        layout.join({str(name): values.values for name, values in table.data_vars.items()})
        for table in (fit.point, mode.point, fit.standard_error)
    )
    image = nearest_copy(fit.symmetries, there, here, errors)
    if (image == there).all():
        return mode
    again = _fit_mode(fit, starts=[layout.split(image)], progressbar=False)
    return again if again.result.value <= mode.result.value + LOWER + noise(mode.result.value) else mode


def prior_shares(mode: Fit, quantities: Sequence[Quantity]) -> Array:
    """Return 1 − likelihood information / posterior information of each quantity, at the posterior mode.

    Parameters
    ----------
    mode : Fit
        Of `fit_map`.
    quantities : sequence of Quantity
        Elements, Deterministics, combinations.

    Returns
    -------
    array (n,)
        Below 0 where the log prior bends upwards (as that of 1/σ does), above 1 where the log-likelihood does; NaN at
        a bound of the support, and where either has no curvature.
    """
    shares = np.full(len(quantities), np.nan)
    restricted, x = _natural(mode)
    likelihood = finite_spectrum(restricted.hessian(x))
    posterior = finite_spectrum(_posterior_hessian(mode, restricted))
    for i, quantity in enumerate(quantities):
        if quantity.element is None or quantity.position(restricted) not in restricted.fixed:
            gradient = quantity.evaluate(restricted, x).gradient
            of_likelihood, of_both = information(likelihood, gradient), information(posterior, gradient)
            shares[i] = 1.0 - of_likelihood / of_both if of_both > 0 else np.nan
    return shares


def finite_spectrum(hessian: Array) -> Spectrum | None:
    """Return the eigenvalues of a Hessian, once for all quantities; None where it is not known."""
    return spectrum(hessian) if np.isfinite(hessian).all() else None


def information(curvature: Spectrum | None, gradient: Array) -> float:
    """Return the information of a quantity: 2 / (gᵀ H⁻¹ g), or how fast its profile bends, halved.

    Parameters
    ----------
    curvature : Spectrum or None
        Of the Hessian (m, m) of −2 log density; None where that is not known.
    gradient : array (m,)
        Of the quantity.

    Returns
    -------
    float
        0 where it is not determined, negative where the profile bends down, NaN where the nuisance parameters have no
        minimum.

    Examples
    --------
    >>> round(information(spectrum(np.array([[2.0, 1.0], [1.0, 2.0]])), np.array([1.0, 0.0])), 6)
    0.75
    """
    if curvature is None or not (np.isfinite(gradient).all() and gradient.any()):
        return np.nan
    along = curvature.vectors.T @ (gradient / curvature.scale)
    flat = np.abs(curvature.values) <= curvature.tolerance
    down = int((curvature.values[~flat] < 0).sum())
    if down > 1:
        return np.nan
    if np.linalg.norm(along[flat]) > ALONG * np.linalg.norm(along):
        return 0.0 if not down else np.nan
    variance = 2.0 * float((along[~flat] ** 2 / curvature.values[~flat]).sum())
    # one negative eigenvalue: it belongs either to the quantity itself, or to the nuisance parameters
    return np.nan if variance == 0 or (down == 1) != (variance < 0) else 1.0 / variance


def _natural(mode: Fit) -> tuple[RestrictedObjective, Array]:
    """Return the likelihood with all elements that can be on their natural scale, and the mode; bounds stay fixed."""
    objective = mode.objective.with_prior_weight(0.0)
    names = frozenset(v.name for v in objective.variables if v.elementwise and v.transform)
    elements, point = mode.result.restricted.fixed_elements, mode.result.restricted.natural_point(mode.result.x)
    restricted = RestrictedObjective.fixing(objective, elements, names, point)
    return restricted, mode.result.restricted.transfer(mode.result.x, restricted)


def _posterior_hessian(mode: Fit, restricted: RestrictedObjective) -> Array:
    """Return the Hessian of −2 log posterior in the elements of `restricted`: the gradient is 0, so rates suffice."""
    result = mode.result
    if result.hessian is None:
        return np.full((len(result.x), len(result.x)), np.nan)
    full, before, natural = result.restricted.full(result.x), result.restricted, restricted.objective.layout()
    jacobian = before.engine("natural_jacobian").one(full)[0]
    jacobian, rates = jacobian.reshape(len(full), -1), np.ones(len(full))
    for name in restricted.natural - before.natural:
        rows, columns = before.layout.slices[name], natural.slices[name]
        rates[rows] = jacobian[rows, columns].diagonal()
    rates = rates[before.free]
    return np.asarray(result.hessian / np.outer(rates, rates))
