"""Correlations that vanish with a standard deviation: where the pair is a half plane, whose law is known.

At σ = 0 the correlation ρ of that effect makes no difference, and yet no nuisance has vanished: σρ and σ√(1 − ρ²) are
the pair that counts, the first free, the second at its edge. It shows in the slope of −2LL by σ at 0, which is in
proportion to ρ: what σρ does has a slope there, what σ² does has none. The law is then ½ χ²₍df−1₎ + ½ χ²₍df₎ (Stram &
Lee 1994, *Biometrics* 50(4), case 3), as for one parameter on an edge.
"""

from __future__ import annotations

import numpy as np

from pymc_landscape.aliases import Array
from pymc_landscape.fitted import Fit
from pymc_landscape.frame import Frame
from pymc_landscape.nesting import Nesting

# Values of a vanished element at which the slope is looked at, in units of the one at the null, or of 1.
TURNS = np.array([-0.8, -0.4, 0.0, 0.4, 0.8])
# Of the largest slope: so near to a straight line, and so much of one at the least in units of −2LL a distance.
STRAIGHT, LEVEL = 1e-4, 1e-6


def only_turns(nesting: Nesting, fit: Fit) -> bool:
    """Whether one parameter is on an edge, and each that vanishes there turns its direction: as correlations do."""
    if nesting.point is None or len(nesting.edge) != 1 or not nesting.vanished:
        return False
    labels = list(fit.objective.compiled.layout().labels)
    edge, point = labels.index(nesting.edge[0]), nesting.point
    bounds = {label: v.limits(i) for v in fit.objective.variables for i, label in enumerate(v.labels)}
    if any(bounds[label] != (-1.0, 1.0) for label in nesting.vanished):
        return False
    frame = Frame(fit.objective, frozenset(v.name for v in fit.objective.variables))
    return all(_is_in_proportion(frame, point, edge, labels.index(label)) for label in nesting.vanished)


def _is_in_proportion(frame: Frame, point: Array, edge: int, i: int) -> bool:
    places = np.repeat(point[None], len(TURNS), axis=0)
    places[:, i] = TURNS
    with np.errstate(all="ignore"):
        slopes = np.array([frame.slope(place)[1][edge] for place in places])
    if not np.isfinite(slopes).all() or np.abs(slopes).max() <= LEVEL:
        return False
    rate = float(slopes @ TURNS / (TURNS @ TURNS))
    return bool(np.abs(slopes - rate * TURNS).max() <= STRAIGHT * np.abs(slopes).max())
