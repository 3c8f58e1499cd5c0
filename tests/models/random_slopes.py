"""Intercepts and slopes by group, integrated out, whose correlation is estimated as ±1: a `singular fit`.

With A = (X'X)⁻¹ the least-squares coefficients of n groups are normal about b with variance V = G + σ²A, and the rest
is residual: −2 log L = n log|V| + tr(V⁻¹S) + n(T−2) log σ² + SSR/σ² + n log|X'X| + nT log 2π.
"""

import numpy as np
import pymc as pm
import pytensor.tensor as pt

TIMES = np.array([2.0, 4, 6, 8])
GROUPS = 40


def measurements() -> np.ndarray:
    rng = np.random.default_rng(193)
    intercepts, slopes = rng.normal(0, 6, GROUPS), rng.normal(0, 0.25, GROUPS)
    return 12 + intercepts[:, None] + (slopes[:, None] - 0.5) * TIMES + rng.normal(0, 4, (GROUPS, 4))


def by_correlation(unit: float = 1.0) -> pm.Model:
    """With √(1 − ρ²): its derivative at ρ = ±1 is infinite."""
    with pm.Model() as model:
        b = pm.Normal("b", 0, 20 * unit, shape=2, initval=[10.0 * unit, 0])
        s0, s1, rho = pm.HalfNormal("s0", 10 * unit), pm.HalfNormal("s1", 2 * unit), pm.Uniform("rho", -1, 1)
        _observe(b, s0, s1 * rho, s1 * pt.sqrt(1 - rho**2), pm.HalfNormal("sigma", 10 * unit), unit)
    return model


def by_cholesky_factor() -> pm.Model:
    with pm.Model() as model:
        b = pm.Normal("b", 0, 20, shape=2, initval=[10.0, 0])
        spreads = pm.HalfNormal.dist([10, 2], shape=2)
        factor, _, _ = pm.LKJCholeskyCov("L", n=2, eta=1, sd_dist=spreads, compute_corr=True)
        _observe(b, factor[0, 0], factor[1, 0], factor[1, 1], pm.HalfNormal("sigma", 10), 1.0)
    return model


def by_correlation_matrix() -> pm.Model:
    with pm.Model() as model:
        b = pm.Normal("b", 0, 20, shape=2, initval=[10.0, 0])
        spreads, factor = pm.HalfNormal("s", [10, 2], shape=2), pm.LKJCorr("R", n=2, eta=1)
        pm.Deterministic("rho", factor[1, 0])
        _observe(b, spreads[0], spreads[1] * factor[1, 0], spreads[1] * factor[1, 1], pm.HalfNormal("sigma", 10), 1.0)
    return model


def _observe(b, l00, l10, l11, sigma, unit: float) -> None:
    """Add the likelihood, for G = LL'."""
    design, y = np.stack([np.ones(4), TIMES], axis=1), unit * measurements()
    normal = design.T @ design
    a, coefficients = np.linalg.inv(normal), y @ design @ np.linalg.inv(normal)
    residual = float(((y - coefficients @ design.T) ** 2).sum())
    mean, scatter = coefficients.mean(0), GROUPS * np.cov(coefficients.T, bias=True)
    away = mean - b
    v00, v01, v11 = l00**2 + sigma**2 * a[0, 0], l00 * l10 + sigma**2 * a[0, 1], l10**2 + l11**2 + sigma**2 * a[1, 1]
    s00, s01, s11 = (scatter[i, j] + GROUPS * away[i] * away[j] for i, j in ((0, 0), (0, 1), (1, 1)))
    determinant = v00 * v11 - v01**2
    minus2ll = GROUPS * pt.log(determinant) + (v11 * s00 - 2 * v01 * s01 + v00 * s11) / determinant
    minus2ll += 2 * GROUPS * pt.log(sigma**2) + residual / sigma**2
    minus2ll += GROUPS * np.linalg.slogdet(normal)[1] + 4 * GROUPS * np.log(2 * np.pi)
    pm.Potential("y", -0.5 * minus2ll)
