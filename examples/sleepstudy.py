"""Ten days with little sleep: random intercepts and slopes by maximum likelihood, from a PyMC model.

Eighteen drivers, allowed three hours in bed a night, slow down from day to day, each at a pace of their own
(Belenky and others 2003). It is the example by which mixed models are taught: in lme4's words
``Reaction ~ Days + (Days | Subject)``. Here it is a PyMC model. ``pml.Objective(model, latent="u")`` integrates the
drivers' own lines out, and everything that the package does with a likelihood is then done with that of the six
parameters left: estimates, profile limits, tests. lme4's figures, and a posterior of the same model, stand beside.

Do the drivers differ in pace at all? Where the standard deviation of the slopes is 0, their correlation with the
intercepts is nothing, so the test has no plain chi-squared law but a mixture (Stram & Lee 1994), and
``likelihood_ratio_test`` sees that. And how large is it? The profiles of the standard deviations are lopsided, which
Wald's intervals cannot be; the posterior leans even further to the right, though its prior is flat: it averages over
the other parameters.

Run it with ``python examples/sleepstudy.py``: it prints the numbers, and saves two pictures.
"""

from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
import xarray as xr
from matplotlib.axes import Axes

import pymc_landscape as pml

HERE = Path(__file__).resolve().parent

# lme4, by maximum likelihood; the limits by root finding on the profile
MINUS2LL = 1751.93934446
ESTIMATES = {
    "intercept": 251.405104848,
    "days": 10.467285960,
    "sd_intercept": 23.78057,
    "sd_slope": 5.71683,
    "rho": 0.08132,
    "sigma": 25.59182,
}
LIMITS = {
    "intercept": (237.680690, 265.129520),
    "days": (7.358652, 13.575920),
    "sd_intercept": (14.38138, 37.71605),
    "sd_slope": (3.801177, 8.753392),
    "rho": (-0.481493, 0.685019),
    "sigma": (22.898256, 28.857999),
}


def load_drivers(path: Path = HERE / "data" / "sleepstudy.csv") -> pd.DataFrame:
    """Read the data: `reaction_ms`, `days` and `subject`."""
    return pd.read_csv(path)


def build_model(drivers: pd.DataFrame) -> pm.Model:
    """Build a straight line for each driver, intercepts and slopes normal with any correlation."""
    row, subjects = pd.factorize(drivers["subject"])
    day = drivers["days"].to_numpy(float)
    with pm.Model(coords={"subject": subjects, "effect": ["intercept", "slope"]}) as model:
        intercept, slope = pm.Normal("intercept", 0, 1000), pm.Normal("days", 0, 1000)
        sd, sd_slope = pm.HalfNormal("sd_intercept", 100), pm.HalfNormal("sd_slope", 100)
        rho, sigma = pm.Uniform("rho", -1, 1), pm.HalfNormal("sigma", 100)
        below = pt.stack([rho * sd_slope, pt.sqrt(1 - rho**2) * sd_slope])
        root = pt.stack([pt.stack([sd, 0.0]), below])
        u = pm.MvNormal("u", np.zeros(2), chol=root, dims=("subject", "effect"))
        line = intercept + u[row, 0] + (slope + u[row, 1]) * day
        pm.Normal("reaction", line, sigma, observed=drivers["reaction_ms"].to_numpy())
    return model


def fit_integrated(model: pm.Model) -> pml.Fit:
    """Maximise the likelihood with the drivers' own lines integrated out."""
    return pml.fit_mle(pml.Objective(model, latent="u"), progressbar=False)


def compare_nulls(model: pm.Model, fit: pml.Fit) -> dict[str, pml.LikelihoodRatioTest]:
    """Test whether the pace differs between drivers, and whether days matter on average."""
    nulls = {
        "one slope for all": pm.do(model, {"sd_slope": 0.0, "rho": 0.0}),
        "no slope on average": pm.do(model, {"days": 0.0}),
    }
    return {name: pml.likelihood_ratio_test(fit_integrated(null), fit) for name, null in nulls.items()}


def own_lines(drivers: pd.DataFrame, fit: pml.Fit) -> np.ndarray:
    """Fit each driver's line to that driver's data alone: intercept and slope less those of all."""
    groups = drivers.groupby("subject", sort=False)
    lines = [np.polyfit(group["days"], group["reaction_ms"], 1)[::-1] for _, group in groups]
    return np.array(lines) - [float(fit.point["intercept"]), float(fit.point["days"])]


