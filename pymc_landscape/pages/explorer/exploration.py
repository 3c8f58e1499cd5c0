"""`explore`: the landscape of a model as one page, with everything on it computed beforehand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import xarray as xr

from pymc_landscape._typing import ModelLike, Posterior, RandomSeed
from pymc_landscape.arguments import check_run_options, checked_count, checked_group, repeatable
from pymc_landscape.inference import refuse_changed_data
from pymc_landscape.objective import Objective, objective_of
from pymc_landscape.optimize import Fit, fit_of, fit_weighted
from pymc_landscape.pages.explorer.chosen_axes import (
    MOST,
    AxisValues,
    checked_labels,
    choose_labels,
    chosen_axis,
    given_axes,
    other_optima,
    shown_axis,
)
from pymc_landscape.pages.explorer.explored import ChosenAxis, Explored, Modes, Surfaces, Weights
from pymc_landscape.pages.explorer.explored_draws import draws_along
from pymc_landscape.pages.explorer.explorer import Explorer
from pymc_landscape.pages.explorer.hover import observations_at
from pymc_landscape.pages.explorer.payload import explorer_payload, explorer_results
from pymc_landscape.pages.explorer.posterior_side import posterior_side, sentences
from pymc_landscape.pages.explorer.surfaces import averaged, held, profiled
from pymc_landscape.pages.explorer.walkers import walk
from pymc_landscape.pages.explorer.weighted_modes import find_modes, limits
from pymc_landscape.posterior import read_posterior
from pymc_landscape.results import DelayedProgressBar

PRIOR_WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
SIZES = (1, 4, 16)


def explore(
    model: Fit | ModelLike | Objective | None = None,
    dt: Posterior | None = None,
    axes: str | Sequence[str] | Mapping[str, AxisValues] | xr.Dataset | None = None,
    *,
    num: int = 41,
    group: str = "posterior",
    random_seed: RandomSeed | None = None,
    progressbar: bool = True,
) -> Explorer:
    r"""Make a page on which one walks over the landscape of a model.

    The page is one HTML file that needs no server and no network: a map and a mountain of −2LL, which change with the
    weight of the prior, the size of the sample, and with what becomes of the other parameters; lakes that rise,
    optimisers and sampler that walk, and the data beside the cursor. All of it is computed here, by the verbs of this
    package; the page looks it up.

    Parameters
    ----------
    model : Fit, pm.Model or Objective, optional
        A model is fitted first; left out, it is that of the surrounding ``with`` block. A fit without a maximum
        (separation, a ridge) is shown with the sentence that says so. Of a `fit_map`, the likelihood is fitted anew.
    dt : DataTree or Dataset, optional
        Draws of the model's posterior, for marginals, intervals and a walk of the sampler.
    axes : str, sequence of str, mapping or Dataset, optional
        One or two continuous parameters (``"mu"``, ``"beta[x1]"``), or a grid of them as `regular_grid` takes or makes
        it, or the landscape over one; of more than 401 values along an axis some are shown, and ``payload["notes"]``
        says so. Left out: with several optima in sight the two elements in which they are furthest apart; with random
        effects, one on which they are centred and one that says how they spread; else the first two of the model, where
        what only scales the noise comes last. A parameter alone gives a curve.
    num : int
        Points along an axis, 5 to 401, where `axes` does not say. An axis holds what the likelihood leaves possible,
        all optima that are in sight, and what prior and draws leave possible, as far as that is not many times wider.
    group : str
        Group of the tree that holds the draws.
    random_seed : int or Generator, optional
        For starts of searches and of stochastic optimisers.
    progressbar : bool
        Whether to show progress, once there is something to wait for.

    Returns
    -------
    Explorer
        ``save(path)`` writes the page, a notebook shows it, ``to_datatree()`` has the numbers, ``payload`` what the
        page reads.

    Raises
    ------
    ValueError
        If an axis is discrete or not the model's, there are more than two, the model has no continuous parameter, or
        the draws are not this model's.

    Notes
    -----
    Heights are −2 (log L + w log prior), both on the natural scale, above the mode of the same weight. *Hold* fixes
    the other parameters at that mode; *profile* minimises over them (`evaluate_landscape`); *average* integrates the
    likelihood over their prior, L̄(ψ) = ∫ L(ψ, ν) π(ν) dν (Berger, Liseo & Wolpert 1999, *Statistical Science* 14,
    1-28), whatever the weight of the axes' own prior.

    Data counted m times have −2 (m log L + p log prior) = m · [−2 (log L + (p/m) log prior)]: the surface of weight
    p/m, times m. That is what the size of the sample shows; it has no simulation noise.

    Where an average or a part of the page would take minutes, or cannot be had (a ``pm.CustomDist`` has no mean, a
    black box no gradient), it is left out, and ``payload["notes"]`` says so.

    Examples
    --------
    >>> import pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     p = pm.Beta("p", 2, 2)
    ...     y = pm.Binomial("y", n=10, p=p, observed=7)
    >>> explorer = pml.explore(model, num=21, random_seed=1, progressbar=False)
    >>> explorer
    Explorer(model: p)
    >>> explorer.save("landscape.html")  # doctest: +SKIP
    """
    num = checked_count("num", num, at_least=5, at_most=MOST, advice="a surface needs some, and a page holds no more")
    check_run_options(random_seed, progressbar)
    checked_group(group)
    with DelayedProgressBar("Exploring", len(STEPS) + 1, progressbar) as bar:
        explored = _begun(model, dt, axes, num, group, random_seed)
        bar.advance(1)
        for step in STEPS:
            explored = step(explored)
            bar.advance(1)
    return Explorer(explorer_payload(explored), explorer_results(explored))


# --- what is explored -------------------------------------------------------------------------------------------------


def _begun(
    model: Fit | ModelLike | Objective | None,
    dt: Posterior | None,
    axes: str | Sequence[str] | Mapping[str, AxisValues] | xr.Dataset | None,
    num: int,
    group: str,
    random_seed: RandomSeed | None,
) -> Explored:
    """Fit the likelihood, follow its mode under the prior, and lay the axes."""
    named = partial(_asked, axes=repeatable(axes))
    fit = _likelihood_fit(model, named)
    labels, given = named(fit.objective)
    draws = None if dt is None else read_posterior(fit.objective, dt, group)
    optima = other_optima(fit, random_seed)
    weights, modes, note = _modes(fit, optima)
    labels = [axis.label for axis in given] or labels or choose_labels(fit, optima)
    drawn = [None] * len(labels) if draws is None else draws_along(draws, labels).T
    about = list(zip(labels, drawn, strict=True))
    if given:
        shown = [shown_axis(fit, axis, modes.path, own, optima) for axis, (_, own) in zip(given, about, strict=True)]
    else:
        shown = [chosen_axis(fit, label, modes.path, own, optima, num) for label, own in about]
    notes = [*([note] if note else []), *_fewer(given, shown)]
    return Explored(fit, modes, weights, tuple(shown), draws, dt, group, random_seed, notes=notes)


def _fewer(given: Sequence[ChosenAxis], shown: Sequence[ChosenAxis]) -> list[str]:
    """Say of which axes a page shows fewer values than were given."""
    return [
        f"Of the {len(axis.values):,} values of {axis.label} {len(own.values):,} are shown, closer together where the "
        "likelihood or the prior leaves something possible: a page holds no more."
        for axis, own in zip(given, shown, strict=False)
        if len(own.values) < len(axis.values)
    ]


def _likelihood_fit(model: Fit | ModelLike | Objective | None, refuse: Callable[[Objective], object]) -> Fit:
    """Return the fit of the likelihood alone; of axes that are not known, none."""
    if isinstance(model, Fit):
        refuse_changed_data(model, "the model")
        if not model.is_map:
            return model
        return fit_weighted(model.objective.with_prior_weight(0.0), starts=[model, 1], progressbar=False)
    objective = objective_of(model)
    objective = objective if objective.penalty else objective.with_prior_weight(0.0)
    return fit_of(objective, "explore", refuse=refuse, progressbar=False)


def _asked(
    objective: Objective, axes: str | Sequence[str] | Mapping[str, AxisValues] | xr.Dataset | None
) -> tuple[list[str], list[ChosenAxis]]:
    """Return the labels that a user named, or the axes that a user gave."""
    if axes is None:
        return [], []
    if isinstance(axes, xr.Dataset | Mapping):
        return [], given_axes(objective, axes)
    return checked_labels(objective, axes), []


def _modes(fit: Fit, optima: Sequence[Mapping[str, object]]) -> tuple[Weights, Modes, str]:
    """Return weights and modes; without the prior's where it cannot take part, with the reason."""
    objective = fit.objective
    if objective.restricted or objective.penalty:
        kind = "restricted" if objective.restricted else "penalised"
        weights = Weights((0.0,), (1,))
        note = f"Prior and size of the sample have no say: a {kind} likelihood is its own for these data."
        return weights, find_modes(fit, weights, []), note
    weights = Weights(PRIOR_WEIGHTS, SIZES)
    try:
        return weights, find_modes(fit, weights, optima), COPIES if objective.is_integral else ""
    except (ValueError, NotImplementedError) as error:
        weights = Weights((0.0,), SIZES)
        return weights, find_modes(fit, weights, []), f"The prior has no weight here: {error}"


