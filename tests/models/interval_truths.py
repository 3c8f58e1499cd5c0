"""Interval ends that are known, each by two routes besides the package.

Closed forms are written as formulas. All other digits come from the density written out by hand, once in doubles
(``scipy.optimize.brentq`` over refits by Nelder-Mead with the parameter of interest held, warm from refit to refit),
once with mpmath at 50 digits (Newton's method for all parameters together: −2LL at the minimum plus q, its gradient a
multiple of that of the parameter), or as roots of one equation where no other parameter is left. The two agree to
2e-12 relative or better; the digits of the second stand here. Where R or a publication has a figure, it
stands in the comment; R interpolates its profiles by splines, so most of its figures are good to about 1e-3, and
some of bbmle's are off by several percent. R 4.2.2,
MASS 7.3-58.2, bbmle 1.0.25.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import interval_models as models
import numpy as np
import pymc as pm
from scipy import stats
from variance_components import eight_schools, one_way

Parts = Mapping[str, np.ndarray]
CLOSED = 1e-8


@dataclass(frozen=True)
class Case:
    """Both ends of one interval.

    Parameters
    ----------
    name : str
        Of the test.
    build : callable
        Returns the model, always the same.
    label : str
        What the interval is of.
    lower, upper : float
        The ends, natural.
    level : float
        Confidence level.
    status : tuple of str
        Of the lower and of the upper end; "a|b" where either is right.
    tolerance : float
        Relative.
    psi : callable, optional
        The value from a point, where `label` is no element of a free variable.
    combination : dict, optional
        Weights by label, where `label` names a combination.
    """

    name: str
    build: Callable[[], pm.Model]
    label: str
    lower: float
    upper: float
    level: float = 0.95
    status: tuple[str, str] = ("finite", "finite")
    tolerance: float = 1e-6
    psi: Callable[[Parts], Any] | None = None
    combination: dict[str, float] = field(default_factory=dict)


def q(level: float) -> float:
    return float(stats.chi2.ppf(level, 1))


def t_level(n: int, k: int, level: float = 0.95) -> float:
    """The level at which −2LL cuts where R's ``confint(nls)`` does: n log(1 + t²/(n − k)) (Bates & Watts 1988)."""
    return float(stats.chi2.cdf(n * np.log1p(stats.t.ppf(0.5 + level / 2, n - k) ** 2 / (n - k)), 1))


OPEN_ABOVE, EDGE_BELOW, EDGE_ABOVE = ("finite", "open"), ("at_bound", "finite"), ("finite", "at_bound")
INF = np.inf

# --- counts: published figures at 0.95 in the comments ---------------------------------------------------------------

# 7 of 10 by level; at 0.95 (0.39346097, 0.91544134).
SEVEN = {
    0.5: (0.597283479167683, 0.790753756933207),
    0.9: (0.442372356437844, 0.89121916922751),
    0.95: (0.393460969095515, 0.91544134501849),
    0.9999: (0.152111808379399, 0.989260251356216),
}
# A count of 3; at 0.95 (0.74606504, 7.77928637).
THREE = {
    0.5: (1.97821284249638, 4.32456832179224),
    0.95: (0.746065036171516, 7.77928636614082),
    0.9999: (0.0912873741119561, 15.4938441222058),
}


def few(level: float, n: int = 10) -> float:
    """Upper end of the chance of what never happened in n: −2n log(1 − p) = q; 0.17475333 for 10 at 0.95."""
    return -np.expm1(-q(level) / (2 * n))


@cache
def _binomial(dead: int, prior: str) -> Callable[[], pm.Model]:
    return lambda: models.binomial(dead, prior)


@cache
def _poisson(count: int, prior: str) -> Callable[[], pm.Model]:
    return lambda: models.poisson(count, prior)


def logistic_of(name: str) -> Callable[[Parts], Any]:
    return lambda point: 1 / (1 + np.exp(-point[name]))


