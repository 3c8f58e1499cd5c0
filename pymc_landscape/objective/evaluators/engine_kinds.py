"""What an engine of a model can be asked for.

========================  ==============================================================================================
``density``               one output a summand of the log-likelihood (its terms, ``log_penalty``), and ``log_prior``
``pointwise``             the terms unsummed, and ``log_prior``
``unsummed``              the terms and the log prior of each variable, all unsummed, and `TOTAL`, the sum of the terms
``gradient``              value and gradient of −2 (log L + penalty + w log prior)
``hessian``               the same with the Hessian
``hessian_product``       the Hessian times a direction, which stands behind the point in the vector
``scores``                the gradient of each row of the log-likelihood
``fisher``                the expected information of the log-likelihood
``natural``               one output a free variable on its natural scale; ``unconstrained``: on the other
``derived``               the same for each Deterministic
``natural_jacobian``      the derivatives (k, n) of the natural values, and all of these again, as one vector (n,)
``derived_jacobian``      the same of the Deterministics
``combination``           a weighted sum of natural values and Deterministics, with gradient and Hessian; the weights
                          stand behind the point
========================  ==============================================================================================
"""

from __future__ import annotations

from typing import Literal

from pymc_landscape._typing import Graph
from pymc_landscape.engine import DerivativeKind

Moved = Literal["natural", "unconstrained", "derived", "natural_jacobian", "derived_jacobian"]
Kind = Literal[Moved, DerivativeKind, "density", "pointwise", "unsummed", "scores", "fisher", "combination"]
Graphs = tuple[Graph, dict[str, Graph]]

LOG_PRIOR, LOG_PENALTY = "log_prior", "log_penalty"
TOTAL = "sum of all terms"

# Kinds that come for few points: not worth a compiler.
FOR_FEW_POINTS = frozenset(
    [
        *("natural", "unconstrained", "derived", "natural_jacobian", "derived_jacobian"),
        *("hessian", "hessian_product", "scores", "fisher", "combination"),
    ]
)
# Kinds without derivatives: how large these are says how large the model is.
OF_VALUES = frozenset(["density", "pointwise", "unsummed", "natural", "unconstrained", "derived"])
# Kinds that the weight of the prior changes; and a penalty.
WEIGHTED = frozenset(["gradient", "hessian", "hessian_product"])
PENALIZED = WEIGHTED | {"density"}
# Kinds that a Hessian has beside it: where one is needed, single points of these cost nothing more to rewrite.
WITH_HESSIAN = frozenset(["density", "gradient", "hessian"])
