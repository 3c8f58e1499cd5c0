"""The mode of a posterior, found with the help of its draws."""

from __future__ import annotations

import warnings

import numpy as np
from scipy import stats

from pymc_landscape.fit import fit_map
from pymc_landscape.fitted import Fit
from pymc_landscape.posterior_draws import PosteriorDraws

# Draws that all lie so far above the mode are not this posterior's, or the mode is a spike with no mass.
FAR = 1e-6


def posterior_mode(fit: Fit, draws: PosteriorDraws, progressbar: bool = True) -> Fit:
    """Fit the mode on the natural scale, from the maximum of the likelihood and from the densest draw.

    Warns
    -----
    UserWarning
        If all draws are far from it.
    """
    densest = int(np.argmin(draws.value))
    starts = np.stack([fit.theta, draws.theta(densest)])
    starts = starts[np.isfinite(starts).all(axis=1)]
    mode = fit_map(fit.objective, starts=starts if len(starts) else 1, progressbar=progressbar)
    rise = float(draws.value[densest] - mode.found.value)
    if mode.status.is_optimum and rise > stats.chi2.isf(FAR, mode.n_parameters):
        warnings.warn(
            f"−2 log posterior of every draw is at least {rise:.4g} above that of the mode, where {mode.n_parameters} "
            "on average would be usual: the draws are those of other data, or the mode is a spike without mass.",
            stacklevel=3,
        )
    return mode