COUNTS = [
    *(
        Case(f"7 of 10 at {level}", _binomial(7, "uniform"), "p", *ends, level, tolerance=CLOSED)
        for level, ends in SEVEN.items()
    ),
    *(
        Case(f"7 of 10, {prior}", _binomial(7, prior), "p", *SEVEN[0.95], tolerance=CLOSED)
        for prior in ("beta", "untransformed")
    ),
    Case("7 of 10, logit", _binomial(7, "logit"), "p", *SEVEN[0.95], tolerance=CLOSED, psi=logistic_of("eta")),
    Case("7 of 10, the logit", _binomial(7, "logit"), "eta", *(np.log(v / (1 - v)) for v in SEVEN[0.95])),
    Case("7 of 10 in (0.5, 0.8) at 0.5", _binomial(7, "part"), "p", *SEVEN[0.5], 0.5, tolerance=CLOSED),
    Case("7 of 10 in (0.5, 0.8)", _binomial(7, "part"), "p", 0.5, 0.8, status=("at_bound", "at_bound")),
    *(
        Case(f"0 of 10, {prior} at {level}", _binomial(0, prior), "p", 0.0, few(level), level, EDGE_BELOW, CLOSED)
        for prior, level in [("uniform", 0.95), ("beta", 0.95), ("untransformed", 0.95), ("uniform", 0.9999)]
    ),
    *(
        Case(f"10 of 10, {prior}", _binomial(10, prior), "p", 1 - few(0.95), 1.0, 0.95, EDGE_ABOVE, CLOSED)
        for prior in ("uniform", "untransformed")
    ),
    Case("none of a group", models.three_groups, "p[none]", 0.0, few(0.95), 0.95, EDGE_BELOW, CLOSED),
    Case("some of a group", models.three_groups, "p[some]", *(1 - p for p in SEVEN[0.95][::-1]), tolerance=CLOSED),
    Case("all of a group", models.three_groups, "p[all]", 1 - few(0.95), 1.0, 0.95, EDGE_ABOVE, CLOSED),
    *(
        Case(f"count 3, {prior}", _poisson(3, prior), "mu", *THREE[0.95], tolerance=CLOSED)
        for prior in ("half flat", "half normal", "log normal", "uniform", "untransformed", "flat")
    ),
    *(
        Case(f"count 3 at {level}", _poisson(3, "half flat"), "mu", *THREE[level], level, tolerance=CLOSED)
        for level in (0.5, 0.9999)
    ),
    *(
        Case(f"count 0, {prior}", _poisson(0, prior), "mu", 0.0, q(0.95) / 2, 0.95, EDGE_BELOW, CLOSED)
        for prior in ("half flat", "log normal", "uniform", "untransformed")
    ),
    # Li & Ma (1983); at 0.95 (4.61868905, 47.43169804). sqrt(q) passes 2.43014353, the significance, at 0.985.
    *(
        Case(
            f"on and off, {prior}", lambda prior=prior: models.on_off(prior), "signal", 4.6186890548177, 47.431698037911
        )
        for prior in ("half flat", "flat", "untransformed")
    ),
    Case("on and off below 0", lambda: models.on_off("flat"), "signal", -1.4116196995088, 54.946640361542, 0.99),
    Case("on and off, no signal", lambda: models.on_off("half flat"), "signal", 0, 54.946640361542, 0.99, EDGE_BELOW),
]

# --- normal samples: mean 40 and standard deviation 3 (divisor n) ----------------------------------------------------

# Ends of sigma/sigma_hat: roots of n (r − 1 − log r) = q with r = sigma_hat²/sigma².
SIGMA = {
    (5, 0.95): (0.597961471081918, 2.17892612633224),
    (10, 0.5): (0.86623037453816, 1.17210297392971),
    (10, 0.9999): (0.508601154006702, 3.36223367957016),
    (30, 0.95): (0.791859251251274, 1.3182385239777),
}


def half_width(n: int, level: float) -> float:
    """Of the mean: n log(1 + (mu − mean)²/sigma_hat²) = q; in units of s 0.96169850, 0.64924854, 0.36339326."""
    return 3 * np.sqrt(np.expm1(q(level) / n))


