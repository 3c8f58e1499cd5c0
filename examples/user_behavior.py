"""Who comes back, and who has left? The likelihood landscape of a customer model.

The CDNOW data: 2,357 people who bought their first compact disc in early 1997, and when they came
back within 39 weeks. The BG/NBD model (Fader, Hardie & Lee 2005, Marketing Science 24(2)) tells two
behaviours apart that look alike: buying seldom, and having left.

- While here, a customer buys at random times at a rate of their own; rates ~ Gamma(r, alpha).
- After each repeat purchase they leave with a chance of their own; chances ~ Beta(a, b).

Run it with ``python examples/user_behavior.py``: it samples the posterior, lays -2 log L over grids
around the draws, compares their floor with the published one, and saves the pictures.
"""

import sys
import warnings
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
import xarray as xr

import pymc_landscape as pml

HERE = Path(__file__).resolve().parent

# The published maxima, recomputed to more digits: -2LL = -2 log L.
PUBLISHED = -2 * -9582.425561  # BG/NBD: some customers leave
PUBLISHED_NBD = -2 * -9763.660222  # NBD: nobody ever leaves

NOBODY_LEAVES = {"a": 1e-100, "b": 1.0}  # leaving has no chance: BG/NBD becomes NBD


def log_likelihood(history: Any, r: Any, alpha: Any, a: Any, b: Any, age: Any, number: Any = 1) -> Any:
    """Log-likelihood of each history under BG/NBD, times the number of customers who have it.

    The published L = A1 (A2 + [x > 0] A3), taken apart into what a customer did. Everything stays
    on the log scale, and nothing infinite is formed where x = 0, so gradients are finite too.

    Parameters
    ----------
    history : tensor, shape (..., 2)
        Repeat purchases x, and the week of the last one (0 if there was none).
    r, alpha, a, b : tensor
        Shape and rate (in weeks) of the buying rates; the two shapes of the chances of leaving.
    age : tensor, shape (...)
        Weeks observed since the first purchase.
    number : tensor, shape (...)
        How many customers have this very history.

    Returns
    -------
    tensor, shape (...)
    """
    x, last = history[..., 0], history[..., 1]
    # bought x times in `age` weeks, had nobody left (this line alone is NBD)
    bought = pt.gammaln(r + x) - pt.gammaln(r) + r * pt.log(alpha) - (r + x) * pt.log(alpha + age)
    # stayed after each of x purchases: B(a, b + x) / B(a, b)
    stayed = pt.gammaln(b + x) - pt.gammaln(b) + pt.gammaln(a + b) - pt.gammaln(a + b + x)
    # log odds of having left after the last purchase: log A3 / A2
    left = pt.log(a) - pt.log(b + pt.maximum(x, 1) - 1)
    left += (r + x) * (pt.log(alpha + age) - pt.log(alpha + last))
    return number * (bought + stayed + pt.switch(x > 0, pt.log1pexp(left), 0.0))


def simulate(
    r: Any, alpha: Any, a: Any, b: Any, age: Any, number: Any = 1, *,
    rng: np.random.Generator, size: Any = None,
) -> np.ndarray:  # fmt: skip
    """Draw histories of customers who behave as BG/NBD says, shape (..., 2)."""
    if np.any(np.asarray(number) != 1):
        raise ValueError("Expected one row a customer; use build_model(customers, merge=False).")
    shape = np.broadcast_shapes(*map(np.shape, (r, alpha, a, b, age))) if size is None else size
    rate = np.maximum(rng.gamma(r, 1 / alpha, shape), np.finfo(float).tiny)
    chance = rng.beta(a, b, shape)
    purchases, last, week, here = (np.zeros(shape) for _ in range(4))
    here = here == 0
    while here.any():
        week = week + rng.exponential(1 / rate)
        bought = here & (week < age)
        purchases, last = purchases + bought, np.where(bought, week, last)
        here = bought & (rng.random(shape) >= chance)
    return np.stack([purchases, last], axis=-1)


def load_customers(path: Path = HERE / "data" / "cdnow.csv") -> pd.DataFrame:
    """Read one row a customer: `frequency`, `recency_weeks`, `age_weeks`."""
    return pd.read_csv(path, index_col="customer")


def build_model(customers: pd.DataFrame, *, merge: bool = True) -> pm.Model:
    """Build BG/NBD with priors that say little: each parameter known to a factor of seven.

    Customers with equal histories add equal terms to the likelihood, so with `merge` each distinct
    history is evaluated once and counted often: the same sum in half the time. To simulate
    customers or to leave one out, keep one row a customer with ``merge=False``.
    """
    columns = ["frequency", "recency_weeks", "age_weeks"]
    rows = customers[columns].assign(number=1)
    if merge:
        rows = rows.groupby(columns, as_index=False).sum()
    history, age = rows[columns[:2]].to_numpy(float), rows["age_weeks"].to_numpy(float)
    coords = {"row": rows.index, "what": ["purchases", "last_week"]}
    with pm.Model(coords=coords) as model:
        r = pm.LogNormal("r", 0, 1)
        alpha = pm.LogNormal("alpha", np.log(10), 1)  # weeks
        a = pm.LogNormal("a", 0, 1)
        b = pm.LogNormal("b", 1, 1)
        pm.CustomDist(
            "history", r, alpha, a, b, age, rows["number"].to_numpy(float),
            logp=log_likelihood, random=simulate, signature="(),(),(),(),(),()->(2)",
            observed=history, dims=("row", "what"),
        )  # fmt: skip
    return model


