"""Counts of which many rows are the same: rows that differ, with their numbers, have the value of all."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from pytensor.graph.traversal import ancestors
from pytensor.scalar.math import GammaLn
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.subtensor import AdvancedSubtensor, Subtensor, get_constant_idx

import pymc_landscape as pml
from pymc_landscape.objective.observations import StackedData

EXPOSURE = np.repeat([0.5, 1.0, 2.0], 100)


def rates() -> pm.Model:
    with pm.Model() as model:
        rate = pm.HalfNormal("rate", 3)
        pm.NegativeBinomial("y", mu=rate * EXPOSURE, alpha=pm.HalfNormal("shape", 3), observed=np.arange(300) % 4)
    return model


def chain() -> pm.Model:
    """Each row but the first depends on the one before it as well: rows that are alike are not the same."""

    def logp(value, mean):
        before = pm.math.concatenate([[0.0], value[:-1]])
        return pm.logp(pm.Poisson.dist(mean * EXPOSURE + 0.3 * before), value)

    with pm.Model() as model:
        pm.CustomDist("y", pm.HalfNormal("mean", 3), logp=logp, observed=np.arange(300) % 4, dtype="int64")
    return model


def levels() -> pm.Model:
    """Each row looks up its own share among its own, by its level."""
    with pm.Model() as model:
        eta = pm.Normal("slope", 0, 1) * EXPOSURE
        pm.OrderedLogistic("y", eta=eta, cutpoints=np.linspace(-2, 2, 14), observed=np.arange(300) % 4)
    return model


def shares() -> pm.Model:
    """All rows look up one share among the same."""
    with pm.Model() as model:
        logits = pm.Normal("logits", 0, 1, shape=15)
        pm.Categorical("y", logit_p=logits, observed=np.arange(300) % 4)
    return model


def trend() -> pm.Model:
    """The number of a row enters: rows that are alike are not the same."""

    def logp(value, mean):
        number = pt.arange(value.shape[0]).reshape((-1, 1))[:, 0]
        return pm.logp(pm.Poisson.dist(mean * EXPOSURE + 0.01 * number), value)

    with pm.Model() as model:
        pm.CustomDist("y", pm.HalfNormal("mean", 3), logp=logp, observed=np.arange(300) % 4, dtype="int64")
    return model


def engine_of(data, theta=((0.3, 0.3),)):
    """Return the engine that evaluates points, which is one for all of them."""
    theta = np.asarray(theta)
    [(_, engine, _)] = data.engines(np.zeros(len(theta), int), theta)
    return engine


def are_those_of_each(derivatives, objective, sets, theta):
    """Value, gradient and Hessian of a stack are those of each data set by itself, with all its rows."""
    value, gradient, hessian = derivatives
    for i, own in enumerate(sets):
        twin = objective.with_data(y=own)
        np.testing.assert_allclose(value[i], twin.value(theta[i]), rtol=1e-12)
        np.testing.assert_allclose(gradient[i], twin.gradient(theta[i]), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(hessian[i], twin.hessian(theta[i]), rtol=1e-9, atol=1e-9)


BUILDS = [(rates, True, 1.0), (levels, True, 0.0), (shares, True, 0.0), (chain, False, 0.0), (trend, False, 0.0)]


@pytest.mark.parametrize(("build", "is_shorter", "prior_weight"), BUILDS)
def test_value_gradient_and_hessian_are_those_of_all_rows(build, is_shorter, prior_weight, rng):
    objective = pml.Objective(build(), prior_weight=prior_weight)
    sets = rng.poisson(2 * EXPOSURE, size=(4, 300))
    data = StackedData(objective, {"y": sets})
    theta = rng.normal(0.3, 0.1, size=(4, objective.size))
    assert (engine_of(data, theta).size < 300) is is_shorter
    are_those_of_each(data.derivatives(np.arange(4), theta), objective, sets, theta)


def test_a_graph_that_has_room_is_used_again(rng):
    objective = pml.Objective(rates())
    few, many = rng.poisson(2 * EXPOSURE, size=(2, 300)), rng.poisson(2.2 * EXPOSURE, size=(9, 300))
    first, second = (engine_of(StackedData(objective, {"y": sets})) for sets in (few, many))
    assert first is second
    assert engine_of(StackedData(objective, {"y": 7 * np.arange(300)[None]})).size == 302  # no two alike


def zeros() -> pm.Model:
    """Zeros have a density of their own."""
    with pm.Model() as model:
        p, mean = pm.Beta("p", 2, 2), pm.HalfNormal("mean", 3)
        pm.ZeroInflatedPoisson("y", psi=p, mu=mean * EXPOSURE, observed=np.arange(300) % 4)
    return model


def test_a_choice_that_data_sets_make_otherwise_is_made_anew(rng):
    """All rows of the first sets are above 0, some of the next are not, all of the last are 0."""
    objective = pml.Objective(zeros())
    some = rng.poisson(EXPOSURE, size=(3, 300))
    assert (some == 0).any()
    for sets in (some + 1, some, 0 * some):
        data = StackedData(objective, {"y": sets})
        theta = rng.normal(0.3, 0.1, size=(3, 2))
        are_those_of_each(data.derivatives(np.arange(3), theta), objective, sets, theta)


def test_a_point_at_which_a_choice_is_another_has_the_graph_with_the_choice(rng):
    """A negative binomial of little dispersion is Poisson: points on both sides of where PyMC says so."""
    objective = pml.Objective(rates())
    sets = rng.poisson(2 * EXPOSURE, size=(4, 300))
    data = StackedData(objective, {"y": sets})
    theta = np.array([[0.3, 0.2], [0.5, 25.0], [0.4, 0.1], [0.6, 30.0]])
    groups = data.engines(np.arange(4), theta)
    assert [which.tolist() for which, _, _ in groups] == [[0, 2], [1, 3]]
    usual, anywhere = (len(list(ancestors(engine.graphs))) for _, engine, _ in groups)
    assert usual < 0.8 * anywhere
    value, gradient, hessian = data.derivatives(np.arange(4), theta)
    np.testing.assert_allclose(data.values(np.arange(4), theta), value, rtol=1e-12)
    are_those_of_each((value, gradient, hessian), objective, sets, theta)
    for i in range(4):
        np.testing.assert_array_equal(data.derivatives(np.array([i]), theta[i : i + 1])[0], value[i : i + 1])


def decay() -> pm.Model:
    """Rates fall with the smallest exposure beside a row's own: it is of all rows together."""
    with pm.Model() as model:
        x = pm.Data("x", np.linspace(0.5, 2.0, 20)[np.arange(300) % 20])
        rate = pt.exp(pm.Normal("b", 0, 1) + pt.exp(-x.min() / x) + 0 * pt.log(pm.Normal("c", 0, 1) ** 2 + 1))
        pm.Poisson("y", rate, observed=np.arange(300) % 4)
    return model