NORMAL = [
    *(
        Case(
            f"mean of {n} at {level}, {prior}",
            lambda n=n, prior=prior: models.normal(n, prior),
            "mu",
            40 - half_width(n, level),
            40 + half_width(n, level),
            level,
            tolerance=CLOSED,
        )
        for n, level, prior in [
            (5, 0.95, "half flat"),
            (5, 0.9999, "half flat"),
            (10, 0.95, "uniform"),
            (10, 0.5, "untransformed"),
            (30, 0.95, "log normal"),
        ]
    ),
    *(
        Case(
            f"sigma of {n} at {level}",
            lambda n=n: models.normal(n),
            "sigma",
            3 * low,
            3 * high,
            level,
            tolerance=CLOSED,
        )
        for (n, level), (low, high) in SIGMA.items()
    ),
]

# --- regressions -----------------------------------------------------------------------------------------------------


def ld50(row: int) -> Callable[[Parts], Any]:
    return lambda point: -(point["b"][0] + row * point["b"][1]) / point["b"][2]


# confint(glm(cbind(dead, n-dead) ~ I(sex=="M") + ldose, binomial)): (-4.4581, -2.6136), (0.4192, 1.8205),
# (0.8229, 1.3391).
# iminuit 2.33, Minuit(f, [0, 0, 0]).minos(cl=0.95) with strategy 2: (-4.45806805, -2.61353597),
# (0.41921257, 1.82044456), (0.82285452, 1.33903878).
# MASS::dose.p gives log2 LD50 3.263587 for females, standard error 0.2297539 (Venables & Ripley, MASS section 7.2).
BUDWORM = [
    Case("budworm intercept", models.budworm, "b[intercept]", -4.4580680489875, -2.613535969114),
    Case("budworm sex", models.budworm, "b[male]", 0.41921242739134, 1.8204445588407),
    Case("budworm dose", models.budworm, "b[ldose]", 0.82285451569754, 1.3390387792589),
    Case("budworm sex at 0.5", models.budworm, "b[male]", 0.86286425955101, 1.3431296015715, 0.5),
    Case("budworm sex at 0.9", models.budworm, "b[male]", 0.52699153834803, 1.7013524175851, 0.9),
    Case("budworm sex at 0.9999", models.budworm, "b[male]", -0.23272785773521, 2.5859582871161, 0.9999),
    Case("budworm intercept at 0.9999", models.budworm, "b[intercept]", -5.5738540830001, -1.8662178749975, 0.9999),
    Case("LD50 of females", models.budworm, "ld50[F]", 2.817610897715, 3.7315217168038, psi=ld50(0)),
    Case("LD50 of males", models.budworm, "ld50[M]", 1.7770794779843, 2.6742608945056, psi=ld50(1)),
    Case("LD50 of females, 0.9999", models.budworm, "ld50[F]", 2.3650243149774, 4.2685687497688, 0.9999, psi=ld50(0)),
    Case(
        "logit at dose 3",
        models.budworm,
        "logit3",
        -0.76282503057641,
        0.19441573591124,
        psi=lambda point: point["b"][0] + 3 * point["b"][2],
    ),
    Case(
        "logit at dose 3, combined",
        models.budworm,
        "at dose 3",
        -0.76282503057641,
        0.19441573591124,
        psi=lambda point: point["b"][0] + 3 * point["b"][2],
        combination={"b[intercept]": 1.0, "b[ldose]": 3.0},
    ),
]

# Bates & Watts (1988). 95 % by −2LL; the t-profile is confint(nls(...)): Vm (197.3021, 229.2901),
# K (0.046925, 0.086160).
PUROMYCIN_ENDS = {
    "Vm": (199.21356311614, 227.082481252),
    "K": (0.048896359954658, 0.083013541100249),
    "sigma": (7.0115818391524, 15.831729763188),
}


def known() -> pm.Model:
    return models.puromycin(known=True)


