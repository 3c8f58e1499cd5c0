"""Searches side by side: each ends where it ends alone, with the same status, whatever the data."""

import numpy as np
import pymc as pm
import pytest

import pymc_landscape as pml
from pymc_landscape.optimize import search_from_start
from pymc_landscape.optimize.stacks import StackedSearches

SEED = 17  # each drawn anew: the data of one are the same whichever others were drawn before
X = np.linspace(-1.0, 2.0, 12)


def logistic() -> tuple[pm.Model, np.ndarray]:
    """Twelve trials each; some sets are separated, and one has no successes."""
    with pm.Model() as model:
        b = pm.Normal("b", 0, 10, shape=2)
        pm.Binomial("y", 3, logit_p=b[0] + b[1] * X, observed=np.arange(12) % 4)
    sets = np.random.default_rng(SEED).binomial(3, 1 / (1 + np.exp(1.0 - 2.0 * X)), size=(10, 12))
    return model, np.concatenate([sets, np.zeros((1, 12), int), 3 * (X > 0.1)[None]])


def gamma() -> tuple[pm.Model, np.ndarray]:
    """Two positive parameters of unlike size, one of them thousands; one set is all alike."""
    with pm.Model() as model:
        shape, scale = pm.HalfNormal("shape", 9), pm.HalfNormal("scale", 9e4)
        pm.Gamma("y", shape, 1 / scale, observed=1e4 * (1 + X**2))
    return model, np.concatenate([np.random.default_rng(SEED).gamma(2.0, 9e3, size=(10, 12)), np.full((1, 12), 7e3)])


def mixture() -> tuple[pm.Model, np.ndarray]:
    """Two components apart, near each other, or one of them empty: saddles, bounds and copies."""
    with pm.Model() as model:
        w, mu = pm.Dirichlet("w", [1, 1]), pm.Normal("mu", 0, 5, shape=2, initval=[-1.0, 1.0])
        pm.NormalMixture("y", w, mu, 0.7, observed=X)
    rng = np.random.default_rng(SEED)
    return model, np.array([rng.normal(np.where(X > 0.3, gap, -gap), 0.7) for gap in (2.0, 1.0, 0.0)])


def intercepts() -> tuple[pm.Model, np.ndarray]:
    """Effects that are integrated out: no graph of value and derivatives, so one by one."""
    group = np.repeat(np.arange(4), 3)
    with pm.Model() as model:
        u = pm.Normal("u", pm.Normal("mu", 0, 9), pm.HalfNormal("tau", 2), shape=4)
        pm.Normal("y", u[group], 1.0, observed=X)
    rng = np.random.default_rng(SEED)
    return model, rng.normal(size=(2, 4))[:, group] + rng.normal(size=(2, 12))


@pytest.mark.parametrize("build", [logistic, gamma, mixture, intercepts])
def test_each_search_ends_where_it_ends_alone(build):
    model, sets = build()
    objective = pml.Objective(model)
    start = objective.pack(objective.initial_point())
    stack = StackedSearches(objective, {"y": sets}, start, "start")
    for i, values in enumerate(sets):
        alone, mine = search_from_start(objective.with_data(y=values), start, "start"), stack.start_result(i)
        assert (mine.report.status, mine.report.message) == (alone.report.status, alone.report.message)
        np.testing.assert_allclose(mine.theta, alone.theta, rtol=1e-8, atol=1e-8)
        expected = [alone.result.value, alone.result.begin_value, alone.result.remaining_decrease]
        found = [mine.result.value, mine.result.begin_value, mine.result.remaining_decrease]
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-8)
        if stack.regular[i]:
            np.testing.assert_allclose(stack.x[i], alone.theta, rtol=1e-8, atol=1e-8)
            assert alone.report.status.value == "converged"
    assert stack.regular.sum() == {logistic: 10, gamma: 10, mixture: 3, intercepts: 0}[build]


def test_a_stack_of_regular_searches_evaluates_each_a_few_times_and_compiles_once(monkeypatch):
    """Value, slope and curvature of all data sets that have not arrived come from one call."""
    model, sets = gamma()
    objective = pml.Objective(model)
    start = objective.pack({"shape": 2.0, "scale": 9e3})
    first = StackedSearches(objective, {"y": sets[:10]}, start, "start")
    calls = []
    [(_, engine, _)] = first.data.engines(np.zeros(1, int), start[None])
    at = type(engine).at
    monkeypatch.setattr(type(engine), "at", lambda self, x: calls.append(len(x)) or at(self, x))
    monkeypatch.setattr("pymc.pytensorf.compile", lambda *args, **options: pytest.fail("compiled again"))
    again = StackedSearches(objective, {"y": sets[1:10]}, start, "start")
    assert again.regular.all()
    assert calls[0] == 9
    assert len(calls) < 12
    np.testing.assert_array_equal(again.x, first.x[1:])


@pytest.mark.exhaustive
def test_a_compiled_stack_ends_where_an_interpreted_one_does():
    model, sets = logistic()
    objective, start = pml.Objective(model), np.zeros(2)
    one = StackedSearches(objective, {"y": sets[:4]}, start, "start")
    [(_, engine, _)] = one.data.engines(np.zeros(1, int), start[None])
    engine.compile()
    two = StackedSearches(objective, {"y": sets[:4]}, start, "start")
    assert one.regular.all()
    assert two.regular.all()
    np.testing.assert_allclose(two.x, one.x, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(two.value, one.value, rtol=1e-11)
