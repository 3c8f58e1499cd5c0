"""Two valleys and the pass between them: a mixture seen as a landscape.

Old Faithful: minutes of waiting for the next eruption, 272 times (R's `faithful`; Härdle
1991). Waits are short or long, so a mixture of two normals fits; its published parts are known
here except for the two means. Then -2LL is a surface over (mu_A, mu_B), and a small one can
be searched for every point where its slope is zero:

- the deep valley: A is short and B is long, the published fit;
- a second valley: the labels are the wrong way round, a local optimum in which a search can end;
- the saddle: both means are the mean of all waits, for there no step away from it is preferred.

Which valley a search ends in is decided by where it starts: by its basin. Run it with
``python examples/valleys_and_saddles.py``: it prints the points, and saves the map.
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

# Maximum likelihood by the R package mixtools (Benaglia and others 2009, J. Stat. Software 32(6))
SHARE = (0.3608868, 0.6391132)
MEANS = (54.61489, 80.09109)
SPREAD = 5.87  # of both; the package says 5.871241 and 5.867718


def load_waits(path: Path = HERE / "data" / "faithful.csv") -> np.ndarray:
    """Read the waits, in minutes."""
    return pd.read_csv(path)["waiting"].to_numpy(float)


def build_model(waits: np.ndarray) -> pm.Model:
    """Build the mixture with two means to be found; the priors are wide and play no part."""
    with pm.Model(coords={"part": ["A", "B"]}) as model:
        mu = pm.Normal("mu", 70.0, 20.0, dims="part")
        pm.NormalMixture("wait", w=SHARE, mu=mu, sigma=SPREAD, observed=waits)
    return model


def find(model: pm.Model, starts: int) -> tuple[xr.Dataset, xr.Dataset]:
    """Return the critical points, and the curvature at the saddle between the valleys."""
    points = pml.critical_points(model, starts=starts, random_seed=1, progressbar=False)
    saddle = points.isel(critical_point=points["kind"].to_numpy().tolist().index("saddle"))
    return points, pml.hessian_spectrum(model, at={"mu": saddle["mu"].to_numpy()})


def lay_out(model: pm.Model, num: int) -> xr.Dataset:
    """Lay -2LL over both means."""
    grid = pml.regular_grid({"mu[A]": (40, 100, num), "mu[B]": (40, 100, num)})
    return pml.evaluate_landscape(model, grid, progressbar=False)


def draw_map(surface: xr.Dataset, points: xr.Dataset, path: Path) -> Path:
    """Save the map with all points, and the starts in the colour of where they lead."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pml.plots.critical_points(surface, points).savefig(path, dpi=110)
    plt.close("all")
    return path


def report(points: xr.Dataset, spectrum: xr.Dataset, waits: np.ndarray) -> str:
    """Say in words what was found."""
    rows = "\n".join(
        f"  {kind:7s} mu ({a:7.4f}, {b:7.4f})   -2LL {height:10.4f}   rise {rise:8.2f}"
        for kind, (a, b), height, rise in zip(
            points["kind"].to_numpy(),
            points["mu"].to_numpy(),
            points["minus2ll"].to_numpy(),
            points["delta_minus2ll"].to_numpy(),
            strict=True,
        )
    )
    basins = points["basin"].to_numpy()
    kinds = [*points["kind"].to_numpy(), "nothing"]
    ends = ", ".join(f"{(basins == i).sum()} to {kinds[i]} {i}" for i in np.unique(basins))
    return f"""
Points where the slope of -2LL is zero, lowest first (published: mu {MEANS[0]:.4f}, {MEANS[1]:.4f}):
{rows}

The mean of all waits is {waits.mean():.4f}: at the saddle both parts sit there.
{spectrum["note"].to_numpy()[-1]}: that is the way to either valley.
Of {basins.size} starts, steepest descent leads {ends}.
"""


def main(num: int = 121, starts: int = 40, figures: Path = HERE / "figures") -> xr.DataTree:
    """Find the points, print them, save the map.

    Returns
    -------
    DataTree
        Groups `landscape`, `critical_points` and `spectrum` (at the saddle).
    """
    waits = load_waits()
    model = build_model(waits)
    points, spectrum = find(model, starts)
    surface = lay_out(model, num)
    print(report(points, spectrum, waits))
    print("saved", draw_map(surface, points, figures / "valleys_and_saddles.png"))
    return pml.to_datatree(surface, points, spectrum)


if __name__ == "__main__":
    matplotlib.use("Agg")
    main()
