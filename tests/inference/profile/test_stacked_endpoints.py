"""Limits of many data sets at once: those of each alone; and no verdict where a data set needs a closer look."""

import numpy as np
import pymc as pm
import pytest
from verbs import fit

import pymc_landscape as pml
from pymc_landscape.inference.intervals import interval_limits
from pymc_landscape.inference.profile import StackedEndpoints, find_quantities
from pymc_landscape.objective.observations import StackedData
from pymc_landscape.optimize.stacks import StackedSearches, may_be_symmetric

SEED = 3  # each drawn anew: the data of one are the same whichever others were drawn before
X = np.linspace(-1.0, 2.0, 12)
METHODS = ("wald", "profile")


def normal() -> tuple[pm.Model, dict[str, np.ndarray]]:
    """Not convex: all is looked at. Data that are alike leave no spread; a spread of 9 is on its bound."""
    with pm.Model() as model:
        pm.Normal("y", pm.Flat("mu"), pm.Uniform("sigma", 0, 9), observed=X)
    sets = np.random.default_rng(SEED).normal(1.0, 2.0, size=(5, 12))
    return model, {"y": np.concatenate([sets, np.ones((1, 12)), 20 * X[None]])}


def counts() -> tuple[pm.Model, dict[str, np.ndarray]]:
    """Convex: nothing has to be looked at. Without a count −2LL has no minimum."""
    with pm.Model() as model:
        b = pm.Normal("b", 0, 9, shape=2)
        pm.Poisson("y", pm.math.exp(b[0] + b[1] * X), observed=np.arange(12))
    sets = np.random.default_rng(SEED).poisson(np.exp(0.5 + X), size=(4, 12))
    return model, {"y": np.concatenate([sets, np.zeros((1, 12), int)])}


def proportions() -> tuple[pm.Model, dict[str, np.ndarray]]:
    """Of equal counts the two could change places, but then there is one minimum; a count of none is on the edge."""
    with pm.Model() as model:
        pm.Binomial("y", 12, pm.Beta("p", 1, 1), observed=5)
        pm.Binomial("z", 12, pm.Beta("q", 1, 1), observed=7)
    return model, {"y": np.array([4, 3, 6, 0]), "z": np.array([7, 9, 6, 8])}


def wave() -> tuple[pm.Model, dict[str, np.ndarray]]:
    """Beside each end of the other parameters there is another minimum of the frequency."""
    t = np.linspace(0.0, 3.0, 25)
    with pm.Model() as model:
        pm.Normal(
            "y", pm.math.sin(pm.Normal("f", 2, 9, initval=2.2) * t), pm.HalfNormal("s", 1), observed=np.sin(2 * t)
        )
    return model, {"y": np.sin(2.2 * t) + np.random.default_rng(SEED).normal(0, 0.5, size=(3, 25))}


MODELS = {normal: [1] * 5 + [0] * 2, counts: [1] * 4 + [0], proportions: [1, 1, 1, 0], wave: [0] * 3}


@pytest.mark.parametrize("build", MODELS)
def test_limits_that_are_certain_are_those_of_each_alone(build):
    model, sets = build()
    objective = pml.Objective(model)
    start, quantities = objective.pack(objective.initial_point()), find_quantities(objective, None)
    limits, certain = StackedEndpoints(StackedSearches(objective, sets, start, ""), quantities, 0.9).limits(METHODS)
    assert certain.tolist() == [bool(expected) for expected in MODELS[build]]
    assert np.isnan(limits[~certain]).all()
    for i in np.flatnonzero(certain)[:2]:
        twin = objective.with_data(**{name: values[i] for name, values in sets.items()})
        alone = pml.fit_mle(twin, starts=start[None], progressbar=False)
        np.testing.assert_allclose(limits[i], interval_limits(alone, quantities, 0.9, METHODS, 9, None), 1e-9, 1e-9)


def test_ends_of_a_mean_are_those_in_closed_form():
    model, sets = normal()
    objective = pml.Objective(model)
    searches = StackedSearches(objective, sets, objective.pack(objective.initial_point()), "")
    limits, certain = StackedEndpoints(searches, find_quantities(objective, "mu"), 0.9).limits(["profile"])
    for own, y in zip(limits[certain], sets["y"][certain], strict=True):
        away = y.std() * np.sqrt(np.expm1(2.705543454095404 / len(y)))  # n log(1 + d²/s²) = q
        np.testing.assert_allclose(own.ravel(), [y.mean() - away, y.mean() + away], rtol=1e-9)


def test_what_is_no_single_element_is_not_for_a_stack():
    model, _ = normal()
    objective = pml.Objective(model)
    assert StackedEndpoints.can_stack(find_quantities(objective, None), METHODS)
    assert not StackedEndpoints.can_stack(find_quantities(objective, None), ["bootstrap"])
    assert not StackedEndpoints.can_stack(find_quantities(objective, {"sum": {"mu": 1, "sigma": 1}}), METHODS)


def test_data_sets_with_a_symmetry_of_their_own_are_told():
    model, sets = proportions()
    data = StackedData(pml.Objective(model), sets)
    assert may_be_symmetric(data, np.arange(4), np.zeros((4, 2))).tolist() == [False, False, True, False]


def test_a_study_is_the_same_whichever_way_limits_are_found(monkeypatch):
    found = fit(counts()[0])
    options = {"draws": 12, "random_seed": 2, "progressbar": False}
    at_once = pml.coverage_study(found, **options)
    monkeypatch.setattr(StackedEndpoints, "can_stack", staticmethod(lambda quantities, methods: False))
    alone = pml.coverage_study(found, **options)
    for name, numbers in alone.data_vars.items():
        np.testing.assert_allclose(at_once[name], numbers, rtol=1e-9, err_msg=str(name))
