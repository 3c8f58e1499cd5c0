"""Numbers of a model in double precision, whatever types PyMC writes them in; and digits where functions saturate."""

from itertools import product

import numpy as np
import pymc as pm
import pymc.dims as pmd
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.graph.traversal import ancestors, toposort
from pytensor.tensor.elemwise import DimShuffle, Elemwise
from pytensor.xtensor import as_xtensor
from scipy import special, stats

import pymc_landscape as pml
from pymc_landscape.engine import InterpretedGraphs, in_full_precision

Y = np.array([1.3, 0.4, 2.2])
COUNTS = np.array([1, 5, 0])
COINS = np.array([1, 0, 1])
SHARES = np.array([0.2, 0.5, 0.9])
A = 0.7
POSITIVE = stats.halfnorm(scale=1.3)
# Written with whole and round numbers: what writes the model; log prior and log-likelihood at a = 0.7 by SciPy.
ROUND = {
    "normal": (
        lambda: pm.Normal("y", pm.Normal("a", 2, 3), 3, observed=Y),
        *(stats.norm(2, 3).logpdf(A), stats.norm(A, 3).logpdf(Y)),
    ),
    "gamma": (
        lambda: pm.Normal("y", 0, pm.Gamma("a", 7, 3), observed=Y),
        *(stats.gamma(7, scale=1 / 3).logpdf(A), stats.norm(0, A).logpdf(Y)),
    ),
    "gamma by mean": (
        lambda: pm.Normal("y", 0, pm.Gamma("a", mu=2, sigma=3), observed=Y),
        *(stats.gamma(4 / 9, scale=4.5).logpdf(A), stats.norm(0, A).logpdf(Y)),
    ),
    "beta and binomial": (
        lambda: pm.Binomial("y", 13, pm.Beta("a", 5, 8), observed=COUNTS),
        *(stats.beta(5, 8).logpdf(A), stats.binom(13, A).logpmf(COUNTS)),
    ),
    "student": (
        lambda: pm.StudentT("y", nu=7, mu=0, sigma=pm.HalfNormal("a", 1.3), observed=Y),
        *(POSITIVE.logpdf(A), stats.t(7, 0, A).logpdf(Y)),
    ),
    "negative binomial": (
        lambda: pm.NegativeBinomial("y", alpha=7, mu=pm.HalfNormal("a", 1.3), observed=COUNTS),
        *(POSITIVE.logpdf(A), stats.nbinom(7, 7 / (7 + A)).logpmf(COUNTS)),
    ),
    "weibull": (
        lambda: pm.Weibull("y", 3, pm.HalfNormal("a", 1.3), observed=Y),
        *(POSITIVE.logpdf(A), stats.weibull_min(3, scale=A).logpdf(Y)),
    ),
    "potential": (
        lambda: pm.Potential("y", pm.logp(pm.Poisson.dist(0.5 + 3 * pm.HalfNormal("a", 1.3)), COUNTS)),
        *(POSITIVE.logpdf(A), stats.poisson(0.5 + 3 * A).logpmf(COUNTS)),
    ),
    "mixture": (
        lambda: pm.Mixture(
            "y", [0.25, 0.75], [pm.Normal.dist(pm.Normal("a", 0, 3), 3), pm.Normal.dist(5, 7)], observed=Y
        ),
        *(stats.norm(0, 3).logpdf(A), np.log(0.25 * stats.norm(A, 3).pdf(Y) + 0.75 * stats.norm(5, 7).pdf(Y))),
    ),
    "censored": (
        lambda: pm.Censored("y", pm.Normal.dist(pm.Normal("a", 0, 3), 3), None, 7, observed=Y),
        *(stats.norm(0, 3).logpdf(A), stats.norm(A, 3).logpdf(Y)),
    ),
    "zero-inflated negative binomial": (
        lambda: pm.ZeroInflatedNegativeBinomial("y", 0.5, mu=pm.HalfNormal("a", 1.3), alpha=7, observed=COUNTS),
        *(POSITIVE.logpdf(A), np.log(0.5 * (COUNTS == 0) + 0.5 * stats.nbinom(7, 7 / (7 + A)).pmf(COUNTS))),
    ),
    "skew normal": (
        lambda: pm.SkewNormal("y", mu=pm.Normal("a", 2, 3), sigma=3, alpha=2, observed=Y),
        *(stats.norm(2, 3).logpdf(A), stats.skewnorm(2, A, 3).logpdf(Y)),
    ),
    "named dims": (
        lambda: pmd.Normal("y", pmd.Normal("a", 2, 3), 3, observed=as_xtensor(Y, dims=("row",))),
        *(stats.norm(2, 3).logpdf(A), stats.norm(A, 3).logpdf(Y)),
    ),
    "autoregression": (
        lambda: pm.AR("y", [pm.Normal("a", 2, 3)], sigma=3, init_dist=pm.Normal.dist(0, 7), observed=Y),
        *(stats.norm(2, 3).logpdf(A), [*stats.norm(0, 7).logpdf(Y[:1]), *stats.norm(A * Y[:2], 3).logpdf(Y[1:])]),
    ),
    "kumaraswamy": (
        lambda: pm.Kumaraswamy("y", 3, pm.HalfNormal("a", 1.3), observed=SHARES),
        *(POSITIVE.logpdf(A), np.log(3 * A) + 2 * np.log(SHARES) + (A - 1) * np.log1p(-(SHARES**3))),
    ),
}


