"""Which variables of a model are what: parameters, random effects, data terms, potentials.

Observed terms make the likelihood. Free variables are parameters; one whose prior depends on another free variable is
a *random effect* (latent). A ``pm.Potential`` is neither likelihood nor prior until somebody says so.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal
from weakref import WeakKeyDictionary, WeakSet, ref

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
from pymc.data import MinibatchOp
from pymc.distributions.transforms import CholeskyCovPacked, _default_transform
from pymc.initial_point import make_initial_point_expression, make_initial_point_fn
from pymc.model.transform.basic import remove_minibatched_nodes
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable
from pytensor.graph.traversal import ancestors
from pytensor.tensor.blockwise import Blockwise
from pytensor.tensor.elemwise import CAReduce
from pytensor.tensor.math import Dot
from pytensor.tensor.random.basic import UniformRV
from pytensor.tensor.random.op import RandomVariable

from pymc_landscape._typing import Array, Graph
from pymc_landscape.arguments import checked_choice, checked_names, closest
from pymc_landscape.engine import NO_TRACEBACKS, evaluated
from pymc_landscape.model.degenerate_priors import has_no_spread
from pymc_landscape.model.density import PotentialRoles
from pymc_landscape.model.distributions import constant_value, known_shape
from pymc_landscape.model.exchangeability import not_exchangeable
from pymc_landscape.model.fingerprint import Structure, structure
from pymc_landscape.model.layout import FreeVariable
from pymc_landscape.model.missing_data import is_discrete, without_data
from pymc_landscape.model.possible_effects import effects_behind
from pymc_landscape.model.transforms import bounds, is_simplex, plain
from pymc_landscape.numerics import WRITING
from pymc_landscape.results import text_labels

_log = logging.getLogger("pymc_landscape")

# Models about whose random effects a word was said: once is enough.
_REPORTED: WeakSet[pm.Model] = WeakSet()
# Minibatched models, with what they were made of and their twins on all of the data; and those by their twins.
_WHOLE: WeakKeyDictionary[pm.Model, tuple[Structure, pm.Model]] = WeakKeyDictionary()
_BATCHED: WeakKeyDictionary[pm.Model, ref[pm.Model]] = WeakKeyDictionary()

# Words in the names of PyMC's Ops: each element of a series is an observation, each whole composition is one.
SERIES = ("AutoRegressive", "RandomWalk", "GARCH", "EulerMaruyama")
COMPOSITIONS = ("Multinomial", "Dirichlet")

PotentialRole = Literal["likelihood", "prior"]


def check_model(model: pm.Model) -> None:
    """Refuse a model that has nothing to evaluate."""
    if not model.free_RVs:
        raise ValueError(
            "Expected a model with free variables, got one with none: a landscape needs a parameter to vary; as a null "
            "of a test, give the pm.Model itself."
        )
    if not model.observed_RVs and not model.potentials:
        raise ValueError(
            "Expected a model with data, got no observed variable and no pm.Potential: "
            "give at least one variable observed=..., for the prior alone has no likelihood."
        )


def on_all_data(model: pm.Model) -> pm.Model:
    """Return `model` with each ``pm.Minibatch`` replaced by all of its data.

    A landscape of random batches would change from block to block. A model without batches is returned as it is.
    """
    roots = [*model.rvs_to_values.values(), *model.basic_RVs]
    if not any(v.owner and isinstance(v.owner.op, MinibatchOp) for v in ancestors(roots)):
        return model
    now = structure(model)
    before, whole = _WHOLE.get(model, (None, model))
    if before != now:
        whole = _with_data_of(remove_minibatched_nodes(model), model)
        _WHOLE[model], _BATCHED[whole] = (now, whole), ref(model)
    return whole


def _with_data_of(twin: pm.Model, model: pm.Model) -> pm.Model:
    """Let a clone of a model have its data and the lengths of its dims, so that ``pm.set_data`` is seen."""
    own = {**{d.name: d for d in model.data_vars}, **model._dim_lengths}
    for variable in (*twin.data_vars, *twin._dim_lengths.values()):
        if isinstance(variable, SharedVariable) and isinstance(own.get(variable.name), SharedVariable):
            variable.container = own[variable.name].container
    return twin


def with_batches(model: pm.Model) -> pm.Model | None:
    """Return the model of batches that a model on all of the data was made of; None where there is none."""
    batched = _BATCHED.get(model)
    return None if batched is None else batched()


def roles_of_potentials(model: pm.Model, role: PotentialRole | None, latent: Collection[str] = ()) -> PotentialRoles:
    """Decide what the potentials of `model` count as; refuse to guess where it matters.

    One that ties discrete variables which are summed out is part of the sum, and so of the likelihood.
    """
    if role is not None:
        checked_choice("potentials", role, ("likelihood", "prior"))
    summed = {model[name] for name in latent if is_discrete(model[name])}
    tied = [p.name for p in model.potentials if not summed.isdisjoint(ancestors([p]))]
    names = tuple(p.name for p in model.potentials if p.name not in tied)
    if role is None and model.observed_RVs and names:
        raise ValueError(
            f"The model has observed variables and a pm.Potential ({', '.join(names)}), which may be part of the "
            "likelihood or of the prior: say which with Objective(model, potentials='likelihood') or 'prior'."
        )
    if role == "prior" and names and not model.observed_RVs:
        raise ValueError(
            "The model's only data enter through a pm.Potential, got potentials='prior': "
            "without it there is no likelihood; leave potentials out."
        )
    prior = names if role == "prior" else ()
    return PotentialRoles(prior=prior, likelihood=tuple(p.name for p in model.potentials if p.name not in prior))


def find_latent(model: pm.Model, without: Collection[str] = ()) -> dict[str, tuple[str, ...]]:
    """Return each continuous free variable whose prior depends on others, `without` apart, with the names of those.

    One with a normal prior of variance 0, as where the null of a test fixes it, is a random effect too. A uniform one
    whose limits depend on others is a parameter with a moving support, no random effect; so are cutpoints of an ordinal
    outcome and parameters of a mixture's components, whose elements are not exchangeable. Regression coefficients that
    share a prior are effects.
    """
    free = set(model.free_RVs)
    effects, parameters = {}, not_exchangeable(model)
    for rv in model.free_RVs:
        parents = free.intersection(ancestors(rv.owner.inputs)) - {rv, *(model[name] for name in without)}
        if is_discrete(rv) or isinstance(rv.owner.op, UniformRV) or rv.name in parameters:
            continue
        if parents or has_no_spread(rv):
            effects[rv.name] = tuple(v.name for v in model.free_RVs if v in parents)
    return effects


def resolve_latent(
    model: pm.Model, latent: Literal["auto"] | str | Sequence[str], group_terms: Collection[str] = ()
) -> tuple[str, ...]:
    """Return the names of the free variables that are no parameters, in the model's order; say so once if we chose.

    Unless `latent` is empty, those on which no data depend are among them. With "auto", so are the effects that
    `group_terms` are made of: terms of a bambi model, also written without their centre. Where names are given, that
    of such a term stands for its effects.
    """
    free = {rv.name: rv for rv in model.free_RVs}
    behind = effects_behind(model, group_terms)
    if isinstance(latent, str) and latent == "auto":
        dropped = without_data(model)
        found: dict[str, str] = {name: _said(parents) for name, parents in find_latent(model).items()}
        found |= {name: f"it is the group-specific term {term}" for name, term in behind.items() if name not in found}
        effects = {name: why for name, why in found.items() if name not in dropped}
        _report(model, effects, dropped)
        return tuple(name for name in free if name in effects or name in dropped)
    asked = checked_names("latent", latent, of="free variables", empty=True)
    names = [n for name in asked for n in ([e for e, term in behind.items() if term == name != e] or [name])]
    for name in names:
        if name not in free:
            raise ValueError(f"Expected free variables of the model as latent, got {name!r}: {closest(name, free)}.")
    if names:
        dropped = without_data(model, names)
        _report(model, {}, [name for name in dropped if name not in names])
        names += dropped
    if set(names) == set(free):
        raise ValueError(
            f"Expected a parameter that is not integrated out, got latent={tuple(names)}, all of the free variables."
        )
    return tuple(name for name in free if name in names)


def _said(parents: Sequence[str]) -> str:
    return f"its prior depends on {', '.join(parents)}" if parents else "its prior has a variance of 0"


def _report(model: pm.Model, effects: Mapping[str, str], dropped: Sequence[str]) -> None:
    if not (effects or dropped) or model in _REPORTED:
        return
    _REPORTED.add(model)
    for name in dropped:
        _log.warning(
            "%s drops out of the likelihood, for no data depend on it; "
            "Objective(model, latent=()) keeps it as a parameter.",
            name,
        )
    for name, why in effects.items():
        _log.warning(
            "%s is a random effect, for %s: it is integrated out of the likelihood; "
            "Objective(model, latent=()) makes the likelihood conditional on it.",
            name,
            why,
        )


def free_variables(model: pm.Model) -> tuple[FreeVariable, ...]:
    """Read the names, shapes, labels and supports of the free variables, in the model's order."""
    shapes = _shapes(model)
    return tuple(_free_variable(model, rv, *shapes[rv.name]) for rv in model.free_RVs)


