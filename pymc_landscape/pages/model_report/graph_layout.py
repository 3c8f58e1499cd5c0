"""Where the variables of a model stand in its drawing: layer by layer, parents above, each plate in columns of its own.

The layers are those of Sugiyama, Tagawa & Toda (1981, *IEEE Transactions on Systems, Man, and Cybernetics* 11,
109-125): a variable stands below the lowest of its parents, edges over several layers get places on the way, and the
order within a layer follows the mean place of the neighbours, up and down until it settles.
"""

from __future__ import annotations

from dataclasses import field
from itertools import pairwise

from pymc_landscape._dataclasses import dataclass
from pymc_landscape.pages.model_report.model_variables import Variable

# Lengths in pixels.
NODE_HEIGHT, LAYER_GAP, NODE_GAP, PLATE_GAP, MARGIN = 46.0, 44.0, 16.0, 26.0, 14.0
CHARACTER, LEAST_WIDTH, LANE = 7.4, 84.0, 12.0
SWEEPS = 6
# Of the label below a plate's variables.
LABEL = 20.0


@dataclass
class Place:
    """Where something stands: the centre, and the width; an edge's place on the way has no variable."""

    column: str
    layer: int
    width: float
    variable: Variable | None = None
    x: float = 0.0
    above: list[Place] = field(default_factory=list)
    below: list[Place] = field(default_factory=list)

    @property
    def y(self) -> float:
        """Centre, downwards."""
        return MARGIN + 12.0 + self.layer * (NODE_HEIGHT + LAYER_GAP) + NODE_HEIGHT / 2


@dataclass(frozen=True)
class Plate:
    """A box around variables of one shape, with its label."""

    label: str
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class GraphLayout:
    """Places of the variables, ways of the edges (points from parent to child), plates, and the size of it all."""

    nodes: list[Place]
    edges: list[list[tuple[float, float]]]
    plates: list[Plate]
    width: float
    height: float


def lay_out(variables: list[Variable]) -> GraphLayout:
    """Lay a model's graph out.

    Parameters
    ----------
    variables : list of Variable
        Parents before children.
    """
    nodes, chains = _places(variables)
    lanes = [place for chain in chains for place in chain[1:-1]]
    columns = _columns(nodes, lanes)
    for sweep in range(SWEEPS):
        for column in columns.values():
            _order(column, downwards=sweep % 2 == 0)
        _set(columns)
    plates = [_plate(label, [n for n in nodes if n.column == label]) for label in columns if label]
    edges = [[(p.x, p.y) for p in chain] for chain in chains]
    right = max((n.x + n.width / 2 for n in [*nodes, *lanes]), default=0.0)
    right = max([right, *(plate.right for plate in plates)])
    bottom = max([plate.bottom for plate in plates] + [n.y + NODE_HEIGHT / 2 for n in nodes])
    return GraphLayout(nodes, edges, plates, right + MARGIN, bottom + MARGIN)


def _places(variables: list[Variable]) -> tuple[list[Place], list[list[Place]]]:
    """Return a place a variable, and for each edge its places from parent to child."""
    by_name: dict[str, Place] = {}
    chains = []
    for v in variables:
        parents = [by_name[p] for p in v.parents if p in by_name]
        layer = 1 + max((p.layer for p in parents), default=-1)
        longest = max(len(v.name), len(v.distribution) + 2 if v.distribution else 0)
        by_name[v.name] = here = Place(v.plate, layer, max(LEAST_WIDTH, CHARACTER * longest + 30.0), v)
        for parent in parents:
            lanes = [Place(here.column, i, LANE) for i in range(parent.layer + 1, layer)]
            chains.append([parent, *lanes, here])
    for name, place in by_name.items():
        _lower(place, [chain for chain in chains if chain[0].variable and chain[0].variable.name == name], chains)
    for chain in chains:
        for upper, lower in pairwise(chain):
            upper.below.append(lower)
            lower.above.append(upper)
    return list(by_name.values()), chains


def _lower(place: Place, down: list[list[Place]], chains: list[list[Place]]) -> None:
    """Bring what has no parents down to just above its children: priors of a late variable stand beside it."""
    if any(chain[-1] is place for chain in chains) or not down:
        return
    nearest = min(len(chain) for chain in down) - 2
    place.layer += nearest
    for chain in down:
        del chain[1 : 1 + nearest]


def _columns(nodes: list[Place], lanes: list[Place]) -> dict[str, dict[int, list[Place]]]:
    """Return places by plate and layer; scalars first, then plates as their first variables come."""
    columns: dict[str, dict[int, list[Place]]] = {"": {}} if any(not n.column for n in nodes) else {}
    for place in [*nodes, *lanes]:
        columns.setdefault(place.column, {}).setdefault(place.layer, []).append(place)
    return columns


def _order(column: dict[int, list[Place]], *, downwards: bool) -> None:
    """Sort the layers of a column by the mean place of the neighbours above, or below."""
    for layer in sorted(column, reverse=not downwards):
        places = column[layer]
        now = {id(p): i for i, p in enumerate(places)}

        def centre(place: Place, now: dict[int, int] = now) -> tuple[float, int]:
            near = place.above if downwards else place.below
            return (sum(p.x for p in near) / len(near) if near else place.x, now[id(place)])

        places.sort(key=centre)


def _set(columns: dict[str, dict[int, list[Place]]]) -> None:
    """Give every place its x: layers centred in their column, columns beside those with which they share a layer."""
    taken: list[tuple[set[int], float]] = []
    for label, column in columns.items():
        widths = {k: sum(p.width for p in row) + NODE_GAP * (len(row) - 1) for k, row in column.items()}
        widest = max([*widths.values(), CHARACTER * len(label) + 10.0]) + (PLATE_GAP if label else 0.0)
        left = max([right + PLATE_GAP for layers, right in taken if layers & _span(column)], default=MARGIN)
        for layer, row in column.items():
            x = left + (widest - widths[layer]) / 2
            for place in row:
                place.x = x + place.width / 2
                x += place.width + NODE_GAP
        taken.append((_span(column), left + widest))
    _draw_near(columns)


def _span(column: dict[int, list[Place]]) -> set[int]:
    """Return the layers from the first to the last of a column."""
    return set(range(min(column), max(column) + 1))


def _draw_near(columns: dict[str, dict[int, list[Place]]]) -> None:
    """Move a column that shares no layer with another to the middle of what it is connected with."""
    for label, column in columns.items():
        if any(_span(column) & _span(other) for name, other in columns.items() if name != label):
            continue
        places = [place for row in column.values() for place in row]
        near = [n.x for p in places for n in (*p.above, *p.below) if n.column != label]
        left, right = (f(p.x + side * p.width / 2 for p in places) for f, side in ((min, -1), (max, 1)))
        if near:
            shift = max(sum(near) / len(near) - (left + right) / 2, MARGIN + PLATE_GAP / 2 - left)
            for place in places:
                place.x += shift


def _plate(label: str, nodes: list[Place]) -> Plate:
    half = NODE_HEIGHT / 2 + 10.0
    left = min(n.x - n.width / 2 for n in nodes) - PLATE_GAP / 2
    right = max(n.x + n.width / 2 for n in nodes) + PLATE_GAP / 2
    missing = CHARACTER * len(label) + 20.0 - (right - left)
    widen = max(missing, 0.0) / 2
    top, bottom = min(n.y for n in nodes) - half, max(n.y for n in nodes) + half + LABEL
    return Plate(label, left - widen, top, right + widen, bottom)