# Student's t with ν degrees of freedom: what writes it; log densities by SciPy at ν, and at infinity.
T = {
    "scalar": (
        lambda nu: pm.StudentT("y", nu=nu, mu=1, sigma=2, observed=Y),
        lambda nu: stats.t(nu, 1, 2).logpdf(Y),
        stats.norm(1, 2).logpdf(Y),
    ),
    "half": (
        lambda nu: pm.HalfStudentT("y", nu=nu, sigma=1.5, observed=Y),
        lambda nu: np.log(2) + stats.t(nu, 0, 1.5).logpdf(Y),
        stats.halfnorm(scale=1.5).logpdf(Y),
    ),
    "vector": (
        lambda nu: pm.MvStudentT("y", nu=nu, mu=np.zeros(3), scale=np.eye(3), observed=Y),
        lambda nu: stats.multivariate_t(np.zeros(3), np.eye(3), df=nu).logpdf(Y),
        stats.norm.logpdf(Y),
    ),
}


@pytest.mark.parametrize("nu", [0.3, 4.0, 1.9e4, 2.1e4, 1e5, 1e9, 1e16, 1e100])
@pytest.mark.parametrize("kind", T)
def test_many_degrees_of_freedom_leave_all_digits(kind, nu):
    write, density, limit = T[kind]
    with pm.Model() as model:
        write(pm.Gamma("nu", 2, 0.1))
    found = float(pml.Objective(model).natural_log_likelihood({"nu": [nu]})[0])
    expected = np.sum(density(nu) if nu < 1e5 else limit)
    assert found == pytest.approx(expected, rel=1e-11 if nu < 1e5 else 10 / nu + 1e-14)


def test_a_shift_of_a_log_gamma_has_the_derivatives_of_both():
    """Where both are far from large, and where they are; by digamma and trigamma of SciPy."""
    a = pt.dscalar("a")
    [difference] = in_full_precision([pt.gammaln(a + 0.5) - pt.gammaln(a)])
    assert len(list(toposort(in_full_precision([difference])))) == len(list(toposort([difference])))
    slopes = InterpretedGraphs([a], [pt.grad(difference, a), pt.grad(pt.grad(difference, a), a)]).function()
    for at in (0.4, 30.0, 9999.0, 10001.0, 3e4):
        expected = [special.polygamma(k, at + 0.5) - special.polygamma(k, at) for k in range(2)]
        np.testing.assert_allclose(slopes(np.asarray(at)), expected, rtol=1e-8)
    np.testing.assert_allclose(slopes(np.asarray(1e20)), [0.5e-20, -0.5e-40], rtol=1e-13)


@pytest.mark.parametrize(
    ("name", "backend"), [*product(ROUND, [None]), *product(["weibull", "mixture", "named dims"], ["numba"])]
)
def test_round_numbers_are_as_exact_as_others(name, backend):
    build, prior, likelihood = ROUND[name]
    with pm.Model(coords={"row": range(3)}) as model:
        build()
    objective = pml.Objective(model, backend=backend)
    assert float(objective.natural_log_likelihood({"a": [A]})[0]) == pytest.approx(np.sum(likelihood), rel=1e-13)
    assert float(objective.log_prior(objective.pack({"a": A}))) == pytest.approx(prior, rel=1e-13, abs=1e-14)


def written_by_pymc(p) -> dict[str, object]:
    """Log densities of coins whose probability may be known to 1e-17 of 1, and how PyMC users write them."""
    return {
        "observed": lambda: pm.Bernoulli("y", p=p, observed=COINS),
        "named": lambda: pm.Bernoulli("y", p=pm.Deterministic("p", p), observed=COINS),
        "potential": lambda: pm.Potential("y", pm.logp(pm.Bernoulli.dist(p=p), COINS)),
        "potential of columns": lambda: pm.Potential("y", pm.logp(pm.Bernoulli.dist(p=p), COINS[:, None])),
        "binomial": lambda: pm.Potential("y", pm.logp(pm.Binomial.dist(1, p), COINS)),
    }


@pytest.mark.parametrize("way", written_by_pymc(0.5))
def test_digits_are_kept_where_a_probability_saturates(way):
    """1 − sigmoid(40) is 0 in double precision, and its logarithm −40."""
    with pm.Model() as model:
        x = pm.Normal("x", 0, 10)
        written_by_pymc(pm.math.sigmoid(x))[way]()
    at = np.array([-800.0, -40.0, 30.0, 40.0, 800.0])
    wanted = -4 * special.log_expit(at) - 2 * special.log_expit(-at)
    np.testing.assert_allclose(pml.Objective(model).minus2ll(at[:, None]), wanted, rtol=1e-13)