REGRESSIONS = [
    *(
        Case(f"Puromycin {name}, {prior}", lambda prior=prior: models.puromycin(prior), name, *ends)
        for prior in ("half flat", "log normal", "uniform", "untransformed")
        for name, ends in PUROMYCIN_ENDS.items()
    ),
    Case("Puromycin Vm, sigma known", known, "Vm", 199.09562183015, 227.21735673542),
    Case("Puromycin K, sigma known", known, "K", 0.048773141073057, 0.083203751614536),
    Case("Puromycin Vm as nls", models.puromycin, "Vm", 197.30193290028, 229.28905505505, t_level(12, 2)),
    Case("Puromycin K as nls", models.puromycin, "K", 0.046920342035171, 0.086156913427139, t_level(12, 2)),
    Case("Puromycin K at 0.5", models.puromycin, "K", 0.058888641041914, 0.069727507308163, 0.5),
    Case("Puromycin K at 0.9999", models.puromycin, "K", 0.030542666243487, 0.12315538513055, 0.9999),
    # confint(glm(cbind(Menarche, Total-Menarche) ~ Age, binomial, menarche)): (-22.7866, -19.7638), (1.52010, 1.75133).
    Case("menarche intercept", models.menarche, "b[0]", -22.786557463993, -19.763782270768),
    Case("menarche slope", models.menarche, "b[1]", 1.5200991662474, 1.7513234011133),
    Case(
        "median age at menarche",
        models.menarche,
        "median",
        12.930706980747,
        13.08237732309,
        psi=lambda point: -point["b"][0] / point["b"][1],
    ),
    # confint(nls(Weight ~ b0 + b1*2^(-Days/th), wtloss, c(b0=90, b1=95, th=120))): (76.4822, 85.6321),
    # (98.7837, 107.1879), (131.9899, 153.3416); MASS section 8.4.
    Case("weight loss b0", models.weight_loss, "b[0]", 76.482513291431, 85.632632900557, t_level(52, 3)),
    Case("weight loss b1", models.weight_loss, "b[1]", 98.783133450617, 107.1875017532, t_level(52, 3)),
    Case("weight loss th", models.weight_loss, "th", 131.98860103013, 153.34077959369, t_level(52, 3)),
    # confint(m4, method="uniroot") of bbmle's vignette: c (0.21812, 0.74857), d (11.29025, 14.72970),
    # g (7.32648, 31.68673).
    Case("frogs c", models.frogs, "c", 0.21812241583452, 0.74857522020421),
    Case("frogs d", models.frogs, "d", 11.290252537677, 14.729695219116),
    Case("frogs g", models.frogs, "g", 7.3264646539175, 31.686724225667),
]

# --- variance components ---------------------------------------------------------------------------------------------


@cache
def _dyestuff(which: str, prior: str) -> Callable[[], pm.Model]:
    return lambda: one_way(which, prior)[0]


SCHOOL_PRIORS: dict[str, Callable[[], Any]] = {
    "log": lambda: pm.HalfCauchy("tau", 5),
    "interval": lambda: pm.Uniform("tau", 0, 100),
    "untransformed": lambda: pm.HalfNormal("tau", 20, default_transform=None),
    "whole line": lambda: pm.Normal("tau", 0, 20),
}


@cache
def schools(prior: str) -> Callable[[], pm.Model]:
    model = cache(lambda: eight_schools(SCHOOL_PRIORS[prior]))
    return lambda: model()


SCHOOL_MU = {
    0.5: (4.9391489889866, 10.432084460925),
    0.95: (-0.29690101954782, 15.892344237308),
    0.9999: (-14.97428969829, 31.982040010027),
}
SCHOOL_TAU = {0.5: 4.2242814316186, 0.95: 13.017526010994, 0.9999: 38.714496013442}

