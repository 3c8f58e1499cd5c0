"""New data from a model at a point: what is observed is drawn again, and what is latent too; parameters are fixed.

The graph of the observed variables is compiled once. Parameters come as one flat vector on the natural scale, where the
bound of a support is a number like any other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
from numpy.typing import NDArray
from pymc.logprob.utils import replace_rvs_by_values
from pymc.pytensorf import reseed_rngs
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Constant
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.replace import graph_replace
from pytensor.graph.traversal import ancestors
from pytensor.tensor.random.basic import MvNormalRV
from pytensor.tensor.random.type import RandomType

from pymc_landscape._typing import Array, Graph, Point
from pymc_landscape.engine import interpreter_mode
from pymc_landscape.model import evaluated
from pymc_landscape.numerics import WRITING
from pymc_landscape.objective import Layout, Objective, fixed_effect_estimates
from pymc_landscape.objective.observations.repeated_draws import Draw, repeated_draws

Data = dict[str, NDArray[Any]]
# Any seed; and how straight a line is, in shares of a step along it.
DESIGN_SEED, STRAIGHT = 1, 1e-7


class Simulator:
    """Draws new values of a model's observed variables, compiled once.

    Parameters
    ----------
    objective : Objective
        The model, with the predictors that this objective has. Fixed effects that it integrates out, as a restricted
        likelihood does, stay at their estimates given its data and the point: contrasts free of them do not see where.

    Raises
    ------
    ValueError
        If data enter through a ``pm.Potential``, which has no distribution to draw from.

    Examples
    --------
    >>> import pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     p = pm.Beta("p", 1, 1)
    ...     y = pm.Binomial("y", n=10, p=p, observed=7)
    >>> {name: int(value) for name, value in Simulator(pml.Objective(model))({"p": 1.0}, 1).items()}
    {'y': 10}
    """

    def __init__(self, objective: Objective):
        self.objective = objective
        _refuse_potentials(objective)
        self._names: list[str] = [rv.name for rv in objective.model.observed_RVs]
        self._function, self._rngs = objective.evaluators.factory.kept(
            "simulate", lambda: _compile(objective), is_for_all_data=True
        )
        self._is_singular = False

    def __call__(self, point: Point, random_seed: int) -> Data:
        """Draw once.

        Parameters
        ----------
        point : mapping of str to array_like
            Every free variable on the natural scale; the bound of a support is allowed.
        random_seed : int
            The same seed gives the same data, whatever was drawn before.

        Returns
        -------
        dict of str to array
            One array an observed variable, for ``objective.with_data``.

        Raises
        ------
        ValueError
            If a distribution cannot be drawn from: a ``pm.CustomDist`` without `random`.
        """
        return self._drawn(self._vector(point), random_seed)

    def several(self, point: Point, seeds: Sequence[int]) -> Data:
        """Draw once with each of several seeds: the same data sets as one by one.

        Parameters
        ----------
        point : mapping of str to array_like
            As above.
        seeds : sequence of int
            S of them.

        Returns
        -------
        dict of str to array
            One array (S, ...) an observed variable.
        """
        vector = self._vector(point)
        self.objective.use_data()
        args = self._function, self._rngs, len(self._names), vector
        draw = None if self._is_singular else repeated_draws(*args)
        sets = [self._drawn(vector, seed) if draw is None else self._named(draw, vector, seed) for seed in seeds]
        return {name: np.stack([drawn[name] for drawn in sets]) for name in self._names}

    def _named(self, draw: Draw, vector: Array, seed: int) -> Data:
        try:
            return dict(zip(self._names, draw(seed), strict=True))
        except (NotImplementedError, TypeError, np.linalg.LinAlgError):  # said, or drawn in another way
            return self._drawn(vector, seed)

    def design(self, point: Point) -> Array | None:
        """Return how data move with the fixed effects that are integrated out.

        Parameters
        ----------
        point : mapping of str to array_like
            As above.

        Returns
        -------
        array (n, p) or None
            What one of each fixed effect adds to all observed elements; None where that is not a straight line.
        """
        vector, first = self._vector(point), len(self.objective.layout().join(point))

        def moved(step: Array) -> Array:
            drawn = self._drawn(vector + step, DESIGN_SEED)
            return np.concatenate([np.ravel(values).astype(float) for values in drawn.values()])

        steps = np.eye(len(vector))[first:] * np.maximum(np.abs(vector[first:]), 1.0)[:, None]
        still, once, twice = moved(0.0 * vector), *(np.array([moved(m * step) for step in steps]) for m in (1.0, 2.0))
        size = np.abs(once - still).max(initial=0.0)
        if not np.abs(twice - 2.0 * once + still).max(initial=0.0) <= STRAIGHT * size:
            return None
        return np.asarray(((once - still) / steps.sum(axis=1)[:, None]).T)

    def _drawn(self, vector: Array, random_seed: int) -> Data:
        self.objective.use_data()
        try:
            with WRITING:  # the generators are the function's own
                reseed_rngs(self._rngs, random_seed)
                drawn = self._function(vector)
        except (NotImplementedError, TypeError) as error:
            raise ValueError(_cannot(self._culprit(), error)) from error
        except np.linalg.LinAlgError:  # a covariance on the edge of its support has no Cholesky factor
            if self._is_singular:
                raise
            self._draw_singular()
            return self._drawn(vector, random_seed)
        return dict(zip(self._names, map(np.asarray, drawn), strict=True))

    def _draw_singular(self) -> None:
        """Draw normal vectors by singular values from now on, which serves singular covariances too."""
        kept = self.objective.evaluators.factory.kept
        compiled = kept("simulate singular", lambda: _compile(self.objective, singular=True))
        self._function, self._rngs = compiled
        self._is_singular = True

    def _vector(self, point: Point) -> Array:
        """Return a point as a natural vector, with estimates of the fixed effects behind it."""
        objective = self.objective
        theta = objective.layout().join(point)
        if not objective.restricted:
            return theta
        estimates = fixed_effect_estimates(objective, point)
        return np.concatenate([theta, *(np.ravel(estimates[name]) for name in objective.restricted)])

    def _culprit(self) -> str:
        """Return the first variable to be drawn that was written without a way to do it."""
        drawn = {*self.objective.latent, *self._names}
        custom: list[str] = [
            rv.name
            for rv in self.objective.model.basic_RVs
            if rv.name in drawn and "CustomDist" in type(rv.owner.op).__name__
        ]
        return (custom or self._names)[0]


def _cannot(name: str, error: Exception) -> str:
    reason = str(error).split(".")[0]
    if isinstance(error, TypeError):  # a density of real numbers, of which random numbers are drawn for whole ones
        advice = "its random numbers take other types of parameters than its density, as whole numbers for counts"
        return f"Expected variables that can be simulated, got {name!r}, which cannot be drawn ({reason}): {advice}."
    return (
        f"Expected latent and observed variables that can be simulated, got {name!r}, which cannot be drawn "
        f"({reason}): give its CustomDist a function `random`."
    )


def _refuse_potentials(objective: Objective) -> None:
    potentials = objective.potential_roles.likelihood
    if potentials:
        raise ValueError(
            f"Expected data that can be simulated, got the pm.Potential {potentials[0]!r}, a number without a "
            "distribution to draw from: write it as an observed variable, or as a pm.CustomDist with logp and random."
        )


def _compile(objective: Objective, singular: bool = False) -> tuple[Any, list[Any]]:
    """Return a function of the natural vector, and its generators of random numbers."""
    evaluators, model = objective.evaluators, objective.model
    fixed = [v for v in evaluators.metadata.effects if v.name in objective.restricted]
    layout = Layout((*objective.variables, *fixed))
    vector = pt.vector("vector", dtype="float64", shape=(layout.size,))
    # what is integrated or summed out has no value, and is drawn anew
    values = {rv: rv.type(rv.name) for rv in (model[v.name] for v in layout.variables)}
    graphs = replace_rvs_by_values(
        list(model.observed_RVs), rvs_to_values=values, rvs_to_transforms=dict.fromkeys(values)
    )
    replacements = {
        value: _element(vector, value, layout.slices[rv.name], layout[rv.name].shape) for rv, value in values.items()
    }
    tensors = [pt.as_tensor(graph, allow_xtensor_conversion=True) for graph in graphs]
    written = graph_replace(tensors, {**replacements, **evaluators.data.swaps}, strict=False)
    if singular:
        written = _by_singular_values(written)
    with WRITING, pytensor.config.change_flags(cxx=""):
        function = pm.pytensorf.compile(
            [vector], written, mode=interpreter_mode(), on_unused_input="ignore", trust_input=True
        )
    rngs = [v for v in ancestors(written) if isinstance(v, SharedVariable) and isinstance(v.type, RandomType)]
    return function, rngs


def _by_singular_values(graphs: list[Graph]) -> list[Graph]:
    """Return the graphs with normal vectors that are drawn by singular values."""
    fgraph = FunctionGraph(outputs=graphs, clone=False)
    for node in fgraph.toposort():
        if isinstance(node.op, MvNormalRV) and node.op.method != "svd":
            properties = {name: getattr(node.op, name) for name in node.op.__props__}
            by_values = MvNormalRV(**properties | {"method": "svd"}).make_node(*node.inputs)
            fgraph.replace_all(zip(node.outputs, by_values.outputs, strict=True))
    return list(fgraph.outputs)


def data_set(data: Data, i: int) -> Data:
    """Return the one at place i of many data sets, arrays (S, ...)."""
    return {name: values[i] for name, values in data.items()}


def digests(data: Data) -> list[bytes | None]:
    """Return a short name of each of many data sets that are whole numbers, which may come again; None of others."""
    n = len(next(iter(data.values())))
    if any(values.dtype.kind not in "iub" for values in data.values()):
        return [None] * n
    whole = [b"".join(values[i].tobytes() for values in data.values()) for i in range(n)]
    return [hashlib.blake2b(one, digest_size=16).digest() for one in whole]


def observed_data(objective: Objective) -> Data:
    """Return the values of the observed variables that an objective has now."""
    objective.use_data()
    return observed_values(objective.model, objective.swaps)


def observed_values(model: pm.Model, swaps: Mapping[Graph, Graph] = {}) -> Data:
    """Return the values of the observed variables of a model, with some of its data replaced."""
    values = model.rvs_to_values
    return {rv.name: evaluated(swaps.get(values[rv], values[rv])) for rv in model.observed_RVs}


def known_value(model: pm.Model, name: str) -> Array | None:
    """Return the number that a model has under `name`, as ``pm.do`` leaves one; None where it has none."""
    variable = model.named_vars.get(name)
    if not isinstance(variable, Constant | SharedVariable):
        return None
    return np.asarray(evaluated(variable), dtype=float)


def _element(vector: Graph, value: Graph, where: slice, shape: tuple[int, ...]) -> Graph:
    part = vector[where].reshape(shape) if shape else vector[where.start]
    return value.type.filter_variable(part.astype(value.type.dtype))
