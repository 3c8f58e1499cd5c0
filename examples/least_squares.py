"""The -2 log-likelihood surface is the sum-of-squares surface.

Puromycin: the rate of an enzyme's reaction against the concentration c of its substrate, treated
cells only (Bates & Watts 1988, Nonlinear Regression Analysis). Michaelis and Menten's curve is
rate = Vm c / (K + c), and the errors are Gaussian. Then -2LL and the SSE, the sum of squared errors
that least squares makes small, say the same thing:

- sigma known: -2LL = SSE / sigma^2 + a constant, so that the surfaces differ by a factor;
- sigma free: at each (Vm, K) its best square is SSE / n, so -2LL = n log SSE + a constant.

Run it with ``python examples/least_squares.py``: it prints how exactly that holds, and saves
the two surfaces side by side.
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

S = 10.93366  # the published residual standard error, taken as known
PUBLISHED_SSE = 1195.448814
SIGMA_STEP = 0.01  # relative step of the axis of sigma


def load_treated(path: Path = HERE / "data" / "puromycin.csv") -> pd.DataFrame:
    """Read the treated half of the data: `conc` and `rate`."""
    return pd.read_csv(path).query("state == 'treated'")


def build_model(treated: pd.DataFrame, sigma: float | None = None) -> pm.Model:
    """Build the curve with Gaussian errors; `sigma` None leaves it free.

    The priors are wide and play no part: the landscape below is the likelihood alone.
    """
    conc, rate = treated["conc"].to_numpy(float), treated["rate"].to_numpy(float)
    with pm.Model(coords={"observation": np.arange(rate.size)}) as model:
        vm = pm.Normal("Vm", 200, 100)
        k = pm.HalfNormal("K", 1)
        spread: Any = pm.HalfNormal("sigma", 50) if sigma is None else sigma
        pm.Normal("rate", vm * conc / (k + conc), spread, observed=rate, dims="observation")
    return model


def sum_of_squares(treated: pd.DataFrame, grid: xr.Dataset) -> xr.DataArray:
    """Lay the SSE over the (Vm, K) of a grid, with NumPy alone."""
    conc, rate = (xr.DataArray(treated[name].to_numpy(float), dims="row") for name in ("conc", "rate"))
    curve = grid["Vm"] * conc / (grid["K"] + conc)
    return ((rate - curve) ** 2).sum("row").transpose("Vm", "K")


def sigma_known(treated: pd.DataFrame, num: int) -> xr.Dataset:
    """Lay -2LL over (Vm, K) with sigma known, and the SSE beside it."""
    grid = pml.regular_grid({"Vm": (185, 245, num), "K": (0.035, 0.105, num)})
    surface = pml.evaluate_landscape(build_model(treated, sigma=S), grid, progressbar=False)
    return surface.assign(sse=sum_of_squares(treated, surface))


def sigma_free(treated: pd.DataFrame, num: int) -> xr.Dataset:
    """Lay -2LL over (Vm, K, sigma); taking the lowest along sigma leaves a surface over (Vm, K)."""
    plane = {"Vm": np.linspace(198, 228, num), "K": np.linspace(0.048, 0.084, num)}
    sse = sum_of_squares(treated, xr.Dataset(coords=plane))
    low, high = (np.log(np.sqrt(edge / len(treated))) for edge in (sse.min(), sse.max()))
    sigma = np.exp(np.arange(low - SIGMA_STEP, high + 2 * SIGMA_STEP, SIGMA_STEP))
    grid = pml.regular_grid({**plane, "sigma": sigma})
    surface = pml.evaluate_landscape(build_model(treated), grid, progressbar=False)
    return surface.assign(sse=sse)


def rise(surface: xr.DataArray) -> xr.DataArray:
    """Return a surface less its lowest point."""
    return surface - surface.min()


def gap_known(known: xr.Dataset) -> float:
    """Return the largest difference between the rises of -2LL and of SSE / sigma^2."""
    return float(abs(known["delta_minus2ll"] - rise(known["sse"]) / S**2).max())


def gap_free(free: xr.Dataset, n: int) -> float:
    """Return the largest difference between the rises of the lowest -2LL and of n log SSE."""
    lowest = free["minus2ll"].min("sigma")
    return float(abs(rise(lowest) - rise(n * np.log(free["sse"]))).max())


def step_error(n: int) -> float:
    """Return how far the lowest -2LL on the axis of sigma can lie above the true one.

    In u = log sigma, -2LL = 2 n u + SSE exp(-2u) + const curves by 4n at its lowest point, which is
    half a step away at most; 1 % covers the next order.
    """
    return 1.01 * 4 * n / 2 * (SIGMA_STEP / 2) ** 2


def draw_figure(known: xr.Dataset, path: Path) -> Path:
    """Save the two surfaces side by side, with lines at the same points in units of their own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    heights = [0.0, *pml.chi2_cutoff(np.array([0.5, 0.95, 0.99]), df=2), 20, 50, 100, 200]
    best = known["sse"].argmin(["Vm", "K"])
    figure, panels = plt.subplots(1, 2, figsize=(10, 4.5), sharey=True, layout="constrained")
    for panel, surface, unit, digits, title in (
        (panels[0], known["delta_minus2ll"], 1.0, 2, "rise of −2 log L"),
        (panels[1], rise(known["sse"]), S**2, 0, "rise of the sum of squared errors"),
    ):
        levels = unit * np.array(heights)
        x, y, z = known["Vm"], known["K"], surface.transpose("K", "Vm")
        colors = plt.get_cmap("viridis")(np.linspace(0, 1, len(levels)))
        filled = panel.contourf(x, y, z, levels, colors=colors, extend="max")
        panel.contour(x, y, z, levels[2:3], colors="white")
        panel.plot(x[best["Vm"]], y[best["K"]], "*", color="#ff4b4b", mec="white", ms=13)
        bar = figure.colorbar(filled, ax=panel, ticks=levels)
        bar.set_ticklabels([f"{level:,.{digits if 0 < level < 10 * unit else 0}f}" for level in levels])
        panel.set(title=title, xlabel="Vm")
    panels[0].set_ylabel("K")
    signs = [plt.Line2D([], [], color="#ff4b4b", marker="*", ls="", ms=10), plt.Line2D([], [], color="#bbbbbb")]
    names = ["lowest point of both", "95 % region of −2 log L: the same line on either surface"]
    figure.legend(signs, names, loc="outside upper center", ncols=2, frameon=False)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