# Published digits: those of examples/data/README.md.
VARIANCE = [
    *(
        Case(f"Dyestuff {label}, {prior}", _dyestuff("Dyestuff", prior), label, *ends)
        for prior in ("log", "interval", "untransformed")
        for label, ends in {
            "mu": (1486.4514876445, 1568.5485123555),
            "sigma_b": (12.196505279161, 84.063410969336),
            "sigma": (38.230123311257, 67.657672789763),
        }.items()
    ),
    Case("Dyestuff mu, whole line", _dyestuff("Dyestuff", "whole line"), "mu", 1486.4514876445, 1568.5485123555),
    Case("Dyestuff mu at 0.9999", _dyestuff("Dyestuff", "log"), "mu", 1380.7530483105, 1674.2469516895, 0.9999),
    # Without batches −2LL is 5.403 higher: below the cut-off of 0.9999.
    Case("Dyestuff sigma_b at 0.9999", _dyestuff("Dyestuff", "log"), "sigma_b", 0, 247.48046089342, 0.9999, EDGE_BELOW),
    # The prior ends at 200, and both edges lie below the cut-off.
    Case(
        "Dyestuff sigma_b at 0.9999 below 200",
        _dyestuff("Dyestuff", "interval"),
        "sigma_b",
        0.0,
        200.0,
        0.9999,
        ("at_bound", "at_bound"),
    ),
    # At the ends of mu sigma_b is 0.47977, at those of sigma 0: held at 0, mu would end at (4.315345, 7.015855).
    *(
        Case(f"Dyestuff2 {label}, {prior}", _dyestuff("Dyestuff2", prior), label, *ends, 0.95, status)
        for prior in ("log", "interval", "untransformed")
        for label, ends, status in [
            ("mu", (4.3128374941726, 7.0183625058274), ("finite", "finite")),
            ("sigma_b", (0.0, 2.0840478717772), EDGE_BELOW),
            ("sigma", (2.8928450425472, 4.8158303043852), ("finite", "finite")),
        ]
    ),
    # Held at tau = 0, mu would end at (−0.29519824, 15.66643169); at its ends tau is 1.636 and 5.278.
    *(Case(f"schools mu, {prior}", schools(prior), "mu", *SCHOOL_MU[0.95]) for prior in SCHOOL_PRIORS),
    *(Case(f"schools mu at {level}", schools("log"), "mu", *SCHOOL_MU[level], level) for level in (0.5, 0.9999)),
    *(
        Case(f"schools tau, {prior}", schools(prior), "tau", 0.0, SCHOOL_TAU[0.95], 0.95, EDGE_BELOW)
        for prior in ("log", "interval", "untransformed")
    ),
    *(
        Case(f"schools tau at {level}", schools("log"), "tau", 0.0, SCHOOL_TAU[level], level, EDGE_BELOW)
        for level in (0.5, 0.9999)
    ),
    Case("schools tau, whole line", schools("whole line"), "tau", -SCHOOL_TAU[0.95], SCHOOL_TAU[0.95]),
]

# --- no end, several valleys -----------------------------------------------------------------------------------------


def slope(point: Parts) -> Any:
    return point["Vm"] / point["K"]


def total(point: Parts) -> Any:
    return point["beta"].sum()


TOTAL_ENDS = tuple(models.FLAT_Y.mean() + sign * np.sqrt(q(0.95) / 6) for sign in (-1, 1))
ALL = ("open", "open")


def fieller(level: float) -> tuple[float, float]:
    """Roots of (6 − 3ψ)² = q (1 + ψ²); where q > 9, −2LL stays below the cut-off as ψ → ±∞ (Fieller 1954)."""
    a, c = 9 - q(level), 36 - q(level)
    root = np.sqrt(36**2 - 4 * a * c)
    return (36 - root) / (2 * a), (36 + root) / (2 * a) if a > 0 else INF


