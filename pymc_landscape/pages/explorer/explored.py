"""What was computed for a page: axes, modes, surfaces, paths, observations, as they are made one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array, Posterior, RandomSeed
from pymc_landscape.objective import Objective
from pymc_landscape.optimize import Fit, natural_point
from pymc_landscape.posterior import PosteriorDraws

# So far may what is interpolated be above what is solved, in units of −2LL.
TOLERANCE = 0.01


@dataclass(frozen=True)
class ChosenAxis:
    """An axis of the map.

    Parameters
    ----------
    label : str
        Of the element, natural or unconstrained.
    values : array (n,)
        Increasing.
    scale : str
        ``linear``, or ``log`` where values are equally spaced in their logarithms.
    bounds : (float, float)
        Limits of the support; ±∞ where there are none.
    """

    label: str
    values: Array
    scale: str
    bounds: tuple[float, float]

    @property
    def spots(self) -> Array:
        """Where the points are on the screen, up to a unit: their logarithms on a logarithmic axis."""
        return np.log(self.values) if self.scale == "log" else self.values


@dataclass(frozen=True)
class Weights:
    """Weights of the prior and sizes of the sample that the page offers.

    Parameters
    ----------
    prior_weights : tuple of float
        Increasing, 0 first.
    sizes : tuple of int
        How often the data are counted; 1 first.
    """

    prior_weights: tuple[float, ...]
    sizes: tuple[int, ...]

    @cached_property
    def effective(self) -> Array:
        """Every weight over every size, each once, increasing."""
        return np.unique(np.round(np.divide.outer(self.prior_weights, self.sizes), 9))

    def position(self, prior_weight: float, size: int) -> int:
        """Return which of the effective weights that is."""
        return int(np.abs(self.effective - prior_weight / size).argmin())


@dataclass(frozen=True)
class Modes:
    """Modes by weight.

    Parameters
    ----------
    objective : Objective
        The likelihood's.
    path : Dataset
        As `prior_path` returns it, over all elements of the parameters.
    fit : Fit
        The maximum of the likelihood, or what the search for it ended at.
    """

    objective: Objective
    path: xr.Dataset
    fit: Fit

    def point(self, i: int) -> dict[str, Array]:
        """Return where other parameters are held under weight i: at its mode, or at the nearest one that there is."""
        layout = self.objective.layout()
        rows = self.path["mode"].sel(parameter=list(layout.labels)).values
        known = np.flatnonzero(np.isfinite(rows).all(axis=1))
        if not known.size or (i == 0 and 0 not in known):
            return natural_point(self.fit)
        return layout.split(rows[known[np.abs(known - i).argmin()]])

    def height(self, i: int) -> float:
        """Return −2 (log L + w log prior) at the mode under weight i; NaN where there is none."""
        if not self.is_optimum(i):
            return np.nan
        at, weight = self.path.isel(weight=i), float(self.path["weight"][i])
        return float(at["minus2ll"]) - (2.0 * weight * float(at["log_prior"]) if weight else 0.0)

    def is_optimum(self, i: int) -> bool:
        """Whether there is a mode under weight i."""
        return str(self.path["status"].values[i]) in ("converged", "at_bound")


@dataclass(frozen=True)
class Surfaces:
    """One treatment of the other parameters under all weights.

    Parameters
    ----------
    heights : array (w, *shape)
        −2 (log L + weight · log prior); ∞ outside the support, NaN where it is not known.
    path : array (*shape, n) or None
        Natural values of all elements, weight 0; None where some have none.
    error : float
        By how much what was interpolated was above what was solved, at most; 0 where all was solved.
    notes : list of str
        What a reader should know.
    has_branches : bool
        Whether the other parameters may jump from point to point, as from one optimum of theirs to another.
    """

    heights: Array
    path: Array | None = None
    error: float = 0.0
    notes: list[str] = field(default_factory=list)
    has_branches: bool = False


@dataclass(frozen=True)
class Walks:
    """Paths of several optimisers from the same starts.

    Parameters
    ----------
    starts : array (s, a)
        On the axes.
    paths : dict of str to Dataset
        What `descend` returned, by optimiser.
    notes : list of str
        Which optimisers are missing, and why.
    """

    starts: Array
    paths: dict[str, xr.Dataset]
    notes: list[str]


@dataclass(frozen=True)
class Observations:
    """Observations at some points of the map.

    Parameters
    ----------
    nodes : list of array
        Positions along each axis.
    minus2ll : dict of str to array (P, n)
        −2 log L of each observation of each term.
    fitted : dict of str to array (P, n)
        What the model expects of it, where that is known.
    observed, predictor : dict of str to array (n,)
        The data, and the one predictor, where there is one.
    predictor_name : dict of str to str
        What it is called.
    """

    nodes: list[Any]
    minus2ll: dict[str, Array]
    fitted: dict[str, Array]
    observed: dict[str, Array]
    predictor: dict[str, Array]
    predictor_name: dict[str, str]


@dataclass(frozen=True)
class PosteriorSide:
    """What draws say under each size of the sample and weight of the prior.

    Parameters
    ----------
    intervals : array (axes, sizes, weights, 2)
        Highest-density intervals; NaN where draws cannot be reweighted so far.
    marginals : list of array (sizes, weights, n)
        By axis: −2 log of the marginal density over its maximum.
    pareto_k : array (sizes, weights)
        Of the importance weights; NaN where there are none.
    """

    intervals: Array
    marginals: list[Array]
    pareto_k: Array


@dataclass(frozen=True)
class Explored:
    """A model, its axes, and what was computed on them so far.

    Parameters
    ----------
    fit : Fit
        The likelihood's.
    modes : Modes
        The modes by weight of the prior.
    weights : Weights
        Weights and sizes that the page offers.
    axes : tuple of ChosenAxis
        One or two.
    draws : PosteriorDraws or None
        Of the posterior.
    dt : DataTree or Dataset or None
        Where they are from.
    group : str
        Group of the tree that holds them.
    random_seed : int or Generator or None
        For what is random.
    notes : sequence of str
        What was left out or is approximate, and why.
    surfaces : mapping of str to Surfaces
        By treatment of the other parameters: h, p, a; an empty key where there are none.
    slices, profiles : sequence of Surfaces
        Along each axis alone; None where there is no profile.
    limits : Dataset or None
        As `limits` returns it.
    posterior : PosteriorSide or None
        What the draws say.
    sentences : list
        By size, weight and axis.
    walks : Walks or None
        Paths of optimisers.
    observations : Observations or None
        What each observation says.
    """

    fit: Fit
    modes: Modes
    weights: Weights
    axes: tuple[ChosenAxis, ...]
    draws: PosteriorDraws | None
    dt: Posterior | None
    group: str
    random_seed: RandomSeed | None
    notes: Sequence[str] = ()
    surfaces: Mapping[str, Surfaces] = field(default_factory=dict)
    slices: Sequence[Surfaces] = ()
    profiles: Sequence[Surfaces | None] = ()
    limits: xr.Dataset | None = None
    posterior: PosteriorSide | None = None
    sentences: Sequence[Sequence[Sequence[str]]] = ()
    walks: Walks | None = None
    observations: Observations | None = None

    @cached_property
    def others(self) -> list[str]:
        """Labels of the natural elements that are on no axis."""
        return other_elements(self.axes, self.modes)

    @cached_property
    def separate(self) -> list[str]:
        """Labels of the other elements that are treated each by itself: where there are one or two, and each can be."""
        find = self.fit.objective.find
        one_by_one = all(find(label).variable.elementwise for label in self.others)
        return self.others if len(self.others) <= 2 and one_by_one else []

    @cached_property
    def floors(self) -> dict[str, Array]:
        """The lowest height of each surface by weight: the mode's where it is known, and no lower point was met."""
        modes = np.array([self.modes.height(i) for i in range(len(self.weights.effective))])
        floors = {}
        for key, surface in self.surfaces.items():
            lowest = np.array([_lowest(heights) for heights in surface.heights])
            floors[key] = lowest if "a" in key else np.fmin(modes, lowest)
        return floors


