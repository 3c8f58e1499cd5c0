"""Expected (Fisher) information: the curvature of −log L that the model itself expects, as a graph.

For observations whose distributions have parameters φ(θ), the information on θ is Σ Jᵢᵀ F(φᵢ) Jᵢ with J = ∂φ/∂θ and F
the information of one observation on φ, known in closed form for the families below (Lehmann & Casella 1998, *Theory of
Point Estimation*, section 2.5). It is never negative, needs no second derivative of the model, and is what
least-squares programs report: for Gaussian errors it is JᵀJ/σ², the Gauss–Newton matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.traversal import ancestors

from pymc_landscape._typing import Graph
from pymc_landscape.model.density import GraphInputs
from pymc_landscape.model.derivatives import NoDerivativeError, jacobian_graph

# Entries of F by the positions of two parameters in the family's own order; the others are 0.
Information = dict[tuple[int, int], Graph]


def _location_scale(location: float, scale: float) -> Callable[..., Information]:
    """Return F of a family of μ and σ: both entries are multiples of 1/σ²."""

    def information(mu: Graph, sigma: Graph) -> Information:
        return {(0, 0): location / sigma**2, (1, 1): scale / sigma**2}

    return information


def _gamma(alpha: Graph, scale: Graph) -> Information:
    return {(0, 0): pt.polygamma(1, alpha), (0, 1): 1 / scale, (1, 0): 1 / scale, (1, 1): alpha / scale**2}


def _student_t(nu: Graph, mu: Graph, sigma: Graph) -> Information:
    return {(1, 1): (nu + 1) / (nu + 3) / sigma**2, (2, 2): 2 * nu / (nu + 3) / sigma**2}


FISHER_FAMILIES: dict[str, Callable[..., Information]] = {
    "NormalRV": _location_scale(1.0, 2.0),
    "LogNormalRV": _location_scale(1.0, 2.0),
    "LaplaceRV": _location_scale(1.0, 1.0),
    "CauchyRV": _location_scale(0.5, 0.5),
    "LogisticRV": _location_scale(1 / 3, (3 + np.pi**2) / 9),
    "GumbelRV": lambda mu, beta: {
        (0, 0): 1 / beta**2,
        (0, 1): (np.euler_gamma - 1) / beta**2,
        (1, 0): (np.euler_gamma - 1) / beta**2,
        (1, 1): (np.pi**2 / 6 + (1 - np.euler_gamma) ** 2) / beta**2,
    },
    "BernoulliRV": lambda p: {(0, 0): 1 / (p * (1 - p))},
    "BinomialRV": lambda n, p: {(1, 1): n / (p * (1 - p))},
    "PoissonRV": lambda mu: {(0, 0): 1 / mu},
    "ExponentialRV": lambda scale: {(0, 0): 1 / scale**2},
    "GeometricRV": lambda p: {(0, 0): 1 / (p**2 * (1 - p))},
    "GammaRV": _gamma,
    "StudentTRV": _student_t,
}
# Parameters on which the information is not written down, by position: they must be known numbers.
KNOWN = {"BinomialRV": [0], "StudentTRV": [0]}


def fisher_graph(values: GraphInputs, potentials: Sequence[str]) -> Graph:
    """Return the expected information (k, k) of the observed terms.

    Raises
    ------
    ValueError
        If a term is of no family above.
    """
    if potentials:
        raise ValueError(_refusal(potentials[0], "a pm.Potential, which has no distribution"))
    contributions = [part for rv in values.model.observed_RVs for part in _term(values, rv)]
    return sum(contributions[1:], contributions[0])


def _term(values: GraphInputs, rv: Graph) -> list[Graph]:
    op = rv.owner.op
    family = type(op).__name__
    if family not in FISHER_FAMILIES:
        raise ValueError(_refusal(rv.name, family.removesuffix("RV")))
    parameters = values.write(values.of_random_variables(list(op.dist_params(rv.owner))))
    _refuse_moving(rv.name, family, parameters, values.vector)
    shape = values.write([rv.shape])[0] if rv.type.ndim else None
    whole = [p.astype("float64") if shape is None else pt.broadcast_to(p.astype("float64"), shape) for p in parameters]
    try:
        jacobians = [jacobian_graph([p], values.vector) for p in whole]
    except NoDerivativeError as error:
        raise ValueError(_refusal(rv.name, "a function of an Op without a gradient")) from error
    entries = FISHER_FAMILIES[family](*whole)
    return [(jacobians[i] * pt.as_tensor(f).ravel()) @ jacobians[j].T for (i, j), f in entries.items()]


def _refuse_moving(name: str, family: str, parameters: Sequence[Graph], vector: Graph) -> None:
    for i in KNOWN.get(family, []):
        if vector in ancestors([parameters[i]]):
            raise ValueError(_refusal(name, f"{family.removesuffix('RV')} with a free first parameter"))


def _refusal(name: str, what: str) -> str:
    known = ", ".join(family.removesuffix("RV") for family in FISHER_FAMILIES)
    return (
        f"Expected terms whose Fisher information is known in closed form ({known}), got {name}, which is {what}: "
        "use information='observed'."
    )
