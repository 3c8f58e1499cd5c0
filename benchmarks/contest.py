"""Ten thousand points of one model, by us and by others, in turns."""

import statistics
import time
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import pymc as pm
import xarray as xr

import pymc_landscape as pml
from benchmarks import rivals
from benchmarks.workloads import line_data, regression

SIGMA = 0.5
TURN_SECONDS = 0.2
AXES = {"a": (0.8, 1.2), "b": (1.8, 2.2)}
Contenders = dict[str, Callable[[], np.ndarray]]


def contenders(rows: int, num: int, names: Collection[str]) -> Contenders:
    """Give ways to the same log-likelihoods, compiled already and known to agree."""
    model, points = regression(rows), _points(num)
    x, y = line_data(rows)
    makers: dict[str, Callable[[], Callable[[], np.ndarray]]] = {
        "handwritten": lambda: lambda: rivals.handwritten(x, y, points),
        "landscape": lambda: _landscape(model, num),
        "objective": lambda: _objective(model, points),
        "compile_logp": lambda: _compile_logp(model, points),
        "scipy": lambda: lambda: rivals.scipy_loop(x, y, points),
        "compute_log_likelihood": lambda: _compute_log_likelihood(model, num),
    }
    ways = {name: makers[name]() for name in names}
    _check(ways, rivals.handwritten(x, y, points))
    return ways


def microseconds(ways: Contenders, points: int, repeats: int) -> dict[str, float]:
    """Return the median of `repeats` turns, in µs a point."""
    turns: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            turns[name].append(1e6 * _turn(way) / points)
    return {name: statistics.median(times) for name, times in turns.items()}


def _turn(way: Callable[[], np.ndarray]) -> float:
    """Best seconds of the calls that fit in a turn, what it takes while the neighbours are quiet.

    A median would not be fair: numba's parallel loop waits ten times its own 1 ms for a core that
    another process holds.
    """
    calls, end = [], time.perf_counter() + TURN_SECONDS
    while not calls or time.perf_counter() < end:
        start = time.perf_counter()
        way()
        calls.append(time.perf_counter() - start)
    return min(calls)


def _points(num: int) -> np.ndarray:
    axes = [np.linspace(*AXES[name], num) for name in ("a", "b")]
    a, b = (values.ravel() for values in np.meshgrid(*axes, indexing="ij"))
    return np.column_stack([a, b, np.full(num**2, SIGMA)])


def _landscape(model: pm.Model, num: int) -> Callable[[], np.ndarray]:
    """Time the whole verb: points made, likelihood and prior evaluated, Dataset labelled."""
    objective = pml.Objective(model, backend="numba")
    grid = pml.regular_grid({name: (*ends, num) for name, ends in AXES.items()})

    def way() -> np.ndarray:
        at = {"sigma": SIGMA}
        surface = pml.evaluate_landscape(objective, grid, at=at, progressbar=False)
        return surface["log_likelihood"].values.ravel()

    return way


def _objective(model: pm.Model, points: np.ndarray) -> Callable[[], np.ndarray]:
    """Time the compiled function alone: a vector of theta for each point is at hand."""
    objective = pml.Objective(model, backend="numba")
    theta = objective.pack(dict(zip(("a", "b", "sigma"), points.T, strict=True)))
    return lambda: objective.log_likelihood(theta)


def _compile_logp(model: pm.Model, points: np.ndarray) -> Callable[[], np.ndarray]:
    logp = model.compile_logp()
    return lambda: rivals.compile_logp_loop(logp, points)


def _compute_log_likelihood(model: pm.Model, num: int) -> Callable[[], np.ndarray]:
    """Use PyMC's pointwise log-likelihood on the grid, summed; parameters must be broadcast."""
    grid = xr.DataArray(_points(num).reshape(num, num, 3), dims=("i", "j", "parameter"))
    draws = {n: grid.isel(parameter=k, drop=True) for k, n in enumerate(("a", "b", "sigma"))}
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset(draws)})

    def way() -> np.ndarray:
        found: Any = pm.compute_log_likelihood(
            tree, sample_dims=("i", "j"), extend_inferencedata=False, model=model, progressbar=False
        )
        return found["y"].sum("y_dim_0").values.ravel()

    return way


def _check(ways: Contenders, wanted: np.ndarray) -> None:
    """Stop if someone computes something else; compile_logp has the prior in it, a little off."""
    for name, way in ways.items():
        found = way()
        offset = found[0] - wanted[0] if name == "compile_logp" else 0.0
        loose = 1e-3 if name == "compile_logp" else 1e-9
        if not np.allclose(found - offset, wanted, rtol=loose):
            raise AssertionError(f"{name} computes another log-likelihood")
