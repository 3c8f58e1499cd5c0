"""Every status that a verb can return has its text."""

from typing import get_args

import pytest

from pymc_landscape.inference.hypothesis_tests.likelihood_ratio import Reference
from pymc_landscape.inference.profile.endpoints import Endpoint
from pymc_landscape.optimize import Status
from pymc_landscape.results import FIT_STATUSES, INTERVAL_STATUSES, TEST_REFERENCES


def test_every_status_of_a_fit_is_explained():
    assert set(FIT_STATUSES) == {status.value for status in Status}
    assert Status.UNBOUNDED.meaning == FIT_STATUSES["unbounded"].means
    assert Status.UNBOUNDED.advice == FIT_STATUSES["unbounded"].do


def test_every_status_of_an_end_is_explained():
    assert all(f"``{status}``" in Endpoint.__doc__ for status in INTERVAL_STATUSES)
    assert set(INTERVAL_STATUSES) == {"finite", "at_bound", "open", "new_optimum", "failed"}


def test_every_reference_of_a_test_is_explained():
    assert set(TEST_REFERENCES) == {*get_args(Reference), "weighted_chi2"} - {"auto"}


@pytest.mark.parametrize("table", [FIT_STATUSES, INTERVAL_STATUSES, TEST_REFERENCES])
def test_a_text_is_whole_sentences(table):
    for meaning in table.values():
        assert meaning.means.endswith(".")
        assert meaning.do.endswith(".")
        assert str(meaning) == f"{meaning.means} {meaning.do}"