# orob1: confint(p2) of bbmle's vignette: prob (0.0787, 0.1932), (0.8023, 0.9229), (0.7646, 0.8973), theta (19.67, NA).
# Without overdispersion −2LL is 2.2920 higher, less than 3.8415: theta has no upper end, and sigma = 0 is inside.
OPEN = [
    Case("overdispersion theta", models.orob, "theta", 18.015381018448, INF, 0.95, OPEN_ABOVE),
    Case("overdispersion theta at 0.5", models.orob, "theta", 44.35146262101, 170.22394928589, 0.5),
    Case(
        "overdispersion sigma",
        lambda: models.orob("sigma"),
        "sigma",
        0,
        0.229322931063,
        0.95,
        ("at_bound|open", "finite"),
    ),
    Case("germination 1/1", models.orob, "prob[1/1]", 0.078683923523544, 0.19319927376944),
    Case("germination 1/25", models.orob, "prob[1/25]", 0.80234996927954, 0.92292091474154),
    Case("germination 1/625", models.orob, "prob[1/625]", 0.76466292398874, 0.89732055827684),
    # A straight line raises −2LL by 3.5503: below the cut-off of 0.95, above that of 0.5.
    Case("low Vm", models.low_concentrations, "Vm", 9.0670036919964, INF, 0.95, OPEN_ABOVE),
    Case("low K", models.low_concentrations, "K", 0.2553187919357, INF, 0.95, OPEN_ABOVE),
    Case("low Vm at 0.5", models.low_concentrations, "Vm", 13.874081585946, 25.934568514266, 0.5),
    Case("low K at 0.5", models.low_concentrations, "K", 0.43844210474002, 0.90094121769769, 0.5),
    Case("low sigma", models.low_concentrations, "sigma", 0.051956793499407, 0.16777369771971),
    # At the lower end K and Vm are infinite: there the curve is a straight line of that slope.
    Case("low slope", models.low_concentrations, "slope", 25.672526357361, 35.727421875812, psi=slope),
    *(
        Case(
            f"Fieller at {level}",
            models.ratio,
            "ratio",
            *fieller(level),
            level,
            status=("finite", "finite") if level < 0.99 else OPEN_ABOVE,
            tolerance=CLOSED,
            psi=lambda point: point["a"] / point["b"],
        )
        for level in (0.5, 0.95, 0.9999)
    ),
    Case("only a sum, its part", models.only_a_sum, "beta[0]", -INF, INF, 0.95, ALL),
    Case("only a sum", models.only_a_sum, "total", *TOTAL_ENDS, tolerance=CLOSED, psi=total),
    Case(
        "only a sum, combined",
        models.only_a_sum,
        "both",
        *TOTAL_ENDS,
        tolerance=CLOSED,
        psi=total,
        combination={"beta[0]": 1.0, "beta[1]": 1.0},
    ),
    Case("nothing known", models.idle, "idle", -INF, INF, 0.95, ALL),
    Case("beside nothing known", models.idle, "mu", *TOTAL_ENDS, tolerance=CLOSED),
]


@cache
def _murray(corner: float) -> Callable[[], pm.Model]:
    return lambda: models.murray(corner)


VALLEYS = [
    Case("Cauchy at 0.95", models.cauchy, "mu", 0.18078240564718, 3.0015544881517),
    # The cut-off lies above the pass between the valleys.
    Case("Cauchy at 0.99", models.cauchy, "mu", -2.7754835453616, 3.4530772615344, 0.99),
    Case("Cauchy at 0.9999", models.cauchy, "mu", -4.43817338036, 4.8950297746288, 0.9999),
    Case("Murray rho", _murray(1.0), "rho", -0.9095035337504, 0.9095035337504),
    Case("Murray rho at 0.5", _murray(1.0), "rho", -0.74707465038873, 0.74707465038873, 0.5),
    Case("Murray scale", _murray(1.0), "s[0]", 1.0432437131543, 3.046123327215),
    Case("uneven rho", _murray(1.05), "rho", -0.90224283327857, 0.9100070394988),
    Case("uneven rho at 0.5", _murray(1.05), "rho", -0.70973719514384, 0.74931209533529, 0.5),
    Case("uneven scale", _murray(1.05), "s[0]", 1.0473334373986, 3.050916861813),
]
# Where a search begins in the higher valley, and what must be found in the end: that of the lower one.
HIGHER = {
    "Cauchy at 0.95": {"mu": -1.7276257007134},
    "Cauchy at 0.99": {"mu": -1.7276257007134},
    "uneven rho": {"s": [1.62712, 1.62712], "rho": -0.44633615},
    "uneven rho at 0.5": {"s": [1.62712, 1.62712], "rho": -0.44633615},
}

CASES = {case.name: case for case in [*COUNTS, *NORMAL, *BUDWORM, *REGRESSIONS, *VARIANCE, *OPEN, *VALLEYS]}
