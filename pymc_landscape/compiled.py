"""The engines of one model: built when first asked for, shared by all objectives of it, rebuilt when it changes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from copy import copy
from typing import Any, Literal
from weakref import WeakKeyDictionary

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
from numpy.typing import ArrayLike
from pymc.pytensorf import rewrite_pregrad
from pytensor.gradient import NullTypeGradError
from pytensor.graph.replace import graph_replace
from pytensor.graph.utils import MethodNotDefined

from pymc_landscape import roles
from pymc_landscape.aliases import Array, Graph
from pymc_landscape.density import (
    Density,
    Parts,
    model_density,
    natural_graph,
    unconstrained_graph,
)
from pymc_landscape.engine import Engine
from pymc_landscape.layout import Element, FreeVariable, Layout, closest, find_elements

Kind = Literal["density", "pointwise", "gradient", "hessian_product", "natural", "unconstrained"]
Graphs = tuple[Graph, dict[str, Graph]]

LOG_PRIOR = "log_prior"

# An engine knows graphs and not the model, so that a model no longer used takes its engines along.
_SHARED: WeakKeyDictionary[pm.Model, dict[Hashable, Any]] = WeakKeyDictionary()


class Compiled:
    """Engines of `model`, by kind and by scale of the flat vector.

    Parameters
    ----------
    model : pm.Model
        The model; later changes of its data are seen.
    parts : Parts
        What its potentials count as.
    prior_weight : float
        Weight of the log prior in gradients and Hessians.
    backend : str or None
        As in :class:`~pymc_landscape.engine.Engine`.
    compile_kwargs : mapping or None
        As in PyMC.
    """

    def __init__(
        self,
        model: pm.Model,
        parts: Parts,
        prior_weight: float,
        backend: str | None,
        compile_kwargs: Mapping[str, Any] | None,
    ):
        self.model, self.parts, self.prior_weight = model, parts, prior_weight
        self.backend, self.compile_kwargs = backend, dict(compile_kwargs or {})
        self._data: dict[str, Array] = {}
        self._store = _SHARED.setdefault(model, {})

    # --- what the model looks like now -------------------------------------------------------------------------------

    @property
    def variables(self) -> tuple[FreeVariable, ...]:
        """The free variables, read again if the model or the shape of its data has changed."""
        key = ("variables", self._fingerprint())
        if key not in self._store:
            self._store[key] = roles.free_variables(self.model)
        variables: tuple[FreeVariable, ...] = self._store[key]
        return variables

    @property
    def elements(self) -> dict[str, Element]:
        """Every label that the model knows, with the element it names."""
        key = ("elements", self._fingerprint())
        if key not in self._store:
            self._store[key] = find_elements(self.variables)
        elements: dict[str, Element] = self._store[key]
        return elements

    @property
    def names(self) -> frozenset[str]:
        """Names of the free variables."""
        return frozenset(rv.name for rv in self.model.free_RVs)

    def initial_point(self) -> dict[str, Array]:
        """Return the model's initial point on the natural scale."""
        key = ("initial point", self._fingerprint(), tuple(map(str, self.model.rvs_to_initial_values.values())))
        if key not in self._store:
            self._store[key] = roles.initial_point(self.model)
        return dict(self._store[key])

    def term_dims(self, term: str, size: int) -> tuple[list[str], dict[str, Any], tuple[int, ...]]:
        """Return dims, coords and shape of a term's pointwise log-likelihood, of which there are `size` numbers."""
        variable = self.model[term]
        shape = tuple(
            pt.as_tensor(self.model.rvs_to_values.get(variable, variable), allow_xtensor_conversion=True).shape.eval()
        )
        names = self.model.named_vars_to_dims.get(term) or (None,) * len(shape)
        dims = [name or f"{term}_dim_{i}" for i, name in enumerate(names)]
        while shape and int(np.prod(shape)) != size:  # a multivariate term is summed over its last dims
            shape, dims = shape[:-1], dims[:-1]
        if int(np.prod(shape)) != size:
            shape, dims = (size,), [f"{term}_dim_0"]
        labels = {d: self.model.coords.get(d) for d in dims}
        coords = {d: np.asarray(c) for d, c in labels.items() if c is not None}
        return dims, coords, tuple(int(n) for n in shape)

    def layout(self, unconstrained: frozenset[str] = frozenset()) -> Layout:
        """Return the order of elements in a vector that holds `unconstrained` variables on that scale."""
        return Layout(self.variables, unconstrained)

    def _fingerprint(self) -> Hashable:
        model = self.model
        variables = (*model.free_RVs, *model.observed_RVs, *model.potentials)
        transforms = tuple(model.rvs_to_transforms[rv] for rv in model.free_RVs)
        shapes = tuple((d.name, d.get_value(borrow=True).shape) for d in _shared_data(model))
        return variables, transforms, shapes, model.check_bounds, pytensor.config.floatX

    # --- engines -----------------------------------------------------------------------------------------------------

    def engine(self, kind: Kind, unconstrained: frozenset[str] = frozenset()) -> Engine:
        """Return an engine, and leave it with this model's data.

        Parameters
        ----------
        kind : str
            ``"density"``: one output a term of the log-likelihood, and ``log_prior``. ``"pointwise"``: the same with
            the terms unsummed. ``"gradient"`` and ``"hessian_product"`` (its vector holds the point, then the
            direction): of −2 (log L + w log prior). ``"natural"`` and ``"unconstrained"``: one output a free variable,
            on that scale, from a vector on the other.
        unconstrained : frozenset of str
            Names of the free variables that stand in the vector on their unconstrained scale.
        """
        swapped = frozenset(self._data)
        weight = self.prior_weight if kind in ("gradient", "hessian_product") else 0.0
        options = (self.parts, weight, self.backend, _hashable(self.compile_kwargs))
        key = (kind, unconstrained, self._fingerprint(), swapped, options)
        if key not in self._store:
            self._store[key] = self._build(kind, unconstrained)
        for name, value in self._data.items():
            self._swap(name).set_value(value, borrow=True)
        engine: Engine = self._store[key]
        return engine

    def _build(self, kind: Kind, unconstrained: frozenset[str]) -> Engine:
        vector, graphs = self._graphs(kind, self.layout(unconstrained))
        if kind in ("natural", "unconstrained"):  # small graphs for few points: not worth a compiler
            return Engine(vector, graphs, backend="interpreter")
        return Engine(
            vector,
            graphs,
            check_bounds=self.model.check_bounds,
            backend=self.backend,
            compile_kwargs=self.compile_kwargs,
        )

    def _graphs(self, kind: Kind, layout: Layout) -> Graphs:
        if kind in ("natural", "unconstrained"):
            write = natural_graph if kind == "natural" else unconstrained_graph
            vector, moved = write(self.model, layout)
            return vector, dict(zip([rv.name for rv in self.model.free_RVs], moved, strict=True))
        swaps = {self._variable(name): self._swap(name) for name in self._data}
        density = model_density(self.model, layout, self.parts, swaps)
        if kind == "gradient":
            return density.vector, {"gradient": self._gradient(density)}
        if kind == "hessian_product":
            return self._hessian_product(density)
        terms = density.rows if kind == "pointwise" else density.terms
        return density.vector, {**terms, LOG_PRIOR: density.prior}

    def _gradient(self, density: Density) -> Graph:
        self._refuse_discrete()
        log_likelihood = sum(density.terms.values())
        value = -2.0 * log_likelihood
        if self.prior_weight:
            value = value - 2.0 * self.prior_weight * density.prior
        return _slope(rewrite_pregrad(value), density.vector)

    def _hessian_product(self, density: Density) -> Graphs:
        """Write H v as the gradient of gradient · v, over one vector that holds the point and v."""
        both = pt.vector("point_and_direction", dtype="float64", shape=(2 * self._size,))
        direction = both[self._size :]
        slope = (self._gradient(density) * direction).sum()
        product = _slope(slope, density.vector)
        point = density.vector.type.filter_variable(both[: self._size])
        return both, {"product": graph_replace(product, {density.vector: point})}

    @property
    def _size(self) -> int:
        return self.layout(self.names).size

    def _refuse_discrete(self) -> None:
        discrete = [v.name for v in self.variables if v.discrete]
        if discrete:
            raise ValueError(
                f"Expected continuous parameters, got the discrete {', '.join(discrete)}: they can be grid axes but "
                "not descended; pymc_extras.marginalize sums them out of the model."
            )

    # --- other data --------------------------------------------------------------------------------------------------

    def with_data(self, data: Mapping[str, ArrayLike]) -> Compiled:
        """Return the same engines with other values for observed variables or ``pm.Data``."""
        twin = copy(self)
        twin._data = dict(self._data)
        for name, new in data.items():
            old = np.shape(self._swap(name).get_value(borrow=True))
            if np.shape(new) != old:
                raise ValueError(f"Expected {name} of shape {old}, got {np.shape(new)}.")
            twin._data[name] = _without_loss(name, np.asarray(new), self._swap(name).type.dtype)
        return twin

    def _variable(self, name: str) -> Graph:
        """Return the variable in the model's graphs that holds the data `name`."""
        observed = {rv.name: self.model.rvs_to_values[rv] for rv in self.model.observed_RVs}
        known = {**{d.name: d for d in _shared_data(self.model)}, **observed}
        if name not in known:
            raise ValueError(f"Expected data of the model, got {name!r}: it has {closest(name, known)}.")
        return known[name]

    def _swap(self, name: str) -> Graph:
        """Return the shared variable that stands for the data `name` in graphs with other data."""
        old = self._variable(name)
        key = ("swap", old)
        if key not in self._store:
            now = pt.as_tensor(old, allow_xtensor_conversion=True).eval()
            self._store[key] = pytensor.shared(now, name=f"{name}_swap", shape=old.type.shape)
        return self._store[key]


def _slope(value: Graph, vector: Graph) -> Graph:
    try:
        return pt.grad(value, vector, disconnected_inputs="ignore")
    except (NullTypeGradError, NotImplementedError, MethodNotDefined) as error:
        raise ValueError(
            f"Expected a model with derivatives, got an Op without a gradient ({error}): "
            "evaluate its landscape, or fit it by a method without derivatives."
        ) from error


def _without_loss(name: str, new: Array, dtype: str) -> Array:
    cast = new.astype(dtype)
    if np.dtype(dtype).kind in "iub" and (cast != new).any():
        raise ValueError(f"Expected whole numbers for {name}, got {new[cast != new].flat[0]}.")
    return cast


def _shared_data(model: pm.Model) -> list[Graph]:
    return [d for d in model.data_vars if hasattr(d, "get_value")]


def _hashable(compile_kwargs: Mapping[str, Any]) -> Hashable:
    """Return a key for compile options; modes do not hash, so such options are known by their identity."""
    return tuple(sorted((k, v if isinstance(v, str) else id(v)) for k, v in compile_kwargs.items()))
