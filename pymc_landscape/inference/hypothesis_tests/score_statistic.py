"""Rao's score statistic: the slope of the alternative at the null's estimate, measured by its information there.

With U the gradient of log L by the alternative's parameters at the null's estimate and I the information, the
statistic is Uᵀ I⁻¹ U (Rao 1948, *Proceedings of the Cambridge Philosophical Society* 44, 50-57). Where the null puts
parameters at a bound, Z = I⁻¹U is projected on the cone of what lies inside, and the statistic is the length of the
projection (Silvapulle & Silvapulle 1995, *Journal of the American Statistical Association* 90, 342-349). Where the
model is wrong, the part of Z that is tested is measured by its sandwich covariance (White 1982, *Econometrica* 50,
1-25; Boos 1992, *The American Statistician* 46, 327-333).
"""

from __future__ import annotations

import numpy as np
import scipy

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.inference.hypothesis_tests.null_constraint import NullConstraint
from pymc_landscape.numerics import chibar2_weights, quadratic_form, spectrum
from pymc_landscape.objective import Objective, RestrictedObjective

# Distances from the bound, in the least of them, from which derivatives are taken to the bound by a polynomial.
NODES = np.arange(1.0, 6.0)
# That least distance in standard errors of the coordinate, and how often it is found from the curvature.
NEAR, PILOTS = 0.02, 3
# What the slope along the null itself may gain, in −2LL: its estimate is a minimum.
ALONG_NULL = 1e-4


@dataclass(frozen=True)
class Score:
    """The score statistic of one data set.

    Parameters
    ----------
    statistic : float
        Uᵀ I⁻¹ U, projected where the null is at a bound.
    information : str
        ``"expected"``, ``"observed"`` or ``"sandwich"``.
    at_bound : array (m, m)
        Asymptotic covariance of the coordinates of what the null puts at a bound, all else estimated.
    """

    statistic: float
    information: str
    at_bound: Array

    def weights(self, df: int) -> Array:
        """Return the weights of χ²₀, ..., χ²_df under the null."""
        m = len(self.at_bound)
        if not m:
            return np.asarray(np.eye(df + 1)[-1])
        mixture = np.array([0.5, 0.5]) if m == 1 else chibar2_weights(self.at_bound)
        return np.concatenate([np.zeros(df - m), mixture])


