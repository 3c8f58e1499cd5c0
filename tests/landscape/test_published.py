"""The landscape is the likelihood written by hand with SciPy, and its floor is the published one."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from published import (
    AGE,
    B_HAT,
    B_SE,
    BOUGHT,
    CONC,
    DEAD,
    DOSE,
    LAST,
    MALE,
    RATE,
    SIGMA_ML,
    SSE,
    TRIED,
    VM,
    K,
    S,
    bg_nbd_logp,
    budworm,
    dyestuff,
    nbd_logp,
    puromycin,
    read,
)
from scipy import special, stats
from variance_components import SCHOOLS

import pymc_landscape as pml

EXACT = 1e-10


def landscape(model: pm.Model, axes: dict, **at):
    """Evaluate over an evenly spaced grid, with a published optimum as one node of each axis."""
    grid = pml.regular_grid(axes)
    return pml.evaluate_landscape(model, grid, at=at or None, progressbar=False)


def around(centre: float, width: float, num: int) -> np.ndarray:
    """`num` (odd) values around `centre`, which is exactly among them."""
    return centre + width * np.linspace(-1, 1, num)


def mesh(*axes: np.ndarray) -> list[np.ndarray]:
    return np.meshgrid(*axes, indexing="ij")


def assert_close(actual, wanted, tolerance: float = EXACT) -> None:
    np.testing.assert_allclose(np.asarray(actual), wanted, rtol=tolerance)


def assert_floor(result, minus2ll: float, digits: int, **node: float) -> None:
    """The lowest point of the grid is the node of the published optimum, to its printed digits."""
    lowest = result["minus2ll"].argmin(...)
    for axis, value in node.items():
        assert result[axis].values[lowest[axis].item()] == value
    assert result["minus2ll"].min().item() == pytest.approx(minus2ll, abs=0.6 * 10.0**-digits)


VM_AXIS, K_AXIS = around(VM, 25, 31), around(K, 0.03, 25)


def sum_of_squares(vm: np.ndarray, k: np.ndarray) -> np.ndarray:
    curve = vm[..., None] * CONC / (k[..., None] + CONC)
    return ((RATE - curve) ** 2).sum(-1)


def test_puromycin_known_sigma_is_the_sum_of_squares():
    result = landscape(puromycin(S), {"Vm": VM_AXIS, "K": K_AXIS})
    sse = sum_of_squares(*mesh(VM_AXIS, K_AXIS))
    by_hand = -0.5 * sse / S**2 - len(RATE) * (np.log(S) + 0.5 * np.log(2 * np.pi))
    assert_close(result["log_likelihood"], by_hand)
    delta = (sse - sse.min()) / S**2
    np.testing.assert_allclose(result["delta_minus2ll"], delta, rtol=1e-9, atol=1e-9)
    assert sse.min() == pytest.approx(SSE, abs=1e-6)


def test_puromycin_free_sigma_at_every_point_and_at_the_published_maximum():
    sigmas = around(SIGMA_ML, 4, 9)
    result = landscape(puromycin(), {"Vm": VM_AXIS[::3], "K": K_AXIS[::2], "sigma": sigmas})
    vm, k, sigma = mesh(VM_AXIS[::3], K_AXIS[::2], sigmas)
    curve = vm[..., None] * CONC / (k[..., None] + CONC)
    assert_close(result["log_likelihood"], stats.norm(curve, sigma[..., None]).logpdf(RATE).sum(-1))
    assert_floor(result, 89.27096865, 7, Vm=VM, K=K, sigma=SIGMA_ML)


def test_puromycin_profiled_sigma_is_the_logarithm_of_the_sum_of_squares():
    sse = sum_of_squares(VM_AXIS, np.full_like(VM_AXIS, K))
    deltas = [
        landscape(puromycin(), {"sigma": np.sqrt(s / len(RATE))[None]}, Vm=vm, K=K)["minus2ll"]
        for vm, s in zip(VM_AXIS[::10], sse[::10], strict=True)
    ]
    profile = np.concatenate(deltas)
    identity = len(RATE) * np.log(sse[::10] / sse[::10][0])
    np.testing.assert_allclose(profile - profile[0], identity, rtol=1e-9, atol=1e-9)


def test_budworm_at_every_point_and_at_the_published_maximum():
    axes = [around(m, 3 * s, 11) for m, s in zip(B_HAT, B_SE, strict=True)]
    labels = ["b[intercept]", "b[male]", "b[ldose]"]
    result = landscape(budworm(), dict(zip(labels, axes, strict=True)))
    b0, b1, b2 = (b[..., None] for b in mesh(*axes))
    dead = stats.binom(TRIED, special.expit(b0 + b1 * MALE + b2 * DOSE))
    assert_close(result["log_likelihood"], dead.logpmf(DEAD).sum(-1))
    assert_floor(result, 2 * 18.43373262, 7, **dict(zip(labels, B_HAT, strict=True)))


def test_budworm_saturated_model_leaves_the_published_residual_deviance():
    at = pml.evaluate_landscape(
        budworm(), pml.regular_grid({"b[male]": B_HAT[1:2]}), at={"b": B_HAT}, progressbar=False
    )
    saturated = stats.binom(TRIED, DEAD / TRIED).logpmf(DEAD).sum()
    deviance = at["minus2ll"].item() + 2 * saturated
    assert deviance == pytest.approx(6.75706423, abs=1e-7)


def test_nbd_at_every_point_and_at_the_published_maximum():
    with pm.Model() as model:
        r, alpha = pm.HalfFlat("r"), pm.HalfFlat("alpha")
        pm.CustomDist("x", r, alpha, AGE, logp=nbd_logp, observed=BOUGHT)
    axes = [around(0.38476767, 0.2, 9), around(12.07208497, 6, 7)]
    result = landscape(model, dict(zip(["r", "alpha"], axes, strict=True)))
    r, alpha = (v[..., None] for v in mesh(*axes))
    each = special.gammaln(r + BOUGHT) - special.gammaln(r) + r * np.log(alpha)
    each = each - (r + BOUGHT) * np.log(alpha + AGE)
    assert_close(result["log_likelihood"], each.sum(-1))
    assert_floor(result, 2 * 9763.660222, 5, r=axes[0][4], alpha=axes[1][3])
    assert result["log_likelihood"].max().item() == pytest.approx(-9763.7, abs=0.05)


def test_bg_nbd_at_every_point_and_at_the_published_maximum():
    with pm.Model() as model:
        r, alpha, a, b = (pm.HalfFlat(name) for name in ("r", "alpha", "a", "b"))
        each = bg_nbd_logp(BOUGHT, LAST, AGE, r, alpha, a, b)
        pm.Potential("customers", each)
    centres = {"r": 0.24259291, "alpha": 4.41353166, "a": 0.79288624, "b": 2.42575388}
    axes = {name: around(c, 0.4 * c, 3) for name, c in centres.items()}
    result = landscape(model, axes)
    assert_close(result["log_likelihood"], bg_nbd_by_hand(*mesh(*axes.values())))
    assert_floor(result, 2 * 9582.425561, 5, **centres)
    assert result["log_likelihood"].max().item() == pytest.approx(-9582.4, abs=0.05)


def bg_nbd_by_hand(*parameters: np.ndarray) -> np.ndarray:
    """The published product A1 (A2 + [x > 0] A3), in logarithms."""
    r, alpha, a, b = (p[..., None] for p in parameters)
    repeat = BOUGHT > 0
    a1 = special.gammaln(r + BOUGHT) - special.gammaln(r) + r * np.log(alpha)
    a2 = special.betaln(a, b + BOUGHT) - special.betaln(a, b) - (r + BOUGHT) * np.log(alpha + AGE)
    a3 = special.betaln(a + 1, b + np.where(repeat, BOUGHT, 1) - 1) - special.betaln(a, b)
    a3 = a3 - (r + BOUGHT) * np.log(alpha + LAST)
    return (a1 + np.where(repeat, np.logaddexp(a2, a3), a2)).sum(-1)


def test_eight_schools_floor_lies_on_the_edge():
    effect, error = (SCHOOLS[c].to_numpy(float) for c in ("effect", "standard_error"))
    with pm.Model() as model:
        mu, tau = pm.Flat("mu"), pm.HalfFlat("tau")
        pm.Normal("effect", mu, pt.sqrt(tau**2 + error**2), observed=effect)
    axes = [around(7.68561672, 10, 11), np.linspace(0, 15, 6)]
    result = landscape(model, dict(zip(["mu", "tau"], axes, strict=True)))
    mu, tau = (v[..., None] for v in mesh(*axes))
    by_hand = stats.norm(mu, np.sqrt(tau**2 + error**2)).logpdf(effect).sum(-1)
    assert_close(result["log_likelihood"], by_hand)
    assert_floor(result, 2 * 29.67424369, 7, mu=7.68561672, tau=0.0)


@pytest.mark.parametrize(
    ("which", "optimum", "width", "minus2ll", "digits"),
    [
        ("Dyestuff", (1527.5, 37.260346, 49.510100), (40, 20, 15), 327.327059881, 8),
        ("Dyestuff2", (5.6656, 0.0, 3.653231), (1, 2, 1), 162.87303665, 8),
    ],
)
def test_dyestuff_floor_inside_and_on_the_edge(which, optimum, width, minus2ll, digits):
    model, table = dyestuff(which)
    axes = [around(c, w, 5) for c, w in zip(optimum, width, strict=True)]
    axes[1] = axes[1][axes[1] >= 0]
    names = ["mu", "between", "within"]
    result = landscape(model, dict(zip(names, axes, strict=True)))
    by_hand = np.empty(result["minus2ll"].shape)
    for index in np.ndindex(by_hand.shape):
        mu, between, within = (axis[i] for axis, i in zip(axes, index, strict=True))
        cov = within**2 * np.eye(5) + between**2
        by_hand[index] = stats.multivariate_normal(np.full(5, mu), cov).logpdf(table).sum()
    assert_close(result["log_likelihood"], by_hand)
    assert_floor(result, minus2ll, digits, **dict(zip(names, optimum, strict=True)))


# Sleepstudy: Belenky et al. (2003). Correlated intercepts and slopes, integrated out exactly.
def test_sleepstudy_at_the_published_maximum():
    table = read("sleepstudy").pivot(index="subject", columns="days", values="reaction_ms")
    days = np.arange(10.0)
    rows = np.column_stack([np.ones(10), days])
    with pm.Model() as model:
        b0, b1, rho = pm.Flat("b0"), pm.Flat("b1"), pm.Uniform("rho", -1, 1)
        sd0, sd1, sigma = (pm.HalfFlat(n) for n in ("sd0", "sd1", "sigma"))
        effects = pt.stack([sd0**2, rho * sd0 * sd1, rho * sd0 * sd1, sd1**2]).reshape((2, 2))
        cov = rows @ effects @ rows.T + sigma**2 * np.eye(10)
        pm.MvNormal("reaction", b0 + b1 * days, cov, observed=table.to_numpy(float))
    at = {"b0": 251.405104848, "sd0": 23.78057, "sd1": 5.71683, "sigma": 25.59182}
    axes = {"b1": around(10.467285960, 3, 5), "rho": around(0.08132, 0.6, 5)}
    result = landscape(model, axes, **at)
    assert_floor(result, 1751.93934446, 6, b1=10.467285960, rho=0.08132)
