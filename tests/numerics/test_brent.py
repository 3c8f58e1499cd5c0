"""Roots by Brent's method, number by number beside SciPy's."""

import math

import numpy as np
import pytest
from scipy import optimize

from pymc_landscape.numerics.brent import root_between

FUNCTIONS = {
    "straight": (lambda x: x - 0.3, 0.0, 1.0),
    "flat": (lambda x: (x - 0.7) ** 9, 0.0, 1.5),
    "steep": (lambda x: math.exp(40 * x) - 2.0, -1.0, 1.0),
    "step": (lambda x: -1.0 if x < 0.123 else 1.0, 0.0, 1.0),
    "at an end": (lambda x: x, 0.0, 1.0),
    "secular": (lambda s: 1.0 - 1.0 / np.hypot(3.0 / (1e-8 + s), 0.1 / (5.0 + s)), 0.0, 4.0),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_roots_are_scipys_to_the_last_digit(name):
    function, low, high = FUNCTIONS[name]
    tried, theirs = [], []
    ours = root_between(lambda x: tried.append(x) or function(x), low, high, rtol=1e-6)
    assert ours == optimize.brentq(lambda x: theirs.append(x) or function(x), low, high, rtol=1e-6)
    assert tried == theirs


def test_what_has_no_root_is_refused():
    with pytest.raises(ValueError, match="change of sign"):
        root_between(lambda x: x + 2.0, 0.0, 1.0, rtol=1e-6)
    with pytest.raises(ValueError, match="NaN"):
        root_between(lambda x: math.nan, 0.0, 1.0, rtol=1e-6)
