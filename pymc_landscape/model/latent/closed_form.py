"""Random effects that are normal given the data, integrated out in closed form: the marginal likelihood as a graph.

Where log p(y, u ∣ θ) is quadratic in u, with gradient s(u) and curvature H(θ), the integral is, for any u,

    log L(θ) = f(u, θ) + ½ s(u)ᵀ H⁻¹ s(u) − ½ log det H + (q/2) log 2π.

At û the second term is 0, and only its second derivatives by θ are not: these are right with û and the factor of H in
that term held still, so that derivatives of log L are those of a graph without a search in it. It is quadratic for
certain where u enters by sums, products and linear maps alone, and H is free of u. Effects come in small blocks, whose
factors are written element by element, or H is one matrix of which at least half is not zero, as of those that sum to
zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from numpy.typing import NDArray
from pymc.logprob.utils import CheckParameterValue
from pytensor import scalar as ps
from pytensor.graph.replace import graph_replace
from pytensor.graph.rewriting.utils import rewrite_graph
from pytensor.graph.traversal import ancestors, applys_between, toposort
from pytensor.tensor.basic import Alloc, Join, MakeVector, Split
from pytensor.tensor.blockwise import Blockwise
from pytensor.tensor.elemwise import DimShuffle, Elemwise
from pytensor.tensor.linalg.solvers.triangular import SolveTriangular
from pytensor.tensor.math import Dot, Sum
from pytensor.tensor.shape import Reshape, Shape, Shape_i, SpecifyShape
from pytensor.tensor.subtensor import AdvancedSubtensor, IncSubtensor, Subtensor

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Graph
from pymc_landscape.engine import vectorized
from pymc_landscape.model import gradient_graph, places_read
from pymc_landscape.model.latent.joint_density import LOG_2PI, JointDensity
from pymc_landscape.numerics import Pattern

# Up to so many effects of one block are factorised element by element; and so many as one matrix, of which no less than
# this share is not zero.
LARGEST, LARGEST_FULL, FULL = 3, 128, 0.5
ANY = 10**6
# Sums, products and quotients of arrays, where a condition and an exponent are free of effects.
POLYNOMIAL = (ps.Add, ps.Sub, ps.Mul, ps.TrueDiv, ps.Sqr, ps.Neg, ps.Pow, ps.Cast, ps.Identity, ps.Second, ps.Switch)
# What moves or adds up elements, or is linear in each of its first inputs, so many; the others are shapes and places.
LINEAR: dict[type, int] = {
    **dict.fromkeys((Alloc, Split, Reshape, SpecifyShape, Subtensor, AdvancedSubtensor, CheckParameterValue), 1),
    **dict.fromkeys((IncSubtensor, Dot), 2),
    **dict.fromkeys((Join, MakeVector, DimShuffle, Sum), ANY),
}


@dataclass(frozen=True)
class GaussianIntegral:
    """The marginal likelihood over parameters on their natural scale, with its search for û taken apart.

    Parameters
    ----------
    theta : Graph
        The parameters (k,).
    log_likelihood, inside, prior : Graph
        Of these, and of `held`.
    held : dict of Graph to Graph
        What derivatives leave still, each with what it stands for.
    """

    theta: Graph
    log_likelihood: Graph
    inside: Graph
    prior: Graph
    held: dict[Graph, Graph]

    def density(self, term: str, prior_name: str, theta: Graph) -> dict[str, Graph]:
        """Return log L and the log prior, by these names, at a graph of θ (k,); −∞ outside the support."""
        log_l, inside, prior = self._at(theta, [self.log_likelihood, self.inside, self.prior])
        graphs = {term: pt.switch(inside, log_l, -np.inf), prior_name: pt.switch(inside, prior, -np.inf)}
        return self._released(graphs, theta)

    def derivatives(self, vector: Graph, theta: Graph, weight: float | Graph) -> dict[str, Graph]:
        """Return −2 (log L + w log prior), its gradient by a flat vector, and whether that is inside the support.

        Value and gradient go on outside, where there are any.

        Parameters
        ----------
        vector, theta : Graph
            The flat vector, and the parameters (k,) as a graph of it.
        weight : float or Graph
            Weight w of the log prior.
        """
        log_l, inside, prior = self._at(theta, [self.log_likelihood, self.inside, self.prior])
        is_plain = isinstance(weight, float) and weight == 0.0
        value = -2.0 * (log_l if is_plain else log_l + weight * prior)
        return self._released({"value": value, "gradient": gradient_graph(value, vector), "inside": inside}, theta)

    def _at(self, theta: Graph, graphs: Sequence[Graph]) -> list[Graph]:
        placed = {self.theta: self.theta.type.filter_variable(theta)}
        return list(graph_replace(list(graphs), placed, strict=False))

    def _released(self, graphs: dict[str, Graph], theta: Graph) -> dict[str, Graph]:
        """Put what was held still back, now that graphs have been differentiated."""
        behind = self._at(theta, list(self.held.values()))
        for one, graph in reversed(list(zip(self.held, behind, strict=True))):  # û is made of what comes before it
            back = graph_replace(list(graphs.values()), {one: one.type.filter_variable(graph)}, strict=False)
            graphs = dict(zip(graphs, back, strict=True))
        return graphs


def gaussian_integral(density: JointDensity, k: int, pattern: Pattern) -> GaussianIntegral | None:
    """Write the integral of a density with k parameters; None where that is not certain, or the curvature too large.

    Parameters
    ----------
    density : JointDensity
        Of data and effects.
    k : int
        Number of parameters.
    pattern : Pattern
        Which effects meet.
    """
    q = pattern.size
    if pattern.largest > LARGEST and not (q <= LARGEST_FULL and len(pattern.rows) >= FULL * q * q):
        return None
    parts = _parted([density.joint, density.inside, density.prior], density.vector, k)
    if parts is None:
        return None
    theta, u, (joint, inside, prior) = parts
    if u in _values_of([inside, prior]) or not _is_polynomial(joint, u):
        return None
    score = gradient_graph(joint, u)
    products = _products(score, u, pattern)
    if products is None:
        return None
    start = {u: u.type.filter_variable(pt.zeros(q))}  # only the shape of u may be left in them
    products, score_at_start = (graph_replace(graphs, start, strict=False) for graphs in (products, score))
    mode = u.type("mode")
    joint_there, score_there = graph_replace([joint, score], {u: mode}, strict=False)
    write = _in_blocks if pattern.largest <= LARGEST else _as_one
    held, solved, halves, log_det = write(pattern, products, score_at_start, score_there)
    held[mode] = mode.type.filter_variable(solved)
    log_l = joint_there + halves - log_det + 0.5 * q * LOG_2PI
    return GaussianIntegral(theta, log_l.astype("float64"), inside, prior, held)


def _products(score: Graph, u: Graph, pattern: Pattern) -> list[Graph] | None:
    """Write the products (q,) of H with the pattern's seeds, or H itself; None where it is not free of u."""
    if pattern.largest <= LARGEST:
        written = [-gradient_graph((score * seed).sum(), u) for seed in pattern.seeds]
    else:
        direction: Graph = pt.vector("direction", dtype="float64", shape=(pattern.size,))
        product: Graph = -gradient_graph((score * direction).sum(), u)
        written = list(vectorized([product], {direction: pt.constant(np.eye(pattern.size))}))
    products: Any = rewrite_graph(written, include=("canonicalize", "stabilize", "specialize"))
    return None if u in _values_of(products) else list(products)