# --- step by step -----------------------------------------------------------------------------------------------------


def _with_surfaces(explored: Explored) -> Explored:
    """Evaluate the surfaces, with the other parameters held, at their best, and averaged."""
    axes, modes, notes = explored.axes, explored.modes, list(explored.notes)
    begin = held(axes, modes)
    if not explored.others:
        return replace(explored, surfaces={"": begin})
    number = len(explored.separate) or 1
    surfaces = {"h" * number: begin}
    try:
        surfaces["p" * number] = profiled(axes, modes)
        notes += surfaces["p" * number].notes
        for first, second in [explored.separate] if number == 2 else []:
            surfaces["hp"], surfaces["ph"] = (profiled(axes, modes, [label]) for label in (first, second))
    except (ValueError, NotImplementedError) as error:
        notes.append(f"The other parameters cannot be put at their best: {error}")
    try:
        if any(surface.has_branches for surface in surfaces.values()):
            raise ValueError(BRANCHES)
        surfaces["a" * number] = averaged(axes, modes)
        notes.append(AVERAGED)
    except (ValueError, NotImplementedError, ArithmeticError) as error:
        notes.append(f"The other parameters are not averaged over: {str(error).splitlines()[0]}")
    return replace(explored, surfaces=surfaces, notes=notes)