def outlier() -> pm.Model:
    """All rows have another mean where the largest of them is large."""

    def logp(value, mean):
        return pm.logp(pm.Poisson.dist(pt.switch(pt.any(value > 8), 2 * mean, mean) * EXPOSURE), value)

    with pm.Model() as model:
        means = pm.HalfNormal("mean", 3) + 0 * pm.Normal("idle", 0, 1)
        pm.CustomDist("y", means, logp=logp, observed=np.arange(300) % 4, dtype="int64")
    return model


def mask() -> pm.Model:
    """Two columns of ``pm.Data``, of which none is missing; their lengths may change."""
    with pm.Model() as model:
        x = pm.Data("x", np.column_stack([EXPOSURE, EXPOSURE**2]))
        pm.Poisson("y", pt.exp(pt.switch(pt.isnan(x), 0.0, x) @ pm.Normal("b", 0, 1, shape=2)), observed=[1, 2] * 150)
    return model


def number() -> pm.Model:
    """A choice by a number of the point that is below 0, and so not false."""
    with pm.Model() as model:
        b = pm.Normal("b", 0, 1)
        rate = pt.switch(b - 1.0, EXPOSURE * pt.exp(b), EXPOSURE * pt.exp(2 * b)) * pt.exp(pm.Normal("c", 0, 1))
        pm.Poisson("y", rate, observed=np.arange(300) % 4)
    return model


def thresholds() -> pm.Model:
    """Each count is compared with as many thresholds as there is room for rows; the last of them are passed by some."""

    def logp(value, mean):
        of_row = pt.constant(np.tile(np.where(np.arange(32) < 24, 12.0, 3.5)[:, None], 300))
        passed = pt.switch(of_row > value[None, :], mean * of_row, mean**2).sum(axis=0)
        return pm.logp(pm.Poisson.dist(mean * EXPOSURE), value) + pt.cos(passed)

    with pm.Model() as model:
        means = pm.HalfNormal("mean", 3) + 0 * pm.Normal("idle", 0, 1)
        pm.CustomDist("y", means, logp=logp, observed=np.arange(300) % 4, dtype="int64")
    return model


def signs() -> pm.Model:
    """Zeros with either sign are of two kinds."""
    with pm.Model() as model:
        zeros = pm.Data("zeros", np.where(np.arange(300) % 2, 0.0, -0.0))
        rate = pm.HalfNormal("rate", 3) * pt.exp(pt.arctan(1 / zeros) * pm.Normal("b", 0, 1))
        pm.Poisson("y", rate, observed=np.arange(300) % 4)
    return model


