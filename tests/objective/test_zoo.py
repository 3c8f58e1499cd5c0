"""On every kind of model, the landscape is the model's own density, by name, without a Jacobian."""

import numpy as np
import pymc as pm
import pytensor
import pytest
import xarray as xr
from oracle import Oracle, grid_points, in_double_precision
from selection import some
from zoo import TRAITS, ZOO, names

import pymc_landscape as pml

EXACT = 1e-10
SMOOTH = names(without=("discrete", "blackbox", "float32", "random"))
# A Hessian costs seconds of graph building (a Gaussian process twenty): one of each kind.
TWICE_SMOOTH = (
    "gaussian_unknown_sigma",
    "student_t_robust",
    "logit_20_predictors",
    "negative_binomial",
    "categorical",
    "multi_dimensional_coords",
    "censored_weibull",
    "missing_data",
    "two_observed",
    "potential_only",
    "zero_sum",
    "named_dims",
    "nested_names",
    "dependent_bounds",
    "flat_priors",
    "transforms_by_user",
    "idle_parameter",
    "eight_schools_centred",
    "random_walk",
    "scan_moving_average",
    "normal_mixture",
    "correlated_effects",
)
# A search through the curvature of a Gaussian process takes ten seconds.
FITTED = [name for name in SMOOTH if not name.startswith("gp_")]
# Compiled natively within seconds, and as different from one another as can be had.
KERNELS = (
    "gaussian_unknown_sigma",
    "multi_dimensional_coords",
    "eight_schools_centred",
    "autoregression",
    "scan_moving_average",
    "normal_mixture",
    "censored_weibull",
    "missing_data",
    "two_observed",
    "change_point",
    "named_dims",
    "black_box",
    "dependent_bounds",
    "single_precision",
)


# One of each kind: what runs always. The rest is exhaustive.
ALWAYS = (
    "gaussian_unknown_sigma",
    "logit_20_predictors",
    "negative_binomial",
    "multi_dimensional_coords",
    "censored_weibull",
    "missing_data",
    "two_observed",
    "zero_sum",
    "mutable_data",
    "named_dims",
    "black_box",
    "dependent_bounds",
    "transforms_by_user",
    "single_precision",
    "eight_schools_centred",
    "change_point",
    "minibatch",
)
QUICKLY_COMPILED = ("gaussian_unknown_sigma", "named_dims", "black_box", "dependent_bounds", "change_point")


def precision(name: str) -> float:
    return 1e-5 if "float32" in TRAITS[name] else EXACT


def assert_close(actual, wanted, tolerance: float = EXACT) -> None:
    """Equal to a relative `tolerance`; infinities must be the same ones."""
    np.testing.assert_allclose(np.asarray(actual), np.asarray(wanted), rtol=tolerance, atol=tolerance)


def truth(oracle, axes, at) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Summed terms and log prior over the grid; no likelihood outside the prior's support."""
    shape = tuple(len(values) for values in axes.values())
    terms, prior = {t: np.empty(shape) for t in oracle.terms}, np.empty(shape)
    for index, point in grid_points(oracle, axes, at):
        densities, prior[index] = oracle(point)
        for term, density in densities.items():
            terms[term][index] = density.sum() if np.isfinite(prior[index]) else -np.inf
    return terms, prior


@pytest.mark.parametrize("name", some(ZOO, ALWAYS))
def test_the_truth_is_the_density_written_by_hand(name, specimen_of, oracle_of):
    here, oracle = specimen_of(name), oracle_of(name)
    tolerance = precision(name)
    for _, point in grid_points(oracle, here.axes, here.at):
        terms, prior = oracle(point)
        with np.errstate(invalid="ignore", divide="ignore"):
            by_hand, prior_by_hand = here.by_hand(point)
        assert set(terms) == set(by_hand)
        assert_close(prior, prior_by_hand, tolerance)
        for term, density in terms.items():
            assert density.shape == np.shape(by_hand[term])
            assert_close(density, by_hand[term], tolerance)


@pytest.mark.parametrize("name", some(ZOO, ALWAYS))
def test_landscape_is_the_models_own_density(name, specimen_of, oracle_of, landscape_of):
    here, result = specimen_of(name), landscape_of(name)
    terms, prior = truth(oracle_of(name), here.axes, here.at)
    likelihood = sum(terms.values())
    assert result["log_likelihood"].dims == tuple(here.axes)
    assert_close(result["log_likelihood"], likelihood, precision(name))
    assert_close(result["log_prior"], prior, precision(name))
    assert_close(result["log_posterior"], likelihood + prior, precision(name))
    if len(terms) > 1:
        for term, wanted in terms.items():
            assert_close(result["term_log_likelihood"].sel(term=term), wanted, precision(name))


