"""One search can end in the wrong place: local optima that are worse, and copies that are as good.

Two models of public data, each with more than one optimum, fitted as they are written:

- a line through ten points that are uncertain both ways (York 1966, Canadian Journal of Physics 44), with the true x of
  each point as a parameter. From the priors' means, a line that falls has to cross one that is flat: a search ends
  where the line rises and ten true places have made the best of it, by 219 of -2LL worse than York's line;
- waits for Old Faithful's next eruption (R's `faithful`; Härdle 1991) as two groups, long and short.
  Which group is called A decides nothing, so that each optimum is there twice: one answer, in two copies.

The first is why ``starts="auto"`` is the default: further searches from points far apart cost little once the first has
been compiled, and the message says how many ended where. The second is why optima that differ by names alone are told
once, and why intervals stay with the copy that was found. Run it with ``python examples/local_optima.py``.
"""

from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pymc as pm
import xarray as xr

import pymc_landscape as pml

HERE = Path(__file__).resolve().parent

PUBLISHED = {"slope": -0.4805, "intercept": 5.4799}  # York 1966


def load_points(path: Path = HERE / "data" / "york.csv") -> pd.DataFrame:
    """Read the points: `x`, `y` and their weights, reciprocal variances."""
    return pd.read_csv(path).astype(float)


def load_waits(path: Path = HERE / "data" / "faithful.csv") -> np.ndarray:
    """Read the waits, in minutes."""
    return pd.read_csv(path)["waiting"].to_numpy(float)


def build_line(points: pd.DataFrame) -> pm.Model:
    """Build the line with a true place for each point; searches begin at the means of the priors."""
    sd_x, sd_y = (points[name].to_numpy() ** -0.5 for name in ("weight_x", "weight_y"))
    with pm.Model(coords={"point": np.arange(len(points))}) as model:
        intercept, slope = pm.Normal("intercept", 0, 10), pm.Normal("slope", 0, 5)
        place = pm.Normal("place", 4, 20, dims="point")
        pm.Normal("x", place, sd_x, observed=points["x"].to_numpy(), dims="point")
        pm.Normal("y", intercept + slope * place, sd_y, observed=points["y"].to_numpy(), dims="point")
    return model


def build_groups(waits: np.ndarray) -> pm.Model:
    """Build two groups of one spread; nothing says which of them waits longer."""
    with pm.Model(coords={"group": ["A", "B"]}) as model:
        share = pm.Dirichlet("share", np.ones(2), dims="group")
        mean = pm.Normal("mean", 70, 20, initval=np.array([60.0, 75.0]), dims="group")
        pm.NormalMixture("wait", share, mean, sigma=pm.HalfNormal("spread", 10), observed=waits)
    return model


def york_sum(points: pd.DataFrame, slope: np.ndarray) -> np.ndarray:
    """Return York's S(b): intercept and true places at their best, in closed form."""
    x, y, wx, wy = (points[name].to_numpy() for name in ("x", "y", "weight_x", "weight_y"))
    b = np.asarray(slope, dtype=float)[..., None]
    weight = wx * wy / (wx + b**2 * wy)
    intercept = (weight * (y - b * x)).sum(-1, keepdims=True) / weight.sum(-1, keepdims=True)
    return (weight * (y - intercept - b * x) ** 2).sum(-1)


def profile_slope(fit: pml.Fit, num: int) -> xr.Dataset:
    """Lay -2LL over slopes, all else at its best."""
    grid = pml.regular_grid({"slope": (-1.2, 0.8, num)})
    return pml.evaluate_landscape(fit.objective, grid, at=fit, nuisance="profile", progressbar=False)


def profile_means(fit: pml.Fit, num: int) -> xr.Dataset:
    """Lay -2LL over both means, shares and spread at their best."""
    grid = pml.regular_grid({"mean[A]": (48, 88, num), "mean[B]": (48, 88, num)})
    return pml.evaluate_landscape(fit.objective, grid, at=fit, nuisance="profile", progressbar=False)


