"""Paths of optimisers: what they must be by hand, why they stop, and that ArviZ reads them."""

import arviz as az
import matplotlib.pyplot as plt
import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
import xarray as xr
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op

import pymc_landscape as pml
from pymc_landscape.optimize.descent.minimizers import methods
from pymc_landscape.optimize.descent.optimization_paths import descend
from pymc_landscape.optimize.descent.update_rules import RULES

SIGMA = 0.5
X = np.random.default_rng(1).normal(size=(40, 2))
Y = X @ np.array([1.0, -2.0]) + SIGMA * np.random.default_rng(2).normal(size=40)
START = {"beta": np.array([0.4, 0.1])}


def nll_gradient(beta):
    """By hand, for the regression below."""
    return X.T @ (X @ beta - Y) / SIGMA**2


@pytest.fixture(scope="module")
def quadratic():
    """A regression with known errors: −2LL is a quadratic of beta."""
    with pm.Model(coords={"k": ["slope", "bend"]}) as model:
        beta = pm.Normal("beta", 0, 10, dims="k")
        pm.Normal("y", X @ beta, SIGMA, observed=Y)
    return pml.Objective(model)


@pytest.fixture(scope="module")
def regression():
    """The same with errors of unknown size."""
    with pm.Model() as model:
        beta = pm.Normal("beta", 0, 10, shape=2)
        sigma = pm.HalfNormal("sigma", 2)
        pm.Normal("y", X @ beta, sigma, observed=Y)
    return pml.Objective(model)


@pytest.fixture(scope="module")
def hilltop():
    """Log-likelihood −(x² − 1)²: the slope is zero at 0, which is a peak of −2LL."""
    with pm.Model() as model:
        x = pm.Flat("x", initval=0.0)
        pm.Potential("data", -((x**2 - 1) ** 2))
    return pml.Objective(model)


def run(objective, optimizer, **options):
    return descend(objective, optimizer, **{"progressbar": False, "starts": START} | options)


# --- the numbers ----------------------------------------------------------------------------------------------------


def test_sgd_is_theta_minus_rate_times_the_gradient_of_nll(quadratic):
    path = run(quadratic, "sgd", learning_rate=1e-3, steps=20)
    theta = START["beta"]
    for i in range(21):
        np.testing.assert_allclose(path["beta"][0, i], theta, rtol=1e-12)
        np.testing.assert_allclose(path["grad_norm"][0, i], 2 * np.linalg.norm(nll_gradient(theta)), rtol=1e-11)
        theta = theta - 1e-3 * nll_gradient(theta)


def test_adam_is_adam(quadratic):
    path = run(quadratic, "adam", learning_rate=0.05, steps=100, tolerance=0.0)
    theta, m, v = START["beta"], 0.0, 0.0
    for t in range(1, 101):
        g = nll_gradient(theta)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        # Kingma & Ba, with ε beside the uncorrected root, as PyMC has it
        rate = 0.05 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        theta = theta - rate * m / (np.sqrt(v) + 1e-8)
        np.testing.assert_allclose(path["beta"][0, t], theta, rtol=1e-9, err_msg=f"step {t}")


def test_a_schedule_sets_the_rate_of_each_step(quadratic):
    path = run(quadratic, "sgd", learning_rate=lambda i: 1e-3 / i, steps=5)
    theta = START["beta"]
    for i in range(1, 6):
        theta = theta - 1e-3 / i * nll_gradient(theta)
        np.testing.assert_allclose(path["beta"][0, i], theta, rtol=1e-12)


def test_the_default_rate_is_one_over_the_largest_curvature(quadratic):
    path = run(quadratic, "sgd", steps=1)
    largest = np.linalg.eigvalsh(X.T @ X / SIGMA**2).max()
    expected = START["beta"] - nll_gradient(START["beta"]) / largest
    np.testing.assert_allclose(path["beta"][0, 1], expected, rtol=1e-9)


def test_newton_needs_one_step_on_a_quadratic(quadratic):
    path = run(quadratic, "newton")
    assert path["n_iterations"].item() == 1
    assert path["status"].item() == "converged"
    np.testing.assert_allclose(path["beta"][0, -1], np.linalg.lstsq(X, Y)[0], rtol=1e-12)


