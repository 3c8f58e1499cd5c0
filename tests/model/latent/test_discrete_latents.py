"""Discrete variables summed out of the likelihood, against sums in closed form and against PyMC's own mixtures."""

from functools import cache

import numpy as np
import pymc as pm
import pymc.dims as pmd
import pytensor.tensor as pt
import pytest
from posteriors import tree
from scipy import integrate, special, stats

import pymc_landscape as pml
from pymc_landscape.objective.conditional_modes import conditional_modes, probable_states
from pymc_landscape.objective.observations.simulate import Simulator

RNG = np.random.default_rng(3)
MIXED = np.concatenate([RNG.normal(-1.0, 0.7, 25), RNG.normal(2.0, 1.1, 35)])
CASES = [f"case {i}" for i in range(len(MIXED))]
COUNTS = np.where(RNG.random(50) < 0.6, RNG.poisson(2.5, 50), 0)
SMALL = np.array([1.0, 2.0, 0.5, 3.0])
# British coal-mining disasters by year, 1851 to 1961 (Jarrett 1979)
DISASTERS = np.array(
    list(
        map(
            int,
            "45401434063340263354531441553425223421322111130010110031"
            "0322011101010002100011023311211112420014000100000100101",
        )
    )
)


@cache
def mixture(written: str) -> pm.Model:
    """Two normal components, with the component of each case or without."""
    with pm.Model(coords={"case": CASES}) as model:
        w, mu = pm.Beta("w", 2, 2), pm.Normal("mu", 0, 5, shape=2, initval=[-1.0, 1.0])
        s = pm.HalfNormal("s", 3, shape=2)
        if written == "states":
            z = pm.Categorical("z", pm.math.stack([1 - w, w]), dims="case")
            pm.Normal("y", mu[z], s[z], observed=MIXED, dims="case")
        else:
            pm.NormalMixture("y", pm.math.stack([1 - w, w]), mu, s, observed=MIXED, dims="case")
    return model


@pytest.fixture(scope="module")
def summed() -> pml.Objective:
    return pml.Objective(mixture("states"), latent=["z"])


@pytest.fixture(scope="module")
def fitted(summed) -> pml.Fit:
    return pml.fit_mle(summed, progressbar=False)


def densities(w: float, mu, s) -> np.ndarray:
    """Log densities (2, n) of the two components, with their weights."""
    parts = [np.log(p) + stats.norm(m, sd).logpdf(MIXED) for p, m, sd in zip((1 - w, w), mu, s, strict=True)]
    return np.array(parts)


# --- the same likelihood as PyMC's mixtures --------------------------------------------------------------------------


def test_states_that_are_summed_out_are_no_parameters(summed):
    assert summed.latent == summed.summed == ("z",)
    assert summed.labels == ("w", "mu[0]", "mu[1]", "s[0]", "s[1]")
    assert summed.conditional == ()
    assert summed.origin == {"model_name": "", "latent": "z"}
    assert pml.Objective(mixture("states")).labels[-1] == "z[case 59]"  # "auto" takes no discrete variable


@pytest.fixture(scope="module")
def plain() -> pml.Objective:
    return pml.Objective(mixture("mixture"))


