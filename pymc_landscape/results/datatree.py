"""Results as groups of one tree, beside the posterior; which verb's result is in which group."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from pymc_landscape.arguments import wrong_type
from pymc_landscape.results.labelled_dataset import array_dataset
from pymc_landscape.results.stored_labels import stored_name

# The group of every result, and the verb or method that makes it: a name belongs to one of them alone.
GROUPS = {
    "landscape": "evaluate_landscape",
    "critical_points": "critical_points",
    "spectrum": "hessian_spectrum",
    "fit": "Fit.to_dataset",
    "draws": "Fit.draws",
    "latent": "Fit.latent",
    "starts": "Fit.starts",
    "descent": "descend",
    "descent_race": "descent_race",
    "profile": "profile_likelihood",
    "intervals": "confidence_intervals",
    "read_intervals": "read_intervals",
    "contour": "confidence_contour",
    "likelihood_ratio": "likelihood_ratio_test",
    "score_test": "score_test",
    "wald_test": "wald_test",
    "tests": "tests",
    "model_comparison": "compare_models",
    "bootstrap": "parametric_bootstrap",
    "coverage": "coverage_study",
    "influence": "influence",
    "laplace_check": "laplace_check",
    "importance_sampling": "importance_sampling",
    "loss_table": "loss_table",
    "log_likelihood": "pointwise_log_likelihood",
    "log_prior": "pointwise_log_likelihood",
    "comparison": "compare_with_posterior",
    "posterior_deviance": "posterior_deviance",
    "curves": "four_curves",
    "prior_path": "prior_path",
}
# Verbs that return a table, and the dim along which its rows lie in a tree.
TABLE_DIMS = {"model_comparison": "model", "loss_table": "term", "descent_race": "optimizer", "tests": "test"}


class HasDataset(Protocol):
    """A result that is no Dataset, such as a `Fit` or a `LikelihoodRatioTest`."""

    def to_dataset(self) -> xr.Dataset:
        """Return the numbers as one Dataset."""


type Result = xr.Dataset | xr.DataTree | pd.DataFrame | HasDataset


def to_datatree(*results: Result, dt: xr.DataTree | None = None) -> xr.DataTree:
    """Gather results into a DataTree, next to the groups of the user's own.

    Parameters
    ----------
    *results : xr.Dataset, xr.DataTree, pd.DataFrame, or an object with `to_dataset()`
        Results of this package, tables too; each, or each group of a tree, knows the name of its group. A second of
        the same kind gets the suffix ``_2``.
    dt : xr.DataTree, optional
        A tree whose groups come first, for example what ``pm.sample`` returned. It is not modified.

    Returns
    -------
    xr.DataTree
        With the groups of `dt`, and one group a result: ``landscape``, ``landscape_2``, ... A table becomes a Dataset
        of its columns along the dim ``model`` (`compare_models`), ``term`` (`loss_table`), ``optimizer``
        (`descent_race`) or ``test`` (`tests`); integers with missing values become floats, missing words empty ones. A
        slash in a name, which stands for a path in a tree, becomes ``%2F``; its attribute ``long_name`` has the slash.

    Raises
    ------
    TypeError
        If something is no result of this package.

    Examples
    --------
    >>> import xarray as xr
    >>> surface = xr.Dataset({"minus2ll": ("mu", [1.0, 0.0])}, attrs={"group": "landscape"})
    >>> list(to_datatree(surface, surface).children)
    ['landscape', 'landscape_2']
    """
    if dt is not None and not isinstance(dt, xr.DataTree):
        raise wrong_type("dt to be a DataTree", dt, "pass what pm.sample returned")
    tree = xr.DataTree() if dt is None else dt.copy()
    for result in results:
        for dataset in _datasets(result):
            name = _free_name(str(dataset.attrs.get("group", "")), tree, result)
            tree[name] = xr.DataTree(_without_slashes(dataset))
    return tree


def _without_slashes(dataset: xr.Dataset) -> xr.Dataset:
    """Return a Dataset whose names no tree takes for paths: ``b[km%2Fh]``, which says in its attributes what it was."""
    names = {str(name): stored_name(str(name)) for name in (*dataset.variables, *dataset.dims) if "/" in str(name)}
    renamed = dataset.rename(names) if names else dataset
    for name, quoted in names.items():
        if quoted in renamed.variables:
            renamed[quoted].attrs = {"long_name": name, **renamed[quoted].attrs}
    return renamed


def _datasets(result: Result) -> list[xr.Dataset]:
    if isinstance(result, xr.DataTree):
        return [child.to_dataset() for child in result.children.values()]
    if isinstance(result, xr.Dataset):
        return [result]
    if isinstance(result, pd.DataFrame):
        return [_of_table(result)]
    if not callable(getattr(result, "to_dataset", None)) or isinstance(result, type):
        raise wrong_type("results of pymc_landscape", result, "pass what its verbs return")
    return [result.to_dataset()]


def _of_table(table: pd.DataFrame) -> xr.Dataset:
    """Return the columns of a table as variables along the dim of its rows."""
    dim = TABLE_DIMS.get(str(table.attrs.get("group", "")))
    if dim is None:
        raise TypeError(
            "Expected a table of pymc_landscape, got a DataFrame that has not its attrs['group']: pass what "
            "compare_models, loss_table, descent_race or tests returned."
        )
    columns = {str(name): (dim, _column(column)) for name, column in table.items()}
    return array_dataset(columns, {dim: table.index.to_numpy().astype(str)}, table.attrs)


def _column(column: pd.Series) -> NDArray[Any]:
    """Return a column as an array that netCDF and zarr keep."""
    if not pd.api.types.is_numeric_dtype(column.dtype):
        column = column.fillna("").astype(object)
        return np.array(column, dtype=str)
    return np.asarray(column.to_numpy(float, na_value=np.nan) if column.hasnans else column)


def _free_name(group: str, tree: xr.DataTree, result: Result) -> str:
    if not group:
        raise TypeError(
            f"Expected a result of pymc_landscape, got a {type(result).__name__} without attrs['group']: "
            "a grid, or one whose attributes were dropped on the way?"
        )
    taken, number = group, 2
    while taken in tree.children:
        taken, number = f"{group}_{number}", number + 1
    return taken