def sample(model: pm.Model, **kwargs: Any) -> xr.DataTree:
    """Sample with a mass matrix that learns correlations, since the valleys here are slanted."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "QuadPotentialFullAdapt is an experimental feature")
        return pm.sample(model=model, init="jitter+adapt_full", **kwargs)


def landscapes(model: pm.Model, dt: xr.DataTree, num: int) -> xr.DataTree:
    """Lay -2LL over three planes, each `num` x `num`, and put them beside the posterior.

    `landscape` is (r, alpha), how often customers buy; `landscape_2` is (a, b), how they leave;
    `landscape_3` is (r, alpha) again, in a world that nobody leaves. The first two hold the other
    parameters at the draw of highest likelihood.
    """
    objective = pml.Objective(model)
    buying = pml.posterior_grid(dt, ["r", "alpha"], num=num, model=model)
    leaving = pml.posterior_grid(dt, ["a", "b"], num=num, model=model)
    nbd = pml.regular_grid({"r": (0.33, 0.44, num), "alpha": (9.5, 15, num)})
    surfaces = [
        pml.evaluate_landscape(objective, buying, progressbar=False),
        pml.evaluate_landscape(objective, leaving, progressbar=False),
        pml.evaluate_landscape(objective, nbd, at=NOBODY_LEAVES, progressbar=False),
    ]
    return pml.to_datatree(*surfaces, dt=dt)


def floor(landscape: Any) -> float:
    """Return the lowest -2LL found on a landscape."""
    return float(landscape["minus2ll"].min())


def draw_figures(tree: xr.DataTree, folder: Path) -> list[Path]:
    """Save the contours of both planes with the draws on top, and one plane as a surface."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {
        "user_behavior_buying": pml.plots.landscape(tree, backend="matplotlib"),
        "user_behavior_leaving": pml.plots.landscape(
            tree, landscape_group="landscape_2", figsize=(5.4, 4.2), backend="matplotlib"
        ),
        "user_behavior_surface": pml.plots.surface(tree, dt=tree, backend="matplotlib"),
    }
    paths = [folder / f"{name}.png" for name in pictures]
    for path, picture in zip(paths, pictures.values(), strict=True):
        picture.savefig(path, dpi=130)
    return paths


def report(tree: xr.DataTree) -> str:
    """Say in words what the numbers show."""
    buying, leaving, nbd = (floor(tree[f"landscape{i}"]) for i in ("", "_2", "_3"))
    gain = nbd - min(buying, leaving)
    mean = tree["posterior"].to_dataset().mean()
    weekly, chance = float(mean["r"] / mean["alpha"]), float(mean["a"] / (mean["a"] + mean["b"]))
    return f"""
At the posterior means a customer buys {weekly:.3f} times a week while here, and leaves after a
purchase with a chance of {chance:.0%}.

Lowest -2LL on the grid                            above the published
  (r, alpha), how often they buy     {buying:>10.3f}        {buying - PUBLISHED:+.3f}
  (a, b), how they leave             {leaving:>10.3f}        {leaving - PUBLISHED:+.3f}
  published maximum likelihood       {PUBLISHED:>10.3f}

Each plane holds the other two parameters at the draw of highest likelihood, close to the best
point but not on it: a floor may lie a little above the published one, never below. Little means
little against 5.99, the rise at the edge of a 95 % region of two parameters.

Does the behaviour "customers leave" improve the model? Where nobody leaves the floor is
{nbd:.3f} (published {PUBLISHED_NBD:.3f}): leaving lowers it by {gain:.1f} with two more parameters.
The plain chi-squared law is not the yardstick for this drop, because "nobody leaves" is at the
edge of the model and b means nothing there; but random noise does not dig that deep.

In the pictures: both valleys are long and slanted. Many pairs (a, b) fit almost equally well,
since the data tell a / (a + b), the mean chance of leaving, better than how customers differ in
it. The draws fill the same valleys. Some lie outside the lines, since each draw moves all four
parameters, while a line is drawn with the other two held.
"""


def main(
    draws: int = 500,
    tune: int = 500,
    chains: int = 2,
    cores: int = 2,
    num: int = 51,
    figures: Path = HERE / "figures",
    random_seed: int = 1997,
) -> xr.DataTree:
    """Sample, lay out the landscapes, print what they show, save the figures.

    Returns
    -------
    DataTree
        What `pm.sample` gave, with the groups of :func:`landscapes`.
    """
    model = build_model(load_customers())
    dt = sample(
        model, draws=draws, tune=tune, chains=chains, cores=cores, random_seed=random_seed,
        quiet=not sys.stdout.isatty(),
    )  # fmt: skip
    tree = landscapes(model, dt, num)
    print(report(tree))
    for path in draw_figures(tree, figures):
        print("saved", path)
    return tree


if __name__ == "__main__":
    matplotlib.use("Agg")
    main()
