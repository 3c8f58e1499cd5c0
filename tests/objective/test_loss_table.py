"""Each observed term as a loss: values by formulas as other libraries define them, −2LL by SciPy."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pymc as pm
import pymc.dims as pmd
import pytensor.tensor as pt
import pytest
from scipy import stats
from scipy.special import expit, logit, softmax, xlogy

import pymc_landscape as pml
from pymc_landscape.model.losses import loss_families, loss_formulas

# The point: a location and a spread. Other numbers are such that PyTensor keeps them in double precision.
X, S = 0.7, 1.3
AT = {"x": X, "s": S}
Y = np.array([0.4, 1.9, 3.1, 0.8, 2.2])
Z = np.array([-0.4, 1.9, -3.1, 0.8, 2.2])
UNIT = np.array([0.12, 0.5, 0.77, 0.2, 0.55])
COUNTS = np.array([0, 3, 1, 5, 2])
TRIALS = np.array([5, 6, 7, 8, 9])
COINS = np.array([0, 1, 1, 0, 1])
SEEN = np.array([0, 2, 1, 1, 2])
TABLE = np.array([[1, 2, 0], [0, 0, 4]])
SIGMAS = np.array([0.6, 1.1, 2.3, 0.7, 1.9])
PAIRS = np.array([[1.0, 2.1], [3.2, 0.4], [-1.0, 0.3]])
COV = np.array([[1.21, 0.33], [0.33, 0.73]])
CUTS = np.array([-0.3, 1.1])
P3 = softmax([X, 0.0, 1.1])
CAP = 2.1


# --- losses as scikit-learn and others define them, as sums ----------------------------------------------------------


def squares(error):
    return (error**2).sum()


def pinball(y, prediction, tau):
    return np.maximum(tau * (y - prediction), (tau - 1) * (y - prediction)).sum()


def log_loss(probabilities):
    return -np.log(probabilities).sum()


def poisson_deviance(y, mu):
    return 2 * (xlogy(y, y / mu) - y + mu).sum()


def negative_binomial_deviance(y, mu, alpha):
    return 2 * (xlogy(y, y / mu) - (y + alpha) * np.log((1 + y / alpha) / (1 + mu / alpha))).sum()


def tweedie_deviance(y, mu, power):
    limits = {2: np.log(mu / y) + y / mu - 1}
    if power in limits:
        return 2 * limits[power].sum()
    terms = y ** (2 - power) / ((1 - power) * (2 - power)), -y * mu ** (1 - power) / (1 - power)
    return 2 * (terms[0] + terms[1] + mu ** (2 - power) / (2 - power)).sum()


def distances(error, covariance):
    return np.einsum("ni,ij,nj->n", error, np.linalg.inv(covariance), error)


def linex(z):
    return (np.exp(-z) + z - 1).sum()


# --- one model with a term for each family ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A term: how it is written in PyMC, and what the table is to say of it.

    ``b`` is not here: that a · value + b is SciPy's −2LL leaves no choice for it.
    """

    write: Callable[[str, Any, Any], Any]
    distribution: str
    loss: str
    value: float
    a: float
    log_likelihood: float
    free: tuple[str, ...] = ()


def family(dist, *args, **kwargs):
    """Return a way to write a term whose arguments may be functions of the parameters x and s."""

    def write(name, x, s):
        def given(value):
            return value(x, s) if callable(value) else value

        return dist(name, *map(given, args), **{key: given(value) for key, value in kwargs.items()})

    return write


def x_(x, s):
    return x


def s_(x, s):
    return s


def exp_x(x, s):
    return pm.math.exp(x)


def sigmoid_x(x, s):
    return pm.math.sigmoid(x)


def softmax_x(x, s):
    return pm.math.softmax(pt.stack([x, 0.0 * x, 1.1 + 0.0 * x]))


def quartic(name, x, s):
    return pm.CustomDist(name, x, logp=lambda value, x: -((value - x) ** 4), observed=Z)


def ordered_p():
    cumulative = np.concatenate([[0], expit(CUTS - X), [1]])
    return np.diff(cumulative)


MU = np.exp(X)
TAU = 0.9
T = stats.t(3, X, S)
NORMAL = stats.norm(X, S)
COUNTING = stats.poisson(MU)
STEP = np.diff(Z)
TOPPED = np.minimum(Y, CAP)

