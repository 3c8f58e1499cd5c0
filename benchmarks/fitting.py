"""Fits and descents, by us and by others, in turns and on one core.

One core for all sides, so that no one's library gains by threads that the other does not start.
statsmodels and lifetimes are wanted here alone and are no part of the project's environment: where
one is not installed, its row says so. lifetimes is no longer maintained and asks for an old pandas;
``uv pip install --no-deps lifetimes autograd dill`` gives one that runs beside the new pandas.
"""

import importlib.util
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
from threadpoolctl import threadpool_limits

import pymc_landscape as pml
from benchmarks.workloads import logistic, logistic_data, many_groups, regression

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
TURN_SECONDS = 0.3
STEPS = 1000
Way = Callable[[], float]  # does the work and returns the log-likelihood it found


def fits(name: str, repeats: int, starts: str) -> dict[str, Any]:
    """Time the first fit of a process, then further ones; of one search, as the rivals do, beside theirs; seconds."""
    with threadpool_limits(1):
        model, ours = MODELS[name](), partial(_ours, starts="auto" if starts == "auto" else int(starts))
        start = time.perf_counter()
        objective = pml.Objective(model)
        ours(objective)
        answer: dict[str, Any] = {"first": time.perf_counter() - start}
        ways: dict[str, Way] = {"ours": partial(ours, objective)}
        if starts == "1" and (rival := RIVALS[name]()) is not None:
            ways["theirs"] = rival
        _check({way: run() for way, run in ways.items()})
        return answer | in_turns(ways, repeats)


def spectrum(groups: int) -> dict[str, Any]:
    """Time the ten leading eigenvalues of a model with `groups` + 2 parameters, twice; seconds."""
    with threadpool_limits(1):
        model = many_groups(groups)
        clock = [time.perf_counter()]
        objective = pml.Objective(model)
        for _ in range(2):
            found = pml.hessian_spectrum(objective, num=10, random_seed=1)
            clock.append(time.perf_counter())
    first, again = np.diff(clock)
    return {"first": first, "again": again, "size": objective.size, "largest": float(found["eigenvalue"][0])}


def adam(repeats: int) -> dict[str, Any]:
    """Time 1,000 recorded steps of Adam, and the same gradients alone; µs a step."""
    with threadpool_limits(1):
        objective = pml.Objective(regression(1000))
        walk = partial(pml.descend, objective, "adam", steps=STEPS, tolerance=0.0, progressbar=False)
        thetas = walk()["theta"].values[0]
        slope = objective.value_and_gradient_function()
        ways: dict[str, Way] = {
            "descend": lambda: float(walk()["minus2ll"][0, -1]),
            "gradient": partial(_each, slope, thetas),
        }
        return {way: 1e6 * seconds / STEPS for way, seconds in in_turns(ways, repeats).items()}


def minibatch(rows: int, repeats: int) -> dict[str, Any]:
    """Time a step of SGD on 64 rows, and on all of `rows`; µs a step, by the path's own clock."""
    with threadpool_limits(1):
        objective = pml.Objective(logistic(rows))
        rate = 0.1 / rows
        both: dict[str, Callable[[], float]] = {
            "batch": partial(_per_step, objective, rate, STEPS, 64),
            "all": partial(_per_step, objective, rate, 20, None),
        }
        turns: dict[str, list[float]] = {way: [run()] for way, run in both.items()}  # compiles
        for _ in range(repeats):
            for way, run in both.items():
                turns[way].append(run())
    return {way: 1e6 * min(times[1:]) for way, times in turns.items()}


def _per_step(objective: pml.Objective, rate: float, steps: int, batch_size: int | None) -> float:
    path = pml.descend(
        objective, "sgd", steps=steps, learning_rate=rate, batch_size=batch_size, record_every=steps,
        tolerance=0.0, random_seed=1, progressbar=False,
    )  # fmt: skip
    return float(path["seconds"][0, -1]) / steps


def _each(slope: Any, thetas: np.ndarray) -> float:
    for theta in thetas:
        value, _ = slope(theta)
    return value


def in_turns(ways: dict[str, Way], repeats: int) -> dict[str, float]:
    """Return the median over turns of the best call in each; a turn is the calls of 0.3 s."""
    turns: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            turns[name].append(_turn(way))
    return {name: statistics.median(times) for name, times in turns.items()}


def _turn(way: Way) -> float:
    calls, end = [], time.perf_counter() + TURN_SECONDS
    while not calls or time.perf_counter() < end:
        start = time.perf_counter()
        way()
        calls.append(time.perf_counter() - start)
    return min(calls)


def _check(found: dict[str, float]) -> None:
    if max(found.values()) - min(found.values()) > 1e-3:
        raise AssertionError(f"not all reach the same maximum: {found}")


def _ours(objective: pml.Objective, starts: Any) -> float:
    fit = pml.fit_mle(objective, starts=starts, progressbar=False)
    _ = fit.standard_error  # part of what the others return
    return float(fit.log_likelihood)


def _statsmodels() -> Way | None:
    if importlib.util.find_spec("statsmodels") is None:
        return None
    from statsmodels.api import Logit

    design, y = logistic_data(5000)

    def fit() -> float:
        result = Logit(y, design).fit(disp=0)
        _ = result.bse
        return float(result.llf)

    return fit


def _lifetimes() -> Way | None:
    if importlib.util.find_spec("lifetimes") is None:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lifetimes import BetaGeoFitter

    data = pd.read_csv(EXAMPLES / "data" / "cdnow.csv")

    def fit() -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitter = BetaGeoFitter().fit(data["frequency"], data["recency_weeks"], data["age_weeks"])
        values = dict(fitter.params_)  # its own value has other constants
        return float(truth.log_likelihood(truth.pack(values)))

    truth = pml.Objective(_customers())
    truth.log_likelihood(truth.pack({"r": 0.2, "alpha": 4.0, "a": 0.8, "b": 2.4}))  # compiles
    return fit


def _customers() -> pm.Model:
    behavior = example("user_behavior")
    return behavior.build_model(behavior.load_customers(), merge=False)  # row by row, as lifetimes does


def _budworm() -> pm.Model:
    data = pd.read_csv(EXAMPLES / "data" / "budworm.csv")
    male = (data["sex"] == "M").to_numpy(float)
    with pm.Model() as model:
        b = pm.Normal("b", 0, 10, shape=3)
        logit = b[0] + b[1] * male + b[2] * data["ldose"].to_numpy(float)
        pm.Binomial("dead", n=data["n"].to_numpy(), logit_p=logit, observed=data["dead"].to_numpy())
    return model


def example(name: str) -> ModuleType:
    """Import a script of ../examples."""
    spec: Any = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


MODELS: dict[str, Callable[[], pm.Model]] = {
    "logistic": partial(logistic, 5000),
    "customers": _customers,
    "budworm": _budworm,
}
RIVALS: dict[str, Callable[[], Way | None]] = {
    "logistic": _statsmodels,
    "customers": _lifetimes,
    "budworm": lambda: None,
}
