"""The engines of one model: built when first asked for, shared by all objectives of it, rebuilt when it changes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from copy import copy
from typing import Any, Literal, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
from numpy.typing import ArrayLike

from pymc_landscape import roles
from pymc_landscape.aliases import Array, Graph
from pymc_landscape.combination import combination_graph
from pymc_landscape.density import (
    Density,
    Parts,
    Values,
    derived_graphs,
    model_density,
    natural_graphs,
    unconstrained_graphs,
)
from pymc_landscape.derivatives import hessian_graph, hessian_product_graph, jacobian_graph, slope_graph
from pymc_landscape.engine import Engine
from pymc_landscape.fisher import fisher_graph
from pymc_landscape.layout import Element, FreeVariable, Layout, closest, element_labels, find_elements

Kind = Literal[
    "density",
    "pointwise",
    "unsummed",
    "slope",
    "hessian",
    "hessian_product",
    "scores",
    "fisher",
    "natural",
    "unconstrained",
    "derived",
    "natural_jacobian",
    "derived_jacobian",
    "combination",
]
Graphs = tuple[Graph, dict[str, Graph]]
Made = TypeVar("Made")

LOG_PRIOR = "log_prior"
TOTAL = "sum of all terms"

# Kinds that come for few points: not worth a compiler.
FOR_FEW_POINTS = frozenset(
    [
        *("natural", "unconstrained", "derived", "natural_jacobian", "derived_jacobian"),
        *("hessian", "hessian_product", "scores", "fisher", "combination"),
    ]
)
# Kinds whose graphs depend on the weight of the prior.
WEIGHTED = frozenset(["slope", "hessian", "hessian_product"])

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
        self._integers_held = False
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
    def quantity_labels(self) -> tuple[str, ...]:
        """Labels of all that has a value at a point: elements of the free variables, natural, and of Deterministics."""
        key = ("quantities", self._fingerprint())
        if key not in self._store:
            natural = [label for v in self.variables for label in v.labels]
            self._store[key] = (*natural, *self._derived_labels())
        labels: tuple[str, ...] = self._store[key]
        return labels

    def _derived_labels(self) -> list[str]:
        if not self.model.deterministics:
            return []
        engine = self.engine("derived", self.names)
        labels: list[str] = []
        for name, value in zip(engine.names, engine.one(np.zeros(engine.size)), strict=True):
            dims, coords, shape = self.derived_dims(name, np.size(value))
            places = [coords.get(dim, np.arange(n)) for dim, n in zip(dims, shape, strict=True)]
            labels += element_labels(name, places)
        return labels

    @property
    def names(self) -> frozenset[str]:
        """Names of the free variables."""
        return frozenset(rv.name for rv in self.model.free_RVs)

    def initial_point(self) -> dict[str, Array]:
        """Return the model's initial point on the natural scale, brought inside where PyMC's own is outside."""
        key = ("initial point", self._fingerprint(), tuple(map(str, self.model.rvs_to_initial_values.values())))
        if key not in self._store:
            point = roles.initial_point(self.model)
            self._store[key] = {v.name: v.inside(point[v.name]) for v in self.variables}
        return dict(self._store[key])

    def term_dims(self, term: str, size: int) -> tuple[list[str], dict[str, Any], tuple[int, ...]]:
        """Return dims, coords and shape of a term's pointwise log-likelihood, of which there are `size` numbers."""
        shape = self.kept(("shape", term), lambda: self._shape(term))
        names = self.model.named_vars_to_dims.get(term) or (None,) * len(shape)
        dims = [name or f"{term}_dim_{i}" for i, name in enumerate(names)]
        own = self._own(term, shape, size)
        shape, dims = shape[:own], dims[:own]
        if int(np.prod(shape)) != size:
            shape, dims = (size,), [f"{term}_dim_0"]
        labels = {d: self.model.coords.get(d) for d in dims}
        coords = {d: np.asarray(c) for d, c in labels.items() if c is not None}
        return dims, coords, tuple(int(n) for n in shape)

    def _own(self, name: str, shape: tuple[int, ...], size: int) -> int:
        """Return how many dims of a variable its log density has: a multivariate one is summed over the last."""
        node = self.model[name].owner
        own = len(shape) - (getattr(node.op, "ndim_supp", None) or 0 if node else 0)
        while own > 0 and int(np.prod(shape[:own])) != size:
            own -= 1
        return own

    def _shape(self, term: str) -> tuple[int, ...]:
        variable = self.model[term]
        tensor = pt.as_tensor(self.model.rvs_to_values.get(variable, variable), allow_xtensor_conversion=True)
        known = tensor.type.shape
        return known if None not in known else tuple(int(n) for n in tensor.shape.eval(mode="FAST_COMPILE"))

    def own_dims(self, name: str, length: int | None) -> tuple[list[str], dict[str, Any], tuple[int, ...]]:
        """Return dims, coords and shape of the log density of a variable: of `length` numbers, None for a scalar."""
        if length is None:
            return [], {}, ()
        free = next((v for v in self.variables if v.name == name), None)
        if free is None:
            return self.term_dims(name, length)
        own = self._own(name, free.shape, length)
        return list(free.dims[:own]), dict(zip(free.dims, free.coords, strict=True)), free.shape[:own]

    def derived_dims(self, name: str, size: int) -> tuple[list[str], dict[str, Any], tuple[int, ...]]:
        """Return dims, coords and shape of a Deterministic, of which there are `size` numbers."""
        static = pt.as_tensor(self.model[name], allow_xtensor_conversion=True).type.shape
        names = self.model.named_vars_to_dims.get(name) or (None,) * len(static)
        dims = [d or f"{name}_dim_{i}" for i, d in enumerate(names)]
        labels = {d: self.model.coords.get(d) for d in dims}
        coords = {d: np.asarray(c) for d, c in labels.items() if c is not None}
        shape = tuple(n or len(coords.get(d, ())) for n, d in zip(static, dims, strict=True))
        if len(dims) > 1 and int(np.prod(shape)) != size:
            return [f"{name}_dim_0"], {}, (size,)
        return dims, coords, shape if len(dims) != 1 else (size,)

    @property
    def n_observations(self) -> int:
        """Number of observations: elements of the observed terms, compositions and count vectors as one each."""
        key = ("n_observations", self._fingerprint())
        if key not in self._store:
            self._store[key] = sum(roles.n_rows(self.model, rv) for rv in self.model.observed_RVs)
        n: int = self._store[key]
        return n

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
            the terms unsummed. ``"unsummed"``: the terms and the log prior of each variable, all unsummed, and
            `TOTAL`, the sum of the terms.
            ``"slope"`` (value and gradient), ``"hessian"`` (the same with the Hessian), and
            ``"hessian_product"`` (its vector holds the point, then the direction): of −2 (log L + w log prior).
            ``"scores"``: the gradient of each row of the log-likelihood; ``"fisher"``: its expected information.
            ``"natural"`` and ``"unconstrained"``: one output a free variable, on that scale, from a vector on the
            other; ``"derived"``: the same for each Deterministic. ``"natural_jacobian"`` and
            ``"derived_jacobian"``: their derivatives, (k, n).
            ``"combination"``: a weighted sum of all of these, with gradient and Hessian; weights after the point.
        unconstrained : frozenset of str
            Names of the free variables that stand in the vector on their unconstrained scale.
        """
        weight = self._weight if kind in WEIGHTED else 0.0
        engine = self.kept((kind, unconstrained, weight, self._integers_held), lambda: self._build(kind, unconstrained))
        self.use_data()
        return engine

    def kept(self, key: Hashable, build: Callable[[], Made]) -> Made:
        """Return what `build` makes of the model, made once for each `key` until the model changes."""
        options = (self.parts, self.backend, _hashable(self.compile_kwargs))
        whole = (key, self._fingerprint(), frozenset(self._data), options)
        if whole not in self._store:
            self._store[whole] = build()
        made: Made = self._store[whole]
        return made

    def density(self, unconstrained: frozenset[str]) -> Density:
        """Return the graphs of the density, on this model's data."""
        return model_density(self.model, self.layout(unconstrained), self.parts, self.swaps)

    @property
    def _weight(self) -> float | Graph:
        """Weight of the log prior in graphs: 0, 1, or for all others one variable, so that none needs a compile."""
        if self.prior_weight in (0.0, 1.0):
            return self.prior_weight
        if "prior weight" not in self._store:
            self._store["prior weight"] = pytensor.shared(self.prior_weight, name="prior_weight")
        return self._store["prior weight"]

    @property
    def swaps(self) -> dict[Graph, Graph]:
        """Data of the model that are replaced, with what stands for them in its graphs."""
        return {self._variable(name): self._swap(name) for name in self._data}

    def use_data(self) -> None:
        """Leave the engines with this model's data: they are shared by twins with other data."""
        for name, value in self._data.items():
            self._swap(name).set_value(value, borrow=True)
        weight = self._weight
        if not isinstance(weight, float):
            weight.set_value(self.prior_weight)

    def _build(self, kind: Kind, unconstrained: frozenset[str]) -> Engine:
        vector, graphs = self._graphs(kind, self.layout(unconstrained))
        if kind in FOR_FEW_POINTS:
            return Engine(vector, graphs, check_bounds=self.model.check_bounds, backend="interpreter")
        return Engine(
            vector,
            graphs,
            check_bounds=self.model.check_bounds,
            backend=self.backend,
            compile_kwargs=self.compile_kwargs,
        )

    def _graphs(self, kind: Kind, layout: Layout) -> Graphs:
        if kind in ("natural", "unconstrained", "derived", "natural_jacobian", "derived_jacobian"):
            return self._moved(kind, layout)
        if kind == "fisher":
            values = self._values(layout)
            return values.vector, {"fisher": fisher_graph(values, self.parts.likelihood)}
        if kind == "combination":
            return combination_graph(self._values(layout), len(self.quantity_labels))
        density = self.density(layout.unconstrained)
        if kind == "scores":
            self.refuse_discrete()
            return density.vector, {"scores": jacobian_graph(list(density.rows.values()), density.vector).T}
        if kind in WEIGHTED:
            return self._weighted(kind, density)
        if kind == "unsummed":
            total = sum(row.sum() for row in density.rows.values())
            return density.vector, {**density.rows, **density.priors, TOTAL: total}
        terms = density.rows if kind == "pointwise" else density.terms
        return density.vector, {**terms, LOG_PRIOR: density.prior}

    def _moved(self, kind: Kind, layout: Layout) -> Graphs:
        """Write free variables on the other scale, or Deterministics, or the derivatives of either."""
        derived = kind.startswith("derived")
        write = derived_graphs if derived else unconstrained_graphs if kind == "unconstrained" else natural_graphs
        values = self._values(layout)
        moved, vector = write(values), values.vector
        if kind.endswith("jacobian"):
            return vector, {"jacobian": jacobian_graph(moved, vector)}
        names = [v.name for v in (self.model.deterministics if derived else self.model.free_RVs)]
        return vector, dict(zip(names, moved, strict=True))

    def _values(self, layout: Layout) -> Values:
        return Values(self.model, layout, self.swaps)

    def _weighted(self, kind: Kind, density: Density) -> Graphs:
        """Write derivatives of −2 (log L + w log prior)."""
        self.refuse_discrete()
        value = -2.0 * sum(density.terms.values())
        if self.prior_weight:
            value = value - 2.0 * self._weight * density.prior
        slope = slope_graph(value, density.vector)
        if kind == "hessian":
            return density.vector, {"value": value, "gradient": slope, "hessian": hessian_graph(slope, density.vector)}
        if kind == "hessian_product":
            both, product = hessian_product_graph(slope, density.vector)
            return both, {"product": product}
        return density.vector, {"value": value, "gradient": slope}

    def refuse_discrete(self) -> None:
        """Refuse to differentiate with respect to integers."""
        discrete = [v.name for v in self.variables if v.discrete]
        if discrete and not self._integers_held:
            raise ValueError(
                f"Expected continuous parameters, got the discrete {', '.join(discrete)}: they can be grid axes but "
                "not descended; pymc_extras.marginalize sums them out of the model."
            )

    def with_prior_weight(self, prior_weight: float) -> Compiled:
        """Return the same engines, with derivatives for another weight of the prior."""
        twin = copy(self)
        twin.prior_weight = float(prior_weight)
        return twin

    def with_integers_held(self) -> Compiled:
        """Return the same engines for work that moves no integer: their derivatives are 0."""
        twin = copy(self)
        twin._integers_held = any(v.discrete for v in self.variables)
        return twin

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
