"""The elements on no axis at their best at one point of a grid, by the careful way: for seeds and hard cases."""

from __future__ import annotations

import numpy as np

from pymc_landscape.abreast import newton_steps
from pymc_landscape.aliases import Array
from pymc_landscape.edge import edge_ahead
from pymc_landscape.footing import WORTH_IT, Footing
from pymc_landscape.held import Place
from pymc_landscape.information import covariance
from pymc_landscape.others import Solved, solved
from pymc_landscape.search import Found, search
from pymc_landscape.trust_region import noise

# Elements leave an edge and return to it; a search that does so more often than this goes round in circles.
CHANGES = 6
# Newton's steps of one search.
ITERATIONS = 200


def solve_alone(footing: Footing, p: int, x: Array) -> Solved:
    """Minimise at one point, in a trust region; step off edges and onto them where that is lower.

    Parameters
    ----------
    footing : Footing
        How it stands.
    p : int
        The point.
    x : array (m,)
        Where to begin.

    Returns
    -------
    Solved
        Also where it is no optimum.
    """
    with np.errstate(all="ignore"):
        here = _Stop(footing, p, x)
        for _ in range(CHANGES):
            other = here.off_an_edge() or here.onto_an_edge()
            if other is None:
                break
            here = other
        return here.as_solved()


class _Stop:
    """Where a search came to on one footing."""

    def __init__(self, footing: Footing, p: int, x: Array):
        self.footing, self.p = footing, p
        frame = footing.frame(p)
        self.found: Found = search(frame, x, ITERATIONS)
        footing.ground.n_evaluations += frame.n_evaluations

    @property
    def value(self) -> float:
        return self.found.value

    def off_an_edge(self) -> _Stop | None:
        """Let one element go where the inside is lower."""
        for place in self.footing.edges:
            natural = self.footing.lower_inside(self.p, self.found.x, place, self.value)
            if natural is not None:
                other = self._released(place, natural)
                if other.value < self.value - WORTH_IT:
                    return other
        return None

    def onto_an_edge(self) -> _Stop | None:
        """Hold one element at the edge that it is running to, where that is no worse."""
        for place, edge in self._ahead().items():
            other = self.footing.ground.footing(self.p, {**self.footing.edges, place: edge})
            there = _Stop(other, self.p, other.carry(self.footing, np.array([self.p]), self.found.x[None])[0])
            no_worse = there.value <= self.value + WORTH_IT + noise(self.value)
            if no_worse and other.lower_inside(self.p, there.found.x, place, there.value) is None:
                return there
        return None

    def as_solved(self) -> Solved:
        """Return the point, with how the others move there."""
        found, footing = self.found, self.footing
        if found.frame.bottomless:
            return Solved(footing, found.x, -np.inf, "unbounded")
        if not np.isfinite(found.value):
            return Solved(footing, found.x, np.inf, "outside")
        here = self._looked_at() if found.is_minimum else None
        if here is not None:
            return here
        arrived = "at_bound" if footing.edges else "converged"
        return Solved(footing, found.x, found.value, arrived if found.is_minimum else "failed")

    def _looked_at(self) -> Solved | None:
        footing, x = self.footing, self.found.x[None]
        if not footing.has_curves:
            return None
        _, slope, hessian = footing.curves(np.array([self.p]), x)
        own = hessian[:, footing.free[:, None], footing.free]
        if not (np.isfinite(own).all() and np.isfinite(slope[:, footing.free]).all()):
            return None
        inverse = newton_steps(slope[:, footing.free], own)[2]
        return solved(footing, x[0], self.value, hessian[0], inverse[0])

    def _released(self, place: Place, natural: float) -> _Stop:
        footing, (name, i), where = self.footing, place, np.array([self.p])
        rest = {other: edge for other, edge in footing.edges.items() if other != place}
        target = footing.ground.footing(self.p, rest)
        point = footing.natural_points(where, self.found.x[None])
        point[name].reshape(1, -1)[0, i] = natural
        whole = footing.vectors(where, self.found.x[None])
        whole[0, footing.held[list(footing.edges).index(place)]] = natural
        return _Stop(target, self.p, target.start(point, like=(footing, whole))[0])

    def _ahead(self) -> dict[Place, float]:
        """Return the free elements that are on their way to an edge, with the edge."""
        found, ahead = self.found, {}
        if found.hessian is None or not np.isfinite(found.hessian).all():
            errors = np.full(len(found.x), np.inf)
        else:
            errors = np.sqrt(np.abs(covariance(found.hessian).diagonal()))
        for j, place in self.footing.with_edges:
            variable, typical = self.footing.standing(place)
            edge = edge_ahead(variable, place[1], float(found.x[j]), float(errors[j]), typical)
            if edge is not None:
                ahead[place] = edge
        return ahead
