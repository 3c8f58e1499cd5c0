"""Data that change which random effects meet: the same numbers as of a model that was made on these data."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytest
from selection import some

import pymc_landscape as pml
from pymc_landscape.numerics import coloured, has_pattern

RNG = np.random.default_rng(4)
N = 36
PLANE = np.repeat(np.arange(4), 9)
Y, COUNTS = RNG.normal(size=N), RNG.poisson(2.0, N)
CROSSED = {"g": RNG.integers(0, 4, N), "h": RNG.integers(0, 3, N)}
NESTED = {"g": PLANE, "h": PLANE % 3}


def observe(eta, family):
    if family == "normal":
        pm.Normal("y", eta, 1.0, observed=Y)
    else:
        pm.Poisson("y", pm.math.exp(eta), observed=COUNTS)


def of_groups(g, h, family="normal"):
    with pm.Model() as model:
        first, other = pm.Data("g", g), pm.Data("h", h)
        s, t = pm.HalfNormal("s", 2), pm.HalfNormal("t", 2)
        eta = pm.Normal("u", 0, s, shape=4)[first] + pm.Normal("v", 0, t, shape=3)[other]
        observe(eta, family)
    return model


def of_slopes(x, family="normal"):
    with pm.Model() as model:
        x = pm.Data("x", x)
        s, t = pm.HalfNormal("s", 2), pm.HalfNormal("t", 2)
        eta = pm.Normal("u", 0, s, shape=4)[PLANE] + pm.Normal("v", 0, t, shape=4)[PLANE] * x
        observe(eta, family)
    return model


def of_many(g, h):
    with pm.Model() as model:
        first, other = pm.Data("g", g), pm.Data("h", h)
        s = pm.HalfNormal("s", 2)
        u = pm.Normal("u", 0, s, shape=310)
        pm.Normal("y", u[first] + u[other], 1.0, observed=Y)
    return model


X = {"x": RNG.normal(size=N)}
NO_X = {"x": np.zeros(N)}
SAME = np.arange(N)
CASES = {
    "groups that become crossed": (of_groups, NESTED, CROSSED),
    "groups that become nested": (of_groups, CROSSED, NESTED),
    "counts by groups": (lambda **data: of_groups(**data, family="counts"), NESTED, CROSSED),
    "a column of zeros": (of_slopes, NO_X, X),
    "counts by a column of zeros": (lambda **data: of_slopes(**data, family="counts"), NO_X, X),
    "more effects than are looked at one by one": (of_many, {"g": SAME, "h": SAME}, {"g": SAME, "h": SAME + 100}),
}


LONG = ("groups that become nested", "counts by groups", "a column of zeros")


@pytest.mark.parametrize("name", some(CASES, lambda name: name not in LONG))
def test_other_data_have_other_effects_that_meet(name):
    make, before, after = CASES[name]
    model = make(**before)
    objective = pml.Objective(model)
    at = np.full(objective.size, 0.7)
    first = objective.minus2ll(at), objective.gradient(at)
    fresh = pml.Objective(make(**after))
    right = fresh.minus2ll(at), fresh.gradient(at)
    assert abs(first[0] - right[0]) > 0.01
    twin = objective.with_data(**after)
    for one, theirs in ((twin, right), (objective, first)):
        np.testing.assert_allclose(one.minus2ll(at), theirs[0], rtol=1e-12)
        np.testing.assert_allclose(one.gradient(at), theirs[1], rtol=1e-9)
    pm.set_data(after, model=model)
    for one in (objective, pml.Objective(model)):
        np.testing.assert_allclose(one.minus2ll(at), right[0], rtol=1e-12)
        np.testing.assert_allclose(one.gradient(at), right[1], rtol=1e-9)
    for data, value in before.items():
        model[data].get_value(borrow=True)[:] = value
    np.testing.assert_allclose(objective.minus2ll(at), first[0], rtol=1e-12)


def test_the_rule_of_integration_is_that_of_the_covariates_of_now():
    def made(x):
        with pm.Model() as model:
            d, s = pm.Data("x", x), pm.HalfNormal("s", 2)
            eta = pm.Normal("v", 0, s, shape=4)[PLANE] * d
            pm.Bernoulli("y", logit_p=eta, observed=(Y > 0).astype(int))
        return model

    model = made(NO_X["x"])
    objective = pml.Objective(model)
    assert objective.minus2ll([0.7]) == pytest.approx(2 * N * np.log(2.0))  # the effects play no part
    pm.set_data({"x": 3.0 * X["x"]}, model=model)
    assert objective.minus2ll([0.7]) == pytest.approx(pml.Objective(made(3.0 * X["x"])).minus2ll([0.7]), abs=1e-9)


def test_a_pattern_is_known_again_by_few_products():
    places = np.array([(0, 0), (1, 1), (2, 2), (0, 1), (1, 0)]).T
    pattern = coloured(3, *places)
    matrix = np.array([[2.0, 1.0, 0.0], [1.0, 2.0, 0.0], [0.0, 0.0, 1e6]])
    assert has_pattern(pattern, lambda ways: ways @ matrix)
    for i, j, value in ((1, 2, 1e-3), (0, 1, 0.0), (0, 1, np.nan)):
        other = matrix.copy()
        other[i, j] = other[j, i] = value
        assert not has_pattern(pattern, lambda ways, m=other: ways @ m)
    assert pattern.key == coloured(3, *places).key != coloured(3, *places[:, :3]).key
