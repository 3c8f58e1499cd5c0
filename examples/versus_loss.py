"""The same data seen with five losses, and the likelihood behind each of them.

Old Faithful: how long an eruption lasted, and how many minutes passed until the next one, 272 times
(R's `faithful`; Härdle 1991). A straight line says how long to wait. Which line is
the best depends on the loss, and each of these losses is -2 log of some likelihood, up to a factor a
and a constant b:

- squared error: errors are normal; absolute error: Laplace; log(1 + r^2/4s^2): Student's t;
- pinball loss with tau 0.9: asymmetric Laplace, and the line is the 90 % quantile;
- cross-entropy: was the wait longer than 70 minutes, yes or no; Bernoulli.

So a surface of -2LL *is* the surface of its loss, as `pml.loss_table` says with numbers. What a loss
drops, a and b, is what makes a rise of it evidence (3.84 for one parameter, 5.99 for two), and what
makes heights comparable: five losses have five units, while the likelihoods of the same waits have
one. Run it with ``python examples/versus_loss.py``: it prints the numbers and saves two figures.
"""

from collections.abc import Callable
from dataclasses import dataclass
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
MIDDLE = 3.5  # minutes; lines are told by their height there and their slope
LONG = 70.0  # minutes
TAU, NU = 0.9, 4.0
TITLES = {
    "normal": "squared error",
    "laplace": "absolute error",
    "student": "robust (Student t)",
    "quantile": "pinball, tau = 0.9",
    "long": "cross-entropy",
}
COLORS = {"normal": "#0072b2", "laplace": "#d55e00", "student": "#009e73", "quantile": "#c369ff", "long": "#7a5d00"}
DASHES = {
    "normal": "-",
    "laplace": "--",
    "student": "-.",
    "quantile": ":",
    "long": (0, (11, 2.5)),
}  # for a print in grey
# R's lm(waiting ~ eruptions): intercept 33.4744, slope 10.7296, residual standard error 5.914 on 270 df
PUBLISHED = {"intercept": 33.4744, "slope": 10.7296, "sse": 270 * 5.914**2}


def load_waits(path: Path = HERE / "data" / "faithful.csv") -> pd.DataFrame:
    """Read `eruptions` and `waiting`, both in minutes."""
    return pd.read_csv(path)


@dataclass(frozen=True)
class View:
    """One way to look at the waits.

    `observe` adds the observed waits to a model, given the line and a spread; `loss` is the sum that
    one would minimise instead, of data and line along their first axis; `spread` is about the best.
    """

    observe: Callable[[Any, Any], Any]
    loss: Callable[[np.ndarray], np.ndarray]
    spread: float | None = None


def views(waits: pd.DataFrame) -> dict[str, View]:
    """Return the likelihoods as PyMC writes them, beside the losses as NumPy does."""
    y = waits["waiting"].to_numpy(float)
    long = (y > LONG).astype(int)

    def error(line: np.ndarray) -> np.ndarray:
        return y.reshape(-1, *[1] * (line.ndim - 1)) - line

    def log_loss(logit: np.ndarray) -> np.ndarray:
        sign = (2 * long - 1).reshape(-1, *[1] * (logit.ndim - 1))
        return np.logaddexp(0, -sign * logit).sum(0)

    s = {"normal": 5.9, "laplace": 4.77, "student": 5.02, "quantile": 3.59}
    return {
        "normal": View(
            lambda line, sigma: pm.Normal("wait", line, sigma, observed=y),
            lambda line: (error(line) ** 2).sum(0),
            s["normal"],
        ),
        "laplace": View(
            lambda line, b: pm.Laplace("wait", line, b, observed=y),
            lambda line: np.abs(error(line)).sum(0),
            s["laplace"],
        ),
        "student": View(
            lambda line, sigma: pm.StudentT("wait", nu=np.float64(NU), mu=line, sigma=sigma, observed=y),
            lambda line: np.log1p((error(line) / s["student"]) ** 2 / NU).sum(0),
            s["student"],
        ),
        "quantile": View(
            lambda line, b: pm.AsymmetricLaplace("wait", q=TAU, mu=line, b=1 / b, observed=y),
            lambda line: np.maximum(TAU * error(line), (TAU - 1) * error(line)).sum(0),
            s["quantile"],
        ),
        "long": View(lambda line, _: pm.Bernoulli("long", logit_p=line, observed=long), log_loss),
    }


def build_model(waits: pd.DataFrame, view: View, *, free: bool = False) -> pm.Model:
    """Build a line with errors; the spread is known or `free`. The priors are wide and play no part."""
    with pm.Model() as model:
        level, slope = pm.Normal("level", 70, 100), pm.Normal("slope", 0, 100)
        spread: Any = pm.HalfNormal("spread", 100) if free else view.spread
        view.observe(level + slope * (waits["eruptions"].to_numpy() - MIDDLE), spread)
    return model


