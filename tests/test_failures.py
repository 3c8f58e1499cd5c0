"""What is refused, in one sentence that says what was expected, what came, and what to do."""

import logging

import numpy as np
import pymc as pm
import pytest
import xarray as xr

import pymc_landscape as pml

Y = np.array([0.4, -0.2, 1.3, 0.9])


@pytest.fixture(scope="module")
def model() -> pm.Model:
    with pm.Model(coords={"predictor": ["age", "height", "weight"]}) as model:
        beta = pm.Normal("beta", 0, 2, dims="predictor")
        sigma = pm.HalfNormal("sigma", 1)
        share = pm.Beta("share", 1, 1)
        when = pm.DiscreteUniform("when", 1, 9)
        w = pm.Dirichlet("w", np.ones(3))
        pm.Deterministic("total", beta.sum())
        pm.Normal("y", beta[0] + share * when + w[0], sigma, observed=Y)
    return model


def landscape(model, axes, **options):
    grid = axes if isinstance(axes, xr.Dataset) else pml.regular_grid(axes)
    return pml.evaluate_landscape(model, grid, progressbar=False, **options)


# --- models ----------------------------------------------------------------------------------------------------------


def test_an_empty_model_is_refused():
    with pytest.raises(ValueError, match=r"free variables, got one with none: .*needs a parameter to vary; as a null"):
        pml.Objective(pm.Model())
    with pm.Model() as fixed:
        pm.Normal("y", 0, 1, observed=Y)
    with pytest.raises(ValueError, match="free variables"):
        landscape(fixed, {"mu": (0, 1, 3)})


def test_a_model_without_data_is_refused():
    with pm.Model() as prior_only:
        pm.Normal("mu")
    with pytest.raises(ValueError, match=r"a model with data.*observed=\.\.\."):
        landscape(prior_only, {"mu": (0, 1, 3)})


def test_what_is_no_model_is_refused():
    with pytest.raises(TypeError, match=r"Expected a pm.Model, an Objective, a Fit, or .*, got DataTree"):
        pml.Objective(xr.DataTree())
    with pytest.raises(TypeError, match=r"Expected a pm.Model, an Objective, a Fit, or .*, got Dataset: pass one of"):
        landscape(xr.Dataset(), {"mu": (0, 1, 3)})


def test_no_model_at_all_is_refused():
    with pytest.raises(TypeError, match=r"[Mm]odel"):
        landscape(None, {"mu": (0, 1, 3)})


def test_the_model_of_the_block_is_used(model):
    with model:
        result = landscape(None, {"sigma": [0.5, 1.0]})
        assert pml.Objective().model is model
    xr.testing.assert_equal(result, landscape(model, {"sigma": [0.5, 1.0]}))


@pytest.fixture(scope="module")
def with_potential() -> pm.Model:
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 2)
        pm.Normal("y", mu, 1, observed=Y)
        pm.Potential("soft", -10 * (mu - 0.2) ** 2)
    return model


def test_a_potential_beside_data_must_be_given_a_part(with_potential):
    with pytest.raises(ValueError, match=r"\(soft\).*likelihood or of the prior.*potentials='likelihood'"):
        pml.Objective(with_potential)
    with pytest.raises(ValueError, match="potentials='likelihood' or 'prior', got 'both'"):
        pml.Objective(with_potential, potentials="both")


def test_a_potential_counts_where_it_is_said_to(with_potential):
    axes = {"mu": np.array([-1.0, 0.3])}
    likelihood = landscape(pml.Objective(with_potential, potentials="likelihood"), axes)
    prior = landscape(pml.Objective(with_potential, potentials="prior"), axes)
    soft = -10 * (axes["mu"] - 0.2) ** 2
    np.testing.assert_allclose(likelihood["log_posterior"], prior["log_posterior"])
    np.testing.assert_allclose(likelihood["log_likelihood"] - prior["log_likelihood"], soft)
    np.testing.assert_allclose(prior["log_prior"] - likelihood["log_prior"], soft)
    assert list(likelihood["term"]) == ["y", "soft"]
    assert "term" not in prior