def _free_variable(model: pm.Model, rv: Graph, shape: tuple[int, ...], value_shape: tuple[int, ...]) -> FreeVariable:
    transform = plain(model.rvs_to_transforms[rv])
    low, high = _constant_limits(rv, transform, shape)
    dims = model.named_vars_to_dims.get(rv.name) or (None,) * len(shape)
    names = tuple(d or f"{rv.name}_dim_{i}" for i, d in enumerate(dims))
    coords = tuple(
        np.arange(n) if (labels := model.coords.get(d)) is None else text_labels(labels)
        for d, n in zip(dims, shape, strict=True)
    )
    return FreeVariable(
        name=rv.name,
        value_name=model.rvs_to_values[rv].name,
        shape=shape,
        value_shape=value_shape,
        dims=names,
        coords=coords,
        discrete=is_discrete(rv),
        transform=None if transform is None else transform.name,
        elementwise=transform is None or transform.ndim_supp == 0 or isinstance(transform, CholeskyCovPacked),
        named_by_value=transform is not None and transform.ndim_supp != 0,
        low=low,
        high=high,
        leans=_has_moving_limits(model, rv, transform),
    )


def n_rows(model: pm.Model, rv: Graph) -> int:
    """Return how many observations an observed variable holds, as AICc and BIC count them.

    Its elements; of several vectors, the vectors. A single vector is many observations that depend on each other (a
    time series, a multivariate normal), unless it is a composition or a vector of counts, which are one.
    """
    shape = known_shape(model.rvs_to_values[rv])
    name, ndim_supp = type(rv.owner.op).__name__, getattr(rv.owner.op, "ndim_supp", 0) or 0
    batches = shape[: len(shape) - ndim_supp]
    if any(word in name for word in SERIES):
        return int(np.prod(shape))
    single = not batches and not any(word in name for word in COMPOSITIONS)
    return int(np.prod(shape if single else batches))


