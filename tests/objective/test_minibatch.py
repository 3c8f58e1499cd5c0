"""Batches: unbiased, cheap where the graph can be cut by rows, right where it cannot, refused where senseless."""

import logging
from itertools import islice

import numpy as np
import pymc as pm
import pytest
from selection import some

import pymc_landscape as pml
from pymc_landscape.objective.observations.minibatch import BatchSlope

SPLIT = [
    "mutable_data",
    "named_dims",
    "minibatch",
    "logit_20_predictors",
    "radon_like",
    "poisson_mixture",
    "nested_names",
]


def epoch(batch, theta, rng):
    """Gradient and value, averaged over one epoch."""
    n = batch.n_rows // batch.size
    assert n * batch.size == batch.n_rows
    values, gradients = zip(*(batch(theta, rows) for rows in islice(batch.batches(rng), n)), strict=True)
    return np.mean(values), np.mean(gradients, axis=0)


def a_divisor(n):
    """The largest number of rows a batch that divides an epoch evenly and is no epoch."""
    return max(d for d in range(1, n) if n % d == 0)


def widest(batch):
    """The largest leading length that is computed, beside the data themselves."""
    assert not hasattr(batch.engine._single, "maker")  # written as straight Python
    outputs = [v for node in batch.engine._rewritten.fgraph.apply_nodes for v in node.outputs]
    return max((v.type.shape[0] or 0) for v in outputs if getattr(v.type, "ndim", 0))


def line(x, y, sigma=0.3):
    with pm.Model() as model:
        a, b = pm.Normal("a"), pm.Normal("b")
        pm.Normal("y", a + b * x, sigma, observed=y)
    return model


@pytest.fixture
def data(rng):
    x = rng.normal(size=60)
    return x, 1.0 + 2.0 * x + 0.5 * rng.normal(size=60)


@pytest.mark.parametrize("name", some(SPLIT, ["mutable_data", "named_dims", "minibatch"]))
def test_an_epoch_has_the_gradient_of_all_data(name, objective_of, rng):
    objective = objective_of(name)
    size = a_divisor(BatchSlope(objective, 1).n_rows)
    theta = objective.pack(objective.initial_point()) + rng.uniform(-0.1, 0.1, objective.size)
    value, gradient = epoch(BatchSlope(objective, size), theta, rng)
    np.testing.assert_allclose(value, objective.value(theta), rtol=1e-12)
    np.testing.assert_allclose(gradient, objective.gradient(theta), rtol=1e-9, atol=1e-9)


def test_the_prior_is_in_every_batch_once(data, rng):
    objective = pml.Objective(line(*data), prior_weight=1.0)
    theta = rng.normal(size=2)
    value, gradient = epoch(BatchSlope(objective, 12), theta, rng)
    np.testing.assert_allclose(value, objective.value(theta), rtol=1e-12)
    np.testing.assert_allclose(gradient, objective.gradient(theta), rtol=1e-12)


def test_a_batch_is_the_sum_over_its_rows_by_hand(data):
    x, y = data
    batch = BatchSlope(pml.Objective(line(x, y)), 3)
    rows = np.array([5, 7, 59])
    value, gradient = batch(np.array([0.3, -0.2]), rows)
    residual = y[rows] - 0.3 + 0.2 * x[rows]
    by_hand = 20 * (residual**2 / 0.09 + np.log(2 * np.pi * 0.09))
    np.testing.assert_allclose(value, by_hand.sum(), rtol=1e-13)
    slopes = [-2 * residual / 0.09, -2 * residual * x[rows] / 0.09]
    np.testing.assert_allclose(gradient, [20 * s.sum() for s in slopes], rtol=1e-13)


def test_nothing_of_the_length_of_the_data_is_computed(data):
    batch = BatchSlope(pml.Objective(line(*data)), 4)
    batch(np.zeros(2), np.arange(4))
    assert widest(batch) <= 6  # theta and rows in one vector


def test_parameters_with_one_element_a_row_are_cut_too(rng):
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 1, shape=12)
        pm.Normal("y", mu, 1.0, observed=rng.normal(size=12))
    objective = pml.Objective(model)
    theta = rng.normal(size=12)
    _, gradient = epoch(BatchSlope(objective, 4), theta, rng)
    np.testing.assert_allclose(gradient, objective.gradient(theta), rtol=1e-12)


