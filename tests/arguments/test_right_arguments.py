"""What is right in another form stays right: NumPy's numbers, arrays, tuples, indexes, generators, paths."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from argument_stock import QUIET, stock

import pymc_landscape as pml
from pymc_landscape import arguments


@pytest.mark.parametrize("value", [5, np.int64(5), np.uint8(5), np.array(5), 5.0, np.float32(5), xr.DataArray(5)])
def test_a_count_is_any_whole_number(value):
    counted = arguments.checked_count("draws", value)
    assert counted == 5
    assert type(counted) is int


@pytest.mark.parametrize("value", [True, np.True_, 1])
def test_a_switch_is_a_truth_value_of_python_or_numpy(value):
    assert arguments.checked_flag("exact", value) is True


@pytest.mark.parametrize("value", [0.9, np.float32(0.5), np.array(0.9), xr.DataArray(0.9)])
def test_one_level_is_any_number(value):
    assert arguments.checked_levels("level", value).ndim == 0
    assert 0 < arguments.checked_level("level", value) < 1


@pytest.mark.parametrize("several", [(0.5, 0.9), [0.5, 0.9], np.array([0.5, 0.9]), pd.Index([0.5, 0.9])])
def test_several_levels_are_any_sequence(several):
    np.testing.assert_array_equal(arguments.checked_levels("level", several), [0.5, 0.9])
    np.testing.assert_array_equal(arguments.checked_levels("level", xr.DataArray(list(several))), [0.5, 0.9])


SEEDS = [None, 0, np.int64(3), [1, 2], (1, 2), np.array([1, 2]), range(3), np.random.default_rng(1)]


@pytest.mark.parametrize(
    "seed", [*SEEDS, np.random.PCG64(1), np.random.SeedSequence(1)], ids=lambda seed: type(seed).__name__
)
def test_a_seed_is_whatever_numpy_makes_a_generator_of(seed):
    assert arguments.checked_seed(seed) is seed
    np.random.default_rng(seed)


NAMES = [["b", "s"], ("b", "s"), np.array(["b", "s"]), pd.Index(["b", "s"]), {"b": 1, "s": 2}.keys(), iter(["b", "s"])]


@pytest.mark.parametrize("names", NAMES, ids=lambda names: type(names).__name__)
def test_names_are_any_iterable_of_words(names):
    found = pml.confidence_intervals(stock("fit"), names, method="wald", **QUIET)
    assert found["parameter"].values.tolist() == ["b[a]", "b[b]", "s"]


@pytest.mark.parametrize("path", ["a.zarr", Path("a.zarr")])
def test_a_path_is_a_word_or_a_path(path):
    assert arguments.checked_path("store", path) is path


def test_points_of_draws_may_bring_more_than_parameters():
    objective, mean = stock("objective"), stock("dt")["posterior"].mean(("chain", "draw")).to_dataset()
    expected = objective.pack(mean)
    np.testing.assert_array_equal(objective.pack(mean.assign(y=("obs", np.zeros(8)))), expected)
    np.testing.assert_array_equal(objective.pack({name: mean[name].values for name in mean}), expected)


def test_a_batch_keeps_its_nan_and_an_edge_is_packed():
    objective = stock("objective")
    packed = objective.pack({"b": np.zeros((3, 2)), "s": np.array([1.0, np.nan, 0.0])})
    assert np.isnan(packed[1, 2])
    assert packed[2, 2] == -np.inf


def test_the_edge_of_a_support_is_a_point_at_which_one_may_look():
    table = pml.loss_table(stock("model"), at={"b": [1, 0], "s": np.array(0)})
    assert len(table) == 1
