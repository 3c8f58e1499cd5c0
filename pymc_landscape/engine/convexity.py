"""Whether a graph is a convex function of its vector, read off the graph.

The rules are those of disciplined convex programming (Grant, Boyd & Ye 2006, in *Global Optimization: from Theory to
Implementation*, 155-210): sums of convex functions are convex, so is a convex function of an affine one, and an
increasing convex function of a convex one. With each variable goes an interval that holds its values, which decides
conditions: 0 ≤ p where p is a sigmoid. What depends on data alone is evaluated. What no rule is known for may be
anything. Where the answer is yes, a local minimum is the only one, along every straight line and on every plane.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from types import MappingProxyType
from typing import Any

import numpy as np
from pytensor import scalar as ps
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Apply, Constant
from pytensor.tensor.basic import Alloc, Join, MakeVector
from pytensor.tensor.elemwise import CAReduce, DimShuffle, Elemwise
from pytensor.tensor.math import Dot
from pytensor.tensor.shape import Reshape, SpecifyShape
from pytensor.tensor.subtensor import AdvancedSubtensor, Subtensor

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array, Graph
from pymc_landscape.engine.interpreter import performed


class Bend(Enum):
    """How a variable depends on the vector."""

    CONSTANT = 0
    AFFINE = 1
    CONVEX = 2
    CONCAVE = 3
    UNKNOWN = 4


@dataclass(frozen=True)
class Form:
    """What is known of all elements of a variable, at finite points of the vector.

    Parameters
    ----------
    bend : Bend
        How it depends on the vector.
    low, high : float
        What its values are not below, and not above.
    low_in, high_in : bool
        Whether it may be equal to them.
    """

    bend: Bend
    low: float = -math.inf
    high: float = math.inf
    low_in: bool = False
    high_in: bool = False

    @property
    def truth(self) -> bool | None:
        """As a condition: whether it holds for all elements, or for none; None where that is not known."""
        return True if self.low > 0 else False if self.high == self.low == 0 else None

    @property
    def is_data(self) -> bool:
        """Whether it is the same at all points."""
        return self.bend is Bend.CONSTANT

    @property
    def is_finite(self) -> bool:
        """Whether no element is ever infinite."""
        return (self.low > -math.inf or not self.low_in) and (self.high < math.inf or not self.high_in)


_ANYTHING = Form(Bend.UNKNOWN, low_in=True, high_in=True)
_AS_THEY_ARE: Mapping[Graph, Sequence[Array]] = MappingProxyType({})
_TRUE, _FALSE = (Form(Bend.CONSTANT, v, v, True, True) for v in (1.0, 0.0))
_UNDECIDED = Form(Bend.UNKNOWN, 0.0, 1.0, True, True)


def is_convex(graph: Graph, vector: Graph, several: Mapping[Graph, Sequence[Array]] = _AS_THEY_ARE) -> bool:
    """Return whether a scalar graph, with its rewrites done, is known to be convex in its vector.

    Parameters
    ----------
    graph : Graph
        A scalar, without Ops that are fused.
    vector : Graph
        The vector.
    several : mapping of Graph to sequence of array, optional
        Of data, as many values as there are data sets: the graph is to be convex with each of them.
    """
    forms, values = {vector: Form(Bend.AFFINE)}, dict[Graph, Sequence[Any]](several)
    pending = [graph]
    while pending:
        variable = pending[-1]
        missing = [v for v in _inputs(variable) if v not in forms] if variable not in forms else []
        pending += missing
        if not missing:
            known = forms.get(pending.pop())
            forms[variable] = known or _form(variable, forms, values)
    return forms[graph].bend in (Bend.CONSTANT, Bend.AFFINE, Bend.CONVEX)


def _inputs(variable: Graph) -> list[Graph]:
    return list(variable.owner.inputs) if variable.owner is not None else []


def _form(variable: Graph, forms: dict[Graph, Form], values: dict[Graph, Sequence[Any]]) -> Form:
    node = variable.owner
    if node is None or all(v in values for v in node.inputs):
        return _of_data(variable, values)
    if len(node.outputs) > 1:
        return _ANYTHING
    inputs = [forms[v] for v in node.inputs]
    if isinstance(node.op, Elemwise):
        rule = _RULES.get(type(node.op.scalar_op))
        return _ANYTHING if rule is None else rule(*inputs)
    return _of_array_op(node, inputs)


def _of_data(variable: Graph, values: dict[Graph, Sequence[Any]]) -> Form:
    """Return the form of what depends on data alone; keep its values, one for each data set that has its own."""
    if variable not in values and (data := _values(variable, values)) is not None:
        values[variable] = data
    arrays = values.get(variable, ())
    if not arrays or not all(isinstance(one, np.ndarray | np.generic | int | float) for one in arrays):
        return _ANYTHING  # also a slice, or a random generator
    array = np.asarray(arrays)
    if not array.size or array.dtype.kind not in "biuf" or np.isnan(array).any():
        return _ANYTHING
    return Form(Bend.CONSTANT, float(array.min()), float(array.max()), True, True)


def _values(variable: Graph, values: dict[Graph, Sequence[Any]]) -> Sequence[Any] | None:
    node = variable.owner
    if isinstance(variable, Constant):
        return [variable.data]
    if isinstance(variable, SharedVariable):
        return [variable.get_value(borrow=True)]
    if node is None or len(node.outputs) > 1 or node.op.destroy_map:
        return None
    inputs = [values[v] for v in node.inputs]
    n = max(map(len, inputs), default=1)
    try:
        return [performed(node, [own[i % len(own)] for own in inputs])[0] for i in range(n)]
    except Exception:  # an Op that cannot be called alone
        return None


def _of_array_op(node: Apply[Any], inputs: Sequence[Form]) -> Form:
    if isinstance(node.op, DimShuffle | Reshape | SpecifyShape | Subtensor | AdvancedSubtensor | Alloc):
        return inputs[0]
    if isinstance(node.op, MakeVector):
        return _any_of(inputs)
    if isinstance(node.op, Join):
        return _any_of(inputs[1:])
    if isinstance(node.op, Dot):
        straight = {form.bend for form in inputs} == {Bend.CONSTANT, Bend.AFFINE}
        return Form(Bend.AFFINE) if straight and all(form.is_finite for form in inputs) else _ANYTHING
    if isinstance(node.op, CAReduce) and isinstance(node.op.scalar_op, ps.Add):
        return _summed(inputs[0])
    if isinstance(node.op, CAReduce) and isinstance(node.op.scalar_op, ps.AND):
        return inputs[0] if inputs[0].truth is not None else _UNDECIDED
    return _ANYTHING


# --- rules -----------------------------------------------------------------------------------------------------------


def _joined(forms: Sequence[Form]) -> Bend:
    """Return the bend of a sum, or of what is one of several in each element."""
    bends = {form.bend for form in forms} - {Bend.CONSTANT}
    curved = bends - {Bend.AFFINE}
    if len(curved) > 1:
        return Bend.UNKNOWN
    return next(iter(curved), Bend.AFFINE if bends else Bend.CONSTANT)


def _any_of(forms: Sequence[Form]) -> Form:
    low, high = min(form.low for form in forms), max(form.high for form in forms)
    low_in = any(form.low_in for form in forms if form.low == low)
    return Form(_joined(forms), low, high, low_in, any(form.high_in for form in forms if form.high == high))


def _summed(form: Form) -> Form:
    """Sum over axes: so many terms that nothing but the sign is known."""
    low, high = (0.0 if form.low >= 0 else -math.inf), (0.0 if form.high <= 0 else math.inf)
    return Form(form.bend, low, high, low == 0 or not form.is_finite, high == 0 or not form.is_finite)


def _added(*forms: Form) -> Form:
    if any(form.is_data and not form.is_finite for form in forms):
        return _ANYTHING
    low, high = sum(form.low for form in forms), sum(form.high for form in forms)
    finite = all(form.is_finite for form in forms)
    low_in = not finite if low == -math.inf else all(form.low_in for form in forms)
    high_in = not finite if high == math.inf else all(form.high_in for form in forms)
    return Form(_joined(forms), low, high, low_in, high_in)


def _negated(form: Form) -> Form:
    flipped = {Bend.CONVEX: Bend.CONCAVE, Bend.CONCAVE: Bend.CONVEX}.get(form.bend, form.bend)
    return Form(flipped, -form.high, -form.low, form.high_in, form.low_in)


def _multiplied(*forms: Form) -> Form:
    """Multiply one variable by data of one sign, or an affine one by any."""
    variables, data = [f for f in forms if not f.is_data], [f for f in forms if f.is_data]
    if len(variables) > 1 or not all(form.is_finite for form in forms):
        return _ANYTHING
    low, high = 1.0, 1.0
    for factor in data:
        corners = [a * b for a in (low, high) for b in (factor.low, factor.high)]
        low, high = min(corners), max(corners)
    if not variables:  # conditions, some of which were decided without values
        return Form(Bend.CONSTANT, low, high, True, True)
    (form,) = variables
    if high <= 0:
        form, low, high = _negated(form), -high, -low
    if low < 0:
        return Form(Bend.AFFINE) if form.bend is Bend.AFFINE else _ANYTHING
    bottom, top = (0.0 if form.low >= 0 else -math.inf), (0.0 if form.high <= 0 else math.inf)
    bottom_in, top_in = (low == 0 or form.low_in), (low == 0 or form.high_in)
    return Form(form.bend, bottom, top, bottom == 0 and bottom_in, top == 0 and top_in)


def _divided(above: Form, below: Form) -> Form:
    if not (below.is_data and below.is_finite and (below.low > 0 or below.high < 0)):
        return _ANYTHING
    return _multiplied(above, Form(Bend.CONSTANT, 1.0 / below.high, 1.0 / below.low, True, True))


def _rising(bend: Bend, low: float, domain: float = -math.inf) -> Callable[[Form], Form]:
    """Return the rule of an increasing function, convex or concave, finite above `domain`, with values above `low`."""

    def rule(form: Form) -> Form:
        inside = form.is_finite and (form.low > domain or (form.low == domain and not form.low_in))
        if not inside:
            return _ANYTHING
        return Form(bend if form.bend in (Bend.AFFINE, bend) else Bend.UNKNOWN, low)

    return rule


def _even(form: Form) -> Form:
    """Return the form of a square, or of an absolute value."""
    bend = Bend.CONVEX if form.bend is Bend.AFFINE else Bend.UNKNOWN
    return Form(bend, 0.0, math.inf, True, not form.is_finite)


def _sigmoid(form: Form) -> Form:
    """Return a form that is neither convex nor concave, and strictly between 0 and 1."""
    return Form(Bend.UNKNOWN, 0.0, 1.0, not form.is_finite, not form.is_finite)


def _chosen(condition: Form, yes: Form, no: Form) -> Form:
    """Choose by a condition that is decided, or by one on data alone."""
    if condition.truth is not None:
        return yes if condition.truth else no
    return _any_of((yes, no)) if condition.is_data else _ANYTHING


def _below(a: Form, b: Form) -> bool:
    """Whether a < b everywhere."""
    return a.high < b.low or (a.high == b.low and not (a.high_in and b.low_in))


def _not_above(a: Form, b: Form) -> bool:
    return a.high <= b.low


def _apart(a: Form, b: Form) -> bool:
    return _below(a, b) or _below(b, a)


def _never(a: Form, b: Form) -> bool:
    return False


def _decided(holds: Callable[[Form, Form], bool], fails: Callable[[Form, Form], bool]) -> Callable[[Form, Form], Form]:
    return lambda a, b: _TRUE if holds(a, b) else _FALSE if fails(a, b) else _UNDECIDED


def _all_hold(*forms: Form) -> Form:
    truths = [form.truth for form in forms]
    return _FALSE if False in truths else _UNDECIDED if None in truths else _TRUE


def _inverted(form: Form) -> Form:
    return _UNDECIDED if form.truth is None else _FALSE if form.truth else _TRUE


_RULES: dict[type, Callable[..., Form]] = {
    ps.Add: _added,
    ps.Sub: lambda a, b: _added(a, _negated(b)),
    ps.Neg: _negated,
    ps.Mul: _multiplied,
    ps.TrueDiv: _divided,
    ps.Cast: lambda form: form,
    ps.Identity: lambda form: form,
    ps.Second: lambda _, form: form,
    ps.Sqr: _even,
    ps.Abs: _even,
    ps.Exp: _rising(Bend.CONVEX, 0.0),
    ps.Softplus: _rising(Bend.CONVEX, 0.0),
    ps.Log: _rising(Bend.CONCAVE, -math.inf, domain=0.0),
    ps.Log1p: _rising(Bend.CONCAVE, -math.inf, domain=-1.0),
    ps.Sigmoid: _sigmoid,
    ps.Switch: _chosen,
    ps.GE: _decided(lambda a, b: _not_above(b, a), _below),
    ps.LE: _decided(_not_above, lambda a, b: _below(b, a)),
    ps.GT: _decided(lambda a, b: _below(b, a), _not_above),
    ps.LT: _decided(_below, lambda a, b: _not_above(b, a)),
    ps.EQ: _decided(_never, _apart),
    ps.NEQ: _decided(_apart, _never),
    ps.AND: _all_hold,
    ps.OR: lambda *forms: _inverted(_all_hold(*map(_inverted, forms))),
    ps.Invert: _inverted,
}
