"""The truth the package is held against: PyMC's own densities, one point at a time.

Nothing of the package is used. Models are built `in_double_precision`. Values are on the natural scale, and transforms
are taken off the model, so no Jacobian enters. Graphs run interpreted in NumPy, with PyTensor's stabilising rewrites.
"""

import re
import warnings
from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
from pymc.initial_point import make_initial_point_expression
from pymc.model.transform.basic import remove_minibatched_nodes
from pymc.model.transform.conditioning import remove_value_transforms
from pytensor.compile.mode import Mode
from pytensor.graph.rewriting.db import RewriteDatabaseQuery
from pytensor.link.vm import VMLinker

INTERPRETED = Mode(
    VMLinker(use_cloop=False, c_thunks=False),
    RewriteDatabaseQuery(include=["fast_run"], exclude=["fusion", "inplace", "BlasOpt"]),
)
Point = dict[str, Any]


def without_compiler():
    """Keep PyTensor from calling the C compiler, which takes seconds for each small graph."""
    return pytensor.config.change_flags(cxx="")


def in_double_precision():
    """Have PyTensor give the constants that are made now NumPy's types; it takes the logarithm of int8 in float32."""
    return pytensor.config.change_flags(cast_policy="numpy+floatX")


def evaluated(graph) -> np.ndarray:
    """The value of a graph without inputs."""
    with without_compiler():
        return np.array(graph.eval(mode="FAST_COMPILE"))


def untransformed(model: pm.Model) -> pm.Model:
    """The model without value transforms; initial values stand in PyMC's way and are set aside."""
    starts = dict(model.rvs_to_initial_values)
    model.rvs_to_initial_values.update(dict.fromkeys(starts))
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Detected variables likely created by GP")
            return remove_value_transforms(model)
    finally:
        model.rvs_to_initial_values.update(starts)


class Oracle:
    """Pointwise log-likelihood of every term, and the log prior, at named natural-scale points."""

    def __init__(self, model: pm.Model, *, whole_data: bool = False) -> None:
        self.model = remove_minibatched_nodes(model) if whole_data else model
        self.plain = untransformed(self.model)
        self.plain.check_bounds = model.check_bounds
        terms = self.plain.observed_RVs + self.plain.potentials
        free = self.plain.free_RVs
        self.terms = [t.name for t in terms]
        with without_compiler(), in_double_precision():
            self._densities = self.plain.compile_fn(
                self.plain.logp(vars=terms + free, jacobian=False, sum=False),
                inputs=self.plain.value_vars,
                mode=INTERPRETED,
                on_unused_input="ignore",
            )
        # by the variable's own name: PyMC cuts some of what is longer, corr_cholesky_corr__, in the middle
        names = {value: rv.name for rv, value in self.plain.rvs_to_values.items()}
        self._values = {v.name: (names[v], v.dtype) for v in self.plain.value_vars}
        self.initial = self._initial_point()

    def _initial_point(self) -> Point:
        """Where PyMC would start, on the natural scale."""
        free = self.model.free_RVs
        values = make_initial_point_expression(
            free_rvs=free,
            rvs_to_transforms=self.model.rvs_to_transforms,
            initval_strategies=self.model.rvs_to_initial_values,
            return_transformed=False,
        )
        with without_compiler():
            start = pm.compile([], values, mode="FAST_COMPILE")()
        return dict(zip([v.name for v in free], start, strict=True))

    def __call__(self, point: Mapping[str, Any]) -> tuple[dict[str, np.ndarray], float]:
        values = {n: np.asarray(point[own], dtype=d) for n, (own, d) in self._values.items()}
        densities = [np.asarray(v, dtype=float) for v in self._densities(values)]
        prior = float(sum(d.sum() for d in densities[len(self.terms) :]))
        return dict(zip(self.terms, densities, strict=False)), prior

    def with_element(self, point: Point, label: str, value: float) -> Point:
        """The point with one labelled element changed, on whichever scale the label lives."""
        name, inside = re.fullmatch(r"([^\[]*)(?:\[(.*)\])?", label).groups()
        if name in point:
            changed = np.array(point[name], copy=True)
            changed[self._position(name, changed.shape, inside)] = value
            return {**point, name: changed}
        return self._with_value_element(point, name, int(inside), value)

    def _position(self, name: str, shape: tuple[int, ...], inside: str | None) -> tuple[int, ...]:
        dims = self.model.named_vars_to_dims.get(name, (None,) * len(shape))
        coords = [
            range(n) if self.model.coords.get(d) is None else self.model.coords[d]
            for d, n in zip(dims, shape, strict=True)
        ]
        for position, parts in zip(np.ndindex(shape), product(*coords), strict=True):
            if inside is None or ", ".join(map(str, parts)) == inside:
                return position
        raise KeyError(f"{name}[{inside}]")

    def _with_value_element(self, point: Point, name: str, place: int, value: float) -> Point:
        rv = next(r for r, v in self.model.rvs_to_values.items() if v.name == name)
        transform = self.model.rvs_to_transforms[rv]
        inner = evaluated(transform.forward(pt.as_tensor(point[rv.name]), *rv.owner.inputs))
        inner[place] = value
        outer = evaluated(transform.backward(pt.as_tensor(inner), *rv.owner.inputs))
        return {**point, rv.name: outer}


def grid_points(oracle: Oracle, axes: Mapping[str, np.ndarray], at: Mapping[str, Any]):
    """Yield (index, natural point) over the Cartesian grid, the first axis slowest."""
    held = {**oracle.initial, **at}
    for index in np.ndindex(*(len(v) for v in axes.values())):
        point = dict(held)
        for (label, values), i in zip(axes.items(), index, strict=True):
            point = oracle.with_element(point, label, values[i])
        yield index, point
