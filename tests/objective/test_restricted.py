"""One point, in the layouts of several restricted objectives."""

import numpy as np
import pymc as pm
import pytest

import pymc_landscape as pml
from pymc_landscape.objective import DerivativesAtOnce, MemoizedObjective, RestrictedObjective


@pytest.fixture(scope="module")
def objective() -> pml.Objective:
    with pm.Model():
        scale = pm.HalfNormal("scale", shape=2)
        share = pm.Beta("share", 2, 2)
        weights = pm.Dirichlet("weights", np.ones(3))
        pm.Normal("y", share + weights[0], scale, observed=[0.3, 0.8])
        return pml.Objective()


POINT = {"scale": np.array([0.5, 2.0]), "share": 0.3, "weights": np.array([0.2, 0.3, 0.5])}


def same_point(one, other):
    for name, value in one.items():
        np.testing.assert_allclose(value, other[name], rtol=1e-14)


@pytest.mark.parametrize("natural", [[], ["scale"], ["scale", "share"]])
def test_a_natural_point_is_found_in_every_layout(objective, natural):
    restricted = RestrictedObjective(objective, frozenset(natural))
    x = restricted.restrict(POINT)
    same_point(POINT, restricted.natural_point(x))
    assert restricted.value(x) == pytest.approx(float(objective.value(objective.pack(POINT))), rel=1e-14)


def test_numbers_on_the_same_scale_are_kept_to_the_last_bit(objective, rng):
    here = RestrictedObjective(objective, frozenset(["share"]))
    x = here.restrict(POINT) + 1e-3 * rng.normal(size=len(here.free))
    there, y = here.on_natural_scale(x, frozenset(["scale"]))
    same_point(here.natural_point(x), there.natural_point(y))
    kept = [here.layout.slices[name] for name in ("share", "weights")]
    moved = [there.layout.slices[name] for name in ("share", "weights")]
    for one, other in zip(kept, moved, strict=True):
        np.testing.assert_array_equal(x[one], y[other])


def test_fixed_elements_stand_where_they_are_fixed(objective):
    free = RestrictedObjective(objective)
    fixed, x = free.with_fixed(free.restrict(POINT), {("scale", 1): 3.0})
    assert fixed.fixed_elements == {("scale", 1): 3.0}
    assert fixed.natural == {"scale"}
    point = fixed.natural_point(x)
    np.testing.assert_allclose(point["scale"], [0.5, 3.0], rtol=1e-14)
    assert point["share"] == pytest.approx(0.3, rel=1e-14)
    released, y = fixed.with_fixed(x, {})
    assert released.fixed == {}
    np.testing.assert_allclose(released.natural_point(y)["scale"], [0.5, 3.0], rtol=1e-14)


def test_a_memoized_objective_gives_the_same_in_one_pass(objective):
    plain, memoized = RestrictedObjective(objective), MemoizedObjective(objective)
    x = plain.restrict(POINT)
    value, gradient = plain.value_and_gradient(x)
    assert memoized.value_and_gradient(x)[0] == pytest.approx(value, rel=1e-14)
    np.testing.assert_allclose(memoized.value_and_gradient(x)[1], gradient, rtol=1e-12)
    np.testing.assert_allclose(memoized.hessian(x), plain.hessian(x), rtol=1e-12)
    assert memoized.n_evaluations == 1


def test_newton_steps_evaluate_all_derivatives_in_one_pass_until_one_is_refused(objective):
    plain = RestrictedObjective(objective)
    surface, x = DerivativesAtOnce(plain), plain.restrict(POINT)
    value, gradient = RestrictedObjective(objective).value_and_gradient(x)
    before = objective.passes.n
    found = surface.value_and_gradient(x), surface.hessian(x.copy())
    assert objective.passes.n == before + 1
    assert found[0][0] == pytest.approx(value, rel=1e-14)
    np.testing.assert_allclose(found[0][1], gradient, rtol=1e-12)
    np.testing.assert_allclose(found[1], plain.hessian(x), rtol=1e-12)
    before = objective.passes.n
    surface.value_and_gradient(x + 0.1)  # refused
    surface.value_and_gradient(x + 0.01)  # without a Hessian
    np.testing.assert_allclose(surface.hessian(x + 0.01), plain.hessian(x + 0.01), rtol=1e-12)
    assert objective.passes.n == before + 4


def test_a_notebook_shows_terms_parameters_and_what_is_latent():
    with pm.Model(coords={"group": ["a", "<b>"]}) as model:
        sigma = pm.HalfNormal("sigma")
        u = pm.Normal("u", 0, sigma, dims="group")
        state = pm.Bernoulli("state", 0.4, shape=2)
        pm.Normal("y", u + state, 1.0, observed=[0.1, 0.2])
    html = pml.Objective(model, latent=["u", "state"])._repr_html_()
    assert "Integrated out: u" in html
    assert "Summed out: state" in html
    assert "y (2); 2 observations" in html
    assert "<td>sigma</td><td>scalar</td><td></td><td>(0, ∞)</td><td>log</td>" in html
