"""Eight schools: the likelihood says that they are all alike, the posterior's mean says that they are not.

Effects of coaching in eight schools, each with its known standard error (Rubin 1981). The schools differ with
standard deviation tau about mu. Maximised together with the effects of the schools, tau has no estimate: the density
is infinite where tau is 0 and all effects are mu. Integrate them out, and what is left is a surface over mu and tau
with its top on the edge: tau = 0. Yet the posterior's mean of tau is well above 0. Was that the prior?

Not by its pull on the mode: `compare_with_posterior` goes from one answer to the other step by step. The prior,
falling from 0 on, leaves the top where it is. What moves the answer is the averaging, which any prior weights:
tau cannot be less than 0, values up to 13 are compatible with the data, and the mean of what is plausible lies
inside. So it is a matter of which question is asked, for the
best value or for the mean, and not of two opinions. The prior, if anything, draws the mean back: it is 4.7, and would
be 6.5 under flat priors. A prior that is 0 at 0, as some use to keep off the edge, is another matter: that one pulls.

Run it with ``python examples/eight_schools.py``: it prints the limits and the steps, and saves three pictures.
"""

from dataclasses import dataclass
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pymc as pm
import xarray as xr

import pymc_landscape as pml

HERE = Path(__file__).resolve().parent


@dataclass
class Analysis:
    """The likelihood's answer, the posterior's, and the way between."""

    fit: pml.Fit
    intervals: xr.Dataset
    table: xr.Dataset
    curves: xr.Dataset
    surface: xr.Dataset
    dt: xr.DataTree


def load_schools(path: Path = HERE / "data" / "eight_schools.csv") -> pd.DataFrame:
    """Read the data: `school`, `effect` and `standard_error`."""
    return pd.read_csv(path)


def build_model(schools: pd.DataFrame, *, centred: bool = True, off_the_edge: bool = False) -> pm.Model:
    """Build the model, its effects centred about mu or, easier for a sampler, as multiples of tau.

    The prior of tau is highest at 0, or, `off_the_edge`, 0 there.
    """
    with pm.Model(coords={"school": schools["school"].to_list()}) as model:
        mu = pm.Normal("mu", 0, 20)
        tau = pm.Gamma("tau", 2, 0.1) if off_the_edge else pm.HalfCauchy("tau", 10)
        if centred:
            theta = pm.Normal("theta", mu, tau, dims="school")
        else:
            theta = mu + tau * pm.Normal("z", 0, 1, dims="school")
        error = schools["standard_error"].to_numpy(float)
        pm.Normal("effect", theta, error, observed=schools["effect"].to_numpy(float), dims="school")
    return model


def sample(schools: pd.DataFrame, draws: int) -> xr.DataTree:
    """Draw from the posterior of mu and tau."""
    with build_model(schools, centred=False):
        return pm.sample(
            draws,
            tune=max(draws // 2, 300),
            chains=2,
            cores=1,
            target_accept=0.95,
            random_seed=1,
            progressbar=False,
            quiet=True,
            compute_convergence_checks=False,
        )


def analyse(schools: pd.DataFrame, draws: int, num: int) -> Analysis:
    """Integrate the schools out, find the top and its limits, and put the posterior beside it."""
    objective = pml.Objective(build_model(schools), latent="theta")
    fit = pml.fit_mle(objective, progressbar=False)
    dt = sample(schools, draws)
    grid = pml.regular_grid({"mu": np.linspace(-10, 25, num), "tau": np.linspace(0, 30, num)})
    return Analysis(
        fit,
        pml.confidence_intervals(fit, progressbar=False),
        pml.compare_with_posterior(fit, dt, random_seed=1, progressbar=False),
        pml.four_curves(fit, dt, "tau", progressbar=False),
        pml.evaluate_landscape(objective, grid, progressbar=False),
        dt,
    )


def mode_off_the_edge(schools: pd.DataFrame) -> float:
    """Return the posterior's mode of tau under the prior that is 0 at 0."""
    objective = pml.Objective(build_model(schools, off_the_edge=True), latent="theta")
    return float(pml.fit_map(objective, progressbar=False).point["tau"])


def draw_figures(analysis: Analysis, folder: Path) -> list[Path]:
    """Save the surface with the draws on it, the four curves of tau, and the steps from one answer to the other."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {
        "eight_schools_landscape": pml.plots.landscape(
            analysis.surface, dt=analysis.dt, visuals={"minimum": {"clip_on": False}}, backend="matplotlib"
        ),
        "eight_schools_tau": pml.plots.four_curves(
            analysis.curves, visuals={"mark": {"clip_on": False}}, backend="matplotlib"
        ),
        "eight_schools_steps": pml.plots.comparison(analysis.table, backend="matplotlib"),
    }
    titles = {
        "eight_schools_landscape": "The likelihood is highest where schools do not differ at all",
        "eight_schools_tau": "All curves of tau are highest at 0; only the mean is not there",
        "eight_schools_steps": "Neither prior nor averaging moves mu; tau's mean is off the edge that its mode is on",
    }
    for name, picture in pictures.items():
        picture.add_title(titles[name])
        picture.savefig(folder / f"{name}.png", dpi=110)
    plt.close("all")
    return [folder / f"{name}.png" for name in pictures]


def report(analysis: Analysis, avoiding: float) -> str:
    """Say in words what the numbers show."""
    fit = analysis.fit
    rows = [f"-log L {fit.minus2ll / 2:.8f}, {fit.status.value}: mu {float(fit.point['mu']):.6f}, tau 0"]
    for name in ("mu", "tau"):
        row = analysis.intervals.sel(parameter=name).squeeze()
        low, high = row["interval"].to_numpy()
        rows.append(f"{name:4s} 95 % limits ({low:.6f}, {high:.6f})   {', '.join(row['status'].to_numpy())}")
    numbers = ["mle", "map", "mean", "unit", "prior_shift", "volume_shift", "prior_share"]
    rows += ["", analysis.table[numbers].to_dataframe().round(3).to_string(), ""]
    rows += [str(said) for said in analysis.table["sentence"].values]
    rows.append(
        f"Under a prior that is 0 at 0, Gamma(2, 0.1), the mode of tau is {avoiding:.2f}: that is the prior's doing."
    )
    return "\n".join(rows)


def main(draws: int = 3000, num: int = 50, figures: Path = HERE / "figures") -> Analysis:
    """Fit, compare, print, save the pictures.

    Returns
    -------
    Analysis
        Everything that was computed.
    """
    schools = load_schools()
    analysis = analyse(schools, draws, num)
    print(report(analysis, mode_off_the_edge(schools)))
    for path in draw_figures(analysis, figures):
        print("saved", path)
    return analysis


if __name__ == "__main__":
    matplotlib.use("Agg")
    main()
