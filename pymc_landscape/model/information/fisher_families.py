"""Fisher information of one observation, by family (Lehmann & Casella 1998, *Theory of Point Estimation*, section 2.5).

Each is written on the parameters that the distribution has in PyMC. Where these are a sigmoid, an exponential or a
softmax of a predictor, it is written on the predictor instead: far out, where p is 1 to all digits, p (1 − p) still is
e⁻ˣ there, and 1/p (1 − p) is nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytensor.tensor as pt

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Graph

# Entries of F by the positions of two parameters in the family's own order; the others are 0.
Information = dict[tuple[int, int], Graph]


def _location_scale(location: float, scale: float) -> Callable[..., Information]:
    """Return F of a family of μ and σ: both entries are multiples of 1/σ²."""

    def information(mu: Graph, sigma: Graph) -> Information:
        return {(0, 0): location / sigma**2, (1, 1): scale / sigma**2}

    return information


def _symmetric(first: Graph, both: Graph, second: Graph) -> Information:
    return {(0, 0): first, (0, 1): both, (1, 0): both, (1, 1): second}


def _trigamma(x: Graph) -> Graph:
    return pt.polygamma(1, x)


def _gumbel(mu: Graph, beta: Graph) -> Information:
    both = (np.euler_gamma - 1) / beta**2
    return _symmetric(1 / beta**2, both, (np.pi**2 / 6 + (1 - np.euler_gamma) ** 2) / beta**2)


def _weibull(alpha: Graph, beta: Graph) -> Information:
    first = (np.pi**2 / 6 + (1 - np.euler_gamma) ** 2) / alpha**2
    return _symmetric(first, (np.euler_gamma - 1) / beta, alpha**2 / beta**2)


def _beta(alpha: Graph, beta: Graph) -> Information:
    both = -_trigamma(alpha + beta)
    return _symmetric(_trigamma(alpha) + both, both, _trigamma(beta) + both)


def _student_t(nu: Graph, mu: Graph, sigma: Graph) -> Information:
    return {(1, 1): (nu + 1) / (nu + 3) / sigma**2, (2, 2): 2 * nu / (nu + 3) / sigma**2}


def _over(counts: Graph, p: Graph) -> Graph:
    """Return n/p; 0 where p has run into 0, and tells nothing any more."""
    return pt.switch(p > 0, counts / p, 0.0)


def _over_variance(counts: Graph, p: Graph) -> Graph:
    return _over(counts, p * (1 - p))


FISHER_FAMILIES: dict[str, Callable[..., Information]] = {
    "NormalRV": _location_scale(1.0, 2.0),
    "LogNormalRV": _location_scale(1.0, 2.0),
    "HalfNormalRV": lambda loc, sigma: {(1, 1): 2 / sigma**2},
    "LaplaceRV": _location_scale(1.0, 1.0),
    "CauchyRV": _location_scale(0.5, 0.5),
    "LogisticRV": _location_scale(1 / 3, (3 + np.pi**2) / 9),
    "GumbelRV": _gumbel,
    "StudentTRV": _student_t,
    "BernoulliRV": lambda p: {(0, 0): _over_variance(1.0, p)},
    "BinomialRV": lambda n, p: {(1, 1): _over_variance(n, p)},
    "CategoricalRV": lambda p: {(0, 0): _over(1.0, p)},
    "MultinomialRV": lambda n, p: {(1, 1): _over(n, p)},
    "PoissonRV": lambda mu: {(0, 0): _over(1.0, mu)},
    "GeometricRV": lambda p: {(0, 0): 1 / (p**2 * (1 - p))},
    "NegBinomialRV": lambda n, p: {(1, 1): _over(n, p**2 * (1 - p))},
    "ExponentialRV": lambda scale: {(0, 0): 1 / scale**2},
    "GammaRV": lambda alpha, scale: _symmetric(_trigamma(alpha), 1 / scale, alpha / scale**2),
    "InvGammaRV": lambda alpha, beta: _symmetric(_trigamma(alpha), -1 / beta, alpha / beta**2),
    "WeibullBetaRV": _weibull,
    "WaldRV": lambda mu, lam, alpha: {(0, 0): lam / mu**3, (1, 1): 0.5 / lam**2},
    "BetaRV": _beta,
}
# Parameters on which the information is not written down, by position: they must be known numbers.
KNOWN = {"HalfNormalRV": 0, "BinomialRV": 0, "MultinomialRV": 0, "NegBinomialRV": 0, "StudentTRV": 0, "WaldRV": 2}
# Families of which the parameter in this place has one axis more than an observation: the shares of all categories.
SHARES = {"CategoricalRV": 0, "MultinomialRV": 1}


@dataclass(frozen=True)
class Link:
    """A parameter that is a function of a predictor, and the information on the predictor.

    Parameters
    ----------
    position : int
        Which parameter of the family.
    function : str
        The Op that makes it: ``Sigmoid``, ``Exp`` or ``Softmax``.
    information : callable
        F of an observation, from the family's parameters with the predictor in the place of its own; of a softmax, the
        logarithms of all shares stand there.
    """

    position: int
    function: str
    information: Callable[..., Graph]


def _variance(x: Graph) -> Graph:
    return pt.sigmoid(x) * pt.sigmoid(-x)


LINKS = {
    "BernoulliRV": Link(0, "Sigmoid", _variance),
    "BinomialRV": Link(1, "Sigmoid", lambda n, x: n * _variance(x)),
    "PoissonRV": Link(0, "Exp", pt.exp),
    "CategoricalRV": Link(0, "Softmax", pt.exp),
    "MultinomialRV": Link(1, "Softmax", lambda n, log_p: n * pt.exp(log_p)),
}