@pytest.mark.parametrize("name", some(ZOO, ALWAYS))
def test_minus2ll_is_minus_twice_and_delta_starts_at_zero(name, landscape_of):
    result = landscape_of(name)
    np.testing.assert_array_equal(result["minus2ll"], -2 * result["log_likelihood"])
    delta = result["minus2ll"] - result["minus2ll"].min()
    np.testing.assert_array_equal(result["delta_minus2ll"], delta)
    assert float(result["delta_minus2ll"].min()) == 0
    assert result.attrs["completion"] == "complete"
    assert result.attrs["n_evaluated"] == result["minus2ll"].size


@pytest.mark.parametrize("name", some(ZOO, ALWAYS))
def test_the_point_at_which_the_others_are_held_is_told(name, specimen_of, oracle_of, objective_of, landscape_of):
    here, result = specimen_of(name), landscape_of(name)
    held = {**oracle_of(name).initial, **here.at}
    if len(here.axes) == len(objective_of(name).labels):
        assert "at" not in result.coords  # nothing is held
        return
    wanted = np.concatenate([np.ravel(held[v.name]) for v in here.model.free_RVs])
    assert_close(result["at"], wanted, 1e-6 if "float32" in TRAITS[name] else 1e-12)
    assert result["at"].dims == ("parameter",)
    np.testing.assert_array_equal(
        result["parameter"].str.split("dummy", "[").isel(dummy=0),
        np.concatenate([[v.name] * np.size(held[v.name]) for v in here.model.free_RVs]),
    )


def test_one_weight_of_a_simplex_is_an_axis_and_the_others_share_the_rest(specimen_of, oracle_of):
    oracle, weights = oracle_of("categorical"), np.array([0.3, 0.5, 0.2])
    shares = np.array([0.1, 0.5, 0.9])
    grid = pml.regular_grid({"p[1]": shares})
    model = specimen_of("categorical").model
    result = pml.evaluate_landscape(model, grid, at={"p": weights}, progressbar=False)
    for i, share in enumerate(shares):
        rest = (1 - share) / 0.5
        terms, prior = oracle({"p": np.array([0.3 * rest, share, 0.2 * rest])})
        assert_close(result["log_likelihood"][i], terms["seen"].sum())
        assert_close(result["log_prior"][i], prior)


@pytest.mark.parametrize("name", names(having=("edge",)))
def test_points_outside_the_support_are_infinite(name, specimen_of, landscape_of):
    result = landscape_of(name)
    outside = np.isneginf(result["log_prior"])
    assert outside.any()
    assert not outside.all()
    assert np.isneginf(result["log_likelihood"].where(outside, -np.inf)).all()
    assert np.isposinf(result["delta_minus2ll"].where(outside, np.inf)).all()
    assert np.isfinite(result["log_likelihood"].where(~outside, 0.0)).all()


@pytest.mark.parametrize("name", some([n for n in ZOO if "random" not in TRAITS[n]], ALWAYS))
def test_pointwise_terms_sum_to_the_term(name, specimen_of, objective_of, oracle_of, landscape_of):
    here, oracle = specimen_of(name), oracle_of(name)
    grid = pml.regular_grid(here.axes)
    result = pml.evaluate_landscape(objective_of(name), grid, at=here.at, pointwise=True, progressbar=False)
    total = sum(result[t].sum([d for d in result[t].dims if d not in here.axes]) for t in oracle.terms)
    assert_close(total, landscape_of(name)["log_likelihood"], precision(name))
    for index, point in grid_points(oracle, here.axes, here.at):
        terms, prior = oracle(point)
        for term in oracle.terms:
            wanted = terms[term] if np.isfinite(prior) else np.full_like(terms[term], -np.inf)
            assert_close(result[term].values[index], wanted, precision(name))


@pytest.mark.parametrize("name", some(KERNELS, QUICKLY_COMPILED))
def test_compiled_kernel_agrees(name, specimen_of, landscape_of):
    here, plain = specimen_of(name), landscape_of(name)
    objective = pml.Objective(here.model, latent=(), backend="numba")
    grid = pml.regular_grid(here.axes)
    compiled = pml.evaluate_landscape(objective, grid, at=here.at, progressbar=False)
    for variable in plain.data_vars:
        assert_close(compiled[variable], plain[variable], precision(name))


