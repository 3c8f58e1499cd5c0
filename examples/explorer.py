"""A page to walk on: the landscape of a customer model, from the likelihood to the posterior and beyond.

The BG/NBD model of ``user_behavior.py``: how often customers of CDNOW buy (r, alpha), and how they leave (a, b). The
page shows the surface of r and alpha under a prior of any weight, with a and b held or at their best. Raise the water,
press to start an optimiser, and read at each place what the likelihood says.

Run it with ``python examples/explorer.py``: it samples the posterior, computes the page, writes
``examples/figures/explorer.html``, which opens in any browser without a network, and a picture of three of its
regions.
"""

from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import xarray as xr
from user_behavior import build_model, load_customers, sample

import pymc_landscape as pml

HERE = Path(__file__).resolve().parent
# Surfaces of the page: treatment of a and b, weight of the prior, and how the region is drawn.
MAPS = (
    ("surface_hold_hold", 0.0, "dotted", "#0072B2", "a, b held"),
    ("surface_profile_profile", 0.0, "solid", "#0072B2", "a, b at their best"),
    ("surface_profile_profile", 2.0, "dashed", "#D55E00", "the same, prior weight 2"),
)


def report(explorer: pml.Explorer) -> str:
    """Say in words what the page says without a prior, and with it."""
    payload = explorer.payload
    with_prior = payload["sentences"][0][payload["prior_weights"].index(1.0)]
    lines = [f"{payload['title']}, {payload['n_observations']} histories"]
    for axis, limits, said in zip(payload["axes"], payload["limits"], with_prior, strict=True):
        low, high = limits[0][0]["profile"]
        lines += [f"{axis['label']}: 95 % profile limits {low:.4g} to {high:.4g}", f"  {said}"]
    return "\n".join(lines)


def draw_maps(tree: xr.DataTree, path: Path) -> Path:
    """Draw the 95 % region of r and alpha with the two others held and at their best, and under a prior twice over."""
    level = [pml.chi2_cutoff(0.95, 2)]
    figure, panel = plt.subplots(figsize=(6, 4.5), layout="constrained")
    for group, weight, style, color, label in MAPS:
        delta = tree[group]["delta"].sel(weight=weight)
        panel.contour(delta["r"], delta["alpha"], delta.T, level, colors=color, linestyles=style)
        panel.plot([], [], color=color, linestyle=style, label=label)
    mode = tree["modes"]["mode"].sel(weight=0.0)
    panel.plot(float(mode.sel(parameter="r")), float(mode.sel(parameter="alpha")), "k+", markersize=10)
    panel.set(xlabel="r", ylabel="alpha (weeks)", title="95 % regions of three of the page's maps")
    panel.legend(loc="upper left")
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


def main(draws: int = 1000, tune: int = 700, chains: int = 2, cores: int = 2, figures: Path = HERE / "figures") -> None:
    """Sample, explore, write the page and the picture."""
    model = build_model(load_customers())
    dt = sample(model, draws=draws, tune=tune, chains=chains, cores=cores, random_seed=1, quiet=True)
    fit = pml.fit_mle(model, progressbar=False)
    explorer = pml.explore(fit, dt, ["r", "alpha"], random_seed=1, progressbar=False)
    print(report(explorer))
    print("saved", explorer.save(figures / "explorer.html"))
    print("saved", draw_maps(explorer.to_datatree(), figures / "explorer.png"))


if __name__ == "__main__":
    matplotlib.use("Agg")
    main()
