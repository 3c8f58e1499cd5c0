"""Datasets of labels that are known: each has numbers, attributes and coordinates of its own."""

import numpy as np
import pymc as pm
import pytest
import xarray as xr

import pymc_landscape as pml
from pymc_landscape.landscape.surface_dataset import _parameter_coords
from pymc_landscape.results import labelled_dataset


def dataset(value, labels=("one", "two"), **attrs):
    return labelled_dataset(
        {"a": (("x",), np.full(2, value)), "s": (("x",), np.array(["finite", "open"]))},
        {"x": labels},
        {"level": ((), np.array(value / 10))},
        attrs,
    )


def test_is_what_xarray_makes():
    data = {"a": ("x", np.full(2, 1.0)), "s": ("x", ["finite", "open"])}
    plain = xr.Dataset(data, {"x": ["one", "two"], "level": 0.1}, {"n": 1})
    xr.testing.assert_identical(dataset(1.0, n=1), plain)
    assert list(dataset(1.0).indexes) == ["x"]


def test_each_has_numbers_of_its_own():
    first, second = dataset(1.0, n=1), dataset(2.0, n=2)
    first["a"].values[:] = 5.0
    first["level"].values[...] = 0.9
    first.attrs["n"] = 9
    first["a"].attrs["units"] = "m"
    third = dataset(3.0)
    assert [float(each["a"].sum()) for each in (second, third)] == [4.0, 6.0]
    assert [float(each["level"]) for each in (second, third)] == [0.2, 0.3]
    assert [each.attrs for each in (second, third, third["a"])] == [{"n": 2}, {}, {}]


def test_labels_keep_their_type():
    assert dataset(1.0, labels=(1, 2))["x"].dtype == np.int64
    assert dataset(1.0, labels=(1.0, 2.0))["x"].dtype == np.float64


def test_xarray_is_not_made_to_import_dask(monkeypatch):
    """It does so to find out whether an array is one of Dask's."""
    if not hasattr(xr.core.variable, "array_type"):
        pytest.skip("this version of xarray asks by another function")
    asked = []
    monkeypatch.setattr("xarray.core.variable.array_type", lambda module: asked.append(module) or ())
    of_collections = "xarray.namedarray.utils.is_dask_collection"
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 5)
        pm.Normal("y", mu, 1, observed=[0.3, 0.9, 2.1])
    fit = pml.fit_mle(model, progressbar=False)
    pml.confidence_intervals(fit, level=0.77, progressbar=False)
    pml.profile_likelihood(fit, progressbar=False)
    monkeypatch.setattr(of_collections, lambda x: asked.append(type(x)) or False)
    _parameter_coords.cache_clear()
    pml.evaluate_landscape(model, pml.regular_grid({"mu": (0, 2, 3)}), progressbar=False)
    assert asked == []
    xr.Variable("x", [1.0, 2.0])
    assert asked == ["dask"]