@pytest.mark.parametrize("optimizer", ["l-bfgs", "natural_gradient", "gradient_descent", "newton"])
def test_the_end_is_the_closed_form(regression, optimizer):
    path = run(regression, optimizer)
    beta, (rss,), *_ = np.linalg.lstsq(X, Y)
    assert path["status"].item() == "converged"
    np.testing.assert_allclose(path["beta"][0, -1], beta, atol=1e-4)
    np.testing.assert_allclose(path["sigma"][0, -1], np.sqrt(rss / 40), rtol=1e-4)
    floor = 40 * (np.log(2 * np.pi * rss / 40) + 1)
    assert abs(float(path["minus2ll"][0, -1]) - floor) < 1e-7


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "nesterov", "adagrad", "adam", "adamax"])
def test_rules_arrive_without_tuning(regression, optimizer):
    assert run(regression, optimizer)["status"].item() == "converged"


@pytest.mark.parametrize("optimizer", sorted(set(methods()) - {"dogleg"}))
def test_methods_of_better_optimize_arrive(regression, optimizer):
    path = run(regression, optimizer, tolerance=1e-7)
    assert path["status"].item() == "converged", path["reason"].item()
    rss = float(np.linalg.lstsq(X, Y)[1][0])
    assert abs(float(path["minus2ll"][0, -1]) - 40 * (np.log(2 * np.pi * rss / 40) + 1)) < 1e-6
    assert (np.diff(path["minus2ll"][0]) <= 1e-9).all()


def test_every_value_and_slope_is_that_of_the_place(regression):
    path = run(regression, ["adam", "l-bfgs", "nelder-mead", "newton"], steps=30)
    theta = path["theta"].values
    np.testing.assert_allclose(path["minus2ll"], regression.minus2ll(theta), rtol=1e-12)
    norms = np.linalg.norm(regression.gradient(theta), axis=-1)
    np.testing.assert_allclose(path["grad_norm"], norms, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(path["sigma"], np.exp(theta[..., 2]), rtol=1e-14)
    steps = np.linalg.norm(np.diff(theta, axis=1), axis=-1)
    np.testing.assert_allclose(path["step_size"][:, 1:], steps, atol=1e-14)
    assert (path["step_size"][:, 0] == 0).all()


def test_costs_only_grow(regression):
    path = run(regression, ["adam", "trust-exact", "newton", "powell"], steps=20)
    assert (path["n_evaluations"].diff("draw") >= 0).all()
    assert (path["seconds"].diff("draw") >= 0).all()
    assert (path["n_evaluations"].isel(draw=0) == 1).all()
    assert (path["seconds"].isel(draw=0) < 0.1).all()
    adam = path.sel(optimizer="adam")
    assert adam["n_evaluations"][0].values.tolist() == list(range(1, 22))


def test_the_weight_of_the_prior_moves_the_end_and_not_what_is_shown():
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 0.5)
        pm.Normal("y", mu, 1.0, observed=np.full(4, 2.0))
    path = descend(pml.Objective(model, prior_weight=1.0), "newton", progressbar=False)
    np.testing.assert_allclose(path["mu"][0, -1], 1.0, rtol=1e-9)  # precisions 4 and 4
    np.testing.assert_allclose(path["minus2ll"][0, -1], 4 * (1.0 + np.log(2 * np.pi)), rtol=1e-12)


# --- optimisers of every kind ---------------------------------------------------------------------------------------


def test_a_partial_of_pymc_is_its_name_with_that_rate(quadratic):
    by_name = run(quadratic, "adam", learning_rate=0.05, beta1=0.8, steps=30)
    as_partial = run(quadratic, pm.adam(learning_rate=0.05, beta1=0.8), steps=30)
    np.testing.assert_array_equal(by_name["beta"], as_partial["beta"])


def test_a_function_of_the_users_own(quadratic):
    def half_sgd(loss_or_grads, params):
        return {p: p - 5e-4 * g for p, g in zip(params, loss_or_grads, strict=True)}

    path = run(quadratic, half_sgd, steps=10)
    np.testing.assert_allclose(path["beta"], run(quadratic, "sgd", learning_rate=5e-4, steps=10)["beta"], rtol=1e-13)
    assert path.attrs["optimizer"] == "half_sgd"


def test_a_rate_reaches_a_callable_that_takes_one(quadratic):
    path = run(quadratic, pm.sgd, learning_rate=lambda i: 1e-3, steps=10)
    np.testing.assert_array_equal(path["beta"], run(quadratic, "sgd", learning_rate=1e-3, steps=10)["beta"])


