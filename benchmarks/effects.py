"""Random effects integrated out: beside lme4 and glmmTMB where R has them, and beside NumPy on the closed form."""

import resource
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
from scipy import linalg, special
from threadpoolctl import threadpool_limits

import pymc_landscape as pml
from benchmarks import workloads
from benchmarks.clocks import in_turns, once
from benchmarks.isolate import Caches
from benchmarks.rows import Row, alone, at_most, compared, median
from benchmarks.with_r import r_seconds

PUBLISHED = 1751.93934446  # −2LL of lme4
STEPS, NU = 300, np.float64(8)
MIB = 2**20


def sleepstudy() -> dict[str, Any]:
    """Time a fit and its six profile intervals, all graphs compiled, beside lme4; how far −2LL is off."""
    with threadpool_limits(1):
        objective = pml.Objective(workloads.sleepstudy(), latent="u", backend="numba")
        fit = pml.fit_mle(objective, progressbar=False)
        ways = {
            "fit": lambda: pml.fit_mle(objective, starts=1, progressbar=False),
            "default": lambda: pml.fit_mle(objective, progressbar=False),
            "intervals": lambda: pml.confidence_intervals(fit, progressbar=False),
        }
        for way in ways.values():
            way()
        answer = in_turns(ways, 3) | {"off": abs(fit.minus2ll - PUBLISHED)}
    theirs = r_seconds("lmer")
    return answer | theirs | {f"lmer{c}": theirs[f"lmer_of_20{c}"] / 20 for c in ("", "_processor") if theirs}


def groups(n: str, rows: str) -> dict[str, Any]:
    """Time one marginal value with gradient of a model with n intercepts; bytes, and the error of −2LL."""
    count, size = int(n), int(rows)
    rng = np.random.default_rng(1)
    group, x = rng.integers(0, count, size), rng.normal(size=size)
    y = 1 + 0.5 * x + rng.normal(0, 1, count)[group] + rng.normal(0, 0.7, size)
    with pm.Model() as model:
        b, spread, sigma = pm.Normal("b", 0, 10, shape=2), pm.HalfNormal("spread", 3), pm.HalfNormal("sigma", 3)
        u = pm.Normal("u", 0, spread, shape=count)
        pm.Normal("y", b[0] + b[1] * x + u[group], sigma, observed=y)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    objective = pml.Objective(model, latent="u")
    theta = objective.pack({"b": [1.0, 0.5], "spread": 1.1, "sigma": 0.8})
    value, moves = float(objective.value_and_gradient(theta)[0]), iter(np.linspace(1e-3, 1e-2, 10_000))
    took = in_turns({"ours": lambda: objective.value_and_gradient(theta + next(moves))}, 3)
    peak = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    return took | {"peak": peak, "error": abs(value - _closed(y - 1 - 0.5 * x, group, count))}


def _closed(residual: Any, group: Any, n: int) -> float:
    """−2LL of normal effects and errors: each group's covariance is σ² I + τ² 1 1'."""
    tau2, sigma2, counts = 1.1**2, 0.8**2, np.bincount(group, minlength=n)
    sums = np.bincount(group, residual, minlength=n)
    log_det = len(residual) * np.log(sigma2) + np.log1p(counts * tau2 / sigma2).sum()
    square = residual @ residual / sigma2 - (tau2 / (sigma2 * (sigma2 + counts * tau2)) * sums**2).sum()
    return float(len(residual) * np.log(2 * np.pi) + log_det + square)


def counts(n: str) -> dict[str, Any]:
    """Time fits of a Poisson regression with n intercepts of five rows each, after a first, beside R's.

    By Laplace's approximation, which is what `glmmTMB` and `glmer` do by default, and by as many nodes as −2LL needs.
    """
    rng, many = np.random.default_rng(2), int(n)
    group, x = np.repeat(np.arange(many), 5), rng.normal(size=5 * many)
    y = rng.poisson(np.exp(0.3 + 0.4 * x + rng.normal(0, 0.6, many)[group]))
    with pm.Model() as model:
        b, spread = pm.Normal("b", 0, 5, shape=2), pm.HalfNormal("spread", 2)
        u = pm.Normal("u", 0, spread, shape=many)
        pm.Poisson("y", pm.math.exp(b[0] + b[1] * x + u[group]), observed=y)
    answer: dict[str, Any] = {}
    with threadpool_limits(1):
        for name, quadrature in {"laplace": 1, "quadrature": "auto"}.items():
            objective = pml.Objective(model, latent="u", quadrature=quadrature)
            pml.fit_mle(objective, progressbar=False)
            took, fit = once(lambda: pml.fit_mle(objective, starts=1, progressbar=False), name)  # noqa: B023
            answer |= took | {f"{name}_minus2ll": fit.minus2ll}
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        pd.DataFrame({"y": y, "x": x, "group": group}).to_csv(file.name, index=False)
        return answer | r_seconds("glmm", str(Path(file.name)))