def surfaces(waits: pd.DataFrame, num: int) -> dict[str, xr.Dataset]:
    """Lay -2LL and the loss over (level, slope) for each view, with the spread known."""
    close = {"level": (69.4, 72.8, num), "slope": (9.2, 12.2, num)}
    axes = dict.fromkeys(TITLES, close)
    axes["quantile"] = {"level": (77.6, 80.8, num), "slope": (9.8, 12.8, num)}
    axes["long"] = {"level": (-0.9, 2.5, num), "slope": (2.0, 6.8, num)}
    x = waits["eruptions"].to_numpy()[:, None, None] - MIDDLE
    found = {}
    for name, view in views(waits).items():
        surface = pml.evaluate_landscape(build_model(waits, view), pml.regular_grid(axes[name]), progressbar=False)
        line = surface["level"].to_numpy()[:, None] + surface["slope"].to_numpy() * x
        found[name] = surface.assign(loss=(("level", "slope"), view.loss(line)))
    return found


def identities(waits: pd.DataFrame, surfaces: dict[str, xr.Dataset]) -> pd.DataFrame:
    """Return the row of `loss_table` for each view at its best line, and how well it holds everywhere."""
    rows = {}
    for name, view in views(waits).items():
        surface = surfaces[name].transpose("level", "slope")
        best = surface["minus2ll"].argmin(...)
        at = {axis: float(surface[axis][best[axis]]) for axis in ("level", "slope")}
        row = pml.loss_table(build_model(waits, view), at=at).iloc[0]
        gap = abs(row["a"] * surface["loss"] + row["b"] - surface["minus2ll"]).max()
        rows[name] = {**row, **at, "gap": float(gap)}
    return pd.DataFrame.from_dict(rows, orient="index")


def profiles(waits: pd.DataFrame, num: int) -> dict[str, xr.DataArray]:
    """Return -2LL over the slope, level and spread at their best, for three views of the same waits."""
    known = views(waits)
    found = {}
    for name in ("normal", "laplace", "student"):
        spread = np.geomspace(0.85, 1.2, num) * known[name].spread
        axes = {"level": np.linspace(69.8, 72.3, num), "slope": np.linspace(9.3, 12.0, num), "spread": spread}
        model = build_model(waits, known[name], free=True)
        surface = pml.evaluate_landscape(model, pml.regular_grid(axes), progressbar=False)
        found[name] = surface["minus2ll"].min(["level", "spread"])
    return found


def interval(profile: xr.DataArray, level: float = 0.95) -> tuple[float, float]:
    """Return where a profile with one floor crosses the chi-squared height, on straight lines between points."""
    slope, rise = profile["slope"].to_numpy(), (profile - profile.min()).to_numpy()
    floor, height = int(rise.argmin()), pml.chi2_cutoff(level)
    lower = np.interp(-height, -rise[: floor + 1], slope[: floor + 1])
    return float(lower), float(np.interp(height, rise[floor:], slope[floor:]))


def draw_surfaces(surfaces: dict[str, xr.Dataset], table: pd.DataFrame, path: Path) -> Path:
    """Save -2LL above and the loss below, each in its own units, at lines that the identity makes the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    heights = np.array([0.0, *pml.chi2_cutoff(np.array([0.5, 0.95, 0.99]), df=2), 20.0, 40.0, 80.0])
    figure, panels = plt.subplots(2, 5, figsize=(15, 6.4), sharex="col", sharey="col", layout="constrained")
    colors = plt.get_cmap("viridis")(np.linspace(0, 1, len(heights)))
    for (name, surface), (above, below) in zip(surfaces.items(), panels.T, strict=True):
        a, b = table.loc[name, ["a", "b"]]
        for panel, values, levels in (
            (above, surface["delta_minus2ll"], heights),
            (below, surface["loss"] - surface["loss"].min(), heights / a),
        ):
            z = values.transpose("slope", "level")
            filled = panel.contourf(surface["level"], surface["slope"], z, levels, colors=colors, extend="max")
            panel.contour(surface["level"], surface["slope"], z, levels[2:3], colors="white")
            panel.plot(*table.loc[name, ["level", "slope"]], "*", color="#ff4b4b", mec="white", ms=12)
            bar = figure.colorbar(filled, ax=panel, ticks=levels[1:], location="right", pad=0.02)
            bar.ax.set_yticklabels([_three_digits(level) for level in levels[1:]], fontsize="x-small")
        constant = f" + {b:.1f}" if b else ""
        above.set_title(f"{TITLES[name]}\n−2LL = {a:.4g} · loss{constant}", fontsize="medium")
        below.set_xlabel("log odds at 3.5 min" if name == "long" else "wait at 3.5 min")
    panels[0, 0].set_ylabel("rise of −2LL\n\nslope")
    panels[1, 0].set_ylabel("rise of the loss\n\nslope")
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


def _three_digits(number: float) -> str:
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"


def draw_lines(waits: pd.DataFrame, table: pd.DataFrame, profiles: dict[str, xr.DataArray], path: Path) -> Path:
    """Save the lines, what one error costs, and the heights of the likelihoods with the spread free."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure, (data, cost, height) = plt.subplots(1, 3, figsize=(15, 4.4), layout="constrained")
    _draw_data(data, waits, table)
    _draw_cost(cost, waits, table)
    for name, profile in profiles.items():
        lower, upper = interval(profile)
        top = float(profile.min()) + pml.chi2_cutoff(0.95)
        height.plot(profile["slope"], profile, color=COLORS[name], ls=DASHES[name])
        height.hlines(top, lower, upper, color=COLORS[name], lw=5, alpha=0.4)
        height.text((lower + upper) / 2, top + 1.2, TITLES[name], color=COLORS[name], ha="center", fontsize="small")
    height.set(xlabel="slope", ylabel="−2LL, level and spread at their best", ylim=(1733, 1782))
    height.set_title("heights can be compared;\nbars: 95 %, 3.84 above each floor", fontsize="medium")
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


