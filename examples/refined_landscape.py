"""Where to look: the landscape of a Gaussian process from a thirtieth of its points.

Old Faithful: how long the next eruption is awaited, by how long the last one was, 272 times (R's
`faithful`; Härdle 1991). The curve is a Gaussian process with a squared-exponential covariance,
so that each value of -2LL takes the factorisation of a matrix of 272 rows: a picture of 401 x 401
points would take 160,801 of them. With ``refine=True`` only a few are made,

- on a coarse grid at first, so that no valley of its width is overlooked;
- then where the points around do not predict the new ones: on walls that bend, near the floor;
- at last at points held out, to measure by how much the interpolated ones are off.

Run it with ``python examples/refined_landscape.py``: it prints how many points were evaluated and
how far off the others may be, and saves the landscape beside the points that it was made from.
"""

from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pymc as pm
import xarray as xr

import pymc_landscape as pml

HERE = Path(__file__).resolve().parent

LENGTH, SPREAD = (0.3, 5.0), (4.9, 6.9)  # minutes of eruption, minutes of waiting


def load_eruptions(path: Path = HERE / "data" / "faithful.csv") -> pd.DataFrame:
    """Read how long eruptions were, and how long the next was awaited, in minutes."""
    return pd.read_csv(path)


def build_model(data: pd.DataFrame) -> pm.Model:
    """Build the Gaussian process; its mean and its height are known roughly, and fixed."""
    last, wait = data["eruptions"].to_numpy(float), data["waiting"].to_numpy(float)
    with pm.Model() as model:
        length = pm.Gamma("length", 2, 1)
        spread = pm.HalfNormal("spread", 10)
        gp = pm.gp.Marginal(
            mean_func=pm.gp.mean.Constant(wait.mean()), cov_func=15.0**2 * pm.gp.cov.ExpQuad(1, ls=length)
        )
        gp.marginal_likelihood("wait", X=last[:, None], y=wait, sigma=spread)
    return model


def lay_out(model: pm.Model, num: int) -> xr.Dataset:
    """Lay -2LL over the length scale and the spread, asking the model where the surface needs it."""
    grid = pml.regular_grid({"length": (*LENGTH, num), "spread": (*SPREAD, num)})
    return pml.evaluate_landscape(model, grid, refine=True, progressbar=False)


def draw(surface: xr.Dataset, path: Path) -> Path:
    """Save the landscape, and the points at which the model was asked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pml.plots.landscape(surface).savefig(path, dpi=110)
    plt.close("all")
    asked = surface["evaluated"].transpose("spread", "length")
    figure, axes = plt.subplots(figsize=(7, 5), layout="constrained")
    at = np.nonzero(asked.to_numpy())
    axes.plot(surface["length"].to_numpy()[at[1]], surface["spread"].to_numpy()[at[0]], ".", ms=1.5, color="0.25")
    rise = surface["delta_minus2ll"].transpose("spread", "length")
    heights = [pml.chi2_cutoff(level, df=2) for level in (0.5, 0.9, 0.95, 0.99)]
    axes.contour(surface["length"], surface["spread"], rise, levels=heights, colors="C3", linewidths=1)
    axes.set(xlabel="length", ylabel="spread", title=f"{at[0].size:,} of {asked.size:,} points evaluated")
    figure.savefig(path.with_stem(f"{path.stem}_points"), dpi=110)
    plt.close("all")
    return path


def report(surface: xr.Dataset) -> str:
    """Say in words what was asked, and how far off the rest may be."""
    lowest = surface["minus2ll"].argmin(...)
    length, spread = (float(surface[name][lowest[name]]) for name in ("length", "spread"))
    return f"""
-2LL over length scale and spread: {surface.attrs["refined"]}.
Share of points evaluated: {100 * float(surface["evaluated"].mean()):.1f} %.
Lowest at length {length:.2f} and spread {spread:.2f}: -2LL {float(surface["minus2ll"].min()):.3f}.
"""


def main(num: int = 401, figures: Path = HERE / "figures") -> xr.Dataset:
    """Evaluate, print, save the pictures.

    Returns
    -------
    Dataset
        The landscape, with `evaluated`.
    """
    surface = lay_out(build_model(load_eruptions()), num)
    print(report(surface))
    print("saved", draw(surface, figures / "refined_landscape.png"))
    return surface


if __name__ == "__main__":
    matplotlib.use("Agg")
    main()