def other_elements(axes: Sequence[ChosenAxis], modes: Modes) -> list[str]:
    """Return the labels of the natural elements that are on no axis; all of a vector that has unconstrained axes."""
    objective = modes.objective
    on_axes = [objective.find(axis.label) for axis in axes]
    natural = {(e.variable.name, e.index) for e in on_axes if not e.unconstrained}
    whole = {
        v.name
        for v in objective.variables
        if sum(e.unconstrained and e.variable.name == v.name for e in on_axes) == int(np.prod(v.value_shape))
    }
    return [
        label
        for v in objective.variables
        for i, label in enumerate(v.labels)
        if (v.name, i) not in natural and v.name not in whole
    ]


def _lowest(heights: Array) -> float:
    finite = heights[np.isfinite(heights)]
    return float(finite.min()) if finite.size else np.nan


def values_at(objective: Objective, labels: Sequence[str], point: Mapping[str, Array]) -> Array:
    """Return some elements of a natural point, each on the scale of its label; ±∞ where that has no such number."""
    elements = [objective.find(label) for label in labels]
    if any(element.unconstrained for element in elements):
        theta = objective.layout(objective.names).split(objective.pack(point))
    natural = {name: np.ravel(np.asarray(value)) for name, value in point.items()}
    return np.array(
        [
            np.ravel(theta[e.variable.name])[e.index] if e.unconstrained else natural[e.variable.name][e.index]
            for e in elements
        ],
        dtype=float,
    )
