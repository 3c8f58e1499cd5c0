"""Datasets of labels that are known: each has numbers, attributes and coordinates of its own."""

import numpy as np
import pandas as pd
import pymc as pm
import pytest
import xarray as xr

import pymc_landscape as pml
from pymc_landscape.results import array_dataset, array_variable, assembled_dataset, labelled_axis, labelled_dataset
from pymc_landscape.results.labelled_dataset import _indexed, _is_assembled_as_known


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


def two_by_two():
    """An array of two dims, labels along one of them, and a coordinate beside them."""
    axis, index = labelled_axis("x", ("one", "two"))
    data = {"a": array_variable(("x", "y"), np.eye(2))}
    return data, {"x": axis, "z": array_variable("y", [3, 4])}, {"x": index}, {"n": 1}


def test_what_fits_together_is_put_together():
    data, coords, indexes, attrs = two_by_two()
    found = assembled_dataset(data, coords, indexes, attrs)
    assert _is_assembled_as_known()
    xr.testing.assert_identical(found, xr.Dataset(data, xr.Coordinates(coords, indexes), attrs))
    assert found.sel(x="two")["a"].values.tolist() == [0.0, 1.0]
    assert list(found.isel(x=[1]).indexes) == ["x"]


@pytest.mark.parametrize("error", [AttributeError, TypeError])
def test_another_xarray_puts_it_together_in_its_own_way(monkeypatch, error):
    """The quick way is private: a version without it, or with another of that name, is met by the public one."""

    def changed(*args, **kwargs):
        raise error

    want = assembled_dataset(*two_by_two())
    monkeypatch.setattr(xr.Dataset, "_construct_direct", changed)
    data, coords, indexes, attrs = two_by_two()
    _is_assembled_as_known.cache_clear()
    try:
        assert not _is_assembled_as_known()
    finally:
        monkeypatch.undo()
    xr.testing.assert_identical(assembled_dataset(data, coords, indexes, attrs), want)
    _is_assembled_as_known.cache_clear()


def test_what_does_not_fit_is_refused():
    data, coords, indexes, _ = two_by_two()
    with pytest.raises(ValueError, match="conflicting sizes"):
        assembled_dataset(data, coords | {"z": array_variable("y", [3, 4, 5])}, indexes)


def test_a_name_stands_for_one_thing():
    data, coords, indexes, _ = two_by_two()
    with pytest.raises(ValueError, match="of different names"):
        assembled_dataset(data, coords | {"a": array_variable("y", [3, 4])}, indexes)


def test_arrays_make_what_xarray_makes_of_them():
    data = {
        "a": ("x", [1.0, 2.0]),
        "b": (("x", "y"), np.arange(6).reshape(2, 3), {"units": "m"}),
        "c": 0.5,
        "d": xr.DataArray([3, 4], dims="x"),
        "s": ("x", ["one", "three"]),
        "t": ("x", pd.Index(["p", "q"])),
    }
    coords = {
        "x": ["left", "right"],
        "y": np.array([0.5, 1.5, 2.5]),
        "z": ("x", [True, False]),
        "level": 0.95,
        "when": ("when", np.array(["2020-01-01"], dtype="datetime64[ns]")),
        "whole": pd.Index([1, 2]),
    }
    xr.testing.assert_identical(array_dataset(data, coords, {"n": 1}), xr.Dataset(data, coords, {"n": 1}))
    found = array_dataset(data, coords)
    assert found["x"].dtype == np.dtype("<U5")
    assert sorted(found.indexes) == ["when", "whole", "x", "y"]


def test_xarray_is_not_made_to_import_dask(monkeypatch):
    """It does so to find out whether an array is one of Dask's."""
    if not hasattr(xr.core.variable, "array_type"):
        pytest.skip("this version of xarray asks by another function")
    asked = []
    of_collections = "xarray.namedarray.utils.is_dask_collection"
    monkeypatch.setattr("xarray.core.variable.array_type", lambda module: asked.append(module) or ())
    monkeypatch.setattr(of_collections, lambda x: asked.append(type(x)) or False)
    for made_once in (_indexed, _is_assembled_as_known):
        made_once.cache_clear()
    with pm.Model() as model:
        mu, sigma = pm.Normal("mu", 0, 5), pm.HalfNormal("sigma", 2)
        pm.Normal("y", mu, sigma, observed=[0.3, 0.9, 2.1])
    fit = pml.fit_mle(model, progressbar=False)
    assert "mu" in fit.summary().to_string()
    pml.confidence_intervals(fit, progressbar=False)
    pml.profile_likelihood(fit, progressbar=False)
    pml.confidence_contour(fit, ["mu", "sigma"], progressbar=False)
    pml.hessian_spectrum(fit)
    pml.descend(model, progressbar=False)
    pml.influence(fit, progressbar=False)
    pml.critical_points(fit, progressbar=False)
    draws = {
        name: (("chain", "draw"), np.linspace(low, high, 20)[None])
        for name, low, high in (("mu", 0, 2), ("sigma", 1, 2))
    }
    posterior = xr.DataTree.from_dict({"posterior": array_dataset(draws, {"chain": [0], "draw": np.arange(20)})})
    for grid in (
        pml.regular_grid({"mu": (0, 2, 3), "sigma": (1, 2, 3)}),
        pml.fit_grid(fit, ["mu"], num=3),
        pml.posterior_grid(posterior, ["mu"], num=3),
        pml.plane_grid(fit, num=3),
    ):
        pml.evaluate_landscape(model, grid, at=fit, progressbar=False)
    fine = {"mu": (0, 2, 33), "sigma": (1, 2, 33)}
    for options in ({"nuisance": "profile"}, {"pointwise": True}, {"refine": True}):
        pml.evaluate_landscape(model, fine if "refine" in options else {"mu": (0, 2, 3)}, **options, progressbar=False)
    pml.confidence_intervals(fit, level=[0.5, 0.9], method=["profile", "wald"], progressbar=False)
    pml.parametric_bootstrap(fit, draws=3, random_seed=1, progressbar=False)
    pml.pointwise_log_likelihood(model, posterior, progressbar=False)
    pml.compare_with_posterior(fit, posterior, progressbar=False)
    assert set(fit.covariance.dims) == {"parameter", "parameter_bis"}
    assert asked == []
    xr.Variable("x", [1.0, 2.0])
    assert asked == ["dask"]
