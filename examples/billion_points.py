"""A billion points: a landscape that is looked at and never evaluated whole.

Old Faithful: 272 waits for the next eruption, in minutes (R's `faithful`; Härdle 1991), as a mixture
of short ones and long ones. With the share and the spread where the fit has them, -2LL over both
means has two valleys: in the second the kinds have changed places, which the share does not fit.
The grid has 31,623 x 31,623 points. It is lazy:

- from afar every 158th point along each axis is evaluated, and no other;
- from near some hundred times as dense a view of the valley with the lowest of these;
- at last all points around the floor, which is known to 0.002 minutes then.

Run it with ``python examples/billion_points.py``: it prints what was evaluated, and saves two views.
With a client of Dask's as the current one its workers would do the work.
"""

from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pandas as pd
import pymc as pm
import xarray as xr

import pymc_landscape as pml

HERE = Path(__file__).resolve().parent

WAITS = (40.0, 100.0)  # minutes
NEAR, FLOOR = 3.0, 0.2  # minutes to either side


def load_waits(path: Path = HERE / "data" / "faithful.csv") -> pd.Series:
    """Read how long the next eruption was awaited, in minutes."""
    return pd.read_csv(path)["waiting"]


def build_model(waits: pd.Series) -> pm.Model:
    """Build the mixture of two kinds of waits, of one spread."""
    with pm.Model() as model:
        short, long = pm.Normal("short", 70, 20), pm.Normal("long", 70, 20)
        share, spread = pm.Beta("share", 1, 1), pm.HalfNormal("spread", 20)
        kinds = [pm.Normal.dist(short, spread), pm.Normal.dist(long, spread)]
        pm.Mixture("wait", w=[share, 1 - share], comp_dists=kinds, observed=waits.to_numpy(float))
    return model


def lay_out(fit: pml.Fit, num: int) -> xr.Dataset:
    """Declare the landscape over both means: nothing is evaluated."""
    return pml.evaluate_landscape(fit, {"short": (*WAITS, num), "long": (*WAITS, num)}, lazy=True)


def look(surface: xr.Dataset) -> xr.DataArray:
    """Evaluate -2LL of what is left of a landscape, less its lowest."""
    minus2ll = surface["minus2ll"].compute()
    return (minus2ll - minus2ll.min()).rename("delta_minus2ll")


def views(surface: xr.Dataset, shown: int = 200) -> list[xr.DataArray]:
    """Look from afar, from near the lowest of those points, and at all points around the lowest of these."""
    seen, part = list[xr.DataArray](), surface
    for width in (NEAR, FLOOR, None):
        step = 1 if width is None else max(part.sizes["short"] // shown, 1)
        seen.append(look(part.isel(short=slice(None, None, step), long=slice(None, None, step))))
        lowest = seen[-1][seen[-1].argmin(...)]
        if width is not None:
            around = {
                name: slice(float(lowest[name]) - width, float(lowest[name]) + width) for name in ("short", "long")
            }
            part = surface.sel(around)
    return seen


def draw(afar: xr.DataArray, near: xr.DataArray, path: Path) -> Path:
    """Save both views side by side, with the 95 % contour of two parameters."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    for view, top, words, ax in zip((afar, near), (600, 30), ("from afar", "from near"), axes, strict=True):
        drawn = view.transpose("long", "short")
        filled = ax.contourf(view["short"], view["long"], drawn.clip(max=top), levels=30, cmap="viridis")
        ax.contour(view["short"], view["long"], drawn, levels=[pml.chi2_cutoff(0.95, df=2)], colors="white")
        ax.set(xlabel="short (minutes)", ylabel="long (minutes)", title=f"{words}: {view.size:,} points")
        figure.colorbar(filled, ax=ax, label="Δ(−2LL)")
    figure.savefig(path, dpi=110)
    plt.close("all")
    return path


def report(surface: xr.Dataset, seen: list[xr.DataArray], fit: pml.Fit) -> str:
    """Say in words what was evaluated, and how near the floor is to the fit."""
    names = ("short", "long")
    declared, floor = surface.sizes["short"] * surface.sizes["long"], seen[-1][seen[-1].argmin(...)]
    lowest, estimate = (", ".join(f"{n} {float(at[n]):.3f}" for n in names) for at in (floor, fit.point))
    return f"""
{declared:,} points declared, {sum(view.size for view in seen):,} evaluated.
Lowest of all: {lowest} minutes; the fit has {estimate}.
"""


def main(num: int = 31_623, figures: Path = HERE / "figures") -> list[xr.DataArray]:
    """Declare, look, print, save the picture.

    Returns
    -------
    list of DataArray
        -2LL above its lowest: from afar, from near, and around the floor.
    """
    start = {"short": 55.0, "long": 80.0, "share": 0.4, "spread": 6.0}
    fit = pml.fit_mle(build_model(load_waits()), starts=[start], progressbar=False)
    surface = lay_out(fit, num)
    seen = views(surface)
    print(report(surface, seen, fit))
    print("saved", draw(seen[0], seen[1], figures / "billion_points.png"))
    return seen


if __name__ == "__main__":
    matplotlib.use("Agg")
    main()
