"""Does a behaviour improve the model? Wilks' theorem where it holds, and where it does not.

Twice the gain in log-likelihood of a larger model, LR = -2LL(null) - -2LL(alternative), follows
chi-squared with as many degrees of freedom as there are parameters more: if the null lies inside
the alternative, every other parameter still affects the likelihood there, and data are many (Wilks 1938).

- Budworm moths: does sex matter? All three hold.
- A normal mean from 3, 6 or 20 numbers: the third does not, and the law is known exactly.
- CDNOW customers: do customers leave? "Nobody leaves" is the edge of the model, and how customers
  differ in leaving means nothing there. The parametric bootstrap simulates the law instead.

Run it with ``python examples/wilks.py``: two minutes or so, most of it for the customers.
"""

import runpy
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
import xarray as xr
from scipy import stats

import pymc_landscape as pml

HERE = Path(__file__).resolve().parent
Test = pml.LikelihoodRatioTest

PUBLISHED_SEX = 10.22696843  # Venables & Ripley, MASS section 7.2; p = 0.00138402
PUBLISHED_LEAVING = 362.469323  # from the log-likelihoods of Fader, Hardie & Lee 2005
MIXTURE = (0.5, 0.5)  # of chi-squared 0 and 1: what one parameter on an edge would follow
SIZES = (3, 6, 20)


# --- regular: does sex matter? ---------------------------------------------------------------


def sex_test() -> Test:
    """Test whether male moths die at other doses than female ones."""
    moths = pd.read_csv(HERE / "data" / "budworm.csv")
    male = (moths["sex"] == "M").to_numpy(float)
    with pm.Model() as model:
        base, sex, slope = (pm.Normal(name, 0, 10) for name in ("base", "sex", "slope"))
        logit = base + sex * male + slope * moths["ldose"].to_numpy(float)
        pm.Binomial("dead", n=moths["n"].to_numpy(), logit_p=logit, observed=moths["dead"].to_numpy())
    return pml.likelihood_ratio_test(pm.do(model, {"sex": 0.0}), model, progressbar=False)


# --- few data: the law of a normal mean -------------------------------------------------------


def mean_test(n: int, draws: int, random_seed: int) -> Test:
    """Test whether the mean of n numbers is 0, by simulation under the null."""
    y = np.random.default_rng(random_seed).normal(size=n)
    with pm.Model() as model:
        pm.Normal("y", pm.Normal("mu", 0, 10), pm.HalfNormal("sigma", 10), observed=y)
    null = pm.do(model, {"mu": 0.0})
    return pml.likelihood_ratio_test(
        null, model, reference="bootstrap", draws=draws, random_seed=random_seed, progressbar=False
    )


def exact_quantile(level: float, n: int) -> float:
    """Quantile of LR = n log(1 + t^2 / (n - 1)), with Student's t on n - 1 degrees of freedom."""
    t = stats.t(n - 1).ppf(0.5 + level / 2)
    return float(n * np.log1p(t**2 / (n - 1)))


def exact_beyond(cutoff: float, n: int) -> float:
    """Chance that LR exceeds a cut-off."""
    return float(2 * stats.t(n - 1).sf(np.sqrt((n - 1) * np.expm1(cutoff / n))))


# --- an edge where something vanishes: do customers leave? ------------------------------------


def log_likelihood(history: Any, r: Any, alpha: Any, leaving: Any, spread: Any, age: Any) -> Any:
    """Log-likelihood of each history under BG/NBD, with its edges among the parameters' values.

    The example ``user_behavior`` has the published parameters a and b. Here `leaving` = a / (a + b)
    is the mean chance to leave after a purchase, and `spread` = 1 / (1 + a + b) how customers differ
    in it: 0 if all have the same chance, 1 if some leave at once and the others never. Both lie
    between 0 and 1, ends included, and `leaving` = 0 is the model in which nobody leaves. On the
    scale of a and b that would be infinitely far away, where the gamma functions lose all digits.
    So ratios of gamma functions are written as what they are: products of x factors.
    """
    x, last = history[..., 0], history[..., 1]
    j = pt.arange(x.max())  # the purchase after which one may leave, from 0
    made = (j < x[..., None]).astype("float64")
    latest = pt.eq(j, x[..., None] - 1).astype("float64")
    # bought x times in `age` weeks, had nobody left
    bought = made @ pt.log(r + j) + r * pt.log(alpha) - (r + x) * pt.log(alpha + age)
    # chance to leave, of those who have stayed so long
    alike = leaving * (1 - spread) / (1 - spread + spread * pt.maximum(j, 1))
    chance = pt.switch(j > 0, alike, leaving)
    stayed = made @ pt.log1p(-chance)
    # odds of having left after the last purchase
    silent = pt.exp(pt.minimum((r + x) * (pt.log(alpha + age) - pt.log(alpha + last)), 700.0))
    return bought + stayed + pt.log1p(latest @ (chance / (1 - chance)) * silent)


def simulate(
    r: Any, alpha: Any, leaving: Any, spread: Any, age: Any, *,
    rng: np.random.Generator, size: Any = None,
) -> np.ndarray:  # fmt: skip
    """Draw histories of customers who behave so; the example `user_behavior` does the work."""
    alike = (1 - spread) / np.maximum(spread, 1e-9)  # a + b
    a, b = (np.maximum(share * alike, 1e-9) for share in (leaving, 1 - leaving))
    return user_behavior()["simulate"](r, alpha, a, b, age, rng=rng, size=size)