def test_a_normal_mixture_written_with_states(summed, plain):
    theta = np.random.default_rng(0).normal(size=(3, 5))
    for i, point in enumerate(theta):
        at = summed.unpack(point)
        wanted = -2.0 * special.logsumexp(densities(at["w"], at["mu"], at["s"]), axis=0).sum()
        assert float(summed.minus2ll(theta[i])) == pytest.approx(wanted, rel=1e-12)
    np.testing.assert_allclose(summed.gradient(theta), plain.gradient(theta), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(summed.hessian(theta[0]), plain.hessian(theta[0]), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(summed.scores(theta[0]), plain.scores(theta[0]), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(summed.log_prior(theta), plain.log_prior(theta), rtol=1e-12)


def test_a_fit_is_that_of_the_mixture(fitted, plain):
    other = pml.fit_mle(plain, progressbar=False)
    assert fitted.minus2ll == pytest.approx(other.minus2ll, abs=1e-9)
    assert (fitted.n_parameters, fitted.n_observations) == (5, 60)
    assert fitted.aic == pytest.approx(other.aic, abs=1e-9)
    assert fitted.aicc == pytest.approx(other.aicc, abs=1e-9)
    np.testing.assert_allclose(fitted.point["mu"], other.point["mu"], atol=1e-6)
    np.testing.assert_allclose(fitted.standard_error["s"], other.standard_error["s"], rtol=1e-5)
    ends = [pml.confidence_intervals(fit, "w", progressbar=False)["interval"] for fit in (fitted, other)]
    np.testing.assert_allclose(*ends, atol=1e-6)


def test_a_fit_knows_the_probabilities_of_states(fitted):
    """Bayes' theorem, case by case."""
    parts = densities(float(fitted.point["w"]), fitted.point["mu"].values, fitted.point["s"].values)
    latent = fitted.latent
    np.testing.assert_allclose(latent["z_probability"], special.softmax(parts, axis=0).T, atol=1e-10)
    np.testing.assert_array_equal(latent["z"], parts.argmax(axis=0))
    assert latent["z"].dims == ("case",)
    assert latent["z_probability"].dims == ("case", "z_state")
    assert latent["z"].dtype.kind == "i"
    assert list(latent["case"].values) == CASES
    assert latent.attrs["latent"] == "z"


def test_each_case_has_a_likelihood_of_its_own(fitted):
    draws = fitted.draws(20, random_seed=1)
    tree = pml.pointwise_log_likelihood(fitted.objective, draws, progressbar=False)
    found = tree["log_likelihood"]["y"]
    assert found.dims == ("chain", "draw", "case")
    at = draws.isel(chain=0, draw=7)
    wanted = special.logsumexp(densities(float(at["w"]), at["mu"].values, at["s"].values), axis=0)
    np.testing.assert_allclose(found.isel(chain=0, draw=7), wanted, rtol=1e-10)
    assert list(tree["log_prior"].data_vars) == ["w", "mu", "s"]


@pytest.mark.exhaustive
def test_inflated_zeros_written_with_states():
    """The rate of a structural zero is 0: what is impossible there must not spoil the slope."""
    with pm.Model() as states:
        psi, rate = pm.Beta("psi", 1, 1), pm.HalfNormal("rate", 10)
        pm.Poisson("y", pm.Bernoulli("z", psi, shape=50) * rate, observed=COUNTS)
    with pm.Model() as plain:
        psi, rate = pm.Beta("psi", 1, 1), pm.HalfNormal("rate", 10)
        pm.ZeroInflatedPoisson("y", psi, rate, observed=COUNTS)
    one, other = pml.Objective(states, latent="z"), pml.Objective(plain)
    theta = np.random.default_rng(1).normal(size=(5, 2))
    np.testing.assert_allclose(one.minus2ll(theta), other.minus2ll(theta), rtol=1e-12)
    np.testing.assert_allclose(one.gradient(theta), other.gradient(theta), rtol=1e-10, atol=1e-10)
    fit = pml.fit_mle(one, progressbar=False)
    np.testing.assert_allclose(other.gradient(fit.theta), 0.0, atol=1e-6)
    psi, rate = float(fit.point["psi"]), float(fit.point["rate"])
    probable = fit.latent["z_probability"].sel(z_state=1).values
    np.testing.assert_allclose(probable[COUNTS > 0], 1.0)
    np.testing.assert_allclose(probable[COUNTS == 0], 1 / (1 + (1 - psi) / (psi * np.exp(-rate))), rtol=1e-8)


# --- other sums ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def change() -> pml.Objective:
    year = np.arange(len(DISASTERS))
    with pm.Model() as model:
        early, late = pm.Exponential("early", 1), pm.Exponential("late", 1)
        switch = pm.DiscreteUniform("switch", 0, len(DISASTERS) - 1)
        pm.Poisson("y", pm.math.switch(year < switch, early, late), observed=DISASTERS)
    return pml.Objective(model, latent="switch")


def changed(early: float, late: float) -> np.ndarray:
    n = len(DISASTERS)
    rates = np.where(np.arange(n) < np.arange(n)[:, None], early, late)
    return stats.poisson(rates).logpmf(DISASTERS).sum(axis=1) - np.log(n)


def test_a_change_point(change):
    """One variable on which all observations depend."""
    points = [(3.0, 1.0), (2.0, 0.5), (0.7, 4.0)]
    early, late = np.transpose(points)
    wanted = [special.logsumexp(changed(*point)) for point in points]
    np.testing.assert_allclose(change.natural_log_likelihood({"early": early, "late": late}), wanted, rtol=1e-12)
    fit = pml.fit_mle(change, progressbar=False)
    at = float(fit.point["early"]), float(fit.point["late"])
    beside = [special.logsumexp(changed(at[0] * f, at[1] * g)) for f, g in ((1.01, 1), (0.99, 1), (1, 1.01), (1, 0.99))]
    assert fit.log_likelihood > max(beside)
    assert fit.n_observations == 111
    np.testing.assert_allclose(fit.latent["switch_probability"], special.softmax(changed(*at)), atol=1e-6)
    assert fit.latent["switch"].dims == ()
    with pytest.raises(ValueError, match="all of which depend on switch, which is summed out"):
        change.scores(fit.theta)
    with pytest.raises(ValueError, match=r"got y, which is summed over switch: use information='observed'"):
        change.fisher(fit.theta)


def test_observations_that_all_depend_on_one_variable_have_one_likelihood(change):
    draws = tree(early=np.array([[3.0, 2.0, 0.7]]), late=np.array([[1.0, 0.5, 4.0]]))
    found = pml.pointwise_log_likelihood(change, draws, progressbar=False)["log_likelihood"]["y"]
    assert found.dims == ("chain", "draw")
    wanted = [special.logsumexp(changed(*point)) for point in [(3.0, 1.0), (2.0, 0.5), (0.7, 4.0)]]
    np.testing.assert_allclose(found[0], wanted, atol=1e-6)


@pytest.mark.exhaustive
def test_numbers_of_animals_that_were_not_seen():
    """An N-mixture (Royle 2004): a thinned Poisson number is Poisson again; the cut is where nothing is left."""
    seen = np.array([1, 2, 0, 3])
    with pm.Model() as model:
        rate, p = pm.HalfNormal("rate", 5), pm.Beta("p", 1, 1)
        n = pm.Truncated("n", pm.Poisson.dist(rate), lower=0, upper=60, shape=4)
        pm.Binomial("y", n, p, observed=seen)
    found = pml.Objective(model, latent="n").natural_log_likelihood({"rate": [6.0, 2.0], "p": [0.3, 0.7]})
    wanted = [stats.poisson(mean).logpmf(seen).sum() for mean in (1.8, 1.4)]
    np.testing.assert_allclose(found, wanted, rtol=1e-10)


def test_elements_with_limits_of_their_own():
    trials, seen = np.array([3, 5, 2, 4]), np.array([1, 2, 0, 3])
    with pm.Model() as model:
        p = pm.Beta("p", 1, 1)
        pm.Poisson("y", 0.5 + pm.Binomial("z", trials, p), observed=seen)
    wanted = sum(
        np.log(sum(stats.binom(n, 0.4).pmf(j) * stats.poisson(0.5 + j).pmf(k) for j in range(n + 1)))
        for n, k in zip(trials, seen, strict=True)
    )
    found = pml.Objective(model, latent="z").natural_log_likelihood({"p": [0.4]})
    assert float(found[0]) == pytest.approx(wanted, rel=1e-10)


def test_two_variables_that_meet_in_each_observation():
    weights = np.array([0.2, 0.3, 0.5])
    with pm.Model() as model:
        w = pm.Beta("w", 1, 1)
        a, b = pm.Bernoulli("a", w, shape=4), pm.Categorical("b", weights, shape=4)
        pm.Normal("y", a + 2.0 * b, 1.0, observed=SMALL)
    parts = [
        np.log([0.7, 0.3][i] * weights[j]) + stats.norm(i + 2 * j, 1).logpdf(SMALL) for i in (0, 1) for j in (0, 1, 2)
    ]
    objective = pml.Objective(model, latent=["b", "a"])
    assert objective.latent == ("a", "b")
    found = objective.natural_log_likelihood({"w": [0.3]})
    assert float(found[0]) == pytest.approx(special.logsumexp(parts, axis=0).sum(), rel=1e-10)
    states, both = probable_states(objective, np.array([0.3])), special.softmax(parts, axis=0).reshape(2, 3, 4)
    np.testing.assert_allclose(states["a_probability"], both.sum(axis=1).T, rtol=1e-8)
    np.testing.assert_allclose(states["b_probability"], both.sum(axis=0).T, rtol=1e-8)


def test_a_variable_of_a_group_above_those_of_its_members():
    with pm.Model() as model:
        w = pm.Beta("w", 1, 1)
        kind = pm.Bernoulli("kind", w, shape=2)
        z = pm.Bernoulli("z", pm.math.switch(kind, 0.8, 0.3)[np.array([0, 0, 1, 1])], shape=4)
        pm.Normal("y", 2.0 * z, 1.0, observed=SMALL)
    heights = [np.exp(stats.norm(2 * z, 1).logpdf(SMALL)) for z in (0, 1)]
    rows = {q: (q * heights[1] + (1 - q) * heights[0]).reshape(2, 2).prod(axis=1) for q in (0.3, 0.8)}
    found = pml.Objective(model, latent=["kind", "z"]).natural_log_likelihood({"w": [0.4]})
    assert float(found[0]) == pytest.approx(np.log(0.6 * rows[0.3] + 0.4 * rows[0.8]).sum(), rel=1e-7)


def hidden_chain(y: np.ndarray) -> pm.Model:
    with pm.Model() as model:
        stay = pm.Beta("stay", 1, 1, shape=2)
        states = [pm.Bernoulli("z0", 0.5 * 1.0)]
        for t in range(1, len(y)):
            leave = pm.math.switch(states[-1], stay[1], 1 - stay[0])
            states.append(pm.Bernoulli(f"z{t}", leave))
        pm.Normal("y", 1.5 * pt.stack(states), 1.0, observed=y)
    return model


def test_a_short_hidden_markov_chain(rng):
    """Against the forward algorithm, and its probabilities against forward and backward ones."""
    y = rng.normal(size=7)
    objective = pml.Objective(hidden_chain(y), latent=[f"z{t}" for t in range(7)])
    stay = np.array([0.8, 0.6])
    move = np.array([[stay[0], 1 - stay[0]], [1 - stay[1], stay[1]]])
    emit = np.exp([stats.norm(1.5 * z, 1).logpdf(y) for z in (0, 1)]).T
    ahead, behind = [0.5 * emit[0]], [np.ones(2)]
    for t in range(1, 7):
        ahead.append(ahead[-1] @ move * emit[t])
        behind.insert(0, move @ (emit[7 - t] * behind[0]))
    found = objective.natural_log_likelihood({"stay": stay[None]})
    assert float(found[0]) == pytest.approx(np.log(ahead[-1].sum()), rel=1e-10)
    states = probable_states(objective, stay)
    for t in (0, 3, 6):
        wanted = ahead[t] * behind[t] / ahead[-1].sum()
        np.testing.assert_allclose(states[f"z{t}_probability"], wanted, rtol=1e-8)


def test_named_dims_and_potentials():
    with pm.Model(coords={"row": range(4)}) as labelled:
        w = pmd.Beta("w", alpha=1, beta=1)
        z = pmd.Bernoulli("z", p=w, dims="row")
        pmd.Normal("y", mu=2.0 * z, sigma=1.0, observed=pmd.as_xtensor(SMALL, dims=("row",)), dims="row")
    with pm.Model() as by_hand:
        w = pm.Beta("w", 1, 1)
        z = pm.Bernoulli("z", w, shape=4)
        pm.Potential("y", pm.logp(pm.Normal.dist(2.0 * z, 1.0), SMALL))
    wanted = np.log(0.7 * stats.norm(0, 1).pdf(SMALL) + 0.3 * stats.norm(2, 1).pdf(SMALL)).sum()
    for model in (labelled, by_hand):
        found = pml.Objective(model, latent="z").natural_log_likelihood({"w": [0.3]})
        assert float(found[0]) == pytest.approx(wanted, rel=1e-10)


# --- several terms, other data ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def twofold() -> pml.Objective:
    rng = np.random.default_rng(8)
    kind = rng.random(30) < 0.4
    with pm.Model(coords={"case": np.arange(30)}) as model:
        shift = pm.Data("shift", np.zeros(30), dims="case")
        w, mu = pm.Beta("w", 2, 2), pm.Normal("mu", 0, 5, shape=2, initval=[-1.0, 1.0])
        z = pm.Bernoulli("z", w, dims="case")
        pm.Deterministic("level", mu[z], dims="case")
        pm.Deterministic("other", 1 - w)
        pm.Normal("a", mu[z] + shift, 1.0, observed=rng.normal(np.where(kind, 2, -2)), dims="case")
        pm.Normal("b", 0.5 * mu[z], 1.5 * 1.0, observed=rng.normal(np.where(kind, 1, -1), 1.5), dims="case")
        pm.Normal("c", mu[0], 2 * 1.0, observed=[-2.5, -1.0])
    return pml.Objective(model, latent="z")


@pytest.fixture(scope="module")
def twofold_fit(twofold) -> pml.Fit:
    return pml.fit_mle(twofold, progressbar=False)


def of_cases(objective: pml.Objective, w: float, mu, a=0.0, shift: float = 0.0) -> np.ndarray:
    data = {rv.name: objective.model.rvs_to_values[rv].data for rv in objective.model.observed_RVs}
    parts = [
        np.log(p) + stats.norm(m + shift, 1).logpdf(data["a"] + a) + stats.norm(m / 2, 1.5).logpdf(data["b"])
        for p, m in zip((1 - w, w), mu, strict=True)
    ]
    return special.logsumexp(parts, axis=0)


def test_terms_that_share_a_state_are_one_term(twofold):
    assert twofold.terms == ("a + b", "c")
    assert twofold.deterministics == ("other",)
    theta = twofold.pack({"w": 0.3, "mu": [-1.0, 2.0]})
    terms = twofold.term_log_likelihood(theta)
    assert float(terms["a + b"]) == pytest.approx(of_cases(twofold, 0.3, (-1, 2)).sum(), rel=1e-7)
    assert float(terms["c"]) == pytest.approx(stats.norm(-1, 2).logpdf([-2.5, -1.0]).sum(), rel=1e-7)
    grid = pml.regular_grid({"mu[0]": [-2.0, -1.0]})
    at = {"w": 0.3, "mu": [0.0, 2.0]}
    surface = pml.evaluate_landscape(twofold, grid, at=at, pointwise=True, progressbar=False)
    assert surface["a + b"].dims == ("mu[0]", "case")
    np.testing.assert_allclose(surface["a + b"][1], of_cases(twofold, 0.3, (-1, 2)), rtol=1e-6)
    assert list(surface["term"].values) == ["a + b", "c"]
    table = pml.loss_table(twofold, at=at)
    assert "summed over z" in table.loc["a + b", "note"]
    assert table.loc["c", "loss"] == "squared error"


def test_other_data(twofold):
    at = {"w": [0.3], "mu": [[-1.0, 2.0]]}
    c = stats.norm(-1, 2).logpdf([-2.5, -1.0]).sum()
    a = twofold.model.rvs_to_values[twofold.model["a"]].data
    twin = twofold.with_data(a=a + 1.0, shift=np.full(30, 0.5))
    assert float(twin.natural_log_likelihood(at)[0]) == pytest.approx(
        of_cases(twofold, 0.3, (-1, 2), 1.0, 0.5).sum() + c, rel=1e-7
    )
    pm.set_data({"shift": np.full(30, 0.25)}, model=twofold.model)
    try:
        found = float(twofold.natural_log_likelihood(at)[0])
    finally:
        pm.set_data({"shift": np.zeros(30)}, model=twofold.model)
    assert found == pytest.approx(of_cases(twofold, 0.3, (-1, 2), 0.0, 0.25).sum() + c, rel=1e-7)


@pytest.mark.exhaustive
def test_a_posterior_of_the_model_with_states_is_one_of_its_parameters(twofold_fit):
    """Draws of the model with states, made by hand from the likelihood's normal approximation."""
    fit = twofold_fit
    drawn = fit.draws(200, random_seed=1).isel(chain=[0, 0]).assign_coords(chain=[0, 1])
    tree = drawn.assign(z=(("chain", "draw", "case"), np.zeros((2, 200, 30), dtype=int)))
    table = pml.compare_with_posterior(fit, tree)
    assert list(table["parameter"].values) == ["w", "mu[0]", "mu[1]"]


@pytest.mark.exhaustive
def test_states_are_drawn_again_with_the_data(twofold, twofold_fit):
    """The mean and the covariance of both terms, which share a state, over many simulated data sets."""
    simulate = Simulator(twofold)
    drawn = [simulate({"w": 0.3, "mu": [-2.0, 3.0]}, seed) for seed in range(300)]
    a, b = (np.ravel([data[name] for data in drawn]) for name in "ab")
    assert a.mean() == pytest.approx(0.7 * -2 + 0.3 * 3, abs=5 * 2.5 / np.sqrt(len(a)))
    assert np.cov(a, b)[0, 1] == pytest.approx(0.21 * 25 / 2, abs=0.3)
    refits = pml.parametric_bootstrap(twofold_fit, draws=2, random_seed=1, progressbar=False)
    assert (refits["delta_minus2ll"] > 0).all()


@pytest.mark.exhaustive
def test_which_observations_belong_together_may_change():
    with pm.Model() as model:
        group = pm.Data("group", np.array([0, 0, 1, 1]))
        z = pm.Bernoulli("z", pm.Beta("w", 1, 1), shape=2)
        pm.Normal("y", 2.0 * z[group], 1.0, observed=SMALL)

    def wanted(group):
        heights = [np.exp([stats.norm(m, 1).logpdf(SMALL)[group == g].sum() for g in (0, 1)]) for m in (0, 2)]
        return np.log(0.7 * heights[0] + 0.3 * heights[1]).sum()

    objective, at = pml.Objective(model, latent="z"), {"w": [0.3]}
    assert objective.term_dims("y", 2)[0] == ["z_dim_0"]
    for value in ([0, 0, 1, 1], [0, 1, 1, 1]):
        found = objective.with_data(group=value).natural_log_likelihood(at)
        assert float(found[0]) == pytest.approx(wanted(np.array(value)), rel=1e-10)
    pm.set_data({"group": [1, 0, 0, 1]}, model=model)
    found = objective.natural_log_likelihood(at)
    assert float(found[0]) == pytest.approx(wanted(np.array([1, 0, 0, 1])), rel=1e-10)


# --- discrete and continuous -----------------------------------------------------------------------------------------

SIZES = [2, 3, 2, 4, 3]
GROUP = np.repeat(np.arange(5), SIZES)
GROUPED = np.array([3.8, -2.1, -0.1, 1.7, -0.8])[GROUP] + RNG.normal(0, 0.8, len(GROUP))


@pytest.fixture(scope="module")
def classes() -> pm.Model:
    with pm.Model(coords={"group": list("abcde")}) as model:
        w, mu = pm.Beta("w", 1, 1), pm.Normal("mu", 0, 10, shape=2, initval=[-1.0, 2.0])
        spread, s = pm.HalfNormal("spread", 3), pm.HalfNormal("s", 3)
        z, u = pm.Bernoulli("z", w, dims="group"), pm.Normal("u", 0, spread, dims="group")
        pm.Normal("y", mu[z[GROUP]] + u[GROUP], s, observed=GROUPED)
    return model


@pytest.fixture(scope="module")
def classes_and_effects(classes) -> pml.Objective:
    return pml.Objective(classes, latent=["z", "u"])


def class_heights(w: float, mu, spread: float, s: float) -> np.ndarray:
    """Log densities (2, groups) of the vector of each group, with the weights: normal in each class."""
    found = np.empty((2, 5))
    for g, n in enumerate(SIZES):
        cov, own = s**2 * np.eye(n) + spread**2, GROUPED[g == GROUP]
        for k, p in enumerate((1 - w, w)):
            found[k, g] = np.log(p) + stats.multivariate_normal(np.full(n, mu[k]), cov).logpdf(own)
    return found


CLOSE = {"w": [0.4], "mu": [[0.0, 1.0]], "spread": [1.2], "s": [1.0]}


def test_a_class_and_an_effect_of_each_group(classes_and_effects):
    """Exact is a mixture of normal vectors, and so is Laplace's approximation: it is made class by class."""
    objective = classes_and_effects
    assert objective.latent == ("z", "u")
    assert objective.summed == ("z",)
    assert objective.origin == {"model_name": "", "latent": "z, u", "quadrature": 1}
    wanted = special.logsumexp(class_heights(0.4, (0.0, 1.0), 1.2, 1.0), axis=0).sum()
    assert float(objective.natural_log_likelihood(CLOSE)[0]) == pytest.approx(wanted, rel=1e-12)
    theta = objective.pack({name: value[0] for name, value in CLOSE.items()})

    def exact(t):
        at = objective.unpack(t)
        return -2 * special.logsumexp(class_heights(at["w"], at["mu"], at["spread"], at["s"]), axis=0).sum()

    slope = [(exact(theta + h) - exact(theta - h)) / 2e-5 for h in 1e-5 * np.eye(5)]
    np.testing.assert_allclose(objective.gradient(theta), slope, rtol=1e-6, atol=1e-6)
    twin = objective.with_data(y=GROUPED[::-1].copy())
    assert float(twin.natural_log_likelihood(CLOSE)[0]) != pytest.approx(wanted, abs=1e-3)
    assert float(objective.natural_log_likelihood(CLOSE)[0]) == pytest.approx(wanted, rel=1e-12)


def test_effects_alone_are_not_integrated_where_states_alone_are_named(classes):
    objective = pml.Objective(classes, latent="z")
    assert objective.conditional == ("u",)
    assert objective.labels[-1] == "u[e]"
    u = np.linspace(-1, 1, 5)
    parts = [np.log(p) + stats.norm(m + u[GROUP], 1.1).logpdf(GROUPED) for p, m in ((0.4, -1), (0.6, 2))]
    sums = [np.bincount(GROUP, part - np.log(p)) + np.log(p) for part, p in zip(parts, (0.4, 0.6), strict=True)]
    at = {"w": [0.6], "mu": [[-1.0, 2.0]], "spread": [1.0], "s": [1.1], "u": u[None]}
    found = float(objective.natural_log_likelihood(at)[0])
    assert found == pytest.approx(special.logsumexp(sums, axis=0).sum(), rel=1e-10)
    assert objective.term_dims("y", 5)[0] == ["group"]


def test_a_fit_knows_classes_and_effects(classes_and_effects):
    """Classes by Bayes' theorem with the effects averaged over; effects shrunk towards their class."""
    fit = pml.fit_mle(classes_and_effects, progressbar=False)
    assert fit.status.is_optimum
    w, spread, s = (float(fit.point[name]) for name in ("w", "spread", "s"))
    heights = class_heights(w, fit.point["mu"].values, spread, s)
    assert fit.log_likelihood == pytest.approx(special.logsumexp(heights, axis=0).sum(), abs=1e-8)
    np.testing.assert_allclose(fit.latent["z_probability"], special.softmax(heights, axis=0).T, atol=1e-8)
    best = heights.argmax(axis=0)
    assert spread > 0.1
    precision = np.array(SIZES) / s**2 + 1 / spread**2
    left = np.bincount(GROUP, GROUPED - fit.point["mu"].values[best][GROUP])
    np.testing.assert_allclose(fit.latent["u"], left / s**2 / precision, atol=1e-6)
    np.testing.assert_allclose(fit.latent["u_se"], precision**-0.5, atol=1e-6)
    with pytest.raises(ValueError, match="random effects alone, got the discrete z beside them"):
        pml.importance_sampling(fit)


@pytest.mark.exhaustive
def test_outliers_among_observations_with_effects_of_groups():
    """A state each observation, an effect each group: SciPy integrates over the effect group by group."""
    with pm.Model() as model:
        w, spread = pm.Beta("w", 1, 1), pm.HalfNormal("spread", 3)
        u, z = pm.Normal("u", 0, spread, shape=5), pm.Bernoulli("z", w, shape=len(GROUP))
        pm.Normal("y", u[GROUP], pm.math.switch(z, 4.0 * 1.0, 1.0), observed=GROUPED)

    def inside(u, own):
        rows = 0.8 * stats.norm(u, 1).pdf(own) + 0.2 * stats.norm(u, 4).pdf(own)
        return rows.prod() * stats.norm(0, 1.5).pdf(u)

    wanted = sum(
        np.log(integrate.quad(inside, -9, 9, args=(GROUPED[g == GROUP],), epsabs=1e-14, limit=200)[0]) for g in range(5)
    )
    at = {"w": [0.2], "spread": [1.5]}
    found = [
        float(pml.Objective(model, latent=["u", "z"], quadrature=n).natural_log_likelihood(at)[0]) for n in (1, 25)
    ]
    assert found[0] == pytest.approx(wanted, abs=0.3)
    assert found[1] == pytest.approx(wanted, abs=2e-4)
    states = conditional_modes(pml.Objective(model, latent=["u", "z"]), {"w": 0.2, "spread": 1.5}, {})
    u = states["u"].values[GROUP]
    parts = [np.log(p) + stats.norm(u, sd).logpdf(GROUPED) for p, sd in ((0.8, 1), (0.2, 4))]
    np.testing.assert_allclose(states["z_probability"], special.softmax(parts, axis=0).T, atol=1e-8)


@pytest.mark.exhaustive
def test_crossed_effects_beside_states():
    """No blocks: Laplace's approximation of the sum. Exact is a sum over the few states of normal vectors."""
    cask = np.arange(len(GROUP)) % 3
    with pm.Model() as model:
        w, spread = pm.Beta("w", 1, 1), pm.HalfNormal("spread", 3, shape=2)
        u, v = pm.Normal("u", 0, spread[0], shape=5), pm.Normal("v", 0, spread[1], shape=3)
        z = pm.Bernoulli("z", w, shape=2)
        pm.Normal("y", u[GROUP] + v[cask] + 0.1 * z[cask // 2], 1.0, observed=GROUPED)
    cov = np.eye(len(GROUP)) + 1.2**2 * (GROUP[:, None] == GROUP) + 0.7**2 * (cask[:, None] == cask)
    parts = [
        np.log([0.7, 0.3][a] * [0.7, 0.3][b])
        + stats.multivariate_normal(0.1 * np.array([a, b])[cask // 2], cov).logpdf(GROUPED)
        for a in (0, 1)
        for b in (0, 1)
    ]
    objective = pml.Objective(model, latent=["u", "v", "z"])
    found = objective.natural_log_likelihood({"w": [0.3], "spread": [[1.2, 0.7]]})
    assert float(found[0]) == pytest.approx(special.logsumexp(parts), abs=1e-3)


def test_an_effect_whose_prior_is_a_mixture():
    """u comes from one of two normals; the group's vector is a mixture of two normals."""
    with pm.Model() as model:
        w, spread = pm.Beta("w", 1, 1), pm.HalfNormal("spread", 3)
        z = pm.Bernoulli("z", w, shape=5)
        u = pm.Normal("u", 3.0 * z - 1.0, spread, shape=5)
        pm.Normal("y", u[GROUP], 0.8 * 1.0, observed=GROUPED)
    wanted = special.logsumexp(class_heights(0.4, (-1.0, 2.0), 1.2, 0.8), axis=0).sum()
    objective = pml.Objective(model, latent=["z", "u"])
    found = objective.natural_log_likelihood({"w": [0.4], "spread": [1.2]})
    assert float(found[0]) == pytest.approx(wanted, rel=1e-10)
    assert objective.conditional == ()


def test_a_parameter_whose_prior_is_a_mixture():
    with pm.Model() as model:
        z = pm.Bernoulli("z", 0.25)
        v = pm.Normal("v", 4.0 * z - 2.0, 1.0)
        pm.Normal("y", v, 1.0, observed=SMALL)
    objective = pml.Objective(model, latent="z")
    assert objective.conditional == ()
    theta = objective.pack({"v": 0.3})
    prior = np.log(0.75 * stats.norm(-2, 1).pdf(0.3) + 0.25 * stats.norm(2, 1).pdf(0.3))
    assert float(objective.log_prior(theta)) == pytest.approx(prior, rel=1e-7)
    assert float(objective.log_likelihood(theta)) == pytest.approx(stats.norm(0.3, 1).logpdf(SMALL).sum(), rel=1e-10)


# --- refusals --------------------------------------------------------------------------------------------------------


def without_limit():
    pm.Normal("y", pm.Poisson("z", pm.HalfNormal("rate", 1), shape=4), 1, observed=SMALL)


def moving_limit():
    rate = pm.HalfNormal("rate", 1)
    pm.Normal("y", pm.Binomial("z", pm.Poisson("n", rate), 0.5), 1, observed=SMALL)


def all_tied():
    pm.Normal("y", pm.Bernoulli("z", pm.Beta("w", 1, 1), shape=40).sum(), 1, observed=SMALL)


def together():
    pm.Normal("y", pm.Multinomial("z", 3, pm.Dirichlet("w", np.ones(4))), 1, observed=SMALL)


def prior_and_data():
    z = pm.Bernoulli("z", 0.4)
    pm.Normal("y", pm.Normal("v", z, 1) + pm.Normal("mu", 0, 1) * z, 1, observed=SMALL)


def moving_support():
    pm.Normal("y", pm.Uniform("v", 0, 1 + pm.Bernoulli("z", 0.4)) + pm.Normal("mu"), 1, observed=SMALL)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (without_limit, r"finitely many states as latent, got z ~ Poisson, which has no largest value: cut it off"),
        (moving_limit, r"known states as latent, got z, whose limits depend on (rate, )?n: give it constant limits"),
        (all_tied, r"got 40 elements of z that do, in y, with 10\^12 states together, of which at most 10000"),
        (together, r"drawn one by one as latent, got z ~ Multinomial"),
        (prior_and_data, r"got z, on which both do \(y; v\).*name v as latent too"),
        (moving_support, r"supports that no discrete variable moves, got v, whose limits depend on z"),
    ],
)
def test_what_cannot_be_summed_out_says_why(build, said):
    with pm.Model() as model:
        build()
    with pytest.raises(ValueError, match=said) as caught:
        pml.Objective(model, latent="z")
    assert str(caught.value).startswith("Expected")


def test_a_fit_of_states_says_that_they_can_be_summed_out():
    with pytest.raises(ValueError, match=r"the discrete z: .* Objective\(model, latent=\['z'\]\) sums them out"):
        pml.fit_mle(mixture("states"), progressbar=False)