def _draw_data(panel: Any, waits: pd.DataFrame, table: pd.DataFrame) -> None:
    x, middle = np.array([1.5, 5.2]), MIDDLE
    panel.plot(waits["eruptions"], waits["waiting"], ".", color="0.6", ms=4)
    for name in ("normal", "laplace", "student", "quantile"):
        level, slope = table.loc[name, ["level", "slope"]]
        panel.plot(x, level + slope * (x - middle), color=COLORS[name], ls=DASHES[name], label=TITLES[name])
    even = middle - table.loc["long", "level"] / table.loc["long", "slope"]
    panel.plot(
        [even, even],
        [40, 101],
        color=COLORS["long"],
        ls=DASHES["long"],
        label=f"cross-entropy: {LONG:.0f} min as likely as not",
    )
    panel.axhline(LONG, color=COLORS["long"], lw=0.8, alpha=0.6)
    panel.set(xlabel="minutes an eruption lasted", ylabel="minutes until the next", ylim=(40, 128))
    panel.set_title("the best line by each loss", fontsize="medium")
    panel.legend(frameon=False, fontsize="small", loc="upper left", handlelength=3)


def _draw_cost(panel: Any, waits: pd.DataFrame, table: pd.DataFrame) -> None:
    error = np.linspace(-25, 25, 401)
    alone = waits.iloc[:1].assign(waiting=0.0)
    for name, view in views(alone).items():
        if name != "long":
            style = {"color": COLORS[name], "ls": DASHES[name], "label": TITLES[name]}
            panel.plot(error, table.loc[name, "a"] * view.loss(-error[None]), **style)
    panel.set(xlabel="wait less line, in minutes", ylabel="a · loss", ylim=(0, 24))
    panel.set_title("what one error adds to −2LL", fontsize="medium")
    panel.legend(frameon=False, fontsize="small", loc="upper center", handlelength=3)


def report(table: pd.DataFrame, profiles: dict[str, xr.DataArray]) -> str:
    """Say in words what the numbers show."""
    rows = "\n".join(
        f"  {TITLES[name]:20s} {row['value']:10.3f}  {row['a']:9.5f}  {row['b']:10.3f}  {row['minus2ll']:10.3f}"
        f"  {row['gap']:.0e}"
        for name, row in table.iterrows()
    )
    ends = {name: interval(profile) for name, profile in profiles.items()}
    slopes = "\n".join(
        f"  {TITLES[name]:20s} {float(profiles[name].min()):10.2f}   {lower:6.2f} to {upper:5.2f}"
        for name, (lower, upper) in ends.items()
    )
    return f"""
Least squares: {PUBLISHED["sse"]:.0f} is the published sum, at a slope of {PUBLISHED["slope"]:.2f}.
Spreads known; at the best line of each loss, and the largest gap over its whole surface:
  loss                      value          a           b        -2LL  gap
{rows}

The values are in square minutes, minutes, and pure numbers: no two of them can be compared, and
none says how far from the best line is too far. -2LL does both. With the spread free as well:
  errors                     -2LL   slope, 95 %
{slopes}

Of the same waits, normal errors give the highest likelihood: there are no outliers here to be robust
against. The pinball line is a quantile of the waits, and a way to compute it: nobody believes that
errors are asymmetric Laplace, so no interval is read off its likelihood.
"""


def main(num: int = 81, num_free: int = 45, figures: Path = HERE / "figures") -> xr.DataTree:
    """Lay out the surfaces, print how well the identities hold, save the figures.

    Returns
    -------
    DataTree
        Groups `landscape` to `landscape_5`, in the order of `TITLES`, with `loss` beside -2LL.
    """
    waits = load_waits()
    found = surfaces(waits, num)
    table, curves = identities(waits, found), profiles(waits, num_free)
    print(report(table, curves))
    print("saved", draw_surfaces(found, table, figures / "versus_loss_surfaces.png"))
    print("saved", draw_lines(waits, table, curves, figures / "versus_loss_lines.png"))
    return pml.to_datatree(*found.values())


if __name__ == "__main__":
    matplotlib.use("Agg")
    main()
