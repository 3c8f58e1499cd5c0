"""Simulated ends of intervals, against those that enumerate all outcomes in the order of likelihood ratios."""

import numpy as np
import pymc as pm
import pytest
from scipy import stats
from selection import slow

import pymc_landscape as pml


def binomial(successes: int) -> pml.Fit:
    with pm.Model() as model:
        pm.Binomial("y", n=10, p=pm.Beta("p", 1, 1), observed=successes)
    return pml.fit_mle(model, progressbar=False)


def enumerated(successes: int) -> np.ndarray:
    """The lowest and highest p at which outcomes with a ratio as large as observed have 5 % together."""
    k, p = np.arange(11), np.linspace(1e-6, 1 - 1e-6, 4001)[:, None]
    ratio = 2 * (stats.binom.logpmf(k, 10, k / 10) - stats.binom.logpmf(k, 10, p))
    tail = np.where(ratio >= ratio[:, [successes]] - 1e-9, stats.binom.pmf(k, 10, p), 0.0).sum(axis=1)
    return p[tail >= 0.05][[0, -1], 0]


def error_of(intervals, bound: str) -> float:
    words = intervals["message"].sel(bound=bound).item()
    return float(words.split("of the end ")[1])


def test_none_of_ten():
    """χ² ends at 0.175, where none of ten has a chance of 14.7 %; all outcomes enumerated it is 0.267."""
    options = {"draws": 300, "random_seed": 1, "progressbar": False}
    intervals = pml.confidence_intervals(binomial(0), "p", method="simulated", **options).squeeze()
    lower, upper = intervals["interval"].to_numpy()
    assert (lower, intervals["status"].to_numpy()[0]) == (0.0, "at_bound")
    assert upper == pytest.approx(enumerated(0)[1], abs=4 * error_of(intervals, "upper"))
    assert upper > 0.2


@pytest.mark.exhaustive
@pytest.mark.parametrize("successes", [7, slow(1)])
def test_inside_the_support_too(successes):
    options = {"draws": 2000, "random_seed": 1, "progressbar": False}
    intervals = pml.confidence_intervals(binomial(successes), "p", method="simulated", **options).squeeze()
    for bound, wanted in zip(("lower", "upper"), enumerated(successes), strict=True):
        value = intervals["interval"].sel(bound=bound).item()
        assert value == pytest.approx(wanted, abs=4 * error_of(intervals, bound))


def test_the_profile_says_where_its_cut_off_is_not_calibrated():
    """At an estimate on an edge; not a word elsewhere."""
    edge, inside = (pml.confidence_intervals(binomial(k), "p", progressbar=False)["message"] for k in (0, 7))
    assert "not calibrated" in edge.sel(bound="upper").item()
    assert "method='simulated'" in edge.sel(bound="upper").item()
    assert (inside == "").all()


def test_combinations_are_refused():
    with pytest.raises(ValueError, match="single parameters"):
        pml.confidence_intervals(binomial(7), {"double": {"p": 2.0}}, method="simulated", draws=5, progressbar=False)