class ScoreFunction:
    """The score statistic as a function of the data and of the null's estimate.

    Parameters
    ----------
    constraint : NullConstraint
        The null in the alternative.
    information : {"auto", "expected", "observed", "sandwich"}
        ``"auto"``: expected where it is known in closed form.
    """

    def __init__(self, constraint: NullConstraint, information: str):
        self.constraint, objective = constraint, constraint.alternative.objective
        assert constraint.nesting.point is not None
        variables = objective.variables
        self.natural = frozenset(v.name for v in variables if v.elementwise)
        layout = objective.layout(objective.names - self.natural)
        place = {
            label: layout.slices[v.name].start + i
            for v in variables
            if v.elementwise
            for i, label in enumerate(v.labels)
        }
        named = zip(constraint.labels, constraint.coordinates, strict=True)
        self.bounded = {place[label]: c for label, c in named if label in place and c.kind != "element"}
        held = [label for label in _labels_at_bound(constraint) if label in place and place[label] not in self.bounded]
        self.free = np.array([i for i in range(layout.size) if i not in {place[label] for label in held}])
        self.information = self._known(information, objective, constraint.nesting.point)

    def _known(self, information: str, objective: Objective, point: Array) -> str:
        if information != "auto":
            return information
        restricted = RestrictedObjective(objective, self.natural)
        try:
            x = restricted.restrict(objective.layout().split(point))
            objective.fisher(np.where(np.isfinite(x), x, 0.0), restricted.unconstrained)
        except ValueError:
            return "observed"
        return "expected"

    def __call__(self, objective: Objective, vector: Array) -> Score:
        """Return the statistic of the alternative `objective` at the natural vector (n,) of the null's estimate.

        Raises
        ------
        ValueError
            If there is no slope or information there, or the null's estimate is no minimum along the null.
        """
        restricted = RestrictedObjective(objective, self.natural)
        x = restricted.restrict(objective.layout().split(vector))
        gradient, information = self._derivatives(restricted, x)
        score, information = -0.5 * gradient[self.free], information[np.ix_(self.free, self.free)]
        bent = spectrum(information) if np.isfinite(information).all() and np.isfinite(score).all() else None
        if bent is None or not bent.is_positive:
            kind = "expected" if self.information == "expected" else "observed"
            raise ValueError(
                f"Expected an information matrix that is positive definite where the null holds, got an {kind} one "
                "that is not: the score has no length there; use likelihood_ratio_test."
            )
        covariance = bent.inverse()
        jacobian = self._jacobian(restricted, x, vector)
        self._refuse_slope_along_null(score, information, jacobian)
        if self.information == "sandwich":
            return Score(self._robust(restricted, x, score, covariance, jacobian), "sandwich", np.zeros((0, 0)))
        estimate = covariance @ score
        rows = [int(np.flatnonzero(self.free == i)[0]) for i in self.bounded]
        block = covariance[np.ix_(rows, rows)]
        statistic = float(score @ estimate) - _distance_to_cone(estimate[rows], block)
        return Score(max(statistic, 0.0), self.information, block)

    # --- derivatives, at a bound from inside -------------------------------------------------------------------------

    def _derivatives(self, restricted: RestrictedObjective, x: Array) -> tuple[Array, Array]:
        """Return the gradient of −2LL and the information, by the coordinates of what is at a bound."""
        if not np.isfinite(np.delete(x, list(self.bounded))).all():
            raise ValueError(
                "Expected a null inside the support or with single elements at its bounds, got one at the edge of a "
                "simplex or of a covariance: use likelihood_ratio_test."
            )
        if not self.bounded:
            return self._at(restricted, x)
        if all(c.kind == "distance" for c in self.bounded.values()):
            gradient, information = self._at(restricted, x)
            if np.isfinite(gradient).all() and np.isfinite(information).all():
                sign = np.ones(len(x))
                sign[list(self.bounded)] = [c.inward for c in self.bounded.values()]
                return sign * gradient, information * np.outer(sign, sign)
        return self._extrapolated(restricted, x)

    def _at(self, restricted: RestrictedObjective, x: Array) -> tuple[Array, Array]:
        with np.errstate(all="ignore"):
            if self.information == "expected":
                information = restricted.objective.fisher(x, restricted.unconstrained)
                return restricted.value_and_gradient(x)[1], information
            _, gradient, hessian = restricted.value_gradient_hessian(x)
            return gradient, 0.5 * hessian

    def _extrapolated(self, restricted: RestrictedObjective, x: Array) -> tuple[Array, Array]:
        """Take the derivatives a little inside the bounds, and from there to them by a polynomial."""
        places = list(self.bounded)
        initial = restricted.restrict(restricted.objective.initial_point())
        starts = zip(places, self.bounded.values(), strict=True)
        near = np.array([NEAR * (abs(c.value(float(initial[i]))) or 1.0) for i, c in starts])
        for _ in range(PILOTS):
            curvature = np.abs(np.diagonal(self._inside(restricted, x, near)[1])[places])
            wanted = NEAR / np.sqrt(np.where(curvature > 0, curvature, (NEAR / near) ** 2))
            near = np.where(np.isfinite(wanted), np.clip(wanted, 1e-3 * near, 1e3 * near), near)
        parts = [self._inside(restricted, x, node * near) for node in NODES]
        to_bound = np.array([np.prod([other / (other - node) for other in NODES if other != node]) for node in NODES])
        gradients, informations = (np.stack([part[k] for part in parts]) for k in (0, 1))
        return np.tensordot(to_bound, gradients, 1), np.tensordot(to_bound, informations, 1)

    def _inside(self, restricted: RestrictedObjective, x: Array, distances: Array) -> tuple[Array, Array]:
        """Return gradient and information by the coordinates, these at some distances from 0."""
        inside, rates, bends = np.array(x), np.ones(len(x)), np.zeros(len(x))
        for (i, c), y in zip(self.bounded.items(), distances, strict=True):
            inside[i], rates[i], bends[i] = c.natural(float(y))
        gradient, information = self._at(restricted, inside)
        bent = np.diag(0.5 * gradient * bends) if self.information != "expected" else 0.0
        return gradient * rates, information * np.outer(rates, rates) + bent

    # --- the null's own directions, and the sandwich -----------------------------------------------------------------

    def _jacobian(self, restricted: RestrictedObjective, x: Array, vector: Array) -> Array:
        """Return the derivatives (p, m) of the null's equations by the coordinates that are free."""
        engine = restricted.engine("natural_jacobian")
        inside = np.array(x)
        inside[list(self.bounded)] = restricted.restrict(restricted.objective.initial_point())[list(self.bounded)]
        to_natural = engine.one(inside)[0].reshape(len(x), -1)
        jacobian = self.constraint.jacobian(vector)
        for row, c in enumerate(self.constraint.coordinates):
            if c.kind != "element":  # which is a coordinate itself
                jacobian[row] = 0.0
                jacobian[row, self.constraint.rows[row]] = 1.0
        return np.asarray(jacobian @ to_natural.T)[:, self.free]

    def _refuse_slope_along_null(self, score: Array, information: Array, jacobian: Array) -> None:
        along = scipy.linalg.null_space(jacobian, rcond=1e-10)
        if not along.size:
            return
        slope, bent = along.T @ score, spectrum(along.T @ information @ along)
        if float(slope @ bent.inverse() @ slope) > ALONG_NULL:
            raise ValueError(
                "Expected a null that is a special case of the alternative all along its own parameters, got an "
                "alternative with a slope along them at the null's estimate: the models differ in something else too, "
                "or the null has not arrived; fit the null with more starts."
            )

    def _robust(
        self, restricted: RestrictedObjective, x: Array, score: Array, covariance: Array, jacobian: Array
    ) -> float:
        scores = restricted.objective.scores(x, restricted.unconstrained)[:, self.free]
        sandwich = covariance @ (scores.T @ scores) @ covariance
        rank = self.constraint.nesting.df
        return quadratic_form(jacobian @ covariance @ score, jacobian @ sandwich @ jacobian.T, rank)


def _distance_to_cone(estimate: Array, covariance: Array) -> float:
    """Return the squared distance of z (m,) from the positive orthant, in the metric of its covariance."""
    if not len(estimate):
        return 0.0
    metric = np.linalg.cholesky(np.linalg.inv(covariance)).T
    return float(scipy.optimize.nnls(metric, metric @ estimate)[1] ** 2)


def _labels_at_bound(constraint: NullConstraint) -> set[str]:
    """Return the elements that the null estimates at a bound: there −2LL has a slope, and they are held."""
    restricted = constraint.null.result.restricted
    if not constraint.null.n_parameters or not restricted.natural:
        return set()
    fixed = {restricted.positions[element] for element in restricted.fixed_elements}
    return {restricted.layout.labels[i] for i in fixed}