def is_added_up(potential: Graph) -> bool:
    """Whether a potential is one number that was added up, of elements or by products of matrices."""
    sums = (v.owner.op for v in ancestors([potential]) if v.owner)
    return not potential.type.ndim and any(isinstance(op, CAReduce | Dot | Blockwise) for op in sums)


def _shapes(model: pm.Model) -> dict[str, tuple[tuple[int, ...], tuple[int, ...]]]:
    """Return the natural and unconstrained shapes of each free variable, evaluated only where they are symbolic."""
    pairs = {}
    for rv in model.free_RVs:
        transform = model.rvs_to_transforms[rv]
        moved = rv if transform is None else transform.forward(rv, *rv.owner.inputs)
        pairs[rv.name] = [pt.as_tensor(v, allow_xtensor_conversion=True) for v in (rv, moved)]
    tensors = [tensor for pair in pairs.values() for tensor in pair]
    shapes = [tensor.type.shape for tensor in tensors]
    if any(None in shape for shape in shapes):
        shapes = [tuple(int(n) for n in size) for size in evaluated([tensor.shape for tensor in tensors])]
    return dict(zip(pairs, zip(shapes[::2], shapes[1::2], strict=True), strict=True))


def _constant_limits(rv: Graph, transform: Any, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Limits of the support where they are plain numbers; without a transform, those of the one PyMC would choose."""
    transform = transform or _default_transform(rv.owner.op, rv)
    limits = bounds(transform, rv.owner.inputs) if transform is not None else None
    limits = (0.0, 1.0) if is_simplex(transform) else limits
    low, high = (constant_value(limit) for limit in limits or (None, None))
    return _limit_array(low, shape, -np.inf), _limit_array(high, shape, np.inf)


def _limit_array(limit: Array | None, shape: tuple[int, ...], otherwise: float) -> Array:
    return np.broadcast_to(otherwise if limit is None else limit, shape).astype(float).ravel()


def _has_moving_limits(model: pm.Model, rv: Graph, transform: Any) -> bool:
    """Whether a limit of the support depends on other free variables: of ``pm.Uniform("b", 0, a)``, one does."""
    limits = bounds(transform, rv.owner.inputs) if transform is not None else None
    graphs = [limit for limit in limits or () if isinstance(limit, Variable)]
    return not set(model.free_RVs).isdisjoint(ancestors(graphs))


def initial_point(model: pm.Model) -> dict[str, Array]:
    """Return the model's initial point on the natural scale; nothing is compiled where nothing is drawn for it."""
    with WRITING, pytensor.config.change_flags(**NO_TRACEBACKS):
        graphs = make_initial_point_expression(
            free_rvs=model.free_RVs,
            rvs_to_transforms=model.rvs_to_transforms,
            initval_strategies=model.rvs_to_initial_values,
        )
    if any(v.owner is not None and isinstance(v.owner.op, RandomVariable) for v in ancestors(graphs)):
        with WRITING, pytensor.config.change_flags(cxx="", mode="FAST_COMPILE"):
            point = make_initial_point_fn(model=model, return_transformed=False)(0)
        values = [point[rv.name] for rv in model.free_RVs]
    else:
        values = evaluated(graphs)
    return {rv.name: np.asarray(value, dtype=float) for rv, value in zip(model.free_RVs, values, strict=True)}