def test_a_potential_that_is_all_the_data_is_no_prior():
    with pm.Model() as model:
        mu = pm.Normal("mu")
        pm.Potential("fit", -((mu - 1) ** 2))
    with pytest.raises(ValueError, match="leave potentials out"):
        pml.Objective(model, potentials="prior")
    np.testing.assert_allclose(landscape(model, {"mu": [0.0, 1.0]})["log_likelihood"], [-1, 0])


def hierarchy() -> pm.Model:
    with pm.Model() as model:
        spread = pm.HalfNormal("spread", 1)
        effect = pm.Normal("effect", 0, spread, shape=4)
        pm.Normal("y", effect, 1, observed=Y)
    return model


def test_random_effects_are_said_once(caplog):
    model = hierarchy()
    with caplog.at_level(logging.WARNING, "pymc_landscape"):
        assert pml.Objective(model).latent == ("effect",)
        landscape(model, {"spread": [0.5, 1.0]})
    assert len(caplog.records) == 1
    said = caplog.records[0].getMessage()
    assert "effect is a random effect, for its prior depends on spread: it is integrated out" in said
    assert "latent=()" in said


def test_random_effects_that_are_meant_need_no_word(caplog):
    with caplog.at_level(logging.WARNING, "pymc_landscape"):
        pml.Objective(hierarchy(), latent=())
    assert not caplog.records


def test_what_cannot_be_integrated_out_is_refused():
    with pytest.raises(ValueError, match=r"free variables of the model as latent, got 'efect': effect, spread"):
        pml.Objective(hierarchy(), latent=["efect"])
    with pytest.raises(ValueError, match=r"a parameter that is not integrated out, got latent=\('spread', 'effect'\)"):
        pml.Objective(hierarchy(), latent=("spread", "effect"))
    for nodes in (0, 2.5, True):
        with pytest.raises(ValueError, match="a number of nodes as quadrature"):
            pml.Objective(hierarchy(), latent="effect", quadrature=nodes)


def test_single_observations_are_refused_where_effects_tie_them_together():
    objective = pml.Objective(hierarchy(), latent="effect")
    with pytest.raises(ValueError, match=r"effect is integrated out, which ties observations together"):
        pml.evaluate_landscape(objective, pml.regular_grid({"spread": [0.5]}), pointwise=True, progressbar=False)
    with pytest.raises(ValueError, match="ties observations together"):
        pml.loss_table(objective)
    with pytest.raises(ValueError, match="ties observations together"):
        pml.descend(objective, batch_size=2, steps=2, progressbar=False)


# --- axes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "sentence"),
    [
        ("sgima", r"got 'sgima' \(no such parameter\): use sigma, "),
        ("beta", r"one element of the array 'beta', got its name: write beta\[age\]"),
        ("w_simplex__", r"one element of the array 'w_simplex__'.*w_simplex__\[0\]"),
        ("beta[hight]", r"use beta\[height\]"),
        ("beta[7]", r"got 'beta\[7\]'"),
        ("total", r"total is a Deterministic, computed from the parameters"),
        ("y", r"got 'y'"),
        ("sigma_logodds__", r"use sigma_log__"),
    ],
)
def test_an_unknown_axis_lists_the_known_ones_closest_first(label, sentence, model):
    with pytest.raises(ValueError, match=sentence):
        landscape(model, {label: (0.1, 1, 3)})


