"""Data grow: the profile becomes a parabola, and the posterior becomes the profile.

Waiting times with an unknown rate, and a prior that expects another rate than the data have. With few data, prior,
likelihood and posterior are three different curves. With many, the profile of -2LL is the parabola of
Wald's interval. Under any prior that is positive and continuous at the truth the posterior is the normal law with the
same centre and width: the theorem of Bernstein and von Mises. Then credible and confidence intervals agree, and the
rise of -2LL over posterior draws follows chi-squared, as Wilks says of repeated data.

The posterior is a gamma law, so that its draws are exact and no sampler is needed.

Run it with ``python examples/bernstein_von_mises.py``: it prints how the differences shrink, and saves a
picture.
"""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pymc as pm
import xarray as xr
from scipy import stats

import pymc_landscape as pml

HERE = Path(__file__).resolve().parent

TRUE_RATE = 2.0
SHAPE, RATE = 4.0, 4.0  # the prior expects a rate of 1, give or take 0.5
SIZES = (5, 20, 80, 320, 1280)
WINDOW = (0.0, 5.0)  # of all panels, so that the curves are seen to shrink


def simulate(number: int, random_seed: int = 1) -> np.ndarray:
    """Draw waiting times: the smaller data sets are the first of the larger."""
    return np.random.default_rng(random_seed).exponential(1 / TRUE_RATE, number)


def build_model(times: np.ndarray) -> pm.Model:
    """Build the exponential law with a gamma prior for its rate."""
    with pm.Model() as model:
        rate = pm.Gamma("rate", alpha=SHAPE, beta=RATE)
        pm.Exponential("time", rate, observed=times)
    return model


def draw_posterior(times: np.ndarray, draws: int, random_seed: int = 2) -> xr.DataTree:
    """Draw from the posterior, Gamma(shape + n, rate + sum), exactly."""
    rng = np.random.default_rng(random_seed)
    rate = rng.gamma(SHAPE + times.size, 1 / (RATE + times.sum()), (4, draws))
    posterior = xr.Dataset({"rate": (("chain", "draw"), rate)}, {"chain": np.arange(4), "draw": np.arange(draws)})
    return xr.DataTree.from_dict({"posterior": posterior})


def normal_curve(curves: xr.Dataset, se: float) -> xr.DataArray:
    """Return the likelihood whose -2 log is Wald's parabola: exp(-z^2 / 2) at the points of the curves."""
    return np.exp(-0.5 * ((curves["value"] - curves["mle"]) / se) ** 2)


def distance(one: xr.DataArray, other: xr.DataArray) -> float:
    """Return the largest difference between two curves whose highest points are 1."""
    return float(abs(one - other).max())


def grow(sizes: Sequence[int], draws: int) -> tuple[pd.DataFrame, dict[int, xr.Dataset]]:
    """Fit ever more of the data, and measure how far the curves are apart."""
    times = simulate(max(sizes))
    rows, kept = [], {}
    for n in sizes:
        model, dt = build_model(times[:n]), draw_posterior(times[:n], draws)
        fit = pml.fit_mle(model, progressbar=False)
        table = pml.compare_with_posterior(fit, dt, random_seed=1, progressbar=False).sel(parameter="rate")
        curves = pml.four_curves(fit, dt, progressbar=False)
        height = curves["height"].sel(parameter="rate")
        normal = normal_curve(curves, float(table["se"])).sel(parameter="rate")
        rise = pml.posterior_deviance(fit, dt, progressbar=False)
        rows.append(
            {
                "n": n,
                "profile to normal": distance(height.sel(curve="likelihood profile"), normal),
                "posterior to profile": distance(
                    height.sel(curve="posterior profile"), height.sel(curve="likelihood profile")
                ),
                "prior_shift": float(table["prior_shift"]),
                "volume_shift": float(table["volume_shift"]),
                "prior_share": float(table["prior_share"]),
                "KS to chi2": rise.attrs["ks_statistic"],
            }
        )
        kept[n] = curves.assign(normal=normal)
    return pd.DataFrame(rows).set_index("n"), kept


def draw_figure(kept: dict[int, xr.Dataset], path: Path) -> Path:
    """Save a panel a sample size, all over the same rates: prior, profile, normal curve, and posterior."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size = (2.7 * len(kept), 3.5)
    figure, panels = plt.subplots(1, len(kept), figsize=size, sharex=True, sharey=True, layout="constrained")
    law, across = stats.gamma(SHAPE, scale=1 / RATE), np.linspace(*WINDOW, 201)
    lines = {"likelihood profile": ("#0072b2", "-"), "posterior marginal": ("#c369ff", "--")}
    for panel, (n, curves) in zip(np.atleast_1d(panels), kept.items(), strict=True):
        one = curves.sel(parameter="rate")
        prior = law.pdf(across) / law.pdf((SHAPE - 1) / RATE)
        panel.plot(across, prior, ":", color="#626262", label="prior", lw=2)
        for name, (colour, dash) in lines.items():
            panel.plot(one["value"], one["height"].sel(curve=name), dash, color=colour, label=name, lw=2)
        panel.plot(one["value"], one["normal"], "-.", color="#d55e00", label="normal curve of Wald's interval", lw=1.4)
        panel.axvline(TRUE_RATE, color="#999999", lw=0.9, zorder=0, label="the rate that made the data")
        panel.set(title=f"n = {n}", xlabel="rate", xlim=WINDOW)
    np.atleast_1d(panels)[0].set_ylabel("relative height")
    figure.suptitle(
        "Ever more data: prior, likelihood and posterior are three curves at first, and one normal curve in the end",
        fontweight="bold",
        fontsize=11,
        x=0.01,
        ha="left",
        in_layout=False,
    )
    handles, labels = np.atleast_1d(panels)[0].get_legend_handles_labels()
    named = figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
    named.set_title("\n ")  # room for the figure's title
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


def main(sizes: Sequence[int] = SIZES, draws: int = 1000, figures: Path = HERE / "figures") -> pd.DataFrame:
    """Let the data grow, print how the differences shrink, save the picture.

    Returns
    -------
    DataFrame
        A row a sample size.
    """
    table, kept = grow(sizes, draws)
    print(table.round(4).to_string())
    print(
        "\nWhenever the data grow fourfold, the distance of the profile from the normal curve halves, and so do the two"
    )
    print("shifts, once the data outweigh the prior. The prior's share of the information falls fourfold: it is")
    print(f"(shape − 1) / (shape − 1 + n), with a shape of {SHAPE:g}.\n")
    print("saved", draw_figure(kept, figures / "bernstein_von_mises.png"))
    return table


if __name__ == "__main__":
    matplotlib.use("Agg")
    main()
