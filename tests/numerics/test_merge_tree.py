"""The merge tree of a grid, against regions below each height, counted."""

import numpy as np
import pytest
from scipy import ndimage

from pymc_landscape.numerics import merge_tree


@pytest.mark.parametrize("shape", [(60,), (14, 17), (6, 5, 7)])
def test_basins_are_the_regions_below_each_height(shape):
    heights = ndimage.gaussian_filter(np.random.default_rng(len(shape)).normal(size=shape), 1.0)
    heights[(slice(3, 4),) * len(shape)] = np.nan
    flat = heights.ravel()
    last, passes = merge_tree(heights)
    minima = np.array([*last, *(p.minima[1] for p in passes)])
    ended = np.array([*[np.inf] * len(last), *(flat[p.at] for p in passes)])
    for level in flat[np.isfinite(flat)]:
        _, regions = ndimage.label(np.nan_to_num(heights, nan=np.inf) <= level, np.ones((3,) * len(shape)))
        assert np.sum((flat[minima] <= level) & (ended > level)) == regions


def test_a_pass_knows_what_it_joins():
    heights = np.array([[0.0, 1.0, 4.0, 0.5, 2.0, 0.2]])
    last, passes = merge_tree(heights)
    assert last == [0]
    assert [(p.at, p.minima, p.sizes) for p in passes] == [(4, (5, 3), (1, 1)), (2, (0, 5), (2, 3))]


def test_walls_keep_basins_apart():
    last, passes = merge_tree(np.array([1.0, np.nan, 0.0, np.inf]))
    assert (last, passes) == ([2, 0], [])
