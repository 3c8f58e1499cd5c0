"""A model seen from its likelihood: −2 log L, its terms, its gradient and Hessian, and the names of its parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any, Literal

import numpy as np
import pymc as pm
from numpy.typing import ArrayLike

from pymc_landscape._typing import Array, Graph, ModelLike
from pymc_landscape.arguments import checked_choice, checked_names
from pymc_landscape.engine import checked_backend, checked_compile_kwargs
from pymc_landscape.model import (
    PotentialRole,
    PotentialRoles,
    check_model,
    find_latent,
    on_all_data,
    refuse_missing_densities,
    resolve_latent,
    roles_of_potentials,
)
from pymc_landscape.model.latent import Rule, checked_rule
from pymc_landscape.objective.evaluators import (
    FIRTH,
    Evaluators,
    FixedEffects,
    PenalizedEvaluators,
    Restricted,
    RowBlockEvaluators,
    find_fixed_effects,
    knows_information,
    row_blocks,
)
from pymc_landscape.objective.holders import PortableModel, bambi_terms, group_terms, pymc_model
from pymc_landscape.objective.objective_html import objective_html
from pymc_landscape.objective.objective_values import ObjectiveValues, PassCount, checked_weight
from pymc_landscape.objective.parameters import Parameters


class Objective(PortableModel, Parameters, ObjectiveValues):
    """The likelihood side of a PyMC model, compiled once and used everywhere.

    Every verb takes a ``pm.Model``, an ``Objective`` or a ``Fit``. Make an objective yourself to choose what is
    integrated out, what a potential counts as, a backend, or other data; what was compiled for a model is shared by
    all objectives of it in any case.

    Parameters
    ----------
    model : pm.Model or what holds one, optional
        The model, or a built model of bambi, pymc-marketing or CausalPy: any object whose ``model`` or
        ``backend.model`` is a ``pm.Model``. Left out, that of the surrounding ``with`` block.
    latent : "auto", str, or sequence of str
        Free variables that are no parameters: random effects, to be integrated out of the likelihood, and discrete
        variables, to be summed out of it, exactly. ``"auto"`` takes every continuous one whose prior depends on another
        (a centred effect) and the group-specific terms of a bambi model, and says so once; other non-centred ones and
        discrete ones are named here, and then exactly those named are taken. What no data depend on (a missing
        observation that PyMC imputes, a prediction) drops out with either. With ``()`` the likelihood is conditional on
        all, and they are parameters like any other.
    quadrature : "auto", int, or "gauss_kronrod"
        Nodes for each effect in adaptive Gauss–Hermite quadrature, for small independent blocks; 1 is Laplace's
        approximation. ``"gauss_kronrod"``: panels, for independent effects with corners and tails of any kind.
        ``"auto"``: 1 where that is exact (joint log density quadratic in the effects) or blocks are large; else as few
        nodes as −2LL needs at the initial point, or panels. A fit looks again at its estimate.
    restricted : "auto", str, or sequence of str
        Fixed effects, integrated out over a flat measure, in which their priors play no part: the restricted likelihood
        (REML) of the other parameters. ``"auto"`` takes every parameter that can be any real number and in which, with
        the random effects, the log density is quadratic, and says so once; other names are Laplace's approximation.
    potentials : {"likelihood", "prior"}, optional
        What ``pm.Potential`` terms count as. Needed where a model has observed variables too. One that ties discrete
        variables which are summed out is always part of the likelihood.
    prior_weight : float
        Weight w of the log prior in `value`: −2 (log L + w log prior). 0 is the likelihood, 1 the posterior.
    backend : {"numba", "jax", "c", "interpreter"}, optional
        How to evaluate; None chooses by the size of the work.
    compile_kwargs : dict, optional
        As in PyMC; a ``mode`` in it is used as it is.

    Attributes
    ----------
    terms : tuple of str
        Names of the terms of the log-likelihood.
    latent : tuple of str
        Names of what is integrated or summed out over its own distribution, or drops out.
    summed : tuple of str
        Names of those of `latent` that are discrete.
    conditional : tuple of str
        Names of those whose prior depends on other free variables and that are not: parameters of a joint fit.

    Raises
    ------
    ValueError
        If a parameter has a name of which results make use (``status``, ``draw``), or two elements have one label; if
        the model has no free variable, no data, or potentials whose part was not said; if a variable has no log
        density (``pm.Simulator``); if `latent` names what is no free variable, or a discrete one that cannot be summed
        out; if there are no fixed effects for `restricted`, or the data do not determine them; if there is no such
        `backend`.

    Examples
    --------
    >>> import pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     p = pm.Beta("p", 1, 1)
    ...     y = pm.Binomial("y", n=10, p=p, observed=7)
    >>> objective = pml.Objective(model)
    >>> theta = objective.pack({"p": 0.7})
    >>> round(float(objective.minus2ll(theta)), 4)
    2.6423
    """

    def __init__(
        self,
        model: ModelLike | None = None,
        *,
        latent: Literal["auto"] | str | Sequence[str] = "auto",
        quadrature: Rule | Literal["auto"] = "auto",
        restricted: Restricted = (),
        potentials: PotentialRole | None = None,
        prior_weight: float = 0.0,
        backend: str | None = None,
        compile_kwargs: Mapping[str, Any] | None = None,
    ):
        if isinstance(model, Objective):
            raise TypeError(
                "Expected a pm.Model or what holds one, got an Objective: it is one already, and an Objective or a Fit "
                "of other choices is made from its model."
            )
        self.model: pm.Model = on_all_data(pymc_model(model))
        check_model(self.model)
        self.latent, self.bambi_terms = resolve_latent(self.model, latent, group_terms(model)), bambi_terms(model)
        roles = roles_of_potentials(self.model, potentials, self.latent)
        self.potentials: PotentialRole | None = potentials
        self.prior_weight, self.quadrature = checked_weight(prior_weight), checked_rule(quadrature)
        options = self.model, roles, self.prior_weight, checked_backend(backend), checked_compile_kwargs(compile_kwargs)
        self.evaluators = Evaluators(*options, latent=self.latent, quadrature=self.quadrature)
        self.fixed_effects, self.passes = FixedEffects(), PassCount()
        if checked_names("restricted", restricted, of="parameters", empty=True):
            self.evaluators, self.fixed_effects = find_fixed_effects(self.evaluators, restricted)
        dropped = self.evaluators.metadata.dropped
        self.evaluators.metadata.read(("densities", dropped), lambda: refuse_missing_densities(self.model, dropped))
        self.summed = tuple(v.name for v in self.evaluators.metadata.summed_variables)
        others = find_latent(self.model, without=self.summed)
        self.conditional = tuple(name for name in others if name not in self.latent + self.restricted)
        self.chooses_quadrature = self.is_integral and self.quadrature == "auto"
        self.terms = self.evaluators.integrals.terms
        self.evaluators.metadata.refuse_names()
        self.evaluators.refuse_unsummable()

    def __repr__(self) -> str:
        """Name the terms and the parameters."""
        return f"Objective({', '.join(self.terms)} | {', '.join(v.name for v in self.variables)})"

    def _repr_html_(self) -> str:
        return objective_html(self)

    @property
    def perhaps_latent(self) -> tuple[str, ...]:
        """Names of parameters that may be random effects: what a parameter scales, or what neighbours are alike in."""
        return tuple(name for name in self.evaluators.metadata.possible_effects if name in self.names)

    @property
    def restricted(self) -> tuple[str, ...]:
        """Names of the fixed effects that are integrated out over a flat measure (REML)."""
        return self.fixed_effects.names

    @property
    def is_integral(self) -> bool:
        """Whether random effects are integrated out: a Hessian is made of differences of exact gradients then."""
        return bool(self.evaluators.metadata.effects)

    @property
    def potential_roles(self) -> PotentialRoles:
        """The model's potentials by what they count as."""
        return self.evaluators.roles

    @property
    def term_names(self) -> list[str]:
        """Names of the observed variables, and of the potentials that count as likelihood."""
        return self.evaluators.integrals.term_names

    @property
    def swaps(self) -> dict[Graph, Graph]:
        """Data of the model that `with_data` has replaced, with the containers that stand for them in its graphs."""
        return self.evaluators.data.swaps

    @property
    def origin(self) -> dict[str, str | int | float]:
        """What every result says of the model: its name, what is latent or restricted, and how that was integrated."""
        name: dict[str, str | int | float] = {"model_name": self.model.name}
        out = {"latent": self.latent, "restricted": self.restricted}
        name |= {role: ", ".join(names) for role, names in out.items() if names}
        name |= {"penalty": self.penalty} if self.penalty else {}
        return name | {"quadrature": self.evaluators.integrals.rule} if self.is_integral else name

    def reduced_terms(self, unconstrained: frozenset[str] = frozenset()) -> dict[str, str]:
        """Return how terms are summed over fewer rows than they have, in words, by name.

        `unconstrained` names the free variables that stand in the vector on their unconstrained scale.
        """
        return {} if self.is_integral else self.evaluators.density(unconstrained).reduced

    @property
    def n_observations(self) -> int:
        """Number of observed elements; of a multivariate term, of its vectors. Potentials do not count."""
        return self.evaluators.n_observations

    def value_and_gradient_function(
        self, natural: frozenset[str] = frozenset()
    ) -> Callable[[Array], tuple[float, Array]]:
        """Return a function of one vector (k,) that gives `value` and its gradient, with little overhead.

        The vector is `theta`, but for the variables named `natural`, which stand in it on their natural scale. Where
        the model itself raises, the function gives (inf, NaN): what an optimiser makes of that is to step back.
        """
        evaluators = self.evaluators
        engine = evaluators.engine("gradient", evaluators.metadata.names - natural)

        def value_and_gradient(vector: Array) -> tuple[float, Array]:
            evaluators.use_data()  # another objective of the model may have worked meanwhile
            self.passes.n += 1
            try:
                value, gradient = engine.one(vector)
            except (ArithmeticError, AssertionError, IndexError, ValueError):
                return np.inf, np.full(len(vector), np.nan)
            return float(value), gradient

        return value_and_gradient

    def term_dims(self, term: str, size: int) -> tuple[list[str], dict[str, Any], tuple[int, ...]]:
        """Return dims, coords and shape of a term's pointwise log-likelihood, of which there are `size` numbers."""
        return self.evaluators.integrals.term_dims(term, size)

    def refuse_discrete(self) -> None:
        """Refuse to differentiate with respect to integers."""
        self.evaluators.refuse_discrete()

    def interpreted(self) -> Objective:
        """Return the same objective, with nothing compiled unless a backend was asked for."""
        return self._twin(self.evaluators.interpreted())

    def with_quadrature(self, quadrature: Rule) -> Objective:
        """Return the same objective with another rule of integration; what was compiled for the model serves both."""
        checked_rule(quadrature)
        twin = self._twin(self.evaluators.with_quadrature(quadrature))
        twin.quadrature = quadrature
        return twin

    @property
    def penalty(self) -> Literal["firth"] | None:
        """``"firth"`` where `value` has ½ log det I beside log L; else None."""
        return self.evaluators.penalty

    @property
    def can_be_penalized(self) -> bool:
        """Whether the Fisher information is known in closed form, so that `with_penalty` can be had."""
        return knows_information(self.evaluators)

    def with_penalty(self, penalty: Literal["firth"] | None) -> Objective:
        """Return the same objective with a penalised likelihood in `value`: −2 (log L + ½ log det I).

        I is the expected information of the data (Firth 1993), taken on the natural values of the parameters; of those
        that start at 0 on their logs, of those between 0 and 1 on their log odds, of those that sum to 1 on their log
        ratios. All that is made of `value` is penalised: fits, profiles, intervals, regions, landscapes. A parameter
        that a profile fixes stays in I.

        Parameters
        ----------
        penalty : {"firth"} or None
            Which; None takes it away.

        Returns
        -------
        Objective
            It takes the same `theta`; `log_likelihood` and `minus2ll` are without the penalty, which is `log_penalty`.

        Raises
        ------
        ValueError
            If the prior takes part, something is integrated or summed out, a parameter is discrete, or the Fisher
            information is not known in closed form, or singular.

        Notes
        -----
        The penalty is Jeffreys' prior, and removes the bias of first order of canonical parameters (Firth 1993,
        *Biometrika* 80, 27-38); with separated data the maximum is finite (Heinze & Schemper 2002, *Statistics in
        Medicine* 21, 2409-2419; Kosmidis & Firth 2021, *Biometrika* 108, 71-82).
        """
        if penalty is not None:
            checked_choice("penalty", penalty, (FIRTH,), advice="None takes it away.")
        if penalty == self.penalty:
            return self
        if isinstance(self.evaluators, PenalizedEvaluators):
            return self._twin(self.evaluators.plain())
        if self.prior_weight:
            raise ValueError("Expected a likelihood to penalise, got one with a prior: leave prior_weight at 0.")
        return self._twin(PenalizedEvaluators.of(self.evaluators))

    def with_prior_weight(self, prior_weight: float) -> Objective:
        """Return the same objective with another weight of the log prior in `value`."""
        prior_weight = checked_weight(prior_weight)
        if self.penalty and prior_weight:
            raise ValueError(
                "Expected one of a prior and a penalty, got both: Firth's penalty is a prior of its own (Jeffreys'); "
                "fit_mle takes a penalised objective, fit_map and what weighs the prior one without a penalty."
            )
        self.fixed_effects.refuse_prior(prior_weight)
        twin = self._twin(self.evaluators.with_prior_weight(prior_weight))
        twin.prior_weight = prior_weight
        return twin

    def with_fixed_effects(self, names: Sequence[str]) -> Objective:
        """Return the same objective with these fixed effects integrated out too, by Laplace's approximation."""
        twin = self.with_quadrature(1)
        if checked_names("names", names, of="parameters", empty=True):
            twin.evaluators, twin.fixed_effects = find_fixed_effects(twin.evaluators, names, is_told=False)
        return twin

    def with_chosen_quadrature(self) -> Objective:
        """Return the same objective with the rule that ``quadrature="auto"`` has chosen, which fits may change."""
        return self.with_quadrature(self.evaluators.integrals.rule) if self.chooses_quadrature else self

    def with_integers_fixed(self) -> Objective:
        """Return the same objective with derivatives also where parameters are discrete: 0 along them."""
        return self._twin(self.evaluators.with_integers_fixed())

    def with_data(self, **data: ArrayLike) -> Objective:
        """Return the same objective with other data, with no new compile after the first time.

        The model itself is left alone, and so is this objective.

        Parameters
        ----------
        **data : array_like
            New values by name of an observed variable or of ``pm.Data``, each of the shape that it replaces.

        Returns
        -------
        Objective
            It takes the same `theta`.

        Raises
        ------
        ValueError
            If a name is not data of the model, or the shape is another.
        """
        return self._twin(self.evaluators.with_data(data))

    def with_rows(self, data: Any) -> Objective:
        """Return the same objective on other rows, read in blocks: ``sum_over_blocks`` says what they may be."""
        self.evaluators.refuse_row_blocks("other rows")
        rows = row_blocks(self.evaluators.data.value, data)
        return self._twin(RowBlockEvaluators.of(self.evaluators, rows))

    def _twin(self, evaluators: Evaluators) -> Objective:
        twin = copy(self)
        twin.evaluators = evaluators
        return twin
