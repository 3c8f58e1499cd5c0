"""A null as equations on the parameters of its alternative, c(θ) − c(g(θ)) = 0.

The elements that the null does not have free are constants there, or functions g of those it has (a Deterministic of
the same name). Each is measured on a coordinate c on which the alternative is regular near the null: the element
itself; its distance from a bound; the square of that, where −2LL depends on no more (a standard deviation at 0, whose
variance counts); or a reciprocal, where the null is at infinity.
"""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import numpy as np

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.inference.hypothesis_tests.nested_models import HALVED, STEP_INSIDE, Nesting, nest, sizes
from pymc_landscape.inference.hypothesis_tests.null_point import ALMOST_INFINITE, flat_bounds, inward
from pymc_landscape.objective import RestrictedObjective
from pymc_landscape.objective.observations import known_value
from pymc_landscape.optimize import Fit

# How far from where the null was found it is compared a second time, as a share of the way to the initial point.
ASIDE = 0.1
# Two values of −2LL aside are the same within this, absolute and relative to their size.
SAME, SAME_RELATIVE = 1e-5, 1e-9


@dataclass(frozen=True)
class Coordinate:
    """A function of one natural element on which the alternative is regular where the null holds.

    Parameters
    ----------
    kind : {"element", "distance", "square", "reciprocal"}
        What it is.
    origin : float
        The bound, where it is measured from one.
    inward : float
        The sign, ±1, of the way from the bound into the support.
    """

    kind: Literal["element", "distance", "square", "reciprocal"] = "element"
    origin: float = 0.0
    inward: float = 1.0

    def value(self, x: float) -> float:
        """Return the coordinate of a natural value; it is 0 at the bound."""
        if self.kind == "element":
            return x
        if self.kind == "reciprocal":
            return 0.0 if abs(x) >= ALMOST_INFINITE else -self.inward / x
        distance = self.inward * (x - self.origin)
        return distance**2 if self.kind == "square" else distance

    def rate(self, x: float) -> float:
        """Return its derivative by the natural value."""
        if self.kind == "element":
            return 1.0
        if self.kind == "reciprocal":
            return 0.0 if abs(x) >= ALMOST_INFINITE else self.inward / x**2
        return 2.0 * (x - self.origin) if self.kind == "square" else self.inward

    def natural(self, y: float) -> tuple[float, float, float]:
        """Return the natural value of a coordinate y > 0, and its two derivatives by y."""
        if self.kind == "reciprocal":
            return -self.inward / y, self.inward / y**2, -2.0 * self.inward / y**3
        if self.kind == "square":
            root = np.sqrt(y)
            return self.origin + self.inward * root, self.inward * 0.5 / root, -self.inward * 0.25 / root**3
        return self.origin + self.inward * y, self.inward, 0.0


