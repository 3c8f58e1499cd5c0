"""What is latent given a point of the parameters: the likeliest random effects, and the probabilities of states.

Random effects come back on their natural scale, with the standard deviations that they have around the likeliest ones.
Discrete variables come back in the states that are likeliest given the parameters and the data, all that depend on each
other together: of a hidden Markov chain, Viterbi's path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import pytensor.tensor as pt
import scipy
import xarray as xr
from numpy.typing import NDArray

from pymc_landscape._typing import Array, Graph, Point
from pymc_landscape.engine import Engine, without_named_dims
from pymc_landscape.model import (
    FreeVariable,
    GraphInputs,
    discrete_values,
    gradient_graph,
    in_one_vector,
    write_log_densities,
)
from pymc_landscape.model.discrete import ConfigurationPlan, EliminatedSum, Sum, SumOut
from pymc_landscape.model.elimination import element_probabilities, likeliest_states
from pymc_landscape.model.latent import (
    Laplace,
    LatentValues,
    Mode,
    StateIntegral,
    write_joint_log_densities,
)
from pymc_landscape.objective.objective import Objective
from pymc_landscape.results import array_dataset


def conditional_modes(objective: Objective, point: Point, attrs: Mapping[str, Any]) -> xr.Dataset:
    """Return the random effects at their likeliest, given parameters, and the states of discrete variables.

    Parameters
    ----------
    objective : Objective
        With random effects that are integrated out, or discrete variables that are summed out; without any, the
        Dataset is empty.
    point : mapping of str to array_like
        The parameters on their natural scale.
    attrs : mapping
        Attributes of the Dataset.

    Returns
    -------
    Dataset
        Variables ``name`` and ``name_se`` for each effect, with the model's dims; for each discrete variable ``name``,
        its states in the likeliest of all configurations (the path of a hidden Markov chain), and
        ``name_probability``, the probability of each state of each element given all data (smoothed), with a dim
        ``name_state`` more. NaN where there is no mode.
    """
    evaluators = objective.evaluators
    objective.use_data()
    theta = objective.layout().join(point)
    arrays: dict[str, xr.DataArray] = {}
    if evaluators.metadata.effects and isinstance(evaluators.integrals.marginal, StateIntegral):
        return array_dataset(_of_both(objective, evaluators.integrals.marginal, theta), attrs=dict(attrs))
    if evaluators.metadata.effects:
        arrays, theta = _of_effects(objective, theta)
    if evaluators.metadata.summed_variables:
        arrays |= probable_states(objective, theta)
    return array_dataset(arrays, attrs=dict(attrs))


def fixed_effect_estimates(objective: Objective, point: Point) -> xr.Dataset:
    """Return the fixed effects of a restricted likelihood given variances: best linear unbiased estimates.

    Parameters
    ----------
    objective : Objective
        With fixed effects that are integrated out; without any, the Dataset is empty.
    point : mapping of str to array_like
        The parameters on their natural scale.

    Returns
    -------
    Dataset
        Variables ``name`` and ``name_se`` for each, with the model's dims; NaN where there is no mode. Standard errors
        are √diag (X'V⁻¹X)⁻¹ in a linear model.
    """
    evaluators, arrays = objective.evaluators, dict[str, xr.DataArray]()
    if not objective.restricted:
        return xr.Dataset()
    objective.use_data()
    laplace = evaluators.integrals.laplace
    scale = evaluators.factory.kept("effect scale", lambda: EffectScale(laplace))
    mode = laplace.mode(objective.layout().join(point))
    values = scale.values(np.full(scale.length, np.nan) if mode is None else mode.vector)
    offsets = dict(zip(values, np.cumsum([0, *map(len, values.values())]).tolist(), strict=False))
    for v in evaluators.metadata.effects:
        if v.name in objective.restricted:
            where = np.arange(offsets[v.name], offsets[v.name] + len(values[v.name]))
            errors = np.full(len(where), np.nan) if mode is None else scale.deviations(mode, where)
            arrays |= _as_arrays(v, values[v.name], errors)
    return array_dataset(arrays)


def draw_latent(objective: Objective, point: Point, spread: float, rng: np.random.Generator) -> dict[str, Array] | None:
    """Draw what is latent given parameters: effects from N(û, H⁻¹), discrete variables in their likeliest states.

    Parameters
    ----------
    objective : Objective
        The model.
    point : mapping of str to array_like
        The parameters on their natural scale.
    spread : float
        What standard deviations of effects are multiplied by.
    rng : Generator
        Where random numbers come from.

    Returns
    -------
    dict of str to array, or None
        Natural values by name; empty where nothing is latent, None where there is no mode or no density.
    """
    evaluators = objective.evaluators
    objective.use_data()
    vector = objective.layout().join(point)
    values, states = dict[str, Array](), dict[str, xr.DataArray]()
    if evaluators.metadata.effects:
        drawn = _draw_effects(objective, vector, spread, rng)
        if drawn is None:
            return None
        vector, scale, states = drawn
        found = scale.values(vector)
        values = {v.name: found[v.name].reshape(v.shape) for v in evaluators.metadata.effects}
    if evaluators.metadata.summed_variables and not states:
        states = probable_states(objective, vector)
    values |= {v.name: states[v.name].values for v in evaluators.metadata.summed_variables}
    return values if all(np.isfinite(value).all() for value in values.values()) else None


def _draw_effects(
    objective: Objective, theta: Array, spread: float, rng: np.random.Generator
) -> tuple[Array, EffectScale, dict[str, xr.DataArray]] | None:
    """Return parameters and effects, their natural scale, and states that were found with them; None without a mode."""
    evaluators, integral = objective.evaluators, objective.evaluators.integrals.marginal
    if isinstance(integral, StateIntegral):
        by_state = integral.modes_by_state(theta)
        if by_state is None:
            return None
        modes, shares = by_state
        z = rng.standard_normal(integral.n_effects)
        best = shares.argmax(axis=0)[integral.pattern.components]
        us = np.choose(best, [mode.vector[len(theta) :] + spread * mode.curvature.root_solve(z) for mode in modes])
        states = of_shares(objective, evaluators.integrals.sums.names, integral.plan, shares[:, integral.block])
        scale = evaluators.factory.kept("effect scale by state", lambda: EffectScale(integral))
        return np.concatenate([theta, us]), scale, states
    laplace = evaluators.integrals.laplace
    mode = laplace.mode(theta)
    if mode is None:
        return None
    vector = mode.vector.copy()
    vector[len(theta) :] += spread * mode.curvature.root_solve(rng.standard_normal(laplace.n_effects))
    scale = evaluators.factory.kept("effect scale", lambda: EffectScale(laplace))
    return (vector, scale, {}) if laplace.has_density(vector) else None


def _of_both(objective: Objective, integral: StateIntegral, theta: Array) -> dict[str, xr.DataArray]:
    """Return states with the effects averaged over, and effects given the most probable state of their block."""
    evaluators, by_state = objective.evaluators, integral.modes_by_state(theta)
    scale = evaluators.factory.kept("effect scale by state", lambda: EffectScale(integral))
    if by_state is None:
        shares = np.full(integral.possible.shape, np.nan)
        values = errors = np.full(scale.size, np.nan)
    else:
        modes, shares = by_state
        rows = [np.concatenate([np.ravel(value) for value in scale.values(mode.vector).values()]) for mode in modes]
        best = shares.argmax(axis=0)[integral.pattern.components]
        best = best if len(best) == scale.size else np.full(scale.size, np.bincount(best).argmax())
        values, errors = (np.choose(best, several) for several in (rows, [scale.deviations(mode) for mode in modes]))
    names = tuple(evaluators.integrals.sums.names)
    return _labelled(objective, values, errors) | of_shares(objective, names, integral.plan, shares[:, integral.block])


def _of_effects(objective: Objective, theta: Array) -> tuple[dict[str, xr.DataArray], Array]:
    """Return effects and standard errors, and the vector of parameters and effects."""
    evaluators = objective.evaluators
    scale = evaluators.factory.kept("effect scale", lambda: EffectScale(evaluators.integrals.laplace))
    mode = evaluators.integrals.laplace.mode(theta)
    if mode is None:
        nowhere = np.full(scale.size, np.nan)
        vector = np.concatenate([theta, np.full(evaluators.integrals.laplace.n_effects, np.nan)])
        return _labelled(objective, nowhere, nowhere), vector
    values = np.concatenate([np.ravel(value) for value in scale.values(mode.vector).values()])
    return _labelled(objective, values, scale.deviations(mode)), mode.vector


def _labelled(objective: Objective, values: Array, errors: Array) -> dict[str, xr.DataArray]:
    """Return effects and standard errors, one after the other, with the model's dims."""
    effects, arrays = objective.evaluators.metadata.effects, dict[str, xr.DataArray]()
    offsets = np.cumsum([int(np.prod(v.shape)) for v in effects])[:-1]
    for v, value, error in zip(effects, np.split(values, offsets), np.split(errors, offsets), strict=True):
        arrays |= _as_arrays(v, value, error)
    return arrays


def _as_arrays(v: FreeVariable, value: Array, error: Array) -> dict[str, xr.DataArray]:
    coords, both = dict(zip(v.dims, v.coords, strict=True)), {v.name: value, f"{v.name}_se": error}
    return {name: xr.DataArray(np.reshape(array, v.shape), coords, v.dims) for name, array in both.items()}


def probable_states(objective: Objective, vector: Array) -> dict[str, xr.DataArray]:
    """Return the likeliest states of all discrete variables together, and the probabilities of all states of each.

    By Bayes' theorem, p(z = c ∣ y, θ) is proportional to p(y, z = c ∣ θ), whose sum over c is the likelihood.

    Parameters
    ----------
    objective : Objective
        With discrete variables that are summed out.
    vector : array (k + q,)
        Parameters on their natural scale, then random effects as in the objective's integral: given these.

    Returns
    -------
    dict of str to DataArray
        ``name``, with the model's dims, and ``name_probability``, with a dim ``name_state`` more.
    """
    sums, engine = objective.evaluators.factory.kept("configurations", lambda: _sums(objective))
    outputs = iter(engine.one(vector))
    arrays: dict[str, xr.DataArray] = {}
    for total in sums:
        if isinstance(total, Sum):
            heights = np.reshape(next(outputs), total.plan.possible.shape)
            arrays |= of_shares(objective, total.group.summed, total.plan, scipy.special.softmax(heights, axis=0))
        else:
            tables = [np.reshape(next(outputs), shape) for shape in total.shapes]
            arrays |= _of_tables(objective, total, tables)
    return arrays


def of_shares(
    objective: Objective, names: Sequence[str], plan: ConfigurationPlan, shares: Array
) -> dict[str, xr.DataArray]:
    """Return the same from the probabilities (C, K) of the configurations of one sum."""
    likeliest = np.nan_to_num(shares).argmax(axis=0)
    arrays: dict[str, xr.DataArray] = {}
    for name in names:
        own, states = plan.members[name], objective.evaluators.integrals.sums.states[name]
        probability = np.stack(
            [(shares[:, own] * (plan.states[name] == state)).sum(axis=0) for state in states], axis=-1
        )
        best = np.take_along_axis(plan.states[name], likeliest[own][None], axis=0)[0]
        arrays |= _labelled_states(objective, name, best, probability)
    return arrays


def _of_tables(objective: Objective, total: EliminatedSum, tables: list[Array]) -> dict[str, xr.DataArray]:
    """Return the same from the log tables of a sum that is done by elimination: smoothed states, and Viterbi's path."""
    plan = total.factors.plan
    arrays: dict[str, xr.DataArray] = {}
    with np.errstate(all="ignore"):
        found, path = element_probabilities(plan, tables), likeliest_states(plan, tables)
    for name in total.group.summed:
        states, elements = objective.evaluators.integrals.sums.states[name], total.met.elements[name] - 1
        probability = np.reshape([found[i] for i in elements.ravel()], (*elements.shape, len(states)))
        arrays |= _labelled_states(objective, name, states[path[elements]], probability)
    return arrays


def _sums(objective: Objective) -> tuple[list[Sum | EliminatedSum], Engine]:
    """Return the sums, and an engine that gives the log density of configurations, or the tables, of each."""
    evaluators, names = objective.evaluators, objective.summed
    values: GraphInputs
    if evaluators.metadata.effects:
        values = latent = LatentValues(
            evaluators.model, objective.variables, evaluators.metadata.effects, evaluators.data.swaps, names
        )
        log_densities, _ = write_joint_log_densities(latent, evaluators.roles, names)
    else:
        values = GraphInputs(evaluators.model, objective.layout(), evaluators.data.swaps)
        log_densities, _ = write_log_densities(values, evaluators.roles, names)
    reference = cast(SumOut, evaluators.integrals.sum_out(evaluators.integrals.reference)).reference
    sums = list(
        evaluators.integrals.sums.tables(log_densities, discrete_values(values, names), {values.vector: reference})
    )
    graphs: dict[str, Graph] = {}
    for total in sums:
        own = [total.heights] if isinstance(total, Sum) else total.factors.tables
        graphs |= {f"{total.group.name} {i}": graph.astype("float64") for i, graph in enumerate(own)}
    return sums, evaluators.factory.for_few_points(values.vector, graphs)


def _labelled_states(
    objective: Objective, name: str, best: NDArray[np.int64], probability: Array
) -> dict[str, xr.DataArray]:
    v = next(v for v in objective.evaluators.metadata.summed_variables if v.name == name)
    coords, dim = dict(zip(v.dims, v.coords, strict=True)), f"{name}_state"
    known = ~np.isnan(probability).any(axis=-1)
    states = objective.evaluators.integrals.sums.states[name]
    return {
        name: xr.DataArray(best if known.all() else np.where(known, best, np.nan), coords, v.dims),
        f"{name}_probability": xr.DataArray(probability, {**coords, dim: states}, (*v.dims, dim)),
    }


# So many elements at a time: their derivatives by all effects are a matrix.
BLOCK = 256


class EffectScale:
    """From the vector of parameters and effects of a Laplace approximation to the effects as the model has them.

    Parameters
    ----------
    laplace : Laplace
        The approximation.
    """

    def __init__(self, laplace: Laplace):
        self.laplace, density = laplace, laplace.density
        self.length = laplace.n_parameters + laplace.n_effects
        graphs = [graph.ravel().astype("float64") for graph in without_named_dims(list(density.effects.values()))]
        whole: Graph = pt.concatenate(graphs)
        self._values = laplace.build(density.vector, dict(zip(density.effects, graphs, strict=True)))
        self.size = sum(len(value) for value in self._values.one(np.zeros(self._values.size)))
        weights = pt.vector("weights", dtype="float64", shape=(self.size,))
        gradient = gradient_graph((weights * whole).sum(), density.vector)
        self._pulled = laplace.build(*in_one_vector(density.vector, weights, {"gradient": gradient}))

    def values(self, vector: Array) -> dict[str, Array]:
        """Return each effect, raveled, at one vector (k + q)."""
        return dict(zip(self._values.names, map(np.asarray, self._values.one(vector)), strict=True))

    def deviations(self, mode: Mode, which: NDArray[np.intp] | None = None) -> Array:
        """Return standard deviations of effects, all (n,) or some, given parameters: √(J H⁻¹ Jᵀ), the delta method."""
        which = np.arange(self.size) if which is None else which
        deviations = np.empty(len(which))
        for start in range(0, len(which), BLOCK):
            some = which[start : start + BLOCK]
            units = np.zeros((len(some), self.size))
            units[np.arange(len(some)), some] = 1.0
            rows = np.hstack([np.repeat(mode.vector[None], len(some), axis=0), units])
            jacobian = self._pulled.at(rows)["gradient"][:, self.laplace.n_parameters :]
            deviations[start : start + BLOCK] = np.sqrt((jacobian * mode.curvature.solve(jacobian.T).T).sum(axis=1))
        return deviations