@pytest.mark.parametrize("name", ["Adam", "L-BFGS", "l_bfgs_b", "NEWTON", "Gradient-Descent", "Nelder_Mead"])
def test_names_in_any_case(quadratic, name):
    assert run(quadratic, name, steps=2).attrs["optimizer"] == name


def test_own_optimizers_are_known_without_those_of_others(quadratic, monkeypatch):
    """To list the others takes half a second of imports."""
    monkeypatch.setattr("pymc_landscape.optimize.descent.minimizers.methods", None)
    for name in ("adam", "Nesterov momentum", "newton"):
        pml.descend(quadratic, name, progressbar=False)
    with pytest.raises(TypeError, match="NoneType"):
        pml.descend(quadratic, "nelder-mead", progressbar=False)


def test_an_unknown_name_lists_the_closest(quadratic):
    with pytest.raises(ValueError, match="got 'adm': there is adam"):
        run(quadratic, "adm")


def test_an_unknown_option_lists_the_known(quadratic):
    with pytest.raises(ValueError, match="option of adam, got 'beta': it has beta"):
        run(quadratic, "adam", beta=0.9)
    with pytest.raises(ValueError, match="option of L-BFGS-B, got 'memory': it has"):
        run(quadratic, "l-bfgs", memory=5)
    with pytest.raises(ValueError, match="one optimizer, got 2"):
        run(quadratic, ["adam", "sgd"], beta1=0.9)
    with pytest.raises(ValueError, match="no options for newton"):
        run(quadratic, "newton", beta1=0.9)


def test_an_option_reaches_better_optimize(regression):
    short, long = (run(regression, "l-bfgs", maxcor=n)["theta"][0] for n in (1, 20))
    assert not np.array_equal(short[:8], long[:8])


@pytest.mark.parametrize(
    "optimizer",
    [lambda loss_or_grads, params: None, lambda loss: {}, lambda loss_or_grads, params: {}],
    ids=["nothing", "one argument", "no parameters"],
)
def test_a_callable_of_another_form_is_refused(quadratic, optimizer):
    with pytest.raises(TypeError, match="Expected an optimizer"):
        run(quadratic, optimizer)


@pytest.mark.parametrize("optimizer", [3, [], [3], ["adam", "adam"], {}])
def test_what_is_no_optimizer_is_refused(quadratic, optimizer):
    with pytest.raises((TypeError, ValueError), match="Expected"):
        run(quadratic, optimizer)


@pytest.mark.parametrize("rate", [0.0, -1.0, np.nan, np.inf, "fast", {"adm": 0.1}])
def test_rates_that_cannot_be_are_refused(quadratic, rate):
    with pytest.raises(ValueError, match="Expected learning"):
        run(quadratic, "adam", learning_rate=rate)


def test_a_rate_is_refused_where_it_is_of_no_use(quadratic):
    with pytest.raises(ValueError, match="no learning_rate for l-bfgs"):
        run(quadratic, "l-bfgs", learning_rate=0.1)
    with pytest.raises(TypeError, match="to give a number, got 'a'"):
        run(quadratic, "adam", learning_rate=lambda i: "a")


@pytest.mark.parametrize("numbers", [{"steps": -1}, {"steps": 2.5}, {"record_every": 0}, {"tolerance": -1.0}])
def test_numbers_that_cannot_be_are_refused(quadratic, numbers):
    with pytest.raises(ValueError, match=f"Expected {next(iter(numbers))}"):
        run(quadratic, "adam", **numbers)


# --- several starts, several optimisers -----------------------------------------------------------------------------


def test_every_start_begins_with_a_fresh_memory(quadratic):
    path = run(quadratic, "adam", starts=[START, {"beta": [1.0, 1.0]}, START], steps=30)
    np.testing.assert_array_equal(path["beta"][0], path["beta"][2])
    assert not np.array_equal(path["beta"][0, 0], path["beta"][1, 0])


def test_all_optimizers_begin_at_the_same_starts(regression):
    path = run(regression, {"slow": "sgd", "fast": "newton"}, starts=3, random_seed=4, steps=5)
    assert path["minus2ll"].dims == ("chain", "draw", "optimizer")
    assert path["beta"].dims[:3] == ("chain", "draw", "optimizer")
    assert path["optimizer"].values.tolist() == ["slow", "fast"]
    assert path["status"].dims == ("chain", "optimizer")
    np.testing.assert_array_equal(path["theta"][:, 0, 0], path["theta"][:, 0, 1])
    assert len(np.unique(path["sigma"][:, 0, 0])) == 3


