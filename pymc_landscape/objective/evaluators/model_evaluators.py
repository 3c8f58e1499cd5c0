"""The engines of one model: built when first asked for, shared by all objectives of it, rebuilt when it changes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from copy import copy
from functools import partial
from typing import Any, Literal, cast

import pymc as pm
import pytensor
from numpy.typing import ArrayLike

from pymc_landscape._typing import Array, Graph
from pymc_landscape.engine import (
    DeferredGraphs,
    DerivativeKind,
    DifferenceEngine,
    Engine,
    RewrittenTogether,
    jacobian_by_differences,
    weighted_derivatives,
)
from pymc_landscape.model import (
    DataSwaps,
    Density,
    Differentiated,
    EngineFactory,
    GraphInputs,
    Layout,
    ModelMetadata,
    NoDerivativeError,
    PotentialRoles,
    argument,
    combination_graph,
    hessian_product_graph,
    is_written_out,
    jacobian_graph,
    model_density,
    refuse_second_derivatives,
    refuse_written_out,
)
from pymc_landscape.model.information import fisher_graph
from pymc_landscape.model.latent import LatentIntegrals, MarginalEngine, MarginalKind, Rule
from pymc_landscape.model.reduction import reduced_term
from pymc_landscape.objective.evaluators.closed_forms import closed_form_engine, weight_now
from pymc_landscape.objective.evaluators.derived_quantities import derived_labels, moved_graphs
from pymc_landscape.objective.evaluators.elementwise_transforms import transform_engine
from pymc_landscape.objective.evaluators.engine_kinds import (
    FOR_FEW_POINTS,
    LOG_PRIOR,
    OF_VALUES,
    PENALIZED,
    TOTAL,
    WEIGHTED,
    WITH_HESSIAN,
    Graphs,
    Kind,
)
from pymc_landscape.objective.evaluators.kept_derivatives import rewritten_together, written_when_needed
from pymc_landscape.objective.evaluators.model_data import ModelData


class Evaluators(ModelData):
    """Engines of a model's values and derivatives, by kind and by scale of the flat vector.

    Parameters
    ----------
    model : pm.Model
        The model; later changes of its data are seen.
    roles : PotentialRoles
        What its potentials count as.
    prior_weight : float
        Weight of the log prior in gradients and Hessians.
    backend : str or None
        As in :class:`~pymc_landscape.engine.graph_engine.GraphEngine`.
    compile_kwargs : mapping or None
        As in PyMC.
    latent : tuple of str
        Names of the random effects that are integrated out, and of the discrete variables that are summed out.
    quadrature : int, "gauss_kronrod" or "auto"
        Nodes for each of them; 1 is Laplace's approximation.
    flat : tuple of str
        Names of those of `latent` that are integrated out over a flat measure.

    Attributes
    ----------
    metadata : ModelMetadata
        Names, shapes and dims of the model's variables.
    factory : EngineFactory
        Makes engines, and keeps what was made.
    integrals : LatentIntegrals
        What is integrated and summed out.
    """

    penalty: Literal["firth"] | None = None  # what is added to log L
    in_blocks = False  # whether the data are read in blocks of rows

    def __init__(
        self,
        model: pm.Model,
        roles: PotentialRoles,
        prior_weight: float,
        backend: str | None,
        compile_kwargs: Mapping[str, Any] | None,
        *,
        latent: tuple[str, ...] = (),
        quadrature: Rule | Literal["auto"] = "auto",
        flat: tuple[str, ...] = (),
    ):
        self.metadata, self.roles, self.quadrature = ModelMetadata(model, latent, flat), roles, quadrature
        self.prior_weight, self._integers_fixed = prior_weight, False
        self._connect(DataSwaps(self.metadata), backend, compile_kwargs)

    def _connect(self, data: DataSwaps, backend: str | None, compile_kwargs: Mapping[str, Any] | None) -> None:
        self._data, key = data, (self.roles, self.metadata.latent, self.metadata.flat)
        self.factory = EngineFactory(self.metadata, data, backend, compile_kwargs, key)
        self.integrals = LatentIntegrals(self.metadata, data, self.roles, self.factory, self.quadrature)

    @property
    def model(self) -> pm.Model:
        """The model."""
        return self.metadata.model

    @property
    def quantity_labels(self) -> tuple[str, ...]:
        """Labels of all that has a value at a point: elements of the free variables, natural, and of Deterministics."""
        natural = [label for v in self.metadata.variables for label in v.labels]
        key = "quantities", self.metadata.latent, self.metadata.labels_now()
        return self.metadata.read(key, lambda: (*natural, *derived_labels(self.metadata, self.engine)))

    # --- engines -----------------------------------------------------------------------------------------------------

    def engine(self, kind: Kind, unconstrained: frozenset[str] = frozenset()) -> Engine:
        """Return an engine, and leave it with this model's data.

        Parameters
        ----------
        kind : str
            As in :mod:`~pymc_landscape.objective.evaluators.engine_kinds`.
        unconstrained : frozenset of str
            Names of the free variables that stand in the vector on their unconstrained scale.
        """
        is_integral = kind in ("density", *WEIGHTED) and self.integrals.meeting(is_thorough=True) is not None
        key, build = self._key(kind, unconstrained), partial(self._build, kind, unconstrained)
        engine = self.factory.kept(key, build, is_for_all_data=not is_integral)
        self.use_data()
        return engine

    def _key(self, kind: Kind, unconstrained: frozenset[str]) -> Hashable:
        rule = self.integrals.rule if self.metadata.effects and kind in ("density", *WEIGHTED) else None
        weight, penalty = self._weight if kind in WEIGHTED else 0.0, self.penalty if kind in PENALIZED else None
        return kind, unconstrained, weight, penalty, self._integers_fixed, rule

    @property
    def _weight(self) -> float | Graph:
        """Weight of the log prior in graphs: 0, 1, or for all others one variable, so that none needs a compile."""
        if self.prior_weight in (0.0, 1.0):
            return self.prior_weight
        return self.metadata.keep(
            "prior weight", lambda: argument(pytensor.shared(self.prior_weight, name="prior_weight"))
        )

    def use_data(self) -> None:
        """Leave the engines with these data and this weight of the prior, in this thread: others share them."""
        self._data.use_data()
        if not isinstance(weight := self._weight, float):
            weight.set_value(self.prior_weight)

    def _build(self, kind: Kind, unconstrained: frozenset[str]) -> Engine:
        if self.metadata.effects and kind in ("density", *WEIGHTED):
            return self._marginal(cast(MarginalKind, kind), unconstrained)
        try:
            return self._of_graphs(kind, unconstrained)
        except NoDerivativeError:
            return self._by_differences(kind, unconstrained)

    def _of_graphs(self, kind: Kind, unconstrained: frozenset[str]) -> Engine:
        layout = self.metadata.layout(unconstrained)
        if (in_closed_form := transform_engine(self.model, kind, layout)) is not None:
            return in_closed_form
        if kind not in WITH_HESSIAN:
            return self._made(kind, *self._graphs(kind, layout))
        density = self.density(unconstrained)
        summands, write = self.summands(density, layout), lambda: self._graphs(kind, layout)[1]
        together = partial(rewritten_together, density, summands, self._weight)
        shared = self.factory.kept(("in one", self._key("hessian", unconstrained)), together)
        beside = DeferredGraphs((*summands, LOG_PRIOR), lambda: self._beside(layout))
        graphs = written_when_needed(kind, shared, density.vector, write, beside, self.model.check_bounds)
        return self._made(kind, density.vector, graphs, shared)

    def _beside(self, layout: Layout) -> dict[str, Graph]:
        """Return the graphs of the density that are rewritten together with its derivatives."""
        return self._differentiated(self.density(layout.unconstrained), layout).beside

    def _made(self, kind: Kind, vector: Graph, graphs: Mapping[str, Graph], *shared: RewrittenTogether) -> Engine:
        make = self.factory.for_few_points if kind in FOR_FEW_POINTS else self.factory.engine
        of_values = () if isinstance(graphs, DeferredGraphs) else graphs  # of what is written out, no Hessian is kept
        values = [graphs[name] for name in of_values if kind in OF_VALUES or name == "value"]
        return make(vector, graphs, written_out=is_written_out(values), shared=shared[0] if shared else None)

    def _by_differences(self, kind: Kind, unconstrained: frozenset[str]) -> Engine:
        """Return derivatives that an Op of the model does not have, as differences of those it has, or of values."""
        layout = self.metadata.layout(unconstrained)
        engine = partial(self.engine, unconstrained=unconstrained)
        if kind in WEIGHTED:
            return weighted_derivatives(cast(DerivativeKind, kind), engine, layout.size, weight_now(self._weight))
        if kind == "scores" or kind == "natural_jacobian" or kind == "derived_jacobian":
            return jacobian_by_differences(kind, engine)
        try:
            return DifferenceEngine("hessian", self._made(kind, *self._combination(layout, 1)), layout.size)
        except NoDerivativeError:
            values = self._made(kind, *self._combination(layout, 0))
            return DifferenceEngine("hessian", values, layout.size, lambda outputs: outputs[0])

    def _combination(self, layout: Layout, order: int = 2) -> Graphs:
        return combination_graph(self._values(layout), self.metadata.deterministics, len(self.quantity_labels), order)

    @property
    def has_gradient(self) -> bool:
        """Whether the model itself gives a gradient; otherwise it is made of differences of values."""
        return not isinstance(self.engine("gradient", self.metadata.names), DifferenceEngine)

    @property
    def has_hessian(self) -> bool:
        """Whether the model itself gives Hessians; otherwise each is made of many gradients, as those of integrals."""
        return not (self.metadata.effects or isinstance(self.engine("hessian", self.metadata.names), DifferenceEngine))

    def _marginal(self, kind: MarginalKind, unconstrained: frozenset[str]) -> Engine:
        if kind in WEIGHTED:
            self.refuse_discrete()
        term, values = self.integrals.joint_term, self._values(self.metadata.layout(unconstrained))
        if closed := self.integrals.closed_form:
            return closed_form_engine(kind, closed, self.factory, term, values, self._weight)
        natural = self.engine("natural", unconstrained) if unconstrained else None
        jacobian = self.engine("natural_jacobian", unconstrained) if unconstrained and kind in WEIGHTED else None
        size, weight = values.layout.size, weight_now(self._weight)
        return MarginalEngine(kind, term, self.integrals.marginal, size, natural, jacobian, weight)

    def _graphs(self, kind: Kind, layout: Layout) -> Graphs:
        if kind in ("natural", "unconstrained", "derived", "natural_jacobian", "derived_jacobian"):
            return moved_graphs(kind, self._values(layout), self.metadata)
        if kind == "fisher":
            self.integrals.refuse_latent()
            if self.metadata.summed_variables:
                self.integrals.sums.refuse_known_information()
            return (values := self._values(layout)).vector, {"fisher": fisher_graph(values, self.roles.likelihood)}
        if kind == "combination":
            return self._combination(layout)
        density = self.density(layout.unconstrained)
        if kind == "scores":
            self.refuse_discrete()
            if self.metadata.summed_variables:
                self.integrals.sums.refuse_one_row()
            refuse_written_out(list(density.terms.values()))
            return density.vector, {"scores": jacobian_graph(list(density.rows.values()), density.vector).T}
        if kind in WEIGHTED:
            return self._weighted(kind, density, layout)
        if kind == "unsummed":
            total = sum(row.sum() for row in density.rows.values())
            return density.vector, {**density.rows, **density.priors, TOTAL: total}
        terms = density.rows if kind == "pointwise" else {**self.summands(density, layout), **density.numbers}
        return density.vector, {**terms, LOG_PRIOR: density.prior}

    def density(self, unconstrained: frozenset[str]) -> Density:
        """Return the graphs of the density, on these data."""
        return self.factory.kept(("density", unconstrained, self.in_blocks), lambda: self._write_density(unconstrained))

    def _write_density(self, unconstrained: frozenset[str]) -> Density:
        self.integrals.refuse_latent()
        summed = bool(self.metadata.summed_variables)
        out = self.integrals.sum_out(self._reference(unconstrained)) if summed else None
        return model_density(
            self.model,
            self.metadata.layout(unconstrained),
            self.roles,
            self._data.swaps,
            summed=self.integrals.summed_names,
            marginalize=out.marginalize if out else None,
            reduce_rows=None if summed or self.in_blocks else reduced_term,
        )

    def _reference(self, unconstrained: frozenset[str]) -> Array:
        """Return the model's initial point as a vector of a layout."""
        point = self.metadata.initial_point()
        if unconstrained:
            moved = self.engine("unconstrained").one(self.metadata.layout().join(point))
            pairs = zip(self.metadata.variables, moved, strict=True)
            point |= {v.name: value for v, value in pairs if v.name in unconstrained}
        return self.metadata.layout(unconstrained).join(point)

    def _values(self, layout: Layout) -> GraphInputs:
        return GraphInputs(self.model, layout, self._data.swaps)

    def summands(self, density: Density, layout: Layout) -> dict[str, Graph]:
        """Return what log L is the sum of, by name: its terms."""
        return density.terms

    def _weighted(self, kind: Kind, density: Density, layout: Layout) -> Graphs:
        """Write derivatives of −2 (log L + w log prior)."""
        self.refuse_discrete()
        derived = self._differentiated(density, layout)
        if kind == "hessian_product":
            refuse_second_derivatives([derived.value], derived.gradient, density.vector)
            both, product = hessian_product_graph(derived.gradient, density.vector)
            return both, {"product": product}
        more = {"hessian": derived.hessian()} if kind == "hessian" else {}
        return density.vector, {"value": derived.value, "gradient": derived.gradient, **more}

    def _differentiated(self, density: Density, layout: Layout) -> Differentiated:
        def write() -> Differentiated:
            summands = self.summands(density, layout)
            value = -2.0 * sum(summands.values())
            value = value - 2.0 * self._weight * density.prior if self.prior_weight else value
            return Differentiated(value, {**summands, LOG_PRIOR: density.prior}, density.vector)

        return self.factory.kept(("differentiated", self._key("gradient", layout.unconstrained)), write)

    def refuse_unsummable(self) -> None:
        """Refuse discrete variables that cannot be summed out, before anything is asked of them."""
        if self.metadata.summed_variables:
            make = (lambda: self.integrals.laplace) if self.metadata.effects else (lambda: self.density(frozenset()))
            self.factory.kept("sums are possible", lambda: bool(make()))

    def interpreted(self) -> Evaluators:
        """Return the same with engines that interpret, unless a backend was asked for."""
        twin = copy(self)
        twin._connect(self._data, self.factory.backend or "interpreter", self.factory.compile_kwargs)
        return twin

    def with_data(self, data: Mapping[str, ArrayLike]) -> Evaluators:
        """Return the same engines with other values for observed variables or ``pm.Data``."""
        twin = copy(self)
        twin._connect(self._data.with_data(data), self.factory.backend, self.factory.compile_kwargs)
        return twin

    def with_quadrature(self, quadrature: Rule) -> Evaluators:
        """Return the same engines with another rule of integration."""
        twin = copy(self)
        twin.quadrature, twin.integrals = quadrature, copy(self.integrals)
        twin.integrals.quadrature = quadrature
        return twin

    def with_prior_weight(self, prior_weight: float) -> Evaluators:
        """Return the same engines, with derivatives for another weight of the prior."""
        twin = copy(self)
        twin.prior_weight = float(prior_weight)
        return twin

    def with_integers_fixed(self) -> Evaluators:
        """Return the same engines for work that moves no integer: their derivatives are 0."""
        twin = copy(self)
        twin._integers_fixed = any(v.discrete for v in self.metadata.variables)
        return twin
