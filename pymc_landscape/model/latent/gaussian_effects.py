r"""Random effects that are normal given the parameters, written so that a variance of 0 is a point like any other.

An effect u with mean µ and scale σ is written as µ + σ w: w is the same process with scale 1, and its density takes the
place of that of u. The step from one to the other is linear, with a determinant that depends on parameters alone, so
that Laplace's approximation of the integral is the same in either form. A series keeps its short memory: what it starts
from stands beside the sum of its innovations, or their autoregression,

    u_t = h_t(u_0) + σ w_t,    w_t = Σ_i ρ_i w_(t−i) + v_t,    v_t ~ N(0, 1),

with h the series without innovations. The curvature has a band then, and a column for what the series starts from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.distributions.multivariate import CARRV, ICARRV, KroneckerNormalRV, MatrixNormalRV, ZeroSumNormalRV
from pymc.distributions.timeseries import AutoRegressiveRV, EulerMaruyamaRV, RandomWalkRV
from pymc.distributions.transforms import ZeroSumTransform
from pymc.logprob.transforms import LogTransform, Transform
from pytensor.graph.replace import graph_replace
from pytensor.graph.rewriting.utils import rewrite_graph
from pytensor.graph.traversal import ancestors
from pytensor.tensor.random.basic import GammaRV, LogNormalRV, MvNormalRV, NormalRV

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Graph
from pymc_landscape.model import without_dims
from pymc_landscape.model.latent.covariance_roots import covariance_root, given_root, simplified_scale
from pymc_landscape.model.latent.gamma_effects import gamma_coordinates

LOG_2PI = float(np.log(2 * np.pi))
# A longer autoregression of higher order stays as it is: powers of its companion matrix take long to compile.
FEW = 300
# What is added to a power that may vanish in the digits: where the curvature is not zero is looked up at one point.
LEAST = 1e-150


@dataclass(frozen=True)
class Standardized:
    """An effect written by coordinates that keep their density where the effect's variance is 0.

    Parameters
    ----------
    value : Graph
        The effect's value, of the coordinates' shape.
    log_density : Graph
        Of the coordinates, not summed.
    """

    value: Graph
    log_density: Graph


Depends = Callable[[Graph], bool]


def standardized(rv: Graph, transform: Transform | None, v: Graph, depends: Depends) -> Standardized | None:
    """Return how an effect is made of coordinates; None where it is not normal on the scale on which it is integrated.

    Parameters
    ----------
    rv : Graph
        The effect.
    transform : Transform or None
        What leads to the scale on which it is integrated.
    v : Graph
        The coordinates, of its shape on that scale, which is known.
    depends : callable
        Whether a graph depends on other effects.
    """
    plain = without_dims(rv)
    for kind, form in FORMS.items():
        if isinstance(plain.owner.op, kind):
            wanted = TRANSFORMS.get(kind)
            matches = transform is None if wanted is None else isinstance(transform, wanted)
            return form(plain, v, depends) if matches else None
    return None


def _standard_normal(v: Graph) -> Graph:
    return -0.5 * v**2 - 0.5 * LOG_2PI


# --- independent elements, and vectors -------------------------------------------------------------------------------


def _normal(rv: Graph, v: Graph, depends: Depends) -> Standardized:
    mu, sigma = rv.owner.op.dist_params(rv.owner)
    return Standardized(mu + simplified_scale(sigma) * v, _standard_normal(v))


def _gamma(rv: Graph, v: Graph, depends: Depends) -> Standardized:
    return Standardized(*gamma_coordinates(rv, v))


def _zero_sum(rv: Graph, v: Graph, depends: Depends) -> Standardized:
    """Write one element less along each axis: the transform is orthonormal."""
    sigma = rv.owner.op.dist_params(rv.owner)[0]
    return Standardized(simplified_scale(sigma) * v, _standard_normal(v))


def _mv_normal(rv: Graph, v: Graph, depends: Depends) -> Standardized:
    mu, cov = rv.owner.op.dist_params(rv.owner)
    return Standardized(mu + _times(covariance_root(cov), v), _standard_normal(v))


def _matrix_normal(rv: Graph, v: Graph, depends: Depends) -> Standardized:
    mu, rows, columns = rv.owner.op.dist_params(rv.owner)
    return Standardized(mu + given_root(rows) @ v @ given_root(columns).mT, _standard_normal(v))


def _kronecker_normal(rv: Graph, v: Graph, depends: Depends) -> Standardized:
    mu, sigma, *covs = rv.owner.op.dist_params(rv.owner)
    cov = covs[0]
    for factor in covs[1:]:
        cov = pt.linalg.kron(cov, factor)
    root = covariance_root(cov + sigma**2 * pt.eye(cov.shape[-1]))
    return Standardized(mu + _times(root, v), _standard_normal(v))


def _times(root: Graph, v: Graph) -> Graph:
    return (root * v[..., None, :]).sum(-1)


# --- areas that have neighbours --------------------------------------------------------------------------------------


def _car(rv: Graph, v: Graph, depends: Depends) -> Standardized | None:
    mu, neighbours, alpha, tau, valid = rv.owner.op.dist_params(rv.owner)
    if v.type.ndim != 1 or depends(tau):
        return None
    log_density = pm.CAR.logp(v, pt.zeros_like(v), neighbours, alpha, pt.ones_like(tau), valid)
    return Standardized(mu + simplified_scale(tau, -0.5) * v, log_density)


def _icar(rv: Graph, v: Graph, depends: Depends) -> Standardized | None:
    """Write differences between areas in units of σ; their mean has a scale of its own.

    The density has no constant: it goes without the (N − 1) log σ that would make it one of differences.
    """
    neighbours, sigma, zero_sum = rv.owner.op.dist_params(rv.owner)
    if v.type.ndim != 1 or depends(sigma):
        return None
    n = v.type.shape[0]
    sigma, zero_sum, mean = sigma.squeeze(), zero_sum.squeeze(), v.mean()
    one, other = pt.eq(pt.tril(neighbours), 1).nonzero()
    differences = -0.5 * ((v[one] - v[other]) ** 2).sum()
    constant = (n - 1) * pt.log(sigma) - 0.5 * (LOG_2PI + np.log(n))
    value = simplified_scale(sigma) * (v - mean) + zero_sum * np.sqrt(n) * mean
    return Standardized(value, differences - 0.5 * n * mean**2 + constant)


# --- series ----------------------------------------------------------------------------------------------------------


def _start(rv: Graph, v: Graph) -> Standardized:
    """Write what a series starts from: in standard normal numbers if it is normal, else as it is."""
    form = STEPS.get(type(rv.owner.op))
    return Standardized(v, pm.logp(rv, v)) if form is None else form(rv, v, lambda graph: False)


def _random_walk(rv: Graph, v: Graph, depends: Depends) -> Standardized | None:
    """Write a walk as its start plus L w, with w a walk of unit steps."""
    init, step = rv.owner.inputs[:2]
    form = STEPS.get(type(step.owner.op))
    if form is None:
        return None
    mu, scale = step.owner.op.dist_params(step.owner)
    if depends(scale) or not (mu.type.broadcastable[0] and scale.type.broadcastable[0]):
        return None
    axis = -rv.owner.op.ndim_supp
    times_first = pt.moveaxis(v, axis, 0)
    first, w = _start(init, times_first[:1]), times_first[1:]
    n_steps = np.arange(w.type.shape[0], dtype=float).reshape(-1, *[1] * (w.type.ndim - 1))
    path = form(step, w, depends).value + n_steps * mu
    value = pt.concatenate([first.value, first.value + path], axis=0)
    steps = _standard_normal(pt.concatenate([w[:1], w[1:] - w[:-1]], axis=0))
    return Standardized(pt.moveaxis(value, 0, axis), _together(first.log_density, steps))


def _autoregression(rv: Graph, v: Graph, depends: Depends) -> Standardized | None:
    op, (rhos, sigma, init) = rv.owner.op, rv.owner.inputs[:3]
    if depends(sigma) or depends(rhos) or (op.ar_order > 1 and v.type.shape[-1] > FEW):
        return None
    constant, rhos = (rhos[..., 0], rhos[..., 1:]) if op.constant_term else (None, rhos)
    return _recursion(v, init, rhos, constant, simplified_scale(sigma), op.ar_order)


def _diffusion(rv: Graph, v: Graph, depends: Depends) -> Standardized | None:
    """Write a diffusion that is an autoregression: of constant size, and with a drift that is a straight line."""
    op, (init, _, *parameters, _) = rv.owner.op, rv.owner.inputs
    x: Graph = pt.tensor("x", dtype="float64", shape=v.type.shape[:-1])
    if any(map(depends, parameters)) or not _is_linear(op.sde_fn, x, parameters):
        return None
    parts: list[Graph] = [pt.as_tensor(part) for part in op.sde_fn(x, *parameters)]
    slope: Graph = pt.grad(parts[0].sum(), x, disconnected_inputs="ignore")
    drift, diffusion, slope = graph_replace([*parts, slope], {x: pt.zeros(v.type.shape[:-1])}, strict=False)
    rhos, sigma = (1.0 + op.dt * slope)[..., None], pt.sqrt(op.dt) * simplified_scale(diffusion)
    return _recursion(v, init, rhos, op.dt * drift, sigma, 1)


def _is_linear(sde: Callable[..., tuple[Graph, Graph]], x: Graph, parameters: list[Graph]) -> bool:
    """Whether the drift is a straight line in x, and the diffusion does not depend on it."""
    drift, diffusion = (pt.as_tensor(part) for part in sde(x, *(p.type() for p in parameters)))
    if x not in ancestors([drift]):
        return x not in ancestors([diffusion])
    slope: Graph = pt.grad(drift.sum(), x)
    simplified: Any = rewrite_graph([slope, diffusion], include=("canonicalize", "stabilize"))
    return x not in ancestors(simplified)


def _recursion(v: Graph, init: Graph, rhos: Graph, constant: Graph | None, sigma: Graph, order: int) -> Standardized:
    """Write u_t = c + Σ ρ_i u_(t−i) + σ v_t as the same without innovations, and σ times the same from 0 without c."""
    starts_alone = init.type.ndim == v.type.ndim - 1
    first = _start(init, v[..., 0] if starts_alone and order == 1 and init.owner.op.ndim_supp == 0 else v[..., :order])
    start = first.value[..., None] if first.value.type.ndim < v.type.ndim else first.value
    w = v[..., order:]
    n = v.type.shape[-1]
    before = v * (np.arange(n) >= order)  # a product costs less than joining zeros and w, in each of the derivatives
    lags = [before[..., order - i - 1 : n - i - 1] for i in range(order)]
    innovations = w - sum(rhos[..., i, None] * lag for i, lag in enumerate(lags))
    state = start[..., ::-1]
    if constant is not None:
        state = pt.concatenate([state, pt.ones_like(state[..., :1])], axis=-1)
    if order == 1:  # the power 0 is the start itself: nothing is joined
        powers = _powers_of_one(rhos, constant, n)
        value = ((powers + LEAST) * state[..., None, :]).sum(-1) + sigma[..., None] * before
    else:
        without = ((_powers(rhos, constant, order, n - order) + LEAST) * state[..., None, :]).sum(-1)
        value = pt.concatenate([start, without + sigma[..., None] * w], axis=-1)
    return Standardized(value, _together(first.log_density, _standard_normal(innovations)))


def _powers(rhos: Graph, constant: Graph | None, order: int, n: int) -> Graph:
    """Return the first rows (..., n, m) of the first n powers of the companion matrix."""
    size = order + (constant is not None)
    top, below = rhos, np.eye(size, k=-1)[1:]
    if constant is not None:
        top = pt.concatenate([rhos, pt.broadcast_to(constant[..., None], rhos[..., :1].shape)], axis=-1)
        below[-1] = np.eye(size)[-1]
    rest = pt.broadcast_to(pt.constant(below), (*(top.shape[i] for i in range(top.type.ndim - 1)), *below.shape))
    power = pt.concatenate([top[..., None, :], rest], axis=-2)
    rows, known = power[..., :1, :], 1
    while known < n:  # those that are known, times as many
        rows, power, known = pt.concatenate([rows, rows @ power], axis=-2), power @ power, 2 * known
    return rows[..., :n, :]


def _powers_of_one(rho: Graph, constant: Graph | None, n: int) -> Graph:
    """Return 1, ρ, ..., and c times the sums of those before, (..., n, m), for ρ (..., 1).

    Their derivatives up to the third are finite at 0 too.
    """
    powers = (rho + LEAST) ** np.arange(float(n))
    if constant is None:
        return powers[..., None]
    sums = pt.cumsum(pt.concatenate([pt.zeros_like(powers[..., :1]), powers[..., :-1]], axis=-1), axis=-1)
    return pt.stack([powers, constant[..., None] * sums], axis=-1)


def _together(*parts: Graph) -> Graph:
    return pt.concatenate([part.ravel() for part in parts])


STEPS: dict[type, Callable[[Graph, Graph, Depends], Standardized]] = {NormalRV: _normal, MvNormalRV: _mv_normal}
FORMS: dict[type, Callable[[Graph, Graph, Depends], Standardized | None]] = {
    NormalRV: _normal,
    LogNormalRV: _normal,
    GammaRV: _gamma,
    MvNormalRV: _mv_normal,
    MatrixNormalRV: _matrix_normal,
    KroneckerNormalRV: _kronecker_normal,
    ZeroSumNormalRV: _zero_sum,
    CARRV: _car,
    ICARRV: _icar,
    RandomWalkRV: _random_walk,
    AutoRegressiveRV: _autoregression,
    EulerMaruyamaRV: _diffusion,
}
# What leads to the scale on which an effect is normal; nothing for all others.
TRANSFORMS: dict[type, type[Transform]] = {
    ZeroSumNormalRV: ZeroSumTransform,
    LogNormalRV: LogTransform,
    GammaRV: LogTransform,
}