CASES = {
    "known": Case(
        *(family(pm.Normal, x_, 0.6, observed=Z), "Normal", "squared error", squares(Z - X)),
        *(1 / 0.6**2, stats.norm(X, 0.6).logpdf(Z).sum()),
    ),
    "normal": Case(
        *(family(pm.Normal, x_, s_, observed=Z), "Normal", "squared error", squares(Z - X)),
        *(1 / S**2, NORMAL.logpdf(Z).sum(), ("sigma",)),
    ),
    "each": Case(
        *(family(pm.Normal, x_, SIGMAS, observed=Z), "Normal", "weighted squared error", squares((Z - X) / SIGMAS)),
        *(1.0, stats.norm(X, SIGMAS).logpdf(Z).sum()),
    ),
    "pairs": Case(
        *(family(pm.MvNormal, lambda x, s: x * np.ones(2), COV, observed=PAIRS), "MvNormal"),
        *("squared Mahalanobis distance (generalised least squares)", distances(PAIRS - X, COV).sum()),
        *(1.0, stats.multivariate_normal([X, X], COV).logpdf(PAIRS).sum()),
    ),
    "log_normal": Case(
        *(family(pm.LogNormal, x_, s_, observed=Y), "LogNormal", "squared error of logs", squares(np.log(Y) - X)),
        *(1 / S**2, stats.lognorm(S, scale=MU).logpdf(Y).sum(), ("sigma",)),
    ),
    "logit_normal": Case(
        *(family(pm.LogitNormal, x_, s_, observed=UNIT), "LogitNormal", "squared error of logits"),
        *(squares(logit(UNIT) - X), 1 / S**2),
        *((stats.norm(X, S).logpdf(logit(UNIT)) - np.log(UNIT * (1 - UNIT))).sum(), ("sigma",)),
    ),
    "half_normal": Case(
        *(family(pm.HalfNormal, s_, observed=Y), "HalfNormal", "squared error", squares(Y)),
        *(1 / S**2, stats.halfnorm(scale=S).logpdf(Y).sum(), ("sigma",)),
    ),
    "laplace": Case(
        *(family(pm.Laplace, x_, s_, observed=Z), "Laplace", "absolute error", np.abs(Z - X).sum()),
        *(2 / S, stats.laplace(X, S).logpdf(Z).sum(), ("b",)),
    ),
    "quantile": Case(
        *(family(pm.AsymmetricLaplace, b=s_, q=TAU, mu=x_, observed=Z), "AsymmetricLaplace"),
        *("pinball (quantile loss)", pinball(Z, X, TAU)),
        *(2 * S * (3 + 1 / 3), stats.laplace_asymmetric(3, X, 1 / S).logpdf(Z).sum(), ("b",)),
    ),
    "student": Case(
        *(family(pm.StudentT, nu=np.float64(3), mu=x_, sigma=s_, observed=Z), "StudentT", "robust (Student t)"),
        *(np.log(1 + (Z - X) ** 2 / (3 * S**2)).sum(), 4.0, T.logpdf(Z).sum(), ("sigma",)),
    ),
    "students": Case(
        *(
            family(pm.MvStudentT, nu=np.float64(4), scale=COV, mu=lambda x, s: x * np.ones(2), observed=PAIRS),
            "MvStudentT",
        ),
        *("robust (multivariate Student t)", np.log(1 + distances(PAIRS - X, COV) / 4).sum()),
        *(6.0, stats.multivariate_t([X, X], COV, 4).logpdf(PAIRS).sum()),
    ),
    "cauchy": Case(
        *(family(pm.Cauchy, x_, s_, observed=Z), "Cauchy", "robust (Cauchy)", np.log(1 + ((Z - X) / S) ** 2).sum()),
        *(2.0, stats.cauchy(X, S).logpdf(Z).sum(), ("beta",)),
    ),
    "half_cauchy": Case(
        *(family(pm.HalfCauchy, s_, observed=Y), "HalfCauchy", "robust (Cauchy)", np.log(1 + (Y / S) ** 2).sum()),
        *(2.0, stats.halfcauchy(scale=S).logpdf(Y).sum(), ("beta",)),
    ),
    "half_student": Case(
        *(family(pm.HalfStudentT, nu=np.float64(3), sigma=s_, observed=Y), "HalfStudentT", "robust (Student t)"),
        *(np.log(1 + Y**2 / (3 * S**2)).sum(), 4.0, 5 * np.log(2) + stats.t(3, 0, S).logpdf(Y).sum(), ("sigma",)),
    ),
    "logistic": Case(
        *(family(pm.Logistic, x_, s_, observed=Z), "Logistic", "log-cosh", np.log(np.cosh((Z - X) / (2 * S))).sum()),
        *(4.0, stats.logistic(X, S).logpdf(Z).sum(), ("s",)),
    ),
    "gumbel": Case(
        *(family(pm.Gumbel, x_, s_, observed=Z), "Gumbel", "LINEX", linex((Z - X) / S)),
        *(2.0, stats.gumbel_r(X, S).logpdf(Z).sum(), ("beta",)),
    ),
    "moyal": Case(
        *(family(pm.Moyal, x_, s_, observed=Z), "Moyal", "LINEX", linex((Z - X) / S)),
        *(1.0, stats.moyal(X, S).logpdf(Z).sum(), ("sigma",)),
    ),
    "angle": Case(
        *(family(pm.VonMises, x_, s_, observed=Z), "VonMises", "circular (1 − cos)", (1 - np.cos(Z - X)).sum()),
        *(2 * S, stats.vonmises(S, X).logpdf(Z).sum(), ("kappa",)),
    ),
    "coin": Case(
        *(family(pm.Bernoulli, logit_p=x_, observed=COINS), "Bernoulli", "cross-entropy (log loss)"),
        *(log_loss(np.where(COINS, expit(X), expit(-X))), 2.0, stats.bernoulli(expit(X)).logpmf(COINS).sum()),
    ),
    "kind": Case(
        *(family(pm.Categorical, softmax_x, observed=SEEN), "Categorical", "cross-entropy (log loss)"),
        *(log_loss(P3[SEEN]), 2.0, np.log(P3)[SEEN].sum()),
    ),
    "grade": Case(
        *(family(pm.OrderedLogistic, eta=x_, cutpoints=CUTS, observed=SEEN), "OrderedLogistic"),
        *("cross-entropy (log loss)", log_loss(ordered_p()[SEEN]), 2.0, np.log(ordered_p())[SEEN].sum()),
    ),
    "hits": Case(
        *(family(pm.Binomial, n=TRIALS, p=sigmoid_x, observed=COUNTS), "Binomial", "cross-entropy (log loss)"),
        *(-(COUNTS * np.log(expit(X)) + (TRIALS - COUNTS) * np.log(expit(-X))).sum(), 2.0),
        *(stats.binom(TRIALS, expit(X)).logpmf(COUNTS).sum(),),
    ),
    "until": Case(
        *(family(pm.Geometric, sigmoid_x, observed=COUNTS + 1), "Geometric", "cross-entropy (log loss)"),
        *(-(np.log(expit(X)) + COUNTS * np.log(expit(-X))).sum(), 2.0),
        *(stats.geom(expit(X)).logpmf(COUNTS + 1).sum(),),
    ),
    "kinds": Case(
        *(family(pm.Multinomial, [3, 4], softmax_x, observed=TABLE), "Multinomial", "cross-entropy (log loss)"),
        *(-(TABLE * np.log(P3)).sum(), 2.0),
        *(sum(stats.multinomial(n, P3).logpmf(row) for n, row in zip((3, 4), TABLE, strict=True)),),
    ),
    "counts": Case(
        *(family(pm.Poisson, exp_x, observed=COUNTS), "Poisson", "Poisson deviance", poisson_deviance(COUNTS, MU)),
        *(1.0, COUNTING.logpmf(COUNTS).sum()),
    ),
    "clumps": Case(
        *(family(pm.NegativeBinomial, mu=exp_x, alpha=s_, observed=COUNTS), "NegativeBinomial"),
        *("negative binomial deviance", negative_binomial_deviance(COUNTS, MU, S), 1.0),
        *(stats.nbinom(S, S / (S + MU)).logpmf(COUNTS).sum(), ("alpha",)),
    ),
    "wait": Case(
        *(family(pm.Exponential, scale=exp_x, observed=Y), "Exponential", "gamma deviance", tweedie_deviance(Y, MU, 2)),
        *(1.0, stats.expon(scale=MU).logpdf(Y).sum()),
    ),
    "gamma": Case(
        *(family(pm.Gamma, mu=exp_x, sigma=lambda x, s: pm.math.exp(x) / s, observed=Y), "Gamma", "gamma deviance"),
        *(tweedie_deviance(Y, MU, 2), S**2, stats.gamma(S**2, scale=MU / S**2).logpdf(Y).sum(), ("alpha",)),
    ),
    "inverse_gamma": Case(
        *(family(pm.InverseGamma, S, exp_x, observed=Y), "InverseGamma", "gamma deviance of 1/y"),
        *(tweedie_deviance(1 / Y, S / MU, 2), S, stats.invgamma(S, scale=MU).logpdf(Y).sum()),
    ),
    "weibull": Case(
        *(family(pm.Weibull, 1.7, exp_x, observed=Y), "Weibull", "gamma deviance of y^alpha"),
        *(tweedie_deviance(Y**1.7, MU**1.7, 2), 1.0, stats.weibull_min(1.7, scale=MU).logpdf(Y).sum()),
    ),
    "wald": Case(
        *(family(pm.Wald, mu=exp_x, lam=s_, observed=Y), "Wald", "inverse Gaussian deviance"),
        *(tweedie_deviance(Y, MU, 3), S, stats.invgauss(MU / S, scale=S).logpdf(Y).sum(), ("lam",)),
    ),
    "tobit": Case(
        *(family(pm.Censored, lambda x, s: pm.Normal.dist(x, s), lower=None, upper=CAP, observed=TOPPED),),
        *("Censored(Normal)", "censored squared error (Tobit)"),
        *(squares(Y[Y < CAP] - X) - 2 * S**2 * 2 * NORMAL.logsf(CAP), 1 / S**2),
        *(NORMAL.logpdf(Y[Y < CAP]).sum() + 2 * NORMAL.logsf(CAP), ("sigma",)),
    ),
    "both_ends": Case(
        *(family(pm.Censored, lambda x, s: pm.Poisson.dist(pm.math.exp(x)), 1, 4, observed=[1, 2, 4, 4]),),
        *("Censored(Poisson)", "censored Poisson deviance"),
        *(poisson_deviance(np.array([2]), MU) - 2 * COUNTING.logcdf(1) - 4 * COUNTING.logsf(3), 1.0),
        *(COUNTING.logcdf(1) + COUNTING.logpmf(2) + 2 * COUNTING.logsf(3),),
    ),
    "cut": Case(
        *(family(pm.TruncatedNormal, x_, s_, lower=0.1, observed=Y), "TruncatedNormal", "truncated squared error"),
        *(squares(Y - X) + 2 * S**2 * 5 * NORMAL.logsf(0.1), 1 / S**2),
        *(NORMAL.logpdf(Y).sum() - 5 * NORMAL.logsf(0.1), ("sigma",)),
    ),
    "some": Case(
        *(family(pm.Truncated, lambda x, s: pm.Poisson.dist(pm.math.exp(x)), 1, 6, observed=[1, 2, 6]),),
        *("Truncated(Poisson)", "truncated Poisson deviance"),
        *(poisson_deviance(np.array([1, 2, 6]), MU) + 6 * np.log(COUNTING.cdf(6) - COUNTING.cdf(0)), 1.0),
        *(COUNTING.logpmf([1, 2, 6]).sum() - 3 * np.log(COUNTING.cdf(6) - COUNTING.cdf(0)),),
    ),
    "ar": Case(
        *(
            family(
                pm.AR,
                lambda x, s: pt.stack([0.1 + 0 * x, 0.3 * x, 0.2 + 0 * x]),
                sigma=s_,
                constant=True,
                init_dist=lambda x, s: pm.Normal.dist(0.1, 1.1),
                observed=Z,
            ),
            "AR",
            "one-step squared error",
        ),
        *(squares(Z[2:] - 0.1 - 0.3 * X * Z[1:-1] - 0.2 * Z[:-2]), 1 / S**2),
        stats.norm(0.1, 1.1).logpdf(Z[:2]).sum()
        + stats.norm(0, S).logpdf(Z[2:] - 0.1 - 0.3 * X * Z[1:-1] - 0.2 * Z[:-2]).sum(),
        ("sigma",),
    ),
    "walk": Case(
        *(
            family(
                pm.GaussianRandomWalk,
                mu=x_,
                sigma=s_,
                init_dist=lambda x, s: pm.Normal.dist(0.1, 1.1),
                observed=Z,
            ),
            "GaussianRandomWalk",
            "one-step squared error",
        ),
        *(squares(STEP - X), 1 / S**2),
        *(stats.norm(0.1, 1.1).logpdf(Z[0]) + NORMAL.logpdf(STEP).sum(), ("sigma",)),
    ),
    "jumps": Case(
        *(
            family(
                pm.RandomWalk,
                innovation_dist=lambda x, s: pm.StudentT.dist(nu=np.float64(3), mu=x, sigma=s),
                init_dist=lambda x, s: pm.Normal.dist(0.1, 1.1),
                observed=Z,
            ),
            "RandomWalk(StudentT)",
            "one-step robust (Student t)",
        ),
        *(np.log(1 + (STEP - X) ** 2 / (3 * S**2)).sum(), 4.0),
        *(stats.norm(0.1, 1.1).logpdf(Z[0]) + T.logpdf(STEP).sum(), ("sigma",)),
    ),
    "drift": Case(
        *(
            family(
                pm.MvGaussianRandomWalk,
                mu=lambda x, s: x * np.ones(2),
                cov=COV,
                init_dist=lambda x, s: pm.MvNormal.dist(np.full(2, 0.1), COV),
                observed=PAIRS,
            ),
            "MvGaussianRandomWalk",
            "one-step squared Mahalanobis distance (generalised least squares)",
        ),
        *(distances(np.diff(PAIRS, axis=0) - X, COV).sum(), 1.0),
        stats.multivariate_normal([0.1, 0.1], COV).logpdf(PAIRS[0])
        + stats.multivariate_normal([X, X], COV).logpdf(np.diff(PAIRS, axis=0)).sum(),
    ),
    "sample": Case(
        *(family(pm.Normal, x_, s_, observed=Z, total_size=50), "Normal", "squared error", squares(Z - X)),
        *(10 / S**2, 10 * NORMAL.logpdf(Z).sum(), ("sigma",)),
    ),
    "zeros": Case(
        *(family(pm.ZeroInflatedPoisson, psi=0.6, mu=exp_x, observed=COUNTS), "ZeroInflatedPoisson", "no closed loss"),
        *((here := -np.log(0.6 * COUNTING.pmf(COUNTS) + 0.4 * (COUNTS == 0)).sum()), 2.0, -here),
    ),
    "mixture": Case(
        *(family(pm.NormalMixture, [0.3, 0.7], lambda x, s: pt.stack([x, -x]), s_, observed=Z), "Mixture"),
        *("no closed loss", (here := -np.log(0.3 * NORMAL.pdf(Z) + 0.7 * stats.norm(-X, S).pdf(Z)).sum()), 2.0, -here),
    ),
    "custom": Case(
        *(quartic, "CustomDist"),
        *("no closed loss", ((Z - X) ** 4).sum(), 2.0, -((Z - X) ** 4).sum()),
    ),
    "beta": Case(
        *(family(pm.Beta, 1.7, s_, observed=UNIT), "Beta", "negative log-likelihood"),
        *(-stats.beta(1.7, S).logpdf(UNIT).sum(), 2.0, stats.beta(1.7, S).logpdf(UNIT).sum()),
    ),
    "share": Case(
        *(family(pm.Dirichlet, lambda x, s: s * np.ones(3), observed=[[0.2, 0.3, 0.5]]), "Dirichlet"),
        *("negative log-likelihood", -stats.dirichlet([S] * 3).logpdf([0.2, 0.3, 0.5]), 2.0),
        *(stats.dirichlet([S] * 3).logpdf([0.2, 0.3, 0.5]),),
    ),
    "by_hand": Case(
        *(lambda name, x, s: pm.Potential(name, -((x - 2.1) ** 2)), "Potential", "no closed loss"),
        *((X - 2.1) ** 2, 2.0, -((X - 2.1) ** 2)),
    ),
}
CLOSE = {"rel": 1e-9, "abs": 1e-9}


