"""A model's graph as an SVG inside the page, in the page's own colours, so that it is dark where the page is."""

from __future__ import annotations

from html import escape
from itertools import pairwise

from pymc_landscape.pages.model_report.graph_layout import NODE_HEIGHT, GraphLayout, Place, Plate, lay_out
from pymc_landscape.pages.model_report.model_variables import ROLES, Variable, without

# More variables are not read: what is computed goes first, then the data; more still are left to the table.
MOST_DRAWN = 30
# How far control points of an edge are from its ends, as a share of the way down.
BEND = 0.45


def graph_figure(variables: list[Variable]) -> str:
    """Return the drawing of a model's graph as a figure, or a sentence where it is too large.

    Parameters
    ----------
    variables : list of Variable
        Parents before children, as `model_variables` returns them.
    """
    drawn, left_out = _fewer(variables)
    if drawn is None:
        return (
            f'<p class="note">The graph has {len(variables)} variables, too many to be read as a drawing: the table '
            "lists them.</p>"
        )
    roles = dict.fromkeys(v.role for v in drawn)
    legend = "".join(f'<li class="{role}"><span aria-hidden="true"></span>{escape(ROLES[role])}</li>' for role in roles)
    note = f"<figcaption>Left out of the drawing: {escape(left_out)}.</figcaption>" if left_out else ""
    return (
        '<figure class="graph"><div class="scroll" role="region" tabindex="0" aria-label="Graph of the model">'
        f'{_svg(lay_out(drawn), drawn)}</div><ul class="roles">{legend}</ul>{note}</figure>'
    )


def _fewer(variables: list[Variable]) -> tuple[list[Variable] | None, str]:
    """Return what is drawn, and the words for what is not."""
    if len(variables) <= MOST_DRAWN:
        return variables, ""
    for roles, words in (
        ({"deterministic"}, "what is computed"),
        ({"deterministic", "data"}, "data and what is computed"),
    ):
        fewer = without(variables, roles)
        if len(fewer) <= MOST_DRAWN:
            return fewer, words
    return None, ""


def _svg(layout: GraphLayout, variables: list[Variable]) -> str:
    width, height = round(layout.width), round(layout.height)
    says = "; ".join(f"{v.name} from {', '.join(v.parents)}" for v in variables if v.parents)
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-label="{escape(says)}">'
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0,0.8 L7.5,4 L0,7.2 z" class="head"/></marker></defs>'
        + "".join(map(_plate, layout.plates))
        + "".join(map(_edge, layout.edges))
        + "".join(map(_node, layout.nodes))
        + "</svg>"
    )


def _plate(plate: Plate) -> str:
    width, height = plate.right - plate.left, plate.bottom - plate.top
    return (
        f'<rect class="plate" x="{plate.left:.0f}" y="{plate.top:.0f}" rx="8" '
        f'width="{width:.0f}" height="{height:.0f}"/>'
        f'<text class="dims" x="{plate.right - 9:.0f}" y="{plate.bottom - 7:.0f}" text-anchor="end">'
        f"{escape(plate.label)}</text>"
    )


def _edge(points: list[tuple[float, float]]) -> str:
    """Return a smooth way through the points, from the lower rim of the parent to the upper rim of the child."""
    (x, y), *inner, (end_x, end_y) = points
    half = NODE_HEIGHT / 2
    stops = [(x, y + half), *inner, (end_x, end_y - half - 1.0)]
    path = f"M{stops[0][0]:.0f},{stops[0][1]:.0f}"
    for (x0, y0), (x1, y1) in pairwise(stops):
        bend = BEND * (y1 - y0)
        path += f" C{x0:.0f},{y0 + bend:.0f} {x1:.0f},{y1 - bend:.0f} {x1:.0f},{y1:.0f}"
    return f'<path class="edge" d="{path}" marker-end="url(#arrow)"/>'


def _node(place: Place) -> str:
    v = place.variable
    if v is None:
        return ""
    shape = _outline(place, v)
    below = (
        f"~ {v.distribution}"
        if v.distribution
        else {"data": "data", "deterministic": "computed"}.get(v.role, "potential")
    )
    return (
        f'<g class="node {v.role}">{shape}'
        f'<text x="{place.x:.0f}" y="{place.y - 3:.0f}" text-anchor="middle" class="name">{escape(v.name)}</text>'
        f'<text x="{place.x:.0f}" y="{place.y + 14:.0f}" text-anchor="middle" class="law">{escape(below)}</text></g>'
    )


def _outline(place: Place, v: Variable) -> str:
    """Return an ellipse for what is random, a box for what is computed, a hexagon for a potential."""
    half_w, half_h, x, y = place.width / 2, NODE_HEIGHT / 2, place.x, place.y
    if v.is_random:
        return f'<ellipse cx="{x:.0f}" cy="{y:.0f}" rx="{half_w:.0f}" ry="{half_h:.0f}"/>'
    if v.role in ("potential", "prior_potential"):
        cut = 14.0
        corners = [(-half_w, 0), (cut - half_w, -half_h), (half_w - cut, -half_h)]
        corners += [(half_w, 0), (half_w - cut, half_h), (cut - half_w, half_h)]
        return f'<polygon points="{" ".join(f"{x + dx:.0f},{y + dy:.0f}" for dx, dy in corners)}"/>'
    rounded = 16 if v.role == "data" else 3
    left, top = x - half_w, y - half_h
    return f'<rect x="{left:.0f}" y="{top:.0f}" width="{2 * half_w:.0f}" height="{2 * half_h:.0f}" rx="{rounded}"/>'