@pytest.mark.exhaustive
def test_an_index_into_as_many_groups_as_rows_is_no_row(rng):
    group = rng.permutation(8)
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 1, shape=8)
        pm.Normal("y", mu[group], 1.0, observed=rng.normal(size=8))
    objective = pml.Objective(model)
    theta = rng.normal(size=8)
    _, gradient = epoch(BatchSlope(objective, 2), theta, rng)
    np.testing.assert_allclose(gradient, objective.gradient(theta), rtol=1e-12)


@pytest.mark.exhaustive
def test_two_terms_of_one_length_share_their_rows(data, rng):
    x, y = data
    with pm.Model() as model:
        a, b = pm.Normal("a"), pm.Normal("b")
        pm.Normal("y", a + b * x, 0.5, observed=y)
        pm.Poisson("n", pm.math.exp(a), observed=rng.poisson(2.0, size=60))
    objective = pml.Objective(model)
    _, gradient = epoch(BatchSlope(objective, 10), np.array([0.3, 0.1]), rng)
    np.testing.assert_allclose(gradient, objective.gradient(np.array([0.3, 0.1])), rtol=1e-12)


def test_what_depends_on_all_rows_is_evaluated_the_plain_way(data, rng, caplog):
    x, y = data
    with pm.Model() as model:
        moving = pm.Data("x", x)
        b = pm.Normal("b")
        pm.Normal("y", b * (moving - moving.mean()), 0.5, observed=y)
    objective = pml.Objective(model)
    with caplog.at_level(logging.INFO, "pymc_landscape"):
        batch = BatchSlope(objective, 6)
    assert "cannot be evaluated apart" in caplog.text
    _, gradient = epoch(batch, np.array([0.7]), rng)
    np.testing.assert_allclose(gradient, objective.gradient(np.array([0.7])), rtol=1e-12)


def test_new_data_are_seen(data, rng):
    x, y = data
    with pm.Model() as model:
        moving = pm.Data("x", x)
        b = pm.Normal("b")
        pm.Normal("y", b * moving, 0.5, observed=y)
    objective = pml.Objective(model)
    theta = np.array([0.7])
    before = epoch(BatchSlope(objective, 6), theta, rng)[1]
    with model:
        pm.set_data({"x": 2.0 * x})
    after = epoch(BatchSlope(objective, 6), theta, rng)[1]
    np.testing.assert_allclose(after, objective.gradient(theta), rtol=1e-12)
    assert abs(after - before) > 1.0
    other = objective.with_data(y=y + 1.0)
    np.testing.assert_allclose(epoch(BatchSlope(other, 6), theta, rng)[1], other.gradient(theta), rtol=1e-12)


def test_no_row_is_left_out_of_an_epoch_that_does_not_divide(data, rng):
    batch = BatchSlope(pml.Objective(line(*data)), 7)
    rows = np.concatenate(list(islice(batch.batches(rng), 60)))
    assert np.bincount(rows, minlength=60).tolist() == [7] * 60


@pytest.mark.parametrize("name", ["gp_marginal", "autoregression", "random_walk"])
def test_one_number_for_all_data_is_refused(name, objective_of):
    with pytest.raises(ValueError, match="sums over rows, got y, whose log-likelihood is one number"):
        BatchSlope(objective_of(name), 2)


def test_terms_of_two_lengths_are_refused(rng):
    with pm.Model() as model:
        a = pm.Normal("a")
        pm.Normal("y", a, 1.0, observed=rng.normal(size=6))
        pm.Normal("z", a, 1.0, observed=rng.normal(size=4))
    with pytest.raises(ValueError, match="y of 6, z of 4"):
        BatchSlope(pml.Objective(model), 2)


@pytest.mark.parametrize("size", [0, -1, 61, 2.5, True, "64"])
def test_sizes_that_cannot_be_are_refused(size, data):
    with pytest.raises((TypeError, ValueError), match=r"batch_size to be a whole number, (from 1 to 60|at least 1)"):
        BatchSlope(pml.Objective(line(*data)), size)


def test_all_rows_at_once_are_the_whole(data, rng):
    objective = pml.Objective(line(*data))
    value, gradient = epoch(BatchSlope(objective, 30), np.zeros(2), rng)
    whole = BatchSlope(objective, 60)
    rows = next(whole.batches(rng))
    np.testing.assert_allclose(whole(np.zeros(2), rows)[1], gradient, rtol=1e-12)
    np.testing.assert_allclose(whole(np.zeros(2), rows)[0], value, rtol=1e-12)
