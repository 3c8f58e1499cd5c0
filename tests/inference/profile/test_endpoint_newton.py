"""Ends of intervals approached abreast: the same points as each finds alone, and nothing where a stack cannot go."""

from dataclasses import replace

import numpy as np
import pymc as pm
import pytest
from scipy import optimize

import pymc_landscape as pml
from pymc_landscape.inference.profile import LevelPoints, LevelProblems, level_points_batch
from pymc_landscape.inference.profile.current_fit import ReferenceFit as Current
from pymc_landscape.inference.profile.endpoint_newton import EndpointProblem as Task
from pymc_landscape.inference.profile.endpoint_newton import newton_endpoint as solve_end
from pymc_landscape.inference.profile.endpoint_newton import newton_endpoints_batch as approach
from pymc_landscape.inference.profile.quantities import find_quantities
from pymc_landscape.numerics.chi_squared import chi2_cutoff
from pymc_landscape.objective import screen_batch as screened_together

SIZES = np.array([1.2, 0.4, 2.2, 3.1, 0.9, 1.7, 2.5, 0.6])


@pytest.fixture(scope="module")
def current() -> Current:
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 10)
        sigma = pm.HalfNormal("sigma", 10)
        pm.Deterministic("share", mu / sigma)
        pm.Normal("y", mu, sigma, observed=SIZES)
    return Current(pml.fit_mle(model, progressbar=False))


@pytest.fixture(scope="module")
def tasks(current) -> list[Task]:
    estimates = [
        current.estimate_of(quantity) for quantity in find_quantities(current.fit.objective, ["mu", "sigma", "share"])
    ]
    return [Task(spot, side, chi2_cutoff(level)) for spot in estimates for side in (-1.0, 1.0) for level in (0.5, 0.99)]


def test_they_are_the_ends_that_each_finds_alone(tasks):
    straight = [task for task in tasks if not task.estimate.is_bent]
    for task, (near, is_met) in zip(straight, approach(straight), strict=True):
        assert is_met
        assert task.is_met(near)
        np.testing.assert_allclose(near.x, solve_end(task).x, rtol=1e-7, atol=1e-8)


def test_the_ends_of_a_mean_are_those_in_closed_form(tasks):
    n, spread = len(SIZES), SIZES.std()
    mean = [task for task in tasks if task.estimate.quantity.label == "mu"]
    for task, (near, _) in zip(mean, approach(mean), strict=True):
        away = spread * np.sqrt(np.expm1(task.rise / n))  # n log(1 + d²/s²) = q
        assert near.natural == pytest.approx(SIZES.mean() + task.side * away, rel=1e-8)


def test_a_bent_quantity_is_not_for_a_stack(tasks):
    found = approach(tasks)
    assert [near is None for near in found] == [task.estimate.is_bent for task in tasks]


def test_a_minimum_without_curvature_gives_no_way(tasks):
    flat = replace(tasks[0].estimate, hessian_or_function=np.zeros_like(tasks[0].estimate.hessian))
    assert approach([Task(flat, 1.0, 1.0)]) == [None]
    assert approach([]) == []


def test_blocks_of_several_frames_are_screened_as_each_alone(current, rng):
    (quantity,) = find_quantities(current.fit.objective, "mu")
    one, held = (
        current.estimate_of(quantity).restricted,
        type(current.estimate_of(quantity).restricted)(current.fit.objective, fixed={1: 0.5}),
    )
    blocks = [rng.normal(size=(3, 2)), rng.normal(size=(2, 1)), np.empty((0, 2)), rng.normal(size=(1, 2))]
    before = one.n_evaluations
    together = screened_together([one, held, one, one], blocks)
    assert one.n_evaluations == before
    for restricted, block, values in zip([one, held, one, one], blocks, together, strict=True):
        np.testing.assert_array_equal(values, [restricted.value(x) for x in block])


def test_nothing_is_looked_for_beside_an_end_on_a_convex_surface(budworm):
    """On a convex surface, a value and a Hessian a step are all; what is evaluated is what is counted."""
    engines = [budworm.objective.engine(kind, budworm.objective.names) for kind in ("density", "gradient", "hessian")]
    counted, inside = [], []
    with pytest.MonkeyPatch.context() as patch:
        for engine in engines:
            for name in ("one", "several", "at"):
                patch.setattr(engine, name, _counting(getattr(engine, name), counted, inside))
        found = pml.confidence_intervals(budworm, ["b[constant]", "b[dose]"], progressbar=False)
    assert found.attrs["n_evaluations"] == sum(counted) <= 30


def _counting(evaluate, counted, inside):
    def count(points):
        inside.append(evaluate)
        try:
            return evaluate(points)
        finally:
            inside.pop()
            if not inside:
                counted.append(len(points) if points.ndim == 2 else 1)

    return count


