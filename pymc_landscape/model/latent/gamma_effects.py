r"""Gamma random effects (frailties), written so that a spread of 0 is a point like any other.

With mean m and shape α = 1 / τ², the logarithm of an effect is written as log m + τ v. The density of v,

    log p(v) = −½ log 2π − S(α) − v² h(τ v),    h(w) = (eʷ − 1 − w) / w²,
    S(α) = log Γ(α) − (α − ½) log α + α − ½ log 2π,

becomes a standard normal one as τ goes to 0: h(0) = ½, and Stirling's remainder S is 0 there. As PyMC writes it,
log Γ(α) and α log α take each other's digits where α is large.
"""

from __future__ import annotations

import numpy as np
import pytensor.tensor as pt
from pytensor import scalar as ps
from pytensor.graph.op import Op
from pytensor.graph.replace import graph_replace
from pytensor.graph.rewriting.utils import rewrite_graph
from pytensor.graph.traversal import ancestors

from pymc_landscape._typing import Graph
from pymc_landscape.model.latent.covariance_roots import simplified_scale

# Where 1 / α is below this, h and Stirling's remainder are a few powers, of w and of 1 / α.
SMALL = 1e-6
EXPONENTIAL = (1 / 2, 1 / 6, 1 / 24, 1 / 120)


def gamma_coordinates(rv: Graph, v: Graph) -> tuple[Graph, Graph]:
    """Return the logarithm of a Gamma variable, and the log density of its coordinates.

    Parameters
    ----------
    rv : Graph
        The variable.
    v : Graph
        The coordinates, of its shape.
    """
    alpha, scale = rv.owner.op.dist_params(rv.owner)
    tau = simplified_scale(alpha, -0.5)
    mean: Graph = rewrite_graph(alpha * scale, include=("canonicalize", "stabilize"))
    is_small = pt.lt(tau**2, SMALL)
    near, far = pt.switch(is_small, tau, 0.0), pt.switch(is_small, 1.0, tau)
    log_density = pt.switch(is_small, _nearly_normal(near, v), _log_gamma(far, v))
    signs = {v: pt.ones_like(v) for v in ancestors([mean]) if v.owner and _is_sign(v.owner.op)}
    mean = graph_replace([mean], signs)[0] if signs else mean  # PyMC lets them through to find negative spreads
    return pt.log(mean) + tau * v, log_density - 0.5 * float(np.log(2 * np.pi))


def _is_sign(op: Op) -> bool:
    return isinstance(getattr(op, "scalar_op", None), ps.Sign)


def _nearly_normal(tau: Graph, v: Graph) -> Graph:
    w = tau * v
    powers = sum(c * w**k for k, c in enumerate(EXPONENTIAL))
    return -(v**2) * powers - tau**2 / 12.0


def _log_gamma(tau: Graph, v: Graph) -> Graph:
    w, alpha = tau * v, tau**-2
    stirling = pt.gammaln(alpha) - (alpha - 0.5) * pt.log(alpha) + alpha - 0.5 * float(np.log(2 * np.pi))
    return -alpha * (pt.expm1(w) - w) - stirling