@pytest.mark.parametrize("name", some(["gaussian_unknown_sigma", "two_observed", "random_walk"], ALWAYS))
def test_landscape_is_compile_logp_as_users_call_it(name, specimen_of, oracle_of, landscape_of):
    here, oracle = specimen_of(name), oracle_of(name)
    with in_double_precision():
        logp = oracle.plain.compile_logp()
    wanted = [logp(point) for _, point in grid_points(oracle, here.axes, here.at)]
    assert_close(landscape_of(name)["log_posterior"].values.ravel(), wanted)


def test_a_session_of_single_precision(specimen_of):
    wanted = specimen_of("gaussian_unknown_sigma")
    with pytensor.config.change_flags(floatX="float32"):
        here = ZOO["gaussian_unknown_sigma"]()
        grid = pml.regular_grid(here.axes)
        result = pml.evaluate_landscape(here.model, grid, at=here.at, progressbar=False)
    terms, _ = truth(Oracle(wanted.model), wanted.axes, wanted.at)
    assert_close(result["log_likelihood"], terms["y"], 1e-4)


@pytest.mark.parametrize("backend", [None, "numba"])
def test_new_data_are_seen_without_a_new_objective(backend, specimen_of):
    here = specimen_of("mutable_data")
    before = {k: here.model[k].get_value() for k in ("x", "y_data")}
    objective = pml.Objective(here.model, backend=backend)
    grid = pml.regular_grid(here.axes)
    pml.evaluate_landscape(objective, grid, progressbar=False)
    after = {"x": before["x"][:9] * 2, "y_data": before["y_data"][:9] - 1}
    with in_double_precision():
        twin = ZOO["mutable_data"]().model
        pm.set_data(after, model=twin)
    try:
        pm.set_data(after, model=here.model)
        terms, prior = truth(Oracle(twin), here.axes, here.at)
        after = pml.evaluate_landscape(objective, grid, progressbar=False)
    finally:
        with here.model:
            pm.set_data(before)
    assert_close(after["log_likelihood"], terms["y"])
    assert_close(after["log_prior"], prior)


def start(objective, here, rng) -> np.ndarray:
    """A generic place on the unconstrained scale: the specimen's own point, slightly moved."""
    theta = objective.pack({**objective.initial_point(), **here.at})
    return theta + rng.uniform(0.02, 0.08, size=theta.shape)


@pytest.mark.parametrize("name", some([n for n in ZOO if "discrete" not in TRAITS[n]], ALWAYS))
def test_theta_and_point_are_the_same_place(name, specimen_of, objective_of, oracle_of, rng):
    here, objective, oracle = specimen_of(name), objective_of(name), oracle_of(name)
    theta = start(objective, here, rng)
    point = objective.unpack(theta)
    assert theta.shape == (len(objective.labels),)
    assert set(point) == {v.name for v in here.model.free_RVs}
    np.testing.assert_allclose(
        objective.pack(point), theta, rtol=1e-6 if "float32" in TRAITS[name] else 1e-12, atol=1e-12
    )
    terms, prior = oracle(point)
    assert_close(objective.log_likelihood(theta), sum(d.sum() for d in terms.values()), precision(name))
    assert_close(objective.log_prior(theta), prior, precision(name))
    assert_close(objective.minus2ll(theta), -2 * objective.log_likelihood(theta), precision(name))


@pytest.mark.parametrize("name", some(ZOO, ALWAYS))
def test_initial_point_is_pymcs(name, objective_of, oracle_of):
    initial = objective_of(name).initial_point()
    assert set(initial) == set(oracle_of(name).initial)
    for variable, wanted in oracle_of(name).initial.items():
        assert_close(initial[variable], wanted, 1e-6)


def test_who_writes_into_an_initial_point_has_a_copy(objective_of):
    objective = objective_of("gaussian_unknown_sigma")
    first, want = objective.initial_point(), objective.initial_point()
    for value in first.values():
        value[...] = 77.0
    assert objective.initial_point() == want


def central_difference(function, theta: np.ndarray) -> np.ndarray:
    """Derivative along each coordinate, last axis, to fourth order in a step of 1e-3."""
    step = 1e-3 * np.eye(theta.size)
    near = [np.asarray(function(theta + s)) - np.asarray(function(theta - s)) for s in step]
    far = [np.asarray(function(theta + 2 * s)) - np.asarray(function(theta - 2 * s)) for s in step]
    return np.stack([(8 * n - f) / 12e-3 for n, f in zip(near, far, strict=True)], axis=-1)


