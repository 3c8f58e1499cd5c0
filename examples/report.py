"""One page about one model: budworm moths, their poison, and all that the package says of them.

Twenty moths of each sex were given each of six doses of a poison (Collett 1991; Venables & Ripley, *Modern Applied
Statistics with S*, section 7.2). A logistic regression of deaths on the dose, on the scale of doublings, and on sex has
three parameters. ``report`` fits it, and writes a page: the model's graph, estimates with the status of each interval's
end, the likelihood beside the posterior, profiles, joint regions, whether Wilks' theorem holds for so few moths, which
doses matter most, other optima, ridges, and the calls that make all of it again. The page is one file; it needs no
network, and prints.

What one writes in a paper stands in its verdict and in its tables. The page keeps the numbers too: ``to_datatree`` has
the Dataset of every verb behind it, from which the picture here is drawn.

Run it with ``python examples/report.py``: it prints the verdict and a sentence for a paper, and saves the page, and a
picture of its profiles.
"""

from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pymc as pm
import xarray as xr

import pymc_landscape as pml

HERE = Path(__file__).resolve().parent


def load_moths(path: Path = HERE / "data" / "budworm.csv") -> pd.DataFrame:
    """Read the data: `sex`, `ldose` (log₂ of the dose in µg), `n` moths, `dead`."""
    return pd.read_csv(path)


def build_model(moths: pd.DataFrame) -> pm.Model:
    """Build a logistic regression of deaths on sex and log dose, with weak priors."""
    male = (moths["sex"] == "M").to_numpy(float)
    with pm.Model(coords={"group": moths["sex"] + moths["ldose"].astype(str)}) as model:
        intercept, sex = pm.Normal("intercept", 0, 2.5), pm.Normal("male", 0, 2.5)
        dose = pm.Normal("dose", 0, 1)
        pm.Deterministic("lethal_dose", 2 ** (-intercept / dose))  # kills half of the females
        logit = intercept + sex * male + dose * moths["ldose"].to_numpy(float)
        pm.Binomial("deaths", n=moths["n"].to_numpy(), logit_p=logit, observed=moths["dead"].to_numpy(), dims="group")
    return model


def sentence(fit: pml.Fit, report: pml.Report, name: str) -> str:
    """Write what a paper says of one parameter: the estimate, its standard error and its profile interval."""
    intervals = report.to_datatree()["intervals"]["interval"]
    low, high = intervals.sel(parameter=name, interval_method="profile").to_numpy()
    estimate, error = float(fit.point[name]), float(fit.standard_error[name])
    odds, least, most = np.exp([estimate, low, high])
    return (
        f"The log odds of death rose by {estimate:.2f} (standard error {error:.2f}; 95 % profile interval {low:.2f} to "
        f"{high:.2f}) for each doubling of the dose, an odds ratio of {odds:.2f} ({least:.2f} to {most:.2f})."
    )


def main(draws: int = 1000, figures: Path = HERE / "figures") -> xr.DataTree:
    """Fit, sample, write the report, print what it says, save the page and a picture.

    Returns
    -------
    DataTree
        The numbers behind the page, a group a verb.
    """
    model = build_model(load_moths())
    fit = pml.fit_mle(model, progressbar=False)
    with model:
        dt = pm.sample(draws, chains=4, random_seed=1, quiet=True)
    report = pml.report(fit, dt, random_seed=1, progressbar=False)
    print(report)
    print()
    print(sentence(fit, report, "dose"))
    print("saved", report.save(figures / "report.html"))
    tree = report.to_datatree()
    picture = pml.plots.profile(tree, dt=dt, backend="matplotlib")
    picture.savefig(figures / "report_profiles.png", dpi=110)
    print("saved", figures / "report_profiles.png")
    return tree


if __name__ == "__main__":
    matplotlib.use("Agg")
    main()
