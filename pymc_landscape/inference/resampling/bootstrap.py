"""`parametric_bootstrap`: data simulated from the fitted model, and the model fitted again to each of them.

The replicates are a sample from the sampling distribution of the estimates, on the assumption that the model and its
estimate are true (Efron & Tibshirani 1993, *An Introduction to the Bootstrap*, chapter 6). The model is compiled once;
each refit is one search from the estimate, with a status as any fit has.
"""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from os import PathLike
from typing import Any

import numpy as np
import xarray as xr

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array, ModelLike, RandomSeed
from pymc_landscape.arguments import check_run_options, checked_count
from pymc_landscape.inference.resampling.replication import (
    fit_to_simulate,
    repeat,
    restricted_like,
    seeds,
    start_inside,
)
from pymc_landscape.objective import Objective, RestrictedObjective
from pymc_landscape.objective.observations import Data, Simulator, StackedData, digests, result_origin
from pymc_landscape.optimize import (
    Fit,
    StartResult,
    Status,
    as_draws,
    natural_point,
    nearest_copy,
)
from pymc_landscape.optimize.stacks import StackedSearches
from pymc_landscape.results import Checkpoint, array_variable, provenance_attributes
from pymc_landscape.results.cluster import ClientLike, checked_client

# A refit may end above the −2LL of its start by rounding; by more than this, in units of −2LL, it has failed.
ABOVE = 1e-6


@dataclass(frozen=True)
class Replicate:
    """One refit: natural vector of the parameters, −2LL there, and how much lower that is than at the estimate."""

    vector: Array
    minus2ll: float
    delta: float
    status: str


def parametric_bootstrap(
    fit: Fit | ModelLike | Objective | None = None,
    *,
    draws: int = 999,
    store: str | PathLike[str] | None = None,
    random_seed: RandomSeed | None = None,
    client: ClientLike = None,
    progressbar: bool = True,
) -> xr.Dataset:
    """Simulate data from a fit and fit the model again, many times: the sampling distribution of the estimates.

    Use it where Wald's curvature is not to be trusted, and to see Wilks: `delta_minus2ll` is χ²_k in a regular model
    with enough data. It believes the model; it says nothing about data that the model could not have made.

    Parameters
    ----------
    fit : Fit, pm.Model or Objective, optional
        A maximum likelihood fit that claims an optimum; a model is fitted first, and left out it is that of the
        surrounding ``with`` block.
    draws : int
        How many data sets.
    store : path, optional
        A zarr store on disk in which the replicates are kept as they come. Where it is there already, they are carried
        on: after Ctrl-C or a crash, or to more `draws`. Needs the package zarr.
    random_seed : int or Generator, optional
        As in PyMC. Replicate i of a seed is the same whatever `draws` is, and whether it was carried on.
    client : distributed.Client or "current", optional
        The workers of a Dask cluster do the refits: with the same numbers, for the seed is the replicate's.
    progressbar : bool
        Whether to show progress, once there is something to wait for.

    Returns
    -------
    xr.Dataset
        Dims ``chain`` (of length 1) and ``draw``, so that ArviZ reads it, and each parameter's own. One variable a
        parameter and a Deterministic (the refit's estimate, natural scale); `minus2ll` of the refit;
        `delta_minus2ll`: −2LL of the original estimate on the simulated data less the refit's minimum. The coordinate
        ``status`` (chain, draw) is that of each refit as `Fit` has it; where it is ``"failed"`` the rest is NaN.
        Attributes: ``k``, ``n_failed``, and ``completion``, which is ``"interrupted"`` where Ctrl-C kept only the
        replicates that were finished.

    Raises
    ------
    ValueError
        If the fit claims no optimum, is a posterior mode, or the model's data cannot be simulated; if the store is that
        of another fit, or was begun with another seed.

    Examples
    --------
    >>> import pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     p = pm.Beta("p", 1, 1)
    ...     y = pm.Binomial("y", n=10, p=p, observed=7)
    >>> again = pml.parametric_bootstrap(pml.fit_mle(model), draws=50, random_seed=1)
    >>> dict(again.sizes), bool(abs(again["p"].mean() - 0.7) < 3 * (0.21 / 10 / 50) ** 0.5)
    ({'chain': 1, 'draw': 50}, True)
    """
    draws = checked_count("draws", draws)
    check_run_options(random_seed, progressbar)
    cluster = checked_client(client)
    fit = fit_to_simulate(fit, "parametric_bootstrap", progressbar)
    drawn = seeds(random_seed, draws)
    with Checkpoint(store, "bootstrap", "this fit's replicates", lambda: result_origin(fit.objective)) as checkpoint:
        kept = checkpoint.load()
        if kept is not None:
            _refuse_another(fit, kept, checkpoint, drawn[0] if random_seed is not None else None)
        first = drawn[0] if kept is None else int(kept.attrs["first_seed"])
        earlier = [] if kept is None else _replicates(fit, kept)
        if len(earlier) < draws:
            checkpoint.require_writable(lambda: _dataset(fit, [_estimate(fit)], first, "interrupted"))

        def keep(made: list[Replicate]) -> None:
            if checkpoint.is_due:
                checkpoint.save(_dataset(fit, made, first, "interrupted"))

        made, stopped = repeat(
            _Refitter(fit),
            drawn,
            "Bootstrapping",
            progressbar,
            at_once=StackedData.most_sets(fit.objective),
            earlier=earlier[:draws],
            after_each=keep,
            client=cluster,
        )
        _warn([replicate.status for replicate in made])
        result = _dataset(fit, made, first, "interrupted" if stopped else "complete")
        is_new = kept is None or kept.attrs["completion"] != result.attrs["completion"]
        if len(made) > len(earlier) or (is_new and len(made) == len(earlier)):  # fewer may have been asked for
            checkpoint.save(result, is_last=True)
    return result