SHARED = (
    "Single observations are not shown: they share effects that are integrated out, and none has a −2LL of its own; "
    "explore(Objective(model, latent=())) shows them for given effects."
)
COPIES = "Data counted more often are copies of all groups, each with effects of its own."
BRANCHES = "their best values jump between several optima, and an integral is taken about one of them."
AVERAGED = (
    "Averaged: the likelihood is integrated over the prior of the other parameters, at every weight of the axes' own "
    "prior alike; data counted more often would have another average, which is not shown."
)


def _with_margins(explored: Explored) -> Explored:
    """Evaluate slice and profile along each axis alone, and the limits."""
    slices: list[Surfaces] = []
    profiles: list[Surfaces | None] = []
    for axis in explored.axes:
        slices.append(held([axis], explored.modes))
        alone = len(explored.axes) == 1 and not explored.others
        try:
            profiles.append(slices[-1] if alone else profiled([axis], explored.modes))
        except (ValueError, NotImplementedError):
            profiles.append(None)
    labels = [axis.label for axis in explored.axes]
    natural = [label for label in labels if not explored.fit.objective.find(label).unconstrained]
    table = limits(explored.modes, natural, explored.weights).reindex(parameter=labels) if natural else None
    return replace(explored, slices=slices, profiles=profiles, limits=table)


def _with_posterior(explored: Explored) -> Explored:
    """Read off the draws what they say under each weight, and put it in words."""
    side = posterior_side(explored.draws, explored.axes, explored.weights)
    labels = [axis.label for axis in explored.axes]
    natural = [label for label in labels if label in explored.modes.path["parameter"]]
    compared = explored.dt if explored.draws is not None else None
    said = sentences(explored.modes, natural, explored.weights, compared, explored.group, explored.random_seed)
    return replace(explored, posterior=side, sentences=said)


def _with_walkers(explored: Explored) -> Explored:
    """Let optimisers walk."""
    heights = next(iter(explored.surfaces.values())).heights[0]
    walks = walk(explored.axes, explored.modes, heights, explored.random_seed)
    return replace(explored, walks=walks, notes=[*explored.notes, *walks.notes])


def _with_observations(explored: Explored) -> Explored:
    """Evaluate each observation at some points of the map."""
    if explored.fit.objective.is_integral or explored.fit.objective.restricted:
        return replace(explored, notes=[*explored.notes, SHARED])
    try:
        return replace(explored, observations=observations_at(explored.axes, explored.modes))
    except (ValueError, NotImplementedError, MemoryError) as error:
        return replace(explored, notes=[*explored.notes, f"Single observations are not shown: {error}"])


STEPS: tuple[Callable[[Explored], Explored], ...] = (
    _with_surfaces,
    _with_margins,
    _with_posterior,
    _with_walkers,
    _with_observations,
)
