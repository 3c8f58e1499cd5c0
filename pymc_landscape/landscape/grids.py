"""Grids of axes: given by hand, or over the region of posterior draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pymc as pm
import xarray as xr
from numpy.typing import ArrayLike

from pymc_landscape._typing import Array, ModelLike, Posterior
from pymc_landscape.arguments import (
    checked_choice,
    checked_count,
    checked_level,
    checked_names,
    checked_number,
    told,
    wrong_type,
)
from pymc_landscape.landscape.planes import plane_dataset, principal_axes
from pymc_landscape.numerics import chi2_cutoff
from pymc_landscape.objective import (
    Draws,
    Objective,
    draws_of_model,
    minus2ll_with_digits,
    objective_of,
    open_group,
    read_draws,
    select_labels,
)
from pymc_landscape.optimize import Fit
from pymc_landscape.results import (
    OF_LANDSCAPES,
    array_dataset,
    array_variable,
    axis_variable,
    provenance_attributes,
    refuse_reserved_names,
)

# An axis: a range and its number of points, or the points.
Axis = tuple[float, float, int] | ArrayLike
# The region of the draws' −2LL that a posterior-informed grid always contains.
REGION_LEVEL = 0.95
# Draws kept with a grid until a model can say which is the likeliest: at most this many numbers.
KEPT_NUMBERS = 20_000_000


def regular_grid(axes: Mapping[str, Axis]) -> xr.Dataset:
    """Make a grid from ranges or values.

    Parameters
    ----------
    axes : mapping of str to (low, high, num) or array_like
        For each axis the label of a parameter (``"alpha"``, ``"beta[x1]"``, or an unconstrained ``"w_simplex__[0]"``)
        and either a tuple (low, high, number of points) or a list or array of increasing values.

    Returns
    -------
    xr.Dataset
        One dim an axis, named by its label, with the values as coordinates; ``attrs["kind"]`` is ``"regular"``.

    Raises
    ------
    ValueError
        If there is no axis, or an axis is empty, not finite or not increasing.

    Examples
    --------
    >>> grid = regular_grid({"alpha": (0, 2, 5), "beta[x1]": [-1.0, 0.0, 1.0]})
    >>> dict(grid.sizes)
    {'alpha': 5, 'beta[x1]': 3}
    """
    if not isinstance(axes, Mapping):
        raise wrong_type("axes to be a mapping", axes, "give each axis by its label, for example {'mu': (-1, 1, 101)}")
    if not axes:
        raise ValueError("Expected at least one axis, got none: for example {'mu': (-1, 1, 101)}.")
    checked_names("axes", list(axes), of="labels")
    refuse_reserved_names(axes, OF_LANDSCAPES, "an axis")
    values = {label: _axis(label, spec) for label, spec in axes.items()}
    axes_of = {label: axis_variable(label, along) for label, along in values.items()}
    return xr.Dataset(coords=axes_of, attrs=provenance_attributes(kind="regular"))


def posterior_grid(
    dt: Posterior,
    var_names: str | Sequence[str] | None = None,
    *,
    num: int = 51,
    ci_prob: float = 0.99,
    coords: Mapping[str, Any] | None = None,
    group: str = "posterior",
    axes: Literal["parameters", "principal"] = "parameters",
    model: ModelLike | Objective | Fit | None = None,
) -> xr.Dataset:
    """Make a grid over the region that posterior draws occupy.

    The range of an axis covers the highest-density interval of the draws *and* every draw whose −2LL is within the
    95 % χ² cut-off of the lowest, so that a prior which pulls the posterior to one side does not hide the likelihood.
    The −2LL of the draws is read from the group ``log_likelihood``, or computed from `model`; where neither is known,
    the range covers all draws.

    Parameters
    ----------
    dt : DataTree or Dataset
        Draws with the dims chain and draw.
    var_names : str or sequence of str, optional
        Variables, or single elements such as ``"beta[x1]"``; default all. As in ArviZ, ``"~name"`` leaves one out.
    num : int
        Points an axis. An integer parameter gets at most so many integers.
    ci_prob : float
        Probability of the highest-density interval.
    coords : mapping, optional
        As in ArviZ: which elements of array variables.
    group : str
        Group of the tree that holds the draws.
    axes : {"parameters", "principal"}
        One axis a parameter, or for correlated posteriors the two leading principal axes of the chosen parameters,
        `u` and `v`, in units of the draws' standard deviation along them.
    model : pm.Model, Objective or Fit, optional
        The model; left out, that of the surrounding ``with`` block, if any. With it, variables that it computes
        (Deterministics) are left out.

    Returns
    -------
    xr.Dataset
        ``"parameters"``: one dim an axis, named by its label, natural scale. ``"principal"``: dims `u` and `v`, and the
        variables `center` (plane_parameter) and `direction` (axis, plane_parameter). Either with `best_draw`
        (draw_parameter), the draw of highest likelihood, or, if the likelihood is not known yet, with all `draws`
        (sample, draw_parameter).

    Raises
    ------
    ValueError
        If a variable is unknown, `ci_prob` is not in (0, 1), or the draws are not finite.

    Examples
    --------
    >>> import numpy as np, xarray as xr, pymc_landscape as pml
    >>> draws = xr.Dataset({"mu": (("chain", "draw"), np.random.default_rng(1).normal(3, 1, (2, 500)))})
    >>> grid = pml.posterior_grid(draws, "mu", num=5, ci_prob=0.9)
    >>> dict(grid.sizes)["mu"], bool(grid["mu"][0] < 2 and grid["mu"][-1] > 4)
    (5, True)
    """
    ci_prob, num = checked_level("ci_prob", ci_prob, usual=0.99), checked_count("num", num)
    checked_choice("axes", axes, ("parameters", "principal"))
    objective = _objective_if_any(model)
    dataset = open_group(dt, group)
    dataset = dataset if objective is None else draws_of_model(dataset, objective.bambi_terms)
    names = None if objective is None else {v.name for v in objective.variables}
    draws = read_draws(dataset, names)
    labels = select_labels(dataset, draws, var_names, coords)
    refuse_reserved_names(labels, OF_LANDSCAPES, "an axis")
    minus2ll = _minus2ll_of_draws(dt, draws, objective)
    chosen = draws.columns(labels)
    _refuse_not_finite(chosen)
    near = slice(None) if minus2ll is None else _region(minus2ll, draws.matrix.shape[1])
    if axes == "principal":
        grid = _principal_grid(chosen, near, num, ci_prob)
    else:
        values = {
            label: _range_of(column, column[near], num, ci_prob, bool(discrete))
            for label, column, discrete in zip(labels, chosen.matrix.T, chosen.discrete, strict=True)
        }
        grid = array_dataset({}, values, provenance_attributes(kind="posterior"))
    return _with_reference(grid, draws, minus2ll)


def _axis(label: str, spec: Axis) -> Array:
    if isinstance(spec, tuple):
        if len(spec) != 3:
            raise ValueError(
                f"Expected (low, high, number of points) for {label!r}, got {spec}: a list gives the values themselves."
            )
        low, high = (checked_number(f"the ends of {label!r}", end, advice="give numbers") for end in spec[:2])
        values = np.linspace(low, high, checked_count(f"the number of points of {label!r}", spec[2], advice="give one"))
    else:
        values = np.asarray(spec)
    if values.ndim != 1 or values.size == 0 or values.dtype.kind not in "iuf":
        raise ValueError(f"Expected a list of numbers for {label!r}, got {told(spec)}: give them in increasing order.")
    if not np.isfinite(values).all():
        raise ValueError(f"Expected finite values for {label!r}, got {values[~np.isfinite(values)][0]}: take it out.")
    if (np.diff(values) <= 0).any():
        raise ValueError(f"Expected increasing values for {label!r}, got {spec!r}: sort them, and drop doubles.")
    return values


def _objective_if_any(model: ModelLike | Objective | Fit | None) -> Objective | None:
    """Return the objective of `model` or of the surrounding with block; None outside of one."""
    if model is None and pm.Model.get_context(error_if_none=False) is None:
        return None
    return objective_of(model)


def _minus2ll_of_draws(dt: Posterior, draws: Draws, objective: Objective | None) -> Array | None:
    """−2LL of each draw, from the tree or from the model; None where neither knows."""
    if objective is not None:
        return minus2ll_with_digits(objective, draws.points(objective))
    if not isinstance(dt, xr.DataTree) or "log_likelihood" not in dt.children:
        return None
    terms = open_group(dt, "log_likelihood").data_vars.values()
    sums = [t.sum([d for d in t.dims if d not in ("chain", "draw")], skipna=False) for t in terms]
    if any(s.size != len(draws.matrix) for s in sums):
        raise ValueError(
            f"Expected a log-likelihood of each of the {len(draws.matrix)} draws, got {sums[0].size}: the group "
            "log_likelihood is that of other draws; compute it anew, or pass model=."
        )
    return np.asarray(-2.0 * sum(s.values.ravel() for s in sums))


def _region(minus2ll: Array, k: int) -> Array:
    """Which draws lie within the 95 % χ² cut-off of the lowest −2LL."""
    return np.asarray(minus2ll - np.nanmin(minus2ll) <= chi2_cutoff(REGION_LEVEL, k))


def _range_of(column: Array, near: Array, num: int, ci_prob: float, discrete: bool) -> Array:
    """Values from the lowest to the highest of what an axis must contain."""
    from arviz_stats.base import array_stats  # type: ignore[attr-defined]

    low, high = array_stats.hdi(column, ci_prob)  # type: ignore[no-untyped-call]
    low, high = min(low, near.min()), max(high, near.max())
    if discrete:
        return np.unique(np.linspace(low, high, num).round().astype(np.int64))
    if low == high:
        raise ValueError(
            f"Expected draws that vary, got the same value {low} throughout: use regular_grid for this parameter."
        )
    return np.linspace(low, high, num)


def _principal_grid(chosen: Draws, near: Array | slice, num: int, ci_prob: float) -> xr.Dataset:
    if chosen.discrete.any():
        name = chosen.labels[int(np.argmax(chosen.discrete))]
        raise ValueError(f"Expected continuous parameters for principal axes, got the integer {name}.")
    center = chosen.matrix.mean(0)
    directions, scores = principal_axes(chosen.matrix - center)
    values = [_range_of(s, s[near], num, ci_prob, discrete=False) for s in scores.T]
    return plane_dataset(center, directions, values, chosen.labels, kind="principal")


def _with_reference(grid: xr.Dataset, draws: Draws, minus2ll: Array | None) -> xr.Dataset:
    """Keep the likeliest draw with the grid, or the draws from which to find it."""
    grid = grid.assign_coords(draw_parameter=axis_variable("draw_parameter", list(draws.labels)))
    if minus2ll is not None:
        best = int(np.nanargmin(minus2ll))
        grid.attrs["best_draw"] = f"chain {draws.chain[best]}, draw {draws.draw[best]}"
        return grid.assign(best_draw=array_variable("draw_parameter", draws.matrix[best]))
    step = -(-draws.matrix.size // KEPT_NUMBERS)
    kept = draws.rows(slice(None, None, step))
    return grid.assign(draws=array_variable(("sample", "draw_parameter"), kept.matrix)).assign_coords(
        sample_chain=array_variable("sample", kept.chain), sample_draw=array_variable("sample", kept.draw)
    )


def _refuse_not_finite(chosen: Draws) -> None:
    bad = ~np.isfinite(chosen.matrix).all(0)
    if bad.any():
        name = chosen.labels[int(np.argmax(bad))]
        raise ValueError(f"Expected finite draws, got NaN or infinity in {name}: drop those draws of dt first.")
