"""Random models from a small grammar: a family, predictors with awkward labels, priors, Deterministics, Potentials.

Each model of the grammar is compiled once; an example is new data and a new place in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
import pymc as pm
from hypothesis import strategies as st

import pymc_landscape as pml

ROWS, SOME = 12, 28
FAMILIES = ("normal", "laplace", "student", "poisson", "bernoulli", "gamma", "negative_binomial")
PRIORS = ("flat", "normal", "hierarchical")
LABELS = ("x[1]", "β, γ", "名 前")


@dataclass(frozen=True)
class Form:
    """One model of the grammar."""

    family: str
    predictors: int
    prior: str
    deterministic: bool
    potential: bool


@dataclass(frozen=True)
class Example:
    """A model with data of its own, and a place in it."""

    form: Form
    seed: int
    place: tuple[float, ...]

    @property
    def objective(self) -> pml.Objective:
        """The compiled model with this example's data."""
        return compiled(self.form).with_data(y=data(self.form, self.seed))

    @property
    def theta(self) -> np.ndarray:
        """The place, as long as the model needs."""
        return np.resize(np.array(self.place), compiled(self.form).size)


def every_form() -> list[Form]:
    """All models of the grammar."""
    parts = (FAMILIES, range(4), PRIORS, (False, True), (False, True))
    return [Form(*chosen) for chosen in product(*parts)]


def forms() -> st.SearchStrategy[Form]:
    """Some models of the grammar, as many as compile in a minute."""
    chosen = np.random.default_rng(7).permutation(len(every_form()))[:SOME]
    return st.sampled_from([every_form()[i] for i in chosen])


def examples(of: st.SearchStrategy[Form] | None = None) -> st.SearchStrategy[Example]:
    """Any data and place of any model."""
    place = st.tuples(*[st.floats(-1.5, 1.5, allow_subnormal=False)] * 6)
    return st.builds(Example, forms() if of is None else of, st.integers(0, 2**31), place)


def data(form: Form, seed: int) -> np.ndarray:
    """Data that the family allows."""
    rng = np.random.default_rng(seed)
    draw = {
        "poisson": lambda: rng.poisson(2.0, ROWS).astype(float),
        "negative_binomial": lambda: rng.negative_binomial(2, 0.4, ROWS).astype(float),
        "bernoulli": lambda: rng.binomial(1, 0.5, ROWS).astype(float),
        "gamma": lambda: rng.gamma(2.0, 1.0, ROWS) + 1e-3,
    }
    return draw.get(form.family, lambda: rng.normal(0.5, 1.0, ROWS))()


@cache
def design(predictors: int) -> np.ndarray:
    """Predictors, the same in all models."""
    return np.random.default_rng(predictors).normal(size=(ROWS, predictors))


@cache
def compiled(form: Form) -> pml.Objective:
    """The model's Objective, given its effects."""
    return pml.Objective(written(form), latent=(), potentials="prior" if form.potential else None)


def written(form: Form, scale: float = 1.0) -> pm.Model:
    """The model; with a `scale` the slopes are written in other units."""
    coords = {"predictor": LABELS[: form.predictors]} if form.predictors else {}
    with pm.Model(coords=coords) as model:
        mean = pm.Flat("a", initval=0.1) if form.prior == "flat" else pm.Normal("a", 0, 5)
        if form.predictors:
            mean = mean + scale * (design(form.predictors) @ _slopes(form))
        if form.deterministic:
            mean = pm.Deterministic("line", mean)
        if form.potential:
            pm.Potential("pull", -0.01 * mean.sum() ** 2)
        _likelihood(form, mean)
    return model


def _slopes(form: Form):
    if form.prior == "flat":
        return pm.Flat("b", dims="predictor", initval=np.full(form.predictors, 0.1))
    spread = pm.HalfNormal("spread", 2) if form.prior == "hierarchical" else 2.0
    return pm.Normal("b", 0, spread, dims="predictor")


def _likelihood(form: Form, mean) -> None:
    y = data(form, 1)
    if form.family == "poisson":
        pm.Poisson("y", pm.math.exp(mean), observed=y, shape=ROWS)
    elif form.family == "negative_binomial":
        pm.NegativeBinomial("y", mu=pm.math.exp(mean), alpha=pm.Exponential("s", 1), observed=y, shape=ROWS)
    elif form.family == "bernoulli":
        pm.Bernoulli("y", logit_p=mean, observed=y, shape=ROWS)
    elif form.family == "gamma":
        shape = pm.Exponential("s", 1)
        pm.Gamma("y", shape, shape / pm.math.exp(mean), observed=y, shape=ROWS)
    elif form.family == "student":
        pm.StudentT("y", nu=4.0, mu=mean, sigma=pm.Exponential("s", 1), observed=y, shape=ROWS)
    elif form.family == "laplace":
        pm.Laplace("y", mean, pm.Exponential("s", 1), observed=y, shape=ROWS)
    else:
        pm.Normal("y", mean, pm.Exponential("s", 1), observed=y, shape=ROWS)