@pytest.mark.parametrize(
    ("label", "values", "sentence"),
    [
        ("sigma", [-2.0, -1.0], r"inside the support of 'sigma', which is \[0, inf\], got values from -2 to -1"),
        ("share", [1.5, 2.0], r"inside the support of 'share', which is \[0, 1\]"),
        ("w[0]", [1.2, 1.5], r"inside the support of 'w\[0\]', which is \[0, 1\]"),
        ("when", [1.5, 2.0], r"whole numbers for the integer 'when', got 1\.5"),
    ],
)
def test_an_axis_outside_the_support_is_refused(label, values, sentence, model):
    with pytest.raises(ValueError, match=sentence):
        landscape(model, {label: values})


def test_an_axis_partly_outside_is_infinite_there(model):
    result = landscape(model, {"share": [-0.5, 0.5, 1.5]})
    np.testing.assert_array_equal(np.isneginf(result["log_likelihood"]), [True, False, True])
    np.testing.assert_array_equal(np.isposinf(result["delta_minus2ll"]), [True, False, True])


def test_an_integer_axis_beyond_its_support_is_infinite_there(model):
    result = landscape(model, {"when": [0, 1, 9, 10]})
    np.testing.assert_array_equal(np.isneginf(result["log_likelihood"]), [True, False, False, True])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_grid_that_is_not_finite_is_refused(bad, model):
    grid = xr.Dataset(coords={"sigma": [0.5, bad]})
    with pytest.raises(ValueError, match="finite values along 'sigma', got NaN or infinity: take them out"):
        landscape(model, grid)


def test_a_grid_without_numbers_is_refused(model):
    with pytest.raises(ValueError, match="numbers along the axis 'sigma', got none: make the grid with regular_grid"):
        landscape(model, xr.Dataset(coords={"sigma": ["low", "high"]}))
    with pytest.raises(ValueError, match="numbers along the axis 'sigma'"):
        landscape(model, xr.Dataset({"x": ("sigma", [1.0, 2.0])}))
    with pytest.raises(ValueError, match="at least one axis"):
        landscape(model, xr.Dataset())


def test_a_variable_on_two_scales_is_refused(model):
    axes = {"w[0]": [0.2, 0.3], "w_simplex__[1]": [0.0, 0.1]}
    with pytest.raises(ValueError, match=r"axes of w on one scale, got w\[0\] and w_simplex__\[0\]: choose one"):
        landscape(model, axes)


def test_one_element_twice_is_refused(model):
    with pytest.raises(ValueError, match=r"beta\[age\]"):
        landscape(model, {"beta[age]": [0.0, 1.0], "beta[0]": [0.0, 1.0]})


def test_a_grid_larger_than_life_is_refused_before_it_is_begun(model):
    axes = dict.fromkeys(("beta[age]", "beta[height]", "sigma", "share"), (0.1, 0.9, 1000))
    with pytest.raises(ValueError, match=r"got 1\.0e\+12 points over 4 axes: choose fewer var_names, or plane_grid"):
        landscape(model, axes)


def test_no_grid_is_refused(model):
    with pytest.raises(TypeError, match="Expected a grid, got none"):
        pml.evaluate_landscape(model)
    with pytest.raises(TypeError, match=r"mapping of axes\), got list: make one with\s+regular_grid"):
        pml.evaluate_landscape(model, [0.0, 1.0])


@pytest.mark.parametrize("nuisance", ["integrate", None])
def test_nuisance_parameters_are_fixed_or_profiled(nuisance, model):
    with pytest.raises(ValueError, match="nuisance='fix' or 'profile', got"):
        landscape(model, {"sigma": [0.5, 1.0]}, nuisance=nuisance)


RESERVED = ["term", "parameter", "minus2ll", "log_likelihood", "draws", "sample", "draw_parameter", "best_draw"]


@pytest.mark.parametrize("name", RESERVED)
def test_an_axis_named_like_a_part_of_the_result_is_refused(name):
    """Else the result's own coordinate would silently take the place of the axis."""
    with pm.Model() as model:
        a = pm.Normal(name)
        b = pm.Normal("b")
        pm.Normal("y", a + b, np.float64(0.7), observed=Y)
        pm.Normal("z", a, np.float64(0.7), observed=Y)
    with pytest.raises(ValueError, match=f"Expected.*{name}"):
        landscape(model, {name: [0.1, 0.4]}, at={"b": 0.0})