@pytest.fixture(scope="module")
def objective():
    with pm.Model() as model:
        x, s = pm.Normal("x", 0.0, 1.0), pm.HalfNormal("s", 1.0)
        for name, case in CASES.items():
            case.write(name, x, s)
    return pml.Objective(model, potentials="likelihood")


@pytest.fixture(scope="module")
def table(objective):
    return pml.loss_table(objective, at=AT)


def test_the_table_has_a_row_a_term(objective, table):
    assert tuple(table.index) == objective.terms
    assert list(table.columns) == ["distribution", "loss", "value", "a", "b", "minus2ll", "note"]


@pytest.mark.parametrize("name", CASES)
def test_distribution_and_loss_have_their_names(table, name):
    assert table.loc[name, ["distribution", "loss"]].tolist() == [CASES[name].distribution, CASES[name].loss]


@pytest.mark.parametrize("name", CASES)
def test_value_is_the_loss_as_others_define_it(table, name):
    assert table.loc[name, "value"] == pytest.approx(CASES[name].value, **CLOSE)


@pytest.mark.parametrize("name", CASES)
def test_a_value_plus_b_is_minus_twice_the_log_density_of_scipy(table, name):
    row = table.loc[name]
    assert row["a"] == pytest.approx(CASES[name].a, rel=1e-9)
    assert row["a"] * row["value"] + row["b"] == pytest.approx(-2 * CASES[name].log_likelihood, **CLOSE)
    assert row["minus2ll"] == pytest.approx(row["a"] * row["value"] + row["b"], **CLOSE)


