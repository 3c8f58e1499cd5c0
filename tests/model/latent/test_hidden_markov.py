"""Hidden Markov models, trees and lattices of discrete variables: sums by elimination, against recursions by hand."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from scipy import stats

import pymc_landscape as pml
from tests.models import hidden_markov as hmm

Y = hmm.series(9)
AT = {"matrix": hmm.MATRIX, "means": hmm.MEANS, "sigma": 1.1}


def log_likelihood(objective: pml.Objective, **point) -> float:
    return float(objective.natural_log_likelihood({name: np.asarray(value)[None] for name, value in point.items()})[0])


def by_hand(y, point=AT, matrices=None):
    emissions = stats.norm.logpdf(y[:, None], point["means"], point["sigma"])
    steps = [np.asarray(point["matrix"])] * (len(y) - 1) if matrices is None else matrices
    return hmm.FIRST, steps, emissions


@pytest.mark.parametrize("form", hmm.FORMS)
def test_the_likelihood_is_that_of_the_forward_recursion_however_the_chain_is_written(form):
    model = hmm.gaussian_chain(Y, form)
    objective = pml.Objective(model, latent=hmm.states_of(model))
    assert log_likelihood(objective, **AT) == pytest.approx(hmm.forward_backward(*by_hand(Y))[0], abs=1e-10)


@pytest.fixture(scope="module")
def long_chain():
    y = hmm.series(1_000, seed=3)
    return y, pml.Objective(hmm.gaussian_chain(y), latent="z")


def test_a_thousand_steps_have_value_slope_and_curvature(long_chain):
    y, objective = long_chain
    assert log_likelihood(objective, **AT) == pytest.approx(hmm.forward_backward(*by_hand(y))[0], abs=1e-10)
    theta = objective.pack(AT)
    means = [i for i, label in enumerate(objective.labels) if label.startswith("means")]
    step = 1e-4 * np.eye(objective.size)[means[1]]

    def minus2ll(shift):
        moved = dict(AT, means=hmm.MEANS + shift * np.eye(3)[1])
        return -2 * hmm.forward_backward(*by_hand(y, moved))[0]

    assert objective.gradient(theta) @ step / 1e-4 == pytest.approx((minus2ll(1e-4) - minus2ll(-1e-4)) / 2e-4, rel=1e-6)
    slopes = (objective.gradient(theta + step) - objective.gradient(theta - step)) / 2e-4
    np.testing.assert_allclose(objective.hessian(theta)[means[1]], slopes, rtol=1e-5, atol=1e-3)


def test_smoothed_probabilities_and_the_path_of_viterbi(long_chain):
    y, objective = long_chain
    fit = pml.fit_mle(objective, starts=[AT], progressbar=False)
    point = {name: fit.point[name].values for name in AT}
    latent = fit.latent
    assert latent["z_probability"].dims == ("z_dim_0", "z_state")
    np.testing.assert_allclose(
        latent["z_probability"], hmm.forward_backward(*by_hand(y, point))[1], rtol=1e-8, atol=1e-12
    )
    np.testing.assert_array_equal(latent["z"], hmm.viterbi(*by_hand(y, point)))


@pytest.mark.parametrize(
    ("n_states", "minus_log_l", "rates"),
    [
        (2, 342.3183, (15.472, 26.125)),
        pytest.param(3, 329.4603, (13.146, 19.721, 29.714), marks=pytest.mark.exhaustive),
    ],
)
def test_earthquakes_of_zucchini_and_macdonald(n_states, minus_log_l, rates):
    """Zucchini & MacDonald (2009), sections 3.3 and 3.4: the published estimates, with a stationary first state."""
    start = {"matrix": 0.8 * np.eye(n_states) + 0.2 / n_states, "rate": np.linspace(14, 28, n_states)}
    fit = pml.fit_mle(pml.Objective(hmm.earthquakes(n_states), latent="z"), starts=[start], progressbar=False)
    assert fit.minus2ll / 2 == pytest.approx(minus_log_l, abs=5e-5)
    np.testing.assert_allclose(fit.point["rate"], rates, atol=1e-3)
    assert fit.latent["z_probability"].sizes == {"z_dim_0": 107, "z_state": n_states}


def test_transitions_may_depend_on_covariates_and_emissions_may_be_several():
    rng = np.random.default_rng(4)
    x, n = rng.normal(size=12), 12
    y, k = hmm.series(n), rng.poisson(2, n)
    missing = np.arange(n) == 5
    with pm.Model() as model:
        slope, means = pm.Normal("slope", 0, 1, shape=(3, 3)), pm.Normal("means", 0, 10, shape=3)
        matrices = pm.math.softmax(slope * x[1:, None, None], axis=-1)

        def density(value, matrices, _):
            return pt.log(hmm.FIRST)[value[0]] + pt.log(matrices)[np.arange(n - 1), value[:-1], value[1:]].sum()

        signature = "(s,k,k),(t)->(t)"
        z = pm.CustomDist("z", matrices, np.zeros(n), logp=density, signature=signature, dtype="int64")
        pm.Normal("y", means[z], 1.1, observed=y)
        with pytest.warns(UserWarning, match="impute|imputation"):
            pm.Poisson("k", pt.as_tensor([0.5, 2.0, 4.0])[z], observed=np.ma.masked_array(k, missing))
    slopes = rng.normal(size=(3, 3))
    ways = np.exp(slopes * x[1:, None, None])
    emissions = stats.norm.logpdf(y[:, None], hmm.MEANS, 1.1)
    emissions += np.where(missing[:, None], 0.0, stats.poisson.logpmf(k[:, None], [0.5, 2.0, 4.0]))
    expected = hmm.forward_backward(hmm.FIRST, ways / ways.sum(axis=-1, keepdims=True), emissions)[0]
    objective = pml.Objective(model, latent="z")
    assert log_likelihood(objective, slope=slopes, means=hmm.MEANS) == pytest.approx(expected, abs=1e-10)


def test_series_side_by_side_are_cases_of_their_own():
    several = np.stack([hmm.series(15, seed) for seed in range(3)])
    with pm.Model(coords={"animal": ["a", "b", "c"], "day": np.arange(15)}) as model:
        means = pm.Normal("means", 0, 10, shape=3)
        z = pm.Categorical("z", p=np.full(3, 1 / 3), dims=("animal", "day"))
        steps = pt.log(hmm.MATRIX)[z[:, :-1], z[:, 1:]]
        pm.Potential("chain", steps.sum() + pt.log(hmm.FIRST)[z[:, 0]].sum() + z.size * np.log(3))
        pm.Normal("y", means[z], 1.1, observed=several, dims=("animal", "day"))
    objective = pml.Objective(model, latent="z")
    own = [hmm.forward_backward(*by_hand(y))[0] for y in several]
    assert log_likelihood(objective, means=hmm.MEANS) == pytest.approx(sum(own), abs=1e-10)
    fit = pml.fit_mle(objective, starts=[{"means": hmm.MEANS}], progressbar=False)
    assert fit.latent["z_probability"].dims == ("animal", "day", "z_state")


def test_a_tree_and_two_chains_side_by_side_are_summed_like_all_their_states():
    """Classes of members given the class of their house; two binary chains that add up (a factorial model)."""
    house, y = np.array([0, 0, 1, 1, 1]), np.array([0.2, 1.9, -0.4, 2.2, 0.1])
    with pm.Model() as tree:
        share, means = pm.Beta("share", 1, 1), pm.Normal("means", 0, 3, shape=2)
        city = pm.Bernoulli("city", share)
        parent = pm.Bernoulli("parent", pt.stack([0.3, 0.6])[city], shape=2)
        member = pm.Categorical("member", pt.stack([[0.9, 0.1], [0.2, 0.8]])[parent[house]], shape=5)
        pm.Normal("y", means[member], 1, observed=y)
    names = ["city", "parent", "member"]

    def of_tree(z):
        p, m = z[1:3], z[3:]
        given = np.array([[0.9, 0.1], [0.2, 0.8]])[p[house], m]
        return (
            stats.bernoulli.logpmf(z[0], 0.4)
            + stats.bernoulli.logpmf(p, [0.3, 0.6][z[0]]).sum()
            + np.log(given).sum()
            + stats.norm.logpdf(y, np.array([0.0, 2.0])[m]).sum()
        )

    objective = pml.Objective(tree, latent=names)
    expected = hmm.all_states([2] * 8, of_tree)
    assert log_likelihood(objective, share=0.4, means=[0.0, 2.0]) == pytest.approx(expected, abs=1e-10)

    switch = np.array([[0.9, 0.1], [0.3, 0.7]])
    with pm.Model() as factorial:
        level = pm.Normal("level", 0, 3)
        one, two = (pm.Bernoulli(name, np.array(0.5), shape=5) for name in ("one", "two"))
        for z in (one, two):
            pm.Potential(f"{z.name} moves", pt.log(switch)[z[:-1], z[1:]].sum())
        pm.Normal("y", level * one + 2 * two, 1, observed=y)

    def of_both(z):
        a, b = z[:5], z[5:]
        moves = np.log(switch)[a[:-1], a[1:]].sum() + np.log(switch)[b[:-1], b[1:]].sum()
        return moves - 10 * np.log(2) + stats.norm.logpdf(y, 1.3 * a + 2 * b).sum()

    objective = pml.Objective(factorial, latent=["one", "two"])
    assert log_likelihood(objective, level=1.3) == pytest.approx(hmm.all_states([2] * 10, of_both), abs=1e-10)


def test_a_lattice_is_refused_by_name_and_width():
    with pm.Model() as model:
        tie = pm.Normal("tie", 0, 1)
        z = pm.Bernoulli("z", 0.5, shape=(25, 25))
        pm.Potential("along", (tie * pt.eq(z[1:], z[:-1])).sum() + (tie * pt.eq(z[:, 1:], z[:, :-1])).sum())
        pm.Normal("y", z, 1, observed=np.zeros((25, 25)))
    with pytest.raises(ValueError, match=r"got \d+ elements of z, which .* have \d+ joint states at once"):
        pml.Objective(model, latent="z")


def test_states_that_nothing_looks_up_are_not_guessed():
    with pm.Model() as model:
        stay = pm.Beta("stay", 1, 1)

        def density(value, stay, _):
            return pt.log(pt.switch(pt.eq(value[1:], value[:-1]), stay, 1 - stay)).sum()

        z = pm.CustomDist("z", stay, np.zeros(9), logp=density, signature="(),(t)->(t)", dtype="int64")
        pm.Normal("y", z, 1, observed=Y)
    with pytest.raises(ValueError, match=r"states can be read off the model as latent, got z ~ .*index nothing"):
        pml.Objective(model, latent="z")


def test_a_loop_may_have_emissions_of_its_own_and_covariates_in_its_transitions():
    """A variable for each step of states and of data; x moves the chance of state 1; the first state has its own."""
    rng = np.random.default_rng(6)
    n, y = 14, hmm.series(14)
    x, k = rng.normal(size=n), rng.poisson(2, 14)
    with pm.Model() as model:
        base, slope = pm.Normal("base", 0, 2, shape=2), pm.Normal("slope", 0, 2, shape=2)
        means, sigma = pm.Normal("means", 0, 5, shape=2), pm.HalfNormal("sigma", 3)
        state = pm.Bernoulli("z_0", 0.3)
        for t in range(n):
            if t:
                chance = pm.math.sigmoid(base + slope * x[t])
                state = pm.Bernoulli(f"z_{t}", pt.switch(state, chance[1], chance[0]))
            pm.Normal(f"y_{t}", means[state], sigma, observed=y[t])
            pm.Poisson(f"k_{t}", pt.as_tensor([0.5, 2.5])[state], observed=k[t])
    point = {"base": np.array([-1.0, 0.7]), "slope": np.array([0.4, -0.9]), "means": np.array([0.2, 2.0]), "sigma": 1.3}
    ones = 1 / (1 + np.exp(-(point["base"] + point["slope"] * x[1:, None])))
    emissions = stats.norm.logpdf(y[:, None], point["means"], 1.3) + stats.poisson.logpmf(k[:, None], [0.5, 2.5])
    expected = hmm.forward_backward([0.7, 0.3], np.stack([1 - ones, ones], axis=-1), emissions)[0]
    objective = pml.Objective(model, latent=hmm.states_of(model))
    assert log_likelihood(objective, **point) == pytest.approx(expected, abs=1e-10)


def test_a_simplex_after_other_parameters_is_no_hindrance():
    """The rows of a matrix have one number less on their unconstrained scale, which moves what comes after them."""
    with pm.Model() as model:
        means = pm.Normal("means", 0, 10, shape=3)
        matrix = pm.Dirichlet("matrix", np.ones((3, 3)))
        z = pm.Categorical("z", p=np.full(3, 1 / 3), shape=len(Y))
        pm.Potential("chain", pt.log(matrix[z[:-1], z[1:]] * 3).sum() + pt.log(3 * hmm.FIRST)[z[0]])
        pm.Normal("y", means[z], 1.1, observed=Y)
    objective = pml.Objective(model, latent="z")
    theta = objective.pack({"matrix": hmm.MATRIX, "means": hmm.MEANS})
    assert objective.log_likelihood(theta) == pytest.approx(hmm.forward_backward(*by_hand(Y))[0], abs=1e-10)