# What is held still, H⁻¹ s and ½ sᵀ H⁻¹ s' by a factor that is, and ½ log det H by one that is not.
Solved = tuple[dict[Graph, Graph], Graph, Graph, Graph]


def _as_one(pattern: Pattern, products: Sequence[Graph], right: Graph, other: Graph) -> Solved:
    """Factorise H as one matrix, NaN where it is not positive definite."""
    (matrix,) = products
    root: Graph = pt.linalg.cholesky(matrix, lower=True, on_error="nan")
    still = root.type("root")
    inner = pt.linalg.solve_triangular(still, right, lower=True)
    solved = pt.linalg.solve_triangular(still.T, inner, lower=False)
    half = 0.5 * (pt.linalg.solve_triangular(still, other, lower=True) ** 2).sum()
    return {still: root}, solved, half, pt.log(pt.diagonal(root)).sum()


def _in_blocks(pattern: Pattern, products: Sequence[Graph], right: Graph, other: Graph) -> Solved:
    """Factorise the blocks of H, element by element."""
    factors = [_factor(pattern, products, stack.elements) for stack in pattern.stacks]
    held = {element.type(): element for factor in factors for element in factor.elements}
    still = iter(held)
    factors_held = [BlockFactor(f.places, [[next(still) for _ in row] for row in f.rows]) for f in factors]
    solved = _joined([_solved(factor, right) for factor in factors_held], pattern.size)
    halves = sum((_half(f, other)[1] for f in factors_held), pt.constant(0.0))
    return held, solved, halves, sum((pt.log(row[-1]).sum() for f in factors for row in f.rows), pt.constant(0.0))


# --- what is certain -------------------------------------------------------------------------------------------------


def _parted(graphs: Sequence[Graph], vector: Graph, k: int) -> tuple[Graph, Graph, list[Graph]] | None:
    """Write graphs of one vector over parameters and effects apart; None where they take the vector otherwise."""
    theta = pt.vector("theta", dtype="float64", shape=(k,))
    u: Graph = pt.vector("u", dtype="float64", shape=(vector.type.shape[0] - k,))
    replacements: dict[Graph, Graph] = {}
    for node in applys_between([vector], graphs):
        if vector not in node.inputs:
            continue
        where = places_read(node, vector.type.shape[0])
        if where is None or where.start < k < where.stop:
            return None
        part, first = (theta, 0) if where.stop <= k else (u, k)
        taken = part[where.start - first : where.stop - first]
        taken = taken if node.outputs[0].type.ndim else taken[0]
        replacements[node.outputs[0]] = node.outputs[0].type.filter_variable(taken)
    if not replacements:
        return None
    parted = list(graph_replace(list(graphs), replacements, strict=False))
    return None if vector in ancestors(parted) else (theta, u, parted)


