"""What a model looks like now: its parameters, their names and dims, and the dims of what is computed from them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from operator import is_
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
from pytensor.graph.traversal import ancestors

from pymc_landscape._typing import Array, Graph
from pymc_landscape.engine import NO_TRACEBACKS
from pymc_landscape.model import roles
from pymc_landscape.model.distributions import known_shape
from pymc_landscape.model.fingerprint import (
    Fingerprint,
    data_in_use,
    dim_lengths,
    labels_in_words,
    listed,
    structural_changes,
    structure,
)
from pymc_landscape.model.layout import Element, FreeVariable, Layout, find_elements
from pymc_landscape.model.missing_data import without_data
from pymc_landscape.model.possible_effects import possible_effects
from pymc_landscape.numerics import WRITING
from pymc_landscape.results import OF_DRAWS, refuse_doubled_labels, refuse_reserved_names, text_labels

Made = TypeVar("Made")

# An engine knows graphs and not the model, so that a model no longer used takes its engines along.
_SHARED: WeakKeyDictionary[pm.Model, dict[Hashable, Any]] = WeakKeyDictionary()
_NOTHING: Any = object()


class ModelMetadata:
    """A model's variables, their names and dims, read again when it changes; and what is kept of it meanwhile.

    Its data, their shapes, coordinates and Deterministics may change, and are followed. A change of the terms, free
    variables, potentials or transforms is refused, whatever is asked: part of what was made of them is kept elsewhere.

    Parameters
    ----------
    model : pm.Model
        The model; later changes of its data are seen.
    latent : tuple of str
        Names of the free variables that are integrated or summed out: no parameters.
    flat : tuple of str
        Names of those of them that are integrated out over a flat measure, whatever their prior.
    """

    def __init__(self, model: pm.Model, latent: tuple[str, ...] = (), flat: tuple[str, ...] = ()):
        self.model, self.latent, self.flat = model, latent, flat
        self._store = _SHARED.setdefault(model, {})
        self._structures = [(each, structure(each)) for each in (model, roles.with_batches(model)) if each is not None]
        self._seen: tuple[Hashable, object] = None, None
        self._seen_coords: tuple[tuple[Any, ...], Hashable] = (), None

    def __getstate__(self) -> dict[str, Any]:
        """Leave behind what was made of the model in this process."""
        return {**vars(self), "_store": None, "_seen": (None, None), "_seen_coords": ((), None)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._store = _SHARED.setdefault(self.model, {})

    @property
    def variables(self) -> tuple[FreeVariable, ...]:
        """The free variables, read again if the model or the shape of its data has changed."""
        every = self._all_variables
        return tuple(v for v in every if v.name not in self.latent) if self.latent else every

    @property
    def effects(self) -> tuple[FreeVariable, ...]:
        """The free variables that are integrated out."""
        return tuple(v for v in self._latent_variables if not v.discrete)

    @property
    def summed_variables(self) -> tuple[FreeVariable, ...]:
        """The discrete free variables that are summed out."""
        return tuple(v for v in self._latent_variables if v.discrete)

    @property
    def dropped(self) -> tuple[str, ...]:
        """Names of the latent variables on which no data depend: neither integral nor sum, for it is 1."""
        if not self.latent:
            return ()
        names = self.read(("dropped", self.latent), lambda: without_data(self.model, self.latent))
        return tuple(name for name in names if name in self.latent)

    @property
    def _latent_variables(self) -> tuple[FreeVariable, ...]:
        if not self.latent:
            return ()
        dropped = self.dropped
        return tuple(v for v in self._all_variables if v.name in self.latent and v.name not in dropped)

    @property
    def _all_variables(self) -> tuple[FreeVariable, ...]:
        return self.read(("variables", self.labels_now()), lambda: roles.free_variables(self.model))

    @property
    def possible_effects(self) -> tuple[str, ...]:
        """Names of the free variables that may be random effects though their prior depends on nothing."""
        return self.read("possible effects", self._find_possible_effects)

    def _find_possible_effects(self) -> tuple[str, ...]:
        sizes = {v.name: int(np.prod(v.shape)) for v in self._all_variables}
        return possible_effects(self.model, sizes, roles.find_latent(self.model))

    @property
    def elements(self) -> dict[str, Element]:
        """Every label that the model knows, with the element it names."""
        return self.read(("elements", self.latent, self.labels_now()), lambda: find_elements(self.variables))

    @property
    def names(self) -> frozenset[str]:
        """Names of the free variables."""
        return frozenset(rv.name for rv in self.model.free_RVs).difference(self.latent)

    def refuse_names(self) -> None:
        """Refuse names of which results make use themselves, and two elements of one label."""
        self.read(("names", self.latent), self._refuse_names)

    def _refuse_names(self) -> None:
        derived, of_dims = self.model.deterministics, self.model.named_vars_to_dims
        names = [*(v.name for v in self._all_variables), *(d.name for d in derived)]
        dims = [d for v in self._all_variables for d in v.dims]
        dims += [d for v in derived for d in of_dims.get(v.name) or () if d is not None]
        refuse_reserved_names([*names, *dims], OF_DRAWS, "a parameter or a dim")
        refuse_doubled_labels([label for v in self.variables for label in v.labels])

    @property
    def deterministics(self) -> tuple[str, ...]:
        """Names of the Deterministics that are computed from parameters alone."""
        return self.read(("deterministics", self.latent), self._without_effects)

    def _without_effects(self) -> tuple[str, ...]:
        effects = {self.model[name] for name in self.latent}
        every = self.model.deterministics
        return tuple(d.name for d in every if not effects or effects.isdisjoint(ancestors([d])))

    def initial_point(self) -> dict[str, Array]:
        """Return the model's initial point, natural; moved inside the support where PyMC's own is outside."""
        point = self._initial_point()
        return {v.name: point[v.name].copy() for v in self.variables}

    def _initial_point(self) -> dict[str, Array]:
        key = ("initial point", tuple(map(str, self.model.rvs_to_initial_values.values())))
        return self.read(key, self._find_initial_point)

    def _find_initial_point(self) -> dict[str, Array]:
        point = roles.initial_point(self.model)
        return point | {v.name: v.inside(point[v.name]) for v in self._all_variables}

    @property
    def first_effects(self) -> Array:
        """Where a search for the likeliest effects begins (q,): random ones at 0, fixed ones at the initial point."""
        starts = {v.name: np.zeros(int(np.prod(v.value_shape))) for v in self.effects}
        if self.flat:
            point = self._initial_point()
            starts |= {v.name: np.ravel(point[v.name]) for v in self.effects if v.name in self.flat and v.elementwise}
        return np.concatenate([np.zeros(0), *starts.values()])

    def term_dims(self, term: str, size: int) -> tuple[list[str], dict[str, Any], tuple[int, ...]]:
        """Return dims, coords and shape of a term's pointwise log-likelihood, of which there are `size` numbers."""
        shape = self._shape_of(term)
        names = self.model.named_vars_to_dims.get(term) or (None,) * len(shape)
        dims = [name or f"{term}_dim_{i}" for i, name in enumerate(names)]
        own = self._n_density_dims(term, shape, size)
        shape, dims = shape[:own], dims[:own]
        if int(np.prod(shape)) != size:
            shape, dims = (size,), [f"{term}_dim_0"]
        labels = {d: self.model.coords.get(d) for d in dims}
        coords = {d: text_labels(c) for d, c in labels.items() if c is not None}
        return dims, coords, tuple(int(n) for n in shape)

    @property
    def data_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each observed variable."""
        return {rv.name: self._shape_of(rv.name) for rv in self.model.observed_RVs}

    def _n_density_dims(self, name: str, shape: tuple[int, ...], size: int) -> int:
        """Return how many dims of a variable its log density has: a multivariate one is summed over the last."""
        node = self.model[name].owner
        own = len(shape) - (getattr(node.op, "ndim_supp", None) or 0 if node else 0)
        while own > 0 and int(np.prod(shape[:own])) != size:
            own -= 1
        return own

    def _shape_of(self, term: str) -> tuple[int, ...]:
        return self.read(("shape", term), lambda: self._read_shape(term))

    def _read_shape(self, term: str) -> tuple[int, ...]:
        variable = self.model[term]
        return known_shape(self.model.rvs_to_values.get(variable, variable))

    def prior_dims(self, free: FreeVariable, length: int) -> tuple[list[str], dict[str, Any], tuple[int, ...]]:
        """Return dims, coords and shape of the log density of a free variable, of which there are `length` numbers."""
        own = self._n_density_dims(free.name, free.shape, length)
        if int(np.prod(free.shape[:own])) != length:
            return [f"{free.name}_dim_0"], {}, (length,)
        return list(free.dims[:own]), dict(zip(free.dims, free.coords, strict=True)), free.shape[:own]

    def derived_dims(
        self, name: str, size: int, known: Mapping[str, Any] | None = None
    ) -> tuple[list[str], dict[str, Any], tuple[int, ...]]:
        """Return dims, coords and shape of a Deterministic, of which there are `size` numbers.

        `known` are the coordinates of the model, where others are meant than those that it has now.
        """
        static = pt.as_tensor(self.model[name], allow_xtensor_conversion=True).type.shape
        names = self.model.named_vars_to_dims.get(name) or (None,) * len(static)
        dims = [d or f"{name}_dim_{i}" for i, d in enumerate(names)]
        labels = {d: (self.model.coords if known is None else known).get(d) for d in dims}
        coords = {d: text_labels(c) for d, c in labels.items() if c is not None}
        shape = tuple(n or len(coords.get(d, ())) for n, d in zip(static, dims, strict=True))
        if len(dims) > 1 and int(np.prod(shape)) != size:
            return [f"{name}_dim_0"], {}, (size,)
        return dims, coords, shape if len(dims) != 1 else (size,)

    @property
    def n_observations(self) -> int:
        """Number of observations: elements of the observed terms, compositions and count vectors as one each."""
        return self.read("n_observations", lambda: sum(roles.n_rows(self.model, rv) for rv in self.model.observed_RVs))

    def layout(self, unconstrained: frozenset[str] = frozenset()) -> Layout:
        """Return the order of elements in a vector that holds `unconstrained` variables on that scale."""
        key = "layout", self.latent, frozenset(unconstrained), self.labels_now()
        return self.read(key, lambda: Layout(self.variables, unconstrained))

    def read(self, key: Hashable, read: Callable[[], Made]) -> Made:
        """Return what `read` gives, read once for each `key` until the model changes; labels are no part of that.

        Raises
        ------
        ValueError
            If the terms, free variables, potentials or transforms of the model are no longer the same.
        """
        return self.keep((key, self._state()), read)

    def keep(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """Return what `make` gives, made once for each `key` as long as the model lives."""
        made: Made = self._store.get(key, _NOTHING)  # one look-up: this is read a dozen times in a millisecond
        if made is _NOTHING:
            with WRITING, pytensor.config.change_flags(**NO_TRACEBACKS):  # another thread may be at it
                made = self._store.get(key, _NOTHING)
                if made is _NOTHING:
                    made = self._store[key] = make()
        return made

    def fingerprint(self) -> Fingerprint:
        """Return what the model is made of now: the same object as long as nothing changes."""
        key, state = "fingerprint", self._state()
        known, last = cast(tuple[object, Fingerprint | None], self._store.get(key, (None, None)))
        if last is None or known is not state or last.changes(self.model, is_thorough=True):
            last = Fingerprint(self.model, self.read("data in use", lambda: data_in_use(self.model)))
            self._store[key] = state, last
        return last

    def _state(self) -> object:
        """Return what stands for the model as it is now, but for the labels along its dims and what its data are."""
        model = self.model
        transforms = model.rvs_to_transforms
        state = (
            tuple(model.free_RVs),
            tuple(model.observed_RVs),
            tuple(model.potentials),
            tuple(model.deterministics),
            tuple(map(transforms.__getitem__, model.free_RVs)),
            tuple(model.rvs_to_values.values()),
            tuple([d.get_value(borrow=True).shape for d in shared_data(model)]),
            tuple(dim_lengths(model).values()),
            model.check_bounds,
            pytensor.config.floatX,
            tuple([structure(batched) for batched, _ in self._structures[1:]]),
        )
        if state != self._seen[0]:
            self._refuse_changes()
            self._seen = state, self._store.setdefault(("state", state), object())
        return self._seen[1]

    def labels_now(self) -> Hashable:
        """Return what stands for the labels along the model's dims, as they are now."""
        coords = tuple(self.model._coords.values())
        known = self._seen_coords
        if len(coords) != len(known[0]) or not all(map(is_, coords, known[0])):
            words = tuple([(name, labels_in_words(labels)) for name, labels in self.model._coords.items()])
            self._seen_coords = known = coords, self._store.setdefault(("labels", words), object())
        return known[1]

    def _refuse_changes(self) -> None:
        words = [word for model, before in self._structures for word in structural_changes(before, model)]
        if words:
            raise ValueError(
                f"Expected the model as it was when this Objective was made of it, got one in which {listed(words)}: "
                "make another, Objective(model)."
            )


def shared_data(model: pm.Model) -> list[Graph]:
    """Return the model's ``pm.Data``."""
    return [d for d in model.data_vars if hasattr(d, "get_value")]
