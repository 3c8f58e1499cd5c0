"""`posterior_deviance`: Δ(−2LL) of posterior draws against the χ² that the Bernstein–von Mises theorem gives it.

Its mean is the effective number of parameters (Spiegelhalter and others 2002, *Journal of the Royal Statistical
Society* B 64, 583-639).
"""

from __future__ import annotations

import numpy as np
import scipy
import xarray as xr

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array, ModelLike, Posterior
from pymc_landscape.arguments import checked_flag
from pymc_landscape.objective import Objective
from pymc_landscape.optimize import Fit, Status
from pymc_landscape.posterior.draws import PosteriorDraws, read_posterior
from pymc_landscape.posterior.likelihood_fit import fit_beside, in_copy_of_draws, in_one_copy, warn_if_lower
from pymc_landscape.results import array_dataset, provenance_attributes

# A distance between distribution functions that no plot would show, however many draws prove that it is there.
NEGLIGIBLE_DISTANCE = 0.03
# Draws whose mean deviance above their own mean is less than this share of k are held together by the prior.
NARROW = 0.8
# Below this p-value the draws do not follow χ².
DOUBTFUL = 0.01


def posterior_deviance(
    model: ModelLike | Objective | Fit | None = None,
    dt: Posterior | None = None,
    *,
    group: str = "posterior",
    progressbar: bool = True,
) -> xr.Dataset:
    """Return how far −2LL of each posterior draw lies above its minimum, and compare that with χ²_k.

    With many data, and a prior that is positive and continuous at the true value, the posterior is nearly normal around
    the estimate, and the rise over its draws follows χ²_k (Bernstein–von Mises; van der Vaart 1998, *Asymptotic
    Statistics*, theorem 10.1). Wilks' theorem says the same of the true value over repeated data. The mean rise is the
    effective number of parameters. Use it to see whether the model is regular, the prior strong, or the estimate no
    optimum; not to compare models.

    Parameters
    ----------
    model : Fit, pm.Model or Objective
        The maximum likelihood fit that is the zero; a model is fitted first, from the draws.
    dt : DataTree or Dataset
        Draws of the posterior: every free variable, with the dims chain and draw. Other variables and groups are
        ignored.
    group : str
        Group of the tree that holds the draws.
    progressbar : bool
        Whether to show progress, once there is something to wait for.

    Returns
    -------
    Dataset
        Dims ``chain``, ``draw``: `delta_minus2ll`, −2LL of the draw less that of the fit. Attributes: ``k``, the number
        of parameters that the likelihood determines; ``p_d``, the mean rise, with its Monte Carlo error ``p_d_mcse``;
        ``p_d_dic``, the mean rise above the posterior mean instead of the fit; ``ks_statistic`` and ``ks_p_value``
        against χ²_k, the latter for ``ess`` independent draws; ``best_draw`` and ``minimum``, the lowest; ``message``:
        whether they agree, in words.

    Raises
    ------
    ValueError
        If the draws are not this model's, the fit is a posterior mode or found nothing, or the model has random
        effects that are not integrated out.

    Warns
    -----
    UserWarning
        If a draw is lower than the fit, which then is no optimum.

    Notes
    -----
    ``k`` is the rank of the curvature at the fit.

    ``p_d_dic`` is p_D of Spiegelhalter and others (2002, *Journal of the Royal Statistical Society* B 64, 583-639),
    which takes the posterior mean for the zero: it does not count how far the prior moves the mean from the fit, and
    ``p_d`` does.

    Examples
    --------
    >>> import numpy as np, pymc as pm, pymc_landscape as pml, xarray as xr
    >>> with pm.Model() as model:
    ...     p = pm.Beta("p", 1, 1)
    ...     y = pm.Binomial("y", n=1000, p=p, observed=700)
    >>> exact = np.random.default_rng(1).beta(701, 301, size=(4, 500))
    >>> draws = xr.Dataset({"p": (("chain", "draw"), exact)})
    >>> rise = pml.posterior_deviance(model, draws)
    >>> rise.attrs["k"], round(rise.attrs["p_d"], 1), rise.attrs["ks_statistic"] < 0.03
    (1, 1.0, True)
    """
    checked_flag("progressbar", progressbar)
    fit = fit_beside(model, dt, "posterior_deviance", group=group, progressbar=progressbar)
    draws = read_posterior(fit.objective, dt, group)
    _, copy = in_copy_of_draws(fit, draws)
    warn_if_lower(fit, draws)
    rise = draws.minus2ll - fit.minus2ll
    deviance = _DrawDeviance(rise.reshape(draws.shape), _above_the_mean(draws, in_one_copy(fit, draws)), *_degrees(fit))
    attrs = provenance_attributes(
        fit.objective.origin,
        group="posterior_deviance",
        minus2ll=fit.minus2ll,
        status=fit.status.value,
        best_draw=draws.name(int(np.nanargmin(rise))),
        minimum=float(np.nanmin(rise)),
        **deviance.numbers(),
        message=" ".join(filter(None, [deviance.message(), copy])),
    )
    coords = {"chain": draws.chain, "draw": draws.draw}
    return array_dataset({"delta_minus2ll": (("chain", "draw"), deviance.rise)}, coords, attrs)


