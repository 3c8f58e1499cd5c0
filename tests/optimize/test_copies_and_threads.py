"""A Fit and an Objective in copies, in pickles, in other processes and in several threads at once: the same numbers."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import sys
import threading
import warnings

import cloudpickle
import numpy as np
import pymc as pm
import pytest
from selection import slow

import pymc_landscape as pml

X = np.linspace(0.0, 1.0, 12)
Y = 2.0 + X + np.random.default_rng(0).normal(0.0, 1.0, 12)
GROUP = np.repeat(range(4), 3)
QUIET = {"progressbar": False}


def line():
    with pm.Model() as model:
        d = pm.Data("d", Y)
        # b before a in the graph, so that a copy of the model would have them in another order
        a, b = pm.Normal("a", 0, 10), pm.Normal("b", 0, 10)
        s = pm.HalfNormal("s", 2)
        pm.Deterministic("difference", a - b)
        pm.Normal("y", b * X + a, s, observed=d)
    return pml.Objective(model)


def effects():
    with pm.Model() as model:
        mu, tau = pm.Normal("mu", 0, 10), pm.HalfNormal("tau", 2)
        u = pm.Normal("u", 0, tau, shape=4)
        pm.Poisson("y", pm.math.exp(0.3 * mu + u[GROUP]), observed=np.round(Y).astype(int))
    return pml.Objective(model, latent=["u"])


def answers(objective) -> np.ndarray:
    """Numbers of many kinds: values, derivatives, a landscape, a fit, an interval."""
    fit, beside = pml.fit_mle(objective, **QUIET), np.full(objective.size, 0.3)
    label = objective.variables[0].name
    grid = {label: np.linspace(0.5, 2.5, 700)}
    parts = [
        [fit.minus2ll, float(objective.value(beside))],
        fit.theta,
        objective.gradient(beside),
        objective.hessian(beside).ravel(),
        pml.evaluate_landscape(objective, grid, at=fit, **QUIET)["minus2ll"].to_numpy()[::100],
        pml.confidence_intervals(fit, [label], **QUIET)["interval"].to_numpy().ravel(),
    ]
    return np.concatenate(parts)


def interval(fit) -> list[float]:
    """The interval of what would change its sign if parameters changed places."""
    return pml.confidence_intervals(fit, ["difference"], **QUIET)["interval"].to_numpy().ravel().tolist()


@pytest.fixture(scope="module")
def fits():
    """A fit, and one of a twin with other data."""
    objective = line()
    return [pml.fit_mle(each, **QUIET) for each in (objective, objective.with_data(d=Y[::-1].copy()))]


COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda each: pickle.loads(pickle.dumps(each)),
    "cloudpickle": lambda each: cloudpickle.loads(cloudpickle.dumps(each)),
}


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_is_the_same(fits, how):
    for fit in fits:
        other = COPIES[how](fit)
        assert interval(other) == interval(fit)
        assert repr(other) == repr(fit)
        theta = fit.theta + 0.1
        assert COPIES[how](fit.objective).minus2ll(theta) == fit.objective.minus2ll(theta)
        np.testing.assert_array_equal(other.draws(5, random_seed=1)["a"], fit.draws(5, random_seed=1)["a"])


def test_a_pickle_leaves_compiled_functions_behind_and_is_one_model(fits):
    interval(fits[0])
    assert len(pickle.dumps(fits[0])) < 100_000
    other = pickle.loads(pickle.dumps(fits[0]))
    model = other.objective.model
    pm.set_data({"d": Y + 1.0}, model=model)
    with pytest.raises(ValueError, match="the data 'd' were changed"):
        interval(other)
    assert interval(fits[0])


def test_what_cannot_be_pickled_is_said():
    with pm.Model() as model:
        b = pm.Normal("b")
        pm.Normal("y", b, 1.0, observed=1.0)
    model.held = threading.Lock()
    with pytest.raises(pickle.PicklingError, match="Expected a model that can be pickled"):
        pickle.dumps(pml.Objective(model))


@pytest.mark.parametrize("start", ["fork", pytest.param("spawn", marks=pytest.mark.exhaustive)])
def test_another_process_gives_the_same(fits, start):
    if start not in multiprocessing.get_all_start_methods():
        pytest.skip("no such processes here")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads that do not live on in a fork: ours are made anew
        with multiprocessing.get_context(start).Pool(2) as pool:
            got = pool.map_async(interval, fits).get(timeout=300)
    assert got == [interval(fit) for fit in fits]


def in_threads(objectives) -> list[np.ndarray]:
    """Ask each in a thread of its own, all at once."""
    got: list = [None] * len(objectives)

    def ask(i: int) -> None:
        try:
            got[i] = answers(objectives[i])
        except BaseException as error:
            got[i] = error

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(len(objectives))]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    return got


@pytest.mark.parametrize("make", [line, slow(effects)])
def test_four_threads_at_once_give_the_same(make):
    objective = make()
    y = np.asarray(objective.model["d"].get_value()) if make is line else np.round(Y).astype(int)
    other = objective.with_data(y=y + 1)
    twins = [objective, other, objective.with_prior_weight(0.5), other.with_prior_weight(0.25)]
    first = in_threads(twins)  # what is compiled is compiled by all at once
    alone = [answers(each) for each in twins]
    for got in (first, in_threads(twins)):
        for ours, right in zip(got, alone, strict=True):
            np.testing.assert_allclose(ours, right, rtol=1e-7, atol=1e-9)
    assert len({tuple(np.round(right, 6)) for right in alone}) == 4
    for ours in in_threads([other] * 4):
        np.testing.assert_allclose(ours, alone[1], rtol=1e-7, atol=1e-9)


def test_a_thread_that_has_said_nothing_has_the_data_of_the_model():
    objective = line()
    engine = objective.with_data(d=Y + 1.0).engine("density")
    vector = np.array([1.0, 1.0, 1.0])
    here, there = engine.one(vector)[0], []
    thread = threading.Thread(target=lambda: there.append(engine.one(vector)[0]))
    thread.start()
    thread.join()
    assert there[0] == pytest.approx(float(objective.natural_log_likelihood({"a": [1.0], "b": [1.0], "s": [1.0]})[0]))
    assert here != there[0]
