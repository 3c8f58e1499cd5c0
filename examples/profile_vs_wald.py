"""Where Wald's interval and the profile's part, and which of the two to believe.

Wald's interval is the estimate plus and minus so many standard errors: it takes -2LL for a parabola.
The profile asks how far -2LL really rises, on any scale. Four questions on real data:

- Puromycin (Bates & Watts 1988): the concentration K at half speed. The profile is lopsided, and so is
  its interval.
- Seeds that germinate (Crowder 1978): by how much do plates differ beyond chance? Perhaps not at all, so
  that theta has no upper end. Wald writes one down all the same.
- Dyestuff2 (Box & Tiao 1973): batches that do not differ at all. The estimate of their spread is on the
  edge, 0, where there is no standard error.
- None of ten: the estimate is 0, on the edge too.

How often does either hold what it claims? For 10 trials that can be counted out exactly, and
``coverage_study`` simulates it. Last, a band for the curve itself, from the profile and from the
posterior.

Run it with ``python examples/profile_vs_wald.py``: it prints the intervals, and saves the pictures.
"""

from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pymc as pm
import xarray as xr
from scipy import stats

import pymc_landscape as pml

HERE = Path(__file__).resolve().parent
TRIALS, CHANCE = 10, 0.7


def load_treated(path: Path = HERE / "data" / "puromycin.csv") -> pd.DataFrame:
    """Read the treated half of the data: `conc` and `rate`."""
    return pd.read_csv(path).query("state == 'treated'")


def load_yields(path: Path = HERE / "data" / "dyestuff.csv") -> np.ndarray:
    """Read the constructed set: 6 batches, 5 samples of each."""
    table = pd.read_csv(path).query("set == 'Dyestuff2'")
    return np.stack([group.to_numpy(float) for _, group in table.groupby("batch")["yield"]])


def enzyme(cells: pd.DataFrame, curve_at: np.ndarray | None = None) -> pm.Model:
    """Build Michaelis and Menten's curve with errors of unknown size; and the curve at some concentrations."""
    conc, rate = cells["conc"].to_numpy(float), cells["rate"].to_numpy(float)
    coords = {} if curve_at is None else {"at": curve_at.round(3)}
    with pm.Model(coords=coords) as model:
        vm, k = pm.HalfNormal("Vm", 500), pm.HalfNormal("K", 1)
        if curve_at is not None:
            pm.Deterministic("curve", vm * curve_at / (k + curve_at), dims="at")
        pm.Normal("rate", vm * conc / (k + conc), pm.HalfNormal("sigma", 50), observed=rate)
    return model


def batches(yields: np.ndarray) -> pm.Model:
    """Build one-way analysis of variance with the batches integrated out by hand: sums of squares say it all."""
    a, n = yields.shape
    within = ((yields - yields.mean(axis=1, keepdims=True)) ** 2).sum()
    means = yields.mean(axis=1)
    with pm.Model() as model:
        mu, sigma_b, sigma = pm.Normal("mu", 0, 20), pm.HalfNormal("sigma_b", 10), pm.HalfNormal("sigma", 10)
        wide = sigma**2 + n * sigma_b**2
        minus2ll = a * (n - 1) * pm.math.log(sigma**2) + a * pm.math.log(wide) + within / sigma**2
        minus2ll = minus2ll + n * ((means - mu) ** 2).sum() / wide + a * n * np.log(2 * np.pi)
        pm.Potential("yield", -0.5 * minus2ll)
    return model


def seeds(plates: pd.DataFrame) -> pm.Model:
    """Build beta-binomial germination: a chance for each dilution, and theta, infinite where plates are all alike."""
    dilution, names = pd.factorize(plates["dilution"])
    with pm.Model(coords={"dilution": names}) as model:
        chance, theta = pm.Beta("chance", 1, 1, dims="dilution"), pm.HalfCauchy("theta", 50)
        a, b = chance[dilution] * theta, (1 - chance[dilution]) * theta
        pm.BetaBinomial("germinated", a, b, n=plates["seeds"].to_numpy(), observed=plates["germinated"].to_numpy())
    return model


def trials(successes: int) -> pm.Model:
    """Build ten trials with one chance."""
    with pm.Model() as model:
        pm.Binomial("y", n=TRIALS, p=pm.Beta("p", 1, 1), observed=successes)
    return model


def both_intervals(model: pm.Model, name: str) -> xr.Dataset:
    """Fit, and return Wald's interval and the profile's of one parameter."""
    fit = pml.fit_mle(model, progressbar=False)
    return pml.confidence_intervals(fit, name, method=["wald", "profile"], progressbar=False)


def exact_coverage() -> dict[str, float]:
    """Sum over all eleven outcomes how often each interval holds the chance that made them."""
    k = np.arange(TRIALS + 1)
    weight = stats.binom.pmf(k, TRIALS, CHANCE)
    share = k / TRIALS
    wald = np.abs(share - CHANCE) <= stats.norm.ppf(0.975) * np.sqrt(share * (1 - share) / TRIALS)
    best = stats.binom.logpmf(k, TRIALS, share)
    profile = 2 * (best - stats.binom.logpmf(k, TRIALS, CHANCE)) <= pml.chi2_cutoff(0.95)
    return {"wald": float(weight[wald].sum()), "profile": float(weight[profile].sum())}