def _degrees(fit: Fit) -> tuple[int, str]:
    """Return how many parameters the likelihood determines, and why these may be fewer than there are."""
    k, n_flat = fit.n_parameters, len(fit.flat_directions)
    if fit.status is Status.CONVERGED:
        return k, ""
    if fit.status is Status.AT_BOUND:
        return k, "the estimate is on an edge, where the posterior is not normal and χ² not its law"
    return max(k - n_flat, 1), f"the fit is {fit.status.value}, where the posterior is not normal and χ² not its law"


def _above_the_mean(draws: PosteriorDraws, vectors: Array) -> float:
    """Mean −2LL less −2LL at the mean of vectors (S, n) in one copy of the optimum: DIC's p_D."""
    points = draws.objective.layout().split(vectors.mean(axis=0)[None])
    return float(np.nanmean(draws.minus2ll) + 2.0 * draws.objective.natural_log_likelihood(points)[0])


@dataclass(frozen=True)
class _DrawDeviance:
    """Δ(−2LL) of draws (chain, draw), and the χ² that it is compared with."""

    rise: Array
    p_d_dic: float
    k: int
    doubt: str = ""

    @property
    def known(self) -> Array:
        """The rises (chain, draw); where a draw has none, the mean of all stands in for it."""
        return np.where(np.isnan(self.rise), np.nanmean(self.rise), self.rise)

    def numbers(self) -> dict[str, float | int]:
        """Return the attributes of the result."""
        from arviz_stats.base import array_stats  # type: ignore[attr-defined]

        return {
            "k": self.k,
            "p_d": float(np.nanmean(self.rise)),
            "p_d_dic": self.p_d_dic,
            "p_d_mcse": float(array_stats.mcse(self.known)),  # type: ignore[no-untyped-call]
            "ks_statistic": self.distance(),
            "ks_p_value": self.p_value(),
            "ess": self.independent(),
        }

    def distance(self) -> float:
        """Largest difference between the distribution functions of the draws and of χ²_k."""
        return float(scipy.stats.ks_1samp(self.rise[~np.isnan(self.rise)], scipy.stats.chi2(self.k).cdf).statistic)

    def independent(self) -> float:
        """Return how many independent draws these are worth."""
        from arviz_stats.base import array_stats  # type: ignore[attr-defined]

        ess = float(array_stats.ess(self.known))  # type: ignore[no-untyped-call]
        return min(ess, float(self.rise.size)) if np.isfinite(ess) else np.nan

    def p_value(self) -> float:
        """Return the chance of such a distance, or a larger one, between χ²_k and as many independent draws from it."""
        n = self.independent()
        return float(scipy.stats.kstwo.sf(self.distance(), max(int(n), 1))) if np.isfinite(n) else np.nan

    def message(self) -> str:
        """Say whether the draws agree with χ²_k."""
        where = f"Δ(−2LL) of the draws, on average {np.nanmean(self.rise):.3g}"
        agrees = self.distance() < NEGLIGIBLE_DISTANCE or not self.p_value() < DOUBTFUL
        if agrees and self.p_d_dic < NARROW * self.k:
            sentence = (
                f"{where}, follows χ²_{self.k} by two effects that cancel: the prior holds the draws together (above "
                f"their own mean they rise by {self.p_d_dic:.3g} only) and pulls them away from the estimate"
            )
        elif agrees:
            sentence = f"{where}, follows χ²_{self.k}: the posterior is as wide as the likelihood's own regions"
        elif np.nanmean(self.rise) > self.k:
            sentence = (
                f"{where}, is larger than χ²_{self.k}: the prior pulls the draws away from the estimate, or the "
                "likelihood is no parabola there"
            )
        else:
            sentence = f"{where}, is smaller than χ²_{self.k}: the prior holds the draws together"
        return f"{sentence}; {self.doubt}." if self.doubt else f"{sentence}."