def test_a_path_that_stopped_stays_where_it_stopped(quadratic):
    path = run(quadratic, ["newton", "sgd"], steps=10)
    assert path["n_iterations"].values.tolist() == [[1, 10]] or path["n_iterations"][0, 0] == 1
    newton = path.sel(optimizer="newton")
    assert (newton["beta"][0, 1:] == newton["beta"][0, 1]).all()
    assert (newton["step_size"][0, 2:] == 0).all()
    assert newton["step_size"][0, 1] > 0


def test_a_list_of_one_keeps_its_dim(quadratic):
    assert run(quadratic, ["newton"]).sizes["optimizer"] == 1


def test_the_same_seed_gives_the_same_path(regression):
    paths = [run(regression, "sgd", starts=2, steps=15, batch_size=8, random_seed=s) for s in (7, 7, 8)]
    np.testing.assert_array_equal(paths[0]["theta"], paths[1]["theta"])
    assert not np.array_equal(paths[0]["theta"], paths[2]["theta"])
    generator = np.random.default_rng(7)
    again = run(regression, "sgd", starts=2, steps=15, batch_size=8, random_seed=generator)
    np.testing.assert_array_equal(again["theta"], paths[0]["theta"])


# --- why a path stops -----------------------------------------------------------------------------------------------


def test_no_steps_give_the_start_alone(quadratic):
    for optimizer in ("adam", "newton", "l-bfgs", "nelder-mead"):
        path = run(quadratic, optimizer, steps=0)
        assert path.sizes["draw"] == 1
        assert path["status"].item() == "steps"
        np.testing.assert_array_equal(path["beta"][0, 0], START["beta"])


@pytest.mark.parametrize("optimizer", sorted(RULES))
def test_an_absurd_learning_rate_diverges(regression, optimizer):
    path = run(regression, optimizer, learning_rate=1e6, steps=200)
    assert path["status"].item() == "diverged", path["reason"].item()
    assert np.isfinite(path["minus2ll"]).all()
    assert np.isfinite(path["theta"]).all()


def test_an_absurd_rate_on_a_plateau_diverges_too():
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 10)
        pm.StudentT("y", nu=1, mu=mu, sigma=1.0, observed=[0.1, 0.5, -0.3])
    path = descend(model, "adam", learning_rate=1e6, progressbar=False)
    assert path["status"].item() == "diverged"


def test_a_path_keeps_what_was_sane_before_it_diverged(quadratic):
    rate = 4.0 / np.linalg.eigvalsh(X.T @ X / SIGMA**2).max()  # twice what is stable
    path = run(quadratic, "sgd", learning_rate=rate)
    assert path["status"].item() == "diverged"
    assert 2 < path.sizes["draw"] < 100
    assert "−2 log L went from" in path["reason"].item()


def test_a_nan_gradient_at_the_start_is_said():
    with pm.Model() as model:
        x = pm.Flat("x", initval=0.0)
        pm.Normal("y", pt.sqrt(pt.abs(x) * 0.0 + x), 1.0, observed=[1.0])
    for optimizer in ("adam", "newton", "l-bfgs"):
        path = descend(model, optimizer, progressbar=False)
        assert path["status"].item() == "failed"
        assert "gradient at the start is not finite" in path["reason"].item()
        assert path.sizes["draw"] == 1


def test_a_start_without_a_likelihood_is_said():
    with pm.Model() as model:
        n = pm.Normal("n", 0, 1, initval=-3.0)
        pm.Exponential("y", n, observed=[1.0, 2.0])
    for optimizer in ("sgd", "nelder-mead"):
        path = descend(model, optimizer, progressbar=False)
        assert path["status"].item() == "failed"
        assert "at the start is inf" in path["reason"].item()


class Black(Op):
    """y = x², without a gradient."""

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, outputs):
        outputs[0][0] = np.asarray(inputs[0] ** 2)


@pytest.fixture
def black_box():
    with pm.Model() as model:
        x = pm.Normal("x", 0, 10, initval=3.0)
        pm.Normal("y", Black()(x), 1.0, observed=[4.0, 4.2])
    return model