def draw_line(points: pd.DataFrame, one: pml.Fit, fit: pml.Fit, profile: xr.Dataset, path: Path) -> Path:
    """Save both lines on the points, beside -2LL over the slope with the end of each start."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(12.5, 4.8), layout="constrained")
    across = np.array([-0.5, 9.0])
    errors = {"xerr": points["weight_x"] ** -0.5, "yerr": points["weight_y"] ** -0.5}
    left.errorbar(points["x"], points["y"], **errors, fmt="o", ms=4, color="0.25", elinewidth=1, label="measured")
    for found, colour, name in ((fit, "C0", 'starts="auto"'), (one, "C3", "starts=1")):
        slope, intercept = (float(found.point[element]) for element in ("slope", "intercept"))
        left.plot(across, intercept + slope * across, colour, label=f"{name}: slope {slope:.3f}")
        place = found.point["place"]
        left.plot(place, intercept + slope * place, "|", ms=11, color=colour)
    left.set(xlabel="x", ylabel="y", xlim=across, ylim=(0, 8), title="Two lines, each a local optimum")
    left.legend(frameon=False, title="bars across a line: its true places", alignment="left", loc="upper right")
    _draw_profile(right, points, fit, profile)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


def _draw_profile(axes: Any, points: pd.DataFrame, fit: pml.Fit, profile: xr.Dataset) -> None:
    slopes = np.linspace(-1.2, 0.8, 400)
    lowest = float(york_sum(points, np.float64(fit.point["slope"])))
    axes.plot(slopes, york_sum(points, slopes) - lowest, color="0.7", lw=5, label="York's S(b) above its minimum")
    axes.plot(profile["slope"], profile["minus2ll"] - fit.minus2ll, "k.", ms=4, label="profile of −2LL")
    ends = fit.starts["end_theta"].sel(theta="slope").to_numpy()
    rises = fit.starts["minus2ll"].to_numpy() - fit.minus2ll
    for colour, here, where in (("C0", rises < 1, "the best"), ("C3", rises >= 1, "the local optimum")):
        label = f"{here.sum()} of {here.size} starts end at {where}"
        axes.plot(ends[here], rises[here], "o", ms=10, mfc="none", mew=2, color=colour, label=label)
    axes.set(xlabel="slope", ylabel="Δ(−2LL), all else at its best", ylim=(-25, 620))
    axes.set_title(f"Between them −2LL rises by {york_sum(points, slopes[np.abs(slopes) < 0.2]).max() - lowest:.0f}")
    axes.legend(frameon=False, loc="upper right")


def draw_waterfall(fit: pml.Fit, path: Path) -> Path:
    """Save where the starts ended, lowest first."""
    pml.plots.waterfall(fit, backend="matplotlib").savefig(path, dpi=110)
    plt.close("all")
    return path


def draw_copies(fit: pml.Fit, surface: xr.Dataset, ends: xr.Dataset, path: Path) -> Path:
    """Save -2LL over both means, mirrored, with the copy that was found, its intervals, and the other copy."""
    figure, axes = plt.subplots(figsize=(6.6, 5.6), layout="constrained")
    rise = surface["minus2ll"].transpose("mean[B]", "mean[A]") - fit.minus2ll
    levels = [0, *(pml.chi2_cutoff(level, df=2) for level in (0.5, 0.95)), 20, 60, 120, 180, 220, 260, 320, 400]
    drawn = axes.contourf(rise["mean[A]"], rise["mean[B]"], rise, levels=levels, cmap="viridis_r", extend="max")
    figure.colorbar(drawn, ax=axes, label="Δ(−2LL), shares and spread at their best")
    axes.axline((48, 48), slope=1, color="w", ls=":", lw=1)
    here, (there, *_) = fit.point["mean"].to_numpy(), (copy["mean"] for copy in fit.copies())
    limits = ends["interval"].squeeze().to_numpy()
    errors = np.abs(limits - here[:, None]).T
    axes.errorbar(here[0], here[1], xerr=errors[:, :1], yerr=errors[:, 1:], fmt="o", ms=5, color="w", label="the fit")
    axes.plot(*there, "o", ms=8, mfc="none", mew=2, color="w", label="its copy")
    axes.set(xlabel="mean of group A, minutes", ylabel="mean of group B, minutes", title="One answer, in two copies")
    axes.legend(loc="lower left", labelcolor="w", facecolor="0.3", framealpha=0.8)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


def report(one: pml.Fit, fit: pml.Fit, groups: pml.Fit, ends: xr.Dataset) -> str:
    """Say in words what was found."""
    (low_a, high_a), (low_b, high_b) = ends["interval"].squeeze().to_numpy()
    copies = "\n".join(f"  {np.round(copy['mean'], 3)}" for copy in groups.copies())
    return f"""
Errors in both variables (York 1966: slope {PUBLISHED["slope"]}, intercept {PUBLISHED["intercept"]}):
  starts=1       slope {float(one.point["slope"]):8.4f}   -2LL {one.minus2ll:10.4f}   {one.status.value}
  starts="auto"  slope {float(fit.point["slope"]):8.4f}   -2LL {fit.minus2ll:10.4f}   {fit.message}

Waits for Old Faithful, means of two groups {np.round(groups.point["mean"].to_numpy(), 3)}: {groups.message}
Its copies, as good:
{copies}
95 % intervals of this copy: A ({low_a:.3f}, {high_a:.3f}), B ({low_b:.3f}, {high_b:.3f})
"""


def compare_starts(num: int = 81, figures: Path = HERE / "figures") -> tuple[pml.Fit, pml.Fit, xr.Dataset]:
    """Fit the line from one start and by default, save both pictures; return the two fits and the profile."""
    points = load_points()
    objective = pml.Objective(build_line(points))
    one, fit = (pml.fit_mle(objective, starts=starts, progressbar=False) for starts in (1, "auto"))
    profile = profile_slope(fit, num)
    print("saved", draw_line(points, one, fit, profile, figures / "local_optima_line.png"))
    print("saved", draw_waterfall(fit, figures / "local_optima_starts.png"))
    return one, fit, profile


def find_copies(num: int = 41, figures: Path = HERE / "figures") -> tuple[pml.Fit, xr.Dataset, xr.Dataset]:
    """Fit the groups, save the picture of both copies; return the fit, -2LL over the means, and their intervals."""
    groups = pml.fit_mle(build_groups(load_waits()), starts=8, random_seed=1, progressbar=False)
    surface, ends = profile_means(groups, num), pml.confidence_intervals(groups, "mean", progressbar=False)
    print("saved", draw_copies(groups, surface, ends, figures / "local_optima_copies.png"))
    return groups, surface, ends


def main(figures: Path = HERE / "figures") -> xr.DataTree:
    """Fit both models, print what was found, save the pictures.

    Returns
    -------
    DataTree
        Groups `fit` (the line), `landscape` (over its slope), `fit_2` (the groups), `landscape_2` and `intervals`.
    """
    one, fit, profile = compare_starts(figures=figures)
    groups, surface, ends = find_copies(figures=figures)
    print(report(one, fit, groups, ends))
    return pml.to_datatree(fit, profile, groups, surface, ends)


if __name__ == "__main__":
    matplotlib.use("Agg")
    main()