def test_a_hessian_serves_points_nearby():
    """Of f = ‖x‖² + Σ cosh x the ends of x₀ are the same with Hessians of neighbours, and fewer are asked for."""
    asked = []

    def derivatives(rows, x):
        asked.append(len(rows))
        hessian = np.einsum("ni,ij->nij", 2 + 0.02 * np.cosh(x), np.eye(2))
        return *gradients(rows, x), hessian

    def gradients(rows, x):
        return (x**2 + 0.02 * np.cosh(x)).sum(axis=1), 2 * x + 0.02 * np.sinh(x)

    level = LevelProblems(
        target=np.array([4.04, 4.04]), held=np.array([[0], [0]]), planes=np.empty((2, 0, 2)), offsets=np.empty((2, 0)),
        metric=2.02 * np.eye(2), longest=np.full(2, 2.0), close=1e-10, off=0.0, remaining=1e-11,
    )  # fmt: skip
    begin = np.array([[1.99, 0.001], [-1.99, 0.001]])
    plain = level_points_batch(derivatives, level, begin, 15)
    n, asked[:] = sum(asked), []
    cheap = level_points_batch(derivatives, level, begin, 15, gradients)
    assert plain.converged.all()
    assert cheap.converged.all()
    np.testing.assert_allclose(cheap.x[:, 0], plain.x[:, 0], atol=1e-10)
    assert sum(asked) < n


def test_heights_are_met_to_the_third_order():
    """Of f = ‖x‖² + 0.02 Σ cosh x four evaluations lead to the last digit; the last step takes none."""
    asked = []

    def derivatives(rows, x):
        asked.append(len(rows))
        hessian = np.einsum("ni,ij->nij", 2 + 0.02 * np.cosh(x), np.eye(2))
        return (x**2 + 0.02 * np.cosh(x)).sum(axis=1), 2 * x + 0.02 * np.sinh(x), hessian

    level = LevelProblems(
        target=np.array([4.04, 4.04]), held=np.array([[0], [0]]), planes=np.empty((2, 0, 2)), offsets=np.empty((2, 0)),
        metric=2.02 * np.eye(2), longest=np.full(2, 2.0), close=1e-10, off=0.0, remaining=1e-11,
    )  # fmt: skip
    found = level_points_batch(derivatives, level, np.array([[1.8, 0.1], [-1.8, 0.1]]), 15)
    assert found.converged.all()
    assert len(asked) <= 4
    end = optimize.brentq(lambda x: x**2 + 0.02 * np.cosh(x) + 0.02 - 4.04, 1.5, 2.5, xtol=1e-15)
    np.testing.assert_allclose(found.x, [[end, 0.0], [-end, 0.0]], atol=1e-10)
    np.testing.assert_allclose(found.value, 4.04, atol=1e-12)


def test_one_singular_system_leaves_the_others_alone():
    def derivatives(rows, x):
        hessian = np.einsum("n,ij->nij", np.where(rows == 0, 0.0, 2.0), np.eye(2))
        return (x**2).sum(axis=1), 2.0 * x, hessian

    level = LevelProblems(
        target=np.full(3, 4.0), held=np.zeros((3, 1), dtype=int), planes=np.empty((3, 0, 2)), offsets=np.empty((3, 0)),
        metric=2.0 * np.eye(2), longest=np.full(3, 2.0), close=1e-10, off=0.0, remaining=1e-11,
    )  # fmt: skip
    found = level_points_batch(derivatives, level, np.array([[1.0, 0.0], [1.0, 0.5], [-1.0, 0.0]]), 15)
    assert found.converged.tolist() == [False, True, True]
    np.testing.assert_allclose(found.x[1:], [[2.0, 0.0], [-2.0, 0.0]], atol=1e-9)


def test_what_rises_across_does_so_in_any_company():
    """Whether an end is beyond doubt hangs on its own Hessian, not on one in the stack that has no Cholesky factor."""
    rise, flat, saddle = np.diag([2.0, 3.0, 1.0]), np.array([[1, 0, 0], [0, 1, 1], [0, 1, 1.0]]), np.diag([1.0, 1, -1])
    nearly = np.array([[1, 0, 0], [0, 1, 1 - 2e-9], [0, 1 - 2e-9, 1]])  # the least eigenvalue is 2e-9, the pivot 6e-5
    hessians = [rise, flat, nearly, saddle, np.full((3, 3), np.nan), rise]

    def rises(which):
        n = len(which)
        numbers = np.zeros(n), np.zeros((n, 3)), np.array([hessians[i] for i in which]), np.zeros(n)
        found = LevelPoints(np.zeros((n, 3)), *numbers, np.ones(n, dtype=bool))
        return found.rise_across(np.zeros((n, 1), dtype=int)).tolist()

    assert rises(range(6)) == [rises([i])[0] for i in range(6)] == [True, False, True, False, False, True]