@pytest.mark.parametrize("optimizer", ["newton", "gradient_descent", "l-bfgs"])
def test_a_method_that_needs_a_gradient_gets_differences(black_box, optimizer):
    path = descend(black_box, optimizer, progressbar=False)
    assert path["status"].item() == "converged"
    np.testing.assert_allclose(np.abs(path["x"][0, -1]), np.sqrt(4.1), rtol=1e-5)


def test_batches_of_a_model_without_a_gradient_are_refused_by_name(black_box):
    with pytest.raises(ValueError, match="the Op Black without"):
        descend(black_box, "adam", batch_size=1, progressbar=False)


@pytest.mark.parametrize("optimizer", ["nelder-mead", "powell"])
def test_a_method_without_gradients_goes_on(black_box, optimizer):
    path = descend(black_box, optimizer, progressbar=False)
    assert path["status"].item() == "converged"
    np.testing.assert_allclose(np.abs(path["x"][0, -1]), np.sqrt(4.1), rtol=1e-4)
    assert np.isnan(path["grad_norm"]).all()


@pytest.mark.parametrize("optimizer", ["adam", "nelder-mead"])
def test_whole_numbers_are_not_descended(optimizer):
    with pm.Model() as model:
        n = pm.Poisson("n", 3)
        pm.Normal("y", n, 1.0, observed=[2.0])
    with pytest.raises(ValueError, match="discrete n"):
        descend(model, optimizer, progressbar=False)


@pytest.mark.parametrize("optimizer", ["sgd", "newton", "gradient_descent", "l-bfgs"])
def test_a_peak_is_no_end(hilltop, optimizer):
    learning_rate = {"learning_rate": 0.1} if optimizer == "sgd" else {}
    path = descend(hilltop, optimizer, starts=[{"x": 0.0}], progressbar=False, **learning_rate)
    assert path["status"].item() == "stalled"
    assert path["x"][0, -1] == 0.0


def test_a_start_at_the_minimum_has_converged(quadratic):
    start = {"beta": np.linalg.lstsq(X, Y)[0]}
    for optimizer in ("adam", "newton", "l-bfgs"):
        path = run(quadratic, optimizer, starts=start)
        assert path["status"].item() == "converged"
        assert path["n_iterations"].item() == 0


def test_tolerance_is_what_is_left_to_gain(quadratic):
    floor = float(quadratic.minus2ll(np.linalg.lstsq(X, Y)[0]))
    ends = [float(run(quadratic, "sgd", tolerance=t)["minus2ll"][0, -1]) - floor for t in (1e-2, 1e-6)]
    assert 1e-6 < ends[0] <= 1e-2
    assert ends[1] <= 1e-6
    for_good = run(quadratic, "sgd", tolerance=0.0)
    assert for_good["status"].item() == "stalled"
    assert float(for_good["grad_norm"][0, -1]) < 1e-9


def test_ctrl_c_leaves_the_finished_part(quadratic):
    def schedule(iteration):
        if iteration == 8:
            raise KeyboardInterrupt
        return 1e-4

    path = run(quadratic, ["newton", "sgd", "adam"], starts=[START, START], learning_rate={"sgd": schedule}, steps=50)
    assert path.attrs["status"] == "interrupted"
    assert path["status"].values.tolist() == [["converged", "interrupted", "interrupted"], ["interrupted"] * 3]
    assert path["n_iterations"].values.tolist() == [[1, 7, 0], [0, 0, 0]]
    assert path["draw"].values.tolist() == list(range(8))
    assert np.isfinite(path["beta"]).all()
    assert "interrupted after 7 of 50 steps" in path["reason"].values


def test_ctrl_c_inside_better_optimize(quadratic, monkeypatch):
    calls = []

    def counted(self, natural=frozenset()):
        def slope(theta):
            calls.append(theta)
            if len(calls) == 4:
                raise KeyboardInterrupt
            return real(theta)

        real = original(self, natural)
        return slope

    original = pml.Objective.value_and_gradient_function
    monkeypatch.setattr(pml.Objective, "value_and_gradient_function", counted)
    path = run(quadratic, "CG")
    assert path["status"].item() == "interrupted"
    assert path.sizes["draw"] >= 1


# --- batches --------------------------------------------------------------------------------------------------------


