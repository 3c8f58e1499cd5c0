"""Interval ends and contours against answers that stand in ``interval_truths``, and against refits by SciPy."""

import warnings
from collections.abc import Callable
from functools import cache

import interval_models as models
import numpy as np
import published
import pymc as pm
import pytest
from interval_truths import CASES, HIGHER, INF, Case
from scipy import optimize, special, stats
from selection import exhaustive, some
from variance_components import one_way

import pymc_landscape as pml


@cache
def fit_of(build: Callable[[], pm.Model]) -> pml.Fit:
    return pml.fit_mle(build(), progressbar=False)


@cache
def _of_model(model: pm.Model) -> pml.Fit:
    return fit_of(lambda: model)


def fitted(case: Case) -> pml.Fit:
    """Fit a model once, whichever case asks first."""
    return _of_model(case.build())


@cache
def known_ends(name: str) -> tuple[list[float], list[str], list[float]]:
    case = CASES[name]
    return ends(fitted(case), case)


def ends(fit: pml.Fit, case: Case) -> tuple[list[float], list[str], list[float]]:
    """Both ends, their statuses, and Δ(−2LL) there."""
    asked = {case.label: case.combination} if case.combination else case.label
    found = pml.confidence_intervals(fit, asked, level=case.level, progressbar=False)
    one = found.sel(parameter=case.label, interval_method="profile")
    columns = ("interval", "status", "delta_minus2ll")
    interval, status, delta = ([one[c].sel(bound=b).item() for b in ("lower", "upper")] for c in columns)
    return interval, [str(s) for s in status], delta


# --- a second route: SciPy on the objective --------------------------------------------------------------------------


def places(fit: pml.Fit) -> list[np.ndarray]:
    """Where to begin a refit: at the estimate, off every edge, and a step beside it."""
    bounds = np.array([limits for v in fit.objective.variables for limits in _limits(v)])
    natural = np.array([v.transform is None for v in fit.objective.variables for _ in range(_size(v))])
    inside = np.where(np.isfinite(fit.theta), fit.theta, np.sign(fit.theta) * 3.0)
    beside = inside + 0.3
    for theta in (inside, beside):
        theta[natural] = np.clip(theta[natural], bounds[natural, 0] + 1e-3, bounds[natural, 1] - 1e-3)
    return [inside, beside]


def _limits(variable) -> list[tuple[float, float]]:
    whole = (-np.inf, np.inf)
    return [variable.limits(i) if variable.elementwise else whole for i in range(_size(variable))]


def _size(variable) -> int:
    return int(np.prod(variable.value_shape))


def refit(fit: pml.Fit, case: Case, value: float) -> float:
    """The minimum of −2LL where the quantity has this value, in the package's own coordinates but by SciPy's search."""
    search = _one_held if case.psi is None else _constrained
    return min(search(fit, case, value, theta) for theta in places(fit))


