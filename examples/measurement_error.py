"""A straight line where x is as uncertain as y: errors in both variables.

Ten points of Pearson's with York's weights (York 1966, Canadian Journal of Physics 44): every x and
every y has a known standard error. Least squares knows errors of y only, and gets another slope. A
model writes down what happened instead: each point has a true place x on the line, and both numbers
are measured from there. Its likelihood has twelve parameters, ten of them the true places.

- Hold the slope, and let all else find its best: the profile of -2LL is York's sum S(b), exactly.
- Integrate the true places out instead, as sampling does, and a factor appears,
  prod (w_x + b^2 w_y)^(-1/2): steeper lines leave the true places less room. That is the volume
  effect. A flat measure over the true places is enough, and the posterior of the slope is not its profile.

Run it with ``python examples/measurement_error.py``: it prints the slopes, and saves both pictures
side by side.
"""

from pathlib import Path
from typing import Any

import arviz as az
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
    return pd.read_csv(path)


def build_model(points: pd.DataFrame) -> pm.Model:
    """Build the line with a true place for each point; flat priors, so that the posterior is the likelihood."""
    x, y = points["x"].to_numpy(), points["y"].to_numpy()
    sd_x, sd_y = points["weight_x"].to_numpy(float) ** -0.5, points["weight_y"].to_numpy(float) ** -0.5
    with pm.Model(coords={"point": np.arange(len(points))}) as model:
        intercept = pm.Flat("intercept", initval=y.mean())
        slope = pm.Flat("slope", initval=0.0)
        place = pm.Flat("place", dims="point", initval=x)
        pm.Normal("x", place, sd_x, observed=x, dims="point")
        pm.Normal("y", intercept + slope * place, sd_y, observed=y, dims="point")
    return model


def least_squares(points: pd.DataFrame) -> float:
    """Return the slope as if x were exact: weighted least squares."""
    return float(np.polyfit(points["x"], points["y"], 1, w=points["weight_y"] ** 0.5)[0])


def york_sum(points: pd.DataFrame, slope: np.ndarray) -> np.ndarray:
    """Return York's S(b) at the best intercept."""
    x, y, wx, wy = (points[name].to_numpy(float) for name in ("x", "y", "weight_x", "weight_y"))
    b = np.asarray(slope, dtype=float)[..., None]
    weight = wx * wy / (wx + b**2 * wy)
    intercept = (weight * (y - b * x)).sum(-1, keepdims=True) / weight.sum(-1, keepdims=True)
    return (weight * (y - intercept - b * x) ** 2).sum(-1)


def log_volume(points: pd.DataFrame, slope: np.ndarray) -> np.ndarray:
    """Return the logarithm of the room that places and intercept have at a slope."""
    wx, wy = (points[name].to_numpy(float) for name in ("weight_x", "weight_y"))
    b = np.asarray(slope, dtype=float)[..., None]
    spread = wx + b**2 * wy
    return -0.5 * (np.log(spread).sum(-1) + np.log((wx * wy / spread).sum(-1)))


