"""`plane_grid`: a plane through a space of many parameters, given by a centre and two directions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, cast

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from pymc.util import get_random_generator

from pymc_landscape._typing import Array, ModelLike, RandomSeed
from pymc_landscape.arguments import checked_array, checked_count, checked_number, checked_seed, meant, wrong_type
from pymc_landscape.objective import SAMPLE_DIMS, Draws, Objective, element_labels, objective_of, open_group, read_draws
from pymc_landscape.optimize import Fit
from pymc_landscape.results import array_dataset, provenance_attributes

AXES = ("u", "v")
# Through draws or a path the plane reaches a fifth of their spread beyond them.
MARGIN = 0.2

EXTENT = "leave it out for 3"

PointOrDraws = Mapping[str, ArrayLike] | xr.Dataset | xr.DataTree | Fit


def plane_grid(
    center: PointOrDraws,
    directions: Literal["random", "filter", "principal"] | PointOrDraws | Sequence[PointOrDraws] = "random",
    *,
    model: ModelLike | Objective | Fit | None = None,
    num: int = 51,
    extent: float = 3.0,
    random_seed: RandomSeed | None = None,
) -> xr.Dataset:
    """Make a grid on a plane through a space of any number of parameters.

    A picture of a model with a hundred parameters is a picture of a plane. What it shows depends on the directions
    and on their scale, so both are part of the result.

    Parameters
    ----------
    center : point, Fit or posterior
        Where u = v = 0: one value a parameter by name (a mapping, a Dataset or a fit), or draws (dims chain and draw),
        whose mean is taken.
    directions : str, point, pair of points, or draws
        ``"random"``: two random orthogonal directions, scaled for each element by its posterior sd where `center` is a
        posterior, else for each variable to the norm of its own value (filter norm; Li et al. 2018, *Visualizing the
        loss landscape of neural nets*). ``"filter"``: the latter in any case. ``"principal"``: the two leading
        principal axes of the draws in `center`. Draws or a path (a posterior, or the result of `descend`): the
        principal axes of those, seen from the centre. Two points: the plane through three points, the centre at
        (0, 0), the first at (1, 0), the second at (0, 1).
    model : pm.Model, Objective or Fit, optional
        With a model the plane lies on the unconstrained scale, where every direction stays inside the support;
        without one, on the natural scale.
    num : int
        Points an axis.
    extent : float
        Half the length of an axis, in units of the directions. Around three points it is the length of an axis,
        centred between them; through draws or a path the axes reach a fifth beyond those instead.
    random_seed : int or Generator, optional
        For random directions.

    Returns
    -------
    xr.Dataset
        Dims `u` and `v`; variables `center` (plane_parameter) and `direction` (axis, plane_parameter),
        the labels of whose parameters say on which scale they are; ``attrs["kind"]`` is ``"plane"``.

    Raises
    ------
    ValueError
        If the points do not belong together, are not finite, or lie on one line.

    Examples
    --------
    >>> grid = plane_grid({"a": 1.0, "b": [2.0, 3.0]}, random_seed=1, num=11)
    >>> grid.sizes["u"], grid["plane_parameter"].values.tolist()
    (11, ['a', 'b[0]', 'b[1]'])
    """
    num, extent = checked_count("num", num, at_least=2), checked_number("extent", extent, above=0, advice=EXTENT)
    checked_seed(random_seed)
    space = _Space(center, objective_of(model) if model is not None else None)
    half = np.linspace(-extent, extent, num)
    if isinstance(directions, str):
        spanning = _named_directions(space, directions, random_seed)
        return plane_dataset(space.center, spanning, [half, half], space.labels, kind="plane")
    if isinstance(directions, Sequence):
        if len(directions) != 2:
            raise ValueError(
                f"Expected directions of two further points, got {len(directions)}: a plane goes through three."
            )
        spanning = np.stack([space.vector(point) - space.center for point in cast(Sequence[PointOrDraws], directions)])
        values = 0.5 + np.linspace(-extent / 2, extent / 2, num)
        return plane_dataset(space.center, spanning, [values, values], space.labels, kind="plane")
    path = space.matrix(directions) - space.center
    spanning, scores = principal_axes(path)
    reaches = [_reach(s, num) for s in scores.T]
    return plane_dataset(space.center, spanning, reaches, space.labels, kind="plane")


def plane_dataset(
    center: Array, directions: Array, values: Sequence[Array], labels: Sequence[str], kind: str
) -> xr.Dataset:
    """Return the Dataset of a plane (or line) grid; refuse one that has no extension."""
    if not np.isfinite(center).all() or not np.isfinite(directions).all():
        raise ValueError("Expected a finite center and finite directions, got NaN or infinity: give numbers for all.")
    if np.linalg.matrix_rank(directions) < len(directions):
        raise ValueError("Expected two different directions, got points on one line: choose points that span a plane.")
    axes = AXES[: len(directions)]
    return array_dataset(
        {"center": ("plane_parameter", center), "direction": (("axis", "plane_parameter"), directions)},
        coords={**dict(zip(axes, values, strict=True)), "plane_parameter": list(labels), "axis": list(axes)},
        attrs=provenance_attributes(kind=kind),
    )


def principal_axes(deviations: Array, n: int = 2) -> tuple[Array, Array]:
    """Return the leading principal axes of rows of deviations, and the coordinates of the rows on them.

    Each column is first divided by its own root mean square, so that units do not matter. An axis is as long as the
    root mean square of the deviations along it, so that coordinates are in those units.
    """
    scale = np.sqrt((deviations**2).mean(0))
    scale[scale == 0] = 1.0
    _, sizes, axes = np.linalg.svd(deviations / scale, full_matrices=False)
    n = min(n, len(axes))
    lengths = sizes[:n] / np.sqrt(len(deviations))
    if (lengths < 1e-12 * max(lengths[0], 1e-300)).any():
        raise ValueError("Expected draws that spread in two directions, got draws on one line or one point.")
    unit = axes[:n]
    return lengths[:, None] * unit * scale, (deviations / scale) @ unit.T / lengths


class _Space:
    """The parameters of a plane as one flat vector, on the natural scale or on a model's unconstrained one."""

    def __init__(self, center: PointOrDraws, objective: Objective | None):
        self.objective, draws = objective, _draws(center)
        if objective is not None:
            self.labels = objective.layout(objective.names).labels
            self._kept = _continuous(objective)
        elif draws is not None:
            self.labels, self._kept = draws.labels, ~draws.discrete
        else:
            self.labels = tuple(_elements(center))
            if not self.labels:
                raise ValueError("Expected center to have parameters, got none: give their values by name.")
            self._kept = np.ones(len(self.labels), bool)
        self.labels = tuple(x for x, kept in zip(self.labels, self._kept, strict=True) if kept)
        self.names = np.array([label.split("[")[0] for label in self.labels])
        self.draws = None if draws is None else self.matrix(center)
        self.center = self.vector(center) if self.draws is None else self.draws.mean(0)

    def vector(self, point: PointOrDraws) -> Array:
        """Return one point as a flat vector."""
        if self.objective is not None:
            return self.objective.pack(_arrays(point))[self._kept]
        named = _elements(point)
        lacking = [label for label in self.labels if label not in named]
        if lacking:
            raise ValueError(
                f"Expected center and directions with the same parameters, got one without {lacking[0]}: give a "
                "value for each."
            )
        return np.array([named[label] for label in self.labels])

    def matrix(self, source: PointOrDraws) -> Array:
        """Return draws or a path as rows of flat vectors."""
        draws = _draws(source)
        if draws is None:
            raise ValueError(
                "Expected draws or a path (dims chain and draw), or a pair of points, got a single point: "
                "write directions=(first, second)."
            )
        if self.objective is not None:
            return self.objective.pack(draws.points(self.objective))[:, self._kept]
        return draws.columns(self.labels).matrix