def report(known: xr.Dataset, free: xr.Dataset, n: int) -> str:
    """Say in words what the numbers show."""
    lowest = known["sse"].min()
    best = known["sse"].where(known["sse"] == lowest, drop=True)
    cutoff = float(pml.chi2_cutoff(0.95, df=2))
    return f"""
Least squares on the grid: SSE {float(lowest):.2f} at Vm {float(best["Vm"][0]):.1f}, \
K {float(best["K"][0]):.4f} (published {PUBLISHED_SSE:.2f} at 212.7, 0.0641).

sigma known, {known["sse"].size:,} points:
  rise of -2LL  =  rise of SSE / sigma^2         largest difference {gap_known(known):.1e}
sigma free, its best value at each of {free["sse"].size:,} points:
  rise of -2LL  =  n log(SSE / SSE_min)          largest difference {gap_free(free, n):.1e}
  (the axis of sigma has steps of {SIGMA_STEP:.0%}, which alone allow {step_error(n):.1e})

The first is rounding error: with Gaussian errors of known size, least squares and maximum
likelihood walk on one and the same surface. What -2LL adds is a scale: a rise of {cutoff:.2f}
bounds the 95 % region of two parameters, whatever the units of the data are. In these units
of SSE that is {cutoff * S**2:.0f}.
"""


def main(num: int = 101, num_free: int = 41, figures: Path = HERE / "figures") -> xr.DataTree:
    """Lay out the surfaces, print how well the identities hold, save the figure.

    Returns
    -------
    DataTree
        Groups `landscape` (sigma known) and `landscape_2` (sigma free), with `sse` beside -2LL.
    """
    treated = load_treated()
    known, free = sigma_known(treated, num), sigma_free(treated, num_free)
    print(report(known, free, len(treated)))
    print("saved", draw_figure(known, figures / "least_squares.png"))
    return pml.to_datatree(known, free)


if __name__ == "__main__":
    matplotlib.use("Agg")
    main()
