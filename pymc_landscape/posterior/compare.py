"""`compare_with_posterior`: where likelihood and posterior differ, by how much, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from pymc.util import get_random_generator

from pymc_landscape._typing import Array, ModelLike, Posterior, RandomSeed, VarNames
from pymc_landscape.arguments import check_run_options, checked_level, repeatable
from pymc_landscape.inference.profile import Quantity, find_quantities
from pymc_landscape.objective import Objective
from pymc_landscape.optimize import Fit
from pymc_landscape.posterior.densities import draw_prior, prior_standard_deviations
from pymc_landscape.posterior.draws import PosteriorDraws, read_posterior
from pymc_landscape.posterior.identification import Identification, LikelihoodEstimate
from pymc_landscape.posterior.likelihood_estimates import estimate, likelihood_estimates
from pymc_landscape.posterior.likelihood_fit import fit_beside, in_copy_of_draws, warn_if_lower
from pymc_landscape.posterior.mode import posterior_mode, prior_shares
from pymc_landscape.posterior.point_estimates import PosteriorPoints, label_scales
from pymc_landscape.posterior.summary import summarise
from pymc_landscape.results import array_dataset, provenance_attributes

# Columns of the split, and the scales that it is made on: that of the model, and that without bounds.
SHIFTS = (
    *("prior_shift", "integrated_shift", "skewness_shift", "volume_shift", "total_shift"),
    *("shift_mcse", "integrated_error", "skewness_error"),
)
SCALES = ("model", "unbounded")
# The scale of the mode of what is computed from parameters.
OF_PARAMETERS = "the parameters"


def compare_with_posterior(
    fit: Fit | ModelLike | Objective | None,
    dt: Posterior,
    *,
    var_names: VarNames | None = None,
    ci_prob: float = 0.95,
    level: float | None = None,
    group: str = "posterior",
    random_seed: RandomSeed | None = None,
    progressbar: bool = True,
) -> xr.Dataset:
    """Compare what the likelihood says of each parameter with what the posterior says, and split the difference.

    Use it after sampling, to see how much of an answer is the prior. How sensitive a posterior is to its prior, without
    any fit, is what ``az.psense_summary`` tells.

    Parameters
    ----------
    fit : Fit, pm.Model or Objective
        What `fit_mle` returned; a model is fitted first, from the draws. Where the likelihood has no maximum
        (``unbounded``, as with separated classes), limits are those that its least upper bound gives: an end on one
        side, and none on the other.
    dt : DataTree or Dataset
        Draws of the model's posterior, by any sampler: every free variable, with the dims chain and draw. Other
        variables and groups are ignored, and Deterministics are computed from the draws.
    var_names : str, sequence of str, or mapping, optional
        As in `confidence_intervals`: variables, elements (``beta[x1]``), Deterministics, linear combinations; left out,
        every element of every free variable.
    ci_prob : float
        Probability of the credible intervals.
    level : float, optional
        Level of the confidence intervals; left out, `ci_prob`.
    group : str
        Group of the tree that holds the draws.
    random_seed : int or Generator, optional
        For the draws of the prior.
    progressbar : bool
        Whether to show progress, once there is something to wait for.

    Returns
    -------
    Dataset
        Dim ``parameter``, and ``bound`` (lower, upper) for limits.

        The likelihood: `mle`, `se`, `wald`, `profile`, `profile_status` (as in `confidence_intervals`). The joint mode
        of the posterior, on the natural scale: `map`; the mode of the quantity's own posterior: `marginal_mode`. The
        draws: `mean`, `median`, `sd`, `hdi`, `eti`, `mcse` (of the mean), `rhat`, `modes` (pieces of the
        highest-density region). The prior: `prior_sd`, ∞ where it has no variance, NaN where it cannot be drawn (it is
        improper, or beside a potential).

        The split, on the scale that the model is written on, in units of `unit`: `prior_shift` from `mle` to `map`;
        `volume_shift` from `map` to `mean`, which is `integrated_shift` from `map` to `marginal_mode` and
        `skewness_shift` from there to `mean`; their sum `total_shift`. `shift_mcse` is the Monte Carlo error of
        `volume_shift` and `total_shift`, `integrated_error` and `skewness_error` are those of the parts. `unit` is
        `se`; where there is none, the profile interval's width over 2z, else `sd`.

        `contraction` and `prior_share` as below; `verdict`: ``data-dominated``, ``prior-dominated``, ``unidentified``,
        ``at boundary``, or ``undecided`` where the prior's share is not known; `sentence` and `note` in words.

        By ``parameter`` and ``scale`` (``model``, ``unbounded``), the same way from `mle` to `mean` with modes of the
        density on the scale of the model, and on that without bounds (log, logit): `scale_name`,
        `prior_shift_on_scale`, `integrated_shift_on_scale`, `skewness_shift_on_scale`, `volume_shift_on_scale`,
        `total_shift_on_scale`, `prior_share_on_scale`, `verdict_on_scale`. The two are one for a parameter without
        bounds, for Deterministics and for combinations. Attributes: ``message``, and the status of fit and mode.

    Raises
    ------
    ValueError
        If the fit is a posterior mode or failed; if the draws lack a free variable or are not this model's; if the
        model has random effects, over which its likelihood has yet to be integrated; if a name is not known.

    Warns
    -----
    UserWarning
        If a draw is lower than the fit, or all draws are far from the posterior's mode.

    Notes
    -----
    The prior moves the joint mode: `prior_shift`. Integrating the other parameters out moves it on to the mode of the
    quantity's own posterior: `integrated_shift`, 0 where there is one parameter. The mean of a skewed posterior lies
    beside its mode: `skewness_shift`. They can be of opposite signs. Modes of a density depend on its scale, and so do
    the parts, and the prior's share: for 7 of 10 and a uniform prior they are 0.00, 0, −0.23 and 0 % on the scale of
    p, and −0.23, 0, 0.00 and 17 % on that of logit p. Their sum is the same.

    Modes of marginals are found from gradients at the draws (`marginal_mode`), or from a local fit of their density
    where none are at hand; their errors are stated. The Monte Carlo error is the error bar of the draws' mean. It does
    not show chains that have not converged: `rhat` above 1.01 does, and then nothing here is to be trusted.

    `contraction` is 1 − posterior variance / prior variance (Betancourt 2018, "Towards a principled Bayesian
    workflow"): 1 for a prior without a variance. `prior_share` is 1 − I_L / I_P, both at
    `map`: I is the information of the quantity with all else profiled, 1/(gᵀ H⁻¹ g), with g the gradient of the
    quantity and H the observed information of the likelihood, or of the posterior, on the natural scale (its Schur
    complement, for a parameter). It is below 0 where the log prior bends upwards.

    A quantity is data-dominated if the profile ends on at least one side and is open on none, and the prior's share is
    not above a half; prior-dominated if one of these fails; unidentified if the profile is open and the posterior has
    no mode either; at boundary if the estimate is at a bound of the support. Domination is no lack of identification:
    seven of ten trials identify p whatever the prior.

    Examples
    --------
    >>> import numpy as np, pymc as pm, pymc_landscape as pml, xarray as xr
    >>> with pm.Model() as model:
    ...     p = pm.Beta("p", 20, 20)
    ...     y = pm.Binomial("y", n=10, p=p, observed=7)
    >>> exact = np.random.default_rng(1).beta(27, 23, size=(4, 500))
    >>> draws = xr.Dataset({"p": (("chain", "draw"), exact)})
    >>> table = pml.compare_with_posterior(pml.fit_mle(model), draws, random_seed=1)
    >>> for part in table["sentence"].item().split("; "):
    ...     print(part)
    The data say p is 0.7 ± 0.145
    on the scale of p the prior moves the mode to 0.542 (−1.1 se)
    the posterior is 0.539 ± 0.0717
    80 % of the information is the prior's.
    >>> table["verdict"].item()
    'prior-dominated'
    """
    ci_prob = checked_level("ci_prob", ci_prob)
    level = ci_prob if level is None else checked_level("level", level)
    check_run_options(random_seed, progressbar)
    named = partial(find_quantities, var_names=repeatable(var_names))
    fit = fit_beside(fit, dt, "compare_with_posterior", group=group, refuse=named, progressbar=progressbar)
    fit.objective.fixed_effects.refuse_prior(1.0)
    draws = read_posterior(fit.objective, dt, group)
    quantities = named(fit.objective)
    fit, copy = in_copy_of_draws(fit, draws)
    lower = warn_if_lower(fit, draws)
    mode = posterior_mode(fit, draws, progressbar)
    shares = prior_shares(mode, quantities)
    values = draws.quantities([quantity.weights for quantity in quantities])
    estimates = likelihood_estimates(fit, quantities, var_names, level=level, progressbar=progressbar)
    points = PosteriorPoints(fit, draws)
    rows = [
        _row(points, mode, quantity, likelihood, level, drawn, ci_prob, float(share))
        for quantity, likelihood, drawn, share in zip(quantities, estimates, values, shares, strict=True)
    ]
    prior = _PriorSide(fit.objective, quantities, random_seed)
    attrs = _attrs(fit, mode, draws, lower, copy, ci_prob, level)
    return _dataset(rows, prior, mode, attrs)


def _row(
    points: PosteriorPoints,
    mode: Fit,
    quantity: Quantity,
    likelihood: LikelihoodEstimate,
    level: float,
    drawn: Array,
    ci_prob: float,
    share: float,
) -> Identification:
    summary, at_mode = summarise(drawn, ci_prob), estimate(mode, quantity)[0]
    marginal = points.marginal(quantity, drawn, at_mode, summary)
    scale = quantity.label if quantity.own else OF_PARAMETERS
    row = Identification(quantity.label, likelihood, level, at_mode, summary, share, marginal, scale)
    return replace(row, free=points.free_split(quantity, row.split, summary))


class _PriorSide:
    """The prior's standard deviations, and why some are missing."""

    def __init__(self, objective: Objective, quantities: Sequence[Quantity], random_seed: RandomSeed | None):
        prior = draw_prior(objective, get_random_generator(random_seed, copy=True))
        self.standard_deviations = prior_standard_deviations(
            objective, prior, [quantity.weights for quantity in quantities]
        )
        self.has_potential = bool(objective.potential_roles.prior)
        self.improper = prior.improper

    def note(self, i: int) -> str:
        """Say why there is no contraction."""
        if not np.isnan(self.standard_deviations[i]):
            return ""
        if self.has_potential:
            return "no contraction: the prior has a potential, and cannot be drawn from"
        return f"no contraction: the prior is improper ({', '.join(self.improper)})"


# --- as a Dataset ----------------------------------------------------------------------------------------------------


def _dataset(rows: Sequence[Identification], prior: _PriorSide, mode: Fit, attrs: dict[str, Any]) -> xr.Dataset:
    def column(numbers: Any) -> tuple[str, Any]:
        return "parameter", np.array(list(numbers))

    def limits(numbers: Any) -> tuple[tuple[str, str], Any]:
        return ("parameter", "bound"), np.array(list(numbers))

    sd = np.array([row.posterior.sd for row in rows])
    data: dict[str, Any] = {
        "mle": column(row.likelihood.mle for row in rows),
        "se": column(row.likelihood.se for row in rows),
        "wald": limits(row.likelihood.wald for row in rows),
        "profile": limits(row.likelihood.profile for row in rows),
        "profile_status": limits(row.likelihood.status for row in rows),
        "map": column(row.mode for row in rows),
        "marginal_mode": column(row.marginal.value for row in rows),
        "mean": column(row.posterior.mean for row in rows),
        "median": column(row.posterior.median for row in rows),
        "sd": ("parameter", sd),
        "hdi": limits(row.posterior.hdi for row in rows),
        "eti": limits(row.posterior.eti for row in rows),
        "mcse": column(row.posterior.mcse for row in rows),
        "rhat": column(row.posterior.rhat for row in rows),
        "modes": column(len(row.posterior.hdi_intervals) for row in rows),
        "prior_sd": ("parameter", prior.standard_deviations),
        "unit": column(row.unit for row in rows),
        **{name: column(getattr(row.split, name) for row in rows) for name in SHIFTS},
        "contraction": ("parameter", 1.0 - (sd / prior.standard_deviations) ** 2),
        "prior_share": column(row.share for row in rows),
        "verdict": column(row.conclusion for row in rows),
        "sentence": column(row.sentence for row in rows),
        "note": column(_note(row, prior.note(i), mode) for i, row in enumerate(rows)),
    }
    coords = {"parameter": [row.label for row in rows], "bound": ["lower", "upper"], "scale": list(SCALES)}
    return array_dataset(data | _by_scale(rows), coords, attrs)


def _by_scale(rows: Sequence[Identification]) -> dict[str, Any]:
    """Return the splits by quantity and scale."""
    splits = [row.splits for row in rows]

    def by_scale(numbers: Any) -> tuple[tuple[str, str], Any]:
        return ("parameter", "scale"), np.array([list(pair) for pair in numbers])

    parts = ("prior_shift", "integrated_shift", "skewness_shift", "volume_shift", "total_shift")
    numbers = {f"{name}_on_scale": by_scale([getattr(one, name) for one in pair] for pair in splits) for name in parts}
    return {
        "scale_name": by_scale(label_scales(splits)),
        **numbers,
        "prior_share_on_scale": by_scale([one.share for one in pair] for pair in splits),
        "verdict_on_scale": by_scale([row.verdict(one) for one in row.splits] for row in rows),
    }


def _note(row: Identification, prior: str, mode: Fit) -> str:
    likelihood = row.likelihood
    notes = [prior, likelihood.note]
    if "new_optimum" in likelihood.status:
        notes.append("profile limits are those of a lower optimum than the fit")
    if not row.has_converged:
        notes.append(f"R-hat {row.posterior.rhat:.3g}: chains have not converged, the verdict is without confidence")
    if np.isnan(row.share):
        notes.append("the prior's share of the information is not known: no curvature at the mode, or an edge there")
    if np.isnan(row.mode):
        notes.append(f"no mode: {mode.message or mode.status.value}")
    if not (np.isfinite(likelihood.se) and likelihood.se > 0):
        unit = "the posterior's sd" if row.unit_name == "sd" else "what would be se, were the profile's limits Wald's"
        notes.append(f"shifts in units of {unit}")
    return "; ".join(part for part in notes if part)


def _attrs(
    fit: Fit, mode: Fit, draws: PosteriorDraws, lower: bool, copy: str, ci_prob: float, level: float
) -> dict[str, Any]:
    notes = [fit.message if not fit.status.is_optimum else "", copy]
    if lower:
        notes.append("A draw is lower than the fit: fit again from the draws, fit_mle(model, starts=dt).")
    return provenance_attributes(
        fit.objective.origin,
        group="comparison",
        ci_prob=ci_prob,
        level=level,
        minus2ll=fit.minus2ll,
        status=fit.status.value,
        map_status=mode.status.value,
        map_message=mode.message,
        draws=len(draws.vectors),
        message=" ".join(filter(None, notes)),
    )
