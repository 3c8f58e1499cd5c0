"""Profiles, intervals and contours in closed form, in the schemas of the verbs."""

import numpy as np
import xarray as xr
from scipy.optimize import brentq
from scipy.stats import chi2

N, MEAN, SD = 12, 3.0, 2.0  # of a normal sample, σ by maximum likelihood


class Form:
    """A profile known by formula: Δ, its slope, its estimate, and where the others are."""

    def __init__(self, label, delta, slope, estimate, error, bounds=(-np.inf, np.inf), others=None, closed=False):
        self.label, self.delta, self.slope, self.estimate, self.error = label, delta, slope, estimate, error
        self.bounds, self.others, self.edge_belongs = bounds, others or {}, closed

    def reach(self, side, rise):
        """Where Δ meets a height on one side; ±∞ or the bound where it does not."""
        edge, here = self.bounds[side > 0], self.estimate
        length = 1e-3 * (self.error if np.isfinite(self.error) else 1.0)
        while self.delta(here) < rise:
            if here == edge or length > 1e9:
                return edge
            last, here, length = here, here + side * length, 1.5 * length
            if side * here >= side * edge:  # an edge that does not belong to the support is only neared
                here = edge if self.edge_belongs else (last + edge) / 2
        return brentq(lambda v: self.delta(v) - rise, last, here, xtol=1e-14) if here != self.estimate else here


def normal_mean(label="mu", scale=1.0):
    def delta(v):
        return N * np.log1p((v / scale - MEAN) ** 2 / SD**2)

    def slope(v):
        return 2 * N * (v / scale - MEAN) / (SD**2 + (v / scale - MEAN) ** 2) / scale

    others = {"sigma": lambda v: np.sqrt(SD**2 + (v / scale - MEAN) ** 2)}
    return Form(label, delta, slope, MEAN * scale, SD / np.sqrt(N) * scale, others=others)


def normal_sd(label="sigma"):
    def delta(v):
        return N * (2 * np.log(v / SD) + SD**2 / v**2 - 1)

    def slope(v):
        return 2 * N * (1 / v - SD**2 / v**3)

    return Form(label, delta, slope, SD, SD / np.sqrt(2 * N), (0.0, np.inf), others={"mu": lambda v: MEAN})


def gamma_rate(label="rate", size=3, rate=0.5):
    """Rate of `size` exponential times: strongly skewed."""
    return Form(
        label,
        lambda v: 2 * size * (v / rate - 1 - np.log(v / rate)),
        lambda v: 2 * size * (1 / rate - 1 / v),
        rate,
        rate / np.sqrt(size),
        (0.0, np.inf),
    )


def none_of(n=10, label="p"):
    """Nothing in n trials: the estimate is at the bound 0, with a slope."""
    return Form(label, lambda v: -2 * n * np.log1p(-v), lambda v: 2 * n / (1 - v), 0.0, np.nan, (0.0, 1.0))


def ratio(label="psi", a=2.0, b=1.5):
    """Ratio of two normal means, σ = 1 (Fieller 1954): Δ tends to b², or below q the end is open."""
    return Form(
        label,
        lambda v: (a - v * b) ** 2 / (1 + v**2),
        lambda v: -2 * (a - v * b) * (b + v * a) / (1 + v**2) ** 2,
        a / b,
        np.sqrt(1 + (a / b) ** 2) / b,
    )


def bounded(label="w", edge=1.0):
    """A parabola cut off by a bound below the cut-off: Δ is 2.25 there."""
    estimate = edge - 0.6
    return Form(
        label,
        lambda v: (v - estimate) ** 2 / 0.16,
        lambda v: (v - estimate) / 0.08,
        estimate,
        0.4,
        (-np.inf, edge),
        closed=True,
    )


def steps(form, side, rise, points):
    """Values at equal ζ on one side, from the estimate outward, with the status of each."""
    if form.estimate == form.bounds[side > 0]:
        return [], []
    values, status = [], []
    for k in range(1, points + 1):
        value = form.reach(side, rise * (k / points) ** 2)
        if np.isinf(value):
            far = [(values[-1] if values else form.estimate) + side * form.error * 2.0**j for j in range(1, 8)]
            return values + far, status + ["converged"] * 6 + ["open"]
        values.append(value)
        status.append("at_bound" if value == form.bounds[side > 0] else "converged")
        if status[-1] == "at_bound":
            break
    return values, status