@pytest.mark.parametrize("name", CASES)
def test_the_note_names_what_is_free_behind_a_and_b(table, name):
    said = table.loc[name, "note"].partition("all this at ")[2]
    assert [part.split(" = ")[0] for part in said.partition(", which")[0].split(", ") if part] == list(CASES[name].free)


def test_a_and_b_stay_where_only_the_location_moves(objective, table):
    """Where the note names nothing free, they are the same everywhere; a censored row counts or not by its data."""
    moved = pml.loss_table(objective, at={"x": -0.4, "s": S})
    np.testing.assert_allclose(moved[["a", "b"]], table[["a", "b"]], rtol=1e-12)
    changed = (moved["value"] - table["value"]).abs() > 1e-3
    assert set(table.index[~changed]) <= {"half_normal", "half_cauchy", "half_student", "beta", "share"}


def test_a_and_b_move_with_a_parameter_behind_them(objective, table):
    moved = pml.loss_table(objective, at={"x": X, "s": 2.0})
    for name, case in CASES.items():
        same = np.allclose(moved.loc[name, ["a", "b"]].astype(float), table.loc[name, ["a", "b"]].astype(float))
        assert same == (not case.free), name


def test_rows_add_up_to_the_objective(objective, table):
    points = {name: np.array([value]) for name, value in AT.items()}
    assert table["minus2ll"].sum() == pytest.approx(-2 * objective.natural_log_likelihood(points)[0], rel=1e-12)