def draw(
    points: pd.DataFrame, fit: pml.Fit, profile: xr.Dataset, ends: xr.Dataset, posterior: xr.Dataset, path: Path
) -> Path:
    """Save the line on its points, and the profile of the slope beside the posterior."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(12.5, 4.8), layout="constrained")
    _draw_points(left, points, fit)
    _draw_slope(right, points, profile, ends, posterior)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


def _draw_points(axes: Any, points: pd.DataFrame, fit: pml.Fit) -> None:
    across = np.array([-0.5, 8.5])
    errors = {"xerr": points["weight_x"] ** -0.5, "yerr": points["weight_y"] ** -0.5}
    axes.errorbar(points["x"], points["y"], **errors, fmt="o", ms=4, color="0.25", elinewidth=1, label="measured")
    slope, intercept = (float(fit.point[name]) for name in ("slope", "intercept"))
    axes.plot(across, intercept + slope * across, color="#0072b2", label=f"errors in both: slope {slope:.3f}")
    exact = np.polyfit(points["x"], points["y"], 1, w=points["weight_y"] ** 0.5)
    axes.plot(across, np.polyval(exact, across), "--", color="#d55e00", label=f"x taken as exact: slope {exact[0]:.3f}")
    place = fit.point["place"]
    axes.plot(
        place,
        intercept + slope * place,
        "D",
        ms=6,
        mfc="white",
        mec="#0072b2",
        mew=1.5,
        label="true places, at their best",
    )
    axes.set(xlabel="x", ylabel="y", xlim=across, title="A line through points that are uncertain both ways")
    axes.legend(frameon=False)


def _draw_slope(axes: Any, points: pd.DataFrame, profile: xr.Dataset, ends: xr.Dataset, posterior: xr.Dataset) -> None:
    row = profile.sel(parameter="slope").dropna("step", subset=["value"])
    grid = np.linspace(-0.72, -0.28, 300)
    rise = york_sum(points, grid) - york_sum(points, row["estimate"].to_numpy())
    axes.plot(grid, np.exp(-rise / 2), color="0.6", lw=5, label="York's S(b), as exp(−ΔS/2)")
    axes.plot(row["value"], np.exp(-row["delta_minus2ll"] / 2), "o", color="#0072b2", ms=4, label="profile likelihood")
    integrated = np.exp(-rise / 2 + log_volume(points, grid))
    axes.plot(grid, integrated / integrated.max(), "--", color="#c369ff", label="places integrated out, by formula")
    density, edges = np.histogram(np.ravel(posterior["slope"]), bins=np.linspace(-0.72, -0.28, 45), density=True)
    centers = (edges[1:] + edges[:-1]) / 2
    area = np.trapezoid(integrated / integrated.max(), grid)
    axes.step(centers, density * area, where="mid", color="#c369ff", alpha=0.6, lw=1, label="posterior draws")
    for i, end in enumerate(ends["interval"].to_numpy().ravel()):
        axes.plot([end, end], [0, 1.0], ":", color="#0072b2", lw=1.4, label=None if i else "95 % by the profile")
    axes.set(xlabel="slope", ylabel="relative height", title="The slope: at its best against on average", ylim=(0, 1.5))
    axes.legend(frameon=False, ncols=2, loc="upper center")


def report(points: pd.DataFrame, fit: pml.Fit, ends: xr.Dataset, posterior: xr.Dataset) -> str:
    """Say in words what the two views give."""
    low, high = ends["interval"].to_numpy().ravel()
    slope, draws = float(fit.point["slope"]), posterior["slope"]
    hdi = az.hdi(draws, prob=0.95).to_numpy()
    return f"""
Slope with x taken as exact:  {least_squares(points):.4f}
Slope with errors in both:    {slope:.4f}   (York 1966: {PUBLISHED["slope"]})
Intercept:                    {float(fit.point["intercept"]):.4f}    (York 1966: {PUBLISHED["intercept"]})
95 % by the profile:          ({low:.4f}, {high:.4f})
95 % HDI of the posterior:    ({hdi[0]:.4f}, {hdi[1]:.4f}), mean {float(draws.mean()):.4f}

-2LL above its constant: {fit.minus2ll - constant(points):.6f}; York's S by formula: {york_sum(points, slope):.6f}.
All priors are flat; what moves the posterior is the room that the true places have.
"""


def constant(points: pd.DataFrame) -> float:
    """Return -2LL of points that lie exactly on the line."""
    return float(-np.log(points[["weight_x", "weight_y"]] / (2 * np.pi)).to_numpy().sum())


def main(draws: int = 2000, tune: int = 1000, chains: int = 2, figures: Path = HERE / "figures") -> xr.DataTree:
    """Fit, profile and sample the line; print the slopes, save the pictures.

    Returns
    -------
    DataTree
        The posterior, and the groups `fit`, `profile` and `intervals`.
    """
    points = load_points()
    model = build_model(points)
    fit = pml.fit_mle(model, progressbar=False)
    profile = pml.profile_likelihood(fit, "slope", progressbar=False)
    ends = pml.confidence_intervals(fit, "slope", progressbar=False)
    with model:
        dt = pm.sample(draws, tune=tune, chains=chains, random_seed=1, quiet=True, target_accept=0.9)
    posterior = dt["posterior"].to_dataset()
    print(report(points, fit, ends, posterior))
    print("saved", draw(points, fit, profile, ends, posterior, figures / "measurement_error.png"))
    return pml.to_datatree(fit, profile, ends, dt=dt)


if __name__ == "__main__":
    matplotlib.use("Agg")
    main()