def _values_of(graphs: Sequence[Graph]) -> set[Graph]:
    """Return the variables whose values graphs depend on; the shape of one is no value."""
    seen: set[Graph] = set()
    todo = list(graphs)
    while todo:
        variable = todo.pop()
        if variable not in seen:
            seen.add(variable)
            node = variable.owner
            if node is not None and not isinstance(node.op, Shape | Shape_i):
                fills = isinstance(node.op, Elemwise) and isinstance(node.op.scalar_op, ps.Second)
                todo += node.inputs[1:] if fills else node.inputs
    return seen


def _is_polynomial(joint: Graph, u: Graph) -> bool:
    """Whether effects enter by sums, products, quotients and linear maps alone: without corners and steps."""
    moving: set[Graph] = {u}
    for node in toposort([joint], blockers=[u]):
        inside = [variable in moving for variable in node.inputs]
        if any(inside) and not isinstance(node.op, Shape | Shape_i):
            if not _is_allowed(node, inside):
                return False
            moving.update(node.outputs)
    return True


def _is_allowed(node: Any, inside: Sequence[bool]) -> bool:
    """Whether an Op is a sum, a product, a quotient or a linear map of those inputs that effects are `inside` of."""
    core = node.op.core_op if isinstance(node.op, Blockwise) else node.op
    if isinstance(core, Elemwise):
        op = core.scalar_op
        fixed = inside[:1] if isinstance(op, ps.Switch) else inside[1:] if isinstance(op, ps.Pow) else []
        return isinstance(op, POLYNOMIAL) and not any(fixed) and node.outputs[0].type.dtype.startswith("float")
    n_moved = next((n for kind, n in LINEAR.items() if isinstance(core, kind)), None)
    if isinstance(core, SolveTriangular):
        return not inside[0]
    return n_moved is not None and not any(inside[n_moved:])


# --- small blocks ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BlockFactor:
    """Lower triangles L of the blocks of one size, H = L Lᵀ: by rows, each element a vector with one number a block."""

    places: NDArray[np.intp]
    rows: list[list[Graph]]

    @property
    def elements(self) -> list[Graph]:
        """All elements, row after row."""
        return [element for row in self.rows for element in row]


def _factor(pattern: Pattern, products: Sequence[Graph], places: NDArray[np.intp]) -> BlockFactor:
    """Factorise the blocks whose elements are `places` (b, d), from products with the pattern's seeds."""
    stacked = pt.stack(products)
    rows: list[list[Graph]] = []
    for i, row_places in enumerate(places.T):
        row: list[Graph] = []
        for j in range(i + 1):
            colours = pattern.colours[places[:, j]]
            alike = (colours == colours[0]).all()
            element = _taken(products[colours[0]], row_places) if alike else stacked[colours, row_places]
            element = element - sum(a * b for a, b in zip(row, rows[j] if j < i else row, strict=False))
            row.append(pt.sqrt(element) if j == i else element / rows[j][j])
        rows.append(row)
    return BlockFactor(places, rows)


def _half(factor: BlockFactor, right: Graph) -> tuple[list[Graph], Graph]:
    """Return z = L⁻¹ times the blocks' elements of a vector (q,), and ½ zᵀz."""
    z: list[Graph] = []
    for row, places in zip(factor.rows, factor.places.T, strict=True):
        known = sum(a * b for a, b in zip(row[:-1], z, strict=True))
        z.append((_taken(right, places) - known) / row[-1])
    return z, 0.5 * sum((part**2).sum() for part in z)


def _solved(factor: BlockFactor, right: Graph) -> tuple[BlockFactor, list[Graph]]:
    """Return H⁻¹ times the blocks' elements of a vector (q,)."""
    z, _ = _half(factor, right)
    d, x = len(z), dict[int, Graph]()
    for i in reversed(range(d)):
        x[i] = (z[i] - sum(factor.rows[j][i] * x[j] for j in range(i + 1, d))) / factor.rows[i][i]
    return factor, [x[i] for i in range(d)]


def _joined(solved: Sequence[tuple[BlockFactor, list[Graph]]], size: int) -> Graph:
    """Return what has been solved for block by block as one vector (q,)."""
    order = np.concatenate([factor.places.T.ravel() for factor, _ in solved])
    joined = pt.concatenate([part for _, parts in solved for part in parts])
    return joined if (order == np.arange(size)).all() else joined[np.argsort(order)]


def _taken(vector: Graph, places: NDArray[np.intp]) -> Graph:
    """Return elements of a vector, as a slice where they are evenly spaced, whose derivatives cost less."""
    steps = np.diff(places)
    if len(places) == 1 or (steps[0] > 0 and (steps == steps[0]).all()):
        step = 1 if len(places) == 1 else int(steps[0])
        return vector[int(places[0]) : int(places[-1]) + 1 : step]
    return vector[places]