@pytest.mark.parametrize("build", [decay, outlier, mask, number, thresholds, signs])
def test_rows_that_meet_lengths_that_may_change_and_numbers_as_conditions(build, rng):
    objective = pml.Objective(build())
    sets = rng.poisson(np.array([[1.0], [1.5], [0.7], [0.5]]) * EXPOSURE)
    sets[1, -1] = 9
    theta = rng.normal(0.3, 0.1, size=(4, 2))
    data = StackedData(objective, {"y": sets})
    assert all(engine.size < 1000 for _, engine, _ in data.engines(np.arange(4), theta))
    are_those_of_each(data.derivatives(np.arange(4), theta), objective, sets, theta)


def test_which_graph_a_data_set_has_depends_on_it_alone(rng):
    """Counts are cut off at 10: of sets that reach it the graph has a choice, of the others none."""
    with pm.Model() as model:
        counts = pm.Poisson.dist(pm.HalfNormal("rate", 3) * EXPOSURE * pt.exp(pm.Normal("c", 0, 1)))
        pm.Censored("y", counts, lower=None, upper=10, observed=np.arange(300) % 4)
    objective = pml.Objective(model)
    low, high = np.minimum(rng.poisson(EXPOSURE, size=(5, 300)), 9), np.minimum(rng.poisson(9 * EXPOSURE), 10)
    theta = rng.normal(0.3, 0.1, size=(6, 2))
    together, alone = StackedData(objective, {"y": [*low, high]}), StackedData(objective, {"y": low})
    groups = together.engines(np.arange(6), theta)
    assert [which.tolist() for which, _, _ in groups] == [[0, 1, 2, 3, 4], [5]]
    of_all, of_low = together.derivatives(np.arange(6), theta), alone.derivatives(np.arange(5), theta[:5])
    for one, other in zip(of_all, of_low, strict=True):
        np.testing.assert_array_equal(one[:5], other)
    np.testing.assert_allclose(of_all[0][5], objective.with_data(y=high).value(theta[5]), rtol=1e-12)
    assert StackedData(objective, {"y": low}).values(np.arange(0), theta[:0]).shape == (0,)


def test_what_depends_on_data_alone_is_evaluated_once():
    """Exposures are looked up, and factorials of counts worked out, before the engine: it does neither."""
    objective = pml.Objective(rates())
    graphs = engine_of(StackedData(objective, {"y": np.arange(600).reshape(2, 300) % 7})).graphs
    looked_up = [v for v in ancestors(graphs) if v.owner is not None and isinstance(v.owner.op, AdvancedSubtensor)]
    of_data = [v for v in ancestors(graphs) if is_log_gamma(v) and not depends_on_point(v, objective.size)]
    assert not looked_up
    assert not of_data


def is_log_gamma(variable) -> bool:
    node = variable.owner
    return node is not None and isinstance(node.op, Elemwise) and isinstance(node.op.scalar_op, GammaLn)


def depends_on_point(variable, k: int) -> bool:
    """Whether a graph reads any of the first k elements of the engine's vector."""
    reads = [v.owner for v in ancestors([variable]) if v.owner is not None and isinstance(v.owner.op, Subtensor)]
    vectors = [node for node in reads if node.inputs[0].name == "point_and_rows"]
    indices = [get_constant_idx(node.op.idx_list, node.inputs)[0] for node in vectors]
    return any((index.start or 0) < k for index in indices if isinstance(index, slice))


def test_data_that_change_between_stacks_are_read_anew(rng):
    """An exposure in ``pm.Data`` is looked up for each stack of data sets."""
    with pm.Model() as model:
        exposure = pm.Data("exposure", EXPOSURE)
        pm.Poisson("y", pm.HalfNormal("rate", 3) * exposure, observed=np.arange(300) % 4)
    objective = pml.Objective(model)
    sets, theta = rng.poisson(EXPOSURE, size=(3, 300)), np.array([[0.1], [0.2], [0.3]])
    for factor in (1.0, 2.0):
        changed = objective.with_data(exposure=factor * EXPOSURE)
        value, _, _ = StackedData(changed, {"y": sets}).derivatives(np.arange(3), theta)
        alone = [changed.with_data(y=own).value(at) for own, at in zip(sets, theta, strict=True)]
        np.testing.assert_allclose(value, alone, rtol=1e-12)


@pytest.mark.parametrize("kind", ["uint64", "int8", "uint8"])
def test_counts_of_any_whole_numbers_are_counted(kind, rng):
    objective = pml.Objective(rates())
    sets, theta = rng.poisson(2 * EXPOSURE, size=(2, 300)), rng.normal(0.3, 0.1, size=(2, 2))
    sets[0, 0] = 120
    found = [
        StackedData(objective, {"y": sets.astype(own)}).derivatives(np.arange(2), theta) for own in (kind, "int64")
    ]
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