# --- one replicate ---------------------------------------------------------------------------------------------------


class _Refitter:
    """Makes the replicates of seeds; data that come a second time are not fitted again."""

    def __init__(self, fit: Fit):
        self.fit, self.simulator, self.point = fit, Simulator(fit.objective), natural_point(fit)
        self._known: dict[bytes, Replicate] = {}

    def __call__(self, seeds: Sequence[int]) -> Iterator[Replicate]:
        """Yield one replicate a seed."""
        data = self.simulator.several(self.point, seeds)
        keys = digests(data)
        places = {key: i for i, key in reversed(list(enumerate(keys)))}  # where each comes first
        first = [i for i, key in enumerate(keys) if key is None or (key not in self._known and places[key] == i)]
        new = self._refitted({name: values[first] for name, values in data.items()}) if first else iter(())
        for key in keys:
            if key is not None and key in self._known:
                yield self._known[key]
                continue
            replicate = next(new)
            if key is not None:
                self._known[key] = replicate
            yield replicate

    def _refitted(self, data: Data) -> Iterator[Replicate]:
        """Yield the replicate of each data set."""
        fit, objective = self.fit, self.fit.objective
        searches = StackedSearches(objective, data, start_inside(fit), "estimate")
        kept = searches.regular & (not fit.result.restricted.natural)  # else the search began beside the estimate
        vectors = objective.layout().join(searches.natural_points())
        for i, is_kept in enumerate(kept):
            if not is_kept:
                yield _replicate(fit, searches.start_result(i))
                continue
            before, value = float(searches.begin_value[i]), float(searches.value[i])
            yield Replicate(in_own_copy(fit, vectors[i]), value, max(before - value, 0.0), Status.CONVERGED.value)


def _replicate(fit: Fit, start_result: StartResult) -> Replicate:
    """Return what is kept of one refit."""
    result, restricted = start_result.result, start_result.result.restricted
    before = result.begin_value
    if fit.result.restricted.natural:  # the search began inside the support, not at the estimate
        before = restricted_like(fit.result.restricted, restricted.objective).value(fit.result.x)
    if start_result.report.status is Status.FAILED or before - result.value < -ABOVE:
        return Replicate(np.full(fit.objective.layout().size, np.nan), np.nan, np.nan, Status.FAILED.value)
    vector = in_own_copy(fit, fit.objective.layout().join(restricted.natural_point(result.x)))
    return Replicate(vector, result.value, max(before - result.value, 0.0), start_result.report.status.value)


