"""The engines of a model whose likelihood is penalised by its information (Firth 1993, *Biometrika* 80, 27-38)."""

from __future__ import annotations

from typing import Literal, Self, override

import numpy as np
from pytensor.graph.replace import graph_replace

from pymc_landscape._typing import Array, Graph
from pymc_landscape.model import Density, GraphInputs, Layout, refuse_second_derivatives
from pymc_landscape.model.information import has_known_information, penalty_graph, undetermined, without_log_det_op
from pymc_landscape.numerics import name_direction
from pymc_landscape.objective.evaluators.engine_kinds import LOG_PENALTY, PENALIZED, Graphs, Kind
from pymc_landscape.objective.evaluators.model_evaluators import Evaluators

FIRTH: Literal["firth"] = "firth"

# Points at which an information that is singular at the initial point is looked at again, and their spread.
MORE_POINTS, SPREAD, SEED = 3, 0.5, 1


class PenalizedEvaluators(Evaluators):
    """Engines of log L + ½ log det I, I the expected information.

    The density has an output more, ``log_penalty``; derivatives are those of the sum.
    """

    @classmethod
    def of(cls, evaluators: Evaluators) -> Self:
        """Return the engines of the penalised likelihood; those of all else are shared.

        Raises
        ------
        ValueError
            If something is integrated or summed out, the information is not known in closed form, or it is singular.
        """
        evaluators.refuse_row_blocks("a penalty")
        _refuse_latent(evaluators)
        evaluators.refuse_discrete()
        twin = cls.__new__(cls)
        vars(twin).update(vars(evaluators), penalty=FIRTH)
        twin._penalty(twin.metadata.names)
        twin._refuse_singular()
        return twin

    def plain(self) -> Evaluators:
        """Return the engines of the likelihood alone."""
        twin = Evaluators.__new__(Evaluators)
        vars(twin).update(vars(self), penalty=None)
        return twin

    @override
    def summands(self, density: Density, layout: Layout) -> dict[str, Graph]:
        values, penalty = self._penalty(layout.unconstrained)
        moved = graph_replace([penalty], [(values.vector, density.vector)], strict=False)[0]
        return {**density.terms, LOG_PENALTY: moved}

    @override
    def _weighted(self, kind: Kind, density: Density, layout: Layout) -> Graphs:
        values, penalty = self._penalty(layout.unconstrained)
        refuse_second_derivatives(list(density.terms.values()), penalty, values.vector)  # it is made of first ones
        return super()._weighted(kind, density, layout)

    @override
    def _graphs(self, kind: Kind, layout: Layout) -> Graphs:
        vector, graphs = super()._graphs(kind, layout)
        return vector, without_log_det_op(graphs) if kind in PENALIZED else graphs

    @override
    def _beside(self, layout: Layout) -> dict[str, Graph]:
        return without_log_det_op(super()._beside(layout))

    def _penalty(self, unconstrained: frozenset[str]) -> tuple[GraphInputs, Graph]:
        return self.factory.kept(("penalty", unconstrained), lambda: self._write_penalty(unconstrained))

    def _write_penalty(self, unconstrained: frozenset[str]) -> tuple[GraphInputs, Graph]:
        values = self._values(self.metadata.layout(unconstrained))
        return values, penalty_graph(values, self.roles.likelihood)

    def _refuse_singular(self) -> None:
        """Refuse parameters that the data do not determine: an information that is singular wherever one looks."""
        layout = self.metadata.layout(self.metadata.names)
        engine, natural = self.engine("fisher", self.metadata.names), self.metadata.initial_point()
        moved = self.engine("unconstrained").one(self.metadata.layout().join(natural))
        start = np.concatenate([np.ravel(value) for value in moved])
        shifts = SPREAD * np.random.default_rng(SEED).standard_normal((MORE_POINTS, layout.size))
        direction: Array | None = None
        for shift in (np.zeros(layout.size), *shifts):
            direction = undetermined(engine.one(start + shift)[0].reshape(layout.size, layout.size))
            if direction is None:
                return
        assert direction is not None
        raise ValueError(
            "Expected parameters that the data determine, got a singular Fisher information along "
            f"{name_direction(direction, layout.labels)}: Firth's penalty is −∞ everywhere; leave a parameter out."
        )


def knows_information(evaluators: Evaluators) -> bool:
    """Whether the Fisher information of all terms is known in closed form, so that Firth's penalty can be had."""
    metadata = evaluators.metadata
    if (
        evaluators.in_blocks
        or metadata.effects
        or metadata.summed_variables
        or any(v.discrete for v in metadata.variables)
    ):
        return False
    values = GraphInputs(evaluators.model, metadata.layout(), evaluators.data.swaps)
    known = lambda: has_known_information(values, evaluators.roles.likelihood)  # noqa: E731
    return evaluators.factory.kept("known information", known)


def _refuse_latent(evaluators: Evaluators) -> None:
    latent = [v.name for v in (*evaluators.metadata.effects, *evaluators.metadata.summed_variables)]
    if latent:
        raise ValueError(
            f"Expected a model in which nothing is integrated or summed out, got {', '.join(latent)}: the Fisher "
            "information of its marginal likelihood is not known; leave penalty out, or use a prior (fit_map)."
        )