def test_values_on_a_path_by_batches_are_those_of_all_data(regression):
    path = run(regression, "sgd", batch_size=8, steps=60, random_seed=1, record_every=7)
    assert path["draw"].values.tolist() == [0, 7, 14, 21, 28, 35, 42, 49, 56, 60]
    np.testing.assert_allclose(path["minus2ll"], regression.minus2ll(path["theta"].values), rtol=1e-12)
    np.testing.assert_allclose(path["n_evaluations"][0, 1], 8 * 8 / 40)
    assert path.attrs["batch_size"] == 8


def test_batches_come_near_the_minimum_without_tuning(regression):
    floor = float(pml.fit_mle(regression, progressbar=False).minus2ll)
    path = run(regression, ["sgd", "momentum", "adam"], batch_size=8, random_seed=1)
    rise = path["minus2ll"] - floor
    assert (rise.isel(draw=0) > 100).all()
    assert (rise.isel(draw=-1) < 5).all()


def test_optimizers_see_the_same_batches(regression):
    path = run(regression, {"one": "sgd", "two": pm.sgd}, batch_size=4, learning_rate=1e-4, steps=20, random_seed=1)
    np.testing.assert_array_equal(path["theta"].sel(optimizer="one"), path["theta"].sel(optimizer="two"))


def test_batches_are_for_rules_only(regression):
    with pytest.raises(ValueError, match="no batch_size for newton"):
        run(regression, "newton", batch_size=8)
    path = run(regression, ["sgd", "newton"], batch_size=8, random_seed=1)
    assert path["status"].sel(optimizer="newton").item() == "converged"


def test_how_much_is_kept_does_not_depend_on_time(regression):
    path = run(regression, "sgd", batch_size=8, steps=50, random_seed=1)
    assert path["draw"].values.tolist() == list(range(51))
    with pm.Model() as model:
        mu = pm.Normal("mu")
        pm.Normal("y", mu, 1.0, observed=np.zeros(100_000))
    path = descend(model, "sgd", batch_size=10, steps=100, progressbar=False, starts={"mu": 1.0})
    assert path["draw"].values.tolist() == [0, 20, 40, 60, 80, 100]


# --- the Dataset ----------------------------------------------------------------------------------------------------


def test_the_schema(quadratic):
    path = run(quadratic, "adam", starts=2, steps=5, minimum=1.5)
    assert dict(path.sizes) == {"chain": 2, "draw": 6, "k": 2, "theta_label": 2}
    assert set(path.data_vars) == {"beta", "minus2ll", "grad_norm", "step_size"}
    assert path["beta"].dims == ("chain", "draw", "k")
    assert path["k"].values.tolist() == ["slope", "bend"]
    assert path["theta"].dims == ("chain", "draw", "theta_label")
    assert path["theta_label"].values.tolist() == ["beta[slope]", "beta[bend]"]
    for name in ("status", "reason", "n_iterations"):
        assert path[name].dims == ("chain",)
    for name in ("n_evaluations", "seconds"):
        assert path[name].dims == ("chain", "draw")
    attrs = {k: path.attrs[k] for k in ("group", "optimizer", "batch_size", "record_every", "status", "minimum")}
    expected = {"group": "descent", "optimizer": "adam", "batch_size": "all", "record_every": 1, "status": "complete"}
    assert attrs == expected | {"minimum": 1.5}


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("way", ["netcdf", "zarr"])
def test_a_path_survives_a_file(regression, tmp_path, way, several):
    path = run(regression, ["adam", "newton"] if several else "adam", starts=2, steps=5, random_seed=1)
    if way == "netcdf":
        path.to_netcdf(tmp_path / "path.nc")
        back = xr.open_dataset(tmp_path / "path.nc")
    else:
        path.to_zarr(tmp_path / "path.zarr", consolidated=False)
        back = xr.open_zarr(tmp_path / "path.zarr", consolidated=False)
    xr.testing.assert_identical(back.load(), path)
    back.close()


@pytest.mark.parametrize("optimizer", ["adam", ["adam", "newton"]])
def test_arviz_reads_it(regression, optimizer):
    path = run(regression, optimizer, starts=2, steps=30, random_seed=1)
    tree = pml.to_datatree(path)
    table = az.summary(tree, group="descent", var_names=["beta", "sigma", "minus2ll"])
    assert "minus2ll" in " ".join(table.index)
    assert np.isfinite(az.rhat(tree, group="descent")["sigma"]).all()
    az.plot_trace(tree, group="descent", var_names=["sigma"], backend="matplotlib")
    plt.close("all")


