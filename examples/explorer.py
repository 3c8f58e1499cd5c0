"""The landscape of a customer model as a page to walk on.

The BG/NBD model of ``user_behavior.py``: how often customers of CDNOW buy (r, alpha), and how they leave (a, b). The
page shows the surface of r and alpha under a prior of any weight, with a and b held, or at their best; raise the water,
press to start an optimiser, and read at each place what the likelihood says.

Run it with ``python examples/explorer.py``: it samples the posterior, computes the page and writes
``examples/figures/explorer.html``, which opens in any browser, without a network.
"""

import logging
from pathlib import Path
from typing import Any

from user_behavior import build_model, load_customers, sample

import pymc_landscape as pml

HERE = Path(__file__).resolve().parent


def report(explorer: pml.Explorer) -> str:
    """Say in words what the page begins and ends with: the likelihood's answer, and the posterior's."""
    payload = explorer.payload
    at = payload["prior_weights"].index(1.0)
    likelihood, posterior = payload["sentences"][0][0], payload["sentences"][0][at]
    lines = [f"{payload['title']}, {payload['n_observations']} histories"]
    for axis, limits, without, with_prior in zip(
        payload["axes"], payload["limits"], likelihood, posterior, strict=True
    ):
        low, high = limits[0][0]["profile"]
        lines += [f"{axis['label']}: 95 % profile limits {low:.4g} to {high:.4g}", f"  {without}", f"  {with_prior}"]
    return "\n".join(lines)


def main(draws: int = 1000, tune: int = 700, chains: int = 2, folder: Path = HERE / "figures", **kwargs: Any) -> None:
    """Sample, explore, write the page."""
    model = build_model(load_customers())
    dt = sample(model, draws=draws, tune=tune, chains=chains, random_seed=1, progressbar=False, **kwargs)
    explorer = pml.explore(model, dt, ["r", "alpha"], random_seed=1)
    folder.mkdir(parents=True, exist_ok=True)
    page = explorer.save(folder / "explorer.html")
    print(report(explorer))
    print(f"\n{page.stat().st_size / 1e6:.1f} MB, most of it plotly.js:")
    print("saved", page)


if __name__ == "__main__":
    logging.getLogger("pymc").setLevel(logging.WARNING)
    main()
