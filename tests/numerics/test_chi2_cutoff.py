"""Cut-offs are χ² quantiles: against SciPy, printed tables, and what a χ² with 1 or 2 degrees is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pymc_landscape.numerics.chi_squared import chi2_cutoff

LEVELS = st.floats(1e-6, 1 - 1e-6)


@given(LEVELS, st.integers(1, 200))
def test_cutoff_is_the_quantile(level, df):
    assert chi2_cutoff(level, df) == pytest.approx(stats.chi2.ppf(level, df), rel=1e-9)


@given(LEVELS)
def test_one_degree_is_a_squared_normal_and_two_an_exponential(level):
    assert chi2_cutoff(level) == pytest.approx(stats.norm.ppf((1 + level) / 2) ** 2, rel=1e-7)
    assert chi2_cutoff(level, 2) == pytest.approx(-2 * np.log1p(-level), rel=1e-9)


# NIST/SEMATECH e-Handbook of Statistical Methods, section 1.3.6.7.4
@pytest.mark.parametrize(
    ("level", "df", "quantile"),
    [(0.95, 1, 3.841), (0.99, 1, 6.635), (0.95, 2, 5.991), (0.9, 5, 9.236), (0.95, 10, 18.307)],
)
def test_cutoff_is_in_the_printed_table(level, df, quantile):
    assert chi2_cutoff(level, df) == pytest.approx(quantile, abs=0.6e-3)


def test_one_level_is_a_number_and_several_are_an_array():
    assert type(chi2_cutoff(0.95)) is float
    several = chi2_cutoff([[0.5, 0.68], [0.9, 0.95]], df=3)
    np.testing.assert_allclose(several, stats.chi2.ppf([[0.5, 0.68], [0.9, 0.95]], 3))


@pytest.mark.parametrize("level", [0, 1, -0.1, 95, float("nan"), [0.5, 1.0]])
def test_a_level_outside_0_1_is_refused(level):
    with pytest.raises(ValueError, match=r"strictly between 0 and 1, got .*: for 95 % write 0\.95"):
        chi2_cutoff(level)


@pytest.mark.parametrize("df", [0, -1])
def test_no_degrees_of_freedom_are_refused(df):
    with pytest.raises(ValueError, match=rf"at least 1, got {df}"):
        chi2_cutoff(0.95, df)
