"""Observed terms as families of distributions: which one, and graphs of its data and parameters.

What a term is, is read off its graph: the Op that PyMC has written for its distribution, and what went into it. Where
distributions are nested (a censored one, a random walk) the inner one is read, and what the outer one adds to −2 log L
is written beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.logprob.basic import logccdf
from pymc.variational.minibatch_rv import get_scaling
from pytensor.graph.basic import Constant

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Graph
from pymc_landscape.model.distributions import aligned, kind_of, name_of, why_unnamed, without_dims
from pymc_landscape.model.losses import LOSS_FAMILIES


@dataclass(frozen=True)
class Described:
    """What the graph of a term says.

    Parameters
    ----------
    distribution : str
        What PyMC calls it.
    family : str
        Its family in :data:`~pymc_landscape.model.losses.loss_families.LOSS_FAMILIES`; empty where it is none of these.
    around : str
        ``censored``, ``truncated`` or ``one-step``, where that is around the family; else empty.
    unnamed : str
        Why it has no closed loss; empty where it has one, or lacks but a name for it.
    inputs : mapping of str to Graph
        ``y``, the data that the family is to be given. Where there are any, ``extra``: what a row adds to −2 log L;
        ``replaced``: rows that are `extra` alone; ``apart``: −2 log L of first values; ``times``: how often rows count.
    parameters : tuple of Graph
        As the family takes them.
    """

    distribution: str
    family: str = ""
    around: str = ""
    unnamed: str = ""
    inputs: Mapping[str, Graph] = field(default_factory=dict)
    parameters: tuple[Graph, ...] = ()


def describe(rv: Graph, value: Graph) -> Described:
    """Describe the distribution of `rv`, whose data are `value`."""
    value = aligned(value, getattr(rv.type, "dims", None))
    rv = without_dims(rv)
    kind = kind_of(rv)
    if kind in _AROUND:
        try:
            return _AROUND[kind](rv, value)
        except NotImplementedError:
            return Described(name_of(rv), unnamed="the distribution function of what is inside is not known")
    if kind not in LOSS_FAMILIES:
        return Described(name_of(rv), unnamed=why_unnamed(rv))
    parameters = _WRITTEN.get(kind, _as_they_are)(*rv.owner.op.dist_params(rv.owner))
    return Described(name_of(rv), kind, inputs={"y": value}, parameters=tuple(parameters))


# --- parameters as the families take them ----------------------------------------------------------------------------


def _as_they_are(*parameters: Graph) -> Sequence[Graph]:
    return parameters


def _logs(p: Graph) -> list[Graph]:
    """Return log p and log(1 − p): written as graphs, they keep the digits that a sigmoid would lose."""
    return [pt.log(p), pt.log1p(-p)]


_WRITTEN: dict[str, Callable[..., Sequence[Graph]]] = {
    "BernoulliRV": _logs,
    "GeometricRV": _logs,
    "BinomialRV": lambda n, p: [n, *_logs(p)],
    "CategoricalRV": lambda p: [pt.log(p)],
    "MultinomialRV": lambda n, p: [n, pt.log(p)],
    "NegBinomialRV": lambda n, p: [n, n * pt.exp(pt.log(1 - p) - pt.log(p))],
}


# --- distributions around others -------------------------------------------------------------------------------------


def _around(word: str, base: Graph, value: Graph, name: str = "", **inputs: Graph) -> Described:
    """Describe a distribution around `base`, which sees `value`, with the inputs that it adds."""
    inner = describe(base, value)
    name = name or f"{word.capitalize()}({inner.distribution})"
    if not inner.family or inner.around:
        return Described(name, unnamed=inner.unnamed or "the distribution inside has no loss with a name")
    return replace(inner, distribution=name, around=word, inputs={**inner.inputs, **inputs})


def _censored(rv: Graph, value: Graph) -> Described:
    base, lower, upper = rv.owner.inputs
    extra, replaced = pt.zeros_like(value, dtype="float64"), pt.zeros_like(value, dtype="bool")
    for bound, log_beyond, beyond in ((lower, _log_up_to, pt.le), (upper, _log_from, pt.ge)):
        if not _is_open(bound, base):
            here = beyond(value, bound)
            extra = pt.switch(here, -2.0 * log_beyond(base, _filled(value, bound)), extra)
            replaced = replaced | here
    return _around("censored", base, value, extra=extra, replaced=replaced)


def _truncated(rv: Graph, value: Graph) -> Described:
    *inputs, lower, upper = rv.owner.inputs
    base = rv.owner.op.base_rv_op.make_node(*inputs).default_output()
    return _around("truncated", base, value, extra=2.0 * _log_inside(base, value, lower, upper))


def _truncated_normal(rv: Graph, value: Graph) -> Described:
    mu, sigma, lower, upper = rv.owner.op.dist_params(rv.owner)
    base = pm.Normal.dist(mu, sigma)
    return _around("truncated", base, value, "TruncatedNormal", extra=2.0 * _log_inside(base, value, lower, upper))


def _log_inside(base: Graph, value: Graph, lower: Graph, upper: Graph) -> Graph:
    low, high = _filled(value, lower), _filled(value, upper)
    if _is_open(upper, base):
        return pt.zeros_like(low) if _is_open(lower, base) else _log_from(base, low)
    if _is_open(lower, base):
        return _log_up_to(base, high)
    return pm.math.logdiffexp(_log_up_to(base, high), _log_up_to(base, low - 1 if _is_whole(base) else low))


def _autoregression(rv: Graph, value: Graph) -> Described:
    rhos, sigma, first, *_ = rv.owner.inputs
    order, shift = rv.owner.op.ar_order, int(rv.owner.op.constant_term)
    past = [rhos[..., shift + i, None] * value[..., order - 1 - i : -1 - i] for i in range(order)]
    mean = sum(past, rhos[..., 0, None] if shift else pt.constant(0.0))
    apart = -2.0 * pm.logp(first, value[..., :order], warn_rvs=False).sum()
    return _around("one-step", pm.Normal.dist(mean, sigma[..., None]), value[..., order:], "AR", apart=apart)


def _with_innovations(rv: Graph, value: Graph) -> Described:
    first, innovation, *_ = rv.owner.inputs
    axis = -rv.owner.op.ndim_supp  # of time
    later, start = (pt.moveaxis(pt.moveaxis(value, axis, 0)[part], 0, axis) for part in (slice(1, None), slice(0, 1)))
    step = later - pt.moveaxis(pt.moveaxis(value, axis, 0)[:-1], 0, axis)
    apart = -2.0 * pm.logp(first, start, warn_rvs=False).sum()
    name = _OF_INNOVATIONS.get(kind_of(innovation), f"RandomWalk({name_of(innovation)})")
    return _around("one-step", innovation, step, name, apart=apart)


def _counted_more_often(rv: Graph, value: Graph) -> Described:
    inner, *total_size = rv.owner.inputs
    described = describe(inner, value)
    if not described.inputs:
        return described
    return replace(described, inputs={**described.inputs, "times": get_scaling(total_size, value.shape)})


def _is_open(bound: Graph, base: Graph) -> bool:
    return bound is base or (isinstance(bound, Constant) and bool(np.isinf(bound.data).all()))


def _is_whole(base: Graph) -> bool:
    return np.dtype(base.type.dtype).kind in "iu"


def _filled(value: Graph, bound: Graph) -> Graph:
    return pt.full_like(value, bound, dtype="float64")


def _log_up_to(base: Graph, bound: Graph) -> Graph:
    return pm.logcdf(base, bound, warn_rvs=False)


def _log_from(base: Graph, bound: Graph) -> Graph:
    """Return log P(Y ≥ bound)."""
    return logccdf(base, bound - 1 if _is_whole(base) else bound, warn_rvs=False)


_OF_INNOVATIONS = {
    "NormalRV": "GaussianRandomWalk",
    "MvNormalRV": "MvGaussianRandomWalk",
    "MvStudentTRV": "MvStudentTRandomWalk",
}

_AROUND: dict[str, Callable[[Graph, Graph], Described]] = {
    "CensoredRV": _censored,
    "TruncatedRV": _truncated,
    "TruncatedNormalRV": _truncated_normal,
    "AutoRegressiveRV": _autoregression,
    "RandomWalkRV": _with_innovations,
    "MinibatchRandomVariable": _counted_more_often,
}
