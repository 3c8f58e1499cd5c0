"""What is integrated and summed out of a model's likelihood: random effects and discrete variables, and how."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.model import Contents, DataSwaps, EngineFactory, FreeVariable, ModelMetadata, PotentialRoles
from pymc_landscape.model.discrete import TOGETHER, SumOut, Sums
from pymc_landscape.model.latent.automatic_quadrature import Rule, RuleChoice, choose_rule
from pymc_landscape.model.latent.closed_form import GaussianIntegral, gaussian_integral
from pymc_landscape.model.latent.gauss_hermite import Quadrature
from pymc_landscape.model.latent.gauss_kronrod import PanelQuadrature
from pymc_landscape.model.latent.joint_density import Integrand, JointDensity, joint_density
from pymc_landscape.model.latent.laplace import Laplace
from pymc_landscape.model.latent.mixture_integral import StateIntegral, density_by_state
from pymc_landscape.numerics import WRITING, Pattern

# Numba needs long for third derivatives: seconds of interpreting before it is asked.
PATIENCE = 60.0


@dataclass(frozen=True)
class _Seen:
    """What was seen of the data at one time: what was in them, which effects meet, and what explains what is observed.

    Of the last two there is what stands for them.
    """

    contents: tuple[Contents, ...]
    meeting: Hashable
    explanatory: Hashable


class LatentIntegrals:
    """A model's integrals and sums, made when first asked for and shared by all objectives of it.

    Parameters
    ----------
    metadata : ModelMetadata
        Of the model; says what is latent.
    data : DataSwaps
        Its data.
    roles : PotentialRoles
        What its potentials count as.
    factory : EngineFactory
        Makes engines, and keeps what was made.
    quadrature : int, "gauss_kronrod" or "auto"
        Nodes for each random effect; 1 is Laplace's approximation.
    """

    def __init__(
        self,
        metadata: ModelMetadata,
        data: DataSwaps,
        roles: PotentialRoles,
        factory: EngineFactory,
        quadrature: Rule | Literal["auto"],
    ):
        self.metadata, self.data, self.roles, self.factory = metadata, data, roles, factory
        self.quadrature = quadrature
        self._seen: _Seen | None = None
        factory.meeting = self.meeting

    def __getstate__(self) -> dict[str, Any]:
        """Leave behind what was seen of the data in this process."""
        return {**vars(self), "_seen": None}

    @property
    def reference(self) -> Array:
        """The model's initial point as a vector (k,) of natural values."""
        return self.metadata.layout().join(self.metadata.initial_point())

    # --- data --------------------------------------------------------------------------------------------------------

    def meeting(self, *, is_thorough: bool = False) -> Hashable:
        """Return what stands for which effects meet in the data as they are now; None where there are no effects.

        Parameters
        ----------
        is_thorough : bool
            Whether it is looked at what is in data that are the same array as before.
        """
        if not self.metadata.latent:
            return None
        return self._look(is_thorough).meeting

    def _look(self, is_thorough: bool = False) -> _Seen:
        """Return what is known of the data as they are now, looking at them if they are others than before."""
        own, seen = self.data.own(), self._seen
        if seen is not None and len(own) == len(seen.contents):
            pairs = zip(seen.contents, own, strict=True)
            if all((not is_thorough and c.are_of(values)) or c.are(values, False) for c, values in pairs):
                return seen
        explanatory = self.data.explanatory()
        key: Hashable = self._pattern_now().key if self.metadata.effects else None
        if key is not None and self.metadata.summed_variables:  # effects meet in another way in each of their states
            key = key, explanatory
        self._seen = seen = _Seen(tuple(map(Contents, own)), key, explanatory)
        return seen

    def _pattern_now(self) -> Pattern:
        density, known = self._of_any_pattern, self.factory.kept("patterns", list[Pattern], is_for_all_data=True)
        with WRITING:
            self.data.use_data()
            return density.pattern_now(known)

    # --- random effects ----------------------------------------------------------------------------------------------

    @property
    def rule(self) -> Rule:
        """How the effects are integrated out; where it is chosen by itself, by what is right at the initial point."""
        if self.quadrature != "auto":
            return self.quadrature
        if self.metadata.flat:  # they meet all effects
            return 1
        return self.factory.kept(("rule", self._look().explanatory), self._choose_rule)

    def _choose_rule(self) -> Rule:
        self.data.use_data()
        return self.choose_rule(self.reference).rule

    def choose_rule(self, theta: Array) -> RuleChoice:
        """Choose how to integrate by what is right at one θ (k,), natural."""
        if self._quadratic is not None:
            return RuleChoice(1, is_exact=True)
        return choose_rule(self._marginal(1), theta, lambda: self.integral("gauss_kronrod"))

    @property
    def laplace(self) -> Laplace:
        """The integral over the random effects, shared by all kinds and scales."""
        return self.integral(self.rule)

    @property
    def marginal(self) -> Laplace:
        """The integral that is the marginal likelihood: over effects, and discrete variables beside them."""
        return self._marginal(self.rule)

    def integral(self, rule: Rule) -> Laplace:
        """Return the integral over the random effects by a rule; all rules share what is made of the density."""
        laplace = self.factory.kept("laplace", lambda: self._of_any_pattern.of_pattern(self._pattern_now()))
        if rule == 1:
            return laplace
        if rule == "gauss_kronrod":
            return self.factory.kept(("integral", rule), lambda: PanelQuadrature.beside(laplace))
        return self.factory.kept(("integral", rule), lambda: Quadrature.sharing(laplace, rule))

    @property
    def closed_form(self) -> GaussianIntegral | None:
        """The integral as a graph, of effects that are normal given the data, laid no nodes."""
        return self._quadratic if self.rule == 1 else None

    @property
    def _quadratic(self) -> GaussianIntegral | None:
        """The same, whatever the rule."""
        if self.metadata.flat or self.metadata.summed_variables or not self.metadata.effects:
            return None
        return self.factory.kept("closed form", self._closed_form)

    def _closed_form(self) -> GaussianIntegral | None:
        laplace = self.integral(1)
        return gaussian_integral(laplace.density, laplace.n_parameters, laplace.pattern)

    @property
    def _of_any_pattern(self) -> Laplace:
        """The integral, which asks the data of now which effects meet."""
        return self.factory.kept("effects", self._laplace, is_for_all_data=True)

    def _laplace(self) -> Laplace:
        variables, effects = self.metadata.variables, self.metadata.effects
        out = self.sum_out(self.reference)
        density = joint_density(
            self.metadata.model,
            variables,
            effects,
            self.roles,
            self.data.swaps,
            summed=self.summed_names,
            flat=self.metadata.flat,
            marginalize=out.marginalize if out else None,
        )
        return Laplace(self._integrand(density))

    def _integrand(self, density: JointDensity) -> Integrand:
        build = partial(self.factory.engine, patience=PATIENCE)
        return Integrand(
            density,
            self.reference,
            groups_of(self.metadata.effects, self.metadata.flat),
            build,
            self.metadata.first_effects,
        )

    def _marginal(self, rule: Rule) -> Laplace:
        by_state = self.factory.kept("by state", self._state_integral) if self.metadata.summed_variables else None
        if by_state is None or rule == "gauss_kronrod":
            return self.integral(rule)
        return self.factory.kept(("marginal", rule), lambda: by_state.with_nodes(rule))

    def _state_integral(self) -> StateIntegral | None:
        """Return the integral state by state; None unless effects come in blocks with states of their own."""
        variables, effects = self.metadata.variables, self.metadata.effects
        swaps, out = self.data.swaps, cast(SumOut, self.sum_out(self.reference))
        by_state = density_by_state(self.metadata.model, variables, effects, self.roles, swaps, out)
        if by_state is not None:
            density, plan, shared = by_state
            with suppress(ValueError):  # crossed effects have no blocks
                integral = StateIntegral(self._integrand(density), 1, plan, shared)
                if np.isfinite(integral.value(self.reference)[0]):
                    return integral
        return None

    @property
    def term_names(self) -> list[str]:
        """Names of the observed variables, and of the potentials that count as likelihood."""
        return [*(rv.name for rv in self.metadata.model.observed_RVs), *self.roles.likelihood]

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the terms of the log-likelihood; an integral is one term."""
        if self.metadata.effects:
            return (self.joint_term,)
        return self.sums.merged(self.term_names) if self.metadata.summed_variables else tuple(self.term_names)

    @property
    def joint_term(self) -> str:
        """Name of the one term that all are together in an integral."""
        return TOGETHER.join(self.term_names)

    def refuse_latent(self) -> None:
        """Refuse what single observations are needed for, where random effects tie them together."""
        if self.metadata.effects:
            raise ValueError(
                f"Expected a likelihood of single observations, got one in which "
                f"{', '.join(v.name for v in self.metadata.effects)} is integrated out, which ties observations "
                f"together: parametric_bootstrap needs none; Objective(model, latent={self.summed_names!r}) has them, "
                "given values of it."
            )

    # --- discrete variables ------------------------------------------------------------------------------------------

    @property
    def summed_names(self) -> tuple[str, ...]:
        """Names of the discrete variables that are summed out."""
        return tuple(v.name for v in self.metadata.summed_variables)

    @property
    def sums(self) -> Sums:
        """The sums over the discrete variables, shared by all kinds and scales."""
        model, summed = self.metadata.model, self.metadata.summed_variables
        effects = [v.name for v in self.metadata.effects]
        dropped = self.metadata.dropped
        make = partial(Sums, model, summed, effects, self.roles.likelihood, dropped)
        return self.factory.kept("sums", make, is_for_all_data=True)

    def sum_out(self, reference: Array) -> SumOut | None:
        """Return the sums for densities over vectors like `reference`, at which lengths are looked up."""
        if not self.metadata.summed_variables:
            return None
        self.data.use_data()  # which observations belong together is read off them
        n_effects = sum(int(np.prod(v.value_shape)) for v in self.metadata.effects)
        return SumOut(self.sums, np.concatenate([reference, np.zeros(n_effects)]))

    # --- dims --------------------------------------------------------------------------------------------------------

    def term_dims(self, term: str, size: int) -> tuple[list[str], dict[str, Any], tuple[int, ...]]:
        """Return dims, coords and shape of a term's pointwise log-likelihood, of which there are `size` numbers."""
        group = self.sums.named(term) if self.metadata.summed_variables else None
        if group is None or self.metadata.effects:
            return self.metadata.term_dims(term, size)
        by = self.sums.labelled_by(group)
        if by is None:
            return [f"{term}_dim_0"], {}, (size,)
        discrete = next((v for v in self.metadata.summed_variables if v.name == by), None)
        if discrete is None:
            return self.metadata.term_dims(by, size)
        return list(discrete.dims), dict(zip(discrete.dims, discrete.coords, strict=True)), discrete.shape

    def density_dims(self, name: str, length: int | None) -> tuple[list[str], dict[str, Any], tuple[int, ...]]:
        """Return dims, coords and shape of the log density of a term or a free variable: None for a scalar."""
        if length is None:
            return [], {}, ()
        free = next((v for v in self.metadata.variables if v.name == name), None)
        return self.term_dims(name, length) if free is None else self.metadata.prior_dims(free, length)


def groups_of(effects: Sequence[FreeVariable], flat: Sequence[str] = ()) -> NDArray[np.intp]:
    """Guess which elements of the effects belong together: those at one position along their first axes.

    Fixed effects, which are `flat`, meet all: -1.
    """
    if flat:
        fixed = np.repeat([v.name in flat for v in effects], [int(np.prod(v.value_shape)) for v in effects])
        groups = np.full(len(fixed), -1)
        if not fixed.all():
            groups[~fixed] = groups_of([v for v in effects if v.name not in flat])
        return groups
    sizes = [(v.value_shape[0] if v.value_shape else 1, int(np.prod(v.value_shape))) for v in effects]
    alike = len({n for n, _ in sizes}) == 1
    firsts = [0] * len(sizes) if alike else np.cumsum([0, *(n for n, _ in sizes)]).tolist()
    return np.concatenate(
        [f + np.repeat(np.arange(n), size // max(n, 1)) for f, (n, size) in zip(firsts, sizes, strict=False)]
    )