def _one_held(fit: pml.Fit, case: Case, value: float, theta: np.ndarray) -> float:
    """Hold one element; move the others."""
    objective, slope = fit.objective, fit.objective.value_and_gradient_function()
    i = objective.labels.index(case.label)
    point = {name: np.array(values) for name, values in objective.unpack(theta).items()}
    name = case.label.split("[")[0]
    first = next(j for j, label in enumerate(objective.labels) if label.split("[")[0] == name)
    np.reshape(point[name], -1)[...] = np.where(np.arange(point[name].size) == i - first, value, point[name].ravel())
    held, others = objective.pack(point)[i], np.arange(len(theta)) != i
    if not others.any():
        return slope(np.array([held]))[0]

    def reduced(rest: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = slope(np.insert(rest, i, held))
        return (value, gradient[others]) if np.isfinite(value) else (1e10, np.zeros(len(rest)))

    return _polished(reduced, theta[others])


def _polished(reduced, x: np.ndarray) -> float:
    """Minimise by BFGS in a scale in which the curvatures are about 1."""
    step = 1e-4 * np.maximum(1e-2, np.abs(x))
    curvature = [(reduced(x + s)[1] - reduced(x - s)[1]) @ s / (2 * s @ s) for s in np.diag(step)]
    scale = 1 / np.sqrt(np.maximum(np.abs(curvature), 1e-8))

    def scaled(u: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = reduced(x + u * scale)
        return value, gradient * scale

    u = np.zeros_like(x)
    for _ in range(3):
        u = optimize.minimize(scaled, u, jac=True, method="BFGS", options={"gtol": 1e-9}).x
    return scaled(u)[0]


def _constrained(fit: pml.Fit, case: Case, value: float, theta: np.ndarray) -> float:
    """Hold the quantity by an equation between the elements."""
    objective, slope = fit.objective, fit.objective.value_and_gradient_function()
    errors = np.sqrt(np.diag(fit.theta_covariance))
    scale = np.where(np.isfinite(errors) & (errors > 0), errors, 1.0)

    def held(u: np.ndarray) -> float:
        return float(case.psi(objective.unpack(theta + u * scale))) / value - 1

    def scaled(u: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = slope(theta + u * scale)
        return value, gradient * scale

    options = {"ftol": 1e-14, "maxiter": 500}
    constraint = {"type": "eq", "fun": held, "jac": lambda u: optimize.approx_fprime(u, held, 1e-7)}
    found = optimize.minimize(
        scaled, np.zeros_like(theta), jac=True, method="SLSQP", constraints=[constraint], options=options
    )
    return found.fun if abs(held(found.x)) < 1e-9 else INF


# Of the forms in which a model may be written one runs always, as of the sizes of a sample.
OTHER_FORMS = (
    "untransformed",
    "beta",
    "logit",
    "half normal",
    "log normal",
    "uniform",
    "flat",
    "interval",
    "whole line",
    "as nls",
    "10 of 10",
    "of 10 at",
    "of 30 at",
    "mean of 10",
    "Dyestuff mu at",
    "Dyestuff sigma_b at",
    "overdispersion sigma",
    "uneven",
    "Murray",
    "frogs",
    "in (0.5, 0.8)",
    "low slope",
)
FIRST_FORMS = ("0 of 10, uniform", "7 of 10 at", "logit at dose 3")
ONE_OF_EACH = some(
    CASES, lambda name: name.startswith(FIRST_FORMS) or "half flat" in name or not any(f in name for f in OTHER_FORMS)
)


# --- intervals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_ends_are_the_known_ones(name):
    case = CASES[name]
    interval, status, delta = known_ends(name)
    for got, allowed in zip(status, case.status, strict=True):
        assert got in allowed.split("|")
    np.testing.assert_allclose(interval, [case.lower, case.upper], rtol=case.tolerance, atol=0)
    cutoff = stats.chi2.ppf(case.level, 1)
    for rise, what in zip(delta, status, strict=True):
        if what == "finite":
            assert rise == pytest.approx(cutoff, abs=1e-8)
        else:
            assert not rise > cutoff


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_ends_plugged_back_raise_minus2ll_to_the_cutoff(name):
    case = CASES[name]
    fit = fitted(case)
    interval, status, _ = known_ends(name)
    for value, what in zip(interval, status, strict=True):
        if what == "finite":
            over = refit(fit, case, value) - fit.minus2ll - stats.chi2.ppf(case.level, 1)
            assert -1e-6 < over < (1e-6 if case.psi is None else 1e-5)  # a search along an equation stops above


@pytest.mark.parametrize("name", some(HIGHER, lambda name: name in ONE_OF_EACH))
def test_a_search_from_the_higher_valley_ends_in_the_lower_one(name):
    case, start = CASES[name], HIGHER[name]
    here = pml.fit_mle(case.build(), starts=[start], progressbar=False)
    best = fitted(case)
    assert here.minus2ll > best.minus2ll + 0.05
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        interval, status, delta = ends(here, case)
    assert "new_optimum" in status
    assert set(status) <= {"new_optimum", "finite"}
    assert any("lower" in str(w.message) for w in said)
    np.testing.assert_allclose(interval, [case.lower, case.upper], rtol=1e-6)
    np.testing.assert_allclose(delta, stats.chi2.ppf(case.level, 1), atol=1e-8)


def test_all_at_once_and_at_several_levels():
    levels = [0.5, 0.9, 0.95, 0.9999]
    found = pml.confidence_intervals(fitted(CASES["budworm sex"]), level=levels, progressbar=False)
    assert found["interval"].dims == ("level", "parameter", "bound", "interval_method")
    assert list(found["parameter"].values) == ["b[intercept]", "b[male]", "b[ldose]"]
    for case in CASES.values():
        if case.build is models.budworm and case.psi is None:
            got = found["interval"].sel(parameter=case.label, level=case.level, interval_method="profile")
            np.testing.assert_allclose(got, [case.lower, case.upper], rtol=1e-6)
    cutoffs = stats.chi2.ppf(levels, 1)[:, None, None, None]
    np.testing.assert_allclose(found["delta_minus2ll"] - cutoffs, 0, atol=1e-8)


# --- what is open is open: the limits by SciPy -----------------------------------------------------------------------


def test_overdispersed_seeds_could_be_binomial():
    """−2LL without overdispersion is above the minimum, by less than the cut-off (theta's upper end is open)."""
    sums = [np.bincount(models.DILUTION, weights) for weights in (models.OROB_M, models.OROB_N)]
    chance = (sums[0] / sums[1])[models.DILUTION]
    rise = (
        -2 * stats.binom(models.OROB_N, chance).logpmf(models.OROB_M).sum() - fitted(CASES["germination 1/1"]).minus2ll
    )
    assert rise == pytest.approx(2.2920419931844, abs=1e-8)
    assert stats.chi2.ppf(0.5, 1) < rise < stats.chi2.ppf(0.95, 1)


def test_low_concentrations_could_be_on_a_straight_line():
    x, y = models.LOW, models.SPEED
    rest = ((y - x * (x @ y) / (x @ x)) ** 2).sum()
    sigma = float(fitted(CASES["low Vm"]).point["sigma"])
    rise = 6 * np.log(rest / (6 * sigma**2))
    assert rise == pytest.approx(3.5503244356, abs=1e-7)
    assert stats.chi2.ppf(0.5, 1) < rise < stats.chi2.ppf(0.95, 1)


# --- contours: Δ at each vertex from the density written by hand -----------------------------------------------------


def lowest(minus2ll: Callable[[float], float], low: float, high: float) -> float:
    """The minimum over one nuisance, an edge included."""
    inside = optimize.minimize_scalar(minus2ll, bounds=(low, high), method="bounded", options={"xatol": 1e-11})
    return min(float(inside.fun), minus2ll(low))


def straight_line(b0: float, b1: float) -> float:
    """(b − b̂)ᵀ XᵀX (b − b̂)/σ²: an ellipse."""
    x = np.column_stack([np.ones(5), models.LINE_X])
    least = np.linalg.lstsq(x, models.LINE_Y)[0]
    return float((((x @ ([b0, b1] - least)) / models.LINE_SIGMA) ** 2).sum())


def of_ten(mu: float, sigma: float) -> float:
    """n (log σ²/σ̂² + (σ̂² + (µ − ȳ)²)/σ² − 1) with ȳ = 40, σ̂ = 3."""
    return 10 * (2 * np.log(sigma / 3) + (9 + (mu - 40) ** 2) / sigma**2 - 1)


def puromycin(vm: float, k: float) -> float:
    """n log SSE/SSE_min."""

    def rest(vm: float, k: float) -> float:
        return float(((published.RATE - vm * published.CONC / (k + published.CONC)) ** 2).sum())

    def best(k: float) -> float:
        shape = published.CONC / (k + published.CONC)
        return rest(shape @ published.RATE / (shape @ shape), k)

    return 12 * np.log(rest(vm, k) / lowest(best, 0.02, 0.2))


def budworm(male: float, dose: float) -> float:
    """Least over the intercept."""

    def minus2ll(b: np.ndarray) -> float:
        chance = special.expit(b[0] + b[1] * published.MALE + b[2] * published.DOSE)
        return -2 * float(stats.binom(published.TRIED, chance).logpmf(published.DEAD).sum())

    return lowest(lambda b0: minus2ll(np.array([b0, male, dose])), -15, 5) - 2 * 18.43373261682


def dyestuff2(mu: float, sigma: float) -> float:
    """Least over σ_b, from 0 on."""
    a, n, mean, ssb, ssw = one_way("Dyestuff2", "log")[1]

    def minus2ll(between: float) -> float:
        whole = sigma**2 + n * between**2
        fixed = a * (n - 1) * np.log(sigma**2) + ssw / sigma**2 + a * n * np.log(2 * np.pi)
        return float(fixed + a * np.log(whole) + (ssb + a * n * (mean - mu) ** 2) / whole)

    return lowest(minus2ll, 0.0, 10.0) - 162.8730366538258


CONTOURS = {
    "line": (models.line, ["b[0]", "b[1]"], straight_line),
    "normal sample": (lambda: models.normal(10), ["mu", "sigma"], of_ten),
    "Puromycin": (models.puromycin, ["Vm", "K"], puromycin),
    "budworm": (models.budworm, ["b[male]", "b[ldose]"], budworm),
    "Dyestuff2, batches on their edge": (lambda: one_way("Dyestuff2", "log")[0], ["mu", "sigma"], dyestuff2),
}


@pytest.mark.parametrize("name", CONTOURS)
def test_contours_lie_where_the_density_by_hand_says(name):
    build, labels, delta = CONTOURS[name]
    levels = [0.5, 0.95]
    found = pml.confidence_contour(_of_model(build()), labels, level=levels, num=24, progressbar=False)
    assert (found["status"] == "finite").all()
    cutoffs = stats.chi2.ppf(levels, 2)
    np.testing.assert_allclose(found["delta_minus2ll"] - cutoffs[:, None], 0, atol=1e-6)
    points = np.stack([found[label].transpose("level", "vertex") for label in labels], axis=-1)
    for ring, cutoff in zip(points, cutoffs, strict=True):
        np.testing.assert_allclose([delta(*vertex) for vertex in ring], cutoff, atol=1e-6)


def area(ring: np.ndarray) -> float:
    """Of the polygon through the vertices (shoelace formula)."""
    x, y = (ring - ring.mean(axis=0)).T
    return abs(float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())) / 2


def test_the_ellipse_of_a_line_is_gone_round_once():
    """A polygon of 48 evenly spread vertices has 0.9971 of the ellipse's area π q σ²/√det XᵀX."""
    found = pml.confidence_contour(_of_model(models.line()), ["b[0]", "b[1]"], level=0.95, num=48, progressbar=False)
    ring = np.stack([found[label].values.ravel() for label in ("b[0]", "b[1]")], axis=-1)
    x = np.column_stack([np.ones(5), models.LINE_X])
    whole = np.pi * stats.chi2.ppf(0.95, 2) * models.LINE_SIGMA**2 / np.sqrt(np.linalg.det(x.T @ x))
    assert 0.98 < area(ring) / whole < 1


def test_a_region_without_end_has_open_vertices():
    """Vm and K of a curve that might be a straight line: the region goes on along Vm/K."""
    found = pml.confidence_contour(
        _of_model(models.low_concentrations()), ["Vm", "K"], level=0.95, num=24, progressbar=False
    )
    status = found["status"].values.ravel()
    assert set(status) == {"finite", "open"}
    x, y = models.LOW, models.SPEED
    least = 6 * float(_of_model(models.low_concentrations()).point["sigma"]) ** 2
    for vm, k, what in zip(found["Vm"].values.ravel(), found["K"].values.ravel(), status, strict=True):
        if what == "finite":
            rise = 6 * np.log(((y - vm * x / (k + x)) ** 2).sum() / least)
            assert rise == pytest.approx(stats.chi2.ppf(0.95, 2), abs=1e-6)


def test_a_region_that_reaches_an_edge():
    """Without batches Dyestuff's −2LL is 5.4028 higher, below the cut-off 5.9915: σ_b = 0 is in the region."""
    found = pml.confidence_contour(
        _of_model(one_way("Dyestuff", "log")[0]), ["mu", "sigma_b"], level=0.95, num=24, progressbar=False
    )
    status, between = found["status"].values.ravel(), found["sigma_b"].values.ravel()
    assert set(status) == {"finite", "at_bound"}
    np.testing.assert_allclose(between[status == "at_bound"], 0, atol=1e-9)
    assert (found["delta_minus2ll"].values.ravel()[status == "at_bound"] <= stats.chi2.ppf(0.95, 2)).all()


# --- whole profiles in closed form -----------------------------------------------------------------------------------


def traced(fit: pml.Fit, label: str):
    """The steps of one profile that exist."""
    found = pml.profile_likelihood(fit, label, level=0.999, progressbar=False).sel(parameter=label)
    return found.isel(step=(found["status"] != "").values)


def rising(profile) -> None:
    """Reaches the cut-off on both sides; zeta is the signed root."""
    delta, zeta = profile["delta_minus2ll"].values, profile["zeta"].values
    assert delta[[0, -1]].min() >= stats.chi2.ppf(0.999, 1) - 1e-6
    moved = profile["value"].values - profile["estimate"].item()
    np.testing.assert_allclose(zeta, np.sign(moved) * np.sqrt(np.maximum(delta, 0)), atol=1e-6)


def test_profile_of_a_normal_mean():
    """Δ = n log(1 + d²/σ̂²), with slope 2 n d/(σ̂² + d²), along σ² = σ̂² + d²."""
    profile = traced(_of_model(models.normal(10)), "mu")
    d = profile["value"].values - 40
    np.testing.assert_allclose(profile["delta_minus2ll"], 10 * np.log1p(d**2 / 9), atol=1e-8)
    np.testing.assert_allclose(profile["slope"], 20 * d / (9 + d**2), atol=1e-5)
    np.testing.assert_allclose(profile["path"].sel(parameter_bis="sigma"), np.sqrt(9 + d**2), rtol=1e-6)
    rising(profile)


@pytest.mark.parametrize("prior", ["log", exhaustive("interval"), exhaustive("untransformed")])
def test_profile_of_a_mean_along_which_a_variance_leaves_its_edge(prior):
    """σ² = SSW/a(n−1) and λ = SSB(µ)/a where λ > σ², else both are pooled and σ_b = 0."""
    model, (a, n, mean, ssb, ssw) = one_way("Dyestuff2", prior)
    profile = traced(_of_model(model), "mu")
    between = ssb + a * n * (profile["value"].values - mean) ** 2
    within, whole, pooled = ssw / (a * (n - 1)), between / a, (ssw + between) / (a * n)
    apart = whole > within
    assert 0 < apart.sum() < len(apart)
    within, whole = np.where(apart, within, pooled), np.where(apart, whole, pooled)
    at = a * (n - 1) * np.log(within) + a * np.log(whole) + ssw / within + between / whole + a * n * np.log(2 * np.pi)
    np.testing.assert_allclose(profile["delta_minus2ll"], at - 162.8730366538258, atol=1e-6)
    batches = profile["path"].sel(parameter_bis="sigma_b")
    np.testing.assert_allclose(batches, np.sqrt((whole - within) / n), atol=1e-4)
    rising(profile)