def _continuous(objective: Objective) -> NDArray[np.bool_]:
    """Which elements can be moved by any amount: integers are fixed."""
    parts = [np.full(int(np.prod(v.value_shape)), not v.discrete) for v in objective.variables]
    return np.concatenate(parts)


def _named_directions(space: _Space, word: str, random_seed: RandomSeed | None) -> Array:
    if word not in ("random", "filter", "principal"):
        hint = meant("directions", word, ("random", "filter", "principal"))
        raise ValueError(
            f"Expected directions 'random', 'filter' or 'principal', points or draws, got {word!r}: {hint}"
        )
    if len(space.labels) < 2:
        raise ValueError("Expected at least two parameters for a plane, got one: use regular_grid.")
    if word == "principal":
        if space.draws is None:
            raise ValueError("Expected draws as the centre for principal directions, got a point: pass the posterior.")
        return principal_axes(space.draws - space.center)[0]
    normal = get_random_generator(random_seed, copy=True).normal(size=(len(space.labels), 2))
    orthonormal = np.linalg.qr(normal)[0].T
    if word == "random" and space.draws is not None:
        return cast(Array, orthonormal * space.draws.std(0))
    return np.stack([_filter_norm(d, space) for d in orthonormal])


def _filter_norm(direction: Array, space: _Space) -> Array:
    """Scale the part of each variable to the norm of its value; a value of zero counts as one."""
    scaled = direction.copy()
    for name in dict.fromkeys(space.names):
        block = space.names == name
        own, part = np.linalg.norm(space.center[block]), np.linalg.norm(direction[block])
        scaled[block] *= (own or 1.0) / (part or 1.0)
    return scaled


def _reach(scores: Array, num: int) -> Array:
    low, high = min(scores.min(), 0.0), max(scores.max(), 0.0)
    return np.linspace(low - MARGIN * (high - low), high + MARGIN * (high - low), num)


def _draws(source: PointOrDraws) -> Draws | None:
    """Return draws if that is what `place` holds."""
    dataset = open_group(source, "posterior") if isinstance(source, xr.DataTree) else source
    if isinstance(dataset, xr.Dataset) and set(SAMPLE_DIMS) <= set(dataset.dims):
        return read_draws(dataset)
    return None


def _arrays(source: PointOrDraws) -> dict[str, xr.DataArray]:
    """Return the values of a point by name."""
    source = getattr(source, "point", source)
    if isinstance(source, xr.Dataset):
        return {str(name): array for name, array in source.data_vars.items()}
    if not isinstance(source, Mapping):
        raise wrong_type("a point by name, or draws, as center and directions", source, "give values by name")
    return {
        str(name): xr.DataArray(checked_array(f"{name!r} in center and directions", value))
        for name, value in source.items()
    }


def _elements(source: PointOrDraws) -> dict[str, float]:
    """Return each element of a point by its label."""
    labelled: dict[str, float] = {}
    for name, array in _arrays(source).items():
        axes = [array[dim].values for dim in array.dims]
        labelled.update(zip(element_labels(name, axes), array.values.ravel().tolist(), strict=True))
    return labelled