def volatility() -> dict[str, Any]:
    """Time the landscape of a stochastic volatility model, a random walk of 300 steps integrated out at 60 points."""
    rng = np.random.default_rng(3)
    returns = np.exp(np.cumsum(rng.normal(0, 0.15, STEPS)) - 1) * rng.standard_t(NU, STEPS)
    with pm.Model() as model:
        step = pm.Exponential("step", 10)
        v = pm.GaussianRandomWalk("v", sigma=step, init_dist=pm.Normal.dist(0, 1), shape=STEPS)
        pm.StudentT("r", nu=NU, sigma=pm.math.exp(v), observed=returns)
    grid, at = pml.regular_grid({"step": (0.05, 0.4, 60)}), np.linspace(0.05, 0.4, 60)
    with threadpool_limits(1):
        objective = pml.Objective(model)
        ours = lambda: pml.evaluate_landscape(objective, grid, progressbar=False)["minus2ll"].to_numpy()  # noqa: E731
        theirs = lambda: np.array([_laplace(step, returns) for step in at])  # noqa: E731
        off = float(np.abs(ours() - theirs()).max())
        return in_turns({"ours": ours, "numpy": theirs}, 3) | {"off": off}


def _laplace(step: float, returns: np.ndarray) -> float:
    """−2LL by Laplace's approximation in NumPy: Newton's method with a banded Cholesky factor."""
    band = np.zeros((2, STEPS))
    band[0, 1:], band[1] = -(step**-2), 2 * step**-2
    band[1, 0], band[1, -1] = 1 + step**-2, step**-2
    v, constant = np.zeros(STEPS), special.gammaln((NU + 1) / 2) - special.gammaln(NU / 2) - 0.5 * np.log(NU * np.pi)

    def times(v: np.ndarray) -> np.ndarray:
        product: np.ndarray = band[1] * v
        product[:-1] += band[0, 1:] * v[1:]
        product[1:] += band[0, 1:] * v[:-1]
        return product

    for _ in range(30):
        q = returns**2 * np.exp(-2 * v) / NU
        hessian = band.copy()
        hessian[1] += 2 * (NU + 1) * q / (1 + q) ** 2
        move = linalg.solveh_banded(hessian, (NU + 1) * q / (1 + q) - 1 - times(v))
        v = v + np.clip(move, -2, 2)
        if np.abs(move).max() < 1e-9:
            break
    log_determinant = 2 * np.log(linalg.cholesky_banded(hessian)[1]).sum() + 2 * (STEPS - 1) * np.log(step)
    density = constant - v - (NU + 1) / 2 * np.log1p(returns**2 * np.exp(-2 * v) / NU)
    return float(-2 * density.sum() + v @ times(v) + log_determinant)


def rows(caches: Caches, repeats: int) -> list[Row]:
    """Random effects integrated out, against lme4, glmmTMB and NumPy; and memory by the number of groups."""
    tasks = [(sleepstudy,), (groups, 1000, 10_000), (groups, 10_000, 100_000), (volatility,)]
    for task in tasks:
        caches.warm(*task)
    sleep, few, many, walk = caches.in_turns(tasks, repeats)
    ((poisson,),) = caches.in_turns([(counts, 10_000)], 1)
    if max(answer["off"] for answer in sleep) > 1e-6 or max(a["error"] for a in (*few, *many)) > 1e-6:
        raise AssertionError("−2LL is not the published one, or not that of the closed form")
    took, default = median(many, "ours_processor"), median(sleep, "default_processor")
    memory = [median(answers, "peak") / MIB for answers in (few, many)]
    title = "GLMM, Poisson, 10,000 groups of 5"
    off = poisson["laplace_minus2ll"] - poisson["quadrature_minus2ll"]
    return [
        compared("`fit_mle(starts=1)`, sleepstudy, compiled", sleep, "fit", "lmer", "`lmer`", within=1.2),
        alone('the same by default, `starts="auto"`', default),
        compared("its six profile intervals", sleep, "intervals", "confint", "`confint(profile())` of lme4", faster=12),
        compared(f"{title}, fit by Laplace's approximation", [poisson], "laplace", "glmmTMB", "`glmmTMB`", within=1),
        compared(f"{title}, fit by Laplace's approximation", [poisson], "laplace", "glmer", "`glmer`", within=1),
        compared(
            f"{title}, fit by as many nodes as −2LL needs (default)", [poisson], "quadrature", "glmer_25_nodes",
            "`glmer(nAGQ=25)`", within=1, note=f"Laplace's −2LL is {off:.1f} too high",
        ),
        compared(
            "marginal landscape, random walk of 300 steps, 60 points", walk, "ours", "numpy",
            "banded Laplace in NumPy", within=5, note=f"−2LL off by {max(a['off'] for a in walk):.0e} at most",
        ),
        alone("10,000 intercepts, 10⁵ rows: marginal value and gradient", took, at_most(took, 0.05)),
        alone("memory beyond the model, 1,000 intercepts", memory[0], unit="MiB", clock="memory"),
        alone("memory beyond the model, 10,000 intercepts", memory[1], unit="MiB", clock="memory"),
    ]  # fmt: skip
