"""Ends of an interval at which the likelihood ratio has the level that is asked for, by simulation there.

χ² is the law of the likelihood ratio where the estimate is well inside its support and data are many. Elsewhere a value
ψ belongs to the interval if data simulated with it have a ratio as large as that observed in more than 1 − level of all
sets: the inversion of a simulated test (Chuang & Lai 2000, *Statistica Sinica* 10, 1-50, their hybrid resampling;
Feldman & Cousins 1998, *Physical Review* D 57, 3873-3889, where nothing else is estimated). All other parameters are
those that are likeliest given ψ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import scipy

from pymc_landscape._typing import Array
from pymc_landscape.inference.profile import ConstrainedPoint, Endpoint, EndpointProblem, find_endpoints
from pymc_landscape.inference.resampling import start_inside
from pymc_landscape.numerics import one_blas_thread, two_sided_z
from pymc_landscape.objective import RestrictedObjective
from pymc_landscape.objective.observations import Simulator, digests
from pymc_landscape.optimize import Fit, infimum, search, search_from_start
from pymc_landscape.results import DelayedProgressBar

# How often the square root of the cut-off is moved; how near it is to be, and the largest that is tried.
STEPS, NEAR, LARGEST = 14, 2e-3, 6.0
# Of data that are whole numbers, how much further out is looked whether a value belongs to the interval again.
FURTHER = np.array([1.01, 1.025, 1.05, 1.1])
# A ratio that is smaller than the observed by less than this is as large.
ROUNDING = 1e-6
EDGE = (
    "the estimate is on the edge of its support, where the cut-off of χ² is not calibrated: method='simulated' finds "
    "the end by simulation"
)


# Ends by the positions of level, quantity and side.
Table = dict[tuple[int, int, int], Endpoint]


def told_of_edges(table: Table, estimates: Sequence[ConstrainedPoint]) -> Table:
    """Say of ends of quantities estimated at a bound of their own support that the cut-off is not calibrated there."""
    on_edge = [bool(estimate.natural in estimate.quantities[0].bounds) for estimate in estimates]
    if not any(on_edge):
        return table
    return {
        key: replace(end, message="; ".join(filter(None, [end.message, EDGE])))
        if on_edge[key[1]] and end.status == "finite"
        else end
        for key, end in table.items()
    }


class SimulatedEnds:
    """Ends of intervals of one fit, from data simulated with each value that is tried.

    Parameters
    ----------
    fit : Fit
        A maximum likelihood fit of a model whose data can be simulated.
    seeds : sequence of int
        One a data set; the same for each value.
    """

    def __init__(self, fit: Fit, seeds: Sequence[int]):
        if fit.is_map:
            raise ValueError("Expected a maximum likelihood fit for method='simulated', got a posterior mode.")
        self.fit, self.seeds = fit, list(seeds)
        self.simulator, self.start = Simulator(fit.objective), start_inside(fit)
        self._minima: dict[bytes, float] = {}

    def table(self, estimates: Sequence[ConstrainedPoint], levels: Array, progressbar: bool) -> Table:
        """Return the ends of several quantities at several levels."""
        table: Table = {}
        keys = [(i, j, k) for j in range(len(estimates)) for i in range(len(levels)) for k in (0, 1)]
        bar = DelayedProgressBar("Simulating interval endpoints", len(keys), progressbar)
        with np.errstate(all="ignore"), one_blas_thread(), bar:
            for i, j, k in keys:
                table[i, j, k] = self.end(estimates[j], (-1.0, 1.0)[k], float(levels[i]))
                bar.advance(1)
        return table

    def end(self, estimate: ConstrainedPoint, side: float, level: float) -> Endpoint:
        """Return the end of a quantity to one side.

        Parameters
        ----------
        estimate : ConstrainedPoint
            The quantity at its estimate.
        side : float
            −1 for the lower end, 1 for the upper.
        level : float
            The confidence level.
        """
        [quantity] = estimate.quantities
        if quantity.element is None or quantity.own is None:
            raise ValueError(
                f"Expected single parameters for method='simulated', got {quantity.label!r}: use method='profile'."
            )
        inside, outside, best = 0.0, LARGEST, None
        while True:
            inside, outside, found = self._bisected(estimate, side, level, inside, outside)
            best = found or best
            if best is not None and best.status != "finite":
                return best
            further = self._belongs_again(estimate, side, level, outside) if self._minima else None
            if further is None:
                break
            inside, outside = further, LARGEST
        found = best if best is not None else self._at(estimate, side, max(inside, NEAR))
        return self._told(estimate, side, found, level) if found.status == "finite" else found

    def _bisected(
        self, estimate: ConstrainedPoint, side: float, level: float, inside: float, outside: float
    ) -> tuple[float, float, Endpoint | None]:
        """Return two roots of cut-offs, of which one belongs to the interval and the next does not, and the end."""
        target, best = two_sided_z(level), None
        root = target if inside < target < outside else inside + NEAR
        for _ in range(STEPS):
            here = self._at(estimate, side, root)
            if here.status == "at_bound" and here.rise > NEAR:
                if outside - inside < NEAR or outside == float(np.sqrt(here.rise)):
                    return inside, outside, here
                outside = float(np.sqrt(here.rise))
                root = inside + 0.999 * (outside - inside)
                continue
            if here.status != "finite" or here.point is None:
                return inside, outside, here
            share = self._tail(estimate, here, root**2)
            if share >= 1.0 - level:
                inside, best = root, here
            else:
                outside = root
            if outside - inside < NEAR:
                break
            z = -float(scipy.special.ndtri(np.clip(share, 0.5 / len(self.seeds), 1.0) / 2))
            guess = root + target - z  # where the root of the ratio is normal but for a shift
            root = guess if inside + NEAR / 4 < guess < outside - NEAR / 4 else (inside + outside) / 2
        return inside, outside, best

    def _belongs_again(self, estimate: ConstrainedPoint, side: float, level: float, outside: float) -> float | None:
        """Return a root further out that belongs to the interval too: of counts the tail does not fall evenly."""
        for root in outside * FURTHER[::-1]:
            here = self._at(estimate, side, float(root))
            if here.status == "finite" and self._tail(estimate, here, float(root) ** 2) >= 1.0 - level:
                return float(root)
        return None

    def _at(self, estimate: ConstrainedPoint, side: float, root: float) -> Endpoint:
        """Return the value at which the profile has risen by the square of `root`."""
        return find_endpoints([EndpointProblem(estimate, side, root**2)], [])[0]

    def _tail(self, estimate: ConstrainedPoint, end: Endpoint, observed: float) -> float:
        """Return the share of data sets with a ratio as large as observed, where the quantity has the end's value."""
        there, element = end.point, estimate.quantities[0].own
        assert there is not None and element is not None
        value, point = end.value, there.restricted.natural_point(there.x)
        fixed = RestrictedObjective.fixing(self.fit.objective, {element: value}, point=point)
        x, known, count, failed = fixed.restrict(point), dict[bytes, float](), 0, 0
        for seed in self.seeds:
            data = self.simulator(point, seed)
            key = digests({name: value[None] for name, value in data.items()})[0]
            ratio = known.get(key, np.nan) if key is not None else np.nan
            if key is None or key not in known:
                twin = self.fit.objective.with_data(**data)
                held = search(fixed.refixed(fixed.fixed, twin), x).value
                free = self._minima.get(key, np.nan) if key is not None else np.nan
                if np.isnan(free):
                    arrived = search_from_start(twin, self.start, "")
                    free = infimum(arrived.report.status, arrived.result, self.start)
                ratio = held - free
                if key is not None:
                    known[key], self._minima[key] = ratio, free
            failed += bool(np.isnan(ratio))
            count += bool(ratio >= observed - ROUNDING)
        return count / max(len(self.seeds) - failed, 1)

    def _told(self, estimate: ConstrainedPoint, side: float, end: Endpoint, level: float) -> Endpoint:
        """Return the end with its Monte Carlo standard error: that of the tail, over how fast it falls."""
        root = float(np.sqrt(max(end.rise, NEAR**2)))
        beside = self._at(estimate, side, 1.02 * root)
        slope = abs(beside.value - end.value) / (0.02 * root)
        z = two_sided_z(level)
        density = np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
        error = np.sqrt(level * (1.0 - level) / len(self.seeds)) / (2.0 * density) * slope
        words = f"simulated: −2LL rises by {end.rise:.4g}; Monte Carlo standard error of the end {error:.2g}"
        return Endpoint(end.value, end.status, end.rise, words, end.point)