def test_a_parameter_named_theta_keeps_its_name():
    with pm.Model() as model:
        theta = pm.Normal("theta", 0, 10, shape=3)
        pm.Normal("y", theta, 1.0, observed=[1.0, 2.0, 3.0])
    path = descend(model, "newton", progressbar=False)
    np.testing.assert_allclose(path["theta"][0, -1], [1.0, 2.0, 3.0], rtol=1e-12)
    assert path["theta_unconstrained"].dims == ("chain", "draw", "theta_label")


def test_a_parameter_named_like_a_result_is_refused():
    with pm.Model() as model:
        seconds = pm.HalfNormal("seconds")
        pm.Exponential("y", 1 / seconds, observed=[1.0])
    with pytest.raises(ValueError, match="got 'seconds', which names a part"):
        descend(model, progressbar=False)


def test_single_precision_is_descended_at_double():
    with pytensor.config.change_flags(floatX="float32"), pm.Model() as model:
        mu = pm.Normal("mu", 0, 10)
        pm.Normal("y", mu, 1.0, observed=np.array([1.0, 2.0], dtype="float32"))
    path = descend(model, "adam", steps=5, progressbar=False)
    assert path["mu"].dtype == np.float64


# --- the race -------------------------------------------------------------------------------------------------------


def test_the_race_by_hand(quadratic):
    path = run(quadratic, ["newton", "sgd"], starts=[START, {"beta": [3.0, 3.0]}], steps=200)
    floor = float(quadratic.minus2ll(np.linalg.lstsq(X, Y)[0]))
    race = pml.descent_race(path, floor)
    assert race.index.tolist() == ["newton", "newton", "sgd", "sgd"]
    assert race["chain"].tolist() == [0, 1, 0, 1]
    sgd = path.sel(optimizer="sgd", chain=1)
    at = int(np.argmax(sgd["minus2ll"].values - floor < 1e-6))
    assert race.loc["sgd", "evaluations_to_1e-6"].iloc[1] == at + 1
    assert race.loc["sgd", "seconds_to_1e-6"].iloc[1] == float(sgd["seconds"][at])
    assert (race["evaluations_to_0.01"] <= race["evaluations_to_1e-6"]).all()
    assert race.loc["newton", "n_iterations"].tolist() == [1, 1]
    np.testing.assert_allclose(race["final_delta_minus2ll"], 0.0, atol=1e-7)


def test_who_did_not_arrive_has_no_time(quadratic):
    path = run(quadratic, "adam", steps=3)
    race = pml.descent_race(path, pml.fit_mle(quadratic, progressbar=False))
    assert race.index.tolist() == ["adam"]
    assert race.filter(like="_to_").isna().all(axis=None)
    assert race["final_delta_minus2ll"].item() > 1.0
    assert race["status"].item() == "steps"


def test_the_minimum_is_found_on_the_paths_or_in_the_attributes(quadratic):
    path = run(quadratic, ["newton", "adam"], steps=5)
    assert pml.descent_race(path)["final_delta_minus2ll"].min() == 0.0
    raised = run(quadratic, ["newton", "adam"], steps=5, minimum=float(path["minus2ll"].min()) - 2.0)
    np.testing.assert_allclose(pml.descent_race(raised)["final_delta_minus2ll"].min(), 2.0)


def test_what_is_no_race_is_refused(quadratic):
    with pytest.raises(TypeError, match="Expected what descend returned"):
        pml.descent_race(xr.Dataset())
    with pytest.raises(ValueError, match="Expected minimum"):
        run(quadratic, "adam", steps=1, minimum=np.nan)


# --- many parameters ------------------------------------------------------------------------------------------------


def test_more_parameters_than_a_dense_hessian_is_for():
    """Curvatures 1 to 2: the rate, the stop and trust-krylov come from products alone."""
    sigma = np.linspace(0.5, 1.0, 400) ** 0.5
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 10, shape=400, initval=np.ones(400))
        pm.Normal("y", mu, sigma, observed=np.zeros(400))
    path = descend(model, ["sgd", "trust-krylov", "adam"], progressbar=False)
    assert path["status"].values.tolist() == [["converged"] * 3]
    np.testing.assert_allclose(path["mu"][0, -1], 0.0, atol=1e-3)
    np.testing.assert_allclose(path["mu"][0, 1, 0], 1.0 - 1.0 / (2.0 * sigma**2), atol=1e-6)