def test_the_identity_holds_over_a_whole_landscape():
    with pm.Model() as line:
        a, b = pm.Normal("a", 0, 10), pm.Normal("b", 0, 10)
        pm.Normal("y", a + b * Y, 0.6, observed=Z)
    land = pml.evaluate_landscape(line, pml.regular_grid({"a": (-3, 3, 9), "b": (-2, 2, 7)}), progressbar=False)
    row = pml.loss_table(line).loc["y"]
    errors = Z[:, None, None] - land["a"].to_numpy()[:, None] - land["b"].to_numpy() * Y[:, None, None]
    sse = (errors**2).sum(0)
    np.testing.assert_allclose(land["minus2ll"].transpose("a", "b"), row["a"] * sse + row["b"], rtol=1e-12)


# --- what a note tells -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("known", "MSE = value / 5"),
        ("laplace", "MAE = value / 5"),
        ("quantile", "tau = 0.9"),
        ("each", "weighted by 1/sigma²"),
        ("tobit", "2 of 5 rows are censored"),
        ("sample", "rows count 10 times"),
        ("normal", "all this at sigma = 1.3, which is free"),
        ("mixture", "it is a mixture"),
        ("custom", "written by hand"),
        ("by_hand", "added to the model by hand"),
        ("beta", "no other name"),
    ],
)
def test_notes(table, name, words):
    assert words in table.loc[name, "note"]