class NullConstraint:
    """A null as equations on the natural parameters of its alternative.

    Parameters
    ----------
    null, alternative : Fit
        Both at the point at which the null was found; neither need be fitted.

    Attributes
    ----------
    nesting : Nesting
        Where the null lies in the alternative.
    labels : list of str
        The elements that are not free in the null.

    Raises
    ------
    ValueError
        If the null is not nested in the alternative, or it is not known where in it.
    """

    def __init__(self, null: Fit, alternative: Fit):
        self.null, self.alternative = null, alternative
        self.nesting: Nesting = nest(null, alternative)
        if self.nesting.point is None:
            raise ValueError(
                "Expected a null whose place in the alternative is known, got one that fixes "
                f"{', '.join(self.nesting.fixed)} at unknown values: make it with pm.do, or use likelihood_ratio_test, "
                "which needs the two values of −2LL alone."
            )
        self.layout = alternative.objective.layout()
        self.labels = list(self.nesting.fixed)
        self._positions = {label: i for i, label in enumerate(self.layout.labels)}
        if self.nesting.assumed and null.n_parameters:
            self._refuse_a_single_point()

    @property
    def rows(self) -> list[int]:
        """Positions in the natural vector of the elements that the null does not have free."""
        return [self._positions[label] for label in self.labels]

    @cached_property
    def coordinates(self) -> list[Coordinate]:
        """The coordinate of each of these elements."""
        return [self._coordinate(label) for label in self.labels]

    @property
    def at_bound(self) -> list[int]:
        """Which of these elements, by position among them, the null puts at a bound."""
        return [i for i, label in enumerate(self.labels) if label in self.nesting.at_bound]

    def residual(self, vector: Array) -> Array:
        """Return c(θ) − c(g(θ)) (p,) at a natural vector (n,) of the alternative."""
        wanted = self._wanted(vector)
        rows = zip(self.rows, self.coordinates, strict=True)
        return np.array([c.value(float(vector[i])) - c.value(float(wanted[i])) for i, c in rows])

    def jacobian(self, vector: Array) -> Array:
        """Return its derivatives (p, n) by the natural elements."""
        jacobian, moved = np.zeros((len(self.labels), len(vector))), self._moved(vector)
        for row, (i, c) in enumerate(zip(self.rows, self.coordinates, strict=True)):
            jacobian[row] = -c.rate(float(vector[i])) * moved.get(self.labels[row], 0.0)
            jacobian[row, i] += c.rate(float(vector[i]))
        return jacobian

    def placed(self, null_vector: Array) -> Array:
        """Return the natural vector (n,) of the alternative at a natural vector of the null."""
        assert self.nesting.point is not None
        own, there = self._shared
        if len(own) < len(null_vector):
            raise ValueError(
                "Expected a null whose parameters have the names that they have in the alternative, got others: "
                "its refits have no place there; use likelihood_ratio_test."
            )
        vector = np.array(self.nesting.point)
        vector[there] = null_vector[own]
        return self._wanted(vector)

    # --- what the null does not have free as functions of what it has ------------------------------------------------

    @cached_property
    def _followers(self) -> list[str]:
        """Variables of the alternative that the null computes from its own free ones."""
        if not self.null.n_parameters:
            return []
        own, model = self.null.objective, self.null.objective.model
        names = [v.name for v in self.alternative.objective.variables]
        return [name for name in names if name in own.deterministics and known_value(model, name) is None]

    @cached_property
    def _shared(self) -> tuple[list[int], list[int]]:
        """Positions of the elements that are free in both, in the null's natural vector and in the alternative's."""
        labels = self.null.objective.layout().labels if self.null.n_parameters else []
        both = [(i, self._positions[label]) for i, label in enumerate(labels) if label in self._positions]
        return [i for i, _ in both], [j for _, j in both]

    def _null_vector(self, vector: Array) -> Array:
        own, there = self._shared
        values = self.null.objective.layout().join(self.null.objective.initial_point())
        values[own] = vector[there]
        return values

    def _wanted(self, vector: Array) -> Array:
        """Return the alternative's natural vector with what is not free in the null as the null has it."""
        assert self.nesting.point is not None
        wanted = np.array(vector)
        wanted[self.rows] = self.nesting.point[self.rows]
        if self._followers:
            engine = self.null.objective.engine("derived")
            values = dict(zip(engine.names, engine.one(self._null_vector(vector)), strict=True))
            wanted = self._with_followers(wanted, values)
        return wanted

    def _with_followers(self, wanted: Array, values: dict[str, Array]) -> Array:
        for name in self._followers:
            own = self._own(name)
            for i, value in zip(own, np.broadcast_to(np.ravel(values[name]), len(own)), strict=True):
                if i in self.rows:
                    wanted[i] = value
        return wanted

    def _own(self, name: str) -> range:
        return range(self.layout.size)[self.layout.slices[name]]

    def _moved(self, vector: Array) -> dict[str, Array]:
        """Return how what follows moves with the alternative's natural elements (n,), by label."""
        if not self._followers:
            return {}
        objective, own, there = self.null.objective, *self._shared
        engine = objective.engine("derived_jacobian")
        null_vector = self._null_vector(vector)
        rates = engine.one(null_vector)[0].reshape(len(null_vector), -1)
        names, values = objective.engine("derived"), objective.engine("derived").one(null_vector)
        begin, moved = 0, {}
        for name, value in zip(names.names, values, strict=True):
            if name in self._followers:
                for k, i in enumerate(self._own(name)):
                    rate = np.zeros(len(vector))
                    rate[there] = rates[own, begin + (k if np.size(value) > 1 else 0)]
                    moved[self.layout.labels[i]] = rate
            begin += np.size(value)
        return moved

    # --- coordinates, and a second look ------------------------------------------------------------------------------

    def _coordinate(self, label: str) -> Coordinate:
        if label not in self.nesting.at_bound:
            return Coordinate()
        assert self.nesting.point is not None
        i = self._positions[label]
        bound = float(self.nesting.point[i])
        if abs(bound) >= ALMOST_INFINITE:
            return Coordinate("reciprocal", bound, -np.sign(bound))
        into = inward(flat_bounds(self.alternative)[i], bound)
        return Coordinate("square" if self._is_even(i, into) else "distance", bound, into)

    def _is_even(self, i: int, into: float) -> bool:
        """Whether the derivative by an element halves with half its distance from the bound."""
        assert self.nesting.point is not None
        restricted = RestrictedObjective(self.alternative.objective, self.alternative.objective.names)
        step = STEP_INSIDE * float(sizes(self.alternative, self.nesting.point)[i]) * into
        further, nearer = np.array(self.nesting.point), np.array(self.nesting.point)
        further[i] += step
        nearer[i] += step / 2
        with np.errstate(all="ignore"):
            there, here = (restricted.value_and_gradient(x)[1][i] for x in (further, nearer))
            return bool(abs(here / there - 0.5) < HALVED)

    def _refuse_a_single_point(self) -> None:
        """Refuse a null that has the alternative's −2LL at the point at which it was found, and not beside it."""
        assert self.nesting.point is not None
        own, initial = self.null.objective, self.alternative.objective.initial_point()
        aside = self.nesting.point + ASIDE * (self.layout.join(initial) - self.nesting.point)
        there = self._wanted(np.where(np.isfinite(aside), aside, self.nesting.point))
        rows = [(self.alternative.objective, there), (own, self._null_vector(there))]
        values = [RestrictedObjective(objective, objective.names).value(x) for objective, x in rows]
        if np.isfinite(values).all() and abs(values[0] - values[1]) > SAME + SAME_RELATIVE * abs(values[1]):
            raise ValueError(
                f"Expected an alternative that becomes the null where it fixes {', '.join(self.labels)}, got −2LL "
                f"{values[0]:.6f} beside the estimate and {values[1]:.6f} for the null there: make the null with pm.do."
            )
