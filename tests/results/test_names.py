"""Names and labels: of its own for each element, free of those that results use, and kept by files."""

import datetime

import numpy as np
import pandas as pd
import pymc as pm
import pytest
import xarray as xr
from verbs import again, fit

import pymc_landscape as pml
from pymc_landscape.results.reserved_names import OF_DRAWS

LABELS = {
    "dates": [datetime.date(2020, 1, 1), datetime.date(2020, 1, 2)],
    "periods": pd.period_range("2020-01", periods=2, freq="M"),
    "tuples": [("a", 1), ("b", 2)],
    "times": pd.date_range("2020-01-01", periods=2),
    "times of a zone": pd.date_range("2020-01-01", periods=2, tz="Europe/Berlin"),
    "letters": ["β/γ", "[é], ="],
}


def means(labels, name="b", dim="k") -> pm.Model:
    with pm.Model(coords={dim: labels}) as model:
        pm.Normal("y", pm.Normal(name, 0, 10, dims=dim), 1.0, observed=np.arange(1.0, len(labels) + 1))
    return model


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_every_kind_survive_intervals_and_files(kind, tmp_path):
    model = means(LABELS[kind])
    here = fit(model)
    intervals = pml.confidence_intervals(here, progressbar=False)
    assert len(set(intervals["parameter"].values.tolist())) == 2
    np.testing.assert_allclose(intervals["estimate"].values.ravel(), [1, 2], atol=1e-6)
    refits = again(here, 3)
    refits.to_netcdf(tmp_path / "refits.nc")
    refits.to_zarr(tmp_path / "refits.zarr", consolidated=False)
    xr.testing.assert_equal(xr.load_dataset(tmp_path / "refits.nc"), refits)
    pml.to_datatree(here, refits, intervals).to_netcdf(tmp_path / "tree.nc")
    axis = here.objective.labels[0]
    grid = {axis: (0, 2, 5)}
    for _ in range(2):  # made, and read again
        kept = pml.evaluate_landscape(here, grid, store=tmp_path / "surface.zarr", progressbar=False)
        xr.testing.assert_equal(kept.load(), pml.evaluate_landscape(here, grid, progressbar=False))
    assert pml.to_datatree(kept)["landscape"].sizes == {axis.replace("/", "%2F"): 5, "parameter": 2}


def test_times_of_a_zone_keep_it():
    first, _ = pml.Objective(means(LABELS["times of a zone"])).labels
    assert first == "b[2020-01-01 00:00:00+01:00]"


@pytest.mark.parametrize("labels", [["a", "a", "b"], [1, "1"], [np.nan, np.nan]])
def test_two_elements_of_one_label_are_refused(labels):
    with pytest.raises(ValueError, match=r"a label of its own for each element .* got 'b\[(a|1|nan)\]'"):
        pml.Objective(means(labels))
    with pm.Model(coords={"k": ["a", "c"]}) as model:
        pm.Normal("y", pm.Normal("b", dims="k").sum() + pm.Normal("b[a]"), 1.0, observed=1.0)
    with pytest.raises(ValueError, match=r"got 'b\[a\]' for more than one"):
        pml.Objective(model)


def test_doubled_labels_of_observations_are_no_matter_until_they_are_asked_for():
    with pm.Model(coords={"row": ["a", "a", "b"]}) as model:
        mu = pm.Normal("mu", 0, 10)
        shifted = pm.Deterministic("shifted", mu + np.arange(3.0), dims="row")
        pm.Normal("y", shifted, 1.0, observed=[1.0, 2.0, 3.0], dims="row")
    here = fit(model)
    np.testing.assert_allclose(here.point["mu"], 1.0)
    with pytest.raises(ValueError, match=r"got 'shifted\[a\]' for more than one"):
        pml.confidence_intervals(here, "shifted", progressbar=False)


@pytest.mark.parametrize("name", sorted(OF_DRAWS))
def test_names_that_results_use_are_refused_once(name):
    with pytest.raises(ValueError, match=f"whose name is free, got '{name}'"):
        pml.Objective(means(["a", "b"], name=name))
    if name not in ("chain", "draw"):  # which PyMC refuses itself
        with pytest.raises(ValueError, match=f"whose name is free, got '{name}'"):
            pml.Objective(means(["a", "b"], dim=name))
