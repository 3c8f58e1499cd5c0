"""What a picture of a slice must say: where the other parameters are held, and whether its floor is on the edge."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from pymc_landscape.plots.data.landscape import LABELS, LandscapeView
from pymc_landscape.plots.data.projection import fixed_labels

MOST_NAMED = 4  # parameters whose held values are written out
INITIAL = "the model's initial point"
LIKELIHOODS = ("delta_minus2ll", "minus2ll", "log_likelihood")


def held_values(view: LandscapeView) -> dict[str, float]:
    """Return the values of the parameters that are on no axis and in no panel, in the order of the model."""
    source, shown = view.source, (*view.axes, *view.panels)
    sliced = {
        str(name): float(coordinate.values.ravel()[0])
        for name, coordinate in source.coords.items()
        if coordinate.size == 1 and str(name) not in shown and coordinate.dtype.kind in "iuf" and name != "at"
    }
    if not {"at", "parameter"} <= set(source.coords) or source.attrs.get("nuisance", "fix") != "fix":
        return sliced
    at = dict(zip(source["parameter"].values.astype(str).tolist(), source["at"].values.tolist(), strict=True))
    fixed = {label: at[label] for label in fixed_labels(at, (*shown, *sliced))}
    return {**fixed, **sliced}


def held_remark(view: LandscapeView) -> str:
    """Write where the other parameters are held; empty where all are on axes."""
    held = held_values(view)
    if not held:
        return ""
    named = ", ".join(f"{name} = {value:.4g}" for name, value in list(held.items())[:MOST_NAMED])
    more = f" and {len(held) - MOST_NAMED} more" if len(held) > MOST_NAMED else ""
    return f"others held at {named}{more}{_origin(view)}"


def _origin(view: LandscapeView) -> str:
    words = str(view.source.attrs.get("at", ""))
    if "at" not in view.source.coords or not words or words.startswith(("nothing", "given")):
        return ""
    return f" ({words.replace(' (', ', ').replace(')', '')})"  # no brackets in brackets


def warn_of_initial_point(view: LandscapeView, stacklevel: int) -> None:
    """Warn where the others are held at a point that has nothing to do with the data."""
    if INITIAL in str(view.source.attrs.get("at", "")) and held_values(view) and _is_likelihood(view):
        warnings.warn(
            "The other parameters are held at the model's initial point, which is no estimate: the valley that is "
            "drawn may be far from the likelihood's. Pass at=fit, or a grid from fit_grid or posterior_grid, to "
            "evaluate_landscape.",
            UserWarning,
            stacklevel=stacklevel,
        )


def edges_of_floor(view: LandscapeView, spots: Sequence[Sequence[float]]) -> list[str]:
    """Name the ends of the grid on which the lowest point lies, where the support goes on beyond them.

    With several lowest points, an end counts where all of them lie on it.
    """
    if not _is_likelihood(view) or not len(spots):
        return []
    edges = []
    for i, axis in enumerate(view.axes):
        values = view.height[axis].values.astype(float)
        for end, bound in ((values[0], "lower_bound"), (values[-1], "upper_bound")):
            at_bound = np.isclose(end, view.source[axis].attrs.get(bound, np.nan), rtol=1e-9, atol=1e-12)
            if all(spot[i] == end for spot in spots) and not at_bound:
                edges.append(f"{axis} = {end:.4g}")
    return edges


def warn_of_edges(edges: Sequence[str], stacklevel: int) -> None:
    """Warn of a floor on the grid's edge."""
    if edges:
        warnings.warn(
            f"The lowest point lies on the grid's edge, {' and '.join(edges)}: beyond it −2LL may be lower still, and "
            "then no line is at its level. Widen the grid.",
            UserWarning,
            stacklevel=stacklevel,
        )


def remarks_on(view: LandscapeView, edges: Sequence[str], is_flat: bool) -> list[str]:
    """Write all that a reader of the picture must know: what is held, and what is amiss with its floor."""
    every = [held_remark(view), edge_remark(edges), lines_remark(view)]
    if is_flat:
        every.append("the floor is flat, or a ridge: no single point is lowest")
    if len(view.axes) == 1 and bool(view.height.isnull().any()):
        every.append(f"where there is no curve: {blank_name(view)}")
    return [remark for remark in every if remark]


def blank_name(view: LandscapeView) -> str:
    """Say why parts of the picture are blank: the likelihood is zero there, or not a number."""
    raw = view.source[str(view.height.name)].values
    return "outside the support" if not np.isnan(raw).any() else "not evaluated, or not a number"


def lines_remark(view: LandscapeView) -> str:
    """Write at how many of its points a fine landscape is drawn; empty where that is at all of them."""
    drawn = tuple(view.height.sizes[axis] for axis in view.axes)
    if drawn == view.whole:
        return ""
    shown, whole = (" × ".join(f"{number:,}" for number in numbers) for numbers in (drawn, view.whole))
    return f"drawn at {shown} of {whole} points, closer where it is low"


def edge_remark(edges: Sequence[str]) -> str:
    """Write that the floor lies on the grid's edge; empty where it does not."""
    return f"lowest point on the grid's edge, {' and '.join(edges)}: widen the grid" if edges else ""


def _is_likelihood(view: LandscapeView) -> bool:
    """Whether heights are of the likelihood, measured from the whole grid's lowest point."""
    return str(view.height.name) in LIKELIHOODS and view.label.endswith(LABELS["minus2ll"])