def in_own_copy(fit: Fit, vector: Array) -> Array:
    """Bring a refit that ended in another copy of the optimum, its components in other places, to the estimate's."""
    if not fit.symmetries:
        return vector
    layout = fit.objective.layout()
    errors = layout.join({str(name): values.values for name, values in fit.standard_error.data_vars.items()})
    return nearest_copy(fit.symmetries, vector, layout.join(natural_point(fit)), errors)


def _estimate(fit: Fit) -> Replicate:
    """Return the estimate as a replicate, with labels as those to come."""
    return Replicate(fit.objective.layout().join(natural_point(fit)), fit.minus2ll, 0.0, fit.status.value)


def _dataset(fit: Fit, replicates: Sequence[Replicate], first_seed: int, completion: str) -> xr.Dataset:
    objective, status = fit.objective, [r.status for r in replicates]
    attrs = provenance_attributes(
        objective.origin,
        group="bootstrap",
        k=fit.n_parameters,
        n_failed=status.count(Status.FAILED.value),
        completion=completion,
        first_seed=first_seed,
        **_origin(fit),
    )
    drawn = as_draws(RestrictedObjective(objective, objective.names), np.stack([r.vector for r in replicates]), attrs)
    dims = ("chain", "draw")
    drawn["minus2ll"] = array_variable(dims, [[r.minus2ll for r in replicates]])
    drawn["delta_minus2ll"] = array_variable(dims, [[r.delta for r in replicates]])
    return drawn.assign_coords(status=array_variable(dims, [status]))


def _warn(status: Sequence[str]) -> None:
    """One warning for all refits that claim no optimum."""
    counted = Counter(word for word in status if not Status(word).is_optimum)
    if counted:
        words = ", ".join(f"{n} {word}" for word, n in counted.items())
        warnings.warn(
            f"Of {len(status)} refits some claim no optimum ({words}): see the coordinate status; failed ones are NaN.",
            stacklevel=3,
        )


# --- resumed from a store --------------------------------------------------------------------------------------------


def _origin(fit: Fit) -> dict[str, Any]:
    """Return what tells one fit from another: its minimum, and where it is."""
    estimate = fit.objective.layout().join(natural_point(fit))
    return {"fit_minus2ll": fit.minus2ll, "fit_estimate": json.dumps(estimate.tolist())}


def _refuse_another(fit: Fit, kept: xr.Dataset, checkpoint: Checkpoint, first_seed: int | None) -> None:
    ours, names = _origin(fit), {v.name for v in fit.objective.variables}
    where, there = (np.asarray(json.loads(str(a["fit_estimate"])), float) for a in (ours, kept.attrs))
    same = names <= set(kept.data_vars) and where.shape == there.shape
    same = same and bool(np.isclose(fit.minus2ll, float(kept.attrs["fit_minus2ll"]), rtol=1e-9, atol=1e-6))
    if not same or not np.allclose(where, there, rtol=1e-4, atol=1e-8):
        raise checkpoint.refusal("this fit's replicates", "one of another model or of other data")
    if first_seed is not None and first_seed != int(kept.attrs["first_seed"]):
        raise ValueError(
            f"Expected the random_seed with which the store was begun, got another for {checkpoint.path}: leave it out "
            "to carry on with new draws, or name another store."
        )


def _replicates(fit: Fit, kept: xr.Dataset) -> list[Replicate]:
    flat = kept.isel(chain=0)
    points = {v.name: flat[v.name].transpose("draw", ...).values for v in fit.objective.variables}
    columns = [flat[name].values for name in ("minus2ll", "delta_minus2ll", "status")]
    vectors = fit.objective.layout().join(points)
    return [Replicate(v, float(a), float(b), str(c)) for v, a, b, c in zip(vectors, *columns, strict=True)]