@pytest.mark.parametrize("name", some(SMOOTH, ALWAYS))
def test_gradient_is_the_slope_of_minus2ll(name, specimen_of, objective_of, rng):
    objective = objective_of(name)
    theta = start(objective, specimen_of(name), rng)
    gradient = objective.gradient(theta)
    slope = central_difference(objective.minus2ll, theta)
    np.testing.assert_allclose(gradient, slope, rtol=1e-6, atol=1e-6 * max(1, np.abs(slope).max()))


@pytest.mark.parametrize("name", some(TWICE_SMOOTH, ALWAYS))
def test_hessian_is_the_slope_of_the_gradient(name, specimen_of, objective_of, rng):
    objective = objective_of(name)
    theta = start(objective, specimen_of(name), rng)
    hessian = objective.hessian(theta)
    slope = central_difference(objective.gradient, theta)
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-8, atol=1e-8 * np.abs(hessian).max())
    np.testing.assert_allclose(hessian, slope, rtol=1e-5, atol=1e-6 * max(1, np.abs(slope).max()))


@pytest.mark.parametrize("name", some(["gaussian_unknown_sigma", "normal_mixture", "named_dims"], ALWAYS))
def test_many_thetas_are_each_theta(name, specimen_of, objective_of, rng):
    objective = objective_of(name)
    theta = start(objective, specimen_of(name), rng)
    many = theta + rng.normal(0, 0.05, size=(4, theta.size))
    for verb in (objective.minus2ll, objective.gradient, objective.hessian):
        assert_close(verb(many), np.stack([verb(one) for one in many]))


@pytest.mark.parametrize("name", names(having=("blackbox",)))
def test_a_black_box_has_derivatives_by_differences(name, objective_of, specimen_of, rng):
    """y ~ N(exp(−r t), σ), by hand: the Op has no gradient, so that both derivatives are differences of values."""
    objective = objective_of(name)
    theta, times = start(objective, specimen_of(name), rng), np.arange(1.0, 9.0)
    rate, sigma = objective.unpack(theta).values()
    curve = np.exp(-rate * times)
    residual = objective.model.rvs_to_values[objective.model["y"]].data - curve
    by_rate = 2 * rate * (residual * times * curve).sum() / sigma**2
    by_sigma = 2 * len(times) - 2 * (residual**2).sum() / sigma**2
    assert not objective.has_gradient
    np.testing.assert_allclose(objective.gradient(theta), [by_rate, by_sigma], rtol=1e-6)
    np.testing.assert_allclose(objective.hessian(theta)[1, 1], 4 * (residual**2).sum() / sigma**2, rtol=1e-6)


@pytest.mark.parametrize("name", names(having=("once",)))
def test_a_density_without_second_derivative_has_differences_of_gradients(name, objective_of, specimen_of, rng):
    objective = objective_of(name)
    theta = start(objective, specimen_of(name), rng)
    moves = 1e-4 * np.eye(len(theta))
    rows = (objective.gradient(theta + moves) - objective.gradient(theta - moves)) / 2e-4
    np.testing.assert_allclose(objective.hessian(theta), rows, rtol=1e-5, atol=1e-5 * np.abs(rows).max())


def test_model_is_left_as_it_was(specimen_of, landscape_of):
    here = specimen_of("transforms_by_user")
    before = (list(here.model.free_RVs), dict(here.model.rvs_to_initial_values))
    landscape_of("transforms_by_user")
    assert (list(here.model.free_RVs), dict(here.model.rvs_to_initial_values)) == before


def test_landscape_is_saved_and_reopened_unchanged(landscape_of, tmp_path):
    result = landscape_of("two_observed")
    result.to_netcdf(tmp_path / "landscape.nc")
    with xr.open_dataset(tmp_path / "landscape.nc") as again:
        xr.testing.assert_identical(again.load(), result)


@pytest.mark.parametrize("name", some(FITTED, ALWAYS))
def test_a_claimed_optimum_has_nothing_lower_near_it(name, objective_of, rng):
    fit = pml.fit_mle(objective_of(name), progressbar=False)
    assert len(fit.summary())
    if not fit.status.is_optimum:
        assert fit.message
        return
    inside = np.isfinite(fit.theta)
    here = np.where(inside, fit.theta, np.sign(fit.theta) * 30)  # as good as the edge
    around = here + 0.01 * rng.normal(size=(200, len(here))) * inside
    point = {v.name: fit.point[v.name].to_numpy() for v in fit.objective.variables}
    at_estimate = float(fit.objective.value(fit.objective.pack(point)))
    assert fit.minus2ll == pytest.approx(at_estimate, abs=1e-8)
    assert fit.objective.value(around).min() >= fit.minus2ll - 1e-8
