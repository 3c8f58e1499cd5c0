"""Families of distributions, by the name of PyMC's Op, with the loss that each of them is."""

from __future__ import annotations

from collections.abc import Callable

from pymc_landscape._dataclasses import dataclass
from pymc_landscape.model.losses import loss_formulas
from pymc_landscape.model.losses.loss_formulas import Rows


@dataclass(frozen=True)
class Family:
    """A family of distributions as a loss.

    Parameters
    ----------
    distribution : str
        What PyMC calls it.
    loss : str
        What the loss is called.
    rows : callable
        From the data and the parameters to their :class:`Rows`.
    parameters : tuple of str
        Names of the parameters, in the order of `rows`.
    form : str
        The loss of one row.
    mean : str
        What the loss is called once it is divided by the number of rows.
    known : tuple of str
        Parameters that have to be known for the loss, a and b to be the same everywhere.
    weight : str
        The scale, in words: the weight of a row where it differs between rows.
    """

    distribution: str
    loss: str
    rows: Callable[..., Rows]
    parameters: tuple[str, ...]
    form: str
    mean: str = "mean loss"
    known: tuple[str, ...] = ()
    weight: str = ""


_COUNTED = "cross-entropy (log loss)"
_GAMMA = "gamma deviance"

LOSS_FAMILIES: dict[str, Family] = {
    "NormalRV": Family(
        *("Normal", "squared error", loss_formulas.normal, ("mu", "sigma")),
        *("(y − mu)²", "MSE", ("sigma",), "1/sigma²"),
    ),
    "LogNormalRV": Family(
        *("LogNormal", "squared error of logs", loss_formulas.log_normal, ("mu", "sigma")),
        *("(log y − mu)²", "MSE of logs", ("sigma",), "1/sigma²"),
    ),
    "LogitNormal": Family(
        *("LogitNormal", "squared error of logits", loss_formulas.logit_normal, ("mu", "sigma")),
        *("(logit y − mu)²", "MSE of logits", ("sigma",), "1/sigma²"),
    ),
    "HalfNormalRV": Family(
        *("HalfNormal", "squared error", loss_formulas.half_normal, ("loc", "sigma")),
        *("(y − 0)²", "mean square", ("loc", "sigma"), "1/sigma²"),
    ),
    "MvNormalRV": Family(
        *(
            "MvNormal",
            "squared Mahalanobis distance (generalised least squares)",
            loss_formulas.mv_normal,
            ("mu", "cov"),
        ),
        *("(y − mu)ᵀ cov⁻¹ (y − mu)", "mean squared distance", ("cov",)),
    ),
    "LaplaceRV": Family(
        *("Laplace", "absolute error", loss_formulas.laplace, ("mu", "b")),
        *("|y − mu|", "MAE", ("b",), "2/b"),
    ),
    "AsymmetricLaplaceRV": Family(
        *("AsymmetricLaplace", "pinball (quantile loss)", loss_formulas.asymmetric_laplace, ("b", "kappa", "mu")),
        *("r (tau − [r < 0]), r = y − mu", "mean pinball loss", ("b", "kappa"), "2 b (kappa + 1/kappa)"),
    ),
    "StudentTRV": Family(
        *("StudentT", "robust (Student t)", loss_formulas.student_t, ("nu", "mu", "sigma")),
        *("log(1 + (y − mu)²/(nu sigma²))", "mean loss", ("nu", "sigma"), "nu + 1"),
    ),
    "HalfStudentTRV": Family(
        *("HalfStudentT", "robust (Student t)", loss_formulas.half_student_t, ("nu", "sigma")),
        *("log(1 + y²/(nu sigma²))", "mean loss", ("nu", "sigma"), "nu + 1"),
    ),
    "MvStudentTRV": Family(
        *("MvStudentT", "robust (multivariate Student t)", loss_formulas.mv_student_t, ("nu", "mu", "scale")),
        *("log(1 + (y − mu)ᵀ scale⁻¹ (y − mu)/nu)", "mean loss", ("nu", "scale"), "nu + k"),
    ),
    "CauchyRV": Family(
        *("Cauchy", "robust (Cauchy)", loss_formulas.cauchy, ("alpha", "beta")),
        *("log(1 + (y − alpha)²/beta²)", "mean loss", ("beta",)),
    ),
    "HalfCauchyRV": Family(
        *("HalfCauchy", "robust (Cauchy)", loss_formulas.half_cauchy, ("beta",)),
        *("log(1 + y²/beta²)", "mean loss", ("beta",)),
    ),
    "LogisticRV": Family(
        *("Logistic", "log-cosh", loss_formulas.logistic, ("mu", "s")),
        *("log cosh((y − mu)/2s)", "mean log-cosh", ("s",)),
    ),
    "GumbelRV": Family(
        *("Gumbel", "LINEX", loss_formulas.gumbel, ("mu", "beta")),
        *("exp(−z) + z − 1, z = (y − mu)/beta", "mean LINEX", ("beta",)),
    ),
    "MoyalRV": Family(
        *("Moyal", "LINEX", loss_formulas.moyal, ("mu", "sigma")),
        *("exp(−z) + z − 1, z = (y − mu)/sigma", "mean LINEX", ("sigma",)),
    ),
    "VonMisesRV": Family(
        *("VonMises", "circular (1 − cos)", loss_formulas.von_mises, ("mu", "kappa")),
        *("1 − cos(y − mu)", "circular variance about mu", ("kappa",), "2 kappa"),
    ),
    "BernoulliRV": Family(
        "Bernoulli", _COUNTED, loss_formulas.bernoulli, ("p", "p"), "−log p of what came", "log loss"
    ),
    "CategoricalRV": Family(
        "Categorical", _COUNTED, loss_formulas.categorical, ("p",), "−log p of what came", "log loss"
    ),
    "BinomialRV": Family(
        *("Binomial", _COUNTED, loss_formulas.binomial, ("n", "p", "p")),
        *("−y log p − (n − y) log(1 − p)", "log loss of a row of n trials", ("n",)),
    ),
    "GeometricRV": Family(
        *("Geometric", _COUNTED, loss_formulas.geometric, ("p", "p")),
        *("−log p − (y − 1) log(1 − p)", "log loss of a row of y trials"),
    ),
    "MultinomialRV": Family(
        *("Multinomial", _COUNTED, loss_formulas.multinomial, ("n", "p")),
        *("−Σ y log p", "log loss of a row of n trials", ("n",)),
    ),
    "PoissonRV": Family(
        *("Poisson", "Poisson deviance", loss_formulas.poisson, ("mu",)),
        *("2 (y log(y/mu) − (y − mu))", "mean Poisson deviance"),
    ),
    "NegBinomialRV": Family(
        *("NegativeBinomial", "negative binomial deviance", loss_formulas.negative_binomial, ("alpha", "mu")),
        *("2 (y log(y/mu) − (y + alpha) log((y + alpha)/(mu + alpha)))", "mean deviance", ("alpha",)),
    ),
    "ExponentialRV": Family(
        *("Exponential", _GAMMA, loss_formulas.exponential, ("mu",)),
        *("2 ((y − mu)/mu − log(y/mu)), half of which is QLIKE", "mean gamma deviance"),
    ),
    "GammaRV": Family(
        *("Gamma", _GAMMA, loss_formulas.gamma, ("alpha", "scale")),
        *("2 ((y − mu)/mu − log(y/mu)), mu = alpha · scale", "mean gamma deviance", ("alpha",), "alpha"),
    ),
    "WeibullBetaRV": Family(
        *("Weibull", "gamma deviance of y^alpha", loss_formulas.weibull, ("alpha", "beta")),
        *("2 (u − 1 − log u), u = (y/beta)^alpha", "mean deviance", ("alpha",)),
    ),
    "InvGammaRV": Family(
        *("InverseGamma", "gamma deviance of 1/y", loss_formulas.inverse_gamma, ("alpha", "beta")),
        *("2 ((1/y − m)/m − log(1/(y m))), m = alpha/beta", "mean deviance", ("alpha",), "alpha"),
    ),
    "WaldRV": Family(
        *("Wald", "inverse Gaussian deviance", loss_formulas.inverse_gaussian, ("mu", "lam", "alpha")),
        *("(y − mu)²/(mu² y), y less its shift alpha", "mean deviance", ("lam", "alpha"), "lam"),
    ),
}