def test_a_formula_that_is_wrong_is_not_believed(monkeypatch):
    good = loss_families.LOSS_FAMILIES["NormalRV"]

    def off_by_little(*args):
        rows = good.rows(*args)
        return replace(rows, constant=rows.constant + 1e-6)

    monkeypatch.setitem(loss_families.LOSS_FAMILIES, "NormalRV", replace(good, rows=off_by_little))
    with pm.Model() as model:
        x = pm.Normal("x")
        pm.Normal("y", x, 0.6, observed=Z)
    row = pml.loss_table(model, at={"x": X}).loc["y"]
    assert row["loss"] == "no closed loss"
    assert row["note"].startswith("expected squared error, but a·value + b is ")
    truth = -2 * stats.norm(X, 0.6).logpdf(Z).sum()
    assert row["minus2ll"] == pytest.approx(truth, rel=1e-12) == row["a"] * row["value"] + row["b"]


def test_one_scale_computed_a_row_at_a_time_is_no_weight():
    with pm.Model() as model:
        mu = pm.math.exp(pm.Normal("x") * np.array([0.3, 1.1, -0.7, 2.3, 0.1]))
        pm.Gamma("y", mu=mu, sigma=0.3 * mu, observed=Y)  # a is µ²/σ², in every row with other last digits
    row = pml.loss_table(model, at={"x": X}).loc["y"]
    mean = np.exp(X * np.array([0.3, 1.1, -0.7, 2.3, 0.1]))
    assert row["loss"] == "gamma deviance"
    assert row["a"] == pytest.approx(1 / 0.3**2, rel=1e-12)
    assert row["value"] == pytest.approx(tweedie_deviance(Y, mean, 2), rel=1e-12)


