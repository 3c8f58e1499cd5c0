"""How much of an answer is the prior? A strong prior pulls, and the split says by how much.

Tobacco budworm moths, dead out of 20 by sex and log2 dose (Venables & Ripley, MASS, section 7.2). Two
analysts fit the same logistic regression: one with priors too wide to matter, one who expects all effects to
be small. Their data and their likelihood are the same; what differs is the posterior, and
`compare_with_posterior` says for each parameter how far the prior pulled it, how far integrating the
others out moved it after that, how far its mean is from its mode, and which share of the information was the prior's.

Run it with ``python examples/prior_pull.py``: it prints the sentences for both, and saves two pictures.
"""

from dataclasses import dataclass
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pandas as pd
import pymc as pm
import xarray as xr

import pymc_landscape as pml

HERE = Path(__file__).resolve().parent

WIDE, NARROW = 10.0, 0.5  # prior standard deviations of the two analysts
PUBLISHED = {"intercept": -3.47315529, "male": 1.10074335, "ldose": 1.06421396}


@dataclass
class Analysis:
    """One analyst's work."""

    table: xr.Dataset
    deviance: xr.Dataset
    curves: xr.Dataset
    path: xr.Dataset


def load_moths(path: Path = HERE / "data" / "budworm.csv") -> pd.DataFrame:
    """Read the data: `sex`, `ldose`, `n` and `dead`."""
    return pd.read_csv(path)


def build_model(moths: pd.DataFrame, prior_sd: float) -> pm.Model:
    """Build the logistic regression, all three coefficients with a normal prior about 0."""
    male, ldose = (moths["sex"] == "M").to_numpy(float), moths["ldose"].to_numpy(float)
    with pm.Model(coords={"effect": list(PUBLISHED)}) as model:
        b = pm.Normal("b", 0, prior_sd, dims="effect")
        logit = b[0] + b[1] * male + b[2] * ldose
        pm.Binomial("dead", n=moths["n"].to_numpy(), logit_p=logit, observed=moths["dead"].to_numpy())
    return model


def analyse(moths: pd.DataFrame, prior_sd: float, draws: int) -> Analysis:
    """Sample one analyst's model, and put its likelihood beside it."""
    model = build_model(moths, prior_sd)
    with model:
        dt = pm.sample(draws, tune=draws, chains=2, cores=1, random_seed=1, progressbar=False, quiet=True)
    fit = pml.fit_mle(model, progressbar=False)
    return Analysis(
        pml.compare_with_posterior(fit, dt, random_seed=1, progressbar=False),
        pml.posterior_deviance(fit, dt, progressbar=False),
        pml.four_curves(fit, dt, progressbar=False),
        pml.prior_path(model, progressbar=False),
    )


def draw_figures(strong: Analysis, folder: Path) -> list[Path]:
    """Save the narrow prior's comparison, and its four curves of each coefficient."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {
        "prior_pull": pml.plots.comparison(strong.table, backend="matplotlib"),
        "prior_pull_curves": pml.plots.four_curves(strong.curves, backend="matplotlib"),
    }
    titles = {
        "prior_pull": "A prior that is too narrow pulls each coefficient towards 0",
        "prior_pull_curves": "From the likelihood to the posterior: the prior moves the mode, averaging does the rest",
    }
    for name, picture in pictures.items():
        picture.add_title(titles[name])
        figure = picture.viz["figure"].item()
        figure.savefig(folder / f"{name}.png", dpi=110)
        plt.close(figure)
    return [folder / f"{name}.png" for name in pictures]


def report(name: str, analysis: Analysis) -> str:
    """Say in words what the numbers show."""
    said = "\n".join(f"  {sentence}" for sentence in analysis.table["sentence"].values)
    ends = analysis.path["mode"].sel(parameter="b[ldose]")
    return f"""
{name}:
{said}
  {analysis.deviance.attrs["message"]}
  The mode of b[ldose] under prior^w goes from {float(ends[0]):.3f} at w = 0 to {float(ends[-1]):.3f} at w = 1.
"""


def main(draws: int = 1000, figures: Path = HERE / "figures") -> dict[str, Analysis]:
    """Analyse with both priors, print what the split says, save the pictures.

    Returns
    -------
    dict of str to Analysis
        By name of the prior.
    """
    moths = load_moths()
    analyses = {
        f"a prior of {NARROW:g} about 0": analyse(moths, NARROW, draws),
        f"a prior of {WIDE:g} about 0": analyse(moths, WIDE, draws),
    }
    for name, analysis in analyses.items():
        print(report(name, analysis))
    for path in draw_figures(next(iter(analyses.values())), figures):
        print("saved", path)
    return analyses


if __name__ == "__main__":
    matplotlib.use("Agg")
    main()
