"""Data that no parameter value allows are named: the term, the observation, its value. What a start can mend is not."""

import re
from ast import literal_eval

import numpy as np
import pymc as pm
import pytest

import pymc_landscape as pml

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*missing values:pymc.exceptions.ImputationWarning"),
    pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning"),
]


def lognormal():
    pm.LogNormal("income", pm.Normal("mu", 0, 10), 1, observed=[1.0, 2.0, 0.0])


def lognormal_with_labels():
    pm.modelcontext(None).add_coords({"who": ["ann", "bob"]})
    pm.LogNormal("income", pm.Normal("mu", 0, 10), 1, observed=[1.0, -3.0], dims="who")


def bernoulli_with_effects():
    u = pm.Normal("u", 0, pm.HalfNormal("s"), shape=2)
    pm.Bernoulli("answer", logit_p=u[[0, 0, 1, 1]], observed=[0, 2, 1, 1])


def counts_above_their_number():
    pm.Binomial("seen", 10, pm.Beta("p", 1, 1), observed=[3, 4, 12])


def flat_priors():
    pm.Gamma("wait", pm.HalfFlat("a"), pm.HalfFlat("b"), observed=[1.0, -0.5])


def one_row_of_counts_short():
    pm.Multinomial("shares", 5, pm.Dirichlet("w", np.ones(3)), observed=[[1, 2, 2], [1, 1, 1]])


def missing_count_beside_it():
    pm.Poisson("k", pm.Exponential("rate", 1), observed=np.array([1, np.nan, 3, -2]))


def two_terms():
    mu = pm.Normal("mu")
    pm.LogNormal("income", mu, 1, observed=[1.0, 0.0])
    pm.Exponential("wait", pm.math.exp(mu), observed=[-2.0, 3.0])
    pm.Normal("fine", mu, 1, observed=[1.0])


def predictor_is_nan():
    pm.Normal("y", pm.Normal("b") * np.array([1.0, np.nan]), 1, observed=[1.0, 2.0])


NAMED = {
    lognormal: r"income\[2\] = 0 has density 0 under LogNormal",
    lognormal_with_labels: r"income\[bob\] = -3 has density 0",
    bernoulli_with_effects: r"answer\[1\] = 2 has density 0 under Bernoulli",
    counts_above_their_number: r"seen\[2\] = 12 has density 0 under Binomial",
    flat_priors: r"wait\[1\] = -0\.5 has density 0 under Gamma",
    one_row_of_counts_short: r"shares\[1\] has density 0 under Multinomial",
    missing_count_beside_it: r"k\[3\] = -2 has density 0 under Poisson",
    two_terms: r"income\[1\] = 0 has .*wait\[0\] = -2 has",
    predictor_is_nan: r"y\[1\] = 2 has a log density that is NaN under Normal.*what its distribution is given",
}


def model_of(write) -> pm.Model:
    with pm.Model() as model:
        write()
    return model


@pytest.mark.parametrize("write", NAMED, ids=lambda write: write.__name__)
def test_an_impossible_observation_is_named(write):
    fit = pml.fit_mle(model_of(write), progressbar=False)
    assert fit.status.value == "failed"
    assert fit.message.startswith("No parameter value allows the data: ")
    assert re.search(NAMED[write], fit.message), fit.message


def test_other_data_are_looked_at_where_there_are_others():
    objective = pml.Objective(model_of(lognormal)).with_data(income=[1.0, -7.0, 3.0])
    assert "income[1] = -7 has" in pml.fit_mle(objective, progressbar=False).message


def test_intervals_and_landscapes_say_it_too():
    model = model_of(lognormal)
    with pytest.raises(ValueError, match=NAMED[lognormal]):
        pml.confidence_intervals(model, progressbar=False)
    with pytest.warns(UserWarning, match=NAMED[lognormal]):
        pml.evaluate_landscape(model, pml.regular_grid({"mu": (0, 1, 3)}), progressbar=False)


def test_a_support_that_moves_is_a_matter_of_starts():
    with pm.Model() as model:
        pm.Pareto("u", alpha=pm.HalfNormal("a"), m=pm.HalfNormal("m", 1), observed=[0.003, 2.0])
    fit = pml.fit_mle(model, starts={"m": 1.0}, progressbar=False)
    assert "u[0] = 0.003 has density 0 under Pareto at every start, but not everywhere" in fit.message
    starts = literal_eval(fit.message.split("starts=")[1].rstrip("."))  # the advice can be followed
    assert np.isfinite(pml.fit_mle(model, starts=starts, progressbar=False).minus2ll)
    with pytest.warns(UserWarning, match="look at the ranges"):
        pml.evaluate_landscape(model, pml.regular_grid({"m": (1, 2, 3)}), at={"a": 1.0}, progressbar=False)