def test_rates_that_are_exponentials_keep_their_logarithms():
    with pm.Model() as model:
        rate = pm.math.exp(pm.Normal("x", 0, 10))
        pm.Potential("y", pm.logp(pm.Poisson.dist(rate), COUNTS))
    wanted = -2 * (-800.0 * COUNTS.sum() - special.gammaln(COUNTS + 1).sum())
    assert float(pml.Objective(model).minus2ll([-800.0])) == pytest.approx(wanted, rel=1e-14)


def test_steps_of_a_loop_are_as_exact():
    """An average that forgets: s = s / 2 + log N(y | a, 3)."""

    def log_density(value, a):
        step = lambda y, s, a: s / 2 + pm.logp(pm.Normal.dist(a, 3), y)  # noqa: E731
        begin = pt.constant(0.0, dtype="float64")
        states = pytensor.scan(step, sequences=[value], outputs_info=[begin], non_sequences=[a], return_updates=False)
        return states[-1]

    with pm.Model() as model:
        a = pm.Normal("a", 0, 3)
        pm.Potential("y", log_density(pt.constant(Y), a))
    wanted = stats.norm(A, 3).logpdf(Y) @ [0.25, 0.5, 1.0]
    objective = pml.Objective(model)
    assert float(objective.natural_log_likelihood({"a": [A]})[0]) == pytest.approx(wanted, rel=1e-14)
    assert float(objective.gradient([A])[0]) == pytest.approx(-2 * ((Y - A) / 9) @ [0.25, 0.5, 1.0], rel=1e-13)


def test_nodes_that_were_evaluated_before_do_not_pass_on_how():
    """PyTensor keeps, at a node, the types in which NumPy is to evaluate it, and copies that with the node."""
    tau = pt.constant(np.int8(3)) ** pt.constant(np.float32(-2.0))
    tau.eval(mode="FAST_COMPILE")
    [wide] = in_full_precision([tau])
    assert float(wide.eval(mode="FAST_RUN")) == 1 / 9


def test_sums_of_small_integers_do_not_begin_anew():
    hundred = pt.constant(np.int8(100))
    [total] = in_full_precision([hundred + hundred])
    assert total.eval(mode="FAST_COMPILE") == 200


def test_data_stay_themselves():
    """Whoever replaces an array of data finds it behind what is made of it."""
    data = pt.constant(np.arange(5, dtype="int8"))
    [logs] = in_full_precision([pt.log(data + np.int8(1))])
    assert data in list(ancestors([logs]))
    np.testing.assert_allclose(logs.eval(mode="FAST_COMPILE"), np.log(np.arange(1, 6)), rtol=1e-15)


def test_an_op_with_types_of_its_own_is_given_them():
    x = pt.fscalar("x")
    inner = pytensor.compile.builders.OpFromGraph([x], [x * 2])
    number = pt.constant(np.float32(3.0))
    [out] = in_full_precision([pt.exp(inner(number / np.float32(7.0)))])
    assert out.type.dtype == "float64"
    assert out.eval(mode="FAST_COMPILE") == pytest.approx(np.exp(6 / 7), rel=1e-6)


def test_what_was_asked_for_in_single_precision_stays_so():
    x = pt.dscalar("x")
    [out] = in_full_precision([pt.cast(x, "float32")])
    assert out.type.dtype == "float32"
    with pytensor.config.change_flags(floatX="float32"):
        [same] = in_full_precision([pt.log(pt.constant(np.float32(3.0)))])
    assert same.type.dtype == "float32"


def test_a_written_out_recursion_is_gone_through_once():
    """Dims are added to the arguments of a few functions only: a thousand steps stay a thousand steps."""
    x = state = pt.dscalar("x")
    rows = []
    for _ in range(500):
        state = pt.sin(state) + x
        rows.append(state.dimshuffle("x"))
    nodes = toposort(in_full_precision([pt.concatenate(rows)]))
    assert sum(isinstance(node.op, Elemwise) for node in nodes) < 6 * 1000
    assert sum(isinstance(node.op, DimShuffle) for node in nodes) < 6 * 500


def test_an_identity_matrix_of_a_known_size_is_not_made_of_what_has_it(caplog):
    """For many points PyTensor would write a stack of them, stumble, and say so."""
    x = np.linspace(0, 5, 6)[:, None]
    with pm.Model() as model:
        gp = pm.gp.Marginal(cov_func=9.0 * pm.gp.cov.ExpQuad(1, ls=pm.Gamma("length", 2, 1)))
        gp.marginal_likelihood("y", X=x, y=np.sin(x[:, 0]), sigma=pm.HalfNormal("sigma", 1))
    objective = pml.Objective(model)
    at = np.random.default_rng(3).uniform(-0.5, 0.5, size=(300, 2))
    found = objective.minus2ll(at)
    assert not [record for record in caplog.records if "Rewrite failure" in record.getMessage()]
    np.testing.assert_allclose(found[:3], [float(objective.minus2ll(point)) for point in at[:3]], rtol=1e-10)
