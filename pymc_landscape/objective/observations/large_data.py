"""Data larger than memory: the objective of a model whose rows are read in blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pymc_landscape._typing import ModelLike
from pymc_landscape.objective import Fitted, Objective, objective_of

Chunks = Iterable[Mapping[str, Any]]


def sum_over_blocks(
    model: ModelLike | Objective | Fitted | None, data: Mapping[str, Any] | Chunks | Callable[[], Chunks]
) -> Objective:
    """Return the objective of a model on rows of data that memory need not hold.

    The model is written for one block: its own data are some rows, a hundred thousand for example. log L, its gradient
    and its Hessian are then sums over blocks of as many rows, which threads read and evaluate side by side; memory
    holds a few blocks at a time. What is made of −2LL and its derivatives works as ever: ``fit_mle``, ``fit_map``,
    intervals, profiles, contours, landscapes, likelihood ratio tests. What needs all rows at once is refused in a
    sentence: simulation, pointwise log-likelihoods, influence, scores of single rows.

    Parameters
    ----------
    model : pm.Model or Objective, optional
        Written for one block of B rows. Left out, that of the surrounding ``with`` block.
    data : mapping of str to array, iterable of such mappings, or callable that returns such an iterable
        All N rows, by name of an observed variable or of ``pm.Data``, rows along the first axis: arrays of zarr, Dask
        or HDF5, memory maps, arrays in memory; or chunks, mappings of names to arrays with any number of rows each, of
        which an iterator can be made again and again. All data with one entry a row are named; others stay.

    Returns
    -------
    Objective
        Its parameters are those of the model; it is given to verbs in the model's place.

    Raises
    ------
    TypeError
        If `data` is none of these.
    ValueError
        If a name is not data of the model, lengths differ, a term is no sum over rows that stand on their own (looked
        at on two blocks), a Deterministic depends on the rows, or random effects or discrete variables are integrated
        or summed out.
    RuntimeError
        Wherever it is used: if rows cannot be read, are of another shape, or have missing values.

    Notes
    -----
    One evaluation of −2LL, with or without derivatives, is one pass through the data for up to 256 points. Sums are
    made in pairs of blocks in a fixed order, so that numbers do not depend on threads; they differ from those of all
    rows in memory by rounding. The rows have to stay as they are while the objective is used.

    Examples
    --------
    >>> import numpy as np, pymc as pm, pymc_landscape as pml
    >>> rows = np.random.default_rng(1).normal(3.0, 2.0, size=10_050)  # for example a zarr array
    >>> with pm.Model() as model:
    ...     mu, sigma = pm.Normal("mu", 0, 10), pm.HalfNormal("sigma", 10)
    ...     y = pm.Normal("y", mu, sigma, observed=pm.Data("rows", rows[:1_000]))
    >>> fit = pml.fit_mle(pml.sum_over_blocks(model, {"rows": rows}))
    >>> bool(np.allclose(fit.point["mu"], rows.mean())), fit.n_observations
    (True, 10050)
    """
    return objective_of(model).with_rows(data)