def draw_profiles(fit: pml.Fit, dt: xr.DataTree, folder: Path) -> list[Path]:
    """Save the profiles on both scales, and the intervals beside those of the posterior."""
    names = ["Vm", "K", "sigma"]
    profiles = pml.profile_likelihood(fit, names, progressbar=False)
    intervals = pml.confidence_intervals(fit, names, method=["wald", "profile"], progressbar=False)
    pictures = {
        "profile_vs_wald_rise": pml.plots.profile(profiles, dt=dt),
        "profile_vs_wald_zeta": pml.plots.profile(profiles, scale="zeta"),
        "profile_vs_wald_intervals": pml.plots.intervals(intervals, dt=dt),
    }
    titles = {
        "profile_vs_wald_rise": "Wald's parabola is no profile: the profile rises faster on one side",
        "profile_vs_wald_zeta": "The signed root ζ is straight where Wald is right, and bends where it is not",
        "profile_vs_wald_intervals": "Profile intervals are skewed as the posterior's are; Wald's never are",
    }
    for name, picture in pictures.items():
        picture.add_title(titles[name])
    return [_save(picture, folder / f"{name}.png") for name, picture in pictures.items()]


def draw_band(fit: pml.Fit, dt: xr.DataTree, cells: pd.DataFrame, folder: Path) -> Path:
    """Save the curve's band, by the profile and by the posterior."""
    band = pml.confidence_intervals(fit, "curve", progressbar=False)
    at = xr.DataArray(fit.derived["at"].to_numpy(), name="concentration")
    picture = pml.plots.band(band, x=at, dt=dt, data=(cells["conc"], cells["rate"]))
    picture.add_title("The curve's band by profiles, and by the posterior")
    return _save(picture, folder / "profile_vs_wald_band.png")


def _save(picture: object, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.savefig(path, dpi=110)  # type: ignore[attr-defined]
    plt.close("all")
    return path


def report(intervals: dict[str, xr.Dataset], coverage: xr.Dataset) -> str:
    """Say in words what came out."""
    rows = []
    for question, table in intervals.items():
        for method in ("wald", "profile"):
            row = table.isel(parameter=0).sel(interval_method=method)
            low, high = row["interval"].to_numpy()
            words = ", ".join(row["status"].to_numpy())
            rows.append(f"  {question:28s} {method:8s} ({low:9.4f}, {high:9.4f})   {words}")
            said = zip(row["bound"].values, row["message"].values, strict=True)
            rows += [f"    {end}: {why}" for end, why in said if why]
    exact = exact_coverage()
    simulated = {method: coverage.isel(parameter=0).sel(interval_method=method) for method in exact}
    counted = "\n".join(
        f"  {method:8s} {exact[method]:.4f} exactly, {float(counts['coverage']):.4f} "
        f"± {float(counts['coverage_se']):.4f} of {coverage.attrs['draws']} simulated"
        for method, counts in simulated.items()
    )
    return "\n".join(
        [
            "\n95 % intervals:",
            *rows,
            f"\nHow often a 95 % interval for {TRIALS} trials with chance {CHANCE} holds that chance:",
            counted,
        ]
    )


def main(
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 2,
    replicates: int = 2000,
    num: int = 30,
    figures: Path = HERE / "figures",
) -> xr.DataTree:
    """Compare the intervals, count coverage, draw the pictures.

    Returns
    -------
    DataTree
        The posterior of the enzyme, and groups `fit`, `intervals` (one a question) and `coverage`.
    """
    cells = load_treated()
    questions = {
        "Puromycin, K": (enzyme(cells), "K"),
        "Seeds, theta": (seeds(pd.read_csv(HERE / "data" / "orobanche.csv")), "theta"),
        "Dyestuff2, spread of batches": (batches(load_yields()), "sigma_b"),
        "None of ten, p": (trials(0), "p"),
    }
    intervals = {question: both_intervals(*asked) for question, asked in questions.items()}
    counted = pml.coverage_study(
        pml.fit_mle(trials(round(TRIALS * CHANCE)), progressbar=False),
        draws=replicates,
        random_seed=1,
        progressbar=False,
    )
    print(report(intervals, counted))
    model = enzyme(cells, np.linspace(0.02, 1.2, num))
    fit = pml.fit_mle(model, progressbar=False)
    with model:
        dt = pm.sample(draws, tune=tune, chains=chains, random_seed=1, quiet=True)
    for path in [*draw_profiles(fit, dt, figures), draw_band(fit, dt, cells, figures)]:
        print("saved", path)
    return pml.to_datatree(fit, *intervals.values(), counted, dt=dt)


if __name__ == "__main__":
    matplotlib.use("Agg")
    main()
