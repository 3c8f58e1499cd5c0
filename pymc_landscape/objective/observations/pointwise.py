"""The log-likelihood of every observation at every posterior draw, and the log prior: the groups that ArviZ reads."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array, ModelLike, Posterior
from pymc_landscape.arguments import checked_count, checked_flag, checked_path
from pymc_landscape.engine import Engine, Evaluation
from pymc_landscape.objective import (
    SAMPLE_DIMS,
    TOTAL,
    DrawVectors,
    Fitted,
    Objective,
    is_fitted,
    objective_of,
    open_group,
)
from pymc_landscape.objective.observations.result_origin import result_origin
from pymc_landscape.results import (
    IN_MEMORY,
    STOPS,
    ClusterLost,
    DelayedProgressBar,
    Memory,
    Stop,
    StoreDirectory,
    StoreRecord,
    ZarrStore,
    labelled_array,
    provenance_attributes,
    require_zarr,
    warn_of_part,
)
from pymc_landscape.results.cluster import ClientLike, RangeTasks, checked_client, units_at_once

if TYPE_CHECKING:
    from distributed import Client

# Evaluates draws from one to another into arrays, and tells how many.
Evaluate = Callable[[int, int, Mapping[str, Array], Callable[[int], None]], Evaluation]

GROUPS = ("log_likelihood", "log_prior")
# What a store of them is of.
EXPECTED = "this model, its data and these draws"
# A Pareto tail is fitted to a fifth of all draws, five or more; a chain of one draw has no autocorrelation.
FEWEST_DRAWS, FEWEST_IN_CHAIN = 25, 2


def pointwise_log_likelihood(
    model: ModelLike | Objective | Fitted | None = None,
    dt: Posterior | None = None,
    *,
    store: str | PathLike[str] | None = None,
    chunks: int | None = None,
    group: str = "posterior",
    sample_dims: str | Sequence[str] = SAMPLE_DIMS,
    client: ClientLike = None,
    progressbar: bool = True,
) -> xr.DataTree:
    r"""Compute the log-likelihood of each observation, and the log prior of each parameter, at posterior draws.

    These are the groups that ``az.loo``, ``az.compare``, ``az.loo_pit`` and ``az.psense_summary`` read, for draws of
    any sampler. Numbers, dims and coords are those of ``pm.compute_log_likelihood`` and ``pm.compute_log_prior``;
    draws are evaluated in batches, and a result that memory does not hold goes to disk.

    Parameters
    ----------
    model : pm.Model, Objective or Fit, optional
        The model; left out, that of the surrounding ``with`` block. Random effects are parameters here, also of a fit
        that integrated them out: the likelihood is conditional on their draws, as PyMC's is. An Objective tells what
        potentials count as.
    dt : DataTree or Dataset
        Holds the draws: what ``pm.sample`` returned or a file of it, thinned or not. Variables are found by name;
        Deterministics, unconstrained values and other groups (warm-up) are left alone.
    store : path, optional
        A zarr store to be made on disk, for results of more than a GiB: blocks of draws are written as they come, and
        what is returned reads them when looked at. Work that was stopped, by Ctrl-C or by a crash, goes on from there:
        call again with the same store. Needs the package zarr.
    chunks : int, optional
        Largest number of draws evaluated in one go; by default so many that memory stays bounded.
    group : str
        The group of `dt` that holds the draws.
    sample_dims : str or sequence of str
        The dims over which draws are counted: ``"sample"`` for draws that were stacked.
    client : distributed.Client or "current", optional
        The workers of a Dask cluster evaluate the draws, with the same numbers.
    progressbar : bool
        Whether to show a progress bar once the work has taken half a second.

    Returns
    -------
    DataTree
        Group `log_likelihood`: one variable an observed term, dims the sample dims and then the term's own, less those
        summed inside it (the elements of a vector of ``pm.MvNormal``). Group `log_prior`: the same for each free
        variable, natural scale, no Jacobian. `to_datatree` places both beside the posterior. After Ctrl-C the draws
        not reached are NaN and ``attrs["completion"]`` is ``"interrupted"``.

    Raises
    ------
    ValueError
        If the draws lack a parameter of the model, or have it with another shape; if the result would take more than
        a GiB and no store was named; if the store holds something else.
    ImportError
        If there is a store and no zarr.

    Notes
    -----
    LOO reads every draw of an observation. Where all of them are too many for memory, pass it some observations at
    a time (``tree.isel(...)`` reads no others) and add up: elpd is a sum over observations.

    Examples
    --------
    >>> import arviz as az, numpy as np, pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     p = pm.Beta("p", 1, 1)
    ...     y = pm.Binomial("y", n=10, p=p, observed=[7, 4])
    >>> dt = az.from_dict({"posterior": {"p": np.array([[0.5, 0.6, 0.7]])}})
    >>> tree = pml.pointwise_log_likelihood(model, dt)
    >>> tree["log_likelihood"]["y"].sum("y_dim_0").values.round(3)
    array([[-3.728, -3.731, -4.625]])
    >>> list(pml.to_datatree(tree, dt=dt).children)
    ['posterior', 'log_likelihood', 'log_prior']
    """
    if dt is None:
        raise TypeError("Expected posterior draws, got none: pointwise_log_likelihood(model, dt).")
    chunks = None if chunks is None else checked_count("chunks", chunks, advice="leave it out for a size that fits")
    checked_flag("progressbar", progressbar)
    cluster = checked_client(client)
    if store is not None:
        checked_path("store", store)
    objective = _conditional_on_effects(model)
    draws = DrawVectors(objective, dt, group, sample_dims)
    engine = objective.engine("unsummed")
    groups = _templates(objective, engine, draws)
    evaluate = (
        partial(_here, engine, draws, chunks) if cluster is None else _elsewhere(cluster, objective, draws, chunks)
    )
    if store is None:
        return _evaluated(_in_memory(groups, draws), objective, engine, draws, evaluate, progressbar)
    require_zarr()
    made_of = {**result_origin(objective), "other draws": draws.digest()}
    with StoreDirectory(store) as place:
        record = StoreRecord("pointwise", made_of)
        try:
            arrays = ZarrStore.open_or_create(place, record, groups, len(draws.dims), EXPECTED, longest=chunks)
            return _evaluated(arrays, objective, engine, draws, evaluate, progressbar)
        except ClusterLost:  # of the network, and says what to do
            raise
        except OSError as error:  # a full disk, for one; the numbers may not fit into memory
            raise OSError(
                f"Expected a store that can be written at {place.path}, got {type(error).__name__} "
                f"({error.strerror or error}): mend that, by making room for one, and ask again, for what was finished "
                "is kept; or leave store= out."
            ) from error


def _evaluated(
    arrays: Memory | ZarrStore, objective: Objective, engine: Engine, draws: DrawVectors, evaluate: Evaluate,
    progressbar: bool,
) -> xr.DataTree:  # fmt: skip
    """Evaluate the draws that are not finished yet."""
    arrays.refuse_another(partial(_again, engine, draws), EXPECTED)
    done, bad = arrays.done, _Bad(**arrays.tally)
    stopped: Stop | None = None
    try:
        with DelayedProgressBar("Evaluating log densities", draws.total, progressbar) as progress:
            progress.advance(done)
            for start, stop, into in arrays.blocks():
                total = np.empty(stop - start)
                result = evaluate(start, stop, {**into, TOTAL: total}, progress.advance)
                done, stopped = done + result.n_evaluated, result.stopped
                bad.add(total, start)
                arrays.keep(start, stop, None if stopped else asdict(bad))
                if stopped:
                    break
    except KeyboardInterrupt as interrupt:  # while something was written
        stopped, done = interrupt, arrays.done
    if stopped and not done:
        raise stopped  # nothing was finished, so nothing is lost
    completion = "interrupted" if stopped else "complete"
    tree = arrays.close(provenance_attributes(objective.origin, completion=completion, n_evaluated=done))
    _warn(bad, draws, stopped, done)
    return tree


def _here(
    engine: Engine, draws: DrawVectors, chunks: int | None,
    start: int, stop: int, into: Mapping[str, Array], progress: Callable[[int], None],
) -> Evaluation:  # fmt: skip
    """Evaluate draws start to stop into arrays; for one joint density of all data these have no dim of length 1."""
    shapes = {n: () if length is None else (length,) for n, length in zip(engine.names, engine.lengths, strict=True)}
    rows = {name: array.reshape(len(array), *shapes[name]) for name, array in into.items()}
    return engine(partial(draws.block, start), stop - start, chunk=chunks, progress=progress, into=rows)


@dataclass(frozen=True)
class _Draws:
    """Evaluates draws, by their places, in another process."""

    objective: Objective
    draws: DrawVectors
    chunks: int | None

    def __call__(self, start: int, stop: int) -> dict[str, Array]:
        engine = self.objective.engine("unsummed")
        return engine(partial(self.draws.block, start), stop - start, chunk=self.chunks).values


def _elsewhere(client: Client, objective: Objective, draws: DrawVectors, chunks: int | None) -> Evaluate:
    """Return what has workers evaluate draws start to stop into arrays."""
    of_a_draw = sum(length or 1 for length in objective.engine("unsummed").lengths)
    work = _Draws(objective, draws, chunks)
    tasks = RangeTasks(client, work, f"the draws of {objective.model.name or 'a model'}", most=units_at_once(of_a_draw))

    def evaluate(start: int, stop: int, into: Mapping[str, Array], progress: Callable[[int], None]) -> Evaluation:
        done = Evaluation({})
        try:
            for a, b, values in tasks.over(start, stop):
                for name, array in into.items():
                    array[a - start : b - start] = values[name].reshape(array[a - start : b - start].shape)
                done.n_evaluated += b - a
                progress(b - a)
        except STOPS as stopped:
            done.stopped = stopped
            for array in into.values():
                array[done.n_evaluated :] = np.nan
        return done

    return evaluate


@dataclass
class _Bad:
    """Draws at which the likelihood is zero or NaN: how many, and the first."""

    n: int = 0
    first: int = -1

    def add(self, total: Array, start: int) -> None:
        """Count among draws from `start` on."""
        nonfinite = np.flatnonzero(~np.isfinite(total))
        if nonfinite.size and not self.n:
            self.first = start + int(nonfinite[0])
        self.n += int(nonfinite.size)


def _again(engine: Engine, draws: DrawVectors, i: int) -> dict[str, Array]:
    """Evaluate one draw; nothing where the model raises."""
    try:
        result = engine(partial(draws.block, i), 1)
    except Exception:
        return {}
    if result.interrupted:
        raise KeyboardInterrupt
    return {name: value for name, value in result.values.items() if name != TOTAL}


def _conditional_on_effects(model: ModelLike | Objective | Fitted | None) -> Objective:
    """Return an objective that knows single observations: given random effects, which draws have."""
    objective = objective_of(model, latent=())
    if is_fitted(model) and objective.is_integral:
        conditional = Objective(objective.model, latent=objective.summed, potentials=objective.potentials)
        conditional.bambi_terms = objective.bambi_terms
        return conditional
    return objective


# --- what is to come -------------------------------------------------------------------------------------------------


def _templates(objective: Objective, engine: Engine, draws: DrawVectors) -> dict[str, xr.Dataset]:
    """Return the groups with everything but their numbers."""
    lengths = dict(zip(engine.names, engine.lengths, strict=True))
    terms = {name: _template(objective, name, lengths[name], draws) for name in objective.terms}
    prior_names = [name for name in engine.names if name not in terms and name != TOTAL]
    priors = {name: _template(objective, name, lengths[name], draws) for name in prior_names}
    return {
        name: xr.Dataset(coords=draws.coords).assign(arrays)  # sample dims first
        for name, arrays in zip(GROUPS, (terms, priors), strict=True)
    }


def _template(objective: Objective, name: str, length: int | None, draws: DrawVectors) -> xr.DataArray:
    dims, coords, shape = objective.evaluators.integrals.density_dims(name, length)
    labels = {dim: coords.get(dim, np.arange(n)) for dim, n in zip(dims, shape, strict=True)}
    whole = np.broadcast_to(np.nan, (*draws.shape, *shape))  # takes no memory
    return labelled_array(whole, labels, (*draws.dims, *dims))


def _in_memory(groups: Mapping[str, xr.Dataset], draws: DrawVectors) -> Memory:
    size = sum(group.nbytes for group in groups.values())
    if size > IN_MEMORY:
        raise ValueError(
            f"Expected a result of at most {IN_MEMORY / 2**30:g} GiB in memory, got {size / 2**30:.3g} GiB: "
            "give store='a_new_folder.zarr', or thin the draws."
        )
    return Memory(groups, len(draws.dims))


def _warn(bad: _Bad, draws: DrawVectors, stopped: Stop | None, done: int) -> None:
    if stopped:
        warn_of_part(stopped, f"{done} of {draws.total} draws were evaluated, the others are NaN")
    elif bad.n:
        warnings.warn(
            f"The likelihood is zero or NaN at {bad.n} of {draws.total} draws, first at {draws.where(bad.first)}: "
            "are they draws of this model, on these data?",
            stacklevel=3,
        )


def enough_draws(dt: Posterior) -> xr.Dataset:
    """Return the group ``posterior`` of draws, of which ``az.loo`` and ``az.psense_summary`` reweight the tails.

    Raises
    ------
    ValueError
        If there are fewer draws than that takes, with which ArviZ ends in an IndexError.
    """
    posterior = open_group(dt, "posterior")
    chains, draws = (posterior.sizes[dim] for dim in SAMPLE_DIMS)
    if draws < FEWEST_IN_CHAIN or chains * draws < FEWEST_DRAWS:
        raise ValueError(
            f"Expected {FEWEST_DRAWS} draws or more, {FEWEST_IN_CHAIN} or more in each chain, as ArviZ's Pareto "
            f"smoothing needs them, got {chains} × {draws} in dt: draw more, or leave dt out."
        )
    return posterior