def build_model(customers: pd.DataFrame) -> pm.Model:
    """Build BG/NBD for one row a customer."""
    age = customers["age_weeks"].to_numpy(float)
    with pm.Model() as model:
        r, alpha = pm.LogNormal("r", 0, 1), pm.LogNormal("alpha", np.log(10), 1)
        leaving, spread = pm.Uniform("leaving", 0, 1), pm.Uniform("spread", 0, 1)
        pm.CustomDist(
            "history", r, alpha, leaving, spread, age,
            logp=log_likelihood, random=simulate, signature="(),(),(),(),()->(2)",
            observed=customers[["frequency", "recency_weeks"]].to_numpy(float),
        )  # fmt: skip
    return model


def nobody_leaves(model: pm.Model) -> pm.Model:
    """Return the null, NBD. Which value `spread` has there makes no difference."""
    return pm.do(model, {"leaving": 0.0, "spread": 0.5})


def leaving_test(customers: pd.DataFrame, draws: int, random_seed: int) -> Test:
    """Test whether some customers leave. Nothing says which law to use: it is found out."""
    model = build_model(customers)
    return pml.likelihood_ratio_test(
        nobody_leaves(model), model, draws=draws, random_seed=random_seed, progressbar=False
    )


@cache
def user_behavior() -> Mapping[str, Any]:
    """Read the other example about these customers."""
    return runpy.run_path(str(HERE / "user_behavior.py"))


# --- what came out -----------------------------------------------------------------------------


def draw_figures(leaving: Test, means: Mapping[int, Test], folder: Path) -> list[Path]:
    """Save the simulated law of the customers against two others, and that of the means against n."""
    folder.mkdir(parents=True, exist_ok=True)
    several = {f"n = {n}": simulated(test) for n, test in means.items()}
    pictures = {
        "wilks_leaving_chi2": pml.plots.wilks_qq(leaving, df=2, backend="matplotlib"),
        "wilks_leaving_mixture": pml.plots.wilks_qq(leaving, weights=MIXTURE, backend="matplotlib"),
        "wilks_sample_size": pml.plots.wilks_qq(several, df=1, backend="matplotlib"),
    }
    titles = {
        "wilks_leaving_chi2": "Under the null no χ² with two degrees of freedom: the test would be far too strict",
        "wilks_leaving_mixture": "Nor half of χ² with one: fewer are 0, and the tail is longer",
        "wilks_sample_size": "The fewer the data, the longer the tail; Wilks' law is the limit",
    }
    for name, picture in pictures.items():
        picture.add_title(titles[name])
    paths = [folder / f"{name}.png" for name in pictures]
    for path, picture in zip(paths, pictures.values(), strict=True):
        picture.savefig(path, dpi=110)
    return paths


def simulated(test: Test) -> xr.Dataset:
    """Return the simulated law alone, without the statistic that was observed."""
    return xr.Dataset({"delta_minus2ll": (("chain", "draw"), test.draws[None])})


def mean_rows(means: Mapping[int, Test]) -> str:
    """Write a line for each n: the simulated 95 % quantile and the exact one, and what 3.84 lets through."""
    cutoff = pml.chi2_cutoff(0.95)
    return "\n".join(
        f"  {n:>3} {np.quantile(test.draws, 0.95):>13.2f} {exact_quantile(0.95, n):>8.2f}"
        f" {np.mean(test.draws > cutoff):>13.1%} {exact_beyond(cutoff, n):>8.1%}"
        for n, test in means.items()
    )


def report(sex: Test, means: Mapping[int, Test], leaving: Test) -> str:
    """Say in words what the numbers show."""
    law, n = leaving.draws, len(leaving.draws)
    mixed = pml.chi2_cutoff(0.90)  # half of chi-squared 1 lies beyond it in 5 %
    return f"""
Does sex matter to budworm moths?
  {sex}
  (published {PUBLISHED_SEX})

Is the mean of n numbers 0? {len(next(iter(means.values())).draws)} data sets each, simulated under the null.
    n   95 % quantile    exact   beyond 3.84    exact
{mean_rows(means)}
With few data LR is stretched, and chi-squared rejects too often.

Do customers leave?
  {leaving}
  (published {PUBLISHED_LEAVING})
The law of LR where nobody leaves, in {n} simulated sets of customers,
whose shares are known to within {np.sqrt(0.25 / n):.0%} (one standard error at most):
  0                               {np.mean(law == 0):>6.0%}   (chi-squared 0 %, mixture 50 %)
  95 % quantile                   {np.quantile(law, 0.95):>6.2f}   (chi-squared_2 {pml.chi2_cutoff(0.95, df=2):.2f}, \
chi-squared_1 {pml.chi2_cutoff(0.95):.2f}, mixture {mixed:.2f})
  largest                         {law.max():>6.2f}
Chi-squared with two degrees of freedom would be far too strict. One parameter on an edge would be
half of chi-squared_1; but `spread`, which means nothing under the null, lets the alternative choose
what fits the noise best. So there are fewer zeros, and the tail lies between the two. None of this
touches the answer for these customers. It would for one whose LR were 4.
"""


def main(
    draws: int = 79,
    draws_mean: int = 299,
    customers: pd.DataFrame | None = None,
    figures: Path = HERE / "figures",
    random_seed: int = 1938,
) -> dict[str, Test]:
    """Make the tests, print what they show, save the figures.

    Returns
    -------
    dict
        By name: ``"sex"``, ``"leaving"``, and ``"mean of 3"`` and so on.
    """
    people = user_behavior()["load_customers"]() if customers is None else customers
    sex = sex_test()
    means = {n: mean_test(n, draws_mean, random_seed) for n in SIZES}
    leaving = leaving_test(people, draws, random_seed)
    print(report(sex, means, leaving))
    for path in draw_figures(leaving, means, figures):
        print("saved", path)
    return {"sex": sex, "leaving": leaving, **{f"mean of {n}": test for n, test in means.items()}}


if __name__ == "__main__":
    matplotlib.use("Agg")
    main()
