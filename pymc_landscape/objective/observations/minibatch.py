"""Value and gradient of a few rows of the data, at a cost that follows the batch and not the data.

PyTensor does not push an index down through a sum: ``rows[index].sum()`` evaluates all rows and drops most. So the
graph is written again with the index at its leaves, on every array that has one entry a row. Which arrays have is a
guess by their length. It is checked once, on two batches, against the plain way; where they differ, the plain way is
taken. The row numbers stand behind `theta` in the engine's flat vector, so the engine needs to know nothing of them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.compile.builders import OpFromGraph
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Apply, Constant
from pytensor.graph.replace import graph_replace
from pytensor.graph.traversal import ancestors, toposort
from pytensor.tensor.basic import Alloc
from pytensor.tensor.shape import Reshape, Shape, Shape_i, SpecifyShape
from pytensor.tensor.subtensor import Subtensor

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array, Graph
from pymc_landscape.arguments import checked_count
from pymc_landscape.engine import Engine, without_parameter_checks
from pymc_landscape.model import Density, gradient_graph
from pymc_landscape.objective import Objective

_log = logging.getLogger("pymc_landscape")

# The check's two values are sums of the same numbers in another order, some in single precision.
SAME = 1e-6


@dataclass(frozen=True)
class Guess:
    """What else goes by rows: parameters with one element a row; or nothing that was a number of rows."""

    parameters: bool = False
    shapes_stay: bool = False


# A model with `total_size` divides by the number of rows of its data, which is to stay that of all.
GUESSES = (Guess(), Guess(parameters=True), Guess(shapes_stay=True))


class BatchSlope:
    """Value and gradient of an objective, estimated from some rows of its data.

    Parameters
    ----------
    objective : Objective
        Each of its terms a sum over the same number N of rows.
    size : int
        Number B of rows in a batch, at most N.

    Attributes
    ----------
    n_rows : int
        N.
    share : float
        B / N: what a batch costs in passes through the data.

    Raises
    ------
    ValueError
        If a term is no sum over rows, terms differ in length, or `size` does not lie between 1 and N.
    """

    def __init__(self, objective: Objective, size: int):
        objective.evaluators.refuse_row_blocks("batch_size")
        if objective.penalty:
            raise ValueError("Expected a likelihood that is a sum over rows, got a penalised one: no batch_size.")
        self.objective, self.evaluators = objective, objective.evaluators
        self.n_rows = self.evaluators.factory.kept("n_rows", lambda: _count_rows(self._density()))
        checked_count("batch_size", size, at_most=self.n_rows, advice="there are no more rows; leave it out for all")
        self.size = int(size)
        self.share = self.size / self.n_rows
        key = ("minibatch_gradient", self.size, objective.prior_weight)
        self.engine = self.evaluators.factory.kept(key, self._build)

    def __call__(self, theta: Array, rows: NDArray[np.int64]) -> tuple[float, Array]:
        """Return −2 (N/B Σ log L over `rows` + w log prior) and its gradient at `theta` (k,)."""
        self.evaluators.use_data()
        try:
            value, gradient = self.engine.one(np.concatenate([theta, rows]))
        except (ArithmeticError, AssertionError, IndexError, ValueError):
            return np.inf, np.full(len(theta), np.nan)
        return float(value), gradient

    def batches(self, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
        """Give rows without end: all of them in random order, then all in another; no row is left out of an epoch."""
        unused = rng.permutation(self.n_rows)
        while True:
            while len(unused) < self.size:
                unused = np.concatenate([unused, rng.permutation(self.n_rows)])
            yield unused[: self.size]
            unused = unused[self.size :]

    def _density(self) -> Density:
        self.evaluators.refuse_discrete()
        return self.evaluators.density(self.evaluators.metadata.names)

    def _build(self) -> Engine:
        """Return the first engine that agrees with the plain way."""
        density = self._density()
        for guess in GUESSES:
            try:
                engine = self._engine(density, guess)
                if self._agrees(engine):
                    return engine
            except Exception as error:  # whatever an Op makes of arguments of another length
                _log.debug("The graph cannot be written for a batch: %s", error)
        _log.info("The rows of this model cannot be evaluated apart: a batch costs as much as all data.")
        return self._engine(density, None)

    def _engine(self, density: Density, guess: Guess | None) -> Engine:
        """Write the graphs; without a guess, index the evaluated rows, the plain way."""
        vector, rows = density.vector, pt.vector("rows", dtype="int64", shape=(self.size,))
        *terms, prior = without_parameter_checks(
            [*density.rows.values(), density.prior], self.evaluators.model.check_bounds
        )
        if guess is None:
            chosen = [term[rows] for term in terms]
        else:
            leaves = leaves_by_rows(terms, vector, rows, self.n_rows, guess)
            chosen = Rewriting(self.n_rows, self.size, guess)(terms, leaves)
        value = -2.0 * self.n_rows / self.size * sum(term.sum() for term in chosen)
        if self.objective.prior_weight:
            value = value - 2.0 * self.objective.prior_weight * prior
        return self._over_one_vector(vector, rows, {"value": value, "gradient": gradient_graph(value, vector)})

    def _over_one_vector(self, vector: Graph, rows: Graph, graphs: Mapping[str, Graph]) -> Engine:
        k = vector.type.shape[0]
        both = pt.vector("theta_and_rows", dtype="float64", shape=(k + self.size,))
        replacements = {vector: vector.type.filter_variable(both[:k]), rows: both[k:].astype("int64")}
        written = graph_replace(list(graphs.values()), replacements, strict=False)
        return self.evaluators.factory.engine(both, dict(zip(graphs, written, strict=True)))

    def _agrees(self, engine: Engine) -> bool:
        """Whether two random batches have the value that the model's own rows add up to."""
        rng = np.random.default_rng(self.n_rows)
        theta = self.objective.pack(self.objective.initial_point())
        beside = theta + rng.uniform(-0.1, 0.1, size=theta.shape)
        theta = beside if np.isfinite(self.objective.value(beside)) else theta
        plain = _plain_rows(self.objective, theta, self.n_rows)
        weight = self.objective.prior_weight
        prior = weight * float(self.objective.log_prior(theta)) if weight else 0.0
        for _ in range(2):
            rows = rng.choice(self.n_rows, size=self.size, replace=False)
            expected = -2.0 * (self.n_rows / self.size * plain[rows].sum() + prior)
            value = float(engine.one(np.concatenate([theta, rows]))[0])
            if not np.isclose(value, expected, rtol=SAME, atol=SAME, equal_nan=True):
                return False
        return True