def test_digits_are_kept_where_probabilities_saturate():
    with pm.Model() as model:
        x = pm.Normal("x")
        pm.Bernoulli("coin", logit_p=x, observed=COINS)
        pm.Binomial("hits", n=TRIALS, logit_p=x, observed=COUNTS)
    table = pml.loss_table(model, at={"x": 800.0})
    assert table["loss"].tolist() == ["cross-entropy (log loss)"] * 2
    np.testing.assert_allclose(table["value"], 800.0 * np.array([2, (TRIALS - COUNTS).sum()]), rtol=1e-12)


def test_data_for_which_a_deviance_is_not_finite():
    with pm.Model() as model:
        pm.Exponential("y", pm.HalfNormal("rate", 1), observed=[0.0, 1.5])
    row = pml.loss_table(model, at={"rate": 2.0}).loc["y"]
    assert row["note"].startswith("gamma deviance is not finite for these data")
    assert row["value"] == pytest.approx(-stats.expon(scale=0.5).logpdf([0, 1.5]).sum(), rel=1e-12)


def test_outside_the_support_nothing_is_claimed():
    with pm.Model() as model:
        scale = pm.Normal("scale", 1, 1)
        pm.Normal("y", 0, scale, observed=Z)
    row = pml.loss_table(model, at={"scale": -1.0}).loc["y"]
    assert row["minus2ll"] == np.inf
    assert row["loss"] == "no closed loss"
    assert "−2LL is inf at this point" in row["note"]


# --- where, and of what ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def line():
    with pm.Model() as model:
        pm.Data("t", Y)
        mu = pm.Normal("mu", 0, 10, initval=0.25)
        sigma = pm.HalfNormal("sigma", 10, initval=2.0)
        pm.Normal("y", mu + model["t"], sigma, observed=Z, shape=model["t"].shape)
    return model


def test_left_out_the_point_is_the_initial_one(line):
    table = pml.loss_table(line)
    assert table.loc["y", "value"] == pytest.approx(squares(Z - Y - 0.25), rel=1e-12)
    assert table.attrs["at"] == "the model's initial point"


def test_what_at_leaves_out_stands_at_the_initial_point(line):
    table = pml.loss_table(line, at={"mu": 1.0})
    assert table.loc["y", "value"] == pytest.approx(squares(Z - Y - 1), rel=1e-12)
    assert table.loc["y", "a"] == pytest.approx(1 / 4, rel=1e-12)


def test_a_fit_is_looked_at_where_it_is(line):
    fit = pml.fit_mle(line, progressbar=False)
    error = Z - Y - (Z - Y).mean()
    for table in (pml.loss_table(fit), pml.loss_table(line, at=fit)):
        assert table.loc["y", "value"] == pytest.approx(squares(error), rel=1e-9)
        assert 1 / table.loc["y", "a"] == pytest.approx(squares(error) / 5, rel=1e-6)
        assert table.attrs["at"] == "the fit"


def test_the_model_of_the_with_block(line):
    with line:
        assert list(pml.loss_table().index) == ["y"]