def _caterpillar(ax: Axes, effects: xr.Dataset, alone: np.ndarray, name: str) -> None:
    """Draw one effect of all drivers, in the order that `effects` has."""
    rows = np.arange(effects.sizes["subject"])
    mode, se = effects["u"].to_numpy(), effects["u_se"].to_numpy()
    ax.axvline(0, color="0.7", linewidth=0.8)
    ax.hlines(rows, mode - 1.96 * se, mode + 1.96 * se, color="#0072b2")
    ax.plot(mode, rows, "o", color="#0072b2", markersize=5, label="conditional mode ± 1.96 se")
    ax.plot(
        alone, rows, "s", markerfacecolor="none", markeredgecolor="#d55e00", markersize=6, label="this driver alone"
    )
    ax.set_yticks(rows, effects["subject"].to_numpy().astype(str), fontsize="small")
    ax.set_xlabel(name)


def draw_drivers(drivers: pd.DataFrame, fit: pml.Fit, path: Path) -> Path:
    """Save how far each driver's line is from that of all, drawn in from where their own data put it."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 5), sharey=True, layout="constrained")
    alone = own_lines(drivers, fit)
    order = np.argsort(fit.latent["u"].sel(effect="slope").to_numpy())
    effects = fit.latent.isel(subject=order)
    names = {
        "intercept": "intercept: difference from the average driver (ms)",
        "slope": "slope: difference from the average driver (ms a day)",
    }
    for i, (ax, (effect, name)) in enumerate(zip(axes, names.items(), strict=True)):
        _caterpillar(ax, effects.sel(effect=effect), alone[order, i], name)
    axes[0].set_ylabel("driver, by slope")
    figure.suptitle(
        "Each driver's line is drawn in towards the average, most where a driver's own data say least",
        fontweight="bold",
        fontsize=11,
        x=0.01,
        ha="left",
        in_layout=False,
    )
    named = figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2, frameon=False)
    named.set_title("\n ")  # room for the figure's title
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


def draw_spread(
    fit: pml.Fit, dt: xr.DataTree, path: Path, names: tuple[str, ...] = ("sd_intercept", "sd_slope")
) -> Path:
    """Save the profiles of standard deviations, with Wald's parabola and the posterior's density on each."""
    profiles = pml.profile_likelihood(fit, list(names), progressbar=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = pml.plots.profile(profiles, dt=dt, backend="matplotlib")
    picture.add_title("How much drivers differ: profiles are skewed, Wald's parabolas are not")
    picture.savefig(path, dpi=110)
    plt.close("all")
    return path


def sample(model: pm.Model, draws: int) -> xr.DataTree:
    """Draw from the posterior, the drivers' lines included."""
    with model:
        return pm.sample(
            draws, tune=500, chains=2, cores=1, init="adapt_diag", random_seed=1, progressbar=False, quiet=True
        )


def report(fit: pml.Fit, intervals: xr.Dataset, tests: dict[str, pml.LikelihoodRatioTest]) -> str:
    """Put what was found beside what was published."""
    rows = [f"-2LL {fit.minus2ll:.8f}, published {MINUS2LL:.8f}", "", f"{'':14s}{'found':>35s}{'published':>37s}"]
    for name, published in ESTIMATES.items():
        low, high = intervals["interval"].sel(parameter=name).squeeze().to_numpy()
        found = f"{float(fit.point[name]):11.5f} ({low:10.5f}, {high:10.5f})"
        rows.append(f"{name:14s}{found}  {published:11.5f} ({LIMITS[name][0]:10.5f}, {LIMITS[name][1]:10.5f})")
    for name, test in tests.items():
        rows += ["", f"{name}: LR {test.statistic:.6f}, p {test.p_value:.5g} ({test.reference})", test.message]
    return "\n".join(rows)


def main(draws: int = 1000, figures: Path = HERE / "figures") -> xr.DataTree:
    """Fit, test, print beside lme4's figures, sample, save the pictures.

    Returns
    -------
    DataTree
        The posterior, and groups of the fit and its intervals.
    """
    drivers = load_drivers()
    model = build_model(drivers)
    fit = fit_integrated(model)
    intervals = pml.confidence_intervals(fit, progressbar=False)
    print(report(fit, intervals, compare_nulls(model, fit)))
    dt = sample(model, draws)
    for path in (
        draw_spread(fit, dt, figures / "sleepstudy_spread.png"),
        draw_drivers(drivers, fit, figures / "sleepstudy_drivers.png"),
    ):
        print("saved", path)
    return pml.to_datatree(fit, intervals, dt=dt)


if __name__ == "__main__":
    matplotlib.use("Agg")
    main()