def _plain_rows(objective: Objective, theta: Array, n_rows: int) -> Array:
    """Return the log-likelihood of each row, summed over the terms."""
    engine = objective.engine("pointwise", objective.names)
    values = dict(zip(engine.names, engine.one(theta), strict=True))
    return np.sum([values[term].reshape(n_rows, -1).sum(axis=1) for term in objective.terms], axis=0)


def _count_rows(density: Density) -> int:
    """Return the number of rows that all terms have, or refuse."""
    whole = [name for name, row in density.rows.items() if row.type.ndim == 0]
    if whole:
        raise ValueError(
            f"Expected terms that are sums over rows, got {whole[0]}, whose log-likelihood is one number for all of "
            "its data: leave batch_size out."
        )
    lengths = dict(zip(density.rows, _lengths(density), strict=True))
    if len(set(lengths.values())) > 1:
        sizes = ", ".join(f"{name} of {n}" for name, n in lengths.items())
        raise ValueError(f"Expected terms with the same number of rows, got {sizes}: leave batch_size out.")
    return next(iter(lengths.values()))


def _lengths(density: Density) -> list[int]:
    rows = list(density.rows.values())
    if all(row.type.shape[0] is not None for row in rows):
        return [int(row.type.shape[0]) for row in rows]
    count = pm.pytensorf.compile(
        [density.vector], [row.shape[0] for row in rows], mode="FAST_COMPILE", on_unused_input="ignore"
    )
    return [int(n) for n in count(np.zeros(density.vector.type.shape))]


def leaves_by_rows(terms: Sequence[Graph], vector: Graph, rows: Graph, n_rows: int, guess: Guess) -> dict[Graph, Graph]:
    """Index what has one entry a row."""
    batched = {}
    for variable in ancestors(terms):
        if isinstance(variable, Constant | SharedVariable):
            data = variable.data if isinstance(variable, Constant) else variable.get_value(borrow=True)
            aligned = np.shape(data)[:1] == (n_rows,)
        else:
            aligned = guess.parameters and _is_element_of(variable, vector) and variable.type.shape[:1] == (n_rows,)
        if aligned:
            batched[variable] = pt.as_tensor(variable)[rows]
    return batched


def _is_element_of(variable: Graph, vector: Graph) -> bool:
    """Whether a variable is a part of the flat vector, and no part of a part."""
    node = variable.owner
    if node is None or not isinstance(node.op, Subtensor | Reshape):
        return False
    inner = node.inputs[0]
    return (inner is vector and vector.type.shape != variable.type.shape) or _is_cut(inner, vector)


def _is_cut(variable: Graph, vector: Graph) -> bool:
    return (
        variable.owner is not None and isinstance(variable.owner.op, Subtensor) and variable.owner.inputs[0] is vector
    )


@dataclass(frozen=True)
class Rewriting:
    """Writes graphs again over leaves that have `size` rows where there were `n_rows`."""

    n_rows: int
    size: int
    guess: Guess

    def __call__(self, outputs: Sequence[Graph], leaves: Mapping[Graph, Graph]) -> list[Graph]:
        """Return `outputs` over other `leaves`."""
        written = dict(leaves)
        for node in toposort(outputs, blockers=list(leaves)):
            inputs = [written.get(v, v) for v in node.inputs]
            if inputs != list(node.inputs) or self._fills_rows(node):
                written.update(zip(node.outputs, self._again(node, inputs), strict=True))
        return [written.get(output, output) for output in outputs]

    def _fills_rows(self, node: Apply[Any]) -> bool:
        return isinstance(node.op, Alloc) and node.outputs[0].type.shape[:1] == (self.n_rows,)

    def _again(self, node: Apply[Any], inputs: list[Graph]) -> list[Graph]:
        """Apply one Op to fewer rows; in some, the number of rows is written down."""
        op, shape = node.op, node.outputs[0].type.shape
        if self._fills_rows(node):
            return [pt.alloc(inputs[0], self.size, *inputs[2:])]
        if isinstance(op, SpecifyShape):
            return [inputs[0]]
        if isinstance(op, Shape | Shape_i) and self.guess.shapes_stay:
            return list(node.outputs)
        if isinstance(op, Reshape) and shape[:1] == (self.n_rows,) and None not in shape:
            return [inputs[0].reshape((self.size, *shape[1:]))]
        if isinstance(op, OpFromGraph):
            inner = op.fgraph.unfreeze()
            return self(inner.outputs, dict(zip(inner.inputs, inputs, strict=True)))
        outputs: list[Graph] = op.make_node(*inputs).outputs
        return outputs