# --- points ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "sentence"),
    [
        ({"sgima": 1.0}, r"got 'sgima' .*: use sigma"),
        ({"beta": [1.0, 2.0]}, r"beta of shape \(3,\), got \(2,\)"),
        ({"sigma": [1.0, 2.0]}, r"sigma of shape \(\), got \(2,\)|one point"),
        ({"beta[age]": 1.0}, r"whole variables in at, got the element 'beta\[age\]': give the array"),
    ],
)
def test_a_point_that_is_not_the_models_is_refused(at, sentence, model):
    with pytest.raises(ValueError, match=sentence):
        landscape(model, {"share": [0.2, 0.4]}, at=at)


def test_an_integer_is_held_at_a_whole_number_or_not_at_all(model):
    with pytest.raises(ValueError, match=r"whole number.*when.*5\.7"):
        landscape(model, {"share": [0.2, 0.4]}, at={"when": 5.7})
    objective = pml.Objective(model)
    with pytest.raises(ValueError, match=r"whole number.*when.*5\.7"):
        objective.pack({**objective.initial_point(), "when": 5.7})


def test_an_integer_cannot_be_moved_on_a_plane(model):
    grid = pml.plane_grid({"when": 5.0, "sigma": 1.0, "share": 0.4}, random_seed=1, num=3)
    with pytest.raises(ValueError, match="when"):
        landscape(model, grid)


def test_draws_are_no_point(model):
    draws = xr.Dataset({"sigma": (("chain", "draw"), np.ones((2, 3)))})
    with pytest.raises(ValueError, match="one point for at, got draws: take one"):
        landscape(model, {"share": [0.2, 0.4]}, at=draws)
    with pytest.raises(TypeError, match=r"Expected a point for at .*, got float"):
        landscape(model, {"share": [0.2, 0.4]}, at=1.0)


@pytest.fixture(scope="module")
def small() -> pml.Objective:
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 2, shape=2)
        sigma = pm.HalfNormal("sigma", 1)
        pm.Normal("y", mu.sum(), sigma, observed=Y)
    return pml.Objective(model)


@pytest.mark.parametrize("theta", [[0.0, 1.0], np.zeros((3, 4)), 0.0])
@pytest.mark.parametrize("verb", ["minus2ll", "gradient", "unpack", "log_prior"])
def test_a_theta_of_another_length_is_refused(verb, theta, small):
    with pytest.raises(ValueError, match=r"theta with 3 elements \(mu\[0\], mu\[1\], sigma\), got shape"):
        getattr(small, verb)(theta)


def test_a_point_to_be_packed_must_be_whole(small):
    with pytest.raises(ValueError, match="a value for every free variable, got none for sigma: the point has mu"):
        small.pack({"mu": [0.0, 1.0]})
    with pytest.raises(ValueError, match=r"mu of shape \(2,\), got \(3,\): is the point another model's"):
        small.pack({"mu": np.zeros(3), "sigma": 1.0})
    with pytest.raises(ValueError, match=r"(?i)expected.*batch|leading|shape"):
        small.pack({"mu": np.zeros((4, 2)), "sigma": np.ones(3)})


def test_the_edge_of_a_support_packs_to_infinity_and_beyond_to_nan(small):
    packed = small.pack({"mu": np.zeros((3, 2)), "sigma": np.array([0.0, -1.0, 1.0])})
    np.testing.assert_array_equal(packed[:, 2], [-np.inf, np.nan, 0.0])


def test_integers_are_not_descended(model):
    objective = pml.Objective(model)
    with pytest.raises(ValueError, match=r"discrete when.*grid axes but.*latent=\['when'\]\) sums them out"):
        objective.gradient(np.zeros(objective.size))