def profile_of(*forms, level=0.99, points=8, elements=None):
    """What ``profile_likelihood`` returns."""
    rows = []
    for form in forms:
        (low, low_status), (high, high_status) = (steps(form, s, chi2.ppf(level, 1), points) for s in (-1, 1))
        value = np.array([*low[::-1], form.estimate, *high])
        rows.append((form, len(low), value, [*low_status[::-1], "estimate", *high_status]))
    below, above = max(row[1] for row in rows), max(len(row[2]) - row[1] - 1 for row in rows)
    labels = elements or [form.label for form in forms]
    shape = (len(rows), below + above + 1)
    data = {name: np.full(shape, np.nan) for name in ("value", "delta_minus2ll", "zeta", "slope")}
    status, path = np.full(shape, "", dtype="U16"), np.full((*shape, len(labels)), np.nan)
    for i, (form, before, value, words) in enumerate(rows):
        at = slice(below - before, below - before + len(value))
        sign = np.sign(np.arange(len(value)) - before)
        rise = np.array([form.delta(v) for v in value])
        slope = np.where(sign == 0, 0.0, [form.slope(v) for v in value])
        for name, row in zip(data, (value, rise, sign * np.sqrt(np.abs(rise)), slope), strict=True):
            data[name][i, at] = row
        status[i, at] = words
        for j, label in enumerate(labels):
            follow = form.others.get(label, lambda v: np.nan)
            path[i, at, j] = value if label == form.label else [follow(v) for v in value]
    return xr.Dataset(
        {name: (("parameter", "step"), values) for name, values in data.items()}
        | {
            "status": (("parameter", "step"), status),
            "path": (("parameter", "step", "parameter_bis"), path),
            "estimate": ("parameter", [form.estimate for form in forms]),
            "standard_error": ("parameter", [form.error for form in forms]),
        },
        coords={
            "parameter": [form.label for form in forms],
            "step": np.arange(-below, above + 1),
            "parameter_bis": labels,
        },
        attrs={"group": "profile", "level": level},
    )


def intervals_of(*forms, level=0.95, methods=("wald", "profile")):
    """What ``confidence_intervals`` returns, of Wald's and the profile's."""
    levels = np.atleast_1d(level)
    shape = (levels.size, len(forms), 2, len(methods))
    ends, status = np.full(shape, np.nan), np.full(shape, "finite", dtype="U16")
    for i, q in enumerate(chi2.ppf(levels, 1)):
        for j, form in enumerate(forms):
            for k, side in enumerate((-1, 1)):
                for m, method in enumerate(methods):
                    wald = form.estimate + side * np.sqrt(q) * form.error
                    end = wald if method == "wald" else form.reach(side, q)
                    ends[i, j, k, m] = end
                    status[i, j, k, m] = word(form, method, side, end)
    dims = ("level", "parameter", "bound", "interval_method")
    ds = xr.Dataset(
        {"interval": (dims, ends), "status": (dims, status), "estimate": ("parameter", [f.estimate for f in forms])},
        coords={
            "level": levels,
            "parameter": [form.label for form in forms],
            "bound": ["lower", "upper"],
            "interval_method": list(methods),
        },
        attrs={"group": "intervals"},
    )
    return ds if np.ndim(level) else ds.isel(level=0)


def word(form, method, side, end):
    """Status of an end."""
    if np.isnan(end):
        return "failed"
    if np.isinf(end):
        return "open"
    return "at_bound" if method == "profile" and end == form.bounds[side > 0] else "finite"


def contour_of(labels=("mu", "sigma"), level=(0.68, 0.95), num=48, center=(3.0, 2.0), se=(0.58, 0.41), rho=0.6):
    """What ``confidence_contour`` returns of a normal likelihood: ellipses."""
    angle = 2 * np.pi * np.arange(num) / num
    circle = np.stack([np.cos(angle), np.sin(angle)])
    root = np.linalg.cholesky([[1.0, rho], [rho, 1.0]])
    levels = np.atleast_1d(level)
    rise = chi2.ppf(levels, 2)
    place = np.sqrt(rise)[:, None, None] * (root @ circle) * np.array(se)[:, None] + np.array(center)[:, None]
    dims = ("level", "vertex")
    return xr.Dataset(
        {labels[0]: (dims, place[:, 0]), labels[1]: (dims, place[:, 1])}
        | {
            "delta_minus2ll": (dims, np.repeat(rise[:, None], num, axis=1)),
            "status": (dims, np.full((levels.size, num), "finite", dtype="U16")),
            "estimate": ("parameter", list(center)),
        },
        coords={
            "level": levels,
            "vertex": np.arange(num),
            "parameter": list(labels),
            "piece": (dims, np.zeros((levels.size, num), dtype=int)),
        },
        attrs={"group": "contour", "method": "exact"},
    )


def opened(contour, axis, above, status="open"):
    """The same region with no end beyond a value of one axis; or, at a bound, cut off by it."""
    beyond = contour[axis] > above
    moved = contour.assign(status=contour["status"].where(~beyond, status))
    if status == "at_bound":
        return moved.assign({axis: contour[axis].where(~beyond, above)})
    labels = [str(label) for label in contour["parameter"].values]
    return moved.assign({label: contour[label].where(~beyond) for label in labels})