def test_other_data_are_seen(line):
    objective = pml.Objective(line)
    other = objective.with_data(y=Z + 1.0, t=2 * Y)
    assert pml.loss_table(other, at={"mu": 0.5, "sigma": 1.0}).loc["y", "value"] == pytest.approx(
        squares(Z + 0.5 - 2 * Y), rel=1e-12
    )
    assert pml.loss_table(objective, at={"mu": 0.5, "sigma": 1.0}).loc["y", "value"] == pytest.approx(
        squares(Z - 0.5 - Y), rel=1e-12
    )
    with line:
        pm.set_data({"t": 3 * Y})
    try:
        assert pml.loss_table(line, at={"mu": 0.0}).loc["y", "value"] == pytest.approx(squares(Z - 3 * Y), rel=1e-12)
    finally:
        with line:
            pm.set_data({"t": Y})


def test_refusals(line):
    with pytest.raises(ValueError, match="nu"):
        pml.loss_table(line, at={"nu": 1.0})
    with pytest.raises(TypeError, match=r"Expected a pm\.Model, an Objective, a Fit, .* got dict"):
        pml.loss_table({"mu": 1.0})
    with pm.Model() as empty:
        pm.Normal("x")
    with pytest.raises(ValueError, match="Expected a model with data"):
        pml.loss_table(empty)


# --- models of other kinds -------------------------------------------------------------------------------------------


def test_named_dims_are_read_like_any_others():
    with pm.Model(coords={"row": range(5), "pair": range(3), "k": range(2), "l": range(2)}) as model:

        def labelled(values, *dims):
            return pmd.as_xtensor(np.asarray(values), dims=dims)

        x, s = pmd.Normal("x"), pmd.HalfNormal("s")
        pmd.Laplace("laplace", x, s, observed=labelled(Z, "row"))
        pmd.Normal("each", x, labelled(SIGMAS, "row"), observed=labelled(Z, "row"))
        top = pmd.Normal.dist(x, s)
        pmd.Censored("tobit", top, lower=None, upper=labelled(CAP), observed=labelled(TOPPED, "row"))
        mean = x * labelled(np.ones(2), "k")
        cov = labelled(COV, "k", "l")
        pmd.MvNormal("pairs", mean, cov, core_dims=("k", "l"), observed=labelled(PAIRS, "pair", "k"))
        pmd.NegativeBinomial("clumps", mu=pmd.math.exp(x), alpha=s, observed=labelled(COUNTS, "row"))
    table = pml.loss_table(model, at=AT)
    for name, row in table.iterrows():
        case = CASES[name]
        assert (row["distribution"], row["loss"]) == (case.distribution, case.loss)
        assert row["value"] == pytest.approx(case.value, **CLOSE)
        assert row["a"] * row["value"] + row["b"] == pytest.approx(-2 * case.log_likelihood, **CLOSE)


UNCLOSED = {"zero_inflated_poisson", "potential_only", "custom_density", "normal_mixture"}
OTHERS = {"missing_data", "minibatch", "single_precision", "gp_marginal", "correlated_effects", "beta_binomial"}


@pytest.mark.parametrize("name", sorted(UNCLOSED | OTHERS))
def test_models_of_the_zoo(specimen_of, objective_of, name):
    here, objective = specimen_of(name), objective_of(name)
    point = {**objective.initial_point(), **here.at}
    table = pml.loss_table(objective, at=point)
    truth, _ = here.by_hand(point)
    for term, row in table.iterrows():
        assert row["minus2ll"] == pytest.approx(-2 * np.sum(truth[term]), rel=1e-6)
        assert row["a"] * row["value"] + row["b"] == pytest.approx(row["minus2ll"], rel=1e-6)
        assert (row["loss"] == "no closed loss") == (name in UNCLOSED)
        assert "expected" not in row["note"]


def test_losses_of_students_t_near_the_normal_distribution_have_their_digits():
    y, nu = np.array([1.3, 0.4, 2.2]), np.array(1e16)
    scalar = loss_formulas.student_t(y, nu, np.array(1.0), np.array(2.0))
    vector = loss_formulas.mv_student_t(y, nu, np.zeros(3), np.eye(3))
    for rows, density in ((scalar, stats.norm(1, 2).logpdf(y)), (vector, stats.norm.logpdf(y).sum())):
        np.testing.assert_allclose(rows.scale * rows.loss + rows.constant, -2 * density, rtol=1e-13)
